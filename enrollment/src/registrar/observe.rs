//! Whether an identity is used where it was given to: what was issued, held against what the wire shows.
//!
//! TLS 1.3 hides certificates, and a device may be silent: that a certificate is not seen says nothing, and moves nothing. That a device
//! says nothing at all moves its identity only after a long time in which its segment was watched.

use super::scene::Scene;
use super::{Error, Registrar};
use crate::state::State;
use crate::store::{Held, Listed, Note, Step, Watched};
use inventory::document::{Certificate, Document};

const DAY: i64 = 86_400;

/// The method by which a vault keeps a secret.
const KEPT: &str = "KV";

/// Digits of an RFC 3339 time up to the hour.
const TO_THE_HOUR: usize = 13;

/// One request's identity on the wire.
pub(super) struct Sight<'s> {
    pub(super) held: &'s Held,
    /// What was issued for it, the oldest first.
    pub(super) certificates: &'s [Listed],
    /// The one that counts.
    pub(super) current: Option<&'s Listed>,
    /// Its devices, by their places in the document.
    pub(super) devices: Vec<usize>,
    pub(super) watched: Watched,
}

impl Registrar {
    /// Moves requests to where the inventory shows that they are: *verified*, *expiring*, *expired*, *stale*, or *suspended* where two
    /// devices use one identity; and notes what is wrong. A sentence for each that moved.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub fn observe(&mut self, document: &Document, now: i64) -> Result<Vec<String>, Error> {
        self.keep_own(now)?;
        let scene = Scene::of(document);
        let mut moved = Vec::new();
        for held in self.store.all()? {
            let certificates = self.store.issued_for(&held.request.id)?;
            let sight = self.sight(&held, &certificates, &scene)?;
            let next = self.next(&sight, &scene);
            let before = sight.watched.clone();
            let watched = seen(&sight, &scene);
            let id = &held.request.id;
            let differs = watched.serial != before.serial || watched.findings != before.findings;
            // A clock that went on is not written down for each request each time.
            let hour = |time: &str| time.get(..TO_THE_HOUR).map(str::to_owned);
            if super::poll::is_given(held.state) && (differs || next.is_some() || hour(&watched.as_of) != hour(&before.as_of)) {
                self.store.watch(id, &watched)?;
                if differs && held.state.is_told() {
                    self.store.tell(id, now)?;
                }
            }
            let Some((to, why)) = next else { continue };
            let note = Note { actor: "registrar", action: to.name(), subject: id, detail: &why };
            let ends = matches!(to, State::Stale | State::Replaced) && held.external_id.is_some();
            let deliver = ends.then_some(Step::Deactivate);
            self.store.advance(id, to, &why, deliver, now, &note)?;
            moved.push(format!("{id} is {to}: {why}"));
        }
        self.judge(&scene, now)?;
        Ok(moved)
    }

    pub(super) fn sight<'s>(&self, held: &'s Held, certificates: &'s [Listed], scene: &Scene<'_>) -> Result<Sight<'s>, Error> {
        let known = held.certificate.as_deref().map(super::renew::leaf);
        let current = certificates.iter().find(|one| Some(one.certificate.as_str()) == known);
        let devices = scene.devices_of(&held.request.device_keys);
        Ok(Sight { held, certificates, current, devices, watched: self.store.watched(&held.request.id)? })
    }

    /// Where a request goes to by what the wire shows, if it goes anywhere.
    fn next(&self, sight: &Sight<'_>, scene: &Scene<'_>) -> Option<(State, String)> {
        let (replaced, silent) = (sight.replaced(scene), self.silent(sight, scene));
        let verified = sight.verified(scene).filter(|_| replaced.is_none() && silent.is_none());
        let of = [sight.clone_of(scene), replaced, sight.expired(scene), silent, verified, sight.rotated(scene), self.expiring(sight, scene)];
        let held = sight.held;
        of.into_iter().flatten().find(|(to, _)| held.state != *to && held.state.next().contains(to) && !stays(held.state, *to))
    }

    /// Ends soon, and no other was issued.
    fn expiring(&self, sight: &Sight<'_>, scene: &Scene<'_>) -> Option<(State, String)> {
        let current = sight.current?;
        let left = current.not_after.saturating_sub(scene.as_of?);
        let validity = current.not_after.saturating_sub(current.not_before);
        let soon = left >= 0 && left.saturating_mul(100) < validity.saturating_mul(i64::from(self.policy.expiring));
        soon.then(|| (State::Expiring, format!("certificate {} ends in {} days, and no other was issued", current.serial, left / DAY)))
    }

    /// Says nothing, and its segment was watched for so long.
    fn silent(&self, sight: &Sight<'_>, scene: &Scene<'_>) -> Option<(State, String)> {
        let last = sight.devices.iter().filter_map(|at| scene.last_seen(*at)).max()?;
        let reported = sight.watched.reported_at.unwrap_or(i64::MIN);
        let since = last.max(reported);
        let watched = sight.devices.iter().map(|at| scene.watched(*at, since)).min()?;
        let days = i64::from(self.policy.silent_after);
        (watched >= days * DAY).then(|| {
            let word = if reported > last { "used, as was reported," } else { "heard" };
            (State::Stale, format!("not {word} for {} days in which its segment was watched", watched / DAY))
        })
    }
}

