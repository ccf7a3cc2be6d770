//! Packets that a mirror delivers twice: known again among the last four of their conversation, whichever end sent them.
//!
//! A switch that mirrors two ports shows a packet where it comes in and where it goes out, the second time behind others of the same
//! conversation. What is kept of a packet are four bytes: sixteen bits that tell it from its neighbours (its identification or sequence
//! number, as they stand: successive ones never agree), eight that are mixed from its other numbers, and eight of time.

use crate::frame::{Frame, Net};

/// Copies lie within this: the buffers of a switch and of what collects from several, not a network's round trip.
pub(crate) const COPY_NS_MAX: i64 = 50_000_000;

/// Packets of a conversation among which a copy is looked for. A fast retransmission follows three acknowledgements and the segments that
/// they answer (RFC 5681 §3.2): what it repeats is not among them.
const LAST: usize = 4;

/// Time is kept in units of 2²⁰ ns, some milliseconds: modulo 256, which four packets at most [`COPY_NS_MAX`] apart never fill.
const UNIT_BITS: u32 = 20;

/// [`COPY_NS_MAX`] in units.
const UNITS_MAX: u8 = 47;

/// Packets without identification lie closer: a stack that loses a segment sends the same again, no sooner than two of its clock's ticks
/// later where nobody asks for it; 2 ms on the fastest.
const UNITS_WITHOUT_ID_MAX: u8 = 2;

/// How well a packet is told from others of its conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// By its identification: each packet has another, a retransmission too.
    ById,
    /// By its sequence number: a retransmission has the same.
    BySequence,
    /// By what it says only: said again it is the same. It is a copy only where it was seen at another place.
    ByContent,
    /// Not at all.
    Not,
}

/// The last packets of a conversation, the newest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Last([u32; LAST]);

impl Last {
    /// Whether a packet is a copy of one of the last; if not, it is the last. `time` is its own, `before` that of the last packet of the
    /// conversation; `elsewhere`, whether its MAC address, VLAN or TTL is not that of its sender's last packet.
    pub(crate) fn is_copy(&mut self, frame: &Frame, direction: usize, time: i64, before: i64, elsewhere: bool) -> bool {
        if time.abs_diff(before) > COPY_NS_MAX.unsigned_abs() {
            // Also what keeps the units unambiguous.
            self.0 = [0; LAST];
        }
        let [now, ..] = (time >> UNIT_BITS).to_le_bytes();
        let (print, told) = print(frame, direction);
        let within = match told {
            Told::ById => Some(UNITS_MAX),
            Told::BySequence => Some(UNITS_WITHOUT_ID_MAX),
            Told::ByContent => elsewhere.then_some(UNITS_WITHOUT_ID_MAX),
            Told::Not => None,
        };
        let copies = |kept: u32, within: u8| {
            let [then, ..] = kept.to_le_bytes();
            kept >> 8 == print && now.wrapping_sub(then) <= within
        };
        if within.is_some_and(|within| self.0.iter().any(|&kept| copies(kept, within))) {
            return true;
        }
        let [first, second, third, _] = self.0;
        let kept = if told == Told::Not { 0 } else { print << 8 | u32::from(now) };
        self.0 = [kept, first, second, third];
        false
    }
}

