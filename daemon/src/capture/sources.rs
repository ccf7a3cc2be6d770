//! The sources file (`--sources FILE.toml`): what is known of captures that they do not say themselves.
//!
//! ```toml
//! [[source]]
//! files = "cell-*/*.pcap*"        # or a list; matches the path as given, or its end from a folder's name on. `**` spans folders
//! site = "plant-nord"             # addresses are identities within a site; default: --site
//! tap = "core switch, port 12"    # for people
//! direction = "both"              # both | in | out: what the mirror shows of the link
//! clock_offset = "+3600s"         # added to every packet time: ns, us, ms, s, m, h or d
//!
//! [[source.segment]]              # VLANs that no segment names belong to the site's own
//! name = "cell 1"
//! vlans = [10, "20-29", "untagged"]
//! ```
//! The first table that matches a file counts. A complete example is `sources.example.toml` beside this module.

use super::reader::Direction;
use super::segments::Segments;
use crate::written::{self, Fault, WrittenError, filled, get, refuse_strangers, table, tables, text};
use glob::{MatchOptions, Pattern};
use std::path::{Component, Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const SOURCE_KEYS: &[&str] = &["files", "site", "tap", "direction", "clock_offset", "segment"];
const SEGMENT_KEYS: &[&str] = &["name", "vlans"];

/// A sources file, read and checked.
#[derive(Clone, Debug, Default)]
pub struct SourcesFile {
    rules: Vec<Rule>,
}

/// One table of it.
#[derive(Clone, Debug)]
pub struct Rule {
    files: Vec<Pattern>,
    /// The site, if it names one.
    pub site: Option<String>,
    /// The tap point.
    pub tap: Option<String>,
    /// What the mirror shows.
    pub direction: Direction,
    /// Nanoseconds, added to every packet time.
    pub clock_offset: i64,
    /// Which segment a VLAN is.
    pub segments: Segments,
}

impl SourcesFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no TOML, or says something that is not understood.
    pub fn read(path: &Path) -> Result<Self, WrittenError> {
        let (file, text) = written::read(path)?;
        Self::parse(&file, &text)
    }

    /// Reads `text`; `file` stands in messages.
    ///
    /// # Errors
    /// If it is no TOML, or says something that is not understood.
    pub fn parse(file: &str, text: &str) -> Result<Self, WrittenError> {
        written::parse(file, text, |root| Ok(Self { rules: rules(root)? }))
    }

    /// The first table that names `path`.
    #[must_use]
    pub fn rule_of(&self, path: &Path) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.files.iter().any(|pattern| matches(pattern, path)))
    }
}

/// Whether a pattern matches the path as given, or its end from some folder's name on.
fn matches(pattern: &Pattern, path: &Path) -> bool {
    let options = MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };
    let parts: Vec<Component<'_>> = path.components().filter(|part| *part != Component::CurDir).collect();
    let tail = |from: usize| parts.iter().skip(from).collect::<PathBuf>();
    pattern.matches_path_with(path, options) || (0..parts.len()).any(|from| pattern.matches_path_with(&tail(from), options))
}

/// The file's tables.
fn rules(root: &DeTable<'_>) -> Result<Vec<Rule>, Fault> {
    refuse_strangers(root, &["source"])?;
    let Some((_, sources)) = root.iter().find(|(key, _)| key.get_ref() == "source") else {
        return Ok(Vec::new());
    };
    tables(sources, "source")?.into_iter().map(rule).collect()
}

