//! `enroll dispatch` and `enroll serve`: delivers what is due, once or until it is told to end.

use super::super::{Done, Failure};
use super::{Place, now};
use enrollment::registrar::{Registrar, Report};
use enrollment::target::{Failure as Refusal, Reason};
use enrollment::targets;
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Delivers what is due, asks what became of what was delivered, and ends.
#[derive(clap::Args)]
pub(super) struct Dispatch {
    #[command(flatten)]
    place: Place,
}

impl Dispatch {
    pub(super) fn run(&self) -> Done {
        let report = round(&mut self.place.registrar()?)?;
        let json = json!({ "registered": report.registered, "signed": report.signed, "put_off": report.put_off, "failed": report.failed,
            "held_back": report.held_back, "notes": report.notes });
        self.place.answer(&json, &words(&report))
    }
}

fn round(registrar: &mut Registrar) -> Result<Report, Failure> {
    let settings = registrar.policy.targets.clone();
    let mut open = |name: &str| match settings.get(name) {
        Some(settings) => targets::open(name, settings),
        None => Err(Refusal { reason: Reason::Unsupported, message: format!("there is no target {name}") }),
    };
    Ok(registrar.dispatch(&mut open, now(), &mut |_| false)?)
}

fn words(report: &Report) -> String {
    let Report { registered, signed, put_off, failed, held_back, notes } = report;
    let notes: String = notes.iter().map(|note| format!("{}\n", crate::capture::text::shown(note))).collect();
    format!("{registered} registered, {signed} signed, {put_off} put off, {failed} failed, {held_back} held back by a quota\n{notes}")
}

/// The registrar: takes in what the inventory proposes and delivers what is due, until SIGTERM.
#[derive(clap::Args)]
pub(super) struct Serve {
    /// Seconds between two rounds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3600))]
    every: u16,
    #[command(flatten)]
    place: Place,
}

impl Serve {
    pub(super) fn run(&self) -> Done {
        let end = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&end))?;
        }
        let mut registrar = self.place.registrar()?;
        while !end.load(Ordering::Relaxed) {
            self.place.take_in(&mut registrar)?;
            let report = round(&mut registrar)?;
            if report != Report::default() {
                eprint!("{}", words(&report));
            }
            for _ in 0..self.every {
                if !end.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
