//! `run`: the daemon. Captures until it is told to stop, and keeps what is said.

mod source;
mod watch;

use super::reading::{Database, tagger};
use super::{Done, Failure};
use crate::api::Bound;
use crate::capture::live::LiveOptions;
use crate::capture::months::Months;
use crate::capture::mute::Mute;
use crate::capture::reader::{Reader, Settings};
use crate::capture::text::{grouped, shown};
use crate::capture::{Blocks, Filter, interfaces};
use crate::clock;
use crate::config::{Config, WORKERS_MAX, Watched};
use crate::limits::Limiting;
use crate::operation::board::Board;
use crate::operation::housekeeping::Housekeeper;
use crate::operation::log::{Format, Level, Log};
use crate::operation::reload::{Current, Reload, Written};
use crate::operation::settings::{Listen, Operating};
use crate::operation::status::StatusFile;
use crate::operation::{Operation, privileges};
use crate::pipeline::keep::{Keeper, Watcher};
use crate::pipeline::{self, Options};
use crate::store::{Store, Writer};
use dissectors::context::Tagger;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use source::Source;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Listens on interfaces, and keeps in a database what is said there, until SIGINT (Ctrl-C) or SIGTERM.
///
/// It never transmits. What was said is on the disk a second later, counters half a minute later. The interface should be one that gets a
/// mirror of the network's traffic and has no address of its own. SIGHUP has the file of --config read again.
#[derive(clap::Args, Clone)]
#[command(after_help = "Examples:
  wirecensus run -i eth1 --db plant.db
  wirecensus run -i eth1 -i eth2 --db plant.db --site hall-3 --bpf 'not port 3389'
  wirecensus run --watch /srv/captures --db plant.db
  wirecensus run --pcap-over-ip sensor-2:57012 --pcap-over-ip-ca ca.pem --db plant.db
  wirecensus run --config /etc/wirecensus/wirecensus.toml")]
pub(super) struct Run {
    /// What to listen on and how, from a file; what is said here comes before it (see check-config).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An interface to listen on; may be given several times.
    #[arg(short, long = "interface", required_unless_present_any = ["config", "watch", "pcap_over_ip", "pcap_over_ip_listen"], value_name = "IFACE", num_args = 1..)]
    interfaces: Vec<String>,
    /// A folder whose captures are read as they come, each once; nothing in it is changed. May be given several times.
    #[arg(long, value_name = "DIR")]
    watch: Vec<PathBuf>,
    /// Captures in subfolders of --watch as well, eight within each other at most; links are not followed.
    #[arg(long, requires = "watch")]
    recursive: bool,
    /// Connects to another machine that sends a capture over TCP, again when the connection ends. May be given several times.
    #[arg(long, value_name = "HOST:PORT")]
    pcap_over_ip: Vec<String>,
    /// Waits on this address for one that does, one at a time. May be given several times.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pcap_over_ip_listen: Vec<SocketAddr>,
    /// TLS for both: the authorities (PEM) whose certificates the other side must show.
    #[arg(long, value_name = "FILE")]
    pcap_over_ip_ca: Option<PathBuf>,
    /// TLS for both: our own certificate (PEM). Who listens with TLS needs one.
    #[arg(long, value_name = "FILE", requires = "pcap_over_ip_key")]
    pcap_over_ip_certificate: Option<PathBuf>,
    /// The private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "pcap_over_ip_certificate")]
    pcap_over_ip_key: Option<PathBuf>,
    /// The database; it is made if there is none.
    #[arg(long, value_name = "FILE", env = "WIRECENSUS_DB")]
    db: Option<PathBuf>,
    /// Also writes every packet to this capture file; with several interfaces, the name of each is put before the extension.
    ///
    /// Packets may hold passwords and personal data: the file deserves the same care as the network. It grows until the disk is full.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The site that addresses belong to.
    #[arg(long, value_name = "NAME", env = "WIRECENSUS_SITE")]
    site: Option<String>,
    /// Listens only to packets that this filter expression lets pass (see pcap-filter(7)).
    #[arg(long, value_name = "EXPR")]
    bpf: Option<String>,
    /// The key under which captured secrets are tagged, so that equal ones are known; a new one is written if there is no such file.
    ///
    /// Without it each run has a key of its own, which is gone when it ends: what it tagged can be compared with nothing else.
    #[arg(long, value_name = "FILE", env = "WIRECENSUS_SITE_KEY")]
    site_key: Option<PathBuf>,
    /// Engines that work side by side, for each interface [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS_MAX)))]
    workers: Option<u16>,
    /// Listens also on a port that has an address: what this machine sends is listened to as well.
    #[arg(long)]
    allow_address: bool,
    /// Whom root becomes before anything is opened [default: wirecensus, if there is such a user].
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Stays the user root, without root's rights.
    #[arg(long, env = "WIRECENSUS_ALLOW_ROOT", value_parser = clap::builder::BoolishValueParser::new())]
    allow_root: bool,
    /// How the log on stderr is written: text or json [default: text].
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Format>,
    /// How much is logged: error, warn, info, debug or trace [default: info].
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<Level>,
    /// Tells metrics and health over HTTP on this address, or on unix:/PATH.
    #[arg(long, value_name = "ADDRESS")]
    api: Option<Listen>,
}

