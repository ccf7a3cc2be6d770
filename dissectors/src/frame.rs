//! A packet taken apart without copying: link layer, tunnels, the innermost addresses, and where and why reading stopped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use observations::Mac;

/// What the innermost readable layer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Net {
    /// Nothing could be read.
    #[default]
    None,
    /// An Ethernet payload by EtherType (0x0600 and above), ARP included.
    EtherType(u16),
    /// IEEE 802.2 LLC: DSAP and SSAP, high and low byte.
    Llc(u16),
    /// LLC with SNAP: the organisation's OUI and its protocol number.
    Snap([u8; 3], u16),
    /// IPv4; the addresses stand in the first 4 bytes of `src` and `dst`.
    V4,
    /// IPv6.
    V6,
}

/// Why reading stopped before the payload of a transport, an Ethernet protocol or an IP protocol was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stop {
    /// The capture's link type is none that we read.
    LinkType,
    /// The frame ends inside a header.
    Truncated,
    /// A length or version in a header contradicts the frame.
    Malformed,
    /// More tunnels than [`crate::tunnel::DEPTH_MAX`].
    Depth,
    /// A fragment that is kept until the others come.
    FragmentHeld,
    /// A fragment that was dropped because a limit was hit.
    FragmentDropped,
    /// The payload is encrypted (ESP, MACsec).
    Encrypted,
}

impl Stop {
    /// The name under which it is counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkType => "link type not read",
            Self::Truncated => "frame ends inside a header",
            Self::Malformed => "header contradicts the frame",
            Self::Depth => "too many tunnels",
            Self::FragmentHeld => "fragment waits for others",
            Self::FragmentDropped => "fragment dropped",
            Self::Encrypted => "encrypted",
        }
    }
}

/// A frame taken apart. Offsets count from the start of the captured bytes ([`Frame::detached`] frames: of the reassembled ones). It borrows nothing, so that it can cross to
/// another thread beside its block. Where reading stopped, what was read before stands, and the payload is what was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Innermost IP addresses; zero where there is none. IPv4 stands in the first 4 bytes.
    pub src: [u8; 16],
    /// See `src`.
    pub dst: [u8; 16],
    /// Innermost MAC addresses. What an IP tunnel carries without a link layer of its own has none: the tunnel's ends are not the speakers.
    pub src_mac: Mac,
    /// See `src_mac`.
    pub dst_mac: Mac,
    /// Whether there is a link layer with MAC addresses (Linux cooked captures know only the source: then `dst_mac` is zero).
    pub has_macs: bool,
    /// The innermost readable layer.
    pub net: Net,
    /// IP protocol of the payload, after extension headers; 0 without IP.
    pub protocol: u8,
    /// TCP, UDP or SCTP ports; 0 without.
    pub src_port: u16,
    /// See `src_port`.
    pub dst_port: u16,
    /// IPv4 TTL or IPv6 hop limit.
    pub ttl: u8,
    /// TCP flags (FIN 1, SYN 2, RST 4, PSH 8, ACK 16).
    pub tcp_flags: u8,
    /// TCP sequence number.
    pub tcp_seq: u32,
    /// TCP acknowledgement number.
    pub tcp_ack: u32,
    /// What tells a packet from another of the same conversation: IPv4 identification, transport checksum.
    pub ip_id: u16,
    /// See `ip_id`.
    pub checksum: u16,
    /// Innermost VLAN id, [`Frame::NO_VLAN`] if the innermost Ethernet frame is untagged. A priority tag (id 0) changes nothing.
    pub vlan: u16,
    /// Innermost overlay network (VXLAN VNI, GENEVE VNI, GRE key), 0 if none.
    pub vni: u32,
    /// The mirror session that carried it, 0 if none: a tap point, never a scope. ERSPAN II and III: session id plus one; [`Frame::TAP_ERSPAN_I`], [`Frame::TAP_TZSP`].
    pub tap: u32,
    /// Where the innermost network header begins.
    pub net_offset: u32,
    /// Where the TCP/UDP/SCTP header begins, 0 if none.
    pub transport_offset: u32,
    /// Where the payload begins.
    pub payload_offset: u32,
    /// Captured bytes of the payload, Ethernet padding left out.
    pub payload_len: u32,
    /// Bytes of the payload that the innermost length field, or else the capture, says the wire had beyond those captured.
    pub payload_cut: u32,
    /// Which reassembled datagram holds the bytes, if not the packet itself: an index that [`crate::tunnel::Decoder::detached`] knows, plus one.
    pub detached: u32,
    /// Why reading stopped, if it did.
    pub stop: Option<Stop>,
}

impl Frame {
    /// No VLAN tag.
    pub const NO_VLAN: u16 = 0xffff;
    /// The tap of ERSPAN type I, which has no header and so no session; above the ten bits of a session id.
    pub const TAP_ERSPAN_I: u32 = 0x1_0000;
    /// The tap of TZSP, which has no session.
    pub const TAP_TZSP: u32 = 0x2_0000;

    /// Nothing read yet.
    pub const EMPTY: Self = Self {
        src: [0; 16],
        dst: [0; 16],
        src_mac: Mac([0; 6]),
        dst_mac: Mac([0; 6]),
        has_macs: false,
        net: Net::None,
        protocol: 0,
        src_port: 0,
        dst_port: 0,
        ttl: 0,
        tcp_flags: 0,
        tcp_seq: 0,
        tcp_ack: 0,
        ip_id: 0,
        checksum: 0,
        vlan: Self::NO_VLAN,
        vni: 0,
        tap: 0,
        net_offset: 0,
        transport_offset: 0,
        payload_offset: 0,
        payload_len: 0,
        payload_cut: 0,
        detached: 0,
        stop: None,
    };

