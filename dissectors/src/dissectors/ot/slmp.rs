//! SLMP, the MELSEC communication protocol: what a controller is, and what is done to it.
//!
//! Spec: Mitsubishi SH-080956 (SLMP Reference Manual); CLPA BAP-C2006-003 (SLMP).
//! Tells us: model and model code; remote passwords; reads, writes, runs, stops, resets, files.
//! Does not tell: serial number and firmware; who asks (a remote password is the only authentication, and it is sent in clear).

use super::slmp_frame::{Digits, Frame, begins, frame, is_type_name};
use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Transport, Value};

pub(crate) struct Slmp;

const READ_TYPE_NAME: u16 = 0x0101;
const PASSWORD_UNLOCK: u16 = 0x1630;
const PASSWORD_LOCK: u16 = 0x1631;
/// End code: the port is locked with a remote password (SH-080956 appendix, end codes).
const LOCKED: u16 = 0xc201;
/// Characters of a type name; two bytes of code follow.
const TYPE_NAME: usize = 16;
/// End code, name and code in binary, and in digits.
const TYPE_NAME_LENGTHS: [usize; 2] = [2 + TYPE_NAME + 2, 4 + TYPE_NAME + 4];
/// A client has one request open, or a few numbered ones; more are forgotten, and their answers say nothing.
const OPEN_MAX: usize = 16;
/// A type name is asked for and answered at once; what comes later answers something else.
const ANSWER_NS_MAX: i64 = 10_000_000_000;

const ERROR_RESPONSE: u32 = 0x1_0000;
const OTHER: u32 = 0x1_0001;

const COMMANDS: &[Code] = &[
    (0x0101, "read_type_name", Diagnose),
    (0x0201, "file_info_read", Program),
    (0x0205, "drive_state_read", Diagnose),
    (0x0206, "file_read_type_a", Program),
    (0x0401, "device_read", Read),
    (0x0403, "device_read_random", Read),
    (0x0406, "device_read_block", Read),
    (0x041a, "array_label_read", Read),
    (0x041c, "label_read_random", Read),
    (0x0601, "extend_unit_read", Read),
    (0x0613, "memory_read", Read),
    (0x0619, "self_test", Diagnose),
    (0x0801, "entry_monitor_device", Read),
    (0x0802, "execute_monitor", Read),
    (0x0e28, "device_identification_get", Diagnose),
    (0x0e29, "node_data_monitoring", Read),
    (0x0e30, "node_search", Diagnose),
    (0x0e31, "ip_address_set", Configure),
    (0x0e32, "device_info_compare", Diagnose),
    (0x0e33, "parameter_get", Diagnose),
    (0x0e34, "parameter_set", Configure),
    (0x0e35, "parameter_set_start", Configure),
    (0x0e36, "parameter_set_end", Configure),
    (0x0e3a, "parameter_set_cancel", Configure),
    (0x0e44, "status_read", Diagnose),
    (0x0e45, "communication_setting_get", Diagnose),
    (0x0e53, "status_read2", Diagnose),
    (0x1001, "remote_run", Control),
    (0x1002, "remote_stop", Control),
    (0x1003, "remote_pause", Control),
    (0x1005, "remote_latch_clear", Control),
    (0x1006, "remote_reset", Control),
    (0x1201, "file_info_modify", Program),
    (0x1202, "file_new_type_a", Program),
    (0x1203, "file_write_type_a", Program),
    (0x1204, "file_lock", Program),
    (0x1205, "file_delete_type_a", Program),
    (0x1206, "file_copy_type_a", Program),
    (0x1401, "device_write", Write),
    (0x1402, "device_write_random", Write),
    (0x1406, "device_write_block", Write),
    (0x141a, "array_label_write", Write),
    (0x141b, "label_write_random", Write),
    (0x1601, "extend_unit_write", Write),
    (0x1613, "memory_write", Write),
    (0x1617, "clear_error", Control),
    (0x1619, "clear_error_history", Configure),
    (0x161a, "event_history_clear", Configure),
    (0x1630, "remote_password_unlock", Session),
    (0x1631, "remote_password_lock", Session),
    (0x1810, "read_directory_file", Program),
    (0x1811, "search_directory_file", Program),
    (0x1820, "file_new", Program),
    (0x1822, "file_delete", Program),
    (0x1824, "file_copy", Program),
    (0x1825, "file_change_state", Program),
    (0x1826, "file_change_date", Program),
    (0x1827, "file_open", Program),
    (0x1828, "file_read", Program),
    (0x1829, "file_write", Program),
    (0x182a, "file_close", Program),
    (0x2101, "on_demand", Session),
    (0x3040, "communication_test", Diagnose),
    (0x3050, "cable_test", Diagnose),
    (0x3061, "event_history_get", Diagnose),
    (0x3070, "remote_control", Control),
    (0x3119, "node_info_get", Diagnose),
    (0x3206, "cyclic_own_stop", Control),
    (0x3207, "cyclic_own_start", Control),
    (0x3208, "cyclic_other_stop", Control),
    (0x3209, "cyclic_other_start", Control),
    (0x4020, "can_object_access", Configure),
    (ERROR_RESPONSE, "error_response", Session),
    (OTHER, "other_command", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ COMMANDS.len() }>(COMMANDS);

/// Requests that wait for their answers. Frames without a serial number can only answer the last one: two at a time are `None`.
#[derive(Default)]
pub(crate) struct Questions(Vec<(Option<u16>, Option<Asked>)>);

#[derive(Clone, Copy)]
struct Asked {
    command: u16,
    time: i64,
}

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)], min: usize) -> Shape {
    Shape { over, bytes, min, max: usize::MAX }
}

