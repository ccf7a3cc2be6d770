//! ACSE: how an association of MMS or ICCP begins: who calls, and whether he has to prove who he is.
//!
//! Spec: ITU-T X.227 (ISO/IEC 8650-1) clause 9; IEC 62351-4 (authentication).
//! Tells us: application process titles of both ends; whether an association was accepted without authentication, with a password or
//! with a certificate.
//! Does not tell: whether the password is a good one.

use super::acse_apdu::{self as apdu, AARE, AARQ, ABRT, RLRE, RLRQ};
use crate::asn1::{Tlv, dotted};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Next, Row, Side};
use observations::OperationClass::Session;
use observations::{Field, Kind, OperationClass, Subject, Value};

pub(crate) struct Acse;

/// 2.2.3.1, authentication by password (annex B.1 of X.227).
const PASSWORD_MECHANISM: &[u8] = &[0x52, 3, 1];
/// The key under which user information is handed on.
const USER_INFORMATION: u64 = 0;

const OPERATIONS: &[(&str, OperationClass)] = &[("associate", Session), ("release", Session), ("abort", Session)];

/// How the client proved who it is, until the server answers.
#[derive(Default)]
pub(crate) struct Association {
    offered: Option<Vec<u8>>,
}

impl Dissector for Acse {
    type State = Association;

    const ROW: Row = Row {
        name: "acse",
        revision: 1,
        spec: "ITU-T X.227 (ISO/IEC 8650-1), IEC 62351-4",
        tells: "application process titles; associations without authentication, with a password, with a certificate",
        bindings: &[Binding::Under("pres", 0)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(apdu) = apdu::apdu(head) else { return Gate::NotMine };
        let mine = match apdu.tag {
            AARQ | AARE => apdu::object_identifier(&apdu, apdu::CONTEXT_NAME).is_some(),
            RLRQ | RLRE | ABRT => apdu.content.len() <= 64,
            _ => false,
        };
        if mine && apdu.missing == 0 && apdu.whole.len() == head.len() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(&(AARQ | RLRQ)) => Side::Client,
            Some(&(AARE | RLRE)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = match head.first() {
            Some(&AARQ) => Some(0),
            Some(&RLRQ) => Some(1),
            Some(&ABRT) => Some(2),
            _ => None,
        };
        Glance { operation, ..Glance::READ }
    }

    fn read(&self, pdu: &[u8], state: &mut Association, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let apdu = apdu::apdu(pdu).ok_or(DissectError::Malformed { rule: "APDU", offset: 0 })?;
        match apdu.tag {
            AARQ => asked(&apdu, state, cx),
            AARE => answered(&apdu, state, cx),
            _ => {}
        }
        if let Some(information) = apdu::user_information(&apdu) {
            cx.under(USER_INFORMATION, information);
        }
        Ok(Next::Watch)
    }
}

/// An association is asked for.
fn asked(apdu: &Tlv<'_>, state: &mut Association, cx: &mut Context<'_>) {
    let caller = cx.sender_host();
    title(apdu, apdu::CALLING_AP_TITLE, &caller, Kind::Client, cx);
    let mechanism = apdu::member(apdu, apdu::MECHANISM_NAME).map(|name| name.content);
    let value = apdu::within(apdu, apdu::AUTHENTICATION_VALUE);
    state.offered = Some(match (value, mechanism) {
        (None, _) => b"none".to_vec(),
        (Some(value), None | Some(PASSWORD_MECHANISM)) if value.tag == apdu::CHARACTERS => {
            let holder = cx.receiver();
            cx.secret(&holder, "acse password", None, value.content);
            b"password".to_vec()
        }
        // IEC 62351-4: a signed token with a certificate; others name themselves.
        (Some(_), Some(mechanism)) => dotted(mechanism).unwrap_or_else(|| b"other".to_vec()),
        (Some(_), None) => b"other".to_vec(),
    });
}

/// And accepted, or not: what was offered is enough for a server that accepts it.
fn answered(apdu: &Tlv<'_>, state: &mut Association, cx: &mut Context<'_>) {
    let server = cx.sender();
    title(apdu, apdu::RESPONDING_AP_TITLE, &server, Kind::Identity, cx);
    let accepted = apdu::within(apdu, apdu::RESULT).and_then(|result| result.number()) == Some(0);
    if let Some(method) = state.offered.take().filter(|_| accepted) {
        cx.say(&server, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(method));
    }
}

fn title(apdu: &Tlv<'_>, tag: u8, about: &Subject, kind: Kind, cx: &mut Context<'_>) {
    let Some(bytes) = apdu::object_identifier(apdu, tag) else { return };
    if let Some(text) = dotted(bytes) {
        cx.say(about, kind).decoded(Field::ApTitle, &Value::Text(text), bytes, "ber-oid");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{cotp::Cotp, pres::Pres, ses::Ses, tpkt::Tpkt};
    use super::*;
    use crate::testing::{conversation_of, field};
    use observations::{Observation, Transport};

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// An APDU in presentation, session, transport and TPKT data.
    fn packet(apdu: &[u8]) -> Vec<u8> {
        let value = [&[2, 1, 1][..], &tlv(0xa0, apdu)].concat();
        let data = [&[1, 0, 1, 0][..], &tlv(0x61, &tlv(0x30, &value))].concat();
        [&[3, 0, 0, u8::try_from(data.len() + 7).unwrap(), 2, 0xf0, 0x80], data.as_slice()].concat()
    }

    const CONTEXT: &[u8] = &[0xa1, 7, 6, 5, 0x28, 0xca, 0x22, 2, 3];

    fn request(authentication: &[u8]) -> Vec<u8> {
        packet(&tlv(AARQ, &[CONTEXT, &[0xa6, 6, 6, 4, 0x29, 1, 0x87, 0x67], authentication].concat()))
    }

    fn response(result: u8) -> Vec<u8> {
        packet(&tlv(AARE, &[CONTEXT, &[0xa2, 3, 2, 1, result], &[0xa4, 6, 6, 4, 0x29, 1, 0x87, 0x68]].concat()))
    }

    fn said(request: &[u8], response: &[u8]) -> Vec<Observation> {
        conversation_of(&[&Tpkt, &Cotp, &Ses, &Pres, &Acse], Transport::Tcp, &[(50000, 102, request), (102, 50000, response)])
    }

    #[test]
    fn a_server_that_accepts_without_a_proof_needs_none() {
        let said = said(&request(&[]), &response(0));
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
        assert_eq!(field(&said, Kind::Client, Field::ApTitle), ["1.1.1.999"]);
        assert_eq!(field(&said, Kind::Identity, Field::ApTitle), ["1.1.1.1000"]);
    }

    #[test]
    fn a_refusal_says_nothing_of_what_would_be_enough() {
        assert!(field(&said(&request(&[]), &response(1)), Kind::Security, Field::AuthenticationMethod).is_empty());
    }

    #[test]
    fn a_password_is_a_credential() {
        let authentication = [tlv(0x8a, &[4, 0x80]), tlv(0x8b, PASSWORD_MECHANISM), tlv(0xac, &tlv(0x80, b"relay-pass"))].concat();
        let said = said(&request(&authentication), &response(0));
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["password"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["acse password"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretLengthClass), ["8"]);
    }

    #[test]
    fn another_mechanism_names_itself() {
        let authentication = [tlv(0x8b, &[0x28, 0xca, 0x22, 9]), tlv(0xac, &tlv(0xa3, &[4, 1, 7]))].concat();
        assert_eq!(field(&said(&request(&authentication), &response(0)), Kind::Security, Field::AuthenticationMethod), ["1.0.9506.9"]);
    }
}
