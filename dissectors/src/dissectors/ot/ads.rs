//! ADS, with which TwinCAT systems and their clients talk: who they are, what is read, written, started and stopped.
//!
//! Spec: Beckhoff Information System, TwinCAT ADS/AMS specification (TE1000), chapters "AMS/TCP packet", "AMS header", "ADS commands".
//! Tells us: AMS net ids of both ends, name and version of the runtime, target description (model, serial number, operating system),
//! state; reads, writes, control, notifications.
//! Does not tell: who writes (a route is all that a client needs, and it is opened with a password in clear).

use super::ads_route as route;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::xml::{self, Event};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Transport, Value};

pub(crate) struct Ads;

const PORT: u16 = 48898;
/// Reserved (2) and length (4) before an AMS packet in a stream.
const TCP_HEADER: usize = 6;
/// Target and source (8 each), command, flags, length, error, number (16).
const HEADER: usize = 32;
/// A packet of a file transfer has some hundred kilobytes; beyond this a length is no packet's.
const LENGTH_MAX: usize = 16 * 1024 * 1024;
/// Only the beginning of long values is read: descriptions have one or two kilobytes.
const WANT_MAX: usize = 8 * 1024;

/// Flags: a response; an ADS command (always set).
const RESPONSE: u16 = 0x0001;
const COMMAND: u16 = 0x0004;
const FLAGS: u16 = 0x01ff;

const READ_DEVICE_INFO: u16 = 1;
const READ: u16 = 2;
const READ_STATE: u16 = 4;
const NOTIFICATION: u16 = 8;
const COMMAND_MAX: u16 = 9;

/// By the number of the command; then the requests by datagram.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("invalid", OperationClass::Session),
    ("read_device_info", OperationClass::Diagnose),
    ("read", OperationClass::Read),
    ("write", OperationClass::Write),
    ("read_state", OperationClass::Diagnose),
    ("write_control", OperationClass::Control),
    ("add_device_notification", OperationClass::Read),
    ("delete_device_notification", OperationClass::Session),
    ("device_notification", OperationClass::Read),
    ("read_write", OperationClass::Read),
    ("system_service", OperationClass::Program),
    ("udp_identify", OperationClass::Diagnose),
    ("udp_add_route", OperationClass::Configure),
    ("udp_other_service", OperationClass::Session),
];
const SYSTEM_SERVICE: u16 = 10;
const UDP_IDENTIFY: u16 = 11;

/// AMS ports: the system service; runtimes of programs are from 800 on.
const SYSTEM_PORT: u16 = 10000;
const RUNTIME_PORTS: std::ops::Range<u16> = 800..900;
/// Index groups of the system service that open, write and delete files, start processes and change routes.
const CHANGING_GROUPS: &[u32] = &[120, 123, 131, 500, 801, 802];
/// Index group and offset of the target description.
const TARGET_DESCRIPTION: (u32, u32) = (700, 1);

/// Requests whose answer does not say what it is of: descriptions are read one at a time.
#[derive(Default)]
pub(crate) struct Asked(Vec<u32>);

const ASKED_MAX: usize = 8;

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)], min: usize) -> Shape {
    Shape { over, bytes, min, max: usize::MAX }
}

impl Dissector for Ads {
    type State = Asked;

