//! Times and evidence in the document's spelling.

use super::View;
use crate::document::{Evidence, Span};
use crate::gather::Told;
use observations::Stamp;
use observations::value::hex;
use std::sync::Arc;

/// RFC 3339 UTC with nanoseconds. Every instant that 64 bits of nanoseconds hold lies between the years 1677 and 2262.
#[must_use]
pub fn time(nanoseconds: i64) -> Option<String> {
    const DAY: i64 = 86_400;
    let (seconds, nanos) = (nanoseconds.div_euclid(1_000_000_000), nanoseconds.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (year, second, nanos) = (year as u32, second as u32, nanos as u32);
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    let pairs = [
        (0, year / 100),
        (2, year % 100),
        (5, month as u32),
        (8, day as u32),
        (11, second / 3600),
        (14, second / 60 % 60),
        (17, second % 60),
        (20, nanos / 10_000_000),
        (22, nanos / 100_000 % 100),
        (24, nanos / 1_000 % 100),
        (26, nanos / 10 % 100),
    ];
    for (at, pair) in pairs {
        text[at..at + 2].copy_from_slice(&PAIRS[(pair % 100) as usize]);
    }
    text[28] = b'0' + (nanos % 10) as u8;
    std::str::from_utf8(&text).ok().map(str::to_owned)
}

/// The numbers below a hundred, in two digits.
const PAIRS: [[u8; 2]; 100] = {
    let (mut pairs, mut number) = ([[0; 2]; 100], 0);
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar: in eras of 400 years that begin in March,
/// so that the day that comes and goes is an era's last.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, date)
}

impl View<'_> {
    /// Where one field of a statement stands; without a field, the PDU alone. None if it cannot be read.
    #[must_use]
    pub fn evidence(&self, told: &Told<'_>, field: Option<usize>) -> Option<Evidence> {
        let (said, first) = (&told.said, told.entry.first);
        let found = said.evidence(told.entry.evidence, field).ok()?;
        let source = self.facts.sources.get(told.at.source as usize);
        let parts = source.map_or(&[][..], |source| &source.said.source.parts);
        let name = |part: u16| parts.get(usize::from(part)).filter(|_| parts.len() > 1).map(|part| part.name.clone());
        let span = |span: observations::Span| {
            let packet = Stamp { time: 0, packet: span.packet };
            let file = if packet.part() == first.part() { None } else { name(packet.part()) };
            Span { file, packet: packet.number(), offset: span.offset, length: span.length }
        };
        let own = found.own.split(' ').filter(|name| !name.is_empty());
        Some(Evidence {
            source: source.map(|source| Arc::clone(&source.key)).unwrap_or_default(),
            file: name(first.part()),
            protocol: said.protocol.to_owned(),
            field: field.and_then(|index| said.fields.get(index)).map(|one| one.field.name().into()).unwrap_or_default(),
            time: time(first.time),
            spans: found.spans(first).map(span).collect(),
            derivation: found.derivation.iter().copied().chain(own).map(str::to_owned).collect(),
            quote: quote(found.quote),
            frame_sha256: hex(found.frame_sha256),
            dissector: dissector(said.protocol, told.entry.revision),
        })
    }

    /// A packet of a source, of which nothing is quoted.
    pub(crate) fn packet(&self, source: u32, protocol: &str, first: Stamp) -> Evidence {
        let source = self.facts.sources.get(source as usize);
        let parts = source.map_or(&[][..], |source| &source.said.source.parts);
        Evidence {
            source: source.map(|source| Arc::clone(&source.key)).unwrap_or_default(),
            file: parts.get(usize::from(first.part())).filter(|_| parts.len() > 1).map(|part| part.name.clone()),
            protocol: protocol.to_owned(),
            time: time(first.time),
            spans: vec![Span { packet: first.number(), ..Span::default() }],
            ..Evidence::default()
        }
    }
}

fn dissector(protocol: &str, revision: u16) -> String {
    let mut out = String::with_capacity(protocol.len() + 6);
    out.push_str(protocol);
    out.push('@');
    out.push_str(&revision.to_string());
    out
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
    fn times_agree_with_a_calendar_over_five_centuries() {
        for step in -2000..2000i64 {
            let nanoseconds = step * 4_600_000_123_456_789;
            let calendar = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap().strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string();
            assert_eq!(time(nanoseconds), Some(calendar));
        }
    }

    #[test]
    fn times_have_nanoseconds_and_end_in_z() {
        assert_eq!(time(1_543_544_087_908_893_001).as_deref(), Some("2018-11-30T02:14:47.908893001Z"));
        assert_eq!(time(0).as_deref(), Some("1970-01-01T00:00:00.000000000Z"));
        assert_eq!(time(-1).as_deref(), Some("1969-12-31T23:59:59.999999999Z"));
    }
}
