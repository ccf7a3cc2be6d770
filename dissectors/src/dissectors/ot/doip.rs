//! DoIP: vehicles and their control units, and what is diagnosed, changed and programmed in them.
//!
//! Spec: ISO 13400-2:2019 clauses 7 to 9; ISO 14229-1:2020 (services of diagnostic messages), annex C (data identifiers).
//! Tells us: VIN, logical address and entity identifier of a vehicle's gateway; part, serial and version numbers of control units that are
//! read; services asked for; how routing is activated.
//! Does not tell: who tests (activation needs no credential by default); what is protected by TLS on port 3496.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Framing, Gate, Glance, Look, Next, Row, Shape, Side};
use crate::tlv::number;
use observations::{Field, Kind, OperationClass, StepKind, Subject, Transport, Value};

pub(crate) struct Doip;

const PORT: u16 = 13400;
/// Version, its inverse, payload type, length.
const HEADER: usize = 8;
/// Downloads go in blocks of up to 64 KiB; what is longer is no diagnosis.
const LENGTH_MAX: u32 = 1 << 20;
/// What is read of a diagnostic message: identification, never a block of a download.
const WANT_MAX: usize = 512;

const ANNOUNCEMENT: u16 = 0x0004;
const ACTIVATION: u16 = 0x0005;
const ACTIVATED: u16 = 0x0006;
const DIAGNOSTIC: u16 = 0x8001;
/// Payload types (table 17): number, shortest and longest payload, who sends it (nothing: both).
const TYPES: &[(u16, u32, u32, Option<bool>)] = &[
    (0x0000, 1, 1, Some(false)),
    (0x0001, 0, 0, Some(true)),
    (0x0002, 6, 6, Some(true)),
    (0x0003, 17, 17, Some(true)),
    (ANNOUNCEMENT, 32, 33, Some(false)),
    (ACTIVATION, 7, 11, Some(true)),
    (ACTIVATED, 9, 13, Some(false)),
    (0x0007, 0, 0, Some(false)),
    (0x0008, 2, 2, Some(true)),
    (0x4001, 0, 0, Some(true)),
    (0x4002, 3, 7, Some(false)),
    (0x4003, 0, 0, Some(true)),
    (0x4004, 1, 1, Some(false)),
    (DIAGNOSTIC, 5, LENGTH_MAX, None),
    (0x8002, 5, LENGTH_MAX, Some(false)),
    (0x8003, 5, LENGTH_MAX, Some(false)),
];

/// ISO 14229-1 table 23: the index is that of [`OPERATIONS`], behind those of DoIP.
const SERVICES: &[u8] = &[
    0x10, 0x11, 0x14, 0x19, 0x22, 0x23, 0x24, 0x27, 0x28, 0x29, 0x2a, 0x2c, 0x2e, 0x2f, 0x31, 0x34, 0x35, 0x36, 0x37, 0x38, 0x3d, 0x3e, 0x84, 0x85,
    0x86, 0x87,
];
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("vehicle_identification", OperationClass::Diagnose),
    ("routing_activation", OperationClass::Session),
    ("entity_status", OperationClass::Diagnose),
    ("power_mode_information", OperationClass::Diagnose),
    ("diagnostic_session_control", OperationClass::Session),
    ("ecu_reset", OperationClass::Control),
    ("clear_diagnostic_information", OperationClass::Configure),
    ("read_dtc_information", OperationClass::Diagnose),
    ("read_data_by_identifier", OperationClass::Read),
    ("read_memory_by_address", OperationClass::Read),
    ("read_scaling_data_by_identifier", OperationClass::Read),
    ("security_access", OperationClass::Session),
    ("communication_control", OperationClass::Control),
    ("authentication", OperationClass::Session),
    ("read_data_by_periodic_identifier", OperationClass::Read),
    ("dynamically_define_data_identifier", OperationClass::Configure),
    ("write_data_by_identifier", OperationClass::Configure),
    ("input_output_control_by_identifier", OperationClass::Control),
    ("routine_control", OperationClass::Control),
    ("request_download", OperationClass::Program),
    ("request_upload", OperationClass::Program),
    ("transfer_data", OperationClass::Program),
    ("request_transfer_exit", OperationClass::Program),
    ("request_file_transfer", OperationClass::Program),
    ("write_memory_by_address", OperationClass::Program),
    ("tester_present", OperationClass::Session),
    ("secured_data_transmission", OperationClass::Session),
    ("control_dtc_setting", OperationClass::Configure),
    ("response_on_event", OperationClass::Session),
    ("link_control", OperationClass::Session),
    ("negative_response", OperationClass::Session),
    ("other_service", OperationClass::Session),
];
const DIAGNOSIS: usize = 4;
const NEGATIVE: usize = DIAGNOSIS + SERVICES.len();
const OTHER: usize = NEGATIVE + 1;
const _: () = assert!(OPERATIONS.len() == OTHER + 1);
const READ_DATA: u8 = 0x22;
/// ISO 14229-1 §8.2: an answer's service is the request's with this bit; 0x7F is a negative one.
const ANSWER: u8 = 0x40;
const NEGATIVE_ANSWER: u8 = 0x7f;

