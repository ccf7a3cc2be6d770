//! Figures of a run, which capturing writes and everybody else reads.

use super::status::{Commits, Configuration, Port, Status};
use crate::capture::condition::{Condition, State};
use crate::capture::text::{rfc3339, shown};
use crate::clock;
use crate::pipeline::keep::Watcher;
use crate::pipeline::{Held, Options};
use observations::{Shown, Source, SourceKey, SourceSaid};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
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
    /// How it fares, from who captures.
    condition: OnceLock<Arc<Condition>>,
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
    held: Held,
    /// What may be held, by the names that figures have.
    bounds: BTreeMap<String, u64>,
    /// When the last packet came.
    moved: Option<Instant>,
    ways: Ways,
}

/// How long both ends of conversations were shown and now one is, before that is told: as long as silence, and with time left of the
/// minute within which a mirror that died must be known.
const ONE_WAY_AFTER: Duration = Duration::from_secs(45);

/// Segments that acknowledge, without one from the other end: a receiver answers every second full segment (RFC 9293 §3.8.6.3).
const ONE_WAY_SEGMENTS: u64 = 64;

/// One in so many segments must have been an answer while both directions were shown; a mirror in which they always were rare says
/// nothing by their absence.
const TURN_IN: u64 = 20;

/// Whether both directions of conversations are still shown.
#[derive(Debug, Default)]
struct Ways {
    /// Answers, and segments, when the last answer was seen.
    turns: u64,
    packets: u64,
    turned: Option<Instant>,
    one_way: bool,
}

impl Ways {
    /// That one direction vanished (true) or is back (false), once each.
    fn see(&mut self, shown: &Shown, now: Instant) -> Option<bool> {
        if shown.turns > self.turns {
            (self.turns, self.packets, self.turned) = (shown.turns, shown.packets, Some(now));
            return std::mem::take(&mut self.one_way).then_some(false);
        }
        let long = self.turned.is_some_and(|turned| now.duration_since(turned) >= ONE_WAY_AFTER);
        let many = shown.packets.saturating_sub(self.packets) >= ONE_WAY_SEGMENTS;
        let usual = self.turns.saturating_mul(TURN_IN) >= self.packets;
        (long && many && usual && !std::mem::replace(&mut self.one_way, true)).then_some(true)
    }
}

