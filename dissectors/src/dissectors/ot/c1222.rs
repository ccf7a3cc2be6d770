//! ANSI C12.22: how electricity meters of the Americas are read over networks.
//!
//! Spec: ANSI C12.22-2012 (IEEE 1703-2012) clauses 5.3.2 (EPSEM), 5.3.4 (ACSE); ANSI C12.19-2012 (IEEE 1377) table 1.
//! Tells us: application process titles; maker, model, versions and serial number of a meter that is asked for table 1; security mode;
//! reads, writes, log-ons.
//! Does not tell: anything that is encrypted; titles that are relative.

use super::acse_apdu as acse;
use crate::asn1::{Tlv, dotted};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Diagnose, Read, Session, Write};
use observations::{Field, Kind, OperationClass, Transport, Value};

pub(crate) struct C1222;

/// Members of the APDU beside those of [`acse`]: invocation identifiers of the called and of the calling process.
const CALLED_INVOCATION: u8 = 0xa4;
const CALLING_INVOCATION: u8 = 0xa8;
const MEMBERS: [u8; 10] = [0xa1, 0xa2, 0xa3, CALLED_INVOCATION, 0xa5, 0xa6, 0xa7, CALLING_INVOCATION, 0x8b, 0xac];
/// 5.3.2.4.1: EPSEM control: reserved bit, an end device's class, security mode.
const RESERVED: u8 = 0x80;
const CLASS: u8 = 0x10;
const SECURITY_MODE: u8 = 0x0c;
const CIPHERTEXT: u8 = 2;
/// Services (5.3.2.4.2 ff.); below are answers.
const IDENTIFICATION: u8 = 0x20;
const FULL_READ: u8 = 0x30;
const SECURITY: u8 = 0x51;
const OK: u8 = 0;
/// C12.18: a password has 20 bytes.
const PASSWORD: usize = 20;
/// C12.19 table 1: manufacturer (4), model (8), versions and revisions (4), serial number (16).
const MANUFACTURER_TABLE: u16 = 1;
const TABLE: usize = 16;
/// No network of meters sends longer APDUs (5.3.2.3: at most 64 KiB; segments have 512 bytes as a rule).
const APDU_MAX: usize = 0xffff;
/// Services of one APDU.
const SERVICES_MAX: usize = 16;
const ASKED_MAX: usize = 8;
const PATIENCE: u8 = 32;

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("identification", Diagnose),
    ("terminate", Session),
    ("disconnect", Session),
    ("deregister", Configure),
    ("resolve", Session),
    ("trace", Diagnose),
    ("register", Configure),
    ("full_read", Read),
    ("partial_read", Read),
    ("full_write", Write),
    ("partial_write", Write),
    ("logon", Session),
    ("security", Session),
    ("logoff", Session),
    ("authenticate", Session),
    ("negotiate", Session),
    ("wait", Session),
    ("timing_setup", Configure),
    ("other_service", Session),
    ("encrypted_service", Session),
];
const ENCRYPTED_SERVICE: u16 = 19;

/// Questions that wait for their answers: invocation identifier, and which of the services asks for table 1.
#[derive(Default)]
pub(crate) struct Questions {
    asked: Vec<(u64, usize)>,
    waited: u8,
}

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over, bytes, min: 16, max: APDU_MAX }
}
/// An APDU whose length has one byte or two, and a context-specific constructed member.
const SHORT: &[(usize, u8, u8)] = &[(0, 0xff, acse::AARQ), (1, 0x80, 0), (2, 0xf0, 0xa0), (4, 0xf8, 0), (3, 0xc0, 0)];
const LONG: &[(usize, u8, u8)] = &[(0, 0xff, acse::AARQ), (1, 0xff, 0x81), (3, 0xf0, 0xa0), (4, 0xc0, 0)];

impl Dissector for C1222 {
    type State = Questions;

