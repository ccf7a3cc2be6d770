//! What one engine has heard, each observation once: facts are de-duplicated where they are born.

use crate::blocks::Blocks;
use crate::devices::{self, Devices};
use crate::index::Index;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use observations::entries::{Kept, Pieces};
use observations::said::{is_sample, order};
use observations::{Entries, EntryRef, Most, Stamp};
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;

/// The canonical bytes of a group.
type Bytes = Box<[u8]>;

/// Bytes that lie idle, because something came in the place of what they said, before all is packed anew: too little to be worth it
/// below, and never more than half of the whole.
const IDLE_MAX: u64 = 1 << 20;

/// One line of the cache: what was said before is found again by looking at nothing else.
#[repr(align(64))]
struct Row {
    kept: Kept,
    /// Of the key, seeded. Keys whose 64-bit hashes agree are taken for equal: with a seed that nobody knows that happens once in
    /// millions of full ledgers.
    hash: u64,
    /// The next of the same group, as index plus one.
    next: u32,
    changed: Change,
}

/// What of an observation was not drained yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    No,
    /// When it was made last: of all that is said again and again.
    Last,
    /// That it was made, or its evidence.
    Made,
}

/// The observations that share about, protocol and kind.
struct Group {
    hash: u64,
    head: u32,
    count: u16,
}

/// What is said of an observation beside its key: where its evidence comes from is called only when it is needed, and appends.
pub(crate) struct Saying<W> {
    pub(crate) stamp: Stamp,
    pub(crate) revision: u16,
    pub(crate) evidence: W,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Ledger {
    hasher: RandomState,
    pieces: Pieces,
    rows: Blocks<Row>,
    by_key: Index,
    groups: Blocks<Group>,
    by_group: Index,
    /// Of groups that are crowded, by their hash: the greatest by [`order`] among those kept, and its row.
    worst: HashMap<u64, (u64, u32)>,
    /// Observations that are kept at most; new ones beyond it are dropped and counted, and the source is not complete.
    most: usize,
    /// Whether the packet at hand is of a conversation in which both ends spoke.
    pub(crate) answered: bool,
    /// Whether something was refused since the packet at hand came.
    pub(crate) refused: bool,
    dropped: u64,
    unanswered: u64,
    /// Whom anything is kept of, here and among the pairs.
    pub(crate) devices: Devices,
    /// Observations that were dropped because they were about somebody new when there was no room; and of those whom nobody answered.
    strangers: [u64; 2],
    /// How much is kept about one subject.
    kept: Most,
    /// Bytes in use, and bytes that lie idle.
    used: u64,
    idle: u64,
    /// Evidence on its way.
    evidence: Vec<u8>,
}

impl Ledger {
    /// An empty one.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { most: limits.observations, devices: Devices::new(limits), kept: limits.most, ..Self::default() }
    }

    /// How many observations there are.
    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Records an observation and gives its key's hash. `group` is the length of the key's head that it shares with its group.
    pub(crate) fn say(&mut self, key: &[u8], group: usize, saying: &Saying<impl Fn(&mut Vec<u8>)>) -> u64 {
        let (hash, stamp) = (self.hasher.hash_one(key), saying.stamp);
        match self.find(hash) {
            None => self.add(hash, key, group, saying),
            Some(index) => {
                let Some(row) = self.rows.get_mut(index) else { return hash };
                if stamp > row.kept.last {
                    row.again(stamp);
                } else if stamp < row.kept.first {
                    let last = row.kept.last;
                    self.replace(index, hash, key, saying, last);
                }
            }
        }
        hash
    }

    /// Records that an observation still holds, if it was made.
    pub(crate) fn touch(&mut self, key: &[u8], stamp: Stamp) {
        self.touch_hash(self.hasher.hash_one(key), stamp);
    }

    /// The same, by the key's hash.
    pub(crate) fn touch_hash(&mut self, hash: u64, stamp: Stamp) {
        if let Some(row) = self.find(hash).and_then(|index| self.rows.get_mut(index))
            && stamp > row.kept.last
        {
            row.again(stamp);
        }
    }

    fn find(&self, hash: u64) -> Option<u32> {
        self.by_key.find(hash, |at| self.rows.get(at).is_some_and(|row| row.hash == hash))
    }

