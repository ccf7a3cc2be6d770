//! CSPv4, the client-server protocol of Ethernet controllers before EtherNet/IP: an envelope for PCCC.
//!
//! Spec: no public one. Message form as Redpoint (cspv4-info) and drivers show it.
//! Tells us: connections; what is inside says PCCC.
//! Does not tell: who asks (a connection needs no authentication).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{be_u16, u8};
use nom::{IResult, Parser};
use observations::{OperationClass, Transport};

pub(crate) struct Cspv4;

/// Mode, submode, length, connection, status, context.
const HEADER: usize = 28;
const PORT: u16 = 2222;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const CONNECT: u8 = 1;
const COMMAND: u8 = 7;
/// Destination, control, source and service access point before the command.
const LINK: usize = 4;
/// A command has at most 244 bytes of data and its header.
const LENGTH_MAX: usize = 512;

const OPERATIONS: &[(&str, OperationClass)] = &[("connect", OperationClass::Session), ("command", OperationClass::Read)];

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: HEADER, max: HEADER + LENGTH_MAX }
}

impl Dissector for Cspv4 {
    type State = ();

    const ROW: Row = Row {
        name: "cspv4",
        revision: 1,
        spec: "Redpoint cspv4-info",
        tells: "connections of PLC-5, SLC 500 and MicroLogix controllers",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[
            // Mode and submode, a short length, status 0.
            shape(&[(0, 0xff, REQUEST), (1, 0xf9, 1), (2, 0xfe, 0), (8, 0xff, 0), (9, 0xff, 0), (10, 0xff, 0), (11, 0xff, 0)]),
            shape(&[(0, 0xff, RESPONSE), (1, 0xf9, 1), (2, 0xfe, 0), (8, 0xff, 0), (9, 0xff, 0), (10, 0xff, 0), (11, 0xff, 0)]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((body, header)) = header(head) else { return Gate::NotMine };
        let length = usize::from(header.length);
        let shaped = match header.submode {
            CONNECT => length == 0,
            COMMAND => length > LINK + 3 && length <= LENGTH_MAX,
            _ => false,
        };
        let whole = body.get(length..).is_some_and(|rest| matches!(rest, [] | [REQUEST | RESPONSE, CONNECT | COMMAND, ..]));
        if matches!(header.mode, REQUEST | RESPONSE) && shaped && whole && header.status == [0; 4] { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&REQUEST) => Side::Client,
            Some(&RESPONSE) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Ok((_, header)) = header(head) else { return Framing::Need(HEADER) };
        let len = HEADER + usize::from(header.length);
        let known = matches!((header.mode, header.submode), (REQUEST | RESPONSE, CONNECT | COMMAND));
        if known && len <= HEADER + LENGTH_MAX { Framing::Pdu { len, want: len } } else { Framing::Lost }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let request = head.first() == Some(&REQUEST);
        match head.get(1) {
            Some(&COMMAND) => Glance { operation: Some(1).filter(|_| request), look: Look::Never, inner: Some((0, HEADER + LINK)) },
            _ => Glance { operation: Some(0).filter(|_| request), look: Look::Never, inner: None },
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (body, header) = header(pdu)?;
        if header.submode == COMMAND {
            let (message, _link) = take::<_, _, nom::error::Error<&[u8]>>(LINK).parse(body)?;
            cx.under(0, message);
        }
        Ok(Next::Watch)
    }
}

struct Header<'a> {
    mode: u8,
    submode: u8,
    length: u16,
    status: &'a [u8],
}

fn header(i: &[u8]) -> IResult<&[u8], Header<'_>> {
    let (i, (mode, submode, length)) = (u8(), u8(), be_u16()).parse(i)?;
    let (i, (_connection, status, _context)) = (take(4usize), take(4usize), take(16usize)).parse(i)?;
    Ok((i, Header { mode, submode, length, status }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gate;

    const CONNECTED: &[u8] = &[2, 1, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 4, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn a_connection_is_recognised_on_any_port() {
        for port in [PORT, 4711] {
            assert_eq!(gate(&Cspv4, CONNECTED, port), Gate::Mine);
        }
        assert_eq!(Cspv4.frame(CONNECTED), Framing::Pdu { len: HEADER, want: HEADER });
        assert_eq!(Dissector::side(&Cspv4, CONNECTED), Side::Server);
    }

    #[test]
    fn strangers_are_refused() {
        let mut long = CONNECTED.to_vec();
        long[3] = 9;
        for stranger in [&b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12\r\n"[..], &[0; 40], &[1; 40], &long, &CONNECTED[..20]] {
            assert_eq!(gate(&Cspv4, stranger, PORT), Gate::NotMine);
        }
    }
}
