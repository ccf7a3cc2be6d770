//! `derive`: the stored document, made anew with today's rules.

use super::input::rows;
use super::reading::{Reading, tagger};
use super::{Done, Failure};
use crate::capture::text::grouped;
use crate::store::{Store, StoreError};
use inventory::decision::Decisions;
use inventory::judge::policy::Policy;
use inventory::{Document, View};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

/// Derives the inventory of a database anew with today's rules, and keeps it there.
///
/// What was said in the captures is in the database, so better rules need no new capture. Commands that read the database take the kept
/// document as long as nothing was added, and derive it themselves otherwise.
#[derive(clap::Args)]
#[command(after_help = "Example:
  wirecensus derive --db plant.db --site-key plant.key")]
pub(super) struct Derive {
    /// The database.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Adds fingerprint rules from the TOML files of this folder.
    #[arg(long, value_name = "DIR")]
    fingerprints: Option<PathBuf>,
    /// The key under which captured secrets were tagged: without it none is held against those that makers set.
    #[arg(long, value_name = "FILE")]
    site_key: Option<PathBuf>,
}

impl Derive {
    pub(super) fn run(&self) -> Done {
        let reading = Reading::with_fingerprints(self.fingerprints.clone());
        let key = self.site_key.as_deref();
        let knowledge = reading.knowledge(key.map(|key| tagger(Some(key))).transpose()?.as_deref())?;
        let policy = Policy { other_key: key.is_none(), ..knowledge.policy };
        let begun = Instant::now();
        let step = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
        if !self.db.exists() {
            return Err(StoreError::Missing { path: self.db.clone() }.into());
        }
        let mut store = Store::open(&self.db)?;
        step("reading what was said");
        let (said, changes) = rows(&store)?;
        let decisions = Decisions::of(store.decisions()?).remembering(store.seen()?);
        let observations: usize = said.sources.values().map(|one| one.observations.len()).sum();
        step(&format!("deriving from {} observations of {} sources", grouped(observations as u64), said.sources.len()));
        let document = View::under(&said, &knowledge.fingerprints, &decisions, &policy).listing(knowledge.findings_max).document();
        drop(said);
        step(&format!("writing {} devices", grouped(document.devices.len() as u64)));
        let bytes = serde_json::to_vec(&document)?;
        let generation = store.document()?.map_or(0, |derived| derived.generation) + 1;
        store.put_document(generation, &digest(&reading, key, changes)?, &bytes)?;
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
pub(super) fn derived(store: &Store, reading: &Reading, site_key: Option<&Path>) -> Result<Option<Document>, Failure> {
    let Some(derived) = store.document()? else { return Ok(None) };
    if derived.digest != digest(reading, site_key, store.changes()?)? {
        return Ok(None);
    }
    // A document that cannot be read is derived anew.
    Ok(serde_json::from_slice(&derived.bytes).ok())
}

/// What a document is derived from and by: contents, rules, the site key, and this very program.
fn digest(reading: &Reading, site_key: Option<&Path>, changes: u64) -> Result<Vec<u8>, Failure> {
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
    if let Some(key) = site_key {
        // Not the key, and nothing of it: what it makes of a word that is no secret.
        part(&tagger(Some(key))?.tag(None, b"derive").secret);
    }
    part(&reading.findings_max()?.to_le_bytes());
    for (name, text) in reading.more_fingerprints()? {
        part(name.as_bytes());
        part(text.as_bytes());
    }
    Ok(hash.finalize().to_vec())
}
