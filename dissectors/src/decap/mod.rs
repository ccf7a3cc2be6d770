//! The general walk through a frame: any link type, any nesting of tags and tunnels, one header a step.
//!
//! A step looks at the next header and moves on only when it was good, so that `at` always says where reading stopped. A header that turns out to be nobody's that we read leaves
//! `at` where it is: then it is the payload of the layer above.

mod common;
mod ip;
mod link;
mod mirror;
mod overlay;
mod tag;

#[cfg(test)]
mod oracle;
#[cfg(test)]
pub(crate) mod samples;

pub(crate) use common::common;

use observations::Mac;

use crate::fragment::Fragment;
use crate::frame::{Frame, Net, Stop};
use crate::packet::{LinkType, Packet};

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layer {
    /// The header that the capture's link type names.
    Link(LinkType),
    /// Destination, source, then type or length.
    Ethernet,
    /// What an EtherType (0x0600 and above) announces.
    EtherType(u16),
    /// IEEE 802.2.
    Llc,
    /// IPv4 or IPv6, by its first four bits.
    Ip,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// What an IPv4 protocol or IPv6 next header announces.
    IpProtocol(u8),
    /// Nothing: the rest is payload.
    Payload,
    /// Nothing yet: a fragment lies in [`Walk::fragment`].
    Fragment,
}

type Step = Result<Layer, Stop>;

/// A limit of the walk itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Limit {
    /// [`crate::tunnel::DEPTH_MAX`]
    Depth,
    /// [`ip::EXTENSIONS_MAX`]
    Extensions,
    /// [`tag::LABELS_MAX`]
    Labels,
}

/// What the walk must remember between headers. It borrows nothing, so that a walk can go on in a reassembled datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// The limit that ended the walk.
    pub(crate) limit_hit: Option<Limit>,
    /// Tunnels that may still come.
    depth_left: usize,
    /// VLAN tags of this Ethernet frame.
    vlan_tags: usize,
    /// Extension headers of this IP packet.
    extensions: usize,
    /// Whether the next IP header comes out of a tunnel without a link layer of its own.
    carried: bool,
    /// The VLAN that a tunnel header names for the Ethernet frame in it.
    inner_vlan: u16,
}

/// A walk through the bytes of one packet or one reassembled datagram.
pub(crate) struct Walk<'a, 'f> {
    /// The result, written where it will stay.
    frame: &'f mut Frame,
    data: &'a [u8],
    /// The first byte that was not read.
    at: usize,
    /// Where the innermost layer ends in `data`, at most `data.len()`.
    end: usize,
    /// Bytes of the innermost layer that should follow `end`.
    cut: usize,
    /// Where the innermost IP header begins.
    net_at: usize,
    /// The fragment that ended the walk.
    fragment: Option<Fragment<'a>>,
    state: State,
}

impl<'a, 'f> Walk<'a, 'f> {
    /// A walk from the first captured byte, through at most `depth` tunnels.
    pub(crate) fn new(packet: &Packet<'a>, depth: usize, frame: &'f mut Frame) -> Self {
        let state = State { limit_hit: None, depth_left: depth, vlan_tags: 0, extensions: 0, carried: false, inner_vlan: Frame::NO_VLAN };
        let cut = usize::try_from(packet.wire_len).unwrap_or(usize::MAX).saturating_sub(packet.data.len());
        Self { frame, data: packet.data, at: 0, end: packet.data.len(), cut, net_at: 0, fragment: None, state }
    }

    /// A walk that goes on behind the first `at` bytes of a reassembled datagram, which are its IP header. Extension headers and
    /// tunnels count on, so that fragments within fragments end too.
    pub(crate) fn resume(state: State, data: &'a [u8], at: usize, frame: &'f mut Frame) -> Self {
        frame.net_offset = 0;
        Self { frame, data, at, end: data.len(), cut: 0, net_at: 0, fragment: None, state }
    }

    /// Walks until the payload, a stop, or a fragment, which is returned. Once only.
    pub(crate) fn run(&mut self, mut layer: Layer) -> (State, Option<&Fragment<'a>>) {
        loop {
            match self.step(layer) {
                Ok(Layer::Payload | Layer::Fragment) => break,
                Ok(next) => layer = next,
                Err(stop) => {
                    self.frame.stop = Some(stop);
                    break;
                }
            }
        }
        let frame = &mut *self.frame;
        frame.payload_offset = narrow(self.at);
        frame.payload_len = narrow(self.end.saturating_sub(self.at));
        frame.payload_cut = narrow(self.cut);
        (self.state, self.fragment.as_ref())
    }

