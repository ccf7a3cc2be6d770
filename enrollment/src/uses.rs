//! Use of identities as others' logs report it: a vault's audit log, and tables of relying parties. Reported is not seen: it says that
//! somebody wrote so.
//!
//! | kind | what is read |
//! |---|---|
//! | `vault-audit` | JSON lines of a file audit device. Answers without an error whose `auth.metadata` names a certificate: `serial_number` (decimal), `common_name` |
//! | `csv` | a header with `time` (RFC 3339) and one or more of `serial` (hexadecimal), `certificate_sha256`, `common_name` |
//!
//! An audit device keeps tokens as `hmac-sha256:…` under a key of its own, and may be told to keep more so: what is hidden that way is
//! counted and matches nobody. Nothing but times, serials and names is taken from a line.

use crate::registrar::{Error, Registrar};
use crate::store::Note;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Read};

/// The longest line that is looked at, in bytes: an entry with a chain of certificates has some ten thousand.
const LINE_MAX: u64 = 1 << 20;
/// The longest table that is read, in bytes: a million uses; a row of it may be as long, and is held in memory.
const TABLE_MAX: u64 = 64 << 20;
/// Digits of a serial in decimal: 20 octets (RFC 5280 §4.1.2.2) have 49.
const DECIMAL_MAX: usize = 60;
/// Seconds by which another's clock may be ahead of ours.
const CLOCKS_APART_MAX: i64 = 300;
/// How an audit device begins what it hides.
const HIDDEN: &str = "hmac-sha256:";

/// One use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Use {
    /// When, seconds since 1970.
    pub at: i64,
    /// Lower-case hex without separators.
    pub serial: Option<String>,
    /// Lower-case hex.
    pub sha256: Option<String>,
    /// The subject's common name.
    pub common_name: Option<String>,
}

/// What a line is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Line {
    Use(Use),
    /// A use of what is hidden.
    Hidden,
    /// Something else.
    Other,
    /// Nothing that can be read.
    Broken,
}

/// What a log gave.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Imported {
    /// Lines, or rows.
    pub lines: u64,
    /// Those that say that a certificate was used.
    pub uses: u64,
    /// Of them, those of an identity that we know.
    pub matched: u64,
    /// Those whose certificate the log hides under a key of its own.
    pub hidden: u64,
    /// What could not be read, was too long, or has a time to come.
    pub broken: u64,
    /// Requests whose identity was used.
    pub requests: u64,
}

impl Registrar {
    /// Takes in a vault's audit log.
    ///
    /// # Errors
    /// If the log or the database cannot be read, or the database cannot be written.
    pub fn import_vault_audit(&mut self, log: &mut dyn BufRead, by: &str, now: i64) -> Result<Imported, Error> {
        let (mut imported, mut last) = (Imported::default(), BTreeMap::new());
        let known = self.known()?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = log.take(LINE_MAX).read_until(b'\n', &mut line).map_err(|error| Error::Refused(error.to_string()))?;
            if length == 0 {
                return self.report(imported, last, by, now);
            }
            if line.last() != Some(&b'\n') && line.len() as u64 == LINE_MAX {
                rest_of_line(log).map_err(|error| Error::Refused(error.to_string()))?;
                line.clear();
            }
            imported.take(audited(&line), &known, &mut last, now);
        }
    }

    /// Takes in a table.
    ///
    /// # Errors
    /// If it has no columns by which an identity could be found; else as [`Self::import_vault_audit`].
    pub fn import_csv(&mut self, table: &mut dyn BufRead, by: &str, now: i64) -> Result<Imported, Error> {
        let mut table = table.take(TABLE_MAX + 1);
        let (mut imported, mut last) = (Imported::default(), BTreeMap::new());
        let known = self.known()?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(&mut table);
        let names: Vec<String> = reader.headers().map_err(|error| Error::Refused(error.to_string()))?.iter().map(str::to_lowercase).collect();
        let column = |name: &str| names.iter().position(|one| one == name);
        let (time, keys) = (column("time"), [column("serial"), column("certificate_sha256"), column("common_name")]);
        let Some(time) = time.filter(|_| keys.iter().any(Option::is_some)) else {
            return Err(Error::Refused("no column `time`, or none of `serial`, `certificate_sha256`, `common_name`".to_owned()));
        };
        for row in reader.records() {
            let line = row.map_or(Line::Broken, |row| {
                let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).filter(|cell| !cell.is_empty());
                let hex = |at| cell(at).map(crate::targets::plain_serial);
                let [serial, sha256, common_name] = keys;
                match cell(Some(time)).and_then(seconds) {
                    Some(at) => Line::Use(Use {
                        at,
                        serial: hex(serial),
                        sha256: hex_digest(cell(sha256)),
                        common_name: cell(common_name).map(str::to_owned),
                    }),
                    None => Line::Broken,
                }
            });
            imported.take(line, &known, &mut last, now);
        }
        drop(reader);
        if table.limit() == 0 {
            return Err(Error::Refused(format!("longer than {TABLE_MAX} bytes: cut it in pieces, each with the header")));
        }
        self.report(imported, last, by, now)
    }

    /// Requests by what a log may name: `s` and a serial, `d` and a digest, `n` and a common name. What names two names nobody.
    fn known(&self) -> Result<HashMap<String, Option<String>>, Error> {
        let mut known: HashMap<String, Option<String>> = HashMap::new();
        let mut add = |key: String, id: &str| {
            known.entry(key).and_modify(|one| *one = one.take().filter(|one| one == id)).or_insert_with(|| Some(id.to_owned()));
        };
        for held in self.store.all()? {
            let id = &held.request.id;
            if !held.request.requested.common_name.is_empty() {
                add(format!("n{}", held.request.requested.common_name), id);
            }
            for one in self.store.issued_for(id)? {
                add(format!("s{}", one.serial), id);
                add(format!("d{}", one.sha256), id);
            }
        }
        Ok(known)
    }

    fn report(&mut self, mut imported: Imported, last: BTreeMap<String, i64>, by: &str, now: i64) -> Result<Imported, Error> {
        for (id, at) in last {
            imported.requests += 1;
            let mut watched = self.store.watched(&id)?;
            if watched.reported_at.is_none_or(|before| at > before) {
                (watched.reported_at, watched.reported_by) = (Some(at), by.to_owned());
                self.store.watch(&id, &watched)?;
            }
        }
        let detail = format!("{}: {} lines, {} uses, {} of {} requests", by, imported.lines, imported.uses, imported.matched, imported.requests);
        self.store.note(now, &Note { actor: "registrar", action: "import-use", subject: "uses", detail: &detail })?;
        Ok(imported)
    }
}

