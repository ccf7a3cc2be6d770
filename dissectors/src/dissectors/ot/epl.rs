//! Ethernet POWERLINK: the managing node, its controlled nodes, and what they say when they are identified.
//!
//! Spec: EPSG DS 301 V1.3.0: frames 4.6.1, IdentResponse and StatusResponse 7.3.3, NMT commands 7.3.1.2, SDO 6.3.2; over UDP 6.3.2.1.2.
//! Tells us: node numbers; device type, vendor number, product code, revision, serial number, address and host name of nodes; states;
//! commands to nodes; reads and writes of objects.
//! Does not tell: anything of nodes that started before the capture, but for their number and state.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};
use std::net::Ipv4Addr;

pub(crate) struct Epl;

/// Port of SDO over UDP (6.3.2.1.2).
const PORT: u16 = 3819;

/// Message types (4.6.1.1.1).
const SOC: u8 = 0x01;
const PREQ: u8 = 0x03;
const PRES: u8 = 0x04;
const SOA: u8 = 0x05;
const ASND: u8 = 0x06;

/// Services of ASnd (appendix 3.3).
const IDENT_RESPONSE: u8 = 1;
const STATUS_RESPONSE: u8 = 2;
const NMT_REQUEST: u8 = 3;
const NMT_COMMAND: u8 = 4;
const SDO: u8 = 5;

/// Node numbers (4.5): the managing node, everybody.
const MANAGING: u8 = 240;
const BROADCAST: u8 = 255;

/// Commands of NMT services (appendix 3.7) and of SDO (6.3.2.4.1) by number; then what is none of them.
const COMMANDS: &[(u8, &str, OperationClass)] = &[
    (0x21, "nmt_start_node", OperationClass::Control),
    (0x22, "nmt_stop_node", OperationClass::Control),
    (0x23, "nmt_enter_pre_operational_2", OperationClass::Control),
    (0x24, "nmt_enable_ready_to_operate", OperationClass::Control),
    (0x28, "nmt_reset_node", OperationClass::Control),
    (0x29, "nmt_reset_communication", OperationClass::Control),
    (0x2a, "nmt_reset_configuration", OperationClass::Control),
    (0x2b, "nmt_sw_reset", OperationClass::Control),
    (0x62, "nmt_net_host_name_set", OperationClass::Configure),
];
const SDO_COMMANDS: &[(u8, &str, OperationClass)] = &[
    (0x01, "sdo_write_by_index", OperationClass::Write),
    (0x02, "sdo_read_by_index", OperationClass::Read),
    (0x03, "sdo_write_all_by_index", OperationClass::Write),
    (0x04, "sdo_read_all_by_index", OperationClass::Read),
    (0x05, "sdo_write_by_name", OperationClass::Write),
    (0x06, "sdo_read_by_name", OperationClass::Read),
    (0x20, "sdo_file_write", OperationClass::Program),
    (0x21, "sdo_file_read", OperationClass::Program),
    (0x31, "sdo_write_multiple", OperationClass::Write),
    (0x32, "sdo_read_multiple", OperationClass::Read),
];
const OPERATIONS_MAX: usize = COMMANDS.len() + SDO_COMMANDS.len() + 2;
const OTHER_NMT: usize = OPERATIONS_MAX - 2;
const OTHER_SDO: usize = OPERATIONS_MAX - 1;
const OPERATIONS: &[(&str, OperationClass)] = &operations();

#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn operations() -> [(&'static str, OperationClass); OPERATIONS_MAX] {
    let (mut rows, mut at) = ([("", OperationClass::Session); OPERATIONS_MAX], 0);
    while at < COMMANDS.len() {
        rows[at] = (COMMANDS[at].1, COMMANDS[at].2);
        at += 1;
    }
    while at < OTHER_NMT {
        rows[at] = (SDO_COMMANDS[at - COMMANDS.len()].1, SDO_COMMANDS[at - COMMANDS.len()].2);
        at += 1;
    }
    rows[OTHER_NMT] = ("other_nmt_command", OperationClass::Session);
    rows[OTHER_SDO] = ("other_sdo_command", OperationClass::Session);
    rows
}

/// Reads that wait for their answer.
#[derive(Default)]
pub(crate) struct Reads(Vec<(u8, u16, u8)>);

/// A client of SDO numbers its transactions with one byte; few are open at a time.
const READS_MAX: usize = 16;

impl Dissector for Epl {
    type State = Reads;

