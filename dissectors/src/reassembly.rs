//! One direction of a TCP conversation put together again: bytes in order, each with the packet and offset it came from.

use crate::context::span;
use observations::Span;

/// The most of one PDU that is gathered before it is read. TLS records and HTTP headers are smaller (2^14 + 256 bytes, RFC 8446 §5.2);
/// device descriptions and certificate chains fit. What is longer is read cut.
pub const WANT_MAX: usize = 64 * 1024;

/// Bytes out of order that one direction holds back, waiting for a gap to close. Eight full segments of a burst; a real gap in a mirror
/// never closes.
pub const PENDING_BYTES_MAX: usize = 16 * 1024;

/// Segments out of order that one direction holds back.
pub const PENDING_SEGMENTS_MAX: usize = 16;

/// A buffer of bytes from several places.
#[derive(Default)]
pub struct Pieces {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Buffers that no stream needs at the moment: the next one that gathers finds room that is warm.
#[derive(Default)]
pub(crate) struct Idle(Vec<Pieces>);

impl Idle {
    /// Buffers that are kept; one is given back before the next is needed, but for conversations that overlap.
    const MAX: usize = 16;

    fn take(&mut self, mut buffer: Pieces) {
        if self.0.len() < Self::MAX && buffer.bytes.capacity() <= 2 * WANT_MAX {
            buffer.bytes.clear();
            buffer.places.clear();
            self.0.push(buffer);
        }
    }
}

/// Where a stretch of the bytes stands.
struct Place {
    /// Where it begins in the buffer.
    start: usize,
    span: Span,
    /// A segment or datagram begins with it.
    begins: bool,
    /// It came in an IP fragment.
    fragment: bool,
}

/// Where the payload of a segment stands: in its packet, or in the fragments that it came in.
#[derive(Clone)]
pub(crate) enum Origin {
    Packet(Span),
    /// In order.
    Fragments(Vec<Span>),
}

impl Origin {
    /// What is behind the first `n` bytes.
    pub(crate) fn behind(self, n: usize) -> Self {
        match self {
            Self::Packet(whole) => {
                let skip = u32::try_from(n).unwrap_or(u32::MAX);
                Self::Packet(Span { offset: whole.offset.saturating_add(skip), length: whole.length.saturating_sub(skip), ..whole })
            }
            Self::Fragments(spans) => Self::Fragments(cut(&spans, n, usize::MAX)),
        }
    }
}

impl Pieces {
    /// A datagram put together from IP fragments.
    #[must_use]
    pub fn of_fragments(bytes: Vec<u8>, places: Vec<(usize, Span)>) -> Self {
        let place = |(index, (start, span))| Place { start, span, begins: index == 0, fragment: true };
        Self { bytes, places: places.into_iter().enumerate().map(place).collect() }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was undone, outermost first: `tcp` if they are of several segments, `ip` if of fragments.
    pub fn derivations(&self) -> impl Iterator<Item = &'static str> {
        let tcp = self.places.iter().skip(1).any(|place| place.begins);
        let ip = self.places.iter().any(|place| place.fragment);
        [("tcp", tcp), ("ip", ip)].into_iter().filter_map(|(name, undone)| undone.then_some(name))
    }

    fn push(&mut self, bytes: &[u8], from: Origin) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        match from {
            Origin::Packet(span) => self.places.push(Place { start, span, begins: true, fragment: false }),
            Origin::Fragments(spans) => {
                let mut at = start;
                for span in spans {
                    self.places.push(Place { start: at, span, begins: at == start, fragment: true });
                    at = at.saturating_add(usize::try_from(span.length).unwrap_or(usize::MAX));
                }
            }
        }
    }

