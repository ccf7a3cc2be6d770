//! The catalogue of findings: what is weak, how that is seen, and the way out. One row a finding in `data/findings/*.toml`; a row is all
//! that there is to write, unless what it looks for is no statement, conversation or certificate.

use super::certificate::CertificateTest;
use super::condition::{Condition, RawCondition, Role};
use super::derived::Derived;
use super::talk::{RawTalks, Talks};
use crate::document::Remedy;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

/// The built-in files.
const FILES: &[(&str, &str)] = &[
    ("inventory.toml", include_str!("../../data/findings/inventory.toml")),
    ("credentials.toml", include_str!("../../data/findings/credentials.toml")),
    ("ot.toml", include_str!("../../data/findings/ot.toml")),
    ("certificates.toml", include_str!("../../data/findings/certificates.toml")),
    ("network.toml", include_str!("../../data/findings/network.toml")),
];

static BUILT_IN: LazyLock<Result<Catalogue, CatalogueError>> = LazyLock::new(|| Catalogue::of(FILES));

/// How much a finding matters, by default. An operator may override it, with a reason.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To know.
    Info,
    /// To mend some day.
    Low,
    /// To plan.
    Medium,
    /// To mend soon.
    High,
    /// To mend now.
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: &'static [Self] = &[Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|severity| severity.name() == name)
    }
}

/// What one finding is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One device.
    Device,
    /// All devices of one zone together: what is insecure by a protocol's design is one posture, not a flood of findings.
    Zone,
    /// The site as a whole.
    Site,
}

impl Scope {
    /// The word in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Zone => "zone",
            Self::Site => "site",
        }
    }
}

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Names for lists of protocols, used as `@name`.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    rule: Vec<RawRule>,
}

/// One row, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    title: String,
    severity: Severity,
    scope: Scope,
    detection: String,
    #[serde(default)]
    observable: Option<String>,
    remedy: String,
    process_risk: String,
    enrollment: Vec<String>,
    controls: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    said: Vec<RawCondition>,
    #[serde(default)]
    with: Vec<RawCondition>,
    #[serde(default)]
    unless: Vec<RawCondition>,
    #[serde(default)]
    strength: Vec<RawCondition>,
    #[serde(default)]
    talks: Vec<RawTalks>,
    #[serde(default)]
    certificate: Vec<String>,
    #[serde(default)]
    derived: Option<String>,
}

/// A row of the catalogue.
pub struct Rule {
    /// `OT-017`.
    pub id: String,
    /// For people.
    pub title: String,
    /// Unless it is overridden.
    pub severity: Severity,
    /// What one finding is about.
    pub scope: Scope,
    /// How it is seen.
    pub detection: String,
    /// Of a rule that rests on absence: what would have shown presence.
    pub observable: Option<String>,
    /// What to do.
    pub remedy: String,
    /// What doing so interrupts.
    pub process_risk: String,
    /// Ways to an identity.
    pub enrollment: Vec<String>,
    /// What it relates to, by framework.
    pub controls: BTreeMap<String, Vec<String>>,
    /// Remedy, risk and ways as a finding has them.
    pub(crate) way_out: Remedy,
    pub(crate) certificates: Vec<CertificateTest>,
    pub(crate) derived: Option<Derived>,
    pub(crate) has_with: bool,
    /// It is only as good as the zones are.
    pub(crate) rests_on_zones: bool,
    /// It is only as good as it is known who develops programs.
    pub(crate) rests_on_stations: bool,
}

/// Why a catalogue is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogueError {
    /// The file.
    pub file: String,
    /// The rule, if it came so far.
    pub rule: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl std::fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "{}: rule {rule}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

impl std::error::Error for CatalogueError {}

/// Every rule, for looking up.
#[derive(Default)]
pub struct Catalogue {
    /// In the order of their files.
    pub rules: Vec<Rule>,
    /// What statements must say.
    conditions: Vec<Condition>,
    /// Conditions by protocol.
    by_protocol: HashMap<String, Vec<u16>>,
    /// Conditions on statements of any protocol.
    everywhere: Vec<u16>,
    /// What conversations must be, by protocol.
    talks: HashMap<String, Vec<(u16, Talks)>>,
    /// Protocols of the process: the group `ot`.
    process: HashSet<String>,
}

