//! What was known, held against the document of now: a function without a clock, a file or a network.
//!
//! Times of packets say what came after what; they never say how long ago something was. How long is counted in seconds of watching: wall
//! time between rounds, bounded, and only where the mirror was alive. So a clock that jumps makes nobody silent.

use super::baseline;
use super::event::Event;
use super::kind::{Kind, Severity};
use super::known::{ADDRESSES_MAX, DEVICES_MAX, Known, KnownDevice};
use super::mirror::Watch;
use inventory::Document;
use inventory::document::{AttributeRecord, Device, Finding};
use inventory::judge::catalogue::Catalogue;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Attributes of which a change is an event, and which kind.
const WATCHED: &[(&str, Kind)] = &[
    ("firmware", Kind::Firmware),
    ("software", Kind::Firmware),
    ("os", Kind::Firmware),
    ("vendor", Kind::Identity),
    ("model", Kind::Identity),
    ("order_number", Kind::Identity),
    ("hardware", Kind::Identity),
    ("serial", Kind::Identity),
];

/// Rounds in which a device was heard before its silence says anything.
const HEARD_MIN: u32 = 10;

/// A device is silent after this many times the longest pause that it made before.
const PAUSES: u64 = 4;

/// What an operator set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Seconds of watching from which is learnt.
    pub learn: u64,
    /// Seconds of watching after which a device is silent at the earliest.
    pub silent_after: u64,
    /// By how many times polling must differ from what was learnt.
    pub factor: u32,
    /// Whether conversations in every protocol count, not only in those of the process.
    pub all_protocols: bool,
}

/// One round: what is read by all its parts.
pub(super) struct Round<'r> {
    pub(super) document: &'r Document,
    pub(super) watch: &'r Watch,
    pub(super) rules: &'r Rules,
    /// Nothing was known: all is taken as it is.
    pub(super) first: bool,
    /// Other rules or data made this document: what was there before is taken as it is.
    pub(super) refreshed: bool,
    /// What is usual has been learnt.
    pub(super) settled: bool,
    /// Packet time of the document before.
    pub(super) before: Option<String>,
    /// Known ids of this document's devices, by the document's.
    pub(super) keys: HashMap<&'r str, String>,
    /// Devices of this document that were not known, by known ids.
    pub(super) new: HashSet<String>,
    pub(super) events: Vec<Event>,
}

impl Round<'_> {
    /// Whether something that is not known, and was first seen then, is new, and not only told otherwise.
    pub(super) fn is_news(&self, first_seen: Option<&String>) -> bool {
        !self.first && (!self.refreshed || first_seen > self.before.as_ref())
    }
}

/// Holds the document against what was known; what is known now, and what happened.
#[must_use]
pub fn compare(mut known: Known, document: &Document, watch: &Watch, rules: &Rules) -> (Known, Vec<Event>) {
    let made = &document.producer;
    let producer = vec![made.version.clone(), made.rules.clone(), made.data.clone(), made.config.clone()];
    let mut round = Round {
        document,
        watch,
        rules,
        first: !known.whole.begun,
        refreshed: known.whole.begun && known.whole.producer != producer,
        settled: known.whole.settled,
        before: known.whole.as_of.clone(),
        keys: HashMap::new(),
        new: HashSet::new(),
        events: Vec::new(),
    };
    if round.refreshed {
        let text = format!("version, rules, data and catalogue were {} and are {}", known.whole.producer.join(" "), producer.join(" "));
        round.events.push(Event::of_all(Kind::Knowledge, text, "what differs because of that alone is taken over"));
    }
    round.devices(&mut known);
    round.site_findings(&mut known);
    baseline::talks(&mut round, &mut known);
    round.limit_devices(&mut known);
    known.whole.begun = true;
    known.whole.producer = producer;
    known.whole.as_of = known.whole.as_of.max(document.as_of.clone());
    baseline::learn(&mut round, &mut known);
    (known, round.events)
}

