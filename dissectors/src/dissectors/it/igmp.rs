//! IGMP: which multicast groups hosts belong to, and who asks them.
//!
//! Spec: RFC 3376 (version 3), RFC 2236 (version 2), RFC 1112 (version 1).
//! Tells us: groups of hosts, the querier. Does not tell: who sends to a group.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::tlv::{hash, number};
use observations::{Field, Kind, OperationClass};
use std::net::Ipv4Addr;

pub(crate) struct Igmp;

const PROTOCOL: u8 = 2;
const HEADER: usize = 8;
const QUERY: u8 = 0x11;
const REPORT_V1: u8 = 0x12;
const REPORT_V2: u8 = 0x16;
const LEAVE: u8 = 0x17;
const REPORT_V3: u8 = 0x22;
const TYPES: &[u8] = &[QUERY, REPORT_V1, REPORT_V2, LEAVE, REPORT_V3];
/// RFC 3376 §4.2.12: records that tell of leaving: change to include nothing, block.
const LEFT: &[u8] = &[3, 6];
/// A host is in a dozen groups.
const RECORDS_MAX: usize = 64;

impl Dissector for Igmp {
    type State = ();

    const ROW: Row = Row {
        name: "igmp",
        revision: 1,
        spec: "RFC 3376, RFC 2236, RFC 1112",
        tells: "multicast groups of hosts, the querier",
        bindings: &[Binding::Ip(PROTOCOL)],
        shapes: &[],
        operations: &[
            ("membership_query", OperationClass::Session),
            ("version_1_report", OperationClass::Session),
            ("version_2_report", OperationClass::Session),
            ("leave_group", OperationClass::Session),
            ("version_3_report", OperationClass::Session),
        ],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let known = head.len() >= HEADER && head.first().is_some_and(|kind| TYPES.contains(kind));
        if known { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = TYPES.iter().position(|kind| head.first() == Some(kind)).and_then(|index| u16::try_from(index).ok());
        Glance { operation, look: Look::Once(hash(head)), inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let about = cx.sender_host();
        match pdu.first() {
            Some(&(REPORT_V1 | REPORT_V2)) => member(pdu.get(4..HEADER).unwrap_or_default(), cx),
            Some(&REPORT_V3) => {
                let (mut rest, count) = (pdu.get(HEADER..).unwrap_or_default(), number(pdu.get(6..HEADER).unwrap_or_default()));
                for _ in 0..count.min(RECORDS_MAX as u64) {
                    let &[kind, auxiliary, high, low, ..] = rest.first_chunk::<HEADER>().ok_or(DissectError::Truncated { needed: HEADER })?;
                    let group = rest.get(4..HEADER).unwrap_or_default();
                    let sources = usize::from(u16::from_be_bytes([high, low]));
                    if !LEFT.contains(&kind) || kind == 3 && sources > 0 {
                        member(group, cx);
                    }
                    rest = rest.get(HEADER + 4 * (sources + usize::from(auxiliary))..).unwrap_or_default();
                }
            }
            // RFC 4541 §2.1.1: snooping switches ask from 0.0.0.0; such a query elects nobody.
            Some(&QUERY) if about.ip.is_some_and(|ip| !ip.is_unspecified()) => {
                drop(cx.say(&about, Kind::Topology).implied(Field::Role, &crate::login::word("querier")))
            }
            _ => {}
        }
        Ok(Next::Watch)
    }
}

fn member(group: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let ip = group.first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip)).filter(Ipv4Addr::is_multicast);
    drop(cx.say(&about, Kind::Client).maybe(ip, |s, ip| s.ip(Field::MulticastGroup, ip.into(), group)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_ipv6};

    fn read(data: &[u8]) -> Vec<observations::Observation> {
        read_ipv6(&Igmp, PROTOCOL, [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 1, data)
    }

    #[test]
    fn groups_of_a_host_are_told_and_groups_that_it_leaves_are_not() {
        assert_eq!(field(&read(&[0x16, 0, 0, 0, 239, 255, 255, 250]), Kind::Client, Field::MulticastGroup), ["239.255.255.250"]);
        let third = [0x22, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0, 224, 0, 1, 129, 3, 0, 0, 0, 224, 0, 0, 251];
        assert_eq!(field(&read(&third), Kind::Client, Field::MulticastGroup), ["224.0.1.129"]);
        assert!(field(&read(&[0x17, 0, 0, 0, 239, 1, 1, 1]), Kind::Client, Field::MulticastGroup).is_empty());
        assert_eq!(field(&read(&[0x11, 100, 0, 0, 0, 0, 0, 0]), Kind::Topology, Field::Role), ["querier"]);
    }

    #[test]
    fn a_record_that_is_cut_keeps_those_before() {
        let third = [0x22, 0, 0, 0, 0, 0, 0, 9, 4, 0, 0, 0, 224, 0, 1, 129, 3, 0];
        assert_eq!(field(&read(&third), Kind::Client, Field::MulticastGroup).len(), 1);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[0x16, 0, 0]] {
            assert_eq!(gate(&Igmp, stranger, 0), Gate::NotMine);
        }
    }
}
