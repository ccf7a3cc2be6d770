//! `enroll candidates`: which devices the policy would propose, and why others not.

use super::super::Done;
use super::Place;
use crate::capture::text::shown;
use serde_json::json;
use std::fmt::Write;

/// Lists the devices that a rule of the policy names: what would be proposed, or why nothing is. Changes nothing.
#[derive(clap::Args)]
pub(super) struct Candidates {
    #[command(flatten)]
    place: Place,
}

impl Candidates {
    pub(super) fn run(&self) -> Done {
        let (mut words, mut rows) = (String::new(), Vec::new());
        for one in enrollment::propose::candidates(&self.place.document()?, &self.place.policy()?) {
            let what = match &one.outcome {
                Ok(request) => format!("{} as {} by {}", shown(&request.target), shown(&request.identity_profile), request.method),
                Err(why) => format!("no: {}", shown(why)),
            };
            let _ = writeln!(words, "{}\t{}\t{}", shown(&one.label), shown(&one.rule), what);
            let (request, why) = (one.outcome.as_ref().ok(), one.outcome.as_ref().err());
            rows.push(json!({ "device": one.device, "label": one.label, "rule": one.rule, "request": request, "why_not": why }));
        }
        if rows.is_empty() {
            words.push_str("no rule of the policy names a device\n");
        }
        self.place.answer(&json!(rows), &words)
    }
}
