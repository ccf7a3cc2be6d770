//! OSI presentation: the envelope of ACSE and MMS.
//!
//! Spec: ITU-T X.226 (ISO/IEC 8823-1) clause 8.2; basic encoding rules.
//! Tells us: where the bytes of an association or of MMS begin.
//! Does not tell: which of both they are, once the negotiation was missed: their own structure does.

use crate::asn1::{OBJECT_IDENTIFIER, Reader, SEQUENCE, Tlv};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};

pub(crate) struct Pres;

/// CP and CPA: a SET of the mode and of parameters of the normal mode.
const CONNECT: u8 = 0x31;
const MODE: u8 = 0xa0;
const NORMAL_MODE: u8 = 0xa2;
/// CPR and ARU, which hold user data as CP does.
const REFUSED: u8 = 0x30;
const ABORTED: u8 = 0xa0;
/// User-data: fully encoded, [APPLICATION 1].
const FULLY_ENCODED: u8 = 0x61;
/// Contents of a PDV list: a single value, or aligned octets.
const SINGLE_VALUE: u8 = 0xa0;
const OCTETS: u8 = 0x81;
/// Members of the parameters; there are eleven.
const MEMBERS_MAX: usize = 24;
/// The key under which values are handed on.
const VALUE: u64 = 0;

impl Dissector for Pres {
    type State = ();

    const ROW: Row = Row {
        name: "pres",
        revision: 1,
        spec: "ITU-T X.226 (ISO/IEC 8823-1)",
        tells: "nothing of its own: it lies between ISO session and ACSE or MMS",
        bindings: &[Binding::Under("ses", 0)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok(Some(whole)) = Reader::new(head).next() else { return Gate::NotMine };
        let first = whole.open().ok().and_then(|mut inner| inner.next().ok().flatten()).map(|first| first.tag);
        let mine = match whole.tag {
            CONNECT => matches!(first, Some(MODE | NORMAL_MODE)),
            FULLY_ENCODED => first == Some(SEQUENCE),
            REFUSED | ABORTED => value(head).is_some(),
            _ => false,
        };
        if mine && whole.missing == 0 && whole.whole.len() == head.len() { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let offset = value(head).map(|value| value.as_ptr().addr().saturating_sub(head.as_ptr().addr()));
        Glance { operation: None, look: Look::Always, inner: offset.map(|offset| (VALUE, offset)) }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if let Some(value) = value(pdu) {
            cx.under(VALUE, value);
        }
        Ok(Next::Watch)
    }
}

/// The first value that is carried: nobody sends two in one PDU.
fn value(head: &[u8]) -> Option<&[u8]> {
    let whole = Reader::new(head).next().ok()??;
    let data = match whole.tag {
        FULLY_ENCODED => whole,
        CONNECT => member(&member(&whole, NORMAL_MODE)?, FULLY_ENCODED)?,
        _ => member(&whole, FULLY_ENCODED)?,
    };
    let list = data.open().ok()?.enter(SEQUENCE, "PDV list").ok()?;
    pdv(list)
}

/// A PDV list: perhaps a transfer syntax, a context, and the value.
fn pdv(mut list: Reader<'_>) -> Option<&[u8]> {
    let first = list.next().ok()??;
    if first.tag == OBJECT_IDENTIFIER {
        list.next().ok()??;
    }
    let value = list.next().ok()??;
    matches!(value.tag, SINGLE_VALUE | OCTETS).then_some(value.content)
}

fn member<'a>(of: &Tlv<'a>, tag: u8) -> Option<Tlv<'a>> {
    let mut members = of.open().ok()?;
    for _ in 0..MEMBERS_MAX {
        let member = members.next().ok()??;
        if member.tag == tag {
            return Some(member);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gate;

    const DATA: &[u8] = &[FULLY_ENCODED, 9, SEQUENCE, 7, 2, 1, 3, SINGLE_VALUE, 2, 0x8b, 0];
    const CONNECTING: &[u8] = &[CONNECT, 18, MODE, 3, 0x80, 1, 1, NORMAL_MODE, 11, FULLY_ENCODED, 9, SEQUENCE, 7, 2, 1, 1, SINGLE_VALUE, 2, 0x60, 0];

    #[test]
    fn the_value_is_found_in_data_and_in_a_connect() {
        assert_eq!(value(DATA), Some(&[0x8b, 0][..]));
        assert_eq!(value(CONNECTING), Some(&[0x60, 0][..]));
        let named = [FULLY_ENCODED, 13, SEQUENCE, 11, 6, 2, 0x51, 1, 2, 1, 3, SINGLE_VALUE, 2, 0x8b, 0];
        assert_eq!(value(&named), Some(&[0x8b, 0][..]));
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for stranger in [&[0x30, 3, 2, 1, 5][..], &[FULLY_ENCODED, 3, 2, 1, 3], &DATA[..8], &[DATA, &[0]].concat(), &[0; 20]] {
            assert_eq!(gate(&Pres, stranger, 102), Gate::NotMine);
        }
        assert_eq!(gate(&Pres, DATA, 102), Gate::Mine);
        assert_eq!(gate(&Pres, CONNECTING, 102), Gate::Mine);
    }
}
