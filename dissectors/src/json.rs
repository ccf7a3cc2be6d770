//! JSON as far as descriptions of devices need it: values with the way to each, every one a slice of the document.
//!
//! Spec: RFC 8259. Nothing is copied; what was read before a document breaks off stands.

use crate::context::{Saying, trim};
use crate::dissector::DissectError;
use observations::{Field, Value};

/// Descriptions nest no deeper than about six.
const DEPTH_MAX: usize = 16;

/// One step on the way to a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step<'d> {
    /// A member's name, its escapes not undone.
    Key(&'d [u8]),
    /// A place in an array.
    Index(usize),
}

/// A value that is neither object nor array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scalar<'d> {
    /// What stands between the quotes.
    Text(&'d [u8]),
    /// A number, or one of `true`, `false` and `null`.
    Bare(&'d [u8]),
}

impl<'d> Scalar<'d> {
    /// The bytes as they stand; none of `null`.
    pub(crate) fn bytes(self) -> &'d [u8] {
        match self {
            Self::Bare(b"null") => &[],
            Self::Text(bytes) | Self::Bare(bytes) => bytes,
        }
    }
}

/// Goes through the values of a document with the way to each, and hands `told` from one to the next.
pub(crate) fn fold<'d, T>(document: &'d [u8], told: T, mut each: impl FnMut(T, &[Step<'d>], Scalar<'d>) -> T) -> (T, Result<(), DissectError>) {
    let (mut told, mut reader) = (told, Reader { rest: document, path: Vec::new() });
    loop {
        match reader.value() {
            Ok(Some(scalar)) => told = each(told, &reader.path, scalar),
            Ok(None) => {}
            Err(error) => return (told, Err(error)),
        }
        match reader.after() {
            Ok(true) => {}
            Ok(false) => return (told, Ok(())),
            Err(error) => return (told, Err(error)),
        }
    }
}

/// Says a value as text with its escapes undone.
pub(crate) fn say<'s, 'a>(saying: Saying<'s, 'a>, field: Field, value: Scalar<'_>) -> Saying<'s, 'a> {
    let text = trim(value.bytes());
    match unescape(text) {
        Some(plain) => saying.decoded(field, &Value::Text(plain), text, "json"),
        None => saying.text(field, text),
    }
}

const CUT: DissectError = DissectError::Truncated { needed: 1 };

fn broken(rule: &'static str) -> DissectError {
    DissectError::Malformed { rule, offset: 0 }
}

struct Reader<'d> {
    rest: &'d [u8],
    path: Vec<Step<'d>>,
}

impl<'d> Reader<'d> {
    fn peek(&mut self) -> Result<u8, DissectError> {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied().ok_or(CUT)
    }

    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// A scalar, or the beginning of an object or array, whose first value comes next.
    fn value(&mut self) -> Result<Option<Scalar<'d>>, DissectError> {
        let open = match self.peek()? {
            b'"' => return Ok(Some(Scalar::Text(self.string()?))),
            open @ (b'{' | b'[') => open,
            _ => return self.bare().map(|bytes| Some(Scalar::Bare(bytes))),
        };
        if self.path.len() >= DEPTH_MAX {
            return Err(broken("values nest too deep"));
        }
        self.skip();
        let step = match self.peek()? {
            // What is empty ends at once: `after` sees its end.
            b'}' | b']' => Step::Index(0),
            _ if open == b'{' => Step::Key(self.key()?),
            b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b'a'..=b'z' => Step::Index(0),
            _ => return Err(broken("value")),
        };
        self.path.push(step);
        match self.peek()? {
            b'}' | b']' => Ok(None),
            _ => self.value(),
        }
    }

    /// What follows a value: whether another one does.
    fn after(&mut self) -> Result<bool, DissectError> {
        while !self.path.is_empty() {
            match self.peek()? {
                b'}' | b']' => {
                    self.skip();
                    self.path.pop();
                }
                b',' => {
                    self.skip();
                    let next = match self.path.last() {
                        Some(Step::Index(at)) => Step::Index(at + 1),
                        _ => Step::Key(self.key()?),
                    };
                    if let Some(last) = self.path.last_mut() {
                        *last = next;
                    }
                    return Ok(true);
                }
                _ => return Err(broken("comma")),
            }
        }
        Ok(false)
    }

    fn key(&mut self) -> Result<&'d [u8], DissectError> {
        if self.peek()? != b'"' {
            return Err(broken("name"));
        }
        let key = self.string()?;
        if self.peek()? != b':' {
            return Err(broken("colon"));
        }
        self.skip();
        Ok(key)
    }

    fn string(&mut self) -> Result<&'d [u8], DissectError> {
        let inner = self.rest.get(1..).ok_or(CUT)?;
        let mut escaped = false;
        let end = inner.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        let end = end.ok_or(CUT)?;
        self.rest = inner.get(end + 1..).unwrap_or_default();
        inner.get(..end).ok_or(CUT)
    }

    fn bare(&mut self) -> Result<&'d [u8], DissectError> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let end = self.rest.iter().position(|byte| !plain(byte)).unwrap_or(self.rest.len());
        let (bytes, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest;
        if bytes.is_empty() { Err(broken("value")) } else { Ok(bytes) }
    }
}

