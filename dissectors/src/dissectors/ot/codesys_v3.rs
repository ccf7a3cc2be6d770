//! CODESYS version 3: blocks, datagrams, the name service and the services of channels.
//!
//! Spec: no public one. Microsoft's ICS forensics tools (MIT licence), `codesysv3_protocol/structures.py` and `protocol.py`.

use crate::context::Context;
use crate::dissector::{DissectError, Framing, Side};
use observations::{Field, Kind, Value};

/// TCP blocks begin with this, and a length that counts both.
const BLOCK_MAGIC: [u8; 4] = [0x00, 0x01, 0x17, 0xe8];
pub(super) const BLOCK: usize = 8;
/// Blocks have at most 512 bytes (CODESYS Control V3 manual, "block driver"); runtimes for large networks send longer ones.
const BLOCK_MAX: usize = 64 * 1024;

pub(super) const MAGIC: u8 = 0xc5;
/// Magic, hops and length of the header, flags, service, number, lengths of addresses.
pub(super) const DATAGRAM: usize = 6;

/// Services of datagrams.
const ADDRESS_REQUEST: u8 = 1;
const ADDRESS_ANSWER: u8 = 2;
const NAME_REQUEST: u8 = 3;
const NAME_ANSWER: u8 = 4;
const CHANNELS: u8 = 64;

/// Packages of the name service and their versions.
const IDENTIFICATION: u16 = 0xc280;
const NAME_PACKAGES: [u16; 4] = [0xc201, 0xc202, 0xc203, IDENTIFICATION];
const VERSIONS: [u16; 2] = [0x0103, 0x0400];

/// Messages of channels.
const APPLICATION_BLOCK: u8 = 0x01;
const ACKNOWLEDGE: u8 = 0x02;
const KEEP_ALIVE: u8 = 0x03;
const GET_INFO: u8 = 0xc2;
const OPEN_REQUEST: u8 = 0xc3;
const OPEN_ANSWER: u8 = 0x83;
const CLOSE: u8 = 0xc4;
/// Type, flags, channel, two numbers, size, checksum before the services of a first block.
const FIRST_BLOCK: usize = 20;
const FIRST: u8 = 0x01;
const FROM_CLIENT: u8 = 0x80;

/// Protocols of the service layer.
const PLAIN: u16 = 0xcd55;
const SECURE: u16 = 0x7557;
const DEVICE_GROUP: u8 = 1;
const LOGIN: u16 = 2;

/// What a datagram carries.
pub(super) enum Message<'a> {
    Name {
        answer: bool,
        body: &'a [u8],
    },
    Open {
        answer: bool,
    },
    /// Who starts asks for its place in the tree of addresses.
    Address,
    Service(Service<'a>),
    Other(Side),
}

impl Message<'_> {
    pub(super) const fn side(&self) -> Side {
        match self {
            Self::Name { answer: true, .. } | Self::Open { answer: true } => Side::Server,
            Self::Name { .. } | Self::Open { .. } => Side::Client,
            Self::Service(service) => {
                if service.answer {
                    Side::Server
                } else {
                    Side::Client
                }
            }
            Self::Address => Side::Unknown,
            Self::Other(side) => *side,
        }
    }
}

/// A call of a component's service, or its answer.
pub(super) struct Service<'a> {
    pub(super) answer: bool,
    pub(super) secure: bool,
    pub(super) group: u8,
    command: u16,
    pub(super) protocol: &'a [u8],
    tags: &'a [u8],
}

/// The PDU at the head of a stream of blocks; `None` if it is none.
pub(super) fn frame(head: &[u8]) -> Option<Framing> {
    if !head.iter().zip(BLOCK_MAGIC).all(|(is, should)| *is == should) {
        return None;
    }
    let Some(length) = head.get(4..BLOCK).and_then(|length| length.first_chunk()) else { return Some(Framing::Need(BLOCK)) };
    let len = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    Some(if (BLOCK + DATAGRAM..=BLOCK_MAX).contains(&len) { Framing::Pdu { len, want: len } } else { Framing::Lost })
}

/// The datagram of a block.
pub(super) fn in_block(bytes: &[u8]) -> Option<Message<'_>> {
    let length = bytes.strip_prefix(&BLOCK_MAGIC)?.first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    datagram(bytes.get(..length).unwrap_or(bytes).get(BLOCK..)?, BLOCK)
}

