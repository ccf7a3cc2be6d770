//! IMAP: mail servers by their greetings and ID, how clients log in and whether they may, TLS.
//!
//! Spec: RFC 9051 (RFC 3501), RFC 2971 (ID), RFC 2595 (STARTTLS).
//! Tells us: greeting, name and version that servers and clients give by ID, mechanisms, log-ins, TLS.
//! Does not tell: names of users, mailboxes and mail.

use super::mail_log_in::{self, LogIn, Uses};
use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::{lines, login, starttls};
use observations::{Field, Kind, OperationClass, Subject, Transport};

pub(crate) struct Imap;

const PORT: u16 = 143;
/// RFC 7162 §4: lines of clients have 8,192 bytes; answers that list are longer, and those are passed over.
const LINE_MAX: usize = 16 * 1024;
/// RFC 9051 §2.2.1: tags are short, clients count.
const TAG_MAX: usize = 32;
const USES: Uses = Uses { plain: "imap plain", login: "imap login" };

const COMMANDS: &[(&str, OperationClass)] = &[
    ("LOGIN", OperationClass::Session),
    ("AUTHENTICATE", OperationClass::Session),
    ("STARTTLS", OperationClass::Session),
    ("CAPABILITY", OperationClass::Session),
    ("ID", OperationClass::Session),
    ("NOOP", OperationClass::Session),
    ("LOGOUT", OperationClass::Session),
    ("SELECT", OperationClass::Read),
    ("EXAMINE", OperationClass::Read),
    ("LIST", OperationClass::Read),
    ("LSUB", OperationClass::Read),
    ("STATUS", OperationClass::Read),
    ("FETCH", OperationClass::Read),
    ("SEARCH", OperationClass::Read),
    ("UID", OperationClass::Read),
    ("IDLE", OperationClass::Read),
    ("APPEND", OperationClass::Write),
    ("STORE", OperationClass::Write),
    ("COPY", OperationClass::Write),
    ("MOVE", OperationClass::Write),
    ("CREATE", OperationClass::Write),
    ("DELETE", OperationClass::Write),
    ("RENAME", OperationClass::Write),
    ("EXPUNGE", OperationClass::Write),
    ("CLOSE", OperationClass::Session),
    ("ENABLE", OperationClass::Session),
    ("NAMESPACE", OperationClass::Read),
];

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 8, max: usize::MAX }
}

impl Dissector for Imap {
    type State = Session;

