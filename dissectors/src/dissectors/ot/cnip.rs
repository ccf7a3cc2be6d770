//! LonTalk over IP: routers and nodes of LON channels that are tunnelled through an IP network.
//!
//! Spec: CEA-852-B (EN 14908-4); layout of packets as the LON stack of the IzoT project (MIT licence) declares it, LtIpPackets.h.
//! Tells us: which hosts belong to a channel, names and Neuron identifiers as devices register, whether packets are authenticated.
//! Does not tell: what the LonTalk packets inside mean; what a node is.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Transport, Value};
use std::net::Ipv4Addr;

pub(crate) struct Cnip;

/// IANA: lontalk-norm and lontalk-urgnt.
const NORMAL: u16 = 1628;
const URGENT: u16 = 1629;
/// Size, version, type, size of the extended header in words, flags, vendor, session, sequence, time stamp.
const HEADER: usize = 20;
const VERSION: u8 = 1;
/// Bits of the version octet: what follows is the vendor's own.
const VENDOR: u8 = 0x80;
/// Bits of the flags: the packet ends with a digest.
const AUTHENTICATED: u8 = 0x20;
/// The only flag beside it names the protocol inside; 0 is LonTalk.
const FLAGS: u8 = 0x3f;

const DATA: u8 = 0x01;
const REGISTER: u8 = 0x03;
const MEMBERS: u8 = 0x04;
/// Types by number: the index is that of [`OPERATIONS`].
const TYPES: &[u8] = &[DATA, REGISTER, MEMBERS, 0x06, 0x07, 0x08, 0x60, 0x63, 0x64, 0x66, 0x68, 0x70, 0x71, 0x7f];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("data", OperationClass::Read),
    ("device_registration", OperationClass::Session),
    ("channel_membership", OperationClass::Configure),
    ("send_list", OperationClass::Configure),
    ("response", OperationClass::Session),
    ("channel_routing", OperationClass::Configure),
    ("request_statistics", OperationClass::Diagnose),
    ("request_device_configuration", OperationClass::Diagnose),
    ("request_channel_membership", OperationClass::Diagnose),
    ("request_send_list", OperationClass::Diagnose),
    ("request_channel_routing", OperationClass::Diagnose),
    ("statistics", OperationClass::Diagnose),
    ("device_configuration", OperationClass::Configure),
    ("segment", OperationClass::Session),
];
const _: () = assert!(OPERATIONS.len() == TYPES.len());
/// What stands in a registration before the lists whose lengths it holds.
const REGISTRATION: usize = 48;
/// Members of one channel that are told of: 256 is the most that a configuration server has.
const MEMBERS_MAX: usize = 256;

impl Dissector for Cnip {
    type State = ();

