//! Of several claims the one that stands, its rivals and its history.

use crate::gather::{ClaimAt, wider};
use fingerprints::{Attribute, Class};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Below this, in percent, an inferred class or type is not told: `unknown` is a valid answer.
pub const TOLD_MIN: u8 = 50;

/// Values of one attribute that are shown beside the one that stands. A device that has had more is shown with the most believed.
pub const OTHERS_MAX: usize = 8;

/// What one independent source more adds to confidence, in percent.
const CORROBORATION: u8 = 3;

/// All claims of one value.
#[derive(Clone, Debug)]
pub struct Candidate<'c, 't, 'a> {
    /// The value as the best of its claims spells it.
    pub value: &'c str,
    /// The best class.
    pub class: Class,
    /// With corroboration.
    pub confidence: u8,
    /// The best claim first.
    pub claims: Vec<&'c ClaimAt<'t, 'a>>,
    /// First and last time that it was said, by clocks that are believed, if any.
    pub span: (i64, i64),
    /// Said only where the clock is not believed.
    pub doubtful: bool,
}

/// An attribute decided.
#[derive(Debug)]
pub struct Decided<'c, 't, 'a> {
    /// The one that stands.
    pub winner: Candidate<'c, 't, 'a>,
    /// Others that are believed at the same time.
    pub rivals: Vec<Candidate<'c, 't, 'a>>,
    /// Earlier values of what can change.
    pub history: Vec<Candidate<'c, 't, 'a>>,
    /// Two declared values of what cannot change.
    pub conflict: bool,
}

/// Words by which the law knows a company's form, as they end its name. They tell no two makers apart.
const LEGAL_FORMS: &[&str] = &[
    "ab",
    "ag",
    "as",
    "asa",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "gmbh",
    "inc",
    "incorporated",
    "kg",
    "kgaa",
    "kk",
    "limited",
    "llc",
    "ltd",
    "nv",
    "oy",
    "oyj",
    "plc",
    "pte",
    "pty",
    "sa",
    "sarl",
    "sas",
    "se",
    "spa",
    "srl",
];

/// Two spellings of one value compare equal. Of names and numbers of things: case, spaces and punctuation apart; of a maker's also the
/// legal form at its end. Of versions and hostnames punctuation is part of the value.
#[must_use]
pub fn normal(attribute: Attribute, value: &str) -> String {
    let letters = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    match attribute {
        Attribute::Vendor => {
            let plain = value.replace('.', "").to_lowercase();
            let mut words: Vec<&str> = plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            while words.len() > 1 && words.last().is_some_and(|word| LEGAL_FORMS.contains(word)) {
                words.pop();
            }
            words.concat()
        }
        Attribute::Firmware | Attribute::Hardware | Attribute::Software | Attribute::Os => {
            let plain = value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            match plain.strip_prefix('v').map(str::trim_start).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
                Some(version) => version.to_owned(),
                None => plain,
            }
        }
        Attribute::Hostname | Attribute::StationName | Attribute::Location | Attribute::Description => value.trim().to_lowercase(),
        // What is punctuation through and through is compared as it is.
        _ => Some(letters(value)).filter(|letters| !letters.is_empty()).unwrap_or_else(|| value.trim().to_owned()),
    }
}

/// Decides an attribute; `None` without claims.
#[must_use]
pub fn decide<'c, 't, 'a>(attribute: Attribute, claims: &[&'c ClaimAt<'t, 'a>]) -> Option<Decided<'c, 't, 'a>> {
    let mut candidates = candidates(attribute, claims);
    candidates.sort_by(|a, b| rank(attribute, a).cmp(&rank(attribute, b)));
    let mut rest = candidates.into_iter();
    let winner = rest.next()?;
    let (mut rivals, mut history) = (Vec::new(), Vec::new());
    let mut conflict = false;
    for candidate in rest {
        let same_voice = candidate
            .claims
            .iter()
            .any(|claim| winner.claims.iter().any(|other| other.claim.rule == claim.claim.rule && other.protocol() == claim.protocol()));
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
fn candidates<'c, 't, 'a>(attribute: Attribute, claims: &[&'c ClaimAt<'t, 'a>]) -> Vec<Candidate<'c, 't, 'a>> {
    // Mostly there is one value, in one spelling: nothing to compare.
    if claims.windows(2).all(|pair| pair[0].claim.value == pair[1].claim.value) {
        return candidate(claims.to_vec()).into_iter().collect();
    }
    let mut groups: BTreeMap<String, Vec<&'c ClaimAt<'t, 'a>>> = BTreeMap::new();
    for claim in claims {
        groups.entry(normal(attribute, &claim.claim.value)).or_default().push(claim);
    }
    if attribute == Attribute::Hostname {
        join_labels(&mut groups);
    }
    groups.into_values().filter_map(candidate).collect()
}

