//! Lists of managed devices: CSV or JSON with documented columns, and what NetBox exports.
//!
//! | column, or key | also called | is |
//! |---|---|---|
//! | `name` | `display`, `asset_tag` | for people |
//! | `mac` | `macs`, `mac_address`, `mac_addresses` | MAC addresses |
//! | `serial` | `serials`, `serial_number` | hardware serial numbers |
//! | `ip` | `ips`, `ip_address`, `primary_ip`, `primary_ip4`, `primary_ip6` | addresses; a prefix length is dropped |
//! | `hostname` | `hostnames`, `dns_name`, `fqdn` | host names |
//! | `certificate` | `certificates`, `certificate_sha256` | SHA-256 of certificates, in hexadecimal |
//! | `status` | `state` | `retired`, `decommissioned`, `decommissioning` or `removed`; any other is in service |
//!
//! Several values stand in one cell, apart by spaces, commas or semicolons, or in a JSON array. JSON is an array of objects, or an object
//! whose `results` is one (NetBox's REST API); a nested object stands for its `value`, `address`, `name` or `display`. Other columns are
//! of no account.

use super::{PolicyError, text_of};
use inventory::managed::{Authority, Entry};
use serde_json::Value;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What a column is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    Name,
    Mac,
    Serial,
    Ip,
    Hostname,
    Certificate,
    Status,
}

/// Words for a device that was taken out of service (NetBox's `decommissioning` among them).
const RETIRED: &[&str] = &["retired", "decommissioned", "decommissioning", "removed"];

impl Column {
    fn of(name: &str) -> Option<Self> {
        let name = name.trim().trim_start_matches('\u{feff}').to_lowercase().replace([' ', '-'], "_");
        Some(match name.as_str() {
            "name" | "display" | "asset_tag" => Self::Name,
            "mac" | "macs" | "mac_address" | "mac_addresses" => Self::Mac,
            "serial" | "serials" | "serial_number" => Self::Serial,
            "ip" | "ips" | "ip_address" | "primary_ip" | "primary_ip4" | "primary_ip6" => Self::Ip,
            "hostname" | "hostnames" | "dns_name" | "fqdn" => Self::Hostname,
            "certificate" | "certificates" | "certificate_sha256" => Self::Certificate,
            "status" | "state" => Self::Status,
            _ => return None,
        })
    }

    /// Whether a device can be found by it.
    const fn is_key(self) -> bool {
        !matches!(self, Self::Name | Self::Status)
    }
}

/// Reads a list; its time is that of the file.
///
/// # Errors
/// [`PolicyError`] names the file and the reason: no key column, a value that is none, broken JSON or CSV with its line.
pub fn read(path: &Path) -> Result<Authority, PolicyError> {
    let wrong = |reason: String| PolicyError { file: path.to_owned(), reason };
    let text = text_of(path)?;
    let entries = match text.trim_start().trim_start_matches('\u{feff}').chars().next() {
        Some('[' | '{') => of_json(&text),
        _ => of_csv(&text),
    };
    let modified = std::fs::metadata(path).and_then(|file| file.modified()).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Authority {
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        as_of: modified.and_then(|time| i64::try_from(time.as_nanos()).ok()),
        entries: entries.map_err(wrong)?,
        ..Authority::default()
    })
}

