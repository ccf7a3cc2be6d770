//! Which programs are run over which capture, in turns, so that a busy moment hits all alike.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::captures::Capture;
use crate::measure::{self, Cost};

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The bare walk over the records.
    Records,
    /// The walk that slices headers: the unit.
    Headers,
    /// A copy by tcpdump.
    Tcpdump,
    /// The inventory with one worker.
    One,
    /// The inventory with two workers.
    Two,
    /// The inventory with one worker, into a database.
    Database,
}

impl What {
    /// All, in the order of the table.
    pub const ALL: [Self; 6] = [Self::Records, Self::Headers, Self::Tcpdump, Self::One, Self::Two, Self::Database];

    /// How the table calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "walk rec",
            Self::Headers => "walk eth (the unit)",
            Self::Tcpdump => "tcpdump -r -w /dev/null",
            Self::One => "wirecensus --workers 1",
            Self::Two => "wirecensus --workers 2",
            Self::Database => "wirecensus --db",
        }
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// This program.
    pub own: PathBuf,
    /// The program under test, if it is there.
    pub wirecensus: Option<PathBuf>,
    /// True if tcpdump can be started.
    pub tcpdump: bool,
}

impl Programs {
    /// Looks for them; `wirecensus` is what the command line says.
    ///
    /// # Errors
    /// If a program that was asked for is not there.
    pub fn find(wirecensus: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let own = std::env::current_exe()?;
        let asked = wirecensus.map(PathBuf::from);
        if let Some(path) = asked.as_ref().filter(|path| !path.is_file()) {
            return Err(format!("{}: no such program", path.display()).into());
        }
        let beside = own.with_file_name("wirecensus");
        let usual = PathBuf::from("target/release/wirecensus");
        let found = [usual, beside].into_iter().find(|path| path.is_file());
        Ok(Self { own, wirecensus: asked.or(found), tcpdump: Command::new("tcpdump").arg("--version").output().is_ok() })
    }

    /// The words of a run, or `None` if its program is missing.
    #[must_use]
    pub fn command(&self, what: What, capture: &Path, database: &Path) -> Option<Vec<String>> {
        let file = capture.display().to_string();
        let walk = |mode: &str| vec![self.own.display().to_string(), "walk".to_owned(), mode.to_owned(), file.clone()];
        match what {
            What::Records => Some(walk("rec")),
            What::Headers => Some(walk("eth")),
            What::Tcpdump => self.tcpdump.then(|| words(&["tcpdump", "-r", &file, "-w", "/dev/null"])),
            What::One => self.replay(&file, &["--workers", "1"]),
            What::Two => self.replay(&file, &["--workers", "2"]),
            What::Database => {
                let database = database.display().to_string();
                self.replay(&file, &["--workers", "1", "--db", &database])
            }
        }
    }

    /// The words of a replay with some more of them.
    #[must_use]
    pub fn replay(&self, file: &str, more: &[&str]) -> Option<Vec<String>> {
        let program = self.wirecensus.as_ref()?.display().to_string();
        let mut all = vec![program];
        all.extend(words(&["replay", file, "--format", "json", "--output", "/dev/null"]));
        all.extend(words(more));
        Some(all)
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The runs of one program over one capture.
#[derive(Clone, Debug)]
pub struct Line {
    /// What was run.
    pub what: What,
    /// The median of what it cost, or why there is none.
    pub cost: Result<Cost, String>,
}

/// Everything measured with one capture.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The capture.
    pub capture: Capture,
    /// One line a program.
    pub lines: Vec<Line>,
}

impl Measured {
    /// The cost of one program.
    #[must_use]
    pub fn cost(&self, what: What) -> Option<Cost> {
        let line = self.lines.iter().find(|line| line.what == what)?;
        line.cost.clone().ok()
    }

    /// Processor nanoseconds a packet.
    #[must_use]
    pub fn per_packet(&self, what: What) -> Option<f64> {
        Some(self.cost(what)?.cpu / self.capture.stats.packets as f64)
    }
}

/// Runs `whats` over the capture, one after the other, `rounds` times.
#[must_use]
pub fn measure(capture: Capture, whats: &[What], rounds: u32, programs: &Programs) -> Measured {
    let database = capture.path.with_extension("db");
    let mut costs: Vec<Result<Vec<Cost>, String>> = vec![Ok(Vec::new()); whats.len()];
    for round in 0..rounds {
        eprintln!("{}: round {} of {rounds}", capture.name, round + 1);
        for (what, costs) in whats.iter().zip(&mut costs) {
            let Ok(so_far) = costs else { continue };
            forget(&database);
            match once(*what, &capture.path, &database, programs) {
                Ok(cost) => so_far.push(cost),
                Err(problem) => *costs = Err(problem),
            }
        }
    }
    forget(&database);
    let line = |(what, costs): (&What, Result<Vec<Cost>, String>)| Line {
        what: *what,
        cost: costs.and_then(|costs| measure::median(&costs).ok_or("not run".to_owned())),
    };
    let lines = whats.iter().zip(costs).map(line).collect();
    Measured { capture, lines }
}

fn once(what: What, file: &Path, database: &Path, programs: &Programs) -> Result<Cost, String> {
    let command = programs.command(what, file, database).ok_or("not installed")?;
    measure::run(&command).map_err(|problem| problem.to_string())
}

/// Removes a database of an earlier run; that there is none is fine.
fn forget(database: &Path) {
    for ending in ["db", "db-wal", "db-shm"] {
        let _ = std::fs::remove_file(database.with_extension(ending));
    }
}
