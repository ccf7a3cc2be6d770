//! Bytes are laid out a structure a line.

use super::*;
use crate::testing::{answer, conversation, field, payload, read_cut, request};

const DESCRIBED: &[u8] = &[
    0x06, 0x10, 0x02, 0x0c, 0x00, 0x60, // extended search response, 96 bytes
    0x08, 0x01, 10, 0, 0, 2, 0x0e, 0x57, // control endpoint
    0x36, 0x01, 0x02, 0x01, 0x11, 0xfa, 0x00, 0x08, // device information: TP, programming, 1.1.250, project 8
    0x00, 0x83, 0x4a, 0x12, 0x00, 0x17, // serial number
    224, 0, 23, 12, // multicast address
    0x00, 0x24, 0x6d, 0x01, 0x02, 0x03, // MAC address
    b'I', b'P', b' ', b'R', b'o', b'u', b't', b'e', b'r', 0, b'x', b'x', 0, 0, 0, // name, and what was left behind it
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
    0x0a, 0x02, 2, 2, 3, 2, 4, 2, 9, 1, // families
    0x06, 0x06, 4, 1, 5, 0, // tunnelling is secured
    0x08, 0xfe, 0x00, 0xc5, 1, 2, 3, 4, // manufacturer data
    0x04, 0x20, 0, 0, // unknown
    0x02, 0x21, // unknown, empty
    0x06, 0x07, 0, 0xfe, 0, 0, // tunnelling information
];

fn described() -> Vec<u8> {
    let mut bytes = DESCRIBED.to_vec();
    bytes[5] = u8::try_from(bytes.len()).unwrap();
    bytes
}

#[test]
fn a_router_says_name_addresses_and_serial_number_together() {
    let said = answer(&KnxIp, &described());
    assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["IP Router"]);
    assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["00834a120017"]);
    assert_eq!(field(&said, Kind::Identity, Field::IndividualAddress), ["1.1.250"]);
    assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:24:6d:01:02:03"]);
    let mut makers = field(&said, Kind::Identity, Field::KnxManufacturer);
    makers.sort();
    assert_eq!(makers, ["131", "197"]);
    assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["programming"]);
    assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["secure tunnelling"]);
    assert!(field(&said, Kind::Service, Field::ServiceType).contains(&"security".to_owned()));
}

#[test]
fn a_serial_number_that_nobody_filled_in_is_none() {
    let mut bytes = described();
    bytes[22..28].copy_from_slice(&[1, 2, 3, 4, 5, 6]);
    assert!(field(&answer(&KnxIp, &bytes), Kind::Identity, Field::SerialNumber).is_empty());
    bytes[22..28].copy_from_slice(&[0; 6]);
    assert!(field(&answer(&KnxIp, &bytes), Kind::Identity, Field::SerialNumber).is_empty());
}

#[test]
fn a_truncated_block_keeps_the_ones_before() {
    let said = read_cut(&KnxIp, false, &described()[..72]);
    assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["IP Router"]);
    assert!(field(&said, Kind::Service, Field::ServiceType).is_empty());
}

const CONNECTED: &[u8] = &[0x06, 0x10, 0x02, 0x06, 0x00, 0x14, 0x01, 0x00, 0x08, 0x01, 10, 0, 0, 2, 0x0e, 0x57, 0x04, 0x04, 0x11, 0xfb];

#[test]
fn a_tunnel_without_security_is_told_and_a_wrapper_too() {
    let said = answer(&KnxIp, CONNECTED);
    assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
    assert_eq!(field(&said, Kind::Lease, Field::IndividualAddress), ["1.1.251"]);
    let mut refused = CONNECTED.to_vec();
    refused[7] = 0x24;
    assert!(field(&answer(&KnxIp, &refused), Kind::Security, Field::SecurityLevel).is_empty());
    let wrapper = [&[0x06, 0x10, 0x09, 0x50, 0x00, 0x38][..], &[7; 50]].concat();
    let said = conversation(&KnxIp, Transport::Tcp, &[(50000, PORT, &wrapper)]);
    let security = said.iter().find(|said| said.kind == Kind::Security).unwrap();
    assert_eq!(security.get(Field::SecurityLevel).map(Value::display).as_deref(), Some("secure"));
    assert_eq!(security.about.endpoint.map(|endpoint| endpoint.port), Some(PORT));
}

