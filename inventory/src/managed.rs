//! Whether somebody manages a device: a list that covers its site, held against the keys that the device shows.
//!
//! Without a list that covers the site and is fresh the state is `unknown`, never `unmanaged`. What matched says how much it is worth: a
//! certificate or a serial number names one device, a MAC address anybody can claim, an address is lent.

use crate::assemble::{Members, View, time};
use crate::document::{Managed, Word};
use crate::key::Key;
use observations::{Field, Mac, ValueRef};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A list of managed devices: a vault's, a CMDB's, a table's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Authority {
    /// For people.
    pub name: String,
    /// When it was made, in nanoseconds since 1970; of a list that does not say, when it was read.
    pub as_of: Option<i64>,
    /// Sites that it covers; all if there are none.
    pub sites: Vec<String>,
    /// Its devices.
    pub entries: Vec<Entry>,
    /// There are more than it says: who is not on it may be managed all the same.
    pub partial: bool,
    /// Certificates that it took back, by their SHA-256 in hexadecimal: since when, in nanoseconds since 1970.
    pub revoked: BTreeMap<String, i64>,
}

/// One device of a list. All texts in lower case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// For people.
    pub name: String,
    /// MAC addresses.
    pub macs: BTreeSet<Mac>,
    /// Hardware serial numbers.
    pub serials: BTreeSet<String>,
    /// SHA-256 of certificates, in hexadecimal.
    pub certificates: BTreeSet<String>,
    /// Host names.
    pub hostnames: BTreeSet<String>,
    /// Addresses.
    pub ips: BTreeSet<IpAddr>,
    /// It was taken out of service.
    pub retired: bool,
}

/// A list that is older says nothing of today's devices: a week of changes is more than a plant forgets.
pub const FRESH: i64 = 7 * 86_400 * 1_000_000_000;

/// What a device shows, by the worth of it.
#[derive(Default)]
pub(crate) struct Shows {
    certificates: BTreeSet<String>,
    serials: BTreeSet<String>,
    macs: BTreeSet<Mac>,
    hostnames: BTreeSet<String>,
    ips: BTreeSet<IpAddr>,
}

impl Shows {
    /// Whether an entry's device is among those.
    pub(crate) fn agrees_with(&self, entry: &Entry) -> bool {
        self.agrees(entry).is_some()
    }

    /// The strongest sort of key in which an entry agrees.
    fn agrees(&self, entry: &Entry) -> Option<&'static str> {
        if !self.certificates.is_disjoint(&entry.certificates) {
            Some("certificate")
        } else if !self.serials.is_disjoint(&entry.serials) {
            Some("serial")
        } else if !self.macs.is_disjoint(&entry.macs) {
            Some("mac")
        } else if !self.hostnames.is_disjoint(&entry.hostnames) {
            Some("hostname")
        } else if !self.ips.is_disjoint(&entry.ips) {
            Some("ip")
        } else {
            None
        }
    }

    /// Whether device and entry both name a serial number, and none in common: other hardware in the same place.
    fn contradicts(&self, entry: &Entry) -> bool {
        !self.serials.is_empty() && !entry.serials.is_empty() && self.serials.is_disjoint(&entry.serials)
    }
}

/// Sorts of keys, the strongest first.
const WORTH: [&str; 5] = ["certificate", "serial", "mac", "hostname", "ip"];

impl Authority {
    fn covers(&self, site: &str) -> bool {
        self.sites.is_empty() || self.sites.iter().any(|covered| covered == site)
    }
}

