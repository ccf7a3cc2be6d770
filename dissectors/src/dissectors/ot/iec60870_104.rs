//! IEC 60870-5-104: telecontrol of substations and plants: which stations answer, who commands them, and with which types.
//!
//! Spec: IEC 60870-5-104 (2006) clause 5 (APCI) and 9; IEC 60870-5-101 (2003) clause 7 (ASDU); IEC TS 60870-5-7 and IEC 62351-5 (types
//! 41, 81 to 87 and 90 to 95).
//! Tells us: common addresses of controlled stations, originator addresses, commands, set points, parameters, files, secure
//! authentication or its absence.
//! Does not tell: maker, model or version: the protocol has no place for them.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::number::{be_u8, le_u16};
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Control, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, StepKind, Subject, Transport, Value};

pub(crate) struct Iec60870104;

/// 5.1: start, length, four control octets; the length counts from the first of these.
const START: u8 = 0x68;
const APCI: usize = 6;
const LENGTH_MIN: u8 = 4;
const LENGTH_MAX: u8 = 253;
/// 7.2 with the field sizes that 104 fixes.
const OBJECT_ADDRESS: usize = 3;
/// 5.3: functions of unnumbered control, each with its confirmation.
const STARTDT_ACT: u8 = 0x07;
const STARTDT_CON: u8 = 0x0b;
const STOPDT_ACT: u8 = 0x13;
const STOPDT_CON: u8 = 0x23;
const TESTFR_ACT: u8 = 0x43;
const TESTFR_CON: u8 = 0x83;
/// 101, 7.2.3: causes of transmission; the two high bits of the octet are test and negative confirmation.
const CAUSE: u8 = 0x3f;
const NEGATIVE: u8 = 0x40;
const REQUEST: u8 = 5;
const ACTIVATION: u8 = 6;
const ACTIVATION_CONFIRMATION: u8 = 7;
const DEACTIVATION: u8 = 8;
/// Unknown type, cause, common address, object address.
const UNKNOWN: std::ops::RangeInclusive<u8> = 44..=47;
/// 101, 7.2.4: all stations.
const GLOBAL_ADDRESS: u16 = 0xffff;
/// 101, 7.2.2: how many objects, and whether their addresses follow from the first's.
const COUNT: u8 = 0x7f;
const SEQUENCE: u8 = 0x80;
/// From here on types are private (101, 7.2.1.1).
const PRIVATE: u8 = 128;
/// Size of an object that has no fixed one.
const VARIABLE: u8 = 0xff;

/// Types in monitor direction, with the size of an information object without its address (101, 7.3.1, 7.3.3; 104, clause 8).
const MONITORED: &[(u8, u8)] = &[
    (1, 1),
    (2, 4),
    (3, 1),
    (4, 4),
    (5, 2),
    (6, 5),
    (7, 5),
    (8, 8),
    (9, 3),
    (10, 6),
    (11, 3),
    (12, 6),
    (13, 5),
    (14, 8),
    (15, 5),
    (16, 8),
    (17, 6),
    (18, 7),
    (19, 7),
    (20, 5),
    (21, 2),
    (30, 8),
    (31, 8),
    (32, 9),
    (33, 12),
    (34, 10),
    (35, 10),
    (36, 12),
    (37, 12),
    (38, 10),
    (39, 11),
    (40, 11),
    (41, VARIABLE),
    (70, 1),
];

