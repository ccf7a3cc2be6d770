//! CODESYS: runtime systems of controllers, as they answer a search, and the services of their components that are called.
//!
//! Spec: no public one. Version 3 as Microsoft's ICS forensics tools (MIT licence, `codesysv3_protocol/structures.py`) lay it out: block
//! driver, datagram, name service, channels, services; version 2 as digitalbond's Redpoint documents the answer to its search.
//! Tells us: node, device and vendor name, target, version and serial number; whether channels are encrypted and how a client logs in.
//! Does not tell: which service of a component is called, but for the log-in; anything once a channel is encrypted.

use super::codesys_v2 as v2;
use super::codesys_v3::{self as v3, Message};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Transport, Value};

pub(crate) struct Codesys;

/// Components by the number of their services (`CmdGroup`), then what is none of them.
const COMPONENTS: &[(u8, &str, OperationClass)] = &[
    (0x01, "device_service", OperationClass::Session),
    (0x02, "application_service", OperationClass::Session),
    (0x04, "visualisation_service", OperationClass::Read),
    (0x05, "log_service", OperationClass::Diagnose),
    (0x06, "settings_service", OperationClass::Configure),
    (0x07, "ethernet_service", OperationClass::Diagnose),
    (0x08, "file_transfer_service", OperationClass::Program),
    (0x09, "iec_variable_service", OperationClass::Read),
    (0x0b, "io_manager_service", OperationClass::Diagnose),
    (0x0c, "user_management_service", OperationClass::Configure),
    (0x0f, "trace_service", OperationClass::Read),
    (0x11, "plc_shell_service", OperationClass::Control),
    (0x12, "breakpoint_service", OperationClass::Control),
    (0x13, "force_service", OperationClass::Write),
    (0x18, "alarm_service", OperationClass::Read),
    (0x1b, "monitor_service", OperationClass::Read),
    (0x1d, "licence_service", OperationClass::Diagnose),
    (0x1f, "core_dump_service", OperationClass::Diagnose),
    (0x22, "certificate_service", OperationClass::Configure),
];
const OTHERS: &[(&str, OperationClass)] = &[
    ("other_service", OperationClass::Session),
    ("login", OperationClass::Session),
    ("open_channel", OperationClass::Session),
    ("name_service", OperationClass::Diagnose),
    ("v2_identify", OperationClass::Diagnose),
    ("address_notification", OperationClass::Session),
];
const OPERATIONS_MAX: usize = COMPONENTS.len() + OTHERS.len();
const OPERATIONS: &[(&str, OperationClass)] = &operations();
const OTHER: usize = COMPONENTS.len();
const LOGIN: usize = OTHER + 1;
const OPEN_CHANNEL: usize = OTHER + 2;
const NAME_SERVICE: usize = OTHER + 3;
const V2_IDENTIFY: usize = OTHER + 4;
const ADDRESS_NOTIFICATION: usize = OTHER + 5;

#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn operations() -> [(&'static str, OperationClass); OPERATIONS_MAX] {
    let (mut rows, mut at) = ([("", OperationClass::Session); OPERATIONS_MAX], 0);
    while at < OPERATIONS_MAX {
        rows[at] = if at < COMPONENTS.len() { (COMPONENTS[at].1, COMPONENTS[at].2) } else { OTHERS[at - COMPONENTS.len()] };
        at += 1;
    }
    rows
}

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)], min: usize) -> Shape {
    Shape { over, bytes, min, max: usize::MAX }
}

impl Dissector for Codesys {
    type State = ();

