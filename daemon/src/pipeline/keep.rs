//! Keeping what is said while it is said: a commit of what is new about once a second, so that a kill at any moment loses no more than
//! that. When something was said again, and how much was sent, follows every half minute.

use super::{Held, Snapshot};
use crate::store::{StoreError, Writer};
use observations::{SourceSaid, Tallies};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two commits of what was said.
pub const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// Between two commits of counters and of when something was said last: they touch most rows, and are complete at the end in any case.
pub const COUNT_EVERY: Duration = Duration::from_secs(30);

/// Looks on, for those who say how a run fares.
pub trait Watcher: Send + Sync {
    /// What is new, as it was asked for.
    fn looked(&self, said: &SourceSaid);

    /// What is held in memory.
    fn holds(&self, held: &Held);

    /// A commit ended after so long, done or failed.
    fn committed(&self, took: Duration, done: bool);
}

/// Keeps one source.
pub struct Keeper {
    writer: Arc<Mutex<Writer>>,
    /// What could not be committed, and goes with the next commit.
    pending: Option<SourceSaid>,
    /// Between commits, and between those with counters.
    every: [Duration; 2],
    committed: Instant,
    counted: Instant,
    failing: bool,
    watcher: Option<Arc<dyn Watcher>>,
}

impl Keeper {
    /// Keeps a source through this writer, which others may share.
    #[must_use]
    pub fn new(writer: Arc<Mutex<Writer>>) -> Self {
        let now = Instant::now();
        Self { writer, pending: None, every: [COMMIT_EVERY, COUNT_EVERY], committed: now, counted: now, failing: false, watcher: None }
    }

    /// Lets somebody look on.
    #[must_use]
    pub fn watched_by(self, watcher: Option<Arc<dyn Watcher>>) -> Self {
        Self { watcher, ..self }
    }

    /// Commits what changed, if it is time. What fails is tried again with the next commit; only the first failure of several, and the
    /// success after them, is worth a word.
    pub fn tick(&mut self, snapshot: &mut Snapshot<'_>) -> Option<News> {
        let [commit_every, count_every] = self.every;
        if self.committed.elapsed() < commit_every {
            return None;
        }
        let counters = self.counted.elapsed() >= count_every;
        let (mut delta, held) = snapshot.changes(counters);
        if let Some(watcher) = &self.watcher {
            watcher.looked(&delta);
            watcher.holds(&held);
        }
        if counters {
            self.counted = Instant::now();
        }
        if let Some(mut before) = self.pending.take() {
            // Counters are those of one moment.
            if !delta.tallies.is_empty() {
                before.tallies = Tallies::default();
            }
            delta.join(before);
        }
        // A source without a packet has nothing to say.
        let result = if delta.source.packets == 0 { Ok(()) } else { self.commit(&delta) };
        // The time that a commit took is not taken from what follows: a slow disk slows the commits, not the reading.
        self.committed = Instant::now();
        match result {
            Ok(()) if self.failing => {
                self.failing = false;
                Some(News::Again)
            }
            Ok(()) => None,
            Err(error) => {
                self.pending = Some(delta);
                let first = !std::mem::replace(&mut self.failing, true);
                first.then_some(News::Failed(error))
            }
        }
    }

    /// Commits the whole source, which holds all that was committed and what was not.
    ///
    /// # Errors
    /// [`StoreError`]; what was committed before stands.
    pub fn finish(mut self, whole: &SourceSaid) -> Result<(), StoreError> {
        self.pending = None;
        if let Some(watcher) = &self.watcher {
            watcher.looked(whole);
        }
        self.commit(whole)
    }

    fn commit(&self, said: &SourceSaid) -> Result<(), StoreError> {
        let begun = Instant::now();
        let result = self.writer.lock().unwrap_or_else(PoisonError::into_inner).commit(said);
        if let Some(watcher) = &self.watcher {
            watcher.committed(begun.elapsed(), result.is_ok());
        }
        result
    }
}

/// What is worth a word.
#[derive(Debug)]
pub enum News {
    /// A commit failed; what it held is kept in memory.
    Failed(StoreError),
    /// After failures a commit succeeded.
    Again,
}

