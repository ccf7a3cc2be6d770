//! OPC UA's binary encoding: the built-in types, read in order from one message.
//!
//! Spec: OPC 10000-6 section 5.2. Numbers are little-endian; lengths are signed, and below zero there is no value.

use crate::dissector::DissectError;

/// Variants and diagnostics nest in what they hold (5.2.2.12 allows 100 levels); nothing that is read here nests deeper.
const DEPTH_MAX: u8 = 8;

/// The built-in types of one message, one after another.
#[derive(Clone, Copy)]
pub(super) struct Binary<'a> {
    pub(super) rest: &'a [u8],
}

/// A NodeId (5.2.2.9): numbers of namespace 0 mean something, others are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NodeId<'a> {
    /// A number of the OPC UA namespace, and its bytes.
    Standard(u32, &'a [u8]),
    /// Any other: a hash of namespace and identifier.
    Other(u64),
}

/// FNV-1a of 64 bits, continued: what it tells apart is one server's own.
pub(super) fn hash(begin: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(begin, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
/// What a hash begins with.
pub(super) const HASHED: u64 = 0xcbf2_9ce4_8422_2325;

fn other(namespace: u16, kind: u8, identifier: &[u8]) -> NodeId<'static> {
    NodeId::Other(hash(hash(hash(HASHED, &namespace.to_le_bytes()), &[kind]), identifier))
}

impl NodeId<'_> {
    /// A number that tells it from others.
    pub(super) fn key(&self) -> u64 {
        match self {
            Self::Standard(number, _) => hash(HASHED, &number.to_le_bytes()),
            Self::Other(hash) => *hash,
        }
    }

    /// The number, if it is one of the OPC UA namespace.
    pub(super) const fn number(&self) -> Option<u32> {
        if let Self::Standard(number, _) = self { Some(*number) } else { None }
    }
}

