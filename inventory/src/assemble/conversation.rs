//! Conversations, services, roles and traffic, from tallies. Totals are sums over sources; within one source counters are absolute.

use crate::assemble::answer::{Questions, Serves};
use crate::assemble::{View, time};
use crate::document;
use crate::gather::{HostKey, is_own_host, own_segment};
use fingerprints::behaviour::Role;
use observations::{Endpoint, Mac, SourceSaid, Subject, Tally, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Everything that tallies tell of components.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) conversations: Vec<document::Conversation>,
    pub(super) one_way: u64,
    of: BTreeMap<usize, Of>,
}

/// What they tell of one.
#[derive(Default)]
struct Of {
    sent: document::Traffic,
    received: document::Traffic,
    services: BTreeMap<(String, Endpoint), Served>,
    roles: Vec<Role>,
    span: Option<(i64, i64)>,
}

#[derive(Default)]
struct Served {
    clients: BTreeSet<Side>,
    span: Option<(i64, i64)>,
}

/// One side of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Side {
    pub(super) component: Option<usize>,
    pub(super) address: Address,
}

/// An address as it is shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Address {
    Ip(IpAddr),
    Mac(Mac),
    Unknown,
    Many,
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

/// What makes two rows one conversation.
type Row<'s> = (Side, Side, &'s str, Endpoint);

/// Protocols whose frames are announcements: speaking them is no service to a client.
const NO_ROLES: &[&str] = &["arp", "eth", "ip", "ipv6", "tcp", "udp", "sctp", "ethernet", "icmpv6", "lldp", "cdp", "stp"];

/// Whom a source's subjects are.
struct Sides<'v, 's> {
    view: &'v View<'s>,
    site: u16,
    segments: Vec<u16>,
    /// What the capturing host says to itself.
    own: u16,
}

impl<'v, 's> Sides<'v, 's> {
    fn of(view: &'v View<'s>, one: &SourceSaid) -> Self {
        let number = |names: &[String], name: &str| names.iter().position(|known| known == name).and_then(|at| u16::try_from(at).ok()).unwrap_or(0);
        Self {
            view,
            site: number(&view.facts.sites, &one.source.site),
            segments: one.source.segments.iter().map(|name| number(&view.facts.segments, name)).collect(),
            own: number(&view.facts.segments, &own_segment(&one.source.key)),
        }
    }

    fn side(&self, subject: &Subject, at: i64) -> Side {
        let segment = self.segments.get(usize::from(subject.segment.0)).copied().unwrap_or(0);
        let segment = if is_own_host(subject) { self.own } else { segment };
        let key = HostKey { site: self.site, segment, mac: subject.mac, ip: subject.ip };
        let component = self.view.component_at(&key, at);
        let address = subject.ip.map(Address::Ip).or_else(|| subject.mac.map(Address::Mac)).unwrap_or(Address::Unknown);
        Side { component, address }
    }
}

