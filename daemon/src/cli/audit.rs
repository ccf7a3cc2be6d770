//! `audit verify`: whether the registrar's log is whole.

use super::enroll::Place;
use super::{Done, Failure};
use clap::Subcommand;
use serde_json::json;

/// The registrar's log of every decision, request and answer.
#[derive(Subcommand)]
pub(super) enum Audit {
    /// Follows the log from its first entry, and shows the hash of the last: keep it elsewhere.
    Verify {
        /// A hash that was shown earlier: it must still stand there.
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

impl Audit {
    pub(super) fn run(&self) -> Done {
        let Self::Verify { head, place } = self;
        let log = place.registrar()?.store.audit()?;
        let known = head.as_ref().is_none_or(|head| log.iter().any(|(_, hash)| hash == head));
        let broken = |broken: enrollment::audit::Broken| Failure::new(format!("audit log, entry {}: {}", broken.sequence, broken.what));
        let (entries, last) = enrollment::audit::verify(log.into_iter()).map_err(broken)?;
        if !known {
            return Err(Failure::new("audit log: the head that was given is not in it: its end was taken away, or it was written anew"));
        }
        place.answer(&json!({ "entries": entries, "head": last }), &format!("{entries} entries, whole; head {last}\n"))
    }
}
