//! No secret of the lab stands in anything that comes out, in clear, in base64 or in hexadecimal digits.

use crate::captures::{self, document, folder, said_with, text};
use crate::command::run_in;
use crate::golden;
use daemon::export::Format;
use daemon::pipeline::Options;
use daemon::store::Store;
use daemon::tags::SiteKey;
use dissectors::context::Tagger;
use inventory::Document;
use observations::{Field, Kind, Said, Value};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

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
        for format in [Format::Json, Format::Ndjson, Format::Table, Format::Csv, Format::Html] {
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
    for format in ["table", "csv", "json", "ndjson", "html"] {
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

/// Secrets of the lab that dissectors give to be tagged: what for, whose, and what it is.
const TAGGED: &[(&str, Option<&str>, &str)] =
    &[("snmp community", None, "LABSECRET-community"), ("snmp community", None, "public"), ("http basic", Some("admin"), "LABSECRET-httpbasic")];

/// All that a use was tagged with: the tag of the secret, and that of user and secret.
type Tagged = BTreeSet<(String, Vec<u8>, Option<Vec<u8>>)>;

fn tags(said: &Said) -> Tagged {
    let bytes = |value: &Value| if let Value::Bytes(tag) = value { tag.clone() } else { panic!("a tag is bytes") };
    let observations = said.sources.values().flat_map(observations::SourceSaid::decoded).map(|said| said.expect("canonical bytes"));
    let of = |said: observations::Observation| {
        let what = said.get(Field::SecretUse).expect("what it was used for").display();
        Some((what, bytes(said.get(Field::SecretTag)?), said.get(Field::LoginTag).map(bytes)))
    };
    observations.filter(|said| said.kind == Kind::Credential).filter_map(of).collect()
}

fn expected(key: &SiteKey) -> Tagged {
    let of = |(what, user, secret): &(&str, Option<&str>, &str)| {
        let tags = key.tag(user.map(str::as_bytes), secret.as_bytes());
        ((*what).to_owned(), tags.secret.to_vec(), tags.login.map(|tag| tag.to_vec()))
    };
    TAGGED.iter().map(of).collect()
}

fn key(path: &Path) -> SiteKey {
    SiteKey::of_file(path).unwrap_or_else(|error| panic!("{error}"))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn equal_secrets_have_equal_tags_in_every_capture_and_no_tag_stands_in_a_document() {
    let key = Arc::new(key(&folder("tags").join("key")));
    let options = Options { tagger: Some(Arc::<SiteKey>::clone(&key)), ..Options::new() };
    let (mut found, mut told) = (Tagged::new(), 0);
    for capture in captures::all() {
        let said = said_with(&[&capture.path], &options, false);
        let document = document(&said);
        let here = tags(&said);
        // For what and when each was used, and which devices accept the same, is all that tags add, and that without them none was compared.
        let bare = |document: &Document| {
            let mut bare = document.clone();
            (bare.coverage.shared_secrets, bare.coverage.reservations) = (Vec::new(), Vec::new());
            bare.devices.iter_mut().for_each(|device| device.secrets = Vec::new());
            bare
        };
        assert!(capture.document.devices.iter().all(|device| device.secrets.is_empty()), "{}: what is not tagged is not told apart", capture.name);
        told += document.devices.iter().flat_map(|device| &device.secrets).filter(|one| !one.used.is_empty() && one.first_seen.is_some()).count();
        let grouped = !document.coverage.shared_secrets.is_empty();
        for format in [Format::Json, Format::Ndjson, Format::Table, Format::Csv, Format::Html] {
            let written = text(&document, format);
            for tag in here.iter().flat_map(|(_, secret, login)| [Some(secret), login.as_ref()]).flatten() {
                assert!(!written.contains(&digits(&tag[..8])), "{}: a tag in the document", capture.name);
            }
            let same = text(&bare(&document), format) == text(&bare(&capture.document), format);
            assert!(same || grouped, "{}: tags change the document", capture.name);
        }
        found.extend(here);
    }
    assert_eq!(expected(&key).difference(&found).count(), 0, "{found:?}");
    assert!(told > 10, "{told} secrets are told apart");
    let public = key.tag(None, b"public").secret;
    assert!(found.iter().filter(|(_, tag, _)| **tag == public).all(|(what, ..)| what == "snmp community"));
}

#[test]
fn a_database_has_the_tags_and_neither_key_nor_secret() {
    let folder = folder("tagged");
    let pcaps = captures::root().join("pcaps");
    let replay = |more: &[&str]| {
        let ran = run_in(&folder, &[&["replay", &pcaps.to_string_lossy(), "--format", "json"], more].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran
    };
    let ran = replay(&["--db", "tagged.db", "--site-key", "key"]);
    let key_bytes = std::fs::read(folder.join("key")).expect("the key that was made");
    let kept = Store::open_read_only(&folder.join("tagged.db")).expect("a database").said().expect("rows").said;
    let (kept, expected) = (tags(&kept), expected(&key(&folder.join("key"))));
    assert_eq!(expected.difference(&kept).count(), 0, "{kept:?}");
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    for file in captures::files(&folder, &["db", "db-wal", "db-shm"]) {
        let bytes = std::fs::read(&file).expect("a file");
        assert!(!holds_secret(&bytes), "{}", file.display());
        assert!(!holds(&bytes, &key_bytes[..8]) && !holds(&bytes, digits(&key_bytes[..8]).as_bytes()), "{}", file.display());
    }
    for tag in kept.iter().flat_map(|(_, secret, login)| [Some(secret), login.as_ref()]).flatten().chain([&key_bytes]) {
        assert!(!ran.stdout.contains(&digits(&tag[..8])) && !ran.stderr.contains(&digits(&tag[..8])));
    }
    let again = replay(&["--db", "tagged.db", "--site-key", "key"]);
    assert_eq!(tags(&Store::open_read_only(&folder.join("tagged.db")).expect("a database").said().expect("rows").said), kept);
    assert!(again.stdout == ran.stdout, "reading again changes something");
}

#[test]
fn a_key_of_one_run_leaves_nothing_in_a_database() {
    let folder = folder("untagged");
    let capture = captures::root().join("pcaps/plant-and-office.pcap");
    let ran = run_in(&folder, &["replay", &capture.to_string_lossy(), "--db", "untagged.db"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let said = Store::open_read_only(&folder.join("untagged.db")).expect("a database").said().expect("rows").said;
    assert!(said.sources.values().flat_map(observations::SourceSaid::decoded).flatten().any(|said| said.kind == Kind::Credential));
    assert_eq!(tags(&said), Tagged::new());
}
