//! IPMI over LAN: which management controllers there are, who built them, and how a session with them is protected.
//!
//! Spec: IPMI 2.0 revision 1.1 (chapters 13, 20, 22), DMTF DSP0136 (ASF 2.0, RMCP).
//! Tells us: maker, product, firmware, GUID; offered and used authentication, cipher suites, anonymous and null users; power commands.
//! Does not tell: what RMCP+ encrypts; user names, of which only whether there is one.

use crate::codes::{Code, find, operations};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::{self, word};
use observations::{Field, Kind, OperationClass, Transport, Value};

pub(crate) struct Ipmi;

const PORT: u16 = 623;
/// §13.1.3: version, reserved, sequence, class.
const RMCP: usize = 4;
const ASF_CLASS: u8 = 6;
const IPMI_CLASS: u8 = 7;
/// §13.6: authentication type of RMCP+.
const RMCP_PLUS: u8 = 6;
/// §13.6: sequence, session id; the code is there unless the type is none.
const SESSION: usize = 8;
const CODE: usize = 16;
/// DSP0136 §3.2.4: ASF's enterprise number, and message types.
const ASF_ENTERPRISE: [u8; 4] = [0, 0, 0x11, 0xbe];
const PING: u8 = 0x80;
const PONG: u8 = 0x40;
/// §13.27.3: payload types.
const MESSAGE: u8 = 0;
const SERIAL: u8 = 1;
const OEM: u8 = 2;
const OPEN_REQUEST: u8 = 0x10;
const OPEN_RESPONSE: u8 = 0x11;
const RAKP_1: u8 = 0x12;
const RAKP_2: u8 = 0x13;
const RAKP_4: u8 = 0x15;
const ENCRYPTED_BIT: u8 = 0x80;

/// Keys of operations beyond network function and command.
const KEY_PING: u32 = 0x1_0000;
const KEY_OPEN: u32 = 0x1_0010;
const KEY_RAKP_1: u32 = 0x1_0012;
const KEY_RAKP_3: u32 = 0x1_0014;
const KEY_SERIAL: u32 = 0x1_0001;
const KEY_ENCRYPTED: u32 = 0x1_0080;
const KEY_OTHER: u32 = 0x1_00ff;

/// Appendix G: network function and command of requests.
const CODES: &[Code] = &[
    (0x0000, "get_chassis_capabilities", OperationClass::Read),
    (0x0001, "get_chassis_status", OperationClass::Read),
    (0x0002, "chassis_control", OperationClass::Control),
    (0x0601, "get_device_id", OperationClass::Diagnose),
    (0x0602, "cold_reset", OperationClass::Control),
    (0x0603, "warm_reset", OperationClass::Control),
    (0x0608, "get_device_guid", OperationClass::Diagnose),
    (0x0637, "get_system_guid", OperationClass::Diagnose),
    (0x0638, "get_channel_authentication_capabilities", OperationClass::Diagnose),
    (0x0639, "get_session_challenge", OperationClass::Session),
    (0x063a, "activate_session", OperationClass::Session),
    (0x063b, "set_session_privilege_level", OperationClass::Session),
    (0x063c, "close_session", OperationClass::Session),
    (0x0640, "set_channel_access", OperationClass::Configure),
    (0x0643, "set_user_access", OperationClass::Configure),
    (0x0645, "set_user_name", OperationClass::Configure),
    (0x0647, "set_user_password", OperationClass::Configure),
    (0x0654, "get_channel_cipher_suites", OperationClass::Diagnose),
    (0x0c01, "set_lan_configuration_parameters", OperationClass::Configure),
    (KEY_PING, "presence_ping", OperationClass::Diagnose),
    (KEY_OPEN, "open_session", OperationClass::Session),
    (KEY_RAKP_1, "rakp_message_1", OperationClass::Session),
    (KEY_RAKP_3, "rakp_message_3", OperationClass::Session),
    (KEY_SERIAL, "serial_over_lan", OperationClass::Control),
    (KEY_ENCRYPTED, "encrypted", OperationClass::Session),
    (KEY_OTHER, "other_command", OperationClass::Session),
];
const OPERATIONS: [(&str, OperationClass); CODES.len()] = operations(CODES);

