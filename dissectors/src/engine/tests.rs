//! Whole frames through decoder and engine: segments in fragments, copies of a mirror.

use super::{Engine, Item};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row, Side};
use crate::frame::{Frame, Net};
use crate::packet::{LinkType, Packet};
use crate::reassembly::Pieces;
use crate::registry::Registry;
use crate::tunnel::Decoder;
use observations::{Field, Kind, Observation, OperationClass, SourceSaid};
use std::sync::Arc;

const DEVICE: u8 = 11;
const CLIENT: u8 = 5;

/// Modbus: read device identification, the answer to it; offsets of the three texts are counted in the test that needs them.
const ANSWER: &[u8] = &[
    0, 1, 0, 0, 0, 32, // transaction, protocol, length
    1, 0x2b, 0x0e, // unit, encapsulated interface, read device identification
    1, 1, 0, 0, 3, // basic, conformity, no more follows, next object, objects
    0, 9, b'S', b'c', b'h', b'n', b'e', b'i', b'd', b'e', b'r', // vendor
    1, 5, b'M', b'2', b'2', b'1', b'x', // product code
    2, 4, b'v', b'2', b'.', b'7', // revision
];

/// A poll's answer, by which the conversation is recognised: its first PDU must be whole.
const POLL: &[u8] = &[0, 9, 0, 0, 0, 5, 1, 3, 2, 0, 7];

/// Where the stream is behind the poll at 100.
const NEXT: u32 = 111;

const EXPECTED: [(Field, &[u8]); 3] = [(Field::VendorName, b"Schneider"), (Field::ProductCode, b"M221x"), (Field::FirmwareVersion, b"v2.7")];

/// An Ethernet frame with IPv4 from one host of 10.0.0.0/24 to another.
fn ipv4(from: u8, to: u8, id: u16, place: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    [
        &[0, 0x80, 0xf4, 0, 0, to, 0, 0x80, 0xf4, 0, 0, from, 8, 0][..],
        &[0x45, 0][..], // version and header length, service
        &u16::try_from(20 + payload.len()).unwrap().to_be_bytes(),
        &id.to_be_bytes(),
        &place.to_be_bytes(),
        &[64, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to], // TTL, protocol, checksum, addresses
        payload,
    ]
    .concat()
}

/// A segment from the device's port 502 to the client.
fn segment(seq: u32, data: &[u8]) -> Vec<u8> {
    let header = [0x01, 0xf6, 0xc0, 0x02]; // ports 502 and 49154
    let rest = [0, 0, 0, 7, 0x50, 0x18, 0x10, 0, 0xca, 0xfe, 0, 0]; // acknowledgement, header of 20 bytes, PSH and ACK, window, sum, urgent
    [&header[..], &seq.to_be_bytes(), &rest, data].concat()
}

fn whole(seq: u32, data: &[u8]) -> Vec<u8> {
    ipv4(DEVICE, CLIENT, u16::try_from(seq).unwrap(), 0x4000, 6, &segment(seq, data))
}

/// The same segment in fragments of `size` bytes.
fn fragments(seq: u32, data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let bytes = segment(seq, data);
    let count = bytes.len().div_ceil(size);
    let place = |i: usize| u16::try_from(i * size / 8).unwrap() | if i + 1 < count { 0x2000 } else { 0 };
    bytes.chunks(size).enumerate().map(|(i, part)| ipv4(DEVICE, CLIENT, u16::try_from(seq).unwrap(), place(i), 6, part)).collect()
}

/// What an engine hears in frames, `nanoseconds` each after the one before.
fn hear(frames: &[Vec<u8>], nanoseconds: i64) -> SourceSaid {
    let (mut decoder, mut engine) = (Decoder::new(), Engine::new(Arc::new(Registry::new()), None, None));
    for (id, data) in (0u64..).zip(frames) {
        let time = i64::try_from(id).unwrap() * nanoseconds;
        let packet = Packet { data, wire_len: u32::try_from(data.len()).unwrap(), link: LinkType::ETHERNET, time, id };
        let frame = decoder.decode(&packet);
        let pieces = decoder.detached(&frame).map(Pieces::from);
        engine.feed(&[Item { packet, frame: &frame, detached: pieces.as_ref() }]);
        decoder.release();
    }
    engine.finish()
}

