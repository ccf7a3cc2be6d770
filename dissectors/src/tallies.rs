//! Counters of pairs, summed over their conversations.

use crate::blocks::Blocks;
use crate::devices::{Address, Devices};
use crate::flow::{Client, Flow};
use crate::index::Index;
use crate::limits::Limits;
use crate::registry::{Registry, RowId};
use foldhash::fast::RandomState;
use observations::tallies as packed;
use observations::{Endpoint, Mac, Packing, Segment, Stamp, Subject, Tally, Transport, Uses};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Ports whose unread bytes are named one by one; the rest is counted together.
const OPAQUE_PORTS_MAX: usize = 512;

/// A conversation's ends, as numbers of [`Tallies::hosts`], without the client's port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct PairKey {
    client: u32,
    server: u32,
    port: u16,
    transport: Transport,
    protocol: Option<RowId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Host {
    ip: [u8; 16],
    mac: Mac,
    family: u8,
    segment: u16,
}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f] = self.mac.0;
        state.write_u128(u128::from_ne_bytes(self.ip));
        state.write_u64(u64::from_ne_bytes([a, b, c, d, e, f, self.family, 0]) ^ u64::from(self.segment).rotate_right(16));
    }
}

/// An operation of a protocol, and how often it was asked for.
type Counted = ((RowId, u16), u64);

#[derive(Clone)]
struct Cell {
    key: PairKey,
    packets: [u64; 2],
    bytes: [u64; 2],
    flows: u64,
    first: Stamp,
    last: Stamp,
    known: bool,
    /// The first operation; most pairs have one.
    operation: Counted,
}

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Tallies {
    hasher: RandomState,
    hosts: Blocks<Host>,
    numbers: Index,
    cells: Blocks<Cell>,
    index: Index,
    /// By cell, the operations beyond the first: as many as a protocol has, a few dozen at most.
    operations: HashMap<u32, Vec<Counted>, RandomState>,
    opaque: BTreeMap<(Transport, u16), u64>,
    /// Cells that there are at most; conversations of further pairs are counted together.
    most: usize,
    dropped: [u64; 2],
    /// Conversations with somebody new when there was no room for more devices; and of those whom nobody answered.
    strangers: [u64; 2],
}

