//! A flood of strangers: memory stays bounded, who was known stays, and the flood is a finding.

use crate::captures::{self, document, folder, root, said_with};
use daemon::pipeline::Options;
use dissectors::limits::Limits;
use inventory::decision::Decisions;
use inventory::document::Finding;
use inventory::judge::catalogue::Catalogue;
use inventory::{Document, View};
use observations::Most;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const RULE: &str = "NET-011";

/// Bounds that the plant fits into three times, and the flood does not.
const LIMITS: Limits = Limits {
    flows: 2_000,
    observations: 9_000,
    pairs: 4_000,
    devices: 100_000,
    most: Most { facts: 64, names: 64 },
    fragmented: 64,
    fragment_bytes: 64 << 10,
    stream_bytes: 1 << 20,
};

/// A capture of the classic format, little-endian, microseconds: packets of a file, and others behind them.
struct Tape {
    bytes: Vec<u8>,
    /// Seconds of the last packet.
    last: u32,
    /// Bytes of the file that it began with.
    own: usize,
}

impl Tape {
    fn of(path: &Path) -> Self {
        let mut tape = Self { bytes: std::fs::read(path).expect("a capture"), last: 0, own: 0 };
        tape.own = tape.bytes.len();
        assert!(tape.bytes.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]), "little-endian, microseconds");
        tape.last = tape.records().iter().map(|(time, _)| *time).max().expect("packets");
        tape
    }

    /// Seconds of each packet, and where its record stands.
    fn records(&self) -> Vec<(u32, std::ops::Range<usize>)> {
        let mut all = Vec::new();
        let mut at = 24;
        while let Some(head) = self.bytes.get(at..at + 16) {
            let number = |from: usize| u32::from_le_bytes(head[from..from + 4].try_into().expect("four bytes"));
            let end = at + 16 + number(8) as usize;
            all.push((number(0), at..end));
            at = end;
        }
        all
    }

    /// The packets of the file once more, so many seconds later.
    fn again(&mut self, seconds: u32) {
        let own = self.own;
        for (time, record) in self.records().into_iter().filter(|(_, record)| record.end <= own) {
            let copy = self.bytes[record].to_vec();
            self.bytes.extend_from_slice(&(time + seconds).to_le_bytes());
            self.bytes.extend_from_slice(&copy[4..]);
        }
        self.last += seconds;
    }

    fn push(&mut self, microseconds: u32, frame: &[u8]) {
        let length = u32::try_from(frame.len()).expect("a short frame");
        for number in [self.last, microseconds, length, length] {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.bytes.extend_from_slice(frame);
    }

    /// So many strangers within two seconds, who all speak to one host.
    fn flood(&mut self, strangers: u32) {
        for number in 0..strangers {
            if number % strangers.div_ceil(2) == 0 {
                self.last += 1;
            }
            let microseconds = number % strangers.div_ceil(2) * (900_000 / strangers.div_ceil(2)).max(1);
            self.push(microseconds, &frame(random(number) | 0xc000_0000, 0x0a4d_000b, number));
        }
    }

    /// So many devices of one maker, each with an announcement of its address (gratuitous ARP).
    fn arrive(&mut self, devices: u32) {
        self.last += 1;
        for number in 0..devices {
            let [_, _, high, low] = number.to_be_bytes();
            let (mac, ip) = ([0, 0x80, 0xf4, 0x10, high, low], [10, 99, high, low]);
            let body = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &mac, &ip, &[0; 6], &ip, &[0; 18]].concat();
            self.push(number * 500, &[&[0xff; 6][..], &mac, &[8, 6], &body].concat());
        }
    }

    fn write(&self, path: &Path) -> PathBuf {
        std::fs::write(path, &self.bytes).expect("a file can be written");
        path.to_owned()
    }
}

/// Numbers that look random and are the same each time (SplitMix64's finaliser).
fn random(seed: u32) -> u32 {
    let mut x = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((x ^ (x >> 31)) >> 32).expect("32 bits")
}

