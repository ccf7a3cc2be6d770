//! `[limits]` of `wirecensus.toml`: what may be held in memory for one interface and one engine.

use crate::pipeline::{Options, QUEUE};
use crate::written::{Fault, get, number, refuse_strangers, section};
use dissectors::limits::Limits;
use inventory::judge::FINDINGS_MAX;
use observations::Most;
use toml::de::DeTable;

/// Keys of `[limits]`.
pub const KEYS: &[&str] =
    &["flows", "observations", "pairs", "devices", "facts", "names", "findings", "fragmented", "fragment_mib", "stream_mib", "queue"];

/// What the configuration says of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limiting {
    /// See [`Limits::flows`].
    pub flows: Option<u32>,
    /// See [`Limits::observations`].
    pub observations: Option<u32>,
    /// See [`Limits::pairs`].
    pub pairs: Option<u32>,
    /// See [`Limits::devices`].
    pub devices: Option<u32>,
    /// See [`Most::facts`].
    pub facts: Option<u32>,
    /// See [`Most::names`].
    pub names: Option<u32>,
    /// See [`FINDINGS_MAX`].
    pub findings: Option<u32>,
    /// See [`Limits::fragmented`].
    pub fragmented: Option<u32>,
    /// See [`Limits::fragment_bytes`], in MiB.
    pub fragment_mib: Option<u32>,
    /// See [`Limits::stream_bytes`], in MiB.
    pub stream_mib: Option<u32>,
    /// See [`Options::queue`].
    pub queue: Option<u32>,
}

/// The least and the most that makes sense of each, in the order of [`KEYS`]. Less than the least holds not even a cell of a plant, and a
/// slip of the pen would blind the sensor; more than the most takes more memory than a sensor has (250 bytes a conversation, 300 an
/// observation, 200 a pair), or numbers that do not fit the tables' 32 bits. For facts and names
/// see [`Most::RANGE`].
const RANGES: [(u32, u32); KEYS.len()] = [
    (1_000, 100_000_000),
    (10_000, 500_000_000),
    (1_000, 500_000_000),
    (1_000, 500_000_000),
    FEW,
    FEW,
    (100, 100_000_000),
    (16, 1_000_000),
    (1, 4_096),
    (1, 65_536),
    (1, 256),
];

/// [`Most::RANGE`], as the configuration's numbers are.
const FEW: (u32, u32) = (*Most::RANGE.start() as u32, *Most::RANGE.end() as u32);

impl Limiting {
    pub(crate) fn of(root: &DeTable<'_>) -> Result<Self, Fault> {
        let Some(table) = get(root, "limits").map(|value| section(value, "limits")).transpose()? else { return Ok(Self::default()) };
        refuse_strangers(table, KEYS)?;
        let mut read = [None; KEYS.len()];
        for ((key, (least, most)), read) in KEYS.iter().zip(RANGES).zip(&mut read) {
            *read = get(table, key).map(|value| number(value, key, least, most)).transpose()?;
        }
        let [flows, observations, pairs, devices, facts, names, findings, fragmented, fragment_mib, stream_mib, queue] = read;
        Ok(Self { flows, observations, pairs, devices, facts, names, findings, fragmented, fragment_mib, stream_mib, queue })
    }

    /// What these say, and the others where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            flows: self.flows.or(others.flows),
            observations: self.observations.or(others.observations),
            pairs: self.pairs.or(others.pairs),
            devices: self.devices.or(others.devices),
            facts: self.facts.or(others.facts),
            names: self.names.or(others.names),
            findings: self.findings.or(others.findings),
            fragmented: self.fragmented.or(others.fragmented),
            fragment_mib: self.fragment_mib.or(others.fragment_mib),
            stream_mib: self.stream_mib.or(others.stream_mib),
            queue: self.queue.or(others.queue),
        }
    }

    /// What an engine may hold: the default where nothing is said.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let standard = Limits::default();
        let count = |said: Option<u32>, standard: usize| said.map_or(standard, |said| said as usize);
        let few = |said: Option<u32>, standard: u16| said.and_then(|said| u16::try_from(said).ok()).unwrap_or(standard);
        let bytes = |said: Option<u32>, standard: usize| said.map_or(standard, |mib| (mib as usize) << 20);
        Limits {
            flows: count(self.flows, standard.flows),
            observations: count(self.observations, standard.observations),
            pairs: count(self.pairs, standard.pairs),
            devices: count(self.devices, standard.devices),
            most: Most { facts: few(self.facts, standard.most.facts), names: few(self.names, standard.most.names) },
            fragmented: count(self.fragmented, standard.fragmented),
            fragment_bytes: bytes(self.fragment_mib, standard.fragment_bytes),
            stream_bytes: bytes(self.stream_mib, standard.stream_bytes),
        }
    }

    /// How many findings a document may list.
    #[must_use]
    pub fn findings(&self) -> usize {
        self.findings.map_or(FINDINGS_MAX, |findings| findings as usize)
    }

    /// These limits in the options of a pipeline.
    #[must_use]
    pub fn bound(&self, options: Options) -> Options {
        Options { limits: self.limits(), queue: self.queue.map_or(QUEUE, |queue| queue as usize), ..options }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_not_said_is_as_it_is_for_a_file() {
        let standard = Limiting::default().bound(Options::new());
        assert_eq!((standard.limits, standard.queue), (Limits::default(), QUEUE));
        let read =
            Config::parse("w.toml", "[limits]\nflows = 5000\ndevices = 7000\nfacts = 32\nnames = 200\nstream_mib = 8\nqueue = 2\n").unwrap().limits;
        let bound = read.bound(Options::new());
        assert_eq!(
            bound.limits,
            Limits { flows: 5_000, devices: 7_000, most: Most { facts: 32, names: 200 }, stream_bytes: 8 << 20, ..Limits::default() }
        );
        assert_eq!(bound.queue, 2);
    }

    #[test]
    fn the_example_shows_what_holds_when_nothing_is_said() {
        let text = include_str!("../../systemd/wirecensus.toml");
        let shown: String = text.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).flat_map(|line| [line, "\n"]).collect();
        let bound = Config::parse("w.toml", &shown).unwrap().limits;
        assert!(
            [bound.flows, bound.observations, bound.pairs, bound.devices, bound.facts, bound.names, bound.findings]
                .iter()
                .chain(&[bound.fragmented, bound.fragment_mib, bound.stream_mib, bound.queue])
                .all(Option::is_some)
        );
        assert_eq!(bound.findings(), FINDINGS_MAX);
        let bound = bound.bound(Options::new());
        assert_eq!((bound.limits, bound.queue), (Limits::default(), QUEUE));
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_refused_with_its_range() {
        let error = |text: &str| Config::parse("w.toml", text).unwrap_err().to_string();
        assert_eq!(error("[limits]\nflows = 0"), "w.toml:2: `flows` is a number from 1000 to 100000000");
        assert_eq!(error("[limits]\nobservations = 999999999999"), "w.toml:2: `observations` is a number from 10000 to 500000000");
        assert_eq!(error("[limits]\nfacts = 2000"), "w.toml:2: `facts` is a number from 4 to 1024");
        assert_eq!(error("[limits]\nqueue = -1"), "w.toml:2: `queue` is a number from 1 to 256");
        assert_eq!(error("[limits]\nflow = 5000"), "w.toml:2: unknown key `flow`: did you mean `flows`?");
        assert_eq!(error("limits = 3"), "w.toml:1: `limits` is a table: begin it with [limits]");
    }
}