impl Tallies {
    /// None yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { most: limits.pairs, ..Self::default() }
    }

    /// How many pairs there are, and how many hosts.
    pub(crate) const fn len(&self) -> [usize; 2] {
        [self.cells.len(), self.hosts.len()]
    }

    /// Conversations that were not counted because [`Limits::pairs`] was hit, and those of newcomers that nobody answered.
    pub(crate) const fn dropped(&self) -> [u64; 2] {
        self.dropped
    }

    /// The same because [`Limits::devices`] was hit.
    pub(crate) const fn strangers(&self) -> [u64; 2] {
        self.strangers
    }

    /// Whether the conversation is of a pair, or of a device, for which there is no room; counts it then.
    fn refuses(&mut self, flow: &Flow, client: usize, devices: &Devices) -> bool {
        let answered = flow.is_answered();
        let most = if answered { self.most } else { Limits::unanswered(self.most) };
        let (pairs, strange) = (self.cells.len() >= most, devices.is_full(answered) && is_strange(flow, devices));
        if !(pairs || strange) || self.is_known(flow, client) {
            return false;
        }
        let [known, unanswered] = if strange { &mut self.strangers } else { &mut self.dropped };
        *(if answered { known } else { unanswered }) += 1;
        true
    }

    fn is_known(&self, flow: &Flow, client: usize) -> bool {
        let number = |host: Host| self.numbers.find(self.hasher.hash_one(host), |at| self.hosts.get(at) == Some(&host));
        let Some((low, high)) = number(Host::low_of(flow)).zip(number(Host::high_of(flow))) else { return false };
        let (client_host, server_host) = if client == 0 { (low, high) } else { (high, low) };
        let key = pair(flow, client, client_host, server_host);
        self.index.find(self.hasher.hash_one(key), |at| self.cells.get(at).is_some_and(|cell| cell.key == key)).is_some()
    }

    /// Adds a conversation that ended.
    pub(crate) fn add(&mut self, flow: &Flow, operations: &[Counted], devices: &mut Devices) {
        let client = usize::from(client_of(flow));
        if self.refuses(flow, client, devices) {
            self.opaque(flow, client);
            return;
        }
        let before = self.hosts.len();
        let key = self.pair_key(flow, client);
        if self.hosts.len() > before {
            [Host::low_of(flow), Host::high_of(flow)].iter().for_each(|host| devices.note(host.address()));
        }
        let hash = self.hasher.hash_one(key);
        let found = self.index.find(hash, |at| self.cells.get(at).is_some_and(|cell| cell.key == key));
        let at = found.unwrap_or_else(|| self.insert(hash, key, flow));
        let Some(cell) = self.cells.get_mut(at) else { return };
        let ends = if client == 0 { [flow.ends[0], flow.ends[1]] } else { [flow.ends[1], flow.ends[0]] };
        for ((packets, bytes), end) in cell.packets.iter_mut().zip(&mut cell.bytes).zip(&ends) {
            *packets = packets.saturating_add(end.packets);
            *bytes = bytes.saturating_add(end.bytes);
        }
        cell.flows += 1;
        cell.first = cell.first.min(flow.first);
        cell.last = cell.last.max(flow.last());
        cell.known |= matches!(flow.client, Client::Known(_));
        let (row, operation, count) = flow.operation;
        let first = (count > 0).then_some(((row, operation), u64::from(count)));
        for (operation, count) in first.into_iter().chain(operations.iter().copied()) {
            count_operation(&mut cell.operation, &mut self.operations, at, operation, count);
        }
        self.opaque(flow, client);
    }

    fn insert(&mut self, hash: u64, key: PairKey, flow: &Flow) -> u32 {
        let at = self.cells.push(Cell {
            key,
            packets: [0; 2],
            bytes: [0; 2],
            flows: 0,
            first: flow.first,
            last: flow.first,
            known: false,
            operation: ((RowId::of(0), 0), 0),
        });
        self.index.insert(hash, at);
        at
    }

    fn pair_key(&mut self, flow: &Flow, client: usize) -> PairKey {
        let (low, high) = (Host::low_of(flow), Host::high_of(flow));
        let (client_host, server_host) = if client == 0 { (low, high) } else { (high, low) };
        pair(flow, client, self.number(client_host), self.number(server_host))
    }

    /// Reads something of a conversation's hosts, so that they are on their way; what it gives means nothing.
    pub(crate) fn touch(&self, flow: &Flow) -> u64 {
        let of =
            |host: &Host| self.numbers.find(self.hasher.hash_one(host), |_| true).and_then(|at| self.hosts.get(at)).map_or(0, |host| host.segment);
        u64::from(of(&Host::low_of(flow)) ^ of(&Host::high_of(flow)))
    }

    fn number(&mut self, host: Host) -> u32 {
        let Self { hosts, numbers, hasher, .. } = self;
        let hash = hasher.hash_one(host);
        if let Some(number) = numbers.find(hash, |at| hosts.get(at) == Some(&host)) {
            return number;
        }
        let number = hosts.push(host);
        numbers.insert(hash, number);
        number
    }

    /// What was asked for in a cell's conversations, and how often.
    fn operations(&self, at: u32, cell: &Cell) -> impl Iterator<Item = Counted> {
        let first = Some(cell.operation).filter(|operation| operation.1 > 0);
        first.into_iter().chain(self.operations.get(&at).into_iter().flatten().copied())
    }

    /// Counts payload that nobody read, by the server's port.
    fn opaque(&mut self, flow: &Flow, client: usize) {
        let payload = flow.ends[0].payload.saturating_add(flow.ends[1].payload);
        if flow.dissector.is_some() || payload == 0 {
            return;
        }
        let (transport, port) = service(flow, client);
        let port = if self.opaque.len() < OPAQUE_PORTS_MAX || self.opaque.contains_key(&(transport, port)) { port } else { 0 };
        let sum = self.opaque.entry((transport, port)).or_default();
        *sum = sum.saturating_add(payload);
    }

    /// Unread bytes by port, named `tcp/8883`; port 0 stands for the ports beyond the bound.
    pub(crate) fn opaque_bytes(&self) -> BTreeMap<String, u64> {
        self.opaque.iter().map(|((transport, port), bytes)| (format!("{}/{port}", transport.name()), *bytes)).collect()
    }

    /// Everything, by pair. Cells are freed as they are packed.
    pub(crate) fn pairs(mut self, registry: &Registry) -> packed::Tallies {
        let mut packing = Packing::with_capacity(self.cells.len());
        (self.index, self.numbers) = (Index::default(), Index::default());
        // In the order of their numbers.
        self.hosts.take().for_each(|host| _ = packing.host(host.subject()));
        let mut names: HashMap<&'static str, u32, RandomState> = HashMap::default();
        let mut operations: Vec<(&'static str, Uses)> = Vec::new();
        for (at, cell) in (0u32..).zip(self.cells.take()) {
            operations.clear();
            for ((row, operation), count) in self.operations(at, &cell) {
                let (name, class) = registry.operation(row, operation);
                // Two layers of a conversation may call an operation alike.
                match operations.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, uses)) => *uses = Uses { class: uses.class.max(class), count: uses.count.saturating_add(count) },
                    None => operations.push((name, Uses { class, count })),
                }
            }
            operations.sort_unstable_by_key(|(name, _)| *name);
            let tally = Tally {
                packets_out: cell.packets[0],
                bytes_out: cell.bytes[0],
                packets_in: cell.packets[1],
                bytes_in: cell.bytes[1],
                flows: cell.flows,
                first: cell.first,
                last: cell.last,
                operations: (),
                directions: u8::from(cell.packets[0] > 0) | u8::from(cell.packets[1] > 0) << 1,
                roles_known: cell.known,
            };
            let key = &cell.key;
            let mut named = |name: &'static str| *names.entry(name).or_insert_with(|| packing.name(name));
            let protocol = named(key.protocol.map_or(key.transport.name(), |row| registry.name(row)));
            let operations: Vec<(u32, Uses)> = operations.iter().map(|(name, uses)| (named(name), *uses)).collect();
            packing.push(
                (key.client, Some(key.server)),
                Endpoint { transport: key.transport, port: key.port },
                protocol,
                &tally,
                operations.into_iter(),
            );
        }
        packing.done(Tally::add)
    }
}