/// Who is who: ids of what was known and of the document, and who used which address.
struct Index<'r> {
    /// Known keys, by every id.
    known: HashMap<String, String>,
    /// The document's device that has an id.
    owners: HashMap<&'r str, &'r str>,
    /// Known keys, by `site segment address`.
    holders: HashMap<String, Vec<String>>,
    /// Devices of the process, by the document's ids.
    process: HashSet<&'r str>,
    /// Addresses that are no single device's.
    shared: HashSet<&'r str>,
}

/// A device of the document, and as which known one it goes.
struct One<'r> {
    device: &'r Device,
    key: String,
    /// It comes and goes by its nature.
    fleeting: bool,
}

impl<'r> Index<'r> {
    fn of(known: &Known, document: &'r Document) -> Self {
        let mut ids_of = HashMap::new();
        let mut holders = HashMap::<String, Vec<String>>::new();
        for (key, device) in &known.devices {
            ids_of.extend(device.ids.iter().map(|id| (id.clone(), key.clone())));
            for address in &device.addresses {
                holders.entry(format!("{} {address}", device.site)).or_default().push(key.clone());
            }
        }
        let mut owners = HashMap::new();
        for device in document.devices.iter().filter(|device| device.kind != "ghost") {
            for id in ids(device) {
                owners.entry(id).or_insert(device.id.as_str());
            }
        }
        let catalogue = Catalogue::built_in();
        let talks = document.conversations.iter().filter(|talk| catalogue.is_of_process(&talk.protocol));
        let process = talks.flat_map(|talk| [&talk.client.device, &talk.server.device]).flatten().map(String::as_str).collect();
        let shared = document.coverage.virtual_addresses.iter().chain(&document.coverage.overlapping_addresses).map(String::as_str).collect();
        Self { known: ids_of, owners, holders, process, shared }
    }

    /// The known devices that share an id with one, and which of them it is: the one whose first id it has, or that nobody else has.
    fn olds(&self, device: &Device, taken: &HashSet<String>) -> (BTreeSet<String>, Option<String>) {
        let olds: BTreeSet<String> = ids(device).filter_map(|id| self.known.get(id)).cloned().collect();
        let is_its = |key: &&String| match self.owners.get(key.as_str()) {
            Some(owner) => *owner == device.id,
            None => !taken.contains(*key),
        };
        let own = olds.get(&device.id).filter(is_its).or_else(|| olds.iter().find(is_its)).cloned();
        (olds, own)
    }
}

impl<'r> Round<'r> {
    fn devices(&mut self, known: &mut Known) {
        let index = Index::of(known, self.document);
        let (mut merged, mut taken) = (BTreeMap::new(), HashSet::new());
        for device in self.document.devices.iter().filter(|device| device.kind != "ghost") {
            let (olds, own) = index.olds(device, &taken);
            let fleeting = device.reach == "external" || (is_by_chosen_address(device) && !index.process.contains(device.id.as_str()));
            let one = One { device, key: own.clone().unwrap_or_else(|| device.id.clone()), fleeting };
            taken.insert(one.key.clone());
            let mut now = take(device, &one.key);
            let old = own.as_ref().and_then(|own| known.devices.get(own)).cloned();
            match &old {
                Some(old) => {
                    self.attributes(old, &mut now, &one);
                    self.findings(old, &mut now, &one);
                    self.silence(old, &mut now, &one);
                }
                // What was one device and is now two was known.
                None if !olds.is_empty() => {}
                None => self.newcomer(&now, &one),
            }
            // What was one device and is now two used its addresses as one.
            let split = olds.iter().filter(|_| own.is_none()).filter_map(|key| known.devices.get(key));
            let before: BTreeSet<String> = split.flat_map(|old| old.addresses.iter().cloned()).collect();
            let whole = own.is_some();
            for other in olds.into_iter().filter(|other| *other != one.key && whole) {
                // Another device of this document may still be that one.
                if index.owners.get(other.as_str()).is_none_or(|owner| *owner == device.id)
                    && let Some(old) = known.devices.remove(&other)
                {
                    now.ids.extend(old.ids);
                    now.addresses.extend(old.addresses);
                    merged.insert(other, one.key.clone());
                }
            }
            if let Some(old) = old {
                now.ids.extend(old.ids);
                let room = ADDRESSES_MAX.saturating_sub(now.addresses.len());
                self.addresses(&index, &old.addresses, &now, &one, &merged);
                now.addresses.extend(old.addresses.into_iter().take(room));
            } else {
                self.addresses(&index, &before, &now, &one, &merged);
            }
            self.keys.insert(&device.id, one.key.clone());
            known.devices.insert(one.key, now);
        }
        baseline::rename(known, &merged);
    }