/// What all interfaces share.
struct Shared {
    current: Arc<Current>,
    /// How often somebody was forgotten meanwhile.
    forgettings: Arc<AtomicU64>,
    database: Database,
    tagger: Arc<dyn Tagger>,
    /// The sensor's name.
    sensor: [u8; 16],
    /// When this run began: its sources are its own.
    begun: i64,
    /// How it fares.
    board: Arc<Board>,
}

/// What one interface gave.
#[derive(Default)]
struct Heard {
    packets: u64,
    dropped: u64,
    /// It ended by itself, or something of it is not in the database.
    failed: bool,
}

impl Run {
    pub(super) fn run(&self) -> Done {
        let written = self.written()?;
        let config = written.config.clone();
        let Some(db) = &config.db else { return Err(Failure::usage("where to keep it? Say --db FILE, or `db` in the configuration")) };
        let tagger = tagger(config.site_key.as_deref())?;
        let (stop, again) = signals(self.config.is_some())?;
        let log = Log::begin(config.operating.log_level, config.operating.log_format);
        written.tell_others();
        strangers().iter().for_each(|line| tracing::warn!("{line}"));
        let user = privileges::become_user(config.operating.user.as_deref(), self.allow_root)?;
        let options = LiveOptions { bpf: config.bpf.clone(), stop: Arc::clone(&stop), ..LiveOptions::default() };
        let options = LiveOptions {
            snaplen: config.snaplen.unwrap_or(options.snaplen),
            buffer_bytes: config.buffer_mib.map_or(options.buffer_bytes, |mib| mib as usize * 1024 * 1024),
            ..options
        };
        refuse_addresses(&config)?;
        // All are opened before any is read: a wrong name ends the command at once.
        let mut sources = config.interfaces.iter().map(|one| Source::of_interface(&config, one, &options)).collect::<Result<Vec<_>, Failure>>()?;
        for stream in &config.pcap_over_ip {
            sources.push(Source::of_stream(&config, stream, &stop)?);
        }
        let store = Store::open(db)?;
        let folders = watch::open(&config, db, &store)?;
        let file = StatusFile::take(db)?;
        let api = config.operating.api.as_ref().map(Bound::open).transpose()?;
        let sensor = store.origin()?;
        let names: Vec<String> = sources.iter().map(|one| one.name.clone()).chain(folders.iter().map(|one| one.name.clone())).collect();
        names.iter().for_each(|name| announce(&config, name, db));
        let database = Arc::new(Mutex::new(Writer::new(store)));
        confine(&config, self.config.as_deref(), db, user.as_deref())?;
        let board = Arc::new(Board::new(&db.to_string_lossy(), &names));
        let conditions = sources.iter().map(|one| (&one.name, &one.condition)).chain(folders.iter().map(|one| (&one.name, &one.condition)));
        for (name, condition) in conditions {
            board.gauge(name).iter().for_each(|gauge| gauge.follow(Arc::clone(condition)));
        }
        let current = Arc::new(Current::new(config.clone()));
        let reload = again.map(|again| self.reload(again, written, &current));
        let operation = Operation::begin(&board, api, file, log, reload, &stop)?;
        let housekeeper = Housekeeper::begin(&database, &current).map_err(|error| Failure::new(error.to_string()))?;
        let forgettings = locked(&database).forgettings();
        let shared = Shared { current, forgettings, database, tagger, sensor, begun: clock::now(), board };
        let heard: Vec<Heard> = std::thread::scope(|scope| {
            let (shared, stop) = (&shared, &stop);
            let mut threads: Vec<_> = sources.into_iter().map(|one| scope.spawn(move || shared.listen(one))).collect();
            threads.extend(folders.into_iter().map(|one| scope.spawn(move || shared.watch(one, stop))));
            // A thread that panicked has said why; what it had committed stands.
            threads.into_iter().map(|thread| thread.join().unwrap_or(Heard { failed: true, ..Heard::default() })).collect()
        });
        drop(housekeeper);
        let (mut packets, mut dropped, mut failed) = (0, 0, false);
        for one in heard {
            packets += one.packets;
            dropped += one.dropped;
            failed |= one.failed;
        }
        eprintln!("{} packets, {} dropped; what was said is in {}", grouped(packets), grouped(dropped), shown(&db.to_string_lossy()));
        if let Some(writer) = Arc::into_inner(shared.database) {
            writer.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
        }
        operation.end();
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// The configuration that holds, with the file's words. What is wrong in it is told before anything is opened.
    fn written(&self) -> Result<Written, Failure> {
        let config = self.config()?;
        if let Some(expression) = &config.bpf {
            Filter::compile(expression).map_err(|what| Failure::usage(format!("--bpf: {what}")))?;
        }
        match &self.config {
            Some(path) => Ok(Written::of(config, path)?),
            None => Ok(Written { config, ..Written::default() }),
        }
    }

    /// Reads the configuration again when the flag is set.
    fn reload(&self, again: Arc<AtomicBool>, written: Written, current: &Arc<Current>) -> Reload {
        let run = self.clone();
        Reload::new(again, written, Arc::clone(current), Box::new(move || run.written().map_err(|failure| failure.message)))
    }

    /// What the command line says, then the environment, then the file.
    fn config(&self) -> Result<Config, Failure> {
        let file = match &self.config {
            Some(path) => Config::read_for_sensor(path).map(|(config, _)| config).map_err(|error| Failure::usage(error.to_string()))?,
            None => Config::default(),
        };
        let mut names = self.interfaces.clone();
        names.sort();
        names.dedup();
        let known = |name: &String| file.interfaces.iter().find(|one| one.name == *name).cloned();
        let named = |name: String| known(&name).unwrap_or(Watched { name, ..Watched::default() });
        let interfaces = if names.is_empty() { file.interfaces.clone() } else { names.into_iter().map(named).collect() };
        let (watch, pcap_over_ip) = (self.folders(&file), self.streams(&file)?);
        if interfaces.is_empty() && watch.is_empty() && pcap_over_ip.is_empty() {
            return Err(Failure::usage(format!("on which interface? Say -i IFACE, or [[interface]] in the configuration: {}", interfaces::names())));
        }
        let file = Config::of_environment(|name| std::env::var(name).ok()).map_err(|error| Failure::usage(error.to_string()))?.or(file);
        Ok(Config {
            db: self.db.clone().or(file.db),
            site: self.site.clone().or(file.site),
            site_key: self.site_key.clone().or(file.site_key),
            workers: self.workers.or(file.workers),
            bpf: self.bpf.clone().or(file.bpf),
            record: self.record.clone().or(file.record),
            allow_address: if self.allow_address { Some(true) } else { file.allow_address },
            interfaces,
            watch,
            pcap_over_ip,
            operating: Operating { user: self.user.clone(), log_level: self.log_level, log_format: self.log_format, api: self.api.clone() }
                .or(file.operating),
            ..file
        })
    }
}

/// Variables that look like options of the configuration and are none.
fn strangers() -> Vec<String> {
    // Options of the command line that may be said so and stand in no configuration.
    const OTHERS: &[&str] = &["WIRECENSUS_ALLOW_ROOT"];
    Config::strangers_of_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()), OTHERS)
}

