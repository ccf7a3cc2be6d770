//! HTTP: servers and clients by their product fields, what asks for credentials and how, titles of pages, device descriptions.
//!
//! Spec: RFC 9110 (semantics), RFC 9112 (messages), RFC 7617 (Basic), RFC 7616 (Digest), RFC 4559 (Negotiate).
//! Tells us: Server, X-Powered-By, realm and schemes, title, User-Agent, Host; credentials that anybody on the way can read.
//! Does not tell: paths, cookies and forms, which are not kept, and bodies that are no page and no message of another protocol; who
//! stands behind a proxy.

use super::http_log_in::{self as log_in, Shown};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::http_content::{self, Content};
use crate::http_message::{self as http, Asked, Body, Head, Start};
use crate::websocket;
use observations::{Field, Kind, Transport};
use std::collections::VecDeque;

pub(crate) struct Http;

/// Requests that wait for their answer; browsers that pipeline send six to ten.
const ASKED_MAX: usize = 32;
/// RFC 9112 §7.1: a chunk's size in hexadecimal and its extensions; longer lines are none.
const CHUNK_LINE_MAX: usize = 256;

impl Dissector for Http {
    type State = Exchange;

    const ROW: Row = Row {
        name: "http",
        revision: 2,
        spec: "RFC 9110, RFC 9112, RFC 7617, RFC 7616",
        tells: "server and client products, realms, titles, device descriptions, credentials in the clear",
        bindings: &[
            Binding::Tcp(80),
            Binding::Tcp(81),
            Binding::Tcp(88),
            Binding::Tcp(631),
            Binding::Tcp(2869),
            Binding::Tcp(3128),
            Binding::Tcp(5000),
            Binding::Tcp(5357),
            Binding::Tcp(7547),
            Binding::Tcp(8000),
            Binding::Tcp(8008),
            Binding::Tcp(8060),
            Binding::Tcp(8080),
            Binding::Tcp(8081),
            Binding::Tcp(8088),
            Binding::Tcp(8888),
            Binding::Tcp(49152),
        ],
        shapes: &[
            shape(&[(0, 0xff, b'H'), (1, 0xff, b'T'), (2, 0xff, b'T'), (3, 0xff, b'P'), (4, 0xff, b'/'), (5, 0xff, b'1'), (6, 0xff, b'.')]),
            shape(&[(0, 0xff, b'G'), (1, 0xff, b'E'), (2, 0xff, b'T'), (3, 0xff, b' ')]),
            shape(&[(0, 0xff, b'P'), (1, 0xff, b'O'), (2, 0xff, b'S'), (3, 0xff, b'T'), (4, 0xff, b' ')]),
            shape(&[(0, 0xff, b'P'), (1, 0xff, b'U'), (2, 0xff, b'T'), (3, 0xff, b' ')]),
            shape(&[(0, 0xff, b'H'), (1, 0xff, b'E'), (2, 0xff, b'A'), (3, 0xff, b'D'), (4, 0xff, b' ')]),
            shape(&[(0, 0xff, b'D'), (1, 0xff, b'E'), (2, 0xff, b'L'), (5, 0xff, b'E'), (6, 0xff, b' ')]),
            shape(&[(0, 0xff, b'O'), (1, 0xff, b'P'), (2, 0xff, b'T'), (6, 0xff, b'S'), (7, 0xff, b' ')]),
            shape(&[(0, 0xff, b'C'), (1, 0xff, b'O'), (2, 0xff, b'N'), (6, 0xff, b'T'), (7, 0xff, b' ')]),
            shape(&[(0, 0xff, b'P'), (1, 0xff, b'R'), (2, 0xff, b'O'), (3, 0xff, b'P'), (8, 0xff, b' ')]),
            shape(&[(0, 0xff, b'S'), (1, 0xff, b'U'), (2, 0xff, b'B'), (8, 0xff, b'E'), (9, 0xff, b' ')]),
            shape(&[(0, 0xff, b'N'), (1, 0xff, b'O'), (2, 0xff, b'T'), (5, 0xff, b'Y'), (6, 0xff, b' '), (7, 0xff, b'/')]),
        ],
        operations: http::METHODS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        http::gate(head)
    }

    fn side(&self, head: &[u8]) -> Side {
        if head.starts_with(b"HTTP/") { Side::Server } else { Side::Client }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        message(head, Asked::Other)
    }