    const ROW: Row = Row {
        name: "ads",
        revision: 1,
        spec: "Beckhoff Information System, TwinCAT ADS/AMS specification",
        tells: "AMS net ids, host name, TwinCAT and operating system version, model, serial number, state; writes, control, new routes",
        bindings: &[Binding::Tcp(PORT), Binding::Udp(route::PORT)],
        shapes: &[
            // Nothing reserved, a length below 64 KiB, a net id that ends with .1.1, as all of a system's own do.
            shape(Transport::Tcp, &[(0, 0xff, 0), (1, 0xff, 0), (4, 0xff, 0), (5, 0xff, 0), (10, 0xff, 1), (11, 0xff, 1)], TCP_HEADER + HEADER),
            shape(Transport::Udp, &[(0, 0xff, 0x03), (1, 0xff, 0x66), (2, 0xff, 0x14), (3, 0xff, 0x71)], route::HEADER),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if at.transport == Transport::Udp {
            return if route::packet(head).is_some() { Gate::Mine } else { Gate::NotMine };
        }
        if head.len() < TCP_HEADER + HEADER {
            return if head.get(..2).is_none_or(|reserved| reserved == [0, 0]) { Gate::More } else { Gate::NotMine };
        }
        if packet(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        if let Some(packet) = route::packet(head) {
            return if packet.answer { Side::Server } else { Side::Client };
        }
        match packet(head) {
            // A notification comes unasked, from the one who was asked for notifications.
            Some(packet) if packet.answer != (packet.command == NOTIFICATION) => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Some(&[r0, r1, a, b, c, d]) = head.first_chunk::<TCP_HEADER>() else { return Framing::Need(TCP_HEADER) };
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        // The router's own messages have other numbers there.
        let ours = r0 == 0 && r1 <= 0x10 && length <= LENGTH_MAX;
        if !ours || r1 == 0 && length < HEADER {
            return Framing::Lost;
        }
        let len = TCP_HEADER + length;
        Framing::Pdu { len, want: len.min(WANT_MAX) }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if at.transport == Transport::Udp {
            let Some(packet) = route::packet(head) else { return Glance::SKIP };
            let operation = UDP_IDENTIFY + u16::from(packet.service != route::IDENTIFY) + u16::from(packet.service > route::ADD_ROUTE);
            return Glance { operation: Some(operation).filter(|_| !packet.answer), look: Look::Always, inner: None };
        }
        let Some(packet) = packet(head) else { return Glance::SKIP };
        let operation = if changes_system(&packet) { SYSTEM_SERVICE } else { packet.command };
        let state = if packet.command == READ_STATE { packet.data.get(4).copied().unwrap_or(0) } else { 0 };
        let key = u32::from(packet.source_port) << 16 | u32::from(packet.command) << 8 | u32::from(state) << 1 | u32::from(packet.answer);
        let described = !packet.answer && index(&packet) == Some(TARGET_DESCRIPTION) || xml_at(&packet).is_some();
        let look = if described || packet.command == READ_DEVICE_INFO { Look::Always } else { Look::Once(key) };
        Glance { operation: Some(operation).filter(|_| !packet.answer), look, inner: None }
    }

    fn read(&self, bytes: &[u8], asked: &mut Asked, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.at().transport == Transport::Udp {
            route::read(bytes, cx)?;
            return Ok(Next::Watch);
        }
        let Some(packet) = packet(bytes) else { return Ok(Next::Watch) };
        let sender = cx.sender();
        cx.say(&sender, Kind::Identity).decoded(Field::AmsNetId, &Value::Text(route::net_id(packet.source)), packet.source, "decimal-dotted");
        if packet.answer {
            answered(&packet, &sender, asked, cx)?;
        } else if index(&packet) == Some(TARGET_DESCRIPTION) && asked.0.len() < ASKED_MAX {
            asked.0.push(packet.number);
        }
        Ok(Next::Watch)
    }
}

/// An AMS packet.
struct Packet<'a> {
    source: &'a [u8],
    source_port: u16,
    target_port: u16,
    command: u16,
    answer: bool,
    error: u32,
    number: u32,
    data: &'a [u8],
}

/// A packet of a stream whose lengths agree, as far as it is shown.
fn packet(bytes: &[u8]) -> Option<Packet<'_>> {
    let (&[0, 0, a, b, c, d], ams) = bytes.split_first_chunk::<TCP_HEADER>()? else { return None };
    let (header, data) = ams.split_first_chunk::<HEADER>()?;
    let word = |at: usize| header.get(at..at + 2).and_then(|word| word.first_chunk()).map(|word| u16::from_le_bytes(*word));
    let long = |at: usize| header.get(at..at + 4).and_then(|long| long.first_chunk()).map(|long| u32::from_le_bytes(*long));
    let (command, flags, length) = (word(16)?, word(18)?, long(20)?);
    let agrees = u32::from_le_bytes([a, b, c, d]).checked_sub(32) == Some(length);
    if !agrees || !(1..=COMMAND_MAX).contains(&command) || flags & COMMAND == 0 || flags & !FLAGS != 0 {
        return None;
    }
    let length = usize::try_from(length).ok()?;
    Some(Packet {
        source: header.get(8..14)?,
        source_port: word(14)?,
        target_port: word(6)?,
        command,
        answer: flags & RESPONSE != 0,
        error: long(24)?,
        number: long(28)?,
        data: data.get(..length).unwrap_or(data),
    })
}

/// Index group and offset of a request that has them: Read, Write, ReadWrite, notifications.
fn index(packet: &Packet<'_>) -> Option<(u32, u32)> {
    let (group, rest) = packet.data.split_first_chunk::<4>()?;
    let asks = !packet.answer && matches!(packet.command, READ | 3 | 6 | 9);
    asks.then_some((u32::from_le_bytes(*group), u32::from_le_bytes(*rest.first_chunk()?)))
}

/// Whether a request makes the system service write files, start processes or change routes.
fn changes_system(packet: &Packet<'_>) -> bool {
    let changing = |(group, _): (u32, u32)| CHANGING_GROUPS.contains(&group);
    packet.target_port == SYSTEM_PORT && packet.command != READ && index(packet).is_some_and(changing)
}

/// The value of an answer to Read, if it is a document: result (4), length (4), value.
fn xml_at<'a>(packet: &Packet<'a>) -> Option<&'a [u8]> {
    let value = packet.data.get(8..).filter(|_| packet.answer && packet.command == READ)?;
    value.starts_with(b"<").then_some(value)
}

