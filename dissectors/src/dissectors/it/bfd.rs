//! BFD: routers and switches that watch whether the other still lives.
//!
//! Spec: RFC 5880 (4.1 to 4.4), RFC 5881 and RFC 5883 (ports).
//! Tells us: who watches whom, authentication. Does not tell: make and model.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::hash;
use observations::{Field, Kind, OperationClass};

pub(crate) struct Bfd;

const PORTS: [u16; 2] = [3784, 4784];
const HEADER: usize = 24;
const AUTHENTICATED: u8 = 0x04;
/// §4.1: simple password to meticulous keyed SHA-1.
const METHODS: &[&str] = &["none", "cleartext", "keyed-md5", "meticulous-keyed-md5", "keyed-sha1", "meticulous-keyed-sha1"];

impl Dissector for Bfd {
    type State = ();

    const ROW: Row = Row {
        name: "bfd",
        revision: 1,
        spec: "RFC 5880, RFC 5881, RFC 5883",
        tells: "routers that watch each other, authentication",
        bindings: &[Binding::Udp(PORTS[0]), Binding::Udp(PORTS[1])],
        shapes: &[],
        operations: &[("control", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if section(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        // Some packets a second: only the kind of authentication is looked at.
        let kind = section(head).and_then(<[u8]>::first).copied().unwrap_or_default();
        Glance { operation: Some(0), look: Look::Once(hash(&[kind])), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let section = section(pdu).ok_or(DissectError::NotMine)?;
        let about = cx.sender_host();
        let kind = section.first().copied().unwrap_or_default();
        let method = METHODS.get(usize::from(kind)).copied().unwrap_or("none");
        let saying = cx.say(&about, Kind::Security);
        drop(match section.get(..1) {
            Some(slice) => saying.decoded(Field::AuthenticationMethod, &word(method), slice, "bfd-authentication"),
            None => saying.implied(Field::AuthenticationMethod, &word(method)),
        });
        // §4.2: type, length, key, password.
        if let ("cleartext", Some(password)) = (method, section.get(3..)) {
            cx.secret(&about, "bfd password", None, password);
        }
        Ok(Next::Watch)
    }
}

/// The authentication section, empty without one.
fn section(head: &[u8]) -> Option<&[u8]> {
    let (&[first, flags, multiplier, length, ..], rest) = head.split_first_chunk::<HEADER>()?;
    let length = usize::from(length);
    // §6.8.6: version 1, no multipoint, a multiplier and a discriminator that are not zero.
    let own = head.get(4..8)? != [0; 4];
    let sound = first >> 5 == 1 && first & 0x1f <= 9 && flags & 1 == 0 && multiplier > 0 && own && length == head.len();
    let section = if flags & AUTHENTICATED == 0 { &[][..] } else { rest };
    let fits = flags & AUTHENTICATED == 0 && length == HEADER || section.get(1).is_some_and(|size| usize::from(*size) == section.len());
    (sound && fits).then_some(section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    fn control(flags: u8, section: &[u8]) -> Vec<u8> {
        let length = u8::try_from(HEADER + section.len()).unwrap();
        [&[0x20, 0xc0 | flags, 3, length, 0, 0, 0, 1, 0, 0, 0, 2][..], &[0, 4, 0x93, 0xe0], &[0, 4, 0x93, 0xe0], &[0; 4], section].concat()
    }

    #[test]
    fn authentication_is_told() {
        let read = |data: &[u8]| payload(&Bfd, Transport::Udp, 49152, PORTS[0], data);
        assert_eq!(field(&read(&control(0, &[])), Kind::Security, Field::AuthenticationMethod), ["none"]);
        let clear = read(&control(4, &[&[1, 10, 1][..], b"plant-7"].concat()));
        assert_eq!(field(&clear, Kind::Security, Field::AuthenticationMethod), ["cleartext"]);
        assert_eq!(field(&clear, Kind::Credential, Field::SecretUse), ["bfd password"]);
        let sha = read(&control(4, &[&[5, 28][..], &[0; 26]].concat()));
        assert_eq!(field(&sha, Kind::Security, Field::AuthenticationMethod), ["meticulous-keyed-sha1"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 24], &[0x20; 24], &control(4, &[])] {
            assert_eq!(gate(&Bfd, stranger, PORTS[0]), Gate::NotMine);
        }
    }
}
