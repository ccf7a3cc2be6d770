//! BACnet's application layer: which service, what a device says of its device object, and passwords.
//!
//! Spec: ANSI/ASHRAE 135-2020 clause 20.1 (PDUs), 15 and 16 (services), 12.11 (device object), clause 21 (numbers).

use super::tags::{CHARACTERS, ENUMERATED, OBJECT, Tag, UNSIGNED, object, tag, text};
use crate::context::{Context, Saying};
use crate::dissector::DissectError;
use crate::tlv::number;
use observations::{Field, Kind, Span, Subject};

/// Services (clause 21).
const READ_PROPERTY: u8 = 12;
const READ_PROPERTY_MULTIPLE: u8 = 14;
const DEVICE_COMMUNICATION_CONTROL: u8 = 17;
const REINITIALIZE_DEVICE: u8 = 20;
const CONFIRMED_MAX: u8 = 34;
const I_AM: u8 = 0;
const I_HAVE: u8 = 1;
const UNCONFIRMED_MAX: u8 = 14;

/// BACnetObjectType: device.
const DEVICE: u16 = 8;
/// 20.2.14: the instance that stands for any.
const ANY_INSTANCE: u32 = 0x003f_ffff;

/// BACnetPropertyIdentifier of properties that say who a device is, and the fields that their text fills.
const TEXTS: &[(u64, Field)] = &[
    (12, Field::SoftwareVersion),
    (28, Field::Description),
    (44, Field::FirmwareVersion),
    (58, Field::Location),
    (70, Field::ModelName),
    (77, Field::ObjectName),
    (121, Field::VendorName),
    (372, Field::SerialNumber),
];
const OBJECT_IDENTIFIER: u64 = 75;
const PROTOCOL_REVISION: u64 = 139;
const VENDOR_IDENTIFIER: u64 = 120;

/// Properties of one answer that are looked at.
const PROPERTIES_MAX: usize = 512;
/// 20.1.2.5: up to 255 segments of up to 1,476 bytes; a device object with the list of its objects has a few.
const SEGMENTED_MAX: usize = 32 * 1024;
/// Segmented answers of one conversation that are put together at a time.
const OPEN_MAX: usize = 4;

/// 20.1: the head of an application PDU.
#[derive(Clone, Copy)]
pub(super) enum Apdu<'a> {
    Confirmed {
        service: u8,
        whole: bool,
        body: &'a [u8],
    },
    Unconfirmed {
        service: u8,
        body: &'a [u8],
    },
    Simple {
        service: u8,
    },
    Complex {
        service: u8,
        invoke: u8,
        segment: Option<Segment>,
        body: &'a [u8],
    },
    SegmentAck,
    /// Error, reject and abort; of an error the service.
    Failed {
        service: u8,
    },
}

/// Number of a segment, and whether more follow.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    number: u8,
    more: bool,
}

/// What a PDU is counted as.
pub(super) enum Operation {
    Confirmed(u8),
    Unconfirmed(u8),
    Error,
}

impl<'a> Apdu<'a> {
    pub(super) fn of(head: &'a [u8]) -> Option<Self> {
        const SEGMENTED: u8 = 8;
        const MORE: u8 = 4;
        let (&first, rest) = head.split_first()?;
        let segmented = first & SEGMENTED != 0;
        match first >> 4 {
            0 => {
                let (&[_sizes, _invoke], mut rest) = rest.split_first_chunk::<2>()?;
                let mut first_segment = true;
                if segmented {
                    let (&[sequence, _window], behind) = rest.split_first_chunk::<2>()?;
                    (first_segment, rest) = (sequence == 0, behind);
                }
                let (&service, body) = rest.split_first()?;
                Some(Self::Confirmed { service, whole: !segmented && first_segment, body })
            }
            1 => rest.split_first().map(|(service, body)| Self::Unconfirmed { service: *service, body }),
            2 => rest.get(1).map(|service| Self::Simple { service: *service }),
            3 => {
                let (&invoke, mut rest) = rest.split_first()?;
                let mut segment = None;
                if segmented {
                    let (&[number, _window], behind) = rest.split_first_chunk::<2>()?;
                    segment = Some(Segment { number, more: first & MORE != 0 });
                    rest = behind;
                }
                let (&service, body) = rest.split_first()?;
                Some(Self::Complex { service, invoke, segment, body })
            }
            4 => (rest.len() == 3).then_some(Self::SegmentAck),
            5 => rest.get(1).map(|service| Self::Failed { service: *service }),
            6 | 7 => rest.get(1).map(|_| Self::Failed { service: 0xff }),
            _ => None,
        }
    }

