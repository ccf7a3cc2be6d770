//! CDP: a Cisco device's name, platform, software, addresses and port.
//!
//! Spec: Cisco, "Cisco Discovery Protocol" (frame format and TLV definitions, LLC/SNAP 00-00-0C, 0x2000).
//! Tells us: device id, system name, platform, software version, capabilities, port, native VLAN, addresses.
//! Does not tell: a serial number, but where the device puts it into its device id.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row};
use crate::tlv::number;
use observations::{Field, Kind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) struct Cdp;

/// Version, time to live, checksum.
const HEADER: usize = 4;
/// A TLV's length counts its type and length.
const TLV_HEADER: usize = 4;
/// The largest TLV type in use is below this.
const TYPE_MAX: u64 = 0x1f;
/// No interface has more addresses that are worth telling.
const ADDRESSES_MAX: usize = 16;

/// TLV types.
const DEVICE_ID: u64 = 0x01;
const ADDRESSES: u64 = 0x02;
const PORT_ID: u64 = 0x03;
const CAPABILITIES: u64 = 0x04;
const SOFTWARE_VERSION: u64 = 0x05;
const PLATFORM: u64 = 0x06;
const NATIVE_VLAN: u64 = 0x0a;
const SYSTEM_NAME: u64 = 0x14;
const MANAGEMENT_ADDRESSES: u64 = 0x16;

/// An address's protocol: NLPID of IP; 802.2 SNAP with the EtherType of IPv6.
const PROTOCOL_IPV4: &[u8] = &[1, 1, 0xcc];
const PROTOCOL_IPV6: &[u8] = &[2, 8, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd];

impl Dissector for Cdp {
    type State = ();

    const ROW: Row = Row {
        name: "cdp",
        revision: 1,
        spec: "Cisco Discovery Protocol, versions 1 and 2",
        tells: "device id, name, platform, software version, addresses, port, native VLAN",
        bindings: &[Binding::Snap([0, 0, 0x0c], 0x2000)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let known = matches!(head.first(), Some(1 | 2));
        let first = head.get(HEADER..).and_then(tlv);
        match first {
            Some((kind, _, _)) if known && (DEVICE_ID..=TYPE_MAX).contains(&kind) => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance::READ
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let body = pdu.get(HEADER..).unwrap_or_default();
        let about = cx.sender_host();
        drop(tlvs(body).fold(cx.say(&about, Kind::Identity), identity));
        for (kind, value) in tlvs(body) {
            match kind {
                ADDRESSES => addresses(value, false, cx),
                MANAGEMENT_ADDRESSES => addresses(value, true, cx),
                _ => {}
            }
        }
        let mut rest = body;
        while let Some((_, _, behind)) = tlv(rest) {
            rest = behind;
        }
        match rest {
            [] => Ok(Next::Read),
            _ => Err(DissectError::Truncated { needed: 1 }),
        }
    }
}

/// Type, length, value; ends at the first that is cut.
fn tlvs(mut rest: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, value, behind) = tlv(rest)?;
        rest = behind;
        Some((kind, value))
    })
}

fn tlv(i: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let length = usize::try_from(number(i.get(2..TLV_HEADER)?)).ok()?;
    let (whole, behind) = i.split_at_checked(length)?;
    Some((number(i.get(..2)?), whole.get(TLV_HEADER..)?, behind))
}

fn identity<'s, 'a>(saying: Saying<'s, 'a>, (kind, value): (u64, &[u8])) -> Saying<'s, 'a> {
    match kind {
        DEVICE_ID => saying.trimmed(Field::DeviceId, value),
        PORT_ID => saying.trimmed(Field::PortId, value),
        CAPABILITIES if value.len() == 4 => saying.number(Field::Capabilities, number(value), value),
        SOFTWARE_VERSION => saying.trimmed(Field::CdpSoftware, value),
        PLATFORM => saying.trimmed(Field::CdpPlatform, value),
        NATIVE_VLAN if value.len() == 2 => saying.number(Field::NativeVlan, number(value), value),
        SYSTEM_NAME => saying.trimmed(Field::SystemName, value),
        _ => saying,
    }
}

