//! What a capture consists of: packets, bytes, flows, devices, and the shares of plant and office.

use std::error::Error;
use std::fmt;
use std::path::Path;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use hashbrown::{HashMap, HashSet};
use serde_json::{Value, json};

use crate::generate::is_plant_prefix;
use crate::walk::each_record;

type Seen<K> = HashSet<K, foldhash::fast::FixedState>;
/// Protocol, then the lesser and the greater (address, port).
type Flow = (u8, (u128, u16), (u128, u16));

/// The figures of a capture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Records.
    pub packets: u64,
    /// Bytes of frames.
    pub bytes: u64,
    /// Different TCP connections and UDP exchanges, both directions as one.
    pub flows: u64,
    /// Flows of more than a thousand packets.
    pub long_flows: u64,
    /// Different senders of the link layer.
    pub devices: u64,
    /// Bytes of frames from or to a device of the plant.
    pub plant_bytes: u64,
    /// Frames with an 802.1Q tag.
    pub tagged: u64,
    /// Frames with IPv6.
    pub six: u64,
    /// Frames that could not be sliced down to the transport, or stepped back in time.
    pub broken: u64,
    /// Seconds from the first to the last.
    pub seconds: f64,
}

/// What is kept while counting.
#[derive(Default)]
struct Count {
    stats: Stats,
    flows: HashMap<Flow, u32, foldhash::fast::FixedState>,
    devices: Seen<[u8; 6]>,
    first: Option<u64>,
    last: u64,
}

/// Counts a whole capture.
///
/// # Errors
/// If it cannot be read.
pub fn count(path: &Path) -> Result<Stats, Box<dyn Error>> {
    let mut count = Count::default();
    each_record(path, |seconds, fraction, frame| {
        count.frame(u64::from(seconds) * 1_000_000 + u64::from(fraction), frame);
    })?;
    Ok(count.end())
}

impl Count {
    fn frame(&mut self, at: u64, frame: &[u8]) {
        let length = frame.len() as u64;
        self.stats.packets += 1;
        self.stats.bytes += length;
        self.stats.broken += u64::from(at < self.last);
        self.first.get_or_insert(at);
        self.last = at;
        let Some((target, source)) = frame.split_first_chunk::<6>() else {
            return;
        };
        let Some((source, rest)) = source.split_first_chunk::<6>() else {
            return;
        };
        self.devices.insert(*source);
        let plant = [source, target].iter().any(|mac| is_plant_prefix([mac[0], mac[1], mac[2]]));
        self.stats.plant_bytes += if plant { length } else { 0 };
        self.stats.tagged += u64::from(rest.starts_with(&[0x81, 0]));
        match SlicedPacket::from_ethernet(frame) {
            Ok(packet) => self.packet(&packet),
            Err(_) => self.stats.broken += 1,
        }
    }

    fn packet(&mut self, packet: &SlicedPacket<'_>) {
        let (source, target) = match &packet.net {
            Some(NetSlice::Ipv4(ip)) => {
                (u128::from(u32::from_be_bytes(ip.header().source())), u128::from(u32::from_be_bytes(ip.header().destination())))
            }
            Some(NetSlice::Ipv6(ip)) => {
                self.stats.six += 1;
                (u128::from_be_bytes(ip.header().source()), u128::from_be_bytes(ip.header().destination()))
            }
            _ => return,
        };
        let (protocol, from, to) = match &packet.transport {
            Some(TransportSlice::Tcp(tcp)) => (6, tcp.source_port(), tcp.destination_port()),
            Some(TransportSlice::Udp(udp)) => (17, udp.source_port(), udp.destination_port()),
            _ => return,
        };
        let (one, other) = ((source, from), (target, to));
        let flow = (protocol, one.min(other), one.max(other));
        *self.flows.entry(flow).or_insert(0) += 1;
    }

    fn end(mut self) -> Stats {
        self.stats.flows = self.flows.len() as u64;
        self.stats.long_flows = self.flows.values().filter(|count| **count > 1_000).count() as u64;
        self.stats.devices = self.devices.len() as u64;
        self.stats.seconds = (self.last - self.first.unwrap_or(self.last)) as f64 / 1e6;
        self.stats
    }
}

impl Stats {
    /// The mean length of a frame.
    #[must_use]
    pub fn average(&self) -> f64 {
        self.bytes as f64 / self.packets.max(1) as f64
    }

    /// The plant's share of the bytes, in percent.
    #[must_use]
    pub fn plant(&self) -> f64 {
        100.0 * self.plant_bytes as f64 / self.bytes.max(1) as f64
    }

    /// The figures as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "packets": self.packets,
            "bytes": self.bytes,
            "average": self.average(),
            "flows": self.flows,
            "long_flows": self.long_flows,
            "devices": self.devices,
            "plant_percent": self.plant(),
            "tagged": self.tagged,
            "ipv6": self.six,
            "broken": self.broken,
            "seconds": self.seconds,
        })
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: u64| 100.0 * part as f64 / self.packets.max(1) as f64;
        writeln!(f, "packets   {:>12}", self.packets)?;
        writeln!(f, "bytes     {:>12}   {:.1} a packet", self.bytes, self.average())?;
        writeln!(f, "seconds   {:>12.1}", self.seconds)?;
        writeln!(f, "flows     {:>12}   {} of more than 1,000 packets", self.flows, self.long_flows)?;
        writeln!(f, "devices   {:>12}", self.devices)?;
        writeln!(f, "plant     {:>11.1} %  of the bytes", self.plant())?;
        writeln!(f, "office    {:>11.1} %", 100.0 - self.plant())?;
        writeln!(f, "tagged    {:>11.1} %  of the packets", percent(self.tagged))?;
        writeln!(f, "IPv6      {:>11.1} %", percent(self.six))?;
        write!(f, "broken    {:>12}", self.broken)
    }
}
