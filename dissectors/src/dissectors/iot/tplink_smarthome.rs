//! TP-Link Smart Home: plugs, switches and lamps say what they are to whoever asks, and do what they are told.
//!
//! Spec: none by its maker; softScheck, "Reverse Engineering the TP-Link HS110" (2016), and python-kasa's notes on the protocol.
//! Tells us: model, kind, firmware and hardware version, MAC address, name, identifiers; who switches; passwords of cloud accounts and
//! Wi-Fi networks that are set.
//! Does not tell: where it stands: its coordinates are not kept. Nothing is encrypted: the key is known to all.

use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use crate::json::{self, Scalar, Step};
use crate::tlv::{hash, mac_of_text};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct TplinkSmarthome;

const PORT: u16 = 9999;
/// Over TCP a length of four bytes stands first.
const LENGTH: usize = 4;
/// What a byte is mixed with: the one before it as it is sent, the first with this.
const KEY: u8 = 171;
/// Schedules are the longest answers, with some kilobytes.
const MESSAGE_MAX: usize = 16 * 1024;
/// Module and method stand within the first bytes.
const GLANCE: usize = 64;

/// Methods by name, with what they do; the index is that of operations.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("get_sysinfo", OperationClass::Diagnose),
    ("get_realtime", OperationClass::Read),
    ("get_daystat", OperationClass::Read),
    ("get_monthstat", OperationClass::Read),
    ("set_relay_state", OperationClass::Control),
    ("transition_light_state", OperationClass::Control),
    ("set_brightness", OperationClass::Control),
    ("set_led_off", OperationClass::Configure),
    ("set_dev_alias", OperationClass::Configure),
    ("set_stainfo", OperationClass::Configure),
    ("get_scaninfo", OperationClass::Diagnose),
    ("bind", OperationClass::Configure),
    ("unbind", OperationClass::Configure),
    ("reboot", OperationClass::Control),
    ("reset", OperationClass::Control),
    ("download_firmware", OperationClass::Program),
    ("flash_firmware", OperationClass::Program),
    ("other_method", OperationClass::Session),
];

impl Dissector for TplinkSmarthome {
    type State = ();

    const ROW: Row = Row {
        name: "tplink-smarthome",
        revision: 1,
        spec: "softScheck: Reverse Engineering the TP-Link HS110",
        tells: "model, firmware and hardware version, MAC address, who switches",
        bindings: &[Binding::Tcp(PORT), Binding::Udp(PORT)],
        // Every message begins with a brace and a quotation mark.
        shapes: &[
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0xd0), (1, 0xff, 0xf2)], min: 8, max: MESSAGE_MAX },
            Shape { over: Transport::Tcp, bytes: &[(0, 0xff, 0), (1, 0xff, 0), (4, 0xff, 0xd0), (5, 0xff, 0xf2)], min: LENGTH + 8, max: usize::MAX },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(body) = body(head, at.transport) else { return Gate::NotMine };
        let plain = undone(body.get(..GLANCE).unwrap_or(body));
        let mine = plain.starts_with(b"{\"") && plain.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        if mine { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let Some(length) = head.first_chunk::<LENGTH>() else { return Framing::Need(LENGTH) };
        match usize::try_from(u32::from_be_bytes(*length)) {
            Ok(length @ 2..=MESSAGE_MAX) => Framing::Pdu { len: LENGTH + length, want: LENGTH + length },
            _ => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some(body) = body(head, at.transport) else { return Glance::SKIP };
        let plain = undone(body.get(..GLANCE).unwrap_or(body));
        let operation = method(&plain).filter(|_| at.from_client != Some(false));
        // What is asked and answered again and again begins alike.
        let look = Look::Once(hash(&plain) ^ u32::from(at.from_client == Some(false)));
        Glance { operation: operation.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let body = body(pdu, cx.at().transport).ok_or(DissectError::Malformed { rule: "length", offset: 0 })?;
        let asked = cx.from_client() == Some(true);
        let ended = cx.derived(&undone(body), body, "tplink-autokey", |plain, cx| if asked { told(plain, cx) } else { answered(plain, cx) });
        ended.map(|()| Next::Watch)
    }
}

/// The message, behind its length where there is one.
fn body(head: &[u8], transport: Transport) -> Option<&[u8]> {
    if transport != Transport::Tcp {
        return head.get(..MESSAGE_MAX).or(Some(head));
    }
    let (length, body) = head.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| (2..=MESSAGE_MAX).contains(length))?;
    body.get(..length).or(Some(body))
}

/// Each byte was mixed with the one before it.
fn undone(bytes: &[u8]) -> Vec<u8> {
    let before = std::iter::once(&KEY).chain(bytes);
    bytes.iter().zip(before).map(|(byte, before)| byte ^ before).collect()
}

/// `{"module":{"method":…`
fn method(plain: &[u8]) -> Option<usize> {
    let name = plain.split(|byte| *byte == b'"').nth(3)?;
    Some(OPERATIONS.iter().position(|known| known.0.as_bytes() == name).unwrap_or(OPERATIONS.len() - 1))
}

/// `system.get_sysinfo`, answered: of a strip with several sockets the strip.
fn answered(plain: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let device = cx.sender();
    let (saying, ended) = json::fold(plain, cx.say(&device, Kind::Identity), |saying, path, value| match path {
        [Step::Key(b"system"), Step::Key(b"get_sysinfo"), Step::Key(name)] => member(saying, name, value),
        [Step::Key(b"system"), Step::Key(b"get_sysinfo"), Step::Key(b"system"), Step::Key(name)] => member(saying, name, value),
        _ => saying,
    });
    drop(saying);
    ended
}

