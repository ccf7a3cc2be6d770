//! Semtech UDP packet forwarder: LoRaWAN gateways and their network servers.
//!
//! Spec: Semtech, `PROTOCOL.TXT` of the packet forwarder (protocol versions 1 and 2).
//! Tells us: the gateway's EUI-64, its description of itself, that nothing is authenticated.
//! Does not tell: sensors behind the gateway by more than their radio frames; whether the server is the gateway's own.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Transport, Value};

pub(crate) struct SemtechUdp;

const PORT: u16 = 1700;
/// Version, random token, identifier.
const HEADER: usize = 4;
/// The same with the gateway's identifier.
const GATEWAY: usize = 12;
/// §6.1: a datagram has no more than 2,408 bytes.
const MESSAGE_MAX: usize = 2408;

const PUSH_DATA: u8 = 0;
const PUSH_ACK: u8 = 1;
const PULL_DATA: u8 = 2;
const PULL_RESP: u8 = 3;
const PULL_ACK: u8 = 4;
const TX_ACK: u8 = 5;
/// The index is the identifier.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("push_data", OperationClass::Read),
    ("push_ack", OperationClass::Session),
    ("pull_data", OperationClass::Session),
    ("pull_resp", OperationClass::Write),
    ("pull_ack", OperationClass::Session),
    ("tx_ack", OperationClass::Session),
];

impl Dissector for SemtechUdp {
    type State = ();

    const ROW: Row = Row {
        name: "semtech-udp",
        revision: 1,
        spec: "Semtech packet forwarder, PROTOCOL.TXT",
        tells: "EUI-64 and description of LoRaWAN gateways",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[
            Shape {
                over: Transport::Udp,
                bytes: &[(0, 0xfc, 0), (3, 0xff, PUSH_DATA), (12, 0xff, b'{'), (13, 0xff, b'"')],
                min: 16,
                max: MESSAGE_MAX,
            },
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 2), (3, 0xff, PULL_DATA)], min: GATEWAY, max: GATEWAY },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let object = |bytes: &[u8]| bytes.starts_with(b"{\"") || bytes.starts_with(b"{ ");
        let mine = match *head {
            [1 | 2, _, _, PUSH_DATA, ..] => head.get(GATEWAY..).is_some_and(object),
            [1 | 2, _, _, PULL_DATA, ..] => head.len() == GATEWAY && (bound || is_made_of_mac(head.get(HEADER..GATEWAY).unwrap_or_default())),
            [1 | 2, _, _, PULL_RESP, ..] => head.get(HEADER..).is_some_and(object),
            [1 | 2, _, _, PUSH_ACK | PULL_ACK] => bound,
            [1 | 2, _, _, TX_ACK, ..] => bound && head.get(GATEWAY..).is_some_and(|rest| rest.is_empty() || rest == [0] || object(rest)),
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(3) {
            Some(&(PUSH_DATA | PULL_DATA | TX_ACK)) => Side::Client,
            Some(&(PUSH_ACK | PULL_RESP | PULL_ACK)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(kind) = head.get(3).copied().filter(|kind| *kind <= TX_ACK) else { return Glance::SKIP };
        let operation = Some(u16::from(kind)).filter(|_| !matches!(kind, PUSH_ACK | PULL_ACK));
        // What the gateway says of itself comes once in half a minute, between what it has heard.
        let tells = kind == PUSH_DATA && find(head, b"\"stat\"").is_some();
        Glance { operation, look: if tells { Look::Always } else { Look::Once(u32::from(kind)) }, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(&[version, _, _, kind]) = pdu.first_chunk::<HEADER>() else { return Err(DissectError::Truncated { needed: HEADER }) };
        if !matches!(kind, PUSH_DATA | PULL_DATA | TX_ACK) {
            return Ok(Next::Watch);
        }
        let Some(eui) = pdu.get(HEADER..GATEWAY) else { return Err(DissectError::Truncated { needed: GATEWAY - pdu.len() }) };
        let about = cx.sender();
        let saying = cx.say(&about, Kind::Identity);
        let saying = saying.maybe(Some(eui).filter(|eui| *eui != [0; 8]), |saying, eui| saying.bytes(Field::GatewayEui, eui));
        drop(saying.number(Field::ProtocolVersion, u64::from(version), pdu.get(..1).unwrap_or_default()));
        cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(b"none".to_vec()));
        if let Some(status) = find(pdu, b"\"stat\"").and_then(|at| pdu.get(at..)) {
            // §4: platform and description are free texts of the operator's; the contact is personal.
            for name in [&b"\"desc\""[..], b"\"pfrm\""] {
                if let Some(text) = text_of(status, name) {
                    cx.say(&about, Kind::Identity).trimmed(Field::Description, text);
                }
            }
        }
        Ok(Next::Watch)
    }
}

/// Whether an EUI-64 is made of a MAC address, with FF-FE in its middle: most gateways' are.
fn is_made_of_mac(eui: &[u8]) -> bool {
    eui.get(3..5) == Some(&[0xff, 0xfe])
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).take(MESSAGE_MAX).position(|window| window == wanted)
}

