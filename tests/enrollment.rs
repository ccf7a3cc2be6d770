//! From a capture to a delivered proposal on the command line: two people with keys of their own, a file target, and the log.

use std::path::Path;
use std::process::Command;

fn wirecensus(folder: &Path, words: &[&str], beside: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirecensus"));
    let output = command.current_dir(folder).args(words).args(beside).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn two_people_approve_a_plan_and_nobody_else_and_the_devices_are_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str], beside: &[&str]| wirecensus(folder.path(), words, beside);
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps/ssh/openssh-and-dropbear.pcap");
    assert!(run(&["replay", capture, "--db", "plant.db"], &[]).0);
    let (anna, bob) = (run(&["enroll", "key", "anna.key"], &[]).1, run(&["enroll", "key", "bob.key"], &[]).1);
    let config = format!(
        "[[enrollment.approver]]\nname = \"anna\"\npublic_key = \"{}\"\n[[enrollment.approver]]\nname = \"bob\"\npublic_key = \"{}\"\n[[enrollment.rule]]\nname = \"all\"\n\
         confidence = 0\ntarget = \"table\"\nprofile = \"host\"\n[enrollment.targets.table]\nkind = \"file\"\nformat = \"csv\"\nfolder = \"out\"\n",
        anna.trim(),
        bob.trim()
    );
    std::fs::write(folder.path().join("w.toml"), config).unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let place = ["--db", "plant.db", "--config", "w.toml"];
    assert!(!run(&["enroll", "status", "--db", "slip.db"], &[]).0 && !folder.path().join("slip.registrar.db").exists(), "a slip makes nothing");
    assert!(run(&["enroll", "candidates"], &place).1.contains("host by"));
    assert!(run(&["enroll", "plan", "--output", "plan.json"], &place).0);
    let approve = |name, key| run(&["enroll", "approve", "--plan", "plan.json", "--as", name, "--key", key, "--yes"], &place);
    assert!(approve("anna", "anna.key").1.contains("awaiting-approval"));
    assert!(approve("anna", "anna.key").1.contains("awaiting-approval"), "one person twice is one");
    assert!(!approve("bob", "anna.key").0, "another's key is refused");
    assert!(run(&["enroll", "dispatch"], &place).1.starts_with("0 registered"));
    assert!(approve("bob", "bob.key").1.contains("requested"));
    assert!(!run(&["enroll", "dispatch"], &place).1.starts_with("0 registered"));
    assert!(run(&["enroll", "status"], &place).1.contains("accepted"));
    assert!(folder.path().join("out/devices.csv").exists());
    let (whole, words) = run(&["audit", "verify"], &place[..2]);
    assert!(whole, "{words}");
    assert!(!run(&["audit", "verify", "--head", "00"], &place[..2]).0, "a head that is not there was taken away");
    let plan = std::fs::read_to_string(folder.path().join("plan.json")).unwrap();
    std::fs::write(folder.path().join("plan.json"), plan.replacen("\"host\"", "\"admin\"", 1)).unwrap();
    assert!(approve("anna", "anna.key").1.contains("it was changed since it was written"));
}
