//! Counting packets of a conversation: copies left out, roles learnt.

use super::{DUPLICATE_NS_MAX, Item};
use crate::dissector::Side;
use crate::flow::{Client, Flow, Mode};
use crate::frame::Frame;
use observations::Stamp;

/// What a packet showed that its conversation had not shown.
pub(super) struct News {
    pub(super) duplicate: bool,
    pub(super) place: bool,
    pub(super) counting: bool,
}

impl Flow {
    /// Counts a packet; a copy that the mirror delivered twice is not counted.
    pub(super) fn count(&mut self, direction: usize, item: &Item<'_>, stamp: Stamp) -> News {
        let frame = item.frame;
        self.handshake(direction, frame.tcp_flags);
        let (counting, is_ip) = (self.mode == Mode::Counting, self.key.is_ip());
        let Some(end) = self.ends.get_mut(direction) else { return News { duplicate: false, place: false, counting } };
        let place = end.packets == 0 || end.mac != frame.src_mac || end.vlan != frame.vlan || end.ttl != frame.ttl;
        end.mac = frame.src_mac;
        end.vlan = frame.vlan;
        end.ttl = frame.ttl;
        let print = fingerprint(frame);
        let duplicate = is_ip && print != 0 && print == end.print && (0..=DUPLICATE_NS_MAX).contains(&(stamp.time - end.last.time));
        end.print = print;
        if end.packets == 0 || stamp < end.last {
            self.first = self.first.min(stamp);
        }
        if !duplicate {
            end.last = end.last.max(stamp);
            end.packets += 1;
            end.bytes += u64::from(item.packet.wire_len);
            end.payload += u64::from(frame.payload_len);
        }
        News { duplicate, place, counting }
    }

    /// SYN and SYN+ACK say who asked.
    const fn handshake(&mut self, direction: usize, flags: u8) {
        if self.key.protocol == 6 && flags & 2 != 0 {
            let answers = flags & 16 != 0;
            self.client = Client::Known(if (direction == 1) == answers { 0 } else { 1 });
        }
    }

    /// Who asks: by handshake, else by the protocol's structure, else by the bound port.
    pub(super) fn learn_client(&mut self, direction: usize, side: Side, bound: u8) {
        let (this, other) = (u8::from(direction == 1), u8::from(direction == 0));
        self.client = match (self.client, side, bound) {
            (Client::Known(client), ..) => Client::Known(client),
            (_, Side::Client, _) => Client::Known(this),
            (_, Side::Server, _) => Client::Known(other),
            // Bound to the receiver's port only: the sender asks; to the sender's only: it answers.
            (_, Side::Unknown, 1) => Client::Guessed(this),
            (_, Side::Unknown, 2) => Client::Guessed(other),
            (client, Side::Unknown, _) => client,
        };
    }
}

/// What tells a packet from the others of its conversation; 0 if nothing does reliably.
fn fingerprint(frame: &Frame) -> u32 {
    // A copy has the same identification and transport checksum. Senders that leave the identification 0 (RFC 6864) are told apart by
    // the sequence number, and only with payload: repeated acknowledgements are no copies.
    if frame.ip_id != 0 {
        return u32::from(frame.ip_id) << 16 | u32::from(frame.checksum) | 1;
    }
    if frame.payload_len == 0 || frame.protocol != 6 {
        return 0;
    }
    frame.tcp_seq ^ u32::from(frame.checksum).rotate_left(16) ^ frame.payload_len | 1
}
