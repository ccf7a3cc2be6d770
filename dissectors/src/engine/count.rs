//! Counting packets of a conversation: copies left out, roles learnt.

use super::Item;
use crate::dissector::Side;
use crate::flow::{Client, Flow, Mode};
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
        let (counting, is_ip, before) = (self.mode == Mode::Counting, self.key.is_ip(), self.last().time);
        let (Some(end), Some(ttl)) = (self.ends.get_mut(direction), self.ttls.get_mut(direction)) else {
            return News { duplicate: false, place: false, counting };
        };
        let first = end.packets == 0;
        let place = first || end.mac != frame.src_mac || end.vlan != frame.vlan || *ttl != frame.ttl;
        end.mac = frame.src_mac;
        end.vlan = frame.vlan;
        *ttl = frame.ttl;
        let duplicate = is_ip && self.last_packets.is_copy(frame, direction, stamp.time, before, place && !first);
        if first || stamp < end.last {
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

    /// SYN and SYN+ACK say who asked; FIN and RST, that it is over.
    const fn handshake(&mut self, direction: usize, flags: u8) {
        const FIN: u8 = 1;
        const RST: u8 = 4;
        if self.key.protocol != 6 {
            return;
        }
        if flags & (FIN | RST) != 0 {
            let [low, high] = Self::FINISHED;
            let both = flags & RST != 0;
            self.marks |= Self::CLOSED | if both || direction == 0 { low } else { 0 } | if both || direction == 1 { high } else { 0 };
        }
        if flags & 2 != 0 {
            self.marks |= Self::OPENED;
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
