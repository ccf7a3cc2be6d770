//! Conversations, services, roles and traffic, from tallies. Totals are sums over sources; within one source counters are absolute.

use crate::assemble::answer::{DYNAMIC_PORTS, Questions, Serves, Side};
use crate::assemble::{View, time};
use crate::document;
use crate::gather::{Name, Span, wider};
use crate::grouped::Grouped;
use fingerprints::behaviour::Role;
use foldhash::fast::RandomState;
use observations::{Endpoint, Mac, Subject, Tally, TallyRef, Transport, Uses};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU32;

mod acting;
mod talk;

pub(super) use acting::Acting;
use acting::{Asked, BARE, SCANS_MIN, Sum, behind};
pub(crate) use talk::Talk;

/// Every conversation, in the document's order: rows point into what was said, and are read when they are shown.
pub(crate) struct Traffic<'v> {
    view: &'v View<'v>,
    /// As they are shown, in that order.
    addresses: Vec<(Box<str>, Address)>,
    /// Components by the rank of their ids.
    by_rank: Vec<u32>,
    /// By the numbers that rows have for them.
    protocols: Vec<&'v str>,
    /// Rows of one conversation stand together.
    rows: Vec<Row>,
    /// Where each conversation begins.
    starts: Vec<u32>,
    /// By component.
    sums: Vec<Sum<'v>>,
    /// By the component that serves, what shows it.
    served: Grouped<Shown>,
    one_way: u64,
    /// By next hop, a component behind it.
    behind: HashMap<(Name, Mac), u32, RandomState>,
}

/// A conversation that shows a service.
#[derive(Clone, Copy, Default)]
struct Shown {
    number: u32,
    /// Where, if that is known.
    port: Option<u16>,
    /// The side that was taken for the client serves.
    by_client: bool,
}

/// One row of a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// What orders conversations: ranks of the client's and the server's address, and of protocol and transport, and the port.
    order: u128,
    client: Whose,
    server: Whose,
    source: u32,
    index: u32,
}

impl Row {
    /// The protocol's number.
    const fn protocol(&self) -> u32 {
        (self.order >> 32) as u32
    }
}

/// Whose an address is: nobody's, or the rank of its component's id and one.
type Whose = u32;

/// An address as it is shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Address {
    Ip(IpAddr),
    Mac(Mac),
    Unknown,
    Many,
}

impl Address {
    const fn is_group(&self) -> bool {
        match self {
            Self::Ip(IpAddr::V4(ip)) => ip.is_multicast() || ip.is_broadcast(),
            Self::Ip(IpAddr::V6(ip)) => ip.is_multicast(),
            _ => false,
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Unknown => Ok(()),
            Self::Many => f.write_str("many"),
        }
    }
}

