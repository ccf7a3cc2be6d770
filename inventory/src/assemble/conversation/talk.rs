//! Conversations for those who ask what they mean.

use super::Traffic;
use crate::gather::Span;
use observations::{Stamp, Transport};

/// A conversation, for those who ask what it means.
pub(crate) struct Talk<'t> {
    pub(crate) protocol: &'t str,
    pub(crate) transport: Transport,
    /// The server's.
    pub(crate) port: u16,
    /// Who asks; none is known of groups, and of those whose address was several devices'.
    pub(crate) client: Option<usize>,
    /// Who answers.
    pub(crate) server: Option<usize>,
    pub(crate) client_address: &'t str,
    pub(crate) server_address: &'t str,
    /// Packets went both ways.
    pub(crate) both: bool,
    pub(crate) span: Span,
    /// Its first packet.
    pub(crate) first: Stamp,
    /// The source that the packet is of.
    pub(crate) source: u32,
}

impl Traffic<'_> {
    /// Conversations in protocols of which `wanted` says so, with their numbers.
    pub(crate) fn talks(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (u32, Talk<'_>)> {
        // Each protocol is asked about once, and of the others nothing is read but their number.
        let wanted: Vec<bool> = self.protocols.iter().map(|protocol| wanted(protocol)).collect();
        let of_interest = move |number: &u32| wanted.get(self.row(*number as usize).protocol() as usize) == Some(&true);
        (0..self.starts.len() as u32).filter(of_interest).filter_map(|number| Some((number, self.talk(number)?)))
    }

    /// When a component spoke and one of its conversations, if it sent at most so many packets and nobody sent it any.
    pub(crate) fn unanswered(&self, at: usize, most: u64) -> Option<(Span, Option<u32>)> {
        let sum = self.sums.get(at).filter(|sum| (1..=most).contains(&sum.sent.packets) && sum.received.packets == 0)?;
        Some((sum.span?, sum.talk))
    }

    /// A conversation by its number.
    pub(crate) fn talk(&self, number: u32) -> Option<Talk<'_>> {
        let (row, sum) = (self.row(number as usize), self.counters(number as usize));
        let said = self.first(number as usize)?;
        let address = |shift: u32| self.addresses.get((row.order >> shift) as u32 as usize).map_or("", |(text, _)| text);
        let of = |whose| self.component(whose).map(|at| at as usize);
        let endpoint = said.endpoint();
        Some(Talk {
            protocol: said.protocol(),
            transport: endpoint.transport,
            port: endpoint.port,
            client: of(row.client),
            server: of(row.server),
            client_address: address(96),
            server_address: address(64),
            both: sum.directions == 3,
            span: (sum.first.time, sum.last.time),
            first: sum.first,
            source: row.source,
        })
    }
}
