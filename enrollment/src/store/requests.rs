//! Requests: taken in, approved, and their way through the states.

use super::{Store, StoreError, log};
use crate::approval::{Approver, Decision, Signed, people};
use crate::policy::Policy;
use crate::request::Request;
use crate::sign::verify;
use crate::state::State;
use rusqlite::{OptionalExtension, Row, Transaction, params};

/// What a quota counts over, in milliseconds.
const HOUR: i64 = 3600 * 1000;

/// A request and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// What is proposed.
    pub request: Request,
    /// Where it stands.
    pub state: State,
    /// Why it stands there.
    pub why: String,
    /// By which the target finds it.
    pub external_id: Option<String>,
}

/// What became of a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It is new, and waits for approval.
    New,
    /// It is known, as that request; another sensor that proposes it is noted.
    Known(String),
    /// The device changed before it was sent: it waits for approval, again.
    Changed,
    /// A quota is used up: later.
    Quota,
}

impl Store {
    /// Takes a proposal in. `sensors` are the public keys of those that may propose.
    ///
    /// # Errors
    /// If it is not signed by one of them, or cannot be written.
    pub fn take(&mut self, request: &Request, signature: &str, sensors: &[String], policy: &Policy, now: i64) -> Result<Taken, StoreError> {
        if !sensors.contains(&request.sensor) || !verify(&request.sensor, &request.canonical(), signature) {
            return Err(StoreError::Refused(format!("request {}: it is not signed by a sensor that may propose", request.id)));
        }
        self.change(|tx| {
            if let Some(known) = known(tx, request)? {
                tx.execute("INSERT OR IGNORE INTO sensors VALUES (?1, ?2, ?3)", params![known.request.id, request.sensor, now])?;
                return renew(tx, &known, request, signature, now);
            }
            if quota_is_used_up(tx, policy, now)? {
                return Ok(Taken::Quota);
            }
            let body = text(request)?;
            let (id, waiting) = (&request.id, State::AwaitingApproval.text());
            tx.execute(
                "INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8)",
                params![id, request.target, body, request.binding_digest(), signature, waiting, request.justification, now],
            )?;
            tx.execute("INSERT INTO sensors VALUES (?1, ?2, ?3)", params![id, request.sensor, now])?;
            name(tx, id, request)?;
            log(tx, now, "taken", &request.sensor, id, &request.binding_digest())?;
            Ok(Taken::New)
        })
    }

    /// All requests, by id.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn all(&self) -> Result<Vec<Held>, StoreError> {
        let mut statement = self.connection.prepare("SELECT body, state, why, external_id FROM requests ORDER BY id")?;
        let rows = statement.query_map([], raw)?;
        rows.map(|row| held(row?)).collect()
    }

    /// One request.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn get(&self, id: &str) -> Result<Held, StoreError> {
        let row = self.connection.query_row("SELECT body, state, why, external_id FROM requests WHERE id = ?1", [id], raw);
        held(row.optional()?.ok_or_else(|| StoreError::Missing(id.to_owned()))?)
    }

    /// Approvals and rejections of a request, whether or not they still count.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn approvals(&self, id: &str) -> Result<Vec<Signed>, StoreError> {
        approvals(&self.connection, id)
    }

    /// A person's decision. The last approval that is needed puts the request into the outbox.
    ///
    /// # Errors
    /// If it does not count, or the request is not waiting for it.
    pub fn decide(&mut self, signed: &Signed, approvers: &[Approver], policy: &Policy, now: i64) -> Result<State, StoreError> {
        let held = self.get(&signed.statement.request)?;
        let who = signed.by(&held.request, approvers, now).map_err(StoreError::Refused)?.to_owned();
        self.change(|tx| {
            let id = &held.request.id;
            let current = state(tx, id)?;
            if current != State::AwaitingApproval {
                return Err(StoreError::Refused(format!("request {id} is {}: nothing is waiting for a decision", current.text())));
            }
            let row = params![id, signed.key, signed.statement.binding, text(signed)?];
            tx.execute("INSERT OR REPLACE INTO approvals VALUES (?1, ?2, ?3, ?4)", row)?;
            let word = if signed.statement.decision == Decision::Approve { "approve" } else { "reject" };
            log(tx, now, word, &who, id, &signed.statement.binding)?;
            if signed.statement.decision == Decision::Reject {
                step(tx, id, State::Rejected, &format!("by {who}"), now)?;
                return Ok(State::Rejected);
            }
            let count = people(&held.request, &approvals(tx, id)?, approvers, now).len();
            if count < usize::from(policy.approvals_required) {
                return Ok(State::AwaitingApproval);
            }
            enqueue(tx, id, &format!("approved by {count}"), now)?;
            Ok(State::Requested)
        })
    }

    /// Sends a request without signatures, in the single-operator mode alone.
    ///
    /// # Errors
    /// If approvals are required, or the request is not waiting.
    pub fn release(&mut self, id: &str, who: &str, policy: &Policy, now: i64) -> Result<(), StoreError> {
        if policy.approvals_required > 0 {
            return Err(StoreError::Refused(format!("{} approvals are required", policy.approvals_required)));
        }
        self.change(|tx| {
            if state(tx, id)? != State::AwaitingApproval {
                return Err(StoreError::Refused(format!("request {id} is not waiting for approval")));
            }
            log(tx, now, "single operator", who, id, "released without signature")?;
            enqueue(tx, id, &format!("released by {who}, single operator"), now)
        })
    }

    /// Replays a failed request or a dead letter.
    ///
    /// # Errors
    /// If it is neither.
    pub fn retry(&mut self, id: &str, who: &str, now: i64) -> Result<(), StoreError> {
        self.change(|tx| match state(tx, id)? {
            State::Failed | State::DeadLetter => {
                log(tx, now, "retry", who, id, "")?;
                enqueue(tx, id, &format!("replayed by {who}"), now)
            }
            other => Err(StoreError::Step(other, State::Requested)),
        })
    }
}

