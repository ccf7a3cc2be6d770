//! `explain`: why the inventory says what it says, down to the packet and the bytes.

use super::input::{From, Material};
use super::reading::Knowledge;
use super::{Done, Failure, find};
use crate::capture::text::{grouped, shown};
use inventory::View;
use inventory::document::{AttributeRecord, Device, Document, Evidence, Finding, Identity, Rival};
use inventory::explain::explain_in;
use inventory::resolve::Join;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Says why the inventory says what it says of a device: reasons, rivals, joins made and refused, packets and bytes.
///
/// A device is named by an address, a hostname, an id or a part of one of these. Without an attribute all are explained.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus explain 192.168.1.10 --db plant.db
  wirecensus explain plc-1 firmware capture.pcapng")]
pub(super) struct Explain {
    /// The device.
    device: String,
    /// One attribute (vendor, model, firmware, …), then databases and captures, or one JSON document.
    #[arg(value_name = "ATTRIBUTE|FILE")]
    rest: Vec<PathBuf>,
    #[command(flatten)]
    from: From,
}

impl Explain {
    pub(super) fn run(&self) -> Done {
        let (attribute, files) = self.attribute();
        let (material, knowledge) = self.from.material(files)?;
        let (document, joins) = explained(material, &knowledge, &self.device)?;
        let device = find::find(&document, &self.device)?;
        let mut text = String::new();
        let written = match attribute {
            None => whole(&mut text, &document, device, &joins),
            Some(name) => match device.attributes.get(&name) {
                Some(record) => one(&mut text, &document, &name, record),
                None => return Err(Failure::new(unknown(device, &name))),
            },
        };
        written.map_err(|error| Failure::new(error.to_string()))?;
        super::output::answer(&text)
    }

    /// The first word is an attribute, unless it is a file.
    fn attribute(&self) -> (Option<String>, &[PathBuf]) {
        let is_file =
            |path: &Path| path.as_os_str() == crate::capture::STDIN || path.exists() || path.components().count() > 1 || path.extension().is_some();
        match self.rest.as_slice() {
            [first, files @ ..] if !is_file(first) => (Some(first.to_string_lossy().to_lowercase().replace(' ', "_")), files),
            files => (None, files),
        }
    }
}

/// The document, and the joins that the device named so had a part in; none where only a document is at hand.
fn explained(material: Material, knowledge: &Knowledge, text: &str) -> Result<(Document, Vec<Join>), Failure> {
    let (said, decisions) = match material {
        Material::Document(document) => return Ok((*document, Vec::new())),
        Material::Said(said, decisions) => (said, decisions),
    };
    let view = View::under(&said, &knowledge.fingerprints, &decisions, &knowledge.policy).listing(knowledge.findings_max);
    let document = view.document();
    let device = find::find(&document, text)?;
    let id = device.parent.as_ref().unwrap_or(&device.id);
    let joins = explain_in(&view, &document, id, None).map(|explanation| explanation.joins).unwrap_or_default();
    Ok((document, joins))
}

/// A finding with what shows it and the way out.
fn weakness(out: &mut String, finding: &Finding) -> std::fmt::Result {
    writeln!(out, "\n{} {} {} ({})", finding.severity, finding.rule, finding.title, finding.status)?;
    for detail in &finding.details {
        writeln!(out, "  {detail}")?;
    }
    if let Some(reason) = &finding.observable_because {
        writeln!(out, "  observable: {reason}")?;
    }
    if let Some(reason) = &finding.suppressed {
        writeln!(out, "  suppressed: {reason}")?;
    }
    for evidence in &finding.evidence {
        let packets: Vec<String> = evidence.spans.iter().map(place).collect();
        writeln!(out, "  packet {} ({}) {}", packets.join(", "), evidence.protocol, evidence.quote)?;
    }
    writeln!(out, "  remedy: {}", finding.remedy.text)?;
    writeln!(out, "  risk to the process: {}", finding.remedy.process_risk)
}