    fn add(&mut self, hash: u64, key: &[u8], group_len: usize, saying: &Saying<impl Fn(&mut Vec<u8>)>) {
        if self.rows.len() >= self.most {
            self.dropped += 1;
            self.refused = true;
            return;
        }
        let group = key.get(..group_len).unwrap_or(key);
        let (of_group, most) = (self.hasher.hash_one(group), self.kept.of(group));
        // Of whom nothing of this kind is known yet: the last quarter is for those who were answered, and for the others' further facts.
        if !self.answered && self.rows.len() >= Limits::unanswered(self.most) && self.group(of_group).is_none() {
            self.unanswered += 1;
            self.refused = true;
            return;
        }
        // Two groups whose 64-bit hashes agree are bounded together: the seed is random, so nobody can aim at that.
        let known = self.group(of_group);
        if known.is_none() && !self.admits(key) {
            self.refused = true;
            return;
        }
        let at = known.unwrap_or_else(|| {
            let at = self.groups.push(Group { hash: of_group, head: 0, count: 0 });
            self.by_group.insert(of_group, at);
            at
        });
        let Some(group) = self.groups.get_mut(at) else { return };
        if usize::from(group.count) < most {
            let next = group.head;
            group.head = u32::try_from(self.rows.len()).unwrap_or(u32::MAX).saturating_add(1);
            group.count += 1;
            let kept = self.keep(key, saying, saying.stamp);
            let index = self.rows.push(Row { kept, hash, next, changed: Change::Made });
            self.by_key.insert(hash, index);
            return;
        }
        let head = group.head;
        let (mut worst, mut row) = self.worst.get(&of_group).copied().unwrap_or_else(|| self.worst(head));
        if order(key) < worst {
            if let Some(old) = self.rows.get(row).map(|row| row.hash) {
                self.by_key.remove(old, row);
            }
            self.replace(row, hash, key, saying, saying.stamp);
            self.by_key.insert(hash, row);
            (worst, row) = self.worst(head);
        }
        self.worst.insert(of_group, (worst, row));
    }

    /// Whether there is room for whom this is about; who is known has it.
    fn admits(&mut self, key: &[u8]) -> bool {
        let Some(about) = devices::about(key) else { return true };
        if self.devices.is_full(self.answered) && !self.devices.knows(about) {
            let [known, unanswered] = &mut self.strangers;
            *(if self.answered { known } else { unanswered }) += 1;
            return false;
        }
        self.devices.note(about);
        true
    }

    fn group(&self, hash: u64) -> Option<u32> {
        self.by_group.find(hash, |at| self.groups.get(at).is_some_and(|group| group.hash == hash))
    }

    fn keep(&mut self, key: &[u8], saying: &Saying<impl Fn(&mut Vec<u8>)>, last: Stamp) -> Kept {
        self.evidence.clear();
        (saying.evidence)(&mut self.evidence);
        let kept = self.pieces.keep(EntryRef { key, evidence: &self.evidence, first: saying.stamp, last, revision: saying.revision });
        self.used += kept.size();
        kept
    }

    /// The greatest by [`order`] in a group's list.
    fn worst(&self, head: u32) -> (u64, u32) {
        let (mut worst, mut at) = ((0, 0), head);
        while let Some(row) = at.checked_sub(1).and_then(|index| self.rows.get(index)) {
            worst = worst.max((order(self.pieces.entry(&row.kept).key), at - 1));
            at = row.next;
        }
        worst
    }

    /// Puts an observation in the place of another of its group, or of the same with later evidence.
    fn replace(&mut self, index: u32, hash: u64, key: &[u8], saying: &Saying<impl Fn(&mut Vec<u8>)>, last: Stamp) {
        let kept = self.keep(key, saying, last);
        let Some(row) = self.rows.get_mut(index) else { return };
        let gone = row.kept.size();
        *row = Row { kept, hash, next: row.next, changed: Change::Made };
        self.used = self.used.saturating_sub(gone);
        self.idle += gone;
        if self.idle > IDLE_MAX.max(self.used) {
            self.pack();
        }
    }

    /// Leaves out what lies idle.
    fn pack(&mut self) {
        let old = std::mem::take(&mut self.pieces);
        for row in self.rows.iter_mut() {
            row.kept = self.pieces.keep(old.entry(&row.kept));
        }
        self.idle = 0;
    }

    /// Observations that were dropped because [`Limits::observations`] was hit, and those of newcomers whom nobody answered.
    pub(crate) const fn dropped(&self) -> [u64; 2] {
        [self.dropped, self.unanswered]
    }

    /// The same of those that were about somebody new because [`Limits::devices`] was hit.
    pub(crate) const fn strangers(&self) -> [u64; 2] {
        self.strangers
    }

    /// Everything, leaving nothing behind.
    pub(crate) fn take(&mut self) -> (Entries, BTreeSet<Bytes>) {
        let crowded = self.crowded();
        (self.by_key, self.by_group) = (Index::default(), Index::default());
        self.groups = Blocks::default();
        let mut rows = Vec::with_capacity(self.rows.len());
        // Each block of rows is freed when it is copied.
        rows.extend(self.rows.take().map(|row| row.kept));
        (Entries::of(std::mem::take(&mut self.pieces), rows), crowded)
    }

