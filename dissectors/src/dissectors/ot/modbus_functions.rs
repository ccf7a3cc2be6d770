//! Modbus functions: their names, how long their PDUs are, and what the answers say that identify a server. Shared by Modbus/TCP and by
//! serial frames on TCP.
//!
//! Spec: MODBUS Application Protocol 1.1b3, section 6.

use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::DissectError;
use nom::bytes::take;
use nom::number::be_u8;
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Control, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Value};

/// A response's function code with this bit is an exception (§4.1).
pub(super) const EXCEPTION: u8 = 0x80;
pub(super) const DIAGNOSTICS: u8 = 0x08;
pub(super) const REPORT_SERVER_ID: u8 = 0x11;
pub(super) const ENCAPSULATED: u8 = 0x2b;
/// Not the specification's: what Modicon controllers are programmed with.
pub(super) const UMAS: u8 = 0x5a;
/// §6.20 and 6.21: MEI types.
const CANOPEN_GENERAL_REFERENCE: u8 = 0x0d;
const READ_DEVICE_IDENTIFICATION: u8 = 0x0e;

/// Codes of operations: a function, a function and its subfunction, or what is neither.
const SUB: u32 = 0x1_0000;
const DIAGNOSTIC: u32 = SUB | (DIAGNOSTICS as u32) << 8;
const MEI: u32 = SUB | (ENCAPSULATED as u32) << 8;
const OTHER: u32 = 0x2_0000;
const EXCEPTIONS: u32 = 0x2_0001;

const FUNCTIONS: &[Code] = &[
    (0x01, "read_coils", Read),
    (0x02, "read_discrete_inputs", Read),
    (0x03, "read_holding_registers", Read),
    (0x04, "read_input_registers", Read),
    (0x05, "write_single_coil", Write),
    (0x06, "write_single_register", Write),
    (0x07, "read_exception_status", Diagnose),
    (0x08, "diagnostics", Diagnose),
    (0x0b, "get_comm_event_counter", Diagnose),
    (0x0c, "get_comm_event_log", Diagnose),
    (0x0f, "write_multiple_coils", Write),
    (0x10, "write_multiple_registers", Write),
    (0x11, "report_server_id", Diagnose),
    (0x14, "read_file_record", Read),
    (0x15, "write_file_record", Write),
    (0x16, "mask_write_register", Write),
    (0x17, "read_write_multiple_registers", Write),
    (0x18, "read_fifo_queue", Read),
    (0x2b, "encapsulated_interface_transport", Diagnose),
    (0x5a, "umas", Program),
    // §6.8, subfunctions of Diagnostics.
    (DIAGNOSTIC, "return_query_data", Diagnose),
    (DIAGNOSTIC | 0x01, "restart_communications_option", Control),
    (DIAGNOSTIC | 0x02, "return_diagnostic_register", Diagnose),
    (DIAGNOSTIC | 0x03, "change_ascii_input_delimiter", Configure),
    (DIAGNOSTIC | 0x04, "force_listen_only_mode", Control),
    (DIAGNOSTIC | 0x0a, "clear_counters_and_diagnostic_register", Configure),
    (DIAGNOSTIC | 0x0b, "return_bus_message_count", Diagnose),
    (DIAGNOSTIC | 0x0c, "return_bus_communication_error_count", Diagnose),
    (DIAGNOSTIC | 0x0d, "return_bus_exception_error_count", Diagnose),
    (DIAGNOSTIC | 0x0e, "return_server_message_count", Diagnose),
    (DIAGNOSTIC | 0x0f, "return_server_no_response_count", Diagnose),
    (DIAGNOSTIC | 0x10, "return_server_nak_count", Diagnose),
    (DIAGNOSTIC | 0x11, "return_server_busy_count", Diagnose),
    (DIAGNOSTIC | 0x12, "return_bus_character_overrun_count", Diagnose),
    (DIAGNOSTIC | 0x14, "clear_overrun_counter_and_flag", Configure),
    (MEI | CANOPEN_GENERAL_REFERENCE as u32, "canopen_general_reference", Configure),
    (MEI | READ_DEVICE_IDENTIFICATION as u32, "read_device_identification", Diagnose),
    (OTHER, "other_function", Session),
    (EXCEPTIONS, "exception", Session),
];
pub(super) const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ FUNCTIONS.len() }>(FUNCTIONS);

/// Whether a function code, of a request, response or exception, is one that there is.
pub(super) fn is_known(function: u8) -> bool {
    codes::knows(FUNCTIONS, u32::from(function & !EXCEPTION))
}

/// The operation of a function code and its data.
pub(super) fn operation(function: u8, body: &[u8]) -> Option<u16> {
    if function & EXCEPTION != 0 {
        return codes::find(FUNCTIONS, EXCEPTIONS);
    }
    let sub = match (function, body) {
        (DIAGNOSTICS, [0, sub, ..]) => Some(DIAGNOSTIC | u32::from(*sub)),
        (ENCAPSULATED, [mei, ..]) => Some(MEI | u32::from(*mei)),
        _ => None,
    };
    sub.and_then(|code| codes::find(FUNCTIONS, code)).or_else(|| codes::find(FUNCTIONS, function.into())).or_else(|| codes::find(FUNCTIONS, OTHER))
}