    const ROW: Row = Row {
        name: "c1222",
        revision: 1,
        spec: "ANSI C12.22-2012, ANSI C12.19-2012",
        tells: "application process titles, maker, model, versions, serial number; security mode; reads, writes, log-ons",
        bindings: &[Binding::Tcp(1153), Binding::Udp(1153)],
        shapes: &[shape(Transport::Tcp, SHORT), shape(Transport::Tcp, LONG), shape(Transport::Udp, SHORT), shape(Transport::Udp, LONG)],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(apdu) = acse::apdu(head).filter(|apdu| apdu.tag == acse::AARQ) else { return Gate::NotMine };
        let bound = at.src_port == 1153 || at.dst_port == 1153;
        let named = acse::object_identifier(&apdu, acse::CALLED_AP_TITLE).or(acse::object_identifier(&apdu, acse::CALLING_AP_TITLE)).is_some();
        let first = apdu.open().ok().and_then(|mut members| members.next().ok().flatten());
        let mine = if apdu.missing == 0 {
            (named || bound) && Epsem::of(&apdu).is_some_and(|epsem| epsem.control & RESERVED != 0)
        } else {
            bound && named && head.len() >= crate::engine::GATE_BYTES && apdu.missing <= APDU_MAX
        };
        if mine && first.is_some_and(|first| MEMBERS.contains(&first.tag)) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match acse::apdu(head).and_then(|apdu| first_service(&Epsem::of(&apdu)?)) {
            Some(IDENTIFICATION..) => Side::Client,
            Some(_) => Side::Server,
            None => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match *head {
            [] | [acse::AARQ] | [acse::AARQ, 0x81] | [acse::AARQ, 0x82] | [acse::AARQ, 0x82, _] => Framing::Need(4),
            [acse::AARQ, length @ ..=0x7f, ..] => Framing::Pdu { len: usize::from(length) + 2, want: usize::from(length) + 2 },
            [acse::AARQ, 0x81, length, ..] => Framing::Pdu { len: usize::from(length) + 3, want: usize::from(length) + 3 },
            [acse::AARQ, 0x82, high, low, ..] => {
                let len = usize::from(u16::from_be_bytes([high, low])) + 4;
                Framing::Pdu { len, want: len }
            }
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some(apdu) = acse::apdu(head) else { return Glance::SKIP };
        let Some(epsem) = Epsem::of(&apdu) else { return Glance::READ };
        let mode = epsem.mode();
        let title = acse::object_identifier(&apdu, acse::CALLING_AP_TITLE).and_then(<[u8]>::last).copied().unwrap_or(0);
        let once = |what: u8| Look::Once(u32::from(what) << 16 | u32::from(mode) << 8 | u32::from(title));
        match first_service(&epsem) {
            None => Glance { operation: Some(ENCRYPTED_SERVICE).filter(|_| at.from_client != Some(false)), look: once(0xff), inner: None },
            Some(code @ IDENTIFICATION..) => {
                let always = code == SECURITY || epsem.services().any(asks_for_manufacturer);
                Glance { operation: Some(operation(code)), look: if always { Look::Always } else { once(code) }, inner: None }
            }
            Some(_) => Glance { operation: None, look: once(0), inner: None },
        }
    }

    fn read(&self, pdu: &[u8], state: &mut Questions, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let apdu = acse::apdu(pdu).ok_or(DissectError::Malformed { rule: "APDU", offset: 0 })?;
        let Some(epsem) = Epsem::of(&apdu) else { return Ok(Next::Watch) };
        let answers = match first_service(&epsem) {
            Some(code) => code < IDENTIFICATION,
            None => cx.from_client() == Some(false),
        };
        title(&apdu, answers, cx);
        if answers {
            let level: &[u8] = match epsem.mode() {
                0 => b"none",
                1 => b"authenticated",
                _ => b"authenticated-and-encrypted",
            };
            let about = cx.sender();
            cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(level.to_vec()));
            answered(&apdu, &epsem, state, cx)?;
        } else {
            asked(&apdu, &epsem, state, cx);
        }
        state.waited = state.waited.saturating_add(1);
        if state.waited > PATIENCE {
            state.asked.clear();
        }
        Ok(if state.asked.is_empty() { Next::Watch } else { Next::Read })
    }
}

/// Extended protocol specification for electronic metering: control, and services that are readable unless encrypted.
struct Epsem<'a> {
    control: u8,
    rest: &'a [u8],
}

impl<'a> Epsem<'a> {
    fn of(apdu: &Tlv<'a>) -> Option<Self> {
        let (&control, rest) = acse::user_information(apdu)?.split_first()?;
        let rest = if control & CLASS != 0 { rest.get(4..)? } else { rest };
        Some(Self { control, rest })
    }

    const fn mode(&self) -> u8 {
        (self.control & SECURITY_MODE) >> 2
    }

    /// Services with their lengths; none where they are encrypted.
    fn services(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = if self.mode() >= CIPHERTEXT { &[][..] } else { self.rest };
        std::iter::from_fn(move || {
            let (i, service) = service(rest).ok().filter(|(_, service)| !service.is_empty())?;
            rest = i;
            Some(service)
        })
        .take(SERVICES_MAX)
    }
}

