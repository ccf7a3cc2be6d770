//! Telnet: greetings and prompts of terminal servers, log-ins in the clear and whether they are let in.
//!
//! Spec: RFC 854 and RFC 855 (commands, options), RFC 1091 (terminal type), RFC 2946 (encryption).
//! Tells us: the greeting, the host that a prompt names, that passwords cross in the clear, whether a log-in was accepted, the terminal.
//! Does not tell: names of users, and what is typed and shown after the log-in.

use super::terminal_log_in::LogIn;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Next, Row, Shape, Side};
use crate::login;
use observations::{Field, Kind, Transport};

pub(crate) struct Telnet;

const PORT: u16 = 23;
/// RFC 854: interpret as command; then a command, of which these take an option.
const IAC: u8 = 255;
const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const DO: u8 = 253;
const DONT: u8 = 254;
/// Options are numbered to 49 (IANA), and some pragmatic ones stand at 138 to 140 and 255.
const OPTION_MAX: u8 = 49;
const ECHO: u8 = 1;
const TERMINAL_TYPE: u8 = 24;
const WINDOW_SIZE: u8 = 31;
const ENCRYPT: u8 = 38;
/// RFC 1091 and RFC 2946: the first byte of a subnegotiation.
const IS: u8 = 0;
const START: u8 = 3;
/// What is kept of a subnegotiation that goes on.
const OPTION_BYTES_MAX: usize = 64;

impl Dissector for Telnet {
    type State = Session;

    const ROW: Row = Row {
        name: "telnet",
        revision: 1,
        spec: "RFC 854, RFC 855, RFC 1091",
        tells: "greetings and prompts, log-ins in the clear",
        bindings: &[Binding::Tcp(PORT), Binding::Tcp(2323), Binding::Tcp(2001)],
        // Two commands with an option each.
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, IAC), (1, 0xf8, 0xf8), (2, 0xc0, 0), (3, 0xff, IAC), (4, 0xf8, 0xf8), (5, 0xc0, 0)],
            min: 6,
            max: usize::MAX,
        }],
        operations: &[],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        match head {
            [IAC, SB | WILL..=DONT, 0..=OPTION_MAX | 138..=140, ..] => Gate::Mine,
            [] | [IAC] | [IAC, SB | WILL..=DONT] => Gate::More,
            // A prompt that was met in the middle.
            _ if at.src_port == PORT && is_prompt(head) => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        let mut commands = head.windows(3).filter(|three| three.first() == Some(&IAC));
        let told = commands.find_map(|three| match three {
            // RFC 857: servers echo; RFC 1091: terminals have a type; RFC 1073: and a size.
            [_, WILL, ECHO] | [_, DO, TERMINAL_TYPE | WINDOW_SIZE] => Some(Side::Server),
            [_, DO, ECHO] | [_, WILL, TERMINAL_TYPE | WINDOW_SIZE] => Some(Side::Client),
            _ => None,
        });
        told.unwrap_or(if is_prompt(head) { Side::Server } else { Side::Unknown })
    }

    fn frame(&self, head: &[u8]) -> Framing {
        Framing::datagram(head)
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let from_server = cx.from_client() == Some(false);
        let server = if from_server { cx.sender() } else { cx.receiver() };
        let half = if from_server { &mut session.server } else { &mut session.client };
        let mut rest = pdu;
        while !rest.is_empty() {
            let text = half.text(rest);
            if from_server {
                session.log_in.written(text, &server, cx);
            } else {
                session.log_in.typed(text, &server, cx);
            }
            rest = rest.get(text.len()..).unwrap_or_default();
            if let Some((length, option)) = half.command(rest) {
                if let Some(option) = option {
                    subnegotiated(&option, from_server, cx);
                    session.encrypted |= option.starts_with(&[ENCRYPT, START]);
                }
                rest = rest.get(length..).unwrap_or_default();
            }
        }
        Ok(if session.log_in.is_over() || session.encrypted { Next::Count } else { Next::Read })
    }
}

/// A log-in, and where both directions are within commands.
#[derive(Default)]
pub(crate) struct Session {
    log_in: LogIn,
    client: Half,
    server: Half,
    encrypted: bool,
}

#[derive(Default)]
struct Half {
    /// Within a subnegotiation: the option and its bytes so far.
    option: Option<Vec<u8>>,
    /// The last byte was IAC.
    escape: bool,
    /// A command's option is still to come.
    negotiating: bool,
}

impl Half {
    /// What stands before the next command.
    fn text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.option.is_some() || self.escape || self.negotiating {
            return &[];
        }
        let end = bytes.iter().position(|byte| *byte == IAC).unwrap_or(bytes.len());
        bytes.get(..end).unwrap_or_default()
    }

    /// A byte of a command; the option's bytes where a subnegotiation ends.
    fn command(&mut self, bytes: &[u8]) -> Option<(usize, Option<Vec<u8>>)> {
        let byte = *bytes.first()?;
        if self.negotiating {
            self.negotiating = false;
            return Some((1, None));
        }
        if !self.escape {
            if byte == IAC {
                self.escape = true;
            } else if let Some(option) = &mut self.option
                && option.len() < OPTION_BYTES_MAX
            {
                option.push(byte);
            }
            return Some((1, None));
        }
        self.escape = false;
        match byte {
            SB => self.option = Some(Vec::new()),
            SE => return Some((1, self.option.take())),
            WILL..=DONT if self.option.is_none() => self.negotiating = true,
            _ => {}
        }
        Some((1, None))
    }
}

