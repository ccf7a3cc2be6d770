//! Hits to the document's findings, and the exposure score.

use super::catalogue::{Catalogue, Rule, Scope, Severity};
use super::policy::Policy;
use super::zone::Zone;
use super::{Bench, Judged, Mark, Note, Shown};
use crate::assemble::{Members, Talk, Traffic, View, time};
use crate::document::{Evidence, Finding, Score, Span as DocumentSpan};
use crate::gather::{Span, Told, wider};
use observations::{Field, Kind, Statement, Subject, ValueRef};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Quotations shown for one finding.
const EVIDENCE_MAX: usize = 4;

/// Lines of detail shown for one finding.
const DETAILS_MAX: usize = 8;

/// What an open finding adds to the exposure, by severity: five high ones, or two critical ones, fill the scale.
const POINTS: [u32; 5] = [0, 3, 8, 20, 50];

/// What shows a finding, collected.
#[derive(Default)]
pub(super) struct Case {
    pub(super) count: u64,
    span: Option<Span>,
    evidence: Vec<Evidence>,
    details: Vec<String>,
    more: usize,
    /// Log-ins that were counted: with tags there are as many as without.
    log_ins: BTreeSet<(Subject, Subject, String)>,
}

impl Case {
    pub(super) fn see(&mut self, count: u64, span: Option<Span>) {
        self.count = self.count.saturating_add(count);
        self.span = self.span.into_iter().chain(span).reduce(wider);
    }

    pub(super) fn tell(&mut self, detail: String) {
        if self.details.contains(&detail) {
            return;
        }
        if self.details.len() < DETAILS_MAX { self.details.push(detail) } else { self.more += 1 }
    }

    pub(super) fn show(&mut self, evidence: Option<Evidence>) {
        self.evidence.extend(evidence.filter(|_| self.evidence.len() < EVIDENCE_MAX));
    }

    /// Where a statement stands; of what follows from its presence alone, the packet.
    fn quote(&mut self, view: &View<'_>, told: &Told<'_>, field: Option<usize>) {
        let mut evidence = view.evidence(told, field);
        if let Some(evidence) = evidence.as_mut().filter(|evidence| evidence.spans.is_empty()) {
            evidence.spans.push(DocumentSpan { packet: told.entry.first.number(), ..DocumentSpan::default() });
        }
        self.show(evidence);
    }
}

impl Judged {
    /// Whether anything was found of a component.
    pub(crate) fn any(&self, component: usize) -> bool {
        !self.hits.get(component).is_empty()
    }

    /// A component's findings, the gravest first.
    pub(crate) fn findings(&self, basis: &Basis<'_, '_>, component: usize, zone: &Zone) -> Vec<Finding> {
        let view = basis.view;
        let mut all = Vec::new();
        for of_rule in self.hits.get(component).chunk_by(|a, b| a.0 == b.0) {
            let Some(rule) = Catalogue::built_in().rule(of_rule[0].0).filter(|_| self.left_out.lists(component, of_rule[0].0)) else { continue };
            let mut case = Case::default();
            of_rule.iter().for_each(|(_, shown)| self.add(basis, rule, shown, &mut case));
            let mended = self.mended.get(&(component as u32, of_rule[0].0)).copied();
            let id = match rule.scope {
                Scope::Device => self.id(view, component, rule),
                Scope::Zone | Scope::Site => zone_id(view, component, rule, &zone.name),
            };
            let suppressed = view.suppressed(component, &rule.id, &zone.name);
            all.push(Finding { suppressed, ..finding(rule, view.policy(), id, Some(zone), mended, case) });
        }
        sort(&mut all);
        all
    }

