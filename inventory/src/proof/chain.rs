//! Whose certificates lead to an issuer that is trusted here: the signature of each step is verified.
//!
//! Spec: RFC 5280 §6.1, of which the signatures, the names, basic constraints and the times are looked at; name constraints and policies
//! are not. Which certificates stand between is taken from all that were shown to anybody.

use super::signature::{Family, Signed, Verdict, verify};
use super::{Digest, bytes};
use crate::judge::policy::{Issuer, Revocations, Signature};
use fingerprints::text::safe;
use observations::{Field, Statement, ValueRef};
use std::collections::{BTreeMap, BTreeSet};

/// Certificates between a device's own and a trusted one: two or three are in use.
const DEPTH_MAX: usize = 6;

/// Certificates of one name that are tried as issuers: an authority has two while its key is changed.
const CANDIDATES_MAX: usize = 8;

/// What is known of one certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) serial: Vec<u8>,
    pub(crate) key: Vec<u8>,
    key_id: Option<Vec<u8>>,
    issuer_key_id: Option<Vec<u8>>,
    is_ca: bool,
    pub(crate) not_before: Option<i64>,
    pub(crate) not_after: Option<i64>,
    algorithm: String,
    digest: Option<Vec<u8>>,
    bytes: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
}

/// Where a certificate leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Chain {
    /// To a trusted issuer: its number in the policy. Every signature on the way is good.
    Trusted(usize),
    /// To the name of a trusted issuer, whose key signed it not: the number.
    Forged(usize),
    /// To that name; whether its key signed it cannot be told.
    NotChecked(usize, &'static str),
    /// Nowhere.
    Unknown,
}

/// Everything that was shown, with what is trusted.
#[derive(Default)]
pub(crate) struct Chains {
    certificates: BTreeMap<Digest, Certificate>,
    by_subject: BTreeMap<String, Vec<Digest>>,
    chains: BTreeMap<Digest, Chain>,
}

impl Certificate {
    pub(crate) fn of(said: &Statement<'_>) -> Self {
        let text = |field| said.get(field).map(|value| safe(value).into_owned()).unwrap_or_default();
        let owned = |field| bytes(said, field).map(<[u8]>::to_vec);
        let time = |field| if let Some(ValueRef::Time(seconds)) = said.get(field) { Some(seconds) } else { None };
        Self {
            subject: text(Field::CertificateSubject),
            issuer: text(Field::CertificateIssuer),
            serial: owned(Field::CertificateSerial).unwrap_or_default(),
            key: owned(Field::PublicKey).unwrap_or_default(),
            key_id: owned(Field::SubjectKeyId),
            issuer_key_id: owned(Field::IssuerSpkiKeyId),
            is_ca: said.get(Field::IsCa).and_then(ValueRef::number) == Some(1),
            not_before: time(Field::NotBefore),
            not_after: time(Field::NotAfter),
            algorithm: text(Field::SignatureAlgorithm),
            digest: owned(Field::SignedDigest),
            bytes: owned(Field::SignedBytes),
            signature: owned(Field::Signature),
        }
    }

    /// Whether a key signed it.
    fn signed_by(&self, key: &[u8]) -> Verdict {
        let signed = match (&self.digest, &self.bytes) {
            (Some(digest), _) => Signed::Digest(digest),
            (None, Some(bytes)) => Signed::Bytes(bytes),
            (None, None) => return Verdict::NotChecked("what was signed was not kept"),
        };
        let Some(signature) = &self.signature else { return Verdict::NotChecked("the signature was not kept") };
        verify(key, Family::of_oid(&self.algorithm), signed, signature)
    }

    /// Whether its issuer may have the key of this identifier.
    pub(crate) fn may_be_of(&self, key_id: Option<&[u8]>) -> bool {
        self.issuer_key_id.is_none() || key_id.is_none() || self.issuer_key_id.as_deref() == key_id
    }

    /// Whether key identifiers let another be its issuer (RFC 5280 §4.2.1.1).
    fn may_be_by(&self, other: &Self) -> bool {
        self.may_be_of(other.key_id.as_deref())
    }
}