    /// What is new since the last time, with `lasts` also what was made again: copies, so that a store can commit them while the engine
    /// goes on.
    pub(crate) fn changed(&mut self, lasts: bool) -> (Entries, BTreeSet<Bytes>) {
        let mut changed = Entries::default();
        let least = if lasts { Change::Last } else { Change::Made };
        for row in self.rows.iter_mut().filter(|row| row.changed >= least) {
            row.changed = Change::No;
            changed.push(self.pieces.entry(&row.kept));
        }
        changed.sort();
        (changed, self.crowded())
    }

    fn crowded(&self) -> BTreeSet<Bytes> {
        let heads = self.worst.keys().filter_map(|hash| self.groups.get(self.group(*hash)?));
        let rows = heads.filter_map(|group| self.rows.get(group.head.checked_sub(1)?));
        let groups = rows.filter_map(|row| observations::bytes::group(self.pieces.entry(&row.kept).key).ok());
        groups.filter(|group| !is_sample(group)).map(Box::from).collect()
    }
}

impl Row {
    /// It was made again.
    fn again(&mut self, last: Stamp) {
        self.kept.last = last;
        self.changed = self.changed.max(Change::Last);
    }
}

/// A line of the cache each.
const _: () = assert!(size_of::<Row>() == 64);

#[cfg(test)]
mod tests {
    use super::*;
    use observations::{Kind, SourceSaid};

    fn at(time: i64) -> Stamp {
        Stamp { time, packet: time.unsigned_abs() }
    }

    fn say(ledger: &mut Ledger, number: u32, time: i64) {
        let key = [&b"group"[..], &number.to_be_bytes()].concat();
        let evidence = |out: &mut Vec<u8>| out.extend_from_slice(&[u8::try_from(time % 256).unwrap(); 100]);
        ledger.say(&key, 5, &Saying { stamp: at(time), revision: 1, evidence });
    }

    #[test]
    fn evidence_is_that_of_the_first_time_however_packets_come() {
        let mut ledger = Ledger::new(&Limits::default());
        for time in [50, 70, 20, 30] {
            say(&mut ledger, 1, time);
        }
        let (entries, crowded) = ledger.take();
        let one = entries.get(0).unwrap();
        assert_eq!((entries.len(), crowded.len(), one.first, one.last, one.evidence[0]), (1, 0, at(20), at(70), 20));
    }

    #[test]
    fn what_is_new_is_drained_at_once_and_what_was_made_again_when_it_is_asked_for() {
        let mut ledger = Ledger::new(&Limits::default());
        let drained = |ledger: &mut Ledger, lasts| ledger.changed(lasts).0.iter().map(|one| one.last).collect::<Vec<_>>();
        say(&mut ledger, 1, 50);
        assert_eq!((drained(&mut ledger, false), drained(&mut ledger, true)), (vec![at(50)], vec![]));
        say(&mut ledger, 1, 60);
        assert_eq!((drained(&mut ledger, false), drained(&mut ledger, true)), (vec![], vec![at(60)]));
        say(&mut ledger, 1, 40);
        assert_eq!((drained(&mut ledger, false), drained(&mut ledger, true)), (vec![at(60)], vec![]));
    }

    #[test]
    fn what_comes_earlier_and_earlier_costs_no_memory() {
        let mut ledger = Ledger::new(&Limits::default());
        say(&mut ledger, 1, 1_000_000);
        for time in (0..100_000).rev() {
            say(&mut ledger, 2, time);
        }
        assert!(ledger.idle <= IDLE_MAX && ledger.used == 218);
        let (entries, _) = ledger.take();
        assert_eq!(entries.iter().map(|one| one.first).collect::<Vec<_>>(), [at(1_000_000), at(0)]);
    }

    #[test]
    fn an_operator_may_keep_more_or_less_about_a_subject_names_apart() {
        let held = |kind: Kind| {
            let mut ledger = Ledger::new(&Limits { most: Most { facts: 8, names: 100 }, ..Limits::default() });
            let group = [&b"group"[..], &[kind.code()]].concat();
            for number in 0..200u32 {
                let key = [&group[..], &number.to_be_bytes()].concat();
                ledger.say(&key, group.len(), &Saying { stamp: at(1), revision: 1, evidence: |_: &mut Vec<u8>| {} });
            }
            ledger.len()
        };
        assert_eq!([Kind::Identity, Kind::Name, Kind::Proof].map(held), [8, 100, SourceSaid::PROOFS_MAX]);
    }

    #[test]
    fn of_a_crowded_group_the_smallest_by_hash_are_kept_in_any_order() {
        let kept = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut ledger = Ledger::new(&Limits::default());
            numbers.for_each(|number| say(&mut ledger, number, 5));
            assert_eq!(ledger.crowded().len(), 0, "this is no key");
            assert_eq!(ledger.worst.len(), 1);
            let (entries, _) = ledger.take();
            entries.keys().map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let up = kept(&mut (0..500));
        assert!(up.len() == SourceSaid::GROUP_MAX && up == kept(&mut (0..500).rev()));
    }
}
