//! BACnet Secure Connect, as far as it is seen in the clear: nodes connect to their hub, or to each other, over WebSockets.
//!
//! Spec: ANSI/ASHRAE 135-2020 annex AB (BVLC-SC: AB.2; connections: AB.6, AB.7).
//! Tells us: virtual addresses and device UUIDs of both ends, which is the hub, addresses at which nodes take direct connections; what is
//! said to whom through the hub.
//! Does not tell: what TLS hides, as the standard demands: then a hub cannot be told from another server; connections whose opening was
//! not seen.

use crate::bvlc_sc::{self, Message};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use crate::http_message::{self as http, Start};
use crate::websocket;
use observations::OperationClass::{Diagnose, Session};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Value};

pub(crate) struct Bscvlc;

/// What is carried: bound `Under("bscvlc", …)`.
const NPDU: u64 = 1;

/// AB.2.2: the index is the function.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("bvlc_result", Session),
    ("encapsulated_npdu", Session),
    ("address_resolution", Diagnose),
    ("address_resolution_ack", Session),
    ("advertisement", Session),
    ("advertisement_solicitation", Diagnose),
    ("connect_request", Session),
    ("connect_accept", Session),
    ("disconnect_request", Session),
    ("disconnect_ack", Session),
    ("heartbeat_request", Session),
    ("heartbeat_ack", Session),
    ("proprietary_message", Session),
];
const ADDRESS_RESOLUTION_ACK: u8 = 0x03;
const CONNECT_REQUEST: u8 = 0x06;
const CONNECT_ACCEPT: u8 = 0x07;
/// Virtual address, device UUID, largest BVLC message, largest NPDU.
const CONNECT: usize = 6 + 16 + 2 + 2;
/// AB.7.1: the subprotocol of connections to a hub.
const HUB: &[u8] = b"hub.bsc.bacnet.org";

impl Dissector for Bscvlc {
    type State = ();

    const ROW: Row = Row {
        name: "bscvlc",
        revision: 1,
        spec: "ANSI/ASHRAE 135-2020 annex AB",
        tells: "virtual addresses and device UUIDs of BACnet/SC nodes, which is the hub",
        bindings: &[Binding::Under("websocket", websocket::BACNET)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if http::gate(head) == Gate::Mine || bvlc_sc::message(head).is_some_and(|message| is_sound(&message)) { Gate::Mine } else { Gate::NotMine }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if http::gate(pdu) == Gate::Mine {
            opened(pdu, cx);
            return Ok(Next::Read);
        }
        let message = bvlc_sc::message(pdu).ok_or(DissectError::Malformed { rule: "BVLC-SC header", offset: 0 })?;
        cx.operation(message.function.into());
        match message.function {
            // Payload and origin go together: it is the NPDU's business who speaks.
            bvlc_sc::ENCAPSULATED_NPDU => drop(cx.under(NPDU, pdu)),
            CONNECT_REQUEST | CONNECT_ACCEPT => connected(message.payload, cx),
            ADDRESS_RESOLUTION_ACK => resolved(&message, cx),
            _ => {}
        }
        Ok(Next::Read)
    }
}

/// Whether the payload is what the function demands.
fn is_sound(message: &Message<'_>) -> bool {
    match message.function {
        0x00 => message.payload.len() >= 2,
        0x01 => message.payload.first() == Some(&1),
        0x02 | 0x05 | 0x08..=0x0b => message.payload.is_empty(),
        0x04 => message.payload.len() == 6,
        CONNECT_REQUEST | CONNECT_ACCEPT => message.payload.len() == CONNECT,
        0x0c => message.payload.len() >= 3,
        _ => true,
    }
}

/// The server chose the subprotocol: it is a hub, or a node that takes direct connections. Neither may be without TLS (AB.7.4).
fn opened(pdu: &[u8], cx: &mut Context<'_>) {
    let Some(head) = http::head(pdu) else { return };
    let Start::Response { status: 101 } = head.start else { return };
    let Some(chosen) = head.get("sec-websocket-protocol") else { return };
    let server = cx.sender();
    let saying = cx.say(&server, Kind::Service).text(Field::ProtocolVersion, chosen);
    drop(saying.maybe(chosen.eq_ignore_ascii_case(HUB).then_some(()), |s, ()| s.implied(Field::Role, &Value::Text(b"hub".to_vec()))));
    cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &Value::Text(b"none".to_vec()));
}

/// AB.2.10, AB.2.11: who is at this end.
fn connected(payload: &[u8], cx: &mut Context<'_>) {
    let (Some(vmac), Some(uuid)) = (payload.get(..6), payload.get(6..22)) else { return };
    let about = cx.sender();
    let saying = cx.say(&about, Kind::Identity).bytes(Field::BacnetVmac, vmac);
    drop(saying.maybe(Some(uuid).filter(|uuid| **uuid != [0; 16]), |s, uuid| s.bytes(Field::Uuid, uuid)));
}

