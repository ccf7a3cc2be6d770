//! Every dissector: one file a protocol, by layer. A new protocol is its file, its `mod` line and its row here.

use crate::dissector::Registered;

/// Ethernet, addresses and neighbours.
mod link {
    pub(super) mod arp;
    pub(super) mod cdp;
    pub(super) mod dhcp;
    pub(super) mod dhcpv6;
    pub(super) mod edp;
    pub(super) mod fdp;
    pub(super) mod icmpv6;
    pub(super) mod lldp;
    mod mld;
    pub(super) mod mndp;
    pub(super) mod stp;
}

/// Offices and networks.
mod it {
    pub(super) mod bfd;
    pub(super) mod bgp;
    pub(super) mod browser;
    pub(super) mod capwap;
    pub(super) mod cflow;
    pub(super) mod dns;
    pub(super) mod dtls;
    pub(super) mod eap;
    pub(super) mod eapol;
    pub(super) mod eigrp;
    pub(super) mod elasticsearch;
    pub(super) mod esp;
    pub(super) mod finger;
    pub(super) mod ftp;
    pub(super) mod glbp;
    pub(super) mod hsrp;
    pub(super) mod http;
    mod http_log_in;
    pub(super) mod igmp;
    pub(super) mod imap;
    pub(super) mod ipmi;
    pub(super) mod isakmp;
    pub(super) mod isis;
    pub(super) mod kerberos;
    pub(super) mod l2tp;
    pub(super) mod ldap;
    mod ldap_attributes;
    pub(super) mod llmnr;
    pub(super) mod lwapp;
    mod mail_log_in;
    pub(super) mod mdns;
    pub(super) mod memcache;
    pub(super) mod mongo;
    pub(super) mod mysql;
    pub(super) mod nbdgm;
    pub(super) mod nbns;
    pub(super) mod ntlmssp;
    pub(super) mod ntp;
    pub(super) mod openvpn;
    pub(super) mod ospf;
    pub(super) mod pgsql;
    pub(super) mod pim;
    pub(super) mod pop;
    pub(super) mod pptp;
    pub(super) mod ptp;
    pub(super) mod quic;
    mod quic_keys;
    pub(super) mod radius;
    pub(super) mod rdp;
    pub(super) mod resp;
    pub(super) mod rip;
    pub(super) mod ripng;
    pub(super) mod rlogin;
    pub(super) mod rsh;
    pub(super) mod rtsp;
    pub(super) mod sflow;
    pub(super) mod sip;
    pub(super) mod smb;
    pub(super) mod smb2;
    mod smb2_header;
    mod smb_commands;
    pub(super) mod smtp;
    pub(super) mod snmp;
    pub(super) mod ssdp;
    pub(super) mod ssh;
    mod ssh_agreement;
    pub(super) mod stun;
    pub(super) mod syslog;
    pub(super) mod tacplus;
    pub(super) mod tailscale;
    pub(super) mod tds;
    pub(super) mod teamviewer;
    pub(super) mod telnet;
    mod terminal_log_in;
    pub(super) mod tftp;
    pub(super) mod tls;
    mod tls_handshake;
    mod tls_key_exchange;
    mod tls_proof;
    mod tls_record;
    mod tls_ssl2;
    pub(super) mod tns;
    pub(super) mod ubdp;
    pub(super) mod vnc;
    pub(super) mod vrrp;
    pub(super) mod websocket;
    pub(super) mod wg;
}

/// Things.
mod iot {
    pub(super) mod amqp;
    mod amqp_types;
    pub(super) mod coap;
    mod coap_lwm2m;
    pub(super) mod dicom;
    pub(super) mod govee;
    pub(super) mod hl7;
    pub(super) mod hnap;
    pub(super) mod ipp;
    pub(super) mod lifx;
    pub(super) mod lpd;
    pub(super) mod mqtt;
    mod mqtt_sparkplug;
    pub(super) mod ocpp;
    pub(super) mod onvif;
    pub(super) mod pjl;
    pub(super) mod semtech_udp;
    pub(super) mod tplink_smarthome;
    pub(super) mod tuya;
    pub(super) mod upnp;
    pub(super) mod wiz;
    pub(super) mod wsdd;
    pub(super) mod yeelight;
}