impl Imported {
    fn take(&mut self, line: Line, known: &HashMap<String, Option<String>>, last: &mut BTreeMap<String, i64>, now: i64) {
        self.lines += 1;
        match line {
            Line::Other => {}
            Line::Hidden => self.hidden += 1,
            Line::Broken => self.broken += 1,
            Line::Use(one) if one.at > now + CLOCKS_APART_MAX => self.broken += 1,
            Line::Use(one) => {
                self.uses += 1;
                // The certificate itself before its name: names are given again.
                let keys = [("d", &one.sha256), ("s", &one.serial), ("n", &one.common_name)];
                let id = keys.iter().find_map(|(kind, key)| known.get(&format!("{kind}{}", key.as_ref()?))?.clone());
                if let Some(id) = id {
                    self.matched += 1;
                    let at = last.entry(id).or_insert(one.at);
                    *at = (*at).max(one.at);
                }
            }
        }
    }
}

/// Reads to the end of a line and keeps nothing of it.
fn rest_of_line(log: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = log.fill_buf()?;
        let (length, end) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        log.consume(length);
        if end {
            return Ok(());
        }
    }
}

/// One entry of an audit log. A request is logged before it is answered: what counts is the answer.
fn audited(line: &[u8]) -> Line {
    let Ok(entry) = serde_json::from_slice::<Value>(line) else { return Line::Broken };
    if entry["type"] != "response" || entry["error"].as_str().is_some_and(|error| !error.is_empty()) {
        return Line::Other;
    }
    let of = |auth: &Value| Some(auth["metadata"].clone()).filter(|metadata| metadata["serial_number"].is_string());
    let Some(metadata) = of(&entry["response"]["auth"]).or_else(|| of(&entry["auth"])) else { return Line::Other };
    let text = |name: &str| metadata[name].as_str().unwrap_or_default();
    let (serial, common_name) = (text("serial_number"), text("common_name"));
    if serial.starts_with(HIDDEN) {
        return Line::Hidden;
    }
    match (entry["time"].as_str().and_then(seconds), hex_of_decimal(serial)) {
        (Some(at), Some(serial)) => {
            let common_name = Some(common_name).filter(|name| !name.is_empty() && !name.starts_with(HIDDEN)).map(str::to_owned);
            Line::Use(Use { at, serial: Some(serial), common_name, ..Use::default() })
        }
        _ => Line::Broken,
    }
}

fn seconds(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

fn hex_digest(cell: Option<&str>) -> Option<String> {
    cell.map(|digest| digest.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect())
}

/// A number in decimal, as it is written in hexadecimal.
fn hex_of_decimal(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > DECIMAL_MAX {
        return None;
    }
    // Base 256, the least octet first.
    let mut octets: Vec<u8> = Vec::new();
    for digit in text.chars() {
        let mut carry = digit.to_digit(10)?;
        for octet in &mut octets {
            carry += u32::from(*octet) * 10;
            *octet = u8::try_from(carry & 0xff).unwrap_or_default();
            carry >>= 8;
        }
        if carry > 0 {
            octets.push(u8::try_from(carry).unwrap_or_default());
        }
    }
    octets.reverse();
    Some(crate::targets::plain_serial(&crate::sign::hex(&octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_in_decimal_is_the_one_in_hexadecimal() {
        // As a vault logged it, and listed it.
        assert_eq!(
            hex_of_decimal("529671260857537678267863912449128070133761216779").as_deref(),
            Some("5cc747e153cf76a963 9a3821a0ffbaa49490910b".replace(' ', "").as_str())
        );
        assert_eq!((hex_of_decimal("10").as_deref(), hex_of_decimal("x"), hex_of_decimal("")), (Some("0a"), None, None));
    }

    #[test]
    fn what_counts_is_an_answer_without_an_error_that_names_a_certificate() {
        let entry = |kind: &str, serial: &str, error: &str| {
            let text = format!(
                r#"{{"time":"2026-11-27T10:00:00Z","type":"{kind}","error":"{error}","auth":{{"client_token":"hmac-sha256:ab"}},
                "response":{{"auth":{{"metadata":{{"serial_number":"{serial}","common_name":"dev-1"}}}}}}}}"#
            );
            audited(text.as_bytes())
        };
        let common_name = Some("dev-1".to_owned());
        assert_eq!(entry("response", "10", ""), Line::Use(Use { at: 1_795_773_600, serial: Some("0a".into()), common_name, ..Use::default() }));
        assert_eq!((entry("request", "10", ""), entry("response", "10", "denied")), (Line::Other, Line::Other));
        assert_eq!((entry("response", "hmac-sha256:00", ""), entry("response", "x", "")), (Line::Hidden, Line::Broken));
        assert_eq!((audited(b"{}"), audited(b"{")), (Line::Other, Line::Broken));
    }
}
