//! The outbox: what is to be delivered, by whom it is being delivered, and when it is tried again.

use super::requests::{state, step, unread};
use super::{Store, StoreError, log};
use crate::outbox::{Breaker, LEASE};
use crate::request::Request;
use crate::state::State;
use rusqlite::{OptionalExtension, params};

/// A delivery that is this process's for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leased {
    /// What to send.
    pub request: Request,
    /// Tries before this one.
    pub attempts: u32,
}

impl Store {
    /// Takes the next delivery that is due at a target, unless one is on its way there.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn lease(&mut self, target: &str, now: i64) -> Result<Option<Leased>, StoreError> {
        self.change(|tx| {
            let busy = "SELECT EXISTS (SELECT 1 FROM outbox WHERE target = ?1 AND lease_until > ?2)";
            if tx.query_row(busy, params![target, now], |row| row.get(0))? {
                return Ok(None);
            }
            let due = "SELECT o.request, o.attempts, r.body FROM outbox o JOIN requests r ON r.id = o.request
               WHERE o.target = ?1 AND o.next_at <= ?2 ORDER BY o.next_at, o.request LIMIT 1";
            let row = tx.query_row(due, params![target, now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
            let Some((id, attempts, body)): Option<(String, u32, String)> = row else { return Ok(None) };
            let request = serde_json::from_str(&body).map_err(unread)?;
            let lease = params![id, now.saturating_add(LEASE)];
            tx.execute("UPDATE outbox SET lease_until = ?2, attempts = attempts + 1 WHERE request = ?1", lease)?;
            log(tx, now, "sent", "registrar", &id, &format!("to {target}, try {}", attempts.saturating_add(1)))?;
            Ok(Some(Leased { request, attempts }))
        })
    }

    /// Writes down how a delivery, or what came after it, ended.
    ///
    /// # Errors
    /// If the table of states forbids it, or it cannot be written.
    pub fn settle(&mut self, id: &str, to: State, external_id: Option<&str>, why: &str, now: i64) -> Result<(), StoreError> {
        self.change(|tx| {
            tx.execute("DELETE FROM outbox WHERE request = ?1", [id])?;
            if let Some(external_id) = external_id {
                tx.execute("UPDATE requests SET external_id = ?2 WHERE id = ?1", params![id, external_id])?;
            }
            step(tx, id, to, why, now)
        })
    }

    /// Gives a delivery back, to be tried again.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn again(&mut self, id: &str, next: i64, why: &str, now: i64) -> Result<(), StoreError> {
        self.change(|tx| {
            tx.execute("UPDATE outbox SET lease_until = 0, next_at = ?2 WHERE request = ?1", params![id, next])?;
            tx.execute("UPDATE requests SET why = ?2 WHERE id = ?1", params![id, why])?;
            log(tx, now, "answer", "target", id, why)
        })
    }

    /// Makes dead letters of what was put into the outbox before `oldest`. How many.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn bury(&mut self, now: i64, oldest: i64) -> Result<u32, StoreError> {
        self.change(|tx| {
            let sql = "SELECT o.request, r.why FROM outbox o JOIN requests r ON r.id = o.request WHERE o.created_at <= ?1 AND o.lease_until <= ?2";
            let mut statement = tx.prepare(sql)?;
            let rows = statement.query_map(params![oldest, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let old: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
            for (id, why) in &old {
                tx.execute("DELETE FROM outbox WHERE request = ?1", [id])?;
                if state(tx, id)? == State::Requested {
                    step(tx, id, State::DeadLetter, &format!("not delivered in 72 hours: {why}"), now)?;
                }
            }
            Ok(u32::try_from(old.len()).unwrap_or(u32::MAX))
        })
    }

    /// A target's circuit breaker.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn breaker(&self, target: &str) -> Result<Breaker, StoreError> {
        let sql = "SELECT failures, open_until FROM breakers WHERE target = ?1";
        let row = self.connection.query_row(sql, [target], |row| Ok(Breaker { failures: row.get(0)?, open_until: row.get(1)? }));
        Ok(row.optional()?.unwrap_or_default())
    }

    /// Sets it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_breaker(&mut self, target: &str, breaker: Breaker) -> Result<(), StoreError> {
        let row = params![target, breaker.failures, breaker.open_until];
        self.connection.execute("INSERT OR REPLACE INTO breakers VALUES (?1, ?2, ?3)", row)?;
        Ok(())
    }
}
