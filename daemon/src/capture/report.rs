//! What `--plan` prints: a sources file to fill in, with what was found in each capture as comments.

use super::block::{Block, Blocks};
use super::plan::{Plan, PlannedSource};
use super::text::{grouped, rfc3339, shown, span};
use dissectors::packet::{LinkType, Packet};
use observations::Source;
use std::io::{self, Write};
use std::path::Path;

/// Silence within a file that is worth a line, nanoseconds.
const GAP: i64 = 60_000_000_000;

/// Gaps, overlaps and VLANs that are listed for one file; the rest is counted.
const LISTED_MAX: usize = 16;

/// Between the last packet of a rotation's file and the first of the next, nanoseconds: more is a pause.
const ROTATION_GAP: i64 = 10_000_000_000;

/// What was found in one file.
struct Survey<'a> {
    plan: &'a PlannedSource,
    source: Source,
    clamped: u64,
    /// Packets by VLAN; the last counts those without.
    vlans: Vec<u64>,
    /// From and to.
    gaps: Vec<(i64, i64)>,
    more_gaps: u64,
}

/// Reads every file of `plan` to its end and writes the template to `out`. Plan without `--as-one`: each file is looked at alone.
///
/// # Errors
/// Of writing. What cannot be read stands in the text.
pub fn plan_report(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let mut failed: Vec<String> = plan.failed.iter().map(ToString::to_string).collect();
    let mut surveys = Vec::new();
    for planned in &plan.sources {
        match survey(planned) {
            Ok(survey) => surveys.push(survey),
            Err(error) => failed.push(error.to_string()),
        }
    }
    surveys.sort_by_key(|survey| (survey.source.first_seen.is_none(), survey.source.first_seen, survey.plan.name.clone()));
    let complete = surveys.iter().filter(|survey| survey.source.complete).count();
    writeln!(out, "# A sources file to fill in: wirecensus replay … --sources FILE.toml. The first table that matches a file counts.")?;
    writeln!(out, "# {}", super::completeness(complete, surveys.len() + failed.len()))?;
    for line in &failed {
        writeln!(out, "# {line}")?;
    }
    for skipped in &plan.skipped {
        writeln!(out, "# {skipped}")?;
    }
    for group in rotations(&surveys) {
        writeln!(out)?;
        if group.len() > 1 {
            writeln!(out, "# {} files that look like one rotation: read them with --as-one", group.len())?;
        }
        for index in &group {
            describe(*index, &surveys, out)?;
        }
        table(&group.iter().filter_map(|index| surveys.get(*index)).collect::<Vec<_>>(), out)?;
    }
    Ok(())
}

/// Reads one file to its end.
fn survey(plan: &PlannedSource) -> Result<Survey<'_>, super::OpenError> {
    let mut reader = plan.open()?;
    let mut survey = Survey { plan, source: Source::default(), clamped: 0, vlans: vec![0; 4_097], gaps: Vec::new(), more_gaps: 0 };
    let (mut block, mut latest) = (Block::default(), None::<i64>);
    loop {
        match reader.next(&mut block) {
            Ok(true) => {}
            Ok(false) => break,
            // The file's part has it.
            Err(_) => continue,
        }
        for packet in block.packets() {
            if let Some(count) = survey.vlans.get_mut(vlan(&packet).map_or(4_096, usize::from)) {
                *count += 1;
            }
            if let Some(before) = latest.filter(|before| packet.time.saturating_sub(*before) > GAP) {
                if survey.gaps.len() < LISTED_MAX {
                    survey.gaps.push((before, packet.time));
                } else {
                    survey.more_gaps += 1;
                }
            }
            latest = latest.max(Some(packet.time));
        }
    }
    survey.source = reader.source();
    survey.clamped = reader.health().clamped_times;
    Ok(survey)
}

/// The outermost VLAN of a frame.
fn vlan(packet: &Packet<'_>) -> Option<u16> {
    let at = match packet.link {
        LinkType::ETHERNET => 12,
        LinkType::LINUX_SLL => 14,
        _ => return None,
    };
    match packet.data.get(at..)?.first_chunk()? {
        [0x81 | 0x91, 0x00, high, low] | [0x88, 0xa8, high, low] => {
            // VLAN 0 carries only a priority.
            Some(u16::from_be_bytes([*high, *low]) & 0xfff).filter(|vlan| *vlan != 0)
        }
        _ => None,
    }
}

