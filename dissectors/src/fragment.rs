//! Fragments of IPv4 and IPv6 datagrams, kept until the others come.
//!
//! What becomes of a datagram depends on its own fragments alone, as long as no global cap ([`DATAGRAMS_HELD`], [`BYTES_HELD`]) is hit: nothing is swept by time, only the datagram
//! that was touched longest ago makes room when a cap demands it.

use std::collections::BTreeMap;
use std::iter;

use crate::limits::Limits;
use hashbrown::HashMap;

/// The counter of the global cap [`Limits::fragmented`]: each count may have cost a datagram.
pub const DATAGRAMS_HELD: &str = "fragmented datagrams held";
/// The counter of the global cap [`Limits::fragment_bytes`]: each count may have cost a datagram.
pub const BYTES_HELD: &str = "fragment bytes held";

/// A datagram of 65,535 bytes over links of the least MTU that is in use (576) is cut into 120.
const PIECES_MAX: usize = 128;
/// RFC 791 §3.1: no datagram is longer.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// RFC 1122 §3.3.2 wants 60 to 120 s and Linux has 30; here it is the gap between two fragments of one datagram, in packet time.
const TIMEOUT_NS: u64 = 30_000_000_000;
/// What a piece costs beside its bytes, rounded up: an attacker's one-byte pieces must not cost more than they count.
const PIECE_OVERHEAD: usize = 128;

/// What the fragments of one datagram have in common: RFC 791 §3.2, RFC 8200 §4.5 (there without the protocol), and the overlay network.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    pub(crate) v6: bool,
    pub(crate) src: [u8; 16],
    pub(crate) dst: [u8; 16],
    pub(crate) vni: u32,
    pub(crate) protocol: u8,
    pub(crate) id: u32,
}

/// A fragment as the walk found it; not empty, and a multiple of eight bytes long if more follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) key: Key,
    /// What the payload is, by this fragment's header.
    pub(crate) protocol: u8,
    /// Where the bytes belong in the payload of the datagram.
    pub(crate) offset: usize,
    pub(crate) more: bool,
    /// The IP header with all that precedes the fragment's bytes, and where it lies in the packet.
    pub(crate) header: &'a [u8],
    pub(crate) header_at: usize,
    /// The fragment's bytes, and where they lie in the packet.
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

/// Where one stretch of a reassembled datagram was captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it begins in [`Detached::bytes`].
    pub start: u32,
    /// Its length.
    pub length: u32,
    /// The packet, as [`crate::packet::Packet::id`].
    pub packet_id: u64,
    /// Where it begins in the captured frame.
    pub frame_offset: u32,
}

/// A reassembled datagram: the IP header of its first fragment as captured (for IPv6 up to the fragment header's end), then the whole payload.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Detached {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where they come from: in order, without gaps.
    pub pieces: Vec<Piece>,
}

impl Detached {
    /// Where `length` bytes from `start` on were captured, in order; `start` of each piece counts in these bytes. What reaches beyond the datagram has no origin.
    pub fn trace(&self, start: u32, length: u32) -> impl Iterator<Item = Piece> + '_ {
        let end = start.saturating_add(length);
        let first = self.pieces.partition_point(|p| p.start.saturating_add(p.length) <= start);
        self.pieces.get(first..).unwrap_or_default().iter().take_while(move |p| p.start < end).map(move |p| {
            let from = p.start.max(start);
            let to = p.start.saturating_add(p.length).min(end);
            Piece { start: from - start, length: to - from, packet_id: p.packet_id, frame_offset: p.frame_offset.saturating_add(from - p.start) }
        })
    }
}

/// Where the bytes that a walk reads come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// A captured packet, by its id.
    Packet(u64),
    /// A datagram that was reassembled itself.
    Detached(&'a Detached),
}

impl Origin<'_> {
    fn trace(self, at: usize, length: usize) -> Vec<Piece> {
        let (at, length) = (narrow(at), narrow(length));
        match self {
            Self::Packet(packet_id) => vec![Piece { start: 0, length, packet_id, frame_offset: at }],
            Self::Detached(outer) => outer.trace(at, length).collect(),
        }
    }
}

