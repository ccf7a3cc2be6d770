//! SNMP: what an agent says of its system, its parts and its addresses; which version and protection are in use.
//!
//! Spec: RFC 1157 (v1), RFC 1901 and RFC 3416 (v2c), RFC 3411, RFC 3412, RFC 3414 (v3); objects in `objects.rs`.
//! Tells us: sysDescr, sysObjectID, sysName, location; serial numbers and versions of parts; engine id; communities that
//! were shown and accepted, sets that were done; which traps are sent.
//! Does not tell: anything of an agent that nobody asks; what v3 encrypts. Contacts, users and contexts are personal or private: left out.

use crate::asn1::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, Tlv};
use crate::context::{Context, Saying};
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::login::word;
use crate::tlv::number;
use observations::{Field, Kind, Mac, OperationClass, Subject, Transport, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod objects;

pub(crate) struct Snmp;

const AGENT_PORT: u16 = 161;
const TRAP_PORT: u16 = 162;

/// RFC 3416 §3: PDU tags; the index into [`OPERATIONS`] is the number behind the context bits.
const GET: u8 = 0xa0;
const RESPONSE: u8 = 0xa2;
const SET: u8 = 0xa3;
const TRAP_V1: u8 = 0xa4;
const INFORM: u8 = 0xa6;
const TRAP_V2: u8 = 0xa7;
const REPORT: u8 = 0xa8;
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("get_request", OperationClass::Read),
    ("get_next_request", OperationClass::Read),
    ("response", OperationClass::Session),
    ("set_request", OperationClass::Configure),
    ("trap", OperationClass::Diagnose),
    ("get_bulk_request", OperationClass::Read),
    ("inform_request", OperationClass::Diagnose),
    ("snmpv2_trap", OperationClass::Diagnose),
    ("report", OperationClass::Diagnose),
    ("encrypted", OperationClass::Session),
];
const ENCRYPTED: u16 = 9;

/// RFC 3412 §6.4, msgFlags.
const AUTH: u8 = 1;
const PRIV: u8 = 2;
const REPORTABLE: u8 = 4;
/// RFC 3411 §5, SnmpSecurityModel: the user-based one.
const USM: u64 = 3;

impl Dissector for Snmp {
    type State = Talk;

