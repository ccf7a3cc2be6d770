//! `enroll targets` and `enroll test-target`: where requests go, and what may be done there.

use super::{Desk, Done, Failure, json};
use crate::capture::text::shown;
use serde_json::json as object;
use std::fmt::Write;
use std::process::ExitCode;

/// Lists the targets of the configuration.
#[derive(clap::Args)]
pub(super) struct Targets {
    #[command(flatten)]
    desk: Desk,
}

/// Asks a target what our credential may do there. Changes nothing; exit status 3 if it may do more than it should.
#[derive(clap::Args)]
pub(super) struct TestTarget {
    /// Its name.
    #[arg(value_name = "NAME")]
    target: String,
    #[command(flatten)]
    desk: Desk,
}

impl Targets {
    pub(super) fn run(&self) -> Done {
        let policy = self.desk.policy()?;
        if self.desk.json {
            let of = |(name, settings): (&String, &enrollment::targets::Settings)| object!({ "name": name, "kind": settings.kind, "address": settings.address });
            return crate::cli::output::answer(&json(&policy.targets.iter().map(of).collect::<Vec<_>>())?);
        }
        let mut text = String::new();
        for (name, settings) in &policy.targets {
            let _ = writeln!(text, "{}  {}  {}", shown(name), shown(&settings.kind), shown(&settings.address));
        }
        if text.is_empty() {
            text.push_str("No target is configured ([enrollment.targets.NAME]): nothing is sent.\n");
        }
        crate::cli::output::answer(&text)
    }
}

impl TestTarget {
    pub(super) fn run(&self) -> Done {
        let policy = self.desk.policy()?;
        let Some(settings) = policy.targets.get(&self.target) else {
            let known: Vec<&str> = policy.targets.keys().map(String::as_str).collect();
            return Err(Failure::usage(format!("there is no target {}; there are {known:?}", shown(&self.target))));
        };
        let may = enrollment::targets::open(&self.target, settings)?.probe()?;
        let (sign, list) = (may.sign.join(", "), if may.list { "yes" } else { "no" });
        if self.desk.json {
            let all = object!({ "server": may.server, "register": may.register, "sign": may.sign, "list": may.list, "notes": may.notes, "excess": may.excess });
            crate::cli::output::answer(&json(&all)?)?;
        } else {
            let mut text = format!("{}\nregister: {}\nsign: {sign}\nlist: {list}\n", shown(&may.server), if may.register { "yes" } else { "no" });
            may.notes.iter().for_each(|note| text += &format!("note: {}\n", shown(note)));
            may.excess.iter().for_each(|right| text += &format!("TOO MUCH: {}\n", shown(right)));
            crate::cli::output::answer(&text)?;
        }
        Ok(if may.excess.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}