    /// The payload in `data`, which is what was captured or, for a [`Frame::detached`] frame, what was reassembled. Empty if `data` is shorter than that.
    #[must_use]
    #[inline]
    pub fn payload<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let range = usize::try_from(self.payload_offset).ok().zip(usize::try_from(self.payload_len).ok());
        range.and_then(|(start, length)| data.get(start..start.checked_add(length)?)).unwrap_or_default()
    }

    /// The innermost source address.
    #[must_use]
    #[inline]
    pub fn src_ip(&self) -> Option<IpAddr> {
        self.ip(self.src)
    }

    /// The innermost destination address.
    #[must_use]
    #[inline]
    pub fn dst_ip(&self) -> Option<IpAddr> {
        self.ip(self.dst)
    }

    /// Whether the innermost readable layer is IPv4 or IPv6.
    #[must_use]
    #[inline]
    pub const fn is_ip(&self) -> bool {
        matches!(self.net, Net::V4 | Net::V6)
    }

    /// A hash of the unordered pair of innermost addresses (MACs where there is no IP), without VLAN: equal for both directions. Its keys are fixed, so that all workers of all
    /// runs agree; whoever chooses addresses can therefore crowd one worker, which costs speed and nothing else.
    #[must_use]
    #[inline]
    pub fn shard(&self) -> u64 {
        let ((a, b), (c, d)) =
            if self.is_ip() { (halves(self.src), halves(self.dst)) } else { ((0, number(self.src_mac)), (0, number(self.dst_mac))) };
        // The sum forgets which of the two came first.
        let both = fold(a ^ KEYS[0], b ^ KEYS[1]).wrapping_add(fold(c ^ KEYS[0], d ^ KEYS[1]));
        fold(both ^ KEYS[2], KEYS[3])
    }

    /// An inner network header begins: what an outer one said is over.
    pub(crate) fn forget_network(&mut self) {
        (self.src, self.dst) = ([0; 16], [0; 16]);
        (self.net, self.net_offset) = (Net::None, 0);
        (self.protocol, self.ttl, self.ip_id) = (0, 0, 0);
        (self.src_port, self.dst_port, self.transport_offset, self.checksum) = (0, 0, 0, 0);
        (self.tcp_flags, self.tcp_seq, self.tcp_ack) = (0, 0, 0);
    }

    /// An inner packet has no link layer: the MAC addresses are those of the tunnel.
    pub(crate) fn forget_link(&mut self) {
        (self.src_mac, self.dst_mac, self.has_macs) = (Mac([0; 6]), Mac([0; 6]), false);
    }

    fn ip(&self, address: [u8; 16]) -> Option<IpAddr> {
        match self.net {
            Net::V4 => address.first_chunk::<4>().map(|&v4| IpAddr::V4(Ipv4Addr::from(v4))),
            Net::V6 => Some(IpAddr::V6(Ipv6Addr::from(address))),
            _ => None,
        }
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// Digits of pi after the point: nothing up the sleeve, and about as many ones as zeros.
const KEYS: [u64; 4] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

/// Both halves of the full product, folded: each bit of either factor moves about half of the bits.
const fn fold(a: u64, b: u64) -> u64 {
    let (high, low) = halves(((a as u128) * (b as u128)).to_be_bytes());
    high ^ low
}

const fn halves(address: [u8; 16]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes([i, j, k, l, m, n, o, p]))
}

const fn number(mac: Mac) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(src: [u8; 4], dst: [u8; 4]) -> Frame {
        let mut frame = Frame { net: Net::V4, ..Frame::EMPTY };
        frame.src[..4].copy_from_slice(&src);
        frame.dst[..4].copy_from_slice(&dst);
        frame
    }

    #[test]
    fn both_directions_have_one_shard() {
        assert_eq!(v4([10, 0, 0, 1], [10, 0, 0, 2]).shard(), v4([10, 0, 0, 2], [10, 0, 0, 1]).shard());
        let there = Frame { src_mac: Mac([2, 0, 0, 0, 0, 1]), dst_mac: Mac([2, 0, 0, 0, 0, 2]), has_macs: true, ..Frame::EMPTY };
        let back = Frame { src_mac: there.dst_mac, dst_mac: there.src_mac, ..there };
        assert_eq!(there.shard(), back.shard());
        assert_eq!(there.shard(), Frame { vlan: 7, ..there }.shard());
    }

    #[test]
    fn neighbouring_addresses_spread_evenly_over_workers() {
        for workers in [2_u64, 3, 4, 8, 16] {
            let mut load = vec![0_u32; usize::try_from(workers).unwrap()];
            for host in 0..=255_u8 {
                for peer in 0..64_u8 {
                    load[usize::try_from(v4([192, 168, 1, host], [192, 168, 2, peer]).shard() % workers).unwrap()] += 1;
                }
            }
            let fair = f64::from(256 * 64) / f64::from(u32::try_from(workers).unwrap());
            assert!(load.iter().all(|&n| (f64::from(n) / fair - 1.0).abs() < 0.15), "{workers}: {load:?}");
        }
    }

    #[test]
    fn a_payload_out_of_range_is_empty() {
        let frame = Frame { payload_offset: 10, payload_len: 5, ..Frame::EMPTY };
        assert_eq!(frame.payload(&[0; 14]), b"");
        assert_eq!(frame.payload(&[7; 15]), &[7; 5]);
        assert_eq!(Frame { payload_offset: u32::MAX, payload_len: u32::MAX, ..frame }.payload(&[0; 15]), b"");
    }

    #[test]
    fn a_frame_fills_two_cache_lines() {
        assert!(size_of::<Frame>() <= 128, "{}", size_of::<Frame>());
    }
}
