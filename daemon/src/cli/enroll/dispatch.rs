//! `enroll dispatch` and `enroll retry`: what is due goes out.

use super::{Desk, Done, Failure, now};
use crate::capture::text::shown;
use enrollment::registrar::{Polling, Registrar, Report};
use enrollment::state::State;
use enrollment::targets::Kept;
use std::fmt::Write;
use std::process::ExitCode;

/// Delivers what people agreed to and what is due, looks at what the vaults list, and ends. What the wire shows of identities is told to
/// their vaults.
#[derive(clap::Args)]
pub(super) struct Dispatch {
    /// Says what would be sent, and sends nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    desk: Desk,
}

/// Sends a request that failed on its way again, as it was approved.
#[derive(clap::Args)]
pub(super) struct Retry {
    /// Ids of requests.
    #[arg(value_name = "ID", required = true)]
    requests: Vec<String>,
    /// Who does it, for the audit log.
    #[arg(long = "as", value_name = "NAME", default_value = "operator")]
    name: String,
    #[command(flatten)]
    desk: Desk,
}

impl Dispatch {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.desk.registrar()?;
        let dry = self.dry_run || registrar.policy.targets.is_empty();
        if dry {
            let due = registrar.store.all()?.into_iter().filter(|held| held.state == State::Requested);
            let mut text = String::new();
            for held in due {
                let _ = writeln!(text, "{}  would go to {}", held.request.id, shown(&held.request.target));
            }
            if registrar.policy.targets.is_empty() {
                text.push_str("No target is configured ([enrollment.targets.NAME]): nothing is sent.\n");
            }
            return crate::cli::output::answer(&text);
        }
        // What people agreed to goes out, though the inventory may not be readable just now. A registrar for sensors elsewhere has none.
        match self.desk.db.is_some().then(|| self.desk.document()) {
            Some(Ok(document)) => self.desk.observe(&mut registrar, &document)?,
            Some(Err(failure)) => eprintln!("wirecensus: {}", shown(&failure.message)),
            None => {}
        }
        let (report, polling) = round(&mut registrar, &mut Kept::default())?;
        crate::cli::output::answer(&(words(&report) + &looked(&polling)))?;
        report.notes.iter().chain(&polling.notes).for_each(|note| eprintln!("wirecensus: {}", shown(note)));
        if report.failed > 0 {
            Err(Failure::new(format!("{} need somebody: `enroll status` says why", report.failed)))
        } else {
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Retry {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.desk.registrar()?;
        for id in &self.requests {
            registrar.retry(id, &format!("person:{}", self.name), now())?;
        }
        crate::cli::output::answer(&format!("{} on their way again\n", self.requests.len()))
    }
}

/// One round of deliveries to the targets that the policy names, and one look at those whose time has come.
pub(super) fn round(registrar: &mut Registrar, kept: &mut Kept) -> Result<(Report, Polling), Failure> {
    let settings = registrar.policy.targets.clone();
    let mut open = |name: &str| kept.open(name, &settings.get(name).cloned().unwrap_or_default());
    let report = registrar.dispatch(&mut open, now(), &mut |_| false)?;
    Ok((report, registrar.poll(&mut open, now(), &mut |_| false)?))
}

pub(super) fn words(report: &Report) -> String {
    let Report { registered, signed, told, put_off, failed, held_back, .. } = report;
    format!(
        "{registered} registered, {signed} certificates signed, {told} told, {put_off} put off, {failed} failed, {held_back} held back by a quota\n"
    )
}

/// What the lists gave, if they gave anything.
pub(super) fn looked(polling: &Polling) -> String {
    let Polling { listed, revoked, found, retired, .. } = polling;
    let quiet = *polling == Polling { notes: polling.notes.clone(), ..Polling::default() };
    if quiet {
        String::new()
    } else {
        format!("lists: {listed} certificates new, {revoked} revoked, {found} found to be a request's, {retired} retired\n")
    }
}
