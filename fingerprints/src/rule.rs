//! The rule format, its errors, and which rules match a text.
//!
//! Rules are TOML tables (`data/*.toml`, and folders of the user's own): which observed fields they read, a regular expression, what they
//! claim, where that is known from, and an example that must match. A text is first searched for the words that expressions need
//! (`words`), all at once, so that a thousand more rules do not slow it; the few expressions whose word is there are tried, and
//! compiled when they are first tried. The built-in ones were checked by a test; a user's own are checked when they are read.

use crate::attribute::is_filler;
use crate::behaviour::{self, Behaviours, Groups, Written};
use crate::claim::{Attribute, Claim, Class};
use crate::text::escape;
use observations::Field;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use words::Filter;

mod words;

/// The built-in rule files.
const BUILT_IN: &[(&str, &str)] = &[
    ("banners.toml", include_str!("../data/banners.toml")),
    ("behaviour.toml", include_str!("../data/behaviour.toml")),
    ("dhcp_vendor_class.toml", include_str!("../data/dhcp_vendor_class.toml")),
    ("hostnames.toml", include_str!("../data/hostnames.toml")),
    ("infrastructure.toml", include_str!("../data/infrastructure.toml")),
    ("kinds.toml", include_str!("../data/kinds.toml")),
    ("mdns.toml", include_str!("../data/mdns.toml")),
    ("order_numbers.toml", include_str!("../data/order_numbers.toml")),
    ("serial_servers.toml", include_str!("../data/serial_servers.toml")),
    ("services.toml", include_str!("../data/services.toml")),
    ("snmp_sysdescr.toml", include_str!("../data/snmp_sysdescr.toml")),
    ("ssdp.toml", include_str!("../data/ssdp.toml")),
    ("tcp_stack.toml", include_str!("../data/tcp_stack.toml")),
    ("things.toml", include_str!("../data/things.toml")),
    ("types.toml", include_str!("../data/types.toml")),
    ("windows.toml", include_str!("../data/windows.toml")),
];

/// Confidence of a rule that does not say.
const CONFIDENCE_DEFAULT: u8 = 70;

/// Fields of rules that are no single observed field: a host's name in any protocol, the card's maker.
const JOINED: &[(&str, &[Field])] =
    &[("hostname", &[Field::Hostname, Field::SystemName, Field::FullyQualifiedName, Field::DnsName, Field::SyslogHostname]), ("oui-vendor", &[])];

/// One file of rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Rule>,
    #[serde(default)]
    behaviour: Vec<Written>,
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    patterns: BTreeMap<String, String>,
}

/// One rule, as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    source: String,
    field: Vec<String>,
    /// In which it must be said; in any, if none is named.
    #[serde(default)]
    protocol: Vec<String>,
    regex: String,
    example: String,
    #[serde(default)]
    not: Vec<String>,
    claims: BTreeMap<String, String>,
    #[serde(default)]
    confidence: Option<u8>,
}

/// Why a rule file is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleError {
    /// The file.
    pub file: String,
    /// The rule's id, if it came so far.
    pub rule: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl std::fmt::Display for RuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "{}: rule {rule}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

impl std::error::Error for RuleError {}

/// Bytes of the tables that one expression's automaton may grow to while it searches.
const DFA_BYTES_MAX: usize = 16 * 1024;

/// Rules that read one field.
#[derive(Default)]
struct Set {
    filter: OnceLock<Filter>,
    rules: Vec<Arc<Ready>>,
}

/// A rule that was read; its expression is compiled when it is first tried.
struct Ready {
    id: String,
    pattern: String,
    protocols: Vec<String>,
    regex: OnceLock<Option<Regex>>,
    claims: Vec<(Attribute, Template)>,
    confidence: u8,
}

/// What a rule claims.
enum Template {
    /// The same of every text that it matches.
    Plain(String),
    /// With captures put in.
    Captures(String),
}

/// Every rule, by field.
#[derive(Default)]
pub struct Rules {
    sets: Vec<(String, Set)>,
    /// By the number of a field: the sets that read it.
    fields: Vec<Vec<usize>>,
    behaviours: Behaviours,
    count: usize,
    digest: String,
}

