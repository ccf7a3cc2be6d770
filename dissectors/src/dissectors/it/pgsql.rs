//! PostgreSQL: the server's version, how clients log in, whether what they say is encrypted.
//!
//! Spec: PostgreSQL documentation, "Frontend/Backend Protocol" (message flow, message formats), version 3.0.
//! Tells us: server version, authentication asked for and passed, TLS or its refusal, passwords in the clear, the client's program.
//! Does not tell: statements and their results; anything after TLS began, which is read as TLS.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::{self, word};
use crate::starttls;
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Pgsql;

const PORT: u16 = 5432;
/// StartupMessage, CancelRequest, SSLRequest, GSSENCRequest, by the number in the place of a version.
const STARTUP: u64 = 0x0003_0000;
const CANCEL: u64 = 80_877_102;
const SSL_REQUEST: u64 = 80_877_103;
const GSS_REQUEST: u64 = 80_877_104;
/// Length and number.
const STARTUP_HEADER: usize = 8;
/// A start-up packet is at most 10,000 bytes (the server's MAX_STARTUP_PACKET_LENGTH).
const STARTUP_MAX: usize = 10_000;
/// Type and length, which counts itself.
const HEADER: usize = 5;
const WANT: usize = 1024;
/// A message's length may be 1 GiB: it is passed over.
const LENGTH_MAX: usize = 1 << 30;
const NAME_MAX: usize = 128;

/// Frontend messages by their first byte.
const REQUESTS: &[(u8, &str, OperationClass)] = &[
    (b'Q', "query", OperationClass::Read),
    (b'P', "parse", OperationClass::Read),
    (b'B', "bind", OperationClass::Session),
    (b'E', "execute", OperationClass::Read),
    (b'F', "function_call", OperationClass::Control),
    (b'd', "copy_data", OperationClass::Write),
    (b'p', "password_message", OperationClass::Session),
    (b'X', "terminate", OperationClass::Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("query", OperationClass::Read),
    ("parse", OperationClass::Read),
    ("bind", OperationClass::Session),
    ("execute", OperationClass::Read),
    ("function_call", OperationClass::Control),
    ("copy_data", OperationClass::Write),
    ("password_message", OperationClass::Session),
    ("terminate", OperationClass::Session),
];

/// AuthenticationRequest codes: what is asked for.
const METHODS: &[(u64, &str)] = &[(2, "kerberos-v5"), (3, "cleartext"), (5, "md5"), (7, "gss"), (9, "sspi"), (10, "sasl")];
const AUTHENTICATED: u64 = 0;
const SASL: u64 = 10;

#[derive(Clone, Copy, Default, PartialEq)]
enum Wait {
    #[default]
    Nothing,
    /// One byte, S or N.
    Encryption,
    Tls,
}

/// How far a log-in is.
#[derive(Default)]
pub(crate) struct LogIn {
    wait: Wait,
    user: Vec<u8>,
    method: Option<&'static str>,
    /// Its beginning was seen.
    began: bool,
}

impl Dissector for Pgsql {
    type State = LogIn;

    const ROW: Row = Row {
        name: "pgsql",
        revision: 1,
        spec: "PostgreSQL Frontend/Backend Protocol 3.0",
        tells: "server version, authentication, TLS or its refusal, passwords in the clear, client program",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, 0), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 8), (4, 0xff, 4), (5, 0xff, 0xd2), (6, 0xff, 0x16)],
                min: 8,
                max: 8,
            },
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, 0), (1, 0xff, 0), (4, 0xff, 0), (5, 0xff, 3), (6, 0xff, 0), (7, 0xff, 0), (8, 0x60, 0x60)],
                min: 20,
                max: usize::MAX,
            },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if let Some((code, length, body)) = startup(head) {
            let sound = match code {
                SSL_REQUEST | GSS_REQUEST => length == STARTUP_HEADER,
                CANCEL => length >= 16,
                _ => body.split(|byte| *byte == 0).next().is_some_and(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic)),
            };
            return if sound { Gate::Mine } else { Gate::NotMine };
        }
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let whole = messages(head).map_or(0, |count| count);
        let answer = at.src_port == PORT && matches!(head, b"S" | b"N");
        if bound && (whole > 0 || answer) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(0 | b'Q' | b'P' | b'B' | b'p' | b'X' | b'F') => Side::Client,
            Some(b'R' | b'T' | b'Z' | b'1' | b'2') => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn frame_in(&self, head: &[u8], at: &At, state: Option<&LogIn>) -> Framing {
        let wait = state.map(|state| state.wait).unwrap_or_default();
        if wait == Wait::Tls {
            return starttls::frame(head);
        }
        if matches!(head.first(), Some(b'S' | b'N')) && at.from_client != Some(true) && (wait == Wait::Encryption || head.len() == 1) {
            return Framing::Pdu { len: 1, want: 1 };
        }
        let Some(header) = head.first_chunk::<HEADER>() else { return Framing::Need(HEADER) };
        let (from, most) = if header[0] == 0 { (0, STARTUP_MAX) } else { (1, LENGTH_MAX) };
        let length = usize::try_from(number(head.get(from..from + 4).unwrap_or_default())).unwrap_or(usize::MAX);
        let len = from + length;
        if length < 4 || length > most { Framing::Lost } else { Framing::Pdu { len, want: len.min(WANT) } }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if starttls::is_record(head) {
            return Glance::READ;
        }
        let first = head.first().copied().unwrap_or_default();
        if at.from_client == Some(true) {
            let index = REQUESTS.iter().position(|request| request.0 == first).and_then(|index| u16::try_from(index).ok());
            let look = if matches!(first, 0 | b'p') { Look::Always } else { Look::Never };
            return Glance { operation: index, look, inner: None };
        }
        let telling = matches!(first, b'R' | b'S' | b'N' | b'E');
        Glance { operation: None, look: if telling { Look::Always } else { Look::Never }, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut LogIn, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if state.wait == Wait::Tls {
            return Ok(starttls::read(pdu, cx));
        }
        match (pdu, startup(pdu), cx.from_client()) {
            (_, Some((code, _, body)), _) => state.begin(code, body, cx),
            (b"S" | b"N", _, Some(false)) => state.answered(pdu, cx),
            (_, None, from_client) => {
                if let Some((kind, body)) = message(pdu) {
                    state.message(kind, body, from_client, cx);
                }
            }
        }
        Ok(Next::Watch)
    }
}