fn subnegotiated(option: &[u8], from_server: bool, cx: &mut Context<'_>) {
    match option {
        [TERMINAL_TYPE, IS, name @ ..] if !from_server && crate::lines::is_text(name) => {
            let client = cx.sender_host();
            cx.say(&client, Kind::Client).implied(Field::TerminalType, &observations::Value::Text(name.to_vec()));
        }
        [ENCRYPT, START, ..] => {
            let server = if from_server { cx.sender() } else { cx.receiver() };
            login::protection(cx, &server, "encrypt", login::ACCEPTED);
        }
        _ => {}
    }
}

/// Whether text ends with a prompt for a name or password.
fn is_prompt(head: &[u8]) -> bool {
    let line = head.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = crate::context::trim(line).to_ascii_lowercase();
    crate::lines::is_text(&line) && [&b"login:"[..], b"password:", b"username:"].iter().any(|end| line.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes, payload};
    use observations::Observation;

    fn talk(parts: &[(bool, &[u8])]) -> Vec<Observation> {
        let parts: Vec<_> = parts.iter().map(|(up, bytes)| if *up { (50000, 23, *bytes) } else { (23, 50000, *bytes) }).collect();
        conversation(&Telnet, Transport::Tcp, &parts)
    }

    const OPEN: &[u8] = &[IAC, 253, 24, IAC, 251, 1, IAC, 251, 3];

    #[test]
    fn greeting_host_and_an_accepted_log_in_are_told() {
        let said = talk(&[
            (false, OPEN),
            (false, b"\r\nIndustrial Switch V4.2\r\n\r\nsw-cell7 login: "),
            (true, b"admin\r\n"),
            (false, b"admin\r\nPassword: "),
            (true, b"hunter22\r\0"),
            (false, b"\r\nLast login: Mon\r\nsw-cell7# "),
        ]);
        let mut banner = field(&said, Kind::Service, Field::TelnetBanner);
        banner.sort();
        assert_eq!(banner, ["Industrial Switch V4.2", "sw-cell7 login:"]);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["sw-cell7"]);
        assert_eq!(outcomes(&said), ["password accepted", "password attempted"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["telnet password"]);
        let told = said.iter().flat_map(|said| &said.fields_first);
        assert!(
            !told
                .into_iter()
                .any(|field| ["hunter", "admin"].iter().any(|word| field.quote.windows(word.len()).any(|quote| quote == word.as_bytes())))
        );
    }

    #[test]
    fn keys_come_one_by_one_and_who_is_asked_again_was_refused() {
        let mut parts: Vec<(bool, &[u8])> = vec![(false, OPEN), (false, b"Username: ")];
        parts.extend(b"opx\x08\r".chunks(1).map(|key| (true, key)));
        parts.push((false, b"Password: "));
        parts.extend(b"secret\r".chunks(1).map(|key| (true, key)));
        parts.extend([(false, &b"\r\n% Bad passwords\r\n"[..]), (false, b"Username: ")]);
        let said = talk(&parts);
        assert_eq!(outcomes(&said), ["password attempted", "password refused"]);
        assert!(field(&said, Kind::Identity, Field::Hostname).is_empty());
    }

    #[test]
    fn a_shell_without_a_password_is_told() {
        let said = talk(&[(false, OPEN), (false, b"login: "), (true, b"root\r\n"), (false, b"root\r\n"), (false, b"BusyBox v1.2\r\n# ")]);
        assert_eq!(outcomes(&said), ["none accepted"]);
    }

    #[test]
    fn a_terminal_and_encryption_are_read_also_in_pieces() {
        let said = talk(&[
            (false, OPEN),
            (true, &[IAC, 250, 24, 0, b'x', b't']),
            (true, &[b'e', b'r', b'm', IAC, 240]),
            (true, &[IAC, 250, 38, 3, 1, IAC, 240]),
        ]);
        assert_eq!(field(&said, Kind::Client, Field::TerminalType), ["xterm"]);
        assert_eq!(outcomes(&said), ["encrypt accepted"]);
    }

    #[test]
    fn it_is_picked_up_in_the_middle_and_found_elsewhere() {
        assert_eq!(
            outcomes(&talk(&[(false, b"\r\nPassword: "), (true, b"x\r\n"), (false, b"\r\nrouter>")])),
            ["password accepted", "password attempted"]
        );
        let said = conversation(&Telnet, Transport::Tcp, &[(4023, 50000, OPEN), (4023, 50000, b"Box 7\r\nlogin: ")]);
        assert!(field(&said, Kind::Service, Field::TelnetBanner).contains(&"Box 7".to_owned()));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"HTTP/1.1 200 OK\r\n", &[0xff, 0xfb, 0x90, 0x64], &[0xff, b'S', b'M', b'B'], &[0; 9]] {
            assert_eq!(gate(&Telnet, stranger, 23), Gate::NotMine);
        }
        assert!(payload(&Telnet, Transport::Tcp, 23, 50000, b"220 ready\r\n").iter().all(|said| said.protocol != "telnet"));
    }
}
