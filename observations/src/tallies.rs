//! A source's counters in the order of their pairs, packed: each host and each name stands once, and rows point to them.

use crate::operation::Uses;
use crate::subject::{Endpoint, Subject};
use crate::tally::{Pair, Tally};
use std::collections::HashMap;
use std::net::IpAddr;

/// Operations of a row: where they begin in [`Tallies::uses`], and how many they are.
type Range = (u32, u32);

/// How two rows of one pair become one: [`Tally::add`] or [`Tally::join`].
pub type Take = fn(&mut Tally, &Tally);

#[derive(Clone, Debug)]
struct Row {
    client: u32,
    /// [`MANY`], or the host's number plus one.
    server: u32,
    endpoint: Endpoint,
    protocol: u32,
    tally: Tally<Range>,
}

/// No server of its own: see [`Pair::server`]. Sorts before all that have one.
const MANY: u32 = 0;

/// See the module.
#[derive(Clone, Default)]
pub struct Tallies {
    /// In their order.
    hosts: Vec<Subject>,
    /// Protocols and operations, in their order.
    names: Vec<Box<str>>,
    rows: Vec<Row>,
    uses: Vec<(u32, Uses)>,
}

/// One row where it lies.
#[derive(Clone, Copy)]
pub struct TallyRef<'a> {
    all: &'a Tallies,
    row: &'a Row,
}

impl<'a> TallyRef<'a> {
    /// The client's number among [`Tallies::hosts`].
    #[must_use]
    pub const fn client(self) -> u32 {
        self.row.client
    }

    /// The server's number among [`Tallies::hosts`]; see [`Pair::server`].
    #[must_use]
    pub const fn server(self) -> Option<u32> {
        self.row.server.checked_sub(1)
    }

    /// See [`Pair::endpoint`].
    #[must_use]
    pub const fn endpoint(self) -> Endpoint {
        self.row.endpoint
    }

    /// See [`Pair::protocol`].
    #[must_use]
    pub fn protocol(self) -> &'a str {
        self.all.name(self.row.protocol)
    }

    /// The protocol's number among [`Tallies::names`].
    #[must_use]
    pub const fn protocol_number(self) -> u32 {
        self.row.protocol
    }

    /// The counters without the operations.
    #[must_use]
    pub const fn counters(self) -> &'a Tally<(u32, u32)> {
        &self.row.tally
    }

    /// Operations, in the order of their names.
    pub fn operations(self) -> impl Iterator<Item = (&'a str, Uses)> + use<'a> {
        let (start, count) = self.row.tally.operations;
        let uses = self.all.uses.get(start as usize..).unwrap_or_default().iter().take(count as usize);
        uses.map(move |(name, uses)| (self.all.name(*name), *uses))
    }

    /// The counters as they stand on their own.
    #[must_use]
    pub fn tally(self) -> Tally {
        self.row.tally.with(self.operations().map(|(name, uses)| (name.to_owned(), uses)).collect())
    }

    /// Who talks to whom, as it stands on its own.
    #[must_use]
    pub fn pair(self) -> Pair {
        let host = |number: u32| self.all.hosts.get(number as usize).cloned().unwrap_or_default();
        let server = self.server().map(host);
        Pair { client: host(self.row.client), server, endpoint: self.row.endpoint, protocol: self.protocol().to_owned() }
    }
}

impl Tallies {
    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Everybody who is in a pair, in order, each once.
    #[must_use]
    pub fn hosts(&self) -> &[Subject] {
        &self.hosts
    }