/// Number, length and what is there of the rest.
fn startup(bytes: &[u8]) -> Option<(u64, usize, &[u8])> {
    let head = bytes.get(..STARTUP_HEADER)?;
    let (length, code) = (usize::try_from(number(head.get(..4)?)).ok()?, number(head.get(4..)?));
    let known = matches!(code, CANCEL | SSL_REQUEST | GSS_REQUEST) || code >> 8 == STARTUP >> 8;
    (known && (STARTUP_HEADER..=STARTUP_MAX).contains(&length)).then(|| {
        let body = bytes.get(STARTUP_HEADER..).unwrap_or_default();
        (code, length, body.get(..length - STARTUP_HEADER).unwrap_or(body))
    })
}

/// Type and what is there of the body.
fn message(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let length = usize::try_from(number(rest.get(..4)?)).ok()?;
    let body = rest.get(4..)?;
    (kind.is_ascii_alphanumeric() && length >= 4).then(|| (kind, body.get(..length - 4).unwrap_or(body)))
}

/// How many whole messages of known types fill these bytes; none if there are others.
fn messages(mut head: &[u8]) -> Option<usize> {
    const KNOWN: &[u8] = b"QPBEFdpXRSKZTDCINASt123nHVGWcfs";
    let (mut count, cut) = (0, head.len() >= crate::engine::GATE_BYTES);
    while let Some((&kind, rest)) = head.split_first() {
        let Some(length) = rest.get(..4).and_then(|length| usize::try_from(number(length)).ok()) else { return (cut && count > 0).then_some(count) };
        if !KNOWN.contains(&kind) || !(4..=LENGTH_MAX).contains(&length) {
            return None;
        }
        match rest.get(length..) {
            Some(behind) => head = behind,
            None => return (cut && length < 1 << 24).then_some(count + 1),
        }
        count += 1;
    }
    Some(count)
}

impl LogIn {
    fn begin(&mut self, code: u64, body: &[u8], cx: &mut Context<'_>) {
        match code {
            SSL_REQUEST | GSS_REQUEST => self.wait = Wait::Encryption,
            CANCEL => {}
            _ => {
                self.began = true;
                let mut words = body.split(|byte| *byte == 0);
                let client = cx.sender_host();
                while let (Some(name), Some(value)) = (words.next().filter(|name| !name.is_empty()), words.next()) {
                    match name {
                        b"user" => self.user = value.get(..NAME_MAX).unwrap_or(value).to_vec(),
                        b"application_name" => drop(cx.say(&client, Kind::Client).trimmed(Field::ClientName, value)),
                        _ => {}
                    }
                }
            }
        }
    }

    /// "S": TLS begins; "N": it does not.
    fn answered(&mut self, answer: &[u8], cx: &mut Context<'_>) {
        let server = cx.sender();
        if answer == b"S" && self.wait != Wait::Nothing {
            self.wait = Wait::Tls;
            cx.say(&server, Kind::Security).decoded(Field::SecurityLevel, &word("tls"), answer, "pgsql-encryption");
        } else {
            self.wait = Wait::Nothing;
            cx.say(&server, Kind::Service).decoded(Field::Protection, &word("tls not offered"), answer, "pgsql-encryption");
        }
    }

