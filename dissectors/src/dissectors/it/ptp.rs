//! PTP: which clocks keep a network's time, and what they are.
//!
//! Spec: IEEE 1588-2008 and 1588-2019 clauses 13 (messages), 14 (TLVs), 15.5 (management); IEEE C37.238-2017 clause 5.8 (power profile).
//! Tells us: clock identities; the grandmaster, its quality and priorities; maker, model and revisions of a clock that is asked for its
//! description; whether messages are authenticated.
//! Does not tell: whether the announced time is the true one; version 1 (IEEE 1588-2002).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::tlv::{Elements, number};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Diagnose, Session};
use observations::{Field, Kind, OperationClass, Subject, Value};

pub(crate) struct Ptp;

/// 13.3.1: type, version, length, domain, flags, correction, source port identity, sequence.
const HEADER: usize = 34;
const VERSION: u8 = 2;
/// Message types (13.3.2.3) with the shortest length of each.
const SYNC: u8 = 0;
const DELAY_REQ: u8 = 1;
const PDELAY_REQ: u8 = 2;
const PDELAY_RESP: u8 = 3;
const FOLLOW_UP: u8 = 8;
const DELAY_RESP: u8 = 9;
const PDELAY_RESP_FOLLOW_UP: u8 = 0xa;
const ANNOUNCE: u8 = 0xb;
const SIGNALING: u8 = 0xc;
const MANAGEMENT: u8 = 0xd;
const TYPES: &[(u8, usize)] = &[
    (SYNC, 44),
    (DELAY_REQ, 44),
    (PDELAY_REQ, 54),
    (PDELAY_RESP, 54),
    (FOLLOW_UP, 44),
    (DELAY_RESP, 54),
    (PDELAY_RESP_FOLLOW_UP, 54),
    (ANNOUNCE, 64),
    (SIGNALING, 44),
    (MANAGEMENT, 48),
];
/// 13.5: priorities, quality and identity of the grandmaster in an announce.
const GRANDMASTER: std::ops::Range<usize> = 47..61;
const ANNOUNCED: usize = 64;
/// 15.4.1: action of a management message.
const ACTION: usize = 46;
const RESPONSE: u8 = 2;
/// 14.1.1 and 16.14: TLVs; 2008 had the authentication of annex K under other numbers.
const MANAGEMENT_TLV: u64 = 1;
const ORGANIZATION_EXTENSION: u64 = 3;
const AUTHENTICATION: &[u64] = &[0x8009, 0x2000];
/// Management identifier (15.5.2.3).
const CLOCK_DESCRIPTION: u16 = 1;
/// C37.238: the organisation's identifier, and subtypes of its two editions.
const POWER_PROFILE: [u8; 5] = [0x1c, 0x12, 0x9d, 0, 0];

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("sync", Session),
    ("announce", Session),
    ("delay_req", Session),
    ("pdelay_req", Session),
    ("signaling", Session),
    ("management_get", Diagnose),
    ("management_set", Configure),
    ("management_command", Configure),
];

impl Dissector for Ptp {
    type State = ();

