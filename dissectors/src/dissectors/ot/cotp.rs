//! COTP, the ISO transport protocol of class 0: which transport selector a client asks for and a server accepts.
//!
//! Spec: ISO/IEC 8073, ITU-T X.224 section 13; over TCP RFC 1006. The rack and slot in S7's selectors: Siemens, as snap7 documents them.
//! Tells us: the transport selectors of both ends; rack and slot that an S7 server answers for.
//! Does not tell: what stands in that slot (many servers accept any).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind, OperationClass, Span, Value};

pub(crate) struct Cotp;

/// TPDU codes, X.224 table 8; the low four bits of CR and CC are credit.
const CONNECTION_REQUEST: u8 = 0xe0;
const CONNECTION_CONFIRM: u8 = 0xd0;
const DISCONNECT_REQUEST: u8 = 0x80;
const DISCONNECT_CONFIRM: u8 = 0xc0;
const DATA: u8 = 0xf0;
const ERROR: u8 = 0x70;
/// X.224 §13.3.4: parameters of CR and CC have codes from 0x85 on.
const PARAMETER_MIN: u8 = 0x80;
const CALLED_SELECTOR: u8 = 0xc2;
/// X.224 §13.7: a DT of classes 0 and 1 has this length indicator; the third byte's high bit ends the TSDU.
const DATA_INDICATOR: u8 = 2;
const DATA_HEADER: usize = 3;
const LAST: u8 = 0x80;

/// X.224 §6.3 sets no bound to a TSDU. No MMS or S7 PDU in use is longer than 64 KiB.
const TSDU_MAX: usize = 64 * 1024;
/// A TSDU in smaller pieces than 64 KiB over this is an attempt to fill memory.
const PIECES_MAX: usize = 512;
/// X.224 §13.3.4 allows longer ones; beyond this they are not remembered.
const SELECTOR_MAX: usize = 32;

/// The key under which TSDUs are handed on; the variable parts of CR and CC are under their TPDU codes.
const TSDU: u64 = 0;

/// First byte of an S7 TSDU.
const S7: u8 = 0x32;

#[derive(Default)]
pub(crate) struct Selectors {
    called: Option<Kept>,
    accepted: bool,
    tsdus: [Tsdu; 2],
}

/// Bytes of an earlier packet, and where they stand.
struct Kept {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// A TSDU that comes in several DTs.
#[derive(Default)]
struct Tsdu {
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
    too_long: bool,
}

impl Dissector for Cotp {
    type State = Selectors;

