//! NetBIOS name service: Windows and Samba hosts register, ask for and list their names.
//!
//! Spec: RFC 1001 §14.1 (encoding), RFC 1002 §4.2 (packets); MS-NBTE; MS-BRWS §2.1.1.1 (suffixes).
//! Tells us: host name, workgroup or domain, file server, domain controller and browser roles, MAC address (node status), names asked for.
//! Does not tell: users (the messenger's names are left out: they may be people's); whether a name is true.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::dns_message::{self as dns, Message, Record};
use crate::engine::GATE_BYTES;
use crate::netbios::{ENCODED, decode, is_name, meaning, suffix_of};
use observations::{Field, Kind, Mac, OperationClass, Subject, Value};
use std::net::{IpAddr, Ipv4Addr};

pub(crate) struct Nbns;

const PORT: u16 = 137;
/// §4.2.1.1: operation codes; 8 and 9 are both refresh, 15 is Microsoft's registration of a host with several addresses (MS-NBTE §2.2.1).
const OPCODES: &[u16] = &[0, 5, 6, 7, REFRESH, 15, REFRESH_TOO];
const REFRESH: u16 = 8;
const REFRESH_TOO: u16 = 9;
/// Names of all but the second refresh.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("query", OperationClass::Read),
    ("registration", OperationClass::Session),
    ("release", OperationClass::Session),
    ("wack", OperationClass::Session),
    ("refresh", OperationClass::Session),
    ("multi_homed_registration", OperationClass::Session),
];
const QUERY: u16 = 0;
const REGISTRATIONS: &[u16] = &[5, 8, 9, 15];
/// §4.2.1.1: two bits of NM_FLAGS that must be zero.
const ZERO: u16 = 0x0060;
/// §4.2.1.3.
const TYPE_NB: u16 = 0x20;
const TYPE_NBSTAT: u16 = 0x21;
/// §4.2.2 and §4.2.18: the group bit of name flags.
const GROUP: u16 = 0x8000;
/// §4.2.2: flags and address.
const NB_ENTRY: usize = 6;
/// §4.2.18: 15 bytes, suffix and flags.
const NODE_NAME: usize = 18;
/// Names that one host lists; servers of a domain have a dozen. Two fields each.
const NAMES_MAX: usize = 20;
/// Addresses of one name; a WINS server lists at most 25 of a group (MS-WINSRA §3.1.1).
const ADDRESSES_MAX: usize = 25;

impl Dissector for Nbns {
    type State = ();

