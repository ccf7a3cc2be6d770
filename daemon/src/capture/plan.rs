//! From the files and folders of a command line to the sources that are read from them.

use super::block::{Block, Blocks};
use super::file::FileReader;
use super::input::{OpenError, STDIN, Why};
use super::reader::{Direction, Reader, Settings};
use super::sources::SourcesFile;
use super::text::shown;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders within folders. Deeper trees are loops or mistakes.
const DEPTH_MAX: usize = 64;

/// Files that are read as one: their number goes into packet ids.
const PARTS_MAX: usize = 1 << 16;

/// What the command line says besides files and the sources file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlanOptions {
    /// The site of files for which the sources file has none; "site" if this has none either.
    pub site: Option<String>,
    /// A filter expression.
    pub bpf: Option<String>,
    /// Whether all files are one source.
    pub as_one: bool,
}

/// A source that is not open yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedSource {
    /// The file as it was given; of several the first.
    pub name: String,
    /// How it is read. The clock offset of several files is each part's own.
    pub settings: Settings,
    /// Its files, in order of their first packets.
    pub parts: Vec<PlannedPart>,
}

impl PlannedSource {
    /// Opens it.
    ///
    /// # Errors
    /// If a single file cannot be opened, or the filter does not compile; of several files those that cannot are damage, named when their
    /// turn comes.
    pub fn open(&self) -> Result<Reader, OpenError> {
        Reader::of_plan(self)
    }
}

/// One file of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedPart {
    /// As it was given, or found in a folder.
    pub path: PathBuf,
    /// Nanoseconds, added to its times.
    pub clock_offset: i64,
    /// What it shows of the link.
    pub direction: Direction,
    /// Its first packet's time; looked up only where files are read as one.
    pub first_time: Option<i64>,
}

/// What will be read, and what will not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// What will be read.
    pub sources: Vec<PlannedSource>,
    /// Files that need not be read: no captures in a folder, or given twice.
    pub skipped: Vec<Skipped>,
    /// Files that should be read and cannot.
    pub failed: Vec<OpenError>,
}

/// A file that need not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// Its path.
    pub file: String,
    /// Why not.
    pub why: String,
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: skipped: {}", shown(&self.file), self.why)
    }
}

/// Looks at `inputs` (files, folders and `-`) and decides what is read from them.
///
/// # Errors
/// Files that cannot be one source.
pub fn plan(inputs: &[PathBuf], sources: &SourcesFile, options: &PlanOptions) -> Result<Plan, String> {
    let mut found = Found::default();
    for input in inputs {
        found.add(input);
    }
    let Found { files, mut plan, .. } = found;
    let single = |path: &PathBuf| {
        let settings = settings(path, sources, options);
        let part = PlannedPart { path: path.clone(), clock_offset: settings.clock_offset, direction: settings.direction, first_time: None };
        PlannedSource { name: path.to_string_lossy().into_owned(), settings, parts: vec![part] }
    };
    plan.sources = files.iter().map(single).collect();
    if options.as_one && plan.sources.len() > 1 {
        join(&mut plan)?;
    }
    Ok(plan)
}

/// How a file is read: the first table of the sources file that names it, and the command line.
fn settings(path: &Path, sources: &SourcesFile, options: &PlanOptions) -> Settings {
    let defaults = Settings::default();
    let rule = sources.rule_of(path);
    Settings {
        site: rule.and_then(|rule| rule.site.clone()).or_else(|| options.site.clone()).unwrap_or(defaults.site),
        tap: rule.and_then(|rule| rule.tap.clone()),
        direction: rule.map_or(defaults.direction, |rule| rule.direction),
        segments: rule.map_or(defaults.segments, |rule| rule.segments.clone()),
        clock_offset: rule.map_or(0, |rule| rule.clock_offset),
        bpf: options.bpf.clone(),
    }
}

