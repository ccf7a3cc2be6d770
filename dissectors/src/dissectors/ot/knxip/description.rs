//! KNXnet/IP's description information blocks: what an interface or router says of itself.
//!
//! Spec: KNX 3/8/1 §7.5.4 (ISO 22510, description information block).

use super::individual;
use crate::context::Context;
use crate::dissector::DissectError;
use crate::tlv::number;
use observations::{Field, Kind, Mac, Value};
use std::net::Ipv4Addr;

const DEVICE_INFORMATION: u8 = 0x01;
const FAMILIES: u8 = 0x02;
const CURRENT_CONFIGURATION: u8 = 0x04;
const SECURED_FAMILIES: u8 = 0x06;
const MANUFACTURER_DATA: u8 = 0xfe;
/// A block has two bytes at least; devices send up to ten.
const BLOCKS_MAX: usize = 32;

/// Service families by number.
const NAMES: &[(u8, &str)] = &[
    (2, "core"),
    (3, "device management"),
    (4, "tunnelling"),
    (5, "routing"),
    (6, "remote logging"),
    (7, "remote configuration and diagnosis"),
    (8, "object server"),
    (9, "security"),
];

/// Reads blocks one after another.
pub(super) fn read(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut rest = body;
    for _ in 0..BLOCKS_MAX {
        let Some(&[length, kind]) = rest.first_chunk::<2>() else { break };
        let length = usize::from(length);
        if length < 2 {
            return Err(DissectError::Malformed { rule: "block length", offset: 0 });
        }
        let Some((block, behind)) = rest.split_at_checked(length) else { return Err(DissectError::Truncated { needed: length - rest.len() }) };
        rest = behind;
        let value = block.get(2..).unwrap_or_default();
        match kind {
            DEVICE_INFORMATION => device(value, cx),
            FAMILIES => families(value, false, cx),
            SECURED_FAMILIES => families(value, true, cx),
            CURRENT_CONFIGURATION => configuration(value, cx),
            MANUFACTURER_DATA => {
                let about = cx.sender();
                let vendor = value.get(..2).filter(|id| number(id) != 0);
                drop(cx.say(&about, Kind::Identity).maybe(vendor, |saying, id| saying.number(Field::KnxManufacturer, number(id), id)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// §7.5.4.2: medium, status, individual address, project, serial number, multicast address, MAC address, name.
fn device(value: &[u8], cx: &mut Context<'_>) {
    const PROGRAMMING: u8 = 1;
    let about = cx.sender();
    let at = |from: usize, length: usize| value.get(from..from + length).unwrap_or_default();
    let (status, address, project, serial, card) = (at(1, 1), at(2, 2), at(4, 2), at(6, 6), at(16, 6));
    let mac = <[u8; 6]>::try_from(card).ok().map(Mac).filter(|mac| mac.is_device() && *mac != Mac([0; 6]));
    let name = value.get(22..).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let real = is_own(serial);
    let saying = cx
        .say(&about, Kind::Identity)
        .maybe(Some(address).filter(|address| number(address) != 0), |saying, address| {
            saying.decoded(Field::IndividualAddress, &individual(address), address, "knx-address")
        })
        .maybe(Some(project).filter(|project| number(project) != 0), |saying, project| saying.number(Field::ProjectId, number(project), project));
    // 3/5/1 §4.3.10: the first two bytes of a serial number are the manufacturer's.
    let vendor = serial.get(..2).filter(|id| real && number(id) != 0);
    let saying = saying
        .maybe(vendor, |saying, id| saying.number(Field::KnxManufacturer, number(id), id))
        .maybe(Some(serial).filter(|_| real), |saying, serial| saying.bytes(Field::SerialNumber, serial))
        .maybe(mac, |saying, mac| saying.mac(Field::MacAddress, mac, card));
    drop(saying.trimmed(Field::FriendlyName, name));
    if status.first().is_some_and(|status| status & PROGRAMMING != 0) {
        cx.say(&about, Kind::State).decoded(Field::OperatingMode, &Value::Text(b"programming".to_vec()), status, "knx-status");
    }
}

/// Software gateways show what nobody filled in: bytes that are all alike, or count up.
fn is_own(serial: &[u8]) -> bool {
    let steps = |step: u8| serial.iter().zip(serial.iter().skip(1)).all(|(a, b)| b.wrapping_sub(*a) == step);
    serial.len() == 6 && !steps(0) && !steps(1)
}

/// §7.5.4.3 and 3/8/9: pairs of family and version.
fn families(value: &[u8], secured: bool, cx: &mut Context<'_>) {
    let about = cx.sender();
    let (kind, field) = if secured { (Kind::Security, Field::SecurityLevel) } else { (Kind::Service, Field::ServiceType) };
    let mut saying = cx.say(&about, kind);
    for pair in value.chunks_exact(2) {
        let [family, version] = pair else { break };
        // A secured family of version 0 may be used without security.
        let Some((_, name)) = NAMES.iter().find(|row| row.0 == *family && (!secured || *version > 0)) else { continue };
        let word = if secured { format!("secure {name}") } else { (*name).to_owned() };
        saying = saying.decoded(field, &Value::Text(word.into_bytes()), pair.get(..1).unwrap_or_default(), "knx-family");
    }
}

/// §7.5.4.5: address, mask, router, DHCP server.
fn configuration(value: &[u8], cx: &mut Context<'_>) {
    let ip = |from: usize| value.get(from..from + 4).and_then(|bytes| Some((Ipv4Addr::from(*bytes.first_chunk::<4>()?), bytes)));
    let known = |ip: Option<(Ipv4Addr, _)>| ip.filter(|(ip, _)| !ip.is_unspecified());
    let about = cx.sender();
    let Some((address, bytes)) = known(ip(0)) else { return };
    if about.ip != Some(address.into()) {
        return;
    }
    cx.say(&about, Kind::Binding)
        .ip(Field::Ipv4Address, address.into(), bytes)
        .maybe(known(ip(4)), |saying, (mask, bytes)| saying.ip(Field::Netmask, mask.into(), bytes))
        .maybe(known(ip(8)), |saying, (router, bytes)| saying.ip(Field::Gateway, router.into(), bytes));
}
