//! Keys that many show, and names.

use crate::wire::*;
use observations::{Field, Kind};

fn three(wire: &mut Wire) -> [observations::Subject; 3] {
    let macs = ["ac:cc:8e:00:00:01", "ac:cc:8e:00:00:02", "b8:a4:4f:00:00:03"];
    [0, 1, 2].map(|at| {
        let address = format!("10.0.0.{}", at + 1);
        wire.lives(macs[at], &address);
        host(macs[at], &address)
    })
}

#[test]
fn a_certificate_on_many_devices() {
    let mut wire = Wire::new("factory certificate");
    for camera in three(&mut wire) {
        wire.certificate(&camera, &[0xab; 32]);
    }
    let seen = wire.seen();
    assert_eq!(seen.count(), 3);
    assert_eq!(seen.shares(&format!("certificate-key:{}", "ab".repeat(32))), 3);
    assert_eq!(seen.0.certificates[0].presented_by.len(), 3);
    assert!(seen.0.devices.iter().all(|device| device.identities.iter().all(|identity| !identity.unique)));
}

#[test]
fn a_default_engine_id_on_many_devices() {
    let mut wire = Wire::new("engine id");
    for agent in three(&mut wire) {
        wire.tells(&agent, "snmp", Kind::Key, &[bytes(Field::EngineId, &[0x80, 0, 0x1f, 0x88, 4, b'n', b'a', b'm', b'e'])]);
    }
    let seen = wire.seen();
    assert_eq!(seen.count(), 3);
    assert_eq!(seen.0.coverage.shared_keys.len(), 1);
}

#[test]
fn a_filler_is_no_serial_number() {
    for filler in ["0", "To be filled by O.E.M.", "1", "XXXXXXXX", "0123456789"] {
        let mut wire = Wire::new("filler");
        for device in three(&mut wire) {
            wire.serial(&device, "modbus", "Schneider Electric", filler);
        }
        let seen = wire.seen();
        assert_eq!(seen.count(), 3, "{filler}");
        assert!(seen.0.coverage.shared_keys.is_empty(), "{filler}");
    }
}

#[test]
fn one_number_of_two_makers() {
    let mut wire = Wire::new("makers");
    let [a, _, c] = three(&mut wire);
    wire.serial(&a, "modbus", "Schneider Electric", "47110815").serial(&c, "modbus", "WAGO", "47110815");
    let seen = wire.seen();
    assert_eq!(seen.count(), 3);
    assert!(seen.0.coverage.shared_keys.is_empty());
}

#[test]
fn a_hostname_of_two_devices() {
    let mut wire = Wire::new("hostname");
    let [a, b, _] = three(&mut wire);
    wire.name(&a, "localpc").name(&b, "localpc");
    assert_eq!(wire.seen().count(), 3);
}

#[test]
fn a_name_in_dns_sticks_to_the_holder() {
    let mut wire = Wire::new("dns");
    let [a, b, server] = three(&mut wire);
    wire.at(10).lives("ac:cc:8e:00:00:01", "10.0.0.1").dns_answer(&server, "plc1.plant.example", "10.0.0.1");
    let seen = wire.seen();
    assert_eq!(seen.count(), 3);
    assert_eq!(seen.mac("ac:cc:8e:00:00:01").hostnames, ["plc1.plant.example"]);
    // Both the name and the name with its domain: one name, the bare one first.
    wire.name(&a, "PLC1").name(&b, "plc-1");
    let seen = wire.seen();
    assert_eq!(seen.mac("ac:cc:8e:00:00:01").hostnames, ["PLC1", "plc1.plant.example"]);
    assert_eq!(seen.mac("ac:cc:8e:00:00:02").hostnames, ["plc-1"]);
}
