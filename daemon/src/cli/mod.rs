//! The command line: one file a subcommand. stdout carries the answer, stderr the progress and messages.
//!
//! Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, and the gate that was asked for found something.

mod interfaces;
mod progress;
mod protocols;
mod replay;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Works out every device on a network from what a mirrored switch port or a capture shows: who it is, and why we think so, down to
/// the packet and the bytes. It never transmits on a watched interface.
#[derive(Parser)]
#[command(name = "wirecensus", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reads captures and prints the inventory.
    Replay(replay::Replay),
    /// Lists the interfaces that `run` can listen on.
    Interfaces(interfaces::Interfaces),
    /// Lists the protocols that are read, and what each tells of a device.
    Protocols(protocols::Protocols),
}

/// Why a command failed, for people.
pub struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// Failed: which file, packet, offset, and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self { status: 1, message: message.into() }
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: 2, message: message.into() }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// What a command ends with.
type Done = Result<ExitCode, Failure>;

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Replay(command) => command.run(),
        Command::Interfaces(command) => command.run(),
        Command::Protocols(command) => command.run(),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("wirecensus: {}", failure.message);
        ExitCode::from(failure.status)
    })
}
