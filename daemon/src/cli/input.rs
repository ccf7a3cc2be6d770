//! What a command reads an inventory from: databases, captures, or a JSON document, told apart by content.

use super::reading::{Knowledge, Reading, tagger};
use super::{Done, Failure};
use crate::capture::input::STDIN;
use crate::capture::text::shown;
use crate::export::Contents;
use crate::store::forgotten::Forgotten;
use crate::store::retention::Seen;
use crate::store::{DamagedRows, Store, StoreError};
use dissectors::context::Tagger;
use inventory::decision::Decisions;
use inventory::document::SCHEMA;
use inventory::{Document, View};
use observations::Said;
use serde_json::Value;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the inventory is.
#[derive(clap::Args)]
pub(super) struct From {
    /// Reads the inventory from this database.
    #[arg(long, value_name = "FILE")]
    pub(super) db: Option<PathBuf>,
    /// The key under which captured secrets were, or are, tagged: without it nobody can say which of them a maker set.
    #[arg(long, value_name = "FILE")]
    pub(super) site_key: Option<PathBuf>,
    #[command(flatten)]
    pub(super) reading: Reading,
}

/// What was found there.
pub(super) enum Material {
    /// What was said, and what an operator decided.
    Said(Said, Decisions),
    /// A document that somebody else derived.
    Document(Box<Document>),
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Database,
    Document,
    /// A capture, a folder of captures, or something to complain about when it is read as one.
    Capture,
}

/// Bytes that tell a file's kind: a document may be indented.
const HEAD: u64 = 64;

impl Kind {
    fn of(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::new(format!("{}: no such file", shown(&path.to_string_lossy()))),
            _ => Failure::new(format!("{}: {error}", shown(&path.to_string_lossy()))),
        };
        // What is read from a pipe is gone: it can only be a capture.
        if path.as_os_str() == STDIN || !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Ok(Self::Capture);
        }
        let mut head = Vec::new();
        File::open(path).map_err(failed)?.take(HEAD).read_to_end(&mut head).map_err(failed)?;
        Ok(Self::of_head(&head))
    }

    fn of_head(head: &[u8]) -> Self {
        match head.trim_ascii_start() {
            _ if head.starts_with(b"SQLite format 3\0") => Self::Database,
            [b'{', ..] => Self::Document,
            _ => Self::Capture,
        }
    }
}

impl From {
    /// Everything that was given, joined.
    pub(super) fn material(&self, files: &[PathBuf]) -> Result<(Material, Knowledge), Failure> {
        let tagger = tagger(self.site_key.as_deref())?;
        let mut knowledge = self.reading.knowledge(Some(&*tagger))?;
        knowledge.policy.other_key = self.site_key.is_none() && self.kinds(files)?.iter().any(|(_, kind)| *kind == Kind::Database);
        Ok((self.read(files, tagger)?, knowledge))
    }

    fn read(&self, files: &[PathBuf], tagger: Arc<dyn Tagger>) -> Result<Material, Failure> {
        let kinds = self.kinds(files)?;
        if let [(path, Kind::Document)] = kinds.as_slice() {
            return Ok(Material::Document(Box::new(document(path)?)));
        }
        if kinds.iter().any(|(_, kind)| *kind == Kind::Document) {
            return Err(Failure::usage("a JSON document stands alone: documents cannot be joined, databases and captures can"));
        }
        let (mut said, mut decided, mut seen) = (Said::default(), Vec::new(), Seen::new());
        for (path, _) in kinds.iter().filter(|(_, kind)| *kind == Kind::Database) {
            let store = Store::open_read_only(path)?;
            let (one, _) = rows(&store)?;
            said.join(one);
            decided.extend(store.decision_log()?);
            seen.extend(store.seen()?);
        }
        // Each decision once, in the order in which they were made, whichever copies of a database were given.
        decided.sort_by_key(|entry| (entry.at, entry.origin, entry.sequence, entry.hash));
        decided.dedup();
        let captures: Vec<PathBuf> = kinds.into_iter().filter(|(_, kind)| *kind == Kind::Capture).map(|(path, _)| path).collect();
        if !captures.is_empty() {
            let read = self.reading.read(&self.reading.plan(&captures)?, None, Some(tagger))?;
            read.tell();
            if read.nothing() {
                return Err(Failure::new("nothing could be read"));
            }
            said.join(read.said);
        }
        // Who is forgotten in one of them is, whatever the others hold.
        Forgotten::of(decided.iter().map(|entry| &entry.decision)).sift(&mut said);
        Ok(Material::Said(said, Decisions::of(decided.into_iter().map(|entry| entry.decision)).remembering(seen)))
    }

    /// The document of everything that was given.
    pub(super) fn document(&self, files: &[PathBuf]) -> Result<Document, Failure> {
        match self.derived(files)? {
            Some(document) => Ok(document),
            None => {
                let (material, knowledge) = self.material(files)?;
                Ok(material.document(&knowledge))
            }
        }
    }

    /// Hands on the inventory of everything that was given, with the number of threads that may make it.
    pub(super) fn inventory(&self, files: &[PathBuf], take: impl FnOnce(&dyn Contents, usize) -> Done) -> Done {
        let workers = self.reading.workers();
        if let Some(document) = self.derived(files)? {
            return take(&document, workers);
        }
        match self.material(files)? {
            (Material::Document(document), _) => take(&*document, workers),
            (Material::Said(said, decisions), knowledge) => {
                take(&View::under(&said, &knowledge.fingerprints, &decisions, &knowledge.policy).listing(knowledge.findings_max).outline(), workers)
            }
        }
    }

