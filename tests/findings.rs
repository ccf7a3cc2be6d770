//! Findings: each rule is triggered by a capture, its near misses are not, and what is told of them is what the catalogue says.

use crate::captures::{self, folder, root};
use crate::command::run_in;
use inventory::Document;
use inventory::document::{Device, Finding};
use inventory::judge::catalogue::Catalogue;
use std::collections::BTreeSet;
use std::path::Path;

/// What an operator knows of the plant in `plant-and-office.pcap`: a cell and an office in it, a conduit between them, a list.
const POLICY: &str = r#"
[[zone]]
name = "cell"
networks = ["10.77.0.8/29", "10.77.0.16/28"]
level = "1"

[[zone]]
name = "office"
networks = ["10.77.0.0/16", "10.78.0.0/16", "fd00:77::/64"]
level = "4"

[[conduit]]
from = "office"
to = "cell"
protocols = ["s7comm"]

[severity.CRD-006]
severity = "low"
reason = "read only"

[[issuer]]
name = "CN=Some Other CA"

[[managed]]
file = "cmdb.csv"
name = "CMDB"
as_of = "2026-11-22T00:00:00Z"
"#;

const LIST: &str =
    "name,mac,serial,status\nM340,00:80:f4:0a:00:11,,active\nold printer,00:1b:a9:0a:00:23,,retired\nspare,00:80:f4:ff:ff:01,,active\n";

/// What an operator knows of the plant in `newcomers.pcap`, whose second day begins after the baseline.
const NEWCOMERS: &str = r#"
engineering = ["10.94.0.6"]
advisories = ["csaf"]

[baseline]
as_of = "2026-03-02T20:00:00Z"

[[zone]]
name = "hall"
networks = ["10.94.0.0/24"]
ipv4_only = true
"#;

/// An advisory about presses that do not exist.
const ADVISORY: &str = include_str!("data/csaf-example.json");

/// Rules, and captures in which a protocol is used as it should be, or nearly as the rule forbids.
const NEAR_MISSES: &[(&str, &str)] = &[
    ("CRT-001", "tls/tls12-chain-of-two"),
    ("CRT-004", "tls/tls12-chain-of-two"),
    ("CRT-006", "tls/tls12-chain-of-two"),
    ("CRT-009", "tls/tls12-mutual"),
    ("CRT-022", "tls/tls12-mutual"),
    ("CRT-022", "tls/tls12-chain-of-two"),
    ("CRT-013", "tls/tls12-mutual"),
    ("CRT-010", "tls/tls12-mutual"),
    ("OT-018", "opcua/picked-up-in-the-middle"),
    ("OT-004", "s7comm/szl-and-data-blocks"),
    ("OT-001", "modbus/stranger-on-port"),
    ("OT-028", "omron-fins/controller-data"),
    ("OT-029", "omron-fins/controller-data"),
    ("OT-024", "bacnet/who-is-and-device-object"),
    ("CRD-003", "http/stranger-on-port"),
    ("CRD-007", "snmp/stranger-on-port"),
    ("INV-002", "weakness/newcomers"),
    ("OT-002", "weakness/newcomers"),
    ("OT-013", "weakness/newcomers"),
    ("NET-008", "weakness/newcomers"),
    ("INV-009", "weakness/newcomers"),
    ("INV-010", "mqtt/sparkplug-births"),
    ("OT-022", "smb/smb1-and-smb3"),
    ("OT-031", "s7comm/szl-and-data-blocks"),
    ("NET-006", "s7comm/szl-and-data-blocks"),
    ("NET-010", "capwap/discovery-and-join"),
];

fn findings(document: &Document) -> impl Iterator<Item = &Finding> {
    document.findings.iter().chain(document.devices.iter().flat_map(|device| &device.findings))
}

