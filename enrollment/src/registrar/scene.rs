//! An inventory document, made ready to be asked about many identities.

use inventory::document::{Certificate, Device, Document, SourceRecord};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

/// Where a device is: its site and segment.
type Place<'d> = (&'d str, &'d str);

/// Where a source listens: site, name and tap. A port that is captured again, or in another month, is another source of the same ear.
type Ear<'d> = (&'d str, &'d str, Option<&'d str>);

/// From when to when, seconds since 1970 (packet time).
type Span = (i64, i64);

/// See the module.
pub(super) struct Scene<'d> {
    pub(super) document: &'d Document,
    /// The time of the last packet, seconds since 1970.
    pub(super) as_of: Option<i64>,
    certificates: HashMap<&'d str, &'d Certificate>,
    places: HashMap<&'d str, usize>,
    /// Ears by which a device of a place that has a name was heard: they cover it.
    covered: HashMap<Place<'d>, BTreeSet<Ear<'d>>>,
    /// By the sources' keys.
    ears: HashMap<&'d str, Ear<'d>>,
    /// When an ear heard packets.
    heard: HashMap<Ear<'d>, Vec<Span>>,
    spans: RefCell<HashMap<Place<'d>, Vec<Span>>>,
}

impl<'d> Scene<'d> {
    pub(super) fn of(document: &'d Document) -> Self {
        let mut places = HashMap::new();
        let ear = |source: &'d SourceRecord| (source.site.as_str(), source.name.as_str(), source.tap.as_deref());
        let ears: HashMap<&str, Ear<'d>> = document.sources.iter().map(|source| (source.key.as_str(), ear(source))).collect();
        let mut heard: HashMap<Ear<'d>, Vec<Span>> = HashMap::new();
        for source in &document.sources {
            heard.entry(ear(source)).or_default().extend(time(&source.first_seen).zip(time(&source.last_seen)));
        }
        let mut covered: HashMap<Place<'d>, BTreeSet<Ear<'d>>> = HashMap::new();
        for (at, device) in document.devices.iter().enumerate() {
            places.insert(device.id.as_str(), at);
            for segment in &device.segments {
                covered.entry((device.site.as_str(), segment.as_str())).or_default().extend(ears_of(device, &ears));
            }
        }
        for (at, device) in document.devices.iter().enumerate() {
            for alias in &device.aliases {
                places.entry(alias.as_str()).or_insert(at);
            }
        }
        Self {
            document,
            as_of: time(&document.as_of),
            certificates: document.certificates.iter().map(|one| (one.sha256.as_str(), one)).collect(),
            places,
            covered,
            ears,
            heard,
            spans: RefCell::default(),
        }
    }

    /// A certificate that was presented.
    pub(super) fn certificate(&self, sha256: &str) -> Option<&'d Certificate> {
        self.certificates.get(sha256).copied()
    }

    /// Where in the document the device with an id or alias stands.
    pub(super) fn at(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(super) fn device(&self, at: usize) -> Option<&'d Device> {
        self.document.devices.get(at)
    }

    /// The devices that go by any of some keys.
    pub(super) fn devices_of(&self, keys: &[String]) -> Vec<usize> {
        keys.iter().filter_map(|key| self.at(key)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// When a device was last heard.
    pub(super) fn last_seen(&self, at: usize) -> Option<i64> {
        time(&self.device(at)?.last_seen)
    }

    /// When a device last presented a certificate.
    pub(super) fn presented(&self, at: usize, sha256: &str) -> Option<i64> {
        time(&self.device(at)?.identities.iter().find(|one| one.kind == "x509" && one.value == sha256)?.last_seen)
    }

    /// Secrets that a device was logged in to with: for what, and from when to when.
    pub(super) fn secrets(&self, at: usize) -> impl Iterator<Item = (&'d str, i64, i64)> {
        let all = self.device(at).map(|device| device.secrets.as_slice()).unwrap_or_default();
        all.iter().filter_map(|one| Some((one.used.as_str(), time(&one.first_seen)?, time(&one.last_seen)?)))
    }

    /// Rule ids of a device's open findings.
    pub(super) fn findings(&self, at: usize) -> impl Iterator<Item = &'d str> {
        let all = self.device(at).map(|device| device.findings.as_slice()).unwrap_or_default();
        all.iter().filter(|one| one.status == "open" && one.suppressed.is_none()).map(|one| &*one.rule)
    }

    /// Seconds since then in which every segment of a device was watched, by the times of packets: a mirror that delivers nothing has none.
    /// Where segments have no names, only the ears that heard the device itself are known to cover it.
    pub(super) fn watched(&self, at: usize, since: i64) -> i64 {
        let Some(device) = self.device(at) else { return 0 };
        if device.segments.is_empty() {
            return seconds(&self.joined(&ears_of(device, &self.ears).collect()), since);
        }
        device.segments.iter().map(|segment| self.watched_at((device.site.as_str(), segment.as_str()), since)).min().unwrap_or(0)
    }

    fn watched_at(&self, place: Place<'d>, since: i64) -> i64 {
        let mut spans = self.spans.borrow_mut();
        let none = BTreeSet::new();
        seconds(spans.entry(place).or_insert_with(|| self.joined(self.covered.get(&place).unwrap_or(&none))), since)
    }

    fn joined(&self, ears: &BTreeSet<Ear<'d>>) -> Vec<Span> {
        joined(ears.iter().filter_map(|ear| self.heard.get(ear)).flatten().copied().collect())
    }
}

/// The ears that heard a device, as far as its attributes name their evidence.
fn ears_of<'d>(device: &'d Device, ears: &HashMap<&'d str, Ear<'d>>) -> impl Iterator<Item = Ear<'d>> {
    let sources = device.attributes.values().flat_map(|one| &one.evidence).map(|one| &*one.source);
    sources.filter_map(|key| ears.get(key).copied())
}

/// Seconds of some spans since then.
fn seconds(spans: &[Span], since: i64) -> i64 {
    spans.iter().map(|(from, to)| (to - (*from).max(since)).max(0)).sum()
}

/// Spans without overlap, in order.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut apart: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match apart.last_mut().filter(|last| from <= last.1) {
            Some(last) => last.1 = last.1.max(to),
            None => apart.push((from, to)),
        }
    }
    apart
}

/// An RFC 3339 time in seconds since 1970.
pub(super) fn time(text: &Option<String>) -> Option<i64> {
    Some(text.as_deref()?.parse::<jiff::Timestamp>().ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_two_sources_watched_counts_once_and_a_gap_not_at_all() {
        assert_eq!(joined(vec![(50, 60), (0, 10), (5, 20), (20, 30)]), [(0, 30), (50, 60)]);
    }
}
