//! MongoDB's wire protocol: what servers and drivers are, how clients log in, servers that ask for no log-in.
//!
//! Spec: MongoDB manual, "MongoDB Wire Protocol" (OP_MSG, OP_QUERY, OP_REPLY); "MongoDB Handshake" and "Authentication" of the driver
//! specifications; bsonspec.org 1.1.
//! Tells us: driver, operating system and application of clients, wire version, server version where it is asked for, mechanisms, log-ins
//! passed, servers that answer without any. Does not tell: documents; what is compressed.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::{self, word};
use observations::{Field, Kind, OperationClass, Transport, Value};

pub(crate) struct Mongo;

const PORT: u16 = 27017;
/// Length, request, response to, operation code: four bytes each, little-endian.
const HEADER: usize = 16;
/// maxMessageSizeBytes.
const LENGTH_MAX: usize = 48_000_000;
/// Handshakes and log-ins have some hundred bytes.
const WANT: usize = 4096;
const REPLY: u32 = 1;
const QUERY: u32 = 2004;
const COMPRESSED: u32 = 2012;
const MSG: u32 = 2013;
const LEGACY: std::ops::RangeInclusive<u32> = 2001..=2007;
/// Elements of a document that are looked at: handshakes have some thirty.
const ELEMENTS_MAX: usize = 64;
const NAME_MAX: usize = 128;

const COMMANDS: &[(&str, OperationClass)] = &[
    ("hello", OperationClass::Session),
    ("ismaster", OperationClass::Session),
    ("ping", OperationClass::Session),
    ("buildinfo", OperationClass::Diagnose),
    ("saslstart", OperationClass::Session),
    ("saslcontinue", OperationClass::Session),
    ("find", OperationClass::Read),
    ("getmore", OperationClass::Read),
    ("aggregate", OperationClass::Read),
    ("count", OperationClass::Read),
    ("listdatabases", OperationClass::Read),
    ("listcollections", OperationClass::Read),
    ("insert", OperationClass::Write),
    ("update", OperationClass::Write),
    ("delete", OperationClass::Write),
    ("drop", OperationClass::Write),
    ("dropdatabase", OperationClass::Write),
    ("createuser", OperationClass::Configure),
    ("shutdown", OperationClass::Control),
    ("other_command", OperationClass::Session),
];
/// Commands that a server which asks for a log-in refuses before one.
const NEED_LOG_IN: std::ops::RangeInclusive<usize> = 6..=16;

/// What was asked last, and how far a log-in is.
#[derive(Default)]
pub(crate) struct Asked {
    command: Option<usize>,
    /// The handshake with which a connection begins was seen.
    began: bool,
    mechanism: Option<Vec<u8>>,
    done: bool,
}

impl Dissector for Mongo {
    type State = Asked;

