//! The database behind the command: killed at any moment, merged in any order, asked by other commands.

use crate::captures::{folder, root};
use crate::command::{command, run_in};
use daemon::store::Store;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Times that the capture is repeated, each later than the one before: long enough that there are commits while it is read.
const REPEATED: u32 = 60;

/// Seconds from one repetition to the next.
const LATER: u32 = 90;

/// A long capture, made of a short one.
fn long_capture(path: &Path) {
    let short = std::fs::read(root().join("pcaps/plant-and-office.pcap")).unwrap();
    let mut long = short[..24].to_vec();
    for turn in 0..REPEATED {
        let mut at = 24;
        while at < short.len() {
            let word = |offset: usize| u32::from_le_bytes(short[at + offset..at + offset + 4].try_into().unwrap());
            let end = at + 16 + word(8) as usize;
            long.extend((word(0) + turn * LATER).to_le_bytes());
            long.extend(&short[at + 4..end]);
            at = end;
        }
    }
    std::fs::write(path, long).unwrap();
}

#[test]
fn a_killed_replay_leaves_a_database_that_the_same_replay_completes() {
    let folder = folder("killed");
    for name in ["killed.db", "whole.db"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    long_capture(&folder.join("long.pcap"));
    // Without a site key a database has no tags of secrets: only with another does it agree.
    let wanted = run_in(&folder, &["replay", "long.pcap", "--db", "whole.db", "--format", "json"]);
    let mut replay = command(&["replay", "long.pcap", "--db", "killed.db"]);
    let mut child = replay.current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let committed = || Store::open_read_only(&folder.join("killed.db")).is_ok_and(|store| store.sources().is_ok_and(|sources| !sources.is_empty()));
    while !committed() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(run_in(&folder, &["devices", "--db", "killed.db"]).status, 0);
    let again = run_in(&folder, &["replay", "long.pcap", "--db", "killed.db", "--format", "json"]);
    assert!(again.status == 0 && again.stdout == wanted.stdout, "{}", again.stderr);
    let kept = run_in(&folder, &["export", "--db", "killed.db"]);
    assert!(kept.stdout == wanted.stdout, "{}", kept.stderr);
    let derived = run_in(&folder, &["derive", "--db", "killed.db"]);
    assert_eq!(derived.status, 0, "{}", derived.stderr);
    assert!(run_in(&folder, &["export", "killed.db"]).stdout == wanted.stdout);
}

#[test]
fn decisions_and_differences_end_as_they_should() {
    let folder = folder("decisions");
    for name in ["a.db", "b.db"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    let capture = root().join("pcaps/plant-and-office.pcap");
    let capture = capture.to_str().unwrap();
    for name in ["a.db", "b.db"] {
        assert_eq!(run_in(&folder, &["replay", capture, "--db", name]).status, 0);
    }
    let differ = ["diff", "a.db", "b.db", "--fail-on", "change"];
    assert_eq!(run_in(&folder, &differ).status, 0);
    let decided = run_in(&folder, &["annotate", "10.77.0.13", "owner=line 3", "--db", "b.db", "--author", "ann"]);
    assert!(decided.stdout.contains("owner is line 3") && decided.stdout.contains("decision 1 by ann"), "{}", decided.stdout);
    let differs = run_in(&folder, &differ);
    assert_eq!(differs.status, 3, "{}", differs.stderr);
    assert!(differs.stdout.contains("owner: + line 3"), "{}", differs.stdout);
    assert_eq!(run_in(&folder, &["explain", "10.77.0.13", "firmware", "--db", "b.db"]).status, 0);
    assert_eq!(run_in(&folder, &["explain", "no such device", "--db", "b.db"]).status, 1);
    assert_eq!(run_in(&folder, &["who-had", "10.77.0.13", "--at", "0", "--db", "b.db"]).status, 1);
    assert_eq!(run_in(&folder, &["who-had", "10.77.0.13", "--at", "noon", "--db", "b.db"]).status, 2);
    assert_eq!(run_in(&folder, &["devices"]).status, 2);
    let missing = run_in(&folder, &["export", "--db", "none.db"]);
    assert!(missing.status == 1 && missing.stderr.contains("none.db"), "{}", missing.stderr);
}

/// A database of this capture in a folder of the test's own.
fn database(test: &str) -> (std::path::PathBuf, String) {
    let folder = folder(test);
    let capture = root().join("pcaps/plant-and-office.pcap").to_string_lossy().into_owned();
    assert_eq!(run_in(&folder, &["replay", &capture, "--db", "a.db"]).status, 0);
    (folder, capture)
}

/// The same plant a day later, with other bytes in the place of some.
fn a_day_later(changed: &[(&[u8], &[u8])]) -> Vec<u8> {
    let early = std::fs::read(root().join("pcaps/plant-and-office.pcap")).expect("a capture");
    let mut later = early[..24].to_vec();
    let mut at = 24;
    while at < early.len() {
        let word = |offset: usize| u32::from_le_bytes(early[at + offset..at + offset + 4].try_into().expect("four bytes"));
        let end = at + 16 + word(8) as usize;
        later.extend((word(0) + 86_400).to_le_bytes());
        let mut packet = early[at + 4..end].to_vec();
        for (from, to) in changed {
            while let Some(place) = packet.windows(from.len()).position(|window| window == *from) {
                packet[place..place + to.len()].copy_from_slice(to);
            }
        }
        later.extend(packet);
        at = end;
    }
    later
}

#[test]
fn what_a_device_was_before_can_be_asked_for() {
    let (folder, _) = database("history");
    let ask = |words: &[&str]| run_in(&folder, words);
    // A PLC gets another firmware, a camera another name and address (10.77.0.22, then .199).
    let later = a_day_later(&[(b"V2.70", b"V2.80"), (b"ipcam-gate", b"ipcam-yard"), (&[10, 77, 0, 22], &[10, 77, 0, 199])]);
    std::fs::write(folder.join("later.pcap"), later).expect("a file");
    assert_eq!(ask(&["export", "--db", "a.db", "--format", "json", "--output", "before.json"]).status, 0);
    assert_eq!(ask(&["replay", "later.pcap", "--db", "a.db"]).status, 0);
    let firmware = ask(&["explain", "10.77.0.11", "firmware", "--db", "a.db"]).stdout;
    assert!(firmware.starts_with("firmware: V2.80\n") && firmware.contains("\n  before: V2.70 ("), "{firmware}");
    let camera = ask(&["explain", "44:19:b6:0a:00:22", "--db", "a.db"]).stdout;
    for line in ["  ip: 10.77.0.22 (", "  ip: 10.77.0.199 (", "hostname: ipcam-yard\n", "  before: ipcam-gate ("] {
        assert!(camera.contains(line), "{line} is not in {camera}");
    }
    let time =
        |line: &str| camera.lines().find(|one| one.contains(line)).and_then(|one| one.split(" to ").last().map(str::to_owned)).expect("a time");
    let (early, late) = (time("ip: 10.77.0.22 ("), time("ip: 10.77.0.199 ("));
    for (address, at) in [("10.77.0.22", &early), ("10.77.0.199", &late)] {
        let had = ask(&["who-had", address, "--at", at, "--db", "a.db"]);
        assert!(had.status == 0 && had.stdout.contains("44:19:b6:0a:00:22"), "{address} at {at}: {}{}", had.stdout, had.stderr);
    }
    assert_eq!(ask(&["who-had", "10.77.0.22", "--at", &late, "--db", "a.db"]).status, 1);
    let differs = ask(&["diff", "before.json", "a.db"]).stdout;
    for words in ["V2.70", "V2.80", "ipcam-yard", "10.77.0.199"] {
        assert!(differs.contains(words), "{words} is not in {differs}");
    }
}

#[test]
fn a_device_that_is_forgotten_is_in_nothing_that_is_shown_and_stays_so() {
    let (folder, capture) = database("forgotten");
    let ask = |words: &[&str]| run_in(&folder, words);
    assert_eq!(ask(&["derive", "--db", "a.db"]).status, 0);
    let before = ask(&["export", "--db", "a.db", "--format", "json"]).stdout;
    let mac =
        before.split("\"macs\"").find(|part| part.contains("\"10.77.0.13\"")).and_then(|part| part.split('"').nth(1)).expect("an address").to_owned();
    let unsaid = ask(&["forget", "10.77.0.13", "--reason", " ", "--db", "a.db"]);
    assert_eq!(unsaid.status, 2, "{}", unsaid.stderr);
    let router = ask(&["forget", "10.77.0.1", "--reason", "asked", "--db", "a.db"]);
    assert!(router.status == 2 && router.stderr.contains("are known behind it"), "{}", router.stderr);
    let dry = ask(&["forget", "10.77.0.13", "--reason", "asked", "--dry-run", "--db", "a.db"]);
    assert!(dry.status == 0 && dry.stdout.contains("would go: mac:"), "{}{}", dry.stdout, dry.stderr);
    assert!(ask(&["export", "--db", "a.db", "--format", "json"]).stdout == before);
    let done = ask(&["forget", "10.77.0.13", "--reason", "asked", "--author", "ann", "--db", "a.db"]);
    assert!(done.status == 0 && done.stdout.contains("are gone: mac:") && done.stdout.contains(" by ann, "), "{}{}", done.stdout, done.stderr);
    let absent = |text: &str| {
        let document: serde_json::Value = serde_json::from_str(text).expect("a document");
        let devices = document["devices"].as_array().expect("devices");
        assert!(devices.len() > 3 && !devices.iter().any(|device| device["macs"].to_string().contains(&mac)), "{mac} is there");
        assert!(!document["conversations"].to_string().contains("\"10.77.0.13\""));
    };
    absent(&ask(&["export", "--db", "a.db", "--format", "json"]).stdout);
    assert_eq!(ask(&["replay", &capture, "--db", "a.db"]).status, 0);
    assert_eq!(ask(&["derive", "--db", "a.db"]).status, 0);
    absent(&ask(&["export", "--db", "a.db", "--format", "json"]).stdout);
    // The capture itself beside the database, and the bytes of the file.
    absent(&ask(&["export", "a.db", &capture, "--format", "json"]).stdout);
    let bytes = std::fs::read(folder.join("a.db")).expect("a file");
    let needle: Vec<u8> = mac.split(':').map(|part| u8::from_str_radix(part, 16).expect("a byte")).collect();
    assert!(!bytes.windows(6).any(|window| window == needle), "its address is in the file");
}

#[test]
fn what_is_retained_and_what_is_not_is_said_and_first_times_stay() {
    let (folder, _) = database("retained");
    let ask = |words: &[&str]| run_in(&folder, words);
    let unclear = ask(&["retain", "--db", "a.db", "--keep", "soon"]);
    assert!(unclear.status == 2 && unclear.stderr.contains("write days, weeks or years"), "{}", unclear.stderr);
    let dry = ask(&["retain", "--db", "a.db", "--keep", "100y", "--dry-run"]);
    assert!(dry.stdout.contains("0 of 1 sources would go"), "{}", dry.stdout);
    let first = |text: &str| {
        let document: serde_json::Value = serde_json::from_str(text).expect("a document");
        let device =
            document["devices"].as_array().expect("devices").iter().find(|device| device["ips"].to_string().contains("\"10.77.0.13\"")).cloned();
        device.expect("it is there")["first_seen"].as_str().expect("a time").to_owned()
    };
    let before = first(&ask(&["export", "--db", "a.db", "--format", "json"]).stdout);
    // The same plant a day later.
    let later = a_day_later(&[]);
    std::fs::write(folder.join("later.pcap"), later).expect("a file");
    assert_eq!(ask(&["replay", "later.pcap", "--db", "b.db"]).status, 0);
    assert_ne!(first(&ask(&["export", "--db", "b.db", "--format", "json"]).stdout), before);
    let went = ask(&["retain", "--db", "a.db", "--keep", "1d"]);
    assert!(went.stdout.contains("1 of 1 sources went"), "{}{}", went.stdout, went.stderr);
    let empty = ask(&["export", "--db", "a.db", "--format", "json"]);
    assert!(empty.stdout.contains("\"devices\": []"), "{}", empty.stdout);
    assert_eq!(ask(&["merge", "b.db", "-o", "a.db"]).status, 0);
    assert_eq!(first(&ask(&["export", "--db", "a.db", "--format", "json"]).stdout), before, "a device does not become new");
    let day = &before[..10];
    let new = ask(&["findings", "--db", "a.db", "--baseline", &format!("{day}T23:59:59Z"), "--all"]);
    assert!(new.status == 0 && !new.stdout.contains("not in the baseline"), "{}", new.stdout);
    let vacuum = ask(&["vacuum", "--db", "a.db"]);
    assert!(vacuum.status == 0 && vacuum.stdout.contains("bytes given back"), "{}", vacuum.stderr);
}

#[test]
fn a_backup_is_its_owners_whole_and_never_written_over() {
    use std::os::unix::fs::MetadataExt;
    let (folder, _) = database("copied");
    let ask = |words: &[&str]| run_in(&folder, words);
    assert_eq!(ask(&["annotate", "10.77.0.13", "owner=line 3", "--db", "a.db"]).status, 0);
    let copied = ask(&["backup", "--db", "a.db", "copy.db"]);
    assert!(copied.status == 0 && copied.stdout.contains("whole: 1 sources, 1 decisions"), "{}{}", copied.stdout, copied.stderr);
    assert_eq!(std::fs::metadata(folder.join("copy.db")).expect("a file").mode() & 0o777, 0o600);
    assert!(ask(&["export", "--db", "copy.db"]).stdout == ask(&["export", "--db", "a.db"]).stdout);
    let again = ask(&["backup", "--db", "a.db", "copy.db"]);
    assert!(again.status == 1 && again.stderr.contains("copy.db: File exists"), "{}", again.stderr);
    drop(enrollment::store::Store::open(&folder.join("registrar.db")).expect("the registrar's"));
    let registrar = ask(&["backup", "--db", "registrar.db", "registrar-copy.db"]);
    assert!(registrar.status == 0 && registrar.stdout.contains("whole: 0 entries of the log"), "{}{}", registrar.stdout, registrar.stderr);
    std::fs::write(folder.join("text.db"), "no database").expect("a file");
    let foreign = ask(&["backup", "--db", "text.db", "text-copy.db"]);
    assert!(foreign.status == 1 && !folder.join("text-copy.db").exists(), "{}", foreign.stderr);
}