/// The text of a JSON member, if nothing in it is escaped.
fn text_of<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = object.get(find(object, name)? + name.len()..)?;
    let colon = rest.iter().position(|byte| *byte == b':')?;
    let rest = crate::context::trim(rest.get(colon + 1..)?).strip_prefix(b"\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    rest.get(..end).filter(|text| !text.contains(&b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, payload, read_cut, request};

    fn push(object: &[u8]) -> Vec<u8> {
        [&[2, 0x12, 0x34, PUSH_DATA][..], &[0xb8, 0x27, 0xeb, 0xff, 0xfe, 1, 2, 3], object].concat()
    }

    const STATUS: &[u8] =
        b"{\"stat\":{\"time\":\"2026-03-02 08:00:00 GMT\",\"rxnb\":2,\"pfrm\":\"RAK7249\",\"mail\":\"alice@example.com\",\"desc\": \"roof\"}}";

    #[test]
    fn a_gateway_says_its_identifier_and_description_and_no_contact() {
        let said = request(&SemtechUdp, &push(STATUS));
        assert_eq!(field(&said, Kind::Identity, Field::GatewayEui), ["b827ebfffe010203"]);
        let mut texts = field(&said, Kind::Identity, Field::Description);
        texts.sort();
        assert_eq!(texts, ["RAK7249", "roof"]);
        assert!(!said.iter().any(|said| said.fields.iter().any(|said| said.value.display().contains("alice"))));
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn a_truncated_status_keeps_the_identifier() {
        let said = read_cut(&SemtechUdp, true, &push(STATUS)[..60]);
        assert_eq!(field(&said, Kind::Identity, Field::GatewayEui), ["b827ebfffe010203"]);
        assert!(field(&said, Kind::Identity, Field::Description).is_empty());
    }

    #[test]
    fn operations_are_named_and_received_frames_cost_a_glance() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
        let glance = |bytes: &[u8]| SemtechUdp.glance(bytes, &at);
        let heard = push(b"{\"rxpk\":[{\"data\":\"QAEC\"}]}");
        assert_eq!(glance(&heard).operation.map(|index| OPERATIONS[usize::from(index)].0), Some("push_data"));
        assert_eq!((glance(&heard).look, glance(&push(STATUS)).look), (Look::Once(0), Look::Always));
        assert_eq!(glance(&[2, 1, 1, PULL_RESP, b'{', b'"']).operation.map(|index| OPERATIONS[usize::from(index)].0), Some("pull_resp"));
    }

    #[test]
    fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
        let at = |dst_port| At { transport: Transport::Udp, src_port: 50000, dst_port, from_client: None };
        for stranger in [&[0; 40][..], b"GET / HTTP/1.1\r\n", &[2, 1, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8], &[2, 1, 1, 2, 1, 2, 3], &[3, 1, 1, 1]] {
            assert_eq!(SemtechUdp.gate(stranger, &at(PORT)), Gate::NotMine);
        }
        let pull = [2, 1, 1, PULL_DATA, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!((SemtechUdp.gate(&pull, &at(PORT)), SemtechUdp.gate(&pull, &at(9999))), (Gate::Mine, Gate::NotMine));
        let said = payload(&SemtechUdp, Transport::Udp, 50000, 1680, &push(STATUS));
        assert_eq!(field(&said, Kind::Identity, Field::GatewayEui), ["b827ebfffe010203"]);
    }
}
