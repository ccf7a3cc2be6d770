//! One JSON object a line, each with its `record`: the document's head first, then devices, conversations and certificates.

use super::{Contents, pieces};
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
pub fn write(contents: &dyn Contents, workers: usize, out: &mut dyn Write) -> io::Result<()> {
    let Document { schema, producer, as_of, complete, limits_hit, sources, coverage, findings, protection, .. } = contents.head().clone();
    let head = Document { schema, producer, as_of, complete, limits_hit, sources, coverage, findings, protection, ..Document::default() };
    let mut bytes = Vec::new();
    line("inventory", &head, &mut bytes)?;
    out.write_all(&bytes)?;
    let device = |number, out: &mut Vec<u8>| contents.device(number).map_or(Ok(()), |device| line("device", &*device, out));
    pieces::write(contents.devices(), workers, &device, out)?;
    let conversation = |number, out: &mut Vec<u8>| contents.conversation(number).map_or(Ok(()), |one| line("conversation", &*one, out));
    pieces::write(contents.conversations(), workers, &conversation, out)?;
    for certificate in &contents.head().certificates {
        bytes.clear();
        line("certificate", certificate, &mut bytes)?;
        out.write_all(&bytes)?;
    }
    Ok(())
}

fn line<T: Serialize>(record: &'static str, value: &T, out: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Line { record, value })?;
    out.push(b'\n');
    Ok(())
}
