//! WS-Discovery and DPWS: cameras, printers and computers announce themselves and describe what they are.
//!
//! Spec: OASIS WS-Discovery 1.1 (and the submission of April 2005); OASIS DPWS 1.1 §5 (description); ONVIF Core Specification §7.3
//! (discovery, scopes).
//! Tells us: endpoint UUID, types, ONVIF scopes (hardware, name, location, MAC address), where the services lie; of devices that are
//! asked over HTTP maker, model, firmware version and serial number.
//! Does not tell: whether it is true; nothing is signed.

use crate::context::{Context, Saying, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::http_content;
use crate::tlv::mac_of_text;
use crate::xml::{self, Event};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};
use std::net::IpAddr;

pub(crate) struct Wsdd;

const PORT: u16 = 3702;
/// The name spaces of 1.1, of the submission before it, and of both versions of SOAP: one of them stands in an envelope's first element.
const NAMESPACES: &[&[u8]] = &[
    b"schemas.xmlsoap.org/ws/2005/04/discovery",
    b"docs.oasis-open.org/ws-dd/ns/discovery/2009/01",
    b"www.w3.org/2003/05/soap-envelope",
    b"schemas.xmlsoap.org/soap/envelope",
];
/// §4 to §6: messages by their element; the index of the first four is that of [`OPERATIONS`].
const MESSAGES: &[&[u8]] = &[b"Hello", b"Bye", b"Probe", b"Resolve", b"ProbeMatches", b"ResolveMatches"];
const OPERATIONS: &[(&str, OperationClass)] =
    &[("hello", OperationClass::Session), ("bye", OperationClass::Session), ("probe", OperationClass::Session), ("resolve", OperationClass::Session)];
/// ONVIF Core §7.3.2.2.
const ONVIF_SCOPE: &[u8] = b"onvif://www.onvif.org/";
/// A device answers for itself; a discovery proxy for those that it knows.
const MATCHES_MAX: usize = 16;
/// Cameras name some ten scopes, three types and an address for each of their interfaces.
const WORDS_MAX: usize = 24;

impl Dissector for Wsdd {
    type State = ();

