//! From a capture to a delivered proposal on the command line: two people with keys of their own, a file target, and the log.

use enrollment::policy::Policy;
use enrollment::registrar::Registrar;
use enrollment::request::Request;
use enrollment::store::{Listed, Polled, Store};
use enrollment::target::{Capabilities, Failure, Issued, IssuedList, Posture, Registered, Status, Target};
use enrollment::targets::Settings;
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

/// A vault that lists its CA.
struct Vault;

impl Target for Vault {
    fn kind(&self) -> &'static str {
        "vault"
    }
    fn probe(&mut self) -> Result<Capabilities, Failure> {
        Ok(Capabilities::default())
    }
    fn register(&mut self, _: &Request) -> Result<Registered, Failure> {
        Ok(Registered::default())
    }
    fn sign(&mut self, _: &Request, _: &str) -> Result<Issued, Failure> {
        Ok(Issued::default())
    }
    fn status(&mut self, _: &Registered) -> Result<Status, Failure> {
        Ok(Status::Registered)
    }
    fn issued(&mut self, _: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        let certificate_pem = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps/proof/trust/ca.pem")).unwrap();
        Ok(IssuedList { authorities: vec![Issued { certificate_pem, ..Issued::default() }], complete: true, ..IssuedList::default() })
    }
    fn posture(&mut self, _: &Registered, _: &Posture) -> Result<(), Failure> {
        Ok(())
    }
    fn propose_deactivation(&mut self, _: &Registered, _: &str) -> Result<(), Failure> {
        Ok(())
    }
}

/// What a vault lists, as the registrar keeps it: its CA, and one certificate.
fn vault_lists(folder: &Path, sha256: &str, complete: bool, now: i64) {
    let policy = Policy { targets: [("vault".to_owned(), Settings::default())].into(), ..Policy::default() };
    let mut registrar = Registrar { store: Store::open(&folder.join("plant.registrar.db")).unwrap(), policy };
    registrar.poll(&mut |_| Ok(Box::new(Vault)), now, &mut |_| false).unwrap();
    let polled = Polled { complete, ..registrar.store.polled("vault").unwrap().unwrap() };
    let leaf = Listed { target: "vault".into(), serial: "02".into(), sha256: sha256.into(), names: vec!["lathe".into()], ..Listed::default() };
    registrar.store.keep_list("vault", &[leaf], &[], &polled, now).unwrap();
}

#[test]
fn who_is_on_a_vaults_list_is_managed_and_not_proposed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str], beside: &[&str]| wirecensus(folder.path(), words, beside);
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps/proof/handshakes.pcap");
    assert!(run(&["replay", capture, "--db", "plant.db"], &[]).0);
    let document = |beside: &[&str]| -> inventory::Document {
        let (went, text) = run(&["export", "--format", "json", "--db", "plant.db"], beside);
        assert!(went, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let before = document(&[]);
    let lathe = before.certificates.iter().find(|one| one.subject.starts_with("CN=lathe")).unwrap();
    let managed = |document: &inventory::Document, id: &str| document.devices.iter().find(|device| device.id == id).unwrap().managed.clone();
    assert_eq!(managed(&before, &lathe.presented_by[0]).state, "unknown");
    assert!(!run(&["export", "--format", "json", "--db", "plant.db", "--managed", "registrar:plant.registrar.db"], &[]).0, "none is made");
    let config = "[[enrollment.rule]]\nname = \"all\"\nconfidence = 0\ntarget = \"vault\"\nprofile = \"host\"\n[enrollment.targets.vault]\n\
                  kind = \"file\"\nformat = \"csv\"\nfolder = \"out\"\n";
    std::fs::write(folder.path().join("w.toml"), config).unwrap();
    let place = ["--db", "plant.db", "--config", "w.toml"];
    assert!(run(&["enroll", "candidates"], &place).1.contains("lathe.plant.example"));

    let as_of = before.as_of.as_deref().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    vault_lists(folder.path(), &lathe.sha256, false, as_of);
    let unlisted = document(&["--managed", "registrar:plant.registrar.db"]);
    assert!(unlisted.devices.iter().all(|device| device.managed.state != "unmanaged"), "a list that is not whole makes nobody unmanaged");
    vault_lists(folder.path(), &lathe.sha256, true, as_of);
    let after = document(&["--managed", "registrar:plant.registrar.db"]);
    let found = managed(&after, &lathe.presented_by[0]);
    assert_eq!((&*found.state, found.authority.as_deref(), found.key_class.as_deref()), ("verified", Some("vault"), Some("certificate")));
    assert!(after.devices.iter().any(|device| device.managed.state == "unmanaged"), "the list covers the site");
    assert!(after.findings.iter().chain(after.devices.iter().flat_map(|device| &device.findings)).all(|one| one.rule != "CRT-007"));
    assert!(!run(&["enroll", "candidates"], &place).1.contains("lathe.plant.example"), "who is listed is no candidate");

    assert!(run(&["enroll", "plan", "--output", "plan.json"], &place).0);
    let (went, text) = run(&["enroll", "status", "--json"], &place);
    assert!(went, "{text}");
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&status["lists"][0]["target"], &status["lists"][0]["complete"]), (&"vault".into(), &true.into()));
    let not_issued: Vec<_> = status["findings"].as_array().unwrap().iter().map(|one| (one["rule"].clone(), one["what"].clone())).collect();
    // By the root itself, and on no list; what an intermediate of it issued is not the vault's to list.
    assert_eq!(not_issued, [("CRT-008".into(), "not-issued".into())]);
    assert!(run(&["enroll", "status"], &place).1.contains("high CRT-008 not-issued"));

    // Taken back before it was seen.
    let mut store = Store::open(&folder.path().join("plant.registrar.db")).unwrap();
    let polled = store.polled("vault").unwrap().unwrap();
    store.keep_list("vault", &[], &["02".into()], &polled, as_of - 60).unwrap();
    let after = document(&["--managed", "registrar:plant.registrar.db"]);
    let found = managed(&after, &lathe.presented_by[0]);
    assert_eq!((&*found.state, found.authority.as_deref()), ("conflict", Some("vault")), "{}", found.reason);

    std::fs::write(folder.path().join("broker.csv"), "time,serial\n2026-11-22T10:00:00Z,77\n").unwrap();
    let (went, text) = run(&["enroll", "import-use", "--kind", "csv", "broker.csv"], &place);
    assert!(went && text.starts_with("1 lines: 1 uses, 0 of them of 0 requests"), "{text}");
    assert!(!run(&["enroll", "import-use", "--kind", "vault-audit", "none.log"], &place).0);
}