    const ROW: Row = Row {
        name: "snmp",
        revision: 2,
        spec: "RFC 1157, RFC 3411 to RFC 3418, RFC 6933",
        tells: "system description and name, serial numbers, versions, MAC and IP addresses, engine id, version and protection",
        bindings: &[Binding::Udp(AGENT_PORT), Binding::Udp(TRAP_PORT)],
        // A sequence, its length in one, two or three bytes, and an integer of one byte below 4.
        shapes: &[
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0x30), (1, 0x80, 0), (2, 0xff, 2), (3, 0xff, 1), (4, 0xfc, 0)], min: 24, max: 129 },
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0x30), (1, 0xff, 0x81), (3, 0xff, 2), (4, 0xff, 1), (5, 0xfc, 0)], min: 24, max: 258 },
            Shape { over: Transport::Udp, bytes: &[(0, 0xff, 0x30), (1, 0xff, 0x82), (4, 0xff, 2), (5, 0xff, 1), (6, 0xfc, 0)], min: 24, max: 65507 },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let bound = [AGENT_PORT, TRAP_PORT].iter().any(|port| *port == at.src_port || *port == at.dst_port);
        let mut outer = Reader::new(head);
        let Ok(Some(message)) = outer.next() else { return Gate::NotMine };
        // A gate sees the beginning of long messages alone, and a capture may cut what comes to our port.
        let complete = message.missing == 0 || bound || head.len() >= crate::engine::GATE_BYTES;
        if message.tag != SEQUENCE || !outer.rest().is_empty() || !complete {
            return Gate::NotMine;
        }
        match envelope(head) {
            Ok(Envelope { version: 0 | 1, pdu: Some(pdu), .. }) if (GET..=REPORT).contains(&pdu.tag) => Gate::Mine,
            Ok(Envelope { version: 3, security: Some(_), .. }) => Gate::Mine,
            _ => Gate::NotMine,
        }
    }

    fn side(&self, head: &[u8]) -> Side {
        match envelope(head) {
            Ok(Envelope { pdu: Some(pdu), .. }) if matches!(pdu.tag, RESPONSE | REPORT) => Side::Server,
            Ok(Envelope { pdu: Some(_), .. }) => Side::Client,
            Ok(Envelope { security: Some(security), .. }) if security.flags & REPORTABLE != 0 => Side::Client,
            _ => Side::Unknown,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Ok(envelope) = envelope(head) else { return Glance::READ };
        let secret = envelope.community.unwrap_or_default();
        let flags = envelope.security.as_ref().map_or(0, |security| security.flags);
        // Requests tell nothing new but their version, flags and community; the sum need not be unique, only mostly.
        let sum = secret.iter().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte))) & 0xffff;
        let key = |tag: u8| u32::from(tag) << 24 | u32::from(flags) << 19 | (envelope.version & 3) << 17 | sum;
        match envelope.pdu {
            Some(pdu) => {
                let operation = pdu.tag.checked_sub(GET).filter(|index| u16::from(*index) < ENCRYPTED).map(u16::from);
                let telling = matches!(pdu.tag, RESPONSE | SET | TRAP_V1 | TRAP_V2 | INFORM | REPORT);
                Glance { operation, look: if telling { Look::Always } else { Look::Once(key(pdu.tag)) }, inner: None }
            }
            None => Glance { operation: Some(ENCRYPTED), look: Look::Once(key(0)), inner: None },
        }
    }

    fn read(&self, pdu: &[u8], talk: &mut Talk, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let envelope = envelope(pdu)?;
        let sender = cx.sender();
        let answers = envelope.pdu.is_some_and(|pdu| pdu.tag == RESPONSE);
        let telling = match (&envelope.security, envelope.community) {
            (Some(security), _) => {
                secured(security, &envelope, cx);
                // Another context's engine is one that this agent speaks for (RFC 3413 §3.5).
                envelope.context_engine.is_none_or(|context| context.is_empty() || context == security.engine)
            }
            (None, community) => {
                let version = if envelope.version == 0 { "1" } else { "2c" };
                let saying = say_version(cx.say(&sender, Kind::Security), version, envelope.version_bytes);
                // RFC 1157 §4.1: a message whose community is not known is not answered.
                drop(if answers {
                    saying.implied(Field::AuthenticationMethod, &word("community")).implied(Field::Outcome, &word("accepted"))
                } else {
                    saying
                });
                cx.secret(&sender, "snmp community", None, community.unwrap_or_default());
                true
            }
        };
        match envelope.pdu {
            Some(pdu) if telling && matches!(pdu.tag, RESPONSE | TRAP_V1 | TRAP_V2 | INFORM) => {
                talk.set_answered(&pdu, &sender, cx);
                told(&pdu, &sender, &mut talk.entities, cx)?;
            }
            Some(pdu) if pdu.tag == SET => talk.set = request_id(&pdu),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// What is remembered of a conversation.
#[derive(Default)]
pub(crate) struct Talk {
    entities: objects::Entities,
    /// The request id of the last set.
    set: Option<u64>,
}

impl Talk {
    /// RFC 3416 §4.2.5: a set that was done is answered without an error.
    fn set_answered(&mut self, pdu: &Tlv<'_>, sender: &Subject, cx: &mut Context<'_>) {
        if pdu.tag != RESPONSE || self.set.is_none() || self.set != request_id(pdu) {
            return;
        }
        self.set = None;
        let status =
            pdu.open().ok().and_then(|mut fields| fields.next().and_then(|_| fields.next()).ok().flatten()).and_then(|status| status.number());
        let end = if status == Some(0) { "set accepted" } else { "set refused" };
        cx.say(sender, Kind::Security).implied(Field::Outcome, &word(end));
    }
}

fn request_id(pdu: &Tlv<'_>) -> Option<u64> {
    pdu.open().ok()?.expect(INTEGER, "request id").ok().map(|id| number(id.content))
}

/// A message of any version, opened as far as it lies open.
struct Envelope<'a> {
    version: u32,
    version_bytes: &'a [u8],
    community: Option<&'a [u8]>,
    security: Option<Security<'a>>,
    context_engine: Option<&'a [u8]>,
    /// None if it is encrypted.
    pdu: Option<Tlv<'a>>,
}

/// RFC 3412 §6 and RFC 3414 §2.4.
struct Security<'a> {
    flags: u8,
    flags_bytes: &'a [u8],
    model: u64,
    model_bytes: &'a [u8],
    engine: &'a [u8],
    /// The byte that holds the length of the authentication parameters, of which nothing else is told.
    authentication_length: &'a [u8],
}