impl std::fmt::Display for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{error} (reading goes on, and what is read is kept in memory)"),
            Self::Again => f.write_str("the database can be written again, and holds everything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::block::{Block, Blocks, Damage, Health};
    use crate::capture::open;
    use crate::capture::reader::{Reader, Settings};
    use crate::pipeline::{Options, read};
    use crate::store::Store;
    use observations::{Part, Said};
    use std::path::Path;

    /// A capture in small blocks, so that there are many moments to be killed at.
    struct Small {
        capture: Reader,
        block: Block,
        at: usize,
    }

    impl Blocks for Small {
        fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
            block.records.clear();
            if self.at >= self.block.len() {
                self.at = 0;
                if !self.capture.next(&mut self.block)? {
                    return Ok(false);
                }
            }
            let mut filled = 0;
            for index in self.at..self.block.len().min(self.at + 97) {
                filled = self.block.packet(index).and_then(|packet| block.append(filled, &packet)).unwrap_or(filled);
            }
            self.at += 97;
            Ok(true)
        }

        fn health(&self) -> Health {
            self.capture.health()
        }

        fn parts(&self) -> Vec<Part> {
            self.capture.parts()
        }
    }

    fn capture() -> Reader {
        let settings = Settings::default();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/plant-and-office.pcap");
        let small = Small { capture: open(&path, &settings).unwrap(), block: Block::default(), at: 0 };
        Reader::live("a", Box::new(small), &settings, &[b"one"])
    }

    /// Reads it into the database, committing at every block, counters at every second; stops dead after so many blocks.
    fn read_into(path: &Path, workers: usize, killed_after: Option<usize>) {
        let writer = Arc::new(Mutex::new(Writer::new(Store::open(path).unwrap())));
        let options = Options { workers, ..Options::new() };
        let mut keeper = Keeper { every: [Duration::ZERO; 2], ..Keeper::new(writer) };
        let (mut blocks, stop) = (0, Arc::clone(&options.stop));
        let outcome = read(&mut capture(), &options, |snapshot| {
            blocks += 1;
            keeper.every[1] = if blocks % 2 == 0 { Duration::ZERO } else { Duration::MAX };
            assert!(keeper.tick(snapshot).is_none());
            stop.store(killed_after.is_some_and(|most| blocks >= most), std::sync::atomic::Ordering::Relaxed);
        });
        if killed_after.is_none() {
            keeper.finish(&outcome.said).unwrap();
        }
    }

    /// What differs, and no more: all of it would be pages.
    fn same(a: &Said, b: &Said, name: &str) {
        for (a, b) in a.sources.values().zip(b.sources.values()) {
            assert_eq!(a.source, b.source, "{name}");
            for (pair, _) in a.tallies.iter().chain(b.tallies.iter()).filter(|_| a.tallies != b.tallies) {
                assert_eq!(a.tallies.find(&pair), b.tallies.find(&pair), "{name}: {pair:?}");
            }
            for key in a.observations.keys().chain(b.observations.keys()) {
                assert_eq!(a.observations.find(key), b.observations.find(key), "{name}");
            }
        }
        assert!(a == b, "{name}: differ in what is crowded");
    }

    #[test]
    fn a_reading_that_was_killed_is_completed_by_reading_again() {
        let folder = tempfile::tempdir().unwrap();
        for (name, killed, workers) in [("early", 2, 1), ("late", 25, 1), ("shared", 8, 3)] {
            let whole = Said::of(read(&mut capture(), &Options { workers, ..Options::new() }, |_| {}).said);
            let path = folder.path().join(name);
            read_into(&path, workers, Some(killed));
            let partial = Store::open(&path).unwrap().said().unwrap().said;
            let source = partial.sources.values().next().unwrap();
            assert!(!source.source.complete && source.source.packets == killed as u64 * 97 && !source.tallies.is_empty());
            read_into(&path, workers, None);
            let stored = Store::open(&path).unwrap().said().unwrap().said;
            same(&stored, &whole, name);
            let merged = folder.path().join(format!("{name} merged"));
            let mut writer = Writer::new(Store::open(&merged).unwrap());
            read_into(&folder.path().join("again"), workers, Some(killed));
            Store::open(&folder.path().join("again")).unwrap().merge_into(&mut writer).unwrap();
            Store::open(&path).unwrap().merge_into(&mut writer).unwrap();
            Store::open(&folder.path().join("again")).unwrap().merge_into(&mut writer).unwrap();
            same(&writer.store().said().unwrap().said, &whole, "merged");
        }
    }

    #[test]
    fn what_cannot_be_written_is_kept_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = Arc::new(Mutex::new(Writer::new(Store::open(&path).unwrap())));
        let mut keeper = Keeper { every: [Duration::ZERO, Duration::MAX], ..Keeper::new(Arc::clone(&writer)) };
        let (mut blocks, mut failed, mut again) = (0, 0, 0);
        let outcome = read(&mut capture(), &Options::new(), |snapshot| {
            blocks += 1;
            // As if the disk were full for a while.
            writer.lock().unwrap().limit_pages((5..9).contains(&blocks));
            match keeper.tick(snapshot) {
                Some(News::Failed(error)) => {
                    failed += 1;
                    assert!(error.to_string().contains("a.db: the disk is full"), "{error}");
                }
                Some(News::Again) => again += 1,
                None => {}
            }
        });
        assert_eq!((failed, again), (1, 1));
        let facts = writer.lock().unwrap().store().said().unwrap().said.sources.into_values().next().unwrap().observations;
        assert!(facts.keys().all(|key| outcome.said.observations.find(key).is_some()) && facts.len() * 2 > outcome.said.observations.len());
    }
}
