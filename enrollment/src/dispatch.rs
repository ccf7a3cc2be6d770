//! Delivers what is due: lease, call, settle. A process that dies between any two of them loses nothing and registers nothing twice,
//! because the lease runs out and the call is idempotent by the request's id.

use crate::approval::{Approver, people};
use crate::outbox::{AGE_MAX, Millis, wait};
use crate::policy::Policy;
use crate::state::State;
use crate::store::{Leased, Store, StoreError};
use crate::target::{Failure, Reason, Registered, Status, Target};
use std::collections::BTreeMap;

/// The configured targets, by name.
pub type Targets = BTreeMap<String, Box<dyn Target>>;

/// Between two durable steps; tests stop here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The lease stands, nothing was sent.
    Leased,
    /// The target answered, nothing was written down.
    Answered,
    /// The answer stands.
    Settled,
}

/// What a pass needs beside the store.
pub struct Pass<'a> {
    /// Now.
    pub now: Millis,
    /// Chance, for jitter.
    pub random: &'a mut dyn FnMut() -> u64,
    /// Called between steps; `false` ends the pass there, as a kill would.
    pub go_on: &'a mut dyn FnMut(Step) -> bool,
    /// How many approvals, by whom.
    pub policy: &'a Policy,
    /// See `policy`.
    pub approvers: &'a [Approver],
}

/// What became of a pass.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Registered.
    pub accepted: u32,
    /// Tried, and to be tried again.
    pub later: u32,
    /// Failed for good, or too old.
    pub failed: u32,
    /// Sent back to approval.
    pub unapproved: u32,
    /// Targets to which nothing is sent now, and why.
    pub waiting: Vec<String>,
}

/// Delivers what is due, one at a time a target.
///
/// # Errors
/// If the registrar's file cannot be read or written.
pub fn dispatch(store: &mut Store, targets: &mut Targets, pass: &mut Pass<'_>) -> Result<Report, StoreError> {
    let mut report = Report { failed: store.bury(pass.now, pass.now.saturating_sub(AGE_MAX))?, ..Report::default() };
    for (name, target) in targets.iter_mut() {
        if !ready(store, name, target.as_mut(), pass.now, &mut report)? {
            continue;
        }
        while let Some(leased) = store.lease(name, pass.now)? {
            if !(pass.go_on)(Step::Leased) || !deliver(store, target.as_mut(), &leased, pass, &mut report)? {
                return Ok(report);
            }
            if store.breaker(name)?.is_open(pass.now) {
                break;
            }
        }
    }
    Ok(report)
}

/// Whether the breaker lets anything through; one that was open is closed by a probe alone.
fn ready(store: &mut Store, name: &str, target: &mut dyn Target, now: Millis, report: &mut Report) -> Result<bool, StoreError> {
    let breaker = store.breaker(name)?;
    if breaker.is_open(now) {
        report.waiting.push(format!("{name}: failed {} times in a row; waits", breaker.failures));
        return Ok(false);
    }
    if breaker.must_probe() {
        if let Err(failure) = target.probe() {
            store.set_breaker(name, breaker.failed(now))?;
            report.waiting.push(format!("{name}: {failure}"));
            return Ok(false);
        }
        store.set_breaker(name, crate::outbox::Breaker::default())?;
    }
    Ok(true)
}

/// Sends one; `false` where the pass was told to end.
fn deliver(store: &mut Store, target: &mut dyn Target, leased: &Leased, pass: &mut Pass<'_>, report: &mut Report) -> Result<bool, StoreError> {
    let request = &leased.request;
    // What stands in the file is not believed: signatures are checked again, over what would be sent.
    let approved = people(request, &store.approvals(&request.id)?, pass.approvers, pass.now).len();
    if approved < usize::from(pass.policy.approvals_required) {
        report.unapproved += 1;
        store.settle(&request.id, State::AwaitingApproval, None, "approvals are missing for what would be sent", pass.now)?;
        return Ok(true);
    }
    let answer = target.register(request);
    if !(pass.go_on)(Step::Answered) {
        return Ok(false);
    }
    match answer {
        Ok(registered) => {
            report.accepted += 1;
            store.set_breaker(&request.target, crate::outbox::Breaker::default())?;
            store.settle(&request.id, State::Accepted, Some(&registered.external_id), "registered", pass.now)?;
        }
        Err(failure) => later_or_never(store, leased, &failure, pass, report)?,
    }
    Ok((pass.go_on)(Step::Settled))
}

fn later_or_never(store: &mut Store, leased: &Leased, failure: &Failure, pass: &mut Pass<'_>, report: &mut Report) -> Result<(), StoreError> {
    let request = &leased.request;
    // A credential or certificate that is not accepted is no fault of the request: it waits for the configuration.
    let target_at_fault = matches!(failure.reason, Reason::Untrusted | Reason::Unauthenticated);
    if !failure.retry() && !target_at_fault {
        report.failed += 1;
        return store.settle(&request.id, State::Failed, None, &failure.message, pass.now);
    }
    let asked = if let Reason::Throttled(asked) = failure.reason { asked } else { None };
    if !matches!(failure.reason, Reason::Throttled(_)) {
        let breaker = store.breaker(&request.target)?.failed(pass.now);
        store.set_breaker(&request.target, breaker)?;
    }
    report.later += 1;
    let next = pass.now.saturating_add(wait(leased.attempts, asked, (pass.random)()).max(1));
    store.again(&request.id, next, &failure.message, pass.now)
}

/// Asks what became of what was registered.
///
/// # Errors
/// If the registrar's file cannot be read or written. A target that does not answer is asked again the next time.
pub fn poll(store: &mut Store, targets: &mut Targets, now: Millis) -> Result<u32, StoreError> {
    let mut changed = 0;
    for held in store.all()?.into_iter().filter(|held| held.state == State::Accepted) {
        let Some(target) = targets.get_mut(&held.request.target) else { continue };
        let registered = Registered { external_id: held.external_id.unwrap_or_default(), replayed: false };
        let (state, why) = match target.status(&registered) {
            Ok(Status::Enrolled(serial)) => (State::Enrolled, serial.map_or_else(String::new, |serial| format!("certificate {serial}"))),
            Ok(Status::Rejected(why)) => (State::Rejected, why),
            Ok(Status::Gone) => (State::Failed, "it is not there any more".to_owned()),
            Ok(Status::Pending(_) | Status::Registered) | Err(_) => continue,
        };
        store.settle(&held.request.id, state, None, &why, now)?;
        changed += 1;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests;
