//! The configuration, read again while the daemon runs (SIGHUP): what of it changes at once, and what needs a restart.
//!
//! What decides how packets are read (site, segments, filter, engines, limits) changes by ending the source that is being read and beginning
//! another: a source is read under one configuration. What was opened with rights that are gone stays as it is until a restart, and is
//! named. A configuration that is wrong changes nothing.

use super::board::Board;
use super::log::{Level, Log};
use super::settings::Operating;
use crate::config::{Config, Watched};
use crate::written::{self, WrittenError};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use toml::{Table, Value};

/// Options that change while the daemon runs, beside those of `[limits]` and a port's site and segments.
const LIVE: &[&str] = &["site", "bpf", "workers", "log.level", "retention.keep"];

/// Tables that the daemon does not read: processes of their own do.
const OTHERS: &[&str] = &["enrollment", "events"];

/// A configuration and the file's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// What holds: the command line, the environment, then the file.
    pub config: Config,
    /// The file.
    pub table: Table,
    /// What is wrong with the tables that the daemon does not read, and who refuses it.
    pub others: Vec<(String, &'static str)>,
}

impl Written {
    /// What holds, and the words of its file.
    ///
    /// # Errors
    /// If the file cannot be read, or is no TOML.
    pub fn of(config: Config, path: &Path) -> Result<Self, WrittenError> {
        let (file, text) = written::read(path)?;
        let table = text.parse().map_err(|error: toml::de::Error| WrittenError { file, line: 0, what: error.message().to_owned() })?;
        let enrollment = enrollment::policy::Policy::of_toml(&text).err().map(|what| (what, "wirecensus enroll"));
        let events = Config::read_for_sensor(path)?.1.map(|wrong| (wrong.to_string(), "wirecensus events"));
        Ok(Self { config, table, others: enrollment.into_iter().chain(events).collect() })
    }

    /// Says what is wrong where the daemon itself does not look.
    pub fn tell_others(&self) {
        for (what, who) in &self.others {
            let what: Vec<&str> = what.lines().map(str::trim).collect();
            tracing::warn!("{}; the daemon does not read it, `{who}` refuses it", what.join(" "));
        }
    }
}

/// What comes of a configuration that was read again.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What holds from now on.
    pub config: Config,
    /// Options that changed and hold now.
    pub live: Vec<String>,
    /// Options that changed and do not hold before the daemon is started again.
    pub restart: Vec<String>,
}

/// Compares the configuration that holds with one that was read again.
#[must_use]
pub fn change(held: &Written, new: &Written) -> Change {
    let (before, after) = (words(&held.table), words(&new.table));
    let keys = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key));
    let (mut live, mut restart): (Vec<String>, Vec<String>) = keys.cloned().partition(|key| is_live(key, &held.config));
    for list in [&mut live, &mut restart] {
        list.sort();
        list.dedup();
    }
    // Of a port that came or went nothing else is worth a word.
    let ports = restart.clone();
    let of_port = |key: &String| ports.iter().any(|port| key.strip_prefix(port.as_str()).is_some_and(|rest| rest.starts_with(": ")));
    restart.retain(|key| !of_port(key));
    live.retain(|key| !of_port(key));
    Change { config: taken(&held.config, &new.config), live, restart }
}

/// What holds, with what may change taken from the other.
fn taken(held: &Config, new: &Config) -> Config {
    let port = |one: &Watched| match new.interfaces.iter().find(|other| other.name == one.name) {
        Some(new) => Watched { site: new.site.clone(), segments: new.segments.clone(), ..one.clone() },
        None => one.clone(),
    };
    Config {
        site: new.site.clone(),
        bpf: new.bpf.clone(),
        workers: new.workers,
        keep_days: new.keep_days,
        limits: new.limits,
        interfaces: held.interfaces.iter().map(port).collect(),
        operating: Operating { log_level: new.operating.log_level, ..held.operating.clone() },
        ..held.clone()
    }
}

fn is_live(key: &str, held: &Config) -> bool {
    let of_port = |one: &Watched| [": site", ": segment"].iter().any(|option| *key == format!("interface {}{option}", one.name));
    LIVE.contains(&key) || key.starts_with("limits.") || held.interfaces.iter().any(of_port)
}

