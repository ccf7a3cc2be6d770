//! The table of conversations: who talks to whom on which ports, in this segment.

use crate::blocks::Blocks;
use crate::copies::Last;
use crate::frame::{Frame, Net};
use crate::index::Index;
use crate::registry::RowId;
use foldhash::fast::FixedState;
use observations::{Mac, Segment, Stamp};
use std::hash::{BuildHasher, Hash, Hasher};

/// A gap between two packets of one UDP, ICMP or Ethernet conversation that makes them two: longer than any poll cycle and lease
/// renewal that matters, shorter than an address's reuse.
pub(crate) const IDLE_NS_MAX: i64 = 300 * 1_000_000_000;

/// The same for a TCP connection that stands open: keep-alives run every two hours by default (RFC 9293 §3.8.4). One on which nothing
/// was ever said is as all else.
pub(crate) const IDLE_TCP_NS_MAX: i64 = 3 * 3600 * 1_000_000_000;

/// The same for what is over: a TCP connection that was closed, of which copies may still come as long as TIME-WAIT lasts (RFC 9293
/// §3.6.1; a minute where it lasts long), and a question with its answer, one packet each. Most conversations are of these two kinds.
pub(crate) const IDLE_OVER_NS_MAX: i64 = 60 * 1_000_000_000;

/// What identifies a conversation: both ends, the lesser first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Key {
    pub(crate) low: [u8; 16],
    pub(crate) high: [u8; 16],
    pub(crate) low_port: u16,
    pub(crate) high_port: u16,
    pub(crate) segment: u16,
    /// IP protocol, 0 for Ethernet.
    pub(crate) protocol: u8,
    /// What the addresses are: 4, 6, or an Ethernet layer.
    pub(crate) family: u8,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.low));
        state.write_u128(u128::from_ne_bytes(self.high));
        let ports = u64::from(self.low_port) | u64::from(self.high_port) << 16 | u64::from(self.segment) << 32;
        state.write_u64(ports | u64::from(self.protocol) << 48 | u64::from(self.family) << 56);
    }
}

impl Key {
    /// A frame's key, and whether its sender is the greater end (direction 1).
    pub(crate) fn of(frame: &Frame, segment: Segment) -> (Self, usize) {
        let (family, protocol, src, dst, src_port, dst_port) = match frame.net {
            Net::V4 => (4, frame.protocol, frame.src, frame.dst, frame.src_port, frame.dst_port),
            Net::V6 => (6, frame.protocol, frame.src, frame.dst, frame.src_port, frame.dst_port),
            Net::EtherType(key) => (1, 0, mac(frame.src_mac), mac(frame.dst_mac), key, key),
            Net::Llc(key) => (2, 0, mac(frame.src_mac), mac(frame.dst_mac), key, key),
            Net::Snap(_, key) => (3, 0, mac(frame.src_mac), mac(frame.dst_mac), key, key),
            Net::None => (0, 0, mac(frame.src_mac), mac(frame.dst_mac), 0, 0),
        };
        // As numbers: comparing two of these takes four instructions, comparing bytes a call.
        let up = (u128::from_be_bytes(src), src_port) <= (u128::from_be_bytes(dst), dst_port);
        let (low, high, low_port, high_port) = if up { (src, dst, src_port, dst_port) } else { (dst, src, dst_port, src_port) };
        (Self { low, high, low_port, high_port, segment: segment.0, protocol, family }, usize::from(!up))
    }

    pub(crate) const fn is_ip(&self) -> bool {
        self.family == 4 || self.family == 6
    }
}

fn mac(mac: Mac) -> [u8; 16] {
    let [a, b, c, d, e, f] = mac.0;
    [a, b, c, d, e, f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// What one end sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct End {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Bytes above the transport, as captured.
    pub(crate) payload: u64,
    pub(crate) last: Stamp,
    pub(crate) mac: Mac,
    pub(crate) vlan: u16,
}

/// How closely a conversation is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Mode {
    /// Whose it is, is not known yet.
    #[default]
    Detecting,
    Reading,
    Watching,
    Counting,
}

/// Which end asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Client {
    #[default]
    Unknown,
    /// From ports and order only.
    Guessed(u8),
    /// From a handshake or the protocol's structure.
    Known(u8),
}

