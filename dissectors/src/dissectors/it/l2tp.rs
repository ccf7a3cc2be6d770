//! L2TP: tunnels of access concentrators and of clients, without protection of its own.
//!
//! Spec: RFC 2661 (3.1 header, 4.4 AVPs).
//! Tells us: host name of both ends, who made their software. Does not tell: users, which are left out.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct L2tp;

const PORT: u16 = 1701;
/// §3.1: flags and version (2), length (2), tunnel, session, Ns, Nr.
const HEADER: usize = 12;
/// Of control messages: type, length and sequence bits; version 2.
const CONTROL: [u8; 2] = [0xc8, 2];
const AVP: usize = 6;
const AVPS_MAX: usize = 32;
/// §4.4.1 and §4.4.3.
const MESSAGE_TYPE: u64 = 0;
const HOST_NAME: u64 = 7;
const VENDOR_NAME: u64 = 8;
const CHALLENGE: u64 = 11;
/// Start-control-connection request and reply.
const START_REQUEST: u64 = 1;
const START_REPLY: u64 = 2;

impl Dissector for L2tp {
    type State = ();

    const ROW: Row = Row {
        name: "l2tp",
        revision: 1,
        spec: "RFC 2661",
        tells: "host name of both ends of a tunnel, who made their software",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[Shape {
            over: Transport::Udp,
            bytes: &[(0, 0xff, 0xc8), (1, 0xff, 2), (2, 0xf0, 0), (12, 0x3c, 0), (13, 0xff, 8), (14, 0xff, 0), (15, 0xff, 0)],
            min: HEADER + 8,
            max: 1500,
        }],
        operations: &[("start_control_connection", OperationClass::Session), ("control", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if avps(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match message_type(head) {
            Some(START_REQUEST) => Side::Client,
            Some(START_REPLY) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        match message_type(head) {
            Some(START_REQUEST) => Glance { operation: Some(0), look: Look::Always, inner: None },
            Some(START_REPLY) => Glance::READ,
            Some(_) => Glance { operation: Some(1), look: Look::Never, inner: None },
            None => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (Some(list), Some(START_REQUEST | START_REPLY)) = (avps(pdu), message_type(pdu)) else { return Ok(Next::Watch) };
        let answers = message_type(pdu) == Some(START_REPLY);
        let about = if answers { cx.sender() } else { cx.sender_host() };
        let mut saying = cx.say(&about, Kind::Identity);
        let mut challenged = false;
        for (kind, value) in list.take(AVPS_MAX) {
            saying = match kind {
                HOST_NAME => saying.trimmed(Field::Hostname, value),
                VENDOR_NAME => saying.trimmed(Field::SoftwareManufacturer, value),
                CHALLENGE => {
                    challenged = true;
                    saying
                }
                _ => saying,
            };
        }
        drop(saying);
        let method = if challenged { "challenge" } else { "none" };
        let saying = cx.say(&about, Kind::Security).implied(Field::RemoteAccess, &word("l2tp")).implied(Field::SecurityLevel, &word("none"));
        drop(if answers { saying.implied(Field::AuthenticationMethod, &word(method)) } else { saying });
        Ok(Next::Watch)
    }
}

/// Attributes of a control message whose length agrees: type and value of those that are not hidden and of no vendor.
fn avps(bytes: &[u8]) -> Option<impl Iterator<Item = (u64, &[u8])>> {
    let (head, body) = bytes.split_at_checked(HEADER)?;
    let length = usize::try_from(number(head.get(2..4)?)).ok()?;
    let whole = length == bytes.len() || length > bytes.len() && bytes.len() >= crate::engine::GATE_BYTES;
    // An acknowledgement has no attributes (§5.8); all else begins with the message's type.
    let typed = body.is_empty() || body.get(1..AVP) == Some(&[8, 0, 0, 0, 0]);
    let mut rest = body;
    (head.get(..2)? == CONTROL && whole && typed).then(move || {
        std::iter::from_fn(move || {
            loop {
                let head = rest.get(..AVP)?;
                let bits = number(head.get(..2)?);
                let (one, behind) = rest.split_at_checked(usize::try_from(bits & 0x3ff).ok()?)?;
                let value = one.get(AVP..)?;
                rest = behind;
                if bits & 0x4000 == 0 && number(head.get(2..4)?) == 0 {
                    return Some((number(head.get(4..AVP)?), value));
                }
            }
        })
    })
}

fn message_type(bytes: &[u8]) -> Option<u64> {
    avps(bytes)?.next().filter(|(kind, _)| *kind == MESSAGE_TYPE).map(|(_, value)| number(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn avp(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[0x80, u8::try_from(value.len() + AVP).unwrap(), 0, 0, 0, kind][..], value].concat()
    }

    fn start(kind: u8) -> Vec<u8> {
        let body = [avp(0, &[0, kind]), avp(2, &[1, 0]), avp(6, &[0x06, 0x90]), avp(7, b"lac-1"), avp(8, b"xelerance.com")].concat();
        [&[0xc8, 2, 0, u8::try_from(HEADER + body.len()).unwrap(), 0, 0, 0, 0, 0, 0, 0, 0][..], &body].concat()
    }

    #[test]
    fn both_ends_say_their_names_on_any_port() {
        let said = payload(&L2tp, Transport::Udp, 50000, PORT, &start(1));
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["lac-1"]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareManufacturer), ["xelerance.com"]);
        assert!(field(&said, Kind::Security, Field::AuthenticationMethod).is_empty());
        let said = payload(&L2tp, Transport::Udp, 41701, 50000, &start(2));
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0xc8; 40], &start(1)[..30]] {
            assert_eq!(gate(&L2tp, stranger, PORT), Gate::NotMine);
        }
    }
}
