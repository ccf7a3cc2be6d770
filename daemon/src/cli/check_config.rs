//! `check-config`: whether the daemon would take a configuration.

use super::{Done, Failure};
use crate::capture::text::shown;
use crate::capture::{Filter, interfaces};
use crate::config::Config;
use std::path::PathBuf;
use std::process::ExitCode;

/// Reads a configuration as `run --config` does, and says what is wrong in it.
#[derive(clap::Args)]
pub(super) struct CheckConfig {
    /// The configuration; an example with every option stands in systemd/wirecensus.toml.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl CheckConfig {
    pub(super) fn run(&self) -> Done {
        let config = Config::read(&self.file)?;
        if let Some(expression) = &config.bpf {
            Filter::compile(expression).map_err(|what| Failure::new(format!("{}: `bpf`: {what}", self.file.display())))?;
        }
        let policy = enrollment::policy::Policy::of_toml(&std::fs::read_to_string(&self.file)?);
        policy.map_err(|what| Failure::new(format!("{}: {what}", self.file.display())))?;
        let there = interfaces::interfaces();
        for one in &config.interfaces {
            let site = one.site.as_ref().or(config.site.as_ref()).map_or("the default".to_owned(), |site| shown(site));
            let state = match there.iter().find(|known| known.name == one.name) {
                None if one.name == interfaces::ALL => "every port at once, which is no mirror: name one".to_owned(),
                None => format!("not on this machine ({})", interfaces::names()),
                Some(known) if !known.up => "switched off".to_owned(),
                Some(known) if !known.addresses.is_empty() => format!("has an address ({})", known.addresses.join(", ")),
                Some(_) => "ready".to_owned(),
            };
            println!("interface {}: site {site}; {state}", shown(&one.name));
        }
        for one in &config.watch {
            let state = std::fs::read_dir(&one.dir).map_or_else(|error| error.to_string(), |_| "ready".to_owned());
            println!("folder {}: {state}", shown(&one.dir.to_string_lossy()));
        }
        for one in &config.pcap_over_ip {
            println!("{}: {}", shown(&one.name()), if one.tls.is_wanted() { "with TLS" } else { "without TLS" });
        }
        println!("{}: understood", self.file.display());
        Ok(ExitCode::SUCCESS)
    }
}
