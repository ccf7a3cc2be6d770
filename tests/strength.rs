//! Evidence of strength: what counts as protected, and how that changes from one capture to the next.

use crate::captures::{folder, root};
use crate::command::run_in;
use inventory::Document;
use inventory::document::Protection;
use std::path::Path;

fn replay(own: &Path, files: &[&str], more: &[&str]) -> Document {
    let paths: Vec<String> = files.iter().map(|name| root().join(format!("pcaps/{name}.pcap")).to_string_lossy().into_owned()).collect();
    let mut arguments = vec!["replay", "--format", "json"];
    arguments.extend(paths.iter().map(String::as_str));
    arguments.extend(more);
    let ran = run_in(own, &arguments);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("a document")
}

fn of<'d>(document: &'d Document, protocol: &str) -> Option<&'d Protection> {
    document.protection.get(protocol).filter(|one| one.known > 0)
}

#[test]
fn a_handshake_protects_and_a_banner_or_a_request_does_not() {
    let own = folder("strength");
    for (name, protocol, cut) in [
        // Without the long packets nothing is left of SSH but what each side calls itself.
        ("ssh/openssh-and-dropbear", "ssh", "less 120"),
        ("wg/handshake-and-data", "wg", "src host 10.89.1.1"),
        ("esp/plain-and-in-udp", "esp", "src host 10.89.4.1"),
        ("quic/aioquic-http3", "quic", "src host 10.77.0.40"),
        ("openvpn/udp-and-tcp", "openvpn", "src host 10.77.0.5"),
    ] {
        let whole = replay(&own, &[name], &[]);
        assert!(of(&whole, protocol).is_some_and(|one| one.encrypted > 0), "{name}");
        let device = whole.devices.iter().find(|device| device.protection.contains_key(protocol)).expect("a device that is protected");
        assert!(device.protection[protocol].encrypted > 0);
        let part = replay(&own, &[name], &["--bpf", cut]);
        assert_eq!(of(&part, protocol), None, "{name}, {cut}");
        assert!(part.devices.iter().all(|device| !device.protection.contains_key(protocol)), "{name}, {cut}");
    }
}

#[test]
fn protection_is_told_by_the_days_on_which_captures_began() {
    let own = folder("strength-over-time");
    std::fs::write(own.join("sources.toml"), "[[source]]\nfiles = \"*tls10*\"\nclock_offset = \"-48h\"\n").expect("a file can be written");
    let captures = ["tls/tls10-rsa1024-sha1", "tls/tls12-mutual", "tls/refused-version"];
    let document = replay(&own, &captures, &["--sources", "sources.toml"]);
    let tls = &document.protection["tls"];
    assert_eq!((tls.conversations, tls.known, tls.series.len()), (3, 2, 2), "{tls:?}");
    let told: Vec<(u64, u64)> = tls.series.iter().map(|period| (period.conversations, period.encrypted)).collect();
    assert_eq!(told, [(1, 1), (2, 1)]);
    assert!(tls.series[0].last_seen < tls.series[1].first_seen);
    let other_order = replay(&own, &[captures[2], captures[0], captures[1]], &["--sources", "sources.toml"]);
    assert!(other_order.protection == document.protection);
    let html = run_in(&own, &["replay", &root().join("pcaps/tls").to_string_lossy(), "--sources", "sources.toml", "--format", "html"]).stdout;
    assert!(html.contains("Protection over time") && html.contains("Protected conversations"));
    assert!(replay(&own, &captures[..1], &[]).protection["tls"].series.is_empty(), "one day is no series");
}
