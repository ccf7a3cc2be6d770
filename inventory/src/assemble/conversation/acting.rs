//! What components do in their conversations, and where that is seen.

use super::{Address, Row, Traffic};
use crate::assemble::View;
use crate::document;
use crate::gather::{Name, Span, wider};
use crate::place::is_public;
use crate::resolve::Node;
use fingerprints::behaviour::Role;
use foldhash::fast::RandomState;
use observations::{Endpoint, Mac, Stamp, Tally, Transport};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Protocols that say nothing of who speaks them.
pub(super) const BARE: &[&str] = &["arp", "eth", "ip", "ipv6", "udp", "sctp", "ethernet", "icmpv6", "igmp"];

/// TCP conversations in which nothing was said, from which on a host that has more of them than of others scans: a client whose few
/// servers are off tries fewer addresses and ports.
pub(super) const SCANS_MIN: u32 = 16;

/// Packets of a TCP connection that is opened and closed (RFC 9293 §3.5 and §3.6).
const HANDSHAKE: u64 = 7;

/// What one component sent and received, and in which protocols it asks.
#[derive(Clone, Default)]
pub(super) struct Sum<'v> {
    pub(super) sent: document::Traffic,
    pub(super) received: document::Traffic,
    pub(super) span: Option<Span>,
    pub(super) asks: Vec<Asked<'v>>,
    /// One of its conversations.
    pub(super) talk: Option<u32>,
    /// TCP conversations that it began and in which something was said; and others, with one of them.
    pub(super) answered: u32,
    pub(super) tried: (u32, u32),
}

/// A protocol in which a component asks.
#[derive(Clone, Copy)]
pub(super) struct Asked<'v> {
    pub(super) protocol: &'v str,
    /// Where.
    pub(super) talk: u32,
    /// Somebody of its own network answers there.
    pub(super) nearby: bool,
    /// A group was asked.
    pub(super) around: bool,
}

/// A role, and where it is played.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::assemble) struct Acting<'v> {
    pub(in crate::assemble) role: Role<'v>,
    pub(in crate::assemble) talk: u32,
    /// Somebody of its own network answers.
    pub(in crate::assemble) nearby: bool,
    /// A group was asked.
    pub(in crate::assemble) around: bool,
}

impl<'v> Sum<'v> {
    pub(super) fn asks(&mut self, asked: Asked<'v>) {
        match self.asks.iter_mut().find(|known| known.protocol == asked.protocol) {
            Some(known) => {
                let around = known.around || asked.around;
                if !known.nearby && asked.nearby {
                    *known = asked;
                }
                known.around = around;
            }
            None => self.asks.push(asked),
        }
    }

    /// Notes whether anything was said: of an unknown protocol a handshake and its end is nothing.
    pub(super) fn tries(&mut self, number: u32, (protocol, endpoint): (&str, Endpoint), sum: &Tally<()>) {
        self.talk.get_or_insert(number);
        if endpoint.transport == Transport::Tcp && sum.packets_out > 0 {
            let packets = sum.packets_out.saturating_add(sum.packets_in);
            let nothing = protocol == "tcp" && packets <= HANDSHAKE.saturating_mul(sum.flows.max(1));
            if sum.directions == 3 && !nothing {
                self.answered += 1;
            } else {
                self.tried = (self.tried.0 + 1, number);
            }
        }
    }

    pub(super) fn add(&mut self, sent: (u64, u64), received: (u64, u64), span: Span) {
        self.sent.packets += sent.0;
        self.sent.bytes += sent.1;
        self.received.packets += received.0;
        self.received.bytes += received.1;
        if sent.0 > 0 {
            self.span = Some(self.span.map_or(span, |known| wider(known, span)));
        }
    }
}

impl<'v> Traffic<'v> {
    /// Whether the server is of a network that was watched, or could be.
    pub(super) fn is_near(&self, row: &Row) -> bool {
        let heard = self.component(row.server).is_some_and(|at| self.view.resolved.components[at as usize].heard);
        let public = |shift: u32| {
            let address = self.addresses.get((row.order >> shift) as u32 as usize).map(|(_, address)| *address);
            matches!(address, Some(Address::Ip(ip)) if is_public(&ip))
        };
        // Plants use public addresses as their own.
        heard || !public(64) || public(96)
    }

    /// A conversation of somebody whose packets a component hands on.
    pub(super) fn forwards(&self, at: usize) -> Option<u32> {
        if self.behind.is_empty() {
            return None;
        }
        let component = self.view.resolved.components.get(at)?;
        let behind = component.macs().find_map(|mac| self.behind.get(&(component.site(), mac)))?;
        self.sums.get(*behind as usize)?.talk
    }

    /// The first packet of a conversation: source, protocol, stamp.
    pub(in crate::assemble) fn opening(&self, number: u32) -> Option<(u32, &'v str, Stamp)> {
        let start = *self.starts.get(number as usize)? as usize;
        let end = self.starts.get(number as usize + 1).map_or(self.rows.len(), |end| *end as usize);
        let first = |row: &Row| {
            let said = self.view.facts.sources.get(row.source as usize)?.said.tallies.get(row.index as usize)?;
            Some((said.counters().first, row.source, said.protocol()))
        };
        let (stamp, source, protocol) =
            self.rows[start..end].iter().filter_map(first).min_by_key(|(stamp, source, _)| (stamp.time, *source, stamp.packet))?;
        Some((source, protocol, stamp))
    }
}

/// Of each next hop a component behind it.
pub(super) fn behind(view: &View<'_>) -> HashMap<(Name, Mac), u32, RandomState> {
    let mut behind = HashMap::default();
    for (address, hops) in &view.places.behind {
        for hop in hops.iter().filter(|hop| view.places.next_hops.contains(&(address.0, **hop))) {
            if let Entry::Vacant(place) = behind.entry((address.0, *hop))
                && let Some(at) = view.resolved.component_of(&Node::Ip(*address))
            {
                place.insert(at as u32);
            }
        }
    }
    behind
}