/// A datagram; `before` bytes stand before it, with which its addresses are padded to four.
pub(super) fn datagram(bytes: &[u8], before: usize) -> Option<Message<'_>> {
    let &[MAGIC, hops, flags, service, number, lengths] = bytes.first_chunk::<DATAGRAM>()? else { return None };
    let header = usize::from(hops & 0x07) * 2;
    let end = header + 2 * (usize::from(lengths & 0x0f) + usize::from(lengths >> 4));
    let body = bytes.get(end + (before + end) % 4..)?;
    match (header, service) {
        (DATAGRAM, NAME_REQUEST | NAME_ANSWER) => {
            let (package, version) = (u16_at(body, 0)?, u16_at(body, 2)?);
            let known = NAME_PACKAGES.contains(&package) && VERSIONS.contains(&version) && body.len() >= 8;
            known.then_some(Message::Name { answer: service == NAME_ANSWER && package == IDENTIFICATION, body })
        }
        (DATAGRAM, CHANNELS) => channel(body),
        // Nothing but addresses: the sender's is all that there is yet.
        (DATAGRAM, ADDRESS_REQUEST | ADDRESS_ANSWER) => {
            (flags == 0x40 && number == 0 && lengths >> 4 != 0 && bytes.len() == end).then_some(Message::Address)
        }
        _ => None,
    }
}

fn channel(body: &[u8]) -> Option<Message<'_>> {
    let &[kind, flags, ..] = body.first_chunk::<4>()?;
    match kind {
        OPEN_REQUEST | GET_INFO if body.len() >= 20 => Some(Message::Open { answer: false }),
        OPEN_ANSWER if body.len() >= 20 => Some(Message::Open { answer: true }),
        APPLICATION_BLOCK if body.len() >= 12 => {
            let side = if flags & FROM_CLIENT != 0 { Side::Client } else { Side::Server };
            let first = flags & FIRST != 0;
            Some(service(body.get(FIRST_BLOCK..).unwrap_or_default()).filter(|_| first).map_or(Message::Other(side), Message::Service))
        }
        ACKNOWLEDGE if body.len() == 8 => Some(Message::Other(Side::Unknown)),
        KEEP_ALIVE if body.len() == 4 => Some(Message::Other(Side::Unknown)),
        CLOSE if body.len() == 12 => Some(Message::Other(Side::Unknown)),
        _ => None,
    }
}

/// Protocol, length of the rest of the header, group with the bit of an answer, command, session, size; then tags.
fn service(bytes: &[u8]) -> Option<Service<'_>> {
    let protocol = u16_at(bytes, 0)?;
    let size = usize::from(u16_at(bytes, 2)?);
    let [group, _] = u16_at(bytes, 4)?.to_le_bytes();
    matches!(protocol, PLAIN | SECURE).then_some(Service {
        answer: group & 0x80 != 0,
        secure: protocol == SECURE,
        group: group & 0x7f,
        command: u16_at(bytes, 6)?,
        protocol: bytes.get(..2)?,
        tags: bytes.get(4 + size..).unwrap_or_default(),
    })
}

impl Service<'_> {
    pub(super) const fn is_login(&self) -> bool {
        self.group == DEVICE_GROUP && self.command == LOGIN && !self.secure
    }

    /// How a client logs in: with a password if one stands among the tags (0x81: a user 0x10, a password 0x11). It stays there.
    pub(super) fn login(&self) -> Option<&'static [u8]> {
        const CREDENTIALS: u64 = 0x81;
        const USER: u64 = 0x10;
        const PASSWORD: u64 = 0x11;
        let credentials = tags(self.tags).find(|tag| tag.0 == CREDENTIALS).filter(|_| self.is_login())?.1;
        let shown = |wanted: u64| tags(credentials).any(|(tag, value)| tag == wanted && value.iter().any(|byte| *byte != 0));
        Some(if shown(PASSWORD) || shown(USER) { b"password" } else { b"none" })
    }
}