    const ROW: Row = Row {
        name: "epl",
        revision: 1,
        spec: "EPSG DS 301",
        tells: "node numbers, device type, vendor number, product code, revision, serial number, host name, states; commands to nodes",
        bindings: &[Binding::EtherType(0x88ab), Binding::Udp(PORT)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(&[kind, to, from, service]) = head.first_chunk::<4>() else { return Gate::NotMine };
        let mine = if at.transport == Transport::Udp {
            // Nodes are known by their addresses there; the sequence layer's reserved bytes are 0.
            (kind, to, from, service) == (ASND, 0, 0, SDO) && head.get(6..8) == Some(&[0, 0])
        } else {
            let sender = (1..=MANAGING).contains(&from) || matches!(from, 253 | 254);
            sender
                && match kind {
                    SOC | SOA => to == BROADCAST && from == MANAGING && head.len() >= 12,
                    PREQ => from == MANAGING && (1..MANAGING).contains(&to) && head.len() >= 10,
                    PRES => to == BROADCAST && head.len() >= 10,
                    ASND => (IDENT_RESPONSE..=7).contains(&service) || service >= 0xa0,
                    _ => false,
                }
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        Framing::datagram(head)
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(&[kind, _, from, service, first, _, status]) = head.first_chunk::<7>() else { return Glance::SKIP };
        let key = |kind: u8, value: u8| Look::Once(u32::from(kind) << 16 | u32::from(from) << 8 | u32::from(value));
        match (kind, service) {
            // A poll response tells its sender's state.
            (PRES, _) => Glance { operation: None, look: key(PRES, first), inner: None },
            (ASND, IDENT_RESPONSE) => Glance::READ,
            (ASND, STATUS_RESPONSE) => Glance { operation: None, look: key(ASND, status), inner: None },
            (ASND, NMT_COMMAND | NMT_REQUEST) => {
                let row = COMMANDS.iter().position(|row| row.0 == first).unwrap_or(OTHER_NMT);
                Glance { operation: u16::try_from(row).ok(), look: Look::Never, inner: None }
            }
            (ASND, SDO) => match command(head) {
                Some(command) => {
                    let row = SDO_COMMANDS.iter().position(|row| row.0 == command.id).map_or(OTHER_SDO, |row| row + COMMANDS.len());
                    Glance { operation: u16::try_from(row).ok().filter(|_| !command.answer), look: Look::Always, inner: None }
                }
                None => Glance::SKIP,
            },
            (kind, _) => Glance { operation: None, look: key(kind, 0), inner: None },
        }
    }

    fn read(&self, frame: &[u8], reads: &mut Reads, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let &[kind, _, node, service] = frame.first_chunk::<4>().ok_or(DissectError::Truncated { needed: 4 })?;
        let about = cx.sender_host();
        if (1..=MANAGING).contains(&node) {
            cx.say(&about, Kind::Identity).number(Field::NodeId, node.into(), frame.get(2..3).unwrap_or_default());
        }
        match (kind, service) {
            (PRES, _) => state(frame.get(4..5).unwrap_or_default(), &about, cx),
            (ASND, IDENT_RESPONSE) => identified(frame, node, &about, cx)?,
            (ASND, STATUS_RESPONSE) => state(frame.get(6..7).unwrap_or_default(), &about, cx),
            (ASND, SDO) => object(frame, reads, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// Node states (7.1.4 and appendix 3.6).
fn state(byte: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let mode: &[u8] = match byte.first() {
        Some(0x1c) => b"not-active",
        Some(0x1d) => b"pre-operational-1",
        Some(0x5d) => b"pre-operational-2",
        Some(0x6d) => b"ready-to-operate",
        Some(0xfd) => b"operational",
        Some(0x4d) => b"stopped",
        Some(0x1e) => b"basic-ethernet",
        _ => return,
    };
    cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), byte, "powerlink-state");
}

/// IdentResponse (7.3.3.2.1), offsets from the message type on.
fn identified(frame: &[u8], node: u8, about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    const DEVICE_TYPE: usize = 0x1a;
    const VENDOR: usize = 0x1e;
    const PRODUCT: usize = 0x22;
    const REVISION: usize = 0x26;
    const SERIAL: usize = 0x2a;
    const ADDRESS: usize = 0x46;
    const HOST_NAME: std::ops::Range<usize> = 0x52..0x72;
    state(frame.get(6..7).unwrap_or_default(), about, cx);
    let field = |at: usize| frame.get(at..at + 4).unwrap_or_default();
    let mut saying = cx.say(about, Kind::Identity);
    for (at, what) in [
        (DEVICE_TYPE, Field::DeviceTypeNumber),
        (VENDOR, Field::CanopenVendorId),
        (PRODUCT, Field::IdentityProductCode),
        (REVISION, Field::RevisionNumber),
        (SERIAL, Field::SerialNumber),
    ] {
        saying = saying.maybe(u32_of(field(at)).filter(|value| *value != 0), |s, value| number(s, what, value, field(at)));
    }
    let end = frame.get(HOST_NAME).map_or(0, |name| name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
    drop(saying.trimmed(Field::Hostname, frame.get(HOST_NAME).and_then(|name| name.get(..end)).unwrap_or_default()));
    if let Some(mac) = about.mac
        && let Some(ip) = address(field(ADDRESS), node)
    {
        let bound = cx.by_mac_and_ip(mac, ip.into());
        let saying = cx.say(&bound, Kind::Binding).source_mac(Field::MacAddress);
        let bytes = field(ADDRESS);
        // Some stacks write the address as a number with the lowest byte first.
        drop(match bytes == ip.octets() {
            true => saying.ip(Field::Ipv4Address, ip.into(), bytes),
            false => saying.decoded(Field::Ipv4Address, &Value::Ip(ip.into()), bytes, "ipv4-le"),
        });
    }
    if frame.len() < HOST_NAME.end { Err(DissectError::Truncated { needed: HOST_NAME.end - frame.len() }) } else { Ok(()) }
}

/// A number as its field is written: vendors and types as numbers, codes in hexadecimal digits.
fn number<'s, 'a>(saying: crate::context::Saying<'s, 'a>, field: Field, value: u32, bytes: &[u8]) -> crate::context::Saying<'s, 'a> {
    match field {
        Field::IdentityProductCode | Field::RevisionNumber => {
            saying.decoded(field, &Value::Text(format!("0x{value:08x}").into_bytes()), bytes, "u32-le-hex")
        }
        Field::SerialNumber => saying.decoded(field, &Value::Text(value.to_string().into_bytes()), bytes, "u32-le"),
        _ => saying.number(field, value.into(), bytes),
    }
}

fn u32_of(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// A node's address ends with its number (5.1.2), which tells the order of the bytes.
fn address(bytes: &[u8], node: u8) -> Option<Ipv4Addr> {
    let &[a, b, c, d] = bytes.first_chunk::<4>()?;
    if d == node && a != 0 { Some(Ipv4Addr::new(a, b, c, d)) } else { (a == node && d != 0).then(|| Ipv4Addr::new(d, c, b, a)) }
}

/// A command of SDO.
struct Command<'a> {
    transaction: u8,
    answer: bool,
    aborted: bool,
    segmented: bool,
    id: u8,
    data: &'a [u8],
}

/// Behind message type, nodes, service and four bytes of sequence: reserved, transaction, flags, command, length, reserved (2); frames
/// without a command only acknowledge (6.3.2.4).
fn command(frame: &[u8]) -> Option<Command<'_>> {
    let &[_, transaction, flags, id, low, high, _, _] = frame.get(8..)?.first_chunk::<8>()?;
    let data = frame.get(16..)?;
    let data = data.get(..usize::from(u16::from_le_bytes([low, high])))?;
    let known = id != 0 && !data.is_empty();
    let command = Command { transaction, answer: flags & 0x80 != 0, aborted: flags & 0x40 != 0, segmented: flags & 0x30 != 0, id, data };
    known.then_some(command)
}

/// Reads of an object by its index, and the answers: an answer does not name its object.
fn object(frame: &[u8], reads: &mut Reads, cx: &mut Context<'_>) {
    const READ_BY_INDEX: u8 = 2;
    let Some(command) = command(frame).filter(|command| command.id == READ_BY_INDEX) else { return };
    let known = reads.0.iter().position(|read| read.0 == command.transaction);
    if !command.answer {
        let &[i0, i1, subindex] = command.data.first_chunk::<3>().unwrap_or(&[0; 3]);
        known.map(|at| reads.0.swap_remove(at));
        if reads.0.len() >= READS_MAX {
            reads.0.remove(0);
        }
        reads.0.push((command.transaction, u16::from_le_bytes([i0, i1]), subindex));
        return;
    }
    let Some((_, index, subindex)) = known.map(|at| reads.0.swap_remove(at)) else { return };
    if command.aborted || command.segmented {
        return;
    }
    let about = cx.sender();
    let value = u32_of(command.data).filter(|value| *value != 0 && command.data.len() == 4);
    let saying = cx.say(&about, Kind::Identity);
    // Objects of the communication profile (appendix 1.2).
    let field = match (index, subindex) {
        (0x1000, 0) => Field::DeviceTypeNumber,
        (0x1018, 1) => Field::CanopenVendorId,
        (0x1018, 2) => Field::IdentityProductCode,
        (0x1018, 3) => Field::RevisionNumber,
        (0x1018, 4) => Field::SerialNumber,
        (0x1008, 0) => return drop(saying.trimmed(Field::ModelName, command.data)),
        (0x1009, 0) => return drop(saying.trimmed(Field::HardwareVersion, command.data)),
        (0x100a, 0) => return drop(saying.trimmed(Field::FirmwareVersion, command.data)),
        _ => return,
    };
    drop(saying.maybe(value, |s, value| number(s, field, value, command.data)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, read_frame};

    const AT: At = At { transport: Transport::Ethernet, src_port: 0, dst_port: 0, from_client: None };

    fn ident_response() -> Vec<u8> {
        let mut frame = vec![
            0x01, 0x11, 0x1e, 0, 0, 4, // destination
            0x00, 0x60, 0x65, 0x0b, 0, 0x11, // source
            0x88, 0xab, // EtherType
            0x06, 0xff, 17, 1, // ASnd to all from node 17, IdentResponse
            0, 0, 0x1d, 0, 0x20, 0, // flags, state, flags, profile version, reserved
        ];
        frame.extend([0x45, 0, 0, 0, 0xdc, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // features, MTU, sizes, response time, reserved
        frame.extend([0x91, 1, 0x0f, 0]); // device type
        frame.extend([0x6c, 0, 0, 1]); // vendor
        frame.extend([0xa3, 0x1f, 0, 0]); // product code
        frame.extend([0x0a, 0, 1, 0]); // revision
        frame.extend([0x39, 0x30, 0, 0]); // serial number
        frame.resize(14 + 0x46, 0);
        frame.extend([192, 168, 100, 17, 255, 255, 255, 0, 192, 168, 100, 254]);
        frame.extend_from_slice(b"X20BC0083-17");
        frame.resize(14 + 0x72 + 48, 0);
        frame
    }

    #[test]
    fn a_node_that_is_identified_says_numbers_address_and_host_name() {
        let said = read_frame(&Epl, &ident_response());
        assert_eq!(field(&said, Kind::Identity, Field::NodeId), ["17"]);
        assert_eq!(field(&said, Kind::Identity, Field::DeviceTypeNumber), ["983441"]);
        assert_eq!(field(&said, Kind::Identity, Field::CanopenVendorId), ["16777324"]);
        assert_eq!(field(&said, Kind::Identity, Field::IdentityProductCode), ["0x00001fa3"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["12345"]);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["X20BC0083-17"]);
        assert_eq!(field(&said, Kind::Binding, Field::Ipv4Address), ["192.168.100.17"]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["pre-operational-1"]);
    }

    #[test]
    fn an_address_with_its_lowest_byte_first_is_told_by_the_nodes_number() {
        assert_eq!(address(&[17, 100, 168, 192], 17), Some(Ipv4Addr::new(192, 168, 100, 17)));
        assert_eq!(address(&[10, 0, 0, 9], 17), None);
    }

    #[test]
    fn a_truncated_answer_keeps_what_came_before() {
        let said = read_frame(&Epl, &ident_response()[..14 + 0x2a]);
        assert_eq!(field(&said, Kind::Identity, Field::IdentityProductCode), ["0x00001fa3"]);
        assert!(field(&said, Kind::Identity, Field::SerialNumber).is_empty());
    }

    #[test]
    fn an_answer_is_of_the_object_that_was_asked_for() {
        let ask = [6, 0, 0, 5, 2, 6, 0, 0, 0, 9, 0, 2, 4, 0, 0, 0, 0x08, 0x10, 0, 0];
        let mut answer = vec![6, 0, 0, 5, 6, 6, 0, 0, 0, 9, 0x80, 2, 8, 0, 0, 0];
        answer.extend_from_slice(b"X20CP158");
        let said = conversation(&Epl, Transport::Udp, &[(50000, PORT, &ask), (PORT, 50000, &answer), (PORT, 50000, &answer)]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["X20CP158"]);
        let alone = conversation(&Epl, Transport::Udp, &[(PORT, 50000, &answer)]);
        assert!(field(&alone, Kind::Identity, Field::ModelName).is_empty());
        let name = |frame: &[u8]| Epl.glance(frame, &AT).operation.map(|operation| OPERATIONS[usize::from(operation)].0);
        assert_eq!(name(&ask), Some("sdo_read_by_index"));
        assert_eq!(name(&answer), None);
        assert_eq!(name(&[6, 17, 240, 4, 0x28, 0, 0, 0]), Some("nmt_reset_node"));
    }

    #[test]
    fn process_data_cost_a_look() {
        assert!(matches!(Epl.glance(&[PRES, 255, 17, 0, 0xfd, 0, 0, 0, 0, 0], &AT).look, Look::Once(_)));
        assert_eq!(
            field(
                &read_frame(&Epl, &[&ident_response()[..14], &[PRES, 255, 17, 0, 0xfd, 0, 0, 0, 0, 0]].concat()),
                Kind::State,
                Field::OperatingMode
            ),
            ["operational"]
        );
    }

    #[test]
    fn strangers_are_refused() {
        let udp = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
        for stranger in [&[0; 46][..], b"GET / HTTP/1.1\r\n", &[6, 0, 0, 5], &[1, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(Epl.gate(stranger, &AT), Gate::NotMine);
            assert_eq!(Epl.gate(stranger, &udp), Gate::NotMine);
        }
    }
}
