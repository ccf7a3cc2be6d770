//! Keys joined by strata into components: a function of the set of evidence, whatever order it came in.
//!
//! 1. A node is a MAC address, or an IP address that belongs to none.
//! 2. An edge is two keys that one speaker said *of itself* in one PDU. Reports about others never join.
//! 3. A key joins only if it is *exclusive*: bound to one family of MAC addresses (one prefix, close together), or to addresses that
//!    were named together in one PDU. Else it is *shared*, joins nothing and is shown.
//! 4. Strata from strong to weak; an operator's `pin` and `split` come before all, and a `split` holds through all of them. Within a
//!    stratum plain union; then each weaker component attaches to the one stronger component that it touches, and to none if it touches
//!    several.
//!
#![doc = include_str!("resolve/CASES.md")]

use crate::decision::Decisions;
use crate::gather::{Facts, HostKey, Name, Span, tidy, wider};
use crate::key::Key;
use crate::place::{Address, Places, is_unicast};
use edges::{Edges, Named};
use foldhash::fast::RandomState;
use observations::Mac;
use sets::{Edge, Sets};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use table::{Table, widest};

mod edges;
mod sets;
mod table;

pub use table::PartAt;

/// What components are made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Node {
    /// A MAC address in a site.
    Mac(Name, Mac),
    /// An IP address that belongs to no MAC address that was seen.
    Ip(Address),
}

/// A join that was made or refused, for people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Join {
    /// The key that joins.
    pub key: String,
    /// What it joins, as text of keys.
    pub of: Vec<String>,
    /// Why not, if it was refused.
    pub refused: Option<String>,
}

/// One device: its nodes and its keys.
#[derive(Default, Debug)]
pub struct Component {
    /// Its nodes, in their order, and when each was spoken of.
    pub nodes: Vec<(Node, Option<Span>)>,
    /// Its keys, in their order, with the time of each's first sight.
    pub keys: Vec<(Key, i64)>,
    /// Frames of its own were seen on a watched segment.
    pub heard: bool,
    /// Relays that handed on what it said.
    pub relays: Vec<HostKey>,
    /// When it was spoken of.
    pub span: Option<Span>,
}

/// A key that several show.
#[derive(Debug)]
pub struct Shared {
    /// The components.
    pub owners: BTreeSet<usize>,
    /// At the same time; else one after the other.
    pub at_once: bool,
}

/// Everything resolved.
#[derive(Default, Debug)]
pub struct Resolved {
    /// The components.
    pub components: Vec<Component>,
    /// Which component a node is in.
    of_node: HashMap<Node, u32, RandomState>,
    /// Joins made and refused.
    pub joins: BTreeSet<Join>,
    /// Keys that several components, or several parts, show.
    pub shared: BTreeMap<(Name, Key), Shared>,
    /// Keys of parts, by component and part.
    pub part_keys: BTreeMap<(usize, PartAt), Vec<Key>>,
}

impl Resolved {
    /// The component that a node is in.
    #[must_use]
    pub fn component_of(&self, node: &Node) -> Option<usize> {
        self.of_node.get(node).map(|at| *at as usize)
    }
}

/// A host's node at a time; none for addresses that are no host's, or that several had at that time.
#[must_use]
pub fn node_of(places: &Places, host: &HostKey, time: i64) -> Option<Node> {
    if let Some(mac) = places.mac_of(host, time).filter(|mac| mac.is_device() && !mac.is_virtual_router()) {
        return Some(Node::Mac(host.site, mac));
    }
    let itself = |ip: &IpAddr| ip.is_loopback() && host.mac.is_none();
    let address = (host.site, host.segment, host.ip.filter(|ip| is_unicast(ip) || itself(ip))?);
    (!places.is_held(&address) && !places.is_virtual(&address)).then_some(Node::Ip(address))
}

/// Joins keys into components.
#[must_use]
pub fn resolve(facts: &Facts<'_>, places: &Places, decisions: &Decisions) -> Resolved {
    let table = Table::of(facts, places);
    let mut resolved = Resolved::default();
    let mut sets = strata(&table, facts, places, decisions, &mut resolved);
    number(&mut sets, &table, &mut resolved);
    give_keys(&table, facts, places, &mut resolved);
    resolved
}

