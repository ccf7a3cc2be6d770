//! APDUs of DLMS/COSEM: associations, services with and without ciphering, and what a meter says of itself.
//!
//! Spec: DLMS UA 1000-2 (edition 10) clauses 9.4 (association, security), 9.5 (abstract syntax); DLMS UA 1000-1 ("Blue Book") clauses 4.1.8
//! (logical device name) and 6.2 (identifiers).

use super::acse_apdu as acse;
use crate::asn1::Tlv;
use crate::context::Context;
use crate::dissector::{At, DissectError, Glance, Look, Next, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Control, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, Value};

/// Tags of APDUs (9.5).
const READ_REQUEST: u8 = 5;
const WRITE_REQUEST: u8 = 6;
const GET_REQUEST: u8 = 0xc0;
const SET_REQUEST: u8 = 0xc1;
const ACTION_REQUEST: u8 = 0xc3;
const GET_RESPONSE: u8 = 0xc4;
const SET_RESPONSE: u8 = 0xc5;
const ACTION_RESPONSE: u8 = 0xc7;
/// The same with a global or dedicated key are 8 or 16 higher.
const GLOBAL: u8 = 8;
const DEDICATED: u8 = 16;
const EXCEPTION: u8 = 0xd8;
const GENERAL: std::ops::RangeInclusive<u8> = 0xdb..=0xdf;
/// What a meter sends unasked, and answers of short-name referencing.
const UNASKED: &[u8] = &[0x0f, 0x18, 0xc2, 0xca, 0xd2];
const SHORT_ANSWERS: &[u8] = &[0x0c, 0x0d, 0x0e];

/// 9.4.2.2: 2.16.756.5.8.1.x, application context, and .2.x, authentication mechanism.
const CONTEXT: &[u8] = &[0x60, 0x85, 0x74, 5, 8, 1];
const MECHANISM: &[u8] = &[0x60, 0x85, 0x74, 5, 8, 2];
const LOWEST_LEVEL: u8 = 0;
const LOW_LEVEL: u8 = 1;
const MECHANISMS: &[&[u8]] = &[b"none", b"lls", b"hls", b"hls-md5", b"hls-sha1", b"hls-gmac", b"hls-sha256", b"hls-ecdsa"];
/// 9.2.7.2.4.1: security control: authenticated, encrypted.
const AUTHENTICATED: u8 = 0x10;
const ENCRYPTED: u8 = 0x20;
/// 9.2.3.2: a system title has eight bytes, the maker's letters first.
const SYSTEM_TITLE: usize = 8;
const FLAG_ID: usize = 3;

/// Classes (Blue Book clause 4) whose settings and methods are more than readings.
const CLOCK: u16 = 8;
const ASSOCIATION: [u16; 2] = [12, 15];
const IMAGE_TRANSFER: u16 = 18;
const SECURITY_SETUP: u16 = 64;
const DISCONNECT_CONTROL: u16 = 70;

/// Objects of which a value says what a meter is (Blue Book 6.2.37, 6.2.4, 6.2.5).
const NAMES: &[([u8; 6], Field)] = &[
    ([0, 0, 42, 0, 0, 255], Field::CosemDeviceName),
    ([0, 0, 96, 1, 0, 255], Field::SerialNumber),
    ([1, 0, 0, 2, 0, 255], Field::FirmwareVersion),
    ([0, 0, 0, 2, 0, 255], Field::FirmwareVersion),
];
const VALUE: u8 = 2;
/// Data (9.5): octet string, visible string.
const OCTET_STRING: u8 = 9;
const VISIBLE_STRING: u8 = 10;
/// One variable.
const NORMAL: u8 = 1;

/// Questions that are open at a time: invoke identifiers have four bits.
const ASKED_MAX: usize = 16;
/// APDUs until a question is given up: its answer was not captured.
const PATIENCE: u8 = 32;

pub(super) const OPERATIONS: &[(&str, OperationClass)] = &[
    ("snrm", Session),
    ("disc", Session),
    ("aarq", Session),
    ("rlrq", Session),
    ("get_request", Read),
    ("set_request", Write),
    ("set_clock", Configure),
    ("set_security", Configure),
    ("action_request", Control),
    ("disconnect_control", Control),
    ("image_transfer", Program),
    ("security_setup", Configure),
    ("reply_to_hls_authentication", Session),
    ("read_request", Read),
    ("write_request", Write),
    ("ciphered_get_request", Read),
    ("ciphered_set_request", Write),
    ("ciphered_action_request", Control),
    ("general_ciphering", Session),
    ("exception_response", Session),
];

