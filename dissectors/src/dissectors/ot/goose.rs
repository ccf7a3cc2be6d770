//! GOOSE: events that protection and control devices of a substation publish: who publishes which control block.
//!
//! Spec: IEC 61850-8-1 (2011) clause 18 and annexes A and C; routed: IEC TR 61850-90-5 (2012); security: IEC 62351-6 (2020).
//! Tells us: control block, data set, identifier, configuration revision, logical device of a publisher; whether it is simulated and
//! whether it is protected.
//! Does not tell: maker and model; who subscribes; where the IED's name ends and its logical device's begins.

use super::iec61850_frame::{self as frame, Form, Message};
use crate::asn1::Tlv;
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Transport, Value};

pub(crate) struct Goose;

/// Annex A: IECGoosePdu is [APPLICATION 1]; 90-5: session 0xA1, payload 0x81.
const FORM: Form = Form { tag: 0x61, session: 0xa1, payload: 0x81 };
/// Its members, context-specific.
const GOCB_REF: u8 = 0x80;
const DAT_SET: u8 = 0x82;
const GO_ID: u8 = 0x83;
const SIMULATION: u8 = 0x87;
const CONF_REV: u8 = 0x88;
const SECURITY: u8 = 0xac;
/// There are twelve; more is no GOOSE.
const MEMBERS_MAX: usize = 16;

impl Dissector for Goose {
    type State = ();

    const ROW: Row = Row {
        name: "goose",
        revision: 1,
        spec: "IEC 61850-8-1, IEC TR 61850-90-5, IEC 62351-6",
        tells: "control blocks, data sets, identifiers and logical devices of publishers; simulation; protection",
        bindings: &[Binding::EtherType(0x88b8), Binding::Udp(102)],
        shapes: &[Shape {
            over: Transport::Udp,
            // Unit data, a session of GOOSE, its common header.
            bytes: &[(0, 0xff, 1), (1, 0xff, 0x40), (2, 0xff, 0xa1), (4, 0xff, 0x80)],
            min: 40,
            max: 1472,
        }],
        operations: &[("publish", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        match frame::message(head, FORM, at).map(|message| head_of(&message)) {
            Ok(head) if head.block.is_some_and(|block| block.content.contains(&b'/') && frame::is_name(block.content)) => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, _: &[u8]) -> Side {
        // A publisher sends to a group: it is the one that serves.
        Side::Server
    }

    fn glance(&self, bytes: &[u8], at: &At) -> Glance {
        let Ok(message) = frame::message(bytes, FORM, at) else { return Glance::READ };
        let head = head_of(&message);
        let marks = [u8::from(is_simulated(&message, &head)), u8::from(message.protection == "none"), u8::from(head.signed)];
        let [block, set, id, revision] = [head.block, head.set, head.id, head.revision].map(|member| member.map_or(&[][..], |member| member.content));
        let key = frame::key(&[message.app_id_bytes, block, set, id, revision, &marks]);
        Glance { operation: Some(0), look: Look::Once(key), inner: None }
    }

    fn read(&self, bytes: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let message = frame::message(bytes, FORM, cx.at())?;
        let head = head_of(&message);
        publisher(&message, &head, cx);
        head.error.map_or(Ok(Next::Watch), Err)
    }
}

/// What stands before the data, as far as it can be read.
#[derive(Default)]
struct Head<'a> {
    block: Option<Tlv<'a>>,
    set: Option<Tlv<'a>>,
    id: Option<Tlv<'a>>,
    revision: Option<Tlv<'a>>,
    simulation: bool,
    signed: bool,
    error: Option<DissectError>,
}

fn head_of<'a>(message: &Message<'a>) -> Head<'a> {
    let mut head = Head::default();
    let Ok(mut members) = message.pdu.open() else { return head };
    for _ in 0..MEMBERS_MAX {
        match members.next() {
            Ok(Some(member)) => match member.tag {
                GOCB_REF => head.block = Some(member),
                DAT_SET => head.set = Some(member),
                GO_ID => head.id = Some(member),
                SIMULATION => head.simulation = member.content.first().is_some_and(|value| *value != 0),
                CONF_REV => head.revision = Some(member),
                SECURITY => head.signed = true,
                _ => {}
            },
            Ok(None) => break,
            Err(error) => {
                head.error = Some(error);
                break;
            }
        }
    }
    head
}

fn is_simulated(message: &Message<'_>, head: &Head<'_>) -> bool {
    message.simulated || head.simulation
}

