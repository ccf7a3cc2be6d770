//! The floor: nothing but the records of a capture, and nothing but the headers of its frames.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// How much is read at once.
const BLOCK: usize = 1 << 20;
/// The header of a classic pcap file.
const FILE_HEADER: usize = 24;
/// The header of a record.
const RECORD_HEADER: usize = 16;

/// What a walk found; the sum depends on all that was touched, so nothing can be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Records.
    pub packets: u64,
    /// Bytes of frames.
    pub bytes: u64,
    /// Over what was touched.
    pub sum: u64,
}

/// Calls `visit` with seconds, microseconds and frame of every record, reading block by block.
///
/// # Errors
/// If the file cannot be read, or is not little-endian classic pcap with Ethernet frames.
#[inline]
pub fn each_record(path: &Path, mut visit: impl FnMut(u32, u32, &[u8])) -> Result<(), Box<dyn Error>> {
    let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut header = [0; FILE_HEADER];
    file.read_exact(&mut header)?;
    check(&header).map_err(|problem| format!("{}: {problem}", path.display()))?;
    let mut buffer = vec![0; BLOCK];
    let mut filled = 0;
    loop {
        let used = records(&buffer[..filled], &mut visit);
        buffer.copy_within(used..filled, 0);
        filled -= used;
        if filled == buffer.len() {
            return Err("a record is longer than a block".into());
        }
        let read = file.read(&mut buffer[filled..])?;
        if read == 0 {
            return if filled == 0 { Ok(()) } else { Err("the last record is cut off".into()) };
        }
        filled += read;
    }
}

/// Visits the whole records of `block`; how many bytes they took.
#[inline]
fn records(block: &[u8], visit: &mut impl FnMut(u32, u32, &[u8])) -> usize {
    let mut at = 0;
    while let Some(header) = block.get(at..at + RECORD_HEADER) {
        let start = at + RECORD_HEADER;
        let Some(frame) = block.get(start..start + number(header, 8) as usize) else {
            break;
        };
        visit(number(header, 0), number(header, 4), frame);
        at = start + frame.len();
    }
    at
}

#[inline]
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn check(header: &[u8; FILE_HEADER]) -> Result<(), &'static str> {
    match (number(header, 0), number(header, 20) & 0xffff) {
        (0xa1b2_c3d4 | 0xa1b2_3c4d, 1) => Ok(()),
        (0xa1b2_c3d4 | 0xa1b2_3c4d, _) => Err("not a capture of Ethernet"),
        _ => Err("not a little-endian classic pcap file"),
    }
}

/// Follows the record headers.
///
/// # Errors
/// As [`each_record`].
pub fn bare(path: &Path) -> Result<Walked, Box<dyn Error>> {
    let mut walked = Walked::default();
    each_record(path, |seconds, fraction, frame| {
        walked.packets += 1;
        walked.bytes += frame.len() as u64;
        walked.sum ^= u64::from(seconds) << 20 ^ u64::from(fraction);
    })?;
    Ok(walked)
}

/// Follows the record headers and slices every frame down to its ports: the unit of all ratios.
///
/// # Errors
/// As [`each_record`].
pub fn headers(path: &Path) -> Result<Walked, Box<dyn Error>> {
    let mut walked = Walked::default();
    each_record(path, |seconds, _, frame| {
        walked.packets += 1;
        walked.bytes += frame.len() as u64;
        walked.sum ^= u64::from(seconds);
        if let Ok(packet) = SlicedPacket::from_ethernet(frame) {
            walked.sum ^= touched(&packet);
        }
    })?;
    Ok(walked)
}

/// The addresses and ports of a packet, mixed.
#[inline]
fn touched(packet: &SlicedPacket<'_>) -> u64 {
    let addresses = match &packet.net {
        Some(NetSlice::Ipv4(ip)) => {
            let source = u32::from_be_bytes(ip.header().source());
            let target = u32::from_be_bytes(ip.header().destination());
            u64::from(source) << 32 | u64::from(target)
        }
        Some(NetSlice::Ipv6(ip)) => {
            let source = u128::from_be_bytes(ip.header().source());
            let target = u128::from_be_bytes(ip.header().destination());
            (source ^ target.rotate_left(64)) as u64
        }
        _ => 0,
    };
    let ports = match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => (tcp.source_port(), tcp.destination_port()),
        Some(TransportSlice::Udp(udp)) => (udp.source_port(), udp.destination_port()),
        _ => (0, 0),
    };
    addresses.rotate_left(7) ^ (u64::from(ports.0) << 16 | u64::from(ports.1))
}
