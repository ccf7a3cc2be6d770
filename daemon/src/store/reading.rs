//! Reading back what was said: all of it, one device's, the list of sources.

use super::error::{Named, StoreError};
use super::retention::is_leaving;
use super::row::{Damage, DamagedRow, DamagedRows, SAID, TALLIES, Table, unseal};
use super::writer::read_source;
use super::{Store, schema};
use observations::rows;
use observations::{Entries, EntryRef, Mac, Pair, Said, Source, SourceKey, SourceSaid, Tally};
use rusqlite::{Connection, ErrorCode};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// What was said.
    pub said: Said,
    /// What could not be read.
    pub damaged: DamagedRows,
    /// [`Store::changes`] at that moment.
    pub changes: u64,
}

/// What one device is looked up by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identifier {
    /// A MAC address.
    Mac(Mac),
    /// An IP address.
    Ip(IpAddr),
}

impl Identifier {
    /// As it stands in the index: lengths tell the kinds apart.
    pub(super) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Mac(mac) => mac.0.to_vec(),
            Self::Ip(IpAddr::V4(ip)) => ip.octets().to_vec(),
            Self::Ip(IpAddr::V6(ip)) => ip.octets().to_vec(),
        }
    }
}

/// A source whose record cannot be read names this limit.
pub const DAMAGED_SOURCE: &str = "source records that are damaged";

impl Store {
    /// Reads everything, as of one moment. Damaged rows are left out and named.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read at all.
    pub fn said(&self) -> Result<Reading, StoreError> {
        self.reading(|gathered, connection| {
            for table in [&SAID, &TALLIES] {
                each_row(connection, table.scan, [], table, &mut Gathered::take, gathered)?;
            }
            Ok(())
        })
    }

    /// Reads the rows whose subject has this address, and only those: in all sources, what was said about it and what it asked others.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read at all.
    pub fn said_of(&self, identifier: Identifier) -> Result<Reading, StoreError> {
        let mut reading = self.reading(|gathered, connection| {
            for (table, sql) in [
                (&SAID, "SELECT t.source, t.subject, t.record FROM identifiers i JOIN said t USING (source, subject) WHERE i.identifier = ?1"),
                (&TALLIES, "SELECT t.source, t.subject, t.record FROM identifiers i JOIN tallies t USING (source, subject) WHERE i.identifier = ?1"),
            ] {
                each_row(connection, sql, [identifier.bytes()], table, &mut Gathered::take, gathered)?;
            }
            Ok(())
        })?;
        reading.said.sources.retain(|_, source| !source.observations.is_empty() || !source.tallies.is_empty());
        Ok(reading)
    }

    /// The sources, by key. One whose record is damaged has its key for a name and [`DAMAGED_SOURCE`] among its limits.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read at all.
    pub fn sources(&self) -> Result<Vec<Source>, StoreError> {
        let sources = sources(&self.connection, &mut DamagedRows::default()).named(&self.path)?;
        let by_key: BTreeMap<SourceKey, Source> = sources.into_values().map(|source| (source.key, source)).collect();
        Ok(by_key.into_values().collect())
    }

    fn reading(&self, read: impl FnOnce(&mut Gathered, &Connection) -> rusqlite::Result<()>) -> Result<Reading, StoreError> {
        let work = || {
            let transaction = self.connection.unchecked_transaction()?;
            let mut gathered = Gathered::default();
            for (id, source) in sources(&transaction, &mut gathered.damaged)? {
                gathered.sources.insert(id, One { source, ..One::default() });
            }
            gathered.leaving = leaving(&transaction)?;
            read(&mut gathered, &transaction)?;
            Ok(gathered.reading(schema::changes(&transaction)?))
        };
        work().named(&self.path)
    }
}

/// All sources by their row's number.
pub(super) fn sources(connection: &Connection, damaged: &mut DamagedRows) -> rusqlite::Result<BTreeMap<i64, Source>> {
    let mut statement = connection.prepare("SELECT id, key, record FROM sources")?;
    let (mut rows, mut sources) = (statement.query([])?, BTreeMap::new());
    while let Some(row) = rows.next()? {
        let (id, key, record) = (row.get(0)?, row.get_ref(1)?.as_blob()?, row.get_ref(2)?.as_blob()?);
        if is_leaving(key) {
            continue;
        }
        let Ok(key) = key.try_into().map(SourceKey) else {
            damaged.push(DamagedRow { table: "sources", source: None, subject: Vec::new(), damage: Damage::NoSource });
            continue;
        };
        let source = read_source(key, record).unwrap_or_else(|damage| {
            damaged.push(DamagedRow { table: "sources", source: Some(key), subject: Vec::new(), damage });
            Source { key, name: key.to_string(), limits: [(DAMAGED_SOURCE.to_owned(), 1)].into(), ..Source::default() }
        });
        sources.insert(id, source);
    }
    Ok(sources)
}

