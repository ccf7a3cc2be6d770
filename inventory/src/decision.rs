//! What an operator decided. Decisions refer to keys, never to ids of the day: a key that later proves shared resolves to a conflict.

use std::collections::BTreeMap;

/// One decision, as text of keys (`mac:…`, `ip:…`, `serial:…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Decision {
    /// These two keys are one device.
    Pin(String, String),
    /// These two keys are two devices.
    Split(String, String),
    /// An attribute of the operator's.
    Annotate {
        /// The device's key.
        key: String,
        /// `tag`, `owner`, `location`, `criticality`, `zone`, …
        name: String,
        /// The text; empty takes it back.
        value: String,
    },
    /// A finding that somebody answers for: it counts no longer.
    Suppress {
        /// The device's key, or `zone:NAME`.
        key: String,
        /// The rule.
        rule: String,
        /// Why; empty takes it back.
        reason: String,
        /// Until when, in the document's spelling of times; empty is for ever.
        until: String,
        /// Who answers for it.
        author: String,
    },
    /// What was learnt of an address is gone and stays so: whoever keeps what was said leaves it out.
    Forget {
        /// The site that the address belongs to.
        site: String,
        /// `mac:…`; `ip:…` for what is said of an address alone; `behind:…` for one that is known by its IP address only.
        key: String,
        /// What was first said until then is forgotten, in the document's spelling of times; empty is for ever: it is kept out.
        until: String,
        /// Why.
        reason: String,
    },
}

/// Why a finding is suppressed, and for how long.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Suppression {
    /// Why.
    pub reason: String,
    /// Until when; empty is for ever.
    pub until: String,
    /// Who answers for it.
    pub author: String,
}

impl Suppression {
    /// What the document says of it, as long as it holds at a time in the document's spelling.
    #[must_use]
    pub fn text(&self, as_of: &str) -> Option<String> {
        let until = if self.until.is_empty() { String::new() } else { format!(", until {}", self.until) };
        (self.until.is_empty() || as_of < self.until.as_str()).then(|| format!("{} ({}{until})", self.reason, self.author))
    }
}

/// All decisions, for looking up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decisions {
    /// Keys that are one device.
    pub pins: Vec<(String, String)>,
    /// Keys that are two.
    pub splits: Vec<(String, String)>,
    /// Annotations by key and name.
    pub annotations: BTreeMap<(String, String), String>,
    /// Suppressions by key and rule.
    pub suppressions: BTreeMap<(String, String), Suppression>,
    /// No decision, but kept with them: when a key was seen first in sources that are no longer kept, in nanoseconds since 1970, by site
    /// and key.
    pub seen: BTreeMap<(String, String), i64>,
}

impl Decisions {
    /// In the order in which they were made: the last word on a pair or an annotation stands.
    pub fn of(decisions: impl IntoIterator<Item = Decision>) -> Self {
        let mut all = Self::default();
        for decision in decisions {
            match decision {
                Decision::Pin(a, b) => {
                    let pair = ordered(a, b);
                    all.splits.retain(|other| *other != pair);
                    all.pins.push(pair);
                }
                Decision::Split(a, b) => {
                    let pair = ordered(a, b);
                    all.pins.retain(|other| *other != pair);
                    all.splits.push(pair);
                }
                Decision::Annotate { key, name, value } if value.is_empty() => {
                    all.annotations.remove(&(key, name));
                }
                Decision::Annotate { key, name, value } => {
                    all.annotations.insert((key, name), value);
                }
                Decision::Suppress { key, rule, reason, .. } if reason.is_empty() => {
                    all.suppressions.remove(&(key, rule));
                }
                Decision::Forget { key, .. } => {
                    all.annotations.retain(|(of, _), _| *of != key);
                    all.suppressions.retain(|(of, _), _| *of != key);
                    for pairs in [&mut all.pins, &mut all.splits] {
                        pairs.retain(|(a, b)| *a != key && *b != key);
                    }
                }
                Decision::Suppress { key, rule, reason, until, author } => {
                    all.suppressions.insert((key, rule), Suppression { reason, until, author });
                }
            }
        }
        all.pins.sort();
        all.pins.dedup();
        all.splits.sort();
        all.splits.dedup();
        all
    }

    /// The same, with what is remembered of sources that are no longer kept.
    #[must_use]
    pub fn remembering(self, seen: impl IntoIterator<Item = ((String, String), i64)>) -> Self {
        let mut all = self.seen;
        for (key, first) in seen {
            let held = all.entry(key).or_insert(first);
            *held = first.min(*held);
        }
        Self { seen: all, ..self }
    }

    /// Whether an operator said that these are two devices.
    #[must_use]
    pub fn is_split(&self, a: &str, b: &str) -> bool {
        self.splits.contains(&ordered(a.to_owned(), b.to_owned()))
    }
}

fn ordered(a: String, b: String) -> (String, String) {
    if a <= b { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suppression_ends_at_its_time() {
        let one = Suppression { reason: "accepted".into(), until: "2026-12-01T00:00:00.000000000Z".into(), author: "me".into() };
        let told = one.text("2026-11-30T00:00:00.000000000Z");
        assert_eq!(told.as_deref(), Some("accepted (me, until 2026-12-01T00:00:00.000000000Z)"));
        assert_eq!(one.text("2026-12-01T00:00:00.000000000Z"), None);
        assert_eq!(Suppression { until: String::new(), ..one }.text("2030").as_deref(), Some("accepted (me)"));
    }

    #[test]
    fn what_was_decided_of_who_is_forgotten_is_forgotten_too() {
        let annotate = |key: &str| Decision::Annotate { key: key.into(), name: "owner".into(), value: "anna".into() };
        let forget = Decision::Forget { site: "site".into(), key: "mac:a".into(), until: String::new(), reason: "asked".into() };
        let pin = Decision::Pin("mac:a".into(), "mac:b".into());
        let decisions = Decisions::of([annotate("mac:a"), annotate("mac:b"), pin, forget, annotate("mac:c")]);
        assert_eq!(decisions.annotations.keys().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["mac:b", "mac:c"]);
        assert!(decisions.pins.is_empty());
    }

    #[test]
    fn the_last_word_on_a_pair_stands() {
        let (a, b) = ("mac:a".to_owned(), "mac:b".to_owned());
        let decisions = Decisions::of([Decision::Pin(a.clone(), b.clone()), Decision::Split(b.clone(), a.clone())]);
        assert!(decisions.pins.is_empty());
        assert!(decisions.is_split(&a, &b));
    }
}
