//! What a command costs: processor time, wall time and peak memory, measured in a process of its own.

use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// What one run cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// User and system time, in nanoseconds.
    pub cpu: f64,
    /// From start to end, in nanoseconds.
    pub wall: f64,
    /// The most memory it held, in bytes.
    pub memory: f64,
}

/// The word by which this program is told to measure a command as its only child.
pub const WORD: &str = "measure";

/// Runs `command` under a helper process, so that the usage of children is that of this one alone.
///
/// # Errors
/// If it cannot be started or fails; the message ends with what it said last.
pub fn run(command: &[String]) -> Result<Cost, Box<dyn Error>> {
    let helper = Command::new(std::env::current_exe()?).arg(WORD).args(command).stdin(Stdio::null()).output()?;
    if !helper.status.success() {
        let said = String::from_utf8_lossy(&helper.stderr);
        let last = said.lines().rev().find(|line| !line.is_empty());
        return Err(last.unwrap_or("failed without a word").to_owned().into());
    }
    parse(&String::from_utf8(helper.stdout)?)
}

/// The helper's work: runs `command` and prints what it cost.
///
/// # Errors
/// If it cannot be started or fails.
pub fn help(command: &[String]) -> Result<(), Box<dyn Error>> {
    let (program, words) = command.split_first().ok_or("nothing to measure")?;
    let begin = Instant::now();
    let status = Command::new(program).args(words).stdout(Stdio::null()).status().map_err(|error| format!("{program}: {error}"))?;
    let wall = begin.elapsed().as_nanos();
    if !status.success() {
        return Err(format!("{program}: {status}").into());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = processor_time(&usage);
    // Linux counts the peak in kibibytes.
    let memory = usage.max_rss() * 1024;
    writeln!(std::io::stdout(), "{cpu} {wall} {memory}")?;
    Ok(())
}

fn processor_time(usage: &Usage) -> i64 {
    (usage.user_time() + usage.system_time()).num_microseconds() * 1_000
}

fn parse(line: &str) -> Result<Cost, Box<dyn Error>> {
    let numbers = line.split_whitespace().map(str::parse::<f64>);
    match numbers.collect::<Result<Vec<_>, _>>()?[..] {
        [cpu, wall, memory] => Ok(Cost { cpu, wall, memory }),
        _ => Err(format!("not a measurement: {line}").into()),
    }
}

/// The median of each figure.
#[must_use]
pub fn median(costs: &[Cost]) -> Option<Cost> {
    let of = |figure: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let (below, above) = (values.get((values.len().max(1) - 1) / 2), values.get(values.len() / 2));
        Some((below? + above?) / 2.0)
    };
    Some(Cost { cpu: of(|cost| cost.cpu)?, wall: of(|cost| cost.wall)?, memory: of(|cost| cost.memory)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_takes_each_figure_alone() {
        let cost = |cpu, wall, memory| Cost { cpu, wall, memory };
        let costs = [cost(1.0, 9.0, 5.0), cost(2.0, 8.0, 6.0), cost(9.0, 1.0, 7.0)];
        assert_eq!(median(&costs), Some(cost(2.0, 8.0, 6.0)));
        assert_eq!(median(&costs[..2]), Some(cost(1.5, 8.5, 5.5)));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn reads_what_the_helper_prints() -> Result<(), Box<dyn Error>> {
        let cost = parse("120000 340000 2097152\n")?;
        assert_eq!((cost.cpu, cost.wall, cost.memory), (120_000.0, 340_000.0, 2_097_152.0));
        assert!(parse("1 2").is_err());
        Ok(())
    }
}
