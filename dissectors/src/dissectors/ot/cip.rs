//! CIP explicit messages: what is asked of which object, through which chassis slots, and what Identity objects answer.
//!
//! Spec: ODVA CIP Volume 1 chapter 2-4 (messages), 3-5.5 (Connection Manager), 5A-2 (Identity), appendix A (services); tag services:
//! Rockwell Automation, Logix 5000 Controllers Data Access (1756-PM020).
//! Tells us: identity of modules behind a route; reads, writes, resets, connections.
//! Does not tell: who asks; where a connected message goes if the connection was opened before the capture began.

use super::cip_identity::Identity;
use super::cip_objects as objects;
use super::cip_path::{Path, Route, device};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::{le_u8, le_u16, le_u32};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Span, Value};

pub(crate) struct Cip;

/// The high bit of a service tells answers from questions (2-4.1).
const ANSWER: u8 = 0x80;
/// Answers: service, reserved, general status, words of additional status.
const ANSWER_HEADER: usize = 4;
const SUCCESS: u8 = 0;
/// Some attributes of a list failed; each says its own status.
const ATTRIBUTE_LIST_ERROR: u8 = 0x0a;

const IDENTITY_CLASS: u32 = 1;
const CONNECTION_MANAGER: u32 = 6;
const SYMBOL: u32 = 0x6b;
const PCCC: u32 = 0x67;
/// The key under which messages of the PCCC object are handed on: its class.
const UNDER_PCCC: u64 = 0x67;

const GET_ATTRIBUTES_ALL: u8 = 0x01;
const GET_ATTRIBUTE_LIST: u8 = 0x03;
const MULTIPLE_SERVICE_PACKET: u8 = 0x0a;
const GET_ATTRIBUTE_SINGLE: u8 = 0x0e;
const EXECUTE_PCCC: u8 = 0x4b;
const UNCONNECTED_SEND: u8 = 0x52;
const FORWARD_OPEN: u8 = 0x54;
const LARGE_FORWARD_OPEN: u8 = 0x5b;

/// Requests that wait for their answer, and connections whose route is remembered: a client has a handful of each; beyond this the oldest
/// is forgotten, and its answer says nothing.
const OPEN_MAX: usize = 32;
/// Messages in a Multiple Service Packet whose services are looked at.
const MESSAGES_MAX: usize = 64;

/// Where a service has its meaning.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// Appendix A: in any class.
    Any,
    Class(u32),
    /// Logix controllers: of a tag's name, or of class 0x6B.
    Tag,
}

