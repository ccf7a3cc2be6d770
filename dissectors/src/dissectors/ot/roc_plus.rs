//! ROC Plus, as ROC800, FloBoss and DL8000 flow computers speak it: addresses, logins, and what is read and written.
//!
//! Spec: Emerson D301180X012 (ROC Plus Protocol Specifications Manual, 2022); CISA's icsnpp-roc-plus (BSD-3).
//! Tells us: type number, unit and group addresses, station name; whether a login is needed; reads, writes, file transfers.
//! Does not tell: firmware and serial number where nobody reads them; whether a login's password is strong (four digits do).

use crate::codes::{self, Code};
use crate::context::Context;
use crate::crc;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Side};
use nom::bytes::take;
use nom::number::u8;
use nom::{IResult, Parser};
use observations::OperationClass::{Configure, Diagnose, Program, Read, Session, Write};
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct RocPlus;

/// Destination and source with unit and group each, opcode, length; then data and two bytes of checksum.
const HEADER: usize = 6;
const CHECKSUM: usize = 2;
const SYSTEM_CONFIGURATION: u8 = 6;
const LOGIN: u8 = 17;
const READ_SINGLE_POINT: u8 = 167;
const READ_PARAMETERS: u8 = 180;
/// Point types of system variables, of ROC800 and of FloBoss, and their parameter of twenty characters that names the station.
const SYSTEM_VARIABLES: [u8; 2] = [91, 15];
const STATION_NAME: u8 = 2;
const STATION_NAME_LENGTH: usize = 20;
/// Opcode 6, answer: where the type stands behind eleven reserved bytes.
const RESERVED: usize = 11;
/// Login with three characters and a number, and with 30 and 40 characters, then the access level; to log out, six characters instead.
const STANDARD_LOGIN: usize = 6;
const STANDARD_LOGOUT: usize = 11;
const ENHANCED_LOGIN: usize = 71;
const ENHANCED_LOGOUT: usize = 76;
const SESSION_KEY_REQUEST: usize = 13;

