//! What each stage of a reading takes, for `--stages`: where time goes, not how long anything should take.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A stage of a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Blocks from the file: read, decompressed, cut into records.
    Blocks,
    /// Frames taken apart, tunnels and fragments settled.
    Frames,
    /// Conversations, dissectors, ledger; with several workers in the shadow of the stages before.
    Engine,
    /// What the engines heard, put in order.
    Gathering,
    /// Devices resolved: who is who.
    Deriving,
    /// Devices described, and the document written.
    Writing,
}

const NAMES: [(Stage, &str); 6] = [
    (Stage::Blocks, "blocks"),
    (Stage::Frames, "frames"),
    (Stage::Engine, "engine"),
    (Stage::Gathering, "gathering"),
    (Stage::Deriving, "deriving"),
    (Stage::Writing, "writing"),
];

/// Adds up what stages take.
#[derive(Default, Debug)]
pub struct Stopwatch {
    nanoseconds: [AtomicU64; NAMES.len()],
}

impl Stopwatch {
    /// Does something and notes how long it took.
    pub fn time<R>(&self, stage: Stage, work: impl FnOnce() -> R) -> R {
        let begun = Instant::now();
        let result = work();
        let taken = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(sum) = self.nanoseconds.get(stage as usize) {
            sum.fetch_add(taken, Ordering::Relaxed);
        }
        result
    }

    /// A line for each stage: milliseconds, and nanoseconds a packet.
    pub fn report(&self, packets: u64) -> impl fmt::Display + '_ {
        Report { stopwatch: self, packets }
    }
}

/// As [`Stopwatch::time`], without a stopwatch just done.
pub(crate) fn timed<R>(stopwatch: Option<&Stopwatch>, stage: Stage, work: impl FnOnce() -> R) -> R {
    match stopwatch {
        Some(stopwatch) => stopwatch.time(stage, work),
        None => work(),
    }
}

struct Report<'a> {
    stopwatch: &'a Stopwatch,
    packets: u64,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12}{:>12}{:>14}", "stage", "ms", "ns/packet")?;
        for (stage, name) in NAMES {
            let taken = self.stopwatch.nanoseconds.get(stage as usize).map_or(0, |sum| sum.load(Ordering::Relaxed));
            let each = taken as f64 / self.packets.max(1) as f64;
            writeln!(f, "{name:<12}{:>12.1}{each:>14.1}", taken as f64 / 1e6)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_has_its_line_and_its_sum() {
        let stopwatch = Stopwatch::default();
        assert_eq!(stopwatch.time(Stage::Frames, || 7), 7);
        let report = stopwatch.report(2).to_string();
        for (stage, name) in NAMES {
            assert!(report.contains(name), "{stage:?}");
        }
        assert_eq!(report.lines().count(), NAMES.len() + 1);
    }
}
