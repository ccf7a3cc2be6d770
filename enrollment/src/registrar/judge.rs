//! What is wrong with identities, by what was issued and what the wire shows: findings of the loop, in the registrar's own database.
//!
//! | rule | what | when |
//! |---|---|---|
//! | CRT-005 | `expiring` | ends soon, and no other was issued |
//! | CRT-008 | `not-issued` | leads to our CA by good signatures, and the whole list of what it issued does not have it |
//! | CRT-012 | `two-devices` | one identity on two devices |
//! | CRT-015 | `revoked-used` | shown after it was listed as revoked |
//! | CRT-016 | `never-used` | the device shows other certificates, TLS 1.3 hides none, and this one was never shown |
//! | CRT-016 | `not-observable` | likewise, and TLS 1.3 may hide it: said for people, and nothing that is wrong |
//! | CRT-016 | `old-used` | the old one is shown after a renewal and its grace |
//! | ENR-001 | `retired-returns` | an identity that was taken back is shown again |
//! | ENR-002 | `half-taken-back` | only disabled, or only revoked: revoked alone still logs in |

use super::observe::Sight;
use super::scene::Scene;
use super::{Error, Registrar};
use crate::state::State;
use crate::store::{Held, Listed, Open};
use std::collections::{BTreeMap, HashMap, HashSet};

const DAY: i64 = 86_400;

/// A vault begins a certificate's validity half a minute before it issues it; twice that, and its list must have it.
const BACKDATED: i64 = 60;

/// The severity of what is said and is not wrong: its rule is told to nobody.
const INFO: &str = "info";

/// Findings with what each is about: one of a kind each.
type Found = Vec<(Open, String)>;

impl Registrar {
    /// Puts what is wrong now in the place of what was wrong before; who is told of it is told anew.
    pub(super) fn judge(&mut self, scene: &Scene<'_>, now: i64) -> Result<(), Error> {
        let mut found = Found::new();
        for held in self.store.all()? {
            let certificates = self.store.issued_for(&held.request.id)?;
            let sight = self.sight(&held, &certificates, scene)?;
            self.of_request(&sight, scene, now, &mut found)?;
        }
        for target in self.store.polled_targets()? {
            self.of_list(&target, scene, &mut found)?;
        }
        let before = by_request(self.store.findings()?.iter());
        let after = by_request(found.iter().map(|(one, _)| one));
        self.store.set_findings(now, &found)?;
        for held in self.store.all()?.into_iter().filter(|held| super::poll::is_given(held.state)) {
            let id = held.request.id.as_str();
            if before.get(id) != after.get(id) {
                self.store.tell(id, now)?;
            }
        }
        Ok(())
    }

    fn of_request(&self, sight: &Sight<'_>, scene: &Scene<'_>, now: i64, found: &mut Found) -> Result<(), Error> {
        let held = sight.held;
        let mut tell = |rule: &str, severity: &str, what: &str, subject: &str, text: String| {
            let device = sight.devices.first().and_then(|at| scene.device(*at)).map(|device| device.id.clone());
            let request = Some(held.request.id.clone());
            let open = Open { rule: rule.into(), severity: severity.into(), what: what.into(), request, device, text, since: 0 };
            found.push((open, subject.to_owned()));
        };
        match held.state {
            State::Suspended => tell("CRT-012", "high", "two-devices", "", held.reason.clone()),
            State::Expiring => tell("CRT-005", "low", "expiring", "", held.reason.clone()),
            _ => {}
        }
        for one in sight.certificates {
            let shown = sight.devices.iter().filter_map(|at| scene.presented(*at, &one.sha256)).max();
            let grace = i64::from(self.policy.grace) * DAY;
            let is_late = |replaced: i64| shown.is_some_and(|shown| shown > replaced.saturating_add(grace));
            if one.revoked_at.is_none() && one.replaced_at.is_some_and(is_late) && sight.current.is_some_and(|current| current.sha256 != one.sha256) {
                let text = format!("certificate {} is still shown {} days after it was replaced", one.serial, self.policy.grace);
                tell("CRT-016", "medium", "old-used", &one.serial, text);
            }
        }
        match self.never_used(sight, scene) {
            Some((true, text)) => tell("CRT-016", "medium", "never-used", "", text),
            Some((false, text)) => tell("CRT-016", INFO, "not-observable", "", text),
            None => {}
        }
        if held.state == State::Retired {
            let returns = |one: &&Listed| sight.devices.iter().filter_map(|at| scene.presented(*at, &one.sha256)).any(|shown| shown > held.changed);
            if let Some(one) = sight.certificates.iter().find(returns) {
                tell("ENR-001", "high", "retired-returns", "", format!("certificate {} is shown again after it was taken back", one.serial));
            }
        }
        if let Some(text) = self.half(held, now)? {
            tell("ENR-002", "medium", "half-taken-back", "", text);
        }
        Ok(())
    }

