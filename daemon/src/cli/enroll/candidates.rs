//! `enroll candidates`: who would be proposed, and why others would not.

use super::{Desk, Done, json};
use crate::capture::text::shown;
use serde_json::json as object;
use std::fmt::Write;

/// Lists the devices that a rule names: what would be asked for each, or why nothing is. Who is on a vault's list is managed, and none of
/// them. Writes nothing.
#[derive(clap::Args)]
pub(super) struct Candidates {
    #[command(flatten)]
    desk: Desk,
}

impl Candidates {
    pub(super) fn run(&self) -> Done {
        let (document, policy) = (self.desk.document()?, self.desk.policy()?);
        let all = enrollment::propose::candidates(&document, &policy);
        if self.desk.json {
            let of = |one: &enrollment::propose::Candidate| match &one.outcome {
                Ok(request) => object!({ "device": one.device, "rule": one.rule, "request": request }),
                Err(why) => object!({ "device": one.device, "rule": one.rule, "not_proposed": why }),
            };
            return crate::cli::output::answer(&json(&all.iter().map(of).collect::<Vec<_>>())?);
        }
        let mut text = String::new();
        for one in &all {
            let said = match &one.outcome {
                Ok(request) => format!("{} by {} at {}, sure to {} %", request.identity_profile, request.method, request.target, request.confidence),
                Err(why) => format!("not proposed: {why}"),
            };
            let _ = writeln!(text, "{}  {}  {}", shown(&one.label), shown(&one.rule), shown(&said));
        }
        if policy.rule.is_empty() {
            text.push_str("No rule names anybody: write [[enrollment.rule]] into the configuration and give it with --config.\n");
        } else if all.is_empty() {
            text.push_str("No device fits a rule.\n");
        }
        crate::cli::output::answer(&text)
    }
}
