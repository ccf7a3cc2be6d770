//! What a mirror shows of the conversations in it: whether both directions, and how much was lost before it reached us. What one end
//! acknowledges (RFC 9293 §3.4) was on the wire; if we never saw it, the switch or the tap dropped it.

use dissectors::frame::Frame;
use observations::Shown;

/// Conversations that are looked at side by side. A thousand busy ones say how good a mirror is; the table is 128 KB, whoever talks, a line
/// of memory each, and twice that where all have holes: it stays in the processor's cache, beside all else.
const SLOTS: usize = 2048;

/// After this long another conversation may take the place of one that is silent, nanoseconds.
const IDLE_NS: i64 = 60_000_000_000;

/// Bytes that a sequence number may jump: the largest window that TCP has (RFC 7323 §2.3). What jumps farther is another connection.
const WINDOW_MAX: u32 = 1 << 30;

/// Holes of one direction that are open at a time, waiting to be filled by what is late or sent again.
const HOLES: usize = 4;

/// TCP flags (RFC 9293 §3.1).
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Protocol numbers (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Follows the TCP and UDP conversations of one source.
#[derive(Default)]
pub struct Mirror {
    slots: Vec<Slot>,
    /// Of TCP.
    tcp: Shown,
    /// UDP conversations, and those of which both directions were seen.
    udp: (u64, u64),
}

/// One conversation.
#[derive(Clone, Default)]
struct Slot {
    /// A hash of both ends; 0 for none.
    key: u64,
    last: i64,
    /// Which directions were seen: two bits.
    seen: u8,
    /// Whether it counts as a conversation: for TCP one that was acknowledged.
    counted: bool,
    /// The direction of the last packet.
    from: u8,
    ways: [Way; 2],
}

/// One direction of a TCP conversation.
#[derive(Clone, Default)]
struct Way {
    /// The end of the data that was seen.
    high: u32,
    known: bool,
    /// Whether any hole is open.
    torn: bool,
    next: u8,
    /// Few conversations have any.
    holes: Option<Box<[Hole; HOLES]>>,
}

/// Data that was not seen, although what comes after it was, or was acknowledged.
#[derive(Clone, Copy, Default)]
struct Hole {
    start: u32,
    end: u32,
    /// Bytes that are still missing.
    missing: u32,
    /// The other end has them: they were lost before us.
    acknowledged: bool,
}

impl Mirror {
    /// What TCP showed up to now.
    #[must_use]
    pub const fn shown(&self) -> Shown {
        self.tcp
    }

    /// UDP conversations between two hosts, and those of which both directions were seen.
    #[must_use]
    pub const fn udp(&self) -> (u64, u64) {
        self.udp
    }

    /// Takes in a frame, in the order of the capture.
    #[inline]
    pub fn see(&mut self, frame: &Frame, time: i64) {
        if !matches!(frame.protocol, TCP | UDP) || frame.transport_offset == 0 || !frame.is_ip() || is_group(frame) {
            return;
        }
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS];
        }
        let key = key(frame);
        let Some(slot) = self.slots.get_mut((key % SLOTS as u64) as usize) else { return };
        let is_new = slot.key != key;
        if is_new && slot.key != 0 && time.saturating_sub(slot.last) < IDLE_NS {
            return;
        }
        // As numbers: comparing two of these takes four instructions, comparing bytes a call.
        let way = usize::from((u128::from_be_bytes(frame.src), frame.src_port) > (u128::from_be_bytes(frame.dst), frame.dst_port));
        if is_new {
            *slot = Slot { key, from: way as u8, ..Slot::default() };
        }
        slot.last = slot.last.max(time);
        if frame.protocol == UDP { slot.datagram(way, &mut self.udp) } else { slot.segment(way, frame, &mut self.tcp) }
    }
}

/// Whether it is for many: what is, is not answered to the group.
fn is_group(frame: &Frame) -> bool {
    let v4 = frame.net == dissectors::frame::Net::V4;
    let [first, ..] = frame.dst;
    let [mac, ..] = frame.dst_mac.0;
    frame.has_macs && mac & 1 == 1 || if v4 { first >= 224 } else { first == 0xff }
}

/// A number for both directions of a conversation; whoever makes two conversations agree spoils a figure and nothing else.
fn key(frame: &Frame) -> u64 {
    let (one, other) = (u64::from(frame.src_port), u64::from(frame.dst_port));
    let ports = (one + other) << 40 ^ (one ^ other) << 16 ^ u64::from(frame.protocol);
    let mixed = (frame.shard() ^ ports).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).max(1)
}

impl Slot {
    /// Notes the direction; whether both were seen by now, and whether this is the first time.
    fn seen_from(&mut self, way: usize) -> (bool, bool) {
        let before = self.seen;
        self.seen |= 1 << way;
        (self.seen == 3, self.seen == 3 && before != 3)
    }

