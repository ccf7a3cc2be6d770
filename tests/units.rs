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
    let units = ["wirecensus.service", "wirecensus-registrar.service", "wirecensus-propose.service", "wirecensus-events.service"];
    units.iter().for_each(|name| understood_and_modest(name));
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

/// What the daemon gives up rights with. `@system-service` of systemd 252 has none of the last four, and `~@privileged`
/// takes the first away: refused it, the daemon does not start; refused the others, it runs without walls of its own.
const GIVES_UP: &[&str] = &["capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"];

#[test]
fn the_sensors_unit_lets_it_give_up_rights() {
    let unit = std::fs::read_to_string(root().join("systemd/wirecensus.service")).expect("the unit");
    let filters: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")).collect();
    let granted = filters.iter().rev().take_while(|filter| !filter.starts_with('~')).flat_map(|filter| filter.split_whitespace());
    let granted: Vec<&str> = granted.collect();
    assert!(filters.iter().any(|filter| filter.starts_with('~')), "what is taken away comes before: {filters:?}");
    GIVES_UP.iter().for_each(|call| assert!(granted.contains(call), "{call} is refused by {filters:?}"));
}

#[test]
fn a_credential_that_is_not_there_keeps_no_unit_from_starting() {
    for name in ["wirecensus.service", "wirecensus-registrar.service", "wirecensus-events.service"] {
        let unit = std::fs::read_to_string(root().join("systemd").join(name)).expect("the unit");
        let credentials: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("LoadCredential=")).collect();
        assert!(!credentials.is_empty(), "{name} hands over no credential");
        // systemd.exec(5): a name without a path is looked for in /etc/credstore, and may be missing.
        let stem = name.trim_end_matches(".service");
        let optional = |credential: &&&str| credential.split_once(':').is_some_and(|(id, file)| file == format!("{stem}.{id}"));
        assert_eq!(credentials.iter().filter(optional).count(), credentials.len(), "{name}: {credentials:?}");
    }
}

/// Shared libraries that the program asks for (README.md, "What the program links to").
const LINKED: &[&str] = &["libpcap.so.0.8", "libgcc_s.so.1", "libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2"];

#[test]
fn the_program_links_to_nothing_that_the_readme_does_not_name() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        eprintln!("NOT CHECKED: names of libraries are known for Linux on x86-64 with glibc");
        return;
    }
    let Ok(output) = Command::new("readelf").args(["-d", env!("CARGO_BIN_EXE_wirecensus")]).output() else {
        eprintln!("NOT CHECKED: there is no readelf here");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let needed: Vec<&str> = text.lines().filter(|line| line.contains("(NEEDED)")).filter_map(|line| line.split(['[', ']']).nth(1)).collect();
    assert!(needed.contains(&"libc.so.6"), "{text}");
    let strange: Vec<&&str> = needed.iter().filter(|name| !LINKED.contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the readme");
    let named = |name: &&&str| name.starts_with("ld-") || readme.contains(name.split('.').next().unwrap_or(name));
    let unnamed: Vec<&&str> = LINKED.iter().filter(|name| !named(name)).collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
