//! EtherNet/IP encapsulation: what a device says of itself to whoever asks, and the CIP messages inside.
//!
//! Spec: ODVA CIP Volume 2 chapter 2 (encapsulation, common packet format); Volume 8 (CIP Security).
//! Tells us: vendor, type, product code, revision, serial number, name and state (List Identity); CIP Security; services.
//! Does not tell: who asks (a session needs no authentication); whether the address in List Identity is reachable.

use super::cip_identity::Identity;
use crate::context::{Context, Exchange};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{le_u16, le_u32, le_u64};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Enip;

/// Command, length, session, status, sender context, options (2-3.1).
const HEADER: usize = 24;
const PORT: u16 = 44818;

const NOP: u16 = 0x0000;
const LIST_SERVICES: u16 = 0x0004;
const LIST_IDENTITY: u16 = 0x0063;
const REGISTER_SESSION: u16 = 0x0065;
const UNREGISTER_SESSION: u16 = 0x0066;
const SEND_RR_DATA: u16 = 0x006f;
const SEND_UNIT_DATA: u16 = 0x0070;

/// Table 2-3.2: the index is that of [`OPERATIONS`].
const COMMANDS: &[u16] =
    &[LIST_SERVICES, LIST_IDENTITY, 0x0064, REGISTER_SESSION, UNREGISTER_SESSION, SEND_RR_DATA, SEND_UNIT_DATA, 0x0072, 0x0073, 0x00c8];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("list_services", OperationClass::Diagnose),
    ("list_identity", OperationClass::Diagnose),
    ("list_interfaces", OperationClass::Diagnose),
    ("register_session", OperationClass::Session),
    ("unregister_session", OperationClass::Session),
    ("send_rr_data", OperationClass::Session),
    ("send_unit_data", OperationClass::Session),
    ("indicate_status", OperationClass::Diagnose),
    ("cancel", OperationClass::Session),
    ("start_dtls", OperationClass::Session),
];
/// Table 2-3.3.
const STATUSES: &[u32] = &[0, 1, 2, 3, 0x64, 0x65, 0x69, 0x6a];

/// Items of the common packet format, table 2-6.3, and Volume 8.
const IDENTITY: u16 = 0x000c;
const SECURITY: u16 = 0x0086;
const CONNECTED_ADDRESS: u16 = 0x00a1;
const CONNECTED_DATA: u16 = 0x00b1;
const UNCONNECTED_DATA: u16 = 0x00b2;
const SERVICES: u16 = 0x0100;
/// Interface handle and time-out before the items of SendRRData and SendUnitData.
const INTERFACE: usize = 6;
/// A packet has two to four items; ListServices may have a few more.
const ITEMS_MAX: usize = 16;
/// Encapsulation version and socket address before the Identity object (2-4.3).
const SOCKET: usize = 18;

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)], min: usize) -> Shape {
    Shape { over, bytes, min, max: usize::MAX }
}

impl Dissector for Enip {
    type State = ();

