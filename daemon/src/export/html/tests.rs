//! A report is sound HTML whatever is in it, tells everything and loads nothing.

use super::*;
use inventory::Document;
use inventory::document::{Certificate, Device, Finding, Remedy, Score};
use serde_json::Value;
use std::borrow::Cow;
use std::path::Path;

/// What a name would try.
const HOSTILE: &str = "</style></script><script>alert(1)</script>\" onmouseover=alert(1) x='\u{202e}\u{7}<!--]]>&lt;&#60;javascript:";

/// Elements of the page, and attributes that they have.
const ELEMENTS: &str = "a article b bdi body br code dd details div dl dt h1 h2 h3 h4 head header html li main meta nav ol p rect script \
                        section span strong style summary svg table tbody td th thead title tr ul";
const ATTRIBUTES: &str =
    "aria-hidden charset class content focusable height href http-equiv id lang name open preserveaspectratio rx scope viewbox width";

/// Elements without an end.
const VOID: &[&str] = &["meta", "br"];

fn page(heading: &Heading, document: &Document, workers: usize) -> String {
    let mut out = Vec::new();
    write(heading, document, workers, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(document: &Document) -> String {
    page(&Heading::default(), document, 1)
}

fn plant() -> Document {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/plant-and-office.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Reads a page as a browser does, as far as this page goes: every element is one of ours, has attributes of ours, and ends.
#[track_caller]
fn assert_sound(page: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a document type");
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        let end = end_of_tag(tag);
        let (inside, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "it ends what is open");
            continue;
        }
        let name = inside.split(' ').next().unwrap();
        assert!(ELEMENTS.split_ascii_whitespace().any(|known| known == name), "an element {name:?}");
        for attribute in attributes(&inside[name.len()..]) {
            assert!(ATTRIBUTES.split_ascii_whitespace().any(|known| known == attribute), "an attribute {attribute:?} of {name}");
        }
        if !VOID.contains(&name) {
            open.push(name.to_owned());
        }
        if matches!(name, "style" | "script") {
            rest = &rest[rest.find(&format!("</{name}>")).expect("its end")..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn end_of_tag(tag: &str) -> usize {
    let mut quoted = false;
    let end = tag.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    });
    end.expect("a tag ends")
}

fn attributes(mut text: &str) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(begin) = text.find(|c: char| c != ' ') {
        text = &text[begin..];
        let end = text.find(['=', ' ']).unwrap_or(text.len());
        names.push(text[..end].to_lowercase());
        text = match text[end..].strip_prefix("=\"") {
            Some(value) => &value[value.find('"').expect("a value ends") + 1..],
            None => &text[end..],
        };
    }
    names
}

#[test]
fn what_could_not_be_seen_comes_first_and_every_section_is_linked() {
    let page = plain(&plant());
    assert_sound(&page);
    let places: Vec<usize> = SECTIONS.iter().map(|(id, _)| page.find(&format!("<section id=\"{id}\">")).expect("a section")).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(SECTIONS.iter().all(|(id, name)| page.contains(&format!("<a href=\"#{id}\">{name}</a>"))));
}

#[test]
fn every_link_leads_to_somewhere_on_the_page() {
    let page = plain(&plant());
    for link in page.split("href=\"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]) {
        let target = link.strip_prefix('#').expect("no link leaves the page");
        assert_eq!(page.matches(&format!(" id=\"{target}\"")).count(), 1, "{link}");
    }
}

#[test]
fn every_device_finding_and_certificate_of_the_plant_is_told() {
    let document = plant();
    let page = plain(&document);
    for device in &document.devices {
        assert!(device.ips.iter().filter(|ip| !ip.starts_with("fe80")).take(1).all(|ip| page.contains(ip.as_str())), "{:?}", device.ips);
        assert!(device.hostnames.iter().take(1).all(|name| page.contains(name.as_str())), "{:?}", device.hostnames);
        for finding in &device.findings {
            assert!(page.contains(&*finding.rule) && page.contains("Risk to the process"), "{}", finding.rule);
        }
    }
    assert!(document.certificates.iter().all(|certificate| page.contains(&certificate.sha256)));
    assert!(page.contains("packet 2009 offset 265 length 13 of plant-and-office.pcap"), "evidence is named to the byte");
    assert!(page.contains("10.77.0.24") && page.contains("54 of 261") && page.contains("RSA 1024"));
    for framework in ["IEC 62443-3-3 and 62443-4-2", "NIST SP 800-53 Rev. 5"] {
        assert!(page.contains(framework), "{framework}");
    }
}

#[test]
fn nothing_is_loaded_from_anywhere_and_the_policy_allows_exactly_what_is_there() {
    let page = plain(&plant());
    for outside in ["http:", "https:", "url(", "@import", " src=", "<link", "<img", "<iframe", "<form", "javascript:", " style="] {
        assert!(!page.contains(outside), "{outside}");
    }
    let inside = |name: &str| {
        let begin = page.find(&format!("<{name}>")).unwrap() + name.len() + 2;
        &page[begin..begin + page[begin..].find(&format!("</{name}>")).unwrap()]
    };
    for name in ["style", "script"] {
        let digest = base64(&Sha256::digest(inside(name).as_bytes()));
        assert!(page.contains(&format!("{name}-src &apos;sha256-{digest}")) || page.contains(&format!("{name}-src 'sha256-{digest}'")), "{name}");
        assert_eq!(page.matches(&format!("<{name}>")).count(), 1);
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn base64_is_that_of_the_rfc() {
    // RFC 4648 section 10.
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
        assert_eq!(base64(bytes.as_bytes()), text);
    }
}

/// A text that is one of the page's own words would be none any more.
fn spoil(value: &mut Value, field: &str) {
    match value {
        Value::String(text) if !matches!(field, "severity" | "status" | "reach" | "kind" | "id" | "parent" | "scope") => text.push_str(HOSTILE),
        Value::Array(values) => values.iter_mut().for_each(|value| spoil(value, field)),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                spoil(value, name);
            }
            if matches!(field, "annotations" | "undecoded" | "malformed" | "opaque_bytes" | "operations" | "controls") {
                *fields = std::mem::take(fields).into_iter().map(|(name, value)| (name + HOSTILE, value)).collect();
            }
        }
        _ => {}
    }
}

#[test]
fn hostile_text_in_every_field_stays_text() {
    let mut value = serde_json::to_value(plant()).unwrap();
    spoil(&mut value, "");
    let document: Document = serde_json::from_value(value).unwrap();
    let heading = Heading { engagement: Some(HOSTILE.into()), author: Some(HOSTILE.into()), redacted: true };
    let page = page(&heading, &document, 1);
    assert_sound(&page);
    assert_eq!((page.matches("<script").count(), page.matches("</style").count()), (1, 1));
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("u{202e}") && !page.contains('\u{202e}') && !page.contains('\u{7}'));
    // The document's own words, spoilt as well, are no classes and no links.
    let mut value = serde_json::to_value(plant()).unwrap();
    for device in value["devices"].as_array_mut().unwrap() {
        for field in ["id", "kind", "reach", "parent"] {
            device[field] = Value::String(HOSTILE.into());
        }
        for finding in device["findings"].as_array_mut().unwrap() {
            finding["severity"] = Value::String(HOSTILE.into());
        }
    }
    assert_sound(&plain(&serde_json::from_value(value).unwrap()));
}

