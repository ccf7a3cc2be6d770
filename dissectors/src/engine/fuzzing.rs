//! Anything, as a capture and as PDUs: what the fuzz targets of `fuzz/` call, and a test over all our captures, cut and changed.

use super::{Engine, Item, Reader, Sheet};
use crate::dissector::{At, Binding, Framing};
use crate::frame::{Frame, Net};
use crate::packet::{LinkType, Packet};
use crate::reassembly::Pieces;
use crate::registry::{Registry, RowId};
use crate::tunnel::Decoder;
use observations::{Mac, Segment, Stamp, Transport};
use std::sync::{Arc, LazyLock};

/// PDUs that one input is taken for; inputs are some kilobytes, and a PDU may be one byte.
const PDUS_MAX: usize = 256;

static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| Arc::new(Registry::new()));

/// Shows bytes to every dissector, whatever its gate says of them: as the head of a conversation, then PDU after PDU of one direction.
/// The first byte says who speaks.
pub fn registry(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let mut engine = Engine::new(Arc::clone(&REGISTRY), None, None);
    for (id, _) in REGISTRY.rows() {
        alone(&mut engine, id, choice & 1 == 0, bytes);
    }
    heard(&mut engine, &[bytes.len()]);
}

/// Reads bytes as a short capture: one for the link type, then packets, each a little-endian length of two bytes, milliseconds since the
/// one before, and so many bytes (of the last what is left).
pub fn engine(input: &[u8]) {
    let Some((choice, mut rest)) = input.split_first() else { return };
    let link = match choice {
        0 => LinkType::NULL,
        9 => LinkType::PPP,
        101 => LinkType::RAW,
        108 => LinkType::LOOP,
        113 => LinkType::LINUX_SLL,
        114 => LinkType::LINUX_SLL2,
        _ => LinkType::ETHERNET,
    };
    let (mut packets, mut time) = (Vec::new(), 0);
    while let [low, high, later, after @ ..] = rest {
        let (data, left) = after.split_at_checked(u16::from_le_bytes([*low, *high]).into()).unwrap_or((after, &[]));
        time += i64::from(*later) * 1_000_000;
        packets.push((time, data));
        rest = left;
    }
    capture(link, &packets);
}

/// Reads packets with their times as one source.
fn capture(link: LinkType, packets: &[(i64, &[u8])]) {
    let (mut decoder, mut engine) = (Decoder::new(), Engine::new(Arc::clone(&REGISTRY), None, None));
    for (id, (time, data)) in (1u64..).zip(packets) {
        let wire_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let packet = Packet { data, wire_len, link, time: *time, id };
        let frame = decoder.decode(&packet);
        let pieces = decoder.detached(&frame).map(Pieces::from);
        engine.feed(&[Item { packet, frame: &frame, detached: pieces.as_ref() }]);
        decoder.release();
    }
    let lengths: Vec<usize> = packets.iter().map(|(_, data)| data.len()).collect();
    heard(&mut engine, &lengths);
}

