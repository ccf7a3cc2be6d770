//! `devices`: who is there, as a table.

use super::Done;
use super::input::From;
use super::output::Output;
use crate::export::Format;
use std::path::PathBuf;

/// Lists the devices of a database, of captures or of a JSON document.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus devices --db plant.db
  wirecensus devices capture.pcapng")]
pub(super) struct Devices {
    /// Databases and captures, or one JSON document.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    from: From,
}

impl Devices {
    pub(super) fn run(&self) -> Done {
        self.from.inventory(&self.files, |contents, workers| Output::open(None)?.inventory(Format::Table, contents, workers))
    }
}