/// Types in control direction, of files and of secure authentication: number, name, what it does, size of an object. The index is that
/// of [`OPERATIONS`].
const TYPES: &[(u8, &str, OperationClass, u8)] = &[
    (45, "c_sc_na_1", Control, 1),
    (46, "c_dc_na_1", Control, 1),
    (47, "c_rc_na_1", Control, 1),
    (48, "c_se_na_1", Write, 3),
    (49, "c_se_nb_1", Write, 3),
    (50, "c_se_nc_1", Write, 5),
    (51, "c_bo_na_1", Write, 4),
    (58, "c_sc_ta_1", Control, 8),
    (59, "c_dc_ta_1", Control, 8),
    (60, "c_rc_ta_1", Control, 8),
    (61, "c_se_ta_1", Write, 10),
    (62, "c_se_tb_1", Write, 10),
    (63, "c_se_tc_1", Write, 12),
    (64, "c_bo_ta_1", Write, 11),
    (81, "s_ch_na_1", Session, VARIABLE),
    (82, "s_rp_na_1", Session, VARIABLE),
    (83, "s_ar_na_1", Session, VARIABLE),
    (84, "s_kr_na_1", Session, VARIABLE),
    (85, "s_ks_na_1", Session, VARIABLE),
    (86, "s_kc_na_1", Configure, VARIABLE),
    (87, "s_er_na_1", Session, VARIABLE),
    (90, "s_us_na_1", Configure, VARIABLE),
    (91, "s_uq_na_1", Session, VARIABLE),
    (92, "s_ur_na_1", Session, VARIABLE),
    (93, "s_uk_na_1", Configure, VARIABLE),
    (94, "s_ua_na_1", Configure, VARIABLE),
    (95, "s_uc_na_1", Session, VARIABLE),
    (100, "c_ic_na_1", Read, 1),
    (101, "c_ci_na_1", Read, 1),
    (102, "c_rd_na_1", Read, 0),
    (103, "c_cs_na_1", Configure, 7),
    (104, "c_ts_na_1", Session, 2),
    (105, "c_rp_na_1", Control, 1),
    (106, "c_cd_na_1", Configure, 2),
    (107, "c_ts_ta_1", Session, 9),
    (110, "p_me_na_1", Configure, 3),
    (111, "p_me_nb_1", Configure, 3),
    (112, "p_me_nc_1", Configure, 5),
    (113, "p_ac_na_1", Configure, 1),
    (120, "f_fr_na_1", Program, 6),
    (121, "f_sr_na_1", Program, 7),
    (122, "f_sc_na_1", Read, 4),
    (123, "f_ls_na_1", Program, 5),
    (124, "f_af_na_1", Read, 4),
    (125, "f_sg_na_1", Program, VARIABLE),
    (126, "f_dr_ta_1", Read, 13),
    (127, "f_sc_nb_1", Read, 16),
];
const FILES: std::ops::RangeInclusive<u8> = 120..=127;
/// What carries out something in the process: critical functions, which IEC 62351-5 7.2.1.2 wants authenticated.
const COMMANDS: std::ops::RangeInclusive<u8> = 45..=64;

/// What is counted beside the types.
const OTHERS: &[(&str, OperationClass)] =
    &[("private_type", Session), ("startdt", Session), ("stopdt", Session), ("testfr", Session), ("negative_confirmation", Session)];
const PRIVATE_TYPE: usize = TYPES.len();
const STARTDT: usize = TYPES.len() + 1;
const STOPDT: usize = TYPES.len() + 2;
const TESTFR: usize = TYPES.len() + 3;
const NEGATIVE_CONFIRMATION: usize = TYPES.len() + 4;
const OPERATIONS_MAX: usize = TYPES.len() + OTHERS.len();
const OPERATIONS: &[(&str, OperationClass)] = &operations();

#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn operations() -> [(&'static str, OperationClass); OPERATIONS_MAX] {
    let (mut names, mut at) = ([("", Session); OPERATIONS_MAX], 0);
    while at < OPERATIONS_MAX {
        names[at] = if at < TYPES.len() { (TYPES[at].1, TYPES[at].2) } else { OTHERS[at - TYPES.len()] };
        at += 1;
    }
    names
}

/// Whether the two ends authenticate each other (IEC 62351-5).
#[derive(Default)]
pub(crate) struct Authentication {
    seen: bool,
}

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: APCI, max: usize::MAX }
}

