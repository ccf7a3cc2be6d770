//! The header of a connectionless DCE/RPC PDU, for those that are handed a whole PDU.
//!
//! Spec: The Open Group C706, chapter 12.5 (connectionless protocol data units) and 14.1 (data representation).

/// Version 4 is connectionless (§12.5.2.1).
pub(super) const VERSION: u8 = 4;
/// §12.5.2: everything before the stub.
pub(super) const HEADER: usize = 80;

/// PDU types (§12.1).
pub(super) const REQUEST: u8 = 0;
pub(super) const RESPONSE: u8 = 2;
pub(super) const FAULT: u8 = 3;
/// The last type that there is: cancel acknowledged.
pub(super) const TYPE_MAX: u8 = 10;

/// First flags (§12.5.2.3).
pub(super) const LAST_FRAGMENT: u8 = 0x02;
pub(super) const FRAGMENT: u8 = 0x04;

/// A PDU's header.
pub(super) struct Header<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    little: bool,
    /// Object identifier as it stands, sixteen bytes.
    pub(super) object: &'a [u8],
    /// The first half of the interface identifier in network order.
    pub(super) interface: u64,
    pub(super) activity: &'a [u8],
    pub(super) sequence: u64,
    pub(super) operation: u64,
    /// Length of the stub in this PDU.
    pub(super) length: usize,
    pub(super) fragment: u64,
}

/// The header, if the bytes are enough and the version and the data representation are those that there are.
pub(super) fn header(pdu: &[u8]) -> Option<Header<'_>> {
    let &[VERSION, kind, flags, _, integers, floats, 0, ..] = pdu.first_chunk::<HEADER>()? else { return None };
    // §14.1: integers big-endian (0) or little-endian (1), characters ASCII (0); floats IEEE, VAX, Cray or IBM.
    if kind > TYPE_MAX || !matches!(integers, 0x00 | 0x10) || floats > 3 {
        return None;
    }
    let little = integers == 0x10;
    let number = |at: usize, length: usize| unsigned(pdu.get(at..at + length).unwrap_or_default(), little);
    let interface = number(24, 4) << 32 | number(28, 2) << 16 | number(30, 2);
    Some(Header {
        kind,
        flags,
        little,
        object: pdu.get(8..24)?,
        interface,
        activity: pdu.get(40..56)?,
        sequence: number(64, 4),
        operation: number(68, 2),
        length: usize::try_from(number(74, 2)).unwrap_or(usize::MAX),
        fragment: number(76, 2),
    })
}

impl Header<'_> {
    /// A number of the stub, in the sender's byte order.
    pub(super) fn number(&self, slice: &[u8]) -> u64 {
        unsigned(slice, self.little)
    }
}

/// A number of at most eight bytes.
fn unsigned(slice: &[u8], little: bool) -> u64 {
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    if little { slice.iter().rev().fold(0, add) } else { slice.iter().fold(0, add) }
}
