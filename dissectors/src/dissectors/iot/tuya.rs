//! Tuya: things of many brands with one maker's module announce themselves, and are switched.
//!
//! Spec: none by its maker; tinytuya (MIT), its notes on discovery and on the commands of the local protocol.
//! Tells us: the thing's identifier, its product key and protocol version (up to version 3.1); who switches.
//! Does not tell: what versions from 3.3 on encrypt; brand and model, which the cloud knows.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use crate::json::{self, Step};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct Tuya;

/// Announcements in the clear and encrypted, and the local protocol.
const PLAIN: u16 = 6666;
const ENCRYPTED: u16 = 6667;
const LOCAL: u16 = 6668;
/// Marks at both ends; between them sequence, command and length, of four bytes each.
const BEGIN: &[u8] = &[0, 0, 0x55, 0xaa];
const END: &[u8] = &[0, 0, 0xaa, 0x55];
const HEADER: usize = 16;
/// Announcements have some 200 bytes, states of things up to a kilobyte.
const LENGTH_MAX: usize = 16 * 1024;

/// Commands by number; the index is that of [`OPERATIONS`].
const COMMANDS: &[u32] = &[3, 4, 5, 7, 8, 9, 0x0a, 0x0d, 0x10, 0x12];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("sess_key_neg_start", OperationClass::Session),
    ("sess_key_neg_resp", OperationClass::Session),
    ("sess_key_neg_finish", OperationClass::Session),
    ("control", OperationClass::Control),
    ("status", OperationClass::Read),
    ("heart_beat", OperationClass::Session),
    ("dp_query", OperationClass::Read),
    ("control_new", OperationClass::Control),
    ("dp_query_new", OperationClass::Read),
    ("updatedps", OperationClass::Read),
];

const fn shape(over: Transport) -> Shape {
    Shape { over, bytes: &[(0, 0xff, 0), (1, 0xff, 0), (2, 0xff, 0x55), (3, 0xff, 0xaa), (12, 0xff, 0), (13, 0xff, 0)], min: 24, max: usize::MAX }
}

impl Dissector for Tuya {
    type State = ();

    const ROW: Row = Row {
        name: "tuya",
        revision: 1,
        spec: "tinytuya: notes on the protocol",
        tells: "identifier, product key and protocol version of things, who switches",
        bindings: &[Binding::Udp(PLAIN), Binding::Udp(ENCRYPTED), Binding::Tcp(LOCAL)],
        shapes: &[shape(Transport::Udp), shape(Transport::Tcp)],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some((_, length)) = header(head) else { return Gate::NotMine };
        match head.get(HEADER + length - END.len()..HEADER + length) {
            Some(end) if end == END => Gate::Mine,
            None if head.len() >= crate::engine::GATE_BYTES => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if head.len() < HEADER {
            return Framing::Need(HEADER);
        }
        // Of the local protocol all but the command is encrypted, or states that pass.
        header(head).map_or(Framing::Lost, |(_, length)| Framing::Pdu { len: HEADER + length, want: HEADER })
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let command = header(head).map(|(command, _)| command);
        let index = COMMANDS.iter().position(|known| Some(*known) == command);
        let counted = at.transport == Transport::Tcp && at.from_client != Some(false);
        let operation = index.and_then(|index| u16::try_from(index).ok()).filter(|_| counted);
        let look = if at.transport == Transport::Tcp { Look::Once(command.unwrap_or(0)) } else { Look::Always };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, length) = header(pdu).ok_or(DissectError::Malformed { rule: "header", offset: 0 })?;
        let body = pdu.get(HEADER..).unwrap_or_default();
        let body = body.get(..length).unwrap_or(body);
        // A return code may stand before it, a checksum and the mark stand behind.
        let open = body.iter().take(5).position(|byte| *byte == b'{');
        let Some(text) = open.and_then(|open| body.get(open..)) else { return Ok(Next::Watch) };
        announced(text, cx);
        Ok(Next::Watch)
    }
}