    const ROW: Row = Row {
        name: "mongo",
        revision: 1,
        spec: "MongoDB Wire Protocol",
        tells: "drivers and systems of clients, server version, mechanisms, servers that ask for no log-in",
        bindings: &[Binding::Tcp(PORT)],
        // Operation code 2004 or 2013.
        shapes: &[
            Shape {
                over: Transport::Tcp,
                bytes: &[(3, 0xfc, 0), (12, 0xff, 0xdd), (13, 0xff, 7), (14, 0xff, 0), (15, 0xff, 0)],
                min: 26,
                max: usize::MAX,
            },
            Shape {
                over: Transport::Tcp,
                bytes: &[(3, 0xfc, 0), (12, 0xff, 0xd4), (13, 0xff, 7), (14, 0xff, 0), (15, 0xff, 0)],
                min: 26,
                max: usize::MAX,
            },
        ],
        operations: COMMANDS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(header) = Header::of(head) else { return Gate::NotMine };
        let whole = header.length <= head.len() || head.len() >= crate::engine::GATE_BYTES;
        let sound = match header.code {
            MSG | QUERY | REPLY => header.document(head).is_some(),
            COMPRESSED => header.length > HEADER + 9,
            _ => true,
        };
        if whole && sound { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match Header::of(head) {
            Some(header) if header.answers => Side::Server,
            Some(_) => Side::Client,
            None => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match Header::of(head) {
            Some(header) => Framing::Pdu { len: header.length, want: header.length.min(WANT) },
            None if head.len() < HEADER => Framing::Need(HEADER),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(header) = Header::of(head) else { return Glance::SKIP };
        if header.answers {
            return Glance { operation: None, look: Look::Always, inner: None };
        }
        let command = header.document(head).and_then(|document| Elements(document).next()).map(|element| index(element.name));
        let look = match command {
            Some(0 | 1 | 3..=5) => Look::Always,
            command => Look::Once(command.and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX)),
        };
        Glance { operation: command.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut Asked, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let header = Header::of(pdu).ok_or(DissectError::Malformed { rule: "header", offset: 0 })?;
        if let Some(document) = header.document(pdu) {
            if header.answers {
                state.answered(document, cx);
            } else {
                state.asked(document, cx);
            }
        }
        // Once it is known who was let in, answers are of no more interest.
        Ok(Next::Watch)
    }
}

struct Header {
    length: usize,
    code: u32,
    answers: bool,
}

impl Header {
    fn of(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes);
        let (length, answers, code) = (usize::try_from(word(0)?).ok()?, word(8)? != 0, word(12)?);
        let known = matches!(code, REPLY | COMPRESSED | MSG) || LEGACY.contains(&code);
        (known && (HEADER + 1..=LENGTH_MAX).contains(&length)).then_some(Self { length, code, answers: answers || code == REPLY })
    }

    /// The first document of a message.
    fn document<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let body = bytes.get(HEADER..)?;
        let rest = match self.code {
            // Flags, then a section of kind 0.
            MSG => body.get(4..)?.strip_prefix(&[0])?,
            QUERY => {
                let name = body.get(4..)?;
                let end = name.iter().take(NAME_MAX).position(|byte| *byte == 0)?;
                name.get(end + 9..)?
            }
            REPLY => body.get(20..)?,
            _ => return None,
        };
        let size = usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?;
        (size >= 5 && size <= self.length).then(|| rest.get(4..size).or_else(|| rest.get(4..)).unwrap_or_default())
    }
}

struct Element<'a> {
    kind: u8,
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Element<'a> {
    /// A string without its length and NUL.
    fn text(&self) -> Option<&'a [u8]> {
        (self.kind == 2).then(|| self.value.get(4..self.value.len().saturating_sub(1))).flatten()
    }

    fn document(&self) -> Option<&'a [u8]> {
        matches!(self.kind, 3 | 4).then(|| self.value.get(4..)).flatten()
    }

    /// True, or a number that is one: servers answer either.
    fn is_true(&self) -> bool {
        match self.kind {
            1 => self.value == 1f64.to_le_bytes(),
            8 => self.value == [1],
            16 => self.value == [1, 0, 0, 0],
            _ => false,
        }
    }
}

/// The elements of a document, without its length; ends at the first that is cut.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&kind, rest) = self.0.split_first()?;
        let end = rest.iter().take(NAME_MAX).position(|byte| *byte == 0)?;
        let (name, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
        let counted = || usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok();
        let size = match kind {
            1 | 9 | 17 | 18 => 8,
            2 | 13 | 14 => counted()?.checked_add(4)?,
            3 | 4 => counted()?,
            5 => counted()?.checked_add(5)?,
            6 | 10 | 0x7f | 0xff => 0,
            7 => 12,
            8 => 1,
            16 => 4,
            19 => 16,
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(size)?;
        self.0 = rest;
        Some(Element { kind, name, value })
    }
}

fn index(name: &[u8]) -> usize {
    COMMANDS.iter().position(|row| name.eq_ignore_ascii_case(row.0.as_bytes())).unwrap_or(COMMANDS.len() - 1)
}

