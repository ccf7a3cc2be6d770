//! The inventory: one row a device, parts below their whole; what is beyond the routers and what never answered apart.

use super::super::{Contents, attribute, pieces};
use super::survey::{Entry, Survey, name};
use super::wire::{SEVERITIES, Wire, bar, number, severity_class};
use inventory::document::Device;
use maud::{Markup, html};
use std::collections::HashMap;
use std::io::{self, Write};

/// Addresses shown of one device; the rest is counted.
const ADDRESSES_MAX: usize = 4;

/// A row: a place in [`Survey::entries`], and how deep below its whole.
type Row = (u32, u8);

/// Parts of parts are shown so deep; no device is nested deeper.
const DEPTH_MAX: u8 = 4;

const HEAD: &str = "<table class=\"wide filtered\"><thead><tr><th>Address</th><th>Name</th><th>Vendor</th><th>Model</th><th>Version</th>\
                    <th>Class / type</th><th>Zone</th><th class=\"figure\">Exposure</th><th>Open findings</th></tr></thead><tbody>";

pub(super) fn write(contents: &dyn Contents, survey: &Survey, workers: usize, out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(survey);
    out.write_all(HEAD.as_bytes())?;
    let make = |at: usize, out: &mut Vec<u8>| {
        let Some((entry, depth, device)) = rows.get(at).and_then(|(at, depth)| {
            let entry = survey.entry(*at)?;
            Some((entry, *depth, contents.device(entry.number)?))
        }) else {
            return Ok(());
        };
        out.extend_from_slice(row(entry, &device, depth).into_string().as_bytes());
        Ok(())
    };
    pieces::write(rows.len(), workers, &make, out)?;
    out.write_all(b"</tbody></table>")?;
    outside(contents, survey, workers, out)?;
    ghosts(survey, out)
}

/// What is ours, each whole followed by its parts.
fn rows(survey: &Survey) -> Vec<Row> {
    let mut parts: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut roots = Vec::new();
    for (at, entry) in survey.ordered().filter(|(_, entry)| entry.is_ours()) {
        match entry.parent.as_deref().and_then(|id| survey.find(id)).filter(|whole| *whole != at && survey.entry(*whole).is_some_and(Entry::is_ours))
        {
            Some(whole) => parts.entry(whole).or_default().push(at),
            None => roots.push(at),
        }
    }
    for below in parts.values_mut() {
        below.sort_by_key(|at| {
            survey.entry(*at).map(|entry| {
                let label = entry.label();
                (label.len(), label)
            })
        });
    }
    let mut rows = Vec::with_capacity(survey.entries.len());
    let mut listed = vec![false; survey.entries.len()];
    // Parts that are parts of each other have no root: whoever comes first is taken for it.
    let circles = survey.ordered().filter(|(_, entry)| entry.is_ours()).map(|(at, _)| at);
    for root in roots.into_iter().chain(circles) {
        let mut below: Vec<Row> = vec![(root, 0)];
        while let Some((at, depth)) = below.pop() {
            if std::mem::replace(&mut listed[at as usize], true) {
                continue;
            }
            rows.push((at, depth));
            below.extend(parts.get(&at).into_iter().flatten().rev().map(|part| (*part, (depth + 1).min(DEPTH_MAX))));
        }
    }
    rows
}

fn row(entry: &Entry, device: &Device, depth: u8) -> Markup {
    html! {
        tr id={ "d" (entry.number) } class=[match depth { 0 => None, 1 => Some("part"), _ => Some("part deeper") }] {
            @if depth > 0 { td { "└ " (Wire(device.part.as_deref().unwrap_or("part"))) } } @else { td.address { (addresses(device)) } }
            td { (Wire(name(device))) }
            td { (vendor(device)) }
            td { (Wire(first(device, &["model", "order_number", "product"]))) }
            td { (Wire(first(device, &["firmware", "os", "software"]))) }
            td { (class(device)) }
            td.zone {
                @if let Some(zone) = &device.zone { (Wire(zone)) }
                @if let Some(level) = &device.purdue_level { span.line.quiet { "level " (Wire(level)) } }
            }
            td.figure { @if entry.exposure > 0 { (entry.exposure) (bar(entry.exposure.into(), 100)) } @else { "0" } }
            td { @if entry.notable { a.chips href={ "#w" (entry.number) } { (chips(entry)) @if entry.open == [0; 5] { "see" } } } }
        }
    }
}

