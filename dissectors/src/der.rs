//! ASN.1 elements in DER: certificates and what signs them.
//!
//! Spec: ITU-T X.690 §8.1 and §10. Every element is a slice of what it was read from, so that its place in the capture is known.

use nom::bytes::take;
use nom::number::be_u8;
use nom::{IResult, Parser};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const BMP_STRING: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;

/// §8.1.3.5: a length in at most this many octets; four name 4 GiB, more than any PDU.
const LENGTH_OCTETS_MAX: u8 = 4;

/// §8.1.2.4.2: an object identifier's arc in at most this many octets; UUID arcs (2.25) take 19.
const ARC_OCTETS_MAX: usize = 19;

/// One element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Element<'a> {
    /// The identifier octet: class, constructed or not, number below 31.
    pub(crate) tag: u8,
    /// The contents.
    pub(crate) body: &'a [u8],
    /// Identifier, length and contents.
    pub(crate) whole: &'a [u8],
}

/// An element that is all there.
pub(crate) fn element(i: &[u8]) -> IResult<&[u8], Element<'_>> {
    let (i_body, (tag, length)) = head(i)?;
    let (rest, body) = take(length).parse(i_body)?;
    let whole = i.get(..i.len().saturating_sub(rest.len())).unwrap_or(i);
    Ok((rest, Element { tag, body, whole }))
}

/// An element of which the capture, or a wrong length, may have cut the end: its contents as far as they go.
pub(crate) fn cut_element(i: &[u8]) -> IResult<&[u8], Element<'_>> {
    let (i_body, (tag, length)) = head(i)?;
    match i_body.split_at_checked(length) {
        Some(_) => element(i),
        None => Ok((&[], Element { tag, body: i_body, whole: i })),
    }
}

/// An element with this tag.
pub(crate) fn tagged(tag: u8) -> impl Fn(&[u8]) -> IResult<&[u8], Element<'_>> {
    move |i| match element(i)? {
        (rest, found) if found.tag == tag => Ok((rest, found)),
        _ => Err(nom::Err::Error(nom::error::Error::new(i, nom::error::ErrorKind::Tag))),
    }
}

/// Elements one after another, to the end or to the first that cannot be read. Each takes two bytes at least, so the bytes bound them.
pub(crate) fn elements(mut i: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let (rest, found) = element(i).ok()?;
        i = rest;
        Some(found)
    })
}

/// Identifier and length octets.
fn head(i: &[u8]) -> IResult<&[u8], (u8, usize)> {
    let fail = |i| nom::Err::Error(nom::error::Error::new(i, nom::error::ErrorKind::LengthValue));
    let (i, (tag, short)) = (be_u8(), be_u8()).parse(i)?;
    // §8.1.2.4: number 31 says that the tag goes on; nothing that is read here has one.
    if tag & 0x1f == 0x1f {
        return Err(fail(i));
    }
    if short < 0x80 {
        return Ok((i, (tag, usize::from(short))));
    }
    let octets = short & 0x7f;
    if octets == 0 || octets > LENGTH_OCTETS_MAX {
        return Err(fail(i));
    }
    let (i, long) = take(octets).parse(i)?;
    let length = long.iter().fold(0u64, |sum, octet| sum << 8 | u64::from(*octet));
    Ok((i, (tag, usize::try_from(length).map_err(|_| fail(i))?)))
}

/// An object identifier as dotted text (§8.19); nothing if it is none.
pub(crate) fn dotted(body: &[u8]) -> Option<String> {
    use std::fmt::Write;
    let mut text = String::new();
    let (mut arc, mut octets) = (0u128, 0);
    for octet in body {
        octets += 1;
        // What does not fit the number is no arc in use, and a leading zero is none at all (§8.19.2).
        if octets > ARC_OCTETS_MAX || arc > u128::MAX >> 7 || (octets == 1 && *octet == 0x80) {
            return None;
        }
        arc = arc << 7 | u128::from(octet & 0x7f);
        if octet & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            // §8.19.4: the first two arcs share one number.
            let first = (arc / 40).min(2);
            write!(text, "{first}.{}", arc - first * 40).ok()?;
        } else {
            write!(text, ".{arc}").ok()?;
        }
        (arc, octets) = (0, 0);
    }
    (octets == 0 && !text.is_empty()).then_some(text)
}

