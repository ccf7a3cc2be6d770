//! Devices that are weak, or that no list of managed devices knows: what was seen where, the way out, and what it interrupts.

use super::super::{Contents, pieces};
use super::devices::{chips, class};
use super::findings::anchor;
use super::survey::{Entry, Survey, is_not_as_listed, is_open, name};
use super::wire::{Wire, bar, day, moment, number, severity};
use inventory::document::{Device, Enrollability, Evidence, Finding, Protection, Verdict};
use maud::{Markup, html};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The most exposed devices, which are shown unfolded.
const UNFOLDED: usize = 3;

/// Quotations shown of one finding; the document has no more of its own.
const EVIDENCE_MAX: usize = 8;

/// Protocols, and verdicts of advisories, told of one device; the document has them all.
const PROTOCOLS_MAX: usize = 12;
const VERDICTS_MAX: usize = 24;

pub(super) fn write(contents: &dyn Contents, survey: &Survey, workers: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut weak: Vec<&Entry> = survey.ordered().map(|(_, entry)| entry).filter(|entry| entry.notable).collect();
    weak.sort_by_key(|entry| Reverse((is_not_as_listed(&entry.managed), entry.exposure, entry.open)));
    if weak.is_empty() {
        return out.write_all(b"<p>No device shows a weakness in these captures, and none is known to be unmanaged.</p>");
    }
    let intro = "The most exposed first; exposure goes from 0 to 100, and says of what it is made. Evidence names packets of the captures, \
                 counted from 1, and bytes of the captured frame, counted from 0.";
    super::put(out, html! { p.lead { (intro) } })?;
    let make = |at: usize, out: &mut Vec<u8>| {
        let Some((entry, device)) = weak.get(at).and_then(|entry| Some((entry, contents.device(entry.number)?))) else { return Ok(()) };
        out.extend_from_slice(card(entry, &device, survey, at < UNFOLDED).into_string().as_bytes());
        Ok(())
    };
    pieces::write(weak.len(), workers, &make, out)
}

fn card(entry: &Entry, device: &Device, survey: &Survey, open: bool) -> Markup {
    let title = html! {
        summary {
            strong { (Wire(entry.label())) } @if !entry.name.is_empty() { " " span.quiet { (Wire(&entry.address)) } }
            " " (class(device)) " " (chips(entry)) " "
            span.exposure { "exposure " (entry.exposure) (bar(entry.exposure.into(), 100)) }
        }
    };
    let inside = html! {
        (title)
        dl {
            dt { "In the inventory" } dd { a href={ "#d" (entry.number) } { (Wire(name(device))) " " (Wire(&entry.address)) } }
            dt { "Managed" }
            dd {
                (Wire(&device.managed.state)) ": " (Wire(&device.managed.reason))
                @if let Some(list) = &device.managed.authority { " (" (Wire(list)) ")" }
            }
            @if !device.score.because.is_empty() { dt { "Exposure" } dd { ul { @for part in &device.score.because { li { (Wire(part)) } } } } }
            @if !device.protection.is_empty() { dt { "Protected conversations" } dd { (strength(&device.protection)) } }
            @if !device.advisories.is_empty() { dt { "Advisories" } dd { (advisories(&device.advisories)) } }
            @if !device.enrollability.is_empty() { dt { "How it could be enrolled" } dd { (ways(&device.enrollability)) } }
        }
        @for finding in &device.findings { (one(finding, survey)) }
    };
    html! { @if open { details.card open id={ "w" (entry.number) } { (inside) } } @else { details.card id={ "w" (entry.number) } { (inside) } } }
}

/// What is strong of it, by protocol; with the first and the latest day if there are several.
fn strength(protocols: &BTreeMap<String, Protection>) -> Markup {
    html! {
        ul {
            @for (name, one) in protocols.iter().take(PROTOCOLS_MAX) {
                li {
                    (Wire(name)) ": of " (number(one.known)) " known, " (number(one.authenticated)) " authenticated, " (number(one.encrypted)) " encrypted"
                    @if let [first, .., last] = one.series.as_slice() {
                        span.quiet {
                            " (encrypted " (day(first.first_seen.as_ref())) ": " (number(first.encrypted)) " of " (number(first.known))
                            ", " (day(last.first_seen.as_ref())) ": " (number(last.encrypted)) " of " (number(last.known)) ")"
                        }
                    }
                }
            }
        }
    }
}