#[derive(Clone, Debug, Default)]
struct Sums {
    packets: u64,
    bytes: u64,
    dropped: u64,
    shown: Shown,
    malformed: BTreeMap<String, u64>,
    limits: BTreeMap<String, u64>,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.dropped += other.dropped;
        self.shown = self.shown.plus(other.shown);
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
        self.shown = source.shown;
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

/// What is held, by name.
fn named(held: &Held) -> BTreeMap<String, u64> {
    let engines = &held.engines;
    let figures = [
        ("flows", engines.flows),
        ("observations", engines.observations),
        ("pairs", engines.pairs),
        ("hosts", engines.hosts),
        ("devices", engines.devices),
        ("stream_bytes", engines.stream_bytes),
        ("fragmented", held.fragmented),
        ("fragment_bytes", held.fragment_bytes),
    ];
    figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect()
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
                condition: OnceLock::new(),
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
        let refused = self.gauges.iter().filter_map(|gauge| Some((gauge, gauge.condition.get()?.refusal()?)));
        reasons.extend(refused.map(|(gauge, why)| format!("{}: {why}", gauge.name)));
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

    /// Who captures says from now on how it fares.
    pub fn follow(&self, condition: Arc<Condition>) {
        // One capture has one port; a second would be the same.
        let _ = self.condition.set(condition);
    }

    /// What its engines may hold.
    pub fn bound(&self, options: &Options) {
        let (limits, workers) = (&options.limits, options.workers.max(1));
        let figures = [
            ("flows", limits.flows * workers),
            ("observations", limits.observations * workers),
            ("pairs", limits.pairs * workers),
            ("devices", limits.devices * workers),
            ("stream_bytes", limits.stream_bytes * workers),
            // One stage puts datagrams together for all engines.
            ("fragmented", limits.fragmented),
            ("fragment_bytes", limits.fragment_bytes),
        ];
        held(&self.counted).bounds = figures.into_iter().map(|(name, bound)| (name.to_owned(), bound as u64)).collect();
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
        let ended = self.ended.load(Ordering::Relaxed);
        let (state, since) = self.condition.get().map(|condition| condition.now()).unwrap_or_default();
        Port {
            name: self.name.clone(),
            state: if ended { State::Down } else { state },
            since: (since > 0).then(|| rfc3339(since)),
            listening: !ended,
            packets: sums.packets,
            bytes: sums.bytes,
            dropped: sums.dropped,
            tcp_conversations: sums.shown.conversations,
            tcp_one_way: sums.shown.conversations.saturating_sub(sums.shown.answered),
            tcp_seen_bytes: sums.shown.seen_bytes,
            tcp_unseen_bytes: sums.shown.unseen_bytes,
            conversations: counted.conversations,
            last_packet_seconds: counted.moved.map(|moved| moved.elapsed().as_secs()),
            malformed: sums.malformed,
            limits: sums.limits,
            held: named(&counted.held),
            bounds: counted.bounds.clone(),
        }
    }

    /// One direction of conversations vanished, or is back. A port that is silent or down is that first.
    fn tell_ways(&self, one_way: bool) {
        if let Some(condition) = self.condition.get() {
            match (one_way, condition.now().0) {
                (true, State::Alive) => condition.is(State::OneWay, ONE_WAY_AFTER),
                (false, State::OneWay) => condition.is(State::Alive, Duration::ZERO),
                _ => {}
            }
        }
        match one_way {
            true => tracing::warn!(
                interface = %shown(&self.name),
                "{}: only one direction of TCP conversations for {} s, where there were both: was the mirror set to `rx` or `tx`?",
                shown(&self.name),
                ONE_WAY_AFTER.as_secs()
            ),
            false => tracing::warn!(interface = %shown(&self.name), "{}: both directions of TCP conversations again", shown(&self.name)),
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
        let shown = counted.before.shown.plus(counted.now.shown);
        if let Some(one_way) = counted.ways.see(&shown, Instant::now()) {
            self.tell_ways(one_way);
        }
        if !said.tallies.is_empty() {
            counted.conversations = said.tallies.len() as u64;
        }
    }
}

impl Watcher for Gauge {
    fn holds(&self, now: &Held) {
        held(&self.counted).held = *now;
    }

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
    fn a_direction_that_vanishes_is_told_once_and_so_is_its_return() {
        let begun = Instant::now();
        let shown = |packets, turns| Shown { packets, turns, ..Shown::default() };
        let mut ways = Ways::default();
        assert_eq!(ways.see(&shown(500, 0), begun + ONE_WAY_AFTER * 2), None, "a mirror that never showed both");
        assert_eq!(ways.see(&shown(1000, 400), begun), None);
        assert_eq!(ways.see(&shown(1063, 400), begun + ONE_WAY_AFTER), None, "a plant at rest");
        assert_eq!(ways.see(&shown(1064, 400), begun + ONE_WAY_AFTER / 2), None);
        assert_eq!(ways.see(&shown(1064, 400), begun + ONE_WAY_AFTER), Some(true));
        assert_eq!(ways.see(&shown(1200, 400), begun + ONE_WAY_AFTER * 2), None);
        assert_eq!(ways.see(&shown(1201, 401), begun + ONE_WAY_AFTER * 2), Some(false));
        let mut rare = Ways::default();
        assert_eq!(rare.see(&shown(1000, 49), begun), None);
        assert_eq!(rare.see(&shown(2000, 49), begun + ONE_WAY_AFTER), None, "answers always were rare here");
    }

    #[test]
    fn a_port_shows_one_way_unless_it_is_silent_or_down() {
        let board = Board::new("w.db", &["eth1".to_owned()]);
        let gauge = board.gauge("eth1").unwrap();
        let condition = Arc::new(Condition::default());
        gauge.follow(Arc::clone(&condition));
        gauge.tell_ways(true);
        assert_eq!(board.status().ports[0].state, State::OneWay);
        gauge.tell_ways(false);
        condition.is(State::Down, Duration::ZERO);
        gauge.tell_ways(true);
        assert_eq!(board.status().ports[0].state, State::Down);
        gauge.end();
        assert_eq!(board.status().ports[0].state, State::Down);
    }

    #[test]
    fn what_is_held_stands_beside_what_it_is_bounded_by() {
        let board = Board::new("w.db", &["eth1".to_owned()]);
        let gauge = board.gauge("eth1").unwrap();
        gauge.bound(&Options { workers: 2, ..Options::new() });
        let engines = dissectors::limits::Used { flows: 7, observations: 30, pairs: 5, hosts: 6, devices: 4, stream_bytes: 100 };
        gauge.holds(&Held { engines, fragmented: 3, fragment_bytes: 400 });
        let port = &board.status().ports[0];
        assert_eq!((port.held["flows"], port.bounds["flows"], port.held["hosts"]), (7, 2_000_000, 6));
        assert_eq!((port.held["fragment_bytes"], port.bounds["fragment_bytes"]), (400, 16 << 20));
        assert!(port.bounds.keys().all(|name| port.held.contains_key(name)));
        let metrics = board.status().metrics();
        assert!(metrics.contains("wirecensus_held{interface=\"eth1\",what=\"observations\"} 30\n"), "{metrics}");
        assert!(metrics.contains("wirecensus_limit{interface=\"eth1\",what=\"pairs\"} 8000000\n"), "{metrics}");
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
