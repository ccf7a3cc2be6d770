//! What the front answers: to a sensor that the policy lists its proposals and what became of them, to others a refusal.

use super::BASE;
use super::caller::Shown;
use super::gate::{Gate, Rate, SENSOR};
use crate::propose;
use crate::registrar::{Error, Registrar, Taken};
use crate::request::{Request, SCHEMA, canonical, digest};
use crate::sign::{Key, Signed};
use crate::state::State;
use crate::store::{Held, Note};
use crate::targets::Secret;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests that wait for people at a time. More is no plant, but a rule that slipped or a sensor that was taken over.
const WAITING_MAX: u32 = 20_000;
/// Seconds after which a full registrar is asked again.
const FULL: u32 = 3_600;
/// Seconds after which it is worth asking what people decided.
const PEOPLE: u32 = 60;
/// Keys by which one device may go; one that was merged a hundred times is to be looked at.
const KEYS_MAX: usize = 100;
/// Requests on a page of the list.
const PAGE: u32 = 500;

/// A call.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) signature: Option<String>,
    pub(super) idempotency_key: Option<String>,
    /// A person's, for one look-up.
    pub(super) token: Option<Secret>,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<u32>,
    pub(super) replayed: bool,
}

impl Reply {
    pub(super) fn of(status: u16, body: Value) -> Self {
        Self { status, body, ..Self::default() }
    }

    /// A refusal (RFC 9457).
    pub(super) fn problem(status: u16, title: &str, detail: &str) -> Self {
        Self::of(status, json!({ "type": "about:blank", "title": title, "status": status, "detail": detail }))
    }
}

/// The registrar behind the front.
pub(super) struct Desk {
    pub(super) registrar: Mutex<Registrar>,
    pub(super) key: Key,
    gate: Mutex<Gate>,
}

/// What is held is whole whoever panicked: the database is changed in transactions alone.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(super) fn new(registrar: Registrar, key: Key) -> Self {
        Self { registrar: Mutex::new(registrar), key, gate: Mutex::default() }
    }

    /// Answers one call.
    pub(super) fn answer(&self, asked: &Asked, now: i64) -> Reply {
        let Some(path) = asked.path.strip_prefix(BASE) else { return Reply::problem(404, "not found", &format!("the API lies below {BASE}")) };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let done = match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["health"]) => Ok(self.health(asked, now)),
            ("POST", ["onboarding", "requests"]) => self.submit(asked, now),
            ("GET", ["onboarding", "requests"]) => self.list(asked, now),
            ("GET", ["onboarding", "requests", id]) => self.poll(asked, id, now),
            ("GET", ["onboarding", "requests", id, "proposal"]) => self.proposal(asked, id, now),
            ("POST", ["onboarding", "decisions"]) => self.decide(asked, now),
            ("PUT", ["onboarding", "requests", _, "certificate" | "posture" | "deactivation"]) | ("GET", ["certificates"]) => {
                Err(Reply::problem(403, "not a sensor's", "a sensor proposes, and learns what became of it; nothing else is done here for it"))
            }
            _ => Err(Reply::problem(404, "not found", "openapi/registrar.yaml has what there is")),
        };
        done.unwrap_or_else(|refusal| refusal)
    }

    fn health(&self, asked: &Asked, now: i64) -> Reply {
        let may = self.sensor(asked, now).is_ok();
        Reply::of(200, json!({ "server": concat!("wirecensus registrar ", env!("CARGO_PKG_VERSION")), "register": may, "sign": [], "list": false }))
    }

    /// Who signed a call without a body, if the policy lists him.
    fn sensor(&self, asked: &Asked, now: i64) -> Result<String, Reply> {
        let path = if asked.query.is_empty() { asked.path.clone() } else { format!("{}?{}", asked.path, asked.query) };
        let shown = asked.signature.as_deref().and_then(Shown::of_header).filter(|shown| shown.is_of_call(&asked.method, &path, now));
        let listed = shown.filter(|shown| self.lists(&shown.public_key));
        let listed = listed.ok_or_else(|| self.refuse("a call is not signed, now, by a sensor that the policy lists", now))?;
        self.pass(&listed.public_key, SENSOR, now)?;
        Ok(listed.public_key)
    }

    fn lists(&self, public_key: &str) -> bool {
        lock(&self.registrar).policy.sensor.iter().any(|one| one.public_key == public_key)
    }

    pub(super) fn pass(&self, caller: &str, rate: Rate, now: i64) -> Result<(), Reply> {
        let busy = |after| Reply { retry_after: Some(after), ..Reply::problem(429, "too many calls", "more than is let through at a time") };
        lock(&self.gate).pass(caller, rate, now).map_err(busy)
    }

    /// A refusal; the first of a minute stands in the audit log.
    pub(super) fn refuse(&self, why: &str, now: i64) -> Reply {
        if lock(&self.gate).tells(now) {
            let note = Note { actor: "registrar", action: "refuse", subject: "front", detail: why };
            // A log that cannot be written is no reason to let anybody in.
            let _ = lock(&self.registrar).store.note(now, &note);
        }
        Reply::problem(403, "not allowed", why)
    }

    fn submit(&self, asked: &Asked, now: i64) -> Result<Reply, Reply> {
        let signed = self.signed(asked, now)?;
        self.pass(&signed.public_key, SENSOR, now)?;
        let request = &signed.request;
        let mut registrar = lock(&self.registrar);
        let held = registrar.store.get(&request.id).map_err(|error| trouble(&error.into()))?;
        keyed(asked, request, held.as_ref())?;
        sensible(&registrar, request)?;
        if held.is_none() && registrar.store.count(State::AwaitingApproval).map_err(|error| trouble(&error.into()))? >= WAITING_MAX {
            let full = Reply::problem(429, "full", "too many requests wait for people: they decide first");
            return Err(Reply { retry_after: Some(FULL), ..full });
        }
        match registrar.take_in(&signed, "", now).map_err(|error| trouble(&error))? {
            Taken::Already(other) => {
                let mut problem = Reply::problem(409, "already proposed", "the device has an open request under another id");
                problem.body["request"] = other.into();
                Err(problem)
            }
            taken => {
                let held = registrar.held(&request.id).map_err(|error| trouble(&error))?;
                let standing = standing(&held);
                let status = if standing.retry_after.is_some() { 202 } else { 200 };
                Ok(Reply { status, replayed: taken == Taken::Same, location: Some(format!("{BASE}/onboarding/requests/{}", request.id)), ..standing })
            }
        }
    }

    /// The proposal, if a sensor that the policy lists signed it.
    fn signed(&self, asked: &Asked, now: i64) -> Result<Signed, Reply> {
        let shown = asked.signature.as_deref().and_then(Shown::of_header).filter(|shown| self.lists(&shown.public_key));
        // Nothing is read of a body whose sender is not even named.
        let shown = shown.ok_or_else(|| self.refuse("a proposal is not signed by a sensor that the policy lists", now))?;
        let request: Request = serde_json::from_slice(&asked.body)
            .map_err(|error| Reply::problem(400, "no request", &format!("the body is none of schema/enrollment-request.schema.json: {error}")))?;
        let signed = Signed { request, public_key: shown.public_key, signature: shown.signature };
        if signed.holds() { Ok(signed) } else { Err(self.refuse("the signature of a proposal does not hold", now)) }
    }

    fn poll(&self, asked: &Asked, id: &str, now: i64) -> Result<Reply, Reply> {
        self.sensor(asked, now)?;
        let held = lock(&self.registrar).store.get(id).map_err(|error| trouble(&error.into()))?;
        held.map(|held| standing(&held)).ok_or_else(|| Reply::problem(404, "not found", "there is no such request"))
    }

    /// Ids and states, a page at a time, by id.
    fn list(&self, asked: &Asked, now: i64) -> Result<Reply, Reply> {
        self.sensor(asked, now)?;
        let after = asked.query.strip_prefix("cursor=").unwrap_or_default();
        let all = lock(&self.registrar).store.after(after, PAGE + 1).map_err(|error| trouble(&error.into()))?;
        let page: Vec<Value> = all.iter().map(|held| standing(held).body).take(PAGE as usize).collect();
        let next = page.last().filter(|_| all.len() > page.len()).map(|last| last["id"].clone());
        Ok(Reply::of(200, json!({ "requests": page, "next": next })))
    }
}

