//! A secret is planted in every protocol that carries one, and stands in nothing that comes out: no export, no database, no log, no
//! golden, no message of a panic.
//!
//! What is planted is learnt from the dissectors themselves: a tagger that remembers what it is given. Whoever calls `secret` in a
//! dissector without a capture that holds one fails here.

use crate::captures::{self, Capture, files, folder, root, said_with, written};
use crate::command::run_in;
use crate::golden;
use aho_corasick::AhoCorasick;
use daemon::export::Format;
use daemon::pipeline::Options;
use dissectors::context::{Tagger, Tags};
use dissectors::registry::Registry;
use observations::{Field, Kind, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};

/// How secrets begin that were made for these captures; some protocols cut them to eight, six or four bytes, one takes digits alone.
const PLANTED: &[&str] = &["LABS", "lab7", "40911"];

/// Files that read for several protocols, or whose name is none.
const READ_FOR: &[(&str, &[&str])] = &[
    ("http_form.rs", &["http"]),
    ("http_log_in.rs", &["http"]),
    ("mail_log_in.rs", &["smtp", "imap", "pop"]),
    ("terminal_log_in.rs", &["telnet", "rlogin"]),
    ("ads_route.rs", &["ads"]),
    ("dlms_apdu.rs", &["dlms"]),
    ("dnp3_application.rs", &["dnp3"]),
];

/// Shorter ones would be found by chance.
const SEARCHED_MIN: usize = 6;

const FORMATS: &[Format] = &[Format::Json, Format::Ndjson, Format::Table, Format::Csv, Format::Html, Format::Sarif];

/// Tags that lead back to their secrets: only a test may have such.
#[derive(Default)]
struct Open(Mutex<Vec<Vec<u8>>>);

impl Tagger for Open {
    fn tag(&self, _: Option<&[u8]>, secret: &[u8]) -> Tags {
        let mut known = self.0.lock().expect("nobody panicked");
        known.push(secret.to_vec());
        let mut tag = [0; 16];
        tag[..4].copy_from_slice(&u32::try_from(known.len() - 1).expect("few secrets").to_be_bytes());
        Tags { secret: tag, login: None }
    }
}

/// A tagger that fails in the middle of a log-in.
struct Broken;

impl Tagger for Broken {
    fn tag(&self, _: Option<&[u8]>, _: &[u8]) -> Tags {
        panic!("this tagger is broken");
    }
}

/// What one capture holds: protocol, use and secret.
type Held = BTreeSet<(String, String, Vec<u8>)>;

/// By the place in [`captures::all`].
static HELD: LazyLock<Vec<Held>> = LazyLock::new(|| captures::all().iter().map(held).collect());

fn held(capture: &Capture) -> Held {
    let open = Arc::new(Open::default());
    let said = said_with(&[&capture.path], &Options { tagger: Some(Arc::<Open>::clone(&open)), ..Options::new() }, false);
    let known = open.0.lock().expect("nobody panicked");
    let of = |said: observations::Observation| {
        let Some(Value::Bytes(tag)) = said.get(Field::SecretTag) else { return None };
        let number = u32::from_be_bytes(tag[..4].try_into().expect("a tag of sixteen bytes"));
        let used = said.get(Field::SecretUse).expect("what it was used for").display();
        Some((said.protocol.to_string(), used, known[number as usize].clone()))
    };
    let said = said.sources.values().flat_map(observations::SourceSaid::decoded).map(|said| said.expect("canonical bytes"));
    said.filter(|said| said.kind == Kind::Credential).filter_map(of).collect()
}

fn is_planted(secret: &[u8]) -> bool {
    PLANTED.iter().any(|planted| secret.starts_with(planted.as_bytes()))
}

/// Every way in which bytes are likely to be spelt: as they stand, in hexadecimal digits, in base64 at each alignment, in UTF-16.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = |bytes: &mut dyn Iterator<Item = u8>| bytes.map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    let wide = || secret.iter().flat_map(|byte| [*byte, 0]);
    let mut all = vec![secret.to_vec(), hex(&mut secret.iter().copied()), hex(&mut wide()), wide().collect()];
    for before in 0..3usize {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
        // Characters that hold a bit of a neighbour are left out.
        let first = (8 * before).div_ceil(6);
        let whole = 8 * padded.len() / 6;
        all.push(base64(&padded).get(first..whole).unwrap_or_default().to_vec());
    }
    all.retain(|spelling| spelling.len() >= SEARCHED_MIN);
    all
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let letter = |six: &[bool]| LETTERS[six.iter().chain([&false; 5]).take(6).fold(0, |number, bit| number << 1 | usize::from(*bit))];
    bits.chunks(6).map(letter).collect()
}

