//! `enroll status` and `enroll show`: where requests stand, and everything about one.

use super::super::Done;
use super::Place;
use crate::capture::text::shown;
use serde_json::json;
use std::fmt::Write;

/// Where every request stands, and why.
#[derive(clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    place: Place,
}

impl Status {
    pub(super) fn run(&self) -> Done {
        let registrar = self.place.registrar()?;
        let required = registrar.policy.approvals_required;
        let mut words = match required {
            0 => "SINGLE-OPERATOR MODE: approvals_required = 0, nobody is asked\n".to_owned(),
            number => format!("{number} approvals are required\n"),
        };
        if registrar.policy.targets.is_empty() {
            words.push_str("no target is configured: nothing is sent\n");
        }
        let mut rows = Vec::new();
        for held in registrar.store.all()? {
            let (id, state, target) = (&held.request.id, held.state.name(), &held.request.target);
            let _ = writeln!(words, "{id}\t{state}\t{}\t{}", shown(target), shown(&held.reason));
            rows.push(json!({ "id": id, "device": held.request.device_id, "target": target, "state": state, "reason": held.reason,
                "external_id": held.external_id, "serial": held.serial }));
        }
        self.place.answer(&json!({ "approvals_required": required, "single_operator": required == 0, "requests": rows }), &words)
    }
}

/// One request: exactly what is sent, who agreed, and what became of it.
#[derive(clap::Args)]
pub(super) struct Show {
    /// Its id.
    id: String,
    #[command(flatten)]
    place: Place,
}

impl Show {
    pub(super) fn run(&self) -> Done {
        let registrar = self.place.registrar()?;
        let held = registrar.held(&self.id)?;
        let approvals = registrar.store.approvals(&self.id)?;
        let people: Vec<&str> = approvals.iter().map(|one| one.statement.approver.as_str()).collect();
        let json = json!({ "state": held.state.name(), "reason": held.reason, "binding": held.request.binding_digest(),
            "approvals": people, "external_id": held.external_id, "serial": held.serial, "request": held.request });
        self.place.answer(&json, &format!("{json:#}\n"))
    }
}
