//! The hand-written walk through the header shapes that nearly all packets have; whatever differs is left to the general walk.

use observations::Mac;

use crate::frame::{Frame, Net};
use crate::packet::{LinkType, Packet};

/// Ethernet, up to two VLAN tags, IPv4 without options or IPv6 without extension headers, TCP or UDP that is no tunnel, whole headers and agreeing lengths; or an
/// EtherType with nothing more to open; fills in an empty
/// frame. The general walk gives the same frame for these; a test compares them. `None` if the packet has another shape: then some fields may be filled in.
///
/// It writes each field where it will stay: to copy a frame whose narrow fields were just written costs as much as the walk, as the processor cannot forward them to wide loads.
#[inline(always)]
pub(crate) fn common(packet: &Packet<'_>, frame: &mut Frame) -> Option<()> {
    if packet.link != LinkType::ETHERNET {
        return None;
    }
    let (head, mut rest) = packet.data.split_first_chunk::<14>()?;
    let (&dst_mac, head) = head.split_first_chunk::<6>()?;
    let (&src_mac, head) = head.split_first_chunk::<6>()?;
    let (mut ether_type, mut at) = (u16::from_be_bytes(*head.first_chunk()?), 14_u32);
    for _ in 0..2 {
        if !matches!(ether_type, 0x8100 | 0x88a8 | 0x9100) {
            break;
        }
        let (&[v0, v1, t0, t1], behind) = rest.split_first_chunk::<4>()?;
        let id = u16::from_be_bytes([v0, v1]) & 0x0fff;
        frame.vlan = if id == 0 { frame.vlan } else { id };
        (ether_type, at, rest) = (u16::from_be_bytes([t0, t1]), at + 4, behind);
    }
    frame.src_mac = Mac(src_mac);
    frame.dst_mac = Mac(dst_mac);
    frame.has_macs = true;
    frame.net_offset = at;
    match ether_type {
        0x0800 => v4(frame, rest),
        0x86dd => v6(frame, rest),
        0x600.. if !super::is_opened(ether_type) && !rest.ends_with(&super::tag::PRP_SUFFIX) => {
            frame.net = Net::EtherType(ether_type);
            frame.payload_offset = at;
            frame.payload_len = u32::try_from(rest.len()).ok()?;
            frame.payload_cut = packet.wire_len.saturating_sub(u32::try_from(packet.data.len()).ok()?);
            Some(())
        }
        _ => None,
    }
}

/// RFC 791 §3.1.
#[inline(always)]
fn v4(frame: &mut Frame, rest: &[u8]) -> Option<()> {
    let (header, rest) = rest.split_first_chunk::<20>()?;
    let (&[version, _, l0, l1, i0, i1, f0, f1, ttl, protocol, _, _], addresses) = header.split_first_chunk()?;
    if version != 0x45 || u16::from_be_bytes([f0, f1]) & 0x3fff != 0 {
        return None;
    }
    *frame.src.first_chunk_mut::<4>()? = *addresses.first_chunk()?;
    *frame.dst.first_chunk_mut::<4>()? = *addresses.last_chunk()?;
    frame.net = Net::V4;
    frame.ttl = ttl;
    frame.ip_id = u16::from_be_bytes([i0, i1]);
    transport(frame, protocol, 20, u32::from(u16::from_be_bytes([l0, l1])).checked_sub(20)?, rest)
}

/// RFC 8200 §3.
#[inline(always)]
fn v6(frame: &mut Frame, rest: &[u8]) -> Option<()> {
    let (header, rest) = rest.split_first_chunk::<40>()?;
    let (&[version, _, _, _, l0, l1, protocol, ttl], addresses) = header.split_first_chunk()?;
    let length = u32::from(u16::from_be_bytes([l0, l1]));
    if version >> 4 != 6 || length == 0 {
        return None;
    }
    frame.src = *addresses.first_chunk()?;
    frame.dst = *addresses.last_chunk()?;
    frame.net = Net::V6;
    frame.ttl = ttl;
    transport(frame, protocol, 40, length, rest)
}

/// `length` is that of the transport by the IP header, of which `rest` may hold less.
#[inline(always)]
fn transport(frame: &mut Frame, protocol: u8, header: u32, length: u32, rest: &[u8]) -> Option<()> {
    let captured = u32::try_from(rest.len()).ok()?.min(length);
    let (ports, behind) = rest.split_first_chunk::<4>()?;
    let &[p0, p1, q0, q1] = ports;
    frame.protocol = protocol;
    frame.src_port = u16::from_be_bytes([p0, p1]);
    frame.dst_port = u16::from_be_bytes([q0, q1]);
    frame.transport_offset = frame.net_offset + header;
    match protocol {
        6 => tcp(frame, captured, length, behind),
        17 => udp(frame, captured, behind),
        _ => None,
    }
}

/// RFC 9293 §3.1.
#[inline(always)]
fn tcp(frame: &mut Frame, captured: u32, length: u32, behind: &[u8]) -> Option<()> {
    let &[s0, s1, s2, s3, a0, a1, a2, a3, data_offset, flags, _, _, c0, c1, _, _] = behind.first_chunk::<16>()?;
    let header = u32::from(data_offset >> 4) * 4;
    if header < 20 {
        return None;
    }
    frame.tcp_flags = flags;
    frame.tcp_seq = u32::from_be_bytes([s0, s1, s2, s3]);
    frame.tcp_ack = u32::from_be_bytes([a0, a1, a2, a3]);
    frame.checksum = u16::from_be_bytes([c0, c1]);
    frame.payload_offset = frame.transport_offset + header;
    frame.payload_len = captured.checked_sub(header)?;
    frame.payload_cut = length - captured;
    Some(())
}

/// RFC 768.
#[inline(always)]
fn udp(frame: &mut Frame, captured: u32, behind: &[u8]) -> Option<()> {
    let &[l0, l1, c0, c1] = behind.first_chunk::<4>()?;
    let length = u32::from(u16::from_be_bytes([l0, l1]));
    if super::overlay::is_tunnel_port(frame.dst_port) || length < 8 {
        return None;
    }
    frame.checksum = u16::from_be_bytes([c0, c1]);
    frame.payload_offset = frame.transport_offset + 8;
    frame.payload_len = captured.min(length).checked_sub(8)?;
    frame.payload_cut = length.saturating_sub(captured);
    Some(())
}
