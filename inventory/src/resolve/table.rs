//! What speaks for joining and against it, by node.

use super::{Node, node_of};
use crate::gather::{Facts, Host, HostKey, Name, OwnKey, Span};
use crate::key::Key;
use crate::parts::Units;
use crate::place::Places;
use observations::Mac;
use std::collections::{BTreeMap, BTreeSet};

/// Where a key was shown, when it is not the device's own: of a part, or at one of several ports behind an address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PartAt {
    /// The way to the part.
    Path(Vec<observations::PathStep>),
    /// The port behind which a device answers.
    Port(u16),
}

/// A key that a node shows, from when to when.
pub(super) struct Shown<'f> {
    pub(super) site: Name,
    pub(super) key: &'f Key,
    pub(super) node: u32,
    pub(super) span: Span,
}

/// Everything that resolving needs, with nodes as numbers.
#[derive(Default)]
pub(super) struct Table<'f> {
    /// In their order.
    pub(super) nodes: Vec<Node>,
    /// It spoke, or a relay handed on what it said.
    pub(super) alive: Vec<bool>,
    /// Its own frames were seen.
    pub(super) heard: Vec<bool>,
    /// When it was spoken of.
    pub(super) spans: Vec<Option<Span>>,
    /// Who relayed it.
    pub(super) relays: BTreeMap<u32, BTreeSet<HostKey>>,
    /// Which nodes show a key, when; by site and key.
    shown: Vec<Shown<'f>>,
    /// Keys of parts.
    pub(super) parts: BTreeMap<(Name, &'f Key), BTreeSet<(u32, PartAt)>>,
    /// Which nodes name a MAC address as their own.
    pub(super) named: BTreeMap<u32, BTreeMap<u32, BTreeSet<&'f str>>>,
    /// Serial numbers that a node shows, by protocol.
    serials: Vec<(u32, &'f str, &'f Key)>,
}

impl<'f> Table<'f> {
    pub(super) fn of(facts: &'f Facts<'_>, places: &Places) -> Self {
        let own: Vec<Option<Node>> = facts.hosts.iter().map(|(key, host)| node_of(places, key, start(host))).collect();
        let mut nodes: Vec<Node> = own.iter().flatten().copied().collect();
        for (key, host) in &facts.hosts {
            nodes.extend(host.keys().iter().filter_map(|(_, span)| node_of(places, key, span.0)));
            nodes.extend(host.own_macs().iter().filter_map(|(_, first)| node_of(places, key, *first)));
            nodes.extend(host.own_macs().iter().filter(|((mac, _), _)| !mac.is_virtual_router()).map(|((mac, _), _)| Node::Mac(key.site, *mac)));
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes.shrink_to_fit();
        let length = nodes.len();
        let mut table = Self { nodes, alive: vec![false; length], heard: vec![false; length], spans: vec![None; length], ..Self::default() };
        for ((key, host), node) in facts.hosts.iter().zip(&own) {
            table.take(key, host, *node, places);
        }
        table.serials.sort_unstable();
        table.serials.dedup();
        table.shown.sort_unstable_by(|a, b| (a.site, a.key, a.node).cmp(&(b.site, b.key, b.node)));
        table.shown.dedup_by(|next, first| {
            let same = (next.site, next.key, next.node) == (first.site, first.key, first.node);
            if same {
                first.span = (first.span.0.min(next.span.0), first.span.1.max(next.span.1));
            }
            same
        });
        table
    }

    /// Every key with the nodes that show it, in their order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[Shown<'f>]> {
        self.shown.chunk_by(|a, b| (a.site, a.key) == (b.site, b.key))
    }

    /// Whether a device shows a key.
    pub(super) fn is_shown(&self, site: Name, key: &Key) -> bool {
        self.shown.binary_search_by(|shown| (shown.site, shown.key).cmp(&(site, key))).is_ok()
    }

    pub(super) fn index(&self, node: &Node) -> Option<u32> {
        self.nodes.binary_search(node).ok().and_then(|at| u32::try_from(at).ok())
    }