fn unknown(device: &Device, name: &str) -> String {
    let mut text = format!("{}: nothing says its {}", find::line(device), shown(name));
    let known: Vec<&str> = device.attributes.keys().map(String::as_str).collect();
    if !known.is_empty() {
        text.push_str(&format!("; known are {}", known.join(", ")));
    }
    for more in &device.would_tell_more {
        text.push_str(&format!("\n  would tell more: {more}"));
    }
    text
}

fn whole(out: &mut String, document: &Document, device: &Device, joins: &[Join]) -> std::fmt::Result {
    writeln!(out, "{}", find::line(device))?;
    let ids: Vec<&str> = std::iter::once(&device.id).chain(&device.aliases).map(String::as_str).collect();
    for (name, value) in [
        ("id", ids.join(", ")),
        ("part of", device.parent.clone().unwrap_or_default()),
        ("MAC addresses", device.macs.join(", ")),
        ("names", device.hostnames.join(", ")),
        ("class", format!("{} / {}", device.class, device.kind_of_device)),
        ("roles", device.roles.join(", ")),
        ("protocols", device.protocols.join(", ")),
        ("seen", span(device.first_seen.as_deref(), device.last_seen.as_deref())),
        ("annotations", device.annotations.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")),
    ] {
        if !value.is_empty() {
            writeln!(out, "  {name}: {value}")?;
        }
    }
    for binding in &device.bindings {
        let segment = if binding.segment.is_empty() { String::new() } else { format!(" in {}", binding.segment) };
        let when = span(binding.first_seen.as_deref(), binding.last_seen.as_deref());
        writeln!(out, "  {}: {}{segment} ({}), {when}", binding.kind, binding.value, binding.class)?;
    }
    for more in &device.would_tell_more {
        writeln!(out, "  would tell more: {more}")?;
    }
    for identity in &device.identities {
        presented(out, document, identity)?;
    }
    for (name, record) in &device.attributes {
        writeln!(out)?;
        one(out, document, name, record)?;
    }
    for finding in &device.findings {
        weakness(out, finding)?;
    }
    for one in &device.advisories {
        writeln!(out, "\nadvisory {}, {}: {}: {}", one.advisory, one.weakness, one.verdict, one.reason)?;
    }
    if !joins.is_empty() {
        writeln!(out, "\nJoins")?;
    }
    for join in joins {
        match &join.refused {
            None => writeln!(out, "  {}: joins {}", join.key, join.of.join(" and "))?,
            Some(why) => writeln!(out, "  {}: would join {}: refused: {why}", join.key, join.of.join(" and "))?,
        }
    }
    Ok(())
}

/// A key that it presented, and what proves that it holds it.
fn presented(out: &mut String, document: &Document, identity: &Identity) -> std::fmt::Result {
    writeln!(out, "\n{}: {}", identity.kind, identity.value)?;
    let when = span(identity.first_seen.as_deref(), identity.last_seen.as_deref());
    let roles = if identity.roles.is_empty() { String::new() } else { format!("as {}, ", identity.roles.join(" and ")) };
    let alone = if identity.unique { "" } else { ", and so do others" };
    writeln!(out, "  it shows this {roles}{when}{alone}")?;
    if identity.proven {
        writeln!(out, "  proven: it signed by this key")?;
    } else if identity.kind == "x509" {
        writeln!(out, "  not proven: no signature by this key was seen in the clear")?;
    }
    identity.proof.iter().try_for_each(|evidence| bytes(out, document, evidence))
}

fn one(out: &mut String, document: &Document, name: &str, record: &AttributeRecord) -> std::fmt::Result {
    writeln!(out, "{name}: {}", record.value)?;
    writeln!(out, "  {} % sure, {}, by {}", record.confidence, record.class, record.rule)?;
    if record.conflict {
        writeln!(out, "  in conflict: two values of what cannot change")?;
    }
    for evidence in &record.evidence {
        bytes(out, document, evidence)?;
    }
    for (title, rivals) in [("rival", &record.rivals), ("before", &record.history)] {
        for Rival { value, confidence, class, rule, first_seen, last_seen } in rivals {
            let when = span(first_seen.as_deref(), last_seen.as_deref());
            writeln!(out, "  {title}: {value} ({confidence} %, {class}, by {rule}), {when}")?;
        }
    }
    Ok(())
}

/// Where a value stands: source, packets, bytes.
fn bytes(out: &mut String, document: &Document, evidence: &Evidence) -> std::fmt::Result {
    let source = document.sources.iter().find(|source| *source.key == *evidence.source);
    let name = evidence.file.as_deref().or(source.map(|source| source.name.as_str())).unwrap_or("a source that is not listed");
    write!(out, "  {name}")?;
    for span in &evidence.spans {
        write!(out, ", packet {}", grouped(span.packet))?;
        if span.length > 0 {
            write!(out, " bytes {} to {}", span.offset, span.offset.saturating_add(span.length).saturating_sub(1))?;
        }
    }
    // Of what a device does a packet is shown: that in which the conversation began.
    if evidence.dissector.is_empty() {
        return writeln!(out, ", {}: its conversation in {} begins", evidence.time.as_deref().unwrap_or("no time"), evidence.protocol);
    }
    let field = if evidence.field.is_empty() { String::new() } else { format!(" {}", evidence.field) };
    writeln!(out, ", {}: {}{field}", evidence.time.as_deref().unwrap_or("no time"), evidence.dissector)?;
    if !evidence.derivation.is_empty() {
        writeln!(out, "    after {}", evidence.derivation.join(", "))?;
    }
    let quote = quoted(&evidence.quote);
    for (line, row) in quote.chunks(16).enumerate() {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = row.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect();
        writeln!(out, "    {:04x}  {:<47}  {text}", line * 16, hex.join(" "))?;
    }
    let stands: usize = evidence.spans.iter().map(|span| span.length as usize).sum();
    if evidence.derivation.is_empty() && stands > quote.len() {
        writeln!(out, "    … the first {} of {} bytes", quote.len(), grouped(stands as u64))?;
    }
    Ok(())
}

/// The bytes that a quote stands for.
fn quoted(quote: &str) -> Vec<u8> {
    let Some(digits) = quote.strip_prefix("hex:") else { return quote.as_bytes().to_vec() };
    let pair = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    digits.as_bytes().chunks(2).map(pair).collect::<Option<Vec<u8>>>().unwrap_or_else(|| quote.as_bytes().to_vec())
}

fn span(first: Option<&str>, last: Option<&str>) -> String {
    match (first, last) {
        (Some(first), Some(last)) if first == last => format!("at {first}"),
        (first, last) => format!("{} to {}", first.unwrap_or("?"), last.unwrap_or("?")),
    }
}

/// A span for one line: of what follows from a packet's presence alone, the packet.
fn place(span: &inventory::document::Span) -> String {
    if span.length == 0 { span.packet.to_string() } else { format!("{} at {}+{}", span.packet, span.offset, span.length) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory::document;

    #[test]
    fn evidence_shows_the_packet_and_the_bytes() {
        let evidence = Evidence {
            source: "k".into(),
            protocol: "modbus".into(),
            field: "vendor_name".into(),
            spans: vec![document::Span { file: None, packet: 1204, offset: 62, length: 3 }],
            quote: "hex:41000a".into(),
            dissector: "modbus@1".into(),
            ..Evidence::default()
        };
        let document =
            Document { sources: vec![document::SourceRecord { key: "k".into(), name: "a.pcap".into(), ..Default::default() }], ..Default::default() };
        let mut out = String::new();
        bytes(&mut out, &document, &evidence).unwrap();
        assert_eq!(
            out,
            "  a.pcap, packet 1,204 bytes 62 to 64, no time: modbus@1 vendor_name\n    0000  41 00 0a                                         A..\n"
        );
        let spans = vec![document::Span { packet: 12, ..Default::default() }];
        let begins = Evidence { source: "k".into(), protocol: "imap".into(), spans, ..Evidence::default() };
        out.clear();
        bytes(&mut out, &document, &begins).unwrap();
        assert_eq!(out, "  a.pcap, packet 12, no time: its conversation in imap begins\n");
        assert_eq!(quoted("hex:zz"), b"hex:zz");
        assert_eq!(quoted("hex:\u{e9}1"), "hex:\u{e9}1".as_bytes());
    }
}
