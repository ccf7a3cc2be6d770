//! What the captures could not show.

use super::summary::concerned;
use super::survey::Survey;
use super::wire::{Wire, bar, number};
use inventory::Document;
use inventory::document::{Coverage, SourceRecord};
use maud::{Markup, html};

/// Ports of which the unread bytes are listed; the rest is summed.
const PORTS_MAX: usize = 12;

/// Lines of any other list that is shown; the rest is counted.
const LINES_MAX: usize = 200;

const OVERLAPPING: &str = "used by several devices at a time that never met: cells with the same plan of addresses are suspected";

/// Lines that are as short stand side by side.
const SHORT: usize = 40;

/// Shorter lists are not folded.
const UNFOLDED_MAX: usize = 12;

pub(super) fn coverage(document: &Document, survey: &Survey) -> Markup {
    let coverage = &document.coverage;
    html! {
        p.lead { "A mirrored port shows what crosses it, and nothing else. What follows limits every other section of this report." }
        table.facts {
            tbody {
                (whole(document))
                (one_way(coverage))
                (lost(coverage))
                (cut(coverage))
                (hidden(coverage))
                (losses(&document.sources))
                (unread(coverage))
                (unknown(survey))
                (listed("Only asked for", &coverage.asked_for_only, "addresses that were asked for and never answered: off, moved, or elsewhere"))
                (listed("Limits hit", &document.limits_hit, "where memory is bounded and more was said than is kept"))
                (listed("Virtual addresses", &coverage.virtual_addresses, "of redundant routers: they belong to no single device"))
                (listed("Overlapping addresses", &coverage.overlapping_addresses, OVERLAPPING))
                (shared(coverage))
                (secrets(coverage))
                (reservations(coverage))
            }
        }
    }
}

fn row(what: &str, figure: &Markup, means: &str) -> Markup {
    html! { tr { th scope="row" { (what) } td.figure { (figure) } td { (means) } } }
}

fn whole(document: &Document) -> Markup {
    let figure = html! { @if document.complete { "yes" } @else { strong { "no" } } };
    row("Read to its end", &figure, "every source was read whole, and no limit of memory was hit")
}

fn cut(coverage: &Coverage) -> Markup {
    let means = "open when a capture began or ended: devices present themselves at the beginning, which is missing there";
    row("Conversations cut", &html! { (number(coverage.cut)) }, means)
}

fn lost(coverage: &Coverage) -> Markup {
    let (part, all) = (coverage.tcp_unseen_bytes, coverage.tcp_unseen_bytes + coverage.tcp_seen_bytes);
    let figure = html! { (number(part)) " of " (number(all)) " bytes" (bar(part, all)) };
    row("TCP data lost before the capture", &figure, "acknowledged by its receiver and in no capture: the mirror sent less than it was given")
}

fn one_way(coverage: &Coverage) -> Markup {
    let (part, all) = (coverage.one_way_conversations, coverage.conversations);
    let figure = html! { (number(part)) " of " (number(all)) (bar(part, all)) };
    row(
        "Conversations seen one way",
        &figure,
        "half of what was said is missing; broadcasts that nobody answers count too. If it is most of them, the mirror shows one direction only",
    )
}

fn hidden(coverage: &Coverage) -> Markup {
    let figure = html! {
        @match coverage.tls13_share {
            Some(share) => { (share) " %" (bar(share.into(), 100)) },
            None => { "no TLS seen" },
        }
    };
    row("TLS servers behind TLS 1.3", &figure, "their certificates cannot be seen: neither who they are, nor until when")
}

fn losses(sources: &[SourceRecord]) -> Markup {
    let sum = |of: fn(&SourceRecord) -> u64| sources.iter().map(of).fold(0u64, u64::saturating_add);
    let silent = sources.iter().filter(|source| source.dropped.is_none()).count();
    let inner = |of: fn(&SourceRecord) -> &std::collections::BTreeMap<String, u64>| {
        sources.iter().flat_map(|source| of(source).values()).fold(0u64, |sum, more| sum.saturating_add(*more))
    };
    let figure = html! {
        @if silent == sources.len() { "losses not stated, " } @else { (number(sum(|source| source.dropped.unwrap_or(0)))) " lost, " }
         (number(sum(|source| source.truncated))) " cut short, "
        (number(inner(|source| &source.undecoded))) " not decoded, " (number(inner(|source| &source.malformed))) " malformed"
    };
    html! {
        tr {
            th scope="row" { "Packets lost or unreadable" }
            td.figure { (figure) }
            td {
                @if silent > 0 {
                    (number(silent as u64)) " of " (number(sources.len() as u64))
                    " captures do not say how many packets were lost before they were written. "
                }
                "What the mirror itself dropped nobody counts."
            }
        }
    }
}