#[test]
fn a_name_of_a_hundred_thousand_bytes_is_cut() {
    let long = "x".repeat(100_000);
    let finding = Finding {
        rule: long.clone().into(),
        title: long.clone().into(),
        details: vec![long.clone()],
        severity: "high".into(),
        status: "open".into(),
        ..Finding::default()
    };
    let device = Device {
        id: "1".into(),
        hostnames: vec![long.clone()],
        class: long.clone(),
        zone: Some(long.clone()),
        findings: vec![finding],
        ..Device::default()
    };
    let page = plain(&Document { devices: vec![device], ..Document::default() });
    assert_sound(&page);
    assert!(page.len() < 60_000 && page.contains("100000 bytes in all"), "{}", page.len());
}

/// A device with a finding of its zone and one of its own.
fn weak(number: usize) -> Device {
    let finding = |rule: &'static str, scope: &'static str, zone: Option<&str>| Finding {
        id: format!("{rule}-{number}"),
        rule: rule.into(),
        severity: "medium".into(),
        status: "open".into(),
        scope: scope.into(),
        zone: zone.map(str::to_owned),
        title: format!("about {rule}").into(),
        remedy: Cow::Owned(Remedy { text: format!("mend {rule}"), ..Remedy::default() }),
        controls: Cow::Owned([("iec-62443".to_owned(), vec!["SR 1.1".to_owned()])].into()),
        ..Finding::default()
    };
    Device {
        id: format!("00000000-0000-8000-8000-{number:012}"),
        kind: "device".into(),
        reach: "local".into(),
        ips: vec![format!("10.{}.{}.{}", number / 65_536, number / 256 % 256, number % 256)],
        class: "controller".into(),
        score: Score { exposure: 16, ..Score::default() },
        findings: vec![finding("X-1", "zone", Some("hall")), finding("X-2", "device", None)],
        ..Device::default()
    }
}

