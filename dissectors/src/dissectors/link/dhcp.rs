//! DHCP: a host's name, client id, vendor class and option lists; the address it is given, and by whom.
//!
//! Spec: RFC 2131, RFC 2132; options RFC 3004 (77), 3046 (82), 3396 (split), 3925 (124, 125), 4361 (61), 4388 (lease query), 4578 (93, 94, 97), 4702 (81); TR-069 annex F.
//! Tells us: the client by its MAC address, names, identifiers, stack; leases; servers and relays; the port behind option 82.
//! Does not tell: whether a server is meant to be one; who wrote what a relay passes on. Split options (RFC 3396) and option 43, whose
//! form only its vendor knows, are left unread.

use crate::context::{Context, Saying, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::frame::Net;
use crate::labels;
use crate::tlv::{Elements, decimal_list, number, text_or_bytes};
use nom::bytes::take;
use nom::number::be_u8;
use nom::{IResult, Parser};
use observations::{Endpoint, Field, Kind, Mac, OperationClass, Subject, Transport, Value};
use options::{Options, address, option};
use std::net::{IpAddr, Ipv4Addr};

mod options;

pub(crate) struct Dhcp;

/// RFC 2131 §2, figure 1: bytes before the options, the cookie included.
const HEADER: usize = 240;
/// RFC 2131 §3.
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
const BOOTREQUEST: u8 = 1;
const BOOTREPLY: u8 = 2;
/// RFC 1700, hardware types: Ethernet.
const ETHERNET: (u8, u8) = (1, 6);
/// RFC 1542 §4.1.1: a relay drops what has passed more.
const HOPS_MAX: u8 = 16;
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

/// RFC 2132 §9.6, RFC 3203, RFC 4388: the index is that of [`OPERATIONS`].
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const ACK: u8 = 5;
const NAK: u8 = 6;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;
const LEASE_ACTIVE: u8 = 13;

const OPERATIONS: &[(&str, OperationClass)] = &[
    ("bootp", OperationClass::Session),
    ("discover", OperationClass::Session),
    ("offer", OperationClass::Session),
    ("request", OperationClass::Session),
    ("decline", OperationClass::Session),
    ("ack", OperationClass::Session),
    ("nak", OperationClass::Session),
    ("release", OperationClass::Session),
    ("inform", OperationClass::Session),
    ("forcerenew", OperationClass::Session),
    ("leasequery", OperationClass::Session),
    ("leaseunassigned", OperationClass::Session),
    ("leaseunknown", OperationClass::Session),
    ("leaseactive", OperationClass::Session),
];

/// User classes of one client; one is the rule.
const USER_CLASSES_MAX: usize = 4;
/// Routers and DNS servers that one message names; configurations have two or three.
const SERVERS_MAX: usize = 8;

impl Dissector for Dhcp {
    type State = ();

    const ROW: Row = Row {
        name: "dhcp",
        revision: 1,
        spec: "RFC 2131, RFC 2132, RFC 3046, RFC 3396, RFC 3925, RFC 4361, RFC 4578, RFC 4702",
        tells: "host names, client ids, vendor classes, option lists, leases, servers, relays, switch ports",
        bindings: &[Binding::Udp(SERVER_PORT), Binding::Udp(CLIENT_PORT)],
        shapes: &[Shape { over: Transport::Udp, bytes: &[(0, 0xfc, 0), (1, 0xff, ETHERNET.0), (2, 0xff, ETHERNET.1)], min: HEADER, max: 1500 }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(&[op, hardware, length, hops]) = head.first_chunk::<4>() else { return Gate::NotMine };
        let cookie = head.get(HEADER - 4..HEADER) == Some(&COOKIE);
        let fits = matches!(op, BOOTREQUEST | BOOTREPLY) && hardware != 0 && length <= 16 && hops <= HOPS_MAX;
        if fits && cookie { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        if head.first() == Some(&BOOTREPLY) { Side::Server } else { Side::Client }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        // The message type comes first wherever a client follows custom; where it does not, reading still finds it.
        let kind = match head.get(HEADER..HEADER + 3) {
            Some([option::MESSAGE_TYPE, 1, kind]) => *kind,
            _ => Options::of(head).number(option::MESSAGE_TYPE).unwrap_or(0),
        };
        let operation = u16::from(kind);
        Glance { operation: Some(operation).filter(|index| usize::from(*index) < OPERATIONS.len()), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, message) = message(pdu)?;
        let options = Options::of(pdu);
        let kind = options.number(option::MESSAGE_TYPE);
        let client = message.mac.map(|mac| cx.by_mac(mac));
        match (message.op, kind) {
            (BOOTREQUEST, None | Some(DISCOVER | REQUEST | DECLINE | RELEASE | INFORM)) => {
                relay(&message, cx);
                if let Some(client) = client.clone().or_else(|| direct_sender(&message, cx)) {
                    client_says(&client, &message, &options, cx);
                }
            }
            (BOOTREPLY, None | Some(OFFER | ACK | NAK | LEASE_ACTIVE)) => server_says(kind, &message, &options, cx),
            _ => {}
        }
        if let (Some(client), Some(information)) = (client, options.get(option::RELAY_INFORMATION)) {
            relay_information(&client, &message, information, cx);
        }
        options.broken.map_or(Ok(Next::Read), Err)
    }
}

/// RFC 2131 §2, figure 1.
struct Message<'a> {
    op_byte: &'a [u8],
    op: u8,
    client_address: &'a [u8],
    your_address: &'a [u8],
    relay_address: &'a [u8],
    hardware_address: &'a [u8],
    /// The hardware address, if it is an Ethernet card's.
    mac: Option<Mac>,
}

fn message(i: &[u8]) -> IResult<&[u8], Message<'_>> {
    let (_, op_byte) = take(1usize).parse(i)?;
    let (i, (op, hardware, length, _hops)) = (be_u8(), be_u8(), be_u8(), be_u8()).parse(i)?;
    let (i, _transaction_seconds_flags) = take(8usize).parse(i)?;
    let (i, (client_address, your_address)) = (take(4usize), take(4usize)).parse(i)?;
    let (i, (_next_server, relay_address)) = (take(4usize), take(4usize)).parse(i)?;
    let (i, (hardware_address, _padding)) = (take(6usize), take(10usize)).parse(i)?;
    let mac = hardware_address.first_chunk().map(|octets| Mac(*octets)).filter(|mac| (hardware, length) == ETHERNET && mac.is_device());
    Ok((i, Message { op_byte, op, client_address, your_address, relay_address, hardware_address, mac }))
}

/// Whether the frame itself comes from this address.
fn is_from(cx: &Context<'_>, ip: &[u8]) -> bool {
    cx.frame().net == Net::V4 && cx.frame().src.starts_with(ip)
}

/// A client whose hardware is no Ethernet card is its frame's sender, unless a relay speaks.
fn direct_sender(message: &Message<'_>, cx: &Context<'_>) -> Option<Subject> {
    (address(message.relay_address).is_none()).then(|| Subject { ip: None, ..cx.sender_host() })
}

/// What a client says of itself, or a relay of it.
fn client_says(client: &Subject, message: &Message<'_>, options: &Options<'_>, cx: &mut Context<'_>) {
    let kind = options.get(option::MESSAGE_TYPE);
    let saying = cx.say(client, Kind::Identity).maybe(message.mac, |s, mac| s.mac(Field::MacAddress, mac, message.hardware_address));
    let saying = names(saying, options);
    let saying = saying.maybe(options.get(option::CLIENT_ID), client_id).maybe(options.get(option::CLIENT_UUID), client_uuid);
    let saying = saying.maybe(options.get(option::VENDOR_CLASS), |s, v| text_or_bytes(s, Field::DhcpVendorClass, v));
    let saying = saying.maybe(options.get(option::USER_CLASS), user_class);
    let saying = saying.maybe(options.get(option::VENDOR_IDENTIFYING_CLASS), vendor_identifying_class);
    drop(saying.maybe(options.get(option::VENDOR_IDENTIFYING), vendor_identifying));

    let saying = cx.say(client, Kind::Client).maybe(kind, |s, v| s.number(Field::MessageType, number(v), v));
    let saying = saying.maybe(options.get(option::PARAMETER_LIST), |s, v| {
        s.decoded(Field::DhcpParameterList, &decimal_list(v.iter().copied().map(u64::from)), v, "decimal-list")
    });
    let saying = saying.maybe(options.get(option::VENDOR_CLASS), |s, v| text_or_bytes(s, Field::DhcpVendorClass, v));
    let saying = saying.maybe(options.get(option::MAX_SIZE), |s, v| s.number(Field::DhcpMaxSize, number(v), v));
    let saying = saying.maybe(options.get(option::CLIENT_ARCHITECTURE), |s, v| s.number(Field::ClientArchitecture, number(v), v));
    let saying = saying.maybe(options.get(option::CLIENT_INTERFACE), |s, v| s.bytes(Field::ClientInterface, v));
    drop(saying.maybe(options.order(), |s, codes| s.decoded(Field::DhcpOptions, &decimal_list(codes), options.area, "option-codes")));

    let saying = cx.say(client, Kind::Request).maybe(options.address(option::REQUESTED_ADDRESS), |s, (ip, v)| s.ip(Field::Ipv4Address, ip, v));
    drop(saying.maybe(options.address(option::SERVER_ID), |s, (ip, v)| s.ip(Field::ServerId, ip, v)));
    // RFC 2131 §4.4.1: `ciaddr` is set only by who holds that address; who releases it holds it no more.
    let holds = matches!(kind, Some([REQUEST | INFORM]));
    if let (true, Some((ip, slice)), Some(mac)) = (holds, address(message.client_address), message.mac) {
        bind(mac, ip, (message.hardware_address, slice), cx);
    }
}

fn bind(mac: Mac, ip: IpAddr, (mac_slice, ip_slice): (&[u8], &[u8]), cx: &mut Context<'_>) {
    let about = cx.by_mac_and_ip(mac, ip);
    cx.say(&about, Kind::Binding).mac(Field::MacAddress, mac, mac_slice).ip(Field::Ipv4Address, ip, ip_slice);
}

/// Options 12 and 81.
fn names<'s, 'a>(saying: Saying<'s, 'a>, options: &Options<'_>) -> Saying<'s, 'a> {
    let saying = saying.maybe(options.get(option::HOST_NAME), |s, v| s.trimmed(Field::Hostname, v));
    saying.maybe(options.get(option::FQDN), fqdn)
}

/// RFC 4702 §2: flags, two obsolete codes, then the name, in DNS form if the E bit is set.
fn fqdn<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    const E: u8 = 4;
    let [flags, _, _, name @ ..] = value else { return saying };
    let field = |name: &[u8]| if name.contains(&b'.') { Field::FullyQualifiedName } else { Field::Hostname };
    if flags & E != 0 {
        return match labels::name(name) {
            Some((text, _)) => saying.decoded(field(&text), &Value::Text(text), name, "dns-name"),
            None => saying,
        };
    }
    let name = trim(name);
    let name = name.strip_suffix(b".").unwrap_or(name);
    saying.text(field(name), name)
}

