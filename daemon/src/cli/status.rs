//! `status`: how a daemon fares.

use super::output::answer;
use super::{Done, Failure};
use crate::capture::condition::State;
use crate::capture::text::{grouped, shown};
use crate::operation::status::{self, StatusFile};
use std::path::PathBuf;
use std::process::ExitCode;

/// Says how the daemon of a database fares: what it listens to, what it lost, and what is not as it should be.
///
/// Ends with 0 if the daemon runs and all is well, and with 1 if not.
#[derive(clap::Args)]
pub(super) struct Status {
    /// The daemon's database.
    #[arg(long, value_name = "FILE", env = "WIRECENSUS_DB", default_value = "/var/lib/wirecensus/wirecensus.db")]
    db: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn run(&self) -> Done {
        let read = StatusFile::read(&self.db)?;
        let Some(status) = read else {
            return Err(Failure::new(format!("no daemon ever ran on this database: there is no {}", status::path_of(&self.db).display())));
        };
        answer(&if self.json { format!("{}\n", serde_json::to_string_pretty(&status)?) } else { text(&status) })?;
        Ok(if status.ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn text(status: &status::Status) -> String {
    let mut lines = vec![match status.running {
        true => format!("running since {}, process {}, version {}", status.begun, status.pid, shown(&status.version)),
        false => format!("NOT RUNNING; what follows was so at {}", status.as_of),
    }];
    for port in &status.ports {
        let last = match port.last_packet_seconds {
            Some(seconds) => format!("the last one {} s ago", grouped(seconds)),
            None => "none ever came".to_owned(),
        };
        let since = port.since.as_deref().map(|since| format!(" since {since}")).unwrap_or_default();
        let state = match (port.listening, port.state) {
            (false, _) => "; no longer listened to".to_owned(),
            (true, State::Alive) => String::new(),
            (true, state) => format!("; {}{since}", state.name().to_uppercase()),
        };
        lines.push(format!("{}: {} packets, {} dropped, {last}{state}", shown(&port.name), grouped(port.packets), grouped(port.dropped)));
        let malformed: u64 = port.malformed.values().sum();
        lines.push(format!(
            "  {} conversations, {} malformed PDUs, {} limits hit",
            grouped(port.conversations),
            grouped(malformed),
            port.limits.len()
        ));
        lines.push(format!(
            "  one direction of {} of {} TCP conversations; {} of {} bytes of TCP data lost before the port",
            grouped(port.tcp_one_way),
            grouped(port.tcp_conversations),
            grouped(port.tcp_unseen_bytes),
            grouped(port.tcp_unseen_bytes + port.tcp_seen_bytes)
        ));
    }
    let mean = status.commits.microseconds.checked_div(status.commits.count).unwrap_or(0);
    lines.push(format!("{} commits, {} ms each, {} failed", grouped(status.commits.count), grouped(mean / 1000), grouped(status.commits.failed)));
    lines.extend(status.memory_bytes.map(|bytes| format!("{} MiB of memory", grouped(bytes >> 20))));
    lines.extend(status.configuration.wrong.iter().map(|what| format!("the configuration cannot be taken, the one before holds: {}", shown(what))));
    if !status.configuration.restart.is_empty() {
        lines.push(format!("needs a restart: {}", shown(&status.configuration.restart.join(", "))));
    }
    lines.extend(status.reasons.iter().filter(|_| status.running).map(|reason| format!("NOT READY: {}", shown(reason))));
    lines.join("\n") + "\n"
}
