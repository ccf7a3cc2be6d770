//! No secret of the lab stands in anything that comes out, in clear, in base64 or in hexadecimal digits.

use crate::captures::{self, text};
use crate::command::run_in;
use crate::golden;
use daemon::export::Format;

/// Every secret begins so; `pcaps/lab/README.md` lists them.
const SECRET: &[u8] = b"LABSECRET";

/// What each spelling of [`SECRET`] has in common: base64 at the three alignments, without the characters that its neighbours share.
const SPELLINGS: &[&str] = &["LABSECRET", "TEFCU0VDUkVU", "xBQlNFQ1JFV", "MQUJTRUNSRV"];

fn spellings() -> Vec<String> {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let wide: String = SECRET.iter().map(|byte| format!("{byte:02x}00")).collect();
    let mut all: Vec<String> = SPELLINGS.iter().flat_map(|text| [text.to_lowercase(), hex(text)]).collect();
    all.push(wide.trim_end_matches("00").to_owned());
    all
}

fn assert_silent(what: &str, text: &str) {
    // One spelling of hexadecimal digits, with and without what stands between them.
    let lower = text.to_lowercase();
    let dense: String = lower.chars().filter(|c| !matches!(c, ':' | ' ' | '-')).collect();
    for spelling in spellings() {
        for text in [&lower, &dense] {
            if let Some(at) = text.find(&spelling) {
                let from = text.floor_char_boundary(at.saturating_sub(200));
                panic!("{what}: {spelling} after …{}", &text[from..at]);
            }
        }
    }
}

#[test]
fn no_secret_stands_in_a_document_in_any_format() {
    for capture in captures::all() {
        for format in [Format::Json, Format::Ndjson, Format::Table, Format::Csv] {
            assert_silent(&format!("{} as {format:?}", capture.name), &text(&capture.document, format));
        }
    }
}

#[test]
fn no_secret_stands_in_what_is_kept() {
    for capture in captures::all() {
        for (key, one) in &capture.said.sources {
            for row in one.observations.iter() {
                assert!(!holds_secret(row.key) && !holds_secret(row.evidence), "{}: an observation of source {key} holds a secret", capture.name);
            }
        }
    }
}

fn holds_secret(bytes: &[u8]) -> bool {
    SPELLINGS.iter().any(|spelling| bytes.windows(spelling.len()).any(|window| window == spelling.as_bytes()))
}

#[test]
fn no_secret_stands_in_a_golden() {
    for (name, _) in captures::paths() {
        assert_silent(&name, &std::fs::read_to_string(golden::path(&name)).unwrap_or_default());
    }
}

#[test]
fn no_secret_stands_in_what_the_command_says() {
    let folder = captures::root().join("pcaps");
    for format in ["table", "csv", "json", "ndjson"] {
        let ran = run_in(&folder, &["replay", ".", "--format", format]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_silent(&format!("stdout as {format}"), &ran.stdout);
        assert_silent("stderr", &ran.stderr);
    }
}

#[test]
fn the_captures_do_hold_secrets_and_the_search_finds_them() {
    let on_the_wire = captures::paths().iter().filter(|(_, path)| holds_secret(&std::fs::read(path).expect("a capture"))).count();
    assert!(on_the_wire >= 5, "secrets in {on_the_wire} captures");
    for text in [
        "x LABSECRET-ftp",
        "YWRtaW46TEFCU0VDUkVULWh0dHA=",
        "hex:004c4142534543524554",
        "4c:41:42:53:45:43:52:45:54",
        "4c00410042005300450043005200450054",
    ] {
        assert!(std::panic::catch_unwind(|| assert_silent("a test", text)).is_err(), "{text} goes unnoticed");
    }
}
