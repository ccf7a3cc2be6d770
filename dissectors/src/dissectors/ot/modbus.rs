//! Modbus/TCP: device identification, server identification, unit identifiers, and which function codes are used.
//!
//! Spec: MODBUS Application Protocol 1.1b3; MODBUS Messaging on TCP/IP Implementation Guide 1.0b.
//! Tells us: vendor, product code, revision, model (43/14), server id and run indicator (17), units behind a gateway, reads and writes.
//! Does not tell: anything of a device that nobody asks; who writes (there is no authentication).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use nom::bytes::take;
use nom::number::be_u8;
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, StepKind, Transport, Value};

pub(crate) struct Modbus;

/// Guide §3.1.3: transaction, protocol, length, unit.
const MBAP: usize = 7;
/// Guide §3.1.3: the length field counts the unit identifier and at most 253 bytes of PDU (§4.1 of the application protocol).
const LENGTH_MAX: usize = 254;
/// A response's function code with this bit is an exception (§4.1).
const EXCEPTION: u8 = 0x80;
const REPORT_SERVER_ID: u8 = 0x11;
const ENCAPSULATED: u8 = 0x2b;
const READ_DEVICE_IDENTIFICATION: u8 = 0x0e;

/// §5.1, public function codes, and Schneider's 0x5A: the index is that of [`OPERATIONS`].
const FUNCTIONS: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 0x0b, 0x0c, 0x0f, 0x10, 0x11, 0x14, 0x15, 0x16, 0x17, 0x18, 0x2b, 0x5a];

