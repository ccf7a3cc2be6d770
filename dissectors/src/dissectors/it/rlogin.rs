//! rlogin: log-ins at hosts that trust a client's word, or ask for a password in the clear.
//!
//! Spec: RFC 1282.
//! Tells us: that the service is used, whether a log-in was accepted, the terminal, the host that a prompt names.
//! Does not tell: names of users, and what is typed and shown after the log-in.

use super::terminal_log_in::LogIn;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Next, Row, Side};
use crate::login;
use observations::{Field, Kind};

pub(crate) struct Rlogin;

const PORT: u16 = 513;
/// Three names; those of users have 32 characters at most (Linux, LOGIN_NAME_MAX is 256).
const OPENING_MAX: usize = 512;

impl Dissector for Rlogin {
    type State = Session;

    const ROW: Row = Row {
        name: "rlogin",
        revision: 1,
        spec: "RFC 1282",
        tells: "log-ins at hosts that trust a client's word",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if at.dst_port != PORT {
            return Gate::NotMine;
        }
        match opening(head) {
            Opening::Whole { .. } => Gate::Mine,
            Opening::Part => Gate::More,
            Opening::None => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        if matches!(opening(head), Opening::Whole { .. }) { Side::Client } else { Side::Unknown }
    }

    fn frame_in(&self, head: &[u8], at: &At, state: Option<&Session>) -> Framing {
        if at.from_client != Some(true) || state.is_some_and(|session| session.opened) {
            return Framing::datagram(head);
        }
        match opening(head) {
            Opening::Whole { length, .. } => Framing::Pdu { len: length, want: length },
            Opening::Part => Framing::Need(head.len() + 1),
            Opening::None => Framing::Lost,
        }
    }

    fn read(&self, pdu: &[u8], session: &mut Session, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.from_client() == Some(false) {
            let server = cx.sender();
            session.log_in.written(pdu, &server, cx);
        } else if session.opened {
            let server = cx.receiver();
            session.log_in.typed(pdu, &server, cx);
        } else if let Opening::Whole { user, terminal, .. } = opening(pdu) {
            session.opened = true;
            session.log_in.named(user);
            let (client, server) = (cx.sender_host(), cx.receiver());
            cx.say(&client, Kind::Client).text(Field::TerminalType, terminal);
            drop(login::say(cx, &server, "trusted host", login::ATTEMPTED));
        }
        Ok(if session.log_in.is_over() { Next::Count } else { Next::Read })
    }
}

/// A log-in that was opened, or not yet.
#[derive(Default)]
pub(crate) struct Session {
    opened: bool,
    log_in: LogIn,
}

enum Opening<'a> {
    Whole { user: &'a [u8], terminal: &'a [u8], length: usize },
    Part,
    None,
}

/// RFC 1282: a NUL (often in a segment of its own), then the user's name there and here, and `terminal/speed`, each with a NUL behind.
fn opening(head: &[u8]) -> Opening<'_> {
    let names = head.strip_prefix(&[0]).unwrap_or(head);
    let mut parts = names.splitn(4, |byte| *byte == 0);
    let (here, there, terminal, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
    let printable = |part: Option<&[u8]>| part.is_none_or(|part| part.iter().all(u8::is_ascii_graphic));
    if !printable(here) || !printable(there) || !printable(terminal) || names.first() == Some(&0) {
        return Opening::None;
    }
    let (Some(user), Some(line), Some(rest)) = (there, terminal, rest) else {
        return if head.len() < OPENING_MAX && head.contains(&0) { Opening::Part } else { Opening::None };
    };
    let Some(slash) = line.iter().position(|byte| *byte == b'/') else { return Opening::None };
    let (terminal, speed) = line.split_at_checked(slash).unwrap_or((line, &[]));
    if speed.len() < 2 || !speed.iter().skip(1).all(u8::is_ascii_digit) {
        return Opening::None;
    }
    Opening::Whole { user, terminal, length: head.len() - rest.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, outcomes};
    use observations::{Observation, Transport};

    const OPENING: &[u8] = b"\0ann\0operator\0xterm/38400\0";

    fn talk(parts: &[(bool, &[u8])]) -> Vec<Observation> {
        let parts: Vec<_> = parts.iter().map(|(up, bytes)| if *up { (1023, 513, *bytes) } else { (513, 1023, *bytes) }).collect();
        conversation(&Rlogin, Transport::Tcp, &parts)
    }

    #[test]
    fn a_trusted_client_is_let_in_without_a_password() {
        let said = talk(&[(true, OPENING), (false, b"\0"), (false, b"Last login: today\r\ngw$ ")]);
        assert_eq!(outcomes(&said), ["none accepted", "trusted host attempted"]);
        assert_eq!(field(&said, Kind::Client, Field::TerminalType), ["xterm"]);
        assert!(said.iter().flat_map(|said| &said.fields).all(|field| !field.value.display().contains("operator")));
    }

    #[test]
    fn a_password_is_asked_for_where_trust_ends() {
        let said = talk(&[
            (true, b"\0"),
            (true, OPENING.get(1..).unwrap()),
            (false, b"\0Password: "),
            (true, b"hunter22\r"),
            (false, b"\r\nLogin incorrect\r\n"),
        ]);
        assert_eq!(outcomes(&said), ["password attempted", "password refused", "trusted host attempted"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"\0\0\0\0\0\0"[..], b"SSH-2.0-x", b"\0a\0b\0noslash\0", b"\0a\0b\0t/fast\0"] {
            assert_eq!(gate(&Rlogin, stranger, 513), Gate::NotMine);
        }
        assert_eq!(gate(&Rlogin, b"\0ann\0", 513), Gate::More);
        assert_eq!(gate(&Rlogin, OPENING, 5130), Gate::NotMine);
    }
}