impl Catalogue {
    /// The catalogue that is built in.
    ///
    /// # Panics
    /// If a built-in row is wrong; a test makes sure that none is.
    #[must_use]
    pub fn built_in() -> &'static Self {
        match &*BUILT_IN {
            Ok(catalogue) => catalogue,
            Err(error) => unreachable!("{error}"),
        }
    }

    fn of(files: &[(&str, &str)]) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for (name, text) in files {
            let wrong = |reason: String| CatalogueError { file: (*name).to_owned(), rule: None, reason };
            let file: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
            catalogue.process.extend(file.groups.get("ot").into_iter().flatten().cloned());
            for rule in file.rule {
                let id = rule.id.clone();
                catalogue.add(rule, &file.groups).map_err(|reason| CatalogueError { file: (*name).to_owned(), rule: Some(id), reason })?;
            }
        }
        Ok(catalogue)
    }

    fn add(&mut self, raw: RawRule, groups: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
        if self.rules.iter().any(|rule| rule.id == raw.id) {
            return Err("there are two of this id".into());
        }
        let number = u16::try_from(self.rules.len()).map_err(|_| "too many rules")?;
        let detects = !raw.said.is_empty() || !raw.talks.is_empty() || !raw.certificate.is_empty() || raw.derived.is_some();
        if !detects {
            return Err("nothing triggers it".into());
        }
        let has_with = !raw.with.is_empty();
        let derived = raw.derived.map(|name| Derived::from_name(&name).ok_or(format!("nothing derives {name}"))).transpose()?;
        let rests_on_zones = derived.is_some_and(Derived::rests_on_zones) || raw.talks.iter().any(RawTalks::rests_on_zones);
        let rests_on_stations = raw.talks.iter().any(RawTalks::rests_on_stations);
        for (role, conditions) in [(Role::Weak, raw.said), (Role::With, raw.with), (Role::Unless, raw.unless), (Role::Strength, raw.strength)] {
            for condition in conditions {
                self.add_condition(&condition, number, role, groups)?;
            }
        }
        for raw in raw.talks {
            for protocol in protocols(&raw.protocol, groups)? {
                self.talks.entry(protocol).or_default().push((number, Talks::of(&raw)?));
            }
        }
        let certificate = |name: &String| CertificateTest::from_name(name).ok_or(format!("there is no test of certificates {name}"));
        self.rules.push(Rule {
            certificates: raw.certificate.iter().map(certificate).collect::<Result<_, _>>()?,
            derived,
            id: raw.id,
            title: raw.title,
            severity: raw.severity,
            scope: raw.scope,
            detection: raw.detection,
            observable: raw.observable,
            way_out: Remedy { text: raw.remedy.clone(), process_risk: raw.process_risk.clone(), enrollment: raw.enrollment.join(", ") },
            remedy: raw.remedy,
            process_risk: raw.process_risk,
            enrollment: raw.enrollment,
            controls: raw.controls,
            has_with,
            rests_on_zones,
            rests_on_stations,
        });
        Ok(())
    }

    fn add_condition(&mut self, raw: &RawCondition, rule: u16, role: Role, groups: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
        let number = u16::try_from(self.conditions.len()).map_err(|_| "too many conditions")?;
        self.conditions.push(Condition::of(raw, rule, role)?);
        for protocol in protocols(&raw.protocol, groups)? {
            match protocol.as_str() {
                "*" => self.everywhere.push(number),
                _ => self.by_protocol.entry(protocol).or_default().push(number),
            }
        }
        Ok(())
    }

    /// Conditions on what is said in a protocol.
    pub(crate) fn on(&self, protocol: &str) -> Vec<(u16, &Condition)> {
        let numbers = self.by_protocol.get(protocol).into_iter().flatten().chain(&self.everywhere);
        numbers.filter_map(|number| Some((*number, self.conditions.get(usize::from(*number))?))).collect()
    }

    pub(crate) fn condition(&self, number: u16) -> Option<&Condition> {
        self.conditions.get(usize::from(number))
    }

    /// What conversations in a protocol must be, and for which rule.
    pub(crate) fn talks(&self, protocol: &str) -> &[(u16, Talks)] {
        self.talks.get(protocol).map_or(&[], Vec::as_slice)
    }

    /// Whether a protocol is one of the process.
    #[must_use]
    pub fn is_of_process(&self, protocol: &str) -> bool {
        self.process.contains(protocol)
    }

    /// The rule of a number.
    #[must_use]
    pub fn rule(&self, number: u16) -> Option<&Rule> {
        self.rules.get(usize::from(number))
    }

    /// The rule of an id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

/// A digest of the catalogue.
pub(crate) fn digest() -> String {
    fingerprints::digest(FILES.iter().map(|(_, text)| *text))
}

fn protocols(names: &[String], groups: &BTreeMap<String, Vec<String>>) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for name in names {
        match name.strip_prefix('@') {
            Some(group) => all.extend(groups.get(group).ok_or(format!("there is no group {group}"))?.iter().cloned()),
            None => all.push(name.clone()),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_built_in_row_is_wrong_and_each_names_controls_a_remedy_and_its_risk() {
        let catalogue = Catalogue::of(FILES).unwrap_or_else(|error| panic!("{error}"));
        assert!(catalogue.rules.len() > 50);
        for rule in &catalogue.rules {
            let texts = [&rule.title, &rule.detection, &rule.remedy, &rule.process_risk];
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", rule.id);
            assert!(!rule.controls.is_empty(), "{} relates to something", rule.id);
        }
    }

    #[test]
    fn a_wrong_row_is_refused_with_file_rule_and_reason() {
        let row = |more: &str| {
            format!(
                "[[rule]]\nid = \"X-1\"\ntitle = \"t\"\nseverity = \"low\"\nscope = \"device\"\ndetection = \"d\"\nremedy = \"r\"\n\
                 process_risk = \"none\"\nenrollment = []\n[rule.controls]\ncwe = [\"CWE-1\"]\n{more}"
            )
        };
        let error = |more: &str| Catalogue::of(&[("x.toml", &row(more))]).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error(""), "x.toml: rule X-1: nothing triggers it");
        let said = |fields: &str| format!("[[rule.said]]\nprotocol = [\"ftp\"]\nkind = \"security\"\nfields = {{ {fields} }}");
        assert_eq!(error(&said("\"no-such-field\" = \"x\"")), "x.toml: rule X-1: there is no field no-such-field");
        assert_eq!(error("[[rule.talks]]\nprotocol = [\"@ot\"]"), "x.toml: rule X-1: there is no group ot");
        assert_eq!(error(&said("\"security-level\" = \"none\"")), "");
    }
}
