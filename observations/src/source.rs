//! One capture, or the files of one rotation read as one, or live: one sensor, boot and month of packet time.

use crate::said::Most;
use crate::value::hex;
use std::collections::{BTreeMap, BTreeSet};

/// A source's key: the hash of its link type, its first 64 packets and the settings that change what is read from them. Known at once;
/// a growing, truncated or recompressed copy of a capture is the same source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SourceKey(pub [u8; 16]);

impl std::fmt::Display for SourceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// One file of a source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Part {
    /// The file's name without its folder, or the interface.
    pub name: String,
    /// Packets that were read.
    pub packets: u64,
    /// What stopped the reading before the end, with packet and offset; `None` if the file is complete.
    pub damage: Option<String>,
    /// SHA-256 of the file, if it was asked for.
    pub sha256: Option<String>,
}

/// What a source shows of the TCP conversations that were looked at closely: a mirror that loses, or shows one direction, is known by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// Conversations in which something was acknowledged: there is another end.
    pub conversations: u64,
    /// Those of which both directions were seen.
    pub answered: u64,
    /// Segments that acknowledge.
    pub packets: u64,
    /// How often one of them came from the other end than the one before.
    pub turns: u64,
    /// Bytes of data seen, where both directions were.
    pub seen_bytes: u64,
    /// Bytes that the other end acknowledged and that were never seen: lost before they reached us.
    pub unseen_bytes: u64,
}

impl Shown {
    /// By figure the greater of both.
    fn join(&mut self, other: &Self) {
        let max = |mine: &mut u64, theirs: u64| *mine = (*mine).max(theirs);
        max(&mut self.conversations, other.conversations);
        max(&mut self.answered, other.answered);
        max(&mut self.packets, other.packets);
        max(&mut self.turns, other.turns);
        max(&mut self.seen_bytes, other.seen_bytes);
        max(&mut self.unseen_bytes, other.unseen_bytes);
    }

    /// Adds those of another source.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            conversations: self.conversations.saturating_add(other.conversations),
            answered: self.answered.saturating_add(other.answered),
            packets: self.packets.saturating_add(other.packets),
            turns: self.turns.saturating_add(other.turns),
            seen_bytes: self.seen_bytes.saturating_add(other.seen_bytes),
            unseen_bytes: self.unseen_bytes.saturating_add(other.unseen_bytes),
        }
    }

    /// What was lost before us of what was there, in parts of a thousand; none if nothing was there.
    #[must_use]
    pub const fn lost_permille(&self) -> Option<u64> {
        self.unseen_bytes.saturating_mul(1000).checked_div(self.seen_bytes.saturating_add(self.unseen_bytes))
    }
}

/// A limit that was hit, by name, and how often.
pub type Limit = (String, u64);

/// What is known of one source besides what was said in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// See [`SourceKey`].
    pub key: SourceKey,
    /// A name for people: the first file's, or the interface's.
    pub name: String,
    /// The site that its addresses belong to.
    pub site: String,
    /// The tap point, if configured.
    pub tap: Option<String>,
    /// Segment names by number; the first is the site's own, "".
    pub segments: Vec<String>,
    /// Its files, in order.
    pub parts: Vec<Part>,
    /// Link types seen, by name.
    pub link_types: BTreeSet<String>,
    /// Packets read.
    pub packets: u64,
    /// Captured bytes.
    pub bytes: u64,
    /// Time of the earliest packet, nanoseconds since 1970.
    pub first_seen: Option<i64>,
    /// Time of the latest packet.
    pub last_seen: Option<i64>,
    /// Packets that were cut by the capture's snap length.
    pub snapped: u64,
    /// Packets that the mirror delivered twice.
    pub duplicates: u64,
    /// TCP conversations whose opening or whose end is not in the source.
    pub cut: u64,
    /// Packets that the capture lost, where it says so (pcapng interface statistics, libpcap).
    pub dropped: Option<u64>,
    /// What could not be decoded, by reason, in packets.
    pub undecoded: BTreeMap<String, u64>,
    /// Bytes of conversations that no dissector knew, by transport and port.
    pub opaque: BTreeMap<String, u64>,
    /// PDUs that broke a rule, by `protocol: rule`.
    pub malformed: BTreeMap<String, u64>,
    /// Limits that were hit: the promise of identical bytes ends for this source if any is global.
    pub limits: BTreeMap<String, u64>,
    /// Whether it was read to its end.
    pub complete: bool,
    /// Why its clock is not believed, if it is not.
    pub clock: Option<String>,
    /// The revisions of the dissectors with which it was read to its end.
    pub revisions: BTreeMap<String, u16>,
    /// What it shows of conversations.
    pub shown: Shown,
    /// How much is kept about one subject.
    pub most: Most,
}

impl Source {
    /// Joins another record of the same source: union, minimum and maximum.
    pub fn join(&mut self, other: &Self) {
        debug_assert_eq!(self.key, other.key, "sources join by key");
        self.name = std::cmp::min(&self.name, &other.name).clone();
        self.site = std::cmp::min(&self.site, &other.site).clone();
        self.tap = least(self.tap.take(), other.tap.clone());
        if other.segments > self.segments {
            self.segments.clone_from(&other.segments);
        }
        self.join_parts(&other.parts);
        self.link_types.extend(other.link_types.iter().cloned());
        self.packets = self.packets.max(other.packets);
        self.bytes = self.bytes.max(other.bytes);
        self.first_seen = least(self.first_seen, other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.snapped = self.snapped.max(other.snapped);
        self.duplicates = self.duplicates.max(other.duplicates);
        self.cut = self.cut.max(other.cut);
        self.dropped = self.dropped.max(other.dropped);
        for (mine, theirs) in [
            (&mut self.undecoded, &other.undecoded),
            (&mut self.opaque, &other.opaque),
            (&mut self.malformed, &other.malformed),
            (&mut self.limits, &other.limits),
        ] {
            for (name, count) in theirs {
                let most = mine.entry(name.clone()).or_default();
                *most = (*most).max(*count);
            }
        }
        self.complete |= other.complete;
        self.clock = least(self.clock.take(), other.clock.clone());
        for (name, revision) in &other.revisions {
            let most = self.revisions.entry(name.clone()).or_default();
            *most = (*most).max(*revision);
        }
        self.shown.join(&other.shown);
        self.most = self.most.and(other.most);
    }

    /// Of two copies of a file's record the one that read more stands.
    fn join_parts(&mut self, others: &[Part]) {
        for (index, other) in others.iter().enumerate() {
            match self.parts.get_mut(index) {
                None => self.parts.push(other.clone()),
                Some(mine) if (other.packets, &other.sha256, &other.name) > (mine.packets, &mine.sha256, &mine.name) => *mine = other.clone(),
                Some(mine) if other.packets == mine.packets && other.sha256 == mine.sha256 && other.name == mine.name => {
                    // A copy that was read to its end outweighs one that was not.
                    mine.damage = mine.damage.take().zip(other.damage.clone()).map(|(a, b)| a.min(b));
                }
                Some(_) => {}
            }
        }
    }
}

/// The smaller of those that are there.
fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
