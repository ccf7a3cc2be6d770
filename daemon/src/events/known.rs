//! What is known from the rounds before, and what it is bounded by.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Devices that are kept in mind. The largest plants that we know have a tenth; each takes about a kilobyte.
pub const DEVICES_MAX: usize = 200_000;

/// Conversations (client, server, protocol) that are learnt. A device of the process asks some ten others.
pub const TALKS_MAX: usize = 500_000;

/// Addresses of one device. A router that answers for a network has more; which of them moved is then not told.
pub const ADDRESSES_MAX: usize = 256;

/// Operations of one conversation. The protocol with the most has some hundred and twenty.
pub const OPERATIONS_MAX: usize = 256;

/// Everything that is known.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Known {
    /// Devices, by the id by which each was first known.
    pub devices: BTreeMap<String, KnownDevice>,
    /// Conversations, by [`talk_key`].
    pub talks: BTreeMap<String, KnownTalk>,
    /// What concerns none of them.
    pub whole: Whole,
}

/// What concerns no single device.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Whole {
    /// Whether there was a round before.
    pub begun: bool,
    /// Digests of what made the last document: program, rules, data, catalogue.
    pub producer: Vec<String>,
    /// Packet time of the last document.
    pub as_of: Option<String>,
    /// Wall time of the last round, seconds since 1970.
    pub round: i64,
    /// Seconds of watching that went into learning.
    pub learnt: u64,
    /// Whether learning has ended.
    pub settled: bool,
    /// Findings of zones and sites that are open, by rule and zone.
    pub findings: BTreeMap<String, String>,
    /// Mirrored ports that are, or were a moment ago, not as they should be.
    pub mirrors: BTreeMap<String, Trouble>,
    /// Limits that were told.
    pub limits: BTreeSet<String>,
}

/// What is wrong with a port.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trouble {
    /// What.
    pub what: String,
    /// Since when, wall time in seconds.
    pub since: i64,
    /// Whether it was told.
    pub told: bool,
    /// Since when it is well again, if it is.
    pub well: Option<i64>,
}

/// One device.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownDevice {
    /// All ids that ever led to it.
    pub ids: BTreeSet<String>,
    /// The site.
    pub site: String,
    /// Where it was seen.
    pub segments: Vec<String>,
    /// Its class.
    pub class: String,
    /// For people.
    pub subject: String,
    /// What it is, by attribute.
    pub attributes: BTreeMap<String, String>,
    /// Attributes that cannot change and have two values.
    pub conflicts: BTreeSet<String>,
    /// `segment address` of IP addresses that it used.
    pub addresses: BTreeSet<String>,
    /// Status of findings, by rule.
    pub findings: BTreeMap<String, String>,
    /// Packet time when it was last heard.
    pub last_seen: Option<String>,
    /// Packets that it sent.
    pub packets: u64,
    /// Rounds in which it was heard.
    pub heard: u32,
    /// Seconds of watching since it was last heard.
    pub quiet: u64,
    /// The longest that it was quiet before it was heard again, in seconds of watching.
    pub longest: u64,
    /// Whether its silence was told.
    pub silent: bool,
}

/// One client that asks one server in one protocol.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownTalk {
    /// Operations that it asked for.
    pub operations: BTreeSet<String>,
    /// What they do.
    pub classes: BTreeSet<String>,
    /// Operations counted.
    pub count: u64,
    /// Bytes counted.
    pub bytes: u64,
    /// What was counted since the window began.
    pub window: Window,
    /// How often, by the minute times a thousand.
    pub pace: Rate,
    /// How much, in bytes by the minute.
    pub volume: Rate,
}

/// A stretch of watching in which is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Window {
    /// Seconds of watching.
    pub seconds: u64,
    /// Operations.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What is usual, from so many windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rate {
    /// The least.
    pub low: u64,
    /// The most.
    pub high: u64,
    /// Windows that it was learnt from.
    pub windows: u32,
    /// Windows in succession outside of it.
    pub outside: u32,
}

/// The key of a conversation. Ids hold no bar.
#[must_use]
pub fn talk_key(client: &str, server: &str, protocol: &str) -> String {
    format!("{client}|{server}|{protocol}")
}

/// Its parts again.
#[must_use]
pub fn talk_parts(key: &str) -> Option<(&str, &str, &str)> {
    let (client, rest) = key.split_once('|')?;
    let (server, protocol) = rest.split_once('|')?;
    Some((client, server, protocol))
}