/// What the client offered, and which questions are open.
#[derive(Default)]
pub(crate) struct Association {
    offered: Option<u8>,
    asked: Vec<(u8, Field)>,
    waited: u8,
}

impl Association {
    /// While an answer is to come, everything is read.
    pub(super) const fn next(&self) -> Next {
        if self.asked.is_empty() { Next::Watch } else { Next::Read }
    }
}

/// Operations of the data link.
pub(super) fn link_operation(connects: bool, disconnects: bool) -> Option<u16> {
    if connects { Some(0) } else { disconnects.then_some(1) }
}

/// Whether these are an APDU's bytes. Off the protocol's port only what has a length or name of its own is believed.
pub(super) fn is_one(apdu: &[u8], bound: bool) -> bool {
    match *apdu {
        [acse::AARQ | acse::AARE, ..] => association(apdu).is_some_and(|association| context(&association).is_some()),
        [GET_REQUEST, NORMAL, ..] => apdu.len() == 13 || apdu.len() > 13 && apdu.get(12) == Some(&1),
        [GET_REQUEST | SET_REQUEST | ACTION_REQUEST | GET_RESPONSE | SET_RESPONSE | ACTION_RESPONSE, 1..=6, _, ..] => bound,
        [tag, length, ..] => bound && (is_ciphered(tag) && length > 5 || is_other(tag)),
        _ => false,
    }
}

const fn is_ciphered(tag: u8) -> bool {
    matches!(tag, 0xc8 | 0xc9 | 0xcb | 0xcc | 0xcd | 0xcf | 0xd0 | 0xd1 | 0xd3 | 0xd4 | 0xd5 | 0xd7) || matches!(tag, 0xdb..=0xdf)
}

fn is_other(tag: u8) -> bool {
    matches!(tag, READ_REQUEST | WRITE_REQUEST | acse::RLRQ | acse::RLRE | EXCEPTION) || UNASKED.contains(&tag) || SHORT_ANSWERS.contains(&tag)
}

pub(super) fn side(apdu: &[u8]) -> Side {
    match apdu.first().copied() {
        Some(acse::AARQ | acse::RLRQ | READ_REQUEST | WRITE_REQUEST | 0xc0 | 0xc1 | 0xc3 | 0xc8 | 0xc9 | 0xcb | 0xd0 | 0xd1 | 0xd3) => Side::Client,
        Some(acse::AARE | acse::RLRE | EXCEPTION | 0xc4 | 0xc5 | 0xc7 | 0xcc | 0xcd | 0xcf | 0xd4 | 0xd5 | 0xd7) => Side::Server,
        Some(tag) if UNASKED.contains(&tag) || SHORT_ANSWERS.contains(&tag) => Side::Server,
        _ => Side::Unknown,
    }
}

pub(super) fn glance(apdu: &[u8], at: &At) -> Glance {
    let Some(&tag) = apdu.first() else { return Glance::SKIP };
    let operation = operation(tag, apdu, at);
    let always = match tag {
        acse::AARQ | acse::AARE => true,
        GET_REQUEST => asked(apdu).is_some(),
        _ => false,
    };
    let look = if always { Look::Always } else { Look::Once(u32::from(tag) << 8 | u32::from(operation.unwrap_or(0xff))) };
    Glance { operation, look, inner: None }
}

fn operation(tag: u8, apdu: &[u8], at: &At) -> Option<u16> {
    // Set and action name their class behind the type and the invoke identifier.
    let class = apdu.get(3..5).map_or(0, |class| u16::from_be_bytes([class.first().copied().unwrap_or(0), class.last().copied().unwrap_or(0)]));
    Some(match tag {
        acse::AARQ => 2,
        acse::RLRQ => 3,
        GET_REQUEST => 4,
        SET_REQUEST => match class {
            CLOCK => 6,
            SECURITY_SETUP => 7,
            class if ASSOCIATION.contains(&class) => 7,
            _ => 5,
        },
        ACTION_REQUEST => match class {
            DISCONNECT_CONTROL => 9,
            IMAGE_TRANSFER => 10,
            SECURITY_SETUP => 11,
            class if ASSOCIATION.contains(&class) => 12,
            _ => 8,
        },
        READ_REQUEST => 13,
        WRITE_REQUEST => 14,
        tag if tag == GET_REQUEST + GLOBAL || tag == GET_REQUEST + DEDICATED => 15,
        tag if tag == SET_REQUEST + GLOBAL || tag == SET_REQUEST + DEDICATED => 16,
        tag if tag == ACTION_REQUEST + GLOBAL || tag == ACTION_REQUEST + DEDICATED => 17,
        tag if GENERAL.contains(&tag) && at.from_client != Some(false) => 18,
        EXCEPTION => 19,
        _ => return None,
    })
}

