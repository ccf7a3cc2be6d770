//! The managed objects that tell who an agent is.
//!
//! Spec: RFC 3418 (system group), RFC 6933 (entity), RFC 2863 (interfaces), RFC 4293 (IP addresses), RFC 4188 (bridge), RFC 3805
//! (printer), RFC 1628 (UPS), RFC 2790 (hosts), RFC 3584 section 3.1 (traps passed on), IEEE 802.1AB section 11 (LLDP).

use super::{host, mac};
use crate::asn1::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, Tlv, subidentifiers};
use crate::context::{Context, Saying};
use crate::dissector::DissectError;
use crate::tlv::text_or_bytes;
use observations::{Field, Kind, StepKind, Subject, Value};

/// Bindings of one PDU that are looked at; a walk asks for some tens at a time.
const VARBINDS_MAX: usize = 256;
/// Parts of one agent whose place is remembered while it is walked; beyond it a part stays a part.
const ENTITIES_MAX: usize = 64;
/// RFC 3416 §3: noSuchObject and the like are context-specific.
const ABSENT: u8 = 0x80;
/// RFC 3416 §3: application tag 0.
const IP_ADDRESS: u8 = 0x40;

/// Object identifiers as BER contents, 1.3.6.1.2.1 first, and the fields that they fill.
const SCALARS: &[(&[u8], Field)] = &[
    (&[0x2b, 6, 1, 2, 1, 1, 1, 0], Field::SystemDescription),
    (&[0x2b, 6, 1, 2, 1, 1, 2, 0], Field::SystemObjectId),
    (&[0x2b, 6, 1, 2, 1, 1, 5, 0], Field::SystemName),
    (&[0x2b, 6, 1, 2, 1, 1, 6, 0], Field::Location),
    // RFC 1628: upsIdentManufacturer, upsIdentModel, upsIdentUPSSoftwareVersion, upsIdentAgentSoftwareVersion.
    (&[0x2b, 6, 1, 2, 1, 33, 1, 1, 1, 0], Field::Manufacturer),
    (&[0x2b, 6, 1, 2, 1, 33, 1, 1, 2, 0], Field::ModelName),
    (&[0x2b, 6, 1, 2, 1, 33, 1, 1, 3, 0], Field::FirmwareVersion),
    (&[0x2b, 6, 1, 2, 1, 33, 1, 1, 4, 0], Field::SoftwareVersion),
    // RFC 1628: upsIdentName.
    (&[0x2b, 6, 1, 2, 1, 33, 1, 1, 5, 0], Field::FriendlyName),
    // RFC 3805: prtGeneralPrinterName and prtGeneralSerialNumber of the first printer.
    (&[0x2b, 6, 1, 2, 1, 43, 5, 1, 1, 16, 1], Field::FriendlyName),
    (&[0x2b, 6, 1, 2, 1, 43, 5, 1, 1, 17, 1], Field::SerialNumber),
    // IEEE 802.1AB, lldpLocChassisId: 1.0.8802.1.1.2.1.3.2.0.
    (&[0x28, 0xc4, 0x62, 1, 1, 2, 1, 3, 2, 0], Field::ChassisId),
];

/// RFC 2863 ifPhysAddress, RFC 4188 dot1dBaseBridgeAddress: addresses of the agent's own.
const MAC_ADDRESSES: &[&[u8]] = &[&[0x2b, 6, 1, 2, 1, 2, 2, 1, 6], &[0x2b, 6, 1, 2, 1, 17, 1, 1, 0]];
/// RFC 4293 ipAdEntAddr.
const IP_ADDRESSES: &[u8] = &[0x2b, 6, 1, 2, 1, 4, 20, 1, 1];
/// RFC 3805 printmib, and RFC 2790 hrDeviceDescr of the first device: where both are asked for together, that device is the printer.
const PRINTER: &[u8] = &[0x2b, 6, 1, 2, 1, 43];
/// RFC 1628 upsMIB.
const UPS: &[u8] = &[0x2b, 6, 1, 2, 1, 33];
const FIRST_DEVICE: &[u8] = &[0x2b, 6, 1, 2, 1, 25, 3, 2, 1, 3, 1];
/// RFC 3418 snmpTrapOID and snmpTrapEnterprise.
const TRAP_OID: &[u8] = &[0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0];
const TRAP_ENTERPRISE: &[u8] = &[0x2b, 6, 1, 6, 3, 1, 1, 4, 3, 0];
/// RFC 3584 snmpTrapAddress: the agent for whom a proxy speaks.
const TRAP_ADDRESS: &[u8] = &[0x2b, 6, 1, 6, 3, 18, 1, 3, 0];
/// RFC 6933 entPhysicalEntry; column and index follow.
const ENTITY: &[u8] = &[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1];