/// Numbers of sources that are being removed: their rows are nobody's.
fn leaving(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare("SELECT id, key FROM sources")?;
    let (mut rows, mut leaving) = (statement.query([])?, Vec::new());
    while let Some(row) = rows.next()? {
        if is_leaving(row.get_ref(1)?.as_blob()?) {
            leaving.push(row.get(0)?);
        }
    }
    Ok(leaving)
}

/// One row as it lies in the file.
pub(super) struct RawRow<'r> {
    pub(super) source: i64,
    pub(super) subject: &'r [u8],
    pub(super) record: &'r [u8],
}

/// Hands the rows of a query to `take`, until a page is damaged.
pub(super) fn each_row<T: Damageable>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    table: &'static Table,
    take: &mut impl FnMut(&mut T, &'static Table, &RawRow<'_>) -> rusqlite::Result<()>,
    into: &mut T,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    loop {
        match rows.next() {
            Ok(None) => return Ok(()),
            Ok(Some(row)) => {
                let raw = RawRow { source: row.get(0)?, subject: row.get_ref(1)?.as_blob()?, record: row.get_ref(2)?.as_blob()? };
                take(into, table, &raw)?;
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                let damage = Damage::Page(error.to_string());
                into.damaged().push(DamagedRow { table: table.name, source: None, subject: Vec::new(), damage });
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Who reads rows keeps a list of the damaged ones.
pub(super) trait Damageable {
    /// That list.
    fn damaged(&mut self) -> &mut DamagedRows;
}

/// One source while its rows come in.
#[derive(Default)]
struct One {
    source: Source,
    entries: Entries,
    crowded: Vec<Box<[u8]>>,
    tallies: Vec<(Pair, Tally)>,
}

#[derive(Default)]
struct Gathered {
    sources: BTreeMap<i64, One>,
    leaving: Vec<i64>,
    damaged: DamagedRows,
}

impl Damageable for Gathered {
    fn damaged(&mut self) -> &mut DamagedRows {
        &mut self.damaged
    }
}

impl Gathered {
    #[allow(clippy::unnecessary_wraps, reason = "the form that `each_row` wants")]
    fn take(&mut self, table: &'static Table, row: &RawRow<'_>) -> rusqlite::Result<()> {
        if let Err((source, damage)) = self.try_take(table, row) {
            self.damaged.push(DamagedRow { table: table.name, source, subject: row.subject.to_vec(), damage });
        }
        Ok(())
    }

    fn try_take(&mut self, table: &'static Table, row: &RawRow<'_>) -> Result<(), (Option<SourceKey>, Damage)> {
        if self.leaving.contains(&row.source) {
            return Ok(());
        }
        let one = self.sources.get_mut(&row.source).ok_or((None, Damage::NoSource))?;
        let key = one.source.key;
        let damaged = |damage| (Some(key), damage);
        let body = unseal(key, row.subject, row.record).map_err(damaged)?;
        if table.name == SAID.name {
            let read = rows::read_observations(row.subject, body).map_err(|error| damaged(error.into()))?;
            read.entries.iter().for_each(|(key, entry)| one.entries.push(EntryRef::of(key, entry)));
            one.crowded.extend(read.crowded);
        } else {
            one.tallies.extend(rows::read_tallies(row.subject, body).map_err(|error| damaged(error.into()))?);
        }
        Ok(())
    }

    fn reading(self, changes: u64) -> Reading {
        let said = |mut one: One| {
            one.entries.sort();
            SourceSaid {
                observations: one.entries,
                crowded: one.crowded.into_iter().collect(),
                tallies: one.tallies.into_iter().collect(),
                source: one.source,
            }
        };
        let sources = self.sources.into_values().map(|one| (one.source.key, said(one))).collect();
        Reading { said: Said { sources }, damaged: self.damaged, changes }
    }
}