    const ROW: Row = Row {
        name: "ptp",
        revision: 1,
        spec: "IEEE 1588-2008, IEEE 1588-2019, IEEE C37.238",
        tells: "clock identities, grandmaster and its quality, maker, model and revisions of clocks; authentication",
        bindings: &[Binding::EtherType(0x88f7), Binding::Udp(319), Binding::Udp(320)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((_, header)) = header(head) else { return Gate::NotMine };
        let least = TYPES.iter().find(|row| row.0 == header.kind).map(|row| row.1);
        let fits = least.is_some_and(|least| header.length >= least && head.len() >= least);
        let nobody = header.clock.iter().all(|byte| matches!(byte, 0)) || header.clock.iter().all(|byte| *byte == 0xff);
        if fits && header.version == VERSION && !nobody { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match header(head).map(|(_, header)| header.kind) {
            Ok(SYNC | PDELAY_RESP | FOLLOW_UP | DELAY_RESP | PDELAY_RESP_FOLLOW_UP | ANNOUNCE) => Side::Server,
            Ok(DELAY_REQ) => Side::Client,
            Ok(MANAGEMENT) if action(head) == RESPONSE => Side::Server,
            Ok(MANAGEMENT) => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((_, header)) = header(head) else { return Glance::SKIP };
        let key = u32::from(header.kind) << 8 | u32::from(header.domain);
        let counted = |operation| Glance { operation: Some(operation), look: Look::Once(key), inner: None };
        match header.kind {
            SYNC => counted(0),
            ANNOUNCE => Glance { operation: Some(1), look: announced_anew(head), inner: None },
            DELAY_REQ => counted(2),
            PDELAY_REQ => counted(3),
            SIGNALING => counted(4),
            MANAGEMENT => match action(head) {
                0 => counted(5),
                1 => counted(6),
                3 => counted(7),
                _ => Glance::READ,
            },
            _ => Glance { operation: None, ..counted(0) },
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, header) = header(pdu)?;
        let message = pdu.get(..header.length).unwrap_or(pdu);
        let about = cx.sender_host();
        let saying = cx.say(&about, Kind::Identity).bytes(Field::ClockIdentity, header.clock);
        drop(saying.number(Field::ClockDomain, u64::from(header.domain), header.domain_byte));
        match header.kind {
            ANNOUNCE => announce(message, header.clock, &about, cx)?,
            MANAGEMENT if action(message) == RESPONSE => managed(message.get(48..).unwrap_or_default(), &about, cx)?,
            _ => {}
        }
        Ok(Next::Watch)
    }
}

struct Header<'a> {
    kind: u8,
    version: u8,
    length: usize,
    domain: u8,
    domain_byte: &'a [u8],
    clock: &'a [u8],
}

fn header(i: &[u8]) -> IResult<&[u8], Header<'_>> {
    let (rest, (kind, version, length, domain)) = (be_u8(), be_u8(), be_u16(), be_u8()).parse(i)?;
    let (rest, (_flags_correction_specific, clock, _port)) = (take(15usize), take(8usize), be_u16()).parse(rest)?;
    let (rest, _sequence_control_interval) = take(HEADER - 30).parse(rest)?;
    let header = Header {
        kind: kind & 0x0f,
        version: version & 0x0f,
        length: usize::from(length),
        domain,
        domain_byte: i.get(4..5).unwrap_or_default(),
        clock,
    };
    Ok((rest, header))
}

fn action(message: &[u8]) -> u8 {
    message.get(ACTION).map_or(0xff, |action| action & 0x0f)
}

/// New is another grandmaster, or another word about it: FNV-1a, only what is read again depends on it.
fn announced_anew(message: &[u8]) -> Look {
    let bytes = message.get(GRANDMASTER).unwrap_or_default().iter().chain(message.get(4));
    Look::Once(bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)))
}

/// Announce: whom a clock follows, which may be itself.
fn announce(message: &[u8], clock: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let at = |from: usize, to: usize| message.get(from..to).unwrap_or_default();
    if message.len() < ANNOUNCED {
        return Err(DissectError::Truncated { needed: ANNOUNCED - message.len() });
    }
    let mut saying = cx.say(about, Kind::Topology).bytes(Field::ClockIdentity, clock).bytes(Field::GrandmasterIdentity, at(53, 61));
    for (field, from) in
        [(Field::Priority1, 47), (Field::ClockClass, 48), (Field::ClockAccuracy, 49), (Field::Priority2, 52), (Field::TimeSource, 63)]
    {
        saying = saying.number(field, number(at(from, from + 1)), at(from, from + 1));
    }
    drop(saying);
    let mut authenticated = false;
    for (kind, value) in Elements::<2>::of(message.get(ANNOUNCED..).unwrap_or_default()) {
        authenticated |= AUTHENTICATION.contains(&kind);
        if kind == ORGANIZATION_EXTENSION && value.starts_with(&POWER_PROFILE) {
            let saying = cx.say(about, Kind::Service).implied(Field::ClockProfile, &Value::Text(b"IEEE C37.238".to_vec()));
            let id = value.get(6..8).unwrap_or_default();
            saying.number(Field::GrandmasterId, number(id), id);
        }
    }
    let method: &[u8] = if authenticated { b"ptp-authentication-tlv" } else { b"none" };
    cx.say(about, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(method.to_vec()));
    Ok(())
}

