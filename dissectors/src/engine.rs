//! The library's face: feed it packets of one source, it hears what they say.
//!
//! An engine owns its conversations, their readers and its ledger; nothing is shared and nothing is locked. Which engine a packet goes to
//! is decided by [`Frame::shard`]; what an engine says depends only on packets that this brings together.

mod ahead;
mod count;
mod given;
mod read;
mod stream;

pub(crate) use read::count as count_operation;

use crate::again::Again;
use crate::context::{Layers, Scratch, Tagger, Troubles};
use crate::copies::COPY_NS_MAX;
#[cfg(test)]
use crate::dissector::Registered;
use crate::dissector::{At, Gate, Side};
use crate::flow::{Flow, Key, Mode, Table};
use crate::frame::Frame;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::packet::{LinkType, Packet};
use crate::reassembly::{Idle, Pieces, Stream};
use crate::registry::{Registry, RowId};
use crate::seats::{Seat, Seats, Told};
use crate::tallies::Tallies;
use observations::{Segment, Stamp, Transport};
use std::sync::Arc;

#[cfg(test)]
mod flood;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(test)]
mod tests;

/// Bytes of a payload that gates are shown.
pub const GATE_BYTES: usize = 512;

/// Payloads of each direction that are offered to dissectors before a conversation stays unknown for good.
pub const TRIES_MAX: u8 = 2;

/// The same on a port that a dissector is bound to: a connection picked up in the middle may begin with the tail of a long PDU.
pub const TRIES_BOUND_MAX: u8 = 8;

/// Distinct things that a watched conversation remembers to have read; beyond it each PDU is read again, which costs time and nothing
/// else.
pub const NOVELTIES_MAX: usize = 128;

/// PDUs of one direction that may fail to begin where one should before the conversation is only counted.
pub const LOST_MAX: u8 = 16;

/// The counter of observations that were not kept because who made them was new and answered by nobody, when three quarters of
/// [`Limits::observations`] were there.
pub const UNANSWERED_OBSERVATIONS: &str = "observations of newcomers that nobody answered";

/// The same of conversations, by [`Limits::pairs`].
pub const UNANSWERED_PAIRS: &str = "pairs of newcomers that nobody answered";

/// Of so many messages that an engine may leave unread while it is behind, it reads one: what they say comes again soon.
pub const SAMPLED: u64 = 8;

/// Where a packet was seen: VLAN (or none) to configured segment.
pub type Segmenter = Arc<dyn Fn(&Frame) -> Segment + Send + Sync>;

/// One packet with its frame, and the reassembled datagram if the frame stands in one.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// The packet.
    pub packet: Packet<'a>,
    /// The packet taken apart.
    pub frame: &'a Frame,
    /// The datagram that IP fragments gave, where [`Frame::detached`] says so.
    pub detached: Option<&'a Pieces>,
}

/// A packet's conversation: its key and that one's hash, the direction, and where it stands, if it does.
type Lookup = (Key, u64, usize, Option<u32>);

/// What a conversation with a dissector needs beyond its counters.
#[derive(Default)]
struct Reader {
    streams: [Stream; 2],
    layers: Layers,
    seen: Vec<u32>,
    operations: Vec<((RowId, u16), u64)>,
    lost: u8,
}

/// See the module.
pub struct Engine {
    registry: Arc<Registry>,
    segmenter: Option<Segmenter>,
    tagger: Option<Arc<dyn Tagger>>,
    limits: Limits,
    flows: Table,
    readers: Vec<Option<Box<Reader>>>,
    free_readers: Vec<u32>,
    ledger: Ledger,
    seats: Seats,
    again: Again,
    scratch: Scratch,
    tallies: Tallies,
    troubles: Troubles,
    candidates: Vec<RowId>,
    idle: Idle,
    /// Bytes that wait in all streams.
    stream_bytes: usize,
    duplicates: u64,
    /// TCP conversations whose opening or whose end was not seen.
    cut: u64,
    now: i64,
    /// The engine is behind the capture.
    pressed: bool,
    /// What could be left unread.
    sampled: u64,
    /// Conversations begun since idle ones were last looked for.
    begun: usize,
    lookups: Vec<Lookup>,
    /// Places of seats.
    guessed: Vec<u32>,
    /// Conversations that ended, and that nothing else knows of yet.
    over: Vec<Flow>,
}

/// The bytes at hand, and where they stand.
#[derive(Clone, Copy)]
struct Sheet<'a> {
    registry: &'a Registry,
    frame: &'a Frame,
    data: &'a [u8],
    pieces: Option<&'a Pieces>,
    stamp: Stamp,
    at: At,
    direction: usize,
    segment: Segment,
}

