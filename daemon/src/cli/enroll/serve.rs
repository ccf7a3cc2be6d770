//! `enroll serve`: the registrar as a process of its own.

use super::{Desk, Done, Failure, dispatch, own};
use crate::capture::text::shown;
use enrollment::policy::Policy;
use enrollment::registrar::{Polling, Report};
use enrollment::serve::{Bound, Server, serves_anybody};
use enrollment::targets::Kept;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Takes in what the inventory proposes, delivers what is due, looks at what the vaults list, and goes on until it is told to stop. It
/// alone holds the vault's credential: run it as a user of its own, who may read the inventory's database and not write it.
///
/// With --listen, or [enrollment.front] listen, sensors on other hosts propose over HTTPS, and people decide by their log-in at the vault.
#[derive(clap::Args)]
pub(super) struct Serve {
    /// Seconds between two looks.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    every: u32,
    /// Answers sensors and people on this address and port; certificate and key stand in [enrollment.front].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    desk: Desk,
}

impl Serve {
    pub(super) fn run(&self) -> Done {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        // Made before anybody is attested by it.
        self.desk.own_key()?;
        let mut registrar = self.desk.registrar()?;
        let required = registrar.policy.approvals_required;
        eprintln!("registrar: {} targets, {required} must agree; looks every {} s", registrar.policy.targets.len(), self.every);
        if required == 0 {
            eprintln!("registrar: SINGLE-OPERATOR MODE: nobody is asked before something is sent (approvals_required = 0)");
        }
        let front = self.front(&registrar.policy)?;
        let mut kept = Kept::default();
        while !stop.load(Ordering::Relaxed) {
            if own::renew(&mut registrar) {
                kept = Kept::default();
            }
            // What fails in one round may go well in the next: a database that is busy, an inventory that is being written.
            let proposed = self.desk.propose(&mut registrar).map_err(|failure| failure.message);
            let sent = dispatch::round(&mut registrar, &mut kept).map_err(|failure| failure.message);
            for told in [
                proposed.map(|new| (!new.is_empty()).then(|| format!("{} proposed", new.len()))),
                sent.map(|(report, polling)| told(&report, &polling)),
            ] {
                match told {
                    Ok(Some(text)) => eprintln!("registrar: {}", shown(text.trim_end())),
                    Ok(None) => {}
                    Err(what) => eprintln!("registrar: {}", shown(&what)),
                }
            }
            for _ in 0..self.every * 5 {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        if let Some(front) = front {
            front.end();
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The front, if one is asked for. It has a registrar of its own on the same database.
    fn front(&self, policy: &Policy) -> Result<Option<Server>, Failure> {
        let written = policy.front.clone().unwrap_or_default();
        let Some(listen) = self.listen.or(written.listen) else { return Ok(None) };
        if !serves_anybody(policy) {
            return Err(Failure::usage("nobody may use the front: there is neither [[enrollment.sensor]] nor [enrollment.people]".to_owned()));
        }
        let bound = Bound::open(listen, &written).map_err(Failure::new)?;
        eprintln!("registrar: listens on https://{}", bound.address());
        Ok(Some(bound.serve(self.desk.registrar()?, self.desk.own_key()?).map_err(Failure::new)?))
    }
}

/// What is worth a line.
fn told(report: &Report, polling: &Polling) -> Option<String> {
    let sent = if *report == Report::default() { String::new() } else { dispatch::words(report) };
    let notes = report.notes.iter().chain(&polling.notes).map(|note| format!("; {note}")).collect::<String>();
    let text = format!("{}{}", sent.trim_end(), notes) + &dispatch::looked(polling);
    (!text.is_empty()).then(|| text.trim_end().trim_start_matches("; ").to_owned())
}
