//! Addresses that several devices have at the same time: cells that clone each other's, told from devices that quarrel over one.

use super::View;
use crate::gather::Name;
use crate::place::{Address, Holder, is_link_local, overlap};
use observations::Mac;
use std::collections::{BTreeMap, BTreeSet};

/// With whom each MAC address exchanges frames on its link.
type Peers = BTreeMap<(Name, Mac), BTreeSet<Mac>>;

impl View<'_> {
    /// Addresses that several devices have again and again at the same time, each toward peers of its own: two address spaces in one
    /// capture. Toward the same peers it is one address space, in which two devices claim an address, or one takes another's.
    pub(super) fn overlapping_addresses(&self) -> Vec<String> {
        let several: Vec<(&Address, &[(Address, Holder)])> = self.places.holders().filter(|(_, holders)| holders.len() > 1).collect();
        let suspects: BTreeSet<(Name, Mac)> = several
            .iter()
            .filter(|(address, holders)| self.is_used_by_several(address, holders, |_, _| true))
            .flat_map(|(address, holders)| holders.iter().map(|(_, holder)| (address.0, holder.mac)))
            .collect();
        if suspects.is_empty() {
            return Vec::new();
        }
        let peers = self.peers(&suspects);
        let apart = |a: (Name, Mac), b: (Name, Mac)| match (peers.get(&a), peers.get(&b)) {
            (Some(of_a), Some(of_b)) => of_a.is_disjoint(of_b),
            // Who speaks to nobody shows no network of its own.
            _ => false,
        };
        let overlapping = several.iter().filter(|(address, holders)| self.is_used_by_several(address, holders, apart));
        let text = |(address, holders): &(&Address, &[(Address, Holder)])| {
            let macs: Vec<String> = holders.iter().map(|(_, holder)| holder.mac.to_string()).collect();
            format!("{}: {}", address.2, macs.join(", "))
        };
        let mut overlapping: Vec<String> = overlapping.map(text).collect();
        overlapping.sort();
        overlapping
    }

    /// Whether two devices that are `apart` show an address as theirs, again and again, at the same time.
    fn is_used_by_several(&self, address: &Address, holders: &[(Address, Holder)], apart: impl Fn((Name, Mac), (Name, Mac)) -> bool) -> bool {
        if is_link_local(&address.2) {
            return false;
        }
        let holders = holders.iter().map(|(_, holder)| holder);
        let lasting: Vec<&Holder> = holders.filter(|holder| (holder.declared || holder.initial) && holder.span.0 != holder.span.1).collect();
        let component = |holder: &Holder| self.component_of_mac(address.0, holder.mac);
        let two = |a: &Holder, b: &Holder| overlap(a.span, b.span) && component(a) != component(b) && apart((address.0, a.mac), (address.0, b.mac));
        lasting.iter().enumerate().any(|(index, a)| lasting[index + 1..].iter().any(|b| two(a, b)))
    }

    /// The peers of some MAC addresses, by MAC address: whoever shares a router shares its network.
    fn peers(&self, of: &BTreeSet<(Name, Mac)>) -> Peers {
        let mut peers = Peers::new();
        for source in &self.facts.sources {
            let tallies = &source.said.tallies;
            let mac = |host: u32| tallies.hosts().get(host as usize).and_then(|host| host.mac).filter(|mac| mac.is_device());
            for row in tallies.rows() {
                let (Some(client), Some(server)) = (mac(row.client()), row.server().and_then(mac)) else { continue };
                for (one, other) in [(client, server), (server, client)] {
                    if of.contains(&(source.site, one)) {
                        peers.entry((source.site, one)).or_default().insert(other);
                    }
                }
            }
        }
        peers
    }
}
