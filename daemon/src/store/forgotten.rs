//! Who is forgotten, and until when: a sieve that everything said passes on its way into the database, and out of it.
//!
//! `forget` names addresses of a site and a time. What was first said until then, about them or by them, is left out for good: also
//! when an old capture is read once more, or an old copy of the database is merged. What is first said later is said of a new device; a
//! time without end keeps it out.

use inventory::decision::Decision;
use observations::rows::Host;
use observations::{EntryRef, Mac, Pair, Said, SourceSaid, Subject, Tally};
use std::collections::HashMap;
use std::net::IpAddr;

/// Addresses of one site that are forgotten, each with the time (nanoseconds since 1970) until which it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Addresses {
    macs: HashMap<Mac, i64>,
    /// What is said of the address alone, without a MAC address.
    ips: HashMap<IpAddr, i64>,
    /// Whatever MAC address stands beside it: the next hop's.
    behind: HashMap<IpAddr, i64>,
}

/// All that is forgotten, by site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    sites: HashMap<String, Addresses>,
}

impl Forgotten {
    /// What these decisions say. One that names no address, or no time, forgets nothing.
    pub fn of<'d>(decisions: impl IntoIterator<Item = &'d Decision>) -> Self {
        let mut all = Self::default();
        for decision in decisions {
            if let Decision::Forget { site, key, until, .. } = decision
                && let Some(until) = time(until)
            {
                all.add(site, key, until);
            }
        }
        all
    }

    fn add(&mut self, site: &str, key: &str, until: i64) {
        let of_site = self.sites.entry(site.to_owned()).or_default();
        match key.split_once(':') {
            Some(("mac", mac)) => later(&mut of_site.macs, mac.parse().ok(), until),
            Some(("ip", ip)) => later(&mut of_site.ips, ip.parse().ok(), until),
            Some(("behind", ip)) => later(&mut of_site.behind, ip.parse().ok(), until),
            _ => {}
        }
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// The sieve of one site, if there is one.
    #[must_use]
    pub fn of_site(&self, site: &str) -> Option<Sieve<'_>> {
        self.sites.get(site).map(Sieve)
    }

    /// Takes out of what was read what is forgotten.
    pub fn sift(&self, said: &mut Said) {
        for source in said.sources.values_mut() {
            if let Some(sieve) = self.of_site(&source.source.site) {
                sieve.sift(source);
            }
        }
    }
}

fn later<K: Eq + std::hash::Hash>(map: &mut HashMap<K, i64>, key: Option<K>, until: i64) {
    if let Some(key) = key {
        let held = map.entry(key).or_insert(until);
        *held = until.max(*held);
    }
}

/// In nanoseconds since 1970; empty is for ever.
pub(super) fn time(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(i64::MAX);
    }
    i64::try_from(text.parse::<jiff::Timestamp>().ok()?.as_nanosecond()).ok()
}

/// What one site's packets pass.
#[derive(Clone, Copy, Debug)]
pub struct Sieve<'f>(&'f Addresses);

impl Sieve<'_> {
    /// Until when what is said of this subject is forgotten.
    fn until(self, subject: &Subject) -> Option<i64> {
        let mac = subject.mac.and_then(|mac| self.0.macs.get(&mac));
        let alone = subject.ip.filter(|_| subject.mac.is_none()).and_then(|ip| self.0.ips.get(&ip));
        let behind = subject.ip.and_then(|ip| self.0.behind.get(&ip));
        [mac, alone, behind].into_iter().flatten().copied().max()
    }

    /// Whether an observation stays. One that cannot be read stays for those who name damage.
    #[must_use]
    pub fn keeps(self, one: EntryRef<'_>) -> bool {
        let Ok(statement) = one.statement() else { return true };
        let until = [&statement.about, &statement.speaker].into_iter().filter_map(|subject| self.until(subject)).max();
        until.is_none_or(|until| one.first.time > until)
    }

    /// Whether the mark of a crowded group stays: it has no time, and is made anew where there is still a crowd.
    #[must_use]
    pub fn keeps_group(self, group: &[u8]) -> bool {
        let subject = Host::of(group).ok().and_then(|host| observations::rows::subject(&host.bytes()).ok());
        subject.is_none_or(|subject| self.until(&subject).is_none())
    }

    /// Whether counters of two hosts stay.
    #[must_use]
    pub fn keeps_tally(self, pair: &Pair, tally: &Tally) -> bool {
        let until = std::iter::once(&pair.client).chain(&pair.server).filter_map(|subject| self.until(subject)).max();
        until.is_none_or(|until| tally.first.time > until)
    }

    /// Takes out of one source what is forgotten.
    pub fn sift(self, said: &mut SourceSaid) {
        said.observations.retain(|one| self.keeps(one));
        said.crowded.retain(|group| self.keeps_group(group));
        if said.tallies.iter().any(|(pair, tally)| !self.keeps_tally(&pair, &tally)) {
            said.tallies = said.tallies.iter().filter(|(pair, tally)| self.keeps_tally(pair, tally)).collect();
        }
    }
}
