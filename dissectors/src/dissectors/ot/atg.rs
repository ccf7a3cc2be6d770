//! Automatic tank gauges: stations, their tanks' software, and what is asked of them and set.
//!
//! Spec: Veeder-Root 576013-635 (Serial Interface Manual, TLS-300/350 and others) chapters 5 to 7, display format.
//! Tells us: the station's header, software revision; reports that are asked for, settings that are made; security codes.
//! Does not tell: maker and serial number (others speak the same commands); who asks.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::OperationClass::{Configure, Control, Diagnose, Read, Session};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct Atg;

const SOH: u8 = 1;
const ETX: u8 = 3;
/// I or S, three digits of function, two of tank or sensor.
const FUNCTION: usize = 6;
/// 576013-635 4.2: a security code has six characters.
const SECURITY_CODE: usize = 6;
/// Header lines of a station: the gauge has four of twenty characters.
const HEADER_LINES_MAX: usize = 4;
const LINE_MAX: usize = 40;
/// What answers a function that there is not.
const UNRECOGNISED: &[u8] = b"9999FF1B";

/// Functions by their first digits, the longest first: names of chapters 7.1 to 7.4.
const FUNCTIONS: &[(&[u8], &str, OperationClass)] = &[
    (b"I101", "system_status_report", Diagnose),
    (b"I102", "system_configuration_report", Diagnose),
    (b"I111", "priority_alarm_history_report", Diagnose),
    (b"I112", "non_priority_alarm_history_report", Diagnose),
    (b"I201", "in_tank_inventory_report", Read),
    (b"I202", "in_tank_delivery_report", Read),
    (b"I203", "in_tank_leak_detect_report", Read),
    (b"I204", "in_tank_shift_inventory_report", Read),
    (b"I205", "in_tank_status_report", Read),
    (b"I206", "in_tank_alarm_history_report", Read),
    (b"I902", "system_revision_level_report", Diagnose),
    (b"I5", "system_setup_report", Diagnose),
    (b"I6", "in_tank_setup_report", Diagnose),
    (b"I7", "sensor_setup_report", Diagnose),
    (b"I", "report", Read),
    (b"S001", "system_reset", Control),
    (b"S002", "system_reset_alarms", Control),
    (b"S003", "clear_alarms", Control),
    (b"S052", "start_in_tank_leak_test", Control),
    (b"S053", "stop_in_tank_leak_test", Control),
    (b"S501", "set_time_of_day", Configure),
    (b"S503", "set_print_header", Configure),
    (b"S602", "set_tank_product_label", Configure),
    (b"S628", "set_tank_full_volume", Configure),
    (b"S5", "set_system_setup", Configure),
    (b"S6", "set_in_tank_setup", Configure),
    (b"S7", "set_sensor_setup", Configure),
    (b"S", "control", Control),
    (UNRECOGNISED, "unrecognised_function", Session),
];
const OPERATIONS: &[(&str, OperationClass)] = &operations();

