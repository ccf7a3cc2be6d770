//! EtherCAT: a master's frames run through its slaves and come back; what slaves are stands in their identity memory.
//!
//! Spec: ETG.1000.4 (IEC 61158-4-12) sections 5.3 and 6 (datagrams, registers), ETG.1000.6 section 5.6 (CANopen over EtherCAT), ETG.2010
//! (slave information interface).
//! Tells us: how many slaves there are, and vendor, product code, revision, serial number, name and versions of those that are asked;
//! their states.
//! Does not tell: slaves' MAC addresses (they have none); anything of slaves while the master only exchanges process data.

use super::ecat_slave::{self as slave, APWR, BWR, Datagram, FPWR, Segment};
use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Glance, Look, Next, Row};
use observations::{Field, Kind, Mac, OperationClass, Value};

pub(crate) struct Ecat;

/// ETG.1000.4 §5.3.2: length (11 bits), reserved, type.
const FRAME_HEADER: usize = 2;
const LENGTH: u16 = 0x07ff;
const TYPE_DATAGRAMS: u16 = 1;
/// Command, index, address (4), length and flags, interrupt; behind the data a working counter.
const DATAGRAM_HEADER: usize = 10;
const COUNTER: usize = 2;
const MORE: u16 = 0x8000;
/// A frame of 1,498 bytes holds at most as many.
const DATAGRAMS_MAX: usize = 128;

/// Table 14: names of commands by number.
const OPERATIONS: &[(&str, OperationClass)] = &[
    ("nop", OperationClass::Session),
    ("aprd", OperationClass::Diagnose),
    ("apwr", OperationClass::Configure),
    ("aprw", OperationClass::Configure),
    ("fprd", OperationClass::Diagnose),
    ("fpwr", OperationClass::Configure),
    ("fprw", OperationClass::Configure),
    ("brd", OperationClass::Diagnose),
    ("bwr", OperationClass::Configure),
    ("brw", OperationClass::Configure),
    ("lrd", OperationClass::Read),
    ("lwr", OperationClass::Write),
    ("lrw", OperationClass::Write),
    ("armw", OperationClass::Diagnose),
    ("frmw", OperationClass::Diagnose),
    ("al_control", OperationClass::Control),
    ("sii_write", OperationClass::Configure),
];
const AL_CONTROL_WRITE: u16 = 15;
const SII_WRITE: u16 = 16;
const COMMAND_MAX: u8 = 14;

const LOGICAL: std::ops::RangeInclusive<u8> = 10..=12;

/// Bit of the source address that the first slave sets in a frame that comes back (ETG.1000.4 §5.1: locally administered).
const RETURNED: u8 = 0x02;

impl Dissector for Ecat {
    type State = Segment;

    const ROW: Row = Row {
        name: "ecat",
        revision: 1,
        spec: "ETG.1000.4, ETG.1000.6 (IEC 61158-12), ETG.2010",
        tells: "slaves by position: vendor and product number, revision, serial number, name, versions, state",
        bindings: &[Binding::EtherType(0x88a4), Binding::Udp(34980)],
        shapes: &[],
        operations: OPERATIONS,
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let Some(header) = head.first_chunk().map(|header| u16::from_le_bytes(*header)) else { return Gate::NotMine };
        let length = usize::from(header & LENGTH);
        if header >> 12 != TYPE_DATAGRAMS || length < DATAGRAM_HEADER + COUNTER {
            return Gate::NotMine;
        }
        // The datagrams fill the frame exactly, or as far as it is shown.
        let cut = head.len() < FRAME_HEADER + length;
        let mut end = FRAME_HEADER;
        let mut last = false;
        for datagram in datagrams(head) {
            end += DATAGRAM_HEADER + datagram.data.len() + COUNTER;
            last = !datagram.more;
            if datagram.command > COMMAND_MAX {
                return Gate::NotMine;
            }
        }
        let whole = last && end == FRAME_HEADER + length;
        if whole || cut && head.len() >= crate::engine::GATE_BYTES && end > FRAME_HEADER { Gate::Mine } else { Gate::NotMine }
    }

