//! Why: keys, joins made and refused, and for each value who said it where, who says otherwise, and what it was before.

use crate::assemble::View;
use crate::document::{AttributeRecord, Binding, Device, Document, Evidence, Rival};
use crate::resolve::{Join, Node};
use observations::Mac;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

/// Why a device is what it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// The device as the document has it.
    pub device: Device,
    /// Its keys, strongest first.
    pub keys: Vec<KeyLine>,
    /// Joins that touch it, made and refused.
    pub joins: Vec<Join>,
    /// What it is, by attribute; class and type among them, with their reasons.
    pub attributes: Vec<(String, AttributeRecord)>,
}

/// One key of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyLine {
    /// As text.
    pub key: String,
    /// The id that names it.
    pub id: String,
    /// When it was first shown.
    pub first_seen: Option<String>,
}

/// Why nothing could be explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Several devices match: their ids and what they are.
    Ambiguous(Vec<String>),
    /// Several devices show this key, which therefore names none of them: their ids.
    Shared(Vec<String>),
    /// No device matches.
    Unknown(String),
    /// The device has no such attribute; what it has.
    NoAttribute(Vec<String>),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous(devices) => write!(f, "several devices match:\n  {}", devices.join("\n  ")),
            Self::Shared(devices) => write!(f, "several devices show this key, it names none of them:\n  {}", devices.join("\n  ")),
            Self::Unknown(text) => write!(f, "no device has the id, address or name {text}"),
            Self::NoAttribute(names) => write!(f, "nothing is known of that; known are: {}", names.join(", ")),
        }
    }
}

impl std::error::Error for Trouble {}

/// Explains the one device that `text` names: an id, an alias, an address or a name; all attributes, or one.
///
/// # Errors
/// [`Trouble`] where no device matches, or several do, or the attribute is not known.
pub fn explain(view: &View<'_>, text: &str, attribute: Option<&str>) -> Result<Explanation, Trouble> {
    explain_in(view, &view.document(), text, attribute)
}

/// The same with a document that is at hand.
///
/// # Errors
/// As [`explain`].
pub fn explain_in(view: &View<'_>, document: &Document, text: &str, attribute: Option<&str>) -> Result<Explanation, Trouble> {
    if let Some(shared) = document.coverage.shared_keys.iter().find(|shared| shared.id == text.trim() || shared.key == text.trim()) {
        return Err(Trouble::Shared(shared.devices.clone()));
    }
    let device = match find(document, text)[..] {
        [] => return Err(Trouble::Unknown(text.to_owned())),
        [device] => device,
        ref several => return Err(Trouble::Ambiguous(several.iter().map(|device| line(device)).collect())),
    };
    let mut attributes: Vec<(String, AttributeRecord)> =
        device.attributes.iter().filter(|(name, _)| attribute.is_none_or(|wanted| wanted == *name)).map(|(a, b)| (a.clone(), b.clone())).collect();
    if attributes.is_empty() && attribute.is_some() {
        return Err(Trouble::NoAttribute(device.attributes.keys().cloned().collect()));
    }
    attributes.sort_by(|a, b| a.0.cmp(&b.0));
    let component = view.component(&device.id);
    let keys = component.map(|at| keys(view, at)).unwrap_or_default();
    let nodes: BTreeSet<String> = component.map(|at| nodes(view, at)).unwrap_or_default();
    let touches = |join: &&Join| join.of.iter().any(|key| nodes.contains(key));
    let joins = view.resolved.joins.iter().filter(touches).cloned().collect();
    Ok(Explanation { device: device.clone(), keys, joins, attributes })
}

fn keys(view: &View<'_>, at: usize) -> Vec<KeyLine> {
    let component = &view.resolved.components[at];
    let mut keys: Vec<_> = component.keys.iter().collect();
    keys.sort_by_key(|(key, first)| (key.strength(), *first, key));
    let line = |(key, first): &(crate::key::Key, i64)| KeyLine {
        key: key.text(),
        id: view.id_of(component.site(), key),
        first_seen: crate::assemble::time(*first),
    };
    keys.into_iter().map(line).collect()
}

fn nodes(view: &View<'_>, at: usize) -> BTreeSet<String> {
    view.resolved.components[at].nodes.iter().map(|(node, _): &(Node, _)| node.key(&view.facts).text()).collect()
}

/// Devices that a text names: by id or alias, by MAC address in any spelling, by IP address, by hostname. Exact matches, else those
/// whose id or name begins so. An id of an address that moved leads to all who had it.
#[must_use]
pub fn find<'d>(document: &'d Document, text: &str) -> Vec<&'d Device> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    let all = |matches: &dyn Fn(&Device) -> bool| -> Vec<&'d Device> { document.devices.iter().filter(|device| matches(device)).collect() };
    let lower = text.to_lowercase();
    let mac = text.parse::<Mac>().ok().map(|mac| mac.to_string());
    let ip = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok().map(|ip| ip.to_string());
    let exact = all(&|device| device.id == lower || device.aliases.contains(&lower));
    if !exact.is_empty() {
        return exact;
    }
    let exact = all(&|device| {
        let address = mac.as_ref().is_some_and(|mac| device.macs.contains(mac)) || ip.as_ref().is_some_and(|ip| device.ips.contains(ip));
        address || device.hostnames.iter().any(|name| name.to_lowercase() == lower)
    });
    if !exact.is_empty() {
        return exact;
    }
    let label = |name: &String| name.to_lowercase().split('.').next() == Some(&lower);
    let exact = all(&|device| device.hostnames.iter().any(label));
    if !exact.is_empty() {
        return exact;
    }
    let begins = |name: &String| name.to_lowercase().starts_with(&lower);
    let prefixed = all(&|device| begins(&device.id) || device.hostnames.iter().any(begins));
    if prefixed.is_empty() { of_moved_address(document, &lower) } else { prefixed }
}