/// AB.2.5: where a node takes direct connections, several addresses apart by spaces.
fn resolved(message: &Message<'_>, cx: &mut Context<'_>) {
    let about = origin(message, cx);
    for url in message.payload.split(|byte| *byte == b' ').filter(|url| url.starts_with(b"ws")).take(8) {
        cx.say(&about, Kind::Service).text(Field::Url, url);
    }
}

/// The sender, or the node for whom a hub passes on.
fn origin(message: &Message<'_>, cx: &Context<'_>) -> Subject {
    let sender = cx.sender();
    match message.origin {
        Some(vmac) => cx.part(&sender, StepKind::BacnetVmac, crate::tlv::number(vmac)),
        None => sender,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::http::Http;
    use crate::dissectors::it::websocket::Websocket;
    use crate::dissectors::ot::bacnet::Bacnet;
    use crate::testing::{conversation_of, field, gate};
    use observations::{Observation, Transport};

    const ASKED: &[u8] = b"GET / HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: x\r\nSec-WebSocket-Protocol: hub.bsc.bacnet.org\r\nSec-WebSocket-Version: 13\r\n\r\n";
    const GIVEN: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: hub.bsc.bacnet.org\r\n\r\n";
    const NODE: [u8; 6] = [0x42, 1, 2, 3, 4, 5];

    fn frame(message: &[u8], client: bool) -> Vec<u8> {
        let length = u8::try_from(message.len()).unwrap();
        let key = [0x37, 0xfa, 0x21, 0x3d];
        if client {
            let masked: Vec<u8> = message.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            [&[0x82, 0x80 | length][..], &key, &masked].concat()
        } else {
            [&[0x82, length][..], message].concat()
        }
    }

    fn talk(messages: &[(bool, &[u8])]) -> Vec<Observation> {
        let frames: Vec<Vec<u8>> = messages.iter().map(|(up, bytes)| frame(bytes, *up)).collect();
        let opening: [(u16, u16, &[u8]); 2] = [(50000, 80, ASKED), (80, 50000, GIVEN)];
        let ends = |up: bool| if up { (50000, 80) } else { (80, 50000) };
        let payloads: Vec<(u16, u16, &[u8])> =
            opening.into_iter().chain(messages.iter().zip(&frames).map(|((up, _), frame)| (ends(*up).0, ends(*up).1, &frame[..]))).collect();
        conversation_of(&[&Http, &Websocket, &Bscvlc, &Bacnet], Transport::Tcp, &payloads)
    }

    #[test]
    fn both_ends_say_their_virtual_address_and_uuid() {
        let connect = [&[CONNECT_REQUEST, 0, 0, 1][..], &NODE, &[0xab; 16], &[5, 0xdc, 5, 0xd5]].concat();
        let accept = [&[CONNECT_ACCEPT, 0, 0, 1][..], &[0x62, 9, 9, 9, 9, 9], &[0xcd; 16], &[5, 0xdc, 5, 0xd5]].concat();
        let said = talk(&[(true, &connect), (false, &accept)]);
        assert_eq!(field(&said, Kind::Identity, Field::BacnetVmac), ["420102030405", "620909090909"]);
        assert_eq!(field(&said, Kind::Identity, Field::Uuid), ["ab".repeat(16), "cd".repeat(16)]);
        assert_eq!(field(&said, Kind::Service, Field::Role), ["hub"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn what_a_hub_passes_on_is_said_by_the_node_behind_it() {
        // Version 1, no addresses; I-Am: device 7, 1476 bytes, no segments, vendor 260.
        let i_am = [1, 0, 0x10, 0, 0xc4, 2, 0, 0, 7, 0x22, 5, 0xc4, 0x91, 3, 0x22, 1, 4];
        let passed = [&[1, 8, 0, 3][..], &NODE, &i_am].concat();
        let own = [&[1, 0, 0, 3][..], &i_am].concat();
        let said = talk(&[(false, &passed)]);
        let identity = said.iter().find(|said| said.kind == Kind::Identity && said.protocol == "bacnet").unwrap();
        assert_eq!((identity.about.path.len(), identity.about.path[0].number), (1, 0x4201_0203_0405));
        let said = talk(&[(true, &own)]);
        let identity = said.iter().find(|said| said.kind == Kind::Identity && said.protocol == "bacnet").unwrap();
        assert!(identity.about.path.is_empty());
        assert_eq!(field(&said, Kind::Identity, Field::BacnetVendorId), ["260"]);
    }

    #[test]
    fn addresses_of_direct_connections_are_said_of_the_node() {
        let resolved = [&[ADDRESS_RESOLUTION_ACK, 8, 0, 3][..], &NODE, b"wss://10.0.0.9:4443/ wss://ahu9.example/"].concat();
        assert_eq!(field(&talk(&[(false, &resolved)]), Kind::Service, Field::Url).len(), 2);
    }

    #[test]
    fn strangers_in_its_frames_are_refused() {
        for stranger in [&b"hello"[..], &[1, 0, 0, 3, 2], &[6, 0, 0, 1, 1, 2], &[0x0a, 0, 0, 1, 9], &[0xff; 20]] {
            assert_eq!(gate(&Bscvlc, stranger, 80), Gate::NotMine);
        }
    }
}