    fn frame_in(&self, head: &[u8], at: &At, state: Option<&Exchange>) -> Framing {
        let Some(exchange) = state else { return message(head, Asked::Other) };
        let half = exchange.half(at.from_client);
        let asked = exchange.asked.front().map_or(Asked::Other, |asked| asked.0);
        match half.at(head) {
            Place::Head => message(head, asked),
            Place::Length(left) => Framing::Pdu { len: left, want: left.min(half.room()) },
            Place::Chunks => chunk(head, half.room()),
            Place::Close => Framing::datagram(head),
            Place::Frames => websocket::framing(head),
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let method = http::method_of(head).filter(|_| at.from_client != Some(false)).map(|(method, _)| method);
        let operation = method.and_then(|method| http::METHODS.iter().position(|(name, _)| *name == method));
        Glance { operation: operation.and_then(|index| u16::try_from(index).ok()), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], exchange: &mut Exchange, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let half = exchange.half_mut(cx.from_client());
        if half.at(pdu) != Place::Head {
            return Ok(half.piece(pdu, cx));
        }
        *half = Half::default();
        let head = http::head(pdu).ok_or(DissectError::Malformed { rule: "head", offset: 0 })?;
        let next = match head.start {
            Start::Request { method, target } => {
                let shown = requested(&head, target, cx);
                if head.has_token("upgrade", b"websocket") {
                    cx.under(http_content::WEBSOCKET, pdu);
                }
                exchange.asks(&head, method, shown)
            }
            Start::Response { status } => {
                responded(&head, status, exchange.shown(status), cx);
                if status == 101 && cx.under(http_content::WEBSOCKET, pdu) { exchange.upgrades() } else { exchange.answers(&head, status) }
            }
        };
        if head.len.is_none() { Err(DissectError::Truncated { needed: 1 }) } else { Ok(next) }
    }
}

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 12, max: usize::MAX }
}

/// RFC 9110 §15.2: another response follows.
fn is_interim(status: u16) -> bool {
    (100..=199).contains(&status) && status != 101
}

/// What a conversation's messages need of each other.
#[derive(Default)]
pub(crate) struct Exchange {
    /// Requests without their final response, the oldest first.
    asked: VecDeque<(Asked, Shown)>,
    client: Half,
    server: Half,
}

/// Where one direction stands, between PDUs.
#[derive(Default)]
struct Half {
    place: Place,
    /// A body that is worth reading.
    content: Option<Box<Content>>,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Place {
    #[default]
    Head,
    /// So many bytes of a body.
    Length(usize),
    /// A chunk's line.
    Chunks,
    /// Body until the connection ends.
    Close,
    /// RFC 6455: what both sides agreed on goes on in frames.
    Frames,
}

impl Exchange {
    const fn half(&self, from_client: Option<bool>) -> &Half {
        if matches!(from_client, Some(true)) { &self.client } else { &self.server }
    }

    const fn half_mut(&mut self, from_client: Option<bool>) -> &mut Half {
        if matches!(from_client, Some(true)) { &mut self.client } else { &mut self.server }
    }

    /// Of what clients send heads are read, and bodies that say what is asked; others are passed over.
    fn asks(&mut self, head: &Head<'_>, method: &str, shown: Shown) -> Next {
        // Answers that were lost leave their requests behind: then none can be told to be whose.
        if self.asked.len() >= ASKED_MAX {
            self.asked.clear();
        }
        self.asked.push_back((Asked::by(method), shown));
        self.client.content = Content::of(head).map(Box::new);
        self.client.place = match (http::body(head, Asked::Other), &self.client.content) {
            (Body::Chunked, _) => Place::Chunks,
            (Body::Length(left), Some(_)) => Place::Length(left),
            _ => Place::Head,
        };
        Next::Read
    }

    /// What the request showed that this answers.
    fn shown(&self, status: u16) -> Shown {
        self.asked.front().filter(|_| !is_interim(status)).and_then(|asked| asked.1)
    }

    fn upgrades(&mut self) -> Next {
        self.asked.clear();
        for half in [&mut self.client, &mut self.server] {
            *half = Half { place: Place::Frames, content: None };
        }
        Next::Read
    }

    fn answers(&mut self, head: &Head<'_>, status: u16) -> Next {
        let asked = if is_interim(status) { Asked::Other } else { self.asked.pop_front().map_or(Asked::Other, |asked| asked.0) };
        let body = http::body(head, asked);
        self.server.content = Content::of(head).map(Box::new);
        self.server.place = match (body, &self.server.content) {
            (Body::Tunnel, _) | (Body::Close, None) => return Next::Count,
            (Body::Length(left), Some(_)) => Place::Length(left),
            (Body::Chunked, _) => Place::Chunks,
            (Body::Close, Some(_)) => Place::Close,
            (Body::None | Body::Length(_), _) => Place::Head,
        };
        Next::Read
    }
}

impl Half {
    /// What stands here. After a gap a head may come where a body should go on: no body begins so.
    fn at(&self, bytes: &[u8]) -> Place {
        if self.place != Place::Head && http::gate(bytes) == Gate::Mine { Place::Head } else { self.place }
    }