/// A file's words by option: `log.level`, `interface eth1: site`; a port stands there as `interface eth1`.
fn words(table: &Table) -> BTreeMap<String, Value> {
    let mut words = BTreeMap::new();
    for (key, value) in table.iter().filter(|(key, _)| !OTHERS.contains(&key.as_str())) {
        match value {
            Value::Table(inner) => words.extend(inner.iter().map(|(name, value)| (format!("{key}.{name}"), value.clone()))),
            Value::Array(many) if many.iter().any(|one| one.get("name").is_some()) => {
                for (one, name) in many.iter().filter_map(|one| Some((one.as_table()?, one.get("name")?.as_str()?))) {
                    let option = |option: &String| if option == "name" { format!("{key} {name}") } else { format!("{key} {name}: {option}") };
                    words.extend(one.iter().map(|(name, value)| (option(name), value.clone())));
                }
            }
            _ => drop(words.insert(key.clone(), value.clone())),
        }
    }
    words
}

/// The configuration that holds at this moment; capture threads look at it again and again.
#[derive(Debug)]
pub struct Current {
    /// How often it was replaced.
    turn: AtomicU64,
    held: Mutex<Arc<Config>>,
}

impl Current {
    /// Begins with this one.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { turn: AtomicU64::new(0), held: Mutex::new(Arc::new(config)) }
    }

    /// How often it was replaced.
    #[must_use]
    pub fn turn(&self) -> u64 {
        self.turn.load(Ordering::Acquire)
    }

    /// The configuration that holds.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in its place.
    pub fn replace(&self, config: Config) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        self.turn.fetch_add(1, Ordering::Release);
    }
}

/// Reads the configuration as at the start; what is wrong in words.
pub type Read = Box<dyn Fn() -> Result<Written, String> + Send>;

/// Reads the configuration again when it is told to.
pub struct Reload {
    asked: Arc<AtomicBool>,
    read: Read,
    /// The configuration that holds, with the words that were read last.
    held: Written,
    /// What the daemon was started with: what needs a restart is held against it, however often the file changes.
    begun: Table,
    current: Arc<Current>,
}

impl Reload {
    /// `asked` is set by the signal; `held` is what the daemon was started with.
    #[must_use]
    pub fn new(asked: Arc<AtomicBool>, held: Written, current: Arc<Current>, read: Read) -> Self {
        let begun = held.table.clone();
        Self { asked, read, held, begun, current }
    }

    /// Whether somebody asked for it since this was asked last.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }

    /// Reads it again, and says what came of it in the log and on the board.
    pub(super) fn reload(&mut self, log: &Log, board: &Board) {
        match (self.read)() {
            Ok(new) => self.take(new, log, board),
            Err(what) => {
                tracing::error!("the configuration is wrong, and the one before goes on to hold: {what}");
                board.configured(Some(what), None);
            }
        }
    }

