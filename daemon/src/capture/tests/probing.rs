//! Tests of the judgement on a port, over a capture of ours and what a bad mirror would have made of it.

use super::*;
use crate::capture::block::{Block, Blocks};
use crate::capture::reader::{Settings, open};
use std::path::Path;

/// A frame of the capture: time and bytes.
type Sample = (i64, Vec<u8>);

fn plant() -> Vec<Sample> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/plant-and-office.pcap");
    let (mut reader, mut block, mut all) = (open(&path, &Settings::default()).unwrap(), Block::default(), Vec::new());
    while reader.next(&mut block).unwrap() {
        all.extend(block.packets().map(|packet| (packet.time, packet.data.to_vec())));
    }
    all
}

fn found(frames: &[Sample], port: Port) -> Found {
    let mut probe = Probe::new(port);
    for (number, (time, data)) in (1..).zip(frames) {
        let wire_len = u32::try_from(data.len()).unwrap();
        probe.see(&Packet { data, wire_len, link: LinkType::ETHERNET, time: *time, id: number });
    }
    probe.found(Some(0))
}

/// Whether a frame is TCP, untagged, and from the lesser port.
fn is_upward(data: &[u8]) -> bool {
    data.get(12..14) == Some(&[8, 0]) && data.get(23) == Some(&6) && data.get(34..36) < data.get(36..38)
}

#[test]
fn a_plant_is_a_mirror_of_both_directions() {
    let found = found(&plant(), Port::default());
    assert_eq!(found.verdict(), Verdict::Mirror, "{found:?}");
    assert!(found.tcp_answered * 10 >= found.tcp_conversations * 9 && found.tcp_conversations > 5, "{found:?}");
    assert_eq!((found.glued, found.duplicates), (0, 0), "{found:?}");
    assert_eq!(found.words(), ["a mirror: hosts talk to each other here"], "{found:?}");
    assert!(found.lines()[0].contains(" between others"));
}

#[test]
fn one_direction_is_told_from_two() {
    let one: Vec<Sample> = plant().into_iter().filter(|(_, data)| !is_upward(data)).collect();
    let found = found(&one, Port::default());
    assert_eq!(found.verdict(), Verdict::OneWay, "{found:?}");
    assert!(found.words()[0].contains("(`both`, not `rx` or `tx`)"));
}

#[test]
fn an_ordinary_port_gets_what_is_for_everybody_and_for_itself() {
    let all = plant();
    let group: Vec<Sample> = all.iter().filter(|(_, data)| data[0] & 1 == 1).cloned().collect();
    assert_eq!(found(&group, Port::default()).verdict(), Verdict::HostPort);
    // The conversations of one host are those of a host's port, once it is known that the host is this one.
    let mac: [u8; 6] = *all.iter().find(|(_, data)| data[0] & 1 == 0 && is_upward(data)).unwrap().1.first_chunk().unwrap();
    let own: Vec<Sample> = all.iter().filter(|(_, data)| data[0] & 1 == 1 || data[..6] == mac || data[6..12] == mac).cloned().collect();
    let host = found(&own, Port { mac: Some(mac), mtu: Some(1500) });
    assert_eq!(host.verdict(), Verdict::HostPort, "{host:?}");
    assert!(host.own > 0 && host.words()[0].starts_with("no mirror: "));
    assert_eq!(found(&[], Port::default()).words(), ["nothing at all came: is the cable in, and the mirror set up on the switch?"]);
}

#[test]
fn frames_that_come_twice_are_counted_and_told() {
    let twice: Vec<Sample> = plant().into_iter().flat_map(|(time, data)| [(time, data.clone()), (time + 20_000, data)]).collect();
    let found = found(&twice, Port::default());
    assert!(found.duplicates * 10 > found.packets * 3, "{found:?}");
    assert!(found.words().iter().any(|word| word.contains("of the frames came twice")), "{:?}", found.words());
    assert_eq!(found.tcp_unseen_bytes, 0, "a copy is no loss");
}

#[test]
fn what_the_mirror_dropped_shows_in_what_is_acknowledged() {
    let (mut number, mut kept) = (0, Vec::new());
    for (time, data) in plant() {
        number += 1;
        // Every fifth long frame is lost on the way to us.
        if data.len() < 100 || number % 5 != 0 {
            kept.push((time, data));
        }
    }
    let found = found(&kept, Port::default());
    assert!(found.tcp_unseen_bytes > 1000, "{found:?}");
    assert!(found.words().iter().any(|word| word.contains("was acknowledged and never came")), "{:?}", found.words());
}

#[test]
fn tags_and_glued_frames_are_seen() {
    let tagged: Vec<Sample> = plant()
        .into_iter()
        .take(200)
        .map(|(time, data)| (time, [&data[..12], &[0x81, 0, 0, 30], &data[12..]].concat()))
        .chain([(1, vec![2; 9000]), (2, vec![2; 4000])])
        .collect();
    let port = Port { mac: None, mtu: Some(1500) };
    let told = found(&tagged, port);
    assert_eq!((told.vlans.as_slice(), told.glued, told.jumbo, told.longest), (&[30][..], 2, 0, 9000), "{told:?}");
    assert!(told.words().iter().any(|word| word.contains("gro off")), "{:?}", told.words());
    assert_eq!(found(&[(1, vec![2; 9000]), (2, vec![2; 60_000])], Port::default()).glued, 1, "a jumbo frame may be real");
}