/// Plants.
mod ot {
    pub(super) mod acse;
    mod acse_apdu;
    pub(super) mod addp;
    pub(super) mod ads;
    mod ads_route;
    pub(super) mod atg;
    pub(super) mod bacnet;
    pub(super) mod bsap;
    pub(super) mod bscvlc;
    pub(super) mod c1222;
    pub(super) mod ccief_basic;
    pub(super) mod cip;
    mod cip_identity;
    mod cip_objects;
    mod cip_path;
    pub(super) mod cipio;
    pub(super) mod cnip;
    pub(super) mod codesys;
    mod codesys_v2;
    mod codesys_v3;
    pub(super) mod cotp;
    pub(super) mod crimson;
    pub(super) mod cspv4;
    pub(super) mod dcerpc;
    mod dcerpc_pdu;
    mod dcerpc_stream;
    pub(super) mod dlms;
    mod dlms_apdu;
    pub(super) mod dnp3;
    mod dnp3_application;
    pub(super) mod doip;
    pub(super) mod ecat;
    mod ecat_sii;
    mod ecat_slave;
    pub(super) mod egd;
    pub(super) mod enip;
    pub(super) mod epl;
    pub(super) mod fox;
    pub(super) mod ge_srtp;
    pub(super) mod genisys;
    pub(super) mod goose;
    pub(super) mod hart_ip;
    mod hart_ip_commands;
    pub(super) mod iec60870_104;
    mod iec61850_frame;
    pub(super) mod knxip;
    pub(super) mod lantronix;
    pub(super) mod mbrtu;
    pub(super) mod melsoft;
    pub(super) mod mms;
    mod mms_data;
    pub(super) mod modbus;
    mod modbus_functions;
    pub(super) mod nport;
    pub(super) mod omron_fins;
    mod omron_fins_commands;
    pub(super) mod opcua;
    pub(super) mod pccc;
    pub(super) mod pcworx;
    pub(super) mod pn_dcp;
    pub(super) mod pn_io;
    mod pn_io_blocks;
    pub(super) mod pn_rt;
    pub(super) mod pres;
    pub(super) mod proconos;
    pub(super) mod roc_plus;
    pub(super) mod s7comm;
    pub(super) mod s7comm_plus;
    mod s7comm_szl;
    pub(super) mod ses;
    pub(super) mod slmp;
    mod slmp_frame;
    pub(super) mod someip;
    pub(super) mod sv;
    pub(super) mod synphasor;
    pub(super) mod tpkt;
    pub(super) mod tristation;
    pub(super) mod umas;
}