    /// Whether the service exists, and its first argument has the form that it must have.
    pub(super) fn is_sound(&self) -> bool {
        let tagged = |body: &[u8]| body.is_empty() || tag(&mut &*body).is_some();
        match *self {
            Self::Confirmed { service, body, .. } | Self::Complex { service, body, segment: None, .. } => service <= CONFIRMED_MAX && tagged(body),
            Self::Unconfirmed { service, body } => service <= UNCONFIRMED_MAX && tagged(body),
            Self::Simple { service } | Self::Complex { service, .. } => service <= CONFIRMED_MAX,
            Self::SegmentAck | Self::Failed { .. } => true,
        }
    }

    /// Whether an unconfirmed service is one in which a device tells instead of asking.
    pub(super) const fn announces(service: u8) -> bool {
        matches!(service, I_AM | I_HAVE | 2 | 3 | 11 | 12 | 13)
    }

    /// Whether its sender serves.
    pub(super) const fn answers(&self) -> bool {
        match *self {
            Self::Confirmed { .. } | Self::SegmentAck => false,
            Self::Unconfirmed { service, .. } => Self::announces(service),
            Self::Simple { .. } | Self::Complex { .. } | Self::Failed { .. } => true,
        }
    }

    pub(super) const fn operation(&self) -> Option<Operation> {
        match *self {
            // Later segments of a request have no service of their own, but repeat it.
            Self::Confirmed { service, .. } => Some(Operation::Confirmed(service)),
            Self::Unconfirmed { service, .. } => Some(Operation::Unconfirmed(service)),
            Self::Failed { .. } => Some(Operation::Error),
            Self::Simple { .. } | Self::Complex { .. } | Self::SegmentAck => None,
        }
    }

    /// Whether it may say something of a device that was not said before.
    pub(super) fn is_telling(&self) -> bool {
        match *self {
            Self::Confirmed { service, .. } => matches!(service, DEVICE_COMMUNICATION_CONTROL | REINITIALIZE_DEVICE),
            Self::Unconfirmed { service, .. } => matches!(service, I_AM | I_HAVE),
            Self::Complex { segment: Some(_), service, .. } => matches!(service, READ_PROPERTY | READ_PROPERTY_MULTIPLE),
            Self::Complex { service: READ_PROPERTY, body, .. } => property_of_device(body).is_some_and(is_identity),
            Self::Complex { service: READ_PROPERTY_MULTIPLE, body, .. } => tells_of_device(body),
            _ => false,
        }
    }

    /// Type of PDU and service as a number below 2^12.
    pub(super) const fn kind(&self) -> u32 {
        let (kind, service) = match *self {
            Self::Confirmed { service, .. } => (0, service),
            Self::Unconfirmed { service, .. } => (1, service),
            Self::Simple { service } => (2, service),
            Self::Complex { service, .. } => (3, service),
            Self::SegmentAck => (4, 0),
            Self::Failed { service } => (5, service),
        };
        kind << 8 | service as u32
    }
}

fn is_identity(property: u64) -> bool {
    TEXTS.iter().any(|row| row.0 == property) || matches!(property, OBJECT_IDENTIFIER | VENDOR_IDENTIFIER | PROTOCOL_REVISION)
}

/// 15.5.1.2: the property that an answer to ReadProperty is of, if it is one of a device object.
fn property_of_device(body: &[u8]) -> Option<u64> {
    let mut rest = body;
    let Some(Tag::Context(0, id)) = tag(&mut rest) else { return None };
    let Some(Tag::Context(1, property)) = tag(&mut rest) else { return None };
    (object(id)?.0 == DEVICE).then(|| number(property))
}

/// Whether an answer to ReadPropertyMultiple has a device object: an object identifier of that type at its beginning, or behind the end
/// of another object's list.
fn tells_of_device(body: &[u8]) -> bool {
    matches!(body, [0x0c, 2, 0..=0x3f, ..]) || body.windows(4).any(|bytes| matches!(bytes, [0x1f, 0x0c, 2, 0..=0x3f]))
}