    const ROW: Row = Row {
        name: "imap",
        revision: 1,
        spec: "RFC 9051, RFC 3501, RFC 2971",
        tells: "greetings, names and versions by ID, log-ins, TLS",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[
            shape(&[(0, 0xff, b'*'), (1, 0xff, b' '), (2, 0xff, b'O'), (3, 0xff, b'K'), (4, 0xff, b' ')]),
            shape(&[(0, 0xff, b'*'), (1, 0xff, b' '), (2, 0xff, b'C'), (3, 0xff, b'A'), (4, 0xff, b'P'), (5, 0xff, b'A')]),
        ],
        operations: COMMANDS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let line = lines::first(head);
        if !lines::is_text(line) {
            return Gate::NotMine;
        }
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let says = |word: &[u8]| line.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
        let ours = is_answer(line) && (bound || says(b"imap")) || bound && command(line).is_some();
        match head.contains(&b'\n') {
            true if ours => Gate::Mine,
            false if head.len() < crate::engine::GATE_BYTES && (ours || head.len() < 4) => Gate::More,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match lines::first(head) {
            line if is_answer(line) => Side::Server,
            line if command(line).is_some() => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame_in(&self, head: &[u8], _: &At, state: Option<&Session>) -> Framing {
        if state.is_some_and(|session| session.tls) {
            return starttls::frame(head);
        }
        match lines::frame(head, LINE_MAX) {
            // RFC 9051 §4.3: `{size}` ends a line behind which so many bytes of mail stand.
            Framing::Pdu { len, want } => match literal(head.get(..len).unwrap_or_default()) {
                Some(size) => Framing::Pdu { len: len.saturating_add(size), want },
                None => Framing::Pdu { len, want },
            },
            Framing::Lost => Framing::datagram(head),
            other => other,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let found = command(lines::first(head)).filter(|_| at.from_client != Some(false));
        let operation = found.and_then(|(_, verb, _)| COMMANDS.iter().position(|row| row.0 == verb));
        // Once nobody logs in, mail is passed over and commands are counted.
        let look = match found {
            Some((_, "LOGIN" | "AUTHENTICATE" | "STARTTLS" | "CAPABILITY" | "ID", _)) => Look::Always,
            // Greetings and capabilities, also where nobody asked.
            None if matches!(head, [b'*', b' ', b'O' | b'C' | b'I', ..]) => Look::Always,
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
        // The answer tells how a log-in goes on, or what the server can.
        let waits = session.tls || session.log_in.is_open() || session.waiting.is_some();
        Ok(if waits { Next::Read } else { Next::Watch })
    }
}

/// Where a conversation is.
#[derive(Default)]
pub(crate) struct Session {
    log_in: LogIn,
    /// The tag of what a log-in or TLS was asked for with.
    waiting: Option<(Vec<u8>, Asked)>,
    greeted: bool,
    tls: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Login,
    Authenticate,
    Tls,
    /// What the server tells of itself.
    Other,
}

impl Session {
    fn asked(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let server = cx.receiver();
        if self.log_in.goes_on(line, &USES, &server, cx) {
            return;
        }
        self.greeted = true;
        let Some((tag, verb, rest)) = command(line) else { return };
        let asked = match verb {
            "LOGIN" => {
                let (user, rest) = string(rest);
                let (password, _) = string(rest);
                drop(login::say(cx, &server, "LOGIN", login::ATTEMPTED));
                if !password.is_empty() {
                    cx.secret(&server, "imap password", Some(user), password);
                }
                Asked::Login
            }
            "AUTHENTICATE" => {
                let (mechanism, initial) = lines::word(rest);
                self.log_in.begins(mechanism, initial, &USES, &server, cx);
                Asked::Authenticate
            }
            "STARTTLS" => Asked::Tls,
            "ID" => {
                let client = cx.sender_host();
                identified(rest, &client, Kind::Client, [Field::ClientName, Field::ClientBuild], cx);
                Asked::Other
            }
            "CAPABILITY" => Asked::Other,
            _ => return,
        };
        self.waiting = Some((tag.to_vec(), asked));
    }

    fn answered(&mut self, line: &[u8], cx: &mut Context<'_>) {
        let server = cx.sender();
        let (tag, rest) = lines::word(line);
        match tag {
            b"+" => self.log_in.challenged(rest),
            b"*" => self.untagged(rest, &server, cx),
            _ => {
                let accepted = rest.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"OK"));
                match self.waiting.take_if(|(waits, _)| waits == tag) {
                    Some((_, Asked::Login)) => drop(login::say(cx, &server, "LOGIN", login::outcome(accepted))),
                    Some((_, Asked::Authenticate)) => self.log_in.ends(accepted, &server, cx),
                    Some((_, Asked::Tls)) => {
                        self.tls = accepted;
                        login::protection(cx, &server, "tls", login::outcome(accepted));
                    }
                    Some((_, Asked::Other)) | None => {}
                }
            }
        }
    }

    fn untagged(&mut self, rest: &[u8], server: &Subject, cx: &mut Context<'_>) {
        let (word, text) = lines::word(rest);
        if word.eq_ignore_ascii_case(b"OK") && !std::mem::replace(&mut self.greeted, true) {
            let (capabilities, greeting) = bracketed(text);
            cx.say(server, Kind::Service).text(Field::MailBanner, mail_log_in::greeting(greeting));
            capable(capabilities, server, cx);
        } else if word.eq_ignore_ascii_case(b"CAPABILITY") {
            capable(rest, server, cx);
        } else if word.eq_ignore_ascii_case(b"ID") {
            identified(text, server, Kind::Service, [Field::SoftwareProduct, Field::SoftwareVersion], cx);
        }
    }
}

/// RFC 9051 §7.1: `[CAPABILITY …]` before the text.
fn bracketed(text: &[u8]) -> (&[u8], &[u8]) {
    match text.strip_prefix(b"[").and_then(|inner| inner.iter().position(|byte| *byte == b']').and_then(|end| inner.split_at_checked(end))) {
        Some((inside, rest)) => (inside, trim(rest.get(1..).unwrap_or_default())),
        None => (&[], text),
    }
}

/// RFC 9051 §7.2.2: mechanisms as AUTH=NAME; LOGINDISABLED until TLS has begun.
fn capable(list: &[u8], server: &Subject, cx: &mut Context<'_>) {
    if !list.get(..10).is_some_and(|word| word.eq_ignore_ascii_case(b"CAPABILITY")) {
        return;
    }
    for word in lines::words(list) {
        if let Some(mechanism) = word.get(..5).filter(|start| start.eq_ignore_ascii_case(b"AUTH=")).and_then(|_| word.get(5..)) {
            mail_log_in::offered(mechanism, server, cx);
        } else if word.eq_ignore_ascii_case(b"STARTTLS") {
            login::protection(cx, server, "tls", login::OFFERED);
        } else if word.eq_ignore_ascii_case(b"LOGINDISABLED") {
            login::protection(cx, server, "tls", login::REQUIRED);
        }
    }
}

/// RFC 2971 §3.1: pairs of strings in parentheses; name and version stand together.
fn identified(list: &[u8], about: &Subject, kind: Kind, [name, version]: [Field; 2], cx: &mut Context<'_>) {
    /// RFC 2971 §3.3.
    const PAIRS_MAX: usize = 30;
    let Some(mut rest) = list.strip_prefix(b"(") else { return };
    let mut saying = cx.say(about, kind);
    for _ in 0..PAIRS_MAX {
        let (key, behind) = string(rest);
        let (value, behind) = string(behind);
        if key.is_empty() || behind.len() >= rest.len() {
            break;
        }
        if key.eq_ignore_ascii_case(b"name") {
            saying = saying.text(name, value);
        } else if key.eq_ignore_ascii_case(b"version") {
            saying = saying.text(version, value);
        }
        rest = behind;
    }
}

/// A quoted string or an atom, and what follows it.
fn string(text: &[u8]) -> (&[u8], &[u8]) {
    let text = trim(text);
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| matches!(byte, b' ' | b')')).unwrap_or(text.len());
        return text.split_at_checked(end).unwrap_or((text, &[]));
    };
    let mut escaped = false;
    let end = quoted.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    let end = end.unwrap_or(quoted.len());
    (quoted.get(..end).unwrap_or_default(), quoted.get(end + 1..).unwrap_or_default())
}

/// The size of a literal that a line ends with.
fn literal(line: &[u8]) -> Option<usize> {
    let digits = trim(line).strip_suffix(b"}")?;
    let start = digits.iter().rposition(|byte| *byte == b'{')? + 1;
    let digits = std::str::from_utf8(digits.get(start..)?).ok()?;
    // A client may go on at once, or only when the server asks for it: then its bytes come in lines of their own.
    digits.parse().ok()
}

/// `*`, `+`, or a tag with what became of it.
fn is_answer(line: &[u8]) -> bool {
    let (tag, rest) = lines::word(line);
    let (word, _) = lines::word(rest);
    let decided = [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|known| word.eq_ignore_ascii_case(known));
    match tag {
        b"*" => {
            decided
                || [&b"CAPABILITY"[..], b"ID", b"LIST", b"FLAGS", b"SEARCH", b"STATUS"].contains(&word)
                || word.first().is_some_and(u8::is_ascii_digit)
        }
        b"+" => true,
        _ => is_tag(tag) && decided,
    }
}

fn is_tag(tag: &[u8]) -> bool {
    !tag.is_empty() && tag.len() <= TAG_MAX && tag.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'$'))
}

