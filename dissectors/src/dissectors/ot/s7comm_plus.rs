//! S7comm-plus, which S7-1200 and S7-1500 controllers speak with their engineering stations and panels.
//!
//! Spec: no public one. Header, opcodes, functions and attribute numbers as T. Wiens' s7comm-plus plugin for Wireshark documents them.
//! Tells us: order number and firmware version, as the controller opens a session, and the serial number where its identification is read;
//! names of clients; which version of the protocol is used, how it is protected, and which functions.
//! Does not tell: anything once the session is inside TLS; what is read or written.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Subject, Value};

pub(crate) struct S7commPlus;

const PROTOCOL: u8 = 0x72;
/// Protocol, version, length. A message ends with the same again without a length; the pieces of a long one but the last do not.
const HEADER: usize = 4;
/// With version 3 each message begins with a digest and its length.
const VERSION_DIGEST: u8 = 3;
const DIGEST: u8 = 32;
const KEEP_ALIVE: u8 = 0xfe;
const EXTENDED_KEEP_ALIVE: u8 = 0xff;

const REQUEST: u8 = 0x31;
const RESPONSE: u8 = 0x32;
const NOTIFICATION: u8 = 0x33;
const CREATE_OBJECT: u16 = 0x04ca;

const GET_VAR_SUB_STREAMED: u16 = 0x0586;
const INIT_SSL: u16 = 0x05b3;

/// What precedes a client's name in the session object that it asks for: attribute 298, flags, type string.
const CLIENT_STRING: [u8; 4] = [0x82, 0x2a, 0x00, 0x15];
/// What begins an I&M0 record (IEC 61158-6-10 §5.2.9): type, length, and the version behind it.
const IM0: [u8; 4] = [0x00, 0x20, 0x00, 0x38];
/// Vendor (2) and order number (20) stand before the serial number (16) there, then hardware revision (2) and software revision (4).
const IM0_ORDER_NUMBER: std::ops::Range<usize> = 8..28;
const IM0_SERIAL: std::ops::Range<usize> = 28..44;
/// An order number has 20 bytes.
const ORDER_NUMBER_MAX: usize = 20;

/// What precedes the system's version string in a session object: attribute 319 (as a variable-length number), flags, type string.
const SYSTEM_STRING: [u8; 4] = [0x82, 0x3f, 0x00, 0x15];

const FUNCTIONS: &[u16] =
    &[0x04bb, CREATE_OBJECT, 0x04d4, 0x04f2, 0x0524, 0x0542, 0x054c, 0x0556, 0x0560, 0x056b, 0x057c, 0x0586, 0x0590, 0x059a, 0x05a9, 0x05b3];
/// Their names, then what is none of them.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("explore", OperationClass::Read),
    ("create_object", OperationClass::Session),
    ("delete_object", OperationClass::Session),
    ("set_variable", OperationClass::Write),
    ("get_link", OperationClass::Read),
    ("set_multi_variables", OperationClass::Write),
    ("get_multi_variables", OperationClass::Read),
    ("begin_sequence", OperationClass::Session),
    ("end_sequence", OperationClass::Session),
    ("invoke", OperationClass::Control),
    ("set_var_sub_streamed", OperationClass::Write),
    ("get_var_sub_streamed", OperationClass::Read),
    ("get_variables_address", OperationClass::Session),
    ("abort", OperationClass::Session),
    ("error", OperationClass::Session),
    ("init_ssl", OperationClass::Session),
    ("other_function", OperationClass::Session),
];
const OTHER: usize = FUNCTIONS.len();

/// The order number that the controller said of itself.
#[derive(Default)]
pub(crate) struct Session {
    order_number: Vec<u8>,
}

impl Dissector for S7commPlus {
    type State = Session;

