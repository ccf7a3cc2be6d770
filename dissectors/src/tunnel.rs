//! The decoder: takes packets apart down to the innermost conversation, through tags, tunnels and fragments.

use crate::decap::{Layer, Limit, State, Walk, common};
pub use crate::fragment::{Detached, Piece};
use crate::fragment::{Fragment, Fragments, Origin, Outcome};
use crate::frame::{Frame, Net, Stop};
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
