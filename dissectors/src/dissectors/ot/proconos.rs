//! ProConOS, a runtime system of controllers: what it says of itself and its program.
//!
//! Spec: no public one. Offsets as answers of controllers show them; the same fields as nmap's `proconos-info` names.
//! Tells us: version of the runtime, type of the controller, name of its project.
//! Does not tell: what is done to the program (services are not documented).

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Transport};

pub(crate) struct Proconos;

const PORT: u16 = 20547;
const MAGIC: u8 = 0xcc;
/// A request and an answer.
const ASK: u8 = 0x01;
const ANSWER: u8 = 0x00;
/// What asks for information.
const INFORMATION: [u8; 6] = [MAGIC, ASK, 0x00, 0x0b, 0x40, 0x02];
const REQUEST_MIN: usize = 10;

/// Texts of the answer, each with an end: runtime, type of the controller, project.
const RUNTIME: usize = 12;
const TYPE: usize = 44;
const PROJECT: usize = 77;
/// The longest of them.
const TEXT_MAX: usize = 48;

impl Dissector for Proconos {
    type State = ();

    const ROW: Row = Row {
        name: "proconos",
        revision: 1,
        spec: "answers of controllers; fields as nmap's proconos-info names them",
        tells: "runtime version, type of the controller, project",
        bindings: &[Binding::Tcp(PORT)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, MAGIC), (1, 0xff, ASK), (2, 0xff, 0), (3, 0xff, 0x0b), (4, 0xff, 0x40), (5, 0xff, 0x02)],
            min: REQUEST_MIN,
            max: REQUEST_MIN,
        }],
        operations: &[("read_information", OperationClass::Diagnose), ("other_service", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = at.src_port == PORT || at.dst_port == PORT;
        let asks = head.starts_with(&[MAGIC, ASK, 0]) && head.len() >= REQUEST_MIN;
        // An answer is known by its texts; other services' answers are only known in a conversation that is ours.
        let answers = head.starts_with(&[MAGIC, ANSWER]) && text(head, RUNTIME).is_some_and(|text| text.len() > 8);
        if (bound && asks) || head.starts_with(&INFORMATION) || answers { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        match head {
            [MAGIC, ASK, ..] => Side::Client,
            [MAGIC, ANSWER, ..] => Side::Server,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let asks = head.starts_with(&[MAGIC, ASK]);
        let operation = u16::from(!head.starts_with(&INFORMATION));
        let look = if head.starts_with(&[MAGIC, ANSWER]) { Look::Always } else { Look::Once(operation.into()) };
        Glance { operation: Some(operation).filter(|_| asks), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let runtime = text(pdu, RUNTIME).filter(|text| pdu.starts_with(&[MAGIC, ANSWER]) && text.len() > 8);
        let Some(runtime) = runtime else { return Ok(Next::Watch) };
        let about = cx.sender();
        let saying = cx.say(&about, Kind::Identity).trimmed(Field::FirmwareVersion, runtime);
        // Some makers leave the type out and put their own version there.
        let kind = text(pdu, TYPE);
        let field = if kind.is_some_and(is_version) { Field::DeviceType } else { Field::ModelName };
        let saying = saying.maybe(kind, |s, kind| s.trimmed(field, kind));
        drop(saying.maybe(text(pdu, PROJECT), |s, project| s.trimmed(Field::ProjectName, project)));
        Ok(Next::Watch)
    }
}

/// `V`, and a number.
fn is_version(text: &[u8]) -> bool {
    text.strip_prefix(b"V").is_some_and(|rest| trim(rest).first().is_some_and(u8::is_ascii_digit))
}

/// Printable text from a place to its end; `None` if there is none.
fn text(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    let text = trim(rest.get(..TEXT_MAX).unwrap_or(rest).split(|byte| *byte == 0).next()?);
    (!text.is_empty() && text.iter().all(|byte| (0x20..0x7f).contains(byte))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, field, gate};

    fn information(kind: &str) -> Vec<u8> {
        let mut bytes = vec![MAGIC, ANSWER];
        bytes.extend_from_slice(b"000000000\0ProConOS V3.0.1040 Oct 29 2002");
        bytes.resize(43, 0);
        bytes.push(b' ');
        bytes.extend_from_slice(kind.as_bytes());
        bytes.push(0);
        bytes.resize(77, b' ');
        bytes.extend_from_slice(b"Mixer-7\0Mixer-7\0Exist\0");
        bytes
    }

    #[test]
    fn a_controller_says_runtime_type_and_project() {
        let said = answer(&Proconos, &information("ADAM5510KW 1.24 Build 005"));
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["ProConOS V3.0.1040 Oct 29 2002"]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["ADAM5510KW 1.24 Build 005"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProjectName), ["Mixer-7"]);
    }

    #[test]
    fn a_version_is_no_model() {
        let said = answer(&Proconos, &information("V 3.95A.6"));
        assert!(field(&said, Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn a_truncated_answer_keeps_what_came_before() {
        let said = answer(&Proconos, &information("ADAM5510KW 1.24 Build 005")[..60]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["ProConOS V3.0.1040 Oct 29 2002"]);
        assert!(field(&said, Kind::Identity, Field::ProjectName).is_empty());
    }

    #[test]
    fn strangers_on_its_port_are_refused_and_a_question_is_found_elsewhere() {
        let ask = [&INFORMATION[..], &[0, 0, 0x47, 0xee]].concat();
        assert_eq!(gate(&Proconos, &ask, PORT), Gate::Mine);
        assert_eq!(gate(&Proconos, &ask, 40547), Gate::Mine);
        for stranger in [&[0; 40][..], b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n", &[0xcc; 40], &[0xcc, 0, 1, 2]] {
            assert_eq!(gate(&Proconos, stranger, PORT), Gate::NotMine);
        }
    }
}
