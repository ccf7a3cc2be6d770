//! CBOR as far as identification needs it: data items one after another, each a slice of the message.
//!
//! Spec: RFC 8949 §3. Nothing is copied; ends at the first item that is cut.

/// One data item, or the head of one that holds others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Item<'a> {
    /// An integer; those beyond what 64 bits hold with a sign are cut to that.
    Number(i64),
    /// Text, of definite length.
    Text(&'a [u8]),
    /// Array or map: how many items or pairs follow, if that is told.
    Array(Option<u64>),
    /// See above.
    Map(Option<u64>),
    /// Ends what has no told length.
    Break,
    /// Bytes, tags, simple values, floating point.
    Other,
}

/// The items of a message.
pub(crate) struct Items<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let (&first, rest) = self.0.split_first()?;
        let (major, minor) = (first >> 5, first & 0x1f);
        let width = match minor {
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            28..=30 => return None,
            _ => 0,
        };
        let (argument, rest) = rest.split_at_checked(width)?;
        let told = minor != 31;
        let number = if width == 0 { u64::from(minor) } else { crate::tlv::number(argument) };
        let signed = i64::try_from(number).unwrap_or(i64::MAX);
        self.0 = rest;
        Some(match major {
            0 => Item::Number(signed),
            1 => Item::Number(-1 - signed),
            2 | 3 if told => {
                let (value, rest) = rest.split_at_checked(usize::try_from(number).ok()?)?;
                self.0 = rest;
                if major == 3 { Item::Text(value) } else { Item::Other }
            }
            4 => Item::Array(told.then_some(number)),
            5 => Item::Map(told.then_some(number)),
            7 if !told => Item::Break,
            _ => Item::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_one_after_another() {
        // [{-2: "/3/0/", 0: "1"}, h'01', 1.5, indefinite {}]
        let message = [0x84, 0xa2, 0x21, 0x65, b'/', b'3', b'/', b'0', b'/', 0, 0x61, b'1', 0x41, 1, 0xf9, 0x3e, 0, 0xbf, 0xff];
        let all: Vec<_> = Items(&message).collect();
        let expected = [
            Item::Array(Some(4)),
            Item::Map(Some(2)),
            Item::Number(-2),
            Item::Text(b"/3/0/"),
            Item::Number(0),
            Item::Text(b"1"),
            Item::Other,
            Item::Other,
            Item::Map(None),
            Item::Break,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn what_is_cut_or_none_ends() {
        for bytes in [&[0x65, b'a'][..], &[0x1c], &[0x1b, 1, 2], &[0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(Items(bytes).count(), 0);
        }
        assert_eq!(Items(&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).next(), Some(Item::Number(i64::MIN)));
    }
}
