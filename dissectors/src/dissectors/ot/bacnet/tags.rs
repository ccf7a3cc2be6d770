//! BACnet's encoding: tags with a number, a class and a length, and the few values that are read.
//!
//! Spec: ANSI/ASHRAE 135-2020 clause 20.2.

use crate::context::{Saying, trim};
use observations::{Field, Value};

/// 20.2.1: one tag and what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tag<'a> {
    /// A value of an application type: its number, its contents.
    Application(u8, &'a [u8]),
    /// A value whose type the context tells.
    Context(u8, &'a [u8]),
    Opening(u8),
    Closing(u8),
}

/// 20.2.1.4: application types.
pub(super) const UNSIGNED: u8 = 2;
pub(super) const CHARACTERS: u8 = 7;
pub(super) const ENUMERATED: u8 = 9;
pub(super) const OBJECT: u8 = 12;
const BOOLEAN: u8 = 1;

/// The next tag.
pub(super) fn tag<'a>(rest: &mut &'a [u8]) -> Option<Tag<'a>> {
    let (&first, mut i) = rest.split_first()?;
    let in_context = first & 8 != 0;
    let number = match first >> 4 {
        15 => {
            let (number, behind) = i.split_first()?;
            i = behind;
            *number
        }
        number => number,
    };
    let length = match first & 7 {
        6 | 7 if in_context => {
            *rest = i;
            return Some(if first & 1 == 0 { Tag::Opening(number) } else { Tag::Closing(number) });
        }
        5 => {
            let (extended, behind) = i.split_first()?;
            let (length, behind) = match extended {
                254 => behind.split_at_checked(2)?,
                255 => behind.split_at_checked(4)?,
                _ => (i.get(..1)?, behind),
            };
            i = behind;
            usize::try_from(crate::tlv::number(length)).ok()?
        }
        // 20.2.3: a boolean's value stands in its tag.
        _ if !in_context && number == BOOLEAN => 0,
        length => usize::from(length),
    };
    let (content, behind) = i.split_at_checked(length)?;
    *rest = behind;
    Some(if in_context { Tag::Context(number, content) } else { Tag::Application(number, content) })
}

/// 20.2.14: type and instance.
pub(super) fn object(content: &[u8]) -> Option<(u16, u32)> {
    let number = u32::from_be_bytes(*content.first_chunk().filter(|_| content.len() == 4)?);
    Some((u16::try_from(number >> 22).ok()?, number & 0x003f_ffff))
}

/// 20.2.9: a character string, in any of the sets that are in use: UTF-8 and ISO 8859-1 stand as they are, UCS-2 is decoded.
pub(super) fn text<'s, 'a>(saying: Saying<'s, 'a>, field: Field, content: &[u8]) -> Saying<'s, 'a> {
    const UTF_8: u8 = 0;
    const UCS_2: u8 = 4;
    const LATIN_1: u8 = 5;
    match content.split_first() {
        Some((&(UTF_8 | LATIN_1), text)) => saying.trimmed(field, text),
        Some((&UCS_2, text)) => {
            let units = text.chunks_exact(2).map(|pair| u16::try_from(crate::tlv::number(pair)).unwrap_or(0));
            let decoded: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            match trim(decoded.as_bytes()) {
                [] => saying,
                value => saying.decoded(field, &Value::Text(value.to_vec()), text, "utf-16be"),
            }
        }
        _ => saying,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_in_all_their_lengths() {
        let long = [&[0x75, 254, 1, 0][..], &[b'x'; 256]].concat();
        let mut rest = &[0xc4, 2, 0, 0, 1, 0x3e, 0x21, 5, 0x3f, 0x11, 0xf9, 200, 7][..];
        assert_eq!(tag(&mut rest), Some(Tag::Application(OBJECT, &[2, 0, 0, 1])));
        assert_eq!(tag(&mut rest), Some(Tag::Opening(3)));
        assert_eq!(tag(&mut rest), Some(Tag::Application(UNSIGNED, &[5])));
        assert_eq!(tag(&mut rest), Some(Tag::Closing(3)));
        assert_eq!(tag(&mut rest), Some(Tag::Application(BOOLEAN, &[])));
        assert_eq!(tag(&mut rest), Some(Tag::Context(200, &[7])));
        assert_eq!(tag(&mut rest), None);
        assert_eq!(tag(&mut &long[..]), Some(Tag::Application(CHARACTERS, &[b'x'; 256])));
        assert_eq!(tag(&mut &[0x75, 255, 0xff, 0xff, 0xff, 0xff, 1][..]), None);
    }
}