/// What tallies tell of one component.
#[derive(Default)]
pub(super) struct Of<'v> {
    pub(super) sent: document::Traffic,
    pub(super) received: document::Traffic,
    pub(super) roles: Vec<Acting<'v>>,
    /// Announcements, and a conversation of each.
    pub(super) speaks: Vec<(&'v str, u32)>,
    /// It answers at a port that can be assigned, in a protocol that nobody knows.
    pub(super) unknown: Option<u32>,
    /// A conversation of somebody behind it.
    pub(super) forwards: Option<u32>,
    /// A conversation of a scan.
    pub(super) scans: Option<u32>,
    pub(super) span: Option<Span>,
    services: BTreeMap<(&'v str, Endpoint), Served>,
}

#[derive(Default)]
struct Served {
    /// Who asks: rank of the address, and whose it is.
    clients: Vec<(u32, Whose)>,
    span: Option<Span>,
}

/// Protocols whose frames are announcements: speaking them is no service to a client.
const NO_ROLES: &[&str] = &[
    "arp", "eth", "ip", "ipv6", "tcp", "udp", "sctp", "ethernet", "icmpv6", "lldp", "cdp", "stp", "igmp", "pim", "mndp", "hsrp", "glbp", "ospf",
    "eigrp", "isis", "rip", "ripng", "bfd",
];

/// Conversations that are read in the time that one takes from memory.
const AHEAD: usize = 6;

/// Hosts of tallies as they are found: their addresses by number, and their sides.
#[derive(Default)]
struct Found {
    addresses: Vec<Address>,
    numbers: HashMap<Address, u32, RandomState>,
}

impl Found {
    fn number(&mut self, address: Address) -> u32 {
        *self.numbers.entry(address).or_insert_with(|| {
            self.addresses.push(address);
            self.addresses.len() as u32 - 1
        })
    }
}

/// A host of a source: its address, and its side, unless that depends on the time.
struct Known {
    address: u32,
    side: Option<Whose>,
}

impl<'v> Traffic<'v> {
    pub(super) fn of(view: &'v View<'v>) -> Self {
        let mut by_rank: Vec<u32> = (0..).take(view.ids.len()).collect();
        by_rank.sort_unstable_by_key(|at| view.ids[*at as usize]);
        let mut ranks = vec![0; by_rank.len()];
        by_rank.iter().zip(0..).for_each(|(at, rank)| ranks[*at as usize] = rank);
        let mut found = Found::default();
        let behind = behind(view);
        let (many, mut rows) = (found.number(Address::Many), Vec::new());
        let protocols = protocols(view);
        for (source, one) in (0u32..).zip(&view.facts.sources) {
            let names: Vec<u128> = one.said.tallies.names().map(|name| protocols.binary_search(&name).unwrap_or(0) as u128).collect();
            let side = |host: &Subject, time| view.component_at(&view.facts.host_key(source, host), time).map_or(0, |at| ranks[at] + 1);
            let hosts: Vec<Known> = one.said.tallies.hosts().iter().map(|host| known(view, source, host, &mut found, side)).collect();
            let sides = |number: u32, row: TallyRef<'_>| {
                let known = &hosts[number as usize];
                (known.address, known.side.unwrap_or_else(|| side(&one.said.tallies.hosts()[number as usize], row.counters().first.time)))
            };
            for (index, row) in (0u32..).zip(one.said.tallies.rows()) {
                let (client, server) = (sides(row.client(), row), row.server().map_or((many, 0), |server| sides(server, row)));
                let ends = u128::from(client.0) << 96 | u128::from(server.0) << 64;
                let order =
                    ends | names[row.protocol_number() as usize] << 32 | rank(row.endpoint().transport) << 16 | u128::from(row.endpoint().port);
                rows.push(Row { order, client: client.1, server: server.1, source, index });
            }
        }
        let addresses = ranked(&found.addresses, &mut rows);
        rows.sort_unstable();
        Self { view, addresses, by_rank, protocols, rows, starts: Vec::new(), sums: Vec::new(), served: Grouped::default(), one_way: 0, behind }
            .joined()
    }

    /// Finds which rows are one conversation, and whose.
    fn joined(mut self) -> Self {
        let same = |a: &Row, b: &Row| (a.order, a.client, a.server) == (b.order, b.client, b.server);
        let mut start = 0;
        for rows in self.rows.chunk_by(same) {
            self.starts.push(start);
            start += rows.len() as u32;
        }
        let mut questions = Questions::default();
        for number in 0..self.starts.len() {
            std::hint::black_box(self.ahead(number + AHEAD));
            let (row, sum) = (self.row(number), self.counters(number));
            if let Some(said) = self.first(number).filter(|said| said.endpoint().transport == Transport::Udp) {
                questions.hear(&self.client(row), &self.server(row), row.protocol(), said.endpoint(), &sum);
            }
        }
        questions.settle();
        self.sum(&questions)
    }

    /// Adds up by component.
    fn sum(mut self, questions: &Questions) -> Self {
        let mut sums = vec![Sum::default(); self.by_rank.len()];
        let (mut served, mut one_way) = (Vec::with_capacity(self.starts.len()), 0);
        for number in 0..self.starts.len() {
            std::hint::black_box(self.ahead(number + AHEAD));
            let (row, sum) = (self.row(number), self.counters(number));
            let Some(said) = self.first(number) else { continue };
            let (protocol, endpoint, span) = (said.protocol(), said.endpoint(), (sum.first.time, sum.last.time));
            let (out, back) = ((sum.packets_out, sum.bytes_out), (sum.packets_in, sum.bytes_in));
            let serves = if is_known(protocol, endpoint, &sum) {
                questions.served(&self.client(row), &self.server(row), row.protocol(), endpoint, &sum)
            } else {
                Serves::Nothing
            };
            let shown = |port, by_client| Shown { number: number as u32, port, by_client };
            if let Some(at) = self.component(row.client) {
                let nearby = sum.directions == 3 && self.is_near(row);
                let of = &mut sums[at as usize];
                of.add(out, back, span);
                of.tries(number as u32, (protocol, endpoint), &sum);
                if let Serves::Client(port) = serves {
                    served.push((at, shown(Some(port), true)));
                } else if sum.packets_out > 0 && !BARE.contains(&protocol) {
                    of.asks(Asked { protocol, talk: number as u32, nearby, around: row.server == 0 && sum.directions != 3 });
                }
            }
            if let Some(at) = self.component(row.server) {
                sums[at as usize].add(back, out, span);
                sums[at as usize].talk.get_or_insert(number as u32);
                match serves {
                    Serves::Server(port) => served.push((at, shown(Some(port), false))),
                    Serves::ServerSomewhere => served.push((at, shown(None, false))),
                    Serves::Client(_) | Serves::Nothing => {}
                }
            }
            let unicast = row.server != 0 || endpoint.transport == Transport::Tcp;
            one_way += u64::from(unicast && sum.directions != 3);
        }
        self.one_way = one_way;
        self.served = Grouped::of(self.by_rank.len(), served);
        self.sums = sums;
        self
    }

    fn client(&self, row: &Row) -> Side {
        self.side(row.client, row.order >> 96)
    }

    fn server(&self, row: &Row) -> Side {
        self.side(row.server, row.order >> 64)
    }

    fn side(&self, whose: Whose, rank: u128) -> Side {
        let address = rank as u32;
        let group = self.addresses.get(address as usize).is_some_and(|(_, address)| address.is_group());
        Side { component: NonZeroU32::new(whose), address, group }
    }

    /// How many conversations there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Conversations of which only one direction was seen.
    pub(crate) fn one_way(&self) -> u64 {
        self.one_way
    }

    fn component(&self, side: Whose) -> Option<u32> {
        self.by_rank.get(side.checked_sub(1)? as usize).copied()
    }

    fn row(&self, number: usize) -> &Row {
        &self.rows[self.starts[number] as usize]
    }

    /// The rows of a conversation, as they were said.
    fn said(&self, number: usize) -> impl Iterator<Item = TallyRef<'v>> {
        let start = self.starts[number] as usize;
        let end = self.starts.get(number + 1).map_or(self.rows.len(), |end| *end as usize);
        let said = |row: &Row| self.view.facts.sources.get(row.source as usize)?.said.tallies.get(row.index as usize);
        self.rows[start..end].iter().filter_map(said)
    }

    /// The rows of a conversation with their sources, in the order of those.
    pub(crate) fn sources(&self, number: u32) -> impl Iterator<Item = (u32, TallyRef<'v>)> {
        let start = self.starts.get(number as usize).map_or(self.rows.len(), |start| *start as usize);
        let end = self.starts.get(number as usize + 1).map_or(self.rows.len(), |end| *end as usize);
        self.rows[start..end].iter().filter_map(|row| {
            let said = self.view.facts.sources.get(row.source as usize)?.said.tallies.get(row.index as usize)?;
            Some((row.source, said))
        })
    }

    /// Reads something of a conversation, so that it is on its way: rows lie in another order than they are shown. What it gives means
    /// nothing.
    fn ahead(&self, number: usize) -> u64 {
        let row = self.starts.get(number).and_then(|start| self.rows.get(*start as usize));
        let said = row.and_then(|row| self.view.facts.sources.get(row.source as usize)?.said.tallies.get(row.index as usize));
        said.map_or(0, |said| said.counters().packets_out ^ u64::from(said.counters().roles_known))
    }

    fn first(&self, number: usize) -> Option<TallyRef<'v>> {
        self.said(number).next()
    }

    /// The counters of a conversation. Most have one row; only others are summed.
    fn counters(&self, number: usize) -> Tally<()> {
        let mut rows = self.said(number);
        match (rows.next(), rows.next()) {
            (Some(row), None) => row.counters().with(()),
            (first, second) => {
                let mut sum = Tally::default();
                first.into_iter().chain(second).chain(rows).for_each(|row| sum.add(&row.tally()));
                sum.with(())
            }
        }
    }

    pub(crate) fn operations(&self, number: usize) -> Vec<(&'v str, Uses)> {
        let mut operations: Vec<(&str, Uses)> = self.said(number).flat_map(TallyRef::operations).collect();
        operations.sort_by_key(|(name, _)| *name);
        operations.dedup_by(|next, sum| {
            let same = next.0 == sum.0;
            if same {
                sum.1 = Uses { class: sum.1.class.max(next.1.class), count: sum.1.count.saturating_add(next.1.count) };
            }
            same
        });
        operations
    }

    /// A conversation, as the document has it.
    pub(super) fn conversation(&self, number: usize) -> document::Conversation {
        std::hint::black_box(self.ahead(number + AHEAD));
        let (row, sum) = (self.row(number), self.counters(number));
        let address = |shift: u32| self.addresses.get((row.order >> shift) as u32 as usize).map_or("", |(text, _)| text).to_owned();
        let device = |side: Whose| self.component(side).and_then(|at| self.view.id(at as usize));
        let endpoint = self.first(number).map(TallyRef::endpoint);
        let operations = self.operations(number);
        document::Conversation {
            client: document::Party { device: device(row.client), address: address(96) },
            server: document::Party { device: device(row.server), address: address(64) },
            protocol: self.first(number).map(|row| row.protocol().to_owned()).unwrap_or_default(),
            transport: endpoint.map(|endpoint| endpoint.transport.name().to_owned()).unwrap_or_default(),
            port: endpoint.map_or(0, |endpoint| endpoint.port),
            packets: sum.packets_out.saturating_add(sum.packets_in),
            bytes: sum.bytes_out.saturating_add(sum.bytes_in),
            operations: operations.iter().map(|(name, uses)| ((*name).to_owned(), uses.count)).collect(),
            operation_classes: classes(&operations),
            first_seen: time(sum.first.time),
            last_seen: time(sum.last.time),
        }
    }

    /// What they tell of one component.
    pub(super) fn component_of(&self, at: usize) -> Of<'v> {
        let sum = self.sums.get(at).cloned().unwrap_or_default();
        let scans = Some(sum.tried.1).filter(|_| sum.tried.0 >= SCANS_MIN && sum.tried.0 > sum.answered);
        let mut of = Of { sent: sum.sent, received: sum.received, span: sum.span, scans, forwards: self.forwards(at), ..Of::default() };
        for Asked { protocol, talk, nearby, around } in sum.asks {
            if NO_ROLES.contains(&protocol) {
                of.speaks.push((protocol, talk));
            } else {
                of.roles.push(Acting { role: Role { protocol, serves: false }, talk, nearby, around });
            }
        }
        for Shown { number, port, by_client } in self.served.get(at) {
            let number = *number as usize;
            let Some(said) = self.first(number) else { continue };
            of.serves(said.protocol(), number as u32);
            let Some(port) = *port else { continue };
            if said.protocol() == "tcp" && port < DYNAMIC_PORTS {
                of.unknown.get_or_insert(number as u32);
            }
            let (row, sum) = (self.row(number), self.counters(number));
            let span = (sum.first.time, sum.last.time);
            let served = of.services.entry((said.protocol(), Endpoint { port, ..said.endpoint() })).or_default();
            served.clients.push(if *by_client { ((row.order >> 64) as u32, row.server) } else { ((row.order >> 96) as u32, row.client) });
            served.span = Some(served.span.map_or(span, |known| wider(known, span)));
        }
        of.roles.sort();
        of
    }
}

