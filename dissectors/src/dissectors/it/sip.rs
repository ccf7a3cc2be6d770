//! SIP: products of telephones, exchanges and gateways, and how they ask for credentials.
//!
//! Spec: RFC 3261 §7 and §20, RFC 2617 / RFC 8760 (Digest).
//! Tells us: User-Agent of whoever sends a request itself, Server of whoever answers itself, schemes of authentication; methods in use.
//! Does not tell: who calls whom: addresses of people are not kept. What a proxy passes on is another's product and is left out.

use crate::base64;
use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Next, Row, Shape, Side};
use crate::http_auth as auth;
use crate::login;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Sip;

const PORT: u16 = 5060;
const VERSION: &[u8] = b"SIP/2.0";
/// RFC 3261 §18.1.1 keeps messages below the MTU where it can; heads with certificates and routes reach some kilobytes.
const HEAD_MAX: usize = 16 * 1024;
/// As many fields as servers of HTTP take.
const FIELDS_MAX: usize = 100;

/// Registrations that wait for their answer: exchanges have many through one conversation.
const WAITING_MAX: usize = 32;

/// RFC 3261 §7.1, RFC 3262, RFC 6665, RFC 3311, RFC 3428, RFC 3515, RFC 3903, RFC 6086.
const METHODS: &[(&str, OperationClass)] = &[
    ("INVITE", OperationClass::Session),
    ("ACK", OperationClass::Session),
    ("BYE", OperationClass::Session),
    ("CANCEL", OperationClass::Session),
    ("OPTIONS", OperationClass::Diagnose),
    ("REGISTER", OperationClass::Session),
    ("PRACK", OperationClass::Session),
    ("SUBSCRIBE", OperationClass::Session),
    ("NOTIFY", OperationClass::Session),
    ("UPDATE", OperationClass::Session),
    ("MESSAGE", OperationClass::Session),
    ("REFER", OperationClass::Session),
    ("PUBLISH", OperationClass::Session),
    ("INFO", OperationClass::Session),
];

/// RFC 3261 §19.1, RFC 3966, RFC 5031: what requests are addressed to.
const SCHEMES: &[&[u8]] = &[b"sip:", b"sips:", b"tel:", b"urn:"];

const ANSWER: &[(usize, u8, u8)] =
    &[(0, 0xff, b'S'), (1, 0xff, b'I'), (2, 0xff, b'P'), (3, 0xff, b'/'), (4, 0xff, b'2'), (5, 0xff, b'.'), (6, 0xff, b'0'), (7, 0xff, b' ')];
const INVITE: &[(usize, u8, u8)] = &[(0, 0xff, b'I'), (1, 0xff, b'N'), (2, 0xff, b'V'), (3, 0xff, b'I'), (6, 0xff, b' '), (7, 0xff, b's')];
const REGISTER: &[(usize, u8, u8)] = &[(0, 0xff, b'R'), (1, 0xff, b'E'), (2, 0xff, b'G'), (3, 0xff, b'I'), (8, 0xff, b' '), (9, 0xff, b's')];
const OPTIONS: &[(usize, u8, u8)] = &[(0, 0xff, b'O'), (1, 0xff, b'P'), (2, 0xff, b'T'), (7, 0xff, b' '), (8, 0xff, b's'), (9, 0xff, b'i')];

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over, bytes, min: 32, max: usize::MAX }
}

impl Dissector for Sip {
    type State = Waiting;

