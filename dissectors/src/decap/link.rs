//! What a capture begins with where it is not Ethernet (<https://www.tcpdump.org/linktypes.html>), and the LLC header of IEEE 802.3 frames.

use observations::Mac;

use super::{Layer, Step, Walk, narrow};
use crate::frame::{Net, Stop};
use crate::packet::LinkType;

/// ARPHRD_ETHER of Linux: the sender's address is a MAC address.
const ARPHRD_ETHER: u16 = 1;
/// NFULA_HWADDR and NFULA_PAYLOAD of Linux (linux/netfilter/nfnetlink_log.h).
const NFLOG_ADDRESS: u16 = 8;
const NFLOG_PAYLOAD: u16 = 9;
/// Linux knows about twenty attributes; the payload stands last.
const NFLOG_ATTRIBUTES_MAX: usize = 32;

impl Walk<'_, '_> {
    pub(super) fn link(&mut self, link: LinkType) -> Step {
        match link {
            LinkType::ETHERNET => Ok(Layer::Ethernet),
            LinkType::RAW | LinkType::RAW_OLD => Ok(Layer::Ip),
            LinkType::IPV4 => Ok(Layer::V4),
            LinkType::IPV6 => Ok(Layer::V6),
            LinkType::NULL | LinkType::LOOP => self.loopback(),
            LinkType::LINUX_SLL => self.cooked(),
            LinkType::LINUX_SLL2 => self.cooked_2(),
            LinkType::PPP => self.ppp_link(),
            LinkType::NFLOG => self.netfilter_log(),
            _ => Err(Stop::LinkType),
        }
    }

    /// LINKTYPE_NULL and LINKTYPE_LOOP: an address family in the order of the capturing machine. The families are small, so that the byte which is not zero tells the order.
    fn loopback(&mut self) -> Step {
        let layer = match *self.peek::<4>()? {
            [family, 0, 0, 0] | [0, 0, 0, family] => match family {
                2 => Layer::V4,
                // Linux, NetBSD and OpenBSD, FreeBSD, macOS.
                10 | 24 | 28 | 30 => Layer::V6,
                _ => return Err(Stop::LinkType),
            },
            _ => return Err(Stop::LinkType),
        };
        self.at += 4;
        Ok(layer)
    }

    /// LINKTYPE_LINUX_SLL.
    fn cooked(&mut self) -> Step {
        let &[_, _, h0, h1, _, length, ref address @ .., p0, p1] = self.peek::<16>()?;
        self.cooked_protocol(16, u16::from_be_bytes([h0, h1]), length, address, u16::from_be_bytes([p0, p1]))
    }

    /// LINKTYPE_LINUX_SLL2.
    fn cooked_2(&mut self) -> Step {
        let &[p0, p1, _, _, _, _, _, _, h0, h1, _, length, ref address @ ..] = self.peek::<20>()?;
        self.cooked_protocol(20, u16::from_be_bytes([h0, h1]), length, address, u16::from_be_bytes([p0, p1]))
    }

    fn cooked_protocol(&mut self, header: usize, hardware: u16, length: u8, &[a, b, c, d, e, f, _, _]: &[u8; 8], protocol: u16) -> Step {
        if (hardware, length) == (ARPHRD_ETHER, 6) {
            self.frame.src_mac = Mac([a, b, c, d, e, f]);
            self.frame.has_macs = true;
        }
        let layer = match (hardware, protocol) {
            // Netlink, 802.11 with and without its capture headers: the protocol field means something else.
            (824 | 801..=803, _) => return Err(Stop::LinkType),
            (_, 4) => Layer::Llc,
            (_, 0x600..) => Layer::EtherType(protocol),
            _ => return Err(Stop::LinkType),
        };
        self.at += header;
        Ok(layer)
    }

