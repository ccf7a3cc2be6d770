//! The whole document, indented, with a line's end.

use inventory::Document;
use std::io::{self, Write};

/// Writes it.
///
/// # Errors
/// If the output cannot be written.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}
