//! DNS: which names belong to which addresses, who answers, who asks for what.
//!
//! Spec: RFC 1035 (messages), RFC 3596 (AAAA), RFC 2782 (SRV), RFC 2136 (update), RFC 6891 (EDNS), RFC 7766 (TCP).
//! Tells us: names of addresses (as the server reports them), services of a domain, name servers and their software, names that hosts
//! register for themselves, names that clients ask for.
//! Does not tell: whether a name is true; what is asked over TLS or HTTPS.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::dns_message::{self as dns, Message, Name, Record};
use crate::engine::GATE_BYTES;
use observations::{Field, Kind, OperationClass, Transport, Value};
use std::net::IpAddr;

pub(crate) struct Dns;

const PORT: u16 = 53;
/// RFC 7766 §8: two bytes of length before each message.
const TCP_PREFIX: usize = 2;
/// RFC 1035 §4.1.1 and RFC 6895 §2.2: operation codes in use; the index is that of [`OPERATIONS`].
const OPCODES: &[u16] = &[0, 4, 5];
const OPERATIONS: &[(&str, OperationClass)] =
    &[("query", OperationClass::Read), ("notify", OperationClass::Session), ("update", OperationClass::Configure)];
const QUERY: u16 = 0;
const UPDATE: u16 = 5;
/// RFC 6895 §2.1: the reserved bit; authentic data and checking disabled lie beside it.
const RESERVED: u16 = 0x0040;
const AUTHORITATIVE_OR_TRUNCATED: u16 = 0x0600;
const RECURSION_AVAILABLE: u16 = 0x0080;
/// RFC 1035 §4.1.1: what a server that knows or does not know the name answers.
const NO_ERROR: u16 = 0;
const NAME_ERROR: u16 = 3;
/// Real chains have two or three; resolvers end at eight to sixteen.
const ALIASES_MAX: usize = 8;
/// RFC 2136 §2.3: the zone of an update is named by a question for its SOA.
const TYPE_SOA: u16 = 6;

impl Dissector for Dns {
    type State = ();

