//! Multicast DNS and DNS-SD: hosts and their services introduce themselves on the link.
//!
//! Spec: RFC 6762 (multicast DNS), RFC 6763 (service discovery), RFC 2782 (SRV), RFC 1035 §3.3.2 (HINFO).
//! Tells us: host name and addresses, services with instance, port and TXT (model, serial number, firmware, identifiers as each service
//! words them), MAC of workstations, processor and system, services that a client looks for.
//! Does not tell: whether it is true; whose a record is if a reflector or sleep proxy repeats it without the host's address.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use crate::dns_message::{self as dns, Message, Name, Record};
use crate::engine::GATE_BYTES;
use crate::tlv::mac_of_text;
use observations::{Field, Kind, OperationClass, Subject, Value};
use std::net::IpAddr;

pub(crate) struct Mdns;

const PORT: u16 = 5353;
const OPERATIONS: &[(&str, OperationClass)] = &[("query", OperationClass::Session)];
/// RFC 6762 §18: opcode, reserved bit and response code must be zero on transmission. The other bits are ignored.
const ZERO: u16 = 0x7840;
/// RFC 6762 §10.2 and §5.4: the high bit of a class says cache flush, or that a unicast answer is welcome.
const CLASS: u16 = 0x7fff;
/// Strings of one TXT record that are kept; the richest services in use (printers) have some thirty.
const TXT_MAX: usize = 36;
/// A host announces its addresses on one link; a router of many prefixes has a dozen.
const ADDRESSES_MAX: usize = 16;

/// TXT keys that say a passing state: HAP §6.4 (configuration and state number), Cast (what is played), Apple (rotating tokens).
const PASSING: &[(&[u8], &[u8])] = &[
    (b"_hap", b"s#"),
    (b"_hap", b"c#"),
    (b"_googlecast", b"rs"),
    (b"_googlecast", b"st"),
    (b"_googlecast", b"nf"),
    (b"_googlecast", b"bs"),
    // Matter Core Specification 1.0 §4.3.1.9: it rotates, so that nobody is followed by it.
    (b"_matterc", b"RI"),
    (b"_companion-link", b"rpBA"),
    (b"_companion-link", b"rpAD"),
    (b"_companion-link", b"rpHA"),
    (b"_companion-link", b"rpHN"),
    (b"_companion-link", b"rpHI"),
];

/// Keys by which a service names the MAC address of who announces it: D-Link, Axis, ESPHome, AirPlay.
const OWN_MAC: &[(&[u8], &[u8])] =
    &[(b"_dhnap", b"mac"), (b"_axis-video", b"macaddress"), (b"_esphomelib", b"mac"), (b"_airplay", b"deviceid"), (b"_raop", b"deviceid")];

/// Services whose TXT key `p` is a password and `u` its user (IANA service name registry, TXT keys of http and others).
const SHORT_PASSWORD: &[&[u8]] = &[b"_http", b"_https", b"_ftp", b"_webdav", b"_webdavs"];
/// Keys that say so themselves, of whatever service.
const PASSWORD: &[&[u8]] = &[b"password", b"passwd", b"pass", b"pwd"];

impl Dissector for Mdns {
    type State = ();

