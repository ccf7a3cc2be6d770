//! TDS, the protocol of Microsoft SQL Server and Sybase: version, encryption, who logs in from where.
//!
//! Spec: MS-TDS (2.2.3 headers, 2.2.6.4 LOGIN7, 2.2.6.5 PRELOGIN, 2.2.7 tokens); MC-SQLR (UDP 1434).
//! Tells us: server version and product, encryption asked for and answered, host name and program of clients, passwords that only an
//! obfuscation hides, instances of a server. Does not tell: statements and their results; anything that TLS hides.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::starttls;
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct Tds;

const PORT: u16 = 1433;
/// MC-SQLR: the browser of instances.
const BROWSER_PORT: u16 = 1434;
/// §2.2.3.1: type, status, length (2), SPID (2), packet, window.
const HEADER: usize = 8;
/// Log-ins and first answers have some hundred bytes.
const WANT: usize = 4096;

/// §2.2.3.1.1.
const RESPONSE: u8 = 4;
const LOGIN7: u8 = 16;
const PRELOGIN: u8 = 18;
const TYPES: &[(u8, &str, OperationClass)] = &[
    (1, "sql_batch", OperationClass::Read),
    (2, "pre_tds7_login", OperationClass::Session),
    (3, "rpc", OperationClass::Read),
    (6, "attention", OperationClass::Session),
    (7, "bulk_load", OperationClass::Write),
    (8, "federated_authentication_token", OperationClass::Session),
    (14, "transaction_manager", OperationClass::Session),
    (LOGIN7, "login7", OperationClass::Session),
    (17, "sspi", OperationClass::Session),
    (PRELOGIN, "prelogin", OperationClass::Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("sql_batch", OperationClass::Read),
    ("pre_tds7_login", OperationClass::Session),
    ("rpc", OperationClass::Read),
    ("attention", OperationClass::Session),
    ("bulk_load", OperationClass::Write),
    ("federated_authentication_token", OperationClass::Session),
    ("transaction_manager", OperationClass::Session),
    ("login7", OperationClass::Session),
    ("sspi", OperationClass::Session),
    ("prelogin", OperationClass::Session),
    ("browse_instances", OperationClass::Diagnose),
];
const BROWSE: u16 = 10;

/// §2.2.6.5: PRELOGIN options.
const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const TERMINATOR: u8 = 0xff;
const OPTIONS_MAX: usize = 16;
const ENCRYPTIONS: &[&str] = &["off", "on", "not-supported", "required"];

/// §2.2.7: tokens with a length of two bytes that come before what tells of a log-in.
const LOGIN_ACK: u8 = 0xad;
const ERROR: u8 = 0xaa;
const INFO: u8 = 0xab;
const ENVIRONMENT: u8 = 0xe3;
const TOKENS_MAX: usize = 64;

/// How far a log-in is.
#[derive(Default)]
pub(crate) struct LogIn {
    /// Plain records follow.
    tls: bool,
    waits: bool,
    method: Option<&'static str>,
}

impl Dissector for Tds {
    type State = LogIn;

    const ROW: Row = Row {
        name: "tds",
        revision: 1,
        spec: "MS-TDS, MC-SQLR",
        tells: "server version, encryption, host names of clients, passwords that are only obfuscated, instances",
        bindings: &[Binding::Tcp(PORT), Binding::Udp(BROWSER_PORT)],
        // PRELOGIN: its type, the last packet, short, the version's option first, of six bytes.
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, PRELOGIN), (1, 0xfe, 0), (2, 0xfe, 0), (8, 0xff, 0), (9, 0xff, 0), (11, 0xff, 0), (12, 0xff, 6)],
            min: 20,
            max: 512,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if at.transport == Transport::Udp {
            let asks = at.dst_port == BROWSER_PORT && matches!(head.first(), Some(2..=4)) && head.len() <= 34;
            return if asks || at.src_port == BROWSER_PORT && browsed(head).is_some() { Gate::Mine } else { Gate::NotMine };
        }
        let Some((kind, length, body)) = packet(head) else { return Gate::NotMine };
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let mine = match kind {
            PRELOGIN => options(body).next().is_some() || bound && starttls::is_record(body),
            LOGIN7 => body.get(..4).is_some_and(|size| number_le(size) + HEADER == length),
            1 | 3 | RESPONSE => bound && (length == head.len() || head.len() >= crate::engine::GATE_BYTES),
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&RESPONSE) => Side::Server,
            Some(&(1..=3 | LOGIN7 | PRELOGIN)) => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame_in(&self, head: &[u8], _: &At, state: Option<&LogIn>) -> Framing {
        if state.is_some_and(|state| state.tls) && starttls::is_record(head) {
            return starttls::frame(head);
        }
        match packet(head) {
            Some((_, length, _)) => Framing::Pdu { len: length, want: length.min(WANT) },
            None if head.len() < HEADER => Framing::Need(HEADER),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if at.transport == Transport::Udp {
            let operation = (at.dst_port == BROWSER_PORT).then_some(BROWSE);
            return Glance { operation, look: Look::Always, inner: None };
        }
        let Some((kind, _, body)) = packet(head) else { return Glance::READ };
        let operation = TYPES.iter().position(|row| row.0 == kind).and_then(|index| u16::try_from(index).ok());
        // Answers are rows; those that tell of a log-in begin with these tokens.
        let telling = matches!(kind, 2 | LOGIN7 | 17 | PRELOGIN)
            || kind == RESPONSE && matches!(body.first(), Some(&(0 | LOGIN_ACK | ERROR | INFO | ENVIRONMENT)));
        Glance { operation, look: if telling { Look::Always } else { Look::Never }, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut LogIn, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.at().transport == Transport::Udp {
            instances(pdu, cx);
            return Ok(Next::Watch);
        }
        if state.tls && starttls::is_record(pdu) {
            return Ok(starttls::read(pdu, cx));
        }
        let Some((kind, _, body)) = packet(pdu) else { return Ok(Next::Watch) };
        match kind {
            PRELOGIN if starttls::is_record(body) => {
                if !state.tls {
                    let server = if cx.from_client() == Some(false) { cx.sender() } else { cx.receiver() };
                    cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &word("tls"));
                }
                state.tls = true;
                // One packet may hold several records.
                let mut rest = body;
                while let Framing::Pdu { len, .. } = starttls::frame(rest) {
                    let Some((record, behind)) = rest.split_at_checked(len) else { break };
                    cx.beside("tls", 0, record);
                    rest = behind;
                }
            }
            PRELOGIN => {}
            LOGIN7 => state.log_in(body, cx),
            RESPONSE if options(body).next().is_some() && body.first() == Some(&VERSION) => prelogin(body, cx),
            RESPONSE => state.answered(body, cx),
            _ => {}
        }
        if kind == PRELOGIN && cx.from_client() == Some(true) { Ok(Next::Read) } else { Ok(Next::Watch) }
    }
}

/// Type, length, and what is there of the body.
fn packet(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (&[kind, status, high, low, _, _, _, window], body) = bytes.split_first_chunk::<HEADER>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let known = kind == RESPONSE || TYPES.iter().any(|row| row.0 == kind);
    (known && status & 0xe0 == 0 && window == 0 && length >= HEADER).then(|| (kind, length, body.get(..length - HEADER).unwrap_or(body)))
}

fn number_le(slice: &[u8]) -> usize {
    slice.iter().take(4).rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// §2.2.6.5: option, offset (2), length (2), to the terminator; each with its value.
fn options(body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let entries = body.chunks_exact(5).take(OPTIONS_MAX).take_while(|entry| entry.first() != Some(&TERMINATOR));
    entries.map_while(move |entry| {
        let &[option, o0, o1, l0, l1] = entry.first_chunk::<5>()?;
        let (offset, length) = (usize::from(u16::from_be_bytes([o0, o1])), usize::from(u16::from_be_bytes([l0, l1])));
        Some((option, body.get(offset..offset + length)?)).filter(|_| option < 0x10)
    })
}

/// What a server answers to PRELOGIN.
fn prelogin(body: &[u8], cx: &mut Context<'_>) {
    let server = cx.sender();
    for (option, value) in options(body) {
        match (option, value) {
            (VERSION, &[major, minor, high, low, ..]) if major > 0 => {
                let version = format!("{major}.{minor}.{}", u16::from_be_bytes([high, low]));
                let slice = value.get(..4).unwrap_or_default();
                cx.say(&server, Kind::Service).decoded(Field::SoftwareVersion, &word(&version), slice, "u8.u8.u16-be");
            }
            (ENCRYPTION, &[code]) => {
                let Some(name) = ENCRYPTIONS.get(usize::from(code & 0x1f)) else { continue };
                let text = format!("encryption {name}");
                cx.say(&server, Kind::Security).decoded(Field::Protection, &word(&text), value, "tds-encryption");
            }
            _ => {}
        }
    }
}

impl LogIn {
    /// §2.2.6.4: offsets and lengths (in characters) of what follows.
    fn log_in(&mut self, body: &[u8], cx: &mut Context<'_>) {
        let field = |at: usize| {
            let &[o0, o1, l0, l1] = body.get(at..)?.first_chunk::<4>()?;
            let start = usize::from(u16::from_le_bytes([o0, o1]));
            body.get(start..start + 2 * usize::from(u16::from_le_bytes([l0, l1]))).filter(|slice| !slice.is_empty())
        };
        let client = cx.sender_host();
        let saying = cx.say(&client, Kind::Client).maybe(field(36), |s, v| s.decoded(Field::Hostname, &text(v), v, "utf-16le"));
        drop(saying.maybe(field(48), |s, v| s.decoded(Field::ClientName, &text(v), v, "utf-16le")));
        let server = cx.receiver();
        cx.say(&server, Kind::Request).maybe(field(52), |s, v| s.decoded(Field::ServiceName, &text(v), v, "utf-16le"));
        self.waits = true;
        self.method = Some(match (field(44), field(40)) {
            (Some(hidden), user) => {
                // The halves of each byte are exchanged, then mixed with A5.
                let shown: Vec<u8> = hidden.iter().map(|byte| (byte ^ 0xa5).rotate_left(4)).collect();
                let (secret, user) = (utf8(&shown), user.map(utf8));
                cx.secret(&server, "tds password", user.as_deref(), &secret);
                "password"
            }
            (None, Some(_)) => "empty-password",
            (None, None) => "integrated",
        });
        let sspi = body.get(78..).and_then(<[u8]>::first_chunk).map(|&[o0, o1, l0, l1]| (u16::from_le_bytes([o0, o1]), u16::from_le_bytes([l0, l1])));
        let token = sspi.and_then(|(start, length)| body.get(usize::from(start)..usize::from(start) + usize::from(length)));
        if let Some(token) = token.filter(|token| token.starts_with(b"NTLMSSP\0")) {
            cx.beside("ntlmssp", 0, token);
        }
    }

    fn answered(&mut self, body: &[u8], cx: &mut Context<'_>) {
        let (server, mut rest) = (cx.sender(), body);
        for _ in 0..TOKENS_MAX {
            let Some((&[token, low, high], behind)) = rest.split_first_chunk::<3>() else { return };
            if !matches!(token, LOGIN_ACK | ERROR | INFO | ENVIRONMENT) {
                return;
            }
            let Some((value, behind)) = behind.split_at_checked(usize::from(u16::from_le_bytes([low, high]))) else { return };
            rest = behind;
            match token {
                LOGIN_ACK => self.accepted(value, &server, cx),
                ERROR if self.waits => {
                    self.waits = false;
                    cx.say(&server, Kind::Security).implied(Field::Outcome, &word("refused"));
                }
                _ => {}
            }
        }
    }

    /// §2.2.7.14: interface, TDS version (4), the program's name, its version (4).
    fn accepted(&mut self, value: &[u8], server: &Subject, cx: &mut Context<'_>) {
        let method = self.method.take().filter(|_| self.waits);
        self.waits = false;
        let saying = cx.say(server, Kind::Security).implied(Field::SecurityLevel, &word(if self.tls { "tls" } else { "none" }));
        drop(saying.implied(Field::Outcome, &word("accepted")).maybe(method, |s, method| s.implied(Field::AuthenticationMethod, &word(method))));
        let name = value.get(6..).and_then(|rest| rest.get(..2 * usize::from(*value.get(5)?)));
        drop(cx.say(server, Kind::Service).maybe(name, |s, v| s.decoded(Field::SoftwareProduct, &text(v), v, "utf-16le")));
    }
}

/// MC-SQLR §2.2.5: 05, length, `name;value;…` of each instance.
fn browsed(head: &[u8]) -> Option<&[u8]> {
    let (&[5, low, high], text) = head.split_first_chunk::<3>()? else { return None };
    let length = usize::from(u16::from_le_bytes([low, high]));
    (text.starts_with(b"ServerName;") && (length >= text.len())).then_some(text)
}

fn instances(pdu: &[u8], cx: &mut Context<'_>) {
    let Some(text) = browsed(pdu) else { return };
    let server = cx.sender();
    let mut words = text.split(|byte| *byte == b';');
    let mut saying = cx.say(&server, Kind::Service);
    let mut named = false;
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        saying = match name {
            b"ServerName" if !named => {
                named = true;
                saying.text(Field::Hostname, trim(value))
            }
            b"InstanceName" => saying.text(Field::ServiceName, trim(value)),
            b"Version" => saying.text(Field::SoftwareVersion, trim(value)),
            _ => saying,
        };
        // Between instances stands one more semicolon.
        if name.is_empty() {
            break;
        }
    }
    drop(saying);
}

fn utf8(slice: &[u8]) -> Vec<u8> {
    let units: Vec<u16> = slice.chunks_exact(2).filter_map(|pair| pair.first_chunk().copied().map(u16::from_le_bytes)).collect();
    String::from_utf16_lossy(&units).into_bytes()
}

fn text(slice: &[u8]) -> Value {
    Value::Text(utf8(slice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};

    fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + HEADER).unwrap().to_be_bytes();
        [&[kind, 1, length[0], length[1], 0, 0, 1, 0][..], body].concat()
    }

    fn prelogin_of(encryption: u8) -> Vec<u8> {
        vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 15, 0, 0x10, 0x39, 0, 0, encryption]
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn login7(host: &str, user: &str, password: &str, program: &str) -> Vec<u8> {
        let hidden: Vec<u8> = utf16(password).iter().map(|byte| byte.rotate_left(4) ^ 0xa5).collect();
        let (mut body, mut data) = (vec![0; 94], Vec::new());
        for (at, bytes) in [(36, utf16(host)), (40, utf16(user)), (44, hidden), (48, utf16(program))] {
            body[at..at + 2].copy_from_slice(&u16::try_from(94 + data.len()).unwrap().to_le_bytes());
            body[at + 2..at + 4].copy_from_slice(&u16::try_from(bytes.len() / 2).unwrap().to_le_bytes());
            data.extend(bytes);
        }
        body.extend(data);
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        body[..4].copy_from_slice(&length);
        framed(LOGIN7, &body)
    }

    fn ack() -> Vec<u8> {
        let name = utf16("Microsoft SQL Server");
        let value = [&[1, 0x74, 0, 0, 4, 20][..], &name, &[15, 0, 0x10, 0x39]].concat();
        framed(RESPONSE, &[&[LOGIN_ACK, u8::try_from(value.len()).unwrap(), 0][..], &value].concat())
    }

    #[test]
    fn version_encryption_host_and_an_obfuscated_password_are_told() {
        let parts = [
            (50000, PORT, framed(PRELOGIN, &prelogin_of(2))),
            (PORT, 50000, framed(RESPONSE, &prelogin_of(2))),
            (50000, PORT, login7("ENG-WS07", "sa", "hunter22", "Historian")),
            (PORT, 50000, ack()),
        ];
        let parts: Vec<(u16, u16, &[u8])> = parts.iter().map(|(from, to, data)| (*from, *to, &data[..])).collect();
        let said = conversation(&Tds, Transport::Tcp, &parts);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["15.0.4153"]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareProduct), ["Microsoft SQL Server"]);
        assert_eq!(field(&said, Kind::Security, Field::Protection), ["encryption not-supported"]);
        assert_eq!(field(&said, Kind::Client, Field::Hostname), ["ENG-WS07"]);
        assert_eq!(field(&said, Kind::Client, Field::ClientName), ["Historian"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["password"]);
        assert_eq!(field(&said, Kind::Security, Field::Outcome), ["accepted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["tds password"]);
    }

    #[test]
    fn an_attempt_alone_is_no_acceptance() {
        let said = conversation(&Tds, Transport::Tcp, &[(50000, PORT, &login7("A", "sa", "x", "p"))]);
        assert!(field(&said, Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn a_browser_names_its_instances() {
        let text = b"ServerName;HIST-01;InstanceName;MSSQLSERVER;IsClustered;No;Version;15.0.2000.5;tcp;1433;;";
        let answer = [&[5, u8::try_from(text.len()).unwrap(), 0][..], text].concat();
        let said = payload(&Tds, Transport::Udp, BROWSER_PORT, 50000, &answer);
        assert_eq!(field(&said, Kind::Service, Field::Hostname), ["HIST-01"]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["15.0.2000.5"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(gate(&Tds, &framed(PRELOGIN, &prelogin_of(1)), 49172), Gate::Mine);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 40], &[18; 40], &[0x16, 3, 1, 2, 0, 1, 0, 0]] {
            assert_eq!(gate(&Tds, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
