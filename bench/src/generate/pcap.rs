//! Classic pcap, microseconds, little endian, Ethernet: the header and one record after the other.

use std::io::{Result, Write};

use super::put::Put;

/// 2025-01-15 08:00:00 UTC, when every capture begins.
const BEGIN: u64 = 1_736_928_000;

/// A pcap file that is being written.
pub(crate) struct Pcap<W> {
    to: W,
    /// Records so far.
    pub(crate) packets: u64,
    /// Bytes of frames so far.
    pub(crate) bytes: u64,
    /// When the last one passed.
    pub(crate) last: u64,
}

impl<W: Write> Pcap<W> {
    /// Writes the file header.
    pub(crate) fn begin(mut to: W) -> Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.le32(0xa1b2_c3d4).le16(2).le16(4).le32(0).le32(0).le32(262_144).le32(1);
        to.write_all(&header)?;
        Ok(Self { to, packets: 0, bytes: 0, last: 0 })
    }

    /// Writes one record, `at` microseconds after the beginning.
    pub(crate) fn record(&mut self, at: u64, frame: &[u8]) -> Result<()> {
        let length = (frame.len() as u32).to_le_bytes();
        let mut header = [0; 16];
        header[..4].copy_from_slice(&((BEGIN + at / 1_000_000) as u32).to_le_bytes());
        header[4..8].copy_from_slice(&((at % 1_000_000) as u32).to_le_bytes());
        header[8..12].copy_from_slice(&length);
        header[12..].copy_from_slice(&length);
        self.to.write_all(&header)?;
        self.to.write_all(frame)?;
        self.packets += 1;
        self.last = at;
        self.bytes += frame.len() as u64;
        Ok(())
    }

    /// Hands the last bytes down.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.to.flush()
    }
}
