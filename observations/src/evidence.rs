//! Where something stands in a capture.

/// When and where a packet was captured. Ordered by time, then packet: of two records the earlier is the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Stamp {
    /// Packet time in nanoseconds since 1970-01-01T00:00:00Z, as the capture says.
    pub time: i64,
    /// The packet's number: see [`Stamp::number`] and [`Stamp::part`].
    pub packet: u64,
}

impl Stamp {
    /// The bits that count packets; a file of a rotation stands above them.
    const NUMBER_BITS: u32 = 40;

    /// Joins a file's index within its source and the packet's number in that file, counted from 1.
    #[must_use]
    pub const fn packet_id(part: u16, number: u64) -> u64 {
        (part as u64) << Self::NUMBER_BITS | number & ((1 << Self::NUMBER_BITS) - 1)
    }

    /// The packet's number within its file, counted from 1.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.packet & ((1 << Self::NUMBER_BITS) - 1)
    }

    /// The file's index within the source, 0 unless the source is a rotation read as one.
    #[must_use]
    pub const fn part(self) -> u16 {
        (self.packet >> Self::NUMBER_BITS) as u16
    }
}

/// Bytes of one captured frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The packet, as in [`Stamp::packet`].
    pub packet: u64,
    /// From the start of the captured frame, in bytes.
    pub offset: u32,
    /// In bytes.
    pub length: u32,
}

/// Where one observation was first read, whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Evidence {
    /// The packet that completed the PDU.
    pub stamp: Stamp,
    /// SHA-256 of that packet's captured bytes.
    pub frame_sha256: [u8; 32],
    /// What was undone between the frame and the PDU, outermost first: `tcp` where it was reassembled from several segments, `ip` from
    /// fragments, and the names that a dissector gives (`http-gzip`).
    pub derivation: Vec<String>,
}
