//! PCCC, the commands of PLC-5, SLC 500 and MicroLogix controllers: what a controller is, how it runs, and what is done to it.
//!
//! Spec: Rockwell Automation 1770-6.5.16 (DF1 Protocol and Command Set); 1756-RM005 (Logix 5000 Controllers, PCCC object).
//! Tells us: catalogue name, series and firmware release, mode; reads, writes, mode changes, program transfers.
//! Does not tell: the serial number; who asks (a password is checked by programming software alone).

use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::{le_u16, u8};
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, Subject, Value};

pub(crate) struct Pccc;

/// Bits of the command: an answer, and a priority of old networks; the low four bits are the command itself (1770-6.5.16 chapter 6).
const ANSWER: u8 = 0x40;
const COMMAND: u8 = 0x0f;
const UNUSED: u8 = 0x90;
const DIAGNOSTIC: u8 = 0x06;
const DIAGNOSTIC_STATUS: u8 = 0x03;
/// Commands whose next byte is a function.
const WITH_FUNCTION: &[u8] = &[0x06, 0x07, 0x0f];
/// Diagnostic status: "look at the next byte" in place of an interface's type.
const EXTENDED: u8 = 0xee;
/// Characters of the catalogue name.
const BULLETIN: usize = 11;
/// A client has one request open, or a few; beyond this the oldest is forgotten, and its answer says nothing.
const OPEN_MAX: usize = 16;

