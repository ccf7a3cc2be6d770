//! Sampled values: currents and voltages that merging units publish, thousands of times a second.
//!
//! Spec: IEC 61850-9-2 (2011) clause 8.5 and annex A; routed: IEC TR 61850-90-5 (2012); security: IEC 62351-6 (2020).
//! Tells us: identifiers, data sets and configuration revisions of the streams of a publisher, the clock that it follows, whether it is
//! simulated and whether it is protected.
//! Does not tell: maker and model; who subscribes.

use super::iec61850_frame::{self as frame, Form, Message};
use crate::asn1::{Reader, Tlv};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use observations::{Field, Kind, OperationClass, Subject, Transport, Value};

pub(crate) struct Sv;

/// Annex A: SavPdu is [APPLICATION 0]; 90-5: session 0xA2, payload 0x82.
const FORM: Form = Form { tag: 0x60, session: 0xa2, payload: 0x82 };
const NUMBER_OF_ASDU: u8 = 0x80;
const SECURITY: u8 = 0xa1;
const ASDUS: u8 = 0xa2;
const ASDU: u8 = 0x30;
/// Members of an ASDU, context-specific.
const SV_ID: u8 = 0x80;
const DAT_SET: u8 = 0x81;
const CONF_REV: u8 = 0x83;
const GM_IDENTITY: u8 = 0x89;
/// Streams in one frame: IEC 61869-9 has at most eight, and no frame has room for more than some sixty.
const ASDUS_MAX: usize = 64;

impl Dissector for Sv {
    type State = ();

    const ROW: Row = Row {
        name: "sv",
        revision: 1,
        spec: "IEC 61850-9-2, IEC TR 61850-90-5, IEC 62351-6",
        tells: "streams of publishers: identifiers, data sets, revisions, grandmaster; simulation; protection",
        bindings: &[Binding::EtherType(0x88ba), Binding::Udp(102)],
        shapes: &[Shape {
            over: Transport::Udp,
            // Unit data, a session of sampled values, its common header.
            bytes: &[(0, 0xff, 1), (1, 0xff, 0x40), (2, 0xff, 0xa2), (4, 0xff, 0x80)],
            min: 40,
            max: 1472,
        }],
        operations: &[("publish", OperationClass::Session)],
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let id = frame::message(head, FORM, at).ok().and_then(|message| asdus(&message)?.next().ok().flatten()).and_then(|asdu| sv_id(&asdu));
        if id.is_some_and(|id| !id.content.is_empty() && frame::is_name(id.content)) { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, _: &[u8]) -> Side {
        // A publisher sends to a group: it is the one that serves.
        Side::Server
    }

    fn glance(&self, bytes: &[u8], at: &At) -> Glance {
        let Ok(message) = frame::message(bytes, FORM, at) else { return Glance::READ };
        // A frame has the same streams each time: the first tells it from others.
        let first = asdus(&message).and_then(|mut asdus| asdus.next().ok().flatten());
        let id = first.and_then(|asdu| sv_id(&asdu)).map_or(&[][..], |id| id.content);
        let marks = [u8::from(message.simulated), u8::from(message.protection == "none")];
        Glance { operation: Some(0), look: Look::Once(frame::key(&[message.app_id_bytes, id, &marks])), inner: None }
    }

    fn read(&self, bytes: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let message = frame::message(bytes, FORM, cx.at())?;
        let about = cx.sender_host();
        let signed = is_signed(&message);
        let protection = if signed { "iec62351-6" } else { message.protection };
        if message.simulated {
            cx.say(&about, Kind::State).implied(Field::Simulation, &Value::Number(1));
        }
        cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(protection.into()));
        let Some(mut asdus) = asdus(&message) else { return Ok(Next::Watch) };
        for _ in 0..ASDUS_MAX {
            let Some(asdu) = asdus.next()? else { break };
            stream(&message, &asdu, &about, cx)?;
        }
        Ok(Next::Watch)
    }
}

