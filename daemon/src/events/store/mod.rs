//! The events database: what was known, what happened, what is to be told to whom. Each round is one transaction, durable when it returns
//! (`synchronous=FULL`): what was known and what was told about it stand or fall together, so nothing is told twice or lost by a restart.

mod forget;
mod schema;
mod spool;
mod windows;

pub use forget::Gone;
pub use spool::{Receipt, Waiting};
pub use windows::{Maintenance, Place};

use super::budget::{self, Budget};
use super::event::{Event, Message};
use super::kind::{Kind, Severity};
use super::known::Known;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Events that are kept: at the default budget of sixty messages an hour, two years of messages of one event.
pub const EVENTS_MAX: i64 = 1_000_000;

/// An open database.
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

/// What went wrong with it.
#[derive(Debug)]
pub struct StoreError {
    path: PathBuf,
    what: String,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

impl std::error::Error for StoreError {}

type Result<T> = std::result::Result<T, StoreError>;

/// How a round's events are told.
#[derive(Clone, Debug)]
pub struct Telling<'t> {
    /// Now, seconds since 1970.
    pub now: i64,
    /// The same, RFC 3339.
    pub at: &'t str,
    /// Messages an hour.
    pub per_hour: u32,
    /// Receivers, and what each is told at least.
    pub targets: &'t BTreeMap<String, Severity>,
    /// Seconds that events are kept.
    pub keep: u64,
}

/// What became of a round's events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Messages that were put to be delivered, or would be if there were receivers.
    pub messages: u64,
    /// Events held back by the budget.
    pub held: u64,
    /// Events that a ticket covers.
    pub under_ticket: u64,
}

/// An event as it was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its number.
    pub id: i64,
    /// When it was concluded, seconds since 1970.
    pub at: i64,
    /// What happened.
    pub event: Event,
    /// Whether a message told it.
    pub told: bool,
    /// The ticket that covers it.
    pub ticket: Option<String>,
}

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Not before, seconds since 1970.
    pub since: Option<i64>,
    /// Of a kind.
    pub kind: Option<Kind>,
    /// Of a device, by the beginning of its id.
    pub device: Option<String>,
    /// The newest at most.
    pub most: u32,
}

impl Store {
    /// Opens an events database, or makes it.
    ///
    /// # Errors
    /// If it cannot be opened, or is another program's.
    pub fn open(path: &Path) -> Result<Self> {
        let named = |error: rusqlite::Error| StoreError { path: path.into(), what: error.to_string() };
        let mut connection = Connection::open(path).map_err(named)?;
        connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(named)?;
        schema::prepare(&mut connection).map_err(|what| StoreError { path: path.into(), what })?;
        Ok(Self { connection, path: path.into() })
    }

    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let path = self.path.clone();
        let named = |error: rusqlite::Error| StoreError { path: path.clone(), what: error.to_string() };
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(named)?;
        let done = work(&transaction).map_err(named)?;
        transaction.commit().map_err(named)?;
        Ok(done)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| StoreError { path: self.path.clone(), what: error.to_string() })
    }

    /// What was known after the last round.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn known(&self) -> Result<Known> {
        self.read(|c| Ok(Known { devices: part(c, "device")?, talks: part(c, "talk")?, whole: part(c, "whole")?.remove("").unwrap_or_default() }))
    }

    /// Keeps what a round found out: what is known now instead of before, what happened, and what is to be told.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing of the round stands.
    pub fn keep(&mut self, before: &Known, after: &Known, events: &[Event], telling: &Telling<'_>) -> Result<Told> {
        self.write(|t| {
            put(t, "device", &before.devices, &after.devices)?;
            put(t, "talk", &before.talks, &after.talks)?;
            put(t, "whole", &one(&before.whole), &one(&after.whole))?;
            let told = tell(t, events, telling)?;
            windows::close(t, telling)?;
            retain(t, telling)?;
            Ok(told)
        })
    }

    /// Events, the oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn events(&self, wanted: &Wanted) -> Result<Vec<Kept>> {
        let query = "SELECT id, at, body, message, ticket FROM events
             WHERE at >= ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR substr(device, 1, length(?3)) = ?3) ORDER BY id DESC LIMIT ?4";
        let kept = |row: &rusqlite::Row<'_>| {
            let event = of_json(2, &row.get::<_, String>(2)?)?;
            Ok(Kept { id: row.get(0)?, at: row.get(1)?, event, told: row.get::<_, Option<i64>>(3)?.is_some(), ticket: row.get(4)? })
        };
        let kind = wanted.kind.map(Kind::name);
        let mut all: Vec<Kept> =
            self.read(|c| c.prepare(query)?.query_map(params![wanted.since.unwrap_or(i64::MIN), kind, wanted.device, wanted.most], kept)?.collect())?;
        all.reverse();
        Ok(all)
    }

    /// Keeps what is known instead of before, because a person wanted it so.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn put_whole(&mut self, before: &Known, after: &Known, at: i64, author: &str, action: &str) -> Result<()> {
        self.write(|t| {
            put(t, "device", &before.devices, &after.devices)?;
            put(t, "talk", &before.talks, &after.talks)?;
            put(t, "whole", &one(&before.whole), &one(&after.whole))?;
            windows::audit(t, at, author, action, "baseline", "")
        })
    }
}

