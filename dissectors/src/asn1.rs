//! ASN.1 BER with definite lengths: what SNMP, LDAP, Kerberos, MMS and certificates are written in.
//!
//! Spec: ITU-T X.690. Indefinite lengths, which none of them needs, are refused. Nothing is copied; values are slices of the input.

use crate::dissector::DissectError;
use std::fmt::Write;

/// Universal tags (X.680 §8.6), as identifier bytes.
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// X.690 §8.1.2.5: identifier bits of constructed values, and of tag numbers that go on in further bytes.
const CONSTRUCTED: u8 = 0x20;
const TAG_NUMBER: u8 = 0x1f;
/// Tag numbers above 30 that are in use (MMS, certificates) fit one or two bytes; more is an attack on the reader.
const TAG_BYTES_MAX: usize = 3;
/// Lengths of more bytes exceed every packet.
const LENGTH_BYTES_MAX: usize = 4;
/// The deepest structure in use, a certificate within a Kerberos message, has about twenty levels.
const DEPTH_MAX: u8 = 32;
/// RFC 2578 §3.5: an object identifier has at most 128 arcs.
const ARCS_MAX: usize = 128;

/// One value: identifier and contents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tlv<'a> {
    /// The identifier's first byte: class, constructed bit, and the number if it is below 31.
    pub(crate) tag: u8,
    /// The contents, as far as they are there.
    pub(crate) content: &'a [u8],
    /// How many bytes of the contents are missing.
    pub(crate) missing: usize,
    /// The whole value, identifier and length included.
    pub(crate) whole: &'a [u8],
    offset: usize,
    depth: u8,
}

/// Values one after another. One that is constructed and cut is given with what is there of it; one that is primitive and cut is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0, depth: 0 }
    }

    /// What was not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next value, whatever it is; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Tlv<'a>>, DissectError> {
        let Some((&tag, _)) = self.rest.split_first() else { return Ok(None) };
        let malformed = |rule| DissectError::Malformed { rule, offset: self.offset };
        let identifier = identifier_length(self.rest).ok_or(malformed("tag"))?;
        let (header, length) = length(self.rest, identifier).ok_or(malformed("length"))??;
        let behind = self.rest.get(header..).unwrap_or_default();
        let content = behind.get(..length).unwrap_or(behind);
        let missing = length - content.len();
        if missing > 0 && tag & CONSTRUCTED == 0 {
            return Err(DissectError::Truncated { needed: missing });
        }
        let (whole, rest) = self.rest.split_at_checked(header + content.len()).unwrap_or((self.rest, &[]));
        let tlv = Tlv { tag, content, missing, whole, offset: self.offset + header, depth: self.depth };
        self.offset += whole.len();
        self.rest = rest;
        Ok(Some(tlv))
    }

    /// The next value, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8, rule: &'static str) -> Result<Tlv<'a>, DissectError> {
        let offset = self.offset;
        match self.next()? {
            Some(tlv) if tlv.tag == tag => Ok(tlv),
            Some(_) => Err(DissectError::Malformed { rule, offset }),
            None => Err(DissectError::Truncated { needed: 1 }),
        }
    }

    /// The next value, opened, which must have this tag.
    pub(crate) fn enter(&mut self, tag: u8, rule: &'static str) -> Result<Self, DissectError> {
        self.expect(tag, rule)?.open()
    }
}

impl<'a> Tlv<'a> {
    /// The values inside.
    pub(crate) const fn open(&self) -> Result<Reader<'a>, DissectError> {
        if self.depth >= DEPTH_MAX {
            return Err(DissectError::Malformed { rule: "nesting", offset: self.offset });
        }
        Ok(Reader { rest: self.content, offset: self.offset, depth: self.depth + 1 })
    }

    /// An integer's value, if it is not negative and fits (X.690 §8.3).
    pub(crate) fn number(&self) -> Option<u64> {
        let (first, _) = self.content.split_first()?;
        let digits = self.content.strip_prefix(&[0]).unwrap_or(self.content);
        (first & 0x80 == 0 && digits.len() <= 8).then(|| digits.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// An object identifier as dotted text.
    pub(crate) fn dotted(&self) -> Option<Vec<u8>> {
        dotted(self.content)
    }
}

/// X.690 §8.1.2.
fn identifier_length(bytes: &[u8]) -> Option<usize> {
    let (first, rest) = bytes.split_first()?;
    if first & TAG_NUMBER != TAG_NUMBER {
        return Some(1);
    }
    rest.iter().take(TAG_BYTES_MAX).position(|byte| byte & 0x80 == 0).map(|last| last + 2)
}

/// Where the contents begin, and how long they are (X.690 §8.1.3). `None` if the length is indefinite or too long.
fn length(bytes: &[u8], identifier: usize) -> Option<Result<(usize, usize), DissectError>> {
    let Some(&first) = bytes.get(identifier) else { return Some(Err(DissectError::Truncated { needed: 1 })) };
    if first < 0x80 {
        return Some(Ok((identifier + 1, usize::from(first))));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=LENGTH_BYTES_MAX).contains(&count) {
        return None;
    }
    let header = identifier + 1 + count;
    let Some(digits) = bytes.get(identifier + 1..header) else { return Some(Err(DissectError::Truncated { needed: 1 })) };
    let length = digits.iter().fold(0u32, |length, byte| length << 8 | u32::from(*byte));
    Some(usize::try_from(length).map(|length| (header, length)).map_err(|_| DissectError::Malformed { rule: "length", offset: 0 }))
}

/// The subidentifiers of an object identifier's contents (X.690 §8.19.2); ends at the first that is cut or too large.
pub(crate) fn subidentifiers(content: &[u8]) -> impl Iterator<Item = u64> {
    /// RFC 2578 §7.1.3: below 2^32, five bytes of seven bits; UUID-based arcs (X.667) do not occur in what is read.
    const BYTES_MAX: usize = 5;
    let mut rest = content;
    std::iter::from_fn(move || {
        let last = rest.iter().take(BYTES_MAX).position(|byte| byte & 0x80 == 0)?;
        let (bytes, behind) = rest.split_at_checked(last + 1)?;
        rest = behind;
        Some(bytes.iter().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f)))
    })
    .take(ARCS_MAX)
}

