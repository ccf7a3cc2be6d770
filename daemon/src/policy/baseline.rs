//! What was there before: a time, or an inventory document of that time.

use super::{PolicyError, time};
use inventory::Document;
use inventory::document::SCHEMA;
use inventory::judge::newcomer::Baseline;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

/// A document of a plant of 100,000 devices has some hundred megabytes.
const BYTES_MAX: u64 = 2 << 30;

/// A time as `2026-11-22` or `2026-11-22T14:00:00Z`, else the name of a document.
///
/// # Errors
/// [`PolicyError`] names the file and the reason.
pub fn read(text: &str) -> Result<Baseline, PolicyError> {
    match of_time(text) {
        Ok(baseline) => Ok(baseline),
        Err(_) => of_document(Path::new(text)),
    }
}

pub(super) fn of_time(text: &str) -> Result<Baseline, String> {
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    time(&whole).map(Baseline::of_time)
}

pub(super) fn of_document(path: &Path) -> Result<Baseline, PolicyError> {
    let wrong = |reason: String| PolicyError { file: path.to_owned(), reason };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => wrong("neither a time (2027-03-01, or 2027-03-01T12:00:00Z) nor a file: write one of them".to_owned()),
        _ => wrong(error.to_string()),
    })?;
    let document: Document = serde_json::from_reader(BufReader::new(file).take(BYTES_MAX))
        .map_err(|error| wrong(format!("neither a time nor an inventory document: {error}; `wirecensus export --format json` writes one")))?;
    if document.schema != SCHEMA {
        return Err(wrong(format!("it is no inventory document: its schema is not {SCHEMA}")));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Baseline::of_document(&name, &document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_or_a_document_is_a_baseline() {
        assert_eq!(read("1970-01-02").unwrap().until, Some(86_400_000_000_000));
        assert!(read("1970-01-02T00:00:00Z").unwrap().until.is_some());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("may.json");
        let of = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path.to_string_lossy())
        };
        let text = r#"{"schema":"wirecensus.inventory/1","devices":[{"id":"a","aliases":["b"],"kind":"device"}]}"#;
        assert_eq!(of(text).unwrap().len(), 2);
        assert!(of("{}").unwrap_err().reason.contains("schema") && of("soon").unwrap_err().reason.contains("neither a time"));
    }
}
