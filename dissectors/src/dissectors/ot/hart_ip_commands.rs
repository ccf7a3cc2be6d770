//! HART commands: their names, and what answers to them say of a device.
//!
//! Spec: FieldComm Group TS20127 (universal commands), TS20151 (common practice commands), TS20183 (tables).

use crate::context::{Context, Saying};
use crate::dissector::DissectError;
use observations::{Field, Kind, OperationClass, StepKind, Subject, Value};

/// Commands with two bytes of number stand in the data of this one.
pub(super) const EXTENDED: u8 = 31;
const READ_UNIQUE_IDENTIFIER: u16 = 0;
const READ_BY_TAG: u16 = 11;
const READ_TAG: u16 = 13;
const READ_LONG_TAG: u16 = 20;
const READ_BY_LONG_TAG: u16 = 21;
const READ_SUB_DEVICE: u16 = 84;

/// Commands by number; then what is none of them, then sessions.
const COMMANDS: &[(u16, &str, OperationClass)] = &[
    (READ_UNIQUE_IDENTIFIER, "read_unique_identifier", OperationClass::Diagnose),
    (1, "read_primary_variable", OperationClass::Read),
    (2, "read_loop_current", OperationClass::Read),
    (3, "read_dynamic_variables", OperationClass::Read),
    (6, "write_polling_address", OperationClass::Configure),
    (7, "read_loop_configuration", OperationClass::Diagnose),
    (8, "read_dynamic_variable_classifications", OperationClass::Diagnose),
    (9, "read_device_variables", OperationClass::Read),
    (READ_BY_TAG, "read_unique_identifier_by_tag", OperationClass::Diagnose),
    (12, "read_message", OperationClass::Diagnose),
    (READ_TAG, "read_tag_descriptor_date", OperationClass::Diagnose),
    (14, "read_transducer_information", OperationClass::Diagnose),
    (15, "read_device_information", OperationClass::Diagnose),
    (16, "read_final_assembly_number", OperationClass::Diagnose),
    (17, "write_message", OperationClass::Configure),
    (18, "write_tag_descriptor_date", OperationClass::Configure),
    (19, "write_final_assembly_number", OperationClass::Configure),
    (READ_LONG_TAG, "read_long_tag", OperationClass::Diagnose),
    (READ_BY_LONG_TAG, "read_unique_identifier_by_long_tag", OperationClass::Diagnose),
    (22, "write_long_tag", OperationClass::Configure),
    (33, "read_device_variables_33", OperationClass::Read),
    (34, "write_damping_value", OperationClass::Configure),
    (35, "write_range_values", OperationClass::Configure),
    (36, "set_upper_range_value", OperationClass::Configure),
    (37, "set_lower_range_value", OperationClass::Configure),
    (38, "reset_configuration_changed_flag", OperationClass::Configure),
    (40, "enter_exit_fixed_current_mode", OperationClass::Control),
    (41, "perform_self_test", OperationClass::Diagnose),
    (42, "perform_device_reset", OperationClass::Control),
    (43, "set_primary_variable_zero", OperationClass::Configure),
    (44, "write_primary_variable_units", OperationClass::Configure),
    (45, "trim_loop_current_zero", OperationClass::Configure),
    (46, "trim_loop_current_gain", OperationClass::Configure),
    (48, "read_additional_device_status", OperationClass::Diagnose),
    (49, "write_transducer_serial_number", OperationClass::Configure),
    (51, "write_dynamic_variable_assignments", OperationClass::Configure),
    (59, "write_number_of_response_preambles", OperationClass::Configure),
    (71, "lock_device", OperationClass::Control),
    (72, "squawk", OperationClass::Diagnose),
    (73, "find_device", OperationClass::Diagnose),
    (74, "read_io_system_capabilities", OperationClass::Diagnose),
    (77, "send_command_to_sub_device", OperationClass::Session),
    (78, "read_aggregated_commands", OperationClass::Read),
    (79, "write_device_variable", OperationClass::Write),
    (READ_SUB_DEVICE, "read_sub_device_identity_summary", OperationClass::Diagnose),
    (89, "set_real_time_clock", OperationClass::Configure),
];
const OTHERS: &[(&str, OperationClass)] = &[
    ("other_command", OperationClass::Session),
    ("extended_command", OperationClass::Session),
    ("session_initiate", OperationClass::Session),
    ("session_close", OperationClass::Session),
    ("keep_alive", OperationClass::Session),
    ("read_audit_log", OperationClass::Diagnose),
];
const OPERATIONS_MAX: usize = COMMANDS.len() + OTHERS.len();
pub(super) const OPERATIONS: &[(&str, OperationClass)] = &operations();

#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn operations() -> [(&'static str, OperationClass); OPERATIONS_MAX] {
    let (mut rows, mut at) = ([("", OperationClass::Session); OPERATIONS_MAX], 0);
    while at < OPERATIONS_MAX {
        rows[at] = if at < COMMANDS.len() { (COMMANDS[at].1, COMMANDS[at].2) } else { OTHERS[at - COMMANDS.len()] };
        at += 1;
    }
    rows
}

/// The operation of a command.
pub(super) fn operation(number: u16) -> u16 {
    let extended = usize::from(number > u16::from(u8::MAX));
    index(COMMANDS.iter().position(|row| row.0 == number).unwrap_or(COMMANDS.len() + extended))
}

/// The operation of a message about the session.
pub(super) fn session(id: u8) -> Option<u16> {
    match id {
        0..=2 => Some(index(COMMANDS.len() + 2 + usize::from(id))),
        5 => Some(index(COMMANDS.len() + 5)),
        _ => None,
    }
}