/// Services, what they do, and their names.
const SERVICES: &[(Of, u8, OperationClass, &str)] = &[
    (Of::Class(CONNECTION_MANAGER), UNCONNECTED_SEND, OperationClass::Session, "unconnected_send"),
    (Of::Class(CONNECTION_MANAGER), FORWARD_OPEN, OperationClass::Session, "forward_open"),
    (Of::Class(CONNECTION_MANAGER), LARGE_FORWARD_OPEN, OperationClass::Session, "large_forward_open"),
    (Of::Class(CONNECTION_MANAGER), 0x4e, OperationClass::Session, "forward_close"),
    (Of::Class(PCCC), EXECUTE_PCCC, OperationClass::Read, "execute_pccc"),
    (Of::Tag, 0x4c, OperationClass::Read, "read_tag"),
    (Of::Tag, 0x4d, OperationClass::Write, "write_tag"),
    (Of::Tag, 0x4e, OperationClass::Write, "read_modify_write_tag"),
    (Of::Tag, 0x52, OperationClass::Read, "read_tag_fragmented"),
    (Of::Tag, 0x53, OperationClass::Write, "write_tag_fragmented"),
    (Of::Class(SYMBOL), 0x55, OperationClass::Read, "get_instance_attribute_list"),
    (Of::Any, GET_ATTRIBUTES_ALL, OperationClass::Read, "get_attributes_all"),
    (Of::Any, 0x02, OperationClass::Configure, "set_attributes_all"),
    (Of::Any, GET_ATTRIBUTE_LIST, OperationClass::Read, "get_attribute_list"),
    (Of::Any, 0x04, OperationClass::Configure, "set_attribute_list"),
    (Of::Any, 0x05, OperationClass::Control, "reset"),
    (Of::Any, 0x06, OperationClass::Control, "start"),
    (Of::Any, 0x07, OperationClass::Control, "stop"),
    (Of::Any, 0x08, OperationClass::Configure, "create"),
    (Of::Any, 0x09, OperationClass::Configure, "delete"),
    (Of::Any, MULTIPLE_SERVICE_PACKET, OperationClass::Session, "multiple_service_packet"),
    (Of::Any, 0x0d, OperationClass::Configure, "apply_attributes"),
    (Of::Any, GET_ATTRIBUTE_SINGLE, OperationClass::Read, "get_attribute_single"),
    (Of::Any, 0x10, OperationClass::Configure, "set_attribute_single"),
    (Of::Any, 0x11, OperationClass::Read, "find_next_object_instance"),
    (Of::Any, 0x15, OperationClass::Configure, "restore"),
    (Of::Any, 0x16, OperationClass::Configure, "save"),
    (Of::Any, 0x18, OperationClass::Read, "get_member"),
    (Of::Any, 0x19, OperationClass::Configure, "set_member"),
    (Of::Any, 0x00, OperationClass::Session, "other_service"),
];
const OTHER: usize = SERVICES.len() - 1;
const OPERATIONS: &[(&str, OperationClass)] = &names();

#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn names() -> [(&'static str, OperationClass); SERVICES.len()] {
    let (mut names, mut at) = ([("", OperationClass::Session); SERVICES.len()], 0);
    while at < SERVICES.len() {
        names[at] = (SERVICES[at].3, SERVICES[at].2);
        at += 1;
    }
    names
}

/// Requests and connections of a conversation.
#[derive(Default)]
pub(crate) struct Exchanges {
    open: Vec<(u128, Option<Asked>)>,
    connections: Vec<(u32, Route)>,
}

/// A request that waits for its answer. Two at a time that cannot be told apart are `None` in [`Exchanges`].
struct Asked {
    service: u8,
    what: What,
    /// Where it goes; `None` if that is not known.
    route: Option<Route>,
}

enum What {
    /// One attribute of an Identity object, or several.
    Identity(Option<u16>),
    /// One attribute of another object.
    Object(u32, u16),
    /// The connection path, and where it stands.
    Connection(Vec<u8>, Vec<Span>),
    Pccc,
    Other,
}

impl Dissector for Cip {
    type State = Exchanges;

