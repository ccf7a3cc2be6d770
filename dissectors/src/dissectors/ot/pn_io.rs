//! PROFINET IO context management: who opens a connection to which device, and what devices and their modules are.
//!
//! Spec: IEC 61158-6-10 chapter 5 (blocks of the record data and of the connection), Profile Guidelines Part 1: Identification &
//! Maintenance Functions (PI order no. 3.502); endpoint mapper: The Open Group C706 appendix O.
//! Tells us: vendor, order number, serial number, hardware and software revision of devices and modules (I&M), tags, station names of
//! both ends, vendor and device numbers; who configures, reads and writes records.
//! Does not tell: anything of modules that nobody reads; who may connect (there is no authorisation).

use super::dcerpc_pdu::{self as pdu, HEADER, Header};
use super::pn_io_blocks::{self as blocks, Block};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use observations::{Field, Kind, OperationClass, Value};

pub(crate) struct PnIo;

/// The first halves of the interface identifiers: device, controller, supervisor, parameter server; and the endpoint mapper.
const DEVICE: u64 = 0xdea0_0001_6c97_11d1;
const CONTROLLER: u64 = 0xdea0_0002_6c97_11d1;
const SUPERVISOR: u64 = 0xdea0_0003_6c97_11d1;
const PARAMETER_SERVER: u64 = 0xdea0_0004_6c97_11d1;
const ENDPOINT_MAPPER: u64 = 0xe1af_8308_5d1f_11c9;

/// Operations of the four interfaces (table of RPC operation numbers), then those of the endpoint mapper.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("connect", OperationClass::Session),
    ("release", OperationClass::Session),
    ("read", OperationClass::Diagnose),
    ("write", OperationClass::Configure),
    ("control", OperationClass::Session),
    ("read_implicit", OperationClass::Diagnose),
    ("other_operation", OperationClass::Session),
    ("lookup", OperationClass::Diagnose),
    ("lookup_handle_free", OperationClass::Session),
];
const CONNECT: u64 = 0;
const READ: u64 = 2;
const READ_IMPLICIT: u64 = 5;
const OTHER: u16 = 6;
/// The endpoint mapper's.
const LOOKUP: u64 = 2;
const LOOKUP_HANDLE_FREE: u64 = 4;

/// Before the blocks: maximum or status, length, and how many bytes of how many follow.
const NDR: usize = 20;

impl Dissector for PnIo {
    type State = ();

    const ROW: Row = Row {
        name: "pn_io",
        revision: 1,
        spec: "IEC 61158-6-10 chapter 5; PI Identification & Maintenance Functions",
        tells: "vendor, order number, serial number, revisions of devices and modules; station names of controllers; records that are written",
        bindings: &[
            Binding::Under("dcerpc", DEVICE),
            Binding::Under("dcerpc", CONTROLLER),
            Binding::Under("dcerpc", SUPERVISOR),
            Binding::Under("dcerpc", PARAMETER_SERVER),
            Binding::Under("dcerpc", ENDPOINT_MAPPER),
        ],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], at: &At) -> Gate {
        let Some(header) = pdu::header(head) else { return Gate::NotMine };
        // The endpoint mapper is everybody's: on PROFINET's port, or where PROFINET's objects are looked up, it is ours.
        let ours = header.interface != ENDPOINT_MAPPER || at.src_port == PORT || at.dst_port == PORT || lookup_entry(&header, head).is_some();
        if ours { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        let Some(header) = pdu::header(head) else { return Glance::SKIP };
        let operation = match (header.interface, header.operation) {
            (ENDPOINT_MAPPER, LOOKUP) => 7,
            (ENDPOINT_MAPPER, LOOKUP_HANDLE_FREE) => 8,
            (ENDPOINT_MAPPER, _) => OTHER,
            (_, operation) => u16::try_from(operation).unwrap_or(OTHER).min(OTHER),
        };
        // Connections and records are read where they pass: they are no process data.
        Glance { operation: Some(operation).filter(|_| header.kind == pdu::REQUEST), look: Look::Always, inner: None }
    }

    fn read(&self, bytes: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let header = pdu::header(bytes).ok_or(DissectError::NotMine)?;
        let stub = bytes.get(HEADER..).unwrap_or_default();
        match (header.interface, header.kind, header.operation) {
            (ENDPOINT_MAPPER, pdu::RESPONSE, LOOKUP) => looked_up(&header, bytes, cx),
            (ENDPOINT_MAPPER, ..) => {}
            (_, pdu::REQUEST, CONNECT) => connect(stub.get(NDR..).unwrap_or_default(), cx)?,
            (_, pdu::RESPONSE, CONNECT) if succeeded(stub) => connected(&header, stub.get(NDR..).unwrap_or_default(), cx)?,
            (_, pdu::RESPONSE, READ | READ_IMPLICIT) if succeeded(stub) => record(stub.get(NDR..).unwrap_or_default(), cx)?,
            _ => {}
        }
        Ok(Next::Watch)
    }
}

