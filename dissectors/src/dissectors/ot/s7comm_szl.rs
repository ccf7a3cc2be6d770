//! System status lists of S7 controllers: identification, protection and state.
//!
//! Spec: SIMATIC System Software for S7-300/400, System and Standard Functions, volume 2 (A5E02789976), chapter "System status lists".

use crate::context::{Context, trim};
use crate::dissector::DissectError;
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind, Subject, Value};

/// Whole lists and single records of them. Lists of redundant systems (0x021C) name several controllers and are left.
const MODULE: [u16; 2] = [0x0011, 0x0111];
const COMPONENT: [u16; 2] = [0x001c, 0x011c];
const COMMUNICATION: [u16; 2] = [0x0132, 0x0232];
/// Index of the communication status record about protection and switches.
const PROTECTION: u16 = 4;
const STATE: u16 = 0x0424;

/// Records of a list: an S7-400 rack has 18 slots, a component identification 11 records. The rest is no list that is read here.
const RECORDS_MAX: usize = 32;
/// Offsets in a module's record: index, order number, module type, two versions.
const ORDER_NUMBER: std::ops::Range<usize> = 2..22;
const VERSION: std::ops::Range<usize> = 24..28;
const MODULE_RECORD: usize = 28;
/// A component's record: index, then up to 32 bytes.
const TEXT: std::ops::RangeFrom<usize> = 2..;

/// Identification and header of a list.
struct List<'a> {
    id: u16,
    index: u16,
    length: u16,
    count: u16,
    records: &'a [u8],
}

fn list(i: &[u8]) -> IResult<&[u8], List<'_>> {
    let (records, (id, index, length, count)) = (be_u16(), be_u16(), be_u16(), be_u16()).parse(i)?;
    Ok((&[], List { id, index, length, count, records }))
}

/// Whether bytes begin a list that is read here: its records have the length that they must have.
pub(super) fn wanted(bytes: &[u8]) -> bool {
    let Ok((_, list)) = list(bytes) else { return false };
    match list.id {
        id if MODULE.contains(&id) => usize::from(list.length) >= ORDER_NUMBER.end && usize::from(list.length) <= MODULE_RECORD,
        id if COMPONENT.contains(&id) => list.length == 34,
        id if COMMUNICATION.contains(&id) => list.length == 40 && list.index & 0xff == PROTECTION,
        STATE => list.length == 20,
        _ => false,
    }
}

/// A list, whole. What one list says of identity is said together.
pub(super) fn read(bytes: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (_, list) = list(bytes)?;
    let about = cx.sender();
    let records = records(&list);
    match list.id {
        id if MODULE.contains(&id) => module(&records, &about, cx),
        id if COMPONENT.contains(&id) => component(&records, &about, cx),
        id if COMMUNICATION.contains(&id) => records.iter().try_for_each(|record| protection(record, &about, cx))?,
        _ => records.iter().for_each(|record| state(record, &about, cx)),
    }
    let whole = usize::from(list.length) * records.len();
    if records.len() < usize::from(list.count).min(RECORDS_MAX) {
        return Err(DissectError::Truncated { needed: usize::from(list.length).saturating_sub(list.records.len().saturating_sub(whole)) });
    }
    Ok(())
}

/// The records that are there whole.
fn records<'a>(list: &List<'a>) -> Vec<&'a [u8]> {
    list.records.chunks_exact(usize::from(list.length).max(1)).take(usize::from(list.count).min(RECORDS_MAX)).collect()
}

fn index(record: &[u8]) -> u16 {
    record.first_chunk().map_or(0, |index| u16::from_be_bytes(*index))
}

