//! The decoder: takes packets apart down to the innermost conversation, through tags, tunnels and fragments.

use crate::decap::{Layer, Limit, State, Walk, common};
pub use crate::fragment::{Detached, Piece};
use crate::fragment::{Fragment, Fragments, Origin, Outcome};
use crate::frame::{Frame, Net, Stop};
use crate::limits::Limits;
use crate::packet::Packet;

/// Tunnels within each other, a pair of VLAN tags counting as one. The deepest in use is about five (VLAN, ERSPAN, VLAN, VXLAN, VLAN); what is deeper only costs us time, which is
/// what its sender may want.
pub const DEPTH_MAX: usize = 8;

/// Takes packets apart. One for each source, as fragments of one datagram must meet.
#[derive(Debug, Default)]
pub struct Decoder {
    fragments: Fragments,
    /// Whole datagrams that frames refer to, until the next release.
    lent: Vec<Detached>,
    lent_bytes: usize,
    too_deep: u64,
    extensions: u64,
    labels: u64,
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, holding no more fragments than these limits allow.
    #[must_use]
    pub fn limited(limits: &Limits) -> Self {
        Self { fragments: Fragments::new(limits), ..Self::default() }
    }

    /// Fragmented datagrams that wait for the rest, and their bytes.
    #[must_use]
    pub fn used(&self) -> [u64; 2] {
        self.fragments.used()
    }

    /// Takes a packet apart.
    #[must_use]
    #[inline]
    pub fn decode(&mut self, packet: &Packet<'_>) -> Frame {
        let mut frame = Frame::EMPTY;
        self.decode_into(packet, &mut frame);
        frame
    }

    /// Takes a packet apart into a frame that lies in a batch already: saves a copy.
    #[inline]
    pub fn decode_into(&mut self, packet: &Packet<'_>, frame: &mut Frame) {
        *frame = Frame::EMPTY;
        if common(packet, frame).is_none() {
            self.decode_general(packet, frame);
        }
    }

    /// The bytes of the datagram that fragments gave, if the frame lies in one; until the next [`Decoder::release`].
    #[must_use]
    pub fn detached(&self, frame: &Frame) -> Option<&Detached> {
        self.lent.get(usize::try_from(frame.detached.checked_sub(1)?).ok()?)
    }

    /// Lets go of all reassembled datagrams: to be called once the frames decoded so far are done with. Until then they count as held, so that a caller who forgets it loses
    /// fragments and no memory.
    pub fn release(&mut self) {
        self.lent.clear();
        self.lent_bytes = 0;
    }

    /// How often each limit was hit or rule broken, by name. Of them only [`crate::fragment::DATAGRAMS_HELD`] and [`crate::fragment::BYTES_HELD`] are global caps: all others depend
    /// on the packet or datagram alone.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let own = [("tunnels within each other", self.too_deep), ("IPv6 extension headers", self.extensions), ("MPLS labels", self.labels)];
        own.into_iter().chain(self.fragments.counters())
    }

    /// The general walk, again for each datagram that is reassembled on the way.
    #[inline(never)]
    fn decode_general(&mut self, packet: &Packet<'_>, frame: &mut Frame) {
        *frame = Frame::EMPTY;
        let mut walk = Walk::new(packet, DEPTH_MAX, frame);
        let (mut state, fragment) = walk.run(Layer::Link(packet.link));
        if let Some(fragment) = fragment.copied() {
            state = self.reassemble(packet, fragment, state, frame);
        }
        match state.limit_hit {
            Some(Limit::Depth) => self.too_deep += 1,
            Some(Limit::Extensions) => self.extensions += 1,
            Some(Limit::Labels) => self.labels += 1,
            None => {}
        }
    }

    /// Goes on in the datagram that this fragment completes, and in those whose fragments lie in there.
    #[cold]
    fn reassemble(&mut self, packet: &Packet<'_>, first: Fragment<'_>, mut state: State, frame: &mut Frame) -> State {
        let mut whole: Option<Detached> = None;
        let mut fragment = Some(first);
        while let Some(piece) = fragment.take() {
            let origin = whole.as_ref().map_or(Origin::Packet(packet.id), Origin::Detached);
            match self.fragments.add(&piece, origin, packet.time, self.lent_bytes) {
                Outcome::Held => frame.stop = Some(Stop::FragmentHeld),
                Outcome::Dropped => frame.stop = Some(Stop::FragmentDropped),
                Outcome::Whole(datagram, header, protocol) => {
                    frame.ttl = first_ttl(frame, &datagram);
                    whole = Some(datagram);
                    let bytes = whole.as_ref().map_or(&[][..], |datagram| &datagram.bytes);
                    let mut walk = Walk::resume(state, bytes, header, frame);
                    let (later, inner) = walk.run(Layer::IpProtocol(protocol));
                    (state, fragment) = (later, inner.copied());
                }
            }
        }
        if let Some(datagram) = whole {
            self.lent_bytes += datagram.bytes.len();
            self.lent.push(datagram);
            frame.detached = u32::try_from(self.lent.len()).unwrap_or(0);
        }
        state
    }
}