/// The three texts were said, each where its bytes are in the frames; what was undone on the way.
fn undone(what: &str, frames: &[Vec<u8>]) -> Vec<String> {
    let said: Vec<Observation> = hear(frames, 1_000).decoded().map(|said| said.expect("canonical bytes")).collect();
    let identity = said.iter().find(|said| said.get(Field::VendorName).is_some()).unwrap_or_else(|| panic!("{what}: nothing was said"));
    for (field, value) in EXPECTED {
        let at = identity.fields.iter().position(|said| said.field == field).unwrap_or_else(|| panic!("{what}: no {field:?}"));
        let spans = &identity.fields_first[at].spans;
        let bytes = spans.iter().flat_map(|span| {
            let start = usize::try_from(span.offset).unwrap();
            frames[usize::try_from(span.packet).unwrap()][start..start + usize::try_from(span.length).unwrap()].iter().copied()
        });
        assert_eq!(bytes.collect::<Vec<_>>(), value, "{what}: {field:?} at {spans:?}");
    }
    identity.first.derivation.clone()
}

#[test]
fn a_segment_in_fragments_is_read_and_its_evidence_names_each() {
    for size in [8, 16, 24, 40, 48] {
        let frames = fragments(100, ANSWER, size);
        for turn in 0..frames.len() {
            let mut order = frames.clone();
            order.rotate_left(turn);
            assert_eq!(undone(&format!("by {size}, from {turn} on"), &order), ["ip"]);
        }
    }
}

#[test]
fn a_pdu_over_segments_of_which_some_came_in_fragments_is_put_together() {
    for cut in [1, 6, 7, 13, 20, ANSWER.len() - 1] {
        let ((first, second), behind) = (ANSWER.split_at(cut), NEXT + u32::try_from(cut).unwrap());
        for size in [8, 16] {
            let (one, two) = (fragments(NEXT, first, size), fragments(behind, second, size));
            for parts in [[&one[..], &[whole(behind, second)]], [&[whole(NEXT, first)], &two[..]], [&one[..], &two[..]], [&two[..], &one[..]]] {
                let frames = [&[whole(100, POLL)], parts[0], parts[1]].concat();
                assert_eq!(undone(&format!("cut at {cut}, by {size}"), &frames), ["tcp", "ip"]);
            }
        }
    }
}

#[test]
fn of_a_segment_in_fragments_only_what_is_new_is_read() {
    let frames = [&[whole(100, POLL)], &fragments(100, &[POLL, ANSWER].concat(), 16)[..]].concat();
    assert_eq!(undone("the poll again, and more", &frames), ["ip"]);
}

#[test]
fn the_copies_of_a_mirror_are_counted_apart_and_read_once() {
    let packets = |said: &SourceSaid| said.tallies.rows().map(|row| row.counters().packets_out + row.counters().packets_in).sum::<u64>();
    let frames = [whole(100, POLL), whole(NEXT, &ANSWER[..20]), whole(NEXT + 20, &ANSWER[20..])];
    let both = [&frames[..], &frames[..]].concat();
    let said = hear(&both, 1_000_000);
    assert_eq!((said.source.duplicates, packets(&said)), (3, 3));
    assert_eq!(undone("with copies", &both), ["tcp"]);
    let slow = hear(&both, 30_000_000);
    assert_eq!((slow.source.duplicates, packets(&slow)), (0, 6), "copies 90 ms apart");
    // Fragments of one datagram have the same id, and here the same length.
    let said = hear(&fragments(500, &[7; 60], 40), 1_000);
    assert_eq!((said.source.duplicates, packets(&said)), (0, 2));
}

/// Counts by reading what no glance can see, as masked protocols do.
struct Revealing;

impl Dissector for Revealing {
    type State = ();

    const ROW: Row = Row {
        name: "revealing",
        revision: 1,
        spec: "none: made for this test",
        tells: "nothing",
        bindings: &[Binding::Udp(4000)],
        shapes: &[],
        operations: &[("ask", OperationClass::Read)],
    };

    fn gate(&self, _: &[u8], _: &At) -> Gate {
        Gate::Mine
    }

    fn read(&self, _: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        cx.operation(0);
        Ok(Next::Watch)
    }
}

#[test]
fn what_only_reading_can_count_is_read_each_time() {
    let mut engine = Engine::new(Arc::new(Registry::of(&[&Revealing])), None, None);
    for number in 1..=5u16 {
        let mut frame = Frame { net: Net::V4, has_macs: true, ttl: 64, vlan: Frame::NO_VLAN, protocol: 17, payload_len: 3, ..Frame::default() };
        (frame.src, frame.dst, frame.src_port, frame.dst_port, frame.ip_id) = ([1; 16], [2; 16], 50000, 4000, number);
        let packet = Packet { data: b"ask", wire_len: 3, link: LinkType::ETHERNET, time: i64::from(number), id: u64::from(number) };
        engine.feed(&[Item { packet, frame: &frame, detached: None }]);
    }
    let asked: Vec<u64> = engine.finish().tallies.rows().flat_map(|row| row.operations().map(|(_, uses)| uses.count).collect::<Vec<_>>()).collect();
    assert_eq!(asked, [5]);
}

