//! What routers, proxies and translators do to addresses.

use crate::wire::*;
use observations::{Field, Kind, Value};

const ROUTER: &str = "00:1c:73:00:00:01";
const A: &str = "00:80:f4:01:00:01";
const B: &str = "00:80:f4:77:00:02";

#[test]
fn a_virtual_address_is_no_device() {
    for virtual_mac in ["00:00:5e:00:01:0a", "00:00:0c:07:ac:01", "00:00:0c:9f:f0:01", "00:07:b4:00:01:02"] {
        let mut wire = Wire::new("vrrp");
        wire.lives(ROUTER, "10.0.0.2").arp(virtual_mac, "10.0.0.1").frame(virtual_mac, "10.0.0.2", 255).frame(virtual_mac, "10.0.0.1", 64);
        let seen = wire.seen();
        assert_eq!(seen.count(), 1, "{virtual_mac}");
        assert_eq!(seen.mac(ROUTER).ips, ["10.0.0.2"]);
        assert_eq!(seen.0.coverage.virtual_addresses, [format!("10.0.0.1 at {virtual_mac}")]);
    }
}

#[test]
fn a_router_that_only_says_hello_is_one_device() {
    let (router, virtual_mac) = (host(ROUTER, "10.0.0.2"), host("00:00:0c:07:ac:01", "10.0.0.2"));
    let mut wire = Wire::new("hellos");
    wire.frame(ROUTER, "10.0.0.2", 1).tells(&router, "ospf", Kind::Router, &[(Field::RouterId, Value::Ip(ip("10.0.0.2")))]);
    // And, while it is active, from the address that it shares.
    wire.frame("00:00:0c:07:ac:01", "10.0.0.2", 1).tells(&virtual_mac, "hsrp", Kind::Router, &[]);
    // What it passes on is others' all the same.
    wire.frame(ROUTER, "10.9.0.7", 63);
    let seen = wire.seen();
    assert_eq!((seen.count(), &seen.mac(ROUTER).ips), (2, &vec!["10.0.0.2".to_owned()]));
    assert!(seen.0.coverage.virtual_addresses.is_empty());
}

#[test]
fn a_proxy_answers_for_others() {
    let mut wire = Wire::new("proxy");
    wire.lives(ROUTER, "10.0.0.254").arp(ROUTER, "10.0.1.7").frame(ROUTER, "10.0.1.7", 63).frame(ROUTER, "10.0.1.8", 63);
    // And for one whose own frames are in the same mirror.
    wire.lives(A, "10.0.1.9").arp(ROUTER, "10.0.1.9").at(50).lives(A, "10.0.1.9").arp(ROUTER, "10.0.1.9");
    let seen = wire.seen();
    assert_eq!(seen.mac(ROUTER).ips, ["10.0.0.254"]);
    assert_eq!(seen.mac(A).ips, ["10.0.1.9"]);
    assert_eq!(seen.ip("10.0.1.7").reach, "routed");
    assert_eq!(seen.count(), 4);
    assert!(seen.0.coverage.overlapping_addresses.is_empty());
}

#[test]
fn a_stack_that_counts_from_sixty_is_no_router() {
    let mut wire = Wire::new("odd");
    wire.arp(A, "10.0.0.1").frame(A, "10.0.0.1", 60).arp(B, "10.0.0.2").frame(B, "10.0.0.2", 60).arp(B, "10.0.0.3").frame(B, "10.0.0.3", 60);
    let seen = wire.seen();
    assert_eq!(seen.count(), 2);
    assert_eq!(seen.mac(B).ips, ["10.0.0.2", "10.0.0.3"]);
}

#[test]
fn both_sides_of_a_router_in_one_mirror() {
    let mut wire = Wire::new("both sides");
    let inner = "00:1c:73:00:00:02";
    wire.lives(A, "10.1.0.5").lives(B, "10.2.0.7").lives(ROUTER, "10.1.0.1").lives(inner, "10.2.0.1");
    wire.frame(inner, "10.1.0.5", 63).frame(ROUTER, "10.2.0.7", 63);
    // Group membership is told with a hop limit of one.
    wire.frame(inner, "fe80::21c:73ff:fe00:2", 1);
    wire.serial(&at_port(&host(inner, "10.1.0.5"), 502), "modbus", "Schneider Electric", "SN-4711-0001");
    let seen = wire.seen();
    assert_eq!(seen.count(), 4, "one device a host");
    assert_eq!(seen.mac(inner).ips, ["10.2.0.1", "fe80::21c:73ff:fe00:2"]);
    assert_eq!(value(seen.mac(A), "serial"), "SN-4711-0001");
    assert_eq!(value(seen.mac(inner), "serial"), "");
    assert_eq!(seen.ip("10.1.0.5").reach, "local");
}