/// Their names in the specification, then what is none of them, then exceptions.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("read_coils", OperationClass::Read),
    ("read_discrete_inputs", OperationClass::Read),
    ("read_holding_registers", OperationClass::Read),
    ("read_input_registers", OperationClass::Read),
    ("write_single_coil", OperationClass::Write),
    ("write_single_register", OperationClass::Write),
    ("read_exception_status", OperationClass::Diagnose),
    ("diagnostics", OperationClass::Diagnose),
    ("get_comm_event_counter", OperationClass::Diagnose),
    ("get_comm_event_log", OperationClass::Diagnose),
    ("write_multiple_coils", OperationClass::Write),
    ("write_multiple_registers", OperationClass::Write),
    ("report_server_id", OperationClass::Diagnose),
    ("read_file_record", OperationClass::Read),
    ("write_file_record", OperationClass::Write),
    ("mask_write_register", OperationClass::Write),
    ("read_write_multiple_registers", OperationClass::Write),
    ("read_fifo_queue", OperationClass::Read),
    ("encapsulated_interface_transport", OperationClass::Diagnose),
    ("umas", OperationClass::Program),
    ("other_function", OperationClass::Session),
    ("exception", OperationClass::Session),
];
const OTHER: usize = FUNCTIONS.len();
const EXCEPTIONS: usize = FUNCTIONS.len() + 1;

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
        let Some(&[_, _, 0, 0, 0, length, _, function]) = head.first_chunk::<8>() else {
            return if head.len() < 8 && head.get(2..4).is_none_or(|protocol| protocol == [0, 0]) { Gate::More } else { Gate::NotMine };
        };
        let length = usize::from(length);
        let known = FUNCTIONS.contains(&(function & !EXCEPTION));
        if !known || !(2..=LENGTH_MAX).contains(&length) {
            return Gate::NotMine;
        }
        let bound = at.src_port == 502 || at.dst_port == 502;
        let whole = head.len() >= length + 6 && follows(head.get(length + 6..).unwrap_or_default());
        // Elsewhere than on its port the PDU's own lengths must agree as well: three zero bytes are no proof.
        if whole && (bound || agrees(function, head.get(8..length + 6).unwrap_or_default())) { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Some(&[_, _, protocol_high, protocol_low, high, low]) = head.first_chunk::<6>() else { return Framing::Need(6) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if protocol_high != 0 || protocol_low != 0 || !(2..=LENGTH_MAX).contains(&length) {
            return Framing::Lost;
        }
        Framing::Pdu { len: length + 6, want: length + 6 }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some(&[.., unit, function]) = head.first_chunk::<8>() else { return Glance::READ };
        let request = at.from_client != Some(false);
        let operation = if function & EXCEPTION != 0 { EXCEPTIONS } else { index_of(function).unwrap_or(OTHER) };
        // Identification may say something new each time; everything else is new once a unit, function and direction.
        let look = match function {
            ENCAPSULATED | REPORT_SERVER_ID => Look::Always,
            _ => Look::Once(u32::from(unit) << 16 | u32::from(function) << 8 | u32::from(request)),
        };
        let counted = request || function & EXCEPTION != 0;
        Glance { operation: u16::try_from(operation).ok().filter(|_| counted), look, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (body, (unit_byte, unit, function)) = header(pdu)?;
        if cx.from_client() != Some(false) {
            // A question proves nothing of the unit: scanners ask for all 247.
            return Ok(Next::Watch);
        }
        let server = cx.sender();
        let about = if is_gateway_unit(unit) { cx.part(&server, StepKind::ModbusUnit, u64::from(unit)) } else { server };
        if function & EXCEPTION != 0 {
            return Ok(Next::Watch);
        }
        cx.say(&about, Kind::Part).number(Field::UnitId, u64::from(unit), unit_byte);
        match function {
            ENCAPSULATED => device_identification(body, &about, cx)?,
            REPORT_SERVER_ID => server_id(body, &about, cx)?,
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// Guide §4.4.2.1: 0xFF (and 0) address the server itself; other values a unit behind it, or the server if it is no gateway.
const fn is_gateway_unit(unit: u8) -> bool {
    unit != 0 && unit != 0xff
}

fn index_of(function: u8) -> Option<usize> {
    FUNCTIONS.iter().position(|code| *code == function)
}

/// Whether what follows a PDU in one segment is another, or nothing.
fn follows(rest: &[u8]) -> bool {
    rest.is_empty() || matches!(rest, [_, _, 0, 0, ..])
}

/// Whether a PDU's length is what its function code demands, of requests or responses (§6).
fn agrees(function: u8, body: &[u8]) -> bool {
    let counted = |at: usize, fixed: usize| body.get(at).is_some_and(|count| body.len() == fixed + usize::from(*count));
    match function {
        f if f & EXCEPTION != 0 => body.len() == 1,
        0x01..=0x04 => body.len() == 4 || counted(0, 1),
        0x05 | 0x06 => body.len() == 4,
        0x0f | 0x10 => body.len() == 4 || counted(4, 5),
        0x16 => body.len() == 6,
        0x17 => counted(8, 9) || counted(0, 1),
        REPORT_SERVER_ID => body.is_empty() || counted(0, 1),
        ENCAPSULATED => body.first() == Some(&READ_DEVICE_IDENTIFICATION) && body.len() >= 3,
        _ => false,
    }
}

fn header(i: &[u8]) -> IResult<&[u8], (&[u8], u8, u8)> {
    let (i, _transaction_protocol_length) = take(MBAP - 1).parse(i)?;
    let (unit_byte, _) = take(1usize).parse(i).map(|(rest, byte)| (byte, rest))?;
    let (i, (unit, function)) = (be_u8(), be_u8()).parse(i)?;
    Ok((i, (unit_byte, unit, function)))
}

/// §6.21 Read Device Identification, response.
fn device_identification(body: &[u8], about: &observations::Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, mei) = be_u8::<_, nom::error::Error<&[u8]>>().parse(body)?;
    if mei != READ_DEVICE_IDENTIFICATION {
        return Ok(());
    }
    let (i, (_code, _conformity, _more, _next, count)) = (be_u8::<_, nom::error::Error<&[u8]>>(), be_u8(), be_u8(), be_u8(), be_u8()).parse(i)?;
    let mut rest = i;
    let mut saying = cx.say(about, Kind::Identity);
    for _ in 0..count {
        // Objects that were read before one that is cut stand: the observation is recorded on the way out.
        let (i, (id, value)) = object(rest)?;
        rest = i;
        saying = match field_of(id) {
            Some(field) => saying.trimmed(field, value),
            None => saying,
        };
    }
    Ok(())
}

/// Object id and a length-prefixed value, §6.21.
fn object(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, (id, length)) = (be_u8(), be_u8()).parse(i)?;
    let (i, value) = take(length).parse(i)?;
    Ok((i, (id, value)))
}

/// §6.21, table of objects.
const fn field_of(id: u8) -> Option<Field> {
    Some(match id {
        0 => Field::VendorName,
        1 => Field::ProductCode,
        2 => Field::FirmwareVersion,
        3 => Field::Url,
        4 => Field::ProductName,
        5 => Field::ModelName,
        6 => Field::ApplicationName,
        _ => return None,
    })
}

/// §6.13 Report Server ID, response: byte count, then device-specific bytes that end with the run indicator and additional data. Where
/// the id ends is not said on the wire: what can be read as text is taken, the rest is left.
fn server_id(body: &[u8], about: &observations::Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, count) = be_u8::<_, nom::error::Error<&[u8]>>().parse(body)?;
    let (_, data) = take::<_, _, nom::error::Error<&[u8]>>(count).parse(i)?;
    let length = data.iter().take_while(|byte| (0x20..0x7f).contains(*byte)).count();
    if length >= 3 {
        let (text, rest) = data.split_at_checked(length).unwrap_or((data, &[]));
        let run = rest.first().filter(|indicator| matches!(indicator, 0 | 0xff)).copied();
        cx.say(about, Kind::Identity).trimmed(Field::ProductName, text);
        if let Some(run) = run {
            let mode: &[u8] = if run == 0 { b"stop" } else { b"run" };
            let indicator = rest.get(..1).unwrap_or_default();
            cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), indicator, "run-indicator");
        }
    }
    Ok(())
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
    fn every_function_code_has_its_name() {
        assert_eq!(OPERATIONS.len(), FUNCTIONS.len() + 2);
        assert_eq!(index_of(0x5a).map(|index| OPERATIONS[index].0), Some("umas"));
    }

    #[test]
    fn off_its_port_the_lengths_must_agree() {
        let poll = [0, 9, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10];
        assert_eq!(gate(&Modbus, &poll, 15020), Gate::Mine);
        let not = [0, 9, 0, 0, 0, 7, 1, 3, 0, 0, 0, 10, 0];
        assert_eq!(gate(&Modbus, &not, 15020), Gate::NotMine);
    }
}