    /// Findings of zones and of the site, each once, with the devices that show it.
    pub(crate) fn of_zones(&self, bench: &Bench<'_, '_>) -> Vec<Finding> {
        let catalogue = Catalogue::built_in();
        let basis = Basis { view: bench.view, members: bench.members, traffic: bench.traffic };
        let mut zones: BTreeMap<(u16, Uuid), (Zone, Case, Vec<String>)> = BTreeMap::new();
        for component in 0..bench.view.resolved.components.len() {
            if !self.any(component) {
                continue;
            }
            let zone = bench.view.zone(component, bench.policy);
            for of_rule in self.hits.get(component).chunk_by(|a, b| a.0 == b.0) {
                let Some(rule) = catalogue.rule(of_rule[0].0).filter(|rule| rule.scope == Scope::Zone) else { continue };
                let id = zone_id(bench.view, component, rule, &zone.name);
                let (_, case, devices) = zones.entry((of_rule[0].0, id)).or_insert_with(|| (zone.clone(), Case::default(), Vec::new()));
                of_rule.iter().for_each(|(_, shown)| self.add(&basis, rule, shown, case));
                devices.extend(bench.view.id(component));
            }
        }
        let mut all = Vec::new();
        for ((rule, id), (zone, case, mut devices)) in zones {
            let Some(rule) = catalogue.rule(rule) else { continue };
            devices.sort();
            let suppressed = bench.view.suppression(&format!("zone:{}", zone.name), &rule.id);
            all.push(Finding { devices, suppressed, ..finding(rule, bench.policy, id, Some(&zone), None, case) });
        }
        for (number, note) in &self.of_site {
            let Some(rule) = catalogue.rule(*number) else { continue };
            let mut case = Case::default();
            note.add(&basis, &mut case);
            let id = Uuid::new_v5(&bench.view.namespace(0), format!("finding:{}:{}", rule.id, note.text).as_bytes());
            all.push(finding(rule, bench.policy, id, None, None, case));
        }
        sort(&mut all);
        all
    }

    fn id(&self, view: &View<'_>, component: usize, rule: &Rule) -> Uuid {
        Self::id_of(view, component, &view.id(component).unwrap_or_default(), rule)
    }

    /// The id of a finding of a device, or of a part of a component.
    pub(super) fn id_of(view: &View<'_>, component: usize, device: &str, rule: &Rule) -> Uuid {
        Uuid::new_v5(&view.namespace(view.site_of(component)), format!("finding:{}:{device}", rule.id).as_bytes())
    }

    fn add(&self, basis: &Basis<'_, '_>, rule: &Rule, shown: &Shown, case: &mut Case) {
        let view = basis.view;
        match *shown {
            Shown::Said(mark) => {
                let Some(told) = view.facts.told(mark.at) else { return };
                let field = Catalogue::built_in().condition(mark.condition).and_then(|condition| condition.shows(&told.said));
                let again = told.said.kind == Kind::Credential && !case.log_ins.insert(log_in(&told.said));
                case.see(u64::from(!again), Some((told.entry.first.time, told.entry.last.time)));
                if again {
                    return;
                }
                if let Some(one) = field.and_then(|index| told.said.fields.get(index)) {
                    case.tell(format!("{} {}: {}", told.said.protocol, one.field.name(), fingerprints::text::safe(one.value)));
                }
                case.quote(view, &told, field);
            }
            Shown::Certificate(at, test) => {
                let Some((told, test)) = view.facts.told(at).zip(rule.certificates.get(usize::from(test))) else { return };
                let seen = super::Seen { first: told.entry.first.time, last: told.entry.last.time, as_of: view.as_of() };
                let field = test.fails(&told.said, seen).and_then(|field| told.said.fields.iter().position(|one| one.field == field));
                let subject = told.said.get(Field::CertificateSubject).map(|name| fingerprints::text::safe(name).into_owned());
                case.see(1, Some((seen.first, seen.last)));
                if let Some(one) = field.and_then(|index| told.said.fields.get(index)) {
                    case.tell(format!("{}: {} {}", subject.unwrap_or_default(), one.field.name(), plain(one.value)));
                }
                case.quote(view, &told, field);
            }
            Shown::Talk(number, place) => add_talk(basis, number, place, case),
            Shown::Note(number) => {
                if let Some(note) = self.notes.get(number as usize) {
                    note.add(basis, case);
                }
            }
        }
    }
}