    /// Forgets the first `n` bytes.
    fn consume(&mut self, n: usize) {
        if n >= self.bytes.len() {
            self.bytes.clear();
            self.places.clear();
            return;
        }
        self.bytes.drain(..n);
        let cut_from = self.places.partition_point(|place| place.start <= n).saturating_sub(1);
        self.places.drain(..cut_from);
        for (index, Place { start, span, .. }) in self.places.iter_mut().enumerate() {
            if index == 0 {
                let skip = u32::try_from(n.saturating_sub(*start)).unwrap_or(u32::MAX);
                span.offset = span.offset.saturating_add(skip);
                span.length = span.length.saturating_sub(skip);
                *start = 0;
            } else {
                *start = start.saturating_sub(n);
            }
        }
    }

    /// Where a stretch of the bytes stands.
    #[must_use]
    pub fn spans(&self, start: usize, length: usize) -> Vec<Span> {
        let end = start.saturating_add(length);
        let first = self.places.partition_point(|place| place.start <= start).saturating_sub(1);
        let places = self.places.get(first..).unwrap_or_default();
        let overlapping = places.iter().take_while(|place| place.start < end || place.start <= start);
        overlapping.filter_map(|place| part(&place.span, place.start, start, end)).collect()
    }
}

/// The part of a place that lies in [start, end).
fn part(whole: &Span, at: usize, start: usize, end: usize) -> Option<Span> {
    let place_end = at.saturating_add(usize::try_from(whole.length).ok()?);
    let (from, to) = (start.max(at), end.min(place_end));
    let offset = usize::try_from(whole.offset).ok()?.checked_add(from.checked_sub(at)?)?;
    (from < to).then(|| span(whole.packet, offset, to - from))
}

/// The part of consecutive spans that begins `start` bytes in and is `length` long.
#[must_use]
pub fn cut(spans: &[Span], start: usize, length: usize) -> Vec<Span> {
    let mut at = 0;
    let mut out = Vec::new();
    for whole in spans {
        out.extend(part(whole, at, start, start.saturating_add(length)));
        at = at.saturating_add(usize::try_from(whole.length).unwrap_or(usize::MAX));
    }
    out
}

impl From<&crate::fragment::Detached> for Pieces {
    fn from(detached: &crate::fragment::Detached) -> Self {
        let place = |piece: &crate::fragment::Piece| {
            (piece.start as usize, Span { packet: piece.packet_id, offset: piece.frame_offset, length: piece.length })
        };
        Self::of_fragments(detached.bytes.clone(), detached.pieces.iter().map(place).collect())
    }
}

/// A segment that came before its turn.
struct Pending {
    seq: u32,
    bytes: Vec<u8>,
    from: Origin,
}

/// What only a direction in the middle of a PDU, or with a gap, needs.
#[derive(Default)]
struct Heavy {
    gathered: Pieces,
    pending: Vec<Pending>,
    pending_bytes: usize,
}

/// One direction of a conversation.
#[derive(Default)]
pub(crate) struct Stream {
    next: u32,
    synced: bool,
    /// Bytes of the PDU at hand that are passed over.
    skip: u64,
    heavy: Option<Box<Heavy>>,
}

/// What a segment means to the stream.
pub(crate) enum Arrival {
    /// It goes on where the stream is; so many of its first bytes were there before.
    Next(usize),
    /// Nothing in it is new.
    Old,
    /// It is kept until the gap before it closes.
    Held,
    /// It lies beyond a gap that will not close: the stream begins anew here.
    Gap,
}

impl Stream {
    /// The handshake's sequence number: the first byte follows it.
    pub(crate) fn begin(&mut self, seq: u32) {
        *self = Self { next: seq.wrapping_add(1), synced: true, skip: 0, heavy: None };
    }

    /// Whether it is known where the stream is.
    pub(crate) const fn is_synced(&self) -> bool {
        self.synced
    }

