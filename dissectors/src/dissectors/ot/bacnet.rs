//! BACnet: devices of buildings, the networks behind their routers, what they say of themselves, and what is done to them.
//!
//! Spec: ANSI/ASHRAE 135-2020 clauses 6 (network layer), 20 (application PDUs), 21 (services), annexes J (BACnet/IP), U (BACnet/IPv6), AB (BACnet/SC);
//! clause 7 for IEEE 802.3.
//! Tells us: device instance, vendor, model, firmware and software, name, description, location, serial number; devices on routed networks;
//! routers, broadcast managers and foreign devices; writes and commands, passwords in the clear.
//! Does not tell: who may write (there is no authentication outside BACnet/SC); what a device is that nobody asks.

use crate::bvlc_sc;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use apdu::{Apdu, State};
use network::{Npdu, Place};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Transport, Value};
use std::net::{IpAddr, Ipv4Addr};

mod apdu;
mod network;
mod tags;

pub(crate) struct Bacnet;

/// Annex J.1.2: 0xBAC0.
const PORT: u16 = 47808;
/// Clause 7: DSAP and SSAP.
const LLC: u16 = 0x8282;

/// The index is the confirmed service's number (clause 21, BACnetConfirmedServiceChoice), then the unconfirmed ones, then messages of the
/// virtual link and of the network layer.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("acknowledge_alarm", OperationClass::Write),
    ("confirmed_cov_notification", OperationClass::Read),
    ("confirmed_event_notification", OperationClass::Read),
    ("get_alarm_summary", OperationClass::Read),
    ("get_enrollment_summary", OperationClass::Read),
    ("subscribe_cov", OperationClass::Read),
    ("atomic_read_file", OperationClass::Program),
    ("atomic_write_file", OperationClass::Program),
    ("add_list_element", OperationClass::Configure),
    ("remove_list_element", OperationClass::Configure),
    ("create_object", OperationClass::Configure),
    ("delete_object", OperationClass::Configure),
    ("read_property", OperationClass::Read),
    ("read_property_conditional", OperationClass::Read),
    ("read_property_multiple", OperationClass::Read),
    ("write_property", OperationClass::Write),
    ("write_property_multiple", OperationClass::Write),
    ("device_communication_control", OperationClass::Control),
    ("confirmed_private_transfer", OperationClass::Session),
    ("confirmed_text_message", OperationClass::Session),
    ("reinitialize_device", OperationClass::Control),
    ("vt_open", OperationClass::Session),
    ("vt_close", OperationClass::Session),
    ("vt_data", OperationClass::Session),
    ("authenticate", OperationClass::Session),
    ("request_key", OperationClass::Session),
    ("read_range", OperationClass::Read),
    ("life_safety_operation", OperationClass::Control),
    ("subscribe_cov_property", OperationClass::Read),
    ("get_event_information", OperationClass::Read),
    ("subscribe_cov_property_multiple", OperationClass::Read),
    ("confirmed_cov_notification_multiple", OperationClass::Read),
    ("confirmed_audit_notification", OperationClass::Read),
    ("audit_log_query", OperationClass::Read),
    ("auth_request", OperationClass::Session),
    ("i_am", OperationClass::Session),
    ("i_have", OperationClass::Session),
    ("unconfirmed_cov_notification", OperationClass::Read),
    ("unconfirmed_event_notification", OperationClass::Read),
    ("unconfirmed_private_transfer", OperationClass::Session),
    ("unconfirmed_text_message", OperationClass::Session),
    ("time_synchronization", OperationClass::Configure),
    ("who_has", OperationClass::Diagnose),
    ("who_is", OperationClass::Diagnose),
    ("utc_time_synchronization", OperationClass::Configure),
    ("write_group", OperationClass::Write),
    ("unconfirmed_cov_notification_multiple", OperationClass::Read),
    ("unconfirmed_audit_notification", OperationClass::Read),
    ("who_am_i", OperationClass::Session),
    ("you_are", OperationClass::Configure),
    ("write_broadcast_distribution_table", OperationClass::Configure),
    ("read_broadcast_distribution_table", OperationClass::Diagnose),
    ("register_foreign_device", OperationClass::Session),
    ("read_foreign_device_table", OperationClass::Diagnose),
    ("delete_foreign_device_table_entry", OperationClass::Configure),
    ("who_is_router_to_network", OperationClass::Diagnose),
    ("i_am_router_to_network", OperationClass::Session),
    ("initialize_routing_table", OperationClass::Configure),
    ("establish_connection_to_network", OperationClass::Configure),
    ("other_network_message", OperationClass::Session),
    ("error", OperationClass::Session),
];
const CONFIRMED: usize = 35;
const UNCONFIRMED: usize = 15;
const LINK: usize = CONFIRMED + UNCONFIRMED;
const NETWORK: usize = LINK + 5;
const ERROR: usize = NETWORK + 5;
const _: () = assert!(OPERATIONS.len() == ERROR + 1);

