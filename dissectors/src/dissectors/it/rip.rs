//! RIP: routers that tell whoever listens where networks are.
//!
//! Spec: RFC 2453 (version 2), RFC 1058 (version 1), RFC 4822 (cryptographic authentication).
//! Tells us: which hosts route, version, authentication. Does not tell: routes, which are not kept; make and model.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use observations::{Field, Kind, OperationClass};

pub(crate) struct Rip;

const PORT: u16 = 520;
/// RFC 2453 §4.
const HEADER: usize = 4;
const ENTRY: usize = 20;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
/// §4.1: address families.
const AUTHENTICATION: [u8; 2] = [0xff, 0xff];
const IP: [u8; 2] = [0, 2];
const CLEARTEXT: [u8; 2] = [0, 2];

impl Dissector for Rip {
    type State = ();

    const ROW: Row = Row {
        name: "rip",
        revision: 1,
        spec: "RFC 2453, RFC 1058, RFC 4822",
        tells: "hosts that route, authentication",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: &[("request", OperationClass::Session), ("response", OperationClass::Configure)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let (header, entries) = head.split_at_checked(HEADER).unwrap_or_default();
        // RFC 4822 §2: behind the entries a digest may stand, of any length; then the first entry says so.
        let family = entries.first_chunk::<2>().copied();
        let whole = entries.len() >= ENTRY && (entries.len() % ENTRY == 0 || family == Some(AUTHENTICATION));
        let known = matches!(family, Some(AUTHENTICATION | IP | [0, 0]));
        if matches!(header, [REQUEST | RESPONSE, 1 | 2, 0, 0]) && whole && known { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let command = head.first().copied().unwrap_or_default();
        let family = head.get(HEADER..HEADER + 4).unwrap_or_default();
        let key = crate::tlv::hash(&[&[command], head.get(1..2).unwrap_or_default(), family].concat());
        Glance { operation: command.checked_sub(1).map(u16::from), look: Look::Once(key), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let &[RESPONSE, version, ..] = pdu else { return Ok(Next::Watch) };
        let about = cx.sender_host();
        crate::never_routed::bind(cx);
        cx.say(&about, Kind::Router).number(Field::ProtocolVersion, version.into(), pdu.get(1..2).unwrap_or_default());
        let entry = pdu.get(HEADER..HEADER + ENTRY).unwrap_or_default();
        let (family, kind) = (entry.get(..2).unwrap_or_default(), entry.get(2..4).unwrap_or_default());
        let method = match (family == AUTHENTICATION, kind == CLEARTEXT) {
            (true, true) => "cleartext",
            (true, false) => "cryptographic",
            _ => "none",
        };
        cx.say(&about, Kind::Security).decoded(Field::AuthenticationMethod, &word(method), entry.get(..4).unwrap_or_default(), "rip-authentication");
        if method == "cleartext" {
            cx.secret(&about, "rip authentication", None, trim(entry.get(4..).unwrap_or_default()));
        }
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    const ROUTE: &[u8] = &[0, 2, 0, 0, 10, 1, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    fn response(first: &[u8]) -> Vec<u8> {
        [&[2, 2, 0, 0][..], first, ROUTE].concat()
    }

    #[test]
    fn a_router_says_how_it_is_protected() {
        let read = |data: &[u8]| payload(&Rip, Transport::Udp, PORT, PORT, data);
        assert_eq!(field(&read(&response(&[])), Kind::Security, Field::AuthenticationMethod), ["none"]);
        let clear = read(&response(&[&[0xff, 0xff, 0, 2][..], b"plant-7\0\0\0\0\0\0\0\0\0"].concat()));
        assert_eq!(field(&clear, Kind::Security, Field::AuthenticationMethod), ["cleartext"]);
        assert_eq!(field(&clear, Kind::Credential, Field::SecretUse), ["rip authentication"]);
        let digest = read(&response(&[0xff, 0xff, 0, 3, 0, 44, 1, 16, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(field(&digest, Kind::Security, Field::AuthenticationMethod), ["cryptographic"]);
    }

    #[test]
    fn who_asks_is_no_router_and_strangers_are_refused() {
        let said = payload(&Rip, Transport::Udp, 50000, PORT, &[&[1, 2, 0, 0][..], ROUTE].concat());
        assert!(said.iter().all(|said| said.kind != Kind::Router));
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 24], &[2; 24], &response(&[])[..20]] {
            assert_eq!(gate(&Rip, stranger, PORT), Gate::NotMine);
        }
    }
}
