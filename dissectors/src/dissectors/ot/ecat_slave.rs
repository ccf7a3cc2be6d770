//! What EtherCAT slaves say through the registers, memory and mailboxes that a master reads.
//!
//! Spec: ETG.1000.4 section 6 (registers), ETG.2010 table 2 (identity in the slave information interface), ETG.1000.6 section 5.6 (SDO).

use super::ecat_sii::Memories;
use crate::context::Context;
use observations::{Field, Kind, StepKind, Subject, Value};

/// Commands that read or write registers: by position, by station address, of all.
pub(super) const APRD: u8 = 1;
pub(super) const APWR: u8 = 2;
pub(super) const FPRD: u8 = 4;
pub(super) const FPWR: u8 = 5;
pub(super) const BRD: u8 = 7;
pub(super) const BWR: u8 = 8;

/// One datagram of a frame.
pub(super) struct Datagram<'a> {
    pub(super) command: u8,
    /// Position or station address; of logical commands the low half of the address.
    pub(super) address: u16,
    pub(super) address_bytes: &'a [u8],
    /// Register; of logical commands the high half of the address.
    pub(super) register: u16,
    pub(super) data: &'a [u8],
    /// How often slaves worked on it: 0 on the way out.
    pub(super) counter: u16,
    /// Another follows in the frame.
    pub(super) more: bool,
}

/// Registers.
const STATION_ADDRESS: u16 = 0x0010;
pub(super) const AL_CONTROL: u16 = 0x0120;
pub(super) const AL_STATUS: u16 = 0x0130;
pub(super) const SII_CONTROL: u16 = 0x0502;
/// ETG.1000.4 table 34: the interface is busy; a command was not acknowledged.
const SII_BUSY: u16 = 0x8000;
const SII_ERROR: u16 = 0x2000;
const SII_DATA: u16 = 0x0508;
/// Memory for mailboxes and process data begins here.
const MEMORY: u16 = 0x1000;

/// Slaves of one segment that are remembered; station addresses are 16 bits, plants have some hundred.
const SLAVES_MAX: usize = 4096;

/// Words of the memory that hold vendor, product, revision and serial number, two words each (ETG.2010 table 2).
const VENDOR: u32 = 0x08;
const PRODUCT: u32 = 0x0a;
const REVISION: u32 = 0x0c;
const SERIAL: u32 = 0x0e;

/// Object dictionary entries (ETG.1000.6 §5.6.7).
const DEVICE_NAME: u16 = 0x1008;
const HARDWARE_VERSION: u16 = 0x1009;
const SOFTWARE_VERSION: u16 = 0x100a;
const IDENTITY: u16 = 0x1018;

/// What is known of a segment: how many slaves there are, their station addresses by position, and which word of memory each is asked for.
#[derive(Default)]
pub(crate) struct Segment {
    count: Option<u16>,
    stations: Vec<(u16, u16)>,
    words: Vec<(u16, u32)>,
    memories: Memories,
}

/// Whether a datagram that came back may say something new each time.
pub(super) fn tells(datagram: &Datagram<'_>) -> bool {
    match datagram.command {
        APRD | FPRD => matches!(datagram.register, SII_CONTROL | SII_DATA) || datagram.register >= MEMORY && upload(datagram.data).is_some(),
        APWR => matches!(datagram.register, STATION_ADDRESS | SII_CONTROL),
        FPWR => datagram.register == SII_CONTROL,
        _ => false,
    }
}

impl Segment {
    /// One datagram that slaves worked on.
    pub(super) fn take(&mut self, datagram: &Datagram<'_>, master: &Subject, cx: &mut Context<'_>) {
        if datagram.command == BRD {
            // Each slave adds one to the position as the frame passes (ETG.1000.4 §5.4.1.2): it left as 0.
            self.count = Some(datagram.address);
            return;
        }
        let Some(number) = self.number(datagram) else { return };
        if datagram.command == APWR && datagram.register == STATION_ADDRESS {
            self.name(datagram, cx);
        }
        if matches!(datagram.command, APWR | FPWR) && datagram.register == SII_CONTROL {
            self.ask(number, datagram.data, cx);
        }
        if !matches!(datagram.command, APRD | FPRD) {
            return;
        }
        let about = cx.part(master, StepKind::EtherCatSlave, number.into());
        match datagram.register {
            AL_STATUS => state(datagram.data, &about, cx),
            SII_CONTROL => {
                // Status, address (4), data: while the memory is busy, or had an error, the data are of another word.
                let status = datagram.data.first_chunk().map_or(SII_BUSY, |status| u16::from_le_bytes(*status));
                let word = datagram.data.get(2..6).and_then(u32_of).filter(|_| status & (SII_BUSY | SII_ERROR) == 0);
                if let (Some(word), Some(data)) = (word, datagram.data.get(6..)) {
                    memory(word, data, &about, cx);
                    self.memories.take(number, word, data, &about, cx);
                }
            }
            SII_DATA => {
                if let Some((_, word)) = self.words.iter().find(|row| row.0 == number) {
                    memory(*word, datagram.data, &about, cx);
                    self.memories.take(number, *word, datagram.data, &about, cx);
                }
            }
            MEMORY.. => {
                if let Some(entry) = upload(datagram.data) {
                    dictionary(&entry, &about, cx);
                }
            }
            _ => drop(cx.say(&about, Kind::Part).number(Field::NodeId, datagram.address.into(), datagram.address_bytes)),
        }
    }

