//! The search for NPort serial device servers: which one is where.
//!
//! Spec: no public one. Layout as M. Davidsaver's notes on the NPort's UDP protocol document it (header, device id, discovery, name).
//! Tells us: model's number, MAC and IP address, name of servers, behind which serial devices hide.
//! Does not tell: which devices are on the serial ports; who configures (a password in clear, if any).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, Mac, OperationClass, Transport, Value};
use std::net::Ipv4Addr;

pub(crate) struct Nport;

const PORT: u16 = 4800;
const ANSWER: u8 = 0x80;
/// Direction and request, status, length of all (2), number (4).
const HEADER: usize = 8;
/// Application (4), model (2), MAC address (6).
const DEVICE: usize = 12;
const SEARCH: u8 = 0x01;
const NAME: u8 = 0x10;
/// Status of a request that is not known.
const NO_SUCH_REQUEST: u8 = 4;
/// A configuration file is sent in pieces of some kilobytes.
const LENGTH_MAX: usize = 8 * 1024;

impl Dissector for Nport {
    type State = ();

    const ROW: Row = Row {
        name: "nport",
        revision: 1,
        spec: "M. Davidsaver, NPort UDP protocol notes",
        tells: "model number, MAC and IP address, name of serial device servers",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[
            // A search, and its answer.
            Shape {
                over: Transport::Udp,
                bytes: &[(0, 0xff, SEARCH), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 8), (4, 0xff, 0), (5, 0xff, 0)],
                min: HEADER,
                max: HEADER,
            },
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, SEARCH | ANSWER), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 24)], min: 24, max: 24 },
        ],
        operations: &[("search", OperationClass::Diagnose), ("read_name", OperationClass::Diagnose), ("other_request", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[request, status, high, low, ..]) = head.first_chunk::<HEADER>() else { return Gate::NotMine };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let whole = length == head.len() || head.len() >= crate::engine::GATE_BYTES && (head.len()..=LENGTH_MAX).contains(&length);
        let kind = request & !ANSWER;
        // All but a search name the device, and a device's own MAC address stands there.
        let named = head.get(14..20).and_then(|mac| mac.first_chunk()).is_some_and(|mac| Mac(*mac).is_device());
        let form = match (kind, request & ANSWER != 0) {
            (SEARCH, false) => length == HEADER && status == 0,
            (SEARCH, true) => length == HEADER + DEVICE + 4 && status == 0 && named,
            _ => kind != 0 && length >= HEADER + DEVICE && named && matches!(status, 0 | NO_SUCH_REQUEST),
        };
        if whole && form { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(request) if request & ANSWER != 0 => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(request) = head.first() else { return Glance::SKIP };
        let operation = match request & !ANSWER {
            SEARCH => 0,
            NAME => 1,
            _ => 2,
        };
        Glance { operation: Some(operation).filter(|_| request & ANSWER == 0), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (Some(&[request, 0, ..]), Some(device)) = (pdu.first_chunk::<2>(), pdu.get(HEADER..HEADER + DEVICE)) else { return Ok(Next::Watch) };
        if request & ANSWER == 0 {
            return Ok(Next::Watch);
        }
        let about = cx.sender();
        let (model, mac) = (device.get(4..6).unwrap_or_default(), device.get(6..12).unwrap_or_default());
        let number = model.first_chunk().map_or(0, |model| u16::from_le_bytes(*model));
        let text = Value::Text(format!("{number:04x}").into_bytes());
        let saying = cx.say(&about, Kind::Identity).decoded(Field::NportModel, &text, model, "u16-le-hex");
        let own = mac.first_chunk().map(|mac| Mac(*mac)).filter(|mac| mac.is_device());
        let saying = saying.maybe(own, |s, own| s.mac(Field::MacAddress, own, mac));
        let rest = pdu.get(HEADER + DEVICE..).unwrap_or_default();
        match (request & !ANSWER, rest) {
            (SEARCH, &[a, b, c, d]) => drop(saying.ip(Field::Ipv4Address, Ipv4Addr::new(a, b, c, d).into(), rest)),
            (NAME, name) => drop(saying.trimmed(Field::SystemName, name.split(|byte| *byte == 0).next().unwrap_or_default())),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, payload};

    const FOUND: &[u8] = &[
        0x81, 0, 0, 0x18, 0, 0, 0, 0, // answer to a search, 24 bytes
        0x55, 0x55, 0x55, 0, 0x1a, 0x51, // application, model
        0, 0x90, 0xe8, 1, 2, 3, // MAC address
        192, 168, 127, 254,
    ];
    const AT: At = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };

    #[test]
    fn a_server_that_is_found_says_model_and_addresses() {
        for said in [answer(&Nport, FOUND), payload(&Nport, Transport::Udp, 40001, 50000, FOUND)] {
            assert_eq!(field(&said, Kind::Identity, Field::NportModel), ["511a"]);
            assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:90:e8:01:02:03"]);
            assert_eq!(field(&said, Kind::Identity, Field::Ipv4Address), ["192.168.127.254"]);
        }
    }

    #[test]
    fn it_says_its_name() {
        let mut named = FOUND[..20].to_vec();
        named[0] = NAME | ANSWER;
        named.extend_from_slice(b"NP5110A_77");
        named.resize(60, 0);
        named[3] = 60;
        assert_eq!(field(&answer(&Nport, &named), Kind::Identity, Field::SystemName), ["NP5110A_77"]);
        assert_eq!(Nport.glance(&[NAME, 0, 0, 20, 0, 0, 0, 1], &AT).operation, Some(1));
    }

    #[test]
    fn strangers_and_truncated_answers_are_refused() {
        for stranger in [&[0; 24][..], b"GET / HTTP/1.1\r\n", &FOUND[..20], &[1, 0, 0, 9, 0, 0, 0, 0, 0], &[0x90; 24]] {
            assert_eq!(Nport.gate(stranger, &AT), Gate::NotMine);
        }
    }
}
