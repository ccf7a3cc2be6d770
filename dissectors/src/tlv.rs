//! Codes, lengths and values, and the few ways in which protocols write them into bytes.

use crate::context::{Saying, trim};
use observations::{Field, Mac, Value};

/// Elements of code, length and value, `WIDTH` bytes each for code and length, big-endian; ends at the first that is cut.
pub(crate) struct Elements<'a, const WIDTH: usize> {
    rest: &'a [u8],
}

impl<'a, const WIDTH: usize> Elements<'a, WIDTH> {
    pub(crate) const fn of(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// What is left: after the last element nothing, or one that is cut.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a, const WIDTH: usize> Iterator for Elements<'a, WIDTH> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (code, behind) = self.rest.split_at_checked(WIDTH)?;
        let (length, behind) = behind.split_at_checked(WIDTH)?;
        let (value, behind) = behind.split_at_checked(usize::try_from(number(length)).ok()?)?;
        self.rest = behind;
        Some((number(code), value))
    }
}

/// A big-endian number of at most eight bytes.
pub(crate) fn number(slice: &[u8]) -> u64 {
    slice.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Numbers in decimal, separated by commas.
pub(crate) fn decimal_list(numbers: impl Iterator<Item = u64>) -> Value {
    Value::Text(numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",").into_bytes())
}

/// Says a value of which only its writer knows whether it is text: as text if it could be.
pub(crate) fn text_or_bytes<'s, 'a>(saying: Saying<'s, 'a>, field: Field, value: &[u8]) -> Saying<'s, 'a> {
    let text = trim(value);
    if text.iter().all(|byte| (0x20..0x7f).contains(byte)) { saying.text(field, text) } else { saying.bytes(field, value) }
}

/// A number of 32 bits by which a text is known again: FNV-1a (Fowler, Noll, Vo).
pub(crate) fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A MAC address in hexadecimal digits, with colons, dashes or nothing between its bytes.
pub(crate) fn mac_of_text(text: &[u8]) -> Option<Mac> {
    let mut bytes = [0; 6];
    let between = match text.len() {
        12 => 0,
        17 => 1,
        _ => return None,
    };
    for (at, byte) in bytes.iter_mut().enumerate() {
        let start = at * (2 + between);
        if at > 0 && between > 0 && !matches!(text.get(start - 1), Some(b':' | b'-')) {
            return None;
        }
        let digits = std::str::from_utf8(text.get(start..start + 2)?).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    }
    Some(Mac(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_end_at_the_first_that_is_cut() {
        let mut elements = Elements::<2>::of(&[0, 7, 0, 1, 9, 0, 8, 0, 2, 1]);
        assert_eq!(elements.next(), Some((7, &[9][..])));
        assert_eq!(elements.next(), None);
        assert_eq!(elements.rest(), [0, 8, 0, 2, 1]);
    }

    #[test]
    fn a_mac_address_is_written_in_three_ways() {
        for text in ["00:11:32:0a:00:28", "00-11-32-0A-00-28", "0011320a0028"] {
            assert_eq!(mac_of_text(text.as_bytes()), Some(Mac([0, 0x11, 0x32, 0x0a, 0, 0x28])));
        }
        for text in ["00:11:32:0a:00", "00.11.32.0a.00.28", "+1:11:32:0a:00:28", "0011320a00zz"] {
            assert_eq!(mac_of_text(text.as_bytes()), None);
        }
    }
}
