//! CIP implicit messages: the cyclic inputs and outputs between controllers and devices.
//!
//! Spec: ODVA CIP Volume 2 section 2-6 (common packet format), 3-2.2 (class 0 and 1 connections over UDP).
//! Tells us: that two devices exchange cyclic data.
//! Does not tell: what the data mean; that stands in the connection's opening.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row, Shape};
use observations::Transport;

pub(crate) struct Cipio;

/// Two items: a sequenced address of eight bytes, and connected data.
const HEAD: [u8; 6] = [2, 0, 0x02, 0x80, 8, 0];
const DATA: [u8; 2] = [0xb1, 0];
const HEADER: usize = 18;

impl Dissector for Cipio {
    type State = ();

    const ROW: Row = Row {
        name: "cipio",
        revision: 1,
        spec: "ODVA CIP Volume 2 section 2-6, 3-2.2",
        tells: "that devices exchange cyclic data",
        bindings: &[Binding::Udp(2222)],
        shapes: &[Shape {
            over: Transport::Udp,
            bytes: &[(0, 0xff, 2), (1, 0xff, 0), (2, 0xff, 2), (3, 0xff, 0x80), (4, 0xff, 8), (5, 0xff, 0), (14, 0xff, 0xb1), (15, 0xff, 0)],
            min: HEADER,
            max: 1500,
        }],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let (items, data) = (head.get(..6), head.get(14..16));
        let Some(&[low, high]) = head.get(16..HEADER).and_then(<[u8]>::first_chunk::<2>) else { return Gate::NotMine };
        let length = HEADER + usize::from(u16::from_le_bytes([low, high]));
        // Gates see the beginning of long datagrams.
        let whole = head.len() == length || head.len() == crate::engine::GATE_BYTES && length > head.len();
        if items == Some(&HEAD[..]) && data == Some(&DATA[..]) && whole { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance::SKIP
    }

    fn read(&self, _: &[u8], (): &mut (), _: &mut Context<'_>) -> Result<Next, DissectError> {
        Ok(Next::Count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gate;

    #[test]
    fn two_items_whose_lengths_agree_are_recognised() {
        let frame = [2, 0, 0x02, 0x80, 8, 0, 1, 2, 3, 4, 9, 0, 0, 0, 0xb1, 0, 4, 0, 7, 0, 1, 0];
        assert_eq!(gate(&Cipio, &frame, 2222), Gate::Mine);
        assert_eq!(gate(&Cipio, &frame[..21], 2222), Gate::NotMine);
        assert_eq!(gate(&Cipio, &[0; 40], 2222), Gate::NotMine);
        assert_eq!(gate(&Cipio, b"SSH-2.0-OpenSSH_9.2p1\r\n", 2222), Gate::NotMine);
    }
}
