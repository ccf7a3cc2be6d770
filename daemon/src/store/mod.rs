//! The store: what was said, decided and derived, in one SQLite file.
//!
//! ```text
//! SourceSaid ── Writer::commit ──► rows ── Store::said ──► Said
//!                                   │
//!                                   └──── merge_into ────► another database
//! ```
//!
//! | module | is |
//! |---|---|
//! | [`error`] | what can go wrong, with the file's path and what to do |
//! | `schema` | tables, their migrations, and the check that a file is ours |
//! | [`row`] | a packed row, sealed against damage; the two tables of rows |
//! | [`writer`] | [`Writer`]: joins what one source said into the database |
//! | [`reading`] | reading it back: all, one device's, the list of sources |
//! | [`merge`] | all sources and decisions of one database joined into another |
//! | [`decisions`] | what operators decided: append-only, hash-chained |
//! | [`forget`] | what was learnt of somebody, taken out of every row |
//! | [`forgotten`] | the sieve that keeps it out |
//! | [`retention`] | sources that ended long ago, removed in bounded steps; space given back |
//! | [`backup`] | a copy while others write |
//! | [`derived`] | the document of the current generation |
//!
//! A row packs all that one source said about one host, or counted of one client. Rows join through [`observations`], never in SQL:
//! the old row is read, joined and written. So a commit may be repeated, a run killed at any moment, and databases merged in any order.

pub mod backup;
pub mod decisions;
pub mod derived;
pub mod error;
pub mod forget;
pub mod forgotten;
pub mod merge;
pub mod reading;
pub mod retention;
pub mod row;
mod schema;
#[cfg(test)]
mod tests;
pub mod writer;

pub use decisions::{ChainFault, Recorded};
pub use derived::Derived;
pub use error::StoreError;
pub use reading::Reading;
pub use row::{Damage, DamagedRow, DamagedRows};
pub use writer::Writer;

use error::Named;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one process waits for another's transaction: a commit of 600,000 observations takes two seconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// An open database.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens a database, or makes one.
    ///
    /// # Errors
    /// [`StoreError`] if the file is none of ours, is newer than this program, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        refuse_what_is_no_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).named(path)?;
        connection.busy_timeout(BUSY_TIMEOUT).named(path)?;
        if connection.is_readonly("main").named(path)? {
            return Err(StoreError::ReadOnly { path: path.into() });
        }
        schema::harden(&connection).named(path)?;
        schema::prepare(&mut connection, path)?;
        Ok(Self { connection, path: path.into() })
    }

    /// Opens a database that is there, for reading alone. It may lie on a read-only medium; a writer may be at work in it.
    ///
    /// # Errors
    /// [`StoreError`] if there is none, or the file is none of ours or of another version.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        refuse_what_is_no_file(path)?;
        if !path.exists() {
            return Err(StoreError::Missing { path: path.into() });
        }
        let connection = match open_shared(path) {
            // In a folder that cannot be written a database without a log cannot change either.
            Err(error) if needs_folder(&error) && !has_log(path) => open_unchanging(path).named(path)?,
            other => other.named(path)?,
        };
        schema::harden(&connection).named(path)?;
        schema::check(&connection, path)?;
        Ok(Self { connection, path: path.into() })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The random name that was made with the file: of its chain of decisions, and of the sensor that writes to it.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn origin(&self) -> Result<decisions::Origin, StoreError> {
        self.connection.query_row("SELECT origin FROM store", [], |row| row.get(0)).named(&self.path)
    }

    /// How often its contents were changed by a commit, a merge or a decision: a document that was derived at another count is stale.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn changes(&self) -> Result<u64, StoreError> {
        schema::changes(&self.connection).named(&self.path)
    }
}

/// A device, a pipe or a folder is not opened: reading a pipe would wait for ever.
fn refuse_what_is_no_file(path: &Path) -> Result<(), StoreError> {
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(StoreError::NoDatabase { path: path.into() }),
        _ => Ok(()),
    }
}

fn open_shared(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    schema::tables(&connection)?;
    Ok(connection)
}

fn open_unchanging(path: &Path) -> rusqlite::Result<Connection> {
    use std::fmt::Write;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    schema::tables(&connection)?;
    Ok(connection)
}

fn needs_folder(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly))
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|metadata| metadata.len() > 0)
}
