//! HNAP: home routers, cameras and sensors say what they are to their set-up programs.
//!
//! Spec: Home Network Administration Protocol 1.2 (Pure Networks, 2009) §4.1 (GetDeviceSettings).
//! Tells us: maker, model, description, firmware and hardware version, the name that its owner gave it.
//! Does not tell: anything that needs a login; network settings are left unread.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use crate::http_content;
use crate::xml::{self, Event};
use observations::{Field, Kind};

pub(crate) struct Hnap;

/// §4.1: the answer that describes the device.
const ANSWER: &[u8] = b"GetDeviceSettingsResponse";

impl Dissector for Hnap {
    type State = ();

    const ROW: Row = Row {
        name: "hnap",
        revision: 1,
        spec: "HNAP 1.2",
        tells: "maker, model, firmware and hardware version",
        bindings: &[Binding::Under("http", http_content::HNAP)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let answer = xml::events(head).any(|event| event == Event::Open(ANSWER));
        if answer { Gate::Mine } else { Gate::NotMine }
    }

    fn read(&self, pdu: &[u8], _: &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let server = cx.sender();
        let (saying, ended) = xml::fold(pdu, cx.say(&server, Kind::Identity), element);
        drop(saying);
        ended.map(|()| Next::Watch)
    }
}

/// An element of the answer itself, not of the lists within.
fn element<'s, 'a>(saying: Saying<'s, 'a>, path: &[&[u8]], text: &[u8]) -> Saying<'s, 'a> {
    let [_, _, ANSWER, name] = path else { return saying };
    match field_of(name) {
        Some(field) => xml::say(saying, field, text),
        None => saying,
    }
}

fn field_of(name: &[u8]) -> Option<Field> {
    Some(match name {
        b"DeviceName" => Field::FriendlyName,
        b"VendorName" => Field::VendorName,
        b"ModelDescription" => Field::Description,
        b"ModelName" => Field::ModelName,
        b"FirmwareVersion" => Field::FirmwareVersion,
        b"HardwareVersion" => Field::HardwareVersion,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::http::Http;
    use crate::testing::{conversation_of, field, gate};
    use observations::{Observation, Transport};

    const ANSWERED: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">\
        <soap:Body><GetDeviceSettingsResponse xmlns=\"http://purenetworks.com/HNAP1/\">\
        <GetDeviceSettingsResult>OK</GetDeviceSettingsResult><DeviceName>Gate &amp; yard</DeviceName><VendorName>Acme</VendorName>\
        <ModelName>AC-100</ModelName><FirmwareVersion>1.22</FirmwareVersion><HardwareVersion>A2</HardwareVersion>\
        <SubDevices><SubDevice><ModelName>Inner</ModelName></SubDevice></SubDevices>\
        </GetDeviceSettingsResponse></soap:Body></soap:Envelope>";

    fn answered(document: &str) -> Vec<Observation> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", document.len());
        let response = [head.as_bytes(), document.as_bytes()].concat();
        conversation_of(&[&Http, &Hnap], Transport::Tcp, &[(80, 50000, &response)])
    }

    #[test]
    fn an_answer_says_what_the_device_is() {
        let said = answered(ANSWERED);
        for (name, value) in [
            (Field::VendorName, "Acme"),
            (Field::ModelName, "AC-100"),
            (Field::FirmwareVersion, "1.22"),
            (Field::HardwareVersion, "A2"),
            (Field::FriendlyName, "Gate & yard"),
        ] {
            assert_eq!(field(&said, Kind::Identity, name), [value]);
        }
    }

    #[test]
    fn a_truncated_answer_keeps_what_came_before() {
        let mut bytes = ANSWERED.to_owned();
        bytes.truncate(ANSWERED.find("<FirmwareVersion>").unwrap());
        let said = answered(&bytes);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["AC-100"]);
        assert!(field(&said, Kind::Identity, Field::FirmwareVersion).is_empty());
    }

    #[test]
    fn other_answers_and_questions_are_not_its_own() {
        for stranger in
            ["<soap:Envelope><soap:Body><GetDeviceSettings xmlns=\"http://purenetworks.com/HNAP1/\"/></soap:Body></soap:Envelope>", "<root/>", ""]
        {
            assert_eq!(gate(&Hnap, stranger.as_bytes(), 80), Gate::NotMine);
        }
    }
}
