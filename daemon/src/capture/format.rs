//! Tells by its first bytes what a file is: a capture, a compressed one, or something else with a name.

use super::pcap::Shape;
use super::pcapng;

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// RFC 1952, one member or many.
    Gzip,
    /// RFC 8878, one frame or many.
    Zstd,
    /// The .xz format, one stream or many.
    Xz,
}

impl Packing {
    /// By magic bytes.
    pub(crate) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::Plain,
        }
    }

    /// For messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }
}

/// Bytes that decide. Fewer are enough for a file that is shorter.
pub(crate) const HEAD: usize = 24;

/// The capture format that unpacked bytes begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Pcap,
    Pcapng,
}

impl Kind {
    /// By magic bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            _ if Shape::fits(head) => Some(Self::Pcap),
            _ if head.len() >= 4 && pcapng::fits(head) => Some(Self::Pcapng),
            _ => None,
        }
    }
}

/// What other files begin with, and what to do with them.
const OTHERS: &[(&[u8], &str)] = &[
    (b"snoop\0\0\0", "a snoop capture (RFC 1761): convert it with `editcap -F pcap`"),
    (b"btsnoop\0", "a Bluetooth snoop capture: convert it with `editcap -F pcap`"),
    (b"TRSNIFF data", "a Sniffer capture: convert it with `editcap -F pcap`"),
    (b"XCP\0", "a NetXRay or Sniffer capture: convert it with `editcap -F pcap`"),
    (b"GMBU", "a Microsoft Network Monitor capture: convert it with `editcap -F pcap`"),
    (b"RTSS", "a Microsoft Network Monitor capture: convert it with `editcap -F pcap`"),
    (b"iptrace ", "an AIX iptrace capture: convert it with `editcap -F pcap`"),
    (b"\x1c\x00\x01\xab", "an Ixia capture: convert it with `editcap -F pcap`"),
    (b"\x1c\x00\x01\xac", "an Ixia capture: convert it with `editcap -F pcap`"),
    (b"ElfFile\0", "a Windows event log"),
    (b"BZh", "a bzip2 file: unpack it, or compress it with gzip, zstd or xz"),
    (b"\x04\x22\x4d\x18", "an lz4 file: unpack it, or compress it with gzip, zstd or xz"),
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (b"Rar!", "a rar archive: unpack it"),
    (b"SQLite format 3\0", "a database: if it is an inventory, name it with --db"),
    (b"\x7fELF", "a program"),
    (b"%PDF", "a PDF document"),
];

/// What bytes that are no capture are, as far as can be told.
pub(crate) fn stranger(head: &[u8]) -> String {
    if Packing::of(head) != Packing::Plain {
        return format!("compressed twice ({} within): unpack it once", Packing::of(head).name());
    }
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return format!("not a capture that is read here: {what}");
    }
    // Endace's ERF has no magic bytes: nothing can be said of it.
    let first: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let looks = match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        _ if head.iter().any(|byte| *byte == 0 || (*byte < 32 && !byte.is_ascii_whitespace())) => "",
        Some(b'{' | b'[') => ", a JSON document?",
        Some(b'<') => ", an HTML or XML document?",
        _ if head.is_ascii() => ", a text?",
        _ => "",
    };
    format!("not a capture: begins with {}{looks}", first.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_named() {
        assert_eq!(stranger(b"{\"ab\":1}"), "not a capture: begins with 7b 22 61 62 22 3a 31 7d, a JSON document?");
        assert!(stranger(b"snoop\0\0\0\0\0\0\x02").contains("snoop capture"));
        assert!(stranger(b"\x1f\x8b\x08\0\0").starts_with("compressed twice (gzip within)"));
        assert_eq!(stranger(&[0, 1, 2]), "not a capture: begins with 00 01 02");
    }
}
