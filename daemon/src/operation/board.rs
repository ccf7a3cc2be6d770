//! Figures of a run, which capturing writes and everybody else reads.

use super::status::{Commits, Configuration, Port, Status};
use crate::capture::text::rfc3339;
use crate::clock;
use crate::pipeline::keep::Watcher;
use observations::{Source, SourceKey, SourceSaid};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Upper bounds of the classes in which commits are counted, milliseconds: a commit on a good disk takes three, and beyond a second
/// the disk is what is slow.
pub const COMMIT_CLASSES_MS: [u64; 10] = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000];

/// A port whose thread gave no sign for so long stands still: a wait lasts 100 ms, a commit of a slow disk some seconds.
const STANDS_STILL: Duration = Duration::from_secs(25);

/// Names of errors and limits that are kept apart for one port: they come from tables of the program, which have fewer.
const NAMES_MAX: usize = 4096;

/// All figures of a run.
#[derive(Debug)]
pub struct Board {
    begun: Instant,
    begun_at: i64,
    db: String,
    gauges: Vec<Arc<Gauge>>,
    commits: Arc<Mutex<Commits>>,
    configuration: Mutex<Configuration>,
}

/// The figures of one port.
#[derive(Debug)]
pub struct Gauge {
    name: String,
    begun: Instant,
    /// When its thread gave a sign, milliseconds since the run began.
    beat: AtomicU64,
    ended: AtomicBool,
    counted: Mutex<Counted>,
    commits: Arc<Mutex<Commits>>,
}

/// Sums over the sources of a port: each month is one.
#[derive(Debug, Default)]
struct Counted {
    key: Option<SourceKey>,
    before: Sums,
    now: Sums,
    conversations: u64,
    /// When the last packet came.
    moved: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
struct Sums {
    packets: u64,
    bytes: u64,
    dropped: u64,
    malformed: BTreeMap<String, u64>,
    limits: BTreeMap<String, u64>,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.dropped += other.dropped;
        for (sums, counts) in [(&mut self.malformed, &other.malformed), (&mut self.limits, &other.limits)] {
            for (name, count) in counts {
                if sums.len() < NAMES_MAX || sums.contains_key(name) {
                    *sums.entry(name.clone()).or_default() += count;
                }
            }
        }
    }

    /// What a source says now. Errors and limits are told with the counters, less often than packets.
    fn see(&mut self, source: &Source) {
        (self.packets, self.bytes) = (source.packets, source.bytes);
        self.dropped = source.dropped.unwrap_or(self.dropped);
        for (kept, counts) in [(&mut self.malformed, &source.malformed), (&mut self.limits, &source.limits)] {
            for (name, count) in counts {
                if kept.len() < NAMES_MAX || kept.contains_key(name) {
                    let kept = kept.entry(name.clone()).or_default();
                    *kept = (*kept).max(*count);
                }
            }
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// The figures of a run on these ports, all zero.
    #[must_use]
    pub fn new(db: &str, ports: &[String]) -> Self {
        let (begun, commits) = (Instant::now(), Arc::new(Mutex::new(Commits::default())));
        let gauge = |name: &String| {
            Arc::new(Gauge {
                name: name.clone(),
                begun,
                beat: AtomicU64::new(0),
                ended: AtomicBool::new(false),
                counted: Mutex::default(),
                commits: Arc::clone(&commits),
            })
        };
        let configuration = Mutex::new(Configuration { read: rfc3339(clock::now()), ..Configuration::default() });
        Self { begun, begun_at: clock::now(), db: db.to_owned(), gauges: ports.iter().map(gauge).collect(), commits, configuration }
    }

    /// The configuration was read again: what is wrong in it, or else which options need a restart.
    pub fn configured(&self, wrong: Option<String>, restart: Option<Vec<String>>) {
        let mut held = held(&self.configuration);
        if let Some(restart) = restart {
            held.read = rfc3339(clock::now());
            held.restart = restart;
        }
        held.wrong = wrong;
    }

    /// The figures of one port.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Option<Arc<Gauge>> {
        self.gauges.iter().find(|gauge| gauge.name == name).map(Arc::clone)
    }

    /// Whether every port that is still listened to gave a sign within that time.
    #[must_use]
    pub fn moves(&self, within: Duration) -> bool {
        self.gauges.iter().all(|gauge| gauge.ended.load(Ordering::Relaxed) || gauge.silent_for() <= within)
    }

    /// The figures at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        let commits = held(&self.commits).clone();
        let ports: Vec<Port> = self.gauges.iter().map(|gauge| gauge.port()).collect();
        let mut reasons: Vec<String> = Vec::new();
        for gauge in &self.gauges {
            match () {
                () if gauge.ended.load(Ordering::Relaxed) => reasons.push(format!("{}: no longer listened to", gauge.name)),
                () if gauge.silent_for() > STANDS_STILL => reasons.push(format!("{}: its thread stands still", gauge.name)),
                () => {}
            }
        }
        if commits.failing {
            reasons.push("the database cannot be written".to_owned());
        }
        Status {
            running: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            begun: rfc3339(self.begun_at),
            as_of: rfc3339(clock::now()),
            seconds: self.begun.elapsed().as_secs(),
            db: self.db.clone(),
            ready: reasons.is_empty(),
            reasons,
            ports,
            commits,
            configuration: held(&self.configuration).clone(),
            memory_bytes: memory(),
        }
    }
}

