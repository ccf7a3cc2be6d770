//! Modbus RTU over TCP: serial frames as serial servers carry them, without the header of Modbus/TCP.
//!
//! Spec: MODBUS over Serial Line V1.02 section 2.5.1; MODBUS Application Protocol 1.1b3.
//! Tells us: units behind a serial server, what they say of themselves, reads and writes.
//! Does not tell: who writes (there is no authentication).

use super::modbus_functions::{self as functions, DIAGNOSTICS, ENCAPSULATED, EXCEPTION, OPERATIONS, REPORT_SERVER_ID};
use crate::context::Context;
use crate::crc;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, Transport};

pub(crate) struct Mbrtu;

/// Serial Line §2.5.1: address, function, data, checksum.
const FRAME_MIN: usize = 4;
const FRAME_MAX: usize = 256;
const CHECKSUM: usize = 2;
/// Serial Line §2.2: addresses above are reserved, 0 is the broadcast.
const ADDRESS_MAX: u8 = 247;

impl Dissector for Mbrtu {
    type State = ();

    const ROW: Row = Row {
        name: "mbrtu",
        revision: 1,
        spec: "MODBUS over Serial Line V1.02 section 2.5.1",
        tells: "units behind a serial server, vendor, product, revision, model; reads and writes",
        bindings: &[Binding::Tcp(502), Binding::Tcp(503), Binding::Tcp(4001), Binding::Tcp(4196), Binding::Tcp(8899), Binding::Tcp(20108)],
        shapes: &[Shape {
            over: Transport::Tcp,
            // A function below 32, or its exception; the checksum decides.
            bytes: &[(1, 0x60, 0)],
            min: FRAME_MIN,
            max: FRAME_MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        // One frame a segment: what a serial line is silent after is sent.
        if whole(head, head.len()) && is_plausible(head) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let Some((&[_, function], rest)) = head.split_first_chunk::<2>() else { return Side::Unknown };
        let data = rest.len().saturating_sub(CHECKSUM);
        let counted = rest.first().is_some_and(|count| data == 1 + usize::from(*count));
        match function {
            f if f & EXCEPTION != 0 => Side::Server,
            0x01..=0x04 if data == 4 && !counted => Side::Client,
            0x01..=0x04 | REPORT_SERVER_ID if counted => Side::Server,
            REPORT_SERVER_ID if data == 0 => Side::Client,
            0x0f | 0x10 => {
                if data == 4 {
                    Side::Server
                } else {
                    Side::Client
                }
            }
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        if head.len() < FRAME_MIN {
            return Framing::Need(FRAME_MIN);
        }
        let longest = head.len().min(FRAME_MAX);
        match lengths(head).into_iter().flatten().chain(std::iter::once(longest)).find(|length| whole(head, *length)) {
            Some(len) => Framing::Pdu { len, want: len },
            None if head.len() < FRAME_MAX && lengths(head).into_iter().flatten().any(|length| length > head.len()) => Framing::Need(head.len() + 1),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some((&[unit, function], body)) = head.split_first_chunk::<2>() else { return Glance::SKIP };
        let request = at.from_client != Some(false);
        let look = match function {
            ENCAPSULATED | REPORT_SERVER_ID => Look::Always,
            _ => Look::Once(u32::from(unit) << 16 | u32::from(function) << 8 | u32::from(request)),
        };
        let counted = request || function & EXCEPTION != 0;
        Glance { operation: functions::operation(function, body).filter(|_| counted), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((&[unit, function], body)) = crc::checked(pdu).and_then(<[u8]>::split_first_chunk::<2>) else {
            return Err(DissectError::Malformed { rule: "checksum", offset: pdu.len().saturating_sub(CHECKSUM) });
        };
        if cx.from_client() == Some(false) && function & EXCEPTION == 0 {
            let about = functions::unit_of(cx.sender(), unit, cx);
            cx.say(&about, Kind::Part).number(Field::UnitId, unit.into(), pdu.get(..1).unwrap_or_default());
            functions::response(function, body, &about, cx)?;
        }
        Ok(Next::Watch)
    }
}

/// Whether a frame of this length begins here: its data fit its function, and the checksum is right.
fn whole(head: &[u8], length: usize) -> bool {
    let Some(frame) = head.get(..length).filter(|_| (FRAME_MIN..=FRAME_MAX).contains(&length)) else { return false };
    let Some((&[address, function], rest)) = frame.split_first_chunk::<2>() else { return false };
    let data = rest.get(..rest.len() - CHECKSUM).unwrap_or_default();
    let fits = functions::agrees(function, data) || function == DIAGNOSTICS && data.len() >= 4 && data.len().is_multiple_of(2);
    address <= ADDRESS_MAX && functions::is_known(function) && fits && crc::checked(frame).is_some()
}

/// §6.1 to 6.4: how much may be asked for; a checksum alone is right once in 65,536 times.
fn is_plausible(frame: &[u8]) -> bool {
    match frame {
        [_, 0x01 | 0x02, _, _, high, low, _, _] => (1..=2000).contains(&u16::from_be_bytes([*high, *low])),
        [_, 0x03 | 0x04, _, _, high, low, _, _] => (1..=125).contains(&u16::from_be_bytes([*high, *low])),
        [_, 0x05, _, _, value, 0, _, _] => matches!(value, 0 | 0xff),
        [_, 0x03 | 0x04, count, ..] => count % 2 == 0 && *count > 0,
        [_, function, code, _, _] if function & EXCEPTION != 0 => (1..=11).contains(code),
        _ => true,
    }
}

/// Lengths that a frame may have by its function: as a request, and as a response.
fn lengths(head: &[u8]) -> [Option<usize>; 2] {
    const FIXED: usize = FRAME_MIN;
    let count = |at: usize| head.get(at).map(|count| usize::from(*count));
    match head.get(1) {
        Some(function) if function & EXCEPTION != 0 => [Some(FIXED + 1), None],
        Some(0x01..=0x04) => [Some(FIXED + 4), count(2).map(|count| FIXED + 1 + count)],
        Some(0x05 | 0x06) => [Some(FIXED + 4), None],
        Some(0x0f | 0x10) => [Some(FIXED + 4), count(6).map(|count| FIXED + 5 + count)],
        Some(0x16) => [Some(FIXED + 6), None],
        Some(0x17) => [count(10).map(|count| FIXED + 9 + count), count(2).map(|count| FIXED + 1 + count)],
        Some(&REPORT_SERVER_ID) => [Some(FIXED), count(2).map(|count| FIXED + 1 + count)],
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};
    use observations::StepKind;

    fn frame(bytes: &[u8]) -> Vec<u8> {
        [bytes, &crc::crc16(crc::ONES, bytes).to_le_bytes()].concat()
    }

    #[test]
    fn a_unit_behind_a_serial_server_says_what_it_is() {
        let ask = frame(&[5, 0x2b, 0x0e, 1, 0]);
        let answer = frame(b"\x05\x2b\x0e\x01\x01\0\0\x02\0\x03ABB\x01\x03REF");
        for port in [4001, 34567] {
            let poll = frame(&[5, 3, 0, 0, 0, 2]);
            let said = conversation(&Mbrtu, Transport::Tcp, &[(50000, port, &poll), (50000, port, &ask), (port, 50000, &answer)]);
            assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["ABB"]);
            let identity = said.iter().find(|said| said.kind == Kind::Identity && said.protocol == "mbrtu").unwrap();
            assert_eq!((identity.about.path[0].kind, identity.about.path[0].number), (StepKind::ModbusUnit, 5));
        }
    }

    #[test]
    fn frames_in_one_segment_and_in_two_are_told_apart() {
        let poll = frame(&[1, 3, 0, 0, 0, 1]);
        let answer = frame(&[1, 3, 2, 0, 7]);
        let said = conversation(
            &Mbrtu,
            Transport::Tcp,
            &[(50000, 4001, &poll), (4001, 50000, &answer[..4]), (4001, 50000, &answer[4..]), (50000, 4001, &poll), (4001, 50000, &answer)],
        );
        assert_eq!(field(&said, Kind::Part, Field::UnitId), ["1"]);
        assert_eq!(Mbrtu.frame(&[answer.clone(), poll].concat()), Framing::Pdu { len: 7, want: 7 });
    }

    #[test]
    fn a_wrong_checksum_and_strangers_are_refused() {
        let mut wrong = frame(&[1, 3, 0, 0, 0, 1]);
        wrong[7] ^= 1;
        let many = frame(&[1, 3, 0, 0, 4, 0]);
        for stranger in [&wrong[..], &many, b"GET / HTTP/1.1\r\n\r\n", &[0; 8], &[0; 40], &frame(b"hello"), &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10]] {
            assert_eq!(gate(&Mbrtu, stranger, 4001), Gate::NotMine, "{stranger:02x?}");
        }
        assert!(payload(&Mbrtu, Transport::Tcp, 4001, 50000, &wrong).iter().all(|said| said.protocol != "mbrtu"));
    }
}