/// A tunnelling request with a telegram from 1.1.251 to 1/2/3.
fn telegram(code: u8, data: &[u8]) -> Vec<u8> {
    let frame = [&[code, 0, 0xbc, 0xe0, 0x11, 0xfb, 0x0a, 0x03, u8::try_from(data.len() - 1).unwrap()][..], data].concat();
    let total = u8::try_from(HEADER + 4 + frame.len()).unwrap();
    [&[0x06, 0x10, 0x04, 0x20, 0x00, total, 0x04, 1, 0, 0][..], &frame].concat()
}

#[test]
fn telegrams_are_named_and_counted_where_they_are_asked_for() {
    let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
    let name = |bytes: &[u8]| KnxIp.glance(bytes, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
    assert_eq!(name(&telegram(0x11, &[0x00, 0x81])), Some("group_value_write"));
    assert_eq!(name(&telegram(0x11, &[0x00, 0x00])), Some("group_value_read"));
    assert_eq!(name(&telegram(0x11, &[0x03, 0x80])), Some("restart"));
    assert_eq!(name(&telegram(0x11, &[0x03, 0xd7, 0, 11])), Some("property_value_write"));
    assert_eq!((name(&telegram(0x29, &[0x00, 0x81])), name(&telegram(0x11, &[0x80]))), (None, None));
    assert_eq!(name(&[0x06, 0x10, 0x02, 0x01, 0x00, 0x0e, 0x08, 1, 10, 0, 0, 1, 0xc3, 0x50]), Some("search"));
    let routed = [0x06, 0x10, 0x05, 0x30, 0x00, 0x11, 0x29, 0, 0xbc, 0xd0, 0x11, 0xfb, 0x0a, 0x03, 1, 0, 0x80];
    assert_eq!(name(&routed), Some("group_value_write"));
    assert!(matches!(KnxIp.glance(&telegram(0x11, &[0x00, 0x81]), &at).look, Look::Once(_)));
}

#[test]
fn a_key_in_the_clear_leaves_only_its_use() {
    let said = request(&KnxIp, &telegram(0x11, &[0x03, 0xd1, 0, 0x11, 0x22, 0x33, 0x44]));
    assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["knx authorize"]);
    let open = request(&KnxIp, &telegram(0x11, &[0x03, 0xd1, 0, 0xff, 0xff, 0xff, 0xff]));
    assert!(field(&open, Kind::Credential, Field::SecretUse).is_empty());
}

#[test]
fn properties_of_the_interface_itself_are_read() {
    let answered = |property: u8, data: &[u8]| {
        let frame = [&[0xfb, 0, 0, 1, property, 0x10, 1][..], data].concat();
        let total = u8::try_from(HEADER + 4 + frame.len()).unwrap();
        answer(&KnxIp, &[&[0x06, 0x10, 0x03, 0x10, 0x00, total, 0x04, 1, 0, 0][..], &frame].concat())
    };
    assert_eq!(field(&answered(15, b"SCN-IP000.\0"[..10].try_into().unwrap()), Kind::Identity, Field::OrderNumber), ["SCN-IP000."]);
    assert_eq!(field(&answered(12, &[0, 0x83]), Kind::Identity, Field::KnxManufacturer), ["131"]);
}

#[test]
fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
    let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
    for stranger in
        [&[0x06, 0x10, 0x02, 0x01, 0x00, 0x0f, 8, 1, 0, 0, 0, 0, 0, 0][..], b"RTPS\x02\x01\x01\x01", &[0; 40], &[6, 16, 9, 9, 0, 6], &[6; 20]]
    {
        assert_eq!(KnxIp.gate(stranger, &at), Gate::NotMine);
    }
    let said = payload(&KnxIp, Transport::Udp, 30001, 50000, &described());
    assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["IP Router"]);
}
