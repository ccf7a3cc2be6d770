//! Times and evidence in the document's spelling.

use crate::document::{Evidence, Span};
use crate::gather::{At, Facts};
use observations::value::hex;
use observations::{Observation, Said, Stamp};

/// RFC 3339 UTC with nanoseconds; `None` for what no calendar holds.
#[must_use]
pub fn time(nanoseconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string())
}

/// Where one field of an observation stands; without a field, the PDU alone.
#[must_use]
pub fn evidence(said: &Said, facts: &Facts<'_>, at: At<'_>, observation: &Observation, field: Option<usize>) -> Evidence {
    let key = facts.sources.get(at.source as usize).copied().unwrap_or_default();
    let source = said.sources.get(&key).map(|one| &one.source);
    let stamp = observation.first.stamp;
    let part = field.and_then(|index| observation.fields_first.get(index));
    let several = source.is_some_and(|source| source.parts.len() > 1);
    let file = source.filter(|_| several).and_then(|source| source.parts.get(usize::from(stamp.part()))).map(|part| part.name.clone());
    let own = part.and_then(|part| part.derivation.as_deref()).into_iter().flat_map(|names| names.split(' ')).map(str::to_owned);
    let spans = part.map(|part| {
        part.spans
            .iter()
            .map(|span| Span { packet: Stamp { time: 0, packet: span.packet }.number(), offset: span.offset, length: span.length })
            .collect()
    });
    Evidence {
        source: key.to_string(),
        file,
        protocol: observation.protocol.clone(),
        field: field.and_then(|index| observation.fields.get(index)).map(|said| said.field.name().to_owned()).unwrap_or_default(),
        time: time(stamp.time),
        spans: spans.unwrap_or_default(),
        derivation: observation.first.derivation.iter().cloned().chain(own).collect(),
        quote: part.map(|part| quote(&part.quote)).unwrap_or_default(),
        frame_sha256: hex(&observation.first.frame_sha256),
        dissector: format!("{}@{}", observation.protocol, observation.revision),
    }
}

/// Printable text as it is, all else in hexadecimal.
fn quote(bytes: &[u8]) -> String {
    if !bytes.is_empty() && bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        String::from_utf8_lossy(bytes).into_owned()
    } else if bytes.is_empty() {
        String::new()
    } else {
        format!("hex:{}", hex(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nanoseconds_and_end_in_z() {
        assert_eq!(time(1_543_544_087_908_893_001).as_deref(), Some("2018-11-30T02:14:47.908893001Z"));
        assert_eq!(time(0).as_deref(), Some("1970-01-01T00:00:00.000000000Z"));
        assert_eq!(time(-1).as_deref(), Some("1969-12-31T23:59:59.999999999Z"));
    }
}
