//! Packets and captures, a field at a time.

use std::io::Read;
use std::path::Path;

/// One end of a conversation.
#[derive(Clone, Copy)]
pub(crate) struct Host {
    pub(crate) mac: [u8; 6],
    pub(crate) ip: [u8; 4],
    pub(crate) port: u16,
}

/// The polling side.
pub(crate) const CLIENT: Host = Host { mac: [0x00, 0x0c, 0x29, 0, 0, 5], ip: [10, 1, 0, 5], port: 50_123 };
/// The polled side.
pub(crate) const SERVER: Host = Host { mac: [0x00, 0x80, 0xf4, 0, 0, 0x11], ip: [10, 1, 0, 11], port: 502 };

/// A TCP connection that began before the capture.
pub(crate) struct Connection {
    next: [u32; 2],
    id: u16,
}

impl Connection {
    pub(crate) fn new() -> Self {
        Self { next: [0x1000_0000, 0x7000_0000], id: 0 }
    }

    /// The next segment of one side: PSH and ACK.
    pub(crate) fn segment(&mut self, from_client: bool, payload: &[u8]) -> Vec<u8> {
        let (src, dst, this, other) = if from_client { (CLIENT, SERVER, 0, 1) } else { (SERVER, CLIENT, 1, 0) };
        let mut tcp = Vec::with_capacity(20 + payload.len());
        tcp.extend(src.port.to_be_bytes());
        tcp.extend(dst.port.to_be_bytes());
        tcp.extend(self.next[this].to_be_bytes());
        tcp.extend(self.next[other].to_be_bytes());
        tcp.extend([0x50, 0x18, 0x10, 0, 0, 0, 0, 0]);
        tcp.extend(payload);
        self.next[this] = self.next[this].wrapping_add(u32::try_from(payload.len()).expect("a segment"));
        self.id = self.id.wrapping_add(1);
        ip(src, dst, 6, self.id, &tcp)
    }
}

/// A datagram.
pub(crate) fn udp(src: Host, dst: Host, id: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).expect("a datagram");
    let mut udp = Vec::with_capacity(length.into());
    udp.extend(src.port.to_be_bytes());
    udp.extend(dst.port.to_be_bytes());
    udp.extend(length.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    ip(src, dst, 17, id, &udp)
}

fn ip(src: Host, dst: Host, protocol: u8, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(34 + payload.len());
    frame.extend(dst.mac);
    frame.extend(src.mac);
    frame.extend([0x08, 0x00]);
    frame.extend([0x45, 0]);
    frame.extend(u16::try_from(20 + payload.len()).expect("a packet").to_be_bytes());
    frame.extend(id.to_be_bytes());
    frame.extend([0x40, 0, 64, protocol, 0, 0]);
    frame.extend(src.ip);
    frame.extend(dst.ip);
    let sum: u32 = frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from((folded & 0xffff) + (folded >> 16)).expect("folded");
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The header of a pcap file: microseconds, little-endian, Ethernet.
pub(crate) fn header() -> Vec<u8> {
    let mut out = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    out.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend(262_144u32.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out
}

/// A packet of it, `number` milliseconds after the beginning.
pub(crate) fn record(number: u32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a packet").to_le_bytes();
    let mut out = Vec::with_capacity(16 + data.len());
    out.extend((1_700_000_000 + number / 1000).to_le_bytes());
    out.extend((number % 1000 * 1000).to_le_bytes());
    out.extend(length);
    out.extend(length);
    out.extend(data);
    out
}

/// A whole file.
pub(crate) fn pcap(packets: &[Vec<u8>]) -> Vec<u8> {
    let records = (0..).zip(packets).flat_map(|(number, data)| record(number, data));
    header().into_iter().chain(records).collect()
}

/// A file that is made while it is read.
pub(crate) struct Made<I> {
    packets: I,
    number: u32,
    waiting: Vec<u8>,
    given: usize,
}

impl<I: Iterator<Item = Vec<u8>>> Made<I> {
    pub(crate) fn new(packets: I) -> Self {
        Self { packets, number: 0, waiting: header(), given: 0 }
    }
}

impl<I: Iterator<Item = Vec<u8>>> Read for Made<I> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.waiting.len() {
            let Some(data) = self.packets.next() else { return Ok(0) };
            self.waiting = record(self.number, &data);
            self.number += 1;
            self.given = 0;
        }
        let n = buffer.len().min(self.waiting.len() - self.given);
        buffer[..n].copy_from_slice(&self.waiting[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// A little-endian pcap file, as all of ours are: its header and its records, each with its own header of 16 bytes.
pub(crate) fn records(path: &Path) -> (Vec<u8>, Vec<Vec<u8>>) {
    let file = std::fs::read(path).expect("a capture");
    assert!(file.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]), "{} is no little-endian pcap file", path.display());
    let (mut records, mut rest) = (Vec::new(), &file[24..]);
    while rest.len() >= 16 {
        let length = 16 + u32::from_le_bytes(rest[8..12].try_into().expect("four bytes")) as usize;
        records.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    (file[..24].to_vec(), records)
}

/// Modbus/TCP: transaction, unit, PDU.
pub(crate) fn modbus(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut out = transaction.to_be_bytes().to_vec();
    out.extend([0, 0]);
    out.extend(u16::try_from(1 + pdu.len()).expect("a PDU").to_be_bytes());
    out.push(unit);
    out.extend(pdu);
    out
}