/// Secrets that are searched for: planted ones that are long enough.
fn searched<'h>(held: impl Iterator<Item = &'h Held>) -> BTreeSet<&'h [u8]> {
    let secrets = held.flatten().map(|(.., secret)| secret.as_slice());
    secrets.filter(|secret| is_planted(secret) && secret.len() >= SEARCHED_MIN).collect()
}

/// What looks for some secrets in every spelling, all at once.
struct Search<'s> {
    spellings: AhoCorasick,
    /// By spelling.
    secrets: Vec<&'s [u8]>,
}

impl<'s> Search<'s> {
    fn of(secrets: &BTreeSet<&'s [u8]>) -> Self {
        let all: Vec<(Vec<u8>, &[u8])> =
            secrets.iter().flat_map(|secret| spellings(secret).into_iter().map(|spelling| (spelling, *secret))).collect();
        let spellings = AhoCorasick::new(all.iter().map(|(spelling, _)| spelling)).expect("few spellings");
        Self { spellings, secrets: all.iter().map(|(_, secret)| *secret).collect() }
    }

    /// The first secret that bytes hold.
    fn found(&self, bytes: &[u8]) -> Option<&'s [u8]> {
        let first = |bytes: &[u8]| self.spellings.find(bytes).map(|found| self.secrets[found.pattern().as_usize()]);
        first(bytes).or_else(|| first(&bytes.iter().copied().filter(|byte| !matches!(byte, b':' | b' ' | b'-')).collect::<Vec<u8>>()))
    }
}

/// Protocols for which a file reads.
fn read_for(path: &Path, registry: &Registry) -> Vec<String> {
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    if let Some((_, protocols)) = READ_FOR.iter().find(|(file, _)| *file == name) {
        return protocols.iter().map(|protocol| (*protocol).to_owned()).collect();
    }
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().replace('-', "_")).unwrap_or_default();
    let names = [stem(path), path.parent().map(stem).unwrap_or_default()];
    let row = registry.rows().map(|(_, row)| row.name).find(|row| names.contains(&row.replace('-', "_")));
    row.map(str::to_owned).into_iter().collect()
}

/// What stands between the parentheses of a call.
fn arguments(call: &str) -> &str {
    let inside = call.split_once('(').map_or("", |(_, inside)| inside);
    let mut depth = 1;
    let end = inside.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    &inside[..end.unwrap_or(inside.len())]
}