/// Strata from strong to weak.
fn strata(table: &Table<'_>, facts: &Facts<'_>, places: &Places, decisions: &Decisions, resolved: &mut Resolved) -> Sets {
    let mut sets = Sets::new(table.nodes.len());
    let decided = !decisions.pins.is_empty() || !decisions.splits.is_empty();
    let names = decided.then(|| Named::of(table, facts, places));
    let cuts = names.as_ref().map(|names| names.cuts(&decisions.splits)).unwrap_or_default();
    let pins = names.as_ref().map(|names| names.pins(&decisions.pins)).unwrap_or_default();
    let mut edges = Edges::of(table);
    let mac = |node: u32| table.mac(node).is_some();
    let hardware = |node: u32| table.mac(node).is_some_and(|mac| !mac.is_local());
    let mut pass = |edges: &mut Vec<Edge>, strong: &dyn Fn(u32) -> bool| {
        sets.stratum(edges, strong, &cuts);
        record(edges, table, facts, resolved);
    };
    pass(&mut { pins }, &|_| true);
    pass(&mut edges.serials, &mac);
    pass(&mut Edges::of_macs(&edges.engines, table), &mac);
    pass(&mut edges.named, &mac);
    let mut of_macs = Edges::of_macs(&edges.clients, table);
    pass(&mut of_macs, &hardware);
    // Addresses without a MAC address attach to what has just been joined, or to nothing.
    for (edge, of_macs) in edges.clients.iter_mut().zip(&of_macs) {
        edge.refused = of_macs.refused;
    }
    pass(&mut edges.clients, &mac);
    record(&edges.others, table, facts, resolved);
    sets
}

fn record(edges: &[Edge], table: &Table<'_>, facts: &Facts<'_>, resolved: &mut Resolved) {
    for edge in edges.iter().filter(|edge| edge.nodes.len() > 1) {
        let mut of: Vec<String> = edge.nodes.iter().map(|node| text(&table.nodes[*node as usize], facts)).collect();
        of.sort();
        resolved.joins.insert(Join { key: edge.key.clone(), of, refused: edge.refused.map(str::to_owned) });
    }
}

fn text(node: &Node, facts: &Facts<'_>) -> String {
    node.key(facts).text()
}

/// Numbers the components by their least node. What was only named is a part of a device, or nothing.
fn number(sets: &mut Sets, table: &Table<'_>, resolved: &mut Resolved) {
    const NOBODY: u32 = u32::MAX;
    let count = u32::try_from(table.nodes.len()).unwrap_or(u32::MAX);
    let (mut alive, mut of_root) = (vec![false; table.nodes.len()], vec![NOBODY; table.nodes.len()]);
    (0..count).filter(|node| table.alive[*node as usize]).for_each(|node| alive[sets.find(node) as usize] = true);
    for node in 0..count {
        let root = sets.find(node) as usize;
        if !alive[root] {
            continue;
        }
        if of_root[root] == NOBODY {
            of_root[root] = resolved.components.len() as u32;
            resolved.components.push(Component::default());
        }
        let at = of_root[root];
        let component = &mut resolved.components[at as usize];
        let (name, span) = (table.nodes[node as usize], table.spans[node as usize]);
        component.nodes.reserve_exact(1);
        component.nodes.push((name, span));
        component.heard |= table.heard[node as usize];
        component.span = widest(component.span, span);
        component.relays.extend(table.relays.get(&node).into_iter().flatten());
        resolved.of_node.insert(name, at);
    }
    for component in resolved.components.iter_mut().filter(|component| component.relays.len() > 1) {
        component.relays.sort_unstable();
        component.relays.dedup();
    }
}

