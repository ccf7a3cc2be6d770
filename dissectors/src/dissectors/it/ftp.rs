//! FTP: greeting and system of a server, passwords in the clear, anonymous log-ins, whether TLS is asked for.
//!
//! Spec: RFC 959 §4 and §5, RFC 1123 §4.1, RFC 2228 and RFC 4217 (AUTH TLS), RFC 2389 (FEAT), RFC 3659.
//! Tells us: the greeting, the answer to SYST, that passwords cross in the clear and of whom, which commands are used.
//! Does not tell: files (their data has connections of its own); what TLS protects.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::{login, starttls};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Ftp;

const PORT: u16 = 21;
/// RFC 959 sets no limit; servers take paths of 4 KiB at most (POSIX `PATH_MAX`).
const LINE_MAX: usize = 4096 + 64;
/// RFC 959 §4.2: greetings of several lines repeat the code or leave it out; the product stands in the first few.
const GREETING_LINES_MAX: u8 = 4;
/// User names are short; longer ones are not kept for the log-in's tag.
const USER_MAX: usize = 128;

/// RFC 959 §4.2.2.
const SYSTEM: &[u8] = b"215";
const GREETING: &[u8] = b"220";
const LOGGED_IN: &[u8] = b"230";
/// RFC 2228 §5.1: logged in, as the security exchange says (TLS with a client's certificate).
const LOGGED_IN_SECURELY: &[u8] = b"232";
const NOT_LOGGED_IN: &[u8] = b"530";
/// RFC 2228 §5.1: the security mechanism is accepted; with TLS the handshake follows.
const MECHANISM: &[u8] = b"234";

/// RFC 959 §4.1, RFC 2228 §3, RFC 2428, RFC 2389, RFC 3659.
const COMMANDS: &[(&str, OperationClass)] = &[
    ("USER", OperationClass::Session),
    ("PASS", OperationClass::Session),
    ("ACCT", OperationClass::Session),
    ("CWD", OperationClass::Session),
    ("CDUP", OperationClass::Session),
    ("SMNT", OperationClass::Session),
    ("REIN", OperationClass::Session),
    ("QUIT", OperationClass::Session),
    ("PORT", OperationClass::Session),
    ("PASV", OperationClass::Session),
    ("TYPE", OperationClass::Session),
    ("STRU", OperationClass::Session),
    ("MODE", OperationClass::Session),
    ("RETR", OperationClass::Read),
    ("STOR", OperationClass::Write),
    ("STOU", OperationClass::Write),
    ("APPE", OperationClass::Write),
    ("ALLO", OperationClass::Session),
    ("REST", OperationClass::Session),
    ("RNFR", OperationClass::Write),
    ("RNTO", OperationClass::Write),
    ("ABOR", OperationClass::Session),
    ("DELE", OperationClass::Write),
    ("RMD", OperationClass::Write),
    ("MKD", OperationClass::Write),
    ("PWD", OperationClass::Session),
    ("LIST", OperationClass::Read),
    ("NLST", OperationClass::Read),
    ("SITE", OperationClass::Configure),
    ("SYST", OperationClass::Diagnose),
    ("STAT", OperationClass::Diagnose),
    ("HELP", OperationClass::Session),
    ("NOOP", OperationClass::Session),
    ("AUTH", OperationClass::Session),
    ("ADAT", OperationClass::Session),
    ("PBSZ", OperationClass::Session),
    ("PROT", OperationClass::Session),
    ("CCC", OperationClass::Session),
    ("EPRT", OperationClass::Session),
    ("EPSV", OperationClass::Session),
    ("FEAT", OperationClass::Session),
    ("OPTS", OperationClass::Session),
    ("MDTM", OperationClass::Read),
    ("SIZE", OperationClass::Read),
    ("MLSD", OperationClass::Read),
    ("MLST", OperationClass::Read),
    ("CLNT", OperationClass::Session),
    ("XPWD", OperationClass::Session),
    ("XCWD", OperationClass::Session),
];

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 6, max: usize::MAX }
}

impl Dissector for Ftp {
    type State = LogIn;

