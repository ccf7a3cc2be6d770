//! What becomes of an engine that is flooded.

use super::{Engine, Item, UNANSWERED_OBSERVATIONS, UNANSWERED_PAIRS};
use crate::devices::{DEVICES, UNANSWERED_DEVICES};
use crate::limits::Limits;
use crate::packet::{LinkType, Packet};
use crate::reassembly::Pieces;
use crate::registry::Registry;
use crate::tunnel::Decoder;
use observations::{Most, SourceSaid};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const LIMITS: Limits = Limits {
    flows: 500,
    observations: 4_000,
    pairs: 1_000,
    devices: 100_000,
    most: Most { facts: 64, names: 64 },
    fragmented: 64,
    fragment_bytes: 64 << 10,
    stream_bytes: 64 << 10,
};

/// An engine under watch: it never holds more than it may.
struct Watched {
    decoder: Decoder,
    engine: Engine,
    packets: u64,
}

impl Watched {
    fn new() -> Self {
        Self::within(LIMITS)
    }

    /// Limits that are no greater than [`LIMITS`].
    fn within(limits: Limits) -> Self {
        let engine = Engine::limited(Arc::new(Registry::new()), None, None, limits);
        Self { decoder: Decoder::limited(&limits), engine, packets: 0 }
    }

    fn hear(&mut self, data: &[u8]) {
        self.packets += 1;
        let time = i64::try_from(self.packets).unwrap() * 1_000_000;
        let packet = Packet { data, wire_len: u32::try_from(data.len()).unwrap(), link: LinkType::ETHERNET, time, id: self.packets };
        let frame = self.decoder.decode(&packet);
        let pieces = self.decoder.detached(&frame).map(Pieces::from);
        self.engine.feed(&[Item { packet, frame: &frame, detached: pieces.as_ref() }]);
        self.decoder.release();
        let (used, [fragmented, bytes]) = (self.engine.used(), self.decoder.used());
        assert!(used.flows <= LIMITS.flows as u64 && used.observations <= LIMITS.observations as u64 && used.pairs <= LIMITS.pairs as u64);
        assert!(used.hosts <= 2 * used.pairs && used.stream_bytes <= LIMITS.stream_bytes as u64);
        assert!(fragmented <= LIMITS.fragmented as u64 && bytes <= LIMITS.fragment_bytes as u64);
    }

    /// A question and its answer.
    fn talk(&mut self, client: u32, server: u32) {
        for (from, to, ports) in [(client, server, [40_000, 4_000]), (server, client, [4_000, 40_000])] {
            let mut question = ethernet(from, to, &ipv4(from, to, 17, 0, &udp(ports, b"what is this?")));
            // No two are taken for copies of one: see `copies`.
            question[18..20].copy_from_slice(&self.packets.to_be_bytes()[6..]);
            self.hear(&question);
        }
    }
}

fn ethernet(from: u32, to: u32, ip: &[u8]) -> Vec<u8> {
    [&[0, 0x1b][..], &to.to_be_bytes(), &[0, 0x1b], &from.to_be_bytes(), &[8, 0], ip].concat()
}

fn ipv4(from: u32, to: u32, protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap();
    // The identification is the sender's number: no two are of one datagram.
    let id = from.to_be_bytes();
    let head = [
        0x45,
        0,
        length.to_be_bytes()[0],
        length.to_be_bytes()[1],
        id[2],
        id[3],
        fragment.to_be_bytes()[0],
        fragment.to_be_bytes()[1],
        64,
        protocol,
        0,
        0,
    ];
    [&head[..], &from.to_be_bytes(), &to.to_be_bytes(), payload].concat()
}

fn udp([from, to]: [u16; 2], payload: &[u8]) -> Vec<u8> {
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &u16::try_from(8 + payload.len()).unwrap().to_be_bytes(), &[0, 0], payload].concat()
}

