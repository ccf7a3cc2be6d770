//! Class and type from what a device does: what it serves and asks for, announces and tells, whether it forwards. The rules stand in
//! `data/behaviour.toml` and in folders of the user's own. Behaviour is weak evidence: nothing here exceeds what an inference may have,
//! and what does not carry a type claims a class only, or nothing.

use crate::claim::{Attribute, Claim, Class};
use foldhash::HashMap;
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Confidence of a rule that does not say.
const CONFIDENCE_DEFAULT: u8 = 50;

/// Protocols in which controllers are asked are a group of this name: see [`Behaviours::families`].
const FAMILIES: &str = "families-of-controllers";

/// One role that a device plays in a protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Role<'a> {
    /// The protocol.
    pub protocol: &'a str,
    /// Whether it serves; else it asks.
    pub serves: bool,
}

impl Role<'_> {
    /// The text in documents: `modbus server`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.protocol, if self.serves { "server" } else { "client" })
    }
}

/// In which way a device does something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verb {
    /// It answers in a protocol; `tcp` where nobody knows what it is.
    Serves,
    /// It asks in a protocol.
    Asks,
    /// It asks in a protocol, and somebody of its own network answers.
    AsksNearby,
    /// It asks a group.
    AsksAround,
    /// It sends frames of a protocol that is nobody's service; `tcp`: it asks what nobody knows.
    Speaks,
    /// It says in a protocol who or what it is.
    Tells,
    /// It is a part of a device, of this kind.
    Part,
    /// It is `local`, `routed` or `external`; `named` by others; `forwarding` what others send; `standing-before-units`: several
    /// answer through it; `programming` what it asks nearby; `scanning`: mostly it tries in vain.
    Is,
}

impl Verb {
    /// Every verb, with its word in rules.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Serves, "serves"),
        (Self::Asks, "asks"),
        (Self::AsksNearby, "asks-nearby"),
        (Self::AsksAround, "asks-around"),
        (Self::Speaks, "speaks"),
        (Self::Tells, "tells"),
        (Self::Part, "part"),
        (Self::Is, "is"),
    ];
}

/// One thing that a device does: `serves modbus`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Trait<'a> {
    /// How.
    pub verb: Verb,
    /// What.
    pub what: &'a str,
}

impl<'a> Trait<'a> {
    fn of(text: &'a str) -> Result<Self, String> {
        let (verb, what) = text.split_once(' ').ok_or_else(|| format!("{text:?} is not a verb and what it is of"))?;
        let known = Verb::ALL.iter().find(|row| row.1 == verb).ok_or_else(|| format!("no verb is called {verb:?}"))?;
        Ok(Self { verb: known.0, what })
    }
}

/// One rule, as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    pub(crate) id: String,
    source: String,
    /// At least one of these, if any are named.
    #[serde(default)]
    any: Vec<String>,
    /// All of these.
    #[serde(default)]
    all: Vec<String>,
    /// None of these.
    #[serde(default)]
    none: Vec<String>,
    /// Attributes that stand, and what they must look like.
    #[serde(default)]
    has: BTreeMap<String, String>,
    /// Attributes that, where they are known, must not look like this.
    #[serde(default)]
    unlike: BTreeMap<String, String>,
    /// Attributes that must not be known.
    #[serde(default)]
    lacks: Vec<String>,
    /// What must match; `name: value` stands for an attribute.
    example: Vec<String>,
    /// What must not.
    #[serde(default)]
    not: Vec<Vec<String>>,
    claims: BTreeMap<String, String>,
    #[serde(default)]
    confidence: Option<u8>,
}

/// What rules name with `@`.
#[derive(Default)]
pub(crate) struct Groups {
    /// Groups of protocols.
    pub(crate) protocols: BTreeMap<String, Vec<String>>,
    /// Expressions.
    pub(crate) patterns: BTreeMap<String, String>,
}

/// A trait that rules name, by its number in [`Terms`].
type Term = u32;

/// Every trait that any rule names, numbered: rules name hundreds, a device shows a few.
#[derive(Default)]
struct Terms(HashMap<Verb, HashMap<Box<str>, Term>>, Term);

impl Terms {
    /// Its number, a new one if it has none.
    fn number(&mut self, verb: Verb, what: &str) -> Term {
        let known = self.0.entry(verb).or_default();
        if let Some(number) = known.get(what) {
            return *number;
        }
        known.insert(what.into(), self.1);
        self.1 += 1;
        self.1 - 1
    }