    fn take(&mut self, new: Written, log: &Log, board: &Board) {
        let changed = change(&self.held, &new);
        let pending = change(&Written { table: self.begun.clone(), ..self.held.clone() }, &new).restart;
        let level = changed.config.operating.log_level.unwrap_or(Level::Info);
        if !log.set_level(level) {
            tracing::warn!("the log's level cannot be changed");
        }
        let named = |list: &[String]| if list.is_empty() { "nothing".to_owned() } else { list.join(", ") };
        tracing::info!(changed = named(&changed.live), "the configuration was read again");
        if !pending.is_empty() {
            tracing::warn!(options = named(&pending), "needs a restart: these options hold as they were at the start");
        }
        new.tell_others();
        board.configured(None, Some(pending));
        self.current.replace(changed.config.clone());
        self.held = Written { config: changed.config, ..new };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limiting;

    fn written(text: &str) -> Written {
        Written { config: Config::parse("w.toml", text).unwrap(), table: text.parse().unwrap(), others: Vec::new() }
    }

    fn changed(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
        let change = change(&written(before), &written(after));
        (change.live, change.restart)
    }

    #[test]
    fn what_may_change_does_and_what_may_not_is_named() {
        let before = "db = \"a\"\nsite = \"x\"\n[log]\nlevel = \"info\"\nformat = \"text\"\n[[interface]]\nname = \"eth1\"\n";
        assert_eq!(changed(before, before), (vec![], vec![]));
        let after =
            "db = \"b\"\nsite = \"y\"\nbpf = \"tcp\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n[[interface]]\nname = \"eth1\"\nsite = \"z\"\n";
        let change = change(&written(before), &written(after));
        assert_eq!(change.live, ["bpf", "interface eth1: site", "log.level", "site"]);
        assert_eq!(change.restart, ["db", "log.format"]);
        let config = change.config;
        assert_eq!((config.db.unwrap().to_str(), config.site.as_deref(), config.bpf.as_deref()), (Some("a"), Some("y"), Some("tcp")));
        assert_eq!((config.interfaces[0].site.as_deref(), config.operating.log_level), (Some("z"), Some(Level::Debug)));
        assert_eq!(config.operating.log_format, Some(crate::operation::log::Format::Text));
    }

    #[test]
    fn a_port_that_comes_or_goes_needs_a_restart_and_is_named_once() {
        let one = "[[interface]]\nname = \"eth1\"\n";
        let two = "[[interface]]\nname = \"eth1\"\n[[interface]]\nname = \"eth2\"\nsite = \"y\"\n[[interface.segment]]\nname = \"a\"\nvlans = [1]\n";
        assert_eq!(changed(one, two), (vec![], vec!["interface eth2".to_owned()]));
        assert_eq!(changed(two, one), (vec![], vec!["interface eth2".to_owned()]));
        let segment = "[[interface]]\nname = \"eth1\"\n[[interface.segment]]\nname = \"a\"\nvlans = [1]\n";
        assert_eq!(changed(one, segment), (vec!["interface eth1: segment".to_owned()], vec![]));
        let taken = change(&written(one), &written(segment)).config;
        assert_eq!(taken.interfaces[0].segments.segment_of(Some(1)), 1);
    }

    #[test]
    fn what_is_wrong_for_others_is_named_with_who_refuses_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        std::fs::write(&path, "[events]\nlern = \"7d\"\n[enrollment]\nper_hours = 1\n").unwrap();
        let written = Written::of(Config::read_for_sensor(&path).unwrap().0, &path).unwrap();
        let [(enrollment, enroll), (wrong, events)] = written.others.as_slice() else { panic!("{:?}", written.others) };
        assert!(enrollment.contains("per_hours") && wrong.contains("did you mean `learn`?"));
        assert_eq!((*enroll, *events), ("wirecensus enroll", "wirecensus events"));
    }

    #[test]
    fn limits_change_at_once_and_one_that_is_taken_back_is_the_default_again() {
        let (none, some) = ("db = \"a\"\n", "db = \"a\"\n[limits]\nflows = 5000\ndevices = 9000\nfacts = 16\n");
        assert_eq!(changed(none, some), (vec!["limits.devices".to_owned(), "limits.facts".to_owned(), "limits.flows".to_owned()], vec![]));
        let lower = change(&written(none), &written(some)).config.limits;
        assert_eq!((lower.limits().flows, lower.limits().devices, lower.limits().most.facts), (5_000, 9_000, 16));
        let back = change(&written(some), &written(none));
        assert_eq!((back.config.limits, back.restart), (Limiting::default(), vec![]));
    }

    #[test]
    fn what_the_daemon_does_not_read_needs_nothing() {
        assert_eq!(changed("[enrollment]\nper_hour = 1\n", "[enrollment]\nper_hour = 2\n"), (vec![], vec![]));
    }

    #[test]
    fn a_wrong_configuration_changes_nothing_and_is_told_until_it_is_right() {
        let board = Board::new("w.db", &[]);
        let log = Log::begin(None, None);
        let held = written("site = \"x\"");
        let current = Arc::new(Current::new(held.config.clone()));
        let answers = Mutex::new(vec![Ok(written("site = \"y\"\ndb = \"b\"")), Err("w.toml:1: unknown key".to_owned())]);
        let read: Read = Box::new(move || answers.lock().unwrap().pop().unwrap_or(Err("no more".to_owned())));
        let asked = Arc::new(AtomicBool::new(true));
        let mut reload = Reload::new(asked, held, Arc::clone(&current), read);
        assert!(reload.is_asked() && !reload.is_asked());
        reload.reload(&log, &board);
        assert_eq!((current.turn(), current.config().site.as_deref()), (0, Some("x")));
        assert_eq!(board.status().configuration.wrong.as_deref(), Some("w.toml:1: unknown key"));
        reload.reload(&log, &board);
        assert_eq!((current.turn(), current.config().site.as_deref()), (1, Some("y")));
        let told = board.status().configuration;
        assert_eq!((told.wrong, told.restart), (None, vec!["db".to_owned()]));
    }
}
