//! VRRP and CARP: who holds a shared address, and whether others could take it.
//!
//! Spec: RFC 9568 (version 3), RFC 3768 and RFC 2338 (version 2, authentication types).
//! Tells us: group, priority and shared addresses of the master, authentication of version 2.
//! Does not tell: backups, which are silent; make and model. The shared MAC address is no device.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::hash;
use observations::{Field, Kind, OperationClass};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) struct Vrrp;

/// RFC 9568 §5.1.
const PROTOCOL: u8 = 112;
const HEADER: usize = 8;
const ADVERTISEMENT: u8 = 1;
/// RFC 2338 §5.3.10: eight bytes behind the addresses of version 2.
const AUTHENTICATION: usize = 8;
/// RFC 2338 §5.3.6.
const METHODS: &[&str] = &["none", "cleartext", "ip-authentication-header"];
/// A router shares a handful of addresses.
const ADDRESSES_MAX: usize = 16;

impl Dissector for Vrrp {
    type State = ();

    const ROW: Row = Row {
        name: "vrrp",
        revision: 1,
        spec: "RFC 9568, RFC 3768, RFC 2338",
        tells: "who holds a shared address, priority, authentication",
        bindings: &[Binding::Ip(PROTOCOL)],
        shapes: &[],
        operations: &[("advertisement", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if Advertisement::of(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        // The checksum follows from the rest.
        Glance { operation: Some(0), look: Look::Once(hash(head)), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let advertisement = Advertisement::of(pdu).ok_or(DissectError::NotMine)?;
        let about = cx.sender_host();
        let (group, priority) = (pdu.get(1..2).unwrap_or_default(), pdu.get(2..3).unwrap_or_default());
        let saying = cx.say(&about, Kind::Topology).number(Field::ProtocolVersion, advertisement.version.into(), pdu.get(..1).unwrap_or_default());
        let saying = saying.number(Field::RedundancyGroup, crate::tlv::number(group), group);
        let saying = saying.number(Field::RedundancyPriority, crate::tlv::number(priority), priority);
        let addresses = advertisement.addresses.chunks_exact(advertisement.width).take(ADDRESSES_MAX);
        drop(addresses.fold(saying, |saying, slice| match (slice.first_chunk::<16>(), slice.first_chunk::<4>()) {
            (Some(address), _) => saying.ip(Field::VirtualAddress, Ipv6Addr::from(*address).into(), slice),
            (None, Some(address)) => saying.ip(Field::VirtualAddress, Ipv4Addr::from(*address).into(), slice),
            _ => saying,
        }));
        let (method, slice) = match advertisement.version {
            // RFC 3768 §10: nothing but the TTL; version 3 has no field for it.
            3 => ("none", &[][..]),
            _ => (METHODS.get(usize::from(advertisement.method)).copied().unwrap_or("none"), pdu.get(4..5).unwrap_or_default()),
        };
        let saying = cx.say(&about, Kind::Security);
        drop(match slice {
            [] => saying.implied(Field::AuthenticationMethod, &word(method)),
            slice => saying.decoded(Field::AuthenticationMethod, &word(method), slice, "vrrp-authentication"),
        });
        if method == "cleartext" {
            cx.secret(&about, "vrrp authentication", None, trim(advertisement.secret));
        }
        Ok(Next::Watch)
    }
}

struct Advertisement<'a> {
    version: u8,
    method: u8,
    width: usize,
    addresses: &'a [u8],
    secret: &'a [u8],
}

impl<'a> Advertisement<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (&[first, group, _, count, method, ..], rest) = bytes.split_first_chunk::<HEADER>()?;
        let (version, count) = (first >> 4, usize::from(count));
        if first & 15 != ADVERTISEMENT || group == 0 || count == 0 || !matches!(version, 2 | 3) {
            return None;
        }
        let tail = if version == 2 { AUTHENTICATION } else { 0 };
        let width = if version == 3 && rest.len() >= 16 * count { 16 } else { 4 };
        let (addresses, rest) = rest.split_at_checked(width * count)?;
        let secret = rest.get(..tail)?;
        (version == 3 || usize::from(method) < METHODS.len()).then_some(Self { version, method, width, addresses, secret })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_ipv6};

    const V2: &[u8] = &[
        0x21, 7, 100, 1, 1, 1, 0, 0, // version and type, group, priority, count, authentication, interval, checksum
        10, 0, 0, 254, // address
        b'p', b'l', b'a', b'n', b't', 0, 0, 0, // authentication data
    ];

    fn read(data: &[u8]) -> Vec<observations::Observation> {
        read_ipv6(&Vrrp, PROTOCOL, [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 255, data)
    }

    #[test]
    fn a_master_says_what_it_shares_and_how_it_is_protected() {
        let said = read(V2);
        assert_eq!(field(&said, Kind::Topology, Field::RedundancyGroup), ["7"]);
        assert_eq!(field(&said, Kind::Topology, Field::VirtualAddress), ["10.0.0.254"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["cleartext"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["vrrp authentication"]);
        let third = [&[0x31, 7, 100, 1, 0, 100, 0, 0][..], &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]].concat();
        assert_eq!(field(&read(&third), Kind::Topology, Field::VirtualAddress), ["fe80::9"]);
        assert_eq!(field(&read(&third), Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn what_is_cut_or_strange_is_refused() {
        for stranger in [&V2[..19], &[0; 40], &[0x21; 8], b"GET / HTTP/1.1\r\n\r\n"] {
            assert_eq!(gate(&Vrrp, stranger, 0), Gate::NotMine);
        }
    }
}
