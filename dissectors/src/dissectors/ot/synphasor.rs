//! IEEE C37.118: phasors that measurement units send to concentrators and control centres.
//!
//! Spec: IEEE C37.118.2-2011 clause 6 and annex B (check).
//! Tells us: stream and unit identifiers, station names, global identifiers of units, the header's text; transmission that is switched on
//! and off.
//! Does not tell: maker and model; whether a concentrator's units are near: they are parts of what it sends.

use crate::context::Context;
use crate::crc;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};
use observations::OperationClass::{Control, Diagnose, Session};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Transport, Value};

pub(crate) struct Synphasor;

/// 6.2: synchronisation, size, stream, seconds, fraction; then data and a check.
const SYNC: u8 = 0xaa;
const HEADER: usize = 14;
const CHECK: usize = 2;
const SIZE_MIN: usize = HEADER + CHECK;
/// Frame types, bits 6 to 4 of the second byte; versions 1 and 2 in bits 3 to 0.
const DATA: u8 = 0;
const HEADER_FRAME: u8 = 1;
const CONFIGURATION_2: u8 = 3;
const COMMAND: u8 = 4;
const CONFIGURATION_3: u8 = 5;
/// 0 and 65535 are reserved (6.2.3).
const STREAMS: std::ops::RangeInclusive<u16> = 1..=65534;
/// 6.4: names of stations and channels in configuration 2 have 16 bytes; a digital word has 16 of them.
const NAME: usize = 16;
const DIGITAL_NAMES: usize = 16;
/// 6.5: what follows the names of a unit in configuration 3: place, class, window, delay, nominal frequency, change count.
const TAIL_3: usize = 12 + 1 + 8 + 4;
/// Concentrators have some hundred units; what they say is bounded by a frame's 64 KiB.
const UNITS_MAX: usize = 512;

/// Commands (6.6) by number, then what is none of them.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("turn_off_transmission", Control),
    ("turn_on_transmission", Session),
    ("send_hdr", Diagnose),
    ("send_cfg_1", Diagnose),
    ("send_cfg_2", Diagnose),
    ("send_cfg_3", Diagnose),
    ("extended_frame", Control),
    ("user_command", Control),
];

const fn shape(over: Transport) -> Shape {
    // The second byte: bit 7 is reserved, versions are below 4.
    Shape { over, bytes: &[(0, 0xff, SYNC), (1, 0x8c, 0)], min: SIZE_MIN, max: usize::MAX }
}

impl Dissector for Synphasor {
    type State = ();

