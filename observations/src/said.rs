//! Everything that was said, and the join over sources.

use crate::bytes::{self, DecodeError};
use crate::evidence::Stamp;
use crate::observation::Observation;
use crate::source::{Source, SourceKey};
use crate::subject::{Endpoint, Subject};
use crate::tally::{Pair, Tally};
use std::collections::{BTreeMap, BTreeSet};

/// Where and when an observation was made; its key stands beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The evidence of the first time, as canonical bytes.
    pub evidence: Box<[u8]>,
    /// The first time.
    pub first: Stamp,
    /// The last time.
    pub last: Stamp,
    /// The newest dissector revision that read it.
    pub revision: u16,
}

impl Entry {
    /// Joins another record of the same observation in the same source.
    pub fn join(&mut self, other: Self) {
        self.last = self.last.max(other.last);
        self.revision = self.revision.max(other.revision);
        if (other.first, &other.evidence) < (self.first, &self.evidence) {
            self.first = other.first;
            self.evidence = other.evidence;
        }
    }
}

/// What was said in one source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceSaid {
    /// The source.
    pub source: Source,
    /// Observations by key (canonical bytes).
    pub observations: BTreeMap<Box<[u8]>, Entry>,
    /// Groups that hold more than [`SourceSaid::GROUP_MAX`]: of those, the smallest by hash are kept and the document says *many*.
    pub crowded: BTreeSet<Box<[u8]>>,
    /// Counters.
    pub tallies: BTreeMap<Pair, Tally>,
}

impl SourceSaid {
    /// Observations of one kind in one protocol about one subject. A real device has a handful; names in DNS answers for one address
    /// and services of a busy server come to dozens. What goes beyond is a proxy, a scanner or an attack.
    pub const GROUP_MAX: usize = 64;

    /// Takes an observation, or joins it with the one that is there.
    pub fn insert(&mut self, key: Box<[u8]>, entry: Entry) {
        match self.observations.get_mut(&key) {
            Some(mine) => mine.join(entry),
            None => {
                self.observations.insert(key, entry);
            }
        }
    }

    /// Joins another record of the same source: a killed run, or a message that came twice.
    pub fn join(&mut self, other: Self) {
        // What was counted of half a source names conversations before they were known; the whole outranks it.
        match (self.source.complete, other.source.complete) {
            (true, false) => {}
            (false, true) => self.tallies = other.tallies,
            _ => {
                for (pair, tally) in other.tallies {
                    self.tallies.entry(pair).or_default().join(&tally);
                }
                self.bound_peers(Tally::join);
            }
        }
        self.source.join(&other.source);
        self.take_observations(other.observations, other.crowded);
    }

    /// Adds what another worker read of the same source: no conversation is in both.
    pub fn add_worker(&mut self, other: Self) {
        for (pair, tally) in other.tallies {
            self.tallies.entry(pair).or_default().add(&tally);
        }
        self.bound_peers(Tally::add);
        self.take_observations(other.observations, other.crowded);
    }

    fn take_observations(&mut self, observations: BTreeMap<Box<[u8]>, Entry>, crowded: BTreeSet<Box<[u8]>>) {
        self.crowded.extend(crowded);
        if self.observations.is_empty() {
            self.observations = observations;
        } else {
            for (key, entry) in observations {
                self.insert(key, entry);
            }
        }
        self.bound_groups();
    }

    /// Keeps the smallest by hash of each group that is too large: "at most k values, then many and the k smallest by hash", the form
    /// of a bound that is the same in any order and grouping.
    pub fn bound_groups(&mut self) {
        // A group's bytes begin its keys, and no group's begin another's: in the order of keys each group stands together.
        let mut over: Vec<Box<[u8]>> = Vec::new();
        let (mut current, mut size): (&[u8], usize) = (&[], 0);
        for key in self.observations.keys() {
            if current.is_empty() || !key.starts_with(current) {
                (current, size) = (bytes::group(key).unwrap_or_default(), 0);
            }
            size += 1;
            if size == Self::GROUP_MAX + 1 && !current.is_empty() {
                over.push(current.into());
            }
        }
        for group in over {
            let mut keys: Vec<(u64, Box<[u8]>)> = self
                .observations
                .range(group.clone()..)
                .take_while(|(key, _)| key.starts_with(&group))
                .map(|(key, _)| (order(key), key.clone()))
                .collect();
            keys.sort_unstable();
            for (_, key) in keys.iter().skip(Self::GROUP_MAX) {
                self.observations.remove(key);
            }
            self.crowded.insert(group);
        }
    }

    /// Keeps of a client's peers at one endpoint at most [`Tally::PEERS_MAX`], the smallest by hash; the rest becomes one row, *many*.
    /// Workers' shares are summed into it; of copies of one source each has counted the rest in its own, and the most stands.
    pub fn bound_peers(&mut self, take: fn(&mut Tally, &Tally)) {
        let mut from = 0;
        let pairs: Vec<&Pair> = self.tallies.keys().collect();
        let mut over: Vec<Pair> = Vec::new();
        let mut clients: BTreeMap<(&Subject, Endpoint, &str), Vec<(u64, &Pair)>> = BTreeMap::new();
        // A client's pairs stand together; few clients have many.
        while let Some(first) = pairs.get(from) {
            let of_client = pairs[from..].iter().take_while(|pair| pair.client == first.client).count();
            if of_client > Tally::PEERS_MAX {
                clients.clear();
                for pair in &pairs[from..from + of_client] {
                    let Some(server) = &pair.server else { continue };
                    let mut bytes = Vec::new();
                    bytes::put_subject(&mut bytes, server);
                    clients.entry((&pair.client, pair.endpoint, &pair.protocol)).or_default().push((order(&bytes), pair));
                }
                for peers in clients.values_mut().filter(|peers| peers.len() > Tally::PEERS_MAX) {
                    peers.sort_unstable_by(|a, b| (a.0, &a.1.server).cmp(&(b.0, &b.1.server)));
                    over.extend(peers[Tally::PEERS_MAX..].iter().map(|(_, pair)| (*pair).clone()));
                }
            }
            from += of_client;
        }
        for pair in over {
            if let Some(tally) = self.tallies.remove(&pair) {
                take(self.tallies.entry(Pair { server: None, ..pair }).or_default(), &tally);
            }
        }
    }

    /// Reads the observations, in the order of their keys.
    ///
    /// # Errors
    /// [`DecodeError`] for one that is damaged.
    pub fn decoded(&self) -> impl Iterator<Item = Result<Observation, DecodeError>> {
        self.observations.iter().map(|(key, entry)| Observation::decode(key, &entry.evidence, entry.first, entry.last, entry.revision))
    }
}

/// The hash by which a crowded group is thinned: FNV-1a with a final mix. It is fixed, so that all copies agree.
#[must_use]
pub fn order(key: &[u8]) -> u64 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// Everything that was said, by source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// Each source by its key.
    pub sources: BTreeMap<SourceKey, SourceSaid>,
}

impl Said {
    /// What one source said.
    #[must_use]
    pub fn of(source: SourceSaid) -> Self {
        Self { sources: BTreeMap::from([(source.source.key, source)]) }
    }

    /// The join: associative, commutative, idempotent.
    pub fn join(&mut self, other: Self) {
        for (key, said) in other.sources {
            match self.sources.get_mut(&key) {
                Some(mine) => mine.join(said),
                None => {
                    self.sources.insert(key, said);
                }
            }
        }
    }
}