    fn room(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.room())
    }

    /// A piece of a body.
    fn piece(&mut self, pdu: &[u8], cx: &mut Context<'_>) -> Next {
        match self.place {
            Place::Head => {}
            Place::Frames => drop(cx.under(http_content::WEBSOCKET, pdu)),
            Place::Length(left) => {
                self.place = Place::Head;
                if let Some(content) = self.content.take() {
                    let whole = pdu.get(..left.min(content.room())).unwrap_or(pdu);
                    content.read(whole, cx);
                }
            }
            Place::Chunks => self.chunk(pdu, cx),
            Place::Close => {
                let Some(content) = &mut self.content else { return Next::Count };
                content.gather(pdu, cx);
                if content.read_gathered(false, cx) || content.room() == 0 {
                    return Next::Count;
                }
            }
        }
        Next::Read
    }

    /// RFC 9112 §7.1: the last chunk is empty.
    fn chunk(&mut self, pdu: &[u8], cx: &mut Context<'_>) {
        let Some((size, data)) = chunk_line(pdu) else { return };
        let last = size == 0;
        if let Some(content) = &mut self.content {
            content.gather(pdu.get(data..).and_then(|rest| rest.get(..size).or(Some(rest))).unwrap_or_default(), cx);
            if last || content.room() == 0 {
                content.read_gathered(true, cx);
                self.content = None;
            }
        }
        if last {
            *self = Self::default();
        }
    }
}

/// The message at the head of a direction: its head, and its body too if nobody reads that.
fn message(bytes: &[u8], asked: Asked) -> Framing {
    let more = if bytes.len() < http::HEAD_MAX && http::gate(bytes) != Gate::NotMine { Framing::Need(bytes.len() + 1) } else { Framing::Lost };
    let Some(head) = http::head(bytes) else { return more };
    let Some(len) = head.len else { return more };
    match http::body(&head, asked) {
        Body::Length(body) if Content::of(&head).is_none() => Framing::Pdu { len: len.saturating_add(body), want: len },
        _ => Framing::Pdu { len, want: len },
    }
}

fn chunk(bytes: &[u8], room: usize) -> Framing {
    let Some((size, data)) = chunk_line(bytes) else {
        let unfinished = bytes.len() < CHUNK_LINE_MAX && !bytes.contains(&b'\n');
        return if unfinished { Framing::Need(bytes.len() + 1) } else { Framing::Lost };
    };
    if size > 0 {
        return Framing::Pdu { len: data.saturating_add(size).saturating_add(2), want: data.saturating_add(size.min(room)) };
    }
    // §7.1.2: trailer fields, then an empty line; the last chunk's own line end may be its beginning.
    let trailers = bytes.get(data.saturating_sub(2)..).unwrap_or_default();
    match trailers.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(end) => Framing::Pdu { len: data + end + 2, want: data },
        None if bytes.len() < http::HEAD_MAX => Framing::Need(bytes.len() + 1),
        None => Framing::Lost,
    }
}

/// A chunk's size, and where its data begins.
fn chunk_line(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.iter().take(CHUNK_LINE_MAX).position(|byte| *byte == b'\n')?;
    let line = bytes.get(..end)?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let size = usize::from_str_radix(std::str::from_utf8(line.get(..digits)?).ok()?, 16).ok()?;
    let rest = line.get(digits..)?;
    matches!(rest.first(), None | Some(b'\r' | b';' | b' ' | b'\t')).then_some((size, end + 1))
}

/// Product of the client, the name by which it calls the server, and its credentials.
fn requested(head: &Head<'_>, target: &str, cx: &mut Context<'_>) -> Shown {
    let (client, server) = (cx.sender_host(), cx.receiver());
    // What came through a proxy is another's product.
    let direct = head.get("via").is_none() && head.get("x-forwarded-for").is_none() && head.get("forwarded").is_none();
    if let Some(agent) = head.get("user-agent").filter(|_| direct) {
        cx.say(&client, Kind::Client).text(Field::HttpUserAgent, agent);
    }
    // A proxy is asked for others' pages.
    if let Some(host) = head.get("host").filter(|host| target.starts_with('/') && !is_address(host)) {
        cx.say(&server, Kind::Request).text(Field::HttpHost, host);
    }
    log_in::requested(head, &server, cx)
}

