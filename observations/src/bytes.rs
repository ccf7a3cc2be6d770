//! Canonical bytes: one encoding for identity, for the database and for messages between sensors.
//!
//! An observation is two byte strings. Its *key* says what was said: about, protocol, kind, speaker, fields; equal keys are the same
//! observation. Its *evidence* says where. Numbers are LEB128; text and bytes carry their length. Everything read back is checked: a
//! database may be damaged, a message forged.

use crate::address::{Mac, Transport};
use crate::evidence::{Evidence, Span, Stamp};
use crate::field::{Field, Kind};
use crate::observation::{FieldEvidence, Observation, Said};
use crate::statement::{Statement, ValueRef};
use crate::subject::{Endpoint, PathStep, STEP_KINDS, Segment, StepKind, Subject};
use crate::value::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes that are no canonical encoding, and where they stop being one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// What was expected there.
    pub expected: &'static str,
    /// Bytes left when it was not found.
    pub left: usize,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no {} where {} bytes are left", self.expected, self.left)
    }
}

impl std::error::Error for DecodeError {}

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Appends a number as LEB128.
pub fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number, zigzag and LEB128.
pub fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// Appends bytes with their length.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) const HAS_MAC: u8 = 1;
pub(crate) const HAS_IPV4: u8 = 2;
pub(crate) const HAS_IPV6: u8 = 4;
pub(crate) const HAS_ENDPOINT: u8 = 8;
pub(crate) const HAS_PATH: u8 = 16;
pub(crate) const HAS_SEGMENT: u8 = 32;

/// Appends a subject.
pub fn put_subject(out: &mut Vec<u8>, subject: &Subject) {
    let ip = match subject.ip {
        Some(IpAddr::V4(_)) => HAS_IPV4,
        Some(IpAddr::V6(_)) => HAS_IPV6,
        None => 0,
    };
    let flag = |there: bool, bit: u8| if there { bit } else { 0 };
    out.push(
        ip | flag(subject.mac.is_some(), HAS_MAC)
            | flag(subject.endpoint.is_some(), HAS_ENDPOINT)
            | flag(!subject.path.is_empty(), HAS_PATH)
            | flag(subject.segment != Segment(0), HAS_SEGMENT),
    );
    if subject.segment != Segment(0) {
        put_number(out, u64::from(subject.segment.0));
    }
    if let Some(mac) = subject.mac {
        out.extend_from_slice(&mac.0);
    }
    match subject.ip {
        Some(IpAddr::V4(ip)) => out.extend_from_slice(&ip.octets()),
        Some(IpAddr::V6(ip)) => out.extend_from_slice(&ip.octets()),
        None => {}
    }
    if let Some(endpoint) = subject.endpoint {
        out.push(endpoint.transport.code());
        out.extend_from_slice(&endpoint.port.to_be_bytes());
    }
    if !subject.path.is_empty() {
        put_number(out, subject.path.len() as u64);
        for step in &subject.path {
            out.push(STEP_KINDS.iter().find(|row| row.0 == step.kind).map_or(0, |row| row.1));
            put_number(out, step.number);
        }
    }
}

/// Appends a value.
pub fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(bytes) => put_text_value(out, bytes),
        Value::Bytes(bytes) => put_bytes_value(out, bytes),
        Value::Number(number) => {
            out.push(3);
            put_number(out, *number);
        }
        Value::Mac(mac) => {
            out.push(4);
            out.extend_from_slice(&mac.0);
        }
        Value::Ip(IpAddr::V4(ip)) => {
            out.push(5);
            out.extend_from_slice(&ip.octets());
        }
        Value::Ip(IpAddr::V6(ip)) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
        Value::Time(seconds) => {
            out.push(7);
            put_signed(out, *seconds);
        }
    }
}

/// Appends a [`Value::Text`], without making one first.
pub fn put_text_value(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(1);
    put_bytes(out, bytes.get(..Value::BYTES_MAX).unwrap_or(bytes));
}

/// Appends a [`Value::Bytes`], without making one first.
pub fn put_bytes_value(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(2);
    put_bytes(out, bytes.get(..Value::BYTES_MAX).unwrap_or(bytes));
}

/// Appends what comes before the fields of an observation's key. Its bytes up to the speaker are the observation's *group*.
pub fn put_key_head(out: &mut Vec<u8>, about: &Subject, protocol: &str, kind: Kind, speaker: &Subject) {
    put_subject(out, about);
    put_bytes(out, protocol.as_bytes());
    out.push(kind.code());
    if speaker == about {
        out.push(0);
    } else {
        out.push(1);
        put_subject(out, speaker);
    }
}

/// Appends one field of an observation's key, without its value.
pub fn put_field(out: &mut Vec<u8>, field: Field) {
    put_number(out, u64::from(field.code()));
}

