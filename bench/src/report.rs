//! The table of medians, the targets beside them, and both as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::runs::{Line, Measured, What};

/// Memory that an inventory may take whatever it sees, in bytes.
const MEMORY_BASE: f64 = 150e6;
/// Memory that a device may take, in bytes.
const MEMORY_DEVICE: f64 = 2_000.0;

/// One promise and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What is promised.
    pub name: String,
    /// The measured figure.
    pub value: f64,
    /// The promise.
    pub limit: f64,
    /// Its unit.
    pub unit: &'static str,
    /// True if the figure should be at least the limit, not at most.
    pub at_least: bool,
}

impl Target {
    /// A figure that should be at most `limit`.
    #[must_use]
    pub fn most(name: String, value: f64, limit: f64, unit: &'static str) -> Self {
        Self { name, value, limit, unit, at_least: false }
    }

    /// True if the promise is kept.
    #[must_use]
    pub fn met(&self) -> bool {
        if self.at_least { self.value >= self.limit } else { self.value <= self.limit }
    }
}

/// The table of one capture.
#[must_use]
pub fn table(measured: &Measured) -> String {
    let stats = &measured.capture.stats;
    let mut text = format!(
        "{}: {} packets of {:.0} B, {} flows, {} devices\n",
        measured.capture.name,
        stats.packets,
        stats.average(),
        stats.flows,
        stats.devices
    );
    let _ = writeln!(text, "  {:<26}{:>11}{:>9}{:>9}{:>9}{:>10}", "", "ns/packet", "x eth", "wall s", "Gbit/s", "RSS MB");
    for line in &measured.lines {
        let _ = match &line.cost {
            Ok(_) => writeln!(text, "  {:<26}{}", line.what.name(), figures(measured, line)),
            Err(why) => writeln!(text, "  {:<26}  - ({why})", line.what.name()),
        };
    }
    text
}

fn figures(measured: &Measured, line: &Line) -> String {
    let row = Row::of(measured, line).unwrap_or_default();
    format!("{:>11.1}{:>9.2}{:>9.2}{:>9.2}{:>10.1}", row.nanoseconds, row.ratio, row.wall, row.gigabits, row.memory / 1e6)
}

/// The figures of a line as they are shown.
#[derive(Default)]
struct Row {
    nanoseconds: f64,
    ratio: f64,
    wall: f64,
    gigabits: f64,
    memory: f64,
}

impl Row {
    fn of(measured: &Measured, line: &Line) -> Option<Self> {
        let cost = line.cost.as_ref().ok()?;
        let unit = measured.per_packet(What::Headers).unwrap_or(f64::NAN);
        let nanoseconds = measured.per_packet(line.what)?;
        Some(Self {
            nanoseconds,
            ratio: nanoseconds / unit,
            wall: cost.wall / 1e9,
            gigabits: measured.capture.stats.bytes as f64 * 8.0 / cost.wall,
            memory: cost.memory,
        })
    }
}

/// The promises that can be judged by these measurements; `base` is the memory of a tiny replay.
#[must_use]
pub fn targets(all: &[Measured], base: Option<f64>) -> Vec<Target> {
    all.iter().flat_map(|measured| of_capture(measured, base)).collect()
}

fn of_capture(measured: &Measured, base: Option<f64>) -> Vec<Target> {
    let name = &measured.capture.name;
    let mut targets = Vec::new();
    let Some(one) = measured.cost(What::One) else {
        return targets;
    };
    targets.extend(speed(measured));
    if let Some(two) = measured.cost(What::Two) {
        targets.push(Target { at_least: true, ..Target::most(format!("{name}: two workers over one"), one.wall / two.wall, 1.7, "x") });
    }
    let devices = measured.capture.stats.devices as f64;
    let limit = (MEMORY_BASE + devices * MEMORY_DEVICE) / 1e6;
    targets.push(Target::most(format!("{name}: memory"), one.memory / 1e6, limit, "MB"));
    if let Some(base) = base.filter(|_| name == "hosts") {
        let each = (one.memory - base) / devices;
        targets.push(Target::most(format!("{name}: memory a device"), each, MEMORY_DEVICE, "B"));
    }
    if let Some(database) = measured.cost(What::Database) {
        let limit = if name == "hosts" { 2.0 } else { 1.3 };
        let ratio = database.cpu / one.cpu;
        targets.push(Target::most(format!("{name}: --db, CPU"), ratio, limit, "x"));
        let ratio = database.wall / one.wall;
        targets.push(Target::most(format!("{name}: --db, wall"), ratio, limit, "x"));
    }
    targets
}

