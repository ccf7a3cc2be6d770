//! What operators decided: append-only, each entry bound by a hash to the one before it.
//!
//! A file has a chain of its own, named by its *origin*; merging copies the chains of others beside it. Entries join as a set, so order
//! and repetition of merges do not matter. Where a copied file went on in two places, its chain forks, and both branches stand.

use super::error::{Named, StoreError};
use super::{Store, Writer, schema};
use inventory::decision::Decision;
use observations::DecodeError;
use observations::bytes::{Reader, put_bytes, put_signed};
use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest, Sha256};

/// A chain's name: random, made with the file.
pub type Origin = [u8; 16];

type Hash = [u8; 32];

/// Bytes of one text of a decision, or of an author's name: a page of prose. More is no annotation.
pub const TEXT_MAX: usize = 16 << 10;

/// What is hashed begins with this, so that no hash of anything else can pass for one.
const DOMAIN: &[u8] = b"wirecensus.decision/1";

/// One decision as it stands in its chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// When it was made, in nanoseconds since 1970, as the operator's clock said; never before the entry before it.
    pub at: i64,
    /// Its chain.
    pub origin: Origin,
    /// Its place there, from 1.
    pub sequence: u64,
    /// The hash of the entry.
    pub hash: [u8; 32],
    /// Who decided.
    pub author: String,
    /// What.
    pub decision: Decision,
}

/// An entry that does not hold; it and what hangs on it do not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainFault {
    /// Its chain, as it is written there.
    pub origin: Vec<u8>,
    /// Its place there.
    pub sequence: i64,
    /// What is wrong.
    pub what: &'static str,
}

impl Store {
    /// Appends a decision; `at` is the wall clock, `author` who decided.
    ///
    /// # Errors
    /// [`StoreError`] if a text is too long or the file cannot be written; then nothing was decided.
    pub fn decide(&mut self, decision: &Decision, author: &str, at: i64) -> Result<(), StoreError> {
        bounded(decision, author)?;
        let Self { connection, path } = self;
        let work = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            append(&transaction, decision, author, at)?;
            schema::changed(&transaction)?;
            transaction.commit()
        };
        work(connection).named(path)
    }

    /// All decisions that hold, of all chains, by time, origin and place.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn decision_log(&self) -> Result<Vec<Recorded>, StoreError> {
        let entries = chains(&self.connection).named(&self.path)?.0;
        let mut log: Vec<Recorded> = entries.into_iter().map(|entry| entry.recorded).collect();
        log.sort_by_key(|entry| (entry.at, entry.origin, entry.sequence, entry.hash));
        Ok(log)
    }

    /// The same without times and authors: what [`inventory::decision::Decisions::of`] takes.
    ///
    /// # Errors
    /// As [`Store::decision_log`].
    pub fn decisions(&self) -> Result<Vec<Decision>, StoreError> {
        Ok(self.decision_log()?.into_iter().map(|entry| entry.decision).collect())
    }

    /// Checks all chains: every hash, and every entry's bond to the one before. Empty if all hold. That the newest entries were cut off
    /// shows only against a hash that was noted elsewhere: [`Recorded::hash`].
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn verify_chain(&self) -> Result<Vec<ChainFault>, StoreError> {
        Ok(chains(&self.connection).named(&self.path)?.1)
    }

    /// Copies the entries that hold into another database.
    pub(super) fn merge_decisions_into(&self, other: &mut Writer) -> Result<(), StoreError> {
        let entries = chains(&self.connection).named(&self.path)?.0;
        other.copy_decisions(|connection| {
            let mut new = false;
            for Entry { recorded, before, record } in &entries {
                new |= insert(connection, &recorded.origin, recorded.sequence as i64, &recorded.hash, before, record)?;
            }
            Ok(new)
        })
    }
}

/// Refuses texts that are too long.
pub(super) fn bounded(decision: &Decision, author: &str) -> Result<(), StoreError> {
    let texts = texts(decision).into_iter().map(|text| ("decision", text)).chain([("author", author)]);
    match texts.into_iter().find(|(_, text)| text.len() > TEXT_MAX) {
        Some((what, text)) => Err(StoreError::TooLong { what, length: text.len(), most: TEXT_MAX }),
        None => Ok(()),
    }
}

/// Appends a decision to the file's own chain.
pub(super) fn append(connection: &Connection, decision: &Decision, author: &str, at: i64) -> rusqlite::Result<()> {
    let origin: Origin = connection.query_row("SELECT origin FROM store", [], |row| row.get(0))?;
    let own = chains(connection)?.0.into_iter().filter(|entry| entry.recorded.origin == origin);
    // Of two branches the longer goes on; of equal ones that with the smaller hash.
    let tip = own.map(|entry| entry.recorded).max_by_key(|entry| (entry.sequence, std::cmp::Reverse(entry.hash)));
    let (sequence, before, not_before) = tip.map_or((1, [0; 32], at), |tip| (tip.sequence + 1, tip.hash, tip.at));
    let record = encode(decision, author, at.max(not_before));
    let hash = hash(&before, &origin, sequence, &record);
    insert(connection, &origin, sequence as i64, &hash, &before, &record).map(drop)
}

/// The decisions that hold, of all chains.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Decision>> {
    Ok(chains(connection)?.0.into_iter().map(|entry| entry.recorded.decision).collect())
}

/// How many entries there are: a table of decisions only grows.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT count(*) FROM decisions")?.query_row([], |row| row.get(0))
}

/// An entry with the bytes that its hash covers.
struct Entry {
    recorded: Recorded,
    before: Hash,
    record: Vec<u8>,
}

