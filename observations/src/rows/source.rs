//! A source's own record as canonical bytes.

use super::{FORMAT, RECORD_WEIGHT, WEIGHT_MAX, ended, flag, put_counts, put_option, put_text, put_texts, read_counts, read_text, spend, start};
use crate::bytes::{DecodeError, Reader, put_bytes, put_number, put_signed};
use crate::said::Most;
use crate::source::{Part, Shown, Source, SourceKey};

/// The number before a source's record that ends with [`Shown`]; one that was written before that was known has the rows' own number.
const WITH_SHOWN: u8 = FORMAT + 1;

/// The same of one that ends with [`Most`], which is written where it differs from the default: so all others are as they were.
const WITH_MOST: u8 = FORMAT + 2;

impl Source {
    /// The source's own record as canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let usual = self.most == Most::default();
        let mut out = vec![if usual { WITH_SHOWN } else { WITH_MOST }];
        out.extend_from_slice(&self.key.0);
        put_bytes(&mut out, self.name.as_bytes());
        put_bytes(&mut out, self.site.as_bytes());
        put_text(&mut out, self.tap.as_deref());
        put_texts(&mut out, self.segments.iter());
        put_number(&mut out, self.parts.len() as u64);
        for part in &self.parts {
            put_bytes(&mut out, part.name.as_bytes());
            put_number(&mut out, part.packets);
            put_text(&mut out, part.damage.as_deref());
            put_text(&mut out, part.sha256.as_deref());
        }
        put_texts(&mut out, self.link_types.iter());
        put_number(&mut out, self.packets);
        put_number(&mut out, self.bytes);
        for time in [self.first_seen, self.last_seen] {
            put_option(&mut out, time, put_signed);
        }
        put_number(&mut out, self.snapped);
        put_number(&mut out, self.duplicates);
        put_number(&mut out, self.cut);
        put_option(&mut out, self.dropped, put_number);
        for counts in [&self.undecoded, &self.opaque, &self.malformed, &self.limits] {
            put_counts(&mut out, counts);
        }
        out.push(u8::from(self.complete));
        put_text(&mut out, self.clock.as_deref());
        let revisions = self.revisions.iter().map(|(name, revision)| (name.clone(), u64::from(*revision))).collect();
        put_counts(&mut out, &revisions);
        let Shown { conversations, answered, packets, turns, seen_bytes, unseen_bytes } = self.shown;
        [conversations, answered, packets, turns, seen_bytes, unseen_bytes].into_iter().for_each(|figure| put_number(&mut out, figure));
        if !usual {
            [self.most.facts, self.most.names].into_iter().for_each(|most| put_number(&mut out, u64::from(most)));
        }
        out
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no source's record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut reader, mut budget, format) = match bytes.split_first() {
            Some((&format @ (WITH_SHOWN | WITH_MOST), rest)) if rest.len() <= WEIGHT_MAX => (Reader { bytes: rest }, WEIGHT_MAX, format),
            _ => start(bytes).map(|(reader, budget)| (reader, budget, FORMAT))?,
        };
        let reader = &mut reader;
        let key = SourceKey(reader.take(16)?.try_into().map_err(|_| reader.fail("key"))?);
        let mut source = Self { key, name: reader.text()?.to_owned(), site: reader.text()?.to_owned(), tap: read_text(reader)?, ..Self::default() };
        for _ in 0..reader.number()? {
            spend(&mut budget, RECORD_WEIGHT, reader)?;
            source.segments.push(reader.text()?.to_owned());
        }
        for _ in 0..reader.number()? {
            spend(&mut budget, 2 * RECORD_WEIGHT, reader)?;
            source.parts.push(Part {
                name: reader.text()?.to_owned(),
                packets: reader.number()?,
                damage: read_text(reader)?,
                sha256: read_text(reader)?,
            });
        }
        for _ in 0..reader.number()? {
            source.link_types.insert(reader.text()?.to_owned());
        }
        source.packets = reader.number()?;
        source.bytes = reader.number()?;
        source.first_seen = if flag(reader)? { Some(reader.signed()?) } else { None };
        source.last_seen = if flag(reader)? { Some(reader.signed()?) } else { None };
        source.snapped = reader.number()?;
        source.duplicates = reader.number()?;
        source.cut = reader.number()?;
        source.dropped = if flag(reader)? { Some(reader.number()?) } else { None };
        source.undecoded = read_counts(reader)?;
        source.opaque = read_counts(reader)?;
        source.malformed = read_counts(reader)?;
        source.limits = read_counts(reader)?;
        source.complete = flag(reader)?;
        source.clock = read_text(reader)?;
        for (name, revision) in read_counts(reader)? {
            source.revisions.insert(name, u16::try_from(revision).map_err(|_| reader.fail("revision"))?);
        }
        if format != FORMAT {
            let Shown { conversations, answered, packets, turns, seen_bytes, unseen_bytes } = &mut source.shown;
            for figure in [conversations, answered, packets, turns, seen_bytes, unseen_bytes] {
                *figure = reader.number()?;
            }
        }
        if format == WITH_MOST {
            let Most { facts, names } = &mut source.most;
            for most in [facts, names] {
                let read = u16::try_from(reader.number()?).ok().filter(|read| Most::RANGE.contains(read));
                *most = read.ok_or_else(|| reader.fail("most"))?;
            }
        }
        ended(reader)?;
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_before_is_read_without_what_it_could_not_know() {
        let shown = Shown { conversations: 1, answered: 1, packets: 2, turns: 3, seen_bytes: 4, unseen_bytes: 5 };
        let source = Source { name: "plant.pcap".into(), shown, ..Source::default() };
        let now = source.to_bytes();
        assert_eq!(Source::from_bytes(&now).unwrap(), source);
        let mut before = now[..now.len() - 6].to_vec();
        assert!(Source::from_bytes(&before).is_err());
        before[0] = FORMAT;
        assert_eq!(Source::from_bytes(&before).unwrap(), Source { shown: Shown::default(), ..source });
    }

    #[test]
    fn a_record_tells_how_much_was_kept_about_a_subject_if_that_is_not_the_usual() {
        let usual = Source { name: "plant.pcap".into(), ..Source::default() };
        assert_eq!(usual.to_bytes().first(), Some(&WITH_SHOWN));
        let source = Source { most: Most { facts: 8, names: 300 }, ..usual };
        assert_eq!(Source::from_bytes(&source.to_bytes()).unwrap(), source);
    }

    #[test]
    fn a_record_that_would_leave_nothing_of_what_others_know_is_none() {
        for most in [Most { facts: 0, names: 64 }, Most { facts: 64, names: 3 }, Most { facts: 1_025, names: 64 }] {
            assert!(Source::from_bytes(&Source { most, ..Source::default() }.to_bytes()).is_err(), "{most:?}");
        }
    }
}