/// A Variant: what is read of one is text, and structures (5.2.2.16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Variant<'a> {
    /// One string, or the first of an array.
    Text(&'a [u8]),
    /// An ExtensionObject: type and body.
    Structure(Option<u32>, &'a [u8]),
    /// Any other.
    Other,
}

impl<'a> Binary<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], DissectError> {
        let needed = length.saturating_sub(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DissectError::Truncated { needed })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DissectError> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    pub(super) fn u16(&mut self) -> Result<u16, DissectError> {
        Ok(self.take(2)?.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes)))
    }

    pub(super) fn u32(&mut self) -> Result<u32, DissectError> {
        Ok(number(self.take(4)?))
    }

    /// 5.2.2.4, 5.2.2.7: a String or ByteString; a null one reads as an empty one.
    pub(super) fn string(&mut self) -> Result<&'a [u8], DissectError> {
        match usize::try_from(self.u32()?.cast_signed()) {
            Ok(length) => self.take(length),
            Err(_) => Ok(&[]),
        }
    }

    /// 5.2.5: the number of elements of an array; none for a null one.
    pub(super) fn count(&mut self) -> Result<usize, DissectError> {
        let count = usize::try_from(self.u32()?.cast_signed()).unwrap_or(0);
        // Every element has a byte at least: more elements than bytes are a lie.
        if count > self.rest.len() { Err(DissectError::Malformed { rule: "array length", offset: 0 }) } else { Ok(count) }
    }

    pub(super) fn strings(&mut self) -> Result<&'a [u8], DissectError> {
        let mut first = &[][..];
        for index in 0..self.count()? {
            let text = self.string()?;
            if index == 0 {
                first = text;
            }
        }
        Ok(first)
    }

    /// 5.2.2.9 and 5.2.2.10: a NodeId, or an ExpandedNodeId where the bits say so.
    pub(super) fn node_id(&mut self) -> Result<NodeId<'a>, DissectError> {
        const NAMESPACE_URI: u8 = 0x80;
        const SERVER_INDEX: u8 = 0x40;
        let kind = self.byte()?;
        let mut node = match kind & 0x3f {
            0 => {
                let bytes = self.take(1)?;
                NodeId::Standard(number(bytes), bytes)
            }
            1 => match (self.byte()?, self.take(2)?) {
                (0, bytes) => NodeId::Standard(number(bytes), bytes),
                // The same number has a longer form.
                (namespace, bytes) => other(namespace.into(), 0, &number(bytes).to_le_bytes()),
            },
            2 => match (self.u16()?, self.take(4)?) {
                (0, bytes) => NodeId::Standard(number(bytes), bytes),
                (namespace, bytes) => other(namespace, 0, bytes),
            },
            kind @ (3 | 5) => other(self.u16()?, kind, self.string()?),
            4 => other(self.u16()?, 4, self.take(16)?),
            _ => return Err(DissectError::Malformed { rule: "node id", offset: 0 }),
        };
        if kind & NAMESPACE_URI != 0 {
            // It stands in place of the number of the namespace.
            node = NodeId::Other(hash(node.key(), self.string()?));
        }
        if kind & SERVER_INDEX != 0 {
            self.u32()?;
        }
        Ok(node)
    }

    /// 5.2.2.14: the text.
    pub(super) fn localized_text(&mut self) -> Result<&'a [u8], DissectError> {
        let mask = self.byte()?;
        if mask & 1 != 0 {
            self.string()?;
        }
        if mask & 2 != 0 { self.string() } else { Ok(&[]) }
    }

    /// 5.2.2.15: an ExtensionObject's type and body.
    pub(super) fn extension_object(&mut self) -> Result<(NodeId<'a>, &'a [u8]), DissectError> {
        let kind = self.node_id()?;
        match self.byte()? {
            0 => Ok((kind, &[])),
            1 | 2 => Ok((kind, self.string()?)),
            _ => Err(DissectError::Malformed { rule: "extension object", offset: 0 }),
        }
    }

    /// 5.2.2.12.
    pub(super) fn diagnostic_info(&mut self) -> Result<(), DissectError> {
        for _ in 0..DEPTH_MAX {
            let mask = self.byte()?;
            for _ in 0..(mask & 0x0f).count_ones() {
                self.u32()?;
            }
            if mask & 0x10 != 0 {
                self.string()?;
            }
            if mask & 0x20 != 0 {
                self.u32()?;
            }
            if mask & 0x40 == 0 {
                return Ok(());
            }
        }
        Err(DissectError::Malformed { rule: "nested diagnostics", offset: 0 })
    }

    /// 5.2.2.17: the value, and whether the status that comes with it is good.
    pub(super) fn data_value(&mut self) -> Result<(Variant<'a>, bool), DissectError> {
        self.data_value_at(0)
    }

    fn data_value_at(&mut self, depth: u8) -> Result<(Variant<'a>, bool), DissectError> {
        /// OPC 10000-4 §7.39: the two highest bits of a status; 00 is good.
        const SEVERITY: u32 = 0xc000_0000;
        let mask = self.byte()?;
        let value = if mask & 1 != 0 { self.variant(depth)? } else { Variant::Other };
        let status = if mask & 2 != 0 { self.u32()? } else { 0 };
        for (bit, length) in [(0x04, 8), (0x10, 2), (0x08, 8), (0x20, 2)] {
            if mask & bit != 0 {
                self.take(length)?;
            }
        }
        Ok((value, status & SEVERITY == 0))
    }

    /// 5.2.2.16.
    fn variant(&mut self, depth: u8) -> Result<Variant<'a>, DissectError> {
        const ARRAY: u8 = 0x80;
        const DIMENSIONS: u8 = 0x40;
        if depth >= DEPTH_MAX {
            return Err(DissectError::Malformed { rule: "nested variants", offset: 0 });
        }
        let mask = self.byte()?;
        let kind = mask & 0x3f;
        if mask & ARRAY == 0 {
            return self.scalar(kind, depth);
        }
        let mut first = Variant::Other;
        for index in 0..self.count()? {
            let value = self.scalar(kind, depth)?;
            if index == 0 {
                first = value;
            }
        }
        if mask & DIMENSIONS != 0 {
            for _ in 0..self.count()? {
                self.u32()?;
            }
        }
        Ok(first)
    }

    /// Table 1 of 5.1.2, by number.
    fn scalar(&mut self, kind: u8, depth: u8) -> Result<Variant<'a>, DissectError> {
        let length = match kind {
            0 => 0,
            1..=3 => 1,
            4 | 5 => 2,
            6 | 7 | 10 | 19 => 4,
            8 | 9 | 11 | 13 => 8,
            14 => 16,
            12 => return Ok(Variant::Text(self.string()?)),
            15 | 16 => return self.string().map(|_| Variant::Other),
            17 | 18 => return self.node_id().map(|_| Variant::Other),
            20 => return self.u16().and_then(|_| self.string()).map(|_| Variant::Other),
            21 => return Ok(Variant::Text(self.localized_text()?)),
            22 => return self.extension_object().map(|(kind, body)| Variant::Structure(kind.number(), body)),
            23 => return self.data_value_at(depth + 1).map(|_| Variant::Other),
            24 => return self.variant(depth + 1),
            25 => return self.diagnostic_info().map(|()| Variant::Other),
            _ => return Err(DissectError::Malformed { rule: "built-in type", offset: 0 }),
        };
        self.take(length)?;
        Ok(Variant::Other)
    }
}

