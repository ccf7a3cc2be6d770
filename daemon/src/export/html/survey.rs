//! One pass over all devices: of each a few words, and every finding once, with those that show it.

use super::super::{Contents, attribute};
use super::wire::{rank, short};
use inventory::document::{Device, Document, Evidence, Finding, Remedy, Word};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// Characters kept of a device's name and address.
const LABEL_MAX: usize = 64;

/// Kinds of hints what would tell more; there are a handful.
const HINTS_MAX: usize = 64;

/// What is kept of one device.
pub(super) struct Entry {
    /// Its place in the document.
    pub(super) number: usize,
    pub(super) id: String,
    /// What people call it.
    pub(super) name: String,
    /// Its first address.
    pub(super) address: String,
    pub(super) class: String,
    pub(super) kind: String,
    pub(super) reach: String,
    pub(super) parent: Option<String>,
    part: Option<String>,
    ip: Option<IpAddr>,
    pub(super) exposure: u8,
    pub(super) managed: String,
    /// Open findings by severity, the gravest first.
    pub(super) open: [u32; 5],
    /// It has findings, or is not as a list of managed devices has it.
    pub(super) notable: bool,
}

/// A finding: of one rule and, where it concerns zones, one zone.
pub(super) struct Group {
    pub(super) rule: Word,
    pub(super) zone: Option<String>,
    pub(super) title: Word,
    pub(super) severity: Word,
    pub(super) observable_because: Option<Word>,
    pub(super) remedy: Remedy,
    pub(super) controls: BTreeMap<String, Vec<String>>,
    /// Devices with it open, by their place in [`Survey::entries`].
    pub(super) open: Vec<u32>,
    /// Devices where it is resolved or suppressed.
    pub(super) settled: Vec<u32>,
    /// Of a whole zone, or the site.
    pub(super) details: Vec<String>,
    pub(super) evidence: Vec<Evidence>,
    /// A finding of the site, which no device shows.
    pub(super) of_site: bool,
    /// Why it does not count, if it is suppressed.
    pub(super) suppressed: Option<String>,
}

/// See the module.
pub(super) struct Survey {
    pub(super) entries: Vec<Entry>,
    /// Places in `entries`, by address.
    pub(super) order: Vec<u32>,
    /// Findings, the gravest first.
    pub(super) groups: Vec<Group>,
    /// Places in `groups`.
    by_key: HashMap<Key, u32>,
    /// Places in `entries`, by id.
    by_id: HashMap<String, u32>,
    /// Hints what would tell more, with the number of devices.
    pub(super) hints: BTreeMap<String, u64>,
    /// By certificate: what is wrong with it, as places in `groups`.
    pub(super) wrong: Vec<BTreeSet<u32>>,
    /// Names of sources, by key.
    pub(super) sources: HashMap<String, String>,
}

/// What a group is looked up by.
type Key = (Word, Option<String>, Word);

/// A survey that is being made.
struct Surveyor<'d> {
    survey: Survey,
    /// Certificates by presenter.
    presented: HashMap<&'d str, Vec<u32>>,
    document: &'d Document,
}

impl Survey {
    /// Looks at every device once.
    pub(super) fn of(contents: &dyn Contents) -> Self {
        let document = contents.head();
        let mut presented: HashMap<&str, Vec<u32>> = HashMap::new();
        for (number, certificate) in (0..).zip(&document.certificates) {
            certificate.presented_by.iter().for_each(|device| presented.entry(device).or_default().push(number));
        }
        let survey = Self {
            entries: Vec::with_capacity(contents.devices()),
            order: Vec::new(),
            groups: Vec::new(),
            by_key: HashMap::new(),
            by_id: HashMap::new(),
            hints: BTreeMap::new(),
            wrong: vec![BTreeSet::new(); document.certificates.len()],
            sources: document.sources.iter().map(|source| (source.key.clone(), source.name.clone())).collect(),
        };
        let mut surveyor = Surveyor { survey, presented, document };
        for number in 0..contents.devices() {
            if let Some(device) = contents.device(number) {
                surveyor.see(number, &device);
            }
        }
        surveyor.done()
    }

