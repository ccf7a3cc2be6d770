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
