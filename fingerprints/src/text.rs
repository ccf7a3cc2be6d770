//! Text from the wire, made safe to show: UTF-8, with control and bidirectional characters escaped.

use observations::ValueRef;
use std::borrow::Cow;
use std::fmt::Write;

/// A value as text. Text that is no UTF-8 is read as Latin-1 where it has no control characters, else byte by byte escaped.
#[must_use]
pub fn safe(value: ValueRef<'_>) -> Cow<'_, str> {
    match value {
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => escape(text),
            Err(_) => escape(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>()).into_owned().into(),
        },
        other => other.display(),
    }
}

/// Whether showing the value as text loses something, so that the document gives its bytes too.
#[must_use]
pub fn loses(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(bytes) if std::str::from_utf8(bytes).is_err())
}

/// Escapes what could move a cursor, hide or turn round text: control characters, and the marks of Unicode's bidirectional algorithm
/// (UAX #9) and other invisible formatting.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte);
    if text.bytes().all(plain) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_format(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.into()
}

/// Text without the white space around it.
#[must_use]
pub fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => text.trim().into(),
        Cow::Owned(text) => text.trim().to_owned().into(),
    }
}

const fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_a_reader_is_escaped() {
        assert_eq!(escape("plc\u{1b}[31m\u{202e}cod"), "plc\\u{1b}[31m\\u{202e}cod");
        assert_eq!(safe(ValueRef::Text(b"K\xfchlung")), "Kühlung");
        assert!(loses(ValueRef::Text(b"K\xfchlung")));
    }
}