/// Length, as BER writes it, and service.
fn service(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, short) = be_u8().parse(i)?;
    let (i, length) = match short {
        0x81 => be_u8().parse(i).map(|(i, length)| (i, u16::from(length)))?,
        0x82 => be_u16().parse(i)?,
        short => (i, u16::from(short)),
    };
    take(length).parse(i)
}

fn first_service(epsem: &Epsem<'_>) -> Option<u8> {
    epsem.services().next()?.first().copied()
}

const fn operation(code: u8) -> u16 {
    match code {
        IDENTIFICATION => 0,
        0x21 => 1,
        0x22 => 2,
        0x24 => 3,
        0x25 => 4,
        0x26 => 5,
        0x27 => 6,
        FULL_READ => 7,
        0x31..=0x3f => 8,
        0x40 => 9,
        0x41..=0x4f => 10,
        0x50 => 11,
        SECURITY => 12,
        0x52 => 13,
        0x53 => 14,
        0x60..=0x6b => 15,
        0x70 => 16,
        0x71 => 17,
        _ => 18,
    }
}

fn asks_for_manufacturer(service: &[u8]) -> bool {
    matches!(service, [FULL_READ, high, low] if u16::from_be_bytes([*high, *low]) == MANUFACTURER_TABLE)
}

/// Who calls: a meter where it answers.
fn title(apdu: &Tlv<'_>, answers: bool, cx: &mut Context<'_>) {
    let Some(bytes) = acse::object_identifier(apdu, acse::CALLING_AP_TITLE) else { return };
    let Some(text) = dotted(bytes) else { return };
    let (about, kind) = if answers { (cx.sender(), Kind::Identity) } else { (cx.sender_host(), Kind::Client) };
    cx.say(&about, kind).decoded(Field::ApTitle, &Value::Text(text), bytes, "ber-oid");
}

fn invocation(apdu: &Tlv<'_>, tag: u8) -> Option<u64> {
    acse::within(apdu, tag)?.number()
}

fn asked(apdu: &Tlv<'_>, epsem: &Epsem<'_>, state: &mut Questions, cx: &mut Context<'_>) {
    for (index, service) in epsem.services().enumerate() {
        if let Some(password) = service.strip_prefix(&[SECURITY]).and_then(|rest| rest.get(..PASSWORD)) {
            let holder = cx.receiver();
            cx.secret(&holder, "c1222 password", None, crate::context::trim(password));
        }
        let id = invocation(apdu, CALLING_INVOCATION);
        if let Some(id) = id.filter(|_| asks_for_manufacturer(service) && state.asked.len() < ASKED_MAX) {
            state.asked.push((id, index));
            state.waited = 0;
        }
    }
}

/// An answer names the question's invocation as that of the called process; some repeat it as their own.
fn answered(apdu: &Tlv<'_>, epsem: &Epsem<'_>, state: &mut Questions, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let ids = [invocation(apdu, CALLED_INVOCATION), invocation(apdu, CALLING_INVOCATION)];
    let Some(at) = state.asked.iter().position(|(id, _)| ids.contains(&Some(*id))) else { return Ok(()) };
    let (_, index) = state.asked.swap_remove(at);
    let Some([OK, rest @ ..]) = epsem.services().nth(index) else { return Ok(()) };
    let (i, count) = be_u16::<_, nom::error::Error<&[u8]>>().parse(rest)?;
    let (_, table) = take::<_, _, nom::error::Error<&[u8]>>(count).parse(i)?;
    manufacturer(table, cx);
    Ok(())
}

