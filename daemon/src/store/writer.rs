//! The writer: joins what one source said into the database, a transaction a commit.

use super::error::{Named, StoreError};
use super::forgotten::{Forgotten, Sieve};
use super::row::{DamagedRow, DamagedRows, SAID, TALLIES, Table, seal, unseal};
use super::{Store, schema};
use observations::rows::{self, Host};
use observations::said::order;
use observations::{EntryRef, Pair, Source, SourceKey, SourceSaid, Tally, TallyRef, bytes};
use rusqlite::{CachedStatement, Connection, OptionalExtension, TransactionBehavior, params};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as AtomicOrdering};

/// The limit that a source names when a row had to be thinned to [`rows::WEIGHT_MAX`].
pub const ROW_LIMIT: &str = "bytes of one host in the database";

/// The one that writes. Others may read at the same time.
#[derive(Debug)]
pub struct Writer {
    pub(super) store: Store,
    damaged: DamagedRows,
    /// Who is forgotten, as of so many decisions.
    forgotten: Forgotten,
    decisions: Option<i64>,
    /// How often that changed while it wrote.
    forgettings: Arc<AtomicU64>,
}

impl Writer {
    /// Takes a store that was opened for writing.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let (damaged, forgotten) = (DamagedRows::default(), Forgotten::default());
        Self { store, damaged, forgotten, decisions: None, forgettings: Arc::default() }
    }

    /// Counts how often somebody was to be forgotten while this wrote. Who reads packets begins a new source then, so that who is there
    /// still is learnt anew.
    #[must_use]
    pub fn forgettings(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.forgettings)
    }

    /// Joins what one source said, all of it or what is new since the last commit, in one transaction that is on the disk when this
    /// returns. The same again changes nothing.
    ///
    /// Counters are those of one reading, all of them or none: of two readings of a source those of the one that came further stand. A
    /// conversation that was counted before its protocol was known is counted under another name later, and must not count twice.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it was written.
    pub fn commit(&mut self, delta: &SourceSaid) -> Result<(), StoreError> {
        let said = Hosts::of(delta)?;
        let clients = clients(delta);
        self.in_transaction(&delta.source, |batch| {
            for host in &said.hosts {
                batch.said(&host.subject, said.entries.get(host.entries.clone()).unwrap_or_default(), &host.crowded)?;
            }
            let further = batch.further(&delta.source);
            if further == Ordering::Less || delta.tallies.is_empty() {
                return Ok(());
            }
            for (subject, rows) in &clients {
                let tallies: Vec<(Pair, Tally)> = rows.clone().filter_map(|at| delta.tallies.get(at)).map(|row| (row.pair(), row.tally())).collect();
                batch.tallies(subject, &tallies, further == Ordering::Greater)?;
            }
            if further == Ordering::Greater { batch.keep_tallies(&clients.iter().map(|(subject, _)| &**subject).collect()) } else { Ok(()) }
        })
    }

    /// Rows that were damaged when something should be joined with them; they were replaced by what was to be joined.
    #[must_use]
    pub fn damaged(&self) -> &DamagedRows {
        &self.damaged
    }

    /// Lets the file grow no further, as on a full disk, or lifts that.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, full: bool) {
        let pages: i64 = self.store.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap_or(0);
        let most = if full { pages } else { i64::from(u32::MAX - 1) };
        let _: rusqlite::Result<i64> = self.store.connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |row| row.get(0));
    }

    /// The store, for reading what was committed.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Folds the log into the file, so that the file alone is the database, and gives the store back.
    ///
    /// # Errors
    /// [`StoreError`]; what was committed is safe all the same.
    pub fn finish(self) -> Result<Store, StoreError> {
        // A reader at work keeps the log as long as it needs it: then the next one folds it.
        self.store.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).named(&self.store.path)?;
        Ok(self.store)
    }

    pub(super) fn in_transaction(&mut self, source: &Source, write: impl FnOnce(&mut Batch<'_>) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let Self { store, damaged, forgotten, decisions, forgettings } = self;
        let work = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let count = super::decisions::count(&transaction)?;
            if *decisions != Some(count) {
                let now = Forgotten::of(&super::decisions::all(&transaction)?);
                if decisions.replace(count).is_some() && now != *forgotten {
                    forgettings.fetch_add(1, AtomicOrdering::Relaxed);
                }
                *forgotten = now;
            }
            let mut batch = Batch::start(&transaction, source, damaged, forgotten.of_site(&source.site))?;
            write(&mut batch)?;
            if batch.finish()? {
                schema::changed(&transaction)?;
                return transaction.commit();
            }
            Ok(())
        };
        work(&mut store.connection).named(&store.path)
    }
}

