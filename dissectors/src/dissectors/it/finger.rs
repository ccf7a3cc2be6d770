//! Finger: hosts that tell anybody who is logged in.
//!
//! Spec: RFC 1288.
//! Tells us: that the service is offered and answers without a log-in.
//! Does not tell: who is logged in, which is personal.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Next, Row, Side};
use crate::login;
use observations::OperationClass;

pub(crate) struct Finger;

const PORT: u16 = 79;
/// A query is one line: a user's name, hosts to ask on.
const QUERY_MAX: usize = 128;
/// What answers have: columns, or fields of one user (fingerd of BSD, GNU and Windows).
const ANSWERS: &[&[u8]] = &[b"Login", b"No one logged on", b"no such user", b"In real life", b"Line ", b"User "];

impl Dissector for Finger {
    type State = ();

    const ROW: Row = Row {
        name: "finger",
        revision: 1,
        spec: "RFC 1288",
        tells: "that anybody is told who is logged in",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[],
        operations: &[("query", OperationClass::Read)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        match is_query(head) {
            true if at.dst_port == PORT => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        if is_query(head) { Side::Client } else { Side::Unknown }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        Framing::datagram(head)
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.from_client() == Some(true) {
            cx.operation(0);
            return Ok(Next::Read);
        }
        if ANSWERS.iter().any(|word| pdu.windows(word.len()).any(|window| window == *word)) {
            let server = cx.sender();
            drop(login::say(cx, &server, login::NONE, login::ACCEPTED));
        }
        Ok(Next::Count)
    }
}

/// RFC 1288 §2.3: `/W`, a name, hosts; all may be missing.
fn is_query(head: &[u8]) -> bool {
    let Some(line) = head.strip_suffix(b"\r\n").filter(|line| line.len() < QUERY_MAX) else { return false };
    let query = line.strip_prefix(b"/W").map_or(line, |rest| rest.strip_prefix(b" ").unwrap_or(rest));
    // Identifications of other protocols are of these characters too.
    !query.starts_with(b"SSH-") && query.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, gate, outcomes};
    use observations::Transport;

    #[test]
    fn an_answer_shows_that_nobody_has_to_log_in() {
        let said = conversation(&Finger, Transport::Tcp, &[(50000, 79, b"\r\n"), (79, 50000, b"Login    Name    Tty\r\nann  Ann  p0\r\n")]);
        assert_eq!(outcomes(&said), ["none accepted"]);
        let said = conversation(&Finger, Transport::Tcp, &[(50000, 79, b"/W ann\r\n"), (79, 50000, b"HTTP/1.1 400 Bad\r\n")]);
        assert!(outcomes(&said).is_empty());
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0x16, 3, 1], b"no end"] {
            assert_eq!(gate(&Finger, stranger, 79), Gate::NotMine);
        }
        assert_eq!(gate(&Finger, b"ann\r\n", 7979), Gate::NotMine);
    }
}
