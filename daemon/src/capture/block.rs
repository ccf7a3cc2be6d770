//! A block of packets: one buffer with many packets in it, cheap to hand to another thread, and how a reader says what is damaged.

use super::text::{grouped, shown};
use dissectors::packet::{LinkType, Packet};
use observations::{Part, Stamp};

/// Bytes that a file reader fills before it hands a block on: small enough to stay in the second-level cache between reading and
/// dissecting, and more than the longest packet with its header.
pub const BLOCK_BYTES: usize = 512 * 1024;

/// Packets in a block. Ordinary captures stay below it; it bounds the index when a hostile file holds only empty packets.
pub const BLOCK_RECORDS: usize = 16_384;

/// Captured bytes of one packet: what libpcap and Wireshark allow for the link types that are read here (jumbo frames, offloaded
/// segments of 64 KiB and more). A longer one is a damaged length.
pub const MAX_SNAPLEN: u32 = 262_144;

/// Where one packet stands in its block, and what the capture says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Offset of the captured bytes in [`Block::bytes`].
    pub start: u32,
    /// Captured bytes.
    pub len: u32,
    /// Bytes on the wire; never less than `len`.
    pub wire_len: u32,
    /// What the captured bytes begin with.
    pub link: LinkType,
    /// Nanoseconds since 1970, clock offset applied.
    pub time: i64,
    /// Part and number, as [`Stamp::packet_id`] makes it.
    pub id: u64,
}

/// Many packets in one buffer. Reused: give the same block to [`Blocks::next`] again, and its buffer is too.
#[derive(Default, Debug)]
pub struct Block {
    /// The buffer. Only the bytes that records name are packets; the rest is left over from reading.
    pub bytes: Vec<u8>,
    /// The packets, in order.
    pub records: Vec<Record>,
}

impl Block {
    /// The packet at `index`, if there are so many.
    #[must_use]
    pub fn packet(&self, index: usize) -> Option<Packet<'_>> {
        self.records.get(index).and_then(|record| self.of(record))
    }

    /// All packets, in order.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        self.records.iter().filter_map(|record| self.of(record))
    }

    /// How many packets it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The packet that a record names; `None` for a record of another block.
    fn of(&self, record: &Record) -> Option<Packet<'_>> {
        let start = record.start as usize;
        let data = self.bytes.get(start..start + record.len as usize)?;
        Some(Packet { data, wire_len: record.wire_len, link: record.link, time: record.time, id: record.id })
    }

    /// Appends a copy of a packet after `filled` bytes; returns the bytes filled then, or `None` if there is no room.
    pub(crate) fn append(&mut self, filled: usize, packet: &Packet<'_>) -> Option<usize> {
        if self.bytes.len() < BLOCK_BYTES {
            self.bytes.resize(BLOCK_BYTES, 0);
        }
        if self.records.len() >= BLOCK_RECORDS {
            return None;
        }
        let end = filled.checked_add(packet.data.len())?;
        self.bytes.get_mut(filled..end)?.copy_from_slice(packet.data);
        let (start, len) = (u32::try_from(filled).ok()?, u32::try_from(packet.data.len()).ok()?);
        self.records.push(Record { start, len, wire_len: packet.wire_len, link: packet.link, time: packet.time, id: packet.id });
        Some(end)
    }
}

/// What gives blocks until its end: a file, several merged, or an interface.
pub trait Blocks: Send {
    /// Fills `block` with the next packets. `Ok(false)` is the end. `Ok(true)` with no packets in the block says "nothing
    /// yet": a silent link, or a filter that let none of many pass.
    ///
    /// # Errors
    /// A damage is data: the packets before it stand and were handed out. Call again: a single file then ends, a merge goes on with the
    /// other files.
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage>;

    /// What went less than well up to now.
    fn health(&self) -> Health;

    /// The files read up to now, in order of their part number, with their packets and damage.
    fn parts(&self) -> Vec<Part>;

    /// Lets only packets pass, from now on, that this filter expression lets pass; all, if there is none.
    ///
    /// # Errors
    /// Why it cannot; then what passed before goes on to pass.
    fn filter(&mut self, _expression: Option<&str>) -> Result<(), String> {
        Err("its filter cannot be changed while it is read".to_owned())
    }
}

