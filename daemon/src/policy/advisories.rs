//! Advisories in the Common Security Advisory Framework (CSAF 2.0, OASIS), from files and folders that somebody loaded.
//!
//! Read is the product tree (§3.2.2) and the status of products (§3.2.3.9); scores, texts and links stay where they are.

use super::PolicyError;
use inventory::judge::advisory::{Advisory, Named, Weakness};
use inventory::judge::version::Versions;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// An advisory; CISA's and makers' have some hundred kilobytes, the longest lists of versions some megabytes.
const BYTES_MAX: u64 = 32 << 20;
/// Files of a folder and those below it: all that one maker ever published are some thousands.
const FILES_MAX: usize = 20_000;
/// Folders within folders: by year, as CSAF §7.1.11 has it, and few more.
const DEPTH_MAX: usize = 8;
/// Products of one advisory.
const PRODUCTS_MAX: usize = 100_000;
/// Editions of CSAF whose product trees are alike.
const EDITIONS: [&str; 2] = ["2.0", "2.1"];

#[derive(Deserialize)]
struct Csaf {
    document: Head,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Head {
    csaf_version: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    publisher: Publisher,
    tracking: Tracking,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Publisher {
    category: String,
    name: String,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tree {
    branches: Vec<Branch>,
    full_product_names: Vec<Full>,
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    category: String,
    name: String,
    #[serde(default)]
    branches: Vec<Branch>,
    product: Option<Full>,
}

#[derive(Deserialize)]
struct Full {
    product_id: String,
    name: String,
    #[serde(default)]
    product_identification_helper: Helper,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Helper {
    model_numbers: Vec<String>,
    skus: Vec<String>,
}

/// A product on, in or with another: firmware on a device.
#[derive(Deserialize)]
struct Relationship {
    full_product_name: Full,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    cve: Option<String>,
    #[serde(default)]
    ids: Vec<Id>,
    #[serde(default)]
    product_status: Status,
}

#[derive(Deserialize)]
struct Id {
    text: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    known_affected: Vec<String>,
    first_affected: Vec<String>,
    last_affected: Vec<String>,
    fixed: Vec<String>,
    first_fixed: Vec<String>,
    known_not_affected: Vec<String>,
    under_investigation: Vec<String>,
}

/// A product before it is compared.
#[derive(Clone)]
struct Product {
    vendor: String,
    name: String,
    numbers: Vec<String>,
    versions: Versions,
}

/// Where in the tree a branch is.
#[derive(Clone, Default)]
struct Place<'t> {
    vendor: &'t str,
    name: &'t str,
    versions: Option<Versions>,
}

/// Reads a file, or all of a folder and of those below it. Of a folder what is JSON and no advisory is left out.
///
/// # Errors
/// [`PolicyError`] names the file and the reason.
pub fn read(path: &Path) -> Result<Vec<Advisory>, PolicyError> {
    if !path.is_dir() {
        return Ok(vec![of_file(path)?.ok_or_else(|| wrong(path, "it is no CSAF document: document.csaf_version is missing"))?]);
    }
    let mut files = Vec::new();
    collect(path, 0, &mut files)?;
    files.sort();
    let mut advisories = Vec::new();
    for file in &files {
        advisories.extend(of_file(file)?);
    }
    if advisories.is_empty() {
        return Err(wrong(path, "it holds no CSAF document (*.json)"));
    }
    Ok(advisories)
}

fn wrong(path: &Path, reason: impl Into<String>) -> PolicyError {
    PolicyError { file: path.to_owned(), reason: reason.into() }
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), PolicyError> {
    if depth > DEPTH_MAX {
        return Err(wrong(folder, "folders within folders go too deep"));
    }
    for entry in std::fs::read_dir(folder).map_err(|error| wrong(folder, error.to_string()))? {
        let path = entry.map_err(|error| wrong(folder, error.to_string()))?.path();
        if path.is_dir() {
            collect(&path, depth + 1, files)?;
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(wrong(folder, format!("more files than advisories there are ({FILES_MAX})")));
        }
    }
    Ok(())
}

/// An advisory; none if it is some other JSON.
fn of_file(path: &Path) -> Result<Option<Advisory>, PolicyError> {
    let file = File::open(path).map_err(|error| wrong(path, error.to_string()))?;
    let mut text = Vec::new();
    BufReader::new(file).take(BYTES_MAX + 1).read_to_end(&mut text).map_err(|error| wrong(path, error.to_string()))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(wrong(path, format!("it has more bytes than an advisory ({BYTES_MAX})")));
    }
    of_text(&text).map_err(|reason| wrong(path, reason))
}

fn of_text(text: &[u8]) -> Result<Option<Advisory>, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let value: serde_json::Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    match value.pointer("/document/csaf_version").and_then(serde_json::Value::as_str) {
        None => return Ok(None),
        Some(edition) if !EDITIONS.contains(&edition) => return Err(format!("it is of CSAF {edition:?}, read are {}", EDITIONS.join(" and "))),
        Some(_) => {}
    }
    let csaf: Csaf = serde_json::from_value(value).map_err(|error| error.to_string())?;
    advisory(&csaf).map(Some)
}

fn advisory(csaf: &Csaf) -> Result<Advisory, String> {
    debug_assert!(EDITIONS.contains(&csaf.document.csaf_version.as_str()));
    let publisher = &csaf.document.publisher;
    let maker = if publisher.category == "vendor" { publisher.name.as_str() } else { "" };
    let mut products: Vec<(&str, Product)> = Vec::new();
    for branch in &csaf.product_tree.branches {
        walk(branch, &Place { vendor: maker, ..Place::default() }, &mut products);
    }
    for full in &csaf.product_tree.full_product_names {
        products.push((&full.product_id, product(full, &Place { vendor: maker, ..Place::default() })));
    }
    relate(&csaf.product_tree.relationships, &mut products);
    if products.len() > PRODUCTS_MAX {
        return Err(format!("{} products are more than an advisory has ({PRODUCTS_MAX})", products.len()));
    }
    let places: HashMap<&str, usize> = products.iter().zip(0..).map(|((id, _), at)| (*id, at)).collect();
    let of = |lists: &[&Vec<String>]| lists.iter().copied().flatten().filter_map(|id| places.get(id.as_str()).copied()).collect();
    let weakness = |one: &Vulnerability| {
        let status = &one.product_status;
        Weakness {
            id: one.cve.clone().or_else(|| one.ids.first().map(|id| id.text.clone())).unwrap_or_else(|| csaf.document.tracking.id.clone()),
            affected: of(&[&status.known_affected, &status.first_affected, &status.last_affected]),
            unaffected: of(&[&status.fixed, &status.first_fixed, &status.known_not_affected]),
            investigated: of(&[&status.under_investigation]),
        }
    };
    Ok(Advisory {
        id: csaf.document.tracking.id.clone(),
        title: csaf.document.title.clone(),
        weaknesses: csaf.vulnerabilities.iter().map(weakness).collect(),
        products: products.iter().map(|(_, one)| Named::new(&one.vendor, &one.name, &one.numbers, one.versions.clone())).collect(),
    })
}

/// A branch and those below it. serde_json reads no deeper than 128 levels.
fn walk<'t>(branch: &'t Branch, above: &Place<'t>, products: &mut Vec<(&'t str, Product)>) {
    let mut place = above.clone();
    match branch.category.as_str() {
        "vendor" => place.vendor = &branch.name,
        "product_name" => place.name = &branch.name,
        "product_version" => place.versions = Some(version(&branch.name)),
        "product_version_range" => place.versions = Some(Versions::of_range(&branch.name)),
        // What it adds to the version only its maker can compare.
        "patch_level" | "service_pack" => place.versions = Some(Versions::Unclear(branch.name.clone())),
        _ => {}
    }
    if let Some(full) = &branch.product {
        products.push((&full.product_id, product(full, &place)));
    }
    branch.branches.iter().for_each(|below| walk(below, &place, products));
}