/// The TTL that stands in the header that the reassembled datagram shows, whichever fragment came last.
fn first_ttl(frame: &Frame, datagram: &Detached) -> u8 {
    let at = if frame.net == Net::V6 { 7 } else { 8 };
    datagram.bytes.get(at).copied().unwrap_or(frame.ttl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decap::samples::{SAID, ethernet, gre, inner_frame, udp, v4, v4_at, v6, vxlan};
    use crate::fragment::{BYTES_HELD, DATAGRAMS_HELD};
    use crate::packet::LinkType;

    const SECOND: i64 = 1_000_000_000;

    fn decode(decoder: &mut Decoder, id: u64, time: i64, data: &[u8]) -> Frame {
        decoder.decode(&Packet { data, wire_len: u32::try_from(data.len()).unwrap(), link: LinkType::ETHERNET, time, id })
    }

    fn count(decoder: &Decoder, name: &str) -> u64 {
        decoder.counters().find(|c| c.0 == name).unwrap().1
    }

    /// IPv4 fragments of `size` bytes each, of the payload of `protocol`.
    fn pieces_v4(protocol: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
        let last = payload.len().div_ceil(size) - 1;
        let place = |i: usize| u16::try_from(i * size / 8).unwrap() | if i < last { 0x2000 } else { 0 };
        payload.chunks(size).enumerate().map(|(i, bytes)| ethernet(0x0800, &v4_at([10, 0, 0], protocol, place(i), bytes))).collect()
    }

    /// IPv6 fragments of `size` bytes each, of a UDP datagram.
    fn pieces_v6(payload: &[u8], size: usize) -> Vec<Vec<u8>> {
        let last = payload.len().div_ceil(size) - 1;
        let fragment = |(i, bytes): (usize, &[u8])| {
            let header = [
                &[17, 0][..], // next header, reserved
                &(u16::try_from(i * size).unwrap() | u16::from(i < last)).to_be_bytes(),
                &[0, 1, 0, 7], // identification
            ];
            ethernet(0x86dd, &v6(44, &[&header.concat()[..], bytes].concat()))
        };
        payload.chunks(size).enumerate().map(fragment).collect()
    }

    fn said() -> Vec<u8> {
        (0..200_u8).collect()
    }

    #[test]
    fn fragments_give_the_datagram_in_any_order() {
        for frames in [pieces_v4(17, &udp(5000, &said()), 64), pieces_v6(&udp(5000, &said()), 64)] {
            for turn in 0..frames.len() {
                let mut decoder = Decoder::new();
                let order: Vec<usize> = (0..frames.len()).map(|i| (i + turn) % frames.len()).collect();
                let (last, others) = order.split_last().unwrap();
                for &i in others {
                    let frame = decode(&mut decoder, 1, 0, &frames[i]);
                    assert_eq!((frame.stop, frame.is_ip(), frame.dst_port, frame.protocol), (Some(Stop::FragmentHeld), true, 0, 17));
                }
                let frame = decode(&mut decoder, 1, 0, &frames[*last]);
                let datagram = decoder.detached(&frame).unwrap();
                assert_eq!((frame.stop, frame.dst_port, frame.net_offset, frame.has_macs), (None, 5000, 0, true));
                assert_eq!(frame.payload(&datagram.bytes), said());
                decoder.release();
                assert!(decoder.detached(&frame).is_none());
            }
        }
    }

    #[test]
    fn every_reassembled_byte_can_be_cut_out_of_its_packet() {
        let frames = pieces_v4(17, &udp(5000, &said()), 64);
        let mut decoder = Decoder::new();
        let last = (0_u64..).zip(&frames).map(|(id, data)| decode(&mut decoder, id, 0, data)).last().unwrap();
        let datagram = decoder.detached(&last).unwrap();
        let cut: Vec<u8> = datagram.trace(last.payload_offset, last.payload_len).flat_map(|p| cut_out(&frames, &p)).collect();
        assert_eq!(cut, said());
        let all: Vec<u8> = datagram.pieces.iter().flat_map(|p| cut_out(&frames, p)).collect();
        assert_eq!(all, datagram.bytes);
    }

    fn cut_out(frames: &[Vec<u8>], piece: &Piece) -> Vec<u8> {
        let [packet, offset, length] = [piece.packet_id, piece.frame_offset.into(), piece.length.into()].map(|n| usize::try_from(n).unwrap());
        frames[packet][offset..offset + length].to_vec()
    }

    #[test]
    fn a_tunnel_in_fragments_is_opened_and_fragments_in_it_are_traced_too() {
        // Inner fragments in VXLAN, each of which is fragmented again.
        let mut frames = Vec::new();
        for inner in pieces_v4(17, &udp(5000, &said()), 128) {
            frames.extend(pieces_v4(17, &udp(4789, &vxlan(7, &inner)), 64));
        }
        let mut decoder = Decoder::new();
        let seen: Vec<Frame> = (0_u64..).zip(&frames).map(|(id, data)| decode(&mut decoder, id, 0, data)).collect();
        let last = seen.last().unwrap();
        let datagram = decoder.detached(last).unwrap();
        assert_eq!((last.stop, last.vni, last.dst_port, last.payload(&datagram.bytes)), (None, 7, 5000, &said()[..]));
        let cut: Vec<u8> = datagram.trace(last.payload_offset, last.payload_len).flat_map(|p| cut_out(&frames, &p)).collect();
        assert_eq!(cut, said());
    }

    #[test]
    fn a_frame_inside_fragments_of_gre_is_read_where_it_was_reassembled() {
        let frames = pieces_v4(47, &gre(0, 0x6558, &[], &inner_frame()), 24);
        let mut decoder = Decoder::new();
        let last = frames.iter().map(|data| decode(&mut decoder, 1, 0, data)).last().unwrap();
        assert_eq!(last.payload(&decoder.detached(&last).unwrap().bytes), SAID);
        assert_eq!((last.net_offset, last.src_ip().unwrap().to_string()), (20 + 4 + 14, "192.168.7.1".into()));
    }

    #[test]
    fn the_first_bytes_win_and_an_overlap_is_counted() {
        let datagram = udp(5000, &said());
        let mut frames = pieces_v4(17, &datagram, 64);
        let mut other = frames[1].clone();
        other[34..].fill(0xee);
        frames.insert(2, frames[1].clone());
        frames.insert(3, other);
        let mut decoder = Decoder::new();
        let last = frames.iter().map(|data| decode(&mut decoder, 1, 0, data)).last().unwrap();
        assert_eq!(last.payload(&decoder.detached(&last).unwrap().bytes), said());
        assert_eq!(count(&decoder, "fragments overlap"), 1);
    }

    #[test]
    fn fragments_more_than_thirty_seconds_apart_do_not_meet() {
        let frames = pieces_v4(17, &udp(5000, &said()), 112);
        for (gap, stop) in [(30 * SECOND, None), (-30 * SECOND, None), (30 * SECOND + 1, Some(Stop::FragmentHeld))] {
            let mut decoder = Decoder::new();
            decode(&mut decoder, 1, 0, &frames[0]);
            assert_eq!(decode(&mut decoder, 2, gap, &frames[1]).stop, stop);
            assert_eq!(count(&decoder, "fragments too far apart in time"), u64::from(stop.is_some()));
        }
    }

    #[test]
    fn other_datagrams_between_change_nothing() {
        let frames = pieces_v4(17, &udp(5000, &said()), 112);
        let mut decoder = Decoder::new();
        decode(&mut decoder, 1, 0, &frames[0]);
        for id in 0..4000_u16 {
            let mut other = frames[0].clone();
            other[18..20].copy_from_slice(&id.to_be_bytes());
            // Far in the future, as one broken clock may have it.
            decode(&mut decoder, 2, 1000 * SECOND, &other);
        }
        assert_eq!(decode(&mut decoder, 3, SECOND, &frames[1]).stop, None);
    }

    #[test]
    fn a_global_cap_lets_go_of_the_oldest_and_is_counted() {
        let frames = pieces_v4(17, &udp(5000, &said()), 112);
        let mut decoder = Decoder::new();
        for id in 0..5000_u16 {
            let mut first = frames[0].clone();
            first[18..20].copy_from_slice(&id.to_be_bytes());
            decode(&mut decoder, 1, 0, &first);
        }
        assert_eq!(count(&decoder, DATAGRAMS_HELD), 5000 - 4096);
        let mut last = frames[1].clone();
        last[18..20].copy_from_slice(&4999_u16.to_be_bytes());
        assert_eq!(decode(&mut decoder, 2, 0, &last).stop, None);
        last[18..20].copy_from_slice(&0_u16.to_be_bytes());
        assert_eq!(decode(&mut decoder, 3, 0, &last).stop, Some(Stop::FragmentHeld));
    }

    #[test]
    fn a_caller_who_never_releases_loses_fragments_and_no_memory() {
        let frames = pieces_v4(17, &udp(5000, &[7; 60_000]), 4096);
        let mut decoder = Decoder::new();
        let stops: Vec<_> = (0..300).map(|_| frames.iter().map(|data| decode(&mut decoder, 1, 0, data)).last().unwrap().stop).collect();
        assert_eq!((stops[0], stops[299].is_some()), (None, true));
        assert!(count(&decoder, BYTES_HELD) > 0 && decoder.lent_bytes <= 16 << 20);
        decoder.release();
        let later: Vec<_> = frames.iter().map(|data| decode(&mut decoder, 1, 60 * SECOND, data)).collect();
        assert_eq!(later.last().unwrap().stop, None);
    }

    #[test]
    fn fragments_that_break_a_rule_are_dropped_and_counted() {
        let place = |place: u16, length: usize| ethernet(0x0800, &v4_at([10, 0, 0], 17, place, &vec![0; length]));
        let mut decoder = Decoder::new();
        assert_eq!(decode(&mut decoder, 1, 0, &place(0x1fff, 16)).stop, Some(Stop::FragmentDropped));
        assert_eq!(count(&decoder, "fragment beyond 65,535 bytes"), 1);
        decode(&mut decoder, 1, 0, &place(2, 8));
        assert_eq!(decode(&mut decoder, 1, 0, &place(0x2004, 8)).stop, Some(Stop::FragmentDropped));
        assert_eq!(count(&decoder, "fragments contradict each other"), 1);
        for i in 0..128 {
            decode(&mut decoder, 1, 0, &place(0x2000 | (2 * i), 8));
        }
        assert_eq!(decode(&mut decoder, 1, 0, &place(0x2000 | 300, 8)).stop, Some(Stop::FragmentDropped));
        assert_eq!(count(&decoder, "fragments of one datagram"), 1);
        // Not a multiple of eight, nothing in it.
        assert_eq!(decode(&mut decoder, 1, 0, &place(0x2000, 9)).stop, Some(Stop::Malformed));
        assert_eq!(decode(&mut decoder, 1, 0, &place(1, 0)).stop, Some(Stop::Malformed));
    }

    #[test]
    fn a_fragment_that_the_capture_cut_is_not_held() {
        let data = ethernet(0x0800, &v4(17, &udp(5000, &said())));
        let mut fragment = data.clone();
        fragment[20] = 0x20;
        let frame = decode(&mut Decoder::new(), 1, 0, &fragment[..100]);
        assert_eq!((frame.stop, frame.is_ip()), (Some(Stop::Truncated), true));
    }

    #[test]
    fn mutated_fragments_never_panic_and_stay_within_the_limits() {
        let mut frames = pieces_v6(&udp(5000, &said()), 64);
        frames.extend(pieces_v4(17, &udp(4789, &vxlan(7, &inner_frame())), 24));
        let (mut decoder, mut seed) = (Decoder::new(), 1_u64);
        for i in 0..200_000_usize {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let mut data = frames[i % frames.len()].clone();
            let at = 14 + usize::try_from(seed >> 40).unwrap() % 26;
            data[at] = u8::try_from(seed >> 33 & 0x3f).unwrap();
            let frame = decode(&mut decoder, 1, 0, &data);
            assert_eq!(decoder.detached(&frame).is_some(), frame.detached != 0);
            if i % 64 == 0 {
                decoder.release();
            }
        }
    }
}
