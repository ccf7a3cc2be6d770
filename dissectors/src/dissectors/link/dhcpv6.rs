//! DHCPv6: a host's DUID, names and vendor class; the addresses it is given, and by whom.
//!
//! Spec: RFC 8415; options RFC 3646 (23, 24), 4649 (37), 4704 (39), 5970 (61, 62), 6939 (79).
//! Tells us: DUIDs with the enterprise number or MAC address in them, names, vendor classes; leases; servers, relays and client ports.
//! Does not tell: whether the card in a DUID is still in the host (RFC 8415 §11 calls it opaque); anything inside RFC 8415 §20 options.

use crate::context::{Context, Saying, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Side};
use crate::labels;
use crate::tlv::{Elements, decimal_list, number, text_or_bytes};
use nom::bytes::take;
use nom::{IResult, Parser};
use observations::{Field, Kind, Mac, OperationClass, Subject, Value};
use std::net::{IpAddr, Ipv6Addr};

pub(crate) struct Dhcpv6;

/// RFC 8415 §7.2.
const SERVER_PORT: u16 = 547;
/// RFC 8415 §8: message type and transaction.
const HEADER: usize = 4;
/// RFC 8415 §9: message type, hop count, link address, peer address.
const RELAY_HEADER: usize = 34;
/// RFC 8415 §7.6, HOP_COUNT_LIMIT: relays that a message can pass.
const RELAYS_MAX: usize = 8;
/// IANA's registry of options ends far below; a larger code is somebody else's bytes.
const OPTION_CODE_MAX: u64 = 1023;
/// Addresses, servers and domains that one message names; real ones have a few.
const NAMED_MAX: usize = 8;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RECONFIGURE: u8 = 10;
const INFORMATION_REQUEST: u8 = 11;
const RELAY_FORW: u8 = 12;
const RELAY_REPL: u8 = 13;

/// RFC 8415 §7.3: the index is the message type less one.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("solicit", OperationClass::Session),
    ("advertise", OperationClass::Session),
    ("request", OperationClass::Session),
    ("confirm", OperationClass::Session),
    ("renew", OperationClass::Session),
    ("rebind", OperationClass::Session),
    ("reply", OperationClass::Session),
    ("release", OperationClass::Session),
    ("decline", OperationClass::Session),
    ("reconfigure", OperationClass::Session),
    ("information-request", OperationClass::Session),
    ("relay-forw", OperationClass::Session),
    ("relay-repl", OperationClass::Session),
];

/// RFC 8415 §21 and those in the head of this file.
mod option {
    pub(super) const CLIENT_ID: u64 = 1;
    pub(super) const SERVER_ID: u64 = 2;
    pub(super) const IA_NA: u64 = 3;
    pub(super) const IA_TA: u64 = 4;
    pub(super) const IA_ADDRESS: u64 = 5;
    pub(super) const OPTION_REQUEST: u64 = 6;
    pub(super) const RELAY_MESSAGE: u64 = 9;
    pub(super) const AUTHENTICATION: u64 = 11;
    pub(super) const USER_CLASS: u64 = 15;
    pub(super) const VENDOR_CLASS: u64 = 16;
    pub(super) const INTERFACE_ID: u64 = 18;
    pub(super) const DNS_SERVERS: u64 = 23;
    pub(super) const DOMAIN_LIST: u64 = 24;
    pub(super) const REMOTE_ID: u64 = 37;
    pub(super) const FQDN: u64 = 39;
    pub(super) const CLIENT_ARCHITECTURE: u64 = 61;
    pub(super) const CLIENT_INTERFACE: u64 = 62;
    pub(super) const CLIENT_LINK_LAYER_ADDRESS: u64 = 79;
}

impl Dissector for Dhcpv6 {
    type State = ();