fn speed(measured: &Measured) -> Option<Target> {
    let each = measured.per_packet(What::One)?;
    let name = &measured.capture.name;
    if name == "hosts" {
        return Some(Target::most(format!("{name}: one worker, a packet"), each, 1_500.0, "ns"));
    }
    let unit = measured.per_packet(What::Headers)?;
    Some(Target::most(format!("{name}: one worker over walk eth"), each / unit, 2.4, "x"))
}

/// The list of promises.
#[must_use]
pub fn promises(targets: &[Target]) -> String {
    let mut text = String::new();
    for target in targets {
        let _ = writeln!(
            text,
            "  {:<36}{:>10.2} {:<3} {} {:>8.2}   {}",
            target.name,
            target.value,
            target.unit,
            if target.at_least { ">=" } else { "<=" },
            target.limit,
            if target.met() { "met" } else { "MISSED" }
        );
    }
    text
}

/// Everything as JSON.
#[must_use]
pub fn document(all: &[Measured], targets: &[Target], rounds: u32) -> Value {
    json!({
        "schema": "wirecensus.bench/1",
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "rounds": rounds,
        "captures": all.iter().map(capture).collect::<Vec<_>>(),
        "targets": targets.iter().map(target).collect::<Vec<_>>(),
    })
}

fn capture(measured: &Measured) -> Value {
    let line = |line: &Line| match (&line.cost, Row::of(measured, line)) {
        (Ok(cost), Some(row)) => json!({
            "what": line.what.name(),
            "cpu_ns_a_packet": row.nanoseconds,
            "over_walk_eth": row.ratio,
            "cpu_seconds": cost.cpu / 1e9,
            "wall_seconds": row.wall,
            "gigabits_a_second": row.gigabits,
            "peak_memory": row.memory,
        }),
        (Err(why), _) => json!({ "what": line.what.name(), "missing": why }),
        _ => Value::Null,
    };
    json!({
        "name": measured.capture.name,
        "stats": measured.capture.stats.json(),
        "runs": measured.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

fn target(target: &Target) -> Value {
    json!({
        "name": target.name,
        "value": target.value,
        "limit": target.limit,
        "unit": target.unit,
        "at_least": target.at_least,
        "met": target.met(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    use crate::captures::Capture;
    use crate::measure::Cost;
    use crate::stats::Stats;

    fn measured(name: &str) -> Measured {
        let stats = Stats { packets: 1_000, bytes: 300_000, devices: 10, ..Stats::default() };
        let capture = Capture { name: name.to_owned(), path: PathBuf::new(), stats };
        let line = |what, cpu, wall| Line { what, cost: Ok(Cost { cpu, wall, memory: 100e6 }) };
        let lines = vec![
            line(What::Headers, 100_000.0, 100_000.0),
            line(What::One, 200_000.0, 200_000.0),
            line(What::Two, 220_000.0, 110_000.0),
            Line { what: What::Database, cost: Err("not installed".to_owned()) },
        ];
        Measured { capture, lines }
    }

    #[test]
    fn compares_with_the_header_walk() {
        let targets = targets(&[measured("mix")], None);
        let values: Vec<_> = targets.iter().map(|target| (target.value, target.met())).collect();
        assert_eq!(values[0], (2.0, true));
        assert!(values[1].0 > 1.8 && values[1].1);
        assert_eq!(values[2], (100.0, true));
    }

    #[test]
    fn a_missing_program_is_said_and_not_judged() {
        let measured = measured("hosts");
        assert!(table(&measured).contains("not installed"));
        let targets = targets(std::slice::from_ref(&measured), Some(0.0));
        assert!(targets.iter().all(|target| !target.name.contains("--db")));
        assert_eq!(document(&[measured], &targets, 3)["captures"][0]["runs"][3]["missing"], "not installed");
    }
}
