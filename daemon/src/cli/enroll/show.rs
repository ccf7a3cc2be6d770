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
        let watched = registrar.store.watched(&self.request)?;
        let of = |one: enrollment::store::Listed| object!({ "serial": one.serial, "sha256": one.sha256, "not_after": one.not_after, "revoked_at": one.revoked_at, "replaced_at": one.replaced_at });
        let certificates: Vec<_> = registrar.store.issued_for(&self.request)?.into_iter().map(of).collect();
        let findings: Vec<_> = registrar.store.findings()?.into_iter().filter(|one| one.request.as_ref() == Some(&self.request)).collect();
        let all = object!({
            "certificates": certificates, "findings": findings, "seen_serial": watched.serial, "disabled_at": watched.disabled_at,
            "reported_use": watched.reported_at.map(|at| object!({ "at": at, "by": watched.reported_by })),
            "request": held.request, "binding_digest": held.request.binding_digest(), "state": held.state.name(), "reason": held.reason,
            "external_id": held.external_id, "serial": held.serial, "csr_attached": held.csr.is_some(), "approvals": approvals,
        });
        crate::cli::output::answer(&json(&all)?)
    }
}
