//! DCE/RPC: remote procedure calls in datagrams, under PROFINET IO, and over connections, under DCOM and classic OPC.
//!
//! Spec: The Open Group C706, chapter 12 (protocol data unit encodings).
//! Tells us: which interface is called; the calls in datagrams go to who knows the interface; over connections at which authentication
//! level DCOM and OPC are called, and what NTLM says of both ends.
//! Does not tell: what is called over a connection.

use super::dcerpc_pdu::{self as pdu, FRAGMENT, HEADER, Header, LAST_FRAGMENT, VERSION};
use super::dcerpc_stream::{self as stream, Stream};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Span, Transport};

pub(crate) struct Dcerpc;

/// A stub that comes in several PDUs. A PROFINET record has at most 32,832 bytes (IEC 61158-6-10, RecordDataLength).
const STUB_MAX: usize = 64 * 1024;
/// PDUs of one stub: PROFINET devices send some 1,400 bytes in each.
const FRAGMENTS_MAX: usize = 128;

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Udp, bytes, min: HEADER, max: usize::MAX }
}

/// The head of a PDU over a connection: version, a type below 32, integers, and the rest of the data representation.
const OVER_STREAMS: Shape = Shape {
    over: Transport::Tcp,
    bytes: &[(0, 0xff, stream::VERSION), (1, 0xfe, 0), (2, 0xe0, 0), (4, 0xef, 0), (5, 0xff, 0), (6, 0xff, 0), (7, 0xff, 0)],
    min: 24,
    max: usize::MAX,
};

/// Stubs that are being put together, one each way; and what a connection agreed on.
#[derive(Default)]
pub(crate) struct Calls([Call; 2], Stream);

#[derive(Default)]
struct Call {
    activity: Vec<u8>,
    sequence: u64,
    next: u64,
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
}

impl Dissector for Dcerpc {
    type State = Calls;