    const ROW: Row = Row {
        name: "dhcpv6",
        revision: 1,
        spec: "RFC 8415, RFC 3646, RFC 4649, RFC 4704, RFC 5970, RFC 6939",
        tells: "DUIDs, enterprise numbers, host names, vendor classes, leases, servers, relays, client ports",
        bindings: &[Binding::Udp(546), Binding::Udp(SERVER_PORT)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&kind) = head.first() else { return Gate::NotMine };
        if !(SOLICIT..=RELAY_REPL).contains(&kind) {
            return Gate::NotMine;
        }
        let Some(options) = head.get(header_length(kind)..).filter(|options| !options.is_empty()) else { return Gate::NotMine };
        let mut elements = Elements::<2>::of(options);
        let known = elements.by_ref().all(|(code, _)| (1..=OPTION_CODE_MAX).contains(&code));
        // What is left is an option that goes on behind the bytes shown, or one that the capture cut.
        let left = elements.rest();
        let begun = left.is_empty() || left.len() < 2 || left.get(..2).is_some_and(|code| (1..=OPTION_CODE_MAX).contains(&number(code)));
        let whole = left.len() < options.len() || head.len() >= crate::engine::GATE_BYTES;
        if known && begun && whole { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        if from_server(head.first().copied().unwrap_or(0)) { Side::Server } else { Side::Client }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = head.first().and_then(|kind| kind.checked_sub(1)).filter(|index| usize::from(*index) < OPERATIONS.len());
        Glance { operation: operation.map(u16::from), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let mut path = Path::default();
        let mut message = pdu;
        for _ in 0..=RELAYS_MAX {
            let (rest, kind) = kind(message)?;
            if !matches!(kind, RELAY_FORW | RELAY_REPL) {
                let (_, options) = take::<_, _, nom::error::Error<&[u8]>>(HEADER - 1).parse(rest).map(|(options, _)| ((), options))?;
                inner(kind, options, &path, cx);
                return ended(options);
            }
            let options;
            (options, path) = relay(rest)?;
            if kind == RELAY_FORW {
                relay_says(&path, options, cx);
            }
            message = find(options, option::RELAY_MESSAGE).ok_or(DissectError::Truncated { needed: 1 })?;
            path.client = find(options, option::CLIENT_LINK_LAYER_ADDRESS).and_then(link_layer_address);
        }
        Err(DissectError::Malformed { rule: "relays", offset: 0 })
    }
}

/// The innermost relay's header (RFC 8415 §9) and the client's card as it saw it (RFC 6939).
#[derive(Default)]
struct Path<'a> {
    link_address: &'a [u8],
    peer_address: &'a [u8],
    client: Option<Mac>,
}

const fn header_length(kind: u8) -> usize {
    if matches!(kind, RELAY_FORW | RELAY_REPL) { RELAY_HEADER } else { HEADER }
}

const fn from_server(kind: u8) -> bool {
    matches!(kind, ADVERTISE | REPLY | RECONFIGURE | RELAY_REPL)
}

fn kind(i: &[u8]) -> IResult<&[u8], u8> {
    nom::number::be_u8().parse(i)
}

fn relay(i: &[u8]) -> IResult<&[u8], Path<'_>> {
    let (i, _hops) = take(1usize).parse(i)?;
    let (i, (link_address, peer_address)) = (take(16usize), take(16usize)).parse(i)?;
    Ok((i, Path { link_address, peer_address, client: None }))
}

/// Whether the options were all there.
fn ended(options: &[u8]) -> Result<Next, DissectError> {
    let mut elements = Elements::<2>::of(options);
    let _count = elements.by_ref().count();
    if elements.rest().is_empty() { Ok(Next::Read) } else { Err(DissectError::Truncated { needed: 1 }) }
}

fn find(options: &[u8], code: u64) -> Option<&[u8]> {
    Elements::<2>::of(options).find(|element| element.0 == code).map(|element| element.1)
}

/// RFC 6939 §4: hardware type Ethernet, then the address.
fn link_layer_address(value: &[u8]) -> Option<Mac> {
    let octets = value.strip_prefix(&[0, 1])?;
    octets.try_into().ok().map(Mac).filter(|mac| mac.is_device())
}

fn address(slice: &[u8]) -> Option<(IpAddr, &[u8])> {
    let ip = Ipv6Addr::from(<[u8; 16]>::try_from(slice).ok()?);
    (!ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback()).then_some((ip.into(), slice))
}

/// What a relay says of the client's place: by the client's card, or by the address that it spoke from.
fn relay_says(path: &Path<'_>, options: &[u8], cx: &mut Context<'_>) {
    let inner = find(options, option::RELAY_MESSAGE);
    if inner.is_none_or(|inner| matches!(inner.first(), None | Some(&(RELAY_FORW | RELAY_REPL)))) {
        // A relay's own port at the next relay tells nothing of the client.
        return;
    }
    let relay = cx.sender_host();
    let role = Value::Text(b"relay".to_vec());
    let saying = cx.say(&relay, Kind::Service).decoded(Field::Role, &role, path.link_address, "dhcpv6-relay");
    drop(saying.maybe(address(path.link_address), |s, (ip, v)| s.ip(Field::RelayAddress, ip, v)));
    let card = find(options, option::CLIENT_LINK_LAYER_ADDRESS).and_then(link_layer_address);
    let Some(client) = relayed_client(card, path, cx) else { return };
    let saying = cx.say(&client, Kind::Presence).maybe(find(options, option::INTERFACE_ID), |s, v| s.bytes(Field::CircuitId, v));
    let saying = saying.maybe(find(options, option::REMOTE_ID), |s, v| s.bytes(Field::RemoteId, v));
    drop(saying.maybe(address(path.link_address), |s, (ip, v)| s.ip(Field::RelayAddress, ip, v)));
}

