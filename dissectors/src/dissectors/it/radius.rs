//! RADIUS: which network access servers ask, how hosts and users show who they are, and how requests are protected.
//!
//! Spec: RFC 2865 §3 to §5 (RFC 2866 accounting), RFC 2548 (MS-CHAP), RFC 3579 (EAP, Message-Authenticator), RFC 3580 §3 (802.1X).
//! Tells us: access servers by their identifier, ports and stations, methods (PAP, CHAP, EAP, by MAC address alone), whether access was
//! given, whether messages are authenticated. Does not tell: users, who are personal; passwords, which are hidden under a shared secret.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::login;
use crate::tlv::mac_of_text;
use observations::{Field, Kind, Mac, OperationClass, Span, Subject};
use std::net::{IpAddr, Ipv4Addr};

pub(crate) struct Radius;

const ROW_NAME: &str = "radius";
/// RFC 2865 §3: code, identifier, length, authenticator.
const HEADER: usize = 20;
/// RFC 2865 §3.
const MESSAGE_MAX: usize = 4096;
const ACCESS_REQUEST: u8 = 1;
const ACCESS_ACCEPT: u8 = 2;
const ACCESS_REJECT: u8 = 3;
const ACCOUNTING_REQUEST: u8 = 4;
const ACCESS_CHALLENGE: u8 = 11;

/// RFC 2865 §5, RFC 2869 §5, RFC 3162.
const USER_NAME: u8 = 1;
const USER_PASSWORD: u8 = 2;
const CHAP_PASSWORD: u8 = 3;
const NAS_IP_ADDRESS: u8 = 4;
const SERVICE_TYPE: u8 = 6;
const FRAMED_IP_ADDRESS: u8 = 8;
const VENDOR_SPECIFIC: u8 = 26;
const CALLED_STATION_ID: u8 = 30;
const CALLING_STATION_ID: u8 = 31;
const NAS_IDENTIFIER: u8 = 32;
const EAP_MESSAGE: u8 = 79;
const MESSAGE_AUTHENTICATOR: u8 = 80;
const NAS_PORT_ID: u8 = 87;
/// RFC 2865 §5.6: whoever calls is only checked for its number.
const CALL_CHECK: u64 = 10;
/// RFC 2548 §2: Microsoft's number, and what MS-CHAP answers with.
const MICROSOFT: u32 = 311;
const MS_CHAP_RESPONSE: u8 = 1;
const MS_CHAP2_RESPONSE: u8 = 25;

/// Requests that wait: identifiers are one byte.
const WAITING_MAX: usize = 256;

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("access_request", OperationClass::Session),
    ("accounting_request", OperationClass::Session),
    ("status_server", OperationClass::Diagnose),
    ("disconnect_request", OperationClass::Control),
    ("coa_request", OperationClass::Control),
];

impl Dissector for Radius {
    type State = Waiting;

