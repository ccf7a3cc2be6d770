//! `audit verify`: whether the registrar's log is whole.

use super::{Done, Failure};
use crate::capture::text::shown;
use enrollment::store::Store;
use std::path::PathBuf;

/// The registrar's log of what was decided and done.
#[derive(clap::Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Verify(Verify),
}

/// Follows the log from its first entry: whether any was changed or taken out. Prints the hash of the last: keep it elsewhere, and a log
/// that lost its end is found out, too.
#[derive(clap::Args)]
struct Verify {
    /// The inventory's database; the registrar's lies beside it.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The registrar's database, if it is not beside the inventory's.
    #[arg(long, value_name = "FILE")]
    registrar: Option<PathBuf>,
    /// A hash that was printed earlier: it must stand in the log.
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
}

impl Audit {
    pub(super) fn run(&self) -> Done {
        let Command::Verify(verify) = &self.command;
        let path = verify.registrar.clone().unwrap_or_else(|| verify.db.with_extension("registrar.db"));
        let name = shown(&path.to_string_lossy());
        if !path.exists() {
            return Err(Failure::new(format!("{name}: no such file")));
        }
        let log = Store::open(&path)?.audit()?;
        let known = verify.head.as_ref().is_none_or(|head| log.iter().any(|(_, hash)| hash == head));
        let (count, head) = enrollment::audit::verify(log.into_iter())
            .map_err(|broken| Failure::new(format!("{name}: entry {}: {}", broken.sequence, broken.what)))?;
        if !known {
            return Err(Failure::new(format!("{name}: no entry has that hash: the log lost its end, or is another")));
        }
        super::output::answer(&format!("{count} entries, whole\n{head}\n"))
    }
}