    /// Position of a slave, or its station address where it was given before the capture: positions count down to 0 as the frame passes.
    fn number(&self, datagram: &Datagram<'_>) -> Option<u16> {
        match datagram.command {
            FPRD | FPWR => Some(self.stations.iter().find(|row| row.1 == datagram.address).map_or(datagram.address, |row| row.0)),
            APRD | APWR => Some(self.count?.wrapping_sub(datagram.address)),
            _ => None,
        }
    }

    fn name(&mut self, datagram: &Datagram<'_>, cx: &mut Context<'_>) {
        let (Some(count), Some(station)) = (self.count, datagram.data.first_chunk().map(|word| u16::from_le_bytes(*word))) else { return };
        remember(&mut self.stations, count.wrapping_sub(datagram.address), station, cx);
    }

    fn ask(&mut self, number: u16, control: &[u8], cx: &mut Context<'_>) {
        if let Some(word) = control.get(2..6).and_then(u32_of) {
            remember(&mut self.words, number, word, cx);
        }
    }
}

fn remember<T>(rows: &mut Vec<(u16, T)>, key: u16, value: T, cx: &mut Context<'_>) {
    let room = rows.len() < SLAVES_MAX;
    match rows.iter_mut().find(|row| row.0 == key) {
        Some(row) => row.1 = value,
        None if room => rows.push((key, value)),
        None => cx.limit("slaves of an EtherCAT segment"),
    }
}

fn u32_of(slice: &[u8]) -> Option<u32> {
    slice.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// AL status (ETG.1000.6 §5.3.2): the low half is the state.
fn state(data: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let mode: &[u8] = match data.first().map(|byte| byte & 0x0f) {
        Some(1) => b"init",
        Some(2) => b"pre-op",
        Some(3) => b"bootstrap",
        Some(4) => b"safe-op",
        Some(8) => b"op",
        _ => return,
    };
    let byte = data.get(..1).unwrap_or_default();
    cx.say(about, Kind::State).decoded(Field::OperatingMode, &Value::Text(mode.to_vec()), byte, "ethercat-state");
}

/// Four or eight bytes of a slave's memory from a word on.
fn memory(word: u32, data: &[u8], about: &Subject, cx: &mut Context<'_>) {
    for (at, bytes) in [word, word.saturating_add(2)].iter().zip(data.chunks_exact(4)) {
        number(*at, bytes, about, cx);
    }
}

/// One of the four numbers of an identity; nothing where the memory is empty.
fn number(word: u32, bytes: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let Some(value) = u32_of(bytes).filter(|value| !matches!(*value, 0 | u32::MAX)) else { return };
    let hexadecimal = Value::Text(format!("0x{value:08x}").into_bytes());
    let saying = cx.say(about, Kind::Identity);
    match word {
        VENDOR => drop(saying.number(Field::EtherCatVendorId, value.into(), bytes)),
        PRODUCT => drop(saying.decoded(Field::IdentityProductCode, &hexadecimal, bytes, "u32-le-hex")),
        REVISION => drop(saying.decoded(Field::RevisionNumber, &hexadecimal, bytes, "u32-le-hex")),
        SERIAL => drop(saying.decoded(Field::SerialNumber, &Value::Text(value.to_string().into_bytes()), bytes, "u32-le")),
        _ => {}
    }
}

/// An entry of a slave's object dictionary.
struct Entry<'a> {
    index: u16,
    subindex: u8,
    value: &'a [u8],
}

/// ETG.1000.6 §5.6.2: mailbox header (length, address, channel, type 3 for CANopen), service (3, a response), then an upload's answer:
/// expedited with up to four bytes, or with a size before the bytes.
fn upload(data: &[u8]) -> Option<Entry<'_>> {
    const COE: u8 = 3;
    const SDO_RESPONSE: u8 = 3;
    let &[l0, l1, _, _, _, kind, _, service, command, i0, i1, subindex] = data.first_chunk()?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if kind & 0x0f != COE || service >> 4 != SDO_RESPONSE || command & 0xe0 != 0x40 || length < 10 {
        return None;
    }
    let body = data.get(12..(6 + length).min(data.len()))?;
    let value = match command & 0x03 {
        3 => body.get(..4usize.saturating_sub(usize::from(command >> 2 & 3)))?,
        1 => {
            let size = usize::try_from(u32_of(body)?).ok()?;
            let value = body.get(4..)?;
            value.get(..size).unwrap_or(value)
        }
        _ => return None,
    };
    Some(Entry { index: u16::from_le_bytes([i0, i1]), subindex, value })
}

fn dictionary(entry: &Entry<'_>, about: &Subject, cx: &mut Context<'_>) {
    match (entry.index, entry.subindex, entry.value) {
        (DEVICE_NAME, 0, name) => drop(cx.say(about, Kind::Identity).trimmed(Field::ModelName, name)),
        (HARDWARE_VERSION, 0, version) => drop(cx.say(about, Kind::Identity).trimmed(Field::HardwareVersion, version)),
        (SOFTWARE_VERSION, 0, version) => drop(cx.say(about, Kind::Identity).trimmed(Field::FirmwareVersion, version)),
        (IDENTITY, part @ 1..=4, value) if value.len() == 4 => number(VENDOR + 2 * (u32::from(part) - 1), value, about, cx),
        _ => {}
    }
}
