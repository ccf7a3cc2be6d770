//! Fragments of DNP3's application layer: device attributes, secure authentication, controls that were carried out, file passwords.
//!
//! Spec: IEEE 1815-2012 clauses 4.2 (fragments and object headers), 7 (secure authentication), annex A.1 (group 0), A.26 (group 70),
//! A.45 (group 120).

use crate::context::Context;
use crate::dissector::DissectError;
use nom::bytes::take;
use nom::number::{be_u8, le_u16, le_u32};
use nom::{IResult, Parser};
use observations::{Field, Kind, Subject, Value};

/// Function codes that matter here (4.2.2.5).
const AUTHENTICATE_FILE: u8 = 29;
const AUTHENTICATE_REQUEST: u8 = 32;
const AUTHENTICATE_REQUEST_NO_ACK: u8 = 33;
const RESPONSE: u8 = 129;
const UNSOLICITED: u8 = 130;
const AUTHENTICATE_RESPONSE: u8 = 131;
/// Application control, function; of answers also internal indications (4.2.2.1).
const REQUEST_HEADER: usize = 2;
const ANSWER_HEADER: usize = 4;

/// Groups (annex A): device attributes, control relay output block, analogue output, file control, authentication.
const ATTRIBUTES: u8 = 0;
const CONTROLS: [u8; 2] = [12, 41];
const FILE: u8 = 70;
const AUTHENTICATION: u8 = 120;
const FILE_AUTHENTICATION: u8 = 2;

/// 4.2.2.6.1: indications that outlive a poll: restart, trouble, local control, need time; and corrupt configuration.
const LASTING: [u8; 2] = [0xf0, 0x20];
/// Function not supported, object unknown, parameter error.
const REJECTED: u8 = 0x07;
/// A.1.1: visible characters.
const VISIBLE_STRING: u8 = 1;
/// A fragment has room for some three hundred attributes; there are eighty.
const ATTRIBUTES_MAX: usize = 128;

/// What the beginning of an answer tells.
pub(super) struct Answer {
    function: u8,
    indications: [u8; 2],
    group: Option<u8>,
}

impl Answer {
    pub(super) fn of(fragment: &[u8]) -> Option<Self> {
        let [_, function, first, second] = *fragment.first_chunk::<ANSWER_HEADER>()?;
        let answers = matches!(function, RESPONSE | UNSOLICITED | AUTHENTICATE_RESPONSE);
        answers.then(|| Self { function, indications: [first, second], group: fragment.get(ANSWER_HEADER).copied() })
    }

    /// Device attributes may differ each time, and are worth waiting for the rest of a long fragment: data of the process are not.
    pub(super) fn is_gathered(&self) -> bool {
        self.group == Some(ATTRIBUTES)
    }

    pub(super) const fn rejects(&self) -> bool {
        let [_, second] = self.indications;
        second & REJECTED != 0
    }

    /// New is an outstation, a group that it answers with, and a lasting indication. Groups are below 128.
    pub(super) fn key(&self, source: u16) -> u32 {
        let [first, second] = self.lasting();
        let group = u32::from(self.group.unwrap_or(0x7f) & 0x7f);
        let lasting = u32::from(first >> 4) | u32::from(second >> 5) << 4;
        1 << 31 | lasting << 23 | group << 16 | u32::from(source)
    }

    fn lasting(&self) -> [u8; 2] {
        let ([first, second], [one, two]) = (self.indications, LASTING);
        [first & one, second & two]
    }
}

/// Requests that may say something new each time.
pub(super) const fn is_always_read(function: u8) -> bool {
    function == AUTHENTICATE_FILE
}

/// A master's fragment.
pub(super) fn request(fragment: &[u8], secured: &mut bool, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (objects, (_control, function)) = (be_u8::<_, nom::error::Error<&[u8]>>(), be_u8()).parse(fragment)?;
    if matches!(function, AUTHENTICATE_REQUEST | AUTHENTICATE_REQUEST_NO_ACK) || objects.first() == Some(&AUTHENTICATION) {
        *secured = true;
        let about = cx.sender_host();
        cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"dnp3-sa".to_vec()));
    }
    if function == AUTHENTICATE_FILE {
        file_password(fragment.get(REQUEST_HEADER..).unwrap_or_default(), cx)?;
    }
    Ok(())
}

