//! Keys joined by strata into components: a function of the set of evidence, whatever order it came in.
//!
//! 1. A node is a MAC address, or an IP address that belongs to none.
//! 2. An edge is two keys that one speaker said *of itself* in one PDU. Reports about others never join.
//! 3. A key joins only if it is *exclusive*: bound to one family of MAC addresses (one prefix, close together), or to addresses that
//!    were named together in one PDU. Else it is *shared*, joins nothing and is shown.
//! 4. Strata from strong to weak; an operator's `pin` and `split` come before all.

use crate::decision::Decisions;
use crate::gather::{Facts, HostKey, Name};
use crate::key::Key;
use crate::place::{Address, Places, is_unicast};
use observations::Mac;
use std::collections::{BTreeMap, BTreeSet};

/// Addresses of one box are counted on from one another: switches number their ports, cards their interfaces. A block of this size
/// holds the largest switches in use; two boxes of one delivery lie further apart or do not share a serial number.
const FAMILY_SPREAD_MAX: u64 = 256;

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

/// One device: its nodes, and the hosts that frames showed of it.
#[derive(Default, Debug)]
pub struct Component {
    /// Its nodes.
    pub nodes: BTreeSet<Node>,
    /// Its keys with the time of each's first sight.
    pub keys: BTreeMap<Key, i64>,
}

/// Everything resolved.
#[derive(Default, Debug)]
pub struct Resolved {
    /// The components.
    pub components: Vec<Component>,
    /// Which component a node is in.
    pub of_node: BTreeMap<Node, usize>,
    /// Joins made and refused.
    pub joins: BTreeSet<Join>,
    /// Keys that several components show.
    pub shared: BTreeMap<Key, BTreeSet<usize>>,
}

/// Disjoint sets of nodes.
#[derive(Default)]
struct Sets {
    parent: BTreeMap<Node, Node>,
}

impl Sets {
    fn find(&mut self, node: Node) -> Node {
        let mut root = node;
        while let Some(parent) = self.parent.get(&root).copied().filter(|parent| *parent != root) {
            root = parent;
        }
        let mut at = node;
        while at != root {
            at = self.parent.insert(at, root).unwrap_or(root);
        }
        self.parent.entry(root).or_insert(root);
        root
    }

    /// The smaller root stays, so that the result does not depend on the order.
    fn union(&mut self, a: Node, b: Node) {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        self.parent.insert(high, low);
    }
}

/// A host's node at a time; none for addresses that are no host's.
#[must_use]
pub fn node_of(places: &Places, host: &HostKey, time: i64) -> Option<Node> {
    match places.mac_of(host, time) {
        Some(mac) if mac.is_device() && !mac.is_virtual_router() => Some(Node::Mac(host.site, mac)),
        _ => host.ip.filter(is_unicast).map(|ip| Node::Ip((host.site, host.segment, ip))),
    }
}

/// Joins keys into components.
#[must_use]
pub fn resolve(facts: &Facts<'_>, places: &Places, decisions: &Decisions) -> Resolved {
    let mut sets = Sets::default();
    let mut resolved = Resolved::default();
    let mut by_key: BTreeMap<(Name, Key), BTreeMap<Node, i64>> = BTreeMap::new();
    let mut named: BTreeMap<(Name, Mac), BTreeMap<Node, &'static str>> = BTreeMap::new();
    for (host_key, host) in &facts.hosts {
        let time = host.span.map_or(0, |span| span.0);
        let Some(node) = node_of(places, host_key, time) else { continue };
        if host.spoke || matches!(node, Node::Mac(..)) && !host.claims.is_empty() {
            sets.find(node);
        }
        for (key, first) in &host.keys {
            let seen = by_key.entry((host_key.site, key.clone())).or_default().entry(node).or_insert(*first);
            *seen = (*seen).min(*first);
        }
        for (mac, protocol) in host.own_macs.iter().filter(|(mac, _)| !mac.is_virtual_router()) {
            named.entry((host_key.site, *mac)).or_default().insert(node, protocol);
        }
    }
    pins(&mut sets, facts, decisions, &mut resolved);
    join_named(&mut sets, &named, facts, decisions, &mut resolved);
    for ((_, key), nodes) in &by_key {
        join_key(&mut sets, key, nodes, facts, decisions, &mut resolved);
    }
    components(&mut sets, facts, places, &by_key, &mut resolved);
    resolved
}

