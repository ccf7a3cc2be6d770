//! sFlow: switches and routers that sample what passes them.
//!
//! Spec: sFlow.org, "sFlow Version 5"; RFC 3176 (versions 2 to 4).
//! Tells us: which devices export samples, their agent address. Does not tell: what the samples hold, which is others' traffic.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::tlv::{hash, number};
use observations::{Field, Kind, OperationClass, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) struct Sflow;

const PORT: u16 = 6343;
/// Version and kind of address, four bytes each.
const HEADER: usize = 8;
/// Samples in a datagram of at most 64 KiB.
const SAMPLES_MAX: u64 = 512;

impl Dissector for Sflow {
    type State = ();

    const ROW: Row = Row {
        name: "sflow",
        revision: 1,
        spec: "sFlow Version 5, RFC 3176",
        tells: "flow exporters and their agent addresses",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[Shape {
            over: Transport::Udp,
            bytes: &[(0, 0xff, 0), (1, 0xff, 0), (2, 0xff, 0), (3, 0xfe, 4), (4, 0xff, 0), (5, 0xff, 0), (6, 0xff, 0), (7, 0xfc, 0)],
            min: 28,
            max: 65_507,
        }],
        operations: &[("export", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if agent(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, _: &[u8]) -> Side {
        Side::Client
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        Glance { operation: Some(0), look: Look::Once(hash(head.get(..HEADER + 8).unwrap_or_default())), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (ip, slice, sub_agent) = agent(pdu).ok_or(DissectError::NotMine)?;
        let (about, collector) = (cx.sender_host(), cx.receiver());
        let version = pdu.get(..4).unwrap_or_default();
        let saying =
            cx.say(&about, Kind::Client).implied(Field::Role, &word("flow exporter")).number(Field::ProtocolVersion, number(version), version);
        let saying = if ip.is_unspecified() { saying } else { saying.ip(Field::ManagementAddress, ip, slice) };
        drop(saying.maybe(sub_agent, |s, v| s.number(Field::ObservationDomain, number(v), v)));
        cx.say(&collector, Kind::Security).implied(Field::SecurityLevel, &word("none"));
        Ok(Next::Watch)
    }
}

/// An agent's address, where it stands, and the sub-agent (version 5 only).
type Agent<'a> = (IpAddr, &'a [u8], Option<&'a [u8]>);

/// The agent of a header whose count is sane.
fn agent(head: &[u8]) -> Option<Agent<'_>> {
    let (version, kind) = (number(head.get(..4)?), number(head.get(4..HEADER)?));
    let rest = head.get(HEADER..)?;
    let (ip, slice): (IpAddr, &[u8]) = match kind {
        1 => (Ipv4Addr::from(*rest.first_chunk::<4>()?).into(), rest.get(..4)?),
        2 => (Ipv6Addr::from(*rest.first_chunk::<16>()?).into(), rest.get(..16)?),
        _ => return None,
    };
    let rest = rest.get(slice.len()..)?;
    let (sub_agent, counts) = if version == 5 { (rest.get(..4), 12) } else { (None, 8) };
    let samples = number(rest.get(counts..counts + 4)?);
    let space = head.len() as u64;
    (matches!(version, 2 | 4 | 5) && (1..=SAMPLES_MAX).contains(&samples) && samples * 8 <= space.max(512)).then_some((ip, slice, sub_agent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn datagram() -> Vec<u8> {
        [&[0, 0, 0, 5, 0, 0, 0, 1, 10, 0, 0, 2][..], &[0, 0, 0, 7], &[0, 0, 1, 0], &[0, 1, 0, 0], &[0, 0, 0, 1], &[0; 40]].concat()
    }

    #[test]
    fn an_exporter_says_its_agent_on_any_port() {
        for port in [PORT, 6000] {
            let said = payload(&Sflow, Transport::Udp, 50000, port, &datagram());
            assert_eq!(field(&said, Kind::Client, Field::ManagementAddress), ["10.0.0.2"]);
            assert_eq!(field(&said, Kind::Client, Field::ObservationDomain), ["7"]);
        }
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &datagram()[..27], &[5; 40]] {
            assert_eq!(gate(&Sflow, stranger, PORT), Gate::NotMine);
        }
    }
}