#[test]
fn every_protocol_that_carries_a_secret_is_planted_with_one() {
    let registry = Registry::new();
    let mut planted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (protocol, used, secret) in HELD.iter().flatten() {
        if is_planted(secret) {
            planted.entry(protocol).or_default().insert(used);
        }
    }
    let mut wrong = Vec::new();
    for path in files(&root().join("dissectors/src"), &["rs"]) {
        let text = std::fs::read_to_string(&path).expect("a source");
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let calls: Vec<&str> = product.match_indices("cx.secret(").map(|(at, _)| &product[at..]).collect();
        let short = path.strip_prefix(root()).expect("below the root").display();
        if calls.is_empty() {
            continue;
        }
        let protocols = read_for(&path, &registry);
        if protocols.is_empty() {
            wrong.push(format!("{short}: for which protocol does it read? Name it in READ_FOR"));
        }
        wrong.extend(
            protocols.iter().filter(|name| !planted.contains_key(name.as_str())).map(|name| format!("{short}: no capture holds a secret in {name}")),
        );
        // What a secret is used for stands in the call, or is handed to it.
        let literal = |call: &str| arguments(call).split('"').nth(1).map(str::to_owned);
        for used in calls.iter().filter_map(|call| literal(call)) {
            if !planted.values().any(|uses| uses.contains(used.as_str())) {
                wrong.push(format!("{short}: no capture holds a secret used as {used:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_planted_secret_stands_in_what_its_capture_gives() {
    let mut shown = 0;
    for (capture, held) in captures::all().iter().zip(HELD.iter()).filter(|(_, held)| !held.is_empty()) {
        let secrets = searched(std::iter::once(held));
        let bytes = std::fs::read(&capture.path).expect("a capture");
        // What is masked, or cut by checksums and packets, does not stand on the wire as it was typed; most does.
        let search = Search::of(&secrets);
        shown += usize::from(search.found(&bytes).is_some());
        for format in FORMATS {
            let text = written(&capture.document, *format, 1);
            assert_eq!(search.found(text.as_bytes()).map(String::from_utf8_lossy), None, "{} as {format:?}", capture.name);
        }
        for row in capture.said.sources.values().flat_map(|one| one.observations.iter()) {
            assert_eq!(search.found(row.key).or(search.found(row.evidence)), None, "{}: what is kept", capture.name);
        }
        let golden = std::fs::read(golden::path(&capture.name)).unwrap_or_default();
        assert_eq!(search.found(&golden), None, "{}: its golden", capture.name);
    }
    assert!(shown > 40, "the search finds what was typed in {shown} captures");
}

#[test]
fn no_planted_secret_stands_in_a_database_a_log_or_an_inventory_under_pseudonyms() {
    let own = folder("planted");
    let search = Search::of(&searched(HELD.iter()));
    let pcaps = root().join("pcaps").to_string_lossy().into_owned();
    let said = |what: &[&str]| {
        let ran = run_in(&own, what);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(search.found(ran.stdout.as_bytes()).or(search.found(ran.stderr.as_bytes())), None, "{what:?}");
    };
    said(&["replay", &pcaps, "--db", "planted.db", "--site-key", "key", "--stages", "--format", "json"]);
    for format in ["json", "ndjson", "csv", "html", "table"] {
        said(&["export", "--db", "planted.db", "--site-key", "key", "--format", format, "--redact"]);
    }
    said(&["findings", "--db", "planted.db", "--site-key", "key", "--format", "sarif"]);
    for file in files(&own, &["db", "db-wal", "db-shm"]) {
        assert_eq!(search.found(&std::fs::read(&file).expect("a file")), None, "{}", file.display());
    }
}

/// What the next test runs in a process of its own.
#[test]
fn a_log_in_is_read_by_a_broken_tagger() {
    if std::env::var_os("WIRECENSUS_BROKEN_TAGGER").is_none() {
        return;
    }
    for (_, path) in captures::paths() {
        let options = Options { tagger: Some(Arc::new(Broken)), ..Options::new() };
        // It ends here if the capture holds a log-in.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(said_with(&[&path], &options, false))));
    }
}

#[test]
fn a_panic_in_the_middle_of_a_log_in_prints_nothing_of_it() {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["planted::a_log_in_is_read_by_a_broken_tagger", "--exact", "--nocapture"]);
    let output = command.env("WIRECENSUS_BROKEN_TAGGER", "1").env("RUST_BACKTRACE", "full").output().expect("it can be run");
    let text = [output.stdout, output.stderr].concat();
    let panics = String::from_utf8_lossy(&text).matches("this tagger is broken").count();
    assert!(panics > 30, "{panics} log-ins");
    assert_eq!(Search::of(&searched(HELD.iter())).found(&text), None);
}

#[test]
fn the_search_finds_every_spelling() {
    let search = Search::of(&[&b"LABSECRET-x"[..]].into());
    for text in [
        &b"a LABSECRET-x b"[..],
        b"hex:4c41425345435245542d78",
        b"4c:41:42:53:45:43:52:45:54:2d:78",
        b"4c004100420053004500430052004500540 02d007800",
        b"TEFCU0VDUkVULXg=",
        b"YWRtaW46TEFCU0VDUkVULXg=",
        b"YTpMQUJTRUNSRVQteA==",
        b"YWE6TEFCU0VDUkVULXg=",
        b"L\0A\0B\0S\0E\0C\0R\0E\0T\0-\0x\0",
    ] {
        assert!(search.found(text).is_some(), "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(search.found(b"LABSECRET-y 4c414253"), None);
}
