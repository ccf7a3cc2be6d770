//! The command line: one file a subcommand. stdout carries the answer, stderr the progress and messages.
//!
//! Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, and the gate that was asked for found something.

mod annotate;
mod audit;
mod backup;
mod check_config;
mod decide;
mod derive;
mod devices;
mod diff;
mod enroll;
mod events;
mod explain;
mod export;
mod find;
mod findings;
mod forget;
mod input;
mod interfaces;
mod merge;
mod output;
mod pin;
mod progress;
mod propose_fingerprint;
mod protocols;
mod reading;
mod replay;
mod retain;
#[cfg(feature = "pcap-live")]
mod run;
mod shape;
mod split;
mod status;
mod suppress;
mod vacuum;
mod who_had;

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
    Replay(replay::Replay),
    #[cfg(feature = "pcap-live")]
    Run(run::Run),
    CheckConfig(check_config::CheckConfig),
    Devices(devices::Devices),
    Export(export::Export),
    Findings(findings::Findings),
    Explain(explain::Explain),
    WhoHad(who_had::WhoHad),
    Diff(diff::Diff),
    Merge(merge::Merge),
    Derive(derive::Derive),
    Pin(pin::Pin),
    Split(split::Split),
    Annotate(annotate::Annotate),
    Suppress(suppress::Suppress),
    Forget(forget::Forget),
    Retain(retain::Retain),
    Vacuum(vacuum::Vacuum),
    Backup(backup::Backup),
    Status(status::Status),
    Enroll(enroll::Enroll),
    Events(events::Events),
    Audit(audit::Audit),
    Interfaces(interfaces::Interfaces),
    Protocols(protocols::Protocols),
    ProposeFingerprint(propose_fingerprint::ProposeFingerprint),
}

/// Why a command failed, for people.
struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// Failed: which file, packet, offset, and what to do.
    fn new(message: impl Into<String>) -> Self {
        Self { status: 1, message: message.into() }
    }

    /// Wrong usage.
    fn usage(message: impl Into<String>) -> Self {
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
        #[cfg(feature = "pcap-live")]
        Command::Run(command) => command.run(),
        Command::CheckConfig(command) => command.run(),
        Command::Devices(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Findings(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::WhoHad(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Merge(command) => command.run(),
        Command::Derive(command) => command.run(),
        Command::Pin(command) => command.run(),
        Command::Split(command) => command.run(),
        Command::Annotate(command) => command.run(),
        Command::Suppress(command) => command.run(),
        Command::Forget(command) => command.run(),
        Command::Retain(command) => command.run(),
        Command::Vacuum(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Enroll(command) => command.run(),
        Command::Events(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Interfaces(command) => command.run(),
        Command::Protocols(command) => command.run(),
        Command::ProposeFingerprint(command) => command.run(),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("wirecensus: {}", failure.message);
        ExitCode::from(failure.status)
    })
}
