//! `export`: an inventory in another form.

use super::Done;
use super::input::From;
use super::output::Output;
use super::shape::Shape;
use crate::export::Format;
use std::path::PathBuf;

/// Writes the inventory of a database, of captures or of a JSON document in another form.
///
/// Several databases and captures are joined first: any order and grouping gives the same inventory.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus export --db plant.db --format csv --output plant.csv
  wirecensus export plant.json --format table
  wirecensus export --db plant.db --format html --engagement \"Line 3\" --output report.html
  wirecensus export --db plant.db --redact --output for-the-vendor.json
  wirecensus export cell-1.db cell-2.db --format json")]
pub(super) struct Export {
    /// Databases and captures, or one JSON document.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the inventory is written.
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    /// Writes to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    from: From,
}

impl Export {
    pub(super) fn run(&self) -> Done {
        // The output may be one of the files that are read: it is opened last.
        self.from.inventory(&self.files, |contents, workers| {
            let mut out = Output::open(self.output.as_deref())?;
            self.shape.write(&mut out, self.format, contents, workers, self.from.site_key.as_deref())
        })
    }
}