/// Where PROFINET's endpoint mapper and context managers are called.
const PORT: u16 = 34964;

/// A response begins with a status of four bytes, 0 if all is well.
fn succeeded(stub: &[u8]) -> bool {
    stub.starts_with(&[0; 4])
}

/// Connect request: what the initiator says of itself, and which modules it expects.
fn connect(stub: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let (initiator, asked) = (cx.sender_host(), cx.receiver_host());
    for block in blocks::all(stub) {
        match block? {
            Block { kind: blocks::AR_REQUEST, body } => blocks::initiator(body, &initiator, cx),
            Block { kind: blocks::EXPECTED_SUBMODULES, body } => {
                // What is expected is not there yet: it is said as asked for, slot by slot.
                for (slot, module) in blocks::expected(body) {
                    cx.say(&asked, Kind::Request).number(Field::Slot, blocks::number(slot), slot).number(
                        Field::ModuleIdent,
                        blocks::number(module),
                        module,
                    );
                }
            }
            Block { .. } => {}
        }
    }
    Ok(())
}

/// Connect response: the device accepts for the object that was called, which has its own numbers in it.
fn connected(header: &Header<'_>, stub: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let about = cx.sender();
    let (mut mac, mut name) = (None, None);
    let mut outcome = Ok(());
    for block in blocks::all(stub) {
        match block {
            Ok(Block { kind: blocks::AR_RESPONSE, body }) => mac = blocks::responder_mac(body),
            Ok(Block { kind: blocks::AR_SERVER, body }) => name = blocks::server_name(body),
            Ok(_) => {}
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    let saying = cx.say(&about, Kind::Identity);
    let saying = saying.maybe(mac, |s, (mac, bytes)| s.mac(Field::MacAddress, mac, bytes)).maybe(name, |s, name| s.trimmed(Field::StationName, name));
    drop(blocks::object_numbers(header.object, saying));
    outcome
}

/// Read response: one record of a slot and subslot.
fn record(stub: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let Some(first) = blocks::all(stub).next() else { return Ok(()) };
    let head = first?;
    let Some(read) = blocks::read_header(&head) else { return Ok(()) };
    let about = blocks::place(&cx.sender(), read.slot, read.subslot, cx);
    if !about.path.is_empty() {
        cx.say(&about, Kind::Part).number(Field::Slot, read.slot, read.slot_bytes);
    }
    let data = stub.get(blocks::READ_HEADER..).unwrap_or_default();
    for block in blocks::all(data.get(..read.length).unwrap_or(data)) {
        blocks::say(&block?, &about, cx);
    }
    Ok(())
}

/// The first entry of a lookup's answer: object, annotation. Devices answer with one at a time.
fn lookup_entry<'a>(header: &Header<'_>, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    /// Handle (20), number of entries (4), maximum, offset and count of the array (12).
    const ENTRY: usize = HEADER + 36;
    /// An annotation has at most 64 characters with its end (C706 appendix O, `ept_max_annotation_size`).
    const ANNOTATION_MAX: usize = 64;
    if (header.kind, header.operation) != (pdu::RESPONSE, LOOKUP) {
        return None;
    }
    let object = bytes.get(ENTRY..ENTRY + 16).filter(|object| blocks::is_object(object))?;
    let count = header.number(bytes.get(ENTRY + 24..ENTRY + 28)?);
    let count = usize::try_from(count).ok().filter(|count| (1..=ANNOTATION_MAX).contains(count))?;
    Some((object, bytes.get(ENTRY + 28..ENTRY + 28 + count)?))
}

/// PROFINET devices annotate their endpoint (IEC 61158-6-10, "Annotation"): device type (25), order number (20), hardware revision (5),
/// prefix and three numbers of the software revision (1 + 9), with blanks between.
fn looked_up(header: &Header<'_>, bytes: &[u8], cx: &mut Context<'_>) {
    let Some((object, annotation)) = lookup_entry(header, bytes) else { return };
    let about = cx.sender();
    let saying = blocks::object_numbers(object, cx.say(&about, Kind::Identity));
    let part = |from: usize, to: usize| annotation.get(from..to.min(annotation.len())).unwrap_or_default();
    let text = |part: &[u8]| part.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0);
    if !text(annotation) || annotation.len() < 46 {
        return;
    }
    let saying =
        saying.trimmed(Field::ModelName, part(0, 25)).trimmed(Field::OrderNumber, part(26, 46)).trimmed(Field::HardwareVersion, part(47, 52));
    let version = revision(part(53, 63));
    drop(saying.maybe(version, |s, version| s.decoded(Field::FirmwareVersion, &Value::Text(version), part(53, 63), "padded-version")));
}