#[test]
fn a_host_behind_a_router() {
    let mut wire = Wire::new("behind");
    wire.lives(ROUTER, "10.0.0.1").frame(ROUTER, "10.9.0.5", 63).frame(ROUTER, "10.9.0.6", 126);
    let seen = wire.seen();
    let far = seen.ip("10.9.0.5");
    assert_eq!((&*far.reach, far.behind.as_ref()), ("routed", Some(&seen.mac(ROUTER).id)));
    assert!(far.macs.is_empty() && !far.attributes.contains_key("mac_vendor"), "a router lends its vendor to nobody");
    assert!(seen.mac(ROUTER).attributes.contains_key("mac_vendor"));
    assert_eq!(far.bindings.len(), 1);
    assert_eq!(seen.count(), 3);
    // The other side of the router, captured elsewhere: the same device, under its old id too.
    let mut other = Wire::new("cell");
    other.lives(A, "10.9.0.5");
    let mut said = wire.done();
    said.join(other.done());
    let both = see(&said, &[]);
    assert_eq!(both.count(), 3);
    assert_eq!(both.ip("10.9.0.5").macs, [A]);
    both.keeps_ids_of(&seen);
}

#[test]
fn external_addresses_and_public_ones_that_live_here() {
    let mut wire = Wire::new("public");
    wire.lives(ROUTER, "10.0.0.1").frame(ROUTER, "93.184.216.34", 57).frame(ROUTER, "1.1.1.1", 64);
    wire.lives(A, "141.20.5.7").frame(B, "141.20.5.8", 128);
    let seen = wire.seen();
    assert_eq!(seen.ip("93.184.216.34").reach, "external");
    assert_eq!(seen.ip("1.1.1.1").reach, "external");
    assert_eq!((&*seen.mac(A).reach, seen.mac(A).ips.as_slice()), ("local", &["141.20.5.7".to_owned()][..]));
    assert_eq!(seen.mac(B).ips, ["141.20.5.8"]);
    assert_eq!(seen.count(), 5);
}

#[test]
fn two_controllers_behind_one_address() {
    let mut wire = Wire::new("nat");
    let nat = host(ROUTER, "10.0.0.1");
    wire.lives(ROUTER, "10.0.0.1").serial(&at_port(&nat, 502), "modbus", "Schneider Electric", "SN-4711-0001");
    let earlier = wire.seen();
    wire.serial(&at_port(&nat, 503), "modbus", "Schneider Electric", "SN-4711-0002");
    let seen = wire.seen();
    assert_eq!((seen.count(), seen.of_kind("represents_many").len()), (1, 1));
    let parts = seen.of_kind("component");
    let mut serials: Vec<&str> = parts.iter().map(|part| value(part, "serial")).collect();
    serials.sort_unstable();
    assert_eq!(serials, ["SN-4711-0001", "SN-4711-0002"]);
    assert!(parts.iter().all(|part| part.parent.as_ref() == Some(&seen.mac(ROUTER).id) && part.aliases.len() == 1));
    assert_eq!(value(seen.mac(ROUTER), "serial"), "");
    seen.no_conflict().keeps_ids_of(&earlier);
}

#[test]
fn a_translated_address_joins_nothing_behind_it() {
    // Both controllers are seen inside, and through one address behind a router: their numbers lead to two devices.
    let mut wire = Wire::new("nat and cell");
    wire.lives(A, "192.168.1.10").lives(B, "192.168.1.11").frame(ROUTER, "10.7.0.5", 63).lives(ROUTER, "10.0.0.1");
    wire.serial(&at_port(&host(A, "192.168.1.10"), 502), "modbus", "Schneider Electric", "SN-4711-0001");
    wire.serial(&at_port(&host(B, "192.168.1.11"), 502), "modbus", "Schneider Electric", "SN-4711-0002");
    let outside = host(ROUTER, "10.7.0.5");
    wire.serial(&at_port(&outside, 502), "modbus", "Schneider Electric", "SN-4711-0001");
    wire.serial(&at_port(&outside, 503), "modbus", "Schneider Electric", "SN-4711-0002");
    let seen = wire.seen();
    assert_eq!(seen.no_conflict().count(), 4);
    assert_eq!((seen.mac(A).ips.len(), seen.mac(B).ips.len()), (1, 1));
    assert_eq!(seen.ip("10.7.0.5").kind, "represents_many");
}