pub(super) fn read(apdu: &[u8], state: &mut Association, cx: &mut Context<'_>) -> Result<Next, DissectError> {
    let tag = apdu.first().copied().unwrap_or(0);
    let result = match tag {
        acse::AARQ => association(apdu).map_or(Ok(()), |apdu| request(&apdu, state, cx)),
        acse::AARE => association(apdu).map_or(Ok(()), |apdu| response(&apdu, state, cx)),
        GET_REQUEST => {
            remember(apdu, state);
            Ok(())
        }
        GET_RESPONSE => got(apdu, state, cx),
        SET_RESPONSE | ACTION_RESPONSE => {
            level(b"none", cx);
            Ok(())
        }
        tag if is_ciphered(tag) => ciphered(tag, apdu, cx),
        _ => Ok(()),
    };
    state.waited = state.waited.saturating_add(1);
    if state.waited > PATIENCE {
        state.asked.clear();
    }
    result.map(|()| state.next())
}

fn association(apdu: &[u8]) -> Option<Tlv<'_>> {
    acse::apdu(apdu).filter(|apdu| matches!(apdu.tag, acse::AARQ | acse::AARE))
}

/// The number of the application context, if it is one of DLMS/COSEM.
fn context(apdu: &Tlv<'_>) -> Option<u8> {
    acse::object_identifier(apdu, acse::CONTEXT_NAME)?.strip_prefix(CONTEXT)?.first().copied()
}

/// The number of the authentication mechanism: none is named where there is none.
fn mechanism(apdu: &Tlv<'_>, tag: u8) -> Option<u8> {
    acse::member(apdu, tag)?.content.strip_prefix(MECHANISM)?.first().copied()
}

/// A client's question for an association: its own title; a password of low level security.
fn request(apdu: &Tlv<'_>, state: &mut Association, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let level = mechanism(apdu, acse::MECHANISM_NAME).unwrap_or(LOWEST_LEVEL);
    state.offered = Some(level);
    state.asked.clear();
    if let Some(title) = acse::within(apdu, acse::CALLING_AP_TITLE).filter(|title| title.content.len() == SYSTEM_TITLE) {
        let client = cx.sender_host();
        cx.say(&client, Kind::Client).bytes(Field::SystemTitle, title.content);
    }
    let value = acse::within(apdu, acse::AUTHENTICATION_VALUE).filter(|value| value.tag == acse::CHARACTERS);
    if let Some(password) = value.filter(|_| level == LOW_LEVEL) {
        let holder = cx.receiver();
        cx.secret(&holder, "dlms low level security", None, password.content);
    }
    Ok(())
}

/// The meter's answer: its title, and what was enough for it.
fn response(apdu: &Tlv<'_>, state: &mut Association, cx: &mut Context<'_>) -> Result<(), DissectError> {
    /// mechanism-name of an AARE is [9].
    const RESPONDING_MECHANISM: u8 = 0x89;
    let server = cx.sender();
    if let Some(title) = acse::within(apdu, acse::RESPONDING_AP_TITLE).filter(|title| title.content.len() == SYSTEM_TITLE) {
        system_title(title.content, cx);
    }
    let accepted = acse::within(apdu, acse::RESULT).and_then(|result| result.number()) == Some(0);
    let level = mechanism(apdu, RESPONDING_MECHANISM).or(state.offered.take());
    if let Some(method) = level.filter(|_| accepted).and_then(|level| MECHANISMS.get(usize::from(level))) {
        cx.say(&server, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(method.to_vec()));
    }
    Ok(())
}

