//! `diff`: what is new, gone or different between two inventories.

use super::find::line;
use super::input::From;
use super::reading::Reading;
use super::{Done, Failure};
use inventory::Document;
use inventory::document::{AttributeRecord, Device};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Says what is new, gone or different between two inventories.
///
/// Each is a database, a capture or a JSON document. Devices are brought together by their ids and aliases. Times and counters are not
/// compared.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus diff monday.json friday.json
  wirecensus diff baseline.db today.pcapng --fail-on change")]
pub(super) struct Diff {
    /// The inventory as it was.
    before: PathBuf,
    /// The inventory as it is.
    after: PathBuf,
    /// Ends with status 3 if anything differs.
    #[arg(long, value_name = "GATE", value_parser = ["change"])]
    fail_on: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Diff {
    pub(super) fn run(&self) -> Done {
        let read = |path: &PathBuf| From { db: None, site_key: None, reading: self.reading.clone() }.document(std::slice::from_ref(path));
        let (before, after) = (read(&self.before)?, read(&self.after)?);
        let changes = Changes::between(&before, &after);
        let text = changes.text().map_err(|error| Failure::new(error.to_string()))?;
        super::output::answer(&text)?;
        Ok(if self.fail_on.is_some() && !changes.is_empty() { ExitCode::from(3) } else { ExitCode::SUCCESS })
    }
}

/// What differs.
#[derive(Default)]
struct Changes<'d> {
    new: Vec<&'d Device>,
    gone: Vec<&'d Device>,
    /// The device as it is, and what changed.
    changed: Vec<(&'d Device, Vec<String>)>,
}

impl<'d> Changes<'d> {
    fn between(before: &'d Document, after: &'d Document) -> Self {
        let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, device) in before.devices.iter().enumerate() {
            for id in ids(device) {
                by_id.entry(id).or_default().push(at);
            }
        }
        let mut changes = Self::default();
        // For each device of before those of after that share a key with it.
        let mut met: BTreeMap<usize, Vec<&Device>> = BTreeMap::new();
        for device in &after.devices {
            let olds: BTreeSet<usize> = ids(device).filter_map(|id| by_id.get(id)).flatten().copied().collect();
            for old in &olds {
                met.entry(*old).or_default().push(device);
            }
            let own = |at: &&usize| before.devices.get(**at).is_some_and(|old| old.id == device.id);
            let Some(old) = olds.iter().find(own).or(olds.first()).and_then(|at| before.devices.get(*at)) else {
                changes.new.push(device);
                continue;
            };
            let mut lines = differences(old, device);
            if olds.len() > 1 {
                let names: Vec<String> = olds.iter().filter_map(|at| before.devices.get(*at)).map(line).collect();
                lines.push(format!("were {} devices: {}", olds.len(), names.join("; ")));
            }
            if !lines.is_empty() {
                changes.changed.push((device, lines));
            }
        }
        for (at, device) in before.devices.iter().enumerate() {
            match met.get(&at).map_or(&[][..], Vec::as_slice) {
                [] => changes.gone.push(device),
                [_] => {}
                several => {
                    let names: Vec<String> = several.iter().map(|device| line(device)).collect();
                    changes.changed.push((device, vec![format!("is now {} devices: {}", several.len(), names.join("; "))]));
                }
            }
        }
        changes
    }

    fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        for (sign, devices) in [("+", &self.new), ("-", &self.gone)] {
            for device in devices {
                writeln!(out, "{sign} {}{}", kind(device), line(device))?;
            }
        }
        for (device, lines) in &self.changed {
            writeln!(out, "~ {}{}", kind(device), line(device))?;
            for line in lines {
                writeln!(out, "    {line}")?;
            }
        }
        writeln!(out, "{} new, {} gone, {} changed", self.new.len(), self.gone.len(), self.changed.len())?;
        Ok(out)
    }
}

fn kind(device: &Device) -> &'static str {
    match &*device.kind {
        "component" => "part ",
        "ghost" => "only asked for ",
        _ => "",
    }
}

fn ids(device: &Device) -> impl Iterator<Item = &str> {
    std::iter::once(&device.id).chain(&device.aliases).map(String::as_str)
}