/// Tag, command, and what follows.
fn command(line: &[u8]) -> Option<(&[u8], &'static str, &[u8])> {
    let (tag, rest) = lines::word(line);
    let (verb, rest) = lines::word(rest);
    let (name, _) = COMMANDS.iter().find(|(name, _)| verb.eq_ignore_ascii_case(name.as_bytes()))?;
    is_tag(tag).then_some((tag, name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes};
    use observations::Observation;

    fn talk(port: u16, lines: &[(bool, &str)]) -> Vec<Observation> {
        let lines: Vec<_> =
            lines.iter().map(|(up, line)| if *up { (50000, port, line.as_bytes()) } else { (port, 50000, line.as_bytes()) }).collect();
        conversation(&Imap, Transport::Tcp, &lines)
    }

    #[test]
    fn greeting_and_capabilities_are_told() {
        let said = talk(
            143,
            &[
                (false, "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] Mail Store 2.3 ready\r\n"),
                (true, "a CAPABILITY\r\n"),
                (false, "* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n"),
            ],
        );
        assert_eq!(field(&said, Kind::Service, Field::MailBanner), ["Mail Store 2.3 ready"]);
        assert_eq!(outcomes(&said), ["PLAIN offered", "tls offered", "tls required"]);
    }

    #[test]
    fn log_ins_are_told_with_what_became_of_them() {
        let said = talk(143, &[(true, "a1 LOGIN ann \"hunter \\\"22\"\r\n"), (false, "a1 OK in\r\n")]);
        assert_eq!(outcomes(&said), ["LOGIN accepted", "LOGIN attempted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["imap password"]);
        let said = talk(143, &[(true, "7 authenticate plain\r\n"), (false, "+ \r\n"), (true, "AGFubgBodW50ZXIyMg==\r\n"), (false, "7 NO sorry\r\n")]);
        assert_eq!(outcomes(&said), ["PLAIN refused", "plain attempted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["imap plain"]);
    }

    #[test]
    fn both_sides_may_name_their_programs() {
        let said = talk(
            143,
            &[
                (true, "a ID (\"name\" \"Post 7\" \"version\" \"7.1\")\r\n"),
                (false, "* ID (\"name\" \"Store\" \"support-url\" \"x\" \"version\" \"2.3\")\r\n"),
            ],
        );
        assert_eq!(field(&said, Kind::Client, Field::ClientName), ["Post 7"]);
        assert_eq!(field(&said, Kind::Service, Field::SoftwareVersion), ["2.3"]);
    }

    #[test]
    fn mail_is_passed_over_and_tls_handed_on() {
        let said = talk(143, &[(false, "* 1 FETCH (BODY[] {30}\r\n* OK I am in a letter as text\r\n)\r\n* CAPABILITY STARTTLS\r\n")]);
        assert_eq!(outcomes(&said), ["tls offered"]);
        assert!(field(&said, Kind::Service, Field::MailBanner).is_empty());
        assert_eq!(outcomes(&talk(143, &[(true, "a STARTTLS\r\n"), (false, "a OK go\r\n"), (true, "b LOGIN a b\r\n")])), ["tls accepted"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        assert_eq!(field(&talk(1143, &[(false, "* OK IMAP4rev1 here\r\n")]), Kind::Service, Field::MailBanner), ["IMAP4rev1 here"]);
        for stranger in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"GET / HTTP/1.1\r\n", &[0x16, 3, 1, 2, 0, 1, 10], b"220 ready\r\n"] {
            assert_eq!(gate(&Imap, stranger, 143), Gate::NotMine);
        }
    }
}
