//! Class and type from what a device does: what it serves and asks for, announces and tells, whether it forwards. The rules stand in
//! `data/behaviour.toml` and in folders of the user's own. Behaviour is weak evidence: nothing here exceeds what an inference may have,
//! and what does not carry a type claims a class only, or nothing.

use crate::claim::{Attribute, Claim, Class};
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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

/// A trait that a rule names.
type Term = (Verb, Box<str>);

/// An attribute, the expression that it must match, and the same once it was tried.
type Look = (String, String, OnceLock<Option<Regex>>);

/// A rule that was read.
struct Ready {
    /// `behaviour:` and the rule's id.
    name: String,
    any: Vec<Term>,
    all: Vec<Term>,
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
    /// Rules that a trait can make match.
    by_term: HashMap<Verb, HashMap<Box<str>, Vec<usize>>>,
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
        let ready = Ready {
            name: format!("behaviour:{}", rule.id),
            any: terms(&rule.any, groups)?,
            all: terms(&rule.all, groups)?,
            none: terms(&rule.none, groups)?,
            has: rule.has.iter().map(pattern).collect::<Result<_, String>>()?,
            unlike: rule.unlike.iter().map(pattern).collect::<Result<_, String>>()?,
            lacks: rule.lacks.clone(),
            claims: claims.collect::<Result<_, String>>()?,
            confidence: rule.confidence.unwrap_or(CONFIDENCE_DEFAULT).min(Class::Inferred.most()),
        };
        let needs = if ready.any.is_empty() { &ready.all[..1] } else { &ready.any[..] };
        for (verb, what) in needs {
            self.by_term.entry(*verb).or_default().entry(what.clone()).or_default().push(self.rules.len());
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
    pub fn claims(&self, traits: &[Trait<'_>], attribute: &dyn Fn(&str) -> Option<String>) -> Vec<Acts<'_>> {
        let mut of_interest = BTreeSet::new();
        for one in traits {
            of_interest.extend(self.by_term.get(&one.verb).and_then(|by| by.get(one.what)).into_iter().flatten().copied());
        }
        let mut acts: Vec<Acts<'_>> = self.operates_several(traits);
        for rule in of_interest.into_iter().filter_map(|at| self.rules.get(at)) {
            let Some(rests_on) = rule.rests_on(traits, attribute) else { continue };
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

/// Traits that a rule names, its groups written out.
fn terms(texts: &[String], groups: &Groups) -> Result<Vec<Term>, String> {
    let mut terms = Vec::new();
    for text in texts {
        let Trait { verb, what } = Trait::of(text)?;
        match what.strip_prefix('@') {
            None => terms.push((verb, what.into())),
            Some(group) => {
                let group = groups.protocols.get(group).ok_or_else(|| format!("no group is called {group:?}"))?;
                terms.extend(group.iter().map(|member| (verb, member.as_str().into())));
            }
        }
    }
    Ok(terms)
}

impl Ready {
    /// The places of the traits that make the rule match.
    fn rests_on(&self, traits: &[Trait<'_>], attribute: &dyn Fn(&str) -> Option<String>) -> Option<Vec<usize>> {
        let place = |(verb, what): &Term| traits.iter().position(|one| one.verb == *verb && one.what == &**what);
        let mut rests_on: Vec<usize> = self.any.iter().filter_map(place).collect();
        if rests_on.is_empty() && !self.any.is_empty() || self.none.iter().any(|term| place(term).is_some()) {
            return None;
        }
        for term in &self.all {
            rests_on.push(place(term)?);
        }
        let looks = |(name, pattern, regex): &Look| {
            let regex = regex.get_or_init(|| Regex::new(pattern).ok());
            regex.as_ref().zip(attribute(name)).is_some_and(|(regex, value)| regex.is_match(&value))
        };
        let known = self.lacks.iter().any(|name| attribute(name).is_some());
        (!known && !self.unlike.iter().any(looks) && self.has.iter().all(looks)).then_some(rests_on)
    }

    fn matches(&self, example: &[String]) -> Result<bool, String> {
        let known: BTreeMap<&str, &str> = example.iter().filter_map(|one| one.split_once(": ")).collect();
        let traits = example.iter().filter(|one| !one.contains(": ")).map(|one| Trait::of(one)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.rests_on(&traits, &|name| known.get(name).map(|value| (*value).to_owned())).is_some())
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
    if !ready.matches(&rule.example)? {
        return Err(format!("its example {:?} does not match", rule.example));
    }
    for near_miss in &rule.not {
        if ready.matches(near_miss)? {
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
        let claims = prints.behaviours().claims(&traits, &|name| known.get(name).map(|value| (*value).to_owned()));
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