/// Application requests and their answers, and commands of them that are read.
const APP: u8 = 6;
const GET_DEVICE_ID: u8 = 0x01;
const GET_DEVICE_GUID: u8 = 0x08;
const GET_SYSTEM_GUID: u8 = 0x37;
const GET_CAPABILITIES: u8 = 0x38;
const GET_CHALLENGE: u8 = 0x39;
const ACTIVATE: u8 = 0x3a;
const SET_PASSWORD: u8 = 0x47;

/// §13.28 and tables 13-17 to 13-19, by their numbers.
const AUTHENTICATION: &[&str] = &["none", "rakp-hmac-sha1", "rakp-hmac-md5", "rakp-hmac-sha256"];
const INTEGRITY: &[&str] = &["none", "hmac-sha1-96", "hmac-md5-128", "md5-128", "hmac-sha256-128"];
const CONFIDENTIALITY: &[&str] = &["none", "aes-cbc-128", "xrc4-128", "xrc4-40"];
/// Table 13-8: authentication types of IPMI 1.5.
const TYPES: &[(u8, &str)] = &[(0, "none"), (1, "md2"), (2, "md5"), (4, "password"), (5, "oem")];
/// §22.13: who may log in.
const STATUS: &[(u8, &str)] = &[(0, "anonymous"), (1, "null-user"), (4, "no-per-message-authentication"), (3, "no-user-level-authentication")];

impl Dissector for Ipmi {
    type State = LogIn;

    const ROW: Row = Row {
        name: "ipmi",
        revision: 1,
        spec: "IPMI 2.0 revision 1.1, DMTF DSP0136",
        tells: "maker, product, firmware, GUID of management controllers, authentication and cipher suites, power commands",
        bindings: &[Binding::Udp(PORT)],
        shapes: &[Shape { over: Transport::Udp, bytes: &[(0, 0xff, 6), (1, 0xff, 0), (3, 0xfe, 6)], min: 12, max: 1500 }],
        operations: &OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if packet(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let server = match packet(head) {
            Some(Packet::Asf { kind, .. }) => kind == PONG,
            Some(Packet::Setup { kind, .. }) => kind % 2 == 1,
            Some(Packet::Message(message)) => message.function % 2 == 1,
            Some(Packet::Opaque { .. }) | None => return Side::Unknown,
        };
        if server { Side::Server } else { Side::Client }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let Some(packet) = packet(head) else { return Glance::SKIP };
        let asks = at.from_client != Some(false);
        match packet {
            Packet::Asf { kind, .. } => Glance { operation: find(CODES, KEY_PING).filter(|_| kind == PING), look: Look::Always, inner: None },
            Packet::Setup { kind, .. } => Glance { operation: find(CODES, 0x1_0000 | u32::from(kind)), look: Look::Always, inner: None },
            Packet::Message(message) => {
                let key = u32::from(message.function) << 8 | u32::from(message.command);
                let operation = find(CODES, key).or_else(|| find(CODES, KEY_OTHER)).filter(|_| message.function % 2 == 0);
                let telling = message.function & !1 == APP;
                Glance { operation, look: if telling { Look::Always } else { Look::Never }, inner: None }
            }
            Packet::Opaque { serial } => {
                let key = if serial { KEY_SERIAL } else { KEY_ENCRYPTED };
                Glance { operation: find(CODES, key).filter(|_| asks), look: Look::Never, inner: None }
            }
        }
    }

    fn read(&self, pdu: &[u8], log_in: &mut LogIn, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        match packet(pdu).ok_or(DissectError::NotMine)? {
            Packet::Asf { kind: PONG, body } => {
                let about = cx.sender();
                let maker = body.get(..4).filter(|maker| **maker != ASF_ENTERPRISE && **maker != [0; 4]);
                let saying =
                    cx.say(&about, Kind::Identity).maybe(maker, |s, maker| s.number(Field::EnterpriseNumber, crate::tlv::number(maker), maker));
                drop(saying);
            }
            Packet::Setup { kind, body } => log_in.set_up(kind, body, cx),
            Packet::Message(message) => log_in.message(&message, cx),
            Packet::Asf { .. } | Packet::Opaque { .. } => {}
        }
        Ok(Next::Watch)
    }
}

enum Packet<'a> {
    Asf { kind: u8, body: &'a [u8] },
    Setup { kind: u8, body: &'a [u8] },
    Message(Message<'a>),
    Opaque { serial: bool },
}

struct Message<'a> {
    /// The session's authentication type.
    session: u8,
    function: u8,
    command: u8,
    data: &'a [u8],
}

/// §13.1.3, §13.6: RMCP, then ASF or a session.
fn packet(bytes: &[u8]) -> Option<Packet<'_>> {
    let (&[6, 0, _, class], rest) = bytes.split_first_chunk::<RMCP>()? else { return None };
    match class {
        ASF_CLASS => {
            let (head, body) = rest.split_first_chunk::<8>()?;
            let &[a, b, c, d, kind, _, 0, length] = head else { return None };
            let whole = [a, b, c, d] == ASF_ENTERPRISE && body.len() >= usize::from(length) && matches!(kind, 0x10..=0xcf);
            whole.then(|| Packet::Asf { kind, body: body.get(..usize::from(length)).unwrap_or(body) })
        }
        IPMI_CLASS => match rest.split_first()? {
            (&RMCP_PLUS, rest) => plus(rest),
            (&kind, rest) if TYPES.iter().any(|known| known.0 == kind) => {
                let rest = rest.get(SESSION..)?;
                let rest = if kind == 0 { rest } else { rest.get(CODE..)? };
                let (&length, rest) = rest.split_first()?;
                message(kind, rest.get(..usize::from(length))?).map(Packet::Message)
            }
            _ => None,
        },
        _ => None,
    }
}

/// §13.6, RMCP+: payload type, session, sequence, length.
fn plus(rest: &[u8]) -> Option<Packet<'_>> {
    let (&bits, rest) = rest.split_first()?;
    let kind = bits & 0x3f;
    let rest = if kind == OEM { rest.get(6..)? } else { rest };
    let (&[low, high], rest) = rest.get(SESSION..)?.split_first_chunk::<2>()?;
    let body = rest.get(..usize::from(u16::from_le_bytes([low, high])))?;
    match kind {
        _ if bits & ENCRYPTED_BIT != 0 => Some(Packet::Opaque { serial: kind == SERIAL }),
        MESSAGE => message(RMCP_PLUS, body).map(Packet::Message),
        SERIAL => Some(Packet::Opaque { serial: true }),
        OPEN_REQUEST..=RAKP_4 if body.len() >= 8 => Some(Packet::Setup { kind, body }),
        OEM | 0x20..=0x27 => Some(Packet::Opaque { serial: false }),
        _ => None,
    }
}