/// An outstation's fragment.
pub(super) fn answer(fragment: &[u8], about: &Subject, secured: &mut bool, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Some(answer) = Answer::of(fragment) else { return Ok(()) };
    let [first, second] = answer.lasting();
    let lasting = u64::from(first) << 8 | u64::from(second);
    cx.say(about, Kind::State).decoded(Field::InternalIndications, &Value::Number(lasting), fragment.get(2..4).unwrap_or_default(), "dnp3-iin");
    cx.say(about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(b"none".to_vec()));
    let authenticates = answer.function == AUTHENTICATE_RESPONSE || answer.group == Some(AUTHENTICATION);
    *secured |= authenticates;
    if authenticates {
        cx.say(about, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"dnp3-sa".to_vec()));
    } else if answer.group.is_some_and(|group| CONTROLS.contains(&group)) && answer.function == RESPONSE && !answer.rejects() && !*secured {
        // 4.4.3: the answer to a select or operate repeats its objects. Nobody was challenged before.
        cx.say(about, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"none".to_vec()));
    }
    if answer.is_gathered() { attributes(fragment.get(ANSWER_HEADER..).unwrap_or_default(), about, cx) } else { Ok(()) }
}

/// Object headers of group 0 with one attribute each (A.1).
fn attributes(objects: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut rest = objects;
    let mut saying = cx.say(about, Kind::Identity);
    for _ in 0..ATTRIBUTES_MAX {
        if rest.first() != Some(&ATTRIBUTES) {
            break;
        }
        let (i, (variation, kind, value)) = attribute(rest)?;
        rest = i;
        saying = match field_of(variation) {
            Some(field) if kind == VISIBLE_STRING => saying.trimmed(field, value),
            _ => saying,
        };
    }
    Ok(())
}

/// Group, variation, qualifier with a range or count of one, then type, length and value.
fn attribute(i: &[u8]) -> IResult<&[u8], (u8, u8, &[u8])> {
    let (i, (_group, variation, qualifier)) = (be_u8(), be_u8(), be_u8()).parse(i)?;
    // 4.2.2.7.3: start and stop, or a count and an index before the object.
    let range = match qualifier {
        0x00 | 0x17 => 2usize,
        0x01 => 4,
        0x28 => 4,
        _ => return Err(nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::Switch })),
    };
    let (i, _range) = take(range).parse(i)?;
    let (i, (kind, length)) = (be_u8(), be_u8()).parse(i)?;
    let (i, value) = take(length).parse(i)?;
    Ok((i, (variation, kind, value)))
}

/// A.1, table of attributes.
const fn field_of(variation: u8) -> Option<Field> {
    Some(match variation {
        242 => Field::SoftwareVersion,
        243 => Field::HardwareVersion,
        245 => Field::Location,
        246 => Field::AssetId,
        247 => Field::SystemName,
        248 => Field::SerialNumber,
        249 => Field::ConformanceSubset,
        250 => Field::ModelName,
        252 => Field::VendorName,
        _ => return None,
    })
}

