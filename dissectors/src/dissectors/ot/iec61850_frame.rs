//! The frame that GOOSE and sampled values share, on Ethernet and routed over UDP.
//!
//! Spec: IEC 61850-8-1 (2011) annex C and IEC 61850-9-2 (2011) clause 5.3.3 (Ethernet); IEC TR 61850-90-5 (2012) clause 9 (session);
//! IEC 62351-6 (2020) clause 8 (security).

use crate::asn1::{Reader, Tlv};
use crate::dissector::{At, DissectError};
use nom::bytes::take;
use nom::number::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};
use observations::Transport;

/// 8-1, C.2: APPID, length, two reserved words; the length counts them.
const HEADER: usize = 8;
/// 62351-6, 8.2: the low octet of the first reserved word is the length of the security extension behind the PDU.
const EXTENSION: u16 = 0x00ff;
/// 8-1, C.2.3: simulated.
const SIMULATED: u16 = 0x8000;
/// 90-5, 9.2: a connectionless transport unit (ISO/IEC 8602) without parameters.
const UNIT_DATA: [u8; 2] = [1, 0x40];
/// 90-5, 9.3.2: common header of a session.
const COMMON_HEADER: u8 = 0x80;

/// A message's frame, and its PDU.
pub(super) struct Message<'a> {
    pub(super) app_id: u16,
    pub(super) app_id_bytes: &'a [u8],
    pub(super) simulated: bool,
    /// The words of the specification for what protects it.
    pub(super) protection: &'static str,
    pub(super) pdu: Tlv<'a>,
}

/// Which PDUs are looked for.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Tag of the PDU.
    pub(super) tag: u8,
    /// Session identifier and type of payload where it is routed.
    pub(super) session: u8,
    pub(super) payload: u8,
}

/// The message in a frame or datagram, if its lengths agree.
pub(super) fn message<'a>(bytes: &'a [u8], form: Form, at: &At) -> Result<Message<'a>, DissectError> {
    if at.transport == Transport::Udp { routed(bytes, form) } else { switched(bytes, form) }
}

fn switched(bytes: &[u8], form: Form) -> Result<Message<'_>, DissectError> {
    let (rest, (app_id, length, first, _second)) = (be_u16::<_, nom::error::Error<&[u8]>>(), be_u16(), be_u16(), be_u16()).parse(bytes)?;
    let length = usize::from(length).checked_sub(HEADER).ok_or(DissectError::NotMine)?;
    let pdu = pdu(rest, form)?;
    // Some implementations count the extension in the length, some do not; none says less than the PDU has.
    if length < pdu.whole.len() + pdu.missing {
        return Err(DissectError::Malformed { rule: "length", offset: 2 });
    }
    let extension = usize::from(first & EXTENSION);
    let extended = extension > 0 && rest.len() >= pdu.whole.len() + extension;
    let protection = if extended { "iec62351-6" } else { "none" };
    Ok(Message { app_id, app_id_bytes: bytes.get(..2).unwrap_or_default(), simulated: first & SIMULATED != 0, protection, pdu })
}

/// 90-5, 9.3: a session protocol unit with one payload.
fn routed(bytes: &[u8], form: Form) -> Result<Message<'_>, DissectError> {
    let (rest, session) = session(bytes)?;
    let (rest, (_length, payload, simulated)) = (be_u32::<_, nom::error::Error<&[u8]>>(), be_u8(), be_u8()).parse(rest)?;
    if session.unit != UNIT_DATA || session.identifier != form.session || session.common != COMMON_HEADER || payload != form.payload {
        return Err(DissectError::NotMine);
    }
    let app_id_bytes = rest.get(..2).unwrap_or_default();
    let (rest, (app_id, _length)) = (be_u16::<_, nom::error::Error<&[u8]>>(), be_u16()).parse(rest)?;
    // A PDU that can be read is not encrypted, whatever the header says.
    let protection = if session.authentication == 0 { "none" } else { "iec61850-90-5 signed" };
    Ok(Message { app_id, app_id_bytes, simulated: simulated != 0, protection, pdu: pdu(rest, form)? })
}

struct Session {
    unit: [u8; 2],
    identifier: u8,
    common: u8,
    authentication: u8,
}

/// Transport unit; session identifier and length; common header with lengths, number, version, times of keys, algorithms, key.
fn session(i: &[u8]) -> IResult<&[u8], Session> {
    let (i, (li, ti, identifier, length)) = (be_u8(), be_u8(), be_u8(), be_u8()).parse(i)?;
    let (rest, header) = take(length).parse(i)?;
    let (i, (common, _length)) = (be_u8(), be_u8()).parse(header)?;
    let (i, (_size, _number, _version, _current, _next)) = (be_u32(), be_u32(), be_u16(), be_u32(), be_u16()).parse(i)?;
    let (_, (_encryption, authentication)) = (be_u8(), be_u8()).parse(i)?;
    Ok((rest, Session { unit: [li, ti], identifier, common, authentication }))
}

fn pdu(bytes: &[u8], form: Form) -> Result<Tlv<'_>, DissectError> {
    if bytes.first() != Some(&form.tag) {
        return Err(DissectError::NotMine);
    }
    Reader::new(bytes).next()?.ok_or(DissectError::NotMine)
}

/// Whether a value could be a reference or name of IEC 61850-7-2 (visible characters, at most 129).
pub(super) fn is_name(value: &[u8]) -> bool {
    value.len() <= 129 && value.iter().all(|byte| (0x20..0x7f).contains(byte))
}

/// A number that is as good as never the same for two streams: FNV-1a. Only what is read again depends on it.
pub(super) fn key(parts: &[&[u8]]) -> u32 {
    parts.iter().flat_map(|part| part.iter().chain(&[0xff])).fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
