//! TLS that begins within another protocol, after both sides agreed on it (STARTTLS, AUTH TLS, the start of RDP's security).
//!
//! Spec: RFC 8446 §5.1; RFC 3207, RFC 2595, RFC 4511 §4.14, RFC 4217. The outer conversation keeps its name: it is still mail, and secured.

use crate::context::Context;
use crate::dissector::{Framing, Next};

/// The layer that takes TLS records, whoever carries them.
const TLS: &str = "tls";
/// RFC 8446 §5.1: type, version, length.
const HEADER: usize = 5;

/// Whether these bytes begin a record.
pub(crate) const fn is_record(head: &[u8]) -> bool {
    matches!(head, [20..=24, 3, 0..=4, ..])
}

/// The record at the head of a stream.
pub(crate) fn frame(head: &[u8]) -> Framing {
    match head.first_chunk::<HEADER>() {
        Some(&[20..=24, 3, 0..=4, high, low]) => {
            let len = HEADER + usize::from(u16::from_be_bytes([high, low]));
            Framing::Pdu { len, want: len }
        }
        Some(_) => Framing::Lost,
        None => Framing::Need(HEADER),
    }
}

/// Hands a record on. Once nothing more is in the clear the conversation is only counted.
pub(crate) fn read(record: &[u8], cx: &mut Context<'_>) -> Next {
    let taken = cx.beside(TLS, 0, record);
    if taken { Next::Read } else { Next::Count }
}