    const ROW: Row = Row {
        name: "synphasor",
        revision: 1,
        spec: "IEEE C37.118.2-2011",
        tells: "streams, station names and identifiers of measurement units, header text; transmission on and off",
        bindings: &[Binding::Tcp(4712), Binding::Udp(4713)],
        shapes: &[shape(Transport::Tcp), shape(Transport::Udp)],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Ok((_, frame)) = frame(head) else {
            return if head.len() < HEADER && head.first() == Some(&SYNC) { Gate::More } else { Gate::NotMine };
        };
        let bound = matches!((at.transport, at.src_port, at.dst_port), (Transport::Tcp, 4712, _) | (Transport::Tcp, _, 4712))
            || matches!((at.transport, at.src_port, at.dst_port), (Transport::Udp, 4713, _) | (Transport::Udp, _, 4713));
        let mine = match head.get(..frame.size) {
            Some(whole) => is_checked(whole),
            // Of a long frame the gate is shown the beginning.
            None => bound && head.len() >= crate::engine::GATE_BYTES,
        };
        if frame.is_known() && mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match frame(head) {
            Ok((_, frame)) if frame.kind == COMMAND => Side::Client,
            Ok(_) => Side::Server,
            Err(_) => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match (head.len() < HEADER, frame(head)) {
            (true, _) => Framing::Need(HEADER),
            (_, Ok((_, frame))) if frame.is_known() => Framing::Pdu { len: frame.size, want: frame.size },
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok((body, frame)) = frame(head) else { return Glance::SKIP };
        let once = Look::Once(u32::from(frame.kind) << 16 | u32::from(frame.stream));
        match frame.kind {
            COMMAND => {
                let operation = match body.first_chunk().map(|number| u16::from_be_bytes(*number)) {
                    Some(number @ 1..=6) => number - 1,
                    Some(8) => 6,
                    _ => 7,
                };
                Glance { operation: Some(operation), look: Look::Never, inner: None }
            }
            DATA => Glance { look: once, ..Glance::SKIP },
            _ => Glance::READ,
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (body, frame) = frame(pdu)?;
        if pdu.len() >= frame.size && !pdu.get(..frame.size).is_some_and(is_checked) {
            return Err(DissectError::Malformed { rule: "check", offset: frame.size.saturating_sub(CHECK) });
        }
        let body = body.get(..frame.size.saturating_sub(SIZE_MIN)).unwrap_or(body);
        let about = cx.sender();
        if frame.kind != COMMAND {
            let stream = pdu.get(4..6).unwrap_or_default();
            cx.say(&about, Kind::Identity).number(Field::PmuIdCode, u64::from(frame.stream), stream);
            cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(b"none".to_vec()));
        }
        match frame.kind {
            HEADER_FRAME => drop(cx.say(&about, Kind::Identity).trimmed(Field::Description, body)),
            CONFIGURATION_2 => units(body, &about, unit_2, cx)?,
            CONFIGURATION_3 => {
                // 6.5: only the first of several frames begins with a unit.
                let (body, part) = be_u16::<_, nom::error::Error<&[u8]>>().parse(body)?;
                if part <= 1 {
                    units(body, &about, unit_3, cx)?;
                }
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

struct Frame {
    kind: u8,
    version: u8,
    size: usize,
    stream: u16,
}

impl Frame {
    fn is_known(&self) -> bool {
        self.kind <= CONFIGURATION_3 && matches!(self.version, 1..=3) && self.size >= SIZE_MIN && STREAMS.contains(&self.stream)
    }
}

fn frame(i: &[u8]) -> IResult<&[u8], Frame> {
    let (rest, (sync, kind, size, stream, _seconds, _fraction)) = (be_u8(), be_u8(), be_u16(), be_u16(), be_u32(), be_u32()).parse(i)?;
    if sync != SYNC || kind & 0x80 != 0 {
        return Err(nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::Tag }));
    }
    Ok((rest, Frame { kind: kind >> 4, version: kind & 0x0f, size: usize::from(size), stream }))
}

fn is_checked(whole: &[u8]) -> bool {
    whole.split_last_chunk::<CHECK>().is_some_and(|(data, check)| crc::ccitt(data) == u16::from_be_bytes(*check))
}

/// A unit's configuration: its station's name and global identifier, with its number, and where it stands.
struct Unit<'a> {
    station: &'a [u8],
    code: &'a [u8],
    id: &'a [u8],
}

/// Time base, number of units, units.
fn units<'p>(
    body: &'p [u8],
    about: &Subject,
    unit: impl Fn(&'p [u8]) -> IResult<&'p [u8], Unit<'p>>,
    cx: &mut Context<'_>,
) -> Result<(), DissectError> {
    let (mut rest, (_base, count)) = (be_u32::<_, nom::error::Error<&[u8]>>(), be_u16()).parse(body)?;
    for _ in 0..usize::from(count).min(UNITS_MAX) {
        let (i, unit) = unit(rest)?;
        rest = i;
        let code = crate::tlv::number(unit.code);
        let part = cx.part(about, StepKind::Pmu, code);
        let saying = cx.say(&part, Kind::Identity).number(Field::PmuIdCode, code, unit.code).trimmed(Field::FriendlyName, unit.station);
        if unit.id.iter().any(|byte| *byte != 0) {
            saying.bytes(Field::Uuid, unit.id);
        }
    }
    if usize::from(count) > UNITS_MAX {
        cx.limit("measurement units of one configuration");
    }
    Ok(())
}

/// Numbers of phasors, analogue values and digital words.
fn channels(i: &[u8]) -> IResult<&[u8], [usize; 3]> {
    let (i, (_format, phasors, analogues, digitals)) = (be_u16(), be_u16(), be_u16(), be_u16()).parse(i)?;
    Ok((i, [usize::from(phasors), usize::from(analogues), usize::from(digitals)]))
}

/// 6.4: station, code, format, numbers of channels, their names, their units, nominal frequency, change count.
fn unit_2(i: &[u8]) -> IResult<&[u8], Unit<'_>> {
    let (i, (station, code)) = (take(NAME), take(2usize)).parse(i)?;
    let (i, [phasors, analogues, digitals]) = channels(i)?;
    let names = phasors + analogues + DIGITAL_NAMES * digitals;
    let (i, _rest) = take(NAME * names + 4 * (phasors + analogues + digitals) + 4).parse(i)?;
    Ok((i, Unit { station, code, id: &[] }))
}

/// 6.5: as before, with names of any length, a global identifier, scales, place and filter.
fn unit_3(i: &[u8]) -> IResult<&[u8], Unit<'_>> {
    let (i, station) = name(i)?;
    let (i, (code, id)) = (take(2usize), take(16usize)).parse(i)?;
    let (mut i, [phasors, analogues, digitals]) = channels(i)?;
    for _ in 0..phasors + analogues + DIGITAL_NAMES * digitals {
        i = name(i)?.0;
    }
    let (i, _rest) = take(12 * phasors + 8 * analogues + 4 * digitals + TAIL_3).parse(i)?;
    Ok((i, Unit { station, code, id }))
}

fn name(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, length) = be_u8().parse(i)?;
    take(length).parse(i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate, payload, read_cut};

    fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut frame = vec![SYNC, kind << 4 | 2];
        frame.extend_from_slice(&u16::try_from(SIZE_MIN + body.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(&[0, 241, 0x5e, 0, 0, 0, 0, 0, 0, 0]);
        frame.extend_from_slice(body);
        let check = crc::ccitt(&frame).to_be_bytes();
        [frame.as_slice(), &check].concat()
    }

    fn station(name: &[u8; 16], code: u8) -> Vec<u8> {
        let mut unit = [&name[..], &[0, code, 0, 0, 0, 1, 0, 0, 0, 0]].concat();
        unit.resize(unit.len() + NAME + 4 + 4, b' ');
        unit
    }

    fn configuration(units: &[Vec<u8>]) -> Vec<u8> {
        let count = u8::try_from(units.len()).unwrap();
        framed(CONFIGURATION_2, &[&[0, 0x0f, 0x42, 0x40, 0, count], units.concat().as_slice(), &[0, 50]].concat())
    }

    #[test]
    fn a_configuration_names_each_unit_as_a_part() {
        let said = answer(&Synphasor, &configuration(&[station(b"Blue PMU        ", 241), station(b"North bay       ", 7)]));
        assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["North bay", "Blue PMU"]);
        assert_eq!(field(&said, Kind::Identity, Field::PmuIdCode), ["241", "7", "241"]);
        assert!(said.iter().any(|said| said.about.path.last().is_some_and(|step| (step.kind, step.number) == (StepKind::Pmu, 7))));
    }

    #[test]
    fn a_third_configuration_has_long_names_and_global_identifiers() {
        let mut unit = [&[12][..], b"Substation 7", &[0, 7], &[0xab; 16], &[0, 0, 0, 1, 0, 0, 0, 0], &[2, b'V', b'A']].concat();
        unit.resize(unit.len() + 12 + TAIL_3, 0);
        let body = [&[0, 0, 0, 0x0f, 0x42, 0x40, 0, 1][..], &unit, &[0, 50]].concat();
        let said = answer(&Synphasor, &framed(CONFIGURATION_3, &body));
        assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["Substation 7"]);
        assert_eq!(field(&said, Kind::Identity, Field::Uuid), ["ab".repeat(16)]);
    }

    #[test]
    fn a_header_is_a_description_and_data_name_their_stream() {
        let said = answer(&Synphasor, &framed(HEADER_FRAME, b"PMU at feeder 4, class M"));
        assert_eq!(field(&said, Kind::Identity, Field::Description), ["PMU at feeder 4, class M"]);
        assert_eq!(field(&answer(&Synphasor, &framed(DATA, &[0; 12])), Kind::Identity, Field::PmuIdCode), ["241"]);
    }

    #[test]
    fn a_cut_configuration_keeps_the_units_before_the_cut() {
        let whole = configuration(&[station(b"Blue PMU        ", 241), station(b"North bay       ", 7)]);
        let said = read_cut(&Synphasor, false, &whole[..whole.len() - 30]);
        assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["Blue PMU"]);
    }

    #[test]
    fn commands_have_their_names_and_say_nothing_of_who_is_told() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 4712, from_client: Some(true) };
        let name = |number| Synphasor.glance(&framed(COMMAND, &[0, number]), &at).operation.map(|at| OPERATIONS[usize::from(at)].0);
        assert_eq!([name(1), name(5), name(8), name(77)], ["turn_off_transmission", "send_cfg_2", "extended_frame", "user_command"].map(Some));
        assert!(field(&crate::testing::request(&Synphasor, &framed(COMMAND, &[0, 1])), Kind::Identity, Field::PmuIdCode).is_empty());
    }

    #[test]
    fn a_frame_whose_check_is_wrong_is_refused_and_a_right_one_is_found_elsewhere() {
        let mut wrong = framed(DATA, &[0; 12]);
        let said = payload(&Synphasor, Transport::Udp, 8500, 50000, &wrong);
        assert_eq!(field(&said, Kind::Identity, Field::PmuIdCode), ["241"]);
        wrong[15] ^= 1;
        for stranger in [&wrong[..], b"GET / HTTP/1.1\r\nHost: pmu\r\n\r\n", &[0xaa; 40], &[0; 40]] {
            assert_eq!(gate(&Synphasor, stranger, 4712), Gate::NotMine);
        }
    }
}