/// §13.8: two addresses, two sums that make each half zero.
fn message(session: u8, body: &[u8]) -> Option<Message<'_>> {
    let (&[to, function, sum, _, _, command], rest) = body.split_first_chunk::<6>()?;
    let (_, data) = rest.split_last()?;
    let zero = to.wrapping_add(function).wrapping_add(sum) == 0;
    zero.then_some(Message { session, function: function >> 2, command, data })
}

/// How far a log-in is.
#[derive(Default)]
pub(crate) struct LogIn {
    algorithm: Option<u8>,
    /// It is of no user's name.
    nobody: bool,
}

impl LogIn {
    /// §13.17 to §13.24.
    fn set_up(&mut self, kind: u8, body: &[u8], cx: &mut Context<'_>) {
        let about = cx.sender();
        let accepted = body.get(1) == Some(&0);
        match kind {
            OPEN_RESPONSE if accepted => {
                let saying = cx.say(&about, Kind::Security);
                let saying = algorithm(saying, Field::AuthenticationMethod, AUTHENTICATION, body.get(16..17));
                let saying = algorithm(saying, Field::IntegrityMethod, INTEGRITY, body.get(24..25));
                drop(algorithm(saying, Field::EncryptionMethod, CONFIDENTIALITY, body.get(32..33)));
                self.algorithm = body.get(16).copied();
            }
            RAKP_1 => self.nobody = body.get(27) == Some(&0),
            // §13.21: behind both session's ids, the random number and the GUID stands a digest of the password.
            RAKP_2 if accepted => {
                drop(body.get(24..40).filter(|guid| **guid != [0; 16]).map(|guid| cx.say(&about, Kind::Identity).bytes(Field::Uuid, guid)));
                if body.get(40..).is_some_and(|code| !code.is_empty()) {
                    cx.say(&about, Kind::Security).implied(Field::Protection, &word("password digest shown before log-in"));
                }
            }
            RAKP_4 if accepted => {
                let method = self.algorithm.and_then(|number| AUTHENTICATION.get(usize::from(number)));
                let saying = cx.say(&about, Kind::Security).implied(Field::Outcome, &word("accepted"));
                let saying = saying.maybe(method, |s, method| s.implied(Field::AuthenticationMethod, &word(method)));
                drop(if self.nobody { saying.implied(Field::AuthenticationMethod, &word("null-user")) } else { saying });
            }
            _ => {}
        }
    }

