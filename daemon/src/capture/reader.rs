//! A source as the pipeline reads it: one file or several merged, filtered, counted, and with its key known before the first packet.

use super::block::{Block, Blocks, Damage, Health};
use super::file::FileReader;
use super::filter::Filter;
use super::input::{OpenError, Progress, Why};
use super::merge::Merged;
use super::plan::PlannedSource;
use super::segments::Segments;
use observations::{Part, Source, SourceKey};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, VecDeque};
use std::io::Read;
use std::path::Path;

/// Packets that a source's key is made of.
pub const KEY_PACKETS: usize = 64;

/// What the mirror shows of a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Direction {
    /// Both directions.
    #[default]
    Both,
    /// What comes from the link.
    In,
    /// What goes to the link.
    Out,
}

/// What changes what is read from a source's packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The site that its addresses belong to.
    pub site: String,
    /// The tap point; a name only, no part of the key.
    pub tap: Option<String>,
    /// What the mirror shows.
    pub direction: Direction,
    /// Which segment a VLAN is.
    pub segments: Segments,
    /// Nanoseconds, added to every packet's time.
    pub clock_offset: i64,
    /// A filter expression.
    pub bpf: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { site: "site".into(), tap: None, direction: Direction::Both, segments: Segments::default(), clock_offset: 0, bpf: None }
    }
}

/// One source, open.
pub struct Reader {
    blocks: Box<dyn Blocks>,
    settings: Settings,
    name: String,
    key: KeyInMaking,
    /// Read for the key and not yet handed out.
    ahead: VecDeque<Result<Block, Damage>>,
    filter: Option<Filter>,
    counts: Counts,
    progress: Option<Progress>,
    ended: bool,
}

/// A source's key as far as packets were read.
struct KeyInMaking {
    /// Begun with the settings.
    hash: Sha256,
    /// Packets that are still to be seen.
    wanted: usize,
}

impl KeyInMaking {
    /// Takes in what a block has of the first packets, before any filter.
    fn see(&mut self, block: &Block) {
        for packet in block.packets().take(self.wanted) {
            self.hash.update(packet.link.0.to_le_bytes());
            self.hash.update(packet.time.to_le_bytes());
            self.hash.update(packet.wire_len.to_le_bytes());
            self.hash.update((packet.data.len() as u64).to_le_bytes());
            self.hash.update(packet.data);
        }
        self.wanted = self.wanted.saturating_sub(block.len());
    }
}

/// What was handed out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Captured bytes.
    pub bytes: u64,
    /// Packets that the capture's snap length cut.
    pub snapped: u64,
    /// Earliest time, nanoseconds since 1970.
    pub first_seen: Option<i64>,
    /// Latest time.
    pub last_seen: Option<i64>,
    /// By name.
    pub link_types: BTreeSet<String>,
}

/// Opens one file, or standard input if `path` is `-`.
///
/// # Errors
/// If it cannot be opened, is no capture, or the filter does not compile.
pub fn open(path: &Path, settings: &Settings) -> Result<Reader, OpenError> {
    let file = FileReader::open(path, 0, settings.clock_offset)?;
    Reader::of_file(&path.to_string_lossy(), file, settings)
}

/// Opens a capture that comes from anywhere; `name` stands in messages.
///
/// # Errors
/// As [`open`].
pub fn open_reader(name: &str, reader: Box<dyn Read + Send>, settings: &Settings) -> Result<Reader, OpenError> {
    let file = FileReader::from_reader(name, reader, 0, settings.clock_offset)?;
    Reader::of_file(name, file, settings)
}

impl Reader {
    fn of_file(name: &str, file: FileReader, settings: &Settings) -> Result<Self, OpenError> {
        let progress = Some(file.progress());
        let clocks = BTreeSet::from([(settings.clock_offset, settings.direction)]);
        let mut reader = Self::new(name, Box::new(file), settings, &clocks)?;
        reader.progress = progress;
        Ok(reader)
    }

    /// A live source. Its packets cannot name it, since they are still to come: `identity` does, and is never the same again. A filter
    /// expression of `settings` counts in the key and is applied by the kernel.
    #[must_use]
    pub fn live(name: &str, blocks: Box<dyn Blocks>, settings: &Settings, identity: &[&[u8]]) -> Self {
        let mut hash = seed(settings, &BTreeSet::from([(settings.clock_offset, settings.direction)]));
        for part in [&b"live"[..]].iter().chain(identity) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self {
            blocks,
            settings: settings.clone(),
            name: name.to_owned(),
            key: KeyInMaking { hash, wanted: 0 },
            ahead: VecDeque::new(),
            filter: None,
            counts: Counts::default(),
            progress: None,
            ended: false,
        }
    }

    /// Opens a planned source: its one file, or the merge of several.
    pub(crate) fn of_plan(plan: &PlannedSource) -> Result<Self, OpenError> {
        if let [part] = plan.parts.as_slice() {
            let settings = Settings { clock_offset: part.clock_offset, direction: part.direction, ..plan.settings.clone() };
            return open(&part.path, &settings);
        }
        let clocks = plan.parts.iter().map(|part| (part.clock_offset, part.direction)).collect();
        let merged = Merged::new(&plan.parts);
        let progress = Some(merged.progress());
        let mut reader = Self::new(&plan.name, Box::new(merged), &plan.settings, &clocks)?;
        reader.progress = progress;
        Ok(reader)
    }