/// Functions of annex J.2 by number.
const RESULT: u8 = 0x00;
const WRITE_TABLE: u8 = 0x01;
const READ_TABLE: u8 = 0x02;
const TABLE: u8 = 0x03;
const FORWARDED: u8 = 0x04;
const REGISTER: u8 = 0x05;
const READ_FOREIGN: u8 = 0x06;
const FOREIGN: u8 = 0x07;
const DELETE_FOREIGN: u8 = 0x08;
const DISTRIBUTE: u8 = 0x09;
const UNICAST: u8 = 0x0a;
const BROADCAST: u8 = 0x0b;
const SECURE: u8 = 0x0c;
/// An entry of either table: address, port, and mask or times (J.2.2, J.5.2).
const ENTRY: usize = 10;
/// Entries of one table that are told of: sites have some tens of subnets.
const ENTRIES_MAX: usize = 64;

impl Dissector for Bacnet {
    type State = State;

    const ROW: Row = Row {
        name: "bacnet",
        revision: 1,
        spec: "ANSI/ASHRAE 135-2020 clauses 6, 7, 20, 21, annexes J, U and AB",
        tells: "device instance, vendor, model, firmware, name, location, serial number; routed networks; writes and commands",
        bindings: &[Binding::Udp(PORT), Binding::Llc(LLC), Binding::Under("bscvlc", 1)],
        shapes: &[
            // Distribute, unicast or broadcast; a length below 2,048; version 1 of the network layer.
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0x81), (1, 0xfc, 8), (2, 0xf8, 0), (4, 0xff, 1), (5, 0x50, 0)], min: 8, max: 1497 },
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0x81), (1, 0xff, 4), (2, 0xf8, 0), (10, 0xff, 1), (11, 0x50, 0)], min: 14, max: 1503 },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let complete = head.len() < crate::engine::GATE_BYTES;
        match Link::of(head, at.transport) {
            Some(link) if (link.length == head.len() || !complete && link.length > head.len()) && link.is_sound() => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        // The gate has told frames of the link layer from datagrams; here their first byte does.
        let Some(link) = Link::any(head) else { return Side::Unknown };
        match (link.function, link.npdu().and_then(|npdu| npdu.apdu())) {
            (_, Some(apdu)) => match apdu {
                Apdu::Confirmed { .. } => Side::Client,
                Apdu::Unconfirmed { service, .. } if !Apdu::announces(service) => Side::Client,
                _ => Side::Server,
            },
            (READ_TABLE | WRITE_TABLE | REGISTER | READ_FOREIGN | DELETE_FOREIGN, None) => Side::Client,
            (RESULT | TABLE | FOREIGN, None) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some(link) = Link::of(head, at.transport) else { return Glance::READ };
        let numbered = |index: usize| u16::try_from(index).ok();
        let of_link = match link.function {
            WRITE_TABLE => Some(LINK),
            READ_TABLE => Some(LINK + 1),
            REGISTER => Some(LINK + 2),
            READ_FOREIGN => Some(LINK + 3),
            DELETE_FOREIGN => Some(LINK + 4),
            _ => None,
        };
        let Some(npdu) = link.npdu() else { return Glance { operation: of_link.and_then(numbered), ..Glance::READ } };
        let Some(apdu) = npdu.apdu() else {
            return Glance { operation: npdu.operation().map(|index| NETWORK + index).and_then(numbered), ..Glance::READ };
        };
        let operation = apdu.operation().map(|operation| match operation {
            apdu::Operation::Confirmed(service) => usize::from(service).min(CONFIRMED - 1),
            apdu::Operation::Unconfirmed(service) => CONFIRMED + usize::from(service).min(UNCONFIRMED - 1),
            apdu::Operation::Error => ERROR,
        });
        let look = if apdu.is_telling() { Look::Always } else { Look::Once(npdu.place_sum() << 12 | apdu.kind()) };
        Glance { operation: operation.and_then(numbered), look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut State, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(link) = Link::of(pdu, cx.at().transport) else { return Err(DissectError::Malformed { rule: "virtual link", offset: 0 }) };
        // Within BACnet/SC nobody glances at it.
        if let (Transport::Tcp, Some(operation)) = (cx.at().transport, self.glance(pdu, cx.at()).operation) {
            cx.operation(operation.into());
        }
        match link.function {
            TABLE | FOREIGN => neighbours(&link, cx),
            SECURE => secured(cx),
            _ => {}
        }
        if let Some(npdu) = link.npdu() {
            let node = node(&link, cx);
            spoken(&npdu, &node, state, cx)?;
        }
        Ok(Next::Watch)
    }
}

/// A message of the virtual link, or a frame that has none.
struct Link<'a> {
    function: u8,
    /// As the header says.
    length: usize,
    body: &'a [u8],
    /// J.2.5: address and port of who sent a forwarded message; AB.2.2: virtual address of who sent what a hub passes on.
    origin: Option<&'a [u8]>,
}