/// What a spoofing sender sends: a name by mDNS, a request by DHCP, an announcement by LLDP, an opening, a piece of a datagram.
fn frame(from: u32, to: u32, number: u32) -> Vec<u8> {
    let ethernet = |kind: u16| [&[2, 0][..], &to.to_be_bytes(), &[2, 0x1b], &from.to_be_bytes(), &kind.to_be_bytes()].concat();
    let ipv4 = |protocol: u8, place: u16, payload: &[u8]| {
        let length = u16::try_from(20 + payload.len()).expect("a short packet").to_be_bytes();
        let id = number.to_be_bytes();
        let [more, offset] = place.to_be_bytes();
        let head = [0x45, 0, length[0], length[1], id[2], id[3], more, offset, 64, protocol, 0, 0];
        [&ethernet(0x0800)[..], &head, &from.to_be_bytes(), &to.to_be_bytes(), payload].concat()
    };
    let udp = |[from, to]: [u16; 2], payload: &[u8]| {
        let length = u16::try_from(8 + payload.len()).expect("a short datagram");
        [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
    };
    match number % 5 {
        0 => {
            let name = [&[63][..], format!("{number:x>63}").as_bytes(), &[5], b"local", &[0]].concat();
            let answer = [&[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0][..], &name, &[0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4], &from.to_be_bytes()].concat();
            ipv4(17, 0, &udp([5353, 5353], &answer))
        }
        1 => {
            let client = [&[2, 0x1b][..], &from.to_be_bytes()].concat();
            let head = [&[1, 1, 6, 0][..], &number.to_be_bytes(), &[0; 20], &client, &[0; 202], &[0x63, 0x82, 0x53, 0x63]].concat();
            let options = [&[53, 1, 1, 12, 20][..], format!("{number:h>20}").as_bytes(), &[255]].concat();
            ipv4(17, 0, &udp([68, 67], &[head, options].concat()))
        }
        2 => {
            let chassis = [&[0x02, 7, 4, 2, 0x1b][..], &from.to_be_bytes()].concat();
            let rest = [&[0x04, 3, 7, b'p', b'1', 0x06, 2, 0, 120, 0x0a, 12][..], format!("{number:s>12}").as_bytes(), &[0, 0]].concat();
            [ethernet(0x88cc), chassis, rest].concat()
        }
        3 => {
            let port = u16::try_from(1024 + number % 60_000).expect("a port").to_be_bytes();
            ipv4(6, 0, &[&port[..], &502u16.to_be_bytes(), &number.to_be_bytes(), &[0; 4], &[0x50, 2, 0xff, 0xff, 0, 0, 0, 0]].concat())
        }
        _ => ipv4(17, 0x2000, &[0; 256]),
    }
}

fn read(path: &Path, limits: Limits, workers: usize) -> Document {
    document(&said_with(&[path], &Options { workers, limits, ..Options::new() }, false))
}

fn tells(document: &Document) -> bool {
    document.findings.iter().any(|finding| finding.rule == RULE)
}

/// The capture that triggers the rule, as the command would read it.
pub(crate) fn flooded() -> Document {
    let mut tape = Tape::of(&root().join("pcaps/modbus/device-identification.pcap"));
    tape.flood(1_500);
    tape.again(3_600);
    read(&tape.write(&folder("flood-rule").join("flood.pcap")), Limits::default(), 1)
}

/// What is known of each device, and by which addresses.
fn known(document: &Document) -> BTreeMap<String, Value> {
    let whole = |device| serde_json::to_value(device).expect("a device is JSON");
    let told = |device: &Value| {
        let attributes = device["attributes"].as_object().expect("attributes");
        let values: BTreeMap<&String, &Value> = attributes.iter().map(|(name, attribute)| (name, &attribute["value"])).collect();
        serde_json::json!([device["class"], device["type"], device["macs"], device["ips"], device["hostnames"], values])
    };
    document.devices.iter().map(whole).map(|device| (device["id"].as_str().expect("an id").to_owned(), told(&device))).collect()
}

#[test]
fn devices_that_were_known_outlast_a_flood_that_fills_every_table() {
    let own = folder("flood");
    let plant = root().join("pcaps/plant-and-office.pcap");
    let mut tape = Tape::of(&plant);
    tape.flood(20_000);
    tape.again(3_600);
    let path = tape.write(&own.join("flooded.pcap"));
    let before = known(&document(&captures::said(&[&plant], 1, false)));
    for workers in [1, 3] {
        let said = said_with(&[&path], &Options { workers, limits: LIMITS, ..Options::new() }, false);
        let kept: usize = said.sources.values().map(|one| one.observations.len()).sum();
        let pairs: usize = said.sources.values().map(|one| one.tallies.len()).sum();
        assert!(kept <= workers * LIMITS.observations && pairs <= workers * LIMITS.pairs, "{kept} observations, {pairs} pairs");
        let document = document(&said);
        let after = known(&document);
        for (id, told) in &before {
            assert_eq!(after.get(id), Some(told), "with {workers} workers");
        }
        assert!(tells(&document) && !document.complete, "{:?}", document.limits_hit);
        for limit in ["observations of newcomers that nobody answered", "fragmented datagrams held"] {
            assert!(document.limits_hit.iter().any(|hit| hit.contains(limit)), "{limit}: {:?}", document.limits_hit);
        }
    }
}

#[test]
fn a_bound_of_devices_refuses_strangers_and_leaves_those_who_were_known_as_they_were() {
    let plant = root().join("pcaps/plant-and-office.pcap");
    let mut tape = Tape::of(&plant);
    tape.flood(20_000);
    tape.again(3_600);
    let path = tape.write(&folder("flood-devices").join("flooded.pcap"));
    let before = known(&document(&captures::said(&[&plant], 1, false)));
    let document = read(&path, Limits { devices: 2_000, ..Limits::default() }, 1);
    let after = known(&document);
    assert!(before.iter().all(|(id, told)| after.get(id) == Some(told)));
    assert!(after.len() < before.len() + 2_000, "{} devices", after.len());
    assert!(!document.complete && document.limits_hit.iter().any(|hit| hit.contains("devices that nobody answered")), "{:?}", document.limits_hit);
}

#[test]
fn beyond_a_bound_of_findings_the_least_severe_are_left_out_and_that_is_told() {
    let said = captures::said(&[&root().join("pcaps/plant-and-office.pcap")], 1, false);
    let decisions = Decisions::default();
    let under = |most: usize| View::of(&said, &captures::FINGERPRINTS, &decisions).listing(most).document();
    let listed = |document: &Document| document.devices.iter().flat_map(|device| device.findings.clone()).collect::<Vec<_>>();
    let severity = |finding: &Finding| Catalogue::built_in().rules.iter().find(|rule| rule.id == finding.rule).map(|rule| rule.severity);
    let (whole, few) = (under(usize::MAX), under(20));
    let (all, kept) = (listed(&whole), listed(&few));
    assert!(all.len() > 30 && kept.len() <= 20 && kept.len() > 10, "{} of {}", kept.len(), all.len());
    // As the catalogue has it, none of those that are left out is graver than one that is listed.
    let gone = all.iter().filter(|one| !kept.contains(one)).map(severity).max();
    assert!(kept.iter().all(|one| all.contains(one)) && kept.iter().map(severity).min() >= gone);
    assert_eq!(few, under(20));
    assert!(whole.complete && whole.limits_hit.is_empty());
    assert!(!few.complete && few.limits_hit.iter().any(|hit| hit.starts_with("findings listed: ")), "{:?}", few.limits_hit);
}

#[test]
fn devices_of_makers_few_strangers_and_such_as_may_go_on_to_speak_are_no_flood() {
    let own = folder("no-flood");
    let tape = || Tape::of(&root().join("pcaps/modbus/device-identification.pcap"));
    let mut few = tape();
    few.flood(900);
    few.again(3_600);
    assert!(!tells(&read(&few.write(&own.join("few")), Limits::default(), 1)), "few");
    assert!(tells(&flooded()));
    // A plant after a power cut, on a port that gets broadcasts alone: each announces itself, and no answer is shown.
    let mut makers = Tape::of(&root().join("pcaps/modbus/device-identification.pcap"));
    makers.arrive(1_500);
    makers.again(3_600);
    assert!(!tells(&read(&makers.write(&own.join("makers")), Limits::default(), 1)), "makers");
    // Who spoke in the last minute may go on to speak.
    let mut tape = tape();
    tape.flood(1_500);
    assert!(!tells(&read(&tape.write(&own.join("last")), Limits::default(), 1)), "last");
}