    const ROW: Row = Row {
        name: "cnip",
        revision: 1,
        spec: "CEA-852-B (EN 14908-4)",
        tells: "members of LON channels, names and Neuron identifiers, authentication",
        bindings: &[Binding::Udp(NORMAL), Binding::Udp(URGENT), Binding::Tcp(NORMAL)],
        // Size below 2,048, version 1, no extended header, no vendor.
        shapes: &[Shape {
            over: Transport::Udp,
            bytes: &[(0, 0xf8, 0), (2, 0xff, VERSION), (3, 0x80, 0), (4, 0xfc, 0), (5, 0xdf, 0), (6, 0xff, 0), (7, 0xff, 0)],
            min: HEADER + 2,
            max: 2047,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(packet) = Packet::of(head) else {
            return if head.len() < HEADER && at.transport == Transport::Tcp { Gate::More } else { Gate::NotMine };
        };
        let cut = head.len() >= crate::engine::GATE_BYTES;
        // Small packets are sent together in one datagram.
        let next = head.get(packet.size..).unwrap_or_default();
        let whole = packet.size <= head.len() || cut;
        if whole && (next.is_empty() || next.len() < HEADER && cut || Packet::of(next).is_some()) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match Packet::of(head).map(|packet| packet.kind) {
            Some(REGISTER | 0x60..=0x68) => Side::Client,
            Some(MEMBERS | 0x06 | 0x08 | 0x70) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match Packet::of(head) {
            Some(packet) => Framing::Pdu { len: packet.size, want: packet.size },
            None if head.len() < HEADER => Framing::Need(HEADER),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(packet) = Packet::of(head) else { return Glance::SKIP };
        let operation = TYPES.iter().position(|kind| *kind == packet.kind).and_then(|index| u16::try_from(index).ok());
        let key = u32::from(packet.kind) << 8 | u32::from(packet.flags);
        let look = if matches!(packet.kind, REGISTER | MEMBERS) { Look::Always } else { Look::Once(key) };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let mut rest = pdu;
        while let Some(packet) = Packet::of(rest) {
            packet.read(cx)?;
            rest = rest.get(packet.size..).unwrap_or_default();
        }
        Ok(Next::Watch)
    }
}

struct Packet<'a> {
    size: usize,
    kind: u8,
    flags: u8,
    flags_byte: &'a [u8],
    body: &'a [u8],
}

impl<'a> Packet<'a> {
    fn of(head: &'a [u8]) -> Option<Self> {
        let &[s1, s0, version, kind, extended, flags, ..] = head.first_chunk::<HEADER>()?;
        let size = usize::from(u16::from_be_bytes([s1, s0]));
        let header = HEADER + usize::from(extended) * 4;
        // The extended header has three words: addresses before and behind a translation, and a port.
        let known = version & !VENDOR == VERSION && TYPES.contains(&kind) && matches!(extended, 0 | 3) && flags & !FLAGS == 0;
        (known && size > header).then(|| Self {
            size,
            kind,
            flags,
            flags_byte: head.get(5..6).unwrap_or_default(),
            body: head.get(header..size.min(head.len())).unwrap_or_default(),
        })
    }

    fn read(&self, cx: &mut Context<'_>) -> Result<(), DissectError> {
        let about = cx.sender();
        let level: &[u8] = if self.flags & AUTHENTICATED != 0 { b"authenticated" } else { b"none" };
        cx.say(&about, Kind::Security).decoded(Field::SecurityLevel, &Value::Text(level.to_vec()), self.flags_byte, "cnip-flags");
        match self.kind {
            REGISTER => registration(self.body, cx),
            MEMBERS => {
                members(self.body, cx);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A device tells its configuration server who it is.
fn registration(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (fixed, lists) = body.split_at_checked(REGISTRATION).ok_or(DissectError::Truncated { needed: REGISTRATION.saturating_sub(body.len()) })?;
    let at = |from: usize, length: usize| fixed.get(from..from + length).unwrap_or_default();
    let about = cx.sender();
    let multicast = usize::try_from(number(at(8, 1))).unwrap_or(0) * 8;
    let neurons = usize::try_from(number(at(12, 2))).unwrap_or(0);
    let ids = lists.get(multicast..multicast + neurons).unwrap_or_default();
    let name = lists.get(multicast + neurons..).and_then(<[u8]>::split_first);
    let name = name.map(|(length, rest)| rest.get(..usize::from(*length)).unwrap_or(rest));
    // A router has two Neurons, one a side.
    let saying = ids.chunks_exact(6).take(2).fold(cx.say(&about, Kind::Identity), |saying, id| saying.bytes(Field::NeuronId, id));
    drop(saying.maybe(name, |saying, name| saying.trimmed(Field::FriendlyName, name)));
    let server = at(28, 4).first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip)).filter(|ip| !ip.is_unspecified());
    if let Some(ip) = server {
        let server = cx.by_ip(ip.into());
        cx.say(&server, Kind::Neighbor).decoded(Field::Role, &Value::Text(b"configuration server".to_vec()), at(28, 4), "cnip-role");
    }
    Ok(())
}

/// The configuration server tells who belongs to the channel.
fn members(body: &[u8], cx: &mut Context<'_>) {
    /// Three time stamps, the number of members, two bytes of zero.
    const FIXED: usize = 16;
    /// Address, port, zero, time stamp.
    const MEMBER: usize = 12;
    for member in body.get(FIXED..).unwrap_or_default().chunks_exact(MEMBER).take(MEMBERS_MAX) {
        let Some(bytes) = member.get(..4) else { return };
        let Some(ip) = bytes.first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip)).filter(|ip| !ip.is_unspecified() && !ip.is_multicast()) else {
            continue;
        };
        let about = cx.by_ip(ip.into());
        cx.say(&about, Kind::Neighbor).decoded(Field::Role, &Value::Text(b"channel member".to_vec()), bytes, "cnip-role");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, payload, read_cut, request};

    fn packet(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let size = u16::try_from(HEADER + body.len()).unwrap().to_be_bytes();
        [&size[..], &[VERSION, kind, 0, flags, 0, 0], &[0x6b, 0x8b, 0x45, 0x67], &[0; 8], body].concat()
    }

    fn registered() -> Vec<u8> {
        let mut body = vec![0; REGISTRATION];
        body[8] = 1; // one multicast address
        body[13] = 12; // two Neurons
        body[28..32].copy_from_slice(&[10, 9, 9, 9]); // configuration server
        body.extend_from_slice(&[0; 8]);
        body.extend_from_slice(&[4, 0x0a, 0x0b, 0x0c, 0x0d, 1, 4, 0x0a, 0x0b, 0x0c, 0x0d, 2]);
        body.extend_from_slice(&[6, b'r', b'o', b'u', b't', b'e', b'r']);
        packet(REGISTER, 0, &body)
    }

    #[test]
    fn a_device_that_registers_says_its_neurons_and_name() {
        let said = request(&Cnip, &registered());
        assert_eq!(field(&said, Kind::Identity, Field::NeuronId), ["040a0b0c0d01", "040a0b0c0d02"]);
        assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["router"]);
        assert_eq!(field(&said, Kind::Neighbor, Field::Role), ["configuration server"]);
    }

    #[test]
    fn members_of_a_channel_are_told_of_and_authentication_too() {
        let mut body = vec![0; 16];
        body.extend_from_slice(&[10, 1, 1, 1, 6, 0x5c, 0, 0, 0, 0, 0, 0, 10, 1, 1, 2, 6, 0x5c, 0, 0, 0, 0, 0, 0]);
        let said = answer(&Cnip, &packet(MEMBERS, AUTHENTICATED, &body));
        assert_eq!(field(&said, Kind::Neighbor, Field::Role).len(), 2);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["authenticated"]);
    }

    #[test]
    fn a_truncated_registration_keeps_what_its_header_tells() {
        let said = read_cut(&Cnip, true, &registered()[..40]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
        assert!(field(&said, Kind::Identity, Field::NeuronId).is_empty());
    }

    #[test]
    fn operations_are_named_and_data_costs_a_glance() {
        let at = At { transport: Transport::Udp, src_port: NORMAL, dst_port: NORMAL, from_client: None };
        let glance = |kind: u8| Cnip.glance(&packet(kind, 0, &[1, 2]), &at);
        assert_eq!(glance(DATA).operation.map(|index| OPERATIONS[usize::from(index)].0), Some("data"));
        assert_eq!(glance(0x71).operation.map(|index| OPERATIONS[usize::from(index)].0), Some("device_configuration"));
        assert!(matches!(glance(DATA).look, Look::Once(_)));
    }

    #[test]
    fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: NORMAL, from_client: None };
        let mut long = packet(DATA, 0, &[1, 2, 3]);
        long[1] += 1;
        for stranger in
            [&[0; 40][..], b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n", &long, &[0, 0x20, 1, 9, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]]
        {
            assert_eq!(Cnip.gate(stranger, &at), Gate::NotMine);
        }
        let said = payload(&Cnip, Transport::Udp, 50000, 2000, &registered());
        assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["router"]);
    }
}
