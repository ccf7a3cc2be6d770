//! RTSP: cameras and media servers by their products and realms, how clients log in and whether streams are open to all.
//!
//! Spec: RFC 2326 §4 to §12 (RFC 7826), RFC 7616 (Digest), RFC 8866 §5 (session descriptions).
//! Tells us: Server and User-Agent, realm, schemes offered and used, whether a description was given without a log-in, session names.
//! Does not tell: what is seen and heard; addresses of streams, which may hold passwords, are not kept.

use crate::base64;
use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::http_auth as auth;
use crate::login;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Rtsp;

const PORTS: [u16; 3] = [554, 8554, 10554];
const VERSION: &[u8] = b"RTSP/";
/// As HTTP's: servers refuse heads beyond 8 to 16 KiB.
const HEAD_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 64;
/// Descriptions of a camera's streams have some kilobytes.
const DESCRIPTION_MAX: usize = 8 * 1024;
/// RFC 2326 §10.12: media between messages: `$`, a channel, a length.
const INTERLEAVED: u8 = b'$';
/// Requests that wait for their answer: clients pipeline a few.
const WAITING_MAX: usize = 8;

const METHODS: &[(&str, OperationClass)] = &[
    ("OPTIONS", OperationClass::Diagnose),
    ("DESCRIBE", OperationClass::Read),
    ("SETUP", OperationClass::Session),
    ("PLAY", OperationClass::Read),
    ("PAUSE", OperationClass::Session),
    ("TEARDOWN", OperationClass::Session),
    ("GET_PARAMETER", OperationClass::Read),
    ("SET_PARAMETER", OperationClass::Write),
    ("ANNOUNCE", OperationClass::Write),
    ("RECORD", OperationClass::Write),
    ("REDIRECT", OperationClass::Session),
];

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 16, max: usize::MAX }
}

impl Dissector for Rtsp {
    type State = Session;

    const ROW: Row = Row {
        name: "rtsp",
        revision: 1,
        spec: "RFC 2326, RFC 7826",
        tells: "products and realms of cameras and media servers, how clients log in",
        bindings: &[Binding::Tcp(554), Binding::Tcp(8554), Binding::Tcp(10554)],
        shapes: &[
            shape(&[(0, 0xff, b'R'), (1, 0xff, b'T'), (2, 0xff, b'S'), (3, 0xff, b'P'), (4, 0xff, b'/'), (6, 0xff, b'.')]),
            shape(&[(0, 0xff, b'O'), (1, 0xff, b'P'), (7, 0xff, b' '), (8, 0xff, b'r'), (9, 0xff, b't'), (10, 0xff, b's')]),
            shape(&[(0, 0xff, b'D'), (1, 0xff, b'E'), (2, 0xff, b'S'), (8, 0xff, b' '), (9, 0xff, b'r'), (10, 0xff, b't')]),
        ],
        operations: METHODS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = PORTS.contains(&at.src_port) || PORTS.contains(&at.dst_port);
        let end = head.iter().position(|byte| *byte == b'\n');
        let line = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
        match end {
            Some(_) if start(trim(line)).is_some() => Gate::Mine,
            // A stream that was met in the middle: media, channel 0 to 3, RTP or RTCP of version 2 (RFC 3550 §5.1).
            _ if bound && matches!(head, [INTERLEAVED, 0..=3, _, _, version, ..] if version >> 6 == 2) => Gate::Mine,
            None if head.len() < crate::engine::GATE_BYTES && (b"RTSP/1.0".starts_with(line.get(..5).unwrap_or(line)) || method(line).is_some()) => {
                Gate::More
            }
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head {
            _ if head.starts_with(VERSION) => Side::Server,
            [INTERLEAVED, ..] => Side::Unknown,
            _ => Side::Client,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if let [INTERLEAVED, rest @ ..] = head {
            return match rest {
                [_, high, low, ..] => Framing::Pdu { len: 4 + usize::from(u16::from_be_bytes([*high, *low])), want: 4 },
                _ => Framing::Need(4),
            };
        }
        let Some(end) = head.windows(4).take(HEAD_MAX).position(|four| four == b"\r\n\r\n") else {
            let begins = start(trim(head.split(|byte| *byte == b'\n').next().unwrap_or_default())).is_some() || !head.contains(&b'\n');
            return if head.len() < HEAD_MAX && begins { Framing::Need(head.len() + 1) } else { Framing::Lost };
        };
        let Some(message) = Message::read(head) else { return Framing::Lost };
        let length = message.get(b"content-length").and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok()).unwrap_or(0);
        Framing::Pdu { len: (end + 4).saturating_add(length), want: end + 4 + length.min(DESCRIPTION_MAX) }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        match head.first() {
            Some(&INTERLEAVED) => Glance::SKIP,
            _ => Glance { operation: method(head).and_then(|index| u16::try_from(index).ok()), look: Look::Always, inner: None },
        }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if pdu.first() != Some(&INTERLEAVED) {
            let message = Message::read(pdu).ok_or(DissectError::Malformed { rule: "start line", offset: 0 })?;
            match message.start {
                Start::Request(method) => session.asked(method, &message, cx),
                Start::Response(status) => session.answered(status, &message, cx),
            }
        }
        Ok(Next::Watch)
    }
}

/// What a request showed of its sender, by its sequence number.
#[derive(Default)]
pub(crate) struct Session {
    waiting: Vec<(Vec<u8>, Option<&'static str>)>,
}

impl Session {
    fn asked(&mut self, method: &str, message: &Message<'_>, cx: &mut Context<'_>) {
        let (client, server) = (cx.sender_host(), cx.receiver());
        if let Some(agent) = message.get(b"user-agent") {
            cx.say(&client, Kind::Client).text(Field::RtspUserAgent, agent);
        }
        // What a server answers to OPTIONS alone, it tells anybody.
        let mut shown = matches!(method, "DESCRIBE" | "SETUP" | "PLAY").then_some(login::NONE);
        for value in message.all(b"authorization") {
            shown = authorized(value, &server, cx).or(shown);
        }
        let Some(number) = message.get(b"cseq") else { return };
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.remove(0);
        }
        self.waiting.push((number.to_vec(), shown));
    }