    /// Every protocol and operation, in order, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// One row by its number.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<TallyRef<'_>> {
        self.rows.get(index).map(|row| TallyRef { all: self, row })
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = TallyRef<'_>> + Clone {
        self.rows.iter().map(|row| TallyRef { all: self, row })
    }

    /// All of it as it stands on its own, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Pair, Tally)> {
        self.rows().map(|row| (row.pair(), row.tally()))
    }

    /// The counters of a pair.
    #[must_use]
    pub fn find(&self, pair: &Pair) -> Option<Tally> {
        let at = self.rows.binary_search_by(|row| TallyRef { all: self, row }.pair().cmp(pair)).ok()?;
        self.get(at).map(TallyRef::tally)
    }

    /// Takes one more in. All others move: for many, see [`Packing`].
    pub fn take(&mut self, pair: &Pair, tally: &Tally, take: Take) {
        let one = Self::from_iter([(pair.clone(), tally.clone())]);
        self.join(one, take);
    }

    /// Takes others in.
    pub fn join(&mut self, other: Self, take: Take) {
        if self.is_empty() {
            *self = other;
        } else if !other.is_empty() {
            let mut packing = Packing::with_capacity(self.rows.len() + other.rows.len());
            for all in [&*self, &other] {
                let (hosts, names) = packing.tables(all);
                all.rows.iter().for_each(|row| packing.copy(all, row, &hosts, &names, row.server));
            }
            *self = packing.done(take);
        }
    }

    /// The rows that `many` names, which is given each row of a client with more than `most`: their numbers, in order.
    pub(crate) fn crowded<'a>(&'a self, most: usize, many: impl Fn(&[TallyRef<'a>]) -> Vec<usize>) -> Vec<usize> {
        let (mut over, mut start) = (vec![], 0);
        for of_client in self.rows.chunk_by(|a, b| a.client == b.client) {
            if of_client.len() > most {
                let rows: Vec<TallyRef<'_>> = of_client.iter().map(|row| TallyRef { all: self, row }).collect();
                over.extend(many(&rows).into_iter().map(|at| start + at));
            }
            start += of_client.len();
        }
        over.sort_unstable();
        over
    }

    /// Gives rows, by their numbers, to nobody in particular. Only those of the same clients move.
    pub(crate) fn give_up(&mut self, over: &[usize], take: Take) {
        for at in over {
            self.rows[*at].server = MANY;
        }
        for of_client in self.rows.chunk_by_mut(|a, b| a.client == b.client) {
            if of_client.iter().any(|row| row.server == MANY) {
                of_client.sort_unstable_by_key(place);
            }
        }
        self.unite(take);
    }

    /// Makes rows of one pair, which stand together, one.
    fn unite(&mut self, take: Take) {
        if self.rows.windows(2).all(|two| place(&two[0]) != place(&two[1])) {
            return;
        }
        let (mut kept, mut at) = (0, 0);
        while let Some(row) = self.rows.get(at) {
            let same = self.rows[at..].iter().take_while(|other| place(other) == place(row)).count();
            self.rows[kept] = if same == 1 { row.clone() } else { self.joined(at..at + same, take) };
            kept += 1;
            at += same;
        }
        self.rows.truncate(kept);
    }

    /// Several rows of one pair as one.
    fn joined(&mut self, rows: std::ops::Range<usize>, take: Take) -> Row {
        let mut sum = Tally::default();
        self.rows[rows.clone()].iter().for_each(|row| take(&mut sum, &TallyRef { all: self, row }.tally()));
        let start = self.uses.len() as u32;
        for (name, uses) in &sum.operations {
            let number = self.names.binary_search_by(|known| (**known).cmp(name)).unwrap_or(0);
            self.uses.push((number as u32, *uses));
        }
        Row { tally: sum.with((start, sum.operations.len() as u32)), ..self.rows[rows.start] }
    }

    fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }
}

/// Rows on their way into a [`Tallies`], in any order.
#[derive(Default)]
pub struct Packing {
    hosts: Vec<Subject>,
    names: HashMap<Box<str>, u32>,
    rows: Vec<Row>,
    uses: Vec<(u32, Uses)>,
}