/// Moves that would be taken back at once.
fn stays(from: State, to: State) -> bool {
    // Who is silent for so long that his certificate ends is stale, and not expired once more.
    matches!((from, to), (State::Stale, State::Expired))
}

impl Sight<'_> {
    /// A certificate that was given to it, and is shown by another.
    fn clone_of(&self, scene: &Scene<'_>) -> Option<(State, String)> {
        self.certificates.iter().find_map(|one| {
            let shown = scene.certificate(&one.sha256)?;
            let other = shown.presented_by.iter().find(|id| !self.is_its(id, scene))?;
            Some((State::Suspended, format!("{other} presents it too: {}", words(shown, &one.serial))))
        })
    }

    /// Whether a device of the document is the one that the request is about.
    fn is_its(&self, id: &str, scene: &Scene<'_>) -> bool {
        self.held.request.device_keys.iter().any(|key| key == id) || scene.at(id).is_some_and(|at| self.devices.contains(&at))
    }

    fn expired(&self, scene: &Scene<'_>) -> Option<(State, String)> {
        let current = self.current?;
        let end = jiff::Timestamp::from_second(current.not_after).map(|end| end.to_string()).unwrap_or_default();
        (scene.as_of? > current.not_after).then(|| (State::Expired, format!("certificate {} ended on {end}", current.serial)))
    }

    /// Another has its address and its name, later, and nothing was heard of it since.
    fn replaced(&self, scene: &Scene<'_>) -> Option<(State, String)> {
        let others: Vec<&str> = self.devices.iter().map(|at| scene.device(*at)?.replaced_by.as_deref()).collect::<Option<_>>()?;
        let other = others.first().filter(|_| others.iter().all(|id| !self.is_its(id, scene)))?;
        Some((State::Replaced, format!("{other} took its place: the same address and name, later")))
    }

    /// The vault keeps its secret: one that was used before it was asked for is used no longer, and another is. That it disappeared is what
    /// counts: whoever tries a wrong one makes none disappear.
    fn rotated(&self, scene: &Scene<'_>) -> Option<(State, String)> {
        let to = match self.held.state {
            State::Accepted => State::Enrolled,
            State::Enrolled => State::Verified,
            _ => return None,
        };
        if self.held.request.method != KEPT {
            return None;
        }
        let asked = self.held.created;
        let (used, ended, since) = self.devices.iter().find_map(|at| {
            scene.secrets(*at).filter(|(_, first, _)| *first > asked).find_map(|(used, first, _)| {
                let others = scene.secrets(*at).filter(|other| other.0 == used && other.1 < first);
                let last = others.map(|other| other.2).max()?;
                (last < first).then_some((used, last, first))
            })
        })?;
        let day = |second: i64| jiff::Timestamp::from_second(second).map(|time| time.to_string()).unwrap_or_default();
        Some((to, format!("the {used} that was used until {} is used no longer, another one is since {}", day(ended), day(since))))
    }

    /// Shown by the device. What is silent now, or replaced, showed it before.
    fn verified(&self, scene: &Scene<'_>) -> Option<(State, String)> {
        let current = self.current?;
        let shown = scene.certificate(&current.sha256)?;
        shown.presented_by.iter().any(|id| self.is_its(id, scene)).then(|| (State::Verified, words(shown, &current.serial)))
    }
}

/// What is kept of what the wire shows.
fn seen(sight: &Sight<'_>, scene: &Scene<'_>) -> Watched {
    let shown =
        sight.current.filter(|one| scene.certificate(&one.sha256).is_some_and(|shown| shown.presented_by.iter().any(|id| sight.is_its(id, scene))));
    let mut findings: Vec<String> = sight.devices.iter().flat_map(|at| scene.findings(*at)).map(str::to_owned).collect();
    findings.sort();
    findings.dedup();
    Watched {
        as_of: scene.document.as_of.clone().unwrap_or_default(),
        serial: shown.map(|one| one.serial.clone()),
        findings,
        ..sight.watched.clone()
    }
}

fn words(shown: &Certificate, serial: &str) -> String {
    let proven = if shown.proven_by.is_empty() { "shown" } else { "proven to be held" };
    let packet = shown.evidence.first().map(|evidence| {
        let packet = evidence.spans.first().map_or(0, |span| span.packet);
        format!(", packet {packet} of source {}", evidence.source)
    });
    format!("certificate {serial} is {proven} on the wire{}", packet.unwrap_or_default())
}
