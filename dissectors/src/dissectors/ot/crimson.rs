//! Crimson 3: how Red Lion's operator panels and gateways are programmed; they say maker and model.
//!
//! Spec: no public one. Message form as nmap's cr3-fingerprint and captures show it.
//! Tells us: manufacturer and model.
//! Does not tell: firmware and serial number; what is downloaded; who asks.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{be_u16, u8};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Crimson;

const PORT: u16 = 789;
/// Length, register, type.
const HEADER: usize = 6;
/// Longest message that is believed.
const LENGTH_MAX: usize = 0x1000;
const MODEL: u16 = 0x012a;
const MANUFACTURER: u16 = 0x012b;
/// The type of answers; questions have others.
const ANSWER: u8 = 3;
const TEXT_MAX: usize = 64;

const OPERATIONS: &[(&str, OperationClass)] =
    &[("read_model", OperationClass::Diagnose), ("read_manufacturer", OperationClass::Diagnose), ("other_register", OperationClass::Session)];

impl Dissector for Crimson {
    type State = ();

    const ROW: Row = Row {
        name: "crimson",
        revision: 1,
        spec: "nmap cr3-fingerprint",
        tells: "manufacturer and model of operator panels and gateways",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[Shape {
            over: Transport::Tcp,
            // A short length, register 012A or 012B, and no high byte of the type.
            bytes: &[(0, 0xff, 0), (2, 0xff, 1), (3, 0xfe, 0x2a), (5, 0xff, 0)],
            min: HEADER,
            max: HEADER + TEXT_MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((body, message)) = message(head) else { return Gate::NotMine };
        let known = matches!(message.register, MODEL | MANUFACTURER) && message.zero == 0;
        let shaped = match message.kind {
            ANSWER => text(body).is_some(),
            0x1a | 0x1b => body.is_empty(),
            _ => false,
        };
        if known && shaped && message.length + 2 == head.len() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(4) {
            Some(&ANSWER) => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match be_u16::<_, nom::error::Error<&[u8]>>().parse(head) {
            Ok((_, length)) if (4..=LENGTH_MAX).contains(&usize::from(length)) => {
                Framing::Pdu { len: usize::from(length) + 2, want: usize::from(length) + 2 }
            }
            Ok(_) => Framing::Lost,
            Err(_) => Framing::Need(2),
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Ok((_, message)) = message(head) else { return Glance::SKIP };
        let (operation, look) = match message.register {
            MODEL => (0, Look::Always),
            MANUFACTURER => (1, Look::Always),
            _ => (2, Look::Never),
        };
        Glance { operation: Some(operation).filter(|_| at.from_client != Some(false)), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (body, message) = message(pdu)?;
        if let (ANSWER, Some(text)) = (message.kind, text(body)) {
            let about = cx.sender();
            match message.register {
                MODEL => drop(cx.say(&about, Kind::Identity).trimmed(Field::ModelName, text)),
                MANUFACTURER => drop(cx.say(&about, Kind::Identity).trimmed(Field::VendorName, text)),
                _ => {}
            }
        }
        Ok(Next::Watch)
    }
}

struct Message {
    length: usize,
    register: u16,
    kind: u8,
    zero: u8,
}

fn message(i: &[u8]) -> IResult<&[u8], Message> {
    let (i, (length, register, kind, zero)) = (be_u16(), be_u16(), u8(), u8()).parse(i)?;
    let length = usize::from(length);
    let (_, body) = take(i.len().min(length.saturating_sub(HEADER - 2))).parse(i)?;
    Ok((body, Message { length, register, kind, zero }))
}

/// Text that a NUL ends.
fn text(body: &[u8]) -> Option<&[u8]> {
    let text = body.strip_suffix(&[0])?;
    (!text.is_empty() && text.len() <= TEXT_MAX && text.iter().all(|byte| (0x20..0x7f).contains(byte))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, read_cut};

    const NAMED: &[u8] = b"\x00\x16\x01\x2b\x03\x00Red Lion Controls\0";

    #[test]
    fn a_panel_says_maker_and_model() {
        for port in [PORT, 4711] {
            let said = conversation(
                &Crimson,
                Transport::Tcp,
                &[
                    (50000, port, b"\0\x04\x01\x2b\x1b\0"),
                    (port, 50000, NAMED),
                    (50000, port, b"\0\x04\x01\x2a\x1a\0"),
                    (port, 50000, b"\0\x09\x01\x2a\x03\0G303\0"),
                ],
            );
            assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["Red Lion Controls"]);
            assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["G303"]);
        }
    }

    #[test]
    fn a_cut_name_says_nothing() {
        assert!(field(&read_cut(&Crimson, false, &NAMED[..12]), Kind::Identity, Field::VendorName).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1], &NAMED[..20], &[0x16, 3, 1, 0, 5, 1]] {
            assert_eq!(gate(&Crimson, stranger, PORT), Gate::NotMine);
        }
    }
}
