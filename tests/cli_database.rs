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