fn get<'a>(document: &'a [u8], name: &str) -> Option<Element<'a>> {
    Elements(document).take(ELEMENTS_MAX).find(|element| element.name == name.as_bytes())
}

impl Asked {
    fn asked(&mut self, document: &[u8], cx: &mut Context<'_>) {
        let Some(command) = Elements(document).next() else { return };
        self.command = Some(index(command.name));
        if let Some(client) = get(document, "client").and_then(|element| element.document()) {
            self.began = true;
            metadata(client, cx);
        }
        let within = get(document, "speculativeAuthenticate").and_then(|element| element.document()).filter(|_| self.command <= Some(1));
        let start = if command.name.eq_ignore_ascii_case(b"saslStart") { Some(document) } else { within };
        let Some(start) = start else { return };
        let Some(mechanism) = get(start, "mechanism").and_then(|element| element.text()) else { return };
        self.mechanism = Some(mechanism.get(..NAME_MAX).unwrap_or(mechanism).to_vec());
        // RFC 4616: identity, user, password, NUL between them.
        if let (b"PLAIN", Some(payload)) = (mechanism, get(start, "payload").filter(|element| element.kind == 5)) {
            let mut parts = payload.value.get(5..).unwrap_or_default().splitn(3, |byte| *byte == 0).skip(1);
            if let (Some(user), Some(password)) = (parts.next(), parts.next()) {
                let server = cx.receiver();
                cx.secret(&server, "mongo password", Some(user), password);
            }
        }
    }

    fn answered(&mut self, document: &[u8], cx: &mut Context<'_>) {
        let server = cx.sender();
        let command = self.command.take();
        let well = get(document, "ok").is_some_and(|element| element.is_true());
        let version = get(document, "version").filter(|_| command == Some(3)).and_then(|element| element.text());
        drop(cx.say(&server, Kind::Service).maybe(version, |s, v| s.text(Field::SoftwareVersion, v)));
        if let Some(wire) = get(document, "maxWireVersion").filter(|element| element.kind == 16) {
            let number = wire.value.first().copied().unwrap_or_default().into();
            cx.say(&server, Kind::Service).decoded(Field::ProtocolVersion, &Value::Number(number), wire.value, "u32-le");
            if let Some(offered) = get(document, "saslSupportedMechs").and_then(|element| element.document()) {
                let texts = Elements(offered).take(8).filter_map(|element| element.text());
                let said = cx.say(&server, Kind::Security).implied(Field::Outcome, &word(login::OFFERED));
                drop(texts.fold(said, |saying, text| saying.text(Field::AuthenticationMethod, text)));
            }
        }
        let log_in = matches!(command, Some(4 | 5));
        let method = match (command, &self.mechanism) {
            _ if self.done => None,
            (_, Some(mechanism)) if log_in && well && get(document, "done").is_some_and(|element| element.is_true()) => Some(mechanism.clone()),
            (Some(command), None) if NEED_LOG_IN.contains(&command) && well && self.began => Some(b"none".to_vec()),
            _ => None,
        };
        let Some(method) = method else {
            if log_in && get(document, "errmsg").is_some() {
                cx.say(&server, Kind::Security).implied(Field::Outcome, &word("refused"));
            }
            return;
        };
        self.done = true;
        let saying = cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &word("none")).implied(Field::Outcome, &word("accepted"));
        drop(saying.implied(Field::AuthenticationMethod, &Value::Text(method)));
    }
}