/// The entries that hold, chain by chain in order, and the faults.
fn chains(connection: &Connection) -> rusqlite::Result<(Vec<Entry>, Vec<ChainFault>)> {
    let mut statement = connection.prepare_cached("SELECT origin, sequence, hash, before, record FROM decisions ORDER BY origin, sequence, hash")?;
    let mut rows = statement.query([])?;
    let (mut entries, mut faults): (Vec<Entry>, Vec<ChainFault>) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (origin, sequence): (Vec<u8>, i64) = (row.get(0)?, row.get(1)?);
        match entry(&entries, &origin, sequence, row.get_ref(2)?.as_blob()?, row.get_ref(3)?.as_blob()?, row.get_ref(4)?.as_blob()?) {
            Ok(entry) => entries.push(entry),
            Err(what) => faults.push(ChainFault { origin, sequence, what }),
        }
    }
    Ok((entries, faults))
}

fn entry(entries: &[Entry], origin: &[u8], sequence: i64, stored: &[u8], before: &[u8], record: &[u8]) -> Result<Entry, &'static str> {
    let wrong_size = |_| "it is no entry";
    let (origin, stored) = (Origin::try_from(origin).map_err(wrong_size)?, Hash::try_from(stored).map_err(wrong_size)?);
    let (before, sequence) = (Hash::try_from(before).map_err(wrong_size)?, u64::try_from(sequence).map_err(|_| "it is no entry")?);
    if hash(&before, &origin, sequence, record) != stored {
        return Err("its hash is wrong");
    }
    let is_first = sequence == 1 && before == [0; 32];
    let is_before = |entry: &&Entry| entry.recorded.sequence.checked_add(1) == Some(sequence) && entry.recorded.hash == before;
    // Branches are few: the entry before is among the last ones.
    let neighbours =
        entries.iter().rev().take_while(|entry| entry.recorded.origin == origin && entry.recorded.sequence.saturating_add(1) >= sequence);
    if !is_first && !neighbours.into_iter().any(|entry| is_before(&entry)) {
        return Err("the entry before it is missing");
    }
    let (at, author, decision) = decode(record).map_err(|_| "it is no decision")?;
    Ok(Entry { recorded: Recorded { at, origin, sequence, hash: stored, author, decision }, before, record: record.to_vec() })
}

fn insert(connection: &Connection, origin: &Origin, sequence: i64, hash: &Hash, before: &Hash, record: &[u8]) -> rusqlite::Result<bool> {
    let sql = "INSERT OR IGNORE INTO decisions (origin, sequence, hash, before, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    let inserted = connection.prepare_cached(sql)?.execute(params![&origin[..], sequence, &hash[..], &before[..], record])?;
    Ok(inserted > 0)
}

fn hash(before: &Hash, origin: &Origin, sequence: u64, record: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    for part in [DOMAIN, before, origin, &sequence.to_be_bytes(), record] {
        hasher.update(part);
    }
    hasher.finalize().into()
}

// ── one entry's bytes ──────────────────────────────────────────────────────────────────────────────────────────────────────

const PIN: u8 = 1;
const SPLIT: u8 = 2;
const ANNOTATE: u8 = 3;
const SUPPRESS: u8 = 4;
const FORGET: u8 = 5;

fn texts(decision: &Decision) -> Vec<&str> {
    match decision {
        Decision::Pin(a, b) | Decision::Split(a, b) => vec![a, b],
        Decision::Annotate { key, name, value } => vec![key, name, value],
        Decision::Suppress { key, rule, reason, until, author } => vec![key, rule, reason, until, author],
        Decision::Forget { site, key, until, reason } => vec![site, key, until, reason],
    }
}

fn encode(decision: &Decision, author: &str, at: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_signed(&mut out, at);
    put_bytes(&mut out, author.as_bytes());
    out.push(match decision {
        Decision::Pin(..) => PIN,
        Decision::Split(..) => SPLIT,
        Decision::Annotate { .. } => ANNOTATE,
        Decision::Suppress { .. } => SUPPRESS,
        Decision::Forget { .. } => FORGET,
    });
    for text in texts(decision) {
        put_bytes(&mut out, text.as_bytes());
    }
    out
}

fn decode(record: &[u8]) -> Result<(i64, String, Decision), DecodeError> {
    let mut reader = Reader { bytes: record };
    let reader = &mut reader;
    let (at, author) = (reader.signed()?, reader.text()?.to_owned());
    let decision = match reader.byte()? {
        PIN => Decision::Pin(reader.text()?.to_owned(), reader.text()?.to_owned()),
        SPLIT => Decision::Split(reader.text()?.to_owned(), reader.text()?.to_owned()),
        ANNOTATE => Decision::Annotate { key: reader.text()?.to_owned(), name: reader.text()?.to_owned(), value: reader.text()?.to_owned() },
        SUPPRESS => Decision::Suppress {
            key: reader.text()?.to_owned(),
            rule: reader.text()?.to_owned(),
            reason: reader.text()?.to_owned(),
            until: reader.text()?.to_owned(),
            author: reader.text()?.to_owned(),
        },
        FORGET => Decision::Forget {
            site: reader.text()?.to_owned(),
            key: reader.text()?.to_owned(),
            until: reader.text()?.to_owned(),
            reason: reader.text()?.to_owned(),
        },
        _ => return Err(reader.fail("decision")),
    };
    if reader.bytes.is_empty() { Ok((at, author, decision)) } else { Err(reader.fail("end")) }
}