fn system_title(title: &[u8], cx: &mut Context<'_>) {
    let server = cx.sender();
    let saying = cx.say(&server, Kind::Identity).bytes(Field::SystemTitle, title);
    if let Some(maker) = maker(title) {
        saying.text(Field::FlagId, maker);
    }
}

/// Three capital letters that the maker registered.
fn maker(name: &[u8]) -> Option<&[u8]> {
    name.get(..FLAG_ID).filter(|maker| maker.iter().all(u8::is_ascii_uppercase))
}

fn level(level: &[u8], cx: &mut Context<'_>) {
    let server = cx.sender();
    cx.say(&server, Kind::Security).implied(Field::SecurityLevel, &Value::Text(level.to_vec()));
}

/// A ciphered APDU of the meter: general ones name its system title, then length and security control.
fn ciphered(tag: u8, apdu: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    if cx.from_client() != Some(false) {
        return Ok(());
    }
    let (mut rest, _tag) = be_u8::<_, nom::error::Error<&[u8]>>().parse(apdu)?;
    if tag == 0xdb {
        let (i, title) = string(rest)?;
        rest = i;
        if title.len() == SYSTEM_TITLE {
            system_title(title, cx);
        }
    } else if GENERAL.contains(&tag) {
        return Ok(());
    }
    let (_, text) = string(rest)?;
    match text.first().map(|control| control & (AUTHENTICATED | ENCRYPTED)) {
        Some(AUTHENTICATED) => level(b"authenticated", cx),
        Some(ENCRYPTED) => level(b"encrypted", cx),
        Some(0x30) => level(b"authenticated-and-encrypted", cx),
        _ => {}
    }
    Ok(())
}

/// A length in one byte, or in one to two behind 0x81 or 0x82, and as much of the bytes as is there.
fn string(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, short) = be_u8().parse(i)?;
    let (i, length) = match short {
        0x81 => be_u8().parse(i).map(|(i, length)| (i, usize::from(length)))?,
        0x82 => be_u16().parse(i).map(|(i, length)| (i, usize::from(length)))?,
        short => (i, usize::from(short)),
    };
    take(length.min(i.len())).parse(i)
}

/// What the variable that a Get-Request-Normal asks for says of a meter: type, invoke identifier, class, object, attribute. Values of a
/// list are of any length: only questions for one are followed.
fn asked(apdu: &[u8]) -> Option<Field> {
    let [GET_REQUEST, NORMAL, _, _, _, a, b, c, d, e, f, VALUE, ..] = *apdu.first_chunk::<12>()? else { return None };
    NAMES.iter().find(|row| row.0 == [a, b, c, d, e, f]).map(|row| row.1)
}

fn remember(apdu: &[u8], state: &mut Association) {
    let invoke = apdu.get(2).map_or(0, |invoke| invoke & 0x0f);
    state.asked.retain(|(open, _)| *open != invoke);
    if let Some(field) = asked(apdu).filter(|_| state.asked.len() < ASKED_MAX) {
        state.asked.push((invoke, field));
        state.waited = 0;
    }
}

