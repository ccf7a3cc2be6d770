//! `events`: what happened on the network, made, delivered and listed. One file a subcommand.

mod baseline;
mod list;
mod maintenance;
mod serve;

use super::input::From;
use super::reading::Reading;
use super::{Done, Failure};
use crate::capture::text::shown;
use crate::clock;
use crate::config::Config;
use crate::events::forget::Decided;
use crate::events::keeper::Keeper;
use crate::events::mirror::Told;
use crate::events::store::Store;
use crate::operation::status::StatusFile;
use crate::store::StoreError;
use clap::Subcommand;
use inventory::Document;
use inventory::decision::Decision;
use observations::value::hex;
use std::path::PathBuf;

/// Makes events of what changes in a database, tells them by syslog and webhook, and lists them.
///
/// What is known, what happened and what waits for delivery stand in a database of its own, beside the inventory's: `plant.db` has
/// `plant.events.db`. The inventory's is only read.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus events serve --db plant.db --config wirecensus.toml            for good, as wirecensus-events.service does
  wirecensus events list --db plant.db --since 2026-03-01 --kind new-device
  wirecensus events maintenance --db plant.db --from 2026-03-07T20:00:00Z --to 2026-03-08T04:00:00Z --ticket CHG-4711 --author anna
  wirecensus events baseline --db plant.db --from accepted.json --author anna")]
pub(super) struct Events {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Once(serve::Once),
    List(list::List),
    Status(list::Status),
    Baseline(baseline::Baseline),
    Maintenance(maintenance::Maintenance),
}

impl Events {
    pub(super) fn run(&self) -> Done {
        match &self.command {
            Command::Serve(command) => command.run(),
            Command::Once(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Status(command) => command.run(),
            Command::Baseline(command) => command.run(),
            Command::Maintenance(command) => command.run(),
        }
    }
}

/// Where everything lies.
#[derive(clap::Args)]
struct Desk {
    /// The inventory's database.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The events database, if it is not beside the inventory's.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

impl Desk {
    /// The events database's path. A slip in the inventory's name must not make a new, empty one.
    fn path(&self) -> Result<PathBuf, Failure> {
        if !self.db.exists() {
            return Err(StoreError::Missing { path: self.db.clone() }.into());
        }
        Ok(self.events.clone().unwrap_or_else(|| self.db.with_extension("events.db")))
    }

    fn store(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.path()?)?)
    }

    fn keeper(&self, config: Config, every: u32) -> Result<Keeper, Failure> {
        Ok(Keeper::open(&self.path()?, config, u64::from(every))?)
    }

    fn document(&self, reading: &Reading) -> Result<Document, Failure> {
        From { db: Some(self.db.clone()), site_key: None, reading: reading.clone() }.document(&[])
    }

    /// Who is to be forgotten.
    fn forgotten(&self) -> Result<Vec<Decided>, Failure> {
        let log = crate::store::Store::open_read_only(&self.db)?.decision_log()?;
        let forget = log.into_iter().filter(|entry| matches!(entry.decision, Decision::Forget { .. }));
        Ok(forget.map(|entry| (hex(&entry.hash), entry.decision)).collect())
    }

    /// What the sensor says of itself.
    fn told(&self) -> Result<Told, Failure> {
        Ok(StatusFile::read(&self.db)?)
    }
}

fn config(path: Option<&PathBuf>) -> Result<Config, Failure> {
    path.map_or_else(|| Ok(Config::default()), |path| Config::read(path).map_err(|error| Failure::usage(error.to_string())))
}

/// Seconds since 1970.
fn now() -> i64 {
    clock::now() / 1_000_000_000
}

/// A time of this machine's clock: RFC 3339, a day, or seconds since 1970.
fn time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let read = whole.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second);
    read.map_err(|_| "write a time as 2026-03-01T20:00:00Z, a day as 2026-03-01, or seconds since 1970".to_owned())
}

/// The same, as people read it.
fn clock_text(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// Who did it, for the log.
fn author(name: Option<&String>) -> String {
    name.cloned().or_else(|| std::env::var("USER").ok()).map_or_else(|| "unknown".to_owned(), |name| shown(&name))
}
