//! Writes a benchmark capture, or says what one consists of.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;

use bench::arguments::Arguments;
use bench::generate::{Order, Shape, write};
use bench::stats;

const USAGE: &str = "usage: generate mix|hosts|idle --output FILE [--packets N] [--devices N] [--seconds N] [--seed N]
       generate stats FILE [--json]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("generate: {problem}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let known = ["output", "packets", "devices", "seconds", "seed"];
    let arguments = Arguments::read(std::env::args().skip(1), &known, &["json"])?;
    match arguments.rest.as_slice() {
        [word, file] if word == "stats" => {
            let stats = stats::count(Path::new(file))?;
            if arguments.has("json") {
                println!("{}", stats.json());
            } else {
                println!("{stats}");
            }
            Ok(())
        }
        [name] => {
            let shape = Shape::named(name).ok_or_else(|| format!("{name}: no such shape"))?;
            make(shape, &arguments)
        }
        _ => Err("what shall it be?".into()),
    }
}

fn make(shape: Shape, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let usual = Order::usual(shape);
    let order = Order {
        shape,
        packets: arguments.number("packets", usual.packets)?,
        devices: arguments.number("devices", usual.devices)?,
        seconds: arguments.number("seconds", usual.seconds)?,
        seed: arguments.number("seed", usual.seed)?,
    };
    let output = arguments.text("output").ok_or("--output is missing")?;
    let file = File::create(output).map_err(|error| format!("{output}: {error}"))?;
    let (packets, bytes) = write(&order, BufWriter::with_capacity(1 << 20, file))?;
    eprintln!("{output}: {packets} packets, {bytes} bytes of frames");
    Ok(())
}
