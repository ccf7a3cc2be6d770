//! One device or several: ports, cards, pairs, copies, spare parts.

use crate::wire::*;
use observations::{Field, Kind, Value};

const A: &str = "00:80:f4:01:00:01";
const B: &str = "00:80:f4:77:00:02";

#[test]
fn one_box_with_several_ports() {
    let mut wire = Wire::new("lldp");
    wire.lldp_chassis("00:0e:8c:01:02:01", "00:0e:8c:01:02:00").lldp_chassis("00:0e:8c:01:02:02", "00:0e:8c:01:02:00");
    let seen = wire.seen();
    assert_eq!(seen.count(), 1);
    assert_eq!(seen.mac("00:0e:8c:01:02:00").macs.len(), 3);
    // The same serial number at two ports, close together.
    let mut wire = Wire::new("serial");
    wire.lives("00:0e:8c:05:00:01", "10.0.0.1").lives("00:0e:8c:05:00:02", "10.0.1.1");
    wire.serial(&host("00:0e:8c:05:00:01", "10.0.0.1"), "s7comm", "Siemens", "S C-X4UR28922012");
    wire.serial(&host("00:0e:8c:05:00:02", "10.0.1.1"), "s7comm", "Siemens AG", "S C-X4UR28922012");
    assert_eq!(wire.seen().no_conflict().count(), 1);
}

#[test]
fn several_cards_in_one_host() {
    let duid = [0, 1, 0, 1, 0x2a, 0x11, 0, 1, 0, 0x15, 0x5d, 1, 2, 3];
    let of_card = |card: u8| [&[255, 0, 0, 0, card][..], &duid].concat();
    let mut wire = Wire::new("client id");
    wire.dhcp_client("00:15:5d:01:02:03", &of_card(1)).dhcp_client("00:15:5d:01:02:04", &of_card(2));
    assert_eq!(wire.seen().count(), 1);
    let mut wire = Wire::new("snmp interfaces");
    wire.lives(A, "10.0.0.1").lives(B, "10.1.0.1");
    let agent = host(A, "10.0.0.1");
    let earlier = wire.seen();
    wire.tells(&agent, "snmp", Kind::Binding, &[(Field::MacAddress, Value::Mac(mac(B)))]);
    let seen = wire.seen();
    assert_eq!(seen.count(), 1);
    assert_eq!(seen.mac(A).ips, ["10.0.0.1", "10.1.0.1"]);
    seen.keeps_ids_of(&earlier);
}

#[test]
fn who_describes_others_is_not_all_of_them() {
    let mut wire = Wire::new("management");
    wire.lives(A, "10.0.0.1");
    for number in 0..20u8 {
        let other = format!("00:1b:1b:0{}:00:{number:02x}", number % 9);
        wire.lives(&other, &format!("10.0.1.{number}"));
        wire.tells(&host(A, "10.0.0.1"), "snmp", Kind::Binding, &[(Field::MacAddress, Value::Mac(mac(&other)))]);
    }
    assert_eq!(wire.seen().count(), 21);
}

#[test]
fn a_redundant_pair_swaps_its_addresses() {
    let mut wire = Wire::new("switchover");
    wire.at(0).lives(A, "10.0.0.1").lives(B, "10.0.0.2").at(50).lives(A, "10.0.0.1").lives(B, "10.0.0.2");
    wire.at(60).lives(B, "10.0.0.1").lives(A, "10.0.0.2").at(100).lives(B, "10.0.0.1").lives(A, "10.0.0.2");
    wire.at(10).serial(&host(A, "10.0.0.1"), "cip", "Rockwell", "60001111").serial(&host(B, "10.0.0.2"), "cip", "Rockwell", "60002222");
    wire.at(70).serial(&host(B, "10.0.0.1"), "cip", "Rockwell", "60002222").serial(&host(A, "10.0.0.2"), "cip", "Rockwell", "60001111");
    let seen = wire.seen();
    assert_eq!(seen.no_conflict().count(), 2);
    assert_eq!(seen.mac(A).bindings.len(), 2, "both addresses, each with its time");
    assert_eq!(value(seen.mac(A), "serial"), "60001111");
    assert_eq!(seen.mac(A).replaced_by, None);
    assert!(seen.0.coverage.overlapping_addresses.is_empty());
}

