//! Roadside devices: what kind they are, and the modules that they are made of.
//!
//! Spec: NTCIP 1201 v03 section 2.2 (globalConfiguration), NTCIP 8004 (nodes of devices).

use super::{ABSENT, Varbind};
use crate::asn1::{OCTET_STRING, subidentifiers};
use crate::context::Context;
use observations::{Field, Kind, Subject, Value};

/// 1.3.6.1.4.1.1206.4.2, the node of devices.
const DEVICES: &[u8] = &[0x2b, 6, 1, 4, 1, 0x89, 0x36, 4, 2];
/// globalModuleEntry; column and module follow.
const MODULES: &[u8] = &[0x2b, 6, 1, 4, 1, 0x89, 0x36, 4, 2, 6, 1, 3, 1];
const MAKE: u64 = 3;
const MODEL: u64 = 4;
const VERSION: u64 = 5;
const TYPE: u64 = 6;
/// moduleType: other 1.
const HARDWARE: u64 = 2;
const SOFTWARE: u64 = 3;
/// By convention the first module is the device itself.
const FIRST: u64 = 1;

/// NTCIP 8004: devices by the number of their node. 6 is what all have.
const KINDS: &[(u64, &str)] = &[
    (1, "traffic signal controller"),
    (2, "ramp meter"),
    (3, "dynamic message sign"),
    (4, "transportation sensor system"),
    (5, "environmental sensor station"),
    (7, "roadside camera"),
    (8, "video switch"),
    (11, "signal control and prioritization"),
];

/// Reads what answers of one PDU tell.
pub(super) fn read(varbinds: &[Varbind<'_>], about: &Subject, cx: &mut Context<'_>) {
    if !varbinds.iter().any(|(name, _)| name.starts_with(DEVICES)) {
        return;
    }
    for (name, _) in varbinds.iter().filter(|(_, value)| value.tag & ABSENT == 0) {
        let kind = name.strip_prefix(DEVICES).and_then(|rest| subidentifiers(rest).next());
        if let Some((_, word)) = kind.and_then(|kind| KINDS.iter().find(|row| row.0 == kind)) {
            let node = name.get(..=DEVICES.len()).unwrap_or_default();
            cx.say(about, Kind::Identity).decoded(Field::DeviceType, &Value::Text((*word).into()), node, "ntcip-node");
        }
    }
    modules(varbinds, about, cx);
}

/// Column and module of a cell of the table of modules.
fn cell(name: &[u8]) -> Option<(u64, u64)> {
    let mut rest = subidentifiers(name.strip_prefix(MODULES)?);
    let (column, module) = (rest.next()?, rest.next()?);
    rest.next().is_none().then_some((column, module))
}

/// What one PDU says of one module is said together: of hardware as the device's, of software as its software's.
fn modules(varbinds: &[Varbind<'_>], about: &Subject, cx: &mut Context<'_>) {
    let mut done = Vec::new();
    for (_, module) in varbinds.iter().filter_map(|(name, _)| cell(name)) {
        if done.contains(&module) {
            continue;
        }
        done.push(module);
        let own = || varbinds.iter().filter_map(move |(name, value)| cell(name).filter(|cell| cell.1 == module).map(|cell| (cell.0, value)));
        let kind = own().find(|cell| cell.0 == TYPE).and_then(|cell| cell.1.number());
        let fields = match kind {
            Some(HARDWARE) => [Field::Manufacturer, Field::ModelName, Field::HardwareVersion],
            None if module == FIRST => [Field::Manufacturer, Field::ModelName, Field::HardwareVersion],
            Some(SOFTWARE) => [Field::SoftwareManufacturer, Field::SoftwareProduct, Field::SoftwareVersion],
            _ => continue,
        };
        let saying = cx.say(about, Kind::Identity);
        drop(own().filter(|cell| cell.1.tag == OCTET_STRING).fold(saying, |saying, (column, value)| match column {
            MAKE => saying.trimmed(fields[0], value.content),
            MODEL => saying.trimmed(fields[1], value.content),
            VERSION => saying.trimmed(fields[2], value.content),
            _ => saying,
        }));
    }
}
