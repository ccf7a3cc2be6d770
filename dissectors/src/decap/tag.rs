//! Tags and shims between Ethernet and the network layer: VLAN, HSR, PRP, PPPoE, MPLS.

use super::link::ppp_layer;
use super::{Layer, Limit, Step, Walk};
use crate::frame::Stop;

/// Providers stack three or four labels, segment routing up to a dozen (RFC 8662 §3 expects less); a longer stack is an attack or garbage.
pub(super) const LABELS_MAX: usize = 16;

/// What a PRP trailer ends with.
pub(super) const PRP_SUFFIX: [u8; 2] = [0x88, 0xfb];

impl Walk<'_, '_> {
    /// IEEE 802.1Q §9.6. A pair (QinQ) counts as one tunnel.
    pub(super) fn vlan(&mut self) -> Step {
        let [v0, v1] = *self.peek::<2>()?;
        if self.state.vlan_tags.is_multiple_of(2) {
            self.descend()?;
        }
        self.state.vlan_tags += 1;
        let id = u16::from_be_bytes([v0, v1]) & 0x0fff;
        if id != 0 {
            self.frame.vlan = id;
        }
        self.at += 2;
        self.type_or_length()
    }

    /// IEC 62439-3 §5.7: path and size, sequence number, then the EtherType of the frame.
    pub(super) fn hsr(&mut self) -> Step {
        self.peek::<6>()?;
        self.descend()?;
        self.at += 4;
        self.type_or_length()
    }

    /// IEC 62439-3 §4.2.7.3: the trailer is sequence number, LAN (A or B) with the size of the frame's data, and 88fb. IP and LLC lengths leave it out by themselves. The size does
    /// not count VLAN tags; senders that do count them exist.
    pub(super) fn trim_prp(&mut self) {
        let rest = self.rest();
        let Some(&[_, _, lan, size, 0x88, 0xfb]) = rest.last_chunk::<6>() else { return };
        let size = usize::from(u16::from_be_bytes([lan & 0x0f, size]));
        let agrees = size == rest.len() || size == rest.len() + 4 * self.state.vlan_tags;
        if self.cut == 0 && self.frame.has_macs && matches!(lan >> 4, 0xa | 0xb) && agrees {
            self.end -= 6;
        }
    }

    /// RFC 2516 §4: version 1, type 1, code 0, session, length; then PPP.
    pub(super) fn pppoe(&mut self) -> Step {
        let [version, code, _, _, l0, l1] = *self.peek::<6>()?;
        if (version, code) != (0x11, 0) {
            return Ok(Layer::Payload);
        }
        let (protocol, field) = self.ppp_protocol(6)?;
        self.declare(6 + usize::from(u16::from_be_bytes([l0, l1])));
        let Some(layer) = ppp_layer(protocol) else { return Ok(Layer::Payload) };
        self.descend()?;
        self.at += 6 + field;
        if self.at > self.end { Err(Stop::Malformed) } else { Ok(layer) }
    }

    /// RFC 3032 §2.1: labels up to the one with the bottom bit.
    pub(super) fn mpls(&mut self) -> Step {
        for labels in 1..=LABELS_MAX {
            let [_, _, bottom, _] = *self.peek_behind::<4>(4 * (labels - 1))?;
            if bottom & 1 == 1 {
                return self.below_labels(4 * labels);
            }
        }
        self.state.limit_hit = Some(Limit::Labels);
        Err(Stop::Malformed)
    }

