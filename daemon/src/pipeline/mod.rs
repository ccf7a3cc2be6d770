//! Source → workers → what was said. Live and replay are the same pipeline with two sources.
//!
//! One stage reads blocks and takes frames apart, in the order of the capture: fragments and tunnels are settled there, so that what
//! follows depends on no schedule. Each frame goes to the worker that its pair of innermost addresses names; workers share nothing.

pub mod keep;
pub mod stopwatch;
mod worker;

use crate::capture::block::{Block, Blocks, Damage};
use crate::capture::mirror::Mirror;
use crate::capture::reader::Reader;
use dissectors::context::Tagger;
use dissectors::engine::{Engine, Item, Segmenter};
use dissectors::frame::Frame;
use dissectors::limits::{Limits, Used};
use dissectors::packet::Packet;
use dissectors::reassembly::Pieces;
use dissectors::registry::Registry;
use dissectors::tunnel::Decoder;
use observations::{Segment, Shown, SourceSaid};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stopwatch::{Stage as Timed, Stopwatch, timed};

/// Frames that are taken apart before they are looked up: enough for look-ups to overlap, few enough to stay in the first cache.
const BATCH: usize = 64;

/// How old the last packet of a block may be before an engine counts as behind. A ring of 64 MiB holds half a second of a full gigabit:
/// with the half of it filled there is time left to catch up. Blocks are handed on within a tenth of a second.
const BEHIND_NS: i64 = 250_000_000;

/// Blocks that wait for one worker: enough to bridge its slower moments, few enough to stay in memory that is warm.
pub const QUEUE: usize = 4;

/// How a source is read.
pub struct Options {
    /// The protocols.
    pub registry: Arc<Registry>,
    /// Engines that work side by side; at least one.
    pub workers: usize,
    /// What each engine may hold.
    pub limits: Limits,
    /// Blocks that wait for one worker.
    pub queue: usize,
    /// Turns secrets into tags.
    pub tagger: Option<Arc<dyn Tagger>>,
    /// Ends reading early.
    pub stop: Arc<AtomicBool>,
    /// The clock that stamps packets, where they come live: an engine that falls behind it leaves what it can unread.
    pub clock: Option<fn() -> i64>,
    /// Notes what each stage takes.
    pub stopwatch: Option<Arc<Stopwatch>>,
}

impl Options {
    /// One worker, every protocol.
    #[must_use]
    pub fn new() -> Self {
        Self {
            registry: Arc::new(Registry::new()),
            workers: 1,
            limits: Limits::default(),
            queue: QUEUE,
            tagger: None,
            stop: Arc::default(),
            clock: None,
            stopwatch: None,
        }
    }

    /// Whether a block has waited for too long.
    fn is_behind(&self, block: &Block) -> bool {
        let last = block.len().checked_sub(1).and_then(|last| block.packet(last));
        self.clock.zip(last).is_some_and(|(clock, last)| clock().saturating_sub(last.time) > BEHIND_NS)
    }

    fn engine(&self, reader: &Reader) -> Engine {
        let segments = reader.settings().segments.clone();
        let segmenter: Option<Segmenter> = (segments.names().len() > 1).then(|| {
            let segmenter: Segmenter = Arc::new(move |frame: &Frame| {
                let vlan = Some(frame.vlan).filter(|vlan| *vlan != Frame::NO_VLAN);
                Segment(segments.segment_of(vlan))
            });
            segmenter
        });
        Engine::limited(Arc::clone(&self.registry), segmenter, self.tagger.clone(), self.limits)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// What reading a source gave.
pub struct Outcome {
    /// What was said in it.
    pub said: SourceSaid,
    /// Where files stopped before their end.
    pub damages: Vec<Damage>,
}

/// Reads a source to its end. `tick` is called after each block, with what changed since it last took something, if it asks for it.
pub fn read(reader: &mut Reader, options: &Options, mut tick: impl FnMut(&mut Snapshot<'_>)) -> Outcome {
    let mut stage = Stage { stopwatch: options.stopwatch.clone(), decoder: Decoder::limited(&options.limits), ..Stage::default() };
    let mut damages = Vec::new();
    let said = if options.workers > 1 {
        worker::read(reader, options, &mut stage, &mut damages, &mut tick)
    } else {
        let mut engine = options.engine(reader);
        let mut block = Block::default();
        while next(reader, &mut block, options, &mut damages) {
            engine.press(options.is_behind(&block));
            stage.feed(&block, &mut engine);
            let (fragments, shown) = (stage.decoder.used(), stage.mirror.shown());
            tick(&mut Snapshot { heard: &mut |counters| (engine.changes(counters), engine.used()), fragments, reader, shown });
        }
        timed(options.stopwatch.as_deref(), Timed::Gathering, || engine.finish())
    };
    Outcome { said: complete(said, reader, &stage, options), damages }
}

/// What is held in memory at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// By all engines.
    pub engines: Used,
    /// Fragmented datagrams that wait for the rest.
    pub fragmented: u64,
    /// Their bytes.
    pub fragment_bytes: u64,
}

/// What was read up to now, for those who store it.
pub struct Snapshot<'s> {
    heard: &'s mut dyn FnMut(bool) -> (SourceSaid, Used),
    fragments: [u64; 2],
    reader: &'s mut Reader,
    shown: Shown,
}

impl Snapshot<'_> {
    /// The observations that are new since the last call, with the source's record; with `counters` also those that were made again,
    /// and the tallies.
    pub fn changes(&mut self, counters: bool) -> (SourceSaid, Held) {
        let (mut said, engines) = (self.heard)(counters);
        let limits = std::mem::take(&mut said.source.limits);
        let malformed = std::mem::take(&mut said.source.malformed);
        let mut source = self.reader.source();
        source.complete = false;
        source.limits.extend(limits);
        source.malformed = malformed;
        source.shown = self.shown;
        source.most = said.source.most;
        said.source = source;
        let [fragmented, fragment_bytes] = self.fragments;
        (said, Held { engines, fragmented, fragment_bytes })
    }
}