impl<'a> Link<'a> {
    fn of(head: &'a [u8], transport: Transport) -> Option<Self> {
        match transport {
            Transport::Ethernet => Self::frame(head),
            Transport::Tcp => Self::secure(head),
            _ => Self::datagram(head),
        }
    }

    /// Whichever it is.
    fn any(head: &'a [u8]) -> Option<Self> {
        if head.first() == Some(&network::VERSION) { Self::frame(head) } else { Self::datagram(head) }
    }

    /// AB.2.4: what BACnet/SC carries.
    fn secure(head: &'a [u8]) -> Option<Self> {
        let message = bvlc_sc::message(head).filter(|message| message.function == bvlc_sc::ENCAPSULATED_NPDU)?;
        Some(Self { function: UNICAST, length: head.len(), body: message.payload, origin: message.origin })
    }

    const fn frame(head: &'a [u8]) -> Option<Self> {
        Some(Self { function: UNICAST, length: head.len(), body: head, origin: None })
    }

    /// J.2, U.2: type, function, length.
    fn datagram(head: &'a [u8]) -> Option<Self> {
        let (&[kind, function, high, low], rest) = head.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let link = |function, body| Some(Self { function, length, body, origin: None });
        match (kind, function) {
            (0x81, FORWARDED) => {
                let (origin, body) = rest.split_at_checked(6)?;
                Some(Self { function, length, body, origin: Some(origin) })
            }
            (0x81, RESULT..=SECURE) => link(function, rest),
            // U.2.2 and U.2.3: virtual addresses of the source, and for unicast of the destination.
            (0x82, 1) => link(UNICAST, rest.get(6..)?),
            (0x82, 2) => link(BROADCAST, rest.get(3..)?),
            _ => None,
        }
    }

    fn npdu(&self) -> Option<Npdu<'a>> {
        matches!(self.function, FORWARDED | DISTRIBUTE | UNICAST | BROADCAST).then(|| Npdu::of(self.body)).flatten()
    }

    /// Whether the body is what the function demands.
    fn is_sound(&self) -> bool {
        let body = self.body.len();
        match self.function {
            RESULT | REGISTER => body == 2,
            WRITE_TABLE | TABLE | FOREIGN => body.is_multiple_of(ENTRY),
            READ_TABLE | READ_FOREIGN => body == 0,
            DELETE_FOREIGN => body == 6,
            SECURE => body > 0,
            _ => self.npdu().is_some_and(|npdu| npdu.is_sound()),
        }
    }
}

/// J.2.4, J.2.8: a broadcast manager tells of the others, and of foreign devices that registered with it.
fn neighbours(link: &Link<'_>, cx: &mut Context<'_>) {
    let role: &[u8] = if link.function == TABLE { b"broadcast management device" } else { b"foreign device" };
    for entry in link.body.chunks_exact(ENTRY).take(ENTRIES_MAX) {
        let (Some(ip), Some(port)) = (entry.first_chunk::<4>(), entry.get(4..6)) else { return };
        let address = Ipv4Addr::from(*ip);
        if address.is_unspecified() || address.is_broadcast() || address.is_multicast() || address.is_loopback() {
            continue;
        }
        let about = cx.by_ip(address.into());
        cx.say(&about, Kind::Neighbor).implied(Field::Role, &Value::Text(role.to_vec())).number(Field::Port, crate::tlv::number(port), port);
    }
}

/// J.2.13 and clause 24: messages that are signed or encrypted.
fn secured(cx: &mut Context<'_>) {
    let about = cx.sender();
    cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(b"network security".to_vec()));
}

/// The node that sent it: the sender, whom a forwarded message names, or a node behind a hub.
fn node(link: &Link<'_>, cx: &Context<'_>) -> Subject {
    let sender = cx.sender();
    match (link.origin, link.origin.and_then(|origin| origin.first_chunk::<4>())) {
        (Some(vmac), _) if cx.at().transport == Transport::Tcp => cx.part(&sender, StepKind::BacnetVmac, crate::tlv::number(vmac)),
        (_, Some(ip)) if Some(IpAddr::from(*ip)) != sender.ip => cx.by_ip(IpAddr::from(*ip)),
        _ => sender,
    }
}

/// Who speaks: the node, or a device on a network behind it.
fn speaker(place: Option<Place<'_>>, node: &Subject, cx: &Context<'_>) -> Option<Subject> {
    match place {
        None => Some(node.clone()),
        Some(place) => place.number().map(|address| place.part(node, address, cx)),
    }
}

fn spoken(npdu: &Npdu<'_>, node: &Subject, state: &mut State, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Some(about) = speaker(npdu.source, node, cx) else { return Ok(()) };
    let Some(apdu) = npdu.apdu() else {
        if npdu.is_security() {
            secured(cx);
        }
        npdu.topology(&about, cx);
        return Ok(());
    };
    if let (Some(place), true) = (npdu.source, apdu.answers()) {
        cx.say(&about, Kind::Part).number(Field::BacnetNetwork, u64::from(place.network), place.network_bytes);
    }
    state.read(&apdu, &about, cx)
}

#[cfg(test)]
mod tests;
