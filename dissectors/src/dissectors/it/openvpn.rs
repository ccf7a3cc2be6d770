//! OpenVPN: a tunnel, known by its control packets.
//!
//! Spec: OpenVPN, "Network Protocol" (doxygen of ssl_pkt.h) and draft-richardson-openvpn-wire-protocol.
//! Tells us: that two hosts keep a tunnel, whether its control channel is protected by a shared key (tls-auth, tls-crypt), the certificates
//! of its TLS where they cross in one piece. Does not tell: what is inside.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Openvpn;

const PORT: u16 = 1194;
/// Opcodes, in the high five bits; the key's number in the low three.
const CONTROL: u8 = 4;
const ACK: u8 = 5;
const DATA_V1: u8 = 6;
const RESET_CLIENT: u8 = 7;
const RESET_SERVER: u8 = 8;
const DATA_V2: u8 = 9;
const RESET_CLIENT_V3: u8 = 10;
/// Opcode and session id.
const HEADER: usize = 9;
/// A client's reset without protection: no acknowledgement, packet 0.
const PLAIN_RESET: usize = HEADER + 1 + 4;
/// The same with an HMAC (MD5, SHA-1, SHA-256, SHA-512) and a packet id with time; and encrypted (tls-crypt), with a key of the client's
/// own behind it in version 2.
const PROTECTED: &[usize] =
    &[PLAIN_RESET + 16 + PACKET_ID, PLAIN_RESET + 20 + PACKET_ID, PLAIN_RESET + CRYPT_TAG + PACKET_ID, PLAIN_RESET + 64 + PACKET_ID];
/// A packet id and the time.
const PACKET_ID: usize = 8;
const CRYPT_TAG: usize = 32;
/// A server's reset acknowledges one packet.
const ACKNOWLEDGED: usize = 4 + 8;
const ACKS_MAX: usize = 8;
const HANDSHAKE: u8 = 22;

impl Dissector for Openvpn {
    type State = ();

    const ROW: Row = Row {
        name: "openvpn",
        revision: 1,
        spec: "OpenVPN Network Protocol",
        tells: "that two hosts keep a tunnel, protection of its control channel",
        bindings: &[Binding::Udp(PORT), Binding::Tcp(PORT)],
        shapes: &[
            // Resets of both sides; over TCP behind a length.
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, RESET_CLIENT << 3)], min: PLAIN_RESET, max: PLAIN_RESET + 64 + 8 },
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, RESET_SERVER << 3)], min: PLAIN_RESET, max: PLAIN_RESET + 64 + 8 + ACKNOWLEDGED },
            Shape { over: Transport::Tcp, bytes: &[(0, 0xff, 0), (1, 0x80, 0), (2, 0xff, RESET_CLIENT << 3)], min: PLAIN_RESET + 2, max: 130 },
        ],
        operations: &[
            ("control_hard_reset_client", OperationClass::Session),
            ("control_hard_reset_server", OperationClass::Session),
            ("control", OperationClass::Session),
            ("ack", OperationClass::Session),
            ("data", OperationClass::Session),
        ],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let Some(packet) = within(head, at) else { return Gate::NotMine };
        let mine = match packet.first().map(|first| (first >> 3, first & 7)) {
            Some((RESET_CLIENT, 0)) => reset(packet, 0).is_some(),
            Some((RESET_SERVER, 0)) => reset(packet, ACKNOWLEDGED).is_some(),
            Some((RESET_CLIENT_V3, 0)) => bound && packet.len() > PLAIN_RESET + 40,
            Some((CONTROL, _)) => bound && tls(packet).is_some(),
            Some((DATA_V2, _)) => bound && packet.len() >= 40,
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first().map(|first| first >> 3).or_else(|| head.get(2).map(|first| first >> 3)) {
            Some(RESET_CLIENT | RESET_CLIENT_V3) => Side::Client,
            Some(RESET_SERVER) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match head.first_chunk::<2>() {
            Some(length) => {
                let len = 2 + usize::from(u16::from_be_bytes(*length));
                if len < 2 + HEADER { Framing::Lost } else { Framing::Pdu { len, want: len } }
            }
            None => Framing::Need(2),
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let opcode = within(head, at).and_then(<[u8]>::first).map(|first| first >> 3);
        let (operation, look) = match opcode {
            Some(RESET_CLIENT | RESET_CLIENT_V3) => (Some(0), Look::Always),
            Some(RESET_SERVER) => (Some(1), Look::Always),
            Some(CONTROL) => (Some(2), Look::Always),
            Some(ACK) => (Some(3), Look::Never),
            Some(DATA_V1 | DATA_V2) => (Some(4), Look::Once(0)),
            _ => (None, Look::Never),
        };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let at = *cx.at();
        let Some(packet) = within(pdu, &at) else { return Ok(Next::Watch) };
        let about = if cx.from_client() == Some(false) { cx.sender() } else { cx.sender_host() };
        let level = match packet.first().map(|first| first >> 3) {
            Some(RESET_CLIENT) => reset(packet, 0),
            Some(RESET_SERVER) => reset(packet, ACKNOWLEDGED),
            Some(RESET_CLIENT_V3) => Some("tls-crypt-v2"),
            Some(CONTROL) => {
                if let Some(record) = tls(packet) {
                    cx.beside("tls", 0, record);
                }
                return Ok(Next::Watch);
            }
            Some(DATA_V1 | DATA_V2) => None,
            _ => return Ok(Next::Watch),
        };
        let saying = cx.say(&about, Kind::Security).implied(Field::RemoteAccess, &word("openvpn"));
        drop(saying.maybe(level, |s, level| s.implied(Field::Protection, &word(level))));
        Ok(Next::Watch)
    }
}

/// A packet; over TCP behind its length.
fn within<'p>(bytes: &'p [u8], at: &At) -> Option<&'p [u8]> {
    if at.transport != Transport::Tcp {
        return Some(bytes);
    }
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    (length >= HEADER).then(|| rest.get(..length).unwrap_or(rest))
}

