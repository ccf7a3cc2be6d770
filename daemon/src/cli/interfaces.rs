//! `interfaces`: what `run` can listen on.

use super::Done;
use crate::capture::interfaces;
use crate::capture::text::shown;

/// Lists the interfaces that `run` can listen on. A port that gets a mirror has no address.
#[derive(clap::Args)]
pub(super) struct Interfaces {}

impl Interfaces {
    pub(super) fn run(&self) -> Done {
        let mut text = String::new();
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
            text.push_str(&format!("{:<16} {mac:<17} {state:<8} {addresses}\n", shown(&interface.name)));
        }
        super::output::answer(&text)
    }
}