    const ROW: Row = Row {
        name: "wsdd",
        revision: 1,
        spec: "OASIS WS-Discovery 1.1, OASIS DPWS 1.1, ONVIF Core Specification",
        tells: "endpoint UUID, types, ONVIF scopes, maker, model, serial number",
        bindings: &[Binding::Udp(PORT), Binding::Under("http", http_content::WSD)],
        // Answers come from any port to the port of the search.
        shapes: &[
            shape(&[(0, 0xff, b'<'), (1, 0xff, b'?'), (2, 0xff, b'x'), (3, 0xff, b'm'), (4, 0xff, b'l'), (5, 0xff, b' ')]),
            shape(&[(0, 0xff, b'<'), (1, 0xdf, b'S'), (2, 0xdf, b'O'), (3, 0xdf, b'A'), (4, 0xdf, b'P'), (5, 0xff, b'-'), (9, 0xff, b':')]),
            shape(&[(0, 0xff, b'<'), (1, 0xdf, b'S'), (2, 0xff, b':'), (3, 0xff, b'E'), (4, 0xff, b'n'), (5, 0xff, b'v')]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let first = xml::events(head).find(|event| matches!(event, Event::Open(_)));
        // Of an envelope that declares many name spaces the first element may be cut.
        let envelope = match first {
            Some(event) => event == Event::Open(b"Envelope"),
            None => head.len() >= crate::engine::GATE_BYTES && contains(head, b":Envelope"),
        };
        let mine = head.first() == Some(&b'<') && envelope && NAMESPACES.iter().any(|name| contains(head, name));
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match message(head).and_then(|index| MESSAGES.get(index)) {
            Some(&(b"Probe" | b"Resolve")) => Side::Client,
            Some(&(b"ProbeMatches" | b"ResolveMatches")) => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let index = message(head).filter(|index| *index < OPERATIONS.len());
        Glance { operation: index.and_then(|index| u16::try_from(index).ok()), look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (told, ended) = xml::fold(pdu, Told::default(), Told::take);
        for one in &told.matches {
            announced(one, cx);
        }
        let client = cx.sender_host();
        for kind in &told.wanted {
            cx.say(&client, Kind::Request).text(Field::WsdType, kind);
        }
        if !told.described.is_empty() {
            let server = cx.sender();
            told.described.iter().fold(cx.say(&server, Kind::Identity), |saying, (field, text)| xml::say(saying, *field, text));
        }
        ended.map(|()| Next::Watch)
    }
}

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Udp, bytes, min: 200, max: 65_535 }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Which message it is, by the action in its header: `…/discovery/Probe`.
fn message(head: &[u8]) -> Option<usize> {
    let mut events = xml::events(head);
    events.find(|event| *event == Event::Open(b"Action"))?;
    let Event::Text(action) = events.next()? else { return None };
    let name = trim(action).rsplit(|byte| *byte == b'/').next()?;
    MESSAGES.iter().position(|message| *message == name)
}

/// What a message holds.
#[derive(Default)]
struct Told<'d> {
    matches: Vec<Match<'d>>,
    /// Types that somebody looks for.
    wanted: Vec<&'d [u8]>,
    /// DPWS: what the sender says of itself.
    described: Vec<(Field, &'d [u8])>,
}

/// One target service.
#[derive(Default)]
struct Match<'d> {
    uuid: Option<&'d [u8]>,
    types: Vec<&'d [u8]>,
    scopes: Vec<&'d [u8]>,
    addresses: Vec<&'d [u8]>,
}

impl<'d> Told<'d> {
    fn take(mut self, path: &[&'d [u8]], text: &'d [u8]) -> Self {
        match path {
            [b"Envelope", b"Body", b"Probe", b"Types"] => words(&mut self.wanted, text, |word| Some(unprefixed(word))),
            [b"Envelope", b"Body", b"Hello", rest @ ..] => self.hold(rest, text),
            [b"Envelope", b"Body", b"ProbeMatches", b"ProbeMatch", rest @ ..] => self.hold(rest, text),
            [b"Envelope", b"Body", b"ResolveMatches", b"ResolveMatch", rest @ ..] => self.hold(rest, text),
            [b"Envelope", b"Body", b"Metadata", b"MetadataSection", b"ThisDevice" | b"ThisModel", name] => {
                if let Some(field) = field_of(name) {
                    self.described.push((field, text));
                }
            }
            _ => {}
        }
        self
    }

    /// An element of a target service; its reference comes first (§4.1).
    fn hold(&mut self, path: &[&'d [u8]], text: &'d [u8]) {
        if path == [b"EndpointReference", &b"Address"[..]] && self.matches.len() < MATCHES_MAX {
            self.matches.push(Match { uuid: uuid(text), ..Match::default() });
        }
        let Some(last) = self.matches.last_mut() else { return };
        match path {
            [b"Types"] => words(&mut last.types, text, |word| Some(unprefixed(word))),
            [b"Scopes"] => words(&mut last.scopes, text, Some),
            [b"XAddrs"] => words(&mut last.addresses, text, Some),
            _ => {}
        }
    }
}

/// The words of a list, up to a limit.
fn words<'d>(out: &mut Vec<&'d [u8]>, text: &'d [u8], each: impl Fn(&'d [u8]) -> Option<&'d [u8]>) {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    out.extend(words.filter_map(each).take(WORDS_MAX.saturating_sub(out.len())));
}

/// Prefixes are a document's own.
fn unprefixed(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b':').next().unwrap_or(name)
}

/// `urn:uuid:` and an identifier, also `uuid:` alone.
fn uuid(address: &[u8]) -> Option<&[u8]> {
    let uuid = address.strip_prefix(b"urn:").unwrap_or(address).strip_prefix(b"uuid:")?;
    (uuid.len() == 36 && uuid.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')).then_some(uuid)
}

/// DPWS §5.1.
fn field_of(name: &[u8]) -> Option<Field> {
    Some(match name {
        b"FriendlyName" => Field::FriendlyName,
        b"FirmwareVersion" => Field::FirmwareVersion,
        b"SerialNumber" => Field::SerialNumber,
        b"Manufacturer" => Field::Manufacturer,
        b"ModelName" => Field::ModelName,
        b"ModelNumber" => Field::ProductCode,
        _ => return None,
    })
}

/// Whom a match is about: its sender, unless its services lie at other addresses of the same family alone.
fn whose(one: &Match<'_>, cx: &Context<'_>) -> Subject {
    let sender = cx.sender_host();
    let addresses: Vec<IpAddr> = one.addresses.iter().filter_map(|url| host(url)).collect();
    let same = |ip: &&IpAddr| sender.ip.is_some_and(|own| own.is_ipv4() == ip.is_ipv4());
    match addresses.iter().find(same) {
        Some(ip) if !addresses.iter().any(|ip| sender.ip == Some(*ip)) => cx.by_ip(*ip),
        _ => sender,
    }
}

/// The address that a URL names, if it names one.
fn host(url: &[u8]) -> Option<IpAddr> {
    let at = url.windows(3).position(|three| three == b"://")?;
    let authority = url.get(at + 3..)?.split(|byte| *byte == b'/').next()?;
    let authority = std::str::from_utf8(authority).ok()?;
    match authority.strip_prefix('[') {
        Some(v6) => v6.split([']', '%']).next()?.parse().ok().map(IpAddr::V6),
        None => authority.split(':').next()?.parse().ok().map(IpAddr::V4),
    }
}

fn announced(one: &Match<'_>, cx: &mut Context<'_>) {
    let about = whose(one, cx);
    let mut saying = cx.say(&about, Kind::Identity).maybe(one.uuid, |s, v| s.text(Field::Uuid, v));
    for kind in &one.types {
        saying = saying.text(Field::WsdType, kind);
    }
    for scope in &one.scopes {
        saying = scoped(saying, scope);
    }
    // A URL may carry a user and a password.
    for url in one.addresses.iter().filter(|url| !url.contains(&b'@')) {
        saying = saying.text(Field::Url, url);
    }
}

/// ONVIF Core §7.3.2.2: `onvif://www.onvif.org/category/value`; others are words of their makers.
fn scoped<'s, 'a>(saying: Saying<'s, 'a>, scope: &[u8]) -> Saying<'s, 'a> {
    let Some(rest) = scope.strip_prefix(ONVIF_SCOPE) else { return saying.text(Field::WsdScope, scope) };
    let Some(slash) = rest.iter().position(|byte| *byte == b'/') else { return saying.text(Field::WsdScope, scope) };
    let (category, value) = (rest.get(..slash).unwrap_or_default(), rest.get(slash + 1..).unwrap_or_default());
    match category.to_ascii_lowercase().as_slice() {
        b"hardware" => percent(saying, Field::ModelName, value),
        b"name" => percent(saying, Field::FriendlyName, value),
        b"location" => percent(saying, Field::Location, value),
        b"mac" | b"macaddress" => match mac_of_text(value).filter(|mac| mac.is_device()) {
            Some(mac) => saying.decoded(Field::MacAddress, &Value::Mac(mac), value, "mac-text"),
            None => saying,
        },
        _ => saying.text(Field::WsdScope, rest),
    }
}

/// RFC 3986 §2.1.
fn percent<'s, 'a>(saying: Saying<'s, 'a>, field: Field, value: &[u8]) -> Saying<'s, 'a> {
    if !value.contains(&b'%') {
        return saying.trimmed(field, value);
    }
    let (mut plain, mut rest) = (Vec::with_capacity(value.len()), value);
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                plain.push(code);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    saying.decoded(field, &Value::Text(trim(&plain).to_vec()), value, "percent")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::http::Http;
    use crate::testing::{conversation_of, field, gate, payload};
    use observations::Observation;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
        xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\"><s:Header>";

    fn matches(address: &str) -> String {
        format!(
            "{HEAD}<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header><s:Body><d:ProbeMatches>\
            <d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:4d454930-0200-1000-8001-44194b0a0022</a:Address></a:EndpointReference>\
            <d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types><d:Scopes>onvif://www.onvif.org/type/ptz \
            onvif://www.onvif.org/hardware/DS-2CD2042WD-I onvif://www.onvif.org/name/Gate%20camera \
            onvif://www.onvif.org/MAC/44:19:b6:0a:00:22</d:Scopes><d:XAddrs>http://{address}/onvif/device_service</d:XAddrs>\
            </d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
        )
    }

    /// Sent by 10.0.0.2.
    fn answered(document: &str) -> Vec<Observation> {
        payload(&Wsdd, Transport::Udp, PORT, 50000, document.as_bytes())
    }

    #[test]
    fn a_camera_tells_its_scopes_together() {
        let said = answered(&matches("10.0.0.2"));
        let said: Vec<_> = said.into_iter().filter(|said| said.protocol == "wsdd").collect();
        assert!(said.len() == 1 && said[0].of_itself());
        for (name, value) in [
            (Field::Uuid, "4d454930-0200-1000-8001-44194b0a0022"),
            (Field::ModelName, "DS-2CD2042WD-I"),
            (Field::FriendlyName, "Gate camera"),
            (Field::MacAddress, "44:19:b6:0a:00:22"),
            (Field::WsdScope, "type/ptz"),
        ] {
            assert_eq!(field(&said, Kind::Identity, name), [value]);
        }
        assert_eq!(field(&said, Kind::Identity, Field::WsdType), ["NetworkVideoTransmitter", "Device"]);
    }

    #[test]
    fn who_names_another_address_reports() {
        let said = answered(&matches("10.0.0.77"));
        let identity = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert_eq!(identity.about.ip, Some([10, 0, 0, 77].into()));
        assert!(!identity.of_itself());
    }

    #[test]
    fn who_looks_for_printers_is_none() {
        let probe = format!(
            "{HEAD}<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header><s:Body><d:Probe>\
            <d:Types>wprt:PrintDeviceType</d:Types></d:Probe></s:Body></s:Envelope>"
        );
        let said = payload(&Wsdd, Transport::Udp, 50000, PORT, probe.as_bytes());
        assert_eq!(field(&said, Kind::Request, Field::WsdType), ["PrintDeviceType"]);
        assert!(field(&said, Kind::Identity, Field::WsdType).is_empty());
        assert_eq!(Wsdd.side(probe.as_bytes()), Side::Client);
    }

    #[test]
    fn a_cut_answer_keeps_what_came_before() {
        let whole = matches("10.0.0.2");
        let said = answered(whole.split("<d:XAddrs>").next().unwrap());
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["DS-2CD2042WD-I"]);
    }

    #[test]
    fn a_device_describes_itself_over_http() {
        let body = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:p=\"http://schemas.xmlsoap.org/ws/2006/02/devprof\">\
            <s:Body><x:Metadata><x:MetadataSection><p:ThisDevice><p:FriendlyName>Office</p:FriendlyName>\
            <p:FirmwareVersion>1.9</p:FirmwareVersion><p:SerialNumber>U64</p:SerialNumber></p:ThisDevice></x:MetadataSection>\
            <x:MetadataSection><p:ThisModel><p:Manufacturer>Brother</p:Manufacturer><p:ModelName>HL-L6400DW</p:ModelName></p:ThisModel>\
            </x:MetadataSection></x:Metadata></s:Body></s:Envelope>";
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n\r\n", body.len());
        let said = conversation_of(&[&Http, &Wsdd], Transport::Tcp, &[(5357, 50000, &[head.as_bytes(), body.as_bytes()].concat())]);
        for (name, value) in [(Field::Manufacturer, "Brother"), (Field::SerialNumber, "U64"), (Field::FirmwareVersion, "1.9")] {
            assert_eq!(field(&said, Kind::Identity, name), [value]);
        }
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [
            &b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..],
            b"<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"/>",
            b"<html><Envelope/>",
            &[0; 40],
        ] {
            assert_eq!(gate(&Wsdd, stranger, PORT), Gate::NotMine);
        }
    }
}