const OTHER: u32 = 0x100;
const OPCODES: &[Code] = &[
    (6, "system_configuration", Diagnose),
    (7, "read_realtime_clock", Diagnose),
    (8, "set_realtime_clock", Configure),
    (10, "read_configurable_opcode_point_data", Read),
    (11, "write_configurable_opcode_point_data", Write),
    (17, "login_request", Session),
    (24, "store_and_forward", Session),
    (50, "request_io_point_position", Read),
    (100, "access_user_defined_information", Diagnose),
    (105, "request_today_yesterday_min_max_values", Read),
    (108, "request_history_tag_and_periodic_index", Read),
    (118, "request_alarm_data", Diagnose),
    (119, "request_event_data", Diagnose),
    (135, "request_single_history_point_data", Read),
    (136, "request_multiple_history_point_data", Read),
    (137, "request_history_index", Read),
    (138, "request_daily_and_periodic_history", Read),
    (139, "history_information_data", Read),
    (166, "set_single_point_parameters", Write),
    (167, "request_single_point_parameters", Read),
    (180, "request_parameters", Read),
    (181, "write_parameters", Write),
    (203, "general_file_transfer", Program),
    (205, "peer_to_peer_network_messages", Session),
    (206, "read_transaction_history_data", Read),
    (224, "srbx_signal", Session),
    (225, "acknowledge_srbx", Session),
    (255, "error_indicator", Session),
    (OTHER, "other_opcode", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &codes::operations::<{ OPCODES.len() }>(OPCODES);

impl Dissector for RocPlus {
    type State = ();

    const ROW: Row = Row {
        name: "roc_plus",
        revision: 1,
        spec: "Emerson D301180X012; CISA icsnpp-roc-plus",
        tells: "type number, addresses, station name, logins; reads, writes, file transfers",
        bindings: &[Binding::Tcp(4000), Binding::Udp(4000)],
        // Nothing but a checksum tells it from others.
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Ok((rest, message)) = message(head) else { return Gate::NotMine };
        let follows = rest.is_empty() || self::message(rest).is_ok();
        if codes::knows(OPCODES, message.opcode.into()) && follows { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match message(head) {
            Ok((_, message)) => message.side(),
            Err(_) => Side::Unknown,
        }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match head.get(HEADER - 1) {
            Some(length) => {
                let len = HEADER + usize::from(*length) + CHECKSUM;
                // Where the bytes are there, the checksum tells whether a message begins here.
                if head.len() >= len && crc::checked(head.get(..len).unwrap_or_default()).is_none() {
                    return Framing::Lost;
                }
                Framing::Pdu { len, want: len }
            }
            None => Framing::Need(HEADER),
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let (Some(&opcode), Some(&length)) = (head.get(4), head.get(5)) else { return Glance::SKIP };
        let request = match (at.from_client, message(head).map(|(_, message)| message.side())) {
            (_, Ok(Side::Client)) => true,
            (_, Ok(Side::Server)) => false,
            (client, _) => client != Some(false),
        };
        let operation = codes::find(OPCODES, opcode.into()).or_else(|| codes::find(OPCODES, OTHER));
        let look = match opcode {
            LOGIN | SYSTEM_CONFIGURATION => Look::Always,
            READ_SINGLE_POINT | READ_PARAMETERS if head.get(HEADER..HEADER + 4).is_some_and(is_station_name) => Look::Always,
            _ => Look::Once(u32::from(opcode) | u32::from(request) << 8 | u32::from(length == 0) << 9),
        };
        Glance { operation: operation.filter(|_| request || opcode == 255), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let (_, message) = message(pdu)?;
        let serves = match message.side() {
            Side::Server => true,
            Side::Client => false,
            Side::Unknown => cx.from_client() == Some(false),
        };
        if serves {
            answered(&message, cx)?
        } else {
            asked(&message, cx)?
        }
        Ok(Next::Watch)
    }
}

struct Message<'a> {
    source: &'a [u8],
    opcode: u8,
    data: &'a [u8],
}

/// A whole message whose checksum is right, and what follows it.
fn message(i: &[u8]) -> IResult<&[u8], Message<'_>> {
    let (rest, (_destination, source, opcode, length)) = (take(2usize), take(2usize), u8(), u8()).parse(i)?;
    let (rest, data) = take(length).parse(rest)?;
    let (rest, _checksum) = take(CHECKSUM).parse(rest)?;
    let frame = i.get(..i.len() - rest.len()).unwrap_or_default();
    if crc::checked(frame).is_none() {
        return Err(nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::Verify }));
    }
    Ok((rest, Message { source, opcode, data }))
}

impl Message<'_> {
    /// Where the length of the data tells a request from its answer.
    const fn side(&self) -> Side {
        match (self.opcode, self.data.len()) {
            (6 | 7, 0) | (17, STANDARD_LOGIN | STANDARD_LOGOUT | ENHANCED_LOGIN | ENHANCED_LOGOUT | SESSION_KEY_REQUEST) => Side::Client,
            (6 | 7 | 255, _) | (8 | 11 | 17 | 166 | 181, 0) | (17, 24) => Side::Server,
            (8 | 11 | 166 | 181, _) => Side::Client,
            _ => Side::Unknown,
        }
    }
}

fn is_station_name(data: &[u8]) -> bool {
    matches!(data, [kind, ..] if SYSTEM_VARIABLES.contains(kind)) || matches!(data, [1, kind, _, STATION_NAME] if SYSTEM_VARIABLES.contains(kind))
}

/// Logins: operator and password, in clear.
fn asked(message: &Message<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (user, password) = match (message.opcode, message.data.len()) {
        (LOGIN, STANDARD_LOGIN | STANDARD_LOGOUT) => (3usize, 2usize),
        (LOGIN, ENHANCED_LOGIN | ENHANCED_LOGOUT) => (30, 40),
        _ => return Ok(()),
    };
    let (_, (user, password)) = (take::<_, _, nom::error::Error<&[u8]>>(user), take(password)).parse(message.data)?;
    let holder = cx.receiver();
    let number = password.first_chunk().map(|bytes| u16::from_le_bytes(*bytes).to_string()).filter(|_| password.len() == 2);
    let password = number.as_ref().map_or_else(|| crate::context::trim(password), |number| number.as_bytes());
    cx.secret(&holder, "roc login", Some(crate::context::trim(user)), password);
    Ok(())
}