    fn glance(&self, head: &[u8], _: &At) -> Glance {
        /// FNV-1a of which datagrams a frame has: a master repeats the same ones for ever.
        const START: u32 = 0x811c_9dc5;
        const FACTOR: u32 = 0x0100_0193;
        let (mut key, mut always, mut operation, mut sent) = (START, false, None, true);
        let mut mix = |value: u32| key = (key ^ value).wrapping_mul(FACTOR);
        for datagram in datagrams(head) {
            mix(u32::from(datagram.command) << 16 | u32::from(datagram.register));
            if !LOGICAL.contains(&datagram.command) {
                mix(u32::from(datagram.address));
            }
            if datagram.register == slave::AL_STATUS {
                mix(datagram.data.first().copied().unwrap_or(0).into());
            }
            sent &= datagram.counter == 0;
            always |= datagram.counter > 0 && slave::tells(&datagram);
            operation = operation.max(Some(operation_of(&datagram)));
        }
        mix(u32::from(sent));
        let look = if always { Look::Always } else { Look::Once(key) };
        Glance { operation: operation.filter(|_| sent), look, inner: None }
    }

    fn read(&self, frame: &[u8], segment: &mut Segment, cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let sent = datagrams(frame).all(|datagram| datagram.counter == 0);
        let master = cx.sender_host();
        if let (true, Some(mac)) = (sent, master.mac) {
            let [first, rest @ ..] = mac.0;
            let [b, c, d, e, f] = rest;
            let back = Mac([first | RETURNED, b, c, d, e, f]);
            if back != mac {
                // What comes back under this address is the same master's frame.
                let saying = cx.say(&master, Kind::Binding).source_mac(Field::MacAddress);
                drop(saying.implied(Field::MacAddress, &Value::Mac(back)));
            }
        }
        if !sent {
            for datagram in datagrams(frame).filter(|datagram| datagram.counter > 0) {
                segment.take(&datagram, &master, cx);
            }
        }
        Ok(Next::Watch)
    }
}

/// The operation of a datagram: a write that changes a slave's state or memory before the plain command.
fn operation_of(datagram: &Datagram<'_>) -> u16 {
    match (datagram.command, datagram.register) {
        (APWR | FPWR | BWR, slave::AL_CONTROL) => AL_CONTROL_WRITE,
        (APWR | FPWR, slave::SII_CONTROL) if datagram.data.get(1).is_some_and(|control| control & 2 != 0) => SII_WRITE,
        (command, _) => u16::from(command.min(COMMAND_MAX)),
    }
}

