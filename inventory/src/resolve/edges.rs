//! Which keys join, and why others do not.

use super::sets::Edge;
use super::table::Table;
use super::{Node, at_once, text};
use crate::gather::Facts;
use crate::key::Key;
use crate::place::Places;
use observations::Mac;
use std::collections::{BTreeMap, BTreeSet};

/// Addresses of one box are counted on from one another: switches number their ports, cards their interfaces. A block of this size
/// holds the largest switches in use; two boxes of one delivery lie further apart or do not share a serial number.
const FAMILY_SPREAD_MAX: u64 = 256;

/// What software made up and wrote into an image may be on every box of one delivery: such a key joins the ports of one card at most.
const CARD_SPREAD_MAX: u64 = 16;
const CARD_PORTS_MAX: usize = 4;

/// Addresses of one box that no MAC address is known for: more of them show a number that is no serial number.
const ADDRESSES_MAX: usize = 8;

/// MAC addresses outside its own block that one device names as its own and that speak themselves: routers have a few. Who names more
/// describes others.
const OWN_MAX: usize = 8;

const SHARED: &str = "shared: devices with different hardware show it";
const AT_ONCE: &str = "shared: several addresses use it at the same time";
const COPIED: &str = "keys are copied from device to device: this one alone does not make them one";
const PLACE: &str = "names are given to places: another device may take one over";
const MANY: &str = "an address that shows it stands for several devices";
const SERIALS: &str = "they show different serial numbers";
const SEVERAL: &str = "several devices name it as theirs";
const OTHERS: &str = "who names it names too many that speak for themselves";

/// Edges of keys that more than one node shows, by the kind of key.
#[derive(Default)]
pub(super) struct Edges {
    pub(super) serials: Vec<Edge>,
    pub(super) engines: Vec<Edge>,
    pub(super) named: Vec<Edge>,
    pub(super) clients: Vec<Edge>,
    pub(super) others: Vec<Edge>,
}

impl Edges {
    pub(super) fn of(table: &Table<'_>) -> Self {
        let mut edges = Self::default();
        for shown in table.keys().filter(|shown| shown.len() > 1) {
            let (key, nodes): (&Key, Vec<u32>) = (shown[0].key, shown.iter().map(|shown| shown.node).collect());
            let refused = refusal(key, &nodes, table);
            let of_kind = match key {
                Key::Serial(..) => &mut edges.serials,
                Key::EngineId(_) => &mut edges.engines,
                Key::ClientId(_) => &mut edges.clients,
                _ => &mut edges.others,
            };
            of_kind.push(Edge { nodes, key: key.text(), refused });
        }
        edges.named = named(table);
        edges
    }

    /// Edges without the nodes that are no MAC address.
    pub(super) fn of_macs(edges: &[Edge], table: &Table<'_>) -> Vec<Edge> {
        let macs = |edge: &Edge| edge.nodes.iter().copied().filter(|node| table.mac(*node).is_some()).collect();
        edges.iter().map(|edge| Edge { nodes: macs(edge), key: edge.key.clone(), refused: edge.refused }).collect()
    }
}

