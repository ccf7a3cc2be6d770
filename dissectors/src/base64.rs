//! Base64, as HTTP and others carry tokens and credentials in it.
//!
//! Spec: RFC 4648 §4 and §5.

/// Tokens of single sign-on reach 12 KiB; more is no token.
const TEXT_MAX: usize = 32 * 1024;

/// The bytes of a text in either alphabet, with or without padding; `None` if it is no base64.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    decode_long(text.get(..TEXT_MAX).map_or(text, |_| &[]))
}

/// The same of a text of any length: of a file that somebody gives, not of the wire.
pub(crate) fn decode_long(mut text: &[u8]) -> Option<Vec<u8>> {
    while let [rest @ .., b'='] = text {
        text = rest;
    }
    if text.is_empty() || text.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits = 0u32;
        for &letter in group {
            bits = bits << 6 | u32::from(value(letter)?);
        }
        let missing = 4usize.saturating_sub(group.len());
        let [_, a, b, c] = (bits << (6 * missing)).to_be_bytes();
        out.extend([a, b, c].iter().take(3usize.saturating_sub(missing)));
    }
    Some(out)
}

const fn value(letter: u8) -> Option<u8> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_decode() {
        for (text, bytes) in [(&b"Zg=="[..], &b"f"[..]), (b"Zm8=", b"fo"), (b"Zm9v", b"foo"), (b"Zm9vYg", b"foob"), (b"-_8", b"\xfb\xff")] {
            assert_eq!(decode(text).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn what_is_no_base64_is_none() {
        for text in [&b""[..], b"Z", b"Zm9v!", b"===="] {
            assert_eq!(decode(text), None);
        }
    }
}
