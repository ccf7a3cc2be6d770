//! Under pseudonyms nothing tells whose plant it is, and all is there that a vendor needs.

use super::*;
use crate::export::Format;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

/// The document of a capture, as it is published.
fn golden(name: &str) -> Document {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn plant() -> Document {
    golden("plant-and-office.json")
}

fn key() -> SiteKey {
    SiteKey::of_this_run().unwrap()
}

fn written(contents: &dyn Contents, format: Format) -> String {
    let mut out = Vec::new();
    format.write(contents, 1, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Everything by which somebody who knows the plant would know it again: names, addresses, numbers, texts, digests.
fn telling(document: &Document) -> BTreeSet<String> {
    let mut all: Vec<String> = Vec::new();
    let mut kept: BTreeSet<String> = BTreeSet::new();
    for device in &document.devices {
        all.extend(text::named(device).map(str::to_owned));
        all.extend(device.macs.iter().chain(&device.ips).chain(&device.aliases).cloned());
        all.extend(device.macs.iter().map(|mac| mac.replace(':', "")));
        all.extend(device.identities.iter().flat_map(|identity| [Some(identity.value.clone()), identity.issuer.clone()]).flatten());
        all.extend([device.id.clone()]);
        let evidence =
            device.attributes.values().flat_map(|record| &record.evidence).chain(device.findings.iter().flat_map(|finding| &finding.evidence));
        for one in evidence {
            all.extend([one.frame_sha256.clone(), one.source.to_string()]);
            all.extend(Some(&one.quote).filter(|quote| quote.len() > 11).cloned());
        }
        // Rules are ours, and named after makers and products.
        kept.extend(device.attributes.values().map(|record| record.rule.to_lowercase()));
        let stay = class::KEPT_ATTRIBUTES.iter().filter_map(|name| device.attributes.get(*name));
        kept.extend(stay.flat_map(|record| {
            let others = record.rivals.iter().chain(&record.history).map(|rival| &rival.value);
            others.chain([&record.value]).map(|value| value.to_lowercase()).collect::<Vec<_>>()
        }));
    }
    for certificate in &document.certificates {
        all.extend([&certificate.sha256, &certificate.subject, &certificate.issuer, &certificate.serial].into_iter().cloned());
        all.extend(certificate.subject_alt_names.iter().filter_map(|name| name.split_once(':')).map(|(_, value)| value.to_owned()));
    }
    // Who is called as a word of our own catalogue is not known by it.
    let findings = document.devices.iter().flat_map(|device| &device.findings).chain(&document.findings);
    kept.extend(findings.flat_map(|finding| [&*finding.title, &finding.remedy.text, &finding.remedy.process_risk]).map(str::to_lowercase));
    all.extend(document.sources.iter().flat_map(|source| [source.key.clone(), source.name.clone()]));
    // A name that is the model's stays as the model's, and shorter ones are in any text.
    // In a documentation's block of 256 one of its addresses may well be the pseudonym of another, or begin it.
    let few = |text: &String| ["192.0.2.", "198.51.100.", "203.0.113."].iter().any(|block| text.starts_with(block));
    let stays = |text: &String| {
        text.len() < 5 || few(text) || kept.iter().any(|kept| kept.contains(&text.to_lowercase())) || text.eq_ignore_ascii_case("workgroup")
    };
    all.into_iter().filter(|text| !stays(text)).collect()
}

/// Redacts a document and looks for what would tell in it.
#[track_caller]
fn assert_tells_nothing(name: &str, document: &Document, formats: &[Format]) {
    let (telling, key) = (telling(document), key());
    let redacted = Redacted::of(document, &key);
    for format in formats {
        let text = written(&redacted, *format).to_lowercase();
        for value in &telling {
            let found = text.find(&value.to_lowercase());
            let around = found.map(|at| &text[text.floor_char_boundary(at.saturating_sub(80))..text.ceil_char_boundary(at + 80)]);
            assert!(found.is_none(), "{name} as {format:?}: {value:?} in {around:?}");
        }
    }
}

#[test]
fn nothing_that_tells_whose_plant_it_is_stands_in_any_format() {
    let document = plant();
    assert!(telling(&document).len() > 150, "the search has something to search for");
    assert_tells_nothing("the plant", &document, <Format as clap::ValueEnum>::value_variants());
}

#[test]
fn nothing_that_tells_stands_in_any_capture_of_ours() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let mut count = 0;
    for protocol in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for path in std::fs::read_dir(protocol).unwrap().map(|entry| entry.unwrap().path()) {
            let document = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_tells_nothing(&path.display().to_string(), &document, &[Format::Json]);
            count += 1;
        }
    }
    assert!(count > 100, "{count} documents");
}

#[test]
fn what_a_vendor_needs_is_all_there() {
    let (document, key) = (plant(), key());
    let redacted = Redacted::of(&document, &key).whole().into_owned();
    let of = |document: &Document, what: fn(&Device) -> String| {
        let mut all: Vec<String> = document.devices.iter().map(what).collect();
        all.sort();
        all
    };
    let model = |device: &Device| {
        let value = |name: &str| device.attributes.get(name).map(|record| (record.value.clone(), record.confidence, record.class.clone()));
        format!("{:?}", ["vendor", "mac_vendor", "model", "order_number", "firmware", "hardware", "class", "type"].map(value))
    };
    assert_eq!(of(&document, model), of(&redacted, model));
    let speaks = |device: &Device| {
        let services: Vec<_> = device.services.iter().map(|one| (one.protocol.as_str(), one.port, one.clients)).collect();
        let findings: Vec<_> = device.findings.iter().map(|one| (&one.rule, &one.title, &one.remedy, &one.controls, one.count)).collect();
        format!("{:?} {:?} {services:?} {findings:?} {} {:?}", device.protocols, device.roles, device.score.exposure, device.score.because)
    };
    assert_eq!(of(&document, speaks), of(&redacted, speaks));
    let operations = |document: &Document| document.conversations.iter().map(|talk| talk.operations.clone()).collect::<BTreeSet<BTreeMap<_, _>>>();
    assert_eq!(operations(&document), operations(&redacted));
}

#[test]
fn who_was_one_is_one_and_who_was_two_is_two() {
    let (document, key) = (plant(), key());
    let renamer = Renamer { known: Known::of(&document), pseudonyms: Pseudonyms::of(&key) };
    let redacted = Redacted::of(&document, &key).whole().into_owned();
    assert_eq!(redacted.devices.len(), document.devices.len());
    assert!(redacted.devices.is_sorted_by_key(|device| device.id.clone()));
    let ids: BTreeSet<&String> = redacted.devices.iter().map(|device| &device.id).collect();
    assert_eq!(ids.len(), document.devices.len());
    for talk in &redacted.conversations {
        assert!([&talk.client.device, &talk.server.device].into_iter().flatten().all(|id| ids.contains(id)));
    }
    for device in &document.devices {
        let id = renamer.pseudonyms.whole(&device.id);
        let twin = redacted.devices.iter().find(|twin| twin.id == id).unwrap();
        let same = |old: &[String], new: &[String]| {
            old.iter().map(|text| renamer.pseudonyms.whole(text)).collect::<BTreeSet<_>>() == new.iter().cloned().collect()
        };
        assert!(same(&device.ips, &twin.ips) && same(&device.macs, &twin.macs) && same(&device.hostnames, &twin.hostnames));
        for (old, new) in device.macs.iter().zip(&twin.macs) {
            assert_eq!((old.len(), &old[..8]), (new.len(), &new[..8]), "the maker's half stays");
        }
        assert!(twin.ips.iter().all(|ip| ip.parse::<IpAddr>().is_ok()));
        // A zone that addresses suggest is still the network of these addresses.
        if let Some((network, _)) = twin.zone.as_deref().and_then(|zone| zone.split_once(".0/24")) {
            assert!(twin.ips.iter().any(|ip| ip.starts_with(&format!("{network}."))), "{network} {:?}", twin.ips);
        }
    }
}

#[test]
fn a_key_makes_the_same_pseudonyms_each_time_and_another_key_others() {
    let document = plant();
    let folder = tempfile::tempdir().unwrap();
    let json = |key: &SiteKey| written(&Redacted::of(&document, key), Format::Json);
    let of_file = || json(&SiteKey::of_file(&folder.path().join("key")).unwrap());
    assert_eq!(of_file(), of_file());
    assert_ne!(json(&key()), json(&key()));
}

#[test]
fn networks_stay_together_and_no_two_addresses_become_one() {
    let key = key();
    let pseudonyms = Pseudonyms::of(&key);
    let of = |text: String| pseudonyms.whole(&text).parse::<IpAddr>().unwrap();
    let hosts: BTreeSet<IpAddr> = (0..=255).map(|host| of(format!("192.168.7.{host}"))).collect();
    assert_eq!(hosts.len(), 256);
    let network = |ip: &IpAddr| ip.to_string().rsplit_once('.').unwrap().0.to_owned();
    let networks: BTreeSet<String> = hosts.iter().map(network).collect();
    assert_eq!(networks.len(), 1);
    assert!(networks.iter().all(|network| network.starts_with("192.168.")));
    assert_eq!(pseudonyms.whole("192.168.7.0/24"), format!("{}.0/24", networks.first().unwrap()));
    let networks: BTreeSet<String> = (0..=255).map(|third| network(&of(format!("192.168.{third}.1")))).collect();
    assert_eq!(networks.len(), 256);
    let hosts: BTreeSet<IpAddr> = (0..2_000u16).map(|host| of(format!("fd00:77::{host:x}"))).collect();
    assert_eq!(hosts.len(), 2_000);
    // Public addresses become nobody's.
    assert!(matches!(of("81.2.69.142".into()), IpAddr::V4(ip) if ip.octets()[0] >= 240));
    assert!(of("2a00:1450::1".into()).to_string().starts_with("2001:db8:"));
    for well_known in ["224.0.0.251", "239.255.255.250", "ff02::fb", "255.255.255.255", "0.0.0.0", "::", "::1", "127.0.0.1"] {
        assert_eq!(pseudonyms.whole(well_known), well_known);
    }
}

#[test]
fn an_address_with_a_mac_address_in_it_has_the_pseudonym_of_that() {
    let key = key();
    let pseudonyms = Pseudonyms::of(&key);
    let mac = pseudonyms.whole("00:00:bc:0a:00:13");
    assert!(mac.starts_with("00:00:bc:") && mac != "00:00:bc:0a:00:13");
    let bytes: Vec<u8> = mac.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let expected = format!(
        "fe80::{:x}:{:x}:{:x}:{:x}",
        u16::from_be_bytes([bytes[0] ^ 2, bytes[1]]),
        u16::from_be_bytes([bytes[2], 0xff]),
        0xfe00 | u16::from(bytes[3]),
        u16::from_be_bytes([bytes[4], bytes[5]])
    );
    assert_eq!(pseudonyms.whole("fe80::200:bcff:fe0a:13").parse::<IpAddr>().unwrap(), expected.parse::<IpAddr>().unwrap());
    let node = pseudonyms.whole("ff02::1:ff0a:13");
    assert!(node.starts_with("ff02::1:ff") && node != "ff02::1:ff0a:13");
    assert_eq!(pseudonyms.whole("ff:ff:ff:ff:ff:ff"), "ff:ff:ff:ff:ff:ff");
    assert_ne!(pseudonyms.whole("36:1c:9a:0c:00:13")[..8], *"36:1c:9a");
}

fn known_of(device: Device) -> Known {
    Known::of(&Document { devices: vec![device], ..Document::default() })
}

fn mixer() -> Device {
    let record = |value: &str, rule: &str| inventory::document::AttributeRecord { value: value.into(), rule: rule.into(), ..Default::default() };
    let attributes = [
        ("serial", record("A1B2C3", "field:serial-number")),
        ("location", record("Hall 3, cell cabinet C", "field:location")),
        ("os", record("Debian 12", "ssh-debian-release")),
        ("software", record("Web 108.86.0.20", "field:http-server")),
        ("firmware", record("108.86.0.20", "field:firmware-version")),
    ];
    let attributes = attributes.into_iter().map(|(name, record)| (name.to_owned(), record)).collect();
    Device { hostnames: vec!["mixer.plant.example".into(), "debian".into()], ips: vec!["10.1.2.3".into()], attributes, ..Device::default() }
}

#[test]
fn of_mixed_texts_only_words_of_ours_stay() {
    let (known, key) = (known_of(mixer()), key());
    let pseudonyms = Pseudonyms::of(&key);
    let strict = |text: &str| text::strict(text, &known, &pseudonyms);
    for kept in ["http secret-use: http basic", "3 parts answer behind it", "no list of managed devices is loaded", "unit 3", "tls tls-version: 769"]
    {
        assert_eq!(strict(kept), kept);
    }
    let location = pseudonyms.whole("Hall 3, cell cabinet C");
    assert_eq!(strict("snmp location: Hall 3, cell cabinet C"), format!("snmp location: {location}"));
    let talk = strict("10.1.2.3 → 10.1.2.4 modbus tcp/502: write_single_coil (2)");
    assert!(talk.ends_with(" modbus tcp/502: write_single_coil (2)") && !talk.contains("10.1.2.3") && !talk.contains("10.1.2.4"), "{talk}");
    let reason = strict("its mac is that of Press seven");
    assert!(reason.starts_with("its mac is that of anon-") && !reason.to_lowercase().contains("press"), "{reason}");
    assert_eq!(strict("serial:maker/A1B2C3"), format!("serial:{}/{}", pseudonyms.whole("maker"), pseudonyms.whole("a1b2c3")));
    assert!(!strict("bob@plant.example said \"A1B2C3\"").contains("A1B2C3"));
}

#[test]
fn what_stays_stays_but_for_names_and_addresses() {
    let (known, key) = (known_of(mixer()), key());
    let pseudonyms = Pseudonyms::of(&key);
    let within = |text: &str| text::within(text, &known, &pseudonyms);
    for kept in [
        "Debian 12",
        "108.86.0.20",
        "Web 108.86.0.20",
        "UPnP/1.0 Platinum/1.0.5.13",
        "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10",
        "ASP.NET Node.js dnsmasq-2.90",
        "15.2(7)E3 v1.2.beta",
    ] {
        assert_eq!(within(kept), kept);
    }
    for telling in [
        "Web (mixer.plant.example)",
        "DSM/10.1.2.3",
        "http://84.1.2.3/",
        "gate 84.1.2.3",
        "Agent mixer",
        "x A1B2C3",
        "ESMTP mail.customer.com ready",
        "gate.customer.industries",
        "bob@customer.com",
        "00:80:f4:01:02:03 y",
    ] {
        let text = within(telling);
        assert!(text.contains("anon-") || text != telling, "{telling} became {text}");
    }
    assert_eq!(
        text::without("Web of Lobby Screen, v2", &["lobby screen".into()], &pseudonyms),
        format!("Web of {}, v2", pseudonyms.whole("lobby screen"))
    );
}

#[test]
fn the_shape_of_a_distinguished_name_stays() {
    let key = key();
    let pseudonyms = Pseudonyms::of(&key);
    let subject = text::subject(r"CN=plc-1.plant.example,O=Plant\, Sons + Co,serialNumber=77", &pseudonyms);
    let parts: Vec<&str> = subject.split([',', '+']).collect();
    assert!(parts[0].starts_with("CN=anon-") && parts[1].starts_with("O=anon-") && subject.contains("serialNumber=anon-"), "{subject}");
    assert_eq!(parts[0], format!("CN={}", pseudonyms.whole("plc-1.plant.example")));
    assert_eq!(text::alternative_name("dns:plc-1", &pseudonyms), format!("dns:{}", pseudonyms.whole("plc-1")));
    assert!(text::file("plant north.pcap.gz", &pseudonyms).ends_with(".pcap.gz"));
    assert_eq!(text::place("vlan 10", &pseudonyms), "vlan 10");
}

#[test]
fn every_text_of_a_document_is_classified() {
    // What falls to `Strict` is what is meant to: a new field shows up here, and wants a row in `class`.
    const MEANT: &[&str] = &[
        "device/findings/details",
        "device/findings/suppressed",
        "device/managed/reason",
        "head/findings/details",
        "head/findings/suppressed",
        "head/limits_hit",
        "head/sources/clock",
        "head/sources/files/damage",
        "head/coverage/asked_for_only",
        "head/coverage/virtual_addresses",
        "head/coverage/overlapping_addresses",
        "head/coverage/shared_keys/key",
        "head/coverage/reservations",
        "conversation/client/address",
        "conversation/server/address",
        "device/purdue_level",
    ];
    let mut unmeant = BTreeSet::new();
    let document = plant();
    for device in &document.devices {
        paths(&value_of(device), &mut vec!["device".into()], &mut unmeant);
    }
    for talk in &document.conversations {
        paths(&value_of(talk), &mut vec!["conversation".into()], &mut unmeant);
    }
    paths(&value_of(&Document { devices: Vec::new(), conversations: Vec::new(), ..document }), &mut vec!["head".into()], &mut unmeant);
    unmeant.retain(|path| !MEANT.contains(&path.as_str()));
    assert!(unmeant.is_empty(), "{unmeant:?}");
}

fn paths(value: &Value, path: &mut Vec<String>, strict: &mut BTreeSet<String>) {
    match value {
        Value::String(_) if class(path) == Class::Strict => drop(strict.insert(path.join("/"))),
        Value::Array(values) => values.iter().for_each(|value| paths(value, path, strict)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            path.push(name.clone());
            paths(value, path, strict);
            path.pop();
        }),
        _ => {}
    }
}