fn member<'s, 'a>(saying: Saying<'s, 'a>, name: &[u8], value: Scalar<'_>) -> Saying<'s, 'a> {
    let field = match name {
        b"model" => Field::ModelName,
        b"type" | b"mic_type" => Field::DeviceType,
        b"sw_ver" => Field::FirmwareVersion,
        b"hw_ver" => Field::HardwareVersion,
        b"alias" => Field::FriendlyName,
        b"dev_name" | b"description" => Field::Description,
        b"deviceId" => Field::ThingId,
        b"hwId" => Field::HardwareId,
        b"mac" | b"mic_mac" => {
            return match mac_of_text(value.bytes()).filter(|mac| mac.is_device()) {
                Some(mac) => saying.decoded(Field::MacAddress, &Value::Mac(mac), value.bytes(), "mac-text"),
                None => saying,
            };
        }
        _ => return saying,
    };
    json::say(saying, field, value)
}

/// What is set: an account at the cloud, or the Wi-Fi network.
fn told(plain: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let device = cx.receiver();
    let ((user, password, ssid_key), ended) = json::fold(plain, (None, None, None), |(user, password, key), path, value| match path {
        [Step::Key(_), Step::Key(b"bind"), Step::Key(b"username")] => (Some(value.bytes()), password, key),
        [Step::Key(_), Step::Key(b"bind"), Step::Key(b"password")] => (user, Some(value.bytes()), key),
        [Step::Key(_), Step::Key(b"set_stainfo"), Step::Key(b"password")] => (user, password, Some(value.bytes())),
        _ => (user, password, key),
    });
    secret(&device, "smart home cloud password", user, password, cx);
    secret(&device, "wi-fi password", None, ssid_key, cx);
    ended
}

fn secret(device: &Subject, secret_use: &'static str, user: Option<&[u8]>, secret: Option<&[u8]>, cx: &mut Context<'_>) {
    if let Some(secret) = secret {
        let plain = json::unescape(secret);
        cx.secret(device, secret_use, user, plain.as_deref().unwrap_or(secret));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};
    use observations::Observation;

    const ANSWER: &str = r#"{"system":{"get_sysinfo":{"err_code":0,"sw_ver":"1.0.8 Build 151101 Rel.24452","hw_ver":"1.0",
        "type":"IOT.SMARTPLUGSWITCH","model":"HS110(EU)","mac":"50:C7:BF:0A:00:31","deviceId":"8006AA","alias":"Pump \"2\"",
        "latitude":48.1,"children":[{"alias":"inner"}]}}}"#;

    fn mixed(plain: &str) -> Vec<u8> {
        let mut key = KEY;
        let mix = |byte: u8| {
            key ^= byte;
            key
        };
        plain.bytes().map(mix).collect()
    }

    fn over_tcp(plain: &str) -> Vec<u8> {
        [&u32::try_from(plain.len()).unwrap().to_be_bytes()[..], &mixed(plain)].concat()
    }

    fn told(said: &[Observation]) {
        for (name, value) in [
            (Field::ModelName, "HS110(EU)"),
            (Field::FirmwareVersion, "1.0.8 Build 151101 Rel.24452"),
            (Field::MacAddress, "50:c7:bf:0a:00:31"),
            (Field::FriendlyName, "Pump \"2\""),
            (Field::ThingId, "8006AA"),
        ] {
            assert_eq!(field(said, Kind::Identity, name), [value]);
        }
    }

    #[test]
    fn a_plug_says_what_it_is_over_either_transport_and_on_any_port() {
        told(&conversation(&TplinkSmarthome, Transport::Tcp, &[(PORT, 50000, &over_tcp(ANSWER))]));
        told(&payload(&TplinkSmarthome, Transport::Udp, PORT, 50000, &mixed(ANSWER)));
        told(&payload(&TplinkSmarthome, Transport::Udp, 40000, 50000, &mixed(ANSWER)));
    }

    #[test]
    fn passwords_that_are_set_leave_as_secrets() {
        let set = r#"{"netif":{"set_stainfo":{"ssid":"plant","password":"hunter2hunter2","key_type":3}}}"#;
        let said = conversation(&TplinkSmarthome, Transport::Tcp, &[(50000, PORT, &over_tcp(set))]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["wi-fi password"]);
        assert!(field(&said, Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn a_cut_answer_keeps_what_came_before() {
        let said = payload(&TplinkSmarthome, Transport::Udp, PORT, 50000, &mixed(ANSWER.split("\"mac\"").next().unwrap()));
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["HS110(EU)"]);
    }

    #[test]
    fn methods_are_counted_by_name() {
        let index = |plain: &str| method(plain.as_bytes()).map(|index| OPERATIONS[index].0);
        assert_eq!(index(r#"{"system":{"set_relay_state":{"state":1}}}"#), Some("set_relay_state"));
        assert_eq!(index(r#"{"time":{"get_time":null}}"#), Some("other_method"));
    }

    #[test]
    fn strangers_on_its_port_are_refused() {
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1\r\n", &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &[0; 40]] {
            assert_eq!(gate(&TplinkSmarthome, stranger, PORT), Gate::NotMine);
        }
    }
}