fn text(node: &Node, facts: &Facts<'_>) -> String {
    match node {
        Node::Mac(_, mac) => Key::of_mac(*mac).text(),
        Node::Ip(address) => ip_key(address, facts).text(),
    }
}

fn ip_key(address: &Address, facts: &Facts<'_>) -> Key {
    Key::Ip(facts.segments.get(usize::from(address.1)).cloned().unwrap_or_default(), address.2)
}

/// What an operator said: first of all strata.
fn pins(sets: &mut Sets, facts: &Facts<'_>, decisions: &Decisions, resolved: &mut Resolved) {
    if decisions.pins.is_empty() {
        return;
    }
    let nodes: Vec<Node> = sets.parent.keys().copied().collect();
    let by_text: BTreeMap<String, Node> = nodes.iter().map(|node| (text(node, facts), *node)).collect();
    for (a, b) in &decisions.pins {
        if let (Some(x), Some(y)) = (by_text.get(a), by_text.get(b)) {
            sets.union(*x, *y);
            resolved.joins.insert(Join { key: "pinned by an operator".into(), of: vec![a.clone(), b.clone()], refused: None });
        }
    }
}

/// MAC addresses that a device names as its own: chassis, bridge, interfaces.
fn join_named(
    sets: &mut Sets,
    named: &BTreeMap<(Name, Mac), BTreeMap<Node, &'static str>>,
    facts: &Facts<'_>,
    decisions: &Decisions,
    resolved: &mut Resolved,
) {
    for ((site, mac), speakers) in named {
        let own = Node::Mac(*site, *mac);
        let macs: Vec<Mac> = speakers.keys().filter_map(mac_of).collect();
        let mut of: Vec<String> = speakers.keys().map(|node| text(node, facts)).collect();
        of.push(Key::of_mac(*mac).text());
        of.sort();
        of.dedup();
        let protocols: BTreeSet<&str> = speakers.values().copied().collect();
        let key = format!("named as its own in {}", protocols.into_iter().collect::<Vec<_>>().join(", "));
        // One speaker, or ports of one box: two strangers that name the same address are no reason to make them one.
        let refused =
            if speakers.len() > 1 && !is_family(&macs) { Some("several devices name it as theirs".to_owned()) } else { split(&of, decisions) };
        if refused.is_none() {
            for node in speakers.keys() {
                sets.union(own, *node);
            }
        }
        resolved.joins.insert(Join { key, of, refused });
    }
}

/// Joins the nodes that show one key, if it is exclusive.
fn join_key(sets: &mut Sets, key: &Key, nodes: &BTreeMap<Node, i64>, facts: &Facts<'_>, decisions: &Decisions, resolved: &mut Resolved) {
    let roots: BTreeSet<Node> = nodes.keys().map(|node| sets.find(*node)).collect();
    if roots.len() < 2 {
        return;
    }
    let mut of: Vec<String> = nodes.keys().map(|node| text(node, facts)).collect();
    of.sort();
    let macs: Vec<Mac> = nodes.keys().filter_map(mac_of).collect();
    let (global, local): (Vec<Mac>, Vec<Mac>) = macs.iter().partition(|mac| !mac.is_local());
    let exclusive = match key {
        // A hardware serial number belongs to one box, wherever it is seen from.
        Key::Serial(..) => macs.is_empty() || is_family(&macs),
        // Keys and engine identifiers are copied from device to device: they join ports of one box only.
        Key::CertificateKey(_) | Key::EngineId(_) => macs.len() == nodes.len() && is_family(&macs),
        // A client identifier outlives the addresses that a device makes up for itself, not its hardware.
        Key::ClientId(_) => macs.len() == nodes.len() && (is_family(&global) || global.is_empty() && !local.is_empty()),
        _ => false,
    };
    let refused = if exclusive { split(&of, decisions) } else { Some("shared: devices with different hardware show it".to_owned()) };
    if refused.is_none() {
        let mut roots = roots.into_iter();
        if let Some(first) = roots.next() {
            roots.for_each(|other| sets.union(first, other));
        }
    }
    resolved.joins.insert(Join { key: key.text(), of, refused });
}

