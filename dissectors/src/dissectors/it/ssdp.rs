//! SSDP: UPnP devices announce themselves and answer searches.
//!
//! Spec: UPnP Device Architecture 2.0 §1 (discovery).
//! Tells us: system and product of the server, UUID, device and service types, where the description lies; a control point's product.
//! Does not tell: maker, model and serial number: these stand in the description (HTTP).

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::http_message::{self as http, Head, Start};
use observations::{Field, Kind, OperationClass, Subject, Transport};
use std::net::IpAddr;

pub(crate) struct Ssdp;

const PORT: u16 = 1900;
const OPERATIONS: &[(&str, OperationClass)] = &[("notify", OperationClass::Session), ("m-search", OperationClass::Session)];
/// §1.2.2, table of NT: the type of a service, not of a device.
const SERVICE: &[u8] = b":service:";

impl Dissector for Ssdp {
    type State = ();

    const ROW: Row = Row {
        name: "ssdp",
        revision: 1,
        spec: "UPnP Device Architecture 2.0",
        tells: "product and system, UUID, device types, place of the description",
        bindings: &[Binding::Udp(PORT)],
        // Answers come from any port to the port of the search.
        shapes: &[
            shape(&[(0, 0xff, b'H'), (1, 0xff, b'T'), (4, 0xff, b'/'), (5, 0xff, b'1'), (9, 0xff, b'2'), (10, 0xff, b'0'), (11, 0xff, b'0')]),
            shape(&[(0, 0xff, b'N'), (1, 0xff, b'O'), (5, 0xff, b'Y'), (6, 0xff, b' '), (7, 0xff, b'*'), (8, 0xff, b' '), (9, 0xff, b'H')]),
            shape(&[(0, 0xff, b'M'), (1, 0xff, b'-'), (7, 0xff, b'H'), (8, 0xff, b' '), (9, 0xff, b'*'), (10, 0xff, b' '), (11, 0xff, b'H')]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(parsed) = http::head(head) else { return Gate::NotMine };
        let mine = match parsed.start {
            Start::Request { method: "NOTIFY", target: "*" } => parsed.get("nts").is_some() || parsed.get("nt").is_some(),
            Start::Request { method: "M-SEARCH", target: "*" } => parsed.get("st").is_some() || parsed.get("man").is_some(),
            Start::Response { status: 200 } => parsed.get("st").is_some() && parsed.get("usn").is_some(),
            _ => false,
        };
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head.first() {
            Some(b'M') => Side::Client,
            Some(b'H') => Side::Server,
            // An announcement from any port to the group's: neither asks.
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let operation = match head.first() {
            Some(b'N') => Some(0),
            Some(b'M') => Some(1),
            _ => None,
        };
        Glance { operation, look: Look::Always, inner: None }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let head = http::head(pdu).ok_or(DissectError::Malformed { rule: "first line", offset: 0 })?;
        match head.start {
            Start::Request { method: "M-SEARCH", .. } => searched(&head, cx),
            // §1.2.3: who says good-bye may be anybody, and tells nothing new.
            Start::Request { method: "NOTIFY", .. } if head.get("nts") != Some(b"ssdp:byebye") => announced(&head, head.get("nt"), cx),
            Start::Response { status: 200 } => announced(&head, head.get("st"), cx),
            _ => {}
        }
        if head.len.is_none() { Err(DissectError::Truncated { needed: 2 }) } else { Ok(Next::Watch) }
    }
}

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Udp, bytes, min: 32, max: 1472 }
}

/// §1.3.2: what a control point looks for, and its own product (USER-AGENT) and name.
fn searched(head: &Head<'_>, cx: &mut Context<'_>) {
    let client = cx.sender_host();
    if let Some(target) = head.get("st") {
        cx.say(&client, Kind::Request).text(Field::SsdpSearchTarget, target);
    }
    let saying = cx.say(&client, Kind::Client).maybe(head.get("user-agent"), |s, v| s.text(Field::HttpUserAgent, v));
    saying.maybe(head.get("cpfn.upnp.org"), |s, v| s.text(Field::FriendlyName, v));
}

/// §1.2.2 and §1.3.3. Boot and configuration counters are left out: they change.
fn announced(head: &Head<'_>, target: Option<&[u8]>, cx: &mut Context<'_>) {
    let location = head.get("location").or_else(|| head.get("al")).and_then(plain_url);
    let about = whose(location, cx);
    // A device repeats the announcement for each of its services; what these are stands in its description.
    let target = target.filter(|target| !target.windows(SERVICE.len()).any(|part| part == SERVICE));
    let usn = head.get("usn");
    let saying = cx.say(&about, Kind::Identity).maybe(head.get("server"), |s, v| s.text(Field::SsdpServer, v));
    let saying = saying.maybe(usn.and_then(uuid), |s, v| s.text(Field::Uuid, v));
    let usn = usn.filter(|_| target.is_some());
    let saying = saying.maybe(target, |s, v| s.text(Field::SsdpSearchTarget, v)).maybe(usn, |s, v| s.text(Field::SsdpUsn, v));
    saying.maybe(location, |s, v| s.text(Field::SsdpLocation, v));
}

/// Whom an announcement is about: its sender, unless the description lies at another address. Then the sender speaks for another.
fn whose(location: Option<&[u8]>, cx: &Context<'_>) -> Subject {
    let sender = cx.sender_host();
    match location.and_then(host).filter(|ip| !ip.is_unspecified() && !ip.is_loopback()) {
        Some(ip) if sender.ip != Some(ip) => cx.by_ip(ip),
        _ => sender,
    }
}

/// A URL up to its query, unless it carries a user.
fn plain_url(url: &[u8]) -> Option<&[u8]> {
    let end = url.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(url.len());
    let url = url.get(..end)?;
    (!authority(url)?.contains(&b'@')).then_some(url)
}

/// RFC 3986 §3.2.
fn authority(url: &[u8]) -> Option<&[u8]> {
    let at = url.windows(3).position(|three| three == b"://")?;
    let rest = url.get(at + 3..)?;
    rest.get(..rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len()))
}