    /// A device's place in [`Self::entries`].
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub(super) fn entry(&self, at: u32) -> Option<&Entry> {
        self.entries.get(at as usize)
    }

    /// Entries in the order of their addresses.
    pub(super) fn ordered(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.order.iter().filter_map(|at| Some((*at, self.entry(*at)?)))
    }

    /// The place of what a device's finding is one of.
    pub(super) fn group_of(&self, finding: &Finding) -> Option<usize> {
        self.by_key.get(&key(finding)).map(|at| *at as usize)
    }

    /// Findings that count, with their places.
    pub(super) fn open(&self) -> impl Iterator<Item = (usize, &Group)> {
        self.groups.iter().enumerate().filter(|(_, group)| group.is_open())
    }
}

impl Group {
    pub(super) fn is_open(&self) -> bool {
        self.suppressed.is_none() && (self.of_site || !self.open.is_empty())
    }
}

impl Entry {
    fn of(number: usize, device: &Device) -> Self {
        let ips = || device.ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok());
        let ip = ips().filter(IpAddr::is_ipv4).min().or_else(|| ips().min());
        let address = ip.map(|ip| ip.to_string()).or_else(|| device.macs.first().cloned()).or_else(|| device.ips.first().cloned());
        let mut open = [0; 5];
        for finding in device.findings.iter().filter(|finding| is_open(finding)) {
            if let Some(count) = open.get_mut(usize::from(rank(&finding.severity))) {
                *count += 1;
            }
        }
        Self {
            number,
            id: device.id.clone(),
            name: short(name(device), LABEL_MAX),
            address: short(&address.unwrap_or_default(), LABEL_MAX),
            class: short(&device.class, LABEL_MAX),
            kind: short(&device.kind, LABEL_MAX),
            reach: short(&device.reach, LABEL_MAX),
            parent: device.parent.clone(),
            part: device.part.as_deref().map(|part| short(part, LABEL_MAX)),
            ip,
            exposure: device.score.exposure.min(100),
            managed: short(&device.managed.state, LABEL_MAX),
            open,
            notable: !device.findings.is_empty() || is_not_as_listed(&device.managed.state),
        }
    }

    /// What it is called in links: name or address, and of a part what it is of its whole.
    pub(super) fn label(&self) -> String {
        let name = if self.name.is_empty() { &self.address } else { &self.name };
        match &self.part {
            Some(part) if self.parent.is_some() => format!("{name} {part}"),
            _ if name.is_empty() => short(&self.id, 13),
            _ => name.clone(),
        }
    }

    /// Whether it is ours, and more than an address.
    pub(super) fn is_ours(&self) -> bool {
        self.kind != "ghost" && self.reach != "external"
    }

    /// Whether it is of ours, and no part of another.
    pub(super) fn is_whole(&self) -> bool {
        self.is_ours() && self.kind != "component"
    }
}

