//! Which IP address belongs to which MAC address, when; next hops; virtual addresses.
//!
//! An address belongs to a MAC address where ARP, NDP, DHCP, DCP or LLDP says so, or where its frames have a TTL that no router has
//! touched. Else it is *via* that MAC address: the MAC is a next hop, and lends its vendor to nobody. A router answers ARP and NDP for
//! others, too: where its frames, or another's claim to the same address, show that, the address is not its own.

use crate::gather::{Facts, HostKey, Name, Sighting};
use foldhash::fast::RandomState;
use observations::Mac;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    /// Its own frames show it: their TTL is one that no router has touched.
    pub initial: bool,
    /// Confirmed in a protocol in which nobody answers for others.
    pub firm: bool,
    /// Frames from this address are its own and others' that a router has touched: address translation or port forwarding.
    pub mixed: bool,
}

/// An address in its address space.
pub type Address = (Name, Name, IpAddr);

/// See the module.
#[derive(Default, Debug)]
pub struct Places {
    /// Who had each address, in the order of addresses, of one address in that of MAC addresses.
    holders: Vec<(Address, Holder)>,
    /// Where in `holders` an address's begin, and how many they are.
    of: HashMap<Address, (u32, u32), RandomState>,
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
    firm: bool,
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
        let mut sightings: Vec<&Sighting> = facts.sightings.iter().collect();
        // They mostly come in this order.
        let at = |sighting: &Sighting| (sighting.place.0, sighting.mac, sighting.place.1, sighting.ip);
        sightings.sort_by_key(|sighting| at(sighting));
        let announced: BTreeSet<(Name, Mac)> =
            facts.hosts.iter().filter(|(_, host)| host.router).filter_map(|(key, _)| Some((key.site, key.mac?))).collect();
        let mut places = Self::default();
        let mut pairs: Vec<(Address, Pair)> = Vec::new();
        for of_mac in sightings.chunk_by(|a, b| (a.place.0, a.mac) == (b.place.0, b.mac)) {
            pairs.clear();
            for of_pair in of_mac.chunk_by(|a, b| at(a) == at(b)) {
                let mut pair = Pair::default();
                of_pair.iter().for_each(|sighting| pair.see(sighting));
                pairs.push(((of_pair[0].place.0, of_pair[0].place.1, of_pair[0].ip), pair));
            }
            let (site, mac) = (of_mac[0].place.0, of_mac[0].mac);
            places.settle(site, mac, &pairs, announced.contains(&(site, mac)));
        }
        // Stable: of one address the MAC addresses stay in their order.
        places.holders.sort_by_key(|(address, _)| *address);
        places.drop_reports();
        places.drop_proxies();
        places.index();
        places
    }

    fn index(&mut self) {
        self.holders.shrink_to_fit();
        self.of = HashMap::with_capacity_and_hasher(self.holders.len(), RandomState::default());
        let mut start = 0;
        for of in self.holders.chunk_by(|a, b| a.0 == b.0) {
            self.of.insert(of[0].0, (start, of.len() as u32));
            start += of.len() as u32;
        }
    }

    /// Who had each address, in the order of addresses.
    pub fn holders(&self) -> impl Iterator<Item = (&Address, &[(Address, Holder)])> {
        self.holders.chunk_by(|a, b| a.0 == b.0).map(|of| (&of[0].0, of))
    }

    /// Who had each address, in the order of addresses, without the borders between them.
    #[must_use]
    pub fn holding(&self) -> &[(Address, Holder)] {
        &self.holders
    }

    /// Who had an address.
    pub fn holders_of(&self, address: &Address) -> impl ExactSizeIterator<Item = &Holder> + Clone {
        let (start, count) = self.of.get(address).copied().unwrap_or_default();
        self.holders.get(start as usize..(start + count) as usize).unwrap_or_default().iter().map(|(_, holder)| holder)
    }

    /// Keeps of each address's holders those of which `keep` says so, given all of them; asked only where there are several.
    fn retain(&mut self, keep: impl Fn(&[(Address, Holder)], &Holder) -> bool) {
        let of_several = self.holders.chunk_by(|a, b| a.0 == b.0).map(|of| (of, of.len() > 1));
        let kept: Vec<bool> = of_several
            .flat_map(|(of, several)| of.iter().map(move |one| (of, several, one)))
            .map(|(of, several, (_, holder))| !several || keep(of, holder))
            .collect();
        let mut kept = kept.into_iter();
        self.holders.retain(|_| kept.next().unwrap_or(true));
    }

    /// What others report of an address gives way to what a holder shows at the same time.
    fn drop_reports(&mut self) {
        let shown = |holder: &Holder| holder.declared || holder.initial;
        self.retain(|of, holder| shown(holder) || !of.iter().any(|(_, other)| shown(other) && overlap(holder.span, other.span)));
    }

    /// An address for which a MAC address only answers ARP or NDP, while another shows it at the same time, is that other's: the first is
    /// a router's proxy (RFC 1027), or somebody who redirects traffic. It must be a next hop, or do so for several addresses: a single
    /// address that two devices claim is one that both use.
    fn drop_proxies(&mut self) {
        let answers_only = |holder: &Holder| holder.confirmed && !holder.firm && !holder.initial;
        let mut contested: BTreeMap<(Name, Mac), BTreeSet<Address>> = BTreeMap::new();
        for (address, holders) in self.holders().filter(|(_, holders)| holders.len() > 1) {
            for (_, holder) in holders.iter().filter(|(_, holder)| answers_only(holder)) {
                let owns = |other: &Holder| {
                    let its_own = other.initial || other.firm || !self.next_hops.contains(&(address.0, other.mac));
                    other.mac != holder.mac && its_own && overlap(holder.span, other.span)
                };
                let strong = |other: &Holder| other.initial || other.firm;
                let hop = self.next_hops.contains(&(address.0, holder.mac));
                if holders.iter().map(|(_, other)| other).filter(|other| owns(other)).any(|other| hop || strong(other)) {
                    contested.entry((address.0, holder.mac)).or_default().insert(*address);
                }
            }
        }
        contested.retain(|of, addresses| addresses.len() > 1 || self.next_hops.contains(of));
        if !contested.is_empty() {
            self.retain(|of, holder| !contested.get(&(of[0].0.0, holder.mac)).is_some_and(|addresses| addresses.contains(&of[0].0)));
        }
    }

    fn settle(&mut self, site: Name, mac: Mac, addresses: &[(Address, Pair)], announced: bool) {
        if mac.is_virtual_router() {
            for (address, pair) in addresses {
                // Routers send their own hellos from it, too: only an address that it answers for is virtual.
                if pair.confirmed {
                    self.virtual_addresses.insert((*address, mac));
                } else if pair.is_foreign(false, is_public(&address.2)) {
                    self.behind.entry(*address).or_default();
                }
            }
            return;
        }
        let alone = addresses.iter().filter(|(address, _)| !is_link_local(&address.2)).count() <= 1;
        let foreign = |(address, pair): &&(Address, Pair)| pair.is_foreign(alone, is_public(&address.2)) || pair.is_proxied(alone);
        // No router hands on what comes from a link-local address.
        let next_hop = announced || addresses.iter().filter(|(address, _)| !is_link_local(&address.2)).any(|of| foreign(&of));
        if next_hop {
            self.next_hops.insert((site, mac));
        }
        for (address, pair) in addresses {
            let span = pair.span.unwrap_or_default();
            if is_link_local(&address.2) || pair.belongs(next_hop, alone, is_public(&address.2)) {
                let Pair { confirmed, firm, declared, initial, odd, touched, .. } = *pair;
                let holder = Holder { mac, span, confirmed, declared, initial, firm, mixed: initial && touched && !odd };
                self.holders.push((*address, holder));
            } else {
                self.behind.entry(*address).or_default().insert(mac);
            }
        }
    }

    /// Whether an address belongs to a MAC address.
    #[must_use]
    pub fn is_direct(&self, address: &Address, mac: Mac) -> bool {
        self.holders_of(address).any(|holder| holder.mac == mac)
    }

    /// Whether an address is one of redundant routers, and no device's own.
    #[must_use]
    pub fn is_virtual(&self, address: &Address) -> bool {
        let first = (*address, Mac::default());
        let virtual_address = self.virtual_addresses.range(first..).next().is_some_and(|(found, _)| found == address);
        virtual_address && !self.is_held(address)
    }

    /// Whether any MAC address has it.
    #[must_use]
    pub fn is_held(&self, address: &Address) -> bool {
        self.of.contains_key(address)
    }

    /// Whether one MAC address had it after another, or several at a time.
    #[must_use]
    pub fn has_moved(&self, address: &Address) -> bool {
        self.holders_of(address).len() > 1
    }

    /// Who had an address at a time: those whose time includes it, of them who was confirmed; else the last before, else the first after.
    #[must_use]
    pub fn holders_at(&self, address: &Address, time: i64) -> Vec<Mac> {
        let holders = self.holders_of(address);
        if let (1, Some(only)) = (holders.len(), holders.clone().next()) {
            return vec![only.mac];
        }
        let mut found: Vec<&Holder> = holders.clone().filter(|holder| (holder.span.0..=holder.span.1).contains(&time)).collect();
        if found.iter().any(|holder| holder.confirmed) {
            found.retain(|holder| holder.confirmed);
        }
        if found.is_empty() {
            let before = holders.clone().filter(|holder| holder.span.1 <= time).max_by_key(|holder| (holder.span.1, holder.mac));
            found.extend(before.or_else(|| holders.min_by_key(|holder| (holder.span.0, holder.mac))));
        }
        found.into_iter().map(|holder| holder.mac).collect()
    }

    /// Who had an address at a time; nobody where several had it at once: what is said of the address alone is then nobody's.
    #[must_use]
    pub fn holder(&self, address: &Address, time: i64) -> Option<Mac> {
        let mut holders = self.holders_of(address);
        match holders.len() {
            1 => holders.next().map(|holder| holder.mac),
            _ => {
                if let [mac] = self.holders_at(address, time)[..] {
                    Some(mac)
                } else {
                    None
                }
            }
        }
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
        self.firm |= sighting.firm;
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

    /// Whether the MAC address answers for an address and yet sends no frame from it that a router has not touched. A host's only
    /// address is its own, however its stack counts.
    const fn is_proxied(&self, alone: bool) -> bool {
        self.confirmed && !self.firm && !self.initial && self.touched && !self.odd && !alone
    }

    /// Whether the address belongs to the MAC address.
    const fn belongs(&self, next_hop: bool, alone: bool, public: bool) -> bool {
        if self.confirmed {
            return !self.is_proxied(alone);
        }
        // A public address at a next hop is beyond it, whatever TTL it arrives with.
        if next_hop && public {
            return false;
        }
        self.initial || !self.is_foreign(alone, public) && !next_hop
    }
}

/// Whether two spans have a time in common.
#[must_use]
pub fn overlap(a: (i64, i64), b: (i64, i64)) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

/// Whether an address means something on its link only (RFC 3927, RFC 4291 §2.5.6): two links may both have it.
#[must_use]
pub fn is_link_local(ip: &IpAddr) -> bool {
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
