//! RIPng: routers that tell whoever listens where IPv6 networks are.
//!
//! Spec: RFC 2080.
//! Tells us: which hosts route. Does not tell: routes, which are not kept; make and model. The protocol has no authentication of its own
//! (section 4): it leaves it to IPsec.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use observations::{Field, Kind, OperationClass};

pub(crate) struct Ripng;

const PORT: u16 = 521;
/// §2: command, version, zero; then entries.
const HEADER: usize = 4;
const ENTRY: usize = 20;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
/// §2.1: the longest prefix, the metric of what cannot be reached, and that of a next hop.
const PREFIX_MAX: u8 = 128;
const INFINITY: u8 = 16;
const NEXT_HOP: u8 = 0xff;

impl Dissector for Ripng {
    type State = ();

    const ROW: Row = Row {
        name: "ripng",
        revision: 1,
        spec: "RFC 2080",
        tells: "hosts that route, without authentication",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: &[("request", OperationClass::Session), ("response", OperationClass::Configure)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let (header, entries) = head.split_at_checked(HEADER).unwrap_or_default();
        let sound =
            |entry: &[u8]| matches!(entry, [.., prefix, metric] if *prefix <= PREFIX_MAX && ((0..=INFINITY).contains(metric) || *metric == NEXT_HOP));
        // What the gate is shown may end within an entry.
        let whole = entries.len() >= ENTRY && entries.chunks_exact(ENTRY).all(sound);
        if matches!(header, [REQUEST | RESPONSE, 1, 0, 0]) && whole { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let command = head.first().copied().unwrap_or_default();
        Glance { operation: command.checked_sub(1).map(u16::from), look: Look::Once(command.into()), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let &[RESPONSE, version, ..] = pdu else { return Ok(Next::Watch) };
        let about = cx.sender_host();
        cx.say(&about, Kind::Router).number(Field::ProtocolVersion, version.into(), pdu.get(1..2).unwrap_or_default());
        cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word("none"));
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    fn message(command: u8, metric: u8) -> Vec<u8> {
        let mut prefix = [0; 16];
        prefix[..2].copy_from_slice(&[0xfd, 0]);
        [&[command, 1, 0, 0][..], &prefix, &[0, 0, 64, metric]].concat()
    }

    #[test]
    fn a_router_says_that_it_routes() {
        let said = payload(&Ripng, Transport::Udp, PORT, PORT, &message(RESPONSE, 1));
        assert_eq!(field(&said, Kind::Router, Field::ProtocolVersion), ["1"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn who_asks_is_no_router_and_strangers_are_refused() {
        let said = payload(&Ripng, Transport::Udp, 50000, PORT, &message(REQUEST, 16));
        assert!(said.iter().all(|said| said.kind != Kind::Router));
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n0123456789"[..], &[0; 24], &message(RESPONSE, 40), &message(RESPONSE, 1)[..20]] {
            assert_eq!(gate(&Ripng, stranger, PORT), Gate::NotMine);
        }
    }
}
