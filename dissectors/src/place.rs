//! Where devices are seen: which MAC in which VLAN, which IP address behind which MAC with which TTL. Every frame says this, whatever it
//! carries; it is looked at only when a conversation shows something else than before.

use crate::context::Context;
use crate::frame::{Frame, Net};
use crate::ledger::Ledger;
use crate::seats::Seat;
use observations::bytes::{put_field, put_key_head, put_value};
use observations::{Field, Kind, Mac, Segment, Stamp, Subject, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The protocol names under which places are said.
const ETHERNET: &str = "eth";
const IP: &str = "ip";
const IPV6: &str = "ipv6";
/// Where an Ethernet frame has its source address (IEEE 802.3 §3.1).
const SOURCE_OFFSET: usize = 6;
/// IEEE 802.1Q: a customer's and a provider's tag.
const TAGS_MAX: usize = 2;
const ETHER_TYPE_IPV4: u16 = 0x0800;
const ETHER_TYPE_IPV6: u16 = 0x86dd;

/// Says what this frame shows of its sender's place.
pub(crate) fn say(cx: &mut Context<'_>) {
    let frame = *cx.frame();
    let host = cx.sender_host();
    if host.mac.is_some() {
        let about = Subject { ip: None, ..host.clone() };
        let vlan = Some(frame.vlan).filter(|vlan| *vlan != Frame::NO_VLAN).unwrap_or(0);
        let mac = Value::Mac(frame.src_mac);
        let plain = cx.stands_at(SOURCE_OFFSET, &frame.src_mac.0);
        // The MAC speaks for itself, whatever address it sends for: one row a MAC and VLAN, also where it is a router's.
        let saying = cx.say_as(ETHERNET, &about, &about, Kind::Presence).implied(Field::VlanId, &Value::Number(u64::from(vlan)));
        if plain {
            saying.in_frame(Field::MacAddress, &mac, 6, 6);
        } else {
            // Within a tunnel, or cooked by the capturing host: the address was read, its offset is not known here.
            saying.implied(Field::MacAddress, &mac);
        }
    }
    // A loopback address without a MAC address is that of the capturing host, which speaks to itself.
    let itself = |ip: &IpAddr| ip.is_loopback() && host.mac.is_none();
    let Some(ip) = host.ip.filter(|ip| is_host(ip) || itself(ip)) else { return };
    let (name, field, at, length, ttl) = match frame.net {
        Net::V4 => (IP, Field::Ipv4Address, 12, 4, 8),
        _ => (IPV6, Field::Ipv6Address, 8, 16, 7),
    };
    let net = frame.net_offset;
    cx.say_as(name, &host, &host, Kind::Binding).in_frame(field, &Value::Ip(ip), net.saturating_add(at), length).in_frame(
        Field::TimeToLive,
        &Value::Number(u64::from(frame.ttl)),
        net.saturating_add(ttl),
        1,
    );
}

/// Says who sent the frame itself, where what is inside is another's: a tunnel's end on the watched link is a device too.
pub(crate) fn say_outer(cx: &mut Context<'_>) {
    let (frame, data) = (*cx.frame(), cx.captured());
    let Some(mac) = array(data, SOURCE_OFFSET).map(Mac).filter(|mac| mac.is_device()) else { return };
    if frame.has_macs && mac == frame.src_mac {
        return;
    }
    let (vlan, ether_type, net) = outer_type(data);
    if usize::try_from(frame.payload_offset.max(frame.net_offset)).unwrap_or(0) <= net {
        return;
    }
    let about = cx.by_mac(mac);
    let saying = cx.say_as(ETHERNET, &about, &about, Kind::Presence).implied(Field::VlanId, &Value::Number(u64::from(vlan)));
    drop(saying.in_frame(Field::MacAddress, &Value::Mac(mac), 6, 6));
    let (name, field, ip, ttl, at, length) = match ether_type {
        ETHER_TYPE_IPV4 => (IP, Field::Ipv4Address, array::<4>(data, net + 12).map(IpAddr::from), net + 8, net + 12, 4),
        ETHER_TYPE_IPV6 => (IPV6, Field::Ipv6Address, array::<16>(data, net + 8).map(IpAddr::from), net + 7, net + 8, 16),
        _ => return,
    };
    let (Some(ip), Some(left)) = (ip.filter(is_host), data.get(ttl)) else { return };
    let about = cx.by_mac_and_ip(mac, ip);
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let saying = cx.say_as(name, &about, &about, Kind::Binding).in_frame(field, &Value::Ip(ip), offset(at), length);
    drop(saying.in_frame(Field::TimeToLive, &Value::Number(u64::from(*left)), offset(ttl), 1));
}

/// The innermost VLAN id before the first network header (0 without), that header's EtherType, and where it begins.
fn outer_type(data: &[u8]) -> (u16, u16, usize) {
    let (mut vlan, mut at) = (0, 12);
    for _ in 0..TAGS_MAX {
        match array::<4>(data, at) {
            Some([0x81, 0x00, high, low] | [0x88, 0xa8, high, low]) => (vlan, at) = (u16::from_be_bytes([high & 0x0f, low]), at + 4),
            _ => break,
        }
    }
    (vlan, array(data, at).map_or(0, u16::from_be_bytes), at + 2)
}

fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk::<N>().copied()
}

