//! Exports: one file a format, all from the document.

pub mod csv;
pub mod html;
pub mod json;
pub mod ndjson;
pub mod pieces;
mod redact;
pub mod sarif;
pub mod table;

pub use html::Heading;
use inventory::document::{Conversation, Device};
use inventory::{Document, Outline};
pub use redact::Redacted;
use std::borrow::Cow;
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
    /// Findings, as static analysis tools give theirs (SARIF 2.1.0).
    Sarif,
    /// A report to hand on, as one page that needs nothing else.
    Html,
}

/// What is exported: a document, or the outline of one whose devices are made as they are written.
pub trait Contents: Sync {
    /// The document, whose devices and conversations may be missing.
    fn head(&self) -> &Document;
    /// How many devices there are.
    fn devices(&self) -> usize;
    /// One by its place in the order of ids.
    fn device(&self, number: usize) -> Option<Cow<'_, Device>>;
    /// How many conversations there are.
    fn conversations(&self) -> usize;
    /// One by its place in their order.
    fn conversation(&self, number: usize) -> Option<Cow<'_, Conversation>>;
    /// The whole.
    fn whole(&self) -> Cow<'_, Document>;
}

impl Contents for Document {
    fn head(&self) -> &Document {
        self
    }

    fn devices(&self) -> usize {
        self.devices.len()
    }

    fn device(&self, number: usize) -> Option<Cow<'_, Device>> {
        self.devices.get(number).map(Cow::Borrowed)
    }

    fn conversations(&self) -> usize {
        self.conversations.len()
    }

    fn conversation(&self, number: usize) -> Option<Cow<'_, Conversation>> {
        self.conversations.get(number).map(Cow::Borrowed)
    }

    fn whole(&self) -> Cow<'_, Document> {
        Cow::Borrowed(self)
    }
}

impl Contents for Outline<'_> {
    fn head(&self) -> &Document {
        Outline::head(self)
    }

    fn devices(&self) -> usize {
        Outline::devices(self)
    }

    fn device(&self, number: usize) -> Option<Cow<'_, Device>> {
        Outline::device(self, number).map(Cow::Owned)
    }

    fn conversations(&self) -> usize {
        Outline::conversations(self)
    }

    fn conversation(&self, number: usize) -> Option<Cow<'_, Conversation>> {
        Some(Cow::Owned(Outline::conversation(self, number)))
    }

    fn whole(&self) -> Cow<'_, Document> {
        Cow::Owned(self.document())
    }
}

impl Format {
    /// Writes an inventory; as many threads make what is written as there are `workers`.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn write(self, contents: &dyn Contents, workers: usize, out: &mut dyn Write) -> io::Result<()> {
        self.write_under(&Heading::default(), contents, workers, json::Layout::Indented, out)
    }

    /// The same, with what stands above it where the format has a place for that, and JSON in a layout.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn write_under(
        self,
        heading: &Heading,
        contents: &dyn Contents,
        workers: usize,
        layout: json::Layout,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self {
            Self::Table => table::write(&contents.whole(), out),
            Self::Json => json::write(contents, workers, layout, out),
            Self::Ndjson => ndjson::write(contents, workers, out),
            Self::Csv => csv::write(contents, workers, out),
            Self::Sarif => sarif::write(contents, out),
            Self::Html => html::write(heading, contents, workers, out),
        }
    }
}

/// An attribute's value, or nothing.
fn attribute<'d>(device: &'d Device, name: &str) -> &'d str {
    device.attributes.get(name).map_or("", |record| &record.value)
}
