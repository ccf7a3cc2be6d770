//! TeamViewer: remote control of a host through its maker's servers or straight.
//!
//! Spec: none public. The two bytes with which its messages begin, and its port, stand in public descriptions of the protocol (Optiv,
//! "TeamViewer authentication protocol", 2013) and in captures.
//! Tells us: that a host can be controlled from afar. Does not tell: by whom, and whether it is now.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Teamviewer;

const PORT: u16 = 5938;
/// Versions 1 and 2 of the message's head.
const MAGICS: [[u8; 2]; 2] = [[0x17, 0x24], [0x11, 0x30]];
/// Over UDP the first stands behind nine bytes of which the first is zero.
const DATAGRAM: usize = 11;

impl Dissector for Teamviewer {
    type State = ();

    const ROW: Row = Row {
        name: "teamviewer",
        revision: 1,
        spec: "TeamViewer, by its public descriptions",
        tells: "hosts that can be controlled from afar",
        bindings: &[Binding::Tcp(PORT), Binding::Udp(PORT)],
        // Two bytes are too few to be known elsewhere.
        shapes: &[],
        operations: &[("message", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let mine = match at.transport {
            Transport::Udp => head.first() == Some(&0) && head.get(DATAGRAM..DATAGRAM + 2) == Some(&MAGICS[0]),
            _ => head.first_chunk::<2>().is_some_and(|magic| MAGICS.contains(magic)) && head.len() >= 5,
        };
        if mine && bound { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance { operation: Some(0), look: Look::Once(0), inner: None }
    }

    fn read(&self, _: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        cx.say(&about, Kind::Client).implied(Field::RemoteAccess, &word("teamviewer"));
        Ok(if cx.at().transport == Transport::Tcp { Next::Count } else { Next::Watch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    #[test]
    fn a_host_that_can_be_controlled_is_told() {
        let said = payload(&Teamviewer, Transport::Tcp, 50000, PORT, &[0x17, 0x24, 0x0a, 0x20, 0, 0, 0]);
        assert_eq!(field(&said, Kind::Client, Field::RemoteAccess), ["teamviewer"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0x17, 3, 3, 0, 4, 1], &[0x17, 0x24]] {
            assert_eq!(gate(&Teamviewer, stranger, PORT), Gate::NotMine);
        }
        assert_eq!(gate(&Teamviewer, &[0x17, 0x24, 0x0a, 0x20, 0, 0, 0], 443), Gate::NotMine);
    }
}
