//! rsh: commands at hosts that trust a client's word.
//!
//! Spec: rshd(8) of 4.3BSD; RFC 1282 for the way in which a client is trusted.
//! Tells us: that the service is used, and whether a client was let in.
//! Does not tell: names of users and the command, which are not kept.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Next, Row, Side};
use crate::login;
use observations::OperationClass;

pub(crate) struct Rsh;

const PORT: u16 = 514;
/// What is waited for until the two names are there.
const OPENING_MAX: usize = 512;
const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;

impl Dissector for Rsh {
    type State = ();

    const ROW: Row = Row {
        name: "rsh",
        revision: 1,
        spec: "4.3BSD rshd(8)",
        tells: "commands at hosts that trust a client's word",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[],
        operations: &[("command", OperationClass::Control)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        if at.dst_port == PORT { opening(head) } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        if opening(head) == Gate::Mine { Side::Client } else { Side::Unknown }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        Framing::datagram(head)
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.from_client() == Some(true) {
            if opening(pdu) == Gate::Mine {
                cx.operation(0);
                let server = cx.receiver();
                drop(login::say(cx, &server, "trusted host", login::ATTEMPTED));
            }
            return Ok(Next::Read);
        }
        let server = cx.sender();
        match pdu.first() {
            Some(&ACCEPTED) => drop(login::say(cx, &server, "trusted host", login::ACCEPTED)),
            Some(&REFUSED) => drop(login::say(cx, &server, "trusted host", login::REFUSED)),
            _ => {}
        }
        Ok(Next::Count)
    }
}

/// A port for errors in decimal digits (often in a segment of its own), the user's name here and there, the command: each with a NUL
/// behind.
fn opening(head: &[u8]) -> Gate {
    const PORT_DIGITS: usize = 5;
    let mut parts: Vec<&[u8]> = head.splitn(5, |byte| *byte == 0).collect();
    let is_port = |part: &&[u8]| (1..=PORT_DIGITS).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    let numbered = parts.first().is_some_and(is_port);
    if numbered {
        parts.remove(0);
    }
    let name = |part: &&[u8]| !part.is_empty() && part.len() <= 64 && part.iter().all(u8::is_ascii_graphic);
    match parts.as_slice() {
        _ if head.is_empty() => Gate::More,
        [here, there, command, _rest @ ..]
            if name(here) && name(there) && crate::lines::is_text(command) && !command.is_empty() && head.last() == Some(&0) =>
        {
            Gate::Mine
        }
        [[]] if numbered => Gate::More,
        [here, rest @ ..] if numbered && rest.len() < 3 && (here.is_empty() || name(here)) && head.len() < OPENING_MAX => Gate::More,
        _ => Gate::NotMine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, gate, outcomes};
    use observations::Transport;

    #[test]
    fn who_is_trusted_and_who_is_not() {
        let said = conversation(&Rsh, Transport::Tcp, &[(1022, 514, b"1021\0"), (1022, 514, b"ann\0root\0reboot\0"), (514, 1022, b"\0")]);
        assert_eq!(outcomes(&said), ["trusted host accepted", "trusted host attempted"]);
        let said = conversation(&Rsh, Transport::Tcp, &[(1022, 514, b"0\0ann\0root\0reboot\0"), (514, 1022, b"\x01Permission denied.\n")]);
        assert_eq!(outcomes(&said), ["trusted host attempted", "trusted host refused"]);
        assert!(said.iter().flat_map(|said| &said.fields).all(|field| !["ann", "root", "reboot"].contains(&field.value.display().as_str())));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"<34>1 2003-10-11T22:14:15Z host app - - msg"[..], b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0x\0", &[0x16, 3, 1, 2, 0]] {
            assert_eq!(gate(&Rsh, stranger, 514), Gate::NotMine);
        }
        assert_eq!(gate(&Rsh, b"1021\0", 514), Gate::More);
    }
}
