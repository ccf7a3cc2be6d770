//! Every dissector: one file a protocol, by layer. A new protocol is its file, its `mod` line and its row here.

use crate::dissector::Registered;

/// Ethernet, addresses and neighbours.
mod link {
    pub(super) mod arp;
}

/// Offices and servers.
mod it {
    pub(super) mod dtls;
    pub(super) mod ntlmssp;
    pub(super) mod ssh;
    pub(super) mod tls;
    mod tls_handshake;
    mod tls_record;
    mod tls_ssl2;
}

/// Plants.
mod ot {
    pub(super) mod modbus;
}

/// Every dissector, in the order in which those bound to one port are asked.
pub const DISSECTORS: &[&dyn Registered] =
    &[&link::arp::Arp, &it::dtls::Dtls, &it::ntlmssp::Ntlmssp, &it::ssh::Ssh, &it::tls::Tls, &ot::modbus::Modbus];
