//! Where an engine has seen its hosts, so that a conversation that shows nothing new of a place says nothing again.
//!
//! A seat is one MAC, VLAN, IP address and TTL together. What was said of it stands in the ledger; until the seat is left only the time
//! of its last packet is kept here.

use crate::blocks::Blocks;
use crate::flow::{End, Flow};
use crate::frame::Frame;
use crate::index::Index;
use foldhash::fast::RandomState;
use observations::{Mac, Stamp};
use std::hash::{BuildHasher, Hash, Hasher};

/// Seats that are remembered at a time, each some 90 bytes: two each of 250,000 hosts. Beyond it all are left, and hosts
/// that are still there are said again, which costs time and nothing else.
pub(crate) const SEATS_MAX: usize = 1 << 19;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seat {
    pub(crate) ip: [u8; 16],
    pub(crate) mac: Mac,
    pub(crate) vlan: u16,
    pub(crate) segment: u16,
    /// 4, 6, or 0 without an IP address.
    pub(crate) family: u8,
    pub(crate) ttl: u8,
}

impl Hash for Seat {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f] = self.mac.0;
        state.write_u128(u128::from_ne_bytes(self.ip));
        state.write_u64(u64::from_ne_bytes([a, b, c, d, e, f, self.family, self.ttl]));
        state.write_u32(u32::from(self.vlan) << 16 | u32::from(self.segment));
    }
}

impl Seat {
    /// A frame's sender.
    pub(crate) fn of_frame(frame: &Frame, segment: u16) -> Self {
        use crate::frame::Net;
        let family = match frame.net {
            Net::V4 => 4,
            Net::V6 => 6,
            _ => 0,
        };
        let ip = if family == 0 { [0; 16] } else { frame.src };
        Self { ip, mac: frame.src_mac, vlan: frame.vlan, segment, family, ttl: if family == 0 { 0 } else { frame.ttl } }
    }

    /// Where an end of a conversation was seen last.
    pub(crate) const fn of_end(flow: &Flow, direction: usize, end: &End) -> Self {
        let is_ip = flow.key.is_ip();
        let [low, high] = flow.ttls;
        let (ip, ttl) = if direction == 0 { (flow.key.low, low) } else { (flow.key.high, high) };
        let (ip, family, ttl) = if is_ip { (ip, flow.key.family, ttl) } else { ([0; 16], 0, 0) };
        Self { ip, mac: end.mac, vlan: end.vlan, segment: flow.key.segment, family, ttl }
    }
}

/// Hashes of the keys of what was said of a seat: of its MAC address and of its IP address. None is 0, which is no observation's but by
/// a chance that does no harm.
pub(crate) type Told = [u64; 2];

/// A seat with the first and last packet that were told from it.
#[derive(Clone, Copy)]
struct Taken {
    seat: Seat,
    first: Stamp,
    last: Stamp,
    told: Told,
    /// The ledger does not know of `last` yet.
    dirty: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Seats {
    hasher: RandomState,
    seats: Blocks<Taken>,
    index: Index,
}

impl Seats {
    /// Whether the seat is known, with nothing to tell but that it was seen again. A packet from before the first is not: its evidence
    /// comes first.
    pub(crate) fn seen(&mut self, seat: &Seat, stamp: Stamp) -> bool {
        let hash = self.hasher.hash_one(seat);
        match self.find(hash, seat).and_then(|at| self.seats.get_mut(at)) {
            Some(taken) if stamp >= taken.first => {
                if stamp > taken.last {
                    taken.last = stamp;
                    taken.dirty = true;
                }
                true
            }
            _ => false,
        }
    }

    /// Remembers a seat that was just said.
    pub(crate) fn take(&mut self, seat: Seat, stamp: Stamp, told: Told) {
        let hash = self.hasher.hash_one(seat);
        match self.find(hash, &seat).and_then(|at| self.seats.get_mut(at)) {
            Some(taken) => taken.first = taken.first.min(stamp),
            None => self.index.insert(hash, self.seats.push(Taken { seat, first: stamp, last: stamp, told, dirty: false })),
        }
    }

    /// Where a seat probably stands, without looking there.
    pub(crate) fn guess(&self, seat: &Seat) -> Option<u32> {
        self.index.find(self.hasher.hash_one(seat), |_| true)
    }

    /// Reads something of a seat, so that it is on its way; what it gives means nothing.
    pub(crate) fn touch(&self, at: u32) -> u64 {
        self.seats.get(at).map_or(0, |taken| u64::from(taken.seat.vlan) ^ taken.last.packet)
    }

    fn find(&self, hash: u64, seat: &Seat) -> Option<u32> {
        self.index.find(hash, |at| self.seats.get(at).is_some_and(|taken| taken.seat == *seat))
    }

    /// Whether all must be left before another finds room.
    pub(crate) fn is_full(&self) -> bool {
        self.seats.len() >= SEATS_MAX
    }

    /// When those seats were seen last of which the ledger does not know it, and what was said of them.
    pub(crate) fn changed(&mut self) -> impl Iterator<Item = (Stamp, Told)> {
        self.seats.iter_mut().filter_map(|taken| std::mem::take(&mut taken.dirty).then_some((taken.last, taken.told)))
    }

    /// Forgets all.
    pub(crate) fn leave(&mut self) {
        (self.seats, self.index) = (Blocks::default(), Index::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(number: u8) -> Seat {
        Seat { ip: [number; 16], mac: Mac([2, 0, 0, 0, 0, number]), vlan: 1, segment: 0, family: 4, ttl: 64 }
    }

    const fn at(time: i64) -> Stamp {
        Stamp { time, packet: 1 }
    }

    #[test]
    fn a_seat_is_said_once_and_its_last_packet_told_when_asked() {
        let mut seats = Seats::default();
        assert!(!seats.seen(&seat(1), at(5)));
        seats.take(seat(1), at(5), [7, 8]);
        assert!(seats.seen(&seat(1), at(9)));
        assert!(seats.seen(&seat(1), at(7)));
        assert_eq!(seats.changed().collect::<Vec<_>>(), [(at(9), [7, 8])]);
        assert_eq!(seats.changed().count(), 0);
    }

    #[test]
    fn a_packet_from_before_the_first_is_said_anew() {
        let mut seats = Seats::default();
        seats.take(seat(1), at(5), [7, 8]);
        assert!(!seats.seen(&seat(1), at(4)));
        seats.take(seat(1), at(4), [7, 8]);
        assert!(seats.seen(&seat(1), at(4)));
    }

    #[test]
    fn a_full_table_is_left_and_nothing_of_it_lost() {
        let mut seats = Seats::default();
        for number in 0..SEATS_MAX {
            let [a, b, c, ..] = u32::try_from(number).unwrap().to_le_bytes();
            let seat = Seat { mac: Mac([2, 0, 0, a, b, c]), ..seat(0) };
            assert!(!seats.is_full());
            seats.take(seat, at(1), [7, 8]);
            assert!(seats.seen(&seat, at(2)));
        }
        assert!(seats.is_full());
        assert_eq!(seats.changed().count(), SEATS_MAX);
        seats.leave();
        assert!(!seats.is_full() && !seats.seen(&seat(1), at(3)));
    }
}
