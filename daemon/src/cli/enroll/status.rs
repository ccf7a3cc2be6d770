//! `enroll status`: how many requests stand where.

use super::{Desk, Done, json};
use crate::capture::text::shown;
use serde_json::json as object;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Says how many requests stand where, and what is wrong with those that need somebody.
#[derive(clap::Args)]
pub(super) struct Status {
    /// Each request by itself.
    #[arg(long)]
    each: bool,
    #[command(flatten)]
    desk: Desk,
}

impl Status {
    pub(super) fn run(&self) -> Done {
        let registrar = self.desk.registrar()?;
        let all = registrar.store.all()?;
        let mut states = BTreeMap::<&str, u32>::new();
        all.iter().for_each(|held| *states.entry(held.state.name()).or_default() += 1);
        let (waiting, required) = (registrar.store.waiting()?, registrar.policy.approvals_required);
        if self.desk.json {
            let each = |held: &enrollment::store::Held| object!({ "id": held.request.id, "state": held.state.name(), "reason": held.reason });
            let each: Vec<_> = all.iter().filter(|_| self.each).map(each).collect();
            return crate::cli::output::answer(&json(&object!({
                "approvals_required": required, "single_operator": required == 0, "states": states, "outbox": waiting, "requests": each,
            }))?);
        }
        let mut text = String::new();
        if required == 0 {
            text.push_str("SINGLE-OPERATOR MODE: nobody is asked before something is sent (approvals_required = 0)\n");
        }
        for (state, count) in &states {
            let _ = writeln!(text, "{count:>6}  {state}");
        }
        let _ = writeln!(text, "{waiting:>6}  deliveries wait");
        let needs = |held: &&enrollment::store::Held| self.each || matches!(held.state.name(), "failed" | "dead-letter" | "suspended");
        for held in all.iter().filter(needs) {
            let _ = writeln!(text, "{}  {}: {}", held.request.id, held.state, shown(&held.reason));
        }
        crate::cli::output::answer(&text)
    }
}