/// 0x0011: 1 the module, 6 its hardware, 7 its firmware, 0x81 its boot loader, named where other records have an order number.
fn module(records: &[&[u8]], about: &Subject, cx: &mut Context<'_>) {
    let mut saying = cx.say(about, Kind::Identity);
    for record in records {
        let version = record.get(VERSION).unwrap_or_default();
        match (index(record), version) {
            (1, _) => saying = saying.trimmed(Field::OrderNumber, record.get(ORDER_NUMBER).unwrap_or_default()),
            (6, &[high, low, ..]) if (high, low) != (0, 0) => {
                let number = u16::from_be_bytes([high, low]).to_string();
                let bytes = version.get(..2).unwrap_or_default();
                saying = saying.decoded(Field::HardwareVersion, &Value::Text(number.into_bytes()), bytes, "u16-be");
            }
            (7, &[b'V', major, minor, patch]) => {
                let text = format!("V{major}.{minor}.{patch}");
                saying = saying.decoded(Field::FirmwareVersion, &Value::Text(text.into_bytes()), version, "s7-version");
            }
            (0x81, &[prefix @ (b'A' | b'V'), major, minor, patch]) => {
                let named = record.get(ORDER_NUMBER.start..VERSION.end).unwrap_or_default();
                let name = trim(record.get(ORDER_NUMBER).unwrap_or_default());
                let text = [name, format!(" {}{major}.{minor}.{patch}", char::from(prefix)).as_bytes()].concat();
                saying = saying.decoded(Field::BootLoaderVersion, &Value::Text(text), named, "s7-named-version");
            }
            _ => {}
        }
    }
}

/// 0x001C.
fn component(records: &[&[u8]], about: &Subject, cx: &mut Context<'_>) {
    let mut saying = cx.say(about, Kind::Identity);
    for record in records {
        let text = record.get(TEXT).unwrap_or_default();
        let field = match index(record) {
            1 => Field::SystemName,
            2 => Field::ModuleName,
            3 => Field::PlantName,
            4 => Field::Copyright,
            5 => Field::SerialNumber,
            7 => Field::ModuleType,
            8 => Field::MemoryCardSerial,
            9 => {
                if let Some((manufacturer, rest)) = text.split_first_chunk::<2>()
                    && let Some((profile, rest)) = rest.split_first_chunk::<2>()
                    && let Some((kind, _)) = rest.split_first_chunk::<2>()
                {
                    saying = saying
                        .number(Field::ProfinetVendorId, u16::from_be_bytes(*manufacturer).into(), manufacturer)
                        .number(Field::ProfileId, u16::from_be_bytes(*profile).into(), profile)
                        .number(Field::ProfileType, u16::from_be_bytes(*kind).into(), kind);
                }
                continue;
            }
            0x0b => Field::Location,
            _ => continue,
        };
        saying = saying.trimmed(field, trim(text));
    }
}

/// 0x0132 and 0x0232 index 4: levels that the selector and the project set, the level in force, the selector's position.
fn protection(record: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, index) = be_u16::<_, nom::error::Error<&[u8]>>().parse(record)?;
    if index & 0xff != PROTECTION {
        return Ok(());
    }
    let (_, [selector, parameter, real, position]) = words(i)?;
    let number = |word: &[u8]| word.first_chunk().map_or(0, |word| u16::from_be_bytes(*word));
    cx.say(about, Kind::Security)
        .number(Field::ProtectionSelector, number(selector).into(), selector)
        .number(Field::ProtectionParameter, number(parameter).into(), parameter)
        .number(Field::Protection, number(real).into(), real);
    let mode: &[u8] = match number(position) {
        1 => b"run",
        2 => b"run-p",
        3 => b"stop",
        4 => b"mres",
        _ => return Ok(()),
    };
    cx.say(about, Kind::State).decoded(Field::ModeSelector, &Value::Text(mode.to_vec()), position, "s7-mode-selector");
    Ok(())
}

fn words(i: &[u8]) -> IResult<&[u8], [&[u8]; 4]> {
    let (i, (a, b, c, d)) = (take(2usize), take(2usize), take(2usize), take(2usize)).parse(i)?;
    Ok((i, [a, b, c, d]))
}

/// 0x0424: event, priority class, then the state before (high half) and now (low half).
fn state(record: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let Ok((_, (_event, _class, byte))) = (be_u16::<_, nom::error::Error<&[u8]>>(), be_u8(), take(1usize)).parse(record) else { return };
    let mode: &[u8] = match byte.first().map(|byte| byte & 0x0f) {
        Some(1..=4) => b"stop",
        Some(5..=7) => b"startup",
        Some(8 | 9) => b"run",
        Some(0x0a) => b"hold",
        Some(0x0d) => b"defective",
        _ => return,
    };
    cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), byte, "s7-state");
}
