//! `events serve` and `events once`: rounds of looking, and delivery beside them.

use super::{Desk, config, now};
use crate::capture::text::shown;
use crate::cli::output::answer;
use crate::cli::reading::Reading;
use crate::cli::{Done, Failure};
use crate::config::Config;
use crate::events::deliver::{self, Outlet};
use crate::events::keeper::Keeper;
use crate::events::store::{Gone, Store, Told};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Seconds between two looks at how the mirrored ports fare: what the sensor notices after 45 s is told within 60.
const MIRROR_EVERY: Duration = Duration::from_secs(5);

/// Makes events and delivers them, and goes on until it is told to stop. Run it as a user of its own, who may read the inventory's
/// database and not write it.
#[derive(clap::Args)]
pub(super) struct Serve {
    /// Seconds between two looks at the inventory; the mirrored ports are looked at each five.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    every: u32,
    #[command(flatten)]
    work: Work,
}

/// Looks once, delivers what is due, and ends: for a timer, or by hand.
#[derive(clap::Args)]
pub(super) struct Once {
    /// Seconds between two calls, as the timer has them: what lasts longer is no watching.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    every: u32,
    #[command(flatten)]
    work: Work,
}

#[derive(clap::Args)]
struct Work {
    #[command(flatten)]
    desk: Desk,
    /// The configuration; its table [events] says what is concluded and who is told.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

impl Work {
    fn begin(&self, every: u32) -> Result<(Keeper, Config, Vec<Outlet>), Failure> {
        let config = config(self.config.as_ref())?;
        let outlets = deliver::open(&config.events).map_err(Failure::usage)?;
        Ok((self.desk.keeper(config.clone(), every)?, config, outlets))
    }

    fn round(&self, keeper: &mut Keeper) -> Result<Told, Failure> {
        let gone = keeper.forget(&self.desk.forgotten()?, now())?;
        if gone != Gone::default() {
            eprintln!("events: forgotten: {} devices, {} events, {} messages", gone.devices, gone.events, gone.messages);
        }
        let document = self.desk.document(&self.reading.clone().listing(&keeper.config().limits))?;
        Ok(keeper.round(&document, &self.desk.told()?, now())?)
    }
}

impl Once {
    pub(super) fn run(&self) -> Done {
        let (mut keeper, _, outlets) = self.work.begin(self.every)?;
        let told = self.work.round(&mut keeper)?;
        let mut store = Store::open(&self.work.desk.path()?)?;
        let stop = AtomicBool::new(false);
        let mut sent = 0;
        for mut outlet in outlets {
            sent += outlet.empty(&mut store, now, &stop)?;
        }
        for receipt in store.receipts()? {
            if let Some(error) = receipt.error {
                eprintln!("events: {}: {}", shown(&receipt.target), shown(&error));
            }
        }
        answer(&format!("{}; {sent} delivered\n", words(&told)))
    }
}

impl Serve {
    pub(super) fn run(&self) -> Done {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        let (mut keeper, config, outlets) = self.work.begin(self.every)?;
        let path = self.work.desk.path()?;
        eprintln!("events: {} targets; looks every {} s", config.events.targets.len(), self.every);
        std::thread::scope(|scope| {
            for outlet in outlets {
                let (path, stop) = (&path, &stop);
                scope.spawn(move || deliver::keep_on(outlet, path, stop, now, |what| eprintln!("events: {}", shown(what))));
            }
            self.rounds(&mut keeper, &stop);
        });
        Ok(ExitCode::SUCCESS)
    }

    /// What fails in one round may go well in the next: a database that is busy, an inventory that is being written.
    fn rounds(&self, keeper: &mut Keeper, stop: &AtomicBool) {
        let every = Duration::from_secs(u64::from(self.every));
        let (mut next, mut look) = (Instant::now(), Instant::now());
        let mut trouble = String::new();
        while !stop.load(Ordering::Relaxed) {
            let clock = Instant::now();
            let done = if clock >= next {
                next = clock + every;
                look = clock + MIRROR_EVERY;
                Some(self.work.round(keeper))
            } else if clock >= look {
                look = clock + MIRROR_EVERY;
                Some(self.work.desk.told().and_then(|told| Ok(keeper.look(&told, now())?)))
            } else {
                None
            };
            match done {
                Some(Ok(told)) => {
                    trouble.clear();
                    if told != Told::default() {
                        eprintln!("events: {}", words(&told));
                    }
                }
                Some(Err(failure)) if failure.message != trouble => {
                    eprintln!("events: {}", shown(&failure.message));
                    trouble = failure.message;
                }
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn words(told: &Told) -> String {
    format!("{} messages, {} events held back, {} under a ticket", told.messages, told.held, told.under_ticket)
}
