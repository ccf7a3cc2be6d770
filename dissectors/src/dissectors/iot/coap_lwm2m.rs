//! LwM2M: the device object in the formats in which it is read.
//!
//! Spec: OMA LwM2M Core 1.1 §7.4 (data formats), Annex E.4 (object 3, Device); RFC 8428 (SenML).

use crate::cbor::{Item, Items};
use crate::context::{Context, Saying};
use crate::json::{self, Scalar, Step};
use observations::{Field, Kind, Subject};

/// §7.4, IANA CoAP content formats.
const TEXT: u64 = 0;
const CBOR: u64 = 60;
const SENML_JSON: u64 = 110;
const SENML_CBOR: u64 = 112;
const TLV: u64 = 11542;
const LWM2M_JSON: u64 = 11543;

/// RFC 8428 §6: labels of CBOR.
const BASE_NAME: i64 = -2;
const NAME: i64 = 0;
const STRING_VALUE: i64 = 3;

/// A resource by its path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resource {
    /// RFC 6690 §4: the links of all others.
    Core,
    /// Object 3: the resource, if one alone.
    Device(Option<u16>),
    Other,
}

impl Resource {
    pub(super) fn of(path: &[&[u8]]) -> Self {
        let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        match path {
            [b".well-known", b"core"] => Self::Core,
            [b"3"] | [b"3", b"0"] => Self::Device(None),
            [b"3", b"0", resource] => number(resource).map_or(Self::Other, |resource| Self::Device(Some(resource))),
            _ => Self::Other,
        }
    }
}

/// Annex E.4.
const fn field_of(resource: u16) -> Option<Field> {
    Some(match resource {
        0 => Field::VendorName,
        1 => Field::ModelName,
        2 => Field::SerialNumber,
        3 => Field::FirmwareVersion,
        17 => Field::DeviceType,
        18 => Field::HardwareVersion,
        19 => Field::SoftwareVersion,
        _ => return None,
    })
}

/// What an answer says of the device itself. `asked` is the resource of the question; records that name their own need none.
pub(super) fn device(format: u64, asked: Option<Resource>, payload: &[u8], about: &Subject, cx: &mut Context<'_>) {
    let saying = cx.say(about, Kind::Identity);
    match (format, asked) {
        (TEXT, Some(Resource::Device(Some(resource)))) => drop(text(saying, resource, payload)),
        (CBOR, Some(Resource::Device(Some(resource)))) => {
            if let Some(Item::Text(value)) = Items(payload).next() {
                drop(text(saying, resource, value));
            }
        }
        (TLV, Some(Resource::Device(_))) => drop(tlv(saying, payload, true)),
        (LWM2M_JSON | SENML_JSON, _) => drop(records(saying, payload)),
        (SENML_CBOR, _) => drop(cbor(saying, payload)),
        _ => {}
    }
}

fn text<'s, 'a>(saying: Saying<'s, 'a>, resource: u16, value: &[u8]) -> Saying<'s, 'a> {
    match field_of(resource) {
        Some(field) if std::str::from_utf8(value).is_ok() => saying.trimmed(field, value),
        _ => saying,
    }
}

/// §7.4.3: what a value is, a type says in two bits; how wide identifier and length are, in three more.
fn tlv<'s, 'a>(mut saying: Saying<'s, 'a>, bytes: &[u8], outer: bool) -> Saying<'s, 'a> {
    let mut rest = bytes;
    while let Some((kind, resource, value, behind)) = element(rest) {
        saying = match kind {
            // An instance of the object, with its resources within.
            0 if outer => tlv(saying, value, false),
            3 => text(saying, resource, value),
            _ => saying,
        };
        rest = behind;
    }
    saying
}

fn element(bytes: &[u8]) -> Option<(u8, u16, &[u8], &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (id, rest) = rest.split_at_checked(if kind & 0x20 == 0 { 1 } else { 2 })?;
    let (length, rest) = rest.split_at_checked(usize::from(kind >> 3 & 3))?;
    let length = if length.is_empty() { u64::from(kind & 7) } else { crate::tlv::number(length) };
    let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((kind >> 6, u16::try_from(crate::tlv::number(id)).ok()?, value, rest))
}

