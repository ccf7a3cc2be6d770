//! ICMPv6: which MAC address an IPv6 address is at, and which hosts are routers (neighbor discovery).
//!
//! Spec: RFC 4443; neighbor discovery RFC 4861, RFC 8106 (DNS servers); multicast listeners RFC 2710, RFC 3810.
//! Tells us: MAC and IPv6 address together; routers with their prefixes and DNS servers; whom a host asks for; multicast groups.
//! Does not tell: whether the sender is honest (SEND is in use nowhere). Redirects and error messages are counted, not read.

use super::mld;
use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::frame::Net;
use crate::labels;
use crate::tlv::{hash, number};
use nom::bytes::take;
use nom::{IResult, Parser};
use observations::{Field, Kind, Mac, OperationClass, Value};
use std::net::{IpAddr, Ipv6Addr};

pub(crate) struct Icmpv6;

/// RFC 4443 §2.1: type, code, checksum.
const HEADER: usize = 4;
/// RFC 4861 §4.1 to §4.5.
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;
/// RFC 4861 §6.1 and §7.1: a message that passed a router has less and is not believed.
const HOP_LIMIT: u8 = 255;

/// RFC 4861 §4.6 and RFC 8106 §5.
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const PREFIX_INFORMATION: u8 = 3;
const DNS_SERVERS: u8 = 25;
const DNS_SEARCH_LIST: u8 = 31;
/// Options of one message; an advertisement has a handful.
const OPTIONS_MAX: usize = 32;

/// RFC 4443, RFC 4861, RFC 2710, RFC 3810: the index is that of [`OPERATIONS`].
const TYPES: &[u8] = &[1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 143];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("destination_unreachable", OperationClass::Diagnose),
    ("packet_too_big", OperationClass::Diagnose),
    ("time_exceeded", OperationClass::Diagnose),
    ("parameter_problem", OperationClass::Diagnose),
    ("echo_request", OperationClass::Diagnose),
    ("echo_reply", OperationClass::Diagnose),
    ("multicast_listener_query", OperationClass::Session),
    ("multicast_listener_report", OperationClass::Session),
    ("multicast_listener_done", OperationClass::Session),
    ("router_solicitation", OperationClass::Session),
    ("router_advertisement", OperationClass::Session),
    ("neighbor_solicitation", OperationClass::Session),
    ("neighbor_advertisement", OperationClass::Session),
    ("redirect", OperationClass::Session),
    ("multicast_listener_report_v2", OperationClass::Session),
];

impl Dissector for Icmpv6 {
    type State = ();