impl Rules {
    /// A digest of their texts.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Reads the built-in rules and `more` (file name, text); a later rule of the same id replaces an earlier one.
    ///
    /// # Errors
    /// [`RuleError`] for the first that is wrong.
    pub fn load(more: &[(String, String)]) -> Result<Self, RuleError> {
        let mut rules: BTreeMap<String, (&str, bool, Rule)> = BTreeMap::new();
        let (mut behaviours, mut groups) = (BTreeMap::<String, (&str, bool, Written)>::new(), Groups::default());
        let built_in = BUILT_IN.iter().map(|(file, text)| (*file, *text, false));
        for (file, text, own) in built_in.chain(more.iter().map(|(file, text)| (file.as_str(), text.as_str(), true))) {
            let read: File = toml::from_str(text).map_err(|e| RuleError { file: file.into(), rule: None, reason: e.to_string() })?;
            for rule in read.rule {
                rules.insert(rule.id.clone(), (file, own, rule));
            }
            behaviours.extend(read.behaviour.into_iter().map(|rule| (rule.id.clone(), (file, own, rule))));
            groups.protocols.extend(read.groups);
            groups.patterns.extend(read.patterns);
        }
        let texts = BUILT_IN.iter().map(|(_, text)| *text).chain(more.iter().map(|(_, text)| text.as_str()));
        let mut all = Self { count: rules.len() + behaviours.len(), digest: crate::digest(texts), ..Self::default() };
        for (file, own, rule) in rules.into_values() {
            let checked = if own { check(&rule) } else { Ok(()) };
            let id = rule.id.clone();
            checked.and_then(|()| all.add(rule)).map_err(|reason| RuleError { file: file.to_owned(), rule: Some(id), reason })?;
        }
        all.behaviours.families(&groups);
        for (id, (file, own, rule)) in behaviours {
            let checked = if own { behaviour::check(&rule, &groups) } else { Ok(()) };
            let added = checked.and_then(|()| all.behaviours.add(&rule, &groups));
            added.map_err(|reason| RuleError { file: file.to_owned(), rule: Some(id), reason })?;
        }
        all.index();
        Ok(all)
    }

    fn add(&mut self, rule: Rule) -> Result<(), String> {
        if rule.source.trim().is_empty() || rule.claims.is_empty() || rule.field.is_empty() {
            return Err("source, field and claims must not be empty".into());
        }
        let claims = rule.claims.iter().map(|(name, value)| {
            let attribute = Attribute::from_name(name).ok_or_else(|| format!("no attribute is called {name:?}"))?;
            Ok((attribute, Template::of(value)))
        });
        let claims: Vec<_> = claims.collect::<Result<_, String>>()?;
        let confidence = rule.confidence.unwrap_or(CONFIDENCE_DEFAULT);
        let ready = Arc::new(Ready { id: rule.id, pattern: rule.regex, protocols: rule.protocol, regex: OnceLock::new(), claims, confidence });
        for name in rule.field {
            let known = JOINED.iter().any(|(joined, _)| *joined == name) || Field::from_name(&name).is_some();
            if !known {
                return Err(format!("no field is called {name:?}"));
            }
            let at = self.sets.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                self.sets.push((name, Set::default()));
                self.sets.len() - 1
            });
            self.sets[at].1.rules.push(Arc::clone(&ready));
        }
        Ok(())
    }

    /// Which sets each observed field leads to.
    fn index(&mut self) {
        self.sets.sort_by(|a, b| a.0.cmp(&b.0));
        self.fields = vec![Vec::new(); Field::ALL.iter().map(|field| usize::from(field.code()) + 1).max().unwrap_or(0)];
        for (at, (name, _)) in self.sets.iter().enumerate() {
            let joined = JOINED.iter().find(|(joined, _)| joined == name).map(|(_, fields)| *fields);
            let single = Field::from_name(name);
            let fields: BTreeSet<Field> = joined.unwrap_or_default().iter().copied().chain(single).collect();
            for field in fields {
                self.fields[usize::from(field.code())].push(at);
            }
        }
    }

    fn of(&self, field: Field) -> &[usize] {
        self.fields.get(usize::from(field.code())).map_or(&[], Vec::as_slice)
    }

    /// Whether any rule reads a field.
    #[must_use]
    pub fn reads(&self, field: Field) -> bool {
        !self.of(field).is_empty()
    }

    /// What the rules say of a field's text in a protocol; `index` is the field's place in its statement.
    pub fn claims<'a>(&'a self, protocol: &str, field: Field, text: &str, index: Option<usize>, claims: &mut Vec<Claim<'a>>) {
        for (_, set) in self.of(field).iter().filter_map(|at| self.sets.get(*at)) {
            set.claims(protocol, text, index, claims);
        }
    }

    /// What the rules say of a text under a rule file's own name for the field.
    pub fn claims_named<'a>(&'a self, name: &str, text: &str, index: Option<usize>, claims: &mut Vec<Claim<'a>>) {
        if let Some((_, set)) = self.sets.iter().find(|(known, _)| known == name) {
            set.claims("", text, index, claims);
        }
    }

    /// Rules that read what a device does.
    #[must_use]
    pub const fn behaviours(&self) -> &Behaviours {
        &self.behaviours
    }

    /// How many rules there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A rule's expression: texts are short and few, so it is not given the megabytes of tables that make a search of long ones faster.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).dfa_size_limit(DFA_BYTES_MAX).build()
}

