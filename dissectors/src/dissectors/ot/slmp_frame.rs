//! SLMP frames: 3E and 4E, in binary and in ASCII.
//!
//! Spec: Mitsubishi SH-080956 (SLMP Reference Manual) chapter 4.

use nom::bytes::take;
use nom::{IResult, Parser};

/// Longest length that is believed: 960 words in ASCII and what stands before them.
const LENGTH_MAX: u32 = 0x2000;

/// A frame taken apart. Fields that only requests or only responses have are told by [`Frame::code`].
pub(super) struct Frame<'a> {
    /// Numbers as digits.
    pub(super) ascii: bool,
    pub(super) response: bool,
    /// Of 4E frames.
    pub(super) serial: Option<u16>,
    /// Network and station of the access route.
    pub(super) network: u8,
    pub(super) station: u8,
    /// Module I/O number of the route.
    pub(super) module: u16,
    pub(super) multidrop: u8,
    /// Command, or end code.
    pub(super) code: u16,
    /// Length of the whole frame as the header gives it.
    pub(super) length: usize,
    /// What follows command and subcommand, or the end code.
    pub(super) body: &'a [u8],
}

/// Reads numbers in either form.
#[derive(Clone, Copy)]
pub(super) struct Digits(pub(super) bool);

impl Digits {
    /// A little-endian number of `width` bytes, or twice as many digits, the first the highest.
    pub(super) fn number(self, i: &[u8], width: usize) -> IResult<&[u8], u32> {
        let (rest, bytes) = take(if self.0 { width * 2 } else { width }).parse(i)?;
        if !self.0 {
            return Ok((rest, bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))));
        }
        let mut digits = bytes.iter().map(|digit| char::from(*digit).to_digit(16));
        let number = digits.try_fold(0, |number, digit| Some(number << 4 | digit?));
        number.map(|number| (rest, number)).ok_or(nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::HexDigit }))
    }

    fn byte(self, i: &[u8]) -> IResult<&[u8], u8> {
        self.number(i, 1).map(|(i, number)| (i, u8::try_from(number).unwrap_or(0)))
    }

    pub(super) fn word(self, i: &[u8]) -> IResult<&[u8], u16> {
        self.number(i, 2).map(|(i, number)| (i, u16::try_from(number).unwrap_or(0)))
    }
}

/// The form of a frame by its subheader: in ASCII, a response, with a serial number.
fn form(head: &[u8]) -> Option<(bool, bool, bool)> {
    Some(match head {
        [0x50, 0, ..] => (false, false, false),
        [0x54, 0, ..] => (false, false, true),
        [0xd0, 0, ..] => (false, true, false),
        [0xd4, 0, ..] => (false, true, true),
        [b'5', b'0', b'0', b'0', ..] => (true, false, false),
        [b'5', b'4', b'0', b'0', ..] => (true, false, true),
        [b'D', b'0', b'0', b'0', ..] => (true, true, false),
        [b'D', b'4', b'0', b'0', ..] => (true, true, true),
        _ => return None,
    })
}

/// Whether bytes begin as a frame does.
pub(super) fn begins(head: &[u8]) -> bool {
    form(head).is_some() || head.is_empty()
}

/// The header and what the payload has of the body. An error is too few bytes, or no digit.
pub(super) fn frame(payload: &[u8]) -> IResult<&[u8], Frame<'_>> {
    let refused = || nom::Err::Error(nom::error::Error { input: payload, code: nom::error::ErrorKind::Tag });
    let (ascii, response, numbered) = form(payload).ok_or_else(refused)?;
    let digits = Digits(ascii);
    let (mut i, _subheader) = digits.word(payload)?;
    let mut serial = None;
    if numbered {
        let (rest, number) = digits.word(i)?;
        let (rest, fixed) = digits.word(rest)?;
        if fixed != 0 {
            return Err(refused());
        }
        (i, serial) = (rest, Some(number));
    }
    let (i, network) = digits.byte(i)?;
    let (i, station) = digits.byte(i)?;
    let (i, module) = digits.word(i)?;
    let (i, multidrop) = digits.byte(i)?;
    let (i, length) = digits.number(i, 2)?;
    if length > LENGTH_MAX {
        return Err(refused());
    }
    let length = usize::try_from(length).unwrap_or(0);
    let whole = payload.len() - i.len() + length;
    let i = i.get(..length).unwrap_or(i);
    let (i, code) = if response {
        digits.word(i)?
    } else {
        let (i, _timer) = digits.word(i)?;
        let (i, command) = digits.word(i)?;
        let (i, _subcommand) = digits.word(i)?;
        (i, command)
    };
    Ok((&[], Frame { ascii, response, serial, network, station, module, multidrop, code, length: whole, body: i }))
}

impl Frame<'_> {
    /// Whether the access route is one of those that there are (SH-080956 4.2): modules 0 to 01FF and the CPUs 03D0 to 03E3 and 03FF,
    /// multidrop stations 0 to 31.
    pub(super) const fn has_route(&self) -> bool {
        matches!(self.module, 0..=0x1ff | 0x3d0..=0x3d3 | 0x3e0..=0x3e3 | 0x3ff) && self.multidrop <= 31 && self.network <= 0xef
    }
}

/// Whether a field of sixteen characters can be a type name (`Q03UDECPU`, `R04CPU`): registers that are read are as long.
pub(super) fn is_type_name(field: &[u8]) -> bool {
    let name = field.trim_ascii_end();
    let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'+' | b'(' | b')'));
    plain && name.len() >= 3 && name.iter().any(u8::is_ascii_digit) && name.iter().any(u8::is_ascii_uppercase)
}