#[allow(clippy::indexing_slicing, reason = "evaluated when compiled")]
const fn operations() -> [(&'static str, OperationClass); FUNCTIONS.len()] {
    let (mut operations, mut at) = ([("", Session); FUNCTIONS.len()], 0);
    while at < FUNCTIONS.len() {
        operations[at] = (FUNCTIONS[at].1, FUNCTIONS[at].2);
        at += 1;
    }
    operations
}

impl Dissector for Atg {
    type State = ();

    const ROW: Row = Row {
        name: "atg",
        revision: 1,
        spec: "Veeder-Root 576013-635",
        tells: "the station's header, software revision; reports, settings, resets, security codes",
        bindings: &[Binding::Tcp(10001), Binding::Tcp(8001)],
        shapes: &[
            // SOH, I or S in either case, five digits; or that behind a security code.
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, SOH), (1, 0xc5, 0x41), (2, 0xf0, 0x30), (3, 0xf0, 0x30), (4, 0xf0, 0x30), (5, 0xf0, 0x30), (6, 0xf0, 0x30)],
                min: 1 + FUNCTION,
                max: usize::MAX,
            },
            Shape {
                over: Transport::Tcp,
                bytes: &[(0, 0xff, SOH), (7, 0xc5, 0x41), (8, 0xf0, 0x30), (9, 0xf0, 0x30), (10, 0xf0, 0x30), (11, 0xf0, 0x30), (12, 0xf0, 0x30)],
                min: 1 + SECURITY_CODE + FUNCTION,
                max: usize::MAX,
            },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = [at.src_port, at.dst_port].iter().any(|port| matches!(*port, 10001 | 8001));
        if command(head).is_some() || bound && answer(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match (command(head), answer(head)) {
            (Some(_), _) => Side::Client,
            (None, Some(_)) => Side::Server,
            (None, None) => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        if at.from_client == Some(false) {
            let refused = trim(head).starts_with(UNRECOGNISED);
            let look = if answer(head).is_some() { Look::Always } else { Look::Never };
            return Glance { operation: operation(UNRECOGNISED).filter(|_| refused), look, inner: None };
        }
        let Some(command) = command(head) else { return Glance::SKIP };
        let operation = operation(command.function);
        let secret = command.code.is_some();
        let look = if secret { Look::Always } else { Look::Once(operation.unwrap_or(0).into()) };
        Glance { operation, look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.from_client() != Some(false) {
            if let Some(code) = command(pdu).and_then(|command| command.code) {
                let holder = cx.receiver();
                cx.secret(&holder, "tank gauge security code", None, code);
                cx.say(&holder, Kind::Security).implied(Field::AuthenticationMethod, &Value::Text(b"security code".to_vec()));
            }
        } else if let Some((function, rest)) = answer(pdu) {
            let about = cx.sender();
            told(function, rest, &about, cx);
        }
        Ok(Next::Watch)
    }
}

struct Command<'a> {
    code: Option<&'a [u8]>,
    function: &'a [u8],
}

/// SOH, a security code if one is needed, the function; whoever types it ends it with a line.
fn command(head: &[u8]) -> Option<Command<'_>> {
    let rest = head.strip_prefix(&[SOH])?;
    let (function, behind) = rest.split_at_checked(FUNCTION)?;
    if is_function(function) && (!function.starts_with(b"I") || ends(behind)) {
        return Some(Command { code: None, function });
    }
    let (function, behind) = behind.split_at_checked(FUNCTION)?;
    let code = rest.get(..SECURITY_CODE).filter(|code| code.iter().all(u8::is_ascii_alphanumeric))?;
    (is_function(function) && (!function.starts_with(b"I") || ends(behind))).then_some(Command { code: Some(code), function })
}

/// What may follow a question: nothing, the line's end, a terminal's negotiation.
const fn ends(rest: &[u8]) -> bool {
    matches!(rest, [] | [b'\r' | b'\n' | ETX | 0xff, ..])
}

fn is_function(bytes: &[u8]) -> bool {
    matches!(bytes, [b'I' | b'S' | b'i' | b's', digits @ ..] if digits.len() == FUNCTION - 1 && digits.iter().all(u8::is_ascii_digit))
}

fn operation(function: &[u8]) -> Option<u16> {
    let upper: Vec<u8> = function.iter().take(FUNCTION.max(UNRECOGNISED.len())).map(u8::to_ascii_uppercase).collect();
    FUNCTIONS.iter().position(|row| upper.starts_with(row.0)).and_then(|at| u16::try_from(at).ok())
}

/// 576013-635 5.1.1: the function comes back on a line of its own, then date and time, then the station's header.
fn answer(head: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = head.strip_prefix(&[SOH]).unwrap_or(head);
    let begin = rest.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let (function, rest) = rest.get(begin..)?.split_at_checked(FUNCTION)?;
    // A command has no line's end before it.
    let line = begin > 0 && matches!(rest, [b'\r' | b'\n', ..]);
    (line && is_function(function)).then_some((function, rest))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(trim)
}

fn told(function: &[u8], rest: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let text = rest.split(|byte| *byte == ETX).next().unwrap_or_default();
    let mut all = lines(text).filter(|line| !line.is_empty());
    let Some(date) = all.next().filter(|date| date.iter().any(u8::is_ascii_digit) && date.contains(&b':')) else { return };
    if function.to_ascii_uppercase().starts_with(b"I201")
        && let Some(header) = station(text, date)
    {
        cx.say(about, Kind::Identity).decoded(Field::Location, &Value::Text(joined(header)), header, "text-lines");
    }
    if function.eq_ignore_ascii_case(b"I90200") {
        let version = lines(text).find_map(|line| line.strip_prefix(b"VERSION ")).map(trim);
        if let Some(version) = version.filter(|version| !version.is_empty() && version.len() <= LINE_MAX) {
            cx.say(about, Kind::Identity).text(Field::SoftwareVersion, version);
        }
    }
}

/// The title of the report that is read for the header: reports of a gauge without a header begin with theirs.
const INVENTORY: &[u8] = b"INVENTORY";

