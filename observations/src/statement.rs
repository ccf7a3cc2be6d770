//! An observation read where it lies: nothing is copied out of its canonical bytes. Deriving reads every observation, most of them to
//! learn that they add nothing; what is shown is read once more, with its evidence.

use crate::address::Mac;
use crate::bytes::{DecodeError, Reader};
use crate::evidence::{Span, Stamp};
use crate::field::{Field, Kind};
use crate::observation::{FieldEvidence, Observation, of_itself};
use crate::subject::Subject;
use crate::value::{Value, hex};
use std::borrow::Cow;
use std::net::IpAddr;

/// A [`Value`] that lies elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ValueRef<'a> {
    /// See [`Value::Text`].
    Text(&'a [u8]),
    /// See [`Value::Bytes`].
    Bytes(&'a [u8]),
    /// See [`Value::Number`].
    Number(u64),
    /// See [`Value::Mac`].
    Mac(Mac),
    /// See [`Value::Ip`].
    Ip(IpAddr),
    /// See [`Value::Time`].
    Time(i64),
}

impl<'a> ValueRef<'a> {
    /// The value as text for people, as [`Value::display`] gives it.
    #[must_use]
    pub fn display(self) -> Cow<'a, str> {
        match self {
            Self::Text(bytes) => String::from_utf8_lossy(bytes),
            Self::Bytes(bytes) => hex(bytes).into(),
            Self::Number(number) => number.to_string().into(),
            Self::Mac(mac) => mac.to_string().into(),
            Self::Ip(ip) => ip.to_string().into(),
            Self::Time(seconds) => seconds.to_string().into(),
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn number(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The bytes that a quote may equal.
    fn quotable(self) -> &'a [u8] {
        match self {
            Self::Text(bytes) | Self::Bytes(bytes) => bytes.get(..FieldEvidence::QUOTE_MAX).unwrap_or(bytes),
            _ => &[],
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Text(bytes) => Self::Text(bytes),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Number(number) => Self::Number(*number),
            Value::Mac(mac) => Self::Mac(*mac),
            Value::Ip(ip) => Self::Ip(*ip),
            Value::Time(seconds) => Self::Time(*seconds),
        }
    }
}

/// One field and its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaidRef<'a> {
    /// Which.
    pub field: Field,
    /// What.
    pub value: ValueRef<'a>,
}

/// What was said, without where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement<'a> {
    /// Whom it is about.
    pub about: Subject,
    /// Who said it.
    pub speaker: Subject,
    /// The protocol, as Wireshark's display filter spells it.
    pub protocol: &'a str,
    /// What sort of statement it is.
    pub kind: Kind,
    /// The fields in the order of the PDU.
    pub fields: Vec<SaidRef<'a>>,
}

impl Default for Statement<'_> {
    fn default() -> Self {
        Self { about: Subject::default(), speaker: Subject::default(), protocol: "", kind: Kind::Presence, fields: Vec::new() }
    }
}

impl<'a> Statement<'a> {
    /// Reads an observation's key.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no key.
    pub fn of(key: &'a [u8]) -> Result<Self, DecodeError> {
        let mut statement = Self::default();
        statement.read(key)?;
        Ok(statement)
    }

    /// Reads another key into this one: the list of fields keeps its memory.
    ///
    /// # Errors
    /// As [`Statement::of`]; then nothing that it holds means anything.
    pub fn read(&mut self, key: &'a [u8]) -> Result<(), DecodeError> {
        let mut reader = Reader { bytes: key };
        self.fields.clear();
        self.about = reader.subject()?;
        self.protocol = reader.text()?;
        self.kind = Kind::from_code(reader.byte()?).ok_or(reader.fail("kind"))?;
        self.speaker = if reader.byte()? == 0 { self.about.clone() } else { reader.subject()? };
        while !reader.bytes.is_empty() {
            let code = u16::try_from(reader.number()?).map_err(|_| reader.fail("field"))?;
            let field = Field::from_code(code).ok_or(reader.fail("field"))?;
            self.fields.push(SaidRef { field, value: reader.value()? });
        }
        Ok(())
    }

