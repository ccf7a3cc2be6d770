//! SMTP: mail servers and their products, hosts by the names that they greet with, log-ins, TLS.
//!
//! Spec: RFC 5321 §4, RFC 4954 (AUTH), RFC 3207 (STARTTLS).
//! Tells us: the greeting with name and product, what clients call themselves, how they log in and whether they may, TLS.
//! Does not tell: mail: addresses, subjects and texts are not kept.

use super::mail_log_in::{self, LogIn, Uses};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::{lines, login, starttls};
use observations::{Field, Kind, OperationClass, Subject, Transport};

pub(crate) struct Smtp;

const PORTS: [u16; 3] = [25, 587, 2525];
/// RFC 5321 §4.5.3.1: lines have 1,000 characters at most, RFC 4954 §4 lets those of log-ins have 12,288.
const LINE_MAX: usize = 12_288 + 2;
const USES: Uses = Uses { plain: "smtp plain", login: "smtp login" };

const GREETING: &[u8] = b"220";
const LOGGED_IN: &[u8] = b"235";
const GO_ON: &[u8] = b"334";
/// RFC 4954 §6: 535 and others of the class refuse.
const TOO_WEAK: &[u8] = b"534";
const TLS_REQUIRED: &[u8] = b"538";

const COMMANDS: &[(&str, OperationClass)] = &[
    ("EHLO", OperationClass::Session),
    ("HELO", OperationClass::Session),
    ("MAIL", OperationClass::Write),
    ("RCPT", OperationClass::Write),
    ("DATA", OperationClass::Write),
    ("BDAT", OperationClass::Write),
    ("RSET", OperationClass::Session),
    ("VRFY", OperationClass::Read),
    ("EXPN", OperationClass::Read),
    ("HELP", OperationClass::Session),
    ("NOOP", OperationClass::Session),
    ("QUIT", OperationClass::Session),
    ("AUTH", OperationClass::Session),
    ("STARTTLS", OperationClass::Session),
];

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 6, max: usize::MAX }
}

impl Dissector for Smtp {
    type State = Session;

