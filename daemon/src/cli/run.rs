//! `run`: the daemon. Captures until it is told to stop, and keeps what is said.

use super::reading::{Database, tagger};
use super::{Done, Failure};
use crate::capture::live::{Live, LiveOptions};
use crate::capture::months::Months;
use crate::capture::reader::{Reader, Settings};
use crate::capture::text::{grouped, shown};
use crate::capture::{Blocks, Filter, Recorded, interfaces};
use crate::clock;
use crate::pipeline::keep::Keeper;
use crate::pipeline::{self, Options};
use crate::store::{Store, Writer};
use dissectors::context::Tagger;
use fingerprints::Fingerprints;
use inventory::decision::Decisions;
use observations::Said;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

/// Listens on interfaces, and keeps in a database what is said there, until SIGINT (Ctrl-C) or SIGTERM.
///
/// It never transmits. What was said is on the disk a second later, counters half a minute later. The interface should be one that gets a
/// mirror of the network's traffic and has no address of its own.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus run -i eth1 --db plant.db
  wirecensus run -i eth1 -i eth2 --db plant.db --site hall-3 --bpf 'not port 3389'")]
pub(super) struct Run {
    /// An interface to listen on; may be given several times.
    #[arg(short, long = "interface", required = true, value_name = "IFACE", num_args = 1..)]
    interfaces: Vec<String>,
    /// The database; it is made if there is none.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Also writes every packet to this capture file; with several interfaces, the name of each is put before the extension.
    ///
    /// Packets may hold passwords and personal data: the file deserves the same care as the network. It grows until the disk is full.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The site that addresses belong to.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// Listens only to packets that this filter expression lets pass (see pcap-filter(7)).
    #[arg(long, value_name = "EXPR")]
    bpf: Option<String>,
    /// The key under which captured secrets are tagged, so that equal ones are known; a new one is written if there is no such file.
    ///
    /// Without it each run has a key of its own, which is gone when it ends: what it tagged can be compared with nothing else.
    #[arg(long, value_name = "FILE")]
    site_key: Option<PathBuf>,
    /// Engines that work side by side, for each interface.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
}

/// What all interfaces share.
struct Shared<'r> {
    run: &'r Run,
    database: Database,
    tagger: Arc<dyn Tagger>,
    /// The sensor's name.
    sensor: [u8; 16],
    /// When this run began: its sources are its own.
    begun: i64,
}

/// What one interface gave.
#[derive(Default)]
struct Heard {
    packets: u64,
    dropped: u64,
    said: Said,
    /// It ended by itself, or something of it is not in the database.
    failed: bool,
}