fn addresses(device: &Device) -> Markup {
    let ips = device.ips.iter().filter(|ip| !ip.starts_with("fe80:"));
    let all: Vec<&String> = ips.chain(&device.macs).collect();
    html! {
        @for address in all.iter().take(ADDRESSES_MAX) { span.line { (Wire(address)) } }
        @if all.len() > ADDRESSES_MAX { span.line.quiet { "and " (number((all.len() - ADDRESSES_MAX) as u64)) " more" } }
        @if all.is_empty() { @for address in device.ips.iter().take(ADDRESSES_MAX) { span.line { (Wire(address)) } } }
        @if device.reach == "routed" { span.line.quiet { "behind a router" } }
        @if device.kind == "represents_many" { span.line.quiet { "several devices behind one address" } }
    }
}

/// The vendor; the card's maker, as such, where no better is known.
fn vendor(device: &Device) -> Markup {
    html! {
        @match attribute(device, "vendor") {
            "" if attribute(device, "mac_vendor").is_empty() => {},
            "" => { span.quiet { "card: " (Wire(attribute(device, "mac_vendor"))) } },
            vendor => { (Wire(vendor)) },
        }
    }
}

fn first<'d>(device: &'d Device, names: &[&str]) -> &'d str {
    names.iter().map(|name| attribute(device, name)).find(|value| !value.is_empty()).unwrap_or_default()
}

/// Class and type; `unknown` is an answer.
pub(super) fn class(device: &Device) -> Markup {
    html! {
        @match (device.class.as_str(), device.kind_of_device.as_str()) {
            ("unknown" | "", "unknown" | "") => { span.quiet { "unknown" } },
            (class, "unknown" | "") => { (Wire(class)) },
            (class, kind) => { (Wire(class)) " / " (Wire(kind)) },
        }
    }
}

/// Open findings by severity.
pub(super) fn chips(entry: &Entry) -> Markup {
    html! {
        @for (name, count) in SEVERITIES.iter().zip(entry.open).filter(|(_, count)| *count > 0) {
            span class={ "severity " (severity_class(name)) } { (count) " " (name) } " "
        }
    }
}

fn outside(contents: &dyn Contents, survey: &Survey, workers: usize, out: &mut dyn Write) -> io::Result<()> {
    let outside: Vec<&Entry> = survey.ordered().map(|(_, entry)| entry).filter(|entry| entry.kind != "ghost" && entry.reach == "external").collect();
    if outside.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h3>Beyond the routers ({})</h3><p>Addresses of others that were spoken with. They are no candidates for anything.</p>",
        number(outside.len() as u64)
    )?;
    out.write_all(
        b"<details><summary>which</summary><table class=\"filtered\"><thead><tr><th>Address</th><th>Name</th><th>Roles</th></tr></thead><tbody>",
    )?;
    let make = |at: usize, out: &mut Vec<u8>| {
        let Some((entry, device)) = outside.get(at).and_then(|entry| Some((entry, contents.device(entry.number)?))) else { return Ok(()) };
        let row = html! {
            tr id={ "d" (entry.number) } { td.address { (addresses(&device)) } td { (Wire(name(&device))) } td { (Wire(device.roles.join(", "))) } }
        };
        out.extend_from_slice(row.into_string().as_bytes());
        Ok(())
    };
    pieces::write(outside.len(), workers, &make, out)?;
    out.write_all(b"</tbody></table></details>")
}

fn ghosts(survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    let mut ghosts = survey.ordered().map(|(_, entry)| entry).filter(|entry| entry.kind == "ghost").peekable();
    if ghosts.peek().is_none() {
        return Ok(());
    }
    let count = survey.entries.iter().filter(|entry| entry.kind == "ghost").count();
    write!(out, "<h3>Only asked for, never answered ({})</h3><p class=\"dense\">", number(count as u64))?;
    for entry in ghosts {
        super::put(out, html! { span id={ "d" (entry.number) } { (Wire(&entry.address)) } " " })?;
    }
    out.write_all(b"</p>")
}
