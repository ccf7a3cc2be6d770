//! SLMP, the MELSEC communication protocol: what a controller is, what is done to it, and CC-Link IE Field Basic on top of it.
//!
//! Spec: Mitsubishi SH-080956 (SLMP Reference Manual); CLPA BAP-C2006-003 (CC-Link IE Field Network Basic, SLMP).
//! Tells us: model and model code; CC-Link vendor, model and version numbers, MAC and IP addresses; remote passwords; reads, writes,
//! runs, stops, resets, files.
//! Does not tell: serial number and firmware; who asks (a remote password is the only authentication, and it is sent in clear).

use super::slmp_frame::{Digits, Frame, begins, frame};
use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::le_u8;
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, Mac, OperationClass, StepKind, Subject, Transport, Value};
use std::net::Ipv4Addr;

pub(crate) struct Slmp;

const READ_TYPE_NAME: u16 = 0x0101;
const NODE_SEARCH: u16 = 0x0e30;
const IP_ADDRESS_SET: u16 = 0x0e31;
const CYCLIC_DATA: u16 = 0x0e70;
const PASSWORD_UNLOCK: u16 = 0x1630;
const PASSWORD_LOCK: u16 = 0x1631;
/// End code: the port is locked with a remote password (SH-080956 appendix, end codes).
const LOCKED: u16 = 0xc201;
/// Characters of a type name; two bytes of code follow.
const TYPE_NAME: usize = 16;
/// End code, name and code in binary, and in digits.
const TYPE_NAME_LENGTHS: [usize; 2] = [2 + TYPE_NAME + 2, 4 + TYPE_NAME + 4];
/// BAP-C2006-003: an answer to a node search without a host's name.
const NODE_SEARCH_LENGTH: usize = 51;
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
    (0x0e70, "cyclic_data", Write),
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
        tells: "model, CC-Link vendor and model numbers, addresses, remote passwords; reads, writes, runs, stops, resets, files",
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
            Binding::Udp(61450),
            Binding::Udp(61451),
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
            let told = TYPE_NAME_LENGTHS.contains(&(frame.body.len() + if frame.ascii { 4 } else { 2 })) || is_node(&frame);
            let locks = failed || frame.body.is_empty();
            // A cyclic answer is new once a state of the station; a password's answer has no data.
            let look = if told { Look::Always } else { Look::Once(response_key(&frame, locks)) };
            return Glance { operation: codes::find(COMMANDS, ERROR_RESPONSE).filter(|_| failed), look, inner: None };
        }
        let code = u32::from(frame.code);
        let operation = codes::find(COMMANDS, code).or_else(|| codes::find(COMMANDS, OTHER));
        let look = match frame.code {
            READ_TYPE_NAME | NODE_SEARCH | IP_ADDRESS_SET | PASSWORD_UNLOCK | PASSWORD_LOCK => Look::Always,
            CYCLIC_DATA => Look::Once(code << 8 | u32::from(frame.body.get(20).copied().unwrap_or(0))),
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

/// Tells answers apart that may say something new: a locked port, a password taken, a station's state.
fn response_key(frame: &Frame<'_>, locks: bool) -> u32 {
    const RESPONSE: u32 = 1 << 31;
    match cyclic(frame) {
        Some(station) => RESPONSE | 1 << 30 | u32::from(station.running),
        None if locks => RESPONSE | 1 << 29 | u32::from(frame.code),
        None => RESPONSE,
    }
}

fn asked(frame: &Frame<'_>, state: &mut Questions, cx: &mut Context<'_>) -> Result<(), DissectError> {
    match frame.code {
        NODE_SEARCH => {
            let (_, (mac, ip)) = adapter(frame.body)?;
            bind(mac, ip, cx);
        }
        IP_ADDRESS_SET => address_set(frame.body, cx)?,
        CYCLIC_DATA => {
            let about = cx.sender_host();
            operating_mode(frame.body.get(20..22), &about, cx);
        }
        PASSWORD_UNLOCK | PASSWORD_LOCK => {
            let (_, password) = password(frame)?;
            let holder = cx.receiver();
            cx.secret(&holder, "slmp remote password", None, password);
        }
        _ => {}
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
    if is_node(frame) {
        return node(frame.body, cx);
    }
    if let Some(station) = cyclic(frame) {
        station_told(&station, cx);
        return Ok(());
    }
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
    if name.iter().all(|byte| (0x20..0x7f).contains(byte)) {
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

/// MAC address, length of the IP address (4), IP address, all with the low byte first.
fn adapter(i: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let (i, (mac, _length, ip)) = (take(6usize), take(1usize), take(4usize)).parse(i)?;
    Ok((i, (mac, ip)))
}

/// A MAC address whose low byte stands first.
fn mac_of(bytes: &[u8]) -> Option<Mac> {
    bytes.first_chunk().map(|bytes: &[u8; 6]| {
        let mut mac = *bytes;
        mac.reverse();
        Mac(mac)
    })
}

/// An IP address whose low byte stands first.
fn ip_of(bytes: &[u8]) -> Option<Ipv4Addr> {
    bytes.first_chunk().map(|bytes| Ipv4Addr::from(u32::from_le_bytes(*bytes)))
}

/// Who sends says that these addresses are its own; believed where the frame agrees.
fn bind(mac_bytes: &[u8], ip_bytes: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let (Some(mac), Some(ip)) = (mac_of(mac_bytes), ip_of(ip_bytes)) else { return };
    if about.mac == Some(mac) && about.ip == Some(ip.into()) {
        cx.say(&about, Kind::Binding)
            .decoded(Field::MacAddress, &Value::Mac(mac), mac_bytes, "reversed")
            .decoded(Field::Ipv4Address, &Value::Ip(ip.into()), ip_bytes, "reversed");
    }
}

/// An answer to a node search: the master's adapter, then the station's own, whose IP address is that of the frame.
fn is_node(frame: &Frame<'_>) -> bool {
    let size = |at: usize| frame.body.get(at).copied();
    let name = size(30).map_or(0, usize::from);
    let sizes = size(6) == Some(4) && size(17) == Some(4) && frame.body.len() == NODE_SEARCH_LENGTH + name;
    !frame.ascii && frame.response && frame.serial.is_some() && frame.code == 0 && sizes
}

/// BAP-C2006-003, NodeSearch response.
fn node(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, _master) = adapter(body)?;
    let (i, (mac, ip)) = adapter(i)?;
    let about = cx.sender_host();
    if ip_of(ip).map(Into::into) != about.ip {
        return Ok(());
    }
    bind(mac, ip, cx);
    let (i, (_mask, _gateway, size)) = (take::<_, _, nom::error::Error<&[u8]>>(4usize), take(4usize), le_u8()).parse(i)?;
    let (i, (name, vendor)) = (take::<_, _, nom::error::Error<&[u8]>>(size), take(2usize)).parse(i)?;
    let (_, (model, version)) = (take::<_, _, nom::error::Error<&[u8]>>(4usize), take(2usize)).parse(i)?;
    cx.say(&about, Kind::Identity)
        .trimmed(Field::Hostname, name)
        .number(Field::CclinkVendorCode, little(vendor), vendor)
        .number(Field::ModelCode, little(model), model)
        .number(Field::EquipmentVersion, little(version), version);
    Ok(())
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// BAP-C2006-003, IPAddressSet: what a station is told to be.
fn address_set(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, _master) = adapter(body)?;
    let (_, (mac, ip)) = adapter(i)?;
    if let (Some(mac), Some(address)) = (mac_of(mac), ip_of(ip)) {
        let about = cx.by_mac(mac);
        cx.say(&about, Kind::Request).decoded(Field::Ipv4Address, &Value::Ip(address.into()), ip, "reversed");
    }
    Ok(())
}

/// What a CC-Link IE Field Basic station says in each answer.
struct Station<'a> {
    vendor: &'a [u8],
    model: &'a [u8],
    version: &'a [u8],
    state: &'a [u8],
    running: bool,
}

/// A cyclic answer by its structure: version, end code, offset of the data (40), zeros; then the station's notification.
fn cyclic<'a>(frame: &Frame<'a>) -> Option<Station<'a>> {
    const HEADER: usize = 20;
    const OFFSET: u8 = 40;
    if frame.ascii || !frame.response || frame.serial.is_some() {
        return None;
    }
    let (header, notification) = frame.body.split_at_checked(HEADER)?;
    let shaped = matches!(header, [_, 0, _, _, OFFSET, 0, zeros @ ..] if zeros.iter().all(|byte| *byte == 0));
    let (vendor, reserved) = (notification.get(..2)?, notification.get(2..4)?);
    let (model, version, zeros) = (notification.get(4..8)?, notification.get(8..10)?, notification.get(10..12)?);
    let state = notification.get(12..14)?;
    let running = state == [1, 0];
    (shaped && reserved == [0, 0] && zeros == [0, 0]).then_some(Station { vendor, model, version, state, running })
}