impl Gauge {
    /// A sign of life of its thread.
    pub fn beat(&self) {
        self.beat.store(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// It is no longer listened to.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    fn silent_for(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.beat.load(Ordering::Relaxed)))
    }

    fn port(&self) -> Port {
        let counted = held(&self.counted);
        let mut sums = counted.before.clone();
        sums.add(&counted.now);
        Port {
            name: self.name.clone(),
            listening: !self.ended.load(Ordering::Relaxed),
            packets: sums.packets,
            bytes: sums.bytes,
            dropped: sums.dropped,
            conversations: counted.conversations,
            last_packet_seconds: counted.moved.map(|moved| moved.elapsed().as_secs()),
            malformed: sums.malformed,
            limits: sums.limits,
        }
    }

    fn see(&self, said: &SourceSaid) {
        let mut counted = held(&self.counted);
        if counted.key != Some(said.source.key) {
            let now = std::mem::take(&mut counted.now);
            counted.before.add(&now);
            counted.key = Some(said.source.key);
        }
        if said.source.packets > counted.now.packets {
            counted.moved = Some(Instant::now());
        }
        counted.now.see(&said.source);
        if !said.tallies.is_empty() {
            counted.conversations = said.tallies.len() as u64;
        }
    }
}

impl Watcher for Gauge {
    fn looked(&self, said: &SourceSaid) {
        self.see(said);
    }

    fn committed(&self, took: Duration, done: bool) {
        held(&self.commits).add(took, done);
    }
}

/// Bytes of memory that this process holds; the system counts it in kB (proc_pid_status(5)).
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: u8, packets: u64, malformed: u64) -> SourceSaid {
        let mut said = SourceSaid::default();
        said.source.key = SourceKey([key; 16]);
        (said.source.packets, said.source.bytes, said.source.dropped) = (packets, packets * 100, Some(1));
        if malformed > 0 {
            said.source.malformed.insert("modbus: length".to_owned(), malformed);
        }
        said
    }

    #[test]
    fn a_port_counts_over_the_months_and_forgets_no_error() {
        let board = Board::new("w.db", &["eth1".to_owned()]);
        let gauge = board.gauge("eth1").unwrap();
        for (key, packets, malformed) in [(1, 5, 2), (1, 9, 0), (2, 3, 1)] {
            gauge.looked(&said(key, packets, malformed));
        }
        let status = board.status();
        let port = &status.ports[0];
        assert_eq!((port.packets, port.bytes, port.dropped, port.malformed["modbus: length"]), (12, 1200, 2, 3));
        assert!(port.last_packet_seconds.is_some() && status.ready && status.memory_bytes.is_some());
    }

    #[test]
    fn what_is_not_as_it_should_be_is_named() {
        let board = Board::new("w.db", &["eth1".to_owned(), "eth2".to_owned()]);
        board.gauge("eth1").unwrap().end();
        board.gauge("eth2").unwrap().committed(Duration::from_millis(4), false);
        let status = board.status();
        assert!(!status.ready);
        assert_eq!(status.reasons, ["eth1: no longer listened to", "the database cannot be written"]);
        board.gauge("eth2").unwrap().committed(Duration::from_millis(4), true);
        assert_eq!(board.status().reasons.len(), 1);
        assert!(board.moves(Duration::from_secs(5)));
        std::thread::sleep(Duration::from_millis(30));
        assert!(!board.moves(Duration::from_millis(10)));
    }
}
