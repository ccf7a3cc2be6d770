//! Captures that others put into a folder, read as they come: each file is a source of its own, as in `replay`.

use super::super::Failure;
use super::{Heard, Shared};
use crate::capture::condition::{Condition, State};
use crate::capture::reader::{Reader, Settings, open as open_capture};
use crate::capture::spool::{Before, Spool};
use crate::capture::text::{grouped, shown};
use crate::config::Config;
use crate::feeds::Folder;
use crate::operation::board::Gauge;
use crate::operation::status::StatusFile;
use crate::pipeline::keep::{Keeper, Watcher};
use crate::pipeline::{self, Options};
use crate::store::Store;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at the folder, and between two looks at the stop flag.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const REST: Duration = Duration::from_millis(100);

/// A folder that is watched.
pub(super) struct Watching {
    pub(super) name: String,
    pub(super) condition: Arc<Condition>,
    folder: Folder,
    spool: Spool,
    settings: Settings,
}

/// How files of a folder are read, as the configuration is now.
fn settings(config: &Config, folder: &Folder) -> Settings {
    let site = folder.site.as_ref().or(config.site.as_ref()).cloned().unwrap_or(Settings::default().site);
    Settings { site, segments: folder.segments.clone(), bpf: config.bpf.clone(), ..Settings::default() }
}

/// Opens every folder of the configuration, with what earlier runs read of it.
pub(super) fn open(config: &Config, db: &Path, store: &Store) -> Result<Vec<Watching>, Failure> {
    if config.watch.is_empty() {
        return Ok(Vec::new());
    }
    let sources = store.sources()?;
    // What changed after the last run wrote its status for the last time was not seen by it.
    let ended = StatusFile::read(db).ok().flatten().and_then(|status| status.as_of.parse::<jiff::Timestamp>().ok());
    let ended = ended.and_then(|ended| i64::try_from(ended.as_nanosecond()).ok());
    let of = |folder: &Folder| {
        let settings = settings(config, folder);
        let whole = sources.iter().filter(|source| source.complete).map(|source| source.key).collect();
        let name = folder.name();
        let spool = Spool::new(&folder.dir, &settings, Before { whole, ended });
        let spool = spool.map_err(|error| Failure::new(format!("--watch {}: {error}", shown(&folder.dir.to_string_lossy()))))?;
        let spool = spool.recursive(folder.recursive);
        Ok(Watching { name, condition: Arc::default(), folder: folder.clone(), spool, settings })
    };
    config.watch.iter().map(of).collect()
}

impl Shared {
    /// Reads what comes into a folder until it is told to stop. What was begun then is read again at the next start.
    pub(super) fn watch(&self, mut watching: Watching, stop: &Arc<AtomicBool>) -> Heard {
        let gauge = self.board.gauge(&watching.name);
        let mut options = self.options(stop);
        gauge.iter().for_each(|gauge| gauge.bound(&options));
        let mut heard = Heard::default();
        let (mut looked, mut turn): (Option<Instant>, u64) = (None, self.current.turn());
        while !stop.load(Ordering::Relaxed) {
            gauge.iter().for_each(|gauge| gauge.beat());
            if looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
                std::thread::sleep(REST);
                continue;
            }
            if std::mem::replace(&mut turn, self.current.turn()) != turn {
                watching.settings = settings(&self.current.config(), &watching.folder);
                watching.spool.set(&watching.settings);
                options = self.options(stop);
                gauge.iter().for_each(|gauge| gauge.bound(&options));
            }
            let look = watching.spool.look(Instant::now());
            watching.condition.is(if look.there { State::Alive } else { State::Down }, Duration::ZERO);
            for news in look.news {
                tracing::warn!(source = %shown(&watching.name), "{news}");
            }
            for ready in look.ready {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let read = open_capture(&ready.path, &watching.settings).map(|reader| self.read_file(reader, &ready.path, gauge.as_ref(), &options));
                match read {
                    Ok(Some(packets)) => heard.packets += packets,
                    // It could not be kept: it is read again, as long as it is there.
                    Ok(None) => continue,
                    Err(error) => tracing::error!(source = %shown(&watching.name), "{error}; it is left alone"),
                }
                watching.spool.done(&ready.path);
            }
            looked = Some(Instant::now());
        }
        gauge.iter().for_each(|gauge| gauge.end());
        heard
    }

    /// How files are read, as the configuration is now; a file that is being read goes on as it began.
    fn options(&self, stop: &Arc<AtomicBool>) -> Options {
        let config = self.current.config();
        let workers = usize::from(config.workers.unwrap_or(1));
        config.limits.bound(Options { workers, stop: Arc::clone(stop), tagger: Some(Arc::clone(&self.tagger)), ..Options::new() })
    }

    /// Reads one capture into the database; its packets, or nothing if the database could not hold it.
    fn read_file(&self, mut reader: Reader, path: &Path, gauge: Option<&Arc<Gauge>>, options: &Options) -> Option<u64> {
        let watcher = gauge.map(|gauge| -> Arc<dyn Watcher> { Arc::<Gauge>::clone(gauge) });
        let mut keeper = Keeper::new(Arc::clone(&self.database)).watched_by(watcher);
        let name = shown(&path.to_string_lossy());
        let outcome = pipeline::read(&mut reader, options, |snapshot| {
            gauge.iter().for_each(|gauge| gauge.beat());
            if let Some(news) = keeper.tick(snapshot) {
                tracing::warn!(file = %name, "{news}");
            }
        });
        for damage in &outcome.damages {
            tracing::error!(file = %name, "{damage}; what came before it is kept");
        }
        let packets = outcome.said.source.packets;
        if packets == 0 {
            return Some(0);
        }
        if let Err(error) = keeper.finish(&outcome.said) {
            tracing::error!(file = %name, "{error}; it is read again later");
            return None;
        }
        tracing::info!(file = %name, "{name}: {} packets read", grouped(packets));
        Some(packets)
    }
}
