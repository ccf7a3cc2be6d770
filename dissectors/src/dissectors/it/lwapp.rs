//! LWAPP, from which CAPWAP was made: access points and the controllers that lead them.
//!
//! Spec: RFC 5412 (3.2 transport header, 4.2 control header and message types).
//! Tells us: which hosts are access points, with their MAC address, and which lead them. Does not tell: what follows the handshake, which
//! is encrypted; elements of messages are not read.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind, Mac, OperationClass};

pub(crate) struct Lwapp;

const CONTROL_PORT: u16 = 12223;
/// §3.2: version and flags, fragment, length, status.
const TRANSPORT: usize = 6;
/// §4.2: type, sequence, length, session.
const CONTROL: usize = 8;
/// Before the header stands, on the way to the controller, which access point speaks.
const IDENTITY: usize = 6;
/// §3.2: the flag of control messages, and the bits of the version.
const IS_CONTROL: u8 = 0x04;
const VERSION: u8 = 0xc0;
/// §4.2.1: types; the index is that of [`OPERATIONS`].
const TYPES: &[u8] = &[1, 2, 3, 4, 10, 11, 22, 23, 24, 26, 32, 33];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("discovery_request", OperationClass::Diagnose),
    ("discovery_response", OperationClass::Session),
    ("join_request", OperationClass::Session),
    ("join_response", OperationClass::Session),
    ("configure_request", OperationClass::Configure),
    ("configure_response", OperationClass::Session),
    ("echo_request", OperationClass::Session),
    ("echo_response", OperationClass::Session),
    ("image_data_request", OperationClass::Program),
    ("reset_request", OperationClass::Control),
    ("primary_discovery_request", OperationClass::Diagnose),
    ("primary_discovery_response", OperationClass::Session),
];

/// The control message, by its type and with what stands before it: an access point's MAC address, or nothing.
fn message(head: &[u8]) -> Option<(u8, &[u8])> {
    [IDENTITY, 0].into_iter().find_map(|before| {
        let (identity, rest) = head.split_at_checked(before)?;
        let &[flags, _, high, low, ..] = rest.first_chunk::<TRANSPORT>()?;
        let control = rest.get(TRANSPORT..TRANSPORT + CONTROL)?;
        let &[kind, _, more, less, ..] = control else { return None };
        let (whole, elements) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([more, less]));
        let lengths = usize::from(whole) == CONTROL + usize::from(elements);
        let group = before > 0 && identity.first().is_some_and(|first| first & 1 != 0);
        let sound = flags & VERSION == 0 && flags & IS_CONTROL != 0 && lengths && !group && TYPES.contains(&kind);
        sound.then_some((kind, identity))
    })
}

impl Dissector for Lwapp {
    type State = ();

    const ROW: Row = Row {
        name: "lwapp",
        revision: 1,
        spec: "RFC 5412",
        tells: "access points with their MAC address, and the controllers that lead them",
        bindings: &[Binding::Udp(CONTROL_PORT)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if message(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let kind = message(head).map_or(0, |(kind, _)| kind);
        let operation = TYPES.iter().position(|known| *known == kind).and_then(|index| u16::try_from(index).ok());
        Glance { operation, look: Look::Once(kind.into()), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((_, identity)) = message(pdu) else { return Err(DissectError::Truncated { needed: TRANSPORT + CONTROL }) };
        let about = cx.sender_host();
        match identity.first_chunk::<IDENTITY>().map(|mac| Mac(*mac)).filter(|mac| number(identity) != 0 && !mac.is_local()) {
            Some(mac) => drop(cx.say(&about, Kind::Identity).mac(Field::MacAddress, mac, identity)),
            None => drop(cx.say(&about, Kind::Service).implied(Field::Role, &word("wlan-controller"))),
        }
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Transport;

    const AP: &[u8] = &[0x00, 0x0b, 0x85, 0x51, 0x2a, 0xe0];

    fn control(kind: u8, elements: &[u8]) -> Vec<u8> {
        let (whole, length) = (u16::try_from(CONTROL + elements.len()).unwrap(), u16::try_from(elements.len()).unwrap());
        [&[IS_CONTROL, 0][..], &whole.to_be_bytes(), &[0, 0, kind, 0], &length.to_be_bytes(), &[0; 4], elements].concat()
    }

    #[test]
    fn an_access_point_says_its_address_and_a_controller_answers() {
        let (asks, answers) = ([AP, &control(1, &[58, 0, 1, 0])].concat(), control(2, &[31, 0, 4, b'w', b'l', b'c', b'1']));
        let said = conversation(&Lwapp, Transport::Udp, &[(50000, CONTROL_PORT, &asks), (CONTROL_PORT, 50000, &answers)]);
        assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:0b:85:51:2a:e0"]);
        assert_eq!(field(&said, Kind::Service, Field::Role), ["wlan-controller"]);
    }

    #[test]
    fn strangers_are_refused() {
        let short = [AP, &control(1, &[58, 0, 1, 0])[..10]].concat();
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n0123456789"[..], &[0; 40], &short, &control(99, &[])] {
            assert_eq!(gate(&Lwapp, stranger, CONTROL_PORT), Gate::NotMine);
        }
    }
}