/// Fills the block; damage is noted and reading goes on.
fn next(reader: &mut Reader, block: &mut Block, options: &Options, damages: &mut Vec<Damage>) -> bool {
    loop {
        if options.stop.load(Ordering::Relaxed) {
            return false;
        }
        match timed(options.stopwatch.as_deref(), Timed::Blocks, || reader.next(block)) {
            Ok(more) => return more,
            Err(damage) => damages.push(damage),
        }
    }
}

/// The source's record joined with what the engines counted.
fn complete(mut said: SourceSaid, reader: &mut Reader, stage: &Stage, options: &Options) -> SourceSaid {
    let mut source = reader.source();
    source.duplicates = said.source.duplicates;
    source.cut = said.source.cut;
    source.opaque = std::mem::take(&mut said.source.opaque);
    source.malformed = std::mem::take(&mut said.source.malformed);
    source.limits.append(&mut said.source.limits);
    source.limits.extend(stage.decoder.counters().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)));
    source.undecoded = stage.undecoded.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    source.revisions = options.registry.rows().map(|(_, row)| (row.name.to_owned(), row.revision)).collect();
    source.shown = stage.mirror.shown();
    source.most = said.source.most;
    source.clock = implausible(source.first_seen, source.last_seen);
    said.source = source;
    said
}

/// Ethernet captures before 1990 or after 2100 come from clocks that were never set.
fn implausible(first: Option<i64>, last: Option<i64>) -> Option<String> {
    const YEAR: i64 = 365 * 24 * 3600 * 1_000_000_000;
    let odd = |time: &i64| !(20 * YEAR..130 * YEAR).contains(time);
    first.into_iter().chain(last).any(|time| odd(&time)).then(|| "its times are implausible".to_owned())
}

/// The stage that takes frames apart.
#[derive(Default)]
struct Stage {
    decoder: Decoder,
    mirror: Mirror,
    frames: Vec<Frame>,
    undecoded: BTreeMap<&'static str, u64>,
    stopwatch: Option<Arc<Stopwatch>>,
}

impl Stage {
    /// Takes a block's frames apart and feeds one engine.
    fn feed(&mut self, block: &Block, engine: &mut Engine) {
        let stopwatch = self.stopwatch.clone();
        let mut packets = Vec::with_capacity(BATCH);
        let mut detached: Vec<Option<Pieces>> = Vec::new();
        for records in (0..block.len()).step_by(BATCH) {
            packets.clear();
            packets.extend((records..block.len().min(records + BATCH)).filter_map(|index| block.packet(index)));
            timed(stopwatch.as_deref(), Timed::Frames, || self.decode(&packets, &mut detached));
            let frames = packets.iter().zip(&self.frames).enumerate();
            let items =
                frames.map(|(index, (packet, frame))| Item { packet: *packet, frame, detached: detached.get(index).and_then(Option::as_ref) });
            let items: Vec<Item<'_>> = items.collect();
            timed(stopwatch.as_deref(), Timed::Engine, || engine.feed(&items));
            self.decoder.release();
        }
    }

    /// Takes the frames of a batch apart, with the datagrams that fragments gave.
    fn decode(&mut self, packets: &[Packet<'_>], detached: &mut Vec<Option<Pieces>>) {
        detached.clear();
        self.frames.resize(BATCH, Frame::EMPTY);
        for (index, (packet, frame)) in packets.iter().zip(&mut self.frames).enumerate() {
            self.decoder.decode_into(packet, frame);
            self.mirror.see(frame, packet.time);
            if let Some(stop) = frame.stop {
                *self.undecoded.entry(stop.name()).or_default() += 1;
            }
            if frame.detached != 0 {
                detached.resize_with(packets.len(), || None);
                if let Some(place) = detached.get_mut(index) {
                    *place = self.decoder.detached(frame).map(Pieces::from);
                }
            }
        }
    }
}