/// What became of a fragment.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It waits for others.
    Held,
    /// It broke a rule or a limit.
    Dropped,
    /// It was the last: the datagram, the length of its header, and what its payload is.
    Whole(Detached, usize, u8),
}

/// Bytes with their origin.
#[derive(Debug, Default)]
struct Chunk {
    start: usize,
    bytes: Vec<u8>,
    origin: Vec<Piece>,
}

impl Chunk {
    fn end(&self) -> usize {
        self.start + self.bytes.len()
    }

    fn cost(&self) -> usize {
        self.bytes.len() + self.origin.len() * size_of::<Piece>() + PIECE_OVERHEAD
    }
}

/// A datagram of which something lacks.
#[derive(Debug, Default)]
struct Held {
    /// The first fragment's header and the protocol that it names.
    header: Option<(Chunk, u8)>,
    /// In order, without overlaps.
    chunks: Vec<Chunk>,
    received: usize,
    /// The payload's length, once the last fragment is there.
    total: Option<usize>,
    cost: usize,
    last_time: i64,
    /// Its place in the order of touches.
    touch: u64,
}

/// All datagrams of which something lacks.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    held: HashMap<Key, Held, foldhash::fast::RandomState>,
    /// The same by their last touch.
    order: BTreeMap<u64, Key>,
    touches: u64,
    cost: usize,
    counts: Counts,
    limits: Limits,
}

#[derive(Debug, Default)]
struct Counts {
    datagrams: u64,
    bytes: u64,
    pieces: u64,
    oversize: u64,
    overlaps: u64,
    contradictions: u64,
    timeouts: u64,
}

impl Fragments {
    /// None, with these limits.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, ..Self::default() }
    }

    /// Datagrams and bytes that are held.
    pub(crate) fn used(&self) -> [u64; 2] {
        [self.held.len() as u64, self.cost as u64]
    }

    /// Takes a fragment. `lent` are bytes of whole datagrams that are still in use: they count as held.
    pub(crate) fn add(&mut self, fragment: &Fragment<'_>, origin: Origin<'_>, time: i64, lent: usize) -> Outcome {
        let mut held = self.take(&fragment.key, time);
        if let Err(count) = held.insert(fragment, origin, &mut self.counts.overlaps) {
            *count(&mut self.counts) += 1;
            return Outcome::Dropped;
        }
        if let Some((detached, header, protocol)) = held.whole() {
            if lent.saturating_add(detached.bytes.len()) > self.limits.fragment_bytes {
                self.counts.bytes += 1;
                return Outcome::Dropped;
            }
            return Outcome::Whole(detached, header, protocol);
        }
        self.make_room(held.cost.saturating_add(lent), time);
        if self.cost.saturating_add(held.cost).saturating_add(lent) > self.limits.fragment_bytes {
            return Outcome::Dropped;
        }
        self.touches += 1;
        held.touch = self.touches;
        held.last_time = time;
        self.cost += held.cost;
        self.order.insert(held.touch, fragment.key);
        self.held.insert(fragment.key, held);
        Outcome::Held
    }

    /// Counters by name.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let counts = &self.counts;
        [
            (DATAGRAMS_HELD, counts.datagrams),
            (BYTES_HELD, counts.bytes),
            ("fragments of one datagram", counts.pieces),
            ("fragment beyond 65,535 bytes", counts.oversize),
            ("fragments overlap", counts.overlaps),
            ("fragments contradict each other", counts.contradictions),
            ("fragments too far apart in time", counts.timeouts),
        ]
        .into_iter()
    }

    /// What is held of this datagram, or a new one.
    fn take(&mut self, key: &Key, time: i64) -> Held {
        let Some(held) = self.held.remove(key) else { return Held::default() };
        self.order.remove(&held.touch);
        self.cost -= held.cost;
        if is_stale(&held, time) {
            self.counts.timeouts += 1;
            return Held::default();
        }
        held
    }

    /// Lets go of what was touched longest ago. Only what could still have been completed counts as lost.
    fn make_room(&mut self, cost: usize, time: i64) {
        loop {
            let (datagrams, bytes) = (self.held.len() >= self.limits.fragmented, self.cost.saturating_add(cost) > self.limits.fragment_bytes);
            if !(datagrams || bytes) {
                return;
            }
            let Some(held) = self.order.pop_first().and_then(|(_, key)| self.held.remove(&key)) else {
                self.counts.bytes += 1;
                return;
            };
            self.cost -= held.cost;
            if !is_stale(&held, time) {
                self.counts.datagrams += u64::from(datagrams);
                self.counts.bytes += u64::from(bytes);
            }
        }
    }
}