/// The database is in trouble, or what was asked makes no sense there.
pub(super) fn trouble(error: &Error) -> Reply {
    match error {
        Error::Refused(why) => Reply::problem(422, "not taken", why),
        Error::Store(_) | Error::Stopped => {
            Reply { retry_after: Some(PEOPLE), ..Reply::problem(503, "in trouble", "the registrar cannot reach its database: its log says why") }
        }
    }
}

/// The same key with another body is another request, and refused: a key is the request's id, or the id and the body's digest.
fn keyed(asked: &Asked, request: &Request, held: Option<&Held>) -> Result<(), Reply> {
    let Some(key) = asked.idempotency_key.as_deref() else {
        return Err(Reply::problem(400, "no Idempotency-Key", "the header holds the request's id, or ID:sha256:DIGEST of the body"));
    };
    let is_other = match key.strip_prefix(request.id.as_str()) {
        Some("") => held.is_some_and(|held| held.request != *request),
        Some(rest) => rest.strip_prefix(':') != Some(digest(&request.canonical()).as_str()),
        None => true,
    };
    if is_other { Err(Reply::problem(422, "another body", "this Idempotency-Key stands for another body")) } else { Ok(()) }
}

/// Whether a listed sensor says what a sensor may say: it may have been taken over.
fn sensible(registrar: &Registrar, request: &Request) -> Result<(), Reply> {
    let refuse = |why: &str| Err(Reply::problem(422, "not taken", why));
    let keys = &request.device_keys;
    if request.schema != SCHEMA {
        return refuse("it is of another schema");
    }
    if keys.len() > KEYS_MAX || !keys.is_sorted() || !keys.contains(&request.device_id) {
        return refuse("device_keys must be sorted, hold device_id, and be no more than a hundred");
    }
    if request.id != propose::id(keys, &request.target, &request.identity_profile) {
        return refuse("the id does not follow from device, target and profile");
    }
    if request.evidence_digest != digest(&canonical(&request.evidence)) {
        return refuse("evidence_digest is none of evidence");
    }
    if !request.requested_by.starts_with("policy:") {
        return refuse("a sensor proposes by policy: requested_by names none");
    }
    match registrar.policy.targets.get(&request.target) {
        None => refuse("the registrar knows no such target"),
        Some(target) if !target.profiles.is_empty() && !target.profiles.contains(&request.identity_profile) => {
            refuse("the target's profiles do not list this one")
        }
        Some(_) => Ok(()),
    }
}

/// Where a request stands, as the contract tells it.
fn standing(held: &Held) -> Reply {
    let state = match held.state {
        State::AwaitingApproval | State::Requested | State::Failed | State::DeadLetter => "pending_approval",
        State::Accepted => "registered",
        State::Rejected | State::Delegated | State::Compensated => "rejected",
        State::Retired | State::Replaced => "gone",
        _ => "enrolled",
    };
    let body = json!({ "id": held.request.id, "state": state, "serial": held.serial, "reason": format!("{}: {}", held.state, held.reason) });
    Reply { retry_after: (state == "pending_approval").then_some(PEOPLE), ..Reply::of(200, body) }
}
