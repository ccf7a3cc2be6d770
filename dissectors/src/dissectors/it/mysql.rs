//! MySQL and MariaDB: the server's version, how clients log in, whether what they say is encrypted.
//!
//! Spec: MySQL internals manual, "Client/Server Protocol" (connection phase); the MariaDB knowledge base, "Connecting".
//! Tells us: server version, authentication plugins offered and accepted, TLS or its absence, passwords sent in the clear, client library.
//! Does not tell: statements and their results; anything after TLS began, which is read as TLS.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::{self, word};
use crate::starttls;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Mysql;

const PORT: u16 = 3306;
/// Length (3, little-endian) and sequence number.
const HEADER: usize = 4;
/// Greetings and log-ins have some hundred bytes; of what is longer nothing is needed.
const WANT: usize = 1024;
/// HandshakeV10.
const PROTOCOL: u8 = 10;
/// Capability flags.
const SSL: u32 = 0x800;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;
const CONNECT_ATTRS: u32 = 0x10_0000;
const LENENC_AUTH: u32 = 0x20_0000;
const CONNECT_WITH_DB: u32 = 8;
const PROTOCOL_41: u32 = 0x200;
/// SSLRequest: a log-in that ends before the user.
const SSL_REQUEST: usize = 32;
/// First bytes of answers: OK, error, another method.
const OK: u8 = 0;
const ERROR: u8 = 0xff;
const SWITCH: u8 = 0xfe;
/// The plugin that sends the password as it is.
const CLEAR: &[u8] = b"mysql_clear_password";
const NAME_MAX: usize = 128;

/// Commands (first byte of a request) by number.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("sleep", OperationClass::Session),
    ("quit", OperationClass::Session),
    ("init_db", OperationClass::Session),
    ("query", OperationClass::Read),
    ("field_list", OperationClass::Read),
    ("create_db", OperationClass::Configure),
    ("drop_db", OperationClass::Configure),
    ("refresh", OperationClass::Configure),
    ("shutdown", OperationClass::Control),
    ("statistics", OperationClass::Diagnose),
    ("process_info", OperationClass::Diagnose),
    ("connect", OperationClass::Session),
    ("process_kill", OperationClass::Control),
    ("debug", OperationClass::Diagnose),
    ("ping", OperationClass::Session),
    ("time", OperationClass::Session),
    ("delayed_insert", OperationClass::Write),
    ("change_user", OperationClass::Session),
    ("binlog_dump", OperationClass::Read),
    ("table_dump", OperationClass::Read),
    ("connect_out", OperationClass::Session),
    ("register_slave", OperationClass::Session),
    ("stmt_prepare", OperationClass::Read),
    ("stmt_execute", OperationClass::Read),
    ("stmt_send_long_data", OperationClass::Write),
    ("stmt_close", OperationClass::Session),
    ("stmt_reset", OperationClass::Session),
    ("set_option", OperationClass::Session),
    ("stmt_fetch", OperationClass::Read),
];
const QUERY: u8 = 3;

/// How far a log-in is.
#[derive(Default)]
pub(crate) struct LogIn {
    /// TLS began.
    tls: bool,
    user: Vec<u8>,
    method: Vec<u8>,
    /// An empty password was sent.
    empty: bool,
    waits: bool,
}

impl Dissector for Mysql {
    type State = LogIn;