/// Whether a PDU's length is what its function code demands, of requests or responses (§6).
pub(super) fn agrees(function: u8, body: &[u8]) -> bool {
    let counted = |at: usize, fixed: usize| body.get(at).is_some_and(|count| body.len() == fixed + usize::from(*count));
    match function {
        f if f & EXCEPTION != 0 => body.len() == 1,
        0x01..=0x04 => body.len() == 4 || counted(0, 1),
        0x05 | 0x06 => body.len() == 4,
        0x0f | 0x10 => body.len() == 4 || counted(4, 5),
        0x16 => body.len() == 6,
        0x17 => counted(8, 9) || counted(0, 1),
        REPORT_SERVER_ID => body.is_empty() || counted(0, 1),
        ENCAPSULATED => body.first() == Some(&READ_DEVICE_IDENTIFICATION) && body.len() >= 3,
        _ => false,
    }
}

/// Guide §4.4.2.1: 0xFF (and 0, which is also the broadcast of serial lines) address the server itself; other values a unit behind it, or
/// the server if it is no gateway.
pub(super) fn unit_of(server: Subject, unit: u8, cx: &Context<'_>) -> Subject {
    if matches!(unit, 0 | 0xff) { server } else { cx.part(&server, StepKind::ModbusUnit, u64::from(unit)) }
}

/// What a response says of the unit that sent it.
pub(super) fn response(function: u8, body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    match function {
        ENCAPSULATED => device_identification(body, about, cx),
        REPORT_SERVER_ID => server_id(body, about, cx),
        _ => Ok(()),
    }
}

/// §6.21 Read Device Identification, response.
fn device_identification(body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, mei) = be_u8::<_, nom::error::Error<&[u8]>>().parse(body)?;
    if mei != READ_DEVICE_IDENTIFICATION {
        return Ok(());
    }
    let (i, (_code, _conformity, _more, _next, count)) = (be_u8::<_, nom::error::Error<&[u8]>>(), be_u8(), be_u8(), be_u8(), be_u8()).parse(i)?;
    let mut rest = i;
    let mut saying = cx.say(about, Kind::Identity);
    for _ in 0..count {
        // Objects that were read before one that is cut stand: the observation is recorded on the way out.
        let (i, (id, value)) = object(rest)?;
        rest = i;
        saying = match field_of(id) {
            Some(field) => saying.trimmed(field, value),
            None => saying,
        };
    }
    Ok(())
}

/// Object id and a length-prefixed value, §6.21.
fn object(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, (id, length)) = (be_u8(), be_u8()).parse(i)?;
    let (i, value) = take(length).parse(i)?;
    Ok((i, (id, value)))
}

/// §6.21, table of objects.
const fn field_of(id: u8) -> Option<Field> {
    Some(match id {
        0 => Field::VendorName,
        1 => Field::ProductCode,
        2 => Field::FirmwareVersion,
        3 => Field::Url,
        4 => Field::ProductName,
        5 => Field::ModelName,
        6 => Field::ApplicationName,
        _ => return None,
    })
}

/// §6.13 Report Server ID, response: byte count, then device-specific bytes that end with the run indicator and additional data. Where
/// the id ends is not said on the wire: what can be read as text is taken, the rest is left.
fn server_id(body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, count) = be_u8::<_, nom::error::Error<&[u8]>>().parse(body)?;
    let (_, data) = take::<_, _, nom::error::Error<&[u8]>>(count).parse(i)?;
    let length = data.iter().take_while(|byte| (0x20..0x7f).contains(*byte)).count();
    if length >= 3 {
        let (text, rest) = data.split_at_checked(length).unwrap_or((data, &[]));
        let run = rest.first().filter(|indicator| matches!(indicator, 0 | 0xff)).copied();
        cx.say(about, Kind::Identity).trimmed(Field::ProductName, text);
        if let Some(run) = run {
            let mode: &[u8] = if run == 0 { b"stop" } else { b"run" };
            let indicator = rest.get(..1).unwrap_or_default();
            cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), indicator, "run-indicator");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_subfunctions_have_their_names() {
        let name = |function, body: &[u8]| operation(function, body).map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(0x5a, &[0, 2]), Some("umas"));
        assert_eq!(name(0x08, &[0, 4, 0, 0]), Some("force_listen_only_mode"));
        assert_eq!(name(0x08, &[0, 0x15, 0, 0]), Some("diagnostics"));
        assert_eq!(name(0x2b, &[0x0d, 0]), Some("canopen_general_reference"));
        assert_eq!(name(0x2b, &[0x0e, 1, 0]), Some("read_device_identification"));
        assert_eq!(name(0x83, &[2]), Some("exception"));
        assert_eq!(name(0x64, &[]), Some("other_function"));
    }
}