fn is_stale(held: &Held, time: i64) -> bool {
    held.last_time.abs_diff(time) > TIMEOUT_NS
}

/// Why a datagram is dropped: the counter that says so.
type Drop = fn(&mut Counts) -> &mut u64;

impl Held {
    /// The first bytes win. RFC 5722 would drop an overlapped IPv6 datagram, as hosts do; a listener reports it and shows what came first.
    fn insert(&mut self, fragment: &Fragment<'_>, origin: Origin<'_>, overlaps: &mut u64) -> Result<(), Drop> {
        let (start, end) = (fragment.offset, fragment.offset + fragment.bytes.len());
        if end > DATAGRAM_BYTES_MAX {
            return Err(|counts| &mut counts.oversize);
        }
        let reached = self.chunks.last().map_or(0, Chunk::end);
        let contradicts = match self.total {
            Some(total) => end > total || (!fragment.more && end != total),
            None => !fragment.more && reached > end,
        };
        if contradicts {
            return Err(|counts| &mut counts.contradictions);
        }
        if !fragment.more {
            self.total = Some(end);
        }
        let gaps = self.gaps(start, end);
        if self.chunks.len() + gaps.len() > PIECES_MAX {
            return Err(|counts| &mut counts.pieces);
        }
        let repeated = self.chunks.iter().any(|c| c.start == start && c.bytes == fragment.bytes);
        if !repeated && gaps != [(start, end)] {
            *overlaps += 1;
        }
        for (from, to) in gaps {
            let bytes = fragment.bytes.get(from - start..to - start).unwrap_or_default().to_vec();
            let chunk = Chunk { start: from, origin: origin.trace(fragment.at + from - start, bytes.len()), bytes };
            self.received += chunk.bytes.len();
            self.cost += chunk.cost();
            let place = self.chunks.partition_point(|c| c.start < from);
            self.chunks.insert(place, chunk);
        }
        if start == 0 && self.header.is_none() {
            let chunk = Chunk { start: 0, bytes: fragment.header.to_vec(), origin: origin.trace(fragment.header_at, fragment.header.len()) };
            self.cost += chunk.cost();
            self.header = Some((chunk, fragment.protocol));
        }
        Ok(())
    }

    /// The stretches between `start` and `end` that are not there yet.
    fn gaps(&self, start: usize, end: usize) -> Vec<(usize, usize)> {
        let mut gaps = Vec::new();
        let mut at = start;
        let first = self.chunks.partition_point(|c| c.end() <= start);
        for chunk in self.chunks.iter().skip(first).take_while(|c| c.start < end) {
            if chunk.start > at {
                gaps.push((at, chunk.start));
            }
            at = at.max(chunk.end());
        }
        if at < end {
            gaps.push((at, end));
        }
        gaps
    }

    /// The datagram, if nothing lacks.
    fn whole(&self) -> Option<(Detached, usize, u8)> {
        let (header, protocol) = self.header.as_ref().filter(|_| self.total == Some(self.received))?;
        let mut detached =
            Detached { bytes: Vec::with_capacity(header.bytes.len() + self.received), pieces: Vec::with_capacity(self.chunks.len() + 1) };
        for chunk in iter::once(header).chain(&self.chunks) {
            let start = narrow(detached.bytes.len());
            detached.pieces.extend(chunk.origin.iter().map(|p| Piece { start: start.saturating_add(p.start), ..*p }));
            detached.bytes.extend_from_slice(&chunk.bytes);
        }
        Some((detached, header.bytes.len(), *protocol))
    }
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
