//! DNS names without compression, as DHCP and neighbor discovery carry them.
//!
//! Spec: RFC 1035 section 3.1; partial names RFC 4704 section 4.2.

/// RFC 1035 §2.3.4: a name has at most 255 bytes.
const NAME_MAX: usize = 255;
/// RFC 1035 §2.3.4: a label has at most 63 bytes; larger first bytes are pointers, which have no target here.
const LABEL_MAX: u8 = 63;

/// A name at the head of `i` as dotted text with the rest behind it; a partial name ends where the bytes end. `None` if it is none: a
/// pointer, a label that is cut, bytes that no host name has.
pub(crate) fn name(i: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut rest = i;
    while let Some((&length, behind)) = rest.split_first() {
        if length == 0 {
            return (!text.is_empty()).then_some((text, behind));
        }
        let (label, behind) = behind.split_at_checked(usize::from(length)).filter(|_| length <= LABEL_MAX)?;
        if text.len() + label.len() + 1 > NAME_MAX || !label.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.') {
            return None;
        }
        if !text.is_empty() {
            text.push(b'.');
        }
        text.extend_from_slice(label);
        rest = behind;
    }
    (!text.is_empty()).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_and_a_partial_name_are_read() {
        assert_eq!(name(b"\x03plc\x04cell\0rest"), Some((b"plc.cell".to_vec(), &b"rest"[..])));
        assert_eq!(name(b"\x03plc"), Some((b"plc".to_vec(), &b""[..])));
    }

    #[test]
    fn pointers_and_cut_labels_are_no_names() {
        for bytes in [&b"\xc0\x0c"[..], b"\x05plc", b"\0", b"", b"\x03a b"] {
            assert_eq!(name(bytes), None);
        }
    }
}
