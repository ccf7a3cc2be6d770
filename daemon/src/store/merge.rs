//! Merging: all sources and decisions of one database joined into another, some thousand rows at a time.

use super::error::{Named, StoreError};
use super::reading::{Damageable, RawRow, each_row, sources};
use super::row::{Damage, DamagedRow, DamagedRows, SAID, TALLIES, Table, unseal};
use super::{Store, Writer};
use observations::rows::{self, Observations};
use observations::{EntryRef, Pair, Source, SourceKey, Tally};
use std::cmp::Ordering;
use std::collections::HashSet;

/// Rows of one transaction: enough that waiting for the disk does not count.
const ROWS_MAX: usize = 10_000;

/// What one transaction's rows weigh unpacked: this bounds the memory, with one row of the largest size.
const WEIGHT_MAX: usize = 32 << 20;

impl Store {
    /// Joins everything of this database into another, and says which rows it left out because they are damaged. If it is stopped on
    /// the way, the other holds some of it, no source of it as complete, and the same again completes it.
    ///
    /// # Errors
    /// [`StoreError`] if this one cannot be read or the other cannot be written.
    pub fn merge_into(&self, other: &mut Writer) -> Result<DamagedRows, StoreError> {
        let snapshot = self.connection.unchecked_transaction().named(&self.path)?;
        let mut damaged = DamagedRows::default();
        for (id, source) in sources(&snapshot, &mut damaged).named(&self.path)? {
            // Until all rows are there, nobody must take it for complete.
            let partial = Source { complete: false, revisions: [].into(), ..source.clone() };
            let mut pending = Pending {
                key: source.key,
                source: &partial,
                other,
                damaged: &mut damaged,
                error: None,
                said: Vec::new(),
                tallies: Vec::new(),
                weight: 0,
            };
            // Counters are those of one reading: of the one that came further.
            let mut further = Ordering::Equal;
            pending.other.in_transaction(&partial, |batch| {
                further = batch.further(&source);
                if further == Ordering::Greater { batch.keep_tallies(&HashSet::new()) } else { Ok(()) }
            })?;
            for table in [&SAID, &TALLIES] {
                if table.name == TALLIES.name && further == Ordering::Less {
                    break;
                }
                // An error of the other database stops the walk, and is not one of this database.
                let walked = each_row(&snapshot, table.of_source, [id], table, &mut Pending::take, &mut pending);
                match pending.error.take() {
                    Some(error) => return Err(error),
                    None => walked.named(&self.path)?,
                }
            }
            pending.write()?;
            other.in_transaction(&source, |_| Ok(()))?;
        }
        self.merge_decisions_into(other)?;
        other.remember(&self.seen()?)?;
        // Who is forgotten there is forgotten here: in whatever order databases are merged.
        other.forget_again()?;
        Ok(damaged)
    }
}

type ClientRow = (Vec<u8>, Vec<(Pair, Tally)>);

/// Rows on their way to the other database.
struct Pending<'a> {
    key: SourceKey,
    source: &'a Source,
    other: &'a mut Writer,
    damaged: &'a mut DamagedRows,
    error: Option<StoreError>,
    said: Vec<(Vec<u8>, Observations)>,
    tallies: Vec<ClientRow>,
    weight: usize,
}

impl Damageable for Pending<'_> {
    fn damaged(&mut self) -> &mut DamagedRows {
        self.damaged
    }
}

impl Pending<'_> {
    fn take(&mut self, table: &'static Table, row: &RawRow<'_>) -> rusqlite::Result<()> {
        if let Err(damage) = self.unpack(table, row) {
            self.damaged.push(DamagedRow { table: table.name, source: Some(self.key), subject: row.subject.to_vec(), damage });
        }
        if self.said.len() + self.tallies.len() >= ROWS_MAX || self.weight >= WEIGHT_MAX {
            self.write().map_err(|error| {
                self.error = Some(error);
                rusqlite::Error::QueryReturnedNoRows
            })?;
        }
        Ok(())
    }

    fn unpack(&mut self, table: &'static Table, row: &RawRow<'_>) -> Result<(), Damage> {
        let body = unseal(self.key, row.subject, row.record)?;
        if table.name == SAID.name {
            let read = rows::read_observations(row.subject, body)?;
            self.weight += read.entries.iter().map(|(key, entry)| rows::weight(EntryRef::of(key, entry))).sum::<usize>();
            self.said.push((row.subject.to_vec(), read));
        } else {
            let read = rows::read_tallies(row.subject, body)?;
            self.weight += read.iter().map(|(pair, tally)| rows::tally_weight(pair, tally)).sum::<usize>();
            self.tallies.push((row.subject.to_vec(), read));
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.weight = 0;
        let (said, tallies) = (std::mem::take(&mut self.said), std::mem::take(&mut self.tallies));
        self.other.in_transaction(self.source, |batch| {
            for (subject, row) in &said {
                let entries: Vec<EntryRef<'_>> = row.entries.iter().map(|(key, entry)| EntryRef::of(key, entry)).collect();
                let crowded: Vec<&[u8]> = row.crowded.iter().map(|group| &**group).collect();
                batch.said(subject, &entries, &crowded)?;
            }
            for (subject, row) in &tallies {
                batch.tallies(subject, row, false)?;
            }
            Ok(())
        })
    }
}
