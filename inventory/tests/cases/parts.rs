//! Gateways and what lies behind them.

use crate::wire::*;
use observations::{Field, Kind, PathStep, StepKind, Subject};

const A: &str = "00:80:f4:01:00:01";

#[test]
fn units_behind_a_serial_gateway() {
    let gateway = host(A, "10.0.0.1");
    let mut wire = Wire::new("gateway");
    wire.lives(A, "10.0.0.1").serial(&unit(&gateway, 1), "modbus", "ABB", "SN-1000-0001").serial(&unit(&gateway, 2), "modbus", "ABB", "SN-1000-0002");
    wire.tells(&unit(&gateway, 255), "modbus", Kind::Identity, &[text(Field::VendorName, "Moxa"), text(Field::ModelName, "MGate MB3180")]);
    let seen = wire.seen();
    assert_eq!(seen.count(), 1);
    let mut parts: Vec<(&str, &str)> =
        seen.of_kind("component").into_iter().map(|part| (part.part.as_deref().unwrap_or(""), value(part, "serial"))).collect();
    parts.sort_unstable();
    assert_eq!(parts, [("unit 1", "SN-1000-0001"), ("unit 2", "SN-1000-0002")]);
    let whole = seen.mac(A);
    assert_eq!((value(whole, "model"), value(whole, "serial")), ("MGate MB3180", ""), "255 is the gateway itself");
    seen.no_conflict();
}

#[test]
fn one_unit_is_the_device_itself() {
    let device = host(A, "10.0.0.1");
    let mut wire = Wire::new("unit");
    wire.lives(A, "10.0.0.1").serial(&unit(&device, 1), "modbus", "ABB", "SN-1000-0001");
    let seen = wire.seen();
    assert_eq!((seen.count(), seen.of_kind("component").len()), (1, 0));
    assert_eq!(value(seen.mac(A), "serial"), "SN-1000-0001");
    // A second unit shows that the first was one, too: its id leads to the part.
    wire.at(5).serial(&unit(&device, 2), "modbus", "ABB", "SN-1000-0002");
    let later = wire.seen();
    assert_eq!((later.count(), later.of_kind("component").len()), (1, 2));
    later.keeps_ids_of(&seen);
    let serial = &seen.mac(A).id;
    assert!(later.of_kind("component").iter().any(|part| part.aliases.contains(serial)), "it named the unit's serial number");
}

#[test]
fn a_slot_that_shows_the_devices_own_serial_number_is_the_device() {
    let device = host(A, "10.0.0.1");
    let slot = |number| {
        let path = vec![PathStep { kind: StepKind::CipSlot, number }];
        Subject { path, ..at_port(&device, 44818) }
    };
    let mut wire = Wire::new("slots");
    wire.lives(A, "10.0.0.1").serial(&slot(0), "cip", "Rockwell Automation", "6021A2B2");
    let earlier = wire.seen();
    assert_eq!(earlier.of_kind("component").len(), 1);
    wire.at(5).serial(&at_port(&device, 44818), "enip", "Rockwell Automation", "6021A2B2");
    wire.serial(&slot(0), "cip", "Rockwell Automation", "6021A2B2").serial(&slot(3), "cip", "Rockwell Automation", "00C4F3D1");
    let seen = wire.seen();
    let parts: Vec<&str> = seen.of_kind("component").into_iter().map(|part| value(part, "serial")).collect();
    assert_eq!((seen.count(), parts), (1, vec!["00C4F3D1"]));
    assert_eq!(value(seen.mac(A), "serial"), "6021A2B2");
    seen.no_conflict().keeps_ids_of(&earlier);
}

#[test]
fn two_protocols_on_one_port_are_two_services() {
    let (client, server) = (host("00:15:5d:00:00:01", "10.0.0.9"), host(A, "10.0.0.1"));
    let mut wire = Wire::new("layers");
    wire.lives(A, "10.0.0.1").lives("00:15:5d:00:00:01", "10.0.0.9");
    wire.talks(&client, &server, 44818, "enip").talks(&client, &server, 44818, "cip");
    let services: Vec<String> = wire.seen().mac(A).services.iter().map(|service| format!("{} {}", service.protocol, service.port)).collect();
    assert_eq!(services, ["cip 44818", "enip 44818"]);
}

#[test]
fn an_answer_to_a_group_is_a_service_of_who_answers() {
    let (searcher, low, high) =
        (host("00:15:5d:00:00:01", "10.0.0.40"), host("ac:cc:8e:00:00:01", "10.0.0.22"), host("ac:cc:8e:00:00:02", "10.0.0.23"));
    let mut wire = Wire::new("search");
    wire.lives("00:15:5d:00:00:01", "10.0.0.40").lives("ac:cc:8e:00:00:01", "10.0.0.22").lives("ac:cc:8e:00:00:02", "10.0.0.23");
    wire.sends(&searcher, &host("", "239.255.255.250"), 3702, "wsdd", (2, 0));
    // From 37020 to 54255: the higher port is taken for the client's. And from 60000 to 54255.
    wire.sends(&searcher, &low, 37020, "wsdd", (0, 1)).sends(&high, &searcher, 54255, "wsdd", (1, 0));
    let seen = wire.seen();
    let services = |ip: &str| seen.ip(ip).services.iter().map(|service| (service.protocol.clone(), service.port)).collect::<Vec<_>>();
    for ip in ["10.0.0.22", "10.0.0.23"] {
        assert_eq!((services(ip), &seen.ip(ip).roles[..]), (vec![("wsdd".to_owned(), 3702)], &["wsdd server".to_owned()][..]), "{ip}");
    }
    assert_eq!((services("10.0.0.40"), &seen.ip("10.0.0.40").roles[..]), (vec![], &["wsdd client".to_owned()][..]));
}
