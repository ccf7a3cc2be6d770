//! DCE/RPC over a connection, for what DCOM and classic OPC do in it: which interface is called, and at which authentication level.
//!
//! Spec: The Open Group C706, chapter 12.6 (connection-oriented protocol data units); MS-RPCE §2.2.2.11 (sec_trailer) and §2.2.1.1.8
//! (authentication levels); MS-DCOM §1.9 and the OPC Data Access Specification 2.05 (identifiers of interfaces).

use crate::context::Context;
use crate::dissector::{DissectError, Framing, Gate, Glance, Look, Next, Side};
use crate::login::word;
use crate::spnego;
use observations::{Field, Kind};

/// §12.6.1: version 5, and the header that all PDUs share.
pub(super) const VERSION: u8 = 5;
const HEADER: usize = 16;
/// MS-RPCE §2.2.2.11: type, level, padding, reserved, context.
const TRAILER: usize = 8;

/// PDU types (§12.6.1).
const REQUEST: u8 = 0;
const RESPONSE: u8 = 2;
const FAULT: u8 = 3;
const BIND: u8 = 11;
const BIND_ACK: u8 = 12;
const ALTER: u8 = 14;
const ALTER_RESPONSE: u8 = 15;
const AUTH3: u8 = 16;
const TYPES: [u8; 10] = [REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, 13, ALTER, ALTER_RESPONSE, AUTH3, 18];

/// Contexts of one connection that are remembered: a client of OPC binds some ten interfaces.
const CONTEXTS_MAX: usize = 32;
/// A context's identifier, version and number, and one transfer syntax.
const ABSTRACT: usize = 20;
const SYNTAX: usize = 20;

/// Interfaces of DCOM and of classic OPC by their identifiers in the order of a UUID's text.
const INTERFACES: &[(u128, &str)] = &[
    (0x99fc_fec4_5260_101b_bbcb_00aa_0021_347a, "IObjectExporter"),
    (0x0000_01a0_0000_0000_c000_0000_0000_0046, "IRemoteSCMActivator"),
    (0x4d9f_4ab8_7d1c_11cf_861e_0020_af6e_7c57, "IActivation"),
    (0x0000_0131_0000_0000_c000_0000_0000_0046, "IRemUnknown"),
    (0x0000_0143_0000_0000_c000_0000_0000_0046, "IRemUnknown2"),
    (0x39c1_3a4d_011e_11d0_9675_0020_afd8_adb3, "IOPCServer"),
    (0x39c1_3a50_011e_11d0_9675_0020_afd8_adb3, "IOPCGroupStateMgt"),
    (0x39c1_3a52_011e_11d0_9675_0020_afd8_adb3, "IOPCSyncIO"),
    (0x39c1_3a54_011e_11d0_9675_0020_afd8_adb3, "IOPCItemMgt"),
    (0x39c1_3a70_011e_11d0_9675_0020_afd8_adb3, "IOPCDataCallback"),
    (0x39c1_3a71_011e_11d0_9675_0020_afd8_adb3, "IOPCAsyncIO2"),
    (0x39c1_3a72_011e_11d0_9675_0020_afd8_adb3, "IOPCItemProperties"),
];

/// MS-RPCE §2.2.1.1.8, from 1.
const LEVELS: [&str; 6] = ["none", "connect", "call", "packet", "packet-integrity", "packet-privacy"];

/// What a connection agreed on.
#[derive(Default)]
pub(super) struct Stream {
    /// Offered: number and interface of a context.
    offered: Vec<(u16, Option<&'static str>)>,
    /// Accepted ones of known interfaces.
    open: Vec<(u16, &'static str)>,
    /// Called and not answered yet: the call, the context, the level.
    called: Option<(u32, u16, u8)>,
}

struct Header {
    kind: u8,
    little: bool,
    length: usize,
    verifier: usize,
    call: u32,
}

fn header(head: &[u8]) -> Option<Header> {
    let &[VERSION, minor, kind, _, order, floats, 0, 0, a, b, c, d, e, f, g, h] = head.first_chunk::<HEADER>()? else { return None };
    if minor > 1 || !TYPES.contains(&kind) || !matches!(order, 0x00 | 0x10) || floats > 3 {
        return None;
    }
    let little = order == 0x10;
    let short = |pair: [u8; 2]| usize::from(if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) });
    let call = if little { u32::from_le_bytes([e, f, g, h]) } else { u32::from_be_bytes([e, f, g, h]) };
    let (length, verifier) = (short([a, b]), short([c, d]));
    let least = HEADER + if verifier > 0 { TRAILER + verifier } else { 0 };
    (length > HEADER && length >= least).then_some(Header { kind, little, length, verifier, call })
}

pub(super) fn gate(head: &[u8]) -> Gate {
    if head.len() < HEADER && head.first().is_none_or(|version| *version == VERSION) {
        return Gate::More;
    }
    if header(head).is_some() { Gate::Mine } else { Gate::NotMine }
}

