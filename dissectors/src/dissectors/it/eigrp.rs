//! EIGRP: routers of one maker's protocol, their system's number and version.
//!
//! Spec: RFC 7868 (6.3 header, 6.6 to 6.9 TLVs).
//! Tells us: autonomous system, release of the router's software, authentication. Does not tell: routes, which are not kept.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::{hash, number};
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct Eigrp;

const PROTOCOL: u8 = 88;
/// §6.3.
const HEADER: usize = 20;
const VERSION: u8 = 2;
const HELLO: u8 = 5;
/// §6.6: parameters, authentication, software version.
const PARAMETERS: u64 = 1;
const AUTHENTICATION: u64 = 2;
const SOFTWARE: u64 = 4;
/// §6.7.2.
const METHODS: &[(u64, &str)] = &[(2, "md5"), (3, "hmac-sha256")];
const TLVS_MAX: usize = 32;

const OPCODES: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("update", OperationClass::Configure),
    ("request", OperationClass::Session),
    ("query", OperationClass::Session),
    ("reply", OperationClass::Session),
    ("hello", OperationClass::Session),
    ("ipx_sap", OperationClass::Session),
    ("probe", OperationClass::Session),
    ("acknowledgment", OperationClass::Session),
    ("sia_query", OperationClass::Session),
    ("sia_reply", OperationClass::Session),
];

impl Dissector for Eigrp {
    type State = ();

    const ROW: Row = Row {
        name: "eigrp",
        revision: 1,
        spec: "RFC 7868",
        tells: "autonomous system, software release, authentication of routers",
        bindings: &[Binding::Ip(PROTOCOL)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let sound = match head.get(..HEADER) {
            Some(&[VERSION, opcode, ..]) => OPCODES.contains(&opcode) && head.get(4..7) == Some(&[0, 0, 0]),
            _ => false,
        };
        let first = head.len() == HEADER || head.get(HEADER..).and_then(tlv).is_some();
        if sound && first { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = OPCODES.iter().position(|code| Some(code) == head.get(1)).and_then(|index| u16::try_from(index).ok());
        let hello = head.get(1) == Some(&HELLO);
        Glance { operation, look: if hello { Look::Once(hash(head.get(16..).unwrap_or_default())) } else { Look::Never }, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        crate::never_routed::bind(cx);
        let system = pdu.get(18..HEADER).unwrap_or_default();
        let (mut rest, mut method, mut is_hello) = (pdu.get(HEADER..).unwrap_or_default(), None, false);
        let mut saying = cx.say(&about, Kind::Router).number(Field::AutonomousSystem, number(system), system);
        for _ in 0..TLVS_MAX {
            let Some((kind, value, behind)) = tlv(rest) else { break };
            rest = behind;
            match (kind, value) {
                (PARAMETERS, _) => is_hello = true,
                (AUTHENTICATION, value) => {
                    method = value.get(..2).and_then(|slice| Some((METHODS.iter().find(|row| row.0 == number(slice))?.1, slice)))
                }
                (SOFTWARE, &[major, minor, ..]) => {
                    let version = Value::Text(format!("{major}.{minor}").into_bytes());
                    saying = saying.decoded(Field::SoftwareVersion, &version, value.get(..2).unwrap_or_default(), "major.minor");
                }
                _ => {}
            }
        }
        drop(saying);
        match method {
            Some((name, slice)) => {
                drop(cx.say(&about, Kind::Security).decoded(Field::AuthenticationMethod, &word(name), slice, "eigrp-authentication"))
            }
            None if is_hello => drop(cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &word("none"))),
            None => {}
        }
        if rest.is_empty() { Ok(Next::Watch) } else { Err(DissectError::Truncated { needed: 1 }) }
    }
}

/// Type, value and what follows; the length counts the four bytes before the value.
fn tlv(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let head = bytes.get(..4)?;
    let length = usize::try_from(number(head.get(2..)?)).ok()?;
    let (whole, behind) = bytes.split_at_checked(length)?;
    Some((number(head.get(..2)?), whole.get(4..)?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_ipv6};

    fn hello(more: &[u8]) -> Vec<u8> {
        let head = [2, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100];
        [&head[..], more, &[0, 1, 0, 12, 1, 0, 1, 0, 0, 0, 0, 15], &[0, 4, 0, 8, 15, 2, 3, 0]].concat()
    }

    fn read(data: &[u8]) -> Vec<observations::Observation> {
        read_ipv6(&Eigrp, PROTOCOL, [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 1, data)
    }

    #[test]
    fn a_router_says_its_system_release_and_authentication() {
        let said = read(&hello(&[]));
        assert_eq!(field(&said, Kind::Router, Field::AutonomousSystem), ["100"]);
        assert_eq!(field(&said, Kind::Router, Field::SoftwareVersion), ["15.2"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
        let md5 = [&[0, 2, 0, 40, 0, 2, 0, 16][..], &[0; 32]].concat();
        assert_eq!(field(&read(&hello(&md5)), Kind::Security, Field::AuthenticationMethod), ["md5"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[2; 40], &hello(&[])[..19]] {
            assert_eq!(gate(&Eigrp, stranger, 0), Gate::NotMine);
        }
    }
}
