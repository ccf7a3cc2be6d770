//! LLMNR: hosts without a name server ask the link for names, and answer for their own.
//!
//! Spec: RFC 4795.
//! Tells us: names of hosts that answer, names that are asked for, that the protocol is in use at all.
//! Does not tell: whether the answer is true: whoever answers first is believed.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::dns_message::{self as dns, Message, Name};
use crate::engine::GATE_BYTES;
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct Llmnr;

const PORT: u16 = 5355;
const OPERATIONS: &[(&str, OperationClass)] = &[("query", OperationClass::Session)];
/// §2.1.1: opcode and reserved bits are zero; conflict, truncation and tentative may be set.
const ZERO: u16 = 0x78f0;

impl Dissector for Llmnr {
    type State = ();

    const ROW: Row = Row {
        name: "llmnr",
        revision: 1,
        spec: "RFC 4795",
        tells: "names of hosts on the link, names asked for",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(header) = dns::header(head) else { return Gate::NotMine };
        let room = head.len() >= GATE_BYTES || dns::fits(header, head.len());
        // §2.1.1: one question, always; a query carries no answers.
        let counts = header.questions == 1 && (header.is_response() || header.answers == 0 && header.authorities == 0);
        let named = |question: dns::Question<'_>| question.class == dns::CLASS_IN && question.kind != 0 && !question.name.labels.is_empty();
        let mine = header.flags & ZERO == 0 && counts && room && dns::first_question(head).is_some_and(named);
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        dns::header(head).map_or(Side::Unknown, |header| if header.is_response() { Side::Server } else { Side::Client })
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let query = head.get(2).is_some_and(|flags| flags & 0x80 == 0);
        Glance { operation: query.then_some(0), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let message = dns::message(pdu)?;
        if message.header.is_response() {
            answered(&message, cx);
        } else {
            asked(&message, cx);
        }
        message.outcome(Next::Watch)
    }
}

/// Reverse names are left out: who looks up each address of a network tells nothing of itself.
fn asked(message: &Message<'_>, cx: &mut Context<'_>) {
    let client = cx.sender_host();
    for question in message.questions.iter().filter(|question| !question.name.is_reverse()) {
        cx.say(&client, Kind::Request).decoded(Field::DnsQuery, &Value::Text(question.name.lower()), question.name.slice, "dns-name");
    }
}

/// §2.3: a responder answers for names that it is authoritative for: its own.
fn answered(message: &Message<'_>, cx: &mut Context<'_>) {
    let sender = cx.sender_host();
    for record in message.answers.iter().filter(|record| record.class == dns::CLASS_IN) {
        let name = &record.name;
        if let Some(ip) = record.address() {
            let field = if ip.is_ipv4() { Field::Ipv4Address } else { Field::Ipv6Address };
            if sender.ip == Some(ip) {
                let host = name.labels.first().copied().unwrap_or_default();
                cx.say(&sender, Kind::Name).text(Field::Hostname, host).ip(field, ip, record.data);
            } else {
                let about = cx.by_ip(ip);
                let saying = cx.say(&about, Kind::Name).decoded(Field::DnsName, &Value::Text(name.text()), name.slice, "dns-name");
                saying.ip(field, ip, record.data);
            }
        } else if let (dns::TYPE_PTR, Some(ip), Some(target)) = (record.kind, name.reverse(), record.target(message.bytes)) {
            let about = if sender.ip == Some(ip) { sender.clone() } else { cx.by_ip(ip) };
            say_reverse(&about, &target, cx);
        }
    }
}

fn say_reverse(about: &observations::Subject, target: &Name<'_>, cx: &mut Context<'_>) {
    cx.say(about, Kind::Name).decoded(Field::DnsName, &Value::Text(target.text()), target.slice, "dns-name");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate, request};

    const RESPONSE: &[u8] = &[
        0x2b, 0x01, // id
        0x80, 0x00, // response
        0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, // counts
        6, b'H', b'M', b'I', b'-', b'0', b'7', 0, 0x00, 0xff, 0x00, 0x01, // ANY
        6, b'H', b'M', b'I', b'-', b'0', b'7', 0, 0x00, 0x01, 0x00, 0x01, 0, 0, 0, 30, 0, 4, 10, 0, 0, 2, // A
    ];

    #[test]
    fn who_answers_with_its_own_address_says_its_name() {
        let said = answer(&Llmnr, RESPONSE);
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["HMI-07"]);
        assert!(said.iter().find(|said| said.kind == Kind::Name).unwrap().of_itself());
    }

    #[test]
    fn who_answers_with_another_address_reports() {
        let mut other = RESPONSE.to_vec();
        *other.last_mut().unwrap() = 66;
        let said = answer(&Llmnr, &other);
        assert!(field(&said, Kind::Name, Field::Hostname).is_empty());
        assert_eq!(field(&said, Kind::Name, Field::DnsName), ["HMI-07"]);
    }

    #[test]
    fn a_name_is_asked_for() {
        let query = [&[0x2b, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x04wpad\x00", &[0, 1, 0, 1]].concat();
        assert_eq!(field(&request(&Llmnr, &query), Kind::Request, Field::DnsQuery), ["wpad"]);
    }

    #[test]
    fn a_truncated_record_keeps_the_ones_before() {
        let mut cut = RESPONSE.to_vec();
        cut[7] = 2;
        cut.extend_from_slice(&[6, b'H', b'M', b'I', b'-', b'0', b'7', 0, 0, 28, 0, 1, 0, 0, 0, 30, 0, 16, 0xfe, 0x80]);
        assert_eq!(field(&answer(&Llmnr, &cut), Kind::Name, Field::Hostname), ["HMI-07"]);
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0; 40], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]] {
            assert_eq!(gate(&Llmnr, stranger, PORT), Gate::NotMine);
        }
    }
}
