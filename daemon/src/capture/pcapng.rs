//! Walks the blocks of a pcapng file where they lie: sections, interfaces, packets and statistics; all others are stepped over.
//!
//! Spec: draft-ietf-opsawg-pcapng. Sections may differ in byte order; each interface has its own link type and clock.

use super::block::{BLOCK_RECORDS, Health, MAX_SNAPLEN, Reason, Record};
use super::walk::Walked;
use dissectors::packet::LinkType;
use observations::Stamp;

/// Interfaces of one section. Captures have a handful, merged ones one a file; the table must not grow with a hostile file.
pub(crate) const INTERFACES_MAX: usize = 4_096;

/// Bytes of a block that is stepped over: Wireshark's own limit.
const BLOCK_MAX: u32 = 16 * 1024 * 1024;

/// Bytes of a block that is read: the longest packet, its header, and 64 KiB of options and comments.
const READ_MAX: u32 = MAX_SNAPLEN + 64 * 1024 + 64;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// Options, by the block they stand in.
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;
const EPB_DROPCOUNT: u16 = 4;

/// Whether `head` begins a pcapng file: a section header with a byte-order mark.
pub(crate) fn fits(head: &[u8]) -> bool {
    head.first_chunk() == Some(&SECTION.to_be_bytes()) && head.get(8..12).is_none_or(|mark| order(mark).is_some())
}

/// The byte order that a section's mark shows: whether it is big endian.
fn order(mark: &[u8]) -> Option<bool> {
    match mark {
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(true),
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(false),
        _ => None,
    }
}

/// How an interface's ticks become nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scale {
    Times(u64),
    Over(u64),
    /// Seconds in units of 2⁻ⁿ.
    Shift(u8),
}

impl Scale {
    /// From `if_tsresol`: the highest bit chooses between powers of two and of ten.
    fn of(resolution: u8) -> Self {
        match (resolution & 0x80 != 0, resolution & 0x7f) {
            (true, shift) => Self::Shift(shift),
            (false, digits @ 0..=9) => Self::Times(10_u64.pow(u32::from(9 - digits))),
            // So fine that no count of ticks makes a nanosecond.
            (false, 29..) => Self::Times(0),
            (false, digits) => Self::Over(10_u64.pow(u32::from(digits - 9))),
        }
    }

    /// `None` beyond the year 2262.
    fn nanos(self, ticks: u64) -> Option<i64> {
        match self {
            Self::Times(by) => i64::try_from(ticks.checked_mul(by)?).ok(),
            Self::Over(by) => i64::try_from(ticks / by).ok(),
            Self::Shift(shift) => i64::try_from((u128::from(ticks) * 1_000_000_000) >> shift).ok(),
        }
    }
}

/// One interface of the section.
#[derive(Debug)]
struct Interface {
    link: LinkType,
    scale: Scale,
    /// Its `if_tsoffset` and our clock offset, nanoseconds.
    offset: i64,
    /// 0 is none.
    snaplen: u32,
    /// Lost packets, as its statistics say: absolute, the last is the most.
    stated: Option<u64>,
    /// Lost packets, as its packets say: each since the one before.
    summed: Option<u64>,
}

/// A block that is stepped over although it does not fit a buffer.
#[derive(Clone, Copy, Debug)]
struct Skip {
    /// Bytes before its second length.
    left: usize,
    total: u32,
}

/// A packet, wherever it stood: its interface, ticks, lengths and bytes.
#[derive(Clone, Copy)]
struct Found {
    interface: u32,
    ticks: Option<u64>,
    start: usize,
    captured: u32,
    wire: u32,
    lost: Option<u64>,
}

/// Where the walk stands.
#[derive(Debug)]
pub(crate) struct PcapngWalk {
    big_endian: bool,
    interfaces: Vec<Interface>,
    skip: Option<Skip>,
    clock_offset: i64,
    part: u16,
    /// The time of the packet before, for those without their own.
    time: i64,
    /// Lost packets of the sections before.
    dropped: Option<u64>,
    /// Packets read.
    pub(crate) number: u64,
    health: Health,
}

impl PcapngWalk {
    pub(crate) fn new(clock_offset: i64, part: u16) -> Self {
        Self {
            big_endian: false,
            interfaces: Vec::new(),
            skip: None,
            clock_offset,
            part,
            time: clock_offset,
            dropped: None,
            number: 0,
            health: Health::default(),
        }
    }

    /// Whether the file may end here.
    pub(crate) fn may_end(&self) -> bool {
        self.skip.is_none()
    }

    /// What was counted; losses as the interfaces say.
    pub(crate) fn health(&self) -> Health {
        let lost = self.interfaces.iter().filter_map(|interface| interface.stated.max(interface.summed));
        let dropped = lost.fold(self.dropped, |sum, lost| Some(sum.unwrap_or(0).saturating_add(lost)));
        Health { dropped, ..self.health }
    }

