//! ONVIF: what a camera says it is to its recorder, what is asked of it, and how the asker proves who he is.
//!
//! Spec: ONVIF Core Specification 22.12 §8.1 (device management), §5.9.2 (WS-UsernameToken); OASIS WSS UsernameToken Profile 1.0.
//! Tells us: maker, model, firmware version, serial number, hardware identifier; passwords in the clear; operations.
//! Does not tell: pictures; whether a digest was right.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use crate::http_content;
use crate::xml::{self, Event};
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct Onvif;

/// §8.1.1: the answer that says what the device is.
const ANSWER: &[u8] = b"GetDeviceInformationResponse";
/// UsernameToken Profile §3.1: the type of a password that is none, but a digest of it.
const DIGEST: &[u8] = b"#PasswordDigest";

/// Operations of the device, media and PTZ services by their elements, with the names that are counted. What is none of them is the last.
const ELEMENTS: &[&[u8]] = &[
    b"GetDeviceInformation",
    b"GetSystemDateAndTime",
    b"SetSystemDateAndTime",
    b"GetCapabilities",
    b"GetServices",
    b"GetScopes",
    b"GetHostname",
    b"GetNetworkInterfaces",
    b"SetNetworkInterfaces",
    b"GetUsers",
    b"CreateUsers",
    b"SetUser",
    b"DeleteUsers",
    b"GetProfiles",
    b"GetStreamUri",
    b"GetSnapshotUri",
    b"SetVideoEncoderConfiguration",
    b"AbsoluteMove",
    b"RelativeMove",
    b"ContinuousMove",
    b"GotoPreset",
    b"Stop",
    b"SetRelayOutputState",
    b"SystemReboot",
    b"SetSystemFactoryDefault",
    b"UpgradeSystemFirmware",
    b"StartFirmwareUpgrade",
    b"PullMessages",
];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("get_device_information", OperationClass::Diagnose),
    ("get_system_date_and_time", OperationClass::Read),
    ("set_system_date_and_time", OperationClass::Configure),
    ("get_capabilities", OperationClass::Diagnose),
    ("get_services", OperationClass::Diagnose),
    ("get_scopes", OperationClass::Diagnose),
    ("get_hostname", OperationClass::Diagnose),
    ("get_network_interfaces", OperationClass::Diagnose),
    ("set_network_interfaces", OperationClass::Configure),
    ("get_users", OperationClass::Diagnose),
    ("create_users", OperationClass::Configure),
    ("set_user", OperationClass::Configure),
    ("delete_users", OperationClass::Configure),
    ("get_profiles", OperationClass::Read),
    ("get_stream_uri", OperationClass::Read),
    ("get_snapshot_uri", OperationClass::Read),
    ("set_video_encoder_configuration", OperationClass::Configure),
    ("absolute_move", OperationClass::Control),
    ("relative_move", OperationClass::Control),
    ("continuous_move", OperationClass::Control),
    ("goto_preset", OperationClass::Control),
    ("stop", OperationClass::Control),
    ("set_relay_output_state", OperationClass::Control),
    ("system_reboot", OperationClass::Control),
    ("set_system_factory_default", OperationClass::Control),
    ("upgrade_system_firmware", OperationClass::Program),
    ("start_firmware_upgrade", OperationClass::Program),
    ("pull_messages", OperationClass::Read),
    ("other_operation", OperationClass::Session),
];

impl Dissector for Onvif {
    type State = ();

