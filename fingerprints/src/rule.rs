//! The rule format, its errors, and the compiled matcher.
//!
//! Rules are TOML tables (`data/*.toml`, and folders of the user's own): which observed fields they read, a regular expression, what they
//! claim, where that is known from, and an example that must match. For each field all expressions are compiled into one set, so that a
//! thousand more rules do not slow a text. The built-in ones are compiled when a text first asks for them (a test has checked them all);
//! a user's own are checked when they are read.

use crate::claim::Attribute;
use observations::Field;
use regex::{Regex, RegexSet, RegexSetBuilder};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// The built-in rule files.
const BUILT_IN: &[(&str, &str)] = &[
    ("banners.toml", include_str!("../data/banners.toml")),
    ("dhcp_vendor_class.toml", include_str!("../data/dhcp_vendor_class.toml")),
    ("hostnames.toml", include_str!("../data/hostnames.toml")),
    ("kinds.toml", include_str!("../data/kinds.toml")),
    ("mdns.toml", include_str!("../data/mdns.toml")),
    ("order_numbers.toml", include_str!("../data/order_numbers.toml")),
    ("serial_servers.toml", include_str!("../data/serial_servers.toml")),
    ("snmp_sysdescr.toml", include_str!("../data/snmp_sysdescr.toml")),
    ("ssdp.toml", include_str!("../data/ssdp.toml")),
    ("things.toml", include_str!("../data/things.toml")),
    ("types.toml", include_str!("../data/types.toml")),
    ("windows.toml", include_str!("../data/windows.toml")),
];

/// Confidence of a rule that does not say.
const CONFIDENCE_DEFAULT: u8 = 70;

/// Fields of rules that are no single observed field: a host's name in any protocol, the card's maker.
const JOINED: &[(&str, &[Field])] =
    &[("hostname", &[Field::Hostname, Field::SystemName, Field::FullyQualifiedName, Field::DnsName]), ("oui-vendor", &[])];

/// One file of rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// One rule, as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    source: String,
    field: Vec<String>,
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

/// What a rule says of a text that it matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The rule's id.
    pub rule: String,
    /// Attributes and values, captures put in.
    pub claims: Vec<(Attribute, String)>,
    /// In percent.
    pub confidence: u8,
}

/// Rules that read one field.
#[derive(Default)]
struct Set {
    any: OnceLock<Option<RegexSet>>,
    rules: Vec<Arc<Ready>>,
}

/// A rule that was read; its expression is compiled when it first matches within its set.
struct Ready {
    id: String,
    pattern: String,
    regex: OnceLock<Option<Regex>>,
    claims: Vec<(Attribute, String)>,
    confidence: u8,
}

/// What a set of rules may take, in bytes, to read text in one pass. With less it falls back to a way that is fifty times slower.
const DFA_MAX: usize = 64 << 20;

/// Every rule, by field.
#[derive(Default)]
pub struct Rules {
    sets: BTreeMap<String, Set>,
    fields: BTreeMap<Field, Vec<String>>,
    count: usize,
}

impl Rules {
    /// Reads and compiles the built-in rules and `more` (file name, text); a later rule of the same id replaces an earlier one.
    ///
    /// # Errors
    /// [`RuleError`] for the first that is wrong.
    pub fn load(more: &[(String, String)]) -> Result<Self, RuleError> {
        let mut rules: BTreeMap<String, (&str, bool, Rule)> = BTreeMap::new();
        let built_in = BUILT_IN.iter().map(|(file, text)| (*file, *text, false));
        for (file, text, own) in built_in.chain(more.iter().map(|(file, text)| (file.as_str(), text.as_str(), true))) {
            let read: File = toml::from_str(text).map_err(|e| RuleError { file: file.into(), rule: None, reason: e.to_string() })?;
            for rule in read.rule {
                rules.insert(rule.id.clone(), (file, own, rule));
            }
        }
        let mut all = Self { count: rules.len(), ..Self::default() };
        for (file, own, rule) in rules.into_values() {
            let checked = if own { check(&rule) } else { Ok(()) };
            let id = rule.id.clone();
            checked.and_then(|()| all.add(rule)).map_err(|reason| RuleError { file: file.to_owned(), rule: Some(id), reason })?;
        }
        all.index();
        if !more.is_empty() {
            all.compile()?;
        }
        Ok(all)
    }

