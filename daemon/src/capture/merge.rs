//! Reads several files as one source, packet by packet in the order of time: the files of a rotation, or two halves of a mirror.
//!
//! The file whose next packet is earliest gives it; at equal times the one with the lower part number. So the order is a function of the
//! files alone. A file is opened when its first packet's turn comes: a rotation is read one file after another, its blocks handed on as
//! they are; only where files overlap in time are packets copied. One block a file is held, whatever the files' sizes; a packet that is
//! earlier than the one before it in its own file keeps its place in that file and is counted.

use super::block::{Block, Blocks, Damage, Health, Reason};
use super::file::{FileReader, base_name};
use super::input::Progress;
use super::plan::PlannedPart;
use observations::Part;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// Files that are open at once: each holds a block, and perhaps an unpacker's window. More that overlap wait for one to end, which is
/// counted.
const OPEN_MAX: usize = 64;

/// Several files as one.
pub(crate) struct Merged {
    /// Not yet opened, in order of their first packets.
    waiting: VecDeque<(u16, PlannedPart)>,
    active: Vec<Active>,
    /// By part number.
    parts: Vec<Part>,
    /// Of files that are read to their end.
    health: Health,
    pending: VecDeque<Damage>,
    /// The latest time that was handed out.
    latest: i64,
    /// Whether the file that waits next was counted as one that has to.
    counted_wait: bool,
    progress: Progress,
    /// Bytes of files that are read to their end.
    finished_bytes: u64,
}

/// A file whose turn it is.
struct Active {
    part: u16,
    reader: FileReader,
    block: Block,
    /// Index of its next packet in `block`, which has one: an exhausted file is active no more.
    next: usize,
}

impl Active {
    fn time(&self) -> i64 {
        self.block.records.get(self.next).map_or(i64::MAX, |record| record.time)
    }
}

impl Merged {
    /// `parts` in order of their first packets, as a plan has them.
    pub(crate) fn new(parts: &[PlannedPart]) -> Self {
        let size = |part: &PlannedPart| std::fs::metadata(&part.path).map_or(0, |meta| meta.len());
        let progress = Progress { total: Some(parts.iter().map(size).sum()), ..Progress::default() };
        Self {
            waiting: parts.iter().cloned().enumerate().map(|(index, part)| (index as u16, part)).collect(),
            active: Vec::new(),
            parts: parts.iter().map(|part| Part { name: base_name(&part.path.to_string_lossy()), ..Part::default() }).collect(),
            health: Health::default(),
            pending: VecDeque::new(),
            latest: i64::MIN,
            counted_wait: false,
            progress,
            finished_bytes: 0,
        }
    }

    /// How far reading came, in bytes of all files.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Opens every file whose first packet's turn has come.
    fn activate(&mut self) {
        while let Some((_, front)) = self.waiting.front() {
            let least = self.active.iter().map(Active::time).min();
            let turn = least.is_none_or(|least| front.first_time.is_some_and(|first| first < least));
            if turn && self.active.len() >= OPEN_MAX {
                self.health.merge_waits += u64::from(!self.counted_wait);
                self.counted_wait = true;
                return;
            }
            let Some((part, planned)) = self.waiting.pop_front_if(|_| turn) else {
                return;
            };
            self.counted_wait = false;
            match FileReader::open(&planned.path, part, planned.clock_offset) {
                Ok(reader) => {
                    self.active.push(Active { part, reader, block: Block::default(), next: 0 });
                    self.refill(self.active.len() - 1);
                }
                Err(error) => {
                    let reason = Reason::Input(error.why.to_string());
                    let damage = Damage { file: error.file, packet: 1, offset: 0, unpacked: false, part, reason };
                    if let Some(part) = self.parts.get_mut(usize::from(part)) {
                        part.damage = Some(damage.what());
                    }
                    self.pending.push_back(damage);
                }
            }
        }
    }

    /// Reads the file's next block; a file that has none left is done with.
    fn refill(&mut self, index: usize) {
        let Some(active) = self.active.get_mut(index) else {
            return;
        };
        active.next = 0;
        loop {
            match active.reader.next(&mut active.block) {
                Ok(true) if active.block.is_empty() => {}
                Ok(true) => break,
                Err(damage) => self.pending.push_back(damage),
                Ok(false) => {
                    self.health = self.health.plus(active.reader.health());
                    self.finished_bytes += active.reader.progress().now().0;
                    if let (Some(part), [read]) = (self.parts.get_mut(usize::from(active.part)), active.reader.parts().as_slice()) {
                        part.clone_from(read);
                    }
                    self.active.remove(index);
                    break;
                }
            }
        }
        let open: u64 = self.active.iter().map(|active| active.reader.progress().now().0).sum();
        self.progress.read.store(self.finished_bytes + open, Ordering::Relaxed);
    }

    /// Hands a block on as it is, if only one file is open and no other's turn comes within the block.
    fn pass_whole(&mut self, out: &mut Block) -> bool {
        let [active] = self.active.as_mut_slice() else {
            return false;
        };
        let until = self.waiting.front().and_then(|(_, part)| part.first_time).unwrap_or(i64::MAX);
        if active.next > 0 || active.block.records.iter().any(|record| record.time > until) {
            return false;
        }
        std::mem::swap(out, &mut active.block);
        for record in &out.records {
            self.health.backwards += u64::from(record.time < self.latest);
            self.latest = self.latest.max(record.time);
        }
        self.refill(0);
        true
    }

    /// Copies the earliest packet behind `filled` bytes of `out`; `None` if it does not fit.
    fn copy_one(&mut self, out: &mut Block, filled: usize) -> Option<usize> {
        let order = |active: &Active| (active.time(), active.part);
        let index = (0..self.active.len()).min_by_key(|index| self.active.get(*index).map(order))?;
        let active = self.active.get_mut(index)?;
        let packet = active.block.packet(active.next)?;
        let time = packet.time;
        let filled = out.append(filled, &packet)?;
        self.health.backwards += u64::from(time < self.latest);
        self.latest = self.latest.max(time);
        active.next += 1;
        if active.next >= active.block.len() {
            self.refill(index);
        }
        Some(filled)
    }
}

impl Blocks for Merged {
    fn next(&mut self, out: &mut Block) -> Result<bool, Damage> {
        out.records.clear();
        let mut filled = 0;
        loop {
            self.activate();
            if out.is_empty() {
                if let Some(damage) = self.pending.pop_front() {
                    return Err(damage);
                }
                if self.pass_whole(out) {
                    return Ok(true);
                }
            }
            match self.copy_one(out, filled) {
                Some(more) => filled = more,
                None if self.active.is_empty() && !self.waiting.is_empty() => {}
                None => return Ok(!out.is_empty()),
            }
        }
    }

    fn health(&self) -> Health {
        self.active.iter().fold(self.health, |sum, active| sum.plus(active.reader.health()))
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.parts.clone();
        for active in &self.active {
            if let (Some(part), [read]) = (parts.get_mut(usize::from(active.part)), active.reader.parts().as_slice()) {
                part.clone_from(read);
            }
        }
        parts
    }
}
