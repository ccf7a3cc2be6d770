//! What can go wrong with a database: which file, and what to do.

use observations::DecodeError;
use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// Why the database cannot be used, or a change was not made. No error leaves half a change.
#[derive(Debug)]
pub enum StoreError {
    /// There is no such file.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is no SQLite database.
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// A database of another application.
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its application id.
        application: i32,
    },
    /// Ours, but its tables are not as this program makes them.
    Altered {
        /// The file.
        path: PathBuf,
        /// The first table, index or trigger that differs.
        name: String,
    },
    /// A newer version of this program made it.
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// An older version of this program made it, and it was opened for reading alone.
    Older {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: i32,
        /// The version that this program reads.
        known: i32,
    },
    /// The file or its folder cannot be written.
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened, or made in its folder.
    CannotOpen {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds it for longer than we wait.
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// SQLite finds its pages damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        what: String,
    },
    /// What should be written is no canonical encoding: a fault of the sender.
    Encoding {
        /// What, in the sender's message.
        what: &'static str,
        /// Why.
        error: DecodeError,
    },
    /// A text of a decision is longer than may be kept.
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its bytes.
        length: usize,
        /// The bound.
        most: usize,
    },
    /// A document of this or a later generation is there already.
    Stale {
        /// The generation of the document that was to be put.
        generation: u64,
        /// The generation that is there.
        current: u64,
    },
    /// Anything else that SQLite says.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        error: rusqlite::Error,
    },
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "{}: no such file; name an inventory database, or a capture", path.display()),
            Self::NoDatabase { path } => write!(f, "{}: not an inventory database; name another file", path.display()),
            Self::Foreign { path, application } => {
                write!(f, "{}: a database of another application (id {application:#010x}); it stays as it is, name another file", path.display())
            }
            Self::Altered { path, name } => {
                write!(f, "{}: `{name}` is not as this program makes it; restore a copy, or read the captures into a new file", path.display())
            }
            Self::Newer { path, found, known } => {
                write!(f, "{}: written by a newer version (schema {found}, this program knows {known}); update this program", path.display())
            }
            Self::Older { path, found, known } => {
                write!(f, "{}: written by an older version (schema {found} of {known}); open it once where it can be written", path.display())
            }
            Self::ReadOnly { path } => write!(f, "{}: the file or its folder cannot be written; check permissions and the mount", path.display()),
            Self::CannotOpen { path } => {
                write!(f, "{}: cannot be opened or made; check that the folder exists and that it may be written", path.display())
            }
            Self::DiskFull { path } => {
                write!(f, "{}: the disk is full; what was committed is safe: make room and run again", path.display())
            }
            Self::Busy { path } => write!(f, "{}: another process is writing to it; wait for it to end, or stop it", path.display()),
            Self::Damaged { path, what } => {
                write!(f, "{}: damaged ({what}); restore a copy, or read the captures into a new file", path.display())
            }
            Self::Encoding { what, error } => write!(f, "{what}: {error}"),
            Self::TooLong { what, length, most } => write!(f, "{what}: {length} bytes are more than {most}; shorten it"),
            Self::Stale { generation, current } => write!(f, "document {generation} comes too late: generation {current} is there"),
            Self::Sqlite { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encoding { error, .. } => Some(error),
            Self::Sqlite { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Names the file that an error of SQLite's is about.
pub(super) trait Named<T> {
    /// The same, as an error of the store.
    fn named(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> Named<T> for rusqlite::Result<T> {
    fn named(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| of_sqlite(error, path))
    }
}

pub(super) fn of_sqlite(error: rusqlite::Error, path: &Path) -> StoreError {
    let path = path.to_path_buf();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NoDatabase { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly { path },
        Some(ErrorCode::CannotOpen) => StoreError::CannotOpen { path },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, what: error.to_string() },
        _ => StoreError::Sqlite { path, error },
    }
}
