//! A source's own record as canonical bytes.

use super::{FORMAT, RECORD_WEIGHT, ended, flag, put_counts, put_option, put_text, put_texts, read_counts, read_text, spend, start};
use crate::bytes::{DecodeError, put_bytes, put_number, put_signed};
use crate::source::{Part, Source, SourceKey};

impl Source {
    /// The source's own record as canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
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
        out
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no source's record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut reader, mut budget) = start(bytes)?;
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
        ended(reader)?;
        Ok(source)
    }
}
