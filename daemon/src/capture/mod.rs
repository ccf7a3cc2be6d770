//! Where packets come from: capture files in every usual form, and network interfaces.
//!
//! | module | is |
//! |---|---|
//! | [`block`] | [`Block`]: many packets in one buffer; [`Blocks`]: what gives them; [`Damage`] |
//! | [`mod@format`] | what a file is, by its first bytes |
//! | [`input`] | opening and unpacking |
//! | `pcap`, `pcapng` | the walks over records where they lie |
//! | [`mod@file`] | [`FileReader`]: one file |
//! | `merge` | several files as one source |
//! | [`filter`] | `--bpf` |
//! | [`reader`] | [`Reader`]: a source as the pipeline reads it, with its key |
//! | [`mod@plan`] | from files and folders to sources |
//! | [`sources`], [`segments`] | `--sources FILE.toml`; which segment a VLAN is |
//! | [`report`] | `--plan` |
//! | [`record`] | `--record FILE`: a live capture that is also written down |
//! | [`months`] | a live capture by months of packet time |
//! | [`interfaces`], `live` | network interfaces |
//! | `returning` | a live capture that survives its interface |
//! | [`over_ip`], [`tls`] | captures that another machine sends |
//! | [`spool`] | a folder into which others put captures |
//! | [`condition`] | whether a source hears what it should |
//! | [`mute`] | whether a port that only listens sends |
//! | [`mirror`], [`probe`] | what a mirror shows of conversations, and whether it is one |
//! | [`text`] | names, numbers and times for people |
//!
//! Every byte of a capture may come from an attacker: lengths are bounded, damage ends a file with its place and reason, and what was read
//! before stands.

pub mod block;
pub mod condition;
pub mod file;
pub mod filter;
pub mod format;
pub mod input;
pub mod interfaces;
#[cfg(feature = "pcap-live")]
pub mod live;
mod merge;
pub mod mirror;
pub mod months;
pub mod mute;
pub mod over_ip;
mod pcap;
mod pcapng;
pub mod plan;
pub mod probe;
pub mod reader;
pub mod record;
pub mod report;
#[cfg(feature = "pcap-live")]
pub mod returning;
pub mod segments;
pub mod sources;
pub mod spool;
pub mod text;
pub mod tls;
mod walk;

#[cfg(test)]
mod tests;

pub use block::{BLOCK_BYTES, Block, Blocks, Damage, Health, MAX_SNAPLEN, Reason, Record};
pub use file::{FileReader, completeness, sha256};
pub use filter::Filter;
pub use input::{OpenError, Progress, STDIN, Why};
pub use months::Months;
pub use plan::{Plan, PlanOptions, PlannedPart, PlannedSource, Skipped, plan};
pub use reader::{Counts, Direction, Reader, Settings, open, open_reader};
pub use record::Recorded;
pub use report::plan_report;
pub use segments::Segments;
pub use sources::SourcesFile;