#[test]
fn a_clone_is_a_second_device() {
    let mut wire = Wire::new("clone");
    wire.at(0).lives(A, "10.0.0.1").lives(B, "10.0.0.2").at(90).lives(A, "10.0.0.1").lives(B, "10.0.0.2");
    wire.at(10).serial(&host(A, "10.0.0.1"), "cip", "Rockwell", "60001111").serial(&host(B, "10.0.0.2"), "cip", "Rockwell", "60001111");
    let seen = wire.seen();
    assert_eq!(seen.count(), 2);
    assert_eq!(seen.shares("serial:rockwell/60001111"), 2);
    assert!(seen.0.coverage.shared_keys[0].at_once);
}

#[test]
fn a_spare_part_takes_the_place() {
    let mut wire = Wire::new("swap");
    let station = |name| [text(Field::StationName, name)];
    wire.at(0).lives(A, "10.0.0.1").serial(&host(A, ""), "pn_dcp", "Siemens", "S C-A4UR00000001").at(40).lives(A, "10.0.0.1");
    wire.at(10).tells(&host(A, ""), "pn_dcp", Kind::Identity, &station("press-3"));
    let earlier = wire.seen();
    wire.at(60).lives(B, "10.0.0.1").serial(&host(B, ""), "pn_dcp", "Siemens", "S C-A4UR00000002").at(90).lives(B, "10.0.0.1");
    wire.at(65).tells(&host(B, ""), "pn_dcp", Kind::Identity, &station("press-3"));
    let seen = wire.seen();
    assert_eq!(seen.no_conflict().count(), 2);
    let (old, new) = (seen.mac(A), seen.mac(B));
    assert_eq!((old.replaced_by.as_ref(), new.replaces.as_slice()), (Some(&new.id), std::slice::from_ref(&old.id)));
    assert_eq!(value(new, "station_name"), "press-3");
    assert!(seen.0.coverage.shared_keys.iter().all(|shared| !shared.at_once), "one after the other");
    assert!(seen.0.coverage.overlapping_addresses.is_empty());
    seen.keeps_ids_of(&earlier);
}

#[test]
fn addresses_made_up_one_after_another() {
    let phones = ["da:a1:19:00:00:01", "72:0b:aa:00:00:02", "fe:15:42:00:00:03"];
    let mut wire = Wire::new("phone");
    for (day, phone) in (0..).zip(phones) {
        wire.at(day * 100).dhcp_client(phone, b"\0my-phone-id").at(day * 100 + 50).frame(phone, "10.0.0.7", 64);
    }
    let seen = wire.seen();
    assert_eq!(seen.count(), 1);
    assert_eq!(seen.mac(phones[0]).macs.len(), 3);
    // Two virtual machines of one image use it at the same time.
    let mut wire = Wire::new("image");
    wire.dhcp_client("52:54:00:00:00:01", b"\0image").dhcp_client("52:54:00:99:00:02", b"\0image");
    wire.at(50).frame("52:54:00:00:00:01", "", 0).frame("52:54:00:99:00:02", "", 0);
    let seen = wire.seen();
    assert_eq!(seen.count(), 2);
    assert_eq!(seen.shares("dhcp-client-id:00696d616765"), 2);
}

#[test]
fn one_made_up_address_never_joins_two_devices() {
    // A dock's card and a borrowed one: the client id of the laptop touches two devices with hardware addresses.
    let mut wire = Wire::new("two touched");
    wire.at(0).dhcp_client(A, b"\0first-device").at(10).dhcp_client(B, b"\0second-device");
    wire.at(20).dhcp_client("da:a1:19:00:00:01", b"\0first-device").at(30).dhcp_client("da:a1:19:00:00:01", b"\0second-device");
    assert_eq!(wire.seen().count(), 3);
}

#[test]
fn all_addresses_of_one_card() {
    let mut wire = Wire::new("dual stack");
    wire.lives(A, "10.0.0.1").frame(A, "fe80::280:f4ff:fe01:1", 255).frame(A, "2001:db8:1::1", 64).frame(A, "fd00::1", 64);
    let seen = wire.seen();
    assert_eq!(seen.count(), 1);
    assert_eq!(seen.mac(A).ips.len(), 4);
}

#[test]
fn the_sensor_is_an_ordinary_device() {
    let mut wire = Wire::new("sensor");
    wire.lives(A, "10.0.0.9").name(&host(A, "10.0.0.9"), "wirecensus").lives(B, "10.0.0.1");
    let seen = wire.seen();
    assert_eq!(seen.count(), 2);
    assert_eq!(seen.mac(A).hostnames, ["wirecensus"]);
}