const OTHER: u32 = 0x1_0000;
const ERROR_RESPONSE: u32 = 0x1_0001;
/// Command in the high byte, function in the low one; 1770-6.5.16 chapter 7.
const COMMANDS: &[Code] = &[
    (0x0000, "protected_write", Write),
    (0x0100, "unprotected_read", Read),
    (0x0200, "protected_bit_write", Write),
    (0x0500, "unprotected_bit_write", Write),
    (0x0800, "unprotected_write", Write),
    (0x0600, "echo", Diagnose),
    (0x0601, "read_diagnostic_counters", Diagnose),
    (0x0602, "set_variables", Configure),
    (0x0603, "diagnostic_status", Diagnose),
    (0x0604, "set_timeout", Configure),
    (0x0605, "set_naks", Configure),
    (0x0606, "set_enqs", Configure),
    (0x0607, "reset_diagnostic_counters", Configure),
    (0x0608, "set_data_table_size", Configure),
    (0x0609, "read_link_parameters", Diagnose),
    (0x060a, "set_link_parameters", Configure),
    (0x0700, "disable_outputs", Control),
    (0x0701, "enable_outputs", Control),
    (0x0703, "enable_plc_scanning", Control),
    (0x0704, "enter_download_mode", Program),
    (0x0705, "exit_download_upload_mode", Program),
    (0x0706, "enter_upload_mode", Program),
    (0x0f00, "word_range_write", Write),
    (0x0f01, "word_range_read", Read),
    (0x0f02, "bit_write", Write),
    (0x0f11, "get_edit_resource", Program),
    (0x0f12, "return_edit_resource", Program),
    (0x0f17, "read_bytes_physical", Read),
    (0x0f18, "write_bytes_physical", Program),
    (0x0f26, "read_modify_write", Write),
    (0x0f29, "read_section_size", Diagnose),
    (0x0f3a, "set_cpu_mode", Control),
    (0x0f41, "disable_forces", Control),
    (0x0f50, "download_all_request", Program),
    (0x0f52, "download_completed", Program),
    (0x0f53, "upload_all_request", Program),
    (0x0f55, "upload_completed", Program),
    (0x0f57, "initialize_memory", Program),
    (0x0f5e, "modify_plc2_compatibility_file", Configure),
    (0x0f67, "typed_write", Write),
    (0x0f68, "typed_read", Read),
    (0x0f79, "read_modify_write_n", Write),
    (0x0f80, "change_mode", Control),
    (0x0f81, "open_file", Program),
    (0x0f82, "close_file", Program),
    (0x0f8f, "apply_port_configuration", Configure),
    (0x0fa1, "protected_typed_logical_read_two", Read),
    (0x0fa2, "protected_typed_logical_read_three", Read),
    (0x0fa7, "protected_typed_file_read", Program),
    (0x0fa9, "protected_typed_logical_write_two", Write),
    (0x0faa, "protected_typed_logical_write_three", Write),
    (0x0fab, "protected_typed_logical_write_with_mask", Write),
    (0x0faf, "protected_typed_file_write", Program),
    (OTHER, "other_command", Session),
    (ERROR_RESPONSE, "error_response", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ COMMANDS.len() }>(COMMANDS);

/// Transactions of requests for the diagnostic status that wait; two that cannot be told apart are `false`.
#[derive(Default)]
pub(crate) struct Questions(Vec<(u16, bool)>);

impl Dissector for Pccc {
    type State = Questions;

    const ROW: Row = Row {
        name: "pccc",
        revision: 1,
        spec: "Rockwell Automation 1770-6.5.16, 1756-RM005",
        tells: "catalogue name, series, firmware release, mode; reads, writes, mode changes, program transfers",
        bindings: &[Binding::Under("cip", 0x67), Binding::Under("cspv4", 0)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((data, message)) = message(head) else { return Gate::NotMine };
        let known = match (message.is_answer(), message.code(data)) {
            (true, _) => codes::knows(COMMANDS, u32::from(message.command & COMMAND) << 8) || WITH_FUNCTION.contains(&(message.command & COMMAND)),
            (false, Some(code)) => message.status == 0 && (codes::knows(COMMANDS, code) || WITH_FUNCTION.contains(&message.command)),
            (false, None) => false,
        };
        if message.command & UNUSED == 0 && known { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(command) if command & ANSWER != 0 => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((data, message)) = message(head) else { return Glance::SKIP };
        let diagnostic = message.command & COMMAND == DIAGNOSTIC;
        if message.is_answer() {
            let failed = message.status != 0;
            let look = if diagnostic { Look::Always } else { Look::Once(1 << 16 | u32::from(message.command)) };
            return Glance { operation: codes::find(COMMANDS, ERROR_RESPONSE).filter(|_| failed), look, inner: None };
        }
        let code = message.code(data).unwrap_or(OTHER);
        let look = if diagnostic { Look::Always } else { Look::Once(code) };
        Glance { operation: codes::find(COMMANDS, code).or_else(|| codes::find(COMMANDS, OTHER)), look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut Questions, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (data, message) = message(pdu)?;
        if message.command & COMMAND != DIAGNOSTIC {
            return Ok(Next::Watch);
        }
        let open = state.0.iter().position(|open| open.0 == message.transaction);
        if !message.is_answer() {
            let status = data.first() == Some(&DIAGNOSTIC_STATUS);
            match open.and_then(|at| state.0.get_mut(at)) {
                Some(open) => open.1 &= status,
                None => {
                    if state.0.len() >= OPEN_MAX {
                        state.0.remove(0);
                    }
                    state.0.push((message.transaction, status));
                }
            }
        } else if let Some((_, true)) = open.map(|at| state.0.remove(at))
            && message.status == 0
        {
            let about = cx.sender();
            status(data, &about, cx)?;
        }
        Ok(Next::Watch)
    }
}

struct Message {
    command: u8,
    status: u8,
    transaction: u16,
}

fn message(i: &[u8]) -> IResult<&[u8], Message> {
    let (i, (command, status, transaction)) = (u8(), u8(), le_u16()).parse(i)?;
    Ok((i, Message { command, status, transaction }))
}

impl Message {
    const fn is_answer(&self) -> bool {
        self.command & ANSWER != 0
    }

    fn code(&self, data: &[u8]) -> Option<u32> {
        let command = self.command & COMMAND;
        let function = if WITH_FUNCTION.contains(&command) { *data.first()? } else { 0 };
        Some(u32::from(command) << 8 | u32::from(function))
    }
}

/// 1770-6.5.16 chapter 10, diagnostic status of SLC 500 and MicroLogix: mode, extension, interface, processor, series and revision, name;
/// then error word and mode word.
fn status(i: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (_mode, extension, _interface, _processor)) = (u8::<_, nom::error::Error<&[u8]>>(), u8(), u8(), u8()).parse(i)?;
    if extension != EXTENDED {
        return Ok(());
    }
    let (i, (revision, name)) = (take::<_, _, nom::error::Error<&[u8]>>(1usize), take(BULLETIN)).parse(i)?;
    if !name.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0) || name.trim_ascii().len() < 3 {
        return Ok(());
    }
    cx.say(about, Kind::Identity)
        .trimmed(Field::ModelName, name.split(|byte| *byte == 0).next().unwrap_or(name))
        .maybe(series(revision), |saying, text| saying.decoded(Field::FirmwareVersion, &text, revision, "series-and-release"));
    let (_, (_error, word)) = (take::<_, _, nom::error::Error<&[u8]>>(2usize), take(1usize)).parse(i)?;
    if let Some(mode) = word.first().and_then(|word| mode(*word)) {
        cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), word, "slc-mode");
    }
    Ok(())
}

/// The high three bits count series, from A; the others releases, from 1.
fn series(revision: &[u8]) -> Option<Value> {
    let byte = *revision.first()?;
    let series = char::from(b'A' + (byte >> 5));
    Some(Value::Text(format!("series {series} release {}", (byte & 0x1f) + 1).into_bytes()))
}

