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

/// Offices and networks.
mod it {
    pub(super) mod dns;
    pub(super) mod llmnr;
    pub(super) mod mdns;
    pub(super) mod nbns;
    pub(super) mod snmp;
    pub(super) mod ssdp;
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
    &it::dns::Dns,
    &it::llmnr::Llmnr,
    &it::mdns::Mdns,
    &it::nbns::Nbns,
    &it::snmp::Snmp,
    &it::ssdp::Ssdp,
    &ot::modbus::Modbus,
];
