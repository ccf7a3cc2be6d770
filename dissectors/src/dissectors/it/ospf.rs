//! OSPF: routers of a network, their areas, and whether a stranger could join them.
//!
//! Spec: RFC 2328 (version 2: A.3, appendix D), RFC 5340 (version 3), RFC 5709 (HMAC-SHA), RFC 7166 (authentication trailer).
//! Tells us: router id, area, designated routers, authentication. Does not tell: routes, which are not kept; make and model.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::login::word;
use crate::tlv::{hash, number};
use observations::{Field, Kind, OperationClass};
use std::net::Ipv4Addr;

pub(crate) struct Ospf;

const PROTOCOL: u8 = 89;
/// RFC 2328 A.3.1 and RFC 5340 A.3.1.
const HEADER_V2: usize = 24;
const HEADER_V3: usize = 16;
const HELLO: u8 = 1;
const TYPE_MAX: u8 = 5;
/// RFC 2328 appendix D.
const METHODS: &[&str] = &["none", "cleartext", "cryptographic"];
/// RFC 7166 §2.1: the AT bit in the options of a hello or database description, and where a hello has them.
const TRAILER: u8 = 0x04;
const OPTIONS_V3: usize = HEADER_V3 + 6;

impl Dissector for Ospf {
    type State = ();

    const ROW: Row = Row {
        name: "ospf",
        revision: 1,
        spec: "RFC 2328, RFC 5340, RFC 5709, RFC 7166",
        tells: "router ids, areas, authentication of routers",
        bindings: &[Binding::Ip(PROTOCOL)],
        shapes: &[],
        operations: &[
            ("hello", OperationClass::Session),
            ("database_description", OperationClass::Session),
            ("link_state_request", OperationClass::Session),
            ("link_state_update", OperationClass::Configure),
            ("link_state_acknowledgment", OperationClass::Session),
        ],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if header(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some((version, kind)) = header(head) else { return Glance::SKIP };
        // Router, area, and the type of authentication, not its sequence.
        let key = [head.get(4..12).unwrap_or_default(), head.get(14..16).unwrap_or_default(), &[version, u8::from(kind == HELLO)]].concat();
        Glance { operation: Some(u16::from(kind - 1)), look: Look::Once(hash(&key)), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (version, kind) = header(pdu).ok_or(DissectError::NotMine)?;
        let about = cx.sender_host();
        crate::never_routed::bind(cx);
        let dotted = |at: usize| pdu.get(at..at + 4).and_then(|slice| Some((Ipv4Addr::from(*slice.first_chunk::<4>()?), slice)));
        let saying = cx.say(&about, Kind::Router).number(Field::ProtocolVersion, version.into(), pdu.get(..1).unwrap_or_default());
        let saying = saying.maybe(dotted(4), |s, (id, slice)| s.ip(Field::RouterId, id.into(), slice));
        drop(saying.maybe(dotted(8), |s, (area, slice)| s.ip(Field::AreaId, area.into(), slice)));
        if version == 2 {
            let (slice, data) = (pdu.get(14..16).unwrap_or_default(), pdu.get(16..HEADER_V2).unwrap_or_default());
            let method = METHODS.get(usize::try_from(number(slice)).unwrap_or(usize::MAX)).copied().unwrap_or("none");
            let saying = cx.say(&about, Kind::Security).decoded(Field::AuthenticationMethod, &word(method), slice, "ospf-authentication");
            // D.3: the length of the digest tells MD5 (16) from HMAC-SHA (20 and more).
            let length = data.get(3..4).filter(|_| method == "cryptographic");
            drop(saying.maybe(length, |s, v| s.number(Field::AuthParameterLength, number(v), v)));
            if method == "cleartext" {
                cx.secret(&about, "ospf authentication", None, trim(data));
            }
        } else if kind == HELLO
            && let Some(slice) = pdu.get(OPTIONS_V3..OPTIONS_V3 + 1)
        {
            // Without a trailer IPsec may protect it: then an authentication header stands before, which is not seen here.
            let method = if slice.first().is_some_and(|bits| bits & TRAILER != 0) { "cryptographic" } else { "none" };
            cx.say(&about, Kind::Security).decoded(Field::AuthenticationMethod, &word(method), slice, "ospf-options");
        }
        Ok(Next::Watch)
    }
}

/// Version and type, of a packet whose length agrees.
fn header(head: &[u8]) -> Option<(u8, u8)> {
    let &[version, kind, high, low] = head.first_chunk::<4>()?;
    let (least, length) = (if version == 2 { HEADER_V2 } else { HEADER_V3 }, usize::from(u16::from_be_bytes([high, low])));
    let whole = length <= head.len() || head.len() >= crate::engine::GATE_BYTES;
    let method = version == 3 || head.get(14) == Some(&0) && head.get(15).is_some_and(|method| usize::from(*method) < METHODS.len());
    let sound = matches!(version, 2 | 3) && (1..=TYPE_MAX).contains(&kind) && length >= least && head.len() >= least;
    (sound && whole && method).then_some((version, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_ipv6};

    fn hello(method: u8, data: [u8; 8]) -> Vec<u8> {
        let body = [255, 255, 255, 0, 0, 10, 2, 1, 0, 0, 0, 40, 10, 0, 0, 1, 10, 0, 0, 2];
        [&[2, 1, 0, 44, 10, 9, 9, 1, 0, 0, 0, 0, 0, 0, 0, method][..], &data, &body].concat()
    }

    fn read(data: &[u8]) -> Vec<observations::Observation> {
        read_ipv6(&Ospf, PROTOCOL, [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 1, data)
    }

    #[test]
    fn a_router_says_its_id_area_and_authentication() {
        let said = read(&hello(1, *b"plant-7\0"));
        assert_eq!(field(&said, Kind::Router, Field::RouterId), ["10.9.9.1"]);
        assert_eq!(field(&said, Kind::Router, Field::AreaId), ["0.0.0.0"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["cleartext"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["ospf authentication"]);
        let md5 = read(&hello(2, [0, 0, 1, 16, 0, 0, 0, 9]));
        assert_eq!(field(&md5, Kind::Security, Field::AuthenticationMethod), ["cryptographic"]);
        assert_eq!(field(&md5, Kind::Security, Field::AuthParameterLength), ["16"]);
        assert_eq!(field(&read(&hello(0, [0; 8])), Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn version_3_shows_a_trailer_or_none() {
        let third = |bits: u8| [&[3, 1, 0, 36, 10, 9, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0, 0, 0, 2, 1, 0, bits, 0x13], &[0; 12]].concat();
        assert_eq!(field(&read(&third(0x04)), Kind::Security, Field::AuthenticationMethod), ["cryptographic"]);
        assert_eq!(field(&read(&third(0)), Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[2; 40], &hello(0, [0; 8])[..20], &hello(9, [0; 8])] {
            assert_eq!(gate(&Ospf, stranger, 0), Gate::NotMine);
        }
    }
}
