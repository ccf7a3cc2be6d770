//! Versions and ranges of versions, compared only where that is safe: numbers with points between them. What has letters, brackets or
//! a word beside it may be ordered in a way that only its maker knows; of that nothing is said.
//!
//! Spec: CSAF 2.0 §3.1.2.3.2 (product version ranges), the vers specification of package URLs, and the spelling `All versions < V2.9.7`
//! that advisories use beside it.

use std::cmp::Ordering;

/// Numbers of a version; more than these are no version.
const NUMBERS_MAX: usize = 8;
/// Bounds of one range.
const BOUNDS_MAX: usize = 64;

/// Which versions are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Versions {
    /// All.
    All,
    /// One.
    Exactly(String),
    /// Those within bounds, in the order in which they stand.
    Within(Vec<(Bound, String)>),
    /// What was written is none of the spellings that are known.
    Unclear(String),
}

/// One bound of a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

/// Spellings of bounds, the longer ones first.
const BOUNDS: &[(&str, Bound)] = &[
    ("<=", Bound::LessOrEqual),
    (">=", Bound::GreaterOrEqual),
    ("!=", Bound::NotEqual),
    ("<", Bound::Less),
    (">", Bound::Greater),
    ("=", Bound::Equal),
];

/// Numbers of a version.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Numbers(Vec<u64>);

impl Numbers {
    /// `2.9.7`, `V2.9.7`, `02.009`.
    fn of(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', 'V']);
        let number = |part: &str| (part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?;
        let numbers = text.split('.').take(NUMBERS_MAX + 1).map(number).collect::<Option<Vec<u64>>>()?;
        (numbers.len() <= NUMBERS_MAX).then_some(Self(numbers))
    }

    /// A number that is not there is 0.
    fn compare(&self, other: &Self) -> Ordering {
        let length = self.0.len().max(other.0.len());
        let padded = |numbers: &Self| numbers.0.iter().copied().chain(std::iter::repeat(0)).take(length).collect::<Vec<_>>();
        padded(self).cmp(&padded(other))
    }
}

impl Versions {
    /// A range as it is written.
    #[must_use]
    pub fn of_range(text: &str) -> Self {
        let unclear = || Self::Unclear(text.trim().to_owned());
        let rest = text.trim();
        let rest = rest.strip_prefix("vers:").map_or(rest, |rest| rest.split_once('/').map_or(rest, |(_, bounds)| bounds));
        let lower = rest.to_lowercase();
        let rest = if let Some(after) = lower.strip_prefix("all versions") { after.trim() } else { lower.trim() };
        if rest.is_empty() && !lower.is_empty() || rest == "*" || rest == "all" {
            return Self::All;
        }
        match bounds(rest) {
            Some(bounds) if !bounds.is_empty() && bounds.len() <= BOUNDS_MAX => Self::Within(bounds),
            _ => unclear(),
        }
    }

    /// Whether a version is among them.
    ///
    /// # Errors
    /// Why that is not safe to say.
    pub fn contain(&self, version: &str) -> Result<bool, String> {
        let apart = |text: &str| format!("{version:?} and {text:?} cannot be compared");
        match self {
            Self::All => Ok(true),
            Self::Exactly(text) if text.eq_ignore_ascii_case(version) => Ok(true),
            Self::Exactly(text) => match (Numbers::of(text), Numbers::of(version)) {
                (Some(a), Some(b)) => Ok(a.compare(&b) == Ordering::Equal),
                _ => Err(apart(text)),
            },
            Self::Within(bounds) => {
                let own = Numbers::of(version).ok_or_else(|| format!("{version:?} is no version of numbers alone"))?;
                let read = |(bound, text): &(Bound, String)| Ok((*bound, Numbers::of(text).ok_or_else(|| apart(text))?));
                Ok(within(&own, bounds.iter().map(read).collect::<Result<_, String>>()?))
            }
            Self::Unclear(text) => Err(format!("{text:?} is no range that can be read")),
        }
    }
}

/// `>= 2.0 | < 2.9`, `>= v2.0 and < v2.9`, `2.1|2.2`: no other words.
fn bounds(text: &str) -> Option<Vec<(Bound, String)>> {
    let mut bounds = Vec::new();
    for part in text.split(['|', ',']) {
        let mut rest = part.trim();
        while !rest.is_empty() {
            rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
            let (bound, after) =
                BOUNDS.iter().find_map(|(spelling, bound)| Some((*bound, rest.strip_prefix(spelling)?))).unwrap_or((Bound::Equal, rest));
            let after = after.trim_start();
            let end = after.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '=' | '!')).unwrap_or(after.len());
            let (version, after) = after.split_at_checked(end)?;
            if !version.bytes().any(|byte| byte.is_ascii_digit()) {
                return None;
            }
            bounds.push((bound, version.to_owned()));
            rest = after.trim_start();
        }
    }
    Some(bounds)
}

