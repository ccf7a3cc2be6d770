//! Ethernet, IPv4, IPv6, UDP and TCP around a payload, with correct lengths and checksums.

use super::put::Put;

/// The shortest frame on an Ethernet wire, without its check sequence.
const SHORTEST: usize = 60;
/// IP protocol number of TCP.
const TCP: u8 = 6;
/// IP protocol number of UDP.
const UDP: u8 = 17;

/// A MAC address.
pub(crate) type Mac = [u8; 6];

/// An address of either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ip {
    /// Version 4.
    V4([u8; 4]),
    /// Version 6.
    V6([u8; 16]),
}

/// One side of a conversation, as it looks on the watched segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// The card: the device's own, or the router's.
    pub(crate) mac: Mac,
    /// Where it speaks from.
    pub(crate) ip: Ip,
    /// The port.
    pub(crate) port: u16,
    /// Time to live on arrival here.
    pub(crate) hops: u8,
}

/// What of a TCP header is not an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// Sequence number.
    pub(crate) sequence: u32,
    /// Acknowledgement number.
    pub(crate) acknowledgement: u32,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub(crate) flags: u8,
    /// Window.
    pub(crate) window: u16,
    /// Options, a multiple of four bytes.
    pub(crate) options: &'a [u8],
}

/// An Ethernet frame, tagged if `vlan` says so, filled up to the shortest length.
pub(crate) fn ethernet(to: Mac, from: Mac, vlan: Option<u16>, kind: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(body.len() + 18);
    frame.raw(&to).raw(&from);
    if let Some(tag) = vlan {
        frame.be16(0x8100).be16(tag);
    }
    frame.be16(kind).raw(body);
    if frame.len() < SHORTEST {
        frame.resize(SHORTEST, 0);
    }
    frame
}

/// A UDP datagram in its frame.
pub(crate) fn udp(from: &End, to: &End, vlan: Option<u16>, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(payload.len() + 8);
    datagram.be16(from.port).be16(to.port).be16(payload.len() as u16 + 8).be16(0).raw(payload);
    let sum = match checksum(from.ip, to.ip, UDP, &datagram) {
        0 => 0xffff,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    packet(from, to, vlan, id, UDP, &datagram)
}

/// A TCP segment in its frame.
pub(crate) fn tcp(from: &End, to: &End, vlan: Option<u16>, id: u16, segment: &Segment<'_>, payload: &[u8]) -> Vec<u8> {
    let header = 20 + segment.options.len();
    let mut bytes = Vec::with_capacity(header + payload.len());
    bytes
        .be16(from.port)
        .be16(to.port)
        .be32(segment.sequence)
        .be32(segment.acknowledgement)
        .byte((header as u8 / 4) << 4)
        .byte(segment.flags)
        .be16(segment.window)
        .be32(0)
        .raw(segment.options)
        .raw(payload);
    let sum = checksum(from.ip, to.ip, TCP, &bytes);
    bytes[16..18].copy_from_slice(&sum.to_be_bytes());
    packet(from, to, vlan, id, TCP, &bytes)
}

/// An IP packet in its frame.
fn packet(from: &End, to: &End, vlan: Option<u16>, id: u16, protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 40);
    let kind = match (from.ip, to.ip) {
        (Ip::V4(source), Ip::V4(target)) => {
            ipv4_header(&mut bytes, source, target, from.hops, id, protocol, body.len());
            0x0800
        }
        (source, target) => {
            bytes.be32(0x6000_0000).be16(body.len() as u16).byte(protocol).byte(from.hops).raw(&wide(source)).raw(&wide(target));
            0x86dd
        }
    };
    bytes.raw(body);
    ethernet(to.mac, from.mac, vlan, kind, &bytes)
}

/// Twenty bytes of IPv4 header, "don't fragment" set.
fn ipv4_header(bytes: &mut Vec<u8>, source: [u8; 4], target: [u8; 4], hops: u8, id: u16, protocol: u8, length: usize) {
    bytes.be16(0x4500).be16(length as u16 + 20).be16(id).be16(0x4000).byte(hops).byte(protocol).be16(0).raw(&source).raw(&target);
    let sum = fold(add(0, bytes));
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// An address in sixteen bytes (version 4 mapped).
fn wide(ip: Ip) -> [u8; 16] {
    match ip {
        Ip::V6(address) => address,
        Ip::V4(address) => {
            let mut wide = [0; 16];
            wide[10..12].fill(0xff);
            wide[12..].copy_from_slice(&address);
            wide
        }
    }
}

/// The checksum of TCP and UDP with its pseudo header.
pub(crate) fn checksum(source: Ip, target: Ip, protocol: u8, body: &[u8]) -> u16 {
    let mut sum = u64::from(protocol) + body.len() as u64;
    sum = match (source, target) {
        (Ip::V4(source), Ip::V4(target)) => add(add(sum, &source), &target),
        (source, target) => add(add(sum, &wide(source)), &wide(target)),
    };
    fold(add(sum, body))
}

/// Adds the big-endian words of `bytes`, an odd last byte as if a zero followed.
fn add(mut sum: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        sum += u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    }
    let mut last = [0; 4];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    sum + u64::from(u32::from_be_bytes(last))
}

/// Folds a sum to its 16-bit complement.
fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
