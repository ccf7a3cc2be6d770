//! Every dissector: one file a protocol, by layer. A new protocol is its file, its `mod` line and its row here.

use crate::dissector::Registered;

/// Ethernet, addresses and neighbours.
mod link {
    pub(super) mod arp;
}

/// Offices and networks.
mod it {
    pub(super) mod browser;
    pub(super) mod dns;
    pub(super) mod http;
    pub(super) mod llmnr;
    pub(super) mod mdns;
    pub(super) mod nbdgm;
    pub(super) mod nbns;
    pub(super) mod ssdp;
}

/// Homes, cameras and things.
mod iot {
    pub(super) mod upnp;
}

/// Plants.
mod ot {
    pub(super) mod modbus;
}

/// Every dissector, in the order in which those bound to one port are asked.
pub const DISSECTORS: &[&dyn Registered] = &[
    &link::arp::Arp,
    &it::browser::Browser,
    &it::dns::Dns,
    &it::http::Http,
    &it::llmnr::Llmnr,
    &it::mdns::Mdns,
    &it::nbdgm::Nbdgm,
    &it::nbns::Nbns,
    &it::ssdp::Ssdp,
    &iot::upnp::Upnp,
    &ot::modbus::Modbus,
];