    const ROW: Row = Row {
        name: "nbns",
        revision: 1,
        spec: "RFC 1001, RFC 1002, MS-NBTE, MS-BRWS",
        tells: "host names, workgroups and domains, roles, MAC addresses",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(header) = dns::header(head) else { return Gate::NotMine };
        let room = head.len() >= GATE_BYTES || dns::fits(header, head.len());
        let sane = OPCODES.contains(&header.opcode()) && header.flags & ZERO == 0 && room;
        let counts = if header.is_response() { header.questions == 0 && header.answers <= 1 } else { header.questions == 1 && header.answers == 0 };
        // A question and a record both begin with a name, a type and a class.
        let first = dns::first_question(head).filter(|question| question.class == dns::CLASS_IN);
        let named = first.is_some_and(|first| {
            let encoded = first.name.labels.first().is_some_and(|label| label.len() == ENCODED && decode(label).is_some());
            let kind = matches!(first.kind, TYPE_NB | TYPE_NBSTAT) || header.is_response() && first.kind == NULL;
            encoded && kind
        });
        if sane && counts && named { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        dns::header(head).map_or(Side::Unknown, |header| if header.is_response() { Side::Server } else { Side::Client })
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(&flags) = head.get(2) else { return Glance::SKIP };
        let opcode = u16::from(flags >> 3 & 0xf);
        let opcode = if opcode == REFRESH_TOO { REFRESH } else { opcode };
        let operation = OPCODES.iter().position(|code| *code == opcode).and_then(|index| u16::try_from(index).ok());
        Glance { operation: operation.filter(|_| flags & 0x80 == 0), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let message = dns::message(pdu)?;
        let (opcode, response) = (message.header.opcode(), message.header.is_response());
        match (opcode, response) {
            (QUERY, false) => asked(&message, cx),
            (QUERY, true) if message.header.rcode() == 0 => message.answers.iter().try_for_each(|record| answered(record, cx))?,
            (opcode, false) if REGISTRATIONS.contains(&opcode) => message.additionals.iter().for_each(|record| names(record, cx)),
            _ => {}
        }
        message.outcome(Next::Watch)
    }
}

/// §4.2.14: a negative response carries a record of type NULL.
const NULL: u16 = 0x0a;

fn asked(message: &Message<'_>, cx: &mut Context<'_>) {
    let client = cx.sender_host();
    for question in &message.questions {
        let Some(label) = question.name.labels.first() else { continue };
        let Some(asked) = decode(label).filter(|asked| question.kind == TYPE_NB && is_name(&asked.name)) else { continue };
        let saying = cx.say(&client, Kind::Request).decoded(Field::DnsQuery, &Value::Text(asked.name), label, "netbios-name");
        saying.decoded(Field::NetbiosSuffix, &Value::Number(asked.suffix.into()), suffix_of(label), "netbios-name");
    }
}

fn answered(record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    match record.kind {
        TYPE_NB => names(record, cx),
        TYPE_NBSTAT => return node_status(record, cx),
        _ => {}
    }
    Ok(())
}

/// §4.2.2: a name with its flags and addresses.
fn names(record: &Record<'_>, cx: &mut Context<'_>) {
    let Some(label) = record.name.labels.first().filter(|_| record.kind == TYPE_NB) else { return };
    let Some(name) = decode(label).filter(|name| is_name(&name.name)) else { return };
    for entry in record.data.chunks_exact(NB_ENTRY).take(ADDRESSES_MAX) {
        let &[high, low, a, b, c, d] = entry else { continue };
        let ip = Ipv4Addr::new(a, b, c, d);
        let group = u16::from_be_bytes([high, low]) & GROUP != 0;
        // A group's name may be answered with the broadcast address: that is nobody's.
        if ip.is_unspecified() || ip.is_broadcast() || ip.is_loopback() || ip.is_multicast() {
            continue;
        }
        let Some((kind, field)) = meaning(name.suffix, group) else { continue };
        let about = whose(ip, cx);
        let saying = cx.say(&about, kind).decoded(field, &Value::Text(name.name.clone()), label, "netbios-name");
        let saying = saying.decoded(Field::NetbiosSuffix, &Value::Number(name.suffix.into()), suffix_of(label), "netbios-name");
        saying.ip(Field::Ipv4Address, ip.into(), entry.get(2..).unwrap_or_default());
    }
}

fn whose(ip: Ipv4Addr, cx: &Context<'_>) -> Subject {
    let sender = cx.sender_host();
    if sender.ip == Some(IpAddr::V4(ip)) { sender } else { cx.by_ip(ip.into()) }
}

/// §4.2.18: all names of the node that answers, then its statistics, which begin with the adapter's address.
fn node_status(record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (&count, rest) = record.data.split_first().ok_or(DissectError::Truncated { needed: 1 })?;
    let (listed, statistics) = rest.split_at_checked(NODE_NAME * usize::from(count)).unwrap_or((rest, &[]));
    let node = cx.sender_host();
    let mut saying = cx.say(&node, Kind::Binding);
    for entry in listed.chunks_exact(NODE_NAME).take(NAMES_MAX) {
        let (Some(name), Some(&[suffix, high, low])) = (entry.get(..15).map(crate::context::trim), entry.last_chunk::<3>()) else { continue };
        let group = u16::from_be_bytes([high, low]) & GROUP != 0;
        if let Some((_, field)) = meaning(suffix, group).filter(|_| is_name(name)) {
            saying = saying.text(field, name).number(Field::NetbiosSuffix, suffix.into(), entry.get(15..16).unwrap_or_default());
        }
    }
    let unit = statistics.first_chunk::<6>();
    if let Some(mac) = unit.map(|unit| Mac(*unit)).filter(|mac| mac.is_device()) {
        saying = saying.mac(Field::MacAddress, mac, unit.map_or(&[], <[u8; 6]>::as_slice));
    }
    drop(saying);
    if statistics.is_empty() { Err(DissectError::Truncated { needed: 6 }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate, payload, request};
    use observations::Transport;

    fn encoded(name: &[u8], suffix: u8) -> Vec<u8> {
        let mut padded = [b' '; 16];
        padded[..name.len()].copy_from_slice(name);
        padded[15] = suffix;
        let letters = padded.iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]);
        [32].into_iter().chain(letters).chain([0]).collect()
    }

    fn registration(name: &[u8], suffix: u8, flags: u8, address: [u8; 4]) -> Vec<u8> {
        let mut bytes = vec![0x6a, 0x01, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1];
        bytes.extend(encoded(name, suffix));
        bytes.extend([0, 0x20, 0, 1]);
        bytes.extend([0xc0, 0x0c, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, flags, 0]);
        bytes.extend(address);
        bytes
    }

    #[test]
    fn a_host_registers_its_name_and_its_workgroup_is_no_host() {
        let said = payload(&Nbns, Transport::Udp, PORT, PORT, &registration(b"HISTORIAN1", 0x20, 0, [10, 0, 0, 2]));
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["HISTORIAN1"]);
        assert_eq!(field(&said, Kind::Name, Field::NetbiosSuffix), ["32"]);
        assert!(said.iter().find(|said| said.kind == Kind::Name).unwrap().of_itself());
        let said = payload(&Nbns, Transport::Udp, PORT, PORT, &registration(b"PLANT", 0x00, 0x80, [10, 0, 0, 2]));
        assert_eq!(field(&said, Kind::Identity, Field::Workgroup), ["PLANT"]);
        assert!(field(&said, Kind::Name, Field::Hostname).is_empty());
    }

