//! Maintenance windows: who announced them under which ticket, what happened in them, and the audit log of both.

use super::{Result, Store, Telling, of_json, spool};
use crate::events::event::{Event, Message, NAMED_MAX, Named};
use crate::events::kind::{Kind, Severity};
use enrollment::audit::Entry;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::BTreeMap;

/// What a window is about; what is left out is any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// A site.
    pub site: Option<String>,
    /// A segment.
    pub segment: Option<String>,
    /// A device's id.
    pub device: Option<String>,
}

impl Place {
    /// Whether an event is of that place.
    #[must_use]
    pub fn covers(&self, event: &Event) -> bool {
        let is = |wanted: &Option<String>, has: Option<&str>| wanted.as_deref().is_none_or(|wanted| has == Some(wanted));
        is(&self.site, Some(&event.site)) && is(&self.segment, Some(&event.segment)) && is(&self.device, event.device.as_deref())
    }
}

/// A window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Maintenance {
    /// Its number.
    pub id: i64,
    /// From, seconds since 1970.
    pub begins: i64,
    /// Until.
    pub ends: i64,
    /// The change's ticket.
    pub ticket: String,
    /// Where.
    pub place: Place,
    /// Who announced it.
    pub author: String,
}

const WINDOW: &str = "SELECT id, begins, ends, ticket, site, segment, device, author FROM maintenance";

fn window(row: &rusqlite::Row<'_>) -> rusqlite::Result<Maintenance> {
    let place = Place { site: row.get(4)?, segment: row.get(5)?, device: row.get(6)? };
    Ok(Maintenance { id: row.get(0)?, begins: row.get(1)?, ends: row.get(2)?, ticket: row.get(3)?, place, author: row.get(7)? })
}

impl Store {
    /// Announces a window; its number.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn announce(&mut self, one: &Maintenance, now: i64) -> Result<i64> {
        self.write(|t| {
            let Place { site, segment, device } = &one.place;
            t.execute(
                "INSERT INTO maintenance (begins, ends, ticket, site, segment, device, author) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![one.begins, one.ends, one.ticket, site, segment, device, one.author],
            )?;
            let id = t.last_insert_rowid();
            let detail = format!("{} to {}, {:?} {:?} {:?}", one.begins, one.ends, site, segment, device);
            audit(t, now, &one.author, "maintenance", &one.ticket, &detail)?;
            Ok(id)
        })
    }

    /// Ends a window before its time; whether there was one.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn end_window(&mut self, id: i64, now: i64, author: &str) -> Result<bool> {
        self.write(|t| {
            let changed = t.execute("UPDATE maintenance SET ends = ?2 WHERE id = ?1 AND ends > ?2", params![id, now])?;
            audit(t, now, author, "end-maintenance", &id.to_string(), if changed == 1 { "ended" } else { "there is none" })?;
            Ok(changed == 1)
        })
    }

    /// All windows that are kept.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn windows(&self) -> Result<Vec<Maintenance>> {
        self.read(|c| c.prepare(&format!("{WINDOW} ORDER BY begins, id"))?.query_map([], window)?.collect())
    }

    /// The audit log, each entry with the hash that stands beside it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn audit(&self) -> Result<Vec<(Entry, String)>> {
        self.read(|c| {
            let of = |row: &rusqlite::Row<'_>| {
                let (sequence, at, actor, action) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                Ok((Entry { sequence, at, actor, action, subject: row.get(4)?, detail: row.get(5)?, before: row.get(6)? }, row.get(7)?))
            };
            let mut all = c.prepare("SELECT sequence, at, actor, action, subject, detail, before, hash FROM audit ORDER BY sequence")?;
            all.query_map([], of)?.collect()
        })
    }
}

/// Windows that are open.
pub(super) fn open(t: &Transaction<'_>, now: i64) -> rusqlite::Result<Vec<Maintenance>> {
    t.prepare(&format!("{WINDOW} WHERE begins <= ?1 AND ends > ?1 ORDER BY id"))?.query_map([now], window)?.collect()
}

/// Tells once what happened in each window that is over.
pub(super) fn close(t: &Transaction<'_>, telling: &Telling<'_>) -> rusqlite::Result<()> {
    let over: Vec<Maintenance> = t
        .prepare(&format!("{WINDOW} WHERE ends <= ?1 AND told = 0 ORDER BY id"))?
        .query_map([telling.now], window)?
        .collect::<rusqlite::Result<_>>()?;
    for one in over {
        t.execute("UPDATE maintenance SET told = 1 WHERE id = ?1", [one.id])?;
        let bodies: Vec<String> = t
            .prepare("SELECT body FROM events WHERE ticket = ?1 AND message IS NULL ORDER BY id")?
            .query_map([&one.ticket], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let events: Vec<Event> = bodies.iter().map(|body| of_json(0, body)).collect::<rusqlite::Result<_>>()?;
        let number = spool::message(t, &summary(&one, &events, telling.at), telling)?;
        t.execute("UPDATE events SET message = ?2 WHERE ticket = ?1 AND message IS NULL", params![one.ticket, number])?;
    }
    Ok(())
}

fn summary(one: &Maintenance, events: &[Event], at: &str) -> Message {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut devices: Vec<Named> = Vec::new();
    for event in events {
        *kinds.entry(event.kind.name()).or_default() += 1;
        let id = event.device.as_ref().filter(|id| devices.len() < NAMED_MAX && devices.iter().all(|known| known.id != **id));
        devices.extend(id.map(|id| Named { id: id.clone(), class: event.class.clone(), subject: event.subject.clone() }));
    }
    let what: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let what = if what.is_empty() { "nothing happened".to_owned() } else { what.join(", ") };
    Message {
        severity: Severity::Informational,
        site: one.place.site.clone().unwrap_or_default(),
        segment: one.place.segment.clone().unwrap_or_default(),
        devices,
        ticket: Some(one.ticket.clone()),
        ..Message::about(
            Kind::Maintenance,
            at,
            events.len() as u64,
            format!("maintenance under {}: {what}", one.ticket),
            format!("announced by {}", one.author),
        )
    }
}

/// Appends to the log.
pub(super) fn audit(t: &Transaction<'_>, at: i64, actor: &str, action: &str, subject: &str, detail: &str) -> rusqlite::Result<()> {
    let last = t.query_row("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (sequence, before): (i64, String) = last.optional()?.unwrap_or_else(|| (0, Entry::origin()));
    let words = |text: &str| text.to_owned();
    let entry =
        Entry { sequence: sequence + 1, at, actor: words(actor), action: words(action), subject: words(subject), detail: words(detail), before };
    t.execute(
        "INSERT INTO audit (sequence, at, actor, action, subject, detail, before, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![entry.sequence, at, actor, action, subject, detail, entry.before, entry.hash()],
    )
    .map(|_| ())
}
