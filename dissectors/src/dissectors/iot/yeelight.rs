//! Yeelight: lamps announce themselves and answer searches in the form of SSDP, on a port of their own.
//!
//! Spec: Yeelight WiFi Light Inter-Operation Specification §3 (discovery).
//! Tells us: model, firmware version, identifier, name, where it is controlled.
//! Does not tell: who controls it.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::http_message::{self as http, Head, Start};
use observations::{Field, Kind, OperationClass};

pub(crate) struct Yeelight;

const PORT: u16 = 1982;
/// §3.1: what is searched for, and how a place begins.
const TARGET: &[u8] = b"wifi_bulb";
const SCHEME: &[u8] = b"yeelight://";
const OPERATIONS: &[(&str, OperationClass)] = &[("m-search", OperationClass::Session), ("notify", OperationClass::Session)];

impl Dissector for Yeelight {
    type State = ();

    const ROW: Row = Row {
        name: "yeelight",
        revision: 1,
        spec: "Yeelight WiFi Light Inter-Operation Specification",
        tells: "model, firmware version, name of lamps",
        bindings: &[Binding::Udp(PORT)],
        // SSDP's shapes are the same; its gate leaves these.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(parsed) = http::head(head) else { return Gate::NotMine };
        let mine = match parsed.start {
            Start::Request { method: "M-SEARCH", target: "*" } => parsed.get("st") == Some(TARGET),
            Start::Request { method: "NOTIFY", target: "*" } | Start::Response { status: 200 } => is_lamp(&parsed),
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = match head.first() {
            Some(b'M') => Some(0),
            Some(b'N') => Some(1),
            _ => None,
        };
        Glance { operation, look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let head = http::head(pdu).ok_or(DissectError::Malformed { rule: "first line", offset: 0 })?;
        if is_lamp(&head) {
            let about = cx.sender_host();
            let saying = cx.say(&about, Kind::Identity).maybe(head.get("location"), |s, v| s.text(Field::SsdpLocation, v));
            let saying = saying.maybe(head.get("model"), |s, v| s.text(Field::ModelName, v));
            let saying = saying.maybe(head.get("fw_ver"), |s, v| s.text(Field::FirmwareVersion, v));
            let saying = saying.maybe(head.get("id"), |s, v| s.text(Field::ThingId, v));
            drop(saying.maybe(head.get("name"), |s, v| s.text(Field::FriendlyName, v)));
        }
        if head.len.is_none() { Err(DissectError::Truncated { needed: 2 }) } else { Ok(Next::Watch) }
    }
}

fn is_lamp(head: &Head<'_>) -> bool {
    head.get("location").is_some_and(|location| location.starts_with(SCHEME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    #[test]
    fn a_lamp_says_what_it_is() {
        let answer = b"HTTP/1.1 200 OK\r\nLocation: yeelight://10.0.0.2:55443\r\nServer: POSIX UPnP/1.0 YGLC/1\r\nid: 0x15243f\r\nmodel: color\r\nfw_ver: 18\r\n\r\n";
        let said = payload(&Yeelight, Transport::Udp, PORT, 50000, answer);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["color"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["18"]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"HTTP/1.1 200 OK\r\nLocation: http://10.0.0.1/d.xml\r\n\r\n"[..], b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n", &[0; 40]]
        {
            assert_eq!(gate(&Yeelight, stranger, PORT), Gate::NotMine);
        }
    }
}
