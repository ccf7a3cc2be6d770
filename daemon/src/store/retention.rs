//! Retention: sources that ended long ago go as a whole, a bounded step at a time, so that whoever writes meanwhile waits no longer than
//! for a commit.
//!
//! When a device spoke first is kept for addresses that belong to a device or a plant (globally administered MAC addresses; private IP
//! addresses, which count for a device without one): a device does not become new because a source went. Of addresses that software chose, and of the internet's,
//! nothing is kept.

use super::error::{Named, StoreError};
use super::row::{SAID, TALLIES, Table, unseal};
use super::{Store, Writer, schema};
use inventory::decision::Decision;
use inventory::key::Key;
use observations::rows::{self, Host};
use observations::{EntryRef, Source, SourceKey, Subject};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Rows of one step: some milliseconds of work, less than a commit of a busy second.
const STEP_ROWS: usize = 256;

/// Bytes of rows that a step reads: rows of the largest size come a few at a time.
const STEP_BYTES: usize = 8 << 20;

/// Pages that a step gives back to the file system: 2 MiB.
const STEP_PAGES: i64 = 256;

/// What a source's key is followed by while the source is removed: nobody lists it any more, and the same capture may come again.
const MARK_BYTES: usize = 8;

/// When an address was seen first, by site and key.
pub type Seen = BTreeMap<(String, String), i64>;

/// Whether the key of a row of `sources` says that the source is being removed.
pub(super) fn is_leaving(key: &[u8]) -> bool {
    key.len() == size_of::<SourceKey>() + MARK_BYTES
}

impl Store {
    /// Sources whose last packet came before a time (nanoseconds since 1970). Those whose clock is not believed stay: nobody knows their
    /// age.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn past(&self, before: i64) -> Result<Vec<Source>, StoreError> {
        let mut past = self.sources()?;
        past.retain(|source| source.clock.is_none() && source.last_seen.is_some_and(|last| last < before));
        Ok(past)
    }

    /// When addresses were seen first in sources that are gone.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn seen(&self) -> Result<Seen, StoreError> {
        let work = || {
            let mut statement = self.connection.prepare_cached("SELECT site, key, first FROM seen")?;
            let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
            rows.collect::<rusqlite::Result<Seen>>()
        };
        work().named(&self.path)
    }

    /// Bytes of pages that hold nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        let figure = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).named(&self.path);
        let bytes = figure("freelist_count")?.saturating_mul(figure("page_size")?);
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// Whether pages can be given back without writing the file anew. Every database that this program made can.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read.
    pub fn gives_back(&self) -> Result<bool, StoreError> {
        let mode: i64 = self.connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).named(&self.path)?;
        Ok(mode == INCREMENTAL)
    }

    /// Writes the whole file anew, without free pages; nobody can write to it meanwhile. From then on pages can be given back in steps.
    ///
    /// # Errors
    /// [`StoreError`] if somebody else is at work in it, or the disk has no room for a second copy.
    pub fn rewrite(&mut self) -> Result<(), StoreError> {
        let work = || {
            self.connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            self.connection.execute_batch("VACUUM")
        };
        work().named(&self.path)
    }
}

/// `PRAGMA auto_vacuum` of a database that gives pages back when it is asked to.
const INCREMENTAL: i64 = 2;

/// Removes sources that ended before a time, step by step.
#[derive(Debug)]
pub struct Retention {
    /// Still to be removed, the next one last.
    sources: Vec<Source>,
    at: At,
}

/// How far the removal of one source is. What it remembers is repeated after a kill, and changes nothing then.
#[derive(Debug)]
enum At {
    /// Its first times are remembered: of which table, after which subject.
    Remembering(bool, Vec<u8>),
    /// Nobody sees it any more; rows are removed.
    Removing,
}

impl Retention {
    /// Removes these, and what was left of others when the program was killed.
    #[must_use]
    pub fn of(mut sources: Vec<Source>) -> Self {
        sources.reverse();
        Self { sources, at: At::Removing }
    }

