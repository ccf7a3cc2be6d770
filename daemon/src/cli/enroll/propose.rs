//! `enroll propose`: a sensor's candidates, sent to a registrar on another host.

use super::{Desk, Done, Failure};
use crate::capture::text::shown;
use enrollment::target::Reason;
use enrollment::targets::proposing::{At, Proposer};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Proposes every candidate to a registrar on another host, signed with this sensor's key, and ends: for a timer. Proposing again is the
/// same request. It holds no credential of a vault; `run` itself goes on without a right to speak IP.
#[derive(clap::Args)]
pub(super) struct Propose {
    /// The registrar, https://HOST:PORT; else [enrollment.registrar] address.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// The CAs that may vouch for it, PEM; else [enrollment.registrar] `ca_file`.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    desk: Desk,
}

impl Propose {
    pub(super) fn run(&self) -> Done {
        let (document, policy) = (self.desk.document()?, self.desk.policy()?);
        let written = policy.registrar.clone().unwrap_or_default();
        let address = self.to.clone().unwrap_or_else(|| written.address.clone());
        if address.is_empty() {
            return Err(Failure::usage("where to? --to https://HOST:PORT, or [enrollment.registrar] address".to_owned()));
        }
        let at = At { address, ca_file: self.ca_file.clone().or_else(|| written.ca_file.clone()), ..written };
        let proposer = Proposer::open(&at, self.desk.own_key()?)?;
        let (mut text, mut new, mut known, mut refused) = (String::new(), 0, 0, 0);
        for candidate in enrollment::propose::candidates(&document, &policy) {
            let Ok(request) = candidate.outcome else { continue };
            match proposer.propose(*request) {
                Ok(proposed) => {
                    *if proposed.known { &mut known } else { &mut new } += 1;
                    let _ = writeln!(text, "{}  {}  {}", shown(&candidate.label), shown(&proposed.id), shown(&proposed.state));
                }
                // One that is refused does not keep the others from it; a registrar that is not there does.
                Err(failure) if failure.reason == Reason::Refused => {
                    refused += 1;
                    eprintln!("wirecensus: {}: {}", shown(&candidate.label), shown(&failure.message));
                }
                Err(failure) => return Err(Failure::new(format!("{failure}; {new} were proposed, the rest the next time"))),
            }
        }
        let _ = writeln!(text, "{new} new or changed, {known} known, {refused} refused");
        crate::cli::output::answer(&text)?;
        if refused > 0 { Err(Failure::new(format!("{refused} were not taken"))) } else { Ok(ExitCode::SUCCESS) }
    }
}
