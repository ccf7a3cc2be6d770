//! cEMI frames: telegrams to and from the bus, and properties of the interface itself.
//!
//! Spec: KNX 3/6/3 §4.1 (cEMI), 3/3/7 §3 (application layer), 3/7/3 (properties of the device object).

use crate::context::Context;
use crate::dissector::DissectError;
use crate::tlv::number;
use observations::{Field, Kind};

/// Message codes.
const DATA_REQUEST: u8 = 0x11;
const DATA_INDICATION: u8 = 0x29;
const DATA_CONFIRMATION: u8 = 0x2e;
const PROPERTY_READ: u8 = 0xfc;
const PROPERTY_ANSWER: u8 = 0xfb;
const PROPERTY_WRITE: u8 = 0xf6;
const PROPERTY_WRITTEN: u8 = 0xf5;
const PROPERTY_CHANGED: u8 = 0xf7;
const RESET: u8 = 0xf1;
const RESET_DONE: u8 = 0xf0;

/// 3/3/7 §3.1: application services as (mask, value) of their ten bits, by the index of their operation.
const SERVICES: &[(u16, u16)] = &[
    (0x3c0, 0x000),
    (0x3c0, 0x040),
    (0x3c0, 0x080),
    (0x3c0, 0x0c0),
    (0x3c0, 0x100),
    (0x3c0, 0x200),
    (0x3c0, 0x280),
    (0x3f0, 0x2c0),
    (0x3c0, 0x300),
    (0x3c0, 0x380),
    (0x3ff, 0x3d1),
    (0x3ff, 0x3d3),
    (0x3ff, 0x3d5),
    (0x3ff, 0x3d7),
    (0x3ff, 0x3f1),
];
const OTHER: usize = SERVICES.len();
const LOCAL_READ: usize = OTHER + 1;
const LOCAL_WRITE: usize = OTHER + 2;
const LOCAL_RESET: usize = OTHER + 3;
/// Operations of this file.
pub(super) const COUNT: usize = OTHER + 4;
const AUTHORIZE: u16 = 0x3d1;
const KEY_WRITE: u16 = 0x3d3;

/// 3/7/3: properties of the device object (type 0).
const PID_FIRMWARE_REVISION: u8 = 9;
const PID_SERIAL_NUMBER: u8 = 11;
const PID_MANUFACTURER_ID: u8 = 12;
const PID_ORDER_INFO: u8 = 15;

/// One frame.
pub(super) struct Telegram<'a> {
    code: u8,
    /// Application service, and what follows it; of a management frame nothing and all.
    service: Option<u16>,
    body: &'a [u8],
}

impl<'a> Telegram<'a> {
    pub(super) fn of(frame: &'a [u8]) -> Option<Self> {
        let (&code, rest) = frame.split_first()?;
        match code {
            DATA_REQUEST | DATA_INDICATION | DATA_CONFIRMATION => {
                let (additional, rest) = rest.split_first()?;
                let rest = rest.get(usize::from(*additional)..)?;
                // Control (2), source, destination; length; the transport layer's six bits and ten of the application layer.
                let (_addresses, rest) = rest.split_at_checked(6)?;
                let (length, data) = rest.split_first()?;
                let service = data.first_chunk::<2>().filter(|_| *length > 0).map(|bits| u16::from_be_bytes(*bits) & 0x3ff);
                Some(Self { code, service, body: data.get(2..).unwrap_or_default() })
            }
            PROPERTY_READ | PROPERTY_ANSWER | PROPERTY_WRITE | PROPERTY_WRITTEN | PROPERTY_CHANGED | RESET | RESET_DONE => {
                Some(Self { code, service: None, body: rest })
            }
            _ => None,
        }
    }

    /// Whether the client sends it.
    pub(super) const fn is_asked(&self) -> bool {
        matches!(self.code, DATA_REQUEST | PROPERTY_READ | PROPERTY_WRITE | RESET)
    }

    /// The index of its operation.
    pub(super) fn operation(&self) -> Option<usize> {
        match (self.code, self.service) {
            (PROPERTY_READ, _) => Some(LOCAL_READ),
            (PROPERTY_WRITE, _) => Some(LOCAL_WRITE),
            (RESET, _) => Some(LOCAL_RESET),
            // Without data it is the transport layer's: connect, disconnect, acknowledge.
            (_, service) => service.map(|bits| SERVICES.iter().position(|row| bits & row.0 == row.1).unwrap_or(OTHER)),
        }
    }

    pub(super) fn is_telling(&self) -> bool {
        self.code == PROPERTY_ANSWER || self.is_asked() && matches!(self.service, Some(AUTHORIZE | KEY_WRITE))
    }

    pub(super) fn read(&self, cx: &mut Context<'_>) -> Result<(), DissectError> {
        match (self.code, self.service) {
            (PROPERTY_ANSWER, _) => property(self.body, cx),
            (DATA_REQUEST, Some(AUTHORIZE)) => key("knx authorize", self.body.get(1..5), cx),
            (DATA_REQUEST, Some(KEY_WRITE)) => key("knx key write", self.body.get(1..5), cx),
            _ => {}
        }
        Ok(())
    }
}

/// 3/3/7 §3.5.10: a key of four bytes, in the clear; all ones is none.
fn key(secret_use: &'static str, key: Option<&[u8]>, cx: &mut Context<'_>) {
    let holder = cx.sender();
    if let Some(key) = key.filter(|key| **key != [0xff; 4]) {
        cx.secret(&holder, secret_use, None, key);
    }
}

/// 3/6/3 §4.1.7.3: object type, instance, property, number of elements and first index, data.
fn property(body: &[u8], cx: &mut Context<'_>) {
    let Some((&[0, 0, _instance, property, elements, _start], data)) = body.split_first_chunk::<6>() else { return };
    let about = cx.sender();
    // No elements: an error.
    if elements >> 4 == 0 || data.is_empty() {
        return;
    }
    let saying = cx.say(&about, Kind::Identity);
    match (property, data.len()) {
        (PID_SERIAL_NUMBER, 6) => drop(saying.bytes(Field::SerialNumber, data)),
        (PID_MANUFACTURER_ID, 2) => drop(saying.number(Field::KnxManufacturer, number(data), data)),
        (PID_ORDER_INFO, 10) if data.iter().take_while(|byte| **byte != 0).all(|byte| (0x20..0x7f).contains(byte)) => {
            drop(saying.trimmed(Field::OrderNumber, data));
        }
        (PID_FIRMWARE_REVISION, 1) => drop(saying.number(Field::FirmwareVersion, number(data), data)),
        _ => {}
    }
}