    const ROW: Row = Row {
        name: "mdns",
        revision: 1,
        spec: "RFC 6762, RFC 6763",
        tells: "host names, addresses, services with their models and identifiers",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(header) = dns::header(head) else { return Gate::NotMine };
        let room = head.len() >= GATE_BYTES || dns::fits(header, head.len());
        let says = header.questions > 0 || header.answers > 0;
        if header.flags & ZERO != 0 || header.rcode() != 0 || !says || !room {
            return Gate::NotMine;
        }
        // A question and a record both begin with a name, a type and a class.
        let named = |question: dns::Question<'_>| question.kind != 0 && is_internet(question.class) && !question.name.labels.is_empty();
        if dns::first_question(head).is_some_and(named) { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let query = head.get(2).is_some_and(|flags| flags & 0x80 == 0);
        Glance { operation: query.then_some(0), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let message = dns::message(pdu)?;
        if message.header.is_response() {
            announced(&Announcement::of(&message, cx), cx);
        } else {
            asked(&message, cx);
        }
        message.outcome(Next::Watch)
    }
}

const fn is_internet(class: u16) -> bool {
    matches!(class & CLASS, dns::CLASS_IN | dns::CLASS_ANY)
}

/// Services that a client looks for. Probes (RFC 6762 §8.1, with proposed records) look for nobody.
fn asked(message: &Message<'_>, cx: &mut Context<'_>) {
    if message.header.authorities > 0 {
        return;
    }
    let client = cx.sender_host();
    for question in message.questions.iter().filter(|question| question.kind == dns::TYPE_PTR) {
        if let Some(service) = Service::of(&question.name).filter(|service| service.instance.is_none()) {
            cx.say(&client, Kind::Request).decoded(Field::MdnsService, &Value::Text(service.kind), question.name.slice, "dns-name");
        }
    }
}

/// RFC 6763 §4.1 and §7: `<instance>.<_service>.<_proto>.<domain>`.
struct Service<'a> {
    /// One label that may hold any text; `None` in the name of the service itself and of a subtype.
    instance: Option<&'a [u8]>,
    /// `_ipp._tcp`.
    kind: Vec<u8>,
    /// `_ipp`.
    first: &'a [u8],
}

impl<'a> Service<'a> {
    fn of(name: &Name<'a>) -> Option<Self> {
        let transport = |label: &[u8]| label.eq_ignore_ascii_case(b"_tcp") || label.eq_ignore_ascii_case(b"_udp");
        let at = name.labels.iter().position(|label| transport(label)).filter(|at| *at > 0)?;
        let pair = name.labels.get(at - 1..=at)?;
        let first = *pair.first()?;
        if !first.starts_with(b"_") || first.iter().any(|byte| !byte.is_ascii_graphic()) {
            return None;
        }
        let before = name.labels.get(..at - 1).unwrap_or_default();
        // §9: `_services._dns-sd._udp` asks which services there are: no service itself.
        let meta = first.eq_ignore_ascii_case(b"_dns-sd");
        let instance = if let [instance] = before { Some(*instance).filter(|_| !meta) } else { None };
        (!meta).then(|| Self { instance, kind: dns::join(pair), first })
    }
}

/// A response, with whose each host name is.
struct Announcement<'m, 'a> {
    message: &'m Message<'a>,
    sender: Subject,
    /// Host names with their addresses.
    hosts: Vec<(&'m Name<'a>, IpAddr, &'a [u8])>,
}

impl<'m, 'a> Announcement<'m, 'a> {
    fn of(message: &'m Message<'a>, cx: &Context<'_>) -> Self {
        let addresses = message.said().filter(|record| is_internet(record.class));
        let hosts = addresses.filter_map(|record| Some((&record.name, record.address()?, record.data))).collect();
        Self { message, sender: cx.sender_host(), hosts }
    }

    fn addresses(&self, host: &Name<'_>) -> impl Iterator<Item = (IpAddr, &'a [u8])> {
        self.hosts.iter().filter(move |(name, ..)| name.is(host)).map(|(_, ip, data)| (*ip, *data))
    }

    /// Whether a host is the sender itself: one of the addresses that the message gives it is the one it is sent from.
    fn is_own(&self, host: &Name<'_>) -> bool {
        self.addresses(host).any(|(ip, _)| Some(ip) == self.sender.ip)
    }

    /// Whom a statement on a host is about: the sender, or the address that the message gives. If it gives none, the sender, unless all
    /// addresses in the message are others': then it speaks for others (reflectors, sleep proxies).
    fn about(&self, host: Option<&Name<'_>>, cx: &Context<'_>) -> Option<Subject> {
        let own = self.hosts.iter().any(|(name, ..)| self.is_own(name));
        match host.map(|host| (self.is_own(host), self.addresses(host).next())) {
            Some((true, _)) => Some(self.sender.clone()),
            Some((false, Some((ip, _)))) => Some(cx.by_ip(ip)),
            Some((false, None)) | None => (own || self.hosts.is_empty()).then(|| self.sender.clone()),
        }
    }

