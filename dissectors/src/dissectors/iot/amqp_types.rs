//! How AMQP writes values: field tables of 0-9-1, and the types of 1.0.
//!
//! Spec: AMQP 0-9-1 §4.2.5 and its errata (field tables); OASIS AMQP 1.0 part 1 §1.2 (encodings).

use crate::tlv::number;

/// Mechanisms that a server offers, or capabilities; more is no list that somebody wrote.
const ARRAY_MAX: usize = 32;

/// A length of four bytes and so many, as far as they are there; what follows, if something can.
pub(super) fn long(i: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some((length, rest)) = i.split_at_checked(4) else { return (&[], None) };
    match usize::try_from(number(length)).ok().and_then(|length| rest.split_at_checked(length)) {
        Some((value, rest)) => (value, Some(rest)),
        None => (rest, None),
    }
}

/// A length of one byte and so many.
pub(super) fn short(i: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = i.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// Text members of a field table with their names, those of other types passed over; ends at the first that is cut.
pub(super) struct Table<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Table<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (name, rest) = short(self.0)?;
            let (&kind, rest) = rest.split_first()?;
            let width = match kind {
                b't' | b'b' | b'B' => 1,
                b's' | b'u' => 2,
                b'I' | b'i' | b'f' => 4,
                b'D' => 5,
                b'L' | b'l' | b'T' | b'd' => 8,
                b'V' => 0,
                b'S' | b'x' | b'F' | b'A' => {
                    let (value, rest) = long(rest);
                    self.0 = rest?;
                    if kind == b'S' {
                        return Some((name, value));
                    }
                    continue;
                }
                _ => return None,
            };
            self.0 = rest.get(width..)?;
        }
    }
}

/// A value of 1.0.
pub(super) enum Value<'a> {
    /// String, symbol or binary.
    Bytes(&'a [u8]),
    /// An array of such.
    Array(Vec<&'a [u8]>),
    /// The pairs of a map, one value after another.
    Map(&'a [u8]),
    Other,
}

/// Part 1 §1.2.3: a list with a number that says what it is: the number, and the list's values.
pub(super) fn described(body: &[u8]) -> Option<(u64, &[u8])> {
    let (code, rest) = match body {
        [0, 0x53, code, rest @ ..] => (u64::from(*code), rest),
        [0, 0x80, rest @ ..] => rest.split_at_checked(8).map(|(code, rest)| (number(code), rest))?,
        _ => return None,
    };
    match rest {
        [0x45, ..] => Some((code, &[])),
        // Size and count, of one or four bytes each.
        [0xc0, _, _, values @ ..] => Some((code, values)),
        [0xd0, rest @ ..] => rest.get(8..).map(|values| (code, values)),
        _ => None,
    }
}

/// Values one after another; ends at the first that is cut or that is described.
pub(super) struct Values<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (&kind, rest) = self.0.split_first()?;
        // §1.2: the high half says how wide a value is, or its length.
        let width = match kind >> 4 {
            4 => Some(0),
            5 => Some(1),
            6 => Some(2),
            7 => Some(4),
            8 => Some(8),
            9 => Some(16),
            _ => None,
        };
        if let Some(width) = width {
            self.0 = rest.get(width..)?;
            return Some(Value::Other);
        }
        let (length, rest) = rest.split_at_checked(if kind >> 4 & 1 == 0 { 1 } else { 4 })?;
        let (value, rest) = rest.split_at_checked(usize::try_from(number(length)).ok()?)?;
        self.0 = rest;
        Some(match kind {
            0xa0 | 0xa1 | 0xa3 | 0xb0 | 0xb1 | 0xb3 => Value::Bytes(value),
            0xc1 => Value::Map(value.get(1..)?),
            0xd1 => Value::Map(value.get(4..)?),
            0xe0 => Value::Array(array(value.get(1..)?)),
            0xf0 => Value::Array(array(value.get(4..)?)),
            0xc0 | 0xd0 => Value::Other,
            _ => return None,
        })
    }
}

/// §1.6.22: one constructor for all elements.
fn array(bytes: &[u8]) -> Vec<&[u8]> {
    let Some((&kind, mut rest)) = bytes.split_first() else { return Vec::new() };
    let width = match kind {
        0xa0 | 0xa1 | 0xa3 => 1,
        0xb0 | 0xb1 | 0xb3 => 4,
        _ => return Vec::new(),
    };
    let mut out = Vec::new();
    while let Some((length, behind)) = rest.split_at_checked(width) {
        let Some((value, behind)) = usize::try_from(number(length)).ok().and_then(|length| behind.split_at_checked(length)) else { break };
        if out.len() >= ARRAY_MAX {
            break;
        }
        out.push(value);
        rest = behind;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_or_unknown_ends() {
        assert_eq!(Table(b"\x01aS\x00\x00\x00\x01x\x01bS\x00\x00\x00\x09y").collect::<Vec<_>>(), [(&b"a"[..], &b"x"[..])]);
        assert_eq!(Table(b"\x01a?").count(), 0);
        assert_eq!(Values(&[0x40, 0xa1, 5, b'x']).count(), 1);
        assert!(described(&[0, 0x80, 0, 0]).is_none());
        assert!(array(&[0xe0]).is_empty());
    }
}