#[test]
fn what_cannot_hold_an_identity_is_delegated_or_compensated_until_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str], beside: &[&str]| wirecensus(folder.path(), words, beside);
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../pcaps/ssh/openssh-and-dropbear.pcap");
    assert!(run(&["replay", capture, "--db", "plant.db"], &[]).0);
    let config = "[[enrollment.rule]]\nname = \"all\"\nconfidence = 0\ntarget = \"table\"\nprofile = \"host\"\nmethod = \"none there is\"\n\
                  [enrollment.targets.table]\nkind = \"file\"\nformat = \"csv\"\nfolder = \"out\"\n";
    std::fs::write(folder.path().join("w.toml"), config).unwrap();
    let place = ["--db", "plant.db", "--config", "w.toml"];
    let candidates: serde_json::Value = serde_json::from_str(&run(&["enroll", "candidates", "--json"], &place).1).unwrap();
    let device = candidates[0]["device"].as_str().unwrap();
    assert!(candidates[0]["not_proposed"].as_str().unwrap().contains("no way to an identity"), "{candidates}");
    let end = |day: &str| run(&["enroll", "compensate", device, "--zone", "cell 3", "--owner", "anna", "--review", day, "--as", "bob"], &place);
    assert!(end("2001-02-03").1.contains("is past"));
    let (went, text) = end("2099-12-31");
    assert!(went && text.contains("compensated by zone cell 3, owner anna, until 2099-12-31"), "{text}");
    let id = text.split_whitespace().next().unwrap().to_owned();
    assert!(
        run(&["enroll", "delegate", &id, "--to", "gw", "--owner", "anna", "--review", "2099-12-31", "--as", "bob"], &place)
            .1
            .contains("cannot be delegated")
    );
    assert!(run(&["enroll", "status"], &place).1.contains("compensated by zone cell 3"));
    let status: serde_json::Value = serde_json::from_str(&run(&["enroll", "status", "--json"], &place).1).unwrap();
    assert_eq!((&status["exceptions"][0]["by"], &status["exceptions"][0]["due"]), (&"cell 3".into(), &false.into()));
    let (whole, words) = run(&["audit", "verify"], &place[..2]);
    // What the first command found configured, the proposal, the end.
    assert!(whole && words.starts_with("3 entries, whole"), "{words}");
    assert!(run(&["enroll", "propose"], &place).1.contains("where to? --to"));
    assert!(run(&["enroll", "serve", "--listen", "127.0.0.1:0"], &place).1.contains("nobody may use the front"));
    assert!(run(&["enroll", "self", "--config", "w.toml"], &[]).1.contains("[enrollment.self]"));
}
