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
