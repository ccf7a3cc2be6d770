//! Tests of MQTT: packets laid out as MQTT 3.1.1 section 3 has them, births as sparkplug_b.proto.

use super::*;
use crate::testing::{conversation, field, gate, payload, read_cut};
use observations::Observation;

const ANONYMOUS: &[u8] = &[
    0x10, 0x13, // CONNECT, 19 bytes
    0x00, 0x04, b'M', b'Q', b'T', b'T', // protocol name
    0x04, // level 4
    0x02, // clean session
    0x00, 0x3c, // keep alive 60 s
    0x00, 0x07, b'p', b'r', b'e', b's', b's', b'-', b'7', // client identifier
];

/// A client on port 50000 and a broker, in turns.
fn talk(messages: &[(bool, &[u8])]) -> Vec<Observation> {
    let payloads: Vec<_> = messages.iter().map(|(up, bytes)| if *up { (50000, PORT, *bytes) } else { (PORT, 50000, *bytes) }).collect();
    conversation(&Mqtt, Transport::Tcp, &payloads)
}

fn method(said: &[Observation]) -> Vec<String> {
    field(said, Kind::Security, Field::AuthenticationMethod)
}

#[test]
fn a_client_tells_its_identifier_and_a_broker_that_lets_in_anybody_shows_it() {
    let said = talk(&[(true, ANONYMOUS), (false, &[0x20, 2, 0, 0])]);
    assert_eq!(field(&said, Kind::Client, Field::MqttClientId), ["press-7"]);
    assert_eq!(field(&said, Kind::Client, Field::KeepAlive), ["60"]);
    assert_eq!(method(&said), ["anonymous"]);
    let shown = said.iter().find(|said| said.kind == Kind::Security).unwrap();
    assert_eq!(shown.about.endpoint.map(|endpoint| endpoint.port), Some(PORT));
}

#[test]
fn who_is_refused_is_not_let_in_anonymously() {
    assert_eq!(method(&talk(&[(true, ANONYMOUS), (false, &[0x20, 2, 0, 5])])), ["required"]);
    // Whether the client showed credentials was not seen.
    assert!(method(&talk(&[(false, &[0x20, 2, 0, 0])])).is_empty());
}

#[test]
fn a_password_leaves_as_a_secret_alone() {
    let connect = b"\x10\x22\x00\x04MQTT\x05\xc2\x00\x3c\x03\x21\x00\x14\x00\x03em3\x00\x05meter\x00\x06hunter";
    let said = talk(&[(true, connect)]);
    assert_eq!(field(&said, Kind::Client, Field::MqttClientId), ["em3"]);
    assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["mqtt password"]);
    assert_eq!(method(&said), ["password"]);
    let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
    assert!(!all.contains("hunter") && !all.contains("meter"), "{all}");
}

#[test]
fn topics_and_filters_are_kept_to_their_second_level() {
    let publish = b"\x30\x17\x00\x13plant/line3/press/p1.";
    let said = talk(&[(true, b"\x82\x12\x00\x01\x00\x01#\x00\x00\x09a/b/c/d/e\x00"), (true, publish)]);
    let mut filters = field(&said, Kind::Request, Field::MqttTopicFilter);
    filters.sort();
    assert_eq!(filters, ["#", "a/b"]);
    assert_eq!(field(&said, Kind::Client, Field::MqttTopic), ["plant/line3"]);
    // With properties, as version 5 has them.
    let said = talk(&[(true, b"\x82\x0a\x00\x02\x00\x00\x04home\x01")]);
    assert_eq!(field(&said, Kind::Request, Field::MqttTopicFilter), ["home"]);
}

#[test]
fn what_a_broker_passes_on_is_not_its_own() {
    let said = talk(&[(false, b"\x30\x0d\x00\x0bplant/line3")]);
    assert!(field(&said, Kind::Client, Field::MqttTopic).is_empty());
}

#[test]
fn a_connection_is_picked_up_in_the_middle() {
    let said = talk(&[(true, &[0xc0, 0]), (false, &[0xd0, 0]), (true, b"\x32\x0f\x00\x0bplant/line3\x00\x01")]);
    assert_eq!(field(&said, Kind::Client, Field::MqttTopic), ["plant/line3"]);
}