/// The datagrams of a frame, as far as they are whole.
fn datagrams(frame: &[u8]) -> impl Iterator<Item = Datagram<'_>> {
    let mut rest = Some(frame.get(FRAME_HEADER..).unwrap_or_default());
    (0..DATAGRAMS_MAX).map_while(move |_| {
        let (head, behind) = rest?.split_first_chunk::<DATAGRAM_HEADER>()?;
        let [command, _, a0, a1, r0, r1, l0, l1, _, _] = *head;
        let length = u16::from_le_bytes([l0, l1]);
        let (data, behind) = behind.split_at_checked(usize::from(length & LENGTH))?;
        let (counter, behind) = behind.split_first_chunk::<COUNTER>()?;
        let more = length & MORE != 0;
        rest = more.then_some(behind);
        Some(Datagram {
            command,
            address: u16::from_le_bytes([a0, a1]),
            address_bytes: head.get(2..4)?,
            register: u16::from_le_bytes([r0, r1]),
            data,
            counter: u16::from_le_bytes(*counter),
            more,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::slave::{APRD, BRD, FPRD};
    use super::*;
    use crate::testing::{field, read_frame};
    use observations::{Observation, Transport};

    const AT: At = At { transport: Transport::Ethernet, src_port: 0, dst_port: 0, from_client: None };

    /// (command, address, register, data, counter).
    type Part<'a> = (u8, u16, u16, &'a [u8], u16);

    fn payload(parts: &[Part<'_>]) -> Vec<u8> {
        let mut body = Vec::new();
        for (index, (command, address, register, data, counter)) in parts.iter().enumerate() {
            let more = if index + 1 < parts.len() { MORE } else { 0 };
            body.extend([*command, 7]);
            body.extend(address.to_le_bytes());
            body.extend(register.to_le_bytes());
            body.extend((u16::try_from(data.len()).unwrap() | more).to_le_bytes());
            body.extend([0, 0]);
            body.extend_from_slice(data);
            body.extend(counter.to_le_bytes());
        }
        let header = u16::try_from(body.len()).unwrap() | TYPE_DATAGRAMS << 12;
        [&header.to_le_bytes()[..], &body].concat()
    }

    fn frame(source: u8, parts: &[Part<'_>]) -> Vec<u8> {
        let head = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, source, 1, 5, 0x0b, 0, 1, 0x88, 0xa4];
        [&head[..], &payload(parts)].concat()
    }

    fn said(parts: &[Part<'_>]) -> Vec<Observation> {
        read_frame(&Ecat, &frame(2, parts))
    }

    #[test]
    fn the_memory_of_a_slave_tells_vendor_product_and_serial_number() {
        let product = [0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 0x52, 0x2c, 0x4c, 0x04];
        let serial = [0, 0, 0x0e, 0, 0, 0, 0x39, 0x30, 0, 0];
        let said = said(&[(FPRD, 1001, 0x0502, &product, 1), (FPRD, 1001, 0x0502, &serial, 1)]);
        assert_eq!(field(&said, Kind::Identity, Field::EtherCatVendorId), ["2"]);
        assert_eq!(field(&said, Kind::Identity, Field::IdentityProductCode), ["0x044c2c52"]);
        assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["12345"]);
        assert!(said.iter().filter(|said| said.kind == Kind::Identity).all(|said| said.about.path[0].number == 1001));
    }

    #[test]
    fn a_memory_that_is_still_busy_says_nothing() {
        let busy = [0x40, 0x81, 0x0e, 0, 0, 0, 0x39, 0x30, 0, 0];
        assert!(field(&said(&[(FPRD, 1001, 0x0502, &busy, 1)]), Kind::Identity, Field::SerialNumber).is_empty());
    }

    #[test]
    fn a_position_counts_from_where_the_frame_left() {
        // Five slaves: of an address that was 0 - 3 comes back 2.
        let said = said(&[(BRD, 5, 0x0130, &[8, 0], 5), (APRD, 2, 0x0130, &[8, 0], 1)]);
        assert_eq!(field(&said, Kind::State, Field::OperatingMode), ["op"]);
        assert_eq!(said.iter().find(|said| said.kind == Kind::State).unwrap().about.path[0].number, 3);
    }

    #[test]
    fn a_station_address_that_is_given_names_a_position() {
        let serial = [0, 0, 0x0e, 0, 0, 0, 0x39, 0x30, 0, 0];
        let said = said(&[(BRD, 5, 0x0130, &[8, 0], 5), (APWR, 4, 0x0010, &[1, 0x10], 1), (FPRD, 0x1001, 0x0502, &serial, 1)]);
        assert_eq!(said.iter().find(|said| said.kind == Kind::Identity).unwrap().about.path[0].number, 1);
    }

    #[test]
    fn a_slaves_object_dictionary_tells_its_name() {
        let mut mailbox = vec![16, 0, 0, 0, 0, 0x13, 0, 0x30, 0x41, 0x08, 0x10, 0, 6, 0, 0, 0];
        mailbox.extend_from_slice(b"EL6900");
        let said = said(&[(FPRD, 1003, 0x1080, &mailbox, 1)]);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["EL6900"]);
    }

    #[test]
    fn names_are_put_together_from_the_words_that_a_master_reads() {
        let mut memory = vec![10, 0, 10, 0, 3, 6];
        memory.extend_from_slice(b"EL1014\x05DigIn\x05Input");
        memory.extend([30, 0, 16, 0, 2, 0, 1, 3]);
        memory.resize(64, 0);
        let reads: Vec<(u32, &[u8])> = memory.chunks(4).enumerate().map(|(at, data)| (0x40 + 2 * u32::try_from(at).unwrap(), data)).collect();
        let answers: Vec<Vec<u8>> = reads.iter().map(|(word, data)| [&[0, 0][..], &word.to_le_bytes(), data].concat()).collect();
        let mut parts: Vec<Part<'_>> = answers.iter().map(|answer| (FPRD, 1001, 0x0502, &answer[..], 1)).collect();
        // A word that is read again does no harm.
        parts.insert(2, parts[1]);
        let said = said(&parts);
        assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["EL1014"]);
        assert_eq!(field(&said, Kind::Identity, Field::Description), ["Input"]);
        parts.remove(3);
        assert!(field(&super::tests::said(&parts), Kind::Identity, Field::ModelName).is_empty());
    }

    #[test]
    fn a_frame_that_leaves_names_the_address_that_it_comes_back_with() {
        let said = read_frame(&Ecat, &frame(0, &[(BRD, 0, 0x0130, &[0, 0], 0)]));
        assert_eq!(field(&said, Kind::Binding, Field::MacAddress), ["00:01:05:0b:00:01", "02:01:05:0b:00:01"]);
        // A master whose address is locally administered already gets its frames back as they were.
        assert!(field(&read_frame(&Ecat, &frame(2, &[(BRD, 0, 0x0130, &[0, 0], 0)])), Kind::Binding, Field::MacAddress).is_empty());
    }

    #[test]
    fn process_data_cost_a_look_and_states_and_memory_are_read() {
        let look = |parts: &[Part<'_>]| Ecat.glance(&payload(parts), &AT).look;
        let cyclic: &[Part<'_>] = &[(12, 0, 1, &[1; 40], 3), (BRD, 5, 0x0130, &[8, 0], 5)];
        assert!(matches!(look(cyclic), Look::Once(_)));
        assert_eq!(look(cyclic), look(&[(12, 0, 1, &[2; 40], 3), (BRD, 5, 0x0130, &[8, 0], 5)]));
        assert_ne!(look(cyclic), look(&[(12, 0, 1, &[2; 40], 3), (BRD, 5, 0x0130, &[4, 0], 5)]));
        assert_eq!(look(&[(FPRD, 1001, 0x0502, &[0; 10], 1)]), Look::Always);
        let name = |parts: &[Part<'_>]| Ecat.glance(&payload(parts), &AT).operation.map(|operation| OPERATIONS[usize::from(operation)].0);
        assert_eq!(name(&[(BRD, 0, 0x0130, &[0, 0], 0), (FPWR, 1001, 0x0120, &[1, 0], 0)]), Some("al_control"));
        assert_eq!(name(&[(FPWR, 1001, 0x0502, &[1, 2, 8, 0, 0, 0], 0)]), Some("sii_write"));
        assert_eq!(name(&[(12, 0, 1, &[0; 40], 0)]), Some("lrw"));
        assert_eq!(name(&[(12, 0, 1, &[0; 40], 3)]), None);
    }

    #[test]
    fn truncated_and_other_frames_are_refused() {
        let whole = payload(&[(BRD, 0, 0x0130, &[0, 0], 0)]);
        assert_eq!(Ecat.gate(&whole, &AT), Gate::Mine);
        assert_eq!(Ecat.gate(&[&whole[..], &[0; 30]].concat(), &AT), Gate::Mine);
        assert_eq!(Ecat.gate(&whole[..10], &AT), Gate::NotMine);
        for stranger in [&[0; 46][..], b"GET / HTTP/1.1\r\n", &[0x0e, 0x50, 7, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(Ecat.gate(stranger, &AT), Gate::NotMine);
        }
    }
}
