//! Whose keys were proven to be held, and whose certificates lead to a trusted issuer: what was signed on the wire, held against the
//! keys of the certificates that were shown.
//!
//! A proof shows possession, not uniqueness. TLS 1.3 signs in what is encrypted: there nothing can be told, which is not the same as
//! nothing having been proven. What could not be seen whole was not said by the dissectors; what the libraries cannot tell is no finding.

mod chain;
pub(crate) mod signature;
mod vouched;

use crate::assemble::View;
use crate::gather::{At, HostKey, Told};
use crate::judge::Mark;
pub(crate) use chain::Chain;
use chain::{Certificate, Chains};
use observations::{Field, Kind, Statement, ValueRef};
use signature::{Family, Signed, Verdict, verify};
use std::collections::BTreeMap;

/// A certificate's SHA-256.
pub(crate) type Digest = Vec<u8>;

/// What became of looking at one, when it was given first, and where it stands.
type Proof = (Verdict, i64, At);

/// What became of looking at every proof, and where certificates lead.
#[derive(Default)]
pub(crate) struct Proofs {
    /// By who gave it and for which certificate, the first good one first.
    by_host: BTreeMap<(HostKey, Digest), Vec<Proof>>,
    chains: Chains,
    /// By whom the policy's lists of revoked certificates are.
    lists: Vec<Verdict>,
}

impl Proofs {
    pub(crate) fn of(view: &View<'_>) -> Self {
        let policy = view.policy();
        let all = || view.facts.marks().flat_map(|(number, marks)| marks.iter().map(move |(_, mark)| (number, *mark)));
        let asked = !policy.issuers.is_empty() || !policy.revocations.is_empty() || !policy.issued.is_empty();
        if !asked && !all().any(|(_, mark)| mark.condition == Mark::PROOF) {
            return Self::default();
        }
        let (mut certificates, mut proofs) = (BTreeMap::<Digest, Certificate>::new(), Vec::new());
        for (number, mark) in all().filter(|(_, mark)| matches!(mark.condition, Mark::CERTIFICATE | Mark::PROOF)) {
            let Some(told) = view.facts.told(mark.at) else { continue };
            let Some(digest) = bytes(&told.said, Field::CertificateSha256) else { continue };
            if told.said.kind == Kind::Proof {
                proofs.extend(view.facts.hosts.get(number as usize).map(|(host, _)| ((*host, digest.to_vec()), told)));
            } else if certificates.get(digest).is_none_or(|known| known.key.is_empty()) {
                certificates.insert(digest.to_vec(), Certificate::of(&told.said));
            }
        }
        let mut by_host = BTreeMap::<_, Vec<Proof>>::new();
        for (whose, told) in proofs {
            let key = certificates.get(&whose.1).filter(|one| !one.key.is_empty());
            let verdict = key.map_or(Verdict::NotChecked("the certificate was not seen"), |one| verdict(&one.key, &told.said));
            by_host.entry(whose).or_default().push((verdict, told.entry.first.time, told.at));
        }
        by_host.values_mut().for_each(|of| of.sort_unstable());
        let chains = Chains::of(certificates, &policy.issuers);
        let lists = policy.revocations.iter().map(|list| chains.list(list, &policy.issuers)).collect();
        Self { by_host, chains, lists }
    }

    /// The statement by which a host proved that it holds a certificate's key.
    pub(crate) fn good(&self, host: &HostKey, certificate: &[u8]) -> Option<At> {
        self.of_one(host, certificate).find(|one| one.0 == Verdict::Good).map(|one| one.2)
    }

    /// Statements by which a host tried to, and did not.
    pub(crate) fn bad(&self, host: &HostKey, certificate: &[u8]) -> impl Iterator<Item = At> {
        self.of_one(host, certificate).filter(|one| one.0 == Verdict::Bad).map(|one| one.2)
    }

    fn of_one(&self, host: &HostKey, certificate: &[u8]) -> impl Iterator<Item = &Proof> {
        self.by_host.get(&(*host, certificate.to_vec())).into_iter().flatten()
    }
}

impl View<'_> {
    /// By which statement the speaker of a certificate proved that it holds the key.
    pub(crate) fn proof_of(&self, told: &Told<'_>) -> Option<At> {
        let host = self.facts.host_key(told.at.source, &told.said.about);
        self.proofs().good(&host, bytes(&told.said, Field::CertificateSha256)?)
    }

    /// The same of what proves that it does not.
    pub(crate) fn disproof_of(&self, told: &Told<'_>) -> Vec<At> {
        let host = self.facts.host_key(told.at.source, &told.said.about);
        bytes(&told.said, Field::CertificateSha256).map(|digest| self.proofs().bad(&host, digest).collect()).unwrap_or_default()
    }
}

/// What tells of proofs that streams carry, in which a gap is noticed; others are told by what carries datagrams or frames.
const OVER_STREAMS: &[&str] = &["tls", "opcua"];

/// Of a proof, under the key that it is for.
fn verdict(key: &[u8], said: &Statement<'_>) -> Verdict {
    let Some(signature) = bytes(said, Field::Signature) else { return Verdict::NotChecked("there is no signature") };
    let signed = match (bytes(said, Field::SignedDigest), bytes(said, Field::SignedBytes)) {
        (Some(digest), _) => Signed::Digest(digest),
        (None, Some(bytes)) => Signed::Bytes(bytes),
        (None, None) => return Verdict::NotChecked("what was signed is not known"),
    };
    let family = match said.get(Field::SignatureScheme).and_then(ValueRef::number) {
        Some(scheme) => Family::of_scheme(scheme),
        None => Some(Family::OfKey),
    };
    match verify(key, family, signed, signature) {
        // Datagrams and frames are lost unnoticed, a hello among them: the signature may be the answer to another one.
        Verdict::Bad if !OVER_STREAMS.contains(&said.protocol) => Verdict::NotChecked("a datagram may be missing"),
        verdict => verdict,
    }
}

fn bytes<'a>(said: &Statement<'a>, field: Field) -> Option<&'a [u8]> {
    if let Some(ValueRef::Bytes(bytes)) = said.get(field) { Some(bytes) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observations::SaidRef;

    #[test]
    fn what_datagrams_may_have_lost_is_held_against_nobody() {
        let signatures = signature::tests::signatures();
        let (scheme, key, signed, good) = signatures.iter().find(|row| row.0 == 0x0403).expect("an ECDSA signature");
        let of = |protocol, signature: &[u8]| {
            let field = |field, value| SaidRef { field, value };
            let fields = vec![
                field(Field::Signature, ValueRef::Bytes(signature)),
                field(Field::SignedDigest, ValueRef::Bytes(signed)),
                field(Field::SignatureScheme, ValueRef::Number(*scheme)),
            ];
            verdict(key, &Statement { protocol, fields, ..Statement::default() })
        };
        assert_eq!((of("tls", good), of("dtls", good), of("eap", good)), (Verdict::Good, Verdict::Good, Verdict::Good));
        let missing = || Verdict::NotChecked("a datagram may be missing");
        assert_eq!((of("tls", &[]), of("dtls", &[]), of("eap", &[])), (Verdict::Bad, missing(), missing()));
    }
}