fn index(row: usize) -> u16 {
    u16::try_from(row).unwrap_or(u16::MAX)
}

/// Whether an answer to a command tells who the device is.
pub(super) const fn identifies(number: u16) -> bool {
    matches!(number, READ_UNIQUE_IDENTIFIER | READ_BY_TAG | READ_TAG | READ_LONG_TAG | READ_BY_LONG_TAG | READ_SUB_DEVICE)
}

/// An answer's data, behind response code and status.
pub(super) fn answered(number: u16, data: &[u8], about: &Subject, server: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    match number {
        // An error is all that it has.
        _ if data.is_empty() => Ok(()),
        READ_UNIQUE_IDENTIFIER | READ_BY_TAG | READ_BY_LONG_TAG => identity(data, about, cx),
        READ_TAG => {
            // Tag (6), descriptor (12), date: six bits a character.
            let (tag, descriptor) = (slice(data, 0, 6)?, slice(data, 6, 18)?);
            let saying = packed(cx.say(about, Kind::Identity), Field::ShortTag, tag);
            drop(packed(saying, Field::Description, descriptor));
            Ok(())
        }
        READ_LONG_TAG => {
            cx.say(about, Kind::Identity).trimmed(Field::Tag, slice(data, 0, 32)?);
            Ok(())
        }
        READ_SUB_DEVICE => sub_device(data, server, cx),
        _ => Ok(()),
    }
}

fn slice(data: &[u8], from: usize, to: usize) -> Result<&[u8], DissectError> {
    data.get(from..to).ok_or(DissectError::Truncated { needed: to.saturating_sub(data.len()) })
}

fn number(slice: &[u8]) -> u64 {
    slice.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Command 0 (TS20127 §6.1): 254, device type (2), preambles, revisions of the commands, of the device, of software, of hardware (5 bits),
/// flags, device id (3); from HART 6 on preambles, variables, counter (2), status; from HART 7 on manufacturer (2), label (2), profile.
fn identity(data: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    const EXPANDED: u8 = 254;
    const HART_7: u8 = 7;
    if data.first() != Some(&EXPANDED) {
        return Err(DissectError::Malformed { rule: "identity command", offset: 0 });
    }
    let (kind, software, hardware, unique) = (slice(data, 1, 3)?, slice(data, 6, 7)?, slice(data, 7, 8)?, slice(data, 1, 12)?);
    let decimal = |number: u64| Value::Text(number.to_string().into_bytes());
    let saying = cx.say(about, Kind::Identity).number(Field::HartDeviceType, number(kind), kind);
    let saying = unique_id(saying, unique).decoded(Field::FirmwareVersion, &decimal(number(software)), software, "u8");
    let saying = saying.decoded(Field::HardwareVersion, &decimal(number(hardware) >> 3), hardware, "hart-hardware-revision");
    if data.get(4).is_some_and(|revision| *revision >= HART_7)
        && let (Some(maker), Some(profile)) = (data.get(17..19), data.get(21..22))
    {
        drop(saying.number(Field::HartManufacturerId, number(maker), maker).number(Field::HartProfile, number(profile), profile));
    } else if data.get(4).is_some_and(|revision| *revision < HART_7) {
        // Before HART 7 the first half of the device type is the manufacturer's number.
        let maker = slice(data, 1, 2)?;
        drop(saying.number(Field::HartManufacturerId, number(maker), maker));
    }
    Ok(())
}

/// Device type and device id tell a device from all others: one alone does not.
fn unique_id<'s, 'a>(saying: Saying<'s, 'a>, bytes: &[u8]) -> Saying<'s, 'a> {
    let (Some(kind), Some(id)) = (bytes.get(..2), bytes.get(8..11)) else { return saying };
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = format!("{}-{}", hexadecimal(kind), hexadecimal(id));
    saying.decoded(Field::SerialNumber, &Value::Text(text.into_bytes()), bytes, "hart-unique-id")
}

/// Command 84 (TS20151): what an I/O system says of a device behind it: index (2), card, channel, manufacturer (2), type (2), id (3),
/// revision, long tag (32).
fn sub_device(data: &[u8], server: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (maker, kind, id) = (slice(data, 4, 6)?, slice(data, 6, 8)?, slice(data, 8, 11)?);
    let about = cx.part(server, StepKind::HartDevice, (number(kind) & 0x3fff) << 24 | number(id));
    let saying = cx.say(&about, Kind::Identity).number(Field::HartManufacturerId, number(maker), maker);
    let saying = saying.number(Field::HartDeviceType, number(kind), kind).bytes(Field::HartAddress, slice(data, 6, 11)?);
    drop(saying.trimmed(Field::Tag, data.get(12..44).unwrap_or_default()));
    Ok(())
}

/// Characters of six bits, four in three bytes (TS20081): the missing bit is the sixth one's opposite.
fn packed<'s, 'a>(saying: Saying<'s, 'a>, field: Field, bytes: &[u8]) -> Saying<'s, 'a> {
    let characters = bytes.as_chunks::<3>().0.iter().flat_map(|&[a, b, c]| [a >> 2, a << 4 & 0x30 | b >> 4, b << 2 & 0x3c | c >> 6, c & 0x3f]);
    let text: Vec<u8> = characters.map(|six| if six & 0x20 == 0 { six | 0x40 } else { six }).collect();
    let text = text.trim_ascii();
    // Nothing was ever written: the packed zero is an at sign, the packed ones a question mark.
    let blank = text.iter().all(|byte| matches!(byte, b'@' | b'?' | b' '));
    if blank { saying } else { saying.decoded(field, &Value::Text(text.to_vec()), bytes, "packed-ascii") }
}
