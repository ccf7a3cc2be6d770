//! Genisys, as railway signalling and other remote terminals speak it: stations, indications, controls.
//!
//! Spec: Union Switch & Signal SM-6900B (Genisys); CISA's icsnpp-genisys (BSD-3).
//! Tells us: addresses of stations that answer; polls, controls and their execution.
//! Does not tell: what a station is; who controls it (there is no authentication).

use crate::codes::{self, Code};
use crate::context::Context;
use crate::crc;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Side};
use observations::OperationClass::{Control, Diagnose, Read, Session, Write};
use observations::{Field, Kind, OperationClass, StepKind};

pub(crate) struct Genisys;

const ESCAPE: u8 = 0xf0;
const TERMINATOR: u8 = 0xf6;
const ACKNOWLEDGE_CLIENT: u8 = 0xf1;
const POLL: u8 = 0xfb;
/// Header, address, terminator: the messages without a checksum.
const SHORT: usize = 3;
/// 32 groups of address and data, all of them escaped, and what stands around them.
const FRAME_MAX: usize = 256;

const HEADERS: &[Code] = &[
    (0xf1, "acknowledge_client", Session),
    (0xf2, "indication_data", Read),
    (0xf3, "control_data_checkback", Session),
    (0xf9, "common_control_data", Write),
    (0xfa, "acknowledge_indication_and_poll", Read),
    (0xfb, "poll", Read),
    (0xfc, "control_data", Write),
    (0xfd, "recall", Diagnose),
    (0xfe, "execute_controls", Control),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ HEADERS.len() }>(HEADERS);

impl Dissector for Genisys {
    type State = ();

    const ROW: Row = Row {
        name: "genisys",
        revision: 1,
        spec: "Union Switch & Signal SM-6900B; CISA icsnpp-genisys",
        tells: "stations that answer; polls, controls and their execution",
        bindings: &[Binding::Tcp(10001)],
        // Nothing but a checksum tells it from others.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(length) = length(head) else { return Gate::NotMine };
        let follows = head.get(length..).is_some_and(|rest| matches!(rest, [] | [0xf1..=0xfe, ..]));
        if head.get(..length).is_some_and(is_message) && follows { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(0xf1..=0xf3) => Side::Server,
            Some(0xf9..=0xfe) => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match (head.first(), length(head)) {
            (Some(0xf1..=0xf3 | 0xf9..=0xfe), Some(len)) => Framing::Pdu { len, want: len },
            (Some(0xf1..=0xf3 | 0xf9..=0xfe) | None, None) if head.len() < FRAME_MAX => Framing::Need(head.len() + 1),
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let (Some(&header), Some(&address)) = (head.first(), head.get(1)) else { return Glance::SKIP };
        let asks = self.side(head) == Side::Client;
        let look = if asks { Look::Never } else { Look::Once(u32::from(address)) };
        Glance { operation: codes::find(HEADERS, header.into()).filter(|_| asks), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if !is_message(pdu) {
            return Err(DissectError::Malformed { rule: "checksum", offset: 0 });
        }
        // An address above F0 is escaped: as it stands it is two bytes.
        if let (Side::Server, Some(&address)) = (self.side(pdu), pdu.get(1))
            && address < ESCAPE
        {
            let station = cx.part(&cx.sender(), StepKind::GenisysStation, address.into());
            cx.say(&station, Kind::Part).number(Field::NodeAddress, address.into(), pdu.get(1..2).unwrap_or_default());
        }
        Ok(Next::Watch)
    }
}

/// Up to and with the terminator, which does not occur before: what is as high is escaped.
fn length(head: &[u8]) -> Option<usize> {
    head.iter().take(FRAME_MAX).position(|byte| *byte == TERMINATOR).map(|at| at + 1)
}

/// Whether a header that there is and a right checksum stand around the data. Acknowledgements and plain polls have none.
fn is_message(frame: &[u8]) -> bool {
    let [header, rest @ .., TERMINATOR] = frame else { return false };
    if !codes::knows(HEADERS, (*header).into()) || rest.iter().any(|byte| *byte > ESCAPE) {
        return false;
    }
    if frame.len() == SHORT {
        return matches!(*header, ACKNOWLEDGE_CLIENT | POLL);
    }
    let mut plain = vec![*header];
    let mut escaped = false;
    for &byte in rest {
        match (escaped, byte) {
            (true, low) => plain.push(ESCAPE | low),
            (false, ESCAPE) => {}
            (false, byte) => plain.push(byte),
        }
        escaped = !escaped && byte == ESCAPE;
    }
    crc::checked(&plain).is_some_and(|body| body.len() >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Transport;

    fn message(header: u8, data: &[u8]) -> Vec<u8> {
        let plain = [&[header], data].concat();
        let sum = crc::crc16(crc::ONES, &plain).to_le_bytes();
        let mut frame = vec![header];
        for byte in data.iter().chain(&sum) {
            if *byte >= ESCAPE {
                frame.extend_from_slice(&[ESCAPE, byte & 15]);
            } else {
                frame.push(*byte);
            }
        }
        frame.push(TERMINATOR);
        frame
    }

    #[test]
    fn the_checksum_is_that_of_a_recorded_poll() {
        // CISA's example: header FB, station 1.
        assert_eq!(message(POLL, &[1]), [0xfb, 0x01, 0x83, 0x40, 0xf6]);
    }

    #[test]
    fn a_station_that_answers_is_a_part() {
        let said = conversation(
            &Genisys,
            Transport::Tcp,
            &[(50000, 10001, &message(POLL, &[7])), (10001, 50000, &message(0xf2, &[7, 0, 5, 1, 0xf4])), (10001, 50000, &[0xf1, 9, 0xf6])],
        );
        assert_eq!(field(&said, Kind::Part, Field::NodeAddress), ["7", "9"]);
        let part = said.iter().find(|said| said.protocol == "genisys").unwrap();
        assert_eq!(part.about.path[0].kind, StepKind::GenisysStation);
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 10001, from_client: Some(true) };
        let name = |frame: &[u8]| Genisys.glance(frame, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&message(0xfc, &[7, 1, 3])), Some("control_data"));
        assert_eq!(name(&message(0xfe, &[7])), Some("execute_controls"));
        assert_eq!(name(&[0xf1, 7, 0xf6]), None);
    }

    #[test]
    fn strangers_are_refused() {
        let mut wrong = message(0xf2, &[7, 0, 5]);
        wrong[2] ^= 1;
        for stranger in [&wrong[..], b"I20100\r\n", &[0xff; 20], &[0xf2, 7, 0xf6], &[0xff, 0xfb, 1, 0xff, 0xfb, 3], &message(0xf2, &[7, 0, 5])[..4]] {
            assert_eq!(gate(&Genisys, stranger, 10001), Gate::NotMine);
        }
    }
}
