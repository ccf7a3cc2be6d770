//! Modbus/TCP: device identification, server identification, unit identifiers, and which function codes are used.
//!
//! Spec: MODBUS Application Protocol 1.1b3; MODBUS Messaging on TCP/IP Implementation Guide 1.0b.
//! Tells us: vendor, product code, revision, model (43/14), server id and run indicator (17), units behind a gateway, reads and writes.
//! Does not tell: anything of a device that nobody asks; who writes (there is no authentication).

use super::modbus_functions::{self as functions, ENCAPSULATED, EXCEPTION, OPERATIONS, REPORT_SERVER_ID, UMAS};
use crate::context::{Context, Exchange};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind, Transport};

pub(crate) struct Modbus;

/// Guide §3.1.3: transaction, protocol, length; then the unit, which the length counts.
const MBAP: usize = 6;
/// Guide §3.1.3: the length field counts the unit identifier and at most 253 bytes of PDU (§4.1 of the application protocol).
const LENGTH_MAX: usize = 254;
/// Some controllers carry more with UMAS, in PDUs of their own length (M580 announces 1,021 bytes and more).
const UMAS_LENGTH_MAX: usize = 1500;

impl Dissector for Modbus {
    type State = ();

    const ROW: Row = Row {
        name: "modbus",
        revision: 1,
        spec: "MODBUS Application Protocol V1.1b3, MODBUS Messaging on TCP/IP V1.0b",
        tells: "vendor, product, revision, model, units behind a gateway, reads and writes",
        bindings: &[Binding::Tcp(502)],
        shapes: &[Shape {
            over: Transport::Tcp,
            // Protocol identifier 0, length below 256.
            bytes: &[(2, 0xff, 0), (3, 0xff, 0), (4, 0xff, 0)],
            min: 8,
            max: 1460,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(&[_, _, 0, 0, high, low, _, function]) = head.first_chunk::<8>() else {
            return if head.len() < 8 && head.get(2..4).is_none_or(|protocol| protocol == [0, 0]) { Gate::More } else { Gate::NotMine };
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !functions::is_known(function) || !(2..=longest(function)).contains(&length) {
            return Gate::NotMine;
        }
        let bound = at.src_port == 502 || at.dst_port == 502;
        let whole = match head.get(length + MBAP..) {
            Some(rest) => follows(rest),
            None => function == UMAS && head.len() >= crate::engine::GATE_BYTES,
        };
        // Elsewhere than on its port the PDU's own lengths must agree as well: three zero bytes are no proof.
        if whole && (bound || functions::agrees(function, head.get(8..length + MBAP).unwrap_or_default())) { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Some(&[_, _, protocol_high, protocol_low, high, low, _, function]) = head.first_chunk::<8>() else { return Framing::Need(8) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if protocol_high != 0 || protocol_low != 0 || !(2..=longest(function)).contains(&length) {
            return Framing::Lost;
        }
        Framing::Pdu { len: length + MBAP, want: length + MBAP }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some((&[.., unit, function], body)) = head.split_first_chunk::<8>() else { return Glance::READ };
        let request = at.from_client != Some(false);
        // Identification may say something new each time; everything else is new once a unit, function and direction.
        let look = match function {
            ENCAPSULATED | REPORT_SERVER_ID => Look::Always,
            _ => Look::Once(u32::from(unit) << 16 | u32::from(function) << 8 | u32::from(request)),
        };
        let counted = request || function & EXCEPTION != 0;
        let inner = (function == UMAS).then_some((u64::from(UMAS), 8));
        Glance { operation: functions::operation(function, body).filter(|_| counted), look, inner }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (body, header) = header(pdu)?;
        if header.function == UMAS {
            let exchange = Exchange { transaction: u128::from(header.transaction) << 8 | u128::from(header.unit), connection: None };
            cx.under_exchange(UMAS.into(), exchange, body);
        }
        // A question proves nothing of the unit: scanners ask for all 247.
        if cx.from_client() != Some(false) || header.function & EXCEPTION != 0 {
            return Ok(Next::Watch);
        }
        let about = functions::unit_of(cx.sender(), header.unit, cx);
        cx.say(&about, Kind::Part).number(Field::UnitId, u64::from(header.unit), header.unit_byte);
        functions::response(header.function, body, &about, cx)?;
        Ok(Next::Watch)
    }
}

/// The longest PDU of a function, with its unit identifier.
const fn longest(function: u8) -> usize {
    if function == UMAS { UMAS_LENGTH_MAX } else { LENGTH_MAX }
}

/// Whether what follows a PDU in one segment is another, or nothing.
fn follows(rest: &[u8]) -> bool {
    rest.is_empty() || matches!(rest, [_, _, 0, 0, ..])
}

struct Header<'a> {
    transaction: u16,
    unit: u8,
    unit_byte: &'a [u8],
    function: u8,
}

fn header(i: &[u8]) -> IResult<&[u8], Header<'_>> {
    let (i, (transaction, _protocol, _length)) = (be_u16(), be_u16(), be_u16()).parse(i)?;
    let (unit_byte, _) = take(1usize).parse(i).map(|(rest, byte)| (byte, rest))?;
    let (i, (unit, function)) = (be_u8(), be_u8()).parse(i)?;
    Ok((i, Header { transaction, unit, unit_byte, function }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate, read_cut};

    const IDENTIFICATION: &[u8] = &[
        0x00, 0x01, // transaction
        0x00, 0x00, // protocol
        0x00, 0x1d, // length 29
        0xff, // unit
        0x2b, 0x0e, // encapsulated interface, read device identification
        0x01, 0x01, 0x00, 0x00, // basic, conformity 1, nothing follows
        0x02, // two objects
        0x00, 0x09, b'S', b'c', b'h', b'n', b'e', b'i', b'd', b'e', b'r', // vendor name
        0x01, 0x08, b'B', b'M', b'X', b' ', b'P', b'3', b'4', b' ', // product code, padded
    ];

    #[test]
    fn device_identification_is_read_with_its_padding_left_out() {
        let said = answer(&Modbus, IDENTIFICATION);
        assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["Schneider"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProductCode), ["BMX P34"]);
    }

    #[test]
    fn a_truncated_object_keeps_the_ones_before() {
        let said = read_cut(&Modbus, false, &IDENTIFICATION[..IDENTIFICATION.len() - 3]);
        assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["Schneider"]);
        assert!(field(&said, Kind::Identity, Field::ProductCode).is_empty());
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &[0; 40]] {
            assert_eq!(gate(&Modbus, stranger, 502), Gate::NotMine);
        }
    }

    #[test]
    fn off_its_port_the_lengths_must_agree() {
        let poll = [0, 9, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10];
        assert_eq!(gate(&Modbus, &poll, 15020), Gate::Mine);
        let not = [0, 9, 0, 0, 0, 7, 1, 3, 0, 0, 0, 10, 0];
        assert_eq!(gate(&Modbus, &not, 15020), Gate::NotMine);
    }
}
