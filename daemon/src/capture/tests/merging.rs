//! Several files as one source.

use super::build::*;
use crate::capture::{Blocks, PlanOptions, PlannedSource, SourcesFile, plan};
use observations::Stamp;
use std::path::PathBuf;

fn one(inputs: &[PathBuf]) -> PlannedSource {
    let options = PlanOptions { as_one: true, ..PlanOptions::default() };
    let plan = plan(inputs, &SourcesFile::default(), &options).unwrap();
    assert_eq!((plan.sources.len(), plan.failed), (1, vec![]));
    plan.sources.into_iter().next().unwrap()
}

fn places(ids: &[u64]) -> Vec<(u16, u64)> {
    ids.iter().map(|id| Stamp { time: 0, packet: *id }).map(|stamp| (stamp.part(), stamp.number())).collect()
}

#[test]
fn a_rotation_in_any_order_of_arguments_is_one_capture() {
    let scratch = Scratch::new("rotation");
    let mut files = vec![
        scratch.file("c.pcap", &pcap(MICRO, false, &samples(0..100))),
        scratch.file("a.pcap.gz", &gzip(&pcap(NANO, true, &samples(100..200)))),
        scratch.file("b.pcapng", &pcapng(false, &samples(200..300))),
    ];
    let mut first = one(&files).open().unwrap();
    let (packets, ids, damages) = drain(&mut first);
    assert!(packets == samples(0..300) && damages.is_empty());
    assert_eq!([ids[0], ids[100], ids[299]].map(|id| places(&[id])[0]), [(0, 1), (1, 1), (2, 100)]);
    files.reverse();
    let mut second = one(&files).open().unwrap();
    assert_eq!(drain(&mut second).1, ids);
    let (first, second) = (first.source(), second.source());
    assert_eq!(first, second);
    assert_eq!(first.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["c.pcap", "a.pcap.gz", "b.pcapng"]);
    assert_eq!((first.complete, first.packets), (true, 300));
    // One file with all of it is the same source, and so is the rotation with a file more.
    assert_eq!(first.key, reader("all.pcap", &pcap(MICRO, false, &samples(0..300))).key());
    files.push(scratch.file("d.pcap", &pcap(MICRO, false, &samples(300..400))));
    assert_eq!(one(&files).open().unwrap().key(), first.key);
}

#[test]
fn two_halves_are_merged_by_time_and_ties_by_part() {
    let scratch = Scratch::new("halves");
    let (even, odd): (Vec<Sample>, Vec<Sample>) = samples(0..50_000).into_iter().partition(|packet| packet.time / 1_000_000_000 % 2 == 0);
    let tie = sample(0);
    let files = [
        scratch.file("rx.pcap", &pcap(MICRO, false, &even)),
        scratch.file("tx.pcap", &pcap(MICRO, false, &odd)),
        scratch.file("ux.pcap", &pcap(MICRO, false, std::slice::from_ref(&tie))),
    ];
    let mut reader = one(&files).open().unwrap();
    let (packets, ids, _) = drain(&mut reader);
    let mut wanted = samples(0..50_000);
    wanted.insert(1, tie);
    assert!(packets == wanted);
    assert_eq!(places(&ids[..4]), [(0, 1), (1, 1), (2, 1), (0, 2)]);
    assert_eq!(reader.health().backwards, 0);
    assert_eq!(reader.progress().unwrap().now().0, reader.progress().unwrap().now().1.unwrap());
}

#[test]
fn a_clock_that_goes_backwards_keeps_the_files_order_and_is_counted() {
    let scratch = Scratch::new("backwards");
    let a: Vec<Sample> = [10, 9, 11].map(sample).to_vec();
    let b: Vec<Sample> = [8, 12].map(sample).to_vec();
    let files = [scratch.file("a.pcap", &pcap(MICRO, false, &a)), scratch.file("b.pcap", &pcap(MICRO, false, &b))];
    let mut reader = one(&files).open().unwrap();
    assert_eq!(drain(&mut reader).0, [8, 10, 9, 11, 12].map(sample));
    assert_eq!(reader.health().backwards, 1);
}

#[test]
fn a_damaged_file_of_several_ends_and_the_others_go_on() {
    let scratch = Scratch::new("damaged");
    let cut = pcap(MICRO, false, &samples(0..100));
    let files = [
        scratch.file("a.pcap", &cut[..cut.len() - 1]),
        scratch.file("b.pcap", &pcap(MICRO, false, &samples(50..200))),
        scratch.file("empty.pcap", &pcap(MICRO, false, &[])),
    ];
    let mut reader = one(&files).open().unwrap();
    let (packets, _, damages) = drain(&mut reader);
    assert_eq!((packets.len(), damages.len()), (249, 1));
    assert!(damages[0].to_string().contains("a.pcap: packet 100 at byte "), "{}", damages[0]);
    let source = reader.source();
    assert_eq!(source.parts.iter().map(|part| part.packets).collect::<Vec<_>>(), [99, 150, 0]);
    assert_eq!((source.complete, source.parts[0].damage.is_some()), (false, true));
}

#[test]
fn more_files_than_may_be_open_wait_and_nothing_is_lost() {
    let scratch = Scratch::new("many");
    let files: Vec<PathBuf> = (0..70).map(|n| scratch.file(&format!("{n:02}.pcap"), &pcap(MICRO, false, &[sample(n), sample(1_000 + n)]))).collect();
    let mut reader = one(&files).open().unwrap();
    assert_eq!(drain(&mut reader).0.len(), 140);
    assert!(reader.source().limits.contains_key("merge: files open at once"));
}

#[test]
fn each_half_may_have_its_own_clock_offset() {
    let scratch = Scratch::new("offsets");
    let files = [scratch.file("rx.pcap", &pcap(MICRO, false, &samples(0..3))), scratch.file("tx.pcap", &pcap(MICRO, false, &samples(100..103)))];
    let sources = "[[source]]\nfiles = 'tx.pcap'\nclock_offset = '-100s'\n";
    let sources = SourcesFile::parse("s.toml", sources).unwrap();
    let plan = plan(&files, &sources, &PlanOptions { as_one: true, ..PlanOptions::default() }).unwrap();
    let (packets, ids, _) = drain(&mut plan.sources[0].open().unwrap());
    assert_eq!(packets.iter().map(|packet| packet.time).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2].map(|n| sample(n).time));
    assert_eq!(places(&ids), [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)]);
}
