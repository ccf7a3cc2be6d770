//! `enroll status`: how many requests stand where.

use super::{Desk, Done, Failure, json, now};
use crate::capture::text::{rfc3339, shown};
use enrollment::registrar::Registrar;
use enrollment::state::State;
use enrollment::store::{Exception, Held, Watched};
use serde_json::Value;
use serde_json::json as object;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Says how many requests stand where, how old the vaults' lists are, and what is wrong with identities and with requests that need somebody.
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
            let each = all.iter().filter(|_| self.each).map(|held| one(&registrar, held)).collect::<Result<Vec<_>, Failure>>()?;
            return crate::cli::output::answer(&json(&object!({
                "approvals_required": required, "single_operator": required == 0, "states": states, "outbox": waiting, "requests": each,
                "exceptions": ended(&registrar)?, "lists": lists(&registrar)?, "findings": registrar.store.findings()?,
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
        let needs = |held: &&Held| self.each || matches!(held.state.name(), "failed" | "dead-letter" | "suspended");
        for held in all.iter().filter(needs) {
            let _ = writeln!(
                text,
                "{}  {}: {}{}",
                held.request.id,
                held.state,
                shown(&held.reason),
                reported(&registrar.store.watched(&held.request.id)?)
            );
        }
        for (id, exception, held) in exceptions(&registrar)? {
            let due = if exception.review <= now() { "REVIEW IS DUE: " } else { "" };
            let _ = writeln!(text, "{id}  {due}{}", shown(&held.reason));
        }
        for list in lists(&registrar)? {
            let word = |name: &str| list[name].as_str().map(shown).unwrap_or_default();
            let whole = if list["complete"] == true { "whole" } else { "not whole" };
            let state = match (list["lists"] == true, list["polled_at"].is_string()) {
                (false, _) => format!("keeps no list: {}", word("reason")),
                (true, false) => format!("has not been asked for all yet: {}", word("reason")),
                (true, true) => format!("{whole}, of {} {}", word("polled_at"), word("reason")),
            };
            let _ = writeln!(text, "list of {}: {}", word("target"), state.trim_end());
        }
        for finding in registrar.store.findings()? {
            let about = finding.request.or(finding.device).unwrap_or_default();
            let _ = writeln!(text, "{} {} {} {}: {}", finding.severity, finding.rule, finding.what, shown(&about), shown(&finding.text));
        }
        crate::cli::output::answer(&text)
    }
}

/// What was delegated or compensated for, as far as it still is, or waits to be reviewed.
fn exceptions(registrar: &Registrar) -> Result<Vec<(String, Exception, Held)>, Failure> {
    let mut all = Vec::new();
    for (id, exception) in registrar.store.exceptions()? {
        let held = registrar.held(&id)?;
        if held.state == exception.state || (held.state == State::AwaitingApproval && exception.review <= now()) {
            all.push((id, exception, held));
        }
    }
    Ok(all)
}

/// The same for a machine.
fn ended(registrar: &Registrar) -> Result<Vec<Value>, Failure> {
    let of = |(id, exception, held): (String, Exception, Held)| {
        object!({
            "id": id, "state": held.state.name(), "as": exception.state.name(), "by": exception.by, "owner": exception.owner,
            "review": written(exception.review), "due": exception.review <= now(),
        })
    };
    Ok(exceptions(registrar)?.into_iter().map(of).collect())
}

/// One request, and what is known of its identity.
fn one(registrar: &Registrar, held: &Held) -> Result<Value, Failure> {
    let watched = registrar.store.watched(&held.request.id)?;
    let time = |at: Option<i64>| at.map(written);
    let use_of = watched.reported_at.map(|at| object!({ "at": time(Some(at)), "by": watched.reported_by }));
    Ok(object!({
        "id": held.request.id, "state": held.state.name(), "reason": held.reason, "serial": held.serial, "seen_serial": watched.serial,
        "disabled_since": time(watched.disabled_at), "reported_use": use_of,
    }))
}

/// Of use that others reported, in words: it is no verification.
fn reported(watched: &Watched) -> String {
    watched.reported_at.map(written).map_or_else(String::new, |at| format!("; use reported by {} at {at}", shown(&watched.reported_by)))
}

/// What is known of the targets' lists.
fn lists(registrar: &Registrar) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    for target in registrar.store.polled_targets()? {
        let Some(polled) = registrar.store.polled(&target)? else { continue };
        all.push(object!({
            "target": target, "polled_at": polled.polled_at.map(written), "lists": polled.lists, "complete": polled.complete,
            "sites": polled.sites, "reason": polled.reason,
        }));
    }
    Ok(all)
}

/// Seconds since 1970 as RFC 3339.
fn written(at: i64) -> String {
    rfc3339(at.saturating_mul(1_000_000_000))
}
