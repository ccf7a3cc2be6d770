//! Walks over a capture and does as little as possible: what any reading of it costs at least.

use std::path::Path;
use std::process::ExitCode;

use bench::walk;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let walked = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["rec", file] => walk::bare(Path::new(file)),
        ["eth", file] => walk::headers(Path::new(file)),
        _ => Err("usage: walk rec|eth FILE".into()),
    };
    match walked {
        Ok(walked) => {
            println!("packets {} bytes {} sum {:016x}", walked.packets, walked.bytes, walked.sum);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("walk: {problem}");
            ExitCode::FAILURE
        }
    }
}