    /// Of those that any rule names, the number and the first place, sorted.
    fn shown(&self, traits: &[Trait<'_>]) -> Vec<(Term, usize)> {
        let number = |one: &Trait<'_>| self.0.get(&one.verb)?.get(one.what).copied();
        let mut shown: Vec<(Term, usize)> = traits.iter().enumerate().filter_map(|(place, one)| Some((number(one)?, place))).collect();
        shown.sort_unstable();
        shown.dedup_by_key(|one| one.0);
        shown
    }
}

/// What an attribute is known to be, by its name.
pub type Known<'f, 'v> = &'f dyn Fn(&str) -> Option<&'v str>;

/// An attribute, the expression that it must match, and the same once it was tried.
type Look = (String, String, OnceLock<Option<Regex>>);

/// A rule that was read.
struct Ready {
    /// `behaviour:` and the rule's id.
    name: String,
    /// Sorted, each with its place in the rule, which is the order in which they are shown.
    any: Vec<(Term, usize)>,
    all: Vec<Term>,
    /// Sorted.
    none: Vec<Term>,
    has: Vec<Look>,
    unlike: Vec<Look>,
    lacks: Vec<String>,
    claims: Vec<(Attribute, String)>,
    confidence: u8,
}

/// All rules, by what they need.
#[derive(Default)]
pub struct Behaviours {
    rules: Vec<Ready>,
    terms: Terms,
    /// Rules that a trait can make match, by its number.
    by_term: Vec<Vec<usize>>,
    /// By protocol the family of controllers that speaks it.
    families: BTreeMap<String, String>,
}

/// A claim, and the traits on which it rests, by their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acts<'a> {
    /// The claim.
    pub claim: Claim<'a>,
    /// The traits.
    pub rests_on: Vec<usize>,
    /// Attributes on which it rests besides, by name.
    pub looks_at: Vec<&'a str>,
}

impl Behaviours {
    /// Adds a rule.
    pub(crate) fn add(&mut self, rule: &Written, groups: &Groups) -> Result<(), String> {
        if rule.source.trim().is_empty() || rule.claims.is_empty() || rule.any.is_empty() && rule.all.is_empty() {
            return Err("source, claims and one of any and all must not be empty".into());
        }
        let pattern = |(name, text): (&String, &String)| {
            let named = text.strip_prefix('@').map(|name| groups.patterns.get(name).ok_or_else(|| format!("no pattern is called {name:?}")));
            Ok::<Look, String>((name.clone(), named.transpose()?.unwrap_or(text).clone(), OnceLock::new()))
        };
        let claims = rule.claims.iter().map(|(name, value)| {
            let attribute = Attribute::from_name(name).filter(|attribute| matches!(attribute, Attribute::Class | Attribute::Type));
            Ok((attribute.ok_or_else(|| format!("behaviour shows no {name:?}"))?, value.clone()))
        });
        let mut any: Vec<(Term, usize)> = self.terms.of(&rule.any, groups)?.into_iter().zip(0..).collect();
        any.sort_unstable();
        let mut none = self.terms.of(&rule.none, groups)?;
        none.sort_unstable();
        let ready = Ready {
            name: format!("behaviour:{}", rule.id),
            any,
            all: self.terms.of(&rule.all, groups)?,
            none,
            has: rule.has.iter().map(pattern).collect::<Result<_, String>>()?,
            unlike: rule.unlike.iter().map(pattern).collect::<Result<_, String>>()?,
            lacks: rule.lacks.clone(),
            claims: claims.collect::<Result<_, String>>()?,
            confidence: rule.confidence.unwrap_or(CONFIDENCE_DEFAULT).min(Class::Inferred.most()),
        };
        let needs: Vec<Term> = if ready.any.is_empty() { ready.all[..1].to_vec() } else { ready.any.iter().map(|one| one.0).collect() };
        self.by_term.resize(self.by_term.len().max(self.terms.1 as usize), Vec::new());
        for term in needs {
            self.by_term[term as usize].push(self.rules.len());
        }
        self.rules.push(ready);
        Ok(())
    }

