//! WiZ: lamps and plugs say what they are, and are switched, in JSON.
//!
//! Spec: none by its maker; pywizlight (MIT), its notes on the messages.
//! Tells us: module name, firmware version, MAC address; who switches.
//! Does not tell: rooms and homes, which are numbers of its cloud.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::json::{self, Scalar, Step};
use crate::tlv::mac_of_text;
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct Wiz;

/// Lamps listen at the first; at the second those that they report to.
const PORT: u16 = 38899;
const REPORTS: u16 = 38900;
/// The method stands among the first members.
const METHOD_WITHIN: usize = 96;

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("getPilot", OperationClass::Read),
    ("setPilot", OperationClass::Control),
    ("setState", OperationClass::Control),
    ("getSystemConfig", OperationClass::Diagnose),
    ("setSystemConfig", OperationClass::Configure),
    ("getModelConfig", OperationClass::Diagnose),
    ("getUserConfig", OperationClass::Diagnose),
    ("setUserConfig", OperationClass::Configure),
    ("registration", OperationClass::Session),
    ("pulse", OperationClass::Control),
    ("reboot", OperationClass::Control),
    ("reset", OperationClass::Control),
    ("syncPilot", OperationClass::Read),
    ("firstBeat", OperationClass::Session),
];

impl Dissector for Wiz {
    type State = ();

    const ROW: Row = Row {
        name: "wiz",
        revision: 1,
        spec: "pywizlight: notes on the protocol",
        tells: "module name, firmware version, MAC address, who switches",
        bindings: &[Binding::Udp(PORT), Binding::Udp(REPORTS)],
        // Any JSON begins so.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if head.first() == Some(&b'{') && method(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let operation = method(head).and_then(|index| u16::try_from(index).ok());
        let answer = at.from_client == Some(false);
        let look = Look::Once(u32::from(operation.unwrap_or(u16::MAX)) << 1 | u32::from(answer));
        Glance { operation: operation.filter(|_| !answer), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender();
        // A program that registers itself names an address of its own.
        let reports = method(pdu).is_some_and(|index| index >= 12);
        let (saying, ended) = json::fold(pdu, cx.say(&about, Kind::Identity), |saying, path, value| match path {
            [Step::Key(b"result"), Step::Key(name)] => member(saying, name, value),
            [Step::Key(b"params"), Step::Key(name)] if reports => member(saying, name, value),
            _ => saying,
        });
        drop(saying);
        ended.map(|()| Next::Watch)
    }
}

/// The method, of those that are known.
fn method(head: &[u8]) -> Option<usize> {
    let head = head.get(..METHOD_WITHIN).unwrap_or(head);
    let mark = b"\"method\":\"";
    let at = head.windows(mark.len()).position(|window| window == mark)?;
    let name = head.get(at + mark.len()..)?.split(|byte| *byte == b'"').next()?;
    OPERATIONS.iter().position(|known| known.0.as_bytes() == name)
}

fn member<'s, 'a>(saying: Saying<'s, 'a>, name: &[u8], value: Scalar<'_>) -> Saying<'s, 'a> {
    match name {
        b"moduleName" => json::say(saying, Field::ModelName, value),
        b"fwVersion" => json::say(saying, Field::FirmwareVersion, value),
        b"mac" => match mac_of_text(value.bytes()).filter(|mac| mac.is_device()) {
            Some(mac) => saying.decoded(Field::MacAddress, &Value::Mac(mac), value.bytes(), "mac-text"),
            None => saying,
        },
        _ => saying,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    #[test]
    fn a_lamp_says_what_it_is() {
        let answer = br#"{"method":"getSystemConfig","env":"pro","result":{"mac":"a8bb500a0032","homeId":7,"moduleName":"ESP01_SHRGB1C_31","fwVersion":"1.21.0"}}"#;
        let said = payload(&Wiz, Transport::Udp, PORT, 50000, answer);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["ESP01_SHRGB1C_31"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["1.21.0"]);
        assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["a8:bb:50:0a:00:32"]);
    }

    #[test]
    fn who_asks_names_nobody() {
        let asked = br#"{"method":"registration","params":{"phoneMac":"aaaaaaaaaaaa","mac":"a8bb500a0032","register":false}}"#;
        let said = payload(&Wiz, Transport::Udp, 50000, PORT, asked);
        assert!(field(&said, Kind::Identity, Field::MacAddress).is_empty());
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], br#"{"method":"login","id":1}"#, b"{}", &[0; 40]] {
            assert_eq!(gate(&Wiz, stranger, PORT), Gate::NotMine);
        }
    }
}