    const ROW: Row = Row {
        name: "codesys",
        revision: 1,
        spec: "Microsoft ICS forensics tools, codesysv3_protocol; Redpoint, codesys-v2-discover",
        tells: "node, device and vendor name, target, version, serial number; protection of channels, log-ins",
        bindings: &[
            Binding::Udp(1740),
            Binding::Udp(1741),
            Binding::Udp(1742),
            Binding::Udp(1743),
            Binding::Tcp(11740),
            Binding::Tcp(11741),
            Binding::Tcp(11742),
            Binding::Tcp(11743),
            Binding::Tcp(1200),
            Binding::Tcp(2455),
        ],
        shapes: &[
            shape(Transport::Tcp, &[(0, 0xff, 0), (1, 0xff, 1), (2, 0xff, 0x17), (3, 0xff, 0xe8)], v3::BLOCK + v3::DATAGRAM),
            // Name service, channels.
            shape(Transport::Udp, &[(0, 0xff, v3::MAGIC), (1, 0x07, 3), (3, 0xfe, 2)], v3::DATAGRAM),
            shape(Transport::Udp, &[(0, 0xff, v3::MAGIC), (1, 0x07, 3), (3, 0xff, 4)], v3::DATAGRAM),
            shape(Transport::Udp, &[(0, 0xff, v3::MAGIC), (1, 0x07, 3), (3, 0xff, 0x40)], v3::DATAGRAM),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if at.transport == Transport::Tcp && v2::is(head, at) || message(head, at.transport).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let message = v3::in_block(head).or_else(|| v3::datagram(head, 0));
        match message {
            Some(message) => message.side(),
            None => v2::side(head),
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        v3::frame(head).unwrap_or_else(|| if v2::begins(head) { Framing::datagram(head) } else { Framing::Lost })
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some(message) = message(head, at.transport) else {
            let operation = u16::try_from(V2_IDENTIFY).ok().filter(|_| at.from_client != Some(false));
            return Glance { operation, look: Look::Always, inner: None };
        };
        let once = |key: usize| Look::Once(u32::try_from(key).unwrap_or(u32::MAX));
        let (operation, look) = match &message {
            Message::Name { answer, .. } => (Some(NAME_SERVICE).filter(|_| !answer), Look::Always),
            Message::Address => (Some(ADDRESS_NOTIFICATION), Look::Never),
            Message::Open { answer } => (Some(OPEN_CHANNEL).filter(|_| !answer), once(1)),
            Message::Service(service) if service.is_login() => (Some(LOGIN).filter(|_| !service.answer), Look::Always),
            Message::Service(service) => {
                let row = COMPONENTS.iter().position(|row| row.0 == service.group).unwrap_or(OTHER);
                (Some(row).filter(|_| !service.answer), once(row << 2 | usize::from(service.secure) << 1 | usize::from(service.answer)))
            }
            Message::Other(_) => (None, Look::Never),
        };
        Glance { operation: operation.and_then(|operation| u16::try_from(operation).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        match message(pdu, cx.at().transport) {
            Some(Message::Name { answer: true, body }) => v3::identification(body, cx)?,
            Some(Message::Service(service)) => {
                let server = if service.answer { cx.sender() } else { cx.receiver() };
                let level: &[u8] = if service.secure { b"encrypted" } else { b"none" };
                if service.answer {
                    cx.say(&server, Kind::Security).decoded(Field::SecurityLevel, &Value::Text(level.to_vec()), service.protocol, "codesys-protocol");
                } else if let Some(method) = service.login() {
                    cx.say(&server, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(method.to_vec()));
                }
            }
            Some(_) => {}
            None => v2::identification(pdu, cx),
        }
        Ok(Next::Watch)
    }
}

fn message(bytes: &[u8], transport: Transport) -> Option<Message<'_>> {
    if transport == Transport::Udp { v3::datagram(bytes, 0) } else { v3::in_block(bytes) }
}

#[cfg(test)]
mod tests {
    use super::super::codesys_v3::samples::{block, channel, identification, service};
    use super::*;
    use crate::testing::{answer, field, gate, payload, request};

    #[test]
    fn a_runtime_that_is_searched_says_names_target_version_and_serial_number() {
        for said in
            [answer(&Codesys, &identification(b"0042A17")), payload(&Codesys, Transport::Tcp, 11740, 50000, &block(&identification(b"0042A17")))]
        {
            assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["PFC200-438F4C"]);
            assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["WAGO 750-8206 PFC200"]);
            assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["WAGO"]);
            assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["5.15.4.0"]);
            assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["0042A17"]);
            assert_eq!(field(&said, Kind::Identity, Field::DeviceTypeNumber), ["4096"]);
        }
    }

    #[test]
    fn a_truncated_answer_keeps_what_came_before() {
        let whole = identification(b"0042A17");
        let said = answer(&Codesys, &whole[..whole.len() - 24]);
        assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["PFC200-438F4C"]);
        assert!(field(&said, Kind::Identity, Field::SerialNumber).is_empty());
    }

    #[test]
    fn a_channel_says_whether_it_is_encrypted_and_how_a_client_logs_in() {
        let said = answer(&Codesys, &channel(&service(0xcd55, true, 0x1b, 1, &[])));
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
        let said = answer(&Codesys, &channel(&service(0x7557, true, 0x1b, 1, &[])));
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["encrypted"]);
        let anonymous = service(0xcd55, false, 1, 2, &[0x22, 4, 1, 0, 0, 0, 0x81, 1, 2, 0x10, 0]);
        assert_eq!(field(&request(&Codesys, &channel(&anonymous)), Kind::Security, Field::AuthenticationMethod), ["none"]);
        let named = service(0xcd55, false, 1, 2, &[0x22, 4, 1, 0, 0, 0, 0x81, 1, 9, 0x10, 3, b'e', b'n', b'g', 0x11, 2, 9, 9]);
        assert_eq!(field(&request(&Codesys, &channel(&named)), Kind::Security, Field::AuthenticationMethod), ["password"]);
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Udp, src_port: 1740, dst_port: 1740, from_client: None };
        let name = |bytes: &[u8]| Codesys.glance(bytes, &at).operation.map(|operation| OPERATIONS[usize::from(operation)].0);
        assert_eq!(name(&channel(&service(0xcd55, false, 0x08, 5, &[]))), Some("file_transfer_service"));
        assert_eq!(name(&channel(&service(0xcd55, false, 1, 2, &[]))), Some("login"));
        assert_eq!(name(&channel(&service(0xcd55, true, 0x08, 5, &[]))), None);
        assert_eq!(name(&[0xc5, 0x0b, 0x40, 1, 0, 0x10, 0, 0x4b]), Some("address_notification"));
        assert_eq!(OPERATIONS[V2_IDENTIFY].0, "v2_identify");
    }

    #[test]
    fn strangers_on_its_ports_are_refused_and_it_is_found_elsewhere() {
        for stranger in [&[0; 40][..], b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n", &[0xc5, 0x6b, 0x40, 9, 0, 0x11, 0, 1], &[0xbb, 0xbb]] {
            assert_eq!(gate(&Codesys, stranger, 11740), Gate::NotMine);
        }
        let said = payload(&Codesys, Transport::Udp, 40001, 50000, &identification(b"0042A17"));
        assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["WAGO"]);
    }
}
