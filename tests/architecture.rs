//! Which crate and which module may know which, read from the sources: kept by a test and not by good manners.

use crate::captures::{files, root};
use std::path::{Path, PathBuf};

/// The crates, and which of the others each may use.
const CRATES: &[(&str, &[&str])] = &[
    ("observations", &[]),
    ("dissectors", &["observations"]),
    ("fingerprints", &["observations"]),
    ("inventory", &["observations", "fingerprints"]),
    ("enrollment", &["inventory"]),
    ("daemon", &["observations", "dissectors", "fingerprints", "inventory", "enrollment"]),
];

/// Words that belong into one folder: what is spelt so, and where it may stand.
const PLACES: &[(&[&str], &[&str])] = &[
    (&["SystemTime"], &["daemon/src/clock.rs", "enrollment/src/targets/mod.rs"]),
    (
        &["rusqlite", "\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE FROM", "CREATE TABLE", "\"PRAGMA "],
        &["daemon/src/store", "daemon/src/events/store", "enrollment/src/store"],
    ),
    (&["pcap::Capture", "pcap::Active", "pcap::Device", "pcap::Linktype", "pnet_datalink", "pnet::"], &["daemon/src/capture"]),
    (&["axum"], &["daemon/src/api", "enrollment/src/serve"]),
];

/// A Rust file, its path as the repository has it.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Lines that are code, numbered, without what follows `//`.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = |line| str::split(line, "//").next().unwrap_or_default();
        (1..).zip(self.text.lines()).map(move |(number, line)| (number, code(line))).filter(|(_, line)| !line.trim().is_empty())
    }

    /// The same without the tests.
    fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let begins = |line: &str| matches!(line.trim(), "mod tests {" | "mod tests;");
        let end = self.text.lines().position(begins).unwrap_or(usize::MAX);
        self.code().filter(move |(number, _)| *number <= end && !self.path.contains("/tests"))
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let root = root();
    let read = |path: PathBuf| Source {
        path: path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned(),
        text: std::fs::read_to_string(&path).expect("a source"),
    };
    let built = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "target");
    let found: Vec<Source> = files(&root.join(folder), &["rs"]).into_iter().filter(|path| !built(path)).map(read).collect();
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

/// Whether a line names a crate: `name::`, not the end of a longer path or word.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | ':' | '"' | '/' | '-' | '.'));
        begins && line[at + name.len()..].starts_with("::") || line.trim() == format!("use {name};")
    })
}

#[test]
fn crates_know_only_those_below_them() {
    let mut wrong = Vec::new();
    for (name, allowed) in CRATES {
        let above = || CRATES.iter().map(|(other, _)| other).filter(|other| *other != name && !allowed.contains(other));
        for source in sources(&format!("{name}/src")) {
            for (number, line) in source.code() {
                wrong.extend(above().filter(|other| names(line, other)).map(|other| format!("{}:{number} names {other}", source.path)));
            }
        }
        let manifest = std::fs::read_to_string(root().join(name).join("Cargo.toml")).expect("a manifest");
        for other in above() {
            if manifest.lines().any(|line| line.strip_prefix(other).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))) {
                wrong.push(format!("{name}/Cargo.toml depends on {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_crate_is_told_from_a_module_or_a_word_that_is_spelt_alike() {
    for line in ["use inventory::Document;", "    inventory::inventory(said)", "pub use inventory::View;", "use inventory;"] {
        assert!(names(line, "inventory"), "{line}");
    }
    for line in ["use crate::inventory::x;", "fn the_inventory_of() {", "mod inventory {", "\"inventory::x\"", "my_inventory::x"] {
        assert!(!names(line, "inventory"), "{line}");
    }
}

#[test]
fn clocks_databases_captures_and_servers_have_one_place_each() {
    let mut wrong = Vec::new();
    for (name, _) in CRATES {
        for source in sources(&format!("{name}/src")) {
            for (words, places) in PLACES.iter().filter(|(_, places)| !places.iter().any(|place| source.path.starts_with(place))) {
                for (number, line) in source.product() {
                    let found = words.iter().filter(|word| line.contains(**word));
                    wrong.extend(found.map(|word| format!("{}:{number} has {word}, which belongs into {places:?}", source.path)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_source_begins_by_saying_what_it_is() {
    let mut wrong = Vec::new();
    for folder in CRATES.iter().map(|(name, _)| *name).chain(["bench", "tests", "dissectors/fuzz"]) {
        for source in sources(folder) {
            let first = source.text.lines().next().unwrap_or_default();
            if !first.starts_with("//! ") || first.split(' ').count() < 4 {
                wrong.push(format!("{} begins with {first:?}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Modules of one layer that are dissectors with a row; its others are helpers, for several to use.
struct Layer {
    name: String,
    dissectors: Vec<String>,
}

/// `dissectors.rs` declares a dissector `pub(super) mod`, a helper `mod`.
fn layers() -> Vec<Layer> {
    let text = std::fs::read_to_string(root().join("dissectors/src/dissectors.rs")).expect("the table");
    let mut layers: Vec<Layer> = Vec::new();
    for line in text.lines() {
        let dissector = line.trim().strip_prefix("pub(super) mod ").and_then(|line| line.strip_suffix(';'));
        if let Some(name) = line.strip_prefix("mod ").and_then(|line| line.strip_suffix(" {")) {
            layers.push(Layer { name: name.to_owned(), dissectors: Vec::new() });
        } else if let (Some(layer), Some(name)) = (layers.last_mut(), dissector) {
            layer.dissectors.push(name.to_owned());
        }
    }
    assert!(layers.iter().map(|layer| layer.dissectors.len()).sum::<usize>() > 20, "the table can be read");
    layers
}

/// The module of a layer in which a file lies: `it/snmp/objects.rs` is `snmp`'s.
fn module(path: &str, layer: &str) -> Option<String> {
    let below = Path::new(path).strip_prefix(format!("dissectors/src/dissectors/{layer}")).ok()?;
    Some(below.components().next()?.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned())
}

#[test]
fn no_dissector_knows_another() {
    let layers = layers();
    let mut wrong = Vec::new();
    for source in sources("dissectors/src/dissectors") {
        let own = layers.iter().find_map(|layer| module(&source.path, &layer.name).map(|module| (layer.name.as_str(), module)));
        // `super::` within a module of several files is the module itself.
        let nested = own.as_ref().is_some_and(|(layer, module)| source.path.contains(&format!("/{layer}/{module}/")));
        for layer in &layers {
            for other in &layer.dissectors {
                if own.as_ref().is_some_and(|(name, module)| *name == layer.name && module == other) {
                    continue;
                }
                let from = ["super", &layer.name].into_iter().filter(|from| !(nested && *from == "super"));
                let paths: Vec<String> = from.flat_map(|from| ["::", ";", " as "].map(|after| format!("{from}::{other}{after}"))).collect();
                for (number, line) in source.product() {
                    wrong.extend(paths.iter().filter(|path| line.contains(*path)).map(|path| format!("{}:{number} names {path}", source.path)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "what two dissectors share lies in a helper below them:\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    const FORBIDDEN: &str = "unsafe_code = \"forbid\"";
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a manifest");
    assert!(read("Cargo.toml").contains(FORBIDDEN));
    for (name, _) in CRATES {
        let manifest = read(&format!("{name}/Cargo.toml"));
        assert!(manifest.contains(FORBIDDEN) || manifest.contains("[lints]\nworkspace = true"), "{name} has its lints");
    }
}
