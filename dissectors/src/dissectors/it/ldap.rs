//! LDAP: directories and how their clients log in; of domain controllers name and domain.
//!
//! Spec: RFC 4511 §4 and §5.1, RFC 4513 §5 (kinds of bind), RFC 4512 §5.1 (root DSE), RFC 3829; MS-ADTS §3.1.1.3.2 (root DSE of Active
//! Directory) and §6.3 (how domain controllers are found over UDP).
//! Tells us: how clients bind and whether they may, TLS, the server's name, domain, product; names of hosts that look for a domain.
//! Does not tell: whom a bind names and what is searched, which are personal; entries other than the root; what is signed and sealed.

use super::ldap_attributes as attributes;
use crate::asn1::{INTEGER, OCTET_STRING, Reader, SEQUENCE, Tlv};
use crate::codes::{self, Code};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::{login, spnego, starttls};
use observations::{Field, OperationClass, Transport};

pub(crate) struct Ldap;
/// LDAP over UDP, without connection: how domain controllers are found.
pub(crate) struct Cldap;

const PORT: u16 = 389;
/// A global catalogue of Active Directory.
const CATALOGUE_PORT: u16 = 3268;
/// What is read of one message: root DSEs take 4 KiB, tokens of log-ins up to 12 KiB.
const READ_MAX: usize = 16 * 1024;
/// Active Directory takes 10 MiB of a client by default (MS-ADTS §3.1.1.3.4.6, MaxReceiveBuffer); answers are of that order.
const MESSAGE_MAX: usize = 64 * 1024 * 1024;
/// Binds and StartTLS that wait for their answer: §4.2.1 allows one.
const WAITING_MAX: usize = 4;

const ENUMERATED: u8 = 0x0a;
const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// §4: the tags of requests, and their names as operations.
const REQUESTS: &[Code] = &[
    (BIND_REQUEST as u32, "bind", OperationClass::Session),
    (0x42, "unbind", OperationClass::Session),
    (SEARCH_REQUEST as u32, "search", OperationClass::Read),
    (0x66, "modify", OperationClass::Write),
    (0x68, "add", OperationClass::Write),
    (0x4a, "del", OperationClass::Write),
    (0x6c, "modify_dn", OperationClass::Write),
    (0x6e, "compare", OperationClass::Read),
    (0x50, "abandon", OperationClass::Session),
    (EXTENDED_REQUEST as u32, "extended", OperationClass::Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ REQUESTS.len() }>(REQUESTS);
/// §4: the tags of answers.
const ANSWERS: &[u8] = &[BIND_RESPONSE, SEARCH_ENTRY, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x73, EXTENDED_RESPONSE, 0x79];

/// §4.1.9: what answers to binds decide.
const SUCCESS: u64 = 0;
const STRONGER_AUTH_REQUIRED: u64 = 8;
const CONFIDENTIALITY_REQUIRED: u64 = 13;
const SASL_IN_PROGRESS: u64 = 14;

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 12, max: usize::MAX }
}

impl Dissector for Ldap {
    type State = Session;