/// What a reader counts besides packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// Packets that the capture lost, where it says so.
    pub dropped: Option<u64>,
    /// Times whose part below a second was out of range, or that lie beyond the year 2262; clamped.
    pub clamped_times: u64,
    /// Packets without a time of their own (pcapng simple packets): they carry the time of the packet before.
    pub untimed: u64,
    /// Packets of a merge that are earlier than one before them: a file's clock went backwards.
    pub backwards: u64,
    /// Files of a merge that had to wait because too many overlap in time.
    pub merge_waits: u64,
}

impl Health {
    /// Sums two readers' counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            dropped: match (self.dropped, other.dropped) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            },
            clamped_times: self.clamped_times + other.clamped_times,
            untimed: self.untimed + other.untimed,
            backwards: self.backwards + other.backwards,
            merge_waits: self.merge_waits + other.merge_waits,
        }
    }
}

/// Where and why the reading of a file stopped before its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The file as it was given.
    pub file: String,
    /// The packet that could not be read, counted from 1.
    pub packet: u64,
    /// Where that packet's record begins, in bytes from the start of the file, or of what was unpacked.
    pub offset: u64,
    /// Whether `offset` counts unpacked bytes.
    pub unpacked: bool,
    /// The file's part number within its source.
    pub part: u16,
    /// What is wrong.
    pub reason: Reason,
}

impl Damage {
    /// Everything but the file's name: what stands beside a name.
    #[must_use]
    pub fn what(&self) -> String {
        if let Reason::Live(_) = self.reason {
            return format!("after {} packets {}", grouped(self.packet.saturating_sub(1)), self.reason);
        }
        let unit = if self.unpacked { "unpacked byte" } else { "byte" };
        format!("packet {} at {unit} {}: {}", self.packet, self.offset, self.reason)
    }

    /// The evidence number of the packet that could not be read.
    #[must_use]
    pub const fn packet_id(&self) -> u64 {
        Stamp::packet_id(self.part, self.packet)
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", shown(&self.file), self.what())
    }
}

impl std::error::Error for Damage {}

/// What is wrong with a record or a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The file ends within a record.
    Cut {
        /// Bytes that the record needs.
        needed: u64,
        /// Bytes that are there.
        there: u64,
    },
    /// A record says that it captured more than [`MAX_SNAPLEN`].
    TooLong(u32),
    /// A pcapng block's length cannot be: too small, no multiple of four, too large, or not room enough for what it says it holds.
    BlockLength(u32),
    /// A pcapng block's two lengths differ.
    Trailer {
        /// The length at its start.
        start: u32,
        /// The length at its end.
        end: u32,
    },
    /// A pcapng section whose byte-order mark is none.
    ByteOrder(u32),
    /// A pcapng packet of an interface that was not described.
    NoInterface(u32),
    /// More interfaces in one pcapng section than are kept.
    TooManyInterfaces,
    /// Reading or unpacking failed.
    Input(String),
    /// A live capture ended by itself: the interface is gone or down.
    Live(String),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cut { needed, there } => {
                write!(f, "the file ends here: {} bytes of {}", grouped(*there), grouped(*needed))
            }
            Self::TooLong(len) => write!(f, "record says {} bytes, more than {}", grouped(u64::from(*len)), grouped(u64::from(MAX_SNAPLEN))),
            Self::BlockLength(len) => write!(f, "block says {} bytes: too few, too many, or no multiple of four", grouped(u64::from(*len))),
            Self::Trailer { start, end } => {
                write!(f, "block says {} bytes at its start and {} at its end", grouped(u64::from(*start)), grouped(u64::from(*end)))
            }
            Self::ByteOrder(mark) => write!(f, "section with byte-order mark {mark:08x}, which is none"),
            Self::NoInterface(id) => write!(f, "packet of interface {id}, which was not described"),
            Self::TooManyInterfaces => write!(f, "more than {} interfaces in one section", super::pcapng::INTERFACES_MAX),
            Self::Input(what) => f.write_str(what),
            Self::Live(what) => write!(f, "the capture ended: {what}"),
        }
    }
}
