//! HL7 v2 over MLLP: which applications of a hospital talk, in which version, about what kind of event.
//!
//! Spec: HL7 v2.x chapter 2 (control), chapter 7 (OBX-18, PRT-10); HL7 MLLP release 1.
//! Tells us: applications and facilities, version, message types, equipment that measured.
//! Does not tell: patients: their segments are never read.

use crate::context::{Context, trim};
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape};
use observations::{Field, Kind, OperationClass, Transport, Value};

pub(crate) struct Hl7;

/// MLLP: a block begins with vertical tab and ends with file separator and carriage return.
const BEGIN: u8 = 0x0b;
const END: &[u8] = &[0x1c, 0x0d];
/// Results with their equipment have some kilobytes; what carries documents is longer, and is read to here.
const MESSAGE_MAX: usize = 16 * 1024;
/// A monitor's report names its own equipment in each of its observations.
const EQUIPMENT_MAX: usize = 16;

/// Message types (table 0076) that say what is done; the index is that of operations. Acknowledgements answer.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("adt", OperationClass::Write),
    ("orm", OperationClass::Write),
    ("oru", OperationClass::Write),
    ("omg", OperationClass::Write),
    ("oml", OperationClass::Write),
    ("omi", OperationClass::Write),
    ("oul", OperationClass::Write),
    ("siu", OperationClass::Write),
    ("mdm", OperationClass::Write),
    ("dft", OperationClass::Write),
    ("bar", OperationClass::Write),
    ("vxu", OperationClass::Write),
    ("rde", OperationClass::Write),
    ("ras", OperationClass::Write),
    ("mfn", OperationClass::Configure),
    ("qry", OperationClass::Read),
    ("qbp", OperationClass::Read),
    ("esu", OperationClass::Read),
    ("other_message", OperationClass::Session),
];

impl Dissector for Hl7 {
    type State = ();

    const ROW: Row = Row {
        name: "hl7",
        revision: 1,
        spec: "HL7 v2.x chapters 2 and 7, MLLP release 1",
        tells: "applications and facilities, version, message types, equipment that measured",
        bindings: &[Binding::Tcp(2575)],
        shapes: &[Shape {
            over: Transport::Tcp,
            bytes: &[(0, 0xff, BEGIN), (1, 0xff, b'M'), (2, 0xff, b'S'), (3, 0xff, b'H')],
            min: 20,
            max: usize::MAX,
        }],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        if Header::of(head).is_some() { Gate::Mine } else { Gate::NotMine }
    }

    fn frame(&self, head: &[u8]) -> Framing {
        let end = head.windows(END.len()).position(|window| window == END).map(|at| at + END.len());
        match end {
            Some(len) => Framing::Pdu { len, want: len },
            None if head.first() == Some(&BEGIN) && head.len() < MESSAGE_MAX => Framing::Need(head.len() + 1),
            // What is left of a message that was too long, or that was cut.
            None => Framing::datagram(head),
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(header) = Header::of(head) else { return Glance::SKIP };
        // Only results name equipment; of others the header is new once.
        let kind = header.field(8);
        let look = if header.operation().is_some() && kind.starts_with(b"OR") {
            Look::Always
        } else {
            let parts = [header.field(2), header.field(3), header.field(4), header.field(5), header.field(11)];
            Look::Once(crate::tlv::hash(&parts.concat()))
        };
        Glance { operation: header.operation().and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(header) = Header::of(pdu) else { return Ok(Next::Watch) };
        let (sender, receiver) = (cx.sender(), cx.receiver());
        let kind = if cx.from_client() == Some(false) { Kind::Service } else { Kind::Client };
        let saying = cx.say(&sender, kind).trimmed(Field::ApplicationName, header.component(2));
        let saying = saying.trimmed(Field::Hl7Facility, header.component(3));
        drop(saying.trimmed(Field::ProtocolVersion, header.component(11)));
        let saying = cx.say(&receiver, Kind::Request).trimmed(Field::ApplicationName, header.component(4));
        drop(saying.trimmed(Field::Hl7Facility, header.component(5)));
        // MSH-8 is for a password or token that nobody uses any more; its presence is no proof of anything.
        cx.say(&sender, Kind::Security).implied(Field::SecurityLevel, &Value::Text("none".into()));
        for equipment in equipment(pdu, header.separator).take(EQUIPMENT_MAX) {
            cx.say(&sender, Kind::Part).trimmed(Field::EquipmentId, equipment);
        }
        Ok(Next::Watch)
    }
}

/// Chapter 2 §2.14.9: the message header; its fourth byte separates fields.
struct Header<'a> {
    segment: &'a [u8],
    separator: u8,
    /// The first of the encoding characters separates components.
    component: u8,
}

impl<'a> Header<'a> {
    fn of(head: &'a [u8]) -> Option<Self> {
        let segment = head.strip_prefix(&[BEGIN])?.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        let &[b'M', b'S', b'H', separator, component, ..] = segment else { return None };
        // §2.5.4: encoding characters are four or five, none of them a letter or digit.
        let marks = segment.get(4..)?.split(|byte| *byte == separator).next()?;
        let fit = (2..=5).contains(&marks.len()) && marks.iter().all(u8::is_ascii_punctuation) && separator.is_ascii_punctuation();
        fit.then_some(Self { segment, separator, component })
    }