#[test]
fn it_is_read_within_websockets() {
    use crate::dissectors::it::{http::Http, websocket::Websocket};
    let key = [1, 2, 3, 4];
    let masked: Vec<u8> = ANONYMOUS.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let frame = [&[0x82, 0x80 | u8::try_from(masked.len()).unwrap()][..], &key, &masked].concat();
    let payloads: [(u16, u16, &[u8]); 4] = [
        (50000, 8083, b"GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"),
        (8083, 50000, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"),
        (50000, 8083, &frame),
        (8083, 50000, &[0x82, 4, 0x20, 2, 0, 0]),
    ];
    let said = crate::testing::conversation_of(&[&Http, &Websocket, &Mqtt], Transport::Tcp, &payloads);
    assert_eq!(field(&said, Kind::Client, Field::MqttClientId), ["press-7"]);
    assert_eq!(method(&said), ["anonymous"]);
}

#[test]
fn a_new_topic_is_heard_after_many_of_another() {
    let mut messages: Vec<(bool, &[u8])> = vec![(true, b"\x30\x09\x00\x05a/b/c12"); 500];
    messages.push((true, b"\x30\x09\x00\x05a/x/c12"));
    let mut topics = field(&talk(&messages), Kind::Client, Field::MqttTopic);
    topics.sort();
    assert_eq!(topics, ["a/b", "a/x"]);
}

#[test]
fn a_truncated_connect_keeps_what_came_before() {
    let will = b"\x10\x30\x00\x04MQTT\x04\x06\x00\x3c\x00\x02id\x00\x03a/b\x00";
    let said = read_cut(&Mqtt, true, will);
    assert_eq!(field(&said, Kind::Client, Field::MqttClientId), ["id"]);
    assert_eq!(field(&said, Kind::Client, Field::MqttTopic), ["a/b"]);
}

#[test]
fn it_is_found_on_another_port_and_strangers_are_refused() {
    let said = payload(&Mqtt, Transport::Tcp, 50000, 11883, ANONYMOUS);
    assert_eq!(field(&said, Kind::Client, Field::MqttClientId), ["press-7"]);
    for stranger in [
        &b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3],
        &[0; 40],
        b"\x10\x13\x00\x04MQTX\x04\x02\x00\x3c\x00\x07press-7",
        b"0123456789 lines of text\r\n",
    ] {
        assert_eq!(gate(&Mqtt, stranger, PORT), Gate::NotMine, "{stranger:?}");
    }
}

/// Protocol buffers: a field of bytes.
fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    [&varint(u64::from(field) << 3 | 2)[..], &varint(value.len() as u64), value].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
    out
}

fn birth(topic: &str, metrics: &[(&str, &str)]) -> Vec<u8> {
    let metrics = metrics.iter().map(|(name, value)| {
        let metric = [bytes(1, name.as_bytes()), varint(4 << 3), varint(12), bytes(15, value.as_bytes())].concat();
        bytes(2, &metric)
    });
    let payload = [varint(1 << 3), varint(1_772_438_400_000), metrics.collect::<Vec<_>>().concat(), varint(3 << 3), varint(0)].concat();
    let rest = [&u16::try_from(topic.len()).unwrap().to_be_bytes()[..], topic.as_bytes(), &payload].concat();
    [&[0x30][..], &varint(rest.len() as u64), &rest].concat()
}

#[test]
fn births_tell_edge_nodes_and_their_devices_apart() {
    let node = birth("spBv1.0/Plant/NBIRTH/Edge1", &[("Properties/Hardware Make", "Opto 22"), ("Properties/Hardware Model", "GRV-EPIC-PR1")]);
    let device = birth("spBv1.0/Plant/DBIRTH/Edge1/Press7", &[("Properties/Hardware Make", "Acme"), ("bdSeq", "1")]);
    let said = talk(&[(true, &node), (true, &device)]);
    let own: Vec<_> = said.iter().filter(|said| said.kind == Kind::Identity && said.about.path.is_empty()).cloned().collect();
    assert_eq!(field(&own, Kind::Identity, Field::VendorName), ["Opto 22"]);
    assert_eq!(field(&own, Kind::Identity, Field::ModelName), ["GRV-EPIC-PR1"]);
    assert_eq!(field(&own, Kind::Identity, Field::SparkplugEdgeNode), ["Edge1"]);
    let part: Vec<_> = said.iter().filter(|said| !said.about.path.is_empty()).cloned().collect();
    assert_eq!(field(&part, Kind::Identity, Field::VendorName), ["Acme"]);
    assert_eq!(field(&part, Kind::Identity, Field::SparkplugDevice), ["Press7"]);
}
