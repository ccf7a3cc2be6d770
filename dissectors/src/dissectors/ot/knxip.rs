//! KNXnet/IP: interfaces and routers of KNX installations, what they say of themselves, and what is sent through them.
//!
//! Spec: ISO 22510:2019 and EN 13321-2 (KNXnet/IP core, device management, tunnelling, routing), KNX specification 3/8/9 (KNXnet/IP
//! Secure), 3/6/3 (cEMI), 3/3/7 (application layer).
//! Tells us: name, serial number, MAC address, individual address, project, services and secured services; programming mode; group and
//! device telegrams; KNX/IP Secure.
//! Does not tell: devices on the bus that nobody addresses; what a secure wrapper holds.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::tlv::number;
use cemi::Telegram;
use observations::{Field, Kind, OperationClass, Transport, Value};

mod cemi;
mod description;

pub(crate) struct KnxIp;

const PORT: u16 = 3671;
/// ISO 22510, 5.2: header length and version, service, total length.
const HEADER: usize = 6;
/// Descriptions with many secured tunnels are the longest that is in use.
const TOTAL_MAX: usize = 2048;

/// Service type identifiers: number, whether the client sends it (nothing where both do), index of the operation.
const SEARCH_RESPONSE: u16 = 0x0202;
const DESCRIPTION_RESPONSE: u16 = 0x0204;
const CONNECT_RESPONSE: u16 = 0x0206;
const SEARCH_RESPONSE_EXTENDED: u16 = 0x020c;
const CONFIGURATION: u16 = 0x0310;
const TUNNELLING: u16 = 0x0420;
const ROUTING: u16 = 0x0530;
const REMOTE_DIAGNOSTIC_RESPONSE: u16 = 0x0741;
const SECURE_WRAPPER: u16 = 0x0950;

/// See above; 3/8/1 to 3/8/9.
const SERVICES: &[(u16, Option<bool>, Option<usize>)] = &[
    (0x0201, Some(true), Some(0)),
    (SEARCH_RESPONSE, Some(false), None),
    (0x0203, Some(true), Some(1)),
    (DESCRIPTION_RESPONSE, Some(false), None),
    (0x0205, Some(true), Some(2)),
    (CONNECT_RESPONSE, Some(false), None),
    (0x0207, Some(true), Some(3)),
    (0x0208, Some(false), None),
    (0x0209, None, Some(4)),
    (0x020a, None, None),
    (0x020b, Some(true), Some(5)),
    (SEARCH_RESPONSE_EXTENDED, Some(false), None),
    (CONFIGURATION, None, None),
    (0x0311, None, None),
    (TUNNELLING, None, None),
    (0x0421, None, None),
    (0x0422, Some(true), Some(6)),
    (0x0423, Some(false), None),
    (0x0424, Some(true), Some(7)),
    (0x0425, Some(false), None),
    (ROUTING, None, None),
    (0x0531, None, None),
    (0x0532, None, None),
    (0x0533, None, None),
    (0x0740, Some(true), Some(8)),
    (REMOTE_DIAGNOSTIC_RESPONSE, Some(false), None),
    (0x0742, Some(true), Some(9)),
    (0x0743, Some(true), Some(10)),
    (SECURE_WRAPPER, None, None),
    (0x0951, Some(true), Some(11)),
    (0x0952, Some(false), None),
    (0x0953, Some(true), None),
    (0x0954, None, None),
    (0x0955, None, None),
];

