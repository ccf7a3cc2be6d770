//! S7 communication, as S7-300/400 controllers and compatible ones speak it: what a controller is, its state, and what is done to it.
//!
//! Spec: no public one. Message forms as snap7 and Wireshark document them; system status lists: Siemens, System Software for S7-300/400,
//! System and Standard Functions, volume 2 (A5E02789976), chapter "System status lists".
//! Tells us: order number, hardware and firmware version, names, serial numbers, protection level, operating state; reads, writes,
//! downloads, starts and stops.
//! Does not tell: anything that nobody asks the controller; who asks (a password is the only authentication, and it is no secret).

use super::s7comm_szl as szl;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Span, Value};

pub(crate) struct S7comm;

const PROTOCOL: u8 = 0x32;
/// Remote operating service control.
const JOB: u8 = 1;
const ACK: u8 = 2;
const ACK_DATA: u8 = 3;
const USERDATA: u8 = 7;
/// The group of time functions, and its two subfunctions that set the clock.
const TIME: u8 = 7;
const SET_CLOCK: u8 = 2;
const SET_CLOCK_TOO: u8 = 4;
/// Protocol, ROSCTR, redundancy (2), reference (2), lengths of parameters and data.
const HEADER: usize = 10;
/// Acknowledgements have an error class and code.
const ERROR: usize = 2;

const SETUP_COMMUNICATION: u8 = 0xf0;
const PI_SERVICE: u8 = 0x28;
/// The controller fetches blocks from the programmer: the server asks.
const DOWNLOAD_BLOCK: u8 = 0x1b;
const DOWNLOAD_ENDED: u8 = 0x1c;

/// Types of userdata, the high half of a byte whose low half is the group.
const REQUEST: u8 = 4;
const RESPONSE: u8 = 8;
const CPU: u8 = 4;
const SECURITY: u8 = 5;
const READ_SZL: u8 = 1;
const PASSWORD: u8 = 1;
/// A password fills eight bytes with blanks.
const PASSWORD_LENGTH: usize = 8;
/// How a message about a change of the operating state begins: the state follows.
const TRANSITION: [u8; 6] = [1, 0, 0x10, 0x10, 0, 0];
const TRANSITION_TO_STOP: u8 = 0;
const TRANSITION_TO_RUN: u8 = 2;

/// The longest list that is read is a station's component identification: ten records of 34 bytes. Others may be long, and are left.
const SZL_MAX: usize = 4096;
/// A PDU carries at least 200 bytes of a list.
const SZL_PIECES_MAX: usize = 32;

