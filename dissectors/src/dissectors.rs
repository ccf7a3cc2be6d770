//! Every dissector: one file a protocol, by layer. A new protocol is its file, its `mod` line and its row here.

use crate::dissector::Registered;

/// Ethernet, addresses and neighbours.
mod link {
    pub(super) mod arp;
}

/// Plants.
mod ot {
    pub(super) mod cip;
    mod cip_identity;
    mod cip_path;
    pub(super) mod cipio;
    pub(super) mod cotp;
    pub(super) mod enip;
    pub(super) mod modbus;
    pub(super) mod pn_dcp;
    pub(super) mod pn_rt;
    pub(super) mod s7comm;
    pub(super) mod s7comm_plus;
    mod s7comm_szl;
    pub(super) mod tpkt;
}

/// Every dissector, in the order in which those bound to one port are asked.
pub const DISSECTORS: &[&dyn Registered] = &[
    &link::arp::Arp,
    &ot::cip::Cip,
    &ot::cipio::Cipio,
    &ot::cotp::Cotp,
    &ot::enip::Enip,
    &ot::modbus::Modbus,
    &ot::pn_dcp::PnDcp,
    &ot::pn_rt::PnRt,
    &ot::s7comm::S7comm,
    &ot::s7comm_plus::S7commPlus,
    &ot::tpkt::Tpkt,
];