/// Services of KNXnet/IP, then those of the application layer and of cEMI, as [`cemi::SERVICES`] numbers them.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("search", OperationClass::Diagnose),
    ("description", OperationClass::Diagnose),
    ("connect", OperationClass::Session),
    ("connectionstate", OperationClass::Session),
    ("disconnect", OperationClass::Session),
    ("search_extended", OperationClass::Diagnose),
    ("tunnelling_feature_get", OperationClass::Diagnose),
    ("tunnelling_feature_set", OperationClass::Configure),
    ("remote_diagnostic", OperationClass::Diagnose),
    ("remote_basic_configuration", OperationClass::Configure),
    ("remote_reset", OperationClass::Control),
    ("secure_session", OperationClass::Session),
    ("group_value_read", OperationClass::Read),
    ("group_value_response", OperationClass::Read),
    ("group_value_write", OperationClass::Write),
    ("individual_address_write", OperationClass::Configure),
    ("individual_address_read", OperationClass::Diagnose),
    ("memory_read", OperationClass::Program),
    ("memory_write", OperationClass::Program),
    ("user_message", OperationClass::Program),
    ("device_descriptor_read", OperationClass::Diagnose),
    ("restart", OperationClass::Control),
    ("authorize", OperationClass::Session),
    ("key_write", OperationClass::Configure),
    ("property_value_read", OperationClass::Read),
    ("property_value_write", OperationClass::Configure),
    ("secure_service", OperationClass::Session),
    ("other_application_service", OperationClass::Session),
    ("local_property_read", OperationClass::Diagnose),
    ("local_property_write", OperationClass::Configure),
    ("local_reset", OperationClass::Control),
];
const APPLICATION: usize = 12;
const _: () = assert!(OPERATIONS.len() == APPLICATION + cemi::COUNT);

/// Header, a service of 0x02.. to 0x09.., a length below 2,048.
const BEGIN: &[(usize, u8, u8)] = &[(0, 0xff, 6), (1, 0xff, 0x10), (2, 0xf0, 0), (4, 0xf8, 0)];

impl Dissector for KnxIp {
    type State = ();