/// The lines between date and report: a blank line ends them, and the report's title follows.
fn station<'a>(text: &'a [u8], date: &[u8]) -> Option<&'a [u8]> {
    let behind = date.as_ptr().addr().checked_sub(text.as_ptr().addr())? + date.len();
    let rest = text.get(behind..)?;
    let begin = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
    // One blank line stands between; more mean that there is no header.
    if rest.get(..begin)?.iter().filter(|byte| **byte == b'\n').count() > 3 {
        return None;
    }
    let rest = rest.get(begin..)?;
    let mut end = 0;
    for line in rest.split(|byte| *byte == b'\n').take(HEADER_LINES_MAX) {
        if trim(line).is_empty() {
            break;
        }
        if line.len() > LINE_MAX || !line.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
            return None;
        }
        end += line.len() + 1;
    }
    // Behind the header stands a blank line, or these lines were the report itself.
    let blank = rest.get(end..).and_then(|rest| rest.split(|byte| *byte == b'\n').next()).is_some_and(|line| trim(line).is_empty());
    let (header, report) = rest.split_at_checked(end)?;
    let titled = |text: &[u8]| text.windows(INVENTORY.len()).any(|window| window == INVENTORY);
    let header = trim(header);
    (blank && !header.is_empty() && titled(report) && !titled(header)).then_some(header)
}

/// Lines as one, with commas.
fn joined(header: &[u8]) -> Vec<u8> {
    lines(header).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(&b", "[..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};

    const INVENTORY: &[u8] =
        b"\x01\r\nI20100\r\nMAR  2, 2026  8:00 AM\r\n\r\nRIVERSIDE FUEL\r\n12 DOCK ROAD\r\nHARBOUR TOWN\r\n\r\n\r\nIN-TANK INVENTORY\r\n\r\n\
        TANK PRODUCT             VOLUME TC VOLUME   ULLAGE   HEIGHT    WATER     TEMP\r\n  1  SUPER  8394\r\n\x03";
    const REVISION: &[u8] =
        b"\x01\r\nI90200\r\nMAR  2, 2026  8:01 AM\r\n\r\nSOFTWARE REVISION LEVEL\r\nVERSION 131.02\r\nSOFTWARE# 346131-100-C\r\n\x03";

    #[test]
    fn a_station_says_its_header_and_its_revision() {
        for port in [10001, 4711] {
            let said = conversation(
                &Atg,
                Transport::Tcp,
                &[(50000, port, b"\x01I20100\r\n"), (port, 50000, INVENTORY), (50000, port, b"\x01I90200\r\n"), (port, 50000, REVISION)],
            );
            assert_eq!(field(&said, Kind::Identity, Field::Location), ["RIVERSIDE FUEL, 12 DOCK ROAD, HARBOUR TOWN"]);
            assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["131.02"]);
        }
    }

    #[test]
    fn an_answer_that_is_cut_in_its_header_says_no_place() {
        let said = payload(&Atg, Transport::Tcp, 10001, 50000, &INVENTORY[..60]);
        assert!(field(&said, Kind::Identity, Field::Location).is_empty());
    }

    #[test]
    fn a_security_code_is_a_credential_and_never_quoted() {
        let said = payload(&Atg, Transport::Tcp, 50000, 10001, b"\x01K9T4Q2S50100\r\n");
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["tank gauge security code"]);
        assert_eq!(field(&said, Kind::Security, Field::AuthenticationMethod), ["security code"]);
        assert!(said.iter().all(|said| !said.fields.iter().any(|value| value.value.display().contains("K9T4"))));
    }

    #[test]
    fn operations_have_their_names() {
        let at = |from_client| At { transport: Transport::Tcp, src_port: 50000, dst_port: 10001, from_client: Some(from_client) };
        let name = |text: &[u8]| Atg.glance(text, &at(true)).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(b"\x01I20100"), Some("in_tank_inventory_report"));
        assert_eq!(name(b"\x01S602011UNLEADED"), Some("set_tank_product_label"));
        assert_eq!(name(b"\x01S00100"), Some("system_reset"));
        assert_eq!(name(b"\x01I30100"), Some("report"));
        assert_eq!(Atg.glance(b"9999FF1B\n", &at(false)).operation.map(|index| OPERATIONS[usize::from(index)].0), Some("unrecognised_function"));
    }

    #[test]
    fn strangers_are_refused() {
        for stranger in
            [&b"I20100\r\n"[..], b"\x01\x02\x03\x04\x05\x06\x07", &[0; 40], b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n\r\nlogin: ", b"\x01I2010x\r\n"]
        {
            assert_eq!(gate(&Atg, stranger, 10001), Gate::NotMine, "{stranger:02x?}");
        }
    }
}