    /// Takes a segment in. `from` is where its payload stands.
    pub(crate) fn arrive(&mut self, seq: u32, payload: &[u8], from: &Origin) -> Arrival {
        if !self.synced {
            self.synced = true;
            self.next = seq;
        }
        let ahead = seq.wrapping_sub(self.next).cast_signed();
        if ahead <= 0 {
            let known = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
            // A keep-alive repeats the last byte; a retransmission may bring more than the first time.
            return if known >= payload.len() { Arrival::Old } else { Arrival::Next(known) };
        }
        let heavy = self.heavy.get_or_insert_default();
        if heavy.pending.iter().any(|pending| pending.seq == seq && pending.bytes.len() >= payload.len()) {
            return Arrival::Old;
        }
        if heavy.pending_bytes + payload.len() <= PENDING_BYTES_MAX && heavy.pending.len() < PENDING_SEGMENTS_MAX {
            heavy.pending_bytes += payload.len();
            heavy.pending.push(Pending { seq, bytes: payload.to_vec(), from: from.clone() });
            return Arrival::Held;
        }
        Arrival::Gap
    }

    /// Begins anew at `seq`; what was gathered and held back is lost.
    pub(crate) fn resume(&mut self, seq: u32) {
        *self = Self { next: seq, synced: true, skip: 0, heavy: None };
    }

    /// After a gap: begins anew at the earliest segment that was held back, if one was.
    pub(crate) fn resume_at_pending(&mut self) {
        let Some(heavy) = &mut self.heavy else { return };
        let next = self.next;
        if let Some(first) = heavy.pending.iter().map(|pending| pending.seq).min_by_key(|seq| seq.wrapping_sub(next)) {
            self.next = first;
            self.skip = 0;
            heavy.gathered = Pieces::default();
        }
    }

    /// Lets go of all that waits: the stream goes on with what comes next.
    pub(crate) fn give_up(&mut self) {
        self.skip = 0;
        self.heavy = None;
    }

    /// The stream has moved on by so many bytes.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.next = self.next.wrapping_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// The held segment whose turn it is: its bytes that are new, and where they stand.
    pub(crate) fn turn(&mut self) -> Option<(Vec<u8>, Origin)> {
        let next = self.next;
        let heavy = self.heavy.as_mut()?;
        let index = heavy.pending.iter().position(|pending| pending.seq.wrapping_sub(next).cast_signed() <= 0)?;
        let Pending { seq, mut bytes, from } = heavy.pending.swap_remove(index);
        heavy.pending_bytes = heavy.pending_bytes.saturating_sub(bytes.len());
        let known = usize::try_from(next.wrapping_sub(seq)).unwrap_or(usize::MAX);
        bytes.drain(..known.min(bytes.len()));
        Some((bytes, from.behind(known)))
    }

    /// How many of `available` new bytes belong to a PDU that is passed over.
    pub(crate) fn pass_over(&mut self, available: usize) -> usize {
        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(available);
        self.skip -= passed as u64;
        passed
    }

    /// The rest of the PDU at hand is not needed.
    pub(crate) const fn skip(&mut self, bytes: u64) {
        self.skip = bytes;
    }

    /// Bytes that wait here.
    pub(crate) fn held(&self) -> usize {
        self.heavy.as_ref().map_or(0, |heavy| heavy.gathered.bytes.capacity() + heavy.pending_bytes)
    }

    /// Whether bytes of an unfinished PDU are gathered.
    pub(crate) fn is_gathering(&self) -> bool {
        self.heavy.as_ref().is_some_and(|heavy| !heavy.gathered.bytes.is_empty())
    }

    /// Gathers the beginning of a PDU, if need be in a buffer of those that lie idle.
    pub(crate) fn gather(&mut self, bytes: &[u8], from: Origin, idle: &mut Idle) {
        let gathered = &mut self.heavy.get_or_insert_default().gathered;
        if gathered.bytes.capacity() == 0
            && let Some(buffer) = idle.0.pop()
        {
            *gathered = buffer;
        }
        gathered.push(bytes, from);
    }

    /// Takes out what was gathered, to read it; [`Stream::put_back`] returns what is left.
    pub(crate) fn take_gathered(&mut self) -> Pieces {
        self.heavy.as_mut().map(|heavy| std::mem::take(&mut heavy.gathered)).unwrap_or_default()
    }

