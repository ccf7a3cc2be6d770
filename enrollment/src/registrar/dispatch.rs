//! The outbox: what people agreed to is delivered at least once, and every call is one that may be made twice.
//!
//! A delivery is leased, made, and its outcome written in one transaction. Whoever is killed between two of these leaves a lease that
//! runs out; the call is then made again and finds what the first one did.

use super::{Error, Registrar};
use crate::state::State;
use crate::store::{Due, Held, Note, Step};
use crate::target::{Failure, Issued, Reason, Registered, Status, Target};

/// How long a delivery is ours, seconds: longer than any call may take.
const LEASE: i64 = 300;
/// The longest pause between two tries, seconds.
const PAUSE_MAX: i64 = 900;
/// After so long a delivery is given up, seconds: a weekend, and a day to notice.
const AGE_MAX: i64 = 72 * 3600;
/// So many failures in a row, and a target is left alone …
pub(super) const FAILURES_MAX: u32 = 5;
/// … for so long, seconds; then it is probed first.
const BREAK: i64 = 60;
const HOUR: i64 = 3600;
/// A registration that is no older is asked for at each round, seconds.
const YOUNG: i64 = 600;

/// Called between two durable steps, with a name; `true` stops there, as a kill would.
pub type Hook<'h> = &'h mut dyn FnMut(&'static str) -> bool;

/// Opens a target by its name.
pub type Open<'o> = &'o mut dyn FnMut(&str) -> Result<Box<dyn Target>, Failure>;

/// What one round did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Requests that targets know now.
    pub registered: u32,
    /// Certificates that were issued.
    pub signed: u32,
    /// Postures and proposals that targets were told.
    pub told: u32,
    /// Deliveries that are tried again later.
    pub put_off: u32,
    /// Deliveries that need somebody.
    pub failed: u32,
    /// What waits for a quota.
    pub held_back: u32,
    /// What else is to be known, a sentence each.
    pub notes: Vec<String>,
}

impl Registrar {
    /// Delivers what is due, then asks what became of what was delivered.
    ///
    /// # Errors
    /// If the database cannot be read or written. What a target says is no error: it stands in the report.
    pub fn dispatch(&mut self, open: Open<'_>, now: i64, hook: Hook<'_>) -> Result<Report, Error> {
        let mut report = Report::default();
        let targets: Vec<String> = self.policy.targets.keys().cloned().collect();
        for name in targets {
            let (failures, open_until) = self.store.breaker(&name)?;
            let due = self.store.due(&name, now)?;
            if due.is_empty() && self.store.standing(&name, State::Accepted)?.is_empty() {
                continue;
            }
            if open_until > now {
                report.notes.push(format!("target {name} failed {failures} times in a row and is left alone for {} s more", open_until - now));
                continue;
            }
            let mut target = match opened(&name, open, failures) {
                Ok(target) => target,
                Err(failure) => {
                    self.failed_at(&name, &failure, now, &mut report.notes)?;
                    self.give_up(&due, &failure, now, &mut report)?;
                    continue;
                }
            };
            self.deliver(&name, target.as_mut(), &due, now, hook, &mut report)?;
            self.ask(&name, target.as_mut(), now, &mut report)?;
        }
        Ok(report)
    }

    /// One target's deliveries, one after the other.
    fn deliver(&mut self, name: &str, target: &mut dyn Target, due: &[Due], now: i64, hook: Hook<'_>, report: &mut Report) -> Result<(), Error> {
        for one in due {
            let held = self.held(&one.request)?;
            if one.step == Step::Register && self.is_over_quota(now)? {
                report.held_back += 1;
                continue;
            }
            // Between approval and sending the policy may have lost an approver.
            if one.step == Step::Register && !self.is_agreed(&held.request)? {
                let note = Note { actor: "registrar", action: "recall", subject: &one.request, detail: "approvals count no longer" };
                self.store.advance(&one.request, State::AwaitingApproval, "approvals count no longer", None, now, &note)?;
                continue;
            }
            if !self.store.lease(one, now, now + LEASE)? {
                continue;
            }
            stop(hook, "leased")?;
            let outcome = self.call(target, &held, one.step, now)?;
            stop(hook, "called")?;
            match outcome {
                Ok(done) => {
                    self.store.set_breaker(name, 0, 0)?;
                    self.done(&held, done, (one, now + LEASE), now, hook, report)?;
                }
                Err(failure) if waits(&failure) && now - one.since < AGE_MAX => {
                    report.put_off += 1;
                    let next_at = now + pause(one.attempts, &failure.reason);
                    let note = Note { actor: "registrar", action: "put-off", subject: &one.request, detail: &failure.message };
                    self.store.put_off(one, next_at, &failure.message, now, &note)?;
                    if self.failed_at(name, &failure, now, &mut report.notes)? {
                        return Ok(());
                    }
                }
                Err(failure) => self.fail(one, &held, &failure, now, report)?,
            }
        }
        Ok(())
    }

