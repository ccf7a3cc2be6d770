//! TriStation: how Triconex safety controllers are programmed and supervised.
//!
//! Spec: no public one. Nozomi Networks, tricotools (BSD-3-Clause): dissector and honeypot of 2018; S. Miller, E. Reese, "A Totally Tubular
//! Treatise on TRITON and TriStation" (FireEye, 2018), whose names of commands are used; CISA MAR-17-352-01 (HatMan).
//! Tells us: version of the system, key position, run state, project's name, modules by chassis slot, revision and serial number of a main
//! processor; program transfers, stops, starts, values that are set.
//! Does not tell: who programs: nothing is authenticated; of chassis other than the first, and of records whose place no document gives.

use crate::codes::{self, Code};
use crate::context::Context;
use crate::crc;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::OperationClass::{Configure, Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Transport, Value};

pub(crate) struct TriStation;

const PORT: u16 = 1502;
/// Type, channel, length of the body (2).
const HEADER: usize = 4;
const CRC: usize = 2;
/// Direction, connection, command, sequence number, 2 unknown, checksum (2), length of the body again (2).
const COMMAND_HEADER: usize = 10;
/// A datagram of a program has about a kilobyte.
const LENGTH_MAX: usize = 4 * 1024;

/// Types of messages.
const CONNECT_REQUEST: u8 = 1;
const DISCONNECT_REQUEST: u8 = 4;
const COMMAND: u8 = 5;
const PING: u8 = 6;
const CONNECTION_FAILED: u8 = 11;
/// Types that only a controller sends: replies, and why there is no connection.
const REPLIES: [u8; 7] = [2, 3, 7, 8, 9, 10, CONNECTION_FAILED];

/// Commands below are asked for; from here on they are answers.
const FIRST_ANSWER: u8 = 100;
const TRICON_ATTACHED: u8 = 106;
const CP_STATUS: u8 = 108;
const CHASSIS_STATUS: u8 = 119;
const MODULE_VERSIONS: u8 = 151;
/// Codes of errors.
const FIRST_ERROR: u8 = 200;

const SLOTS: usize = 16;
const PROJECT_NAME: usize = 10;

