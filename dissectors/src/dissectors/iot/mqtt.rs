//! MQTT: which machines publish and subscribe what, and whether the broker asks who they are.
//!
//! Spec: OASIS MQTT 3.1.1 and 5.0; MQTT V3.1 Protocol Specification (IBM, 2010); Eclipse Sparkplug 3.0.0.
//! Tells us: client identifiers, protocol version, the first levels of topics and filters, refused and anonymous log-ins, credentials in
//! the clear; of Sparkplug edge nodes and their devices group, identifiers, maker, model, firmware and system.
//! Does not tell: what is published beside births; whose a client is behind a bridge.

use super::mqtt_sparkplug as sparkplug;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::tlv::hash;
use nom::bytes::take;
use nom::multi::length_data;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct Mqtt;

const PORT: u16 = 1883;
/// §2.2.1: types of packets.
const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const PINGREQ: u8 = 12;
const DISCONNECT: u8 = 14;
const AUTH: u8 = 15;
/// §2.2.3: the remaining length has at most four bytes of seven bits.
const LENGTH_BYTES_MAX: usize = 4;
/// Topics are kept to their second level, which names plant and line or maker and device; what follows is measured values.
const LEVELS: usize = 2;
/// Two levels that are longer name no place.
const TOPIC_MAX: usize = 128;
/// Clients subscribe to a handful of filters at a time.
const FILTERS_MAX: usize = 32;
/// 5.0 §2.2.2: properties that are read.
const ASSIGNED_CLIENT_IDENTIFIER: u64 = 0x12;
const AUTHENTICATION_METHOD: u64 = 0x15;
/// 5.0 lists 27 properties, one of which may come again and again.
const PROPERTIES_MAX: usize = 64;

/// §2.2.1: packets that a client sends; the index is that of [`OPERATIONS`].
const ASKED: &[u8] = &[CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT, AUTH];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("connect", OperationClass::Session),
    ("publish", OperationClass::Write),
    ("subscribe", OperationClass::Read),
    ("unsubscribe", OperationClass::Session),
    ("pingreq", OperationClass::Session),
    ("disconnect", OperationClass::Session),
    ("auth", OperationClass::Session),
];

impl Dissector for Mqtt {
    type State = Session;