impl View<'_> {
    /// Whether a list knows a component.
    pub(crate) fn managed(&self, at: usize, members: &Members, policy: &crate::judge::policy::Policy, as_of: i64) -> Managed {
        let unknown = |reason: Word| Managed { state: "unknown".into(), reason, ..Managed::default() };
        let site = self.resolved.components.get(at).map_or("", |component| self.site(component.site()));
        let covering: Vec<&Authority> = policy.authorities.iter().filter(|list| list.covers(site)).collect();
        let vouched = self.vouched(at, members);
        let shown = |state: &'static str, authority: Option<String>, reason: String| Managed {
            state: state.into(),
            authority,
            key_class: Some("certificate".into()),
            reason: reason.into(),
            ..Managed::default()
        };
        if let Some(reason) = vouched.conflict {
            return shown("conflict", None, reason);
        }
        if let Some(list) = covering.iter().find(|list| self.shows_revoked(at, members, list)) {
            return shown("conflict", Some(list.name.clone()), format!("it shows a certificate that {} lists as revoked", list.name));
        }
        let verified = vouched.verified.map(|(issuer, reason)| shown("verified", Some(issuer), reason));
        if covering.is_empty() {
            if let Some(verified) = verified {
                return verified;
            }
            return unknown(if policy.authorities.is_empty() {
                "no list of managed devices is loaded".into()
            } else {
                format!("no list of managed devices covers the site {site:?}").into()
            });
        }
        let shows = self.shows(at, members);
        let matches = covering.iter().flat_map(|list| list.entries.iter().map(move |entry| (*list, entry)));
        let best = matches.filter_map(|(list, entry)| Some((shows.agrees(entry)?, list, entry)));
        let worth = |class: &str| WORTH.iter().position(|known| *known == class);
        let best = best.min_by_key(|(class, list, entry)| (worth(class), shows.contradicts(entry), list.name.clone(), entry.name.clone()));
        let listed = |state: &'static str, class: &str, list: &Authority, reason: String| Managed {
            state: state.into(),
            authority: Some(list.name.clone()),
            list_as_of: list.as_of.and_then(time),
            key_class: Some(class.into()),
            reason: reason.into(),
        };
        match best {
            Some((class, list, entry)) if shows.contradicts(entry) => {
                listed("conflict", class, list, format!("its {class} is that of {}, its serial number is not", entry.name))
            }
            Some((class, list, entry)) if entry.retired => listed("retired", class, list, format!("{} was taken out of service", entry.name)),
            Some((class, list, entry)) => {
                let reason = format!("its {class} is that of {}", entry.name);
                match verified {
                    Some(verified) => listed("verified", class, list, format!("{reason}; {}", verified.reason)),
                    None => listed("listed", class, list, reason),
                }
            }
            None if verified.is_some() => verified.unwrap_or_default(),
            None => match covering.iter().find(|list| list.as_of.is_none_or(|made| as_of.saturating_sub(made) > FRESH)) {
                Some(stale) => unknown(format!("{} does not know it, and is not fresh", stale.name).into()),
                None if let Some(list) = covering.iter().find(|list| list.partial) => {
                    unknown(format!("{} does not know it, and does not list everybody", list.name).into())
                }
                None => Managed {
                    authority: covering.first().map(|list| list.name.clone()),
                    list_as_of: covering.iter().filter_map(|list| list.as_of).min().and_then(time),
                    ..Managed { state: "unmanaged".into(), reason: "no key that it shows is on a list".into(), ..Managed::default() }
                },
            },
        }
    }

    /// Whether a component shows what a list took back, after that.
    fn shows_revoked(&self, at: usize, members: &Members, list: &Authority) -> bool {
        !list.revoked.is_empty()
            && members.certificates(at).filter_map(|at| self.facts.told(at)).any(|told| {
                let Some(ValueRef::Bytes(digest)) = told.said.get(Field::CertificateSha256) else { return false };
                list.revoked.get(&observations::value::hex(digest)).is_some_and(|since| told.entry.last.time > *since)
            })
    }

    /// All that any component shows.
    pub(crate) fn shown_keys(&self, members: &Members) -> Shows {
        let mut all = Shows::default();
        for at in 0..self.resolved.components.len() {
            let Shows { certificates, serials, macs, hostnames, ips } = self.shows(at, members);
            all.certificates.extend(certificates);
            all.serials.extend(serials);
            all.macs.extend(macs);
            all.hostnames.extend(hostnames);
            all.ips.extend(ips);
        }
        all
    }

    fn shows(&self, at: usize, members: &Members) -> Shows {
        let mut shows = Shows { ips: self.ips_of(at), ..Shows::default() };
        let Some(component) = self.resolved.components.get(at) else { return shows };
        shows.macs = component.macs().collect();
        for (key, _) in &component.keys {
            match key {
                Key::Serial(_, serial) => drop(shows.serials.insert(serial.to_lowercase())),
                Key::StationName(name) | Key::Hostname(name) => drop(shows.hostnames.insert(name.to_lowercase())),
                _ => {}
            }
        }
        shows.hostnames.extend(self.own_names(members, at));
        for told in members.certificates(at).filter_map(|at| self.facts.told(at)) {
            if let Some(ValueRef::Bytes(digest)) = told.said.get(Field::CertificateSha256) {
                shows.certificates.insert(observations::value::hex(digest));
            }
        }
        shows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> BTreeSet<String> {
        BTreeSet::from([text.to_owned()])
    }

    #[test]
    fn the_strongest_key_that_agrees_counts() {
        let mac: Mac = "00:80:f4:01:02:03".parse().unwrap();
        let entry = Entry { macs: [mac].into(), serials: set("s1"), ..Entry::default() };
        let shows = Shows { macs: [mac].into(), ips: [[10, 0, 0, 1].into()].into(), ..Shows::default() };
        assert_eq!(shows.agrees(&entry), Some("mac"));
        assert_eq!(Shows { serials: set("s1"), ..Shows::default() }.agrees(&entry), Some("serial"));
        assert_eq!(Shows::default().agrees(&entry), None);
    }

    #[test]
    fn other_hardware_under_a_known_name_is_a_contradiction() {
        let entry = Entry { serials: set("s1"), hostnames: set("plc-1"), ..Entry::default() };
        assert!(Shows { serials: set("s2"), ..Shows::default() }.contradicts(&entry));
        assert!(!Shows { hostnames: set("plc-1"), ..Shows::default() }.contradicts(&entry));
    }

    #[test]
    fn a_list_covers_its_sites_and_one_without_sites_covers_all() {
        let list = Authority { sites: vec!["north".into()], ..Authority::default() };
        assert!(list.covers("north") && !list.covers("south") && Authority::default().covers("south"));
    }
}