    const ROW: Row = Row {
        name: "ldap",
        revision: 1,
        spec: "RFC 4511, RFC 4513, MS-ADTS",
        tells: "how clients bind, TLS, names and domains of directory servers",
        bindings: &[Binding::Tcp(PORT), Binding::Tcp(CATALOGUE_PORT)],
        // A bind with version 3 and its answer, with short lengths and with those of Windows.
        shapes: &[
            shape(&[(0, 0xff, 0x30), (2, 0xff, 2), (3, 0xff, 1), (5, 0xff, BIND_REQUEST), (7, 0xff, 2), (8, 0xff, 1), (9, 0xff, 3)]),
            shape(&[(0, 0xff, 0x30), (2, 0xff, 2), (3, 0xff, 1), (5, 0xff, BIND_RESPONSE), (7, 0xff, ENUMERATED), (8, 0xff, 1)]),
            shape(&[(0, 0xff, 0x30), (1, 0xff, 0x84), (2, 0xff, 0), (6, 0xff, 2), (7, 0xff, 1), (9, 0xfc, 0x60), (10, 0xff, 0x84), (11, 0xff, 0)]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        message_gate(head)
    }

    fn side(&self, head: &[u8]) -> Side {
        side(head)
    }

    fn frame_in(&self, head: &[u8], _: &At, state: Option<&Session>) -> Framing {
        match head.first() {
            _ if state.is_some_and(|session| session.tls) => starttls::frame(head),
            // RFC 4422 §3.7: after a log-in that seals, buffers with their length before.
            Some(0) => match head.first_chunk::<4>().map(|length| usize::try_from(u32::from_be_bytes(*length))) {
                Some(Ok(length @ 1..=MESSAGE_MAX)) => Framing::Pdu { len: 4 + length, want: 4 },
                Some(_) => Framing::Lost,
                None => Framing::Need(4),
            },
            Some(&SEQUENCE) => match content(head) {
                Some((rest, length)) if length <= MESSAGE_MAX => {
                    let len = head.len().saturating_sub(rest.len()).saturating_add(length);
                    Framing::Pdu { len, want: len.min(READ_MAX) }
                }
                None if head.len() < 6 => Framing::Need(head.len() + 1),
                _ => Framing::Lost,
            },
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        match head.first() {
            Some(0) => Glance { look: Look::Once(0), ..Glance::SKIP },
            Some(&SEQUENCE) => glance(head),
            _ => Glance::READ,
        }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if session.tls {
            return Ok(starttls::read(pdu, cx));
        }
        if pdu.first() == Some(&0) {
            let server = if cx.from_client() == Some(false) { cx.sender() } else { cx.receiver() };
            login::protection(cx, &server, "sasl", login::ACCEPTED);
            return Ok(Next::Watch);
        }
        message(pdu, session, cx)?;
        Ok(if session.tls { Next::Read } else { Next::Watch })
    }
}

impl Dissector for Cldap {
    type State = ();

    const ROW: Row = Row {
        name: "cldap",
        revision: 1,
        spec: "MS-ADTS section 6.3, RFC 4511",
        tells: "name and domain of domain controllers, names of hosts that look for one",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        message_gate(head)
    }

    fn side(&self, head: &[u8]) -> Side {
        side(head)
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        Glance { look: Look::Always, ..glance(head) }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        // The entry and what ends the search stand in one datagram (MS-ADTS §6.3.3).
        message(pdu, &mut Session::default(), cx)?;
        Ok(Next::Watch)
    }
}

/// What waits for an answer, and whether TLS has begun.
#[derive(Default)]
pub(crate) struct Session {
    waiting: Vec<(u64, Waiting)>,
    tls: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Waiting {
    Bind(Method),
    StartTls,
}

#[derive(Clone, PartialEq, Eq)]
enum Method {
    Word(&'static str),
    Mechanism(Vec<u8>),
}

impl Session {
    fn waits(&mut self, id: u64, what: Waiting) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.remove(0);
        }
        self.waiting.push((id, what));
    }

    fn answered(&mut self, id: u64) -> Option<Waiting> {
        let at = self.waiting.iter().position(|one| one.0 == id)?;
        Some(self.waiting.remove(at).1)
    }
}

/// What follows tag and length of the element at the head, and its length.
fn content(head: &[u8]) -> Option<(&[u8], usize)> {
    let (&[_, first], rest) = head.split_first_chunk::<2>()?;
    let Some(count) = usize::from(first).checked_sub(0x80) else { return Some((rest, usize::from(first))) };
    let (digits, rest) = rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
    Some((rest, digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))))
}

/// §4.1.1: the operation's element, behind the message's number, and how long the message is from there.
fn operation(head: &[u8]) -> Option<(&[u8], usize)> {
    let (inner, length) = content(head).filter(|_| head.first() == Some(&SEQUENCE))?;
    let (&[INTEGER, count], _) = inner.split_first_chunk::<2>()? else { return None };
    let before = 2 + usize::from(count);
    let left = length.checked_sub(before).filter(|_| (1..=4).contains(&count))?;
    Some((inner.get(before..)?, left))
}

fn message_gate(head: &[u8]) -> Gate {
    let Some((body, left)) = operation(head) else {
        return if head.len() < 16 && matches!(head, [] | [SEQUENCE, ..]) { Gate::More } else { Gate::NotMine };
    };
    let Some(&tag) = body.first() else { return Gate::More };
    let known = ANSWERS.contains(&tag) || codes::knows(REQUESTS, u32::from(tag));
    let Some((inner, length)) = content(body) else { return if known && body.len() < 6 { Gate::More } else { Gate::NotMine } };
    let whole = body.len().saturating_sub(inner.len()).saturating_add(length);
    // What members the operation begins with: §4.2, §4.5.1, §4.1.9.
    let first = inner.first().copied();
    let begins = match tag {
        BIND_REQUEST => first.is_none_or(|tag| tag == INTEGER),
        0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | EXTENDED_RESPONSE => first.is_none_or(|tag| tag == ENUMERATED),
        SEARCH_REQUEST | SEARCH_ENTRY | 0x66 | 0x68 | 0x6c | 0x6e | 0x73 => first.is_none_or(|tag| tag == OCTET_STRING),
        EXTENDED_REQUEST => first.is_none_or(|tag| tag == 0x80),
        // An unbind is empty, and one message long.
        0x42 => length == 0,
        _ => true,
    };
    // Controls may follow the operation.
    let fits = whole == left || whole < left && body.get(whole).is_none_or(|tag| *tag == 0xa0);
    if known && begins && fits { Gate::Mine } else { Gate::NotMine }
}

fn side(head: &[u8]) -> Side {
    match operation(head).and_then(|(body, _)| body.first()) {
        Some(tag) if ANSWERS.contains(tag) => Side::Server,
        Some(tag) if codes::knows(REQUESTS, u32::from(*tag)) => Side::Client,
        _ => Side::Unknown,
    }
}

fn glance(head: &[u8]) -> Glance {
    let Some((body, _)) = operation(head) else { return Glance::READ };
    let tag = body.first().copied().unwrap_or_default();
    let operation = codes::find(REQUESTS, u32::from(tag));
    let look = match tag {
        BIND_REQUEST | BIND_RESPONSE | EXTENDED_REQUEST | EXTENDED_RESPONSE => Look::Always,
        // Only the root DSE has no name.
        SEARCH_ENTRY if content(body).is_some_and(|(inner, _)| inner.starts_with(&[OCTET_STRING, 0])) => Look::Always,
        _ => Look::Never,
    };
    Glance { operation, look, inner: None }
}

fn message(pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut message = Reader::new(pdu).enter(SEQUENCE, "message")?;
    let id = message.expect(INTEGER, "message id")?.number().unwrap_or_default();
    let Some(body) = message.next()? else { return Err(DissectError::Truncated { needed: 1 }) };
    let mut members = body.open()?;
    match body.tag {
        BIND_REQUEST => bind(&mut members, id, session, cx),
        BIND_RESPONSE => bound(&mut members, id, session, cx),
        SEARCH_REQUEST => attributes::search(&mut members, cx),
        SEARCH_ENTRY => attributes::entry(&mut members, cx),
        EXTENDED_REQUEST => {
            if members.expect(0x80, "request name")?.content == START_TLS {
                session.waits(id, Waiting::StartTls);
            }
            Ok(())
        }
        EXTENDED_RESPONSE => {
            let result = members.expect(ENUMERATED, "result")?;
            if session.answered(id) == Some(Waiting::StartTls) {
                session.tls = result.number() == Some(SUCCESS);
                let server = cx.sender();
                login::protection(cx, &server, "tls", login::outcome(session.tls));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// §4.2: who the client says it is, and how it shows it.
fn bind(members: &mut Reader<'_>, id: u64, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    members.expect(INTEGER, "version")?;
    let name = members.expect(OCTET_STRING, "name")?.content;
    let Some(choice) = members.next()? else { return Err(DissectError::Truncated { needed: 1 }) };
    let server = cx.receiver();
    let method = match choice.tag {
        // RFC 4513 §5.1: anonymous, unauthenticated, with name and password.
        0x80 => match (name.is_empty(), choice.content.is_empty()) {
            (true, true) => Method::Word(login::ANONYMOUS),
            (false, true) => Method::Word("unauthenticated"),
            (_, false) => {
                cx.secret(&server, "ldap simple bind", Some(name), choice.content);
                Method::Word("simple")
            }
        },
        0xa3 => sasl(&choice, cx)?,
        // MS-ADTS §5.1.1.1.3: NTLM without SASL, in three steps.
        0x89..=0x8b => {
            spnego::hand_on(choice.content, cx);
            Method::Word("sicily")
        }
        _ => return Err(DissectError::Malformed { rule: "authentication choice", offset: 0 }),
    };
    match &method {
        Method::Word(word) => drop(login::say(cx, &server, word, login::ATTEMPTED)),
        Method::Mechanism(name) => login::quoted(cx, &server, name, login::ATTEMPTED),
    }
    session.waits(id, Waiting::Bind(method));
    Ok(())
}

/// RFC 4513 §5.2.
fn sasl(choice: &Tlv<'_>, cx: &mut Context<'_>) -> Result<Method, DissectError> {
    /// RFC 4422 §3.1.
    const MECHANISM_MAX: usize = 20;
    let mut members = choice.open()?;
    let mechanism = members.expect(OCTET_STRING, "mechanism")?.content;
    let credentials = members.next()?.map_or(&[][..], |credentials| credentials.content);
    if mechanism.eq_ignore_ascii_case(b"plain") {
        let server = cx.receiver();
        let mut parts = credentials.split(|byte| *byte == 0).skip(1);
        if let (Some(user), Some(password)) = (parts.next(), parts.next()) {
            cx.secret(&server, "ldap sasl plain", Some(user), password);
        }
    } else {
        spnego::hand_on(credentials, cx);
    }
    Ok(Method::Mechanism(mechanism.get(..MECHANISM_MAX).unwrap_or(mechanism).to_vec()))
}

/// §4.2.2: what the server decided.
fn bound(members: &mut Reader<'_>, id: u64, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let result = members.expect(ENUMERATED, "result")?;
    let Some(code) = result.number() else { return Ok(()) };
    let server = cx.sender();
    match session.answered(id) {
        Some(Waiting::Bind(method)) if code != SASL_IN_PROGRESS => {
            let outcome = login::outcome(code == SUCCESS);
            let name = match &method {
                Method::Word(word) => word,
                Method::Mechanism(name) => std::str::from_utf8(name).unwrap_or("sasl"),
            };
            login::say(cx, &server, name, outcome).number(Field::ServiceResult, code, result.content);
        }
        _ => {}
    }
    match code {
        STRONGER_AUTH_REQUIRED => login::protection(cx, &server, "signing or tls", login::REQUIRED),
        CONFIDENTIALITY_REQUIRED => login::protection(cx, &server, "tls", login::REQUIRED),
        _ => {}
    }
    while let Some(member) = members.next()? {
        // The server's part of the log-in, also in the matched name of sicily's answers.
        if matches!(member.tag, 0x87 | OCTET_STRING) {
            spnego::hand_on(member.content, cx);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes, payload};
    use observations::{Kind, Observation};

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        let length: &[u8] = if body.len() < 128 { &length[1..] } else { &[0x82, length[0], length[1]] };
        [&[tag], length, &body].concat()
    }

    fn ldap(id: u8, body: &[u8]) -> Vec<u8> {
        tlv(0x30, &[&[2, 1, id], body])
    }

    fn simple(id: u8, name: &str, password: &str) -> Vec<u8> {
        ldap(id, &tlv(0x60, &[&[2, 1, 3], &tlv(4, &[name.as_bytes()]), &tlv(0x80, &[password.as_bytes()])]))
    }

    fn result(id: u8, tag: u8, code: u8) -> Vec<u8> {
        ldap(id, &tlv(tag, &[&[0x0a, 1, code, 4, 0, 4, 0]]))
    }

    fn talk(messages: &[(bool, Vec<u8>)]) -> Vec<Observation> {
        let messages: Vec<_> = messages.iter().map(|(up, m)| if *up { (50000, 389, &m[..]) } else { (389, 50000, &m[..]) }).collect();
        conversation(&Ldap, Transport::Tcp, &messages)
    }

    #[test]
    fn binds_are_told_by_kind_and_by_what_became_of_them() {
        let said = talk(&[(true, simple(1, "cn=svc,dc=plant", "hunter22")), (false, result(1, 0x61, 0))]);
        assert_eq!(outcomes(&said), ["simple accepted", "simple attempted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["ldap simple bind"]);
        assert!(!said.iter().flat_map(|said| &said.fields_first).any(|field| field.quote.windows(6).any(|quote| quote == b"hunter")));
        assert_eq!(outcomes(&talk(&[(true, simple(1, "", "")), (false, result(1, 0x61, 0))])), ["anonymous accepted", "anonymous attempted"]);
        assert_eq!(
            outcomes(&talk(&[(true, simple(1, "cn=a", "")), (false, result(1, 0x61, 53))])),
            ["unauthenticated attempted", "unauthenticated refused"]
        );
    }

    #[test]
    fn a_bind_that_needs_more_protection_says_so() {
        let said = talk(&[(true, simple(1, "cn=a", "x")), (false, result(1, 0x61, 8))]);
        assert_eq!(outcomes(&said), ["signing or tls required", "simple attempted", "simple refused"]);
    }

    #[test]
    fn a_mechanism_is_named_and_plain_s_password_goes_to_the_tagger_alone() {
        let bind = ldap(2, &tlv(0x60, &[&[2, 1, 3, 4, 0], &tlv(0xa3, &[&tlv(4, &[b"PLAIN"]), &tlv(4, &[b"\0ann\0hunter22"])])]));
        let said = talk(&[(true, bind), (false, result(2, 0x61, 49))]);
        assert_eq!(outcomes(&said), ["PLAIN attempted", "PLAIN refused"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["ldap sasl plain"]);
    }

    #[test]
    fn after_start_tls_records_are_handed_on() {
        let start = ldap(1, &tlv(0x77, &[&tlv(0x80, &[START_TLS])]));
        let secret = vec![0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5];
        let said = talk(&[(true, start), (false, result(1, 0x78, 0)), (true, secret.clone()), (false, simple(1, "a", "b")), (true, secret)]);
        assert_eq!(outcomes(&said), ["tls accepted"]);
    }

    #[test]
    fn it_is_picked_up_in_the_middle_and_found_elsewhere() {
        let search = ldap(9, &tlv(0x63, &[&tlv(4, &[b"dc=plant"]), &[0x0a, 1, 2]]));
        let said = talk(&[(true, search.clone()), (false, result(9, 0x65, 0)), (true, simple(10, "cn=a", "x")), (false, result(10, 0x61, 0))]);
        assert_eq!(outcomes(&said), ["simple accepted", "simple attempted"]);
        let said = payload(&Ldap, Transport::Tcp, 50000, 10389, &simple(1, "", ""));
        assert_eq!(outcomes(&said), ["anonymous attempted"]);
    }

    #[test]
    fn cut_and_strange_bytes_give_nothing() {
        for stranger in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            &[0x30, 0x26, 2, 1, 0, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa0, 0x19],
            &[0x16, 3, 1, 0, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(gate(&Ldap, stranger, 389), Gate::NotMine);
        }
        assert_eq!(gate(&Ldap, &[0x30, 0x0c], 389), Gate::More);
        let bind = simple(1, "cn=plant", "x");
        assert!(crate::testing::read_cut(&Ldap, true, &bind[..9]).iter().all(|said| said.protocol != "ldap"));
    }
}