/// The resource of the device object that a base name and a name make together.
fn resource(base: &[u8], name: &[u8]) -> Option<u16> {
    /// `/3/0/17` and what is not much longer.
    const PATH_MAX: usize = 32;
    let whole: Vec<u8> = base.iter().chain(name).copied().take(PATH_MAX).collect();
    let path: Vec<&[u8]> = whole.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty()).collect();
    if let Resource::Device(resource) = Resource::of(&path) { resource } else { None }
}

/// Name and value of the record that is being read.
#[derive(Default)]
struct Record<'d> {
    base: &'d [u8],
    name: &'d [u8],
    value: Option<Scalar<'d>>,
    place: usize,
}

impl<'d> Record<'d> {
    fn told<'s, 'a>(&mut self, saying: Saying<'s, 'a>) -> Saying<'s, 'a> {
        let (name, value) = (std::mem::take(&mut self.name), self.value.take());
        match (resource(self.base, name).and_then(field_of), value) {
            (Some(field), Some(value)) => json::say(saying, field, value),
            _ => saying,
        }
    }

    fn member(&mut self, key: &[u8], value: Scalar<'d>) {
        match key {
            b"bn" => self.base = value.bytes(),
            b"n" => self.name = value.bytes(),
            b"sv" | b"vs" => self.value = Some(value),
            _ => {}
        }
    }
}

/// `{"bn":…,"e":[{"n":…,"sv":…},…]}` of LwM2M 1.0, `[{"bn":…,"n":…,"vs":…},…]` of SenML (RFC 8428 §5).
fn records<'s, 'a>(saying: Saying<'s, 'a>, payload: &[u8]) -> Saying<'s, 'a> {
    let ((saying, mut last), _cut) = json::fold(payload, (saying, Record::default()), |(mut saying, mut record), path, value| {
        let (place, key) = match path {
            [Step::Key(key)] => (record.place, key),
            [Step::Index(place), Step::Key(key)] | [Step::Key(b"e"), Step::Index(place), Step::Key(key)] => (*place, key),
            _ => return (saying, record),
        };
        if place != record.place {
            saying = record.told(saying);
            record.place = place;
        }
        record.member(key, value);
        (saying, record)
    });
    last.told(saying)
}

/// RFC 8428 §6: an array of maps with numbers for names.
fn cbor<'s, 'a>(mut saying: Saying<'s, 'a>, payload: &[u8]) -> Saying<'s, 'a> {
    let (mut base, mut name, mut key): (&[u8], &[u8], Option<i64>) = (&[], &[], None);
    for item in Items(payload) {
        match (key.take(), item) {
            (Some(BASE_NAME), Item::Text(text)) => base = text,
            (Some(NAME), Item::Text(text)) => name = text,
            (Some(STRING_VALUE), Item::Text(value)) => {
                if let Some(field) = resource(base, name).and_then(field_of) {
                    saying = saying.trimmed(field, value);
                }
            }
            (Some(_), Item::Map(_)) | (None, Item::Map(_)) => name = &[],
            (None, Item::Number(number)) => key = Some(number),
            _ => {}
        }
    }
    saying
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_resources_of_the_device_object_alone() {
        assert_eq!(resource(b"/3/0/", b"1"), Some(1));
        assert_eq!(resource(b"", b"/3/0/17"), Some(17));
        assert_eq!(resource(b"/3303/0/", b"1"), None);
        assert_eq!(resource(b"/3/", b"0"), None);
    }

    #[test]
    fn an_element_has_identifier_and_length_of_several_widths() {
        assert_eq!(element(&[0xc2, 1, b'h', b'i', 9]), Some((3, 1, &b"hi"[..], &[9][..])));
        assert_eq!(element(&[0xf0, 0x01, 0x02, 0x00, 0x01, b'x']), Some((3, 258, &b"x"[..], &[][..])));
        assert_eq!(element(&[0xc8, 1, 200, 1]), None);
    }
}
