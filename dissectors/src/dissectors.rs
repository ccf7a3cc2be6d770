//! Every dissector: one file a protocol, by layer. A new protocol is its file, its `mod` line and its row here.

use crate::dissector::Registered;

/// Ethernet, addresses and neighbours.
mod link {
    pub(super) mod arp;
    pub(super) mod cdp;
    pub(super) mod dhcp;
    pub(super) mod dhcpv6;
    pub(super) mod icmpv6;
    pub(super) mod lldp;
    pub(super) mod stp;
}

/// Office and data centre.
mod it {
    pub(super) mod snmp;
}

/// Plants.
mod ot {
    pub(super) mod modbus;
}

/// Every dissector, in the order in which those bound to one port are asked.
pub const DISSECTORS: &[&dyn Registered] = &[
    &link::arp::Arp,
    &link::cdp::Cdp,
    &link::dhcp::Dhcp,
    &link::dhcpv6::Dhcpv6,
    &link::icmpv6::Icmpv6,
    &link::lldp::Lldp,
    &link::stp::Stp,
    &it::snmp::Snmp,
    &ot::modbus::Modbus,
];
