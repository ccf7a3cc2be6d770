//! Findings, each once, with the devices that show it; and the controls that they relate to.

use super::super::pieces;
use super::summary::concerned;
use super::survey::{Group, Survey};
use super::weak::evidence;
use super::wire::{Wire, number, severity};
use inventory::judge::controls as known;
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Devices named for one control; all of them stand at the finding.
const DEVICES_OF_CONTROL_MAX: usize = 24;

/// Link to a finding.
pub(super) fn anchor(group: usize) -> String {
    format!("f{group}")
}

pub(super) fn zone_of(group: &Group) -> Markup {
    html! { @if let Some(zone) = &group.zone { " in zone " (Wire(zone)) } }
}

pub(super) fn write(survey: &Survey, workers: usize, out: &mut dyn Write) -> io::Result<()> {
    if survey.groups.is_empty() {
        return out.write_all(b"<p>None. That is no proof of strength: see what could not be seen.</p>");
    }
    let intro = "Each finding once. What a protocol leaves open by design is one posture of a zone, with the devices that show it. \
                 Controls are those that a finding relates to; none is proven to be violated.";
    super::put(out, html! { p.lead { (intro) } })?;
    let make = |at: usize, out: &mut Vec<u8>| {
        if let Some(group) = survey.groups.get(at) {
            out.extend_from_slice(card(survey, at, group).into_string().as_bytes());
        }
        Ok(())
    };
    pieces::write(survey.groups.len(), workers, &make, out)
}

fn card(survey: &Survey, at: usize, group: &Group) -> Markup {
    html! {
        article.card id=(anchor(at)) {
            h3 {
                @if group.is_open() { (severity(&group.severity)) } @else { span.severity { "settled" } }
                " " (Wire(&group.title)) (zone_of(group)) " " span.quiet { (Wire(&group.rule)) }
            }
            @if let Some(why) = &group.suppressed { p { strong { "Suppressed: " } (Wire(why)) } }
            dl {
                dt { "Remedy" } dd { (Wire(&group.remedy.text)) }
                dt { "Risk to the process" } dd { (Wire(&group.remedy.process_risk)) }
                @if !group.remedy.enrollment.is_empty() { dt { "Ways to an identity" } dd { (Wire(&group.remedy.enrollment)) } }
                @if let Some(why) = &group.observable_because { dt { "Seen, not presumed" } dd { (Wire(why)) } }
                @if !group.details.is_empty() { dt { "What was seen" } dd { ul { @for detail in &group.details { li { (Wire(detail)) } } } } }
            }
            (evidence(&group.evidence, survey))
            (devices(survey, "Devices", &group.open))
            (devices(survey, "Resolved or suppressed at", &group.settled))
            @if group.of_site { p.quiet { "It concerns the site as a whole." } }
            (controls_of(group))
        }
    }
}

fn controls_of(group: &Group) -> Markup {
    html! {
        p.controls.quiet {
            @for (framework, controls) in &group.controls {
                span { (Wire(known::name(framework))) ": " @for (at, control) in controls.iter().enumerate() { @if at > 0 { ", " } (Wire(control)) } } " "
            }
        }
    }
}

/// A folded list of devices.
fn devices(survey: &Survey, what: &str, places: &[u32]) -> Markup {
    html! {
        @if !places.is_empty() {
            details { summary { (what) ": " (number(places.len() as u64)) } ul.devices { @for at in places { li { (link(survey, *at)) } } } }
        }
    }
}

fn link(survey: &Survey, at: u32) -> Markup {
    html! {
        @if let Some(entry) = survey.entry(at) {
            a href={ @if entry.is_ours() && entry.notable { "#w" } @else { "#d" } (entry.number) } { (Wire(entry.label())) }
            @if !entry.name.is_empty() && !entry.address.is_empty() { span.quiet { " " (Wire(&entry.address)) } }
        }
    }
}

/// Controls by framework: findings that relate to each, and the devices that show them.
pub(super) fn controls(survey: &Survey) -> Markup {
    let mut frameworks: BTreeMap<(usize, &str), BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
    for (at, group) in survey.open() {
        for (framework, controls) in &group.controls {
            let place = known::frameworks().position(|name| name == framework).unwrap_or(usize::MAX);
            let framework = frameworks.entry((place, framework)).or_default();
            controls.iter().for_each(|control| framework.entry(control).or_default().push(at));
        }
    }
    html! {
        @if frameworks.is_empty() { p { "No open finding relates to any." } }
        @for ((_, framework), controls) in &frameworks {
            details {
                summary { (Wire(known::name(framework))) ": " (number(controls.len() as u64)) " related" }
                table.controls {
                    thead { tr { th { "Control" } th { "Findings" } th { "Devices" } } }
                    tbody {
                        @for (control, groups) in controls {
                            tr {
                                th scope="row" {
                                    (Wire(control)) @if let Some(title) = known::title(framework, control) { br; span.quiet { (title) } }
                                }
                                td { (titles(survey, groups)) } td { (shown(survey, groups)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn titles(survey: &Survey, groups: &[usize]) -> Markup {
    html! {
        ul {
            @for at in groups {
                @if let Some(group) = survey.groups.get(*at) {
                    li {
                        (severity(&group.severity)) " " a href={ "#" (anchor(*at)) } { (Wire(&group.title)) }
                        (zone_of(group)) span.quiet { ", " (concerned(group.open.len())) }
                    }
                }
            }
        }
    }
}

fn shown(survey: &Survey, groups: &[usize]) -> Markup {
    let all = || groups.iter().filter_map(|at| survey.groups.get(*at)).flat_map(|group| group.open.iter().copied());
    let mut some: BTreeSet<u32> = BTreeSet::new();
    let cut = all().any(|at| {
        some.insert(at);
        some.len() > DEVICES_OF_CONTROL_MAX
    });
    html! {
        @for (number, at) in some.iter().take(DEVICES_OF_CONTROL_MAX).enumerate() { @if number > 0 { ", " } (link_only(survey, *at)) }
        @if cut { ", and more: see the findings" }
    }
}

fn link_only(survey: &Survey, at: u32) -> Markup {
    html! { @if let Some(entry) = survey.entry(at) { a href={ "#w" (entry.number) } { (Wire(entry.label())) } } }
}