/// The plant as the command tells it to somebody who has a policy.
fn plant(folder: &Path, arguments: &[&str]) -> Document {
    std::fs::write(folder.join("policy.toml"), POLICY).expect("a file can be written");
    std::fs::write(folder.join("cmdb.csv"), LIST).expect("a file can be written");
    replay(folder, "plant-and-office", arguments)
}

/// The plant of two days as the command tells it to somebody who has a policy.
fn newcomers(folder: &Path, policy: &str) -> Document {
    advisories(folder, ADVISORY);
    std::fs::write(folder.join("newcomers.toml"), policy).expect("a file can be written");
    replay(folder, "weakness/newcomers", &["--policy", "newcomers.toml"])
}

fn advisories(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder.join("csaf/2026")).expect("a folder can be made");
    std::fs::write(folder.join("csaf/2026/example.json"), text).expect("a file can be written");
}

/// Rules that a device shows.
fn rules<'d>(document: &'d Document, ip: &str) -> BTreeSet<&'d str> {
    device(document, ip).findings.iter().map(|finding| &*finding.rule).collect()
}

/// A capture as the command tells it.
fn replay(folder: &Path, name: &str, arguments: &[&str]) -> Document {
    let capture = root().join(format!("pcaps/{name}.pcap")).to_string_lossy().into_owned();
    let ran = run_in(folder, &[&["replay", &capture, "--format", "json"], arguments].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("a document")
}

fn device<'d>(document: &'d Document, ip: &str) -> &'d Device {
    document.devices.iter().find(|device| device.kind == "device" && device.ips.iter().any(|own| own == ip)).expect("a device of the plant")
}

/// A capture of `proof/` as the command tells it to the operator of that plant.
fn trusting(folder: &Path, name: &str) -> Document {
    let policy = root().join("pcaps/proof/trust/policy.toml").to_string_lossy().into_owned();
    replay(folder, name, &["--policy", &policy])
}

#[test]
fn certificates_are_judged_by_what_an_operator_has() {
    let own = folder("trusting");
    let document = trusting(&own, "proof/handshakes");
    let of = |host: u8| device(&document, &format!("10.101.0.{host}"));
    let rules =
        |host: u8| of(host).findings.iter().map(|one| &*one.rule).filter(|rule| rule.starts_with("CRT") || *rule == "INV-012").collect::<Vec<_>>();
    let has = |host: u8, rule: &str| rules(host).contains(&rule);
    // What is as it should be: a server and its client, both by good signatures.
    assert_eq!((&*of(11).managed.state, &*of(6).managed.state), ("verified", "verified"));
    assert!(rules(11).is_empty(), "{:?}", rules(11));
    let proven = |host: u8| of(host).identities.iter().any(|one| one.kind == "x509" && one.proven && !one.proof.is_empty());
    assert!([6, 11, 13, 14, 15, 18].into_iter().all(proven) && !proven(12));
    // A signature that was changed, an authority of another's, a revoked one.
    assert!(has(12, "CRT-022") && has(13, "CRT-007") && has(14, "CRT-015"));
    assert_eq!([12, 13, 14].map(|host| &*of(host).managed.state), ["conflict"; 3]);
    // The press is on a list of revoked ones that its issuer did not sign.
    assert!(!has(11, "CRT-015") && document.coverage.reservations.iter().any(|line| line.contains("forged.crl")));
    assert!(has(17, "CRT-011") && !has(19, "CRT-011") && has(19, "CRT-008") && !has(20, "CRT-008"));
    assert!(has(20, "CRT-017") && !has(19, "CRT-017") && has(19, "CRT-014") && !has(15, "CRT-014") && !has(18, "CRT-014"));
    assert!(has(21, "INV-012") && !has(22, "INV-012") && has(23, "CRT-013") && !has(22, "CRT-013"));
    // TLS 1.3 hides certificate and signature: nothing is told of either.
    assert!(of(16).identities.iter().all(|one| one.kind != "x509") && of(16).managed.state == "unknown" && rules(16).is_empty());
    let sessions = trusting(&own, "proof/opcua-sign");
    let of = |host: u8| device(&sessions, &format!("10.101.0.{host}"));
    let proven = |host: u8| of(host).identities.iter().any(|one| one.kind == "x509" && one.proven);
    assert!(proven(90) && proven(91) && !proven(92) && of(92).findings.iter().any(|one| one.rule == "CRT-022"));
    assert!(of(91).findings.iter().all(|one| one.rule != "CRT-011" && one.rule != "CRT-022"));
}

