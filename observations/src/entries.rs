//! A source's observations in the order of their keys, packed: keys and evidence lie one after another in a few large pieces of memory,
//! so that a million of them cost little more than their bytes.

use crate::bytes::DecodeError;
use crate::evidence::Stamp;
use crate::observation::Observation;
use crate::said::Entry;
use crate::statement::Statement;
use crate::tallies::arrange;
use std::cmp::Ordering;

/// One observation where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryRef<'a> {
    /// What was said, as canonical bytes.
    pub key: &'a [u8],
    /// The evidence of the first time, as canonical bytes.
    pub evidence: &'a [u8],
    /// The first time.
    pub first: Stamp,
    /// The last time.
    pub last: Stamp,
    /// The newest dissector revision that read it.
    pub revision: u16,
}

impl<'a> EntryRef<'a> {
    /// As it stands on its own beside its key.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry { evidence: self.evidence.into(), first: self.first, last: self.last, revision: self.revision }
    }

    /// An entry that stands on its own.
    #[must_use]
    pub fn of(key: &'a [u8], entry: &'a Entry) -> Self {
        Self { key, evidence: &entry.evidence, first: entry.first, last: entry.last, revision: entry.revision }
    }

    /// What was said.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no key.
    pub fn statement(&self) -> Result<Statement<'a>, DecodeError> {
        Statement::of(self.key)
    }

    /// All of it.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no observation.
    pub fn observation(&self) -> Result<Observation, DecodeError> {
        Observation::decode(self.key, self.evidence, self.first, self.last, self.revision)
    }
}

/// An observation that lies in [`Pieces`].
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// The first time.
    pub first: Stamp,
    /// The last time.
    pub last: Stamp,
    /// The piece and the place in it where the key begins, and in the last 16 bits the revision.
    at: u64,
    key: u32,
    evidence: u32,
}

impl Kept {
    /// Bytes of its key and its evidence.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.key as u64 + self.evidence as u64
    }

    /// The newest dissector revision that read it.
    #[must_use]
    pub const fn revision(&self) -> u16 {
        self.at as u16
    }
}

/// The bits of a place within a piece, and with them how large a piece is: small enough that the last one wastes little.
const PIECE_BITS: u32 = 20;
const PIECE_BYTES: usize = 1 << PIECE_BITS;

/// Keys and evidence, one after another. What lies there stays until all of it goes.
#[derive(Clone, Default)]
pub struct Pieces(Vec<Vec<u8>>);

impl Pieces {
    /// Puts one in.
    pub fn keep(&mut self, one: EntryRef<'_>) -> Kept {
        let length = one.key.len() + one.evidence.len();
        if self.0.last().is_none_or(|piece| piece.len() + length > piece.capacity()) {
            self.0.push(Vec::with_capacity(length.max(self.next_piece())));
        }
        let piece = self.0.len() - 1;
        let bytes = &mut self.0[piece];
        let at = (piece as u64) << PIECE_BITS | bytes.len() as u64;
        bytes.extend_from_slice(one.key);
        bytes.extend_from_slice(one.evidence);
        let (key, evidence) = (one.key.len() as u32, one.evidence.len() as u32);
        Kept { first: one.first, last: one.last, at: at << 16 | u64::from(one.revision), key, evidence }
    }