    const ROW: Row = Row {
        name: "cip",
        revision: 2,
        spec: "ODVA CIP Volume 1; Rockwell Automation 1756-PM020",
        tells: "identity of modules behind a route; reads, writes, resets",
        bindings: &[Binding::Under("enip", 0)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let mine = match head {
            [service, 0, _status, words, ..] if service & ANSWER != 0 => head.len() >= ANSWER_HEADER + usize::from(*words) * 2,
            [service, ..] if service & ANSWER == 0 => request(head).is_ok_and(|(_, request)| request.path.is_some()),
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(service) if service & ANSWER != 0 => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let look = |service: u8| paired(service & !ANSWER);
        match head.first() {
            Some(service) if service & ANSWER != 0 => {
                let data = answer(head).ok().filter(|_| service & !ANSWER == EXECUTE_PCCC).map(|(data, _)| data);
                let inner = data.and_then(pccc).and_then(|message| handed_on(head, message));
                Glance { operation: None, look: if look(*service) { Look::Always } else { Look::Never }, inner }
            }
            Some(_) => {
                let Ok((_, request)) = request(head).map(unwrapped) else { return Glance::SKIP };
                let operation = operation(&request);
                let look = if look(request.service) { Look::Always } else { Look::Never };
                let inner = if is_pccc(&request) { pccc(request.data).and_then(|message| handed_on(head, message)) } else { None };
                Glance { operation: u16::try_from(operation).ok(), look, inner }
            }
            None => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut Exchanges, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if pdu.first().is_some_and(|service| service & ANSWER == 0) {
            asked(pdu, state, cx)?;
        } else {
            answered(pdu, state, cx)?;
        }
        Ok(Next::Watch)
    }
}

/// Services whose answers are brought together with their questions. The others' answers are told apart by their service.
const fn paired(service: u8) -> bool {
    matches!(service, GET_ATTRIBUTES_ALL | GET_ATTRIBUTE_LIST | GET_ATTRIBUTE_SINGLE | FORWARD_OPEN | LARGE_FORWARD_OPEN | EXECUTE_PCCC)
}

fn is_pccc(request: &Request<'_>) -> bool {
    request.service == EXECUTE_PCCC && request.class() == Some(PCCC)
}

/// 1756-RM005, PCCC object: the requester's identification with its length, which counts itself; then the message.
fn pccc(data: &[u8]) -> Option<&[u8]> {
    data.get(usize::from(*data.first()?)..)
}

/// Where a message stands that is handed on.
fn handed_on(head: &[u8], message: &[u8]) -> Option<(u64, usize)> {
    Some((UNDER_PCCC, message.as_ptr().addr().checked_sub(head.as_ptr().addr())?))
}

struct Request<'a> {
    service: u8,
    path: Option<Path>,
    data: &'a [u8],
    /// The path of an Unconnected Send that carried it.
    route: Option<&'a [u8]>,
}

/// Service, path with its length in words, data (2-4.1).
fn request(i: &[u8]) -> IResult<&[u8], Request<'_>> {
    let (i, (service, words)) = (le_u8(), le_u8()).parse(i)?;
    let (data, path) = take(usize::from(words) * 2).parse(i)?;
    Ok((&[], Request { service, path: Path::of(path), data, route: None }))
}

impl Request<'_> {
    fn class(&self) -> Option<u32> {
        self.path.as_ref().and_then(|path| path.class)
    }
}

/// The request inside an Unconnected Send, or the request itself.
fn unwrapped<'a>((rest, outer): (&'a [u8], Request<'a>)) -> (&'a [u8], Request<'a>) {
    if outer.service != UNCONNECTED_SEND || outer.class() != Some(CONNECTION_MANAGER) {
        return (rest, outer);
    }
    match embedded(outer.data) {
        Ok((rest, (message, route))) => match request(message) {
            Ok((_, inner)) => (rest, Request { route: Some(route), ..inner }),
            Err(_) => (rest, outer),
        },
        Err(_) => (rest, outer),
    }
}

/// 3-5.5.4: tick, ticks, message with its length and a pad, route with its length in words and a reserved byte.
fn embedded(i: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let (i, (_tick, _ticks, length)) = (le_u8(), le_u8(), le_u16()).parse(i)?;
    let (i, (message, _pad)) = (take(length), take(length % 2)).parse(i)?;
    let (i, (words, _reserved)) = (le_u8(), le_u8()).parse(i)?;
    let (i, route) = take(usize::from(words) * 2).parse(i)?;
    Ok((i, (message, route)))
}

/// The operation of a request; of several in one packet the first that changes something.
fn operation(request: &Request<'_>) -> usize {
    if request.service == MULTIPLE_SERVICE_PACKET
        && let Some(change) = messages(request.data).filter_map(|message| self::request(message).ok()).map(|(_, inner)| row(&inner)).find(changes)
    {
        return change;
    }
    row(request)
}

fn changes(row: &usize) -> bool {
    SERVICES.get(*row).is_some_and(|service| service.2 > OperationClass::Read)
}