/// The vers specification, "Checking if a version is contained within a range".
fn within(own: &Numbers, mut bounds: Vec<(Bound, Numbers)>) -> bool {
    let order = |other: &Numbers| own.compare(other);
    if bounds.iter().any(|(bound, other)| *bound == Bound::NotEqual && order(other) == Ordering::Equal) {
        return false;
    }
    let closed = |bound: Bound| matches!(bound, Bound::Equal | Bound::LessOrEqual | Bound::GreaterOrEqual);
    if bounds.iter().any(|(bound, other)| closed(*bound) && order(other) == Ordering::Equal) {
        return true;
    }
    if !bounds.is_empty() && bounds.iter().all(|(bound, _)| *bound == Bound::NotEqual) {
        return true;
    }
    bounds.retain(|(bound, _)| !matches!(bound, Bound::Equal | Bound::NotEqual));
    bounds.sort_by(|a, b| a.1.compare(&b.1));
    let lower = |bound: Bound| matches!(bound, Bound::Greater | Bound::GreaterOrEqual);
    let first = bounds.first().is_some_and(|(bound, other)| !lower(*bound) && order(other) == Ordering::Less);
    let last = bounds.last().is_some_and(|(bound, other)| lower(*bound) && order(other) == Ordering::Greater);
    let between = bounds
        .windows(2)
        .any(|pair| lower(pair[0].0) && !lower(pair[1].0) && order(&pair[0].1) == Ordering::Greater && order(&pair[1].1) == Ordering::Less);
    first || last || between
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(range: &str, version: &str) -> Option<bool> {
        Versions::of_range(range).contain(version).ok()
    }

    #[test]
    fn a_range_has_what_lies_within_its_bounds() {
        for range in ["vers:intdot/>=2.0|<2.9.7", ">= V2.0 < V2.9.7", "All versions >= V2.0 and < V2.9.7"] {
            assert_eq!(
                (has(range, "V2.9.6"), has(range, "2.9.7"), has(range, "1.9"), has(range, "2")),
                (Some(true), Some(false), Some(false), Some(true))
            );
        }
        assert_eq!((has("<V2.9", "2.10"), has("<V2.9", "2.08"), has("< 2.9", "2.9.0")), (Some(false), Some(true), Some(false)));
        assert_eq!((has("vers:generic/>=1|<2|>=3|<4", "2.5"), has("vers:generic/>=1|<2|>=3|<4", "3.1")), (Some(false), Some(true)));
        assert_eq!(
            (has(">3", "3.0.1"), has("!=3", "3.0"), has("!=3", "4"), has("2.1|2.2", "2.2")),
            (Some(true), Some(false), Some(true), Some(true))
        );
    }

    #[test]
    fn all_versions_are_all_whatever_they_look_like() {
        for range in ["vers:all/*", "All versions", "*"] {
            assert_eq!(has(range, "XW.ar934x.v5.6"), Some(true), "{range}");
        }
    }

    #[test]
    fn what_is_not_safe_to_compare_is_not_compared() {
        for (range, version) in
            [("< V2.9", "2.8 SP1"), ("< V2.9 SP1", "2.8"), ("< V2.9 with feature X", "2.8"), ("<15.2(7)E4", "15.2(7)E3"), ("", "1")]
        {
            assert_eq!(has(range, version), None, "{range} {version}");
        }
        assert_eq!(Versions::Exactly("15.2(7)E3".into()).contain("15.2(7)e3"), Ok(true));
        assert!(Versions::Exactly("15.2(7)E3".into()).contain("15.2(7)E4").is_err());
        assert_eq!(Versions::Exactly("2.9".into()).contain("V2.9.0"), Ok(true));
        assert!(Numbers::of("1.2.3.4.5.6.7.8.9").is_none() && Numbers::of("1..2").is_none() && Numbers::of("9999999999").is_none());
    }
}
