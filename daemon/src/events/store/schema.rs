//! Tables of the events database, and the check that a file is one.

use rusqlite::Connection;
use rusqlite_migration::M;

/// Says that a database is one of events (`file` shows it): "WiEv".
const APPLICATION: i32 = 0x5769_4576;

/// One step a version; a step that was published never changes.
const STEPS: &[M<'static>] = &[M::up(
    "PRAGMA application_id = 1466516854;
     CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
     INSERT INTO meta VALUES ('origin', lower(hex(randomblob(8))));
     CREATE TABLE known (part TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (part, key)) STRICT, WITHOUT ROWID;
     CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, device TEXT, body TEXT NOT NULL,
       message INTEGER, ticket TEXT) STRICT;
     CREATE INDEX events_at ON events (at);
     CREATE INDEX events_ticket ON events (ticket) WHERE ticket IS NOT NULL;
     CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
     CREATE TABLE spool (target TEXT NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (target, message)) STRICT, WITHOUT ROWID;
     CREATE TABLE targets (name TEXT PRIMARY KEY, failures INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0,
       dropped INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0, error TEXT) STRICT;
     CREATE TABLE maintenance (id INTEGER PRIMARY KEY AUTOINCREMENT, begins INTEGER NOT NULL, ends INTEGER NOT NULL, ticket TEXT NOT NULL,
       site TEXT, segment TEXT, device TEXT, author TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0) STRICT;
     CREATE TABLE audit (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
       detail TEXT NOT NULL, before TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
     CREATE TRIGGER audit_stands BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;
     CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'an entry is never removed'); END;",
)];

/// Makes the tables, or looks whether they are ours.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), String> {
    enrollment::store::durable(connection, APPLICATION, STEPS, "this is another database, not one of events")
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