fn candidate<'c, 't, 'a>(mut claims: Vec<&'c ClaimAt<'t, 'a>>) -> Option<Candidate<'c, 't, 'a>> {
    claims.sort_by(|a, b| order(a).cmp(&order(b)));
    let best = *claims.first()?;
    let mut voices: Vec<&str> = claims.iter().map(|claim| claim.protocol()).collect();
    voices.sort_unstable();
    voices.dedup();
    let more = u8::try_from(voices.len() - 1).unwrap_or(u8::MAX).saturating_mul(CORROBORATION);
    Some(Candidate {
        value: &best.claim.value,
        class: best.claim.class,
        confidence: best.claim.confidence.saturating_add(more).min(best.claim.class.most()),
        span: span(&claims)?,
        doubtful: claims.iter().all(|claim| claim.told.doubtful),
        claims,
    })
}

/// A host's name and the same with its domain are one, where only one domain comes with it.
fn join_labels(groups: &mut BTreeMap<String, Vec<&ClaimAt<'_, '_>>>) {
    let labels: Vec<String> = groups.keys().filter(|name| !name.contains('.')).cloned().collect();
    for label in labels {
        let full = format!("{label}.");
        let mut whole = groups.range(full.clone()..).map(|(name, _)| name).take_while(|name| name.starts_with(&full));
        if let (Some(name), None) = (whole.next().cloned(), whole.next()) {
            let claims = groups.remove(&label).unwrap_or_default();
            groups.entry(name).or_default().extend(claims);
        }
    }
}

fn span(claims: &[&ClaimAt<'_, '_>]) -> Option<(i64, i64)> {
    let all_doubtful = claims.iter().all(|claim| claim.told.doubtful);
    claims.iter().filter(|claim| all_doubtful || !claim.told.doubtful).map(|claim| claim.span()).reduce(wider)
}

/// The order of claims within one value, and of the evidence that is shown.
fn order<'c>(claim: &'c ClaimAt<'_, '_>) -> impl Ord + use<'c> {
    let (told, first) = (claim.told, claim.told.entry.first);
    let said = (claim.claim.class, Reverse(claim.claim.confidence), told.doubtful, first.time);
    (said, &*claim.claim.value, told.said.protocol, told.at.source, first.packet, claim.claim.field)
}

/// The order of values: class, confidence, a clock that is believed, then the latest for what changes and the earliest for what lasts,
/// then the bytes.
fn rank<'c>(attribute: Attribute, candidate: &Candidate<'c, '_, '_>) -> impl Ord + use<'c> {
    let time = if attribute.changes() { candidate.span.1.saturating_neg() } else { candidate.span.0 };
    (candidate.class, Reverse(candidate.confidence), candidate.doubtful, time, candidate.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legal_form_tells_no_makers_apart() {
        for (a, b) in [("SIEMENS AG", "Siemens"), ("Moxa Inc.", "MOXA"), ("Advantech Co., Ltd.", "Advantech"), ("Gefran S.p.A.", "GEFRAN")] {
            assert_eq!(normal(Attribute::Vendor, a), normal(Attribute::Vendor, b), "{a}");
        }
        assert_ne!(normal(Attribute::Vendor, "WAGO Kontakttechnik GmbH & Co. KG"), normal(Attribute::Vendor, "WAGO"));
        assert_eq!(normal(Attribute::Vendor, "AG"), "ag", "a name is never all legal form");
    }

    #[test]
    fn points_are_part_of_a_version_and_of_a_name() {
        assert_ne!(normal(Attribute::Firmware, "1.12"), normal(Attribute::Firmware, "11.2"));
        assert_eq!(normal(Attribute::Firmware, "V1.12"), normal(Attribute::Firmware, "1.12"));
        assert_ne!(normal(Attribute::Hostname, "plc-1"), normal(Attribute::Hostname, "plc1"));
        assert_eq!(normal(Attribute::OrderNumber, "6ES7 315-2EH14-0AB0"), normal(Attribute::OrderNumber, "6ES7315-2EH14-0AB0"));
    }
}
