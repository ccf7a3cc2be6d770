//! Whether a port really gets a mirror: judged from the frames alone that come in some seconds, before anybody trusts an inventory.

use super::mirror::Mirror;
use super::text::grouped;
use dissectors::frame::{Frame, Net};
use dissectors::packet::{LinkType, Packet};
use dissectors::tunnel::Decoder;
use serde::Serialize;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher};

/// Frames of which copies are looked for: more than a switch has under way at a time.
const COPIES: usize = 4096;

/// A copy follows within this, nanoseconds: the buffers of a switch, not a network's round trip.
const COPY_NS: i64 = 50_000_000;

/// Bytes of an Ethernet frame without tags that carries 1500 bytes (IEEE 802.3 §3.2.7), its check sequence left out.
const FRAME_MAX: u32 = 1514;

/// The longest jumbo frame that switches forward: 9216 bytes and headers. What is longer never was on a wire.
const JUMBO_MAX: u32 = 9216 + 14 + 8;

/// What a header and two tags add to an MTU.
const HEADERS: u32 = 14 + 8;

/// Frames for others, in parts of a thousand, below which a port is no mirror: a switch floods the few whose port it has forgotten.
const FLOODED_PERMILLE: u64 = 10;

/// TCP conversations without which nothing is said of directions, and parts of a thousand of them that are answered below which the
/// mirror shows one direction: some always began before.
const CONVERSATIONS_LEAST: u64 = 3;
const ANSWERED_PERMILLE: u64 = 500;

/// Copies, in parts of a thousand of all frames, beyond which the mirror delivers frames twice.
const COPIES_PERMILLE: u64 = 50;

/// Data lost before us, in parts of a thousand, that is worth a word.
const LOST_PERMILLE: u64 = 1;

/// What is known of the port itself.
#[derive(Clone, Copy, Default, Debug)]
pub struct Port {
    /// Its MAC address.
    pub mac: Option<[u8; 6]>,
    /// The longest packet that it takes, bytes without the Ethernet header.
    pub mtu: Option<u32>,
}

/// Looks at frames. Its memory does not depend on them.
pub struct Probe {
    port: Port,
    decoder: Decoder,
    mirror: Mirror,
    copies: Vec<(u64, i64)>,
    hasher: foldhash::fast::FixedState,
    vlans: BTreeSet<u16>,
    found: Found,
}

/// What was found, for programs.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Found {
    /// Frames.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Frames from or to this port itself.
    pub own: u64,
    /// Frames from one host to another one.
    pub others: u64,
    /// Frames to everybody.
    pub broadcast: u64,
    /// Frames to a group.
    pub multicast: u64,
    /// VLANs of tagged frames.
    pub vlans: Vec<u16>,
    /// Frames with a tag.
    pub tagged: u64,
    /// Frames that came twice.
    pub duplicates: u64,
    /// Frames longer than the port takes: its driver glued them together.
    pub glued: u64,
    /// Frames above 1514 bytes and tags, which may be real.
    pub jumbo: u64,
    /// The longest frame.
    pub longest: u32,
    /// TCP conversations between others in which something was acknowledged.
    pub tcp_conversations: u64,
    /// Those of which both directions were seen.
    pub tcp_answered: u64,
    /// UDP conversations between two hosts.
    pub udp_conversations: u64,
    /// Those of which both directions were seen.
    pub udp_answered: u64,
    /// TCP data seen where both directions were.
    pub tcp_seen_bytes: u64,
    /// TCP data that was acknowledged and never seen: lost before it reached this port.
    pub tcp_unseen_bytes: u64,
    /// Frames that the kernel dropped, where it says so.
    pub dropped: Option<u64>,
}

/// What a port is.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing came.
    Nothing,
    /// What any host's port gets.
    HostPort,
    /// A mirror that shows one direction.
    OneWay,
    /// A mirror, as far as can be told.
    Mirror,
}

impl Probe {
    /// A probe of this port; nothing need be known of it.
    #[must_use]
    pub fn new(port: Port) -> Self {
        Self {
            port,
            decoder: Decoder::new(),
            mirror: Mirror::default(),
            copies: vec![(0, i64::MIN); COPIES],
            // Who makes two frames agree spoils a figure of a minute.
            hasher: foldhash::fast::FixedState::default(),
            vlans: BTreeSet::new(),
            found: Found::default(),
        }
    }

