//! `derive`: the stored document, made anew with today's rules.

use super::input::rows;
use super::reading::Reading;
use super::{Done, Failure};
use crate::capture::text::grouped;
use crate::store::{Store, StoreError};
use inventory::Document;
use inventory::decision::Decisions;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::time::{Instant, UNIX_EPOCH};

/// Derives the inventory of a database anew with today's rules, and keeps it there.
///
/// What was said in the captures is in the database, so better rules need no new capture. Commands that read the database take the kept
/// document as long as nothing was added, and derive it themselves otherwise.
#[derive(clap::Args)]
#[command(after_help = "Example:
  wirecensus derive --db plant.db")]
pub(super) struct Derive {
    /// The database.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Adds fingerprint rules from the TOML files of this folder.
    #[arg(long, value_name = "DIR")]
    fingerprints: Option<PathBuf>,
}

impl Derive {
    pub(super) fn run(&self) -> Done {
        let reading = Reading::with_fingerprints(self.fingerprints.clone());
        let fingerprints = reading.fingerprints()?;
        let begun = Instant::now();
        let step = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
        step("reading what was said");
        if !self.db.exists() {
            return Err(StoreError::Missing { path: self.db.clone() }.into());
        }
        let mut store = Store::open(&self.db)?;
        let (said, changes) = rows(&store)?;
        let decisions = Decisions::of(store.decisions()?);
        let observations: usize = said.sources.values().map(|one| one.observations.len()).sum();
        step(&format!("deriving from {} observations of {} sources", grouped(observations as u64), said.sources.len()));
        let document = inventory::inventory(&said, &fingerprints, &decisions);
        drop(said);
        step(&format!("writing {} devices", grouped(document.devices.len() as u64)));
        let bytes = serde_json::to_vec(&document)?;
        let generation = store.document()?.map_or(0, |derived| derived.generation) + 1;
        store.put_document(generation, &digest(&reading, changes)?, &bytes)?;
        step("done");
        super::output::answer(&format!(
            "{}: generation {generation}: {} devices and parts, {} conversations, {} certificates\n",
            self.db.display(),
            document.devices.len(),
            document.conversations.len(),
            document.certificates.len()
        ))
    }
}

/// The document that lies in the database, if this program with these rules would derive the same.
pub(super) fn derived(store: &Store, reading: &Reading) -> Result<Option<Document>, Failure> {
    let Some(derived) = store.document()? else { return Ok(None) };
    if derived.digest != digest(reading, store.changes()?)? {
        return Ok(None);
    }
    // A document that cannot be read is derived anew.
    Ok(serde_json::from_slice(&derived.bytes).ok())
}

/// What a document is derived from and by: contents, rules, and this very program.
fn digest(reading: &Reading, changes: u64) -> Result<Vec<u8>, Failure> {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(&changes.to_le_bytes());
    part(env!("CARGO_PKG_VERSION").as_bytes());
    if let Ok(program) = std::env::current_exe().and_then(std::fs::metadata) {
        part(&program.len().to_le_bytes());
        let modified = program.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        part(&modified.unwrap_or_default().as_nanos().to_le_bytes());
    }
    for (name, text) in reading.more_fingerprints()? {
        part(name.as_bytes());
        part(text.as_bytes());
    }
    Ok(hash.finalize().to_vec())
}
