//! What an operator knows and the wire does not tell: zones, lists of managed devices, severities of his own, what was there before.

use super::advisory::Advisory;
use super::catalogue::Severity;
use super::newcomer::Baseline;
use crate::managed::Authority;
use fingerprints::support::Product;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// See the module. Plain data: who reads files makes it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Policy {
    /// Declared zones; the first that an address is in counts.
    pub zones: Vec<DeclaredZone>,
    /// Between which zones there may be conversations; none if conduits are not declared.
    pub conduits: Vec<Conduit>,
    /// Severities that differ from the catalogue's, by rule, with the reason.
    pub severities: BTreeMap<String, (Severity, String)>,
    /// Lists of managed devices.
    pub authorities: Vec<Authority>,
    /// Issuers of certificates that are trusted; any if there are none.
    pub issuers: Vec<Issuer>,
    /// Others may issue too: the trusted ones are those of a vault, which does not say who else does.
    pub others_issue: bool,
    /// Lists of revoked certificates.
    pub revocations: Vec<Revocations>,
    /// Lists of issued certificates.
    pub issued: Vec<Issued>,
    /// Days after which a certificate should have been renewed.
    pub renewal_days: Option<u32>,
    /// Zones in which servers must ask who their clients are.
    pub mutual: Vec<String>,
    /// Tags of secrets that makers set.
    pub default_secrets: BTreeSet<Vec<u8>>,
    /// Tags of users with secrets that makers set.
    pub default_logins: BTreeSet<Vec<u8>>,
    /// What was there before; without it nobody is new.
    pub baseline: Option<Baseline>,
    /// Who may ask devices of the process; without any, the baseline says who did.
    pub masters: Vec<Masters>,
    /// Networks of engineering stations; without any, only who is known to be something else is none.
    pub engineering: Vec<Network>,
    /// What makers and others say of weak versions.
    pub advisories: Vec<Advisory>,
    /// Products whose support ends, beside those that are built in.
    pub products: Vec<Product>,
    /// Captured secrets may have been tagged under another key than the lists of what makers set.
    pub other_key: bool,
    /// The time for what asks how long ago something was, in nanoseconds; the last packet's if it is not given.
    pub as_of: Option<i64>,
}

/// A network: its address and the length of its prefix.
pub type Network = (IpAddr, u8);

/// Who may ask whom in some protocols.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Masters {
    /// Protocols in which nobody else may ask.
    pub protocols: Vec<String>,
    /// Who may ask.
    pub clients: Vec<Network>,
    /// Whom; anybody if there are none.
    pub servers: Vec<Network>,
}

/// A zone (IEC 62443-1-1 §6.5.1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeclaredZone {
    /// Its name.
    pub name: String,
    /// Its networks.
    pub networks: Vec<Network>,
    /// Purdue level.
    pub level: Option<String>,
    /// Nobody speaks IPv6 there.
    pub ipv4_only: bool,
}

/// An issuer of certificates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Issuer {
    /// Its name, as the document spells it (RFC 4514).
    pub name: String,
    /// The identifier of its key, in hexadecimal, if certificates must name that.
    pub key_id: Option<String>,
    /// Its certificate, if that is at hand: then signatures are verified, and the name alone is worth nothing.
    pub certificate: Option<Trusted>,
}

/// What of a trusted certificate is of use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trusted {
    /// Of the DER.
    pub sha256: Vec<u8>,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// End of validity, in seconds since 1970.
    pub not_after: Option<i64>,
}

/// A certificate revocation list (RFC 5280 §5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Revocations {
    /// Its file, for people.
    pub name: String,
    /// The issuer's name, as the document spells it.
    pub issuer: String,
    /// The identifier of the issuer's key.
    pub key_id: Option<Vec<u8>>,
    /// When it was made, and when the next will be, in seconds since 1970.
    pub made: (Option<i64>, Option<i64>),
    /// From when each serial number is revoked, in seconds since 1970.
    pub revoked: BTreeMap<Vec<u8>, i64>,
    /// It has more entries than were read.
    pub more: bool,
    /// By whom it is.
    pub signature: Option<Signature>,
}

/// A signature, still to be verified.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signature {
    /// The algorithm's object identifier.
    pub algorithm: String,
    /// The digest of what was signed.
    pub digest: Option<Vec<u8>>,
    /// What was signed, where the algorithm takes no digest.
    pub bytes: Option<Vec<u8>>,
    /// The signature.
    pub value: Vec<u8>,
}

/// Certificates that an authority issued.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Issued {
    /// Its file, for people.
    pub name: String,
    /// One each.
    pub certificates: Vec<IssuedOne>,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IssuedOne {
    /// For people.
    pub name: String,
    /// Serial number without leading zeros.
    pub serial: Vec<u8>,
    /// The issuer's name, as the document spells it, if the list says so.
    pub issuer: Option<String>,
}

/// A conduit (IEC 62443-1-1 §6.5.5): which zone may ask which, in which protocols.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conduit {
    /// The zone that asks.
    pub from: String,
    /// The zone that answers.
    pub to: String,
    /// Protocols; any if there are none.
    pub protocols: Vec<String>,
}