    const ROW: Row = Row {
        name: "icmpv6",
        revision: 2,
        spec: "RFC 4443, RFC 4861, RFC 8106, RFC 3810",
        tells: "MAC and IPv6 address together; routers, prefixes and DNS servers; whom a host asks for; multicast groups and their querier",
        bindings: &[Binding::Ip(58)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let known = head.first().is_some_and(|kind| TYPES.contains(kind));
        if known && head.len() >= HEADER { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(&kind) = head.first() else { return Glance::SKIP };
        let operation = TYPES.iter().position(|known| *known == kind).and_then(|index| u16::try_from(index).ok());
        let look = match kind {
            ROUTER_SOLICITATION..=REDIRECT => Look::Always,
            mld::QUERY | mld::REPORT | mld::REPORT_V2 => Look::Once(hash(head)),
            _ => Look::Never,
        };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let [kind, code, ..] = pdu else { return Err(DissectError::Truncated { needed: HEADER }) };
        if matches!(*kind, mld::QUERY | mld::REPORT | mld::REPORT_V2) {
            if cx.frame().net != Net::V6 || cx.frame().ttl != mld::HOP_LIMIT {
                return Err(DissectError::Malformed { rule: "hop limit", offset: 0 });
            }
            return mld::read(*kind, pdu, cx);
        }
        if !(ROUTER_SOLICITATION..REDIRECT).contains(kind) {
            return Ok(Next::Read);
        }
        if cx.frame().net != Net::V6 || cx.frame().ttl != HOP_LIMIT {
            return Err(DissectError::Malformed { rule: "hop limit", offset: 0 });
        }
        if *code != 0 {
            return Err(DissectError::Malformed { rule: "code", offset: 1 });
        }
        let body = pdu.get(HEADER..).unwrap_or_default();
        match *kind {
            ROUTER_SOLICITATION => router_solicitation(body, cx),
            ROUTER_ADVERTISEMENT => router_advertisement(body, cx),
            NEIGHBOR_SOLICITATION => neighbor_solicitation(body, cx),
            NEIGHBOR_ADVERTISEMENT => neighbor_advertisement(body, cx),
            _ => Ok(Next::Read),
        }
    }
}

/// §4.1: reserved, options.
fn router_solicitation(i: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
    let (options, _reserved) = take::<_, _, nom::error::Error<&[u8]>>(4usize).parse(i)?;
    bind_source(options, cx);
    ended(options)
}

/// §4.2: hop limit, flags, router lifetime, reachable time, retransmission timer, options.
fn router_advertisement(i: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
    let (options, (_hop_limit, flags, lifetime)) = advertisement(i)?;
    bind_source(options, cx);
    // §6.2.3: a lifetime of 0 says that this is no default router.
    if number(lifetime) > 0 {
        let about = cx.sender_host();
        let saying = cx.say(&about, Kind::Router).number(Field::Flags, number(flags), flags);
        drop(Options::of(options).fold(saying, network));
    }
    ended(options)
}

type Advertisement<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn advertisement(i: &[u8]) -> IResult<&[u8], Advertisement<'_>> {
    let (i, fields) = (take(1usize), take(1usize), take(2usize)).parse(i)?;
    let (i, _timers) = take(8usize).parse(i)?;
    Ok((i, fields))
}

/// Prefixes (§4.6.2), DNS servers and search list (RFC 8106 §5); those with a lifetime of 0 are withdrawn.
fn network<'s, 'a>(saying: Saying<'s, 'a>, (kind, value): (u8, &[u8])) -> Saying<'s, 'a> {
    match kind {
        PREFIX_INFORMATION => {
            let (Some(length), Some(valid), Some(prefix)) = (value.get(..1), value.get(2..6), value.get(14..30)) else { return saying };
            match address(prefix).filter(|_| number(valid) > 0) {
                Some(ip) => saying.ip(Field::Prefix, ip, prefix).number(Field::PrefixLength, number(length), length),
                None => saying,
            }
        }
        DNS_SERVERS if value.get(2..6).is_some_and(|lifetime| number(lifetime) > 0) => {
            let servers = value.get(6..).unwrap_or_default().chunks_exact(16);
            servers.take(OPTIONS_MAX / 4).fold(saying, |s, v| s.maybe(address(v), |s, ip| s.ip(Field::DnsServer, ip, v)))
        }
        DNS_SEARCH_LIST if value.get(2..6).is_some_and(|lifetime| number(lifetime) > 0) => {
            let names = value.get(6..).unwrap_or_default();
            saying.maybe(labels::name(names), |s, (text, _)| s.decoded(Field::DomainName, &Value::Text(text), names, "dns-name"))
        }
        _ => saying,
    }
}

/// §4.3: reserved, target, options.
fn neighbor_solicitation(i: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
    let (options, (_reserved, target)) = (take::<_, _, nom::error::Error<&[u8]>>(4usize), take(16usize)).parse(i)?;
    bind_source(options, cx);
    // From the unspecified address it asks whether the target is free (RFC 4862 §5.4.2): it binds nothing and asks for nobody.
    if let (Some(source), Some(asked)) = (source(cx), address(target))
        && asked != source
    {
        let about = cx.by_ip(asked);
        cx.say(&about, Kind::Request).ip(Field::Ipv6Address, asked, target);
    }
    ended(options)
}

/// §4.4: flags, target, options.
fn neighbor_advertisement(i: &[u8], cx: &mut Context<'_>) -> Result<Next, DissectError> {
    const ROUTER: u8 = 0x80;
    let (options, (flags, _reserved, target)) = (take::<_, _, nom::error::Error<&[u8]>>(1usize), take(3usize), take(16usize)).parse(i)?;
    let Some(ip) = address(target) else { return Err(DissectError::Malformed { rule: "target", offset: 8 }) };
    if let Some((mac, slice)) = link_layer(options, TARGET_LINK_LAYER) {
        let about = cx.by_mac_and_ip(mac, ip);
        cx.say(&about, Kind::Binding).mac(Field::MacAddress, mac, slice).ip(Field::Ipv6Address, ip, target);
    }
    if flags.first().is_some_and(|flags| flags & ROUTER != 0) {
        let about = cx.by_ip(ip);
        cx.say(&about, Kind::Router).decoded(Field::Role, &Value::Text(b"router".to_vec()), flags, "router-flag");
    }
    ended(options)
}

/// The source link-layer address belongs to the packet's source (§4.1 to §4.3).
fn bind_source(options: &[u8], cx: &mut Context<'_>) {
    let Some((mac, slice)) = link_layer(options, SOURCE_LINK_LAYER) else { return };
    let Some(ip) = source(cx) else { return };
    /// RFC 8200 §3: where the source address stands in the header.
    const SOURCE: u32 = 8;
    let at = cx.frame().net_offset.saturating_add(SOURCE);
    let about = cx.by_mac_and_ip(mac, ip);
    cx.say(&about, Kind::Binding).mac(Field::MacAddress, mac, slice).in_frame(Field::Ipv6Address, &Value::Ip(ip), at, 16);
}

fn source(cx: &Context<'_>) -> Option<IpAddr> {
    address(&cx.frame().src)
}

fn address(slice: &[u8]) -> Option<IpAddr> {
    let ip = Ipv6Addr::from(<[u8; 16]>::try_from(slice).ok()?);
    (!ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback()).then_some(ip.into())
}

/// The first link-layer address option of a kind, if it holds an Ethernet card's (§4.6.1).
fn link_layer(options: &[u8], kind: u8) -> Option<(Mac, &[u8])> {
    let slice = Options::of(options).find(|option| option.0 == kind)?.1;
    let mac = <[u8; 6]>::try_from(slice).ok().map(Mac).filter(|mac| mac.is_device())?;
    Some((mac, slice))
}

/// Type, length in units of eight bytes that counts both, value (§4.6); ends at the first that is cut or has no length.
struct Options<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Options<'a> {
    const fn of(rest: &'a [u8]) -> Self {
        Self { rest, left: OPTIONS_MAX }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let [kind, units, ..] = self.rest else { return None };
        let (option, behind) = self.rest.split_at_checked(usize::from(*units) * 8)?;
        self.rest = behind;
        Some((*kind, option.get(2..)?))
    }
}