    const ROW: Row = Row {
        name: ROW_NAME,
        revision: 1,
        spec: "RFC 2865, RFC 3579",
        tells: "access servers, methods of log-ins at a network, how messages are protected",
        bindings: &[Binding::Udp(1812), Binding::Udp(1813), Binding::Udp(1645), Binding::Udp(1646), Binding::Udp(3799)],
        // Four bytes, each of which may be nearly anything, tell no stranger apart.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some((&[code, _, high, low], _)) = head.split_first_chunk::<4>() else { return Gate::NotMine };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // RFC 2865 §3: what is behind the length is padding; the gate may be shown less than there is.
        let there = (HEADER..=MESSAGE_MAX).contains(&length) && (length <= head.len() || head.len() >= crate::engine::GATE_BYTES);
        let known = matches!(code, 1..=5 | 11..=13 | 40..=45);
        let attributes = head.get(HEADER..length.min(head.len())).unwrap_or_default();
        let whole = length > head.len() || is_list(attributes);
        if known && there && whole { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&(ACCESS_REQUEST | ACCOUNTING_REQUEST | 12)) => Side::Client,
            Some(&(ACCESS_ACCEPT | ACCESS_REJECT | 5 | ACCESS_CHALLENGE)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = match head.first() {
            Some(&ACCESS_REQUEST) => Some(0),
            Some(&ACCOUNTING_REQUEST) => Some(1),
            Some(&12) => Some(2),
            Some(&40) => Some(3),
            Some(&43) => Some(4),
            _ => None,
        };
        Glance { operation, look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], waiting: &mut Waiting, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((&[code, id, high, low], _)) = pdu.split_first_chunk::<4>() else {
            return Err(DissectError::Truncated { needed: HEADER });
        };
        let length = usize::from(u16::from_be_bytes([high, low])).min(pdu.len());
        let read = Attributes::read(pdu.get(HEADER..length).unwrap_or_default());
        match code {
            ACCESS_REQUEST => asked(id, &read, waiting, cx),
            ACCOUNTING_REQUEST => {
                access_server(&read, cx);
                station(&read, cx);
            }
            ACCESS_ACCEPT | ACCESS_REJECT | ACCESS_CHALLENGE => answered(code, id, &read, waiting, cx),
            _ => {}
        }
        Ok(Next::Read)
    }
}

/// Requests without their answer.
#[derive(Default)]
pub(crate) struct Waiting(Vec<(u8, Asked)>);

#[derive(Clone, Copy)]
struct Asked {
    method: &'static str,
    peer: Option<Mac>,
}

/// Whether attributes follow each other to the end: type, length, value (RFC 2865 §5).
fn is_list(mut bytes: &[u8]) -> bool {
    while let Some(&[kind, length]) = bytes.first_chunk::<2>() {
        match bytes.get(usize::from(length)..) {
            Some(rest) if length >= 2 && kind > 0 => bytes = rest,
            _ => return false,
        }
    }
    bytes.is_empty()
}

/// The attributes of a message that are read.
#[derive(Default)]
struct Attributes<'a> {
    all: Vec<(u8, &'a [u8])>,
}

impl<'a> Attributes<'a> {
    fn read(mut bytes: &'a [u8]) -> Self {
        let mut read = Self::default();
        while let Some(&[kind, length]) = bytes.first_chunk::<2>() {
            let Some((attribute, rest)) = bytes.split_at_checked(usize::from(length)).filter(|_| length >= 2) else { break };
            read.all.push((kind, attribute.get(2..).unwrap_or_default()));
            bytes = rest;
        }
        read
    }

    fn find(&self, kind: u8) -> Option<&'a [u8]> {
        self.all.iter().find(|one| one.0 == kind).map(|one| one.1)
    }

    /// The MAC address of the host that is asked for (RFC 3580 §3.21).
    fn peer(&self) -> Option<Mac> {
        self.find(CALLING_STATION_ID).and_then(mac_of_text).filter(|mac| mac.is_device())
    }

    /// How the host or user shows who it is.
    fn method(&self) -> &'static str {
        let vendor = |kind| {
            let mut values = self.all.iter().filter(|one| one.0 == VENDOR_SPECIFIC).map(|one| one.1);
            values.any(|value| matches!(value.first_chunk(), Some(&[a, b, c, d, of]) if u32::from_be_bytes([a, b, c, d]) == MICROSOFT && of == kind))
        };
        let calls = self.find(SERVICE_TYPE).is_some_and(|value| number(value) == CALL_CHECK);
        let named = self.find(USER_NAME).and_then(mac_of_text);
        match () {
            () if self.find(EAP_MESSAGE).is_some() => "eap",
            // RFC 3580 says nothing of it; switches send the MAC address as the user, or check a call.
            () if calls || named.is_some() && named == self.peer() => "mab",
            () if vendor(MS_CHAP2_RESPONSE) => "ms-chap-v2",
            () if vendor(MS_CHAP_RESPONSE) => "ms-chap",
            () if self.find(CHAP_PASSWORD).is_some() => "chap",
            () if self.find(USER_PASSWORD).is_some() => "pap",
            () => login::NONE,
        }
    }
}

