//! Blocks of PROFINET IO: what connections open with and records consist of.
//!
//! Spec: IEC 61158-6-10 section 5.2 (BlockHeader, ARBlock, ExpectedSubmoduleBlock, I&M0 to I&M4, RealIdentificationData,
//! PDInterfaceDataReal).

use crate::context::{Context, Saying};
use crate::dissector::DissectError;
use observations::{Field, Kind, Mac, StepKind, Subject, Value};
use std::net::Ipv4Addr;

pub(super) const AR_REQUEST: u16 = 0x0101;
pub(super) const AR_RESPONSE: u16 = 0x8101;
pub(super) const AR_SERVER: u16 = 0x8106;
pub(super) const EXPECTED_SUBMODULES: u16 = 0x0104;
const READ_RESPONSE: u16 = 0x8009;
const REAL_IDENTIFICATION: u16 = 0x0013;
const IM0: u16 = 0x0020;
const IM1: u16 = 0x0021;
const IM2: u16 = 0x0022;
const IM3: u16 = 0x0023;
const INTERFACE: u16 = 0x0240;
/// A block that holds blocks of one subslot.
const MULTIPLE: u16 = 0x0400;

/// Type, length and version, and the fields of a read response, which a record follows.
pub(super) const READ_HEADER: usize = 64;
/// Blocks of one record or connection: a device with 256 modules opens with about as many.
const BLOCKS_MAX: usize = 512;
/// Modules and submodules that one block lists.
const MODULES_MAX: usize = 1024;

/// One block: its type, and what stands behind its version.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) kind: u16,
    pub(super) body: &'a [u8],
}

/// Blocks one after another; the length counts from the version on. Ends behind the first that is cut.
pub(super) fn all(bytes: &[u8]) -> impl Iterator<Item = Result<Block<'_>, DissectError>> {
    let mut rest = bytes;
    (0..BLOCKS_MAX).map_while(move |_| {
        let (&[kind_high, kind_low, high, low], behind) = rest.split_first_chunk::<4>()?;
        let (kind, length) = (u16::from_be_bytes([kind_high, kind_low]), usize::from(u16::from_be_bytes([high, low])));
        if kind == 0 {
            return None;
        }
        rest = behind.get(length..).unwrap_or_default();
        Some(match behind.get(2..length) {
            Some(body) => Ok(Block { kind, body }),
            None => Err(DissectError::Truncated { needed: length.saturating_sub(behind.len()).max(1) }),
        })
    })
}