    /// The SRV record of an instance: port and host.
    fn server(&self, instance: &Name<'_>) -> Option<(u16, &'a [u8], Name<'a>)> {
        let record = self.message.said().find(|record| record.kind == dns::TYPE_SRV && record.name.is(instance))?;
        record.server(self.message.bytes)
    }
}

fn announced(all: &Announcement<'_, '_>, cx: &mut Context<'_>) {
    hosts(all, cx);
    let mut told: Vec<Name<'_>> = Vec::new();
    for record in all.message.said().filter(|record| is_internet(record.class)) {
        match record.kind {
            dns::TYPE_SRV | dns::TYPE_TXT => told_once(&mut told, &record.name, all, cx),
            dns::TYPE_PTR => pointer(record, &mut told, all, cx),
            dns::TYPE_HINFO => host_information(record, all, cx),
            _ => {}
        }
    }
}

/// Host names with their addresses: of the sender together, of others one by one.
fn hosts(all: &Announcement<'_, '_>, cx: &mut Context<'_>) {
    let mut own: Vec<&Name<'_>> = Vec::new();
    for (name, ip, data) in &all.hosts {
        let field = |ip: IpAddr| if ip.is_ipv4() { Field::Ipv4Address } else { Field::Ipv6Address };
        if !all.is_own(name) {
            let about = cx.by_ip(*ip);
            let saying = cx.say(&about, Kind::Name).decoded(Field::DnsName, &Value::Text(name.text()), name.slice, "dns-name");
            saying.ip(field(*ip), *ip, data);
        } else if !own.iter().any(|known| known.is(name)) {
            own.push(name);
            let host = name.labels.first().copied().unwrap_or_default();
            let mut saying = cx.say(&all.sender, Kind::Name).text(Field::Hostname, host);
            saying = saying.decoded(Field::FullyQualifiedName, &Value::Text(name.text()), name.slice, "dns-name");
            // In one order: hosts list theirs in any, and the same set is the same statement.
            let mut addresses: Vec<_> = all.addresses(name).take(ADDRESSES_MAX).collect();
            addresses.sort_unstable();
            for (ip, data) in addresses {
                saying = saying.ip(field(ip), ip, data);
            }
        }
    }
}

/// A PTR record leads from a service to an instance (RFC 6763 §4), from the list of services to one (§9), or from an address to a name.
fn pointer<'a>(record: &Record<'a>, told: &mut Vec<Name<'a>>, all: &Announcement<'_, 'a>, cx: &mut Context<'_>) {
    let Some(target) = record.target(all.message.bytes) else { return };
    if let Some(ip) = record.name.reverse() {
        let about = if all.sender.ip == Some(ip) { all.sender.clone() } else { cx.by_ip(ip) };
        cx.say(&about, Kind::Name).decoded(Field::DnsName, &Value::Text(target.text()), target.slice, "dns-name");
        return;
    }
    match Service::of(&target) {
        Some(Service { instance: Some(_), .. }) => told_once(told, &target, all, cx),
        Some(Service { instance: None, kind, .. }) => {
            if let Some(about) = all.about(None, cx) {
                cx.say(&about, Kind::Service).decoded(Field::MdnsService, &Value::Text(kind), target.slice, "dns-name");
            }
        }
        None => {}
    }
}

/// An instance is told with all that the message holds of it, whichever of its records comes first.
fn told_once<'a>(told: &mut Vec<Name<'a>>, name: &Name<'a>, all: &Announcement<'_, 'a>, cx: &mut Context<'_>) {
    if !told.iter().any(|known| known.is(name)) {
        told.push(name.clone());
        instance(name, all, cx);
    }
}

