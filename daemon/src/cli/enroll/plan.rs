//! `enroll plan`: what waits for approval, as a file that people review.

use super::super::{Done, Failure};
use super::Place;
use enrollment::request::{Request, canonical, digest};
use enrollment::state::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Bytes of a plan; ten thousand requests have a quarter of it.
const FILE_MAX: u64 = 256 << 20;

/// Takes in what the inventory proposes, and writes what waits for approval into a file with its digest.
#[derive(clap::Args)]
pub(super) struct Plan {
    /// Where to write it.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// The file.
#[derive(Serialize, Deserialize)]
pub(super) struct Reviewed {
    /// `wirecensus.enrollment-plan/1`.
    schema: String,
    /// Of the canonical JSON of `requests`.
    digest: String,
    /// What would be sent.
    pub(super) requests: Vec<Request>,
}

const SCHEMA: &str = "wirecensus.enrollment-plan/1";

impl Reviewed {
    /// Reads a plan, and checks that it is whole.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::new(format!("{}: {what}", path.display()));
        if std::fs::metadata(path)?.len() > FILE_MAX {
            return Err(wrong("too large for a plan"));
        }
        let plan: Self = serde_json::from_slice(&std::fs::read(path)?)?;
        if plan.schema != SCHEMA || plan.digest != digest(&canonical(&plan.requests)) {
            return Err(wrong("its digest is not that of its requests: it was changed after it was written"));
        }
        Ok(plan)
    }
}

impl Plan {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.place.registrar()?;
        self.place.take_in(&mut registrar)?;
        let waiting = registrar.store.all()?.into_iter().filter(|held| held.state == State::AwaitingApproval);
        let requests: Vec<Request> = waiting.map(|held| held.request).collect();
        let plan = Reviewed { schema: SCHEMA.to_owned(), digest: digest(&canonical(&requests)), requests };
        std::fs::write(&self.output, serde_json::to_vec_pretty(&plan)?)?;
        let words = format!("{}: {} requests, {}\n", self.output.display(), plan.requests.len(), plan.digest);
        self.place.answer(&json!({ "requests": plan.requests.len(), "digest": plan.digest }), &words)
    }
}