    fn newcomer(&mut self, now: &KnownDevice, one: &One<'_>) {
        self.new.insert(one.key.clone());
        if one.fleeting || !self.settled || !self.is_news(one.device.first_seen.as_ref()) {
            return;
        }
        let open = one.device.findings.iter().filter(|finding| finding.status == "open").count();
        let text = format!("{} is new; {open} findings", now.subject);
        let reason = "none of its keys was seen while it was learnt what is usual, or since";
        self.tell(Kind::NewDevice, &one.key, now, text, reason, one.device.first_seen.clone());
    }

    fn tell(&mut self, kind: Kind, key: &str, now: &KnownDevice, text: String, reason: impl Into<String>, seen: Option<String>) {
        self.events.push(Event {
            site: now.site.clone(),
            segment: now.segments.first().cloned().unwrap_or_default(),
            device: Some(key.to_owned()),
            class: now.class.clone(),
            subject: now.subject.clone(),
            seen,
            ..Event::of_all(kind, text, reason)
        });
    }

    /// A value that changed is one that the document shows as an earlier one: another opinion of the same wire is no event.
    fn attributes(&mut self, old: &KnownDevice, now: &mut KnownDevice, one: &One<'_>) {
        let One { device, key, .. } = one;
        for (name, kind) in WATCHED {
            let Some(record) = device.attributes.get(*name) else {
                // What was known stays known, whichever source it was in.
                now.attributes.extend(old.attributes.get_key_value(*name).map(|(name, value)| (name.clone(), value.clone())));
                continue;
            };
            if let Some(before) = old.attributes.get(*name).filter(|before| **before != record.value) {
                let told = record.evidence.first().and_then(|evidence| evidence.time.as_ref());
                if let Some(last) = earlier(record, before).filter(|_| self.is_news(told)) {
                    let text = format!("{}: {name} was {before} and is {}", now.subject, record.value);
                    let reason = format!("{before} was last told {}, {} since", last.map_or("earlier", String::as_str), record.value);
                    self.tell(*kind, key, now, text, reason, self.document.as_of.clone());
                }
            }
            if record.conflict && !old.conflicts.contains(*name) && !self.refreshed {
                let text = format!("{}: two values of {name}, which cannot change: {} and {}", now.subject, record.value, others(record));
                self.tell(Kind::Identity, key, now, text, "the same protocol told both", self.document.as_of.clone());
            }
        }
    }

    fn findings(&mut self, old: &KnownDevice, now: &mut KnownDevice, one: &One<'_>) {
        for (rule, status) in now.findings.clone() {
            let Some(finding) = one.device.findings.iter().find(|finding| finding.rule == rule && standing(finding) == status) else { continue };
            let before = old.findings.get(&rule).map(String::as_str);
            let name = now.subject.clone();
            if let Some(event) = self.finding(before, &status, finding, &name) {
                self.events.push(Event {
                    site: now.site.clone(),
                    segment: now.segments.first().cloned().unwrap_or_default(),
                    device: Some(one.key.clone()),
                    class: now.class.clone(),
                    subject: name,
                    ..event
                });
            }
        }
        // A finding that a document no longer shows was not mended: it was forgotten, or is judged otherwise.
        let gone = old.findings.iter().filter(|_| !self.refreshed);
        let gone: Vec<_> = gone.filter(|(rule, _)| !now.findings.contains_key(*rule)).map(|(rule, status)| (rule.clone(), status.clone())).collect();
        now.findings.extend(gone);
    }

