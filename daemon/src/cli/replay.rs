//! `replay`: captures to an inventory.

use super::{Done, Failure};
use crate::capture::file::completeness;
use crate::capture::plan::{Plan, PlanOptions, PlannedSource, plan};
use crate::capture::report::plan_report;
use crate::capture::sources::SourcesFile;
use crate::cli::progress::Bar;
use crate::export::Format;
use crate::pipeline::{self, Options, Outcome};
use fingerprints::Fingerprints;
use inventory::decision::Decisions;
use observations::Said;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Reads captures and prints the inventory.
///
/// A capture is pcap or pcapng, plain or packed with gzip, zstd or xz; a folder is read with all that it holds; `-` is standard input.
/// Each file is a source of its own, unless `--as-one`.
#[derive(clap::Args)]
pub struct Replay {
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
    #[command(flatten)]
    reading: Reading,
    /// Reads nothing, and prints a template for `--sources` with what was found: times, gaps, overlaps, duplicates.
    #[arg(long)]
    plan: bool,
    /// Ends with status 3 if the inventory is not complete.
    #[arg(long, value_name = "GATE", value_parser = ["incomplete"])]
    fail_on: Option<String>,
}

/// How captures are read: shared by all commands that read them.
#[derive(clap::Args, Clone, Default)]
pub struct Reading {
    /// The site that addresses belong to.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// Maps files to site, segments, tap, direction and clock offset.
    #[arg(long, value_name = "FILE.toml")]
    sources: Option<PathBuf>,
    /// Reads all files as one source: a rotation, or the two halves of a link.
    #[arg(long)]
    as_one: bool,
    /// Reads only packets that this filter expression lets pass (see pcap-filter(7)).
    #[arg(long, value_name = "EXPR")]
    bpf: Option<String>,
    /// Engines that work side by side.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Adds fingerprint rules from the TOML files of this folder.
    #[arg(long, value_name = "DIR")]
    fingerprints: Option<PathBuf>,
    /// Notes the SHA-256 of each file in the inventory.
    #[arg(long)]
    sha256: bool,
}

/// What reading captures gave.
pub struct ReadAll {
    /// What was said.
    pub said: Said,
    /// Files that were read whole.
    pub complete: usize,
    /// Files in all.
    pub files: usize,
}

impl Replay {
    pub(super) fn run(&self) -> Done {
        if self.plan {
            let planned = self.reading.plan(&self.files, false)?;
            plan_report(&planned, &mut io::stdout().lock())?;
            return Ok(ExitCode::SUCCESS);
        }
        let fingerprints = self.reading.fingerprints()?;
        let mut out = self.out()?;
        let read = self.reading.read(&self.files)?;
        let document = inventory::inventory(&read.said, &fingerprints, &Decisions::default());
        match self.format.write(&document, &mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.map_err(|error| Failure::new(format!("{}: {error}", self.output_name())))?,
        }
        if read.files > 1 || read.complete < read.files {
            eprintln!("{}", completeness(read.complete, read.files));
        }
        let nothing = read.said.sources.values().all(|one| one.source.packets == 0) && read.complete < read.files;
        if nothing {
            return Ok(ExitCode::FAILURE);
        }
        Ok(if self.fail_on.is_some() && !document.complete { ExitCode::from(3) } else { ExitCode::SUCCESS })
    }

    fn output_name(&self) -> String {
        self.output.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
    }

    /// Opened before anything is read: a wrong name is told at once.
    fn out(&self) -> Result<Box<dyn Write>, Failure> {
        match &self.output {
            None => Ok(Box::new(BufWriter::new(io::stdout().lock()))),
            Some(path) => {
                let file = File::create(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
                Ok(Box::new(BufWriter::new(file)))
            }
        }
    }
}

impl Reading {
    /// The built-in rules, and those of `--fingerprints`.
    pub(super) fn fingerprints(&self) -> Result<Fingerprints, Failure> {
        let mut more = Vec::new();
        if let Some(folder) = &self.fingerprints {
            let entries = std::fs::read_dir(folder).map_err(|error| Failure::new(format!("--fingerprints {}: {error}", folder.display())))?;
            let mut paths: Vec<PathBuf> =
                entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
            paths.sort();
            for path in paths {
                let text = std::fs::read_to_string(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
                more.push((path.display().to_string(), text));
            }
        }
        Ok(Fingerprints::with(&more)?)
    }

    fn plan(&self, files: &[PathBuf], as_one: bool) -> Result<Plan, Failure> {
        let sources = match &self.sources {
            Some(path) => SourcesFile::read(path)?,
            None => SourcesFile::default(),
        };
        let options = PlanOptions { site: self.site.clone(), bpf: self.bpf.clone(), as_one };
        let plan = plan(files, &sources, &options).map_err(Failure::usage)?;
        for skipped in &plan.skipped {
            eprintln!("{skipped}");
        }
        for failed in &plan.failed {
            eprintln!("{failed}");
        }
        Ok(plan)
    }

    /// Reads all files.
    pub(super) fn read(&self, files: &[PathBuf]) -> Result<ReadAll, Failure> {
        let plan = self.plan(files, self.as_one)?;
        let options = Options { workers: usize::from(self.workers), ..Options::new() };
        let mut all = ReadAll { said: Said::default(), complete: 0, files: plan.failed.len() };
        let mut bar = Bar::new();
        for planned in &plan.sources {
            all.files += planned.parts.len();
            if let Some(outcome) = self.read_source(planned, &options, &mut bar)? {
                let whole = outcome.said.source.parts.iter().filter(|part| part.damage.is_none()).count();
                all.complete += whole.min(planned.parts.len());
                all.said.join(Said::of(outcome.said));
            }
        }
        bar.done();
        if all.files == 0 {
            return Err(Failure::new("there is no capture among what was given"));
        }
        Ok(all)
    }

    /// Reads one source. A file that cannot be opened is named, and the others go on; a wrong filter is the same for all.
    fn read_source(&self, planned: &PlannedSource, options: &Options, bar: &mut Bar) -> Result<Option<Outcome>, Failure> {
        let mut reader = match planned.open() {
            Ok(reader) => reader,
            Err(error) if matches!(error.why, crate::capture::input::Why::Filter(_)) => return Err(Failure::usage(error.to_string())),
            Err(error) => {
                bar.say(&error.to_string());
                return Ok(None);
            }
        };
        bar.begin(&planned.name, reader.progress());
        let mut outcome = pipeline::read(&mut reader, options, |_| bar.tick());
        for damage in &outcome.damages {
            bar.say(&damage.to_string());
        }
        for link in reader.unfiltered() {
            bar.say(&format!("{}: --bpf cannot be applied to packets of {}; they were left out", planned.name, link.name()));
        }
        if self.sha256 {
            for (part, file) in outcome.said.source.parts.iter_mut().zip(&planned.parts) {
                part.sha256 = crate::capture::file::sha256(&file.path).ok();
            }
        }
        Ok(Some(outcome))
    }
}
