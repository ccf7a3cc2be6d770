//! For a terminal: the columns that matter, external devices and ghosts apart.

use super::attribute;
use comfy_table::{ContentArrangement, Table, presets};
use inventory::Document;
use inventory::document::Device;
use inventory::judge::catalogue::Severity;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;

/// Columns where the output is no terminal.
const WIDTH: u16 = 160;

/// Writes it.
///
/// # Errors
/// If the output cannot be written.
pub fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let (local, rest): (Vec<&Device>, Vec<&Device>) =
        document.devices.iter().partition(|device| device.kind != "ghost" && device.reach != "external");
    let (ghosts, external): (Vec<&Device>, Vec<&Device>) = rest.into_iter().partition(|device| device.kind == "ghost");
    writeln!(out, "{}", table(&local))?;
    if !external.is_empty() {
        writeln!(out, "\nBeyond the routers ({}):", external.len())?;
        let mut lines: Vec<String> = external.iter().map(|device| outside(device)).collect();
        lines.sort();
        for line in &lines {
            writeln!(out, "  {line}")?;
        }
    }
    if !ghosts.is_empty() {
        let mut addresses: Vec<&str> = ghosts.iter().flat_map(|ghost| &ghost.ips).map(String::as_str).collect();
        addresses.sort_by_key(|ip| ip.parse::<IpAddr>().ok());
        writeln!(out, "\nOnly asked for, never answered ({}): {}", ghosts.len(), addresses.join(", "))?;
    }
    foot(document, &local, out)
}

fn foot(document: &Document, local: &[&Device], out: &mut dyn Write) -> io::Result<()> {
    let count = |kind: &str| local.iter().filter(|device| device.kind == kind).count();
    let (devices, components) = (count("device") + count("represents_many"), count("component"));
    let unknown = local.iter().filter(|device| device.kind != "component" && device.class == "unknown").count();
    let packets: u64 = document.sources.iter().map(|source| source.packets).sum();
    writeln!(
        out,
        "\n{devices} devices ({unknown} of unknown class), {components} components, {} certificates; {packets} packets.",
        document.certificates.len()
    )?;
    let missing = not_shown(document);
    if !missing.is_empty() {
        writeln!(out, "Not to be seen here: {}.", missing.join("; "))?;
    }
    let weak = weak(document);
    if !weak.is_empty() {
        writeln!(out, "Weak: {}; `wirecensus findings` tells what.", weak.join(", "))?;
    }
    for limit in &document.limits_hit {
        writeln!(out, "Limit hit: {limit}")?;
    }
    Ok(())
}

/// What the captures could not show.
fn not_shown(document: &Document) -> Vec<String> {
    let coverage = &document.coverage;
    let opaque: u64 = coverage.opaque_bytes.values().sum();
    let dropped: u64 = document.sources.iter().filter_map(|source| source.dropped).sum();
    let mut all = Vec::new();
    let mut add = |count: u64, text: String| all.extend((count > 0).then_some(text));
    add(
        coverage.one_way_conversations,
        format!("the other direction of {} of {} conversations", coverage.one_way_conversations, coverage.conversations),
    );
    add(coverage.cut, format!("beginning or end of {} connections", coverage.cut));
    let guesses: BTreeSet<&str> = coverage.opaque_guesses.values().map(String::as_str).collect();
    let guesses = guesses.into_iter().collect::<Vec<_>>().join("; ");
    let perhaps = if guesses.is_empty() { guesses } else { format!(" (by their ports perhaps: {guesses})") };
    add(opaque, format!("the sense of {opaque} bytes in unknown protocols{perhaps}"));
    add(dropped, format!("{dropped} packets lost by the capture"));
    add(coverage.tcp_unseen_bytes, format!("{} bytes of TCP data lost before it", coverage.tcp_unseen_bytes));
    let share = coverage.tls13_share.unwrap_or(0);
    add(share.into(), format!("certificates of {share} % of the TLS servers (TLS 1.3)"));
    all
}