/// Appends where one field's value stands. A quote that is the value itself is not stored twice.
pub fn put_field_evidence(out: &mut Vec<u8>, stamp: Stamp, evidence: &FieldEvidence, value: Option<&[u8]>) {
    put_number(out, evidence.spans.len() as u64);
    for span in &evidence.spans {
        put_signed(out, span.packet.wrapping_sub(stamp.packet) as i64);
        put_number(out, u64::from(span.offset));
        put_number(out, u64::from(span.length));
    }
    match &evidence.derivation {
        None => put_bytes(out, b""),
        Some(name) => put_bytes(out, name.as_bytes()),
    }
    if value == Some(&evidence.quote[..]) {
        out.push(1);
    } else {
        out.push(0);
        put_bytes(out, &evidence.quote);
    }
}

/// As [`put_field_evidence`], for a field that stands in one stretch of the observation's own packet. `quote` is `None` where the quote
/// is the value itself.
pub fn put_plain_evidence(out: &mut Vec<u8>, place: Option<(u32, u32)>, derivation: &str, quote: Option<&[u8]>) {
    put_number(out, u64::from(place.is_some()));
    if let Some((offset, length)) = place {
        put_signed(out, 0);
        put_number(out, u64::from(offset));
        put_number(out, u64::from(length));
    }
    put_bytes(out, derivation.as_bytes());
    match quote {
        None => out.push(1),
        Some(quote) => {
            out.push(0);
            put_bytes(out, quote);
        }
    }
}

/// Appends what comes before the fields of an observation's evidence.
pub fn put_evidence_head(out: &mut Vec<u8>, evidence: &Evidence) {
    out.extend_from_slice(&evidence.frame_sha256);
    put_number(out, evidence.derivation.len() as u64);
    for name in &evidence.derivation {
        put_bytes(out, name.as_bytes());
    }
}

impl Observation {
    /// What was said, as canonical bytes.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put_key_head(&mut out, &self.about, &self.protocol, self.kind, &self.speaker);
        for said in &self.fields {
            put_field(&mut out, said.field);
            put_value(&mut out, &said.value);
        }
        out
    }

    /// Where it was read first, as canonical bytes.
    #[must_use]
    pub fn evidence_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put_evidence_head(&mut out, &self.first);
        for (said, evidence) in self.fields.iter().zip(&self.fields_first) {
            put_field_evidence(&mut out, self.first.stamp, evidence, quotable(&said.value));
        }
        out
    }

    /// Reads an observation back.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no encoding of one.
    pub fn decode(key: &[u8], evidence: &[u8], first: Stamp, last: Stamp, revision: u16) -> Result<Self, DecodeError> {
        let Statement { about, speaker, protocol, kind, fields } = Statement::of(key)?;
        let fields: Vec<Said> = fields.iter().map(|said| Said { field: said.field, value: said.value.into() }).collect();
        let mut reader = Reader { bytes: evidence };
        let (mut first, mut fields_first) = (Evidence { stamp: first, ..Evidence::default() }, Vec::with_capacity(fields.len()));
        if !evidence.is_empty() {
            first.frame_sha256.copy_from_slice(reader.take(32)?);
            for _ in 0..reader.number()?.min(8) {
                first.derivation.push(reader.text()?.to_owned());
            }
            for said in &fields {
                fields_first.push(reader.field_evidence(first.stamp, quotable(&said.value))?);
            }
        }
        fields_first.resize(fields.len(), FieldEvidence::default());
        Ok(Self { about, speaker, protocol: protocol.to_owned(), kind, fields, revision, first, fields_first, last })
    }
}

/// The bytes that a quote may equal.
fn quotable(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Text(bytes) | Value::Bytes(bytes) => Some(bytes.get(..FieldEvidence::QUOTE_MAX).unwrap_or(bytes)),
        _ => None,
    }
}