    fn new(name: &str, blocks: Box<dyn Blocks>, settings: &Settings, clocks: &BTreeSet<(i64, Direction)>) -> Result<Self, OpenError> {
        let compile = |expression: &String| Filter::compile(expression).map_err(|what| OpenError { file: name.to_owned(), why: Why::Filter(what) });
        Ok(Self {
            blocks,
            settings: settings.clone(),
            name: super::file::base_name(name),
            key: KeyInMaking { hash: seed(settings, clocks), wanted: KEY_PACKETS },
            ahead: VecDeque::new(),
            filter: settings.bpf.as_ref().map(compile).transpose()?,
            counts: Counts::default(),
            progress: None,
            ended: false,
        })
    }

    /// The source's key. Reads ahead until 64 packets are there or the end; what was read is handed out later. On a pipe that means
    /// waiting for them.
    pub fn key(&mut self) -> SourceKey {
        while self.key.wanted > 0 {
            let mut block = Block::default();
            match self.blocks.next(&mut block) {
                Ok(false) => self.key.wanted = 0,
                Ok(true) => {
                    self.key.see(&block);
                    self.ahead.push_back(Ok(block));
                }
                Err(damage) => self.ahead.push_back(Err(damage)),
            }
        }
        SourceKey(self.key.hash.clone().finalize().first_chunk().copied().unwrap_or_default())
    }

    /// The time of its first packet, as long as nothing was handed out; reads ahead as [`Reader::key`] does.
    pub fn first_time(&mut self) -> Option<i64> {
        self.key();
        self.ahead.iter().filter_map(|ahead| ahead.as_ref().ok()?.records.first()).map(|record| record.time).next()
    }

    /// What was handed out up to now.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The settings that it is read with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How far reading came, in bytes of its files.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.progress.clone()
    }

    /// What the filter could not be compiled for; those packets did not pass.
    #[must_use]
    pub fn unfiltered(&self) -> Vec<dissectors::packet::LinkType> {
        self.filter.as_ref().map(Filter::unfit).unwrap_or_default()
    }

    /// The record of this source up to now, as far as reading tells it.
    pub fn source(&mut self) -> Source {
        let (key, parts, health) = (self.key(), self.blocks.parts(), self.blocks.health());
        let limits = [("merge: files open at once", health.merge_waits)];
        Source {
            key,
            name: self.name.clone(),
            site: self.settings.site.clone(),
            tap: self.settings.tap.clone(),
            segments: self.settings.segments.names().to_vec(),
            complete: self.ended && parts.iter().all(|part| part.damage.is_none()),
            parts,
            link_types: self.counts.link_types.clone(),
            packets: self.counts.packets,
            bytes: self.counts.bytes,
            first_seen: self.counts.first_seen,
            last_seen: self.counts.last_seen,
            snapped: self.counts.snapped,
            dropped: health.dropped,
            limits: limits.into_iter().filter(|(_, times)| *times > 0).map(|(name, times)| (name.to_owned(), times)).collect(),
            ..Source::default()
        }
    }
}

impl Blocks for Reader {
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
        let more = match self.ahead.pop_front() {
            Some(Ok(ahead)) => {
                *block = ahead;
                true
            }
            Some(Err(damage)) => {
                block.records.clear();
                return Err(damage);
            }
            None => {
                let more = self.blocks.next(block)?;
                self.key.see(block);
                more
            }
        };
        self.ended |= !more;
        if let Some(filter) = &mut self.filter {
            filter.apply(block);
        }
        self.counts.add(block);
        Ok(more)
    }

    fn health(&self) -> Health {
        self.blocks.health()
    }

    fn parts(&self) -> Vec<Part> {
        self.blocks.parts()
    }
}

impl Counts {
    /// Adds a block that is handed out.
    pub(crate) fn add(&mut self, block: &Block) {
        let Some(first) = block.records.first() else {
            return;
        };
        let (mut bytes, mut snapped, mut earliest, mut latest) = (0, 0, first.time, first.time);
        let mut link = None;
        for record in &block.records {
            bytes += u64::from(record.len);
            snapped += u64::from(record.wire_len > record.len);
            earliest = earliest.min(record.time);
            latest = latest.max(record.time);
            if link != Some(record.link) {
                link = Some(record.link);
                self.link_types.insert(record.link.name());
            }
        }
        self.packets += block.records.len() as u64;
        self.bytes += bytes;
        self.snapped += snapped;
        self.first_seen = Some(self.first_seen.map_or(earliest, |time| time.min(earliest)));
        self.last_seen = Some(self.last_seen.map_or(latest, |time| time.max(latest)));
    }
}

/// The part of a key that the settings make. Clocks are a set, so that a rotation's next file changes nothing.
fn seed(settings: &Settings, clocks: &BTreeSet<(i64, Direction)>) -> Sha256 {
    let mut hash = Sha256::new();
    let mut text = |text: &[u8]| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    text(b"wirecensus source 1");
    text(settings.site.as_bytes());
    text(&settings.segments.canonical());
    text(settings.bpf.as_deref().unwrap_or_default().as_bytes());
    for (offset, direction) in clocks {
        text(&offset.to_le_bytes());
        text(&[*direction as u8]);
    }
    hash
}