#[test]
fn equal_secrets_are_told_as_groups_and_what_was_not_compared_is_said() {
    let own = folder("equal-secrets");
    let capture = root().join("pcaps/plant-and-office.pcap").to_string_lossy().into_owned();
    let document = |arguments: &[&str]| -> Document {
        let ran = run_in(&own, &[arguments, &["--format", "json"]].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).expect("a document")
    };
    let of = |document: &Document, rule: &str| findings(document).filter(|one| one.rule == rule).count();
    let tagged = document(&["replay", &capture, "--db", "tagged.db", "--site-key", "site.key"]);
    assert_eq!(tagged.coverage.shared_secrets.iter().map(|group| (group.uses.join(","), group.devices.len())).collect::<Vec<_>>().len(), 2);
    assert!(tagged.coverage.shared_secrets.iter().any(|group| group.uses == ["snmp community"] && group.devices.len() == 2));
    assert!(tagged.coverage.reservations.is_empty() && of(&tagged, "CRD-038") == 4 && of(&tagged, "CRD-007") == 2);
    // Without a key nothing is tagged, and with another one tags are of no use against lists: both are said.
    let plain = document(&["replay", &capture, "--db", "plain.db"]);
    assert!(plain.coverage.shared_secrets.is_empty() && plain.coverage.reservations.iter().any(|line| line.contains("not tagged")));
    let without = document(&["export", "--db", "tagged.db"]);
    assert!(of(&without, "CRD-007") == 0 && without.coverage.reservations.iter().any(|line| line.contains("--site-key")));
    assert_eq!(run_in(&own, &["derive", "--db", "tagged.db", "--site-key", "site.key"]).status, 0);
    let with = document(&["export", "--db", "tagged.db", "--site-key", "site.key"]);
    assert!(of(&with, "CRD-007") == 2 && with.coverage.reservations.is_empty());
}

#[test]
fn without_an_operator_s_files_nobody_is_judged_by_them() {
    let capture = captures::all().iter().find(|capture| capture.name == "proof/handshakes").expect("a capture");
    let asked = ["CRT-007", "CRT-008", "CRT-014", "CRT-015", "CRT-016", "CRT-017"];
    assert!(findings(&capture.document).all(|one| !asked.contains(&&*one.rule)));
    assert!(capture.document.devices.iter().all(|device| device.managed.state == "unknown"));
}

#[test]
fn every_rule_is_triggered_by_a_capture() {
    let own = folder("every-rule");
    let with_policy = plant(&own, &["--policy", "policy.toml"]);
    // Without a key nothing is tagged: the command makes one.
    let tagged = replay(&own, "weakness/identities-and-zones", &[]);
    let (newcomers, advised) = (newcomers(&own, NEWCOMERS), replay(&own, "mqtt/sparkplug-births", &["--advisories", "csaf"]));
    let flooded = crate::flood::flooded();
    let trusting = ["proof/handshakes", "proof/opcua-sign"].map(|name| trusting(&own, name));
    let all = captures::all().iter().map(|capture| &capture.document).chain(&trusting).chain([&with_policy, &tagged, &newcomers, &advised, &flooded]);
    let told: BTreeSet<&str> = all.flat_map(findings).map(|one| &*one.rule).collect();
    let silent: Vec<&str> = Catalogue::built_in().rules.iter().map(|rule| rule.id.as_str()).filter(|id| !told.contains(id)).collect();
    assert!(silent.is_empty(), "no capture triggers {}", silent.join(", "));
}