/// What an operation is named: a job's function, or a userdata's group and subfunction (0xff: any other).
const JOBS: &[(u8, &str, OperationClass)] = &[
    (0x00, "cpu_services", OperationClass::Diagnose),
    (0x04, "read_var", OperationClass::Read),
    (0x05, "write_var", OperationClass::Write),
    (0x1a, "request_download", OperationClass::Program),
    (DOWNLOAD_BLOCK, "download_block", OperationClass::Program),
    (DOWNLOAD_ENDED, "download_ended", OperationClass::Program),
    (0x1d, "start_upload", OperationClass::Program),
    (0x1e, "upload", OperationClass::Program),
    (0x1f, "end_upload", OperationClass::Program),
    (0x29, "plc_stop", OperationClass::Control),
    (SETUP_COMMUNICATION, "setup_communication", OperationClass::Session),
];
const PI_SERVICES: &[(&[u8], &str, OperationClass)] = &[
    (b"P_PROGRAM", "pi_start", OperationClass::Control),
    (b"_INSE", "pi_insert", OperationClass::Program),
    (b"_DELE", "pi_delete", OperationClass::Program),
    (b"_GARB", "pi_compress", OperationClass::Program),
    (b"_MODU", "pi_copy_ram_to_rom", OperationClass::Program),
    (b"", "pi_service", OperationClass::Control),
];
const GROUPS: &[(u8, u8, &str, OperationClass)] = &[
    (1, 0x10, "programmer_force", OperationClass::Write),
    (1, 0x0c, "programmer_erase", OperationClass::Program),
    (1, 0xff, "programmer_commands", OperationClass::Program),
    (2, 0xff, "cyclic_data", OperationClass::Read),
    (3, 1, "list_blocks", OperationClass::Diagnose),
    (3, 2, "list_blocks_of_type", OperationClass::Diagnose),
    (3, 3, "get_block_info", OperationClass::Diagnose),
    (3, 0xff, "block_functions", OperationClass::Program),
    (CPU, READ_SZL, "read_szl", OperationClass::Diagnose),
    (CPU, 2, "message_service", OperationClass::Diagnose),
    (CPU, 0xff, "cpu_functions", OperationClass::Diagnose),
    (SECURITY, PASSWORD, "plc_password", OperationClass::Session),
    (SECURITY, 2, "clear_password", OperationClass::Session),
    (SECURITY, 0xff, "security_functions", OperationClass::Session),
    (TIME, 1, "read_clock", OperationClass::Diagnose),
    (TIME, SET_CLOCK, "set_clock", OperationClass::Configure),
    (TIME, 0xff, "time_functions", OperationClass::Diagnose),
];
const OPERATIONS_MAX: usize = JOBS.len() + PI_SERVICES.len() + GROUPS.len() + 2;
const OPERATIONS: &[(&str, OperationClass)] = &operations();
const OTHER_JOB: usize = OPERATIONS_MAX - 2;
const OTHER_USERDATA: usize = OPERATIONS_MAX - 1;

#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn operations() -> [(&'static str, OperationClass); OPERATIONS_MAX] {
    let (mut names, mut at) = ([("", OperationClass::Session); OPERATIONS_MAX], 0);
    while at < OPERATIONS_MAX {
        names[at] = if at < JOBS.len() {
            (JOBS[at].1, JOBS[at].2)
        } else if at < JOBS.len() + PI_SERVICES.len() {
            let service = PI_SERVICES[at - JOBS.len()];
            (service.1, service.2)
        } else if at < OTHER_JOB {
            let group = GROUPS[at - JOBS.len() - PI_SERVICES.len()];
            (group.2, group.3)
        } else if at == OTHER_JOB {
            ("other_job", OperationClass::Session)
        } else {
            ("other_userdata", OperationClass::Session)
        };
        at += 1;
    }
    names
}

/// A list that comes in several answers.
#[derive(Default)]
pub(crate) struct Answers {
    open: bool,
    sequence: u8,
    reference: u8,
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
}

impl Dissector for S7comm {
    type State = Answers;