/// A host of a source.
fn known(view: &View<'_>, source: u32, host: &Subject, found: &mut Found, side: impl Fn(&Subject, i64) -> Whose) -> Known {
    let address = host.ip.map(Address::Ip).or_else(|| host.mac.map(Address::Mac)).unwrap_or(Address::Unknown);
    let settled = view.is_settled(&view.facts.host_key(source, host));
    Known { address: found.number(address), side: settled.then(|| side(host, 0)) }
}

/// Every protocol of a row, in their order.
fn protocols<'v>(view: &'v View<'_>) -> Vec<&'v str> {
    let mut protocols: Vec<&str> = view.facts.sources.iter().flat_map(|one| one.said.tallies.names()).collect();
    protocols.sort_unstable();
    protocols.dedup();
    protocols
}

/// The place of a transport in the order of names.
const fn rank(transport: Transport) -> u128 {
    match transport {
        Transport::Ethernet => 0,
        Transport::Ip => 1,
        Transport::Sctp => 2,
        Transport::Tcp => 3,
        Transport::Udp => 4,
    }
}

/// Addresses as text, in their order; rows, which have them by number, have them by rank then.
fn ranked(addresses: &[Address], rows: &mut [Row]) -> Vec<(Box<str>, Address)> {
    let begin = |text: &str| {
        let mut begin = [0; 16];
        begin.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        u128::from_be_bytes(begin)
    };
    let mut texts: Vec<(u128, Box<str>, u32)> = Vec::with_capacity(addresses.len());
    for (address, number) in addresses.iter().zip(0..) {
        let text = address.to_string().into_boxed_str();
        texts.push((begin(&text), text, number));
    }
    texts.sort_unstable();
    let mut ranks = vec![0u32; texts.len()];
    texts.iter().zip(0..).for_each(|((.., number), rank)| ranks[*number as usize] = rank);
    let rank = |number: u128| u128::from(ranks[number as u32 as usize]);
    for row in rows {
        row.order = rank(row.order >> 96) << 96 | rank(row.order >> 64) << 64 | row.order & u128::from(u64::MAX);
    }
    texts.into_iter().map(|(_, text, number)| (text, addresses[number as usize])).collect()
}