/// C12.19, table 1.
fn manufacturer(table: &[u8], cx: &mut Context<'_>) {
    if table.len() < TABLE {
        return;
    }
    let part = |from: usize, to: usize| table.get(from..to).unwrap_or_default();
    let version = |bytes: &[u8]| Value::Text(bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(".").into_bytes());
    let printable = |text: &[u8]| crate::context::trim(text).iter().all(|byte| (0x20..0x7f).contains(byte));
    let about = cx.sender();
    let mut saying = cx.say(&about, Kind::Identity);
    for (field, text) in [
        (Field::VendorName, part(0, 4)),
        (Field::ModelName, part(4, 12)),
        (Field::SerialNumber, table.get(16..).map_or(&[][..], |rest| rest.get(..16).unwrap_or(rest))),
    ] {
        saying = if printable(text) { saying.trimmed(field, text) } else { saying };
    }
    for (field, bytes) in [(Field::HardwareVersion, part(12, 14)), (Field::FirmwareVersion, part(14, 16))] {
        saying = saying.decoded(field, &version(bytes), bytes, "major.minor");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Observation;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    const CLIENT: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x85, 0x63];
    const METER: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x85, 0x63, 0x8e, 0x7f, 0x58, 1];

    fn apdu(called: &[u8], calling: &[u8], id: (u8, u8), control: u8, services: &[&[u8]]) -> Vec<u8> {
        let services: Vec<u8> = services.iter().flat_map(|service| [&[u8::try_from(service.len()).unwrap()], *service].concat()).collect();
        let epsem = [&[control], services.as_slice()].concat();
        let members = [tlv(0xa2, &tlv(6, called)), tlv(0xa6, &tlv(6, calling)), tlv(id.0, &[2, 1, id.1]), tlv(0xbe, &tlv(0x28, &tlv(0x81, &epsem)))];
        tlv(acse::AARQ, &members.concat())
    }

    fn asked(services: &[&[u8]]) -> Vec<u8> {
        apdu(METER, CLIENT, (CALLING_INVOCATION, 9), 0x80, services)
    }

    fn table() -> Vec<u8> {
        [&[OK, 0, 32][..], b"EXMT", b"XM-200  ", &[1, 2, 4, 11], b"00000000MT004711", &[0x5a]].concat()
    }

    fn said(payloads: &[(u16, u16, &[u8])]) -> Vec<Observation> {
        conversation(&C1222, Transport::Tcp, payloads)
    }

    #[test]
    fn a_meter_that_is_asked_for_table_1_says_what_it_is() {
        let answer = apdu(CLIENT, METER, (CALLED_INVOCATION, 9), 0x80, &[&[OK], &table()]);
        let said = said(&[(50000, 1153, &asked(&[&[0x50, 0, 2], &[FULL_READ, 0, 1]])), (1153, 50000, &answer)]);
        assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["EXMT"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["XM-200"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["4.11"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["00000000MT004711"]);
        assert_eq!(field(&said, Kind::Identity, Field::ApTitle), ["1.3.6.1.4.1.33507.1919.88.1"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn a_table_that_nobody_asked_for_is_not_taken_for_another() {
        let answer = apdu(CLIENT, METER, (CALLED_INVOCATION, 9), 0x80, &[&table()]);
        assert!(field(&said(&[(50000, 1153, &asked(&[&[FULL_READ, 0, 7]])), (1153, 50000, &answer)]), Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn a_password_is_a_credential_and_encrypted_services_are_no_words() {
        let security = [&[SECURITY][..], b"meterpass           ", &[0, 2]].concat();
        let said_ = said(&[(50000, 1153, &asked(&[&security]))]);
        assert_eq!(field(&said_, Kind::Credential, Field::SecretUse), ["c1222 password"]);
        assert_eq!(field(&said_, Kind::Credential, Field::SecretLengthClass), ["8"]);
        let encrypted = apdu(CLIENT, METER, (CALLED_INVOCATION, 9), 0x88, &[&[7; 20]]);
        let said_ = said(&[(50000, 1153, &asked(&[&[FULL_READ, 0, 7]])), (1153, 50000, &encrypted)]);
        assert_eq!(field(&said_, Kind::Security, Field::SecurityLevel), ["authenticated-and-encrypted"]);
    }

    #[test]
    fn services_have_their_names() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 1153, from_client: Some(true) };
        let name = |service: &[u8]| C1222.glance(&asked(&[service]), &at).operation.map(|at| OPERATIONS[usize::from(at)].0);
        assert_eq!([name(&[0x20]), name(&[0x40, 0, 7]), name(&[0x27])], ["identification", "full_write", "register"].map(Some));
        assert_eq!(OPERATIONS[usize::from(ENCRYPTED_SERVICE)].0, "encrypted_service");
    }

    #[test]
    fn strangers_are_refused_and_a_named_question_is_found_elsewhere() {
        let question = asked(&[&[FULL_READ, 0, 1]]);
        assert_eq!(gate(&C1222, &question, 4711), Gate::Mine);
        let dlms =
            [0x60, 29, 0xa1, 9, 6, 7, 0x60, 0x85, 0x74, 5, 8, 1, 1, 0xbe, 16, 4, 14, 1, 0, 0, 0, 6, 0x5f, 0x1f, 4, 0, 0, 0x1e, 0x1d, 0xff, 0xff];
        for stranger in [&dlms[..], &question[..40], b"GET / HTTP/1.1\r\nHost: meter\r\n\r\n", &[0x60; 40], &[0; 40]] {
            assert_eq!(gate(&C1222, stranger, 1153), Gate::NotMine);
        }
    }
}