/// RFC 1157 §4, RFC 3412 §6.
fn envelope(bytes: &[u8]) -> Result<Envelope<'_>, DissectError> {
    let mut message = Reader::new(bytes).enter(SEQUENCE, "message")?;
    let version = message.expect(INTEGER, "version")?;
    let version_bytes = version.whole;
    match version.number() {
        Some(version @ (0 | 1)) => {
            let community = message.expect(OCTET_STRING, "community")?.content;
            let version = if version == 0 { 0 } else { 1 };
            Ok(Envelope { version, version_bytes, community: Some(community), security: None, context_engine: None, pdu: message.next()? })
        }
        Some(3) => {
            let security = security(&mut message)?;
            let (context_engine, pdu) = scoped(&mut message)?;
            Ok(Envelope { version: 3, version_bytes, community: None, security: Some(security), context_engine, pdu })
        }
        _ => Err(DissectError::Malformed { rule: "version", offset: 2 }),
    }
}

fn security<'a>(message: &mut Reader<'a>) -> Result<Security<'a>, DissectError> {
    let mut header = message.enter(SEQUENCE, "header data")?;
    let _id = header.expect(INTEGER, "message id")?;
    let _max_size = header.expect(INTEGER, "maximum size")?;
    let flags = header.expect(OCTET_STRING, "flags")?;
    let model = header.expect(INTEGER, "security model")?;
    let (&[bits], Some(number)) = (flags.content, model.number()) else { return Err(DissectError::Malformed { rule: "flags", offset: 0 }) };
    let parameters = message.expect(OCTET_STRING, "security parameters")?;
    let mut security =
        Security { flags: bits, flags_bytes: flags.content, model: number, model_bytes: model.content, engine: &[], authentication_length: &[] };
    if number == USM {
        let mut usm = Reader::new(parameters.content).enter(SEQUENCE, "user-based security parameters")?;
        security.engine = usm.expect(OCTET_STRING, "engine id")?.content;
        let _boots = usm.expect(INTEGER, "engine boots")?;
        let _time = usm.expect(INTEGER, "engine time")?;
        let _user = usm.expect(OCTET_STRING, "user")?;
        security.authentication_length = usm.expect(OCTET_STRING, "authentication parameters")?.whole.get(1..2).unwrap_or_default();
    }
    Ok(security)
}

type Scoped<'a> = (Option<&'a [u8]>, Option<Tlv<'a>>);

/// RFC 3412 §6: a scoped PDU, or an octet string that is one encrypted; a message that ends here tells no more.
fn scoped<'a>(message: &mut Reader<'a>) -> Result<Scoped<'a>, DissectError> {
    match message.next() {
        Ok(Some(data)) if data.tag == SEQUENCE => {
            let mut scoped = data.open()?;
            let engine = scoped.expect(OCTET_STRING, "context engine id")?.content;
            let _name = scoped.expect(OCTET_STRING, "context name")?;
            Ok((Some(engine), scoped.next()?))
        }
        Ok(_) | Err(DissectError::Truncated { .. }) => Ok((None, None)),
        Err(error) => Err(error),
    }
}

fn say_version<'s, 'a>(saying: Saying<'s, 'a>, version: &str, bytes: &[u8]) -> Saying<'s, 'a> {
    saying.decoded(Field::ProtocolVersion, &Value::Text(version.as_bytes().to_vec()), bytes, "snmp-version")
}

/// What a v3 message shows of its protection, and of the authoritative engine if that is the sender's.
fn secured(security: &Security<'_>, envelope: &Envelope<'_>, cx: &mut Context<'_>) {
    let sender = cx.sender();
    let tag = envelope.pdu.map(|pdu| pdu.tag);
    let saying = say_version(cx.say(&sender, Kind::Security), "3", envelope.version_bytes);
    let saying = saying.number(Field::SecurityModel, security.model, security.model_bytes);
    // RFC 3414 §4: discovery is never protected; it tells nothing of what comes after it.
    if security.model == USM && !security.engine.is_empty() && tag != Some(REPORT) {
        let level: &[u8] = match security.flags & (AUTH | PRIV) {
            0 => b"noAuthNoPriv",
            AUTH => b"authNoPriv",
            PRIV => b"invalid",
            _ => b"authPriv",
        };
        let saying = saying.decoded(Field::SecurityLevel, &Value::Text(level.to_vec()), security.flags_bytes, "snmp-msg-flags");
        let length = Some(security.authentication_length).filter(|length| security.flags & AUTH != 0 && number(length) > 0);
        drop(saying.maybe(length, |s, v| s.number(Field::AuthParameterLength, number(v), v)));
    } else {
        drop(saying);
    }
    // RFC 3412 §7.1: who answers, reports or notifies is authoritative; of what is encrypted only the reportable flag tells.
    let authoritative = match tag {
        Some(RESPONSE | TRAP_V1 | TRAP_V2 | REPORT) => true,
        Some(_) => false,
        None => security.flags & REPORTABLE == 0,
    };
    if authoritative {
        engine(security.engine, &sender, cx);
    }
}