    /// Looks at a frame.
    pub fn see(&mut self, packet: &Packet<'_>) {
        let frame = self.decoder.decode(packet);
        self.decoder.release();
        self.found.packets += 1;
        self.found.bytes += u64::from(packet.wire_len);
        self.length(packet, &frame);
        if frame.vlan != Frame::NO_VLAN {
            self.found.tagged += 1;
            self.vlans.insert(frame.vlan);
        }
        let own = self.address(packet);
        if self.is_copy(packet, &frame) {
            self.found.duplicates += 1;
        } else if !own {
            self.mirror.see(&frame, packet.time);
        }
    }

    /// Counts whom the frame is for; whether it is this port's own.
    fn address(&mut self, packet: &Packet<'_>) -> bool {
        let macs = (packet.data.first_chunk::<6>(), packet.data.get(6..).and_then(<[u8]>::first_chunk::<6>));
        let (LinkType::ETHERNET, (Some(to), Some(from))) = (packet.link, macs) else {
            self.found.others += 1;
            return false;
        };
        let own = self.port.mac.is_some_and(|mac| mac == *to || mac == *from);
        match to {
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => self.found.broadcast += 1,
            [first, ..] if first & 1 == 1 => self.found.multicast += 1,
            _ if own => self.found.own += 1,
            _ => self.found.others += 1,
        }
        own
    }

    /// Frames that are longer than a wire carries.
    fn length(&mut self, packet: &Packet<'_>, frame: &Frame) {
        let long = packet.wire_len;
        self.found.longest = self.found.longest.max(long);
        let most = self.port.mtu.map_or(JUMBO_MAX, |mtu| mtu.saturating_add(HEADERS));
        // A port that takes 64 KiB, as the loopback does, says nothing.
        let tags = if frame.vlan == Frame::NO_VLAN { 0 } else { 8 };
        self.found.glued += u64::from(long > most);
        self.found.jumbo += u64::from(long <= most && long > FRAME_MAX + tags);
    }

    /// Whether the same came a moment ago. Only packets that tell themselves apart are asked: the others may be said again.
    fn is_copy(&mut self, packet: &Packet<'_>, frame: &Frame) -> bool {
        let told = match frame.net {
            Net::V4 => frame.ip_id != 0 || frame.protocol == 6 && frame.payload_len > 0,
            Net::V6 => frame.protocol == 6 && frame.payload_len > 0,
            _ => false,
        };
        let bytes = packet.data.get(frame.net_offset as usize..).unwrap_or_default();
        if !told || frame.stop.is_some() || frame.detached != 0 || bytes.is_empty() {
            return false;
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write(&frame.src_mac.0);
        hasher.write(&frame.dst_mac.0);
        hasher.write(bytes);
        let hash = hasher.finish();
        let Some(slot) = self.copies.get_mut((hash % COPIES as u64) as usize) else { return false };
        let copy = slot.0 == hash && packet.time.abs_diff(slot.1) <= COPY_NS.unsigned_abs();
        *slot = (hash, packet.time);
        copy
    }

    /// What was found up to now.
    #[must_use]
    pub fn found(&self, dropped: Option<u64>) -> Found {
        let (tcp, (udp_conversations, udp_answered)) = (self.mirror.shown(), self.mirror.udp());
        Found {
            vlans: self.vlans.iter().copied().collect(),
            tcp_conversations: tcp.conversations,
            tcp_answered: tcp.answered,
            udp_conversations,
            udp_answered,
            tcp_seen_bytes: tcp.seen_bytes,
            tcp_unseen_bytes: tcp.unseen_bytes,
            dropped,
            ..self.found.clone()
        }
    }
}

/// `part` of `whole` in parts of a thousand; 0 of nothing.
fn permille(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000).checked_div(whole).unwrap_or(0)
}

/// Parts of a thousand as percent.
fn percent(permille: u64) -> String {
    format!("{}.{} %", grouped(permille / 10), permille % 10)
}