/// Service, instance, host, port and TXT of one instance, together.
fn instance(name: &Name<'_>, all: &Announcement<'_, '_>, cx: &mut Context<'_>) {
    let Some(service) = Service::of(name) else { return };
    let server = all.server(name);
    let Some(about) = all.about(server.as_ref().map(|(.., host)| host), cx) else { return };
    let text = all.message.said().find(|record| record.kind == dns::TYPE_TXT && record.name.is(name));
    let kind = if server.is_some() || text.is_none() { Kind::Service } else { Kind::Identity };
    let mut saying = cx.say(&about, kind).decoded(Field::MdnsService, &Value::Text(service.kind.clone()), name.slice, "dns-name");
    if let Some(instance) = service.instance {
        saying = saying.text(Field::MdnsInstance, instance);
    }
    if let Some((port, port_bytes, host)) = &server {
        saying = saying.decoded(Field::DnsTarget, &Value::Text(host.text()), host.slice, "dns-name");
        saying = saying.number(Field::Port, u64::from(*port), port_bytes);
    }
    for string in text.iter().flat_map(|record| record.strings()).filter(|string| is_kept(service.first, string)).take(TXT_MAX) {
        saying = saying.text(Field::MdnsTxt, string);
    }
    drop(saying);
    if let Some(record) = text {
        password(&service, record, &about, cx);
        own_mac(&service, record, &about, cx);
        pairing(&service, record, &about, cx);
    }
    if let (Some(instance), b"_workstation") = (service.instance, service.first) {
        workstation(instance, &about, cx);
    }
}

/// RFC 6763 §6.4: what stands before the first '='.
fn key_and_value(string: &[u8]) -> (&[u8], &[u8]) {
    let at = string.iter().position(|byte| *byte == b'=').unwrap_or(string.len());
    (string.get(..at).unwrap_or_default(), string.get(at + 1..).unwrap_or_default())
}

fn is_kept(service: &[u8], string: &[u8]) -> bool {
    let (key, value) = key_and_value(string);
    let passing = PASSING.iter().any(|(of, name)| service.eq_ignore_ascii_case(of) && key.eq_ignore_ascii_case(name));
    // A URL may carry a user and a password.
    let user = key.eq_ignore_ascii_case(b"u") && is_password(service, b"p");
    let login = user || is_password(service, key) || value.contains(&b'@') && value.windows(3).any(|three| three == b"://");
    !key.is_empty() && !passing && !login
}

fn is_password(service: &[u8], key: &[u8]) -> bool {
    let short = key.eq_ignore_ascii_case(b"p") && SHORT_PASSWORD.iter().any(|name| service.eq_ignore_ascii_case(name));
    short || PASSWORD.iter().any(|name| key.eq_ignore_ascii_case(name))
}

fn password(service: &Service<'_>, record: &Record<'_>, about: &Subject, cx: &mut Context<'_>) {
    let pairs = || record.strings().map(key_and_value);
    let secret = pairs().find(|(key, value)| is_password(service.first, key) && !value.is_empty());
    if let Some((_, secret)) = secret {
        let user = pairs().find(|(key, _)| key.eq_ignore_ascii_case(b"u")).map(|(_, user)| user);
        cx.secret(about, "dns-sd password", user, secret);
    }
}

fn own_mac(service: &Service<'_>, record: &Record<'_>, about: &Subject, cx: &mut Context<'_>) {
    let named = |key: &[u8]| OWN_MAC.iter().any(|(of, name)| service.first.eq_ignore_ascii_case(of) && key.eq_ignore_ascii_case(name));
    let written = record.strings().map(key_and_value).find(|(key, _)| named(key)).map(|(_, value)| value);
    if let Some((written, mac)) = written.and_then(|written| Some((written, mac_of_text(written).filter(|mac| mac.is_device())?))) {
        cx.say(about, Kind::Identity).decoded(Field::MacAddress, &Value::Mac(mac), written, "mac-text");
    }
}