fn syn(number: u32) -> Vec<u8> {
    let port = u16::try_from(1024 + number % 60_000).unwrap();
    [&port.to_be_bytes()[..], &502u16.to_be_bytes(), &number.to_be_bytes(), &[0; 4], &[0x50, 2, 0xff, 0xff, 0, 0, 0, 0]].concat()
}

/// Numbers that look random and are the same each time (Steele, Lea, Flood: SplitMix).
fn random(seed: u32) -> u32 {
    let mut x = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((x ^ (x >> 31)) >> 32).unwrap()
}

/// One packet of a flood: an opening, a name, an announcement, a piece of a datagram.
fn stray(number: u32, to: u32) -> Vec<u8> {
    let from = random(number) | 0x8000_0000;
    match number % 4 {
        0 => ethernet(from, to, &ipv4(from, to, 6, 0, &syn(number))),
        1 => ethernet(from, to, &ipv4(from, to, 17, 0, &udp([5353, 5353], &mdns(number)))),
        2 => ethernet(from, to, &ipv4(from, to, 17, 0, &udp([40_000, 9], &number.to_be_bytes()))),
        _ => ethernet(from, to, &ipv4(from, to, 17, 0x2000, &[0; 1024])),
    }
}

/// An answer that names a host in as many letters as there may be.
fn mdns(number: u32) -> Vec<u8> {
    let head = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let name = [&[63][..], format!("{number:a>63}").as_bytes(), &[5], b"local", &[0]].concat();
    [&head[..], &name, &[0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4], &random(number).to_be_bytes()].concat()
}

fn ip(number: u32) -> IpAddr {
    Ipv4Addr::from(number).into()
}

/// Whether it was said where an address is, and when last.
fn placed(said: &SourceSaid, number: u32) -> Option<i64> {
    said.decoded().map(|one| one.expect("canonical bytes")).filter(|one| one.about.ip == Some(ip(number))).map(|one| one.last.time).max()
}

const NET: u32 = 0x0a00_0000;

#[test]
fn who_was_known_before_a_flood_stays_and_who_is_answered_finds_room_after_it() {
    let mut watched = Watched::new();
    let known: Vec<u32> = (1..=20).map(|number| NET + number).collect();
    known.iter().for_each(|device| watched.talk(NET + 100, *device));
    for number in 0..20_000 {
        watched.hear(&stray(number, NET + 1 + number % 20));
    }
    let flooded = i64::try_from(watched.packets).unwrap() * 1_000_000;
    known.iter().for_each(|device| watched.talk(NET + 100, *device));
    // A second question: the client was answered by then.
    (0..2).for_each(|_| watched.talk(NET + 201, NET + 202));
    watched.hear(&stray(70_002, NET + 1));
    let said = watched.engine.finish();
    for device in known.iter().chain(&[NET + 100, NET + 201, NET + 202]) {
        assert!(placed(&said, *device).is_some_and(|last| last > flooded), "{}", ip(*device));
    }
    assert_eq!(placed(&said, random(70_002) | 0x8000_0000), None);
    for name in [UNANSWERED_OBSERVATIONS, UNANSWERED_PAIRS, "conversations held at a time"] {
        assert!(said.source.limits.get(name).is_some_and(|count| *count > 1_000), "{name}: {:?}", said.source.limits);
    }
    assert!(!said.source.limits.contains_key("observations held") && !said.source.limits.contains_key("pairs counted"));
    let counted = |client: u32, server: u32| {
        let all = said
            .tallies
            .iter()
            .filter(|(pair, _)| pair.client.ip == Some(ip(client)) && pair.server.as_ref().is_some_and(|one| one.ip == Some(ip(server))));
        all.map(|(_, tally)| tally.packets_out + tally.packets_in).sum::<u64>()
    };
    for device in &known {
        assert_eq!(counted(NET + 100, *device), 4);
    }
    assert_eq!(counted(NET + 201, NET + 202), 4);
}