#[test]
fn what_is_as_it_should_be_triggers_nothing() {
    for (rule, name) in NEAR_MISSES {
        let capture = captures::all().iter().find(|capture| capture.name == *name).unwrap_or_else(|| panic!("no capture is called {name}"));
        assert!(Catalogue::built_in().by_id(rule).is_some(), "{rule}");
        assert!(findings(&capture.document).all(|finding| finding.rule != *rule), "{name} triggers {rule}");
    }
}

#[test]
fn a_posture_is_told_once_a_zone_with_its_devices() {
    for capture in captures::all() {
        let of_zones: Vec<&Finding> = capture.document.findings.iter().filter(|finding| finding.scope == "zone").collect();
        let ids: BTreeSet<&str> = of_zones.iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(ids.len(), of_zones.len(), "{}: each id once", capture.name);
        for device in &capture.document.devices {
            for finding in device.findings.iter().filter(|finding| finding.scope == "zone") {
                let whole = of_zones.iter().find(|whole| whole.id == finding.id);
                assert!(whole.is_some_and(|whole| whole.devices.contains(&device.id)), "{}: {} of {}", capture.name, finding.rule, device.id);
            }
        }
    }
}

#[test]
fn every_finding_says_what_shows_it() {
    for capture in captures::all() {
        for finding in findings(&capture.document) {
            assert!(!finding.details.is_empty() && finding.count > 0, "{}: {}", capture.name, finding.rule);
            let packets = capture.document.sources.iter().map(|source| source.packets).max().unwrap_or(0);
            for span in finding.evidence.iter().flat_map(|evidence| &evidence.spans) {
                assert!((1..=packets).contains(&span.packet), "{}: {} names packet {}", capture.name, finding.rule, span.packet);
            }
        }
    }
}

#[test]
fn a_policy_decides_on_zones_severities_and_who_is_managed() {
    let own = folder("policy");
    let document = plant(&own, &["--policy", "policy.toml"]);
    let plc = device(&document, "10.77.0.11");
    assert_eq!((plc.zone.as_deref(), plc.purdue_level.as_deref()), (Some("cell"), Some("1")));
    assert_eq!((&*plc.managed.state, plc.managed.key_class.as_deref()), ("listed", Some("mac")));
    let printer = device(&document, "10.77.0.23");
    assert_eq!(printer.managed.state, "retired");
    assert!(printer.findings.iter().any(|finding| finding.rule == "INV-004"));
    assert_eq!(device(&document, "10.77.0.12").managed.state, "unmanaged");
    let community = findings(&document).find(|finding| finding.rule == "CRD-006").expect("SNMP v1 is in the plant");
    assert_eq!(community.severity, "low");
    let without = plant(&own, &[]);
    assert_eq!(device(&without, "10.77.0.12").managed.state, "unknown");
}

#[test]
fn a_list_that_is_not_fresh_makes_nobody_unmanaged() {
    let own = folder("stale-list");
    std::fs::write(own.join("stale.toml"), POLICY.replace("2026-11-22T00:00:00Z", "2026-10-01T00:00:00Z")).expect("a file can be written");
    let document = plant(&own, &["--policy", "stale.toml"]);
    assert_eq!(device(&document, "10.77.0.12").managed.state, "unknown");
    assert_eq!(device(&document, "10.77.0.11").managed.state, "listed");
}

#[test]
fn the_gate_ends_with_status_3() {
    let own = folder("gate");
    let capture = root().join("pcaps/tls/expired.pcap").to_string_lossy().into_owned();
    let status = |arguments: &[&str]| run_in(&own, arguments).status;
    assert_eq!(status(&["findings", &capture, "--fail-on", "high"]), 3);
    assert_eq!(status(&["findings", &capture, "--fail-on", "critical"]), 0);
    assert_eq!(status(&["replay", &capture, "--fail-on", "high"]), 3);
    assert_eq!(status(&["findings", &capture, "--rule", "XYZ-1"]), 2);
    assert_eq!(status(&["replay", &capture, "--managed", "missing.csv"]), 2);
}