/// ISO 14229-1 annex C.1: data identifiers that say what a control unit is.
const IDENTIFIERS: &[(u16, Field)] = &[
    (0xf187, Field::OrderNumber),
    (0xf189, Field::SoftwareVersion),
    (0xf18a, Field::VendorName),
    (0xf18c, Field::SerialNumber),
    (0xf190, Field::Vin),
    (0xf191, Field::HardwareVersion),
    (0xf195, Field::SoftwareVersion),
    (0xf197, Field::ProductName),
];

impl Dissector for Doip {
    type State = Activated;

    const ROW: Row = Row {
        name: "doip",
        revision: 1,
        spec: "ISO 13400-2:2019, ISO 14229-1:2020",
        tells: "VIN, logical address, identification of control units, diagnosis and programming",
        bindings: &[Binding::Udp(PORT), Binding::Tcp(PORT)],
        shapes: &[
            shape(Transport::Udp, &[(0, 0xfc, 0), (1, 0xfc, 0xfc), (2, 0xff, 0), (3, 0xf8, 0), (4, 0xff, 0), (5, 0xff, 0), (6, 0xff, 0)]),
            shape(Transport::Tcp, &[(0, 0xfc, 0), (1, 0xfc, 0xfc), (2, 0xff, 0), (3, 0xf8, 0), (4, 0xff, 0), (5, 0xff, 0), (6, 0xff, 0)]),
            shape(Transport::Tcp, &[(0, 0xfc, 0), (1, 0xfc, 0xfc), (2, 0xff, 0x80), (3, 0xfc, 0), (4, 0xff, 0), (5, 0xf0, 0)]),
        ],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(header) = Header::of(head) else {
            let begins = matches!(head, [version, inverse, ..] if version ^ inverse == 0xff);
            return if head.len() < HEADER && (begins || head.len() < 2) && at.transport == Transport::Tcp { Gate::More } else { Gate::NotMine };
        };
        let next = head.get(header.total..).unwrap_or_default();
        let ends = match at.transport {
            Transport::Tcp => next.len() < HEADER || Header::of(next).is_some(),
            _ => head.len() == header.total,
        };
        if ends { Gate::Mine } else { Gate::NotMine }
    }

    fn side(&self, head: &[u8]) -> Side {
        let Some(header) = Header::of(head) else { return Side::Unknown };
        let asks = match header.kind {
            // Requests have a clear bit where answers have it set.
            DIAGNOSTIC => header.service().map(|service| service & ANSWER == 0),
            kind => TYPES.iter().find(|row| row.0 == kind).and_then(|row| row.3),
        };
        asks.map_or(Side::Unknown, |asks| if asks { Side::Client } else { Side::Server })
    }

    fn frame(&self, head: &[u8]) -> Framing {
        match Header::of(head) {
            Some(header) => Framing::Pdu { len: header.total, want: header.total.min(WANT_MAX) },
            None if head.len() < HEADER => Framing::Need(HEADER),
            None => Framing::Lost,
        }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(header) = Header::of(head) else { return Glance::SKIP };
        let service = header.service();
        let index = match (header.kind, service) {
            (0x0001..=0x0003, _) => Some(0),
            (ACTIVATION, _) => Some(1),
            (0x4001, _) => Some(2),
            (0x4003, _) => Some(3),
            (DIAGNOSTIC, Some(NEGATIVE_ANSWER)) => Some(NEGATIVE),
            (DIAGNOSTIC, Some(service)) if service & ANSWER == 0 => {
                Some(SERVICES.iter().position(|known| *known == service).map_or(OTHER, |index| DIAGNOSIS + index))
            }
            _ => None,
        };
        let always = matches!(header.kind, ANNOUNCEMENT | ACTIVATION | ACTIVATED) || service == Some(READ_DATA | ANSWER);
        let unit = header.body.first_chunk::<2>().map_or(0, |source| u32::from(u16::from_be_bytes(*source)));
        let look = if always { Look::Always } else { Look::Once(unit << 16 | u32::from(header.kind >> 8) << 8 | u32::from(service.unwrap_or(0))) };
        Glance { operation: index.and_then(|index| u16::try_from(index).ok()), look, inner: None }
    }