    const ROW: Row = Row {
        name: "s7comm",
        revision: 2,
        spec: "snap7 documentation; SIMATIC System and Standard Functions volume 2, system status lists",
        tells: "order number, firmware, serial numbers, names, protection level and state of S7-300/400; reads, writes, downloads, stops",
        bindings: &[Binding::Under("cotp", 0)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[PROTOCOL, control @ (JOB | ACK | ACK_DATA | USERDATA), 0, 0, _, _, p1, p0, d1, d0]) = head.first_chunk::<HEADER>() else {
            return Gate::NotMine;
        };
        let lengths = usize::from(u16::from_be_bytes([p1, p0])) + usize::from(u16::from_be_bytes([d1, d0]));
        let error = if matches!(control, ACK | ACK_DATA) { ERROR } else { 0 };
        // Shorter than announced is a capture that was cut.
        if head.len() <= HEADER + error + lengths { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match (head.get(1), head.get(HEADER), head.get(HEADER + ERROR), head.get(HEADER + 5).map(|kind| kind >> 4)) {
            (Some(&JOB), Some(&(DOWNLOAD_BLOCK | DOWNLOAD_ENDED)), ..) => Side::Server,
            (Some(&JOB), ..) => Side::Client,
            (Some(&ACK_DATA), _, Some(&(DOWNLOAD_BLOCK | DOWNLOAD_ENDED)), _) => Side::Client,
            (Some(&ACK_DATA), ..) => Side::Server,
            (Some(&USERDATA), .., Some(REQUEST)) => Side::Client,
            (Some(&USERDATA), .., Some(RESPONSE)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        match head.get(1) {
            Some(&JOB) => {
                let operation = job(head.get(HEADER..).unwrap_or_default());
                Glance { operation: u16::try_from(operation).ok(), look: once(JOB, operation), inner: None }
            }
            Some(&USERDATA) => userdata_glance(head.get(HEADER..).unwrap_or_default()),
            // One answer of each function: the first tells that the server speaks at all.
            Some(&control) => Glance { operation: None, look: once(control, head.get(HEADER + ERROR).copied().unwrap_or(0).into()), inner: None },
            None => Glance::READ,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut Answers, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, message) = message(pdu)?;
        if message.control == USERDATA {
            userdata(&message, state, cx)?;
        }
        Ok(Next::Watch)
    }
}

fn once(control: u8, operation: usize) -> Look {
    Look::Once(u32::from(control) << 16 | u32::try_from(operation).unwrap_or(0))
}

/// The operation of a job, by its function, or by the name of a program invocation service.
fn job(parameters: &[u8]) -> usize {
    let Some(&function) = parameters.first() else { return OTHER_JOB };
    if function == PI_SERVICE {
        let name = pi_name(parameters).unwrap_or_default();
        let row = PI_SERVICES.iter().position(|row| name == row.0).unwrap_or(PI_SERVICES.len() - 1);
        return JOBS.len() + row;
    }
    JOBS.iter().position(|row| row.0 == function).unwrap_or(OTHER_JOB)
}

/// Function, seven bytes, a block of arguments with its length, the service's name with its length.
fn pi_name(parameters: &[u8]) -> Option<&[u8]> {
    let (_, rest) = parameters.split_at_checked(8)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (_, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (length, rest) = rest.split_first()?;
    rest.get(..usize::from(*length))
}

fn userdata_glance(parameters: &[u8]) -> Glance {
    let Some(&[_, _, _, _, _, kind, subfunction]) = parameters.first_chunk::<7>() else { return Glance::READ };
    let (kind, group) = (kind >> 4, kind & 0x0f);
    let subfunction = if (group, subfunction) == (TIME, SET_CLOCK_TOO) { SET_CLOCK } else { subfunction };
    let row = GROUPS.iter().position(|row| row.0 == group && (row.1 == subfunction || row.1 == 0xff));
    let operation = row.map_or(OTHER_USERDATA, |row| JOBS.len() + PI_SERVICES.len() + row);
    let always =
        matches!((kind, group, subfunction), (RESPONSE, CPU, READ_SZL) | (REQUEST, SECURITY, PASSWORD)) || parameters.starts_with(&TRANSITION);
    let look = if always { Look::Always } else { once(USERDATA | kind << 4, operation) };
    Glance { operation: u16::try_from(operation).ok().filter(|_| kind == REQUEST), look, inner: None }
}

struct Message<'a> {
    control: u8,
    parameters: &'a [u8],
    data: &'a [u8],
}

/// A message; parameters and data end where the capture does.
fn message(i: &[u8]) -> IResult<&[u8], Message<'_>> {
    let (i, (_protocol, control, _redundancy, _reference)) = (be_u8(), be_u8(), be_u16(), be_u16()).parse(i)?;
    let (i, (parameters, data)) = (be_u16(), be_u16()).parse(i)?;
    let (i, _error) = take(if matches!(control, ACK | ACK_DATA) { ERROR } else { 0 }).parse(i)?;
    let (i, parameters) = take(parameters).parse(i)?;
    let (i, data) = take(i.len().min(usize::from(data))).parse(i)?;
    Ok((i, Message { control, parameters, data }))
}

/// Parameters of userdata: head (3), length, method, type and group, subfunction, sequence; in answers a reference, whether more
/// follows, and an error.
fn userdata(message: &Message<'_>, state: &mut Answers, cx: &mut Context<'_>) -> Result<(), DissectError> {
    if let Some(state) = message.parameters.strip_prefix(&TRANSITION) {
        transition(state, cx);
        return Ok(());
    }
    let (i, (_head, _length, _method, kind, subfunction, sequence)) =
        (take::<_, _, nom::error::Error<&[u8]>>(3usize), be_u8(), be_u8(), be_u8(), be_u8(), be_u8()).parse(message.parameters)?;
    match (kind >> 4, kind & 0x0f, subfunction) {
        (RESPONSE, CPU, READ_SZL) => {
            let (reference, more, error) = answer(i)?.1;
            if error == 0 {
                let (_, list) = data_item(message.data)?;
                status_list(list, (sequence, reference, more != 0), state, cx)?;
            } else {
                *state = Answers::default();
            }
        }
        (REQUEST, SECURITY, PASSWORD) => {
            let (_, value) = data_item(message.data)?;
            password(value, cx);
        }
        _ => {}
    }
    Ok(())
}

/// Reference, whether more follows, error. Deviation: some servers leave them out and answer in one PDU.
fn answer(i: &[u8]) -> IResult<&[u8], (u8, u8, u16)> {
    if i.is_empty() { Ok((i, (0, 0, 0))) } else { (be_u8(), be_u8(), be_u16()).parse(i) }
}

/// Return code, transport size, length, and as much of the value as the capture has.
fn data_item(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, (_code, _size, length)) = (be_u8(), be_u8(), be_u16()).parse(i)?;
    take(i.len().min(usize::from(length))).parse(i)
}

/// A controller tells its partners that it stops or runs.
fn transition(state: &[u8], cx: &mut Context<'_>) {
    let mode: &[u8] = match state {
        [TRANSITION_TO_STOP, 0] => b"stop",
        [TRANSITION_TO_RUN, 0] => b"run",
        _ => return,
    };
    let about = cx.sender();
    let byte = state.get(..1).unwrap_or_default();
    cx.say(&about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), byte, "s7-state");
}