    fn take(&mut self, key: &HostKey, host: &'f Host<'_>, node: Option<Node>, places: &Places) {
        if let Some(node) = node.and_then(|node| self.index(&node)) {
            let at = node as usize;
            self.alive[at] |= host.spoke || !host.relays().is_empty();
            self.heard[at] |= host.spoke && matches!(self.nodes[at], Node::Mac(_, mac) if key.mac == Some(mac));
            if !host.relays().is_empty() {
                self.relays.entry(node).or_default().extend(host.relays());
            }
            self.spans[at] = widest(self.spans[at], host.span);
        }
        if !host.keys().is_empty() {
            self.take_keys(key, host, places);
        }
        for ((mac, protocol), first) in host.own_macs().iter().filter(|((mac, _), _)| !mac.is_virtual_router()) {
            let speaker = node_of(places, key, *first).and_then(|node| self.index(&node));
            if let (Some(own), Some(speaker)) = (self.index(&Node::Mac(key.site, *mac)), speaker)
                && own != speaker
            {
                self.named.entry(own).or_default().entry(speaker).or_default().insert(protocol);
            }
        }
    }

    fn take_keys(&mut self, key: &HostKey, host: &'f Host<'_>, places: &Places) {
        let units = Units::of(host.parts().iter().map(|((endpoint, path), _)| (*endpoint, path.as_slice())));
        let own = |own: &OwnKey<'_>| units.reduce(own.endpoint, &own.path).is_empty();
        let forwarded = forwarded(host, &own);
        for (shown, span) in host.keys() {
            let Some(node) = node_of(places, key, span.0).and_then(|node| self.index(&node)) else { continue };
            let name = (key.site, &shown.key);
            let port = shown.endpoint.filter(|_| forwarded.contains(shown.protocol) && matches!(shown.key, Key::Serial(..)));
            if !own(shown) {
                let path = units.reduce(shown.endpoint, &shown.path).to_vec();
                self.parts.entry(name).or_default().insert((node, PartAt::Path(path)));
            } else if let Some(endpoint) = port {
                self.parts.entry(name).or_default().insert((node, PartAt::Port(endpoint.port)));
            } else {
                self.shown.push(Shown { site: key.site, key: &shown.key, node, span: *span });
            }
            if own(shown) && matches!(shown.key, Key::Serial(..)) {
                self.serials.push((node, shown.protocol, &shown.key));
            }
        }
    }

    pub(super) fn mac(&self, node: u32) -> Option<Mac> {
        if let Node::Mac(_, mac) = self.nodes[node as usize] { Some(mac) } else { None }
    }

    /// Whether a node shows several serial numbers in one protocol: it stands for several devices, or for one after another, and none of
    /// these numbers says which other address is the same.
    pub(super) fn is_many(&self, node: u32) -> bool {
        self.serials_of(node).any(|(_, serials)| serials.len() > 1)
    }

    fn serials_of(&self, node: u32) -> impl Iterator<Item = (&'f str, BTreeSet<&'f Key>)> {
        let start = self.serials.partition_point(|(of, ..)| *of < node);
        let of = self.serials.get(start..).unwrap_or_default();
        let of = &of[..of.partition_point(|(of, ..)| *of == node)];
        of.chunk_by(|a, b| a.1 == b.1).map(|of| (of[0].1, of.iter().map(|(.., key)| *key).collect()))
    }

    /// Whether nodes show different serial numbers in one protocol: then no weaker key makes them one.
    pub(super) fn contradict(&self, nodes: &[u32]) -> bool {
        let mut seen: BTreeMap<&str, Vec<BTreeSet<&Key>>> = BTreeMap::new();
        for (protocol, serials) in nodes.iter().flat_map(|node| self.serials_of(*node)) {
            let others = seen.entry(protocol).or_default();
            if others.iter().any(|other| other.is_disjoint(&serials)) {
                return true;
            }
            if !others.contains(&serials) {
                others.push(serials);
            }
        }
        false
    }
}

/// Protocols in which a host shows different serial numbers at different ports: devices behind it.
fn forwarded<'h>(host: &'h Host<'_>, own: &impl Fn(&OwnKey<'_>) -> bool) -> BTreeSet<&'h str> {
    let mut shown: BTreeMap<&str, BTreeMap<_, BTreeSet<&Key>>> = BTreeMap::new();
    for key in host.keys().iter().map(|(key, _)| key).filter(|key| matches!(key.key, Key::Serial(..)) && key.endpoint.is_some() && own(key)) {
        shown.entry(key.protocol).or_default().entry(key.endpoint).or_default().insert(&key.key);
    }
    shown.retain(|_, endpoints| endpoints.values().collect::<BTreeSet<_>>().len() > 1);
    shown.into_keys().collect()
}

fn start(host: &Host<'_>) -> i64 {
    host.span.map_or(0, |span| span.0)
}

pub(super) fn widest(a: Option<Span>, b: Option<Span>) -> Option<Span> {
    a.into_iter().chain(b).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