    fn read(&self, pdu: &[u8], state: &mut Activated, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let Some(header) = Header::of(pdu) else { return Err(DissectError::Malformed { rule: "header", offset: 0 }) };
        match header.kind {
            ANNOUNCEMENT => announced(header.body, cx),
            ACTIVATED => state.activated(header.body, cx),
            DIAGNOSTIC => state.diagnosed(header.body, cx),
            _ => {}
        }
        Ok(Next::Watch)
    }
}

const fn shape(over: Transport, bytes: &'static [(usize, u8, u8)]) -> Shape {
    Shape { over, bytes, min: HEADER, max: usize::MAX }
}

struct Header<'a> {
    kind: u16,
    total: usize,
    body: &'a [u8],
}

impl<'a> Header<'a> {
    fn of(head: &'a [u8]) -> Option<Self> {
        let (&[version, inverse, t1, t0, l3, l2, l1, l0], rest) = head.split_first_chunk::<HEADER>()?;
        let (kind, length) = (u16::from_be_bytes([t1, t0]), u32::from_be_bytes([l3, l2, l1, l0]));
        // Table 16: editions of the standard, and 0xFF by who does not know it yet.
        let edition = version ^ inverse == 0xff && matches!(version, 1..=4 | 0xff);
        let row = TYPES.iter().find(|row| row.0 == kind)?;
        let length = usize::try_from(length).ok().filter(|_| edition && (row.1..=row.2).contains(&length))?;
        Some(Self { kind, total: HEADER + length, body: rest.get(..length).unwrap_or(rest) })
    }

    /// The service of a diagnostic message, behind its addresses.
    fn service(&self) -> Option<u8> {
        self.body.get(4).copied().filter(|_| self.kind == DIAGNOSTIC)
    }
}

/// Table 21: VIN, logical address, entity, group, and what is needed next.
fn announced(body: &[u8], cx: &mut Context<'_>) {
    let about = cx.sender();
    let at = |from: usize, length: usize| body.get(from..from + length).unwrap_or_default();
    let set = |bytes: &[u8]| bytes.iter().any(|byte| !matches!(byte, 0 | 0xff | b'0'));
    let (vin, address, entity, group) = (at(0, 17), at(17, 2), at(19, 6), at(25, 6));
    cx.say(&about, Kind::Identity)
        .maybe(Some(vin).filter(|vin| set(vin) && vin.iter().all(u8::is_ascii_alphanumeric)), |saying, vin| saying.text(Field::Vin, vin))
        .number(Field::LogicalAddress, number(address), address)
        .maybe(Some(entity).filter(|entity| set(entity)), |saying, entity| saying.bytes(Field::EntityId, entity))
        .maybe(Some(group).filter(|group| set(group)), |saying, group| saying.bytes(Field::GroupId, group));
}

/// What one connection has told of the entity that it ends at.
#[derive(Default)]
pub(crate) struct Activated {
    entity: Option<u64>,
}

impl Activated {
    /// Table 48: tester, entity, code.
    fn activated(&mut self, body: &[u8], cx: &mut Context<'_>) {
        const SUCCESS: u8 = 0x10;
        const TLS_REQUIRED: u8 = 0x07;
        let (Some(address), Some(code)) = (body.get(2..4), body.get(4..5)) else { return };
        let about = cx.sender();
        self.entity = Some(number(address));
        cx.say(&about, Kind::Identity).number(Field::LogicalAddress, number(address), address);
        let level: &[u8] = match code.first() {
            Some(&SUCCESS) => b"none",
            Some(&TLS_REQUIRED) => b"tls required",
            _ => return,
        };
        cx.say(&about, Kind::Security).decoded(Field::SecurityLevel, &Value::Text(level.to_vec()), code, "doip-activation");
    }

