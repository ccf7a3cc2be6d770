//! Tests over all samples, captures and random bytes: against etherparse, against the general walk, and against hostile lengths.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use etherparse::{LinkExtSlice, NetSlice, SlicedPacket, TransportSlice};

use super::common;
use super::samples::{SAID, all, ethernet, general, packet, tcp, udp, v4, v6, vlan};
use crate::frame::{Frame, Net, Stop};
use crate::packet::LinkType;
use crate::tunnel::Decoder;

/// Compares where the common walk went its way; whether it did.
fn agrees(data: &[u8]) -> bool {
    let packet = packet(LinkType::ETHERNET, data);
    let mut frame = Frame::EMPTY;
    if common(&packet, &mut frame).is_none() {
        return false;
    }
    assert_eq!(frame, general(&packet), "the two walks differ on {data:02x?}");
    let (Ok(oracle), true) = (SlicedPacket::from_ethernet(data), frame.is_ip()) else { return true };
    let (src, dst) = match &oracle.net {
        Some(NetSlice::Ipv4(ip)) => (IpAddr::V4(ip.header().source_addr()), IpAddr::V4(ip.header().destination_addr())),
        Some(NetSlice::Ipv6(ip)) => (IpAddr::V6(ip.header().source_addr()), IpAddr::V6(ip.header().destination_addr())),
        other => panic!("{other:?} on {data:02x?}"),
    };
    assert_eq!((frame.src_ip(), frame.dst_ip()), (Some(src), Some(dst)));
    let ids = oracle.link_exts.iter().filter_map(|e| if let LinkExtSlice::Vlan(tag) = e { Some(tag.vlan_identifier().value()) } else { None });
    let innermost = ids.rev().find(|&id| id != 0);
    assert_eq!(frame.vlan, innermost.unwrap_or(Frame::NO_VLAN));
    let (src_port, dst_port, payload) = match &oracle.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            assert_eq!((frame.tcp_seq, frame.tcp_ack), (tcp.sequence_number(), tcp.acknowledgment_number()));
            (tcp.source_port(), tcp.destination_port(), tcp.payload())
        }
        Some(TransportSlice::Udp(udp)) => (udp.source_port(), udp.destination_port(), udp.payload()),
        other => panic!("{other:?} on {data:02x?}"),
    };
    assert_eq!((frame.src_port, frame.dst_port, frame.payload_cut), (src_port, dst_port, 0));
    assert_eq!(frame.payload(data).as_ptr_range(), payload.as_ptr_range(), "payload of {data:02x?}");
    true
}

/// A generator with a fixed seed (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end
    }

    /// Changes one to three bytes, preferring values that mean something, and sometimes the length.
    fn mutate(&mut self, data: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(data.len());
            data[at] = [0, 1, 4, 6, 8, 17, 0x45, 0x46, 0x60, 0x81, 0xff, u8::try_from(self.below(256)).unwrap()][self.below(12)];
        }
        match self.below(8) {
            0 => data.truncate(1 + self.below(data.len())),
            1 => data.extend_from_slice(&[0; 18]),
            _ => {}
        }
    }
}

fn common_shapes() -> Vec<Vec<u8>> {
    let [tcp, udp] = [tcp(SAID), udp(5000, SAID)];
    let mut shapes = Vec::new();
    for (ether_type, packet) in
        [(0x0800, v4(6, &tcp)), (0x0800, v4(17, &udp)), (0x86dd, v6(6, &tcp)), (0x86dd, v6(17, &udp)), (0x8892, SAID.to_vec())]
    {
        shapes.push(ethernet(ether_type, &packet));
        shapes.push(ethernet(0x8100, &vlan(10, ether_type, &packet)));
        shapes.push(ethernet(0x88a8, &vlan(10, 0x8100, &vlan(20, ether_type, &packet))));
        shapes.push(ethernet(0x9100, &vlan(10, 0x8100, &vlan(0, ether_type, &packet))));
    }
    shapes
}

#[test]
fn the_common_walk_takes_the_common_shapes_and_agrees_with_etherparse() {
    for shape in common_shapes() {
        assert!(agrees(&shape), "{shape:02x?}");
        // Ethernet padding.
        assert!(agrees(&[&shape[..], &[0; 20]].concat()));
    }
}

#[test]
fn mutated_frames_give_what_etherparse_gives() {
    let (mut random, mut taken) = (Random(0x5eed), 0_u32);
    for shape in common_shapes() {
        for _ in 0..15_000 {
            let mut data = shape.clone();
            random.mutate(&mut data);
            taken += u32::from(agrees(&data));
        }
    }
    assert!(taken > 100_000, "{taken}");
}

#[test]
fn mutated_tunnels_never_panic_and_keep_the_payload_in_the_packet() {
    let (mut random, mut decoder) = (Random(0xbad), Decoder::new());
    for (name, link, sample) in all() {
        for _ in 0..5_000 {
            let mut data = sample.clone();
            random.mutate(&mut data);
            let frame = decoder.decode(&packet(link, &data));
            let bytes = decoder.detached(&frame).map_or(&data, |d| &d.bytes);
            let end = usize::try_from(frame.payload_offset + frame.payload_len).unwrap();
            assert!(end <= bytes.len(), "{name}: {frame:?} of {data:02x?}");
            decoder.release();
        }
    }
}

