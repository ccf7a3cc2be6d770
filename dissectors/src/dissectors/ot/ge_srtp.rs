//! SRTP, the service request transport of GE controllers: what a controller is, how it runs, and what is done to it.
//!
//! Spec: no public one. G. Denton et al., "Leveraging the SRTP protocol for over-the-network memory acquisition of a GE Fanuc Series
//! 90-30", DFRWS 2017; CISA's icsnpp-ge-srtp (BSD-3); GE Fanuc GFK-0529 (SNP), whose services these are. Held against what
//! gesrtp-py notes of an RX3i CPE330: connections begin with zeros, the header says how long the text is that follows it in a segment
//! of its own, and the mailbox names the slot.
//! Tells us: the controller's id and type numbers, its program, state and privilege level; reads, writes, starts, stops, transfers.
//! Does not tell: model and firmware in words; who asks (a privilege level may have a password).

use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{be_u16, le_u16, u8};
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct GeSrtp;

const PORT: u16 = 18245;
/// DFRWS tables 1 and 4: every message has 56 bytes, then text as long as its header says.
const HEADER: usize = 56;
const TEXT_MAX: usize = 0x2000;
/// The first byte: connection asked for and granted, then requests and replies.
const INITIALIZE: u8 = 0;
const INITIALIZED: u8 = 1;
const REQUEST: u8 = 2;
const REPLY: u8 = 3;
/// Message types, byte 31: a request without and with text, acknowledgements without and with text, an error.
const SHORT: u8 = 0xc0;
const LONG: u8 = 0x80;
const ACKNOWLEDGED: u8 = 0xd4;
const ACKNOWLEDGED_WITH_TEXT: u8 = 0x94;
const REFUSED: u8 = 0xd1;
/// Where service and its data stand: with text they give way to its mailbox.
const SHORT_SERVICE: usize = 42;
const LONG_SERVICE: usize = 50;

const RETURN_PROGRAM_NAMES: u8 = 0x03;
const CHANGE_PRIVILEGE_LEVEL: u8 = 0x21;
const RETURN_CONTROLLER_TYPE: u8 = 0x43;
/// Passwords, names of controllers and programs fill eight bytes.
const NAME: usize = 8;
/// A client has one request open, or a few; beyond this the oldest is forgotten, and its answer says nothing.
const OPEN_MAX: usize = 16;

