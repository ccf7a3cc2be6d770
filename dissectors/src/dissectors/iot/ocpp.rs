//! OCPP: charging stations introduce themselves to their management system, and are told what to do.
//!
//! Spec: Open Charge Alliance, OCPP-J 1.6 (§3 connection, §4 messages), OCPP 1.6 §4.2, OCPP 2.0.1 part 2 §B and part 4.
//! Tells us: identity of the charge point, vendor, model, serial number, firmware version, ICCID; actions; keys that are set.
//! Does not tell: who charges: identification tokens are never read; what TLS hides (wss).

use crate::context::{Context, Saying, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use crate::http_message::{self as http, Start};
use crate::json::{self, Scalar, Step};
use crate::websocket;
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct Ocpp;

/// OCPP-J §4.1.3: message types.
const CALL: &[u8] = b"2";

/// Actions by their names in the specification, with the names that are counted.
const ACTIONS: &[(&[u8], &str, OperationClass)] = &[
    (b"BootNotification", "boot_notification", OperationClass::Session),
    (b"Heartbeat", "heartbeat", OperationClass::Session),
    (b"Authorize", "authorize", OperationClass::Session),
    (b"StatusNotification", "status_notification", OperationClass::Read),
    (b"MeterValues", "meter_values", OperationClass::Read),
    (b"StartTransaction", "start_transaction", OperationClass::Session),
    (b"StopTransaction", "stop_transaction", OperationClass::Session),
    (b"TransactionEvent", "transaction_event", OperationClass::Session),
    (b"DataTransfer", "data_transfer", OperationClass::Session),
    (b"NotifyEvent", "notify_event", OperationClass::Read),
    (b"NotifyReport", "notify_report", OperationClass::Read),
    (b"FirmwareStatusNotification", "firmware_status_notification", OperationClass::Read),
    (b"DiagnosticsStatusNotification", "diagnostics_status_notification", OperationClass::Read),
    (b"LogStatusNotification", "log_status_notification", OperationClass::Read),
    (b"SecurityEventNotification", "security_event_notification", OperationClass::Read),
    (b"RemoteStartTransaction", "remote_start_transaction", OperationClass::Control),
    (b"RemoteStopTransaction", "remote_stop_transaction", OperationClass::Control),
    (b"RequestStartTransaction", "request_start_transaction", OperationClass::Control),
    (b"RequestStopTransaction", "request_stop_transaction", OperationClass::Control),
    (b"UnlockConnector", "unlock_connector", OperationClass::Control),
    (b"ChangeAvailability", "change_availability", OperationClass::Control),
    (b"Reset", "reset", OperationClass::Control),
    (b"SetChargingProfile", "set_charging_profile", OperationClass::Control),
    (b"ClearChargingProfile", "clear_charging_profile", OperationClass::Control),
    (b"ReserveNow", "reserve_now", OperationClass::Control),
    (b"CancelReservation", "cancel_reservation", OperationClass::Control),
    (b"TriggerMessage", "trigger_message", OperationClass::Diagnose),
    (b"GetConfiguration", "get_configuration", OperationClass::Diagnose),
    (b"GetVariables", "get_variables", OperationClass::Diagnose),
    (b"GetBaseReport", "get_base_report", OperationClass::Diagnose),
    (b"GetDiagnostics", "get_diagnostics", OperationClass::Diagnose),
    (b"GetLog", "get_log", OperationClass::Diagnose),
    (b"GetLocalListVersion", "get_local_list_version", OperationClass::Read),
    (b"GetCompositeSchedule", "get_composite_schedule", OperationClass::Read),
    (b"ChangeConfiguration", "change_configuration", OperationClass::Configure),
    (b"SetVariables", "set_variables", OperationClass::Configure),
    (b"SetNetworkProfile", "set_network_profile", OperationClass::Configure),
    (b"SendLocalList", "send_local_list", OperationClass::Configure),
    (b"ClearCache", "clear_cache", OperationClass::Configure),
    (b"SignCertificate", "sign_certificate", OperationClass::Session),
    (b"CertificateSigned", "certificate_signed", OperationClass::Configure),
    (b"InstallCertificate", "install_certificate", OperationClass::Configure),
    (b"DeleteCertificate", "delete_certificate", OperationClass::Configure),
    (b"GetInstalledCertificateIds", "get_installed_certificate_ids", OperationClass::Diagnose),
    (b"UpdateFirmware", "update_firmware", OperationClass::Program),
    (b"SignedUpdateFirmware", "signed_update_firmware", OperationClass::Program),
];
const OPERATIONS: &[(&str, OperationClass)] = &{
    let mut operations = [("other_action", OperationClass::Session); ACTIONS.len() + 1];
    let mut at = 0;
    #[allow(clippy::indexing_slicing, reason = "run by the compiler: a row that is not there does not compile")]
    while at < ACTIONS.len() {
        operations[at] = (ACTIONS[at].1, ACTIONS[at].2);
        at += 1;
    }
    operations
};

impl Dissector for Ocpp {
    type State = Opened;

    const ROW: Row = Row {
        name: "ocpp",
        revision: 1,
        spec: "OCPP-J 1.6, OCPP 1.6, OCPP 2.0.1",
        tells: "identity of charge points, vendor, model, serial number, firmware version, actions",
        bindings: &[Binding::Under("websocket", websocket::OCPP)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let opening = http::gate(head) == Gate::Mine;
        let message = trim(head).strip_prefix(b"[").is_some_and(|rest| matches!(trim(rest).first(), Some(b'2'..=b'6')));
        if opening || message { Gate::Mine } else { Gate::NotMine }
    }

    fn read(&self, pdu: &[u8], opened: &mut Opened, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if http::gate(pdu) == Gate::Mine {
            opening(pdu, opened, cx);
            return Ok(Next::Read);
        }
        let action = action(pdu);
        let Some(action) = action else { return Ok(Next::Read) };
        cx.operation(ACTIONS.iter().position(|known| known.0 == action).unwrap_or(ACTIONS.len()));
        match action {
            b"BootNotification" => booted(pdu, cx),
            b"ChangeConfiguration" | b"SetVariables" => configured(pdu, cx),
            _ => Ok(()),
        }
        .map(|()| Next::Read)
    }
}

/// Whether the station showed credentials when it connected.
#[derive(Default)]
pub(crate) struct Opened {
    authorized: Option<bool>,
}

/// OCPP-J §3.1: the last step of the address is the charge point's identity.
fn opening(pdu: &[u8], opened: &mut Opened, cx: &mut Context<'_>) {
    let Some(head) = http::head(pdu) else { return };
    match head.start {
        Start::Request { target, .. } => {
            let client = cx.sender_host();
            let path = target.split('?').next().unwrap_or_default();
            let id = path.rsplit('/').next().unwrap_or_default();
            let saying = cx.say(&client, Kind::Client).text(Field::ChargePointId, id.as_bytes());
            drop(saying.maybe(head.get("sec-websocket-protocol"), |s, v| s.text(Field::ProtocolVersion, v)));
            opened.authorized = Some(head.get("authorization").is_some());
        }
        Start::Response { status: 101 } => {
            let server = cx.sender();
            if let Some(version) = head.get("sec-websocket-protocol") {
                cx.say(&server, Kind::Service).text(Field::ProtocolVersion, version);
            }
            // OCPP 1.6 security whitepaper §2: what is not over TLS is profile 1 with a password, or none.
            if let Some(authorized) = opened.authorized {
                let method = if authorized { "password" } else { "none" };
                let saying = cx.say(&server, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(method.into()));
                drop(saying.implied(Field::SecurityLevel, &Value::Text("none".into())));
            }
        }
        Start::Response { .. } => {}
    }
}

/// `[2,"id","Action",{…}]`
fn action(message: &[u8]) -> Option<&[u8]> {
    let inner = trim(message).strip_prefix(b"[")?;
    let mut parts = inner.splitn(3, |byte| *byte == b',');
    let (kind, _id) = (parts.next().map(trim)?, parts.next()?);
    let rest = trim(parts.next()?).strip_prefix(b"\"").filter(|_| kind == CALL)?;
    rest.split(|byte| *byte == b'"').next()
}

/// 1.6 §6.3 and 2.0.1 §1.9: what the station is.
fn booted(message: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let client = cx.sender_host();
    let (saying, ended) = json::fold(message, cx.say(&client, Kind::Identity), |saying, path, value| match path {
        [Step::Index(3), Step::Key(name)] => member(saying, name, value),
        [Step::Index(3), Step::Key(b"chargingStation"), Step::Key(name)] => station(saying, name, value),
        [Step::Index(3), Step::Key(b"chargingStation"), Step::Key(b"modem"), Step::Key(b"iccid")] => json::say(saying, Field::Iccid, value),
        _ => saying,
    });
    drop(saying);
    ended
}

fn member<'s, 'a>(saying: Saying<'s, 'a>, name: &[u8], value: Scalar<'_>) -> Saying<'s, 'a> {
    let field = match name {
        b"chargePointVendor" => Field::VendorName,
        b"chargePointModel" => Field::ModelName,
        b"chargePointSerialNumber" => Field::SerialNumber,
        b"firmwareVersion" => Field::FirmwareVersion,
        b"iccid" => Field::Iccid,
        _ => return saying,
    };
    json::say(saying, field, value)
}

fn station<'s, 'a>(saying: Saying<'s, 'a>, name: &[u8], value: Scalar<'_>) -> Saying<'s, 'a> {
    let field = match name {
        b"vendorName" => Field::VendorName,
        b"model" => Field::ModelName,
        b"serialNumber" => Field::SerialNumber,
        b"firmwareVersion" => Field::FirmwareVersion,
        _ => return saying,
    };
    json::say(saying, field, value)
}

/// The password with which the station shall connect from now on (security whitepaper §2.2, 2.0.1 part 2 A05).
fn configured(message: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let station = cx.receiver_host();
    let (told, ended) =
        json::fold(message, (false, false, None), |(key, variable, secret): (bool, bool, Option<&[u8]>), path, value| match path.last() {
            Some(Step::Key(b"key")) => (value.bytes() == b"AuthorizationKey", variable, secret),
            Some(Step::Key(b"name")) => (key, variable || value.bytes() == b"BasicAuthPassword", secret),
            Some(Step::Key(b"value" | b"attributeValue")) => (key, variable, secret.or(Some(value.bytes()))),
            _ => (key, variable, secret),
        });
    if let (key, variable, Some(secret)) = told
        && (key || variable)
    {
        cx.secret(&station, "ocpp authorization key", None, secret);
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::http::Http;
    use crate::dissectors::it::websocket::Websocket;
    use crate::testing::{conversation_of, field, gate};
    use observations::{Observation, Transport};

    const ASKED: &[u8] = b"GET /ocpp/CP-0042 HTTP/1.1\r\nHost: csms\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: x\r\nSec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Version: 13\r\n\r\n";
    const GIVEN: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n";

    /// A text frame, of a client masked.
    fn frame(text: &str, client: bool) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        let key = [0x37, 0xfa, 0x21, 0x3d];
        if client {
            let masked: Vec<u8> = text.bytes().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            [&[0x81, 0xfe][..], &length, &key, &masked].concat()
        } else {
            [&[0x81, 0x7e][..], &length, text.as_bytes()].concat()
        }
    }

    fn talk(messages: &[(bool, &[u8])]) -> Vec<Observation> {
        let payloads: Vec<_> = messages.iter().map(|(up, bytes)| if *up { (50000, 80, *bytes) } else { (80, 50000, *bytes) }).collect();
        conversation_of(&[&Http, &Websocket, &Ocpp], Transport::Tcp, &payloads)
    }

    #[test]
    fn a_station_names_itself_in_its_address_and_when_it_boots() {
        let boot = r#"[2,"19","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"AC-22","chargePointSerialNumber":"AC22-0042","firmwareVersion":"1.4","iccid":"8949"}]"#;
        let said = talk(&[(true, ASKED), (false, GIVEN), (true, &frame(boot, true))]);
        assert_eq!(field(&said, Kind::Client, Field::ChargePointId), ["CP-0042"]);
        for (name, value) in
            [(Field::VendorName, "Acme"), (Field::ModelName, "AC-22"), (Field::SerialNumber, "AC22-0042"), (Field::FirmwareVersion, "1.4")]
        {
            assert_eq!(field(&said, Kind::Identity, name), [value]);
        }
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none"]);
    }

    #[test]
    fn a_connection_is_picked_up_in_the_middle_on_any_port() {
        let boot = frame(r#"[2,"19","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"AC-22"}]"#, true);
        let answer = frame(r#"[3,"19",{"status":"Accepted"}]"#, false);
        let payloads: [(u16, u16, &[u8]); 2] = [(50000, 9310, &boot), (9310, 50000, &answer)];
        let said = conversation_of(&[&Http, &Websocket, &Ocpp], Transport::Tcp, &payloads);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["AC-22"]);
        assert_eq!(field(&said, Kind::Identity, Field::VendorName), ["Acme"]);
    }

    #[test]
    fn version_2_nests_the_station() {
        let boot =
            r#"[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"DC-150","vendorName":"Acme","modem":{"iccid":"8949"}}}]"#;
        let said = talk(&[(true, ASKED), (false, GIVEN), (true, &frame(boot, true))]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["DC-150"]);
        assert_eq!(field(&said, Kind::Identity, Field::Iccid), ["8949"]);
    }

    #[test]
    fn a_key_that_is_set_leaves_as_a_secret() {
        let set = r#"[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":"hunter2hunter2ab"}]"#;
        let said = talk(&[(true, ASKED), (false, GIVEN), (false, &frame(set, false))]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["ocpp authorization key"]);
    }

    #[test]
    fn actions_are_read_from_calls_alone() {
        assert_eq!(action(br#" [2, "7", "Reset", {"type":"Hard"}]"#), Some(&b"Reset"[..]));
        assert_eq!(action(br#"[3,"7",{"status":"Accepted"}]"#), None);
        assert_eq!(OPERATIONS.len(), ACTIONS.len() + 1);
    }

    #[test]
    fn strangers_in_its_frames_are_refused() {
        for stranger in [&b"{\"a\":1}"[..], b"[\"x\"]", b"hello", &[0; 40]] {
            assert_eq!(gate(&Ocpp, stranger, 80), Gate::NotMine);
        }
    }
}