impl Writer {
    /// Appends decisions in one transaction; `copy` says whether any was new.
    pub(super) fn copy_decisions(&mut self, copy: impl FnOnce(&Connection) -> rusqlite::Result<bool>) -> Result<(), StoreError> {
        let work = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if copy(&transaction)? {
                schema::changed(&transaction)?;
                return transaction.commit();
            }
            Ok(())
        };
        work(&mut self.store.connection).named(&self.store.path)
    }
}

/// What was said, sorted by host.
struct Hosts<'a> {
    entries: Vec<EntryRef<'a>>,
    /// In the order of the index.
    hosts: Vec<OfHost<'a>>,
}

struct OfHost<'a> {
    subject: Vec<u8>,
    /// Its observations among all.
    entries: std::ops::Range<usize>,
    crowded: Vec<&'a [u8]>,
}

impl<'a> Hosts<'a> {
    fn of(delta: &'a SourceSaid) -> Result<Self, StoreError> {
        let mut at: HashMap<Host<'a>, usize, foldhash::fast::RandomState> = HashMap::default();
        let mut hosts: Vec<OfHost<'a>> = Vec::new();
        let mut place = |key: &'a [u8]| -> Result<usize, StoreError> {
            let host = Host::of(key).map_err(|error| StoreError::Encoding { what: "observation", error })?;
            Ok(*at.entry(host).or_insert_with(|| {
                hosts.push(OfHost { subject: host.bytes(), entries: 0..0, crowded: Vec::new() });
                hosts.len() - 1
            }))
        };
        let mut entries: Vec<(usize, EntryRef<'a>)> = Vec::with_capacity(delta.observations.len());
        for one in delta.observations.iter() {
            entries.push((place(one.key)?, one));
        }
        let crowded = delta.crowded.iter().map(|group| Ok((place(group)?, &**group))).collect::<Result<Vec<_>, StoreError>>()?;
        for (place, group) in crowded {
            if let Some(host) = hosts.get_mut(place) {
                host.crowded.push(group);
            }
        }
        // Stable: within a host the keys stay in order.
        entries.sort_by_key(|(place, ..)| *place);
        let mut next = 0;
        for (place, host) in hosts.iter_mut().enumerate() {
            let end = next + entries.get(next..).unwrap_or_default().iter().take_while(|(of, ..)| *of == place).count();
            host.entries = next..end;
            next = end;
        }
        hosts.sort_unstable_by(|a, b| a.subject.cmp(&b.subject));
        Ok(Self { entries: entries.into_iter().map(|(_, one)| one).collect(), hosts })
    }
}

/// A client's canonical bytes, and its rows among all.
type ClientRow = (Vec<u8>, std::ops::Range<usize>);

fn clients(delta: &SourceSaid) -> Vec<ClientRow> {
    let rows: Vec<u32> = delta.tallies.rows().map(TallyRef::client).collect();
    let (mut clients, mut start): (Vec<ClientRow>, usize) = (Vec::new(), 0);
    for of_client in rows.chunk_by(|a, b| a == b) {
        let mut subject = Vec::new();
        if let Some(client) = delta.tallies.hosts().get(of_client[0] as usize) {
            bytes::put_subject(&mut subject, client);
        }
        clients.push((subject, start..start + of_client.len()));
        start += of_client.len();
    }
    clients.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    clients
}

struct Statements<'c> {
    select: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn of(connection: &'c Connection, table: &Table) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self { select: prepare(table.select)?, insert: prepare(table.insert)?, update: prepare(table.update)? })
    }
}

/// One transaction on one source.
pub(super) struct Batch<'c> {
    connection: &'c Connection,
    damaged: &'c mut DamagedRows,
    source: Source,
    id: i64,
    /// The source's record as it lies in the file.
    record: Vec<u8>,
    /// How far the reading came whose counters are in the file.
    before: (u64, bool),
    /// The source has no rows yet: nothing to look up.
    fresh: bool,
    said: Statements<'c>,
    tallies: Statements<'c>,
    /// Subjects of rows that are new.
    subjects: Vec<Vec<u8>>,
    thinned: u64,
    changed: bool,
    /// What is forgotten at the source's site.
    sieve: Option<Sieve<'c>>,
}