    fn message(&mut self, kind: u8, body: &[u8], from_client: Option<bool>, cx: &mut Context<'_>) {
        match (kind, from_client) {
            (b'R', Some(false)) => self.authentication(body, cx),
            (b'p', Some(true)) if self.method == Some("cleartext") => {
                let server = cx.receiver();
                cx.secret(&server, "pgsql password", Some(&self.user), trim(body));
            }
            (b'S', Some(false)) => {
                let mut words = body.split(|byte| *byte == 0);
                if let (Some(b"server_version"), Some(version)) = (words.next(), words.next()) {
                    let server = cx.sender();
                    cx.say(&server, Kind::Service).trimmed(Field::SoftwareVersion, version);
                }
            }
            (b'E', Some(false)) if self.method.is_some() => {
                let server = cx.sender();
                cx.say(&server, Kind::Security).implied(Field::Outcome, &word("refused"));
                self.method = None;
            }
            _ => {}
        }
    }

    fn authentication(&mut self, body: &[u8], cx: &mut Context<'_>) {
        let Some(code) = body.get(..4) else { return };
        let server = cx.sender();
        match number(code) {
            AUTHENTICATED => {
                // Nothing was asked for: trust, or a certificate within TLS, which is not seen here.
                let method = self.method.take().or_else(|| self.began.then_some("none"));
                let saying = cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &word("none"));
                let saying = saying.implied(Field::Outcome, &word("accepted"));
                drop(saying.maybe(method, |s, method| s.implied(Field::AuthenticationMethod, &word(method))));
            }
            asked => {
                let Some((_, method)) = METHODS.iter().find(|row| row.0 == asked) else { return };
                self.method = Some(method);
                let saying = cx.say(&server, Kind::Security).implied(Field::Outcome, &word(login::REQUIRED));
                let saying = saying.decoded(Field::AuthenticationMethod, &word(method), code, "pgsql-authentication");
                let mechanisms = body.get(4..).filter(|_| asked == SASL).unwrap_or_default();
                let named = mechanisms.split(|byte| *byte == 0).filter(|name| !name.is_empty()).take(8);
                drop(named.fold(saying, |saying, name| saying.text(Field::AuthenticationMethod, name)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};

    fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0, 0, 0, u8::try_from(body.len() + 4).unwrap()][..], body].concat()
    }

    const BEGIN: &[u8] = b"\0\0\0\x2a\0\x03\0\0user\0scada\0application_name\0psql\0\0";

    fn talk(parts: &[(bool, &[u8])]) -> Vec<observations::Observation> {
        let parts: Vec<(u16, u16, &[u8])> = parts.iter().map(|(up, data)| if *up { (50000, PORT, *data) } else { (PORT, 50000, *data) }).collect();
        conversation(&Pgsql, Transport::Tcp, &parts)
    }

    #[test]
    fn a_password_in_the_clear_and_the_version_are_told() {
        let ok = [framed(b'R', &[0, 0, 0, 0]), framed(b'S', b"server_version\x0015.4\0")].concat();
        let said = talk(&[(true, BEGIN), (false, &framed(b'R', &[0, 0, 0, 3])), (true, &framed(b'p', b"hunter22\0")), (false, &ok)]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["15.4"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["cleartext", "cleartext"]);
        assert_eq!(field(&said, Kind::Security, Field::Outcome), ["accepted", "required"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["pgsql password"]);
        assert!(!said.iter().flat_map(|said| &said.fields_first).any(|field| field.quote.windows(6).any(|quote| quote == b"hunter")));
    }

    #[test]
    fn trust_is_told_only_where_the_beginning_was_seen() {
        let said = talk(&[(true, BEGIN), (false, &framed(b'R', &[0, 0, 0, 0]))]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
        let middle = talk(&[(true, &framed(b'Q', b"select 1\0")), (false, &framed(b'Z', b"I"))]);
        assert!(middle.iter().all(|said| said.protocol != "pgsql"));
    }

    #[test]
    fn tls_is_asked_for_and_granted_or_not() {
        let asked: &[u8] = &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
        let granted = talk(&[(true, asked), (false, b"S"), (true, &[0x16, 3, 1, 0, 3, 1, 0, 0])]);
        assert_eq!(field(&granted, Kind::Security, Field::SecurityLevel), ["tls"]);
        let refused = talk(&[(true, asked), (false, b"N"), (true, BEGIN), (false, &framed(b'R', &[0, 0, 0, 5, 1, 2, 3, 4]))]);
        assert_eq!(field(&refused, Kind::Service, Field::Protection), ["tls not offered"]);
        assert_eq!(field(&refused, Kind::Security, Field::AuthenticationMethod), ["md5"]);
        assert_eq!(field(&refused, Kind::Security, Field::Outcome), ["required"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(gate(&Pgsql, BEGIN, 15432), Gate::Mine);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 40], &[0x16, 3, 1, 2, 0, 1, 0, 0], b"Sx"] {
            assert_eq!(gate(&Pgsql, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