/// Gives each component its keys. A key that several show is none of theirs.
fn give_keys(table: &Table<'_>, facts: &Facts<'_>, places: &Places, resolved: &mut Resolved) {
    let Resolved { components, of_node, shared, part_keys, .. } = resolved;
    for component in components.iter_mut() {
        let whole = component.span.map_or(0, |span| span.0);
        component.keys = component.nodes.iter().map(|(node, span)| (node.key(facts), span.map_or(whole, |span| span.0))).collect();
    }
    let mut give = |at: usize, key: Key, first: i64| {
        components[at].keys.reserve_exact(1);
        components[at].keys.push((key, first));
    };
    for (address, holders) in places.holders() {
        // An address is a key of its device only while nobody else has it.
        if let [(_, holder)] = holders
            && let Some(at) = of_node.get(&Node::Mac(address.0, holder.mac))
        {
            give(*at as usize, Node::Ip(*address).key(facts), holder.span.0);
        }
    }
    let component_of = |node: u32| of_node.get(&table.nodes[node as usize]).map(|at| *at as usize);
    for shown in table.keys() {
        let (site, key) = (shown[0].site, shown[0].key);
        if let [only] = shown
            && let Some(at) = component_of(only.node)
        {
            give(at, key.clone(), only.span.0);
            continue;
        }
        let mut owners: BTreeMap<usize, Span> = BTreeMap::new();
        for (at, span) in shown.iter().filter_map(|shown| Some((component_of(shown.node)?, shown.span))) {
            let known = owners.entry(at).or_insert(span);
            *known = wider(*known, span);
        }
        if let (1, Some((at, span))) = (owners.len(), owners.first_key_value()) {
            give(*at, key.clone(), span.0);
        } else if owners.len() > 1 {
            let at_once = at_once(owners.values().copied().collect());
            shared.insert((site, key.clone()), Shared { owners: owners.into_keys().collect(), at_once });
        }
    }
    components.iter_mut().for_each(|component| tidy(&mut component.keys, |first, next| *first = (*first).min(next)));
    for ((site, key), shown) in table.parts.iter().filter(|((site, key), _)| !table.is_shown(*site, key)) {
        let parts: BTreeSet<(usize, &PartAt)> = shown.iter().filter_map(|(node, part)| Some((component_of(*node)?, part))).collect();
        match parts.first() {
            Some((at, part)) if parts.len() == 1 => part_keys.entry((*at, (*part).clone())).or_default().push((*key).clone()),
            Some(_) => {
                let owners = parts.iter().map(|(at, _)| *at).collect();
                shared.insert((*site, (*key).clone()), Shared { owners, at_once: true });
            }
            None => {}
        }
    }
}

/// Whether any two spans have a time in common.
fn at_once(mut spans: Vec<Span>) -> bool {
    spans.sort_unstable();
    let mut until = None;
    for span in spans {
        if until.is_some_and(|until| span.0 <= until) {
            return true;
        }
        until = until.max(Some(span.1));
    }
    false
}

impl Node {
    /// The key that it is.
    #[must_use]
    pub fn key(&self, facts: &Facts<'_>) -> Key {
        match self {
            Self::Mac(_, mac) => Key::of_mac(*mac),
            Self::Ip(address) => Key::Ip(facts.segments.get(usize::from(address.1)).cloned().unwrap_or_default(), address.2),
        }
    }
}

impl Component {
    /// The key that its id names: the least by first sight, strength and bytes.
    #[must_use]
    pub fn least(&self) -> Option<&Key> {
        self.keys.iter().min_by(|a, b| (a.1, a.0.strength(), &a.0).cmp(&(b.1, b.0.strength(), &b.0))).map(|(key, _)| key)
    }

    /// The site of its nodes.
    #[must_use]
    pub fn site(&self) -> Name {
        self.nodes.first().map_or(0, |(node, _)| match node {
            Node::Mac(site, _) => *site,
            Node::Ip(address) => address.0,
        })
    }

    /// Its MAC addresses, in their order.
    pub fn macs(&self) -> impl Iterator<Item = Mac> {
        self.nodes.iter().filter_map(|(node, _)| if let Node::Mac(_, mac) = node { Some(*mac) } else { None })
    }
}
