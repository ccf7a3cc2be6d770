//! Which device is meant: an address, a name, an id, a key, or a part of one.

use super::Failure;
use crate::capture::text::shown;
use inventory::Document;
use inventory::document::Device;
use observations::Mac;
use std::net::IpAddr;

/// Devices that a message lists.
const LISTED_MAX: usize = 20;

/// Names that are offered where none fits.
const NEAREST: usize = 3;

/// Characters of an id that stand for it.
const ID_PREFIX_MIN: usize = 4;

/// Finds the one device that `text` names.
///
/// # Errors
/// Several (status 2, listed) or none (status 1, with the nearest names).
pub(super) fn find<'d>(document: &'d Document, text: &str) -> Result<&'d Device, Failure> {
    match all(document, text).as_slice() {
        [device] => Ok(device),
        [] => Err(Failure::new(nowhere(document, text))),
        several => {
            let mut message = format!("{} names {} devices; which?", shown(text), several.len());
            for device in several.iter().take(LISTED_MAX) {
                message.push_str("\n  ");
                message.push_str(&line(device));
            }
            if several.len() > LISTED_MAX {
                message.push_str(&format!("\n  and {} more", several.len() - LISTED_MAX));
            }
            Err(Failure::usage(message))
        }
    }
}

/// All devices that `text` names: exactly if any does, else those of which it is a part.
fn all<'d>(document: &'d Document, text: &str) -> Vec<&'d Device> {
    let text = plain(text);
    let fitting = |fits: &dyn Fn(&Device) -> bool| document.devices.iter().filter(|device| fits(device)).collect::<Vec<_>>();
    let exact = fitting(&|device| names(device).any(|name| name.to_lowercase() == text));
    if !exact.is_empty() || text.is_empty() {
        return exact;
    }
    let by_id = |device: &Device| std::iter::once(&device.id).chain(&device.aliases).any(|id| id.starts_with(&text));
    let by_id = if text.len() >= ID_PREFIX_MIN { fitting(&by_id) } else { Vec::new() };
    if !by_id.is_empty() {
        return by_id;
    }
    let words = |device: &Device| {
        let attributes = ["vendor", "model", "order_number"].into_iter().filter_map(|name| device.attributes.get(name));
        device.hostnames.iter().chain(attributes.map(|record| &record.value)).any(|word| word.to_lowercase().contains(&text))
    };
    fitting(&words)
}

/// Everything that names a device.
fn names(device: &Device) -> impl Iterator<Item = &String> {
    let attributes = ["station_name", "serial", "asset_id"].into_iter().filter_map(|name| device.attributes.get(name));
    let annotations = device.annotations.iter().filter(|(name, _)| *name == "tag").map(|(_, value)| value);
    std::iter::once(&device.id)
        .chain(&device.aliases)
        .chain(&device.macs)
        .chain(&device.ips)
        .chain(&device.hostnames)
        .chain(attributes.map(|record| &record.value))
        .chain(annotations)
}

/// As it stands in the document: lower case, addresses in their usual spelling, without the kind of a key.
fn plain(text: &str) -> String {
    let text = text.trim();
    let bare = ["mac:", "ip:", "hostname:", "station-name:"].iter().find_map(|kind| text.strip_prefix(kind)).unwrap_or(text);
    // An address of a segment: `ip:cell 3/192.168.1.10`.
    let bare = if text.starts_with("ip:") { bare.rsplit('/').next().unwrap_or(bare) } else { bare };
    address(bare).unwrap_or_else(|| bare.to_lowercase())
}

/// A MAC or IP address in its usual spelling.
pub(super) fn address(text: &str) -> Option<String> {
    let ip = text.parse::<IpAddr>().ok().map(|ip| ip.to_string());
    ip.or_else(|| text.parse::<Mac>().ok().map(|mac| mac.to_string()))
}

fn nowhere(document: &Document, text: &str) -> String {
    if document.devices.is_empty() {
        return format!("{}: the inventory is empty", shown(text));
    }
    let wanted = plain(text);
    let mut near: Vec<(usize, &String)> = document
        .devices
        .iter()
        .filter(|device| device.kind != "component")
        .flat_map(|device| device.macs.iter().chain(&device.ips).chain(&device.hostnames))
        .map(|name| (distance(&name.to_lowercase(), &wanted), name))
        .collect();
    near.sort();
    near.dedup();
    let near: Vec<&str> = near.iter().take(NEAREST).map(|(_, name)| name.as_str()).collect();
    format!("no device is called {}; the nearest are {}", shown(text), near.join(", "))
}

/// Changes that make one text the other (Levenshtein), over the first 64 bytes of each.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let (a, b) = (a.get(..LONGEST).unwrap_or(a), b.get(..LONGEST).unwrap_or(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for ((y, diagonal), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(x != y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// A device in one line: names, addresses, what it is, and the head of its id.
pub(super) fn line(device: &Device) -> String {
    let attribute = |name: &str| device.attributes.get(name).map(|record| record.value.as_str());
    let mut words: Vec<&str> = Vec::new();
    words.extend(device.ips.iter().find(|ip| !ip.starts_with("fe80:")).or(device.ips.first()).map(String::as_str));
    words.extend(device.macs.first().map(String::as_str));
    words.extend(device.hostnames.first().map(String::as_str));
    words.extend(attribute("vendor"));
    words.extend(attribute("model").or_else(|| attribute("order_number")));
    words.extend(device.part.as_deref());
    let head = device.id.get(..8).unwrap_or(&device.id);
    format!("{}  ({}, id {head})", words.join("  "), if device.kind_of_device.is_empty() { "unknown" } else { &device.kind_of_device })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let device = |id: &str, mac: &str, ip: &str, name: &str| Device {
            id: id.into(),
            macs: vec![mac.into()],
            ips: vec![ip.into()],
            hostnames: vec![name.into()],
            ..Device::default()
        };
        let devices =
            vec![device("aaaa1111", "00:80:f4:01:02:03", "192.168.1.10", "PLC-1"), device("aaaa2222", "00:80:f4:01:02:04", "192.168.1.11", "PLC-12")];
        Document { devices, ..Document::default() }
    }

    #[test]
    fn a_device_is_found_by_any_of_its_names() {
        let document = document();
        for text in ["aaaa1111", "0080.f401.0203", "00-80-F4-01-02-03", "mac:00:80:f4:01:02:03", "192.168.1.10", "ip:cell/192.168.1.10", "plc-1"] {
            assert_eq!(find(&document, text).ok().unwrap().id, "aaaa1111", "{text}");
        }
        assert_eq!(find(&document, "aaaa2").ok().unwrap().id, "aaaa2222");
        assert_eq!(find(&document, "c-12").ok().unwrap().id, "aaaa2222");
    }

    #[test]
    fn several_are_listed_and_none_names_the_nearest() {
        let document = document();
        let several = find(&document, "plc").err().unwrap();
        assert_eq!(several.status, 2);
        assert!(several.message.contains("192.168.1.10") && several.message.contains("192.168.1.11"), "{}", several.message);
        let none = find(&document, "192.168.1.1").err().unwrap();
        assert_eq!(none.status, 1);
        assert!(none.message.contains("192.168.1.10"), "{}", none.message);
        assert!(find(&document, "").is_err());
    }

    #[test]
    fn distances_count_changes() {
        assert_eq!(distance("plc", "plc"), 0);
        assert_eq!(distance("plc-1", "plc"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
