//! A sensor and two people on other hosts, a registrar that listens, and a vault: each a process of its own.

use crate::captures;
use crate::command::{command, run_in};
use crate::whole_way::support::{Bao, leaf, start, write};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long a delivery may take; a loaded machine takes a few seconds.
const DELIVERED: Duration = Duration::from_secs(120);

/// A registrar that listens.
struct Serving {
    child: Child,
    address: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path) -> Serving {
    let words = ["enroll", "serve", "--listen", "127.0.0.1:0", "--registrar", "r.db", "--config", "w.toml", "--every", "1"];
    let log = std::fs::File::create(folder.join("log")).expect("a file");
    let child = command(&words).current_dir(folder).stdin(Stdio::null()).stderr(log).spawn().expect("it starts");
    let begun = Instant::now();
    let told = || {
        let log = BufReader::new(std::fs::File::open(folder.join("log")).expect("a log"));
        log.lines().map_while(Result::ok).find_map(|line| line.split_once("listens on ").map(|(_, address)| address.to_owned()))
    };
    let mut serving = Serving { child, address: String::new() };
    while serving.address.is_empty() {
        assert!(begun.elapsed() < DELIVERED, "{}", std::fs::read_to_string(folder.join("log")).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(50));
        serving.address = told().unwrap_or_default();
    }
    serving
}

fn said(folder: &Path, words: &[&str]) -> String {
    let ran = run_in(folder, words);
    assert_eq!(ran.status, 0, "{words:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout
}

#[test]
fn a_sensor_proposes_and_people_agree_from_other_hosts() {
    let Some(bao) = start() else { return };
    let root = captures::folder("sensors");
    let [sensor, registrar, people] = ["sensor", "registrar", "people"].map(|name| root.join(name));
    [&sensor, &registrar, &people].iter().for_each(|folder| std::fs::create_dir(folder).expect("a folder"));
    let capture = captures::root().join("pcaps/ssh/openssh-and-dropbear.pcap");
    said(&sensor, &["replay", &capture.to_string_lossy(), "--db", "plant.db"]);
    let key = said(&sensor, &["enroll", "key", "plant.sensor.key"]);
    let rule = "[[enrollment.rule]]\nname = \"all\"\nconfidence = 0\ntarget = \"vault\"\nprofile = \"iot-camera\"\n";
    write(&sensor.join("w.toml"), &format!("{rule}[enrollment.registrar]\nca_file = {:?}\n", bao.file("ca.crt")));
    let tokens = configure(&bao, &registrar, key.trim());
    let serving = serve(&registrar);
    let address = serving.address.as_str();

    let propose = ["enroll", "propose", "--to", address, "--db", "plant.db", "--config", "w.toml"];
    let proposed = said(&sensor, &propose);
    let id = proposed.split_whitespace().nth(1).expect("an id");
    assert!(proposed.contains("pending_approval") && proposed.contains(", 0 known, 0 refused"), "{proposed}");
    assert!(said(&sensor, &propose).contains("0 new or changed, "), "proposing again is the same");
    assert!(!sensor.join("plant.registrar.db").exists(), "a sensor has no registrar's database");

    let ca = bao.file("ca.crt").to_string_lossy().into_owned();
    let there = ["--at", address, "--ca-file", &ca, "--vault-token-file"];
    let approve = |name: &str, beside: &[&str]| run_in(&people, &[&["enroll", "approve", id], &there[..], &[name], beside].concat());
    for (name, token) in ["anna", "bob", "eve"].into_iter().zip(&tokens) {
        write(&people.join(name), token);
    }
    let shown: Value = serde_json::from_str(&approve("anna", &[]).stdout).expect("what would be sent");
    assert_eq!(shown[0]["id"], id);
    let eve = approve("eve", &["--yes"]);
    assert!(eve.status != 0 && eve.stderr.contains("no approver's"), "{}", eve.stderr);
    for (name, words) in [("anna", "1 of 2 agree"), ("bob", "2 of 2 agree")] {
        let said = approve(name, &["--yes"]);
        assert!(said.stdout.contains(words), "{}{}", said.stdout, said.stderr);
    }
    delivered(&bao, &registrar, &shown[0]);
    drop(serving);
    for token in &tokens {
        kept_nowhere(&registrar, token);
    }
}

/// The registrar's configuration; tokens of two approvers and of one who is none.
fn configure(bao: &Bao, registrar: &Path, sensor: &str) -> [String; 3] {
    let (certificate, key) = leaf(&bao.ca, "registrar", &["127.0.0.1"]);
    write(&registrar.join("front.crt"), &certificate);
    write(&registrar.join("front.key"), &key);
    let (anna, entity) = bao.person("anna", &[]);
    let (bob, eve) = (bao.person("bob", &["enrollment-approver"]).0, bao.person("eve", &[]).0);
    let settings = toml::to_string(&bao.settings("registrar", false)).expect("TOML").replace("[approle]", "[enrollment.targets.vault.approle]");
    let config = format!(
        "[[enrollment.sensor]]\nname = \"north\"\npublic_key = \"{sensor}\"\n[[enrollment.approver]]\nname = \"anna\"\nentity = \"{entity}\"\n\
         [enrollment.people]\nvault = \"vault\"\npolicy = \"enrollment-approver\"\n\
         [enrollment.front]\ncert_file = \"front.crt\"\nkey_file = \"front.key\"\n[enrollment.targets.vault]\n{settings}"
    );
    write(&registrar.join("w.toml"), &config);
    [anna, bob, eve]
}

fn delivered(bao: &Bao, registrar: &Path, request: &Value) {
    let device = request["device_id"].as_str().expect("a device");
    let begun = Instant::now();
    while bao.call(&bao.root, "GET", &format!("devices/data/inventory/{device}"), &Value::Null).0 != 200 {
        assert!(begun.elapsed() < DELIVERED, "{}", std::fs::read_to_string(registrar.join("log")).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn kept_nowhere(folder: &Path, token: &str) {
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("a file");
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "a token in {}", path.display());
    }
}

#[test]
fn the_registrar_gets_an_identity_of_its_own_and_logs_in_by_it() {
    let Some(bao) = start() else { return };
    bao.own_identities("registrar-1");
    let folder = captures::folder("own-identity");
    let approle = bao.settings("sensor", true).approle.expect("a log-in for the first time");
    let config = format!(
        "[enrollment.self]\nvault = \"vault\"\npki_mount = \"pki-sensors\"\nrole = \"sensor\"\ncommon_name = \"registrar-1\"\nttl = \"24h\"\n\
         file = \"own.pem\"\napprole = {{ role_id_file = {:?}, secret_id_file = {:?}, wrapped = true }}\n[enrollment.targets.vault]\n\
         client_cert_file = \"own.pem\"\nclient_key_file = \"own.pem\"\n{}",
        approle.role_id_file,
        approle.secret_id_file,
        toml::to_string(&bao.plain_settings()).expect("TOML"),
    );
    write(&folder.join("w.toml"), &config);
    let test = ["enroll", "test-target", "vault", "--config", "w.toml"];
    assert!(run_in(&folder, &test).stderr.contains("client_cert_file"), "nothing is there yet");
    assert!(said(&folder, &["enroll", "self", "--config", "w.toml"]).starts_with("certificate "));
    assert!(said(&folder, &["enroll", "self", "--config", "w.toml"]).contains("holds until"), "it is not due");
    assert!(said(&folder, &test).contains("register: yes"));
}
