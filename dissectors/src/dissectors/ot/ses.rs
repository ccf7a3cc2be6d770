//! OSI session: what stands between transport and presentation under MMS and ICCP.
//!
//! Spec: ITU-T X.225 (ISO/IEC 8327-1) clause 8.3.
//! Tells us: where the presentation's bytes begin.
//! Does not tell: anything of its own.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::{be_u8, be_u16};
use nom::{IResult, Parser};

pub(crate) struct Ses;

/// Session protocol data units (8.3.1): identifiers that are in use over TCP.
const CONNECT: u8 = 13;
const ACCEPT: u8 = 14;
const REFUSE: u8 = 12;
const FINISH: u8 = 9;
const DISCONNECT: u8 = 10;
const ABORT: u8 = 25;
/// Give tokens and data transfer, neither with parameters: how data begin.
const DATA: [u8; 4] = [1, 0, 1, 0];
/// 8.2.5: a length of 255 says that two bytes of length follow.
const LONG_LENGTH: u8 = 0xff;
/// Parameters: user data, and extended user data of more than 512 bytes.
const USER_DATA: u8 = 193;
const EXTENDED_USER_DATA: u8 = 194;
/// Groups and parameters of a connect; there are ten.
const PARAMETERS_MAX: usize = 32;

impl Dissector for Ses {
    type State = ();

    const ROW: Row = Row {
        name: "ses",
        revision: 1,
        spec: "ITU-T X.225 (ISO/IEC 8327-1)",
        tells: "nothing of its own: it lies between ISO transport and presentation",
        bindings: &[Binding::Under("cotp", 0)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let mine = head.starts_with(&DATA) && head.len() > DATA.len() || unit(head).is_ok_and(|(_, unit)| unit.fits);
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&CONNECT) => Side::Client,
            Some(&(ACCEPT | REFUSE)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let offset = user_data(head).map(|data| data.as_ptr().addr().saturating_sub(head.as_ptr().addr()));
        Glance { operation: None, look: Look::Always, inner: offset.map(|offset| (0, offset)) }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if let Some(data) = user_data(pdu) {
            cx.under(0, data);
        }
        Ok(Next::Watch)
    }
}

/// The presentation's bytes.
fn user_data(head: &[u8]) -> Option<&[u8]> {
    if let Some(data) = head.strip_prefix(&DATA) {
        return Some(data);
    }
    let (_, unit) = unit(head).ok()?;
    let mut rest = unit.parameters;
    for _ in 0..PARAMETERS_MAX {
        let (i, (code, value)) = parameter(rest).ok()?;
        if matches!(code, USER_DATA | EXTENDED_USER_DATA) {
            return Some(value);
        }
        rest = i;
    }
    None
}

struct Unit<'a> {
    parameters: &'a [u8],
    /// It is one of those that have parameters, its length is all that there is, and its first parameter lies within.
    fits: bool,
}

fn unit(i: &[u8]) -> IResult<&[u8], Unit<'_>> {
    let (rest, (identifier, parameters)) = parameter(i)?;
    let known = matches!(identifier, CONNECT | ACCEPT | REFUSE | FINISH | DISCONNECT | ABORT);
    let fits = known && rest.is_empty() && !parameters.is_empty() && parameter(parameters).is_ok();
    Ok((rest, Unit { parameters, fits }))
}

/// 8.2.3 to 8.2.5: identifier, length, value.
fn parameter(i: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (i, (code, short)) = (be_u8(), be_u8()).parse(i)?;
    let (i, length) = if short == LONG_LENGTH { be_u16().parse(i)? } else { (i, u16::from(short)) };
    let (i, value) = take(length).parse(i)?;
    Ok((i, (code, value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gate;

    const CONNECTING: &[u8] = &[
        CONNECT, 13, // length
        5, 3, 0x16, 1, 2, // connect item: version 2
        0x33, 2, 0, 1, // calling selector
        USER_DATA, 2, 0x31, 0x80, // presentation
    ];

    #[test]
    fn the_presentation_lies_behind_tokens_or_among_parameters() {
        assert_eq!(user_data(&[1, 0, 1, 0, 0x61, 9]), Some(&[0x61, 9][..]));
        assert_eq!(user_data(CONNECTING), Some(&[0x31, 0x80][..]));
        assert_eq!(Ses.glance(CONNECTING, &at()).inner, Some((0, CONNECTING.len() - 2)));
        assert_eq!(user_data(&CONNECTING[..8]), None);
    }

    #[test]
    fn other_bytes_under_transport_are_refused() {
        for stranger in [&[0x32, 1, 0, 0, 0, 1, 0, 8, 0, 0, 0xf0, 0][..], &[0x72, 1, 0, 4], &[1, 0, 1, 0], &[CONNECT, 2, 0], &[0; 20]] {
            assert_eq!(gate(&Ses, stranger, 102), Gate::NotMine);
        }
        assert_eq!(gate(&Ses, CONNECTING, 102), Gate::Mine);
    }

    fn at() -> At {
        At { transport: observations::Transport::Tcp, src_port: 50000, dst_port: 102, from_client: None }
    }
}
