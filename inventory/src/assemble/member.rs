//! What hosts say, gathered by the component that they are.

use super::View;
use crate::attribute::normal;
use crate::gather::{ClaimAt, Host, HostKey, Presented};
use crate::place::Address;
use fingerprints::{Attribute, Class};
use observations::said::Entry;
use observations::{Endpoint, Mac, PathStep};
use std::collections::{BTreeMap, BTreeSet};

/// What is gathered of one component.
#[derive(Default)]
pub(crate) struct Member<'v, 'a> {
    pub(crate) claims: Vec<&'v ClaimAt<'a>>,
    pub(super) presented: Vec<&'v Presented<'a>>,
    /// When it spoke.
    pub(super) active: Option<(i64, i64)>,
    pub(super) protocols: BTreeSet<&'static str>,
    pub(super) vlans: BTreeSet<u16>,
    pub(super) segments: BTreeSet<u16>,
    pub(super) parts: BTreeMap<(Option<Endpoint>, &'v [PathStep]), (i64, i64)>,
}

/// Addresses at which nobody was seen, and the MAC addresses that they were leased to.
pub(super) type Ghosts = BTreeMap<Address, BTreeSet<Mac>>;

impl<'a> View<'a> {
    /// Every component's, and what is nobody's.
    pub(crate) fn members(&self) -> (Vec<Member<'_, 'a>>, Ghosts) {
        let mut members: Vec<Member<'_, 'a>> = self.resolved.components.iter().map(|_| Member::default()).collect();
        let mut ghosts = Ghosts::new();
        for (key, host) in &self.facts.hosts {
            let first = host.span.map_or(0, |span| span.0);
            let at = self.component_at(key, first);
            match (at, key.ip) {
                (Some(at), _) => members[at].take(key, host),
                (None, Some(ip)) if (host.asked_for || host.leased) && !host.spoke => {
                    let address = (key.site, key.segment, ip);
                    if crate::place::is_unicast(&ip) && !self.places.is_virtual(&address) && !self.is_somebodys(&address) {
                        ghosts.entry(address).or_default().extend(key.mac.filter(|_| host.leased));
                    }
                }
                _ => {}
            }
            self.scatter(&mut members, key, host, at);
        }
        (members, ghosts)
    }

    fn is_somebodys(&self, address: &Address) -> bool {
        !self.components_of(address).is_empty()
    }

    /// Claims go to the device that had the address when they were made.
    fn scatter<'v>(&'v self, members: &mut [Member<'v, 'a>], key: &HostKey, host: &'v Host<'a>, at: Option<usize>) {
        let address = key.ip.map(|ip| (key.site, key.segment, ip));
        let direct = address.zip(key.mac).is_some_and(|(address, mac)| self.places.is_direct(&address, mac));
        let moved = !direct && address.is_some_and(|address| self.places.has_moved(&address));
        let owners = |entry: &Entry| -> [Option<usize>; 2] {
            if !moved {
                return [at, None];
            }
            let (first, last) = (self.component_at(key, entry.first.time), self.component_at(key, entry.last.time));
            [first, last.filter(|_| first != last)]
        };
        for claim in &host.claims {
            for owner in owners(claim.at.entry).into_iter().flatten() {
                members[owner].claims.push(claim);
            }
        }
        for presented in &host.presented {
            for owner in owners(presented.at.entry).into_iter().flatten() {
                members[owner].presented.push(presented);
            }
        }
    }

    /// Devices that took another's place: by the earlier one, the later. The same address and a name that both give themselves, one
    /// after the other.
    pub(super) fn replacements(&self, members: &[Member<'_, 'a>]) -> BTreeMap<usize, usize> {
        let mut replaced = BTreeMap::new();
        for (address, holders) in self.places.holders.iter().filter(|(_, holders)| holders.len() > 1) {
            let mut holders: Vec<_> =
                holders.iter().filter_map(|holder| Some((holder.span, self.component_of_mac(address.0, holder.mac)?))).collect();
            holders.sort_unstable();
            for pair in holders.windows(2) {
                let (((_, old_until), old), ((new_from, _), new)) = (pair[0], pair[1]);
                let gone = members[old].active.is_none_or(|active| active.1 < new_from) && old_until < new_from;
                if old != new && gone && !members[old].names().is_disjoint(&members[new].names()) {
                    replaced.insert(old, new);
                }
            }
        }
        replaced
    }
}

impl<'v, 'a> Member<'v, 'a> {
    fn take(&mut self, key: &HostKey, host: &'v Host<'a>) {
        self.active = self.active.into_iter().chain(host.active).reduce(wider);
        self.protocols.extend(&host.protocols);
        self.vlans.extend(&host.vlans);
        self.segments.insert(key.segment);
        for ((endpoint, path), span) in &host.parts {
            let known = self.parts.entry((*endpoint, path)).or_insert(*span);
            *known = wider(*known, *span);
        }
    }

    /// Names that it gives itself.
    fn names(&self) -> BTreeSet<String> {
        let own = self.claims.iter().map(|claim| &claim.claim).filter(|claim| claim.class <= Class::Declared);
        let names = own.filter(|claim| matches!(claim.attribute, Attribute::Hostname | Attribute::StationName));
        names.map(|claim| normal(claim.attribute, &claim.value)).collect()
    }
}

pub(super) fn wider(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0.min(b.0), a.1.max(b.1))
}