const OTHER: u32 = 0x100;
const ERROR_RESPONSE: u32 = 0x101;
const INITIALIZATION: u32 = 0x102;
/// DFRWS table 2.
const SERVICES: &[Code] = &[
    (0x00, "plc_short_status", Diagnose),
    (0x03, "return_control_program_names", Diagnose),
    (0x04, "read_system_memory", Read),
    (0x05, "read_task_memory", Read),
    (0x06, "read_program_memory", Read),
    (0x07, "write_system_memory", Write),
    (0x08, "write_task_memory", Write),
    (0x09, "write_program_block_memory", Write),
    (0x20, "programmer_logon", Session),
    (0x21, "change_plc_cpu_privilege_level", Session),
    (0x22, "set_control_id", Configure),
    (0x23, "set_plc_state", Control),
    (0x24, "set_plc_time_date", Configure),
    (0x25, "return_plc_time_date", Diagnose),
    (0x38, "return_fault_table", Diagnose),
    (0x39, "clear_fault_table", Configure),
    (0x3f, "program_store", Program),
    (0x40, "program_load", Program),
    (0x43, "return_controller_type_and_id", Diagnose),
    (0x44, "toggle_force_system_memory", Write),
    (OTHER, "other_service", Session),
    (ERROR_RESPONSE, "error_response", Session),
    (INITIALIZATION, "initialize", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ SERVICES.len() }>(SERVICES);

/// Requests that wait: sequence number and service. Two that cannot be told apart are `None`.
#[derive(Default)]
pub(crate) struct Questions {
    open: Vec<(u8, Option<u8>)>,
    /// State and privilege level as they were last said: each reply repeats them.
    status: Option<(Option<u8>, Option<u8>)>,
}

impl Dissector for GeSrtp {
    type State = Questions;

    const ROW: Row = Row {
        name: "ge-srtp",
        revision: 1,
        spec: "Denton et al., DFRWS 2017; CISA icsnpp-ge-srtp; GE Fanuc GFK-0529",
        tells: "controller id and type, program, state, privilege level; reads, writes, starts, stops, transfers",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[Shape {
            over: Transport::Tcp,
            // Request or reply, a length below 8 KiB, and reserved bytes.
            bytes: &[(0, 0xfe, 2), (1, 0xff, 0), (3, 0xff, 0), (5, 0xe0, 0), (6, 0xff, 0), (7, 0xff, 0), (8, 0xff, 0), (10, 0xff, 0), (11, 0xff, 0)],
            min: HEADER,
            max: usize::MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((_, message)) = message(head) else { return Gate::NotMine };
        let kind = match message.kind {
            REQUEST => {
                matches!(message.message_type, SHORT | LONG) && message.service().is_some_and(|service| codes::knows(SERVICES, service.into()))
            }
            REPLY => matches!(message.message_type, ACKNOWLEDGED | ACKNOWLEDGED_WITH_TEXT | REFUSED),
            _ => false,
        };
        // Controllers send header and text apart.
        let rest = head.get(HEADER..).unwrap_or_default();
        let whole = rest.is_empty() || rest.len() < message.length || rest.get(message.length..).is_some_and(follows);
        if kind && whole && message.reserved == [0; 3] { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&(INITIALIZE | REQUEST)) => Side::Client,
            Some(&(INITIALIZED | REPLY)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match message(head) {
            Ok((_, message)) if message.kind <= REPLY && message.length <= TEXT_MAX => {
                Framing::Pdu { len: HEADER + message.length, want: HEADER + message.length }
            }
            Ok(_) => Framing::Lost,
            Err(_) => Framing::Need(HEADER),
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((_, message)) = message(head) else { return Glance::SKIP };
        match message.kind {
            REQUEST => {
                let service = message.service().unwrap_or(0);
                let operation = codes::find(SERVICES, service.into()).or_else(|| codes::find(SERVICES, OTHER));
                let always = matches!(service, RETURN_PROGRAM_NAMES | CHANGE_PRIVILEGE_LEVEL | RETURN_CONTROLLER_TYPE);
                Glance { operation, look: if always { Look::Always } else { Look::Once(service.into()) }, inner: None }
            }
            REPLY => {
                let failed = message.message_type == REFUSED;
                // Text may be the answer to what was kept; state and privilege level stand in each reply, and are new once.
                let named = message.message_type == ACKNOWLEDGED_WITH_TEXT;
                let status = u32::from(message.state().unwrap_or(0)) << 8 | u32::from(message.privilege().unwrap_or(0));
                let look = if named { Look::Always } else { Look::Once(1 << 16 | status) };
                Glance { operation: codes::find(SERVICES, ERROR_RESPONSE).filter(|_| failed), look, inner: None }
            }
            INITIALIZE => Glance { operation: codes::find(SERVICES, INITIALIZATION), look: Look::Never, inner: None },
            _ => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut Questions, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (text, message) = message(pdu)?;
        match message.kind {
            REQUEST => asked(&message, state, cx),
            REPLY => answered(&message, text, state, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

struct Message<'a> {
    kind: u8,
    sequence: u8,
    /// Of the text behind the header.
    length: usize,
    reserved: &'a [u8],
    message_type: u8,
    header: &'a [u8],
}

/// DFRWS tables 1 and 4; the length has two bytes, as icsnpp-ge-srtp reads it.
fn message(i: &[u8]) -> IResult<&[u8], Message<'_>> {
    let (text, header) = take(HEADER).parse(i)?;
    let (rest, (kind, _, sequence, _)) = (u8(), u8(), u8(), u8()).parse(header)?;
    let (rest, (length, reserved)) = (le_u16(), take(3usize)).parse(rest)?;
    let (_, (_, message_type)) = (take(22usize), u8()).parse(rest)?;
    Ok((text, Message { kind, sequence, length: length.into(), reserved, message_type, header }))
}

impl Message<'_> {
    fn service(&self) -> Option<u8> {
        self.header.get(if self.message_type == LONG { LONG_SERVICE } else { SHORT_SERVICE }).copied()
    }

    /// Acknowledgements end with the controller's status: privilege level at 51, status word at 54.
    fn privilege(&self) -> Option<u8> {
        self.header.get(51).copied().filter(|_| matches!(self.message_type, ACKNOWLEDGED | ACKNOWLEDGED_WITH_TEXT))
    }

    /// GFK-0529 table 3-8: the highest four bits of the status word.
    fn state(&self) -> Option<u8> {
        self.header.get(55).map(|high| high >> 4).filter(|_| matches!(self.message_type, ACKNOWLEDGED | ACKNOWLEDGED_WITH_TEXT))
    }
}

/// Whether what follows a message in one segment is another, or nothing.
const fn follows(rest: &[u8]) -> bool {
    matches!(rest, [] | [REQUEST | REPLY, 0, ..])
}

fn asked(message: &Message<'_>, state: &mut Questions, cx: &mut Context<'_>) {
    let Some(service) = message.service() else { return };
    if service == CHANGE_PRIVILEGE_LEVEL {
        let at = if message.message_type == LONG { LONG_SERVICE } else { SHORT_SERVICE } + 2;
        let password = message.header.get(at..at + NAME).map(crate::context::trim).unwrap_or_default();
        if !password.is_empty() {
            let holder = cx.receiver();
            cx.secret(&holder, "srtp privilege level", None, password);
        }
    }
    if let Some(open) = state.open.iter_mut().find(|open| open.0 == message.sequence) {
        open.1 = open.1.filter(|known| *known == service);
        return;
    }
    if state.open.len() >= OPEN_MAX {
        state.open.remove(0);
    }
    state.open.push((message.sequence, Some(service)));
}

fn answered(message: &Message<'_>, text: &[u8], state: &mut Questions, cx: &mut Context<'_>) {
    let about = cx.sender();
    let status = Some((message.state(), message.privilege()));
    if message.message_type != REFUSED && state.status != status {
        state.status = status;
        say_status(message, &about, cx);
    }
    let question = state.open.iter().position(|open| open.0 == message.sequence).and_then(|at| state.open.remove(at).1);
    if message.message_type != ACKNOWLEDGED_WITH_TEXT {
        return;
    }
    match question {
        Some(RETURN_CONTROLLER_TYPE) => controller(text, &about, cx),
        Some(RETURN_PROGRAM_NAMES) => {
            if let Some(name) = text.get(..NAME).and_then(name) {
                cx.say(&about, Kind::Identity).text(Field::ApplicationName, name);
            }
        }
        _ => {}
    }
}

fn say_status(message: &Message<'_>, about: &Subject, cx: &mut Context<'_>) {
    if let (Some(level), Some(byte)) = (message.privilege(), message.header.get(51..52)) {
        cx.say(about, Kind::Security).number(Field::PrivilegeLevel, level.into(), byte);
    }
    let mode: &[u8] = match message.state() {
        Some(0) => b"run",
        Some(1) => b"run with outputs disabled",
        Some(2) => b"stop",
        Some(3) => b"stop by fault",
        Some(4) => b"halted",
        Some(5) => b"suspended",
        Some(6) => b"stop with inputs and outputs enabled",
        _ => return,
    };
    let byte = message.header.get(55..56).unwrap_or_default();
    cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), byte, "snp-state");
}

/// GFK-0529, Return Controller Type and ID Information: the controller's id, its major and minor type.
fn controller(text: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let parts = (take::<_, _, nom::error::Error<&[u8]>>(NAME), take(2usize)).parse(text);
    let Ok((_, (id, kind))) = parts else { return };
    let Ok((_, number)) = be_u16::<_, nom::error::Error<&[u8]>>().parse(kind) else { return };
    // An id that was never set is empty.
    let (id, empty) = (name(id), id.iter().all(|byte| *byte == 0));
    if id.is_some() || empty {
        cx.say(about, Kind::Identity).maybe(id, |saying, id| saying.text(Field::ModuleName, id)).number(Field::ModelCode, number.into(), kind);
    }
}

/// A name padded with NULs.
fn name(field: &[u8]) -> Option<&[u8]> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (text, rest) = field.split_at_checked(end)?;
    let plain = !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') && rest.iter().all(|byte| *byte == 0);
    plain.then_some(crate::context::trim(text)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};

    fn request(sequence: u8, service: u8, data: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HEADER];
        (message[0], message[2], message[9], message[17], message[30], message[31]) = (REQUEST, sequence, 1, 1, sequence, SHORT);
        message[36..40].copy_from_slice(&[0x10, 0x0e, 0, 0]);
        (message[40], message[41], message[42]) = (1, 1, service);
        message[43..43 + data.len()].copy_from_slice(data);
        message
    }

    fn reply(sequence: u8, text: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HEADER];
        message[0] = REPLY;
        message[2] = sequence;
        message[4] = u8::try_from(text.len()).unwrap();
        message[31] = if text.is_empty() { ACKNOWLEDGED } else { ACKNOWLEDGED_WITH_TEXT };
        (message[40], message[41], message[51], message[55]) = (1, 1, 2, 0x20);
        [&message, text].concat()
    }

    #[test]
    fn a_controller_says_its_id_and_type_though_its_text_comes_apart() {
        let answer = reply(7, b"PUMP7\0\0\0\x10\x37\x01\0\0\0");
        for port in [PORT, 4711] {
            let said = conversation(
                &GeSrtp,
                Transport::Tcp,
                &[(50000, port, &request(7, RETURN_CONTROLLER_TYPE, &[])), (port, 50000, &answer[..HEADER]), (port, 50000, &answer[HEADER..])],
            );
            assert_eq!(field(&said, Kind::Identity, Field::ModuleName), ["PUMP7"]);
            assert_eq!(field(&said, Kind::Identity, Field::ModelCode), ["4151"]);
            assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["stop"]);
            assert_eq!(field(&said, Kind::Security, Field::PrivilegeLevel), ["2"]);
        }
    }

    #[test]
    fn registers_are_no_identity() {
        let said = conversation(&GeSrtp, Transport::Tcp, &[(50000, PORT, &request(7, 4, &[8])), (PORT, 50000, &reply(7, b"PUMP7\0\0\0\x10\x37"))]);
        assert!(field(&said, Kind::Identity, Field::ModuleName).is_empty());
    }

    #[test]
    fn a_program_is_named_and_a_password_is_not_quoted() {
        let said = conversation(
            &GeSrtp,
            Transport::Tcp,
            &[
                (50000, PORT, &request(1, CHANGE_PRIVILEGE_LEVEL, b"\x04secret")),
                (PORT, 50000, &reply(1, &[])),
                (50000, PORT, &request(2, RETURN_PROGRAM_NAMES, &[])),
                (PORT, 50000, &reply(2, b"MIXING\0\0")),
            ],
        );
        assert_eq!(field(&said, Kind::Identity, Field::ApplicationName), ["MIXING"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["srtp privilege level"]);
        assert!(said.iter().all(|said| !said.fields.iter().any(|value| value.value.display().contains("secret") && value.field != Field::SecretUse)));
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
        let name = |message: &[u8]| GeSrtp.glance(message, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&request(1, 0x23, &[1])), Some("set_plc_state"));
        let mut write = request(1, 0, &[]);
        (write[31], write[50]) = (LONG, 7);
        assert_eq!(name(&write), Some("write_system_memory"));
        let mut refused = reply(1, &[]);
        refused[31] = REFUSED;
        assert_eq!(name(&refused), Some("error_response"));
    }

    #[test]
    fn strangers_and_cut_messages_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: controller.plant.example\r\nAccept: */*\r\n\r\n"[..], &[0; 60], &[2; 80], &reply(1, &[])[..40]] {
            assert_eq!(gate(&GeSrtp, stranger, PORT), Gate::NotMine);
        }
    }
}