/// What tells a packet from its neighbours, as 24 bits that are not 0, and how well.
fn print(frame: &Frame, direction: usize) -> (u32, Told) {
    const SYN_OR_FIN: u8 = 3;
    if frame.stop.is_some() {
        // Fragments of one datagram agree in everything that is known of them.
        return (0, Told::Not);
    }
    let [_, _, high, low] = frame.tcp_seq.to_be_bytes();
    let (near, told) = match frame.net {
        // Those who never fragment may leave it 0 (RFC 6864 §4.1).
        Net::V4 if frame.ip_id != 0 => (frame.ip_id, Told::ById),
        Net::V4 | Net::V6 if frame.protocol == 6 && (frame.payload_len > 0 || frame.tcp_flags & SYN_OR_FIN != 0) => {
            (u16::from_be_bytes([high, low]), Told::BySequence)
        }
        Net::V4 | Net::V6 if frame.checksum != 0 => (frame.checksum, Told::ByContent),
        _ => return (0, Told::Not),
    };
    let numbers = u64::from(frame.tcp_seq) << 32 | u64::from(frame.tcp_ack);
    let length = u64::from(frame.payload_len.wrapping_add(frame.payload_cut));
    let others = length << 32 | u64::from(frame.checksum) << 16 | u64::from(frame.tcp_flags) << 8 | u64::from(direction == 1);
    // Multiplied by the golden ratio the upper bits depend on all: neighbours are told apart, and nobody gains by making two agree.
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let [mixed, ..] = (numbers.wrapping_mul(GOLDEN) ^ others).wrapping_mul(GOLDEN).to_be_bytes();
    ((u32::from(near) << 8 | u32::from(mixed)).max(1), told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Stop;

    const MS: i64 = 1_000_000;

    /// A segment of 100 bytes.
    fn v4(ip_id: u16, tcp_seq: u32) -> Frame {
        Frame { net: Net::V4, protocol: 6, ip_id, tcp_seq, tcp_ack: 77, tcp_flags: 16, payload_len: 100, checksum: 0x1234, ..Frame::EMPTY }
    }

    fn v6(tcp_seq: u32) -> Frame {
        Frame { net: Net::V6, ..v4(0, tcp_seq) }
    }

    fn datagram(net: Net, ip_id: u16) -> Frame {
        Frame { net, protocol: 17, ip_id, payload_len: 12, checksum: 0xbeef, ..Frame::EMPTY }
    }

    /// Which of the packets (time in ms, direction, at another place, frame) are copies.
    fn copies(packets: &[(i64, usize, bool, Frame)]) -> Vec<bool> {
        // Any time of day, so that units begin anywhere.
        const BEGAN: i64 = 1_700_000_000_123_456_789;
        let (mut last, mut before) = (Last::default(), 0);
        let mut copy = |&(ms, direction, elsewhere, frame): &(i64, usize, bool, Frame)| {
            let time = BEGAN + ms * MS;
            let copy = last.is_copy(&frame, direction, time, before, elsewhere);
            if !copy {
                before = time;
            }
            copy
        };
        packets.iter().map(&mut copy).collect()
    }

    #[test]
    fn copies_are_known_behind_other_packets_of_both_directions() {
        let packets = [
            (0, 0, false, v4(7, 1)),
            (0, 0, false, v4(8, 101)),
            (1, 1, false, v4(9, 5000)),
            (2, 0, false, v4(7, 1)),
            (2, 0, false, v4(8, 101)),
            (3, 1, false, v4(9, 5000)),
            (3, 0, false, v4(7, 1)),
        ];
        assert_eq!(copies(&packets), [false, false, false, true, true, true, true]);
        let without_id = packets.map(|(ms, direction, elsewhere, frame)| (ms, direction, elsewhere, v6(frame.tcp_seq)));
        assert_eq!(copies(&without_id[..6]), [false, false, false, true, true, true]);
    }

    #[test]
    fn copies_lie_among_the_last_four_and_within_fifty_milliseconds() {
        let burst: Vec<_> = (0..5).map(|n| (0, 0, false, v4(n + 1, u32::from(n) * 100))).collect();
        assert_eq!(copies(&[&burst[..], &[burst[1]]].concat()).last(), Some(&true));
        assert_eq!(copies(&[&burst[..], &[burst[0]]].concat()).last(), Some(&false));
        for (ms, copy) in [(49, true), (52, false), (250, false), (268, false), (300, false)] {
            assert_eq!(copies(&[(0, 0, false, v4(7, 1)), (ms, 0, false, v4(7, 1))]), [false, copy], "{ms}");
            let between = (ms / 2, 1, false, v4(9, 5000));
            assert_eq!(copies(&[(0, 0, false, v4(7, 1)), between, (ms, 0, false, v4(7, 1))]), [false, false, copy], "{ms}, one between");
        }
    }

    #[test]
    fn a_conversation_that_goes_on_for_long_does_not_make_old_packets_new() {
        // Times come round after 268 ms; packets that nothing tells apart come between.
        let unknown = Frame { checksum: 0, ..datagram(Net::V4, 0) };
        let mut packets = vec![(0, 0, false, v4(7, 1))];
        packets.extend((1..27).map(|n| (n * 10, 1, false, unknown)));
        packets.push((268, 0, false, v4(7, 1)));
        assert!(!copies(&packets).contains(&true));
    }

    #[test]
    fn what_is_sent_again_is_no_copy() {
        assert_eq!(copies(&[(0, 0, false, v4(7, 1)), (1, 0, false, v4(8, 1))]), [false, false], "a retransmission has another id");
        assert_eq!(copies(&[(0, 0, false, v6(1)), (5, 0, false, v6(1))]), [false, false], "or comes later");
        let poll = |ms| (ms, 0, false, datagram(Net::V6, 0));
        assert_eq!(copies(&[poll(0), poll(0), poll(1)]), [false; 3], "a poll in the same words");
        let acknowledgement = Frame { payload_len: 0, ..v6(1) };
        assert_eq!(copies(&[(0, 0, false, acknowledgement), (0, 0, false, acknowledgement)]), [false, false]);
        assert_eq!(copies(&[(0, 0, false, v4(7, 1)), (0, 1, false, v4(7, 1))]), [false, false], "the other end's id is its own");
    }

    #[test]
    fn a_datagram_without_id_is_a_copy_where_it_was_seen_at_another_place() {
        for net in [Net::V4, Net::V6] {
            let (here, there) = ((0, 0, false, datagram(net, 0)), (1, 0, true, datagram(net, 0)));
            assert_eq!(copies(&[here, there]), [false, true]);
            assert_eq!(copies(&[here, (10, 0, true, datagram(net, 0))]), [false, false]);
            let unsummed = Frame { checksum: 0, ..datagram(net, 0) };
            assert_eq!(copies(&[(0, 0, false, unsummed), (0, 0, true, unsummed)]), [false, false]);
        }
    }

    #[test]
    fn fragments_of_one_datagram_are_no_copies_of_each_other() {
        let held = Frame { stop: Some(Stop::FragmentHeld), checksum: 0, ..datagram(Net::V4, 7) };
        assert_eq!(copies(&[(0, 0, false, held), (0, 0, false, held)]), [false, false]);
    }

    #[test]
    fn other_lengths_numbers_flags_and_sums_make_other_packets() {
        let one = v4(7, 1);
        let others = [
            Frame { ip_id: 8, ..one },
            Frame { tcp_seq: 2, ..one },
            Frame { tcp_ack: 78, ..one },
            Frame { tcp_flags: 24, ..one },
            Frame { payload_len: 101, ..one },
            Frame { payload_cut: 3, ..one },
            Frame { checksum: 0x1235, ..one },
        ];
        for other in others {
            assert_ne!(print(&one, 0).0, print(&other, 0).0, "{other:?}");
        }
    }
}
