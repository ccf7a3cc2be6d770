//! A source's key is known at once, and a copy in any form has the same.

use super::build::*;
use crate::capture::{Blocks, Direction, Segments, Settings, open_reader};
use observations::SourceKey;
use std::io::Cursor;

fn key_with(bytes: &[u8], settings: &Settings) -> SourceKey {
    open_reader("plant.pcap", Box::new(Cursor::new(bytes.to_vec())), settings).unwrap().key()
}

fn key(bytes: &[u8]) -> SourceKey {
    key_with(bytes, &Settings::default())
}

#[test]
fn every_form_of_a_capture_has_the_same_key() {
    let packets = samples(0..200);
    let plain = pcap(MICRO, false, &packets);
    let forms = [
        pcap(MICRO, true, &packets),
        pcap(NANO, false, &packets),
        pcap(MODIFIED, true, &packets),
        pcapng(false, &packets),
        pcapng(true, &packets),
        gzip(&plain),
        zstd(&plain),
        xz(&plain),
        pcap(MICRO, false, &samples(0..5_000)),
        pcap(MICRO, false, &samples(0..64)),
        plain[..plain.len() - 3].to_vec(),
    ];
    for (index, form) in forms.iter().enumerate() {
        assert_eq!(key(form), key(&plain), "form {index}");
    }
}

#[test]
fn one_of_the_first_64_packets_makes_another_key() {
    let packets = samples(0..200);
    let plain = key(&pcap(MICRO, false, &packets));
    for index in [0, 63] {
        let changed = |change: fn(&mut Sample)| {
            let mut packets = packets.clone();
            change(&mut packets[index]);
            key(&pcap(MICRO, false, &packets))
        };
        assert_ne!(changed(|packet| packet.data[5] ^= 1), plain);
        assert_ne!(changed(|packet| packet.time += 1_000), plain);
        assert_ne!(changed(|packet| packet.wire += 1), plain);
    }
    assert_ne!(key(&pcap(MICRO, false, &samples(0..63))), plain);
    let raw: Vec<Sample> = packets.iter().map(|packet| Sample { link: 101, ..packet.clone() }).collect();
    assert_ne!(key(&pcap(MICRO, false, &raw)), plain);
}

#[test]
fn settings_that_change_what_is_read_make_another_key() {
    let file = pcap(MICRO, false, &samples(0..200));
    let segments = Segments::new(&[("cell 1".into(), vec![Some(10)])]).unwrap();
    let mut all = vec![
        Settings::default(),
        Settings { site: "plant-nord".into(), ..Settings::default() },
        Settings { segments, ..Settings::default() },
        Settings { clock_offset: 1, ..Settings::default() },
        Settings { direction: Direction::In, ..Settings::default() },
    ];
    if cfg!(feature = "pcap-live") {
        all.push(Settings { bpf: Some("arp".into()), ..Settings::default() });
    }
    let keys: std::collections::BTreeSet<SourceKey> = all.iter().map(|settings| key_with(&file, settings)).collect();
    assert_eq!(keys.len(), all.len());
    assert_eq!(key_with(&file, &Settings { tap: Some("core switch".into()), ..Settings::default() }), key(&file));
}

#[test]
fn asking_for_the_key_consumes_nothing() {
    let packets: Vec<Sample> = (0..100).map(|n| Sample { data: vec![n as u8; 100_000], wire: 100_000, ..sample(n) }).collect();
    let mut file = pcap(MICRO, false, &packets);
    file.extend([1, 2, 3]);
    let mut asked = reader("plant.pcap", &file);
    asked.key();
    let mut plain = reader("plant.pcap", &file);
    assert!(drain(&mut asked) == drain(&mut plain));
    assert_eq!(asked.source(), plain.source());
    assert_eq!(asked.source().packets, 100);
    assert!(asked.parts()[0].damage.is_some() && !asked.source().complete);
}