    /// Which families of controllers there are.
    pub(crate) fn families(&mut self, groups: &Groups) {
        let rows = groups.protocols.get(FAMILIES).into_iter().flatten().filter_map(|row| row.split_once(' '));
        self.families = rows.map(|(protocol, family)| (protocol.to_owned(), family.to_owned())).collect();
    }

    /// Whether controllers are asked in a protocol.
    #[must_use]
    pub fn is_of_controllers(&self, protocol: &str) -> bool {
        self.families.contains_key(protocol)
    }

    /// What traits say of a device, of which `attribute` tells what is known of it by name.
    #[must_use]
    pub fn claims(&self, traits: &[Trait<'_>], attribute: Known<'_, '_>) -> Vec<Acts<'_>> {
        let shown = self.terms.shown(traits);
        let mut of_interest: Vec<usize> = shown.iter().filter_map(|(term, _)| self.by_term.get(*term as usize)).flatten().copied().collect();
        of_interest.sort_unstable();
        of_interest.dedup();
        let mut acts: Vec<Acts<'_>> = self.operates_several(traits);
        for rule in of_interest.into_iter().filter_map(|at| self.rules.get(at)) {
            let Some(rests_on) = rule.rests_on(&shown, attribute) else { continue };
            acts.extend(rule.claims.iter().map(|(attribute, value)| Acts {
                claim: Claim {
                    attribute: *attribute,
                    value: value.as_str().into(),
                    class: Class::Inferred,
                    confidence: rule.confidence,
                    rule: rule.name.as_str().into(),
                    field: None,
                },
                rests_on: rests_on.clone(),
                looks_at: rule.has.iter().map(|(name, ..)| name.as_str()).collect(),
            }));
        }
        acts
    }

    /// Who asks controllers of two families, and is none itself, is an operator's station: SCADA, HMI, engineering. Gateways serve one of
    /// them, and who asks what is not of its own network operates nothing.
    fn operates_several(&self, traits: &[Trait<'_>]) -> Vec<Acts<'static>> {
        let of = |verb: Verb| {
            let places = traits.iter().enumerate().filter(move |(_, one)| one.verb == verb);
            places.filter_map(|(at, one)| Some((at, self.families.get(one.what)?))).collect::<Vec<_>>()
        };
        let asked = of(Verb::AsksNearby);
        let several = asked.iter().map(|(_, family)| *family).collect::<BTreeSet<_>>().len() >= 2;
        let is = |what| traits.contains(&Trait { verb: Verb::Is, what });
        if !several || !of(Verb::Serves).is_empty() || is("scanning") || is("external") {
            return Vec::new();
        }
        let rests_on: Vec<usize> = asked.into_iter().map(|(at, _)| at).collect();
        let acts = |attribute| Acts {
            claim: Claim {
                attribute,
                value: "operator-station".into(),
                class: Class::Inferred,
                confidence: 55,
                rule: "behaviour:asks-controllers-of-several-families".into(),
                field: None,
            },
            rests_on: rests_on.clone(),
            looks_at: Vec::new(),
        };
        vec![acts(Attribute::Class), acts(Attribute::Type)]
    }

    /// How many rules there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Terms {
    /// Traits that a rule names, its groups written out.
    fn of(&mut self, texts: &[String], groups: &Groups) -> Result<Vec<Term>, String> {
        let mut terms = Vec::new();
        for text in texts {
            let Trait { verb, what } = Trait::of(text)?;
            match what.strip_prefix('@') {
                None => terms.push(self.number(verb, what)),
                Some(group) => {
                    let group = groups.protocols.get(group).ok_or_else(|| format!("no group is called {group:?}"))?;
                    terms.extend(group.iter().map(|member| self.number(verb, member)));
                }
            }
        }
        Ok(terms)
    }
}

impl Ready {
    /// The places of the traits that make the rule match, of those that are shown: numbers and places, sorted.
    fn rests_on(&self, shown: &[(Term, usize)], attribute: Known<'_, '_>) -> Option<Vec<usize>> {
        if shown.iter().any(|(term, _)| self.none.binary_search(term).is_ok()) {
            return None;
        }
        let all = |term: &Term| Some(shown[shown.binary_search_by_key(term, |one| one.0).ok()?].1);
        let all: Vec<usize> = self.all.iter().map(all).collect::<Option<_>>()?;
        if self.lacks.iter().any(|name| attribute(name).is_some()) {
            return None;
        }
        let among = |&(term, place): &(Term, usize)| {
            let from = self.any.partition_point(|one| one.0 < term);
            self.any[from..].iter().take_while(move |one| one.0 == term).map(move |one| (one.1, place))
        };
        let mut any: Vec<(usize, usize)> = shown.iter().flat_map(among).collect();
        if any.is_empty() && !self.any.is_empty() {
            return None;
        }
        let looks = |(name, pattern, regex): &Look| {
            let Some(value) = attribute(name) else { return false };
            regex.get_or_init(|| Regex::new(pattern).ok()).as_ref().is_some_and(|regex| regex.is_match(value))
        };
        if self.unlike.iter().any(looks) || !self.has.iter().all(looks) {
            return None;
        }
        any.sort_unstable();
        Some(any.into_iter().map(|one| one.1).chain(all).collect())
    }

    fn matches(&self, terms: &Terms, example: &[String]) -> Result<bool, String> {
        let known: BTreeMap<&str, &str> = example.iter().filter_map(|one| one.split_once(": ")).collect();
        let traits = example.iter().filter(|one| !one.contains(": ")).map(|one| Trait::of(one)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.rests_on(&terms.shown(&traits), &|name| known.get(name).copied()).is_some())
    }
}

/// Whether a rule holds what it promises.
pub(crate) fn check(rule: &Written, groups: &Groups) -> Result<(), String> {
    let mut alone = Behaviours::default();
    alone.add(rule, groups)?;
    let Some(ready) = alone.rules.first() else { return Ok(()) };
    for (_, pattern, _) in ready.has.iter().chain(&ready.unlike) {
        Regex::new(pattern).map_err(|e| format!("regex: {e}"))?;
    }
    if !ready.matches(&alone.terms, &rule.example)? {
        return Err(format!("its example {:?} does not match", rule.example));
    }
    for near_miss in &rule.not {
        if ready.matches(&alone.terms, near_miss)? {
            return Err(format!("its near miss {near_miss:?} matches"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fingerprints;

    /// The best class and type of a device that does this.
    fn told(traits: &[&str]) -> (String, String) {
        let prints = Fingerprints::new().unwrap_or_else(|e| panic!("{e}"));
        let known: BTreeMap<&str, &str> = traits.iter().filter_map(|one| one.split_once(": ")).collect();
        let traits: Vec<Trait<'_>> = traits.iter().filter(|one| !one.contains(": ")).map(|one| Trait::of(one).unwrap()).collect();
        let claims = prints.behaviours().claims(&traits, &|name| known.get(name).copied());
        let best = |attribute| {
            let of = claims.iter().filter(|acts| acts.claim.attribute == attribute);
            of.max_by_key(|acts| acts.claim.confidence).map_or_else(String::new, |acts| acts.claim.value.to_string())
        };
        (best(Attribute::Class), best(Attribute::Type))
    }

    fn is(class: &str, kind: &str) -> (String, String) {
        (class.to_owned(), kind.to_owned())
    }

    #[test]
    fn who_asks_controllers_of_two_families_and_is_none_operates_them() {
        assert_eq!(told(&["asks-nearby modbus", "asks-nearby s7comm", "serves http"]).0, "operator-station");
        assert_ne!(told(&["asks-nearby modbus", "asks-nearby s7comm", "serves modbus"]).0, "operator-station");
        assert_ne!(told(&["asks modbus", "asks s7comm"]).0, "operator-station", "who asks the Internet operates nothing");
        assert_ne!(told(&["asks-nearby modbus", "asks-nearby s7comm", "is scanning"]).0, "operator-station");
    }

    #[test]
    fn who_asks_a_controller_is_none() {
        assert_eq!(told(&["serves s7comm-plus"]), is("controller", "plc"));
        for asks in ["s7comm-plus", "s7comm", "modbus", "dnp3", "iec60870_104", "enip", "omron-fins", "melsoft"] {
            assert_ne!(told(&[&format!("asks {asks}"), &format!("asks-nearby {asks}")]).0, "controller", "{asks}");
        }
    }

    #[test]
    fn a_single_question_tells_nothing() {
        for asks in ["dns", "http", "tls", "snmp", "ntp", "mdns"] {
            assert_eq!(told(&[&format!("asks {asks}"), "is local", "mac_vendor: Anybody"]), is("", ""), "{asks}");
        }
    }
}
