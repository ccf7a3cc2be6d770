//! DLMS/COSEM: how electricity, gas and water meters are read over networks.
//!
//! Spec: DLMS UA 1000-2 ("Green Book", edition 10) clauses 7 (wrapper), 8 (HDLC), 9 (application layer); IEC 62056-47, -46, -5-3.
//! Tells us: authentication of an association (none, low with a password, high), ciphering; system titles, the logical device's name,
//! serial number and firmware of a meter that is asked for them; readings, settings, switching, firmware.
//! Does not tell: anything that is ciphered or comes in blocks; which meter behind a gateway answers.

use super::dlms_apdu::{self as apdu, Association};
use crate::context::Context;
use crate::crc;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Next, Row, Shape, Side};
use observations::Transport;

pub(crate) struct Dlms;

/// 7.3.3: version 1, source and destination wrapper port, length.
const WRAPPER: usize = 8;
const VERSION: [u8; 2] = [0, 1];
/// 8.4.1: flag; frame type 3 with a length of 11 bits that counts what is between the flags; segmentation.
const FLAG: u8 = 0x7e;
const TYPE: u8 = 0xa0;
const TYPE_MASK: u8 = 0xf0;
const SEGMENTED: u8 = 0x08;
/// Format (2), two addresses, control and check: the shortest frame.
const HDLC_MIN: usize = 7;
/// 8.3.2: LLC addresses and quality before an APDU: to a server, from one.
const TO_SERVER: [u8; 3] = [0xe6, 0xe6, 0];
const FROM_SERVER: [u8; 3] = [0xe6, 0xe7, 0];
/// Control fields with the poll bit left out: set normal response mode, disconnect.
const SNRM: u8 = 0x83;
const DISC: u8 = 0x43;
const POLL: u8 = 0x10;

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over, bytes, min: HDLC_MIN + 2, max: usize::MAX }
}
/// Version 1, ports below 256, a length below 2048.
const WRAPPED: &[(usize, u8, u8)] = &[(0, 0xff, 0), (1, 0xff, 1), (2, 0xff, 0), (4, 0xff, 0), (6, 0xf8, 0)];
const HDLC: &[(usize, u8, u8)] = &[(0, 0xff, FLAG), (1, TYPE_MASK, TYPE)];

impl Dissector for Dlms {
    type State = Association;

