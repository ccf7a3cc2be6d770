//! `enroll import-use`: use of identities as others' logs report it.

use super::{Desk, Done, Failure, json, now};
use crate::capture::text::shown;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

/// Whose log it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Kind {
    /// JSON lines of a vault's file audit device.
    VaultAudit,
    /// A table with `time` and `serial`, `certificate_sha256` or `common_name`.
    Csv,
}

/// Takes in a log that says which identities were used: that counts as reported, never as seen. Nothing but times, serials and names is
/// kept of it; what an audit log hides behind hmac-sha256 matches nobody, and is counted.
#[derive(clap::Args)]
pub(super) struct ImportUse {
    /// What it is.
    #[arg(long, value_enum)]
    kind: Kind,
    /// The log.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    desk: Desk,
}

impl ImportUse {
    pub(super) fn run(&self) -> Done {
        let mut registrar = self.desk.registrar()?;
        let name = shown(&self.file.to_string_lossy());
        let mut log = BufReader::new(File::open(&self.file).map_err(|error| Failure::new(format!("{name}: {error}")))?);
        let by = self.file.file_name().map(|name| shown(&name.to_string_lossy())).unwrap_or_default();
        let imported = match self.kind {
            Kind::VaultAudit => registrar.import_vault_audit(&mut log, &by, now())?,
            Kind::Csv => registrar.import_csv(&mut log, &by, now())?,
        };
        if self.desk.json {
            return crate::cli::output::answer(&json(&imported)?);
        }
        let enrollment::uses::Imported { lines, uses, matched, hidden, broken, requests } = imported;
        crate::cli::output::answer(&format!(
            "{lines} lines: {uses} uses, {matched} of them of {requests} requests; {hidden} are hidden by the log's own key, {broken} could not be read\n"
        ))
    }
}
