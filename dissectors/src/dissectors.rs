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
    pub(super) mod addp;
    pub(super) mod ads;
    mod ads_route;
    pub(super) mod cip;
    mod cip_identity;
    mod cip_objects;
    mod cip_path;
    pub(super) mod cipio;
    pub(super) mod codesys;
    mod codesys_v2;
    mod codesys_v3;
    pub(super) mod cotp;
    pub(super) mod dcerpc;
    mod dcerpc_pdu;
    pub(super) mod ecat;
    mod ecat_sii;
    mod ecat_slave;
    pub(super) mod enip;
    pub(super) mod epl;
    pub(super) mod hart_ip;
    mod hart_ip_commands;
    pub(super) mod lantronix;
    pub(super) mod modbus;
    pub(super) mod nport;
    pub(super) mod pcworx;
    pub(super) mod pn_dcp;
    pub(super) mod pn_io;
    mod pn_io_blocks;
    pub(super) mod pn_rt;
    pub(super) mod proconos;
    pub(super) mod s7comm;
    pub(super) mod s7comm_plus;
    mod s7comm_szl;
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
    &it::snmp::Snmp,
    &it::ssdp::Ssdp,
    &it::ssh::Ssh,
    &it::tls::Tls,
    &iot::hnap::Hnap,
    &iot::upnp::Upnp,
    &ot::addp::Addp,
    &ot::ads::Ads,
    &ot::cip::Cip,
    &ot::cipio::Cipio,
    &ot::codesys::Codesys,
    &ot::cotp::Cotp,
    &ot::dcerpc::Dcerpc,
    &ot::ecat::Ecat,
    &ot::enip::Enip,
    &ot::epl::Epl,
    &ot::hart_ip::HartIp,
    &ot::lantronix::Lantronix,
    &ot::modbus::Modbus,
    &ot::nport::Nport,
    &ot::pcworx::Pcworx,
    &ot::pn_dcp::PnDcp,
    &ot::pn_io::PnIo,
    &ot::pn_rt::PnRt,
    &ot::proconos::Proconos,
    &ot::s7comm::S7comm,
    &ot::s7comm_plus::S7commPlus,
    &ot::tpkt::Tpkt,
];