fn number(value: &[u8]) -> u64 {
    value.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn asked(id: u8, read: &Attributes<'_>, waiting: &mut Waiting, cx: &mut Context<'_>) {
    let server = cx.receiver();
    access_server(read, cx);
    station(read, cx);
    let method = read.method();
    let protection = if read.find(MESSAGE_AUTHENTICATOR).is_some() { "message-authenticator" } else { "none" };
    let saying = login::say(cx, &server, method, login::ATTEMPTED).implied(Field::Protection, &login::word(protection));
    drop(saying.maybe(read.find(SERVICE_TYPE), |s, value| s.number(Field::ServiceTypeNumber, number(value), value)));
    waiting.0.retain(|one| one.0 != id);
    if waiting.0.len() >= WAITING_MAX {
        waiting.0.remove(0);
    }
    let peer = read.peer();
    waiting.0.push((id, Asked { method, peer }));
    extensible(read, peer, cx);
}

/// The access server by its own words (RFC 2865 §5.4 and §5.32). What it was called at may be another's (an access point's).
fn access_server(read: &Attributes<'_>, cx: &mut Context<'_>) {
    let host = cx.sender_host();
    let saying = cx.say(&host, Kind::Identity).maybe(read.find(NAS_IDENTIFIER), |s, name| s.text(Field::NasIdentifier, name));
    let ip = read.find(NAS_IP_ADDRESS).and_then(|value| Some((IpAddr::V4(Ipv4Addr::from(*value.first_chunk::<4>()?)), value)));
    let saying = saying.maybe(ip, |s, (ip, at)| s.ip(Field::Ipv4Address, ip, at));
    drop(saying.maybe(read.find(CALLED_STATION_ID), |s, station| s.text(Field::CalledStation, station)));
}

/// The host that logs in: where it is connected, and at its accounting which address it has.
fn station(read: &Attributes<'_>, cx: &mut Context<'_>) {
    let Some(mac) = read.peer() else { return };
    let host: Subject = cx.by_mac(mac);
    if let Some(port) = read.find(NAS_PORT_ID) {
        let saying = cx.say(&host, Kind::Neighbor).text(Field::PortId, port);
        drop(saying.maybe(read.find(NAS_IDENTIFIER), |s, name| s.text(Field::NasIdentifier, name)));
    }
    if let Some(ip) = read.find(FRAMED_IP_ADDRESS).and_then(|value| value.first_chunk::<4>().map(|ip| (Ipv4Addr::from(*ip), value)))
        && !ip.0.is_unspecified()
        && !ip.0.is_broadcast()
    {
        let bound = cx.by_mac_and_ip(mac, IpAddr::V4(ip.0));
        cx.say(&bound, Kind::Binding).ip(Field::Ipv4Address, IpAddr::V4(ip.0), ip.1);
    }
}

fn answered(code: u8, id: u8, read: &Attributes<'_>, waiting: &mut Waiting, cx: &mut Context<'_>) {
    let server = cx.sender();
    let at = waiting.0.iter().position(|one| one.0 == id);
    let asked = at.map(|at| waiting.0.remove(at).1);
    let protection = if read.find(MESSAGE_AUTHENTICATOR).is_some() { "message-authenticator" } else { "none" };
    if code != ACCESS_CHALLENGE {
        let method = asked.map_or("radius", |asked| asked.method);
        drop(login::say(cx, &server, method, login::outcome(code == ACCESS_ACCEPT)).implied(Field::Protection, &login::word(protection)));
    }
    extensible(read, asked.and_then(|asked| asked.peer), cx);
}

/// RFC 3579 §3.1: a message of EAP, in several attributes where it is longer than one.
fn extensible(read: &Attributes<'_>, peer: Option<Mac>, cx: &mut Context<'_>) {
    let pieces: Vec<&[u8]> = read.all.iter().filter(|one| one.0 == EAP_MESSAGE).map(|one| one.1).collect();
    let transaction = peer.map_or(0, |mac| mac.0.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)));
    let exchange = crate::context::Exchange { transaction, connection: None };
    // The conversation stays RADIUS; what is said within is the peer's.
    let outer = std::mem::replace(&mut cx.exchange, exchange);
    match pieces.as_slice() {
        [] => {}
        [whole] => drop(cx.beside(ROW_NAME, u64::from(EAP_MESSAGE), whole)),
        _ => {
            let parts: Vec<(usize, Vec<Span>)> = pieces.iter().map(|piece| (piece.len(), cx.spans_of(piece))).collect();
            cx.stitched(&pieces.concat(), &parts, "radius-attributes", |bytes, cx| cx.beside(ROW_NAME, u64::from(EAP_MESSAGE), bytes));
        }
    }
    cx.exchange = outer;
}

#[cfg(test)]
mod tests {
    use super::super::eap::Eap;
    use super::*;
    use crate::testing::{conversation_of, field, gate, outcomes};
    use observations::{Observation, Transport};

    fn message(code: u8, id: u8, attributes: &[(u8, &[u8])]) -> Vec<u8> {
        let list: Vec<u8> = attributes.iter().flat_map(|(kind, value)| [&[*kind, u8::try_from(value.len() + 2).unwrap()], *value].concat()).collect();
        [&[code, id][..], &u16::try_from(HEADER + list.len()).unwrap().to_be_bytes(), &[7; 16], &list].concat()
    }