    fn datagram(&mut self, way: usize, (conversations, answered): &mut (u64, u64)) {
        *conversations += u64::from(self.seen == 0);
        *answered += u64::from(self.seen_from(way).1);
    }

    fn segment(&mut self, way: usize, frame: &Frame, shown: &mut Shown) {
        let acknowledges = frame.tcp_flags & (ACK | RST) == ACK;
        let (both, first) = self.seen_from(way);
        if acknowledges {
            shown.packets += 1;
            shown.turns += u64::from(both && usize::from(self.from) != way);
            // Before, it may be an attempt that nobody answers.
            if !std::mem::replace(&mut self.counted, true) {
                shown.conversations += 1;
                shown.answered += u64::from(both && !first);
            }
        }
        shown.answered += u64::from(first && self.counted);
        self.from = way as u8;
        let [low, high] = &mut self.ways;
        let (mine, other) = if way == 0 { (low, high) } else { (high, low) };
        if frame.tcp_flags & RST != 0 {
            return;
        }
        mine.sends(frame, both, shown);
        if acknowledges && both && other.known {
            other.is_acknowledged(frame.tcp_ack, shown);
        }
    }
}

impl Way {
    /// A segment of this direction.
    fn sends(&mut self, frame: &Frame, both: bool, shown: &mut Shown) {
        let data = frame.payload_len.saturating_add(frame.payload_cut);
        let length = data + u32::from(frame.tcp_flags & SYN != 0) + u32::from(frame.tcp_flags & FIN != 0);
        let (seq, end) = (frame.tcp_seq, frame.tcp_seq.wrapping_add(length));
        let ahead = seq.wrapping_sub(self.high).cast_signed();
        if !self.known || frame.tcp_flags & SYN != 0 || ahead.unsigned_abs() > WINDOW_MAX {
            *self = Self { known: true, high: end, ..Self::default() };
            shown.seen_bytes += if both { u64::from(data) } else { 0 };
            return;
        }
        if ahead > 0 && length > 0 {
            self.tear(self.high, seq, false);
        } else if self.torn && length > 0 {
            self.fill(seq, end, shown);
        }
        let news = end.wrapping_sub(self.high).cast_signed();
        if news > 0 && length > 0 {
            self.high = end;
            shown.seen_bytes += if both { u64::from(data.min(news.unsigned_abs())) } else { 0 };
        }
    }

    /// The other end has everything before `ack`.
    fn is_acknowledged(&mut self, ack: u32, shown: &mut Shown) {
        let holes = self.holes.iter_mut().filter(|_| self.torn).flat_map(|holes| holes.iter_mut());
        for hole in holes.filter(|hole| hole.missing > 0 && !hole.acknowledged) {
            if ack.wrapping_sub(hole.end).cast_signed() >= 0 {
                hole.acknowledged = true;
                shown.unseen_bytes += u64::from(hole.missing);
            }
        }
        let beyond = ack.wrapping_sub(self.high);
        // A byte may be the FIN, which is no data.
        if beyond > 1 && beyond <= WINDOW_MAX {
            self.tear(self.high, ack, true);
            shown.unseen_bytes += u64::from(beyond);
            self.high = ack;
        }
    }

    /// Notes a hole. The oldest gives way, and what nobody acknowledged of it is not counted: too little is said rather than too much.
    fn tear(&mut self, start: u32, end: u32, acknowledged: bool) {
        self.torn = true;
        if let Some(hole) = self.holes.get_or_insert_default().get_mut(usize::from(self.next) % HOLES) {
            *hole = Hole { start, end, missing: end.wrapping_sub(start), acknowledged };
        }
        self.next = self.next.wrapping_add(1);
    }

    /// What was late, or sent again, was not lost before us.
    fn fill(&mut self, seq: u32, end: u32, shown: &mut Shown) {
        let Some(holes) = &mut self.holes else { return };
        for hole in holes.iter_mut().filter(|hole| hole.missing > 0) {
            let size = hole.end.wrapping_sub(hole.start).cast_signed();
            let from = seq.wrapping_sub(hole.start).cast_signed().max(0);
            let to = end.wrapping_sub(hole.start).cast_signed().min(size);
            let found = u32::try_from(to.saturating_sub(from)).unwrap_or(0).min(hole.missing);
            hole.missing -= found;
            if hole.acknowledged {
                shown.unseen_bytes = shown.unseen_bytes.saturating_sub(u64::from(found));
                shown.seen_bytes += u64::from(found);
            }
        }
        self.torn = holes.iter().any(|hole| hole.missing > 0);
    }
}

/// Two lines of memory would be twice as dear.
const _: () = assert!(size_of::<Slot>() <= 64);

#[cfg(test)]
mod tests {
    use super::*;
    use dissectors::frame::Net;

    /// Flags, sequence number, acknowledgement, bytes of data.
    type Numbers = (u8, u32, u32, u32);

