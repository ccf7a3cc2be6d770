//! UPnP device descriptions: what a device says of itself once its place is known.
//!
//! Spec: UPnP Device Architecture 2.0 §2.3 (device description).
//! Tells us: maker, model, model number, serial number, UUID, device type, a name for people; versions where makers add them.
//! Does not tell: parts: descriptions of embedded devices repeat the maker's and model's names of the whole.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use crate::http_content;
use crate::xml::{self, Event};
use observations::{Field, Kind};

pub(crate) struct Upnp;

/// A description that is cut is read again when it is whole.
const END: &[u8] = b"</root>";

impl Dissector for Upnp {
    type State = ();

    const ROW: Row = Row {
        name: "upnp",
        revision: 1,
        spec: "UPnP Device Architecture 2.0",
        tells: "maker, model, serial number, UUID, device type",
        bindings: &[Binding::Under("http", http_content::UPNP)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let root = xml::events(head).find(|event| matches!(event, Event::Open(_)));
        let ends = || head.windows(END.len()).any(|window| window == END);
        // What clients send is no description of the server.
        if root == Some(Event::Open(b"root")) && ends() && at.from_client != Some(true) { Gate::Mine } else { Gate::NotMine }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let server = cx.sender();
        let (saying, ended) = xml::fold(pdu, cx.say(&server, Kind::Identity), element);
        drop(saying);
        ended.map(|()| Next::Watch)
    }
}

/// An element of the root device itself.
fn element<'s, 'a>(saying: Saying<'s, 'a>, path: &[&[u8]], text: &[u8]) -> Saying<'s, 'a> {
    let [b"root", b"device", name] = path else { return saying };
    match field_of(name) {
        Some(Field::Uuid) => xml::say(saying, Field::Uuid, text.strip_prefix(b"uuid:").unwrap_or(text)),
        Some(field) => xml::say(saying, field, text),
        None => saying,
    }
}

/// §2.3, and what makers add beside it under names that say what they are.
fn field_of(name: &[u8]) -> Option<Field> {
    Some(match name {
        b"deviceType" => Field::UpnpDeviceType,
        b"friendlyName" => Field::FriendlyName,
        b"manufacturer" => Field::Manufacturer,
        b"modelDescription" => Field::Description,
        b"modelName" => Field::ModelName,
        b"modelNumber" => Field::ProductCode,
        b"serialNumber" => Field::SerialNumber,
        b"UDN" => Field::Uuid,
        b"firmwareVersion" => Field::FirmwareVersion,
        b"softwareVersion" => Field::SoftwareVersion,
        b"hardwareVersion" => Field::HardwareVersion,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::http::Http;
    use crate::testing::{conversation_of, field, gate};
    use observations::{Observation, Transport};

    const DESCRIPTION: &str = "<?xml version=\"1.0\"?>\r\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">\
        <specVersion><major>1</major></specVersion>\
        <device><deviceType>urn:schemas-upnp-org:device:Basic:1</deviceType>\
        <friendlyName>Gate &amp; yard</friendlyName><manufacturer>Hikvision</manufacturer>\
        <modelName>DS-2CD2042WD</modelName><serialNumber> 5A01 </serialNumber>\
        <UDN>uuid:44190000-b60a-0022-8000-4419b60a0022</UDN>\
        <deviceList><device><modelName>Inner</modelName></device></deviceList></device></root>";

    fn described(document: &str) -> Vec<Observation> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {}\r\n\r\n", document.len());
        let response = [head.as_bytes(), document.as_bytes()].concat();
        conversation_of(&[&Http, &Upnp], Transport::Tcp, &[(50000, 80, b"GET /d.xml HTTP/1.1\r\n\r\n"), (80, 50000, &response)])
    }

    #[test]
    fn a_description_tells_of_the_root_device_together() {
        let said = described(DESCRIPTION);
        let said: Vec<_> = said.into_iter().filter(|said| said.protocol == "upnp").collect();
        assert_eq!(said.len(), 1);
        assert!(said[0].of_itself());
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["DS-2CD2042WD"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["5A01"]);
        assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["Gate & yard"]);
        assert_eq!(field(&said, Kind::Identity, Field::Uuid), ["44190000-b60a-0022-8000-4419b60a0022"]);
    }

    #[test]
    fn a_description_without_its_end_keeps_what_came_before() {
        let cut = DESCRIPTION.replace("<deviceList>", "</root><deviceList>").replace("</device></deviceList></device></root>", "");
        assert_eq!(field(&described(&cut), Kind::Identity, Field::Manufacturer), ["Hikvision"]);
    }

    #[test]
    fn other_documents_are_refused() {
        for stranger in [&b"<html><root/></html>"[..], b"GET / HTTP/1.1\r\n", &[0; 40]] {
            assert_eq!(gate(&Upnp, stranger, 80), Gate::NotMine);
        }
    }
}