/// Whether a thing may be taken over by who comes first: Matter Core Specification 1.0 §4.3.1.7 (CM), HomeKit Accessory Protocol §6.4 (sf).
fn pairing(service: &Service<'_>, record: &Record<'_>, about: &Subject, cx: &mut Context<'_>) {
    let value = |name: &[u8]| record.strings().map(key_and_value).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let (state, word) = match service.first.to_ascii_lowercase().as_slice() {
        b"_matterc" => match value(b"CM") {
            Some(state @ (b"1" | b"2")) => (state, "commissionable"),
            Some(state @ b"0") => (state, "not-commissionable"),
            _ => return,
        },
        b"_hap" => match value(b"sf") {
            Some(state @ [.., b'1' | b'3' | b'5' | b'7']) => (state, "unpaired"),
            Some(state @ [.., b'0' | b'2' | b'4' | b'6']) => (state, "paired"),
            _ => return,
        },
        _ => return,
    };
    cx.say(about, Kind::Security).decoded(Field::Protection, &Value::Text(word.into()), state, "pairing-state");
}

/// `name [00:11:32:0a:00:28]`: what hosts announce of themselves as workstations.
fn workstation(instance: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let Some(open) = instance.iter().rposition(|byte| *byte == b'[') else { return };
    let (name, rest) = instance.split_at_checked(open).unwrap_or_default();
    let Some(written) = rest.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) else { return };
    if let Some(mac) = mac_of_text(written).filter(|mac| mac.is_device()) {
        let saying = cx.say(about, Kind::Binding).trimmed(Field::Hostname, name);
        saying.decoded(Field::MacAddress, &Value::Mac(mac), written, "mac-text");
    }
}

