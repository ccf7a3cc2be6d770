//! Tunnels over IP that carry conversations of their own: GRE, VXLAN, GENEVE, GTP-U. A port is only a hint: where the structure disagrees it is an ordinary UDP payload.

use super::{Layer, Step, Walk};
use crate::frame::Stop;

/// VXLAN, RFC 7348 §8.
const VXLAN: u16 = 4789;
/// VXLAN as Linux sent it before IANA gave it a port.
const VXLAN_OLD: u16 = 8472;
/// GENEVE, RFC 8926 §3.3.
const GENEVE: u16 = 6081;
/// GTP-U, 3GPP TS 29.281 §4.4.2.
const GTP_U: u16 = 2152;
/// TaZmen Sniffer Protocol.
const TZSP: u16 = 37008;

/// RFC 1701's source routes are extinct; a packet with more than two is an experiment, with more than eight an attack.
const GRE_ROUTES_MAX: usize = 8;
/// 3GPP TS 29.281 §5.2 defines six extension headers.
const GTP_EXTENSIONS_MAX: usize = 8;

/// Transparent Ethernet bridging, as GRE and GENEVE name it.
const TEB: u16 = 0x6558;

/// Whether what goes to this UDP port may be a tunnel.
pub(super) const fn is_tunnel_port(port: u16) -> bool {
    matches!(port, VXLAN | VXLAN_OLD | GENEVE | GTP_U | TZSP)
}

impl Walk<'_, '_> {
    pub(super) fn udp_payload(&mut self, port: u16) -> Step {
        match port {
            VXLAN | VXLAN_OLD => self.vxlan(),
            GENEVE => self.geneve(),
            GTP_U => self.gtp_u(),
            TZSP => self.tzsp(),
            _ => Ok(Layer::Payload),
        }
    }

    /// RFC 2784 §2, with key and sequence number of RFC 2890 §2 and the routing of RFC 1701.
    pub(super) fn gre(&mut self) -> Step {
        let [f0, f1, p0, p1] = *self.peek::<4>()?;
        let flags = u16::from_be_bytes([f0, f1]);
        // Version 1 is PPTP's.
        if flags & 7 != 0 {
            return Ok(Layer::Payload);
        }
        let (checksum, routing, key, sequence) = (flags & 0x8000 != 0, flags & 0x4000 != 0, flags & 0x2000 != 0, flags & 0x1000 != 0);
        let mut skip = if checksum || routing { 8 } else { 4 };
        let mut vni = self.frame.vni;
        if key {
            vni = u32::from_be_bytes(*self.peek_behind(skip)?);
            skip += 4;
        }
        if sequence {
            self.peek_behind::<4>(skip)?;
            skip += 4;
        }
        if routing {
            skip = self.gre_routes(skip)?;
        }
        if self.rest().len() < skip {
            return Err(Stop::Truncated);
        }
        let protocol = u16::from_be_bytes([p0, p1]);
        if matches!(protocol, 0x0800 | 0x86dd | TEB | 0x8847 | 0x8848) {
            self.frame.vni = vni;
        }
        match protocol {
            0x0800 => self.carry(skip, Layer::V4),
            0x86dd => self.carry(skip, Layer::V6),
            TEB => self.carry_ethernet(skip),
            0x8847 | 0x8848 => self.mpls_in_gre(skip),
            0x88be | 0x22eb => self.erspan(skip, sequence),
            _ => Ok(Layer::Payload),
        }
    }

    /// RFC 1701: address family, offset, length, and so on until a null entry.
    fn gre_routes(&self, mut skip: usize) -> Result<usize, Stop> {
        for _ in 0..GRE_ROUTES_MAX {
            let [a0, a1, _, length] = *self.peek_behind::<4>(skip)?;
            skip += 4 + usize::from(length);
            if [a0, a1, length] == [0, 0, 0] {
                return Ok(skip);
            }
        }
        Err(Stop::Malformed)
    }

