//! PDUs are put together from link, network and application layer.

use super::*;
use crate::testing::{answer, conversation, field, payload, read_frame, request};
use observations::Observation;

fn ip(function: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let length = u16::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[0x81, function][..], &length, &body].concat()
}

/// Version 1, nothing special.
const LOCAL: &[u8] = &[1, 0];
/// A source on network 5, MS/TP address 12.
const ROUTED: &[u8] = &[1, 0x08, 0, 5, 1, 12];

const I_AM: &[u8] = &[
    0x10, 0, // unconfirmed, I-Am
    0xc4, 0x02, 0x03, 0xf7, 0xa1, // device 260001
    0x22, 0x04, 0x00, // 1,024 bytes
    0x91, 0x00, // segmented both ways
    0x22, 0x03, 0xe7, // vendor 999
];

fn property(number: u8, value: &[u8]) -> Vec<u8> {
    [&[0x30, 1, 12, 0x0c, 0x02, 0x03, 0xf7, 0xa1, 0x19, number, 0x3e][..], value, &[0x3f]].concat()
}

fn characters(text: &str) -> Vec<u8> {
    let content = [&[0][..], text.as_bytes()].concat();
    [&[0x75, u8::try_from(content.len()).unwrap()][..], &content].concat()
}

#[test]
fn a_device_announces_its_instance_and_vendor() {
    let said = answer(&Bacnet, &ip(0x0b, &[LOCAL, I_AM]));
    assert_eq!(field(&said, Kind::Identity, Field::BacnetInstance), ["260001"]);
    assert_eq!(field(&said, Kind::Identity, Field::BacnetVendorId), ["999"]);
}

#[test]
fn properties_of_the_device_object_say_who_it_is_and_those_of_others_do_not() {
    let said = answer(&Bacnet, &ip(0x0a, &[LOCAL, &property(121, &characters("Example Controls"))]));
    assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["Example Controls"]);
    let mut input = property(28, &characters("supply air"));
    (input[4], input[5]) = (0x00, 0x00);
    assert!(field(&answer(&Bacnet, &ip(0x0a, &[LOCAL, &input])), Kind::Identity, Field::Description).is_empty());
    let wide = [0x75, 5, 4, 0x4c, 0xfc, 0x00, b'x'];
    let said = answer(&Bacnet, &ip(0x0a, &[LOCAL, &property(58, &wide)]));
    assert_eq!(field(&said, Kind::Identity, Field::Location), ["\u{4cfc}x"]);
}

fn multiple() -> Vec<u8> {
    let one = |number: u8, value: &[u8]| [&[0x29, number, 0x4e][..], value, &[0x4f]].concat();
    let parts = [
        &[0x0c, 0x00, 0x00, 0x00, 0x01, 0x1e][..], // analog input 1
        &one(77, &characters("not the device")),
        &[0x1f],
        &[0x0c, 0x02, 0x03, 0xf7, 0xa1, 0x1e], // device 260001
        &one(70, &characters("AHU-9")),
        &[0x29, 160, 0x5e, 0x91, 2, 0x91, 32, 0x5f], // a property that it does not have
        &[0x2a, 0x01, 0x74, 0x4e],
        &characters("SN-0815-42"),
        &[0x4f, 0x1f],
    ];
    parts.concat()
}

#[test]
fn many_properties_are_said_together() {
    let said = answer(&Bacnet, &ip(0x0a, &[LOCAL, &[0x30, 9, 14], &multiple()]));
    let identity = said.iter().find(|said| said.get(Field::ModelName).is_some()).unwrap();
    assert_eq!(identity.get(Field::SerialNumber).map(observations::Value::display).as_deref(), Some("SN-0815-42"));
    assert!(!said.iter().any(|said| said.fields.iter().any(|said| said.value.display() == "not the device")));
}

#[test]
fn segments_are_put_together_with_their_places() {
    let whole = multiple();
    let last = (whole.len() - 1) / 30;
    let segment = |index: usize, part: &[u8]| {
        let flags = if index == last { 0x38 } else { 0x3c };
        ip(0x0a, &[LOCAL, &[flags, 9, u8::try_from(index).unwrap(), 4, 14], part])
    };
    let mut segments: Vec<_> = whole.chunks(30).enumerate().map(|(index, part)| segment(index, part)).collect();
    segments.insert(1, segments[0].clone());
    let payloads: Vec<(u16, u16, &[u8])> = segments.iter().map(|segment| (PORT, 50000, &segment[..])).collect();
    let said = conversation(&Bacnet, Transport::Udp, &payloads);
    let serial = said.iter().find(|said| said.get(Field::SerialNumber).is_some()).unwrap();
    assert!(serial.fields_first.iter().all(|field| field.derivation.as_deref().is_some_and(|name| name.starts_with("bacnet-segments"))));
    assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["AHU-9"]);
}

#[test]
fn a_device_behind_a_router_is_a_part_of_it() {
    let said = answer(&Bacnet, &ip(0x0a, &[ROUTED, &property(70, &characters("VAV-3"))]));
    let about = &said.iter().find(|said| said.get(Field::ModelName).is_some()).unwrap().about;
    assert_eq!(about.path.iter().map(|step| step.number).collect::<Vec<_>>(), [5, 12]);
    assert_eq!(field(&said, Kind::Part, Field::BacnetNetwork), ["5"]);
    // A device behind a router that asks is none that was met there.
    let asks = ip(0x0a, &[ROUTED, &[0x00, 5, 1, 12, 0x0c, 0x02, 0x03, 0xf7, 0xa1, 0x19, 77]]);
    assert!(field(&request(&Bacnet, &asks), Kind::Part, Field::BacnetNetwork).is_empty());
}