#[test]
fn a_suppressed_finding_counts_no_longer_until_it_does() {
    let own = folder("suppressed");
    let capture = root().join("pcaps/tls/expired.pcap").to_string_lossy().into_owned();
    assert_eq!(run_in(&own, &["replay", &capture, "--db", "p.db"]).status, 0);
    let gate = || run_in(&own, &["findings", "--db", "p.db", "--rule", "CRT-004", "--fail-on", "high"]);
    assert_eq!(gate().status, 3);
    let suppress = |arguments: &[&str]| run_in(&own, &[&["suppress", "10.77.0.23", "CRT-004", "--db", "p.db"], arguments].concat()).status;
    assert_eq!(suppress(&["--reason", "to be replaced", "--until", "2026-01-01"]), 0);
    assert_eq!(gate().status, 3, "it ended before the capture");
    assert_eq!(suppress(&["--reason", "to be replaced", "--until", "2099-01-01"]), 0);
    assert_eq!(gate().status, 0);
    let all = run_in(&own, &["findings", "--db", "p.db", "--all"]).stdout;
    assert!(all.contains("CRT-004") && all.contains("suppressed: to be replaced ("), "{all}");
    assert!(run_in(&own, &["findings", "--db", "p.db"]).stdout.contains("`--all` shows them"));
    let note = |whom: &str, rule: &str, more: &[&str]| {
        run_in(&own, &[&["suppress", whom, rule, "--db", "p.db", "--reason", "a test"], more].concat()).stderr
    };
    assert!(note("10.77.0.23", "OT-001", &[]).contains("OT-001 is not found of 10.77.0.23 now"));
    assert!(note("zone:nowhere", "CRT-004", &[]).contains("not found of the zone nowhere"));
    assert!(note("10.77.0.23", "CRT-009", &["--until", "2020-01-01"]).contains("that time is over already"));
    assert_eq!(suppress(&["--take-back"]), 0);
    assert_eq!(gate().status, 3);
    assert_eq!(suppress(&[]), 2, "without a reason nothing is suppressed");
}

