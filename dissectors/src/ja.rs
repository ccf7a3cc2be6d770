//! JA3 and JA4: what a TLS client's hello shows of its software, as one line.
//!
//! Spec: JA3 (Salesforce, BSD 3-Clause, README "How it works"); JA4 TLS client fingerprint (FoxIO, BSD 3-Clause,
//! technical_details/JA4.md). Of the JA4 family only this one is free for any use; the others are not made here.

use md5::Md5;
use observations::value::hex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What carries the hello: JA4's first letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carrier {
    Tcp,
    Dtls,
    Quic,
}

/// What a client offers, in the order of the wire.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Offer<'a> {
    /// The version in the hello's body.
    pub(crate) version: u16,
    pub(crate) ciphers: Vec<u16>,
    pub(crate) extensions: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) point_formats: &'a [u8],
    pub(crate) signatures: Vec<u16>,
    /// The extension supported_versions; empty without it.
    pub(crate) versions: Vec<u16>,
    /// The first protocol of ALPN.
    pub(crate) alpn: Option<&'a [u8]>,
}

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// JA4.md, "Cipher hash": a part that would be the hash of nothing.
const NOTHING: &str = "000000000000";

/// RFC 8701 §2: values that say nothing and are drawn at random: 0x0A0A, 0x1A1A, … 0xFAFA.
pub(crate) const fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn without_grease(values: &[u16]) -> impl Iterator<Item = u16> {
    values.iter().copied().filter(|value| !is_grease(*value))
}

/// Both fingerprints of an offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Prints {
    pub(crate) ja3: String,
    pub(crate) ja4: String,
}

impl Prints {
    pub(crate) fn of(offer: &Offer<'_>, carrier: Carrier) -> Self {
        Self { ja3: ja3(offer), ja4: ja4(offer, carrier) }
    }
}

/// Fingerprints of offers that were met, by their hash: a network has few kinds of clients, and each greets many servers.
#[derive(Default)]
pub(crate) struct Known(HashMap<u64, Prints>);

impl Known {
    /// Beyond it all are forgotten and made anew.
    const MAX: usize = 1024;

    pub(crate) fn get(&mut self, hash: u64, make: impl FnOnce() -> Prints) -> Prints {
        if self.0.len() >= Self::MAX {
            self.0.clear();
        }
        self.0.entry(hash).or_insert_with(make).clone()
    }
}

/// JA3 in hexadecimal digits.
pub(crate) fn ja3(offer: &Offer<'_>) -> String {
    let list = |values: &[u16]| joined(without_grease(values), '-', decimal);
    let formats = joined(offer.point_formats.iter().map(|format| u16::from(*format)), '-', decimal);
    let line = format!("{},{},{},{},{formats}", offer.version, list(&offer.ciphers), list(&offer.extensions), list(&offer.groups));
    hex(&Md5::digest(line))
}

/// JA4.
pub(crate) fn ja4(offer: &Offer<'_>, carrier: Carrier) -> String {
    let mut ciphers: Vec<u16> = without_grease(&offer.ciphers).collect();
    let mut extensions: Vec<u16> = without_grease(&offer.extensions).collect();
    let letter = match carrier {
        Carrier::Tcp => 't',
        Carrier::Dtls => 'd',
        Carrier::Quic => 'q',
    };
    let (version, alpn) = (version(offer, carrier), alpn(offer.alpn));
    let destination = if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let (cipher_count, extension_count) = (ciphers.len().min(99), extensions.len().min(99));
    extensions.retain(|extension| *extension != SERVER_NAME && *extension != ALPN);
    ciphers.sort_unstable();
    extensions.sort_unstable();
    let mut tail = codes(extensions.iter().copied());
    if !tail.is_empty() && without_grease(&offer.signatures).next().is_some() {
        tail = format!("{tail}_{}", codes(without_grease(&offer.signatures)));
    }
    let (ciphers, tail) = (short(&codes(ciphers.into_iter())), short(&tail));
    format!("{letter}{version}{destination}{cipher_count:02}{extension_count:02}{alpn}_{ciphers}_{tail}")
}