    fn message(&mut self, message: &Message<'_>, cx: &mut Context<'_>) {
        match (message.function, message.command, message.data) {
            // §22.16: a type and a name of sixteen bytes.
            (APP, GET_CHALLENGE, [_, name @ ..]) => self.nobody = name.iter().all(|byte| *byte == 0),
            // §22.30: user, operation, password.
            (APP, SET_PASSWORD, [_, operation, password @ ..]) if operation & 3 >= 2 => {
                let holder = cx.receiver();
                cx.secret(&holder, "ipmi password", None, crate::context::trim(password));
            }
            (7, command, [0, data @ ..]) => self.answered(command, data, message.session, cx),
            _ => {}
        }
    }

    fn answered(&self, command: u8, data: &[u8], session: u8, cx: &mut Context<'_>) {
        let about = cx.sender();
        match (command, data) {
            (GET_DEVICE_ID, data) => device(data, cx),
            (GET_DEVICE_GUID | GET_SYSTEM_GUID, guid) if guid.len() == 16 && guid.iter().any(|byte| *byte != 0) => {
                cx.say(&about, Kind::Identity).bytes(Field::Uuid, guid);
            }
            (GET_CAPABILITIES, &[_, offered, status, ..]) => {
                let (types, users) = (data.get(1..2).unwrap_or_default(), data.get(2..3).unwrap_or_default());
                let offer = |bit: &u8, bits: u8| bits & 1 << *bit != 0;
                let said = cx.say(&about, Kind::Security).implied(Field::Outcome, &word(login::OFFERED));
                let said = TYPES
                    .iter()
                    .filter(|row| offer(&row.0, offered))
                    .fold(said, |saying, row| saying.decoded(Field::AuthenticationMethod, &word(row.1), types, "ipmi-authentication-types"));
                let rest = STATUS.iter().filter(|row| offer(&row.0, status));
                drop(rest.fold(said, |saying, row| saying.decoded(Field::AuthenticationMethod, &word(row.1), users, "ipmi-log-in-status")));
            }
            (ACTIVATE, _) => {
                let method = TYPES.iter().find(|row| row.0 == session).map(|row| row.1);
                let saying = cx.say(&about, Kind::Security).implied(Field::Outcome, &word("accepted"));
                let saying = saying.maybe(method, |s, method| s.implied(Field::AuthenticationMethod, &word(method)));
                drop(if self.nobody { saying.implied(Field::AuthenticationMethod, &word("null-user")) } else { saying });
            }
            _ => {}
        }
    }
}

fn algorithm<'s, 'a>(saying: crate::context::Saying<'s, 'a>, field: Field, words: &[&str], byte: Option<&[u8]>) -> crate::context::Saying<'s, 'a> {
    let number = byte.and_then(<[u8]>::first).map(|byte| usize::from(byte & 0x3f));
    match (number.and_then(|number| words.get(number)), byte) {
        (Some(name), Some(slice)) => saying.decoded(field, &word(name), slice, "ipmi-algorithm"),
        _ => saying,
    }
}

