//! XML as far as device descriptions need it: elements and their text, each a slice of the document.
//!
//! Spec: Extensible Markup Language 1.0 (Fifth Edition) §2 and §3. Entities are never expanded; the five predefined ones and character
//! references are undone by [`unescape`].

use crate::context::{Saying, trim};
use crate::dissector::DissectError;
use observations::{Field, Value};

/// Envelopes, bodies and lists of devices and services nest no deeper than about ten.
const DEPTH_MAX: usize = 16;

/// Goes through the texts of a document with the names of the elements around each, outermost first, and hands `told` from one to the
/// next. What was told before a document breaks off stands.
pub(crate) fn fold<'d, T>(document: &'d [u8], told: T, mut each: impl FnMut(T, &[&'d [u8]], &'d [u8]) -> T) -> (T, Result<(), DissectError>) {
    let (mut told, mut path) = (told, Vec::new());
    for event in events(document) {
        match event {
            Event::Open(_) if path.len() >= DEPTH_MAX => {
                return (told, Err(DissectError::Malformed { rule: "elements nest too deep", offset: 0 }));
            }
            Event::Open(name) => path.push(name),
            Event::Text(text) => {
                let text = trim(text);
                if !text.is_empty() {
                    told = each(told, &path, text);
                }
            }
            Event::Close => drop(path.pop()),
        }
    }
    (told, if path.is_empty() { Ok(()) } else { Err(DissectError::Truncated { needed: 1 }) })
}

/// Says a text with its entities undone.
pub(crate) fn say<'s, 'a>(saying: Saying<'s, 'a>, field: Field, text: &[u8]) -> Saying<'s, 'a> {
    match unescape(text) {
        Some(plain) => saying.decoded(field, &Value::Text(plain), text, "xml-entities"),
        None => saying.text(field, text),
    }
}

/// One step through a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event<'a> {
    /// An element begins: its name without prefix.
    Open(&'a [u8]),
    /// Character data, white space around it included.
    Text(&'a [u8]),
    /// An element ends.
    Close,
}

/// The events of a document, until it ends or breaks. Each consumes bytes, so the document's length bounds them.
pub(crate) fn events(document: &[u8]) -> Events<'_> {
    Events { rest: document, closes: false }
}

/// See [`events`].
pub(crate) struct Events<'a> {
    rest: &'a [u8],
    /// The element that began last has no content.
    closes: bool,
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if std::mem::take(&mut self.closes) {
            return Some(Event::Close);
        }
        loop {
            let rest = self.rest;
            if rest.first()? != &b'<' {
                let text = self.upto(b"<").or_else(|| Some(std::mem::take(&mut self.rest)))?;
                return Some(Event::Text(text));
            }
            if rest.starts_with(b"<!--") {
                self.skip(b"-->")?;
            } else if rest.starts_with(b"<![CDATA[") {
                self.rest = rest.get(9..)?;
                let text = self.upto(b"]]>")?;
                self.rest = self.rest.get(3..)?;
                return Some(Event::Text(text));
            } else if rest.starts_with(b"<?") {
                self.skip(b"?>")?;
            } else if rest.starts_with(b"<!") {
                self.skip(b">")?;
            } else if rest.starts_with(b"</") {
                self.skip(b">")?;
                return Some(Event::Close);
            } else {
                return self.element();
            }
        }
    }
}

impl<'a> Events<'a> {
    /// The bytes before a mark, which becomes the beginning of the rest.
    fn upto(&mut self, mark: &[u8]) -> Option<&'a [u8]> {
        let at = self.rest.windows(mark.len()).position(|window| window == mark)?;
        let (before, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest;
        Some(before)
    }

    fn skip(&mut self, mark: &[u8]) -> Option<()> {
        self.upto(mark)?;
        self.rest = self.rest.get(mark.len()..)?;
        Some(())
    }

    /// §3.1: a start tag or an empty element's; a '>' within quotes does not end it.
    fn element(&mut self) -> Option<Event<'a>> {
        let inner = self.rest.get(1..)?;
        let mut quote = None;
        let end = inner.iter().position(|&byte| match quote {
            Some(open) => {
                if byte == open {
                    quote = None;
                }
                false
            }
            None => {
                if matches!(byte, b'"' | b'\'') {
                    quote = Some(byte);
                }
                byte == b'>'
            }
        })?;
        let tag = inner.get(..end)?;
        self.rest = inner.get(end + 1..)?;
        self.closes = tag.last() == Some(&b'/');
        let name = tag.split(|byte| byte.is_ascii_whitespace() || *byte == b'/').next()?;
        let local = name.rsplit(|byte| *byte == b':').next()?;
        Some(Event::Open(local))
    }
}

/// Text with predefined entities and character references undone (§4.6, §4.1); `None` if it has none.
pub(crate) fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    if !text.contains(&b'&') {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        match entity(rest) {
            Some((character, after)) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    Some(out)
}

/// The entity at the beginning, and what follows it.
fn entity(text: &[u8]) -> Option<(char, &[u8])> {
    /// `&#x10FFFF;` is the longest.
    const LENGTH_MAX: usize = 10;
    let text = text.strip_prefix(b"&")?;
    let end = text.iter().take(LENGTH_MAX).position(|byte| *byte == b';')?;
    let (name, after) = (std::str::from_utf8(text.get(..end)?).ok()?, text.get(end + 1..)?);
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((character, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_their_text_come_in_order() {
        let document = b"<?xml version='1.0'?><!-- <x> --><r xmlns='a>b'><s:n a=\"1\">T &amp; Q</s:n><e/><![CDATA[<raw>]]></r>";
        let all: Vec<_> = events(document).collect();
        let expected = [
            Event::Open(b"r"),
            Event::Open(b"n"),
            Event::Text(b"T &amp; Q"),
            Event::Close,
            Event::Open(b"e"),
            Event::Close,
            Event::Text(b"<raw>"),
            Event::Close,
        ];
        assert_eq!(all, expected);
        assert_eq!(unescape(b"T &amp; &#x51;&bad; &").as_deref(), Some(&b"T & Q&bad; &"[..]));
    }

    #[test]
    fn a_broken_document_ends() {
        for document in [&b"<"[..], b"<a", b"<a><![CDATA[", b"<!-- ", b"<a b='>", b"</", b"&#;"] {
            assert!(events(document).count() < 4);
        }
    }
}