    fn step(&mut self, layer: Layer) -> Step {
        match layer {
            Layer::Link(link) => self.link(link),
            Layer::Ethernet => self.ethernet(),
            Layer::EtherType(number) => self.ether_type(number),
            Layer::Llc => self.llc(),
            Layer::Ip => match self.peek::<1>()? {
                [0x40..=0x4f] => Ok(Layer::V4),
                [0x60..=0x6f] => Ok(Layer::V6),
                _ => Err(Stop::Malformed),
            },
            Layer::V4 => self.v4(),
            Layer::V6 => self.v6(),
            Layer::IpProtocol(number) => self.ip_protocol(number),
            Layer::Payload | Layer::Fragment => Ok(layer),
        }
    }

    /// IEEE 802.3 §3.1: the addresses stand even if the type is cut off.
    fn ethernet(&mut self) -> Step {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *self.peek::<12>()?;
        if self.frame.is_ip() {
            self.frame.forget_network();
        }
        let frame = &mut *self.frame;
        frame.vlan = self.state.inner_vlan;
        frame.dst_mac = Mac([d0, d1, d2, d3, d4, d5]);
        frame.src_mac = Mac([s0, s1, s2, s3, s4, s5]);
        frame.has_macs = true;
        (self.state.inner_vlan, self.state.vlan_tags, self.state.carried) = (Frame::NO_VLAN, 0, false);
        self.at += 12;
        self.type_or_length()
    }

    /// IEEE 802.3 §3.2.6: a type from 0x0600 on, a length up to 1500, and nothing between.
    fn type_or_length(&mut self) -> Step {
        let number = u16::from_be_bytes(*self.peek()?);
        if (1501..0x600).contains(&number) {
            return Err(Stop::Malformed);
        }
        self.at += 2;
        if number >= 0x600 {
            return Ok(Layer::EtherType(number));
        }
        self.declare(usize::from(number));
        Ok(Layer::Llc)
    }

    fn ether_type(&mut self, number: u16) -> Step {
        self.frame.net = Net::EtherType(number);
        self.frame.net_offset = narrow(self.at);
        match number {
            0x0800 => Ok(Layer::V4),
            0x86dd => Ok(Layer::V6),
            0x8100 | 0x88a8 | 0x9100 => self.vlan(),
            0x8847 | 0x8848 => self.mpls(),
            0x8864 => self.pppoe(),
            0x892f => self.hsr(),
            0x88e5 => Err(Stop::Encrypted),
            _ => {
                self.trim_prp();
                Ok(Layer::Payload)
            }
        }
    }

    /// The captured rest of the innermost layer.
    fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..self.end).unwrap_or_default()
    }

    /// The next `N` bytes, without going on.
    fn peek<const N: usize>(&self) -> Result<&'a [u8; N], Stop> {
        self.peek_behind(0)
    }

    /// The `N` bytes behind the next `skip`.
    fn peek_behind<const N: usize>(&self, skip: usize) -> Result<&'a [u8; N], Stop> {
        self.rest().get(skip..).and_then(<[u8]>::first_chunk).ok_or(Stop::Truncated)
    }

    /// A length field says that the layer at `at` is `length` bytes long. What is captured behind that is padding, what lacks was cut.
    fn declare(&mut self, length: usize) {
        let end = self.at.saturating_add(length);
        self.cut = end.saturating_sub(self.end);
        self.end = self.end.min(end);
    }

    /// Counts a tunnel or tag.
    fn descend(&mut self) -> Result<(), Stop> {
        let Some(left) = self.state.depth_left.checked_sub(1) else {
            self.state.limit_hit = Some(Limit::Depth);
            return Err(Stop::Depth);
        };
        self.state.depth_left = left;
        Ok(())
    }

    /// Goes on behind a tunnel header of `skip` bytes, where a packet without a link layer begins.
    fn carry(&mut self, skip: usize, layer: Layer) -> Step {
        self.descend()?;
        self.at += skip;
        self.state.carried = true;
        Ok(layer)
    }

    /// Goes on behind a tunnel header of `skip` bytes, where an Ethernet frame begins.
    fn carry_ethernet(&mut self, skip: usize) -> Step {
        self.descend()?;
        self.at += skip;
        Ok(Layer::Ethernet)
    }
}

/// Whether [`Walk::ether_type`] goes on behind this EtherType.
const fn is_opened(ether_type: u16) -> bool {
    matches!(ether_type, 0x0800 | 0x86dd | 0x8100 | 0x88a8 | 0x9100 | 0x8847 | 0x8848 | 0x8864 | 0x892f | 0x88e5)
}

/// Offsets are 32 bits wide in a [`Frame`]; no source hands over longer packets, and one that did would have an empty payload.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
