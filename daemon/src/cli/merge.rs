//! `merge`: several databases as one.

use super::{Done, Failure};
use crate::store::{Store, Writer};
use std::path::PathBuf;

/// Joins databases into one: all their sources, and what operators decided.
///
/// Any order and grouping gives the same inventory, and a database that is merged twice changes nothing. The output may exist already:
/// then it is joined too.
#[derive(clap::Args)]
#[command(after_help = "Example:
  wirecensus merge cell-1.db cell-2.db -o plant.db")]
pub(super) struct Merge {
    /// Databases; they are only read.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The database to join them into.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Merge {
    pub(super) fn run(&self) -> Done {
        // All are looked at before anything is written.
        let stores = self.files.iter().map(|path| Store::open_read_only(path)).collect::<Result<Vec<_>, _>>()?;
        let canonical = |path: &PathBuf| std::fs::canonicalize(path).ok();
        if let Some(same) = self.files.iter().find(|path| canonical(path).is_some() && canonical(path) == canonical(&self.output)) {
            return Err(Failure::usage(format!("{}: given as input and as output; an output that exists is joined anyway", same.display())));
        }
        let mut writer = Writer::new(Store::open(&self.output)?);
        for store in &stores {
            eprintln!("joining {}", store.path().display());
            super::input::tell_damaged(store.path(), &store.merge_into(&mut writer)?);
        }
        super::input::tell_damaged(writer.store().path(), writer.damaged());
        let store = writer.finish()?;
        let sources = store.sources()?;
        let packets: u64 = sources.iter().map(|source| source.packets).sum();
        super::output::answer(&format!("{}: {} sources, {packets} packets\n", self.output.display(), sources.len()))
    }
}
