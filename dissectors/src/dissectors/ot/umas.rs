//! UMAS: how Modicon M340, M580, Momentum and Premium controllers are programmed, within Modbus function 90.
//!
//! Spec: no public one. L. Martín Liras, "The Unity (UMAS) protocol", parts I to VI (2017-2018), whose names of functions are used; Kaspersky
//! ICS CERT, "The secrets of Schneider Electric's UMAS protocol" (2022); A. Zaltzman, "From Pass-the-Hash to Code Execution on Schneider
//! Electric M340 PLCs" (Black Hat Europe 2024); Apache PLC4X, umas.mspec (Apache-2.0); Redpoint, modicon-info.
//! Tells us: model, firmware, memory card, project's name and version, the station that reserves a controller, whether that takes an
//! application password and whether messages are signed; program transfers, starts and stops.
//! Does not tell: what a password is (its hash is mixed with nonces); anything of a connection that is not watched when it reserves.

use super::modbus_functions::unit_of;
use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::u8;
use nom::{IResult, Parser};
use observations::OperationClass::{Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, Subject, Value};

pub(crate) struct Umas;

/// In answers: done, or not.
const OK: u8 = 0xfe;
const ERROR: u8 = 0xfd;
const READ_ID: u8 = 0x02;
const READ_PROJECT_INFO: u8 = 0x03;
const READ_CARD_INFO: u8 = 0x06;
const TAKE_PLC_RESERVATION: u8 = 0x10;
const SIGNED_MESSAGE: u8 = 0x38;
const RESERVATION_NONCES: u8 = 0x6e;
/// Where the function stands that is signed: session, 38h, a byte, 32 bytes of signature, 5Ah, session.
const SIGNED_FUNCTION: usize = 37;
/// Reservations with nothing but a name behind it, and all others.
const PLAIN: u8 = 0;
const WITH_MORE: u8 = 1;
/// A client has one request open on a connection, or a few; beyond this the oldest is forgotten, and its answer says nothing.
const OPEN_MAX: usize = 16;