/// A little-endian number of at most four bytes.
pub(super) fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_are_passed_over() {
        let mut values = Binary::new(&[
            0x0f, 0x0c, 2, 0, 0, 0, b'o', b'k', 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, // text, status, two times
            0x01, 0x8c, 2, 0, 0, 0, 1, 0, 0, 0, b'a', 1, 0, 0, 0, b'b', // array of text
            0x01, 0x17, 0x01, 0x03, 7, // a value within a value
            0x01, 0x16, 1, 0, 0x54, 1, 1, 1, 0, 0, 0, 9, // a structure
            0x01, 0xc6, 1, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, // a matrix of one number
            0x02, 0, 0, 0x34, 0x80, // no value and a bad status
        ]);
        assert_eq!(values.data_value().unwrap(), (Variant::Text(b"ok"), true));
        assert_eq!(values.data_value().unwrap(), (Variant::Text(b"a"), true));
        assert_eq!(values.data_value().unwrap(), (Variant::Other, true));
        assert_eq!(values.data_value().unwrap(), (Variant::Structure(Some(340), &[9]), true));
        assert_eq!(values.data_value().unwrap(), (Variant::Other, true));
        assert_eq!(values.data_value().unwrap(), (Variant::Other, false));
        assert!(values.rest.is_empty());
    }

    #[test]
    fn lengths_that_lie_and_endless_nesting_end() {
        assert!(Binary::new(&[0xff, 0xff, 0xff, 0x7f, 1]).string().is_err());
        assert!(Binary::new(&[0xff, 0xff, 0xff, 0x7f, 1]).strings().is_err());
        assert!(Binary::new(&[0x18; 200]).variant(0).is_err());
        assert!(Binary::new(&[0x40; 200]).diagnostic_info().is_err());
        assert_eq!(Binary::new(&[0xff; 4]).string().unwrap(), b"");
    }

    #[test]
    fn only_numbers_of_the_standard_namespace_count() {
        assert_eq!(Binary::new(&[1, 0, 0xd5, 8]).node_id().unwrap().number(), Some(2261));
        assert_eq!(Binary::new(&[2, 0, 0, 0xd5, 8, 0, 0]).node_id().unwrap().number(), Some(2261));
        for other in [&[1u8, 2, 0xd5, 8][..], &[3, 0, 0, 1, 0, 0, 0, b'x'], &[4; 19]] {
            assert_eq!(Binary::new(other).node_id().unwrap().number(), None);
        }
    }
}