const OTHER: u32 = 0x100;
const CONNECT: u32 = 0x101;
const DISCONNECT: u32 = 0x102;
const PINGED: u32 = 0x103;
const REJECTED: u32 = 0x104;
const COMMANDS: &[Code] = &[
    (0, "start_download_all", Program),
    (1, "start_download_change", Program),
    (2, "update_configuration", Configure),
    (3, "upload_configuration", Program),
    (4, "set_io_addresses", Configure),
    (5, "allocate_network", Program),
    (6, "load_vector_table", Program),
    (7, "set_calendar", Configure),
    (8, "get_calendar", Read),
    (9, "set_scan_time", Configure),
    (10, "end_download_all", Program),
    (11, "end_download_change", Program),
    (12, "cancel_download_change", Program),
    (13, "attach_tricon", Session),
    (14, "set_io_address_limits", Configure),
    (15, "configure_module", Configure),
    (16, "set_multiple_point_values", Write),
    (17, "enable_all_points", Control),
    (18, "upload_vector_table", Program),
    (19, "get_cp_status", Diagnose),
    (20, "run_program", Control),
    (21, "halt_program", Control),
    (22, "pause_program", Control),
    (23, "do_single_scan", Control),
    (24, "get_chassis_status", Diagnose),
    (25, "get_minimum_scan_time", Read),
    (26, "set_node_number", Configure),
    (27, "set_io_point_values", Write),
    (28, "get_io_point_values", Read),
    (29, "get_mp_status", Diagnose),
    (30, "set_retentive_values", Write),
    (31, "adjust_clock_calendar", Configure),
    (32, "clear_module_alarms", Control),
    (33, "get_event_log", Diagnose),
    (34, "set_soe_block", Configure),
    (35, "record_event_log", Configure),
    (36, "get_soe_data", Read),
    (37, "enable_ovd", Configure),
    (38, "disable_ovd", Configure),
    (39, "enable_all_ovds", Configure),
    (40, "disable_all_ovds", Configure),
    (41, "process_modbus", Session),
    (42, "upload_network", Program),
    (43, "set_label", Configure),
    (44, "configure_system_variables", Configure),
    (45, "deconfigure_module", Configure),
    (46, "get_system_variables", Read),
    (47, "get_module_types", Diagnose),
    (48, "begin_conversion_table_download", Program),
    (49, "continue_conversion_table_download", Program),
    (50, "end_conversion_table_download", Program),
    (51, "get_conversion_table", Program),
    (52, "set_icm_status", Configure),
    (53, "broadcast_soe_data_available", Session),
    (54, "get_module_versions", Diagnose),
    (55, "allocate_program", Program),
    (56, "allocate_function", Program),
    (57, "clear_retentives", Control),
    (58, "set_initial_values", Write),
    (59, "start_ts2_program_download", Program),
    (60, "set_ts2_data_area", Program),
    (61, "get_ts2_data", Read),
    (62, "set_ts2_data", Write),
    (63, "set_program_information", Program),
    (64, "get_program_information", Diagnose),
    (65, "upload_program", Program),
    (66, "upload_function", Program),
    (67, "get_point_groups", Diagnose),
    (68, "allocate_symbol_table", Program),
    (69, "get_io_address", Diagnose),
    (70, "resend_io_address", Session),
    (71, "get_program_timing", Diagnose),
    (72, "allocate_multiple_functions", Program),
    (73, "get_node_number", Diagnose),
    (74, "get_symbol_table", Program),
    (80, "go_to_download_mode", Program),
    (OTHER, "other_command", Session),
    (CONNECT, "connect", Session),
    (DISCONNECT, "disconnect", Session),
    (PINGED, "ping", Session),
    (REJECTED, "error_response", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ COMMANDS.len() }>(COMMANDS);

const fn shape(bytes: &'static [(usize, u8, u8)], min: usize, max: usize) -> Shape {
    Shape { over: Transport::Udp, bytes, min, max }
}

impl Dissector for TriStation {
    type State = ();

    const ROW: Row = Row {
        name: "tristation",
        revision: 1,
        spec: "Nozomi Networks, tricotools; FireEye, TRITON and TriStation (2018)",
        tells: "version, key position, run state, project and modules of safety controllers; programs, stops, starts",
        bindings: &[Binding::Udp(PORT)],
        // A request to connect with its check, which is all there is of it; a command of either side.
        shapes: &[
            shape(&[(0, 0xff, CONNECT_REQUEST), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0), (4, 0xff, 0x01), (5, 0xff, 0xfc)], 6, 6),
            shape(&[(0, 0xff, COMMAND), (1, 0xff, 0), (3, 0xf0, 0), (4, 0xfe, 0), (5, 0xfe, 0), (8, 0xff, 0), (9, 0xff, 0)], 16, LENGTH_MAX),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let whole = head.len() < crate::engine::GATE_BYTES;
        match message(head) {
            Some(message) if !whole || message.is_whole && checked(head) => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match message(head) {
            Some(Message { kind, command: None, .. }) if REPLIES.contains(&kind) => Side::Server,
            Some(Message { command: Some(command), .. }) if command.from_controller => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(message) = message(head) else { return Glance::SKIP };
        let code = match (message.kind, &message.command) {
            (CONNECT_REQUEST, _) => Some(CONNECT),
            (DISCONNECT_REQUEST, _) => Some(DISCONNECT),
            (PING, _) => Some(PINGED),
            (COMMAND, Some(command)) if command.from_controller => (command.code >= FIRST_ERROR).then_some(REJECTED),
            (COMMAND, Some(command)) => Some(command.code.into()),
            _ => None,
        };
        let operation = code.and_then(|code| codes::find(COMMANDS, code).or_else(|| codes::find(COMMANDS, OTHER)));
        let look = match &message.command {
            // A status is asked for every second: what it tells changes seldom, and the key's position is what one wants to know.
            Some(command) if command.from_controller && matches!(command.code, CP_STATUS | CHASSIS_STATUS) => Look::Always,
            Some(command) => Look::Once(u32::from(command.from_controller) << 8 | u32::from(command.code)),
            None => Look::Once(0x200 | u32::from(message.kind)),
        };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let message = message(pdu).ok_or(DissectError::NotMine)?;
        let Some(command) = &message.command else { return Ok(Next::Watch) };
        if !command.from_controller {
            return Ok(Next::Watch);
        }
        if !message.is_whole {
            return Err(DissectError::Truncated { needed: HEADER + message.length + CRC - pdu.len().min(HEADER + message.length + CRC) });
        }
        if !checked(pdu) {
            return Err(DissectError::Malformed { rule: "crc", offset: pdu.len().saturating_sub(CRC) });
        }
        let about = cx.sender();
        match command.code {
            TRICON_ATTACHED => attached(pdu, &about, cx),
            CP_STATUS => state(pdu, (21, 22), 80, &about, cx),
            CHASSIS_STATUS => {
                state(pdu, (18, 17), 46, &about, cx);
                slots(pdu, 180, 32, 2, 1, &about, cx);
            }
            MODULE_VERSIONS => versions(pdu, &about, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

struct Message {
    kind: u8,
    length: usize,
    is_whole: bool,
    command: Option<Command>,
}

struct Command {
    from_controller: bool,
    code: u8,
}

/// The head of a datagram, if its lengths agree.
fn message(head: &[u8]) -> Option<Message> {
    let &[kind, _channel, low, high] = head.first_chunk::<HEADER>()?;
    let length = usize::from(u16::from_le_bytes([low, high]));
    let all = HEADER + length + CRC;
    let is_whole = head.len() == all;
    // A gate is shown the beginning alone.
    let cut = head.len() >= crate::engine::GATE_BYTES && all > head.len();
    if !(is_whole || cut) || length > LENGTH_MAX || !(CONNECT_REQUEST..=CONNECTION_FAILED).contains(&kind) {
        return None;
    }
    let command = match (kind, length) {
        (COMMAND, COMMAND_HEADER..) => Some(command(head.get(HEADER..)?, length)?),
        (COMMAND, _) => return None,
        (_, 0) => None,
        _ => return None,
    };
    Some(Message { kind, length, is_whole, command })
}

fn command(body: &[u8], length: usize) -> Option<Command> {
    let &[direction, _connection, code, _sequence, _, _, _, _, low, high] = body.first_chunk::<COMMAND_HEADER>()?;
    let again = usize::from(u16::from_le_bytes([low, high]));
    (direction <= 1 && again == length).then_some(Command { from_controller: direction == 1 || code >= FIRST_ANSWER, code })
}

/// The CRC-16 of Modbus's polynomial that begins with 0, over all before it.
fn checked(pdu: &[u8]) -> bool {
    pdu.split_last_chunk::<CRC>().is_some_and(|(body, sum)| u16::from_le_bytes(*sum) == crc::crc16(0, body))
}

/// What the controller is: of version 9 there is no number.
fn attached(pdu: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let Some(version @ &[major, minor]) = pdu.get(17..19).and_then(|bytes| bytes.first_chunk::<2>()) else { return };
    // 9 is written 0; from 10 on there are numbers. What is beyond is of no controller that is known.
    if matches!((major, minor), (0, 0) | (10..=12, _)) {
        let text = Value::Text(format!("{major}.{minor}").into_bytes());
        cx.say(about, Kind::Identity).decoded(Field::TriconVersion, &text, version, "major.minor");
    }
}

/// Key, run state and project, each where this answer has it.
fn state(pdu: &[u8], (key, run): (usize, usize), name: usize, about: &Subject, cx: &mut Context<'_>) {
    let byte = |at: usize| pdu.get(at..=at).unwrap_or_default();
    let position: Option<&[u8]> = match byte(key) {
        [0] => Some(b"stop"),
        [1] => Some(b"program"),
        [2] => Some(b"run"),
        [3] => Some(b"remote"),
        _ => None,
    };
    let mode: Option<&[u8]> = match byte(run) {
        [0] => Some(b"run"),
        [1] => Some(b"halted"),
        [2] => Some(b"paused"),
        _ => None,
    };
    let text = |word: &[u8]| Value::Text(word.to_vec());
    let saying = cx.say(about, Kind::State).maybe(mode, |s, word| s.decoded(Field::OperatingMode, &text(word), byte(run), "tricon-run-state"));
    drop(saying.maybe(position, |s, word| s.decoded(Field::ModeSelector, &text(word), byte(key), "tricon-key-position")));
    let field = pdu.get(name..name + PROJECT_NAME).unwrap_or_default();
    let name = field.split(|byte| *byte == 0).next().unwrap_or_default();
    if !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        cx.say(about, Kind::Identity).trimmed(Field::ProjectName, name);
    }
}

/// The modules of the first chassis: in each slot's record the type stands at an offset; 0 is an empty slot.
fn slots(pdu: &[u8], start: usize, record: usize, at: usize, width: usize, about: &Subject, cx: &mut Context<'_>) {
    let records = pdu.get(start..start + SLOTS * record).unwrap_or_default();
    for (slot, record) in (0u64..).zip(records.chunks_exact(record)) {
        let kind = record.get(at..at + width).unwrap_or_default();
        let number = kind.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        if number != 0 {
            let part = cx.part(about, StepKind::TriconSlot, slot);
            cx.say(&part, Kind::Part).number(Field::TriconModule, number, kind);
        }
    }
}

/// Types of all modules; assembly, revision and serial number of the processor in the first slot.
fn versions(pdu: &[u8], about: &Subject, cx: &mut Context<'_>) {
    const PRESENT: u8 = 0xff;
    const PROCESSOR: usize = 464;
    if pdu.get(15) != Some(&PRESENT) {
        return;
    }
    slots(pdu, 16, 8, 0, 2, about, cx);
    // Six characters of assembly, three of revision, eight of serial number.
    let text = |from: usize, to: usize| pdu.get(PROCESSOR + from..PROCESSOR + to).unwrap_or_default();
    let plain = |text: &[u8]| !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | 0));
    let (revision, serial) = (text(6, 9), text(9, 17));
    if plain(revision) && plain(serial) {
        let part = cx.part(about, StepKind::TriconSlot, 0);
        cx.say(&part, Kind::Identity).trimmed(Field::HardwareVersion, revision).trimmed(Field::SerialNumber, serial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, conversation, field, gate};

    fn sealed(body: &[u8]) -> Vec<u8> {
        [body, &crc::crc16(0, body).to_le_bytes()].concat()
    }

    fn command(direction: u8, code: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + COMMAND_HEADER).unwrap().to_le_bytes();
        // The checksum of the body is not looked at.
        sealed(&[&[COMMAND, 0, length[0], length[1], direction, 0, code, 9, 0, 0, 0, 0, length[0], length[1]], data].concat())
    }

    #[test]
    fn a_connection_is_the_one_that_is_published() {
        assert_eq!(sealed(&[2, 0, 0, 0]), [2, 0, 0, 0, 0x01, 0xb8]);
        for (kind, port) in [(CONNECT_REQUEST, PORT), (CONNECT_REQUEST, 4711), (PING, PORT), (10, PORT)] {
            assert_eq!(gate(&TriStation, &sealed(&[kind, 0, 0, 0]), port), Gate::Mine);
        }
    }

    #[test]
    fn an_attached_controller_says_its_version() {
        let said = answer(&TriStation, &command(1, TRICON_ATTACHED, &[3, 0, 0x33, 10, 4, 0]));
        assert_eq!(field(&said, Kind::Identity, Field::TriconVersion), ["10.4"]);
        let said = answer(&TriStation, &command(1, TRICON_ATTACHED, &[3, 0, 0x33, 77, 4, 0]));
        assert!(field(&said, Kind::Identity, Field::TriconVersion).is_empty());
    }

    #[test]
    fn a_status_tells_key_run_state_and_project() {
        let mut data = vec![0; 90];
        (data[7], data[8]) = (1, 0);
        data[66..72].copy_from_slice(b"ESD_P7");
        let said = answer(&TriStation, &command(1, CP_STATUS, &data));
        assert_eq!(field(&said, Kind::State, Field::ModeSelector), ["program"]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["run"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProjectName), ["ESD_P7"]);
    }

    #[test]
    fn a_chassis_lists_its_modules_by_slot() {
        let mut data = vec![0; 678];
        (data[3], data[4]) = (1, 2);
        (data[168], data[168 + 3 * 32]) = (0xf0, 55);
        let said = answer(&TriStation, &command(1, CHASSIS_STATUS, &data));
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["halted"]);
        assert_eq!(field(&said, Kind::State, Field::ModeSelector), ["run"]);
        assert_eq!(field(&said, Kind::Part, Field::TriconModule).len(), 2);
    }

    #[test]
    fn a_processor_says_its_serial_number() {
        let mut data = vec![0; 770];
        (data[1], data[2], data[26]) = (0xff, 0xff, 55);
        data[450..467].copy_from_slice(b"740024A0112345678");
        let said = answer(&TriStation, &command(1, MODULE_VERSIONS, &data));
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["12345678"]);
        assert_eq!(field(&said, Kind::Identity, Field::HardwareVersion), ["A01"]);
    }

    #[test]
    fn commands_are_counted_and_a_download_is_seen_among_polls() {
        let (poll, halt) = (command(0, 19, &[]), command(0, 21, &[]));
        let talk: Vec<(u16, u16, &[u8])> = (0..20).map(|_| (50000, PORT, &poll[..])).chain([(50000, PORT, &halt[..])]).collect();
        assert!(conversation(&TriStation, Transport::Udp, &talk).iter().all(|said| said.kind != Kind::Identity));
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
        for (code, name) in [(19, "get_cp_status"), (21, "halt_program"), (55, "allocate_program"), (99, "other_command")] {
            let operation = TriStation.glance(&command(0, code, &[0; 8]), &at).operation.unwrap();
            assert_eq!(OPERATIONS[usize::from(operation)].0, name);
        }
        assert_eq!(TriStation.glance(&command(1, 108, &[0; 8]), &at).operation, None);
    }

    #[test]
    fn strangers_truncated_and_changed_messages_are_refused() {
        let mut changed = command(0, 19, &[1, 2, 3]);
        changed[14] ^= 1;
        let whole = command(0, 19, &[1, 2, 3]);
        for stranger in [&b"GET / HTTP/1.1\r\n"[..], &[0; 40], &[1, 0, 0, 0, 0, 0], &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1], &changed, &whole[..12]] {
            assert_eq!(gate(&TriStation, stranger, PORT), Gate::NotMine);
        }
    }
}
