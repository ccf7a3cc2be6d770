//! The law: the number of workers, the order and grouping of sources, how they are packed, and a source given twice change nothing.

use crate::captures::{self, Capture, document, first_difference, folder, said, text};
use crate::command::run_in;
use crate::packets::records;
use daemon::capture::{Block, Blocks, FileReader, Months, Reader, Recorded, Settings};
use daemon::export::Format;
use daemon::pipeline::{self, Options};
use dissectors::packet::LinkType;
use inventory::View;
use inventory::decision::Decisions;
use observations::Said;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

fn json(said: &Said) -> String {
    text(&document(said), Format::Json)
}

fn assert_same(what: &str, wanted: &str, got: &str) {
    if let Some(difference) = first_difference(wanted, got) {
        panic!("{what}: {difference}");
    }
}

#[test]
fn any_number_of_workers_gives_the_same_document() {
    for capture in captures::all() {
        let one = text(&capture.document, Format::Json);
        for workers in [2, 3, 5] {
            assert_same(&format!("{}, {workers} workers", capture.name), &one, &json(&said(&[&capture.path], workers, false)));
        }
    }
}

#[test]
fn what_is_made_while_it_is_written_is_the_document() {
    for capture in captures::all() {
        let decisions = Decisions::default();
        let view = View::of(&capture.said, &captures::FINGERPRINTS, &decisions);
        let outline = view.outline();
        for format in [Format::Json, Format::Ndjson, Format::Csv] {
            let one = text(&capture.document, format);
            for workers in [1, 3] {
                assert_same(&format!("{}, {workers} threads", capture.name), &one, &captures::written(&outline, format, workers));
            }
        }
    }
}

#[test]
fn a_capture_given_twice_counts_once() {
    let folder = folder("twice");
    for capture in captures::all() {
        let copy = folder.join(capture.path.file_name().expect("a name"));
        std::fs::copy(&capture.path, &copy).expect("a copy");
        let one = text(&capture.document, Format::Json);
        assert_same(&format!("{}, the same file", capture.name), &one, &json(&said(&[&capture.path, &capture.path], 1, false)));
        assert_same(&format!("{}, a copy", capture.name), &one, &json(&said(&[&capture.path, &copy], 1, false)));
    }
}

#[test]
fn sources_join_in_any_order_and_grouping() {
    let all: Vec<&Said> = captures::all().iter().map(|capture| &capture.said).collect();
    let joined = |parts: &mut dyn Iterator<Item = &Said>| {
        let mut sum = Said::default();
        parts.for_each(|part| sum.join(part.clone()));
        sum
    };
    let forward = joined(&mut all.iter().copied());
    assert_eq!(forward.sources.len(), all.len(), "each capture is a source of its own");
    let wanted = json(&forward);
    assert_same("backward", &wanted, &json(&joined(&mut all.iter().rev().copied())));
    let (first, second) = all.split_at(all.len() / 3);
    let mut halves = joined(&mut second.iter().copied());
    halves.join(joined(&mut first.iter().rev().copied()));
    halves.join(joined(&mut second.iter().copied()));
    assert_same("in halves, one of them twice", &wanted, &json(&halves));
}

#[test]
fn the_order_of_files_does_not_matter() {
    let paths: Vec<PathBuf> = captures::paths().into_iter().map(|(_, path)| path).collect();
    let forward: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let backward: Vec<&Path> = forward.iter().rev().copied().collect();
    assert_same("backward", &json(&said(&forward, 1, false)), &json(&said(&backward, 3, false)));
}