/// The request that stands for the same device, target and profile: by its id, or by any key.
fn known(tx: &Transaction<'_>, request: &Request) -> Result<Option<Held>, StoreError> {
    let sql = "SELECT body, state, why, external_id FROM requests WHERE id = ?1";
    if let Some(row) = tx.query_row(sql, [&request.id], raw).optional()? {
        return held(row).map(Some);
    }
    let sql = "SELECT r.body, r.state, r.why, r.external_id FROM keys k JOIN requests r ON r.id = k.request
       WHERE k.key = ?1 AND k.target = ?2 AND k.profile = ?3";
    let mut statement = tx.prepare(sql)?;
    for key in &request.device_keys {
        for row in statement.query_map(params![key, request.target, request.identity_profile], raw)? {
            let held = held(row?)?;
            if held.state.holds() {
                return Ok(Some(held));
            }
        }
    }
    Ok(None)
}

/// A known device proposed again: what changed of it before it was sent voids its approvals.
fn renew(tx: &Transaction<'_>, known: &Held, request: &Request, signature: &str, now: i64) -> Result<Taken, StoreError> {
    let id = &known.request.id;
    let leased = tx.query_row("SELECT lease_until > ?2 FROM outbox WHERE request = ?1", params![id, now], |row| row.get(0)).optional()?;
    let unsent = matches!(known.state, State::AwaitingApproval | State::Requested) && leased != Some(true);
    if *id != request.id || !unsent || known.request.binding_digest() == request.binding_digest() {
        return Ok(Taken::Known(id.clone()));
    }
    let row = params![id, text(request)?, request.binding_digest(), signature];
    tx.execute("UPDATE requests SET body = ?2, binding = ?3, signature = ?4 WHERE id = ?1", row)?;
    name(tx, id, request)?;
    log(tx, now, "changed", &request.sensor, id, &request.binding_digest())?;
    if known.state == State::Requested {
        tx.execute("DELETE FROM outbox WHERE request = ?1", [id])?;
        step(tx, id, State::AwaitingApproval, "the device changed before it was sent", now)?;
    }
    Ok(Taken::Changed)
}

fn name(tx: &Transaction<'_>, id: &str, request: &Request) -> Result<(), StoreError> {
    for key in &request.device_keys {
        let row = params![key, request.target, request.identity_profile, id];
        tx.execute("INSERT OR IGNORE INTO keys VALUES (?1, ?2, ?3, ?4)", row)?;
    }
    Ok(())
}

fn quota_is_used_up(tx: &Transaction<'_>, policy: &Policy, now: i64) -> Result<bool, StoreError> {
    let since = now.saturating_sub(HOUR);
    let recent: u32 = tx.query_row("SELECT count(*) FROM requests WHERE taken_at > ?1", [since], |row| row.get(0))?;
    let open = [State::AwaitingApproval.text(), State::Requested.text()];
    let open: u32 = tx.query_row("SELECT count(*) FROM requests WHERE state IN (?1, ?2)", open, |row| row.get(0))?;
    Ok(recent >= policy.per_hour || open >= policy.in_flight)
}

fn enqueue(tx: &Transaction<'_>, id: &str, why: &str, now: i64) -> Result<(), StoreError> {
    step(tx, id, State::Requested, why, now)?;
    let sql = "INSERT OR REPLACE INTO outbox SELECT id, target, 0, ?2, ?2, 0 FROM requests WHERE id = ?1";
    tx.execute(sql, params![id, now])?;
    Ok(())
}

/// One step, if the table of states allows it.
pub(super) fn step(tx: &Transaction<'_>, id: &str, to: State, why: &str, now: i64) -> Result<(), StoreError> {
    let from = state(tx, id)?;
    if !from.next().contains(&to) {
        return Err(StoreError::Step(from, to));
    }
    tx.execute("UPDATE requests SET state = ?2, why = ?3 WHERE id = ?1", params![id, to.text(), why])?;
    let row = params![id, from.text(), to.text(), why, now];
    tx.execute("INSERT INTO transitions (request, before, after, why, at) VALUES (?1, ?2, ?3, ?4, ?5)", row)?;
    log(tx, now, "state", "registrar", id, &format!("{} -> {}: {why}", from.text(), to.text()))
}

pub(super) fn state(tx: &Transaction<'_>, id: &str) -> Result<State, StoreError> {
    let text: Option<String> = tx.query_row("SELECT state FROM requests WHERE id = ?1", [id], |row| row.get(0)).optional()?;
    read_state(&text.ok_or_else(|| StoreError::Missing(id.to_owned()))?)
}

fn approvals(connection: &rusqlite::Connection, id: &str) -> Result<Vec<Signed>, StoreError> {
    let mut statement = connection.prepare("SELECT signed FROM approvals WHERE request = ?1 ORDER BY key, binding")?;
    let rows = statement.query_map([id], |row| row.get::<_, String>(0))?;
    rows.map(|row| serde_json::from_str(&row?).map_err(unread)).collect()
}

type Raw = (String, String, String, Option<String>);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn held((body, state, why, external_id): Raw) -> Result<Held, StoreError> {
    Ok(Held { request: serde_json::from_str(&body).map_err(unread)?, state: read_state(&state)?, why, external_id })
}

fn read_state(text: &str) -> Result<State, StoreError> {
    State::parse(text).ok_or_else(|| StoreError::Schema(format!("unknown state {text:?}")))
}

fn text(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(unread)
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
pub(super) fn unread(error: serde_json::Error) -> StoreError {
    StoreError::Schema(error.to_string())
}
