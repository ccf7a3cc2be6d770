//! `enroll key`: a person's key.

use super::Done;
use enrollment::sign::Key;
use std::path::PathBuf;

/// Makes a key, for its owner alone, or reads one, and prints its public half: that stands in the configuration as [[enrollment.approver]]
/// or [[enrollment.sensor]].
#[derive(clap::Args)]
pub(super) struct MakeKey {
    /// The key's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl MakeKey {
    pub(super) fn run(&self) -> Done {
        crate::cli::output::answer(&format!("{}\n", Key::of_file(&self.file)?.public()))
    }
}