    /// Lists the packets of the whole blocks of `bytes`.
    pub(crate) fn walk(&mut self, bytes: &[u8], records: &mut Vec<Record>) -> Walked {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if let Some(skip) = self.skip.as_mut() {
                let step = skip.left.min(rest.len());
                skip.left -= step;
                at += step;
                let (left, total) = (skip.left, skip.total);
                let Some(trailer) = rest.get(step..).unwrap_or_default().first_chunk().filter(|_| left == 0) else {
                    return Walked::wants(at, left + 4);
                };
                let end = self.word(*trailer);
                if end != total {
                    return Walked::damaged(at, Reason::Trailer { start: total, end });
                }
                self.skip = None;
                at += 4;
                continue;
            }
            let (kind, total) = match self.begin(rest) {
                Ok(Some(begun)) => begun,
                Ok(None) => return Walked::wants(at, 12),
                Err(reason) => return Walked::damaged(at, reason),
            };
            let Some(block) = rest.get(..total as usize) else {
                if total > READ_MAX {
                    self.skip = Some(Skip { left: total as usize - 4, total });
                    continue;
                }
                return Walked::wants(at, total as usize);
            };
            if records.len() >= BLOCK_RECORDS {
                return Walked::full(at);
            }
            if let Err(reason) = self.block(kind, total, block, at, records) {
                return Walked::damaged(at, reason);
            }
            at += total as usize;
        }
    }

    /// A block's type and length, once twelve bytes of it are there. A section changes the byte order before its length is read.
    fn begin(&mut self, rest: &[u8]) -> Result<Option<(u32, u32)>, Reason> {
        let Some(&[a, b, c, d, e, f, g, h, i, j, k, l]) = rest.first_chunk::<12>() else {
            return Ok(None);
        };
        let mut kind = self.word([a, b, c, d]);
        if [a, b, c, d] == SECTION.to_be_bytes() {
            kind = SECTION;
            self.big_endian = order(&[i, j, k, l]).ok_or(Reason::ByteOrder(u32::from_be_bytes([i, j, k, l])))?;
        }
        let total = self.word([e, f, g, h]);
        let read = matches!(kind, SECTION | INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | STATISTICS | ENHANCED_PACKET);
        let most = if read { READ_MAX } else { BLOCK_MAX };
        if total < 12 || total > most || !total.is_multiple_of(4) {
            return Err(Reason::BlockLength(total));
        }
        Ok(Some((kind, total)))
    }

    /// One whole block, which stands at `at` in the buffer.
    fn block(&mut self, kind: u32, total: u32, block: &[u8], at: usize, records: &mut Vec<Record>) -> Result<(), Reason> {
        let end = block.last_chunk().map_or(0, |four| self.word(*four));
        if end != total {
            return Err(Reason::Trailer { start: total, end });
        }
        let body = block.get(8..block.len() - 4).unwrap_or_default();
        let short = Reason::BlockLength(total);
        match kind {
            SECTION => {
                self.dropped = self.health().dropped;
                self.interfaces.clear();
                Ok(())
            }
            INTERFACE => self.interface(body).ok_or(short)?,
            STATISTICS => {
                self.statistics(body);
                Ok(())
            }
            ENHANCED_PACKET => self.packet(self.enhanced(body).ok_or(short)?, body, at + 8, records),
            OBSOLETE_PACKET => self.packet(self.obsolete(body).ok_or(short)?, body, at + 8, records),
            SIMPLE_PACKET => self.packet(self.simple(body).ok_or(short)?, body, at + 8, records),
            _ => Ok(()),
        }
    }

    /// An interface's description; `None` if it is too short.
    fn interface(&mut self, body: &[u8]) -> Option<Result<(), Reason>> {
        let (link, snaplen) = (self.half_at(body, 0)?, self.word_at(body, 4)?);
        if self.interfaces.len() >= INTERFACES_MAX {
            return Some(Err(Reason::TooManyInterfaces));
        }
        // Microseconds unless it says otherwise.
        let (mut scale, mut offset) = (Scale::Times(1_000), 0_i64);
        self.options(body.get(8..).unwrap_or_default(), |code, value| match (code, value) {
            (IF_TSRESOL, [resolution, ..]) => scale = Scale::of(*resolution),
            (IF_TSOFFSET, value) => offset = self.long_at(value, 0).map_or(0, u64::cast_signed),
            _ => {}
        });
        let offset = offset.saturating_mul(1_000_000_000).saturating_add(self.clock_offset);
        let link = LinkType(u32::from(link));
        self.interfaces.push(Interface { link, scale, offset, snaplen, stated: None, summed: None });
        Some(Ok(()))
    }

    /// An interface's statistics: what it and the system lost since the capture began.
    fn statistics(&mut self, body: &[u8]) {
        let (mut interface_lost, mut system_lost) = (None, None);
        self.options(body.get(12..).unwrap_or_default(), |code, value| match code {
            ISB_IFDROP => interface_lost = self.long_at(value, 0),
            ISB_OSDROP => system_lost = self.long_at(value, 0),
            _ => {}
        });
        let id = self.word_at(body, 0).unwrap_or(u32::MAX);
        if let (Some(interface), true) = (self.interfaces.get_mut(id as usize), interface_lost.or(system_lost).is_some()) {
            let lost = interface_lost.unwrap_or(0).saturating_add(system_lost.unwrap_or(0));
            interface.stated = interface.stated.max(Some(lost));
        }
    }

    /// The packet block that is written today.
    fn enhanced(&self, body: &[u8]) -> Option<Found> {
        let (interface, high, low) = (self.word_at(body, 0)?, self.word_at(body, 4)?, self.word_at(body, 8)?);
        let (captured, wire) = (self.word_at(body, 12)?, self.word_at(body, 16)?);
        let mut found = Found { interface, ticks: Some(ticks(high, low)), start: 20, captured, wire, lost: None };
        let options = body.get(20 + (captured as usize).next_multiple_of(4)..).unwrap_or_default();
        self.options(options, |code, value| {
            if code == EPB_DROPCOUNT {
                found.lost = self.long_at(value, 0);
            }
        });
        Some(found)
    }

    /// The packet block of 2004 to 2009.
    fn obsolete(&self, body: &[u8]) -> Option<Found> {
        let (interface, lost) = (self.half_at(body, 0)?, self.half_at(body, 2)?);
        let (high, low) = (self.word_at(body, 4)?, self.word_at(body, 8)?);
        let (captured, wire) = (self.word_at(body, 12)?, self.word_at(body, 16)?);
        // All ones say "unknown".
        let lost = (lost != u16::MAX).then_some(u64::from(lost));
        Some(Found { interface: u32::from(interface), ticks: Some(ticks(high, low)), start: 20, captured, wire, lost })
    }

    /// A packet without time, of the first interface; its captured length follows from the others.
    fn simple(&self, body: &[u8]) -> Option<Found> {
        let wire = self.word_at(body, 0)?;
        let snaplen = self.interfaces.first().map_or(0, |interface| interface.snaplen);
        let there = u32::try_from(body.len() - 4).unwrap_or(u32::MAX);
        let cut = if snaplen == 0 { there } else { snaplen };
        if wire.min(cut) > there {
            return None;
        }
        Some(Found { interface: 0, ticks: None, start: 4, captured: wire.min(cut), wire, lost: None })
    }

    /// Lists one packet, whose block's body stands at `at` in the buffer.
    fn packet(&mut self, found: Found, body: &[u8], at: usize, records: &mut Vec<Record>) -> Result<(), Reason> {
        if found.captured > MAX_SNAPLEN {
            return Err(Reason::TooLong(found.captured));
        }
        if body.len() < found.start + found.captured as usize {
            return Err(Reason::BlockLength(body.len() as u32 + 12));
        }
        let Some(interface) = self.interfaces.get_mut(found.interface as usize) else {
            return Err(Reason::NoInterface(found.interface));
        };
        if let Some(lost) = found.lost {
            interface.summed = Some(interface.summed.unwrap_or(0).saturating_add(lost));
        }
        if let Some(ticks) = found.ticks {
            let time = interface.scale.nanos(ticks).and_then(|nanos| nanos.checked_add(interface.offset));
            self.health.clamped_times += u64::from(time.is_none());
            self.time = time.unwrap_or(i64::MAX);
        } else {
            self.health.untimed += 1;
        }
        self.number += 1;
        records.push(Record {
            start: (at + found.start) as u32,
            len: found.captured,
            wire_len: found.wire.max(found.captured),
            link: interface.link,
            time: self.time,
            id: Stamp::packet_id(self.part, self.number),
        });
        Ok(())
    }

    /// Hands each option to `see`, until they end or one does not fit.
    fn options(&self, mut rest: &[u8], mut see: impl FnMut(u16, &[u8])) {
        while let (Some(code), Some(len)) = (self.half_at(rest, 0), self.half_at(rest, 2)) {
            let Some(value) = rest.get(4..4 + usize::from(len)).filter(|_| code != 0) else {
                return;
            };
            see(code, value);
            rest = rest.get(4 + usize::from(len).next_multiple_of(4)..).unwrap_or_default();
        }
    }

    fn word(&self, four: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    }

    fn word_at(&self, bytes: &[u8], at: usize) -> Option<u32> {
        bytes.get(at..)?.first_chunk().map(|four| self.word(*four))
    }

    fn half_at(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    }

    fn long_at(&self, bytes: &[u8], at: usize) -> Option<u64> {
        let eight = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u64::from_be_bytes(eight) } else { u64::from_le_bytes(eight) })
    }
}

/// A time's two halves stand apart.
fn ticks(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
