//! `retain`: sources that ended long ago go.

use super::{Done, Failure};
use crate::capture::text::{grouped, rfc3339, shown};
use crate::clock;
use crate::config::KEEP_DAYS_MIN;
use crate::operation::status::StatusFile;
use crate::store::retention::Retention;
use crate::store::{Store, StoreError, Writer};
use std::fmt::Write;
use std::path::PathBuf;

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// Removes sources whose last packet is older than what is kept. A source goes as a whole: a capture, or a month on a port.
///
/// When a device was seen first is remembered, so that none becomes new; all else that only those sources showed is no longer known. The
/// daemon may be at work in the database, and does the same once a day where `[retention] keep` says so.
#[derive(clap::Args)]
#[command(after_help = "Example:
  wirecensus retain --db plant.db --keep 400d --dry-run")]
pub(super) struct Retain {
    /// The database.
    #[arg(long, value_name = "FILE", env = "WIRECENSUS_DB")]
    db: PathBuf,
    /// How long: days (400d), weeks (8w) or years (2y).
    #[arg(long, value_name = "TIME", value_parser = crate::config::days)]
    keep: u32,
    /// Says what would go, and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Retain {
    pub(super) fn run(&self) -> Done {
        if !self.db.exists() {
            return Err(StoreError::Missing { path: self.db.clone() }.into());
        }
        if self.keep < KEEP_DAYS_MIN && !self.dry_run && StatusFile::read(&self.db)?.is_some_and(|status| status.running) {
            return Err(Failure::usage(format!("--keep: a daemon listens, and what it hears in one month is one source: {KEEP_DAYS_MIN}d at least")));
        }
        let store = Store::open(&self.db)?;
        let before = clock::now().saturating_sub(i64::from(self.keep).saturating_mul(DAY));
        let (past, all) = (store.past(before)?, store.sources()?);
        let undated = all.iter().filter(|source| source.clock.is_some()).count();
        let mut text = String::new();
        for source in &past {
            let last = source.last_seen.map(rfc3339).unwrap_or_default();
            let line = writeln!(
                text,
                "{} {} at {}: {} packets, the last {last}",
                source.key,
                shown(&source.name),
                shown(&source.site),
                grouped(source.packets)
            );
            line.map_err(|error| Failure::new(error.to_string()))?;
        }
        let verb = if self.dry_run { "would go" } else { "went" };
        let undated = if undated > 0 { format!("; {undated} whose clock is not believed stay") } else { String::new() };
        let sum = format!("{} of {} sources {verb}{undated}\n", past.len(), all.len());
        if !self.dry_run {
            let mut writer = Writer::new(store);
            let mut retention = Retention::of(past);
            while retention.step(&mut writer)? {}
            while writer.give_back_step()? {}
            writer.finish()?;
        }
        super::output::answer(&(text + &sum))
    }
}