/// One dissector over bytes: its answers about the head, then every PDU that it finds; what it waits for is read as a cut PDU.
fn alone(engine: &mut Engine, row: RowId, from_client: bool, bytes: &[u8]) {
    let Some(dissector) = REGISTRY.get(row) else { return };
    let (transport, port) = home(row);
    let (src, dst) = if from_client { (1, 2) } else { (2, 1) };
    let (src_port, dst_port) = if from_client { (50_000, port) } else { (port, 50_000) };
    let mut frame = Frame { net: Net::V4, has_macs: true, ttl: 64, vlan: Frame::NO_VLAN, src_port, dst_port, ..Frame::default() };
    (frame.src_mac, frame.dst_mac) = (Mac([0, 0, 0, 0, 1, src]), Mac([0, 0, 0, 0, 1, dst]));
    let at = At { transport, src_port, dst_port, from_client: Some(from_client) };
    let stamp = Stamp { time: 1, packet: 1 };
    let sheet = Sheet { registry: &REGISTRY, frame: &frame, data: bytes, pieces: None, stamp, at, direction: 0, segment: Segment(0) };
    let head = bytes.get(..super::GATE_BYTES).unwrap_or(bytes);
    let _ = (dissector.gate(head, &at), dissector.side(head));
    let (mut reader, mut rest): (Option<Box<Reader>>, _) = (None, bytes);
    for _ in 0..PDUS_MAX {
        if rest.is_empty() {
            return;
        }
        let _ = dissector.glance(rest, &at);
        let state = reader.as_ref().and_then(|reader| reader.layers.peek(row));
        let len = match dissector.frame(rest, &at, state) {
            Framing::Pdu { len, want } if want <= rest.len() => len.clamp(1, rest.len()),
            Framing::Pdu { .. } | Framing::Need(_) | Framing::Lost => rest.len(),
        };
        let (pdu, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        engine.read(row, dissector, pdu, &sheet, &mut reader, u32::MAX);
        rest = after;
    }
}

fn home(row: RowId) -> (Transport, u16) {
    let bindings = REGISTRY.get(row).map_or(&[][..], |dissector| dissector.row().bindings);
    let port = bindings.iter().find_map(|binding| match binding {
        Binding::Tcp(port) => Some((Transport::Tcp, *port)),
        Binding::Udp(port) => Some((Transport::Udp, *port)),
        _ => None,
    });
    port.unwrap_or((Transport::Ethernet, 0))
}

/// Whatever was said is canonical, and cites bytes that are there.
fn heard(engine: &mut Engine, lengths: &[usize]) {
    for said in engine.finish().decoded() {
        assert!(said.is_ok(), "what was said cannot be read back: {:?}", said.err());
        for span in said.iter().flat_map(|said| &said.fields_first).flat_map(|field| &field.spans) {
            let length = usize::try_from(span.packet).ok().and_then(|number| lengths.get(number.checked_sub(1)?));
            let end = u64::from(span.offset) + u64::from(span.length);
            assert!(length.is_some_and(|length| end <= *length as u64), "{span:?} lies outside its packet: {length:?} in {said:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissector::Gate;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    /// Every this many packets one is tried at every length, beside the first of each kind.
    const STRIDE: usize = 7;

    /// Rounds over all captures in which each packet has one byte changed.
    const ROUNDS: u64 = 12;

    fn captures() -> Vec<Vec<Vec<u8>>> {
        fn below(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    below(&entry, found);
                } else if entry.extension().is_some_and(|extension| extension == "pcap") {
                    found.push(entry);
                }
            }
        }
        let mut paths = Vec::new();
        below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps"), &mut paths);
        paths.sort();
        paths.iter().map(|path| packets(&std::fs::read(path).unwrap())).collect()
    }

    /// The packets of a little-endian pcap file of Ethernet, as all of ours are.
    fn packets(file: &[u8]) -> Vec<Vec<u8>> {
        let (mut packets, mut rest) = (Vec::new(), &file[24..]);
        while rest.len() > 16 {
            let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
            packets.push(rest[16..16 + length].to_vec());
            rest = &rest[16 + length..];
        }
        packets
    }

    fn read(packets: &[Vec<u8>]) {
        let timed: Vec<(i64, &[u8])> = (0..).zip(packets).map(|(number, data)| (number * 1_000_000, data.as_slice())).collect();
        capture(LinkType::ETHERNET, &timed);
    }

    #[test]
    fn every_prefix_of_a_captured_payload_is_read_as_far_as_it_goes() {
        let mut kinds = BTreeSet::new();
        for capture in captures() {
            for (number, data) in capture.iter().enumerate() {
                let packet = Packet { data, wire_len: 0, link: LinkType::ETHERNET, time: 0, id: 1 };
                let frame = Decoder::new().decode(&packet);
                let payload = frame.payload(data);
                for (id, _) in REGISTRY.rows() {
                    let at = At { transport: home(id).0, src_port: frame.src_port, dst_port: frame.dst_port, from_client: None };
                    let taken = REGISTRY.get(id).is_some_and(|dissector| dissector.gate(payload, &at) == Gate::Mine);
                    // What begins alike and is as long is of one kind.
                    let new = taken && kinds.insert((id, payload.len(), payload[..payload.len().min(12)].to_vec()));
                    if !taken || !(new || number % STRIDE == 0) {
                        continue;
                    }
                    let step = 1 + payload.len() / 128;
                    let mut engine = Engine::new(Arc::clone(&REGISTRY), None, None);
                    for length in (0..payload.len()).step_by(step) {
                        alone(&mut engine, id, number % 2 == 0, &payload[..length]);
                    }
                    heard(&mut engine, &[payload.len()]);
                }
            }
        }
        assert!(!kinds.is_empty());
    }

    #[test]
    fn captures_cut_at_any_length_are_read_as_far_as_they_go() {
        for capture in captures() {
            for length in (14..130).step_by(9).chain([200, 500, 1400]) {
                read(&capture.iter().map(|data| data[..data.len().min(length)].to_vec()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn captures_with_a_byte_changed_in_each_packet_break_nothing() {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut below = |end: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 16).unwrap() % end
        };
        for capture in captures() {
            for _ in 0..ROUNDS {
                let mut changed = capture.clone();
                for data in &mut changed {
                    // Addresses stay mostly as they are, so that conversations stay together.
                    let at = 14 + below(data.len() - 14);
                    data[at] ^= 1 << below(8);
                }
                read(&changed);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_taken_for_captures_and_pdus() {
        for input in [&b""[..], b"\x01", b"\x01\xff\xff\x00", b"\x71\x10\x00\x01\x00\x04\x00\x01\x00\x06", b"\x65\x04\x00\x01\x45\x00\x00\x00\x01"] {
            engine(input);
            registry(input);
        }
    }
}