    /// The document that lies in the one database that was given, if there is no other and it is of today.
    fn derived(&self, files: &[PathBuf]) -> Result<Option<Document>, Failure> {
        match self.kinds(files)?.as_slice() {
            [(path, Kind::Database)] if !self.reading.has_policy() => {
                super::derive::derived(&Store::open_read_only(path)?, &self.reading, self.site_key.as_deref())
            }
            _ => Ok(None),
        }
    }

    fn kinds(&self, files: &[PathBuf]) -> Result<Vec<(PathBuf, Kind)>, Failure> {
        let mut kinds = files.iter().map(|path| Ok((path.clone(), Kind::of(path)?))).collect::<Result<Vec<_>, Failure>>()?;
        kinds.extend(self.db.iter().map(|path| (path.clone(), Kind::Database)));
        if kinds.is_empty() {
            return Err(Failure::usage("which inventory? Name a database (`--db FILE`), a capture, or a JSON document"));
        }
        Ok(kinds)
    }
}

impl Material {
    /// As the document.
    pub(super) fn document(self, knowledge: &Knowledge) -> Document {
        match self {
            Self::Said(said, decisions) => {
                View::under(&said, &knowledge.fingerprints, &decisions, &knowledge.policy).listing(knowledge.findings_max).document()
            }
            Self::Document(document) => *document,
        }
    }
}

/// All that a database holds, joined; damaged rows are named on stderr.
pub(super) fn stored(store: &Store) -> Result<(Said, Decisions), Failure> {
    let (said, _) = rows(store)?;
    Ok((said, Decisions::of(store.decisions()?).remembering(store.seen()?)))
}

/// What was said, and [`Store::changes`] at that moment.
pub(super) fn rows(store: &Store) -> Result<(Said, u64), StoreError> {
    let reading = store.said()?;
    tell_damaged(store.path(), &reading.damaged);
    Ok((reading.said, reading.changes))
}

/// Names rows that were left out.
pub(super) fn tell_damaged(path: &Path, damaged: &DamagedRows) {
    for row in &damaged.rows {
        eprintln!("{}: left out: {row}", path.display());
    }
    if damaged.count > damaged.rows.len() as u64 {
        eprintln!("{}: {} damaged rows in all; read the captures into a new file", path.display(), damaged.count);
    }
}

/// Reads a document. Its texts were escaped when it was written; whoever wrote this one may have thought otherwise.
fn document(path: &Path) -> Result<Document, Failure> {
    let name = shown(&path.to_string_lossy());
    let wrong = |error: &dyn std::fmt::Display| Failure::new(format!("{name}: no inventory document: {error}; `export --format json` writes one"));
    let file = File::open(path).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    let mut value: Value = serde_json::from_reader(BufReader::new(file)).map_err(|error| wrong(&error))?;
    match value.get("schema").and_then(Value::as_str) {
        Some(SCHEMA) => {}
        Some(other) => return Err(wrong(&format!("its schema is {}, this program reads {SCHEMA}", shown(other)))),
        None => return Err(wrong(&"it names no schema")),
    }
    harmless(&mut value);
    serde_json::from_value(value).map_err(|error| wrong(&error))
}

/// Escapes control and bidirectional characters in every text, names of fields included.
fn harmless(value: &mut Value) {
    match value {
        Value::String(text) => *text = shown(text),
        Value::Array(values) => values.iter_mut().for_each(harmless),
        Value::Object(fields) => {
            let odd: Vec<String> = fields.keys().filter(|name| shown(name) != **name).cloned().collect();
            for name in odd {
                if let Some(value) = fields.remove(&name) {
                    fields.insert(shown(&name), value);
                }
            }
            fields.values_mut().for_each(harmless);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_content() {
        assert_eq!(Kind::of_head(b"SQLite format 3\0...."), Kind::Database);
        assert_eq!(Kind::of_head(b"\n  {\"schema\""), Kind::Document);
        assert_eq!(Kind::of_head(&[0xd4, 0xc3, 0xb2, 0xa1]), Kind::Capture);
        assert_eq!(Kind::of_head(b""), Kind::Capture);
    }

    #[test]
    fn a_document_of_a_strangers_writes_nothing_to_the_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let text = r#"{"schema":"wirecensus.inventory/1","devices":[{"id":"x","hostnames":["a\u001b[2Jb"],"annotations":{"\u001b":"c"}}]}"#;
        std::fs::write(&path, text).unwrap();
        let read = document(&path).ok().unwrap();
        assert_eq!(read.devices[0].hostnames, ["a\\u{1b}[2Jb"]);
        assert_eq!(read.devices[0].annotations.keys().next().unwrap(), "\\u{1b}");
        std::fs::write(&path, r#"{"schema":"other/1"}"#).unwrap();
        assert!(document(&path).err().unwrap().message.contains("its schema is other/1"));
        std::fs::write(&path, "{\"record\":\"inventory\"}\n{\"record\":\"device\"}\n").unwrap();
        assert!(document(&path).is_err());
    }
}