impl Engine {
    /// An engine for one source.
    #[must_use]
    pub fn new(registry: Arc<Registry>, segmenter: Option<Segmenter>, tagger: Option<Arc<dyn Tagger>>) -> Self {
        Self::limited(registry, segmenter, tagger, Limits::default())
    }

    /// The same, holding no more than these limits allow.
    #[must_use]
    pub fn limited(registry: Arc<Registry>, segmenter: Option<Segmenter>, tagger: Option<Arc<dyn Tagger>>, limits: Limits) -> Self {
        Self {
            registry,
            segmenter,
            tagger,
            limits,
            flows: Table::default(),
            readers: Vec::new(),
            free_readers: Vec::new(),
            ledger: Ledger::new(&limits),
            seats: Seats::default(),
            again: Again::default(),
            scratch: Scratch::default(),
            tallies: Tallies::new(&limits),
            troubles: Troubles::default(),
            candidates: Vec::new(),
            idle: Idle::default(),
            stream_bytes: 0,
            duplicates: 0,
            cut: 0,
            now: i64::MIN,
            pressed: false,
            sampled: 0,
            begun: 0,
            lookups: Vec::new(),
            guessed: Vec::new(),
            over: Vec::new(),
        }
    }

    /// Says whether the engine is behind the capture. While it is, conversations that are known are sampled: of datagrams and frames whose
    /// operation was counted before, and on which nothing rests that follows, one of [`SAMPLED`] is read. The others are counted, as a
    /// limit. An operation that is new is always read.
    pub const fn press(&mut self, behind: bool) {
        self.pressed = behind;
    }