/// RFC 4361 §6.1: type 255 is an IAID and a DUID.
fn client_id<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    let saying = saying.bytes(Field::DhcpClientId, value);
    match value {
        [0xff, _, _, _, _, duid @ ..] if duid.len() > 2 => saying.bytes(Field::Duid, duid),
        _ => saying,
    }
}

/// RFC 4578 §2.3: type 0, then the UUID; firmware that has none sends zeros or ones.
fn client_uuid<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    match value {
        [0, uuid @ ..] if uuid.len() == 16 && !uuid.iter().all(|b| *b == 0) && !uuid.iter().all(|b| *b == 0xff) => saying.bytes(Field::Uuid, uuid),
        _ => saying,
    }
}

/// RFC 3004 §4: instances with their length before them; many clients send bare text instead.
fn user_class<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    let mut rest = value;
    let mut instances = Vec::new();
    while let Some((instance, behind)) = rest.split_first().and_then(|(length, behind)| behind.split_at_checked(usize::from(*length))) {
        instances.push(instance);
        rest = behind;
    }
    let bare = !rest.is_empty() || instances.iter().any(|instance| instance.is_empty());
    let instances = if bare { vec![value] } else { instances };
    instances.into_iter().take(USER_CLASSES_MAX).fold(saying, |s, v| text_or_bytes(s, Field::DhcpUserClass, v))
}