/// §20.1: what a controller is.
fn device(data: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender();
    let mut saying = cx.say(&about, Kind::Identity);
    if let (Some(slice), Some(&[major, minor])) = (data.get(2..4), data.get(2..).and_then(<[u8]>::first_chunk)) {
        let version = Value::Text(format!("{}.{minor:02x}", major & 0x7f).into_bytes());
        saying = saying.decoded(Field::FirmwareVersion, &version, slice, "ipmi-firmware");
    }
    if let (Some(slice), Some(&[a, b, c])) = (data.get(6..9), data.get(6..).and_then(<[u8]>::first_chunk)) {
        saying = saying.number(Field::EnterpriseNumber, u64::from(u32::from_le_bytes([a, b, c, 0]) & 0xf_ffff), slice);
    }
    if let (Some(slice), Some(&[a, b])) = (data.get(9..11), data.get(9..).and_then(<[u8]>::first_chunk)) {
        saying = saying.number(Field::IpmiProductId, u64::from(u16::from_le_bytes([a, b])), slice);
    }
    drop(saying);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};

    fn session(body: &[u8]) -> Vec<u8> {
        [&[6, 0, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn plus(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[6, 0, 0xff, 7, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0, u8::try_from(body.len()).unwrap(), 0][..], body].concat()
    }

    const DEVICE_ID: &[u8] = &[
        0x81, 0x1c, 0x63, // to, function, sum
        0x20, 0x0c, 0x01, 0, // from, sequence, command, completion
        0x20, 0x81, 0x03, 0x45, 0x02, 0xbf, // device, revision, firmware, IPMI version, support
        0x7c, 0x2a, 0x00, 0x34, 0x12, // maker, product
        0, 0, 0, 0, 0, // auxiliary, sum
    ];

    #[test]
    fn a_controller_says_what_it_is() {
        let said = payload(&Ipmi, Transport::Udp, PORT, 50000, &session(DEVICE_ID));
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["3.45"]);
        assert_eq!(field(&said, Kind::Identity, Field::EnterpriseNumber), ["10876"]);
        assert_eq!(field(&said, Kind::Identity, Field::IpmiProductId), ["4660"]);
    }

    #[test]
    fn what_a_controller_offers_is_told_from_what_is_used() {
        let offered = [0x81, 0x1c, 0x63, 0x20, 0, 0x38, 0, 1, 0x95, 0x07, 3, 0, 0, 0, 0, 8];
        let said = payload(&Ipmi, Transport::Udp, PORT, 50000, &session(&offered));
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["none", "md5", "password", "anonymous", "null-user"]);
        assert_eq!(field(&said, Kind::Security, Field::Outcome), ["offered"]);
    }

    #[test]
    fn cipher_suite_zero_and_a_null_user_are_told_when_accepted() {
        let mut open = vec![0, 0, 4, 0];
        open.extend([0; 8]);
        for kind in 0..3u8 {
            open.extend([kind, 0, 0, 8, 0, 0, 0, 0]);
        }
        let first = [&[0; 24][..], &[4, 0, 0, 0]].concat();
        let talk = [(PORT, 50000, plus(OPEN_RESPONSE, &open)), (50000, PORT, plus(RAKP_1, &first)), (PORT, 50000, plus(RAKP_4, &[0; 8]))];
        let talk: Vec<(u16, u16, &[u8])> = talk.iter().map(|(from, to, bytes)| (*from, *to, &bytes[..])).collect();
        let said = conversation(&Ipmi, Transport::Udp, &talk);
        let mut methods = field(&said, Kind::Security, Field::AuthenticationMethod);
        methods.sort();
        assert_eq!(methods, ["none", "none", "null-user"]);
        assert_eq!(field(&said, Kind::Security, Field::EncryptionMethod), ["none"]);
        assert_eq!(field(&said, Kind::Security, Field::Outcome), ["accepted"]);
    }

    #[test]
    fn a_digest_before_the_log_in_is_told() {
        let second = [&[0; 24][..], &[7; 16], &[9; 20]].concat();
        let said = payload(&Ipmi, Transport::Udp, PORT, 50000, &plus(RAKP_2, &second));
        assert_eq!(field(&said, Kind::Security, Field::Protection), ["password digest shown before log-in"]);
    }

    #[test]
    fn it_is_found_elsewhere_and_strangers_are_refused() {
        let said = payload(&Ipmi, Transport::Udp, 6230, 50000, &session(DEVICE_ID));
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["3.45"]);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 40], &[6; 40], &session(DEVICE_ID)[..20], &[6, 0, 0xff, 7]] {
            assert_eq!(gate(&Ipmi, stranger, PORT), Gate::NotMine);
        }
    }
}