pub(super) fn side(head: &[u8]) -> Side {
    match header(head).map(|header| header.kind) {
        Some(REQUEST | BIND | ALTER | AUTH3 | 18) => Side::Client,
        Some(_) => Side::Server,
        None => Side::Unknown,
    }
}

pub(super) fn frame(head: &[u8]) -> Framing {
    match header(head) {
        // The verifier stands at the end.
        Some(header) => Framing::Pdu { len: header.length, want: header.length },
        None if head.len() < HEADER => Framing::Need(HEADER),
        None => Framing::Lost,
    }
}

/// The first call in each context, and its answer, tell what there is to know of it.
pub(super) fn glance(head: &[u8]) -> Glance {
    let Some(known) = header(head) else { return Glance::SKIP };
    let context = u32::from(short(head.get(HEADER + 4..).unwrap_or_default(), known.little));
    match known.kind {
        REQUEST => Glance { operation: None, look: Look::Once(2 * context), inner: None },
        RESPONSE => Glance { operation: None, look: Look::Once(2 * context + 1), inner: None },
        BIND | BIND_ACK | ALTER | ALTER_RESPONSE | AUTH3 => Glance::READ,
        _ => Glance::SKIP,
    }
}

pub(super) fn read(pdu: &[u8], stream: &mut Stream, cx: &mut Context<'_>) -> Result<Next, DissectError> {
    let header = header(pdu).ok_or(DissectError::NotMine)?;
    let body = pdu.get(HEADER..).unwrap_or_default();
    match header.kind {
        BIND | ALTER => stream.offer(body, header.little),
        BIND_ACK | ALTER_RESPONSE => stream.accept(body, &header),
        REQUEST => stream.call(body, pdu, &header),
        RESPONSE => stream.answered(body, &header, cx),
        _ => {}
    }
    if let Some((kind, _, value)) = verifier(pdu, &header).filter(|_| matches!(header.kind, BIND..=AUTH3)) {
        // MS-RPCE §2.2.1.1.7: negotiation, and NTLM.
        match kind {
            9 => spnego::hand_on(value, cx),
            10 => drop(cx.under_layer("ntlmssp", 0, value)),
            _ => {}
        }
    }
    Ok(Next::Watch)
}

fn short(bytes: &[u8], little: bool) -> u16 {
    bytes.first_chunk::<2>().map_or(0, |pair| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) })
}

/// Type, level and value of a verifier, if all of it is there.
fn verifier<'p>(pdu: &'p [u8], header: &Header) -> Option<(u8, u8, &'p [u8])> {
    let from = header.length.checked_sub(header.verifier + TRAILER).filter(|_| header.verifier > 0)?;
    let (trailer, value) = pdu.get(from..header.length)?.split_at_checked(TRAILER)?;
    Some((*trailer.first()?, *trailer.get(1)?, value))
}

/// A UUID as a number, in the order of its text: its first three parts have the sender's byte order (C706 §14.3).
fn uuid(bytes: &[u8], little: bool) -> Option<u128> {
    let mut bytes = *bytes.first_chunk::<16>()?;
    if little {
        for (from, to) in [(0, 4), (4, 6), (6, 8)] {
            bytes.get_mut(from..to)?.reverse();
        }
    }
    Some(u128::from_be_bytes(bytes))
}

impl Stream {
    /// §12.6.4.3: sizes (4), group (4), count, reserved (3), then the contexts.
    fn offer(&mut self, body: &[u8], little: bool) {
        self.offered.clear();
        let count = usize::from(body.get(8).copied().unwrap_or(0));
        let mut rest = body.get(12..).unwrap_or_default();
        for _ in 0..count.min(CONTEXTS_MAX) {
            let Some((head, behind)) = rest.split_at_checked(4 + ABSTRACT) else { return };
            let interface = head.get(4..).and_then(|bytes| uuid(bytes, little));
            let known = interface.and_then(|id| INTERFACES.iter().find(|(known, _)| *known == id)).map(|(_, name)| *name);
            self.offered.push((short(head, little), known));
            let syntaxes = usize::from(head.get(2).copied().unwrap_or(0));
            rest = behind.get(SYNTAX * syntaxes..).unwrap_or_default();
        }
    }

    /// §12.6.4.4: sizes (4), group (4), the secondary address with its length, aligned; count, reserved (3), then results.
    fn accept(&mut self, body: &[u8], header: &Header) {
        let address = usize::from(short(body.get(8..).unwrap_or_default(), header.little));
        // The alignment counts from the PDU's beginning, and the header's length is a multiple of it.
        let at = (10 + address).next_multiple_of(4);
        let results = body.get(at + 4..).unwrap_or_default().chunks(4 + SYNTAX);
        for ((context, interface), result) in std::mem::take(&mut self.offered).into_iter().zip(results) {
            let Some(interface) = interface.filter(|_| result.len() >= 4 && short(result, header.little) == 0) else { continue };
            self.open.retain(|(known, _)| *known != context);
            if self.open.len() < CONTEXTS_MAX {
                self.open.push((context, interface));
            }
        }
    }