/// Subheader, a CPU or module of the route (high byte 0 to 3), a short length.
const BINARY_3E: &[(usize, u8, u8)] = &[(0, 0x7f, 0x50), (1, 0xff, 0), (5, 0xfc, 0), (6, 0xe0, 0), (8, 0xe0, 0)];
const BINARY_4E: &[(usize, u8, u8)] = &[(0, 0x7f, 0x54), (1, 0xff, 0), (4, 0xff, 0), (5, 0xff, 0), (9, 0xfc, 0), (10, 0xe0, 0), (12, 0xe0, 0)];
/// `5000`, `5400`, `D000`, `D400`, and digits.
const ASCII_REQUEST: &[(usize, u8, u8)] = &[(0, 0xff, b'5'), (1, 0xfb, b'0'), (2, 0xff, b'0'), (3, 0xff, b'0')];
const ASCII_RESPONSE: &[(usize, u8, u8)] = &[(0, 0xff, b'D'), (1, 0xfb, b'0'), (2, 0xff, b'0'), (3, 0xff, b'0')];

impl Dissector for Slmp {
    type State = Questions;

    const ROW: Row = Row {
        name: "slmp",
        revision: 1,
        spec: "Mitsubishi SH-080956, CLPA BAP-C2006-003",
        tells: "model, remote passwords; reads, writes, runs, stops, resets, files",
        bindings: &[
            Binding::Tcp(5007),
            Binding::Tcp(5000),
            Binding::Tcp(5001),
            Binding::Tcp(5002),
            Binding::Tcp(5003),
            Binding::Tcp(5010),
            Binding::Tcp(1025),
            Binding::Udp(5000),
            Binding::Udp(5001),
            Binding::Udp(5006),
            Binding::Udp(5010),
            Binding::Udp(1025),
            Binding::Tcp(45237),
            Binding::Udp(45237),
        ],
        shapes: &[
            shape(Transport::Tcp, BINARY_3E, 11),
            shape(Transport::Udp, BINARY_3E, 11),
            shape(Transport::Tcp, BINARY_4E, 15),
            shape(Transport::Udp, BINARY_4E, 15),
            shape(Transport::Tcp, ASCII_REQUEST, 30),
            shape(Transport::Udp, ASCII_REQUEST, 30),
            shape(Transport::Tcp, ASCII_RESPONSE, 22),
            shape(Transport::Udp, ASCII_RESPONSE, 22),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Ok((_, frame)) = frame(head) else { return Gate::NotMine };
        let cut = head.len() >= crate::engine::GATE_BYTES && frame.length > head.len();
        let whole = match at.transport {
            Transport::Udp => head.len() == frame.length || cut,
            _ => head.get(frame.length..).map_or(cut, begins),
        };
        // An end code is 0 or one of those from 4000h on; a command must be known.
        let known = if frame.response { frame.code == 0 || frame.code >= 0x4000 } else { codes::knows(COMMANDS, frame.code.into()) };
        if whole && known && frame.has_route() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match frame(head) {
            Ok((_, Frame { response: true, .. })) => Side::Server,
            Ok(_) => Side::Client,
            Err(_) => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        /// The longest header: 4E in ASCII, with timer, command and subcommand.
        const HEADER_MAX: usize = 38;
        match frame(head) {
            Ok((_, frame)) => Framing::Pdu { len: frame.length, want: frame.length },
            Err(_) if begins(head) && head.len() < HEADER_MAX || head.len() < 4 => Framing::Need(head.len() + 1),
            Err(_) => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((_, frame)) = frame(head) else { return Glance::SKIP };
        if frame.response {
            let failed = frame.code != 0;
            // A type name's length is known, and a password's answer has no data; errors are new once each.
            let told = TYPE_NAME_LENGTHS.contains(&(frame.body.len() + if frame.ascii { 4 } else { 2 })) || frame.body.is_empty();
            let look = if told { Look::Always } else { Look::Once(1 << 31 | u32::from(frame.code)) };
            return Glance { operation: codes::find(COMMANDS, ERROR_RESPONSE).filter(|_| failed), look, inner: None };
        }
        let code = u32::from(frame.code);
        let operation = codes::find(COMMANDS, code).or_else(|| codes::find(COMMANDS, OTHER));
        let look = match frame.code {
            READ_TYPE_NAME | PASSWORD_UNLOCK | PASSWORD_LOCK => Look::Always,
            _ => Look::Once(code),
        };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut Questions, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, frame) = frame(pdu)?;
        if frame.response {
            answered(&frame, state, cx)?;
        } else {
            asked(&frame, state, cx)?;
        }
        Ok(Next::Watch)
    }
}

fn asked(frame: &Frame<'_>, state: &mut Questions, cx: &mut Context<'_>) -> Result<(), DissectError> {
    if matches!(frame.code, PASSWORD_UNLOCK | PASSWORD_LOCK) {
        let (_, password) = password(frame)?;
        let holder = cx.receiver();
        cx.secret(&holder, "slmp remote password", None, password);
    }
    let asked = Asked { command: frame.code, time: cx.time() };
    if let Some(open) = state.0.iter_mut().find(|open| open.0 == frame.serial) {
        open.1 = None;
        return Ok(());
    }
    if state.0.len() >= OPEN_MAX {
        state.0.remove(0);
    }
    state.0.push((frame.serial, Some(asked)));
    Ok(())
}

fn answered(frame: &Frame<'_>, state: &mut Questions, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let question = state.0.iter().position(|open| open.0 == frame.serial).and_then(|at| state.0.remove(at).1);
    let about = route(frame, cx);
    if frame.code == LOCKED {
        cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"password".to_vec()));
        return Ok(());
    }
    let Some(question) = question.filter(|question| cx.time().saturating_sub(question.time) <= ANSWER_NS_MAX) else { return Ok(()) };
    match (question.command, frame.code) {
        (READ_TYPE_NAME, 0) => type_name(frame, &about, cx)?,
        // Who has no remote password refuses to be unlocked.
        (PASSWORD_UNLOCK, 0) => drop(cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"password".to_vec()))),
        _ => {}
    }
    Ok(())
}