impl<'c> Batch<'c> {
    fn start(connection: &'c Connection, source: &Source, damaged: &'c mut DamagedRows, sieve: Option<Sieve<'c>>) -> rusqlite::Result<Self> {
        let mut source = source.clone();
        let (mut before, mut narrower) = ((0, false), false);
        let old: Option<(i64, Vec<u8>)> = connection
            .query_row("SELECT id, record FROM sources WHERE key = ?1", [&source.key.0[..]], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (fresh, id, record) = match old {
            Some((id, record)) => {
                match read_source(source.key, &record) {
                    Ok(old) => {
                        before = reading(&old);
                        source.join(&old);
                        narrower = source.most != old.most;
                    }
                    Err(damage) => damaged.push(DamagedRow { table: "sources", source: Some(source.key), subject: Vec::new(), damage }),
                }
                (false, id, record)
            }
            None => {
                let record = source_record(&source);
                connection.execute("INSERT INTO sources (key, record) VALUES (?1, ?2)", params![&source.key.0[..], record])?;
                (true, connection.last_insert_rowid(), record)
            }
        };
        let (said, tallies) = (Statements::of(connection, &SAID)?, Statements::of(connection, &TALLIES)?);
        let (subjects, thinned) = (Vec::new(), 0);
        let mut batch = Self { connection, damaged, source, id, record, before, fresh, said, tallies, subjects, thinned, changed: fresh, sieve };
        if narrower {
            batch.narrow()?;
        }
        Ok(batch)
    }

    /// Thins what is there to what the source keeps about a subject from now on.
    fn narrow(&mut self) -> rusqlite::Result<()> {
        let mut select = self.connection.prepare_cached("SELECT subject FROM said WHERE source = ?1")?;
        let subjects: Vec<Vec<u8>> = select.query_map([self.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        subjects.iter().try_for_each(|subject| self.join_said(subject, &[], &[]))
    }

    /// Joins observations about one host, in the order of their keys.
    pub(super) fn said(&mut self, subject: &[u8], entries: &[EntryRef<'_>], crowded: &[&[u8]]) -> rusqlite::Result<()> {
        let Some(sieve) = self.sieve else { return self.join_said(subject, entries, crowded) };
        let entries: Vec<EntryRef<'_>> = entries.iter().copied().filter(|one| sieve.keeps(*one)).collect();
        let crowded: Vec<&[u8]> = crowded.iter().copied().filter(|group| sieve.keeps_group(group)).collect();
        if entries.is_empty() && crowded.is_empty() { Ok(()) } else { self.join_said(subject, &entries, &crowded) }
    }

    fn join_said(&mut self, subject: &[u8], entries: &[EntryRef<'_>], crowded: &[&[u8]]) -> rusqlite::Result<()> {
        let old = old_row(&mut self.said, self.fresh, self.id, subject)?;
        let weight: usize = entries.iter().map(|one| rows::weight(*one)).sum();
        // Most rows are small, and new or said again as they were: they need no join.
        if entries.len() <= self.source.most.least() && weight <= rows::WEIGHT_MAX / 2 && crowded.is_empty() {
            let record = seal(self.source.key, subject, |out| rows::put_observations(out, entries, &[]));
            if old.as_ref().is_none_or(|(_, old)| *old == record) {
                return self.put(false, old, subject, &record);
            }
        }
        let mut joined = SourceSaid { source: Source { most: self.source.most, ..Source::default() }, ..SourceSaid::default() };
        if let Some((_, record)) = &old {
            match unseal(self.source.key, subject, record).and_then(|body| Ok(rows::read_observations(subject, body)?)) {
                Ok(row) => (joined.observations, joined.crowded) = (row.entries.into_iter().collect(), row.crowded.into_iter().collect()),
                Err(damage) => self.replaced(SAID.name, subject, damage),
            }
        }
        joined.join(SourceSaid {
            observations: entries.iter().map(|one| (one.key, one.entry())).collect(),
            crowded: crowded.iter().map(|group| Box::from(*group)).collect(),
            source: joined.source.clone(),
            ..SourceSaid::default()
        });
        self.thinned += u64::from(thin_observations(&mut joined));
        let entries: Vec<EntryRef<'_>> = joined.observations.iter().collect();
        let crowded: Vec<&[u8]> = joined.crowded.iter().map(|group| &**group).collect();
        let record = seal(self.source.key, subject, |out| rows::put_observations(out, &entries, &crowded));
        self.put(false, old, subject, &record)
    }

    /// Whether a reading came further than the one whose counters are in the file.
    pub(super) fn further(&self, source: &Source) -> Ordering {
        reading(source).cmp(&self.before)
    }

    /// Removes the counters of clients that are not among these.
    pub(super) fn keep_tallies(&mut self, clients: &HashSet<&[u8]>) -> rusqlite::Result<()> {
        if self.fresh {
            return Ok(());
        }
        let mut gone = Vec::new();
        {
            let mut select = self.connection.prepare_cached("SELECT id, subject FROM tallies WHERE source = ?1")?;
            let mut rows = select.query([self.id])?;
            while let Some(row) = rows.next()? {
                if !clients.contains(row.get_ref(1)?.as_blob()?) {
                    gone.push(row.get::<_, i64>(0)?);
                }
            }
        }
        let mut delete = self.connection.prepare_cached("DELETE FROM tallies WHERE id = ?1")?;
        for id in gone {
            delete.execute([id])?;
            self.changed = true;
        }
        Ok(())
    }

    /// Joins one client's counters, in the order of their pairs, or puts them in the place of those that are there.
    pub(super) fn tallies(&mut self, subject: &[u8], tallies: &[(Pair, Tally)], instead: bool) -> rusqlite::Result<()> {
        let Some(sieve) = self.sieve else { return self.join_tallies(subject, tallies, instead) };
        let tallies: Vec<(Pair, Tally)> = tallies.iter().filter(|(pair, tally)| sieve.keeps_tally(pair, tally)).cloned().collect();
        if tallies.is_empty() { Ok(()) } else { self.join_tallies(subject, &tallies, instead) }
    }

    fn join_tallies(&mut self, subject: &[u8], tallies: &[(Pair, Tally)], instead: bool) -> rusqlite::Result<()> {
        let old = old_row(&mut self.tallies, self.fresh, self.id, subject)?;
        if tallies.iter().map(|(pair, tally)| rows::tally_weight(pair, tally)).sum::<usize>() <= rows::WEIGHT_MAX {
            let record = seal(self.source.key, subject, |out| rows::put_tallies(out, tallies));
            if instead || old.as_ref().is_none_or(|(_, old)| *old == record) {
                return self.put(true, old, subject, &record);
            }
        }
        let mut joined = SourceSaid::default();
        if let Some((_, record)) = old.as_ref().filter(|_| !instead) {
            match unseal(self.source.key, subject, record).and_then(|body| Ok(rows::read_tallies(subject, body)?)) {
                Ok(row) => joined.tallies = row.into_iter().collect(),
                Err(damage) => self.replaced(TALLIES.name, subject, damage),
            }
        }
        let new = tallies.iter().cloned().collect();
        joined.join(SourceSaid { tallies: new, ..SourceSaid::default() });
        self.thinned += u64::from(thin_tallies(&mut joined));
        let tallies: Vec<(Pair, Tally)> = joined.tallies.iter().collect();
        let record = seal(self.source.key, subject, |out| rows::put_tallies(out, &tallies));
        self.put(true, old, subject, &record)
    }

    fn put(&mut self, tallies: bool, old: Option<(i64, Vec<u8>)>, subject: &[u8], record: &[u8]) -> rusqlite::Result<()> {
        let statements = if tallies { &mut self.tallies } else { &mut self.said };
        match old {
            Some((_, old)) if old == record => return Ok(()),
            Some((id, _)) => statements.update.execute(params![id, record])?,
            None => {
                self.subjects.push(subject.to_vec());
                statements.insert.execute(params![self.id, subject, record])?
            }
        };
        self.changed = true;
        Ok(())
    }

    fn replaced(&mut self, table: &'static str, subject: &[u8], damage: super::Damage) {
        self.damaged.push(DamagedRow { table, source: Some(self.source.key), subject: subject.to_vec(), damage });
    }

    /// Writes what belongs to the whole, and says whether anything changed.
    fn finish(mut self) -> rusqlite::Result<bool> {
        self.subjects.sort();
        self.subjects.dedup();
        let mut identifiers: Vec<(&[u8], &[u8])> = Vec::with_capacity(2 * self.subjects.len());
        for subject in &self.subjects {
            let addresses = Host::of(subject).map(|host| host.identifiers()).unwrap_or_default();
            identifiers.extend(addresses.into_iter().flatten().map(|address| (address, &**subject)));
        }
        identifiers.sort_unstable();
        let mut insert = self.connection.prepare_cached("INSERT OR IGNORE INTO identifiers (identifier, source, subject) VALUES (?1, ?2, ?3)")?;
        for (identifier, subject) in &identifiers {
            insert.execute(params![identifier, self.id, subject])?;
        }
        if self.thinned > 0 {
            let most = self.source.limits.entry(ROW_LIMIT.to_owned()).or_default();
            *most = (*most).max(self.thinned);
        }
        let record = source_record(&self.source);
        if record != self.record {
            self.connection.execute("UPDATE sources SET record = ?2 WHERE id = ?1", params![self.id, record])?;
            self.changed = true;
        }
        Ok(self.changed)
    }
}

/// How far a reading came: in packets, and whether that was the end.
fn reading(source: &Source) -> (u64, bool) {
    (source.packets, !source.revisions.is_empty())
}

fn old_row(statements: &mut Statements<'_>, fresh: bool, source: i64, subject: &[u8]) -> rusqlite::Result<Option<(i64, Vec<u8>)>> {
    if fresh {
        return Ok(None);
    }
    statements.select.query_row(params![source, subject], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

pub(super) fn source_record(source: &Source) -> Vec<u8> {
    seal(source.key, &[], |out| out.extend(source.to_bytes()))
}

pub(super) fn read_source(key: SourceKey, record: &[u8]) -> Result<Source, super::Damage> {
    let source = Source::from_bytes(unseal(key, &[], record)?)?;
    if source.key == key { Ok(source) } else { Err(super::Damage::NoSource) }
}

/// Keeps of a row that is too heavy what is smallest by hash, crowded groups in at most half of it, and says whether it was.
fn thin_observations(said: &mut SourceSaid) -> bool {
    let all: usize = said.observations.iter().map(rows::weight).sum();
    let groups: usize = said.crowded.iter().map(|group| rows::RECORD_WEIGHT + group.len()).sum();
    if all + groups <= rows::WEIGHT_MAX {
        return false;
    }
    let mut room = rows::WEIGHT_MAX / 2;
    let mut crowded: Vec<_> = std::mem::take(&mut said.crowded).into_iter().collect();
    crowded.sort_by_cached_key(|group| order(group));
    said.crowded = crowded.into_iter().filter(|group| fits(&mut room, rows::RECORD_WEIGHT + group.len())).collect();
    room += rows::WEIGHT_MAX / 2;
    let all = std::mem::take(&mut said.observations);
    let mut entries: Vec<EntryRef<'_>> = all.iter().collect();
    entries.sort_by_cached_key(|one| order(one.key));
    said.observations = entries.into_iter().filter(|one| fits(&mut room, rows::weight(*one))).map(|one| (one.key, one.entry())).collect();
    true
}

fn thin_tallies(said: &mut SourceSaid) -> bool {
    if said.tallies.iter().map(|(pair, tally)| rows::tally_weight(&pair, &tally)).sum::<usize>() <= rows::WEIGHT_MAX {
        return false;
    }
    let mut room = rows::WEIGHT_MAX;
    let mut tallies: Vec<_> = said.tallies.iter().collect();
    tallies.sort_by_cached_key(|(pair, _)| {
        let mut bytes = pair.endpoint.port.to_be_bytes().to_vec();
        pair.server.iter().for_each(|server| bytes::put_subject(&mut bytes, server));
        order(&bytes)
    });
    said.tallies = tallies.into_iter().filter(|(pair, tally)| fits(&mut room, rows::tally_weight(pair, tally))).collect();
    true
}

fn fits(room: &mut usize, weight: usize) -> bool {
    let left = room.checked_sub(weight);
    *room = left.unwrap_or(*room);
    left.is_some()
}
