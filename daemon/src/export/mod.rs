//! Exports: one file a format, all from the document.

pub mod csv;
pub mod json;
pub mod ndjson;
pub mod table;

use inventory::Document;
use std::io::{self, Write};

/// A format of `--format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// For a terminal: the columns that matter.
    Table,
    /// The whole document.
    Json,
    /// One JSON object a line: devices, conversations, certificates.
    Ndjson,
    /// Devices, one a row.
    Csv,
}

impl Format {
    /// Writes the document.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn write(self, document: &Document, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Table => table::write(document, out),
            Self::Json => json::write(document, out),
            Self::Ndjson => ndjson::write(document, out),
            Self::Csv => csv::write(document, out),
        }
    }
}

/// An attribute's value, or nothing.
fn attribute<'d>(device: &'d inventory::document::Device, name: &str) -> &'d str {
    device.attributes.get(name).map_or("", |record| &record.value)
}