const CONTAINED_IN: u64 = 4;
const CLASS: u64 = 5;
/// RFC 6933, IANAPhysicalClass.
const OTHER: u64 = 1;
const UNKNOWN: u64 = 2;
const CHASSIS: u64 = 3;
const STACK: u64 = 11;

/// Where the parts of an agent are, as its walk has told so far.
#[derive(Default)]
pub(crate) struct Entities(Vec<Place>);

struct Place {
    index: u64,
    contained_in: Option<u64>,
    class: Option<u64>,
}

impl Entities {
    fn learn(&mut self, index: u64, column: u64, value: u64) {
        let position = self.0.iter().position(|place| place.index == index);
        if position.is_none() && self.0.len() < ENTITIES_MAX {
            self.0.push(Place { index, contained_in: None, class: None });
        }
        let last = self.0.len().saturating_sub(1);
        let Some(place) = self.0.get_mut(position.unwrap_or(last)).filter(|place| place.index == index) else { return };
        if column == CLASS {
            place.class = Some(value);
        } else {
            place.contained_in = Some(value);
        }
    }

    /// Whether an index is the device itself: the first, unless it is said to be something within; or the only chassis within nothing.
    fn is_device(&self, index: u64) -> bool {
        let outermost = |place: &Place| place.class == Some(CHASSIS) && place.contained_in == Some(0);
        let Some(place) = self.0.iter().find(|place| place.index == index) else { return index == 1 };
        if index == 1 {
            return matches!(place.class, None | Some(OTHER | UNKNOWN | CHASSIS | STACK)) && matches!(place.contained_in, None | Some(0));
        }
        outermost(place) && self.0.iter().filter(|place| outermost(place)).count() == 1 && !self.0.iter().any(|place| place.index == 1)
    }
}

mod ntcip;

/// A variable's name and value.
type Varbind<'a> = (&'a [u8], Tlv<'a>);

/// Reads a PDU's variable bindings and says what they tell of the agent.
pub(super) fn read(fields: &mut Reader<'_>, sender: &Subject, entities: &mut Entities, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut list = fields.enter(SEQUENCE, "variable bindings")?;
    let mut varbinds = Vec::new();
    let result = loop {
        match varbind(&mut list) {
            Ok(Some(_)) if varbinds.len() >= VARBINDS_MAX => break Err(DissectError::Malformed { rule: "variable bindings", offset: 0 }),
            Ok(Some(varbind)) => varbinds.push(varbind),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let proxied = varbinds.iter().find(|varbind| varbind.0 == TRAP_ADDRESS).and_then(|varbind| host(varbind.1.content));
    let about = match proxied {
        Some(ip) if Some(ip) != sender.ip => cx.by_ip(ip),
        _ => sender.clone(),
    };
    let saying = varbinds.iter().fold(cx.say(&about, Kind::Identity), scalar);
    let printer = varbinds.iter().any(|(name, value)| name.starts_with(PRINTER) && value.tag & ABSENT == 0);
    let model = varbinds.iter().find(|(name, value)| printer && *name == FIRST_DEVICE && value.tag == OCTET_STRING);
    drop(saying.maybe(model, |saying, (_, value)| saying.trimmed(Field::ModelName, value.content)));
    for (node, word) in [(PRINTER, "printer"), (UPS, "uninterruptible power supply")] {
        let name =
            varbinds.iter().find(|(name, value)| name.starts_with(node) && value.tag & ABSENT == 0).and_then(|(name, _)| name.get(..node.len()));
        if let Some(name) = name {
            cx.say(&about, Kind::Identity).decoded(Field::DeviceType, &Value::Text(word.into()), name, "mib-node");
        }
    }
    let notice = varbinds.iter().filter(|(_, value)| value.tag == OBJECT_IDENTIFIER).filter_map(|(name, value)| match *name {
        TRAP_OID => Some((Field::TrapOid, value)),
        TRAP_ENTERPRISE => Some((Field::TrapEnterprise, value)),
        _ => None,
    });
    drop(notice.fold(cx.say(&about, Kind::State), |saying, (field, value)| {
        saying.maybe(value.dotted(), |s, text| s.decoded(field, &Value::Text(text), value.content, "ber-oid"))
    }));
    ntcip::read(&varbinds, &about, cx);
    addresses(&varbinds, &about, cx);
    parts(&varbinds, &about, entities, cx);
    result
}

/// RFC 3416 §3, VarBind.
fn varbind<'a>(list: &mut Reader<'a>) -> Result<Option<Varbind<'a>>, DissectError> {
    if list.rest().is_empty() {
        return Ok(None);
    }
    let mut pair = list.enter(SEQUENCE, "variable binding")?;
    let name = pair.expect(OBJECT_IDENTIFIER, "variable name")?.content;
    let value = pair.next()?.ok_or(DissectError::Truncated { needed: 1 })?;
    Ok(Some((name, value)))
}

