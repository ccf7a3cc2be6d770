//! Forgetting somebody: what was learnt of them is taken out of every row, and stays out (see [`super::forgotten`]).
//!
//! In one transaction: the decisions stand in the log, the rows are rewritten, the derived document is gone. Freed pages are overwritten
//! with zeros.

use super::decisions::{append, bounded};
use super::error::{Named, StoreError};
use super::forgotten::{Forgotten, Sieve};
use super::reading::sources;
use super::row::{DamagedRows, SAID, TALLIES, Table, seal, unseal};
use super::{Writer, schema};
use inventory::decision::Decision;
use observations::rows;
use observations::{EntryRef, Pair, Source, Tally};
use rusqlite::{Connection, TransactionBehavior, params};
use std::net::IpAddr;

/// What went, and what others said of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gone {
    /// Observations about it, and those that it made about others.
    pub statements: u64,
    /// Pairs of client and server that it was one of.
    pub counters: u64,
    /// Sources in which there was something.
    pub sources: u64,
    /// What others said that names it, and stays: the first of these.
    pub mentions: Vec<String>,
    /// All of these.
    pub mentioned: u64,
}

impl Gone {
    /// More lines help nobody.
    pub const NAMED_MAX: usize = 40;
}

impl Writer {
    /// Takes out everything that these decisions name, whenever it was said, and writes them down. `words` (addresses, names) are looked
    /// for in what stays. A dry run changes nothing, and gives the same answer.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was changed.
    pub fn forget(&mut self, decisions: &[Decision], author: &str, at: i64, words: &[String], dry: bool) -> Result<Gone, StoreError> {
        decisions.iter().try_for_each(|decision| bounded(decision, author))?;
        let wholly: Vec<Decision> = decisions.iter().map(for_ever).collect();
        let forgotten = Forgotten::of(&wholly);
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let work = |connection: &mut Connection| {
            connection.pragma_update(None, "secure_delete", true)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for decision in decisions {
                append(&transaction, decision, author, at)?;
            }
            let gone = sweep(&transaction, &forgotten, &words)?;
            super::retention::forget_seen(&transaction, &wholly)?;
            if !dry {
                transaction.commit()?;
            }
            Ok(gone)
        };
        work(&mut self.store.connection).named(&self.store.path)
    }

    /// Takes out what came before the decision to forget it was known here: another database brought one of them.
    pub(super) fn forget_again(&mut self) -> Result<(), StoreError> {
        let work = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let decisions = super::decisions::all(&transaction)?;
            let forgotten = Forgotten::of(&decisions);
            if forgotten.is_empty() {
                return Ok(());
            }
            let seen = super::retention::forget_seen(&transaction, &decisions)?;
            let gone = sweep(&transaction, &forgotten, &[])?;
            if seen || gone.sources > 0 { transaction.commit() } else { Ok(()) }
        };
        work(&mut self.store.connection).named(&self.store.path)
    }
}

/// The same decision without an end.
fn for_ever(decision: &Decision) -> Decision {
    match decision.clone() {
        Decision::Forget { site, key, reason, .. } => Decision::Forget { site, key, until: String::new(), reason },
        other => other,
    }
}

/// Sifts every row of the sites in question, and the derived document away.
fn sweep(connection: &Connection, forgotten: &Forgotten, words: &[String]) -> rusqlite::Result<Gone> {
    let mut gone = Gone::default();
    for (id, source) in sources(connection, &mut DamagedRows::default())? {
        let Some(sieve) = forgotten.of_site(&source.site) else { continue };
        let mut sweeping = Sweeping { source: &source, sieve, words, gone: &mut gone, changed: false };
        sweeping.table(connection, id, &SAID)?;
        sweeping.table(connection, id, &TALLIES)?;
        if sweeping.changed {
            gone.sources += 1;
            connection.execute(
                "DELETE FROM identifiers WHERE source = ?1 \
                 AND NOT EXISTS (SELECT 1 FROM said WHERE said.source = identifiers.source AND said.subject = identifiers.subject) \
                 AND NOT EXISTS (SELECT 1 FROM tallies WHERE tallies.source = identifiers.source AND tallies.subject = identifiers.subject)",
                [id],
            )?;
        }
    }
    connection.execute("DELETE FROM documents", [])?;
    connection.execute("UPDATE generation SET digest = x''", [])?;
    schema::changed(connection)?;
    Ok(gone)
}

