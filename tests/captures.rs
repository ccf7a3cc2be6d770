//! Our captures, read in process.

use daemon::capture::{PlanOptions, SourcesFile, plan};
use daemon::export::{Contents, Format};
use daemon::pipeline::{self, Options};
use fingerprints::Fingerprints;
use inventory::Document;
use inventory::decision::Decisions;
use observations::{Observation, Said};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate lies in the repository").to_owned()
}

/// Every file below a folder, sorted, of these endings.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|ending| endings.iter().any(|wanted| *wanted == ending)) {
                found.push(entry);
            }
        }
    }
    found.sort();
    found
}

/// A capture of `pcaps/`.
pub(crate) struct Capture {
    /// `modbus/device-identification`
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) said: Said,
    pub(crate) document: Document,
}

impl Capture {
    /// The protocol that its folder is named after; "" for the captures of many.
    pub(crate) fn folder(&self) -> &str {
        self.name.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// What was said in it.
    pub(crate) fn observations(&self) -> Vec<Observation> {
        self.said.sources.values().flat_map(observations::SourceSaid::decoded).map(|said| said.expect("canonical bytes")).collect()
    }

    /// Whether anything was said or tallied in a protocol.
    pub(crate) fn speaks(&self, protocol: &str) -> bool {
        self.document.conversations.iter().any(|talk| talk.protocol == protocol) || self.observations().iter().any(|said| said.protocol == protocol)
    }
}

/// The captures' paths and names without reading them.
pub(crate) fn paths() -> Vec<(String, PathBuf)> {
    let folder = root().join("pcaps");
    let name = |path: &Path| path.with_extension("").strip_prefix(&folder).expect("below pcaps/").to_string_lossy().into_owned();
    files(&folder, &["pcap", "pcapng"]).into_iter().map(|path| (name(&path), path)).collect()
}

/// Every capture, read once for all tests.
pub(crate) fn all() -> &'static [Capture] {
    static ALL: LazyLock<Vec<Capture>> = LazyLock::new(|| {
        let read = |(name, path): (String, PathBuf)| {
            let said = said(&[&path], 1, false);
            let document = document(&said);
            Capture { name, path, said, document }
        };
        paths().into_iter().map(read).collect()
    });
    assert!(!ALL.is_empty(), "there are captures");
    &ALL
}

/// What files say, read as the command reads them.
pub(crate) fn said(files: &[&Path], workers: usize, as_one: bool) -> Said {
    said_with(files, &Options { workers, ..Options::new() }, as_one)
}

/// As [`said`], with all options.
pub(crate) fn said_with(files: &[&Path], options: &Options, as_one: bool) -> Said {
    let files: Vec<PathBuf> = files.iter().map(|path| path.to_path_buf()).collect();
    let plan = plan(&files, &SourcesFile::default(), &PlanOptions { as_one, ..PlanOptions::default() }).expect("files that can be read so");
    assert!(plan.failed.is_empty(), "{:?}", plan.failed);
    let mut said = Said::default();
    for source in &plan.sources {
        let mut reader = source.open().expect("a capture");
        let outcome = pipeline::read(&mut reader, options, |_| {});
        assert!(outcome.damages.is_empty(), "{}: {}", source.name, outcome.damages[0]);
        said.join(Said::of(outcome.said));
    }
    said
}

pub(crate) static FINGERPRINTS: LazyLock<Fingerprints> = LazyLock::new(|| Fingerprints::new().expect("rules that can be read"));

/// The inventory of what was said.
pub(crate) fn document(said: &Said) -> Document {
    inventory::inventory(said, &FINGERPRINTS, &Decisions::default())
}

/// A document as a format prints it.
pub(crate) fn text(document: &Document, format: Format) -> String {
    written(document, format, 1)
}

/// An inventory in a format, written by so many threads.
pub(crate) fn written(contents: &dyn Contents, format: Format, workers: usize) -> String {
    let mut out = Vec::new();
    format.write(contents, workers, &mut out).expect("memory takes everything");
    String::from_utf8(out).expect("documents are UTF-8")
}

/// The first line in which two texts differ, with what stands before it; `None` if they are equal.
pub(crate) fn first_difference(wanted: &str, got: &str) -> Option<String> {
    const BEFORE: usize = 6;
    if wanted == got {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), got.lines().collect());
    let at = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let context: String = old.iter().take(at).skip(at.saturating_sub(BEFORE)).map(|line| format!("      {line}\n")).collect();
    let line = |lines: &[&str]| lines.get(at).map_or("(the end)".to_owned(), |line| (*line).to_owned());
    Some(format!("line {} of {} (now {}):\n{context}    - {}\n    + {}", at + 1, old.len(), new.len(), line(&old), line(&new)))
}

/// A folder for one test's files, empty.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}
