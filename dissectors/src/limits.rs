//! How much one engine, and one decoder before it, may hold at a time. A limit that is hit is counted under its name, ends the promise of
//! identical bytes for the source, and never ends the reading.
//!
//! What is known stays: a full table refuses what is new. The last quarter of what is counted and of what is said is kept for those who
//! were answered, so that a flood of senders who nobody answers leaves room for real ones.

use observations::Most;

/// See the module. Each worker has an engine, so these are bounds for one worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Conversations that are open: 1,000,000 cost some 250 MB.
    pub flows: usize,
    /// Observations of one source. Each costs some 300 bytes; 100,000 devices with all that they say fit well below.
    pub observations: usize,
    /// Pairs of client, server and service that are counted, each some 200 bytes with its addresses: a plant has some ten for a device.
    pub pairs: usize,
    /// Devices of which anything is kept, by IP address or, where there is none, by MAC address: one has two or three. A million are
    /// three times what 100,000 devices have, and leave room for the peers of an office in the internet; each some 18 bytes, beside what
    /// is said of it. A flood that fills it is in the database within the seconds that a stop may take.
    pub devices: usize,
    /// What is kept about one subject.
    pub most: Most,
    /// Fragmented datagrams that wait for the rest. Busy file servers have some hundred under way; what lies here longer lacks a fragment
    /// that was lost.
    pub fragmented: usize,
    /// Bytes of fragments: 256 datagrams of the greatest length, or 4096 of 4 KiB; small beside the conversations.
    pub fragment_bytes: usize,
    /// Bytes of TCP streams that wait for the rest of a PDU or for a gap to close, of all streams together. A stream has 80 KiB at most, and few
    /// need any at the same time.
    pub stream_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 1_000_000,
            observations: 8_000_000,
            pairs: 4_000_000,
            devices: 1_000_000,
            most: Most::default(),
            fragmented: 4096,
            fragment_bytes: 16 << 20,
            stream_bytes: 256 << 20,
        }
    }
}

impl Limits {
    /// The part of a bound that those have who were not answered: three quarters.
    pub(crate) const fn unanswered(bound: usize) -> usize {
        bound - bound / 4
    }
}

/// How much is held at the moment, for those who watch over it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Used {
    /// Of [`Limits::flows`].
    pub flows: u64,
    /// Of [`Limits::observations`].
    pub observations: u64,
    /// Of [`Limits::pairs`].
    pub pairs: u64,
    /// Addresses among the pairs.
    pub hosts: u64,
    /// Of [`Limits::devices`].
    pub devices: u64,
    /// Of [`Limits::stream_bytes`].
    pub stream_bytes: u64,
}

impl Used {
    /// What two engines hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            flows: self.flows + other.flows,
            observations: self.observations + other.observations,
            pairs: self.pairs + other.pairs,
            hosts: self.hosts + other.hosts,
            devices: self.devices + other.devices,
            stream_bytes: self.stream_bytes + other.stream_bytes,
        }
    }
}