    fn finding(&self, before: Option<&str>, status: &str, finding: &Finding, of: &str) -> Option<Event> {
        let what = format!("{of}: {} {}", finding.rule, finding.title);
        match (before, status) {
            (None | Some("resolved"), "open") if self.is_news(finding.first_seen.as_ref()) => Some(Event {
                severity: gravity(&finding.severity),
                seen: finding.first_seen.clone(),
                ..Event::of_all(Kind::FindingOpened, what, format!("severity {}; seen {} times", finding.severity, finding.count))
            }),
            (Some("open"), "resolved") if !self.refreshed => Some(Event {
                seen: finding.resolved_since.clone(),
                ..Event::of_all(Kind::FindingResolved, what, "it was seen to be mended after it was last seen")
            }),
            _ => None,
        }
    }

    fn site_findings(&mut self, known: &mut Known) {
        for finding in &self.document.findings {
            let zone = finding.zone.clone().unwrap_or_default();
            let key = format!("{} {} {zone}", finding.rule, finding.scope);
            let status = standing(finding);
            let before = known.whole.findings.insert(key, status.to_owned());
            let of = if zone.is_empty() { "the site".to_owned() } else { format!("zone {zone}") };
            let event = self.finding(before.as_deref(), status, finding, &of);
            self.events.extend(event);
        }
    }

    fn silence(&mut self, old: &KnownDevice, now: &mut KnownDevice, one: &One<'_>) {
        let One { device, key, fleeting } = one;
        let heard = now.last_seen > old.last_seen || now.packets > old.packets;
        (now.heard, now.longest, now.silent, now.quiet) = (old.heard, old.longest, old.silent, old.quiet);
        now.last_seen = now.last_seen.take().max(old.last_seen.clone());
        if heard {
            if old.silent {
                let text = format!("{} speaks again after {} of silence", now.subject, span(old.quiet));
                self.tell(Kind::CameBack, key, now, text, "its silence was told", device.last_seen.clone());
            }
            (now.heard, now.longest, now.silent, now.quiet) = (old.heard.saturating_add(1), old.longest.max(old.quiet), false, 0);
            return;
        }
        if self.watch.is_blind(&now.site, &now.segments) {
            return;
        }
        now.quiet = old.quiet.saturating_add(self.watch.seconds);
        let limit = self.rules.silent_after.max(PAUSES.saturating_mul(old.longest));
        let speaks = device.kind != "component" && device.reach == "local" && !*fleeting && old.heard >= HEARD_MIN;
        if self.settled && speaks && !old.silent && now.quiet >= limit {
            now.silent = true;
            let text = format!("{} was not heard for {}", now.subject, span(now.quiet));
            let reason = format!("its longest pause was {}, the limit is {}; the mirror was alive meanwhile", span(old.longest), span(limit));
            self.tell(Kind::Silent, key, now, text, reason, device.last_seen.clone());
        }
    }

    /// `before` are the addresses that it was known by.
    fn addresses(&mut self, index: &Index<'_>, before: &BTreeSet<String>, now: &KnownDevice, one: &One<'_>, merged: &BTreeMap<String, String>) {
        for binding in one.device.bindings.iter().filter(|binding| binding.kind == "ip" && !index.shared.contains(binding.value.as_str())) {
            let address = format!("{} {}", binding.segment, binding.value);
            if before.contains(&address) || !self.is_news(binding.first_seen.as_ref()) {
                continue;
            }
            let holders = index.holders.get(&format!("{} {address}", now.site)).map_or(&[][..], Vec::as_slice);
            // Whom it was joined with is no other.
            let other = holders.iter().find(|holder| **holder != one.key && merged.get(*holder) != Some(&one.key));
            if let Some(other) = other {
                let text = format!("{} was used by device {other} and is by {}", binding.value, now.subject);
                self.tell(Kind::AddressMoved, &one.key, now, text, "one address, first one device, then another", binding.first_seen.clone());
            }
        }
    }

    /// Forgets the devices that were not heard for longest.
    fn limit_devices(&mut self, known: &mut Known) {
        let over = known.devices.len().saturating_sub(DEVICES_MAX);
        if over == 0 {
            return;
        }
        let mut by_age: Vec<(Option<String>, String)> = known.devices.iter().map(|(key, one)| (one.last_seen.clone(), key.clone())).collect();
        by_age.sort_unstable();
        by_age.into_iter().take(over).for_each(|(_, key)| drop(known.devices.remove(&key)));
        self.limit(known, "devices", DEVICES_MAX);
    }