    /// One bounded step, a transaction. False if all is done.
    ///
    /// # Errors
    /// [`StoreError`]; the step can be tried again.
    pub fn step(&mut self, writer: &mut Writer) -> Result<bool, StoreError> {
        let Self { sources, at } = self;
        match at {
            At::Removing => {
                if !writer.stepwise(remove)? {
                    return Ok(true);
                }
                *at = At::Remembering(false, Vec::new());
                Ok(!sources.is_empty())
            }
            At::Remembering(tallies, after) => {
                let Some(source) = sources.last() else { return Ok(false) };
                let table = if *tallies { &TALLIES } else { &SAID };
                match (writer.stepwise(|connection| remember(connection, source, table, after))?, *tallies) {
                    (Some(next), _) => *after = next,
                    (None, false) => (*tallies, *after) = (true, Vec::new()),
                    (None, true) => {
                        writer.stepwise(|connection| unlist(connection, source.key))?;
                        sources.pop();
                        *at = At::Removing;
                    }
                }
                Ok(true)
            }
        }
    }
}

impl Writer {
    /// Gives some free pages back to the file system. False if there are no more, or the file is of a kind that cannot.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost.
    pub fn give_back_step(&mut self) -> Result<bool, StoreError> {
        let Store { connection, path } = &self.store;
        let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
        let work = || {
            let before = free()?;
            let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({STEP_PAGES})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            let after = free()?;
            Ok(after > 0 && after < before)
        };
        work().named(path)
    }

    /// Keeps first times that another database remembers.
    pub(super) fn remember(&mut self, seen: &Seen) -> Result<(), StoreError> {
        if seen.is_empty() {
            return Ok(());
        }
        // A document that was derived before shows later times.
        self.stepwise(|connection| if insert(connection, seen)? > 0 { schema::changed(connection) } else { Ok(()) })
    }

    fn stepwise<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let Store { connection, path } = &mut self.store;
        let step = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        step(connection).named(path)
    }
}

/// Keeps the first times of some hosts of a source; gives the last of these, if there may be more.
fn remember(connection: &Connection, source: &Source, table: &Table, after: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
    let id = "SELECT id FROM sources WHERE key = ?1";
    let Some(id) = connection.query_row(id, [&source.key.0[..]], |row| row.get::<_, i64>(0)).optional()? else { return Ok(None) };
    let mut statement = connection.prepare_cached(table.after)?;
    let mut rows = statement.query(params![id, after, STEP_ROWS as i64])?;
    let (mut seen, mut count, mut bytes, mut last) = (Seen::new(), 0, 0, None);
    while let Some(row) = rows.next()? {
        let (subject, record) = (row.get_ref(1)?.as_blob()?, row.get_ref(2)?.as_blob()?);
        first_times(source, table, subject, record, &mut seen);
        (count, bytes, last) = (count + 1, bytes + record.len(), Some(subject.to_vec()));
        if bytes >= STEP_BYTES {
            break;
        }
    }
    insert(connection, &seen)?;
    Ok(last.filter(|_| count == STEP_ROWS || bytes >= STEP_BYTES))
}

/// Keeps the earlier one of two times; says how many are new or earlier.
fn insert(connection: &Connection, seen: &Seen) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO seen (site, key, first) VALUES (?1, ?2, ?3) ON CONFLICT (site, key) DO UPDATE SET first = ?3 WHERE first > ?3";
    let mut insert = connection.prepare_cached(sql)?;
    seen.iter().map(|((site, key), first)| insert.execute(params![site, key, first])).sum()
}

/// When those who speak in one row were seen first. Who is only spoken of was not seen. A damaged row says nothing.
fn first_times(source: &Source, table: &Table, subject: &[u8], record: &[u8], seen: &mut Seen) {
    let Ok(body) = unseal(source.key, subject, record) else { return };
    let mut note = |subject: &Subject, first: i64| {
        for key in lasting(source, subject) {
            let held = seen.entry((source.site.clone(), key)).or_insert(first);
            *held = first.min(*held);
        }
    };
    if table.name == SAID.name {
        let Ok(read) = rows::read_observations(subject, body) else { return };
        for (key, entry) in &read.entries {
            if let Ok(statement) = EntryRef::of(key, entry).statement() {
                note(&statement.speaker, entry.first.time);
            }
        }
    } else if let Ok(read) = rows::read_tallies(subject, body) {
        for (pair, tally) in &read {
            let ends = [(Some(&pair.client), FROM_CLIENT), (pair.server.as_ref(), TO_CLIENT)];
            let spoke = ends.into_iter().filter(|(_, way)| tally.directions & way != 0);
            spoke.filter_map(|(end, _)| end).for_each(|end| note(end, tally.first.time));
        }
    }
}