/// One `[[source]]`.
fn rule(source: &Spanned<DeValue<'_>>) -> Result<Rule, Fault> {
    let table = table(source, "source")?;
    refuse_strangers(table, SOURCE_KEYS)?;
    let files =
        get(table, "files").ok_or_else(|| (source.span().start, "a source without `files`: say which, as in files = \"cell-*/*.pcap*\"".into()))?;
    let mut rule = Rule {
        files: patterns(files)?,
        site: get(table, "site").map(|value| filled(value, "site")).transpose()?,
        tap: get(table, "tap").map(|value| filled(value, "tap")).transpose()?,
        direction: Direction::Both,
        clock_offset: 0,
        segments: Segments::default(),
    };
    if let Some(value) = get(table, "direction") {
        rule.direction = match text(value, "direction")? {
            "both" => Direction::Both,
            "in" => Direction::In,
            "out" => Direction::Out,
            other => return Err((value.span().start, format!("`direction` is \"both\", \"in\" or \"out\", not {other:?}"))),
        };
    }
    if let Some(value) = get(table, "clock_offset") {
        let written = text(value, "clock_offset")?;
        let what = || format!("`clock_offset` is a number with a unit, as \"+3600s\" or \"-250ms\" (ns, us, ms, s, m, h, d), not {written:?}");
        rule.clock_offset = offset(written).ok_or_else(|| (value.span().start, what()))?;
    }
    if let Some(value) = get(table, "segment") {
        rule.segments = segments(value, "source.segment")?;
    }
    Ok(rule)
}

/// Every `[[source.segment]]`, or however they are named.
pub(crate) fn segments(value: &Spanned<DeValue<'_>>, name: &str) -> Result<Segments, Fault> {
    let segments = tables(value, name)?.into_iter().map(|one| segment(one, name)).collect::<Result<Vec<_>, _>>()?;
    Segments::new(&segments).map_err(|what| (value.span().start, what))
}

/// One of them: its name and VLANs.
fn segment(segment: &Spanned<DeValue<'_>>, name: &str) -> Result<(String, Vec<Option<u16>>), Fault> {
    let start = segment.span().start;
    let table = table(segment, name)?;
    refuse_strangers(table, SEGMENT_KEYS)?;
    let name = get(table, "name").ok_or_else(|| (start, "a segment without `name`: give it one".to_owned()))?;
    let name = filled(name, "name")?;
    let missing = || (start, format!("segment {name:?} without `vlans`: say which, as in vlans = [10, \"20-29\", \"untagged\"]"));
    let vlans = get(table, "vlans").ok_or_else(missing)?;
    let DeValue::Array(entries) = vlans.get_ref() else {
        return Err((vlans.span().start, "`vlans` is a list, as [10, \"20-29\", \"untagged\"]".into()));
    };
    if entries.is_empty() {
        return Err(missing());
    }
    let mut out = Vec::new();
    for entry in entries {
        let wrong = || (entry.span().start, "a VLAN is a number from 1 to 4094, a range as \"20-29\", or \"untagged\"".to_owned());
        match entry.get_ref() {
            DeValue::Integer(number) => out.push(Some(vlan(&number.to_string()).ok_or_else(wrong)?)),
            DeValue::String(written) if written == "untagged" => out.push(None),
            DeValue::String(written) => {
                let (first, last) = written.split_once('-').unwrap_or((written, written));
                let (first, last) = (vlan(first).ok_or_else(wrong)?, vlan(last).ok_or_else(wrong)?);
                if first > last {
                    return Err((entry.span().start, format!("range {written:?} ends before it begins")));
                }
                out.extend((first..=last).map(Some));
            }
            _ => return Err(wrong()),
        }
    }
    Ok((name, out))
}

/// A VLAN id; 0 and 4095 are none.
fn vlan(written: &str) -> Option<u16> {
    written.trim().parse().ok().filter(|vlan| (1..=4094).contains(vlan))
}

/// A length of time with sign and unit, in nanoseconds.
fn offset(written: &str) -> Option<i64> {
    let (sign, rest) = match written.trim().split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => (1, written.trim()),
    };
    let (number, unit) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
    let nanos: i64 = match unit.trim() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(nanos)?.checked_mul(sign)
}

/// One pattern or a list of them.
fn patterns(value: &Spanned<DeValue<'_>>) -> Result<Vec<Pattern>, Fault> {
    let one = |value: &Spanned<DeValue<'_>>| {
        let written = text(value, "files")?;
        let wrong =
            |error: glob::PatternError| (value.span().start, format!("`files` {written:?} is no pattern: {} at character {}", error.msg, error.pos));
        Pattern::new(written.trim_start_matches("./")).map_err(wrong)
    };
    match value.get_ref() {
        DeValue::Array(entries) if !entries.is_empty() => entries.iter().map(one).collect(),
        _ => one(value).map(|pattern| vec![pattern]),
    }
}
