//! Observations to claims: what was said, and what it means.
//!
//! Reads no packet, does no I/O. Names of vendors and products live in `data/`, as text tables that carry their source, date and
//! licence; rules carry an example that is tested.
//!
//! | module | is |
//! |---|---|
//! | [`claim`] | [`Claim`]: an attribute, its value, and how far to believe it |
//! | [`table`] | the registries under `data/`: OUI, CIP, PROFINET, BACnet, SNMP enterprise numbers |
//! | [`attribute`] | fields that say an attribute by themselves |
//! | [`keyed`] | texts that name their key: DNS-SD |
//! | [`capability`] | class and type from the bits in which a device says what it does |
//! | [`registry`] | fields that are numbers in a registry |
//! | [`rule`] | the rule format, its errors, and the compiled matcher |
//! | [`behaviour`] | class, type and roles from what a device serves and uses |
//! | [`text`] | text from the wire, made safe to show |

pub mod attribute;
pub mod behaviour;
pub mod capability;
pub mod claim;
pub mod keyed;
pub mod registry;
pub mod rule;
pub mod table;
pub mod text;

pub use claim::{Attribute, Claim, Class};

use observations::{Field, Kind, Observation, SaidField, Value};
use rule::{RuleError, Rules};
use std::collections::HashMap;
use std::sync::Mutex;

/// Everything that turns observations into claims.
pub struct Fingerprints {
    rules: Rules,
    /// Rules are asked once for each distinct text.
    known: Mutex<HashMap<Text, Vec<rule::Hit>>>,
}

/// A text, and the field in which it stood.
type Text = (Field, Vec<u8>);

/// Distinct texts that are remembered; beyond it they are matched again each time.
const KNOWN_MAX: usize = 100_000;

impl Fingerprints {
    /// The built-in tables and rules.
    ///
    /// # Errors
    /// [`RuleError`] if a built-in rule is wrong; a test makes sure that none is.
    pub fn new() -> Result<Self, RuleError> {
        Self::with(&[])
    }

    /// The built-in rules and more: (file name, TOML text). A rule of the same id replaces the built-in one.
    ///
    /// # Errors
    /// [`RuleError`] names file, rule and reason.
    pub fn with(more: &[(String, String)]) -> Result<Self, RuleError> {
        Ok(Self { rules: Rules::load(more)?, known: Mutex::default() })
    }

    /// What an observation means: claims about the subject that it is about.
    #[must_use]
    pub fn claims(&self, observation: &Observation) -> Vec<Claim> {
        if says_nothing_of_its_subject(observation) {
            return Vec::new();
        }
        let mut claims = attribute::claims(observation);
        claims.extend(keyed::claims(observation));
        claims.extend(registry::claims(observation));
        claims.extend(capability::claims(observation));
        for (index, said) in observation.fields.iter().enumerate() {
            for hit in self.hits(said) {
                claims.extend(hit.claims.iter().map(|(attribute, value)| Claim {
                    attribute: *attribute,
                    value: value.clone(),
                    class: Class::Inferred,
                    confidence: hit.confidence.min(Class::Inferred.most()),
                    rule: hit.rule.clone(),
                    field: Some(index),
                }));
            }
        }
        claims
    }

    fn hits(&self, said: &SaidField) -> Vec<rule::Hit> {
        if !self.rules.reads(said.field) {
            return Vec::new();
        }
        let text = said.value.display();
        let key = (said.field, text.clone().into_bytes());
        if let Some(known) = self.known.lock().ok().and_then(|known| known.get(&key).cloned()) {
            return known;
        }
        let hits = self.rules.matches(said.field, &text);
        if let Ok(mut known) = self.known.lock()
            && known.len() < KNOWN_MAX
        {
            known.insert(key, hits.clone());
        }
        hits
    }

    /// Claims of rules that read the name of a card's maker.
    #[must_use]
    pub fn of_mac_vendor(&self, organisation: &str) -> Vec<(Attribute, String, u8, String)> {
        let hits = self.rules.matches_named("oui-vendor", organisation);
        hits.into_iter()
            .flat_map(|hit| hit.claims.into_iter().map(move |(a, v)| (a, v, hit.confidence.min(Class::Inferred.most()), hit.rule.clone())))
            .collect()
    }

    /// How many rules there are.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.rules.len()
    }
}

/// What somebody looks for is not what he is, and not what is there; and of a chain of certificates only the first is its bearer's.
fn says_nothing_of_its_subject(observation: &Observation) -> bool {
    let above_leaf = observation.get(Field::ChainPosition).and_then(Value::number).is_some_and(|position| position > 0);
    observation.kind == Kind::Request || observation.kind == Kind::Certificate && above_leaf
}

#[cfg(test)]
pub(crate) mod testing {
    use observations::{Evidence, Field, Kind, Observation, SaidField, Stamp, Subject, Value};

    /// What a host at 10.0.0.2 says of itself.
    pub(crate) fn said(protocol: &str, kind: Kind, fields: &[(Field, Value)]) -> Observation {
        let host = Subject { mac: "00:80:f4:01:02:03".parse().ok(), ip: Some([10, 0, 0, 2].into()), ..Subject::default() };
        Observation {
            about: host.clone(),
            speaker: host,
            protocol: protocol.to_owned(),
            kind,
            fields: fields.iter().map(|(field, value)| SaidField { field: *field, value: value.clone() }).collect(),
            revision: 1,
            first: Evidence::default(),
            fields_first: Vec::new(),
            last: Stamp::default(),
        }
    }

    /// A text.
    pub(crate) fn text(text: &str) -> Value {
        Value::Text(text.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{said, text};
    use super::*;

    #[test]
    fn who_looks_for_a_gateway_is_none() {
        let prints = Fingerprints::new().unwrap_or_else(|e| panic!("{e}"));
        let gateway = [(Field::SsdpSearchTarget, text("urn:schemas-upnp-org:device:InternetGatewayDevice:1"))];
        assert!(prints.claims(&said("ssdp", Kind::Request, &gateway)).is_empty());
        assert!(prints.claims(&said("ssdp", Kind::Identity, &gateway)).iter().any(|claim| claim.attribute == Attribute::Class));
    }

    #[test]
    fn the_issuer_in_a_chain_is_not_the_device() {
        let prints = Fingerprints::new().unwrap_or_else(|e| panic!("{e}"));
        let subject = (Field::CertificateSubject, text("CN=IOS-Self-Signed-Certificate-1234567890"));
        let chain = |position| said("tls", Kind::Certificate, &[subject.clone(), (Field::ChainPosition, Value::Number(position))]);
        assert!(!prints.claims(&chain(0)).is_empty());
        assert!(prints.claims(&chain(1)).is_empty());
    }
}