    /// RFC 4023 §3.
    fn mpls_in_gre(&mut self, skip: usize) -> Step {
        let gre = self.at;
        self.at += skip;
        self.state.carried = true;
        let layer = self.mpls();
        if layer == Ok(Layer::Payload) {
            self.at = gre;
        }
        layer
    }

    /// RFC 7348 §5: flags with the I bit, reserved zeros, VNI. The group policy of draft-smith-vxlan-group-policy sets a second flag and fills the first reserved bytes.
    fn vxlan(&mut self) -> Step {
        let Ok(&[flags, r0, r1, r2, vni @ .., reserved]) = self.peek::<8>() else { return Ok(Layer::Payload) };
        let plain = flags == 0x08 && [r0, r1, r2] == [0, 0, 0];
        let with_policy = flags == 0x88;
        if !(plain || with_policy) || reserved != 0 || !self.may_begin_ethernet(8) {
            return Ok(Layer::Payload);
        }
        let [v0, v1, v2] = vni;
        let layer = self.carry_ethernet(8)?;
        self.frame.vni = u32::from_be_bytes([0, v0, v1, v2]);
        Ok(layer)
    }

    /// RFC 8926 §3.4: version and options' length in words, flags, protocol, VNI.
    fn geneve(&mut self) -> Step {
        let Ok(&[version, flags, p0, p1, v0, v1, v2, reserved]) = self.peek::<8>() else { return Ok(Layer::Payload) };
        let skip = 8 + usize::from(version & 0x3f) * 4;
        // A control packet (the O bit) is for the tunnel's end, not for a host behind it.
        if version >> 6 != 0 || flags & 0xbf != 0 || reserved != 0 || skip > self.rest().len() + self.cut {
            return Ok(Layer::Payload);
        }
        let layer = match u16::from_be_bytes([p0, p1]) {
            TEB if self.may_begin_ethernet(skip) => Layer::Ethernet,
            0x0800 if self.may_begin_ip(skip, 4) => Layer::V4,
            0x86dd if self.may_begin_ip(skip, 6) => Layer::V6,
            _ => return Ok(Layer::Payload),
        };
        if skip > self.rest().len() {
            return Err(Stop::Truncated);
        }
        self.carry(skip, layer)?;
        self.frame.vni = u32::from_be_bytes([0, v0, v1, v2]);
        Ok(layer)
    }

    /// 3GPP TS 29.281 §5.1: a G-PDU (255) of version 1. The tunnel's number differs by direction, so that it names no network.
    fn gtp_u(&mut self) -> Step {
        let Ok(&[flags, 0xff, l0, l1, _, _, _, _]) = self.peek::<8>() else { return Ok(Layer::Payload) };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if flags & 0xf8 != 0x30 || 8 + length > self.rest().len() + self.cut {
            return Ok(Layer::Payload);
        }
        let Some(skip) = self.gtp_u_header(flags) else { return Ok(Layer::Payload) };
        let layer = match self.peek_behind::<1>(skip) {
            Ok([0x40..=0x4f]) => Layer::V4,
            Ok([0x60..=0x6f]) => Layer::V6,
            Ok(_) => return Ok(Layer::Payload),
            Err(stop) if self.cut > 0 => return Err(stop),
            Err(_) => return Ok(Layer::Payload),
        };
        self.declare(8 + length);
        self.carry(skip, layer)
    }

    /// §5.2: with any of the flags E, S, PN come sequence number, N-PDU number and the type of the first extension header; each is as long as its first byte says in words, and its
    /// last byte is the type of the next.
    fn gtp_u_header(&self, flags: u8) -> Option<usize> {
        if flags & 7 == 0 {
            return Some(8);
        }
        let [_, _, _, mut next] = *self.peek_behind::<4>(8).ok()?;
        let mut skip = 12;
        for _ in 0..GTP_EXTENSIONS_MAX {
            if flags & 4 == 0 || next == 0 {
                return Some(skip);
            }
            let [words] = *self.peek_behind::<1>(skip).ok()?;
            skip += usize::from(words) * 4;
            [next] = *self.peek_behind::<1>(skip.checked_sub(1)?).ok().filter(|_| words > 0)?;
        }
        None
    }

