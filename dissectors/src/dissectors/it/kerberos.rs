//! Kerberos: which hosts have an account, how its tickets are encrypted, whether log-ins need pre-authentication.
//!
//! Spec: RFC 4120 §5 and §7, RFC 3961 §8 (encryption types), RFC 6113 (FAST), RFC 4556 (PKINIT).
//! Tells us: names of hosts by their principals and addresses, the realm, encryption offered and chosen, pre-authentication.
//! Does not tell: names of users, which are personal; anything within tickets; passwords, which never cross.

use crate::asn1::{INTEGER, OCTET_STRING, Reader, SEQUENCE, Tlv};
use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login;
use observations::{Field, Kind, OperationClass, Subject, Transport};

pub(crate) struct Kerberos;

const PORT: u16 = 88;
/// RFC 4120 §7.2.2: TCP puts four bytes of length before a message, the highest bit clear.
const LENGTH: usize = 4;
/// Tickets with the groups of a user take 12 KiB at most by default (MS-KILE §3.1.1.2), 64 KiB where that was raised.
const MESSAGE_MAX: usize = 72 * 1024;

/// RFC 4120 §5.10: application tags.
const TICKET: u8 = 0x61;
const AS_REQ: u8 = 0x6a;
const AS_REP: u8 = 0x6b;
const TGS_REQ: u8 = 0x6c;
const TGS_REP: u8 = 0x6d;
const AP_REQ: u8 = 0x6e;
const KRB_ERROR: u8 = 0x7e;
/// RFC 4120 §5.2.1.
const GENERAL_STRING: u8 = 0x1b;
/// Context tags 0 to 11 of the sequences' members.
const MEMBER: u8 = 0xa0;

/// RFC 4120 §7.5.2 and RFC 4556 §3.1.3, RFC 6113 §5.4: pre-authentication that proves who asks.
const PROOFS: &[(u64, &str)] = &[
    (2, "encrypted-timestamp"),
    (14, "pkinit"),
    (15, "pkinit"),
    (16, "pkinit"),
    (136, "fast"),
    (138, "encrypted-challenge"),
    (141, "otp"),
    (151, "spake"),
];
/// RFC 4120 §7.5.1: the address is a NetBIOS name, padded.
const NETBIOS: u64 = 20;
/// RFC 4120 §7.5.9.
const PREAUTH_REQUIRED: u64 = 25;
/// Client unknown, revoked, encryption type not supported, key expired, pre-authentication failed.
const REFUSALS: &[u64] = &[6, 14, 18, 23, 24];
/// Clients offer six encryption types, members of lists that are read at most.
const LISTED_MAX: usize = 16;

const OPERATIONS: &[(&str, OperationClass)] =
    &[("as_req", OperationClass::Session), ("tgs_req", OperationClass::Session), ("krb_error", OperationClass::Session)];

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over, bytes, min: 24, max: if matches!(over, Transport::Udp) { 4096 } else { usize::MAX } }
}

impl Dissector for Kerberos {
    type State = Session;