    /// LINKTYPE_NFLOG: family, version and group, then attributes of length and kind in the order of the capturing machine, each padded
    /// to four bytes. Kinds are small, so that the byte which is not zero tells the order.
    fn netfilter_log(&mut self) -> Step {
        let [family, version, _, _] = *self.peek::<4>()?;
        if version != 0 || !matches!(family, 2 | 10) {
            return Err(Stop::LinkType);
        }
        let mut skip = 4;
        for _ in 0..NFLOG_ATTRIBUTES_MAX {
            let (length, kind) = match *self.peek_behind::<4>(skip)? {
                [l0, l1, kind, 0] => (u16::from_le_bytes([l0, l1]), u16::from(kind)),
                [l0, l1, 0, kind] => (u16::from_be_bytes([l0, l1]), u16::from(kind)),
                _ => return Err(Stop::Malformed),
            };
            match (kind, length) {
                (_, 0..4) => return Err(Stop::Malformed),
                (NFLOG_PAYLOAD, _) => {
                    self.at += skip + 4;
                    return Ok(Layer::Ip);
                }
                (NFLOG_ADDRESS, _) => {
                    let [l0, l1, _, _, a, b, c, d, e, f] = *self.peek_behind::<10>(skip + 4)?;
                    if [l0, l1] == [0, 6] {
                        self.frame.src_mac = Mac([a, b, c, d, e, f]);
                        self.frame.has_macs = true;
                    }
                }
                _ => {}
            }
            skip += usize::from(length).next_multiple_of(4);
        }
        Err(Stop::Malformed)
    }

    /// LINKTYPE_PPP: RFC 1662 §3.1, with or without address and control field.
    fn ppp_link(&mut self) -> Step {
        let framing = if self.rest().starts_with(&[0xff, 0x03]) { 2 } else { 0 };
        let (protocol, length) = self.ppp_protocol(framing)?;
        let layer = ppp_layer(protocol).ok_or(Stop::LinkType)?;
        self.at += framing + length;
        Ok(layer)
    }

    /// RFC 1661 §2 and §6.5: the protocol behind the next `skip` bytes, and the length of the field. An odd first byte is the whole of a compressed field.
    pub(super) fn ppp_protocol(&self, skip: usize) -> Result<(u16, usize), Stop> {
        let [high] = *self.peek_behind::<1>(skip)?;
        if high & 1 == 1 {
            return Ok((u16::from(high), 1));
        }
        Ok((u16::from_be_bytes(*self.peek_behind(skip)?), 2))
    }

    /// IEEE 802.2 §3.2. An information or supervisory frame has two control bytes, an unnumbered one has one.
    pub(super) fn llc(&mut self) -> Step {
        let [dsap, ssap] = *self.peek::<2>()?;
        let net_offset = narrow(self.at);
        let header = match (dsap, ssap, self.peek_behind::<1>(2)) {
            // Novell's "raw 802.3" puts IPX behind the length, without LLC: its checksum is ffff.
            (0xff, 0xff, _) => 0,
            (0xaa, 0xaa, Ok([0x03])) => return self.snap(),
            (_, _, Ok([control])) => 3 + usize::from(control & 3 != 3),
            (_, _, Err(stop)) => return Err(stop),
        };
        (self.frame.net, self.frame.net_offset) = (Net::Llc(u16::from_be_bytes([dsap, ssap])), net_offset);
        if header > self.rest().len() {
            return Err(Stop::Truncated);
        }
        self.at += header;
        Ok(Layer::Payload)
    }

    /// IEEE 802 §10.3. OUI 000000 (RFC 1042) and 0000f8 (bridge tunnelling, 802.1H) are followed by an EtherType.
    fn snap(&mut self) -> Step {
        let [_, _, _, o0, o1, o2, p0, p1] = *self.peek::<8>()?;
        let number = u16::from_be_bytes([p0, p1]);
        if matches!([o0, o1, o2], [0, 0, 0] | [0, 0, 0xf8]) && number >= 0x600 {
            self.at += 8;
            return Ok(Layer::EtherType(number));
        }
        (self.frame.net, self.frame.net_offset) = (Net::Snap([o0, o1, o2], number), narrow(self.at));
        self.at += 8;
        Ok(Layer::Payload)
    }
}

