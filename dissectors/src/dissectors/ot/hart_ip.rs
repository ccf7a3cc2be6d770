//! HART-IP: field devices behind gateways and I/O systems, or on Ethernet themselves.
//!
//! Spec: FieldComm Group TS20085 (HART-IP), TS20081 (token-passing frames), TS20127 (universal commands), TS20151 (common practice).
//! Tells us: manufacturer, device type, unique id, revisions, tags of each device that answers; which commands are sent.
//! Does not tell: anything inside TLS or DTLS (version 2); what manufacturer and type numbers mean (registries hold them).

use super::hart_ip_commands as commands;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, StepKind, Subject, Transport};

pub(crate) struct HartIp;

const PORT: u16 = 5094;
/// TS20085 §5: version, type, id, status, sequence (2), length of all (2).
const HEADER: usize = 8;
/// A direct PDU with many commands stays below (§5.3).
const LENGTH_MAX: usize = 1500;

/// Message types.
const REQUEST: u8 = 0;
const RESPONSE: u8 = 1;
const PUBLISH: u8 = 2;
const NAK: u8 = 15;
/// Message ids.
const INITIATE: u8 = 0;
const CLOSE: u8 = 1;
const KEEP_ALIVE: u8 = 2;
const TOKEN_PASSING: u8 = 3;
const DIRECT: u8 = 4;
const READ_AUDIT_LOG: u8 = 5;

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over, bytes, min: HEADER, max: usize::MAX }
}

/// A session is opened with a version, and with a length of thirteen.
const OPENING: &[(usize, u8, u8)] = &[(0, 0xff, 1), (1, 0xfe, 0), (2, 0xff, INITIATE), (3, 0xff, 0), (6, 0xff, 0), (7, 0xff, 13), (8, 0xfe, 0)];

impl Dissector for HartIp {
    type State = ();

