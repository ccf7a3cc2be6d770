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
/// another thread beside its block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame {
    /// Innermost IP addresses; zero where there is none. IPv4 stands in the first 4 bytes.
    pub src: [u8; 16],
    /// See `src`.
    pub dst: [u8; 16],
    /// Innermost MAC addresses.
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
    /// Innermost VLAN id, [`Frame::NO_VLAN`] if untagged.
    pub vlan: u16,
    /// Innermost overlay network (VXLAN VNI, GENEVE VNI, GRE key), 0 if none.
    pub vni: u32,
    /// The mirror session that carried it (ERSPAN, TZSP, mirror VXLAN), 0 if none: a tap point, never a scope.
    pub tap: u32,
    /// Where the innermost network header begins.
    pub net_offset: u32,
    /// Where the TCP/UDP/SCTP header begins, 0 if none.
    pub transport_offset: u32,
    /// Where the payload begins.
    pub payload_offset: u32,
    /// Captured bytes of the payload, Ethernet padding left out.
    pub payload_len: u32,
    /// Bytes of the payload that the wire had and the capture cut.
    pub payload_cut: u32,
    /// Which reassembled datagram holds the bytes, if not the packet itself: an index that [`crate::tunnel::Decoder::detached`] knows, plus one.
    pub detached: u32,
    /// Why reading stopped, if it did.
    pub stop: Option<Stop>,
}

impl Frame {
    /// No VLAN tag.
    pub const NO_VLAN: u16 = 0xffff;
}

impl Frame {
    /// The payload's bytes; none if the frame says otherwise than the data.
    #[must_use]
    pub fn payload<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let start = self.payload_offset as usize;
        data.get(start..start.saturating_add(self.payload_len as usize)).unwrap_or_default()
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
    fn ip(&self, address: [u8; 16]) -> Option<IpAddr> {
        match self.net {
            Net::V4 => address.first_chunk::<4>().map(|&v4| IpAddr::V4(Ipv4Addr::from(v4))),
            Net::V6 => Some(IpAddr::V6(Ipv6Addr::from(address))),
            _ => None,
        }
    }
}
