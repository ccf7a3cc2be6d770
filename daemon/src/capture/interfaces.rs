//! The network interfaces of this machine: what there is to capture on.

use super::text::{nearest, shown};

/// What libpcap calls all interfaces together (pcap_open_live(3)).
pub const ALL: &str = "any";

/// One interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// As the system calls it.
    pub name: String,
    /// The system's number for it: another one after it was taken away and came back.
    pub index: u32,
    /// Its MAC address, if it has one.
    pub mac: Option<[u8; 6]>,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether it has a link.
    pub running: bool,
    /// Whether it leads nowhere but to this machine.
    pub loopback: bool,
    /// Its addresses with prefix length, sorted. A port that only listens has none.
    pub addresses: Vec<String>,
}

/// All interfaces, by name.
#[must_use]
pub fn interfaces() -> Vec<Interface> {
    let mut out: Vec<Interface> = pnet_datalink::interfaces().iter().map(Interface::of).collect();
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

impl Interface {
    fn of(found: &pnet_datalink::NetworkInterface) -> Self {
        let mut addresses: Vec<String> = found.ips.iter().map(ToString::to_string).collect();
        addresses.sort();
        Self {
            name: found.name.clone(),
            index: found.index,
            mac: found.mac.map(|mac| mac.octets()).filter(|mac| *mac != [0; 6]),
            up: found.is_up(),
            running: found.is_running(),
            loopback: found.is_loopback(),
            addresses,
        }
    }
}

/// Packets that this machine has sent on an interface, since the system knows it; `None` where the system does not say.
#[must_use]
pub fn transmitted(interface: &str) -> Option<u64> {
    number_of(interface, "statistics/tx_packets")
}

/// The longest packet that an interface takes, bytes without its link header; `None` where the system does not say.
#[must_use]
pub fn mtu(interface: &str) -> Option<u32> {
    number_of(interface, "mtu").and_then(|mtu| u32::try_from(mtu).ok())
}

/// A number that the system tells of an interface.
fn number_of(interface: &str, what: &str) -> Option<u64> {
    // A name that holds a slash is no interface's.
    let name = Some(interface).filter(|name| !name.contains('/') && !name.starts_with('.'))?;
    std::fs::read_to_string(format!("/sys/class/net/{name}/{what}")).ok()?.trim().parse().ok()
}

/// The names of all interfaces in words, for a message that one does not exist.
#[must_use]
pub fn names() -> String {
    let names: Vec<String> = interfaces().iter().map(|interface| shown(&interface.name)).collect();
    if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) }
}

/// The same, with the one that may be meant first.
#[must_use]
pub fn names_near(name: &str) -> String {
    let known = interfaces();
    let known: Vec<&str> = known.iter().map(|interface| interface.name.as_str()).collect();
    let meant = nearest(name, &known).map(|near| format!("did you mean {}? ", shown(near)));
    meant.unwrap_or_default() + &names()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_slip_in_a_name_is_met_with_the_nearest() {
        assert!(super::names_near("lo0").starts_with("did you mean lo? there are "));
        assert!(super::names_near("nowhere0").starts_with("there are "));
    }

    #[test]
    fn this_machine_has_a_loopback_interface() {
        assert!(super::interfaces().iter().any(|interface| interface.loopback));
        assert!(super::names().starts_with("there are "));
        assert!(super::transmitted("lo").is_some() && super::transmitted("../net/lo").is_none());
    }
}