    /// Returns what was not read of the gathered bytes.
    pub(crate) fn put_back(&mut self, mut pieces: Pieces, read: usize, idle: &mut Idle) {
        pieces.consume(read);
        if pieces.bytes.is_empty() {
            idle.take(pieces);
        } else if let Some(heavy) = &mut self.heavy {
            heavy.gathered = pieces;
        }
        self.relax();
    }

    /// Frees what an idle stream does not need.
    pub(crate) fn relax(&mut self) {
        if self.heavy.as_ref().is_some_and(|heavy| heavy.gathered.bytes.is_empty() && heavy.pending.is_empty()) {
            self.heavy = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(packet: u64, length: u32) -> Origin {
        Origin::Packet(Span { packet, offset: 54, length })
    }

    #[test]
    fn spans_of_gathered_bytes_name_each_packet() {
        let mut pieces = Pieces::default();
        pieces.push(b"abcd", at(1, 4));
        pieces.push(b"efgh", at(2, 4));
        pieces.push(b"ij", at(3, 2));
        assert_eq!(pieces.spans(3, 2), [Span { packet: 1, offset: 57, length: 1 }, Span { packet: 2, offset: 54, length: 1 }]);
        pieces.consume(5);
        assert_eq!(pieces.bytes(), b"fghij");
        assert_eq!(pieces.spans(0, 5), [Span { packet: 2, offset: 55, length: 3 }, Span { packet: 3, offset: 54, length: 2 }]);
        assert_eq!(pieces.spans(1, 1), [Span { packet: 2, offset: 56, length: 1 }]);
    }

    #[test]
    fn spans_of_a_segment_that_came_in_fragments_name_each_fragment() {
        let fragments = vec![Span { packet: 1, offset: 54, length: 4 }, Span { packet: 2, offset: 34, length: 2 }];
        let mut pieces = Pieces::default();
        pieces.push(b"bcdef", Origin::Fragments(fragments).behind(1));
        assert_eq!(pieces.derivations().collect::<Vec<_>>(), ["ip"]);
        pieces.push(b"ghi", at(3, 3));
        assert_eq!(pieces.derivations().collect::<Vec<_>>(), ["tcp", "ip"]);
        let spans = [(1, 56, 2), (2, 34, 2), (3, 54, 1)].map(|(packet, offset, length)| Span { packet, offset, length });
        assert_eq!(pieces.spans(1, 5), spans);
        pieces.consume(4);
        assert_eq!(pieces.derivations().collect::<Vec<_>>(), ["tcp", "ip"], "a byte of the fragments is left");
        pieces.consume(1);
        assert_eq!((pieces.bytes(), pieces.derivations().count()), (&b"ghi"[..], 0));
        assert_eq!(pieces.spans(0, 3), [Span { packet: 3, offset: 54, length: 3 }]);
    }

    #[test]
    fn segments_out_of_order_wait_for_their_turn() {
        let mut stream = Stream::default();
        stream.begin(99);
        assert!(matches!(stream.arrive(104, b"ef", &at(1, 2)), Arrival::Held));
        assert!(matches!(stream.arrive(100, b"abcd", &at(2, 4)), Arrival::Next(0)));
        stream.advance(4);
        assert_eq!(stream.turn().map(|(bytes, _)| bytes), Some(b"ef".to_vec()));
        stream.advance(2);
        assert!(matches!(stream.arrive(100, b"abcd", &at(3, 4)), Arrival::Old));
        assert!(matches!(stream.arrive(104, b"efgh", &at(4, 4)), Arrival::Next(2)));
        assert!(stream.turn().is_none());
    }

    #[test]
    fn a_gap_that_does_not_close_is_given_up() {
        let mut stream = Stream::default();
        stream.begin(0);
        let full = [0; 1460];
        let gaps = (0..32u32).filter(|i| matches!(stream.arrive(1000 + i * 1460, &full, &at(1, 1460)), Arrival::Gap)).count();
        assert_eq!(gaps, 32 - PENDING_BYTES_MAX / 1460);
    }
}