/// Groups of files that follow each other closely with the same link types, folder and settings; others stand alone.
fn rotations(surveys: &[Survey<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, survey) in surveys.iter().enumerate() {
        let follows = |group: &&mut Vec<usize>| {
            let before = group.last().and_then(|last| surveys.get(*last));
            before.is_some_and(|before| {
                let gap = survey.source.first_seen.zip(before.source.last_seen).map(|(first, last)| first.saturating_sub(last));
                gap.is_some_and(|gap| (0..=ROTATION_GAP).contains(&gap))
                    && before.source.link_types == survey.source.link_types
                    && before.plan.settings == survey.plan.settings
                    && Path::new(&before.plan.name).parent() == Path::new(&survey.plan.name).parent()
            })
        };
        match groups.iter_mut().find(follows) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// A file's comment.
fn describe(index: usize, surveys: &[Survey<'_>], out: &mut dyn Write) -> io::Result<()> {
    let Some(Survey { plan, source, clamped, vlans, gaps, more_gaps }) = surveys.get(index) else {
        return Ok(());
    };
    writeln!(out, "# {}", shown(&plan.name))?;
    let links: Vec<&str> = source.link_types.iter().map(String::as_str).collect();
    writeln!(out, "#   {} packets, {} bytes captured, {}", grouped(source.packets), grouped(source.bytes), links.join(" and "))?;
    if let (Some(first), Some(last)) = (source.first_seen, source.last_seen) {
        writeln!(out, "#   {} to {} ({})", rfc3339(first), rfc3339(last), span(last.saturating_sub(first)))?;
    }
    let mut seen: Vec<(usize, u64)> = vlans.iter().copied().enumerate().filter(|(_, packets)| *packets > 0).collect();
    seen.sort_by_key(|(_, packets)| std::cmp::Reverse(*packets));
    let names: Vec<String> = seen.iter().take(LISTED_MAX).map(|(vlan, packets)| format!("{} ({})", vlan_name(*vlan), grouped(*packets))).collect();
    if !names.is_empty() {
        let more = seen.len().saturating_sub(LISTED_MAX);
        writeln!(out, "#   VLANs: {}{}", names.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() })?;
    }
    for (from, to) in gaps {
        writeln!(out, "#   gap: nothing from {} to {} ({})", rfc3339(*from), rfc3339(*to), span(to.saturating_sub(*from)))?;
    }
    if *more_gaps > 0 {
        writeln!(out, "#   and {} more gaps", grouped(*more_gaps))?;
    }
    relations(index, surveys, out)?;
    if source.snapped > 0 {
        writeln!(out, "#   {} packets are cut by the snap length", grouped(source.snapped))?;
    }
    if let Some(dropped) = source.dropped {
        writeln!(out, "#   {} packets lost by the capture, as it says", grouped(dropped))?;
    }
    if *clamped > 0 {
        writeln!(out, "#   {} times out of range", grouped(*clamped))?;
    }
    for damage in source.parts.iter().filter_map(|part| part.damage.as_ref()) {
        writeln!(out, "#   damaged: {damage}")?;
    }
    Ok(())
}

/// Copies of a file and files that overlap it in time.
fn relations(index: usize, surveys: &[Survey<'_>], out: &mut dyn Write) -> io::Result<()> {
    let Some(this) = surveys.get(index) else {
        return Ok(());
    };
    let mut listed = 0_usize;
    for (_, other) in surveys.iter().enumerate().filter(|(other, _)| *other != index) {
        let copy = this.source.packets > 0 && other.source.key == this.source.key;
        let overlap = [this, other].map(|survey| survey.source.first_seen.zip(survey.source.last_seen));
        let overlap = match overlap {
            [Some((a, b)), Some((c, d))] => b.min(d).saturating_sub(a.max(c)),
            _ => 0,
        };
        if !copy && overlap <= 0 {
            continue;
        }
        listed += 1;
        if listed <= LISTED_MAX {
            let name = shown(&other.plan.name);
            match copy {
                true => writeln!(out, "#   the same capture as {name}, or its continuation: both count as one source")?,
                false => writeln!(out, "#   overlaps {name} by {}", span(overlap))?,
            }
        }
    }
    if listed > LISTED_MAX {
        writeln!(out, "#   and {} more files", listed - LISTED_MAX)?;
    }
    Ok(())
}

/// The table to fill in for files that belong together.
fn table(group: &[&Survey<'_>], out: &mut dyn Write) -> io::Result<()> {
    let Some(first) = group.first() else {
        return Ok(());
    };
    let files: Vec<String> = group.iter().map(|survey| quoted(&glob::Pattern::escape(&survey.plan.name))).collect();
    writeln!(out, "[[source]]")?;
    match files.as_slice() {
        [file] => writeln!(out, "files = {file}")?,
        files => writeln!(out, "files = [\n    {},\n]", files.join(",\n    "))?,
    }
    writeln!(out, "site = {}", quoted(&first.plan.settings.site))?;
    match &first.plan.settings.tap {
        Some(tap) => writeln!(out, "tap = {}", quoted(tap))?,
        None => writeln!(out, "# tap = \"core switch, port 12\"")?,
    }
    writeln!(out, "# direction = \"both\"\n# clock_offset = \"+0s\"")?;
    for vlan in (0..4_097).filter(|vlan| group.iter().any(|survey| survey.vlans.get(*vlan).is_some_and(|packets| *packets > 0))).take(LISTED_MAX) {
        let (name, value) = (vlan_name(vlan), if vlan == 4_096 { "\"untagged\"".to_owned() } else { vlan.to_string() });
        writeln!(out, "# [[source.segment]]\n# name = {}\n# vlans = [{value}]", quoted(&name))?;
    }
    Ok(())
}

fn vlan_name(vlan: usize) -> String {
    if vlan == 4_096 { "untagged".to_owned() } else { format!("vlan {vlan}") }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