impl Surveyor<'_> {
    fn see(&mut self, number: usize, device: &Device) {
        let at = self.survey.entries.len() as u32;
        self.survey.entries.push(Entry::of(number, device));
        self.survey.by_id.insert(device.id.clone(), at);
        for hint in device.would_tell_more.iter().filter(|_| device.kind != "ghost") {
            if self.survey.hints.len() < HINTS_MAX || self.survey.hints.contains_key(hint) {
                *self.survey.hints.entry(hint.clone()).or_default() += 1;
            }
        }
        for finding in &device.findings {
            let group = self.group(finding);
            let Some(seen) = self.survey.groups.get_mut(group as usize) else { continue };
            if is_open(finding) {
                seen.open.push(at);
            } else {
                seen.settled.push(at);
            }
            if finding.rule.starts_with("CRT-") {
                self.blame(device, finding, group);
            }
        }
    }

    /// Certificates that a finding names by their subjects.
    fn blame(&mut self, device: &Device, finding: &Finding, group: u32) {
        for number in self.presented.get(device.id.as_str()).into_iter().flatten() {
            let Some(certificate) = self.document.certificates.get(*number as usize) else { continue };
            let names = |detail: &String| detail.strip_prefix(&certificate.subject).is_some_and(|rest| rest.starts_with(": "));
            if finding.details.iter().any(names) {
                self.survey.wrong[*number as usize].insert(group);
            }
        }
    }

    fn group(&mut self, finding: &Finding) -> u32 {
        let key = key(finding);
        if let Some(group) = self.survey.by_key.get(&key) {
            return *group;
        }
        let number = self.survey.groups.len() as u32;
        self.survey.groups.push(Group {
            rule: finding.rule.clone(),
            zone: key.1.clone(),
            title: finding.title.clone(),
            severity: finding.severity.clone(),
            observable_because: finding.observable_because.clone(),
            remedy: finding.remedy.clone().into_owned(),
            controls: finding.controls.clone().into_owned(),
            open: Vec::new(),
            settled: Vec::new(),
            details: Vec::new(),
            evidence: Vec::new(),
            of_site: false,
            suppressed: None,
        });
        self.survey.by_key.insert(key, number);
        number
    }

    fn done(mut self) -> Survey {
        for finding in &self.document.findings {
            self.of_whole(finding);
        }
        let Self { mut survey, .. } = self;
        let entries = &survey.entries;
        survey.order = (0..entries.len() as u32).collect();
        survey.order.sort_by_key(|at| {
            let entry = &entries[*at as usize];
            (entry.ip.is_none(), entry.ip, &entry.address, &entry.id)
        });
        sort(&mut survey);
        survey
    }

    /// A finding of a zone, or of the site.
    fn of_whole(&mut self, finding: &Finding) {
        let group = self.group(finding);
        let Some(group) = self.survey.groups.get_mut(group as usize) else { return };
        group.details.extend(finding.details.iter().cloned());
        group.evidence.extend(finding.evidence.iter().cloned());
        group.of_site |= finding.devices.is_empty() && group.open.is_empty() && group.settled.is_empty();
        group.suppressed = group.suppressed.take().or_else(|| finding.suppressed.clone());
        if group.open.is_empty() && group.settled.is_empty() {
            let known = |id: &String| self.survey.by_id.get(id).copied();
            group.open.extend(finding.devices.iter().filter_map(known));
        }
    }
}

/// The gravest first, then what concerns most devices; what points at them follows.
fn sort(survey: &mut Survey) {
    let mut order: Vec<u32> = (0..survey.groups.len() as u32).collect();
    order.sort_by_key(|at| {
        let group = &survey.groups[*at as usize];
        (!group.is_open(), rank(&group.severity), Reverse(group.open.len()), group.rule.clone(), group.zone.clone())
    });
    let mut places = vec![0u32; order.len()];
    (0u32..).zip(&order).for_each(|(new, old)| places[*old as usize] = new);
    let mut groups: Vec<Option<Group>> = std::mem::take(&mut survey.groups).into_iter().map(Some).collect();
    survey.groups = order.iter().filter_map(|old| groups[*old as usize].take()).collect();
    survey.by_key.values_mut().for_each(|at| *at = places[*at as usize]);
    for wrong in &mut survey.wrong {
        *wrong = wrong.iter().filter_map(|old| places.get(*old as usize).copied()).collect();
    }
}

fn key(finding: &Finding) -> Key {
    (finding.rule.clone(), finding.zone.clone().filter(|_| finding.scope != "device"), finding.severity.clone())
}

/// A finding that counts.
pub(super) fn is_open(finding: &Finding) -> bool {
    finding.status == "open" && finding.suppressed.is_none()
}

/// A state that a list of managed devices gives and that asks for something to be done.
pub(super) fn is_not_as_listed(state: &str) -> bool {
    matches!(state, "unmanaged" | "conflict" | "retired")
}

/// What people call a device.
pub(super) fn name(device: &Device) -> &str {
    let names = ["station_name", "friendly_name", "application"].into_iter().map(|name| attribute(device, name));
    device.hostnames.first().map(String::as_str).into_iter().chain(names).find(|name| !name.is_empty()).unwrap_or_default()
}
