//! The daemon's configuration and what it refuses, as a user sees it.

use crate::captures::{folder, root};
use crate::command::{Ran, run_in};

/// Runs in a folder of the test's own, with this configuration beside it.
fn run(test: &str, config: &str, words: &[&str]) -> Ran {
    let folder = folder(test);
    std::fs::write(folder.join("w.toml"), config).expect("a file");
    run_in(&folder, words)
}

fn assert_ended(ran: &Ran, status: i32, said: &[&str]) {
    assert_eq!(ran.status, status, "{}", ran.stderr);
    let text = format!("{}{}", ran.stdout, ran.stderr);
    said.iter().for_each(|words| assert!(text.contains(words), "{words:?} is not said: {text}"));
}

#[test]
fn the_example_configuration_is_understood() {
    let example = std::fs::read_to_string(root().join("systemd/wirecensus.toml")).expect("the example");
    let ran = run("example", &example, &["check-config", "w.toml"]);
    assert_ended(&ran, 0, &["w.toml: understood", "interface mirror0: site the default; not on this machine"]);
}

#[test]
fn a_wrong_configuration_is_refused_with_its_line() {
    let refused = |config: &str, words: &[&str], status, said: &[&str]| assert_ended(&run("wrong", config, words), status, said);
    refused("dbs = \"x\"", &["check-config", "w.toml"], 1, &["w.toml:1: unknown key `dbs`: did you mean `db`?"]);
    refused("bpf = \"not a filter\"", &["check-config", "w.toml"], 1, &["w.toml: `bpf`: "]);
    refused("", &["check-config", "other.toml"], 1, &["other.toml: No such file"]);
    if cfg!(feature = "pcap-live") {
        refused("dbs = \"x\"", &["run", "--config", "w.toml"], 2, &["w.toml:1: unknown key"]);
    }
}

#[cfg(feature = "pcap-live")]
#[test]
fn what_is_missing_to_listen_is_said_before_anything_is_opened() {
    let refused = |test: &str, config: &str, words: &[&str], status, said: &[&str]| assert_ended(&run(test, config, words), status, said);
    refused("nowhere", "", &["run", "--config", "w.toml"], 2, &["on which interface? Say -i IFACE", "there are "]);
    refused("undecided", "", &["run", "-i", "nowhere0"], 2, &["where to keep it? Say --db FILE"]);
    refused("absent", "", &["run", "-i", "nowhere0", "--db", "w.db"], 1, &["no interface nowhere0: there are "]);
    let folder = folder("addressed");
    std::fs::write(folder.join("w.toml"), "db = \"w.db\"\n[[interface]]\nname = \"lo\"").expect("a file");
    let ran = run_in(&folder, &["run", "--config", "w.toml"]);
    assert_ended(&ran, 1, &["lo has an address (127.0.0.1/8", "--allow-address"]);
    assert!(!folder.join("w.db").exists(), "nothing was made");
}