/// JA4.md, "TLS and DTLS Version". DTLS counts downwards.
fn version(offer: &Offer<'_>, carrier: Carrier) -> &'static str {
    let offered = without_grease(&offer.versions);
    let highest = if carrier == Carrier::Dtls { offered.min() } else { offered.max() };
    match highest.unwrap_or(offer.version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// JA4.md, "ALPN Extension Value": the first and last character, or those of its hexadecimal digits where one is neither letter nor digit.
fn alpn(protocol: Option<&[u8]>) -> String {
    let Some((&first, &last)) = protocol.and_then(|protocol| Some((protocol.first()?, protocol.last()?))) else { return "00".to_owned() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(first), char::from(last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

fn codes(values: impl Iterator<Item = u16>) -> String {
    joined(values, ',', hexadecimal)
}

fn joined(values: impl Iterator<Item = u16>, between: char, put: impl Fn(&mut String, u16)) -> String {
    let mut out = String::with_capacity(128);
    for value in values {
        if !out.is_empty() {
            out.push(between);
        }
        put(&mut out, value);
    }
    out
}

/// Without the formatter's detours: a hello has some sixty numbers, and each is written twice.
fn decimal(out: &mut String, value: u16) {
    let mut weight = 10_000;
    while weight > value.max(1) {
        weight /= 10;
    }
    while weight > 0 {
        out.push(digit(value / weight % 10));
        weight /= 10;
    }
}

fn hexadecimal(out: &mut String, value: u16) {
    for shift in [12, 8, 4, 0] {
        out.push(digit(value >> shift & 0x0f));
    }
}

fn digit(value: u16) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}

fn short(text: &str) -> String {
    if text.is_empty() { NOTHING.to_owned() } else { hex(Sha256::digest(text).first_chunk::<6>().map_or(&[], |six| six)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of JA4.md.
    fn example() -> Offer<'static> {
        Offer {
            version: 0x0303,
            ciphers: vec![
                0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0xfafa, 0x001b, 0, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
            ],
            signatures: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            versions: vec![0xbaba, 0x0304, 0x0303],
            alpn: Some(b"h2"),
            ..Offer::default()
        }
    }

    #[test]
    fn the_example_of_the_specification_gives_its_fingerprint() {
        assert_eq!(ja4(&example(), Carrier::Tcp), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        let unsigned = Offer { signatures: Vec::new(), ..example() };
        assert_eq!(ja4(&unsigned, Carrier::Tcp), "t13d1516h2_8daaf6152771_6d807ffa2a79");
    }

    #[test]
    fn a_hello_of_nothing_has_zeros_and_no_hashes_of_nothing() {
        let bare = Offer { version: 0xfefd, ..Offer::default() };
        assert_eq!(ja4(&bare, Carrier::Dtls), "dd2i000000_000000000000_000000000000");
    }

    #[test]
    fn protocols_that_are_no_text_show_their_hexadecimal_digits() {
        for (protocol, shown) in [
            (&[0xab][..], "ab"),
            (&[0xab, 0xcd], "ad"),
            (&[0x30, 0xab], "3b"),
            (&[0x30, 0x31, 0xab, 0xcd], "3d"),
            (&[0x30, 0xab, 0xcd, 0x31], "01"),
            (b"h", "hh"),
            (b"http/1.1", "h1"),
            (b"", "00"),
        ] {
            assert_eq!(alpn(Some(protocol)), shown);
        }
        assert_eq!(alpn(None), "00");
    }

    #[test]
    fn ja3_lists_numbers_in_the_order_of_the_wire() {
        let old = Offer {
            version: 769,
            ciphers: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: vec![0, 10, 11],
            groups: vec![23, 24, 25],
            point_formats: &[0],
            ..Offer::default()
        };
        // The two examples of the JA3 README.
        assert_eq!(ja3(&old), "ada70206e40642a3e4461f35503241d5");
        let bare = Offer { version: 769, ciphers: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], ..Offer::default() };
        assert_eq!(ja3(&bare), "de350869b8c85de67a350c8d186f11e6");
    }
}