/// Tags: number and length, each in groups of seven bits with the lowest first, then the value.
fn tags(mut rest: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    /// A log-in has half a dozen.
    const TAGS_MAX: usize = 32;
    (0..TAGS_MAX).map_while(move |_| {
        let (tag, behind) = grouped(rest)?;
        let (length, behind) = grouped(behind)?;
        let (value, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
        rest = behind;
        Some((tag, value))
    })
}

fn grouped(bytes: &[u8]) -> Option<(u64, &[u8])> {
    /// Four groups hold lengths of 256 MB; padding takes three more.
    const GROUPS_MAX: usize = 7;
    let mut number = 0;
    for (index, byte) in bytes.iter().take(GROUPS_MAX).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

/// Identification: package, version, number (4), channels, byte order, reserved, offset of the names, their three lengths in characters,
/// target type (4), target (4), version (4), reserved (4), length of the serial number; the names, each with an end, from byte 48 and
/// the offset on.
pub(super) fn identification(body: &[u8], cx: &mut Context<'_>) -> Result<(), DissectError> {
    const NAMES: usize = 48;
    let about = cx.sender();
    let word = |at: usize| body.get(at..at + 4).unwrap_or_default();
    let long = |at: usize| word(at).first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let mut saying = cx.say(&about, Kind::Identity);
    saying = saying.maybe(long(20), |s, kind| s.number(Field::DeviceTypeNumber, kind.into(), word(20)));
    saying = saying.maybe(long(24), |s, target| s.number(Field::TargetId, target.into(), word(24)));
    if let &[d, c, b, a] = word(28) {
        let version = format!("{a}.{b}.{c}.{d}");
        saying = saying.decoded(Field::FirmwareVersion, &Value::Text(version.into_bytes()), word(28), "dotted-backwards");
    }
    let mut at = NAMES + usize::from(u16_at(body, 12).unwrap_or(0));
    for (length, field) in [(14, Field::SystemName), (16, Field::ModelName), (18, Field::VendorName)] {
        let length = 2 * usize::from(u16_at(body, length).unwrap_or(0));
        let Some(name) = body.get(at..at + length) else { return Err(DissectError::Truncated { needed: at + length - body.len() }) };
        let units = name.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
        let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        if !text.trim_matches(['\0', ' ']).is_empty() {
            saying = saying.decoded(field, &Value::Text(text.into_bytes()), name, "utf-16le");
        }
        at += length + 2;
    }
    let serial = body.get(36).map_or(0, |length| usize::from(*length));
    drop(saying.trimmed(Field::SerialNumber, body.get(at..at + serial).unwrap_or_default()));
    Ok(())
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    /// An answer of the name service in a datagram with addresses of two and four bytes.
    pub(in super::super) fn identification(serial: &[u8]) -> Vec<u8> {
        let names = ["PFC200-438F4C", "WAGO 750-8206 PFC200", "WAGO"];
        let mut body = vec![0x80, 0xc2, 0, 4, 7, 0, 0, 0]; // package, version, number
        body.extend([4, 0, 1, 0, 0, 0]); // channels, byte order, reserved, offset
        body.extend(names.iter().flat_map(|name| u16::try_from(name.len()).unwrap().to_le_bytes()));
        body.extend([0x00, 0x10, 0, 0, 0x04, 0x12, 0x06, 0x10, 0, 4, 15, 5]); // target type, target, version
        body.extend([0, 0, 0, 0, u8::try_from(serial.len()).unwrap()]);
        body.resize(48, 0);
        body.extend(names.iter().flat_map(|name| wide(name)));
        body.extend_from_slice(serial);
        datagram(NAME_ANSWER, &body)
    }

    fn datagram(service: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![MAGIC, 0x6b, 0x40, service, 0, 0x11, 0, 7, 0, 9];
        bytes.extend([0, 0]); // to a multiple of four
        bytes.extend_from_slice(body);
        bytes
    }

    /// A datagram in a block of TCP: eight bytes stand before it.
    pub(in super::super) fn block(datagram: &[u8]) -> Vec<u8> {
        let length = u32::try_from(datagram.len() + BLOCK).unwrap().to_le_bytes();
        [&BLOCK_MAGIC[..], &length, datagram].concat()
    }

    /// The first block of a channel.
    pub(in super::super) fn channel(service: &[u8]) -> Vec<u8> {
        let answer = service.get(4).is_some_and(|group| group & 0x80 != 0);
        let mut body = vec![APPLICATION_BLOCK, FIRST | if answer { 0 } else { FROM_CLIENT }, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        body.extend(u32::try_from(service.len()).unwrap().to_le_bytes());
        body.extend([1, 2, 3, 4]);
        body.extend_from_slice(service);
        datagram(CHANNELS, &body)
    }

    pub(in super::super) fn service(protocol: u16, answer: bool, group: u8, command: u16, tags: &[u8]) -> Vec<u8> {
        let mut bytes = protocol.to_le_bytes().to_vec();
        bytes.extend([16, 0, group | if answer { 0x80 } else { 0 }, 0]);
        bytes.extend(command.to_le_bytes());
        bytes.extend([0, 0, 0, 0]);
        bytes.extend(u32::try_from(tags.len()).unwrap().to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend_from_slice(tags);
        bytes
    }
}
