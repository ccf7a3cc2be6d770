//! EAPOL: how hosts log in at a switch's port or an access point (IEEE 802.1X).
//!
//! Spec: IEEE 802.1X-2020 §11 (EAPOL PDUs), §11.11 (MKA).
//! Tells us: who asks for access, what is said in EAP, that a link agrees on MACsec.
//! Does not tell: whether a port is really closed without a log-in; keys.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row, Side};
use crate::login;
use observations::OperationClass;

pub(crate) struct Eapol;

/// §11.3: version, type, length.
const HEADER: usize = 4;
const VERSION_MAX: u8 = 3;
/// §11.3.2, table 11-3.
const EAP: u8 = 0;
const START: u8 = 1;
const LOGOFF: u8 = 2;
const KEY: u8 = 3;
const MKA: u8 = 5;
const ANNOUNCEMENT_REQUEST: u8 = 8;
/// What EAP is handed on under.
const INNER: u64 = 0;

const OPERATIONS: &[(&str, OperationClass)] =
    &[("eap", OperationClass::Session), ("start", OperationClass::Session), ("logoff", OperationClass::Session), ("key", OperationClass::Session)];

impl Dissector for Eapol {
    type State = ();

    const ROW: Row = Row {
        name: "eapol",
        revision: 1,
        spec: "IEEE 802.1X-2020 clause 11",
        tells: "log-ins at switches and access points, MACsec",
        bindings: &[Binding::EtherType(0x888e)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        match *head {
            [version, kind, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let fits = matches!(kind, START | LOGOFF) || length > 0;
                let ours = (1..=VERSION_MAX).contains(&version) && kind <= ANNOUNCEMENT_REQUEST && fits;
                if ours { Gate::Mine } else { Gate::NotMine }
            }
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head {
            // RFC 3748 §4: only responses come from who logs in.
            [_, START | LOGOFF, ..] | [_, EAP, _, _, 2, ..] => Side::Client,
            [_, EAP, _, _, 1 | 3 | 4, ..] => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        match head.get(1) {
            Some(&EAP) => Glance { operation: Some(0), inner: Some((INNER, HEADER)), ..Glance::READ },
            Some(kind @ &(START..=KEY)) => Glance { operation: Some(u16::from(*kind)), ..Glance::SKIP },
            _ => Glance { look: crate::dissector::Look::Once(u32::from(head.get(1).copied().unwrap_or_default())), ..Glance::SKIP },
        }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some((&[_, kind, high, low], rest)) = pdu.split_first_chunk::<HEADER>() else {
            return Err(DissectError::Truncated { needed: HEADER });
        };
        // Frames are padded.
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = rest.get(..length).unwrap_or(rest);
        match kind {
            EAP => drop(cx.beside("eapol", INNER, body)),
            MKA => {
                let host = cx.sender_host();
                login::protection(cx, &host, "macsec", login::ATTEMPTED);
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::eap::Eap;
    use super::*;
    use crate::testing::{gate, outcomes, read_frame};

    fn frame(body: &[u8]) -> Vec<u8> {
        [&[1, 0x80, 0xc2, 0, 0, 3, 0, 0, 0, 0, 1, 1, 0x88, 0x8e][..], body, &[0; 40]].concat()
    }

    #[test]
    fn macsec_s_key_agreement_is_told() {
        assert_eq!(outcomes(&read_frame(&Eapol, &frame(&[3, 5, 0, 4, 1, 2, 3, 4]))), ["macsec attempted"]);
        assert!(read_frame(&Eapol, &frame(&[2, 1, 0, 0])).iter().all(|said| said.protocol != "eapol"));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&[0, 0, 0, 4][..], &[2, 0, 0, 0], &[1, 9, 0, 1], &[1, 0]] {
            assert_eq!(gate(&Eapol, stranger, 0), Gate::NotMine);
        }
        assert_eq!(gate(&Eap, &[1, 1, 0, 5, 1], 0), Gate::Mine);
    }
}