    /// Whether an Ethernet header behind the next `skip` bytes is possible, or cut off by the capture.
    pub(super) fn may_begin_ethernet(&self, skip: usize) -> bool {
        match self.peek_behind::<2>(skip + 12) {
            Ok(&number) => !(1501..0x600).contains(&u16::from_be_bytes(number)),
            Err(_) => self.cut > 0,
        }
    }

    fn may_begin_ip(&self, skip: usize, version: u8) -> bool {
        self.peek_behind::<1>(skip).map_or(self.cut > 0, |[first]| first >> 4 == version)
    }
}

#[cfg(test)]
mod tests {
    use observations::Mac;

    use super::super::samples::{
        INNER_SRC, SAID, decode, ethernet, geneve, gre, gtp_u, inner_frame, inner_v4, mpls, packet, tcp, udp, v4, v6, vlan, vxlan,
    };
    use super::*;
    use crate::frame::{Frame, Net};
    use crate::packet::LinkType;
    use crate::tunnel::{DEPTH_MAX, Decoder};

    const E: LinkType = LinkType::ETHERNET;

    fn over_udp(port: u16, payload: &[u8]) -> (Frame, Vec<u8>) {
        let data = ethernet(0x8100, &vlan(99, 0x0800, &v4(17, &udp(port, payload))));
        (decode(E, &data), data)
    }

    #[test]
    fn gre_keys_name_the_network_and_packets_inside_have_no_macs() {
        let fields = [0, 0, 0, 0, 0, 0, 0, 42]; // checksum, reserved, key
        let data = ethernet(0x0800, &v4(47, &gre(0xa000, 0x0800, &fields, &inner_v4(6, &tcp(SAID)))));
        let frame = decode(E, &data);
        assert_eq!((frame.vni, frame.has_macs, frame.src_mac, frame.payload(&data)), (42, false, Mac::default(), SAID));
    }

    #[test]
    fn gre_of_another_version_or_protocol_is_an_ip_payload() {
        for payload in [gre(0x3001, 0x880b, &[0; 8], &[0; 8]), gre(0x2000, 0x883e, &[0, 0, 0, 9], &[0; 8]), gre(0, 0x8847, &[], &mpls(&[0x10; 20]))] {
            let data = ethernet(0x0800, &v4(47, &payload));
            let frame = decode(E, &data);
            assert_eq!((frame.protocol, frame.payload(&data), frame.stop, frame.vni), (47, &payload[..], None, 0));
        }
    }

    #[test]
    fn gre_routes_without_an_end_are_malformed() {
        let data = ethernet(0x0800, &v4(47, &gre(0x4000, 0x0800, &[0; 4], &[8, 0, 0, 4, 1, 2, 3, 4].repeat(9))));
        assert_eq!((decode(E, &data).stop, decode(E, &data).protocol), (Some(Stop::Malformed), 47));
    }

    #[test]
    fn vxlan_shows_the_network_and_the_frame_inside() {
        for port in [4789, 8472] {
            let (frame, data) = over_udp(port, &vxlan(7, &inner_frame()));
            assert_eq!((frame.vni, frame.vlan, frame.src_mac, frame.payload(&data)), (7, Frame::NO_VLAN, Mac(INNER_SRC), SAID));
        }
        let with_policy = [&[0x88, 0, 0x12, 0x34, 0, 0, 7, 0][..], &inner_frame()].concat();
        assert_eq!(over_udp(4789, &with_policy).0.vni, 7);
    }