    /// A control unit's answer: its address, the tester's, service, data.
    fn diagnosed(&mut self, body: &[u8], cx: &mut Context<'_>) {
        let (Some(source), Some(&service)) = (body.get(..2), body.get(4)) else { return };
        if service & ANSWER == 0 {
            return;
        }
        let about = self.unit(number(source), cx);
        cx.say(&about, Kind::Part).number(Field::LogicalAddress, number(source), source);
        let (Some(identifier), Some(data)) = (body.get(5..7), body.get(7..)) else { return };
        let Some((_, field)) = IDENTIFIERS.iter().find(|row| u64::from(row.0) == number(identifier) && service == READ_DATA | ANSWER) else { return };
        // Several identifiers may be asked for at once; where the next begins only their maker knows.
        let text = data.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0);
        if text {
            cx.say(&about, Kind::Identity).trimmed(*field, data);
        }
    }

    fn unit(&self, address: u64, cx: &Context<'_>) -> Subject {
        let server = cx.sender();
        if self.entity == Some(address) { server } else { cx.part(&server, StepKind::LogicalAddress, address) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, conversation, field, payload, read_cut};

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        [&[2, 0xfd][..], &kind.to_be_bytes(), &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
    }

    fn announcement() -> Vec<u8> {
        let body = [&b"WDB1234567890ABCD"[..], &[0x10, 0x01], &[0, 0x1a, 0x37, 1, 2, 3], &[0; 6], &[0]].concat();
        message(ANNOUNCEMENT, &body)
    }

    #[test]
    fn a_vehicle_announces_itself() {
        let said = answer(&Doip, &announcement());
        assert_eq!(field(&said, Kind::Identity, Field::Vin), ["WDB1234567890ABCD"]);
        assert_eq!(field(&said, Kind::Identity, Field::LogicalAddress), ["4097"]);
        assert_eq!(field(&said, Kind::Identity, Field::EntityId), ["001a37010203"]);
        assert!(field(&said, Kind::Identity, Field::GroupId).is_empty());
    }

    fn diagnosis(source: u8, data: &[u8]) -> Vec<u8> {
        message(DIAGNOSTIC, &[&[0x10, source, 0x0e, 0x80][..], data].concat())
    }

    #[test]
    fn control_units_behind_the_gateway_are_parts_and_it_is_not() {
        let asks = message(ACTIVATION, &[0x0e, 0x80, 0, 0, 0, 0, 0]);
        let activated = message(ACTIVATED, &[0x0e, 0x80, 0x10, 0x01, 0x10, 0, 0, 0, 0]);
        let serial = diagnosis(0x12, &[&[0x62, 0xf1, 0x8c][..], b"ECU-0815"].concat());
        let own = diagnosis(0x01, &[&[0x62, 0xf1, 0x87][..], b"A123456789"].concat());
        let said =
            conversation(&Doip, Transport::Tcp, &[(50000, PORT, &asks), (PORT, 50000, &activated), (PORT, 50000, &serial), (PORT, 50000, &own)]);
        let of = |wanted| said.iter().find(|said| said.get(wanted).is_some()).map(|said| said.about.path.len());
        assert_eq!((of(Field::SerialNumber), of(Field::OrderNumber)), (Some(1), Some(0)));
        assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
    }

    #[test]
    fn binary_data_and_questions_say_nothing() {
        let said = conversation(&Doip, Transport::Tcp, &[(PORT, 50000, &diagnosis(0x12, &[0x62, 0xf1, 0x8c, 1, 2, 3]))]);
        assert!(field(&said, Kind::Identity, Field::SerialNumber).is_empty());
        let said = conversation(&Doip, Transport::Tcp, &[(50000, PORT, &diagnosis(0x80, &[0x22, 0xf1, 0x8c]))]);
        assert!(field(&said, Kind::Part, Field::LogicalAddress).is_empty());
    }

    #[test]
    fn a_truncated_announcement_keeps_the_vin() {
        let said = read_cut(&Doip, false, &announcement()[..27]);
        assert_eq!(field(&said, Kind::Identity, Field::Vin), ["WDB1234567890ABCD"]);
    }

    #[test]
    fn services_are_named_and_blocks_cost_a_glance() {
        let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
        let glance = |data: &[u8]| Doip.glance(&diagnosis(0x80, data), &at);
        let name = |data: &[u8]| glance(data).operation.map(|index| OPERATIONS[usize::from(index)].0);
        assert_eq!(name(&[0x11, 1]), Some("ecu_reset"));
        assert_eq!((name(&[0x34, 0]), name(&[0x87, 0]), name(&[0x51, 1])), (Some("request_download"), Some("link_control"), None));
        assert_eq!(name(&[0x7f, 0x22, 0x31]), Some("negative_response"));
        assert!(matches!(glance(&[0x36, 1, 2, 3]).look, Look::Once(_)));
        assert_eq!(Doip.frame(&message(DIAGNOSTIC, &[0; 4000])), Framing::Pdu { len: 4008, want: WANT_MAX });
    }

    #[test]
    fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: PORT, from_client: None };
        for stranger in [&[0; 40][..], b"GET / HTTP/1.1\r\n", &[2, 0xfd, 0, 4, 0, 0, 0, 1, 1], &[2, 0xfd, 9, 9, 0, 0, 0, 0], &[0xff; 30]] {
            assert_eq!(Doip.gate(stranger, &at), Gate::NotMine);
        }
        let said = payload(&Doip, Transport::Udp, 13500, 50000, &announcement());
        assert_eq!(field(&said, Kind::Identity, Field::Vin), ["WDB1234567890ABCD"]);
    }
}
