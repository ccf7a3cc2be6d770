//! What stands above an export, and whether it shows names: shared by commands that write an inventory.

use super::Failure;
use super::output::Output;
use crate::export::json::Layout;
use crate::export::{Contents, Format, Heading, Redacted};
use crate::tags::SiteKey;
use std::path::Path;
use std::process::ExitCode;

/// How an inventory is handed on.
#[derive(clap::Args, Default)]
pub(super) struct Shape {
    /// Names the engagement at the head of a report.
    #[arg(long, value_name = "TEXT")]
    engagement: Option<String>,
    /// Names the author at the head of a report.
    #[arg(long, value_name = "TEXT")]
    author: Option<String>,
    /// Puts pseudonyms in place of names, addresses, serial numbers, certificates, free texts and quotations.
    ///
    /// The same value has the same pseudonym throughout; networks stay together, and what a vendor needs stays: makers, models, versions,
    /// classes, protocols, ports, times. With `--site-key FILE` pseudonyms are the same each time; without it nobody can undo them.
    #[arg(long)]
    redact: bool,
    /// Indents JSON, as a terminal gets it: elsewhere devices, conversations and certificates are a line each.
    #[arg(long)]
    pretty: bool,
}

impl Shape {
    /// Writes an inventory so.
    pub(super) fn write(
        &self,
        out: &mut Output,
        format: Format,
        contents: &dyn Contents,
        workers: usize,
        site_key: Option<&Path>,
    ) -> Result<ExitCode, Failure> {
        if self.pretty {
            out.layout = Layout::Indented;
        }
        let heading = Heading { engagement: self.engagement.clone(), author: self.author.clone(), redacted: self.redact };
        if !self.redact {
            return out.inventory_under(&heading, format, contents, workers);
        }
        let key = match site_key {
            Some(path) => SiteKey::of_file(path).map_err(|error| Failure::usage(format!("--site-key {}: {error}", path.display())))?,
            None => SiteKey::of_this_run()?,
        };
        out.inventory_under(&heading, format, &Redacted::of(contents, &key), workers)
    }
}
