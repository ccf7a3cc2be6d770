//! One JSON object a line, each with its `record`: the document's head first, then devices, conversations and certificates.

use inventory::Document;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Line<'d, T: Serialize> {
    record: &'static str,
    #[serde(flatten)]
    value: &'d T,
}

/// Writes it.
///
/// # Errors
/// If the output cannot be written.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let head = Document { devices: Vec::new(), conversations: Vec::new(), certificates: Vec::new(), ..document.clone() };
    line("inventory", &head, out)?;
    for device in &document.devices {
        line("device", device, out)?;
    }
    for conversation in &document.conversations {
        line("conversation", conversation, out)?;
    }
    for certificate in &document.certificates {
        line("certificate", certificate, out)?;
    }
    Ok(())
}

fn line<T: Serialize>(record: &'static str, value: &T, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Line { record, value })?;
    out.write_all(b"\n")
}