/// A host that is called by its address is called by no name.
fn is_address(host: &[u8]) -> bool {
    let text = std::str::from_utf8(host).unwrap_or_default();
    let bare = text.rsplit_once(':').map_or(text, |(bare, _)| bare);
    text.starts_with('[') || bare.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Product of the server, what it asks credentials for, and what it makes of those that were shown.
fn responded(head: &Head<'_>, status: u16, shown: Shown, cx: &mut Context<'_>) {
    let server = cx.sender();
    let saying = cx.say(&server, Kind::Service).maybe(head.get("server"), |s, v| s.text(Field::HttpServer, v));
    drop(saying.maybe(head.get("x-powered-by"), |s, v| s.text(Field::HttpPoweredBy, v)));
    log_in::responded(head, status, shown, &server, cx);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes, payload, read_cut};
    use observations::Observation;

    const GET: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: plc-7.plant.test\r\nUser-Agent: Mozilla/5.0 (HMI)\r\nCookie: sid=secret1\r\n\r\n";

    /// A client on port 50000 and a server on port 80, in turns: requests and responses tell which by themselves.
    fn talk(messages: &[&[u8]]) -> Vec<Observation> {
        let payloads: Vec<_> = messages.iter().map(|m| if m.starts_with(b"HTTP/") { (80, 50000, *m) } else { (50000, 80, *m) }).collect();
        conversation(&Http, Transport::Tcp, &payloads)
    }

    fn ok(fields: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\nServer: S{}\r\n{fields}\r\n{body}", body.len()).into_bytes()
    }

    fn servers(said: &[Observation]) -> Vec<String> {
        let mut servers = field(said, Kind::Service, Field::HttpServer);
        servers.sort();
        servers
    }

    #[test]
    fn a_page_tells_server_and_title_and_its_client_the_name_it_used() {
        let page = b"HTTP/1.1 200 OK\r\nServer: Siemens, SIMATIC\r\nContent-Type: text/html\r\nContent-Length: 35\r\n\r\n<html><title>CPU 315-2</title></ht>";
        let said = talk(&[GET, page]);
        assert_eq!(servers(&said), ["Siemens, SIMATIC"]);
        assert_eq!(field(&said, Kind::Identity, Field::HttpTitle), ["CPU 315-2"]);
        assert_eq!(field(&said, Kind::Client, Field::HttpUserAgent), ["Mozilla/5.0 (HMI)"]);
        assert_eq!(field(&said, Kind::Request, Field::HttpHost), ["plc-7.plant.test"]);
        let service = said.iter().find(|said| said.kind == Kind::Service).unwrap();
        assert_eq!(service.about.endpoint.map(|endpoint| endpoint.port), Some(80));
    }

    #[test]
    fn cookies_paths_and_credentials_are_quoted_nowhere() {
        let login = b"GET /secret-path?token=t0p HTTP/1.1\r\nAuthorization: Basic YWRtaW46aHVudGVyMg==\r\nCookie: sid=secret1\r\n\r\n";
        let said = talk(&[login, b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=secret2\r\nContent-Length: 0\r\n\r\n"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["http basic"]);
        assert_eq!(field(&said, Kind::Security, Field::HttpScheme), ["Basic"]);
        let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!["secret", "t0p", "hunter", "YWRt", "admin"].iter().any(|secret| all.contains(secret)), "{all}");
    }

    #[test]
    fn challenges_tell_scheme_and_realm() {
        let said = talk(&[
            GET,
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"DS-2CD\", algorithm=MD5, nonce=\"n0\"\r\nContent-Length: 0\r\n\r\n",
        ]);
        assert_eq!(field(&said, Kind::Security, Field::HttpRealm), ["DS-2CD"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["MD5"]);
    }

    #[test]
    fn credentials_are_told_with_what_became_of_them() {
        let ok: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let no: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
        for (field, answer, told) in [
            ("Authorization: Basic YTpi", ok, ["basic accepted", "basic attempted"]),
            ("Authorization: Digest username=\"a\", realm=\"x\", response=\"00\"", no, ["digest attempted", "digest refused"]),
            ("Authorization: Bearer t0ken", ok, ["bearer accepted", "bearer attempted"]),
            ("X-API-Key: t0ken", ok, ["api-key accepted", "api-key attempted"]),
        ] {
            let said = talk(&[format!("GET / HTTP/1.1\r\n{field}\r\n\r\n").as_bytes(), answer]);
            assert_eq!(outcomes(&said), told);
            let quotes = said.iter().flat_map(|said| &said.fields_first);
            assert!(!quotes.into_iter().any(|field| field.quote.windows(5).any(|quote| quote == b"t0ken")));
        }
    }

    #[test]
    fn a_form_s_password_is_told() {
        let form = b"POST /login HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 26\r\n\r\nuser=ann&password=hunter22";
        let said = talk(&[form]);
        assert_eq!(outcomes(&said), ["form attempted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["http form"]);
    }

    #[test]
    fn answers_without_a_body_do_not_swallow_the_next() {
        let head = b"HEAD / HTTP/1.1\r\n\r\n";
        let first = b"HTTP/1.1 200 OK\r\nServer: A\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n";
        let second = b"HTTP/1.1 304 Not Modified\r\nServer: B\r\nContent-Length: 70\r\n\r\nHTTP/1.1 200 OK\r\nServer: C\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204 No Content\r\nServer: D\r\n\r\n";
        assert_eq!(servers(&talk(&[head, GET, GET, GET, first, second])), ["A", "B", "C", "D"]);
    }

    #[test]
    fn bodies_are_passed_over_in_pieces() {
        let long = ok("Content-Type: image/png\r\nContent-Length: 3000\r\n", &"x".repeat(100));
        let (rest, next) = ("y".repeat(2900), b"HTTP/1.1 200 OK\r\nServer: next\r\nContent-Length: 0\r\n\r\n");
        let tail = [rest.as_bytes(), next].concat();
        let said = conversation(&Http, Transport::Tcp, &[(80, 50000, &long), (80, 50000, &tail)]);
        assert_eq!(servers(&said), ["S100", "next"]);
    }

    #[test]
    fn a_title_in_chunks_is_put_together() {
        let first = b"HTTP/1.1 200 OK\r\nServer: A\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n<html><title>Mod\r\n";
        let second = b"9;x=y\r\nem</title\r\n1\r\n>\r\n0\r\nTrailer: 1\r\n\r\nHTTP/1.1 200 OK\r\nServer: B\r\nContent-Length: 0\r\n\r\n";
        let said = conversation(&Http, Transport::Tcp, &[(80, 50000, first), (80, 50000, second)]);
        assert_eq!(field(&said, Kind::Identity, Field::HttpTitle), ["Modem"]);
        assert_eq!(servers(&said), ["A", "B"]);
        let title = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert_eq!(title.fields_first[0].spans.len(), 2);
    }

    #[test]
    fn a_compressed_page_is_read_and_cites_what_was_compressed() {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"<html><title>Access point</title>").unwrap();
        let body = encoder.finish().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        let said = payload(&Http, Transport::Tcp, 80, 50000, &[head.as_bytes(), &body].concat());
        assert_eq!(field(&said, Kind::Identity, Field::HttpTitle), ["Access point"]);
        let title = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert_eq!(title.fields_first[0].derivation.as_deref(), Some("http-gzip"));
        assert_eq!(title.fields_first[0].spans[0].length as usize, body.len());
    }

    #[test]
    fn a_body_may_end_with_the_connection() {
        let said = talk(&[GET, b"HTTP/1.0 200 OK\r\nServer: Boa\r\n\r\n<html><ti"]);
        assert_eq!(servers(&said), ["Boa"]);
        let pieces: [(u16, u16, &[u8]); 2] = [(80, 50000, b"HTTP/1.0 200 OK\r\nServer: Boa\r\n\r\n<html><ti"), (80, 50000, b"tle>NVR</title>")];
        assert_eq!(field(&conversation(&Http, Transport::Tcp, &pieces), Kind::Identity, Field::HttpTitle), ["NVR"]);
    }

    #[test]
    fn a_cut_head_keeps_the_fields_before() {
        let said = read_cut(&Http, false, b"HTTP/1.1 200 OK\r\nServer: GoAhead-Webs\r\nContent-Ty");
        assert_eq!(servers(&said), ["GoAhead-Webs"]);
    }

    #[test]
    fn proxies_lend_their_clients_product_to_nobody() {
        let said = talk(&[b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 proxy\r\nUser-Agent: inner\r\n\r\n"]);
        assert!(said.iter().all(|said| said.protocol != "http"));
    }

    #[test]
    fn it_is_found_on_unusual_ports_and_strangers_are_refused() {
        let said = payload(&Http, Transport::Tcp, 40123, 50000, b"HTTP/1.1 200 OK\r\nServer: odd\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(servers(&said), ["odd"]);
        for stranger in
            [&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &[0; 40], b"GET\x00/", b"OPTIONS rtsp://cam RTSP/1.0\r\n\r\n"]
        {
            assert_eq!(gate(&Http, stranger, 80), Gate::NotMine);
        }
    }
}
