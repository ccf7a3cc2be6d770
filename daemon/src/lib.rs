//! The daemon's library: sources, pipeline, store, exports and commands. The only crate with I/O.
//!
//! | module | is |
//! |---|---|
//! | [`capture`] | where packets come from: files and interfaces |
//! | [`pipeline`] | source → workers → what was said |
//! | [`store`] | what was said, decided and derived, in one SQLite file |
//! | [`policy`] | what an operator knows: zones, severities, lists of managed devices |
//! | [`export`] | one file a format |
//! | [`events`] | what happened since the last look, and whom it is told |
//! | [`cli`] | one file a subcommand |
//! | [`config`] | `wirecensus.toml` |
//! | [`feeds`] | what the daemon reads beside interfaces |
//! | [`written`] | TOML files that people write: what is wrong in one |
//! | [`operation`] | what keeps a daemon trustworthy for weeks: logs, figures, rights given up |
//! | [`api`] | metrics and health over HTTP |
//! | [`clock`] | operational time |
//! | [`tags`] | the site key, under which captured secrets are tagged |

pub mod api;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod config;
pub mod events;
pub mod export;
pub mod feeds;
pub mod limits;
pub mod operation;
pub mod pipeline;
pub mod policy;
pub mod store;
pub mod tags;
pub mod written;
