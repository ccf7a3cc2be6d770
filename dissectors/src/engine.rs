//! The library's face: feed it packets of one source, it hears what they say.
//!
//! An engine owns its conversations, their readers and its ledger; nothing is shared and nothing is locked. Which engine a packet goes to
//! is decided by [`Frame::shard`]; what an engine says depends only on packets that this brings together.

use crate::context::{Context, Exchange, Layers, Scratch, Sight, Tagger, Troubles};
use crate::dissector::{At, Framing, Gate, Look, Next, Registered, Side};
use crate::flow::{Client, End, FLOWS_MAX, Flow, Key, Mode, Table};
use crate::frame::Frame;
use crate::ledger::Ledger;
use crate::packet::{LinkType, Packet};
use crate::reassembly::{Arrival, Pieces, Stream, WANT_MAX};
use crate::registry::{Registry, RowId};
use crate::tallies::Tallies;
use observations::{Segment, SourceSaid, Span, Stamp, Transport};
use std::sync::Arc;

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

/// Packets that a mirror delivers twice arrive within this: a switch's queues, not a network's round trip.
pub const DUPLICATE_NS_MAX: i64 = 20_000_000;

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
    flows: Table,
    readers: Vec<Option<Box<Reader>>>,
    free_readers: Vec<u32>,
    ledger: Ledger,
    scratch: Scratch,
    tallies: Tallies,
    troubles: Troubles,
    candidates: Vec<RowId>,
    duplicates: u64,
    now: i64,
    lookups: Vec<(Key, u64, usize, Option<u32>)>,
}