#[test]
fn one_to_one_translation_is_one_device() {
    let mut cell = Wire::in_segment("cell", "cell 5");
    cell.lives(A, "192.168.1.10").serial(&at_port(&host(A, "192.168.1.10"), 502), "modbus", "Schneider Electric", "SN-4711-0001");
    let mut plant = Wire::new("plant");
    let outside = host(ROUTER, "10.5.1.10");
    plant.lives(ROUTER, "10.0.0.1").frame(ROUTER, "10.5.1.10", 63);
    plant.serial(&at_port(&outside, 502), "modbus", "Schneider Electric", "SN-4711-0001");
    let mut said = plant.done();
    said.join(cell.done());
    let seen = see(&said, &[]);
    assert_eq!(seen.count(), 2);
    assert_eq!(seen.mac(A).ips, ["10.5.1.10", "192.168.1.10"]);
    seen.keeps_ids_of(&plant.seen());
    seen.keeps_ids_of(&cell.seen());
}

#[test]
fn a_forwarded_port_is_not_the_router() {
    let mut wire = Wire::new("forwarded");
    let address = host(ROUTER, "10.0.0.1");
    wire.lives(ROUTER, "10.0.0.1").frame(ROUTER, "10.0.0.1", 63);
    wire.tells(&at_port(&address, 80), "http", Kind::Identity, &[text(Field::VendorName, "Moxa Inc."), text(Field::ModelName, "EDR-810")]);
    wire.tells(
        &at_port(&address, 502),
        "modbus",
        Kind::Identity,
        &[text(Field::VendorName, "Schneider Electric"), text(Field::ModelName, "TM221CE24T")],
    );
    let seen = wire.seen();
    assert_eq!(seen.mac(ROUTER).kind, "represents_many");
    assert_eq!(seen.of_kind("component").len(), 2);
    assert_ne!(value(seen.mac(ROUTER), "model"), "TM221CE24T");
    seen.no_conflict();
    // Nor where one of them names no maker but a part that only one maker makes, or where one alone is forwarded by a router that
    // names itself on its link.
    let coupler = [text(Field::VendorName, "WAGO Kontakttechnik GmbH"), text(Field::ModelName, "750-352")];
    let mut wire = Wire::new("two forwarded");
    wire.lives(ROUTER, "10.0.0.1").frame(ROUTER, "10.0.0.1", 63);
    wire.tells(&at_port(&address, 502), "modbus", Kind::Identity, &coupler);
    wire.tells(&at_port(&address, 102), "s7comm", Kind::Identity, &[text(Field::OrderNumber, "6ES7 315-2EH14-0AB0")]);
    let seen = wire.seen();
    assert_eq!(seen.of_kind("component").len(), 2);
    assert_eq!((value(seen.mac(ROUTER), "vendor"), value(seen.mac(ROUTER), "order_number")), ("Arista", ""));
    let mut wire = Wire::new("one forwarded");
    wire.lives(ROUTER, "10.0.0.1").frame(ROUTER, "10.0.0.1", 63);
    wire.tells(&address, "lldp", Kind::Identity, &[text(Field::VendorName, "Moxa Inc.")]);
    wire.tells(&at_port(&address, 502), "modbus", Kind::Identity, &coupler);
    wire.tells(&at_port(&address, 80), "http", Kind::Identity, &[text(Field::VendorName, "Moxa Inc.")]);
    let seen = wire.seen();
    assert_eq!(seen.of_kind("component").len(), 1);
    assert_eq!((value(seen.mac(ROUTER), "vendor"), value(seen.mac(ROUTER), "model")), ("Moxa Inc.", ""));
}

#[test]
fn a_device_that_only_a_relay_names() {
    let relay = host(ROUTER, "10.0.0.1");
    let far = host("00:80:f4:09:09:09", "");
    let mut wire = Wire::new("relay");
    wire.lives(ROUTER, "10.0.0.1").says(
        &relay,
        &far,
        "dhcp",
        Kind::Identity,
        &[(Field::MacAddress, Value::Mac(mac("00:80:f4:09:09:09"))), text(Field::Hostname, "drive-9"), bytes(Field::DhcpClientId, b"\0drive-9")],
    );
    let seen = wire.seen();
    assert_eq!(seen.count(), 2);
    let device = seen.mac("00:80:f4:09:09:09");
    assert_eq!((&*device.reach, device.behind.as_ref()), ("routed", Some(&seen.mac(ROUTER).id)));
    assert_eq!(device.hostnames, ["drive-9"]);
}