/// A conversation: what was asked in it, by whom, and the packets that asked first.
fn add_talk(basis: &Basis<'_, '_>, number: u32, place: u16, case: &mut Case) {
    let Some(talk) = basis.traffic.talk(number) else { return };
    let Some((_, talks)) = Catalogue::built_in().talks(talk.protocol).get(usize::from(place)) else { return };
    let operations = basis.traffic.operations(number as usize);
    let counted: Vec<_> = operations.iter().filter(|(name, uses)| talks.needs_operations() && talks.counts(name, uses.class)).collect();
    let count = if talks.needs_operations() { counted.iter().fold(0u64, |sum, (_, uses)| sum.saturating_add(uses.count)) } else { 1 };
    case.see(count, Some(talk.span));
    let what: Vec<String> = counted.iter().map(|(name, uses)| format!("{name} ({})", uses.count)).collect();
    let what = if what.is_empty() { String::new() } else { format!(": {}", what.join(", ")) };
    case.tell(format!("{} → {} {} {}/{}{what}", talk.client_address, talk.server_address, talk.protocol, talk.transport.name(), talk.port));
    let mut quoted = false;
    for told in basis.asked(&talk, |name| counted.iter().any(|(counted, _)| *counted == name)) {
        case.quote(basis.view, &told, Some(0));
        quoted = true;
    }
    if !quoted {
        // The conversation's first packet: what was asked in it is counted, not quoted.
        case.show(Some(basis.view.packet(talk.source, talk.protocol, talk.first)));
    }
}

/// What findings are told from.
pub(crate) struct Basis<'v, 'a> {
    pub(crate) view: &'v View<'a>,
    pub(crate) members: &'v Members,
    pub(crate) traffic: &'v Traffic<'v>,
}

impl<'a> Basis<'_, 'a> {
    /// Statements that something was asked of a conversation's server, by its client, of those operations that are wanted.
    fn asked(&self, talk: &Talk<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Told<'a>> {
        let marks = talk.server.map_or(&[][..], |server| self.members.marks(server));
        let told = marks.iter().filter(|mark| mark.condition == Mark::OPERATION).filter_map(|mark| self.view.facts.told(mark.at));
        let by_client = |told: &Told<'_>| match (told.said.speaker.ip, told.said.speaker.mac) {
            (Some(ip), _) => talk.client_address == ip.to_string(),
            (None, Some(mac)) => talk.client_address == mac.to_string(),
            (None, None) => false,
        };
        let is_wanted = |told: &Told<'_>| told.said.get(Field::Operation).is_some_and(|name| wanted(&name.display()));
        told.filter(|told| is_wanted(told) && by_client(told)).take(EVIDENCE_MAX).collect()
    }
}

impl Note {
    fn add(&self, basis: &Basis<'_, '_>, case: &mut Case) {
        case.see(1, self.span);
        case.tell(self.text.clone());
        for told in self.at.iter().filter_map(|at| basis.view.facts.told(*at)) {
            let first = (!told.said.fields.is_empty()).then_some(0);
            case.quote(basis.view, &told, first);
        }
        let talk = self.talk.and_then(|number| basis.traffic.talk(number));
        case.show(talk.map(|talk| basis.view.packet(talk.source, talk.protocol, talk.first)));
    }
}

/// Who showed a secret to whom, and for what.
fn log_in(said: &Statement<'_>) -> (Subject, Subject, String) {
    let used = said.get(Field::SecretUse).map(|used| used.display().into_owned()).unwrap_or_default();
    (said.about.clone(), said.speaker.clone(), used)
}

/// A value for people: a time as a date.
fn plain(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Time(seconds) => seconds.checked_mul(1_000_000_000).and_then(time).unwrap_or_default(),
        value => fingerprints::text::safe(value).into_owned(),
    }
}

fn zone_id(view: &View<'_>, component: usize, rule: &Rule, zone: &str) -> Uuid {
    Uuid::new_v5(&view.namespace(view.site_of(component)), format!("finding:{}:zone {zone}", rule.id).as_bytes())
}

