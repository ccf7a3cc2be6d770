//! PIM: routers that carry multicast.
//!
//! Spec: RFC 7761 (4.9 packet formats).
//! Tells us: which hosts are multicast routers, their other addresses. Does not tell: make and model; PIM has no protection of its own.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::tlv::{Elements, hash, number};
use observations::{Field, Kind, OperationClass};
use std::net::Ipv4Addr;

pub(crate) struct Pim;

const PROTOCOL: u8 = 103;
const HEADER: usize = 4;
const VERSION: u8 = 2;
/// §4.9.2: options of a hello.
const PRIORITY: u64 = 19;
const ADDRESSES: u64 = 24;
const OPTIONS_MAX: usize = 32;
const ADDRESSES_MAX: usize = 16;
/// §4.9.1: an encoded unicast address of IPv4: family 1, encoding 0, four bytes.
const ENCODED_IPV4: usize = 6;

impl Dissector for Pim {
    type State = ();

    const ROW: Row = Row {
        name: "pim",
        revision: 1,
        spec: "RFC 7761",
        tells: "multicast routers, their other addresses",
        bindings: &[Binding::Ip(PROTOCOL)],
        shapes: &[],
        operations: &[
            ("hello", OperationClass::Session),
            ("register", OperationClass::Session),
            ("register_stop", OperationClass::Session),
            ("join_prune", OperationClass::Configure),
            ("bootstrap", OperationClass::Configure),
            ("assert", OperationClass::Session),
            ("graft", OperationClass::Session),
            ("graft_acknowledgment", OperationClass::Session),
            ("candidate_rp_advertisement", OperationClass::Configure),
        ],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[first, ..]) = head.first_chunk::<HEADER>() else { return Gate::NotMine };
        let options = || {
            let mut options = Elements::<2>::of(head.get(HEADER..).unwrap_or_default());
            options.by_ref().take(OPTIONS_MAX).count() > 0 && (options.rest().is_empty() || head.len() >= crate::engine::GATE_BYTES)
        };
        let mine = first >> 4 == VERSION && (first & 15 != 0 && first & 15 <= 8 && head.len() > 8 || first & 15 == 0 && options());
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let kind = head.first().map(|first| first & 15).unwrap_or_default();
        let look = if kind == 0 { Look::Once(hash(head.get(HEADER..).unwrap_or_default())) } else { Look::Never };
        Glance { operation: Some(kind.into()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if pdu.first().is_none_or(|first| first & 15 != 0) {
            return Ok(Next::Watch);
        }
        let (about, options) = (cx.sender_host(), pdu.get(HEADER..).unwrap_or_default());
        crate::never_routed::bind(cx);
        let version = pdu.get(..1).unwrap_or_default();
        let mut saying =
            cx.say(&about, Kind::Router).decoded(Field::ProtocolVersion, &observations::Value::Number(VERSION.into()), version, "high-half");
        for (kind, value) in Elements::<2>::of(options).take(OPTIONS_MAX) {
            saying = match kind {
                PRIORITY if value.len() == 4 => saying.number(Field::RedundancyPriority, number(value), value),
                ADDRESSES => value.chunks_exact(ENCODED_IPV4).take(ADDRESSES_MAX).fold(saying, |saying, encoded| match encoded {
                    &[1, 0, a, b, c, d] => saying.ip(Field::Ipv4Address, Ipv4Addr::new(a, b, c, d).into(), encoded.get(2..).unwrap_or_default()),
                    _ => saying,
                }),
                _ => saying,
            };
        }
        drop(saying);
        Ok(Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_ipv6};

    const HELLO: &[u8] = &[
        0x20, 0, 0, 0, // version and type, checksum
        0, 1, 0, 2, 0, 105, // hold time
        0, 19, 0, 4, 0, 0, 0, 7, // priority
        0, 24, 0, 6, 1, 0, 10, 1, 0, 1, // another address
    ];

    #[test]
    fn a_multicast_router_says_so() {
        let said = read_ipv6(&Pim, PROTOCOL, [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 1, HELLO);
        assert_eq!(field(&said, Kind::Router, Field::RedundancyPriority), ["7"]);
        assert_eq!(field(&said, Kind::Router, Field::Ipv4Address), ["10.1.0.1"]);
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &HELLO[..9], &[0x20, 0, 0]] {
            assert_eq!(gate(&Pim, stranger, 0), Gate::NotMine);
        }
    }
}
