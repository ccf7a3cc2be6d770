//! One captured packet, as a source hands it over.

/// What the first captured byte begins, as pcap numbers it (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback: a 4-byte address family in host order of the capturing machine.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without the HDLC header (RFC 1662).
    pub const PPP: Self = Self(9);
    /// Raw IP, as BSD numbers it in files from old systems.
    pub const RAW_OLD: Self = Self(12);
    /// Raw IPv4 or IPv6.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: as [`LinkType::NULL`], in network order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture v1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux netfilter log: what a firewall's rule handed over.
    pub const NFLOG: Self = Self(239);
    /// Linux cooked capture v2.
    pub const LINUX_SLL2: Self = Self(276);

    /// The name in documents and messages; link types that we do not read are named by number.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::NULL => "null".into(),
            Self::ETHERNET => "ethernet".into(),
            Self::PPP => "ppp".into(),
            Self::RAW | Self::RAW_OLD => "raw".into(),
            Self::LOOP => "loop".into(),
            Self::LINUX_SLL => "linux_sll".into(),
            Self::IPV4 => "ipv4".into(),
            Self::IPV6 => "ipv6".into(),
            Self::NFLOG => "nflog".into(),
            Self::LINUX_SLL2 => "linux_sll2".into(),
            Self(other) => format!("linktype {other}"),
        }
    }
}

/// One captured packet. The bytes belong to the block that the source read.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The captured bytes.
    pub data: &'a [u8],
    /// Length on the wire; more than `data` where the capture cut it.
    pub wire_len: u32,
    /// What `data` begins with.
    pub link: LinkType,
    /// Nanoseconds since 1970-01-01T00:00:00Z, clock offset applied.
    pub time: i64,
    /// File and number, as [`observations::Stamp::packet_id`] makes it.
    pub id: u64,
}
