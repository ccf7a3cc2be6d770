//! STUN: phones, cameras and browsers ask which address they have outside; servers and some clients name their software.
//!
//! Spec: RFC 8489 (STUN), RFC 8656 (TURN).
//! Tells us: software of either side, operations.
//! Does not tell: users and their conversations.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Stun;

/// RFC 8489 §5: type, length, magic cookie, transaction.
const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// §14.14.
const SOFTWARE: u16 = 0x8022;
/// Messages have some ten attributes.
const ATTRIBUTES_MAX: usize = 32;

/// Methods by number (§18.2, RFC 8656 §17); the index is that of [`OPERATIONS`].
const METHODS: &[u16] = &[1, 3, 4, 6, 7, 8, 9];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("binding", OperationClass::Session),
    ("allocate", OperationClass::Session),
    ("refresh", OperationClass::Session),
    ("send", OperationClass::Session),
    ("data", OperationClass::Session),
    ("create_permission", OperationClass::Session),
    ("channel_bind", OperationClass::Session),
];

impl Dissector for Stun {
    type State = ();

    const ROW: Row = Row {
        name: "stun",
        revision: 1,
        spec: "RFC 8489, RFC 8656",
        tells: "software of servers and clients",
        bindings: &[Binding::Udp(3478)],
        shapes: &[Shape {
            over: Transport::Udp,
            bytes: &[(0, 0xc0, 0), (4, 0xff, 0x21), (5, 0xff, 0x12), (6, 0xff, 0xa4), (7, 0xff, 0x42)],
            min: HEADER,
            max: 65_535,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some((_, length)) = header(head) else { return Gate::NotMine };
        let whole = head.len() == HEADER + length || head.len() >= crate::engine::GATE_BYTES && HEADER + length > head.len();
        if whole { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match header(head).map(|(kind, _)| kind & 0x110) {
            Some(0) => Side::Client,
            Some(0x100 | 0x110) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some((kind, _)) = header(head) else { return Glance::SKIP };
        // §5: the method's bits stand around those of the class.
        let method = kind & 0xf | kind >> 1 & 0x70 | kind >> 2 & 0xf80;
        let asks = kind & 0x100 == 0;
        let index = METHODS.iter().position(|known| *known == method).filter(|_| asks);
        Glance { operation: index.and_then(|index| u16::try_from(index).ok()), look: Look::Once(kind.into()), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, length) = header(pdu).ok_or(DissectError::Malformed { rule: "header", offset: 0 })?;
        let body = pdu.get(HEADER..).unwrap_or_default();
        let mut rest = body.get(..length).unwrap_or(body);
        let about = cx.sender();
        let kind = if about.endpoint.is_some() { Kind::Service } else { Kind::Client };
        for _ in 0..ATTRIBUTES_MAX {
            let Some((&[a, b, high, low], behind)) = rest.split_first_chunk::<4>() else { break };
            let size = usize::from(u16::from_be_bytes([high, low]));
            let value = behind.get(..size).ok_or(DissectError::Truncated { needed: size })?;
            if u16::from_be_bytes([a, b]) == SOFTWARE {
                cx.say(&about, kind).text(Field::SoftwareVersion, trim(value));
            }
            // §14: values are padded to words of four bytes.
            rest = behind.get(size.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(Next::Watch)
    }
}

/// Type and length.
fn header(head: &[u8]) -> Option<(u16, usize)> {
    let &[a, b, high, low] = head.first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let mine = head.len() >= HEADER && head.get(4..8) == Some(&COOKIE[..]) && a & 0xc0 == 0 && length % 4 == 0;
    mine.then_some((u16::from_be_bytes([a, b]), length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &u16::try_from(attributes.len()).unwrap().to_be_bytes(), &COOKIE, &[7; 12], attributes].concat()
    }

    const NAMED: &[u8] = &[0x80, 0x22, 0, 5, b'C', b'a', b'm', b'-', b'2', 0, 0, 0];

    #[test]
    fn both_sides_name_their_software() {
        let said = payload(&Stun, Transport::Udp, 50000, 3478, &message(1, NAMED));
        assert_eq!(field(&said, Kind::Client, Field::SoftwareVersion), ["Cam-2"]);
        let said = payload(&Stun, Transport::Udp, 40000, 50000, &message(0x101, NAMED));
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["Cam-2"]);
    }

    #[test]
    fn an_attribute_that_is_cut_ends_the_reading() {
        let mut cut = [NAMED, &[0x80, 0x22, 0, 40, b'x', 0, 0, 0]].concat();
        cut.truncate(20);
        let said = payload(&Stun, Transport::Udp, 50000, 3478, &message(1, &cut));
        assert_eq!(field(&said, Kind::Client, Field::SoftwareVersion), ["Cam-2"]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], &[0; 40], &message(1, NAMED)[..30], &[0x80, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42]] {
            assert_eq!(gate(&Stun, stranger, 3478), Gate::NotMine);
        }
    }
}