/// A port that gets a mirror has no address: one that has is refused, unless that is wished. So is what stands for all ports at once,
/// those that have addresses among them.
fn refuse_addresses(config: &Config) -> Result<(), Failure> {
    if config.allow_address == Some(true) {
        return Ok(());
    }
    if config.interfaces.iter().any(|one| one.name == interfaces::ALL) {
        return Err(Failure::new(format!(
            "{} is every port of this machine at once, and what it sends itself: name the port that gets the mirror ({}), or say \
             --allow-address to listen to all of them all the same",
            interfaces::ALL,
            interfaces::names()
        )));
    }
    let watched = |known: &interfaces::Interface| config.interfaces.iter().any(|one| one.name == known.name);
    match interfaces::interfaces().into_iter().find(|known| watched(known) && !known.addresses.is_empty()) {
        Some(known) => Err(Failure::new(format!(
            "{} has an address ({}): a port that gets a mirror has none, and others may reach this machine through it. Take it away with \
             `ip addr flush dev {}`, or say --allow-address to listen all the same",
            shown(&known.name),
            known.addresses.join(", "),
            shown(&known.name)
        ))),
        None => Ok(()),
    }
}

/// Gives up what is no longer needed, and says what is enforced.
fn confine(config: &Config, file: Option<&Path>, db: &Path, user: Option<&str>) -> Result<(), Failure> {
    let folder = |path: &Path| path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    let socket = match &config.operating.api {
        Some(Listen::Unix(path)) => Some(folder(path)),
        _ => None,
    };
    let write: Vec<PathBuf> = [Some(folder(db)), config.record.as_deref().map(folder), socket].into_iter().flatten().collect();
    // The configuration is read again when it changes, and editors put a new file in its place.
    let read: Vec<PathBuf> = file.map(folder).into_iter().chain(config.watch.iter().map(|one| one.dir.clone())).collect();
    let confined = privileges::confine(&read, &write)?;
    tracing::info!(user = user.unwrap_or("unchanged"), landlock = confined.landlock, seccomp = confined.seccomp, "rights were given up");
    Ok(())
}

