//! Tailscale: a mesh of tunnels, known by the messages with which its members look for a way to each other.
//!
//! Spec: Tailscale, package `disco` (message format).
//! Tells us: that a host is a member of a mesh. Does not tell: what is inside; the data itself is WireGuard's.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape};
use crate::login::word;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Tailscale;

/// "TS" and a speech bubble.
const MAGIC: &[u8] = b"TS\xf0\x9f\x92\xac";
/// Magic, sender's key (32), nonce (24), and what is sealed with its tag (16).
const LENGTH_MIN: usize = 6 + 32 + 24 + 16;

impl Dissector for Tailscale {
    type State = ();

    const ROW: Row = Row {
        name: "tailscale",
        revision: 1,
        spec: "Tailscale disco",
        tells: "members of a mesh of tunnels",
        bindings: &[Binding::Udp(41641)],
        shapes: &[Shape {
            over: Transport::Udp,
            bytes: &[(0, 0xff, b'T'), (1, 0xff, b'S'), (2, 0xff, 0xf0), (3, 0xff, 0x9f), (4, 0xff, 0x92), (5, 0xff, 0xac)],
            min: LENGTH_MIN,
            max: 1500,
        }],
        operations: &[("disco", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if head.starts_with(MAGIC) && head.len() >= LENGTH_MIN { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance { operation: Some(0), look: Look::Once(0), inner: None }
    }

    fn read(&self, _: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        cx.say(&about, Kind::Client).implied(Field::RemoteAccess, &word("tailscale"));
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    #[test]
    fn a_member_of_a_mesh_is_told_on_any_port() {
        let message = [MAGIC, &[7; 80]].concat();
        let said = payload(&Tailscale, Transport::Udp, 50000, 40001, &message);
        assert_eq!(field(&said, Kind::Client, Field::RemoteAccess), ["tailscale"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 90], MAGIC] {
            assert_eq!(gate(&Tailscale, stranger, 41641), Gate::NotMine);
        }
    }
}