/// RFC 3925 §3: enterprise number, length, data. The first enterprise's is read.
fn vendor_identifying_class<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    let Some((enterprise, data)) = enterprise(value) else { return saying };
    let saying = saying.number(Field::EnterpriseNumber, number(enterprise), enterprise);
    match data.split_first() {
        // RFC 3925 leaves the data's form open; some clients put RFC 8415's inner lengths there, of one byte.
        Some((length, text)) if usize::from(*length) == text.len() => text_or_bytes(saying, Field::DhcpVendorClass, text),
        _ => text_or_bytes(saying, Field::DhcpVendorClass, data),
    }
}

/// RFC 3925 §4: enterprise number, length, options. TR-069's (annex F.2.5, table 42) name a gateway's OUI, serial number and product class.
fn vendor_identifying<'s, 'a>(saying: Saying<'s, 'a>, value: &[u8]) -> Saying<'s, 'a> {
    const BROADBAND_FORUM: u64 = 3561;
    let Some((enterprise, data)) = enterprise(value) else { return saying };
    if number(enterprise) != BROADBAND_FORUM {
        return saying;
    }
    Elements::<1>::of(data).fold(saying, |saying, (code, value)| match code {
        1 | 4 => saying.trimmed(Field::VendorOui, value),
        2 | 5 => saying.trimmed(Field::SerialNumber, value),
        3 | 6 => saying.trimmed(Field::ProductName, value),
        _ => saying,
    })
}

