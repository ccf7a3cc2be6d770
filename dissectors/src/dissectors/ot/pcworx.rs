//! PC Worx, with which ILC controllers are programmed: what a controller is.
//!
//! Spec: no public one. Header and offsets as answers of controllers show them; the same fields as nmap's `pcworx-info` names.
//! Tells us: type, order number, firmware version.
//! Does not tell: which of the services that a client calls is which; who calls (there is no authentication).

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Pcworx;

const PORT: u16 = 1962;
/// Version 1; an answer has the high bit.
const VERSION: u8 = 0x01;
const ANSWER: u8 = 0x81;
/// Version, service, length of all (big-endian), number, and four more bytes.
const HEADER: usize = 12;
/// The longest message carries a block of a program.
const LENGTH_MAX: usize = 16 * 1024;
/// Services in use.
const CONNECT: u8 = 1;
const INFORMATION: u8 = 6;
const SERVICE_MAX: u8 = 0x10;

/// Texts in the answer to a question for information.
const TYPE: std::ops::Range<usize> = 30..66;
const FIRMWARE: std::ops::Range<usize> = 66..79;
const ORDER_NUMBER: std::ops::Range<usize> = 152..160;

impl Dissector for Pcworx {
    type State = ();

    const ROW: Row = Row {
        name: "pcworx",
        revision: 1,
        spec: "answers of ILC controllers; fields as nmap's pcworx-info names them",
        tells: "type, order number and firmware version of controllers",
        bindings: &[Binding::Tcp(PORT)],
        // A client says the name of its driver first.
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[
                (0, 0xff, VERSION),
                (1, 0xff, CONNECT),
                (2, 0xff, 0),
                (3, 0xff, 0x1a),
                (4, 0xff, 0),
                (5, 0xff, 0),
                (8, 0xff, 0x78),
                (9, 0xff, 0x80),
            ],
            min: 26,
            max: 26,
        }],
        operations: &[
            ("connect", OperationClass::Session),
            ("read_information", OperationClass::Diagnose),
            ("other_service", OperationClass::Session),
        ],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[version, service, high, low]) = head.first_chunk::<4>() else { return Gate::NotMine };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let fits =
            (HEADER..=LENGTH_MAX).contains(&length) && (head.len() == length || head.len() >= crate::engine::GATE_BYTES && length > head.len());
        let follows = head.get(length..).is_some_and(|rest| matches!(rest, [VERSION | ANSWER, 1..=SERVICE_MAX, 0..=0x40, ..]));
        let mine = matches!(version, VERSION | ANSWER) && (1..=SERVICE_MAX).contains(&service) && (fits || length >= HEADER && follows);
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&VERSION) => Side::Client,
            Some(&ANSWER) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Some(&[version, _, high, low]) = head.first_chunk::<4>() else { return Framing::Need(4) };
        let len = usize::from(u16::from_be_bytes([high, low]));
        let known = matches!(version, VERSION | ANSWER) && (HEADER..=LENGTH_MAX).contains(&len);
        if known { Framing::Pdu { len, want: len } } else { Framing::Lost }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(&[version, service, ..]) = head.first_chunk::<4>() else { return Glance::SKIP };
        let operation = match service {
            CONNECT => 0,
            INFORMATION => 1,
            _ => 2,
        };
        let look = if (version, service) == (ANSWER, INFORMATION) { Look::Always } else { Look::Once(service.into()) };
        Glance { operation: Some(operation).filter(|_| version == VERSION), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let text = |place: std::ops::Range<usize>| pdu.get(place).and_then(text);
        // Other services answer with the same number and other contents: an information begins with a type in letters.
        if let (true, Some(kind)) = (pdu.starts_with(&[ANSWER, INFORMATION]), text(TYPE)) {
            let about = cx.sender();
            let saying = cx.say(&about, Kind::Identity).trimmed(Field::ModelName, kind);
            let saying = saying.maybe(text(FIRMWARE), |s, version| s.trimmed(Field::FirmwareVersion, version));
            drop(saying.maybe(text(ORDER_NUMBER), |s, number| s.trimmed(Field::OrderNumber, number)));
        }
        Ok(Next::Watch)
    }
}

/// Printable text up to its end; `None` if it is none.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    let text = trim(bytes.split(|byte| *byte == 0).next()?);
    (text.len() >= 3 && text.iter().all(|byte| (0x20..0x7f).contains(byte))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate, payload, read_cut};

    const CONNECTING: &[u8] = b"\x01\x01\x00\x1a\0\0\0\0\x78\x80\x00\x03\x00\x0cIBETH01N0_M\0";

    fn information() -> Vec<u8> {
        let mut bytes =
            vec![ANSWER, INFORMATION, 0, 0xb0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x4c, 0, 0, 0, 6, 0, 0x98, 0x82, 0x95, 0, 0x4a, 0, 0];
        for (at, text) in [(30, "ILC 191 ETH 2TX"), (66, "4.42"), (79, "03/02/16"), (152, "2700976")] {
            bytes.resize(at, 0);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.resize(0xb0, 0);
        bytes
    }

    #[test]
    fn a_controller_says_type_order_number_and_firmware() {
        let said = answer(&Pcworx, &information());
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["ILC 191 ETH 2TX"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["4.42"]);
        assert_eq!(field(&said, Kind::Identity, Field::OrderNumber), ["2700976"]);
    }

    #[test]
    fn a_truncated_answer_keeps_what_came_before() {
        let said = read_cut(&Pcworx, false, &information()[..100]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["4.42"]);
        assert!(field(&said, Kind::Identity, Field::OrderNumber).is_empty());
    }

    #[test]
    fn strangers_on_its_port_are_refused_and_a_client_is_found_elsewhere() {
        assert_eq!(gate(&Pcworx, CONNECTING, PORT), Gate::Mine);
        for stranger in
            [&[0; 40][..], b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n", &[1, 1, 0, 0x1a, 0, 0], &[0x81, 0x40, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert_eq!(gate(&Pcworx, stranger, PORT), Gate::NotMine);
        }
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 40962, from_client: Some(true) };
        assert_eq!(Pcworx.glance(CONNECTING, &at).operation, Some(0));
        assert!(payload(&Pcworx, Transport::Tcp, 50000, 40962, CONNECTING).iter().all(|said| said.kind != Kind::Identity));
    }
}
