//! CIP's Identity object, as ListIdentity and the object's own services carry it.
//!
//! Spec: ODVA CIP Volume 1 section 5A-2 (Identity object, class 1).

use crate::context::Context;
use nom::bytes::take;
use nom::number::{le_u8, le_u16};
use nom::{IResult, Parser};
use observations::{Field, Kind, Subject, Value};

/// Attributes, table 5A-2.1.
const VENDOR: u16 = 1;
const DEVICE_TYPE: u16 = 2;
const PRODUCT_CODE: u16 = 3;
const REVISION: u16 = 4;
const STATUS: u16 = 5;
const SERIAL_NUMBER: u16 = 6;
const PRODUCT_NAME: u16 = 7;
const STATE: u16 = 8;
/// In the order in which Get_Attributes_All answers; the state may be missing.
const ALL: [u16; 8] = [VENDOR, DEVICE_TYPE, PRODUCT_CODE, REVISION, STATUS, SERIAL_NUMBER, PRODUCT_NAME, STATE];

/// Attributes with their values, in the order of the PDU.
#[derive(Default)]
pub(super) struct Identity<'a>(Vec<(u16, &'a [u8])>);

impl<'a> Identity<'a> {
    /// All attributes, one after the other, as far as they are there.
    pub(super) fn all(mut bytes: &'a [u8]) -> Self {
        let mut identity = Self::default();
        for attribute in ALL {
            let Ok((rest, value)) = value(attribute, bytes) else { break };
            identity.0.push((attribute, value));
            bytes = rest;
        }
        identity
    }

    /// One attribute's value; `None` if it has another length than it must have.
    pub(super) fn one(attribute: u16, bytes: &'a [u8]) -> Option<Self> {
        let (rest, value) = value(attribute, bytes).ok()?;
        rest.is_empty().then(|| Self(vec![(attribute, value)]))
    }

    /// A list of attributes with a status each (Get_Attribute_List); ends before one that is not known, because its length is not.
    pub(super) fn list(bytes: &'a [u8]) -> Self {
        let mut identity = Self::default();
        let Ok((mut rest, count)) = le_u16::<_, nom::error::Error<&[u8]>>().parse(bytes) else { return identity };
        for _ in 0..usize::from(count).min(ALL.len()) {
            let Ok((i, (attribute, status))) = (le_u16::<_, nom::error::Error<&[u8]>>(), le_u16()).parse(rest) else { break };
            rest = i;
            if status != 0 {
                continue;
            }
            let Ok((i, value)) = value(attribute, rest) else { break };
            identity.0.push((attribute, value));
            rest = i;
        }
        identity
    }

    /// Says what lasts together, and what changes apart.
    pub(super) fn say(&self, about: &Subject, cx: &mut Context<'_>) {
        let mut saying = cx.say(about, Kind::Identity);
        for (attribute, value) in &self.0 {
            saying = match *attribute {
                VENDOR => saying.number(Field::CipVendorId, number(value), value),
                DEVICE_TYPE => saying.number(Field::CipDeviceType, number(value), value),
                PRODUCT_CODE => saying.number(Field::CipProductCode, number(value), value),
                REVISION => match value {
                    [major, minor] => {
                        saying.decoded(Field::FirmwareVersion, &Value::Text(format!("{major}.{minor}").into_bytes()), value, "major.minor")
                    }
                    _ => saying,
                },
                SERIAL_NUMBER => {
                    saying.decoded(Field::SerialNumber, &Value::Text(format!("{:08X}", number(value)).into_bytes()), value, "u32-le-hex")
                }
                PRODUCT_NAME => saying.trimmed(Field::ProductName, value),
                _ => saying,
            };
        }
        drop(saying);
        let mut saying = cx.say(about, Kind::State);
        for (attribute, value) in &self.0 {
            saying = match *attribute {
                STATUS => saying.number(Field::CipStatus, number(value), value),
                STATE => saying.number(Field::CipState, number(value), value),
                _ => saying,
            };
        }
    }
}

/// One attribute's value; of a name without its length.
fn value(attribute: u16, i: &[u8]) -> IResult<&[u8], &[u8]> {
    match attribute {
        VENDOR | DEVICE_TYPE | PRODUCT_CODE | REVISION | STATUS => take(2usize).parse(i),
        SERIAL_NUMBER => take(4usize).parse(i),
        PRODUCT_NAME => {
            let (i, length) = le_u8().parse(i)?;
            take(length).parse(i)
        }
        STATE => take(1usize).parse(i),
        _ => Err(nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::Switch })),
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