fn one<T: Clone>(value: &T) -> BTreeMap<String, T> {
    BTreeMap::from([(String::new(), value.clone())])
}

fn part<T: serde::de::DeserializeOwned>(c: &Connection, part: &str) -> rusqlite::Result<BTreeMap<String, T>> {
    let mut all = c.prepare("SELECT key, body FROM known WHERE part = ?1")?;
    let rows = all.query_map([part], |row| Ok((row.get::<_, String>(0)?, of_json(1, &row.get::<_, String>(1)?)?)))?;
    rows.collect()
}

fn of_json<T: serde::de::DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into()))
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// Writes what differs. A first round writes all: what is absent before is written even if it equals the default.
fn put<T: PartialEq + serde::Serialize>(
    t: &Transaction<'_>,
    part: &str,
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
) -> rusqlite::Result<()> {
    let mut insert = t.prepare_cached("INSERT OR REPLACE INTO known (part, key, body) VALUES (?1, ?2, ?3)")?;
    for (key, value) in after.iter().filter(|(key, value)| before.get(*key) != Some(value)) {
        insert.execute(params![part, key, json(value)?])?;
    }
    let mut delete = t.prepare_cached("DELETE FROM known WHERE part = ?1 AND key = ?2")?;
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        delete.execute(params![part, key])?;
    }
    Ok(())
}

/// Keeps events, and puts messages about them to be delivered as far as window and budget allow.
fn tell(t: &Transaction<'_>, events: &[Event], telling: &Telling<'_>) -> rusqlite::Result<Told> {
    let mut told = Told::default();
    let windows = windows::open(t, telling.now)?;
    let ticket = |event: &Event| windows.iter().find(|window| window.place.covers(event)).map(|window| window.ticket.clone());
    let (covered, rest): (Vec<Event>, Vec<Event>) = events.iter().cloned().partition(|event| ticket(event).is_some());
    for event in &covered {
        insert(t, event, telling.now, None, ticket(event).as_deref())?;
        told.under_ticket += 1;
    }
    let mut budget: Budget = meta(t, "budget")?.map(|text| of_json(0, &text)).transpose()?.unwrap_or_default();
    if let Some(held) = budget.turn(telling.now, telling.at) {
        spool::message(t, &held, telling)?;
    }
    for group in budget::groups(&rest) {
        let group: Vec<Event> = group.iter().filter_map(|at| rest.get(*at)).cloned().collect();
        let Some(message) = Message::of(&group, telling.at) else { continue };
        let number = if budget.allows(&message, telling.per_hour) {
            told.messages += 1;
            Some(spool::message(t, &message, telling)?)
        } else {
            told.held += message.count;
            None
        };
        for event in &group {
            insert(t, event, telling.now, number, None)?;
        }
    }
    set_meta(t, "budget", &json(&budget)?)?;
    Ok(told)
}

fn insert(t: &Transaction<'_>, event: &Event, now: i64, message: Option<i64>, ticket: Option<&str>) -> rusqlite::Result<()> {
    let query = "INSERT INTO events (at, kind, device, body, message, ticket) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    t.prepare_cached(query)?.execute(params![now, event.kind.name(), event.device, json(event)?, message, ticket]).map(|_| ())
}

fn meta(c: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    c.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

fn set_meta(t: &Transaction<'_>, name: &str, value: &str) -> rusqlite::Result<()> {
    t.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", params![name, value]).map(|_| ())
}

/// Forgets what is older than is kept, and what is beyond [`EVENTS_MAX`]; what waits for delivery stays.
fn retain(t: &Transaction<'_>, telling: &Telling<'_>) -> rusqlite::Result<()> {
    let oldest = telling.now.saturating_sub(i64::try_from(telling.keep).unwrap_or(i64::MAX));
    t.execute("DELETE FROM events WHERE at < ?1", [oldest])?;
    t.execute("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?1", [EVENTS_MAX])?;
    t.execute("DELETE FROM messages WHERE at < ?1 AND id NOT IN (SELECT message FROM spool)", [oldest])?;
    t.execute("DELETE FROM maintenance WHERE ends < ?1 AND told = 1", [oldest]).map(|_| ())
}

#[cfg(test)]
mod tests;
