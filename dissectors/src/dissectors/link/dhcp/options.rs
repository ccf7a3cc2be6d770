//! Options of a DHCP message: their codes, and finding them in the three fields that may hold them.
//!
//! Spec: RFC 2132; RFC 2131 section 4.1 (overload), RFC 3396 (split options).

use super::HEADER;
use crate::dissector::DissectError;
use std::net::{IpAddr, Ipv4Addr};

/// A message of 1500 bytes that is all options has no more than this many that say anything.
const OPTIONS_MAX: usize = 256;
/// RFC 2132 and those in the head of this file.
pub(super) mod option {
    pub(in super::super) const PAD: u8 = 0;
    pub(in super::super) const NETMASK: u8 = 1;
    pub(in super::super) const ROUTERS: u8 = 3;
    pub(in super::super) const DNS_SERVERS: u8 = 6;
    pub(in super::super) const HOST_NAME: u8 = 12;
    pub(in super::super) const DOMAIN_NAME: u8 = 15;
    pub(in super::super) const REQUESTED_ADDRESS: u8 = 50;
    pub(in super::super) const LEASE_TIME: u8 = 51;
    pub(in super::super) const OVERLOAD: u8 = 52;
    pub(in super::super) const MESSAGE_TYPE: u8 = 53;
    pub(in super::super) const SERVER_ID: u8 = 54;
    pub(in super::super) const PARAMETER_LIST: u8 = 55;
    pub(in super::super) const MAX_SIZE: u8 = 57;
    pub(in super::super) const VENDOR_CLASS: u8 = 60;
    pub(in super::super) const CLIENT_ID: u8 = 61;
    pub(in super::super) const USER_CLASS: u8 = 77;
    pub(in super::super) const FQDN: u8 = 81;
    pub(in super::super) const RELAY_INFORMATION: u8 = 82;
    pub(in super::super) const AUTHENTICATION: u8 = 90;
    pub(in super::super) const CLIENT_ARCHITECTURE: u8 = 93;
    pub(in super::super) const CLIENT_INTERFACE: u8 = 94;
    pub(in super::super) const CLIENT_UUID: u8 = 97;
    pub(in super::super) const VENDOR_IDENTIFYING_CLASS: u8 = 124;
    pub(in super::super) const VENDOR_IDENTIFYING: u8 = 125;
    pub(in super::super) const END: u8 = 255;
}

/// The options of a message, in order, those in the fields that option 52 lends included.
pub(super) struct Options<'a> {
    pub(super) list: Vec<(u8, &'a [u8])>,
    pub(super) area: &'a [u8],
    pub(super) broken: Option<DissectError>,
}

impl<'a> Options<'a> {
    /// RFC 2131 §4.1: the options field, then `file`, then `sname`.
    pub(super) fn of(pdu: &'a [u8]) -> Self {
        let area = pdu.get(HEADER..).unwrap_or_default();
        let mut options = Self { list: Vec::new(), area, broken: None };
        options.walk(area, HEADER);
        let overload = options.number(option::OVERLOAD).unwrap_or(0);
        if overload & 1 != 0 {
            options.walk(pdu.get(108..236).unwrap_or_default(), 108);
        }
        if overload & 2 != 0 {
            options.walk(pdu.get(44..108).unwrap_or_default(), 44);
        }
        options
    }

    fn walk(&mut self, area: &'a [u8], offset: usize) {
        let mut rest = area;
        while let Some((&code, behind)) = rest.split_first() {
            match code {
                option::PAD => rest = behind,
                option::END => return,
                _ if self.list.len() >= OPTIONS_MAX => {
                    self.broken = Some(DissectError::Malformed { rule: "options", offset: offset + area.len() - rest.len() });
                    return;
                }
                _ => {
                    let value = behind.split_first().and_then(|(length, behind)| behind.split_at_checked(usize::from(*length)));
                    let Some((value, behind)) = value else {
                        self.broken = Some(DissectError::Truncated { needed: 1 });
                        return;
                    };
                    self.list.push((code, value));
                    rest = behind;
                }
            }
        }
    }

    /// An option's value. One that comes several times is split (RFC 3396) and is not read, unless it is the same each time.
    pub(super) fn get(&self, code: u8) -> Option<&'a [u8]> {
        let mut values = self.list.iter().filter(|option| option.0 == code).map(|option| option.1);
        let first = values.next()?;
        values.all(|other| other == first).then_some(first)
    }

    pub(super) fn number(&self, code: u8) -> Option<u8> {
        self.get(code).and_then(|value| value.first().filter(|_| value.len() == 1).copied())
    }

    pub(super) fn address(&self, code: u8) -> Option<(IpAddr, &'a [u8])> {
        self.get(code).and_then(address)
    }

    /// The codes that the sender chose, in order: what a relay adds (RFC 3046) is left out. None if they are not all there, or if
    /// quoting them would show an authentication token (RFC 3118 §4).
    pub(super) fn order(&self) -> Option<impl Iterator<Item = u64>> {
        let whole = self.broken.is_none() && !self.list.is_empty() && !self.list.iter().any(|option| option.0 == option::AUTHENTICATION);
        whole.then(|| self.list.iter().map(|option| option.0).filter(|code| *code != option::RELAY_INFORMATION).map(u64::from))
    }
}

pub(super) fn address(slice: &[u8]) -> Option<(IpAddr, &[u8])> {
    let octets: [u8; 4] = slice.try_into().ok()?;
    let ip = Ipv4Addr::from(octets);
    (!ip.is_unspecified() && !ip.is_broadcast() && !ip.is_multicast()).then_some((ip.into(), slice))
}
