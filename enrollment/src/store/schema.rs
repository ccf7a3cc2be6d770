//! Tables, and the check that a file is a registrar's.

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite_migration::{M, Migrations};

/// Says that a database is a registrar's (`file` shows it): "WiRg".
pub const APPLICATION: i32 = 0x5769_5267;

/// One step a version; a step that was published never changes.
const STEPS: &[M<'static>] = &[M::up(REQUESTS), M::up(LOOP), M::up(EXCEPTIONS)];

/// Requests, approvals, deliveries and the log.
const REQUESTS: &str = "PRAGMA application_id = 1466520167;
     CREATE TABLE requests (id TEXT PRIMARY KEY, target TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL,
       external_id TEXT, serial TEXT, certificate TEXT, csr TEXT, created INTEGER NOT NULL, changed INTEGER NOT NULL) STRICT;
     CREATE INDEX requests_state ON requests (target, state);
     CREATE TABLE keys (key TEXT NOT NULL, request TEXT NOT NULL, PRIMARY KEY (key, request)) STRICT, WITHOUT ROWID;
     CREATE TABLE approvals (request TEXT NOT NULL, approver TEXT NOT NULL, binding TEXT NOT NULL, decision TEXT NOT NULL, at INTEGER NOT NULL,
       signature TEXT NOT NULL, PRIMARY KEY (request, approver, binding)) STRICT, WITHOUT ROWID;
     CREATE TABLE outbox (request TEXT NOT NULL, step TEXT NOT NULL, attempts INTEGER NOT NULL, since INTEGER NOT NULL,
       next_at INTEGER NOT NULL, lease_until INTEGER NOT NULL, PRIMARY KEY (request, step)) STRICT, WITHOUT ROWID;
     CREATE TABLE breakers (target TEXT PRIMARY KEY, failures INTEGER NOT NULL, open_until INTEGER NOT NULL) STRICT;
     CREATE TABLE audit (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
       detail TEXT NOT NULL, before TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
     CREATE INDEX audit_action ON audit (action, at);
     CREATE TRIGGER audit_stands BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;
     CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'an entry is never removed'); END;";

/// What targets list, and what the wire shows of it.
const LOOP: &str = "CREATE TABLE issued (target TEXT NOT NULL, serial TEXT NOT NULL, sha256 TEXT NOT NULL, key TEXT NOT NULL, subject TEXT NOT NULL,
       issuer TEXT NOT NULL, names TEXT NOT NULL, certificate TEXT NOT NULL, authority INTEGER NOT NULL, not_before INTEGER NOT NULL,
       not_after INTEGER NOT NULL, first_polled INTEGER NOT NULL, revoked_at INTEGER, replaced_at INTEGER, request TEXT,
       PRIMARY KEY (target, serial)) STRICT, WITHOUT ROWID;
     CREATE INDEX issued_request ON issued (request);
     CREATE TABLE polls (target TEXT PRIMARY KEY, next_at INTEGER NOT NULL, failures INTEGER NOT NULL, polled_at INTEGER, lists INTEGER NOT NULL,
       complete INTEGER NOT NULL, sites TEXT NOT NULL, reason TEXT NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE watched (request TEXT PRIMARY KEY, as_of TEXT NOT NULL, serial TEXT, findings TEXT NOT NULL, asked_at INTEGER NOT NULL,
       disabled_at INTEGER, reported_at INTEGER, reported_by TEXT NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE findings (key TEXT PRIMARY KEY, rule TEXT NOT NULL, severity TEXT NOT NULL, what TEXT NOT NULL, request TEXT, device TEXT,
       text TEXT NOT NULL, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE INDEX findings_request ON findings (request);";

/// What was delegated or compensated for.
const EXCEPTIONS: &str = "CREATE TABLE exceptions (request TEXT PRIMARY KEY, state TEXT NOT NULL, held_by TEXT NOT NULL, owner TEXT NOT NULL,
       review INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

/// Makes the tables, or looks whether they are ours.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), String> {
    durable(connection, APPLICATION, STEPS, "this is another program's database, not a registrar's")
}

/// Makes the tables of a database whose transactions are on the disk when they return, or brings them up to date: of a file that is empty or
/// has this number, else says so in these words.
///
/// # Errors
/// If it is another's, or cannot be written.
pub fn durable(connection: &mut Connection, number: i32, steps: &[M<'_>], foreign: &str) -> Result<(), String> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(|error| error.to_string())?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(|error| error.to_string())?;
    if tables > 0 && application != number {
        return Err(foreign.to_owned());
    }
    let set = |name: &str, value: &str| connection.pragma_update(None, name, value);
    set("journal_mode", "WAL").and_then(|()| set("synchronous", "FULL")).map_err(|error| error.to_string())?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(|error| error.to_string())?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map_err(|error| error.to_string())?;
    Migrations::from_slice(steps).to_latest(connection).map_err(|error| error.to_string())
}

/// Looks whether the tables are ours, and of today.
pub(super) fn look(connection: &Connection) -> Result<(), String> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(|error| error.to_string());
    if number("application_id")? != i64::from(APPLICATION) {
        return Err("this is another program's database, not a registrar's".to_owned());
    }
    if usize::try_from(number("user_version")?) == Ok(STEPS.len()) {
        Ok(())
    } else {
        Err("it was written by another version: `enroll status` with it brings an older one up to date".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_that_is_written_is_the_one_that_is_asked_for() {
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&mut connection).unwrap();
        assert_eq!(connection.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0)).unwrap(), APPLICATION);
        prepare(&mut connection).unwrap();
    }
}
