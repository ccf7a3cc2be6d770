//! Devices, one a row; several values of a column are separated by a space.

use super::{Contents, attribute, pieces};
use inventory::document::Device;
use std::io::{self, Write};

const COLUMNS: &[&str; 23] = &[
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
pub fn write(contents: &dyn Contents, workers: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut head = Vec::new();
    record(COLUMNS, &mut head)?;
    out.write_all(&head)?;
    let device = |number, out: &mut Vec<u8>| contents.device(number).map_or(Ok(()), |device| record(&row(&device), out));
    pieces::write(contents.devices(), workers, &device, out)
}

fn record<T: AsRef<[u8]>>(columns: &[T], out: &mut Vec<u8>) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(columns)?;
    csv.flush()
}

fn row(device: &Device) -> [String; 23] {
    let row = [
        device.id.clone(),
        device.kind.to_string(),
        device.site.clone(),
        device.reach.to_string(),
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
        device.managed.state.to_string(),
    ];
    row.map(harmless)
}

fn harmless(value: String) -> String {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{value}") } else { value }
}