impl Traffic {
    pub(super) fn of(view: &View<'_>) -> Self {
        let mut traffic = Self::default();
        let mut rows: Vec<(Row<'_>, &Tally)> = Vec::new();
        for one in view.said.sources.values() {
            let sides = Sides::of(view, one);
            for (pair, tally) in &one.tallies {
                let client = sides.side(&pair.client, tally.first.time);
                let server =
                    pair.server.as_ref().map_or(Side { component: None, address: Address::Many }, |server| sides.side(server, tally.first.time));
                rows.push(((client, server, pair.protocol.as_str(), pair.endpoint), tally));
            }
        }
        rows.sort_by_key(|row| row.0);
        let mut questions = Questions::default();
        for ((client, server, protocol, endpoint), tally) in &rows {
            questions.hear(client, server, protocol, *endpoint, tally);
        }
        for same in rows.chunk_by(|a, b| a.0 == b.0) {
            let Some(((client, server, protocol, endpoint), first)) = same.first() else { continue };
            // Most pairs stand in one source with one row; only others are summed.
            if let [_] = same {
                traffic.take(view, &questions, (client, server, protocol, *endpoint), first);
                continue;
            }
            let mut sum = Tally::default();
            same.iter().for_each(|(_, tally)| sum.add(tally));
            traffic.take(view, &questions, (client, server, protocol, *endpoint), &sum);
        }
        traffic.conversations.sort_by(|a, b| order(a).cmp(&order(b)));
        for of in traffic.of.values_mut() {
            of.roles.sort();
            of.roles.dedup();
        }
        traffic
    }

    fn take(&mut self, view: &View<'_>, questions: &Questions<'_>, row: (&Side, &Side, &str, Endpoint), tally: &Tally) {
        let ((client, server, protocol, endpoint), span) = (row, (tally.first.time, tally.last.time));
        let serves = if is_known(protocol, endpoint, tally) { questions.served(client, server, protocol, endpoint, tally) } else { Serves::Nothing };
        if let Some(at) = client.component {
            let of = self.of.entry(at).or_default();
            of.add(tally.packets_out, tally.bytes_out, tally.packets_in, tally.bytes_in, (tally.packets_out > 0).then_some(span));
            if let Serves::Client(port) = serves {
                of.serves(protocol, Endpoint { port, ..endpoint }, server, span);
            } else if tally.packets_out > 0 {
                of.plays(protocol, false);
            }
        }
        if let Some(at) = server.component {
            let of = self.of.entry(at).or_default();
            of.add(tally.packets_in, tally.bytes_in, tally.packets_out, tally.bytes_out, (tally.packets_in > 0).then_some(span));
            match serves {
                Serves::Server(port) => of.serves(protocol, Endpoint { port, ..endpoint }, client, span),
                Serves::ServerSomewhere => of.plays(protocol, true),
                Serves::Client(_) | Serves::Nothing => {}
            }
        }
        let unicast = server.component.is_some() || endpoint.transport == Transport::Tcp;
        self.one_way += u64::from(unicast && tally.directions != 3);
        let party =
            |side: &Side| document::Party { device: side.component.and_then(|at| view.id(at)).map(str::to_owned), address: side.address.to_string() };
        self.conversations.push(document::Conversation {
            client: party(client),
            server: party(server),
            protocol: protocol.to_owned(),
            transport: endpoint.transport.name().into(),
            port: endpoint.port,
            packets: tally.packets_out.saturating_add(tally.packets_in),
            bytes: tally.bytes_out.saturating_add(tally.bytes_in),
            operations: tally.operations.iter().map(|(name, uses)| (name.clone(), uses.count)).collect(),
            operation_classes: classes(tally),
            first_seen: time(span.0),
            last_seen: time(span.1),
        });
    }

    pub(super) fn roles(&self, at: usize) -> &[Role] {
        self.of.get(&at).map_or(&[], |of| &of.roles)
    }

    pub(super) fn span(&self, at: usize) -> Option<(i64, i64)> {
        self.of.get(&at)?.span
    }

    pub(super) fn sent(&self, at: usize) -> document::Traffic {
        self.of.get(&at).map(|of| of.sent.clone()).unwrap_or_default()
    }

    pub(super) fn received(&self, at: usize) -> document::Traffic {
        self.of.get(&at).map(|of| of.received.clone()).unwrap_or_default()
    }

    pub(super) fn services(&self, at: usize) -> Vec<document::Service> {
        let services = self.of.get(&at).into_iter().flat_map(|of| &of.services);
        let service = |((protocol, endpoint), served): (&(String, Endpoint), &Served)| document::Service {
            protocol: protocol.clone(),
            transport: endpoint.transport.name().into(),
            port: endpoint.port,
            clients: served.clients.len() as u64,
            first_seen: served.span.and_then(|span| time(span.0)),
            last_seen: served.span.and_then(|span| time(span.1)),
            secured: None,
        };
        services.map(service).collect()
    }
}

impl Of {
    fn serves(&mut self, protocol: &str, endpoint: Endpoint, client: &Side, span: (i64, i64)) {
        let served = self.services.entry((protocol.to_owned(), endpoint)).or_default();
        served.clients.insert(*client);
        served.span = Some(served.span.map_or(span, |old| (old.0.min(span.0), old.1.max(span.1))));
        self.plays(protocol, true);
    }

    fn plays(&mut self, protocol: &str, serves: bool) {
        if !NO_ROLES.contains(&protocol) && !self.roles.iter().any(|role| role.serves == serves && role.protocol == protocol) {
            self.roles.push(Role { protocol: protocol.to_owned(), serves });
        }
    }

    fn add(&mut self, sent: u64, sent_bytes: u64, received: u64, received_bytes: u64, spoke: Option<(i64, i64)>) {
        self.sent.packets += sent;
        self.sent.bytes += sent_bytes;
        self.received.packets += received;
        self.received.bytes += received_bytes;
        if let Some(span) = spoke {
            self.span = Some(self.span.map_or(span, |old| (old.0.min(span.0), old.1.max(span.1))));
        }
    }
}

/// Operations summed by what they do.
fn classes(tally: &Tally) -> BTreeMap<String, u64> {
    let mut classes: BTreeMap<String, u64> = BTreeMap::new();
    for uses in tally.operations.values() {
        let sum = classes.entry(uses.class.name().to_owned()).or_default();
        *sum = sum.saturating_add(uses.count);
    }
    classes
}

/// Whether it is known which side is the server: by handshake, or because the protocol was recognised.
fn is_known(protocol: &str, endpoint: Endpoint, tally: &Tally) -> bool {
    let recognised = protocol != endpoint.transport.name();
    let carried = matches!(endpoint.transport, Transport::Tcp | Transport::Udp | Transport::Sctp);
    carried && (tally.roles_known || recognised)
}

fn order(conversation: &document::Conversation) -> (&str, &str, &str, &str, u16, &Option<String>, &Option<String>) {
    let document::Conversation { client, server, protocol, transport, port, .. } = conversation;
    (&client.address, &server.address, protocol, transport, *port, &client.device, &server.device)
}