    /// A segment of the client (true) or the server.
    fn segment(client: bool, (flags, seq, ack, data): Numbers) -> Frame {
        let mut frame = Frame { net: Net::V4, protocol: TCP, transport_offset: 34, has_macs: true, ..Frame::EMPTY };
        let (mut src, mut dst) = ([0; 16], [0; 16]);
        src[..4].copy_from_slice(&[10, 0, 0, 1 + u8::from(!client)]);
        dst[..4].copy_from_slice(&[10, 0, 0, 1 + u8::from(client)]);
        let (src_port, dst_port) = if client { (50_000, 502) } else { (502, 50_000) };
        (frame.src, frame.dst, frame.src_port, frame.dst_port) = (src, dst, src_port, dst_port);
        (frame.tcp_flags, frame.tcp_seq, frame.tcp_ack, frame.payload_len) = (flags, seq, ack, data);
        frame
    }

    fn shown(segments: &[(bool, Numbers)]) -> Shown {
        let mut mirror = Mirror::default();
        for (client, numbers) in segments {
            mirror.see(&segment(*client, *numbers), 1);
        }
        mirror.shown()
    }

    #[test]
    fn a_whole_connection_has_lost_nothing() {
        let base = u32::MAX - 5;
        let whole = shown(&[
            (true, (SYN, base, 0, 0)),
            (false, (SYN | ACK, 99, base.wrapping_add(1), 0)),
            (true, (ACK, base.wrapping_add(1), 100, 12)),
            (false, (ACK, 100, base.wrapping_add(13), 20)),
            (true, (ACK | FIN, base.wrapping_add(13), 120, 0)),
            (false, (ACK, 120, base.wrapping_add(14), 0)),
        ]);
        assert_eq!((whole.conversations, whole.answered, whole.seen_bytes, whole.unseen_bytes), (1, 1, 32, 0));
        assert_eq!((whole.packets, whole.turns), (5, 5));
    }

    #[test]
    fn what_is_acknowledged_and_was_never_seen_was_lost_before_us() {
        let lost = shown(&[(true, (ACK, 1, 100, 10)), (false, (ACK, 100, 11, 50)), (true, (ACK, 11, 450, 0)), (false, (ACK, 450, 11, 50))]);
        assert_eq!((lost.seen_bytes, lost.unseen_bytes), (100, 300));
        // A hole with data behind it counts once the other end has it all.
        let open = [(true, (ACK, 1, 100, 10)), (false, (ACK, 100, 11, 50)), (false, (ACK, 250, 11, 50))];
        assert_eq!(shown(&open).unseen_bytes, 0);
        let closed = [&open[..], &[(true, (ACK, 11, 300, 0))]].concat();
        assert_eq!(shown(&closed).unseen_bytes, 100);
    }

    #[test]
    fn what_comes_late_or_again_is_not_lost() {
        let late = [(true, (ACK, 1, 100, 10)), (false, (ACK, 100, 11, 50)), (true, (ACK, 11, 250, 0)), (false, (ACK, 150, 11, 60))];
        assert_eq!(shown(&late).unseen_bytes, 40);
        let all = [&late[..], &[(false, (ACK, 210, 11, 40)), (false, (ACK, 150, 11, 100))]].concat();
        let whole = shown(&all);
        assert_eq!((whole.seen_bytes, whole.unseen_bytes), (150, 0), "a copy fills nothing twice");
    }

    #[test]
    fn one_direction_alone_is_a_conversation_that_is_not_answered() {
        let one = shown(&[(true, (ACK, 1, 100, 10)), (true, (ACK, 11, 900, 10)), (true, (ACK, 21, 1900, 10))]);
        assert_eq!((one.conversations, one.answered, one.packets, one.turns, one.unseen_bytes), (1, 0, 3, 0, 0));
        // An attempt that nobody answers says nothing of the mirror.
        assert_eq!(shown(&[(true, (SYN, 1, 0, 0)), (true, (SYN, 1, 0, 0))]).conversations, 0);
    }

    #[test]
    fn a_wild_number_is_another_connection_and_no_loss() {
        let wild = shown(&[
            (true, (ACK, 1, 100, 10)),
            (false, (ACK, 100, 11, 50)),
            (true, (ACK, 11, 3_000_000_000, 0)),
            (false, (ACK, 2_500_000_000, 11, 9)),
        ]);
        assert_eq!(wild.unseen_bytes, 0);
    }

    #[test]
    fn datagrams_to_a_group_are_never_answered_and_do_not_count() {
        let mut mirror = Mirror::default();
        let mut frame = Frame { protocol: UDP, ..segment(true, (0, 0, 0, 5)) };
        mirror.see(&frame, 1);
        assert_eq!(mirror.udp(), (1, 0));
        mirror.see(&Frame { protocol: UDP, ..segment(false, (0, 0, 0, 5)) }, 2);
        mirror.see(&frame, 3);
        assert_eq!(mirror.udp(), (1, 1));
        frame.dst[0] = 239;
        mirror.see(&frame, 4);
        assert_eq!(mirror.udp(), (1, 1));
    }
}