#[test]
fn a_posture_of_a_zone_is_one_entry_whatever_the_number_of_its_devices() {
    let document = Document { devices: (0..300).map(weak).collect(), ..Document::default() };
    let page = plain(&document);
    assert_sound(&page);
    assert_eq!(page.matches("<article").count(), 2);
    assert_eq!(page.matches("mend X-1").count(), 2, "in the summary, and where it stands");
    assert!(page.contains("Devices: 300"));
    let controls = &page[page.find("id=\"controls\"").unwrap()..page.find("id=\"certificates\"").unwrap()];
    assert!(controls.contains("and more") && controls.len() < 6_000, "a control names some of the devices");
}

#[test]
fn the_number_of_workers_changes_nothing_and_pages_grow_with_devices() {
    let of = |devices: usize| Document { devices: (0..devices).map(weak).collect(), ..Document::default() };
    let (small, large) = (of(200), of(800));
    assert!(page(&Heading::default(), &large, 1) == page(&Heading::default(), &large, 4));
    let (small, large) = (plain(&small).len(), plain(&large).len());
    assert!(large < 5 * small, "{small} {large}");
}

#[test]
fn a_circle_of_parts_ends_and_each_is_listed() {
    let part = |id: &str, parent: &str| Device {
        id: id.into(),
        parent: Some(parent.into()),
        kind: "component".into(),
        reach: "local".into(),
        ..Device::default()
    };
    let page = plain(&Document { devices: vec![part("a", "b"), part("b", "a"), part("c", "c")], ..Document::default() });
    assert_sound(&page);
    assert!((0..3).all(|number| page.matches(&format!("<tr id=\"d{number}\"")).count() == 1));
}

#[test]
fn a_suppressed_finding_is_told_and_does_not_count() {
    let mut device = weak(1);
    device.findings[1].suppressed = Some("until the stand-still".into());
    let page = plain(&Document { devices: vec![device], ..Document::default() });
    assert!(page.contains("until the stand-still") && page.contains("settled"));
    assert!(page.contains("<b>1</b> <span>open findings</span>"), "{page}");
}

#[test]
fn what_is_wrong_with_a_certificate_is_linked_to_it_alone() {
    let mut device = weak(1);
    device.findings[1] =
        Finding { rule: "CRT-004".into(), title: "Expired".into(), details: vec!["CN=a: not-after 2020".into()], ..device.findings[1].clone() };
    let certificate = |subject: &str| Certificate {
        subject: subject.into(),
        sha256: subject.into(),
        presented_by: vec![device.id.clone()],
        ..Certificate::default()
    };
    let certificates = vec![certificate("CN=a"), certificate("CN=ab")];
    let page = plain(&Document { devices: vec![device], certificates, ..Document::default() });
    let table = &page[page.find("id=\"certificates\"").unwrap()..page.find("id=\"captures\"").unwrap()];
    let rows: Vec<&str> = table.split("<tr>").collect();
    assert!(rows[2].contains("Expired") && !rows[3].contains("Expired"), "{table}");
}