/// Devices that had the address whose id this is.
fn of_moved_address<'d>(document: &'d Document, id: &str) -> Vec<&'d Device> {
    /// The length of a UUID as text.
    const UUID: usize = 36;
    if id.len() != UUID {
        return Vec::new();
    }
    let named = |device: &Device, binding: &Binding| {
        let ip = binding.value.parse::<IpAddr>().ok();
        ip.is_some_and(|ip| crate::key::Key::Ip(binding.segment.clone(), ip).id(&device.site) == id)
    };
    document.devices.iter().filter(|device| device.bindings.iter().any(|binding| named(device, binding))).collect()
}

/// Who had an IP address at a time (nanoseconds since 1970), by the bindings of that time; of a MAC address, by the device's.
#[must_use]
pub fn who_had(document: &Document, address: IpAddr, time: i64) -> Vec<(&Device, &Binding)> {
    let Some(time) = crate::assemble::time(time) else { return Vec::new() };
    let address = address.to_string();
    // RFC 3339 with a fixed number of digits orders as the times do.
    let then =
        |binding: &&Binding| binding.value == address && binding.first_seen.as_ref() <= Some(&time) && binding.last_seen.as_ref() >= Some(&time);
    document.devices.iter().flat_map(|device| device.bindings.iter().filter(then).map(move |binding| (device, binding))).collect()
}

/// A device in one line.
fn line(device: &Device) -> String {
    let names = device.hostnames.iter().take(1).chain(device.ips.iter().take(2)).chain(device.macs.iter().take(1));
    let names: Vec<&str> = names.map(String::as_str).chain(device.part.as_deref()).collect();
    format!("{}  {}  {}", device.id, device.kind, names.join(" "))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", line(&self.device))?;
        if let Some(parent) = &self.device.parent {
            writeln!(f, "part of {parent}")?;
        }
        writeln!(f, "class {}, type {}, {}", self.device.class, self.device.kind_of_device, self.device.reach)?;
        if let Some(other) = &self.device.replaced_by {
            writeln!(f, "its place was taken by {other}")?;
        }
        for other in &self.device.replaces {
            writeln!(f, "took the place of {other}")?;
        }
        for key in &self.keys {
            writeln!(f, "key {}  since {}  id {}", key.key, key.first_seen.as_deref().unwrap_or("?"), key.id)?;
        }
        for join in &self.joins {
            match &join.refused {
                None => writeln!(f, "joined by {}: {}", join.key, join.of.join(", "))?,
                Some(why) => writeln!(f, "not joined by {}: {}: {why}", join.key, join.of.join(", "))?,
            }
        }
        for (name, record) in &self.attributes {
            attribute(f, name, record)?;
        }
        for hint in &self.device.would_tell_more {
            writeln!(f, "more would tell: {hint}")?;
        }
        Ok(())
    }
}

fn attribute(f: &mut fmt::Formatter<'_>, name: &str, record: &AttributeRecord) -> fmt::Result {
    let AttributeRecord { value, confidence, class, rule, conflict, rivals, history, evidence, .. } = record;
    writeln!(f, "{name} = {value}  ({class}, {confidence} %, {rule}){}", if *conflict { "  CONFLICT" } else { "" })?;
    evidence.iter().try_for_each(|evidence| quotation(f, evidence))?;
    let other = |f: &mut fmt::Formatter<'_>, word: &str, rival: &Rival| {
        let Rival { value, confidence, class, rule, first_seen, last_seen } = rival;
        let (first, last) = (first_seen.as_deref().unwrap_or("?"), last_seen.as_deref().unwrap_or("?"));
        writeln!(f, "  {word} {value}  ({class}, {confidence} %, {rule})  {first} to {last}")
    };
    rivals.iter().try_for_each(|rival| other(f, "or", rival))?;
    history.iter().try_for_each(|rival| other(f, "before", rival))
}

fn quotation(f: &mut fmt::Formatter<'_>, evidence: &Evidence) -> fmt::Result {
    let Evidence { source, file, protocol, field, time, spans, derivation, quote, dissector, .. } = evidence;
    write!(f, "  {protocol} {field}, {}", time.as_deref().unwrap_or("?"))?;
    for span in spans {
        write!(f, ", packet {} bytes {}..{}", span.packet, span.offset, u64::from(span.offset) + u64::from(span.length))?;
    }
    if !derivation.is_empty() {
        write!(f, " ({})", derivation.join(", "))?;
    }
    if dissector.is_empty() {
        return writeln!(f, ": a conversation begins, in {}", file.as_deref().unwrap_or(source));
    }
    writeln!(f, ": {quote:?}, by {dissector} in {}", file.as_deref().unwrap_or(source))
}
