//! Several engines side by side: one thread reads and takes apart, each engine runs its share to completion.

use super::stopwatch::{Stage as Timed, timed};
use super::{Options, Snapshot, Stage, next};
use crate::capture::block::Block;
use crate::capture::block::Damage;
use crate::capture::reader::Reader;
use dissectors::engine::{Engine, Item};
use dissectors::frame::Frame;
use dissectors::limits::Used;
use dissectors::reassembly::Pieces;
use observations::{Most, Source, SourceSaid};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A block taken apart, and which of its packets are whose.
#[derive(Default)]
struct Batch {
    block: Block,
    frames: Vec<Frame>,
    /// (index of a packet, the datagram that its fragments gave), sorted.
    detached: Vec<(usize, Pieces)>,
    /// For each worker the indices of its packets.
    shares: Vec<Vec<u32>>,
}

/// What a worker is given to do.
enum Task {
    /// Its packets of this.
    Read(Arc<Batch>),
    /// To say what changed, with counters or without.
    Tell(bool, SyncSender<(SourceSaid, Used)>),
}

pub(super) fn read(
    reader: &mut Reader,
    options: &Options,
    stage: &mut Stage,
    damages: &mut Vec<Damage>,
    tick: &mut dyn FnMut(&mut Snapshot<'_>),
) -> SourceSaid {
    let workers = options.workers;
    std::thread::scope(|scope| {
        let mut queues: Vec<SyncSender<Task>> = Vec::with_capacity(workers);
        let mut threads = Vec::with_capacity(workers);
        for index in 0..workers {
            let (sender, receiver) = sync_channel(options.queue);
            queues.push(sender);
            let engine = options.engine(reader);
            threads.push(scope.spawn(move || run(engine, index, options, &receiver)));
        }
        let mut pool: Vec<Arc<Batch>> = Vec::new();
        loop {
            let mut batch = reuse(&mut pool);
            if !next(reader, &mut batch.block, options, damages) {
                break;
            }
            let stopwatch = options.stopwatch.as_deref();
            timed(stopwatch, Timed::Frames, || stage.take_apart(&mut batch, workers));
            let batch = Arc::new(batch);
            for queue in &queues {
                // A worker that has gone has panicked: joining it below passes that on.
                let _ = queue.send(Task::Read(Arc::clone(&batch)));
            }
            pool.push(batch);
            let (fragments, shown) = (stage.decoder.used(), stage.mirror.shown());
            tick(&mut Snapshot { heard: &mut |counters| ask(&queues, counters, options.limits.most), fragments, reader, shown });
        }
        drop(queues);
        let mut said = nothing_said(options.limits.most);
        for thread in threads {
            match thread.join() {
                Ok(one) => add(&mut said, one),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        said
    })
}

/// What begins the record that workers' shares are joined into: how much is kept about a subject.
fn nothing_said(most: Most) -> SourceSaid {
    SourceSaid { source: Source { most, ..Source::default() }, ..SourceSaid::default() }
}

/// A batch that every worker is done with, its buffers kept.
fn reuse(pool: &mut Vec<Arc<Batch>>) -> Batch {
    let done = pool.iter().position(|batch| Arc::strong_count(batch) == 1);
    done.and_then(|at| Arc::try_unwrap(pool.swap_remove(at)).ok()).unwrap_or_default()
}

/// What changed with all workers, as of the batch that they were given last.
fn ask(queues: &[SyncSender<Task>], counters: bool, most: Most) -> (SourceSaid, Used) {
    let (sender, receiver) = sync_channel(queues.len());
    for queue in queues {
        let _ = queue.send(Task::Tell(counters, sender.clone()));
    }
    drop(sender);
    let (mut said, mut used) = (nothing_said(most), Used::default());
    while let Ok((one, its)) = receiver.recv() {
        add(&mut said, one);
        used = used.and(its);
    }
    (said, used)
}

/// One worker: its packets of each batch, in order.
fn run(mut engine: Engine, index: usize, options: &Options, queue: &Receiver<Task>) -> SourceSaid {
    /// Packets that are looked up together.
    const TOGETHER: usize = 64;
    while let Ok(task) = queue.recv() {
        let batch = match task {
            Task::Read(batch) => batch,
            Task::Tell(counters, answer) => {
                let _ = answer.send((engine.changes(counters), engine.used()));
                continue;
            }
        };
        engine.press(options.is_behind(&batch.block));
        let mut items = Vec::with_capacity(TOGETHER);
        let share = batch.shares.get(index).map_or(&[][..], Vec::as_slice);
        for share in share.chunks(TOGETHER) {
            items.clear();
            items.extend(share.iter().filter_map(|at| {
                let at = *at as usize;
                let detached = batch.detached.binary_search_by_key(&at, |(index, _)| *index).ok().and_then(|found| batch.detached.get(found));
                Some(Item { packet: batch.block.packet(at)?, frame: batch.frames.get(at)?, detached: detached.map(|(_, pieces)| pieces) })
            }));
            engine.feed(&items);
        }
    }
    engine.finish()
}

/// Joins what a worker heard: no conversation is in two.
fn add(said: &mut SourceSaid, mut one: SourceSaid) {
    said.source.duplicates += one.source.duplicates;
    said.source.cut += one.source.cut;
    for (sum, counts) in [
        (&mut said.source.opaque, &mut one.source.opaque),
        (&mut said.source.malformed, &mut one.source.malformed),
        (&mut said.source.limits, &mut one.source.limits),
    ] {
        for (name, count) in std::mem::take(counts) {
            *sum.entry(name).or_default() += count;
        }
    }
    said.add_worker(one);
}

impl Stage {
    /// Takes a block's frames apart and shares them out.
    fn take_apart(&mut self, batch: &mut Batch, workers: usize) {
        let Batch { block, frames, detached, shares } = batch;
        frames.resize(block.len(), Frame::EMPTY);
        detached.clear();
        shares.resize_with(workers, Vec::new);
        shares.iter_mut().for_each(Vec::clear);
        for (index, (packet, frame)) in block.packets().zip(frames.iter_mut()).enumerate() {
            self.decoder.decode_into(&packet, frame);
            self.mirror.see(frame, packet.time);
            if let Some(stop) = frame.stop {
                *self.undecoded.entry(stop.name()).or_default() += 1;
            }
            if frame.detached != 0
                && let Some(pieces) = self.decoder.detached(frame)
            {
                detached.push((index, Pieces::from(pieces)));
            }
            let share = (frame.shard() % workers as u64) as usize;
            if let (Some(share), Ok(index)) = (shares.get_mut(share), u32::try_from(index)) {
                share.push(index);
            }
        }
        self.decoder.release();
    }
}