fn of_csv(text: &str) -> Result<Vec<Entry>, String> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.matches(';').count() > first.matches(',').count() { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let columns: Vec<Option<Column>> = reader.headers().map_err(|error| error.to_string())?.iter().map(Column::of).collect();
    if !columns.iter().flatten().any(|column| column.is_key()) {
        return Err("no column by which a device could be found: mac, serial, ip, hostname or certificate".into());
    }
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut entry = Entry::default();
        for (column, cell) in columns.iter().zip(&record) {
            if let Some(column) = column {
                take(&mut entry, *column, cell).map_err(|reason| format!("line {line}: {reason}"))?;
            }
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn of_json(text: &str) -> Result<Vec<Entry>, String> {
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())?;
    let list = match &value {
        Value::Array(list) => list,
        Value::Object(object) => match object.get("results") {
            Some(Value::Array(list)) => list,
            _ => return Err("neither an array of devices, nor an object with `results`".into()),
        },
        _ => return Err("neither an array of devices, nor an object with `results`".into()),
    };
    let mut keyed = list.is_empty();
    let mut entries = Vec::new();
    for (number, one) in (1..).zip(list) {
        let Value::Object(object) = one else { return Err(format!("device {number} is no object")) };
        let mut entry = Entry::default();
        for (name, value) in object {
            let Some(column) = Column::of(name) else { continue };
            keyed |= column.is_key();
            for text in texts(value) {
                take(&mut entry, column, &text).map_err(|reason| format!("device {number}: {reason}"))?;
            }
        }
        entries.push(entry);
    }
    if keyed { Ok(entries) } else { Err("no key by which a device could be found: mac, serial, ip, hostname or certificate".into()) }
}

/// A value's texts; a nested object stands for the one that people would read.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(object) => {
            let keys = ["value", "address", "mac_address", "name", "display"];
            keys.iter().find_map(|key| object.get(*key).filter(|value| value.is_string())).map(texts).unwrap_or_default()
        }
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

fn take(entry: &mut Entry, column: Column, cell: &str) -> Result<(), String> {
    if column == Column::Name {
        if entry.name.is_empty() {
            cell.trim().clone_into(&mut entry.name);
        }
        return Ok(());
    }
    for word in cell.split([' ', ',', ';', '\n', '\t']).filter(|word| !word.is_empty()) {
        let lower = word.to_lowercase();
        match column {
            Column::Name => {}
            Column::Mac => drop(entry.macs.insert(lower.parse().map_err(|_| format!("{word:?} is no MAC address"))?)),
            Column::Serial => drop(entry.serials.insert(lower)),
            Column::Ip => {
                let address = word.split('/').next().unwrap_or_default();
                entry.ips.insert(address.parse().map_err(|_| format!("{word:?} is no address"))?);
            }
            Column::Hostname => drop(entry.hostnames.insert(lower.trim_end_matches('.').to_owned())),
            Column::Certificate => {
                let digest: String = lower.chars().filter(|c| *c != ':').collect();
                if digest.len() != 64 || !digest.chars().all(|c| c.is_ascii_hexdigit()) {
                    return Err(format!("{word:?} is no SHA-256"));
                }
                entry.certificates.insert(digest);
            }
            Column::Status => entry.retired |= RETIRED.contains(&lower.as_str()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_whatever_its_columns_are_called() {
        let text = "\u{feff}Name;MAC address;Serial Number;Primary-IP4;Owner;Status\nplc-1;00:80:F4:01:02:03;S1;10.0.0.1/24;me;active\nold;;s2;;;Decommissioning\n";
        let entries = of_csv(text).unwrap();
        assert_eq!((entries.len(), entries[0].name.as_str(), entries[0].ips.len(), entries[0].macs.len()), (2, "plc-1", 1, 1));
        assert!(entries[0].serials.contains("s1") && !entries[0].retired && entries[1].retired);
    }

    #[test]
    fn what_netbox_exports_is_read() {
        let text = r#"{"count":1,"results":[{"name":"plc-1","serial":"S1","status":{"value":"active","label":"Active"},"primary_ip4":{"address":"10.0.0.1/24"},"id":7}]}"#;
        let entries = of_json(text).unwrap();
        assert_eq!((entries.len(), entries[0].ips.len(), entries[0].retired), (1, 1, false));
    }

    #[test]
    fn a_list_without_keys_or_with_a_wrong_value_is_refused() {
        assert!(of_csv("name,owner\na,b\n").unwrap_err().contains("no column"));
        assert!(of_csv("name,mac\na,xyz\n").unwrap_err().starts_with("line 2: \"xyz\" is no MAC address"));
        assert!(of_json("[{\"name\":\"a\"}]").unwrap_err().contains("no key"));
        assert!(of_json("[{\"certificate\":\"abcd\"}]").unwrap_err().contains("no SHA-256"));
        assert!(of_json("[1]").unwrap_err().contains("no object"));
    }
}