/// The TLV of a management response.
fn managed(tlvs: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Some((MANAGEMENT_TLV, value)) = Elements::<2>::of(tlvs).next() else { return Ok(()) };
    let (data, id) = be_u16::<_, nom::error::Error<&[u8]>>().parse(value)?;
    if id == CLOCK_DESCRIPTION { description(data, about, cx) } else { Ok(()) }
}

/// 15.5.3.1.2: product, revisions and user's words, each of parts between semicolons.
fn description(data: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (_type, _layer)) = (be_u16::<_, nom::error::Error<&[u8]>>(), text).parse(data)?;
    let (i, (_address, _protocol, _protocol_address)) = (counted, be_u16(), counted).parse(i)?;
    let (i, _manufacturer) = take::<_, _, nom::error::Error<&[u8]>>(4usize).parse(i)?;
    let mut saying = cx.say(about, Kind::Identity);
    let mut rest = i;
    for fields in [
        [Some(Field::VendorName), Some(Field::ModelName), Some(Field::SerialNumber)],
        [Some(Field::HardwareVersion), Some(Field::FirmwareVersion), Some(Field::SoftwareVersion)],
        [Some(Field::FriendlyName), Some(Field::Location), None],
    ] {
        let (i, words) = text(rest)?;
        rest = i;
        for (field, word) in fields.into_iter().zip(words.split(|byte| *byte == b';')) {
            // The instance may be named by its address, which is no serial number.
            let address = field == Some(Field::SerialNumber) && is_address(word);
            saying = match field.filter(|_| !address) {
                Some(field) => saying.trimmed(field, word),
                None => saying,
            };
        }
    }
    Ok(())
}

/// Whether a text is a MAC address or an EUI-64.
fn is_address(word: &[u8]) -> bool {
    let digits: Vec<&u8> = word.iter().filter(|byte| !matches!(byte, b':' | b'-' | b' ')).collect();
    matches!(digits.len(), 12 | 16) && digits.iter().all(|digit| digit.is_ascii_hexdigit())
}

/// PTPText (5.3.9): length and characters.
fn text(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, length) = be_u8().parse(i)?;
    take(length).parse(i)
}