/// An answer: a result of four bytes, then what was asked for.
fn answered(packet: &Packet<'_>, server: &Subject, asked: &mut Asked, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let known = asked.0.iter().position(|number| *number == packet.number).map(|at| asked.0.swap_remove(at));
    if packet.error != 0 || !packet.data.starts_with(&[0; 4]) {
        return Ok(());
    }
    match packet.command {
        READ_DEVICE_INFO => {
            let info = packet.data.get(4..24).ok_or(DissectError::Truncated { needed: 24usize.saturating_sub(packet.data.len()) })?;
            if let Some(version) = device_info(info) {
                cx.say(server, Kind::Identity).decoded(Field::SoftwareVersion, &Value::Text(version), info, "ads-device-info");
            }
        }
        READ_STATE => state(packet, server, cx),
        READ if known.is_some() => {
            if let Some(document) = xml_at(packet) {
                target_description(document, server, cx);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Major, minor (1 each), build (2), name (16): as one text, `Plc30 App 3.1.4024`.
fn device_info(info: &[u8]) -> Option<Vec<u8>> {
    let (&[major, minor, low, high], name) = info.split_first_chunk::<4>()?;
    let name = name.split(|byte| *byte == 0).next()?;
    let printable = !name.is_empty() && name.iter().all(|byte| (0x20..0x7f).contains(byte));
    let version = format!(" {major}.{minor}.{}", u16::from_le_bytes([low, high]));
    printable.then(|| [name.trim_ascii(), version.as_bytes()].concat())
}

/// The system service says whether TwinCAT runs or is being configured; a program's runtime whether the program runs.
fn state(packet: &Packet<'_>, server: &Subject, cx: &mut Context<'_>) {
    let Some(bytes) = packet.data.get(4..6) else { return };
    let runtime = RUNTIME_PORTS.contains(&packet.source_port);
    let mode: &[u8] = match (packet.source_port, bytes) {
        (SYSTEM_PORT, [15, 0]) => b"config",
        (SYSTEM_PORT, [5, 0]) => b"run",
        (_, [5, 0]) if runtime => b"run",
        (_, [6, 0]) if runtime => b"stop",
        _ => return,
    };
    let about = if runtime { cx.part(server, StepKind::AmsPort, packet.source_port.into()) } else { server.clone() };
    cx.say(&about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), bytes, "ads-state");
}

/// The description of a target: its elements are told by the one that they stand in.
fn target_description(document: &[u8], about: &Subject, cx: &mut Context<'_>) {
    /// `TcTargetDesc`, a group, an element.
    const DEPTH: usize = 3;
    let mut path: Vec<&[u8]> = Vec::new();
    let mut saying = cx.say(about, Kind::Identity);
    for event in xml::events(document) {
        match event {
            Event::Open(name) if path.len() < 2 * DEPTH => path.push(name),
            Event::Open(_) => return,
            Event::Close => drop(path.pop()),
            Event::Text(text) => {
                let inside = path.get(path.len().saturating_sub(2)..).unwrap_or_default();
                saying = match inside {
                    [b"Hardware", b"Model"] => saying.trimmed(Field::ModelName, text),
                    [b"Hardware", b"SerialNo"] => saying.trimmed(Field::SerialNumber, text),
                    [b"OsImage", b"OsName"] => saying.trimmed(Field::OperatingSystem, text),
                    [b"OsImage", b"ImageVersion"] => saying.trimmed(Field::FirmwareVersion, text),
                    _ => saying,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, conversation, field, gate, payload};

    /// A packet from 5.13.117.96.1.1 or to it.
    fn packet_of(answer: bool, port: u16, command: u16, number: u8, data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        let (server, client) = ([5, 13, 117, 96, 1, 1], [192, 168, 1, 199, 1, 1]);
        let ends: [([u8; 6], u16); 2] = if answer { [(client, 32771), (server, port)] } else { [(server, port), (client, 32771)] };
        let mut bytes = vec![0, 0];
        bytes.extend((length + 32).to_le_bytes());
        for (id, port) in ends {
            bytes.extend(id);
            bytes.extend(port.to_le_bytes());
        }
        bytes.extend(command.to_le_bytes());
        bytes.extend([4 | u8::from(answer), 0]);
        bytes.extend(length.to_le_bytes());
        bytes.extend([0, 0, 0, 0, number, 0, 0, 0]);
        bytes.extend_from_slice(data);
        bytes
    }

    fn device_info_answer() -> Vec<u8> {
        packet_of(true, 10000, READ_DEVICE_INFO, 3, b"\0\0\0\0\x03\x01\xb8\x0fTwinCAT System\0\0")
    }

    #[test]
    fn a_server_says_its_net_id_and_the_version_of_its_runtime() {
        let said = answer(&Ads, &device_info_answer());
        assert_eq!(field(&said, Kind::Identity, Field::AmsNetId), ["5.13.117.96.1.1"]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["TwinCAT System 3.1.4024"]);
    }

    #[test]
    fn a_truncated_answer_keeps_the_net_id() {
        let said = answer(&Ads, &packet_of(true, 10000, READ_DEVICE_INFO, 3, b"\0\0\0\0\x03\x01"));
        assert_eq!(field(&said, Kind::Identity, Field::AmsNetId), ["5.13.117.96.1.1"]);
        assert!(field(&said, Kind::Identity, Field::SoftwareVersion).is_empty());
    }

    #[test]
    fn a_target_description_is_read_where_it_was_asked_for() {
        let text = b"<?xml version=\"1.0\"?><TcTargetDesc><Hardware><Model>CX-1030</Model><SerialNo>2021 0456</SerialNo></Hardware><OsImage><OsName>Windows CE</OsName></OsImage></TcTargetDesc>";
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        let data = [&[0; 4][..], &length, text].concat();
        let ask = packet_of(false, 10000, READ, 9, &[0xbc, 2, 0, 0, 1, 0, 0, 0, 0, 8, 0, 0]);
        let told = packet_of(true, 10000, READ, 9, &data);
        let said = conversation(&Ads, Transport::Tcp, &[(50000, PORT, &ask), (PORT, 50000, &told)]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["CX-1030"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["2021 0456"]);
        assert_eq!(field(&said, Kind::Identity, Field::OperatingSystem), ["Windows CE"]);
        assert!(field(&answer(&Ads, &told), Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn states_are_the_systems_or_a_runtimes() {
        let system = answer(&Ads, &packet_of(true, 10000, READ_STATE, 3, &[0, 0, 0, 0, 15, 0, 1, 0]));
        assert_eq!(field(&system, Kind::State, Field::OperatingMode), ["config"]);
        let runtime = answer(&Ads, &packet_of(true, 851, READ_STATE, 3, &[0, 0, 0, 0, 6, 0, 0, 0]));
        assert_eq!(field(&runtime, Kind::State, Field::OperatingMode), ["stop"]);
        assert!(runtime.iter().any(|said| said.about.path.len() == 1));
    }

    #[test]
    fn operations_have_their_names_and_notifications_are_the_servers() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
        let name = |packet: &[u8]| Ads.glance(packet, &at).operation.map(|operation| OPERATIONS[usize::from(operation)].0);
        assert_eq!(name(&packet_of(false, 851, 5, 1, &[5, 0, 0, 0, 0, 0, 0, 0])), Some("write_control"));
        assert_eq!(name(&packet_of(false, 10000, 3, 1, &[0xf4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])), Some("system_service"));
        assert_eq!(name(&packet_of(false, 851, 3, 1, &[5, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])), Some("write"));
        assert_eq!(name(&device_info_answer()), None);
        assert_eq!(Ads.side(&packet_of(false, 851, NOTIFICATION, 1, &[0; 8])), Side::Server);
        assert_eq!(Ads.side(&packet_of(false, 851, READ, 1, &[0; 12])), Side::Client);
    }

    #[test]
    fn strangers_on_its_port_are_refused_and_it_is_found_elsewhere() {
        assert_eq!(gate(&Ads, &device_info_answer(), 48898), Gate::Mine);
        let mut other = device_info_answer();
        other[2] += 1;
        for stranger in [&[0; 40][..], b"GET / HTTP/1.1\r\nHost: plc.plant.example:48898\r\n\r\n", &other] {
            assert_eq!(gate(&Ads, stranger, 48898), Gate::NotMine);
        }
        let said = payload(&Ads, Transport::Tcp, 40001, 50000, &device_info_answer());
        assert_eq!(field(&said, Kind::Identity, Field::AmsNetId), ["5.13.117.96.1.1"]);
    }
}
