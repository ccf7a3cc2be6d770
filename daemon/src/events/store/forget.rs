//! Forgetting somebody: known devices, events and messages that name them go in one transaction, with the note that the decision was
//! carried out. Then the file is written anew, so that no unused part of a page holds a trace.

use super::{Result, Store, StoreError, json, meta, of_json, put, set_meta, windows};
use crate::events::event::{Event, Message};
use crate::events::forget::{Decided, Whom};
use crate::events::known::Known;
use rusqlite::{Transaction, params};
use std::collections::BTreeSet;

/// Which decisions were carried out.
const CARRIED_OUT: &str = "forgotten";

/// That the file is still to be written anew.
const SCRUB: &str = "scrub";

/// What went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gone {
    /// Devices that were known.
    pub devices: u64,
    /// Events that were about them, or named them.
    pub events: u64,
    /// Messages that waited or had been delivered, and are gone or tell of others alone.
    pub messages: u64,
}

impl Store {
    /// Those of the decisions that were not carried out here.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn not_forgotten(&self, decisions: &[Decided]) -> Result<Vec<Decided>> {
        let done = self.read(carried_out)?;
        Ok(decisions.iter().filter(|(hash, _)| !done.contains(hash)).cloned().collect())
    }

    /// Removes what names them, and notes the decisions.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing is gone.
    pub fn forget(&mut self, before: &Known, after: &Known, whom: &Whom, decisions: &[Decided], at: i64) -> Result<Gone> {
        self.connection
            .pragma_update(None, "secure_delete", true)
            .map_err(|error| StoreError { path: self.path.clone(), what: error.to_string() })?;
        self.write(|t| {
            put(t, "device", &before.devices, &after.devices)?;
            put(t, "talk", &before.talks, &after.talks)?;
            let mut touched = BTreeSet::new();
            let events = events(t, whom, &mut touched)?;
            let messages = messages(t, whom, &touched)?;
            for (id, device) in rows::<Option<String>>(t, "SELECT id, device FROM maintenance")? {
                if device.is_some_and(|device| whom.has(&device)) {
                    t.execute("DELETE FROM maintenance WHERE id = ?1", [id])?;
                }
            }
            let mut done = carried_out(t)?;
            done.extend(decisions.iter().map(|(hash, _)| hash.clone()));
            set_meta(t, CARRIED_OUT, &json(&done)?)?;
            let gone = Gone { devices: (before.devices.len() - after.devices.len()) as u64, events, messages };
            if gone != Gone::default() {
                set_meta(t, SCRUB, "due")?;
                // Who that was is what nobody is to read here.
                windows::audit(t, at, "wirecensus forget", "forget", "", &format!("{events} events and {messages} messages are gone"))?;
            }
            Ok(gone)
        })
    }

    /// Writes the file anew if that is due. It stays due until nobody else is at work in it.
    ///
    /// # Errors
    /// If somebody else is at work in it.
    pub fn scrub(&mut self) -> Result<()> {
        if self.read(|c| meta(c, SCRUB))?.is_none() {
            return Ok(());
        }
        // The log holds what the file held: it is folded into it and cut, before and after.
        let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.read(|c| c.query_row(fold, [], |row| row.get::<_, i64>(0)))?;
        self.read(|c| c.execute_batch("VACUUM"))?;
        let busy: i64 = self.read(|c| c.query_row(fold, [], |row| row.get(0)))?;
        if busy == 0 { self.write(|t| t.execute("DELETE FROM meta WHERE name = ?1", [SCRUB]).map(|_| ())) } else { Ok(()) }
    }
}

fn carried_out(c: &rusqlite::Connection) -> rusqlite::Result<BTreeSet<String>> {
    Ok(meta(c, CARRIED_OUT)?.map(|text| of_json(0, &text)).transpose()?.unwrap_or_default())
}

fn rows<T: rusqlite::types::FromSql>(t: &Transaction<'_>, query: &str) -> rusqlite::Result<Vec<(i64, T)>> {
    t.prepare(query)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Removes events that name them; `touched` takes the messages that told these.
fn events(t: &Transaction<'_>, whom: &Whom, touched: &mut BTreeSet<i64>) -> rusqlite::Result<u64> {
    let mut gone = Vec::new();
    {
        let mut all = t.prepare("SELECT id, message, body FROM events")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let event: Event = of_json(2, row.get_ref(2)?.as_str()?)?;
            if whom.is_in(&event) {
                gone.push(row.get::<_, i64>(0)?);
                touched.extend(row.get::<_, Option<i64>>(1)?);
            }
        }
    }
    let mut delete = t.prepare("DELETE FROM events WHERE id = ?1")?;
    gone.iter().try_for_each(|id| delete.execute([id]).map(|_| ()))?;
    Ok(gone.len() as u64)
}

/// Messages that told them tell of the others alone; those that told nothing else are gone, delivered or not.
fn messages(t: &Transaction<'_>, whom: &Whom, touched: &BTreeSet<i64>) -> rusqlite::Result<u64> {
    let mut changed = 0;
    let numbers: Vec<i64> = t.prepare("SELECT id FROM messages")?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for number in numbers {
        let body: String = t.query_row("SELECT body FROM messages WHERE id = ?1", [number], |row| row.get(0))?;
        let message: Message = of_json(0, &body)?;
        if !touched.contains(&number) && !whom.is_told_in(&message) {
            continue;
        }
        changed += 1;
        match without(t, number, message, whom)? {
            Some(message) => t.execute("UPDATE messages SET body = ?2 WHERE id = ?1", params![number, json(&message)?])?,
            None => {
                t.execute("DELETE FROM spool WHERE message = ?1", [number])?;
                t.execute("DELETE FROM messages WHERE id = ?1", [number])?
            }
        };
    }
    Ok(changed)
}

/// A message made anew of the events that it still tells, or without them among the devices that it names; none if that is not enough.
fn without(t: &Transaction<'_>, number: i64, message: Message, whom: &Whom) -> rusqlite::Result<Option<Message>> {
    let bodies: Vec<String> = t
        .prepare("SELECT body FROM events WHERE message = ?1 ORDER BY id")?
        .query_map([number], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let events: Vec<Event> = bodies.iter().map(|body| of_json(0, body)).collect::<rusqlite::Result<_>>()?;
    let anew = match message.ticket {
        None => Message::of(&events, &message.at).map(|anew| Message { id: message.id.clone(), ..anew }),
        Some(_) => None,
    };
    let left = anew.or_else(|| Some(whom.removed_from_message(message)).filter(|left| left.ticket.is_some() || !left.devices.is_empty()));
    Ok(left.filter(|left| !whom.is_told_in(left)))
}