    /// One where it lies.
    #[must_use]
    pub fn entry(&self, kept: &Kept) -> EntryRef<'_> {
        let place = kept.at >> 16;
        let piece = self.0.get((place >> PIECE_BITS) as usize).map_or(&[][..], Vec::as_slice);
        let bytes = piece.get(place as usize & (PIECE_BYTES - 1)..).unwrap_or_default();
        let (key, rest) = bytes.split_at_checked(kept.key as usize).unwrap_or_default();
        let evidence = rest.get(..kept.evidence as usize).unwrap_or_default();
        EntryRef { key, evidence, first: kept.first, last: kept.last, revision: kept.revision() }
    }

    /// A few observations, as the store joins them, need no large piece.
    fn next_piece(&self) -> usize {
        self.0.last().map_or(PIECE_BYTES >> 8, |piece| (2 * piece.capacity()).min(PIECE_BYTES))
    }

    /// Two records of one observation as one: see [`Entry::join`].
    fn joined(&self, a: &Kept, b: &Kept) -> Kept {
        let earlier = (b.first, self.entry(b).evidence) < (a.first, self.entry(a).evidence);
        let (kept, other) = if earlier { (b, a) } else { (a, b) };
        let revision = kept.revision().max(other.revision());
        Kept { last: kept.last.max(other.last), at: kept.at & !0xffff | u64::from(revision), ..*kept }
    }
}

/// See the module.
#[derive(Clone, Default)]
pub struct Entries {
    rows: Vec<Kept>,
    pieces: Pieces,
}

impl Entries {
    /// What lies in pieces, in any order, each once.
    #[must_use]
    pub fn of(pieces: Pieces, rows: Vec<Kept>) -> Self {
        let mut entries = Self { rows, pieces };
        entries.sort();
        entries
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// One by its number in the order of keys.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<EntryRef<'_>> {
        self.rows.get(index).map(|row| self.entry(row))
    }

    /// All, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = EntryRef<'_>> + Clone {
        self.rows.iter().map(|row| self.entry(row))
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        self.rows.iter().map(|row| self.key(row))
    }

    /// The one with this key.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.place(key).ok().and_then(|at| self.get(at))
    }

    /// Takes one in, or joins it with the one that is there. Those behind it move: for many, see [`Entries::from_iter`].
    pub fn insert(&mut self, one: EntryRef<'_>) {
        match self.place(one.key) {
            Ok(at) => {
                let mut joined = self.entry(&self.rows[at]).entry();
                joined.join(one.entry());
                self.rows[at] = self.pieces.keep(EntryRef::of(one.key, &joined));
            }
            Err(at) => {
                let row = self.pieces.keep(one);
                self.rows.insert(at, row);
            }
        }
    }

    /// Joins others in.
    pub fn join(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let moved = (self.pieces.0.len() as u64) << (PIECE_BITS + 16);
        self.pieces.0.extend(other.pieces.0);
        let both = self.rows.len();
        self.rows.extend(other.rows.into_iter().map(|row| Kept { at: row.at + moved, ..row }));
        let (mut merged, mut left, mut right) = (Vec::with_capacity(self.rows.len()), 0, both);
        while left < both || right < self.rows.len() {
            let order = match (self.rows.get(left).filter(|_| left < both), self.rows.get(right)) {
                (Some(a), Some(b)) => self.key(a).cmp(self.key(b)),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            merged.push(match order {
                Ordering::Less => self.rows[left],
                Ordering::Greater => self.rows[right],
                Ordering::Equal => self.pieces.joined(&self.rows[left], &self.rows[right]),
            });
            left += usize::from(order.is_le());
            right += usize::from(order.is_ge());
        }
        self.rows = merged;
    }

    /// Keeps those of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(EntryRef<'_>) -> bool) {
        let Self { rows, pieces } = self;
        rows.retain(|row| keep(pieces.entry(row)));
    }

    /// Appends one, in any order: [`Entries::sort`] must follow.
    pub fn push(&mut self, one: EntryRef<'_>) {
        let row = self.pieces.keep(one);
        self.rows.push(row);
    }

    /// Sorts what was pushed; of equal keys the entries are joined.
    pub fn sort(&mut self) {
        // The first bytes of a key tell most apart, and lie beside one another here.
        let begin = |row: &Kept| {
            let mut begin = [0; 16];
            begin.iter_mut().zip(self.key(row)).for_each(|(to, from)| *to = *from);
            let begin = u128::from_be_bytes(begin);
            [(begin >> 64) as u64, begin as u64]
        };
        let mut order: Vec<([u64; 2], u32)> = self.rows.iter().map(begin).zip(0..).collect();
        let key = |at: u32| self.rows.get(at as usize).map(|row| self.key(row));
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(&key(b.1))));
        let twice = order.windows(2).any(|two| two[0].0 == two[1].0 && key(two[0].1) == key(two[1].1));
        let mut from: Vec<u32> = order.into_iter().map(|(_, at)| at).collect();
        let Self { rows, pieces } = self;
        arrange(rows, &mut from);
        if twice {
            rows.dedup_by(|next, kept| {
                let same = pieces.entry(next).key == pieces.entry(kept).key;
                if same {
                    *kept = pieces.joined(kept, next);
                }
                same
            });
        }
    }

    fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| self.key(row).cmp(key))
    }

    fn key(&self, row: &Kept) -> &[u8] {
        self.entry(row).key
    }

    fn entry(&self, row: &Kept) -> EntryRef<'_> {
        self.pieces.entry(row)
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Entries {}

