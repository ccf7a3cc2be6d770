//! What both file formats share: the end of a walk over a buffer, and the choice between the two walks.

use super::block::{Health, Reason, Record};
use super::pcap::PcapWalk;
use super::pcapng::PcapngWalk;

/// How far a walk over a buffer came.
#[derive(Debug)]
pub(crate) struct Walked {
    /// Bytes that are done with; what follows them is wanted again, with more behind it.
    pub(crate) consumed: usize,
    /// Bytes that the next record needs, from `consumed` on; 0 if the walk stopped only because the block is full.
    pub(crate) needed: usize,
    /// What ends the file here.
    pub(crate) damage: Option<Reason>,
}

impl Walked {
    /// The record at `consumed` is not whole.
    pub(crate) const fn wants(consumed: usize, needed: usize) -> Self {
        Self { consumed, needed, damage: None }
    }

    /// The block is full.
    pub(crate) const fn full(consumed: usize) -> Self {
        Self { consumed, needed: 0, damage: None }
    }

    /// The record at `consumed` is damaged.
    pub(crate) const fn damaged(consumed: usize, reason: Reason) -> Self {
        Self { consumed, needed: 0, damage: Some(reason) }
    }
}

/// The walk that fits the file.
#[derive(Debug)]
pub(crate) enum Walk {
    Pcap(PcapWalk),
    Pcapng(PcapngWalk),
}

impl Walk {
    /// Lists the packets that lie whole in `bytes`.
    pub(crate) fn walk(&mut self, bytes: &[u8], records: &mut Vec<Record>) -> Walked {
        match self {
            Self::Pcap(walk) => walk.walk(bytes, records),
            Self::Pcapng(walk) => walk.walk(bytes, records),
        }
    }

    /// Packets read.
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Pcap(walk) => walk.number,
            Self::Pcapng(walk) => walk.number,
        }
    }

    /// Whether the file may end here, if nothing is left over.
    pub(crate) fn may_end(&self) -> bool {
        match self {
            Self::Pcap(_) => true,
            Self::Pcapng(walk) => walk.may_end(),
        }
    }

    /// What was counted.
    pub(crate) fn health(&self) -> Health {
        match self {
            Self::Pcap(walk) => walk.health,
            Self::Pcapng(walk) => walk.health(),
        }
    }
}