/// An address with its length.
fn counted(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, length) = be_u16().parse(i)?;
    take(length).parse(i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload, read_frame};
    use observations::Transport;

    const CLOCK: [u8; 8] = [0x00, 0x80, 0xea, 0xff, 0xfe, 0x0b, 0x00, 0x01];

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind, VERSION];
        message.extend_from_slice(&u16::try_from(HEADER + body.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&[5, 0, 0, 0]);
        message.extend_from_slice(&[0; 12]);
        message.extend_from_slice(&CLOCK);
        message.extend_from_slice(&[0, 1, 0, 9, 5, 1]);
        [message.as_slice(), body].concat()
    }

    fn announce(tlvs: &[u8]) -> Vec<u8> {
        let body = [&[0; 10][..], &[0, 37, 0, 128, 6, 0x21, 0x4e, 0x5d, 128], &CLOCK, &[0, 0, 0x20], tlvs].concat();
        message(ANNOUNCE, &body)
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&[1, 0x1b, 0x19, 0, 0, 0, 0x00, 0x80, 0xea, 0x0b, 0, 1, 0x88, 0xf7][..], message].concat()
    }

    #[test]
    fn a_grandmaster_announces_itself_and_its_quality() {
        let said = read_frame(&Ptp, &framed(&announce(&[])));
        assert_eq!(field(&said, Kind::Identity, Field::ClockIdentity), ["0080eafffe0b0001"]);
        assert_eq!(field(&said, Kind::Topology, Field::GrandmasterIdentity), ["0080eafffe0b0001"]);
        assert_eq!(field(&said, Kind::Topology, Field::ClockClass), ["6"]);
        assert_eq!(field(&said, Kind::Topology, Field::TimeSource), ["32"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn the_power_profile_and_authentication_are_seen() {
        let profile = [0, 3, 0, 18, 0x1c, 0x12, 0x9d, 0, 0, 2, 0, 254, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0];
        let said = read_frame(&Ptp, &framed(&announce(&[&profile[..], &[0x80, 0x09, 0, 2, 0, 0]].concat())));
        assert_eq!(field(&said, Kind::Service, Field::ClockProfile), ["IEEE C37.238"]);
        assert_eq!(field(&said, Kind::Service, Field::GrandmasterId), ["254"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["ptp-authentication-tlv"]);
    }

    fn description() -> Vec<u8> {
        let texts = [&b"Example Clocks;XC-1000;0A0B0C77"[..], b"A2;1.4.2;2.0", b"GM-North;Control room"];
        let texts: Vec<u8> = texts.iter().flat_map(|text| [&[u8::try_from(text.len()).unwrap()], *text].concat()).collect();
        let data = [&[0x80, 0, 2, b'E', b'4', 0, 6, 0, 0x80, 0xea, 0x0b, 0, 1, 0, 1, 0, 4, 10, 0, 0, 1, 0, 0x80, 0xea, 0][..], &texts].concat();
        let tlv = [&[0, 1][..], &u16::try_from(data.len() + 2).unwrap().to_be_bytes(), &CLOCK_DESCRIPTION.to_be_bytes(), &data].concat();
        message(MANAGEMENT, &[&[0xff; 10][..], &[0, 0, RESPONSE, 0], &tlv].concat())
    }

    #[test]
    fn a_clock_that_is_asked_describes_itself() {
        let said = payload(&Ptp, Transport::Udp, 320, 50000, &description());
        assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["Example Clocks"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["XC-1000"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["1.4.2"]);
        assert_eq!(field(&said, Kind::Identity, Field::Location), ["Control room"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["0A0B0C77"]);
        assert!(is_address(b"00:80:EA:0b:00:01") && !is_address(b"TP41-203977"));
    }

    #[test]
    fn messages_have_their_names_and_settings_are_told_from_questions() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: 320, from_client: None };
        let name = |message: &[u8]| Ptp.glance(message, &at).operation.map(|at| OPERATIONS[usize::from(at)].0);
        let manage = |action| message(MANAGEMENT, &[&[0xff; 10][..], &[0, 0, action, 0, 0, 1, 0, 2, 0, 1]].concat());
        assert_eq!(name(&manage(0)), Some("management_get"));
        assert_eq!(name(&manage(1)), Some("management_set"));
        assert_eq!(name(&manage(2)), None);
        assert_eq!(name(&announce(&[])), Some("announce"));
    }

    #[test]
    fn a_cut_announce_keeps_the_clock_and_strangers_are_refused() {
        let whole = announce(&[]);
        assert_eq!(gate(&Ptp, &whole, 320), Gate::Mine);
        let first_version = [&[0, 1, 0, 1][..], &[b'_'; 60]].concat();
        for stranger in [&whole[..50], b"GET / HTTP/1.1\r\nHost: clock\r\nAccept: */*\r\n\r\n", &[0; 64], &first_version] {
            assert_eq!(gate(&Ptp, stranger, 320), Gate::NotMine);
        }
    }
}
