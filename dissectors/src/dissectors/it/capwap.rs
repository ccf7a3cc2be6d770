//! CAPWAP: access points and the controllers that lead them.
//!
//! Spec: RFC 5415 (4.3 header, 4.5 control messages, 4.6 elements).
//! Tells us: model, serial number, versions, name and place of access points; name and versions of controllers; DTLS or its absence.
//! Does not tell: what DTLS encrypts, all after discovery as a rule.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::tlv::{Elements, number};
use observations::{Field, Kind, Mac, OperationClass, Transport};

pub(crate) struct Capwap;

const CONTROL_PORT: u16 = 5246;
const DATA_PORT: u16 = 5247;
/// §4.2: preamble of a message under DTLS, and its header.
const DTLS: u8 = 0x01;
const DTLS_HEADER: usize = 4;
/// §4.3: shortest header.
const HEADER: usize = 8;
/// §4.5.1: type (4), sequence, length (2), flags.
const CONTROL_HEADER: usize = 8;
/// §4.5.1.1: types by number, from 1.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("discovery_request", OperationClass::Diagnose),
    ("discovery_response", OperationClass::Session),
    ("join_request", OperationClass::Session),
    ("join_response", OperationClass::Session),
    ("configuration_status_request", OperationClass::Configure),
    ("configuration_status_response", OperationClass::Session),
    ("configuration_update_request", OperationClass::Configure),
    ("configuration_update_response", OperationClass::Session),
    ("wtp_event_request", OperationClass::Session),
    ("wtp_event_response", OperationClass::Session),
    ("change_state_event_request", OperationClass::Session),
    ("change_state_event_response", OperationClass::Session),
    ("echo_request", OperationClass::Session),
    ("echo_response", OperationClass::Session),
    ("image_data_request", OperationClass::Program),
    ("image_data_response", OperationClass::Session),
    ("reset_request", OperationClass::Control),
    ("reset_response", OperationClass::Session),
    ("primary_discovery_request", OperationClass::Diagnose),
    ("primary_discovery_response", OperationClass::Session),
    ("data_transfer_request", OperationClass::Session),
    ("data_transfer_response", OperationClass::Session),
    ("clear_configuration_request", OperationClass::Configure),
    ("clear_configuration_response", OperationClass::Session),
    ("station_configuration_request", OperationClass::Configure),
    ("station_configuration_response", OperationClass::Session),
];
const JOIN_REQUEST: u32 = 3;
const ECHO_REQUEST: u32 = 13;
const ECHO_RESPONSE: u32 = 14;

/// §4.6: elements.
const AC_DESCRIPTOR: u64 = 1;
const AC_NAME: u64 = 4;
const LOCATION: u64 = 28;
const BOARD_DATA: u64 = 38;
const WTP_DESCRIPTOR: u64 = 39;
const WTP_NAME: u64 = 45;
const ELEMENTS_MAX: usize = 64;

impl Dissector for Capwap {
    type State = ();