impl Dissector for Iec60870104 {
    type State = Authentication;

    const ROW: Row = Row {
        name: "iec60870_104",
        revision: 1,
        spec: "IEC 60870-5-104, IEC 60870-5-101 clause 7, IEC 62351-5",
        tells: "common addresses of stations, originators, commands and set points, secure authentication",
        bindings: &[Binding::Tcp(2404)],
        shapes: &[
            // Unnumbered: start, length 4, a function, three zeros.
            shape(&[(0, 0xff, START), (1, 0xff, 4), (2, 3, 3), (3, 0xff, 0), (4, 0xff, 0), (5, 0xff, 0)]),
            // Supervisory.
            shape(&[(0, 0xff, START), (1, 0xff, 4), (2, 0xff, 1), (3, 0xff, 0), (4, 1, 0)]),
            // Information: the low bits of both numbers are 0; the test and negative bits of the cause are as good as never set.
            shape(&[(0, 0xff, START), (2, 1, 0), (4, 1, 0), (8, 0xc0, 0)]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some((length, control)) = apci(head) else {
            return if head.is_empty() || head.len() < APCI && head.first() == Some(&START) { Gate::More } else { Gate::NotMine };
        };
        let rest = head.get(APCI..).unwrap_or_default();
        let asdu = rest.get(..usize::from(length) - 4).unwrap_or(rest);
        let body = match Format::of(control) {
            Some(Format::Information) => head.len() >= usize::from(length) + 2 && is_asdu(asdu, at),
            Some(_) => length == LENGTH_MIN,
            None => false,
        };
        let follows = head.get(usize::from(length) + 2..).unwrap_or_default();
        if body && follows.first().is_none_or(|byte| *byte == START) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let Some((_, control)) = apci(head) else { return Side::Unknown };
        match Format::of(control) {
            Some(Format::Unnumbered(STARTDT_ACT | STOPDT_ACT)) => Side::Client,
            Some(Format::Unnumbered(STARTDT_CON | STOPDT_CON)) => Side::Server,
            Some(Format::Information) => match asdu(head.get(APCI..).unwrap_or_default()).map(|(_, asdu)| asdu.way()) {
                Ok(Way::Monitor) => Side::Server,
                Ok(Way::Control) => Side::Client,
                _ => Side::Unknown,
            },
            _ => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match head {
            [START, length @ LENGTH_MIN..=LENGTH_MAX, ..] => Framing::Pdu { len: usize::from(*length) + 2, want: usize::from(*length) + 2 },
            [] | [START] => Framing::Need(2),
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some((_, control)) = apci(head) else { return Glance::SKIP };
        let asked = |operation| Glance { operation: u16::try_from(operation).ok(), ..Glance::SKIP };
        match Format::of(control) {
            Some(Format::Unnumbered(STARTDT_ACT)) => asked(STARTDT),
            Some(Format::Unnumbered(STOPDT_ACT)) => asked(STOPDT),
            Some(Format::Unnumbered(TESTFR_ACT)) => asked(TESTFR),
            Some(Format::Information) => match asdu(head.get(APCI..).unwrap_or_default()) {
                Ok((_, asdu)) => asdu.glance(at),
                Err(_) => Glance::READ,
            },
            _ => Glance::SKIP,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut Authentication, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, control) = apci(pdu).ok_or(DissectError::Malformed { rule: "APCI", offset: 0 })?;
        if Format::of(control) != Some(Format::Information) {
            return Ok(Next::Watch);
        }
        let (_, asdu) = asdu(pdu.get(APCI..).unwrap_or_default())?;
        match asdu.way() {
            Way::Control => controlling(&asdu, cx),
            Way::Monitor => controlled(&asdu, state, cx),
            Way::Either => {}
        }
        if asdu.is_authentication() {
            state.seen = true;
            let about = cx.sender();
            cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"iec62351-5".to_vec()));
        }
        Ok(Next::Watch)
    }
}

/// Formats of the control field (5.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Information,
    Supervisory,
    Unnumbered(u8),
}

impl Format {
    const fn of(control: [u8; 4]) -> Option<Self> {
        match control {
            [function @ (STARTDT_ACT | STARTDT_CON | STOPDT_ACT | STOPDT_CON | TESTFR_ACT | TESTFR_CON), 0, 0, 0] => Some(Self::Unnumbered(function)),
            [1, 0, receive, _] if receive & 1 == 0 => Some(Self::Supervisory),
            [send, _, receive, _] if send & 1 == 0 && receive & 1 == 0 => Some(Self::Information),
            _ => None,
        }
    }
}

/// Who sends an ASDU, by its type and cause.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The controlled station.
    Monitor,
    /// The controlling station.
    Control,
    /// Files and authentication go both ways.
    Either,
}