/// A.26.2, group 70 variation 2: where user name and password stand, an authentication key, then both.
fn file_password(objects: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (i, (group, variation, _qualifier, _count)) = (be_u8::<_, nom::error::Error<&[u8]>>(), be_u8(), be_u8(), be_u8()).parse(objects)?;
    if (group, variation) != (FILE, FILE_AUTHENTICATION) {
        return Ok(());
    }
    let (object, _size) = le_u16::<_, nom::error::Error<&[u8]>>().parse(i)?;
    let (_, (user, user_length, password, password_length, _key)) =
        (le_u16::<_, nom::error::Error<&[u8]>>(), le_u16(), le_u16(), le_u16(), le_u32()).parse(object)?;
    let part = |at: u16, length: u16| object.get(usize::from(at)..usize::from(at) + usize::from(length));
    if let (Some(user), Some(password)) = (part(user, user_length), part(password, password_length)) {
        let holder = cx.receiver();
        cx.secret(&holder, "dnp3 file password", Some(user).filter(|user| !user.is_empty()), password);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::field;
    use observations::Observation;

    /// What a fragment in one frame says; the frame's own bytes are not checked here.
    fn said(from_master: bool, fragments: &[&[u8]]) -> Vec<Observation> {
        let frames: Vec<Vec<u8>> = fragments.iter().map(|fragment| frame(from_master, fragment)).collect();
        let (src, dst) = if from_master { (50000, 20000) } else { (20000, 50000) };
        let payloads: Vec<(u16, u16, &[u8])> = frames.iter().map(|frame| (src, dst, frame.as_slice())).collect();
        crate::testing::conversation(&super::super::dnp3::Dnp3, observations::Transport::Tcp, &payloads)
    }

    fn frame(from_master: bool, fragment: &[u8]) -> Vec<u8> {
        let data = [&[0xc0], fragment].concat();
        let mut frame = vec![0x05, 0x64, 5 + u8::try_from(data.len()).unwrap(), if from_master { 0xc4 } else { 0x44 }, 1, 0, 10, 0];
        frame.extend_from_slice(&crate::crc::dnp3(&frame).to_le_bytes());
        for block in data.chunks(16) {
            frame.extend_from_slice(block);
            frame.extend_from_slice(&crate::crc::dnp3(block).to_le_bytes());
        }
        frame
    }

    const OPERATED: &[u8] = &[0xc1, 0x81, 0, 0, 12, 1, 0x17, 1, 4, 3, 1, 100, 0, 0, 0, 100, 0, 0, 0, 0];
    const CHALLENGE: &[u8] = &[0xc1, 0x83, 0, 0, 120, 1, 0x5b, 1, 12, 0, 1, 0, 0, 0, 1, 0, 4, 1, 1, 2, 3, 4];

    #[test]
    fn a_control_without_a_challenge_needed_no_authentication() {
        assert_eq!(field(&said(false, &[OPERATED]), Kind::Security, Field::AuthenticationMethod), ["none"]);
        assert_eq!(field(&said(false, &[CHALLENGE, OPERATED]), Kind::Security, Field::AuthenticationMethod), ["dnp3-sa"]);
        let refused = [&OPERATED[..3], &[4], &OPERATED[4..]].concat();
        assert!(field(&said(false, &[&refused]), Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn lasting_indications_are_a_state_and_pending_events_are_not() {
        let said = said(false, &[&[0xc0, 0x81, 0x8e, 0x20, 1, 2, 0, 0, 0, 1]]);
        assert_eq!(field(&said, Kind::State, Field::InternalIndications), [(0x8020u64).to_string()]);
    }

    #[test]
    fn attributes_that_are_cut_or_of_another_type_keep_the_ones_before() {
        let name = [0, 247, 0, 0, 0, 1, 4, b'R', b'T', b'U', b'1', 0, 248, 0, 0, 0, 2, 2, 1, 1, 0, 252, 0, 0, 0, 1, 9, b'E'];
        let said = said(false, &[&[&[0xc0, 0x81, 0, 0], &name[..]].concat()]);
        assert_eq!(field(&said, Kind::Identity, Field::SystemName), ["RTU1"]);
        assert!(field(&said, Kind::Identity, Field::SerialNumber).is_empty());
        assert!(field(&said, Kind::Identity, Field::VendorName).is_empty());
    }

    #[test]
    fn a_file_password_is_a_credential() {
        let object = [&[12, 0, 4, 0, 16, 0, 6, 0, 0, 0, 0, 0], &b"usersecret"[..]].concat();
        let said = said(true, &[&[&[0xc0, 29, 70, 2, 0x5b, 1, 22, 0], object.as_slice()].concat()]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["dnp3 file password"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretLengthClass), ["1"]);
    }
}