/// The bytes of a key that say about whom, in which protocol and what kind: observations that share them share one bound.
///
/// # Errors
/// [`DecodeError`] where the bytes are no key.
pub fn group(key: &[u8]) -> Result<&[u8], DecodeError> {
    let mut reader = Reader { bytes: key };
    reader.subject()?;
    reader.counted()?;
    reader.byte()?;
    let left = reader.bytes.len();
    key.get(..key.len() - left).ok_or(reader.fail("group"))
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A cursor over canonical bytes.
pub struct Reader<'a> {
    /// What is left.
    pub bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The error that stands here.
    #[must_use]
    pub fn fail(&self, expected: &'static str) -> DecodeError {
        DecodeError { expected, left: self.bytes.len() }
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if there are fewer.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.bytes.split_at_checked(n).ok_or(self.fail("bytes"))?;
        self.bytes = rest;
        Ok(head)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError`] at the end.
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| self.fail("bytes"))
    }

    /// A LEB128 number.
    ///
    /// # Errors
    /// [`DecodeError`] at the end, or beyond 64 bits.
    pub fn number(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.fail("number"))
    }

    /// A zigzag LEB128 number.
    ///
    /// # Errors
    /// As [`Reader::number`].
    pub fn signed(&mut self) -> Result<i64, DecodeError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// Bytes with their length.
    ///
    /// # Errors
    /// [`DecodeError`] if there are fewer than announced.
    pub fn counted(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.number()?).map_err(|_| self.fail("length"))?;
        self.take(length)
    }

    /// UTF-8 text with its length.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.counted()?;
        std::str::from_utf8(bytes).map_err(|_| self.fail("text"))
    }

    /// A subject.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none.
    pub fn subject(&mut self) -> Result<Subject, DecodeError> {
        let flags = self.byte()?;
        let mut subject = Subject::default();
        if flags & HAS_SEGMENT != 0 {
            subject.segment = Segment(u16::try_from(self.number()?).map_err(|_| self.fail("segment"))?);
        }
        if flags & HAS_MAC != 0 {
            subject.mac = Some(Mac(self.array()?));
        }
        if flags & HAS_IPV4 != 0 {
            subject.ip = Some(Ipv4Addr::from(self.array::<4>()?).into());
        } else if flags & HAS_IPV6 != 0 {
            subject.ip = Some(Ipv6Addr::from(self.array::<16>()?).into());
        }
        if flags & HAS_ENDPOINT != 0 {
            let transport = Transport::from_code(self.byte()?).ok_or(self.fail("transport"))?;
            subject.endpoint = Some(Endpoint { transport, port: u16::from_be_bytes(self.array()?) });
        }
        if flags & HAS_PATH != 0 {
            for _ in 0..self.number()?.min(Subject::PATH_MAX as u64) {
                subject.path.push(self.step()?);
            }
        }
        Ok(subject)
    }

    fn step(&mut self) -> Result<PathStep, DecodeError> {
        let code = self.byte()?;
        let kind: StepKind = STEP_KINDS.iter().find(|row| row.1 == code).ok_or(self.fail("path step"))?.0;
        Ok(PathStep { kind, number: self.number()? })
    }

    /// A value.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none.
    pub fn value(&mut self) -> Result<ValueRef<'a>, DecodeError> {
        Ok(match self.byte()? {
            1 => ValueRef::Text(self.counted()?),
            2 => ValueRef::Bytes(self.counted()?),
            3 => ValueRef::Number(self.number()?),
            4 => ValueRef::Mac(Mac(self.array()?)),
            5 => ValueRef::Ip(Ipv4Addr::from(self.array::<4>()?).into()),
            6 => ValueRef::Ip(Ipv6Addr::from(self.array::<16>()?).into()),
            7 => ValueRef::Time(self.signed()?),
            _ => return Err(self.fail("value")),
        })
    }

    /// A span: its packet as the distance from the one that completed the PDU, offset and length.
    pub(crate) fn span(&mut self) -> Result<(u64, u32, u32), DecodeError> {
        let packet = self.signed()? as u64;
        let (offset, length) = (self.number()?, self.number()?);
        let offset = u32::try_from(offset).map_err(|_| self.fail("offset"))?;
        Ok((packet, offset, u32::try_from(length).map_err(|_| self.fail("length"))?))
    }

    fn field_evidence(&mut self, stamp: Stamp, value: Option<&[u8]>) -> Result<FieldEvidence, DecodeError> {
        let mut evidence = FieldEvidence::default();
        for _ in 0..self.number()? {
            let (packet, offset, length) = self.span()?;
            evidence.spans.push(Span { packet: stamp.packet.wrapping_add(packet), offset, length });
        }
        let derivation = self.text()?;
        evidence.derivation = (!derivation.is_empty()).then(|| derivation.to_owned());
        evidence.quote = if self.byte()? == 1 { value.unwrap_or_default().to_vec() } else { self.counted()?.to_vec() };
        Ok(evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::example;

    #[test]
    fn an_observation_is_read_back_as_it_was() {
        let said = example();
        let back = Observation::decode(&said.key(), &said.evidence_bytes(), said.first.stamp, said.last, said.revision).unwrap();
        assert_eq!(back, said);
        assert_eq!((back.first.stamp.number(), back.first.stamp.part()), (9, 2));
    }

    #[test]
    fn no_prefix_and_no_changed_byte_of_an_encoding_panics() {
        let said = example();
        let (key, evidence) = (said.key(), said.evidence_bytes());
        for end in 0..key.len() {
            let _ = Observation::decode(&key[..end], &evidence, Stamp::default(), Stamp::default(), 0);
        }
        for end in 1..evidence.len() {
            assert!(Observation::decode(&key, &evidence[..end], Stamp::default(), Stamp::default(), 0).is_err());
        }
        for at in 0..key.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = key.clone();
                changed[at] = byte;
                let _ = Observation::decode(&changed, &evidence, Stamp::default(), Stamp::default(), 0);
                let _ = group(&changed);
            }
        }
    }

    #[test]
    fn a_group_is_the_key_up_to_the_speaker() {
        let (said, mut other) = (example(), example());
        other.fields.pop();
        other.speaker = other.about.clone();
        assert_eq!(group(&said.key()).unwrap(), group(&other.key()).unwrap());
        other.kind = Kind::Name;
        assert_ne!(group(&said.key()).unwrap(), group(&other.key()).unwrap());
    }
}
