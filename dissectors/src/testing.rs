//! What the tests of dissectors share: one frame or payload through an engine with one dissector.

use crate::dissector::{Gate, Registered};
use crate::engine::{Engine, Item};
use crate::frame::{Frame, Net};
use crate::packet::{LinkType, Packet};
use crate::registry::Registry;
use observations::{Field, Kind, Mac, Observation, Transport};
use std::sync::Arc;

/// Runs one payload from `src_port` to `dst_port` over TCP or UDP through a dissector that is bound or shaped for it.
pub(crate) fn payload(dissector: &'static dyn Registered, transport: Transport, src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<Observation> {
    conversation(dissector, transport, &[(src_port, dst_port, payload)])
}

/// Runs payloads of one conversation, in order; the lower-numbered port is 10.0.0.2, the other 10.0.0.1.
pub(crate) fn conversation(dissector: &'static dyn Registered, transport: Transport, payloads: &[(u16, u16, &[u8])]) -> Vec<Observation> {
    conversation_of(&[dissector], transport, payloads)
}

/// As [`conversation`], with the dissectors that it hands on to.
pub(crate) fn conversation_of(dissectors: &[&'static dyn Registered], transport: Transport, payloads: &[(u16, u16, &[u8])]) -> Vec<Observation> {
    conversation_losing(dissectors, transport, payloads, None)
}

/// As [`conversation_of`], of which the capture lost one packet, counted from one.
pub(crate) fn conversation_losing(
    dissectors: &[&'static dyn Registered],
    transport: Transport,
    payloads: &[(u16, u16, &[u8])],
    lost: Option<u64>,
) -> Vec<Observation> {
    let mut engine = Engine::new(Arc::new(Registry::of(dissectors)), None, None);
    let mut next = std::collections::HashMap::new();
    for (id, (src_port, dst_port, data)) in (1u64..).zip(payloads) {
        let up = src_port > dst_port;
        let host = |client: bool| if client { 1 } else { 2 };
        let mut frame = Frame { net: Net::V4, has_macs: true, ttl: 64, vlan: Frame::NO_VLAN, ..Frame::default() };
        frame.src[..4].copy_from_slice(&[10, 0, 0, host(up)]);
        frame.dst[..4].copy_from_slice(&[10, 0, 0, host(!up)]);
        frame.src_mac = Mac([0, 0, 0, 0, 1, host(up)]);
        frame.dst_mac = Mac([0, 0, 0, 0, 1, host(!up)]);
        (frame.src_port, frame.dst_port) = (*src_port, *dst_port);
        frame.protocol = if transport == Transport::Tcp { 6 } else { 17 };
        let seq = next.entry(up).or_insert(1u32);
        frame.tcp_seq = *seq;
        *seq += u32::try_from(data.len()).unwrap();
        frame.tcp_flags = 16;
        frame.ip_id = u16::try_from(id).unwrap();
        frame.payload_len = u32::try_from(data.len()).unwrap();
        let packet = Packet { data, wire_len: frame.payload_len, link: LinkType::ETHERNET, time: i64::try_from(id).unwrap(), id };
        if lost != Some(id) {
            engine.feed(&[Item { packet, frame: &frame, detached: None }]);
        }
    }
    said(&mut engine)
}

/// A payload that the server of a dissector's first TCP or UDP port sends.
pub(crate) fn answer(dissector: &'static dyn Registered, data: &[u8]) -> Vec<Observation> {
    let (transport, port) = home(dissector);
    payload(dissector, transport, port, 50000, data)
}

/// A payload that a client sends to a dissector's first TCP or UDP port.
pub(crate) fn request(dissector: &'static dyn Registered, data: &[u8]) -> Vec<Observation> {
    let (transport, port) = home(dissector);
    payload(dissector, transport, 50000, port, data)
}

fn home(dissector: &'static dyn Registered) -> (Transport, u16) {
    use crate::dissector::Binding;
    dissector
        .row()
        .bindings
        .iter()
        .find_map(|binding| match binding {
            Binding::Tcp(port) => Some((Transport::Tcp, *port)),
            Binding::Udp(port) => Some((Transport::Udp, *port)),
            _ => None,
        })
        .expect("a dissector with a port")
}

/// Reads one PDU as the engine would hand it over, cut or not: for what streams wait for.
pub(crate) fn read_cut(dissector: &'static dyn Registered, from_client: bool, pdu: &[u8]) -> Vec<Observation> {
    let (transport, port) = home(dissector);
    let mut engine = Engine::new(Arc::new(Registry::of(&[dissector])), None, None);
    engine.read_alone(dissector, transport, if from_client { (50000, port) } else { (port, 50000) }, from_client, pdu);
    said(&mut engine)
}

/// What a gate says of a payload to `port`.
pub(crate) fn gate(dissector: &dyn Registered, head: &[u8], port: u16) -> Gate {
    let at = crate::dissector::At { transport: Transport::Tcp, src_port: 50000, dst_port: port, from_client: None };
    dissector.gate(head, &at)
}

/// An Ethernet II frame (untagged, payload from offset 14) or an 802.3 frame with LLC or SNAP, not IP.
pub(crate) fn read_frame(dissector: &'static dyn Registered, data: &[u8]) -> Vec<Observation> {
    read_frames(&[dissector], &[data.to_vec()])
}

/// As [`read_frame`], several in order, with the dissectors that are handed on to.
pub(crate) fn read_frames(dissectors: &[&'static dyn Registered], frames: &[Vec<u8>]) -> Vec<Observation> {
    let mut engine = Engine::new(Arc::new(Registry::of(dissectors)), None, None);
    for (id, data) in (1u64..).zip(frames) {
        feed_frame(&mut engine, id, data);
    }
    said(&mut engine)
}

fn feed_frame(engine: &mut Engine, id: u64, data: &[u8]) {
    let mut frame = Frame { has_macs: true, vlan: Frame::NO_VLAN, ..Frame::default() };
    frame.dst_mac = Mac(data[..6].try_into().unwrap());
    frame.src_mac = Mac(data[6..12].try_into().unwrap());
    let kind = u16::from_be_bytes([data[12], data[13]]);
    (frame.net, frame.payload_offset) = match (kind, &data[14..17]) {
        (0x600.., _) => (Net::EtherType(kind), 14),
        (_, [0xaa, 0xaa, 3]) => (Net::Snap(data[17..20].try_into().unwrap(), u16::from_be_bytes([data[20], data[21]])), 22),
        (_, [dsap, ssap, _]) => (Net::Llc(u16::from_be_bytes([*dsap, *ssap])), 17),
        _ => panic!("no Ethernet frame"),
    };
    frame.payload_len = u32::try_from(data.len()).unwrap() - frame.payload_offset;
    let packet = Packet { data, wire_len: u32::try_from(data.len()).unwrap(), link: LinkType::ETHERNET, time: i64::try_from(id).unwrap(), id };
    engine.feed(&[Item { packet, frame: &frame, detached: None }]);
}

/// A payload directly on IPv6, from `src` with a hop limit.
pub(crate) fn read_ipv6(dissector: &'static dyn Registered, protocol: u8, src: [u8; 16], hop_limit: u8, data: &[u8]) -> Vec<Observation> {
    let mut engine = Engine::new(Arc::new(Registry::of(&[dissector])), None, None);
    let mut frame = Frame { net: Net::V6, has_macs: true, ttl: hop_limit, vlan: Frame::NO_VLAN, protocol, src, ..Frame::default() };
    frame.src_mac = Mac([0, 0, 0, 0, 1, 1]);
    frame.dst_mac = Mac([0, 0, 0, 0, 1, 2]);
    frame.payload_len = u32::try_from(data.len()).unwrap();
    let packet = Packet { data, wire_len: frame.payload_len, link: LinkType::ETHERNET, time: 1, id: 1 };
    engine.feed(&[Item { packet, frame: &frame, detached: None }]);
    said(&mut engine)
}

fn said(engine: &mut Engine) -> Vec<Observation> {
    engine.finish().decoded().map(|said| said.expect("canonical bytes")).collect()
}

/// The values of a field in observations of a kind, as text.
pub(crate) fn field(said: &[Observation], kind: Kind, field: Field) -> Vec<String> {
    said.iter().filter(|said| said.kind == kind && said.protocol != "ip").flat_map(|said| said.all(field)).map(observations::Value::display).collect()
}

/// Log-ins and protections with what became of them, `password accepted`, in alphabetical order.
pub(crate) fn outcomes(said: &[Observation]) -> Vec<String> {
    let of = |said: &Observation, field| said.get(field).map(observations::Value::display).unwrap_or_default();
    let told = said.iter().filter(|said| said.kind == Kind::Security && said.get(Field::Outcome).is_some());
    let mut words: Vec<String> = told
        .map(|said| {
            let method = of(said, Field::AuthenticationMethod) + &of(said, Field::SecurityLevel);
            format!("{method} {}", of(said, Field::Outcome))
        })
        .collect();
    words.sort();
    words
}