fn row(request: &Request<'_>) -> usize {
    let class = request.class();
    let fits = |of: Of| match of {
        Of::Any => true,
        Of::Class(wanted) => class == Some(wanted),
        Of::Tag => class.is_none() || class == Some(SYMBOL),
    };
    SERVICES.iter().position(|service| service.1 == request.service && fits(service.0)).unwrap_or(OTHER)
}

/// 2-4.9: number of messages, offset of each from the number on.
fn messages(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = data.first_chunk().map_or(0, |count| usize::from(u16::from_le_bytes(*count)));
    let offsets = data.get(2..).unwrap_or_default().chunks_exact(2).take(count.min(MESSAGES_MAX));
    offsets.filter_map(|offset| data.get(usize::from(u16::from_le_bytes(*offset.first_chunk()?))..))
}

/// Remembers a request whose answer may say something.
fn asked(pdu: &[u8], state: &mut Exchanges, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (_, request) = request(pdu).map(unwrapped)?;
    let handed_on = is_pccc(&request);
    if let Some(message) = pccc(request.data).filter(|_| handed_on) {
        cx.under(UNDER_PCCC, message);
    }
    let Some(path) = request.path.filter(|_| paired(request.service)) else { return Ok(()) };
    let exchange = cx.exchange();
    // A route in the request's own path is no form in use.
    let direct = path.route.as_ref().is_some_and(Vec::is_empty);
    let mut route = match (request.route, exchange.connection) {
        _ if !direct => None,
        (Some(route), _) => Path::of(route).and_then(|path| path.route),
        (None, None) => Some(Route::new()),
        (None, Some(id)) => state.connections.iter().find(|connection| connection.0 == id).map(|connection| connection.1.clone()),
    };
    let what = match (path.class, path.instance, request.service) {
        (Some(IDENTITY_CLASS), Some(1), GET_ATTRIBUTES_ALL | GET_ATTRIBUTE_LIST) => What::Identity(None),
        (Some(IDENTITY_CLASS), Some(1), GET_ATTRIBUTE_SINGLE) => What::Identity(path.attribute.and_then(|attribute| u16::try_from(attribute).ok())),
        (Some(class), Some(1), GET_ATTRIBUTE_SINGLE) => match path.attribute.and_then(|attribute| u16::try_from(attribute).ok()) {
            Some(attribute) if objects::is_known(class, attribute) => What::Object(class, attribute),
            _ => What::Other,
        },
        (Some(CONNECTION_MANAGER), _, FORWARD_OPEN | LARGE_FORWARD_OPEN) => {
            let (_, path) = connection_path(request.service, request.data)?;
            route = Path::of(path).and_then(|path| path.route);
            What::Connection(path.to_vec(), cx.spans_of(path))
        }
        _ if handed_on => What::Pccc,
        _ => What::Other,
    };
    let asked = Asked { service: request.service, what, route };
    if let Some(open) = state.open.iter_mut().find(|open| open.0 == exchange.transaction) {
        open.1 = None;
        return Ok(());
    }
    if state.open.len() >= OPEN_MAX {
        state.open.remove(0);
    }
    state.open.push((exchange.transaction, Some(asked)));
    Ok(())
}

/// 3-5.5.2: the connection path of Forward_Open, or Large_Forward_Open with its wider parameters.
fn connection_path(service: u8, i: &[u8]) -> IResult<&[u8], &[u8]> {
    let parameters = if service == LARGE_FORWARD_OPEN { 4usize } else { 2 };
    let (i, (_tick, _ticks, _to_target, _to_originator)) = (le_u8(), le_u8(), le_u32(), le_u32()).parse(i)?;
    let (i, (_serial, _vendor, _originator, _multiplier)) = (le_u16(), le_u16(), le_u32(), take(4usize)).parse(i)?;
    let (i, (_interval, _to_target)) = (le_u32(), take(parameters)).parse(i)?;
    let (i, (_interval, _to_originator)) = (le_u32(), take(parameters)).parse(i)?;
    let (i, (_trigger, words)) = (le_u8(), le_u8()).parse(i)?;
    take(usize::from(words) * 2).parse(i)
}