/// What changed in one device, a line each.
fn differences(old: &Device, new: &Device) -> Vec<String> {
    let mut lines = Vec::new();
    let class = |device: &Device| format!("{} / {}", device.class, device.kind_of_device);
    for (name, old, new) in [
        ("kind", old.kind.clone(), new.kind.clone()),
        ("reach", old.reach.clone(), new.reach.clone()),
        ("class", class(old).into(), class(new).into()),
        ("managed", old.managed.state.clone(), new.managed.state.clone()),
    ] {
        if old != new {
            lines.push(format!("{name}: {old} → {new}"));
        }
    }
    let names: BTreeSet<&String> = old.attributes.keys().chain(new.attributes.keys()).collect();
    for name in names {
        let value = |device: &Device| device.attributes.get(name).map(|record: &AttributeRecord| record.value.clone());
        attribute(&mut lines, name, value(old), value(new));
    }
    let names: BTreeSet<&String> = old.annotations.keys().chain(new.annotations.keys()).collect();
    for name in names {
        attribute(&mut lines, name, old.annotations.get(name).cloned(), new.annotations.get(name).cloned());
    }
    let services =
        |device: &Device| device.services.iter().map(|service| format!("{} {}/{}", service.protocol, service.transport, service.port)).collect();
    let identities = |device: &Device| device.identities.iter().map(|identity| format!("{} {}", identity.kind, identity.value)).collect();
    for (name, old, new) in [
        ("MAC address", old.macs.clone(), new.macs.clone()),
        ("IP address", old.ips.clone(), new.ips.clone()),
        ("hostname", old.hostnames.clone(), new.hostnames.clone()),
        ("segment", old.segments.clone(), new.segments.clone()),
        ("role", old.roles.clone(), new.roles.clone()),
        ("service", services(old), services(new)),
        ("identity", identities(old), identities(new)),
    ] {
        let (old, new): (BTreeSet<String>, BTreeSet<String>) = (old.into_iter().collect(), new.into_iter().collect());
        lines.extend(new.difference(&old).map(|value| format!("{name}: + {value}")));
        lines.extend(old.difference(&new).map(|value| format!("{name}: - {value}")));
    }
    lines
}

fn attribute(lines: &mut Vec<String>, name: &str, old: Option<String>, new: Option<String>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(old), Some(new)) => lines.push(format!("{name}: {old} → {new}")),
        (None, Some(new)) => lines.push(format!("{name}: + {new}")),
        (Some(old), None) => lines.push(format!("{name}: - {old}")),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, aliases: &[&str], firmware: &str) -> Device {
        let record = AttributeRecord { value: firmware.into(), ..AttributeRecord::default() };
        Device {
            id: id.into(),
            aliases: aliases.iter().map(|alias| (*alias).into()).collect(),
            attributes: [("firmware".into(), record)].into(),
            ..Device::default()
        }
    }

    fn document(devices: Vec<Device>) -> Document {
        Document { devices, ..Document::default() }
    }

    #[test]
    fn devices_meet_by_any_id() {
        let before = document(vec![device("a", &[], "1"), device("b", &["x"], "1"), device("c", &[], "1")]);
        let after = document(vec![device("a", &[], "1"), device("y", &["x"], "2"), device("d", &[], "1")]);
        let changes = Changes::between(&before, &after);
        let ids = |devices: &[&Device]| devices.iter().map(|device| device.id.clone()).collect::<Vec<_>>();
        assert_eq!((ids(&changes.new), ids(&changes.gone)), (vec!["d".to_owned()], vec!["c".to_owned()]));
        assert_eq!(changes.changed.len(), 1);
        assert_eq!(changes.changed[0].1, ["firmware: 1 → 2"]);
        assert!(Changes::between(&before, &before).is_empty());
    }

    #[test]
    fn what_was_joined_or_split_is_said() {
        let (apart, joined) = (document(vec![device("a", &[], "1"), device("b", &[], "1")]), document(vec![device("a", &["b"], "1")]));
        assert!(Changes::between(&apart, &joined).text().unwrap().contains("were 2 devices"));
        assert!(Changes::between(&joined, &apart).text().unwrap().contains("is now 2 devices"));
    }
}
