//! The registrar's own file: requests, approvals, outbox and audit. The sensor never opens it. Every change and its audit entry are
//! one transaction, on disk before anything is done on the strength of it.

mod outbox;
mod requests;
mod schema;

pub use outbox::Leased;
pub use requests::{Held, Taken};

use crate::audit::{Entry, START};
use crate::state::State;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::Path;

/// What went wrong with the registrar's file.
#[derive(Debug)]
pub enum StoreError {
    /// In the database.
    Sql(rusqlite::Error),
    /// Its tables are not those of this version.
    Schema(String),
    /// There is no such request.
    Missing(String),
    /// The states' table forbids it.
    Step(State, State),
    /// It does not count, and why.
    Refused(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sql(error) => write!(f, "the registrar's file: {error}"),
            Self::Schema(what) => write!(f, "the registrar's file: {what}"),
            Self::Missing(id) => write!(f, "no request {id}"),
            Self::Step(from, to) => write!(f, "a request that is {} cannot become {}", from.text(), to.text()),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// The registrar's file.
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// If it is none of ours, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        schema::prepare(&mut connection)?;
        Ok(Self { connection })
    }

    /// The audit log, with the hash of each entry.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn audit(&self) -> Result<Vec<(Entry, String)>, StoreError> {
        let mut statement = self.connection.prepare("SELECT entry, hash FROM audit ORDER BY sequence")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut all = Vec::new();
        for (place, row) in (1_u64..).zip(rows) {
            let (entry, hash): (String, String) = row?;
            let unread = |error| StoreError::Schema(format!("audit entry {place}: {error}"));
            all.push((serde_json::from_str(&entry).map_err(unread)?, hash));
        }
        Ok(all)
    }

    /// Writes down what is no step of a request: an export, a changed configuration.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(&mut self, now: i64, what: &str, who: &str, about: &str, detail: &str) -> Result<(), StoreError> {
        self.change(|tx| log(tx, now, what, who, about, detail))
    }

    fn change<T>(&mut self, make: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // Immediate: two processes that decide on what they read take turns.
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let made = make(&tx)?;
        tx.commit()?;
        Ok(made)
    }
}

/// Adds an entry to the audit log.
fn log(tx: &Transaction<'_>, now: i64, what: &str, who: &str, about: &str, detail: &str) -> Result<(), StoreError> {
    let last = tx.query_row("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (sequence, before): (u32, String) = last.optional()?.unwrap_or((0, START.to_owned()));
    let own = |text: &str| text.to_owned();
    let entry =
        Entry { sequence: sequence.saturating_add(1), at: now, before, what: own(what), who: own(who), about: own(about), detail: own(detail) };
    let text = serde_json::to_string(&entry).map_err(|error| StoreError::Schema(error.to_string()))?;
    tx.execute("INSERT INTO audit (sequence, hash, entry) VALUES (?1, ?2, ?3)", params![entry.sequence, entry.hash(), text])?;
    Ok(())
}