    const ROW: Row = Row {
        name: "enip",
        revision: 1,
        spec: "ODVA CIP Volume 2 chapter 2, Volume 8",
        tells: "vendor, device type, product code, revision, serial number, product name, CIP Security",
        bindings: &[Binding::Tcp(PORT), Binding::Udp(PORT)],
        shapes: &[
            // Command with a status of one byte, then for datagrams an empty session as well.
            shape(Transport::Tcp, &[(0, 0xff, 0x65), (1, 0xff, 0), (2, 0xff, 4), (3, 0xff, 0), (9, 0xff, 0), (10, 0xff, 0), (11, 0xff, 0)], HEADER),
            shape(Transport::Tcp, &[(0, 0xff, 0x63), (1, 0xff, 0), (9, 0xff, 0), (10, 0xff, 0), (11, 0xff, 0)], HEADER),
            shape(Transport::Tcp, &[(0, 0xff, 0x6f), (1, 0xff, 0), (9, 0xff, 0), (10, 0xff, 0), (11, 0xff, 0)], HEADER),
            shape(Transport::Tcp, &[(0, 0xff, 0x70), (1, 0xff, 0), (9, 0xff, 0), (10, 0xff, 0), (11, 0xff, 0)], HEADER),
            shape(Transport::Udp, &[(0, 0xff, 0x63), (1, 0xff, 0), (8, 0xff, 0), (9, 0xff, 0), (10, 0xff, 0), (11, 0xff, 0)], HEADER),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Ok((body, header)) = header(head) else {
            let command = head.first_chunk::<2>().map(|command| u16::from_le_bytes(*command));
            return if command.is_some_and(|command| COMMANDS.contains(&command)) { Gate::More } else { Gate::NotMine };
        };
        if !COMMANDS.contains(&header.command) || !STATUSES.contains(&header.status) || header.options != 0 {
            return Gate::NotMine;
        }
        let length = usize::from(header.length);
        // Some stacks send header and data apart: on its port the header is proof enough.
        if body.is_empty() && length > 0 && at.transport == Transport::Tcp {
            return if at.src_port == PORT || at.dst_port == PORT { Gate::Mine } else { Gate::NotMine };
        }
        let cut = head.len() >= crate::engine::GATE_BYTES;
        let whole = match at.transport {
            Transport::Udp => body.len() == length || cut && length > body.len(),
            _ => body.len() >= length.min(INTERFACE + 2) && body.get(length..).is_none_or(follows),
        };
        if whole && agrees(&header, body) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let Ok((_, header)) = header(head) else { return Side::Unknown };
        match (header.command, header.length, header.session) {
            (LIST_IDENTITY | LIST_SERVICES, 0, _) | (REGISTER_SESSION, _, 0) | (UNREGISTER_SESSION, ..) => Side::Client,
            (LIST_IDENTITY | LIST_SERVICES | REGISTER_SESSION, ..) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Ok((_, header)) = header(head) else { return Framing::Need(HEADER) };
        let len = HEADER + usize::from(header.length);
        let known = header.command == NOP || COMMANDS.contains(&header.command);
        if known && header.options == 0 { Framing::Pdu { len, want: len } } else { Framing::Lost }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Ok((body, header)) = header(head) else { return Glance::SKIP };
        let index = COMMANDS.iter().position(|command| *command == header.command);
        let operation = index.and_then(|index| u16::try_from(index).ok()).filter(|_| at.from_client != Some(false));
        match header.command {
            SEND_RR_DATA | SEND_UNIT_DATA => {
                let offset = message(body).and_then(|(message, _)| message.as_ptr().addr().checked_sub(head.as_ptr().addr()));
                Glance { operation, look: Look::Never, inner: offset.map(|offset| (0, offset)) }
            }
            LIST_IDENTITY | LIST_SERVICES => Glance { operation, look: Look::Always, inner: None },
            _ => Glance { operation, look: Look::Never, inner: None },
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (body, header) = header(pdu)?;
        if header.status != 0 {
            return Ok(Next::Watch);
        }
        match header.command {
            LIST_IDENTITY | LIST_SERVICES if !body.is_empty() => listed(body, cx)?,
            SEND_RR_DATA | SEND_UNIT_DATA => {
                if let Some((message, connected)) = message(body) {
                    let exchange = exchange(&header, connected);
                    cx.under_exchange(0, exchange, message);
                }
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

struct Header {
    command: u16,
    length: u16,
    session: u32,
    status: u32,
    context: u64,
    options: u32,
}

/// 2-3.1.
fn header(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, (command, length, session, status, context, options)) = (le_u16(), le_u16(), le_u32(), le_u32(), le_u64(), le_u32()).parse(i)?;
    Ok((i, Header { command, length, session, status, context, options }))
}

/// Whether what follows a PDU in one segment is another, or nothing.
fn follows(rest: &[u8]) -> bool {
    match rest.first_chunk::<2>() {
        Some(command) => COMMANDS.contains(&u16::from_le_bytes(*command)) || *command == [0, 0],
        None => true,
    }
}

/// Whether a command's data has the form that it must have (2-4).
fn agrees(header: &Header, body: &[u8]) -> bool {
    let items = |at: usize| body.get(at..at + 2).is_some_and(|count| matches!(count, [1..=16, 0]));
    match header.command {
        _ if header.status != 0 => true,
        REGISTER_SESSION => header.length == 4 && body.starts_with(&[1, 0]),
        SEND_RR_DATA | SEND_UNIT_DATA => body.starts_with(&[0, 0, 0, 0]) && items(INTERFACE),
        LIST_IDENTITY | LIST_SERVICES => header.length == 0 || items(0),
        UNREGISTER_SESSION => header.length == 0,
        _ => true,
    }
}

/// Number of items, then type, length and data of each (2-6).
fn items(i: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), DissectError>> {
    let (mut rest, count) = match le_u16::<_, nom::error::Error<&[u8]>>().parse(i) {
        Ok((rest, count)) => (rest, usize::from(count)),
        Err(_) => (i, 0),
    };
    (0..count.min(ITEMS_MAX)).map_while(move |_| {
        if rest.is_empty() {
            return None;
        }
        match item(rest) {
            Ok((i, item)) => {
                rest = i;
                Some(Ok(item))
            }
            Err(error) => {
                rest = &[];
                Some(Err(error.into()))
            }
        }
    })
}

fn item(i: &[u8]) -> IResult<&[u8], (u16, &[u8])> {
    let (i, (kind, length)) = (le_u16(), le_u16()).parse(i)?;
    // What a capture cut is read as far as it goes.
    let (i, data) = take(i.len().min(usize::from(length))).parse(i)?;
    Ok((i, (kind, data)))
}

/// A CIP message, and for a connected one its connection and sequence.
type Message<'a> = (&'a [u8], Option<(u32, u16)>);

/// The message of SendRRData or SendUnitData.
fn message(body: &[u8]) -> Option<Message<'_>> {
    let mut connection = None;
    for item in items(body.get(INTERFACE..)?) {
        match item.ok()? {
            (CONNECTED_ADDRESS, address) => connection = address.first_chunk().map(|id| u32::from_le_bytes(*id)),
            (UNCONNECTED_DATA, data) => return Some((data, None)),
            (CONNECTED_DATA, data) => {
                let (sequence, message) = data.split_first_chunk::<2>()?;
                return Some((message, Some((connection?, u16::from_le_bytes(*sequence)))));
            }
            _ => {}
        }
    }
    None
}

/// A question and its answer share session and sender context, or session and sequence on their connection.
fn exchange(header: &Header, connected: Option<(u32, u16)>) -> Exchange {
    const CONNECTED: u128 = 1 << 127;
    let session = u128::from(header.session) << 64;
    match connected {
        Some((connection, sequence)) => Exchange { transaction: CONNECTED | session | u128::from(sequence), connection: Some(connection) },
        None => Exchange { transaction: session | u128::from(header.context), connection: None },
    }
}

/// Answers to ListIdentity and ListServices.
fn listed(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.sender();
    for item in items(body) {
        match item? {
            (IDENTITY, data) => {
                // Many devices leave the socket address empty, or are not reached at it.
                let (object, _version_and_address) = take::<_, _, nom::error::Error<&[u8]>>(SOCKET).parse(data)?;
                Identity::all(object).say(&about, cx);
            }
            (SECURITY, data) => security(data, &about, cx),
            (SERVICES, data) => {
                let (name, (_version, _capabilities)) = (le_u16::<_, nom::error::Error<&[u8]>>(), le_u16()).parse(data)?;
                let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
                cx.say(&about, Kind::Service).trimmed(Field::ServiceName, name.get(..end).unwrap_or(name));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Volume 8: profiles, states of the CIP Security and EtherNet/IP Security objects, which ports are open.
fn security(data: &[u8], about: &observations::Subject, cx: &mut Context<'_>) {
    let Some((profiles, rest)) = data.split_first_chunk::<2>() else { return };
    let saying = cx.say(about, Kind::Security).number(Field::CipSecurityProfiles, u16::from_le_bytes(*profiles).into(), profiles);
    let fields = [Field::CipSecurityState, Field::EnipSecurityState, Field::Flags];
    let values = rest.chunks(1).zip(fields).filter_map(|(bytes, field)| Some((*bytes.first()?, bytes, field)));
    drop(values.fold(saying, |saying, (value, bytes, field)| saying.number(field, value.into(), bytes)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, conversation, field, gate, payload, read_cut};

    const LISTED: &[u8] = &[
        0x63, 0, // ListIdentity
        0x45, 0, // length 69
        0, 0, 0, 0, 0, 0, 0, 0, // session, status
        0, 0, 0, 0, 0, 0, 0, 0, // sender context
        0, 0, 0, 0, // options
        2, 0, // two items
        0x0c, 0, 0x36, 0, // identity, 54 bytes
        1, 0, // encapsulation version
        0, 2, 0xaf, 0x12, 10, 77, 0, 13, 0, 0, 0, 0, 0, 0, 0, 0, // socket address
        1, 0, 0x0e, 0, 0x36, 0, // vendor, device type, product code
        20, 11, // revision
        0x60, 0x31, // status
        0x1a, 0x06, 0x6c, 0x00, // serial number
        20, b'1', b'7', b'5', b'6', b'-', b'L', b'6', b'1', b'/', b'B', b' ', b'L', b'O', b'G', b'I', b'X', b'5', b'5', b'6', b'1', // name
        3,    // state
        0x86, 0, 5, 0, // CIP Security, five bytes
        2, 0, 3, 4, 9, // profiles, states, ports
    ];

    #[test]
    fn list_identity_says_identity_state_and_security() {
        for said in [answer(&Enip, LISTED), payload(&Enip, Transport::Udp, PORT, 50000, LISTED)] {
            assert_eq!(field(&said, Kind::Identity, Field::CipVendorId), ["1"]);
            assert_eq!(field(&said, Kind::Identity, Field::CipDeviceType), ["14"]);
            assert_eq!(field(&said, Kind::Identity, Field::CipProductCode), ["54"]);
            assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["20.11"]);
            assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["006C061A"]);
            assert_eq!(field(&said, Kind::Identity, Field::ProductName), ["1756-L61/B LOGIX5561"]);
            assert_eq!(field(&said, Kind::State, Field::CipStatus), ["12640"]);
            assert_eq!(field(&said, Kind::State, Field::CipState), ["3"]);
            assert_eq!(field(&said, Kind::Security, Field::CipSecurityProfiles), ["2"]);
            assert_eq!(field(&said, Kind::Security, Field::EnipSecurityState), ["4"]);
        }
    }

    #[test]
    fn a_truncated_identity_keeps_what_came_before() {
        let said = read_cut(&Enip, false, &LISTED[..66]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["006C061A"]);
        assert!(field(&said, Kind::Identity, Field::ProductName).is_empty());
    }

    #[test]
    fn a_list_of_services_names_them() {
        let services =
            [&[4, 0, 26, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 20, 0, 1, 0, 0x20, 0][..], b"Communications\0\0"]
                .concat();
        assert_eq!(field(&answer(&Enip, &services), Kind::Service, Field::ServiceName), ["Communications"]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        let modbus = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10];
        let text = b"open the door and let everybody in\r\n";
        for stranger in
            [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0x16, 3, 1, 0, 5, 1, 0, 0], &[0; 40], &modbus, text]
        {
            assert_eq!(gate(&Enip, stranger, PORT), Gate::NotMine);
        }
    }

    #[test]
    fn a_header_whose_data_follow_apart_is_waited_for() {
        let (header, data) = LISTED.split_at(HEADER);
        let said = conversation(&Enip, Transport::Tcp, &[(PORT, 50000, header), (PORT, 50000, data)]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["006C061A"]);
        assert_eq!(gate(&Enip, header, 20818), Gate::NotMine);
    }

    #[test]
    fn a_session_is_recognised_on_any_port() {
        let register = [0x65, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 1, 0, 0, 0];
        assert_eq!(gate(&Enip, &register, 20818), Gate::Mine);
        assert_eq!(Dissector::side(&Enip, &register), Side::Client);
        assert_eq!(gate(&Enip, &[&register[..24], &[9, 9, 9, 9]].concat(), 20818), Gate::NotMine);
    }
}