fn unread(coverage: &Coverage) -> Markup {
    let all = coverage.opaque_bytes.values().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
    let mut ports: Vec<(&String, u64)> = coverage.opaque_bytes.iter().map(|(port, bytes)| (port, *bytes)).collect();
    ports.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let rest = ports.len().saturating_sub(PORTS_MAX);
    html! {
        tr {
            th scope="row" { "Bytes that nobody could read" }
            td.figure { (number(all)) }
            td {
                "payload of protocols that are not known here, by port"
                @if !ports.is_empty() {
                    ": "
                    @for (at, (port, bytes)) in ports.iter().take(PORTS_MAX).enumerate() {
                        @if at > 0 { ", " }
                        code { (Wire(port)) } " " (number(*bytes))
                        @if let Some(guess) = coverage.opaque_guesses.get(*port) { " (by its port perhaps " (Wire(guess)) ")" }
                    }
                    @if rest > 0 { ", and " (number(rest as u64)) " more" }
                }
            }
        }
    }
}

fn unknown(survey: &Survey) -> Markup {
    let whole = || survey.entries.iter().filter(|entry| entry.is_whole());
    let unknown = whole().filter(|entry| entry.class == "unknown").count();
    let mut hints: Vec<(&String, &u64)> = survey.hints.iter().collect();
    hints.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    html! {
        tr {
            th scope="row" { "Devices of unknown class" }
            td.figure { (number(unknown as u64)) " of " (number(whole().count() as u64)) (bar(unknown as u64, whole().count() as u64)) }
            td {
                @if hints.is_empty() { "every device told what it is" } @else {
                    "what would tell more:"
                    ul { @for (hint, devices) in hints { li { (Wire(hint)) " (" (number(*devices)) ")" } } }
                }
            }
        }
    }
}

/// A list whose absence is worth no row.
fn listed(what: &str, lines: &[String], means: &str) -> Markup {
    if lines.is_empty() {
        return html! {};
    }
    let list = html! {
        ul.dense[lines.iter().all(|line| line.len() <= SHORT)] {
            @for line in lines.iter().take(LINES_MAX) { li { (Wire(line)) } }
            @if lines.len() > LINES_MAX { li { "and " (number((lines.len() - LINES_MAX) as u64)) " more" } }
        }
    };
    html! {
        tr {
            th scope="row" { (what) }
            td.figure { (number(lines.len() as u64)) }
            td { (means) @if lines.len() > UNFOLDED_MAX { details { summary { "which" } (list) } } @else { (list) } }
        }
    }
}

fn secrets(coverage: &Coverage) -> Markup {
    let line = |shared: &inventory::document::SharedSecret| format!("{}, of {}", shared.uses.join(", "), concerned(shared.devices.len()));
    let lines: Vec<String> = coverage.shared_secrets.iter().map(line).collect();
    listed("Secrets that several devices accept", &lines, "of a secret nothing is kept but that it is the same")
}

fn reservations(coverage: &Coverage) -> Markup {
    listed("Not used, not compared", &coverage.reservations, "what was given and could not be used, and what was not held against each other")
}

fn shared(coverage: &Coverage) -> Markup {
    let line = |shared: &inventory::document::SharedKey| {
        format!(
            "{}, of {}{}",
            shared.key,
            concerned(shared.devices.len()),
            if shared.at_once { " at the same time" } else { ", one after the other" }
        )
    };
    let lines: Vec<String> = coverage.shared_keys.iter().map(line).collect();
    listed("Keys that several devices show", &lines, "they identify nobody, and join nothing")
}