/// Text with its escapes undone (§7); `None` if it has none.
pub(crate) fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    if !text.contains(&b'\\') {
        return None;
    }
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&escape, after)) = after.split_first() else { break };
        rest = after;
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let (character, after) = escaped(after);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// The character behind `\u`, of one unit or of two that are a pair, and what follows.
fn escaped(text: &[u8]) -> (char, &[u8]) {
    let unit = |text: &[u8]| u32::from_str_radix(std::str::from_utf8(text.get(..4)?).ok()?, 16).ok();
    let rest = text.get(4..).unwrap_or_default();
    let first = unit(text).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) = rest.strip_prefix(b"\\u").and_then(unit).filter(|second| (0xdc00..0xe000).contains(second))
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or('\u{fffd}'), rest.get(6..).unwrap_or_default());
    }
    (char::from_u32(first).unwrap_or('\u{fffd}'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(document: &str) -> (Vec<String>, bool) {
        let told = |mut told: Vec<String>, path: &[Step<'_>], value: Scalar<'_>| {
            let steps = path.iter().map(|step| match step {
                Step::Key(key) => String::from_utf8_lossy(key).into_owned(),
                Step::Index(at) => at.to_string(),
            });
            told.push(format!("{}={}", steps.collect::<Vec<_>>().join("."), String::from_utf8_lossy(value.bytes())));
            told
        };
        let (told, ended) = fold(document.as_bytes(), Vec::new(), told);
        (told, ended.is_ok())
    }

    #[test]
    fn values_come_with_the_way_to_each() {
        let (told, whole) = values(r#" { "a": [1, {"b": "x\"y"}, [], {}], "c": null, "d" : true } "#);
        assert!(whole);
        assert_eq!(told, ["a.0=1", "a.1.b=x\\\"y", "c=", "d=true"]);
        assert_eq!(values("[2,\"id\",\"Heartbeat\",{}]").0, ["0=2", "1=id", "2=Heartbeat"]);
    }

    #[test]
    fn a_document_that_is_cut_keeps_what_came_before() {
        assert_eq!(values(r#"{"a":"x","b":{"c":"y","d":"z"#), (vec!["a=x".to_owned(), "b.c=y".to_owned()], false));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(br"a\/\u00e4\ud83d\ude00\n\ud800"), Some("a/ä😀\n\u{fffd}".as_bytes().to_vec()));
        assert_eq!(unescape(b"plain"), None);
    }

    #[test]
    fn what_is_no_document_ends() {
        for document in ["", "{", "[", "{]", "[}", "{\"a\"}", "[1 2]", "<html>", "{,}", "[,]", &"[".repeat(100), "\"\\"] {
            assert!(values(document).0.len() < 3, "{document}");
        }
    }
}
