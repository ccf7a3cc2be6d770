//! Where devices are seen: which MAC in which VLAN, which IP address behind which MAC with which TTL. Every frame says this, whatever it
//! carries; it is looked at only when a conversation shows something else than before.

use crate::context::Context;
use crate::flow::{End, Flow};
use crate::frame::{Frame, Net};
use crate::ledger::Ledger;
use observations::bytes::{put_field, put_key_head, put_value};
use observations::{Field, Kind, Segment, Subject, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The protocol names under which places are said.
const ETHERNET: &str = "eth";
const IP: &str = "ip";
const IPV6: &str = "ipv6";
/// Where an Ethernet frame has its source address (IEEE 802.3 §3.1).
const SOURCE_OFFSET: usize = 6;

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
    let Some(ip) = host.ip.filter(is_host) else { return };
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

/// Records that an end's place still held at its last packet.
pub(crate) fn touch(ledger: &mut Ledger, flow: &Flow, direction: usize, end: &End) {
    let segment = Segment(flow.key.segment);
    let mac = Some(end.mac).filter(|mac| mac.is_device());
    let mut key = Vec::with_capacity(48);
    if let Some(mac) = mac {
        let about = Subject::of_mac(segment, mac);
        put_key_head(&mut key, &about, ETHERNET, Kind::Presence, &about);
        put_field(&mut key, Field::VlanId);
        put_value(&mut key, &Value::Number(u64::from(end.vlan().unwrap_or(0))));
        put_field(&mut key, Field::MacAddress);
        put_value(&mut key, &Value::Mac(mac));
        ledger.touch(&key, end.last);
    }
    if !flow.key.is_ip() {
        return;
    }
    let octets = if direction == 0 { flow.key.low } else { flow.key.high };
    let (ip, name, field): (IpAddr, _, _) = match octets {
        [a, b, c, d, ..] if flow.key.family == 4 => (Ipv4Addr::new(a, b, c, d).into(), IP, Field::Ipv4Address),
        octets => (Ipv6Addr::from(octets).into(), IPV6, Field::Ipv6Address),
    };
    let about = Subject { segment, mac, ip: Some(ip), ..Subject::default() };
    key.clear();
    put_key_head(&mut key, &about, name, Kind::Binding, &about);
    put_field(&mut key, field);
    put_value(&mut key, &Value::Ip(ip));
    put_field(&mut key, Field::TimeToLive);
    put_value(&mut key, &Value::Number(u64::from(end.ttl)));
    ledger.touch(&key, end.last);
}

/// Whether an address can be a host's: not unspecified, not a group's.
fn is_host(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast() && !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback(),
    }
}