#[test]
fn the_documentation_is_the_catalogue() {
    let printed = run_in(&root(), &["findings", "--catalogue"]).stdout;
    let path = root().join("docs/findings.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &printed).expect("the documentation can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(captures::first_difference(&written, &printed), None, "`wirecensus findings --catalogue > docs/findings.md` writes it anew");
}

#[test]
fn who_comes_after_the_baseline_is_new_and_who_was_there_is_not() {
    let own = folder("newcomers");
    let document = newcomers(&own, NEWCOMERS);
    let of = |ip: &str| rules(&document, ip);
    assert!(of("10.94.0.99").is_superset(&["INV-002", "OT-002", "OT-013"].into()), "{:?}", of("10.94.0.99"));
    assert!(of("10.94.0.56").is_superset(&["INV-002", "NET-006", "OT-031"].into()) && !of("10.94.0.56").contains("OT-002"));
    assert!(of("10.94.0.6").contains("NET-008"));
    for known in ["10.94.0.6", "10.94.0.7", "10.94.0.11", "10.94.0.31"] {
        assert!(of(known).is_disjoint(&["INV-002", "OT-002", "OT-013", "NET-006"].into()), "{known}: {:?}", of(known));
    }
    let new = device(&document, "10.94.0.99").findings.iter().find(|finding| finding.rule == "INV-002").expect("it is new");
    assert!(new.evidence.iter().flat_map(|evidence| &evidence.spans).any(|span| span.packet > 40), "{:?}", new.evidence);
}

#[test]
fn classic_opc_is_weak_below_packet_integrity_and_its_resolver_is_not() {
    let capture = captures::all().iter().find(|capture| capture.name == "weakness/classic-opc").expect("a capture of classic OPC");
    assert!(rules(&capture.document, "10.96.0.20").contains("OT-022") && !rules(&capture.document, "10.96.0.21").contains("OT-022"));
    let weak = device(&capture.document, "10.96.0.20").findings.iter().find(|finding| finding.rule == "OT-022").expect("a server below");
    assert_eq!(weak.details.len(), 3, "{:?}", weak.details);
}

#[test]
fn a_baseline_of_which_nothing_was_seen_makes_nobody_new() {
    let own = folder("no-baseline");
    let new = ["INV-002", "OT-002", "OT-013"];
    // Before the first packet nobody watched; at the end of the last everybody was there.
    for time in ["2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z"] {
        let document = newcomers(&own, &NEWCOMERS.replace("2026-03-02T20:00:00Z", time));
        assert!(findings(&document).all(|finding| !new.contains(&&*finding.rule)), "{time}");
    }
}

#[test]
fn a_document_is_a_baseline_of_its_own_network_alone() {
    let own = folder("baseline-document");
    let export = |name: &str, file: &str, more: &[&str]| {
        let capture = root().join(format!("pcaps/{name}.pcap")).to_string_lossy().into_owned();
        assert_eq!(run_in(&own, &[&["replay", &capture, "--format", "json", "--output", file], more].concat()).status, 0);
    };
    export("weakness/newcomers", "old.json", &["--bpf", "not host 10.94.0.99"]);
    export("weakness/newcomers", "whole.json", &[]);
    export("weakness/newcomers", "redacted.json", &["--redact"]);
    export("modbus/device-identification", "other.json", &[]);
    let against = |file: &str| replay(&own, "weakness/newcomers", &["--baseline", file]);
    let document = against("old.json");
    assert!(rules(&document, "10.94.0.99").is_superset(&["INV-002", "OT-002", "OT-013"].into()));
    assert!(rules(&document, "10.94.0.56").is_disjoint(&["INV-002"].into()));
    for file in ["whole.json", "redacted.json", "other.json"] {
        assert!(findings(&against(file)).all(|finding| !["INV-002", "OT-002", "OT-013"].contains(&&*finding.rule)), "{file}");
    }
}

#[test]
fn masters_that_a_policy_names_may_ask_and_nobody_else() {
    let own = folder("masters");
    let list = |clients: &str| format!("[[master]]\nprotocols = [\"modbus\", \"iec60870_104\"]\nclients = [{clients}]\n");
    let document = newcomers(&own, &list("\"10.94.0.6\", \"10.94.0.7\""));
    assert!(rules(&document, "10.94.0.99").is_superset(&["OT-002", "OT-013"].into()));
    assert!(rules(&document, "10.94.0.6").is_disjoint(&["OT-002", "OT-013"].into()) && rules(&document, "10.94.0.7").is_disjoint(&["OT-013"].into()));
    let all = newcomers(&own, &list("\"10.94.0.0/24\""));
    assert!(findings(&all).all(|finding| !["OT-002", "OT-013"].contains(&&*finding.rule)));
}

#[test]
fn without_a_list_of_engineering_stations_a_camera_that_programs_is_no_more_than_medium() {
    let own = folder("engineering");
    let severity = |document: &Document| {
        let of = device(document, "10.94.0.56").findings.iter().find(|finding| finding.rule == "NET-006");
        of.map(|finding| finding.severity.clone()).expect("a camera that programs")
    };
    assert_eq!(severity(&newcomers(&own, NEWCOMERS)), "high");
    assert_eq!(severity(&newcomers(&own, "")), "medium");
}

#[test]
fn an_advisory_is_held_against_what_a_device_says_and_never_guessed() {
    let own = folder("advised");
    let verdicts = |text: &str| {
        advisories(&own, text);
        let document = replay(&own, "mqtt/sparkplug-births", &["--advisories", "csaf"]);
        let press = document.devices.iter().find(|device| device.attributes.get("model").is_some_and(|model| model.value == "P-700"));
        let press = press.expect("a press").clone();
        let severity = press.findings.iter().find(|finding| finding.rule == "INV-010").map(|finding| finding.severity.clone());
        (press.advisories.iter().map(|one| (one.weakness.clone(), one.verdict.clone())).collect::<Vec<_>>(), severity)
    };
    let is = |weakness: &str, verdict: &str| (weakness.to_owned(), verdict.to_owned());
    let affected = verdicts(ADVISORY);
    assert_eq!(affected, (vec![is("CVE-2026-0001", "affected"), is("ACME-7", "not affected")], Some("high".into())));
    let beyond = verdicts(&ADVISORY.replace("<1.20", "<1.10"));
    assert_eq!(beyond, (vec![is("ACME-7", "unknown"), is("CVE-2026-0001", "not affected")], Some("low".into())));
    let unclear = verdicts(&ADVISORY.replace("vers:intdot/>=1.0|<1.20", "before the patch of May"));
    assert_eq!(unclear, (vec![is("ACME-7", "unknown"), is("CVE-2026-0001", "unknown")], Some("low".into())));
    let other = verdicts(&ADVISORY.replace("Acme Presses AG", "Other Presses AG"));
    assert_eq!(other, (vec![], None));
}

/// What SARIF 2.1.0 (OASIS) asks of a log, as far as this program writes any of it.
#[test]
fn findings_as_sarif_are_as_the_standard_asks() {
    let own = folder("sarif");
    let all = captures::all().iter().map(|capture| (capture.name.clone(), capture.document.clone()));
    for (name, document) in all.chain([("newcomers".to_owned(), newcomers(&own, NEWCOMERS))]) {
        let text = captures::text(&document, daemon::export::Format::Sarif);
        let log: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        // §3.13: version and runs; §3.14: a tool; §3.19: a driver with a name.
        assert_eq!(log["version"], "2.1.0", "{name}");
        let run = &log["runs"][0];
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string() && log["runs"].as_array().is_some_and(|runs| runs.len() == 1), "{name}");
        let rules = driver["rules"].as_array().expect("rules");
        let mut used = BTreeSet::new();
        for rule in rules {
            // §3.49: an id, once, and texts that say something.
            assert!(used.insert(rule["id"].as_str().expect("an id")), "{name}");
            assert!(
                ["shortDescription", "fullDescription", "help"].iter().all(|of| rule[*of]["text"].as_str().is_some_and(|text| !text.is_empty())),
                "{name}"
            );
        }
        let mut occurring = BTreeSet::new();
        for result in run["results"].as_array().expect("results") {
            let rule = result["ruleIndex"].as_u64().and_then(|at| rules.get(usize::try_from(at).ok()?)).expect("its rule is in the list");
            assert_eq!(rule["id"], result["ruleId"], "{name}: §3.27.6");
            occurring.insert(rule["id"].as_str().expect("an id"));
            assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{name}: §3.27.11");
            let (level, kind) = (result["level"].as_str().expect("a level"), result["kind"].as_str().expect("a kind"));
            assert!(["none", "note", "warning", "error"].contains(&level) && ["fail", "pass"].contains(&kind), "{name}");
            assert_eq!(level == "none", kind != "fail", "{name}: §3.27.10, what is no failure has no level");
            assert!(result["occurrenceCount"].as_u64().is_some_and(|count| count > 0), "{name}: §3.27.18");
            assert!(result["partialFingerprints"].as_object().is_some_and(|all| !all.is_empty() && all.values().all(serde_json::Value::is_string)));
            for location in result["locations"].as_array().expect("locations") {
                let uri = location["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap_or("a");
                assert!(!uri.is_empty() && !uri.contains([' ', '\\', '#', '?']), "{name}: {uri} is no relative reference");
            }
            for suppression in result["suppressions"].as_array().into_iter().flatten() {
                assert!(suppression["kind"] == "external" && suppression["justification"].is_string(), "{name}: §3.35");
            }
        }
        assert_eq!(used, occurring, "{name}: rules that occur, and no others");
    }
}