/// A big-endian number of at most eight bytes.
pub(super) fn number(slice: &[u8]) -> u64 {
    slice.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Whether sixteen bytes are an object of PROFINET: DEA00000-6C97-11D1-8271 and instance, device, vendor, in either byte order.
pub(super) fn is_object(object: &[u8]) -> bool {
    const BIG: [u8; 10] = [0xde, 0xa0, 0, 0, 0x6c, 0x97, 0x11, 0xd1, 0x82, 0x71];
    const LITTLE: [u8; 10] = [0, 0, 0xa0, 0xde, 0x97, 0x6c, 0xd1, 0x11, 0x82, 0x71];
    object.starts_with(&BIG) || object.starts_with(&LITTLE)
}

/// Vendor and device number in an object's identifier.
pub(super) fn object_numbers<'s, 'a>(object: &[u8], saying: Saying<'s, 'a>) -> Saying<'s, 'a> {
    let (Some(device), Some(vendor), true) = (object.get(12..14), object.get(14..16), is_object(object)) else { return saying };
    saying.number(Field::ProfinetVendorId, number(vendor), vendor).number(Field::ProfinetDeviceId, number(device), device)
}

/// ARBlockReq: type, identifier (16), session (2), MAC address and object of the initiator, properties (4), time-out (2), port (2), name.
pub(super) fn initiator(body: &[u8], about: &Subject, cx: &mut Context<'_>) {
    /// ARType: a controller's (also with extensions for isochronous and redundant ones), a supervisor's.
    const SUPERVISOR: u64 = 6;
    const CONTROLLERS: [u64; 4] = [1, 0x10, 0x20, 0x21];
    let field = |from: usize, to: usize| body.get(from..to).unwrap_or_default();
    let kind = field(0, 2);
    let name = body.get(50..).and_then(|rest| rest.split_first_chunk::<2>());
    let name = name.and_then(|(length, rest)| rest.get(..usize::from(u16::from_be_bytes(*length)))).unwrap_or_default();
    let role = match number(kind) {
        SUPERVISOR => Some(8),
        kind if CONTROLLERS.contains(&kind) => Some(2),
        _ => None,
    };
    let saying = cx.say(about, Kind::Identity).trimmed(Field::StationName, name);
    let saying = saying.maybe(mac(field(20, 26)), |s, mac| s.mac(Field::MacAddress, mac, field(20, 26)));
    let saying = object_numbers(field(26, 42), saying);
    drop(saying.maybe(role, |s, role| s.decoded(Field::ProfinetRole, &Value::Number(role), kind, "profinet-ar-type")));
}

/// ARBlockRes: type, identifier (16), session (2), MAC address of the responder.
pub(super) fn responder_mac(body: &[u8]) -> Option<(Mac, &[u8])> {
    let bytes = body.get(20..26)?;
    Some((mac(bytes)?, bytes))
}

/// ARServerBlockRes: length and name.
pub(super) fn server_name(body: &[u8]) -> Option<&[u8]> {
    let (length, rest) = body.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.first_chunk().map(|bytes| Mac(*bytes)).filter(|mac| mac.is_device())
}

/// ExpectedSubmoduleBlockReq: slots with the module that is expected in each.
pub(super) fn expected(body: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    let Some((count, mut rest)) = body.split_first_chunk::<2>() else { return found };
    for _ in 0..u16::from_be_bytes(*count) {
        // API (4), slot, module (4), properties (2), number of submodules.
        let Some((head, behind)) = rest.split_at_checked(14) else { break };
        if found.len() >= MODULES_MAX {
            break;
        }
        if let (Some(slot), Some(module)) = (head.get(4..6), head.get(6..10)) {
            found.push((slot, module));
        }
        let submodules = number(head.get(12..14).unwrap_or_default());
        let Some(behind) = skip_submodules(behind, submodules) else { break };
        rest = behind;
    }
    found
}

/// Subslot (2), identifier (4), properties (2), then one description of data, or two where data go both ways (type 3).
fn skip_submodules(mut rest: &[u8], count: u64) -> Option<&[u8]> {
    for _ in 0..count {
        let descriptions = if rest.get(7)? & 3 == 3 { 2 } else { 1 };
        rest = rest.get(8 + descriptions * 6..)?;
    }
    Some(rest)
}

/// What a read response is of.
pub(super) struct Read<'a> {
    pub(super) slot: u64,
    pub(super) subslot: u64,
    pub(super) slot_bytes: &'a [u8],
    pub(super) length: usize,
}

/// IODReadResHeader: sequence (2), AR (16), API (4), slot, subslot, padding (2), index, length (4).
pub(super) fn read_header<'a>(block: &Block<'a>) -> Option<Read<'a>> {
    let Block { kind: READ_RESPONSE, body } = *block else { return None };
    let (slot_bytes, subslot, length) = (body.get(22..24)?, body.get(24..26)?, body.get(30..34)?);
    Some(Read { slot: number(slot_bytes), subslot: number(subslot), slot_bytes, length: usize::try_from(number(length)).unwrap_or(usize::MAX) })
}

/// Slot 0 is the device itself, its interface and ports; other slots are modules, and in them subslot 1 stands for the module.
pub(super) fn place(device: &Subject, slot: u64, subslot: u64, cx: &Context<'_>) -> Subject {
    match (slot, subslot) {
        (0, _) => device.clone(),
        (slot, 0 | 1) => cx.part(device, StepKind::ProfinetSlot, slot),
        (slot, subslot) => cx.part(&cx.part(device, StepKind::ProfinetSlot, slot), StepKind::ProfinetSubslot, subslot),
    }
}

/// One block of a record that was read.
pub(super) fn say(block: &Block<'_>, about: &Subject, cx: &mut Context<'_>) {
    let field = |from: usize, to: usize| block.body.get(from..to).unwrap_or_default();
    match block.kind {
        IM0 => im0(block.body, about, cx),
        IM1 => drop(cx.say(about, Kind::Identity).trimmed(Field::Tag, field(0, 32)).trimmed(Field::Location, field(32, 54))),
        IM2 => drop(cx.say(about, Kind::Identity).trimmed(Field::InstallationDate, field(0, 16))),
        IM3 => drop(cx.say(about, Kind::Identity).trimmed(Field::Description, field(0, 54))),
        REAL_IDENTIFICATION => real_identification(block.body, about, cx),
        MULTIPLE => {
            // Padding (2), API (4), slot, subslot.
            for inner in all(block.body.get(10..).unwrap_or_default()).map_while(Result::ok).filter(|inner| inner.kind == INTERFACE) {
                interface(inner.body, about, cx);
            }
        }
        INTERFACE => interface(block.body, about, cx),
        _ => {}
    }
}

