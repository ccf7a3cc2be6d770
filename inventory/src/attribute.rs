//! Of several claims the one that stands, its rivals and its history.

use crate::gather::ClaimAt;
use fingerprints::{Attribute, Class};
use std::collections::BTreeSet;

/// Below this, in percent, an inferred class or type is not told: `unknown` is a valid answer.
pub const TOLD_MIN: u8 = 50;

/// Values of one attribute that are shown beside the one that stands. A device that has had more is shown with the most believed.
pub const OTHERS_MAX: usize = 8;

/// What one independent source more adds to confidence, in percent.
const CORROBORATION: u8 = 3;

/// All claims of one value.
#[derive(Clone, Debug)]
pub struct Candidate<'c, 'a> {
    /// The value as the best of its claims spells it.
    pub value: &'c str,
    /// The best class.
    pub class: Class,
    /// With corroboration.
    pub confidence: u8,
    /// The best claim first.
    pub claims: Vec<&'c ClaimAt<'a>>,
    /// First and last time that it was said.
    pub span: (i64, i64),
}

/// An attribute decided.
#[derive(Debug)]
pub struct Decided<'c, 'a> {
    /// The one that stands.
    pub winner: Candidate<'c, 'a>,
    /// Others that are believed at the same time.
    pub rivals: Vec<Candidate<'c, 'a>>,
    /// Earlier values of what can change.
    pub history: Vec<Candidate<'c, 'a>>,
    /// Two declared values of what cannot change.
    pub conflict: bool,
}

/// Two spellings of one value compare equal: case, spaces and punctuation apart.
#[must_use]
pub fn normal(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Decides an attribute; `None` without claims.
#[must_use]
pub fn decide<'c, 'a>(attribute: Attribute, claims: &[&'c ClaimAt<'a>]) -> Option<Decided<'c, 'a>> {
    let mut candidates = candidates(claims);
    candidates.sort_by(|a, b| rank(attribute, a).cmp(&rank(attribute, b)));
    let mut rest = candidates.into_iter();
    let winner = rest.next()?;
    let (mut rivals, mut history) = (Vec::new(), Vec::new());
    let mut conflict = false;
    for candidate in rest {
        let same_voice = candidate
            .claims
            .iter()
            .any(|claim| winner.claims.iter().any(|other| other.claim.rule == claim.claim.rule && other.protocol == claim.protocol));
        if attribute.changes() && same_voice && candidate.span.1 <= winner.span.0 {
            history.push(candidate);
            continue;
        }
        let lasting = matches!(attribute, Attribute::Serial | Attribute::Vendor);
        conflict |= lasting && same_voice && candidate.class <= Class::Declared && winner.class <= Class::Declared;
        rivals.push(candidate);
    }
    rivals.truncate(OTHERS_MAX);
    history.truncate(OTHERS_MAX);
    Some(Decided { winner, rivals, history, conflict })
}

/// Groups claims by value.
fn candidates<'c, 'a>(claims: &[&'c ClaimAt<'a>]) -> Vec<Candidate<'c, 'a>> {
    let mut groups: std::collections::BTreeMap<String, Vec<&'c ClaimAt<'a>>> = std::collections::BTreeMap::new();
    for claim in claims {
        groups.entry(normal(&claim.claim.value)).or_default().push(claim);
    }
    let groups = groups.into_values().filter_map(|mut claims| {
        claims.sort_by_key(|claim| order(claim));
        let best = *claims.first()?;
        let voices: BTreeSet<&str> = claims.iter().map(|claim| claim.protocol).collect();
        let more = u8::try_from(voices.len().saturating_sub(1)).unwrap_or(u8::MAX).saturating_mul(CORROBORATION);
        Some(Candidate {
            value: &best.claim.value,
            class: best.claim.class,
            confidence: best.claim.confidence.saturating_add(more).min(best.claim.class.most()),
            span: (claims.iter().map(|claim| claim.at.entry.first.time).min()?, claims.iter().map(|claim| claim.at.entry.last.time).max()?),
            claims,
        })
    });
    groups.collect()
}

/// The order of claims within one value, and of the evidence that is shown.
fn order<'c>(claim: &&'c ClaimAt<'_>) -> (Class, std::cmp::Reverse<u8>, i64, &'c str, u16, u64, &'c str) {
    let entry = claim.at.entry;
    (
        claim.claim.class,
        std::cmp::Reverse(claim.claim.confidence),
        entry.first.time,
        claim.protocol,
        claim.at.source,
        entry.first.packet,
        &claim.claim.value,
    )
}

/// The order of values: class, confidence, then the latest for what changes and the earliest for what lasts, then the bytes.
fn rank<'c>(attribute: Attribute, candidate: &Candidate<'c, '_>) -> (Class, std::cmp::Reverse<u8>, i64, &'c str) {
    let time = if attribute.changes() { candidate.span.1.saturating_neg() } else { candidate.span.0 };
    (candidate.class, std::cmp::Reverse(candidate.confidence), time, candidate.value)
}
