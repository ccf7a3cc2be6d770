//! WireGuard: a tunnel, known by its messages' types and lengths.
//!
//! Spec: J. Donenfeld, "WireGuard: Next Generation Kernel Network Tunnel" (5.4), wireguard.com/protocol.
//! Tells us: that two hosts keep a tunnel, who began it. Does not tell: what is inside; keys.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Wg;

/// §5.4: lengths of handshake initiation, response, cookie reply; a data message's header and tag.
const INITIATION: usize = 148;
const RESPONSE: usize = 92;
const COOKIE: usize = 64;
const DATA_MIN: usize = 32;
/// Type, three bytes of zero.
const DATA: u8 = 4;

const FIRST: &[(usize, u8, u8)] = &[(0, 0xff, 1), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0)];
const SECOND: &[(usize, u8, u8)] = &[(0, 0xff, 2), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0)];
/// The counter of data messages is far from full.
const FOURTH: &[(usize, u8, u8)] = &[(0, 0xff, DATA), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0), (13, 0xff, 0), (14, 0xff, 0), (15, 0xff, 0)];

impl Dissector for Wg {
    type State = ();

    const ROW: Row = Row {
        name: "wg",
        revision: 1,
        spec: "WireGuard: Next Generation Kernel Network Tunnel",
        tells: "that two hosts keep a tunnel",
        bindings: &[Binding::Udp(51820)],
        shapes: &[
            Shape { over: Transport::Udp, bytes: FIRST, min: INITIATION, max: INITIATION },
            Shape { over: Transport::Udp, bytes: SECOND, min: RESPONSE, max: RESPONSE },
            Shape { over: Transport::Udp, bytes: FOURTH, min: DATA_MIN, max: 65_507 },
        ],
        operations: &[
            ("handshake_initiation", OperationClass::Session),
            ("handshake_response", OperationClass::Session),
            ("cookie_reply", OperationClass::Session),
            ("transport_data", OperationClass::Session),
        ],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[kind, 0, 0, 0]) = head.first_chunk::<4>() else { return Gate::NotMine };
        let some = |from: usize, to: usize| head.get(from..to).is_some_and(|slice| slice.iter().any(|byte| *byte != 0));
        let mine = match (kind, head.len()) {
            // Indices, keys and tags are random.
            (1, INITIATION) => some(4, 8) && some(8, 40) && some(116, 132),
            (2, RESPONSE) => some(4, 8) && some(12, 44) && some(60, 76),
            (3, COOKIE) => some(4, 8) && some(8, 32),
            (DATA, length) => {
                let padded = length >= crate::engine::GATE_BYTES || length >= DATA_MIN && length % 16 == 0;
                padded && some(4, 8) && head.get(13..16) == Some(&[0, 0, 0]) && some(16, 24) && some(24, 32)
            }
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(1) => Side::Client,
            Some(2 | 3) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let kind = head.first().copied().filter(|kind| (1..=DATA).contains(kind));
        Glance { operation: kind.map(|kind| u16::from(kind - 1)), look: kind.map_or(Look::Never, |kind| Look::Once(kind.into())), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        // A response alone shows that the other side holds the key that it must.
        let about = match pdu.first() {
            Some(2) => cx.sender(),
            Some(1 | &DATA) => cx.sender_host(),
            _ => return Ok(Next::Watch),
        };
        cx.say(&about, Kind::Security).implied(Field::RemoteAccess, &word("wireguard")).implied(Field::SecurityLevel, &word("encrypted"));
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn message(kind: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![0x5a; length];
        bytes[..4].copy_from_slice(&[kind, 0, 0, 0]);
        if kind == DATA {
            bytes[8..16].copy_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0]);
        }
        bytes
    }

    #[test]
    fn a_tunnel_is_known_by_its_handshake_and_by_its_data_on_any_port() {
        for (kind, length) in [(1, 148), (2, 92), (4, 96)] {
            let said = payload(&Wg, Transport::Udp, 50000, 40001, &message(kind, length));
            assert_eq!(field(&said, Kind::Security, Field::RemoteAccess), ["wireguard"]);
        }
    }

    #[test]
    fn other_lengths_and_strangers_are_refused() {
        let counts = [&[4, 0, 0, 0, 9, 0, 0, 0][..], &[0xff; 24]].concat();
        for stranger in [&message(1, 147)[..], &message(2, 93), &message(4, 40), &counts, &[0; 148], &[4; 32], b"GET / HTTP/1.1\r\n\r\n"] {
            assert_eq!(gate(&Wg, stranger, 51820), Gate::NotMine);
        }
    }
}
