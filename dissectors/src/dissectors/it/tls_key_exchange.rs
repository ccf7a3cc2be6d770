//! TLS and DTLS up to 1.2: how keys are agreed on: groups, primes, identities of keys that are shared beforehand.
//!
//! Spec: RFC 5246 §7.4.3 and §7.4.7, RFC 8422 §5.4 (curves), RFC 4279 §2 (pre-shared keys), RFC 5489 and RFC 8442 (with curves).

use crate::context::Context;
use crate::login;
use observations::{Field, Kind};

pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;

/// RFC 8422 §5.4: the curve is named.
const NAMED_CURVE: u8 = 3;
/// The smallest prime that was ever agreed on (export, 512 bits) and twice the largest in use (8,192 bits), in bytes.
const PRIME: std::ops::RangeInclusive<usize> = 32..=2048;
/// RFC 4279 §5.3: identities of up to 128 bytes are supported.
const IDENTITY_MAX: usize = 128;

/// Whether the suite's keys are shared beforehand (IANA's registry of cipher suites: RFC 4279, 4785, 5487, 5489, 6655, 7905, 8442).
const fn is_shared(suite: u16) -> bool {
    matches!(suite, 0x002c..=0x002e | 0x008a..=0x0095 | 0x00a8..=0x00b9 | 0xc033..=0xc03b | 0xc064..=0xc06f | 0xc08e..=0xc09b | 0xc0a4..=0xc0ab | 0xccab..=0xccae | 0xd001..=0xd005)
}

/// What the server agrees with: a curve by its name, else a prime and a generator of which the lengths fit.
pub(super) fn server(suite: Option<u16>, body: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender();
    // RFC 4279 §3: a hint which of its keys is meant stands before the group.
    let hinted = suite.is_some_and(is_shared);
    let body = if hinted { sized(body).map_or(body, |(_, rest)| rest) } else { body };
    match *body {
        [NAMED_CURVE, high, low, length, ref rest @ ..] if length >= 32 && rest.len() >= usize::from(length) => {
            let group = u64::from(u16::from_be_bytes([high, low]));
            cx.say(&about, Kind::Security).number(Field::TlsGroup, group, body.get(1..3).unwrap_or_default());
        }
        _ => {
            let Some(prime) = sized(body).filter(|(prime, rest)| PRIME.contains(&prime.len()) && sized(rest).is_some_and(|(g, _)| !g.is_empty()))
            else {
                return;
            };
            let bits = crate::der::bits(prime.0);
            cx.say(&about, Kind::Security).decoded(Field::DhPrimeBits, &observations::Value::Number(bits), prime.0, "bit-length");
        }
    }
}

/// The identity of a key that both know (RFC 4279 §2): in the clear, before whatever else is exchanged.
pub(super) fn client(suite: Option<u16>, body: &[u8], cx: &mut Context<'_>) {
    if !suite.is_some_and(is_shared) {
        return;
    }
    let Some((identity, _)) = sized(body).filter(|(identity, _)| identity.len() <= IDENTITY_MAX) else { return };
    let (client, server) = (cx.sender_host(), cx.receiver());
    drop(crate::tlv::text_or_bytes(cx.say(&client, Kind::Client), Field::PskIdentity, identity));
    drop(login::say(cx, &server, "psk", login::ATTEMPTED));
}

/// Bytes behind their length of two, and what follows.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::super::tls::Tls;
    use crate::testing::{conversation, field, outcomes};
    use observations::{Field, Kind, Observation, Transport};

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap();
        [&[22, 3, 3][..], &(length + 4).to_be_bytes(), &[kind, 0], &length.to_be_bytes(), body].concat()
    }

    fn hello(suite: u16) -> Vec<u8> {
        record(2, &[&[3, 3][..], &[9; 32], &[0], &suite.to_be_bytes(), &[0]].concat())
    }

    fn talk(parts: &[(bool, Vec<u8>)]) -> Vec<Observation> {
        let parts: Vec<_> = parts.iter().map(|(up, bytes)| if *up { (50000, 443, &bytes[..]) } else { (443, 50000, &bytes[..]) }).collect();
        conversation(&Tls, Transport::Tcp, &parts)
    }

    #[test]
    fn curves_and_primes_are_told() {
        let curve = [&[3, 0, 23, 65, 4][..], &[7; 64], &[4, 3, 0, 2, 1, 1]].concat();
        assert_eq!(field(&talk(&[(false, hello(0xc02f)), (false, record(12, &curve))]), Kind::Security, Field::TlsGroup), ["23"]);
        let prime = [&[0, 128, 0x80][..], &[7; 127], &[0, 1, 2, 0, 128], &[5; 128]].concat();
        assert_eq!(field(&talk(&[(false, hello(0x0033)), (false, record(12, &prime))]), Kind::Security, Field::DhPrimeBits), ["1024"]);
        let odd = talk(&[(false, hello(0x0033)), (false, record(12, &[0, 9, 1, 2, 3]))]);
        assert!(field(&odd, Kind::Security, Field::DhPrimeBits).is_empty());
    }

    #[test]
    fn the_identity_of_a_shared_key_is_told_and_other_keys_are_not() {
        let exchange = record(16, b"\0\x09sensor-17");
        let said = talk(&[(false, hello(0xc0a8)), (true, exchange.clone())]);
        assert_eq!(field(&said, Kind::Client, Field::PskIdentity), ["sensor-17"]);
        assert_eq!(outcomes(&said), ["psk attempted"]);
        assert!(field(&talk(&[(false, hello(0xc02f)), (true, exchange)]), Kind::Client, Field::PskIdentity).is_empty());
    }
}