    /// What waits for too long becomes a dead letter, though the target is not even asked.
    fn give_up(&mut self, due: &[Due], failure: &Failure, now: i64, report: &mut Report) -> Result<(), Error> {
        for one in due.iter().filter(|one| now - one.since >= AGE_MAX) {
            let held = self.held(&one.request)?;
            self.fail(one, &held, failure, now, report)?;
        }
        Ok(())
    }

    /// What cannot be delivered. A device that has an identity keeps it, whatever its target could not be told.
    fn fail(&mut self, one: &Due, held: &Held, failure: &Failure, now: i64, report: &mut Report) -> Result<(), Error> {
        let to = if waits(failure) { State::DeadLetter } else { State::Failed };
        let note = Note { actor: "registrar", action: to.name(), subject: &one.request, detail: &failure.message };
        if held.state.next().contains(&to) && matches!(one.step, Step::Register | Step::Sign) && held.state != State::Enrolled {
            report.failed += 1;
            return Ok(self.store.advance(&one.request, to, &failure.message, None, now, &note)?);
        }
        // A target that takes no postures is none that fails.
        let told = !(one.step == Step::Posture && failure.reason == Reason::Unsupported);
        report.failed += u32::from(told);
        let why = format!("{}; {} failed: {}", held.reason, one.step.name(), failure.message);
        let reason = (told && one.step != Step::Posture).then_some(why.as_str());
        Ok(self.store.abandon(one, reason, now, &note)?)
    }

    /// `leased`: the delivery, and until when it is ours.
    fn done(&mut self, held: &Held, done: Done, leased: (&Due, i64), now: i64, hook: Hook<'_>, report: &mut Report) -> Result<(), Error> {
        let id = &held.request.id;
        match done {
            Done::Registered(external_id) => {
                report.registered += 1;
                self.store.known_as(id, &external_id)?;
                stop(hook, "named")?;
                let note = Note { actor: "registrar", action: "register", subject: id, detail: &external_id };
                self.store.advance(id, State::Accepted, "the target knows it", held.csr.as_ref().map(|_| Step::Sign), now, &note)?;
                stop(hook, "registered")
            }
            Done::Signed(issued) => {
                report.signed += 1;
                self.signed(held, &issued, leased, now, hook)
            }
            Done::Told => {
                report.told += 1;
                let note = Note { actor: "registrar", action: "tell", subject: id, detail: held.state.name() };
                self.store.delivered(leased.0, leased.1, now, &note)?;
                stop(hook, "told")
            }
            Done::Proposed => {
                report.told += 1;
                let note = Note { actor: "registrar", action: State::DeactivationProposed.name(), subject: id, detail: &held.reason };
                // It came back while the proposal was under way: people there see that by its posture.
                if held.state.next().contains(&State::DeactivationProposed) {
                    self.store.advance(id, State::DeactivationProposed, &held.reason, None, now, &note)?;
                } else {
                    self.store.delivered(leased.0, leased.1, now, &note)?;
                }
                stop(hook, "proposed")
            }
        }
    }

    /// One call, of which the other side knows whether it was made before.
    fn call(&self, target: &mut dyn Target, held: &Held, step: Step, now: i64) -> Result<Result<Done, Failure>, Error> {
        let registered = Registered { external_id: held.external_id.clone().unwrap_or_default(), replayed: false };
        Ok(match (step, &held.csr) {
            (Step::Register, _) => target.register(&held.request).map(|registered| Done::Registered(registered.external_id)),
            (Step::Sign, Some(csr)) => target.sign(&held.request, csr).map(Done::Signed),
            (Step::Sign, None) => Err(Failure { reason: Reason::Refused, message: "there is no CSR to be signed".to_owned() }),
            (Step::Posture, _) => target.posture(&registered, &self.posture_of(held, now)?).map(|()| Done::Told),
            (Step::Deactivate, _) => target.propose_deactivation(&registered, &held.reason).map(|()| Done::Proposed),
        })
    }

