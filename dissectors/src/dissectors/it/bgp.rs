//! BGP: routers of different systems that exchange routes.
//!
//! Spec: RFC 4271 (4.1, 4.2), RFC 5492 (capabilities), RFC 6793 (four-byte numbers), draft-walton-bgp-hostname-capability (73),
//! draft-abraitis-bgp-version-capability (75).
//! Tells us: autonomous system and identifier of both ends, host name and software where they are told.
//! Does not tell: routes, which are not kept; whether TCP is protected (RFC 2385, RFC 5925 stand in its options).

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use crate::tlv::{Elements, number};
use observations::{Field, Kind, OperationClass, Transport};
use std::net::Ipv4Addr;

pub(crate) struct Bgp;

const PORT: u16 = 179;
/// RFC 4271 §4.1: marker, length (2), type.
const HEADER: usize = 19;
const MARKER: usize = 16;
/// RFC 8654: extended messages.
const LENGTH_MAX: usize = 65_535;
const WANT: usize = 512;
const OPEN: u8 = 1;
const TYPE_MAX: u8 = 5;
/// §4.2: version, system, hold time, identifier, length of parameters.
const OPEN_FIXED: usize = 10;
const CAPABILITIES: u64 = 2;
const FOUR_BYTES: u64 = 65;
const NAME: u64 = 73;
const SOFTWARE: u64 = 75;
/// RFC 6793 §9: stands where the number needs four bytes.
const AS_TRANS: u64 = 23_456;
const CAPABILITIES_MAX: usize = 64;

impl Dissector for Bgp {
    type State = ();

    const ROW: Row = Row {
        name: "bgp",
        revision: 1,
        spec: "RFC 4271, RFC 5492, RFC 6793",
        tells: "autonomous systems, identifiers, host names and software of routers",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, 0xff), (1, 0xff, 0xff), (2, 0xff, 0xff), (3, 0xff, 0xff), (8, 0xff, 0xff), (15, 0xff, 0xff)],
            min: HEADER,
            max: usize::MAX,
        }],
        operations: &[
            ("open", OperationClass::Session),
            ("update", OperationClass::Configure),
            ("notification", OperationClass::Session),
            ("keepalive", OperationClass::Session),
            ("route_refresh", OperationClass::Session),
        ],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if header(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match header(head) {
            Some((_, length)) => Framing::Pdu { len: length, want: length.min(WANT) },
            None if head.len() < HEADER => Framing::Need(HEADER),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some((kind, _)) = header(head) else { return Glance::SKIP };
        Glance { operation: Some(u16::from(kind - 1)), look: if kind == OPEN { Look::Always } else { Look::Never }, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if !matches!(header(pdu), Some((OPEN, _))) {
            return Ok(Next::Watch);
        }
        let body = pdu.get(HEADER..).unwrap_or_default();
        let fixed = body.get(..OPEN_FIXED).ok_or(DissectError::Truncated { needed: OPEN_FIXED })?;
        let parameters = body.get(OPEN_FIXED..).unwrap_or_default();
        let about = cx.sender();
        let capabilities = || Elements::<1>::of(parameters).filter(|(kind, _)| *kind == CAPABILITIES).flat_map(|(_, value)| Elements::<1>::of(value));
        let mut saying = cx.say(&about, Kind::Topology);
        let system = fixed.get(1..3).unwrap_or_default();
        let wide = capabilities().take(CAPABILITIES_MAX).find(|(code, value)| *code == FOUR_BYTES && value.len() == 4).map(|(_, value)| value);
        let system = wide.unwrap_or(system);
        if number(system) != AS_TRANS {
            saying = saying.number(Field::AutonomousSystem, number(system), system);
        }
        let id = fixed.get(5..9).and_then(|slice| Some((Ipv4Addr::from(*slice.first_chunk::<4>()?), slice)));
        drop(saying.maybe(id, |s, (id, slice)| s.ip(Field::RouterId, id.into(), slice)));
        for (code, value) in capabilities().take(CAPABILITIES_MAX) {
            let text = value.split_first().and_then(|(length, rest)| rest.get(..usize::from(*length)));
            match (code, text) {
                (NAME, Some(text)) => drop(cx.say(&about, Kind::Identity).trimmed(Field::Hostname, text)),
                (SOFTWARE, Some(text)) => drop(cx.say(&about, Kind::Service).trimmed(Field::SoftwareVersion, text)),
                _ => {}
            }
        }
        Ok(Next::Watch)
    }
}

/// Type and length.
fn header(head: &[u8]) -> Option<(u8, usize)> {
    let (marker, rest) = head.split_at_checked(MARKER)?;
    let &[high, low, kind] = rest.first_chunk::<3>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let sound = marker.iter().all(|byte| *byte == 0xff) && (1..=TYPE_MAX).contains(&kind) && (HEADER..=LENGTH_MAX).contains(&length);
    sound.then_some((kind, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn open() -> Vec<u8> {
        let name = [&[73, 9, 7][..], b"border1", &[0]].concat();
        let capabilities = [&[65, 4, 0, 1, 0, 9][..], &name].concat();
        let parameters = [&[2, u8::try_from(capabilities.len()).unwrap()][..], &capabilities].concat();
        let body = [&[4, 0x5b, 0xa0, 0, 180, 10, 9, 9, 1, u8::try_from(parameters.len()).unwrap()][..], &parameters].concat();
        let length = u16::try_from(HEADER + body.len()).unwrap().to_be_bytes();
        [&[0xff; 16][..], &length, &[1], &body].concat()
    }

    #[test]
    fn a_router_says_its_system_its_id_and_its_name() {
        for port in [PORT, 1790] {
            let said = payload(&Bgp, Transport::Tcp, 50000, port, &open());
            assert_eq!(field(&said, Kind::Topology, Field::AutonomousSystem), ["65545"]);
            assert_eq!(field(&said, Kind::Topology, Field::RouterId), ["10.9.9.1"]);
            assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["border1"]);
        }
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0xff; 40], &open()[..18]] {
            assert_eq!(gate(&Bgp, stranger, PORT), Gate::NotMine);
        }
    }
}