    /// Counted from the segment's name: MSH-3 is the third piece, as MSH-1 is the separator itself.
    fn field(&self, index: usize) -> &'a [u8] {
        self.segment.split(|byte| *byte == self.separator).nth(index).unwrap_or_default()
    }

    /// A field's first component.
    fn component(&self, index: usize) -> &'a [u8] {
        self.field(index).split(|byte| *byte == self.component).next().unwrap_or_default()
    }

    fn operation(&self) -> Option<usize> {
        let kind = trim(self.component(8)).to_ascii_lowercase();
        if kind.is_empty() || matches!(kind.as_slice(), b"ack" | b"orr" | b"rsp" | b"adr" | b"mck") {
            return None;
        }
        Some(OPERATIONS.iter().position(|known| known.0.as_bytes() == kind).unwrap_or(OPERATIONS.len() - 1))
    }
}

/// OBX-18 and PRT-10, the equipment's instance identifier; of these segments nothing else is looked at.
fn equipment(message: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let segments = message.split(|byte| matches!(byte, b'\r' | b'\n'));
    segments.filter_map(move |segment| {
        let index = match segment.get(..3)? {
            b"OBX" => 18,
            b"PRT" => 10,
            _ => return None,
        };
        segment.split(|byte| *byte == separator).nth(index).map(trim).filter(|value| !value.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{conversation, field, gate, payload};

    const REPORT: &[u8] = b"\x0bMSH|^~\\&|MONITOR^EUI|ICU|HIS|CLINIC|20260302||ORU^R01^ORU_R01|17|P|2.6\r\
        PID|1||4711^^^H||Doe^Jane\r\
        OBX|1|NM|147842^MDC_ECG_HEART_RATE||72|||||||||||||MON-0042^ACME\r\x1c\r";

    #[test]
    fn applications_version_and_equipment_are_told() {
        let said = conversation(&Hl7, Transport::Tcp, &[(50000, 2575, REPORT)]);
        assert_eq!(field(&said, Kind::Client, Field::ApplicationName), ["MONITOR"]);
        assert_eq!(field(&said, Kind::Client, Field::Hl7Facility), ["ICU"]);
        assert_eq!(field(&said, Kind::Client, Field::ProtocolVersion), ["2.6"]);
        assert_eq!(field(&said, Kind::Request, Field::ApplicationName), ["HIS"]);
        assert_eq!(field(&said, Kind::Part, Field::EquipmentId), ["MON-0042^ACME"]);
    }

    #[test]
    fn patients_are_quoted_nowhere() {
        let said = conversation(&Hl7, Transport::Tcp, &[(50000, 2575, REPORT)]);
        let all: String = said.iter().flat_map(|said| &said.fields_first).map(|field| String::from_utf8_lossy(&field.quote).into_owned()).collect();
        assert!(!["Doe", "4711", "72"].iter().any(|word| all.contains(word)), "{all}");
    }

    #[test]
    fn a_message_longer_than_is_read_is_passed_over() {
        let long = [&REPORT[..REPORT.len() - 2], &vec![b'x'; 20_000][..]].concat();
        let rest = [&b"tail"[..], END].concat();
        let next = b"\x0bMSH|^~\\&|LAB||HIS||2||ORU^R01|18|P|2.3\r\x1c\r";
        let said = conversation(&Hl7, Transport::Tcp, &[(50000, 2575, &long), (50000, 2575, &rest), (50000, 2575, next)]);
        let mut names = field(&said, Kind::Client, Field::ApplicationName);
        names.sort();
        assert_eq!(names, ["LAB", "MONITOR"]);
    }

    #[test]
    fn types_are_counted_and_answers_are_not() {
        let operation = |text: &[u8]| Header::of(text).and_then(|header| header.operation()).map(|index| OPERATIONS[index].0);
        assert_eq!(operation(REPORT), Some("oru"));
        assert_eq!(operation(b"\x0bMSH|^~\\&|A||B||2||ZZZ|18|P|2.3\r"), Some("other_message"));
        assert_eq!(operation(b"\x0bMSH|^~\\&|A||B||2||ACK^A01|18|P|2.3\r"), None);
    }

    #[test]
    fn it_is_found_on_another_port_and_strangers_are_refused() {
        let said = payload(&Hl7, Transport::Tcp, 50000, 6661, REPORT);
        assert_eq!(field(&said, Kind::Client, Field::ApplicationName), ["MONITOR"]);
        for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"MSH|^~\\&|no block", b"\x0bMSHabcdef", b"\x0bPID|1", &[0; 40]] {
            assert_eq!(gate(&Hl7, stranger, 2575), Gate::NotMine, "{stranger:?}");
        }
    }
}
