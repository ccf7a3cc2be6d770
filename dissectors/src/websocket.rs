//! Frames of WebSockets, and the keys under which what is spoken in them is handed on.
//!
//! Spec: RFC 6455 §5.2 (framing), §5.3 (masking), §11.5 (registry of subprotocol names).

use crate::dissector::{DissectError, Framing};
use crate::http_message::Head;

/// Keys under which messages are handed on.
pub(crate) const OCPP: u64 = 1;
pub(crate) const MQTT: u64 = 2;
pub(crate) const BACNET: u64 = 3;

/// Subprotocols by their registered names, as far as they are read: a prefix, since versions follow.
const SUBPROTOCOLS: &[(&[u8], u64)] = &[(b"ocpp", OCPP), (b"mqtt", MQTT), (b"hub.bsc.bacnet.org", BACNET), (b"dc.bsc.bacnet.org", BACNET)];

/// Two bytes, eight of length, four of mask.
const HEADER_MAX: usize = 14;
/// How much of a message is worth reading: descriptions of devices stand in messages of some hundred bytes.
const MESSAGE_MAX: usize = 16 * 1024;

/// §5.2: one frame.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// Text or binary, whole or the first of several, and not compressed.
    pub(crate) begins: bool,
    pub(crate) is_text: bool,
    /// The masking key, if there is one, and the payload as far as it is there.
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
    /// Key and payload together.
    pub(crate) masked: &'a [u8],
    header: usize,
    length: u64,
}

/// The frame at the head of the bytes.
pub(crate) fn frame(head: &[u8]) -> Result<Frame<'_>, DissectError> {
    let cut = DissectError::Truncated { needed: 1 };
    let &[first, second] = head.first_chunk::<2>().ok_or(cut)?;
    // §5.2: two kinds of data and three of control; the first reserved bit says that the message is compressed (RFC 7692 §6).
    if first & 0x30 != 0 || !matches!(first & 15, 0..=2 | 8..=10) {
        return Err(DissectError::Malformed { rule: "opcode", offset: 0 });
    }
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let more = head.get(2..2 + extended).ok_or(cut)?;
    let length = if extended == 0 { u64::from(second & 0x7f) } else { crate::tlv::number(more) };
    let masks = if second & 0x80 != 0 { 4 } else { 0 };
    let (before, header) = (2 + extended, 2 + extended + masks);
    let key = head.get(before..header).ok_or(cut)?;
    let behind = head.get(header..).unwrap_or_default();
    let payload = usize::try_from(length).ok().and_then(|length| behind.get(..length)).unwrap_or(behind);
    let masked = head.get(before..header + payload.len()).unwrap_or_default();
    let begins = first & 0x40 == 0 && matches!(first & 15, 1 | 2);
    Ok(Frame { begins, is_text: first & 15 == 1, key: Some(key).filter(|key| !key.is_empty()), payload, masked, header, length })
}

/// How a call or its answer begins: OCPP-J §4.2 (and WAMP before it) writes an array of the message's type and its identifier.
const CALLS: &[&[u8]] = &[b"[2,\"", b"[3,\"", b"[4,\"", b"[2, \"", b"[3, \"", b"[4, \""];

impl Frame<'_> {
    /// What a whole text is by its beginning, where nobody saw what was agreed on.
    pub(crate) fn speaks(&self) -> Option<u64> {
        let begin = Self { payload: self.payload.get(..8).unwrap_or(self.payload), ..*self }.unmasked();
        (self.begins && CALLS.iter().any(|call| begin.starts_with(call))).then_some(OCPP)
    }

    /// The payload without its mask.
    pub(crate) fn unmasked(&self) -> Vec<u8> {
        let payload = self.payload.get(..MESSAGE_MAX).unwrap_or(self.payload);
        match self.key {
            Some(key) => payload.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect(),
            None => payload.to_vec(),
        }
    }
}

/// How long the frame at the head of a stream is.
pub(crate) fn framing(head: &[u8]) -> Framing {
    match frame(head) {
        Ok(frame) => {
            let len = usize::try_from(frame.length).unwrap_or(usize::MAX).saturating_add(frame.header);
            Framing::Pdu { len, want: if frame.begins { len.min(frame.header + MESSAGE_MAX) } else { frame.header } }
        }
        Err(DissectError::Truncated { .. }) if head.len() < HEADER_MAX => Framing::Need(head.len() + 1),
        Err(_) => Framing::Lost,
    }
}

/// The key of the first subprotocol that a head offers, or has chosen, and that is read.
pub(crate) fn subprotocol(head: &Head<'_>) -> Option<u64> {
    let offered = head.all("sec-websocket-protocol").flat_map(|value| value.split(|byte| *byte == b','));
    let offered = offered.map(crate::context::trim);
    let known =
        |name: &[u8]| SUBPROTOCOLS.iter().find(|(prefix, _)| name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix)));
    offered.filter_map(known).map(|(_, key)| *key).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_undone_and_lengths_have_three_forms() {
        // RFC 6455 §5.7: a masked "Hello".
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let hello = frame(&masked).unwrap();
        assert_eq!(hello.unmasked(), b"Hello");
        assert_eq!(framing(&masked), Framing::Pdu { len: 11, want: 11 });
        assert_eq!(framing(&[0x82, 0x7e, 0x01, 0x00]), Framing::Pdu { len: 260, want: 260 });
        let huge = [0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(framing(&huge), Framing::Pdu { len: usize::MAX, want: MESSAGE_MAX + 10 });
    }

    #[test]
    fn what_is_cut_or_none_is_told() {
        assert_eq!(framing(&[0x81, 0x85, 1]), Framing::Need(4));
        assert_eq!(framing(&[0x83, 0x00]), Framing::Lost);
        assert_eq!(framing(&[0xb1, 0x00]), Framing::Lost);
    }
}
