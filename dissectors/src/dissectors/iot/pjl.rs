//! PJL: printers answer on their raw port what they are, and obey job commands.
//!
//! Spec: HP, Printer Job Language Technical Reference Manual (5021-0380) chapters 2, 4 to 9.
//! Tells us: model, serial number, firmware date, whether it is on line; commands; passwords of the control panel.
//! Does not tell: who prints and what: job names and user names are not read, nor what is printed.

use crate::context::{Context, Saying, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Transport, Value};

pub(crate) struct Pjl;

const PORT: u16 = 9100;
/// Chapter 2: the universal exit sequence, and how each command begins.
const EXIT: &[u8] = b"\x1b%-12345X";
const PREFIX: &[u8] = b"@PJL";
/// Commands are lines; the longest carry names of jobs.
const LINE_MAX: usize = 512;
/// Chapter 6: an answer ends with form feed. Lists of variables have some kilobytes.
const ANSWER_MAX: usize = 8 * 1024;
const FORM_FEED: u8 = 0x0c;

/// Commands by their words, in lower case as they are counted; the first that a line begins with.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("info", OperationClass::Diagnose),
    ("inquire", OperationClass::Diagnose),
    ("dinquire", OperationClass::Diagnose),
    ("echo", OperationClass::Session),
    ("ustatus", OperationClass::Diagnose),
    ("ustatusoff", OperationClass::Session),
    ("job", OperationClass::Session),
    ("eoj", OperationClass::Session),
    ("enter", OperationClass::Write),
    ("set", OperationClass::Session),
    ("default", OperationClass::Configure),
    ("initialize", OperationClass::Configure),
    ("reset", OperationClass::Control),
    ("rdymsg", OperationClass::Control),
    ("opmsg", OperationClass::Control),
    ("stmsg", OperationClass::Control),
    ("fsdirlist", OperationClass::Read),
    ("fsquery", OperationClass::Read),
    ("fsupload", OperationClass::Read),
    ("fsdownload", OperationClass::Program),
    ("fsappend", OperationClass::Program),
    ("fsdelete", OperationClass::Program),
    ("fsmkdir", OperationClass::Program),
    ("fsinit", OperationClass::Program),
    ("dmcmd", OperationClass::Configure),
    ("comment", OperationClass::Session),
];

impl Dissector for Pjl {
    type State = ();