/// An enterprise number and the data of the length behind it.
fn enterprise(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (enterprise, rest) = value.split_at_checked(4)?;
    let (length, rest) = rest.split_first()?;
    Some((enterprise, rest.get(..usize::from(*length))?))
}

/// Option 82 (RFC 3046 §2): the port at which a relay or an access switch has the client.
fn relay_information(client: &Subject, message: &Message<'_>, information: &[u8], cx: &mut Context<'_>) {
    let saying = cx.say(client, Kind::Presence);
    let saying = Elements::<1>::of(information).fold(saying, |saying, (code, value)| match code {
        1 => saying.bytes(Field::CircuitId, value),
        2 => saying.bytes(Field::RemoteId, value),
        _ => saying,
    });
    drop(saying.maybe(address(message.relay_address), |s, (ip, v)| s.ip(Field::RelayAddress, ip, v)));
}

/// A relay shows itself where it speaks from the address that it wrote into the message (RFC 2131 §4.1).
fn relay(message: &Message<'_>, cx: &mut Context<'_>) {
    let Some((ip, slice)) = address(message.relay_address).filter(|_| is_from(cx, message.relay_address)) else { return };
    let about = cx.sender_host();
    let role = Value::Text(b"relay".to_vec());
    cx.say(&about, Kind::Service).decoded(Field::Role, &role, slice, "giaddr").ip(Field::RelayAddress, ip, slice);
}