fn station_told(station: &Station<'_>, cx: &mut Context<'_>) {
    let about = cx.sender();
    cx.say(&about, Kind::Identity)
        .number(Field::CclinkVendorCode, little(station.vendor), station.vendor)
        .number(Field::ModelCode, little(station.model), station.model)
        .number(Field::EquipmentVersion, little(station.version), station.version);
    operating_mode(Some(station.state), &about, cx);
}

/// Whether a station's application runs.
fn operating_mode(state: Option<&[u8]>, about: &Subject, cx: &mut Context<'_>) {
    let mode: &[u8] = match state {
        Some([0 | 2, 0]) => b"stop",
        Some([1, 0]) => b"run",
        _ => return,
    };
    let state = state.and_then(|state| state.get(..1)).unwrap_or_default();
    cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), state, "cclink-state");
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
    fn a_node_says_vendor_model_and_addresses() {
        // The sender of `payload` is 10.0.0.2 with 00:00:00:00:01:02.
        let mut node = vec![0xd4, 0, 7, 0, 0, 0, 0, 0xff, 0xff, 3, 0, 53, 0, 0, 0];
        node.extend_from_slice(&[1, 1, 0, 0, 0, 0, 4, 1, 0, 0, 10]); // master
        node.extend_from_slice(&[2, 1, 0, 0, 0, 0, 4, 2, 0, 0, 10, 0, 255, 255, 255, 255, 255, 255, 255, 0]); // itself
        node.extend_from_slice(&[0x34, 0x12, 0x01, 0x22, 0, 0, 5, 0]); // vendor, model, version
        node.extend_from_slice(&[4, 255, 255, 255, 255, 255, 255, 0, 0, 0x0b, 0xf0, 1]);
        let said = payload(&Slmp, Transport::Udp, 61451, 61452, &node);
        assert_eq!(field(&said, Kind::Identity, Field::CclinkVendorCode), ["4660"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelCode), ["8705"]);
        assert_eq!(field(&said, Kind::Identity, Field::EquipmentVersion), ["5"]);
        assert_eq!(field(&said, Kind::Binding, Field::Ipv4Address), ["10.0.0.2"]);
    }

    #[test]
    fn a_cyclic_answer_says_what_the_station_is() {
        let mut body = vec![1, 0, 0, 0, 40, 0];
        body.extend_from_slice(&[0; 14]);
        body.extend_from_slice(&[0x34, 0x12, 0, 0, 1, 0x22, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        body.extend_from_slice(&[2, 0, 0, 10, 1, 0, 9, 0]);
        body.extend_from_slice(&[0; 72]);
        let said = payload(&Slmp, Transport::Udp, 61450, 61452, &response(0, &body));
        assert_eq!(field(&said, Kind::Identity, Field::EquipmentVersion), ["3"]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["run"]);
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