fn split(of: &[String], decisions: &Decisions) -> Option<String> {
    let apart = of.iter().enumerate().any(|(index, a)| of[index + 1..].iter().any(|b| decisions.is_split(a, b)));
    apart.then(|| "split by an operator".to_owned())
}

const fn mac_of(node: &Node) -> Option<Mac> {
    if let Node::Mac(_, mac) = node { Some(*mac) } else { None }
}

/// Whether MAC addresses are of one box: one prefix, close together.
fn is_family(macs: &[Mac]) -> bool {
    let numbers = macs.iter().map(|mac| mac.0.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)));
    let (mut low, mut high) = (u64::MAX, 0);
    for number in numbers {
        low = low.min(number);
        high = high.max(number);
    }
    macs.len() <= 1 || low >> 24 == high >> 24 && high - low < FAMILY_SPREAD_MAX
}

/// Numbers the components by their least node, and gives each its keys.
fn components(sets: &mut Sets, facts: &Facts<'_>, places: &Places, by_key: &BTreeMap<(Name, Key), BTreeMap<Node, i64>>, resolved: &mut Resolved) {
    let nodes: Vec<Node> = sets.parent.keys().copied().collect();
    let mut of_root: BTreeMap<Node, usize> = BTreeMap::new();
    for node in nodes {
        let root = sets.find(node);
        let at = *of_root.entry(root).or_insert_with(|| {
            resolved.components.push(Component::default());
            resolved.components.len() - 1
        });
        resolved.components[at].nodes.insert(node);
        resolved.of_node.insert(node, at);
    }
    for (host_key, host) in &facts.hosts {
        let Some(span) = host.span else { continue };
        let Some(at) = node_of(places, host_key, span.0).and_then(|node| resolved.of_node.get(&node).copied()) else { continue };
        let component = &mut resolved.components[at];
        for node in component.nodes.clone() {
            let key = match node {
                Node::Mac(_, mac) => Key::of_mac(mac),
                Node::Ip(address) => ip_key(&address, facts),
            };
            let first = component.keys.entry(key).or_insert(span.0);
            *first = (*first).min(span.0);
        }
    }
    for (address, holders) in &places.holders {
        for holder in holders {
            // An address is a key of its device only while nobody else has it.
            if let (1, Some(at)) = (holders.len(), resolved.of_node.get(&Node::Mac(address.0, holder.mac))) {
                let first = resolved.components[*at].keys.entry(ip_key(address, facts)).or_insert(holder.span.0);
                *first = (*first).min(holder.span.0);
            }
        }
    }
    for ((_, key), nodes) in by_key {
        let owners: BTreeSet<usize> = nodes.keys().filter_map(|node| resolved.of_node.get(node).copied()).collect();
        if let (1, Some(at)) = (owners.len(), owners.first()) {
            let first = nodes.values().min().copied().unwrap_or_default();
            resolved.components[*at].keys.insert(key.clone(), first);
        } else if owners.len() > 1 {
            resolved.shared.insert(key.clone(), owners);
        }
    }
}

impl Component {
    /// The key that its id names: the least by first sight, strength and bytes.
    #[must_use]
    pub fn least(&self) -> Option<&Key> {
        self.keys.iter().min_by(|a, b| (a.1, a.0.strength(), a.0).cmp(&(b.1, b.0.strength(), b.0))).map(|(key, _)| key)
    }

    /// The site of its nodes.
    #[must_use]
    pub fn site(&self) -> Name {
        self.nodes.first().map_or(0, |node| match node {
            Node::Mac(site, _) => *site,
            Node::Ip(address) => address.0,
        })
    }
}
