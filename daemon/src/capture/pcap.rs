//! Walks the records of a plain pcap file where they lie: sixteen bytes of header a packet, no copy.
//!
//! Spec: draft-ietf-opsawg-pcap. Both byte orders, micro- and nanoseconds, and the longer records of Kuznetzov's modified libpcap.

use super::block::{BLOCK_RECORDS, Health, MAX_SNAPLEN, Reason, Record};
use super::walk::Walked;
use dissectors::packet::LinkType;
use observations::Stamp;

/// Bytes before the first record.
pub(crate) const HEADER: usize = 24;

/// The lower bits of the header's last word are the link type; above stand the length of a frame check sequence and flags.
const LINK_MASK: u32 = 0x03ff_ffff;

/// What the file's header says of its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    big_endian: bool,
    nanoseconds: bool,
    /// Kuznetzov's records carry interface, protocol and packet type in eight more bytes.
    modified: bool,
    link: LinkType,
}

impl Shape {
    /// Whether four bytes begin a pcap file: big endian, nanoseconds, modified.
    fn magic(head: &[u8]) -> Option<(bool, bool, bool)> {
        Some(match head.first_chunk::<4>()? {
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, false, false),
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, false, false),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, true, false),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, true, false),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, false, true),
            [0x34, 0xcd, 0xb2, 0xa1] => (false, false, true),
            _ => return None,
        })
    }

    /// Whether `head` begins a pcap file.
    pub(crate) fn fits(head: &[u8]) -> bool {
        Self::magic(head).is_some()
    }

    /// Reads the file's header; `None` if it is none or cut.
    pub(crate) fn read(head: &[u8]) -> Option<Self> {
        let (big_endian, nanoseconds, modified) = Self::magic(head)?;
        let last: [u8; 4] = *head.get(20..HEADER)?.first_chunk()?;
        let word = if big_endian { u32::from_be_bytes(last) } else { u32::from_le_bytes(last) };
        Some(Self { big_endian, nanoseconds, modified, link: LinkType(word & LINK_MASK) })
    }

    /// For messages: "pcap, nanoseconds, big endian".
    pub(crate) fn name(self) -> String {
        let unit = if self.nanoseconds { "nanoseconds" } else { "microseconds" };
        let modified = if self.modified { ", modified" } else { "" };
        format!("pcap, {unit}{}{modified}", if self.big_endian { ", big endian" } else { "" })
    }
}

/// Where the walk stands.
#[derive(Debug)]
pub(crate) struct PcapWalk {
    shape: Shape,
    clock_offset: i64,
    part: u16,
    /// Packets read.
    pub(crate) number: u64,
    pub(crate) health: Health,
}

impl PcapWalk {
    pub(crate) fn new(shape: Shape, clock_offset: i64, part: u16) -> Self {
        Self { shape, clock_offset, part, number: 0, health: Health::default() }
    }

    /// Lists the whole records of `bytes`.
    pub(crate) fn walk(&mut self, bytes: &[u8], records: &mut Vec<Record>) -> Walked {
        if self.shape.big_endian { self.walk_in::<true>(bytes, records) } else { self.walk_in::<false>(bytes, records) }
    }

    /// One loop for each byte order, so that the order is no question within it.
    fn walk_in<const BIG: bool>(&mut self, bytes: &[u8], records: &mut Vec<Record>) -> Walked {
        let record_header = if self.shape.modified { 24 } else { 16 };
        let (ticks_max, tick_ns) = if self.shape.nanoseconds { (999_999_999, 1) } else { (999_999, 1_000) };
        let word = |four: [u8; 4]| if BIG { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]) = rest.first_chunk::<16>() else {
                return Walked::wants(at, record_header);
            };
            let captured = word([i, j, k, l]);
            if captured > MAX_SNAPLEN {
                return Walked::damaged(at, Reason::TooLong(captured));
            }
            let whole = record_header + captured as usize;
            if rest.len() < whole {
                return Walked::wants(at, whole);
            }
            if records.len() >= BLOCK_RECORDS {
                return Walked::full(at);
            }
            let (seconds, mut ticks) = (word([a, b, c, d]), word([e, f, g, h]));
            if ticks > ticks_max {
                ticks = ticks_max;
                self.health.clamped_times += 1;
            }
            let time = i64::from(seconds) * 1_000_000_000 + i64::from(ticks) * tick_ns;
            self.number += 1;
            records.push(Record {
                start: (at + record_header) as u32,
                len: captured,
                wire_len: word([m, n, o, p]).max(captured),
                link: self.shape.link,
                time: time.saturating_add(self.clock_offset),
                id: Stamp::packet_id(self.part, self.number),
            });
            at += whole;
        }
    }
}