/// Adds to an operation of a cell.
fn count_operation(first: &mut Counted, others: &mut HashMap<u32, Vec<Counted>, RandomState>, at: u32, operation: (RowId, u16), count: u64) {
    if first.1 == 0 || first.0 == operation {
        *first = (operation, first.1.saturating_add(count));
        return;
    }
    let others = others.entry(at).or_default();
    match others.iter_mut().find(|other| other.0 == operation) {
        Some(other) => other.1 = other.1.saturating_add(count),
        None => others.push((operation, count)),
    }
}

/// Which end asks, if need be by guess: the one with the higher port; of equal ports the one that spoke first.
fn client_of(flow: &Flow) -> u8 {
    match flow.client {
        Client::Known(client) | Client::Guessed(client) => client,
        Client::Unknown => u8::from(flow.key.low_port < flow.key.high_port),
    }
}

fn pair(flow: &Flow, client: usize, client_host: u32, server_host: u32) -> PairKey {
    let (transport, port) = service(flow, client);
    let protocol = flow.inner.map(|inner| inner.1).or(flow.dissector);
    PairKey { client: client_host, server: server_host, port, transport, protocol }
}

/// Whether an end of it is a device that is not known.
fn is_strange(flow: &Flow, devices: &Devices) -> bool {
    [Host::low_of(flow), Host::high_of(flow)].iter().any(|host| !devices.knows(host.address()))
}

fn service(flow: &Flow, client: usize) -> (Transport, u16) {
    let port = if client == 0 { flow.key.high_port } else { flow.key.low_port };
    match (flow.key.is_ip(), flow.key.protocol) {
        (true, 6) => (Transport::Tcp, port),
        (true, 17) => (Transport::Udp, port),
        (true, 132) => (Transport::Sctp, port),
        (true, protocol) => (Transport::Ip, u16::from(protocol)),
        (false, _) => (Transport::Ethernet, port),
    }
}

impl Host {
    /// As devices are told apart: see [`Address`].
    fn address(&self) -> Address<'_> {
        let length = match self.family {
            4 => 4,
            6 => 16,
            _ => 6,
        };
        (self.segment, self.ip.get(..length).unwrap_or_default())
    }

    const fn low_of(flow: &Flow) -> Self {
        let [low, _] = &flow.ends;
        Self { ip: flow.key.low, mac: low.mac, family: flow.key.family, segment: flow.key.segment }
    }

    const fn high_of(flow: &Flow) -> Self {
        let [_, high] = &flow.ends;
        Self { ip: flow.key.high, mac: high.mac, family: flow.key.family, segment: flow.key.segment }
    }

    fn subject(&self) -> Subject {
        let ip = match self.family {
            4 => self.ip.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into()),
            6 => Some(Ipv6Addr::from(self.ip).into()),
            _ => None,
        };
        // An Ethernet conversation's address is the MAC itself; the other end may never have sent.
        let named = self.ip.first_chunk::<6>().map(|octets| Mac(*octets));
        let mac = if ip.is_some() { Some(self.mac) } else { named };
        Subject { segment: Segment(self.segment), mac: mac.filter(|mac| !mac.is_zero()), ip, ..Subject::default() }
    }
}
