//! Where answers go: standard output or a file. Whoever closes standard output early has seen enough.

use super::{Done, Failure};
use crate::export::json::Layout;
use crate::export::{Contents, Format, Heading};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// An open output.
pub(super) struct Output {
    out: Box<dyn Write>,
    name: String,
    /// JSON is laid out for programs, unless a terminal shows it or that is wished.
    pub(super) layout: Layout,
}

impl Output {
    /// A file, or standard output.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            let layout = if io::stdout().is_terminal() { Layout::Indented } else { Layout::Lines };
            return Ok(Self { out: Box::new(BufWriter::new(io::stdout().lock())), name: "standard output".to_owned(), layout });
        };
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| Failure::new(format!("{name}: {error}")))?;
        Ok(Self { out: Box::new(BufWriter::new(file)), name, layout: Layout::Lines })
    }

    /// Writes a text.
    pub(super) fn text(&mut self, text: &str) -> Done {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        unless_closed(written, &self.name)
    }

    /// Writes an inventory, made by so many threads.
    pub(super) fn inventory(&mut self, format: Format, contents: &dyn Contents, workers: usize) -> Done {
        self.inventory_under(&Heading::default(), format, contents, workers)
    }

    /// The same, with what stands above it.
    pub(super) fn inventory_under(&mut self, heading: &Heading, format: Format, contents: &dyn Contents, workers: usize) -> Done {
        let written = format.write_under(heading, contents, workers, self.layout, &mut self.out).and_then(|()| self.out.flush());
        unless_closed(written, &self.name)
    }
}

/// Prints an answer.
pub(super) fn answer(text: &str) -> Done {
    let mut out = io::stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()), "standard output")
}

/// A closed pipe is no failure.
pub(super) fn unless_closed(written: io::Result<()>, name: &str) -> Done {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!("{name}: {error}"))),
        _ => Ok(ExitCode::SUCCESS),
    }
}
