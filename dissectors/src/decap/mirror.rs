//! Mirror transports: ERSPAN and TZSP. Their outer header is no conversation of the plant, so that nothing of it stays in the frame; their session is a tap point.

use super::{Layer, Step, Walk};
use crate::frame::Frame;

/// Tags of a TZSP packet; senders write fewer than ten, and each may be 257 bytes long.
const TZSP_TAGS_MAX: usize = 32;

impl Walk<'_, '_> {
    /// draft-foschiano-erspan-03 §4. GRE protocol 88be without a sequence number is type I, which has no header; otherwise the version tells type II (8 bytes) from type III (12).
    pub(super) fn erspan(&mut self, skip: usize, sequence: bool) -> Step {
        let [_, _, protocol @ ..] = *self.peek::<4>()?;
        if protocol == [0x88, 0xbe] && !sequence {
            return self.mirror(skip, Frame::TAP_ERSPAN_I, Frame::NO_VLAN, Layer::Ethernet);
        }
        let [v0, v1, s0, s1] = *self.peek_behind::<4>(skip)?;
        let (vlan, session) = (u16::from_be_bytes([v0, v1]) & 0x0fff, u32::from(u16::from_be_bytes([s0, s1]) & 0x03ff));
        let (header, layer, stripped) = match v0 >> 4 {
            // En 1 and 2: the frame had an ISL or 802.1Q tag, which is stripped. En 0: it had none; 3: it is still there.
            1 => (self.peek_behind::<8>(skip).map(|_| 8)?, Layer::Ethernet, matches!(s0 >> 3 & 3, 1 | 2)),
            2 => {
                let [h0, h1] = *self.peek_behind::<2>(skip + 10)?;
                let header = if h1 & 1 == 1 { self.peek_behind::<20>(skip).map(|_| 20)? } else { 12 };
                let layer = match h0 >> 2 & 0x1f {
                    0 => Layer::Ethernet,
                    2 => Layer::Ip,
                    _ => return Ok(Layer::Payload),
                };
                (header, layer, false)
            }
            _ => return Ok(Layer::Payload),
        };
        self.mirror(skip + header, session + 1, if stripped && vlan != 0 { vlan } else { Frame::NO_VLAN }, layer)
    }

    /// TZSP as Wireshark's packet-tzsp.c reads it: version 1, type 0 (received) or 1 (to be transmitted), protocol 1 (Ethernet), tags up to the end tag.
    pub(super) fn tzsp(&mut self) -> Step {
        let Ok([1, 0 | 1, 0, 1]) = self.peek::<4>() else { return Ok(Layer::Payload) };
        let mut skip = 4;
        for _ in 0..TZSP_TAGS_MAX {
            match (self.peek_behind::<1>(skip), self.peek_behind::<2>(skip)) {
                (Ok([0]), _) => skip += 1,
                (Ok([1]), _) if self.may_begin_ethernet(skip + 1) => return self.mirror(skip + 1, Frame::TAP_TZSP, Frame::NO_VLAN, Layer::Ethernet),
                (_, Ok(&[2..=255, length])) => skip += 2 + usize::from(length),
                _ => return Ok(Layer::Payload),
            }
        }
        Ok(Layer::Payload)
    }

    fn mirror(&mut self, skip: usize, tap: u32, vlan: u16, layer: Layer) -> Step {
        self.descend()?;
        self.at += skip;
        *self.frame = Frame { tap, vlan, ..Frame::EMPTY };
        (self.state.inner_vlan, self.state.carried) = (vlan, true);
        Ok(layer)
    }
}

#[cfg(test)]
mod tests {
    use observations::Mac;

    use super::super::samples::{INNER_SRC, SAID, decode, erspan_2, erspan_3, ethernet, gre, inner_frame, tzsp, udp, v4, vlan, vxlan};
    use super::*;
    use crate::frame::{Net, Stop};
    use crate::packet::LinkType;

    fn mirrored(payload: &[u8]) -> (Frame, Vec<u8>) {
        let data = ethernet(0x8100, &vlan(99, 0x0800, &v4(47, payload)));
        (decode(LinkType::ETHERNET, &data), data)
    }

    #[test]
    fn erspan_sessions_are_taps_and_nothing_of_the_transport_stays() {
        for (payload, tap, id) in [
            (gre(0, 0x88be, &[], &inner_frame()), Frame::TAP_ERSPAN_I, Frame::NO_VLAN),
            (erspan_2(&inner_frame()), 6, 100),
            (erspan_3(&inner_frame()), 7, Frame::NO_VLAN),
        ] {
            let (frame, data) = mirrored(&payload);
            assert_eq!((frame.tap, frame.vlan, frame.src_mac, frame.vni), (tap, id, Mac(INNER_SRC), 0));
            assert_eq!((frame.src_ip().unwrap().to_string(), frame.payload(&data)), ("192.168.7.1".into(), SAID));
        }
    }

    #[test]
    fn a_tag_in_the_mirrored_frame_is_its_vlan() {
        let (frame, data) = mirrored(&erspan_2(&ethernet(0x8100, &vlan(30, 0x0800, &inner_frame()[14..]))));
        assert_eq!((frame.vlan, frame.tap, frame.payload(&data)), (30, 6, SAID));
    }

    #[test]
    fn a_mirrored_frame_that_is_cut_shows_no_outer_host() {
        let (_, data) = mirrored(&erspan_2(&inner_frame()));
        let frame = decode(LinkType::ETHERNET, &data[..14 + 4 + 20 + 16 + 5]);
        assert_eq!((frame.stop, frame.net, frame.has_macs, frame.tap), (Some(Stop::Truncated), Net::None, false, 6));
    }

    #[test]
    fn an_unknown_version_is_an_ip_payload() {
        let (frame, _) = mirrored(&gre(0x1000, 0x88be, &[0; 4], &[0x70; 40]));
        assert_eq!((frame.tap, frame.protocol, frame.stop, frame.payload_offset), (0, 47, None, 38));
    }

    #[test]
    fn tzsp_is_a_tap() {
        let data = ethernet(0x0800, &v4(17, &udp(37008, &tzsp(&inner_frame()))));
        let frame = decode(LinkType::ETHERNET, &data);
        assert_eq!((frame.tap, frame.src_mac, frame.payload(&data)), (Frame::TAP_TZSP, Mac(INNER_SRC), SAID));
    }

    #[test]
    fn other_bytes_on_the_port_of_tzsp_are_udp() {
        for payload in [&[1, 0, 0, 1, 2, 200, 1][..], &[2, 0, 0, 1, 1, 0], &[0; 200], &[1, 0, 0, 1, 1, 9], &[]] {
            let data = ethernet(0x0800, &v4(17, &udp(37008, payload)));
            let frame = decode(LinkType::ETHERNET, &data);
            assert_eq!((frame.tap, frame.dst_port, frame.payload(&data), frame.stop), (0, 37008, payload, None));
        }
    }

    #[test]
    fn the_overlay_of_the_transport_is_not_that_of_the_mirrored_frame() {
        let mirror = ethernet(0x0800, &v4(47, &erspan_2(&inner_frame())));
        let data = ethernet(0x0800, &v4(17, &udp(4789, &vxlan(7, &mirror))));
        assert_eq!((decode(LinkType::ETHERNET, &data).vni, decode(LinkType::ETHERNET, &data).tap), (0, 6));
    }
}
