//! What was said, as the wire has it.

use crate::address::Mac;
use crate::statement::ValueRef;
use std::net::IpAddr;

/// One field's value, quoted from the wire and not interpreted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    /// Text in the bytes of the wire: UTF-8 as a rule, anything in truth.
    Text(Vec<u8>),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
    /// An unsigned number of whatever width the protocol has.
    Number(u64),
    /// A MAC address.
    Mac(Mac),
    /// An IP address.
    Ip(IpAddr),
    /// A time in seconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

impl Value {
    /// Longer values are cut here before they are kept: no identity field of any specification in use is longer, SNMP's sysDescr
    /// (255) and certificates' names included; certificates themselves are kept as digests and names.
    pub const BYTES_MAX: usize = 1024;

    /// The value as text for people: text as it is (bytes that are no UTF-8 become U+FFFD), bytes in hexadecimal.
    #[must_use]
    pub fn display(&self) -> String {
        ValueRef::from(self).display().into_owned()
    }

    /// The text, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        if let Self::Text(bytes) = self { Some(bytes) } else { None }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(bytes) => Self::Text(bytes.to_vec()),
            ValueRef::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            ValueRef::Number(number) => Self::Number(number),
            ValueRef::Mac(mac) => Self::Mac(mac),
            ValueRef::Ip(ip) => Self::Ip(ip),
            ValueRef::Time(seconds) => Self::Time(seconds),
        }
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; 2 * bytes.len()];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&hex_digits(*byte));
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// The two lower-case hexadecimal digits of a byte.
#[must_use]
pub(crate) const fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}
