//! CIP paths: which object a request is for, and through which ports it goes.
//!
//! Spec: ODVA CIP Volume 1 appendix C-1 (EPATH, padded form).

use crate::context::Context;
use nom::bytes::take;
use nom::number::{le_u8, le_u16, le_u32};
use nom::{IResult, Parser};
use observations::{StepKind, Subject};

/// Chassis and bridges nest two or three deep in real plants; the subject's path holds eight steps, two a hop.
const HOPS_MAX: usize = 4;
/// A path has at most 255 words; no segment is shorter than one.
const SEGMENTS_MAX: usize = 255;

/// Port and link address of each hop.
pub(super) type Route = Vec<(u16, u8)>;

/// A path taken apart.
#[derive(Default)]
pub(super) struct Path {
    pub(super) class: Option<u32>,
    pub(super) instance: Option<u32>,
    pub(super) attribute: Option<u32>,
    /// `None` where a link address is no number (an IP address in text) or there are too many hops.
    pub(super) route: Option<Route>,
}

enum Segment {
    Port(u16, Option<u8>),
    Class(u32),
    Instance(u32),
    Attribute(u32),
    Other,
}

impl Path {
    /// Takes a path apart; `None` where it is no path.
    pub(super) fn of(mut bytes: &[u8]) -> Option<Self> {
        let mut path = Self { route: Some(Route::new()), ..Self::default() };
        for _ in 0..SEGMENTS_MAX {
            if bytes.is_empty() {
                return Some(path);
            }
            let (rest, segment) = segment(bytes).ok()?;
            bytes = rest;
            match segment {
                Segment::Port(port, Some(link)) if path.route.as_ref().is_some_and(|route| route.len() < HOPS_MAX) => {
                    path.route.get_or_insert_default().push((port, link));
                }
                Segment::Port(..) => path.route = None,
                Segment::Class(class) => path.class = path.class.or(Some(class)),
                Segment::Instance(instance) => path.instance = path.instance.or(Some(instance)),
                Segment::Attribute(attribute) => path.attribute = path.attribute.or(Some(attribute)),
                Segment::Other => {}
            }
        }
        None
    }
}

/// The device at the end of a route.
pub(super) fn device(server: &Subject, route: &[(u16, u8)], cx: &Context<'_>) -> Subject {
    route.iter().fold(server.clone(), |device, (port, link)| {
        let port = cx.part(&device, StepKind::CipPort, u64::from(*port));
        cx.part(&port, StepKind::CipSlot, u64::from(*link))
    })
}

/// C-1.4: the high three bits say what a segment is.
fn segment(i: &[u8]) -> IResult<&[u8], Segment> {
    let (i, kind) = le_u8().parse(i)?;
    match kind >> 5 {
        0 => port(kind, i),
        1 => logical(kind, i),
        2 => network(kind, i),
        3 => {
            let (i, _symbol) = take(kind & 0x1f).parse(i)?;
            Ok((i, Segment::Other))
        }
        4 => data(kind, i),
        _ => Err(nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::Switch })),
    }
}

/// C-1.4.1: port number in four bits (15: two bytes follow), link address of one byte, or of a length that is given.
fn port(kind: u8, i: &[u8]) -> IResult<&[u8], Segment> {
    const LONG_ADDRESS: u8 = 0x10;
    let (i, length) = if kind & LONG_ADDRESS == 0 { (i, 1) } else { le_u8().parse(i)? };
    let (i, port) = match kind & 0x0f {
        15 => le_u16().parse(i)?,
        port => (i, u16::from(port)),
    };
    let (i, link) = take(length).parse(i)?;
    let padding = if kind & LONG_ADDRESS == 0 { 0 } else { length % 2 };
    let (i, _padding) = take(padding).parse(i)?;
    let link = if let [link] = link { Some(*link) } else { None };
    Ok((i, Segment::Port(port, link)))
}

/// C-1.4.2: type in three bits, format in two (one byte; a pad and two; a pad and four).
fn logical(kind: u8, i: &[u8]) -> IResult<&[u8], Segment> {
    const ELECTRONIC_KEY: u8 = 0x34;
    if kind == ELECTRONIC_KEY {
        let (i, (_format, _key)) = (le_u8(), take(8usize)).parse(i)?;
        return Ok((i, Segment::Other));
    }
    let (i, number) = match kind & 3 {
        0 => le_u8().map(u32::from).parse(i)?,
        1 => (le_u8(), le_u16()).map(|(_, number)| u32::from(number)).parse(i)?,
        2 => (le_u8(), le_u32()).map(|(_, number)| number).parse(i)?,
        _ => return Err(nom::Err::Error(nom::error::Error { input: i, code: nom::error::ErrorKind::Switch })),
    };
    Ok((
        i,
        match kind >> 2 & 7 {
            0 => Segment::Class(number),
            1 => Segment::Instance(number),
            4 => Segment::Attribute(number),
            _ => Segment::Other,
        },
    ))
}

/// C-1.4.3: one byte of data, or words whose number is given.
fn network(kind: u8, i: &[u8]) -> IResult<&[u8], Segment> {
    let (i, first) = le_u8().parse(i)?;
    let words = if kind & 0x10 == 0 { 0 } else { usize::from(first) };
    let (i, _data) = take(words * 2).parse(i)?;
    Ok((i, Segment::Other))
}

/// C-1.4.5: words, or a symbol of bytes with a pad.
fn data(kind: u8, i: &[u8]) -> IResult<&[u8], Segment> {
    const SYMBOL: u8 = 0x91;
    let (i, length) = le_u8().map(usize::from).parse(i)?;
    let length = if kind == SYMBOL { length + length % 2 } else { length * 2 };
    let (i, _data) = take(length).parse(i)?;
    Ok((i, Segment::Other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_attribute_and_hops_are_told() {
        let path = Path::of(&[0x01, 3, 0x20, 1, 0x24, 1, 0x30, 7]).unwrap();
        assert_eq!((path.class, path.attribute, path.route), (Some(1), Some(7), Some(vec![(1, 3)])));
        let wide = Path::of(&[0x21, 0, 0x6b, 0, 0x25, 0, 5, 0]).unwrap();
        assert_eq!(wide.class, Some(0x6b));
    }

    #[test]
    fn a_link_address_in_text_leaves_the_route_unknown() {
        let mut path = vec![0x12, 9];
        path.extend_from_slice(b"10.77.0.9\0");
        path.extend_from_slice(&[0x20, 1]);
        let path = Path::of(&path).unwrap();
        assert_eq!((path.class, path.route), (Some(1), None));
    }

    #[test]
    fn symbols_are_paths_and_other_bytes_are_none() {
        assert!(Path::of(b"\x91\x05SPEED\0").is_some());
        assert!(Path::of(&[0xff, 1]).is_none());
        assert!(Path::of(&[0x20]).is_none());
    }
}