/// A single version; some write a range there.
fn version(text: &str) -> Versions {
    let range = text.starts_with(['<', '>', '=', '*', '!']) || text.starts_with("vers:") || text.to_lowercase().starts_with("all versions");
    if range { Versions::of_range(text) } else { Versions::Exactly(text.trim().to_owned()) }
}

fn product(full: &Full, place: &Place<'_>) -> Product {
    let helper = &full.product_identification_helper;
    Product {
        vendor: place.vendor.to_owned(),
        name: if place.name.is_empty() { full.name.clone() } else { place.name.to_owned() },
        numbers: helper.model_numbers.iter().chain(&helper.skus).cloned().collect(),
        versions: place.versions.clone().unwrap_or(Versions::All),
    }
}

/// What runs on a device is that device, in the version of what runs.
fn relate<'t>(relationships: &'t [Relationship], products: &mut Vec<(&'t str, Product)>) {
    let known: HashMap<&str, Product> = products.iter().map(|(id, product)| (*id, product.clone())).collect();
    for one in relationships {
        let (Some(part), Some(whole)) = (known.get(one.product_reference.as_str()), known.get(one.relates_to_product_reference.as_str())) else {
            continue;
        };
        let versions = match (&part.versions, &whole.versions) {
            (versions, Versions::All) => versions.clone(),
            (Versions::All, versions) => versions.clone(),
            // Both name versions: which of them a device shows is not known.
            _ => Versions::Unclear(one.full_product_name.name.clone()),
        };
        products.push((&one.full_product_name.product_id, Product { versions, ..whole.clone() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = include_str!("../../../tests/data/csaf-example.json");

    #[test]
    fn products_versions_and_relations_are_read() {
        let advisory = of_text(SMALL.as_bytes()).unwrap().unwrap();
        assert_eq!((advisory.id.as_str(), advisory.products.len(), advisory.weaknesses.len()), ("EXAMPLE-2026-001", 7, 2));
        let first = &advisory.weaknesses[0];
        assert_eq!((first.id.as_str(), first.affected.len(), first.unaffected.len()), ("CVE-2026-0001", 3, 2));
    }

    #[test]
    fn what_is_no_advisory_is_told_from_what_is_a_broken_one() {
        assert!(of_text(b"{\"a\": 1}").unwrap().is_none());
        assert!(of_text(b"{").is_err());
        assert!(of_text(br#"{"document":{"csaf_version":"1.2"}}"#).unwrap_err().contains("1.2"));
        assert!(of_text(br#"{"document":{"csaf_version":"2.0"}}"#).unwrap_err().contains("tracking"));
        assert!(of_text("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_folder_is_read_with_those_below_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("2026")).unwrap();
        std::fs::write(folder.path().join("index.json"), "{}").unwrap();
        assert!(read(folder.path()).unwrap_err().reason.contains("no CSAF"));
        std::fs::write(folder.path().join("2026/a.json"), SMALL).unwrap();
        assert_eq!(read(folder.path()).unwrap().len(), 1);
        assert!(read(&folder.path().join("index.json")).unwrap_err().reason.contains("csaf_version"));
    }
}