/// Whether the frame's own sender is the innermost: nothing carries another's packet.
pub(crate) fn is_plain(frame: &Frame, data: &[u8]) -> bool {
    frame.has_macs && array(data, SOURCE_OFFSET) == Some(frame.src_mac.0)
}

/// Records that a place still held at a packet.
pub(crate) fn touch(ledger: &mut Ledger, seat: &Seat, last: Stamp) {
    let segment = Segment(seat.segment);
    let mac = Some(seat.mac).filter(|mac| mac.is_device());
    let mut key = Vec::with_capacity(48);
    if let Some(mac) = mac {
        let about = Subject::of_mac(segment, mac);
        put_key_head(&mut key, &about, ETHERNET, Kind::Presence, &about);
        put_field(&mut key, Field::VlanId);
        let vlan = Some(seat.vlan).filter(|vlan| *vlan != Frame::NO_VLAN).unwrap_or(0);
        put_value(&mut key, &Value::Number(u64::from(vlan)));
        put_field(&mut key, Field::MacAddress);
        put_value(&mut key, &Value::Mac(mac));
        ledger.touch(&key, last);
    }
    let (ip, name, field): (IpAddr, _, _) = match (seat.family, seat.ip) {
        (0, _) => return,
        (4, [a, b, c, d, ..]) => (Ipv4Addr::new(a, b, c, d).into(), IP, Field::Ipv4Address),
        (_, octets) => (Ipv6Addr::from(octets).into(), IPV6, Field::Ipv6Address),
    };
    let about = Subject { segment, mac, ip: Some(ip), ..Subject::default() };
    key.clear();
    put_key_head(&mut key, &about, name, Kind::Binding, &about);
    put_field(&mut key, field);
    put_value(&mut key, &Value::Ip(ip));
    put_field(&mut key, Field::TimeToLive);
    put_value(&mut key, &Value::Number(u64::from(seat.ttl)));
    ledger.touch(&key, last);
}

/// Whether an address can be a host's: not unspecified, not a group's.
fn is_host(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast() && !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decap::samples::{decode, ethernet, gre, inner_frame, inner_v4, packet, tcp, udp, v4, vlan, vxlan};
    use crate::engine::{Engine, Item};
    use crate::packet::LinkType;
    use crate::registry::Registry;
    use observations::Observation;
    use std::sync::Arc;

    fn places(data: &[u8]) -> Vec<Observation> {
        let mut engine = Engine::new(Arc::new(Registry::of(&[])), None, None);
        let frame = decode(LinkType::ETHERNET, data);
        engine.feed(&[Item { packet: packet(LinkType::ETHERNET, data), frame: &frame, detached: None }]);
        engine.finish().decoded().map(|said| said.unwrap()).collect()
    }

    fn said(places: &[Observation], kind: Kind, field: Field) -> Vec<String> {
        places.iter().filter(|said| said.kind == kind).flat_map(|said| said.all(field)).map(Value::display).collect()
    }

    #[test]
    fn a_tunnels_end_is_a_device_beside_the_one_within() {
        let tunnel = ethernet(0x0800, &v4(17, &udp(4789, &vxlan(7, &inner_frame()))));
        let places = places(&tunnel);
        assert_eq!(said(&places, Kind::Presence, Field::MacAddress), ["00:11:22:00:00:05", "02:00:00:00:00:05"]);
        assert_eq!(said(&places, Kind::Binding, Field::Ipv4Address).len(), 2);
        assert!(places.iter().all(Observation::of_itself));
    }

    #[test]
    fn what_an_ip_tunnel_carries_has_no_mac_and_its_end_has() {
        let places = places(&ethernet(0x8100, &vlan(10, 0x0800, &v4(47, &gre(0, 0x0800, &[], &inner_v4(6, &tcp(b"x")))))));
        let ends: Vec<_> = places.iter().filter(|said| said.about.mac.is_some()).collect();
        assert_eq!(said(&places, Kind::Presence, Field::MacAddress), ["02:00:00:00:00:05"]);
        assert_eq!(said(&places, Kind::Presence, Field::VlanId), ["10"]);
        assert_eq!(ends.len(), 2);
    }

    #[test]
    fn a_plain_frame_has_one_sender() {
        let places = places(&ethernet(0x0800, &v4(6, &tcp(b"x"))));
        assert_eq!(said(&places, Kind::Presence, Field::MacAddress), ["02:00:00:00:00:05"]);
        assert_eq!(said(&places, Kind::Binding, Field::TimeToLive).len(), 1);
    }
}
