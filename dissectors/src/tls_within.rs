//! TLS that begins within another protocol's conversation: how its records are framed there, and handed on.
//!
//! Spec: RFC 5246 §6.2.1 and RFC 8446 §5.1 (records).

use crate::context::Context;
use crate::dissector::{Framing, Next};

/// Type, version, length.
const HEADER: usize = 5;
/// Change cipher spec to heartbeat.
const TYPES: std::ops::RangeInclusive<u8> = 20..=24;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// RFC 5246 §6.2.3: a record's longest body.
const BODY_MAX: usize = (1 << 14) + 2048;

/// Whether these bytes begin a record.
pub(crate) fn is_record(head: &[u8]) -> bool {
    matches!(head, [kind, 3, 0..=4, ..] if TYPES.contains(kind))
}

/// The record at the head of a stream.
pub(crate) fn frame(head: &[u8]) -> Framing {
    match head.first_chunk::<HEADER>() {
        Some(&[kind, 3, 0..=4, high, low]) if TYPES.contains(&kind) => {
            let body = usize::from(u16::from_be_bytes([high, low]));
            let len = HEADER + body;
            match body {
                ..=BODY_MAX => Framing::Pdu { len, want: if kind == HANDSHAKE { len } else { HEADER } },
                _ => Framing::Lost,
            }
        }
        None => Framing::Need(HEADER),
        Some(_) => Framing::Lost,
    }
}

/// Hands a record on; once there is application data nothing more is seen. The conversation keeps the name of what it is about.
pub(crate) fn read(record: &[u8], cx: &mut Context<'_>) -> Next {
    cx.beside("tls", 0, record);
    if record.first() == Some(&APPLICATION_DATA) { Next::Count } else { Next::Read }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_framed_and_strangers_are_lost() {
        assert_eq!(frame(&[22, 3, 1, 0, 4, 1]), Framing::Pdu { len: 9, want: 9 });
        assert_eq!(frame(&[23, 3, 3, 1, 0]), Framing::Pdu { len: 261, want: HEADER });
        assert_eq!(frame(&[22, 3]), Framing::Need(HEADER));
        assert_eq!(frame(b"HTTP/"), Framing::Lost);
        assert!(is_record(&[22, 3, 1]) && !is_record(&[22, 4, 1]));
    }
}
