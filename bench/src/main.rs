//! Measures Wirecensus against the bare walk over the same captures and prints one table.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use bench::arguments::Arguments;
use bench::captures::{Capture, provide};
use bench::generate::{Order, Shape};
use bench::report::{self, Target};
use bench::runs::{self, Measured, Programs, What};
use bench::{measure, walk};

const USAGE: &str = "usage: bench [--rounds N] [--only mix|hosts] [--scale N] [--seed N] [--binary FILE] [--folder DIR]
             [--json FILE] [--stages] [--idle-flows N] [--long]";

/// Memory that an idle flow may take, in bytes.
const IDLE_FLOW: f64 = 300.0;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [word, ..] if word == measure::WORD => measure::help(&words[1..]),
        ["walk", "rec", file] => walk::bare(Path::new(file)).map(print),
        ["walk", "eth", file] => walk::headers(Path::new(file)).map(print),
        _ => Bench::read(words).and_then(|bench| bench.run()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn print(walked: walk::Walked) {
    println!("{walked:?}");
}

/// What the command line asks for.
struct Bench {
    arguments: Arguments,
    programs: Programs,
    folder: PathBuf,
    rounds: u32,
    scale: u64,
    seed: u64,
}

impl Bench {
    fn read(words: Vec<String>) -> Result<Self, Box<dyn Error>> {
        let known = ["rounds", "only", "scale", "seed", "binary", "folder", "json", "idle-flows"];
        let arguments = Arguments::read(words, &known, &["stages", "long"]).map_err(|problem| format!("{problem}\n{USAGE}"))?;
        if !arguments.rest.is_empty() {
            return Err(USAGE.into());
        }
        Ok(Self {
            programs: Programs::find(arguments.text("binary"))?,
            folder: folder(&arguments),
            rounds: arguments.number("rounds", 3)?.max(1),
            scale: arguments.number("scale", 1)?.max(1),
            seed: arguments.number("seed", 1)?,
            arguments,
        })
    }

    fn run(&self) -> Result<(), Box<dyn Error>> {
        let mut all = Vec::new();
        for shape in [Shape::Mix, Shape::Hosts] {
            if self.arguments.text("only").is_none_or(|only| only == shape.name()) {
                let capture = self.capture(shape.name(), self.order(shape))?;
                all.push(runs::measure(capture, &What::ALL, self.rounds, &self.programs));
            }
        }
        let base = self.base()?;
        let mut targets = report::targets(&all, base);
        targets.extend(self.idle(base)?);
        targets.extend(self.long(&all)?);
        for measured in &all {
            println!("{}", report::table(measured));
            self.stages(&measured.capture)?;
        }
        print!("{}", report::promises(&targets));
        if let Some(file) = self.arguments.text("json") {
            let document = report::document(&all, &targets, self.rounds);
            std::fs::write(file, format!("{document:#}\n")).map_err(|error| format!("{file}: {error}"))?;
        }
        Ok(())
    }

    fn order(&self, shape: Shape) -> Order {
        let usual = Order::usual(shape);
        Order {
            packets: usual.packets / self.scale,
            devices: usual.devices / self.scale,
            seconds: (usual.seconds / self.scale).max(1),
            seed: self.seed,
            ..usual
        }
    }

    fn capture(&self, name: &str, order: Order) -> Result<Capture, Box<dyn Error>> {
        provide(name, &order, &self.folder)
    }

    /// Peak memory of one worker over a capture made for the purpose.
    fn memory(&self, name: &str, order: Order) -> Result<Option<f64>, Box<dyn Error>> {
        if self.programs.wirecensus.is_none() {
            return Ok(None);
        }
        let capture = self.capture(name, order)?;
        let measured = runs::measure(capture, &[What::One], self.rounds, &self.programs);
        if let Some(Err(why)) = measured.lines.first().map(|line| &line.cost) {
            println!("{name}: {why}");
        }
        Ok(measured.cost(What::One).map(|cost| cost.memory))
    }

    /// What a replay takes that has next to nothing to remember.
    fn base(&self) -> Result<Option<f64>, Box<dyn Error>> {
        let order = Order { packets: 3_000, ..Order::usual(Shape::Idle) };
        self.memory("base", order)
    }

    fn idle(&self, base: Option<f64>) -> Result<Option<Target>, Box<dyn Error>> {
        let flows: u64 = self.arguments.number("idle-flows", 0)?;
        let (Some(base), true) = (base, flows > 0) else {
            return Ok(None);
        };
        let order = Order { packets: flows * 3, ..Order::usual(Shape::Idle) };
        let memory = self.memory("idle", order)?;
        Ok(memory.map(|memory| {
            let each = (memory - base) / flows as f64;
            Target::most("idle: memory a flow".to_owned(), each, IDLE_FLOW, "B")
        }))
    }

    /// Twice the time and twice the packets of the same devices: memory should stay.
    fn long(&self, all: &[Measured]) -> Result<Option<Target>, Box<dyn Error>> {
        let mix = all.iter().find(|measured| measured.capture.name == "mix");
        let single = mix.and_then(|mix| mix.cost(What::One));
        let (Some(single), true) = (single, self.arguments.has("long")) else {
            return Ok(None);
        };
        let usual = self.order(Shape::Mix);
        let order = Order { packets: usual.packets * 2, seconds: usual.seconds * 2, ..usual };
        let memory = self.memory("long", order)?;
        let name = || "long: memory over mix".to_owned();
        Ok(memory.map(|memory| Target::most(name(), memory / single.memory, 1.1, "x")))
    }

    /// What the program itself says about its stages, if it can.
    fn stages(&self, capture: &Capture) -> Result<(), Box<dyn Error>> {
        let file = capture.path.display().to_string();
        let words = self.programs.replay(&file, &["--workers", "1", "--stages"]);
        let (Some(words), true) = (words, self.arguments.has("stages")) else {
            return Ok(());
        };
        let said = Command::new(&words[0]).args(&words[1..]).output()?;
        if said.status.success() {
            print!("{}", String::from_utf8_lossy(&said.stdout));
            println!("{}", String::from_utf8_lossy(&said.stderr));
        }
        Ok(())
    }
}

/// Where the captures are kept.
fn folder(arguments: &Arguments) -> PathBuf {
    if let Some(folder) = arguments.text("folder") {
        return PathBuf::from(folder);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    PathBuf::from(target).join("bench-captures")
}
