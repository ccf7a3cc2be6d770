//! Tests of the store.

mod damage;
mod deciding;
mod forgetting;
mod merging;
mod opening;
mod retaining;
mod writing;

use super::{Store, Writer};
use observations::said::Entry;
use observations::{
    Endpoint, EntryRef, Evidence, Field, FieldEvidence, Kind, Mac, Most, Observation, OperationClass, Pair, Said, SaidField, Segment, Source,
    SourceKey, SourceSaid, Span, Stamp, Subject, Tally, Transport, Uses, Value,
};
use tempfile::TempDir;

/// A folder and the path of a database in it.
fn folder() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.db");
    (folder, path)
}

fn writer(path: &std::path::Path) -> Writer {
    Writer::new(Store::open(path).unwrap())
}

fn read(store: &Store) -> Said {
    let reading = store.said().unwrap();
    assert_eq!(reading.damaged.count, 0, "{:?}", reading.damaged);
    reading.said
}

fn stamp(packet: u64) -> Stamp {
    Stamp { time: 1_700_000_000_000_000_000 + packet as i64, packet }
}

fn host(number: u8) -> Subject {
    let mac = Some(Mac([0, 0x80, 0xf4, 0, 0, number]));
    Subject { segment: Segment(u16::from(number % 2)), mac, ip: Some([10, 0, 0, number].into()), ..Subject::default() }
}

fn observation(about: Subject, name: &str, first: u64, last: u64) -> (Box<[u8]>, Entry) {
    let said = Observation {
        speaker: about.clone(),
        about,
        protocol: "modbus".into(),
        kind: Kind::Identity,
        fields: vec![SaidField { field: Field::VendorName, value: Value::Text(name.into()) }],
        revision: 1,
        first: Evidence { stamp: stamp(first), frame_sha256: [first as u8; 32], derivation: vec!["tcp".into()] },
        fields_first: vec![FieldEvidence {
            spans: vec![Span { packet: first, offset: 66, length: name.len() as u32 }],
            quote: name.into(),
            derivation: None,
        }],
        last: stamp(last),
    };
    let entry = Entry { evidence: said.evidence_bytes().into(), first: stamp(first), last: stamp(last), revision: 1 };
    (said.key().into(), entry)
}

fn pair(client: u8, server: u8) -> Pair {
    Pair { client: host(client), server: Some(host(server)), endpoint: Endpoint { transport: Transport::Tcp, port: 502 }, protocol: "modbus".into() }
}

/// What a reader has heard of source `number` up to `packets`: five hosts that name themselves now and then, and one that never stops.
fn heard(number: u8, packets: u64) -> SourceSaid {
    let mut said = SourceSaid { source: source(number), ..SourceSaid::default() };
    said.source.packets = packets;
    said.source.last_seen = Some(stamp(packets).time);
    for packet in 1..=packets {
        let device = (packet % 5) as u8 + number;
        let name = if packet % 5 == 0 { format!("name {packet}") } else { format!("name {}", packet % 3) };
        let service = Endpoint { transport: Transport::Tcp, port: 502 };
        let about = Subject { endpoint: (packet % 5 == 1).then_some(service), ..host(device) };
        let (key, entry) = observation(about, &name, packet, packet);
        said.insert(&key, &entry);
        let tally = Tally { packets_out: 1, flows: 1, first: stamp(packet), last: stamp(packet), directions: 1, ..Tally::default() };
        said.tallies.take(&pair(device, number), &tally, Tally::add);
    }
    said.bound_groups();
    said
}

fn source(number: u8) -> Source {
    let name = format!("plant-{number}.pcap");
    Source { key: SourceKey([number; 16]), name, segments: vec![String::new(), "cell".into()], first_seen: Some(stamp(1).time), ..Source::default() }
}

fn complete(number: u8, packets: u64) -> SourceSaid {
    let mut said = heard(number, packets);
    said.source.complete = true;
    said.source.revisions = [("modbus".to_owned(), 1)].into();
    said
}

/// The same with evidence that fills pages.
fn large(number: u8) -> SourceSaid {
    let mut said = complete(number, 200);
    let filled = |(one, filler): (EntryRef<'_>, u8)| (one.key.to_vec(), Entry { evidence: vec![filler; 4_000].into(), ..one.entry() });
    said.observations = said.observations.iter().zip((0..=u8::MAX).cycle()).map(filled).collect();
    said
}
