//! Which IP address belongs to which MAC address, when; next hops; virtual addresses.
//!
//! An address belongs to a MAC address where ARP, NDP, DHCP, DCP or LLDP says so, or where its frames have a TTL that no router has
//! touched. Else it is *via* that MAC address: the MAC is a next hop, and lends its vendor to nobody.

use crate::gather::{Facts, HostKey, Name, Sighting};
use observations::Mac;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Initial TTLs of the stacks in use: 64 (Linux, BSD, most embedded), 128 (Windows), 255 (routers, lwIP, RFC 4861 and 6762), 32 (old).
const INITIAL: &[u8] = &[32, 64, 128, 255];

/// TTLs that some old or small stacks start with, and that a router's work could give as well: they count only where nothing else
/// suggests a router.
const ODD_INITIAL: &[u8] = &[30, 60, 100, 200];

/// TTLs of multicast that stays on the link or the site (SSDP 1, 2 and 4), and of traceroute: they say nothing.
const NEUTRAL_MAX: u8 = 4;

/// Who had an address, from when to when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The MAC address.
    pub mac: Mac,
    /// First and last sighting.
    pub span: (i64, i64),
    /// Said by ARP, NDP, DHCP, DCP or LLDP.
    pub confirmed: bool,
    /// Said by the holder itself.
    pub declared: bool,
}

/// An address in its address space.
pub type Address = (Name, Name, IpAddr);

/// See the module.
#[derive(Default, Debug)]
pub struct Places {
    /// Who had each address.
    pub holders: BTreeMap<Address, Vec<Holder>>,
    /// MAC addresses that carry other hosts' packets.
    pub next_hops: BTreeSet<(Name, Mac)>,
    /// Which next hop an address is behind.
    pub behind: BTreeMap<Address, BTreeSet<Mac>>,
    /// Addresses of redundant routers: (address, virtual MAC).
    pub virtual_addresses: BTreeSet<(Address, Mac)>,
}

/// What was seen of one address at one MAC address.
#[derive(Default)]
struct Pair {
    confirmed: bool,
    declared: bool,
    initial: bool,
    odd: bool,
    touched: bool,
    span: Option<(i64, i64)>,
}

impl Places {
    /// Works out places from sightings.
    #[must_use]
    pub fn of(facts: &Facts<'_>) -> Self {
        let mut pairs: BTreeMap<(Name, Mac), BTreeMap<Address, Pair>> = BTreeMap::new();
        for sighting in &facts.sightings {
            let Sighting { place, ip, mac, .. } = *sighting;
            let pair = pairs.entry((place.0, mac)).or_default().entry((place.0, place.1, ip)).or_default();
            pair.see(sighting);
        }
        let announced: BTreeSet<(Name, Mac)> =
            facts.hosts.iter().filter(|(_, host)| host.router).filter_map(|(key, _)| Some((key.site, key.mac?))).collect();
        let mut places = Self::default();
        for ((site, mac), addresses) in &pairs {
            places.settle(*site, *mac, addresses, announced.contains(&(*site, *mac)));
        }
        places
    }

    fn settle(&mut self, site: Name, mac: Mac, addresses: &BTreeMap<Address, Pair>, announced: bool) {
        if mac.is_virtual_router() {
            let own = addresses.iter().filter(|(_, pair)| pair.confirmed || pair.initial);
            self.virtual_addresses.extend(own.map(|(address, _)| (*address, mac)));
            return;
        }
        let alone = addresses.iter().filter(|(address, _)| !is_link_local(&address.2)).count() <= 1;
        let foreign = addresses.iter().filter(|(address, pair)| pair.is_foreign(alone, is_public(&address.2))).count();
        let next_hop = foreign > 0 || announced;
        if next_hop {
            self.next_hops.insert((site, mac));
        }
        for (address, pair) in addresses {
            let span = pair.span.unwrap_or_default();
            if pair.belongs(next_hop, alone, is_public(&address.2)) {
                let holder = Holder { mac, span, confirmed: pair.confirmed, declared: pair.declared };
                self.holders.entry(*address).or_default().push(holder);
            } else {
                self.behind.entry(*address).or_default().insert(mac);
            }
        }
    }

    /// Whether an address belongs to a MAC address.
    #[must_use]
    pub fn is_direct(&self, address: &Address, mac: Mac) -> bool {
        self.holders.get(address).is_some_and(|holders| holders.iter().any(|holder| holder.mac == mac))
    }

    /// Who had an address at a time: the one whose time includes it, else the last before, else the first after.
    #[must_use]
    pub fn holder(&self, address: &Address, time: i64) -> Option<Mac> {
        let holders = self.holders.get(address)?;
        let includes = holders.iter().filter(|holder| (holder.span.0..=holder.span.1).contains(&time));
        let before = holders.iter().filter(|holder| holder.span.0 <= time);
        let best = |holder: &&Holder| (holder.confirmed, holder.span.1, holder.mac);
        let found = includes.max_by_key(best).or_else(|| before.max_by_key(|holder| (holder.span.1, holder.mac)));
        found.or_else(|| holders.iter().min_by_key(|holder| (holder.span.0, holder.mac))).map(|holder| holder.mac)
    }

    /// The MAC address that a host is, if it is one and no next hop's.
    #[must_use]
    pub fn mac_of(&self, host: &HostKey, time: i64) -> Option<Mac> {
        match (host.mac.filter(|mac| !mac.is_virtual_router()), host.ip) {
            (Some(mac), None) => Some(mac),
            (Some(mac), Some(ip)) if self.is_direct(&(host.site, host.segment, ip), mac) => Some(mac),
            (_, Some(ip)) => self.holder(&(host.site, host.segment, ip), time),
            (None, None) => None,
        }
    }
}

impl Pair {
    fn see(&mut self, sighting: &Sighting) {
        self.confirmed |= sighting.confirmed;
        self.declared |= sighting.declared;
        if let Some(ttl) = sighting.ttl {
            self.initial |= INITIAL.contains(&ttl);
            self.odd |= ODD_INITIAL.contains(&ttl);
            self.touched |= !INITIAL.contains(&ttl) && ttl > NEUTRAL_MAX;
        }
        let (first, last) = sighting.span;
        self.span = Some(self.span.map_or((first, last), |span| (span.0.min(first), span.1.max(last))));
    }

    /// Whether this is another host's address, so that the MAC address is a next hop: every packet was touched by a router.
    const fn is_foreign(&self, alone: bool, public: bool) -> bool {
        let odd_stack = alone && self.odd && !public;
        !self.confirmed && !self.initial && self.touched && !odd_stack
    }

    /// Whether the address belongs to the MAC address.
    const fn belongs(&self, next_hop: bool, alone: bool, public: bool) -> bool {
        if self.confirmed {
            return true;
        }
        // A public address at a next hop is beyond it, whatever TTL it arrives with.
        if next_hop && public {
            return false;
        }
        self.initial || !self.is_foreign(alone, public) && !next_hop
    }
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether an address is routed on the Internet (RFC 6890): neither private, shared, link-local nor reserved for documentation.
#[must_use]
pub fn is_public(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_documentation()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || shared
                || ip.is_multicast()
                || a >= 240
                || a == 0)
        }
        IpAddr::V6(ip) => ip.octets()[0] & 0xe0 == 0x20 && !(ip.segments()[0] == 0x2001 && ip.segments()[1] == 0xdb8),
    }
}

/// Whether an address can be one host's at all.
#[must_use]
pub fn is_unicast(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified() || ip.is_loopback()),
        IpAddr::V6(ip) => !(ip.is_multicast() || ip.is_unspecified() || ip.is_loopback()),
    }
}
