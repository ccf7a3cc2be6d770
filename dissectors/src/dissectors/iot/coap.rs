//! CoAP: what constrained devices offer, and what LwM2M devices say they are.
//!
//! Spec: RFC 7252 (CoAP), RFC 7641 (observe), RFC 7959 (block), RFC 8132 (FETCH, PATCH), RFC 8613 (OSCORE), RFC 6690 (link format);
//! OMA LwM2M Core 1.1 §6.2 (registration).
//! Tells us: resources with their types; endpoint names, maker, model, serial number, firmware of LwM2M devices; whether anything
//! protects the messages.
//! Does not tell: what DTLS hides (port 5684); answers whose questions were not seen, unless they say what they are.

use super::coap_lwm2m::{self as lwm2m, Resource};
use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::json::{self, Scalar, Step};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};
use std::collections::VecDeque;

pub(crate) struct Coap;

const PORT: u16 = 5683;
/// RFC 7252 §3: version, type and token length; code; message identifier.
const HEADER: usize = 4;
/// §3: a token has at most eight bytes.
const TOKEN_MAX: usize = 8;
/// Messages in use have five to ten options.
const OPTIONS_MAX: usize = 64;
/// Questions that wait for their answers: constrained devices have one open (§4.7), servers of many have few for each.
const ASKED_MAX: usize = 16;
/// Devices list some ten resources, gateways a few dozen.
const LINKS_MAX: usize = 48;

/// Option numbers: §5.10, RFC 8613 §2, RFC 7959 §2.1.
const OBSERVE: u32 = 6;
const OSCORE: u32 = 9;
const URI_PATH: u32 = 11;
const CONTENT_FORMAT: u32 = 12;
const URI_QUERY: u32 = 15;
const BLOCK2: u32 = 23;
/// The last number that is registered for anybody (§12.2); experiments come above.
const REGISTERED_MAX: u32 = 2053;

/// Content formats, §12.3.
const TEXT: u64 = 0;
const LINK_FORMAT: u64 = 40;
const JSON: u64 = 50;

/// §5.8, RFC 8132: the index is the method's code less one.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("get", OperationClass::Read),
    ("post", OperationClass::Write),
    ("put", OperationClass::Write),
    ("delete", OperationClass::Write),
    ("fetch", OperationClass::Read),
    ("patch", OperationClass::Write),
    ("ipatch", OperationClass::Write),
];

/// Two bits of version are no mark, but how a device registers (`POST /rd`, RFC 9176 §5, LwM2M) and how it is asked what it offers
/// (`GET /.well-known/core`) are: the path's first option stands behind a token of a length that stacks use.
const SHAPES: &[Shape] = &[
    shape(&[(0, 0xef, 0x40), (1, 0xff, 2), (4, 0xff, 0xb2), (5, 0xff, b'r'), (6, 0xff, b'd')]),
    shape(&[(0, 0xef, 0x41), (1, 0xff, 2), (5, 0xff, 0xb2), (6, 0xff, b'r'), (7, 0xff, b'd')]),
    shape(&[(0, 0xef, 0x42), (1, 0xff, 2), (6, 0xff, 0xb2), (7, 0xff, b'r'), (8, 0xff, b'd')]),
    shape(&[(0, 0xef, 0x44), (1, 0xff, 2), (8, 0xff, 0xb2), (9, 0xff, b'r'), (10, 0xff, b'd')]),
    shape(&[(0, 0xef, 0x48), (1, 0xff, 2), (12, 0xff, 0xb2), (13, 0xff, b'r'), (14, 0xff, b'd')]),
    shape(&[(0, 0xef, 0x40), (1, 0xff, 1), (4, 0xff, 0xbb), (5, 0xff, b'.'), (6, 0xff, b'w')]),
    shape(&[(0, 0xef, 0x41), (1, 0xff, 1), (5, 0xff, 0xbb), (6, 0xff, b'.'), (7, 0xff, b'w')]),
    shape(&[(0, 0xef, 0x42), (1, 0xff, 1), (6, 0xff, 0xbb), (7, 0xff, b'.'), (8, 0xff, b'w')]),
    shape(&[(0, 0xef, 0x44), (1, 0xff, 1), (8, 0xff, 0xbb), (9, 0xff, b'.'), (10, 0xff, b'w')]),
    shape(&[(0, 0xef, 0x48), (1, 0xff, 1), (12, 0xff, 0xbb), (13, 0xff, b'.'), (14, 0xff, b'w')]),
];

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Udp, bytes, min: HEADER + 3, max: 1500 }
}

