//! How a run fares at one moment: as a line for systemd, as metrics for Prometheus, and as a file beside the database, which
//! `wirecensus status` reads.

use super::board::COMMIT_CLASSES_MS;
use crate::capture::condition::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of a status file that are read: a daemon writes some kilobytes.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// Figures at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Whether the daemon runs.
    pub running: bool,
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// When it began, RFC 3339.
    pub begun: String,
    /// When this was written, RFC 3339.
    pub as_of: String,
    /// How long it has been running.
    pub seconds: u64,
    /// The database.
    pub db: String,
    /// Whether all is as it should be.
    pub ready: bool,
    /// What is not.
    pub reasons: Vec<String>,
    /// What is listened to.
    pub ports: Vec<Port>,
    /// What commits took.
    pub commits: Commits,
    /// When the configuration was read, and what of it does not hold.
    #[serde(default)]
    pub configuration: Configuration,
    /// Resident memory, where the system tells.
    pub memory_bytes: Option<u64>,
}

/// One port that is listened to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Port {
    /// As the system calls it.
    pub name: String,
    /// How it fares: what was not heard while it is not alive says nothing about the network.
    #[serde(default)]
    pub state: State,
    /// Since when, RFC 3339; silence began with the last packet.
    #[serde(default)]
    pub since: Option<String>,
    /// Whether it is still listened to.
    pub listening: bool,
    /// Packets read since the run began.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Packets that the kernel dropped because we fell behind.
    pub dropped: u64,
    /// TCP conversations in which something was acknowledged, of as many at a time as are looked at.
    #[serde(default)]
    pub tcp_conversations: u64,
    /// Those of which one direction alone was shown.
    #[serde(default)]
    pub tcp_one_way: u64,
    /// TCP data seen, where both directions were, bytes.
    #[serde(default)]
    pub tcp_seen_bytes: u64,
    /// TCP data that the other end acknowledged and that never came: lost before it reached this port.
    #[serde(default)]
    pub tcp_unseen_bytes: u64,
    /// Pairs of client and server that were counted.
    pub conversations: u64,
    /// How long ago the last packet came; none if none ever did.
    pub last_packet_seconds: Option<u64>,
    /// PDUs that broke a rule, by `protocol: rule`.
    pub malformed: BTreeMap<String, u64>,
    /// Limits that were hit.
    pub limits: BTreeMap<String, u64>,
    /// What is held in memory, by name.
    #[serde(default)]
    pub held: BTreeMap<String, u64>,
    /// What may be held, by the same names.
    #[serde(default)]
    pub bounds: BTreeMap<String, u64>,
}

/// The configuration that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// When it was read, RFC 3339.
    pub read: String,
    /// Why the file as it is now could not be taken.
    pub wrong: Option<String>,
    /// Options that changed in the file and do not hold before a restart.
    pub restart: Vec<String>,
}

/// What commits took.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Commits {
    /// Commits that took no longer than [`COMMIT_CLASSES_MS`] says, by class; those beyond the last class are in `count` alone.
    pub classes: [u64; COMMIT_CLASSES_MS.len()],
    /// All.
    pub count: u64,
    /// What they took together.
    pub microseconds: u64,
    /// Those that failed; what they held goes with the next.
    pub failed: u64,
    /// Whether the last one failed.
    pub failing: bool,
}

impl Commits {
    pub(super) fn add(&mut self, took: Duration, done: bool) {
        self.failing = !done;
        self.count += 1;
        self.failed += u64::from(!done);
        self.microseconds += u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (class, most) in self.classes.iter_mut().zip(COMMIT_CLASSES_MS) {
            *class += u64::from(took <= Duration::from_millis(most));
        }
    }
}

impl Status {
    /// The same, of a daemon that has ended.
    #[must_use]
    pub fn stopped(mut self) -> Self {
        self.running = false;
        self.ready = false;
        self.reasons = vec!["the daemon has ended".to_owned()];
        self
    }

    /// In one line, for the service manager.
    #[must_use]
    pub fn line(&self) -> String {
        let sum = |figure: fn(&Port) -> u64| self.ports.iter().map(figure).sum::<u64>();
        let ports = self.ports.iter().filter(|port| port.listening).count();
        let trouble = self.reasons.first().map(|reason| format!("; {reason}")).unwrap_or_default();
        format!("listening on {ports} of {}; {} packets, {} dropped{trouble}", self.ports.len(), sum(|port| port.packets), sum(|port| port.dropped))
    }

