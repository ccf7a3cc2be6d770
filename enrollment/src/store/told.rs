//! What a target is told: postures and proposals in the outbox. One of a kind a request; the latest takes the place of the one before.

use super::{Due, Note, Result, Step, Store, audit};
use crate::state::State;
use rusqlite::{OptionalExtension, Transaction, params};

impl Store {
    /// Has something delivered, though nothing moves.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn deliver(&mut self, request: &str, step: Step, now: i64, note: &Note<'_>) -> Result<()> {
        self.write(|t| {
            put(t, request, step, now)?;
            audit(t, now, note)
        })
    }

    /// Has the target told anew where a request stands, if it is told at all.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn tell(&mut self, request: &str, now: i64) -> Result<()> {
        self.write(|t| posture(t, request, now))
    }

    /// Takes a delivery from the outbox, if it is still the one that was leased until then: one that came in its place stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn delivered(&mut self, due: &Due, leased_until: i64, now: i64, note: &Note<'_>) -> Result<()> {
        self.write(|t| {
            t.execute(
                "DELETE FROM outbox WHERE request = ?1 AND step = ?2 AND lease_until = ?3",
                params![due.request, due.step.name(), leased_until],
            )?;
            audit(t, now, note)
        })
    }

    /// The same for one that cannot be delivered; with a reason, where the request stands says so.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn abandon(&mut self, due: &Due, reason: Option<&str>, now: i64, note: &Note<'_>) -> Result<()> {
        self.write(|t| {
            t.execute("DELETE FROM outbox WHERE request = ?1 AND step = ?2", params![due.request, due.step.name()])?;
            if let Some(reason) = reason {
                t.execute("UPDATE requests SET reason = ?2 WHERE id = ?1", params![due.request, reason])?;
            }
            audit(t, now, note)
        })
    }
}

/// Due now, in the place of an older one of its kind.
pub(super) fn put(t: &Transaction<'_>, request: &str, step: Step, now: i64) -> rusqlite::Result<()> {
    let query = "INSERT OR REPLACE INTO outbox (request, step, attempts, since, next_at, lease_until) VALUES (?1, ?2, 0, ?3, ?3, 0)";
    t.execute(query, params![request, step.name(), now]).map(|_| ())
}

/// The posture of a request that its target knows by an id.
pub(super) fn posture(t: &Transaction<'_>, request: &str, now: i64) -> rusqlite::Result<()> {
    let query = "INSERT OR REPLACE INTO outbox (request, step, attempts, since, next_at, lease_until)
                 SELECT id, ?2, 0, ?3, ?3, 0 FROM requests WHERE id = ?1 AND external_id IS NOT NULL";
    t.execute(query, params![request, Step::Posture.name(), now]).map(|_| ())
}

/// What may not be written.
fn refused(what: String) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(what.into())
}

/// Moves a request, and puts into the outbox what follows; what was to be delivered before, and was not, is not any more.
pub(super) fn moved(
    t: &Transaction<'_>,
    id: &str,
    to: State,
    reason: &str,
    deliver: Option<Step>,
    now: i64,
    note: &Note<'_>,
) -> rusqlite::Result<()> {
    // Looked at where it is written: another process may have moved it since.
    let from: Option<String> = t.query_row("SELECT state FROM requests WHERE id = ?1", [id], |row| row.get(0)).optional()?;
    let from = from.as_deref().and_then(State::from_name);
    if from.is_none_or(|from| !from.next().contains(&to)) {
        return Err(refused(format!("request {id} cannot go from {} to {to}", from.map_or("nowhere", State::name))));
    }
    t.execute("UPDATE requests SET state = ?2, reason = ?3, changed = ?4 WHERE id = ?1", params![id, to.name(), reason, now])?;
    // What the wire shows of an identity keeps no renewal of it from being signed.
    let may_renew = to.is_watched() && to != State::Enrolled;
    t.execute("DELETE FROM outbox WHERE request = ?1 AND NOT (step = 'sign' AND ?2)", params![id, may_renew])?;
    if let Some(step) = deliver {
        put(t, id, step, now)?;
    }
    if to.is_told() {
        posture(t, id, now)?;
    }
    audit(t, now, note)
}
