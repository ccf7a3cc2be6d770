//! PPTP: tunnels whose protection has been broken for years.
//!
//! Spec: RFC 2637 (section 2).
//! Tells us: host name of both ends, who made their software. Does not tell: log-ins, which are of PPP within GRE.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Pptp;

const PORT: u16 = 1723;
/// §2: length (2), type (2), cookie (4), control type (2), reserved (2).
const HEADER: usize = 12;
const COOKIE: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const LENGTH_MAX: usize = 256;
const START_REQUEST: u64 = 1;
const START_REPLY: u64 = 2;
const TYPE_MAX: u64 = 15;
/// §2.1: behind capabilities and firmware revision the host name (64), vendor (64).
const HOST: std::ops::Range<usize> = 28..92;
const VENDOR: std::ops::Range<usize> = 92..156;

impl Dissector for Pptp {
    type State = ();

    const ROW: Row = Row {
        name: "pptp",
        revision: 1,
        spec: "RFC 2637",
        tells: "host name of both ends of a tunnel, who made their software",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, 0), (2, 0xff, 0), (3, 0xff, 1), (4, 0xff, 0x1a), (5, 0xff, 0x2b), (6, 0xff, 0x3c), (7, 0xff, 0x4d)],
            min: 16,
            max: usize::MAX,
        }],
        operations: &[("start_control_connection", OperationClass::Session), ("control", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if header(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match header(head) {
            Some((_, START_REQUEST)) => Side::Client,
            Some((_, START_REPLY)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match header(head) {
            Some((len, _)) => Framing::Pdu { len, want: len },
            None if head.len() < HEADER => Framing::Need(HEADER),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        match header(head) {
            Some((_, START_REQUEST)) => Glance { operation: Some(0), look: Look::Always, inner: None },
            Some((_, START_REPLY)) => Glance::READ,
            _ => Glance { operation: Some(1), look: Look::Never, inner: None },
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((_, kind @ (START_REQUEST | START_REPLY))) = header(pdu) else { return Ok(Next::Watch) };
        let about = if kind == START_REPLY { cx.sender() } else { cx.sender_host() };
        let text = |range: std::ops::Range<usize>| pdu.get(range).and_then(|slice| slice.split(|byte| *byte == 0).next()).map(trim);
        let saying = cx.say(&about, Kind::Identity).maybe(text(HOST), |s, v| s.text(Field::Hostname, v));
        drop(saying.maybe(text(VENDOR), |s, v| s.text(Field::SoftwareManufacturer, v)));
        cx.say(&about, Kind::Security).implied(Field::RemoteAccess, &word("pptp"));
        if pdu.len() < VENDOR.end { Err(DissectError::Truncated { needed: VENDOR.end - pdu.len() }) } else { Ok(Next::Watch) }
    }
}

/// Length and control type.
fn header(head: &[u8]) -> Option<(usize, u64)> {
    let head = head.get(..HEADER)?;
    let (length, kind) = (usize::try_from(number(head.get(..2)?)).ok()?, number(head.get(8..10)?));
    let sound = head.get(2..8)? == [0, 1, 0x1a, 0x2b, 0x3c, 0x4d] && head.get(4..8)? == COOKIE && (1..=TYPE_MAX).contains(&kind);
    (sound && (HEADER..=LENGTH_MAX).contains(&length)).then_some((length, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn start() -> Vec<u8> {
        let mut bytes = vec![0; 156];
        bytes[..12].copy_from_slice(&[0, 156, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0]);
        bytes[27] = 9;
        bytes[28..33].copy_from_slice(b"gw-01");
        bytes[92..97].copy_from_slice(b"Linux");
        bytes
    }

    #[test]
    fn an_end_says_what_it_is_on_any_port() {
        for port in [PORT, 11723] {
            let said = payload(&Pptp, Transport::Tcp, 50000, port, &start());
            assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["gw-01"]);
            assert_eq!(field(&said, Kind::Identity, Field::SoftwareManufacturer), ["Linux"]);
            assert_eq!(field(&said, Kind::Security, Field::RemoteAccess), ["pptp"]);
        }
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0x1a; 40], &start()[..11]] {
            assert_eq!(gate(&Pptp, stranger, PORT), Gate::NotMine);
        }
    }
}
