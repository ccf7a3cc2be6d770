//! Captures for tests, a field at a time.

use crate::capture::{Block, Blocks, Damage, Reader, Settings, open_reader};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

/// 2023-11-14T22:13:20Z.
pub(super) const SECOND: i64 = 1_700_000_000;

/// A packet as a test writes and reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sample {
    pub(super) time: i64,
    pub(super) link: u32,
    pub(super) wire: u32,
    pub(super) data: Vec<u8>,
}

/// Packet `n` of a capture with one packet a second: whole microseconds, so that every format can say it.
pub(super) fn sample(n: u32) -> Sample {
    let data: Vec<u8> = (0..20 + n % 50).map(|byte| (byte as u8) ^ (n as u8)).collect();
    Sample { time: (SECOND + i64::from(n)) * 1_000_000_000 + 123_456_000, link: 1, wire: data.len() as u32 + n % 3, data }
}

pub(super) fn samples(range: std::ops::Range<u32>) -> Vec<Sample> {
    range.map(sample).collect()
}

/// A number in one of the byte orders.
pub(super) fn word(big: bool, value: u32) -> [u8; 4] {
    if big { value.to_be_bytes() } else { value.to_le_bytes() }
}

pub(super) fn half(big: bool, value: u16) -> [u8; 2] {
    if big { value.to_be_bytes() } else { value.to_le_bytes() }
}

pub(super) const MICRO: u32 = 0xa1b2_c3d4;
pub(super) const NANO: u32 = 0xa1b2_3c4d;
pub(super) const MODIFIED: u32 = 0xa1b2_cd34;

/// A pcap file: magic (resolution), byte order, packets.
pub(super) fn pcap(magic: u32, big: bool, samples: &[Sample]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(word(big, magic));
    out.extend(half(big, 2)); // major version
    out.extend(half(big, 4)); // minor version
    out.extend([0; 8]); // time zone, accuracy
    out.extend(word(big, 262_144)); // snap length
    out.extend(word(big, samples.first().map_or(1, |sample| sample.link)));
    for sample in samples {
        let below = (sample.time % 1_000_000_000) as u32;
        out.extend(word(big, (sample.time / 1_000_000_000) as u32));
        out.extend(word(big, if magic == NANO { below } else { below / 1_000 }));
        out.extend(word(big, sample.data.len() as u32));
        out.extend(word(big, sample.wire));
        if magic == MODIFIED {
            out.extend([0; 8]); // interface, protocol, packet type
        }
        out.extend(&sample.data);
    }
    out
}

/// One pcapng block: type, length, body padded, length.
pub(super) fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let mut out = Vec::new();
    out.extend(word(big, kind));
    out.extend(word(big, padded as u32 + 12));
    out.extend(body);
    out.resize(8 + padded, 0);
    out.extend(word(big, padded as u32 + 12));
    out
}

pub(super) fn section(big: bool) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(word(big, 0x1a2b_3c4d)); // byte-order mark
    body.extend(half(big, 1)); // major version
    body.extend(half(big, 0)); // minor version
    body.extend([0xff; 8]); // section length: unknown
    block(big, 0x0a0d_0d0a, &body)
}

/// One option, padded.
pub(super) fn option(big: bool, code: u16, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(half(big, code));
    out.extend(half(big, value.len() as u16));
    out.extend(value);
    out.resize(4 + value.len().next_multiple_of(4), 0);
    out
}

pub(super) fn interface(big: bool, link: u16, snaplen: u32, options: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(half(big, link));
    body.extend([0, 0]); // reserved
    body.extend(word(big, snaplen));
    body.extend(options.concat());
    block(big, 1, &body)
}

/// An enhanced packet block with ticks as given.
pub(super) fn enhanced(big: bool, interface: u32, ticks: u64, sample: &Sample, options: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(word(big, interface));
    body.extend(word(big, (ticks >> 32) as u32));
    body.extend(word(big, ticks as u32));
    body.extend(word(big, sample.data.len() as u32));
    body.extend(word(big, sample.wire));
    body.extend(&sample.data);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(options.concat());
    block(big, 6, &body)
}

/// A whole pcapng file of one Ethernet interface with nanoseconds.
pub(super) fn pcapng(big: bool, samples: &[Sample]) -> Vec<u8> {
    let mut out = section(big);
    out.extend(interface(big, 1, 0, &[option(big, 9, &[9])])); // if_tsresol 9: nanoseconds
    for sample in samples {
        out.extend(enhanced(big, 0, sample.time as u64, sample, &[]));
    }
    out
}

/// Reads to the end: packets, numbers, damage.
pub(super) fn drain(reader: &mut dyn Blocks) -> (Vec<Sample>, Vec<u64>, Vec<Damage>) {
    let (mut packets, mut ids, mut damages, mut block) = (Vec::new(), Vec::new(), Vec::new(), Block::default());
    loop {
        match reader.next(&mut block) {
            Ok(false) => return (packets, ids, damages),
            Ok(true) => {
                for packet in block.packets() {
                    packets.push(Sample { time: packet.time, link: packet.link.0, wire: packet.wire_len, data: packet.data.to_vec() });
                    ids.push(packet.id);
                }
            }
            Err(damage) => damages.push(damage),
        }
    }
}

pub(super) fn reader(name: &str, bytes: &[u8]) -> Reader {
    open_reader(name, Box::new(Cursor::new(bytes.to_vec())), &Settings::default()).unwrap()
}

/// Reads a file from memory to its end.
pub(super) fn read(bytes: &[u8]) -> (Vec<Sample>, Vec<Damage>) {
    let (packets, ids, damages) = drain(&mut reader("plant.pcap", bytes));
    assert_eq!(ids, (1..=packets.len() as u64).collect::<Vec<_>>());
    (packets, damages)
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub(super) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder of its own for one test, gone when the test ends.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wirecensus-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, in folders if its name has them.
    pub(super) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