impl Dissector for Coap {
    type State = Asked;

    const ROW: Row = Row {
        name: "coap",
        revision: 1,
        spec: "RFC 7252, RFC 6690, RFC 8613, OMA LwM2M 1.1",
        tells: "resources, LwM2M endpoint names, maker, model, serial number, firmware",
        bindings: &[Binding::Udp(PORT)],
        shapes: SHAPES,
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let mine = Message::of(head).is_some_and(|message| message.is_plausible());
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(1).map_or(0, |code| code >> 5) {
            0 if head.get(1) != Some(&0) => Side::Client,
            2..=5 => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(message) = Message::of(head) else { return Glance::SKIP };
        let look = match message.code {
            0 => Look::Never,
            1..=31 => Look::Always,
            // Values that are reported by themselves.
            _ if message.option(OBSERVE).is_some() => Look::Once(u32::from(message.code)),
            _ => Look::Always,
        };
        let operation = message.code.checked_sub(1).filter(|index| usize::from(*index) < OPERATIONS.len());
        Glance { operation: operation.map(u16::from), look, inner: None }
    }

    fn read(&self, pdu: &[u8], asked: &mut Asked, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let message = Message::of(pdu).ok_or(DissectError::Malformed { rule: "options", offset: HEADER })?;
        if message.option(OSCORE).is_some() {
            let sender = cx.sender();
            cx.say(&sender, Kind::Security).implied(Field::SecurityLevel, &Value::Text("oscore".into()));
            return Ok(Next::Watch);
        }
        match message.code >> 5 {
            0 if message.code != 0 => {
                asked.asks(&message);
                registration(&message, cx);
            }
            2 => answered(&message, asked.about(message.token), cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// One message, its options in order.
struct Message<'a> {
    kind: u8,
    code: u8,
    token: &'a [u8],
    options: Vec<(u32, &'a [u8])>,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let &[first, code, _, _] = bytes.first_chunk::<HEADER>()?;
        let length = usize::from(first & 15);
        if first >> 6 != 1 || length > TOKEN_MAX {
            return None;
        }
        let (token, mut rest) = bytes.get(HEADER..)?.split_at_checked(length)?;
        let (mut options, mut number) = (Vec::new(), 0u32);
        while let Some((&head, behind)) = rest.split_first() {
            if head == 0xff {
                return (!behind.is_empty()).then_some(Self { kind: first >> 4 & 3, code, token, options, payload: behind });
            }
            let (delta, behind) = extended(head >> 4, behind)?;
            let (length, behind) = extended(head & 15, behind)?;
            let (value, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
            number = number.checked_add(delta)?;
            options.push((number, value));
            rest = behind;
            if options.len() > OPTIONS_MAX {
                return None;
            }
        }
        Some(Self { kind: first >> 4 & 3, code, token, options, payload: &[] })
    }

    /// Whether code, type and options go together (§4.1, §4.2, table 4).
    fn is_plausible(&self) -> bool {
        let is_code = match self.code {
            0 => return self.options.is_empty() && self.token.is_empty() && self.payload.is_empty(),
            1..=7 => self.kind < 2,
            0x41..=0x45 | 0x5f | 0x80..=0x88 | 0x8c | 0x8d | 0x8f | 0x96 | 0x9d | 0xa0..=0xa5 | 0xa8 => self.kind < 3,
            _ => false,
        };
        let fits = |(number, value): &(u32, &[u8])| match *number {
            OBSERVE | 60 | BLOCK2 | 27 | 28 => value.len() <= 4,
            7 | CONTENT_FORMAT | 16 | 17 => value.len() <= 2,
            4 => (1..=8).contains(&value.len()),
            1 => value.len() <= 8,
            3 | 8 | URI_PATH | URI_QUERY | 20 | 39 => value.len() <= 255 && std::str::from_utf8(value).is_ok(),
            number => number <= REGISTERED_MAX,
        };
        is_code && self.options.iter().all(fits)
    }

    fn option(&self, number: u32) -> Option<&'a [u8]> {
        self.all(number).next()
    }

    fn all(&self, number: u32) -> impl Iterator<Item = &'a [u8]> {
        self.options.iter().filter(move |option| option.0 == number).map(|option| option.1)
    }

    /// How the payload is written; text if that is not said (§5.5.2 leaves it open, and most that leave it out send text).
    fn format(&self) -> u64 {
        self.option(CONTENT_FORMAT).map_or(TEXT, crate::tlv::number)
    }

    /// Whether the payload is the first block of its resource, or all of it (RFC 7959 §2.2).
    fn begins(&self) -> bool {
        self.option(BLOCK2).is_none_or(|block| crate::tlv::number(block) >> 4 == 0)
    }
}

/// §3.1: four bits, or one or two bytes more.
fn extended(bits: u8, rest: &[u8]) -> Option<(u32, &[u8])> {
    match bits {
        0..=12 => Some((bits.into(), rest)),
        13 => rest.split_first().map(|(byte, rest)| (u32::from(*byte) + 13, rest)),
        14 => rest.split_first_chunk::<2>().map(|(two, rest)| (u32::from(u16::from_be_bytes(*two)) + 269, rest)),
        _ => None,
    }
}

/// What was asked for: answers name the token alone.
#[derive(Default)]
pub(crate) struct Asked(VecDeque<(Vec<u8>, Resource)>);

impl Asked {
    fn asks(&mut self, message: &Message<'_>) {
        self.0.retain(|(token, _)| token != message.token);
        if self.0.len() >= ASKED_MAX {
            self.0.pop_front();
        }
        let path: Vec<&[u8]> = message.all(URI_PATH).filter(|segment| !segment.is_empty()).collect();
        self.0.push_back((message.token.to_vec(), Resource::of(&path)));
    }

    /// Stays: a resource that is observed is answered again and again.
    fn about(&self, token: &[u8]) -> Option<Resource> {
        self.0.iter().find(|(known, _)| known == token).map(|(_, resource)| *resource)
    }
}

/// LwM2M Core 1.1 §6.2.1, RFC 9176 §5: a device makes itself known.
fn registration(message: &Message<'_>, cx: &mut Context<'_>) {
    let mut path = message.all(URI_PATH);
    if message.code != 2 || !matches!((path.next(), path.next()), (Some(b"rd" | b"bs"), None)) {
        return;
    }
    let query = |name: &[u8]| message.all(URI_QUERY).find_map(|pair| pair.strip_prefix(name));
    let client = cx.sender_host();
    let saying = cx.say(&client, Kind::Client).maybe(query(b"ep="), |s, v| s.text(Field::Lwm2mEndpoint, v));
    drop(saying.maybe(query(b"lwm2m="), |s, v| s.text(Field::ProtocolVersion, v)));
}

/// §5.9.1: an answer with content.
fn answered(message: &Message<'_>, resource: Option<Resource>, cx: &mut Context<'_>) {
    let server = cx.sender();
    cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &Value::Text("none".into()));
    match (message.format(), resource) {
        _ if message.payload.is_empty() || !message.begins() => {}
        (LINK_FORMAT, Some(Resource::Core)) => links(message.payload, &server, cx),
        (JSON, _) => described(message.payload, &server, cx),
        (format, resource) => lwm2m::device(format, resource, message.payload, &server, cx),
    }
}

/// RFC 6690 §2: `</path>;rt="type";if="interface",…`.
fn links(payload: &[u8], server: &Subject, cx: &mut Context<'_>) {
    let mut quoted = false;
    let parts = payload.split(|byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    for link in parts.take(LINKS_MAX) {
        let Some(rest) = trim(link).strip_prefix(b"<") else { continue };
        let Some(end) = rest.iter().position(|byte| *byte == b'>') else { continue };
        let (path, attributes) = rest.split_at_checked(end).unwrap_or_default();
        if path == b"/.well-known/core" {
            continue;
        }
        let types = attributes.split(|byte| *byte == b';').find_map(|attribute| attribute.strip_prefix(b"rt="));
        let types = types.map(|types| types.strip_prefix(b"\"").and_then(|types| types.strip_suffix(b"\"")).unwrap_or(types));
        let saying = cx.say(server, Kind::Service).text(Field::CoapResource, path);
        drop(saying.maybe(types, |s, v| s.text(Field::ResourceType, v)));
    }
}

/// A description in JSON: its own members say what they are, and one of them alone is no description.
fn described(payload: &[u8], server: &Subject, cx: &mut Context<'_>) {
    let told: Vec<(Field, Scalar<'_>)> = Vec::new();
    let (told, _cut) = json::fold(payload, told, |mut told, path, value| {
        if let [Step::Key(name)] = path
            && let Some(field) = field_of(name).filter(|_| !trim(value.bytes()).is_empty())
        {
            told.push((field, value));
        }
        told
    });
    if told.len() < 2 || told.iter().all(|(field, _)| !matches!(field, Field::VendorName | Field::ModelName)) {
        return;
    }
    let mut saying = cx.say(server, Kind::Identity);
    for (field, value) in told {
        saying = json::say(saying, field, value);
    }
}

fn field_of(name: &[u8]) -> Option<Field> {
    Some(match name {
        b"manufacturer" | b"vendor" | b"mfr" => Field::VendorName,
        b"model" => Field::ModelName,
        b"firmware" | b"firmwareVersion" | b"fw" => Field::FirmwareVersion,
        b"hardware" | b"hardwareVersion" | b"hw" => Field::HardwareVersion,
        b"serial" | b"serialNumber" | b"sn" => Field::SerialNumber,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Observation;

    /// A message with a token of one byte and options by their numbers.
    fn message(kind: u8, code: u8, token: u8, options: &[(u8, &[u8])], payload: &[u8]) -> Vec<u8> {
        let (mut bytes, mut before) = (vec![0x40 | kind << 4 | 1, code, 0x12, token, token], 0);
        for (number, value) in options {
            let delta = number - before;
            before = *number;
            let length = u8::try_from(value.len()).unwrap();
            let nibble = |value: u8| if value < 13 { value } else { 13 };
            bytes.push(nibble(delta) << 4 | nibble(length));
            bytes.extend([delta, length].iter().filter(|value| **value >= 13).map(|value| value - 13));
            bytes.extend_from_slice(value);
        }
        if !payload.is_empty() {
            bytes.push(0xff);
            bytes.extend_from_slice(payload);
        }
        bytes
    }

    /// A question of 10.0.0.1 for a path, and an answer of a format.
    fn asked(path: &[&[u8]], format: &[u8], payload: &[u8]) -> Vec<Observation> {
        let segments: Vec<(u8, &[u8])> = path.iter().map(|segment| (11, *segment)).collect();
        let (question, answer) = (message(0, 1, 7, &segments, b""), message(2, 0x45, 7, &[(12, format)], payload));
        conversation(&Coap, Transport::Udp, &[(50000, PORT, &question), (PORT, 50000, &answer)])
    }

    #[test]
    fn a_registration_is_found_on_any_port_behind_tokens_of_all_usual_lengths() {
        for length in [0u8, 1, 2, 4, 8] {
            let token = vec![0xa7; length.into()];
            let bytes = [&[0x40 | length, 2, 0x12, 0x34][..], &token, &[0xb2], b"rd", &[0x47], b"ep=node", &[0x05], b"lt=60"].concat();
            let said = conversation(&Coap, Transport::Udp, &[(50000, 15683, &bytes)]);
            assert_eq!(field(&said, Kind::Client, Field::Lwm2mEndpoint), ["node"], "token of {length} bytes");
        }
    }

    #[test]
    fn links_tell_resources_and_their_types() {
        let links = b"</3/0>,</sensors/temp>;rt=\"oic.r.temperature\";if=\"sensor,x\",</.well-known/core>;ct=40";
        let said = asked(&[b".well-known", b"core"], &[40], links);
        let mut paths = field(&said, Kind::Service, Field::CoapResource);
        paths.sort();
        assert_eq!(paths, ["/3/0", "/sensors/temp"]);
        assert_eq!(field(&said, Kind::Service, Field::ResourceType), ["oic.r.temperature"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn a_registration_names_its_endpoint() {
        let register = message(0, 2, 1, &[(11, b"rd"), (15, b"ep=urn:dev:os:0080-1"), (15, b"lt=86400"), (15, b"lwm2m=1.1")], b"</1/0>,</3/0>");
        let said = conversation(&Coap, Transport::Udp, &[(50000, PORT, &register)]);
        assert_eq!(field(&said, Kind::Client, Field::Lwm2mEndpoint), ["urn:dev:os:0080-1"]);
        assert_eq!(field(&said, Kind::Client, Field::ProtocolVersion), ["1.1"]);
    }

    #[test]
    fn the_device_object_tells_what_a_device_is_in_each_of_its_formats() {
        let tlv = [&[0xc8, 0, 4][..], b"Acme", &[0xc5, 1], b"ACT-1", &[0xc8, 2, 8], b"A0012345", &[0xc3, 3], b"1.0", &[0xc1, 9, 100]].concat();
        let old = br#"{"bn":"/3/0/","e":[{"n":"0","sv":"Acme"},{"n":"1","sv":"ACT-1"},{"n":"2","sv":"A0012345"},{"n":"3","sv":"1.0"}]}"#;
        let senml = br#"[{"bn":"/3/0/","n":"0","vs":"Acme"},{"n":"1","vs":"ACT-1"},{"n":"2","vs":"A0012345"},{"n":"3","vs":"1.0"}]"#;
        let record = |name: u8, value: &[u8]| [&[0xa2, 0, 0x61, name, 3, 0x60 + u8::try_from(value.len()).unwrap()][..], value].concat();
        let cbor = [
            &[0x84, 0xa3, 0x21, 0x65][..],
            b"/3/0/",
            &[0, 0x61, b'0', 3, 0x64],
            b"Acme",
            &record(b'1', b"ACT-1"),
            &record(b'2', b"A0012345"),
            &record(b'3', b"1.0"),
        ]
        .concat();
        for (format, payload) in [(11542u16, &tlv[..]), (11543, old), (110, senml), (112, &cbor)] {
            let said = asked(&[b"3", b"0"], &format.to_be_bytes(), payload);
            for (name, value) in
                [(Field::VendorName, "Acme"), (Field::ModelName, "ACT-1"), (Field::SerialNumber, "A0012345"), (Field::FirmwareVersion, "1.0")]
            {
                assert_eq!(field(&said, Kind::Identity, name), [value], "{format}");
            }
        }
        assert_eq!(field(&asked(&[b"3", b"0", b"1"], &[], b"ACT-1"), Kind::Identity, Field::ModelName), ["ACT-1"]);
    }

    #[test]
    fn values_of_other_objects_are_not_the_devices() {
        for path in [&[&b"3303"[..], b"0"][..], &[b"5", b"0"]] {
            assert!(field(&asked(path, &11542u16.to_be_bytes(), &[0xc4, 0, b'A', b'c', b'm', b'e']), Kind::Identity, Field::VendorName).is_empty());
        }
    }

    #[test]
    fn protection_is_told_and_what_it_hides_is_not_read() {
        let protected = message(0, 2, 7, &[(9, &[0x09, 1, 2]), (11, b"rd")], b"\x01\x02\x03");
        let said = conversation(&Coap, Transport::Udp, &[(50000, PORT, &protected)]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["oscore"]);
    }

    #[test]
    fn a_description_needs_more_than_one_member() {
        let said = asked(&[b"dev", b"info"], &[50], br#"{"mfr":"Espressif","model":"ESP32\u002dS3","inner":{"fw":"x"},"fw":"5.2.1"}"#);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["ESP32-S3"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["5.2.1"]);
        assert!(field(&asked(&[b"car"], &[50], br#"{"model":"T","doors":4}"#), Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [
            &b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..],
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
            &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3],
            &[0; 40],
            &[0x40, 1, 0, 1, 0xff],
            &[0x40, 0, 0, 1, 9],
            b"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
        ] {
            assert_eq!(gate(&Coap, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