fn relayed_client(card: Option<Mac>, path: &Path<'_>, cx: &Context<'_>) -> Option<Subject> {
    let peer = address(path.peer_address).map(|(ip, _)| ip);
    match (card, peer) {
        (Some(mac), Some(ip)) => Some(cx.by_mac_and_ip(mac, ip)),
        (Some(mac), None) => Some(cx.by_mac(mac)),
        (None, ip) => ip.map(|ip| cx.by_ip(ip)),
    }
}

/// The client's or server's own message.
fn inner(kind: u8, options: &[u8], path: &Path<'_>, cx: &mut Context<'_>) {
    let direct = path.peer_address.is_empty();
    if from_server(kind) {
        let client = if direct { Some(cx.receiver_host()) } else { relayed_client(path.client, path, cx) };
        server_says(kind, direct, client, options, cx);
        return;
    }
    let client = if direct { Some(cx.sender_host()) } else { relayed_client(path.client, path, cx) };
    if let Some(client) = client {
        client_says(kind, &client, options, cx);
    }
}

fn client_says(kind: u8, client: &Subject, options: &[u8], cx: &mut Context<'_>) {
    let get = |code| find(options, code);
    drop(cx.say(client, Kind::Identity).maybe(get(option::CLIENT_ID), duid).maybe(get(option::FQDN), fqdn));

    let saying =
        cx.say(client, Kind::Client).maybe(options_of_client(options), |s, list| s.decoded(Field::DhcpOptions, &list, options, "option-codes"));
    let saying = saying.maybe(get(option::OPTION_REQUEST), |s, v| s.decoded(Field::DhcpParameterList, &pairs(v), v, "decimal-list"));
    let saying = saying.maybe(get(option::VENDOR_CLASS), vendor_class).maybe(get(option::USER_CLASS), user_class);
    let saying = saying.maybe(get(option::CLIENT_ARCHITECTURE).and_then(|v| v.get(..2)), |s, v| s.number(Field::ClientArchitecture, number(v), v));
    drop(saying.maybe(get(option::CLIENT_INTERFACE), |s, v| s.bytes(Field::ClientInterface, v)));

    // RFC 8415 §18.2.4, §18.2.5: only these are sent for addresses that the client holds; others name what it would like.
    if matches!(kind, RENEW | REBIND) {
        for (ip, slice, _) in addresses(options).take(NAMED_MAX) {
            let about = Subject { ip: Some(ip), ..client.host() };
            let saying = cx.say(&about, Kind::Binding).ip(Field::Ipv6Address, ip, slice);
            drop(saying.maybe(get(option::CLIENT_ID), |s, v| s.bytes(Field::Duid, v)));
        }
    } else if matches!(kind, SOLICIT | REQUEST | INFORMATION_REQUEST) {
        for (ip, slice, _) in addresses(options).take(NAMED_MAX) {
            cx.say(client, Kind::Request).ip(Field::Ipv6Address, ip, slice);
        }
    }
}

/// The options that a client sent, in order; none if one is cut or quoting them would show an authentication token.
fn options_of_client(options: &[u8]) -> Option<Value> {
    let mut elements = Elements::<2>::of(options);
    let codes: Vec<u64> = elements.by_ref().map(|element| element.0).collect();
    let whole = elements.rest().is_empty() && !codes.is_empty() && !codes.contains(&option::AUTHENTICATION);
    whole.then(|| decimal_list(codes.into_iter()))
}

fn pairs(value: &[u8]) -> Value {
    decimal_list(value.chunks_exact(2).map(number))
}

/// RFC 8415 §11. The MAC address is that of a card which the host had when it made the DUID.
fn duid<'s, 'a>(saying: Saying<'s, 'a>, duid: &[u8]) -> Saying<'s, 'a> {
    let saying = saying.bytes(Field::Duid, duid);
    let card = match duid {
        [0, 1, 0, 1, _, _, _, _, card @ ..] | [0, 3, 0, 1, card @ ..] => card,
        [0, 2, rest @ ..] => return saying.maybe(rest.get(..4), |s, v| s.number(Field::EnterpriseNumber, number(v), v)),
        [0, 4, uuid @ ..] if uuid.len() == 16 => return saying.bytes(Field::Uuid, uuid),
        _ => return saying,
    };
    let mac = <[u8; 6]>::try_from(card).ok().map(Mac).filter(|mac| mac.is_device());
    saying.maybe(mac, |s, mac| s.mac(Field::DuidMac, mac, card))
}

