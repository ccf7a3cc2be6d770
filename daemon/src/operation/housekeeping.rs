//! Once a day, beside capturing: sources that ended long ago go, and free pages are given back to the file system. In steps of some
//! milliseconds, so that whoever commits waits for none of it.

use super::reload::Current;
use crate::clock;
use crate::store::retention::Retention;
use crate::store::{StoreError, Writer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two rounds.
const EVERY: Duration = Duration::from_hours(24);

/// After the start: a daemon that is started again and again does not begin with this.
const FIRST_AFTER: Duration = Duration::from_mins(5);

/// Between two looks at the flag that ends the run.
const LOOK: Duration = Duration::from_millis(100);

/// Between two steps: whoever waits for the database gets it.
const REST: Duration = Duration::from_millis(20);

/// One day in nanoseconds.
const DAY: i64 = 86_400_000_000_000;

/// Keeps the house until it is told to stop.
pub fn keep(writer: &Mutex<Writer>, current: &Current, stop: &AtomicBool) {
    let mut next = Instant::now() + FIRST_AFTER;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
        if Instant::now() < next {
            continue;
        }
        next = Instant::now() + EVERY;
        let before = current.config().keep_days.map(|days| clock::now().saturating_sub(i64::from(days).saturating_mul(DAY)));
        if let Err(error) = round(writer, before, stop) {
            tracing::error!("old sources cannot be removed: {error}; tried again in a day");
        }
    }
}

fn locked(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One round; it ends early when it is told to stop, and the next goes on.
fn round(writer: &Mutex<Writer>, before: Option<i64>, stop: &AtomicBool) -> Result<(), StoreError> {
    let past = match before {
        Some(before) => past(&locked(writer), before)?,
        None => Vec::new(),
    };
    for source in &past {
        tracing::info!(source = %source.key, name = source.name, packets = source.packets, "kept long enough: it is removed");
    }
    let mut retention = Retention::of(past);
    while !stop.load(Ordering::Relaxed) && retention.step(&mut locked(writer))? {
        std::thread::sleep(REST);
    }
    while !stop.load(Ordering::Relaxed) && locked(writer).give_back_step()? {
        std::thread::sleep(REST);
    }
    Ok(())
}

/// What is past. If that were everything, it is not the sources that are old but a clock that is wrong, or a mirror that died: nothing
/// goes without somebody who says so.
fn past(writer: &Writer, before: i64) -> Result<Vec<observations::Source>, StoreError> {
    let (past, all) = (writer.store().past(before)?, writer.store().sources()?);
    if !past.is_empty() && past.len() == all.iter().filter(|source| source.clock.is_none()).count() {
        tracing::warn!("every source is older than what is kept, and none is removed: is the clock right? `wirecensus retain` removes them");
        return Ok(Vec::new());
    }
    Ok(past)
}

/// A thread that keeps the house, and ends when it is dropped.
pub struct Housekeeper {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Housekeeper {
    /// Begins.
    ///
    /// # Errors
    /// If a thread cannot be made.
    pub fn begin(writer: &Arc<Mutex<Writer>>, current: &Arc<Current>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (writer, current, ended) = (Arc::clone(writer), Arc::clone(current), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("housekeeping".to_owned()).spawn(move || keep(&writer, &current, &ended))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked it has said why.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use observations::{SourceKey, SourceSaid};

    fn source(key: u8, last: i64) -> SourceSaid {
        let mut said = SourceSaid::default();
        said.source.key = SourceKey([key; 16]);
        (said.source.packets, said.source.last_seen) = (1, Some(last));
        said
    }

    #[test]
    fn a_round_removes_what_is_past_but_never_everything() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(Store::open(&folder.path().join("w.db")).unwrap());
        writer.commit(&source(1, 10)).unwrap();
        let (writer, stop) = (Mutex::new(writer), AtomicBool::new(false));
        let names = || locked(&writer).store().sources().unwrap().iter().map(|one| one.key.0[0]).collect::<Vec<_>>();
        round(&writer, Some(100), &stop).unwrap();
        assert_eq!(names(), [1], "all would go");
        locked(&writer).commit(&source(2, 200)).unwrap();
        round(&writer, None, &stop).unwrap();
        assert_eq!(names(), [1, 2]);
        round(&writer, Some(100), &AtomicBool::new(true)).unwrap();
        assert_eq!(names(), [1, 2], "it was told to stop");
        round(&writer, Some(100), &stop).unwrap();
        assert_eq!(names(), [2]);
    }
}