impl std::fmt::Debug for Entries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<K: AsRef<[u8]>> FromIterator<(K, Entry)> for Entries {
    fn from_iter<I: IntoIterator<Item = (K, Entry)>>(all: I) -> Self {
        let mut entries = Self::default();
        all.into_iter().for_each(|(key, entry)| entries.push(EntryRef::of(key.as_ref(), &entry)));
        entries.sort();
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Keys that share their beginnings, each many times, with long evidence now and then.
    fn pushed(seed: u64, count: u64) -> Vec<(Vec<u8>, Entry)> {
        let mixed = |n: u64| (n ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let key = |n: u64| [&[7; 20][..], &(mixed(n) % 300).to_be_bytes()].concat();
        let entry = |n: u64| Entry {
            evidence: vec![n as u8; if n.is_multiple_of(97) { PIECE_BYTES + 3 } else { mixed(n) as usize % 200 }].into(),
            first: Stamp { time: (mixed(n) % 50) as i64, packet: n },
            last: Stamp { time: 100 + (mixed(n) % 50) as i64, packet: n },
            revision: (mixed(n) % 5) as u16,
        };
        (0..count).map(|n| (key(n), entry(n))).collect()
    }

    fn expected(all: &[(Vec<u8>, Entry)]) -> BTreeMap<Vec<u8>, Entry> {
        let mut map: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
        for (key, entry) in all.iter().cloned() {
            match map.entry(key) {
                std::collections::btree_map::Entry::Occupied(mut there) => there.get_mut().join(entry),
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(entry);
                }
            }
        }
        map
    }

    fn same(entries: &Entries, map: &BTreeMap<Vec<u8>, Entry>) {
        assert_eq!(entries.len(), map.len());
        assert!(entries.iter().map(|one| (one.key.to_vec(), one.entry())).eq(map.iter().map(|(key, entry)| (key.clone(), entry.clone()))));
    }

    #[test]
    fn they_are_what_a_map_would_hold_however_they_came() {
        let (a, b) = (pushed(1, 500), pushed(2, 700));
        let map = expected(&[&a[..], &b].concat());
        let mut joined: Entries = a.iter().cloned().collect();
        joined.join(b.iter().cloned().collect());
        same(&joined, &map);
        let mut inserted = Entries::default();
        a.iter().chain(&b).for_each(|(key, entry)| inserted.insert(EntryRef::of(key, entry)));
        same(&inserted, &map);
        assert_eq!(joined, inserted);
        assert!(map.iter().all(|(key, entry)| joined.find(key).map(|one| one.entry()).as_ref() == Some(entry)));
        assert_eq!(joined.find(b"nobody"), None);
        joined.retain(|one| one.revision > 2);
        assert!(joined.len() < map.len() && joined.iter().all(|one| one.revision > 2));
    }
}
