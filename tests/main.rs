//! Tests that walk the whole product: every capture of `pcaps/`, every row of the registry, every format of the command line.
//!
//! | module | holds |
//! |---|---|
//! | `flood` | strangers without number: memory, who was known, the finding |
//! | `golden` | the document of each capture, as text, against `tests/golden/` |
//! | `evidence` | each declared value cut out of its capture by a script of its own, and the schema |
//! | `findings` | each rule is triggered, its near misses are not |
//! | `registry` | what is asked of every dissector |
//! | `determinism` | workers, order, packing and cuts change nothing |
//! | `promise` | the millionth poll is watched as the first |
//! | `cli` | what the command says and how it ends |
//! | `daemon` | its configuration, and what it refuses |
//! | `daemon_ports` | a port that stays mute, comes back, and gives what replay gives |
//! | `daemon_state` | its configuration read again, somebody forgotten, secrets handed over |
//! | `cli_database` | databases: killed, completed, decided upon, compared |
//! | `lab_truth` | the devices of the lab's larger plant, each found once |
//! | `hostile` | names made to harm a terminal, a page or a spreadsheet |
//! | `secrets` | no secret of the lab in anything that comes out |
//! | `planted` | a secret in every protocol that carries one, and in nothing that comes out |
//! | `strength` | what counts as protected, and how that changes |
//! | `enrollment` | from a capture to a delivered proposal, with the keys of two people |
//! | `events` | what joins a database is told once, and whom |
//! | `proposals` | what is proposed, held against the published schema |
//! | `whole_way` | from a capture to an identity of a running vault that is seen to be used |
//! | `sensors` | a sensor and people on other hosts, a registrar that listens, and a running vault |
//! | `units` | what comes for systemd is understood, and grants little |
//! | `architecture` | which crate and which module may know which |
//! | `captures`, `command`, `packets` | what the others share |

mod architecture;
mod captures;
mod cli;
mod cli_database;
mod command;
mod daemon;
#[cfg(all(feature = "pcap-live", target_os = "linux"))]
mod daemon_ports;
mod daemon_state;
mod determinism;
mod enrollment;
mod events;
mod evidence;
mod findings;
mod flood;
mod golden;
mod hostile;
mod lab_truth;
mod packets;
mod planted;
mod promise;
mod proposals;
mod registry;
mod secrets;
mod sensors;
mod strength;
mod units;
mod whole_way;