    const ROW: Row = Row {
        name: "smtp",
        revision: 1,
        spec: "RFC 5321, RFC 4954, RFC 3207",
        tells: "greetings with name and product, log-ins, TLS",
        bindings: &[Binding::Tcp(25), Binding::Tcp(587), Binding::Tcp(2525)],
        // Greetings are those of FTP as well; only mail is greeted with.
        shapes: &[
            shape(&[(0, 0xdf, b'E'), (1, 0xdf, b'H'), (2, 0xdf, b'L'), (3, 0xdf, b'O'), (4, 0xff, b' ')]),
            shape(&[(0, 0xdf, b'M'), (1, 0xdf, b'A'), (2, 0xdf, b'I'), (3, 0xdf, b'L'), (4, 0xff, b' '), (5, 0xdf, b'F'), (9, 0xff, b':')]),
        ],
        operations: COMMANDS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let line = lines::first(head);
        if !lines::is_text(line) || head.first().is_some_and(u8::is_ascii_whitespace) {
            return Gate::NotMine;
        }
        let bound = PORTS.contains(&at.src_port) || PORTS.contains(&at.dst_port);
        let ours = command(line).is_some_and(|(verb, _)| bound || matches!(verb, "EHLO" | "MAIL")) || bound && is_reply(line);
        match head.contains(&b'\n') {
            true if ours => Gate::Mine,
            false if head.len() < crate::engine::GATE_BYTES && (ours || head.len() < 5) => Gate::More,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(b'2'..=b'5') => Side::Server,
            _ if command(lines::first(head)).is_some() => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame_in(&self, head: &[u8], at: &At, state: Option<&Session>) -> Framing {
        match state {
            Some(session) if session.tls => starttls::frame(head),
            // Mail itself is passed over; it ends with a dot alone, which the next answer shows as well.
            Some(session) if session.data && at.from_client == Some(true) => Framing::datagram(head),
            _ => lines::frame(head, LINE_MAX),
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let operation = match at.from_client {
            Some(false) => None,
            _ => command(lines::first(head)),
        };
        let look = match operation {
            Some(("EHLO" | "HELO" | "AUTH" | "STARTTLS" | "DATA" | "BDAT", _)) => Look::Always,
            _ => Look::Never,
        };
        let operation = operation.and_then(|(verb, _)| COMMANDS.iter().position(|row| row.0 == verb));
        Glance { operation: operation.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if session.tls {
            return Ok(starttls::read(pdu, cx));
        }
        if cx.from_client() == Some(false) {
            session.answered(lines::first(pdu), cx);
        } else if !session.data {
            session.asked(lines::first(pdu), cx);
        }
        Ok(if session.waits() { Next::Read } else { Next::Watch })
    }
}

/// Where a conversation is.
#[derive(Default)]
pub(crate) struct Session {
    log_in: LogIn,
    greeted: bool,
    /// The client sends mail, or has asked to.
    data: bool,
    asked_for_data: bool,
    asked_for_tls: bool,
    /// The server says what it can.
    asked_for_extensions: bool,
    tls: bool,
}

impl Session {
    /// Whether the next lines tell how a log-in goes on, what the server can, or where mail ends.
    const fn waits(&self) -> bool {
        self.tls || self.data || self.asked_for_data || self.asked_for_tls || self.asked_for_extensions || self.log_in.is_open()
    }

    fn asked(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let server = cx.receiver();
        if self.log_in.goes_on(line, &USES, &server, cx) {
            return;
        }
        match command(line) {
            Some(("EHLO" | "HELO", name)) => {
                self.asked_for_extensions = true;
                named(name, cx);
            }
            Some(("DATA", _)) => self.asked_for_data = true,
            // RFC 3030 §2: a size stands there, and no dot ends it.
            Some(("BDAT", _)) => self.data = true,
            Some(("STARTTLS", _)) => self.asked_for_tls = true,
            Some(("AUTH", rest)) => {
                let (mechanism, initial) = lines::word(rest);
                self.log_in.begins(mechanism, initial, &USES, &server, cx);
            }
            _ => {}
        }
    }

    fn answered(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let Some((code, text)) = line.split_at_checked(3).filter(|_| is_reply(line)) else { return };
        // RFC 5321 §4.2.1: a hyphen behind the code says that more lines follow.
        self.asked_for_extensions &= text.starts_with(b"-");
        let text = text.get(1..).unwrap_or_default();
        let server = cx.sender();
        self.data = std::mem::take(&mut self.asked_for_data) && code == b"354";
        if std::mem::take(&mut self.asked_for_tls) {
            self.tls = code == GREETING;
            login::protection(cx, &server, "tls", login::outcome(self.tls));
        } else if code == GREETING && !self.greeted {
            self.greeted = true;
            greeted(text, &server, cx);
        } else if code == LOGGED_IN {
            self.log_in.ends(true, &server, cx);
        } else if code == GO_ON {
            self.log_in.challenged(text);
        } else if code.first() == Some(&b'5') && self.log_in.is_open() {
            self.log_in.ends(false, &server, cx);
        }
        match code {
            TLS_REQUIRED => login::protection(cx, &server, "tls", login::REQUIRED),
            TOO_WEAK => login::protection(cx, &server, "stronger mechanism", login::REQUIRED),
            b"250" => offered(text, &server, cx),
            _ => {}
        }
    }
}

/// RFC 5321 §4.2: the server's name stands first, then what it likes to say of itself.
fn greeted(text: &[u8], server: &Subject, cx: &mut Context<'_>) {
    cx.say(server, Kind::Service).text(Field::MailBanner, mail_log_in::greeting(text));
    let (name, rest) = lines::word(text);
    if !rest.is_empty() && is_domain(name) {
        cx.say(&Subject { endpoint: None, ..server.clone() }, Kind::Identity).text(Field::FullyQualifiedName, name);
    }
}

/// RFC 5321 §4.1.1.1: what a client calls itself: a host's whole name, or the one label that it has; an address literal is none.
fn named(name: &[u8], cx: &mut Context<'_>) {
    let (name, _) = lines::word(name);
    let client = cx.sender_host();
    let nobody = [&b"localhost"[..], b"localhost.localdomain"].iter().any(|nobody| name.eq_ignore_ascii_case(nobody));
    if name.starts_with(b"[") || name.is_empty() || nobody || !name.iter().any(u8::is_ascii_alphabetic) {
        return;
    }
    cx.say(&client, Kind::Client).text(Field::MailClient, name);
}

/// RFC 4954 §3 and RFC 3207 §2: extensions in the answer to EHLO.
fn offered(text: &[u8], server: &Subject, cx: &mut Context<'_>) {
    // Some servers have `AUTH=` before the first mechanism, for clients of before the RFC.
    let Some((word, rest)) = text.split_at_checked(4) else { return };
    if word.eq_ignore_ascii_case(b"AUTH") && matches!(rest.first(), Some(b' ' | b'=')) {
        mail_log_in::offered(rest.get(1..).unwrap_or_default(), server, cx);
    } else if text.eq_ignore_ascii_case(b"STARTTLS") {
        login::protection(cx, server, "tls", login::OFFERED);
    }
}

fn is_domain(name: &[u8]) -> bool {
    name.contains(&b'.')
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && name.iter().any(u8::is_ascii_alphabetic)
}

/// RFC 5321 §4.2: three digits, then a space, a hyphen or nothing.
fn is_reply(line: &[u8]) -> bool {
    matches!(line, [b'2'..=b'5', b'0'..=b'5', b'0'..=b'9'] | [b'2'..=b'5', b'0'..=b'5', b'0'..=b'9', b' ' | b'-', ..])
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
        let of_server = |line: &str| line.as_bytes()[0].is_ascii_digit();
        let lines: Vec<_> =
            lines.iter().map(|line| if of_server(line) { (port, 50000, line.as_bytes()) } else { (50000, port, line.as_bytes()) }).collect();
        conversation(&Smtp, Transport::Tcp, &lines)
    }

    #[test]
    fn greeting_and_offers_are_told() {
        let said = talk(
            25,
            &[
                "220 mail.plant.test ESMTP Postfix\r\n",
                "EHLO hist01.plant.test\r\n",
                "250-mail.plant.test\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n",
            ],
        );
        assert_eq!(field(&said, Kind::Service, Field::MailBanner), ["mail.plant.test ESMTP Postfix"]);
        assert_eq!(field(&said, Kind::Identity, Field::FullyQualifiedName), ["mail.plant.test"]);
        assert_eq!(field(&said, Kind::Client, Field::MailClient), ["hist01.plant.test"]);
        assert_eq!(outcomes(&said), ["LOGIN offered", "PLAIN offered", "tls offered"]);
    }

    #[test]
    fn a_log_in_in_the_clear_is_told_with_what_became_of_it() {
        let said = talk(25, &["AUTH PLAIN AG9wZXJhdG9yAGh1bnRlcjIy\r\n", "235 2.7.0 ok\r\n"]);
        assert_eq!(outcomes(&said), ["PLAIN accepted", "PLAIN attempted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["smtp plain"]);
        let said =
            talk(25, &["AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n", "b3BlcmF0b3I=\r\n", "334 UGFzc3dvcmQ6\r\n", "aHVudGVyMjI=\r\n", "535 no\r\n"]);
        assert_eq!(outcomes(&said), ["LOGIN attempted", "LOGIN refused"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["smtp login"]);
        let quotes: Vec<_> =
            said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!quotes.iter().any(|quote| quote.contains("aHVu") || quote.contains("b3Bl")), "{quotes:?}");
    }

    #[test]
    fn mail_is_not_read_as_commands() {
        let said = talk(
            25,
            &["MAIL FROM:<a@b>\r\n", "250 ok\r\n", "DATA\r\n", "354 go\r\n", "EHLO in.the.text\r\n.\r\n", "250 queued\r\n", "EHLO after\r\n"],
        );
        assert_eq!(field(&said, Kind::Client, Field::MailClient), ["after"]);
    }

    #[test]
    fn after_starttls_records_are_handed_on() {
        let said = talk(25, &["STARTTLS\r\n", "220 go\r\n", "EHLO nobody\r\n"]);
        assert_eq!(outcomes(&said), ["tls accepted"]);
        assert!(field(&said, Kind::Client, Field::MailClient).is_empty());
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(field(&talk(10025, &["EHLO printer7\r\n", "250 ok\r\n"]), Kind::Client, Field::MailClient), ["printer7"]);
        for stranger in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"GET / HTTP/1.1\r\n", &[0x16, 3, 1, 2, 0, 1, 10], b"+OK ready\r\n"] {
            assert_eq!(gate(&Smtp, stranger, 25), Gate::NotMine);
        }
        assert_eq!(gate(&Smtp, b"220 ready\r\n", 21), Gate::NotMine);
        assert_eq!(gate(&Smtp, b"EHL", 25), Gate::More);
    }
}
