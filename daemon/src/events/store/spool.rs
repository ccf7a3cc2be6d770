//! Messages that wait for their receivers: in order, for each receiver by itself, until it took them.

use super::{Result, Store, Telling, json, meta, of_json};
use crate::events::event::Message;
use crate::events::kind::Kind;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::BTreeMap;

/// Messages that wait for one receiver at most: at the default budget a week.
pub(super) const WAITING_MAX: i64 = 10_000;

/// Seconds before the second try; each further one waits twice as long.
const BACKOFF_MIN: i64 = 5;

/// The longest wait between two tries: whoever repairs a receiver waits no longer than this.
const BACKOFF_MAX: i64 = 900;

/// A message that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Its number.
    pub number: i64,
    /// What is told.
    pub message: Message,
}

/// How a receiver fares.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Receipt {
    /// Its name.
    pub target: String,
    /// Messages that wait.
    pub waiting: i64,
    /// Messages that it took.
    pub sent: i64,
    /// Messages that were dropped, since too many waited.
    pub dropped: i64,
    /// Failures in a row.
    pub failures: i64,
    /// What went wrong last, if the last try failed.
    pub error: Option<String>,
}

impl Store {
    /// The message that a receiver gets next, if one is due. The one before must be told first, so that order is kept.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn due(&self, target: &str, now: i64) -> Result<Option<Waiting>> {
        self.read(|c| {
            let next: Option<i64> = c.query_row("SELECT next_at FROM targets WHERE name = ?1", [target], |row| row.get(0)).optional()?;
            // A wait that is longer than any is one that a clock made which was set back.
            if next.is_some_and(|next| next > now && next <= now.saturating_add(BACKOFF_MAX)) {
                return Ok(None);
            }
            let query = "SELECT id, body FROM spool JOIN messages ON id = message WHERE target = ?1 ORDER BY message LIMIT 1";
            let waiting = |row: &rusqlite::Row<'_>| Ok(Waiting { number: row.get(0)?, message: of_json(1, &row.get::<_, String>(1)?)? });
            c.query_row(query, [target], waiting).optional()
        })
    }

    /// A receiver took a message.
    ///
    /// # Errors
    /// If the database cannot be written; then it is told once more.
    pub fn sent(&mut self, target: &str, number: i64) -> Result<()> {
        self.write(|t| {
            t.execute("DELETE FROM spool WHERE target = ?1 AND message = ?2", params![target, number])?;
            t.execute("INSERT OR IGNORE INTO targets (name) VALUES (?1)", [target])?;
            t.execute("UPDATE targets SET failures = 0, next_at = 0, error = NULL, sent = sent + 1 WHERE name = ?1", [target]).map(|_| ())
        })
    }

    /// A receiver did not take a message: the next try waits, as long as it says or twice as long as before.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn failed(&mut self, target: &str, now: i64, wait: Option<u64>, error: &str) -> Result<()> {
        self.write(|t| {
            t.execute("INSERT OR IGNORE INTO targets (name) VALUES (?1)", [target])?;
            let failures: u32 = t.query_row("SELECT failures FROM targets WHERE name = ?1", [target], |row| row.get(0))?;
            let own = BACKOFF_MIN.saturating_mul(1_i64.checked_shl(failures.min(16)).unwrap_or(i64::MAX));
            let wait = wait.and_then(|wait| i64::try_from(wait).ok()).map_or(own, |wait| wait.max(1)).min(BACKOFF_MAX);
            let query = "UPDATE targets SET failures = failures + 1, next_at = ?2, error = ?3 WHERE name = ?1";
            t.execute(query, params![target, now.saturating_add(wait), error]).map(|_| ())
        })
    }

    /// Forgets what waits for receivers that the configuration no longer names.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn only(&mut self, targets: &BTreeMap<String, crate::events::kind::Severity>) -> Result<()> {
        self.write(|t| {
            let names: Vec<String> = t
                .prepare("SELECT DISTINCT target FROM spool UNION SELECT name FROM targets")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            for name in names.iter().filter(|name| !targets.contains_key(*name)) {
                t.execute("DELETE FROM spool WHERE target = ?1", [name])?;
                t.execute("DELETE FROM targets WHERE name = ?1", [name])?;
            }
            Ok(())
        })
    }

    /// How the receivers fare, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn receipts(&self) -> Result<Vec<Receipt>> {
        self.read(|c| {
            let query = "SELECT name, (SELECT count(*) FROM spool WHERE target = name), sent, dropped, failures, error FROM
                 (SELECT name, sent, dropped, failures, error FROM targets
                  UNION ALL SELECT DISTINCT target, 0, 0, 0, NULL FROM spool WHERE target NOT IN (SELECT name FROM targets)) ORDER BY name";
            let receipt = |row: &rusqlite::Row<'_>| {
                let (target, waiting, sent) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Receipt { target, waiting, sent, dropped: row.get(3)?, failures: row.get(4)?, error: row.get(5)? })
            };
            c.prepare(query)?.query_map([], receipt)?.collect()
        })
    }
}