    fn add(&mut self, rule: Rule) -> Result<(), String> {
        if rule.source.trim().is_empty() || rule.claims.is_empty() || rule.field.is_empty() {
            return Err("source, field and claims must not be empty".into());
        }
        let claims = rule.claims.iter().map(|(name, value)| {
            let attribute = Attribute::from_name(name).ok_or_else(|| format!("no attribute is called {name:?}"))?;
            Ok((attribute, value.clone()))
        });
        let claims: Vec<_> = claims.collect::<Result<_, String>>()?;
        let confidence = rule.confidence.unwrap_or(CONFIDENCE_DEFAULT);
        let ready = Arc::new(Ready { id: rule.id, pattern: rule.regex, regex: OnceLock::new(), claims, confidence });
        for name in rule.field {
            let known = JOINED.iter().any(|(joined, _)| *joined == name) || Field::from_name(&name).is_some();
            if !known {
                return Err(format!("no field is called {name:?}"));
            }
            self.sets.entry(name).or_default().rules.push(Arc::clone(&ready));
        }
        Ok(())
    }

    /// Which rules each observed field leads to.
    fn index(&mut self) {
        for name in self.sets.keys() {
            let joined = JOINED.iter().find(|(joined, _)| joined == name).map(|(_, fields)| *fields);
            let single = Field::from_name(name);
            let fields: BTreeSet<Field> = joined.unwrap_or_default().iter().copied().chain(single).collect();
            for field in fields {
                self.fields.entry(field).or_default().push(name.clone());
            }
        }
    }

    /// Compiles every set now, so that what is wrong is told now.
    fn compile(&self) -> Result<(), RuleError> {
        for (name, set) in &self.sets {
            let compiled = set.compile().map_err(|e| RuleError { file: name.clone(), rule: None, reason: e.to_string() })?;
            let _ = set.any.set(Some(compiled));
        }
        Ok(())
    }

    /// Whether any rule reads a field.
    #[must_use]
    pub fn reads(&self, field: Field) -> bool {
        self.fields.contains_key(&field)
    }

    /// What the rules say of a field's text.
    #[must_use]
    pub fn matches(&self, field: Field, text: &str) -> Vec<Hit> {
        self.fields.get(&field).into_iter().flatten().flat_map(|name| self.matches_named(name, text)).collect()
    }

    /// What the rules say of a text under a rule file's own name for the field.
    #[must_use]
    pub fn matches_named(&self, name: &str, text: &str) -> Vec<Hit> {
        let Some(set) = self.sets.get(name) else { return Vec::new() };
        let Some(any) = set.any.get_or_init(|| set.compile().ok()) else { return Vec::new() };
        any.matches(text).iter().filter_map(|index| set.rules.get(index)).filter_map(|rule| rule.hit(text)).collect()
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

/// Whether a rule's expression holds what the rule promises.
fn check(rule: &Rule) -> Result<(), String> {
    let regex = Regex::new(&rule.regex).map_err(|e| format!("regex: {e}"))?;
    if !regex.is_match(&rule.example) {
        return Err(format!("its example {:?} does not match", rule.example));
    }
    match rule.not.iter().find(|not| regex.is_match(not)) {
        Some(not) => Err(format!("its near miss {not:?} matches")),
        None => Ok(()),
    }
}

impl Set {
    fn compile(&self) -> Result<RegexSet, regex::Error> {
        RegexSetBuilder::new(self.rules.iter().map(|rule| &rule.pattern)).dfa_size_limit(DFA_MAX).build()
    }
}

impl Ready {
    fn hit(&self, text: &str) -> Option<Hit> {
        let captures = self.regex.get_or_init(|| Regex::new(&self.pattern).ok()).as_ref()?.captures(text)?;
        let mut claims = Vec::with_capacity(self.claims.len());
        for (attribute, template) in &self.claims {
            let mut value = String::new();
            captures.expand(template, &mut value);
            let value = crate::text::escape(value.trim());
            if !crate::attribute::is_filler(&value) {
                claims.push((*attribute, value));
            }
        }
        Some(Hit { rule: self.id.clone(), claims, confidence: self.confidence })
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
        let hits = load(RULE).unwrap().matches(Field::SystemDescription, "Acme PX-2 rev 3");
        let mine = hits.iter().find(|hit| hit.rule == "acme").unwrap();
        assert_eq!(mine.claims, [(Attribute::Model, "PX".to_owned()), (Attribute::Vendor, "Acme".to_owned())]);
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