#[test]
fn a_packed_capture_is_the_same_source() {
    let folder = folder("packed");
    for capture in captures::all() {
        let plain = std::fs::read(&capture.path).expect("a capture");
        let name = capture.path.file_name().expect("a name").to_string_lossy().into_owned();
        for (ending, packed) in [("gz", gzip(&plain)), ("zst", zstd::encode_all(plain.as_slice(), 1).expect("memory"))] {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::write(&path, packed).expect("a file");
            let named = json(&said(&[&path], 1, false)).replace(&format!("{name}.{ending}"), &name);
            assert_same(&format!("{}.{ending}", capture.name), &text(&capture.document, Format::Json), &named);
        }
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("memory")
}

#[test]
fn a_capture_cut_in_two_and_read_as_one_gives_the_facts_of_the_whole() {
    let folder = folder("cut");
    for capture in captures::all() {
        for share in [3, 2] {
            let (parts, first) = cut(capture, &folder, share);
            let whole = facts(&capture.document, 0);
            let rejoined = facts(&document(&said(&[&parts[1], &parts[0]], 1, true)), first);
            assert_same(&format!("{} cut after packet {first}", capture.name), &whole, &rejoined);
        }
    }
}

#[test]
fn what_is_recorded_while_listening_reads_as_what_was_heard() {
    let folder = folder("recorded");
    for capture in captures::all().iter().filter(|capture| capture.folder().is_empty()) {
        let path = folder.join("recorded.pcap");
        let _ = std::fs::remove_file(&path);
        let link = first_link(&capture.path);
        let file = FileReader::open(&capture.path, 0, 0).expect("a capture");
        let recorded = Recorded::new(Box::new(file), link, &path).expect("a file");
        let months = Months::new(Box::new(recorded), i64::MAX);
        let mut reader = Reader::live("eth1", Box::new(months), &Settings::default(), &[b"sensor"]);
        let outcome = pipeline::read(&mut reader, &Options::new(), |_| {});
        let heard = document(&Said::of(outcome.said));
        assert_same(&capture.name, &but_sources(&document(&said(&[&path], 1, false))), &but_sources(&heard));
    }
}

/// What the first packet of a capture begins with.
fn first_link(path: &Path) -> LinkType {
    let (mut file, mut block) = (FileReader::open(path, 0, 0).expect("a capture"), Block::default());
    file.next(&mut block).expect("packets");
    block.packet(0).expect("a packet").link
}

/// A document without what is its sources' own.
fn but_sources(document: &inventory::Document) -> String {
    let mut value = serde_json::to_value(document).expect("a document");
    let keys: Vec<String> = document.sources.iter().map(|source| source.key.clone()).collect();
    value["sources"] = Value::Null;
    keys.iter().fold(format!("{value:#}"), |text, key| text.replace(key.as_str(), "source"))
}

/// Two files with a capture's packets, and how many the first has.
fn cut(capture: &Capture, folder: &Path, share: usize) -> ([PathBuf; 2], u64) {
    let (header, records) = records(&capture.path);
    let (first, second) = records.split_at(records.len() / share);
    let write = |name: &str, records: &[Vec<u8>]| {
        let path = folder.join(name);
        std::fs::write(&path, [header.clone(), records.concat()].concat()).expect("a file");
        path
    };
    ([write("first.pcap", first), write("second.pcap", second)], first.len() as u64)
}

/// A document without its sources, packets counted through its two files.
fn facts(document: &inventory::Document, first: u64) -> String {
    /// `behind`: whether the evidence at hand names the second file.
    fn walk(value: &mut Value, first: u64, behind: bool) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, first, behind)),
            Value::Object(fields) => {
                let is_evidence = fields.contains_key("spans") || fields.contains_key("packet");
                let file = if is_evidence { fields.remove("file") } else { None };
                let behind = file.map_or(behind, |file| file == "second.pcap");
                if let Some(packet) = fields.get_mut("packet").filter(|_| behind) {
                    *packet = (packet.as_u64().expect("a number") + first).into();
                }
                fields.values_mut().for_each(|item| walk(item, first, behind));
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(document).expect("JSON");
    value.as_object_mut().expect("a document").remove("sources");
    walk(&mut value, first, false);
    serde_json::to_string_pretty(&value).expect("JSON")
}

#[test]
fn the_command_keeps_the_law_too() {
    let folder = folder("law");
    let plant = captures::all().iter().find(|capture| capture.name == "plant-and-office").expect("the plant");
    let ([first, second], _) = cut(plant, &folder, 2);
    std::fs::copy(&plant.path, folder.join("whole.pcap")).expect("a copy");
    std::fs::write(folder.join("whole.pcap.gz"), gzip(&std::fs::read(&plant.path).expect("a capture"))).expect("a file");
    let run = |arguments: &[&str]| {
        let ran = run_in(&folder, &[&["replay", "--format", "json"], arguments].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.stdout
    };
    let whole = run(&["whole.pcap"]);
    assert_same("three workers", &whole, &run(&["whole.pcap", "--workers", "3"]));
    assert_same("twice", &whole, &run(&["whole.pcap", "./whole.pcap"]));
    assert_same("packed", &whole, &run(&["whole.pcap.gz"]).replace("whole.pcap.gz", "whole.pcap"));
    let (first, second) = (first.to_string_lossy(), second.to_string_lossy());
    assert_same("order", &run(&[&first, &second]), &run(&[&second, &first]));
    let devices = |text: &str| {
        let document: inventory::Document = serde_json::from_str(text).expect("a document");
        document.devices.iter().map(|device| (device.id.clone(), device.ips.clone(), device.protocols.clone())).collect::<Vec<_>>()
    };
    assert_eq!(devices(&whole), devices(&run(&[&second, &first, "--as-one"])));
}
