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
    pub(super) mod browser;
    pub(super) mod dns;
    pub(super) mod dtls;
    pub(super) mod http;
    pub(super) mod llmnr;
    pub(super) mod mdns;
    pub(super) mod nbdgm;
    pub(super) mod nbns;
    pub(super) mod ntlmssp;
    pub(super) mod ptp;
    pub(super) mod snmp;
    pub(super) mod ssdp;
    pub(super) mod ssh;
    pub(super) mod tls;
    mod tls_handshake;
    mod tls_record;
    mod tls_ssl2;
}

/// Things.
mod iot {
    pub(super) mod hnap;
    pub(super) mod upnp;
}

/// Plants.
mod ot {
    pub(super) mod acse;
    mod acse_apdu;
    pub(super) mod c1222;
    pub(super) mod cip;
    mod cip_identity;
    mod cip_path;
    pub(super) mod cipio;
    pub(super) mod cotp;
    pub(super) mod dlms;
    mod dlms_apdu;
    pub(super) mod dnp3;
    mod dnp3_application;
    pub(super) mod enip;
    pub(super) mod goose;
    pub(super) mod iec60870_104;
    mod iec61850_frame;
    pub(super) mod mms;
    mod mms_data;
    pub(super) mod modbus;
    pub(super) mod pn_dcp;
    pub(super) mod pn_rt;
    pub(super) mod pres;
    pub(super) mod s7comm;
    pub(super) mod s7comm_plus;
    mod s7comm_szl;
    pub(super) mod ses;
    pub(super) mod sv;
    pub(super) mod synphasor;
    pub(super) mod tpkt;
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
    &it::browser::Browser,
    &it::dns::Dns,
    &it::dtls::Dtls,
    &it::http::Http,
    &it::llmnr::Llmnr,
    &it::mdns::Mdns,
    &it::nbdgm::Nbdgm,
    &it::nbns::Nbns,
    &it::ntlmssp::Ntlmssp,
    &it::ptp::Ptp,
    &it::snmp::Snmp,
    &it::ssdp::Ssdp,
    &it::ssh::Ssh,
    &it::tls::Tls,
    &iot::hnap::Hnap,
    &iot::upnp::Upnp,
    &ot::acse::Acse,
    &ot::c1222::C1222,
    &ot::cip::Cip,
    &ot::cipio::Cipio,
    &ot::cotp::Cotp,
    &ot::dlms::Dlms,
    &ot::dnp3::Dnp3,
    &ot::enip::Enip,
    &ot::goose::Goose,
    &ot::iec60870_104::Iec60870104,
    &ot::mms::Mms,
    &ot::modbus::Modbus,
    &ot::pn_dcp::PnDcp,
    &ot::pn_rt::PnRt,
    &ot::pres::Pres,
    &ot::s7comm::S7comm,
    &ot::s7comm_plus::S7commPlus,
    &ot::ses::Ses,
    &ot::sv::Sv,
    &ot::synphasor::Synphasor,
    &ot::tpkt::Tpkt,
];
