//! The whole document, with a line's end. Devices and conversations are made and written one at a time.

use super::{Contents, pieces};
use inventory::Document;
use inventory::document::{Coverage, Finding, Producer, Protection, SourceRecord};
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How it is laid out. The values are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Two spaces a level: for eyes.
    Indented,
    /// Devices, conversations and certificates a line each: for programs, and two fifths shorter.
    Lines,
}

/// What stands before the devices.
#[derive(Serialize)]
struct Head<'d> {
    schema: &'d str,
    producer: &'d Producer,
    as_of: &'d Option<String>,
    complete: bool,
    limits_hit: &'d [String],
    sources: &'d [SourceRecord],
    coverage: &'d Coverage,
    findings: &'d [Finding],
    protection: &'d BTreeMap<String, Protection>,
}

/// Writes it.
///
/// # Errors
/// If the output cannot be written.
pub fn write(contents: &dyn Contents, workers: usize, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let document = contents.head();
    // By name, so that nothing that is added to a document is forgotten here.
    let Document {
        schema,
        producer,
        as_of,
        complete,
        limits_hit,
        sources,
        coverage,
        findings,
        protection,
        devices: _,
        conversations: _,
        certificates: _,
    } = document;
    let head = Head { schema, producer, as_of, complete: *complete, limits_hit, sources, coverage, findings, protection };
    let mut bytes = Vec::new();
    indented(&head, 0, &mut bytes)?;
    // The object goes on: its end, and the line's before it, come last.
    bytes.truncate(bytes.len() - 2);
    out.write_all(&bytes)?;
    let device = |number, out: &mut Vec<u8>| contents.device(number).map_or(Ok(()), |device| element(number, &*device, layout, out));
    array("devices", contents.devices(), (workers, layout), &device, out)?;
    let conversation = |number, out: &mut Vec<u8>| contents.conversation(number).map_or(Ok(()), |one| element(number, &*one, layout, out));
    array("conversations", contents.conversations(), (workers, layout), &conversation, out)?;
    let certificate = |number: usize, out: &mut Vec<u8>| document.certificates.get(number).map_or(Ok(()), |one| element(number, one, layout, out));
    array("certificates", document.certificates.len(), (workers, layout), &certificate, out)?;
    out.write_all(b"\n}\n")
}

/// One more member of the document: an array.
fn array(name: &str, length: usize, (workers, layout): (usize, Layout), make: pieces::Make<'_>, out: &mut dyn Write) -> io::Result<()> {
    write!(out, ",\n  \"{name}\": [")?;
    pieces::write(length, workers, make, out)?;
    out.write_all(match layout {
        _ if length == 0 => b"]",
        Layout::Indented => b"\n  ]",
        Layout::Lines => b"\n]",
    })
}

/// An element of such an array.
fn element<T: Serialize>(number: usize, value: &T, layout: Layout, out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
    match layout {
        Layout::Lines => sonic_rs::to_writer(out, value).map_err(io::Error::other),
        Layout::Indented => {
            out.extend_from_slice(b"    ");
            indented(value, 2, out)
        }
    }
}

fn indented<T: Serialize>(value: &T, depth: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Indented { depth, filled: false });
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// As `serde_json`'s own, two spaces a level, but a line's beginning is written at once.
struct Indented {
    depth: usize,
    /// The array or object that ends has something in it.
    filled: bool,
}

/// A line's end and the spaces of the deepest line, with a comma before it.
const LINE: &[u8] = b",\n                                                                ";

/// Begins a line of a depth that is listed: of a text whose length is known the copy is a few instructions, and most of what is written
/// are lines' beginnings.
macro_rules! known_lines {
    ($depth:expr, $comma:expr, $out:expr, [$($number:literal => $spaces:literal),*]) => {
        match ($depth, $comma) {
            $(($number, true) => return $out.write_all(concat!(",\n", $spaces).as_bytes()),
            ($number, false) => return $out.write_all(concat!("\n", $spaces).as_bytes()),)*
            _ => {}
        }
    };
}

impl Indented {
    /// Begins a line, after a comma or not.
    fn line<W: ?Sized + Write>(&self, comma: bool, out: &mut W) -> io::Result<()> {
        known_lines!(self.depth, comma, out, [
            2 => "    ", 3 => "      ", 4 => "        ", 5 => "          ", 6 => "            ", 7 => "              ", 8 => "                "
        ]);
        let end = 2 + 2 * self.depth;
        out.write_all(LINE.get(usize::from(!comma)..end).unwrap_or(LINE))?;
        (LINE.len()..end).try_for_each(|_| out.write_all(b" "))
    }

    fn begin<W: ?Sized + Write>(&mut self, bracket: &[u8], out: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(bracket)
    }

    fn end<W: ?Sized + Write>(&mut self, bracket: &[u8], out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.filled {
            self.line(false, out)?;
        }
        out.write_all(bracket)
    }
}

impl Formatter for Indented {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(b"[", out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(b"]", out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(!first, out)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(b"{", out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(b"}", out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(!first, out)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory::document::{Certificate, Conversation, Device};

    #[test]
    fn it_is_what_serde_would_write_of_the_whole() {
        let mut document = Document::default();
        for filled in [false, true] {
            if filled {
                let device = |id: &str| Device { id: id.into(), macs: vec!["a".into(), "b\"".into()], ..Device::default() };
                document.devices = vec![device("1"), device("2")];
                document.conversations = vec![Conversation { operations: [("x".to_owned(), 1)].into(), ..Conversation::default() }];
                document.certificates = vec![Certificate::default(), Certificate::default()];
                document.findings = vec![Finding { rule: "X-1".into(), devices: vec!["1".into()], ..Finding::default() }];
                document.protection = [("x".to_owned(), Protection { known: 1, ..Protection::default() })].into();
                document.coverage.opaque_bytes = [("tcp/1".to_owned(), 2)].into();
            }
            let written = |layout| {
                let mut out = Vec::new();
                write(&document, 1, layout, &mut out).unwrap();
                String::from_utf8(out).unwrap()
            };
            assert_eq!(written(Layout::Indented), serde_json::to_string_pretty(&document).unwrap() + "\n");
            let lines = written(Layout::Lines);
            assert_eq!(serde_json::from_str::<Document>(&lines).unwrap(), document);
            let devices = lines.lines().filter(|line| line.starts_with("{\"id\":")).count();
            assert_eq!(devices, document.devices.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_device_calls_itself_is_written_as_serde_would(names: Vec<String>, key: String) {
            let device = Device { hostnames: names, annotations: [(key.clone(), key)].into(), ..Device::default() };
            let mut out = Vec::new();
            element(0, &device, Layout::Lines, &mut out).unwrap();
            proptest::prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\n{}", serde_json::to_string(&device).unwrap()));
        }
    }
}
