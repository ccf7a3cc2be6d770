//! BSAP over IP, as ControlWave and other Bristol RTUs speak it: what is read and written by name or address.
//!
//! Spec: Emerson D301401X012 (BSAP and Bristol Networks); CISA's icsnpp-bsap (BSD-3) for the header on IP.
//! Tells us: stations that ask and answer; reads, writes, resets, clock and address changes.
//! Does not tell: maker, model and version of a station; who asks. Serial BSAP that is carried over IP is not read.

use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{le_u16, le_u32, u8};
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Control, Diagnose, Read, Session, Write};
use observations::{OperationClass, Transport};

pub(crate) struct Bsap;

/// Lengths of the header: without and with the second pair of addresses.
const HEADERS: [u16; 2] = [14, 22];
const POLL: u16 = 0;
const RESPONSE: u16 = 5;
const REQUEST: u16 = 6;
/// Application functions: remote database, and its extension.
const RDB: u8 = 0xa0;
const RDB_EXTENSION: u8 = 0xa1;

const EXTENSION: u32 = 0x1_0000;
const POLLED: u32 = 0x2_0000;
const OTHER: u32 = 0x2_0001;
/// Functions of the remote database, and those of its extension.
const FUNCTIONS: &[Code] = &[
    (0x00, "read_signal_by_address", Read),
    (0x02, "read_logical_by_address", Read),
    (0x04, "read_signal_by_name", Read),
    (0x06, "read_logical_by_name", Read),
    (0x0c, "read_signal_by_list_start", Read),
    (0x0d, "read_signal_by_list_continue", Read),
    (0x0e, "read_logical_by_list_start", Read),
    (0x0f, "read_logical_by_list_continue", Read),
    (0x80, "write_signal_by_address", Write),
    (0x84, "write_signal_by_name", Write),
    (0x8c, "write_signal_by_list_start", Write),
    (0x8d, "write_signal_by_list_continue", Write),
    (EXTENSION | 0x0101, "reset_system", Control),
    (EXTENSION | 0x0102, "diagnostics_reset", Configure),
    (EXTENSION | 0x0201, "read_date_and_time", Diagnose),
    (EXTENSION | 0x0202, "read_date", Diagnose),
    (EXTENSION | 0x0203, "read_time", Diagnose),
    (EXTENSION | 0x0281, "write_date_and_time", Configure),
    (EXTENSION | 0x0400, "change_local_node_address", Configure),
    (POLLED, "poll", Session),
    (OTHER, "other_request", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ FUNCTIONS.len() }>(FUNCTIONS);

impl Dissector for Bsap {
    type State = ();

    const ROW: Row = Row {
        name: "bsap",
        revision: 1,
        spec: "Emerson D301401X012; CISA icsnpp-bsap",
        tells: "stations that ask and answer; reads, writes, resets, clock and address changes",
        bindings: &[Binding::Udp(1234), Binding::Udp(1235)],
        shapes: &[Shape {
            over: Transport::Udp,
            // Header of 14 or 22 bytes, few messages, a function below 8.
            bytes: &[(0, 0xe7, 0x06), (1, 0xff, 0), (2, 0xfc, 0), (3, 0xff, 0), (4, 0xf8, 0), (5, 0xff, 0)],
            min: 14,
            max: usize::MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Ok((rest, header)) = header(head) else { return Gate::NotMine };
        let bound = [at.src_port, at.dst_port].iter().any(|port| matches!(*port, 1234 | 1235));
        let shaped = match (header.messages, header.function) {
            // An empty header is no proof elsewhere.
            (0, POLL) => rest.is_empty() && bound,
            (1.., POLL | RESPONSE | REQUEST) => message(rest).is_ok_and(|(_, message)| message.length as usize == rest.len() || rest.len() > 480),
            _ => false,
        };
        if shaped { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match header(head) {
            Ok((_, Header { function: REQUEST, .. })) => Side::Client,
            Ok((_, Header { function: RESPONSE, .. })) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((rest, header)) = header(head) else { return Glance::SKIP };
        let code = match header.function {
            REQUEST => message(rest).ok().and_then(|(data, message)| code(message.application, data)).or(Some(OTHER)),
            POLL if header.messages == 0 => Some(POLLED),
            _ => None,
        };
        let operation = code.and_then(|code| codes::find(FUNCTIONS, code).or_else(|| codes::find(FUNCTIONS, OTHER)));
        Glance { operation, look: Look::Never, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), _: &mut Context<'_>) -> Result<Next, DissectError> {
        header(pdu)?;
        Ok(Next::Watch)
    }
}

struct Header {
    messages: u16,
    function: u16,
}

/// Its own length, number of messages, function, sequence, last sequence seen; in the longer form addresses.
fn header(i: &[u8]) -> IResult<&[u8], Header> {
    let (i, (length, messages, function)) = (le_u16(), le_u16(), le_u16()).parse(i)?;
    if !HEADERS.contains(&length) {
        return Err(nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::Verify }));
    }
    let (i, _sequences) = take(usize::from(length) - 6).parse(i)?;
    Ok((i, Header { messages, function }))
}

struct Message {
    length: u32,
    application: u8,
}

fn message(i: &[u8]) -> IResult<&[u8], Message> {
    let (i, (length, _header, _sequence, application)) = (le_u32(), u8(), le_u32(), u8()).parse(i)?;
    Ok((i, Message { length, application }))
}

/// Node status, then the function.
fn code(application: u8, data: &[u8]) -> Option<u32> {
    match (application, data) {
        (RDB, [_status, function, ..]) => Some(u32::from(*function)),
        (RDB_EXTENSION, [_status, low, high, ..]) => Some(EXTENSION | u32::from(*high) << 8 | u32::from(*low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::payload;

    fn request(application: u8, data: &[u8]) -> Vec<u8> {
        let length = u8::try_from(data.len() + 10).unwrap();
        [&[14, 0, 1, 0, 6, 0, 1, 0, 0, 0, 2, 0, 0, 0, length, 0, 0, 0, 12, 1, 0, 0, 0, application], data].concat()
    }

    fn at(port: u16) -> At {
        At { transport: Transport::Udp, src_port: 50000, dst_port: port, from_client: None }
    }

    #[test]
    fn requests_have_their_names() {
        let name = |payload: &[u8]| Bsap.glance(payload, &at(1234)).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&request(RDB, b"\0\x84\x01@GV.PUMP\0")), Some("write_signal_by_name"));
        assert_eq!(name(&request(RDB_EXTENSION, &[0, 0x81, 2, 1])), Some("write_date_and_time"));
        assert_eq!(name(&request(0x03, &[0, 1])), Some("other_request"));
        assert_eq!(name(&[14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]), Some("poll"));
    }

    #[test]
    fn it_is_found_elsewhere_by_its_lengths() {
        let request = request(RDB, b"\0\x04\x01@GV.PUMP\0");
        assert_eq!(Bsap.gate(&request, &at(4711)), Gate::Mine);
        assert_eq!(Bsap.gate(&request[..request.len() - 1], &at(1234)), Gate::NotMine);
        assert_eq!(Dissector::side(&Bsap, &request), Side::Client);
        assert!(payload(&Bsap, Transport::Udp, 50000, 4711, &request).iter().all(|said| said.protocol != "bsap"));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&[0; 40][..], b"\x0e\0some text that goes on", &[14; 30], &[14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1]] {
            assert_eq!(Bsap.gate(stranger, &at(1234)), Gate::NotMine);
        }
        assert_eq!(Bsap.gate(&[14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0], &at(4711)), Gate::NotMine);
    }
}
