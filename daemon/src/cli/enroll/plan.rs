//! `enroll plan`: what is to be approved, as a file that people can review.

use super::{Desk, Done, Failure, json, now};
use crate::capture::text::shown;
use enrollment::request::{Request, canonical, digest};
use enrollment::state::State;
use enrollment::store::Note;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The schema's name.
const SCHEMA: &str = "wirecensus.enrollment-plan/1";

/// Proposes every candidate, and writes what waits for approval into a file. Its digest says what was reviewed.
#[derive(clap::Args)]
pub(super) struct Plan {
    /// Where to.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    desk: Desk,
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
struct Written {
    schema: String,
    /// Over the requests' canonical JSON.
    digest: String,
    requests: Vec<Request>,
}

impl Plan {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.desk.registrar()?;
        let taken = self.desk.propose(&mut registrar)?;
        let waiting = registrar.store.all()?.into_iter().filter(|held| held.state == State::AwaitingApproval);
        let requests: Vec<Request> = waiting.map(|held| held.request).collect();
        let written = Written { schema: SCHEMA.to_owned(), digest: digest(&canonical(&requests)), requests };
        std::fs::write(&self.output, json(&written)?)?;
        let name = shown(&self.output.to_string_lossy());
        let note = Note { actor: "operator", action: "export-plan", subject: &name, detail: &written.digest };
        registrar.store.note(now(), &note)?;
        let words = format!("{name}: {} to be approved, {} of them new or changed\n{}\n", written.requests.len(), taken.len(), written.digest);
        crate::cli::output::answer(&words)
    }
}

/// The requests of a plan.
///
/// # Errors
/// If it cannot be read, or was changed since it was written.
pub(super) fn read(path: &Path) -> Result<Vec<Request>, Failure> {
    let name = shown(&path.to_string_lossy());
    let wrong = |what: String| Failure::new(format!("{name}: {what}"));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let plan: Written = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if plan.schema != SCHEMA {
        return Err(wrong(format!("this is no plan: its schema is {}", shown(&plan.schema))));
    }
    if digest(&canonical(&plan.requests)) != plan.digest {
        return Err(wrong("it was changed since it was written: its digest is another".to_owned()));
    }
    Ok(plan.requests)
}