    const ROW: Row = Row {
        name: "mysql",
        revision: 1,
        spec: "MySQL Client/Server Protocol",
        tells: "server version, authentication methods, TLS or its absence, passwords in the clear, client library",
        bindings: &[Binding::Tcp(PORT)],
        // A greeting: a short packet, the first, protocol 10, a version that begins with a digit.
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(1, 0xff, 0), (2, 0xff, 0), (3, 0xff, 0), (4, 0xff, PROTOCOL), (5, 0xf0, 0x30)],
            min: 40,
            max: usize::MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some((length, sequence, body)) = packet(head) else { return Gate::NotMine };
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let whole = body.len() == length || body.len() > length && sequence == 0 || head.len() >= crate::engine::GATE_BYTES;
        let query = || bound && body.first() == Some(&QUERY) && body.len() > 1 && body.iter().skip(1).take(24).all(|byte| (9..0x7f).contains(byte));
        let mine = sequence == 0 && whole && (Greeting::of(body).is_some() || query());
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match packet(head) {
            Some((_, 0, body)) if Greeting::of(body).is_some() => Side::Server,
            Some((_, 0, _)) => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame_in(&self, head: &[u8], _: &At, state: Option<&LogIn>) -> Framing {
        if state.is_some_and(|state| state.tls) {
            return starttls::frame(head);
        }
        match packet(head) {
            Some((length, ..)) => Framing::Pdu { len: HEADER + length, want: HEADER + length.min(WANT) },
            None => Framing::Need(HEADER),
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if starttls::is_record(head) {
            return Glance::READ;
        }
        let Some((_, sequence, body)) = packet(head) else { return Glance::SKIP };
        let first = body.first().copied().unwrap_or_default();
        let asks = sequence == 0 && at.from_client == Some(true) && usize::from(first) < OPERATIONS.len();
        let look = if sequence == 0 && at.from_client == Some(true) || sequence > 4 { Look::Never } else { Look::Always };
        Glance { operation: asks.then_some(u16::from(first)), look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut LogIn, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if state.tls {
            return Ok(starttls::read(pdu, cx));
        }
        let Some((_, sequence, body)) = packet(pdu) else { return Ok(Next::Watch) };
        match (Greeting::of(body).filter(|_| sequence == 0), cx.from_client()) {
            (Some(greeting), _) => greeting.say(cx),
            (None, Some(true)) if sequence == 1 => state.log_in(body, cx),
            (None, Some(true)) if sequence > 1 && state.waits => state.proof(body, cx),
            (None, Some(false)) if state.waits => state.answered(body, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// Length, sequence number, and what is there of the body.
fn packet(bytes: &[u8]) -> Option<(usize, u8, &[u8])> {
    let (&[a, b, c, sequence], body) = bytes.split_first_chunk::<HEADER>()?;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, 0])).ok()?;
    Some((length, sequence, body.get(..length).unwrap_or(body)))
}

struct Greeting<'a> {
    version: &'a [u8],
    capabilities: u32,
    method: &'a [u8],
}

impl<'a> Greeting<'a> {
    /// Protocol::HandshakeV10.
    fn of(body: &'a [u8]) -> Option<Self> {
        let rest = body.strip_prefix(&[PROTOCOL])?;
        let end = rest.iter().take(NAME_MAX).position(|byte| *byte == 0)?;
        let (version, rest) = rest.split_at_checked(end)?;
        let plain = version.first()?.is_ascii_digit() && version.iter().all(|byte| (0x20..0x7f).contains(byte));
        // NUL, thread (4), challenge (8), filler.
        let rest = rest.get(14..)?;
        let &[low, lower, _, _, _, high, higher, _] = rest.first_chunk::<8>()?;
        // Length of the challenge and ten reserved bytes stand between; the challenge's rest has 13 bytes, then the method.
        let method = rest.get(8 + 10 + 13..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        plain.then_some(Self { version, capabilities: u32::from_le_bytes([low, lower, high, higher]), method })
    }

    fn say(&self, cx: &mut Context<'_>) {
        let server = cx.sender();
        cx.say(&server, Kind::Service).text(Field::SoftwareVersion, self.version);
        login::quoted(cx, &server, self.method, login::OFFERED);
        if self.capabilities & SSL == 0 {
            cx.say(&server, Kind::Service).implied(Field::Protection, &word("tls not offered"));
        }
    }
}

/// A length-encoded string (Protocol::LengthEncodedString), short ones only.
fn counted(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = rest.split_first()?;
    match length {
        0..=250 => rest.split_at_checked(usize::from(length)),
        0xfc => {
            let (&[low, high], rest) = rest.split_first_chunk::<2>()?;
            rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])))
        }
        _ => None,
    }
}

fn until_nul(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some((rest.get(..end)?, rest.get(end + 1..)?))
}

