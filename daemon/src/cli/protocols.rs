//! `protocols`: what is read, and what each tells.

use super::Done;
use dissectors::registry::Registry;

/// Lists the protocols that are read, what each tells of a device, and its specification.
#[derive(clap::Args)]
pub(super) struct Protocols {}

impl Protocols {
    pub(super) fn run(&self) -> Done {
        let mut rows: Vec<_> = Registry::new().rows().map(|(_, row)| row).collect();
        rows.sort_by_key(|row| row.name);
        let row = |row: &&dissectors::dissector::Row| format!("{:<16} {}\n{:<16} {}\n", row.name, row.tells, "", row.spec);
        super::output::answer(&rows.iter().map(row).collect::<String>())
    }
}