/// RFC 4704 §4: flags, then a name in DNS form, partial if the domain is not known.
fn fqdn<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    let name = value.get(1..).unwrap_or_default();
    match labels::name(name) {
        Some((text, _)) if text.contains(&b'.') => saying.decoded(Field::FullyQualifiedName, &Value::Text(text), name, "dns-name"),
        Some((text, _)) => saying.decoded(Field::Hostname, &Value::Text(text), name, "dns-name"),
        None => saying,
    }
}

/// RFC 8415 §21.16: enterprise number, then data with their length before them.
fn vendor_class<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    let Some((enterprise, data)) = value.split_at_checked(4) else { return saying };
    let saying = saying.number(Field::EnterpriseNumber, number(enterprise), enterprise);
    strings(data).fold(saying, |s, v| text_or_bytes(s, Field::Dhcpv6VendorClass, v))
}

/// RFC 8415 §21.15.
fn user_class<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    strings(value).fold(saying, |s, v| text_or_bytes(s, Field::DhcpUserClass, v))
}

/// Byte strings with two bytes of length before each.
fn strings(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    let next = move || {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (value, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = behind;
        Some(trim(value))
    };
    std::iter::from_fn(next).take(NAMED_MAX)
}

/// The addresses in a message's IA_NA and IA_TA options (RFC 8415 §21.4 to §21.6), with their valid lifetimes.
fn addresses(options: &[u8]) -> impl Iterator<Item = (IpAddr, &[u8], &[u8])> {
    let associations = Elements::<2>::of(options).filter_map(|(code, value)| match code {
        option::IA_NA => value.get(12..),
        option::IA_TA => value.get(4..),
        _ => None,
    });
    let inner = associations.flat_map(|association| Elements::<2>::of(association).filter(|element| element.0 == option::IA_ADDRESS));
    inner.filter_map(|(_, value)| {
        let (ip, slice) = address(value.get(..16)?)?;
        Some((ip, slice, value.get(20..24)?))
    })
}

fn server_says(kind: u8, direct: bool, client: Option<Subject>, options: &[u8], cx: &mut Context<'_>) {
    let get = |code| find(options, code);
    let server_id = get(option::SERVER_ID);
    if direct {
        // RFC 8415 §7.2 lets a server answer from any port; the service is at its own.
        let server = if cx.at().src_port == SERVER_PORT { cx.sender() } else { cx.sender_host() };
        let saying = cx.say(&server, Kind::Service).maybe(server_id, duid);
        let servers = get(option::DNS_SERVERS).unwrap_or_default().chunks_exact(16).take(NAMED_MAX).filter_map(address);
        let saying = servers.fold(saying, |s, (ip, v)| s.ip(Field::DnsServer, ip, v));
        let domain = get(option::DOMAIN_LIST).and_then(|v| Some((labels::name(v)?.0, v)));
        drop(saying.maybe(domain, |s, (text, v)| s.decoded(Field::DomainName, &Value::Text(text), v, "dns-name")));
    }
    if kind != REPLY {
        return;
    }
    for (ip, slice, valid) in addresses(options).take(NAMED_MAX).filter(|address| number(address.2) > 0) {
        let card = client.as_ref().and_then(|client| client.mac);
        let about = card.map_or_else(|| cx.by_ip(ip), |mac| cx.by_mac_and_ip(mac, ip));
        let saying = cx.say(&about, Kind::Lease).maybe(get(option::CLIENT_ID), |s, v| s.bytes(Field::Duid, v));
        drop(saying.ip(Field::Ipv6Address, ip, slice));
        // By itself: some servers tell the time that is left, which is another each time.
        drop(cx.say(&about, Kind::State).number(Field::LeaseTime, number(valid), valid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::{Observation, Transport};

    const SOLICITATION: &[u8] = &[
        SOLICIT, 0x10, 0x08, 0x74, // transaction
        0, 1, 0, 14, 0, 1, 0, 1, 0x1c, 0x39, 0xcf, 0x88, 0x08, 0, 0x27, 0xfe, 0x8f, 0x95, // client id: DUID-LLT
        0, 16, 0, 14, 0, 0, 0x01, 0x37, 0, 8, b'M', b'S', b'F', b'T', b' ', b'5', b'.', b'0', // vendor class, enterprise 311
        0, 39, 0, 6, 0, 4, b'h', b'm', b'i', b'1', // FQDN, partial
        0, 6, 0, 4, 0, 23, 0, 24, // option request
    ];

    /// A reply that gives 2001:db8::1:9 for an hour.
    const REPLIED: &[u8] = &[
        REPLY, 0x10, 0x08, 0x74, // transaction
        0, 1, 0, 10, 0, 3, 0, 1, 0, 0, 0, 0, 1, 1, // client id: DUID-LL
        0, 2, 0, 10, 0, 2, 0, 0, 0xab, 0x11, 1, 2, 3, 4, // server id: DUID-EN 43793
        0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, // IA_NA
        0, 5, 0, 24, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9, // address
        0, 0, 7, 8, 0, 0, 14, 16, // lifetimes
    ];

    #[test]
    fn a_client_says_its_duid_name_and_vendor_class_of_itself() {
        let said = payload(&Dhcpv6, Transport::Udp, 50546, 547, SOLICITATION);
        assert_eq!(field(&said, Kind::Identity, Field::DuidMac), ["08:00:27:fe:8f:95"]);
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["hmi1"]);
        assert_eq!(field(&said, Kind::Client, Field::Dhcpv6VendorClass), ["MSFT 5.0"]);
        assert_eq!(field(&said, Kind::Client, Field::EnterpriseNumber), ["311"]);
        assert_eq!(field(&said, Kind::Client, Field::DhcpParameterList), ["23,24"]);
        assert_eq!(field(&said, Kind::Client, Field::DhcpOptions), ["1,16,39,6"]);
        assert!(said.iter().all(Observation::of_itself));
    }

    #[test]
    fn a_relayed_message_is_about_the_client_and_said_by_the_relay() {
        let mut relayed = vec![RELAY_FORW, 0];
        relayed.extend([0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]); // link address
        relayed.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0x27, 0xff, 0xfe, 0xfe, 0x8f, 0x95]); // peer address
        relayed.extend([0, 18, 0, 3, b'g', b'e', b'1']); // interface id
        relayed.extend([0, 79, 0, 8, 0, 1, 0x08, 0, 0x27, 0xfe, 0x8f, 0x95]); // client link-layer address
        relayed.extend([0, 9, 0, u8::try_from(SOLICITATION.len()).unwrap()]);
        relayed.extend(SOLICITATION);
        let said = payload(&Dhcpv6, Transport::Udp, 50547, 547, &relayed);
        let identity = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert_eq!(identity.about.mac, Some(Mac([8, 0, 0x27, 0xfe, 0x8f, 0x95])));
        assert!(!identity.of_itself());
        assert_eq!(field(&said, Kind::Presence, Field::CircuitId), ["676531"]);
        assert_eq!(field(&said, Kind::Service, Field::RelayAddress), ["2001:db8:1::1"]);
    }

    #[test]
    fn relays_within_relays_end() {
        let mut nested = SOLICITATION.to_vec();
        for _ in 0..RELAYS_MAX + 3 {
            let mut outer = vec![RELAY_FORW, 0];
            outer.extend([0xfe; 32]);
            outer.extend([0, 9]);
            outer.extend(u16::try_from(nested.len()).unwrap().to_be_bytes());
            outer.extend(&nested);
            nested = outer;
        }
        assert!(field(&payload(&Dhcpv6, Transport::Udp, 50547, 547, &nested), Kind::Identity, Field::Duid).is_empty());
    }

    #[test]
    fn a_reply_is_a_lease_and_shows_a_server() {
        let said = payload(&Dhcpv6, Transport::Udp, 547, 50546, REPLIED);
        assert_eq!(field(&said, Kind::Lease, Field::Ipv6Address), ["2001:db8::1:9"]);
        assert_eq!(field(&said, Kind::State, Field::LeaseTime), ["3600"]);
        assert_eq!(field(&said, Kind::Service, Field::EnterpriseNumber), ["43793"]);
    }

    #[test]
    fn a_cut_option_keeps_the_ones_before() {
        let said = payload(&Dhcpv6, Transport::Udp, 50546, 547, &SOLICITATION[..30]);
        assert_eq!(field(&said, Kind::Identity, Field::DuidMac), ["08:00:27:fe:8f:95"]);
        assert!(field(&said, Kind::Client, Field::Dhcpv6VendorClass).is_empty());
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&[0u8; 40][..], b"GET / HTTP/1.1\r\n\r\n", &[1; 40], &[1, 0, 0, 0], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]] {
            assert_eq!(gate(&Dhcpv6, stranger, 547), Gate::NotMine);
        }
    }
}