impl Found {
    /// What the port is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let few = permille(self.others, self.packets) < FLOODED_PERMILLE;
        match () {
            () if self.packets == 0 => Verdict::Nothing,
            () if few && self.tcp_answered + self.udp_answered == 0 => Verdict::HostPort,
            () if self.tcp_conversations >= CONVERSATIONS_LEAST && permille(self.tcp_answered, self.tcp_conversations) < ANSWERED_PERMILLE => {
                Verdict::OneWay
            }
            () => Verdict::Mirror,
        }
    }

    /// The verdict in words, and what to do.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![self.opinion()];
        if self.verdict() == Verdict::Mirror && self.tcp_conversations < CONVERSATIONS_LEAST {
            words.push("too few TCP conversations to tell whether both directions are shown: probe longer, or when the plant is at work".to_owned());
        }
        if permille(self.duplicates, self.packets) >= COPIES_PERMILLE {
            words.push(format!(
                "{} of the frames came twice: the switch mirrors what comes in and what goes out. Mirror one of them on all ports, or both on one; \
                 they are counted once, but take room",
                percent(permille(self.duplicates, self.packets))
            ));
        }
        if self.glued > 0 {
            words.push(format!(
                "{} frames are longer than any wire carries ({} bytes): the port's driver glues packets together. Switch that off with `ethtool -K \
                 IFACE gro off lro off tso off gso off`, or by 10-wirecensus-mirror.link",
                grouped(self.glued),
                grouped(u64::from(self.longest))
            ));
        }
        if self.tcp_unseen_bytes > 0 && permille(self.tcp_unseen_bytes, self.tcp_seen_bytes + self.tcp_unseen_bytes) >= LOST_PERMILLE {
            words.push(format!(
                "{} of the TCP data was acknowledged and never came: lost before this port. The mirrored ports send more than one port can carry: \
                 mirror fewer, or to a faster port",
                percent(permille(self.tcp_unseen_bytes, self.tcp_seen_bytes + self.tcp_unseen_bytes))
            ));
        }
        if let Some(dropped) = self.dropped.filter(|dropped| *dropped > 0) {
            words.push(format!("{} frames were dropped by this machine: raise `buffer_mib`", grouped(dropped)));
        }
        words
    }

    fn opinion(&self) -> String {
        match self.verdict() {
            Verdict::Nothing => "nothing at all came: is the cable in, and the mirror set up on the switch?".to_owned(),
            Verdict::HostPort => "no mirror: only broadcast, multicast and frames for this port came, as on any host's port. Set up the mirror on \
                                  the switch, with this port as its destination"
                .to_owned(),
            Verdict::OneWay => "a mirror of one direction: most TCP conversations show one end alone. Set the mirror to both directions (`both`, \
                                not `rx` or `tx`)"
                .to_owned(),
            Verdict::Mirror => "a mirror: hosts talk to each other here".to_owned(),
        }
    }

    /// The figures in lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lost = permille(self.tcp_unseen_bytes, self.tcp_seen_bytes + self.tcp_unseen_bytes);
        let vlans = match self.vlans.as_slice() {
            [] => "none tagged".to_owned(),
            all => format!("{} tagged, VLAN {}", grouped(self.tagged), some(all)),
        };
        vec![
            format!(
                "{} frames, {} bytes: {} between others, {} for this port, {} broadcast, {} multicast",
                grouped(self.packets),
                grouped(self.bytes),
                grouped(self.others),
                grouped(self.own),
                grouped(self.broadcast),
                grouped(self.multicast)
            ),
            format!(
                "both directions of {} of {} TCP and {} of {} UDP conversations",
                grouped(self.tcp_answered),
                grouped(self.tcp_conversations),
                grouped(self.udp_answered),
                grouped(self.udp_conversations)
            ),
            format!(
                "frames: {vlans}; {} came twice; {} glued together, {} jumbo",
                grouped(self.duplicates),
                grouped(self.glued),
                grouped(self.jumbo)
            ),
            format!(
                "lost before this port: {} of {} bytes of TCP data ({})",
                grouped(self.tcp_unseen_bytes),
                grouped(self.tcp_seen_bytes + self.tcp_unseen_bytes),
                percent(lost)
            ),
        ]
    }
}

/// The first VLANs of many.
fn some(all: &[u16]) -> String {
    /// More do not fit on a line.
    const SHOWN: usize = 12;
    let names: Vec<String> = all.iter().take(SHOWN).map(u16::to_string).collect();
    format!("{}{}", names.join(", "), if all.len() > SHOWN { ", …" } else { "" })
}

#[cfg(test)]
#[path = "tests/probing.rs"]
mod tests;