    /// In the text format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn metrics(&self) -> String {
        let mut out = Metrics(String::with_capacity(4096));
        out.family("wirecensus_info", "gauge", "The program.").sample("wirecensus_info", &[("version", &self.version)], 1);
        out.family("wirecensus_ready", "gauge", "1 if all is as it should be.").sample("wirecensus_ready", &[], u64::from(self.ready));
        out.family("wirecensus_uptime_seconds", "gauge", "Seconds since the run began.").sample("wirecensus_uptime_seconds", &[], self.seconds);
        if let Some(memory) = self.memory_bytes {
            out.family("process_resident_memory_bytes", "gauge", "Resident memory.").sample("process_resident_memory_bytes", &[], memory);
        }
        for (name, kind, help, figure) in PORT_FIGURES {
            out.family(name, kind, help);
            for (port, value) in self.ports.iter().filter_map(|port| Some((port, figure(port)?))) {
                out.sample(name, &[("interface", &port.name)], value);
            }
        }
        out.named("wirecensus_decode_errors_total", "PDUs that broke a rule of their protocol.", &self.ports, |port| &port.malformed);
        out.named("wirecensus_limits_hit_total", "Limits that were hit.", &self.ports, |port| &port.limits);
        out.what("wirecensus_held", "What is held in memory.", &self.ports, |port| &port.held);
        out.what("wirecensus_limit", "What may be held in memory.", &self.ports, |port| &port.bounds);
        out.commits(&self.commits);
        out.0
    }
}

