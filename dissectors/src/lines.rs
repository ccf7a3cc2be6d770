//! Lines of text, of which mail and other protocols are made.
//!
//! Spec: RFC 5321 §2.3.8. A line ends with LF; the CR before it and white space around are no part of what it says.

use crate::context::trim;
use crate::dissector::Framing;

/// The line at the head of a stream; one that is longer than `max` is none.
pub(crate) fn frame(head: &[u8], max: usize) -> Framing {
    match head.iter().take(max).position(|byte| *byte == b'\n') {
        Some(end) => Framing::Pdu { len: end + 1, want: end + 1 },
        None if head.len() < max => Framing::Need(head.len() + 1),
        None => Framing::Lost,
    }
}

/// The first line, without what ends it.
pub(crate) fn first(head: &[u8]) -> &[u8] {
    trim(head.split(|byte| *byte == b'\n').next().unwrap_or_default())
}

/// Whether a line is printable text: no control characters but the tabulator.
pub(crate) fn is_text(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\t')
}

/// The first word, and what follows it.
pub(crate) fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    (word, trim(rest))
}

/// The words of a line, between white space.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_it_ends_and_not_too_late() {
        assert_eq!(frame(b"OK\r\nnext", 100), Framing::Pdu { len: 4, want: 4 });
        assert_eq!(frame(b"OK", 100), Framing::Need(3));
        assert_eq!(frame(b"a line without an end", 10), Framing::Lost);
        assert_eq!(first(b"  OK \r\nnext"), b"OK");
    }

    #[test]
    fn words_are_taken_one_by_one() {
        assert_eq!(word(b"AUTH  PLAIN x"), (&b"AUTH"[..], &b"PLAIN x"[..]));
        assert_eq!(words(b"AUTH  PLAIN x").collect::<Vec<_>>(), [&b"AUTH"[..], b"PLAIN", b"x"]);
        assert!(is_text(b"a\tb") && !is_text(b"a\x01") && !is_text(b"\x7f"));
    }
}