/// The ASDUs: behind their number and perhaps a signature.
fn asdus<'a>(message: &Message<'a>) -> Option<Reader<'a>> {
    let mut members = message.pdu.open().ok()?;
    members.next().ok().flatten().filter(|number| number.tag == NUMBER_OF_ASDU)?;
    while let Ok(Some(member)) = members.next() {
        if member.tag == ASDUS {
            return member.open().ok();
        }
    }
    None
}

fn is_signed(message: &Message<'_>) -> bool {
    let Ok(mut members) = message.pdu.open() else { return false };
    while let Ok(Some(member)) = members.next() {
        if member.tag == SECURITY {
            return true;
        }
    }
    false
}

fn sv_id<'a>(asdu: &Tlv<'a>) -> Option<Tlv<'a>> {
    let mut members = asdu.open().ok().filter(|_| asdu.tag == ASDU)?;
    members.next().ok().flatten().filter(|id| id.tag == SV_ID)
}

/// One stream of a publisher: an observation of its own, as a publisher may have many.
fn stream(message: &Message<'_>, asdu: &Tlv<'_>, about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut members = asdu.open()?;
    let mut saying = cx.say(about, Kind::Identity).number(Field::AppId, u64::from(message.app_id), message.app_id_bytes);
    while let Some(member) = members.next()? {
        let name = frame::is_name(member.content);
        saying = match (member.tag, member.number()) {
            (SV_ID, _) if name => saying.text(Field::SvId, member.content),
            (DAT_SET, _) if name => saying.text(Field::DataSet, member.content),
            (CONF_REV, Some(revision)) => saying.number(Field::ConfigurationRevision, revision, member.content),
            (GM_IDENTITY, _) if member.content.len() == 8 => saying.bytes(Field::GrandmasterIdentity, member.content),
            _ => saying,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{field, read_frame};

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn asdu(id: &[u8]) -> Vec<u8> {
        let members = [tlv(SV_ID, id), tlv(0x82, &[0, 9]), tlv(CONF_REV, &[0, 0, 0, 1]), tlv(0x85, &[2]), tlv(0x87, &[0; 16])];
        tlv(ASDU, &members.concat())
    }

    fn frame_of(first: u16, pdu: &[u8]) -> Vec<u8> {
        let mut frame = vec![1, 0x0c, 0xcd, 4, 0, 1, 0x00, 0x21, 0xc1, 0x0a, 0, 8, 0x88, 0xba, 0x40, 0x00];
        frame.extend_from_slice(&u16::try_from(8 + pdu.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(&first.to_be_bytes());
        frame.extend_from_slice(&[0, 0]);
        [frame.as_slice(), pdu].concat()
    }

    fn two_streams() -> Vec<u8> {
        let asdus = [asdu(b"BAY1_MU01"), asdu(b"BAY1_MU02")].concat();
        tlv(FORM.tag, &[tlv(NUMBER_OF_ASDU, &[2]), tlv(ASDUS, &asdus)].concat())
    }

    #[test]
    fn each_stream_in_a_frame_is_named() {
        let said = read_frame(&Sv, &frame_of(0, &two_streams()));
        assert_eq!(field(&said, Kind::Identity, Field::SvId), ["BAY1_MU01", "BAY1_MU02"]);
        assert_eq!(field(&said, Kind::Identity, Field::ConfigurationRevision), ["1", "1"]);
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
        assert!(field(&said, Kind::State, Field::Simulation).is_empty());
        assert_eq!(field(&read_frame(&Sv, &frame_of(0x8000, &two_streams())), Kind::State, Field::Simulation), ["1"]);
    }

    #[test]
    fn a_cut_frame_keeps_the_streams_before_the_cut() {
        let whole = frame_of(0, &two_streams());
        let said = read_frame(&Sv, &whole[..whole.len() - 40]);
        assert_eq!(field(&said, Kind::Identity, Field::SvId), ["BAY1_MU01"]);
    }

    #[test]
    fn what_has_no_stream_is_refused() {
        for pdu in [tlv(FORM.tag, &[]), tlv(0x61, &two_streams()[2..]), tlv(FORM.tag, &[0; 20]), vec![0; 40]] {
            assert!(read_frame(&Sv, &frame_of(0, &pdu)).iter().all(|said| said.protocol != "sv"));
        }
    }
}
