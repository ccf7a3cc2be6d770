//! POP3: mail servers by their greetings, how clients log in and whether they may, TLS.
//!
//! Spec: RFC 1939, RFC 2449 (CAPA), RFC 5034 (AUTH), RFC 2595 (STLS).
//! Tells us: the greeting, the server's word for its implementation, log-ins, TLS.
//! Does not tell: names of users, and mail.

use super::mail_log_in::{self, LogIn, Uses};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::{lines, login, starttls};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Pop;

const PORT: u16 = 110;
/// RFC 2449 §4: answers have 512 characters, RFC 5034 §4 lets log-ins have more; lines of mail have 1,000.
const LINE_MAX: usize = 12_288;
const USES: Uses = Uses { plain: "pop plain", login: "pop login" };
/// RFC 1939 §7: names have 40 characters; servers of today take addresses.
const USER_MAX: usize = 320;

const COMMANDS: &[(&str, OperationClass)] = &[
    ("USER", OperationClass::Session),
    ("PASS", OperationClass::Session),
    ("APOP", OperationClass::Session),
    ("AUTH", OperationClass::Session),
    ("STLS", OperationClass::Session),
    ("CAPA", OperationClass::Session),
    ("STAT", OperationClass::Read),
    ("LIST", OperationClass::Read),
    ("RETR", OperationClass::Read),
    ("TOP", OperationClass::Read),
    ("UIDL", OperationClass::Read),
    ("DELE", OperationClass::Write),
    ("RSET", OperationClass::Session),
    ("NOOP", OperationClass::Session),
    ("QUIT", OperationClass::Session),
];

impl Dissector for Pop {
    type State = Session;