const OTHER: u32 = 0x100;
const ERROR_RESPONSE: u32 = 0x101;
const FUNCTIONS: &[Code] = &[
    (0x01, "init_comm", Session),
    (0x02, "read_id", Diagnose),
    (0x03, "read_project_info", Diagnose),
    (0x04, "read_plc_info", Diagnose),
    (0x05, "read_loader_info", Diagnose),
    (0x06, "read_card_info", Diagnose),
    (0x07, "read_block_info", Diagnose),
    (0x0a, "repeat", Diagnose),
    (0x10, "take_plc_reservation", Session),
    (0x11, "release_plc_reservation", Session),
    (0x12, "keep_alive", Session),
    (0x20, "read_memory_block", Read),
    (0x21, "write_memory_block", Program),
    (0x22, "read_variables", Read),
    (0x23, "write_variables", Write),
    (0x24, "read_coils_registers", Read),
    (0x25, "write_coils_registers", Write),
    (0x26, "data_dictionary", Diagnose),
    (0x27, "data_dictionary_preload", Diagnose),
    (0x28, "read_physical_address", Read),
    (0x29, "write_physical_address", Program),
    (0x2a, "browse_events", Diagnose),
    (0x30, "initialize_upload", Program),
    (0x31, "upload_block", Program),
    (0x32, "end_strategy_upload", Program),
    (0x33, "initialize_download", Program),
    (0x34, "download_block", Program),
    (0x35, "end_strategy_download", Program),
    (0x36, "backup", Program),
    (0x37, "preload_blocks", Program),
    (0x38, "signed_message", Session),
    (0x39, "read_eth_master_data", Diagnose),
    (0x40, "start_plc", Control),
    (0x41, "stop_plc", Control),
    (0x42, "init_plc", Control),
    (0x43, "swap", Program),
    (0x50, "monitor_plc", Read),
    (0x51, "get_auto_modif", Diagnose),
    (0x52, "get_forced_bits", Diagnose),
    (0x53, "get_selected_blocks", Diagnose),
    (0x58, "check_plc", Diagnose),
    (0x60, "breakpoint_set", Control),
    (0x61, "breakpoint_delete", Control),
    (0x62, "step_over", Control),
    (0x63, "step_in", Control),
    (0x64, "step_out", Control),
    (0x65, "get_call_stack", Diagnose),
    (0x66, "check_debug_allowed", Diagnose),
    (0x6c, "process_message", Session),
    (0x6d, "private_message", Session),
    (0x6e, "reservation_nonces", Session),
    (0x70, "read_io_object", Read),
    (0x71, "write_io_object", Write),
    (0x72, "read_rack", Diagnose),
    (0x73, "get_status_module", Diagnose),
    (0x74, "read_device_data", Diagnose),
    (OTHER, "other_function", Session),
    (ERROR_RESPONSE, "error_response", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ FUNCTIONS.len() }>(FUNCTIONS);

/// Requests that wait: transaction, function and subfunction. Two that cannot be told apart are `None`.
#[derive(Default)]
pub(crate) struct Questions {
    open: Vec<(u128, Option<(u8, u8)>)>,
    /// Nonces were exchanged: what reserves next proves to know a password.
    nonces: bool,
}

impl Dissector for Umas {
    type State = Questions;

    const ROW: Row = Row {
        name: "umas",
        revision: 1,
        spec: "Martín Liras, The Unity (UMAS) protocol; Kaspersky ICS CERT (2022); Apache PLC4X umas.mspec",
        tells: "model, firmware, memory card, project, who reserves a controller; program transfers, starts, stops",
        bindings: &[Binding::Under("modbus", 0x5a)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        match head {
            [_, OK | ERROR, ..] => Gate::Mine,
            [_, function, ..] if *function < 0x80 => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(1) {
            Some(&(OK | ERROR)) => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(&function) = head.get(1) else { return Glance::SKIP };
        let done = match function {
            OK => None,
            ERROR => Some(ERROR_RESPONSE),
            // What is signed is what is done.
            SIGNED_MESSAGE => Some(head.get(SIGNED_FUNCTION).copied().unwrap_or(SIGNED_MESSAGE).into()),
            _ => Some(function.into()),
        };
        let operation = done.and_then(|code| codes::find(FUNCTIONS, code).or_else(|| codes::find(FUNCTIONS, OTHER)));
        // An answer does not say to what: those to questions that were not kept are not read far.
        let look = match function {
            READ_ID | READ_PROJECT_INFO | READ_CARD_INFO | TAKE_PLC_RESERVATION | RESERVATION_NONCES | OK => Look::Always,
            _ => Look::Once(function.into()),
        };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut Questions, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (data, (_session, function)) = (u8::<_, nom::error::Error<&[u8]>>(), u8()).parse(pdu)?;
        let transaction = cx.exchange().transaction;
        match function {
            OK | ERROR => {
                let question = state.open.iter().position(|open| open.0 == transaction).and_then(|at| state.open.remove(at).1);
                if let (OK, Some(question)) = (function, question) {
                    let unit = u8::try_from(transaction & 0xff).unwrap_or(0);
                    let about = unit_of(cx.sender(), unit, cx);
                    answered(question, data, state.nonces, &about, cx)?;
                }
            }
            READ_ID | READ_PROJECT_INFO | READ_CARD_INFO | SIGNED_MESSAGE => state.keep(transaction, (function, data.first().copied().unwrap_or(0))),
            RESERVATION_NONCES => {
                state.nonces = true;
                state.keep(transaction, (function, 0));
            }
            TAKE_PLC_RESERVATION => {
                let (rest, name) = reservation(data)?;
                let about = cx.sender_host();
                if !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
                    cx.say(&about, Kind::Client).text(Field::Hostname, name);
                    state.keep(transaction, (function, if rest.is_empty() { PLAIN } else { WITH_MORE }));
                }
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

impl Questions {
    fn keep(&mut self, transaction: u128, question: (u8, u8)) {
        if let Some(open) = self.open.iter_mut().find(|open| open.0 == transaction) {
            open.1 = open.1.filter(|known| *known == question);
            return;
        }
        if self.open.len() >= OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push((transaction, Some(question)));
    }
}

fn answered((function, sub): (u8, u8), data: &[u8], nonces: bool, about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut secured = |field, word: &[u8]| drop(cx.say(about, Kind::Security).implied(field, &Value::Text(word.to_vec())));
    match (function, sub) {
        (SIGNED_MESSAGE, _) => secured(Field::SecurityLevel, b"sign"),
        (RESERVATION_NONCES, _) => secured(Field::AuthenticationMethod, b"application password"),
        // A name was enough.
        (TAKE_PLC_RESERVATION, PLAIN) if !nonces => secured(Field::AuthenticationMethod, b"none"),
        _ => {}
    }
    match (function, sub) {
        (READ_ID, _) => identity(data, about, cx),
        (READ_PROJECT_INFO, 0) => project(data, about, cx),
        (READ_CARD_INFO, _) => {
            const BEFORE: usize = 6;
            let (i, _state) = take::<_, _, nom::error::Error<&[u8]>>(BEFORE).parse(data)?;
            let (_, name) = text(i)?;
            cx.say(about, Kind::Part).trimmed(Field::MemoryCardModel, name);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Length, then text that may end with a NUL.
fn text(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, length) = u8().parse(i)?;
    take(length).parse(i)
}

/// Four bytes, then the name of the station that programs, with its length.
fn reservation(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, _unknown) = take(4usize).parse(i)?;
    let (i, name) = text(i)?;
    Ok((i, crate::context::trim(name)))
}

/// PLC4X, UmasPDUPlcIdentResponse: range (2), ident (4), model (2), version (2, BCD, low byte first), patches and hardware, then the
/// product's name with its length.
fn identity(data: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (_ident, version, _rest)) = (take::<_, _, nom::error::Error<&[u8]>>(8usize), take(2usize), take(12usize)).parse(data)?;
    let (_, name) = text(i)?;
    if name.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0) {
        cx.say(about, Kind::Identity)
            .trimmed(Field::ProductName, name)
            .maybe(bcd(version), |saying, text| saying.decoded(Field::FirmwareVersion, &text, version, "bcd-version"));
    }
    Ok(())
}

/// 0x90 0x02 is version 2.90.
fn bcd(bytes: &[u8]) -> Option<Value> {
    let &[low, high] = bytes else { return None };
    let digits = [high >> 4, high & 15, low >> 4, low & 15];
    (digits.iter().all(|digit| *digit <= 9) && bytes != [0, 0]).then(|| Value::Text(format!("{high:x}.{low:02x}").into_bytes()))
}

/// Redpoint, modicon-info: two times 17 bytes of checksums and dates, the project's version, its name.
fn project(data: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    const BEFORE: usize = 34;
    let (i, (_dates, version, _zero)) = (take::<_, _, nom::error::Error<&[u8]>>(BEFORE), take(3usize), u8()).parse(data)?;
    let (_, name) = text(i)?;
    if let &[patch, minor, major] = version {
        let text = Value::Text(format!("{major}.{minor}.{patch}").into_bytes());
        cx.say(about, Kind::Identity).trimmed(Field::ApplicationName, name).decoded(Field::ProjectVersion, &text, version, "dotted-backwards");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::modbus::Modbus;
    use super::*;
    use crate::testing::{conversation_of, field};
    use observations::{Observation, Transport};

    fn pdu(transaction: u8, umas: &[u8]) -> Vec<u8> {
        let length = u16::try_from(umas.len() + 2).unwrap().to_be_bytes();
        [&[0, transaction, 0, 0, length[0], length[1], 0, 0x5a], umas].concat()
    }

    fn said(payloads: &[(u16, u16, &[u8])]) -> Vec<Observation> {
        conversation_of(&[&Modbus, &Umas], Transport::Tcp, payloads)
    }

    const ID: &[u8] = &[
        0, OK, 0x06, 0x30, // session, done, range
        0x01, 0x03, 0, 0, 0, 0, // ident, model
        0x90, 0x02, // version 2.90
        0, 0, 2, 0, 6, 1, 3, 1, 0, 0, 0, 0, // patch, internal version, hardware, crash code
        12, b'B', b'M', b'X', b' ', b'P', b'3', b'4', b' ', b'2', b'0', b'2', b'0', // product
        2, 1, 1, 0, // memory banks
    ];

    #[test]
    fn an_identification_says_product_and_version() {
        let said = said(&[(50000, 502, &pdu(1, &[0, READ_ID])), (502, 50000, &pdu(1, ID))]);
        assert_eq!(field(&said, Kind::Identity, Field::ProductName), ["BMX P34 2020"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["2.90"]);
    }

    #[test]
    fn an_answer_without_its_question_says_nothing() {
        let alone = said(&[(502, 50000, &pdu(1, ID))]);
        assert!(field(&alone, Kind::Identity, Field::ProductName).is_empty());
        let other = said(&[(50000, 502, &pdu(2, &[0, READ_ID])), (502, 50000, &pdu(1, ID))]);
        assert!(field(&other, Kind::Identity, Field::ProductName).is_empty());
    }

    #[test]
    fn a_cut_answer_keeps_silent() {
        let said = said(&[(50000, 502, &pdu(1, &[0, READ_ID])), (502, 50000, &pdu(1, &ID[..30]))]);
        assert!(field(&said, Kind::Identity, Field::ProductName).is_empty());
    }

    #[test]
    fn a_project_and_a_memory_card_are_named() {
        let mut project = vec![0, OK];
        project.extend_from_slice(&[9; 34]);
        project.extend_from_slice(&[4, 1, 0, 0, 6]);
        project.extend_from_slice(b"Mixer\0");
        let said = said(&[
            (50000, 502, &pdu(1, &[0, READ_PROJECT_INFO, 0])),
            (502, 50000, &pdu(1, &project)),
            (50000, 502, &pdu(2, &[0, READ_CARD_INFO, 6])),
            (502, 50000, &pdu(2, b"\0\xfe\x01\0\x01\x01\xa1\0\x0bBMXRMS008MP\0")),
        ]);
        assert_eq!(field(&said, Kind::Identity, Field::ApplicationName), ["Mixer"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProjectVersion), ["0.1.4"]);
        assert_eq!(field(&said, Kind::Part, Field::MemoryCardModel), ["BMXRMS008MP"]);
    }

    #[test]
    fn who_reserves_a_controller_names_its_host() {
        let said = said(&[(50000, 502, &pdu(1, b"\0\x10\x3b\x0e\0\0\x08ENG-WS01"))]);
        assert_eq!(field(&said, Kind::Client, Field::Hostname), ["ENG-WS01"]);
    }

    #[test]
    fn a_reservation_shows_whether_a_password_is_needed() {
        let take = b"\0\x10\x3b\x0e\0\0\x08ENG-WS01";
        let plain = said(&[(50000, 502, &pdu(1, take)), (502, 50000, &pdu(1, &[0, OK, 7]))]);
        assert_eq!(field(&plain, Kind::Security, Field::AuthenticationMethod), ["none"]);
        let refused = said(&[(50000, 502, &pdu(1, take)), (502, 50000, &pdu(1, &[0, ERROR, 0x80]))]);
        assert!(field(&refused, Kind::Security, Field::AuthenticationMethod).is_empty());
        let nonces = [[0, RESERVATION_NONCES].as_slice(), &[9; 32]].concat();
        let proven = said(&[
            (50000, 502, &pdu(1, &nonces)),
            (502, 50000, &pdu(1, &[[0, OK].as_slice(), &[8; 32]].concat())),
            (50000, 502, &pdu(2, take)),
            (502, 50000, &pdu(2, &[0, OK, 7])),
        ]);
        assert_eq!(field(&proven, Kind::Security, Field::AuthenticationMethod), ["application password"]);
    }

    #[test]
    fn a_signed_message_is_what_it_does() {
        let signed = [[7, SIGNED_MESSAGE, 1].as_slice(), &[5; 32], &[0x5a, 7, 0x41, 0xff, 0]].concat();
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 502, from_client: Some(true) };
        assert_eq!(Umas.glance(&signed, &at).operation.map(|index| OPERATIONS[usize::from(index)].0), Some("stop_plc"));
        let said = said(&[(50000, 502, &pdu(1, &signed)), (502, 50000, &pdu(1, &[[7, OK, 1].as_slice(), &[5; 32], &[0x5a, 7, OK]].concat()))]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["sign"]);
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 502, from_client: Some(true) };
        let name = |umas: &[u8]| Umas.glance(umas, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&[1, 0x41, 0xff, 0]), Some("stop_plc"));
        assert_eq!(name(&[1, 0x31, 0]), Some("upload_block"));
        assert_eq!(name(&[1, ERROR, 0x83]), Some("error_response"));
        assert_eq!(name(&[1, OK]), None);
        assert_eq!(Umas.gate(&[1, 0xc4], &at), Gate::NotMine);
        assert_eq!(Umas.gate(&[1], &at), Gate::NotMine);
    }
}
