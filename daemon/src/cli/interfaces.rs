//! `interfaces`: what `run` can listen on.

use super::Done;
use crate::capture::interfaces;
use std::process::ExitCode;

/// Lists the interfaces.
#[derive(clap::Args)]
pub struct Interfaces {}

impl Interfaces {
    pub(super) fn run(&self) -> Done {
        for interface in interfaces::interfaces() {
            let mac = interface.mac.map_or_else(|| "-".to_owned(), |mac| observations::Mac(mac).to_string());
            let state = match (interface.up, interface.running, interface.loopback) {
                (_, _, true) => "loopback",
                (false, ..) => "down",
                (true, false, _) => "no link",
                (true, true, _) => "up",
            };
            // A mirrored port has no address; one that has is somebody's way into this machine.
            let addresses = if interface.addresses.is_empty() { "no address".to_owned() } else { interface.addresses.join(" ") };
            println!("{:<16} {mac:<17} {state:<8} {addresses}", interface.name);
        }
        Ok(ExitCode::SUCCESS)
    }
}