    /// Not shown long after it was given, and in which words: never, where it would have been seen (the device shows other certificates
    /// since, and TLS 1.3 hides none); else whether it is used cannot be told.
    fn never_used(&self, sight: &Sight<'_>, scene: &Scene<'_>) -> Option<(bool, String)> {
        let current = sight.current.filter(|_| sight.held.state == State::Enrolled)?;
        let since = current.first_polled.saturating_add(i64::from(self.policy.grace) * DAY);
        let is_reported = sight.watched.reported_at.is_some_and(|at| at >= current.first_polled);
        if is_reported || scene.certificate(&current.sha256).is_some() {
            return None;
        }
        let devices = || sight.devices.iter().filter(|at| scene.last_seen(**at).is_some_and(|seen| seen > since)).filter_map(|at| scene.device(*at));
        devices().next()?;
        if scene.document.coverage.tls13_share.is_some_and(|share| share > 0) {
            let text =
                format!("certificate {} was not shown; TLS 1.3 hides certificates here, so whether it is used is not observable", current.serial);
            return Some((false, text));
        }
        let mut others = devices().flat_map(|device| &device.identities);
        let other = others.find(|one| one.kind == "x509" && super::scene::time(&one.last_seen).is_some_and(|seen| seen > since))?;
        Some((true, format!("certificate {} was never shown; the device shows {} instead", current.serial, other.value)))
    }

    /// Taken back by half: `pki/revoke` alone does not keep a device from logging in, and a disabled entity's certificate is still trusted.
    fn half(&self, held: &Held, now: i64) -> Result<Option<String>, Error> {
        if !super::poll::is_given(held.state) {
            return Ok(None);
        }
        let certificates = self.store.issued_for(&held.request.id)?;
        let ended = self.taken_back(held, now)?;
        // What merely ended was not taken back.
        let is_revoked = ended.1 && certificates.iter().any(|one| one.revoked_at.is_some() && one.replaced_at.is_none());
        Ok(match (ended.0, is_revoked) {
            (true, _) if !ended.1 => {
                Some("disabled at the target, and its certificate is not revoked: whoever trusts the CA trusts it still".to_owned())
            }
            (false, true) => Some("its certificate is revoked, and the entity is not disabled: the device still logs in there".to_owned()),
            _ => None,
        })
    }

    /// What the wire shows of what a target listed, and of what it did not.
    fn of_list(&self, target: &str, scene: &Scene<'_>, found: &mut Found) -> Result<(), Error> {
        let all = self.store.listed(target)?;
        let polled = self.store.polled(target)?.unwrap_or_default();
        for one in all.iter().filter(|one| one.revoked_at.is_some()) {
            let Some(shown) = scene.certificate(&one.sha256) else { continue };
            for id in &shown.presented_by {
                let last = scene.at(id).and_then(|at| scene.presented(at, &one.sha256));
                if last > one.revoked_at {
                    let text = format!("certificate {} is shown after {target} listed it as revoked", one.serial);
                    let (request, device) = (one.request.clone(), Some(id.clone()));
                    let open =
                        Open { rule: "CRT-015".into(), severity: "critical".into(), what: "revoked-used".into(), request, device, text, since: 0 };
                    found.push((open, one.serial.clone()));
                }
            }
        }
        let Some(polled_at) = polled.polled_at.filter(|_| polled.complete) else { return Ok(()) };
        let known: HashSet<&str> = all.iter().map(|one| one.sha256.as_str()).collect();
        let authorities: HashMap<String, &Listed> = all.iter().filter(|one| one.authority).map(|one| (spelt(&one.subject), one)).collect();
        for one in &scene.document.certificates {
            let by_it = one.trusted_issuer.as_ref().is_some_and(|name| *name == one.issuer) && authorities.contains_key(&spelt(&one.issuer));
            // What ended may have been tidied away, and what came after the look is not on it.
            let before = super::scene::time(&one.not_before).is_some_and(|begin| begin.saturating_add(BACKDATED) < polled_at);
            let holds = super::scene::time(&one.not_after).is_some_and(|end| end > polled_at);
            if by_it && before && holds && one.trust.as_deref() == Some("trusted") && !known.contains(one.sha256.as_str()) {
                for id in &one.presented_by {
                    let text = format!("{} (serial number {}) is by the CA of {target}, which did not list it", one.subject, one.serial);
                    let device = Some(id.clone());
                    let open =
                        Open { rule: "CRT-008".into(), severity: "high".into(), what: "not-issued".into(), request: None, device, text, since: 0 };
                    found.push((open, one.sha256.clone()));
                }
            }
        }
        Ok(())
    }
}

/// A name in one spelling: what the inventory and this crate write of the same name may differ in spaces and case.
fn spelt(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// Rule ids of each request.
fn by_request<'f>(all: impl Iterator<Item = &'f Open>) -> BTreeMap<String, Vec<String>> {
    let mut rules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in all.filter(|one| one.severity != INFO) {
        rules.entry(one.request.clone().unwrap_or_default()).or_default().push(format!("{} {}", one.rule, one.what));
    }
    rules.values_mut().for_each(|list| list.sort());
    rules
}
