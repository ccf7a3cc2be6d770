//! What is on the wire but not yet written: frames wait here until no earlier one can come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::random::Random;

/// A frame and when it passes, in microseconds since the start.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Passing {
    /// When.
    pub(crate) at: u64,
    /// Breaks ties: first sent, first written.
    order: u64,
    /// The bytes.
    pub(crate) frame: Vec<u8>,
}

/// Frames under way, and the chance that all talks share.
pub(crate) struct Air {
    under_way: BinaryHeap<Reverse<Passing>>,
    sent: u64,
    /// The one source of chance while the capture runs.
    pub(crate) random: Random,
}

impl Air {
    /// An empty wire.
    pub(crate) fn new(random: Random) -> Self {
        Self { under_way: BinaryHeap::new(), sent: 0, random }
    }

    /// Sends a frame at a time that must not lie before the current step.
    pub(crate) fn send(&mut self, at: u64, frame: Vec<u8>) {
        self.sent += 1;
        self.under_way.push(Reverse(Passing { at, order: self.sent, frame }));
    }

    /// The earliest frame, if it passes at `until` or before.
    pub(crate) fn take(&mut self, until: u64) -> Option<Passing> {
        if self.under_way.peek()?.0.at > until {
            return None;
        }
        self.under_way.pop().map(|Reverse(passing)| passing)
    }
}
