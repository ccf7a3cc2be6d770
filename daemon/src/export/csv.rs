//! Devices, one a row; several values of a column are separated by a space.

use super::attribute;
use inventory::Document;
use std::io::{self, Write};

const COLUMNS: &[&str] = &[
    "id",
    "kind",
    "site",
    "reach",
    "macs",
    "ips",
    "hostnames",
    "vendor",
    "model",
    "order_number",
    "serial",
    "firmware",
    "hardware",
    "os",
    "software",
    "mac_vendor",
    "class",
    "type",
    "roles",
    "segments",
    "first_seen",
    "last_seen",
    "managed",
];

/// Writes it. A value that a spreadsheet would take for a formula gets an apostrophe before it: names come from the wire.
///
/// # Errors
/// If the output cannot be written.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS)?;
    for device in &document.devices {
        let row = [
            device.id.clone(),
            device.kind.clone(),
            device.site.clone(),
            device.reach.clone(),
            device.macs.join(" "),
            device.ips.join(" "),
            device.hostnames.join(" "),
            attribute(device, "vendor").to_owned(),
            attribute(device, "model").to_owned(),
            attribute(device, "order_number").to_owned(),
            attribute(device, "serial").to_owned(),
            attribute(device, "firmware").to_owned(),
            attribute(device, "hardware").to_owned(),
            attribute(device, "os").to_owned(),
            attribute(device, "software").to_owned(),
            attribute(device, "mac_vendor").to_owned(),
            device.class.clone(),
            device.kind_of_device.clone(),
            device.roles.join(", "),
            device.segments.join(" "),
            device.first_seen.clone().unwrap_or_default(),
            device.last_seen.clone().unwrap_or_default(),
            device.managed.state.clone(),
        ];
        csv.write_record(row.map(harmless))?;
    }
    csv.flush()
}

fn harmless(value: String) -> String {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{value}") } else { value }
}