    const ROW: Row = Row {
        name: "dns",
        revision: 1,
        spec: "RFC 1035, RFC 2136, RFC 2782, RFC 3596, RFC 6891, RFC 7766",
        tells: "names of addresses, services, name servers, names asked for",
        bindings: &[Binding::Udp(PORT), Binding::Tcp(PORT)],
        shapes: &[Shape {
            over: Transport::Udp,
            // A standard query or its answer with one question: opcode 0, QDCOUNT 1.
            bytes: &[(2, 0x78, 0), (3, 0x40, 0), (4, 0xff, 0), (5, 0xff, 1), (6, 0xff, 0), (8, 0xff, 0), (10, 0xff, 0)],
            min: 17,
            max: GATE_BYTES - 1,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = at.src_port == PORT || at.dst_port == PORT;
        if at.transport != Transport::Tcp {
            return if is_message(head, head.len(), bound) { Gate::Mine } else { Gate::NotMine };
        }
        let Some((length, message)) = head.split_first_chunk::<TCP_PREFIX>() else { return Gate::More };
        if message.is_empty() {
            // Some senders put the length into a segment of its own.
            return if usize::from(u16::from_be_bytes(*length)) >= dns::HEADER { Gate::More } else { Gate::NotMine };
        }
        let length = usize::from(u16::from_be_bytes(*length));
        let message = message.get(..length).unwrap_or(message);
        if is_message(message, length, bound) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match dns::header(message_of(head)) {
            Some(header) if header.is_response() => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Some(length) = head.first_chunk::<TCP_PREFIX>() else { return Framing::Need(TCP_PREFIX) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length < dns::HEADER {
            return Framing::Lost;
        }
        Framing::Pdu { len: length + TCP_PREFIX, want: length + TCP_PREFIX }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let message = if at.transport == Transport::Tcp { head.get(TCP_PREFIX..).unwrap_or_default() } else { head };
        let Some(&[_, _, flags, ..]) = message.first_chunk::<4>() else { return Glance::SKIP };
        let opcode = u16::from(flags >> 3 & 0xf);
        let operation = OPCODES.iter().position(|code| *code == opcode).and_then(|index| u16::try_from(index).ok());
        Glance { operation: operation.filter(|_| flags & 0x80 == 0), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let bytes = if cx.at().transport == Transport::Tcp { pdu.get(TCP_PREFIX..).unwrap_or_default() } else { pdu };
        if dns::header(bytes).is_some_and(dns::Header::is_response) {
            // Many are given the same answer: only its number is another.
            let words = (cx.at().transport, bytes.get(2..));
            return cx.twice(words, |cx| read(bytes, cx).map(|_| ())).map(|()| Next::Watch);
        }
        read(bytes, cx)
    }
}

fn read(bytes: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
    let message = dns::message(bytes)?;
    match (message.header.opcode(), message.header.is_response()) {
        (QUERY, false) => asked(&message, cx),
        (QUERY, true) => answered(&message, cx),
        (UPDATE, false) => updated(&message, cx),
        _ => {}
    }
    message.outcome(Next::Watch)
}

/// The message in the first bytes of a datagram or of a stream: where two bytes of length stand before it, they count the rest.
fn message_of(head: &[u8]) -> &[u8] {
    match head.split_first_chunk::<TCP_PREFIX>() {
        Some((length, rest)) if usize::from(u16::from_be_bytes(*length)) == rest.len() => rest,
        _ => head,
    }
}

/// Whether a message of `length` bytes begins here. Elsewhere than on the port the whole of it must be flawless.
fn is_message(head: &[u8], length: usize, bound: bool) -> bool {
    let Some(header) = dns::header(head) else { return false };
    let request = !header.is_response();
    let flags = OPCODES.contains(&header.opcode()) && header.flags & RESERVED == 0;
    let clean = header.rcode() == 0 && header.answers == 0 && header.questions == 1 && header.flags & AUTHORITATIVE_OR_TRUNCATED == 0;
    let asks = header.opcode() != QUERY || header.authorities == 0 && header.additionals <= 3 && clean;
    let cut = head.len() >= GATE_BYTES;
    if !flags || header.questions > 1 || request && !asks || !(cut || dns::fits(header, length)) {
        return false;
    }
    let question = dns::first_question(head);
    match question {
        // A refusal may leave the question out.
        None => bound && header.questions == 0 && !request && head.len() <= length,
        Some(question) => {
            let class = matches!(question.class, dns::CLASS_IN | dns::CLASS_CHAOS | dns::CLASS_NONE | dns::CLASS_ANY);
            let zone = header.opcode() != UPDATE || question.kind == TYPE_SOA;
            let named = question.name.is_plain() || question.name.labels.is_empty() && bound;
            class && zone && question.kind != 0 && named && header.questions == 1 && (bound || is_flawless(head))
        }
    }
}

fn is_flawless(head: &[u8]) -> bool {
    dns::message(head).is_ok_and(|message| {
        let known = message.questions.iter().all(|question| question.class == dns::CLASS_IN);
        let records = message.said().chain(&message.authorities).all(|record| record.class == dns::CLASS_IN || record.kind == dns::TYPE_OPT);
        message.broken.is_none() && message.end == head.len() && known && records
    })
}

/// Names that a client asks for. Reverse names are left out: who looks up each address of a network tells nothing of itself.
fn asked(message: &Message<'_>, cx: &mut Context<'_>) {
    let client = cx.sender_host();
    for question in message.questions.iter().filter(|question| question.class == dns::CLASS_IN && question.name.is_plain()) {
        if !question.name.is_reverse() {
            cx.say(&client, Kind::Request).decoded(Field::DnsQuery, &Value::Text(question.name.lower()), question.name.slice, "dns-name");
        }
    }
}

fn answered(message: &Message<'_>, cx: &mut Context<'_>) {
    if matches!(message.header.rcode(), NO_ERROR | NAME_ERROR) && !message.questions.is_empty() {
        serves(message, cx);
    }
    // Of what only helps, the addresses of services' hosts tell of this network; those of name servers tell of the Internet.
    let hosts: Vec<Name<'_>> =
        message.answers.iter().filter(|record| record.kind == dns::TYPE_SRV).filter_map(|r| Some(r.server(message.bytes)?.2)).collect();
    let helping = message.additionals.iter().filter(|record| hosts.iter().any(|host| host.is(&record.name)));
    for record in message.answers.iter().chain(helping) {
        match (record.class, record.kind) {
            (dns::CLASS_IN, dns::TYPE_A | dns::TYPE_AAAA) => address(message, record, cx),
            (dns::CLASS_IN, dns::TYPE_PTR) => pointer(message, record, cx),
            (dns::CLASS_IN, dns::TYPE_SRV) => service(message, record, cx),
            (dns::CLASS_CHAOS, dns::TYPE_TXT) => version(record, cx),
            _ => {}
        }
    }
}

/// Who answers is a name server; one that offers recursion resolves for others.
fn serves(message: &Message<'_>, cx: &mut Context<'_>) {
    let server = cx.sender();
    let role: &[u8] = if message.header.flags & RECURSION_AVAILABLE != 0 { b"recursive resolver" } else { b"name server" };
    if server.endpoint.is_some() {
        let flags = message.bytes.get(2..4).unwrap_or_default();
        cx.say(&server, Kind::Service).decoded(Field::Role, &Value::Text(role.to_vec()), flags, "dns-flags");
    }
}

/// An A or AAAA record names its address, and so does the alias that led to it.
fn address(message: &Message<'_>, record: &Record<'_>, cx: &mut Context<'_>) {
    let Some(ip) = record.address().filter(|_| record.name.is_plain()) else { return };
    let about = cx.by_ip(ip);
    let saying = cx.say(&about, Kind::Name).decoded(Field::DnsName, &Value::Text(record.name.lower()), record.name.slice, "dns-name");
    drop(ip_field(saying, ip, record.data));
    let Some(question) = message.questions.first().filter(|question| !question.name.is(&record.name)) else { return };
    if leads_to(message, &question.name, &record.name) {
        let saying = cx.say(&about, Kind::Name).decoded(Field::DnsName, &Value::Text(question.name.lower()), question.name.slice, "dns-name");
        let saying = saying.decoded(Field::DnsTarget, &Value::Text(record.name.lower()), record.name.slice, "dns-name");
        drop(ip_field(saying, ip, record.data));
    }
}

fn ip_field<'s, 'a>(saying: crate::context::Saying<'s, 'a>, ip: IpAddr, data: &[u8]) -> crate::context::Saying<'s, 'a> {
    saying.ip(if ip.is_ipv4() { Field::Ipv4Address } else { Field::Ipv6Address }, ip, data)
}

/// Whether CNAME records lead from one name to the other.
fn leads_to(message: &Message<'_>, from: &Name<'_>, to: &Name<'_>) -> bool {
    let mut at = from.clone();
    for _ in 0..ALIASES_MAX {
        let alias = message.answers.iter().find(|record| record.kind == dns::TYPE_CNAME && record.name.is(&at));
        let Some(next) = alias.and_then(|record| record.target(message.bytes)) else { return false };
        if next.is(to) {
            return true;
        }
        at = next;
    }
    false
}

/// A PTR record of a reverse zone names the address.
fn pointer(message: &Message<'_>, record: &Record<'_>, cx: &mut Context<'_>) {
    let target = record.target(message.bytes).filter(Name::is_plain);
    let (Some(ip), Some(target)) = (record.name.reverse(), target) else { return };
    let about = cx.by_ip(ip);
    let field = if ip.is_ipv4() { Field::Ipv4Address } else { Field::Ipv6Address };
    let saying = cx.say(&about, Kind::Name).decoded(field, &Value::Ip(ip), record.name.slice, "dns-reverse-name");
    saying.decoded(Field::DnsName, &Value::Text(target.lower()), target.slice, "dns-name");
}

/// A SRV record tells of a service on the host that it names, if the message says which address that is.
fn service(message: &Message<'_>, record: &Record<'_>, cx: &mut Context<'_>) {
    let Some((port, port_bytes, target)) = record.server(message.bytes) else { return };
    let hosts = message.said().filter(|other| other.name.is(&target)).filter_map(Record::address);
    for ip in hosts.take(ALIASES_MAX) {
        let about = cx.by_ip(ip);
        let saying = cx.say(&about, Kind::Service).decoded(Field::ServiceName, &Value::Text(record.name.lower()), record.name.slice, "dns-name");
        let saying = saying.number(Field::Port, u64::from(port), port_bytes);
        saying.decoded(Field::DnsTarget, &Value::Text(target.lower()), target.slice, "dns-name");
    }
}

/// `version.bind` of class CHAOS (and `version.server`, RFC 4892 §2): the server's software.
fn version(record: &Record<'_>, cx: &mut Context<'_>) {
    let is_version = record.name.ends_with(&[b"version", b"bind"]) || record.name.ends_with(&[b"version", b"server"]);
    if let (true, Some(text)) = (is_version, record.strings().next()) {
        let server = cx.sender();
        cx.say(&server, Kind::Identity).trimmed(Field::SoftwareVersion, text);
    }
}

/// RFC 2136 §2.5: addresses that are added stand in the third section. Who registers its own address says its own name; a DHCP server
/// registers others'.
fn updated(message: &Message<'_>, cx: &mut Context<'_>) {
    let sender = cx.sender_host();
    for record in message.authorities.iter().filter(|record| record.class == dns::CLASS_IN) {
        let Some(ip) = record.address().filter(|_| record.name.is_plain()) else {
            if record.kind == dns::TYPE_PTR {
                pointer(message, record, cx);
            }
            continue;
        };
        if sender.ip != Some(ip) {
            address(message, record, cx);
            continue;
        }
        let host = record.name.labels.first().copied().unwrap_or_default();
        let saying = cx.say(&sender, Kind::Name).text(Field::Hostname, host);
        let saying = saying.decoded(Field::FullyQualifiedName, &Value::Text(record.name.lower()), record.name.slice, "dns-name");
        drop(ip_field(saying, ip, record.data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, conversation, field, payload, request};

    const ANSWER: &[u8] = &[
        0x31, 0x54, // id
        0x85, 0x80, // answer, authoritative, recursion desired and available
        0x00, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, // counts
        3, b'w', b'w', b'w', 5, b'p', b'l', b'A', b'n', b't', 4, b't', b'e', b's', b't', 0, // question's name
        0x00, 0x01, 0x00, 0x01, // A, IN
        0xc0, 0x0c, 0x00, 0x05, 0x00, 0x01, 0, 0, 0, 60, 0, 6, 3, b'p', b'l', b'c', 0xc0, 0x10, // CNAME plc
        0xc0, 0x2c, 0x00, 0x01, 0x00, 0x01, 0, 0, 0, 60, 0, 4, 10, 77, 0, 12, // A 10.77.0.12
    ];

    fn query(name: &[u8], kind: u8) -> Vec<u8> {
        [&[0x51, 0x84, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0][..], name, &[0, 0, kind, 0, 1]].concat()
    }

    #[test]
    fn an_address_has_its_name_and_the_alias_that_led_to_it() {
        let said = answer(&Dns, ANSWER);
        let mut names = field(&said, Kind::Name, Field::DnsName);
        names.sort();
        assert_eq!(names, ["plc.plant.test", "www.plant.test"]);
        let name = said.iter().find(|said| said.kind == Kind::Name).unwrap();
        assert_eq!(name.about.ip, Some([10, 77, 0, 12].into()));
        assert!(!name.of_itself());
        assert_eq!(field(&said, Kind::Service, Field::Role), ["recursive resolver"]);
    }

    #[test]
    fn a_truncated_record_keeps_the_ones_before() {
        let mut cut = ANSWER.to_vec();
        cut[7] = 3;
        cut.extend_from_slice(&[0xc0, 0x2c, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0xfd]);
        assert!(field(&answer(&Dns, &cut), Kind::Name, Field::DnsName).contains(&"plc.plant.test".to_owned()));
    }

    #[test]
    fn a_reverse_answer_names_its_address() {
        let question = b"\x0212\x010\x0277\x0210\x07in-addr\x04arpa\x00";
        let mut bytes = [&[0, 9, 0x80, 0x80, 0, 1, 0, 1, 0, 0, 0, 0][..], question, &[0, 12, 0, 1]].concat();
        bytes.extend_from_slice(&[0xc0, 0x0c, 0, 12, 0, 1, 0, 0, 0, 9, 0, 10, 3, b'p', b'l', b'c', 4, b't', b'e', b's', b't', 0]);
        let said = answer(&Dns, &bytes);
        assert_eq!(field(&said, Kind::Name, Field::DnsName), ["plc.test"]);
        assert_eq!(field(&said, Kind::Name, Field::Ipv4Address), ["10.77.0.12"]);
    }

    #[test]
    fn what_is_asked_is_said_of_the_client_and_reverse_names_are_not() {
        let name = b"\x03CDN\x05Cloud\x04test";
        assert_eq!(field(&request(&Dns, &query(name, 1)), Kind::Request, Field::DnsQuery), ["cdn.cloud.test"]);
        let reverse = b"\x0212\x010\x0277\x0210\x07in-addr\x04arpa";
        assert!(field(&request(&Dns, &query(reverse, 12)), Kind::Request, Field::DnsQuery).is_empty());
    }

    #[test]
    fn a_host_registers_its_own_name() {
        let mut update = [&[0, 7, 0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0][..], b"\x05plant\x04test\x00", &[0, 6, 0, 1]].concat();
        update.extend_from_slice(b"\x06HMI-07\xc0\x0c\x00\x01\x00\x01\x00\x00\x04\xb0\x00\x04\x0a\x00\x00\x01");
        let said = request(&Dns, &update);
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["HMI-07"]);
        assert!(said.iter().find(|said| said.kind == Kind::Name).unwrap().of_itself());
    }

    #[test]
    fn over_tcp_each_message_has_its_length() {
        let length = u16::try_from(ANSWER.len()).unwrap().to_be_bytes();
        let stream = [&length[..], ANSWER].concat();
        let (first, second) = stream.split_at(40);
        let said = conversation(&Dns, Transport::Tcp, &[(53, 50000, first), (53, 50000, second)]);
        assert_eq!(field(&said, Kind::Name, Field::Ipv4Address), ["10.77.0.12", "10.77.0.12"]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0; 40], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]] {
            for transport in [Transport::Udp, Transport::Tcp] {
                let at = At { transport, src_port: 50000, dst_port: PORT, from_client: None };
                assert_eq!(Dns.gate(stranger, &at), Gate::NotMine);
            }
        }
    }

    #[test]
    fn off_its_port_the_whole_message_must_be_flawless() {
        let said = payload(&Dns, Transport::Udp, 5300, 50000, ANSWER);
        assert_eq!(field(&said, Kind::Service, Field::Role), ["recursive resolver"]);
        let longer = [ANSWER, &[0]].concat();
        assert!(field(&payload(&Dns, Transport::Udp, 5300, 50000, &longer), Kind::Name, Field::DnsName).is_empty());
    }
}