/// Says what is listened to.
fn announce(config: &Config, name: &str, db: &Path) {
    let filter = config.bpf.as_ref().map(|expression| format!(", only {}", shown(expression))).unwrap_or_default();
    tracing::info!("listening on {}{filter}; what is said goes to {}; Ctrl-C ends it", shown(name), db.display());
}

impl Shared {
    /// Listens to one source until it ends, month by month.
    fn listen(&self, Source { name, blocks, port, .. }: Source) -> Heard {
        let name = name.as_str();
        let months = Months::new(blocks, self.begun);
        // A port that has an address is known to send.
        let mut mute = (port && self.current.config().allow_address != Some(true)).then(|| Mute::of(name));
        let mut heard = Heard::default();
        let gauge = self.board.gauge(name);
        let watcher = gauge.clone().map(|gauge| -> Arc<dyn Watcher> { gauge });
        let (mut turn, mut forgotten) = (self.current.turn(), self.forgettings.load(Ordering::Relaxed));
        let mut plan = self.plan(name);
        loop {
            let month = locked(&months).end();
            let (begun, month, cuts) = (self.begun.to_le_bytes(), month.to_le_bytes(), (turn + forgotten).to_le_bytes());
            let identity: [&[u8]; 5] = [&self.sensor, &begun, name.as_bytes(), &month, &cuts];
            let mut reader = Reader::live(name, Box::new(Arc::clone(&months)), &plan.settings, &identity);
            // Who sends over TCP is held back by it, and its packets may be of another day: only a port can be fallen behind.
            let clock = port.then_some(clock::now as fn() -> i64);
            let options = Options { workers: plan.workers, clock, tagger: Some(Arc::clone(&self.tagger)), ..Options::new() };
            let options = plan.limits.bound(options);
            gauge.iter().for_each(|gauge| gauge.bound(&options));
            let mut keeper = Keeper::new(Arc::clone(&self.database)).watched_by(watcher.clone());
            // It is the capture that is told to stop: the pipeline then reads to its end.
            let outcome = pipeline::read(&mut reader, &options, |snapshot| {
                gauge.iter().for_each(|gauge| gauge.beat());
                let news = keeper.tick(snapshot).map(|news| news.to_string());
                for news in news.into_iter().chain(mute.as_mut().and_then(Mute::look)) {
                    tracing::warn!(interface = name, "{news}");
                }
                if self.current.turn() != turn {
                    turn = self.current.turn();
                    if self.plan(name) != plan {
                        locked(&months).cut();
                    }
                }
                // What is known of who was forgotten ends with this source; whoever is there still is learnt anew.
                if self.forgettings.load(Ordering::Relaxed) != forgotten {
                    forgotten = self.forgettings.load(Ordering::Relaxed);
                    locked(&months).cut();
                }
            });
            for damage in &outcome.damages {
                tracing::error!(interface = name, "{damage}");
                heard.failed = true;
            }
            heard.packets += outcome.said.source.packets;
            heard.dropped += outcome.said.source.dropped.unwrap_or(0);
            if outcome.said.source.packets > 0
                && let Err(error) = keeper.finish(&outcome.said)
            {
                tracing::error!(interface = name, "{error}");
                heard.failed = true;
            }
            if !locked(&months).turn() {
                gauge.iter().for_each(|gauge| gauge.end());
                return heard;
            }
            plan = self.replanned(name, &months, plan);
        }
    }