    fn answered(&mut self, status: u16, message: &Message<'_>, cx: &mut Context<'_>) {
        let server = cx.sender();
        if let Some(product) = message.get(b"server") {
            cx.say(&server, Kind::Service).text(Field::RtspServer, product);
        }
        for challenge in message.all(b"www-authenticate").flat_map(auth::challenges) {
            let saying = cx.say(&server, Kind::Security).text(Field::HttpScheme, challenge.scheme);
            let saying = saying.maybe(challenge.realm, |s, v| s.text(Field::HttpRealm, v));
            let saying = saying.maybe(challenge.algorithm, |s, v| s.text(Field::AuthenticationMethod, v));
            drop(saying.implied(Field::Outcome, &login::word(login::REQUIRED)));
        }
        let number = message.get(b"cseq").unwrap_or_default();
        let at = self.waiting.iter().position(|one| one.0 == number);
        let shown = at.and_then(|at| self.waiting.remove(at).1);
        match (shown, status) {
            (Some(method), 200..=299) => drop(login::say(cx, &server, method, login::ACCEPTED)),
            (Some(method), 401 | 403) if method != login::NONE => drop(login::say(cx, &server, method, login::REFUSED)),
            _ => {}
        }
        if message.get(b"content-type").is_some_and(|kind| kind.starts_with(b"application/sdp")) {
            described(message.body, cx);
        }
    }
}

/// The scheme of credentials; of Basic the secret goes to the tagger.
fn authorized(value: &[u8], server: &observations::Subject, cx: &mut Context<'_>) -> Option<&'static str> {
    let (scheme, token) = auth::credentials(value);
    let basic = scheme.eq_ignore_ascii_case(b"basic");
    let word = if basic {
        "basic"
    } else if scheme.eq_ignore_ascii_case(b"digest") {
        "digest"
    } else {
        return None;
    };
    drop(login::say(cx, server, word, login::ATTEMPTED).text(Field::HttpScheme, scheme));
    if let Some(decoded) = base64::decode(token).filter(|_| basic) {
        let colon = decoded.iter().position(|byte| *byte == b':').unwrap_or(decoded.len());
        let (user, secret) = (decoded.get(..colon).unwrap_or_default(), decoded.get(colon + 1..).unwrap_or_default());
        cx.secret(server, "rtsp basic", Some(user), secret);
    }
    Some(word)
}

/// RFC 8866 §5.3: the session's name; `-` and a space are none.
fn described(body: &[u8], cx: &mut Context<'_>) {
    let server = cx.sender();
    let mut lines = body.split(|byte| *byte == b'\n');
    let name = lines.find_map(|line| line.strip_prefix(b"s=")).map(trim);
    if let Some(name) = name.filter(|name| name.len() > 1) {
        cx.say(&server, Kind::Service).text(Field::SessionName, name);
    }
}

#[derive(Clone, Copy)]
enum Start {
    Request(&'static str),
    Response(u16),
}

/// RFC 2326 §6.1 and §7.1.
fn start(line: &[u8]) -> Option<Start> {
    if let Some(rest) = line.strip_prefix(VERSION) {
        let &[b'1' | b'2', b'.', b'0'..=b'9', b' ', a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] = rest.first_chunk()? else { return None };
        return Some(Start::Response([a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))));
    }
    let name = METHODS.get(method(line)?)?.0;
    let target = line.get(name.len() + 1..)?;
    let addressed = target.starts_with(b"rtsp") || target.starts_with(b"*") || target.starts_with(b"/");
    (addressed && (line.ends_with(b" RTSP/1.0") || line.ends_with(b" RTSP/2.0"))).then_some(Start::Request(name))
}

fn method(head: &[u8]) -> Option<usize> {
    METHODS.iter().position(|(name, _)| head.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b" ")))
}

