//! Takes proposals in, asks people, and moves what they agree to on to the outbox. `dispatch` delivers.
//!
//! Time is handed in: seconds since 1970 of this machine's clock, which is what people, certificates and `Retry-After` go by.

mod configured;
mod dispatch;
mod exception;
mod judge;
mod observe;
mod people;
mod poll;
mod renew;
mod scene;

pub use dispatch::{Hook, Open, Report};
pub use people::Decision;
pub use poll::Polling;

use crate::approval::{Approval, agreeing};
use crate::policy::Policy;
use crate::request::Request;
use crate::sign::Signed;
use crate::state::State;
use crate::store::{Held, Note, Step, Store, StoreError};
use crate::targets::csr_key;
use std::fmt;

/// Seconds by which an approver's clock may be ahead of ours.
const CLOCKS_APART_MAX: i64 = 300;

/// The registrar: a database, and a policy.
pub struct Registrar {
    /// Its database.
    pub store: Store,
    /// What it lets happen.
    pub policy: Policy,
}

/// Why something was not done.
#[derive(Debug)]
pub enum Error {
    /// The database.
    Store(StoreError),
    /// It is not allowed, or makes no sense; the sentence says why.
    Refused(String),
    /// A test asked to stop here.
    Stopped,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Refused(why) => f.write_str(why),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What became of a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It is new, and waits for people.
    New,
    /// It is known, and nothing that matters is different.
    Same,
    /// What people agree to has changed: they are asked again.
    Changed,
    /// The device has a request already, under this id.
    Already(String),
}

impl Registrar {
    /// Takes in what a sensor proposes; `own` is this machine's own public key, whose word counts where the policy lists no sensor.
    ///
    /// # Errors
    /// If the signature does not hold or is nobody's who may propose, or the database cannot be written.
    pub fn take_in(&mut self, signed: &Signed, own: &str, now: i64) -> Result<Taken, Error> {
        let request = &signed.request;
        let listed = |key: &str| if self.policy.sensor.is_empty() { key == own } else { self.policy.sensor.iter().any(|one| one.public_key == key) };
        if !signed.holds() || !listed(&signed.public_key) {
            let why = format!("proposal {} is not signed by a sensor that may propose", request.id);
            self.store.note(now, &Note { actor: "registrar", action: "refuse", subject: &request.id, detail: &why })?;
            return Err(Error::Refused(why));
        }
        let actor = format!("sensor:{}", &request.sensor);
        let others = self.store.on_device(&request.device_keys, &request.target)?;
        if let Some(other) = others.iter().find(|other| other.request.id != request.id && other.state.is_open()) {
            return Ok(Taken::Already(other.request.id.clone()));
        }
        let note = |action| Note { actor: &actor, action, subject: &request.id, detail: &request.justification };
        let taken = match self.store.get(&request.id)? {
            None => {
                self.store.put(request, State::AwaitingApproval, "new", now, &note("propose"))?;
                Taken::New
            }
            // Who was refused, or is delivered already, is not put in again by being seen again.
            Some(held) if !held.state.is_before_delivery() => Taken::Same,
            // Two sensors that see one device, each in its way: the first one's word stands while it may propose. Else each would void
            // what people agreed to of the other's.
            Some(held) if held.request.sensor != request.sensor && self.may_propose(&held.request.sensor, own) => Taken::Same,
            Some(held) if held.request.binding_digest() == request.binding_digest() => {
                self.store.refresh(request)?;
                Taken::Same
            }
            Some(_) => {
                self.store.put(request, State::AwaitingApproval, "the device changed: to be approved again", now, &note("propose-changed"))?;
                Taken::Changed
            }
        };
        if self.policy.approvals_required == 0 && matches!(taken, Taken::New | Taken::Changed) {
            self.release(&request.id, "nobody was asked: approvals_required = 0", now)?;
        }
        Ok(taken)
    }

    /// Whether proposals of a sensor, by its id, are taken in.
    fn may_propose(&self, sensor: &str, own: &str) -> bool {
        let listed = self.policy.sensor.iter().map(|one| one.public_key.as_str());
        let own = self.policy.sensor.is_empty().then_some(own);
        listed.chain(own).filter_map(crate::sign::id_of).any(|id| id == sensor)
    }