impl LogIn {
    /// Protocol::SSLRequest, Protocol::HandshakeResponse41.
    fn log_in(&mut self, body: &[u8], cx: &mut Context<'_>) {
        let Some(&[a, b, c, d]) = body.first_chunk::<4>() else { return };
        let flags = u32::from_le_bytes([a, b, c, d]);
        let server = cx.receiver();
        if flags & PROTOCOL_41 == 0 {
            return;
        }
        if flags & SSL != 0 && body.len() == SSL_REQUEST {
            self.tls = true;
            cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &word("tls"));
            return;
        }
        self.waits = true;
        let _ = self.read_log_in(flags, body, cx);
    }

    fn read_log_in(&mut self, flags: u32, body: &[u8], cx: &mut Context<'_>) -> Option<()> {
        let (user, rest) = until_nul(body.get(SSL_REQUEST..)?)?;
        self.user = user.get(..NAME_MAX).unwrap_or(user).to_vec();
        let (proof, rest) = match flags {
            _ if flags & (LENENC_AUTH | SECURE_CONNECTION) != 0 => counted(rest)?,
            _ => until_nul(rest)?,
        };
        self.empty = proof.is_empty() || proof == [0];
        let rest = if flags & CONNECT_WITH_DB != 0 { until_nul(rest).map_or(rest, |(_, rest)| rest) } else { rest };
        if flags & PLUGIN_AUTH == 0 {
            return None;
        }
        let (method, rest) = until_nul(rest)?;
        self.method = method.get(..NAME_MAX).unwrap_or(method).to_vec();
        if method == CLEAR && !self.empty {
            let server = cx.receiver();
            cx.secret(&server, "mysql password", Some(&self.user), crate::context::trim(proof));
        }
        if flags & CONNECT_ATTRS == 0 {
            return None;
        }
        let (mut attributes, _) = counted(rest)?;
        let client = cx.sender_host();
        let mut saying = cx.say(&client, Kind::Client);
        while let Some((name, behind)) = counted(attributes) {
            let Some((value, behind)) = counted(behind) else { break };
            saying = match name {
                b"program_name" => saying.text(Field::ClientName, value),
                b"_client_name" => saying.text(Field::ServiceName, value),
                _ => saying,
            };
            attributes = behind;
        }
        drop(saying);
        Some(())
    }

    /// What follows a change of the method: for the clear one the password itself.
    fn proof(&mut self, body: &[u8], cx: &mut Context<'_>) {
        self.empty = body.is_empty() || body == [0];
        if self.method == CLEAR && !self.empty {
            let server = cx.receiver();
            cx.secret(&server, "mysql password", Some(&self.user), crate::context::trim(body));
        }
    }

    fn answered(&mut self, body: &[u8], cx: &mut Context<'_>) {
        let server = cx.sender();
        match body.split_first() {
            Some((&OK, _)) => {
                let method = if self.empty { b"none" } else { &self.method[..] };
                let saying = cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &word("none"));
                let saying = saying.implied(Field::Outcome, &word("accepted"));
                drop(if method.is_empty() {
                    saying
                } else {
                    saying.implied(Field::AuthenticationMethod, &observations::Value::Text(method.to_vec()))
                });
                self.waits = false;
            }
            Some((&ERROR, _)) => {
                cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &word("none")).implied(Field::Outcome, &word("refused"));
                self.waits = false;
            }
            Some((&SWITCH, rest)) => {
                let method = until_nul(rest).map_or(&[][..], |(method, _)| method);
                self.method = method.get(..NAME_MAX).unwrap_or(method).to_vec();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};

    fn framed(sequence: u8, body: &[u8]) -> Vec<u8> {
        [&[u8::try_from(body.len()).unwrap(), 0, 0, sequence][..], body].concat()
    }

    fn greeting() -> Vec<u8> {
        let tail = [&[0u8; 13][..], &[0xff, 0xff, 0x2d, 2, 0, 0xff, 0x81, 21], &[0; 10], &[1; 12], &[0], b"mysql_native_password\0"].concat();
        framed(0, &[&[PROTOCOL][..], b"5.7.42-log\0", &tail].concat())
    }

    fn log_in(proof: &[u8], method: &[u8]) -> Vec<u8> {
        let flags = (PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH).to_le_bytes();
        framed(1, &[&flags[..], &[0; 28], b"scada\0", &[u8::try_from(proof.len()).unwrap()], proof, method, &[0]].concat())
    }

    fn talk(parts: &[(bool, Vec<u8>)]) -> Vec<observations::Observation> {
        let parts: Vec<(u16, u16, &[u8])> =
            parts.iter().map(|(up, data)| if *up { (50000, PORT, &data[..]) } else { (PORT, 50000, &data[..]) }).collect();
        conversation(&Mysql, Transport::Tcp, &parts)
    }

    #[test]
    fn a_server_says_its_version_and_whom_it_let_in() {
        let said = talk(&[(false, greeting()), (true, log_in(&[9; 20], b"mysql_native_password")), (false, framed(2, &[0, 0, 0, 2, 0, 0, 0]))]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["5.7.42-log"]);
        assert!(field(&said, Kind::Service, Field::Protection).is_empty());
        assert_eq!(field(&said, Kind::Security, Field::Outcome), ["accepted", "offered"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn an_attempt_is_no_acceptance_and_an_empty_password_is_none() {
        let refused = talk(&[(false, greeting()), (true, log_in(&[], b"mysql_native_password")), (false, framed(2, &[0xff, 0x15, 4]))]);
        assert_eq!(field(&refused, Kind::Security, Field::Outcome), ["refused", "offered"]);
        let open = talk(&[(false, greeting()), (true, log_in(&[], b"mysql_native_password")), (false, framed(2, &[0, 0, 0, 2, 0, 0, 0]))]);
        assert!(field(&open, Kind::Security, Field::AuthenticationMethod).contains(&"none".to_owned()));
    }

    #[test]
    fn a_password_in_the_clear_goes_to_the_tagger_alone() {
        let said = talk(&[(false, greeting()), (true, log_in(b"hunter22\0", CLEAR)), (false, framed(2, &[0, 0, 0, 2, 0, 0, 0]))]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["mysql password"]);
        assert!(!said.iter().flat_map(|said| &said.fields_first).any(|field| field.quote.windows(6).any(|quote| quote == b"hunter")));
    }

    #[test]
    fn after_a_request_for_tls_nothing_is_read_as_ours() {
        let request = framed(1, &[&(PROTOCOL_41 | SSL).to_le_bytes()[..], &[0; 28]].concat());
        let said = talk(&[(false, greeting()), (true, request), (true, vec![0x16, 3, 1, 0, 3, 1, 0, 0]), (false, framed(2, &[0, 0, 0]))]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["tls"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 40], &[10, 0, 0, 0, 10, 0, 0], &[0x16, 3, 1, 2, 0, 1, 0, 0]] {
            assert_eq!(gate(&Mysql, stranger, PORT), Gate::NotMine);
        }
        assert_eq!(gate(&Mysql, &greeting(), 9999), Gate::Mine);
    }
}