#[test]
fn a_forwarded_message_is_about_whom_it_names() {
    let said = answer(&Bacnet, &ip(0x04, &[&[10, 9, 9, 9, 0xba, 0xc0], LOCAL, I_AM]));
    let about = &said.iter().find(|said| said.kind == Kind::Identity).unwrap().about;
    assert_eq!((about.ip, about.mac), (Some(IpAddr::from([10, 9, 9, 9])), None));
}

#[test]
fn routers_and_broadcast_managers_tell_of_their_networks() {
    let router = answer(&Bacnet, &ip(0x0b, &[&[1, 0x80, 1, 0, 5, 0, 6]]));
    assert_eq!(field(&router, Kind::Topology, Field::BacnetNetwork), ["5", "6"]);
    let table = answer(&Bacnet, &ip(0x07, &[&[10, 1, 2, 3, 0xba, 0xc1, 0, 60, 0, 30]]));
    assert_eq!(field(&table, Kind::Neighbor, Field::Role), ["foreign device"]);
    assert_eq!(field(&table, Kind::Neighbor, Field::Port), ["47809"]);
}

#[test]
fn a_password_leaves_only_its_use_and_length_class() {
    let restart = ip(0x0a, &[&[1, 4], &[0x00, 5, 7, 20, 0x09, 0x01, 0x1d, 7, 0], b"geheim"]);
    let said = request(&Bacnet, &restart);
    assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["bacnet reinitialize device"]);
    assert_eq!(field(&said, Kind::Credential, Field::SecretLengthClass), ["1"]);
    let quotes = |said: &Observation| said.fields_first.iter().any(|field| field.quote.windows(6).any(|quote| quote == b"geheim"));
    assert!(!said.iter().any(quotes));
    let without = ip(0x0a, &[&[1, 4], &[0x00, 5, 7, 20, 0x09, 0x01]]);
    assert!(field(&request(&Bacnet, &without), Kind::Credential, Field::SecretUse).is_empty());
}

#[test]
fn a_frame_without_ip_is_read() {
    let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x60, 0x2d, 0x00, 0x15, 0xd5];
    let body = [&[0x82, 0x82, 3][..], LOCAL, I_AM].concat();
    frame.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&body);
    let said = read_frame(&Bacnet, &frame);
    assert_eq!(field(&said, Kind::Identity, Field::BacnetInstance), ["260001"]);
}

#[test]
fn a_truncated_answer_keeps_the_properties_before() {
    let whole = ip(0x0a, &[LOCAL, &[0x30, 9, 14], &multiple()]);
    let said = crate::testing::read_cut(&Bacnet, false, &whole[..whole.len() - 8]);
    assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["AHU-9"]);
    assert!(field(&said, Kind::Identity, Field::SerialNumber).is_empty());
}

#[test]
fn operations_are_named_and_polls_cost_a_glance() {
    let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
    let name = |apdu: &[u8]| Bacnet.glance(&ip(0x0a, &[LOCAL, apdu]), &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
    assert_eq!(name(&[0x00, 5, 1, 15, 0x0c, 0, 0, 0, 1]), Some("write_property"));
    assert_eq!(name(&[0x00, 5, 1, 20, 0x09, 1]), Some("reinitialize_device"));
    assert_eq!((name(&[0x10, 8]), name(I_AM), name(&[0x20, 1, 15])), (Some("who_is"), Some("i_am"), None));
    assert_eq!(name(&[0x50, 1, 15, 0x91, 1, 0x91, 2]), Some("error"));
    let mut poll = property(85, &[0x44, 0x41, 0xa0, 0, 0]);
    (poll[4], poll[5]) = (0x00, 0x00);
    assert!(matches!(Bacnet.glance(&ip(0x0a, &[LOCAL, &poll]), &at).look, Look::Once(_)));
    let register = Bacnet.glance(&ip(0x05, &[&[0, 60]]), &at).operation;
    assert_eq!(register.map(|index| OPERATIONS[usize::from(index)].0), Some("register_foreign_device"));
    let router = Bacnet.glance(&ip(0x0b, &[&[1, 0x80, 1, 0, 5]]), &at).operation;
    assert_eq!(router.map(|index| OPERATIONS[usize::from(index)].0), Some("i_am_router_to_network"));
}

#[test]
fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
    let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
    for stranger in [&[0x81, 0x0b, 0, 8, 1, 0x20, 0xff, 0xff][..], &[0x81, 0x0a, 0, 9, 1, 0, 0x10, 8], &[0; 40], b"INVITE sip:a@b", &[0x81; 30]] {
        assert_eq!(Bacnet.gate(stranger, &at), Gate::NotMine);
    }
    let said = payload(&Bacnet, Transport::Udp, 30000, 50000, &ip(0x0b, &[LOCAL, I_AM]));
    assert_eq!(field(&said, Kind::Identity, Field::BacnetInstance), ["260001"]);
}