/// First line, fields and body, as far as they are there.
struct Message<'a> {
    start: Start,
    fields: Vec<(&'a [u8], &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let body = bytes.get(end + 4..).unwrap_or_default();
        let mut lines = bytes.get(..end)?.split(|byte| *byte == b'\n').map(trim);
        let start = start(lines.next()?)?;
        let fields = lines.take(FIELDS_MAX).filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            Some((trim(line.get(..at)?), trim(line.get(at + 1..)?)))
        });
        Some(Self { start, fields: fields.collect(), body })
    }

    fn all(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value).filter(|value| !value.is_empty())
    }

    fn get(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.all(name).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes};
    use observations::Observation;

    fn ask(number: u8, method: &str, more: &str) -> String {
        format!("{method} rtsp://10.0.0.2/ch1 RTSP/1.0\r\nCSeq: {number}\r\nUser-Agent: Recorder/2\r\n{more}\r\n")
    }

    fn answer(number: u8, status: &str, more: &str) -> String {
        format!("RTSP/1.0 {status}\r\nCSeq: {number}\r\nServer: Camera Streamer/1.4\r\n{more}\r\n")
    }

    fn talk(port: u16, messages: &[String]) -> Vec<Observation> {
        let messages: Vec<_> =
            messages.iter().map(|m| if m.starts_with("RTSP/") { (port, 50000, m.as_bytes()) } else { (50000, port, m.as_bytes()) }).collect();
        conversation(&Rtsp, Transport::Tcp, &messages)
    }

    #[test]
    fn products_realm_and_a_log_in_are_told() {
        let said = talk(
            554,
            &[
                ask(1, "DESCRIBE", ""),
                answer(1, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"IP Camera(C1234)\", algorithm=MD5\r\n"),
                ask(2, "DESCRIBE", "Authorization: Basic YW5uOmh1bnRlcjIy\r\n"),
                answer(
                    2,
                    "200 OK",
                    "Content-Type: application/sdp\r\nContent-Length: 27\r\n\r\nv=0\r\ns=Media Presentation\r\n".trim_end_matches("\r\n"),
                ),
            ],
        );
        assert_eq!(field(&said, Kind::Service, Field::RtspServer), ["Camera Streamer/1.4"]);
        assert_eq!(field(&said, Kind::Client, Field::RtspUserAgent), ["Recorder/2"]);
        assert_eq!(field(&said, Kind::Security, Field::HttpRealm), ["IP Camera(C1234)"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["rtsp basic"]);
        assert!(outcomes(&said).contains(&"basic accepted".to_owned()));
        assert_eq!(field(&said, Kind::Service, Field::SessionName), ["Media Presentation"]);
    }

    #[test]
    fn a_stream_that_is_open_to_all_is_told_and_options_are_none() {
        assert_eq!(outcomes(&talk(554, &[ask(1, "OPTIONS", ""), answer(1, "200 OK", "")])), Vec::<String>::new());
        assert_eq!(outcomes(&talk(554, &[ask(1, "DESCRIBE", ""), answer(1, "200 OK", "")])), ["none accepted"]);
    }

    #[test]
    fn media_between_messages_is_passed_over() {
        let media = b"$\0\0\x08\x80\x60\0\x01\0\0\0\x02RTSP/1.0 200 OK\r\nCSeq: 9\r\nServer: behind\r\n\r\n";
        let said = conversation(&Rtsp, Transport::Tcp, &[(554, 50000, media)]);
        assert_eq!(field(&said, Kind::Service, Field::RtspServer), ["behind"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(field(&talk(5540, &[ask(1, "OPTIONS", "")]), Kind::Client, Field::RtspUserAgent), ["Recorder/2"]);
        for stranger in
            [&b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"[..], b"OPTIONS / HTTP/1.1\r\n\r\n", b"RTSP/x.0 200 OK\r\n", b"SSH-2.0-x\r\n", b"$\0\0\x08\0\0\0\0"]
        {
            assert_eq!(gate(&Rtsp, stranger, 554), Gate::NotMine);
        }
        assert_eq!(gate(&Rtsp, b"RTSP/1.0 2", 554), Gate::More);
    }
}
