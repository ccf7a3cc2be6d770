//! Govee LAN: lamps answer a search with their model and versions, and are switched.
//!
//! Spec: Govee, "WLAN Control Guide" (LAN API).
//! Tells us: model (SKU), versions of firmware and hardware, the thing's identifier; who switches.
//! Does not tell: the name that its owner gave it.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::json::{self, Scalar, Step};
use observations::{Field, Kind, OperationClass};

pub(crate) struct Govee;

/// Lamps are searched for at the first, answer to the second, and are told at the third.
const SEARCH: u16 = 4001;
const ANSWER: u16 = 4002;
const CONTROL: u16 = 4003;
/// The command stands first.
const COMMAND_WITHIN: usize = 64;

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("scan", OperationClass::Diagnose),
    ("turn", OperationClass::Control),
    ("brightness", OperationClass::Control),
    ("colorwc", OperationClass::Control),
    ("devStatus", OperationClass::Read),
];

impl Dissector for Govee {
    type State = ();

    const ROW: Row = Row {
        name: "govee",
        revision: 1,
        spec: "Govee LAN API",
        tells: "model, versions of firmware and hardware, who switches",
        bindings: &[Binding::Udp(SEARCH), Binding::Udp(ANSWER), Binding::Udp(CONTROL)],
        // Any JSON begins so.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if head.first() == Some(&b'{') && command(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let answer = at.dst_port == ANSWER;
        let operation = command(head).and_then(|index| u16::try_from(index).ok());
        let look = Look::Once(u32::from(operation.unwrap_or(u16::MAX)) << 1 | u32::from(answer));
        Glance { operation: operation.filter(|_| !answer), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.at().dst_port != ANSWER {
            return Ok(Next::Watch);
        }
        let about = cx.sender_host();
        let (saying, ended) = json::fold(pdu, cx.say(&about, Kind::Identity), |saying, path, value| match path {
            [Step::Key(b"msg"), Step::Key(b"data"), Step::Key(name)] => member(saying, name, value),
            _ => saying,
        });
        drop(saying);
        ended.map(|()| Next::Watch)
    }
}

/// `{"msg":{"cmd":"scan",…`
fn command(head: &[u8]) -> Option<usize> {
    let head = head.get(..COMMAND_WITHIN).unwrap_or(head);
    let mut words = head.split(|byte| *byte == b'"');
    let (outer, inner, name) = (words.nth(1)?, words.nth(1)?, words.nth(1)?);
    let known = OPERATIONS.iter().position(|known| known.0.as_bytes() == name);
    known.filter(|_| outer == b"msg" && inner == b"cmd")
}

fn member<'s, 'a>(saying: Saying<'s, 'a>, name: &[u8], value: Scalar<'_>) -> Saying<'s, 'a> {
    let field = match name {
        b"sku" => Field::ModelName,
        b"device" => Field::ThingId,
        b"wifiVersionSoft" => Field::FirmwareVersion,
        b"wifiVersionHard" => Field::HardwareVersion,
        _ => return saying,
    };
    json::say(saying, field, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Transport;

    #[test]
    fn a_lamp_says_what_it_is() {
        let answer = br#"{"msg":{"cmd":"scan","data":{"ip":"10.0.0.1","device":"1F:80:C5:32:32:36:72:4E","sku":"H618A","wifiVersionHard":"1.00.10","wifiVersionSoft":"1.02.03"}}}"#;
        let said = payload(&Govee, Transport::Udp, 4321, ANSWER, answer);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["H618A"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["1.02.03"]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], br#"{"msg":{"cmd":"login"}}"#, b"{}", &[0; 40]] {
            assert_eq!(gate(&Govee, stranger, ANSWER), Gate::NotMine);
        }
    }
}
