//! What comes with the program for systemd: it is understood, and leaves the daemon no right that it does not need.

use crate::captures::{folder, root};
use std::path::PathBuf;
use std::process::{Command, Output};

/// The greatest exposure that `systemd-analyze security` may find, in tenths: 2.0 is "OK", and what remains is the packet socket.
const EXPOSURE_MAX: &str = "--threshold=20";

/// A unit, as it would stand on a machine where the program is where it was built.
fn unit(name: &str) -> PathBuf {
    let text = std::fs::read_to_string(root().join("systemd").join(name)).expect("the unit");
    let path = folder(&format!("units-{name}")).join(name);
    std::fs::write(&path, text.replace("/usr/bin/wirecensus", env!("CARGO_BIN_EXE_wirecensus"))).expect("a file");
    path
}

/// Asks systemd's own tool; `None` where there is none, which is said.
fn analyze(name: &str, words: &[&str]) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(words).arg(unit(name)).output();
    if output.is_err() {
        eprintln!("NOT CHECKED: there is no systemd-analyze here");
    }
    output.ok()
}

#[test]
fn the_units_are_understood_and_grant_little() {
    ["wirecensus.service", "wirecensus-registrar.service", "wirecensus-events.service"].iter().for_each(|name| understood_and_modest(name));
}

fn understood_and_modest(name: &str) {
    let said = |output: &Output| format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let Some(verified) = analyze(name, &["verify", "--man=no"]) else { return };
    // The tool also reads the machine's own units; only what it says of ours counts.
    let ours: Vec<String> = said(&verified).lines().filter(|line| line.contains("wirecensus")).map(str::to_owned).collect();
    assert!(verified.status.success() && ours.is_empty(), "{ours:?}");
    let exposure = analyze(name, &["security", "--offline=true", EXPOSURE_MAX]).expect("it was there");
    assert!(exposure.status.success(), "{}", said(&exposure));
}