/// RFC 1035 §3.3.2: processor and system.
fn host_information(record: &Record<'_>, all: &Announcement<'_, '_>, cx: &mut Context<'_>) {
    let Some(about) = all.about(Some(&record.name), cx) else { return };
    let mut strings = record.strings();
    let (cpu, system) = (strings.next().unwrap_or_default(), strings.next().unwrap_or_default());
    cx.say(&about, Kind::Identity).trimmed(Field::Cpu, cpu).trimmed(Field::OperatingSystem, system);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::{Observation, Transport};

    const HOST: &[u8] = b"\x06BRN001\x05local\x00";
    const INSTANCE: &[u8] = b"\x0aHL-L6400DW\x04_ipp\x04_tcp\x05local\x00";

    fn record(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [name, &[0, kind, 0x80, 1, 0, 0, 0, 120], &length, data].concat()
    }

    fn response(records: &[Vec<u8>]) -> Vec<u8> {
        let count = u8::try_from(records.len()).unwrap();
        [&[0, 0, 0x84, 0, 0, 0, 0, count, 0, 0, 0, 0][..], &records.concat()].concat()
    }

    fn printer(address: [u8; 4]) -> Vec<u8> {
        response(&[
            record(b"\x04_ipp\x04_tcp\x05local\x00", 12, INSTANCE),
            record(INSTANCE, 33, &[&[0, 0, 0, 0, 0x02, 0x77][..], HOST].concat()),
            record(INSTANCE, 16, b"\x09txtvers=1\x16ty=Brother HL-L6400DW "),
            record(HOST, 1, &address),
        ])
    }

    /// Sent by 10.0.0.2.
    fn sent(bytes: &[u8]) -> Vec<Observation> {
        payload(&Mdns, Transport::Udp, PORT, PORT, bytes)
    }

    #[test]
    fn an_instance_is_told_once_with_host_port_and_text_of_the_sender_itself() {
        let said = sent(&printer([10, 0, 0, 2]));
        let services: Vec<_> = said.iter().filter(|said| said.kind == Kind::Service).collect();
        assert_eq!(services.len(), 1);
        assert!(services[0].of_itself());
        assert_eq!(field(&said, Kind::Service, Field::MdnsService), ["_ipp._tcp"]);
        assert_eq!(field(&said, Kind::Service, Field::MdnsInstance), ["HL-L6400DW"]);
        assert_eq!(field(&said, Kind::Service, Field::Port), ["631"]);
        assert_eq!(field(&said, Kind::Service, Field::MdnsTxt), ["txtvers=1", "ty=Brother HL-L6400DW "]);
        assert_eq!(field(&said, Kind::Name, Field::Hostname), ["BRN001"]);
        assert_eq!(field(&said, Kind::Name, Field::Ipv4Address), ["10.0.0.2"]);
    }

    #[test]
    fn what_a_reflector_repeats_is_about_the_address_it_names() {
        let said = sent(&printer([10, 0, 9, 9]));
        assert!(said.iter().filter(|said| said.protocol == "mdns").all(|said| said.about.ip == Some([10, 0, 9, 9].into()) && !said.of_itself()));
        assert_eq!(field(&said, Kind::Name, Field::DnsName), ["BRN001.local"]);
        assert!(field(&said, Kind::Name, Field::Hostname).is_empty());
    }

    #[test]
    fn passing_states_and_passwords_are_no_text() {
        let name = b"\x03cam\x05_http\x04_tcp\x05local\x00";
        let said = sent(&response(&[record(name, 16, b"\x07u=admin\x08p=hunter\x0apath=/view")]));
        assert_eq!(field(&said, Kind::Identity, Field::MdnsTxt), ["path=/view"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["dns-sd password"]);
        let lamp = b"\x04lamp\x04_hap\x04_tcp\x05local\x00";
        let said = sent(&response(&[record(lamp, 16, b"\x05md=L1\x04s#=7")]));
        assert_eq!(field(&said, Kind::Identity, Field::MdnsTxt), ["md=L1"]);
    }

    #[test]
    fn a_workstation_binds_its_mac() {
        let name = b"\x17nas [00:11:32:0a:00:28]\x0c_workstation\x04_tcp\x05local\x00";
        let said = sent(&response(&[record(name, 16, b"\x00")]));
        assert_eq!(field(&said, Kind::Binding, Field::MacAddress), ["00:11:32:0a:00:28"]);
        assert_eq!(field(&said, Kind::Binding, Field::Hostname), ["nas"]);
    }

    #[test]
    fn a_thing_says_whether_it_may_be_taken_over_and_its_mac() {
        let node = b"\x042F3A\x08_matterc\x04_udp\x05local\x00";
        let said = sent(&response(&[record(node, 16, b"\x0cVP=4447+8194\x04CM=1\x05RI=0A")]));
        assert_eq!(field(&said, Kind::Security, Field::Protection), ["commissionable"]);
        assert_eq!(field(&said, Kind::Identity, Field::MdnsTxt), ["VP=4447+8194", "CM=1"]);
        let lamp = b"\x04lamp\x04_hap\x04_tcp\x05local\x00";
        let said = sent(&response(&[record(lamp, 16, b"\x05md=L1\x04sf=0")]));
        assert_eq!(field(&said, Kind::Security, Field::Protection), ["paired"]);
        let node = b"\x04plug\x0b_esphomelib\x04_tcp\x05local\x00";
        let said = sent(&response(&[record(node, 16, b"\x10mac=0011320a0028")]));
        assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:11:32:0a:00:28"]);
    }

    #[test]
    fn a_truncated_record_keeps_the_ones_before() {
        let whole = printer([10, 0, 0, 2]);
        let said = sent(&whole[..whole.len() - 30]);
        assert_eq!(field(&said, Kind::Service, Field::Port), ["631"]);
    }

    #[test]
    fn a_client_looks_for_services_and_a_probe_for_nobody() {
        let question = [&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x0b_googlecast\x04_tcp\x05local\x00", &[0, 12, 0, 1]].concat();
        assert_eq!(field(&sent(&question), Kind::Request, Field::MdnsService), ["_googlecast._tcp"]);
        let mut probe = question.clone();
        probe[9] = 1;
        probe.extend_from_slice(&record(INSTANCE, 33, &[&[0, 0, 0, 0, 0x02, 0x77][..], HOST].concat()));
        assert!(field(&sent(&probe), Kind::Request, Field::MdnsService).is_empty());
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0; 40], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]] {
            assert_eq!(gate(&Mdns, stranger, PORT), Gate::NotMine);
        }
    }
}