/// What protects a reset; `more` bytes acknowledge what came before.
fn reset(packet: &[u8], more: usize) -> Option<&'static str> {
    let random = packet.get(1..HEADER)?.iter().any(|byte| *byte != 0);
    let length = packet.len().checked_sub(more)?;
    let plain = length == PLAIN_RESET && usize::from(*packet.get(HEADER)?) == more / ACKNOWLEDGED && packet.ends_with(&[0, 0, 0, 0]);
    if !random {
        return None;
    }
    if plain {
        return Some("none");
    }
    if !PROTECTED.contains(&length) {
        return None;
    }
    // A packet id, which is small in a reset, stands behind the HMAC; with tls-crypt before the tag, and what follows is encrypted.
    let small = |at: usize| packet.get(at..at + 3) == Some(&[0, 0, 0]);
    let digest = length - PLAIN_RESET - PACKET_ID;
    if packet.ends_with(&[0, 0, 0, 0]) && small(HEADER + digest) {
        Some("tls-auth")
    } else {
        (digest == CRYPT_TAG && small(HEADER)).then_some("tls-crypt")
    }
}

/// The TLS record in a control packet without protection: acknowledgements, packet id, then TLS.
fn tls(packet: &[u8]) -> Option<&[u8]> {
    let count = usize::from(*packet.get(HEADER)?);
    if count > ACKS_MAX {
        return None;
    }
    let acknowledged = if count > 0 { 4 * count + 8 } else { 0 };
    let record = packet.get(HEADER + 1 + acknowledged + 4..)?;
    matches!(record, [HANDSHAKE, 3, 0..=4, ..]).then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn reset_of(opcode: u8, digest: usize, more: &[u8]) -> Vec<u8> {
        let protected = if digest > 0 { [&vec![0x5a; digest][..], &[0, 0, 0, 1, 0x65, 0, 0, 0]].concat() } else { Vec::new() };
        [&[opcode << 3, 1, 2, 3, 4, 5, 6, 7, 8][..], &protected, &[u8::from(!more.is_empty())], more, &[0; 4]].concat()
    }

    #[test]
    fn a_tunnel_with_and_without_a_shared_key_is_known_on_any_port() {
        for (digest, protection) in [(0, "none"), (20, "tls-auth"), (64, "tls-auth")] {
            let said = payload(&Openvpn, Transport::Udp, 50000, 40001, &reset_of(RESET_CLIENT, digest, &[]));
            assert_eq!(field(&said, Kind::Security, Field::RemoteAccess), ["openvpn"]);
            assert_eq!(field(&said, Kind::Security, Field::Protection), [protection]);
        }
        let server = payload(&Openvpn, Transport::Udp, PORT, 50000, &reset_of(RESET_SERVER, 0, &[0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(field(&server, Kind::Security, Field::Protection), ["none"]);
    }

    #[test]
    fn over_tcp_a_length_stands_before() {
        let packet = reset_of(RESET_CLIENT, 0, &[]);
        let framed = [&[0, 14][..], &packet].concat();
        let said = payload(&Openvpn, Transport::Tcp, 50000, 443, &framed);
        assert_eq!(field(&said, Kind::Security, Field::RemoteAccess), ["openvpn"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0x38; 40], &[0x38; 14], b"8GET / HTTP/1.1"] {
            assert_eq!(gate(&Openvpn, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
