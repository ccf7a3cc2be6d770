//! Looks at what targets list: what they issued, what was revoked, and what became of registrations.
//!
//! Gently: certificates that are known are not fetched again, a look fetches so many and the next look the next ones, registrations are
//! asked for a few at a time, and a target that dispatch leaves alone is left alone here too.

use super::dispatch::{Open, opened, pause, stop};
use super::renew::{leaf, listed};
use super::{Error, Hook, Registrar};
use crate::state::State;
use crate::store::{Held, Listed, Note, Polled};
use crate::target::{Failure, Issued, IssuedList, Reason, Registered, Status, Target};
use std::collections::HashMap;

/// Registrations that one look asks for: the longest unasked first, those that may be taken back before all.
const ASKED_MAX: usize = 50;
/// Seconds until the next look where there is more to fetch.
const MORE: i64 = 10;
/// Seconds until a target without lists is asked again: it may have been updated.
const UNLISTED: i64 = 86_400;

/// What looks gave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Polling {
    /// Certificates that were not known.
    pub listed: u32,
    /// Certificates that were not known to be revoked.
    pub revoked: u32,
    /// Requests whose identity the list shows: given first, or renewed.
    pub found: u32,
    /// Identities that were taken back.
    pub retired: u32,
    /// What else is to be known, a sentence each.
    pub notes: Vec<String>,
}

impl Registrar {
    /// Looks at every target whose time has come.
    ///
    /// # Errors
    /// If the database cannot be read or written. What a target says is no error: it stands in the report.
    pub fn poll(&mut self, open: Open<'_>, now: i64, hook: Hook<'_>) -> Result<Polling, Error> {
        let mut report = Polling::default();
        self.keep_own(now)?;
        let targets: Vec<String> = self.policy.targets.keys().cloned().collect();
        for name in targets {
            let polled = self.store.polled(&name)?.unwrap_or_default();
            let (failures, open_until) = self.store.breaker(&name)?;
            if polled.next_at > now || open_until > now {
                continue;
            }
            let looked = match opened(&name, open, failures) {
                Ok(mut target) => match self.look(&name, target.as_mut(), &polled, now, hook, &mut report)? {
                    Ok(()) => {
                        self.adopt(&name, now, &mut report)?;
                        stop(hook, "adopted")?;
                        self.ask_each(&name, target.as_mut(), now, &mut report)?;
                        Ok(())
                    }
                    Err(failure) => Err(failure),
                },
                Err(failure) => Err(failure),
            };
            if let Err(failure) = looked {
                // A right to the lists that is missing keeps nothing from being delivered.
                let next_at = if matches!(failure.reason, Reason::Denied | Reason::Refused) {
                    report.notes.push(format!("target {name}: {failure}"));
                    now + self.every()
                } else {
                    self.failed_at(&name, &failure, now, &mut report.notes)?;
                    now + pause(polled.failures.saturating_add(1), &failure.reason).max(MORE).min(self.every())
                };
                let failures = polled.failures.saturating_add(1);
                self.store.set_polled(&name, &Polled { next_at, failures, reason: failure.message, ..polled })?;
            }
            self.settle(&name, now, &mut report)?;
        }
        Ok(report)
    }

    pub(super) fn every(&self) -> i64 {
        i64::from(self.policy.poll_every)
    }