    /// The first value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<ValueRef<'a>> {
        self.fields.iter().find(|said| said.field == field).map(|said| said.value)
    }

    /// All values of a field.
    pub fn all(&self, field: Field) -> impl Iterator<Item = ValueRef<'a>> {
        self.fields.iter().filter(move |said| said.field == field).map(|said| said.value)
    }

    /// See [`Observation::of_itself`].
    #[must_use]
    pub fn of_itself(&self) -> bool {
        of_itself(&self.about, &self.speaker, self.kind)
    }

    /// Where one of its fields stands, and the PDU as a whole, from the canonical bytes of its evidence.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no evidence of this statement.
    pub fn evidence(&self, evidence: &'a [u8], field: Option<usize>) -> Result<EvidenceRef<'a>, DecodeError> {
        let mut found = EvidenceRef::default();
        if evidence.is_empty() {
            return Ok(found);
        }
        let mut reader = Reader { bytes: evidence };
        found.frame_sha256 = reader.take(32)?.try_into().map_err(|_| reader.fail("digest"))?;
        for _ in 0..reader.number()?.min(8) {
            found.derivation.push(reader.text()?);
        }
        for (index, said) in self.fields.iter().enumerate().take(field.map_or(0, |field| field + 1)) {
            found.spans.clear();
            for _ in 0..reader.number()? {
                found.spans.push(reader.span()?);
            }
            let own = reader.text()?;
            let quote = if reader.byte()? == 1 { said.value.quotable() } else { reader.counted()? };
            if Some(index) == field {
                (found.own, found.quote) = (own, quote);
            }
        }
        Ok(found)
    }
}

impl Observation {
    /// What it says, without where.
    #[must_use]
    pub fn statement(&self) -> Statement<'_> {
        Statement {
            about: self.about.clone(),
            speaker: self.speaker.clone(),
            protocol: &self.protocol,
            kind: self.kind,
            fields: self.fields.iter().map(|said| SaidRef { field: said.field, value: (&said.value).into() }).collect(),
        }
    }
}

/// Where a value stands; see [`crate::Evidence`] and [`FieldEvidence`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EvidenceRef<'a> {
    /// SHA-256 of the captured bytes of the packet that completed the PDU.
    pub frame_sha256: &'a [u8; 32],
    /// What was undone between the frame and the PDU.
    pub derivation: Vec<&'a str>,
    /// The value's bytes; their packets count from the one that completed the PDU: see [`EvidenceRef::spans`].
    spans: Vec<(u64, u32, u32)>,
    /// How the value follows from them, "" where it is plainly them.
    pub own: &'a str,
    /// The first of them.
    pub quote: &'a [u8],
}

impl Default for EvidenceRef<'_> {
    fn default() -> Self {
        Self { frame_sha256: &[0; 32], derivation: Vec::new(), spans: Vec::new(), own: "", quote: &[] }
    }
}

impl EvidenceRef<'_> {
    /// The value's bytes, in order, where the PDU was complete at `first`.
    pub fn spans(&self, first: Stamp) -> impl Iterator<Item = Span> {
        self.spans.iter().map(move |(packet, offset, length)| Span { packet: first.packet.wrapping_add(*packet), offset: *offset, length: *length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::example;

    #[test]
    fn a_statement_and_its_evidence_are_what_the_observation_is() {
        let said = example();
        let (key, evidence) = (said.key(), said.evidence_bytes());
        let statement = Statement::of(&key).unwrap();
        assert_eq!(statement, said.statement());
        assert_eq!(statement.of_itself(), said.of_itself());
        for (index, whole) in said.fields_first.iter().enumerate() {
            let found = statement.evidence(&evidence, Some(index)).unwrap();
            assert_eq!((found.frame_sha256, &found.derivation[..]), (&said.first.frame_sha256, &["tcp"][..]));
            assert_eq!(found.spans(said.first.stamp).collect::<Vec<_>>(), whole.spans);
            assert_eq!((found.quote, found.own), (&whole.quote[..], whole.derivation.as_deref().unwrap_or_default()));
            assert_eq!(statement.fields[index].value.display(), said.fields[index].value.display());
        }
        assert_eq!(statement.evidence(&evidence, None).unwrap().quote, b"");
    }

    #[test]
    fn no_prefix_and_no_changed_byte_panics() {
        let said = example();
        let (key, evidence) = (said.key(), said.evidence_bytes());
        let statement = said.statement();
        for end in 1..evidence.len() {
            assert!(statement.evidence(&evidence[..end], Some(4)).is_err());
        }
        for (at, byte) in (0..key.len()).flat_map(|at| [0, 1, 0x7f, 0x80, 0xff].map(|byte| (at, byte))) {
            let mut changed = key.clone();
            changed[at] = byte;
            let _ = Statement::of(&changed);
        }
        for (at, byte) in (0..evidence.len()).flat_map(|at| [0, 1, 0x7f, 0x80, 0xff].map(|byte| (at, byte))) {
            let mut changed = evidence.clone();
            changed[at] = byte;
            let _ = statement.evidence(&changed, Some(4));
        }
    }
}