/// Length and control field.
fn apci(head: &[u8]) -> Option<(u8, [u8; 4])> {
    match *head.first_chunk::<APCI>()? {
        [START, length @ LENGTH_MIN..=LENGTH_MAX, a, b, c, d] => Some((length, [a, b, c, d])),
        _ => None,
    }
}

struct Asdu<'a> {
    kind: u8,
    qualifier: u8,
    cause: u8,
    originator: u8,
    address: u16,
    originator_byte: &'a [u8],
    address_bytes: &'a [u8],
}

fn asdu(i: &[u8]) -> IResult<&[u8], Asdu<'_>> {
    let (rest, (kind, qualifier, cause, originator, address)) = (be_u8(), be_u8(), be_u8(), be_u8(), le_u16()).parse(i)?;
    let slice = |from: usize, to: usize| i.get(from..to).unwrap_or_default();
    Ok((rest, Asdu { kind, qualifier, cause, originator, address, originator_byte: slice(3, 4), address_bytes: slice(4, 6) }))
}

impl Asdu<'_> {
    fn way(&self) -> Way {
        let row = TYPES.iter().find(|row| row.0 == self.kind);
        match row {
            None if self.kind < PRIVATE => Way::Monitor,
            Some(_) if self.is_authentication() || FILES.contains(&self.kind) => Way::Either,
            Some(_) if matches!(self.cause & CAUSE, REQUEST | ACTIVATION | DEACTIVATION) => Way::Control,
            Some(_) => Way::Monitor,
            None => Way::Either,
        }
    }

    const fn is_authentication(&self) -> bool {
        matches!(self.kind, 81..=87 | 90..=95)
    }

    fn glance(&self, at: &At) -> Glance {
        let negative = self.cause & NEGATIVE != 0 || UNKNOWN.contains(&(self.cause & CAUSE));
        let asks = match self.way() {
            Way::Control => true,
            Way::Monitor => false,
            Way::Either => at.from_client != Some(false),
        };
        let operation = match TYPES.iter().position(|row| row.0 == self.kind) {
            _ if negative && !asks => Some(NEGATIVE_CONFIRMATION),
            Some(index) if asks => Some(index),
            None if asks => Some(PRIVATE_TYPE),
            _ => None,
        };
        let key = u32::from(self.kind) << 16 | u32::from(self.address) | u32::from(asks) << 24 | u32::from(negative) << 25;
        Glance { operation: operation.and_then(|operation| u16::try_from(operation).ok()), look: Look::Once(key), inner: None }
    }
}

