//! What an identity goes through after it was given: signed again, told to the target, proposed to be taken back.

use super::dispatch::stop;
use super::{Error, Hook, Registrar};
use crate::state::State;
use crate::store::{Due, Held, Listed, Note, Step};
use crate::target::{Issued, Posture};
use crate::targets::{csr_key, read_certificate};
use sha2::{Digest, Sha256};

impl Registrar {
    /// A certificate was issued: the first one of the request, or one that renews it. The same one again changes nothing.
    pub(super) fn signed(&mut self, held: &Held, issued: &Issued, leased: (&Due, i64), now: i64, hook: Hook<'_>) -> Result<(), Error> {
        let id = &held.request.id;
        let note = |action| Note { actor: "registrar", action, subject: id.as_str(), detail: issued.serial.as_str() };
        let new = listed(&held.request.target, issued, Some(id), now);
        let certificate = std::iter::once(&issued.certificate_pem).chain(&issued.chain_pem).cloned().collect::<Vec<_>>().join("\n");
        if held.state == State::Accepted {
            if let Some(new) = &new {
                self.store.keep_own(new, now)?;
                stop(hook, "listed")?;
            }
            self.store.issued(id, &issued.serial, &certificate)?;
            stop(hook, "kept")?;
            self.store.advance(id, State::Enrolled, &format!("certificate {}", issued.serial), None, now, &note("sign"))?;
        } else {
            let known = held.certificate.as_deref().map(leaf);
            if let Some(new) = new.filter(|new| Some(new.certificate.as_str()) != known) {
                let to = held.state.next().contains(&State::Renewed).then_some(State::Renewed);
                self.store.adopt(&new, &certificate, to, &format!("renewed: certificate {}", issued.serial), now, &note("renew"))?;
                stop(hook, "renewed")?;
            }
            self.store.delivered(leased.0, leased.1, now, &note("sign"))?;
        }
        stop(hook, "signed")
    }

    /// What was to be said to the target of an identity, and was not: a renewal, or a proposal to take it back.
    pub(super) fn unsaid(&self, held: &Held) -> Result<Option<Step>, Error> {
        if matches!(held.state, State::Stale | State::Replaced) && held.external_id.is_some() {
            return Ok(Some(Step::Deactivate));
        }
        let Some(csr) = held.csr.as_deref().and_then(csr_key).filter(|_| held.state.is_watched()) else { return Ok(None) };
        let key = crate::sign::hex(&Sha256::digest(csr));
        let is_signed = self.store.issued_for(&held.request.id)?.iter().any(|one| one.key == key);
        Ok((!is_signed).then_some(Step::Sign))
    }

    /// What the target is told of a request now: never what it was when the message was put into the outbox.
    pub(super) fn posture_of(&self, held: &Held, now: i64) -> Result<Posture, Error> {
        let id = &held.request.id;
        let watched = self.store.watched(id)?;
        let mut findings = self.store.rules_of(id)?;
        findings.extend(watched.findings);
        findings.sort();
        findings.dedup();
        let clock = || jiff::Timestamp::from_second(now).map(|time| time.to_string()).unwrap_or_default();
        let as_of = if watched.as_of.is_empty() { clock() } else { watched.as_of };
        Ok(Posture { state: held.state.name().to_owned(), serial: watched.serial.or_else(|| held.serial.clone()), as_of, findings })
    }
}

/// The end of one certificate in PEM (RFC 7468 §5.1).
const END: &str = "-----END CERTIFICATE-----";

/// The leaf: it stands first, what leads to its root follows.
pub(super) fn leaf(chain: &str) -> &str {
    chain.split_inclusive(END).next().unwrap_or_default().trim()
}

/// An issued certificate as it is kept; none where it cannot be read.
pub(super) fn listed(target: &str, issued: &Issued, request: Option<&str>, now: i64) -> Option<Listed> {
    let read = read_certificate(leaf(&issued.certificate_pem))?;
    Some(Listed {
        target: target.to_owned(),
        serial: read.serial,
        sha256: read.sha256,
        key: read.key,
        subject: read.subject,
        issuer: read.issuer,
        names: read.names,
        certificate: leaf(&issued.certificate_pem).to_owned(),
        authority: read.authority,
        not_before: read.validity.0,
        not_after: read.validity.1,
        first_polled: now,
        request: request.map(str::to_owned),
        ..Listed::default()
    })
}
