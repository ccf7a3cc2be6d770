//! Keeping what is said while it is said: a commit about once a second, so that a kill at any moment loses no more than that.

use super::Snapshot;
use crate::store::{StoreError, Writer};
use observations::SourceSaid;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two commits of what was said.
pub const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// Between two commits of counters: they touch most rows, and are complete at the end in any case.
pub const COUNT_EVERY: Duration = Duration::from_secs(30);

/// Keeps one source.
pub struct Keeper {
    writer: Arc<Mutex<Writer>>,
    /// What could not be committed, and goes with the next commit.
    pending: Option<SourceSaid>,
    committed: Instant,
    counted: Instant,
    failing: bool,
}

impl Keeper {
    /// Keeps a source through this writer, which others may share.
    #[must_use]
    pub fn new(writer: Arc<Mutex<Writer>>) -> Self {
        let now = Instant::now();
        Self { writer, pending: None, committed: now, counted: now, failing: false }
    }

    /// Commits what changed, if it is time. What fails is tried again with the next commit; only the first failure of several, and the
    /// success after them, is worth a word.
    pub fn tick(&mut self, snapshot: &mut Snapshot<'_>) -> Option<News> {
        if self.committed.elapsed() < COMMIT_EVERY {
            return None;
        }
        let counters = self.counted.elapsed() >= COUNT_EVERY;
        let mut delta = snapshot.changes(counters);
        if counters {
            self.counted = Instant::now();
        }
        if let Some(before) = self.pending.take() {
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
        self.commit(whole)
    }

    fn commit(&self, said: &SourceSaid) -> Result<(), StoreError> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).commit(said)
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