/// Service, reserved, status, additional status, data (2-4.2).
fn answer(i: &[u8]) -> IResult<&[u8], (u8, u8)> {
    let (i, (service, _reserved, status, words)) = (le_u8(), le_u8(), le_u8(), le_u8()).parse(i)?;
    let (data, _additional) = take(usize::from(words) * 2).parse(i)?;
    Ok((data, (service & !ANSWER, status)))
}

fn answered(pdu: &[u8], state: &mut Exchanges, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (data, (service, status)) = answer(pdu)?;
    let transaction = cx.exchange().transaction;
    let Some(at) = state.open.iter().position(|open| open.0 == transaction) else { return Ok(()) };
    let Some(asked) = state.open.remove(at).1 else { return Ok(()) };
    let Some(route) = asked.route.filter(|_| asked.service == service) else { return Ok(()) };
    let about = device(&cx.sender(), &route, cx);
    match (asked.what, service, status) {
        // Of a controller behind a route the messages are counted, and not read: they would be taken for the server's.
        (What::Pccc, _, SUCCESS) if route.is_empty() => {
            if let Some(message) = pccc(data) {
                cx.under(UNDER_PCCC, message);
            }
        }
        (What::Identity(_), GET_ATTRIBUTES_ALL, SUCCESS) => Identity::all(data).say(&about, cx),
        (What::Identity(_), GET_ATTRIBUTE_LIST, SUCCESS | ATTRIBUTE_LIST_ERROR) => Identity::list(data).say(&about, cx),
        (What::Identity(Some(attribute)), GET_ATTRIBUTE_SINGLE, SUCCESS) => {
            if let Some(identity) = Identity::one(attribute, data) {
                identity.say(&about, cx);
            }
        }
        (What::Object(class, attribute), GET_ATTRIBUTE_SINGLE, SUCCESS) => objects::say(class, attribute, data, &about, cx),
        (What::Connection(path, spans), _, SUCCESS) => {
            let (_, id) = le_u32::<_, nom::error::Error<&[u8]>>().parse(data)?;
            state.connections.retain(|connection| connection.0 != id);
            if state.connections.len() >= OPEN_MAX {
                state.connections.remove(0);
            }
            if let Some((_, slot)) = route.last() {
                let slot = Value::Number(u64::from(*slot));
                cx.stitched(&path, &[(path.len(), spans)], "request", |path, cx| {
                    drop(cx.say(&about, Kind::Part).decoded(Field::Slot, &slot, path, "cip-route"))
                });
            }
            state.connections.push((id, route));
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::enip::Enip;
    use super::*;
    use crate::testing::{conversation_of, field};
    use observations::{Observation, StepKind, Transport};

    /// SendRRData with an unconnected message.
    fn unconnected(context: u8, message: &[u8]) -> Vec<u8> {
        let length = u8::try_from(message.len()).unwrap();
        let data = [&[0, 0, 0, 0, 8, 0, 2, 0, 0, 0, 0, 0, 0xb2, 0, length, 0], message].concat();
        encapsulated(0x6f, context, &data)
    }

    /// SendUnitData with a connected message.
    fn connected(connection: u8, sequence: u8, message: &[u8]) -> Vec<u8> {
        let length = u8::try_from(message.len() + 2).unwrap();
        let data = [&[0, 0, 0, 0, 0, 0, 2, 0, 0xa1, 0, 4, 0, connection, 0, 0, 1, 0xb1, 0, length, 0, sequence, 0], message].concat();
        encapsulated(0x70, 0, &data)
    }

    fn encapsulated(command: u8, context: u8, data: &[u8]) -> Vec<u8> {
        let length = u8::try_from(data.len()).unwrap();
        let header = [command, 0, length, 0, 7, 7, 7, 7, 0, 0, 0, 0, context, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        [&header[..], data].concat()
    }

    const GET_ALL: &[u8] = &[GET_ATTRIBUTES_ALL, 2, 0x20, 1, 0x24, 1];
    const ALL: &[u8] = &[
        0x81, 0, 0, 0, // answer, success
        1, 0, 0x0e, 0, 0x36, 0, 20, 11, 0x60, 0x31, 0x1a, 0x06, 0x6c, 0x00, // vendor to serial number
        4, b'L', b'6', b'1', b' ', // name
    ];

    /// A request in an Unconnected Send through port 1 to a slot.
    fn through(slot: u8, message: &[u8]) -> Vec<u8> {
        let length = u8::try_from(message.len()).unwrap();
        [&[UNCONNECTED_SEND, 2, 0x20, 6, 0x24, 1, 5, 0x9d, length, 0], message, &[1, 0, 1, slot]].concat()
    }

    fn said(payloads: &[(bool, Vec<u8>)]) -> Vec<Observation> {
        let payloads: Vec<(u16, u16, &[u8])> =
            payloads.iter().map(|(up, data)| if *up { (50000, 44818, &data[..]) } else { (44818, 50000, &data[..]) }).collect();
        conversation_of(&[&Enip, &Cip], Transport::Tcp, &payloads)
    }

    #[test]
    fn an_identity_behind_a_route_is_a_part_of_the_server() {
        let said = said(&[(true, unconnected(1, &through(3, GET_ALL))), (false, unconnected(1, ALL))]);
        let identity = said.iter().find(|said| said.kind == Kind::Identity && said.protocol == "cip").unwrap();
        let path: Vec<(StepKind, u64)> = identity.about.path.iter().map(|step| (step.kind, step.number)).collect();
        assert_eq!(path, [(StepKind::CipPort, 1), (StepKind::CipSlot, 3)]);
        assert_eq!(field(&said, Kind::Identity, Field::ProductName), ["L61"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["006C061A"]);
        assert_eq!(field(&said, Kind::State, Field::CipStatus), ["12640"]);
    }

    #[test]
    fn an_answer_without_its_question_says_nothing() {
        let alone = said(&[(false, unconnected(1, ALL))]);
        assert!(alone.iter().all(|said| said.protocol != "cip"));
        let other = said(&[(true, unconnected(2, GET_ALL)), (false, unconnected(1, ALL))]);
        assert!(other.iter().all(|said| said.protocol != "cip"));
        let class = said(&[(true, unconnected(1, &[GET_ATTRIBUTES_ALL, 2, 0x20, 0xf5, 0x24, 1])), (false, unconnected(1, ALL))]);
        assert!(class.iter().all(|said| said.protocol != "cip"));
    }

    #[test]
    fn two_questions_that_cannot_be_told_apart_say_nothing() {
        let said = said(&[
            (true, unconnected(1, &through(0, GET_ALL))),
            (true, unconnected(1, &through(1, GET_ALL))),
            (false, unconnected(1, ALL)),
            (false, unconnected(1, ALL)),
        ]);
        assert!(said.iter().all(|said| said.protocol != "cip"));
    }

    #[test]
    fn one_attribute_and_a_list_of_them_are_read() {
        let single = said(&[
            (true, unconnected(1, &[GET_ATTRIBUTE_SINGLE, 3, 0x20, 1, 0x24, 1, 0x30, 6])),
            (false, unconnected(1, &[0x8e, 0, 0, 0, 0x1a, 6, 0x6c, 0])),
        ]);
        assert_eq!(field(&single, Kind::Identity, Field::SerialNumber), ["006C061A"]);
        let list = said(&[
            (true, unconnected(1, &[GET_ATTRIBUTE_LIST, 2, 0x20, 1, 0x24, 1, 2, 0, 1, 0, 4, 0])),
            (false, unconnected(1, &[0x83, 0, 0, 0, 2, 0, 1, 0, 0, 0, 1, 0, 4, 0, 0, 0, 20, 11])),
        ]);
        assert_eq!(field(&list, Kind::Identity, Field::CipVendorId), ["1"]);
        assert_eq!(field(&list, Kind::Identity, Field::FirmwareVersion), ["20.11"]);
    }

    #[test]
    fn attributes_of_the_interface_and_of_security_are_read() {
        let one = |class: u8, attribute: u8, value: &[u8]| {
            let answer = [&[0x8e, 0, 0, 0], value].concat();
            said(&[(true, unconnected(1, &[GET_ATTRIBUTE_SINGLE, 3, 0x20, class, 0x24, 1, 0x30, attribute])), (false, unconnected(1, &answer))])
        };
        assert_eq!(field(&one(0xf5, 6, b"\x05\0plc-7\0"), Kind::Identity, Field::Hostname), ["plc-7"]);
        assert_eq!(field(&one(0xf6, 3, &[0, 0, 0xbc, 1, 2, 3]), Kind::Identity, Field::MacAddress), ["00:00:bc:01:02:03"]);
        assert_eq!(field(&one(0x5e, 1, &[4]), Kind::Security, Field::EnipSecurityState), ["4"]);
        assert!(one(0xf5, 1, &[1, 0, 0, 0]).iter().all(|said| said.protocol != "cip"));
    }

    #[test]
    fn a_connection_remembers_its_route() {
        let mut open = vec![FORWARD_OPEN, 2, 0x20, 6, 0x24, 1, 6, 0x9b, 0, 0, 0, 0, 1, 0, 0, 0x80, 1, 0, 0x4d, 0, 1, 2, 3, 4, 2, 0, 0, 0];
        open.extend_from_slice(&[0x80, 0x84, 0x1e, 0, 0xf8, 0x43, 0x80, 0x84, 0x1e, 0, 0xf8, 0x43, 0xa3, 3, 1, 5, 0x20, 2, 0x24, 1]);
        let opened = [0xd4, 0, 0, 0, 9, 0, 0, 1, 1, 0, 0, 0x80];
        let known =
            said(&[(true, unconnected(1, &open)), (false, unconnected(1, &opened)), (true, connected(9, 1, GET_ALL)), (false, connected(1, 1, ALL))]);
        assert_eq!(field(&known, Kind::Part, Field::Slot), ["5"]);
        assert_eq!(field(&known, Kind::Identity, Field::ProductName), ["L61"]);
        let unknown = said(&[(true, connected(9, 1, GET_ALL)), (false, connected(1, 1, ALL))]);
        assert!(field(&unknown, Kind::Identity, Field::ProductName).is_empty());
    }

    #[test]
    fn operations_are_those_of_the_inner_request() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 44818, from_client: Some(true) };
        let name = |message: &[u8]| Cip.glance(message, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
        let write = b"\x4d\x04\x91\x05SPEED\0\xc4\0\x01\0\x01\0\0\0";
        assert_eq!(name(write), Some("write_tag"));
        assert_eq!(name(&through(0, write)), Some("write_tag"));
        assert_eq!(name(&[&[0x0a, 2, 0x20, 2, 0x24, 1, 2, 0, 6, 0, 12, 0][..], GET_ALL, write].concat()), Some("write_tag"));
        assert_eq!(name(&[0x0a, 2, 0x20, 2, 0x24, 1, 0, 0]), Some("multiple_service_packet"));
        assert_eq!(name(&[0x4b, 2, 0x20, 0x67, 0x24, 1, 7]), Some("execute_pccc"));
        assert_eq!(name(&[0x05, 2, 0x20, 1, 0x24, 1]), Some("reset"));
        assert_eq!(name(&[0x4c, 2, 0x20, 0xb2, 0x24, 1]), Some("other_service"));
    }
}
