//! What a target is told: postures and proposals in the outbox. One of a kind a request; the latest takes the place of the one before.

use super::{Due, Note, Result, Step, Store, audit};
use rusqlite::{Transaction, params};

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