    const ROW: Row = Row {
        name: "mqtt",
        revision: 1,
        spec: "OASIS MQTT 3.1.1 and 5.0, Eclipse Sparkplug 3.0.0",
        tells: "client identifiers, topics, anonymous and plain log-ins, Sparkplug makers and models",
        bindings: &[Binding::Tcp(PORT), Binding::Under("websocket", crate::websocket::MQTT)],
        shapes: &[
            // A CONNECT: the protocol's name behind a remaining length of one or two bytes.
            shape(&[(0, 0xff, 0x10), (2, 0xff, 0), (3, 0xff, 4), (4, 0xff, b'M'), (5, 0xff, b'Q'), (6, 0xff, b'T'), (7, 0xff, b'T')]),
            shape(&[(0, 0xff, 0x10), (3, 0xff, 0), (4, 0xff, 4), (5, 0xff, b'M'), (6, 0xff, b'Q'), (7, 0xff, b'T'), (8, 0xff, b'T')]),
            shape(&[(0, 0xff, 0x10), (2, 0xff, 0), (3, 0xff, 6), (4, 0xff, b'M'), (5, 0xff, b'Q'), (6, 0xff, b'I'), (7, 0xff, b's')]),
            shape(&[(0, 0xff, 0x10), (3, 0xff, 0), (4, 0xff, 6), (5, 0xff, b'M'), (6, 0xff, b'Q'), (7, 0xff, b'I'), (8, 0xff, b's')]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let (mut rest, mut packets) = (head, 0);
        while !rest.is_empty() {
            let Ok((behind, header)) = header(rest) else { break };
            let body = behind.get(..header.length).unwrap_or(behind);
            if !header.is_valid() || !agrees(&header, body) {
                return Gate::NotMine;
            }
            packets += 1;
            rest = behind.get(header.length..).unwrap_or_default();
        }
        match (packets, head.first()) {
            (0, Some(first)) if head.len() > LENGTH_BYTES_MAX || !(Header { first: *first, length: 0 }).has_flags() => Gate::NotMine,
            (0, _) => Gate::More,
            _ => Gate::Mine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first().map_or(0, |first| first >> 4) {
            CONNECT | SUBSCRIBE | UNSUBSCRIBE | PINGREQ => Side::Client,
            CONNACK | 9 | 11 | 13 => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Ok((body, header)) = header(head) else {
            return if head.len() > LENGTH_BYTES_MAX { Framing::Lost } else { Framing::Need(head.len() + 1) };
        };
        if !header.is_valid() {
            return Framing::Lost;
        }
        let before = head.len() - body.len();
        let len = before.saturating_add(header.length);
        if header.kind() != PUBLISH {
            return Framing::Pdu { len, want: len };
        }
        let Some((topic_length, rest)) = body.split_first_chunk::<2>() else { return Framing::Need(before + 2) };
        let topic_length = usize::from(u16::from_be_bytes(*topic_length));
        let want = before.saturating_add(2).saturating_add(topic_length);
        match rest.get(..topic_length) {
            None if want <= len => Framing::Need(want),
            None => Framing::Lost,
            // Of what is published only births are read.
            Some(topic) => Framing::Pdu { len, want: if sparkplug::Birth::of(topic).is_some() { len } else { want } },
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Ok((body, header)) = header(head) else { return Glance::READ };
        let index = ASKED.iter().position(|kind| *kind == header.kind()).filter(|_| at.from_client != Some(false));
        let look = match header.kind() {
            PUBLISH => topic_of(body)
                .map_or(Look::Never, |topic| if sparkplug::Birth::of(topic).is_some() { Look::Always } else { Look::Once(hash(levels(topic))) }),
            4..=7 | PINGREQ | 13 => Look::Never,
            _ => Look::Always,
        };
        Glance { operation: index.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (body, header) = header(pdu)?;
        let body = body.get(..header.length).unwrap_or(body);
        match header.kind() {
            CONNECT => connect(body, session, cx)?,
            CONNACK => connack(body, session, cx)?,
            PUBLISH => publish(&header, body, cx)?,
            SUBSCRIBE => subscribe(body, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 14, max: usize::MAX }
}

/// How a client asked to be let in, until the server has answered.
#[derive(Default)]
pub(crate) struct Session {
    asked: Option<Asked>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Anonymously,
    WithCredentials,
}

/// §2.2: the fixed header.
struct Header {
    first: u8,
    length: usize,
}

impl Header {
    const fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// Table 2.2: flags that are fixed, and of PUBLISH the quality of service 3, which there is not.
    const fn has_flags(&self) -> bool {
        match self.kind() {
            0 => false,
            PUBLISH => self.first & 6 != 6,
            6 | SUBSCRIBE | UNSUBSCRIBE => self.first & 15 == 2,
            _ => self.first & 15 == 0,
        }
    }

    /// Flags, and what each packet holds at least.
    const fn is_valid(&self) -> bool {
        let length = match self.kind() {
            CONNECT => self.length >= 12,
            PUBLISH | 9 => self.length >= 3,
            CONNACK | 4..=7 | 11 => self.length >= 2,
            SUBSCRIBE | UNSUBSCRIBE => self.length >= 5,
            PINGREQ | 13 => self.length == 0,
            _ => true,
        };
        self.has_flags() && length
    }
}

fn header(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, first) = be_u8().parse(i)?;
    let (i, length) = variable(i)?;
    Ok((i, Header { first, length: usize::try_from(length).unwrap_or(usize::MAX) }))
}

/// §2.2.3: seven bits a byte, the lowest first.
fn variable(i: &[u8]) -> IResult<&[u8], u64> {
    let (mut i, mut number) = (i, 0);
    for shift in 0..LENGTH_BYTES_MAX {
        let (rest, byte) = be_u8().parse(i)?;
        i = rest;
        number |= u64::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return Ok((i, number));
        }
    }
    Err(nom::Err::Error(nom::error::Error::new(i, nom::error::ErrorKind::TooLarge)))
}

/// §1.5.3: a length of two bytes, then so many.
fn string(i: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u16()).parse(i)
}

/// Whether a body, as far as it is there, is what its packet demands.
fn agrees(header: &Header, body: &[u8]) -> bool {
    let identifier = || matches!(body, [high, low, ..] if *high != 0 || *low != 0) || body.len() < 2;
    match header.kind() {
        CONNECT => {
            let level = |name: &[u8]| body.get(2 + name.len()).is_some_and(|level| matches!(level & 0x7f, 3..=5));
            (body.starts_with(b"\x00\x04MQTT") && level(b"MQTT")) || (body.starts_with(b"\x00\x06MQIsdp") && level(b"MQIsdp"))
        }
        // Session present, then a code: of 3.1.1 up to 5, of 5.0 0 or an error, and properties.
        CONNACK => match body {
            [0 | 1, 0..=5] => header.length == 2,
            [0 | 1, 0 | 0x80..=0x9f, ..] => header.length > 2,
            _ => false,
        },
        PUBLISH => begins_with_topic(header, body),
        4..=7 | SUBSCRIBE | UNSUBSCRIBE => identifier(),
        9 => identifier() && body.get(2..).unwrap_or_default().last().is_none_or(|code| matches!(code, 0..=2 | 0x80..=0xa2)),
        11 => identifier(),
        DISCONNECT | AUTH => header.length < 256,
        _ => header.length == 0,
    }
}

/// A topic that fits its packet; of one that is cut what is there.
fn begins_with_topic(header: &Header, body: &[u8]) -> bool {
    let Some((length, rest)) = body.split_first_chunk::<2>() else { return body.len() < header.length };
    let length = usize::from(u16::from_be_bytes(*length));
    match rest.get(..length) {
        _ if length == 0 || length + 2 > header.length => false,
        Some(topic) => is_topic(topic),
        None => !rest.iter().any(|byte| byte.is_ascii_control() || matches!(byte, b'+' | b'#')),
    }
}

fn topic_of(body: &[u8]) -> Option<&[u8]> {
    string(body).ok().map(|(_, topic)| topic)
}

/// §4.7: no wildcards and no controls in the name of a topic; and nobody's is not UTF-8.
fn is_topic(topic: &[u8]) -> bool {
    let plain = std::str::from_utf8(topic).is_ok_and(|text| !text.chars().any(|c| c.is_control() || matches!(c, '+' | '#')));
    !topic.is_empty() && plain
}

/// The first levels of a topic or filter. A shared subscription's name (5.0 §4.8.2) stands before its filter.
fn levels(topic: &[u8]) -> &[u8] {
    let topic = match topic.strip_prefix(b"$share/") {
        Some(shared) => shared.iter().position(|byte| *byte == b'/').and_then(|at| shared.get(at + 1..)).unwrap_or(shared),
        None => topic,
    };
    // A topic may begin with an empty level.
    let from = usize::from(topic.first() == Some(&b'/'));
    let slashes = topic.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'/');
    let end = slashes.map(|(at, _)| at).nth(LEVELS - 1).unwrap_or(topic.len()).min(TOPIC_MAX);
    topic.get(..end).unwrap_or(topic)
}

/// §3.1.
fn connect(body: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (client, server) = (cx.sender_host(), cx.receiver());
    let (i, _name) = string(body)?;
    let (i, level) = take::<_, _, nom::error::Error<&[u8]>>(1usize).parse(i)?;
    let (i, flags_byte) = take::<_, _, nom::error::Error<&[u8]>>(1usize).parse(i)?;
    let (i, keep_alive) = take::<_, _, nom::error::Error<&[u8]>>(2usize).parse(i)?;
    let (version, flags) = (level.first().map_or(0, |level| level & 0x7f), flags_byte.first().copied().unwrap_or(0));
    let (i, properties) = if version == 5 { length_data(variable).parse(i)? } else { (i, &[][..]) };
    let (i, id) = string(i)?;
    let saying = cx.say(&client, Kind::Client).text(Field::MqttClientId, id).number(Field::ProtocolVersion, version.into(), level);
    drop(saying.number(Field::KeepAlive, crate::tlv::number(keep_alive), keep_alive));
    let (user_flag, password_flag, will) = (flags & 0x80 != 0, flags & 0x40 != 0, flags & 4 != 0);
    let method = property(properties, AUTHENTICATION_METHOD);
    let credentials = user_flag || password_flag || method.is_some();
    session.asked = Some(if credentials { Asked::WithCredentials } else { Asked::Anonymously });
    if let Some(method) = method {
        cx.say(&client, Kind::Security).text(Field::AuthenticationMethod, method);
    } else if credentials {
        let word = if password_flag { "password" } else { "user-name" };
        cx.say(&client, Kind::Security).decoded(Field::AuthenticationMethod, &Value::Text(word.into()), flags_byte, "mqtt-connect-flags");
    }
    let i = if will { will_of(i, version, &client, cx)? } else { i };
    let (i, user) = if user_flag { string(i)? } else { (i, &[][..]) };
    if password_flag {
        let (_, password) = string(i)?;
        cx.secret(&server, "mqtt password", Some(user).filter(|_| user_flag), password);
    }
    Ok(())
}

/// §3.1.2.5: what the broker shall publish when the client is lost.
fn will_of<'i>(i: &'i [u8], version: u8, client: &Subject, cx: &mut Context<'_>) -> Result<&'i [u8], DissectError> {
    let (i, _properties) = if version == 5 { length_data(variable).parse(i)? } else { (i, &[][..]) };
    let (i, topic) = string(i)?;
    cx.say(client, Kind::Client).text(Field::MqttTopic, levels(topic));
    let (i, _message) = string(i)?;
    Ok(i)
}

/// 5.0 §2.2.2: the value of a property that is a string, if it is there. What follows an unknown property cannot be read.
fn property(properties: &[u8], wanted: u64) -> Option<&[u8]> {
    let mut rest = properties;
    for _ in 0..PROPERTIES_MAX {
        let (i, id) = variable(rest).ok()?;
        let fixed = match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => 1,
            0x13 | 0x21..=0x23 => 2,
            0x02 | 0x11 | 0x18 | 0x27 => 4,
            0x0b => i.len() - variable(i).ok()?.0.len(),
            0x26 => {
                let (i, _name) = string(i).ok()?;
                rest = string(i).ok()?.0;
                continue;
            }
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => {
                let (i, value) = string(i).ok()?;
                if id == wanted {
                    return Some(value);
                }
                rest = i;
                continue;
            }
            _ => return None,
        };
        rest = i.get(fixed..)?;
    }
    None
}

/// §3.2: whether the server lets in, and whom.
fn connack(body: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (server, client) = (cx.sender(), cx.receiver_host());
    let (i, _session_present) = be_u8::<_, nom::error::Error<&[u8]>>().parse(body)?;
    let (i, code) = take::<_, _, nom::error::Error<&[u8]>>(1usize).parse(i)?;
    // 3.1.1: bad user name or password, not authorized; 5.0 the same, and bad authentication method.
    let word = match (code.first(), session.asked.take()) {
        (Some(0), Some(Asked::Anonymously)) => "anonymous",
        (Some(0), Some(Asked::WithCredentials)) => "password",
        (Some(4 | 5 | 0x86 | 0x87 | 0x8c), _) => "required",
        _ => "",
    };
    if !word.is_empty() {
        let saying = cx.say(&server, Kind::Security);
        let saying = saying.decoded(Field::AuthenticationMethod, &Value::Text(word.into()), code, "mqtt-return-code");
        drop(saying.implied(Field::SecurityLevel, &Value::Text("none".into())));
    }
    if !i.is_empty() {
        let (_, properties) = length_data(variable).parse(i)?;
        if let Some(id) = property(properties, ASSIGNED_CLIENT_IDENTIFIER) {
            cx.say(&client, Kind::Client).text(Field::MqttClientId, id);
        }
    }
    Ok(())
}

/// §3.3. What the server passes on was said by somebody else.
fn publish(header: &Header, body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    if cx.from_client() == Some(false) {
        return Ok(());
    }
    let (i, topic) = string(body)?;
    if !is_topic(topic) {
        return Ok(());
    }
    let client = cx.sender_host();
    let Some(birth) = sparkplug::Birth::of(topic) else {
        cx.say(&client, Kind::Client).text(Field::MqttTopic, levels(topic));
        return Ok(());
    };
    let (i, _identifier) = if header.first & 6 == 0 { (i, &[][..]) } else { take(2usize).parse(i)? };
    birth.read(&client, i, cx);
    Ok(())
}

/// §3.8. Filters with options of one byte each; in 5.0 properties stand before them: the reading that comes out even is right.
fn subscribe(body: &[u8], cx: &mut Context<'_>) {
    let client = cx.sender_host();
    let Some(payload) = body.get(2..) else { return };
    let newer = || length_data(variable).parse(payload).ok().and_then(|(i, _): (&[u8], &[u8])| filters(i));
    for filter in filters(payload).or_else(newer).unwrap_or_default() {
        cx.say(&client, Kind::Request).text(Field::MqttTopicFilter, levels(filter));
    }
}

fn filters(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut rest, mut filters) = (payload, Vec::new());
    while !rest.is_empty() {
        let (i, filter) = string(rest).ok()?;
        let (_, i) = i.split_first()?;
        if filter.is_empty() {
            return None;
        }
        if filters.len() < FILTERS_MAX {
            filters.push(filter);
        }
        rest = i;
    }
    Some(filters).filter(|filters| !filters.is_empty())
}

#[cfg(test)]
mod tests;