/// An object identifier's contents as dotted text; `None` if not all of it can be read.
pub(crate) fn dotted(content: &[u8]) -> Option<Vec<u8>> {
    let ends = content.last().is_some_and(|byte| byte & 0x80 == 0);
    let count = content.iter().filter(|byte| **byte & 0x80 == 0).count();
    let mut text = String::new();
    let mut read = 0;
    for (index, number) in subidentifiers(content).enumerate() {
        // §8.19.4: the first holds two arcs, of which the first is 0, 1 or 2.
        let written = if index == 0 {
            let first = (number / 40).min(2);
            write!(text, "{first}.{}", number - first * 40)
        } else {
            write!(text, ".{number}")
        };
        written.ok()?;
        read = index + 1;
    }
    (ends && read == count).then(|| text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_one_after_another() {
        let mut reader = Reader::new(&[0x30, 6, 0x02, 1, 5, 0x04, 1, b'x', 0x05, 0]);
        let mut inner = reader.enter(SEQUENCE, "message").unwrap();
        assert_eq!(inner.expect(INTEGER, "number").unwrap().number(), Some(5));
        assert_eq!(inner.expect(OCTET_STRING, "text").unwrap().content, b"x");
        assert!(inner.next().unwrap().is_none());
        assert_eq!(reader.next().unwrap().unwrap().tag, 5);
    }

    #[test]
    fn a_cut_sequence_gives_what_is_there_of_it() {
        let mut reader = Reader::new(&[0x30, 0x82, 1, 0, 0x02, 1, 5, 0x04, 9, b'x']);
        let outer = reader.next().unwrap().unwrap();
        assert_eq!(outer.missing, 250);
        let mut inner = outer.open().unwrap();
        assert_eq!(inner.next().unwrap().unwrap().number(), Some(5));
        assert!(matches!(inner.next(), Err(DissectError::Truncated { .. })));
    }

    #[test]
    fn indefinite_and_giant_lengths_are_refused() {
        for bytes in [&[0x30, 0x80, 0, 0][..], &[0x30, 0x85, 1, 1, 1, 1, 1], &[0x1f, 0xff, 0xff, 0xff, 1, 0]] {
            assert!(matches!(Reader::new(bytes).next(), Err(DissectError::Malformed { .. })));
        }
    }

    #[test]
    fn nesting_ends() {
        let bytes: Vec<u8> = (0..40u8).rev().flat_map(|left| [0x30, left * 2]).collect();
        let mut reader = Reader::new(&bytes);
        let result = loop {
            match reader.enter(SEQUENCE, "sequence") {
                Ok(inner) => reader = inner,
                Err(error) => break error,
            }
        };
        assert!(matches!(result, DissectError::Malformed { rule: "nesting", .. }));
    }

    #[test]
    fn object_identifiers_become_dotted_text() {
        assert_eq!(dotted(&[0x2b, 6, 1, 4, 1, 0xe4, 0x1a]).as_deref(), Some(&b"1.3.6.1.4.1.12826"[..]));
        assert_eq!(dotted(&[0x28, 0xc4, 0x62]).as_deref(), Some(&b"1.0.8802"[..]));
        for broken in [&[][..], &[0x2b, 0x86], &[0x2b, 0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
            assert_eq!(dotted(broken), None);
        }
    }

    #[test]
    fn negative_and_giant_integers_have_no_number() {
        for (bytes, number) in [(&[2, 1, 0xff][..], None), (&[2, 2, 0, 0xff], Some(255)), (&[2, 0], None), (&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0], None)]
        {
            assert_eq!(Reader::new(bytes).next().unwrap().unwrap().number(), number);
        }
    }
}