/// The address that a URL names, if it names one.
fn host(url: &[u8]) -> Option<IpAddr> {
    let authority = std::str::from_utf8(authority(url)?).ok()?;
    if let Some(v6) = authority.strip_prefix('[') {
        // RFC 6874: a zone follows a per cent sign.
        let address = v6.split([']', '%']).next()?;
        return address.parse().ok().map(IpAddr::V6);
    }
    authority.split(':').next()?.parse().ok().map(IpAddr::V4)
}

/// §1.1.4: `uuid:` and the identifier, then `::` and a type. Only what has the form of RFC 9562 §4 is one.
fn uuid(usn: &[u8]) -> Option<&[u8]> {
    let text = usn.strip_prefix(b"uuid:")?;
    let end = text.windows(2).position(|two| two == b"::").unwrap_or(text.len());
    let text = trim(text.get(..end)?);
    let dashes = [8, 13, 18, 23];
    let formed = text.iter().enumerate().all(|(at, byte)| if dashes.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() });
    (text.len() == 36 && formed).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, gate, payload};
    use observations::Observation;

    const NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\n\
        HOST: 239.255.255.250:1900\r\n\
        CACHE-CONTROL: max-age=1800\r\n\
        LOCATION: http://10.0.0.1:80/upnpdevicedesc.xml\r\n\
        NT: upnp:rootdevice\r\n\
        NTS: ssdp:alive\r\n\
        SERVER: Linux/4.9 UPnP/1.0 Portable SDK/1.6.19\r\n\
        USN: uuid:4d454930-0200-1000-8001-44194b0a0022::upnp:rootdevice\r\n\r\n";

    /// Sent by 10.0.0.1.
    fn announced(bytes: &[u8]) -> Vec<Observation> {
        payload(&Ssdp, Transport::Udp, 50000, PORT, bytes)
    }

    #[test]
    fn an_announcement_tells_server_type_uuid_and_place_together() {
        let said = announced(NOTIFY);
        assert_eq!(field(&said, Kind::Identity, Field::SsdpServer), ["Linux/4.9 UPnP/1.0 Portable SDK/1.6.19"]);
        assert_eq!(field(&said, Kind::Identity, Field::Uuid), ["4d454930-0200-1000-8001-44194b0a0022"]);
        assert_eq!(field(&said, Kind::Identity, Field::SsdpLocation), ["http://10.0.0.1:80/upnpdevicedesc.xml"]);
        assert!(said.iter().find(|said| said.kind == Kind::Identity).unwrap().of_itself());
    }

    #[test]
    fn who_points_to_another_address_reports() {
        let other = String::from_utf8(NOTIFY.to_vec()).unwrap().replace("10.0.0.1:80", "10.0.0.77:80");
        let said = announced(other.as_bytes());
        let identity = said.iter().find(|said| said.kind == Kind::Identity).unwrap();
        assert_eq!(identity.about.ip, Some([10, 0, 0, 77].into()));
        assert!(!identity.of_itself());
    }

    #[test]
    fn users_and_queries_of_urls_are_left_out() {
        assert_eq!(plain_url(b"http://admin:secret@10.0.0.1/a"), None);
        assert_eq!(plain_url(b"http://10.0.0.1/a?token=7"), Some(&b"http://10.0.0.1/a"[..]));
        assert_eq!(host(b"http://[fe80::1%25eth0]:80/a"), "fe80::1".parse().ok());
    }

    #[test]
    fn an_answer_from_an_unusual_port_is_found() {
        let answer =
            b"HTTP/1.1 200 OK\r\nST: roku:ecp\r\nUSN: uuid:roku:ecp:P0A070000007\r\nLocation: http://10.0.0.2:8060/\r\nServer: Roku/9.4\r\n\r\n";
        let said = payload(&Ssdp, Transport::Udp, 40000, 50000, answer);
        assert_eq!(field(&said, Kind::Identity, Field::SsdpServer), ["Roku/9.4"]);
        assert!(field(&said, Kind::Identity, Field::Uuid).is_empty());
    }

    #[test]
    fn a_search_tells_of_the_client() {
        let search =
            b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\nUSER-AGENT: Chrome/118\r\n\r\n";
        let said = announced(search);
        assert_eq!(field(&said, Kind::Client, Field::HttpUserAgent), ["Chrome/118"]);
        assert_eq!(field(&said, Kind::Request, Field::SsdpSearchTarget), ["ssdp:all"]);
    }

    #[test]
    fn a_truncated_field_keeps_the_ones_before() {
        let said = announced(&NOTIFY[..NOTIFY.len() - 20]);
        assert_eq!(field(&said, Kind::Identity, Field::SsdpServer), ["Linux/4.9 UPnP/1.0 Portable SDK/1.6.19"]);
        assert!(field(&said, Kind::Identity, Field::SsdpUsn).is_empty());
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0; 40]]
        {
            assert_eq!(gate(&Ssdp, stranger, PORT), Gate::NotMine);
        }
    }
}