impl Policy {
    /// Nothing is known but what the wire tells.
    pub const NONE: Self = Self {
        zones: Vec::new(),
        conduits: Vec::new(),
        severities: BTreeMap::new(),
        authorities: Vec::new(),
        issuers: Vec::new(),
        others_issue: false,
        revocations: Vec::new(),
        issued: Vec::new(),
        renewal_days: None,
        mutual: Vec::new(),
        other_key: false,
        default_secrets: BTreeSet::new(),
        default_logins: BTreeSet::new(),
        baseline: None,
        masters: Vec::new(),
        engineering: Vec::new(),
        advisories: Vec::new(),
        products: Vec::new(),
        as_of: None,
    };

    /// A digest of what an operator set; tags of secrets, which depend on the site key, left out.
    #[must_use]
    pub fn digest(&self) -> String {
        let plain = Self { other_key: false, default_secrets: BTreeSet::new(), default_logins: BTreeSet::new(), ..self.clone() };
        fingerprints::digest([super::catalogue::digest().as_str(), format!("{plain:?}").as_str()].into_iter())
    }

    /// The declared zone of an address.
    #[must_use]
    pub fn zone_of(&self, ip: &IpAddr) -> Option<&DeclaredZone> {
        self.zones.iter().find(|zone| is_in(&zone.networks, ip))
    }

    /// Whether a client may ask a server in a protocol, if somebody says who may.
    #[must_use]
    pub fn may_ask(&self, client: &IpAddr, server: Option<&IpAddr>, protocol: &str) -> Option<bool> {
        let asked = |one: &&Masters| one.servers.is_empty() || server.is_some_and(|server| is_in(&one.servers, server));
        let mut lists = self.masters.iter().filter(|one| one.protocols.iter().any(|name| name == protocol)).filter(asked).peekable();
        lists.peek()?;
        Some(lists.any(|one| is_in(&one.clients, client)))
    }

    /// Whether a conversation from one zone to another is allowed; zones without declared conduits allow all.
    #[must_use]
    pub fn allows(&self, from: &str, to: &str, protocol: &str) -> bool {
        let of = |conduit: &Conduit| conduit.from == from && conduit.to == to;
        let names = |conduit: &Conduit| conduit.protocols.is_empty() || conduit.protocols.iter().any(|name| name == protocol);
        from == to || self.conduits.is_empty() || self.conduits.iter().any(|conduit| of(conduit) && names(conduit))
    }
}

/// Whether an address is in one of some networks.
pub(crate) fn is_in(networks: &[Network], ip: &IpAddr) -> bool {
    networks.iter().any(|network| contains(network, ip))
}

fn contains((network, length): &Network, ip: &IpAddr) -> bool {
    let shift = |width: u32| width.saturating_sub(u32::from(*length));
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => (network.to_bits() ^ ip.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0,
        (IpAddr::V6(network), IpAddr::V6(ip)) => (network.to_bits() ^ ip.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let zone = |name: &str, network: &str, length| DeclaredZone {
            name: name.into(),
            networks: vec![(network.parse().unwrap(), length)],
            ..DeclaredZone::default()
        };
        let conduit = Conduit { from: "office".into(), to: "cell".into(), protocols: vec!["http".into()] };
        Policy { zones: vec![zone("cell", "10.1.2.0", 24), zone("office", "10.1.0.0", 16)], conduits: vec![conduit], ..Policy::default() }
    }

    #[test]
    fn the_first_zone_that_an_address_is_in_counts() {
        let policy = policy();
        let of = |ip: &str| policy.zone_of(&ip.parse().unwrap()).map(|zone| zone.name.as_str());
        assert_eq!((of("10.1.2.9"), of("10.1.3.9"), of("10.2.0.1"), of("::1")), (Some("cell"), Some("office"), None, None));
    }

    #[test]
    fn who_may_ask_is_said_by_protocol_and_server() {
        let network = |text: &str, length| (text.parse().unwrap(), length);
        let masters = Masters { protocols: vec!["modbus".into()], clients: vec![network("10.1.0.6", 32)], servers: vec![network("10.1.2.0", 24)] };
        let policy = Policy { masters: vec![masters], ..Policy::default() };
        let may = |client: &str, server: &str, protocol: &str| policy.may_ask(&client.parse().unwrap(), Some(&server.parse().unwrap()), protocol);
        assert_eq!((may("10.1.0.6", "10.1.2.9", "modbus"), may("10.1.0.7", "10.1.2.9", "modbus")), (Some(true), Some(false)));
        assert_eq!((may("10.1.0.7", "10.1.3.9", "modbus"), may("10.1.0.7", "10.1.2.9", "dnp3")), (None, None));
    }

    #[test]
    fn a_conduit_allows_its_protocols_in_its_direction() {
        let policy = policy();
        assert!(policy.allows("office", "cell", "http") && policy.allows("cell", "cell", "modbus"));
        assert!(!policy.allows("office", "cell", "modbus") && !policy.allows("cell", "office", "http"));
        assert!(Policy::default().allows("a", "b", "modbus"));
    }
}
