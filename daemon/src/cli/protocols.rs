//! `protocols`: what is read, and what each tells.

use super::Done;
use dissectors::registry::Registry;
use std::process::ExitCode;

/// Lists the protocols that are read.
#[derive(clap::Args)]
pub struct Protocols {}

impl Protocols {
    pub(super) fn run(&self) -> Done {
        let mut rows: Vec<_> = Registry::new().rows().map(|(_, row)| row).collect();
        rows.sort_by_key(|row| row.name);
        for row in rows {
            println!("{:<16} {}\n{:<16} {}", row.name, row.tells, "", row.spec);
        }
        Ok(ExitCode::SUCCESS)
    }
}