/// Whether these bytes are an ASDU: its objects fill it exactly. Where fields have other sizes than the standard's, a common address would
/// be read where there is none. What has no fixed size is believed on the protocol's port only.
fn is_asdu(bytes: &[u8], at: &At) -> bool {
    let Ok((objects, asdu)) = asdu(bytes) else { return false };
    let size = MONITORED.iter().copied().chain(TYPES.iter().map(|row| (row.0, row.3))).find(|row| row.0 == asdu.kind).map(|row| row.1);
    let count = usize::from(asdu.qualifier & COUNT);
    let fits = match size {
        None | Some(VARIABLE) => (at.src_port == 2404 || at.dst_port == 2404) && (size.is_some() || asdu.kind >= PRIVATE),
        Some(size) if asdu.qualifier & SEQUENCE != 0 => OBJECT_ADDRESS + count * usize::from(size) == objects.len(),
        Some(size) => count * (OBJECT_ADDRESS + usize::from(size)) == objects.len(),
    };
    fits && count > 0 && matches!(asdu.cause & CAUSE, 1..=16 | 20..=41 | 44..=47) && asdu.address != 0
}

/// A controlling station asks: only of itself does that tell something.
fn controlling(asdu: &Asdu<'_>, cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let saying = cx.say(&about, Kind::Client).implied(Field::Role, &Value::Text(b"controlling".to_vec()));
    if asdu.originator != 0 {
        saying.number(Field::OriginatorAddress, u64::from(asdu.originator), asdu.originator_byte);
    }
}

/// A controlled station answers.
fn controlled(asdu: &Asdu<'_>, state: &Authentication, cx: &mut Context<'_>) {
    let server = cx.sender();
    if asdu.address != GLOBAL_ADDRESS && asdu.address != 0 && !UNKNOWN.contains(&(asdu.cause & CAUSE)) {
        station(asdu, &server, cx);
    }
    cx.say(&server, Kind::Service).implied(Field::Role, &Value::Text(b"controlled".to_vec()));
    cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &Value::Text(b"none".to_vec()));
    let carried_out = COMMANDS.contains(&asdu.kind) && asdu.cause & (CAUSE | NEGATIVE) == ACTIVATION_CONFIRMATION;
    if carried_out && !state.seen {
        cx.say(&server, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"none".to_vec()));
    }
}