    const ROW: Row = Row {
        name: "onvif",
        revision: 1,
        spec: "ONVIF Core Specification 22.12",
        tells: "maker, model, firmware version, serial number, hardware identifier, passwords in the clear",
        bindings: &[Binding::Under("http", http_content::ONVIF)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let envelope = xml::events(head).find(|event| matches!(event, Event::Open(_))) == Some(Event::Open(b"Envelope"));
        if envelope && operation(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.from_client() == Some(true) {
            return asked(pdu, cx).map(|()| Next::Watch);
        }
        let server = cx.sender();
        let (saying, ended) = xml::fold(pdu, cx.say(&server, Kind::Identity), element);
        drop(saying);
        ended.map(|()| Next::Watch)
    }
}

/// The element within the body: an operation or its answer.
fn operation(document: &[u8]) -> Option<&[u8]> {
    let mut events = xml::events(document);
    events.find(|event| *event == Event::Open(b"Body"))?;
    events.find_map(|event| if let Event::Open(name) = event { Some(name) } else { None })
}

/// §8.1.1.
fn element<'s, 'a>(saying: Saying<'s, 'a>, path: &[&[u8]], text: &[u8]) -> Saying<'s, 'a> {
    let [b"Envelope", b"Body", ANSWER, name] = path else { return saying };
    let field = match *name {
        b"Manufacturer" => Field::Manufacturer,
        b"Model" => Field::ModelName,
        b"FirmwareVersion" => Field::FirmwareVersion,
        b"SerialNumber" => Field::SerialNumber,
        b"HardwareId" => Field::HardwareId,
        _ => return saying,
    };
    xml::say(saying, field, text)
}

/// What is asked, and with which credentials.
fn asked(pdu: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    if let Some(name) = operation(pdu) {
        cx.operation(ELEMENTS.iter().position(|known| *known == name).unwrap_or(ELEMENTS.len()));
    }
    let (token, ended) = xml::fold(pdu, (None, None), |(user, password), path, text| match path {
        [b"Envelope", b"Header", b"Security", b"UsernameToken", b"Username"] => (Some(text), password),
        [b"Envelope", b"Header", b"Security", b"UsernameToken", b"Password"] => (user, Some(text)),
        _ => (user, password),
    });
    if let (user, Some(password)) = token {
        let server = cx.receiver();
        let digest = pdu.windows(DIGEST.len()).any(|window| window == DIGEST);
        let method = if digest { "ws-username-token-digest" } else { "ws-username-token-text" };
        cx.say(&server, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(method.into()));
        if !digest {
            let plain = xml::unescape(password);
            cx.secret(&server, "ws-usernametoken password", user, plain.as_deref().unwrap_or(password));
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::http::Http;
    use crate::testing::{conversation_of, field, gate};
    use observations::{Observation, Transport};

    const OPEN: &str = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:t=\"http://www.onvif.org/ver10/device/wsdl\">";

    fn question(password: &str) -> String {
        let body = format!(
            "{OPEN}<s:Header><w:Security><w:UsernameToken><w:Username>admin</w:Username>{password}</w:UsernameToken></w:Security></s:Header>\
            <s:Body><t:GetDeviceInformation/></s:Body></s:Envelope>"
        );
        format!("POST /onvif/device_service HTTP/1.1\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn answer() -> String {
        let body = format!(
            "{OPEN}<s:Body><t:GetDeviceInformationResponse><t:Manufacturer>Acme &amp; Co</t:Manufacturer><t:Model>C-1</t:Model>\
            <t:FirmwareVersion>V5.4</t:FirmwareVersion><t:SerialNumber>C1-0042</t:SerialNumber><t:HardwareId>88</t:HardwareId>\
            </t:GetDeviceInformationResponse></s:Body></s:Envelope>"
        );
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn talk(messages: &[(u16, u16, &str)]) -> Vec<Observation> {
        let payloads: Vec<_> = messages.iter().map(|(from, to, text)| (*from, *to, text.as_bytes())).collect();
        conversation_of(&[&Http, &Onvif], Transport::Tcp, &payloads)
    }

    #[test]
    fn a_camera_says_what_it_is() {
        let said = talk(&[(50000, 80, &question("<w:Password Type=\"x#PasswordDigest\">q</w:Password>")), (80, 50000, &answer())]);
        for (name, value) in [
            (Field::Manufacturer, "Acme & Co"),
            (Field::ModelName, "C-1"),
            (Field::FirmwareVersion, "V5.4"),
            (Field::SerialNumber, "C1-0042"),
            (Field::HardwareId, "88"),
        ] {
            assert_eq!(field(&said, Kind::Identity, name), [value]);
        }
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["ws-username-token-digest"]);
        assert!(field(&said, Kind::Credential, Field::SecretUse).is_empty());
    }

    #[test]
    fn a_password_in_the_clear_leaves_as_a_secret() {
        let said = talk(&[(50000, 80, &question("<w:Password>hunter2</w:Password>"))]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["ws-username-token-text"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["ws-usernametoken password"]);
        let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!all.contains("hunter2") && !all.contains("admin"), "{all}");
    }

    #[test]
    fn every_operation_has_its_name_and_strangers_are_refused() {
        assert_eq!(OPERATIONS.len(), ELEMENTS.len() + 1);
        for stranger in ["<root/>", "", "<s:Envelope><s:Body></s:Body></s:Envelope>", "<html><Body><p/></Body></html>"] {
            assert_eq!(gate(&Onvif, stranger.as_bytes(), 80), Gate::NotMine);
        }
    }
}