    const ROW: Row = Row {
        name: "dlms",
        revision: 1,
        spec: "DLMS UA 1000-2, IEC 62056-5-3, IEC 62056-46, IEC 62056-47",
        tells: "authentication and ciphering, system title, logical device name, serial number, firmware; readings, settings, switching",
        bindings: &[Binding::Tcp(4059), Binding::Udp(4059)],
        shapes: &[shape(Transport::Tcp, WRAPPED), shape(Transport::Udp, WRAPPED), shape(Transport::Tcp, HDLC), shape(Transport::Udp, HDLC)],
        operations: apdu::OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = at.src_port == 4059 || at.dst_port == 4059;
        match Frame::of(head) {
            Some(Frame::Hdlc { .. }) => Gate::Mine,
            Some(Frame::Wrapped { apdu, whole: true }) if apdu::is_one(apdu, bound) => Gate::Mine,
            Some(Frame::Wrapped { whole: false, apdu }) if bound && head.len() >= crate::engine::GATE_BYTES && apdu::is_one(apdu, bound) => {
                Gate::Mine
            }
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match Frame::of(head) {
            Some(Frame::Hdlc { control, .. }) if matches!(control & !POLL, SNRM | DISC) => Side::Client,
            Some(Frame::Hdlc { from_server: Some(server), .. }) => {
                if server {
                    Side::Server
                } else {
                    Side::Client
                }
            }
            Some(Frame::Wrapped { apdu, .. }) => apdu::side(apdu),
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match head {
            [] | [FLAG] => Framing::Need(2),
            // The flag that ends a frame may begin the next, or not.
            [FLAG, FLAG, ..] => Framing::Pdu { len: 1, want: 1 },
            [FLAG, _] => Framing::Need(3),
            [FLAG, ..] => hdlc_length(head).map_or(Framing::Lost, |length| Framing::Pdu { len: length + 1, want: length + 1 }),
            [0, 1, ..] if head.len() < WRAPPER => Framing::Need(WRAPPER),
            [0, 1, _, _, _, _, high, low, ..] => {
                let len = WRAPPER + usize::from(u16::from_be_bytes([*high, *low]));
                Framing::Pdu { len, want: len }
            }
            [0] => Framing::Need(2),
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        match Frame::of(head) {
            Some(Frame::Hdlc { apdu: Some(bytes), .. } | Frame::Wrapped { apdu: bytes, .. }) => apdu::glance(bytes, at),
            Some(Frame::Hdlc { control, .. }) => {
                Glance { operation: apdu::link_operation(control & !POLL == SNRM, control & !POLL == DISC), ..Glance::SKIP }
            }
            None => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut Association, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        match Frame::of(pdu) {
            Some(Frame::Hdlc { apdu: Some(bytes), .. } | Frame::Wrapped { apdu: bytes, .. }) => apdu::read(bytes, state, cx),
            // A flag, or a frame of the link alone, between a question and its answer.
            _ => Ok(state.next()),
        }
    }
}

/// A frame of either profile.
enum Frame<'a> {
    Wrapped {
        apdu: &'a [u8],
        whole: bool,
    },
    /// `apdu` only where the frame holds all of it.
    Hdlc {
        control: u8,
        from_server: Option<bool>,
        apdu: Option<&'a [u8]>,
    },
}

impl<'a> Frame<'a> {
    fn of(head: &'a [u8]) -> Option<Self> {
        if head.first() == Some(&FLAG) { Self::hdlc(head) } else { Self::wrapped(head) }
    }

    fn wrapped(head: &'a [u8]) -> Option<Self> {
        let (wrapper, rest) = head.split_first_chunk::<WRAPPER>()?;
        let [a, b, _, _, _, _, high, low] = *wrapper;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let apdu = rest.get(..length).unwrap_or(rest);
        ([a, b] == VERSION && length > 0).then_some(Self::Wrapped { apdu, whole: apdu.len() == length })
    }

    /// The frame check stands last, over all before it.
    fn hdlc(head: &'a [u8]) -> Option<Self> {
        let frame = head.get(1..)?.get(..hdlc_length(head)?)?;
        let (checked, check) = frame.split_last_chunk::<2>()?;
        if crc::hdlc(checked) != u16::from_le_bytes(*check) {
            return None;
        }
        let rest = after_address(after_address(checked.get(2..)?)?)?;
        let (&control, rest) = rest.split_first()?;
        // With information a check of the header stands before it.
        let information = rest.get(2..).unwrap_or_default();
        let (llc, apdu) = information.split_first_chunk::<3>().map_or((None, None), |(llc, apdu)| (Some(*llc), Some(apdu)));
        let from_server = match llc {
            Some(FROM_SERVER) => Some(true),
            Some(TO_SERVER) => Some(false),
            _ => None,
        };
        let whole = from_server.is_some() && checked.first().is_some_and(|format| format & SEGMENTED == 0);
        Some(Self::Hdlc { control, from_server, apdu: apdu.filter(|_| whole) })
    }
}

/// Bytes between the flags.
fn hdlc_length(head: &[u8]) -> Option<usize> {
    let [_, high, low] = *head.first_chunk::<3>()?;
    let length = usize::from(u16::from_be_bytes([high & 0x07, low]));
    (high & TYPE_MASK == TYPE && length >= HDLC_MIN).then_some(length)
}

/// 8.4.2: an address is one, two or four bytes; the low bit of the last is set.
fn after_address(bytes: &[u8]) -> Option<&[u8]> {
    const ADDRESS_MAX: usize = 4;
    let last = bytes.iter().take(ADDRESS_MAX).position(|byte| byte & 1 == 1)?;
    bytes.get(last + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::{Field, Kind};

    fn wrapped(apdu: &[u8]) -> Vec<u8> {
        [&[0, 1, 0, 16, 0, 1], u16::try_from(apdu.len()).unwrap().to_be_bytes().as_slice(), apdu].concat()
    }

    /// An HDLC frame with information, between flags.
    fn hdlc(llc: [u8; 3], apdu: &[u8]) -> Vec<u8> {
        let length = u8::try_from(7 + 2 + 3 + apdu.len()).unwrap();
        let mut frame = vec![TYPE, length, 0x03, 0x21, 0x32];
        frame.extend_from_slice(&crc::hdlc(&frame).to_le_bytes());
        frame.extend_from_slice(&llc);
        frame.extend_from_slice(apdu);
        frame.extend_from_slice(&crc::hdlc(&frame).to_le_bytes());
        [&[FLAG], frame.as_slice(), &[FLAG]].concat()
    }

    const ASKED: &[u8] = &[0xc0, 1, 0xc1, 0, 1, 0, 0, 42, 0, 0, 255, 2, 0];
    const NAMED: &[u8] = b"\xc4\x01\xc1\x00\x09\x10EXM1030700000042";

    #[test]
    fn a_meter_names_its_logical_device_in_either_profile() {
        for (question, answer) in [(wrapped(ASKED), wrapped(NAMED)), (hdlc(TO_SERVER, ASKED), hdlc(FROM_SERVER, NAMED))] {
            for transport in [Transport::Tcp, Transport::Udp] {
                let said = conversation(&Dlms, transport, &[(50000, 4059, &question), (4059, 50000, &answer)]);
                assert_eq!(field(&said, Kind::Identity, Field::CosemDeviceName), ["EXM1030700000042"]);
                assert_eq!(field(&said, Kind::Identity, Field::FlagId), ["EXM"]);
            }
        }
    }

    #[test]
    fn frames_that_share_a_flag_and_frames_that_do_not_are_both_read() {
        let two = [hdlc(TO_SERVER, ASKED), hdlc(TO_SERVER, &[0xc0, 1, 0xc2, 0, 1, 0, 0, 96, 1, 0, 255, 2, 0])].concat();
        let mut shared = two.clone();
        shared.remove(hdlc(TO_SERVER, ASKED).len());
        for questions in [two, shared] {
            let answer = hdlc(FROM_SERVER, b"\xc4\x01\xc2\x00\x09\x08EX004711");
            let said = conversation(&Dlms, Transport::Tcp, &[(50000, 4060, &questions), (4060, 50000, &answer)]);
            assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["EX004711"]);
        }
    }

    #[test]
    fn a_frame_whose_check_is_wrong_is_refused_and_a_right_one_is_found_elsewhere() {
        let mut frame = hdlc(TO_SERVER, ASKED);
        assert_eq!(gate(&Dlms, &frame, 4711), Gate::Mine);
        assert_eq!(gate(&Dlms, &wrapped(ASKED), 4711), Gate::Mine);
        frame[12] ^= 1;
        let modbus = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10];
        for stranger in [&frame[..], &modbus, b"GET / HTTP/1.1\r\nHost: meter\r\n\r\n", &[FLAG; 40], &[0; 40]] {
            assert_eq!(gate(&Dlms, stranger, 4059), Gate::NotMine);
        }
    }
}