/// One answer of a list, whole or a piece of it.
fn status_list(list: &[u8], (sequence, reference, more): (u8, u8, bool), state: &mut Answers, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let goes_on = state.open && (state.sequence, state.reference) == (sequence, reference);
    if !goes_on {
        *state = Answers::default();
        if !szl::wanted(list) {
            return Ok(());
        }
        if !more {
            return szl::read(list, cx);
        }
        *state = Answers { open: true, sequence, reference, ..Answers::default() };
    }
    if state.bytes.len() + list.len() > SZL_MAX || state.parts.len() >= SZL_PIECES_MAX {
        *state = Answers::default();
        cx.limit("bytes of an S7 system status list");
        return Ok(());
    }
    state.bytes.extend_from_slice(list);
    state.parts.push((list.len(), cx.spans_of(list)));
    if more {
        return Ok(());
    }
    let whole = std::mem::take(state);
    cx.stitched(&whole.bytes, &whole.parts, "s7-fragments", szl::read)
}

/// A password for the controller: each byte is masked with 0x55 and with the masked byte two before it (snap7, `OpSetSessionPassword`).
fn password(masked: &[u8], cx: &mut Context<'_>) {
    let Some(masked) = masked.get(..PASSWORD_LENGTH) else { return };
    let before = [0, 0].iter().chain(masked);
    let clear: Vec<u8> = masked.iter().zip(before).map(|(byte, before)| byte ^ before ^ 0x55).collect();
    let holder = cx.receiver();
    cx.secret(&holder, "s7 password", None, clear.trim_ascii_end());
}

#[cfg(test)]
mod tests {
    use super::super::{cotp::Cotp, tpkt::Tpkt};
    use super::*;
    use crate::testing::{conversation_of, field};
    use observations::{Observation, Transport};