fn scalar<'s, 'a>(saying: Saying<'s, 'a>, (name, value): &Varbind<'_>) -> Saying<'s, 'a> {
    let Some((_, field)) = SCALARS.iter().find(|row| row.0 == *name) else { return saying };
    match (value.tag, field) {
        (OBJECT_IDENTIFIER, Field::SystemObjectId) => {
            saying.maybe(value.dotted(), |s, text| s.decoded(Field::SystemObjectId, &Value::Text(text), value.content, "ber-oid"))
        }
        (_, Field::SystemObjectId) => saying,
        (OCTET_STRING, field) => text_or_else_bytes(saying, *field, value.content),
        _ => saying,
    }
}

/// Descriptions have lines and accents; identifiers may be binary.
fn text_or_else_bytes<'s, 'a>(saying: Saying<'s, 'a>, field: Field, value: &[u8]) -> Saying<'s, 'a> {
    if field == Field::ChassisId { text_or_bytes(saying, field, value) } else { saying.trimmed(field, value) }
}

/// Addresses of the agent's own, each by itself: a walk cuts its table differently each time.
fn addresses(varbinds: &[Varbind<'_>], about: &Subject, cx: &mut Context<'_>) {
    for (name, value) in varbinds {
        if value.tag == OCTET_STRING && MAC_ADDRESSES.iter().any(|prefix| name.starts_with(prefix)) {
            drop(cx.say(about, Kind::Binding).maybe(mac(value.content), |s, mac| s.mac(Field::MacAddress, mac, value.content)));
        }
        if value.tag == IP_ADDRESS && name.starts_with(IP_ADDRESSES) {
            let ip = host(value.content).filter(std::net::IpAddr::is_ipv4);
            drop(cx.say(about, Kind::Binding).maybe(ip, |s, ip| s.ip(Field::Ipv4Address, ip, value.content)));
        }
    }
}

/// The entity table: what one PDU says of one part is said together.
fn parts(varbinds: &[Varbind<'_>], about: &Subject, entities: &mut Entities, cx: &mut Context<'_>) {
    let cells: Vec<(u64, u64, &Tlv<'_>)> = varbinds.iter().filter_map(|(name, value)| cell(name, value)).collect();
    for (index, column, value) in &cells {
        if let (CONTAINED_IN | CLASS, INTEGER, Some(number)) = (*column, value.tag, value.number()) {
            entities.learn(*index, *column, number);
        }
    }
    let mut done = Vec::new();
    for (index, _, _) in &cells {
        if done.contains(index) {
            continue;
        }
        done.push(*index);
        let part = if entities.is_device(*index) { about.clone() } else { cx.part(about, StepKind::Entity, *index) };
        let own = cells.iter().filter(|cell| cell.0 == *index && cell.2.tag == OCTET_STRING);
        drop(own.fold(cx.say(&part, Kind::Identity), |saying, (_, column, value)| match column_field(*column) {
            Some(field) => saying.trimmed(field, value.content),
            None => saying,
        }));
    }
}

/// Index and column of a cell of the entity table.
fn cell<'v, 'a>(name: &[u8], value: &'v Tlv<'a>) -> Option<(u64, u64, &'v Tlv<'a>)> {
    let mut rest = subidentifiers(name.strip_prefix(ENTITY)?);
    let (column, index) = (rest.next()?, rest.next()?);
    rest.next().is_none().then_some((index, column, value))
}

/// RFC 6933, entPhysicalEntry.
const fn column_field(column: u64) -> Option<Field> {
    Some(match column {
        2 => Field::Description,
        8 => Field::HardwareVersion,
        9 => Field::FirmwareVersion,
        10 => Field::SoftwareVersion,
        11 => Field::SerialNumber,
        12 => Field::Manufacturer,
        13 => Field::ModelName,
        16 => Field::AssetId,
        _ => return None,
    })
}