    /// How a port is read, as the configuration is now.
    fn plan(&self, name: &str) -> Plan {
        let (config, standard) = (self.current.config(), Settings::default());
        let port = config.interfaces.iter().find(|one| one.name == name).map(|one| (&one.site, &one.segments));
        let stream = || config.pcap_over_ip.iter().find(|one| one.name() == name).map(|one| (&one.site, &one.segments));
        let (site, segments) = port.or_else(stream).map(|(site, segments)| (site.clone(), segments.clone())).unwrap_or_default();
        let site = site.or_else(|| config.site.clone()).unwrap_or(standard.site);
        let settings = Settings { site, segments, bpf: config.bpf.clone(), ..Settings::default() };
        Plan { settings, workers: usize::from(config.workers.unwrap_or(1)), limits: config.limits }
    }

    /// The same between two sources: where the filter changed, the capture is told.
    fn replanned(&self, name: &str, months: &Mutex<Months>, before: Plan) -> Plan {
        let mut plan = self.plan(name);
        if plan.settings.bpf != before.settings.bpf
            && let Err(error) = locked(months).filter(plan.settings.bpf.as_deref())
        {
            tracing::error!(interface = name, "the filter stays as it was: {error}");
            plan.settings.bpf = before.settings.bpf;
        }
        plan
    }
}

/// How a port is read; what changes here needs a source of its own.
#[derive(PartialEq)]
struct Plan {
    settings: Settings,
    workers: usize,
    limits: Limiting,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Flags that signals set: the first SIGINT or SIGTERM one, the second ends the program at once; SIGHUP the other, where there is a
/// configuration to be read again. Without one SIGHUP says that the terminal is gone, and ends the run as the others do.
pub(super) fn signals(configured: bool) -> Result<(Arc<AtomicBool>, Option<Arc<AtomicBool>>), Failure> {
    let (stop, again) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    signal_hook::flag::register(SIGHUP, Arc::clone(if configured { &again } else { &stop }))?;
    Ok((stop, configured.then_some(again)))
}
