//! Everything that was said, and the join over sources.

use crate::bytes::{self, DecodeError};
use crate::entries::{Entries, EntryRef};
use crate::evidence::Stamp;
use crate::field::Kind;
use crate::observation::Observation;
use crate::source::{Source, SourceKey};
use crate::subject::{Endpoint, Subject};
use crate::tallies::{Take, Tallies, TallyRef};
use crate::tally::Tally;
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
    /// Observations.
    pub observations: Entries,
    /// Groups that hold more than [`Source::most`] says: of those, the smallest by hash are kept and the document says *many*.
    pub crowded: BTreeSet<Box<[u8]>>,
    /// Counters.
    pub tallies: Tallies,
}

impl SourceSaid {
    /// Observations of one kind in one protocol about one subject. A real device has a handful; names in DNS answers for one address
    /// and services of a busy server come to dozens. What goes beyond is a proxy, a scanner or an attack.
    /// An operator may say another number: see [`Most`].
    pub const GROUP_MAX: usize = 64;

    /// Proofs that one subject holds its key in one protocol: each handshake makes another, and one is enough. More than one, so that
    /// who shows another's certificate is not hidden by whom it belongs to.
    pub const PROOFS_MAX: usize = 4;

    /// Takes an observation, or joins it with the one that is there.
    pub fn insert(&mut self, key: &[u8], entry: &Entry) {
        self.observations.insert(EntryRef::of(key, entry));
    }

    /// Joins another record of the same source: a killed run, or a message that came twice.
    pub fn join(&mut self, other: Self) {
        // What was counted of half a source names conversations before they were known; the whole outranks it.
        match (self.source.complete, other.source.complete) {
            (true, false) => {}
            (false, true) => self.tallies = other.tallies,
            _ => {
                self.tallies.join(other.tallies, Tally::join);
                self.bound_peers(Tally::join);
            }
        }
        self.source.join(&other.source);
        self.take_observations(other.observations, other.crowded);
    }

    /// Adds what another worker read of the same source: no conversation is in both.
    pub fn add_worker(&mut self, other: Self) {
        self.tallies.join(other.tallies, Tally::add);
        self.bound_peers(Tally::add);
        self.take_observations(other.observations, other.crowded);
    }

    fn take_observations(&mut self, observations: Entries, crowded: BTreeSet<Box<[u8]>>) {
        self.crowded.extend(crowded);
        self.observations.join(observations);
        self.bound_groups();
    }

    /// Keeps the smallest by hash of each group that is too large: "at most k values, then many and the k smallest by hash", the form
    /// of a bound that is the same in any order and grouping.
    pub fn bound_groups(&mut self) {
        // A group's bytes begin its keys, and no group's begin another's: in the order of keys each group stands together.
        let mut over: Vec<Box<[u8]>> = Vec::new();
        let mut gone: BTreeSet<Box<[u8]>> = BTreeSet::new();
        let mut keys = self.observations.keys().peekable();
        while let Some(first) = keys.next() {
            let group = bytes::group(first).unwrap_or_default();
            let (mut size, all) = (1, keys.clone());
            while !group.is_empty() && keys.next_if(|key| key.starts_with(group)).is_some() {
                size += 1;
            }
            let most = self.source.most.of(group);
            if size > most {
                let mut ordered: Vec<(u64, &[u8])> = std::iter::once(first).chain(all.take(size - 1)).map(|key| (order(key), key)).collect();
                ordered.sort_unstable();
                gone.extend(ordered.iter().skip(most).map(|(_, key)| Box::from(*key)));
                over.extend(Some(group.into()).filter(|_| !is_sample(group)));
            }
        }
        drop(keys);
        if !gone.is_empty() {
            self.observations.retain(|one| !gone.contains(one.key));
            self.crowded.extend(over);
        }
    }

    /// Keeps of a client's peers at one endpoint at most [`Tally::PEERS_MAX`], the smallest by hash; the rest becomes one row, *many*.
    /// Workers' shares are summed into it; of copies of one source each has counted the rest in its own, and the most stands.
    pub fn bound_peers(&mut self, take: Take) {
        let hosts = self.tallies.hosts();
        // Few clients have many pairs.
        let many = |of_client: &[TallyRef<'_>]| {
            let mut services: BTreeMap<(Endpoint, &str), Vec<Peer<'_>>> = BTreeMap::new();
            for (at, row) in of_client.iter().enumerate() {
                if let Some(server) = row.server().and_then(|server| hosts.get(server as usize)) {
                    services.entry((row.endpoint(), row.protocol())).or_default().push((server_order(server), server, at));
                }
            }
            services.retain(|_, peers| peers.len() > Tally::PEERS_MAX);
            services.values_mut().for_each(|peers| peers.sort_unstable());
            services.values().flat_map(|peers| &peers[Tally::PEERS_MAX..]).map(|(.., at)| *at).collect()
        };
        let over = self.tallies.crowded(Tally::PEERS_MAX, many);
        if !over.is_empty() {
            self.tallies.give_up(&over, take);
        }
    }

    /// Reads the observations, in the order of their keys.
    ///
    /// # Errors
    /// [`DecodeError`] for one that is damaged.
    pub fn decoded(&self) -> impl Iterator<Item = Result<Observation, DecodeError>> {
        self.observations.iter().map(|one| one.observation())
    }
}

/// A server of a crowded client: its hash, itself, and the place of its row.
type Peer<'a> = (u64, &'a Subject, usize);

/// How many observations of a group are kept of a source. Where two records of it were read under different ones the smaller holds: what
/// each kept are the smallest by hash, so of both the smallest of all are there, whoever is joined first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Most {
    /// Statements of one kind in one protocol about a subject: see [`SourceSaid::GROUP_MAX`].
    pub facts: u16,
    /// Names of a subject in one protocol.
    pub names: u16,
}

impl Default for Most {
    fn default() -> Self {
        let standard = SourceSaid::GROUP_MAX as u16;
        Self { facts: standard, names: standard }
    }
}

impl Most {
    /// What either may be. Of one subject fewer than four facts would not tell a device from its clone, and more than a thousand make each
    /// further one slow to thin. A record that says otherwise is no record: joined with ours it would leave nothing of what we know.
    pub const RANGE: std::ops::RangeInclusive<u16> = 4..=1_024;

    /// Of a group, by its canonical bytes.
    #[must_use]
    pub fn of(self, group: &[u8]) -> usize {
        // A group ends with its kind.
        match group.last() {
            Some(kind) if *kind == Kind::Proof.code() => SourceSaid::PROOFS_MAX,
            Some(kind) if *kind == Kind::Name.code() => usize::from(self.names),
            _ => usize::from(self.facts),
        }
    }

    /// The fewest that any group may have beside samples: who has no more needs no look at groups.
    #[must_use]
    pub fn least(self) -> usize {
        usize::from(self.facts.min(self.names))
    }

    /// By figure the smaller of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { facts: self.facts.min(other.facts), names: self.names.min(other.names) }
    }
}

/// Whether a group is a sample by its nature, so that it is no news that there was more.
#[must_use]
pub fn is_sample(group: &[u8]) -> bool {
    // A group ends with its kind.
    group.last() == Some(&Kind::Proof.code())
}

/// The hash by which a crowded group is thinned: FNV-1a with a final mix. It is fixed, so that all copies agree.
#[must_use]
pub fn order(key: &[u8]) -> u64 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// The hash by which a client's peers are thinned.
fn server_order(server: &Subject) -> u64 {
    let mut bytes = Vec::new();
    bytes::put_subject(&mut bytes, server);
    order(&bytes)
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