    const ROW: Row = Row {
        name: "cotp",
        revision: 1,
        spec: "ITU-T X.224 (ISO/IEC 8073) section 13",
        tells: "transport selectors; rack and slot of S7 servers",
        bindings: &[Binding::Under("tpkt", 0)],
        shapes: &[],
        operations: &[("connection_request", OperationClass::Session), ("disconnect_request", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[indicator, code]) = head.first_chunk::<2>() else { return Gate::NotMine };
        let mine = match code {
            DATA => indicator == DATA_INDICATOR,
            DISCONNECT_REQUEST | DISCONNECT_CONFIRM | ERROR => indicator >= 4,
            _ => matches!(code & 0xf0, CONNECTION_REQUEST | CONNECTION_CONFIRM) && indicator >= 6,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(1).map(|code| code & 0xf0) {
            Some(CONNECTION_REQUEST) => Side::Client,
            Some(CONNECTION_CONFIRM) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        match head {
            // Some stacks acknowledge with a DT that holds nothing.
            [_, DATA, _] => Glance::SKIP,
            [_, DATA, end, ..] if end & LAST != 0 => Glance { operation: None, look: Look::Always, inner: Some((TSDU, DATA_HEADER)) },
            [_, code, ..] if code & 0xf0 == CONNECTION_REQUEST => Glance { operation: Some(0), ..Glance::READ },
            [_, DISCONNECT_REQUEST, ..] => Glance { operation: Some(1), ..Glance::READ },
            _ => Glance::READ,
        }
    }

    fn read(&self, pdu: &[u8], state: &mut Selectors, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (i, (_indicator, code)) = (be_u8::<_, nom::error::Error<&[u8]>>(), be_u8()).parse(pdu)?;
        match code & 0xf0 {
            CONNECTION_REQUEST | CONNECTION_CONFIRM => connection(code & 0xf0, pdu, state, cx)?,
            DATA => {
                let (data, end) = be_u8::<_, nom::error::Error<&[u8]>>().parse(i)?;
                slot(data, state, cx);
                data_unit(data, end & LAST != 0, state, cx);
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// CR and CC, X.224 §13.3 and §13.4.
fn connection(code: u8, pdu: &[u8], state: &mut Selectors, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (_, variable) = variable_part(pdu)?;
    if code == CONNECTION_REQUEST {
        *state = Selectors::default();
    } else {
        state.accepted = true;
    }
    if cx.under(u64::from(code), variable) {
        return Ok(());
    }
    let mut rest = variable;
    while !rest.is_empty() {
        // Remote Desktop puts a cookie and its negotiation where parameters stand; no parameter has such a code.
        if rest.first().is_some_and(|code| *code < PARAMETER_MIN) {
            break;
        }
        let (i, (parameter, value)) = parameter(rest)?;
        rest = i;
        if parameter == CALLED_SELECTOR && !value.is_empty() {
            called(code, value, state, cx);
        }
    }
    Ok(())
}

/// Length indicator, code, two references and class; then what the length indicator leaves.
fn variable_part(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, indicator) = be_u8().parse(i)?;
    let (rest, header) = take(indicator).parse(i)?;
    let (variable, (_code, _dst_reference, _src_reference, _class)) = (be_u8(), be_u16(), be_u16(), be_u8()).parse(header)?;
    Ok((rest, variable))
}

/// X.224 §13.2.3: code, length, value.
fn parameter(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, (code, length)) = (be_u8(), be_u8()).parse(i)?;
    let (i, value) = take(length).parse(i)?;
    Ok((i, (code, value)))
}

/// The selector that is called: asked for in a CR, accepted in a CC.
fn called(code: u8, value: &[u8], state: &mut Selectors, cx: &mut Context<'_>) {
    let (about, kind) = if code == CONNECTION_REQUEST { (cx.receiver(), Kind::Request) } else { (cx.sender(), Kind::Part) };
    let saying = cx.say(&about, kind);
    if value.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        drop(saying.text(Field::Tsap, value));
    } else {
        drop(saying.bytes(Field::Tsap, value));
    }
    if value.len() <= SELECTOR_MAX {
        state.called = Some(Kept { bytes: value.to_vec(), spans: cx.spans_of(value) });
    }
}

/// Rack and slot that a server answers for: its selector was accepted, and it speaks S7. A selector alone may be anybody's.
fn slot(data: &[u8], state: &mut Selectors, cx: &mut Context<'_>) {
    if !state.accepted || data.first() != Some(&S7) || cx.from_client() != Some(false) {
        return;
    }
    let Some(kept) = state.called.take() else { return };
    // Connection resource (1 PG, 2 OP, 3 other), then rack and slot.
    let [1..=3, place] = kept.bytes[..] else { return };
    let about = cx.sender();
    cx.stitched(&kept.bytes, &[(kept.bytes.len(), kept.spans)], "connection", |bytes, cx| {
        let byte = bytes.get(1..).unwrap_or_default();
        cx.say(&about, Kind::Part).decoded(Field::Rack, &Value::Number(u64::from(place >> 5)), byte, "s7-tsap").decoded(
            Field::Slot,
            &Value::Number(u64::from(place & 0x1f)),
            byte,
            "s7-tsap",
        );
    });
}

/// One DT of a TSDU.
fn data_unit(data: &[u8], last: bool, state: &mut Selectors, cx: &mut Context<'_>) {
    let direction = usize::from(cx.at().src_port > cx.at().dst_port);
    let Some(tsdu) = state.tsdus.get_mut(direction) else { return };
    if last && tsdu.bytes.is_empty() && !tsdu.too_long {
        cx.under(TSDU, data);
        return;
    }
    if tsdu.bytes.len() + data.len() > TSDU_MAX || tsdu.parts.len() >= PIECES_MAX {
        cx.limit("bytes of a transport service data unit");
        *tsdu = Tsdu { too_long: true, ..Tsdu::default() };
    } else if !tsdu.too_long && !data.is_empty() {
        tsdu.bytes.extend_from_slice(data);
        tsdu.parts.push((data.len(), cx.spans_of(data)));
    }
    if last {
        let whole = std::mem::take(tsdu);
        cx.stitched(&whole.bytes, &whole.parts, "cotp", |bytes, cx| cx.under(TSDU, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tpkt::Tpkt;
    use super::*;
    use crate::testing::{conversation_of, field};
    use observations::Transport;

    const ASKED: &[u8] = &[
        3, 0, 0, 22, // TPKT
        17, 0xe0, 0, 0, 0, 1, 0, // CR, references, class 0
        0xc0, 1, 10, // TPDU size 1024
        0xc1, 2, 0x01, 0x00, // calling selector
        0xc2, 2, 0x03, 0x22, // called selector: rack 1, slot 2
    ];
    const ACCEPTED: &[u8] = &[
        3, 0, 0, 22, // TPKT
        17, 0xd0, 0, 1, 0, 7, 0, // CC
        0xc0, 1, 10, // TPDU size
        0xc1, 2, 0x01, 0x00, // calling selector
        0xc2, 2, 0x03, 0x22, // called selector
    ];
    const S7_ANSWER: &[u8] = &[3, 0, 0, 9, 2, 0xf0, 0x80, 0x32, 3];

    fn said(payloads: &[(u16, u16, &[u8])]) -> Vec<observations::Observation> {
        conversation_of(&[&Tpkt, &Cotp], Transport::Tcp, payloads)
    }

    #[test]
    fn an_accepted_selector_that_speaks_s7_names_rack_and_slot() {
        let said = said(&[(50000, 102, ASKED), (102, 50000, ACCEPTED), (102, 50000, S7_ANSWER)]);
        assert_eq!(field(&said, Kind::Request, Field::Tsap), ["0322"]);
        assert_eq!(field(&said, Kind::Part, Field::Tsap), ["0322"]);
        assert_eq!(field(&said, Kind::Part, Field::Rack), ["1"]);
        assert_eq!(field(&said, Kind::Part, Field::Slot), ["2"]);
    }

    #[test]
    fn a_selector_that_nobody_accepted_or_that_speaks_no_s7_names_no_slot() {
        let refused = said(&[(50000, 102, ASKED), (102, 50000, S7_ANSWER)]);
        assert!(field(&refused, Kind::Part, Field::Slot).is_empty());
        let other = said(&[(50000, 102, ASKED), (102, 50000, ACCEPTED), (102, 50000, &[3, 0, 0, 9, 2, 0xf0, 0x80, 1, 0])]);
        assert!(field(&other, Kind::Part, Field::Slot).is_empty());
    }

    #[test]
    fn a_selector_of_letters_is_text() {
        let mut asked = vec![3, 0, 0, 31, 26, 0xe0, 0, 0, 0, 1, 0, 0xc2, 18];
        asked.extend_from_slice(b"SIMATIC-ROOT-OTHER");
        let said = said(&[(50000, 102, &asked)]);
        assert_eq!(field(&said, Kind::Request, Field::Tsap), ["SIMATIC-ROOT-OTHER"]);
    }

    #[test]
    fn a_parameter_that_lies_keeps_the_ones_before() {
        let lying = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 1, 0, 0xc2, 2, 1, 2, 0xc1, 9, 1, 0];
        assert_eq!(field(&said(&[(50000, 102, &lying)]), Kind::Request, Field::Tsap), ["0102"]);
    }
}