/// A prefix and three numbers in three places each: `V  1  0  0` is V1.0.0.
fn revision(text: &[u8]) -> Option<Vec<u8>> {
    let (prefix, numbers) = text.split_first().filter(|(prefix, numbers)| prefix.is_ascii_uppercase() && numbers.len() == 9)?;
    let numbers = numbers.chunks(3).map(<[u8]>::trim_ascii);
    let digits = numbers.clone().all(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit));
    digits.then(|| [&[*prefix][..], &numbers.collect::<Vec<_>>().join(&b'.')].concat())
}

#[cfg(test)]
mod tests {
    use super::super::dcerpc::{Dcerpc, samples};
    use super::*;
    use crate::testing::{conversation_of, field};
    use observations::{Observation, Transport};

    fn said(payloads: &[(u16, u16, &[u8])]) -> Vec<Observation> {
        conversation_of(&[&Dcerpc, &PnIo], Transport::Udp, payloads)
    }

    fn block(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&kind.to_be_bytes()[..], &length, &[1, 0], body].concat()
    }

    fn stub(blocks: &[u8]) -> Vec<u8> {
        [&[0; NDR][..], blocks].concat()
    }

    fn read_answer(slot: u16, subslot: u16, index: u16, record: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 1]; // sequence
        body.extend([7; 16]); // AR
        body.extend([0; 4]); // API
        body.extend(slot.to_be_bytes());
        body.extend(subslot.to_be_bytes());
        body.extend([0; 2]);
        body.extend(index.to_be_bytes());
        body.extend(u32::try_from(record.len()).unwrap().to_be_bytes());
        body.extend([0; 24]);
        samples::pdu(2, true, 1, [1, 0x0301, 0x002a], 2, &stub(&[block(0x8009, &body), record.to_vec()].concat()))
    }

    fn im0() -> Vec<u8> {
        let mut body = vec![0x00, 0x2a]; // vendor
        body.extend_from_slice(b"6ES7 155-6AU01-0BN0 "); // order number
        body.extend_from_slice(b"S C-X4U421302009");
        body.extend_from_slice(&[0, 5]); // hardware revision
        body.extend_from_slice(b"V\x04\x02\x01"); // software revision
        body.extend_from_slice(&[0, 1, 0, 0, 0, 0, 1, 1, 0, 0x1e]);
        block(0x0020, &body)
    }

    #[test]
    fn identification_of_slot_0_is_the_devices_and_of_others_a_parts() {
        let said = said(&[(34964, 50000, &read_answer(0, 1, 0xaff0, &im0())), (34964, 50000, &read_answer(3, 1, 0xaff0, &im0()))]);
        assert_eq!(field(&said, Kind::Identity, Field::OrderNumber), ["6ES7 155-6AU01-0BN0"; 2]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["S C-X4U421302009"; 2]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["V4.2.1"; 2]);
        assert_eq!(field(&said, Kind::Identity, Field::HardwareVersion), ["5"; 2]);
        assert_eq!(field(&said, Kind::Identity, Field::ProfinetVendorId), ["42"; 2]);
        assert_eq!(field(&said, Kind::Part, Field::Slot), ["3"]);
        assert_eq!(said.iter().filter(|said| said.kind == Kind::Identity && said.about.path.len() == 1).count(), 1);
    }

    #[test]
    fn a_controller_says_its_name_and_numbers_as_it_connects() {
        let mut request = vec![0, 1]; // single
        request.extend([7; 16]); // AR
        request.extend([0, 2]); // session
        request.extend([0, 0x1c, 6, 0x0b, 0x26, 0xed]);
        request.extend([0xde, 0xa0, 0, 0, 0x6c, 0x97, 0x11, 0xd1, 0x82, 0x71, 0, 0x64, 1, 0x0d, 0, 0x2a]);
        request.extend([0, 0, 0, 0x11, 2, 0x58, 0x88, 0x92]);
        request.extend([0, 5]);
        request.extend_from_slice(b"plc-1");
        let mut expected = vec![0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x40, 0, 0, 0, 1];
        expected.extend([0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 1, 1]);
        let blocks = [block(0x0101, &request), block(0x0104, &expected)].concat();
        let said = said(&[(50000, 34964, &samples::pdu(0, false, 1, [1, 0x0301, 0x002a], 0, &stub(&blocks)))]);
        assert_eq!(field(&said, Kind::Identity, Field::StationName), ["plc-1"]);
        assert_eq!(field(&said, Kind::Identity, Field::MacAddress), ["00:1c:06:0b:26:ed"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProfinetVendorId), ["42"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProfinetDeviceId), ["269"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProfinetRole), ["2"]);
        assert_eq!(field(&said, Kind::Request, Field::ModuleIdent), ["64"]);
    }

    #[test]
    fn a_truncated_record_keeps_nothing_and_says_no_more() {
        let answer = read_answer(0, 1, 0xaff0, &im0());
        let mut cut = answer[..answer.len() - 30].to_vec();
        let length = u16::try_from(cut.len() - HEADER).unwrap().to_le_bytes();
        cut[74..76].copy_from_slice(&length);
        assert!(field(&said(&[(34964, 50000, &cut)]), Kind::Identity, Field::SerialNumber).is_empty());
    }

    #[test]
    fn a_record_in_two_fragments_is_put_together_and_cites_both_packets() {
        let whole = read_answer(0, 1, 0xaff0, &im0());
        let (first, second) = whole.split_at(170);
        let piece = |flags: u8, number: u8, bytes: &[u8]| {
            let mut pdu = [&whole[..HEADER], bytes].concat();
            (pdu[2], pdu[76]) = (flags, number);
            pdu[74..76].copy_from_slice(&u16::try_from(bytes.len()).unwrap().to_le_bytes());
            pdu
        };
        let pieces = [piece(0x04, 0, &first[HEADER..]), piece(0x06, 1, second)];
        let said = said(&[(34964, 50000, &pieces[0]), (34964, 50000, &pieces[1])]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["S C-X4U421302009"]);
    }

    #[test]
    fn an_endpoints_annotation_tells_type_order_number_and_revisions() {
        let mut stub = vec![0; 20]; // handle
        stub.extend([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        stub.extend([0, 0, 0xa0, 0xde, 0x97, 0x6c, 0xd1, 0x11, 0x82, 0x71, 0, 1, 3, 0x13, 0, 0x2a]);
        stub.extend([3, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0]);
        stub.extend_from_slice(format!("{:25} {:20} {:5} {:1}{:>3}{:>3}{:>3}\0", "IM155-6PN ST", "6ES7 155-6AU00-0BN0", 3, 'V', 1, 0, 0).as_bytes());
        let mut answer = samples::pdu(2, true, 1, [1, 0x0313, 0x002a], 2, &stub);
        answer[24..40].copy_from_slice(&[8, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 8, 0, 0x2b, 0x14, 0xa0, 0xfa]);
        let said = said(&[(34964, 50000, &answer)]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["IM155-6PN ST"]);
        assert_eq!(field(&said, Kind::Identity, Field::OrderNumber), ["6ES7 155-6AU00-0BN0"]);
        assert_eq!(field(&said, Kind::Identity, Field::HardwareVersion), ["3"]);
        assert_eq!(field(&said, Kind::Identity, Field::FirmwareVersion), ["V1.0.0"]);
        assert_eq!(field(&said, Kind::Identity, Field::ProfinetDeviceId), ["787"]);
    }

    #[test]
    fn operations_have_their_names() {
        let at = At { transport: Transport::Udp, src_port: 50000, dst_port: 34964, from_client: None };
        let name = |pdu: &[u8]| PnIo.glance(pdu, &at).operation.map(|operation| OPERATIONS[usize::from(operation)].0);
        assert_eq!(name(&samples::pdu(0, false, 1, [1, 2, 3], 3, &[])), Some("write"));
        assert_eq!(name(&samples::pdu(0, true, 1, [1, 2, 3], 9, &[])), Some("other_operation"));
        assert_eq!(name(&samples::pdu(2, true, 1, [1, 2, 3], 3, &[])), None);
    }
}