/// Makes one source of all.
fn join(plan: &mut Plan) -> Result<(), String> {
    let mut sources = std::mem::take(&mut plan.sources);
    let mut parts = Vec::new();
    for source in &mut sources {
        for mut part in source.parts.drain(..) {
            match first_time(&part) {
                Ok(time) => part.first_time = time,
                Err(error) => {
                    plan.failed.push(error);
                    continue;
                }
            }
            parts.push((part, source.settings.clone()));
        }
    }
    if parts.len() > PARTS_MAX {
        return Err(format!("--as-one: {} files, more than {PARTS_MAX}", parts.len()));
    }
    // Files without packets come last. The name decides between equal times, so that the order of arguments does not.
    parts.sort_by_cached_key(|(part, _)| {
        (part.first_time.is_none(), part.first_time, part.path.file_name().map(ToOwned::to_owned), part.path.clone())
    });
    let Some((first, settings)) = parts.first().cloned() else {
        return Ok(());
    };
    if let Some((other, theirs)) = parts.iter().find(|(_, other)| other.site != settings.site || other.segments != settings.segments) {
        let (first, other) = (first.path.to_string_lossy(), other.path.to_string_lossy());
        return Err(format!(
            "--as-one: {} (site {:?}) and {} (site {:?}) have different sites or segments: read them as sources of their own, or give them one table",
            shown(&first),
            settings.site,
            shown(&other),
            theirs.site
        ));
    }
    let taps: BTreeSet<String> = parts.iter().filter_map(|(_, settings)| settings.tap.clone()).collect();
    let alike = parts.iter().all(|(_, other)| other.direction == settings.direction);
    let tap = (!taps.is_empty()).then(|| taps.into_iter().collect::<Vec<_>>().join(" + "));
    let direction = if alike { settings.direction } else { Direction::Both };
    plan.sources = vec![PlannedSource {
        name: first.path.to_string_lossy().into_owned(),
        settings: Settings { tap, direction, clock_offset: 0, ..settings },
        parts: parts.into_iter().map(|(part, _)| part).collect(),
    }];
    Ok(())
}

/// The time of a file's first packet; `None` if it has none.
fn first_time(part: &PlannedPart) -> Result<Option<i64>, OpenError> {
    let failed = |why| OpenError { file: part.path.to_string_lossy().into_owned(), why };
    if !fs::metadata(&part.path).is_ok_and(|meta| meta.is_file()) {
        return Err(failed(Why::ReadTwice));
    }
    let mut block = Block::default();
    // Damage before the first packet is told when the file is read.
    let _ = FileReader::open(&part.path, 0, part.clock_offset)?.next(&mut block);
    Ok(block.records.first().map(|record| record.time))
}

/// What was found on the way through files and folders.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    known: BTreeSet<PathBuf>,
    plan: Plan,
}

impl Found {
    /// Something that was given on the command line.
    fn add(&mut self, path: &Path) {
        if path.is_dir() {
            self.folder(path, 0);
            return;
        }
        // A pipe is opened once, when it is read.
        if fs::metadata(path).is_ok_and(|meta| meta.is_file())
            && let Err(error) = FileReader::open(path, 0, 0)
        {
            self.plan.failed.push(error);
            return;
        }
        if path.as_os_str() != STDIN
            && let Err(error) = fs::metadata(path)
        {
            let why = if error.kind() == std::io::ErrorKind::NotFound { Why::Missing } else { Why::Input(error.to_string()) };
            self.plan.failed.push(OpenError { file: path.to_string_lossy().into_owned(), why });
            return;
        }
        self.file(path);
    }

    /// A file that will be read, unless it was found before.
    fn file(&mut self, path: &Path) {
        let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.known.insert(canonical) {
            self.files.push(path.to_owned());
        } else {
            self.skip(path, "given twice");
        }
    }

    /// The captures in a folder, in the order of their names. Links to folders are not followed: they may lead in circles.
    fn folder(&mut self, folder: &Path, depth: usize) {
        let entries = match fs::read_dir(folder) {
            _ if depth > DEPTH_MAX => return self.skip(folder, "too many folders within folders"),
            Ok(entries) => entries,
            Err(error) => return self.fail(folder, Why::Input(error.to_string())),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => self.folder(&path, depth + 1),
                Ok(_) if !fs::metadata(&path).is_ok_and(|meta| meta.is_file()) => self.skip(&path, "no regular file"),
                _ => match FileReader::open(&path, 0, 0) {
                    Ok(_) => self.file(&path),
                    Err(OpenError { why: why @ (Why::Stranger(_) | Why::Empty), .. }) if !named_as_capture(&path) => {
                        self.skip(&path, &why.to_string());
                    }
                    Err(error) => self.plan.failed.push(error),
                },
            }
        }
    }

    fn skip(&mut self, path: &Path, why: &str) {
        self.plan.skipped.push(Skipped { file: path.to_string_lossy().into_owned(), why: why.to_owned() });
    }

    fn fail(&mut self, path: &Path, why: Why) {
        self.plan.failed.push(OpenError { file: path.to_string_lossy().into_owned(), why });
    }
}

/// Whether somebody meant a file to be a capture: one that is none is then a failure, not a bystander.
fn named_as_capture(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    name.contains(".pcap") || name.contains(".cap")
}
