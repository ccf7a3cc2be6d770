//! Why, who, and who had.

use crate::wire::*;
use inventory::View;
use inventory::decision::Decisions;
use inventory::explain::{Trouble, explain, find, who_had};
use observations::{Field, Kind};

const A: &str = "00:0e:8c:05:00:01";
const B: &str = "00:0e:8c:05:00:02";
const C: &str = "00:80:f4:77:00:02";

fn plant() -> Wire {
    let mut wire = Wire::new("plant");
    wire.lives(A, "10.0.0.1").lives(B, "10.1.0.1").lives(C, "10.0.0.9").at(40).lives(C, "10.0.0.9");
    for (mac, ip) in [(A, "10.0.0.1"), (B, "10.1.0.1")] {
        wire.serial(&host(mac, ip), "s7comm", "Siemens", "S C-X4UR28922012");
    }
    wire.name(&host(A, "10.0.0.1"), "Press-3.plant.example").name(&host(C, "10.0.0.9"), "press-4");
    wire.at(50).tells(&host(A, "10.0.0.1"), "snmp", Kind::Identity, &[text(Field::VendorName, "Hilscher")]);
    wire
}

#[test]
fn an_explanation_shows_keys_joins_and_evidence() {
    let said = plant().done();
    let decisions = Decisions::default();
    let view = View::of(&said, &RULES, &decisions);
    let why = explain(&view, "10.1.0.1", None).unwrap();
    assert_eq!(why.device.macs, [A, B]);
    assert!(why.keys[0].key.starts_with("serial:siemens/"));
    assert!(why.joins.iter().any(|join| join.refused.is_none() && join.of == [format!("mac:{A}"), format!("mac:{B}")]));
    let text = why.to_string();
    for part in ["joined by serial:siemens/", "vendor = Siemens  (declared", "  or Hilscher", "packet 17 bytes 42..46"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let serial = explain(&view, A, Some("serial")).unwrap();
    assert_eq!(serial.attributes.len(), 1);
    assert!(matches!(explain(&view, A, Some("colour")), Err(Trouble::NoAttribute(_))));
    assert!(matches!(explain(&view, "press-", None), Err(Trouble::Ambiguous(several)) if several.len() == 2));
    assert!(matches!(explain(&view, "nobody", None), Err(Trouble::Unknown(_))));
}

#[test]
fn a_refused_join_is_explained() {
    let mut wire = plant();
    wire.serial(&host(C, "10.0.0.9"), "s7comm", "Siemens", "S C-X4UR28922012");
    let said = wire.done();
    let decisions = Decisions::default();
    let view = View::of(&said, &RULES, &decisions);
    let why = explain(&view, C, None).unwrap();
    assert!(why.to_string().contains("not joined by serial:siemens/"), "{why}");
    let shared = &view.document().coverage.shared_keys[0];
    assert!(matches!(explain(&view, &shared.id, None), Err(Trouble::Shared(several)) if several.len() == 3));
}

#[test]
fn a_device_is_found_by_whatever_names_it() {
    let seen = plant().seen();
    let a = seen.mac(A);
    for text in
        ["00-0E-8C-05-00-01", "000e.8c05.0001", "10.0.0.1", "PRESS-3.PLANT.EXAMPLE", "press-3", a.id.as_str(), a.aliases[0].as_str(), &a.id[..13]]
    {
        assert_eq!(find(&seen.0, text).iter().map(|device| &device.id).collect::<Vec<_>>(), [&a.id], "{text}");
    }
    assert!(find(&seen.0, "").is_empty() && find(&seen.0, "10.0.0").is_empty());
}

#[test]
fn who_had_an_address() {
    let mut wire = Wire::new("moves");
    wire.at(0).lives(A, "10.0.0.50").at(40).lives(A, "10.0.0.50").at(60).lives(C, "10.0.0.50").at(90).lives(C, "10.0.0.50");
    let first = wire.seen();
    let had = |time: i64| -> Vec<String> {
        who_had(&first.0, ip("10.0.0.50"), (time + 1) * SECOND).iter().map(|(device, _)| device.macs[0].clone()).collect()
    };
    assert_eq!((had(20), had(50), had(70)), (vec![A.to_owned()], vec![], vec![C.to_owned()]));
    // The id of the address leads to both.
    let mut only = Wire::new("raw");
    only.frame("", "10.0.0.50", 64);
    let id = only.seen().0.devices[0].id.clone();
    assert_eq!(find(&first.0, &id).len(), 2);
}
