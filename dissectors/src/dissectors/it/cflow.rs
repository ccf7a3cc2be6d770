//! NetFlow and IPFIX: devices that report the conversations that pass them.
//!
//! Spec: RFC 3954 (version 9), RFC 7011 (IPFIX), Cisco, "NetFlow Export Datagram Format" (versions 1, 5, 7, 8).
//! Tells us: which devices export flows, in which version, for which domain. Does not tell: the flows, which are reports about others.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Cflow;

/// Usual collectors, and IPFIX's own (RFC 7011 §10.3.4).
const PORTS: [u16; 4] = [2055, 9995, 9996, 4739];
/// Version 5: header and record.
const HEADER_V5: usize = 24;
const RECORD_V5: usize = 48;
const RECORDS_MAX_V5: usize = 30;
const HEADER_V1: usize = 16;
const RECORD_V1: usize = 52;
const RECORD_V7: usize = 52;
const HEADER_V9: usize = 20;
const HEADER_IPFIX: usize = 16;
/// RFC 3954 §5.2, RFC 7011 §3.3.2: templates, options, then data from 256 on.
const SETS_RESERVED: std::ops::RangeInclusive<u64> = 4..=255;
const SETS_MAX: usize = 32;

impl Dissector for Cflow {
    type State = ();

    const ROW: Row = Row {
        name: "cflow",
        revision: 1,
        spec: "RFC 3954, RFC 7011",
        tells: "flow exporters, their version and domain",
        bindings: &[Binding::Udp(PORTS[0]), Binding::Udp(PORTS[1]), Binding::Udp(PORTS[2]), Binding::Udp(PORTS[3])],
        shapes: &[
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0), (1, 0xff, 5), (2, 0xff, 0), (3, 0xe0, 0)], min: HEADER_V5 + RECORD_V5, max: 1464 },
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0), (1, 0xff, 9), (2, 0xff, 0), (3, 0xc0, 0)], min: HEADER_V9 + 4, max: 65_507 },
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0), (1, 0xff, 10), (2, 0xf0, 0)], min: HEADER_IPFIX + 4, max: 4095 },
        ],
        operations: &[("export", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = PORTS.iter().any(|port| *port == at.dst_port || *port == at.src_port);
        if version(head, bound).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, _: &[u8]) -> Side {
        Side::Client
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let key = crate::tlv::hash(domain(head).unwrap_or_default()) ^ u32::from(head.get(1).copied().unwrap_or_default());
        Glance { operation: Some(0), look: Look::Once(key), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (about, collector) = (cx.sender_host(), cx.receiver());
        let slice = pdu.get(..2).unwrap_or_default();
        let saying = cx.say(&about, Kind::Client).implied(Field::Role, &word("flow exporter")).number(Field::ProtocolVersion, number(slice), slice);
        drop(saying.maybe(domain(pdu), |s, v| s.number(Field::ObservationDomain, number(v), v)));
        cx.say(&collector, Kind::Security).implied(Field::SecurityLevel, &word("none"));
        Ok(Next::Watch)
    }
}

/// The version of a packet whose count or length agrees with what is there.
fn version(head: &[u8], bound: bool) -> Option<u8> {
    let &[0, version, high, low] = head.first_chunk::<4>()? else { return None };
    let count = usize::from(u16::from_be_bytes([high, low]));
    let cut = head.len() >= crate::engine::GATE_BYTES;
    let records = |header: usize, record: usize, most: usize| {
        let whole = header + record * count;
        (1..=most).contains(&count) && (whole == head.len() || cut && whole >= head.len())
    };
    let mine = match version {
        1 => bound && records(HEADER_V1, RECORD_V1, 24),
        5 => records(HEADER_V5, RECORD_V5, RECORDS_MAX_V5),
        7 => bound && records(HEADER_V5, RECORD_V7, 28),
        8 => bound && count > 0 && head.len() > 28 && (1..=14).contains(&head.get(22).copied().unwrap_or_default()),
        9 => count > 0 && sets(head.get(HEADER_V9..)?, 0..=1, cut),
        10 => (count == head.len() || cut && count >= head.len()) && sets(head.get(HEADER_IPFIX..)?, 2..=3, cut),
        _ => false,
    };
    mine.then_some(version)
}

/// Sets one after another: number, length.
fn sets(mut rest: &[u8], templates: std::ops::RangeInclusive<u64>, cut: bool) -> bool {
    let mut count = 0;
    while let Some(head) = rest.get(..4) {
        let (id, length) = (number(head.get(..2).unwrap_or_default()), usize::try_from(number(head.get(2..).unwrap_or_default())).unwrap_or(0));
        let known = !SETS_RESERVED.contains(&id) && (id > 255 || templates.contains(&id));
        if !known || length < 4 || count >= SETS_MAX {
            return false;
        }
        count += 1;
        match rest.get(length..) {
            Some(behind) => rest = behind,
            None => return cut,
        }
    }
    count > 0 && (rest.is_empty() || cut || rest.iter().all(|byte| *byte == 0))
}

/// Source id of version 9, observation domain of IPFIX, engine of version 5.
fn domain(head: &[u8]) -> Option<&[u8]> {
    match head.get(1)? {
        5 => head.get(20..22),
        9 => head.get(16..20),
        10 => head.get(12..16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};

    fn v5() -> Vec<u8> {
        [&[0, 5, 0, 1][..], &[0; 16], &[1, 2, 0, 0], &[0; RECORD_V5]].concat()
    }

    fn ipfix() -> Vec<u8> {
        [&[0, 10, 0, 28][..], &[0; 8], &[0, 0, 1, 0], &[0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4]].concat()
    }

    #[test]
    fn an_exporter_says_version_and_domain_on_any_port() {
        for (data, version, domain) in [(v5(), "5", "258"), (ipfix(), "10", "256")] {
            for port in [PORTS[0], 6000] {
                let said = payload(&Cflow, Transport::Udp, 50000, port, &data);
                assert_eq!(field(&said, Kind::Client, Field::ProtocolVersion), [version]);
                assert_eq!(field(&said, Kind::Client, Field::ObservationDomain), [domain]);
                assert_eq!(field(&said, Kind::Client, Field::Role), ["flow exporter"]);
            }
        }
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &v5()[..60], &[0, 9, 0, 1, 0, 0, 0, 0], &[0, 10, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]]
        {
            assert_eq!(gate(&Cflow, stranger, PORTS[0]), Gate::NotMine, "{stranger:?}");
        }
    }
}