    fn talk(parts: &[(bool, Vec<u8>)]) -> Vec<Observation> {
        let parts: Vec<_> = parts.iter().map(|(up, bytes)| if *up { (50000, 1812, &bytes[..]) } else { (1812, 50000, &bytes[..]) }).collect();
        conversation_of(&[&Radius, &Eap], Transport::Udp, &parts)
    }

    #[test]
    fn an_access_server_and_where_a_host_is_are_told() {
        let said = talk(&[(
            true,
            message(1, 1, &[(1, b"ann"), (2, &[9; 16]), (32, b"sw-cell3"), (87, b"Fa1/3"), (31, b"24-0A-C4-0A-00-21"), (80, &[1; 16])]),
        )]);
        assert_eq!(field(&said, Kind::Identity, Field::NasIdentifier), ["sw-cell3"]);
        assert_eq!(field(&said, Kind::Neighbor, Field::PortId), ["Fa1/3"]);
        assert_eq!(field(&said, Kind::Security, Field::Protection), ["message-authenticator"]);
        assert_eq!(outcomes(&said), ["pap attempted"]);
        assert!(said.iter().flat_map(|said| &said.fields).all(|field| field.value.display() != "ann"));
    }

    #[test]
    fn methods_are_told_apart() {
        let mac: &[u8] = b"240ac40a0021";
        for (attributes, method) in [
            (&[(1, mac), (2, &[9; 16][..]), (31, &b"24-0A-C4-0A-00-21"[..])][..], "mab"),
            (&[(1, b"x"), (6, &[0, 0, 0, 10]), (2, &[9; 16])], "mab"),
            (&[(1, b"x"), (3, &[9; 17])], "chap"),
            (&[(1, b"x"), (26, &[0, 0, 1, 55, 25, 52, 0])], "ms-chap-v2"),
            (&[(1, b"x"), (79, &[2, 1, 0, 6, 1, b'x'])], "eap"),
        ] {
            assert_eq!(outcomes(&talk(&[(true, message(1, 1, attributes))])), [format!("{method} attempted")]);
        }
    }

    #[test]
    fn answers_are_matched_by_their_number() {
        let said = talk(&[
            (true, message(1, 1, &[(2, &[9; 16])])),
            (true, message(1, 2, &[(3, &[9; 17])])),
            (false, message(2, 2, &[])),
            (false, message(3, 1, &[])),
        ]);
        assert_eq!(outcomes(&said), ["chap accepted", "chap attempted", "pap attempted", "pap refused"]);
    }

    #[test]
    fn eap_within_is_the_peer_s() {
        let peer: &[u8] = b"24-0A-C4-0A-00-21";
        let said = talk(&[
            (true, message(1, 1, &[(31, peer), (79, b"\x02\x01\x00\x0e\x01host/hmi7")])),
            (false, message(11, 1, &[(79, &[1, 2, 0, 6, 4, 16])])),
            (true, message(1, 2, &[(31, peer), (79, &[2, 2, 0, 6, 4, 16])])),
            (false, message(2, 2, &[(79, &[3, 2, 0, 4])])),
        ]);
        let name = said.iter().find(|said| said.get(Field::Hostname).is_some()).unwrap();
        assert_eq!(name.about.mac, Some(Mac([0x24, 0x0a, 0xc4, 0x0a, 0, 0x21])));
        assert!(outcomes(&said).contains(&"eap-md5 accepted".to_owned()), "{:?}", outcomes(&said));
    }

    #[test]
    fn strangers_are_refused_and_what_is_cut_breaks_nothing() {
        let sound = message(1, 1, &[(1, b"ann")]);
        for stranger in [&sound[..21], &[1; 40], &[6, 1, 0, 20, 0, 0, 0, 0], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &[0; 30]] {
            assert_eq!(gate(&Radius, stranger, 1812), Gate::NotMine);
        }
        assert_eq!(gate(&Radius, &sound, 1812), Gate::Mine);
        let cut = crate::testing::read_cut(&Radius, true, &message(1, 1, &[(32, b"sw-cell3"), (1, b"ann")])[..33]);
        assert_eq!(field(&cut, Kind::Identity, Field::NasIdentifier), ["sw-cell3"]);
    }
}
