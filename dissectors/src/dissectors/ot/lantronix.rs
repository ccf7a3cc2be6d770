//! Lantronix device servers: the search for them, and the set-up record in which a password lies open.
//!
//! Spec: no public one. Numbers of messages, their lengths and the place of the password as `lantronix-witchcraft` documents them; type and
//! MAC address as tools that search for devices read them.
//! Tells us: type and MAC address of servers, behind which serial devices hide; that set-up records are read and written.
//! Does not tell: which devices are on the serial ports.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, Mac, OperationClass, Transport, Value};

pub(crate) struct Lantronix;

const PORT: u16 = 30718;
const HEADER: usize = 4;
/// Messages by the fourth byte: question, answer, and the length of the answer.
const IDENTIFY: u8 = 0xf6;
const IDENTIFIED: u8 = 0xf7;
const GET_SETUP: u8 = 0xf8;
const SETUP: u8 = 0xf9;
const SET_SETUP: u8 = 0xfa;
const SETUP_SET: u8 = 0xfb;
const IDENTIFIED_LENGTH: usize = 30;
const SETUP_LENGTH: usize = 124;
/// Two letters that tell the type, and the MAC address at the end.
const TYPE: std::ops::Range<usize> = 8..10;
const MAC: std::ops::Range<usize> = 24..30;
/// Four bytes of zeros where none is set.
const PASSWORD: std::ops::Range<usize> = 12..16;

const fn shape(bytes: &'static [(usize, u8, u8)], length: usize) -> Shape {
    Shape { over: Transport::Udp, bytes, min: length, max: length }
}

impl Dissector for Lantronix {
    type State = ();

    const ROW: Row = Row {
        name: "lantronix",
        revision: 1,
        spec: "lantronix-witchcraft; search tools for Lantronix devices",
        tells: "type and MAC address of serial device servers; passwords in set-up records",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[shape(&[(0, 0xff, 0), (1, 0xff, 0), (2, 0xff, 0), (3, 0xff, IDENTIFIED)], IDENTIFIED_LENGTH)],
        operations: &[
            ("identify", OperationClass::Diagnose),
            ("get_setup_record", OperationClass::Diagnose),
            ("set_setup_record", OperationClass::Configure),
        ],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(&[0, 0, 0, kind]) = head.first_chunk::<HEADER>() else { return Gate::NotMine };
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let mine = match (kind, head.len()) {
            (IDENTIFY | GET_SETUP | SETUP_SET, HEADER) => bound,
            (IDENTIFIED, IDENTIFIED_LENGTH) => mac(head).is_some() && head.get(TYPE).is_some_and(is_type),
            (SETUP | SET_SETUP, SETUP_LENGTH) => bound,
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.get(3) {
            Some(&(IDENTIFY | GET_SETUP | SET_SETUP)) => Side::Client,
            Some(&(IDENTIFIED | SETUP | SETUP_SET)) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = match head.get(3) {
            Some(&IDENTIFY) => Some(0),
            Some(&GET_SETUP) => Some(1),
            Some(&SET_SETUP) => Some(2),
            _ => None,
        };
        Glance { operation, look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (server, asked) = (cx.sender(), cx.receiver());
        match (pdu.get(3), pdu.len()) {
            (Some(&IDENTIFIED), IDENTIFIED_LENGTH) => {
                let own = pdu.get(MAC).unwrap_or_default();
                let saying = cx.say(&server, Kind::Identity).text(Field::LantronixType, pdu.get(TYPE).unwrap_or_default());
                drop(saying.maybe(mac(pdu), |s, mac| s.mac(Field::MacAddress, mac, own)));
            }
            (Some(&SETUP), SETUP_LENGTH) => password(pdu, &server, cx),
            (Some(&SET_SETUP), SETUP_LENGTH) => password(pdu, &asked, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.get(MAC)?.first_chunk().map(|mac| Mac(*mac)).filter(|mac| mac.is_device())
}

/// A letter and a digit in either order, or two letters.
fn is_type(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// A set-up record has the password of the configuration in clear, and says whether there is one.
fn password(pdu: &[u8], holder: &observations::Subject, cx: &mut Context<'_>) {
    let password = pdu.get(PASSWORD).unwrap_or_default();
    let set = password.iter().any(|byte| *byte != 0);
    let method: &[u8] = if set { b"password" } else { b"none" };
    cx.say(holder, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(method.to_vec()));
    if set {
        cx.secret(holder, "lantronix set-up record", None, password.split(|byte| *byte == 0).next().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, payload, request};

    fn identified() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, IDENTIFIED, 0, 0, 0x10, 0x05, b'X', b'9', 0, 0];
        bytes.resize(24, 0);
        bytes.extend([0, 0x80, 0xa3, 1, 2, 3]);
        bytes
    }

    fn setup(kind: u8, password: [u8; 4]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, kind, 10, 79, 0, 40, 0, 0, 0, 0];
        bytes.extend(password);
        bytes.resize(SETUP_LENGTH, 0);
        bytes
    }

    #[test]
    fn a_server_that_is_found_says_type_and_address() {
        for said in [answer(&Lantronix, &identified()), payload(&Lantronix, Transport::Udp, 40001, 50000, &identified())] {
            assert_eq!(field(&said, Kind::Identity, Field::LantronixType), ["X9"]);
            assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:80:a3:01:02:03"]);
        }
    }

    #[test]
    fn a_set_up_record_is_a_credential_that_is_never_quoted() {
        for said in [answer(&Lantronix, &setup(SETUP, *b"pump")), request(&Lantronix, &setup(SET_SETUP, *b"pump"))] {
            assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["lantronix set-up record"]);
            assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["password"]);
        }
        let open = answer(&Lantronix, &setup(SETUP, [0; 4]));
        assert_eq!(field(&open, Kind::Security, Field::AuthenticationMethod), ["none"]);
        assert!(field(&open, Kind::Credential, Field::SecretUse).is_empty());
    }

    #[test]
    fn strangers_and_truncated_answers_are_refused() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
        let elsewhere = At { dst_port: 40000, ..at };
        for stranger in [&[0; 30][..], b"GET / HTTP/1.1\r\n", &identified()[..20], &[0, 0, 0, 0xf5]] {
            assert_eq!(Lantronix.gate(stranger, &at), Gate::NotMine);
        }
        // Four bytes are no proof, and neither is a record of which nothing is known.
        assert_eq!(Lantronix.gate(&[0, 0, 0, IDENTIFY], &elsewhere), Gate::NotMine);
        assert_eq!(Lantronix.gate(&setup(SETUP, *b"pump"), &elsewhere), Gate::NotMine);
        assert_eq!(Lantronix.glance(&setup(SET_SETUP, *b"pump"), &at).operation, Some(2));
    }
}
