//! The head of an HTTP message and where its body ends, for HTTP and what borrows its form (SSDP).
//!
//! Spec: RFC 9110 (semantics), RFC 9112 (messages).

use crate::dissector::Gate;
use httparse::{EMPTY_HEADER, ParserConfig, Request, Response, Status};
use observations::OperationClass;

/// Browsers send some twenty fields, proxies add a few; servers refuse more than a hundred.
const FIELDS_MAX: usize = 100;
/// Servers refuse heads beyond 8 to 16 KiB; tokens of single sign-on reach that.
pub(crate) const HEAD_MAX: usize = 32 * 1024;

/// RFC 9110 §9, RFC 5789, WebDAV (RFC 4918), UPnP (GENA, SSDP): methods by which a request is known. The index is that of operations.
pub(crate) const METHODS: &[(&str, OperationClass)] = &[
    ("GET", OperationClass::Read),
    ("HEAD", OperationClass::Read),
    ("POST", OperationClass::Write),
    ("PUT", OperationClass::Write),
    ("DELETE", OperationClass::Write),
    ("CONNECT", OperationClass::Session),
    ("OPTIONS", OperationClass::Session),
    ("TRACE", OperationClass::Session),
    ("PATCH", OperationClass::Write),
    ("PROPFIND", OperationClass::Read),
    ("PROPPATCH", OperationClass::Write),
    ("MKCOL", OperationClass::Write),
    ("COPY", OperationClass::Write),
    ("MOVE", OperationClass::Write),
    ("LOCK", OperationClass::Session),
    ("UNLOCK", OperationClass::Session),
    ("REPORT", OperationClass::Session),
    ("SEARCH", OperationClass::Session),
    ("SUBSCRIBE", OperationClass::Session),
    ("UNSUBSCRIBE", OperationClass::Session),
    ("NOTIFY", OperationClass::Session),
    ("M-POST", OperationClass::Session),
    ("M-SEARCH", OperationClass::Session),
];

/// A status line begins with it; HTTP/2 has none (RFC 9112 §4).
const VERSION: &[u8] = b"HTTP/1.";

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start<'a> {
    Request { method: &'a str, target: &'a str },
    Response { status: u16 },
}

/// First line and header fields, as far as they are there.
pub(crate) struct Head<'a> {
    pub(crate) start: Start<'a>,
    fields: Vec<(&'a str, &'a [u8])>,
    /// Its length with the empty line; `None` if it goes on.
    pub(crate) len: Option<usize>,
}

impl<'a> Head<'a> {
    /// The first value of a field, without white space around it; `None` if it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| crate::context::trim(value)).filter(|value| !value.is_empty())
    }

    /// Whether a list field holds a token, in whatever case.
    pub(crate) fn has_token(&self, name: &str, token: &[u8]) -> bool {
        self.all(name).flat_map(|value| value.split(|byte| *byte == b',')).any(|part| crate::context::trim(part).eq_ignore_ascii_case(token))
    }
}

/// RFC 9112 §6.3: how the body of a message ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Body {
    None,
    Length(usize),
    Chunked,
    /// With the connection.
    Close,
    /// What follows is another protocol (101, CONNECT).
    Tunnel,
}

/// What of the request a response's framing depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    Head,
    Connect,
    Other,
}

