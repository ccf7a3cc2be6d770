//! RESP, the protocol of Redis, Valkey and their kin: whether anybody may come in, and what the server is.
//!
//! Spec: Redis documentation, "Redis serialization protocol specification", "AUTH", "HELLO", "INFO".
//! Tells us: version and operating system from INFO and HELLO, passwords in the clear, whether a server asks for any.
//! Does not tell: keys and values.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::{self, word};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Resp;

const PORTS: [u16; 2] = [6379, 6380];
/// Words of a request that are looked at: HELLO 3 AUTH user password SETNAME name.
const WORDS_MAX: usize = 8;
/// INFO's first section names what is looked for.
const INFO_MAX: usize = 1400;

/// Commands by name; what is not here is counted as other.
const COMMANDS: &[(&str, OperationClass)] = &[
    ("auth", OperationClass::Session),
    ("hello", OperationClass::Session),
    ("info", OperationClass::Diagnose),
    ("ping", OperationClass::Session),
    ("get", OperationClass::Read),
    ("set", OperationClass::Write),
    ("hget", OperationClass::Read),
    ("hset", OperationClass::Write),
    ("publish", OperationClass::Write),
    ("subscribe", OperationClass::Read),
    ("keys", OperationClass::Read),
    ("scan", OperationClass::Read),
    ("config", OperationClass::Configure),
    ("client", OperationClass::Session),
    ("command", OperationClass::Session),
    ("select", OperationClass::Session),
    ("eval", OperationClass::Control),
    ("module", OperationClass::Program),
    ("slaveof", OperationClass::Configure),
    ("replicaof", OperationClass::Configure),
    ("flushall", OperationClass::Write),
    ("shutdown", OperationClass::Control),
    ("other_command", OperationClass::Session),
];

/// What was asked last, and whether it was the conversation's first.
#[derive(Default)]
pub(crate) struct Asked {
    command: Option<&'static str>,
    any: bool,
    /// The first command is one with which clients begin, and no log-in came before.
    open: bool,
}

impl Dissector for Resp {
    type State = Asked;

    const ROW: Row = Row {
        name: "resp",
        revision: 1,
        spec: "Redis serialization protocol specification",
        tells: "version and operating system of servers, passwords in the clear, servers that ask for none",
        bindings: &[Binding::Tcp(PORTS[0]), Binding::Tcp(PORTS[1])],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, b'*'), (1, 0xf0, 0x30), (2, 0xff, b'\r'), (3, 0xff, b'\n'), (4, 0xff, b'$'), (5, 0xf0, 0x30)],
            min: 12,
            max: usize::MAX,
        }],
        operations: COMMANDS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = PORTS.iter().any(|port| *port == at.src_port || *port == at.dst_port);
        let named = words(head).first().is_some_and(|name| (2..=20).contains(&name.len()) && name.iter().all(u8::is_ascii_alphabetic));
        if named || bound && is_answer(head) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(b'*') if words(head).first().is_some_and(|name| COMMANDS.iter().any(|row| name.eq_ignore_ascii_case(row.0.as_bytes()))) => {
                Side::Client
            }
            Some(b'+' | b'-' | b':' | b'$' | b'%') => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if at.from_client == Some(true) {
            let name = words(head).first().copied().unwrap_or_default();
            let index = if name.is_empty() { None } else { u16::try_from(index(name)).ok() };
            let look = match index.map(usize::from).and_then(|index| COMMANDS.get(index)).map(|row| row.0) {
                Some("auth" | "hello" | "info" | "client" | "command") => Look::Always,
                _ => Look::Once(index.unwrap_or(u16::MAX).into()),
            };
            return Glance { operation: index, look, inner: None };
        }
        let telling = matches!(head.first(), Some(b'-' | b'%')) || head.starts_with(b"+OK") || info(head).is_some() || head.starts_with(b"*14\r\n");
        Glance { operation: None, look: if telling { Look::Always } else { Look::Once(u32::MAX) }, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut Asked, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.from_client() == Some(false) {
            state.answered(pdu, cx);
        } else {
            state.asked(&words(pdu), cx);
        }
        Ok(Next::Watch)
    }
}