    const ROW: Row = Row {
        name: "hart_ip",
        revision: 1,
        spec: "FieldComm Group TS20085, TS20081, TS20127",
        tells: "manufacturer and device type number, unique id, revisions and tags of HART devices; commands",
        bindings: &[Binding::Tcp(PORT), Binding::Udp(PORT)],
        shapes: &[shape(Transport::Tcp, OPENING), shape(Transport::Udp, OPENING)],
        operations: commands::OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(header) = header(head) else {
            return if at.transport == Transport::Tcp && head.len() < HEADER && matches!(head, [] | [1] | [1, 0..=2, ..]) {
                Gate::More
            } else {
                Gate::NotMine
            };
        };
        let whole = match at.transport {
            Transport::Udp => head.len() == header.length,
            _ => head.len() >= header.length.min(crate::engine::GATE_BYTES) && matches!(head.get(header.length), None | Some(1 | 2)),
        };
        if whole && agrees(&header, head.get(HEADER..).unwrap_or_default()) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match header(head).map(|header| header.kind) {
            Some(REQUEST) => Side::Client,
            Some(RESPONSE | PUBLISH | NAK) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if head.len() < HEADER {
            return Framing::Need(HEADER);
        }
        header(head).map_or(Framing::Lost, |header| Framing::Pdu { len: header.length, want: header.length })
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(header) = header(head) else { return Glance::SKIP };
        let asks = header.kind == REQUEST;
        let body = head.get(HEADER..).unwrap_or_default();
        match header.id {
            TOKEN_PASSING => {
                let Some(frame) = token_passing(body) else { return Glance::SKIP };
                let operation = commands::operation(frame.command);
                // Identity may be another device's each time: it is read always. Others are new once a device and command.
                let device = frame.address.iter().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
                let key = device.rotate_left(12) ^ u32::from(frame.command) << 1 ^ u32::from(asks);
                let look = if !asks && commands::identifies(frame.command) { Look::Always } else { Look::Once(key) };
                Glance { operation: Some(operation).filter(|_| asks), look, inner: None }
            }
            DIRECT => {
                let number = direct(body, asks).next().map(|(number, _)| number);
                let always = !asks && direct(body, asks).any(|(number, _)| commands::identifies(number));
                let look = if always { Look::Always } else { Look::Once(u32::from(number.unwrap_or(0)) << 1 | u32::from(asks) | 1 << 31) };
                Glance { operation: number.map(commands::operation).filter(|_| asks), look, inner: None }
            }
            id => Glance {
                operation: commands::session(id).filter(|_| asks),
                look: Look::Once(u32::from(id) << 8 | u32::from(header.kind)),
                inner: None,
            },
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(header) = header(pdu) else { return Err(DissectError::Malformed { rule: "header", offset: 0 }) };
        let body = pdu.get(HEADER..).unwrap_or_default();
        if header.kind == REQUEST || header.kind == NAK {
            return Ok(Next::Watch);
        }
        let server = cx.sender();
        cx.say(&server, Kind::Security).number(Field::ProtocolVersion, header.version.into(), pdu.get(..1).unwrap_or_default());
        match header.id {
            TOKEN_PASSING => {
                if let Some(frame) = token_passing(body) {
                    let about = frame.device(&server, cx);
                    if !about.path.is_empty() {
                        cx.say(&about, Kind::Part).bytes(Field::HartAddress, frame.address);
                    }
                    if let Some(data) = frame.answer() {
                        commands::answered(frame.command, data, &about, &server, cx)?;
                    }
                }
            }
            DIRECT => {
                for (number, data) in direct(body, false) {
                    commands::answered(number, data, &server, &server, cx)?;
                }
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

struct Header {
    version: u8,
    kind: u8,
    id: u8,
    length: usize,
}

fn header(bytes: &[u8]) -> Option<Header> {
    let &[version, kind, id, _, _, _, high, low] = bytes.first_chunk::<HEADER>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let known = matches!(version, 1 | 2)
        && matches!(kind, REQUEST | RESPONSE | PUBLISH | NAK)
        && matches!(id, INITIATE | CLOSE | KEEP_ALIVE | TOKEN_PASSING | DIRECT | READ_AUDIT_LOG)
        && (HEADER..=LENGTH_MAX).contains(&length);
    known.then_some(Header { version, kind, id, length })
}

/// Whether a message's body has the form that its id demands.
fn agrees(header: &Header, body: &[u8]) -> bool {
    match header.id {
        // Kind of master and time-out; version 2 adds more.
        INITIATE => header.length == HEADER + 5 && matches!(body.first(), Some(0 | 1)) || header.version == 2,
        CLOSE | KEEP_ALIVE => header.length <= HEADER + 2,
        TOKEN_PASSING => token_passing(body).is_some(),
        _ => true,
    }
}

/// A token-passing frame (TS20081 §5): delimiter, address, expansion, command, count, data, check.
struct Frame<'a> {
    address: &'a [u8],
    command: u16,
    answers: bool,
    data: &'a [u8],
}

fn token_passing(body: &[u8]) -> Option<Frame<'_>> {
    const LONG: u8 = 0x80;
    let (delimiter, rest) = body.split_first()?;
    // Burst (1), from a master (2), from a device (6).
    let answers = match delimiter & 0x07 {
        1 | 6 => true,
        2 => false,
        _ => return None,
    };
    let (address, rest) = rest.split_at_checked(if delimiter & LONG != 0 { 5 } else { 1 })?;
    let rest = rest.get(usize::from(delimiter >> 5 & 3)..)?;
    let (&[command, count], data) = rest.split_first_chunk::<2>()?;
    // The check stands behind the data; what a capture cut is read as far as it goes.
    let data = data.get(..usize::from(count)).filter(|_| data.len() <= usize::from(count) + 1)?;
    let number = match (command, data) {
        (commands::EXTENDED, [high, low, ..]) => u16::from_be_bytes([*high, *low]),
        _ => command.into(),
    };
    Some(Frame { address, command: number, answers, data })
}

impl<'a> Frame<'a> {
    /// The device that a frame is of: a long address names it whatever lies between; a short one is that of a loop's only device.
    fn device(&self, server: &Subject, cx: &Context<'_>) -> Subject {
        match *self.address {
            [first, b, c, d, e] => {
                // Two bits of the first byte are the master's and of bursts.
                let number = [first & 0x3f, b, c, d, e].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
                cx.part(server, StepKind::HartDevice, number)
            }
            _ => server.clone(),
        }
    }

    /// The data of an answer behind response code and status; none where an error is all that it has.
    fn answer(&self) -> Option<&'a [u8]> {
        let extended = if self.command > u16::from(u8::MAX) { 2 } else { 0 };
        self.data.get(2 + extended..).filter(|data| self.answers && !data.is_empty())
    }
}

/// Commands of a direct PDU (TS20085 §5.3.5): two bytes of status, then number (2), count, and in answers a response code before the data.
fn direct(body: &[u8], asks: bool) -> impl Iterator<Item = (u16, &[u8])> {
    /// Commands take three bytes at least.
    const COMMANDS_MAX: usize = LENGTH_MAX / 3;
    let mut rest = body.get(2..).unwrap_or_default();
    (0..COMMANDS_MAX).map_while(move |_| {
        let (&[high, low, count], behind) = rest.split_first_chunk::<3>()?;
        let (data, behind) = behind.split_at_checked(usize::from(count))?;
        rest = behind;
        Some((u16::from_be_bytes([high, low]), if asks { data } else { data.get(1..).unwrap_or_default() }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, conversation, field, gate, payload, read_cut};

    fn message(kind: u8, id: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER + body.len()).unwrap().to_be_bytes();
        [&[1, kind, id, 0, 0, 3, length[0], length[1]], body].concat()
    }

    /// An answer of the device with unique id 26-86-0a-bc-de to a command.
    fn device(command: u8, data: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x86, 0xa6, 0x86, 0x0a, 0xbc, 0xde, command, u8::try_from(data.len() + 2).unwrap(), 0, 0];
        frame.extend_from_slice(data);
        frame.push(0x55);
        message(RESPONSE, TOKEN_PASSING, &frame)
    }

    fn identity() -> Vec<u8> {
        device(0, &[254, 0x26, 0x86, 5, 7, 3, 9, 0x10, 0, 0x0a, 0xbc, 0xde, 5, 4, 0, 1, 0, 0x00, 0x26, 0x00, 0x26, 1])
    }

    #[test]
    fn a_device_says_manufacturer_type_unique_id_and_revisions() {
        let said = answer(&HartIp, &identity());
        assert_eq!(field(&said, Kind::Identity, Field::HartManufacturerId), ["38"]);
        assert_eq!(field(&said, Kind::Identity, Field::HartDeviceType), ["9862"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["2686-0abcde"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["9"]);
        assert_eq!(field(&said, Kind::Identity, Field::HardwareVersion), ["2"]);
        let identity = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert_eq!(identity.about.path[0].number, 0x26_860a_bcde);
    }

    #[test]
    fn tags_are_read_packed_and_long() {
        // Eight characters of six bits, then sixteen blanks and a date.
        let packed = [0x51, 0x4b, 0x74, 0xdf, 0x1c, 0x60];
        let blanks = [0x82, 0x08, 0x20, 0x82, 0x08, 0x20, 0x82, 0x08, 0x20, 0x82, 0x08, 0x20];
        let said = answer(&HartIp, &device(13, &[&packed[..], &blanks, &[1, 1, 126]].concat()));
        assert_eq!(field(&said, Kind::Identity, Field::ShortTag), ["TT-4711"]);
        assert!(field(&said, Kind::Identity, Field::Description).is_empty());
        let mut long = b"TT-4711 reactor 3".to_vec();
        long.resize(32, 0);
        assert_eq!(field(&answer(&HartIp, &device(20, &long)), Kind::Identity, Field::Tag), ["TT-4711 reactor 3"]);
    }

    #[test]
    fn an_error_and_a_question_say_nothing_of_a_device() {
        let ask = message(REQUEST, TOKEN_PASSING, &[0x82, 0x26, 0x86, 0x0a, 0xbc, 0xde, 0, 0, 0x72]);
        let refused = device(0, &[]);
        let said = conversation(&HartIp, Transport::Tcp, &[(50000, PORT, &ask), (PORT, 50000, &refused)]);
        assert!(field(&said, Kind::Identity, Field::SerialNumber).is_empty());
        assert_eq!(field(&said, Kind::Part, Field::HartAddress).len(), 1);
    }

    #[test]
    fn a_truncated_answer_says_nothing_wrong() {
        let said = read_cut(&HartIp, false, &identity()[..24]);
        assert!(field(&said, Kind::Identity, Field::SerialNumber).is_empty());
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
        let name = |message: &[u8]| HartIp.glance(message, &at).operation.map(|operation| commands::OPERATIONS[usize::from(operation)].0);
        assert_eq!(name(&message(REQUEST, TOKEN_PASSING, &[0x82, 0x26, 0x86, 0x0a, 0xbc, 0xde, 42, 0, 0x72])), Some("perform_device_reset"));
        assert_eq!(name(&message(REQUEST, TOKEN_PASSING, &[0x82, 0x26, 0x86, 0x0a, 0xbc, 0xde, 31, 2, 2, 3, 0x72])), Some("extended_command"));
        assert_eq!(name(&message(REQUEST, INITIATE, &[1, 0, 9, 0x27, 0xc0])), Some("session_initiate"));
        assert_eq!(name(&identity()), None);
    }

    #[test]
    fn strangers_on_its_port_are_refused_and_a_session_is_found_elsewhere() {
        for stranger in [&[0; 40][..], b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n", &[1, 0, 9, 0, 0, 0, 0, 8], &[1, 0, 3, 0, 0, 0, 0, 12, 9, 9, 9, 9]] {
            assert_eq!(gate(&HartIp, stranger, PORT), Gate::NotMine);
        }
        let opened = message(RESPONSE, INITIATE, &[1, 0, 9, 0x27, 0xc0]);
        assert_eq!(field(&payload(&HartIp, Transport::Udp, 40001, 50000, &opened), Kind::Security, Field::ProtocolVersion), ["1"]);
    }
}