    const ROW: Row = Row {
        name: "capwap",
        revision: 1,
        spec: "RFC 5415",
        tells: "model, serial number, versions, name of access points; controllers; DTLS or its absence",
        bindings: &[Binding::Udp(CONTROL_PORT), Binding::Udp(DATA_PORT)],
        shapes: &[Shape {
            over: Transport::Udp,
            // A DTLS preamble before a handshake of DTLS.
            bytes: &[(0, 0xff, DTLS), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0), (4, 0xff, 22), (5, 0xff, 0xfe)],
            min: 17,
            max: 65_507,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let data = at.src_port == DATA_PORT || at.dst_port == DATA_PORT;
        let mine = secured(head).is_some() || control(head).is_some() || data && header(head).is_some();
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match control(head) {
            Some((kind, _)) if kind % 2 == 1 => Side::Client,
            Some(_) => Side::Server,
            None => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        if secured(head).is_some() {
            let handshake = head.get(DTLS_HEADER).is_some_and(|kind| *kind != 23);
            return Glance { operation: None, look: if handshake { Look::Always } else { Look::Once(0) }, inner: None };
        }
        let Some((kind, _)) = control(head) else { return Glance::SKIP };
        let operation = u16::try_from(kind - 1).ok();
        let look = if matches!(kind, ECHO_REQUEST | ECHO_RESPONSE) { Look::Never } else { Look::Always };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if let Some(record) = secured(pdu) {
            let controller = if cx.at().src_port == CONTROL_PORT { cx.sender() } else { cx.receiver() };
            cx.say(&controller, Kind::Security).implied(Field::SecurityLevel, &word("encrypted"));
            cx.beside("dtls", 0, record);
            return Ok(Next::Watch);
        }
        let Some((kind, elements)) = control(pdu) else { return Ok(Next::Watch) };
        if kind == JOIN_REQUEST {
            let controller = cx.receiver();
            cx.say(&controller, Kind::Security).implied(Field::SecurityLevel, &word("none"));
        }
        let about = cx.sender_host();
        let mut elements = Elements::<2>::of(elements);
        let mut saying = cx.say(&about, Kind::Identity);
        for (kind, value) in elements.by_ref().take(ELEMENTS_MAX) {
            saying = match kind {
                BOARD_DATA => board(saying, value),
                WTP_DESCRIPTOR => descriptor(saying, value, wtp_versions(value), [0, 1, 2]),
                AC_DESCRIPTOR => descriptor(saying, value, 12, [4, 5, u64::MAX]),
                WTP_NAME | AC_NAME => saying.trimmed(Field::SystemName, value),
                LOCATION => saying.trimmed(Field::Location, value),
                _ => saying,
            };
        }
        let role = if kind % 2 == 1 { "access point" } else { "wireless controller" };
        drop(saying.implied(Field::Role, &word(role)));
        Ok(Next::Watch)
    }
}

/// The DTLS record of a message that has one.
fn secured(bytes: &[u8]) -> Option<&[u8]> {
    let (&[DTLS, 0, 0, 0], record) = bytes.split_first_chunk::<DTLS_HEADER>()? else { return None };
    matches!(record, [20..=23, 0xfe, 0xfd | 0xff, ..]).then_some(record)
}

/// What follows a header in the clear.
fn header(bytes: &[u8]) -> Option<&[u8]> {
    let &[0, bits, ..] = bytes.first_chunk::<HEADER>()? else { return None };
    let length = usize::from(bits >> 3) * 4;
    bytes.get(length..).filter(|_| length >= HEADER)
}

/// §4.5.1: type of a control message and its elements, whose length agrees.
fn control(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let rest = header(bytes)?;
    let (&[a, b, c, d, _, high, low, 0], elements) = rest.split_first_chunk::<CONTROL_HEADER>()? else { return None };
    let (kind, length) = (u32::from_be_bytes([a, b, c, d]), usize::from(u16::from_be_bytes([high, low])));
    // The length counts from behind itself: flags and elements.
    let whole = length == elements.len() + 1 || length == elements.len() + 3 || bytes.len() >= crate::engine::GATE_BYTES && length > elements.len();
    let known = usize::try_from(kind).is_ok_and(|kind| (1..=OPERATIONS.len()).contains(&kind));
    (known && whole).then_some((kind, elements))
}

/// §4.6.40: vendor (4), then type and length (2 each): model, serial number, board, revision, address.
fn board<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    let (maker, rest) = value.split_at_checked(4).unwrap_or_default();
    let saying = if maker.is_empty() { saying } else { saying.number(Field::EnterpriseNumber, number(maker), maker) };
    Elements::<2>::of(rest).take(8).fold(saying, |saying, (kind, value)| match (kind, value) {
        (0, value) => saying.trimmed(Field::ModelName, value),
        (1, value) => saying.trimmed(Field::SerialNumber, value),
        (3, value) => saying.trimmed(Field::HardwareVersion, value),
        (4, &[a, b, c, d, e, f]) => saying.mac(Field::MacAddress, Mac([a, b, c, d, e, f]), value),
        _ => saying,
    })
}

/// §4.6.41: radios (2), a count of encryptions of three bytes each, then the versions.
fn wtp_versions(value: &[u8]) -> usize {
    3 + 3 * value.get(2).map_or(0, |count| usize::from(*count))
}

/// §4.6.1 and §4.6.41: vendor (4), type (2), length (2), text; of hardware, software and boot loader.
fn descriptor<'s, 'a>(mut saying: Saying<'s, 'a>, value: &[u8], from: usize, kinds: [u64; 3]) -> Saying<'s, 'a> {
    let mut rest = value.get(from..).unwrap_or_default();
    for _ in 0..8 {
        let Some((_, behind)) = rest.split_first_chunk::<4>() else { break };
        let mut one = Elements::<2>::of(behind);
        let Some((kind, text)) = one.next() else { break };
        rest = one.rest();
        let [hardware, software, boot] = kinds;
        saying = match kind {
            _ if !text.iter().all(|byte| (0x20..0x7f).contains(byte)) => saying,
            kind if kind == hardware => saying.trimmed(Field::HardwareVersion, text),
            kind if kind == software => saying.trimmed(Field::FirmwareVersion, text),
            kind if kind == boot => saying.trimmed(Field::BootLoaderVersion, text),
            _ => saying,
        };
    }
    saying
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn element(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[0, kind, 0, u8::try_from(value.len()).unwrap()][..], value].concat()
    }

    fn message(kind: u8, elements: &[u8]) -> Vec<u8> {
        let length = u16::try_from(elements.len() + 1).unwrap().to_be_bytes();
        [&[0, 0x10, 2, 0, 0, 0, 0, 0, 0, 0, 0, kind, 1, length[0], length[1], 0][..], elements].concat()
    }

    fn join(kind: u8) -> Vec<u8> {
        let board = [&[0, 0, 0, 9][..], &element(0, b"AIR-CAP2702I"), &element(1, b"FGL2012A1B2")].concat();
        let software = [&[0, 0, 0, 9][..], &element(1, b"8.5.182.0")].concat();
        let descriptor = [&[2, 2, 1, 1, 0, 1][..], &software].concat();
        message(kind, &[element(45, b"ap-hall-3"), element(38, &board), element(39, &descriptor)].concat())
    }

    #[test]
    fn an_access_point_says_what_it_is() {
        let said = payload(&Capwap, Transport::Udp, 50000, CONTROL_PORT, &join(1));
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["AIR-CAP2702I"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["FGL2012A1B2"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["8.5.182.0"]);
        assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["ap-hall-3"]);
        assert!(said.iter().all(|said| said.kind != Kind::Security));
    }

    #[test]
    fn joining_in_the_clear_and_under_dtls_are_told_apart() {
        let clear = payload(&Capwap, Transport::Udp, 50000, CONTROL_PORT, &join(3));
        assert_eq!(field(&clear, Kind::Security, Field::SecurityLevel), ["none"]);
        let hidden = [&[1, 0, 0, 0, 22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[1]].concat();
        let said = payload(&Capwap, Transport::Udp, 50000, CONTROL_PORT, &hidden);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["encrypted"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[1; 40], &join(1)[..30]] {
            assert_eq!(gate(&Capwap, stranger, CONTROL_PORT), Gate::NotMine);
        }
    }
}