/// One source while it is sifted.
struct Sweeping<'a> {
    source: &'a Source,
    sieve: Sieve<'a>,
    words: &'a [String],
    gone: &'a mut Gone,
    changed: bool,
}

/// What becomes of a row.
enum Fate {
    Stays,
    Becomes(Vec<u8>),
    Goes,
}

impl Sweeping<'_> {
    fn table(&mut self, connection: &Connection, source: i64, table: &Table) -> rusqlite::Result<()> {
        let mut changes: Vec<(i64, Option<Vec<u8>>)> = Vec::new();
        {
            let mut statement = connection.prepare_cached(table.with_ids)?;
            let mut rows = statement.query([source])?;
            while let Some(row) = rows.next()? {
                let (subject, record) = (row.get_ref(1)?.as_blob()?, row.get_ref(2)?.as_blob()?);
                let fate = if table.name == SAID.name { self.said(subject, record) } else { self.tallies(subject, record) };
                match fate {
                    Fate::Stays => {}
                    Fate::Becomes(record) => changes.push((row.get(0)?, Some(record))),
                    Fate::Goes => changes.push((row.get(0)?, None)),
                }
            }
        }
        self.changed |= !changes.is_empty();
        for (id, record) in changes {
            match record {
                Some(record) => connection.prepare_cached(table.update)?.execute(params![id, record])?,
                None => connection.prepare_cached(table.delete)?.execute([id])?,
            };
        }
        Ok(())
    }

    /// A row that is damaged goes if it is about somebody who is forgotten.
    fn damaged(&self, subject: &[u8]) -> Fate {
        if self.sieve.keeps_group(subject) { Fate::Stays } else { Fate::Goes }
    }

    fn said(&mut self, subject: &[u8], record: &[u8]) -> Fate {
        let read = unseal(self.source.key, subject, record).ok().and_then(|body| rows::read_observations(subject, body).ok());
        let Some(read) = read else { return self.damaged(subject) };
        let all = read.entries.iter().map(|(key, entry)| EntryRef::of(key, entry));
        let kept: Vec<EntryRef<'_>> = all.filter(|one| self.sieve.keeps(*one)).collect();
        let crowded: Vec<&[u8]> = read.crowded.iter().map(|group| &**group).filter(|group| self.sieve.keeps_group(group)).collect();
        kept.iter().for_each(|one| self.look_for_words(*one));
        if kept.len() == read.entries.len() && crowded.len() == read.crowded.len() {
            return Fate::Stays;
        }
        self.gone.statements += (read.entries.len() - kept.len()) as u64;
        if kept.is_empty() && crowded.is_empty() {
            return Fate::Goes;
        }
        Fate::Becomes(seal(self.source.key, subject, |out| rows::put_observations(out, &kept, &crowded)))
    }

    fn tallies(&mut self, subject: &[u8], record: &[u8]) -> Fate {
        let read = unseal(self.source.key, subject, record).ok().and_then(|body| rows::read_tallies(subject, body).ok());
        let Some(read) = read else { return self.damaged(subject) };
        let kept: Vec<(Pair, Tally)> = read.iter().filter(|(pair, tally)| self.sieve.keeps_tally(pair, tally)).cloned().collect();
        if kept.len() == read.len() {
            return Fate::Stays;
        }
        self.gone.counters += (read.len() - kept.len()) as u64;
        if kept.is_empty() {
            return Fate::Goes;
        }
        Fate::Becomes(seal(self.source.key, subject, |out| rows::put_tallies(out, &kept)))
    }

    /// Notes what somebody else said of it.
    fn look_for_words(&mut self, one: EntryRef<'_>) {
        let Ok(statement) = one.statement() else { return };
        for said in &statement.fields {
            let value = said.value.display().to_lowercase();
            // An address is no part of another one; a name may stand within a text.
            let names = |word: &String| value == *word || (word.parse::<IpAddr>().is_err() && value.contains(word));
            if !self.words.iter().any(names) {
                continue;
            }
            self.gone.mentioned += 1;
            if self.gone.mentions.len() < Gone::NAMED_MAX {
                let subject = &statement.about;
                let whose = subject.ip.map(|ip| ip.to_string()).or(subject.mac.map(|mac| mac.to_string())).unwrap_or_default();
                let (protocol, field) = (statement.protocol, said.field.name());
                self.gone.mentions.push(format!("{protocol} of {whose}: {field} {value}"));
            }
            return;
        }
    }
}