/// How many bits a positive INTEGER has.
pub(crate) fn bits(body: &[u8]) -> u64 {
    let leading = body.iter().take_while(|octet| **octet == 0).count();
    let Some(first) = body.get(leading) else { return 0 };
    ((body.len() - leading) as u64 * 8).saturating_sub(u64::from(first.leading_zeros()))
}

/// Seconds since 1970 of a UTCTime or GeneralizedTime in the form that DER allows (X.690 §11.7 and §11.8, RFC 5280 §4.1.2.5): with
/// seconds, in UTC, without fractions.
pub(crate) fn seconds(time: &Element<'_>) -> Option<i64> {
    let (years, rest) = match time.tag {
        UTC_TIME => time.body.split_at_checked(2)?,
        GENERALIZED_TIME => time.body.split_at_checked(4)?,
        _ => return None,
    };
    let &[m1, m2, d1, d2, h1, h2, i1, i2, s1, s2, b'Z'] = rest else { return None };
    let year = match (number(years)?, time.tag) {
        (year, GENERALIZED_TIME) => year,
        (year @ 50.., _) => 1900 + year,
        (year, _) => 2000 + year,
    };
    let (month, day) = (number(&[m1, m2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[i1, i2])?, number(&[s1, s2])?);
    let sound = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    sound.then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar: years begin in March, so that the leap day is the last of a year, and
/// 400 of them have 146,097 days.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_knows_its_contents_and_its_whole() {
        let (rest, found) = element(&[0x30, 0x81, 0x02, 5, 0, 9]).unwrap();
        assert_eq!((found.tag, found.body, found.whole, rest), (SEQUENCE, &[5, 0][..], &[0x30, 0x81, 2, 5, 0][..], &[9][..]));
        assert!(element(&[0x30, 3, 5, 0]).is_err());
        assert_eq!(cut_element(&[0x30, 3, 5, 0]).unwrap().1.body, [5, 0]);
    }

    #[test]
    fn lengths_that_name_more_than_there_is_are_refused() {
        assert!(element(&[0x30, 0x80, 0, 0]).is_err());
        assert!(element(&[0x30, 0x85, 0, 0, 0, 0, 1, 0]).is_err());
        assert!(element(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
        assert!(element(&[0x1f, 0x81, 0x01, 0]).is_err());
    }

    #[test]
    fn object_identifiers_become_dotted_text() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]).as_deref(), Some("1.2.840.113549.1.1.1"));
        assert_eq!(dotted(&[0x55, 4, 3]).as_deref(), Some("2.5.4.3"));
        assert_eq!(dotted(&[0x88, 0x37, 1]).as_deref(), Some("2.999.1"));
        assert_eq!(dotted(&[0x55, 0x84]), None);
        assert_eq!(dotted(&[0x55, 0x80, 1]), None);
        assert_eq!(dotted(&[]), None);
    }

    #[test]
    fn times_count_from_1970() {
        let at = |tag, body: &'static [u8]| seconds(&Element { tag, body, whole: body });
        assert_eq!(at(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(at(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(at(UTC_TIME, b"500101000000Z"), Some(-631_152_000));
        assert_eq!(at(GENERALIZED_TIME, b"20240229120000Z"), Some(1_709_208_000));
        assert_eq!(at(GENERALIZED_TIME, b"99991231235959Z"), Some(253_402_300_799));
        assert_eq!(at(UTC_TIME, b"7001010000Z"), None);
        assert_eq!(at(UTC_TIME, b"701301000000Z"), None);
    }

    #[test]
    fn a_key_s_size_leaves_out_leading_zeros() {
        assert_eq!(bits(&[0, 0x80, 0]), 16);
        assert_eq!(bits(&[1, 0]), 9);
        assert_eq!(bits(&[0]), 0);
    }
}