/// The bytes at hand, and where they stand.
#[derive(Clone, Copy)]
struct Sheet<'a> {
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
        Self {
            registry,
            segmenter,
            tagger,
            flows: Table::default(),
            readers: Vec::new(),
            free_readers: Vec::new(),
            ledger: Ledger::default(),
            scratch: Scratch::default(),
            tallies: Tallies::default(),
            troubles: Troubles::default(),
            candidates: Vec::new(),
            duplicates: 0,
            now: i64::MIN,
            lookups: Vec::new(),
        }
    }

    /// Takes packets in, in the order of the capture. Two passes, so that the table's look-ups overlap in memory.
    pub fn feed(&mut self, items: &[Item<'_>]) {
        let mut lookups = std::mem::take(&mut self.lookups);
        lookups.clear();
        for item in items {
            let segment = self.segmenter.as_ref().map_or(Segment(0), |segmenter| segmenter(item.frame));
            let (key, direction) = Key::of(item.frame, segment);
            lookups.push((key, self.flows.hash(&key), direction, None));
        }
        for lookup in &mut lookups {
            lookup.3 = self.flows.find(lookup.1, &lookup.0);
        }
        for (item, (key, hash, direction, found)) in items.iter().zip(&lookups) {
            self.packet(item, key, *hash, *direction, *found);
        }
        self.lookups = lookups;
        self.tidy(items.len());
    }

    /// One packet: find or begin its conversation, count, read.
    fn packet(&mut self, item: &Item<'_>, key: &Key, hash: u64, direction: usize, found: Option<u32>) {
        let stamp = Stamp { time: item.packet.time, packet: item.packet.id };
        self.now = self.now.max(stamp.time);
        let at = match found.or_else(|| self.flows.find(hash, key)) {
            Some(at) => self.continued(at, hash, item.frame, stamp),
            None => self.begin(hash, *key, stamp),
        };
        let Some(flow) = self.flows.get(at) else { return };
        let news = flow.count(direction, item, stamp);
        let segment = Segment(key.segment);
        if news.duplicate {
            self.duplicates += 1;
        }
        if news.place {
            self.place(item, segment, stamp);
        }
        if news.duplicate || news.counting || item.frame.stop.is_some() {
            return;
        }
        self.payload(at, direction, item, segment, stamp);
    }

    /// A conversation that is in the table: the same one, unless it was silent for too long or a new handshake begins.
    fn continued(&mut self, at: u32, hash: u64, frame: &Frame, stamp: Stamp) -> u32 {
        const SYN: u8 = 2;
        const ACK: u8 = 16;
        let Some(flow) = self.flows.get(at) else { return at };
        let idle = stamp.time.saturating_sub(flow.last().time) > flow.idle_max();
        let anew =
            frame.tcp_flags & (SYN | ACK) == SYN && flow.key.protocol == 6 && stamp.time.saturating_sub(flow.first.time) > DUPLICATE_NS_MAX && {
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
        if self.flows.len() >= FLOWS_MAX {
            self.troubles.limit("conversations held at a time");
            if let Some(victim) = self.flows.victim() {
                self.end(victim);
            }
        }
        self.flows.insert(hash, Flow { key, first: stamp, ..Flow::default() })
    }

    /// Ends a conversation: its counters go to the tallies, its reader is freed.
    fn end(&mut self, at: u32) {
        let Some(flow) = self.flows.remove(at) else { return };
        let mut operations = Vec::new();
        if let Some(slot) = flow.reader.checked_sub(1) {
            if let Some(reader) = self.readers.get_mut(slot as usize).and_then(Option::take) {
                operations = reader.operations;
            }
            self.free_readers.push(slot);
        }
        self.touch(&flow);
        self.tallies.add(&flow, &operations);
    }

    /// The places that a conversation's ends were seen at still held when it ended.
    fn touch(&mut self, flow: &Flow) {
        for (direction, end) in flow.ends.iter().enumerate() {
            if end.packets > 1 {
                crate::place::touch(&mut self.ledger, flow, direction, end);
            }
        }
    }

    /// An end shows a MAC, VLAN or TTL that this conversation did not show before.
    fn place(&mut self, item: &Item<'_>, segment: Segment, stamp: Stamp) {
        let at = At { transport: Transport::Ethernet, src_port: 0, dst_port: 0, from_client: None };
        let sheet = Sheet { frame: item.frame, data: item.packet.data, pieces: None, stamp, at, direction: 0, segment };
        let mut rename = None;
        let mut layers = Layers::default();
        let mut cx =
            context(&self.registry, &mut self.ledger, &mut self.scratch, &mut self.troubles, &mut layers, None, &sheet, RowId(u16::MAX), &mut rename);
        crate::place::say(&mut cx);
        if item.packet.link == LinkType::ETHERNET {
            crate::place::say_outer(&mut cx);
        }
    }

    fn payload(&mut self, at: u32, direction: usize, item: &Item<'_>, segment: Segment, stamp: Stamp) {
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
        let sheet = Sheet { frame, data: item.packet.data, pieces, stamp, at: at_, direction, segment };
        match transport {
            Transport::Tcp => self.segment(at, direction, &sheet, payload),
            Transport::Udp | Transport::Sctp => self.datagram(at, direction, &sheet, payload),
            Transport::Ip | Transport::Ethernet => self.below(at, &sheet, payload),
        }
    }

    /// A frame below TCP and UDP: whose it is stands in its header; gates still decide.
    fn below(&mut self, at: u32, sheet: &Sheet<'_>, payload: &[u8]) {
        let registry = Arc::clone(&self.registry);
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
    }

    fn datagram(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        let Some(row) = self.bound(at, direction, sheet, payload) else { return };
        let registry = Arc::clone(&self.registry);
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
            let end = flow.ends.get_mut(direction)?;
            end.tries = end.tries.saturating_add(1);
            end.tries
        };
        let head = payload.get(..GATE_BYTES).unwrap_or(payload);
        self.registry.candidates(head, &sheet.at, &mut self.candidates);
        let most = if self.candidates.is_empty() { TRIES_MAX } else { TRIES_BOUND_MAX };
        for &row in &self.candidates {
            let Some(dissector) = self.registry.get(row) else { continue };
            if dissector.gate(head, &sheet.at) != Gate::Mine {
                continue;
            }
            let side = side(&self.registry, dissector, head, &sheet.at);
            let bound = self.registry.is_bound(row, sheet.at.transport, sheet.at.dst_port) as u8
                | (self.registry.is_bound(row, sheet.at.transport, sheet.at.src_port) as u8) << 1;
            let flow = self.flows.get(at)?;
            flow.dissector = Some(row);
            flow.mode = Mode::Reading;
            flow.learn_client(direction, side, bound);
            return Some(row);
        }
        let flow = self.flows.get(at)?;
        let other = flow.ends.get(1 - direction).map_or(0, |end| end.tries);
        // One-way mirrors show one direction only: its own tries decide then.
        if tries >= most && (other >= TRIES_MAX || tries >= TRIES_BOUND_MAX) {
            flow.mode = Mode::Counting;
        }
        None
    }

    /// A TCP segment: bytes go to the stream's reader in order.
    fn segment(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, payload: &[u8]) {
        const SYN: u8 = 2;
        let frame = sheet.frame;
        if frame.tcp_flags & SYN != 0 {
            if let Some(reader) = self.reader(at)
                && let Some(stream) = reader.streams.get_mut(direction)
            {
                stream.begin(frame.tcp_seq);
            }
            return;
        }
        if payload.is_empty() || sheet.pieces.is_some() {
            return;
        }
        if self.flows.get(at).is_none_or(|flow| flow.dissector.is_none()) && !self.recognise(at, direction, sheet, payload) {
            return;
        }
        let from = crate::context::span(sheet.stamp.packet, frame.payload_offset as usize, payload.len());
        let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
        match stream.arrive(frame.tcp_seq, payload, from) {
            Arrival::Old | Arrival::Held => return,
            Arrival::Next(known) => {
                let fresh = payload.get(known..).unwrap_or_default();
                let from = Span { offset: from.offset.saturating_add(u32::try_from(known).unwrap_or(0)), ..from };
                self.deliver(at, direction, sheet, fresh, from);
            }
            Arrival::Gap => {
                self.troubles.limit("gaps in streams");
                self.gap(at, direction);
            }
        }
        self.drain(at, direction, sheet);
        if frame.payload_cut > 0 {
            self.cut(at, direction, sheet);
        }
    }

    /// What waited behind the segment that has come.
    fn drain(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>) {
        while let Some((bytes, from)) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)).and_then(Stream::turn) {
            if !bytes.is_empty() {
                // The bytes stand in an earlier packet: they are read from the gathered buffer, which knows their place.
                let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
                stream.advance(bytes.len());
                let passed = stream.pass_over(bytes.len());
                let offset = u32::try_from(passed).unwrap_or(u32::MAX);
                let from = Span { packet: from.packet, offset: from.offset.saturating_add(offset), length: from.length.saturating_sub(offset) };
                let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) else { continue };
                stream.gather(rest, from);
                self.read_gathered(at, direction, sheet);
            }
        }
    }

    /// A gap that will not close: what was gathered is given up; the stream goes on at what was held back.
    fn gap(&mut self, at: u32, direction: usize) {
        if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
            stream.resume_at_pending();
        }
    }

    /// The capture cut this segment: the PDU is read as far as it goes, the stream goes on behind the cut.
    fn cut(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>) {
        let registry = Arc::clone(&self.registry);
        let Some(row) = self.flows.get(at).and_then(|flow| flow.dissector) else { return };
        let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
        let gathered = stream.take_gathered();
        let behind = sheet.frame.tcp_seq.wrapping_add(sheet.frame.payload_len).wrapping_add(sheet.frame.payload_cut);
        stream.resume(behind);
        if let (Some(dissector), false) = (registry.get(row), gathered.bytes().is_empty()) {
            self.pdu(at, row, dissector, gathered.bytes(), &Sheet { pieces: Some(&gathered), ..*sheet });
        }
    }

    /// Finds the dissector of a TCP conversation; first bytes that are too few are gathered until they tell.
    fn recognise(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, payload: &[u8]) -> bool {
        if self.bound(at, direction, sheet, payload).is_none() {
            return false;
        }
        let slot = match self.free_readers.pop() {
            Some(slot) => slot,
            None => {
                self.readers.push(None);
                u32::try_from(self.readers.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.readers.get_mut(slot as usize) {
            *place = Some(Box::default());
        }
        if let Some(flow) = self.flows.get(at) {
            flow.reader = slot + 1;
        }
        true
    }

    fn reader(&mut self, at: u32) -> Option<&mut Reader> {
        let slot = self.flows.get(at)?.reader.checked_sub(1)?;
        self.readers.get_mut(slot as usize)?.as_deref_mut()
    }

    /// New bytes in order: read in place while whole PDUs stand in the segment, gathered where one goes on.
    fn deliver(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, bytes: &[u8], from: Span) {
        let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
        stream.advance(bytes.len());
        let passed = stream.pass_over(bytes.len());
        let gathering = stream.is_gathering();
        let Some(mut rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) else { return };
        if !gathering {
            let read = self.read_pdus(at, direction, sheet, rest);
            rest = rest.get(read..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
        }
        let offset = from.offset.saturating_add(u32::try_from(bytes.len() - rest.len()).unwrap_or(u32::MAX));
        let from = crate::context::span(from.packet, offset as usize, rest.len());
        if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
            stream.gather(rest, from);
        }
        if gathering {
            self.read_gathered(at, direction, sheet);
        }
    }

    fn read_gathered(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>) {
        let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) else { return };
        let pieces = stream.take_gathered();
        let read = self.read_pdus(at, direction, &Sheet { pieces: Some(&pieces), ..*sheet }, pieces.bytes());
        if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
            stream.put_back(pieces, read);
        }
    }

    /// Reads PDU after PDU; returns how many bytes are done with. What is left is the beginning of one.
    fn read_pdus(&mut self, at: u32, direction: usize, sheet: &Sheet<'_>, bytes: &[u8]) -> usize {
        let registry = Arc::clone(&self.registry);
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let flow = self.flows.get(at).and_then(|flow| Some((flow.dissector?, flow.mode, flow.from_client(direction))));
            let Some((row, mode, from_client)) = flow else { return bytes.len() };
            let Some(dissector) = registry.get(row) else { return bytes.len() };
            if mode == Mode::Counting {
                return bytes.len();
            }
            let state = self.reader(at).and_then(|reader| reader.layers.peek(row));
            match dissector.frame(rest, &At { from_client, ..sheet.at }, state) {
                Framing::Need(needed) if needed > rest.len() && rest.len() < WANT_MAX => return done,
                Framing::Pdu { len, want } => {
                    let want = want.min(len).min(WANT_MAX);
                    if want > rest.len() {
                        return done;
                    }
                    let len = len.max(1);
                    self.pdu(at, row, dissector, rest.get(..len).unwrap_or(rest), sheet);
                    if len > rest.len() {
                        self.skip(at, direction, (len - rest.len()) as u64);
                        return bytes.len();
                    }
                    done += len;
                }
                Framing::Need(_) | Framing::Lost => {
                    self.lost(at);
                    return bytes.len();
                }
            }
        }
        bytes.len()
    }

    fn skip(&mut self, at: u32, direction: usize, bytes: u64) {
        if let Some(stream) = self.reader(at).and_then(|reader| reader.streams.get_mut(direction)) {
            stream.skip(bytes);
        }
    }

    /// No PDU begins here: the rest of the segment is passed over, and after too many the conversation is only counted.
    fn lost(&mut self, at: u32) {
        let Some(reader) = self.reader(at) else { return };
        reader.lost = reader.lost.saturating_add(1);
        if reader.lost > LOST_MAX {
            self.set_mode(at, Mode::Counting);
        }
    }

    fn set_mode(&mut self, at: u32, mode: Mode) {
        if let Some(flow) = self.flows.get(at) {
            flow.mode = mode;
        }
        if mode == Mode::Counting
            && let Some(reader) = self.reader(at)
        {
            reader.streams = <[Stream; 2]>::default();
            reader.layers = Layers::default();
            reader.seen = Vec::new();
        }
    }

    /// One PDU: counted by its operation, read if the conversation is being read or if it is new.
    fn pdu(&mut self, at: u32, row: RowId, dissector: &'static dyn Registered, pdu: &[u8], sheet: &Sheet<'_>) {
        let registry = Arc::clone(&self.registry);
        let Some(flow) = self.flows.get(at) else { return };
        let (mode, slot) = (flow.mode, flow.reader.checked_sub(1));
        // Recognising the protocol may just have told who asks.
        let sheet = &Sheet { at: At { from_client: flow.from_client(sheet.direction), ..sheet.at }, ..*sheet };
        let (operation, look) = glance(&registry, row, dissector, pdu, &sheet.at);
        let mut reader = slot.and_then(|slot| self.readers.get_mut(slot as usize).and_then(Option::take));
        if operation.is_some() && reader.is_none() {
            reader = Some(Box::default());
        }
        if let (Some(operation), Some(reader)) = (operation, reader.as_deref_mut()) {
            count(&mut reader.operations, operation);
        }
        let wanted = match (mode, look) {
            (Mode::Counting, _) | (Mode::Watching, Look::Never) => false,
            (Mode::Watching, Look::Once(key)) => reader.as_deref_mut().is_none_or(|reader| is_new(&mut reader.seen, key)),
            (_, Look::Once(key)) => {
                if let Some(reader) = reader.as_deref_mut() {
                    is_new(&mut reader.seen, key);
                }
                true
            }
            _ => true,
        };
        let next = if wanted { self.read(row, dissector, pdu, sheet, &mut reader, at) } else { None };
        self.return_reader(at, slot, reader);
        match next {
            Some(Next::Count) => self.set_mode(at, Mode::Counting),
            Some(Next::Watch) => self.set_mode(at, Mode::Watching),
            Some(Next::Read) if mode != Mode::Counting => self.set_mode(at, Mode::Reading),
            _ => {}
        }
    }

    fn read(
        &mut self,
        row: RowId,
        dissector: &'static dyn Registered,
        pdu: &[u8],
        sheet: &Sheet<'_>,
        reader: &mut Option<Box<Reader>>,
        at: u32,
    ) -> Option<Next> {
        let registry = Arc::clone(&self.registry);
        let mut none = Layers::default();
        let layers = match reader.as_deref_mut() {
            Some(reader) => &mut reader.layers,
            None => &mut none,
        };
        let mut state = layers.take(row, &registry);
        let mut rename = None;
        let tagger = self.tagger.as_deref();
        let mut cx = context(&registry, &mut self.ledger, &mut self.scratch, &mut self.troubles, layers, tagger, sheet, row, &mut rename);
        let result = dissector.read(pdu, state.as_deref_mut(), &mut cx);
        cx.note(row, result.err());
        layers.put(row, state);
        if !none.is_empty() {
            *reader = Some(Box::new(Reader { layers: none, ..Reader::default() }));
        }
        if let (Some(inner), Some(flow)) = (rename, self.flows.get(at)) {
            // A PDU that ends a layer's connection does not reach as deep as those before it.
            if flow.inner.is_none_or(|known| inner.0 >= known.0) {
                flow.inner = Some(inner);
            }
        }
        match result {
            Ok(next) => Some(next),
            Err(crate::dissector::DissectError::NotMine) => Some(Next::Count),
            Err(_) => None,
        }
    }

    /// Puts a reader back, or gives a conversation the one that it came to need.
    fn return_reader(&mut self, at: u32, slot: Option<u32>, reader: Option<Box<Reader>>) {
        let Some(reader) = reader else { return };
        let slot = slot.or_else(|| self.free_readers.pop()).unwrap_or_else(|| {
            self.readers.push(None);
            u32::try_from(self.readers.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.readers.get_mut(slot as usize) {
            *place = Some(reader);
        }
        if let Some(flow) = self.flows.get(at) {
            flow.reader = slot + 1;
        }
    }

    /// Frees conversations that have long been idle, a few at a time.
    fn tidy(&mut self, packets: usize) {
        /// Conversations looked at for each packet: the whole table is seen once in as many packets as it has slots, over two.
        const SLOTS: usize = 2;
        for _ in 0..packets {
            let Some(at) = self.flows.sweep(SLOTS, self.now) else { return };
            self.end(at);
        }
    }

    /// The observations that are new or changed since the last call; with `counters` the tallies too, conversations that are still open
    /// included. For a store that commits while the engine goes on.
    pub fn changes(&mut self, counters: bool) -> SourceSaid {
        let mut said = SourceSaid::default();
        let (rows, crowded) = self.ledger.changed();
        said.observations = rows.into_iter().collect();
        said.crowded = crowded;
        if counters {
            let mut tallies = self.tallies.clone();
            for at in self.flows.open() {
                let Some(flow) = self.flows.get(at).map(|flow| flow.clone()) else { continue };
                let reader = flow.reader.checked_sub(1).and_then(|slot| self.readers.get(slot as usize)).and_then(Option::as_deref);
                tallies.add(&flow, reader.map_or(&[], |reader| &reader.operations));
            }
            said.tallies = tallies.pairs(&self.registry);
        }
        said
    }

    /// Ends every conversation and gives all that was heard. Source-wide figures other than these are the caller's.
    pub fn finish(&mut self) -> SourceSaid {
        for at in self.flows.open() {
            self.end(at);
        }
        let mut said = SourceSaid::default();
        (said.observations, said.crowded) = self.ledger.take();
        said.tallies = self.tallies.pairs(&self.registry);
        said.source.duplicates = self.duplicates;
        said.source.opaque = self.tallies.opaque_bytes();
        said.source.malformed = self.troubles.malformed.iter().map(|((name, rule), count)| (format!("{name}: {rule}"), *count)).collect();
        said.source.limits = self.troubles.limits.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        if self.ledger.dropped() > 0 {
            said.source.limits.insert("observations held".to_owned(), self.ledger.dropped());
        }
        said
    }
}

/// What the head of a PDU tells, through the layers that it hands on to.
fn glance(registry: &Registry, row: RowId, dissector: &'static dyn Registered, pdu: &[u8], at: &At) -> (Option<(RowId, u16)>, Look) {
    let (mut row, mut dissector, mut head) = (row, dissector, pdu);
    for _ in 0..crate::context::HAND_ON_MAX {
        let glance = dissector.glance(head, at);
        match within(registry, dissector, glance.inner, head, at) {
            Some(inner) => (row, dissector, head) = inner,
            None => return (glance.operation.map(|operation| (row, operation)), glance.look),
        }
    }
    (None, Look::Always)
}

/// The dissector that takes what another hands on, and its bytes.
fn within<'p>(
    registry: &Registry,
    dissector: &'static dyn Registered,
    inner: Option<(u64, usize)>,
    head: &'p [u8],
    at: &At,
) -> Option<(RowId, &'static dyn Registered, &'p [u8])> {
    let (key, offset) = inner?;
    let head = head.get(offset..)?;
    let taken = |id: &&RowId| registry.get(**id).is_some_and(|inner| inner.gate(head, at) == Gate::Mine);
    let id = *registry.under(dissector.row().name, key).iter().find(taken)?;
    Some((id, registry.get(id)?, head))
}

/// Which side sends a payload: the outermost layer that can tell does.
fn side(registry: &Registry, mut dissector: &'static dyn Registered, mut head: &[u8], at: &At) -> Side {
    for _ in 0..crate::context::HAND_ON_MAX {
        match dissector.side(head) {
            Side::Unknown => {}
            known => return known,
        }
        match within(registry, dissector, dissector.glance(head, at).inner, head, at) {
            Some((_, inner, rest)) => (dissector, head) = (inner, rest),
            None => break,
        }
    }
    Side::Unknown
}

fn count(operations: &mut Vec<((RowId, u16), u64)>, operation: (RowId, u16)) {
    match operations.iter_mut().find(|(known, _)| *known == operation) {
        Some((_, count)) => *count += 1,
        None => operations.push((operation, 1)),
    }
}

/// Whether a key was not seen before; always, once there are too many to remember.
fn is_new(seen: &mut Vec<u32>, key: u32) -> bool {
    if seen.contains(&key) {
        return false;
    }
    if seen.len() < NOVELTIES_MAX {
        seen.push(key);
    }
    true
}

#[allow(clippy::too_many_arguments, reason = "the parts of an engine are lent one by one")]
fn context<'a>(
    registry: &'a Registry,
    ledger: &'a mut Ledger,
    scratch: &'a mut Scratch,
    troubles: &'a mut Troubles,
    layers: &'a mut Layers,
    tagger: Option<&'a dyn Tagger>,
    sheet: &Sheet<'a>,
    row: RowId,
    rename: &'a mut Option<(u8, RowId)>,
) -> Context<'a> {
    let sight = Sight { frame: sheet.frame, data: sheet.data, pieces: sheet.pieces, made: Vec::new(), stamp: sheet.stamp };
    Context {
        registry,
        ledger,
        scratch,
        troubles,
        layers,
        tagger,
        sight,
        segment: sheet.segment,
        at: sheet.at,
        row,
        depth: 0,
        exchange: Exchange::default(),
        rename,
    }
}