/// The PPP protocols that carry what we read (IANA "PPP DLL Protocol Numbers").
pub(super) const fn ppp_layer(protocol: u16) -> Option<Layer> {
    match protocol {
        0x0021 => Some(Layer::V4),
        0x0057 => Some(Layer::V6),
        0x0281 => Some(Layer::EtherType(0x8847)),
        0x0283 => Some(Layer::EtherType(0x8848)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{DST, SAID, SRC, cooked, cooked_2, decode, ethernet, inner_v4, tcp, v6};
    use super::*;

    fn packet() -> Vec<u8> {
        inner_v4(6, &tcp(SAID))
    }

    #[test]
    fn raw_ip_has_no_macs() {
        let frame = decode(LinkType::RAW_OLD, &v6(6, &tcp(SAID)));
        assert_eq!((frame.net, frame.has_macs, frame.net_offset, frame.transport_offset), (Net::V6, false, 0, 40));
        assert_eq!(decode(LinkType::IPV4, &v6(6, &tcp(SAID))).stop, Some(Stop::Malformed));
        assert_eq!(decode(LinkType::RAW, &[0x50; 40]).stop, Some(Stop::Malformed));
    }

    #[test]
    fn loopback_families_are_read_in_both_orders() {
        for (family, packet) in
            [([2, 0, 0, 0], packet()), ([0, 0, 0, 2], packet()), ([30, 0, 0, 0], v6(6, &tcp(SAID))), ([0, 0, 0, 10], v6(6, &tcp(SAID)))]
        {
            let data = [&family[..], &packet].concat();
            assert_eq!(decode(LinkType::NULL, &data).payload(&data), SAID);
            assert_eq!(decode(LinkType::LOOP, &data).payload(&data), SAID);
        }
        assert_eq!(decode(LinkType::NULL, &[7, 0, 0, 0, 0x45]).stop, Some(Stop::LinkType));
    }

    #[test]
    fn cooked_captures_know_only_the_sender() {
        for (link, data) in [(LinkType::LINUX_SLL, cooked(0x0800, &packet())), (LinkType::LINUX_SLL2, cooked_2(0x0800, &packet()))] {
            let frame = decode(link, &data);
            assert_eq!((frame.has_macs, frame.src_mac, frame.dst_mac), (true, Mac(SRC), Mac::default()));
            assert_eq!(frame.payload(&data), SAID);
        }
    }

    #[test]
    fn cooked_captures_of_other_hardware_have_no_mac() {
        let mut data = cooked(0x0800, &packet());
        data[3] = 0xfe;
        assert_eq!((decode(LinkType::LINUX_SLL, &data).has_macs, decode(LinkType::LINUX_SLL, &data).dst_port), (false, 502));
        data[2..4].copy_from_slice(&824_u16.to_be_bytes());
        assert_eq!(decode(LinkType::LINUX_SLL, &data).stop, Some(Stop::LinkType));
    }

    #[test]
    fn a_cooked_capture_may_hold_llc() {
        let frame = decode(LinkType::LINUX_SLL, &cooked(4, &[0x42, 0x42, 0x03, 0, 0]));
        assert_eq!((frame.net, frame.payload_len), (Net::Llc(0x4242), 2));
    }

    #[test]
    fn ppp_that_negotiates_is_not_read() {
        let frame = decode(LinkType::PPP, &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4]);
        assert_eq!((frame.net, frame.stop), (Net::None, Some(Stop::LinkType)));
    }

    #[test]
    fn a_firewalls_log_is_read_in_both_orders() {
        let address = [0, 6, 0, 0, 0x00, 0x80, 0xf4, 1, 2, 3, 0, 0];
        let whole = u16::try_from(packet().len() + 4).unwrap();
        let little = [&[2, 0, 0, 5, 16, 0, 8, 0][..], &address, &whole.to_le_bytes(), &[9, 0], &packet()].concat();
        let big = [&[2, 0, 0, 5, 0, 16, 0, 8][..], &address, &whole.to_be_bytes(), &[0, 9], &packet()].concat();
        for data in [little, big] {
            let frame = decode(LinkType::NFLOG, &data);
            assert_eq!((frame.has_macs, frame.src_mac), (true, Mac([0x00, 0x80, 0xf4, 1, 2, 3])));
            assert_eq!(frame.payload(&data), SAID);
        }
        assert_eq!(decode(LinkType::NFLOG, &[2, 0, 0, 0, 0, 0, 9, 0]).stop, Some(Stop::Malformed));
        assert_eq!(decode(LinkType::NFLOG, &[2, 0, 0, 0, 6, 0, 10, 0]).stop, Some(Stop::Truncated));
        assert_eq!(decode(LinkType::NFLOG, &[7, 0, 0, 0]).stop, Some(Stop::LinkType));
    }

    #[test]
    fn another_link_type_is_named_as_such() {
        let frame = decode(LinkType(127), &ethernet(0x0800, &packet()));
        assert_eq!((frame.stop, frame.net), (Some(Stop::LinkType), Net::None));
    }

    #[test]
    fn spanning_tree_is_llc_without_the_padding() {
        let data = [
            &ethernet(7, &[])[..], // length
            &[0x42, 0x42, 0x03],   // DSAP, SSAP, unnumbered information
            &[0, 0, 2, 2],         // BPDU
            &[0; 39],              // padding
        ]
        .concat();
        let frame = decode(LinkType::ETHERNET, &data);
        assert_eq!((frame.net, frame.net_offset, frame.dst_mac), (Net::Llc(0x4242), 14, Mac(DST)));
        assert_eq!(frame.payload(&data), &[0, 0, 2, 2]);
    }

    #[test]
    fn information_frames_have_two_control_bytes() {
        let data = ethernet(6, &[0xf0, 0xf0, 0x00, 0x01, 0xff, 0xff]);
        assert_eq!(decode(LinkType::ETHERNET, &data).payload(&data), &[0xff, 0xff]);
        assert_eq!(decode(LinkType::ETHERNET, &ethernet(3, &[0xf0, 0xf0, 0x00])).stop, Some(Stop::Truncated));
    }

    #[test]
    fn novells_raw_frames_have_no_llc() {
        let data = ethernet(4, &[0xff, 0xff, 0x00, 0x22]);
        assert_eq!(decode(LinkType::ETHERNET, &data).payload(&data), &[0xff, 0xff, 0x00, 0x22]);
    }

    #[test]
    fn snap_names_an_organisation_and_its_protocol() {
        let cdp = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00, 2, 180];
        let frame = decode(LinkType::ETHERNET, &ethernet(10, &cdp));
        assert_eq!((frame.net, frame.payload_offset, frame.payload_len), (Net::Snap([0, 0, 0x0c], 0x2000), 22, 2));
    }

    #[test]
    fn snap_may_carry_an_ether_type() {
        for oui in [[0, 0, 0], [0, 0, 0xf8]] {
            let snap = [&[0xaa, 0xaa, 0x03], &oui[..], &[0x08, 0x00], &packet()].concat();
            let data = ethernet(u16::try_from(snap.len()).unwrap(), &snap);
            assert_eq!(decode(LinkType::ETHERNET, &data).payload(&data), SAID);
        }
    }

    #[test]
    fn between_length_and_type_there_is_nothing() {
        assert_eq!(decode(LinkType::ETHERNET, &ethernet(1501, &packet())).stop, Some(Stop::Malformed));
    }
}