impl Asked {
    pub(crate) fn by(method: &str) -> Self {
        match method {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// How the body of a message ends; `asked` is the request that a response answers.
pub(crate) fn body(head: &Head<'_>, asked: Asked) -> Body {
    match (head.start, asked) {
        (Start::Response { status: 101 }, _) | (Start::Response { status: 200..=299 }, Asked::Connect) => return Body::Tunnel,
        (Start::Response { status: 100..=199 | 204 | 304 }, _) | (Start::Response { .. }, Asked::Head) => return Body::None,
        _ => {}
    }
    if head.has_token("transfer-encoding", b"chunked") {
        return Body::Chunked;
    }
    match (head.get("content-length").and_then(decimal), head.start) {
        (Some(0), _) => Body::None,
        (Some(length), _) => Body::Length(length),
        (None, Start::Request { .. }) => Body::None,
        (None, Start::Response { .. }) => Body::Close,
    }
}

fn decimal(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The head at the beginning of the bytes; `None` if none begins here.
pub(crate) fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut lenient = ParserConfig::default();
    lenient.allow_obsolete_multiline_headers_in_responses(true).allow_spaces_after_header_name_in_responses(true);
    lenient.ignore_invalid_headers_in_responses(true).ignore_invalid_headers_in_requests(true);
    let (start, status, read) = if bytes.starts_with(VERSION) {
        let mut response = Response::new(&mut fields);
        let status = lenient.parse_response(&mut response, bytes).ok()?;
        (Start::Response { status: response.code? }, status, response.headers)
    } else {
        let mut request = Request::new(&mut fields);
        let status = lenient.parse_request(&mut request, bytes).ok()?;
        request.version?;
        (Start::Request { method: request.method?, target: request.path? }, status, request.headers)
    };
    // Of a head that goes on, the fields that were read stand; behind them the array is empty.
    let fields = read.iter().filter(|field| !field.name.is_empty()).map(|field| (field.name, field.value)).collect();
    let len = if let Status::Complete(len) = status { Some(len) } else { None };
    Some(Head { start, fields, len })
}

/// Whether the first bytes of a payload begin a request or a response.
pub(crate) fn gate(head: &[u8]) -> Gate {
    // A version and every registered method begin with a capital letter: bodies are told at a glance.
    match head.first() {
        None => return Gate::More,
        Some(first) if !first.is_ascii_uppercase() => return Gate::NotMine,
        Some(_) => {}
    }
    let head = head.get(..crate::engine::GATE_BYTES).unwrap_or(head);
    let line = head.iter().position(|byte| *byte == b'\n');
    let first = head.get(..line.unwrap_or(head.len())).unwrap_or_default();
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    if first.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return Gate::NotMine;
    }
    let begins = |whole: &[u8]| first.len() < whole.len() && whole.starts_with(first);
    if line.is_none() && !head.is_empty() && (begins(b"HTTP/1.1 200") || METHODS.iter().any(|(method, _)| begins(method.as_bytes()))) {
        return Gate::More;
    }
    if first.starts_with(VERSION) {
        return if is_status_line(first) { Gate::Mine } else { Gate::NotMine };
    }
    let Some((method, rest)) = method_of(first) else { return Gate::NotMine };
    match line {
        // RTSP, SIP and others share methods and form: the version tells.
        Some(_) => verdict(method_ends(rest)),
        None => verdict(rest.starts_with(b"/") || method == "CONNECT" || rest.starts_with(b"http://")),
    }
}

const fn verdict(mine: bool) -> Gate {
    if mine { Gate::Mine } else { Gate::NotMine }
}

fn method_ends(rest: &[u8]) -> bool {
    matches!(rest, [.., b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1'])
}

fn is_status_line(line: &[u8]) -> bool {
    let Some(&[.., minor, space, hundreds, tens, units]) = line.first_chunk::<12>() else { return false };
    let digits = hundreds.is_ascii_digit() && tens.is_ascii_digit() && units.is_ascii_digit();
    matches!(minor, b'0' | b'1') && space == b' ' && (b'1'..=b'5').contains(&hundreds) && digits && line.get(12).is_none_or(|byte| *byte == b' ')
}

/// The method that a request line begins with, and what follows it.
pub(crate) fn method_of(line: &[u8]) -> Option<(&'static str, &[u8])> {
    METHODS.iter().find_map(|(method, _)| Some((*method, line.strip_prefix(method.as_bytes())?.strip_prefix(b" ")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_of_a_cut_head_stands() {
        let head = head(b"HTTP/1.1 200 OK\r\nServer: Boa/0.94\r\nConte").unwrap();
        assert_eq!((head.get("server"), head.len), (Some(&b"Boa/0.94"[..]), None));
    }

    #[test]
    fn bodies_end_as_the_rfc_says() {
        let body_of = |text: &'static [u8], asked| body(&head(text).unwrap(), asked);
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(body_of(plain, Asked::Other), Body::Length(9));
        assert_eq!(body_of(plain, Asked::Head), Body::None);
        assert_eq!(body_of(plain, Asked::Connect), Body::Tunnel);
        assert_eq!(body_of(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Asked::Other), Body::None);
        assert_eq!(body_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 9\r\n\r\n", Asked::Other), Body::Chunked);
        assert_eq!(body_of(b"HTTP/1.0 200 OK\r\n\r\n", Asked::Other), Body::Close);
        assert_eq!(body_of(b"GET / HTTP/1.1\r\n\r\n", Asked::Other), Body::None);
    }

    #[test]
    fn others_that_speak_alike_are_refused() {
        for stranger in [
            &b"OPTIONS rtsp://cam/ RTSP/1.0\r\n"[..],
            b"NOTIFY sip:a@b SIP/2.0\r\n",
            b"HTTP/2.0 200 OK\r\n",
            b"GETTING / HTTP/1.1\r\n",
            b"HTTP/1.1 2000\r\n",
        ] {
            assert_eq!(gate(stranger), Gate::NotMine);
        }
        for ours in [&b"GET / HTTP/1.1\r\n"[..], b"HTTP/1.0 401 Unauthorized\r\n", b"GET /long", b"HTTP/1.1 200\r\n"] {
            assert_eq!(gate(ours), Gate::Mine);
        }
        assert_eq!(gate(b"GE"), Gate::More);
    }
}