impl Chains {
    pub(crate) fn of(certificates: BTreeMap<Digest, Certificate>, issuers: &[Issuer]) -> Self {
        let mut by_subject = BTreeMap::<String, Vec<Digest>>::new();
        for (digest, one) in certificates.iter().filter(|(_, one)| one.is_ca && !one.key.is_empty()) {
            let same = by_subject.entry(one.subject.clone()).or_default();
            if same.len() < CANDIDATES_MAX {
                same.push(digest.clone());
            }
        }
        let mut all = Self { certificates, by_subject, chains: BTreeMap::new() };
        if issuers.iter().any(|issuer| issuer.certificate.is_some()) {
            all.chains = all.certificates.keys().map(|digest| (digest.clone(), all.follow(digest, issuers, &mut BTreeSet::new()))).collect();
        }
        all
    }

    pub(crate) fn certificate(&self, digest: &[u8]) -> Option<&Certificate> {
        self.certificates.get(digest)
    }

    pub(crate) fn chain(&self, digest: &[u8]) -> &Chain {
        self.chains.get(digest).unwrap_or(&Chain::Unknown)
    }

    /// Depth first, each certificate once on the way.
    fn follow(&self, digest: &Digest, issuers: &[Issuer], way: &mut BTreeSet<Digest>) -> Chain {
        let Some(one) = self.certificates.get(digest) else { return Chain::Unknown };
        let keyed = |issuer: &Issuer| issuer.certificate.clone();
        if let Some(at) = issuers.iter().position(|issuer| keyed(issuer).is_some_and(|own| own.sha256 == *digest)) {
            return Chain::Trusted(at);
        }
        let mut found = Chain::Unknown;
        for (at, own) in
            issuers.iter().enumerate().filter(|(_, issuer)| issuer.name == one.issuer).filter_map(|(at, issuer)| Some((at, keyed(issuer)?)))
        {
            match one.signed_by(&own.public_key) {
                Verdict::Good => return Chain::Trusted(at),
                Verdict::Bad => found = better(found, Chain::Forged(at)),
                Verdict::NotChecked(why) => found = better(found, Chain::NotChecked(at, why)),
            }
        }
        if way.len() >= DEPTH_MAX || !way.insert(digest.clone()) {
            return found;
        }
        for candidate in self.by_subject.get(&one.issuer).into_iter().flatten().filter(|candidate| *candidate != digest) {
            let Some(above) = self.certificates.get(candidate).filter(|above| one.may_be_by(above)) else { continue };
            let verdict = one.signed_by(&above.key);
            if verdict != Verdict::Good {
                continue;
            }
            match self.follow(candidate, issuers, way) {
                Chain::Trusted(at) => {
                    found = Chain::Trusted(at);
                    break;
                }
                other => found = better(found, other),
            }
        }
        way.remove(digest);
        found
    }

    /// Whether a list is by its issuer: one that is trusted, or one whose certificate leads to such.
    pub(crate) fn list(&self, list: &Revocations, issuers: &[Issuer]) -> Verdict {
        let Some(signature) = &list.signature else { return Verdict::NotChecked("its algorithm is not known") };
        let trusted = issuers.iter().filter(|issuer| issuer.name == list.issuer).filter_map(|issuer| issuer.certificate.as_ref());
        let shown = self.by_subject.get(&list.issuer).into_iter().flatten();
        let shown = shown.filter(|digest| matches!(self.chain(digest), Chain::Trusted(_))).filter_map(|digest| self.certificates.get(digest));
        let keys = trusted.map(|own| own.public_key.as_slice()).chain(shown.map(|one| one.key.as_slice()));
        let verdicts: Vec<Verdict> = keys.map(|key| by(signature, key)).collect();
        match verdicts.iter().min() {
            Some(best) => *best,
            None => Verdict::NotChecked("its issuer's key is not known"),
        }
    }
}

fn by(signature: &Signature, key: &[u8]) -> Verdict {
    let signed = match (&signature.digest, &signature.bytes) {
        (Some(digest), _) => Signed::Digest(digest),
        (None, bytes) => Signed::Bytes(bytes.as_deref().unwrap_or_default()),
    };
    verify(key, Family::of_oid(&signature.algorithm), signed, &signature.value)
}

/// Of two places where a certificate leads the one that says more: what cannot be told keeps it from being called forged.
fn better(known: Chain, other: Chain) -> Chain {
    let rank = |chain: &Chain| match chain {
        Chain::Trusted(_) => 0,
        Chain::NotChecked(..) => 1,
        Chain::Forged(_) => 2,
        Chain::Unknown => 3,
    };
    if rank(&other) < rank(&known) { other } else { known }
}
