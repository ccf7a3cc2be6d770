//! SOME/IP and its service discovery: which control units of a vehicle (or of a machine built like one) offer and use which services.
//!
//! Spec: AUTOSAR FO PRS SOME/IP Protocol (R22-11) chapter 4.1; PRS SOME/IP Service Discovery Protocol chapter 5.1.
//! Tells us: services with instance and version that a host offers, and where; host names in configuration options.
//! Does not tell: what a service is (numbers are the maker's); who may use it, as nothing is authenticated.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct SomeIp;
pub(crate) struct SomeIpSd;

/// PRS service discovery 5.1.1: the port in use.
const PORT: u16 = 30490;
/// Message, length, request, protocol version, interface version, type, return code.
const HEADER: usize = 16;
/// What the length counts of the header.
const COUNTED: usize = 8;
const PROTOCOL_VERSION: u8 = 1;
/// Service 0xFFFF, method 0x8100.
const DISCOVERY: [u8; 4] = [0xff, 0xff, 0x81, 0];
/// The longest message that is believed to be one on a stream.
const LENGTH_MAX: usize = 1 << 20;

/// 4.1.2.6, without the bit of segments: request, fire and forget, notification, response, error.
const TYPES: &[u8] = &[0x00, 0x01, 0x02, 0x80, 0x81];
/// 4.1.2.6: the bit of segmented messages (SOME/IP-TP).
const SEGMENT: u8 = 0x20;
/// 4.1.2.7: beyond it return codes are not in use.
const RETURN_CODE_MAX: u8 = 0x5e;
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("request", OperationClass::Write),
    ("request_no_return", OperationClass::Write),
    ("notification", OperationClass::Read),
    ("response", OperationClass::Session),
    ("error", OperationClass::Session),
];
const ANSWERS: usize = 3;

/// 5.1.2.3: entries.
const ENTRY: usize = 16;
const OFFER: u8 = 1;
const DISCOVERY_OPERATIONS: &[(&str, OperationClass)] = &[
    ("find_service", OperationClass::Session),
    ("offer_service", OperationClass::Session),
    ("subscribe_eventgroup", OperationClass::Session),
    ("subscribe_eventgroup_ack", OperationClass::Session),
    ("other_entry", OperationClass::Session),
];
/// Offers of one message that are told of: a control unit has some tens.
const ENTRIES_MAX: usize = 64;
/// 5.1.2.4.2: configuration option.
const CONFIGURATION: u8 = 1;

/// 4.1: one message.
struct Message<'a> {
    id: [u8; 4],
    length: usize,
    kind: u8,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn of(head: &'a [u8]) -> Option<Self> {
        let (&[i0, i1, i2, i3, l3, l2, l1, l0, _, _, _, _, version, _, kind, code], rest) = head.split_first_chunk::<HEADER>()?;
        let length = usize::try_from(u32::from_be_bytes([l3, l2, l1, l0])).ok()?;
        let known = version == PROTOCOL_VERSION && TYPES.contains(&(kind & !SEGMENT)) && code <= RETURN_CODE_MAX;
        // Only answers have a return code that is not 0.
        let plain = code == 0 || kind & 0x80 != 0;
        let total = HEADER - COUNTED + length;
        (known && plain && (COUNTED..=LENGTH_MAX).contains(&length)).then(|| Self {
            id: [i0, i1, i2, i3],
            length: total,
            kind,
            body: rest.get(..total - HEADER).unwrap_or(rest),
        })
    }

    fn index(&self) -> usize {
        TYPES.iter().position(|kind| *kind == self.kind & !SEGMENT).unwrap_or(0)
    }
}

/// Whether what follows a message is another, or nothing.
fn whole(head: &[u8], message: &Message<'_>, at: &At) -> bool {
    let next = head.get(message.length..).unwrap_or_default();
    let cut = head.len() >= crate::engine::GATE_BYTES;
    let complete = head.len() >= message.length || cut || at.transport == Transport::Tcp;
    complete && (next.is_empty() || Message::of(next).is_some() || next.len() < HEADER && (cut || at.transport == Transport::Tcp))
}

fn stream(head: &[u8]) -> Framing {
    match Message::of(head) {
        Some(message) => Framing::Pdu { len: message.length, want: HEADER },
        None if head.len() < HEADER => Framing::Need(HEADER),
        None => Framing::Lost,
    }
}

/// Length below 2,048, protocol version 1, a type of which these bits are 0, return code 0.
const BEGIN: &[(usize, u8, u8)] = &[(4, 0xff, 0), (5, 0xff, 0), (6, 0xf8, 0), (12, 0xff, 1), (14, 0x5c, 0), (15, 0xff, 0)];

impl Dissector for SomeIp {
    type State = ();

