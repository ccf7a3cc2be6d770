//! `wirecensus`: parses the command line and calls.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::cli::main()
}