impl Packing {
    /// Room for so many rows.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self { rows: Vec::with_capacity(rows), ..Self::default() }
    }

    /// Gives a host a number to be used in [`Packing::push`]. It may be given several.
    pub fn host(&mut self, host: Subject) -> u32 {
        self.hosts.push(host);
        self.hosts.len() as u32 - 1
    }

    /// The same for the name of a protocol or an operation.
    pub fn name(&mut self, name: &str) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.insert(name.into(), number);
        number
    }

    /// Adds a row; operations in the order of their names.
    pub fn push(
        &mut self,
        (client, server): (u32, Option<u32>),
        endpoint: Endpoint,
        protocol: u32,
        tally: &Tally<()>,
        operations: impl Iterator<Item = (u32, Uses)>,
    ) {
        let start = self.uses.len();
        self.uses.extend(operations);
        let range = (start as u32, (self.uses.len() - start) as u32);
        let server = server.map_or(MANY, |server| server + 1);
        self.rows.push(Row { client, server, endpoint, protocol, tally: tally.with(range) });
    }

    /// Numbers for the hosts and names of another.
    fn tables(&mut self, other: &Tallies) -> (u32, Vec<u32>) {
        let hosts = self.hosts.len() as u32;
        self.hosts.extend(other.hosts.iter().cloned());
        (hosts, other.names.iter().map(|name| self.name(name)).collect())
    }

    fn copy(&mut self, other: &Tallies, row: &Row, hosts: &u32, names: &[u32], server: u32) {
        let (start, count) = row.tally.operations;
        let uses = other.uses.get(start as usize..).unwrap_or_default().iter().take(count as usize);
        let operations = uses.map(|(name, uses)| (names[*name as usize], *uses));
        let server = server.checked_sub(1).map(|server| server + hosts);
        self.push((row.client + hosts, server), row.endpoint, names[row.protocol as usize], &row.tally.with(()), operations);
    }

    /// All of them in order; rows of one pair become one.
    #[must_use]
    pub fn done(mut self, take: Take) -> Tallies {
        let (hosts, of_host) = sorted(std::mem::take(&mut self.hosts), begin);
        let mut names: Vec<(Box<str>, u32)> = std::mem::take(&mut self.names).into_iter().collect();
        names.sort_unstable();
        let mut of_name = vec![0; names.len()];
        names.iter().zip(0..).for_each(|((_, old), new)| of_name[*old as usize] = new);
        let names = names.into_iter().map(|(name, _)| name).collect();
        for row in &mut self.rows {
            row.client = of_host[row.client as usize];
            row.server = row.server.checked_sub(1).map_or(MANY, |server| of_host[server as usize] + 1);
            row.protocol = of_name[row.protocol as usize];
        }
        self.uses.iter_mut().for_each(|uses| uses.0 = of_name[uses.0 as usize]);
        // Rows are large: their places are sorted, and each row then moves once.
        let mut order: Vec<([u64; 2], u32)> = self.rows.iter().map(place).zip(0..).collect();
        if !order.is_sorted() {
            // What two workers counted is two lists in order: this sort makes use of that.
            order.sort();
            let mut from: Vec<u32> = order.iter().map(|(_, at)| *at).collect();
            arrange(&mut self.rows, &mut from);
        }
        drop(order);
        let mut tallies = Tallies { hosts, names, rows: self.rows, uses: self.uses };
        tallies.unite(take);
        tallies
    }
}

/// Where a row stands: by client, server, endpoint and protocol.
fn place(row: &Row) -> [u64; 2] {
    let port = u64::from(row.endpoint.transport.code()) << 16 | u64::from(row.endpoint.port);
    [u64::from(row.client) << 32 | u64::from(row.server), port << 32 | u64::from(row.protocol)]
}

/// Puts in each place what stands at the one that `from` has for it, which is forgotten. Every place is in it once.
pub(crate) fn arrange<T>(all: &mut [T], from: &mut [u32]) {
    for start in 0..from.len() {
        let mut at = start;
        // Along a ring of places what stood in the first is handed on to the last.
        loop {
            let next = std::mem::replace(&mut from[at], at as u32) as usize;
            if next == start || next == at {
                break;
            }
            all.swap(at, next);
            at = next;
        }
    }
}

/// Values in their order, each once, and the new number of each old one. `begin` never contradicts the order.
fn sorted<T: Ord>(all: Vec<T>, begin: impl Fn(&T) -> u128) -> (Vec<T>, Vec<u32>) {
    let mut order: Vec<(u128, u32)> = all.iter().map(begin).zip(0..).collect();
    order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| all[a.1 as usize].cmp(&all[b.1 as usize])));
    let mut all: Vec<Option<T>> = all.into_iter().map(Some).collect();
    let (mut kept, mut numbers): (Vec<T>, Vec<u32>) = (Vec::with_capacity(all.len()), vec![0; all.len()]);
    for (_, at) in order {
        if let Some(one) = all[at as usize].take().filter(|one| kept.last() != Some(one)) {
            kept.push(one);
        }
        numbers[at as usize] = kept.len() as u32 - 1;
    }
    (kept, numbers)
}