/// Puts a message to be delivered to each receiver that is told of such; its number.
pub(super) fn message(t: &Transaction<'_>, message: &Message, telling: &Telling<'_>) -> rusqlite::Result<i64> {
    let number = store(t, message, telling.now)?;
    for (target, _) in telling.targets.iter().filter(|(_, least)| message.severity <= **least) {
        t.execute("INSERT INTO spool (target, message) VALUES (?1, ?2)", params![target, number])?;
        bound(t, target, telling)?;
    }
    Ok(number)
}

/// Numbers a message. The number and the database's own name are its id, which no other message has.
fn store(t: &Transaction<'_>, message: &Message, now: i64) -> rusqlite::Result<i64> {
    t.execute("INSERT INTO messages (at, body) VALUES (?1, '')", [now])?;
    let number = t.last_insert_rowid();
    let id = format!("{}-{number}", meta(t, "origin")?.unwrap_or_default());
    t.execute("UPDATE messages SET body = ?2 WHERE id = ?1", params![number, json(&Message { id, ..message.clone() })?])?;
    Ok(number)
}

/// Drops the oldest of what waits for a receiver if too much does; how many were dropped is told after what still waits.
fn bound(t: &Transaction<'_>, target: &str, telling: &Telling<'_>) -> rusqlite::Result<()> {
    let waiting: i64 = t.query_row("SELECT count(*) FROM spool WHERE target = ?1", [target], |row| row.get(0))?;
    if waiting <= WAITING_MAX {
        return Ok(());
    }
    // A tenth at once, so that not each further message writes a count of its own.
    let many = waiting - WAITING_MAX + WAITING_MAX / 10;
    let query = "SELECT message FROM spool WHERE target = ?1 ORDER BY message LIMIT ?2";
    let oldest: Vec<i64> = t.prepare(query)?.query_map(params![target, many], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for number in &oldest {
        t.execute("DELETE FROM spool WHERE target = ?1 AND message = ?2", params![target, number])?;
    }
    t.execute("INSERT OR IGNORE INTO targets (name) VALUES (?1)", [target])?;
    t.execute("UPDATE targets SET dropped = dropped + ?2 WHERE name = ?1", params![target, many])?;
    let all: i64 = t.query_row("SELECT dropped FROM targets WHERE name = ?1", [target], |row| row.get(0))?;
    let text = format!("{all} messages to {target} were dropped since it was away");
    let dropped = Message::about(
        Kind::Dropped,
        telling.at,
        u64::try_from(all).unwrap_or(0),
        text,
        format!("{WAITING_MAX} messages wait at most; `wirecensus events list` has them"),
    );
    let number = store(t, &dropped, telling.now)?;
    t.execute("INSERT INTO spool (target, message) VALUES (?1, ?2)", params![target, number]).map(|_| ())
}