/// Whether a rule's expression holds what the rule promises.
fn check(rule: &Rule) -> Result<(), String> {
    let regex = compile(&rule.regex).map_err(|e| format!("regex: {e}"))?;
    if !regex.is_match(&rule.example) {
        return Err(format!("its example {:?} does not match", rule.example));
    }
    match rule.not.iter().find(|not| regex.is_match(not)) {
        Some(not) => Err(format!("its near miss {not:?} matches")),
        None => Ok(()),
    }
}

impl Set {
    fn claims<'a>(&'a self, protocol: &str, text: &str, index: Option<usize>, claims: &mut Vec<Claim<'a>>) {
        let filter = self.filter.get_or_init(|| Filter::of(self.rules.iter().map(|rule| rule.pattern.as_str())));
        filter.candidates(text, |rule| {
            if let Some(rule) = self.rules.get(rule).filter(|rule| rule.protocols.is_empty() || rule.protocols.iter().any(|one| one == protocol)) {
                rule.claims(text, index, claims);
            }
        });
    }
}

impl Template {
    fn of(text: &str) -> Self {
        if text.contains('$') { Self::Captures(text.to_owned()) } else { Self::Plain(escape(text.trim()).into_owned()) }
    }
}

impl Ready {
    fn claims<'a>(&'a self, text: &str, index: Option<usize>, claims: &mut Vec<Claim<'a>>) {
        let Some(regex) = self.regex.get_or_init(|| compile(&self.pattern).ok()) else { return };
        let plain = self.claims.iter().all(|(_, template)| matches!(template, Template::Plain(_)));
        // Captures cost several times a mere match.
        let captures = if plain { None } else { regex.captures(text) };
        if captures.is_none() && !(plain && regex.is_match(text)) {
            return;
        }
        for (attribute, template) in &self.claims {
            let value: Cow<'a, str> = match (template, &captures) {
                (Template::Plain(value), _) => value.into(),
                (Template::Captures(template), Some(captures)) => {
                    let mut value = String::new();
                    captures.expand(template, &mut value);
                    escape(value.trim()).into_owned().into()
                }
                (Template::Captures(_), None) => continue,
            };
            if !is_filler(&value) {
                let confidence = self.confidence.min(Class::Inferred.most());
                claims.push(Claim { attribute: *attribute, value, class: Class::Inferred, confidence, rule: (&self.id).into(), field: index });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Rules, RuleError> {
        Rules::load(&[("mine.toml".into(), text.into())])
    }

    const RULE: &str = r#"
[[rule]]
id = "acme"
source = "Acme manual"
field = ["system-description"]
regex = '^Acme (?<model>[A-Z]+)-\d'
example = "Acme PX-2"
not = ["Acmeda PX-2"]
claims = { vendor = "Acme", model = "$model" }
"#;

    #[test]
    fn every_built_in_rule_matches_its_example_and_no_near_miss() {
        // Given as a user's own they are all checked.
        let own: Vec<(String, String)> = BUILT_IN.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        let rules = Rules::load(&own).unwrap_or_else(|e| panic!("{e}"));
        assert!(rules.len() >= 100, "{} rules", rules.len());
    }

    #[test]
    fn a_rule_of_ones_own_claims_what_it_captures() {
        let (rules, mut claims) = (load(RULE).unwrap(), Vec::new());
        rules.claims("snmp", Field::SystemDescription, "Acme PX-2 rev 3", None, &mut claims);
        let mine: Vec<(Attribute, &str)> = claims.iter().filter(|claim| claim.rule == "acme").map(|claim| (claim.attribute, &*claim.value)).collect();
        assert_eq!(mine, [(Attribute::Model, "PX"), (Attribute::Vendor, "Acme")]);
    }

    #[test]
    fn a_wrong_rule_is_named_with_file_and_reason() {
        for (change, to, reason) in [
            ("Acme PX-2\"\nnot", "Bcme PX-2\"\nnot", "does not match"),
            ("[\"Acmeda PX-2\"]", "[\"Acme QX-9\"]", "near miss"),
            ("vendor =", "vender =", "no attribute is called"),
            ("system-description", "system-descripton", "no field is called"),
            ("^Acme (", "^Acme ((", "regex"),
        ] {
            let error = load(&RULE.replace(change, to)).err().unwrap_or_else(|| panic!("{to} was taken"));
            assert_eq!((error.file.as_str(), error.rule.as_deref()), ("mine.toml", Some("acme")));
            assert!(error.reason.contains(reason), "{error}");
        }
        assert!(load("[[rule]]\nid = 3").err().unwrap().to_string().starts_with("mine.toml: "));
    }
}