/// What tells most subjects apart, in their order: segment, MAC address, and an IPv4 address or the beginning of another.
fn begin(host: &Subject) -> u128 {
    let mac = host.mac.map_or(0, |mac| mac.0.iter().fold(1u128, |number, byte| number << 8 | u128::from(*byte)));
    let ip = match host.ip {
        None => 0,
        Some(IpAddr::V4(ip)) => 1 << 32 | u128::from(ip.to_bits()),
        Some(IpAddr::V6(ip)) => 2 << 32 | ip.to_bits() >> 96,
    };
    u128::from(host.segment.0) << 112 | mac << 34 | ip
}

impl FromIterator<(Pair, Tally)> for Tallies {
    fn from_iter<I: IntoIterator<Item = (Pair, Tally)>>(all: I) -> Self {
        let mut packing = Packing::default();
        let mut known: HashMap<Subject, u32> = HashMap::new();
        for (pair, tally) in all {
            let mut number = |host: Subject| *known.entry(host).or_insert_with_key(|host| packing.host(host.clone()));
            let ends = (number(pair.client), pair.server.map(&mut number));
            let operations: Vec<(u32, Uses)> = tally.operations.iter().map(|(name, uses)| (packing.name(name), *uses)).collect();
            let protocol = packing.name(&pair.protocol);
            packing.push(ends, pair.endpoint, protocol, &tally.with(()), operations.into_iter());
        }
        packing.done(Tally::add)
    }
}

impl PartialEq for Tallies {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Tallies {}

impl std::fmt::Debug for Tallies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Mac, Transport};
    use crate::evidence::Stamp;
    use crate::operation::OperationClass;
    use crate::subject::Segment;
    use std::collections::BTreeMap;

    fn pairs(seed: u64, count: u64) -> Vec<(Pair, Tally)> {
        let mixed = |n: u64| (n ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
        let host = |n: u64| Subject {
            mac: (!n.is_multiple_of(3)).then_some(Mac([0, 0x80, 0xf4, 0, 0, n as u8])),
            ip: match n % 5 {
                0 => None,
                1 => Some(IpAddr::V6((u128::from(n) | 0xfe80 << 112).into())),
                _ => Some(IpAddr::V4((n as u32).into())),
            },
            ..Subject::of_mac(Segment((n % 2) as u16), Mac::default())
        };
        let one = |n: u64| {
            let n = mixed(n);
            let pair = Pair {
                client: host(n % 7),
                server: (n % 11 > 0).then(|| host(n % 13)),
                endpoint: Endpoint { transport: if n.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp }, port: (n % 3) as u16 },
                protocol: ["tcp", "dns", "modbus"][(n % 3) as usize].into(),
            };
            let uses = |name: &str| (name.to_owned(), Uses { class: OperationClass::Read, count: n % 9 });
            let operations = ["query", "read", "answer", "write"].into_iter().skip((n % 4) as usize).map(uses).collect();
            let stamp = Stamp { time: (n % 50) as i64, packet: n };
            (pair, Tally { packets_out: n % 100, flows: 1 + n % 2, first: stamp, last: stamp, operations, ..Tally::default() })
        };
        (0..count).map(one).collect()
    }

    fn expected(all: &[(Pair, Tally)], take: Take) -> BTreeMap<Pair, Tally> {
        let mut map: BTreeMap<Pair, Tally> = BTreeMap::new();
        all.iter().for_each(|(pair, tally)| take(map.entry(pair.clone()).or_default(), tally));
        map
    }

    #[test]
    fn they_are_what_a_map_would_hold_however_they_came() {
        let (a, b) = (pairs(1, 200), pairs(2, 300));
        for take in [Tally::add as Take, Tally::join] {
            let [first, second] = [&a, &b].map(|all| expected(all, take));
            let mut map = first.clone();
            second.iter().for_each(|(pair, tally)| take(map.entry(pair.clone()).or_default(), tally));
            let mut joined: Tallies = first.clone().into_iter().collect();
            joined.join(second.clone().into_iter().collect(), take);
            assert!(joined.iter().eq(map.clone()));
            let mut taken = Tallies::default();
            first.iter().chain(&second).for_each(|(pair, tally)| taken.take(pair, tally, take));
            assert_eq!(joined, taken);
            assert!(map.iter().all(|(pair, tally)| joined.find(pair).as_ref() == Some(tally)));
        }
    }
}
