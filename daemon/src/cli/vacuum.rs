//! `vacuum`: gives back to the file system what a database no longer needs.

use super::Done;
use crate::capture::text::{grouped, shown};
use crate::store::{Store, StoreError, Writer};
use std::path::PathBuf;

/// Gives free pages of a database back to the file system, a little at a time: the daemon may be at work in it, and does the same once a
/// day.
///
/// A database that cannot do so is written anew, once, as with `--whole`; then nobody else may be at work in it.
#[derive(clap::Args)]
pub(super) struct Vacuum {
    /// The database.
    #[arg(long, value_name = "FILE", env = "WIRECENSUS_DB")]
    db: PathBuf,
    /// Writes the whole file anew: what was removed leaves no trace in unused parts of pages, either.
    #[arg(long)]
    whole: bool,
}

impl Vacuum {
    pub(super) fn run(&self) -> Done {
        if !self.db.exists() {
            return Err(StoreError::Missing { path: self.db.clone() }.into());
        }
        let mut store = Store::open(&self.db)?;
        let free = store.free_bytes()?;
        if self.whole || !store.gives_back()? {
            eprintln!("{}: written anew", shown(&self.db.to_string_lossy()));
            store.rewrite()?;
        }
        let mut writer = Writer::new(store);
        while writer.give_back_step()? {}
        writer.finish()?;
        super::output::answer(&format!("{}: {} bytes given back\n", shown(&self.db.to_string_lossy()), grouped(free)))
    }
}