/// Get-Response-Normal with data.
fn got(apdu: &[u8], state: &mut Association, cx: &mut Context<'_>) -> Result<(), DissectError> {
    level(b"none", cx);
    let (i, (_tag, kind, invoke, result)) = (be_u8::<_, nom::error::Error<&[u8]>>(), be_u8(), be_u8(), be_u8()).parse(apdu)?;
    let Some(at) = state.asked.iter().position(|(open, _)| *open == invoke & 0x0f) else { return Ok(()) };
    let (_, field) = state.asked.swap_remove(at);
    let (i, data) = be_u8::<_, nom::error::Error<&[u8]>>().parse(i)?;
    if kind != NORMAL || result != 0 || !matches!(data, OCTET_STRING | VISIBLE_STRING) {
        return Ok(());
    }
    let (_, value) = string(i)?;
    let server = cx.sender();
    let saying = crate::tlv::text_or_bytes(cx.say(&server, Kind::Identity), field, value);
    if let Some(maker) = maker(value).filter(|_| field == Field::CosemDeviceName) {
        saying.text(Field::FlagId, maker);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::field;
    use observations::{Observation, Transport};

    fn said(apdus: &[(bool, &[u8])]) -> Vec<Observation> {
        let wrap = |apdu: &[u8]| [&[0, 1, 0, 16, 0, 1], u16::try_from(apdu.len()).unwrap().to_be_bytes().as_slice(), apdu].concat();
        let frames: Vec<(bool, Vec<u8>)> = apdus.iter().map(|(client, apdu)| (*client, wrap(apdu))).collect();
        let way = |client| if client { (50000, 4059) } else { (4059, 50000) };
        let payloads: Vec<(u16, u16, &[u8])> = frames.iter().map(|(client, frame)| (way(*client).0, way(*client).1, frame.as_slice())).collect();
        crate::testing::conversation(&super::super::dlms::Dlms, Transport::Tcp, &payloads)
    }

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn aarq(mechanism: u8, value: &[u8]) -> Vec<u8> {
        let named = [tlv(0x8a, &[7, 0x80]), tlv(0x8b, &[MECHANISM, &[mechanism]].concat()), tlv(0xac, &tlv(0x80, value))].concat();
        let context = tlv(0xa1, &tlv(6, &[CONTEXT, &[1]].concat()));
        tlv(acse::AARQ, &[context, if mechanism == 0 { Vec::new() } else { named }].concat())
    }

    fn aare(result: u8) -> Vec<u8> {
        let context = tlv(0xa1, &tlv(6, &[CONTEXT, &[1]].concat()));
        tlv(acse::AARE, &[context, tlv(0xa2, &[2, 1, result]), tlv(0xa4, &tlv(4, b"EXM\0\0\x01\x02\x03"))].concat())
    }

    #[test]
    fn a_meter_that_accepts_nobody_in_particular_or_a_password_says_so() {
        assert_eq!(field(&said(&[(true, &aarq(0, &[])), (false, &aare(0))]), Kind::Security, Field::AuthenticationMethod), ["none"]);
        let low = said(&[(true, &aarq(1, b"12345678")), (false, &aare(0))]);
        assert_eq!(field(&low, Kind::Security, Field::AuthenticationMethod), ["lls"]);
        assert_eq!(field(&low, Kind::Credential, Field::SecretLengthClass), ["8"]);
        let high = said(&[(true, &aarq(5, &[7; 16])), (false, &aare(0))]);
        assert_eq!(field(&high, Kind::Security, Field::AuthenticationMethod), ["hls-gmac"]);
        assert!(field(&high, Kind::Credential, Field::SecretUse).is_empty());
        assert!(field(&said(&[(true, &aarq(1, b"wrong")), (false, &aare(1))]), Kind::Security, Field::AuthenticationMethod).is_empty());
        assert_eq!(field(&high, Kind::Identity, Field::FlagId), ["EXM"]);
    }

    #[test]
    fn ciphering_is_told_by_its_control() {
        let ciphered = [0xcc, 12, 0x30, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(field(&said(&[(false, &ciphered)]), Kind::Security, Field::SecurityLevel), ["authenticated-and-encrypted"]);
        assert_eq!(field(&said(&[(false, &[0xc5, 1, 0xc1, 0])]), Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn an_answer_to_another_question_says_nothing() {
        let question = [GET_REQUEST, 1, 0xc1, 0, 1, 0, 0, 42, 0, 0, 255, 2, 0];
        let answer = b"\xc4\x01\xc2\x00\x09\x10EXM1030700000042";
        assert!(field(&said(&[(true, &question), (false, answer)]), Kind::Identity, Field::CosemDeviceName).is_empty());
    }

    #[test]
    fn settings_and_switching_are_told_from_readings() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 4059, from_client: Some(true) };
        let name = |apdu: &[u8]| glance(apdu, &at).operation.map(|at| OPERATIONS[usize::from(at)].0);
        assert_eq!(name(&[ACTION_REQUEST, 1, 0xc1, 0, 70, 0, 0, 96, 3, 10, 255, 1, 1]), Some("disconnect_control"));
        assert_eq!(name(&[ACTION_REQUEST, 1, 0xc1, 0, 18, 0, 0, 44, 0, 0, 255, 1, 1]), Some("image_transfer"));
        assert_eq!(name(&[SET_REQUEST, 1, 0xc1, 0, 8, 0, 0, 1, 0, 0, 255, 2, 0]), Some("set_clock"));
        assert_eq!(name(&[GET_REQUEST, 1, 0xc1, 0, 3, 1, 0, 1, 8, 0, 255, 2, 0]), Some("get_request"));
        assert_eq!(name(&[0xd1, 20, 0x30]), Some("ciphered_set_request"));
    }
}