#[test]
fn every_sample_is_taken_apart_to_what_was_said() {
    for (name, link, data) in all() {
        let frame = Decoder::new().decode(&packet(link, &data));
        assert_eq!((frame.stop, frame.payload(&data)), (None, SAID), "{name}: {frame:?}");
        assert!(frame.is_ip() && frame.src_port >= 0xc001 && frame.transport_offset > frame.net_offset, "{name}: {frame:?}");
        let same_hosts = [192, 168, 7, 1] == frame.src[..4] || [0x20, 1, 0x0d, 0xb8] == frame.src[..4];
        assert!(same_hosts, "{name} shows an outer address: {frame:?}");
    }
}

#[test]
fn a_frame_cut_anywhere_keeps_what_was_read() {
    for (name, link, data) in all() {
        let whole = Decoder::new().decode(&packet(link, &data));
        let mut had = (false, false, 0);
        for end in 0..=data.len() {
            let wire_len = u32::try_from(data.len()).unwrap();
            let mut cut = packet(link, &data[..end]);
            cut.wire_len = wire_len;
            let frame = Decoder::new().decode(&cut);
            assert!(frame.payload_offset + frame.payload_len <= u32::try_from(end).unwrap(), "{name} {end}: {frame:?}");
            // As more is captured, more is known; tunnels replace what was known, and only them.
            let tunnels = frame.vni != whole.vni || frame.tap != whole.tap || frame.src != whole.src;
            let has = (frame.has_macs, frame.is_ip(), frame.dst_port);
            if !tunnels {
                assert!(has.1 >= had.1 && (has.2 != 0 || had.2 == 0), "{name} {end}: {frame:?}");
                had = has;
            }
            if frame.stop.is_none() && frame.is_ip() && frame.dst_port == whole.dst_port && frame.net_offset == whole.net_offset {
                assert_eq!(frame.payload_len + frame.payload_cut, 4, "{name} {end}: {frame:?}");
            }
            assert!(end == data.len() || frame.stop.is_some() || frame.payload_cut > 0, "{name} {end}: {frame:?}");
        }
    }
}

#[test]
fn a_shorter_wire_is_not_taken_for_a_cut() {
    for (name, link, data) in all() {
        for end in 0..data.len() {
            let frame = Decoder::new().decode(&packet(link, &data[..end]));
            assert!(frame.payload_offset + frame.payload_len <= u32::try_from(end).unwrap(), "{name} {end}: {frame:?}");
        }
    }
}

#[test]
fn a_cut_header_says_truncated_and_shows_the_addresses_before_it() {
    let data = ethernet(0x8100, &vlan(10, 0x0800, &v4(6, &tcp(SAID))));
    let at = |end: usize| Decoder::new().decode(&packet(LinkType::ETHERNET, &data[..end]));
    assert_eq!((at(11).has_macs, at(11).stop), (false, Some(Stop::Truncated)));
    assert_eq!((at(13).has_macs, at(13).stop), (true, Some(Stop::Truncated)));
    assert_eq!((at(17).vlan, at(17).net), (10, Net::EtherType(0x8100)));
    assert_eq!((at(37).net, at(37).is_ip()), (Net::EtherType(0x0800), false));
    assert_eq!((at(38).net, at(38).src[..4] == [10, 0, 0, 1], at(38).stop), (Net::V4, true, Some(Stop::Truncated)));
    assert_eq!((at(42).dst_port, at(42).stop), (502, Some(Stop::Truncated)));
}

/// The packets of a classic capture file; none if it is of another kind.
fn packets_of(file: &[u8]) -> Vec<&[u8]> {
    let word = |at: usize, little: bool| {
        let bytes: Option<[u8; 4]> = file.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map(|b| if little { u32::from_le_bytes(b) } else { u32::from_be_bytes(b) })
    };
    let little = matches!(word(0, true), Some(0xa1b2_c3d4 | 0xa1b2_3c4d));
    if !(little || matches!(word(0, false), Some(0xa1b2_c3d4 | 0xa1b2_3c4d))) || word(20, little) != Some(1) {
        return Vec::new();
    }
    let (mut at, mut packets) = (24, Vec::new());
    while let Some(length) = word(at + 8, little) {
        let Some(data) = file.get(at + 16..at + 16 + usize::try_from(length).unwrap()) else { break };
        packets.push(data);
        at += 16 + data.len();
    }
    packets
}

fn captures_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|e| e.path());
    paths
        .flat_map(|p| if p.is_dir() { captures_below(&p) } else { vec![p] })
        .filter(|p| p.extension().is_some_and(|e| e == "pcap" || e == "cap"))
        .collect()
}

#[test]
fn captured_frames_give_what_etherparse_gives() {
    let mut decoder = Decoder::new();
    for path in captures_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps")) {
        for data in packets_of(&fs::read(&path).unwrap()) {
            agrees(data);
            let _ = decoder.decode(&packet(LinkType::ETHERNET, data));
            decoder.release();
        }
    }
}
