//! `enroll show`: one request, exactly as it is sent, and what became of it.

use super::{Desk, Done, json};
use serde_json::json as object;

/// Shows a request exactly as it would be sent, what people said of it, and what became of it.
#[derive(clap::Args)]
pub(super) struct Show {
    /// Its id.
    #[arg(value_name = "ID")]
    request: String,
    #[command(flatten)]
    desk: Desk,
}

impl Show {
    pub(super) fn run(&self) -> Done {
        let registrar = self.desk.registrar()?;
        let held = registrar.held(&self.request)?;
        let approvals = registrar.store.approvals(&self.request)?;
        let all = object!({
            "request": held.request, "binding_digest": held.request.binding_digest(), "state": held.state.name(), "reason": held.reason,
            "external_id": held.external_id, "serial": held.serial, "csr_attached": held.csr.is_some(), "approvals": approvals,
        });
        crate::cli::output::answer(&json(&all)?)
    }
}
