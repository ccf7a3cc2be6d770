//! Zones: where a device stands, as configuration declares or addresses suggest. What is only suggested raises no finding to *high*.

use super::policy::Policy;
use crate::assemble::View;
use crate::resolve::Node;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The zone of addresses that nobody here owns.
pub(crate) const OUTSIDE: &str = "outside";

/// Devices that show no IP address: what they say stays on the link.
const LINK: &str = "link";

/// A device's zone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Zone {
    /// Its name.
    pub(crate) name: String,
    /// It was declared; else addresses suggest it.
    pub(crate) declared: bool,
    /// Its Purdue level, if that was declared.
    pub(crate) level: Option<String>,
}

impl View<'_> {
    /// Addresses of a component.
    pub(crate) fn ips_of(&self, at: usize) -> BTreeSet<IpAddr> {
        let held = self.addresses_of(at).map(|(address, _)| address.2);
        let nodes = self.resolved.components.get(at).map_or(&[][..], |component| &component.nodes);
        let own = nodes.iter().filter_map(|(node, span)| if let Node::Ip(address) = node { span.map(|_| address.2) } else { None });
        held.chain(own).collect()
    }

    /// Whether a component is beyond the routers, at public addresses alone.
    pub(crate) fn is_outside(&self, at: usize) -> bool {
        self.resolved.components.get(at).is_some_and(|component| self.reach(at, component) == "external")
    }

    /// The zone of a component.
    pub(crate) fn zone(&self, at: usize, policy: &Policy) -> Zone {
        let ips = self.ips_of(at);
        if let Some(zone) = ips.iter().find_map(|ip| policy.zone_of(ip)) {
            return Zone { name: zone.name.clone(), declared: true, level: zone.level.clone() };
        }
        let inferred = |name: String| Zone { name, declared: false, level: None };
        if self.is_outside(at) {
            return inferred(OUTSIDE.to_owned());
        }
        let Some(component) = self.resolved.components.get(at) else { return inferred(LINK.to_owned()) };
        let segment = component.nodes.iter().find_map(|(node, _)| match node {
            Node::Ip(address) => Some(self.segment(address.1)).filter(|name| !name.is_empty()),
            Node::Mac(..) => None,
        });
        if let Some(segment) = segment {
            return inferred(segment.to_owned());
        }
        inferred(ips.iter().find(|ip| ip.is_ipv4()).or(ips.first()).map_or_else(|| LINK.to_owned(), subnet))
    }
}

/// The network that an address suggests: /24, and /64 (RFC 4291 §2.5.4). A plant's cells are rarely larger, and a guess that is too
/// small only makes two postures of one.
fn subnet(ip: &IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => format!("{}/64", std::net::Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
    }
}

/// The Purdue level that a class suggests (IEC 62443-1-1 §5.2, Purdue enterprise reference architecture).
pub(crate) fn level_of(class: &str, kind: &str) -> Option<&'static str> {
    Some(match (class, kind) {
        ("controller", _) | ("building", "building-controller") => "1",
        ("field-device", _) => "0",
        ("operator-station", "historian") => "3",
        ("operator-station", _) => "2",
        ("server", _) => "3",
        ("office" | "printing" | "mobile", _) => "4",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_suggests_its_network() {
        let of = |text: &str| subnet(&text.parse().unwrap());
        assert_eq!(of("192.168.7.9"), "192.168.7.0/24");
        assert_eq!(of("fd00:77::100"), "fd00:77::/64");
    }

    #[test]
    fn what_is_unknown_has_no_level() {
        assert_eq!((level_of("controller", "plc"), level_of("unknown", "unknown")), (Some("1"), None));
    }
}