/// Every dissector, in the order in which those bound to one port are asked.
pub const DISSECTORS: &[&dyn Registered] = &[
    &link::arp::Arp,
    &link::cdp::Cdp,
    &link::dhcp::Dhcp,
    &link::dhcpv6::Dhcpv6,
    &link::edp::Edp,
    &link::fdp::Fdp,
    &link::icmpv6::Icmpv6,
    &link::lldp::Lldp,
    &link::mndp::Mndp,
    &link::stp::Stp,
    &it::bfd::Bfd,
    &it::bgp::Bgp,
    &it::browser::Browser,
    &it::capwap::Capwap,
    &it::cflow::Cflow,
    &it::dns::Dns,
    &it::dtls::Dtls,
    &it::eap::Eap,
    &it::eapol::Eapol,
    &it::eigrp::Eigrp,
    &it::elasticsearch::Elasticsearch,
    &it::esp::Esp,
    &it::finger::Finger,
    &it::ftp::Ftp,
    &it::glbp::Glbp,
    &it::hsrp::Hsrp,
    &it::http::Http,
    &it::igmp::Igmp,
    &it::imap::Imap,
    &it::ipmi::Ipmi,
    &it::isakmp::Isakmp,
    &it::isis::Isis,
    &it::kerberos::Kerberos,
    &it::l2tp::L2tp,
    &it::ldap::Cldap,
    &it::ldap::Ldap,
    &it::llmnr::Llmnr,
    &it::lwapp::Lwapp,
    &it::mdns::Mdns,
    &it::memcache::Memcache,
    &it::mongo::Mongo,
    &it::mysql::Mysql,
    &it::nbdgm::Nbdgm,
    &it::nbns::Nbns,
    &it::ntlmssp::Ntlmssp,
    &it::ntp::Ntp,
    &it::openvpn::Openvpn,
    &it::ospf::Ospf,
    &it::pgsql::Pgsql,
    &it::pim::Pim,
    &it::pop::Pop,
    &it::pptp::Pptp,
    &it::ptp::Ptp,
    &it::quic::Quic,
    &it::radius::Radius,
    &it::rdp::Rdp,
    &it::resp::Resp,
    &it::rip::Rip,
    &it::ripng::Ripng,
    &it::rlogin::Rlogin,
    &it::rsh::Rsh,
    &it::rtsp::Rtsp,
    &it::sflow::Sflow,
    &it::sip::Sip,
    &it::smb2::Smb2,
    &it::smb::Smb,
    &it::smtp::Smtp,
    &it::snmp::Snmp,
    &it::ssdp::Ssdp,
    &it::ssh::Ssh,
    &it::stun::Stun,
    &it::syslog::Syslog,
    &it::tacplus::Tacplus,
    &it::tailscale::Tailscale,
    &it::tds::Tds,
    &it::teamviewer::Teamviewer,
    &it::telnet::Telnet,
    &it::tftp::Tftp,
    &it::tls::Tls,
    &it::tns::Tns,
    &it::ubdp::Ubdp,
    &it::vnc::Vnc,
    &it::vrrp::Vrrp,
    &it::websocket::Websocket,
    &it::wg::Wg,
    &iot::amqp::AmqpBroker,
    &iot::coap::Coap,
    &iot::dicom::Dicom,
    &iot::govee::Govee,
    &iot::hl7::Hl7,
    &iot::hnap::Hnap,
    &iot::ipp::Ipp,
    &iot::lifx::Lifx,
    &iot::lpd::Lpd,
    &iot::mqtt::Mqtt,
    &iot::ocpp::Ocpp,
    &iot::onvif::Onvif,
    &iot::pjl::Pjl,
    &iot::semtech_udp::SemtechUdp,
    &iot::tplink_smarthome::TplinkSmarthome,
    &iot::tuya::Tuya,
    &iot::upnp::Upnp,
    &iot::wiz::Wiz,
    &iot::wsdd::Wsdd,
    &iot::yeelight::Yeelight,
    &ot::acse::Acse,
    &ot::addp::Addp,
    &ot::ads::Ads,
    &ot::atg::Atg,
    &ot::bacnet::Bacnet,
    &ot::bsap::Bsap,
    &ot::bscvlc::Bscvlc,
    &ot::c1222::C1222,
    &ot::ccief_basic::CciefBasic,
    &ot::cip::Cip,
    &ot::cipio::Cipio,
    &ot::cnip::Cnip,
    &ot::codesys::Codesys,
    &ot::cotp::Cotp,
    &ot::crimson::Crimson,
    &ot::cspv4::Cspv4,
    &ot::dcerpc::Dcerpc,
    &ot::dlms::Dlms,
    &ot::dnp3::Dnp3,
    &ot::doip::Doip,
    &ot::ecat::Ecat,
    &ot::egd::Egd,
    &ot::enip::Enip,
    &ot::epl::Epl,
    &ot::fox::Fox,
    &ot::ge_srtp::GeSrtp,
    &ot::genisys::Genisys,
    &ot::goose::Goose,
    &ot::hart_ip::HartIp,
    &ot::iec60870_104::Iec60870104,
    &ot::knxip::KnxIp,
    &ot::lantronix::Lantronix,
    &ot::mbrtu::Mbrtu,
    &ot::melsoft::Melsoft,
    &ot::mms::Mms,
    &ot::modbus::Modbus,
    &ot::nport::Nport,
    &ot::omron_fins::OmronFins,
    &ot::opcua::OpcUa,
    &ot::pccc::Pccc,
    &ot::pcworx::Pcworx,
    &ot::pn_dcp::PnDcp,
    &ot::pn_io::PnIo,
    &ot::pn_rt::PnRt,
    &ot::pres::Pres,
    &ot::proconos::Proconos,
    &ot::roc_plus::RocPlus,
    &ot::s7comm::S7comm,
    &ot::s7comm_plus::S7commPlus,
    &ot::ses::Ses,
    &ot::slmp::Slmp,
    &ot::someip::SomeIp,
    &ot::someip::SomeIpSd,
    &ot::sv::Sv,
    &ot::synphasor::Synphasor,
    &ot::tpkt::Tpkt,
    &ot::tristation::TriStation,
    &ot::umas::Umas,
];
