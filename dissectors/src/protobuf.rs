//! Protocol buffers as far as identification needs them: fields one after another, each a slice of the message.
//!
//! Spec: Protocol Buffers, Encoding (protobuf.dev). Groups, which nothing in use has, end a message.

/// A number has at most ten bytes of seven bits.
const VARINT_MAX: usize = 10;

/// The value of one field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire<'a> {
    /// A number, also a truth value.
    Number(u64),
    /// Text, bytes or another message.
    Bytes(&'a [u8]),
    /// A fixed width of four or eight bytes.
    Fixed,
}

/// The fields of a message with their numbers; ends at the first that is cut or none.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Wire<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = varint(self.0)?;
        let (value, rest) = match tag & 7 {
            0 => varint(rest).map(|(number, rest)| (Wire::Number(number), rest))?,
            1 => (Wire::Fixed, rest.get(8..)?),
            2 => {
                let (length, rest) = varint(rest)?;
                let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Wire::Bytes(value), rest)
            }
            5 => (Wire::Fixed, rest.get(4..)?),
            _ => return None,
        };
        self.0 = rest;
        (tag >> 3 != 0).then_some((tag >> 3, value))
    }
}

/// Seven bits a byte, the lowest first.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(VARINT_MAX).enumerate() {
        number |= u64::from(byte & 0x7f).checked_shl(u32::try_from(7 * at).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_end_at_one_that_is_cut() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x22, 0x05, b'c'];
        let all: Vec<_> = Fields(&message).collect();
        assert_eq!(all, [(1, Wire::Number(150)), (2, Wire::Bytes(b"hi")), (3, Wire::Fixed)]);
    }

    #[test]
    fn what_is_no_message_ends() {
        for bytes in [&[0xff; 20][..], &[0x0b], &[0x00, 0x00], &[0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
            assert_eq!(Fields(bytes).count(), 0, "{bytes:?}");
        }
    }
}
