//! Addresses: who had which when, and what is no device.

use crate::wire::*;

const A: &str = "00:80:f4:01:00:01";
const B: &str = "00:80:f4:77:00:02";
const SERVER: &str = "00:15:5d:00:00:01";

#[test]
fn an_address_that_moves() {
    let server = host(SERVER, "10.0.0.1");
    let mut wire = Wire::new("dhcp");
    wire.at(0).lives(SERVER, "10.0.0.1").lease(&server, A, "10.0.0.50").lives(A, "10.0.0.50").at(40).lives(A, "10.0.0.50");
    wire.at(30).dns_answer(&server, "first.example", "10.0.0.50");
    let earlier = wire.seen();
    wire.at(60).lease(&server, B, "10.0.0.50").lives(B, "10.0.0.50").at(90).lives(B, "10.0.0.50");
    wire.at(70).dns_answer(&server, "second.example", "10.0.0.50");
    let seen = wire.seen();
    assert_eq!(seen.no_conflict().count(), 3);
    assert_eq!((&seen.mac(A).hostnames[..], &seen.mac(B).hostnames[..]), (&["first.example".to_owned()][..], &["second.example".to_owned()][..]));
    assert_eq!(seen.has_ip("10.0.0.50").len(), 2);
    assert_eq!(seen.mac(A).replaced_by, None, "another client is no spare part");
    seen.keeps_ids_of(&earlier);
}

#[test]
fn two_cells_with_the_same_addresses_in_one_capture() {
    let mut wire = Wire::new("cells");
    for time in [0, 100] {
        wire.at(time).lives(A, "192.168.1.10").lives(B, "192.168.1.10").lives(SERVER, "192.168.1.11").lives("00:15:5d:99:00:01", "192.168.1.11");
    }
    wire.talks(&host(SERVER, "192.168.1.11"), &host(A, "192.168.1.10"), 502, "modbus");
    wire.talks(&host("00:15:5d:99:00:01", "192.168.1.11"), &host(B, "192.168.1.10"), 502, "modbus");
    wire.at(50).name(&host(A, "192.168.1.10"), "cell1-plc").name(&host(B, "192.168.1.10"), "cell2-plc");
    wire.at(50).dns_answer(&host(SERVER, "192.168.1.11"), "whose", "192.168.1.10");
    let seen = wire.seen();
    assert_eq!(seen.no_conflict().count(), 4);
    assert_eq!(seen.mac(A).hostnames, ["cell1-plc"], "what is said of the address alone is nobody's");
    assert_eq!(seen.mac(B).hostnames, ["cell2-plc"]);
    assert_eq!(seen.0.coverage.overlapping_addresses.len(), 2);
    assert!(seen.0.devices.iter().all(|device| device.replaced_by.is_none()));
}

#[test]
fn one_address_of_two_toward_the_same_peers() {
    const ROUTER: &str = "00:00:0c:00:00:01";
    let (a, b, server) = (host(A, "192.168.1.10"), host(B, "192.168.1.10"), host(SERVER, "192.168.1.11"));
    let mut wire = Wire::new("claimed");
    for time in [0, 100] {
        wire.at(time).lives(A, "192.168.1.10").lives(B, "192.168.1.10").lives(SERVER, "192.168.1.11");
    }
    wire.talks(&server, &a, 502, "modbus");
    let nobody = wire.seen();
    assert_eq!(
        (nobody.no_conflict().count(), nobody.0.coverage.overlapping_addresses.len()),
        (3, 0),
        "who talks to nobody shows no network of its own"
    );
    let mut routed = wire.clone();
    wire.talks(&server, &b, 502, "modbus").talks(&a, &host(ROUTER, "10.9.9.9"), 443, "tls");
    let same = wire.seen();
    assert_eq!((same.no_conflict().count(), same.0.coverage.overlapping_addresses.len()), (3, 0));
    for (device, far) in [(&a, "10.9.9.9"), (&b, "10.8.8.8")] {
        routed.talks(device, &host(ROUTER, far), 443, "tls");
    }
    assert_eq!(routed.seen().0.coverage.overlapping_addresses.len(), 0, "one router");
    routed = Wire::new("apart");
    for time in [0, 100] {
        routed.at(time).lives(A, "192.168.1.10").lives(B, "192.168.1.10");
    }
    routed.talks(&a, &host(ROUTER, "10.9.9.9"), 443, "tls").talks(&b, &host("00:00:0c:00:00:02", "10.9.9.9"), 443, "tls");
    assert_eq!(routed.seen().0.coverage.overlapping_addresses, [format!("192.168.1.10: {A}, {B}")], "a router each");
}

