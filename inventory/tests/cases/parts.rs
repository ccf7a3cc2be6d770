//! Gateways and what lies behind them.

use crate::wire::*;
use observations::{Field, Kind};

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
fn two_protocols_on_one_port_are_two_services() {
    let (client, server) = (host("00:15:5d:00:00:01", "10.0.0.9"), host(A, "10.0.0.1"));
    let mut wire = Wire::new("layers");
    wire.lives(A, "10.0.0.1").lives("00:15:5d:00:00:01", "10.0.0.9");
    wire.talks(&client, &server, 44818, "enip").talks(&client, &server, 44818, "cip");
    let services: Vec<String> = wire.seen().mac(A).services.iter().map(|service| format!("{} {}", service.protocol, service.port)).collect();
    assert_eq!(services, ["cip 44818", "enip 44818"]);
}
