//! What hosts say, by the component that they are.

use super::View;
use crate::attribute::normal;
use crate::gather::{At, ClaimAt, Host, Span, Tell, Told, wider};
use crate::grouped::Grouped;
use crate::judge::Mark;
use crate::place::Address;
use fingerprints::{Attribute, Class};
use observations::{Endpoint, Mac, PathStep};
use std::collections::{BTreeMap, BTreeSet};

/// Who is in each component, what tells of it, and what is nobody's.
pub(crate) struct Members {
    /// Numbers of hosts, by component.
    hosts: Grouped<u32>,
    /// Statements, by component.
    telling: Grouped<Tell>,
    /// What the catalogue of findings asks for, by component.
    marks: Grouped<Mark>,
    pub(super) ghosts: Ghosts,
}

/// What is known of one component.
#[derive(Default)]
pub(crate) struct Member<'v> {
    /// When it spoke.
    pub(super) active: Option<Span>,
    pub(super) protocols: Vec<&'v str>,
    pub(super) vlans: Vec<u16>,
    pub(super) segments: Vec<u16>,
    pub(crate) parts: BTreeMap<PartOf<'v>, Span>,
}

/// An endpoint, and the way to a part behind it.
pub(crate) type PartOf<'v> = (Option<Endpoint>, &'v [PathStep]);

/// Addresses at which nobody was seen, and the MAC addresses that they were leased to.
pub(super) type Ghosts = BTreeMap<Address, BTreeSet<Mac>>;

impl Members {
    /// Statements that tell of a component.
    pub(crate) fn telling(&self, at: usize) -> &[Tell] {
        self.telling.get(at)
    }

    /// Statements of a component that the catalogue of findings asks for.
    pub(crate) fn marks(&self, at: usize) -> &[Mark] {
        self.marks.get(at)
    }

    /// Certificates that a component presented, those above its own included.
    pub(crate) fn certificates(&self, at: usize) -> impl Iterator<Item = At> {
        self.marks.get(at).iter().filter(|mark| mark.condition == Mark::CERTIFICATE).map(|mark| mark.at)
    }

    /// Numbers of its hosts.
    pub(crate) fn hosts(&self, at: usize) -> &[u32] {
        self.hosts.get(at)
    }
}

impl<'a> View<'a> {
    /// Every component's, and what is nobody's.
    pub(crate) fn members(&self) -> Members {
        let (mut hosts, mut ghosts) = (Vec::with_capacity(self.facts.hosts.len()), Ghosts::new());
        for (number, (key, host)) in (0u32..).zip(&self.facts.hosts) {
            match (self.component_at(key, start(host)), key.ip) {
                (Some(at), _) => hosts.push((at as u32, number)),
                (None, Some(ip)) if (host.asked_for || host.leased) && !host.spoke => {
                    let address = (key.site, key.segment, ip);
                    if crate::place::is_unicast(&ip) && !self.places.is_virtual(&address) && self.components_of(&address).is_empty() {
                        ghosts.entry(address).or_default().extend(key.mac.filter(|_| host.leased));
                    }
                }
                _ => {}
            }
        }
        let (mut telling, mut marks) = (Vec::new(), Vec::new());
        for (number, of_host) in self.facts.telling() {
            self.scatter(number, of_host, |tell| tell.at, &mut telling);
        }
        for (number, of_host) in self.facts.marks() {
            self.scatter(number, of_host, |mark| mark.at, &mut marks);
        }
        let components = self.resolved.components.len();
        let (hosts, telling, marks) = (Grouped::of(components, hosts), Grouped::of(components, telling), Grouped::of(components, marks));
        Members { hosts, telling, marks, ghosts }
    }