/// Network 0 is the host's own; another one is behind it (SH-080956 4.2, access route).
fn route(frame: &Frame<'_>, cx: &Context<'_>) -> Subject {
    let server = cx.sender();
    if frame.network == 0 {
        return server;
    }
    let network = cx.part(&server, StepKind::MelsecNetwork, frame.network.into());
    cx.part(&network, StepKind::MelsecStation, frame.station.into())
}

/// Sixteen characters, padded with blanks, and the model's code.
fn type_name(frame: &Frame<'_>, about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (rest, name) = take::<_, _, nom::error::Error<&[u8]>>(TYPE_NAME).parse(frame.body)?;
    let (_, code) = Digits(frame.ascii).word(rest)?;
    if is_type_name(name) {
        let saying = cx.say(about, Kind::Identity).trimmed(Field::ModelName, name);
        if frame.ascii {
            saying.decoded(Field::ModelCode, &Value::Number(code.into()), rest.get(..4).unwrap_or(rest), "hexadecimal");
        } else {
            saying.number(Field::ModelCode, code.into(), rest.get(..2).unwrap_or(rest));
        }
    }
    Ok(())
}

/// SH-080956, remote password: length, then the password itself.
fn password<'a>(frame: &Frame<'a>) -> IResult<&'a [u8], &'a [u8]> {
    let (i, length) = Digits(frame.ascii).word(frame.body)?;
    take(length).parse(i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, payload};

    fn request(command: u16, body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len() + 6).unwrap();
        let [low, high] = command.to_le_bytes();
        [&[0x50, 0, 0, 0xff, 0xff, 3, 0, length, 0, 4, 0, low, high, 0, 0], body].concat()
    }

    fn response(end: u16, body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len() + 2).unwrap();
        let [low, high] = end.to_le_bytes();
        [&[0xd0, 0, 0, 0xff, 0xff, 3, 0, length, 0, low, high], body].concat()
    }

    fn type_name() -> Vec<u8> {
        response(0, b"Q03UDECPU       \x68\x02")
    }

    #[test]
    fn a_type_name_is_read_where_it_was_asked_for() {
        let ask = request(READ_TYPE_NAME, &[]);
        for port in [5007, 4711] {
            let said = conversation(&Slmp, Transport::Tcp, &[(50000, port, &ask), (port, 50000, &type_name())]);
            assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["Q03UDECPU"]);
            assert_eq!(field(&said, Kind::Identity, Field::ModelCode), ["616"]);
        }
        let alone = conversation(&Slmp, Transport::Tcp, &[(5007, 50000, &type_name())]);
        assert!(field(&alone, Kind::Identity, Field::ModelName).is_empty());
        let registers = request(0x0401, &[0, 0, 0, 0xa8, 9, 0]);
        let other = conversation(&Slmp, Transport::Tcp, &[(50000, 5007, &registers), (5007, 50000, &type_name())]);
        assert!(field(&other, Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn two_questions_without_numbers_say_nothing() {
        let ask = request(READ_TYPE_NAME, &[]);
        let said = conversation(&Slmp, Transport::Tcp, &[(50000, 5007, &ask), (50000, 5007, &ask), (5007, 50000, &type_name())]);
        assert!(field(&said, Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn digits_say_the_same() {
        let ask = b"500000FF03FF00000C001001010000";
        let answer = b"D00000FF03FF0000180000Q03UDECPU       0268";
        let said = conversation(&Slmp, Transport::Tcp, &[(50000, 5007, ask), (5007, 50000, answer)]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["Q03UDECPU"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelCode), ["616"]);
    }

    #[test]
    fn a_remote_password_is_a_credential_and_shows_that_one_is_needed() {
        let unlock = request(PASSWORD_UNLOCK, b"\x04\x001234");
        let said = conversation(&Slmp, Transport::Tcp, &[(50000, 5007, &unlock), (5007, 50000, &response(0, &[]))]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["slmp remote password"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["password"]);
        let refused = payload(&Slmp, Transport::Tcp, 5007, 50000, &response(LOCKED, &[0, 0xff, 0xff, 3, 0, 1, 4, 0, 0]));
        assert_eq!(field(&refused, Kind::Security, Field::AuthenticationMethod), ["password"]);
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 5007, from_client: Some(true) };
        let name = |frame: &[u8]| Slmp.glance(frame, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&request(0x1002, &[1, 0])), Some("remote_stop"));
        assert_eq!(name(&request(0x1401, &[0; 8])), Some("device_write"));
        assert_eq!(name(&response(0xc059, &[])), Some("error_response"));
        assert_eq!(name(&response(0, &[])), None);
        assert_eq!(name(b"500000FF03FF00000C001010060000"), Some("remote_reset"));
    }

    #[test]
    fn strangers_are_refused() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 5007, from_client: None };
        let mut long = request(0x0401, &[0; 6]);
        long.push(0);
        for stranger in [&b"POST / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0x50, 0, 0, 0xff, 0xff, 3, 0, 6, 0, 0, 0, 0x99, 0x99, 0, 0], &long] {
            assert_eq!(Slmp.gate(stranger, &at), Gate::NotMine, "{stranger:02x?}");
        }
        assert!(payload(&Slmp, Transport::Tcp, 5007, 50000, &type_name()[..15]).iter().all(|said| said.kind != Kind::Identity));
    }
}