    /// §12.6.4.9: a hint (4), the context, the operation. Without a verifier nothing proves who calls.
    fn call(&mut self, body: &[u8], pdu: &[u8], header: &Header) {
        let level = if header.verifier == 0 { Some(1) } else { verifier(pdu, header).map(|(_, level, _)| level) };
        let context = short(body.get(4..).unwrap_or_default(), header.little);
        if let Some(level) = level.filter(|_| self.open.iter().any(|(known, _)| *known == context)) {
            self.called = Some((header.call, context, level));
        }
    }

    fn answered(&mut self, body: &[u8], header: &Header, cx: &mut Context<'_>) {
        let answered = short(body.get(4..).unwrap_or_default(), header.little);
        let Some((_, context, level)) = self.called.take_if(|(call, context, _)| *call == header.call && *context == answered) else { return };
        let interface = self.open.iter().find(|(known, _)| *known == context).map(|(_, name)| *name);
        let level = usize::from(level).checked_sub(1).and_then(|level| LEVELS.get(level));
        if let (Some(interface), Some(level)) = (interface, level) {
            let server = cx.sender();
            drop(cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &word(level)).implied(Field::InterfaceName, &word(interface)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dcerpc::Dcerpc;
    use super::*;
    use crate::dissector::{At, Dissector};
    use crate::testing::{conversation, field};
    use observations::{Observation, Transport};

    const ACTIVATOR: [u8; 16] = [0xa0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

    fn pdu(kind: u8, call: u8, body: &[u8], verifier: Option<u8>) -> Vec<u8> {
        let trailer = verifier.map_or(vec![], |level| [&[10, level, 0, 0, 0, 0, 0, 0][..], &[1; 16]].concat());
        let length = u16::try_from(HEADER + body.len() + trailer.len()).unwrap().to_le_bytes();
        let auth = if trailer.is_empty() { 0 } else { 16 };
        [&[5, 0, kind, 3, 0x10, 0, 0, 0, length[0], length[1], auth, 0, call, 0, 0, 0][..], body, &trailer].concat()
    }

    fn bind(interface: &[u8; 16]) -> Vec<u8> {
        let context = [&[7, 0, 1, 0][..], interface, &[0, 0, 0, 0], &[4; 20]].concat();
        pdu(BIND, 1, &[&[0xb8, 0x10, 0xb8, 0x10, 0, 0, 0, 0, 1, 0, 0, 0][..], &context].concat(), None)
    }

    fn ack(result: u8) -> Vec<u8> {
        let results = [&[1, 0, 0, 0, result, 0, 0, 0][..], &[4; 20]].concat();
        pdu(BIND_ACK, 1, &[&[0xb8, 0x10, 0xb8, 0x10, 1, 0, 0, 0, 4, 0][..], b"135\0", &[0, 0], &results].concat(), None)
    }

    fn talk(interface: &[u8; 16], result: u8, level: Option<u8>) -> Vec<Observation> {
        let (request, response) =
            (pdu(REQUEST, 2, &[24, 0, 0, 0, 7, 0, 4, 0, 9, 9], level), pdu(RESPONSE, 2, &[8, 0, 0, 0, 7, 0, 0, 0, 9, 9], level));
        let payloads = [(50000, 135, &bind(interface)[..]), (135, 50000, &ack(result)), (50000, 135, &request), (135, 50000, &response)];
        conversation(&Dcerpc, Transport::Tcp, &payloads)
    }

    #[test]
    fn a_call_that_is_answered_shows_its_interface_and_its_level() {
        let said = talk(&ACTIVATOR, 0, Some(2));
        assert_eq!(field(&said, Kind::Security, Field::InterfaceName), ["IRemoteSCMActivator"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["connect"]);
        assert_eq!(field(&talk(&ACTIVATOR, 0, Some(5)), Kind::Security, Field::SecurityLevel), ["packet-integrity"]);
        assert_eq!(field(&talk(&ACTIVATOR, 0, None), Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn what_is_refused_or_unknown_shows_nothing() {
        assert!(field(&talk(&ACTIVATOR, 2, Some(2)), Kind::Security, Field::SecurityLevel).is_empty());
        assert!(field(&talk(&[7; 16], 0, Some(2)), Kind::Security, Field::SecurityLevel).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 135, from_client: None };
        for stranger in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &[5; 40], &[0; 40], &[5, 0, 11, 3, 0x10, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0]] {
            assert_eq!(Dcerpc.gate(stranger, &at), Gate::NotMine);
        }
        assert_eq!(Dcerpc.gate(&bind(&ACTIVATOR), &at), Gate::Mine);
        assert_eq!(Dcerpc.gate(&[5, 0], &at), Gate::More);
    }
}