/// Bits of [`observations::Tally::directions`].
const FROM_CLIENT: u8 = 1;
const TO_CLIENT: u8 = 2;

/// Keys of a host whose addresses belong to a device or a plant for years. Whether the MAC address is its own or the next hop's, whoever
/// derives knows.
fn lasting(source: &Source, subject: &Subject) -> impl Iterator<Item = String> {
    let mac = subject.mac.filter(|mac| !mac.is_local() && !mac.is_group()).map(|mac| Key::of_mac(mac).text());
    let ip = subject.ip.filter(|ip| is_private(*ip)).map(|ip| {
        let segment = source.segments.get(usize::from(subject.segment.0)).cloned().unwrap_or_default();
        Key::Ip(segment, ip).text()
    });
    mac.into_iter().chain(ip)
}

/// RFC 1918, and RFC 4193.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// Takes a source out of everybody's sight.
fn unlist(connection: &Connection, key: SourceKey) -> rusqlite::Result<()> {
    let mark: Vec<u8> = connection.query_row("SELECT randomblob(?1)", [MARK_BYTES as i64], |row| row.get(0))?;
    let marked = [&key.0[..], &mark].concat();
    connection.execute("UPDATE sources SET key = ?2 WHERE key = ?1", params![&key.0[..], marked])?;
    schema::changed(connection)
}

/// Removes some rows of a source that nobody sees any more. True if there is none left.
fn remove(connection: &Connection) -> rusqlite::Result<bool> {
    let leaving = "SELECT id FROM sources WHERE length(key) = ?1 LIMIT 1";
    let length = (size_of::<SourceKey>() + MARK_BYTES) as i64;
    let Some(id) = connection.query_row(leaving, [length], |row| row.get::<_, i64>(0)).optional()? else { return Ok(true) };
    let mut removed = 0;
    for table in [&SAID, &TALLIES] {
        let mut some: Vec<(i64, Vec<u8>)> = Vec::new();
        let mut statement = connection.prepare_cached(table.after)?;
        let mut rows = statement.query(params![id, &[][..] as &[u8], (STEP_ROWS - removed) as i64])?;
        while let Some(row) = rows.next()? {
            some.push((row.get(0)?, row.get(1)?));
        }
        removed += some.len();
        for (row, subject) in some {
            let addresses = Host::of(&subject).map(|host| host.identifiers()).unwrap_or_default();
            for address in addresses.into_iter().flatten() {
                let sql = "DELETE FROM identifiers WHERE identifier = ?1 AND source = ?2 AND subject = ?3";
                connection.prepare_cached(sql)?.execute(params![address, id, subject])?;
            }
            connection.prepare_cached(table.delete)?.execute([row])?;
        }
    }
    if removed == 0 {
        connection.execute("DELETE FROM sources WHERE id = ?1", [id])?;
    }
    Ok(false)
}

/// Of who is forgotten no first time is kept, either. Says whether there was one.
pub(super) fn forget_seen(connection: &Connection, decisions: &[Decision]) -> rusqlite::Result<bool> {
    let mut removed = 0;
    for decision in decisions {
        if let Decision::Forget { site, key, until, .. } = decision
            && let Some(until) = super::forgotten::time(until)
        {
            let key = key.replacen("behind:", "ip:", 1);
            // Of an address in a segment, the segment stands between.
            let sql = "DELETE FROM seen WHERE site = ?1 AND first <= ?3 AND (key = ?2 OR key LIKE 'ip:%/' || substr(?2, 4))";
            removed += connection.execute(sql, params![site, key, until])?;
        }
    }
    Ok(removed > 0)
}
