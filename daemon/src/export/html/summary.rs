//! Devices by class, whether somebody manages them, findings by severity, and what to do first.

use super::findings::{anchor, zone_of};
use super::survey::{Entry, Survey};
use super::wire::{SEVERITIES, Wire, bar, day, number, severity};
use inventory::Document;
use inventory::document::Protection;
use maud::{Markup, html};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Things to do first that are named.
const FIRST: usize = 5;

/// Classes and states shown; both are short lists.
const ROWS_MAX: usize = 40;

/// Days in a table, the latest ones: what a page is wide.
const PERIODS_MAX: usize = 12;

pub(super) fn summary(document: &Document, survey: &Survey) -> Markup {
    let count = |wanted: &dyn Fn(&Entry) -> bool| survey.entries.iter().filter(|entry| wanted(entry)).count() as u64;
    html! {
        div.tiles {
            (tile(count(&Entry::is_whole), "devices"))
            (tile(count(&|entry| entry.is_ours() && !entry.is_whole()), "parts of them"))
            (tile(count(&|entry| entry.is_whole() && entry.class == "unknown"), "of unknown class"))
            (tile(count(&|entry| entry.kind == "ghost"), "only asked for"))
            (tile(count(&|entry| entry.kind != "ghost" && entry.reach == "external"), "beyond the routers"))
            (tile(survey.open().count() as u64, "open findings"))
            (tile(count(&|entry| entry.open.iter().any(|open| *open > 0)), "devices with findings"))
        }
        h3 { "What to do first" }
        (first(survey))
        div.columns {
            div { h3 { "Devices by class" } (counted(survey, "class", |entry| &entry.class)) }
            div { h3 { "Findings by severity" } (severities(survey)) }
            div { h3 { "Managed" } (counted(survey, "state", |entry| &entry.managed)) }
        }
        (protection(&document.protection))
    }
}

/// What is strong: conversations that were authenticated and encrypted, by protocol.
fn protection(protocols: &BTreeMap<String, Protection>) -> Markup {
    let mut rows: Vec<(&String, &Protection)> = protocols.iter().filter(|(_, one)| one.known > 0).collect();
    rows.sort_by_key(|(name, one)| (Reverse(one.known), *name));
    let more = rows.len().saturating_sub(ROWS_MAX);
    if rows.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Protected conversations" }
        p { "Beside weakness stands strength: of the conversations that showed it, how many proved who speaks, and how many nobody could read along." }
        table.counts {
            thead {
                tr { th { "protocol" } th.figure { "conversations" } th.figure { "of which known" } th.figure { "authenticated" } th {} th.figure { "encrypted" } th {} }
            }
            tbody {
                @for (name, one) in rows.iter().take(ROWS_MAX) {
                    tr {
                        td { (Wire(name)) } td.figure { (number(one.conversations)) } td.figure { (number(one.known)) }
                        td.figure { (number(one.authenticated)) } td { (bar(one.authenticated, one.known)) }
                        td.figure { (number(one.encrypted)) } td { (bar(one.encrypted, one.known)) }
                    }
                }
            }
        }
        @if more > 0 { p.quiet { "and " (number(more as u64)) " protocols more" } }
        (over_time(&rows))
    }
}

/// How protection changes: encrypted of known, by the days on which captures began.
fn over_time(rows: &[(&String, &Protection)]) -> Markup {
    let days: BTreeSet<&String> = rows.iter().flat_map(|(_, one)| &one.series).filter_map(|period| period.first_seen.as_ref()).collect();
    let days: Vec<&String> = days.iter().rev().take(PERIODS_MAX).rev().copied().collect();
    html! {
        @if days.len() > 1 {
            h3 { "Protection over time" }
            p { "Encrypted conversations, of those of which it is known, in the captures that began on each day." }
            table.counts {
                thead { tr { th { "protocol" } @for first in &days { th.figure { (day(Some(first))) } } } }
                tbody {
                    @for (name, one) in rows.iter().filter(|(_, one)| !one.series.is_empty()).take(ROWS_MAX) {
                        tr {
                            td { (Wire(name)) }
                            @for first in &days {
                                td.figure {
                                    @if let Some(period) = one.series.iter().find(|period| period.first_seen.as_ref() == Some(first)) {
                                        (number(period.encrypted)) " of " (number(period.known)) (bar(period.encrypted, period.known))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn tile(count: u64, what: &str) -> Markup {
    html! { div.tile { b { (number(count)) } " " span { (what) } } }
}

/// The gravest findings, each with its remedy.
fn first(survey: &Survey) -> Markup {
    let grave: Vec<_> = survey.open().filter(|(_, group)| group.severity != "info").take(FIRST).collect();
    if grave.is_empty() {
        return html! { p { "Nothing weak was found in what these captures show." } };
    }
    html! {
        ol.first {
            @for (at, group) in grave {
                li {
                    (severity(&group.severity)) " " a href={ "#" (anchor(at)) } { (Wire(&group.title)) }
                    span.quiet { (zone_of(group)) ", " (concerned(group.open.len())) }
                    p { (Wire(&group.remedy.text)) }
                    p.quiet { "Risk to the process: " (Wire(&group.remedy.process_risk)) }
                }
            }
        }
    }
}

/// How many devices a finding concerns.
pub(super) fn concerned(devices: usize) -> String {
    match devices {
        0 => "the site as a whole".to_owned(),
        1 => "1 device".to_owned(),
        more => format!("{} devices", number(more as u64)),
    }
}

fn counted(survey: &Survey, what: &str, of: fn(&Entry) -> &String) -> Markup {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in survey.entries.iter().filter(|entry| entry.is_whole()) {
        *counts.entry(of(entry)).or_default() += 1;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(word, count)| (*word == "unknown", Reverse(*count), *word));
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let rest: u64 = counts.iter().skip(ROWS_MAX).map(|(_, count)| count).sum();
    html! {
        table.counts {
            thead { tr { th { (what) } th.figure { "devices" } th {} } }
            tbody {
                @for (word, count) in counts.iter().take(ROWS_MAX) {
                    tr { td { (Wire(word)) } td.figure { (number(*count)) } td { (bar(*count, most)) } }
                }
                @if rest > 0 { tr { td { "others" } td.figure { (number(rest)) } td { (bar(rest, most)) } } }
            }
        }
    }
}

fn severities(survey: &Survey) -> Markup {
    let of = |name: &str| survey.open().filter(|(_, group)| group.severity == name).count() as u64;
    let devices = |at: usize| survey.entries.iter().filter(|entry| entry.open.get(at).is_some_and(|open| *open > 0)).count() as u64;
    html! {
        table.counts {
            thead { tr { th { "severity" } th.figure { "findings" } th.figure { "devices" } } }
            tbody {
                @for (at, name) in SEVERITIES.iter().enumerate() {
                    tr { td { (severity(name)) } td.figure { (number(of(name))) } td.figure { (number(devices(at))) } }
                }
            }
        }
    }
}
