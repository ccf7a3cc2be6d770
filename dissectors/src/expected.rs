//! Datagrams that a conversation has announced: answers that come from a port which nobody knows before (TFTP).

use crate::dissector::Registered;
use crate::frame::{Frame, Net};
use crate::registry::RowId;
use observations::Segment;
use std::collections::{HashMap, VecDeque};

/// Answers waited for at a time: a client that asks waits for one, and few ask at once.
const EXPECTED_MAX: usize = 256;

/// How long an answer is waited for: RFC 2349 §2 lets a peer ask again for up to 255 seconds; whoever waits longer asks anew.
const WAIT_NS: i64 = 255 * 1_000_000_000;

/// Who answers whom, and on which port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Ends {
    segment: Segment,
    v4: bool,
    from: [u8; 16],
    to: [u8; 16],
    port: u16,
}

/// Answers that are waited for.
#[derive(Default)]
pub(crate) struct Expected {
    waiting: HashMap<Ends, (RowId, i64)>,
    order: VecDeque<(i64, Ends)>,
}

impl Expected {
    /// Waits for an answer to this frame, to the port that it came from. Says whether another one had to give way.
    #[must_use]
    pub(crate) fn answer_to(&mut self, frame: &Frame, segment: Segment, row: RowId, now: i64) -> bool {
        let ends = Ends { segment, v4: frame.net == Net::V4, from: frame.dst, to: frame.src, port: frame.src_port };
        let mut crowded = false;
        while self.order.len() >= EXPECTED_MAX || self.order.front().is_some_and(|(since, _)| is_over(*since, now)) {
            let Some((since, oldest)) = self.order.pop_front() else { break };
            if self.waiting.get(&oldest).is_some_and(|waiting| waiting.1 == since) {
                self.waiting.remove(&oldest);
                crowded |= oldest != ends && !is_over(since, now);
            }
        }
        self.waiting.insert(ends, (row, now));
        self.order.push_back((now, ends));
        crowded
    }

    /// Whose answer this frame is, if one is waited for and it looks like one.
    pub(crate) fn take(&mut self, frame: &Frame, segment: Segment, now: i64, follows: impl FnOnce(RowId) -> bool) -> Option<RowId> {
        if self.waiting.is_empty() {
            return None;
        }
        let ends = Ends { segment, v4: frame.net == Net::V4, from: frame.src, to: frame.dst, port: frame.dst_port };
        let (row, since) = *self.waiting.get(&ends)?;
        if is_over(since, now) || !follows(row) {
            return None;
        }
        self.waiting.remove(&ends);
        Some(row)
    }
}

/// Whether it was waited for too long; a clock that went back waits anew.
const fn is_over(since: i64, now: i64) -> bool {
    now.saturating_sub(since) > WAIT_NS
}

/// Whether a dissector takes these bytes for an answer that was announced.
pub(crate) fn follows(dissector: Option<&'static dyn Registered>, head: &[u8]) -> bool {
    dissector.is_some_and(|dissector| dissector.follows(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(from: u8, to: u8, ports: (u16, u16)) -> Frame {
        let mut frame = Frame { net: Net::V4, src_port: ports.0, dst_port: ports.1, ..Frame::default() };
        (frame.src[0], frame.dst[0]) = (from, to);
        frame
    }

    #[test]
    fn an_answer_is_known_once_and_in_time() {
        let (asked, answer, row) = (frame(1, 2, (50000, 69)), frame(2, 1, (40000, 50000)), RowId::of(7));
        let take = |expected: &mut Expected, frame: &Frame, now| expected.take(frame, Segment(0), now, |_| true);
        let mut expected = Expected::default();
        assert_eq!(take(&mut expected, &answer, 0), None);
        assert!(!expected.answer_to(&asked, Segment(0), row, 0));
        for stranger in [frame(3, 1, (40000, 50000)), frame(2, 1, (40000, 50001)), frame(2, 3, (40000, 50000))] {
            assert_eq!(take(&mut expected, &stranger, 1), None);
        }
        assert_eq!(expected.take(&answer, Segment(0), 1, |_| false), None);
        assert_eq!(take(&mut expected, &answer, 1), Some(row));
        assert_eq!(take(&mut expected, &answer, 1), None);
        assert!(!expected.answer_to(&asked, Segment(0), row, 0));
        assert_eq!(take(&mut expected, &answer, WAIT_NS + 1), None);
    }

    #[test]
    fn who_asks_for_ever_crowds_out_himself() {
        let mut expected = Expected::default();
        let mut crowded = 0;
        for port in 0..2_000 {
            crowded += usize::from(expected.answer_to(&frame(1, 2, (port, 69)), Segment(0), RowId::of(7), 1));
        }
        assert_eq!((expected.waiting.len(), expected.order.len(), crowded), (EXPECTED_MAX, EXPECTED_MAX, 2_000 - EXPECTED_MAX));
        // Later the one that is asked again and again is all that is left, and pushes nobody out.
        let later = 2 + WAIT_NS;
        let crowded = (0..2_000).filter(|_| expected.answer_to(&frame(1, 2, (50_000, 69)), Segment(0), RowId::of(7), later)).count();
        assert_eq!((expected.waiting.len(), crowded), (1, 0));
    }
}