    /// One look at the lists, kept in one transaction.
    fn look(
        &mut self,
        name: &str,
        target: &mut dyn Target,
        before: &Polled,
        now: i64,
        hook: Hook<'_>,
        report: &mut Polling,
    ) -> Result<Result<(), Failure>, Error> {
        let known = self.store.serials(name)?;
        let sites = self.policy.sites_of(name);
        let list = match target.issued(&|serial| known.contains(serial)) {
            Ok(list) => list,
            Err(failure) if failure.reason == Reason::Unsupported => {
                let polled = Polled { next_at: now + UNLISTED, reason: failure.message, sites, ..Polled::default() };
                self.store.set_polled(name, &polled)?;
                return Ok(Ok(()));
            }
            Err(failure) => return Ok(Err(failure)),
        };
        stop(hook, "looked")?;
        let IssuedList { new, revoked, complete, authorities, more } = list;
        let reason = match (complete, more) {
            (true, _) => String::new(),
            (false, true) => "there is more to fetch".to_owned(),
            (false, false) => "the target does not say that it lists everything that it issues: a role may keep nothing (no_store)".to_owned(),
        };
        // Between two looks of many it has not become incomplete: that is said of what the last whole look gave.
        let polled_at = if more { before.polled_at } else { Some(now) };
        let next_at = now + if more { MORE } else { self.every() };
        let polled = Polled { next_at, failures: 0, polled_at, lists: true, complete, sites, reason };
        let rows: Vec<Listed> = new.iter().chain(&authorities).filter_map(|issued: &Issued| listed(name, issued, None, now)).collect();
        let (added, ended) = self.store.keep_list(name, &rows, &revoked, &polled, now)?;
        report.listed += added;
        report.revoked += ended;
        self.store.set_breaker(name, 0, 0)?;
        stop(hook, "kept-list")?;
        Ok(Ok(()))
    }

    /// Certificates of requests that were signed before lists were kept.
    pub(super) fn keep_own(&mut self, now: i64) -> Result<(), Error> {
        for held in self.store.all()? {
            let Some(certificate) = &held.certificate else { continue };
            let id = &held.request.id;
            if self.store.issued_for(id)?.iter().all(|one| one.certificate != leaf(certificate)) {
                let issued = Issued { certificate_pem: certificate.clone(), ..Issued::default() };
                if let Some(one) = listed(&held.request.target, &issued, Some(id), now) {
                    self.store.keep_own(&one, now)?;
                }
            }
        }
        Ok(())
    }

    /// Finds what of the list is a request's: by the serial that the target told, by the key that it has, by the name that it was given.
    fn adopt(&mut self, name: &str, now: i64, report: &mut Polling) -> Result<(), Error> {
        let waits = |held: &Held| held.request.target == name && (held.state == State::Accepted || held.state.is_watched());
        let requests: Vec<Held> = self.store.all()?.into_iter().filter(waits).collect();
        let all = self.store.listed(name)?;
        let mut names: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut serials: HashMap<&str, usize> = HashMap::new();
        let mut own: HashMap<&str, usize> = HashMap::new();
        for (at, held) in requests.iter().enumerate() {
            let common_name = held.request.requested.common_name.as_str();
            if !common_name.is_empty() {
                names.entry(common_name).or_default().push(at);
            }
            serials.extend(held.serial.as_deref().map(|serial| (serial, at)));
            own.insert(held.request.id.as_str(), at);
        }
        let keys: HashMap<&str, usize> = all.iter().filter_map(|one| Some((one.key.as_str(), *own.get(one.request.as_deref()?)?))).collect();
        let mut ends: HashMap<usize, i64> = HashMap::new();
        for one in all.iter().filter(|one| one.revoked_at.is_none()) {
            if let Some(at) = one.request.as_deref().and_then(|id| own.get(id)) {
                let end = ends.entry(*at).or_insert(one.not_after);
                *end = (*end).max(one.not_after);
            }
        }
        for one in all.iter().filter(|one| one.request.is_none() && !one.authority && one.revoked_at.is_none()) {
            let named = one.names.iter().find_map(|name| names.get(name.as_str())).filter(|all| all.len() == 1).and_then(|all| all.first());
            let by_serial = serials.get(one.serial.as_str());
            let Some(at) = by_serial.or_else(|| keys.get(one.key.as_str())).or(named).copied() else { continue };
            // What ends before that which it has renews nothing.
            let is_newer = ends.get(&at).is_none_or(|end| one.not_after > *end);
            let Some(held) = requests.get(at).filter(|_| is_newer || by_serial.is_some()) else { continue };
            ends.insert(at, one.not_after);
            self.found(held, one, now)?;
            report.found += 1;
        }
        Ok(())
    }