    const ROW: Row = Row {
        name: "s7comm-plus",
        revision: 2,
        spec: "T. Wiens, s7comm-plus plugin for Wireshark",
        tells: "order number, firmware, serial number of S7-1200 and S7-1500; clients' names; protection; functions used",
        bindings: &[Binding::Under("cotp", 0)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[PROTOCOL, version, high, low]) = head.first_chunk::<HEADER>() else { return Gate::NotMine };
        let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
        // Keep-alives have no length: a sequence number stands there.
        let known = match version {
            1..=VERSION_DIGEST => head.len() <= length || head.get(length..).is_some_and(|rest| rest == [PROTOCOL, version, 0, 0]),
            KEEP_ALIVE | EXTENDED_KEEP_ALIVE => true,
            _ => false,
        };
        if known { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match message(head) {
            Ok((_, Message { opcode: REQUEST, .. })) => Side::Client,
            Ok((_, Message { opcode: RESPONSE | NOTIFICATION, .. })) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((_, message)) = message(head) else { return Glance::SKIP };
        let index = FUNCTIONS.iter().position(|function| *function == message.function).unwrap_or(OTHER);
        let operation = u16::try_from(index).ok().filter(|_| message.opcode == REQUEST);
        let look = match (message.opcode, message.function) {
            (RESPONSE | REQUEST, CREATE_OBJECT) | (RESPONSE, GET_VAR_SUB_STREAMED | INIT_SSL) => Look::Always,
            (RESPONSE, _) => Look::Once(u32::from(message.version)),
            _ => Look::Never,
        };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if matches!(pdu.get(1), Some(&(KEEP_ALIVE | EXTENDED_KEEP_ALIVE))) {
            return Ok(Next::Watch);
        }
        let (body, message) = message(pdu)?;
        if (message.opcode, message.function) == (REQUEST, CREATE_OBJECT) {
            client(body, cx);
        }
        if message.opcode == RESPONSE {
            let about = cx.sender();
            let version = pdu.get(1..2).unwrap_or_default();
            cx.say(&about, Kind::Service).number(Field::ProtocolVersion, message.version.into(), version);
            protection(&message, version, &about, cx);
            match message.function {
                CREATE_OBJECT => session(body, state, cx),
                GET_VAR_SUB_STREAMED => identification(body, state, cx),
                _ => {}
            }
        }
        Ok(Next::Watch)
    }
}

/// What protects a session: TLS from the answer to InitSSL on; a digest in each message of version 3; nothing before.
fn protection(message: &Message, version: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let level: &[u8] = match (message.function, message.version) {
        (INIT_SSL, _) => return drop(cx.say(about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(b"tls".to_vec()))),
        (_, VERSION_DIGEST) => b"digest",
        (CREATE_OBJECT, _) => return,
        _ => b"none",
    };
    cx.say(about, Kind::Security).decoded(Field::SecurityLevel, &Value::Text(level.to_vec()), version, "s7-plus-version");
}

struct Message {
    version: u8,
    opcode: u8,
    function: u16,
}

/// Header, digest with version 3, opcode, reserved, function.
fn message(i: &[u8]) -> IResult<&[u8], Message> {
    let (i, (_protocol, version, _length)) = (be_u8(), be_u8(), be_u16()).parse(i)?;
    let (i, _digest) = match i {
        [DIGEST, rest @ ..] if version == VERSION_DIGEST => take(DIGEST).parse(rest)?,
        _ => (i, &[][..]),
    };
    let (i, (opcode, _reserved, function)) = (be_u8(), be_u16(), be_u16()).parse(i)?;
    Ok((i, Message { version, opcode, function }))
}

/// A string of a session object: behind its attribute and type its length, a variable-length number; strings of 128 bytes and more are
/// none of these.
fn string(body: &[u8], attribute: [u8; 4]) -> Option<&[u8]> {
    let at = body.windows(attribute.len()).position(|window| window == attribute)?;
    let (length, rest) = body.get(at + attribute.len()..)?.split_first()?;
    let text = rest.get(..usize::from(*length)).filter(|_| *length < 0x80)?;
    text.iter().all(|byte| (0x20..0x7f).contains(byte)).then_some(text)
}

/// What a client calls its station, as it asks for a session.
fn client(body: &[u8], cx: &mut Context<'_>) {
    if let Some(name) = string(body, CLIENT_STRING) {
        let about = cx.sender();
        cx.say(&about, Kind::Client).trimmed(Field::ClientName, name);
    }
}

/// An I&M0 record that is read from the controller. It may be a module's: only where it has the controller's own order number it is told.
fn identification(body: &[u8], state: &Session, cx: &mut Context<'_>) {
    let Some(at) = body.windows(IM0.len()).position(|window| window == IM0) else { return };
    let record = body.get(at..).unwrap_or_default();
    let (Some(order), Some(serial)) = (record.get(IM0_ORDER_NUMBER), record.get(IM0_SERIAL)) else { return };
    if !state.order_number.is_empty() && trim(order) == state.order_number {
        let about = cx.sender();
        cx.say(&about, Kind::Identity).trimmed(Field::OrderNumber, order).trimmed(Field::SerialNumber, serial);
    }
}

/// The session object that the controller creates: among its attributes the system's version string, `1;order number;Vversion`.
fn session(body: &[u8], state: &mut Session, cx: &mut Context<'_>) {
    let Some(text) = string(body, SYSTEM_STRING) else { return };
    let mut parts = text.split(|byte| *byte == b';');
    let (Some([b'0'..=b'9']), Some(order), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else { return };
    if !matches!(version, [b'V', b'0'..=b'9', ..]) {
        return;
    }
    let about = cx.sender();
    state.order_number = trim(order).get(..ORDER_NUMBER_MAX).unwrap_or(trim(order)).to_vec();
    cx.say(&about, Kind::Identity).text(Field::OrderNumber, trim(order)).text(Field::FirmwareVersion, trim(version));
}

const _: () = assert!(OPERATIONS.len() == FUNCTIONS.len() + 1);

#[cfg(test)]
mod tests {
    use super::super::{cotp::Cotp, tpkt::Tpkt};
    use super::*;
    use crate::testing::{conversation_of, field};
    use observations::{Observation, Transport};

    fn session_response() -> Vec<u8> {
        let mut body = vec![
            0x32, 0, 0, 0x04, 0xca, // response, CreateObject
            0, 0, 0, 1, 0x36, 0x11, 2, // sequence, flags, object ids
            0x82, 0x3f, 0x00, 0x15, 0x1b, // attribute 319, a string of 27 bytes
        ];
        body.extend_from_slice(b"1;6ES7 211-1BE31-0XB0 ;V3.0");
        body.extend_from_slice(&[0x82, 0x40, 0x00, 0x15, 5]);
        body.extend_from_slice(b"2;288");
        let mut message = vec![0x72, 1];
        message.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&body);
        message.extend_from_slice(&[0x72, 1, 0, 0]);
        message
    }

    /// The message in DTs of so many bytes.
    fn packets(message: &[u8], piece: usize) -> Vec<u8> {
        let pieces = message.chunks(piece).enumerate();
        pieces
            .flat_map(|(index, bytes)| {
                let last = (index + 1) * piece >= message.len();
                let length = u8::try_from(bytes.len() + 7).unwrap();
                [&[3, 0, 0, length, 2, 0xf0, if last { 0x80 } else { 0 }][..], bytes].concat()
            })
            .collect()
    }

    fn said(payload: &[u8]) -> Vec<Observation> {
        conversation_of(&[&Tpkt, &Cotp, &S7commPlus], Transport::Tcp, &[(102, 50000, payload)])
    }

    #[test]
    fn a_session_says_order_number_and_firmware() {
        let said = said(&packets(&session_response(), 200));
        assert_eq!(field(&said, Kind::Identity, Field::OrderNumber), ["6ES7 211-1BE31-0XB0"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["V3.0"]);
        assert_eq!(field(&said, Kind::Service, Field::ProtocolVersion), ["1"]);
    }

    /// An answer with an I&M0 record of an order number.
    fn identification_response(order: &[u8; 20]) -> Vec<u8> {
        let mut body = vec![0x32, 0, 0, 0x05, 0x86, 0, 0, 0, 4, 0x34, 0, 0, 0x14, 0, 0x3c, 0, 0x20, 0, 0x38, 1, 0, 0, 0x2a];
        body.extend_from_slice(order);
        body.extend_from_slice(b"SZVBDYXX017700  \0\x02V\x02\x02\0");
        body.resize(80, 0);
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[0x72, 2, length[0], length[1]], &body[..], &[0x72, 2, 0, 0]].concat()
    }

    #[test]
    fn a_serial_number_is_told_where_the_record_is_the_controllers_own() {
        let read = |order| {
            let session = packets(&session_response(), 200);
            let record = packets(&identification_response(order), 200);
            conversation_of(&[&Tpkt, &Cotp, &S7commPlus], Transport::Tcp, &[(102, 50000, &session), (102, 50000, &record)])
        };
        assert_eq!(field(&read(b"6ES7 211-1BE31-0XB0 "), Kind::Identity, Field::SerialNumber), ["SZVBDYXX017700"]);
        assert!(field(&read(b"6ES7 223-1PL30-0XB0 "), Kind::Identity, Field::SerialNumber).is_empty());
        assert_eq!(field(&read(b"6ES7 211-1BE31-0XB0 "), Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn a_client_names_its_station() {
        let mut body = vec![0x31, 0, 0, 0x04, 0xca, 0, 0, 0, 1, 0xa3, 0x82, 0x2a, 0x00, 0x15, 6];
        body.extend_from_slice(b"ENG-07");
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        let message = [&[0x72, 1, length[0], length[1]], &body[..], &[0x72, 1, 0, 0]].concat();
        let said = conversation_of(&[&Tpkt, &Cotp, &S7commPlus], Transport::Tcp, &[(50000, 102, &packets(&message, 200))]);
        assert_eq!(field(&said, Kind::Client, Field::ClientName), ["ENG-07"]);
    }

    #[test]
    fn a_message_over_several_data_units_is_put_together() {
        let said = said(&packets(&session_response(), 24));
        assert_eq!(field(&said, Kind::Identity, Field::OrderNumber), ["6ES7 211-1BE31-0XB0"]);
    }

    #[test]
    fn a_string_of_another_form_says_nothing() {
        let mut other = session_response();
        let at = other.iter().position(|byte| *byte == b';').unwrap();
        other[at] = b':';
        assert!(field(&said(&packets(&other, 200)), Kind::Identity, Field::OrderNumber).is_empty());
    }

    #[test]
    fn a_truncated_message_keeps_its_version() {
        let said = said(&packets(&session_response()[..20], 200));
        assert_eq!(field(&said, Kind::Service, Field::ProtocolVersion), ["1"]);
        assert!(field(&said, Kind::Identity, Field::OrderNumber).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 102, from_client: None };
        for stranger in [&[0x72, 1, 0, 1, 0x31, 0, 0][..], &[0x32, 1, 0, 0, 0, 1, 0, 2, 0, 0, 4, 1], &[0; 20], b"rhythm", &[0x16, 3, 1, 0]] {
            assert_eq!(S7commPlus.gate(stranger, &at), Gate::NotMine);
        }
    }
}
