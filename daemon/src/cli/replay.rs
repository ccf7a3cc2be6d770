//! `replay`: captures to an inventory.

use super::findings::Gate;
use super::output::Output;
use super::reading::{ReadAll, Reading, tagger};
use super::shape::Shape;
use super::{Done, Failure};
use crate::capture::report::plan_report;
use crate::export::Format;
use crate::pipeline::stopwatch::{Stage, timed};
use crate::store::{Store, Writer};
use inventory::View;
use inventory::decision::Decisions;
use observations::Said;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

/// Reads captures and prints the inventory.
///
/// A capture is pcap or pcapng, plain or packed with gzip, zstd or xz; a folder is read with all that it holds; `-` is standard input.
/// Each file is a source of its own, unless `--as-one`. With `--db` the inventory that is printed is that of the whole database.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus replay capture.pcapng
  wirecensus replay captures/ --db plant.db --format json --output plant.json
  wirecensus replay captures/ --format html --engagement \"Line 3\" --output report.html
  tcpdump -r old.pcap -w - | wirecensus replay -")]
pub(super) struct Replay {
    /// Captures, folders of captures, or `-`.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the inventory is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Writes the inventory to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keeps what was said in this database, joined with what it holds.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// The key under which captured secrets are tagged, so that equal ones are known, and pseudonyms are made; a new one is written if there
    /// is no such file.
    ///
    /// Without it the key is gone when the command ends, and a database gets no tags: a capture that is read twice must not be said
    /// twice.
    #[arg(long, value_name = "FILE")]
    site_key: Option<PathBuf>,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    reading: Reading,
    /// Reads nothing into an inventory, and prints a template for `--sources` with what was found: times, gaps, overlaps, duplicates.
    #[arg(long)]
    plan: bool,
    /// Ends with status 3 if the inventory is not complete, or has an open finding of this severity or a graver one.
    #[arg(long, value_name = "GATE", value_parser = Gate::of)]
    fail_on: Option<Gate>,
}

impl Replay {
    pub(super) fn run(&self) -> Done {
        if self.plan {
            let planned = self.reading.plan_apart(&self.files)?;
            return super::output::unless_closed(plan_report(&planned, &mut io::stdout().lock()), "standard output");
        }
        let plan = self.reading.plan(&self.files)?;
        let tagger = (self.site_key.is_some() || self.db.is_none()).then(|| tagger(self.site_key.as_deref())).transpose()?;
        let knowledge = self.reading.knowledge(tagger.as_deref())?;
        // Both are opened before anything is read: a wrong name is told at once.
        let database = self.db.as_deref().map(Store::open).transpose()?.map(|store| Arc::new(Mutex::new(Writer::new(store))));
        let mut out = Output::open(self.output.as_deref())?;
        let mut read = self.reading.read(&plan, database.as_ref(), tagger)?;
        let (said, decisions) = match database.and_then(Arc::into_inner) {
            None => (std::mem::take(&mut read.said), Decisions::default()),
            Some(writer) => whole(writer.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner), &mut read)?,
        };
        if read.nothing() && said.sources.values().all(|one| one.source.packets == 0) {
            // An empty inventory would look like an empty network.
            read.tell();
            return Ok(ExitCode::FAILURE);
        }
        let stopwatch = read.stopwatch.clone();
        let view = timed(stopwatch.as_deref(), Stage::Deriving, || {
            View::under(&said, &knowledge.fingerprints, &decisions, &knowledge.policy).listing(knowledge.findings_max)
        });
        let outline = timed(stopwatch.as_deref(), Stage::Deriving, || view.outline());
        timed(stopwatch.as_deref(), Stage::Writing, || {
            self.shape.write(&mut out, self.format, &outline, self.reading.workers(), self.site_key.as_deref())
        })?;
        read.tell();
        if read.nothing() || !read.kept {
            return Ok(ExitCode::FAILURE);
        }
        Ok(if self.fail_on.is_some_and(|gate| gate.is_hit(&outline)) { ExitCode::from(3) } else { ExitCode::SUCCESS })
    }
}

/// All that the database holds, and what could not be written to it.
fn whole(writer: Writer, read: &mut ReadAll) -> Result<(Said, Decisions), Failure> {
    super::input::tell_damaged(writer.store().path(), writer.damaged());
    let stored = super::input::stored(writer.store());
    let (mut said, decisions) = match stored {
        Ok(stored) => stored,
        // What was read is printed all the same.
        Err(failure) if !read.kept => {
            eprintln!("wirecensus: {}", failure.message);
            Default::default()
        }
        Err(failure) => return Err(failure),
    };
    said.join(std::mem::take(&mut read.said));
    if read.kept {
        writer.finish()?;
    }
    Ok((said, decisions))
}