    const ROW: Row = Row {
        name: "dcerpc",
        revision: 1,
        spec: "The Open Group C706 chapter 12",
        tells: "authentication level of DCOM and classic OPC; it carries calls, of PROFINET IO among others",
        bindings: &[Binding::Udp(34964), Binding::Tcp(135)],
        // Version 4, a type below 16, integers, floats and the last byte of the data representation: PROFINET answers from any port.
        shapes: &[shape(&[(0, 0xff, VERSION), (1, 0xf0, 0), (3, 0xfe, 0), (4, 0xef, 0), (5, 0xff, 0), (6, 0xff, 0)]), OVER_STREAMS],
        operations: &[],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if at.transport == Transport::Tcp {
            return stream::gate(head);
        }
        let Some(header) = pdu::header(head) else { return Gate::NotMine };
        // Whole as it was sent, with or without the verifier behind it; or longer than what is shown here.
        let whole = head.len() >= HEADER + header.length || head.len() >= crate::engine::GATE_BYTES;
        if whole && at.transport == Transport::Udp { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match pdu::header(head).map(|header| header.kind) {
            Some(0 | 1 | 7 | 8) => Side::Client,
            Some(2..=6 | 10) => Side::Server,
            _ => stream::side(head),
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        stream::frame(head)
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if at.transport == Transport::Tcp {
            return stream::glance(head);
        }
        match pdu::header(head) {
            Some(header) if header.fragment > 0 => Glance::READ,
            // Acknowledgements and the like carry nothing.
            Some(header) if matches!(header.kind, pdu::REQUEST | pdu::RESPONSE | pdu::FAULT) => {
                Glance { operation: None, look: Look::Never, inner: Some((header.interface, 0)) }
            }
            _ => Glance::SKIP,
        }
    }

    fn read(&self, bytes: &[u8], calls: &mut Calls, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.at().transport == Transport::Tcp {
            return stream::read(bytes, &mut calls.1, cx);
        }
        let header = pdu::header(bytes).ok_or(DissectError::NotMine)?;
        let whole = bytes.get(..HEADER + header.length).unwrap_or(bytes);
        if !matches!(header.kind, pdu::REQUEST | pdu::RESPONSE | pdu::FAULT) {
            return Ok(Next::Watch);
        }
        if header.flags & FRAGMENT == 0 && header.fragment == 0 {
            cx.under(header.interface, whole);
        } else if let Some(call) = calls.0.get_mut(usize::from(header.kind == pdu::REQUEST)) {
            fragment(&header, whole, call, cx);
        }
        Ok(Next::Watch)
    }
}

/// One piece of a stub (§12.5.3.1): they are numbered from 0, and come in order but for what was lost.
fn fragment(header: &Header<'_>, whole: &[u8], call: &mut Call, cx: &mut Context<'_>) {
    let again = call.activity == header.activity && call.sequence == header.sequence;
    if header.fragment == 0 {
        if again && call.next > 0 {
            return;
        }
        *call = Call { activity: header.activity.to_vec(), sequence: header.sequence, ..Call::default() };
    } else if !again || call.next != header.fragment {
        return;
    }
    // The first header stands before the stub, for who reads both.
    let piece = if header.fragment == 0 { whole } else { whole.get(HEADER..).unwrap_or_default() };
    if call.bytes.len() + piece.len() > STUB_MAX || call.parts.len() >= FRAGMENTS_MAX {
        *call = Call::default();
        cx.limit("bytes of a remote procedure call");
        return;
    }
    call.next = header.fragment + 1;
    call.bytes.extend_from_slice(piece);
    call.parts.push((piece.len(), cx.spans_of(piece)));
    if header.flags & LAST_FRAGMENT != 0 {
        let call = std::mem::take(call);
        let interface = header.interface;
        cx.stitched(&call.bytes, &call.parts, "dcerpc-fragments", |bytes, cx| cx.under(interface, bytes));
    }
}

#[cfg(test)]
pub(super) mod samples {
    use super::HEADER;

    /// A PDU of an interface `dea0000N-6c97-11d1-8271-00a02442df7d` for an object of `(instance, device, vendor)`.
    pub(in super::super) fn pdu(kind: u8, little: bool, interface: u8, object: [u16; 3], operation: u8, stub: &[u8]) -> Vec<u8> {
        let uuid = |last: u8, tail: &[u8]| {
            let mut head = vec![0xde, 0xa0, 0, last, 0x6c, 0x97, 0x11, 0xd1];
            if little {
                head[..4].reverse();
                head[4..6].reverse();
                head[6..8].reverse();
            }
            head.extend_from_slice(&[0x82, 0x71]);
            head.extend_from_slice(tail);
            head
        };
        let number = |value: u32, length: usize| {
            let bytes = if little { value.to_le_bytes() } else { value.to_be_bytes() };
            if little { bytes[..length].to_vec() } else { bytes[4 - length..].to_vec() }
        };
        let object: Vec<u8> = object.iter().flat_map(|part| part.to_be_bytes()).collect();
        let mut pdu = vec![4, kind, 0x20, 0, if little { 0x10 } else { 0 }, 0, 0, 0];
        pdu.extend(uuid(0, &object));
        pdu.extend(uuid(interface, &[0, 0xa0, 0x24, 0x42, 0xdf, 0x7d]));
        pdu.extend([7; 16]); // activity
        pdu.extend(number(0, 4)); // server boot time
        pdu.extend(number(1, 4)); // interface version
        pdu.extend(number(0, 4)); // sequence
        pdu.extend(number(operation.into(), 2));
        pdu.extend([0xff; 4]); // hints
        pdu.extend(number(u32::try_from(stub.len()).unwrap(), 2));
        pdu.extend([0; 4]); // fragment, authentication, serial
        assert_eq!(pdu.len(), HEADER);
        pdu.extend_from_slice(stub);
        pdu
    }
}

#[cfg(test)]
mod tests {
    use super::samples::pdu;
    use super::*;

    const AT: At = At { transport: Transport::Udp, src_port: 49161, dst_port: 49155, from_client: None };

    #[test]
    fn a_call_is_recognised_on_any_port_in_either_byte_order() {
        for little in [false, true] {
            let call = pdu(0, little, 1, [1, 2, 3], 2, &[0; 20]);
            assert_eq!(Dcerpc.gate(&call, &AT), Gate::Mine);
            assert_eq!(Dcerpc.side(&call), Side::Client);
            assert_eq!(Dcerpc.glance(&call, &AT).inner, Some((0xdea0_0001_6c97_11d1, 0)));
        }
        assert_eq!(Dcerpc.side(&pdu(2, true, 1, [1, 2, 3], 2, &[])), Side::Server);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        let mut cut = pdu(0, false, 1, [1, 2, 3], 2, &[0; 20]);
        cut.truncate(90);
        let mut order = pdu(0, false, 1, [1, 2, 3], 2, &[0; 20]);
        order[4] = 0x21;
        for stranger in [&[4, 0, 0x20, 0, 0][..], &[0; 100], &cut, &order, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
            assert_eq!(Dcerpc.gate(stranger, &AT), Gate::NotMine);
        }
    }
}