fn answered(message: &Message<'_>, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.sender();
    let (unit, group) = message.source.split_at_checked(1).unwrap_or_default();
    cx.say(&about, Kind::Part).number(Field::NetworkNumber, crate::tlv::number(group), group).number(
        Field::NodeAddress,
        crate::tlv::number(unit),
        unit,
    );
    match message.opcode {
        SYSTEM_CONFIGURATION => {
            // Mode, port (2), security mode, compatibility, revision, subtype; reserved; type.
            let (i, (_head, _reserved)) = (take::<_, _, nom::error::Error<&[u8]>>(7usize), take(RESERVED)).parse(message.data)?;
            let (_, kind) = take::<_, _, nom::error::Error<&[u8]>>(1usize).parse(i)?;
            cx.say(&about, Kind::Identity).number(Field::ModelCode, crate::tlv::number(kind), kind);
        }
        // Who takes a login knows of logins.
        LOGIN if message.data.is_empty() => {
            cx.say(&about, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"password".to_vec()));
        }
        READ_SINGLE_POINT | READ_PARAMETERS => {
            if let Some(name) = station_name(message) {
                cx.say(&about, Kind::Identity).trimmed(Field::SystemName, name);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Opcode 167: type, logical number, count, first parameter, then the values (two of one byte stand before the name). Opcode 180: count,
/// then type, logical number, parameter and value of each; the first has a place that is known.
fn station_name<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let name = match (message.opcode, message.data) {
        (READ_SINGLE_POINT, [kind, _, count, 0, _, _, values @ ..]) if SYSTEM_VARIABLES.contains(kind) && *count >= 3 => values,
        (READ_SINGLE_POINT, [kind, _, 1..=255, STATION_NAME, values @ ..]) if SYSTEM_VARIABLES.contains(kind) => values,
        (READ_PARAMETERS, [1..=255, kind, _, STATION_NAME, values @ ..]) if SYSTEM_VARIABLES.contains(kind) => values,
        _ => return None,
    };
    let name = name.get(..STATION_NAME_LENGTH)?;
    (name.iter().all(|byte| (0x20..0x7f).contains(byte)) && !name.trim_ascii().is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate};
    use observations::Transport;

    fn message(opcode: u8, data: &[u8]) -> Vec<u8> {
        let frame = [&[1, 2, 3, 4, opcode, u8::try_from(data.len()).unwrap()], data].concat();
        [&frame[..], &crc::crc16(crc::ONES, &frame).to_le_bytes()].concat()
    }

    #[test]
    fn a_configuration_says_type_and_addresses() {
        let mut data = vec![1, 0, 2, 0, 2, 1, 1];
        data.extend_from_slice(&[0; 11]);
        data.push(6);
        data.extend_from_slice(&[1; 78]);
        let said = conversation(&RocPlus, Transport::Tcp, &[(50000, 4000, &message(6, &[])), (4000, 50000, &message(6, &data))]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelCode), ["6"]);
        assert_eq!(field(&said, Kind::Part, Field::NodeAddress), ["3"]);
        assert_eq!(field(&said, Kind::Part, Field::NetworkNumber), ["4"]);
    }

    #[test]
    fn a_station_is_named_by_its_parameter_alone() {
        let named = [&[1, 91, 0, STATION_NAME][..], b"Wellpad 7           "].concat();
        let other = [&[1, 91, 0, 7][..], b"Wellpad 7           "].concat();
        let said = |answer: &[u8]| {
            conversation(&RocPlus, Transport::Tcp, &[(50000, 4000, &message(180, &[1, 91, 0, 2])), (4000, 50000, &message(180, answer))])
        };
        assert_eq!(field(&said(&named), Kind::Identity, Field::SystemName), ["Wellpad 7"]);
        assert!(field(&said(&other), Kind::Identity, Field::SystemName).is_empty());
    }

    #[test]
    fn a_login_is_a_credential_and_never_quoted() {
        let said = conversation(&RocPlus, Transport::Tcp, &[(50000, 4000, &message(LOGIN, b"LOI\xe8\x03\x05")), (4000, 50000, &message(LOGIN, &[]))]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["roc login"]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretLengthClass), ["1"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["password"]);
        assert!(said.iter().all(|said| !said.fields.iter().any(|value| value.value.display() == "1000")));
    }

    #[test]
    fn opcodes_have_their_names() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: 4000, from_client: Some(true) };
        let name = |frame: &[u8]| RocPlus.glance(frame, &at).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&message(181, &[1, 91, 0, 2, 1])), Some("write_parameters"));
        assert_eq!(name(&message(203, &[3, 0])), Some("general_file_transfer"));
        assert_eq!(name(&message(181, &[])), None);
    }

    #[test]
    fn strangers_and_wrong_checksums_are_refused() {
        let mut wrong = message(6, &[]);
        wrong[7] ^= 1;
        for stranger in [&wrong[..], b"GET / HTTP/1.1\r\n\r\n", &[0; 40], &message(5, &[]), &message(6, &[1, 2, 3])[..9]] {
            assert_eq!(gate(&RocPlus, stranger, 4000), Gate::NotMine);
        }
    }
}