/// "MongoDB Handshake": driver, system, application.
fn metadata(client: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let text = |part: &str, name: &str| get(client, part).and_then(|element| get(element.document()?, name)).and_then(|element| element.text());
    let saying = cx.say(&about, Kind::Client).maybe(text("application", "name"), |s, v| s.text(Field::ClientName, v));
    drop(saying.maybe(text("driver", "name"), |s, v| s.text(Field::ServiceName, v)));
    let saying = cx.say(&about, Kind::Client).maybe(text("os", "name"), |s, v| s.text(Field::OperatingSystem, v));
    drop(saying.maybe(text("os", "architecture"), |s, v| s.text(Field::Cpu, v)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};

    fn text(name: &str, value: &str) -> Vec<u8> {
        let length = u32::try_from(value.len() + 1).unwrap().to_le_bytes();
        [&[2][..], name.as_bytes(), &[0], &length, value.as_bytes(), &[0]].concat()
    }

    fn document(elements: &[Vec<u8>]) -> Vec<u8> {
        let body = elements.concat();
        [&u32::try_from(body.len() + 5).unwrap().to_le_bytes()[..], &body, &[0]].concat()
    }

    fn within(name: &str, elements: &[Vec<u8>]) -> Vec<u8> {
        [&[3][..], name.as_bytes(), &[0], &document(elements)].concat()
    }

    fn one(name: &str) -> Vec<u8> {
        [&[16][..], name.as_bytes(), &[0, 1, 0, 0, 0]].concat()
    }

    fn message(answers: u8, elements: &[Vec<u8>]) -> Vec<u8> {
        let body = [&[0; 5][..], &document(elements)].concat();
        let length = u32::try_from(body.len() + HEADER).unwrap().to_le_bytes();
        [&length[..], &[7, 0, 0, 0, answers, 0, 0, 0, 0xdd, 7, 0, 0], &body].concat()
    }

    fn talk(parts: &[(bool, Vec<u8>)]) -> Vec<observations::Observation> {
        let parts: Vec<(u16, u16, &[u8])> =
            parts.iter().map(|(up, data)| if *up { (50000, PORT, &data[..]) } else { (PORT, 50000, &data[..]) }).collect();
        conversation(&Mongo, Transport::Tcp, &parts)
    }

    fn hello() -> Vec<u8> {
        let driver = within("driver", &[text("name", "PyMongo"), text("version", "4.6.1")]);
        message(0, &[one("hello"), within("client", &[driver, within("os", &[text("name", "Linux")])])])
    }

    #[test]
    fn a_driver_names_itself_and_a_server_its_version() {
        let said = talk(&[(true, hello()), (true, message(0, &[one("buildInfo")])), (false, message(7, &[text("version", "6.0.14"), one("ok")]))]);
        assert_eq!(field(&said, Kind::Client, Field::ServiceName), ["PyMongo"]);
        assert_eq!(field(&said, Kind::Client, Field::OperatingSystem), ["Linux"]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["6.0.14"]);
    }

    #[test]
    fn a_server_that_answers_without_log_in_is_told_from_one_that_does_not() {
        let find = || message(0, &[text("find", "tags")]);
        let open = talk(&[(true, hello()), (true, find()), (false, message(7, &[one("ok")]))]);
        assert_eq!(field(&open, Kind::Security, Field::AuthenticationMethod), ["none"]);
        let shut = talk(&[(true, hello()), (true, find()), (false, message(7, &[text("errmsg", "requires authentication")]))]);
        assert!(field(&shut, Kind::Security, Field::AuthenticationMethod).is_empty());
        let middle = talk(&[(true, find()), (false, message(7, &[one("ok")]))]);
        assert!(field(&middle, Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn a_log_in_that_is_passed_names_its_mechanism() {
        let start = message(0, &[one("saslStart"), text("mechanism", "SCRAM-SHA-256")]);
        let said = talk(&[(true, start), (false, message(7, &[one("done"), one("ok")]))]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["SCRAM-SHA-256"]);
        let plain = [&[5][..], b"payload\0", &[16, 0, 0, 0, 0], b"\0scada\0hunter22\0"].concat();
        let said = talk(&[(true, message(0, &[one("saslStart"), text("mechanism", "PLAIN"), plain]))]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["mongo password"]);
        assert!(field(&said, Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(gate(&Mongo, &hello(), 37017), Gate::Mine);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 40], &[0xdd; 40], &hello()[..15]] {
            assert_eq!(gate(&Mongo, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