/// I&M0: vendor, order number (20), serial number (16), hardware and software revision, counter, profile and its type.
fn im0(body: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let field = |from: usize, to: usize| body.get(from..to).unwrap_or_default();
    let (vendor, hardware, software) = (field(0, 2), field(38, 40), field(40, 44));
    let saying = cx.say(about, Kind::Identity).number(Field::ProfinetVendorId, number(vendor), vendor);
    let saying = saying.trimmed(Field::OrderNumber, field(2, 22)).trimmed(Field::SerialNumber, field(22, 38));
    // 0xffff: the profile has a revision of its own.
    let revision = Some(number(hardware)).filter(|revision| !matches!(revision, 0 | 0xffff));
    let saying =
        saying.maybe(revision, |s, revision| s.decoded(Field::HardwareVersion, &Value::Text(revision.to_string().into_bytes()), hardware, "u16-be"));
    let saying = match software {
        // V released, R revision, P prototype, U under test, T test device.
        &[prefix @ (b'V' | b'R' | b'P' | b'U' | b'T'), major, minor, patch] if (major, minor, patch) != (0, 0, 0) => {
            let text = format!("{}{major}.{minor}.{patch}", char::from(prefix));
            saying.decoded(Field::FirmwareVersion, &Value::Text(text.into_bytes()), software, "s7-version")
        }
        _ => saying,
    };
    let (profile, kind) = (field(46, 48), field(48, 50));
    if profile.len() == 2 && kind.len() == 2 {
        drop(saying.number(Field::ProfileId, number(profile), profile).number(Field::ProfileType, number(kind), kind));
    }
}

/// RealIdentificationData, version 1.1: APIs, in each the slots with the modules that are plugged.
fn real_identification(body: &[u8], device: &Subject, cx: &mut Context<'_>) {
    let device = Subject { path: Vec::new(), ..device.clone() };
    let Some((apis, mut rest)) = body.split_first_chunk::<2>() else { return };
    let mut left = MODULES_MAX;
    for _ in 0..u16::from_be_bytes(*apis) {
        let Some((head, behind)) = rest.split_at_checked(6) else { return };
        rest = behind;
        for _ in 0..number(head.get(4..6).unwrap_or_default()) {
            // Slot, module (4), number of submodules; each of them subslot and identifier.
            let Some((head, behind)) = rest.split_at_checked(8) else { return };
            let (slot, module) = (head.get(..2).unwrap_or_default(), head.get(2..6).unwrap_or_default());
            let submodules = usize::try_from(number(head.get(6..8).unwrap_or_default())).unwrap_or(0);
            let Some(behind) = behind.get(submodules * 6..) else { return };
            rest = behind;
            left = left.saturating_sub(1);
            if left == 0 {
                cx.limit("modules of a PROFINET device");
                return;
            }
            let about = place(&device, number(slot), 1, cx);
            if !about.path.is_empty() {
                cx.say(&about, Kind::Part).number(Field::Slot, number(slot), slot).number(Field::ModuleIdent, number(module), module);
            }
        }
    }
}

/// PDInterfaceDataReal: own name with its length, padded to four bytes, MAC address, padding, address, mask, router.
fn interface(body: &[u8], about: &Subject, cx: &mut Context<'_>) {
    /// Type, length and version stand before.
    const BEFORE: usize = 6;
    let Some((length, rest)) = body.split_first() else { return };
    let length = usize::from(*length);
    let Some(name) = rest.get(..length) else { return };
    let at = (BEFORE + 1 + length).next_multiple_of(4) - BEFORE;
    let (hardware, address) = (body.get(at..at + 6).unwrap_or_default(), body.get(at + 8..at + 12).unwrap_or_default());
    let device = Subject { path: Vec::new(), ..about.clone() };
    let ip = address.first_chunk().map(|octets: &[u8; 4]| Ipv4Addr::from(*octets)).filter(|ip| !ip.is_unspecified());
    let saying = cx.say(&device, Kind::Identity).trimmed(Field::StationName, name);
    let saying = saying.maybe(mac(hardware), |s, mac| s.mac(Field::MacAddress, mac, hardware));
    drop(saying.maybe(ip, |s, ip| s.ip(Field::Ipv4Address, ip.into(), address)));
}