/// RFC 3411 §5, SnmpEngineID: enterprise number, then in the current form a format and what it says.
fn engine(id: &[u8], about: &Subject, cx: &mut Context<'_>) {
    const LENGTHS: std::ops::RangeInclusive<usize> = 5..=32;
    const CURRENT: u64 = 0x8000_0000;
    let Some(enterprise) = id.get(..4).filter(|_| LENGTHS.contains(&id.len())) else { return };
    let (first, rest) = (number(enterprise), id.get(5..).unwrap_or_default());
    // Deviation: a widespread agent puts a byte of 0 before the MAC address.
    let card = rest.strip_prefix(&[0]).filter(|card| card.len() == 6).unwrap_or(rest);
    let saying = cx.say(about, Kind::Key).bytes(Field::EngineId, id);
    let saying = saying.decoded(Field::EnterpriseNumber, &Value::Number(first & !CURRENT), enterprise, "snmp-engine-id");
    match id.get(4) {
        Some(1) if first & CURRENT != 0 => drop(saying.maybe(host(rest), |s, ip| s.ip(Field::Ipv4Address, ip, rest))),
        Some(2) if first & CURRENT != 0 => drop(saying.maybe(host(rest), |s, ip| s.ip(Field::Ipv6Address, ip, rest))),
        Some(3) if first & CURRENT != 0 => drop(saying.maybe(mac(card), |s, mac| s.mac(Field::MacAddress, mac, card))),
        _ => drop(saying),
    }
}

fn host(slice: &[u8]) -> Option<IpAddr> {
    let ip: IpAddr = match slice.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(slice).ok()?).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(slice).ok()?).into(),
    };
    (!ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast()).then_some(ip)
}

fn mac(slice: &[u8]) -> Option<Mac> {
    <[u8; 6]>::try_from(slice).ok().map(Mac).filter(|mac| mac.is_device())
}

/// Responses and notifications (RFC 3416 §3; traps of version 1: RFC 1157 §4.1.6).
fn told(pdu: &Tlv<'_>, sender: &Subject, entities: &mut objects::Entities, cx: &mut Context<'_>) -> Result<(), DissectError> {
    /// RFC 1157 §4.1.6: behind the generic traps stands sysObjectID; behind the enterprise's own (6) any object.
    const ENTERPRISE_SPECIFIC: u64 = 6;
    let mut fields = pdu.open()?;
    if pdu.tag == TRAP_V1 {
        let enterprise = fields.expect(OBJECT_IDENTIFIER, "enterprise")?;
        let agent = fields.next()?.and_then(|address| host(address.content));
        let generic = fields.expect(INTEGER, "generic trap")?.number();
        let (_specific, _time) = (fields.next()?, fields.next()?);
        // A trap that is passed on names the agent that it comes from.
        let about = match agent {
            Some(ip) if Some(ip) != sender.ip => cx.by_ip(ip),
            _ => sender.clone(),
        };
        let by_itself = generic.is_some_and(|generic| generic < ENTERPRISE_SPECIFIC);
        if let Some(dotted) = enterprise.dotted() {
            let (kind, field) = if by_itself { (Kind::Identity, Field::SystemObjectId) } else { (Kind::State, Field::TrapEnterprise) };
            cx.say(&about, kind).decoded(field, &Value::Text(dotted), enterprise.content, "ber-oid");
        }
        return objects::read(&mut fields, &about, entities, cx);
    }
    for rule in ["request id", "error status", "error index"] {
        fields.expect(INTEGER, rule)?;
    }
    objects::read(&mut fields, sender, entities, cx)
}

#[cfg(test)]
mod tests;