    const ROW: Row = Row {
        name: "ftp",
        revision: 2,
        spec: "RFC 959, RFC 2228, RFC 4217",
        tells: "greeting, system, passwords in the clear, anonymous log-ins",
        bindings: &[Binding::Tcp(PORT)],
        // Greetings and USER are those of SMTP and POP3 as well; nobody else opens data connections.
        shapes: &[
            shape(&[(0, 0xff, b'P'), (1, 0xff, b'A'), (2, 0xff, b'S'), (3, 0xff, b'V'), (4, 0xff, b'\r'), (5, 0xff, b'\n')]),
            shape(&[(0, 0xff, b'E'), (1, 0xff, b'P'), (2, 0xff, b'S'), (3, 0xff, b'V'), (4, 0xff, b'\r'), (5, 0xff, b'\n')]),
        ],
        operations: COMMANDS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let end = head.iter().position(|byte| *byte == b'\n');
        let line = trim(head.get(..end.unwrap_or(head.len())).unwrap_or_default());
        if line.iter().any(|byte| *byte < b' ' && *byte != b'\t') || head.first().is_some_and(u8::is_ascii_whitespace) {
            return Gate::NotMine;
        }
        let ours = is_reply(line) && !is_mail(line) || command(line).is_some();
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let ours = ours && (bound || matches!(line, b"PASV" | b"EPSV"));
        match end {
            Some(_) if ours => Gate::Mine,
            None if head.len() < 8 || (ours && head.len() < crate::engine::GATE_BYTES) => Gate::More,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(first) if first.is_ascii_digit() => Side::Server,
            _ if command(line_of(head)).is_some() => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame_in(&self, head: &[u8], _: &At, state: Option<&LogIn>) -> Framing {
        if state.is_some_and(|log_in| log_in.tls) {
            return starttls::frame(head);
        }
        match head.iter().take(LINE_MAX).position(|byte| *byte == b'\n') {
            Some(end) => Framing::Pdu { len: end + 1, want: end + 1 },
            None if head.len() < LINE_MAX => Framing::Need(head.len() + 1),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let line = line_of(head);
        if at.from_client == Some(false) || is_reply(line) {
            let told = [SYSTEM, GREETING, LOGGED_IN, LOGGED_IN_SECURELY, NOT_LOGGED_IN, MECHANISM].iter().any(|code| line.starts_with(code));
            return if told { Glance::READ } else { Glance::SKIP };
        }
        let found = command(line);
        let look = match found.map(|(index, _)| COMMANDS.get(index).map_or("", |row| row.0)) {
            Some("USER" | "PASS" | "AUTH") => Look::Always,
            _ => Look::Never,
        };
        Glance { operation: found.and_then(|(index, _)| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], log_in: &mut LogIn, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if log_in.tls {
            return Ok(starttls::read(pdu, cx));
        }
        let line = trim(pdu);
        if cx.from_client() == Some(false) || is_reply(line) {
            return Ok(log_in.answered(line, cx));
        }
        if let Some((index, argument)) = command(line) {
            log_in.asked(COMMANDS.get(index).map_or("", |row| row.0), argument, cx);
        }
        Ok(Next::Watch)
    }
}

/// How far a log-in is.
#[derive(Default)]
pub(crate) struct LogIn {
    user: Option<Vec<u8>>,
    /// A password was sent for this user.
    password: bool,
    greeting: u8,
    tls: bool,
}

impl LogIn {
    fn asked(&mut self, command: &str, argument: &[u8], cx: &mut Context<'_>) {
        match command {
            "USER" => {
                self.user = Some(argument.get(..USER_MAX).unwrap_or(argument).to_vec());
                self.password = false;
            }
            "PASS" => {
                self.password = true;
                // RFC 1635: the password of an anonymous user is an address, and no secret.
                if !self.is_anonymous() {
                    let server = cx.receiver();
                    drop(login::say(cx, &server, login::PASSWORD, login::ATTEMPTED));
                    cx.secret(&server, "ftp password", self.user.as_deref(), argument);
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, line: &[u8], cx: &mut Context<'_>) -> Next {
        let Some((code, text)) = line.split_at_checked(3) else { return Next::Watch };
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let server = cx.sender();
        if code == GREETING && self.greeting < GREETING_LINES_MAX {
            self.greeting += 1;
            cx.say(&server, Kind::Service).trimmed(Field::FtpBanner, text);
        } else if code == SYSTEM {
            cx.say(&server, Kind::Service).trimmed(Field::FtpSystem, text);
        } else if [LOGGED_IN, LOGGED_IN_SECURELY, NOT_LOGGED_IN].contains(&code) && self.user.is_some() {
            let method = match self.password {
                _ if self.is_anonymous() => login::ANONYMOUS,
                false => login::NONE,
                true => login::PASSWORD,
            };
            drop(login::say(cx, &server, method, login::outcome(code != NOT_LOGGED_IN)));
            self.user = None;
        } else if code == MECHANISM {
            self.tls = true;
            login::protection(cx, &server, "tls", login::ACCEPTED);
            return Next::Read;
        }
        Next::Watch
    }

    /// RFC 1635 §2.1 and what servers take as well.
    fn is_anonymous(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.eq_ignore_ascii_case(b"anonymous") || user.eq_ignore_ascii_case(b"ftp"))
    }
}

fn line_of(head: &[u8]) -> &[u8] {
    trim(head.split(|byte| *byte == b'\n').next().unwrap_or_default())
}

/// RFC 959 §4.2: three digits, the first from 1 to 5 (6 in RFC 2228), the second from 0 to 5 (7), then a space, a hyphen or nothing.
fn is_reply(line: &[u8]) -> bool {
    matches!(line, [b'1'..=b'6', b'0'..=b'7', b'0'..=b'9'] | [b'1'..=b'6', b'0'..=b'7', b'0'..=b'9', b' ' | b'-', ..])
}

/// Whether a greeting is that of a mail server, whose codes are the same.
fn is_mail(line: &[u8]) -> bool {
    line.windows(4).any(|word| word.eq_ignore_ascii_case(b"smtp"))
}

/// A command by its index, and what follows it.
fn command(line: &[u8]) -> Option<(usize, &[u8])> {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (verb, argument) = line.split_at_checked(end)?;
    let index = COMMANDS.iter().position(|(name, _)| verb.eq_ignore_ascii_case(name.as_bytes()))?;
    Some((index, trim(argument)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes};
    use observations::Observation;

    fn talk(port: u16, lines: &[&str]) -> Vec<Observation> {
        let lines = lines
            .iter()
            .map(|line| if line.as_bytes()[0].is_ascii_digit() { (port, 50000, line.as_bytes()) } else { (50000, port, line.as_bytes()) });
        conversation(&Ftp, Transport::Tcp, &lines.collect::<Vec<_>>())
    }

    #[test]
    fn greeting_and_system_are_told() {
        let said = talk(21, &["220-ProFTPD 1.3.5\r\n", "220 ready\r\n", "SYST\r\n", "215 UNIX Type: L8\r\n"]);
        let mut greeting = field(&said, Kind::Service, Field::FtpBanner);
        greeting.sort();
        assert_eq!(greeting, ["ProFTPD 1.3.5", "ready"]);
        assert_eq!(field(&said, Kind::Service, Field::FtpSystem), ["UNIX Type: L8"]);
    }

    #[test]
    fn a_password_goes_to_the_tagger_alone() {
        let said = talk(21, &["USER operator\r\n", "331 Password\r\n", "PASS hunter22\r\n", "230 in\r\n"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["ftp password"]);
        assert_eq!(outcomes(&said), ["password accepted", "password attempted"]);
        let said = talk(21, &["USER operator\r\n", "331 Password\r\n", "PASS hunter22\r\n", "530 no\r\n"]);
        assert_eq!(outcomes(&said), ["password attempted", "password refused"]);
        assert!(!said.iter().flat_map(|said| &said.fields_first).any(|field| field.quote.windows(6).any(|quote| quote == b"hunter")));
    }

    #[test]
    fn an_anonymous_user_shows_no_secret() {
        let said = talk(21, &["user Anonymous\r\n", "331 Password\r\n", "PASS a@b\r\n", "230 in\r\n"]);
        assert_eq!(outcomes(&said), ["anonymous accepted"]);
        assert!(said.iter().all(|said| said.kind != Kind::Credential));
        assert_eq!(outcomes(&talk(21, &["USER plc\r\n", "230 in\r\n"])), ["none accepted"]);
    }

    #[test]
    fn after_auth_tls_records_are_handed_on() {
        let said = talk(21, &["AUTH TLS\r\n", "234 go\r\n", "USER a\r\n", "PASS b\r\n"]);
        assert_eq!(outcomes(&said), ["tls accepted"]);
        assert!(said.iter().all(|said| said.kind != Kind::Credential));
    }

    #[test]
    fn it_is_picked_up_in_the_middle_and_elsewhere() {
        let said = talk(2121, &["PASV\r\n", "227 ok (10,0,0,1,9,9)\r\n", "SYST\r\n", "215 VxWorks\r\n"]);
        assert_eq!(field(&said, Kind::Service, Field::FtpSystem), ["VxWorks"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"220 mail.example ESMTP\r\n",
            b"EHLO host\r\n",
            b"GET / HTTP/1.1\r\n",
            &[0x16, 3, 1, 2, 0, 1, 0, 0, 9, 10],
        ] {
            assert_eq!(gate(&Ftp, stranger, 21), Gate::NotMine);
        }
        assert_eq!(gate(&Ftp, b"220 ready\r\n", 25), Gate::NotMine);
        assert_eq!(gate(&Ftp, b"USER", 21), Gate::More);
    }
}