/// Tells what it was told: polls, and writes.
struct Telling;

impl Dissector for Telling {
    type State = ();

    const ROW: Row = Row {
        name: "telling",
        revision: 1,
        spec: "none: made for this test",
        tells: "what it was told",
        bindings: &[Binding::Udp(4000)],
        shapes: &[],
        operations: &[("poll", OperationClass::Read), ("write", OperationClass::Write)],
    };

    fn gate(&self, _: &[u8], _: &At) -> Gate {
        Gate::Mine
    }

    fn side(&self, _: &[u8]) -> Side {
        Side::Client
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        Glance { operation: head.first().map(|code| u16::from(*code)), ..Glance::READ }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.receiver_host();
        drop(cx.say(&about, Kind::Identity).number(Field::ProductCode, u64::from(*pdu.last().unwrap_or(&0)), pdu));
        Ok(Next::Watch)
    }
}

#[test]
fn an_engine_that_is_behind_leaves_polls_unread_counts_them_and_misses_no_new_operation() {
    let hear = |behind: bool| {
        let mut engine = Engine::new(Arc::new(Registry::of(&[&Telling])), None, None);
        for number in 0..=49u8 {
            engine.press(behind && number > 0);
            let words = [u8::from(number == 49), number];
            let mut frame = Frame { net: Net::V4, has_macs: true, ttl: 64, vlan: Frame::NO_VLAN, protocol: 17, payload_len: 2, ..Frame::default() };
            (frame.src, frame.dst, frame.src_port, frame.dst_port, frame.ip_id) = ([1; 16], [2; 16], 50000, 4000, number.into());
            let packet = Packet { data: &words, wire_len: 2, link: LinkType::ETHERNET, time: i64::from(number), id: u64::from(number) };
            engine.feed(&[Item { packet, frame: &frame, detached: None }]);
        }
        engine.finish()
    };
    let uses =
        |said: &SourceSaid| said.tallies.rows().flat_map(|row| row.operations().map(|(_, uses)| uses.count).collect::<Vec<_>>()).collect::<Vec<_>>();
    let told = |said: &SourceSaid| said.decoded().filter(|said| said.as_ref().is_ok_and(|said| said.kind == Kind::Identity)).count();
    let (at_ease, behind) = (hear(false), hear(true));
    assert_eq!((uses(&at_ease), uses(&behind)), (vec![49, 1], vec![49, 1]));
    assert_eq!((told(&at_ease), told(&behind)), (50, 8));
    assert!(at_ease.source.limits.is_empty());
    assert_eq!(behind.source.limits.values().sum::<u64>(), 42);
}

/// Conversations that two packets make, so many seconds apart.
fn conversations(first: (u8, &[u8]), seconds: i64, second: (u8, &[u8])) -> u64 {
    let mut engine = Engine::new(Arc::new(Registry::of(&[])), None, None);
    for (number, (flags, payload)) in (0u16..).zip([first, second]) {
        let mut frame = Frame { net: Net::V4, has_macs: true, ttl: 64, vlan: Frame::NO_VLAN, protocol: 6, ..Frame::default() };
        (frame.src, frame.dst, frame.src_port, frame.dst_port, frame.ip_id) = ([1; 16], [2; 16], 50000, 4000, number);
        (frame.tcp_flags, frame.payload_len) = (flags, u32::try_from(payload.len()).unwrap());
        let time = i64::from(number) * seconds * 1_000_000_000;
        let packet = Packet { data: payload, wire_len: frame.payload_len, link: LinkType::ETHERNET, time, id: u64::from(number) };
        engine.feed(&[Item { packet, frame: &frame, detached: None }]);
    }
    engine.finish().tallies.rows().map(|row| row.counters().flows).sum()
}

#[test]
fn a_connection_that_stands_open_waits_for_hours_and_one_that_is_over_a_minute() {
    const PUSH: u8 = 0x18;
    const RESET: u8 = 0x04;
    const FINISHED: u8 = 0x11;
    let said = |flags| (flags, &b"said"[..]);
    assert_eq!(conversations(said(PUSH), 3 * 3600, said(PUSH)), 1);
    assert_eq!(conversations(said(PUSH), 3 * 3600 + 1, said(PUSH)), 2);
    assert_eq!(conversations(said(FINISHED), 3600, said(PUSH)), 1, "the other end may still say something");
    assert_eq!(conversations(said(RESET), 60, said(PUSH)), 1);
    assert_eq!(conversations(said(RESET), 61, said(PUSH)), 2);
    assert_eq!(conversations((PUSH, b""), 60, said(PUSH)), 1, "nothing was said yet");
    assert_eq!(conversations((PUSH, b""), 61, said(PUSH)), 2);
}