    const ROW: Row = Row {
        name: "knxip",
        revision: 1,
        spec: "ISO 22510, EN 13321-2, KNX 3/6/3 and 3/8/9",
        tells: "name, serial number, MAC and individual address, secured services, programming mode; telegrams",
        bindings: &[Binding::Udp(PORT), Binding::Tcp(PORT)],
        shapes: &[
            Shape { over: Transport::Udp, bytes: BEGIN, min: HEADER + 2, max: TOTAL_MAX },
            Shape { over: Transport::Tcp, bytes: BEGIN, min: HEADER + 2, max: usize::MAX },
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(header) = Header::of(head) else {
            let begins = head.iter().zip([6, 0x10]).all(|(byte, want)| *byte == want);
            return if head.len() < HEADER && begins && at.transport == Transport::Tcp { Gate::More } else { Gate::NotMine };
        };
        let next = head.get(header.total..).unwrap_or_default();
        let ends = match at.transport {
            Transport::Tcp => next.iter().zip([6, 0x10]).all(|(byte, want)| *byte == want),
            _ => next.is_empty() && (head.len() == header.total || head.len() >= crate::engine::GATE_BYTES),
        };
        if ends && header.is_sound() { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let asks = Header::of(head).and_then(|header| header.asks());
        asks.map_or(Side::Unknown, |asks| if asks { Side::Client } else { Side::Server })
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match Header::of(head) {
            Some(header) => Framing::Pdu { len: header.total, want: header.total },
            None if head.len() < HEADER => Framing::Need(HEADER),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(header) = Header::of(head) else { return Glance::READ };
        let telegram = header.telegram();
        let operation = match &telegram {
            Some(telegram) if telegram.is_asked() || header.service == ROUTING => telegram.operation().map(|index| APPLICATION + index),
            Some(_) => None,
            None => SERVICES.iter().find(|row| row.0 == header.service).and_then(|row| row.2),
        };
        let look = match header.service {
            SEARCH_RESPONSE | DESCRIPTION_RESPONSE | SEARCH_RESPONSE_EXTENDED | REMOTE_DIAGNOSTIC_RESPONSE => Look::Always,
            // A secure session authenticates with a code, not with a password that could be read.
            CONFIGURATION | TUNNELLING | ROUTING if telegram.as_ref().is_some_and(Telegram::is_telling) => Look::Always,
            service => Look::Once(u32::from(service) << 8 | operation.and_then(|index| u32::try_from(index).ok()).unwrap_or(0xff)),
        };
        Glance { operation: operation.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(header) = Header::of(pdu) else { return Err(DissectError::Malformed { rule: "header", offset: 0 }) };
        /// 3/8/1: the host protocol address information of the control endpoint.
        const HPAI: usize = 8;
        match header.service {
            SEARCH_RESPONSE | SEARCH_RESPONSE_EXTENDED => description::read(header.body.get(HPAI..).unwrap_or_default(), cx)?,
            DESCRIPTION_RESPONSE => description::read(header.body, cx)?,
            // 3/8/7 §2.3: a selector and the endpoint stand before the blocks.
            REMOTE_DIAGNOSTIC_RESPONSE => {
                let selector = header.body.first().copied().map_or(0, usize::from);
                description::read(header.body.get(selector..).unwrap_or_default(), cx)?;
            }
            CONNECT_RESPONSE => connected(header.body, cx),
            SECURE_WRAPPER => secured(cx),
            _ => {}
        }
        if let Some(telegram) = header.telegram() {
            if header.service == ROUTING {
                level("none", cx);
            }
            telegram.read(cx)?;
        }
        Ok(Next::Watch)
    }
}

struct Header<'a> {
    service: u16,
    total: usize,
    body: &'a [u8],
}

impl<'a> Header<'a> {
    fn of(head: &'a [u8]) -> Option<Self> {
        let (&[6, 0x10, s1, s0, t1, t0], rest) = head.split_first_chunk::<HEADER>()? else { return None };
        let (service, total) = (u16::from_be_bytes([s1, s0]), usize::from(u16::from_be_bytes([t1, t0])));
        let known = SERVICES.iter().any(|row| row.0 == service) && (HEADER..=TOTAL_MAX).contains(&total);
        known.then(|| Self { service, total, body: rest.get(..total - HEADER).unwrap_or(rest) })
    }

    /// Whether the body begins with the structure that the service demands.
    fn is_sound(&self) -> bool {
        let first = self.body.first().copied();
        match self.service {
            0x0201 | SEARCH_RESPONSE | 0x0203 | 0x0205 | 0x020b | SEARCH_RESPONSE_EXTENDED | 0x0951 => first == Some(8),
            DESCRIPTION_RESPONSE => matches!(self.body, [2..=0xff, 1..=0xff, ..]),
            CONFIGURATION | TUNNELLING | 0x0311 | 0x0421 => first == Some(4),
            ROUTING => matches!(first, Some(0x11 | 0x29 | 0x2e | 0xf0..)),
            SECURE_WRAPPER => self.total >= HEADER + 32,
            _ => true,
        }
    }

    fn asks(&self) -> Option<bool> {
        match self.telegram() {
            Some(telegram) if self.service != ROUTING => Some(telegram.is_asked()),
            _ => SERVICES.iter().find(|row| row.0 == self.service).and_then(|row| row.1),
        }
    }

    /// The cEMI frame of a service that carries one, behind its connection header.
    fn telegram(&self) -> Option<Telegram<'a>> {
        const CONNECTION: usize = 4;
        match self.service {
            CONFIGURATION | TUNNELLING => Telegram::of(self.body.get(CONNECTION..)?),
            ROUTING => Telegram::of(self.body),
            _ => None,
        }
    }
}

/// 3/8/1 §7.8.2: a connection that was opened without KNX/IP Secure.
fn connected(body: &[u8], cx: &mut Context<'_>) {
    let Some(&[_channel, 0]) = body.first_chunk::<2>() else { return };
    level("none", cx);
    // 3/8/4 §4.4.4: the individual address that the tunnel was given.
    if let Some(&[4, 4, ..]) = body.get(10..14)
        && let Some(address) = body.get(12..14)
    {
        let client = cx.receiver_host();
        cx.say(&client, Kind::Lease).decoded(Field::IndividualAddress, &individual(address), address, "knx-address");
    }
}

/// About the side that serves; of what is sent to a group, about the sender.
fn level(word: &str, cx: &mut Context<'_>) {
    let about = if cx.from_client() == Some(true) && cx.frame().dst_mac.is_device() { cx.receiver() } else { cx.sender() };
    cx.say(&about, Kind::Security).implied(Field::SecurityLevel, &Value::Text(word.into()));
}

fn secured(cx: &mut Context<'_>) {
    level("secure", cx);
}

/// 3/3/2: area, line and device of an individual address.
fn individual(address: &[u8]) -> Value {
    let address = number(address);
    Value::Text(format!("{}.{}.{}", address >> 12 & 15, address >> 8 & 15, address & 0xff).into_bytes())
}

#[cfg(test)]
mod tests;
