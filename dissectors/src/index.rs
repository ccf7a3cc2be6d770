//! Places by hash: where in a table of [`crate::blocks::Blocks`] something stands. Of each hash 32 bits are kept, so that growing moves
//! eight bytes an entry and touches nothing else.

use hashbrown::HashTable;

/// Half of a hash, and the place.
type Entry = (u32, u32);

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Index(HashTable<Entry>);

impl Index {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The place of which `is` says so, among those whose hash this may be.
    pub(crate) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let half = half(hash);
        self.0.find(spread(half), |&(known, at)| known == half && is(at)).map(|found| found.1)
    }

    /// Adds a place that is not there.
    pub(crate) fn insert(&mut self, hash: u64, at: u32) {
        let half = half(hash);
        self.0.insert_unique(spread(half), (half, at), |&(half, _)| spread(half));
    }

    pub(crate) fn remove(&mut self, hash: u64, at: u32) {
        let half = half(hash);
        if let Ok(found) = self.0.find_entry(spread(half), |known| *known == (half, at)) {
            found.remove();
        }
    }
}

/// The half of a hash that is kept.
fn half(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(0)
}

/// What a hash table looks at: the lowest bits, and the seven highest.
fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_hash_until_it_is_removed() {
        let hash = |value: u32| u64::from(value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut index = Index::default();
        (0..10_000).for_each(|value| index.insert(hash(value), value));
        index.remove(hash(17), 17);
        index.remove(hash(17), 17);
        index.remove(hash(18), 19);
        assert!((0..10_001).all(|value| index.find(hash(value), |at| at == value).is_some() == (value < 10_000 && value != 17)));
        assert_eq!(index.len(), 9_999);
    }
}