#[test]
fn a_conversation_that_goes_on_outlasts_a_flood_of_openings() {
    let mut watched = Watched::new();
    watched.talk(NET + 1, NET + 2);
    for number in (0..40_000).step_by(4) {
        watched.hear(&stray(number, NET + 2));
        if number % 4_000 == 0 {
            watched.talk(NET + 1, NET + 2);
        }
    }
    let said = watched.engine.finish();
    let flows = said.tallies.iter().find(|(pair, _)| pair.client.ip == Some(ip(NET + 1))).map(|(_, tally)| (tally.flows, tally.packets_out));
    assert_eq!(flows, Some((1, 11)));
}

#[test]
fn answered_newcomers_have_a_bound_as_well_and_it_is_told() {
    let mut watched = Watched::new();
    for number in 0..10_000 {
        watched.talk(NET + 0x1_0000 + number, NET + 1);
    }
    let said = watched.engine.finish();
    assert!(said.observations.len() <= LIMITS.observations && said.source.limits.contains_key("pairs counted"), "{:?}", said.source.limits);
}

#[test]
fn streams_that_never_close_their_gaps_hold_no_more_than_they_may() {
    let mut watched = Watched::new();
    // MQTT: each opens a connection, begins a long packet and leaves a gap.
    for number in 0..400 {
        let client = NET + 0x200 + number;
        let opening = |seq: u32, flags: u8, payload: &[u8]| {
            let head = [&40_000u16.to_be_bytes()[..], &1883u16.to_be_bytes(), &seq.to_be_bytes(), &[0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]]
                .concat();
            ethernet(client, NET + 1, &ipv4(client, NET + 1, 6, 0x4000, &[&head[..], payload].concat()))
        };
        let connect = [&[0x10, 0xff, 0x7f, 0, 4][..], b"MQTT", &[4, 2, 0, 60, 0x10, 0]].concat();
        watched.hear(&opening(99, 2, &[]));
        watched.hear(&opening(100, 0x18, &connect));
        (0..3).for_each(|part: u32| watched.hear(&opening(5_000 + 1_000 * part, 0x18, &[b'x'; 1_000])));
    }
    let said = watched.engine.finish();
    assert!(said.source.limits.get("bytes of streams held").is_some_and(|count| *count > 100), "{:?}", said.source.limits);
}

#[test]
fn no_more_devices_are_known_than_may_be_and_those_that_were_stay() {
    let limits = Limits { devices: 400, ..LIMITS };
    let mut watched = Watched::within(limits);
    let known: Vec<u32> = (1..=20).map(|number| NET + number).collect();
    known.iter().for_each(|device| watched.talk(NET + 100, *device));
    for number in 0..2_000 {
        watched.hear(&stray(number, NET + 1 + number % 20));
        // Counters are taken while it goes on: that makes no room, and counts nothing twice.
        if number % 500 == 0 {
            watched.engine.changes(true);
        }
        assert!(watched.engine.used().devices <= 302, "{}", watched.engine.used().devices);
    }
    let flooded = i64::try_from(watched.packets).unwrap() * 1_000_000;
    known.iter().for_each(|device| watched.talk(NET + 100, *device));
    for number in 0..500 {
        (0..2).for_each(|_| watched.talk(NET + 0x1_0000 + number, NET + 1));
    }
    assert!(watched.engine.used().devices <= 401, "{}", watched.engine.used().devices);
    let said = watched.engine.finish();
    for device in known.iter().chain(&[NET + 100, NET + 0x1_0000]) {
        assert!(placed(&said, *device).is_some_and(|last| last > flooded), "{}", ip(*device));
    }
    assert_eq!(placed(&said, NET + 0x1_0000 + 499), None);
    let of = |name: &str| said.source.limits.get(name).copied().unwrap_or(0);
    assert!(of(DEVICES) > 300 && of(UNANSWERED_DEVICES) > 1_000, "{:?}", said.source.limits);
}