    /// Takes in what a person says. Enough of them agreeing sends the request on its way; one who refuses ends it.
    ///
    /// # Errors
    /// If the statement does not count, the request waits for none, or the database cannot be written.
    pub fn decide(&mut self, approval: &Approval, now: i64) -> Result<Held, Error> {
        let id = &approval.statement.request;
        let held = self.held(id)?;
        if held.state != State::AwaitingApproval {
            return Err(Error::Refused(format!("request {id} waits for nobody: it is {}", held.state)));
        }
        approval.check(&held.request, &self.policy).map_err(Error::Refused)?;
        if approval.statement.at > now + CLOCKS_APART_MAX {
            return Err(Error::Refused("it is signed with a time to come: are both clocks right?".to_owned()));
        }
        let actor = format!("person:{}", approval.statement.approver);
        let note = Note { actor: &actor, action: &approval.statement.decision, subject: id, detail: &approval.statement.binding };
        match approval.statement.decision.as_str() {
            "approve" => {
                self.store.approve(approval, now, &note)?;
                let agreed = agreeing(&self.store.approvals(id)?, &held.request, &self.policy);
                if agreed >= usize::from(self.policy.approvals_required) {
                    self.release(id, &format!("{agreed} agreed"), now)?;
                }
            }
            "reject" => self.store.advance(id, State::Rejected, &format!("rejected by {}", approval.statement.approver), None, now, &note)?,
            other => return Err(Error::Refused(format!("{other:?} is neither approve nor reject"))),
        }
        self.held(id)
    }

    /// Sends what failed on its way again, as it was approved: also a renewal, and the proposal to take a stale identity back.
    ///
    /// # Errors
    /// If it did not fail, or the database cannot be written.
    pub fn retry(&mut self, id: &str, actor: &str, now: i64) -> Result<(), Error> {
        let held = self.held(id)?;
        if let Some(step) = self.unsaid(&held)? {
            let note = Note { actor, action: "retry", subject: id, detail: &held.reason };
            return Ok(self.store.deliver(id, step, now, &note)?);
        }
        if !matches!(held.state, State::Failed | State::DeadLetter) {
            return Err(Error::Refused(format!("request {id} has not failed: it is {}", held.state)));
        }
        let note = Note { actor, action: "retry", subject: id, detail: &held.reason };
        Ok(self.store.advance(id, State::Requested, "tried again", Some(Step::Register), now, &note)?)
    }

    /// Attaches a CSR that an operator vouches for; its key must be no other request's.
    ///
    /// # Errors
    /// If it is no CSR, its key is another's, or the request is past that.
    pub fn attach_csr(&mut self, id: &str, csr: &str, vouched_by: &str, now: i64) -> Result<(), Error> {
        let held = self.held(id)?;
        if !matches!(held.state, State::AwaitingApproval | State::Requested | State::Accepted) && !held.state.is_watched() {
            return Err(Error::Refused(format!("request {id} takes no CSR any more: it is {}", held.state)));
        }
        let Some(key) = csr_key(csr) else {
            return Err(Error::Refused("this is no CSR: PKCS#10 in PEM begins with -----BEGIN CERTIFICATE REQUEST-----".to_owned()));
        };
        for other in self.store.all()?.iter().filter(|other| other.request.id != id) {
            if other.csr.as_deref().and_then(csr_key).as_ref() == Some(&key) {
                return Err(Error::Refused(format!(
                    "the key of this CSR is that of request {}: every device has a key of its own",
                    other.request.id
                )));
            }
        }
        let actor = format!("person:{vouched_by}");
        let digest = crate::request::digest(csr.as_bytes());
        let note = Note { actor: &actor, action: "attach-csr", subject: id, detail: &digest };
        // Where an identity was given already, this is its renewal.
        Ok(self.store.attach(id, csr, held.state == State::Accepted || held.state.is_watched(), now, &note)?)
    }

    /// A request that is there.
    ///
    /// # Errors
    /// If it is not, or the database cannot be read.
    pub fn held(&self, id: &str) -> Result<Held, Error> {
        self.store.get(id)?.ok_or_else(|| Error::Refused(format!("there is no request {id}")))
    }

    /// Whether enough people agree to a request as it stands.
    fn is_agreed(&self, request: &Request) -> Result<bool, Error> {
        Ok(agreeing(&self.store.approvals(&request.id)?, request, &self.policy) >= usize::from(self.policy.approvals_required))
    }

    fn release(&mut self, id: &str, why: &str, now: i64) -> Result<(), Error> {
        let note = Note { actor: "registrar", action: "release", subject: id, detail: why };
        Ok(self.store.advance(id, State::Requested, why, Some(Step::Register), now, &note)?)
    }
}
