//! `events baseline`: what is usual, taken from an inventory, or learnt anew.

use super::{Desk, author, config, now};
use crate::capture::text::grouped;
use crate::cli::input::From;
use crate::cli::output::answer;
use crate::cli::reading::Reading;
use crate::cli::{Done, Failure};
use std::path::PathBuf;

/// Takes an inventory as what is usual and ends learning, or has it learnt anew. Stop `events serve` before.
#[derive(clap::Args)]
pub(super) struct Baseline {
    #[command(flatten)]
    desk: Desk,
    /// An inventory (JSON), or a database: who is in it is known, and who asks whom in it is usual.
    #[arg(long, value_name = "FILE", required_unless_present = "anew")]
    from: Option<PathBuf>,
    /// Forgets what was learnt, and learns again from now on.
    #[arg(long, conflicts_with = "from")]
    anew: bool,
    /// Who does it; stands in the log.
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Baseline {
    pub(super) fn run(&self) -> Done {
        let mut keeper = self.desk.keeper(config(self.config.as_ref())?, 60)?;
        let document = match &self.from {
            Some(path) => {
                let from = From { db: None, site_key: None, reading: Reading::default() };
                Some(from.document(std::slice::from_ref(path))?)
            }
            None => None,
        };
        if document.as_ref().is_some_and(|document| document.devices.is_empty()) {
            return Err(Failure::new("no device is in it: then everybody would be new"));
        }
        let (devices, talks) = keeper.learn_from(document.as_ref(), &author(self.author.as_ref()), now())?;
        answer(&format!("{} devices and {} conversations are known\n", grouped(devices as u64), grouped(talks as u64)))
    }
}