fn publisher(message: &Message<'_>, head: &Head<'_>, cx: &mut Context<'_>) {
    let about = cx.sender_host();
    let saying = cx.say(&about, Kind::Identity).number(Field::AppId, u64::from(message.app_id), message.app_id_bytes);
    let saying = saying.maybe(head.block.map(|block| block.content), |saying, block| {
        // 8-1, 11.1.1: the domain before the stroke is the logical device.
        let device = block.split(|byte| *byte == b'/').next().unwrap_or_default();
        saying.text(Field::MmsDomain, device).text(Field::GooseControlBlock, block)
    });
    let saying = saying.maybe(head.set.map(|set| set.content).filter(|set| frame::is_name(set)), |saying, set| saying.text(Field::DataSet, set));
    let saying = saying.maybe(head.id.map(|id| id.content).filter(|id| frame::is_name(id)), |saying, id| saying.text(Field::GooseId, id));
    let revision = head.revision.and_then(|revision| Some((revision.number()?, revision.content)));
    drop(saying.maybe(revision, |saying, (number, bytes)| saying.number(Field::ConfigurationRevision, number, bytes)));
    if is_simulated(message, head) {
        cx.say(&about, Kind::State).implied(Field::Simulation, &Value::Number(1));
    }
    let protection = if head.signed { "iec62351-6" } else { message.protection };
    cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(protection.into()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, payload, read_frame};

    const ALL_DATA: u8 = 0xab;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn pdu(simulation: u8) -> Vec<u8> {
        let members = [
            tlv(GOCB_REF, b"BAY1LD0/LLN0$GO$gcb01"),
            tlv(0x81, &[7, 0xd0]),
            tlv(DAT_SET, b"BAY1LD0/LLN0$Trip"),
            tlv(GO_ID, b"BAY1_Trip"),
            tlv(0x84, &[0; 8]),
            tlv(0x85, &[1]),
            tlv(0x86, &[9]),
            tlv(SIMULATION, &[simulation]),
            tlv(CONF_REV, &[3]),
            tlv(0x89, &[0]),
            tlv(0x8a, &[1]),
            tlv(ALL_DATA, &[0x83, 1, 0]),
        ];
        tlv(FORM.tag, &members.concat())
    }

    fn frame_of(first: u16, pdu: &[u8], behind: &[u8]) -> Vec<u8> {
        let mut frame = vec![1, 0x0c, 0xcd, 1, 0, 1, 0x00, 0x21, 0xc1, 0x0a, 0, 7, 0x88, 0xb8, 0x03, 0xe8];
        frame.extend_from_slice(&u16::try_from(8 + pdu.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(&first.to_be_bytes());
        frame.extend_from_slice(&[0, 0]);
        [frame.as_slice(), pdu, behind].concat()
    }

    #[test]
    fn a_publisher_names_its_control_block_and_is_not_protected() {
        let said = read_frame(&Goose, &frame_of(0, &pdu(0), &[]));
        assert_eq!(field(&said, Kind::Identity, Field::GooseControlBlock), ["BAY1LD0/LLN0$GO$gcb01"]);
        assert_eq!(field(&said, Kind::Identity, Field::MmsDomain), ["BAY1LD0"]);
        assert_eq!(field(&said, Kind::Identity, Field::GooseId), ["BAY1_Trip"]);
        assert_eq!(field(&said, Kind::Identity, Field::ConfigurationRevision), ["3"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
        assert!(field(&said, Kind::State, Field::Simulation).is_empty());
    }

    #[test]
    fn a_simulated_message_and_a_protected_one_say_so() {
        for simulated in [frame_of(0x8000, &pdu(0), &[]), frame_of(0, &pdu(1), &[])] {
            assert_eq!(field(&read_frame(&Goose, &simulated), Kind::State, Field::Simulation), ["1"]);
        }
        let protected = read_frame(&Goose, &frame_of(0x0020, &pdu(0), &[0xab; 32]));
        assert_eq!(field(&protected, Kind::Security, Field::SecurityLevel), ["iec62351-6"]);
    }

    #[test]
    fn a_routed_message_is_read_as_one_on_the_wire_is() {
        let pdu = pdu(0);
        let mut datagram = vec![1, 0x40, 0xa1, 24, 0x80, 22, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1];
        datagram.extend_from_slice(&u32::try_from(pdu.len() + 6).unwrap().to_be_bytes());
        datagram.extend_from_slice(&[0x81, 0, 0x03, 0xe8]);
        datagram.extend_from_slice(&u16::try_from(pdu.len()).unwrap().to_be_bytes());
        datagram.extend_from_slice(&pdu);
        for port in [102, 4711] {
            let said = payload(&Goose, Transport::Udp, 50000, port, &datagram);
            assert_eq!(field(&said, Kind::Identity, Field::GooseId), ["BAY1_Trip"]);
            assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["iec61850-90-5 signed"]);
        }
        assert!(field(&payload(&Goose, Transport::Udp, 50000, 102, &datagram[..60]), Kind::Identity, Field::GooseId).is_empty());
    }

    #[test]
    fn a_cut_frame_keeps_what_stands_before_the_cut() {
        let whole = frame_of(0, &pdu(0), &[]);
        let said = read_frame(&Goose, &whole[..whole.len() - 30]);
        assert_eq!(field(&said, Kind::Identity, Field::GooseControlBlock), ["BAY1LD0/LLN0$GO$gcb01"]);
        assert!(field(&said, Kind::Identity, Field::ConfigurationRevision).is_empty());
    }

    #[test]
    fn what_has_no_reference_or_another_tag_is_refused() {
        let nameless = tlv(FORM.tag, &tlv(GOCB_REF, b"no stroke"));
        for pdu in [nameless, tlv(0x60, &tlv(GOCB_REF, b"A/B")), vec![0; 40]] {
            assert!(read_frame(&Goose, &frame_of(0, &pdu, &[])).iter().all(|said| said.protocol != "goose"));
        }
    }
}
