//! Looking ahead: what the packets of a batch come to is asked for in passes over all of them, one step of the way in memory each, so that
//! the ways overlap. Nothing depends on it but time.

use super::{Engine, Item, Lookup};
use crate::seats::Seat;

impl Engine {
    /// Finds the conversations of a batch, and has what they need on its way.
    pub(super) fn look_ahead(&mut self, items: &[Item<'_>], lookups: &mut [Lookup]) {
        lookups.iter_mut().for_each(|(_, hash, _, found)| *found = self.flows.guess(*hash));
        let warm = lookups.iter().filter_map(|(.., found)| *found).fold(0u64, |sum, at| sum.wrapping_add(self.flows.touch(at)));
        std::hint::black_box(warm);
        for (key, hash, _, found) in lookups.iter_mut() {
            *found = found.filter(|at| self.flows.is(*at, key)).or_else(|| self.flows.find(*hash, key));
        }
        self.touch_seats(items, lookups);
        self.touch_readers(lookups);
    }

    /// The seats of senders from whom their conversation hears for the first time are looked up when they are counted: they are asked
    /// for ahead.
    fn touch_seats(&mut self, items: &[Item<'_>], lookups: &[Lookup]) {
        self.guessed.clear();
        for (item, (key, _, direction, found)) in items.iter().zip(lookups) {
            if found.is_none_or(|at| self.flows.is_silent(at, *direction)) {
                self.guessed.extend(self.seats.guess(&Seat::of_frame(item.frame, key.segment)));
            }
        }
        let warm = self.guessed.iter().fold(0u64, |sum, at| sum.wrapping_add(self.seats.touch(*at)));
        std::hint::black_box(warm);
    }

    /// The same for what reads their streams.
    fn touch_readers(&self, lookups: &[Lookup]) {
        let readers = lookups.iter().filter_map(|(.., direction, found)| Some((self.flows.reader((*found)?)?, *direction)));
        let readers = readers.filter_map(|(slot, direction)| Some((self.readers.get(slot as usize)?.as_deref()?, direction)));
        let warm = readers.filter_map(|(reader, direction)| Some(reader.streams.get(direction)?.is_synced() ^ (reader.lost > 0)));
        std::hint::black_box(warm.filter(|is| *is).count());
    }
}