    /// Nothing in the label stack says what is below it; the first four bits tell IP from the control word of a pseudowire (RFC 4385 §3, RFC 4928 §3), and an Ethernet pseudowire
    /// without one (RFC 4448 §4.6) begins with any address.
    fn below_labels(&mut self, skip: usize) -> Step {
        let body = self.rest().get(skip..).unwrap_or_default();
        let whole = body.len().saturating_add(self.cut);
        let Some(first) = body.first() else { return Err(Stop::Truncated) };
        let plain = ether_type(body, 12);
        let behind_word = ether_type(body, 16);
        let frame = match first >> 4 {
            4 if is_v4(body, whole) => Some((0, Layer::V4)),
            6 if is_v6(body, whole) => Some((0, Layer::V6)),
            0 if behind_word == Guess::Known => Some((4, Layer::Ethernet)),
            // An address that begins with a zero, as most do, or a control word: what is known beats what is possible.
            0 if plain == Guess::Known => Some((0, Layer::Ethernet)),
            0 if behind_word == Guess::Possible => Some((4, Layer::Ethernet)),
            // RFC 5586: the associated channel carries no frame.
            1 => None,
            _ if plain != Guess::No => Some((0, Layer::Ethernet)),
            _ => None,
        };
        let Some((word, layer)) = frame else { return Ok(Layer::Payload) };
        self.descend()?;
        self.at += skip + word;
        Ok(layer)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Guess {
    Known,
    Possible,
    No,
}

/// Whether the two bytes at `at` can be the type or length of an Ethernet frame.
fn ether_type(body: &[u8], at: usize) -> Guess {
    let Some(number) = body.get(at..).and_then(|b| b.first_chunk().copied()).map(u16::from_be_bytes) else { return Guess::No };
    match number {
        0x0800 | 0x0806 | 0x86dd | 0x8100 | 0x88a8 | 0x9100 | 0x8847 | 0x8848 | 0x8863 | 0x8864 | 0x8892 | 0x88b8 | 0x88ba | 0x88cc | 0x88f7 => {
            Guess::Known
        }
        1501..0x600 => Guess::No,
        _ => Guess::Possible,
    }
}

fn is_v4(body: &[u8], whole: usize) -> bool {
    let Some(&[version, _, l0, l1]) = body.first_chunk::<4>() else { return true };
    let (header, total) = (usize::from(version & 0x0f) * 4, usize::from(u16::from_be_bytes([l0, l1])));
    header >= 20 && (total == 0 || (header..=whole).contains(&total))
}

fn is_v6(body: &[u8], whole: usize) -> bool {
    let Some(&[_, _, _, _, l0, l1]) = body.first_chunk::<6>() else { return true };
    usize::from(u16::from_be_bytes([l0, l1])) + 40 <= whole
}

#[cfg(test)]
mod tests {
    use observations::Mac;

    use super::super::samples::{INNER_SRC, SAID, SRC, decode, ethernet, inner_frame, inner_v4, mpls, packet, pppoe, tcp, vlan};
    use super::*;
    use crate::frame::{Frame, Net};
    use crate::packet::LinkType;
    use crate::tunnel::{DEPTH_MAX, Decoder};

    const E: LinkType = LinkType::ETHERNET;

    #[test]
    fn the_innermost_vlan_is_shown_and_a_priority_tag_is_none() {
        let ip = inner_v4(6, &tcp(SAID));
        for (tagged, id) in [
            (ethernet(0x0800, &ip), Frame::NO_VLAN),
            (ethernet(0x8100, &vlan(0, 0x0800, &ip)), Frame::NO_VLAN),
            (ethernet(0x88a8, &vlan(10, 0x8100, &vlan(20, 0x0800, &ip))), 20),
            (ethernet(0x9100, &vlan(10, 0x8100, &vlan(0, 0x0800, &ip))), 10),
            (ethernet(0x8100, &vlan(1, 0x8100, &vlan(2, 0x8100, &vlan(3, 0x0800, &ip)))), 3),
        ] {
            let frame = decode(E, &tagged);
            assert_eq!((frame.vlan, frame.payload(&tagged)), (id, SAID));
        }
    }

    #[test]
    fn a_tagged_frame_may_have_a_length() {
        let frame = decode(E, &ethernet(0x8100, &vlan(10, 3, &[0x42, 0x42, 0x03, 0, 0])));
        assert_eq!((frame.net, frame.vlan, frame.payload_len), (Net::Llc(0x4242), 10, 0));
    }

    #[test]
    fn tags_end_at_the_depth_that_a_pair_counts_once_in() {
        let stack = |tags| (0..tags).fold(ethernet(0x8100, &[]), |frame, _| [frame, vlan(5, 0x8100, &[])].concat());
        let mut decoder = Decoder::new();
        let deep = stack(2 * DEPTH_MAX + 1);
        let frame = decoder.decode(&packet(E, &deep));
        assert_eq!((frame.stop, frame.vlan, frame.has_macs), (Some(Stop::Depth), 5, true));
        assert_eq!(decoder.decode(&packet(E, &stack(2 * DEPTH_MAX))).stop, Some(Stop::Truncated));
        assert!(decoder.counters().any(|c| c == ("tunnels within each other", 1)));
    }

    #[test]
    fn a_prp_trailer_is_no_payload() {
        let goose = [0x00, 0x01, 0x00, 0x0a, 0, 0, 0, 0, 0x61, 0x00];
        for (ether_type, before) in [(0x88b8, vec![]), (0x8100, vlan(10, 0x88b8, &[]))] {
            let trailer = [
                0x00, 0x07, // sequence number
                0xa0, 16, // LAN A, size
                0x88, 0xfb, // suffix
            ];
            let data = ethernet(ether_type, &[&before[..], &goose, &trailer].concat());
            let frame = decode(E, &data);
            assert_eq!((frame.net, frame.payload(&data)), (Net::EtherType(0x88b8), &goose[..]));
        }
    }

    #[test]
    fn bytes_that_only_look_like_a_prp_trailer_stay() {
        for trailer in [[0, 7, 0xa0, 17, 0x88, 0xfb], [0, 7, 0xc0, 16, 0x88, 0xfb]] {
            let data = ethernet(0x88b8, &[&[0; 10][..], &trailer].concat());
            assert_eq!(decode(E, &data).payload_len, 16);
        }
    }

    #[test]
    fn hsr_is_a_tag_before_the_ether_type() {
        let data = ethernet(0x892f, &[0x10, 10, 0x00, 0x01, 0x88, 0xb8, 1, 2, 3]);
        let frame = decode(E, &data);
        assert_eq!((frame.net, frame.payload(&data), frame.src_mac), (Net::EtherType(0x88b8), &[1, 2, 3][..], Mac(SRC)));
    }

    #[test]
    fn macsec_is_encrypted() {
        let frame = decode(E, &ethernet(0x88e5, &[0x0c, 0, 0, 0, 0, 1]));
        assert_eq!((frame.stop, frame.net, frame.has_macs), (Some(Stop::Encrypted), Net::EtherType(0x88e5), true));
    }

    #[test]
    fn a_pppoe_session_that_negotiates_is_an_ethernet_payload() {
        let data = ethernet(0x8864, &[&pppoe(&[0xc0, 0x21], &[1, 1, 0, 4])[..], &[0; 30]].concat());
        let frame = decode(E, &data);
        assert_eq!((frame.net, frame.stop, frame.payload_offset, frame.payload_len), (Net::EtherType(0x8864), None, 14, 12));
    }

    #[test]
    fn pppoe_keeps_the_macs_of_its_ends() {
        let frame = decode(E, &ethernet(0x8864, &pppoe(&[0x21], &inner_v4(6, &tcp(SAID)))));
        assert_eq!((frame.src_mac, frame.dst_port), (Mac(SRC), 502));
    }

    #[test]
    fn a_pseudowire_shows_the_macs_inside() {
        for word in [&[][..], &[0, 0, 0, 1]] {
            let data = ethernet(0x8847, &mpls(&[word, &inner_frame()].concat()));
            let frame = decode(E, &data);
            assert_eq!((frame.src_mac, frame.payload(&data)), (Mac(INNER_SRC), SAID));
        }
    }

    #[test]
    fn a_pseudowire_to_an_address_that_looks_like_ip_is_still_ethernet() {
        let mut inner = inner_frame();
        inner[0] = 0x44;
        let data = ethernet(0x8848, &mpls(&inner));
        assert_eq!(decode(E, &data).payload(&data), SAID);
    }

    #[test]
    fn an_endless_label_stack_is_malformed_and_counted() {
        let mut decoder = Decoder::new();
        let frame = decoder.decode(&packet(E, &ethernet(0x8847, &[0; 4 * LABELS_MAX])));
        assert_eq!((frame.stop, frame.net), (Some(Stop::Malformed), Net::EtherType(0x8847)));
        assert!(decoder.counters().any(|c| c == ("MPLS labels", 1)));
    }

    #[test]
    fn an_associated_channel_below_labels_is_a_payload() {
        let frame = decode(E, &ethernet(0x8847, &mpls(&[0x10; 40])));
        assert_eq!((frame.net, frame.stop, frame.payload_offset), (Net::EtherType(0x8847), None, 14));
    }
}
