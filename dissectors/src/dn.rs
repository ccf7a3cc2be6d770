//! Distinguished names: how certificates call their subject and issuer.
//!
//! Spec: RFC 5280 §4.1.2.4 (form), RFC 4514 (text). E-mail addresses are personal data and are left out of the text.

use crate::der::{BMP_STRING, Element, OBJECT_IDENTIFIER, dotted, element, elements};
use observations::value::hex;

/// One attribute of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attribute<'a> {
    /// The type's object identifier, its contents.
    pub(crate) kind: &'a [u8],
    pub(crate) value: Element<'a>,
}

pub(crate) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
pub(crate) const SERIAL_NUMBER: &[u8] = &[0x55, 4, 5];
pub(crate) const ORGANIZATION: &[u8] = &[0x55, 4, 10];
/// PKCS #9 emailAddress, 1.2.840.113549.1.9.1.
const EMAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];

/// RFC 4514 §3 and the registry of LDAP descriptors (RFC 4519) that §3 allows; every other type is dotted.
const SHORT: &[(&[u8], &str)] = &[
    (COMMON_NAME, "CN"),
    (&[0x55, 4, 4], "SN"),
    (SERIAL_NUMBER, "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (ORGANIZATION, "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 42], "givenName"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
];

/// String types whose octets are text as they stand: UTF8String, NumericString, PrintableString, TeletexString, IA5String, VisibleString.
const TEXT: &[u8] = &[0x0c, 0x12, 0x13, 0x14, 0x16, 0x1a];

impl Attribute<'_> {
    /// The value as text: its own octets, or those decoded from UTF-16.
    pub(crate) fn text(&self) -> Option<Vec<u8>> {
        if self.is_plain() { Some(self.value.body.to_vec()) } else { self.utf16() }
    }

    /// Whether the value's octets are text as they stand.
    pub(crate) fn is_plain(&self) -> bool {
        TEXT.contains(&self.value.tag)
    }

    fn utf16(&self) -> Option<Vec<u8>> {
        if self.value.tag != BMP_STRING {
            return None;
        }
        let units = self.value.body.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
        Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes())
    }
}

/// The attributes of a name in the order of the wire; the flag says whether one begins a new relative name.
pub(crate) fn attributes(name: &[u8]) -> impl Iterator<Item = (bool, Attribute<'_>)> {
    elements(name).flat_map(|relative| {
        let found = elements(relative.body).filter_map(|attribute| {
            let (value, kind) = element(attribute.body).ok()?;
            let (_, value) = element(value).ok()?;
            (kind.tag == OBJECT_IDENTIFIER).then_some(Attribute { kind: kind.body, value })
        });
        found.enumerate().map(|(index, attribute)| (index == 0, attribute))
    })
}

/// RFC 4514 §2: relative names last to first, with commas; attributes of one with plus signs.
pub(crate) fn text(name: &[u8]) -> Vec<u8> {
    let mut relatives: Vec<Vec<u8>> = Vec::new();
    for (begins, attribute) in attributes(name).filter(|(_, attribute)| attribute.kind != EMAIL) {
        let shown = one(&attribute);
        match relatives.last_mut() {
            Some(last) if !begins => {
                last.push(b'+');
                last.extend_from_slice(&shown);
            }
            _ => relatives.push(shown),
        }
    }
    relatives.reverse();
    relatives.join(&b',')
}

/// §2.3 and §2.4: a short name with the value as text, or dotted with the value's encoding in hexadecimal digits.
fn one(attribute: &Attribute<'_>) -> Vec<u8> {
    let short = SHORT.iter().find(|row| row.0 == attribute.kind).map(|row| row.1);
    match (short, attribute.text()) {
        (Some(short), Some(text)) => [short.as_bytes(), b"=", &escaped(&text)].concat(),
        _ => {
            let kind = short.map_or_else(|| dotted(attribute.kind).unwrap_or_default(), str::to_owned);
            format!("{kind}=#{}", hex(attribute.value.whole)).into_bytes()
        }
    }
}

/// §2.4: what would be read as something else stands behind a backslash.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (index, &byte) in text.iter().enumerate() {
        let (first, last) = (index == 0, index + 1 == text.len());
        match byte {
            0 => out.extend_from_slice(b"\\00"),
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'#' if first => out.extend_from_slice(b"\\#"),
            b' ' if first || last => out.extend_from_slice(b"\\ "),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_from_its_last_relative_name_to_its_first() {
        let name = [
            &[0x31, 11, 0x30, 9, 0x06, 3, 0x55, 4, 6, 0x13, 2][..], // country
            b"DE",
            &[0x31, 14, 0x30, 12, 0x06, 3, 0x55, 4, 10, 0x0c, 5], // organisation
            b"A, B\0",
            &[0x31, 24, 0x30, 11, 0x06, 3, 0x55, 4, 3, 0x1e, 4, 0, b'p', 0, b'1'], // common name in UTF-16 …
            &[0x30, 9, 0x06, 3, 0x55, 4, 5, 0x13, 2],                              // … and serial number together
            b" 7",
        ]
        .concat();
        assert_eq!(String::from_utf8(text(&name)).unwrap(), "CN=p1+serialNumber=\\ 7,O=A\\, B\\00,C=DE");
    }

    #[test]
    fn unknown_types_keep_their_encoding_and_e_mail_addresses_are_left_out() {
        let name = [
            &[0x31, 10, 0x30, 8, 0x06, 2, 0x2a, 3, 0x05, 2, 1, 2][..], // 1.2.3
            &[0x31, 19, 0x30, 17, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1, 0x16, 4],
            b"a@bc",
        ]
        .concat();
        assert_eq!(String::from_utf8(text(&name)).unwrap(), "1.2.3=#05020102");
    }

    #[test]
    fn a_name_that_ends_early_gives_what_came_before() {
        let name = [&[0x31, 11, 0x30, 9, 0x06, 3, 0x55, 4, 3, 0x13, 2][..], b"p1", &[0x31, 20, 0x30]].concat();
        assert_eq!(text(&name), b"CN=p1");
    }
}
