//! What one engine has heard, each observation once: facts are de-duplicated where they are born.

use crate::blocks::Blocks;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use observations::said::{Entry, order};
use observations::{Entries, SourceSaid, Stamp};
use std::collections::BTreeSet;
use std::hash::BuildHasher;

/// The canonical bytes of a key or a group.
type Bytes = Box<[u8]>;

/// Observations of one source in one engine. Each costs some 300 bytes; 100,000 devices with all that they say fit well below. Beyond it
/// new facts are dropped and counted, and the source is not complete.
pub(crate) const OBSERVATIONS_MAX: usize = 8_000_000;

struct Row {
    /// Of the key, seeded. Keys whose 64-bit hashes agree are taken for equal: with a seed that nobody knows that happens once in
    /// millions of full ledgers.
    hash: u64,
    key: Box<[u8]>,
    entry: Entry,
    /// The next of the same group, as index plus one.
    next: u32,
    /// Changed since it was last drained.
    dirty: bool,
}

/// The observations that share about, protocol and kind.
struct Group {
    hash: u64,
    head: u32,
    count: u16,
    /// Once it is crowded: the greatest by [`order`] among those kept, and its row.
    worst: Option<(u64, u32)>,
}

/// Where a new observation's evidence comes from; called only when it is needed.
pub(crate) trait Witness {
    fn evidence(&self) -> Box<[u8]>;
}

impl<F: Fn() -> Box<[u8]>> Witness for F {
    fn evidence(&self) -> Box<[u8]> {
        self()
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Ledger {
    hasher: RandomState,
    rows: Blocks<Row>,
    /// (hash, row): a look-up touches the table and the row that it is about, nothing else.
    by_key: HashTable<(u64, u32)>,
    groups: HashTable<Group>,
    dropped: u64,
}

impl Ledger {
    /// Records an observation and gives its key's hash. `group` is the length of the key's head that it shares with its group.
    pub(crate) fn say(&mut self, key: &[u8], group: usize, stamp: Stamp, revision: u16, witness: &impl Witness) -> u64 {
        let hash = self.hasher.hash_one(key);
        if let Some(row) = self.find(hash).and_then(|index| self.rows.get_mut(index)) {
            if stamp > row.entry.last {
                row.entry.last = stamp;
                row.dirty = true;
            } else if stamp < row.entry.first {
                row.entry.first = stamp;
                row.entry.evidence = witness.evidence();
                row.dirty = true;
            }
            return hash;
        }
        self.add(hash, key, group, Entry { evidence: Box::default(), first: stamp, last: stamp, revision }, witness);
        hash
    }

    /// Records that an observation still holds, if it was made.
    pub(crate) fn touch(&mut self, key: &[u8], stamp: Stamp) {
        self.touch_hash(self.hasher.hash_one(key), stamp);
    }

    /// The same, by the key's hash.
    pub(crate) fn touch_hash(&mut self, hash: u64, stamp: Stamp) {
        if let Some(row) = self.find(hash).and_then(|index| self.rows.get_mut(index))
            && stamp > row.entry.last
        {
            row.entry.last = stamp;
            row.dirty = true;
        }
    }

    fn find(&self, hash: u64) -> Option<u32> {
        self.by_key.find(hash, |known| known.0 == hash).map(|known| known.1)
    }

    fn add(&mut self, hash: u64, key: &[u8], group_len: usize, mut entry: Entry, witness: &impl Witness) {
        if self.rows.len() >= OBSERVATIONS_MAX {
            self.dropped += 1;
            return;
        }
        let of_group = self.hasher.hash_one(key.get(..group_len).unwrap_or(key));
        // Two groups whose 64-bit hashes agree are bounded together: the seed is random, so nobody can aim at that.
        let place = self.groups.entry(of_group, |group| group.hash == of_group, |group| group.hash);
        let mut place = place.or_insert_with(|| Group { hash: of_group, head: 0, count: 0, worst: None });
        let group = place.get_mut();
        if usize::from(group.count) < SourceSaid::GROUP_MAX {
            entry.evidence = witness.evidence();
            let index = self.rows.push(Row { hash, key: key.into(), entry, next: group.head, dirty: true });
            group.head = index + 1;
            group.count += 1;
            self.index(hash, index);
            return;
        }
        let (known, head) = (group.worst, group.head);
        let (mut worst, row) = known.unwrap_or_else(|| self.worst(head));
        let mut at_row = row;
        if order(key) < worst {
            entry.evidence = witness.evidence();
            self.replace(row, hash, key, entry);
            (worst, at_row) = self.worst(head);
        }
        if let Some(group) = self.groups.find_mut(of_group, |group| group.hash == of_group) {
            group.worst = Some((worst, at_row));
        }
    }

    fn index(&mut self, hash: u64, index: u32) {
        self.by_key.insert_unique(hash, (hash, index), |known| known.0);
    }

    /// The greatest by [`order`] in a group's list.
    fn worst(&self, head: u32) -> (u64, u32) {
        let (mut worst, mut at) = ((0, 0), head);
        while let Some(row) = at.checked_sub(1).and_then(|index| self.rows.get(index)) {
            worst = worst.max((order(&row.key), at - 1));
            at = row.next;
        }
        worst
    }

    /// Puts an observation in the place of another of its group.
    fn replace(&mut self, index: u32, hash: u64, key: &[u8], entry: Entry) {
        let Some(old) = self.rows.get(index).map(|row| row.hash) else { return };
        if let Ok(found) = self.by_key.find_entry(old, |known| known.1 == index) {
            found.remove();
        }
        if let Some(row) = self.rows.get_mut(index) {
            *row = Row { hash, key: key.into(), entry, next: row.next, dirty: true };
        }
        self.index(hash, index);
    }

    /// Observations that were dropped because [`OBSERVATIONS_MAX`] was hit.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Everything, leaving nothing behind.
    pub(crate) fn take(&mut self) -> (Entries, BTreeSet<Bytes>) {
        let crowded = self.crowded();
        self.by_key = HashTable::new();
        self.groups = HashTable::new();
        // Each piece of rows is freed when it is copied.
        (self.rows.take().map(|row| (row.key, row.entry)).collect(), crowded)
    }

    /// What changed since the last time: copies, so that a store can commit them while the engine goes on.
    pub(crate) fn changed(&mut self) -> (Vec<(Bytes, Entry)>, BTreeSet<Bytes>) {
        let rows = self.rows.iter_mut().filter(|row| row.dirty).map(|row| {
            row.dirty = false;
            (row.key.clone(), row.entry.clone())
        });
        let rows = rows.collect();
        (rows, self.crowded())
    }

    fn crowded(&self) -> BTreeSet<Box<[u8]>> {
        let key = |group: &Group| group.head.checked_sub(1).and_then(|index| self.rows.get(index)).map(|row| &row.key);
        let crowded = self.groups.iter().filter(|group| group.worst.is_some()).filter_map(key);
        crowded.filter_map(|key| observations::bytes::group(key).ok().map(Box::from)).collect()
    }
}
