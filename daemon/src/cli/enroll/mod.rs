//! `enroll`: from an unmanaged device to an identity at a vault. One file a subcommand.

mod approve;
mod candidates;
mod csr;
mod dispatch;
mod exception;
mod import_use;
mod key;
mod own;
mod plan;
mod propose;
mod serve;
mod show;
mod status;
mod targets;

use super::input::From;
use super::reading::Reading;
use super::{Done, Failure};
use crate::capture::text::shown;
use crate::clock;
use crate::store::StoreError;
use clap::Subcommand;
use enrollment::policy::Policy;
use enrollment::registrar::{Registrar, Taken};
use enrollment::sign::Key;
use enrollment::store::Store;
use inventory::Document;
use std::path::{Path, PathBuf};

/// Proposes devices that no vault manages to one, has people approve them, delivers what they agreed to, and says what became of it.
///
/// What is known of requests stands in the registrar's own database, beside the inventory's: `plant.db` has `plant.registrar.db`. Nothing
/// is ever issued because of what was sniffed, and nothing is sent that people did not agree to.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus enroll candidates --db plant.db --config wirecensus.toml       who would be proposed, and why others would not
  wirecensus enroll plan --db plant.db --config wirecensus.toml --output monday.json
  wirecensus enroll approve --plan monday.json --as anna --key anna.key --yes --db plant.db --config wirecensus.toml
  wirecensus enroll dispatch --db plant.db --config wirecensus.toml")]
pub(super) struct Enroll {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Candidates(candidates::Candidates),
    Plan(plan::Plan),
    Propose(propose::Propose),
    Show(show::Show),
    Approve(approve::Approve),
    Reject(approve::Reject),
    Retry(dispatch::Retry),
    Delegate(exception::Delegate),
    Compensate(exception::Compensate),
    Status(status::Status),
    Dispatch(dispatch::Dispatch),
    Serve(serve::Serve),
    Targets(targets::Targets),
    TestTarget(targets::TestTarget),
    Csr(csr::Csr),
    Cert(csr::Cert),
    ImportUse(import_use::ImportUse),
    Key(key::MakeKey),
    #[command(name = "self")]
    Own(own::Own),
}

impl Enroll {
    pub(super) fn run(&self) -> Done {
        match &self.command {
            Command::Candidates(command) => command.run(),
            Command::Plan(command) => command.run(),
            Command::Propose(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Approve(command) => command.run(),
            Command::Reject(command) => command.run(),
            Command::Retry(command) => command.run(),
            Command::Delegate(command) => command.run(),
            Command::Compensate(command) => command.run(),
            Command::Status(command) => command.run(),
            Command::Dispatch(command) => command.run(),
            Command::Serve(command) => command.run(),
            Command::Targets(command) => command.run(),
            Command::TestTarget(command) => command.run(),
            Command::Csr(command) => command.run(),
            Command::Cert(command) => command.run(),
            Command::ImportUse(command) => command.run(),
            Command::Key(command) => command.run(),
            Command::Own(command) => command.run(),
        }
    }
}

/// Where everything lies.
#[derive(clap::Args)]
pub(super) struct Desk {
    /// The inventory's database. A registrar for sensors on other hosts needs none.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// The configuration; its table [enrollment] says who is proposed, who approves, and where to.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The registrar's database, if it is not beside the inventory's.
    #[arg(long, value_name = "FILE")]
    registrar: Option<PathBuf>,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

impl Desk {
    fn policy(&self) -> Result<Policy, Failure> {
        let Some(path) = &self.config else { return Ok(Policy::default()) };
        let name = shown(&path.to_string_lossy());
        let text = std::fs::read_to_string(path).map_err(|error| Failure::new(format!("{name}: {error}")))?;
        Policy::of_toml(&text).map_err(|what| Failure::usage(format!("{name}: {what}")))
    }

    /// The inventory's database. A slip in the name must not make a new, empty one.
    fn inventory(&self) -> Result<&Path, Failure> {
        let db = self.db.as_deref().ok_or_else(|| Failure::usage("--db FILE is missing: the inventory's database".to_owned()))?;
        if db.exists() { Ok(db) } else { Err(StoreError::Missing { path: db.to_owned() }.into()) }
    }

    fn registrar(&self) -> Result<Registrar, Failure> {
        if self.db.is_some() || self.registrar.is_none() {
            self.inventory()?;
        }
        // Who only looks makes no key.
        let attested_by = if self.own_key_file()?.exists() { self.own_key()?.public() } else { String::new() };
        let policy = Policy { attested_by, ..self.policy()? };
        let mut registrar = Registrar { store: Store::open(&self.registrar_db()?)?, policy };
        if self.config.is_some() {
            registrar.configured(now())?;
        }
        Ok(registrar)
    }

    fn registrar_db(&self) -> Result<PathBuf, Failure> {
        self.registrar.clone().map_or_else(|| Ok(self.inventory()?.with_extension("registrar.db")), Ok)
    }

    /// The inventory under what the vaults list, as far as the registrar has asked them.
    fn document(&self) -> Result<Document, Failure> {
        let from = From { db: Some(self.inventory()?.to_owned()), site_key: None, reading: Reading::default() };
        let path = self.registrar_db()?;
        let lists = if path.exists() { crate::policy::read_vault(&path).map_err(|error| Failure::new(error.to_string()))? } else { Vec::new() };
        if lists.is_empty() {
            return from.document(&[]);
        }
        let (material, mut knowledge) = from.material(&[])?;
        crate::policy::add_vault(&mut knowledge.policy, lists);
        Ok(material.document(&knowledge))
    }

    /// Looks whether identities are used.
    fn observe(&self, registrar: &mut Registrar, document: &Document) -> Result<(), Failure> {
        for moved in registrar.observe(document, now())? {
            eprintln!("registrar: {}", shown(&moved));
        }
        Ok(())
    }

    /// This machine's own key, by which it proposes; made when it is first needed, beside the database that we may write.
    fn own_key(&self) -> Result<Key, Failure> {
        Ok(Key::of_file(&self.own_key_file()?)?)
    }

    fn own_key_file(&self) -> Result<PathBuf, Failure> {
        let beside = self.registrar.as_deref().map_or_else(|| self.inventory(), Ok)?;
        Ok(beside.with_extension("sensor.key"))
    }

    /// Takes in every candidate of the inventory as it is now, and looks whether identities are used; ids of what is new or changed.
    fn propose(&self, registrar: &mut Registrar) -> Result<Vec<String>, Failure> {
        for told in registrar.review(now())? {
            eprintln!("registrar: {}", shown(&told));
        }
        if self.db.is_none() {
            return Ok(Vec::new());
        }
        let (document, key) = (self.document()?, self.own_key()?);
        self.observe(registrar, &document)?;
        let mut taken = Vec::new();
        for candidate in enrollment::propose::candidates(&document, &registrar.policy) {
            let Ok(request) = candidate.outcome else { continue };
            let id = request.id.clone();
            let outcome = registrar.take_in(&key.propose(*request), &key.public(), now())?;
            if matches!(outcome, Taken::New | Taken::Changed) {
                taken.push(id);
            }
        }
        Ok(taken)
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    clock::now() / 1_000_000_000
}

/// What a machine reads, indented.
fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