    const ROW: Row = Row {
        name: "sip",
        revision: 2,
        spec: "RFC 3261",
        tells: "products of telephones and exchanges, how they authenticate",
        bindings: &[Binding::Udp(PORT), Binding::Tcp(PORT)],
        shapes: &[
            shape(Transport::Udp, ANSWER),
            shape(Transport::Udp, INVITE),
            shape(Transport::Udp, REGISTER),
            shape(Transport::Udp, OPTIONS),
            shape(Transport::Tcp, ANSWER),
            shape(Transport::Tcp, INVITE),
            shape(Transport::Tcp, REGISTER),
            shape(Transport::Tcp, OPTIONS),
        ],
        operations: METHODS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let end = head.iter().position(|byte| *byte == b'\n');
        let line = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
        let begins = start(line).is_some();
        match end {
            Some(_) if begins => Gate::Mine,
            Some(_) => Gate::NotMine,
            None if at.transport == Transport::Tcp && head.len() < crate::engine::GATE_BYTES && (begins || head.len() < 16) => Gate::More,
            None => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        // Both ends ask within a call; who begins one, or registers, is the client.
        match method(head).and_then(|index| METHODS.get(index)) {
            Some(("INVITE" | "REGISTER" | "OPTIONS" | "SUBSCRIBE" | "MESSAGE" | "PUBLISH", _)) => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        // RFC 3261 §7.5 and RFC 5626 §3.5.1: line ends between messages keep a connection open.
        if head.starts_with(b"\r\n") {
            return Framing::Pdu { len: 2, want: 2 };
        }
        let Some(end) = head.windows(4).take(HEAD_MAX).position(|four| four == b"\r\n\r\n") else {
            return if head.len() < HEAD_MAX { Framing::Need(head.len() + 1) } else { Framing::Lost };
        };
        let Some(message) = Message::read(head) else { return Framing::Lost };
        let length = message.get(b"content-length", b"l").and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
        Framing::Pdu { len: (end + 4).saturating_add(length.unwrap_or(0)), want: end + 4 }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        if head.first().is_none_or(u8::is_ascii_whitespace) {
            return Glance::SKIP;
        }
        Glance { operation: method(head).and_then(|index| u16::try_from(index).ok()), ..Glance::READ }
    }

    fn read(&self, pdu: &[u8], waiting: &mut Waiting, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        // RFC 5626 §3.5.1, and telephones that send spaces or NULs.
        if trim(pdu).is_empty() {
            return Ok(Next::Watch);
        }
        let message = Message::read(pdu).ok_or(DissectError::Malformed { rule: "start line", offset: 0 })?;
        match message.start {
            Start::Request => waiting.asked(&message, requested(&message, cx)),
            Start::Response(status) => {
                responded(&message, status, cx);
                waiting.answered(&message, status, cx);
            }
        }
        Ok(Next::Watch)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Request,
    Response(u16),
}

/// RFC 3261 §7.1 and §7.2; the line may be cut.
fn start(line: &[u8]) -> Option<Start> {
    if let Some(rest) = line.strip_prefix(VERSION) {
        let &[b' ', a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] = rest.first_chunk()? else { return None };
        let status = [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        return rest.get(4).is_none_or(|byte| matches!(byte, b' ' | b'\r' | b'\n')).then_some(Start::Response(status));
    }
    let name = METHODS.get(method(line)?)?.0;
    let target = line.get(name.len() + 1..)?;
    let addressed = SCHEMES.iter().any(|scheme| target.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
    (addressed && trim(target).ends_with(b" SIP/2.0")).then_some(Start::Request)
}

/// The method that a request begins with.
fn method(head: &[u8]) -> Option<usize> {
    METHODS.iter().position(|(name, _)| head.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b" ")))
}

/// First line and fields, as far as they are there.
struct Message<'a> {
    start: Start,
    fields: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let start = start(lines.next()?)?;
        let fields = lines.take_while(|line| !line.is_empty()).take(FIELDS_MAX).filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            Some((trim(line.get(..at)?), trim(line.get(at + 1..)?)))
        });
        Some(Self { start, fields: fields.collect() })
    }

    /// The values of a field by its name or its compact form (RFC 3261 §7.3.3).
    fn all(&self, name: &[u8], compact: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let named = self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name) || field.eq_ignore_ascii_case(compact));
        named.map(|(_, value)| *value).filter(|value| !value.is_empty())
    }

    fn get(&self, name: &[u8], compact: &[u8]) -> Option<&'a [u8]> {
        self.all(name, compact).next()
    }

    /// RFC 3261 §16.6: a proxy adds its own Via to a request, and with Record-Route that it stays in the way.
    fn is_direct(&self) -> bool {
        let hops: usize = self.all(b"via", b"v").map(|value| value.split(|byte| *byte == b',').count()).sum();
        hops == 1 && self.get(b"record-route", b"record-route").is_none()
    }
}

