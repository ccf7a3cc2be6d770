//! `enroll`: from an unmanaged device to a proposal, its approval and its delivery. Works on a database, without the daemon.

mod approve;
mod candidates;
mod certificate;
mod dispatch;
mod plan;
mod status;
mod targets;

use super::input::From;
use super::reading::Reading;
use super::{Done, Failure};
use crate::clock;
use crate::store::StoreError;
use crate::written;
use clap::Subcommand;
use enrollment::policy::Policy;
use enrollment::registrar::Registrar;
use enrollment::sign::Key;
use enrollment::store::Store;
use inventory::Document;
use std::path::PathBuf;
use std::process::ExitCode;

/// Proposes devices that no vault manages to one, with their evidence; people approve, and nothing is sent before.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus enroll candidates --db plant.db --config wirecensus.toml
  wirecensus enroll plan --output plan.json --db plant.db --config wirecensus.toml
  wirecensus enroll approve plan.json --as anna --key anna.key --yes --db plant.db --config wirecensus.toml
  wirecensus enroll dispatch --db plant.db --config wirecensus.toml")]
pub(super) struct Enroll {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Candidates(candidates::Candidates),
    Plan(plan::Plan),
    Approve(approve::Approve),
    Reject(approve::Reject),
    Retry(approve::Retry),
    Show(status::Show),
    Status(status::Status),
    Dispatch(dispatch::Dispatch),
    Serve(dispatch::Serve),
    Targets(targets::List),
    TestTarget(targets::Test),
    /// A CSR that an operator took from the device.
    #[command(subcommand)]
    Csr(certificate::Csr),
    /// A certificate that was issued.
    #[command(subcommand)]
    Cert(certificate::Cert),
    Key(approve::NewKey),
}

impl Enroll {
    pub(super) fn run(&self) -> Done {
        match &self.command {
            Command::Candidates(command) => command.run(),
            Command::Plan(command) => command.run(),
            Command::Approve(command) => command.run(),
            Command::Reject(command) => command.run(),
            Command::Retry(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Status(command) => command.run(),
            Command::Dispatch(command) => command.run(),
            Command::Serve(command) => command.run(),
            Command::Targets(command) => command.run(),
            Command::TestTarget(command) => command.run(),
            Command::Csr(command) => command.run(),
            Command::Cert(command) => command.run(),
            Command::Key(command) => command.run(),
        }
    }
}

/// Where things are.
#[derive(clap::Args)]
pub(super) struct Place {
    /// The inventory; the registrar's own file lies beside it (plant.db: plant.registrar.db).
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The configuration, with its tables [enrollment].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

impl Place {
    fn policy(&self) -> Result<Policy, Failure> {
        let Some(path) = &self.config else { return Ok(Policy::default()) };
        let (file, text) = written::read(path)?;
        Policy::of_toml(&text).map_err(|what| Failure::new(format!("{file}: {what}")))
    }

    fn document(&self) -> Result<Document, Failure> {
        if !self.db.exists() {
            return Err(StoreError::Missing { path: self.db.clone() }.into());
        }
        From { db: Some(self.db.clone()), site_key: None, reading: Reading::default() }.document(&[])
    }

    pub(super) fn registrar(&self) -> Result<Registrar, Failure> {
        if !self.db.exists() {
            return Err(StoreError::Missing { path: self.db.clone() }.into());
        }
        Ok(Registrar { store: Store::open(&self.db.with_extension("registrar.db"))?, policy: self.policy()? })
    }

    /// The sensor's key, made at its first use.
    fn sensor(&self) -> Result<Key, Failure> {
        Ok(Key::of_file(&self.db.with_extension("sensor.key"))?)
    }

    /// Takes in what the inventory proposes now. How many were new or changed.
    fn take_in(&self, registrar: &mut Registrar) -> Result<u32, Failure> {
        use enrollment::registrar::Taken;
        let (document, key) = (self.document()?, self.sensor()?);
        let mut fresh = 0;
        for candidate in enrollment::propose::candidates(&document, &registrar.policy) {
            let Ok(request) = candidate.outcome else { continue };
            let taken = registrar.take_in(&key.propose(*request), &key.public(), now())?;
            fresh += u32::from(matches!(taken, Taken::New | Taken::Changed));
        }
        Ok(fresh)
    }

    /// Answers with JSON, or in words.
    pub(super) fn answer(&self, json: &serde_json::Value, words: &str) -> Done {
        if self.json {
            return super::output::answer(&format!("{json:#}\n"));
        }
        super::output::answer(words)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    clock::now() / 1_000_000_000
}