/// What a conversation remembers: answers of which not all segments have come.
#[derive(Default)]
pub(crate) struct State {
    open: Vec<Answer>,
}

struct Answer {
    about: Subject,
    invoke: u8,
    service: u8,
    last: u8,
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
}

impl State {
    pub(super) fn read(&mut self, apdu: &Apdu<'_>, about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
        match *apdu {
            Apdu::Unconfirmed { service: I_AM, body } => i_am(body, about, cx),
            Apdu::Unconfirmed { service: I_HAVE, body } => i_have(body, about, cx),
            Apdu::Confirmed { service: REINITIALIZE_DEVICE, whole: true, body } => password(1, "bacnet reinitialize device", body, cx),
            Apdu::Confirmed { service: DEVICE_COMMUNICATION_CONTROL, whole: true, body } => {
                password(2, "bacnet device communication control", body, cx)
            }
            Apdu::Complex { service, segment: None, body, .. } => answer(service, body, about, cx),
            Apdu::Complex { service, invoke, segment: Some(segment), body } => self.segment(service, invoke, segment, body, about, cx),
            _ => Ok(()),
        }
    }

    /// 5.4: segments come in order, or again.
    fn segment(&mut self, service: u8, invoke: u8, segment: Segment, body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
        if segment.number == 0 {
            self.open.retain(|answer| (answer.invoke, &answer.about) != (invoke, about));
            if self.open.len() >= OPEN_MAX {
                self.open.remove(0);
                cx.limit("segmented BACnet answers of one conversation");
            }
            self.open.push(Answer {
                about: about.clone(),
                invoke,
                service,
                last: 0,
                bytes: body.to_vec(),
                parts: vec![(body.len(), cx.spans_of(body))],
            });
            return Ok(());
        }
        let Some(at) = self.open.iter().position(|answer| answer.invoke == invoke && answer.service == service && answer.about == *about) else {
            return Ok(());
        };
        let Some(answer) = self.open.get_mut(at) else { return Ok(()) };
        if segment.number == answer.last {
            return Ok(());
        }
        if segment.number != answer.last.wrapping_add(1) || answer.bytes.len() + body.len() > SEGMENTED_MAX {
            cx.limit("bytes of one segmented BACnet answer");
            self.open.remove(at);
            return Ok(());
        }
        answer.last = segment.number;
        answer.bytes.extend_from_slice(body);
        answer.parts.push((body.len(), cx.spans_of(body)));
        if segment.more {
            return Ok(());
        }
        let whole = self.open.remove(at);
        cx.stitched(&whole.bytes, &whole.parts, "bacnet-segments", |bytes, cx| self::answer(service, bytes, about, cx))
    }
}

/// 16.10.2: device, maximum length, segmentation, vendor.
fn i_am(body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut rest = body;
    let (
        Some(Tag::Application(OBJECT, id)),
        Some(Tag::Application(UNSIGNED, _)),
        Some(Tag::Application(ENUMERATED, _)),
        Some(Tag::Application(UNSIGNED, vendor)),
    ) = (tag(&mut rest), tag(&mut rest), tag(&mut rest), tag(&mut rest))
    else {
        return Err(DissectError::Malformed { rule: "I-Am", offset: 0 });
    };
    drop(instance(cx.say(about, Kind::Identity), id).number(Field::BacnetVendorId, number(vendor), vendor));
    Ok(())
}

/// A device object's identifier.
fn instance<'s, 'a>(saying: Saying<'s, 'a>, id: &[u8]) -> Saying<'s, 'a> {
    match object(id) {
        Some((DEVICE, instance)) if instance != ANY_INSTANCE => {
            saying.decoded(Field::BacnetInstance, &observations::Value::Number(u64::from(instance)), id, "bacnet-instance")
        }
        _ => saying,
    }
}

/// 16.9.2: device, object, its name. A device's name is that of its device object.
fn i_have(body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut rest = body;
    let (Some(Tag::Application(OBJECT, device)), Some(Tag::Application(OBJECT, id)), Some(Tag::Application(CHARACTERS, name))) =
        (tag(&mut rest), tag(&mut rest), tag(&mut rest))
    else {
        return Err(DissectError::Malformed { rule: "I-Have", offset: 0 });
    };
    let saying = instance(cx.say(about, Kind::Identity), device);
    if device == id {
        text(saying, Field::ObjectName, name);
    }
    Ok(())
}