/// Figures of a port: name, kind, meaning, and where it stands.
type Figure = (&'static str, &'static str, &'static str, fn(&Port) -> Option<u64>);

const PORT_FIGURES: [Figure; 11] = [
    ("wirecensus_mirror_alive", "gauge", "1 if the port hears what it should, as far as can be told.", |port| {
        Some(u64::from(port.state == State::Alive))
    }),
    ("wirecensus_listening", "gauge", "1 if the port is listened to.", |port| Some(u64::from(port.listening))),
    ("wirecensus_packets_total", "counter", "Packets read.", |port| Some(port.packets)),
    ("wirecensus_captured_bytes_total", "counter", "Bytes of packets read.", |port| Some(port.bytes)),
    ("wirecensus_dropped_packets_total", "counter", "Packets that the kernel dropped.", |port| Some(port.dropped)),
    ("wirecensus_tcp_conversations_total", "counter", "TCP conversations looked at for their directions.", |port| Some(port.tcp_conversations)),
    ("wirecensus_tcp_one_way_conversations", "gauge", "Those of which one direction was shown.", |port| Some(port.tcp_one_way)),
    ("wirecensus_tcp_seen_bytes_total", "counter", "TCP data seen, where both directions were.", |port| Some(port.tcp_seen_bytes)),
    ("wirecensus_tcp_unseen_bytes", "gauge", "TCP data acknowledged and never seen: lost before the port.", |port| Some(port.tcp_unseen_bytes)),
    ("wirecensus_conversations", "gauge", "Pairs of client and server that were counted.", |port| Some(port.conversations)),
    ("wirecensus_last_packet_age_seconds", "gauge", "Seconds since the last packet.", |port| port.last_packet_seconds),
];

/// Text in the format of Prometheus.
struct Metrics(String);

impl Metrics {
    fn family(&mut self, name: &str, kind: &str, help: &str) -> &mut Self {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.0.push(if at == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// Counts by `protocol: rule` of each port.
    fn named(&mut self, name: &str, help: &str, ports: &[Port], counts: fn(&Port) -> &BTreeMap<String, u64>) {
        self.family(name, "counter", help);
        for port in ports {
            for (what, count) in counts(port) {
                match what.split_once(": ") {
                    Some((protocol, rule)) => self.sample(name, &[("interface", &port.name), ("protocol", protocol), ("rule", rule)], count),
                    None => self.sample(name, &[("interface", &port.name), ("rule", what)], count),
                }
            }
        }
    }

    /// Figures by name of each port.
    fn what(&mut self, name: &str, help: &str, ports: &[Port], figures: fn(&Port) -> &BTreeMap<String, u64>) {
        self.family(name, "gauge", help);
        for port in ports {
            figures(port).iter().for_each(|(what, figure)| self.sample(name, &[("interface", &port.name), ("what", what)], figure));
        }
    }

    fn commits(&mut self, commits: &Commits) {
        const NAME: &str = "wirecensus_commit_seconds";
        self.family(NAME, "histogram", "What commits to the database took.");
        for (most, count) in COMMIT_CLASSES_MS.iter().zip(commits.classes) {
            self.sample("wirecensus_commit_seconds_bucket", &[("le", &seconds(most * 1000))], count);
        }
        self.sample("wirecensus_commit_seconds_bucket", &[("le", "+Inf")], commits.count);
        self.sample("wirecensus_commit_seconds_sum", &[], seconds(commits.microseconds));
        self.sample("wirecensus_commit_seconds_count", &[], commits.count);
        self.family("wirecensus_failed_commits_total", "counter", "Commits that failed; what they held goes with the next.");
        self.sample("wirecensus_failed_commits_total", &[], commits.failed);
    }
}

/// Seconds with their fraction, exact.
fn seconds(microseconds: u64) -> String {
    let (whole, part) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let text = format!("{whole}.{part:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The file beside the database in which a daemon says how it fares. The daemon holds a lock on it as long as it runs: the system
/// takes the lock away however the daemon ends.
#[derive(Debug)]
pub struct StatusFile {
    file: File,
}

/// Why a daemon cannot say how it fares.
#[derive(Debug)]
pub enum StatusError {
    /// Another daemon writes to this database.
    Taken(PathBuf),
    /// The file.
    File(PathBuf, std::io::Error),
}

impl std::fmt::Display for StatusError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Taken(path) => write!(f, "another daemon keeps what it hears in this database: it holds {}", path.display()),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for StatusError {}

/// Where the daemon of a database says how it fares.
#[must_use]
pub fn path_of(db: &Path) -> PathBuf {
    let mut path = db.as_os_str().to_owned();
    path.push(".status");
    path.into()
}

impl StatusFile {
    /// Makes the file, or takes the one of a daemon that has ended.
    ///
    /// # Errors
    /// If another daemon holds it, or it cannot be made.
    pub fn take(db: &Path) -> Result<Self, StatusError> {
        let path = path_of(db);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o644).open(&path);
        let file = opened.map_err(|error| StatusError::File(path.clone(), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(StatusError::Taken(path)),
            Err(TryLockError::Error(error)) => Err(StatusError::File(path, error)),
        }
    }

    /// Writes the figures. A full disk is told elsewhere, by the commits that fail.
    pub fn write(&self, status: &Status) {
        let Ok(mut text) = serde_json::to_vec_pretty(status) else { return };
        text.push(b'\n');
        let written = self.file.write_all_at(&text, 0).and_then(|()| self.file.set_len(text.len() as u64));
        if let Err(error) = written {
            tracing::debug!(%error, "the status file cannot be written");
        }
    }

    /// What the daemon of a database said last; none if there was none. A daemon that was killed says that it runs: the lock tells.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn read(db: &Path) -> Result<Option<Status>, StatusError> {
        /// Tries: a reader may meet the moment in which it is written.
        const TRIES: u32 = 20;
        let path = path_of(db);
        let failed = |error| StatusError::File(path.clone(), error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let size = file.metadata().map_err(failed)?.len();
        if size > FILE_MAX {
            return Err(failed(std::io::Error::other("too long for a status file")));
        }
        let mut last = std::io::Error::other("empty");
        for _ in 0..TRIES {
            match serde_json::from_slice::<Status>(&std::fs::read(&path).map_err(failed)?) {
                Ok(status) => return Ok(Some(if file.try_lock_shared().is_ok() { status.stopped() } else { status })),
                Err(error) => last = error.into(),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(failed(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::board::Board;

    #[test]
    fn metrics_are_as_prometheus_reads_them() {
        let board = Board::new("w.db", &["eth\"1".to_owned()]);
        let mut status = board.status();
        status.ports[0].malformed.insert("modbus: length".to_owned(), 3);
        status.commits.add(Duration::from_millis(20), true);
        status.commits.add(Duration::from_mins(2), false);
        let text = status.metrics();
        for line in [
            "# TYPE wirecensus_packets_total counter",
            "wirecensus_packets_total{interface=\"eth\\\"1\"} 0",
            "wirecensus_decode_errors_total{interface=\"eth\\\"1\",protocol=\"modbus\",rule=\"length\"} 3",
            "wirecensus_commit_seconds_bucket{le=\"0.01\"} 0",
            "wirecensus_commit_seconds_bucket{le=\"0.03\"} 1",
            "wirecensus_commit_seconds_bucket{le=\"+Inf\"} 2",
            "wirecensus_commit_seconds_sum 120.02",
            "wirecensus_failed_commits_total 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("last_packet_age_seconds{"), "no packet, no age");
    }

    #[test]
    fn the_lock_tells_who_runs_and_keeps_a_second_daemon_out() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("w.db");
        assert!(StatusFile::read(&db).unwrap().is_none());
        let file = StatusFile::take(&db).unwrap();
        let board = Board::new("w.db", &[]);
        file.write(&board.status());
        assert!(StatusFile::read(&db).unwrap().unwrap().running);
        assert!(StatusFile::take(&db).unwrap_err().to_string().starts_with("another daemon"));
        drop(file);
        let status = StatusFile::read(&db).unwrap().unwrap();
        assert!(!status.running && !status.ready, "it was killed: it could not say so itself");
    }
}
