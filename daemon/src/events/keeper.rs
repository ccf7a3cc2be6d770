//! One round after the other: what the sensor says of itself, then the document, each kept before anything is told.

use super::compare::{Rules, compare};
use super::event::Event;
use super::forget::{Decided, Whom};
use super::kind::Severity;
use super::known::Known;
use super::mirror::{self, Scope, Watch};
use super::store::{Gone, Store, StoreError, Telling, Told};
use crate::config::Config;
use inventory::Document;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Wall time between two rounds, by how many times of what was meant, that still counts as watched: a slow round is one, a suspended
/// machine or a clock that was set is none.
const LATE: u64 = 3;

/// Holds the events database, and what is known.
pub struct Keeper {
    store: Store,
    known: Known,
    config: Config,
    targets: BTreeMap<String, Severity>,
    every: u64,
    /// Ports that were not alive at a moment since the last round.
    blind: Vec<Scope>,
    deaf: bool,
    _lock: File,
}

/// Why no events can be made.
#[derive(Debug)]
pub enum KeeperError {
    /// Another process makes them.
    Taken(PathBuf),
    /// The lock.
    File(PathBuf, std::io::Error),
    /// The database.
    Store(StoreError),
}

impl std::fmt::Display for KeeperError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Taken(path) => write!(f, "another process makes events in this database: it holds {}; stop it first", path.display()),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeeperError {}

impl From<StoreError> for KeeperError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Keeper {
    /// Opens the events database, or makes it, and keeps others from it. `every` is in seconds.
    ///
    /// # Errors
    /// If another process holds it, or it cannot be opened.
    pub fn open(path: &Path, config: Config, every: u64) -> Result<Self, KeeperError> {
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock_path = PathBuf::from(lock_path);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let lock = opened.map_err(|error| KeeperError::File(lock_path.clone(), error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(KeeperError::Taken(lock_path)),
            Err(TryLockError::Error(error)) => return Err(KeeperError::File(lock_path, error)),
        }
        let mut store = Store::open(path)?;
        let targets = config.events.targets.iter().map(|(name, target)| (name.clone(), target.severity)).collect();
        store.only(&targets)?;
        let known = store.known()?;
        Ok(Self { store, known, config, targets, every, blind: Vec::new(), deaf: false, _lock: lock })
    }

    /// Looks how the mirrored ports fare; what begins and ends is told at once.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub fn look(&mut self, told: &mirror::Told, now: i64) -> Result<Told, StoreError> {
        let mut after = self.known.clone_whole();
        let events = self.mirrors(&mut after, told, now);
        if events.is_empty() && after.whole == self.known.whole {
            return Ok(Told::default());
        }
        let before = self.known.clone_whole();
        let done = self.keep(&before, &after, &events, now)?;
        self.known.whole = after.whole;
        Ok(done)
    }

    /// Holds a document against what is known.
    ///
    /// # Errors
    /// If it cannot be kept; then the next round finds the same.
    pub fn round(&mut self, document: &Document, told: &mirror::Told, now: i64) -> Result<Told, StoreError> {
        let mut known = self.known.clone();
        let mut events = self.mirrors(&mut known, told, now);
        let watch = self.watch(now, told.is_some());
        let (mut after, more) = compare(known, document, &watch, &self.config.events.rules);
        events.extend(more);
        after.whole.round = now;
        let before = std::mem::take(&mut self.known);
        let done = self.keep(&before, &after, &events, now);
        self.known = if done.is_ok() { after } else { before };
        if done.is_ok() {
            self.blind.clear();
            self.deaf = false;
        }
        done
    }

    /// Carries out decisions to forget somebody, each once, and leaves no trace in the file. It comes before a round: who is there still
    /// is then new.
    ///
    /// # Errors
    /// If the database cannot be written; what was not carried out is tried again with the next round.
    pub fn forget(&mut self, decisions: &[Decided], now: i64) -> Result<Gone, StoreError> {
        let decisions = self.store.not_forgotten(decisions)?;
        let mut gone = Gone::default();
        if !decisions.is_empty() {
            let whom = Whom::of(&decisions, &self.known);
            let after = whom.removed_from(&self.known);
            gone = self.store.forget(&self.known, &after, &whom, &decisions, now)?;
            self.known = after;
        }
        self.store.scrub()?;
        Ok(gone)
    }

    /// Takes a document as what is usual, and ends learning; without one forgets what was learnt and begins anew.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub fn learn_from(&mut self, document: Option<&Document>, author: &str, now: i64) -> Result<(usize, usize), StoreError> {
        let after = match document {
            Some(document) => {
                let rules = Rules { learn: 0, ..self.config.events.rules };
                let mut known = self.known.clone();
                known.whole.begun = false;
                compare(known, document, &Watch { gap: true, ..Watch::default() }, &rules).0
            }
            None => {
                let mut after = Known { devices: self.known.devices.clone(), ..Known::default() };
                after.whole = super::known::Whole { settled: false, learnt: 0, ..self.known.whole.clone() };
                after
            }
        };
        let action = if document.is_some() { "take-baseline" } else { "learn-anew" };
        self.store.put_whole(&self.known, &after, now, author, action)?;
        self.known = after;
        Ok((self.known.devices.len(), self.known.talks.len()))
    }

    /// What it was told to do.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What is known.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    fn mirrors(&mut self, known: &mut Known, told: &mirror::Told, now: i64) -> Vec<Event> {
        let wrong = mirror::wrong(told);
        let (events, blind) = mirror::step(&mut known.whole, &wrong, now, &self.config);
        self.deaf |= mirror::is_deaf(told, &wrong);
        for scope in blind {
            if !self.blind.contains(&scope) {
                self.blind.push(scope);
            }
        }
        events
    }

    /// How it was watched since the last round. Where no sensor runs, the files that are read show what they show: nobody is silent there.
    fn watch(&self, now: i64, sensor: bool) -> Watch {
        let passed = now.saturating_sub(self.known.whole.round);
        let most = i64::try_from(self.every.saturating_mul(LATE)).unwrap_or(i64::MAX);
        let gap = !(1..=most).contains(&passed);
        let seconds = u64::try_from(passed.clamp(0, most)).unwrap_or(0);
        let blind = if sensor { self.blind.clone() } else { vec![Scope::default()] };
        Watch { seconds: if self.known.whole.begun { seconds } else { 0 }, gap, blind, nothing_heard: self.deaf }
    }

    fn keep(&mut self, before: &Known, after: &Known, events: &[Event], now: i64) -> Result<Told, StoreError> {
        let at = inventory::assemble::time(now.saturating_mul(1_000_000_000)).unwrap_or_default();
        let settings = &self.config.events;
        let telling = Telling { now, at: &at, per_hour: settings.per_hour, targets: &self.targets, keep: settings.keep };
        self.store.keep(before, after, events, &telling)
    }
}

impl Known {
    /// Only what concerns no single device: the rest is not touched.
    fn clone_whole(&self) -> Self {
        Self { whole: self.whole.clone(), ..Self::default() }
    }
}
