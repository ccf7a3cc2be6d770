//! Appending numbers and byte strings to a growing PDU, one call a field.

/// What a PDU is written with.
pub(crate) trait Put {
    /// One byte.
    fn byte(&mut self, value: u8) -> &mut Self;
    /// Bytes as they are.
    fn raw(&mut self, value: &[u8]) -> &mut Self;

    /// 16 bits, big end first.
    fn be16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }
    /// 24 bits, big end first.
    fn be24(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes()[1..])
    }
    /// 32 bits, big end first.
    fn be32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }
    /// 16 bits, little end first.
    fn le16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    /// 32 bits, little end first.
    fn le32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    /// A length of one byte, then the bytes.
    fn short(&mut self, value: &[u8]) -> &mut Self {
        self.byte(value.len() as u8).raw(value)
    }
    /// A length of 16 bits, big end first, then the bytes.
    fn long(&mut self, value: &[u8]) -> &mut Self {
        self.be16(value.len() as u16).raw(value)
    }
    /// Text in a field of `width` bytes, filled up with `fill`.
    fn padded(&mut self, text: &str, width: usize, fill: u8) -> &mut Self {
        let kept = text.len().min(width);
        self.raw(&text.as_bytes()[..kept]).raw(&vec![fill; width - kept])
    }
}

impl Put for Vec<u8> {
    fn byte(&mut self, value: u8) -> &mut Self {
        self.push(value);
        self
    }
    fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.extend_from_slice(value);
        self
    }
}
