//! IPv4, IPv6 with its extension headers, and the heads of TCP, UDP and SCTP.

use super::{Layer, Limit, Step, Walk, narrow};
use crate::fragment::{Fragment, Key};
use crate::frame::{Frame, Net, Stop};

/// RFC 8200 §4.1 wants each header once and destination options twice: seven. One more for tolerance.
pub(super) const EXTENSIONS_MAX: usize = 8;

impl Walk<'_, '_> {
    /// RFC 791 §3.1. The addresses stand even if the options are cut off.
    pub(super) fn v4(&mut self) -> Step {
        let &[version, _, l0, l1, i0, i1, f0, f1, ttl, protocol, _, _, a, b, c, d, e, f, g, h] = self.peek::<20>()?;
        if version >> 4 != 4 {
            return Err(Stop::Malformed);
        }
        let (src, dst) = ([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.enter(Net::V4, src, dst, ttl);
        let (id, place) = (u16::from_be_bytes([i0, i1]), u16::from_be_bytes([f0, f1]));
        self.frame.ip_id = id;
        self.frame.protocol = protocol;
        let (header, total) = (usize::from(version & 0x0f) * 4, usize::from(u16::from_be_bytes([l0, l1])));
        if header < 20 || (total != 0 && total < header) {
            return Err(Stop::Malformed);
        }
        // A packet that was captured before the network card cut it into segments has a total length of zero.
        if total != 0 {
            self.declare(total);
        }
        if self.rest().len() < header {
            return Err(Stop::Truncated);
        }
        self.at += header;
        if place & 0x3fff != 0 {
            return self.fragment(protocol, protocol, u32::from(id), usize::from(place & 0x1fff) * 8, place & 0x2000 != 0);
        }
        Ok(Layer::IpProtocol(protocol))
    }

    /// RFC 8200 §3. A payload length of zero is a jumbogram (RFC 2675) or a packet that the network card still has to cut.
    pub(super) fn v6(&mut self) -> Step {
        let &[version, _, _, _, l0, l1, next, ttl, ref addresses @ ..] = self.peek::<40>()?;
        if version >> 4 != 6 {
            return Err(Stop::Malformed);
        }
        if let (Some(&src), Some(&dst)) = (addresses.first_chunk(), addresses.last_chunk()) {
            self.enter(Net::V6, src, dst, ttl);
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length != 0 {
            self.declare(40 + length);
        }
        self.at += 40;
        Ok(Layer::IpProtocol(next))
    }

    /// What an outer header said is over, but for the link layer if it is this packet's own.
    fn enter(&mut self, net: Net, src: [u8; 16], dst: [u8; 16], ttl: u8) {
        if self.state.carried {
            self.frame.forget_link();
        }
        let frame = &mut *self.frame;
        frame.forget_network();
        (frame.net, frame.src, frame.dst, frame.ttl) = (net, src, dst, ttl);
        frame.net_offset = narrow(self.at);
        (self.net_at, self.state.extensions) = (self.at, 0);
    }

    pub(super) fn ip_protocol(&mut self, number: u8) -> Step {
        self.frame.protocol = number;
        let v6 = self.frame.net == Net::V6;
        match number {
            6 => self.tcp(),
            17 => self.udp(),
            132 => self.sctp(),
            1 | 58 => {
                if let Ok(&[_, _, c0, c1]) = self.peek::<4>() {
                    self.frame.checksum = u16::from_be_bytes([c0, c1]);
                }
                Ok(Layer::Payload)
            }
            4 => self.carry(0, Layer::V4),
            41 => self.carry(0, Layer::V6),
            47 => self.gre(),
            // RFC 4302 §2.2: the length is in words, less two.
            51 => self.extension(4, 2),
            // RFC 8200 §4.3 to §4.6: the length is in units of eight bytes, less one.
            0 | 43 | 60 if v6 => self.extension(8, 1),
            44 if v6 => self.fragment_header(),
            _ => Ok(Layer::Payload),
        }
    }

    fn extension(&mut self, unit: usize, more: usize) -> Step {
        let [next, length] = *self.peek::<2>()?;
        self.count_extension()?;
        let length = (usize::from(length) + more) * unit;
        if self.rest().len() < length {
            return Err(Stop::Truncated);
        }
        self.at += length;
        Ok(Layer::IpProtocol(next))
    }

    fn count_extension(&mut self) -> Result<(), Stop> {
        if self.state.extensions == EXTENSIONS_MAX {
            self.state.limit_hit = Some(Limit::Extensions);
            return Err(Stop::Malformed);
        }
        self.state.extensions += 1;
        Ok(())
    }

    /// RFC 8200 §4.5. A first fragment that is the last (RFC 6946) is a whole packet.
    fn fragment_header(&mut self) -> Step {
        let [next, _, f0, f1, id @ ..] = *self.peek::<8>()?;
        self.count_extension()?;
        let (place, id) = (u16::from_be_bytes([f0, f1]), u32::from_be_bytes(id));
        self.at += 8;
        self.frame.protocol = next;
        // The lower half: enough to tell a packet from another of the same conversation.
        let [_, _, low @ ..] = id.to_be_bytes();
        self.frame.ip_id = u16::from_be_bytes(low);
        if place & 0xfff9 == 0 {
            return Ok(Layer::IpProtocol(next));
        }
        // Only the first fragment's next header counts, so that it is no part of the key.
        self.fragment(0, next, id, usize::from(place & 0xfff8), place & 1 != 0)
    }

    /// RFC 791 §3.2, RFC 8200 §4.5: all but the last fragment are a multiple of eight bytes long.
    fn fragment(&mut self, key_protocol: u8, protocol: u8, id: u32, offset: usize, more: bool) -> Step {
        let bytes = self.rest();
        if self.cut != 0 {
            return Err(Stop::Truncated);
        }
        if bytes.is_empty() || (more && !bytes.len().is_multiple_of(8)) {
            return Err(Stop::Malformed);
        }
        let Frame { net, src, dst, vni, .. } = *self.frame;
        let key = Key { v6: net == Net::V6, src, dst, vni, protocol: key_protocol, id };
        let header = self.data.get(self.net_at..self.at).unwrap_or_default();
        self.fragment = Some(Fragment { key, protocol, offset, more, header, header_at: self.net_at, bytes, at: self.at });
        Ok(Layer::Fragment)
    }

    /// RFC 9293 §3.1. The ports stand even if the rest is cut off.
    fn tcp(&mut self) -> Step {
        self.ports()?;
        let &[_, _, _, _, s0, s1, s2, s3, a0, a1, a2, a3, data_offset, flags, _, _, c0, c1, _, _] = self.peek::<20>()?;
        let frame = &mut *self.frame;
        frame.tcp_seq = u32::from_be_bytes([s0, s1, s2, s3]);
        frame.tcp_ack = u32::from_be_bytes([a0, a1, a2, a3]);
        frame.tcp_flags = flags;
        frame.checksum = u16::from_be_bytes([c0, c1]);
        let header = usize::from(data_offset >> 4) * 4;
        if header < 20 {
            return Err(Stop::Malformed);
        }
        if self.rest().len() < header {
            return Err(Stop::Truncated);
        }
        self.at += header;
        Ok(Layer::Payload)
    }

    /// RFC 768. A length of zero stands for what does not fit into 16 bits (RFC 2675 §4).
    fn udp(&mut self) -> Step {
        self.ports()?;
        let &[_, _, _, _, l0, l1, c0, c1] = self.peek::<8>()?;
        self.frame.checksum = u16::from_be_bytes([c0, c1]);
        match usize::from(u16::from_be_bytes([l0, l1])) {
            0 => {}
            1..8 => return Err(Stop::Malformed),
            length => self.declare(length),
        }
        self.at += 8;
        self.udp_payload(self.frame.dst_port)
    }

    /// RFC 9260 §3.1. Of the 32-bit checksum the upper half.
    fn sctp(&mut self) -> Step {
        self.ports()?;
        let &[_, _, _, _, _, _, _, _, c0, c1, _, _] = self.peek::<12>()?;
        self.frame.checksum = u16::from_be_bytes([c0, c1]);
        self.at += 12;
        Ok(Layer::Payload)
    }

    fn ports(&mut self) -> Result<(), Stop> {
        let &[p0, p1, q0, q1] = self.peek::<4>()?;
        let frame = &mut *self.frame;
        frame.transport_offset = narrow(self.at);
        frame.src_port = u16::from_be_bytes([p0, p1]);
        frame.dst_port = u16::from_be_bytes([q0, q1]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{SAID, decode, ethernet, packet, tcp, udp, v4, v6, v6_with_extensions};
    use super::*;
    use crate::packet::LinkType;
    use crate::tunnel::Decoder;

    const E: LinkType = LinkType::ETHERNET;

    #[test]
    fn the_fields_of_a_tcp_segment_are_where_they_belong() {
        let data = ethernet(0x0800, &[&v4(6, &tcp(SAID))[..], &[0; 6]].concat());
        let frame = decode(E, &data);
        assert_eq!((frame.src_ip().unwrap().to_string(), frame.dst_ip().unwrap().to_string()), ("10.0.0.1".into(), "10.0.0.2".into()));
        assert_eq!((frame.src_port, frame.dst_port, frame.tcp_seq, frame.tcp_ack, frame.tcp_flags), (0xc002, 502, 1, 2, 0x18));
        assert_eq!((frame.ip_id, frame.checksum, frame.ttl, frame.protocol), (0x1234, 0xcafe, 64, 6));
        assert_eq!((frame.net_offset, frame.transport_offset, frame.payload_offset, frame.payload_len), (14, 34, 58, 4));
    }

    #[test]
    fn options_are_stepped_over() {
        let mut ip = v4(17, &[&[0x94, 4, 0, 0][..], &udp(5000, SAID)].concat());
        ip[0] = 0x46;
        let data = ethernet(0x0800, &ip);
        assert_eq!(decode(E, &data).payload(&data), SAID);
        // Cut within the options, the addresses stand.
        let frame = decode(E, &data[..36]);
        assert_eq!((frame.net, frame.dst_port, frame.stop), (Net::V4, 0, Some(Stop::Truncated)));
    }

    #[test]
    fn a_total_length_of_zero_means_all_that_was_captured() {
        let mut data = ethernet(0x0800, &v4(6, &tcp(SAID)));
        data[16..18].fill(0);
        assert_eq!(decode(E, &data).payload(&data), SAID);
        let mut data = ethernet(0x86dd, &v6(6, &tcp(SAID)));
        data[18..20].fill(0);
        assert_eq!(decode(E, &data).payload(&data), SAID);
    }

    #[test]
    fn headers_that_contradict_themselves_are_malformed_and_keep_the_addresses() {
        // Version and header length, total length, TCP data offset, UDP length.
        for (at, byte, protocol) in [(14, 0x44, 6), (17, 19, 6), (46, 0x40, 6), (39, 7, 17)] {
            let mut data = ethernet(0x0800, &v4(protocol, &if protocol == 6 { tcp(SAID) } else { udp(5000, SAID) }));
            data[at] = byte;
            let frame = decode(E, &data);
            assert_eq!((frame.stop, frame.net, frame.has_macs), (Some(Stop::Malformed), Net::V4, true), "{at}");
        }
        let mut data = ethernet(0x0800, &v4(6, &tcp(SAID)));
        data[14] = 0x65;
        assert_eq!((decode(E, &data).stop, decode(E, &data).net), (Some(Stop::Malformed), Net::EtherType(0x0800)));
    }

    #[test]
    fn what_the_capture_cut_is_counted() {
        let data = ethernet(0x0800, &v4(17, &udp(5000, &[7; 100])));
        let mut cut = packet(E, &data[..60]);
        cut.wire_len = 142;
        let frame = Decoder::new().decode(&cut);
        assert_eq!((frame.payload_len, frame.payload_cut, frame.stop), (18, 82, None));
    }

    #[test]
    fn extension_headers_lead_to_the_transport() {
        let data = ethernet(0x86dd, &v6_with_extensions());
        let frame = decode(E, &data);
        assert_eq!((frame.protocol, frame.transport_offset, frame.payload(&data)), (6, 14 + 40 + 8 + 8 + 16 + 12, SAID));
    }

    #[test]
    fn endless_extension_headers_are_malformed_and_counted() {
        let mut decoder = Decoder::new();
        let frame = decoder.decode(&packet(E, &ethernet(0x86dd, &v6(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(EXTENSIONS_MAX + 1)))));
        assert_eq!((frame.stop, frame.net), (Some(Stop::Malformed), Net::V6));
        assert!(decoder.counters().any(|c| c == ("IPv6 extension headers", 1)));
    }

    #[test]
    fn esp_is_a_payload_of_its_own() {
        for data in [ethernet(0x0800, &v4(50, &[0; 24])), ethernet(0x86dd, &v6(50, &[0; 24]))] {
            let frame = decode(E, &data);
            assert_eq!((frame.stop, frame.protocol, frame.is_ip(), frame.payload_len), (None, 50, true, 24));
        }
    }

    #[test]
    fn other_protocols_have_the_ip_payload() {
        for protocol in [1, 2, 58, 89, 112] {
            let data = ethernet(0x0800, &v4(protocol, &[8, 0, 0xab, 0xcd]));
            let frame = decode(E, &data);
            assert_eq!((frame.protocol, frame.payload(&data), frame.src_port), (protocol, &[8, 0, 0xab, 0xcd][..], 0));
        }
        let sctp = [&[0x0b, 0x59, 0x0b, 0x5a], &[0; 4][..], &[0xaa, 0xbb, 0xcc, 0xdd], SAID].concat();
        let data = ethernet(0x0800, &v4(132, &sctp));
        let frame = decode(E, &data);
        assert_eq!((frame.src_port, frame.dst_port, frame.checksum, frame.payload(&data)), (2905, 2906, 0xaabb, SAID));
    }

    #[test]
    fn an_atomic_fragment_is_a_whole_packet() {
        let data = ethernet(0x86dd, &v6(44, &[&[17, 0, 0, 0, 0, 0, 0, 9][..], &udp(5000, SAID)].concat()));
        let frame = decode(E, &data);
        assert_eq!((frame.payload(&data), frame.ip_id, frame.detached), (SAID, 9, 0));
    }
}