/// What a packet showed that its conversation had not shown.
struct News {
    duplicate: bool,
    place: bool,
    counting: bool,
}

impl Flow {
    /// Counts a packet; a copy that the mirror delivered twice is not counted.
    fn count(&mut self, direction: usize, item: &Item<'_>, stamp: Stamp) -> News {
        let frame = item.frame;
        self.handshake(direction, frame.tcp_flags);
        self.first = self.first.min(stamp);
        let (counting, is_ip) = (self.mode == Mode::Counting, self.key.is_ip());
        let Some(end) = self.ends.get_mut(direction) else { return News { duplicate: false, place: false, counting } };
        let place = end.packets == 0 || end.mac != frame.src_mac || end.vlan != frame.vlan || end.ttl != frame.ttl;
        end.mac = frame.src_mac;
        end.vlan = frame.vlan;
        end.ttl = frame.ttl;
        let print = fingerprint(frame);
        let duplicate = is_ip && print != 0 && print == end.print && (0..=DUPLICATE_NS_MAX).contains(&(stamp.time - end.last.time));
        end.print = print;
        if !duplicate {
            end.last = end.last.max(stamp);
            end.packets += 1;
            end.bytes += u64::from(item.packet.wire_len);
            end.payload += u64::from(frame.payload_len);
        }
        News { duplicate, place, counting }
    }

