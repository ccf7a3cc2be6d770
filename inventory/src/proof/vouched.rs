//! What certificates are worth here: trusted, forged, revoked, and what an operator's lists say of them.

use super::chain::{Certificate, Chain};
use super::signature::Verdict;
use super::{Digest, bytes};
use crate::assemble::{Members, View, time};
use crate::gather::Told;
use crate::judge::policy::Revocations;
use observations::{Field, Kind, ValueRef};

/// What a component's own certificates show of it.
#[derive(Default)]
pub(crate) struct Vouched {
    /// Why it is not whom it claims to be.
    pub(crate) conflict: Option<String>,
    /// The trusted issuer, and what was verified.
    pub(crate) verified: Option<(String, String)>,
}

impl<'a> View<'a> {
    /// Certificates that a component presented as its own, with their digests.
    pub(crate) fn leaves(&self, at: usize, members: &Members) -> impl Iterator<Item = (Told<'a>, Digest)> {
        let told = members.certificates(at).filter_map(|at| self.facts.told(at));
        let own = told.filter(|told| told.said.kind == Kind::Certificate && !told.doubtful && position(told) == 0);
        own.filter_map(|told| {
            let digest = bytes(&told.said, Field::CertificateSha256)?.to_vec();
            Some((told, digest))
        })
    }

    /// Where a certificate leads.
    pub(crate) fn chain(&self, digest: &[u8]) -> &Chain {
        self.proofs().chains.chain(digest)
    }

    /// What was read of a certificate, once anybody asked where it leads.
    pub(crate) fn certificate(&self, digest: &[u8]) -> Option<&Certificate> {
        self.proofs().chains.certificate(digest)
    }

    /// The list by which a certificate was revoked when it was last seen, and whether that list is known to be its issuer's.
    pub(crate) fn revoked(&self, told: &Told<'_>, digest: &[u8]) -> Option<(&'a Revocations, bool)> {
        let one = self.certificate(digest)?;
        let seen = told.entry.last.time.div_euclid(1_000_000_000);
        let of_issuer = |list: &Revocations| list.issuer == one.issuer && one.may_be_of(list.key_id.as_deref());
        let lists = self.policy().revocations.iter().zip(&self.proofs().lists).filter(|(list, verdict)| of_issuer(list) && **verdict != Verdict::Bad);
        let hit = lists.filter(|(list, _)| list.revoked.get(&one.serial).is_some_and(|since| *since <= seen));
        hit.map(|(list, verdict)| (list, *verdict == Verdict::Good)).max_by_key(|(_, good)| *good)
    }

    /// What a component's certificates show, if authorities or lists were given.
    pub(crate) fn vouched(&self, at: usize, members: &Members) -> Vouched {
        let (policy, mut vouched) = (self.policy(), Vouched::default());
        if policy.issuers.is_empty() && policy.revocations.is_empty() {
            return vouched;
        }
        for (told, digest) in self.leaves(at, members) {
            let Some(one) = self.certificate(&digest) else { continue };
            let named = |at: usize| policy.issuers.get(at).map(|issuer| issuer.name.clone()).unwrap_or_default();
            let conflict = match self.chain(&digest) {
                _ if self.revoked(&told, &digest).is_some() => Some(format!("its certificate {} was revoked", one.subject)),
                Chain::Forged(at) => Some(format!("its certificate {} has the name of {}, whose key did not sign it", one.subject, named(*at))),
                _ if !self.disproof_of(&told).is_empty() => Some(format!("it shows the certificate {}, and signs with another key", one.subject)),
                _ => None,
            };
            if let (Chain::Trusted(at), None, true) = (self.chain(&digest), &conflict, self.was_valid(&told, one)) {
                let proof = if self.proof_of(&told).is_some() { "it proved to hold the key" } else { "no proof of its key was seen" };
                let reason = format!("its certificate {} leads to {} by good signatures; {proof}", one.subject, named(*at));
                vouched.verified = vouched.verified.into_iter().chain(Some((named(*at), reason))).min();
            }
            vouched.conflict = vouched.conflict.into_iter().chain(conflict).min();
        }
        vouched
    }

    /// Whether a certificate, and the issuer that it leads to, were valid when it was last seen.
    fn was_valid(&self, told: &Told<'_>, one: &Certificate) -> bool {
        let seen = told.entry.last.time.div_euclid(1_000_000_000);
        one.not_before.is_none_or(|from| from <= seen) && one.not_after.is_none_or(|to| seen <= to)
    }

    /// What of an operator's lists could not be used, and why: for people.
    pub(crate) fn lists_not_used(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (list, verdict) in self.policy().revocations.iter().zip(&self.proofs().lists) {
            match verdict {
                Verdict::Good => {}
                Verdict::Bad => all.push(format!("{}: it is not signed by {}, and was not used", list.name, list.issuer)),
                Verdict::NotChecked(why) => all.push(format!("{}: whether {} signed it could not be told: {why}", list.name, list.issuer)),
            }
            if list.more {
                all.push(format!("{}: it has more entries than are read ({})", list.name, list.revoked.len()));
            }
            if let Some(until) = list.made.1.and_then(|until| until.checked_mul(1_000_000_000)).filter(|until| *until < self.as_of()) {
                all.push(format!("{}: another should have taken its place at {}", list.name, time(until).unwrap_or_default()));
            }
        }
        all
    }
}

/// A certificate's place in the chain that was presented.
fn position(told: &Told<'_>) -> u64 {
    told.said.get(Field::ChainPosition).and_then(ValueRef::number).unwrap_or(0)
}