/// Command and length.
fn header(head: &[u8]) -> Option<(u32, usize)> {
    let rest = head.strip_prefix(BEGIN)?;
    let number = |at: usize| rest.get(at..at + 4).map(crate::tlv::number);
    let (command, length) = (u32::try_from(number(4)?).ok()?, usize::try_from(number(8)?).ok()?);
    // Checksum and mark are counted.
    (8..=LENGTH_MAX).contains(&length).then_some((command, length))
}

/// An announcement names the address that the thing has: it may have been passed on.
fn announced(text: &[u8], cx: &mut Context<'_>) {
    let nothing: [&[u8]; 4] = [&[]; 4];
    let (told, _checksum) = json::fold(text, nothing, |[ip, id, key, version], path, value| match path {
        [Step::Key(b"ip")] => [value.bytes(), id, key, version],
        [Step::Key(b"gwId")] => [ip, value.bytes(), key, version],
        [Step::Key(b"productKey")] => [ip, id, value.bytes(), version],
        [Step::Key(b"version")] => [ip, id, key, value.bytes()],
        _ => [ip, id, key, version],
    });
    let [ip, id, key, version] = told;
    let about = whose(ip, cx);
    let saying = cx.say(&about, Kind::Identity).text(Field::ThingId, id).text(Field::HardwareId, key);
    drop(saying.text(Field::ProtocolVersion, version));
    if !id.is_empty() {
        cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text("none".into()));
    }
}

fn whose(ip: &[u8], cx: &Context<'_>) -> Subject {
    let sender = cx.sender_host();
    match std::str::from_utf8(ip).ok().and_then(|text| text.parse().ok()) {
        Some(ip) if sender.ip != Some(ip) => cx.by_ip(ip),
        _ => sender,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};

    fn message(command: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [BEGIN, &[0, 0, 0, 1, 0, 0, 0, command], &length, body, &[1, 2, 3, 4], END].concat()
    }

    const ANNOUNCED: &[u8] =
        br#"{"ip":"10.0.0.1","gwId":"0120015260091453a970","active":2,"encrypt":true,"productKey":"keyq8h4pm7vq9ftn","version":"3.1"}"#;

    #[test]
    fn an_announcement_names_the_thing() {
        let said = payload(&Tuya, Transport::Udp, 49154, PLAIN, &message(0, &[&[0; 4], ANNOUNCED].concat()));
        assert_eq!(field(&said, Kind::Identity, Field::ThingId), ["0120015260091453a970"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProtocolVersion), ["3.1"]);
        assert!(said.iter().find(|said| said.kind == Kind::Identity).unwrap().of_itself());
    }

    #[test]
    fn what_is_passed_on_is_about_another() {
        let said = payload(&Tuya, Transport::Udp, PLAIN, PLAIN, &message(0, ANNOUNCED));
        assert!(!said.iter().find(|said| said.kind == Kind::Identity).unwrap().of_itself());
    }

    #[test]
    fn what_is_encrypted_tells_nothing_and_is_known_on_any_port() {
        let said = payload(&Tuya, Transport::Udp, 49154, 40000, &message(0x13, &[0x9a; 64]));
        assert!(said.iter().all(|said| said.protocol != "tuya"));
        assert_eq!(gate(&Tuya, &message(0x13, &[0x9a; 64]), 40000), Gate::Mine);
        let switched = conversation(&Tuya, Transport::Tcp, &[(50000, LOCAL, &message(7, &[0x9a; 32]))]);
        // That it was asked to is told, and nothing else.
        assert!(switched.iter().all(|said| said.protocol != "tuya" || said.kind == Kind::Operation));
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [
            &b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..],
            b"{\"ip\":\"10.0.0.1\"}",
            &[0; 40],
            &[0, 0, 0x55, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2],
        ] {
            assert_eq!(gate(&Tuya, stranger, PLAIN), Gate::NotMine);
        }
    }
}
