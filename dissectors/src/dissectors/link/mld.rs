//! MLD, which ICMPv6 carries: which IPv6 multicast groups hosts belong to, and who asks them.
//!
//! Spec: RFC 2710 (version 1), RFC 3810 (version 2).
//! Tells us: groups of hosts, the querier. Does not tell: who sends to a group.

use crate::context::Context;
use crate::dissector::{DissectError, Next};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind};
use std::net::{IpAddr, Ipv6Addr};

pub(super) const QUERY: u8 = 130;
pub(super) const REPORT: u8 = 131;
pub(super) const REPORT_V2: u8 = 143;
/// RFC 2710 §3: no router hands these messages on.
pub(super) const HOP_LIMIT: u8 = 1;
/// RFC 2710 §3.1 and RFC 3810 §5.2: where the group of a report, and the records of one of version 2, begin.
const HEADER: usize = 8;
const GROUP: usize = 16;
/// RFC 3810 §5.2.12: records that tell of leaving: change to include nothing, block.
const CHANGE_TO_INCLUDE: u8 = 3;
const BLOCK: u8 = 6;
/// A host is in a dozen groups.
const RECORDS_MAX: usize = 64;

/// Reads a message whose header was checked.
pub(super) fn read(kind: u8, pdu: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
    match kind {
        // RFC 2710 §5: who asks from no link-local address is no querier.
        QUERY => {
            let about = cx.sender_host();
            if matches!(about.ip, Some(IpAddr::V6(ip)) if ip.is_unicast_link_local()) {
                drop(cx.say(&about, Kind::Topology).implied(Field::Role, &word("querier")));
            }
        }
        REPORT => member(pdu.get(HEADER..HEADER + GROUP).ok_or(DissectError::Truncated { needed: HEADER + GROUP })?, cx),
        REPORT_V2 => records(pdu, cx)?,
        _ => {}
    }
    Ok(Next::Read)
}

/// RFC 3810 §5.2.4: type, length of auxiliary data in words, number of sources, group, sources, auxiliary data.
fn records(pdu: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let count = number(pdu.get(6..HEADER).unwrap_or_default());
    let mut rest = pdu.get(HEADER..).unwrap_or_default();
    for _ in 0..count.min(RECORDS_MAX as u64) {
        let &[kind, auxiliary, high, low] = rest.first_chunk::<4>().ok_or(DissectError::Truncated { needed: 4 })?;
        let group = rest.get(4..4 + GROUP).ok_or(DissectError::Truncated { needed: 4 + GROUP })?;
        let sources = usize::from(u16::from_be_bytes([high, low]));
        if kind != BLOCK && (kind != CHANGE_TO_INCLUDE || sources > 0) {
            member(group, cx);
        }
        rest = rest.get(4 + GROUP * (1 + sources) + 4 * usize::from(auxiliary)..).unwrap_or_default();
    }
    Ok(())
}

/// RFC 4291 §2.7.1: a solicited-node group only repeats an address.
fn member(group: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let ip = group.first_chunk::<GROUP>().map(|ip| Ipv6Addr::from(*ip)).filter(Ipv6Addr::is_multicast);
    let solicited = |ip: &Ipv6Addr| ip.octets().starts_with(&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]);
    if let Some(ip) = ip.filter(|ip| !solicited(ip)) {
        drop(cx.say(&about, Kind::Client).ip(Field::MulticastGroup, ip.into(), group));
    }
}

#[cfg(test)]
mod tests {
    use super::super::icmpv6::Icmpv6;
    use super::*;
    use crate::testing::{field, read_ipv6};
    use observations::Observation;

    const HOST: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const MDNS: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb];
    const OWN: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1];

    fn read(data: &[u8]) -> Vec<Observation> {
        read_ipv6(&Icmpv6, 58, HOST, HOP_LIMIT, data)
    }

    fn record(kind: u8, group: &[u8; 16]) -> Vec<u8> {
        [&[kind, 0, 0, 0][..], group].concat()
    }

    #[test]
    fn groups_of_a_host_are_told_and_groups_that_it_leaves_are_not() {
        let first = [&[REPORT, 0, 0, 0, 0, 0, 0, 0][..], &MDNS].concat();
        assert_eq!(field(&read(&first), Kind::Client, Field::MulticastGroup), ["ff02::fb"]);
        let second = [
            &[REPORT_V2, 0, 0, 0, 0, 0, 0, 3][..],
            &record(4, &MDNS),
            &record(4, &OWN),
            &record(3, &[0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
        ]
        .concat();
        assert_eq!(field(&read(&second), Kind::Client, Field::MulticastGroup), ["ff02::fb"]);
        let done = [&[132, 0, 0, 0, 0, 0, 0, 0][..], &MDNS].concat();
        assert!(field(&read(&done), Kind::Client, Field::MulticastGroup).is_empty());
    }

    #[test]
    fn who_asks_from_a_link_local_address_is_the_querier() {
        let query = [&[QUERY, 0, 0, 0, 0x27, 0x10, 0, 0][..], &[0; 16], &[2, 125, 0, 0]].concat();
        assert_eq!(field(&read(&query), Kind::Topology, Field::Role), ["querier"]);
        let routed = read_ipv6(&Icmpv6, 58, [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], HOP_LIMIT, &query);
        assert!(field(&routed, Kind::Topology, Field::Role).is_empty());
        assert!(field(&read_ipv6(&Icmpv6, 58, HOST, 64, &query), Kind::Topology, Field::Role).is_empty());
    }

    #[test]
    fn a_record_that_is_cut_keeps_those_before() {
        let cut = [&[REPORT_V2, 0, 0, 0, 0, 0, 0, 9][..], &record(4, &MDNS), &[4, 0, 0]].concat();
        assert_eq!(field(&read(&cut), Kind::Client, Field::MulticastGroup), ["ff02::fb"]);
    }
}