fn advisories(verdicts: &[Verdict]) -> Markup {
    html! {
        ul {
            @for one in verdicts.iter().take(VERDICTS_MAX) {
                li { strong { (Wire(&one.verdict)) } " " (Wire(&one.weakness)) " (" (Wire(&one.advisory)) "): " (Wire(&one.reason)) }
            }
            @if verdicts.len() > VERDICTS_MAX { li { "and " (number((verdicts.len() - VERDICTS_MAX) as u64)) " more" } }
        }
    }
}

fn ways(ways: &[Enrollability]) -> Markup {
    html! {
        ol {
            @for way in ways {
                li {
                    strong { (Wire(&way.method)) } @for reason in &way.reasons { ": " (Wire(reason)) }
                    @for blocker in &way.blockers { br; span.quiet { "in the way: " (Wire(blocker)) } }
                }
            }
        }
    }
}

fn one(finding: &Finding, survey: &Survey) -> Markup {
    html! {
        div.finding {
            h4 {
                @if is_open(finding) { (severity(&finding.severity)) } @else { span.severity { (Wire(&finding.status)) } }
                " " (Wire(&finding.title)) " " span.quiet { (Wire(&finding.rule)) @if let Some(zone) = &finding.zone { ", of zone " (Wire(zone)) } }
            }
            @if let Some(why) = &finding.suppressed { p { strong { "Suppressed: " } (Wire(why)) } }
            @if let Some(since) = &finding.resolved_since { p { strong { "Resolved since " } (moment(since)) } }
            (when(finding))
            @if !finding.details.is_empty() { ul { @for detail in &finding.details { li { (Wire(detail)) } } } }
            (evidence(&finding.evidence, survey))
            // What a protocol leaves open by design is one posture of the zone: the way out is told there, once.
            @match survey.group_of(finding).filter(|_| finding.scope != "device") {
                Some(at) => { p { a href={ "#" (anchor(at)) } { "Remedy, for the zone as a whole" } } },
                None => { (remedy(finding)) },
            }
        }
    }
}

fn when(finding: &Finding) -> Markup {
    let (first, last) = (finding.first_seen.as_ref(), finding.last_seen.as_ref());
    html! {
        p.quiet {
            "Seen " (number(finding.count)) @if finding.count == 1 { " time" } @else { " times" }
            @if let Some(first) = first { ", " @if first != last.unwrap_or(first) { "first " } (moment(first)) }
            @if let Some(last) = last.filter(|last| Some(*last) != first) { ", last " (moment(last)) }
        }
    }
}

fn remedy(finding: &Finding) -> Markup {
    html! {
        p { strong { "Remedy: " } (Wire(&finding.remedy.text)) }
        p.quiet {
            "Risk to the process: " (Wire(&finding.remedy.process_risk)) "."
            @if !finding.remedy.enrollment.is_empty() { " Ways to an identity: " (Wire(&finding.remedy.enrollment)) "." }
        }
    }
}

/// Where it stands in the captures.
pub(super) fn evidence(all: &[Evidence], survey: &Survey) -> Markup {
    html! {
        @if !all.is_empty() {
            ul.evidence {
                @for one in all.iter().take(EVIDENCE_MAX) {
                    li {
                        @for (at, span) in one.spans.iter().take(EVIDENCE_MAX).enumerate() {
                            @if at > 0 { ", " }
                            "packet " (span.packet)
                            @if span.length > 0 { " offset " (span.offset) " length " (span.length) }
                        }
                        " of " (Wire(one.file.as_deref().or_else(|| survey.sources.get(&*one.source).map(String::as_str)).unwrap_or(&one.source)))
                        " · " (Wire(&one.protocol)) @if !one.field.is_empty() { " " (Wire(&one.field)) }
                        @if let Some(time) = &one.time { " · " (moment(time)) }
                        @if !one.quote.is_empty() { ": " code { (Wire(&one.quote)) } }
                    }
                }
                @if all.len() > EVIDENCE_MAX { li { "and " (number((all.len() - EVIDENCE_MAX) as u64)) " more" } }
            }
        }
    }
}