#[test]
fn two_segments_with_the_same_addresses() {
    let (mut one, mut two) = (Wire::in_segment("one", "cell 1"), Wire::in_segment("two", "cell 2"));
    one.at(0).lives(A, "192.168.1.10").dns_answer(&host(A, "192.168.1.10"), "one.example", "192.168.1.10").at(100).lives(A, "192.168.1.10");
    two.at(0).lives(B, "192.168.1.10").dns_answer(&host(B, "192.168.1.10"), "two.example", "192.168.1.10").at(100).lives(B, "192.168.1.10");
    let mut said = one.done();
    said.join(two.done());
    let seen = see(&said, &[]);
    assert_eq!(seen.count(), 2);
    assert_eq!((&seen.mac(A).hostnames[..], &seen.mac(B).hostnames[..]), (&["one.example".to_owned()][..], &["two.example".to_owned()][..]));
    assert_eq!(seen.mac(A).bindings[0].segment, "cell 1");
    assert!(seen.0.coverage.overlapping_addresses.is_empty());
    seen.keeps_ids_of(&one.seen());
    seen.keeps_ids_of(&two.seen());
}

#[test]
fn groups_broadcast_and_nobody_are_no_devices() {
    let mut wire = Wire::new("groups");
    wire.lives(A, "10.0.0.1").frame("01:00:5e:00:00:fb", "", 0).frame("ff:ff:ff:ff:ff:ff", "", 0).frame("00:00:00:00:00:00", "", 0);
    for group in ["224.0.0.251", "255.255.255.255", "0.0.0.0", "239.1.1.1", "ff02::1", "::"] {
        wire.frame("", group, 1).asks_for(A, group).dns_answer(&host(A, "10.0.0.1"), "group", group);
    }
    wire.asks_for(A, "127.0.0.1").dns_answer(&host(A, "10.0.0.1"), "localhost.example", "127.0.0.1");
    let seen = wire.seen();
    assert_eq!(seen.0.devices.len(), 1);
}

#[test]
fn what_a_host_says_to_itself_is_heard_in_its_own_capture() {
    let (mut one, mut two) = (Wire::new("one"), Wire::new("two"));
    one.frame("", "127.0.0.1", 64);
    two.frame("", "127.0.0.1", 64);
    let mut said = one.done();
    said.join(two.done());
    let seen = see(&said, &[]);
    assert_eq!(seen.count(), 2);
    assert!(seen.0.devices.iter().all(|device| device.ips == ["127.0.0.1"] && device.segments[0].starts_with("loopback ")));
    seen.keeps_ids_of(&one.seen());
    seen.keeps_ids_of(&two.seen());
}

#[test]
fn an_address_that_is_only_asked_for() {
    let mut wire = Wire::new("ghost");
    wire.lives(A, "10.0.0.1").asks_for(A, "10.0.0.77").asks_for(A, "10.0.0.1");
    let seen = wire.seen();
    assert_eq!(seen.count(), 1);
    let ghosts = seen.of_kind("ghost");
    assert_eq!(ghosts.len(), 1);
    assert_eq!(ghosts[0].ips, ["10.0.0.77"]);
    assert_eq!(seen.0.coverage.asked_for_only, ["10.0.0.77"]);
}

#[test]
fn an_address_that_is_only_leased() {
    let mut wire = Wire::new("lease");
    wire.lives(SERVER, "10.0.0.1").lease(&host(SERVER, "10.0.0.1"), A, "10.0.0.50");
    let seen = wire.seen();
    assert_eq!((seen.count(), seen.of_kind("ghost").len()), (1, 1));
}

#[test]
fn an_address_in_an_answer_is_no_device() {
    let mut wire = Wire::new("answers");
    wire.lives(SERVER, "10.0.0.1");
    wire.dns_answer(&host(SERVER, "10.0.0.1"), "far.example", "93.184.216.34").dns_answer(&host(SERVER, "10.0.0.1"), "near.example", "10.0.0.9");
    wire.asks_for(SERVER, "10.0.0.8");
    let seen = wire.seen();
    assert_eq!(seen.count(), 1);
    assert!(seen.mac(SERVER).hostnames.is_empty());
}
