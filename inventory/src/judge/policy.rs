//! What an operator knows and the wire does not tell: zones, lists of managed devices, severities of his own.

use super::catalogue::Severity;
use crate::managed::Authority;
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
    /// Tags of secrets that makers set.
    pub default_secrets: BTreeSet<Vec<u8>>,
    /// Tags of users with secrets that makers set.
    pub default_logins: BTreeSet<Vec<u8>>,
    /// The time for what asks how long ago something was, in nanoseconds; the last packet's if it is not given.
    pub as_of: Option<i64>,
}

/// A zone (IEC 62443-1-1 §6.5.1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeclaredZone {
    /// Its name.
    pub name: String,
    /// Networks: address and length of the prefix.
    pub networks: Vec<(IpAddr, u8)>,
    /// Purdue level.
    pub level: Option<String>,
}

/// An issuer of certificates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Issuer {
    /// Its name, as the document spells it (RFC 4514).
    pub name: String,
    /// The identifier of its key, in hexadecimal, if certificates must name that.
    pub key_id: Option<String>,
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
        default_secrets: BTreeSet::new(),
        default_logins: BTreeSet::new(),
        as_of: None,
    };

    /// A digest of what an operator set; tags of secrets, which depend on the site key, left out.
    #[must_use]
    pub fn digest(&self) -> String {
        let plain = Self { default_secrets: BTreeSet::new(), default_logins: BTreeSet::new(), ..self.clone() };
        fingerprints::digest([super::catalogue::digest().as_str(), format!("{plain:?}").as_str()].into_iter())
    }

    /// The declared zone of an address.
    #[must_use]
    pub fn zone_of(&self, ip: &IpAddr) -> Option<&DeclaredZone> {
        self.zones.iter().find(|zone| zone.networks.iter().any(|network| contains(network, ip)))
    }

    /// Whether a conversation from one zone to another is allowed; zones without declared conduits allow all.
    #[must_use]
    pub fn allows(&self, from: &str, to: &str, protocol: &str) -> bool {
        let of = |conduit: &Conduit| conduit.from == from && conduit.to == to;
        let names = |conduit: &Conduit| conduit.protocols.is_empty() || conduit.protocols.iter().any(|name| name == protocol);
        from == to || self.conduits.is_empty() || self.conduits.iter().any(|conduit| of(conduit) && names(conduit))
    }
}

fn contains((network, length): &(IpAddr, u8), ip: &IpAddr) -> bool {
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
        let zone =
            |name: &str, network: &str, length| DeclaredZone { name: name.into(), networks: vec![(network.parse().unwrap(), length)], level: None };
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
    fn a_conduit_allows_its_protocols_in_its_direction() {
        let policy = policy();
        assert!(policy.allows("office", "cell", "http") && policy.allows("cell", "cell", "modbus"));
        assert!(!policy.allows("office", "cell", "modbus") && !policy.allows("cell", "office", "http"));
        assert!(Policy::default().allows("a", "b", "modbus"));
    }
}
