//! That the configuration is another than before stands in the log.

use super::{Error, Registrar};
use crate::request::{canonical, digest};
use crate::store::Note;

/// What an entry of the log is called that tells it.
const ACTION: &str = "configure";

impl Registrar {
    /// Notes that the policy is another than at the last start, with both digests.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub fn configured(&mut self, now: i64) -> Result<(), Error> {
        let now_is = digest(&canonical(&self.policy));
        let before = self.store.last(ACTION)?;
        let was = before.as_deref().and_then(|detail| detail.rsplit(' ').next()).unwrap_or("none");
        if was == now_is {
            return Ok(());
        }
        let detail = format!("{was} to {now_is}");
        Ok(self.store.note(now, &Note { actor: "operator", action: ACTION, subject: "policy", detail: &detail })?)
    }
}
