//! What the office says: names, addresses, the web, files, management.

pub(crate) mod dhcp;
pub(crate) mod names;
pub(crate) mod quic;
pub(crate) mod smb;
pub(crate) mod snmp;
pub(crate) mod ssdp;
pub(crate) mod ssh;
pub(crate) mod tls;
pub(crate) mod web;
