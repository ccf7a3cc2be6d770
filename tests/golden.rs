//! For every capture its whole inventory document, compared as text.
//!
//! `UPDATE_GOLDEN=1` (or `make golden`) writes them anew: read the difference, then commit it. The digests of what made a document are
//! left out, so that new rules change only the documents that they change.

use crate::captures::{self, first_difference, text};
use daemon::export::Format;
use inventory::document::{Document, Producer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the golden of a capture lies.
pub(crate) fn path(name: &str) -> PathBuf {
    folder().join(format!("{name}.json"))
}

fn folder() -> PathBuf {
    captures::root().join("tests/golden")
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value != "0")
}

fn golden(document: &Document) -> String {
    text(&Document { producer: Producer::default(), ..document.clone() }, Format::Json)
}

/// Written whole or not at all: other tests may be reading.
fn write(path: &Path, text: &str) {
    let parent = path.parent().expect("a folder");
    std::fs::create_dir_all(parent).expect("a folder for it");
    let part = path.with_extension("part");
    std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[test]
fn every_capture_gives_the_document_of_its_golden() {
    let mut differ = Vec::new();
    for capture in captures::all() {
        let (path, now) = (path(&capture.name), golden(&capture.document));
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        if updating() {
            if before != now {
                write(&path, &now);
            }
        } else if let Some(difference) = first_difference(&before, &now) {
            differ.push(format!("{} differs in {difference}", capture.name));
        }
    }
    assert!(
        differ.is_empty(),
        "{}\n\n{} documents are not as their goldens: if that is meant, `make golden`, read the difference, commit it",
        differ.join("\n\n"),
        differ.len()
    );
}

#[test]
fn every_golden_has_a_capture_and_every_capture_a_golden() {
    let captures: BTreeSet<PathBuf> = captures::paths().iter().map(|(name, _)| path(name)).collect();
    let goldens: BTreeSet<PathBuf> = captures::files(&folder(), &["json", "part"]).into_iter().collect();
    let strays: Vec<&PathBuf> = goldens.difference(&captures).collect();
    if updating() {
        for stray in strays {
            std::fs::remove_file(stray).unwrap_or_else(|error| panic!("{}: {error}", stray.display()));
        }
        return;
    }
    assert!(strays.is_empty(), "goldens without a capture: {strays:?}");
    let missing: Vec<&PathBuf> = captures.difference(&goldens).collect();
    assert!(missing.is_empty(), "captures without a golden; `make golden` writes it: {missing:?}");
}

#[test]
fn every_capture_has_a_row_in_the_list_of_captures() {
    let list = std::fs::read_to_string(captures::root().join("pcaps/README.md")).expect("pcaps/README.md");
    for (name, _) in captures::paths() {
        assert!(list.contains(&format!("`{name}.pcap`")), "{name} is not described in pcaps/README.md");
    }
}

#[test]
fn a_document_names_no_folder_of_the_machine_that_made_it() {
    for capture in captures::all() {
        let text = text(&capture.document, Format::Json);
        for folder in [captures::root().to_string_lossy().into_owned(), "pcaps/".to_owned()] {
            assert!(!text.contains(&folder), "{}: {folder} stands in its document", capture.name);
        }
    }
}

#[test]
fn a_difference_is_shown_with_the_lines_before_it() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    let difference = first_difference("a\nb\nc\n", "a\nx\nc\n").expect("they differ");
    assert_eq!(difference, "line 2 of 3 (now 3):\n      a\n    - b\n    + x");
}