    /// What is told of a host goes to the device that had its address at that time.
    fn scatter<T: Copy>(&self, number: u32, told: &[(u32, T)], place: impl Fn(&T) -> At, to: &mut Vec<(u32, T)>) {
        let Some((key, host)) = self.facts.hosts.get(number as usize) else { return };
        if self.is_settled(key) {
            let at = self.component_at(key, start(host));
            to.extend(at.into_iter().flat_map(|at| told.iter().map(move |(_, one)| (at as u32, *one))));
            return;
        }
        for (entry, one) in told.iter().filter_map(|(_, one)| Some((self.facts.entry(place(one))?, one))) {
            let (first, last) = (self.component_at(key, entry.first.time), self.component_at(key, entry.last.time));
            let owners = [first, last.filter(|_| first != last)];
            to.extend(owners.into_iter().flatten().map(|at| (at as u32, *one)));
        }
    }

    /// What is known of one component.
    pub(crate) fn member(&self, hosts: &[u32]) -> Member<'_> {
        let mut member = Member::default();
        for (key, host) in hosts.iter().filter_map(|number| self.facts.hosts.get(*number as usize)) {
            member.active = member.active.into_iter().chain(host.active).reduce(wider);
            member.protocols.extend(host.protocols().iter().filter_map(|number| self.facts.protocols.get(usize::from(*number))));
            member.vlans.extend(host.vlans());
            member.segments.push(key.segment);
            for ((endpoint, path), span) in host.parts() {
                let known = member.parts.entry((*endpoint, path)).or_insert(*span);
                *known = wider(*known, *span);
            }
        }
        member.protocols.sort_unstable();
        member.protocols.dedup();
        for list in [&mut member.vlans, &mut member.segments] {
            list.sort_unstable();
            list.dedup();
        }
        member
    }

    /// Statements, read.
    pub(crate) fn told(&self, telling: impl Iterator<Item = At>) -> Vec<Told<'a>> {
        telling.filter_map(|at| self.facts.told(at)).collect()
    }

    /// What statements mean.
    pub(crate) fn claims<'t>(&self, told: &'t [Told<'a>]) -> Vec<ClaimAt<'t, 'a>> {
        let mut all = Vec::with_capacity(2 * told.len());
        for told in told {
            let claims = self.fingerprints.claims(&told.said).into_iter().chain(self.facts.inferred(told.at));
            all.extend(claims.map(|claim| ClaimAt { claim, told }));
        }
        all
    }

    /// Devices that took another's place: by the earlier one, the later. The same address and a name that both give themselves, one
    /// after the other.
    pub(super) fn replacements(&self, members: &Members) -> BTreeMap<usize, usize> {
        let mut replaced = BTreeMap::new();
        let mut known: BTreeMap<usize, (Option<Span>, BTreeSet<String>)> = BTreeMap::new();
        for (address, holders) in self.places.holders().filter(|(_, holders)| holders.len() > 1) {
            let mut holders: Vec<_> =
                holders.iter().filter_map(|(_, holder)| Some((holder.span, self.component_of_mac(address.0, holder.mac)?))).collect();
            holders.sort_unstable();
            for pair in holders.windows(2) {
                let (((_, old_until), old), ((new_from, _), new)) = (pair[0], pair[1]);
                for at in [old, new] {
                    known.entry(at).or_insert_with(|| (self.member(members.hosts(at)).active, self.names(members.telling(at))));
                }
                let (active, names) = &known[&old];
                let gone = active.is_none_or(|active| active.1 < new_from) && old_until < new_from;
                if old != new && gone && !names.is_disjoint(&known[&new].1) {
                    replaced.insert(old, new);
                }
            }
        }
        replaced
    }

    /// Names that a component gives itself, in their plain spelling.
    pub(crate) fn own_names(&self, members: &Members, at: usize) -> BTreeSet<String> {
        self.names(members.telling(at))
    }

    /// Names that a component gives itself.
    fn names(&self, telling: &[Tell]) -> BTreeSet<String> {
        let told = self.told(telling.iter().map(|tell| tell.at));
        let claims = self.claims(&told);
        let own = claims.iter().map(|claim| &claim.claim).filter(|claim| claim.class <= Class::Declared);
        let names = own.filter(|claim| matches!(claim.attribute, Attribute::Hostname | Attribute::StationName));
        names.map(|claim| normal(claim.attribute, &claim.value)).collect()
    }
}

fn start(host: &Host<'_>) -> i64 {
    host.span.map_or(0, |span| span.0)
}