/// What requests showed of their sender, by their sequence number, until they are answered.
#[derive(Default)]
pub(crate) struct Waiting(Vec<(Vec<u8>, &'static str)>);

impl Waiting {
    fn asked(&mut self, message: &Message<'_>, shown: Option<&'static str>) {
        let register = message.get(b"cseq", b"cseq").filter(|number| number.ends_with(b"REGISTER"));
        let Some((number, method)) = register.zip(shown.or(Some(login::NONE))) else { return };
        if self.0.len() >= WAITING_MAX {
            self.0.remove(0);
        }
        self.0.push((number.to_vec(), method));
    }

    fn answered(&mut self, message: &Message<'_>, status: u16, cx: &mut Context<'_>) {
        let number = message.get(b"cseq", b"cseq").unwrap_or_default();
        let Some(at) = self.0.iter().position(|one| one.0 == number).filter(|_| status >= 200) else { return };
        let (_, method) = self.0.remove(at);
        let server = cx.sender();
        match status {
            200..=299 => drop(login::say(cx, &server, method, login::ACCEPTED)),
            401 | 403 | 407 if method != login::NONE => drop(login::say(cx, &server, method, login::REFUSED)),
            _ => {}
        }
    }
}

fn requested(message: &Message<'_>, cx: &mut Context<'_>) -> Option<&'static str> {
    let (sender, receiver) = (cx.sender_host(), cx.receiver());
    if let Some(agent) = message.get(b"user-agent", b"user-agent").filter(|_| message.is_direct()) {
        cx.say(&sender, Kind::Client).text(Field::SipUserAgent, agent);
    }
    let mut shown = None;
    for value in message.all(b"authorization", b"proxy-authorization") {
        let (scheme, token) = auth::credentials(value);
        if token.is_empty() {
            continue;
        }
        let basic = scheme.eq_ignore_ascii_case(b"basic");
        let word = if basic {
            "basic"
        } else if scheme.eq_ignore_ascii_case(b"digest") {
            "digest"
        } else {
            "other"
        };
        drop(login::say(cx, &receiver, word, login::ATTEMPTED).text(Field::HttpScheme, scheme));
        shown = Some(word);
        // RFC 3261 §22: Basic must not be used any more; some still do.
        if let Some(decoded) = base64::decode(token).filter(|_| basic) {
            let colon = decoded.iter().position(|byte| *byte == b':').unwrap_or(decoded.len());
            let (user, secret) = (decoded.get(..colon).unwrap_or_default(), decoded.get(colon + 1..).unwrap_or_default());
            cx.secret(&receiver, "sip basic", Some(user), secret);
        }
    }
    shown
}

fn responded(message: &Message<'_>, status: u16, cx: &mut Context<'_>) {
    let (host, server) = (cx.sender_host(), cx.sender());
    if answers_itself(message, status, cx) {
        // Telephones answer with User-Agent, exchanges and proxies with Server.
        let saying = cx.say(&host, Kind::Identity).maybe(message.get(b"server", b"server"), |s, v| s.text(Field::SipServer, v));
        drop(saying.maybe(message.get(b"user-agent", b"user-agent"), |s, v| s.text(Field::SipUserAgent, v)));
    }
    for value in message.all(b"www-authenticate", b"proxy-authenticate") {
        for challenge in auth::challenges(value) {
            let saying = cx.say(&server, Kind::Security).text(Field::HttpScheme, challenge.scheme);
            let saying = saying.maybe(challenge.algorithm, |s, v| s.text(Field::AuthenticationMethod, v));
            drop(saying.implied(Field::Outcome, &login::word(login::REQUIRED)));
        }
    }
}

/// Whether an answer is the sender's own. A proxy takes its Via off an answer that it passes on (RFC 3261 §16.7), so that the hops left do
/// not tell; but 100 goes no further than one hop (§16.7 step 5), and the answerer's Contact names the answerer.
fn answers_itself(message: &Message<'_>, status: u16, cx: &Context<'_>) -> bool {
    if status == 100 {
        return true;
    }
    let Some(ip) = cx.sender_host().ip.filter(|_| message.is_direct()) else { return false };
    message.get(b"contact", b"m").and_then(host).is_some_and(|host| host.parse() == Ok(ip))
}

/// The host of an address: after the user, before port and parameters (RFC 3261 §19.1.1).
fn host(contact: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(contact).ok()?;
    let uri = text.split_once('<').map_or(text, |(_, rest)| rest.split_once('>').map_or(rest, |(uri, _)| uri));
    let (_, rest) = uri.split_once(':')?;
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    if let Some((address, _)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return Some(address);
    }
    rest.split([':', ';', '?', '>', ' ']).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::outcomes;
    use crate::testing::{conversation, field, gate, payload};
    use observations::Observation;

    fn request(extra: &str) -> Vec<u8> {
        let via = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n";
        format!("REGISTER sip:pbx.example SIP/2.0\r\n{via}From: \"Ann\" <sip:ann@pbx.example>\r\nUser-Agent: Telephone 5.2\r\n{extra}\r\n")
            .into_bytes()
    }

    fn answer(status: &str, extra: &str) -> Vec<u8> {
        let via = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n";
        format!("SIP/2.0 {status}\r\n{via}To: <sip:ann@pbx.example>\r\nServer: Exchange 16.2\r\n{extra}\r\n").into_bytes()
    }

    fn asks(message: &[u8]) -> Vec<Observation> {
        payload(&Sip, Transport::Udp, 50000, 5060, message)
    }

    fn answers(message: &[u8]) -> Vec<Observation> {
        payload(&Sip, Transport::Udp, 5060, 50000, message)
    }

    #[test]
    fn a_request_tells_its_sender_s_product_and_no_person() {
        let said = asks(&request(""));
        assert_eq!(field(&said, Kind::Client, Field::SipUserAgent), ["Telephone 5.2"]);
        assert!(!said.iter().flat_map(|said| &said.fields).any(|said| said.value.display().to_lowercase().contains("ann")));
    }

    #[test]
    fn what_a_proxy_passes_on_is_left_out() {
        for extra in ["v: SIP/2.0/UDP 10.0.0.9\r\n", "Record-Route: <sip:10.0.0.9;lr>\r\n"] {
            assert!(field(&asks(&request(extra)), Kind::Client, Field::SipUserAgent).is_empty());
        }
        let said = answers(&answer("200 OK", "Contact: <sip:ann@10.0.0.7:5060>\r\n"));
        assert!(field(&said, Kind::Identity, Field::SipServer).is_empty());
    }

    #[test]
    fn an_answer_of_its_own_tells_the_server() {
        for message in [answer("100 Trying", ""), answer("200 OK", "Contact: <sip:ann@10.0.0.2:5060;transport=udp>\r\n")] {
            assert_eq!(field(&answers(&message), Kind::Identity, Field::SipServer), ["Exchange 16.2"]);
        }
    }

    #[test]
    fn challenges_and_credentials_tell_the_scheme() {
        let said = answers(&answer("401 Unauthorized", "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"1\", algorithm=MD5\r\n"));
        assert_eq!(field(&said, Kind::Security, Field::HttpScheme), ["Digest"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["MD5"]);
        let said = asks(&request("Authorization: Basic YWRtaW46aHVudGVyMg==\r\n"));
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["sip basic"]);
        assert!(!said.iter().flat_map(|said| &said.fields_first).any(|field| String::from_utf8_lossy(&field.quote).contains("hunter")));
    }

    #[test]
    fn a_stream_of_messages_is_told_apart() {
        let body = request("Content-Length: 3\r\n");
        let last = request("Content-Length: 0\r\nAuthorization: Digest username=\"a\"\r\n");
        let stream = [&b"\r\n\r\n"[..], &body, b"v=0", &last].concat();
        let said = conversation(&Sip, Transport::Tcp, &[(50000, 5060, &request("Content-Length: 0\r\n")), (50000, 5060, &stream)]);
        assert_eq!(field(&said, Kind::Client, Field::SipUserAgent), ["Telephone 5.2"]);
        assert_eq!(field(&said, Kind::Security, Field::HttpScheme), ["Digest"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        let said = payload(&Sip, Transport::Udp, 50000, 15060, &request(""));
        assert_eq!(field(&said, Kind::Client, Field::SipUserAgent), ["Telephone 5.2"]);
        for stranger in [&b"OPTIONS / HTTP/1.1\r\n"[..], b"SIP/2.0 999\r\n", b"OPTIONS rtsp://cam/ RTSP/1.0\r\n", b"SSH-2.0-OpenSSH_9\r\n", &[0; 40]]
        {
            assert_eq!(gate(&Sip, stranger, 5060), Gate::NotMine);
        }
    }

    #[test]
    fn registrations_are_told_with_what_became_of_them() {
        let talk = |credentials: &str, status: &str| {
            let asks = request(&format!("CSeq: 7 REGISTER\r\n{credentials}"));
            conversation(&Sip, Transport::Udp, &[(5070, 5060, &asks), (5060, 5070, &answer(status, "CSeq: 7 REGISTER\r\n"))])
        };
        let digest = "Authorization: Digest username=\"ann\", response=\"00\"\r\n";
        assert_eq!(outcomes(&talk(digest, "200 OK")), ["digest accepted", "digest attempted"]);
        assert_eq!(outcomes(&talk(digest, "403 Forbidden")), ["digest attempted", "digest refused"]);
        assert_eq!(outcomes(&talk("", "200 OK")), ["none accepted"]);
        assert!(outcomes(&talk("", "401 Unauthorized")).is_empty());
    }

    #[test]
    fn what_is_cut_keeps_what_came_before() {
        let whole = request("X: 1\r\n");
        let said = asks(&whole[..whole.len() - 4]);
        assert_eq!(field(&said, Kind::Client, Field::SipUserAgent), ["Telephone 5.2"]);
        (1..whole.len()).for_each(|end| drop(asks(&whole[..end])));
    }
}