    #[test]
    fn messenger_names_may_be_people_and_are_left_out() {
        let said = request(&Nbns, &registration(b"A.MILLER", 0x03, 0, [10, 0, 0, 1]));
        assert!(said.iter().all(|said| said.protocol != "nbns"));
    }

    #[test]
    fn a_server_reports_the_addresses_of_others() {
        let mut response = vec![0x6a, 0x02, 0x85, 0x80, 0, 0, 0, 1, 0, 0, 0, 0];
        response.extend(encoded(b"PLANT", 0x1c));
        response.extend([0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 12, 0x80, 0, 10, 0, 0, 7, 0x80, 0, 255, 255, 255, 255]);
        let said = answer(&Nbns, &response);
        let domain: Vec<_> = said.iter().filter(|said| said.kind == Kind::Identity).collect();
        assert_eq!((domain.len(), domain[0].about.ip), (1, Some([10, 0, 0, 7].into())));
        assert_eq!(field(&said, Kind::Identity, Field::DomainName), ["PLANT"]);
    }

    fn status() -> Vec<u8> {
        let mut response = vec![0x6a, 0x03, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        response.extend(encoded(b"*", 0));
        response.extend([0, 0x21, 0, 1, 0, 0, 0, 0, 0, 83]);
        response.push(2);
        response.extend(b"HMI-07         \x00\x04\x00");
        response.extend(b"PLANT          \x00\x84\x00");
        response.extend([0x00, 0x0c, 0x29, 0x0a, 0x00, 0x05]);
        response.extend([0; 40]);
        response
    }

    #[test]
    fn a_node_status_binds_names_and_mac() {
        let said = answer(&Nbns, &status());
        assert_eq!(field(&said, Kind::Binding, Field::Hostname), ["HMI-07"]);
        assert_eq!(field(&said, Kind::Binding, Field::Workgroup), ["PLANT"]);
        assert_eq!(field(&said, Kind::Binding, Field::MacAddress), ["00:0c:29:0a:00:05"]);
    }

    #[test]
    fn a_count_that_lies_keeps_the_names_before() {
        let mut lying = status();
        lying[56] = 200;
        assert_eq!(field(&answer(&Nbns, &lying), Kind::Binding, Field::Hostname), ["HMI-07"]);
    }

    #[test]
    fn a_name_is_asked_for_and_a_status_query_asks_for_none() {
        let mut query = vec![0x6a, 0x04, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(encoded(b"WPAD", 0));
        query.extend([0, 0x20, 0, 1]);
        assert_eq!(field(&request(&Nbns, &query), Kind::Request, Field::DnsQuery), ["WPAD"]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        let dns = [&[0x2b, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x04wpad\x00", &[0, 1, 0, 1]].concat();
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0; 60], &dns] {
            assert_eq!(gate(&Nbns, stranger, PORT), Gate::NotMine);
        }
    }
}