/// How many findings are open, the gravest first; what is a zone's counts once.
fn weak(document: &Document) -> Vec<String> {
    let all = document.findings.iter().chain(document.devices.iter().flat_map(|device| &device.findings));
    let open: BTreeMap<&str, &str> =
        all.filter(|one| one.status == "open" && one.suppressed.is_none()).map(|one| (one.id.as_str(), &*one.severity)).collect();
    let count = |severity: &Severity| (open.values().filter(|own| **own == severity.name()).count(), severity.name());
    let counts = Severity::ALL.iter().rev().map(count).filter(|(count, name)| *count > 0 && *name != "info");
    counts.map(|(count, name)| format!("{count} {name}")).collect()
}

fn table(devices: &[&Device]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_width(WIDTH);
    }
    table.set_header(["Address", "Name", "Vendor", "Model", "Version", "Class / type", "Roles"]);
    let mut rows: Vec<&&Device> = devices.iter().filter(|device| device.parent.is_none()).collect();
    rows.sort_by_key(|device| {
        (
            device.ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()).min().is_none(),
            lowest(device),
            device.macs.first().cloned(),
            device.id.clone(),
        )
    });
    for device in rows {
        table.add_row(row(device, address(device)));
        let mut parts: Vec<&&Device> = devices.iter().filter(|part| part.parent.as_ref() == Some(&device.id)).collect();
        parts.sort_by_key(|part| (part.part.as_ref().map(|name| (name.len(), name.clone())), part.id.clone()));
        for part in parts {
            table.add_row(row(part, format!("  └ {}", part.part.as_deref().unwrap_or("part"))));
        }
    }
    table
}

/// The lowest IPv4 address, else the lowest.
fn lowest(device: &Device) -> Option<IpAddr> {
    let ips = || device.ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok());
    ips().filter(IpAddr::is_ipv4).min().or_else(|| ips().min())
}

fn row(device: &Device, address: String) -> [String; 7] {
    let vendor = match attribute(device, "vendor") {
        "" if attribute(device, "mac_vendor").is_empty() => String::new(),
        "" => format!("({})", attribute(device, "mac_vendor")),
        vendor => vendor.to_owned(),
    };
    let model = [attribute(device, "model"), attribute(device, "order_number")].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let version = [attribute(device, "firmware"), attribute(device, "os"), attribute(device, "software")]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let class = match (device.class.as_str(), device.kind_of_device.as_str()) {
        ("unknown" | "", "unknown" | "") => "unknown".to_owned(),
        (class, "unknown" | "") => class.to_owned(),
        (class, kind) => format!("{class} / {kind}"),
    };
    let name = device.hostnames.first().cloned().unwrap_or_else(|| attribute(device, "station_name").to_owned());
    [address, short(&name, 28), short(&vendor, 28), short(model, 32), short(version, 28), class, short(&device.roles.join(", "), 48)]
}

fn address(device: &Device) -> String {
    let mut lines: Vec<String> = device.ips.iter().filter(|ip| !ip.starts_with("fe80:")).take(2).cloned().collect();
    if device.ips.len() > 3 {
        lines.push(format!("… {} more", device.ips.len() - 2));
    }
    lines.extend(device.macs.first().cloned());
    if device.macs.len() > 1 {
        lines.push(format!("+ {} MACs", device.macs.len() - 1));
    }
    if device.reach == "routed" {
        lines.push("(routed)".to_owned());
    }
    lines.join("\n")
}

fn outside(device: &Device) -> String {
    let roles = if device.roles.is_empty() { String::new() } else { format!(": {}", device.roles.join(", ")) };
    let name = device.hostnames.first().map(|name| format!(" {name}")).unwrap_or_default();
    format!("{}{name}{roles}", device.ips.join(" "))
}

/// Cut to so many characters.
fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}