/// The password of a command, where it has one: in the clear.
fn password(number: u8, secret_use: &'static str, body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    let mut rest = body;
    while let Some(found) = tag(&mut rest) {
        if let Tag::Context(found, content) = found
            && found == number
            && let Some((_set, secret)) = content.split_first()
        {
            let holder = cx.sender();
            cx.secret(&holder, secret_use, None, secret);
        }
    }
    Ok(())
}

fn answer(service: u8, body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Result<(), DissectError> {
    let complete = match service {
        READ_PROPERTY => one(body, about, cx),
        READ_PROPERTY_MULTIPLE => many(body, about, cx),
        _ => Some(()),
    };
    complete.ok_or(DissectError::Truncated { needed: 1 })
}

/// 15.5.1.2: object, property, index, value.
fn one(body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Option<()> {
    let mut rest = body;
    let (Tag::Context(0, id), Tag::Context(1, property)) = (tag(&mut rest)?, tag(&mut rest)?) else { return None };
    if object(id)?.0 != DEVICE {
        return Some(());
    }
    let Tag::Opening(3) = tag(&mut rest)? else { return Some(()) };
    let found = tag(&mut rest)?;
    drop(value(instance(cx.say(about, Kind::Identity), id), number(property), found));
    Some(())
}

/// 15.7.2: for each object a list of properties with values or errors.
fn many(body: &[u8], about: &Subject, cx: &mut Context<'_>) -> Option<()> {
    let mut rest = body;
    let mut left = PROPERTIES_MAX;
    while !rest.is_empty() {
        let (Tag::Context(0, id), Tag::Opening(1)) = (tag(&mut rest)?, tag(&mut rest)?) else { return None };
        let is_device = object(id)?.0 == DEVICE;
        let saying = cx.say(about, Kind::Identity);
        let mut saying = if is_device { instance(saying, id) } else { saying };
        loop {
            let property = match tag(&mut rest)? {
                Tag::Closing(1) => break,
                Tag::Context(2, property) => number(property),
                _ => return None,
            };
            left = left.checked_sub(1)?;
            let mut next = tag(&mut rest)?;
            let indexed = matches!(next, Tag::Context(3, _));
            if indexed {
                next = tag(&mut rest)?;
            }
            let Tag::Opening(opened @ (4 | 5)) = next else { return None };
            let found = tag(&mut rest)?;
            if is_device && !indexed && opened == 4 {
                saying = value(saying, property, found);
            }
            close(found, opened, &mut rest)?;
        }
        drop(saying);
    }
    Some(())
}

/// Passes over what is left of a value, up to the tag that closes it.
fn close(first: Tag<'_>, opened: u8, rest: &mut &[u8]) -> Option<()> {
    /// Values of proprietary properties nest; more is an attack.
    const DEPTH_MAX: u32 = 16;
    let (mut found, mut depth) = (first, 0u32);
    loop {
        match found {
            Tag::Closing(number) if depth == 0 => return (number == opened).then_some(()),
            Tag::Closing(_) => depth -= 1,
            Tag::Opening(_) if depth >= DEPTH_MAX => return None,
            Tag::Opening(_) => depth += 1,
            Tag::Application(..) | Tag::Context(..) => {}
        }
        found = tag(rest)?;
    }
}

/// 12.11: one property of a device object.
fn value<'s, 'a>(saying: Saying<'s, 'a>, property: u64, found: Tag<'_>) -> Saying<'s, 'a> {
    match (property, found) {
        (VENDOR_IDENTIFIER, Tag::Application(UNSIGNED, id)) => saying.number(Field::BacnetVendorId, number(id), id),
        (PROTOCOL_REVISION, Tag::Application(UNSIGNED, revision)) => saying.number(Field::ProtocolVersion, number(revision), revision),
        (property, Tag::Application(CHARACTERS, content)) => match TEXTS.iter().find(|row| row.0 == property) {
            Some((_, field)) => text(saying, *field, content),
            None => saying,
        },
        _ => saying,
    }
}
