//! Tables, their migrations, and the check that a file is ours.

use super::error::{Named, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use rusqlite_migration::{M, Migrations};
use std::path::Path;

/// Says that a database is ours (`file` shows it): "WiCe".
const APPLICATION: i32 = 0x5769_4365;

/// One step a version; a step that was published never changes. What each table is for:
///
/// * `store`: one row. `origin` names the chain of decisions made in this file; `changes` tells a stale document.
/// * `sources`: a row a source: its own record.
/// * `said`: a row a source and host: its observations. `tallies`: a row a source and client: its counters.
/// * `identifiers`: in whose rows a MAC or IP address is the subject.
/// * `decisions`: entries of all chains; one is never changed or removed.
/// * `seen`: when addresses were seen first in sources that are no longer kept.
/// * `documents`: the derived document in pieces; `generation` says which one is served.
const STEPS: &[M<'static>] = &[M::up(FIRST), M::up(SEEN)];

const SEEN: &str =
    "CREATE TABLE seen (site TEXT NOT NULL, key TEXT NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (site, key)) STRICT, WITHOUT ROWID;";

const FIRST: &str = "PRAGMA application_id = 1466516325;
     CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), origin BLOB NOT NULL, changes INTEGER NOT NULL) STRICT;
     INSERT INTO store VALUES (1, randomblob(16), 0);
     CREATE TABLE sources (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, record BLOB NOT NULL) STRICT;
     CREATE TABLE said (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, subject BLOB NOT NULL, record BLOB NOT NULL) STRICT;
     CREATE UNIQUE INDEX said_subject ON said (source, subject);
     CREATE TABLE tallies (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, subject BLOB NOT NULL, record BLOB NOT NULL) STRICT;
     CREATE UNIQUE INDEX tallies_subject ON tallies (source, subject);
     CREATE TABLE identifiers (identifier BLOB NOT NULL, source INTEGER NOT NULL, subject BLOB NOT NULL,
       PRIMARY KEY (identifier, source, subject)) STRICT, WITHOUT ROWID;
     CREATE TABLE decisions (origin BLOB NOT NULL, sequence INTEGER NOT NULL, hash BLOB NOT NULL, before BLOB NOT NULL, record BLOB NOT NULL,
       PRIMARY KEY (origin, sequence, hash)) STRICT, WITHOUT ROWID;
     CREATE TRIGGER decisions_stand BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END;
     CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'a decision is never removed'); END;
     CREATE TABLE documents (id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
     CREATE TABLE generation (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;";

/// The version that this program reads and writes.
const VERSION: i32 = STEPS.len() as i32;

/// Pages of memory for a commit's rows, in KiB (negative, as SQLite wants it): a large commit then writes each page once.
const CACHE_KIB: i64 = -65_536;

/// Pages in the log before it is folded into the file: rows that change again and again are folded once.
const LOG_PAGES: i64 = 8_192;

/// The log is cut to this after it was folded in.
const LOG_BYTES: i64 = 64 << 20;

/// Nothing in a file that somebody else may have written is run or trusted.
pub(super) fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A daemon that gave up its rights can write nowhere but beside the database.
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Makes the tables in an empty file, or brings those of an older version to this one.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    if is_empty(connection).named(path)? {
        // Both can be set only before the first table.
        connection.pragma_update(None, "page_size", PAGE_BYTES).named(path)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").named(path)?;
    } else {
        check_application(connection, path)?;
    }
    connection.pragma_update(None, "journal_mode", "WAL").named(path)?;
    connection.pragma_update(None, "synchronous", "FULL").named(path)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB).named(path)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES).named(path)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES).named(path)?;
    migrate(connection).or_else(|error| match error {
        // Another process made the tables at the same moment: then they are there.
        rusqlite_migration::Error::RusqliteError { err, .. } if version(connection).named(path)? != VERSION => {
            Err(super::error::of_sqlite(err, path))
        }
        _ => Ok(()),
    })?;
    check(connection, path)
}

/// The tree's pages: rows of a few hundred bytes to some kilobytes lie whole in one.
const PAGE_BYTES: i64 = 8_192;

fn migrate(connection: &mut Connection) -> rusqlite_migration::Result<()> {
    Migrations::from_slice(STEPS).to_latest(connection)
}

/// Checks that a file is ours, of this version, and as we make it: triggers and views of a stranger's would run with our statements.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    check_application(connection, path)?;
    let found = version(connection).named(path)?;
    if found < VERSION {
        return Err(StoreError::Older { path: path.into(), found, known: VERSION });
    }
    let mut ours = Connection::open_in_memory().named(path)?;
    migrate(&mut ours).map_err(|error| StoreError::Damaged { path: path.into(), what: error.to_string() })?;
    let (ours, theirs) = (tables(&ours).named(path)?, tables(connection).named(path)?);
    let differing = ours.iter().find(|row| !theirs.contains(row)).or_else(|| theirs.iter().find(|row| !ours.contains(row)));
    match differing {
        Some((name, _)) => Err(StoreError::Altered { path: path.into(), name: name.clone() }),
        None => Ok(()),
    }
}

fn check_application(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).named(path)?;
    if application != APPLICATION {
        return Err(StoreError::Foreign { path: path.into(), application });
    }
    let found = version(connection).named(path)?;
    if found > VERSION {
        return Err(StoreError::Newer { path: path.into(), found, known: VERSION });
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(application == 0 && version(connection)? == 0 && connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?)
}

/// Names and texts of all tables, indices and triggers.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// How often the contents were changed.
pub(super) fn changes(connection: &Connection) -> rusqlite::Result<u64> {
    let changes: Option<i64> = connection.query_row("SELECT changes FROM store", [], |row| row.get(0)).optional()?;
    Ok(changes.and_then(|changes| u64::try_from(changes).ok()).unwrap_or(0))
}

/// Notes that they were changed once more.
pub(super) fn changed(connection: &Connection) -> rusqlite::Result<()> {
    let next = changes(connection)?.wrapping_add(1) & (i64::MAX as u64);
    connection.execute("UPDATE store SET changes = ?1", [next as i64]).map(drop)
}