    const ROW: Row = Row {
        name: "pjl",
        revision: 1,
        spec: "HP PJL Technical Reference Manual",
        tells: "model, serial number, firmware date of printers, commands",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[
            shape(&[(0, 0xff, 0x1b), (1, 0xff, b'%'), (2, 0xff, b'-'), (3, 0xff, b'1'), (4, 0xff, b'2'), (5, 0xff, b'3'), (8, 0xff, b'X')]),
            shape(&[(0, 0xff, b'@'), (1, 0xff, b'P'), (2, 0xff, b'J'), (3, 0xff, b'L'), (4, 0xff, b' ')]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if head.len() < EXIT.len() && (EXIT.starts_with(head) || PREFIX.starts_with(head)) {
            return Gate::More;
        }
        let bare = head.strip_prefix(EXIT).unwrap_or(head);
        let begins = bare.starts_with(PREFIX) && bare.get(PREFIX.len()).is_none_or(u8::is_ascii_whitespace);
        if begins || bare.is_empty() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        if head.starts_with(EXIT) { Side::Client } else { Side::Unknown }
    }

    fn frame_in(&self, head: &[u8], at: &At, _: Option<&()>) -> Framing {
        let mark = if at.from_client == Some(false) { FORM_FEED } else { b'\n' };
        let most = if at.from_client == Some(false) { ANSWER_MAX } else { LINE_MAX };
        let ours = head.starts_with(PREFIX) || head.starts_with(EXIT) || EXIT.starts_with(head) || PREFIX.starts_with(head);
        match head.iter().take(most).position(|byte| *byte == mark) {
            // Pages, in whatever language, until the next exit sequence.
            _ if !ours => Framing::datagram(head),
            Some(end) => Framing::Pdu { len: end + 1, want: end + 1 },
            None if head == EXIT => Framing::Pdu { len: EXIT.len(), want: EXIT.len() },
            None if head.len() < most => Framing::Need(head.len() + 1),
            None => Framing::datagram(head),
        }
    }

    fn glance(&self, head: &[u8], at: &At) -> Glance {
        let answer = at.from_client == Some(false);
        let Some(word) = words(head).next() else { return Glance::SKIP };
        let index = OPERATIONS.iter().position(|known| known.0.as_bytes().eq_ignore_ascii_case(word));
        let look = if answer || index.is_some_and(|index| matches!(OPERATIONS.get(index), Some(("job" | "default" | "set", _)))) {
            Look::Always
        } else {
            Look::Never
        };
        Glance { operation: index.filter(|_| !answer).and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        if cx.from_client() == Some(false) {
            answered(pdu, cx);
        } else {
            told(pdu, cx);
        }
        Ok(Next::Watch)
    }
}

const fn shape(bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over: Transport::Tcp, bytes, min: 9, max: usize::MAX }
}

/// The words of a command's first line.
fn words(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line = head.strip_prefix(EXIT).unwrap_or(head).strip_prefix(PREFIX).unwrap_or_default();
    let line = line.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Chapter 8, job security: `@PJL JOB PASSWORD = 1234`, `@PJL DEFAULT PASSWORD = 1234`.
fn told(line: &[u8], cx: &mut Context<'_>) {
    let text = line.to_ascii_uppercase();
    let Some(at) = text.windows(8).position(|window| window == b"PASSWORD") else { return };
    let value = line.get(at + 8..).map(trim).and_then(|rest| rest.strip_prefix(b"=")).map(trim);
    let value = value.and_then(|value| value.split(|byte| byte.is_ascii_whitespace() || *byte == b'"').find(|word| !word.is_empty()));
    // 0 takes the password away.
    if let Some(secret) = value.filter(|value| *value != b"0") {
        let printer = cx.receiver();
        cx.secret(&printer, "pjl password", None, secret);
    }
}

/// Chapter 6: `@PJL INFO ID` and the model in quotation marks; `@PJL INFO PRODINFO` and lines of names and values.
fn answered(answer: &[u8], cx: &mut Context<'_>) {
    let mut words = words(answer);
    let what = (words.next(), words.next());
    let printer = cx.sender();
    let mut lines = answer.split(|byte| matches!(byte, b'\r' | b'\n' | &FORM_FEED)).map(trim).filter(|line| !line.is_empty()).skip(1);
    match what {
        (Some(b"INFO"), Some(b"ID")) => {
            if let Some(id) = lines.next() {
                cx.say(&printer, Kind::Identity).trimmed(Field::ModelName, unquoted(id));
            }
        }
        (Some(b"INFO"), Some(b"PRODINFO")) => drop(lines.fold(cx.say(&printer, Kind::Identity), property)),
        (Some(b"INFO"), Some(b"STATUS")) => {
            let online = lines.find_map(|line| line.strip_prefix(b"ONLINE=")).map(trim);
            let word = match online {
                Some(b"TRUE") => "online",
                Some(b"FALSE") => "offline",
                _ => return,
            };
            let online = online.unwrap_or_default();
            cx.say(&printer, Kind::State).decoded(Field::OperatingMode, &Value::Text(word.into()), online, "pjl-online");
        }
        _ => {}
    }
}

fn property<'s, 'a>(saying: Saying<'s, 'a>, line: &[u8]) -> Saying<'s, 'a> {
    let Some(at) = line.iter().position(|byte| *byte == b'=') else { return saying };
    let field = match trim(line.get(..at).unwrap_or_default()) {
        b"ProductName" => Field::ModelName,
        b"ProductSerialNumber" => Field::SerialNumber,
        b"FirmwareDateCode" => Field::FirmwareVersion,
        _ => return saying,
    };
    saying.trimmed(field, unquoted(trim(line.get(at + 1..).unwrap_or_default())))
}

fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};
    use observations::Observation;

    fn talk(messages: &[(bool, &[u8])]) -> Vec<Observation> {
        let payloads: Vec<_> = messages.iter().map(|(up, bytes)| if *up { (50000, PORT, *bytes) } else { (PORT, 50000, *bytes) }).collect();
        conversation(&Pjl, Transport::Tcp, &payloads)
    }

    #[test]
    fn a_printer_answers_what_it_is() {
        let said = talk(&[
            (true, b"\x1b%-12345X@PJL INFO ID\r\n@PJL INFO PRODINFO\r\n"),
            (false, b"@PJL INFO ID\r\n\"HP LASERJET 4200\"\r\n\x0c@PJL INFO PRODINFO\r\nProductName = \"HP LaserJet 4200\"\r\n"),
            (false, b"ProductSerialNumber = CNBX123456\r\nFirmwareDateCode = 20050831\r\n\x0c"),
            (false, b"@PJL INFO STATUS\r\nCODE=10023\r\nDISPLAY=\"orders of Anna\"\r\nONLINE=FALSE\r\n\x0c"),
        ]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["offline"]);
        let mut models = field(&said, Kind::Identity, Field::ModelName);
        models.sort();
        assert_eq!(models, ["HP LASERJET 4200", "HP LaserJet 4200"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["CNBX123456"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["20050831"]);
    }

    #[test]
    fn a_password_leaves_as_a_secret_and_jobs_are_not_read() {
        let job = b"\x1b%-12345X@PJL JOB NAME = \"secret plans\" PASSWORD = 4711\r\n@PJL ENTER LANGUAGE = PCL\r\nE&l0OText of a page";
        let said = talk(&[(true, job)]);
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["pjl password"]);
        let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!all.contains("4711") && !all.contains("plans"), "{all}");
    }

    #[test]
    fn pages_are_passed_over() {
        let page = vec![b'x'; 3000];
        let said =
            talk(&[(true, b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\r\n"), (true, &page), (true, &page), (false, b"@PJL INFO ID\r\n\"P 1\"\r\n\x0c")]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["P 1"]);
    }

    #[test]
    fn it_is_found_on_another_port_and_strangers_are_refused() {
        let said = payload(&Pjl, Transport::Tcp, 50000, 19100, b"\x1b%-12345X@PJL DEFAULT PASSWORD=99\r\n");
        assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["pjl password"]);
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"%!PS-Adobe-3.0\n", b"@PJLX", &[0; 40], b"\x1bE\x1b&l0O"] {
            assert_eq!(gate(&Pjl, stranger, PORT), Gate::NotMine, "{stranger:?}");
        }
    }
}