    const ROW: Row = Row {
        name: "kerberos",
        revision: 2,
        spec: "RFC 4120",
        tells: "host names by their principals, realm, encryption types, pre-authentication",
        bindings: &[Binding::Tcp(PORT), Binding::Udp(PORT), Binding::Under("kerberos", 0)],
        // Requests and answers of more than 127 or 255 bytes, with the version behind both lengths.
        shapes: &[
            shape(
                Transport::Udp,
                &[(0, 0xf8, 0x68), (1, 0xff, 0x82), (4, 0xff, 0x30), (5, 0xff, 0x82), (8, 0xfe, 0xa0), (9, 0xff, 3), (12, 0xff, 5)],
            ),
            shape(
                Transport::Udp,
                &[(0, 0xf8, 0x68), (1, 0xff, 0x81), (3, 0xff, 0x30), (4, 0xff, 0x81), (6, 0xfe, 0xa0), (7, 0xff, 3), (10, 0xff, 5)],
            ),
            shape(
                Transport::Tcp,
                &[(0, 0xff, 0), (4, 0xf8, 0x68), (5, 0xff, 0x82), (8, 0xff, 0x30), (9, 0xff, 0x82), (12, 0xfe, 0xa0), (13, 0xff, 3)],
            ),
            shape(
                Transport::Tcp,
                &[(0, 0xff, 0), (4, 0xf8, 0x68), (5, 0xff, 0x81), (7, 0xff, 0x30), (8, 0xff, 0x81), (10, 0xfe, 0xa0), (14, 0xff, 5)],
            ),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        // Handed on by another protocol a message stands alone, whatever carries it.
        let bare = head.first().is_some_and(|tag| *tag != 0);
        if bare || at.transport == Transport::Udp {
            return message_gate(head);
        }
        match head.split_first_chunk::<LENGTH>() {
            Some((length, message)) => match message_gate(message) {
                Gate::Mine if declared(message) != usize::try_from(u32::from_be_bytes(*length)).ok() => Gate::NotMine,
                gate => gate,
            },
            None => Gate::More,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match message(head).first() {
            Some(&(AS_REQ | TGS_REQ)) => Side::Client,
            Some(&(AS_REP | TGS_REP | KRB_ERROR)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame_in(&self, head: &[u8], at: &At, _: Option<&Session>) -> Framing {
        if at.transport == Transport::Udp {
            return Framing::datagram(head);
        }
        let Some(length) = head.first_chunk::<LENGTH>() else { return Framing::Need(LENGTH) };
        match usize::try_from(u32::from_be_bytes(*length)) {
            Ok(length @ 1..=MESSAGE_MAX) => Framing::Pdu { len: LENGTH + length, want: LENGTH + length },
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = match message(head).first() {
            Some(&AS_REQ) => Some(0),
            Some(&TGS_REQ) => Some(1),
            Some(&KRB_ERROR) => Some(2),
            _ => None,
        };
        Glance { operation, look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(outer) = Reader::new(message(pdu)).next()? else { return Err(DissectError::NotMine) };
        let mut members = outer.open()?.enter(SEQUENCE, "sequence")?;
        match outer.tag {
            AS_REQ | TGS_REQ => request(&mut members, outer.tag, session, cx)?,
            AS_REP | TGS_REP => reply(&mut members, outer.tag, session, cx)?,
            AP_REQ => presented(&mut members, cx)?,
            KRB_ERROR => error(&mut members, session, cx)?,
            _ => {}
        }
        Ok(Next::Read)
    }
}

/// How the request that waits proves who asks.
#[derive(Default)]
pub(crate) struct Session {
    asked: Option<Proof>,
}

#[derive(Clone, Copy)]
enum Proof {
    None,
    By(&'static str),
}

/// The message behind TCP's length, if there is one: no message begins with 0.
fn message(pdu: &[u8]) -> &[u8] {
    if pdu.first() == Some(&0) { pdu.get(LENGTH..).unwrap_or_default() } else { pdu }
}

/// How long the element at the head is, with its tag and length.
fn declared(head: &[u8]) -> Option<usize> {
    let (content, length) = content(head)?;
    head.len().checked_sub(content.len())?.checked_add(length)
}

/// What follows tag and length of the element at the head, and its length.
fn content(head: &[u8]) -> Option<(&[u8], usize)> {
    let (&[_, first], rest) = head.split_first_chunk::<2>()?;
    let count = usize::from(first).checked_sub(0x80);
    let Some(count) = count else { return Some((rest, usize::from(first))) };
    let (digits, rest) = rest.split_at_checked(count).filter(|_| (1..=3).contains(&count))?;
    Some((rest, digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))))
}

/// Two nested elements of lengths that agree, then version 5 and the message's own number (RFC 4120 §5.4.1, §5.4.2, §5.5.1, §5.9.1).
fn message_gate(head: &[u8]) -> Gate {
    let Some(&tag) = head.first() else { return Gate::More };
    let (first, number) = match tag {
        AS_REQ => (1, 10),
        AS_REP => (0, 11),
        TGS_REQ => (1, 12),
        TGS_REP => (0, 13),
        AP_REQ => (0, 14),
        KRB_ERROR => (0, 30),
        _ => return Gate::NotMine,
    };
    let Some((inner, outer_length)) = content(head) else { return if head.len() < 6 { Gate::More } else { Gate::NotMine } };
    let Some((members, _)) = content(inner) else { return if inner.len() < 6 { Gate::More } else { Gate::NotMine } };
    let agrees = inner.first() == Some(&SEQUENCE) && declared(inner) == Some(outer_length);
    let want = [MEMBER + first, 3, INTEGER, 1, 5, MEMBER + first + 1, 3, INTEGER, 1, number];
    let seen = members.len().min(want.len());
    match agrees && members.get(..seen) == want.get(..seen) {
        false => Gate::NotMine,
        true if seen < want.len() => Gate::More,
        true => Gate::Mine,
    }
}

/// The members of a sequence by their context numbers, inside their tags.
fn each<'a>(reader: &mut Reader<'a>, mut read: impl FnMut(u8, &mut Reader<'a>) -> Result<(), DissectError>) -> Result<(), DissectError> {
    while let Some(member) = reader.next()? {
        if let Some(number) = member.tag.checked_sub(MEMBER).filter(|number| *number < 16) {
            read(number, &mut member.open()?)?;
        }
    }
    Ok(())
}

fn integer<'a>(reader: &mut Reader<'a>) -> Result<Tlv<'a>, DissectError> {
    reader.expect(INTEGER, "integer")
}

/// RFC 4120 §5.4.1.
fn request(members: &mut Reader<'_>, tag: u8, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut proof = Proof::None;
    each(members, |number, member| {
        match number {
            3 => {
                let mut list = member.enter(SEQUENCE, "padata")?;
                while let Some(one) = list.next()? {
                    each(&mut one.open()?, |number, member| {
                        if number == 1
                            && let Some(kind) = integer(member)?.number()
                            && let Some((_, name)) = PROOFS.iter().find(|row| row.0 == kind)
                        {
                            proof = Proof::By(name);
                        }
                        Ok(())
                    })?;
                }
            }
            4 => {
                if tag == AS_REQ {
                    session.asked = Some(proof);
                }
                body(&mut member.enter(SEQUENCE, "req-body")?, cx)?;
            }
            _ => {}
        }
        Ok(())
    })
}

/// What is asked for: the client's name, what it can decrypt, and where it is.
fn body(members: &mut Reader<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let client = cx.sender_host();
    each(members, |number, member| {
        match number {
            1 => principal(member, &client, cx)?,
            8 => {
                let mut list = member.enter(SEQUENCE, "etype")?;
                let mut saying = login::say(cx, &client, "kerberos", login::OFFERED);
                for _ in 0..LISTED_MAX {
                    let Some(one) = list.next()? else { break };
                    saying = saying.maybe(one.number(), |s, number| s.number(Field::EncryptionMethod, number, one.content));
                }
            }
            9 => {
                let mut list = member.enter(SEQUENCE, "addresses")?;
                while let Some(one) = list.next()? {
                    address(&mut one.open()?, &client, cx)?;
                }
            }
            _ => {}
        }
        Ok(())
    })
}

/// RFC 4120 §5.2.5: Windows names itself by its NetBIOS name, of 15 characters and a kind.
fn address(members: &mut Reader<'_>, client: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut kind = None;
    each(members, |number, member| {
        match number {
            0 => kind = integer(member)?.number(),
            1 if kind == Some(NETBIOS) => {
                let name = trim(member.expect(OCTET_STRING, "address")?.content);
                if is_name(name) {
                    cx.say(client, Kind::Identity).text(Field::Hostname, name);
                }
            }
            _ => {}
        }
        Ok(())
    })
}

/// RFC 4120 §6.2: of principals only those of hosts are told: `NAME$` is a machine's account (MS-KILE §3.1.5.6), `host/name` its service.
fn principal(member: &mut Reader<'_>, about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut name: [Option<&[u8]>; 3] = [None; 3];
    each(&mut member.enter(SEQUENCE, "principal")?, |number, member| {
        if number == 1 {
            let mut list = member.enter(SEQUENCE, "name-string")?;
            for place in &mut name {
                *place = list.next()?.map(|part| part.content);
            }
        }
        Ok(())
    })?;
    match name {
        [Some(account), None, None] => {
            if let Some(host) = account.strip_suffix(b"$").filter(|host| is_name(host)) {
                drop(cx.say(about, Kind::Identity).text(Field::Hostname, host));
                cx.say(about, Kind::Client).text(Field::KerberosPrincipal, account);
            }
        }
        [Some(b"host"), Some(host), None] if is_name(host) => {
            let field = if host.contains(&b'.') { Field::FullyQualifiedName } else { Field::Hostname };
            cx.say(about, Kind::Identity).text(field, host);
        }
        _ => {}
    }
    Ok(())
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// RFC 4120 §5.4.2: an answer that gives a ticket.
fn reply(members: &mut Reader<'_>, tag: u8, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (server, client) = (cx.sender(), cx.receiver_host());
    let (mut ticket, mut session_key) = (None, None);
    each(members, |number, member| {
        match number {
            3 => {
                let realm = member.expect(GENERAL_STRING, "realm")?.content;
                cx.say(&server, Kind::Identity).text(Field::DomainName, realm);
            }
            4 => principal(member, &client, cx)?,
            5 => ticket = ticket_encryption(member)?,
            6 => session_key = encryption(member)?,
            _ => {}
        }
        Ok(())
    })?;
    let asked = session.asked.take().filter(|_| tag == AS_REP);
    let method = match asked {
        Some(Proof::None) => "no-pre-authentication",
        Some(Proof::By(name)) => name,
        None => "kerberos",
    };
    let saying = login::say(cx, &server, method, login::ACCEPTED);
    let saying = saying.maybe(ticket.and_then(number_of), |s, (number, at)| s.number(Field::TicketEncryption, number, at));
    drop(saying.maybe(session_key.and_then(number_of), |s, (number, at)| s.number(Field::SessionEncryption, number, at)));
    Ok(())
}

fn number_of(element: Tlv<'_>) -> Option<(u64, &[u8])> {
    element.number().map(|number| (number, element.content))
}

/// RFC 4120 §5.3: the encryption of a ticket's secret part.
fn ticket_encryption<'a>(member: &mut Reader<'a>) -> Result<Option<Tlv<'a>>, DissectError> {
    let mut found = None;
    let mut ticket = member.enter(TICKET, "ticket")?.enter(SEQUENCE, "ticket")?;
    each(&mut ticket, |number, member| {
        if number == 3 {
            found = encryption(member)?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// RFC 4120 §5.2.9: etype stands first.
fn encryption<'a>(member: &mut Reader<'a>) -> Result<Option<Tlv<'a>>, DissectError> {
    let etype = integer(&mut member.enter(SEQUENCE, "encrypted data")?.enter(MEMBER, "etype")?)?;
    Ok(Some(etype))
}

/// RFC 4120 §5.5.1: a ticket that is shown to a service, within that service's protocol.
fn presented(members: &mut Reader<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let server = cx.receiver();
    each(members, |number, member| {
        if number == 3 {
            let etype = ticket_encryption(member)?;
            let saying = login::say(cx, &server, "kerberos", login::ATTEMPTED);
            drop(saying.maybe(etype.and_then(number_of), |s, (number, at)| s.number(Field::TicketEncryption, number, at)));
        }
        Ok(())
    })
}

/// RFC 4120 §5.9.1.
fn error(members: &mut Reader<'_>, session: &mut Session, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let server = cx.sender();
    let asked = session.asked.take();
    each(members, |number, member| {
        match number {
            6 => {
                let code = integer(member)?;
                let Some(code_number) = code.number() else { return Ok(()) };
                if code_number == PREAUTH_REQUIRED {
                    login::say(cx, &server, "pre-authentication", login::REQUIRED).number(Field::ServiceResult, code_number, code.content);
                } else if REFUSALS.contains(&code_number) {
                    let method = if let Some(Proof::By(name)) = asked { name } else { "kerberos" };
                    login::say(cx, &server, method, login::REFUSED).number(Field::ServiceResult, code_number, code.content);
                }
            }
            9 => {
                let realm = member.expect(GENERAL_STRING, "realm")?.content;
                cx.say(&server, Kind::Identity).text(Field::DomainName, realm);
            }
            _ => {}
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};
    use observations::Observation;

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        let length: &[u8] = if body.len() < 128 { &length[1..] } else { &[0x82, length[0], length[1]] };
        [&[tag], length, &body].concat()
    }

    fn int(member: u8, number: u8) -> Vec<u8> {
        tlv(MEMBER + member, &[&[2, 1, number]])
    }

    fn name(member: u8, parts: &[&str]) -> Vec<u8> {
        let parts: Vec<u8> = parts.iter().flat_map(|part| tlv(0x1b, &[part.as_bytes()])).collect();
        tlv(MEMBER + member, &[&tlv(0x30, &[&int(0, 1), &tlv(0xa1, &[&tlv(0x30, &[&parts])])])])
    }

    fn encrypted(member: u8, etype: u8) -> Vec<u8> {
        tlv(MEMBER + member, &[&tlv(0x30, &[&int(0, etype), &tlv(0xa2, &[&tlv(4, &[&[7; 40]])])])])
    }

    fn asks(account: &str, proof: bool) -> Vec<u8> {
        let padata = tlv(0xa3, &[&tlv(0x30, &[&tlv(0x30, &[&int(1, 2), &tlv(0xa2, &[&tlv(4, &[&[0; 4]])])])])]);
        let addresses = tlv(0xa9, &[&tlv(0x30, &[&tlv(0x30, &[&int(0, 20), &tlv(0xa1, &[&tlv(4, &[b"ENG-WS02        "])])])])]);
        let etypes = tlv(0xa8, &[&tlv(0x30, &[&[2, 1, 18, 2, 1, 23]])]);
        let body = tlv(0xa4, &[&tlv(0x30, &[&name(1, &[account]), &tlv(0xa2, &[&tlv(0x1b, &[b"PLANT.TEST"])]), &etypes, &addresses])]);
        let padata: &[u8] = if proof { &padata } else { &[] };
        tlv(AS_REQ, &[&tlv(0x30, &[&int(1, 5), &int(2, 10), padata, &body])])
    }

    fn answers(account: &str, etype: u8) -> Vec<u8> {
        let ticket = tlv(0xa5, &[&tlv(TICKET, &[&tlv(0x30, &[&int(0, 5), &tlv(0xa1, &[&tlv(0x1b, &[b"PLANT.TEST"])]), &encrypted(3, etype)])])]);
        let realm = tlv(0xa3, &[&tlv(0x1b, &[b"PLANT.TEST"])]);
        tlv(AS_REP, &[&tlv(0x30, &[&int(0, 5), &int(1, 11), &realm, &name(4, &[account]), &ticket, &encrypted(6, 18)])])
    }

    fn talk(account: &str, proof: bool, etype: u8) -> Vec<Observation> {
        conversation(&Kerberos, Transport::Udp, &[(50000, 88, &asks(account, proof)), (88, 50000, &answers(account, etype))])
    }

    #[test]
    fn a_machine_s_account_and_address_are_its_name_and_a_user_s_is_told_nowhere() {
        let said = talk("HIST01$", true, 18);
        let mut names = field(&said, Kind::Identity, Field::Hostname);
        names.sort();
        names.dedup();
        assert_eq!(names, ["ENG-WS02", "HIST01"]);
        let said = talk("ann.operator", true, 18);
        assert!(said.iter().flat_map(|said| &said.fields).all(|field| !field.value.display().contains("ann")));
    }

    #[test]
    fn encryption_of_ticket_and_session_and_pre_authentication_are_told() {
        let said = talk("HIST01$", true, 23);
        let methods = field(&said, Kind::Security, Field::AuthenticationMethod);
        assert!(methods.contains(&"encrypted-timestamp".to_owned()), "{methods:?}");
        assert_eq!(field(&said, Kind::Security, Field::TicketEncryption), ["23"]);
        assert_eq!(field(&said, Kind::Security, Field::SessionEncryption), ["18"]);
        assert_eq!(field(&said, Kind::Security, Field::EncryptionMethod), ["18", "23"]);
        assert_eq!(field(&said, Kind::Identity, Field::DomainName), ["PLANT.TEST"]);
    }

    #[test]
    fn a_ticket_without_pre_authentication_is_told_apart() {
        let said = talk("svc-backup", false, 23);
        assert!(field(&said, Kind::Security, Field::AuthenticationMethod).contains(&"no-pre-authentication".to_owned()));
        let refused = tlv(KRB_ERROR, &[&tlv(0x30, &[&int(0, 5), &int(1, 30), &int(6, 25)])]);
        let said = conversation(&Kerberos, Transport::Udp, &[(50000, 88, &asks("svc", false)), (88, 50000, &refused)]);
        assert_eq!(field(&said, Kind::Security, Field::ServiceResult), ["25"]);
        assert!(field(&said, Kind::Security, Field::Outcome).contains(&"required".to_owned()));
    }

    #[test]
    fn over_tcp_a_length_stands_before_and_it_is_found_elsewhere() {
        let message = answers("HIST01$", 18);
        let framed = [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat();
        for port in [88, 8088] {
            let said = payload(&Kerberos, Transport::Tcp, port, 50000, &framed);
            assert_eq!(field(&said, Kind::Security, Field::TicketEncryption), ["18"]);
        }
        let said = payload(&Kerberos, Transport::Udp, 10088, 50000, &message);
        assert_eq!(field(&said, Kind::Security, Field::TicketEncryption), ["18"]);
    }

    #[test]
    fn a_cut_message_keeps_what_came_before() {
        let mut message = answers("HIST01$", 18);
        message.truncate(message.len() - 30);
        let said = payload(&Kerberos, Transport::Udp, 88, 50000, &message);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["HIST01"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc], &[0x6a, 3, 2, 1, 5, 0, 0, 0], &[0, 0, 0, 9, 1, 2, 3, 4, 5, 6]]
        {
            assert_eq!(gate(&Kerberos, stranger, 88), Gate::NotMine);
        }
        assert_eq!(gate(&Kerberos, &[0, 0, 1], 88), Gate::More);
    }
}