pub(super) fn finding(rule: &'static Rule, policy: &Policy, id: Uuid, zone: Option<&Zone>, mended: Option<i64>, case: Case) -> Finding {
    let overridden = policy.severities.get(&rule.id);
    // What is only suggested raises nothing to high: see `zone`.
    let suggested = rule.rests_on_zones && zone.is_some_and(|zone| !zone.declared) || rule.rests_on_stations && policy.engineering.is_empty();
    let severity = match overridden {
        Some((severity, _)) => *severity,
        None if suggested => rule.severity.min(Severity::Medium),
        None => rule.severity,
    };
    let mut details = case.details;
    if case.more > 0 {
        details.push(format!("… {} more", case.more));
    }
    details.extend(overridden.map(|(_, reason)| format!("severity set from {}: {reason}", rule.severity.name())));
    Finding {
        id: id.to_string(),
        rule: rule.id.as_str().into(),
        severity: severity.name().into(),
        status: if mended.is_some() { "resolved".into() } else { "open".into() },
        scope: rule.scope.name().into(),
        zone: zone.filter(|_| rule.scope == Scope::Zone).map(|zone| zone.name.clone()),
        title: rule.title.as_str().into(),
        count: case.count,
        first_seen: case.span.and_then(|span| time(span.0)),
        last_seen: case.span.and_then(|span| time(span.1)),
        resolved_since: mended.and_then(time),
        observable_because: rule.observable.as_deref().map(Cow::Borrowed),
        details,
        devices: Vec::new(),
        evidence: case.evidence,
        controls: Cow::Borrowed(&rule.controls),
        remedy: Cow::Borrowed(&rule.way_out),
        suppressed: None,
    }
}

/// The gravest first, then by rule.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (rank(b), &a.rule, &a.id).cmp(&(rank(a), &b.rule, &b.id)));
}

fn rank(finding: &Finding) -> Option<Severity> {
    Severity::from_name(&finding.severity)
}

/// The exposure of a device: points of its open findings, each named, at most 100. What reaches out to the internet, and what carries a
/// process, weighs half as much again; nothing else does.
pub(crate) fn score(findings: &[Finding], class: &str, outside: bool) -> Score {
    let mut because = Vec::new();
    let mut sum: u32 = 0;
    for finding in findings.iter().filter(|finding| finding.status == "open" && finding.suppressed.is_none()) {
        let points = rank(finding).and_then(|severity| POINTS.get(severity as usize)).copied().unwrap_or(0);
        if points > 0 {
            sum = sum.saturating_add(points);
            because.push(format!("+{points} {} {}: {}", finding.severity, finding.rule, finding.title));
        }
    }
    let mut weigh = |reason: &str| {
        let more = sum / 2;
        if more > 0 {
            sum = sum.saturating_add(more);
            because.push(format!("+{more} {reason}"));
        }
    };
    if matches!(class, "controller" | "field-device" | "medical") {
        weigh("it carries a process");
    }
    if outside {
        weigh("it is reached from the internet");
    }
    if sum > 100 {
        because.push("100 is the most".to_owned());
    }
    Score { exposure: u8::try_from(sum.min(100)).unwrap_or(100), because }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(rule: &'static str, severity: &'static str) -> Finding {
        Finding { rule: rule.into(), severity: severity.into(), status: "open".into(), title: "t".into(), ..Finding::default() }
    }

    #[test]
    fn every_point_of_the_score_is_named() {
        let findings = [open("A", "high"), open("B", "low"), open("C", "info"), Finding { status: "resolved".into(), ..open("D", "critical") }];
        let plain = score(&findings, "office", false);
        assert_eq!((plain.exposure, plain.because.len()), (23, 2));
        let plc = score(&findings, "controller", false);
        assert_eq!((plc.exposure, plc.because.last().map(String::as_str)), (34, Some("+11 it carries a process")));
        let named: u32 = plc.because.iter().filter_map(|line| line[1..].split(' ').next()?.parse::<u32>().ok()).sum();
        assert_eq!(named, u32::from(plc.exposure));
        assert_eq!(score(&[open("A", "critical"), open("B", "critical"), open("C", "high")], "office", false).exposure, 100);
    }

    #[test]
    fn the_gravest_finding_stands_first() {
        let mut findings = [open("A", "low"), open("B", "critical"), open("C", "critical")];
        sort(&mut findings);
        assert_eq!(findings.map(|finding| finding.rule), ["B", "C", "A"]);
    }
}