fn index(name: &[u8]) -> usize {
    COMMANDS.iter().position(|row| name.eq_ignore_ascii_case(row.0.as_bytes())).unwrap_or(COMMANDS.len() - 1)
}

/// The first words of a request, an array of bulk strings.
fn words(head: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    let Some((count, mut rest)) = head.strip_prefix(b"*").and_then(line) else { return words };
    let Some(count) = decimal(count) else { return words };
    while words.len() < count.min(WORDS_MAX) {
        let Some((size, behind)) = rest.strip_prefix(b"$").and_then(line) else { break };
        let Some((word, behind)) = decimal(size).and_then(|size| behind.split_at_checked(size)) else { break };
        words.push(word);
        rest = behind.strip_prefix(b"\r\n").unwrap_or(behind);
    }
    words
}

fn line(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = rest.iter().take(16).position(|byte| *byte == b'\r')?;
    Some((rest.get(..end)?, rest.get(end..)?.strip_prefix(b"\r\n")?))
}

fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?.parse().ok()
}

/// A reply as servers begin one.
fn is_answer(head: &[u8]) -> bool {
    let known: [&[u8]; 8] = [b"+OK\r\n", b"+PONG\r\n", b"-ERR ", b"-NOAUTH ", b"-WRONGPASS ", b"-DENIED ", b"-LOADING ", b"$-1\r\n"];
    known.iter().any(|known| head.starts_with(known)) || info(head).is_some()
}

/// The text of an answer to INFO: sections begin with a number sign.
fn info(head: &[u8]) -> Option<&[u8]> {
    let (_, text) = head.strip_prefix(b"$").and_then(line)?;
    text.starts_with(b"# ").then(|| text.get(..INFO_MAX).unwrap_or(text))
}

impl Asked {
    fn asked(&mut self, words: &[&[u8]], cx: &mut Context<'_>) {
        let Some((name, arguments)) = words.split_first() else { return };
        let command = COMMANDS.get(index(name)).map(|row| row.0);
        if !self.any {
            self.open = matches!(command, Some("hello" | "client" | "command"));
        }
        (self.any, self.command) = (true, command);
        let server = cx.receiver();
        let login = match (command, arguments) {
            (Some("auth"), [password]) => Some((None, *password)),
            (Some("auth"), [user, password]) => Some((Some(*user), *password)),
            (Some("hello"), [_, auth, user, password, ..]) if auth.eq_ignore_ascii_case(b"auth") => Some((Some(*user), *password)),
            _ => None,
        };
        if let Some((user, password)) = login {
            self.open = false;
            self.command = Some("auth");
            cx.secret(&server, "redis password", user, password);
        }
        if let (Some("client"), [what, name]) = (command, arguments)
            && what.eq_ignore_ascii_case(b"setname")
        {
            let client = cx.sender_host();
            cx.say(&client, Kind::Client).trimmed(Field::ClientName, name);
        }
    }

