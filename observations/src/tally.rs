//! Counters of a pair, absolute within one source.

use crate::evidence::Stamp;
use crate::operation::Uses;
use crate::subject::{Endpoint, Subject};
use std::collections::BTreeMap;

/// Who talks to whom by what. The client's port is not part of it: a thousand connections of one kind are one conversation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pair {
    /// The side that asks: host only.
    pub client: Subject,
    /// The side that answers: host only; `None` counts together what a client sent to more peers than [`Tally::PEERS_MAX`].
    pub server: Option<Subject>,
    /// Where it answers.
    pub endpoint: Endpoint,
    /// The protocol that was recognised, else the transport's name.
    pub protocol: String,
}

/// What a pair exchanged in one source. Packets and bytes count frames as captured on the wire (their original length), duplicates that
/// the mirror delivered twice left out.
///
/// `O` is where the operations are: by name, or elsewhere ([`crate::tallies`]).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally<O = BTreeMap<String, Uses>> {
    /// From the client.
    pub packets_out: u64,
    /// From the client.
    pub bytes_out: u64,
    /// To the client.
    pub packets_in: u64,
    /// To the client.
    pub bytes_in: u64,
    /// Conversations: connections or flows.
    pub flows: u64,
    /// The first packet.
    pub first: Stamp,
    /// The last packet.
    pub last: Stamp,
    /// Operations by the protocol's names.
    pub operations: O,
    /// Which way packets went: bit 0 from the client, bit 1 to the client.
    pub directions: u8,
    /// Whether the roles are known (a handshake or the protocol's structure) or guessed from the ports.
    pub roles_known: bool,
}

impl<O> Tally<O> {
    /// The same with other operations.
    #[must_use]
    pub fn with<P>(&self, operations: P) -> Tally<P> {
        let Self { packets_out, bytes_out, packets_in, bytes_in, flows, first, last, directions, roles_known, .. } = *self;
        Tally { packets_out, bytes_out, packets_in, bytes_in, flows, first, last, operations, directions, roles_known }
    }
}

impl Tally {
    /// One client's peers that are kept apart for one endpoint; a scanner is one row more, not 65,535.
    pub const PEERS_MAX: usize = 64;

    /// Adds what another worker, or another flow, of the *same* source counted of the same pair.
    pub fn add(&mut self, other: &Self) {
        if other.flows == 0 {
            return;
        }
        if self.flows == 0 {
            *self = other.clone();
            return;
        }
        self.packets_out = self.packets_out.saturating_add(other.packets_out);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.packets_in = self.packets_in.saturating_add(other.packets_in);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.flows = self.flows.saturating_add(other.flows);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.directions |= other.directions;
        self.roles_known |= other.roles_known;
        for (operation, uses) in &other.operations {
            let sum = self.operations.entry(operation.clone()).or_default();
            *sum = Uses { class: sum.class.max(uses.class), count: sum.count.saturating_add(uses.count) };
        }
    }

    /// Joins another copy of the same row: a killed run, or a message delivered twice. Maxima, so that nothing is counted twice.
    pub fn join(&mut self, other: &Self) {
        if other.flows == 0 {
            return;
        }
        if self.flows == 0 {
            *self = other.clone();
            return;
        }
        self.packets_out = self.packets_out.max(other.packets_out);
        self.bytes_out = self.bytes_out.max(other.bytes_out);
        self.packets_in = self.packets_in.max(other.packets_in);
        self.bytes_in = self.bytes_in.max(other.bytes_in);
        self.flows = self.flows.max(other.flows);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.directions |= other.directions;
        self.roles_known |= other.roles_known;
        for (operation, uses) in &other.operations {
            let most = self.operations.entry(operation.clone()).or_default();
            *most = Uses { class: most.class.max(uses.class), count: most.count.max(uses.count) };
        }
    }
}
