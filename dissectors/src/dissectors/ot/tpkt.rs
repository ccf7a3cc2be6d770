//! TPKT: ISO transport PDUs on top of TCP, under S7, MMS, ICCP and Remote Desktop.
//!
//! Spec: RFC 1006 (ITOT: RFC 2126) section 6; TPDU codes ISO/IEC 8073 (ITU-T X.224) section 13.
//! Tells us: where a TPDU begins and ends.
//! Does not tell: anything of its own.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use crate::starttls;
use observations::Transport;

pub(crate) struct Tpkt;

/// Version 3, reserved 0 (RFC 1006 §6).
const VERSION: [u8; 2] = [3, 0];
const HEADER: usize = 4;
/// RFC 1006 §6: the smallest packet holds the smallest TPDU.
const LENGTH_MIN: usize = 7;
/// X.224 §13.2.1: 255 is reserved.
const INDICATOR_MAX: u8 = 254;

/// TPDU codes (X.224 table 8) with the smallest length indicator of each; DT and ED have none of the four bits of credit.
const TPDUS: &[(u8, u8, u8)] = &[
    (0xf0, 0xe0, 6), // CR
    (0xf0, 0xd0, 6), // CC
    (0xff, 0x80, 6), // DR
    (0xff, 0xc0, 5), // DC
    (0xff, 0xf0, 2), // DT
    (0xff, 0x70, 4), // ER
];

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: LENGTH_MIN, max: usize::MAX }
}

impl Dissector for Tpkt {
    type State = ();

    const ROW: Row = Row {
        name: "tpkt",
        revision: 1,
        spec: "RFC 1006 section 6",
        tells: "nothing of its own: it frames ISO transport over TCP",
        bindings: &[Binding::Tcp(102), Binding::Tcp(3389)],
        shapes: &[
            shape(&[(0, 0xff, 3), (1, 0xff, 0), (4, 0xff, 2), (5, 0xff, 0xf0)]),
            shape(&[(0, 0xff, 3), (1, 0xff, 0), (5, 0xf0, 0xe0), (6, 0xff, 0), (7, 0xff, 0)]),
            shape(&[(0, 0xff, 3), (1, 0xff, 0), (5, 0xf0, 0xd0)]),
        ],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[version, reserved, high, low, indicator, code]) = head.first_chunk::<6>() else {
            return if head.iter().zip(VERSION).all(|(is, should)| *is == should) { Gate::More } else { Gate::NotMine };
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let tpdu = TPDUS.iter().any(|(mask, value, least)| code & mask == *value && indicator >= *least);
        let fits = length >= LENGTH_MIN && indicator <= INDICATOR_MAX && usize::from(indicator) + HEADER < length;
        let follows = head.get(length..).unwrap_or_default().iter().zip(VERSION).all(|(is, should)| *is == should);
        if [version, reserved] == VERSION && tpdu && fits && follows { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match head {
            [3, 0, high, low, ..] => match usize::from(u16::from_be_bytes([*high, *low])) {
                len @ LENGTH_MIN.. => Framing::Pdu { len, want: len },
                _ => Framing::Lost,
            },
            [] | [3] | [3, 0] | [3, 0, _] => Framing::Need(HEADER),
            // Remote Desktop goes on in TLS once both sides agree (MS-RDPBCGR §5.4.5.1).
            [20..=23, 3, ..] => starttls::frame(head),
            _ => Framing::Lost,
        }
    }

    fn glance(&self, _: &[u8], _: &At) -> Glance {
        Glance { operation: None, look: Look::Always, inner: Some((0, HEADER)) }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if pdu.first() != VERSION.first() {
            return Ok(starttls::read(pdu, cx));
        }
        let tpdu = pdu.get(HEADER..).ok_or(DissectError::Truncated { needed: HEADER })?;
        cx.under(0, tpdu);
        // What lies inside says by its glance what is worth reading.
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gate;

    const DATA: &[u8] = &[
        3, 0, 0, 9, // TPKT, length 9
        2, 0xf0, 0x80, // DT, last
        0x32, 0x01,
    ];

    #[test]
    fn a_transport_pdu_is_recognised_on_any_port() {
        assert_eq!(gate(&Tpkt, DATA, 102), Gate::Mine);
        assert_eq!(gate(&Tpkt, DATA, 10102), Gate::Mine);
        assert_eq!(gate(&Tpkt, &DATA[..3], 102), Gate::More);
    }

    #[test]
    fn two_packets_in_one_segment_are_two_pdus() {
        let both = [DATA, DATA].concat();
        assert_eq!(gate(&Tpkt, &both, 102), Gate::Mine);
        assert_eq!(Tpkt.frame(&both), Framing::Pdu { len: 9, want: 9 });
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        let modbus = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10];
        let q931 = [3, 0, 0, 12, 8, 2, 0, 1, 5, 4, 3, 0x80];
        let longer = [DATA, b"GET /"].concat();
        for stranger in [
            &b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..],
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
            &[0x16, 3, 1, 0, 5, 1, 0, 0],
            &[0; 40],
            &modbus,
            &q931,
            &longer,
        ] {
            assert_eq!(gate(&Tpkt, stranger, 102), Gate::NotMine);
        }
    }

    #[test]
    fn bytes_that_begin_no_packet_are_lost() {
        assert_eq!(Tpkt.frame(&[3, 0, 0, 6, 2, 0xf0]), Framing::Lost);
        assert_eq!(Tpkt.frame(&[0x41, 3, 3, 0]), Framing::Lost);
        assert_eq!(Tpkt.frame(&[0x17, 3, 3, 0, 9]), Framing::Pdu { len: 14, want: 14 });
        assert_eq!(Tpkt.frame(&[3, 0]), Framing::Need(HEADER));
    }
}
