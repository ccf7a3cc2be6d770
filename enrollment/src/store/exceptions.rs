//! What was delegated or compensated for, by whom, and until when; and requests a page at a time.

use super::{HELD, Held, Note, Result, Store, broken, held, moved};
use crate::state::State;
use rusqlite::params;

/// An end without an identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exception {
    /// `Delegated` or `Compensated`.
    pub state: State,
    /// The gateway that holds the identity, or the zone that protects the device.
    pub by: String,
    /// Who answers for it.
    pub owner: String,
    /// When it is looked at again, seconds since 1970.
    pub review: i64,
}

impl Store {
    /// Moves a request to an end without an identity.
    ///
    /// # Errors
    /// If the database cannot be written, or the request may not go there.
    pub fn except(&mut self, id: &str, exception: &Exception, reason: &str, now: i64, note: &Note<'_>) -> Result<()> {
        let Exception { state, by, owner, review } = exception;
        self.write(|t| {
            t.execute(
                "INSERT OR REPLACE INTO exceptions (request, state, held_by, owner, review) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, state.name(), by, owner, review],
            )?;
            moved(t, id, *state, reason, None, now, note)
        })
    }

    /// All of them, by the request's id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn exceptions(&self) -> Result<Vec<(String, Exception)>> {
        self.read(|c| {
            let of = |row: &rusqlite::Row<'_>| {
                let state = row.get::<_, String>(1)?;
                let state = State::from_name(&state).ok_or_else(|| broken(1, format!("no state is called {state:?}")))?;
                Ok((row.get(0)?, Exception { state, by: row.get(2)?, owner: row.get(3)?, review: row.get(4)? }))
            };
            c.prepare("SELECT request, state, held_by, owner, review FROM exceptions ORDER BY request")?.query_map([], of)?.collect()
        })
    }

    /// So many requests after an id, by id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn after(&self, id: &str, most: u32) -> Result<Vec<Held>> {
        let query = format!("{HELD} WHERE id > ?1 ORDER BY id LIMIT ?2");
        self.read(|c| c.prepare(&query)?.query_map(params![id, most], held)?.collect())
    }

    /// Detail of the last entry of the log with this action.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last(&self, action: &str) -> Result<Option<String>> {
        use rusqlite::OptionalExtension;
        let query = "SELECT detail FROM audit WHERE action = ?1 ORDER BY sequence DESC LIMIT 1";
        self.read(|c| c.query_row(query, [action], |row| row.get(0)).optional())
    }
}
