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

/// Rules, and captures in which a protocol is used as it should be, or nearly as the rule forbids.
const NEAR_MISSES: &[(&str, &str)] = &[
    ("CRT-001", "tls/tls12-chain-of-two"),
    ("CRT-004", "tls/tls12-chain-of-two"),
    ("CRT-006", "tls/tls12-chain-of-two"),
    ("CRT-009", "tls/tls12-mutual"),
    ("CRT-010", "tls/tls12-mutual"),
    ("OT-018", "opcua/picked-up-in-the-middle"),
    ("OT-004", "s7comm/szl-and-data-blocks"),
    ("OT-001", "modbus/stranger-on-port"),
    ("OT-028", "omron-fins/controller-data"),
    ("OT-029", "omron-fins/controller-data"),
    ("OT-024", "bacnet/who-is-and-device-object"),
    ("CRD-003", "http/stranger-on-port"),
    ("CRD-007", "snmp/stranger-on-port"),
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

#[test]
fn every_rule_is_triggered_by_a_capture() {
    let own = folder("every-rule");
    let with_policy = plant(&own, &["--policy", "policy.toml"]);
    // Without a key nothing is tagged: the command makes one.
    let tagged = replay(&own, "weakness/identities-and-zones", &[]);
    let all = captures::all().iter().map(|capture| &capture.document).chain([&with_policy, &tagged]);
    let told: BTreeSet<&str> = all.flat_map(findings).map(|one| one.rule.as_str()).collect();
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
    assert_eq!((plc.managed.state.as_str(), plc.managed.key_class.as_deref()), ("listed", Some("mac")));
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
    assert!(run_in(&own, &["findings", "--db", "p.db", "--all"]).stdout.contains("CRT-004"));
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
