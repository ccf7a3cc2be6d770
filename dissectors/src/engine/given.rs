//! What an engine gives out: conversations that ended are counted, and what was heard is handed over, as it changes or at the end.

use super::{Engine, UNANSWERED_OBSERVATIONS, UNANSWERED_PAIRS};
use crate::again::Again;
use crate::devices::{DEVICES, UNANSWERED_DEVICES};
use crate::flow::Flow;
use crate::limits::Used;
use crate::reassembly::Stream;
use crate::seats::{Seat, Seats};
use observations::{Source, SourceSaid, Tally};

/// Conversations that are ended in one go.
const ENDED_TOGETHER: usize = 32;

impl Engine {
    /// Ends a conversation: its counters go to the tallies, its reader is freed, when some have come together.
    pub(super) fn end(&mut self, at: u32) {
        if let Some(flow) = self.flows.remove(at) {
            self.over.push(flow);
            if self.over.len() >= ENDED_TOGETHER {
                self.settle_over();
            }
        }
    }

    /// Ends what is left.
    fn end_all(&mut self) {
        let mut flows = self.flows.take();
        loop {
            self.settle_over();
            self.over.extend(flows.by_ref().take(ENDED_TOGETHER));
            if self.over.is_empty() {
                return;
            }
        }
    }

    /// Takes up what ended since the last time: what its counters are added to is asked for ahead.
    fn settle_over(&mut self) {
        let mut over = std::mem::take(&mut self.over);
        let warm = over.iter().fold(0u64, |sum, flow| sum ^ self.tallies.touch(flow));
        std::hint::black_box(warm);
        over.iter().for_each(|flow| self.ended(flow));
        over.clear();
        self.over = over;
    }

    fn ended(&mut self, flow: &Flow) {
        let mut operations = Vec::new();
        if let Some(slot) = flow.reader.checked_sub(1) {
            if let Some(reader) = self.readers.get_mut(slot as usize).and_then(Option::take) {
                let held: usize = reader.streams.iter().map(Stream::held).sum();
                self.stream_bytes = self.stream_bytes.saturating_sub(held);
                operations = reader.operations;
            }
            self.free_readers.push(slot);
        }
        self.touch(flow);
        self.cut += u64::from(flow.is_cut());
        self.tallies.add(flow, &operations, &mut self.ledger.devices);
    }

    /// The places that a conversation's ends were seen at still held when it ended.
    fn touch(&mut self, flow: &Flow) {
        for (direction, end) in flow.ends.iter().enumerate() {
            let seat = Seat::of_end(flow, direction, end);
            if end.packets > 1 && !self.seats.seen(&seat, end.last) {
                crate::place::touch(&mut self.ledger, &seat, end.last);
            }
        }
    }

    /// Tells the ledger of all that was seen and said again.
    fn settle_all(&mut self) {
        self.settle_seats();
        for (last, told) in self.again.changed() {
            told.iter().for_each(|hash| self.ledger.touch_hash(*hash, last));
        }
    }

    pub(super) fn settle_seats(&mut self) {
        let Self { seats, ledger, .. } = self;
        seats.changed().for_each(|(last, told)| told.iter().for_each(|hash| ledger.touch_hash(*hash, last)));
    }

    /// The observations that are new since the last call; with `counters` also those that were made again, and the tallies,
    /// conversations that are still open included. For a store that commits while the engine goes on.
    pub fn changes(&mut self, counters: bool) -> SourceSaid {
        let mut said = self.nothing_said();
        if counters {
            self.settle_over();
            self.settle_all();
        }
        (said.observations, said.crowded) = self.ledger.changed(counters);
        if counters {
            let mut tallies = self.tallies.clone();
            for at in self.flows.open() {
                let Some(flow) = self.flows.get(at).map(|flow| flow.clone()) else { continue };
                let reader = flow.reader.checked_sub(1).and_then(|slot| self.readers.get(slot as usize)).and_then(Option::as_deref);
                tallies.add(&flow, reader.map_or(&[], |reader| &reader.operations), &mut self.ledger.devices);
            }
            let dropped = (tallies.dropped(), tallies.strangers());
            said.tallies = tallies.pairs(&self.registry);
            said.bound_peers(Tally::add);
            self.tell_troubles(&mut said, dropped);
        }
        said
    }

    /// What begins a source's record here: how much is kept about a subject.
    fn nothing_said(&self) -> SourceSaid {
        SourceSaid { source: Source { most: self.limits.most, ..Source::default() }, ..SourceSaid::default() }
    }

    /// How much is held.
    #[must_use]
    pub fn used(&self) -> Used {
        let [pairs, hosts] = self.tallies.len();
        Used {
            flows: self.flows.len() as u64,
            observations: self.ledger.len() as u64,
            pairs: pairs as u64,
            hosts: hosts as u64,
            devices: self.ledger.devices.len() as u64,
            stream_bytes: self.stream_bytes as u64,
        }
    }

    /// What broke a rule, and which limits were hit.
    fn tell_troubles(&self, said: &mut SourceSaid, ([pairs, unanswered_pairs], of_pairs): ([u64; 2], [u64; 2])) {
        said.source.malformed = self.troubles.malformed.iter().map(|((name, rule), count)| (format!("{name}: {rule}"), *count)).collect();
        said.source.limits = self.troubles.limits.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let strangers = self.ledger.strangers();
        let names = [
            ("observations held", self.ledger.dropped()[0]),
            (UNANSWERED_OBSERVATIONS, self.ledger.dropped()[1]),
            ("pairs counted", pairs),
            (UNANSWERED_PAIRS, unanswered_pairs),
            (DEVICES, strangers[0] + of_pairs[0]),
            (UNANSWERED_DEVICES, strangers[1] + of_pairs[1]),
        ];
        said.source.limits.extend(names.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)));
    }

    /// Ends every conversation and gives all that was heard. Source-wide figures other than these are the caller's.
    pub fn finish(&mut self) -> SourceSaid {
        self.end_all();
        self.settle_all();
        // What is done is freed before the next is made: the end of a capture is when memory is fullest.
        self.seats = Seats::default();
        self.again = Again::default();
        (self.readers, self.free_readers) = (Vec::new(), Vec::new());
        let (mut said, tallies) = (self.nothing_said(), std::mem::take(&mut self.tallies));
        said.source.opaque = tallies.opaque_bytes();
        let dropped = (tallies.dropped(), tallies.strangers());
        said.tallies = tallies.pairs(&self.registry);
        said.bound_peers(Tally::add);
        (said.observations, said.crowded) = self.ledger.take();
        said.source.duplicates = self.duplicates;
        said.source.cut = self.cut;
        self.tell_troubles(&mut said, dropped);
        said
    }
}