    fn answered(&mut self, answer: &[u8], cx: &mut Context<'_>) {
        let server = cx.sender();
        let method = |cx: &mut Context<'_>, method: &str, end: &str| {
            let saying = cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &word("none"));
            drop(saying.implied(Field::AuthenticationMethod, &word(method)).implied(Field::Outcome, &word(end)));
        };
        match (self.command.take(), answer.first()) {
            (Some("auth"), Some(b'+' | b'%' | b'*')) => method(cx, "password", "accepted"),
            (_, Some(b'-')) if answer.starts_with(b"-NOAUTH") => {
                drop(login::say(cx, &server, login::PASSWORD, login::REQUIRED));
                self.open = false;
            }
            (Some("auth"), Some(b'-')) => {
                let unset = [&b"no password is set"[..], b"without any password configured"];
                if unset.iter().any(|text| answer.windows(text.len()).any(|window| window == *text)) {
                    method(cx, "none", "accepted");
                } else {
                    method(cx, "password", "refused");
                }
            }
            (Some("hello" | "client" | "command"), Some(b'+' | b'%' | b'*')) if self.open => {
                method(cx, "none", "accepted");
                self.open = false;
            }
            _ => {}
        }
        if let Some(text) = info(answer) {
            let value = |name: &[u8]| text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name)).map(trim);
            let saying = cx.say(&server, Kind::Service).maybe(value(b"redis_version:"), |s, v| s.text(Field::SoftwareVersion, v));
            drop(saying.maybe(value(b"os:"), |s, v| s.text(Field::OperatingSystem, v)));
        }
        // HELLO: a map, or an array in version 2, with the names of its values.
        let named = answer
            .windows(12)
            .position(|window| window == b"version\r\n$5\r")
            .or_else(|| answer.windows(12).position(|window| window == b"version\r\n$6\r"));
        if let Some(version) =
            named.filter(|_| !answer.starts_with(b"$")).and_then(|at| answer.get(at + 13..)).and_then(|rest| rest.split(|byte| *byte == b'\r').next())
        {
            cx.say(&server, Kind::Service).text(Field::SoftwareVersion, version);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};

    fn talk(parts: &[(bool, &[u8])]) -> Vec<observations::Observation> {
        let parts: Vec<(u16, u16, &[u8])> =
            parts.iter().map(|(up, data)| if *up { (50000, PORTS[0], *data) } else { (PORTS[0], 50000, *data) }).collect();
        conversation(&Resp, Transport::Tcp, &parts)
    }

    const INFO: &[u8] = b"*1\r\n$4\r\nINFO\r\n";
    const AUTH: &[u8] = b"*2\r\n$4\r\nAUTH\r\n$8\r\nhunter22\r\n";

    #[test]
    fn a_server_says_its_version_and_system() {
        let said = talk(&[(true, INFO), (false, b"$90\r\n# Server\r\nredis_version:7.0.15\r\nos:Linux 6.1.0-18-amd64 x86_64\r\n")]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["7.0.15"]);
        assert_eq!(field(&said, Kind::Service, Field::OperatingSystem), ["Linux 6.1.0-18-amd64 x86_64"]);
        assert!(field(&said, Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn a_password_that_is_taken_refused_or_not_needed() {
        let taken = talk(&[(true, AUTH), (false, b"+OK\r\n")]);
        assert_eq!(field(&taken, Kind::Security, Field::AuthenticationMethod), ["password"]);
        assert_eq!(field(&taken, Kind::Credential, Field::SecretUse), ["redis password"]);
        assert!(!taken.iter().flat_map(|said| &said.fields_first).any(|field| field.quote.windows(6).any(|quote| quote == b"hunter")));
        let wrong = talk(&[(true, AUTH), (false, b"-WRONGPASS invalid\r\n")]);
        assert_eq!(field(&wrong, Kind::Security, Field::Outcome), ["refused"]);
        let unset = talk(&[(true, AUTH), (false, b"-ERR Client sent AUTH, but no password is set\r\n")]);
        assert_eq!(field(&unset, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn a_server_that_lets_anybody_in_is_told_from_one_that_does_not() {
        let begin: &[u8] = b"*4\r\n$6\r\nCLIENT\r\n$7\r\nSETINFO\r\n$8\r\nLIB-NAME\r\n$5\r\nredis\r\n";
        assert_eq!(field(&talk(&[(true, begin), (false, b"+OK\r\n")]), Kind::Security, Field::AuthenticationMethod), ["none"]);
        let shut = talk(&[(true, begin), (false, b"-NOAUTH Authentication required.\r\n")]);
        assert_eq!(field(&shut, Kind::Security, Field::AuthenticationMethod), ["password"]);
        assert_eq!(field(&shut, Kind::Security, Field::Outcome), ["required"]);
        let middle = talk(&[(true, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), (false, b"$-1\r\n"), (true, begin), (false, b"+OK\r\n")]);
        assert!(field(&middle, Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(gate(&Resp, INFO, 7000), Gate::Mine);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 40], b"*1\r\n$99\r\nINFO", b"$5\r\nhello\r\n"] {
            assert_eq!(gate(&Resp, stranger, PORTS[0]), Gate::NotMine, "{stranger:?}");
        }
    }
}
