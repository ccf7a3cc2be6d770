//! `enroll targets` and `enroll test-target`: where requests go to, and whether that answers.

use super::super::{Done, Failure};
use super::Place;
use crate::capture::text::shown;
use serde_json::json;
use std::fmt::Write;

/// Lists the configured targets.
#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
}

impl List {
    pub(super) fn run(&self) -> Done {
        let (mut words, mut rows) = (String::new(), Vec::new());
        for (name, settings) in &self.place.policy()?.targets {
            let _ = writeln!(words, "{}\t{}\t{}", shown(name), shown(&settings.kind), shown(&settings.address));
            rows.push(json!({ "name": name, "kind": settings.kind, "address": settings.address, "profiles": settings.profiles }));
        }
        self.place.answer(&json!(rows), &words)
    }
}

/// Asks a target what our credential may do there. Changes nothing.
#[derive(clap::Args)]
pub(super) struct Test {
    /// Its name.
    name: String,
    #[command(flatten)]
    place: Place,
}

impl Test {
    pub(super) fn run(&self) -> Done {
        let policy = self.place.policy()?;
        let settings = policy.targets.get(&self.name).ok_or_else(|| Failure::usage(format!("there is no target {}", shown(&self.name))))?;
        let can = enrollment::targets::open(&self.name, settings)?.probe()?;
        let mut words = format!("{}: registers: {}; signs: {}; lists: {}\n", shown(&can.server), can.register, can.sign.join(", "), can.list);
        can.notes.iter().for_each(|note| words.push_str(&format!("note: {}\n", shown(note))));
        can.excess.iter().for_each(|right| words.push_str(&format!("too much: {}\n", shown(right))));
        let json =
            json!({ "server": can.server, "register": can.register, "sign": can.sign, "list": can.list, "notes": can.notes, "excess": can.excess });
        self.place.answer(&json, &words)
    }
}