    /// Tells once that a limit was hit.
    pub(super) fn limit(&mut self, known: &mut Known, what: &str, most: usize) {
        if known.whole.limits.insert(what.to_owned()) {
            let text = format!("more than {most} {what}: those beyond are not kept in mind");
            self.events.push(Event::of_all(Kind::Limit, text, "memory is bounded"));
        }
    }
}

fn ids(device: &Device) -> impl Iterator<Item = &str> {
    std::iter::once(&device.id).chain(&device.aliases).map(String::as_str)
}

/// What a document says of a device, as it is kept.
fn take(device: &Device, key: &str) -> KnownDevice {
    let watched = |name: &&(&str, Kind)| device.attributes.get(name.0).map(|record| (name.0.to_owned(), record.value.clone()));
    let conflicts = WATCHED.iter().filter(|(name, _)| device.attributes.get(*name).is_some_and(|record| record.conflict));
    let addresses = device.bindings.iter().filter(|binding| binding.kind == "ip").take(ADDRESSES_MAX);
    let mut findings = BTreeMap::new();
    for finding in &device.findings {
        let status = standing(finding);
        let known = findings.entry(finding.rule.to_string()).or_insert_with(|| status.to_owned());
        if status == "open" {
            "open".clone_into(known);
        }
    }
    KnownDevice {
        ids: ids(device).map(str::to_owned).chain([key.to_owned()]).collect(),
        site: device.site.clone(),
        segments: device.segments.clone(),
        class: device.class.clone(),
        subject: subject(device),
        attributes: WATCHED.iter().filter_map(|one| watched(&one)).collect(),
        conflicts: conflicts.map(|(name, _)| (*name).to_owned()).collect(),
        addresses: addresses.map(|binding| format!("{} {}", binding.segment, binding.value)).collect(),
        findings,
        last_seen: device.last_seen.clone(),
        packets: device.sent.packets,
        heard: 1,
        ..KnownDevice::default()
    }
}

/// A suppressed finding is neither opened nor mended.
fn standing(finding: &Finding) -> &str {
    if finding.suppressed.is_some() { "suppressed" } else { &finding.status }
}

/// A device in a few words.
fn subject(device: &Device) -> String {
    let attribute = |name: &str| device.attributes.get(name).map(|record| record.value.as_str());
    let words = [
        device.ips.iter().find(|ip| !ip.starts_with("fe80:")).or(device.ips.first()).map(String::as_str),
        device.macs.first().map(String::as_str),
        device.hostnames.first().map(String::as_str),
        attribute("vendor"),
        attribute("model").or_else(|| attribute("order_number")),
        device.part.as_deref(),
    ];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    if words.is_empty() { format!("device {}", device.id) } else { words.join(" ") }
}

/// When an earlier value was last told; `None` if the document does not show it as an earlier one.
fn earlier<'a>(record: &'a AttributeRecord, value: &str) -> Option<Option<&'a String>> {
    record.history.iter().find(|one| one.value == value).map(|one| one.last_seen.as_ref())
}

fn others(record: &AttributeRecord) -> String {
    record.rivals.iter().map(|rival| rival.value.as_str()).collect::<Vec<_>>().join(", ")
}

/// Who goes by addresses that software chose comes anew every day (IEEE 802, section 8.4: the U/L bit).
fn is_by_chosen_address(device: &Device) -> bool {
    let local = |mac: &String| mac.get(..2).and_then(|octet| u8::from_str_radix(octet, 16).ok()).is_some_and(|octet| octet & 2 != 0);
    !device.macs.is_empty() && device.macs.iter().all(local)
}

fn gravity(severity: &str) -> Severity {
    match severity {
        "critical" | "high" => Severity::Warning,
        "medium" => Severity::Notice,
        _ => Severity::Informational,
    }
}

/// Seconds, for people.
#[must_use]
pub fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