/// A count of four bytes, then for each: protocol (type, length, bytes), length of two bytes, address.
fn addresses(value: &[u8], management: bool, cx: &mut Context<'_>) {
    let Some((count, mut rest)) = value.split_at_checked(4) else { return };
    let count = usize::try_from(number(count)).unwrap_or(0).min(ADDRESSES_MAX);
    for _ in 0..count {
        let Some((ip, slice, behind)) = address(rest) else { return };
        rest = behind;
        let (Some(ip), Some(mac)) = (ip, cx.sender_host().mac) else { continue };
        let about = cx.by_mac_and_ip(mac, ip);
        let field = if ip.is_ipv4() { Field::Ipv4Address } else { Field::Ipv6Address };
        let saying = cx.say(&about, Kind::Binding).ip(field, ip, slice);
        drop(if management { saying.ip(Field::ManagementAddress, ip, slice) } else { saying });
    }
}

fn address(i: &[u8]) -> Option<(Option<IpAddr>, &[u8], &[u8])> {
    let (protocol, rest) = i.split_at_checked(2 + usize::from(*i.get(1)?))?;
    let (length, rest) = rest.split_at_checked(2)?;
    let (slice, behind) = rest.split_at_checked(usize::try_from(number(length)).ok()?)?;
    let ip = match protocol {
        PROTOCOL_IPV4 => <[u8; 4]>::try_from(slice).ok().map(Ipv4Addr::from).filter(|ip| !ip.is_unspecified() && !ip.is_loopback()).map(IpAddr::from),
        PROTOCOL_IPV6 => {
            <[u8; 16]>::try_from(slice).ok().map(Ipv6Addr::from).filter(|ip| !ip.is_unspecified() && !ip.is_loopback()).map(IpAddr::from)
        }
        _ => None,
    };
    Some((ip, slice, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_frame};

    const FRAME: &[u8] = &[
        0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc, // destination
        0x00, 0x1e, 0x13, 0x0a, 0x00, 0x05, // source
        0, 110, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0x00, // 802.3 length, LLC, SNAP
        2, 180, 0, 0, // version, time to live, checksum
        0, 1, 0, 9, b's', b'w', b'-', b'0', b'1', // device id
        0, 2, 0, 17, 0, 0, 0, 1, 1, 1, 0xcc, 0, 4, 10, 77, 0, 2, // addresses
        0, 3, 0, 9, b'F', b'a', b'0', b'/', b'5', // port id
        0, 4, 0, 8, 0, 0, 0, 0x28, // capabilities
        0, 5, 0, 14, b'I', b'O', b'S', b' ', b'1', b'5', b'.', b'2', b'\n', b' ', // software version
        0, 6, 0, 14, b'c', b'i', b's', b'c', b'o', b' ', b'I', b'E', b'2', b'K', // platform
        0, 10, 0, 6, 0, 1, // native VLAN
        0, 22, 0, 17, 0, 0, 0, 1, 1, 1, 0xcc, 0, 4, 10, 77, 0, 3, // management address
    ];

    #[test]
    fn a_device_says_what_it_is_and_where_it_is_managed() {
        let said = read_frame(&Cdp, FRAME);
        assert_eq!(field(&said, Kind::Identity, Field::DeviceId), ["sw-01"]);
        assert_eq!(field(&said, Kind::Identity, Field::PortId), ["Fa0/5"]);
        assert_eq!(field(&said, Kind::Identity, Field::CdpSoftware), ["IOS 15.2"]);
        assert_eq!(field(&said, Kind::Identity, Field::CdpPlatform), ["cisco IE2K"]);
        assert_eq!(field(&said, Kind::Identity, Field::NativeVlan), ["1"]);
        assert_eq!(field(&said, Kind::Binding, Field::Ipv4Address), ["10.77.0.2", "10.77.0.3"]);
        assert_eq!(field(&said, Kind::Binding, Field::ManagementAddress), ["10.77.0.3"]);
    }

    #[test]
    fn a_cut_tlv_keeps_the_ones_before() {
        let said = read_frame(&Cdp, &FRAME[..60]);
        assert_eq!(field(&said, Kind::Identity, Field::DeviceId), ["sw-01"]);
        assert!(field(&said, Kind::Identity, Field::CdpPlatform).is_empty());
    }

    #[test]
    fn a_length_that_lies_ends_the_reading() {
        let mut frame = FRAME.to_vec();
        frame[37] = 3;
        assert_eq!(field(&read_frame(&Cdp, &frame), Kind::Identity, Field::DeviceId), ["sw-01"]);
        frame[29] = 0;
        assert!(read_frame(&Cdp, &frame).iter().all(|said| said.protocol != "cdp"));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 20], &[1, 1, 0, 0], &[2, 180, 0, 0, 0, 99, 0, 8, 1, 1, 1, 1]] {
            assert_eq!(gate(&Cdp, stranger, 0), Gate::NotMine);
        }
    }
}