    const ROW: Row = Row {
        name: "someip",
        revision: 1,
        spec: "AUTOSAR PRS SOME/IP Protocol chapter 4.1",
        tells: "services in use, by number",
        bindings: &[],
        shapes: &[
            Shape { over: Transport::Udp, bytes: BEGIN, min: HEADER, max: usize::MAX },
            Shape { over: Transport::Tcp, bytes: BEGIN, min: HEADER, max: usize::MAX },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        match Message::of(head) {
            // Services and methods have numbers; what asks has a session or a client.
            Some(message) if message.id != DISCOVERY && message.id[..2] != [0, 0] && message.id[..2] != [0xff, 0xff] => {
                let numbered = head.get(8..12).is_some_and(|request| request != [0; 4]) || message.index() == 2;
                if numbered && whole(head, &message, at) { Gate::Mine } else { Gate::NotMine }
            }
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match Message::of(head).map(|message| message.index()) {
            Some(0 | 1) => Side::Client,
            Some(_) => Side::Server,
            None => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        stream(head)
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(message) = Message::of(head) else { return Glance::SKIP };
        let operation = u16::try_from(message.index()).ok().filter(|index| usize::from(*index) < ANSWERS);
        let key = u32::from(message.id[0]) << 16 | u32::from(message.id[1]) << 8 | u32::from(message.kind);
        Glance { operation, look: Look::Once(key), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(message) = Message::of(pdu) else { return Err(DissectError::Malformed { rule: "header", offset: 0 }) };
        // A service that answers or notifies is there.
        if message.index() >= 2 {
            let (about, service) = (cx.sender(), pdu.get(..2).unwrap_or_default());
            cx.say(&about, Kind::Service).number(Field::SomeIpService, number(service), service);
        }
        Ok(Next::Watch)
    }
}

impl Dissector for SomeIpSd {
    type State = ();

    const ROW: Row = Row {
        name: "someipsd",
        revision: 1,
        spec: "AUTOSAR PRS SOME/IP Service Discovery Protocol chapter 5.1",
        tells: "offered services with instance and version, host names",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[Shape {
            over: Transport::Udp,
            bytes: &[(0, 0xff, 0xff), (1, 0xff, 0xff), (2, 0xff, 0x81), (3, 0xff, 0), (12, 0xff, 1), (14, 0xff, 2), (15, 0xff, 0)],
            min: HEADER + 12,
            max: usize::MAX,
        }],
        operations: DISCOVERY_OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        match Message::of(head) {
            Some(message) if message.id == DISCOVERY && message.kind == 2 && entries(message.body).is_some() => {
                if whole(head, &message, at) {
                    Gate::Mine
                } else {
                    Gate::NotMine
                }
            }
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match first(head) {
            // Offers, and what answers a subscription.
            Some(OFFER | 7) => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = first(head).map(|kind| match kind {
            0 => 0,
            OFFER => 1,
            6 => 2,
            7 => 3,
            _ => 4,
        });
        Glance { operation, ..Glance::READ }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(message) = Message::of(pdu) else { return Err(DissectError::Malformed { rule: "header", offset: 0 }) };
        let Some((entries, options)) = entries(message.body) else { return Err(DissectError::Truncated { needed: 1 }) };
        let about = cx.sender_host();
        for entry in entries.chunks_exact(ENTRY).take(ENTRIES_MAX) {
            let at = |from: usize, length: usize| entry.get(from..from + length).unwrap_or_default();
            // 5.1.2.3.2: a time to live of 0 takes an offer back.
            if entry.first() != Some(&OFFER) || number(at(9, 3)) == 0 {
                continue;
            }
            cx.say(&about, Kind::Service)
                .number(Field::SomeIpService, number(at(4, 2)), at(4, 2))
                .number(Field::SomeIpInstance, number(at(6, 2)), at(6, 2))
                .decoded(Field::ProtocolVersion, &version(at(8, 1), at(12, 4)), entry.get(8..16).unwrap_or_default(), "someip-version");
        }
        if entries.chunks_exact(ENTRY).any(|entry| entry.first() == Some(&OFFER)) {
            names(options, cx);
        }
        Ok(Next::Watch)
    }
}

/// The kind of the first entry.
fn first(head: &[u8]) -> Option<u8> {
    entries(Message::of(head)?.body)?.0.first().copied()
}

fn version(major: &[u8], minor: &[u8]) -> observations::Value {
    observations::Value::Text(format!("{}.{}", number(major), number(minor)).into_bytes())
}

/// 5.1.2: flags, entries with their length, options with theirs.
fn entries(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_flags, rest) = body.split_at_checked(4)?;
    let (length, rest) = rest.split_at_checked(4)?;
    let length = usize::try_from(number(length)).ok()?;
    let (entries, rest) = rest.split_at_checked(length).filter(|_| length.is_multiple_of(ENTRY))?;
    let (length, options) = rest.split_at_checked(4)?;
    let length = usize::try_from(number(length)).ok()?;
    Some((entries, options.get(..length).unwrap_or(options)))
}

/// 5.1.2.4.2: configuration options of who offers: texts of name and value, as DNS-SD has them.
fn names(options: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let mut rest = options;
    while let Some((length, behind)) = rest.split_at_checked(2) {
        // The length does not count itself and the type.
        let length = usize::try_from(number(length)).unwrap_or(0) + 1;
        let Some((option, behind)) = behind.split_at_checked(length) else { return };
        rest = behind;
        let Some((&[CONFIGURATION, _], mut texts)) = option.split_first_chunk::<2>() else { continue };
        while let Some((length, behind)) = texts.split_first() {
            let Some((text, behind)) = behind.split_at_checked(usize::from(*length)) else { return };
            texts = behind;
            if let Some(name) = text.strip_prefix(b"hostname=") {
                cx.say(&about, Kind::Name).trimmed(Field::Hostname, name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, payload, request};

    fn message(id: [u8; 4], request: [u8; 4], kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + COUNTED).unwrap().to_be_bytes();
        [&id[..], &length, &request, &[PROTOCOL_VERSION, 1, kind, 0], body].concat()
    }

    fn discovery() -> Vec<u8> {
        let offered = |ttl: u8, service: u8| [&[OFFER, 0, 0, 0x10, 0x12, service, 0, 1, 3][..], &[0, 0, ttl], &[0, 0, 0, 7]].concat();
        let entries = [offered(3, 0x34), offered(0, 0x35)].concat();
        let text = b"hostname=camera-front";
        let option = [&[0, u8::try_from(text.len() + 3).unwrap(), 1, 0, u8::try_from(text.len()).unwrap()][..], text, &[0]].concat();
        let endpoint = [0, 9, 4, 0, 10, 0, 0, 2, 0, 17, 0x77, 0x1a];
        let options = [&endpoint[..], &option].concat();
        let sized = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        message(DISCOVERY, [0, 0, 0, 1], 2, &[&[0xc0, 0, 0, 0][..], &sized(&entries), &sized(&options)].concat())
    }

    #[test]
    fn offers_name_services_and_what_is_taken_back_is_none() {
        let said = answer(&SomeIpSd, &discovery());
        assert_eq!(field(&said, Kind::Service, Field::SomeIpService), ["4660"]);
        assert_eq!(field(&said, Kind::Service, Field::ProtocolVersion), ["3.7"]);
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["camera-front"]);
    }

    #[test]
    fn a_service_that_answers_is_there_and_one_that_is_asked_for_is_not() {
        let asks = message([0x12, 0x34, 0, 1], [0, 1, 0, 2], 0, &[1, 2]);
        assert!(field(&payload(&SomeIp, Transport::Udp, 50000, 30501, &asks), Kind::Service, Field::SomeIpService).is_empty());
        let answers = message([0x12, 0x34, 0, 1], [0, 1, 0, 2], 0x80, &[1, 2]);
        assert_eq!(field(&payload(&SomeIp, Transport::Udp, 30501, 50000, &answers), Kind::Service, Field::SomeIpService), ["4660"]);
        assert_eq!(field(&payload(&SomeIp, Transport::Tcp, 30501, 50000, &answers), Kind::Service, Field::SomeIpService), ["4660"]);
    }

    #[test]
    fn a_truncated_list_of_offers_says_nothing_false() {
        let whole = discovery();
        let said = request(&SomeIpSd, &whole[..HEADER + 20]);
        assert!(field(&said, Kind::Service, Field::SomeIpService).is_empty());
    }

    #[test]
    fn operations_are_named() {
        let at = At { transport: Transport::Udp, src_port: 30501, dst_port: 50000, from_client: None };
        let glance = |kind: u8| SomeIp.glance(&message([0x12, 0x34, 0, 1], [0, 1, 0, 2], kind, &[]), &at).operation;
        assert_eq!((glance(0), glance(2), glance(0x80)), (Some(0), Some(2), None));
        let found = SomeIpSd.glance(&discovery(), &at).operation.map(|index| DISCOVERY_OPERATIONS[usize::from(index)].0);
        assert_eq!(found, Some("offer_service"));
    }

    #[test]
    fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
        let mut long = discovery();
        long[7] += 1;
        for stranger in [&[0; 40][..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &long, &[0xff; 60]] {
            assert_eq!(SomeIpSd.gate(stranger, &at), Gate::NotMine);
            assert_eq!(SomeIp.gate(stranger, &at), Gate::NotMine);
        }
        assert_eq!(SomeIp.gate(&message([0x12, 0x34, 0, 1], [0; 4], 0, &[1, 2]), &at), Gate::NotMine);
        let said = payload(&SomeIpSd, Transport::Udp, 30491, 50000, &discovery());
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["camera-front"]);
    }
}