    fn found(&mut self, held: &Held, one: &Listed, now: i64) -> Result<(), Error> {
        let id = &held.request.id;
        // It may have moved with a certificate before this one, in this same look.
        let state = self.held(id)?.state;
        let had = !self.store.issued_for(id)?.is_empty();
        let (to, reason) = match state {
            State::Accepted => (Some(State::Enrolled), format!("certificate {} is listed", one.serial)),
            _ if had => (Some(State::Renewed), format!("renewed: certificate {} is listed", one.serial)),
            _ => (None, String::new()),
        };
        let note = Note { actor: "registrar", action: "listed", subject: id, detail: &one.serial };
        let Some(whole) = self.store.listed_one(&one.target, &one.serial)? else { return Ok(()) };
        let one = Listed { request: Some(id.clone()), ..whole };
        Ok(self.store.adopt(&one, &one.certificate, to, &reason, now, &note)?)
    }

    /// What became of registrations, a few at a time.
    fn ask_each(&mut self, name: &str, target: &mut dyn Target, now: i64, report: &mut Polling) -> Result<(), Error> {
        let mut due = Vec::new();
        for held in self.store.all()?.into_iter().filter(|held| held.request.target == name && is_given(held.state)) {
            let watched = self.store.watched(&held.request.id)?;
            due.push((held.state != State::DeactivationProposed, watched.asked_at, held, watched));
        }
        due.sort_by(|one, other| (one.0, one.1, &one.2.request.id).cmp(&(other.0, other.1, &other.2.request.id)));
        for (_, _, held, mut watched) in due.into_iter().take(ASKED_MAX) {
            let id = &held.request.id;
            let registered = Registered { external_id: held.external_id.clone().unwrap_or_default(), replayed: false };
            let gone = match target.status(&registered) {
                Ok(Status::Rejected(why)) => Some(why),
                Ok(Status::Gone) => Some("the target does not know it any more".to_owned()),
                Ok(Status::Pending(_) | Status::Registered | Status::Enrolled(_)) => None,
                Err(failure) if failure.reason == Reason::Unsupported => return Ok(()),
                Err(failure) if failure.retry() => {
                    report.notes.push(format!("{id}: {failure}"));
                    return Ok(());
                }
                Err(failure) => {
                    // One that is refused does not keep the others from being asked.
                    report.notes.push(format!("{id}: {failure}"));
                    watched.asked_at = now;
                    self.store.watch(id, &watched)?;
                    continue;
                }
            };
            if gone.is_some() != watched.disabled_at.is_some() {
                let detail = gone.clone().unwrap_or_else(|| "it is enabled again".to_owned());
                self.store.note(now, &Note { actor: "registrar", action: "status", subject: id, detail: &detail })?;
            }
            watched.disabled_at = gone.map(|_| watched.disabled_at.unwrap_or(now));
            watched.asked_at = now;
            self.store.watch(id, &watched)?;
        }
        Ok(())
    }

    /// What was taken back whole, disabled as an entity and revoked as a certificate, is retired.
    fn settle(&mut self, name: &str, now: i64, report: &mut Polling) -> Result<(), Error> {
        for held in self.store.all()?.into_iter().filter(|held| held.request.target == name && held.state.next().contains(&State::Retired)) {
            let id = &held.request.id;
            if self.taken_back(&held, now)? == (true, true) {
                let why = "disabled at the target, and its certificates are revoked or have ended";
                let note = Note { actor: "registrar", action: State::Retired.name(), subject: id, detail: why };
                self.store.advance(id, State::Retired, why, None, now, &note)?;
                report.retired += 1;
            }
        }
        Ok(())
    }

    /// Whether an identity is disabled, and whether every certificate of it is revoked or has ended.
    pub(super) fn taken_back(&self, held: &Held, now: i64) -> Result<(bool, bool), Error> {
        let certificates = self.store.issued_for(&held.request.id)?;
        let ended = certificates.iter().all(|one| one.revoked_at.is_some() || one.not_after < now);
        // An identity of which we know no certificate may have one.
        let revoked = ended && (!certificates.is_empty() || held.request.requested.credentials.is_empty());
        Ok((self.store.watched(&held.request.id)?.disabled_at.is_some(), revoked))
    }
}

/// Whether an identity was given, and may be taken back.
pub(super) const fn is_given(state: State) -> bool {
    state.is_watched() || matches!(state, State::DeactivationProposed | State::Suspended | State::Replaced)
}