    /// A TPKT with one DT that holds a message.
    fn packet(control: u8, parameters: &[u8], data: &[u8]) -> Vec<u8> {
        let mut message = vec![PROTOCOL, control, 0, 0, 0, 1];
        message.extend_from_slice(&u16::try_from(parameters.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        let mut packet = vec![3, 0];
        packet.extend_from_slice(&u16::try_from(message.len() + 7 + parameters.len() + data.len()).unwrap().to_be_bytes());
        packet.extend_from_slice(&[2, 0xf0, 0x80]);
        [packet, message, parameters.to_vec(), data.to_vec()].concat()
    }

    /// An answer to Read SZL: `more` follows, or it is the last.
    fn answer(reference: u8, more: bool, list: &[u8]) -> Vec<u8> {
        let parameters = [0, 1, 0x12, 8, 0x12, 0x84, 1, 3, reference, u8::from(more), 0, 0];
        let length = u16::try_from(list.len()).unwrap().to_be_bytes();
        packet(USERDATA, &parameters, &[&[0xff, 9, length[0], length[1]], list].concat())
    }

    fn said(payloads: &[(u16, u16, &[u8])]) -> Vec<Observation> {
        conversation_of(&[&Tpkt, &Cotp, &S7comm], Transport::Tcp, payloads)
    }

    fn module_identification() -> Vec<u8> {
        let mut list = vec![0x00, 0x11, 0, 0, 0, 28, 0, 4];
        for (index, text, version) in [
            (1, b"6ES7 315-2EH14-0AB0 ", [0, 3, 0, 1]),
            (6, b"6ES7 315-2EH14-0AB0 ", [0, 3, 0, 1]),
            (7, b"                    ", *b"V\x03\x02\x07"),
            (0x81, b"Boot Loader         ", *b"A\x20\x09\x09"),
        ] {
            list.extend_from_slice(&[0, index]);
            list.extend_from_slice(text);
            list.extend_from_slice(&[0, 0xc0]);
            list.extend_from_slice(&version);
        }
        list
    }

    fn component_identification() -> Vec<u8> {
        let mut list = vec![0x00, 0x1c, 0, 0, 0, 34, 0, 4];
        for (index, text) in [(1, &b"Station 1"[..]), (2, b"PLC_1"), (5, b"S C-B1U393142011"), (7, b"CPU 315-2 PN/DP")] {
            let mut record = [0; 34];
            record[1] = index;
            record[2..2 + text.len()].copy_from_slice(text);
            list.extend_from_slice(&record);
        }
        list
    }

    #[test]
    fn a_module_says_order_number_and_versions() {
        let said = said(&[(102, 50000, &answer(0, false, &module_identification()))]);
        assert_eq!(field(&said, Kind::Identity, Field::OrderNumber), ["6ES7 315-2EH14-0AB0"]);
        assert_eq!(field(&said, Kind::Identity, Field::HardwareVersion), ["3"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["V3.2.7"]);
        assert_eq!(field(&said, Kind::Identity, Field::BootLoaderVersion), ["Boot Loader A32.9.9"]);
    }

    #[test]
    fn a_list_in_two_answers_is_put_together_and_cites_both_packets() {
        let list = component_identification();
        let (first, second) = list.split_at(90);
        let said = said(&[(102, 50000, &answer(0xd7, true, first)), (102, 50000, &answer(0xd7, false, second))]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["S C-B1U393142011"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModuleType), ["CPU 315-2 PN/DP"]);
        let identity = said.iter().find(|said| said.kind == Kind::Identity && said.protocol == "s7comm").unwrap();
        let packets: Vec<u64> = identity.fields_first.iter().flat_map(|field| field.spans.iter().map(|span| span.packet)).collect();
        assert_eq!(packets, [1, 1, 1, 2, 2]);
    }

    #[test]
    fn a_piece_whose_beginning_was_missed_says_nothing() {
        let list = component_identification();
        let said = said(&[(102, 50000, &answer(0xd7, false, &list[90..]))]);
        assert!(said.iter().all(|said| said.protocol != "s7comm"));
    }

    #[test]
    fn a_truncated_list_keeps_the_records_before() {
        let list = module_identification();
        let said = said(&[(102, 50000, &answer(0, false, &list[..40]))]);
        assert_eq!(field(&said, Kind::Identity, Field::OrderNumber), ["6ES7 315-2EH14-0AB0"]);
        assert!(field(&said, Kind::Identity, Field::FirmwareVersion).is_empty());
    }

    #[test]
    fn protection_selector_and_state_are_said() {
        let mut protection = vec![0x02, 0x32, 0, 4, 0, 40, 0, 1, 0, 4, 0, 1, 0, 3, 0, 3, 0, 2];
        protection.resize(48, 0);
        let state = [4, 0x24, 0, 0, 0, 20, 0, 1, 0x51, 0x44, 0xff, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let said = said(&[(102, 50000, &answer(0, false, &protection)), (102, 50000, &answer(0, false, &state))]);
        assert_eq!(field(&said, Kind::Security, Field::ProtectionSelector), ["1"]);
        assert_eq!(field(&said, Kind::Security, Field::Protection), ["3"]);
        assert_eq!(field(&said, Kind::State, Field::ModeSelector), ["run-p"]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["stop"]);
    }

    #[test]
    fn a_controller_that_stops_says_so() {
        let said = said(&[(102, 50000, &packet(USERDATA, &[1, 0, 0x10, 0x10, 0, 0, 0, 0], &[]))]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["stop"]);
    }

    #[test]
    fn a_password_is_a_credential_and_never_quoted() {
        // "secret" and two blanks, masked.
        let masked = [0x26, 0x30, 0x10, 0x17, 0x20, 0x36, 0x55, 0x43];
        let request = packet(USERDATA, &[0, 1, 0x12, 4, 0x11, 0x45, 1, 0], &[&[0xff, 9, 0, 8], &masked[..]].concat());
        let said = said(&[(50000, 102, &request)]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["s7 password"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretLengthClass), ["1"]);
    }

    #[test]
    fn jobs_and_services_have_their_names() {
        let name = |parameters: &[u8]| OPERATIONS[job(parameters)].0;
        assert_eq!(name(&[0x05, 1]), "write_var");
        assert_eq!(name(&[0x29, 0, 0, 0, 0, 0, 9, b'P']), "plc_stop");
        assert_eq!(name(b"\x28\0\0\0\0\0\0\xfd\0\x0a\x0100A00001P\x05_INSE"), "pi_insert");
        assert_eq!(name(b"\x28\0\0\0\0\0\0\xfd\0\0\x09P_PROGRAM"), "pi_start");
        assert_eq!(name(b"\x28\0\0"), "pi_service");
        let request = S7comm.glance(&packet(USERDATA, &[0, 1, 0x12, 4, 0x11, 0x44, 1, 0], &[])[7..], &at());
        assert_eq!(request.operation.map(|operation| OPERATIONS[usize::from(operation)].0), Some("read_szl"));
    }

    #[test]
    fn lengths_that_do_not_agree_are_refused() {
        let message = &packet(JOB, &[4, 1], &[])[7..];
        assert_eq!(S7comm.gate(message, &at()), Gate::Mine);
        assert_eq!(S7comm.gate(&[message, &[0]].concat(), &at()), Gate::NotMine);
        assert_eq!(S7comm.gate(&[0x72, 1, 0, 0, 0, 0, 0, 0, 0, 0], &at()), Gate::NotMine);
        assert_eq!(S7comm.gate(&[0; 40], &at()), Gate::NotMine);
    }

    fn at() -> At {
        At { transport: Transport::Tcp, src_port: 50000, dst_port: 102, from_client: None }
    }
}
