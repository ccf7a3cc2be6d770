//! What was read before, word for word, from the same sender: it is not read again, only said again.
//!
//! Announcements, polls by broadcast and certificates come in the same words for as long as a device lives. Their first reading and what
//! it told stand here; the next ones move only the time of the last. Nothing depends on what is remembered: who is forgotten is read.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use observations::Stamp;
use std::hash::BuildHasher;

/// Readings that are remembered, each some 100 to 200 bytes. Beyond it all are forgotten, and read once more.
const READINGS_MAX: usize = 1 << 15;

/// Observations of one reading that are remembered; what says more is read each time.
const TOLD_MAX: usize = 16;

/// Places for words that came once: what never comes twice takes four bytes here and no reading.
const ONCE: usize = 1 << 15;

/// See the module.
pub(crate) struct Again {
    hasher: RandomState,
    readings: HashTable<Reading>,
    once: Vec<u32>,
}

/// A reading that may be met again.
pub(crate) struct Reading {
    /// Of sender, protocol and words. Words whose 64-bit hashes agree are taken for the same, as keys are in the ledger: the seed is
    /// drawn anew for each engine and shows nowhere.
    hash: u64,
    first: Stamp,
    last: Stamp,
    /// The ledger does not know of `last` yet.
    dirty: bool,
    /// Hashes of the keys of what was said.
    told: Box<[u64]>,
}

/// What is known of words.
pub(crate) enum Known {
    /// They were read, and what they say has been said again.
    Said,
    /// They came before: the reading is worth remembering.
    Twice,
    /// They are new.
    No,
}

impl Default for Again {
    fn default() -> Self {
        Self { hasher: RandomState::default(), readings: HashTable::new(), once: Vec::new() }
    }
}

impl Again {
    pub(crate) fn hash(&self, words: impl std::hash::Hash) -> u64 {
        self.hasher.hash_one(words)
    }

    /// Whether the words were read before; a packet from before the first reading is read anew, for its evidence comes first.
    pub(crate) fn known(&mut self, hash: u64, stamp: Stamp) -> Known {
        match self.readings.find_mut(hash, |reading| reading.hash == hash) {
            Some(reading) if stamp >= reading.first => {
                if stamp > reading.last {
                    reading.last = stamp;
                    reading.dirty = true;
                }
                return Known::Said;
            }
            Some(_) => return Known::No,
            None => {}
        }
        if self.once.is_empty() {
            self.once = vec![0; ONCE];
        }
        let print = u32::try_from(hash >> 32).unwrap_or(0) | 1;
        let place = usize::try_from(hash).unwrap_or(0) % ONCE;
        match self.once.get_mut(place) {
            Some(known) if *known == print => Known::Twice,
            Some(known) => {
                *known = print;
                Known::No
            }
            None => Known::No,
        }
    }

    /// Remembers a reading. What must be forgotten for it to find room is given back.
    pub(crate) fn remember(&mut self, hash: u64, stamp: Stamp, told: &[u64]) -> Vec<(Stamp, Box<[u64]>)> {
        if told.len() > TOLD_MAX {
            return Vec::new();
        }
        let mut forgotten = Vec::new();
        if self.readings.len() >= READINGS_MAX {
            forgotten = self.changed();
            self.readings.clear();
        }
        let reading = Reading { hash, first: stamp, last: stamp, dirty: false, told: told.into() };
        self.readings.insert_unique(hash, reading, |reading| reading.hash);
        forgotten
    }

    /// What was said again since this was last asked: when last, and the keys' hashes.
    pub(crate) fn changed(&mut self) -> Vec<(Stamp, Box<[u64]>)> {
        let dirty = self.readings.iter_mut().filter_map(|reading| std::mem::take(&mut reading.dirty).then(|| (reading.last, reading.told.clone())));
        dirty.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(time: i64) -> Stamp {
        Stamp { time, packet: 1 }
    }

    #[test]
    fn words_are_remembered_when_they_come_a_second_time() {
        let mut again = Again::default();
        let hash = again.hash("words");
        assert!(matches!(again.known(hash, at(1)), Known::No));
        assert!(matches!(again.known(hash, at(2)), Known::Twice));
        assert!(again.remember(hash, at(2), &[7, 8]).is_empty());
        assert!(matches!(again.known(hash, at(3)), Known::Said));
        assert_eq!(again.changed(), [(at(3), [7, 8].into())]);
        assert!(again.changed().is_empty());
    }

    #[test]
    fn a_packet_from_before_the_first_reading_is_read() {
        let mut again = Again::default();
        again.remember(9, at(5), &[1]);
        assert!(matches!(again.known(9, at(4)), Known::No));
        assert!(matches!(again.known(9, at(5)), Known::Said));
    }

    #[test]
    fn a_full_memory_forgets_all_and_loses_nothing() {
        let mut again = Again::default();
        for hash in 0..READINGS_MAX as u64 {
            again.remember(hash, at(1), &[hash]);
            again.known(hash, at(2));
        }
        assert_eq!(again.remember(u64::MAX, at(3), &[0]).len(), READINGS_MAX);
        assert!(again.readings.len() == 1);
    }

    #[test]
    fn what_says_too_much_is_not_remembered() {
        let mut again = Again::default();
        again.remember(9, at(5), &[0; TOLD_MAX + 1]);
        assert!(again.readings.is_empty());
    }
}