    /// SYN and SYN+ACK say who asked.
    const fn handshake(&mut self, direction: usize, flags: u8) {
        if self.key.protocol == 6 && flags & 2 != 0 {
            let asked = if flags & 16 == 0 { direction } else { 1 - direction };
            self.client = Client::Known(asked as u8 & 1);
        }
    }

    /// Who asks: by handshake, else by the protocol's structure, else by the bound port.
    fn learn_client(&mut self, direction: usize, side: Side, bound: u8) {
        let (this, other) = (u8::from(direction == 1), u8::from(direction == 0));
        self.client = match (self.client, side, bound) {
            (Client::Known(client), ..) => Client::Known(client),
            (_, Side::Client, _) => Client::Known(this),
            (_, Side::Server, _) => Client::Known(other),
            // Bound to the receiver's port only: the sender asks; to the sender's only: it answers.
            (_, Side::Unknown, 1) => Client::Guessed(this),
            (_, Side::Unknown, 2) => Client::Guessed(other),
            (client, Side::Unknown, _) => client,
        };
    }
}

/// What tells a packet from the others of its conversation; 0 if nothing does reliably.
fn fingerprint(frame: &Frame) -> u32 {
    // A copy has the same identification and transport checksum. Senders that leave the identification 0 (RFC 6864) are told apart by
    // the sequence number, and only with payload: repeated acknowledgements are no copies.
    if frame.ip_id != 0 {
        return u32::from(frame.ip_id) << 16 | u32::from(frame.checksum) | 1;
    }
    if frame.payload_len == 0 || frame.protocol != 6 {
        return 0;
    }
    frame.tcp_seq ^ u32::from(frame.checksum).rotate_left(16) ^ frame.payload_len | 1
}

impl End {
    /// The VLAN that the end was seen in.
    pub(crate) const fn vlan(&self) -> Option<u16> {
        if self.vlan == Frame::NO_VLAN { None } else { Some(self.vlan) }
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
        let sheet = Sheet { frame: &frame, data: pdu, pieces: None, stamp, at, direction: 0, segment: Segment(0) };
        self.read(RowId(0), dissector, pdu, &sheet, &mut None, u32::MAX);
    }
}
