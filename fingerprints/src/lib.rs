//! Observations to claims: what was said, and what it means.
//!
//! Reads no packet, does no I/O. Names of vendors and products live in `data/`, as text tables that carry their source, date and
//! licence; rules carry an example that is tested.
//!
//! | module | is |
//! |---|---|
//! | [`claim`] | [`Claim`]: an attribute, its value, and how far to believe it |
//! | [`defaults`] | secrets that makers set |
//! | [`table`] | the registries under `data/`: OUI, CIP, PROFINET, BACnet, SNMP enterprise numbers |
//! | [`attribute`] | fields that say an attribute by themselves |
//! | [`keyed`] | texts that name their key: DNS-SD |
//! | [`capability`] | class and type from the bits in which a device says what it does |
//! | [`registry`] | fields that are numbers in a registry |
//! | [`draft`] | drafts of rules from texts that no rule knew |
//! | [`rule`] | the rule format, its errors, and which rules match a text |
//! | [`behaviour`] | class and type from what a device does: what it serves, asks for, announces, forwards |
//! | [`support`] | products whose makers give no more updates |
//! | [`text`] | text from the wire, made safe to show |

pub mod attribute;
pub mod behaviour;
pub mod capability;
pub mod claim;
pub mod defaults;
pub mod draft;
pub mod keyed;
pub mod registry;
pub mod rule;
pub mod support;
pub mod table;
pub mod text;

pub use claim::{Attribute, Claim, Class};

use observations::{Field, Kind, Statement, ValueRef};
use registry::Vendors;
use rule::{RuleError, Rules};
use std::hash::BuildHasher;

/// Everything that turns observations into claims.
pub struct Fingerprints {
    rules: Rules,
    vendors: Vendors,
    /// By the number of a field: whether anything reads it.
    read: Vec<bool>,
}

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
        let rules = Rules::load(more)?;
        let reads = |field| {
            let alone = attribute::reads(field) || registry::reads(field) || capability::reads(field) || field == Field::MdnsTxt;
            alone || rules.reads(field)
        };
        let mut read = vec![false; Field::ALL.iter().map(|field| usize::from(field.code()) + 1).max().unwrap_or(0)];
        Field::ALL.iter().for_each(|field| read[usize::from(field.code())] = reads(*field));
        Ok(Self { rules, vendors: Vendors::default(), read })
    }

    /// Whether a statement can mean anything of its subject: most only show that it is there.
    #[must_use]
    pub fn is_telling(&self, said: &Statement<'_>) -> bool {
        let reads = |field: Field| self.read.get(usize::from(field.code())) == Some(&true);
        !says_nothing_of_its_subject(said) && (said.fields.iter().any(|one| reads(one.field)) || capability::is_telling(said))
    }

    /// What a statement means: claims about the subject that it is about.
    #[must_use]
    pub fn claims<'a>(&'a self, said: &Statement<'a>) -> Vec<Claim<'a>> {
        let mut claims = Vec::new();
        if !self.is_telling(said) {
            return claims;
        }
        attribute::claims(said, &mut claims);
        keyed::claims(said, &mut claims);
        self.vendors.claims(said, &mut claims);
        capability::claims(said, &mut claims);
        for (index, one) in said.fields.iter().enumerate() {
            if self.rules.reads(one.field) {
                self.rules.claims(said.protocol, one.field, &one.value.display(), Some(index), &mut claims);
            }
        }
        claims
    }

    /// Claims of rules that read the name of a card's maker.
    #[must_use]
    pub fn of_mac_vendor(&self, organisation: &str) -> Vec<Claim<'_>> {
        let mut claims = Vec::new();
        self.rules.claims_named("oui-vendor", organisation, None, &mut claims);
        claims
    }

    /// Rules that read what a device does.
    #[must_use]
    pub const fn behaviours(&self) -> &behaviour::Behaviours {
        self.rules.behaviours()
    }

    /// A digest of the rules, one's own included.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.rules.digest()
    }

    /// How many rules there are.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.rules.len()
    }
}

/// A digest of texts in their order, in hexadecimal. It tells editions apart; nobody is to rely on it against forgery.
#[must_use]
pub fn digest<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let state = foldhash::quality::FixedState::with_seed(0);
    let digest = texts.fold(0u64, |before, text| state.hash_one((before, text)));
    format!("{digest:016x}")
}

/// What somebody looks for is not what he is, and not what is there; and of a chain of certificates only the first is its bearer's.
fn says_nothing_of_its_subject(said: &Statement<'_>) -> bool {
    let above_leaf = || said.get(Field::ChainPosition).and_then(ValueRef::number).is_some_and(|position| position > 0);
    said.kind == Kind::Request || said.kind == Kind::Certificate && above_leaf()
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
    use observations::Value;

    #[test]
    fn who_looks_for_a_gateway_is_none() {
        let prints = Fingerprints::new().unwrap_or_else(|e| panic!("{e}"));
        let gateway = [(Field::SsdpSearchTarget, text("urn:schemas-upnp-org:device:InternetGatewayDevice:1"))];
        assert!(prints.claims(&said("ssdp", Kind::Request, &gateway).statement()).is_empty());
        assert!(prints.claims(&said("ssdp", Kind::Identity, &gateway).statement()).iter().any(|claim| claim.attribute == Attribute::Class));
    }

    #[test]
    fn the_issuer_in_a_chain_is_not_the_device() {
        let prints = Fingerprints::new().unwrap_or_else(|e| panic!("{e}"));
        let subject = (Field::CertificateSubject, text("CN=IOS-Self-Signed-Certificate-1234567890"));
        let chain = |position| said("tls", Kind::Certificate, &[subject.clone(), (Field::ChainPosition, Value::Number(position))]);
        assert!(!prints.claims(&chain(0).statement()).is_empty());
        assert!(prints.claims(&chain(1).statement()).is_empty());
    }
}