    const ROW: Row = Row {
        name: "pop",
        revision: 1,
        spec: "RFC 1939, RFC 2449, RFC 5034, RFC 2595",
        tells: "greetings, log-ins, TLS",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, b'+'), (1, 0xff, b'O'), (2, 0xff, b'K'), (3, 0xff, b' ')],
            min: 6,
            max: usize::MAX,
        }],
        operations: COMMANDS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let line = lines::first(head);
        if !lines::is_text(line) {
            return Gate::NotMine;
        }
        let bound = at.src_port == PORT || at.dst_port == PORT;
        // Redis answers +OK and nothing behind; only mail names its product there.
        let says = |word: &[u8]| line.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
        let ours = is_reply(line) && (bound || says(b"pop") || says(b"<") && says(b"@")) || bound && command(line).is_some();
        match head.contains(&b'\n') {
            true if ours => Gate::Mine,
            false if head.len() < crate::engine::GATE_BYTES && (ours || head.len() < 4) => Gate::More,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match lines::first(head) {
            line if is_reply(line) => Side::Server,
            line if command(line).is_some() => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame_in(&self, head: &[u8], _: &At, state: Option<&Session>) -> Framing {
        if state.is_some_and(|session| session.tls) { starttls::frame(head) } else { lines::frame(head, LINE_MAX) }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let found = command(lines::first(head)).filter(|_| at.from_client != Some(false));
        let operation = found.and_then(|(verb, _)| COMMANDS.iter().position(|row| row.0 == verb));
        // Once nobody logs in, mail is passed over and commands are counted.
        let look = match found {
            Some(("USER" | "PASS" | "APOP" | "AUTH" | "STLS" | "CAPA", _)) => Look::Always,
            _ => Look::Never,
        };
        Glance { operation: operation.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if session.tls {
            return Ok(starttls::read(pdu, cx));
        }
        let line = lines::first(pdu);
        if cx.from_client() == Some(false) {
            session.answered(line, cx);
        } else {
            session.asked(line, cx);
        }
        Ok(if session.waits() { Next::Read } else { Next::Watch })
    }
}

/// Where a conversation is.
#[derive(Default)]
pub(crate) struct Session {
    log_in: LogIn,
    user: Option<Vec<u8>>,
    asked: Asked,
    greeted: bool,
    tls: bool,
}

/// What the next answer is to.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Asked {
    #[default]
    Other,
    Password,
    Digest,
    Tls,
    Capabilities,
}

impl Session {
    /// Whether the next lines tell how a log-in goes on, or what the server can.
    fn waits(&self) -> bool {
        self.tls || self.log_in.is_open() || self.asked != Asked::Other
    }

    fn asked(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let server = cx.receiver();
        if self.log_in.goes_on(line, &USES, &server, cx) {
            return;
        }
        // Before a client has spoken a server has greeted.
        self.greeted = true;
        self.asked = Asked::Other;
        match command(line) {
            Some(("USER", user)) => self.user = Some(user.get(..USER_MAX).unwrap_or(user).to_vec()),
            Some(("PASS", password)) => {
                self.asked = Asked::Password;
                drop(login::say(cx, &server, login::PASSWORD, login::ATTEMPTED));
                cx.secret(&server, "pop password", self.user.as_deref(), password);
            }
            Some(("APOP", _)) => {
                self.asked = Asked::Digest;
                drop(login::say(cx, &server, "APOP", login::ATTEMPTED));
            }
            Some(("AUTH", rest)) => {
                let (mechanism, initial) = lines::word(rest);
                self.log_in.begins(mechanism, initial, &USES, &server, cx);
            }
            Some(("STLS", _)) => self.asked = Asked::Tls,
            Some(("CAPA", _)) => self.asked = Asked::Capabilities,
            _ => {}
        }
    }

    fn answered(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let server = cx.sender();
        if line == b"+" || line.starts_with(b"+ ") {
            self.log_in.challenged(line);
            return;
        }
        if !is_reply(line) {
            if self.asked == Asked::Capabilities {
                self.capable(line, cx);
            }
            return;
        }
        let accepted = line.starts_with(b"+OK");
        if self.log_in.is_open() {
            self.log_in.ends(accepted, &server, cx);
            return;
        }
        match self.asked {
            Asked::Password => drop(login::say(cx, &server, login::PASSWORD, login::outcome(accepted))),
            Asked::Digest => drop(login::say(cx, &server, "APOP", login::outcome(accepted))),
            Asked::Tls => {
                self.tls = accepted;
                login::protection(cx, &server, "tls", login::outcome(accepted));
            }
            Asked::Other if accepted && !self.greeted => {
                cx.say(&server, Kind::Service).text(Field::MailBanner, mail_log_in::greeting(line.get(3..).unwrap_or_default()));
            }
            // What follows is the list.
            Asked::Capabilities if accepted => return,
            _ => {}
        }
        self.greeted = true;
        self.asked = Asked::Other;
    }

    /// RFC 2449 §5 and §6: one capability a line, until a dot.
    fn capable(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let server = cx.sender();
        let (name, rest) = lines::word(line);
        if line == b"." {
            self.asked = Asked::Other;
        } else if name.eq_ignore_ascii_case(b"SASL") {
            mail_log_in::offered(rest, &server, cx);
        } else if name.eq_ignore_ascii_case(b"STLS") {
            login::protection(cx, &server, "tls", login::OFFERED);
        } else if name.eq_ignore_ascii_case(b"IMPLEMENTATION") {
            cx.say(&server, Kind::Service).text(Field::MailBanner, rest);
        }
    }
}

fn is_reply(line: &[u8]) -> bool {
    [&b"+OK"[..], b"-ERR"].iter().any(|word| line.strip_prefix(*word).is_some_and(|rest| matches!(rest.first(), None | Some(b' '))))
}

fn command(line: &[u8]) -> Option<(&'static str, &[u8])> {
    let (verb, rest) = lines::word(line);
    COMMANDS.iter().find(|(name, _)| verb.eq_ignore_ascii_case(name.as_bytes())).map(|(name, _)| (*name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes};
    use observations::Observation;

    fn talk(port: u16, lines: &[&str]) -> Vec<Observation> {
        let of_server = |line: &str| matches!(line.as_bytes()[0], b'+' | b'-');
        let lines: Vec<_> =
            lines.iter().map(|line| if of_server(line) { (port, 50000, line.as_bytes()) } else { (50000, port, line.as_bytes()) }).collect();
        conversation(&Pop, Transport::Tcp, &lines)
    }

    #[test]
    fn greeting_and_capabilities_are_told() {
        let said = talk(
            110,
            &["+OK Dovecot (Debian) ready.\r\n", "CAPA\r\n", "+OK\r\nSASL PLAIN\r\nSTLS\r\nIMPLEMENTATION Box-7\r\n.\r\n".get(..5).unwrap()],
        );
        assert_eq!(field(&said, Kind::Service, Field::MailBanner), ["Dovecot (Debian) ready."]);
        let capabilities: &[(u16, u16, &[u8])] =
            &[(50000, 110, b"CAPA\r\n"), (110, 50000, b"+OK\r\nSASL PLAIN LOGIN\r\nSTLS\r\nIMPLEMENTATION Box-7\r\n.\r\n")];
        let said = conversation(&Pop, Transport::Tcp, capabilities);
        assert_eq!(outcomes(&said), ["LOGIN offered", "PLAIN offered", "tls offered"]);
        assert_eq!(field(&said, Kind::Service, Field::MailBanner), ["Box-7"]);
    }

    #[test]
    fn passwords_are_told_with_what_became_of_them() {
        let said = talk(110, &["USER ann\r\n", "+OK\r\n", "PASS hunter22\r\n", "+OK 2 messages\r\n", "RETR 1\r\n"]);
        assert_eq!(outcomes(&said), ["password accepted", "password attempted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["pop password"]);
        assert!(field(&said, Kind::Service, Field::MailBanner).is_empty());
        assert_eq!(outcomes(&talk(110, &["APOP ann c4c9334bac560ecc979e58001b3e22fb\r\n", "-ERR no\r\n"])), ["APOP attempted", "APOP refused"]);
        assert_eq!(
            outcomes(&talk(110, &["AUTH PLAIN\r\n", "+ \r\n", "AGFubgBodW50ZXIyMg==\r\n", "+OK in\r\n"])),
            ["PLAIN accepted", "PLAIN attempted"]
        );
    }

    #[test]
    fn after_stls_records_are_handed_on() {
        assert_eq!(outcomes(&talk(110, &["STLS\r\n", "+OK go\r\n", "USER a\r\n", "PASS b\r\n"])), ["tls accepted"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(field(&talk(1110, &["+OK POP3 server <7.1@mail.plant.test>\r\n"]), Kind::Service, Field::MailBanner).len(), 1);
        for stranger in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"GET / HTTP/1.1\r\n", &[0x16, 3, 1, 2, 0, 1, 10], b"220 ready\r\n"] {
            assert_eq!(gate(&Pop, stranger, 110), Gate::NotMine);
        }
        assert_eq!(gate(&Pop, b"+OK\r\n", 6379), Gate::NotMine);
    }
}