/// One conversation, in three cache lines.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Flow {
    pub(crate) key: Key,
    /// Index of its reader plus one.
    pub(crate) reader: u32,
    pub(crate) dissector: Option<RowId>,
    /// What it was handed on to last: the name under which it is counted.
    pub(crate) inner: Option<(u8, RowId)>,
    /// The first operation that was asked for, and how often: most short conversations have one.
    pub(crate) operation: (RowId, u16, u16),
    pub(crate) mode: Mode,
    pub(crate) client: Client,
    /// [`Flow::LIVE`], [`Flow::OPENED`], [`Flow::CLOSED`], [`Flow::FINISHED`], [`Flow::UNPLACED`].
    pub(crate) marks: u8,
    /// The TTL of either end's last packet.
    pub(crate) ttls: [u8; 2],
    /// Payloads of either end that were offered to dissectors.
    pub(crate) tries: [u8; 2],
    pub(crate) ends: [End; 2],
    pub(crate) first: Stamp,
    pub(crate) last_packets: Last,
}

/// A million of them lie in memory, and each packet comes to one.
const _: () = assert!(size_of::<Flow>() == 192);

impl Default for Flow {
    fn default() -> Self {
        Self {
            key: Key::default(),
            reader: 0,
            dissector: None,
            inner: None,
            operation: (RowId::of(0), 0, 0),
            mode: Mode::default(),
            client: Client::default(),
            marks: 0,
            ttls: [0; 2],
            tries: [0; 2],
            ends: [End::default(); 2],
            first: Stamp::default(),
            last_packets: Last::default(),
        }
    }
}

impl Flow {
    /// Its slot in the table is taken.
    const LIVE: u8 = 1;
    /// A SYN was seen.
    pub(crate) const OPENED: u8 = 2;
    /// A FIN or RST was seen.
    pub(crate) const CLOSED: u8 = 4;
    /// Of either end, that it sends no more: two bits.
    pub(crate) const FINISHED: [u8; 2] = [8, 16];
    /// Of either end, that there was no room for where it is: two bits.
    pub(crate) const UNPLACED: [u8; 2] = [32, 64];

    const fn is_live(&self) -> bool {
        self.marks & Self::LIVE != 0
    }

    /// Counts an operation, if there is room for it here.
    pub(crate) fn count_operation(&mut self, (row, operation): (RowId, u16)) -> bool {
        let (known_row, known, count) = &mut self.operation;
        if *count == 0 {
            (*known_row, *known) = (row, operation);
        }
        let fits = (*known_row, *known) == (row, operation) && *count < u16::MAX;
        *count += u16::from(fits);
        fits
    }

    /// Whether something was said on a connection of which the opening or the end is missing.
    pub(crate) fn is_cut(&self) -> bool {
        let spoke = self.ends.iter().any(|end| end.payload > 0);
        self.key.protocol == 6 && spoke && self.marks & (Self::OPENED | Self::CLOSED) != Self::OPENED | Self::CLOSED
    }

    /// Whether an end for which there was no room is to be placed again: it was answered since.
    pub(crate) fn is_unplaced(&self, direction: usize) -> bool {
        self.is_answered() && Self::UNPLACED.get(direction).is_some_and(|mark| self.marks & mark != 0)
    }

    /// Whether both ends sent something.
    pub(crate) const fn is_answered(&self) -> bool {
        let [low, high] = &self.ends;
        low.packets > 0 && high.packets > 0
    }

    /// The last packet of either end.
    pub(crate) fn last(&self) -> Stamp {
        let [low, high] = &self.ends;
        low.last.max(high.last)
    }

    /// The gap, in ns, after which what comes is another conversation.
    pub(crate) const fn idle_max(&self) -> i64 {
        const OVER: u8 = Flow::FINISHED[0] | Flow::FINISHED[1];
        let [low, high] = &self.ends;
        match self.key.protocol {
            6 if self.marks & OVER == OVER => IDLE_OVER_NS_MAX,
            6 if low.payload > 0 || high.payload > 0 => IDLE_TCP_NS_MAX,
            _ if low.packets < 2 && high.packets < 2 => IDLE_OVER_NS_MAX,
            _ => IDLE_NS_MAX,
        }
    }

    #[allow(clippy::wrong_self_convention, reason = "whether what goes this way comes from the client")]
    pub(crate) const fn from_client(&self, direction: usize) -> Option<bool> {
        match self.client {
            Client::Unknown => None,
            Client::Guessed(client) | Client::Known(client) => Some(client as usize == direction),
        }
    }
}

/// The table: a slab of conversations and an index by key.
#[derive(Default)]
pub(crate) struct Table {
    hasher: FlowHasher,
    flows: Blocks<Flow>,
    free: Vec<u32>,
    index: Index,
    hand: u32,
}

/// Keys are the attacker's to choose: the seed is drawn anew for each table. It shows in no output.
struct FlowHasher(FixedState);