    #[test]
    fn other_bytes_on_the_ports_of_tunnels_are_udp() {
        let frame = inner_frame();
        let not_vxlan = [&[0x08, 0, 1, 0, 0, 0, 7, 0][..], &frame].concat();
        let not_geneve = [&[0x40, 0, 0x65, 0x58, 0, 0, 7, 0][..], &frame].concat();
        let options_too_long = [&[0x3f, 0, 0x65, 0x58, 0, 0, 7, 0][..], &frame].concat();
        let gtp_echo = [0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0];
        let gtp_beyond = [0x30, 0xff, 0, 99, 0, 0, 0, 0, 0x45, 1, 0, 0];
        let gtp_endless = [0x34, 0xff, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0x85, 0, 0, 0, 0, 0, 0, 0, 0];
        for (port, payload) in [
            (4789, &not_vxlan[..]),
            (8472, SAID),
            (6081, &not_geneve),
            (6081, &options_too_long),
            (2152, &gtp_echo),
            (2152, &gtp_beyond),
            (2152, &gtp_endless),
        ] {
            let (frame, data) = over_udp(port, payload);
            assert_eq!((frame.dst_port, frame.payload(&data), frame.stop, frame.vni, frame.vlan), (port, payload, None, 0, 99));
        }
    }

    #[test]
    fn geneve_carries_frames_and_packets() {
        let (frame, data) = over_udp(6081, &geneve(0x6558, 9, &inner_frame()));
        assert_eq!((frame.vni, frame.has_macs, frame.payload(&data)), (9, true, SAID));
        let (frame, data) = over_udp(6081, &geneve(0x86dd, 9, &v6(6, &tcp(SAID))));
        assert_eq!((frame.vni, frame.has_macs, frame.net, frame.payload(&data)), (9, false, Net::V6, SAID));
    }

    #[test]
    fn the_innermost_network_counts() {
        let middle = ethernet(0x0800, &v4(17, &udp(6081, &geneve(0x6558, 9, &inner_frame()))));
        assert_eq!(over_udp(4789, &vxlan(7, &middle)).0.vni, 9);
    }

    #[test]
    fn gtp_u_shows_the_subscribers_packet() {
        let (frame, data) = over_udp(2152, &gtp_u(&inner_v4(6, &tcp(SAID))));
        assert_eq!((frame.src_ip().unwrap().to_string(), frame.has_macs, frame.payload(&data)), ("192.168.7.1".into(), false, SAID));
        let plain = [&[0x30, 0xff, 0, 68, 0, 0, 0, 1][..], &v6(6, &tcp(SAID))].concat();
        assert_eq!(over_udp(2152, &plain).0.net, Net::V6);
    }

    #[test]
    fn a_tunnel_header_that_contradicts_itself_keeps_the_outer_addresses() {
        let mut inner = inner_frame();
        inner[14] = 0x00;
        let (frame, _) = over_udp(4789, &vxlan(7, &inner));
        assert_eq!((frame.stop, frame.src_mac, frame.net), (Some(Stop::Malformed), Mac(INNER_SRC), Net::EtherType(0x0800)));
        let data = ethernet(0x0800, &v4(4, &[0; 20]));
        let frame = decode(E, &data);
        assert_eq!((frame.stop, frame.net, &frame.src[..4]), (Some(Stop::Malformed), Net::V4, &[10, 0, 0, 1][..]));
    }

    #[test]
    fn tunnels_within_tunnels_end_and_are_counted() {
        let stack = |tunnels| ethernet(0x0800, &(0..tunnels).fold(v4(6, &tcp(SAID)), |inner, _| v4(4, &inner)));
        let mut decoder = Decoder::new();
        assert_eq!(decoder.decode(&packet(E, &stack(DEPTH_MAX))).stop, None);
        let frame = decoder.decode(&packet(E, &stack(DEPTH_MAX + 1)));
        assert_eq!((frame.stop, frame.protocol), (Some(Stop::Depth), 4));
        assert!(decoder.counters().any(|c| c == ("tunnels within each other", 1)));
    }
}
