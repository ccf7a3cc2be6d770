//! Sources and their limits in the document.

use crate::assemble::time;
use crate::document::{FileRecord, SourceRecord};
use observations::{Said, Source};

/// Every source, by key.
pub(super) fn records(said: &Said) -> Vec<SourceRecord> {
    said.sources.values().map(|one| record(&one.source)).collect()
}

fn record(source: &Source) -> SourceRecord {
    let file = |part: &observations::Part| FileRecord {
        name: part.name.clone(),
        packets: part.packets,
        damage: part.damage.clone(),
        sha256: part.sha256.clone(),
    };
    SourceRecord {
        key: source.key.to_string(),
        name: source.name.clone(),
        files: source.parts.iter().map(file).collect(),
        packets: source.packets,
        bytes: source.bytes,
        first_seen: source.first_seen.and_then(time),
        last_seen: source.last_seen.and_then(time),
        link_types: source.link_types.iter().cloned().collect(),
        site: source.site.clone(),
        tap: source.tap.clone(),
        truncated: source.snapped,
        undecoded: source.undecoded.clone(),
        malformed: source.malformed.clone(),
        duplicates: source.duplicates,
        dropped: source.dropped,
        clock: source.clock.clone(),
        complete: source.complete,
    }
}

/// Limits that were hit, as `name of the source: limit (times)`.
pub(super) fn limits(said: &Said) -> Vec<String> {
    let of = |source: &Source| {
        let name = source.name.clone();
        source.limits.iter().map(move |(limit, count)| format!("{name}: {limit} ({count})")).collect::<Vec<_>>()
    };
    let mut limits: Vec<String> = said.sources.values().flat_map(|one| of(&one.source)).collect();
    let crowded = said.sources.values().filter(|one| !one.crowded.is_empty());
    limits.extend(crowded.map(|one| format!("{}: subjects that said more than is kept ({})", one.source.name, one.crowded.len())));
    limits.sort();
    limits
}