impl<'v> Of<'v> {
    fn serves(&mut self, protocol: &'v str, talk: u32) {
        let role = Role { protocol, serves: true };
        if !NO_ROLES.contains(&protocol) && !self.roles.iter().any(|acting| acting.role == role) {
            self.roles.push(Acting { role, talk, nearby: false, around: false });
        }
    }

    pub(super) fn services(&self) -> Vec<document::Service> {
        let clients = |served: &Served| {
            let mut clients = served.clients.clone();
            clients.sort_unstable();
            clients.dedup();
            clients.len() as u64
        };
        let service = |((protocol, endpoint), served): (&(&str, Endpoint), &Served)| document::Service {
            protocol: (*protocol).to_owned(),
            transport: endpoint.transport.name().into(),
            port: endpoint.port,
            clients: clients(served),
            first_seen: served.span.and_then(|span| time(span.0)),
            last_seen: served.span.and_then(|span| time(span.1)),
            secured: None,
        };
        self.services.iter().map(service).collect()
    }
}

/// Operations summed by what they do.
fn classes(operations: &[(&str, Uses)]) -> BTreeMap<String, u64> {
    let mut classes: BTreeMap<String, u64> = BTreeMap::new();
    for (_, uses) in operations {
        let sum = classes.entry(uses.class.name().to_owned()).or_default();
        *sum = sum.saturating_add(uses.count);
    }
    classes
}

/// Whether it is known which side is the server: by handshake, or because the protocol was recognised.
fn is_known(protocol: &str, endpoint: Endpoint, tally: &Tally<()>) -> bool {
    let recognised = protocol != endpoint.transport.name();
    let carried = matches!(endpoint.transport, Transport::Tcp | Transport::Udp | Transport::Sctp);
    carried && (tally.roles_known || recognised)
}