/// What a server says of the client, of the network and of itself; a relay hands it on to the client.
fn server_says(kind: Option<u8>, message: &Message<'_>, options: &Options<'_>, cx: &mut Context<'_>) {
    let relayed = address(message.relay_address).is_some() && cx.at().dst_port == CLIENT_PORT;
    let server_id = options.address(option::SERVER_ID);
    let server = match server_id {
        Some((ip, _)) if relayed => Some(Subject { endpoint: Some(Endpoint { transport: Transport::Udp, port: SERVER_PORT }), ..cx.by_ip(ip) }),
        _ if relayed => None,
        _ => Some(cx.sender()),
    };
    if let Some(server) = server.filter(|_| kind != Some(LEASE_ACTIVE)) {
        let role = Value::Text(b"server".to_vec());
        let saying = cx.say(&server, Kind::Service).decoded(Field::Role, &role, message.op_byte, "bootp-op");
        let saying = saying.maybe(server_id, |s, (ip, v)| s.ip(Field::ServerId, ip, v));
        if matches!(kind, Some(OFFER | ACK)) {
            drop(network(saying, options));
        }
    }
    let given = match kind {
        None | Some(ACK) => message.your_address,
        Some(LEASE_ACTIVE) => message.client_address,
        _ => return,
    };
    let (Some(mac), Some((ip, slice))) = (message.mac, address(given)) else { return };
    let about = cx.by_mac_and_ip(mac, ip);
    let saying = cx.say(&about, Kind::Lease).mac(Field::MacAddress, mac, message.hardware_address).ip(Field::Ipv4Address, ip, slice);
    drop(saying.maybe(server_id, |s, (ip, v)| s.ip(Field::ServerId, ip, v)));
    // By itself: many servers tell the time that is left, which is another each time.
    let time = options.get(option::LEASE_TIME).filter(|v| v.len() == 4);
    drop(cx.say(&about, Kind::State).maybe(time, |s, v| s.number(Field::LeaseTime, number(v), v)));
    bind(mac, ip, (message.hardware_address, slice), cx);
    let client = cx.by_mac(mac);
    drop(names(cx.say(&client, Kind::Name), options));
}