/// Why a key joins nothing, if so.
fn refusal(key: &Key, nodes: &[u32], table: &Table<'_>) -> Option<&'static str> {
    let macs: Vec<Mac> = nodes.iter().filter_map(|node| table.mac(*node)).collect();
    let joins = match key {
        _ if matches!(key, Key::Serial(..)) && nodes.iter().any(|node| table.is_many(*node)) => return Some(MANY),
        // A hardware serial number belongs to one box, wherever it is seen from.
        Key::Serial(..) => is_family(&macs, FAMILY_SPREAD_MAX) && nodes.len() - macs.len() <= ADDRESSES_MAX,
        Key::EngineId(id) if !macs.iter().any(|mac| id.ends_with(&mac.0)) => return Some(COPIED),
        Key::EngineId(_) => is_family(&macs, FAMILY_SPREAD_MAX),
        Key::ClientId(id) => return client(id, nodes, &macs, table),
        Key::CertificateKey(_) => return Some(COPIED),
        _ => return Some(PLACE),
    };
    (!joins).then_some(SHARED)
}

/// A client identifier outlives the addresses that a device makes up for itself, one after another; of hardware addresses it joins the
/// ports of one card.
fn client(id: &[u8], nodes: &[u32], macs: &[Mac], table: &Table<'_>) -> Option<&'static str> {
    let (global, local): (Vec<Mac>, Vec<Mac>) = macs.iter().partition(|mac| !mac.is_local());
    let typed = id.iter().any(|byte| !(0x20..0x7f).contains(byte));
    let one_card = global.len() <= CARD_PORTS_MAX && is_family(&global, CARD_SPREAD_MAX) && typed;
    if global.len() > 1 && !one_card || nodes.len() - macs.len() > ADDRESSES_MAX {
        return Some(SHARED);
    }
    if !local.is_empty() {
        let of_macs = nodes.iter().filter(|node| table.mac(**node).is_some());
        if at_once(of_macs.filter_map(|node| table.spans[*node as usize]).collect()) {
            return Some(AT_ONCE);
        }
    }
    table.contradict(nodes).then_some(SERIALS)
}

/// MAC addresses that a device names as its own: chassis, bridge, interfaces.
fn named(table: &Table<'_>) -> Vec<Edge> {
    let mut strangers: BTreeMap<u32, usize> = BTreeMap::new();
    for (own, speakers) in table.named.iter().filter(|(own, _)| table.alive[**own as usize]) {
        for speaker in speakers.keys() {
            let pair: Vec<Mac> = table.mac(*own).into_iter().chain(table.mac(*speaker)).collect();
            if pair.len() < 2 || !is_family(&pair, FAMILY_SPREAD_MAX) {
                *strangers.entry(*speaker).or_default() += 1;
            }
        }
    }
    let edge = |(own, speakers): (&u32, &BTreeMap<u32, BTreeSet<&str>>)| {
        let macs: Vec<Mac> = speakers.keys().filter_map(|node| table.mac(*node)).collect();
        let mut nodes: Vec<u32> = speakers.keys().copied().chain([*own]).collect();
        nodes.sort_unstable();
        // One speaker, or ports of one box: two strangers that name the same address are no reason to make them one.
        let refused = if !is_family(&macs, FAMILY_SPREAD_MAX) || speakers.len() - macs.len() > ADDRESSES_MAX {
            Some(SEVERAL)
        } else if speakers.keys().any(|speaker| strangers.get(speaker).is_some_and(|count| *count > OWN_MAX)) {
            Some(OTHERS)
        } else {
            table.contradict(&nodes).then_some(SERIALS)
        };
        let protocols: BTreeSet<&str> = speakers.values().flatten().copied().collect();
        Edge { nodes, key: format!("named as its own in {}", protocols.into_iter().collect::<Vec<_>>().join(", ")), refused }
    };
    table.named.iter().map(edge).collect()
}

/// Whether MAC addresses are of one box: one prefix, close together.
fn is_family(macs: &[Mac], spread: u64) -> bool {
    let numbers = macs.iter().map(|mac| mac.0.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)));
    let (mut low, mut high) = (u64::MAX, 0);
    for number in numbers {
        low = low.min(number);
        high = high.max(number);
    }
    macs.len() <= 1 || low >> 24 == high >> 24 && high - low < spread
}

/// What an operator's decisions name: nodes by the text of a key, and whether the key joins them.
pub(super) struct Named(BTreeMap<String, (BTreeSet<u32>, bool)>);

impl Named {
    pub(super) fn of(table: &Table<'_>, facts: &Facts<'_>, places: &Places) -> Self {
        let mut named: BTreeMap<String, (BTreeSet<u32>, bool)> = BTreeMap::new();
        for (at, node) in (0u32..).zip(&table.nodes) {
            named.insert(text(node, facts), (BTreeSet::from([at]), true));
        }
        for shown in table.keys() {
            let (key, nodes): (&Key, Vec<u32>) = (shown[0].key, shown.iter().map(|shown| shown.node).collect());
            let joins = nodes.len() == 1 || refusal(key, &nodes, table).is_none();
            let known = named.entry(key.text()).or_insert((BTreeSet::new(), true));
            // The same key in another site is another's.
            known.1 &= joins && known.0.is_empty();
            known.0.extend(nodes);
        }
        for (address, holders) in places.holders() {
            let macs: BTreeSet<u32> = holders.iter().filter_map(|(_, holder)| table.index(&Node::Mac(address.0, holder.mac))).collect();
            let known = named.entry(text(&Node::Ip(*address), facts)).or_insert((BTreeSet::new(), true));
            known.1 &= macs.len() <= 1 && known.0.is_empty();
            known.0.extend(macs);
        }
        Self(named)
    }

    /// Pairs of nodes that are to stay apart.
    pub(super) fn cuts(&self, splits: &[(String, String)]) -> Vec<(u32, u32)> {
        let mut cuts = Vec::new();
        for (a, b) in splits {
            let (Some((a, _)), Some((b, _))) = (self.0.get(a), self.0.get(b)) else { continue };
            cuts.extend(a.difference(b).flat_map(|x| b.difference(a).map(move |y| (*x, *y))));
        }
        cuts
    }

    /// Pins as edges. A key that several devices show names none of them.
    pub(super) fn pins(&self, pins: &[(String, String)]) -> Vec<Edge> {
        let edge = |(a, b): &(String, String)| {
            let ((x, x_joins), (y, y_joins)) = (self.0.get(a)?, self.0.get(b)?);
            let refused = (!x_joins || !y_joins).then_some(SHARED);
            Some(Edge { nodes: x.union(y).copied().collect(), key: format!("pinned by an operator: {a} and {b}"), refused })
        };
        pins.iter().filter_map(edge).collect()
    }
}