/// Whether the options were all there: one of length 0 makes the message void (§4.6).
fn ended(options: &[u8]) -> Result<Next, DissectError> {
    let mut walk = Options::of(options);
    let _count = walk.by_ref().count();
    match walk.rest {
        [] => Ok(Next::Read),
        [_, 0, ..] => Err(DissectError::Malformed { rule: "option length", offset: HEADER }),
        _ => Err(DissectError::Truncated { needed: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, read_ipv6};

    const HOST: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x8e, 0x8d, 0x28, 0xff, 0xfe, 0x0a, 0, 0x40];
    const CARD: &[u8] = &[0x8c, 0x8d, 0x28, 0x0a, 0, 0x40];
    const TARGET: &[u8] = &[0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20];

    fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        parts.iter().for_each(|part| bytes.extend(*part));
        bytes
    }

    fn solicitation() -> Vec<u8> {
        message(NEIGHBOR_SOLICITATION, &[&[0; 4], TARGET, &[SOURCE_LINK_LAYER, 1], CARD])
    }

    #[test]
    fn a_solicitation_binds_its_sender_and_names_whom_it_asks_for() {
        let said = read_ipv6(&Icmpv6, 58, HOST, 255, &solicitation());
        assert_eq!(field(&said, Kind::Binding, Field::MacAddress), ["8c:8d:28:0a:00:40"]);
        assert!(field(&said, Kind::Binding, Field::Ipv6Address).contains(&"fe80::8e8d:28ff:fe0a:40".to_owned()));
        assert_eq!(field(&said, Kind::Request, Field::Ipv6Address), ["fd00:77::20"]);
    }

    #[test]
    fn duplicate_address_detection_binds_nothing() {
        let said = read_ipv6(&Icmpv6, 58, [0; 16], 255, &solicitation());
        assert!(said.iter().all(|said| said.protocol != "icmpv6"));
    }

    #[test]
    fn what_passed_a_router_is_not_believed() {
        let said = read_ipv6(&Icmpv6, 58, HOST, 254, &solicitation());
        assert!(said.iter().all(|said| said.protocol != "icmpv6"));
    }

    #[test]
    fn an_advertisement_binds_its_target() {
        let advertisement = message(NEIGHBOR_ADVERTISEMENT, &[&[0xe0, 0, 0, 0], TARGET, &[TARGET_LINK_LAYER, 1], CARD]);
        let said = read_ipv6(&Icmpv6, 58, HOST, 255, &advertisement);
        assert_eq!(field(&said, Kind::Router, Field::Role), ["router"]);
        let binding = said.iter().find(|said| said.kind == Kind::Binding && said.protocol == "icmpv6").unwrap();
        assert_eq!(binding.about.ip.map(|ip| ip.to_string()).as_deref(), Some("fd00:77::20"));
    }

    #[test]
    fn a_router_tells_its_prefix_and_dns_server_and_one_without_lifetime_is_none() {
        let prefix = [&[PREFIX_INFORMATION, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0][..], &TARGET[..8], &[0; 8]].concat();
        let servers = [&[DNS_SERVERS, 3, 0, 0, 0, 0, 4, 0xb0][..], TARGET].concat();
        let mut router = message(ROUTER_ADVERTISEMENT, &[&[64, 0xc0, 7, 8], &[0; 8], &prefix, &servers]);
        let said = read_ipv6(&Icmpv6, 58, HOST, 255, &router);
        assert_eq!(field(&said, Kind::Router, Field::Prefix), ["fd00:77::"]);
        assert_eq!(field(&said, Kind::Router, Field::PrefixLength), ["64"]);
        assert_eq!(field(&said, Kind::Router, Field::DnsServer), ["fd00:77::20"]);
        router[6..8].fill(0);
        assert!(field(&read_ipv6(&Icmpv6, 58, HOST, 255, &router), Kind::Router, Field::Prefix).is_empty());
    }

    #[test]
    fn an_option_without_length_ends_the_reading() {
        let mut bytes = solicitation();
        bytes.extend([9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(field(&read_ipv6(&Icmpv6, 58, HOST, 255, &bytes), Kind::Binding, Field::MacAddress), ["8c:8d:28:0a:00:40"]);
    }

    #[test]
    fn strangers_are_refused_and_every_type_has_its_name() {
        for stranger in [&[0u8; 40][..], b"GET / HTTP/1.1\r\n", &[135, 0]] {
            assert_eq!(gate(&Icmpv6, stranger, 0), Gate::NotMine);
        }
        assert_eq!(TYPES.len(), OPERATIONS.len());
    }
}
