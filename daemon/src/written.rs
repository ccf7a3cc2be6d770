//! TOML files that people write: what is wrong in one is told with its line, and a key that is not known with the one that may be meant.

use crate::capture::text::{nearest, shown};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes of such a file; a thousand tables have a tenth of it.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// What is wrong with a file that people write, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrittenError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 if the file could not be read.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl std::fmt::Display for WrittenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", shown(&self.file), self.what),
            line => write!(f, "{}:{line}: {}", shown(&self.file), self.what),
        }
    }
}

impl std::error::Error for WrittenError {}

/// A fault at a byte of the text.
pub(crate) type Fault = (usize, String);

/// A file's name and text.
pub(crate) fn read(path: &Path) -> Result<(String, String), WrittenError> {
    let file = path.to_string_lossy().into_owned();
    let failed = |what: String| WrittenError { file: file.clone(), line: 0, what };
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > FILE_MAX {
        return Err(failed(format!("{size} bytes, more than {FILE_MAX}: is it the right file?")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    Ok((file, text))
}

/// Makes something of a file's text.
pub(crate) fn parse<T>(file: &str, text: &str, make: impl FnOnce(&DeTable<'_>) -> Result<T, Fault>) -> Result<T, WrittenError> {
    let at = |(offset, what): Fault| {
        let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        WrittenError { file: file.to_owned(), line, what }
    };
    let root = DeTable::parse(text).map_err(|error| at((error.span().map_or(0, |span| span.start), error.message().to_owned())))?;
    make(root.get_ref()).map_err(at)
}

/// Refuses a key that is not known, and names the one that may be meant.
pub(crate) fn refuse_strangers(table: &DeTable<'_>, known: &[&str]) -> Result<(), Fault> {
    let Some((key, _)) = table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())).min_by_key(|(key, _)| key.span().start) else {
        return Ok(());
    };
    let what = match nearest(key.get_ref(), known) {
        Some(near) => format!("unknown key `{}`: did you mean `{near}`?", shown(key.get_ref())),
        None => format!("unknown key `{}`: known are {}", shown(key.get_ref()), known.join(", ")),
    };
    Err((key.span().start, what))
}

pub(crate) fn get<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}

pub(crate) fn tables<'a, 'i>(value: &'a Spanned<DeValue<'i>>, name: &str) -> Result<Vec<&'a Spanned<DeValue<'i>>>, Fault> {
    match value.get_ref() {
        DeValue::Array(entries) => Ok(entries.iter().collect()),
        _ => Err((value.span().start, format!("write [[{name}]], with two brackets: there may be several"))),
    }
}

pub(crate) fn table<'a, 'i>(value: &'a Spanned<DeValue<'i>>, name: &str) -> Result<&'a DeTable<'i>, Fault> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err((value.span().start, format!("`{name}` is a table: begin it with [[{name}]]"))),
    }
}

/// A table that there is once.
pub(crate) fn section<'a, 'i>(value: &'a Spanned<DeValue<'i>>, name: &str) -> Result<&'a DeTable<'i>, Fault> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err((value.span().start, format!("`{name}` is a table: begin it with [{name}]"))),
    }
}

pub(crate) fn text<'a>(value: &'a Spanned<DeValue<'_>>, name: &str) -> Result<&'a str, Fault> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => Err((value.span().start, format!("`{name}` is a text: put it in quotes"))),
    }
}

/// A text that is not empty.
pub(crate) fn filled(value: &Spanned<DeValue<'_>>, name: &str) -> Result<String, Fault> {
    let text = text(value, name)?;
    if text.trim().is_empty() {
        return Err((value.span().start, format!("`{name}` is empty: fill it in or leave it out")));
    }
    Ok(text.to_owned())
}

/// A number between two, both included.
pub(crate) fn number(value: &Spanned<DeValue<'_>>, name: &str, least: u32, most: u32) -> Result<u32, Fault> {
    let wrong = || (value.span().start, format!("`{name}` is a number from {least} to {most}"));
    let DeValue::Integer(written) = value.get_ref() else { return Err(wrong()) };
    written.to_string().parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(wrong)
}

/// `true` or `false`.
pub(crate) fn yes(value: &Spanned<DeValue<'_>>, name: &str) -> Result<bool, Fault> {
    match value.get_ref() {
        DeValue::Boolean(yes) => Ok(*yes),
        _ => Err((value.span().start, format!("`{name}` is true or false, without quotes"))),
    }
}
