//! An inventory document, made ready to be asked about many identities.

use inventory::document::{Certificate, Device, Document};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

/// Where a device is: its site and segment.
type Place<'d> = (&'d str, &'d str);

/// From when to when, seconds since 1970 (packet time).
type Span = (i64, i64);

/// See the module.
pub(super) struct Scene<'d> {
    pub(super) document: &'d Document,
    /// The time of the last packet, seconds since 1970.
    pub(super) as_of: Option<i64>,
    certificates: HashMap<&'d str, &'d Certificate>,
    places: HashMap<&'d str, usize>,
    /// Sources in which a device of the place was heard: they cover it.
    covered: HashMap<Place<'d>, BTreeSet<&'d str>>,
    sources: HashMap<&'d str, Span>,
    spans: RefCell<HashMap<Place<'d>, Vec<Span>>>,
}

impl<'d> Scene<'d> {
    pub(super) fn of(document: &'d Document) -> Self {
        let mut places = HashMap::new();
        let mut covered: HashMap<Place<'d>, BTreeSet<&'d str>> = HashMap::new();
        for (at, device) in document.devices.iter().enumerate() {
            places.insert(device.id.as_str(), at);
            let heard: BTreeSet<&str> = device.attributes.values().flat_map(|one| &one.evidence).map(|one| one.source.as_str()).collect();
            for place in places_of(device) {
                covered.entry(place).or_default().extend(&heard);
            }
        }
        for (at, device) in document.devices.iter().enumerate() {
            for alias in &device.aliases {
                places.entry(alias.as_str()).or_insert(at);
            }
        }
        let span = |source: &'d inventory::document::SourceRecord| Some((source.key.as_str(), (time(&source.first_seen)?, time(&source.last_seen)?)));
        Self {
            document,
            as_of: time(&document.as_of),
            certificates: document.certificates.iter().map(|one| (one.sha256.as_str(), one)).collect(),
            places,
            covered,
            sources: document.sources.iter().filter_map(span).collect(),
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

    /// Rule ids of a device's open findings.
    pub(super) fn findings(&self, at: usize) -> impl Iterator<Item = &'d str> {
        let all = self.device(at).map(|device| device.findings.as_slice()).unwrap_or_default();
        all.iter().filter(|one| one.status == "open" && one.suppressed.is_none()).map(|one| one.rule.as_str())
    }

    /// Seconds since then in which every place of a device was watched, by the times of packets: a mirror that delivers nothing has none.
    pub(super) fn watched(&self, at: usize, since: i64) -> i64 {
        let Some(device) = self.device(at) else { return 0 };
        places_of(device).map(|place| self.watched_at(place, since)).min().unwrap_or(0)
    }

    fn watched_at(&self, place: Place<'d>, since: i64) -> i64 {
        let mut spans = self.spans.borrow_mut();
        let spans = spans.entry(place).or_insert_with(|| {
            let sources = self.covered.get(&place).into_iter().flatten().filter_map(|key| self.sources.get(key)).copied();
            joined(sources.collect())
        });
        spans.iter().map(|(from, to)| (to - (*from).max(since)).max(0)).sum()
    }
}

/// The places of a device; one without a name is where the site's other devices without a name are.
fn places_of(device: &Device) -> impl Iterator<Item = Place<'_>> {
    let unnamed = device.segments.is_empty().then_some("");
    device.segments.iter().map(String::as_str).chain(unnamed).map(|segment| (device.site.as_str(), segment))
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
