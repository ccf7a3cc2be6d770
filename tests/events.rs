//! Events on the command line: captures join a database one after the other, and what is new is listed, delivered and kept once.

use crate::command::{Ran, run_in};
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

const FIRST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps/ssh/openssh-and-dropbear.pcap");
const SECOND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps/modbus/device-identification.pcap");

fn done(folder: &Path, words: &[&str]) -> String {
    let Ran { status, stdout, stderr } = run_in(folder, words);
    assert_eq!(status, 0, "{words:?}: {stderr}");
    stdout
}

#[test]
fn what_joins_a_database_is_told_once_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let config =
        format!("[events]\nlearn = \"0s\"\n[events.targets.siem]\nkind = \"syslog\"\naddress = \"udp://{}\"\n", socket.local_addr().unwrap());
    std::fs::write(folder.join("w.toml"), config).unwrap();
    let once = ["events", "once", "--db", "plant.db", "--config", "w.toml"];
    let slip = run_in(folder, &["events", "list", "--db", "slip.db"]);
    assert!(slip.status != 0 && !folder.join("slip.events.db").exists(), "a slip makes nothing");
    done(folder, &["replay", FIRST, "--db", "plant.db"]);
    assert_eq!(done(folder, &once), "0 messages, 0 events held back, 0 under a ticket; 0 delivered\n", "a first look tells nothing");
    let before = std::fs::read(folder.join("plant.db")).unwrap();
    assert_eq!(done(folder, &once), "0 messages, 0 events held back, 0 under a ticket; 0 delivered\n");
    assert_eq!(before, std::fs::read(folder.join("plant.db")).unwrap(), "the inventory's database is only read");
    done(folder, &["replay", SECOND, "--db", "plant.db"]);
    let told = done(folder, &once);
    assert!(!told.starts_with("0 messages"), "{told}");
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    assert!(text.contains(" wirecensus - new-device [event@32473 id="), "{text}");
    assert!(done(folder, &once).starts_with("0 messages"), "nothing is told twice");
    let listed = done(folder, &["events", "list", "--db", "plant.db", "--kind", "new-device", "--json"]);
    let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!((first["kind"].as_str(), first["told"].as_bool()), (Some("new-device"), Some(true)));
    let id = first["device"].as_str().unwrap();
    assert!(done(folder, &["events", "list", "--db", "plant.db", "--device", &id[..8]]).contains("new-device"));
    assert!(done(folder, &["events", "status", "--db", "plant.db"]).contains("siem: "));
    let wrong = run_in(folder, &["events", "list", "--db", "plant.db", "--kind", "new-devices"]);
    assert!(wrong.status == 2 && wrong.stderr.contains("did you mean `new-device`?"), "{}", wrong.stderr);
}

#[test]
fn windows_and_baselines_are_announced_by_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, &["replay", FIRST, "--db", "plant.db"]);
    let at = ["--db", "plant.db"];
    let with = |words: &[&str]| run_in(folder, &[&["events"], words, &at].concat());
    assert!(with(&["maintenance", "--to", "2099-01-01", "--ticket", "CHG-1"]).stderr.contains("who?"));
    assert_eq!(with(&["maintenance", "--to", "2099-01-01", "--ticket", "CHG-1", "--author", "anna"]).stdout, "window 1\n");
    assert!(with(&["maintenance"]).stdout.contains("CHG-1  everywhere  by anna"));
    assert_eq!(with(&["maintenance", "--end", "1", "--author", "bob"]).status, 0);
    assert_eq!(with(&["maintenance", "--end", "1", "--author", "bob"]).status, 1);
    assert_eq!(with(&["maintenance", "--to", "2001-01-01", "--ticket", "CHG-2", "--author", "anna"]).status, 2, "it is past");
    let taken = with(&["baseline", "--from", "plant.db", "--author", "anna"]);
    assert!(taken.stdout.contains("devices and") && !taken.stdout.starts_with("0 "), "{}{}", taken.stdout, taken.stderr);
    assert!(with(&["status"]).stdout.contains("learnt"));
    assert_eq!(with(&["baseline", "--anew"]).status, 0);
    assert!(with(&["status"]).stdout.contains("learning"));
}

/// Words that stand somewhere in the events database or its log, whatever a page is used for.
fn traces(folder: &Path, words: &[String]) -> Vec<String> {
    let files = ["plant.events.db", "plant.events.db-wal"].map(|name| std::fs::read(folder.join(name)).unwrap_or_default());
    let holds = |word: &&String| files.iter().any(|bytes| bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes())));
    words.iter().filter(holds).cloned().collect()
}

#[test]
fn who_is_forgotten_leaves_no_trace_among_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // A receiver that is never there: what it is to be told waits.
    let config =
        "[events]\nlearn = \"0s\"\nper_hour = 1000\n[events.targets.siem]\nkind = \"syslog\"\naddress = \"tcp://127.0.0.1:1\"\nprofile = \"full\"\n";
    std::fs::write(folder.join("w.toml"), config).unwrap();
    let once = ["events", "once", "--db", "plant.db", "--config", "w.toml"];
    done(folder, &["replay", FIRST, "--db", "plant.db"]);
    done(folder, &once);
    done(folder, &["replay", concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps/plant-and-office.pcap"), "--db", "plant.db"]);
    done(folder, &once);
    let document: serde_json::Value = serde_json::from_str(&done(folder, &["export", "--db", "plant.db", "--format", "json"])).unwrap();
    let devices = document["devices"].as_array().unwrap();
    let text = |device: &serde_json::Value, name: &str| device[name][0].as_str().map(str::to_owned);
    let words = |device: &serde_json::Value| ["macs", "ips", "hostnames"].map(|name| text(device, name)).into_iter().collect::<Option<Vec<_>>>();
    let listed = || done(folder, &["events", "list", "--db", "plant.db", "--json"]);
    let before = listed();
    // One that events name, with all three, of which none is part of another's.
    let others = |words: &[String]| devices.iter().filter(|one| words.iter().any(|word| one["ips"].to_string().contains(word))).count() == 1;
    let known = |words: &Vec<String>| others(words) && words.iter().all(|word| before.contains(word.as_str()));
    let words = devices.iter().filter_map(words).find(known).expect("a device with a name");
    assert_eq!(traces(folder, &words), words);
    done(folder, &["forget", &words[0], "--reason", "asked", "--author", "anna", "--db", "plant.db"]);
    let Ran { status, stderr, .. } = run_in(folder, &once);
    assert!(status == 0 && stderr.contains("events: forgotten: 1 devices, "), "{stderr}");
    assert_eq!(traces(folder, &words), Vec::<String>::new());
    let after = listed();
    assert!(!after.is_empty() && before.lines().count() > after.lines().count());
    let waiting = |text: String| text.lines().find(|line| line.contains("siem")).map(str::to_owned);
    assert!(
        waiting(done(folder, &["events", "status", "--db", "plant.db"])).is_some_and(|line| line.contains("wait")),
        "others are still to be told"
    );
    assert!(!run_in(folder, &once).stderr.contains("forgotten"), "a decision is carried out once");
}