fn station(asdu: &Asdu<'_>, server: &Subject, cx: &mut Context<'_>) {
    let about = cx.part(server, StepKind::CommonAddress, u64::from(asdu.address));
    cx.say(&about, Kind::Part).number(Field::CommonAddress, u64::from(asdu.address), asdu.address_bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, read_cut};

    const STARTDT_REQUEST: &[u8] = &[0x68, 4, 0x07, 0, 0, 0];
    const INTERROGATION: &[u8] = &[
        0x68, 14, 0, 0, 0, 0, // APCI, information
        100, 1, 6, 5, // C_IC_NA_1, one object, activation, originator 5
        47, 0, // common address
        0, 0, 0, 20, // object 0, station interrogation
    ];
    const SINGLE_POINT: &[u8] = &[
        0x68, 16, 2, 0, 2, 0, // APCI
        1, 0x83, 20, 0, // M_SP_NA_1, three objects in sequence, interrogated
        47, 0, // common address
        1, 0, 0, 1, 0, 1, // from object 1
    ];
    const COMMAND_CONFIRMED: &[u8] = &[
        0x68, 14, 4, 0, 4, 0, // APCI
        45, 1, 7, 5, // C_SC_NA_1, confirmed
        47, 0, // common address
        16, 0, 0, 1, // object 16, on
    ];

    fn said(payloads: &[(u16, u16, &[u8])]) -> Vec<observations::Observation> {
        conversation(&Iec60870104, Transport::Tcp, payloads)
    }

    #[test]
    fn a_station_that_answers_is_a_part_and_one_that_is_asked_is_none() {
        assert!(field(&said(&[(50000, 2404, INTERROGATION)]), Kind::Part, Field::CommonAddress).is_empty());
        let said = said(&[(50000, 2404, INTERROGATION), (2404, 50000, SINGLE_POINT)]);
        assert_eq!(field(&said, Kind::Part, Field::CommonAddress), ["47"]);
        assert_eq!(field(&said, Kind::Client, Field::OriginatorAddress), ["5"]);
        assert_eq!([field(&said, Kind::Client, Field::Role), field(&said, Kind::Service, Field::Role)], [["controlling"], ["controlled"]]);
        let part = said.iter().find(|said| said.kind == Kind::Part).unwrap();
        assert_eq!(part.about.path.last().map(|step| (step.kind, step.number)), Some((StepKind::CommonAddress, 47)));
    }

    #[test]
    fn a_command_that_is_carried_out_without_a_challenge_needed_no_authentication() {
        assert_eq!(field(&said(&[(2404, 50000, COMMAND_CONFIRMED)]), Kind::Security, Field::AuthenticationMethod), ["none"]);
        let challenge = [0x68, 13, 0, 0, 0, 0, 81, 1, 14, 0, 47, 0, 0, 0, 0];
        let said = said(&[(2404, 50000, &challenge), (2404, 50000, COMMAND_CONFIRMED)]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["iec62351-5"]);
    }

    #[test]
    fn a_common_address_that_is_not_known_is_no_part() {
        let unknown = [0x68, 14, 4, 0, 4, 0, 100, 1, 0x40 | 46, 0, 9, 0, 0, 0, 0, 20];
        assert!(field(&said(&[(2404, 50000, &unknown)]), Kind::Part, Field::CommonAddress).is_empty());
        let glance = Iec60870104.glance(&unknown, &at(Some(false)));
        assert_eq!(glance.operation.map(|at| OPERATIONS[usize::from(at)].0), Some("negative_confirmation"));
    }

    #[test]
    fn commands_have_the_names_of_their_types() {
        let name = |pdu: &[u8], client| Iec60870104.glance(pdu, &at(Some(client))).operation.map(|at| OPERATIONS[usize::from(at)]);
        assert_eq!(name(INTERROGATION, true), Some(("c_ic_na_1", Read)));
        assert_eq!(name(SINGLE_POINT, false), None);
        assert_eq!(name(COMMAND_CONFIRMED, false), None);
        assert_eq!(name(STARTDT_REQUEST, true), Some(("startdt", Session)));
        assert_eq!(name(&[0x68, 14, 4, 0, 4, 0, 105, 1, 6, 0, 47, 0, 0, 0, 0, 1], true), Some(("c_rp_na_1", Control)));
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        let dlms = [0x68, 9, 9, 0x68, 8, 1, 0x72, 1, 2, 3, 4, 5, 6];
        for stranger in [&b"GET / HTTP/1.1\r\nHost: rtu\r\n\r\n"[..], b"hello there, this is text", &[0x16, 3, 1, 0, 5, 1], &[0x68; 40], &dlms] {
            assert_eq!(gate(&Iec60870104, stranger, 2404), Gate::NotMine);
        }
    }

    #[test]
    fn the_objects_must_fill_the_asdu() {
        for pdu in [STARTDT_REQUEST, INTERROGATION, SINGLE_POINT] {
            assert_eq!(gate(&Iec60870104, pdu, 12404), Gate::Mine);
        }
        let mut other = SINGLE_POINT.to_vec();
        other[7] = 2;
        assert_eq!(gate(&Iec60870104, &other, 12404), Gate::NotMine);
    }

    #[test]
    fn a_stream_picked_up_on_another_port_is_found() {
        let said = said(&[(12404, 50000, SINGLE_POINT)]);
        assert_eq!(field(&said, Kind::Part, Field::CommonAddress), ["47"]);
    }

    #[test]
    fn a_cut_asdu_says_what_stands_before_the_cut() {
        assert_eq!(field(&read_cut(&Iec60870104, false, &SINGLE_POINT[..13]), Kind::Part, Field::CommonAddress), ["47"]);
        assert!(read_cut(&Iec60870104, false, &SINGLE_POINT[..9]).is_empty());
    }

    fn at(from_client: Option<bool>) -> At {
        At { transport: Transport::Tcp, src_port: 50000, dst_port: 2404, from_client }
    }
}
