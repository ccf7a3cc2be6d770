//! A copy of the database as of one moment, while others write to it.

use super::Store;
use super::error::{Named, StoreError};
use std::path::Path;

impl Store {
    /// Writes a copy into an empty file: what was committed when it began, without free pages.
    ///
    /// # Errors
    /// [`StoreError`] if this one cannot be read or the other cannot be written.
    pub fn copy_into(&self, to: &Path) -> Result<(), StoreError> {
        // A reader's snapshot (https://www.sqlite.org/lang_vacuum.html, "VACUUM with an INTO clause"): no writer waits for it.
        self.connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map(drop).named(to)
    }

    /// Checks every page, and the chain of decisions. Empty if all hold.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read at all.
    pub fn check_whole(&self) -> Result<Vec<String>, StoreError> {
        let work = || {
            let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let mut faults = work().named(&self.path)?;
        faults.retain(|fault| fault != "ok");
        faults.extend(self.verify_chain()?.iter().map(|fault| format!("decision {}: {}", fault.sequence, fault.what)));
        Ok(faults)
    }
}
