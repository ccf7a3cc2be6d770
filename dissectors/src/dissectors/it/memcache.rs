//! memcached: a cache that as a rule asks nobody who he is.
//!
//! Spec: memcached's `doc/protocol.txt` (text protocol).
//! Tells us: version, that it answers without a log-in. Does not tell: keys and values; the binary protocol, which is deprecated.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::login::word;
use observations::{Field, Kind, OperationClass};

pub(crate) struct Memcache;

const PORT: u16 = 11211;
const COMMANDS: &[(&str, OperationClass)] = &[
    ("get", OperationClass::Read),
    ("gets", OperationClass::Read),
    ("set", OperationClass::Write),
    ("add", OperationClass::Write),
    ("delete", OperationClass::Write),
    ("incr", OperationClass::Write),
    ("stats", OperationClass::Diagnose),
    ("version", OperationClass::Diagnose),
    ("flush_all", OperationClass::Write),
    ("quit", OperationClass::Session),
];
const ANSWERS: &[&[u8]] =
    &[b"VERSION ", b"STAT ", b"VALUE ", b"STORED\r\n", b"END\r\n", b"DELETED\r\n", b"NOT_FOUND\r\n", b"ERROR\r\n", b"CLIENT_ERROR "];
/// Answers that only somebody who was let in gets.
const SERVED: usize = 7;

impl Dissector for Memcache {
    type State = ();

    const ROW: Row = Row {
        name: "memcache",
        revision: 1,
        spec: "memcached protocol.txt",
        tells: "version, service without a log-in",
        bindings: &[Binding::Tcp(PORT)],
        // Words that other text protocols use too.
        shapes: &[],
        operations: COMMANDS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let line = head.contains(&b'\n');
        if line && (command(head).is_some() || answer(head).is_some()) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        if answer(head).is_some() { Side::Server } else { Side::Client }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if at.from_client == Some(true) {
            return Glance { operation: command(head).and_then(|index| u16::try_from(index).ok()), look: Look::Never, inner: None };
        }
        let look = answer(head).and_then(|index| u32::try_from(index).ok()).map_or(Look::Never, Look::Once);
        Glance { operation: None, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let server = cx.sender();
        if cx.from_client() != Some(false) {
            return Ok(Next::Watch);
        }
        if answer(pdu).is_some_and(|index| index < SERVED) {
            let saying = cx.say(&server, Kind::Security).implied(Field::AuthenticationMethod, &word("none"));
            drop(saying.implied(Field::SecurityLevel, &word("none")).implied(Field::Outcome, &word("accepted")));
        }
        let version =
            pdu.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"VERSION ").or_else(|| line.strip_prefix(b"STAT version ")));
        drop(cx.say(&server, Kind::Service).maybe(version.map(trim), |s, v| s.text(Field::SoftwareVersion, v)));
        Ok(Next::Watch)
    }
}

fn command(head: &[u8]) -> Option<usize> {
    let name = head.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next()?;
    COMMANDS.iter().position(|row| name == row.0.as_bytes())
}

fn answer(head: &[u8]) -> Option<usize> {
    ANSWERS.iter().position(|known| head.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Transport;

    #[test]
    fn a_cache_says_its_version_and_lets_anybody_in() {
        let said = conversation(&Memcache, Transport::Tcp, &[(50000, PORT, b"version\r\n"), (PORT, 50000, b"VERSION 1.6.9\r\n")]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["1.6.9"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn an_error_lets_nobody_in() {
        let said = conversation(&Memcache, Transport::Tcp, &[(50000, PORT, b"get a\r\n"), (PORT, 50000, b"CLIENT_ERROR unauthenticated\r\n")]);
        assert!(field(&said, Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 40], b"get", b"versions\r\n"] {
            assert_eq!(gate(&Memcache, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
