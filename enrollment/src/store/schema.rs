//! Tables and their migrations.

use super::StoreError;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite_migration::{M, Migrations};
use std::time::Duration;

/// How long another process's transaction is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// One step a version; a step that was published never changes.
const STEPS: &[M<'static>] = &[M::up(
    "CREATE TABLE requests (id TEXT PRIMARY KEY, target TEXT NOT NULL, body TEXT NOT NULL, binding TEXT NOT NULL, signature TEXT NOT NULL,
       state TEXT NOT NULL, why TEXT NOT NULL, external_id TEXT, taken_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE keys (key TEXT NOT NULL, target TEXT NOT NULL, profile TEXT NOT NULL, request TEXT NOT NULL REFERENCES requests (id),
       PRIMARY KEY (key, target, profile, request)) STRICT, WITHOUT ROWID;
     CREATE TABLE sensors (request TEXT NOT NULL, sensor TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (request, sensor)) STRICT, WITHOUT ROWID;
     CREATE TABLE transitions (id INTEGER PRIMARY KEY, request TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, why TEXT NOT NULL,
       at INTEGER NOT NULL) STRICT;
     CREATE TABLE outbox (request TEXT PRIMARY KEY REFERENCES requests (id), target TEXT NOT NULL, attempts INTEGER NOT NULL,
       created_at INTEGER NOT NULL, next_at INTEGER NOT NULL, lease_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE INDEX outbox_due ON outbox (target, next_at);
     CREATE TABLE breakers (target TEXT PRIMARY KEY, failures INTEGER NOT NULL, open_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE approvals (request TEXT NOT NULL, key TEXT NOT NULL, binding TEXT NOT NULL, signed TEXT NOT NULL,
       PRIMARY KEY (request, key, binding)) STRICT, WITHOUT ROWID;
     CREATE TABLE audit (sequence INTEGER PRIMARY KEY, hash TEXT NOT NULL, entry TEXT NOT NULL) STRICT;
     CREATE TRIGGER audit_stands BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END;
     CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;",
)];

/// Makes the tables, or brings those of an older version to this one.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Migrations::from_slice(STEPS).to_latest(connection).map_err(|error| StoreError::Schema(error.to_string()))
}