impl Default for FlowHasher {
    fn default() -> Self {
        Self(FixedState::with_seed(foldhash::fast::RandomState::default().hash_one(0u8)))
    }
}

impl Table {
    pub(crate) fn hash(&self, key: &Key) -> u64 {
        self.hasher.0.hash_one(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn find(&self, hash: u64, key: &Key) -> Option<u32> {
        self.index.find(hash, |at| self.is(at, key))
    }

    /// Where a conversation with this hash probably stands, without looking there.
    pub(crate) fn guess(&self, hash: u64) -> Option<u32> {
        self.index.find(hash, |_| true)
    }

    /// Whether the conversation with this key stands there.
    pub(crate) fn is(&self, at: u32, key: &Key) -> bool {
        self.flows.get(at).is_some_and(|flow| flow.key == *key)
    }

    /// Whether an end has not been heard yet.
    pub(crate) fn is_silent(&self, at: u32, direction: usize) -> bool {
        self.flows.get(at).and_then(|flow| flow.ends.get(direction)).is_none_or(|end| end.packets == 0)
    }

    /// The reader of a conversation that is not only counted.
    pub(crate) fn reader(&self, at: u32) -> Option<u32> {
        self.flows.get(at).filter(|flow| flow.mode != Mode::Counting)?.reader.checked_sub(1)
    }

    /// Reads something of each cache line of a conversation, so that they are on their way; what it gives means nothing.
    pub(crate) fn touch(&self, at: u32) -> u64 {
        let of = |flow: &Flow| {
            let [low, high] = &flow.ends;
            u64::from(flow.key.segment) ^ low.packets ^ high.payload
        };
        self.flows.get(at).map_or(0, of)
    }

    pub(crate) fn get(&mut self, at: u32) -> Option<&mut Flow> {
        self.flows.get_mut(at)
    }

    pub(crate) fn insert(&mut self, hash: u64, flow: Flow) -> u32 {
        let flow = Flow { marks: flow.marks | Flow::LIVE, ..flow };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(slot) = self.flows.get_mut(at) {
                    *slot = flow;
                }
                at
            }
            None => self.flows.push(flow),
        };
        self.index.insert(hash, at);
        at
    }

    /// Takes a conversation out.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Flow> {
        let flow = self.flows.get_mut(at).filter(|flow| flow.is_live())?;
        let hash = self.hasher.0.hash_one(flow.key);
        self.index.remove(hash, at);
        self.free.push(at);
        flow.marks &= !Flow::LIVE;
        Some(std::mem::take(flow))
    }

    /// Every conversation that is still open, leaving nothing behind: what was looked at is freed as one goes on.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Flow> + use<> {
        self.index = Index::default();
        self.free = Vec::new();
        self.flows.take().filter(Flow::is_live)
    }

    /// Looks at up to `slots` more conversations and names one that has been idle for longer than twice its time-out: sweeping only frees
    /// memory, so it waits until no packet that is merely out of order can come any more.
    pub(crate) fn sweep(&mut self, slots: &mut usize, now: i64) -> Option<u32> {
        *slots = (*slots).min(self.flows.len());
        while *slots > 0 {
            *slots -= 1;
            self.hand = if (self.hand as usize) + 1 >= self.flows.len() { 0 } else { self.hand + 1 };
            let flow = self.flows.get(self.hand)?;
            if flow.is_live() && now.saturating_sub(flow.last().time) > 2 * flow.idle_max() {
                return Some(self.hand);
            }
        }
        None
    }

    /// What is ended when the table is full: of the next under the hand one that nobody answered, else the first of them. Conversations
    /// that go on outlast a flood of openings, and finding one takes no longer when all are alike.
    pub(crate) fn victim(&mut self) -> Option<u32> {
        /// Slots that are looked at: with half of the table unanswered, one in a billion finds none.
        const LOOKED_AT: usize = 32;
        let (mut first, mut live) = (None, 0);
        for _ in 0..self.flows.len() {
            self.hand = if (self.hand as usize) + 1 >= self.flows.len() { 0 } else { self.hand + 1 };
            let Some(flow) = self.flows.get(self.hand).filter(|flow| flow.is_live()) else { continue };
            if !flow.is_answered() {
                return Some(self.hand);
            }
            first = first.or(Some(self.hand));
            live += 1;
            if live >= LOOKED_AT {
                break;
            }
        }
        first
    }

    /// Every conversation that is still open, in the slab's order.
    pub(crate) fn open(&self) -> Vec<u32> {
        (0u32..).zip(self.flows.iter()).filter(|(_, flow)| flow.is_live()).map(|(at, _)| at).collect()
    }
}