    /// What became of what a target knows.
    fn ask(&mut self, name: &str, target: &mut dyn Target, now: i64, report: &mut Report) -> Result<(), Error> {
        for held in self.store.standing(name, State::Accepted)?.into_iter().filter(|held| held.csr.is_none()) {
            let id = &held.request.id;
            // What was registered a moment ago is asked for each time; what people have sat on for a day, as seldom as lists are.
            let (mut watched, age) = (self.store.watched(id)?, now.saturating_sub(held.changed));
            if now < watched.asked_at + (age / 10).min(self.every()) {
                continue;
            }
            if age > YOUNG {
                watched.asked_at = now;
                self.store.watch(id, &watched)?;
            }
            let registered = Registered { external_id: held.external_id.clone().unwrap_or_default(), replayed: false };
            let (to, why) = match target.status(&registered) {
                Ok(Status::Enrolled(serial)) => {
                    (State::Enrolled, serial.map_or_else(|| "it has an identity".to_owned(), |serial| format!("certificate {serial}")))
                }
                Ok(Status::Rejected(why)) => (State::Rejected, why),
                Ok(Status::Gone) => (State::Failed, "the target does not know it any more".to_owned()),
                Ok(Status::Pending(_) | Status::Registered) => continue,
                Err(failure) if failure.reason == Reason::Unsupported => continue,
                Err(failure) => {
                    report.notes.push(format!("{id}: {failure}"));
                    continue;
                }
            };
            let note = Note { actor: "registrar", action: to.name(), subject: id, detail: &why };
            self.store.advance(id, to, &why, None, now, &note)?;
        }
        Ok(())
    }

    /// Counts a failure of the target itself; whether it is left alone from now on.
    pub(super) fn failed_at(&mut self, name: &str, failure: &Failure, now: i64, notes: &mut Vec<String>) -> Result<bool, Error> {
        let failures = self.store.breaker(name)?.0.saturating_add(1);
        let open_until = if failures >= FAILURES_MAX { now + BREAK } else { 0 };
        self.store.set_breaker(name, failures, open_until)?;
        notes.push(format!("target {name}: {failure}"));
        Ok(open_until > 0)
    }

    fn is_over_quota(&self, now: i64) -> Result<bool, Error> {
        let in_flight = self.store.count(State::Accepted)?;
        Ok(self.store.accepted_since(now - HOUR)? >= self.policy.per_hour || in_flight >= self.policy.in_flight)
    }
}

/// Whether it is the target, or our credential there, and not the request: then requests wait and are not failed one by one.
fn waits(failure: &Failure) -> bool {
    failure.retry() || matches!(failure.reason, Reason::Unauthenticated | Reason::Denied | Reason::Untrusted)
}

enum Done {
    Registered(String),
    Signed(Issued),
    Told,
    Proposed,
}

/// A target that is ready; one that failed many times is probed first.
pub(super) fn opened(name: &str, open: Open<'_>, failures: u32) -> Result<Box<dyn Target>, Failure> {
    let mut target = open(name)?;
    if failures >= FAILURES_MAX {
        target.probe()?;
    }
    Ok(target)
}

pub(super) fn stop(hook: Hook<'_>, at: &'static str) -> Result<(), Error> {
    if hook(at) { Err(Error::Stopped) } else { Ok(()) }
}

/// Seconds until the next try: what the other side asks for, else twice as long each time, of which a random part, so that many that
/// failed together do not come back together.
pub(super) fn pause(attempts: u32, reason: &Reason) -> i64 {
    if let Reason::Throttled(Some(after)) = reason {
        return i64::try_from(after.as_secs()).unwrap_or(PAUSE_MAX).clamp(1, AGE_MAX);
    }
    let most = 1i64.checked_shl(attempts.min(10)).unwrap_or(PAUSE_MAX).min(PAUSE_MAX);
    let mut random = [0; 8];
    // Without random bytes the pause is whole: later, never sooner.
    if getrandom::fill(&mut random).is_err() {
        return most;
    }
    1 + i64::from_le_bytes(random).rem_euclid(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn pauses_grow_to_a_quarter_of_an_hour_and_what_the_other_side_asks_for_comes_first() {
        for attempts in 0..40 {
            let most = (1i64 << attempts.min(10)).min(PAUSE_MAX);
            assert!((1..=most).contains(&pause(attempts, &Reason::Unreachable)), "{attempts}");
        }
        assert_eq!(pause(0, &Reason::Throttled(Some(Duration::from_secs(77)))), 77);
    }
}