    /// Takes packets in, in the order of the capture.
    pub fn feed(&mut self, items: &[Item<'_>]) {
        let mut lookups = std::mem::take(&mut self.lookups);
        lookups.clear();
        for item in items {
            let segment = self.segmenter.as_ref().map_or(Segment(0), |segmenter| segmenter(item.frame));
            let (key, direction) = Key::of(item.frame, segment);
            lookups.push((key, self.flows.hash(&key), direction, None));
        }
        self.look_ahead(items, &mut lookups);
        let registry = Arc::clone(&self.registry);
        for (item, (key, hash, direction, found)) in items.iter().zip(&lookups) {
            self.packet(&registry, item, key, *hash, *direction, *found);
        }
        self.lookups = lookups;
        self.tidy(items.len());
    }

    /// One packet: find or begin its conversation, count, read.
    fn packet(&mut self, registry: &Registry, item: &Item<'_>, key: &Key, hash: u64, direction: usize, found: Option<u32>) {
        let stamp = Stamp { time: item.packet.time, packet: item.packet.id };
        self.now = self.now.max(stamp.time);
        let at = match found.or_else(|| self.flows.find(hash, key)) {
            Some(at) => self.continued(at, hash, item.frame, stamp),
            None => self.begin(hash, *key, stamp),
        };
        let Some(flow) = self.flows.get(at) else { return };
        let news = flow.count(direction, item, stamp);
        let segment = Segment(key.segment);
        (self.ledger.answered, self.ledger.refused) = (flow.is_answered(), false);
        let unplaced = flow.is_unplaced(direction);
        if news.duplicate {
            self.duplicates += 1;
        }
        if news.place || unplaced {
            self.place(registry, item, segment, stamp);
            self.placed(at, direction);
        }
        if news.duplicate || news.counting || item.frame.stop.is_some() {
            return;
        }
        self.payload(registry, at, direction, item, segment, stamp);
    }

    /// Notes whether there was room for what was said of an end's place.
    fn placed(&mut self, at: u32, direction: usize) {
        let refused = std::mem::take(&mut self.ledger.refused);
        if let (Some(flow), Some(mark)) = (self.flows.get(at), Flow::UNPLACED.get(direction)) {
            flow.marks = if refused { flow.marks | mark } else { flow.marks & !mark };
        }
    }

    /// A conversation that is in the table: the same one, unless it was silent for too long or a new handshake begins.
    fn continued(&mut self, at: u32, hash: u64, frame: &Frame, stamp: Stamp) -> u32 {
        const SYN: u8 = 2;
        const ACK: u8 = 16;
        let Some(flow) = self.flows.get(at) else { return at };
        let idle = stamp.time.saturating_sub(flow.last().time) > flow.idle_max();
        let anew = frame.tcp_flags & (SYN | ACK) == SYN && flow.key.protocol == 6 && stamp.time.saturating_sub(flow.first.time) > COPY_NS_MAX && {
            // A repeated SYN of the same attempt is a retransmission; after payload it is a new connection on the same ports.
            flow.ends.iter().any(|end| end.payload > 0)
        };
        if !idle && !anew {
            return at;
        }
        let key = flow.key;
        self.end(at);
        self.begin(hash, key, stamp)
    }

    fn begin(&mut self, hash: u64, key: Key, stamp: Stamp) -> u32 {
        if self.flows.len() >= self.limits.flows {
            self.troubles.limit("conversations held at a time");
            if let Some(victim) = self.flows.victim() {
                self.end(victim);
            }
        }
        self.begun += 1;
        self.flows.insert(hash, Flow { key, first: stamp, ..Flow::default() })
    }

    /// An end shows a MAC, VLAN or TTL that this conversation did not show before.
    fn place(&mut self, registry: &Registry, item: &Item<'_>, segment: Segment, stamp: Stamp) {
        let seat = Seat::of_frame(item.frame, segment.0);
        let (known, plain) = (self.seats.seen(&seat, stamp), crate::place::is_plain(item.frame, item.packet.data));
        if known && (plain || item.packet.link != LinkType::ETHERNET) {
            return;
        }
        let at = At { transport: Transport::Ethernet, src_port: 0, dst_port: 0, from_client: None };
        let sheet = Sheet { registry, frame: item.frame, data: item.packet.data, pieces: None, stamp, at, direction: 0, segment };
        let mut rename = None;
        let mut layers = Layers::default();
        let mut cx = read::context(
            registry,
            (&mut self.ledger, &mut self.again, &mut self.scratch, &mut self.troubles),
            &mut layers,
            None,
            &sheet,
            RowId::of(u16::MAX),
            &mut rename,
        );
        let mut told = Told::default();
        if !known {
            crate::place::say(&mut cx);
            told.iter_mut().zip(cx.told()).for_each(|(to, hash)| *to = *hash);
        }
        if item.packet.link == LinkType::ETHERNET {
            crate::place::say_outer(&mut cx);
        }
        if !known && !self.ledger.refused {
            if self.seats.is_full() {
                self.settle_seats();
                self.seats.leave();
            }
            self.seats.take(seat, stamp, told);
        }
    }

    fn payload(&mut self, registry: &Registry, at: u32, direction: usize, item: &Item<'_>, segment: Segment, stamp: Stamp) {
        let frame = item.frame;
        let (data, pieces) = match item.detached {
            Some(pieces) => (pieces.bytes(), Some(pieces)),
            None => (item.packet.data, None),
        };
        let payload = frame.payload(data);
        let Some(flow) = self.flows.get(at) else { return };
        let transport = match (flow.key.is_ip(), flow.key.protocol) {
            (true, 6) => Transport::Tcp,
            (true, 17) => Transport::Udp,
            (true, 132) => Transport::Sctp,
            (true, _) => Transport::Ip,
            (false, _) => Transport::Ethernet,
        };
        let from_client = flow.from_client(direction);
        let at_ = At { transport, src_port: frame.src_port, dst_port: frame.dst_port, from_client };
        let sheet = Sheet { registry, frame, data: item.packet.data, pieces, stamp, at: at_, direction, segment };
        match transport {
            Transport::Tcp => self.segment(at, direction, &sheet, payload),
            Transport::Udp | Transport::Sctp => self.datagram(at, direction, &sheet, payload),
            Transport::Ip | Transport::Ethernet => self.below(at, &sheet, payload),
        }
    }

    /// A frame below TCP and UDP: whose it is stands in its header; gates still decide.
    fn below(&mut self, at: u32, sheet: &Sheet<'_>, payload: &[u8]) {
        let registry = sheet.registry;
        for &row in registry.below(sheet.frame) {
            let Some(dissector) = registry.get(row) else { continue };
            if dissector.gate(payload, &sheet.at) != Gate::Mine {
                continue;
            }
            if let Some(flow) = self.flows.get(at) {
                flow.dissector = Some(row);
                flow.learn_client(sheet.direction, dissector.side(payload), 0);
            }
            self.pdu(at, row, dissector, payload, sheet);
            return;
        }
        if registry.below(sheet.frame).is_empty()
            && let Some(flow) = self.flows.get(at)
        {
            flow.mode = Mode::Counting;
        }
    }

    fn datagram(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        let Some(row) = self.bound(at, direction, sheet, payload) else { return };
        let registry = sheet.registry;
        if let Some(dissector) = registry.get(row) {
            self.pdu(at, row, dissector, payload, sheet);
        }
    }

    /// The conversation's dissector; looks for one while there are tries left.
    fn bound(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, payload: &[u8]) -> Option<RowId> {
        let flow = self.flows.get(at)?;
        if let Some(row) = flow.dissector {
            return Some(row);
        }
        let tries = {
            let tries = flow.tries.get_mut(direction)?;
            *tries = tries.saturating_add(1);
            *tries
        };
        let head = payload.get(..GATE_BYTES).unwrap_or(payload);
        let follows = |row| crate::expected::follows(sheet.registry.get(row), head);
        if sheet.at.transport == Transport::Udp
            && let Some(row) = self.scratch.expected.take(sheet.frame, sheet.segment, sheet.stamp.time, follows)
        {
            let flow = self.flows.get(at)?;
            (flow.dissector, flow.mode) = (Some(row), Mode::Reading);
            flow.learn_client(direction, Side::Server, 0);
            return Some(row);
        }
        sheet.registry.candidates(head, &sheet.at, &mut self.candidates);
        let most = if self.candidates.is_empty() { TRIES_MAX } else { TRIES_BOUND_MAX };
        for &row in &self.candidates {
            let Some(dissector) = sheet.registry.get(row) else { continue };
            if dissector.gate(head, &sheet.at) != Gate::Mine {
                continue;
            }
            let side = read::side(sheet.registry, dissector, head, &sheet.at);
            let bound = sheet.registry.is_bound(row, sheet.at.transport, sheet.at.dst_port) as u8
                | (sheet.registry.is_bound(row, sheet.at.transport, sheet.at.src_port) as u8) << 1;
            let flow = self.flows.get(at)?;
            flow.dissector = Some(row);
            flow.mode = Mode::Reading;
            flow.learn_client(direction, side, bound);
            return Some(row);
        }
        let flow = self.flows.get(at)?;
        let other = flow.tries.get(1 - direction).copied().unwrap_or(0);
        // One-way mirrors show one direction only: its own tries decide then.
        if tries >= most && (other >= TRIES_MAX || tries >= TRIES_BOUND_MAX) {
            flow.mode = Mode::Counting;
        }
        None
    }

    fn reader(&mut self, at: u32) -> Option<&mut Reader> {
        let slot = self.flows.get(at)?.reader.checked_sub(1)?;
        self.readers.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Frees conversations that have long been idle, a few at a time.
    fn tidy(&mut self, packets: usize) {
        /// Packets for each conversation that is looked at where none begins: the whole table is seen in eight times as many packets.
        const PACKETS: usize = 8;
        /// Conversations that are looked at for each that begins, so that the table does not grow while there are idle ones.
        const FOR_EACH_BEGUN: usize = 4;
        let mut left = packets / PACKETS + std::mem::take(&mut self.begun) * FOR_EACH_BEGUN + 1;
        while left > 0 {
            let Some(at) = self.flows.sweep(&mut left, self.now) else { return };
            self.end(at);
        }
    }
}

const _: fn() = || {
    fn sendable<T: Send>() {}
    sendable::<Engine>();
};

#[cfg(test)]
impl Engine {
    /// Hands one PDU to a dissector, without detection and reassembly.
    pub(crate) fn read_alone(&mut self, dissector: &'static dyn Registered, transport: Transport, ports: (u16, u16), from_client: bool, pdu: &[u8]) {
        let (src, dst) = if from_client { (1, 2) } else { (2, 1) };
        let mut frame = Frame { net: crate::frame::Net::V4, has_macs: true, ttl: 64, vlan: Frame::NO_VLAN, ..Frame::default() };
        (frame.src[..4]).copy_from_slice(&[10, 0, 0, src]);
        (frame.dst[..4]).copy_from_slice(&[10, 0, 0, dst]);
        frame.src_mac = observations::Mac([0, 0, 0, 0, 1, src]);
        frame.dst_mac = observations::Mac([0, 0, 0, 0, 1, dst]);
        let at = At { transport, src_port: ports.0, dst_port: ports.1, from_client: Some(from_client) };
        let stamp = Stamp { time: 1, packet: 1 };
        let registry = Arc::clone(&self.registry);
        let sheet = Sheet { registry: &registry, frame: &frame, data: pdu, pieces: None, stamp, at, direction: 0, segment: Segment(0) };
        self.read(RowId::of(0), dissector, pdu, &sheet, &mut None, u32::MAX);
    }
}
