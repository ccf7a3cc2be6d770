//! An operator's word.

use crate::wire::*;
use inventory::decision::Decision;

const A: &str = "00:0e:8c:05:00:01";
const B: &str = "00:0e:8c:05:00:02";
const C: &str = "00:0e:8c:05:00:03";

fn key(mac: &str) -> String {
    format!("mac:{mac}")
}

#[test]
fn a_pin_joins() {
    let mut wire = Wire::new("pin");
    wire.lives(A, "10.0.0.1").lives("b8:a4:4f:00:00:03", "10.1.0.1");
    let apart = wire.seen();
    let seen = see(&wire.done(), &[Decision::Pin(key(A), key("b8:a4:4f:00:00:03"))]);
    assert_eq!((apart.count(), seen.count()), (2, 1));
    seen.keeps_ids_of(&apart);
    // By address.
    assert_eq!(see(&wire.done(), &[Decision::Pin("ip:10.0.0.1".into(), "ip:10.1.0.1".into())]).count(), 1);
}

#[test]
fn a_split_outlives_stronger_evidence() {
    let mut wire = Wire::new("split");
    wire.lives(A, "10.0.0.1").lives(B, "10.1.0.1");
    let split = [Decision::Split(key(A), key(B))];
    for (protocol, serial) in [("s7comm", "S C-X4UR28922012"), ("snmp", "S C-X4UR28922012")] {
        wire.serial(&host(A, "10.0.0.1"), protocol, "Siemens", serial).serial(&host(B, "10.1.0.1"), protocol, "Siemens", serial);
    }
    wire.lldp_chassis(A, B);
    assert_eq!(wire.seen().count(), 1);
    let seen = see(&wire.done(), &split);
    assert_eq!(seen.count(), 2);
    assert!(!seen.mac(A).macs.contains(&B.to_owned()));
}

#[test]
fn a_split_holds_through_a_third() {
    let mut wire = Wire::new("third");
    wire.lives(A, "10.0.0.1").lives(B, "10.1.0.1").lives(C, "10.2.0.1");
    wire.lldp_chassis(A, C).lldp_chassis(B, C);
    assert_eq!(wire.seen().count(), 1);
    assert_eq!(see(&wire.done(), &[Decision::Split(key(A), key(B))]).count(), 3, "nothing says with whom the third goes");
    // Pins that contradict a split do not go behind its back.
    let pins = [Decision::Split(key(A), key(B)), Decision::Pin(key(A), key(C)), Decision::Pin(key(C), key(B))];
    let seen = see(&wire.done(), &pins);
    assert!(!seen.mac(A).macs.contains(&B.to_owned()));
}