/// The network as a server describes it.
fn network<'s, 'a>(saying: Saying<'s, 'a>, options: &Options<'_>) -> Saying<'s, 'a> {
    let mask = options.get(option::NETMASK).and_then(|v| <[u8; 4]>::try_from(v).ok().map(|octets| (Ipv4Addr::from(octets), v)));
    let mut saying = saying.maybe(mask, |s, (ip, v)| s.ip(Field::Netmask, ip.into(), v));
    for (code, field) in [(option::ROUTERS, Field::Gateway), (option::DNS_SERVERS, Field::DnsServer)] {
        let addresses = options.get(code).unwrap_or_default().chunks_exact(4).take(SERVERS_MAX).filter_map(address);
        saying = addresses.fold(saying, |s, (ip, v)| s.ip(field, ip, v));
    }
    saying.maybe(options.get(option::DOMAIN_NAME), |s, v| s.trimmed(Field::DomainName, v))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Observation;

    /// A message with the header fields that matter, and options.
    fn message(op: u8, relay: [u8; 4], ciaddr: [u8; 4], yiaddr: [u8; 4], options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![op, 1, 6, 0, 0x39, 3, 0xf3, 0x26, 0, 0, 0, 0];
        for address in [ciaddr, yiaddr, [0; 4], relay] {
            bytes.extend(address);
        }
        bytes.extend([0, 0, 0, 0, 1, 1]); // chaddr: the card of the testing client
        bytes.resize(HEADER - 4, 0);
        bytes.extend(COOKIE);
        bytes.extend(options);
        bytes
    }

    const OPTIONS: &[u8] = &[
        53, 1, DISCOVER, // message type
        61, 7, 1, 0, 0, 0, 0, 1, 1, // client id
        12, 5, b'p', b'l', b'c', b'-', b'1', // host name
        60, 8, b'M', b'S', b'F', b'T', b' ', b'5', b'.', b'0', // vendor class
        55, 4, 1, 3, 6, 15, // parameter request list
        81, 11, 4, 0, 0, 3, b'p', b'l', b'c', 2, b'o', b't', 0, // FQDN in DNS form
        255,
    ];
    const NONE: [u8; 4] = [0; 4];

    fn discover() -> Vec<Observation> {
        payload(&Dhcp, Transport::Udp, 68, 67, &message(1, NONE, NONE, NONE, OPTIONS))
    }

    #[test]
    fn a_client_says_its_names_and_lists_of_itself() {
        let said = discover();
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["plc-1"]);
        assert_eq!(field(&said, Kind::Identity, Field::FullyQualifiedName), ["plc.ot"]);
        assert_eq!(field(&said, Kind::Identity, Field::DhcpClientId), ["01000000000101"]);
        assert_eq!(field(&said, Kind::Client, Field::DhcpVendorClass), ["MSFT 5.0"]);
        assert_eq!(field(&said, Kind::Client, Field::DhcpParameterList), ["1,3,6,15"]);
        assert_eq!(field(&said, Kind::Client, Field::DhcpOptions), ["53,61,12,60,55,81"]);
        assert!(said.iter().filter(|said| said.protocol == "dhcp").all(Observation::of_itself));
    }

    #[test]
    fn a_relayed_request_is_no_self_declaration() {
        let options = [&OPTIONS[..OPTIONS.len() - 1], &[82, 9, 1, 3, 0, 0, 7, 2, 2, 0xab, 0xcd, 255]].concat();
        let said = payload(&Dhcp, Transport::Udp, 67, 1067, &message(1, [10, 0, 0, 2], NONE, NONE, &options));
        let identity = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert!(!identity.of_itself() && identity.about.mac == Some(Mac([0, 0, 0, 0, 1, 1])));
        assert_eq!(field(&said, Kind::Presence, Field::CircuitId), ["000007"]);
        assert_eq!(field(&said, Kind::Presence, Field::RelayAddress), ["10.0.0.2"]);
        assert_eq!(field(&said, Kind::Service, Field::Role), ["relay"]);
        assert_eq!(field(&said, Kind::Client, Field::DhcpOptions), ["53,61,12,60,55,81"]);
    }

    #[test]
    fn an_acknowledgement_is_a_lease_and_shows_a_server() {
        let options =
            [53, 1, ACK, 54, 4, 10, 0, 0, 2, 51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 254, 6, 8, 9, 9, 9, 9, 8, 8, 8, 8, 255];
        let said = payload(&Dhcp, Transport::Udp, 67, 68, &message(2, NONE, NONE, [10, 0, 0, 9], &options));
        assert_eq!(field(&said, Kind::Lease, Field::Ipv4Address), ["10.0.0.9"]);
        assert_eq!(field(&said, Kind::State, Field::LeaseTime), ["3600"]);
        assert_eq!(field(&said, Kind::Service, Field::ServerId), ["10.0.0.2"]);
        assert_eq!(field(&said, Kind::Service, Field::DnsServer), ["9.9.9.9", "8.8.8.8"]);
        assert_eq!(field(&said, Kind::Binding, Field::MacAddress), ["00:00:00:00:01:01"]);
        let server = said.iter().find(|said| said.kind == Kind::Service).unwrap();
        assert_eq!(server.about.endpoint.map(|endpoint| endpoint.port), Some(67));
    }

    #[test]
    fn an_offer_is_no_lease() {
        let said = payload(&Dhcp, Transport::Udp, 67, 68, &message(2, NONE, NONE, [10, 0, 0, 9], &[53, 1, OFFER, 255]));
        assert!(!said.iter().any(|said| said.kind == Kind::Lease));
    }

    #[test]
    fn a_cut_option_keeps_the_ones_before() {
        let said = payload(&Dhcp, Transport::Udp, 68, 67, &message(1, NONE, NONE, NONE, &OPTIONS[..24]));
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["plc-1"]);
        assert!(field(&said, Kind::Client, Field::DhcpOptions).is_empty());
    }

    #[test]
    fn a_split_option_is_not_misread() {
        let said = payload(&Dhcp, Transport::Udp, 68, 67, &message(1, NONE, NONE, NONE, &[53, 1, 1, 12, 2, b'a', b'b', 12, 1, b'c', 255]));
        assert!(field(&said, Kind::Identity, Field::Hostname).is_empty());
    }

    #[test]
    fn strangers_are_refused_and_another_port_is_no_matter() {
        for stranger in [&[0u8; 300][..], b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n", &[1, 1, 6, 0]] {
            assert_eq!(gate(&Dhcp, stranger, 67), Gate::NotMine);
        }
        let said = payload(&Dhcp, Transport::Udp, 50068, 1067, &message(1, NONE, NONE, NONE, OPTIONS));
        assert_eq!(field(&said, Kind::Identity, Field::Hostname), ["plc-1"]);
    }
}