impl Run {
    pub(super) fn run(&self) -> Done {
        if let Some(expression) = &self.bpf {
            Filter::compile(expression).map_err(|what| Failure::usage(format!("--bpf: {what}")))?;
        }
        let fingerprints = Fingerprints::new()?;
        let tagger = tagger(self.site_key.as_deref())?;
        let stop = stop_at_signals()?;
        let options = LiveOptions { bpf: self.bpf.clone(), stop: Arc::clone(&stop), ..LiveOptions::default() };
        let mut names = self.interfaces.clone();
        names.sort();
        names.dedup();
        // All are opened before any is read: a wrong name ends the command at once.
        let live = names.iter().map(|name| Ok((name, Live::open(name, &options)?))).collect::<Result<Vec<_>, Failure>>()?;
        let live = live.into_iter().map(|(name, live)| Ok((name, self.recorded(name, live, names.len())?))).collect::<Result<Vec<_>, Failure>>()?;
        let store = Store::open(&self.db)?;
        let sensor = store.origin()?;
        for (name, _) in &live {
            self.announce(name);
        }
        let shared = Shared { run: self, database: Arc::new(Mutex::new(Writer::new(store))), tagger, sensor, begun: clock::now() };
        let heard: Vec<Heard> = std::thread::scope(|scope| {
            let threads: Vec<_> = live.into_iter().map(|(name, live)| scope.spawn(|| shared.watch(name, live))).collect();
            // A thread that panicked has said why; what it had committed stands.
            threads.into_iter().map(|thread| thread.join().unwrap_or(Heard { failed: true, ..Heard::default() })).collect()
        });
        let mut said = Said::default();
        let (mut packets, mut dropped, mut failed) = (0, 0, false);
        for one in heard {
            packets += one.packets;
            dropped += one.dropped;
            failed |= one.failed;
            said.join(one.said);
        }
        let document = inventory::inventory(&said, &fingerprints, &Decisions::default());
        let devices = document.devices.iter().filter(|device| matches!(device.kind.as_str(), "device" | "represents_many")).count();
        eprintln!("{} packets, {} dropped, {} devices", grouped(packets), grouped(dropped), grouped(devices as u64));
        if let Some(writer) = Arc::into_inner(shared.database) {
            writer.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
        }
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// What is captured, written to a file as well if that is wished.
    fn recorded(&self, name: &str, live: Live, interfaces: usize) -> Result<Box<dyn Blocks>, Failure> {
        let Some(path) = &self.record else { return Ok(Box::new(live)) };
        let path = if interfaces > 1 { Recorded::path_of(path, name) } else { path.clone() };
        let link = live.link();
        Ok(Box::new(Recorded::new(Box::new(live), link, &path)?))
    }

    /// Says what is listened to, and what is odd about it.
    fn announce(&self, name: &str) {
        let filter = self.bpf.as_ref().map(|expression| format!(", only {}", shown(expression))).unwrap_or_default();
        eprintln!("listening on {}{filter}; what is said goes to {}; Ctrl-C ends it", shown(name), self.db.display());
        let known = interfaces::interfaces().into_iter().find(|interface| interface.name == name);
        if let Some(known) = known.filter(|known| !known.addresses.is_empty()) {
            let addresses = known.addresses.join(", ");
            eprintln!(
                "warning: {} has an address ({addresses}): a port that gets a mirror has none; what this machine sends is listened to as well",
                shown(name)
            );
        }
    }
}

impl Shared<'_> {
    /// Listens on one interface until it ends, month by month.
    fn watch(&self, name: &str, live: Box<dyn Blocks>) -> Heard {
        let settings = Settings { site: self.run.site.clone().unwrap_or(Settings::default().site), bpf: self.run.bpf.clone(), ..Settings::default() };
        // It is the capture that is told to stop: the pipeline then reads to its end.
        let options = Options { workers: usize::from(self.run.workers), tagger: Some(Arc::clone(&self.tagger)), ..Options::new() };
        let months = Months::new(live, self.begun);
        let mut heard = Heard::default();
        loop {
            let month = months.lock().unwrap_or_else(PoisonError::into_inner).end();
            let identity: [&[u8]; 4] = [&self.sensor, &self.begun.to_le_bytes(), name.as_bytes(), &month.to_le_bytes()];
            let mut reader = Reader::live(name, Box::new(Arc::clone(&months)), &settings, &identity);
            let mut keeper = Keeper::new(Arc::clone(&self.database));
            let outcome = pipeline::read(&mut reader, &options, |snapshot| {
                if let Some(news) = keeper.tick(snapshot) {
                    eprintln!("wirecensus: {news}");
                }
            });
            for damage in &outcome.damages {
                eprintln!("wirecensus: {damage}");
                heard.failed = true;
            }
            heard.packets += outcome.said.source.packets;
            heard.dropped += outcome.said.source.dropped.unwrap_or(0);
            if outcome.said.source.packets > 0 {
                if let Err(error) = keeper.finish(&outcome.said) {
                    eprintln!("wirecensus: {error}");
                    heard.failed = true;
                }
                heard.said.join(Said::of(outcome.said));
            }
            if !months.lock().unwrap_or_else(PoisonError::into_inner).turn() {
                return heard;
            }
        }
    }
}

/// A flag that the first SIGINT or SIGTERM sets; the second ends the program at once.
fn stop_at_signals() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