/// SLC 500 Instruction Set (1747-RM001) appendix B, status word S:1, bits 0 to 4.
const fn mode(word: u8) -> Option<&'static [u8]> {
    Some(match word & 0x1f {
        0x00 => b"remote download",
        0x01 => b"remote program",
        0x03 => b"remote suspend",
        0x06 => b"remote run",
        0x07 => b"remote test continuous",
        0x08 => b"remote test single scan",
        0x10 => b"download",
        0x11 => b"program",
        0x1b => b"suspend",
        0x1e => b"run",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{cip::Cip, cspv4::Cspv4, enip::Enip};
    use super::*;
    use crate::testing::{conversation_of, field};
    use observations::{Observation, Transport};

    const ASK: &[u8] = &[DIAGNOSTIC, 0, 7, 0, DIAGNOSTIC_STATUS];
    const STATUS: &[u8] = &[
        0x46, 0, 7, 0, // answer, success, transaction
        0, EXTENDED, 0x34, 0x5b, // mode, extension, interface, processor
        0x4a, // series C, release 11
        b'5', b'/', b'0', b'5', b' ', b' ', b' ', b' ', b' ', b' ', b' ', // catalogue name
        0, 0, 0x06, 0, 0x12, 0x34, 64, 0xfc, // error, mode, program, memory, flags
    ];

    /// SendRRData with Execute PCCC of a requester.
    fn over_cip(context: u8, head: &[u8], message: &[u8]) -> Vec<u8> {
        let message = [head, &[7, 1, 0, 1, 2, 3, 4], message].concat();
        let length = u8::try_from(message.len()).unwrap();
        let data = [&[0, 0, 0, 0, 8, 0, 2, 0, 0, 0, 0, 0, 0xb2, 0, length, 0], &message[..]].concat();
        let size = u8::try_from(data.len()).unwrap();
        let header = [0x6f, 0, size, 0, 7, 7, 7, 7, 0, 0, 0, 0, context, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        [&header[..], &data].concat()
    }

    fn over_csp(mode: u8, message: &[u8]) -> Vec<u8> {
        let mut header = vec![mode, 7, 0, u8::try_from(message.len() + 4).unwrap()];
        header.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 0]);
        header.extend_from_slice(&[0; 16]);
        [&header[..], &[5, 0, 0, 0], message].concat()
    }

    fn said(payloads: &[(u16, u16, &[u8])]) -> Vec<Observation> {
        conversation_of(&[&Enip, &Cip, &Cspv4, &Pccc], Transport::Tcp, payloads)
    }

    #[test]
    fn a_diagnostic_status_says_name_release_and_mode() {
        let cip = said(&[(50000, 44818, &over_cip(1, &[0x4b, 2, 0x20, 0x67, 0x24, 1], ASK)), (44818, 50000, &over_cip(1, &[0xcb, 0, 0, 0], STATUS))]);
        let csp = said(&[(50000, 2222, &over_csp(1, ASK)), (2222, 50000, &over_csp(2, STATUS))]);
        for said in [cip, csp] {
            assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["5/05"]);
            assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["series C release 11"]);
            assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["remote run"]);
        }
    }

    #[test]
    fn an_answer_to_another_question_says_nothing() {
        let echo = [DIAGNOSTIC, 0, 7, 0, 0, 1, 2, 3];
        let said = said(&[(50000, 2222, &over_csp(1, &echo)), (2222, 50000, &over_csp(2, STATUS))]);
        assert!(field(&said, Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn a_cut_status_keeps_what_came_before() {
        let said = said(&[(50000, 2222, &over_csp(1, ASK)), (2222, 50000, &over_csp(2, &STATUS[..20]))]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["5/05"]);
        assert!(field(&said, Kind::State, Field::OperatingMode).is_empty());
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 2222, from_client: Some(true) };
        let name = |message: &[u8]| Pccc.glance(message, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&[0x0f, 0, 1, 0, 0xaa, 2, 7, 0x89, 0, 0, 1, 0]), Some("protected_typed_logical_write_three"));
        assert_eq!(name(&[0x0f, 0, 1, 0, 0x80, 6]), Some("change_mode"));
        assert_eq!(name(&[0x4f, 0x10, 1, 0]), Some("error_response"));
        assert_eq!(name(&[0x4f, 0, 1, 0]), None);
        assert_eq!(Pccc.gate(&[0x0b, 0, 1, 0], &at), Gate::NotMine);
        assert_eq!(Pccc.gate(b"SSH-2.0-OpenSSH", &at), Gate::NotMine);
    }
}
