//! How HTTP, RTSP and SIP ask for credentials: schemes with their parameters.
//!
//! Spec: RFC 9110 §11; RFC 7617 (Basic), RFC 7616 (Digest).

use crate::context::trim;

/// Servers offer two to four schemes.
const CHALLENGES_MAX: usize = 8;

/// One challenge of a WWW-Authenticate field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Challenge<'a> {
    pub(crate) scheme: &'a [u8],
    pub(crate) realm: Option<&'a [u8]>,
    pub(crate) algorithm: Option<&'a [u8]>,
    /// What stands in place of parameters (NTLM, Negotiate).
    pub(crate) token: Option<&'a [u8]>,
}

/// The challenges of one field value.
pub(crate) fn challenges(value: &[u8]) -> Vec<Challenge<'_>> {
    let mut all: Vec<Challenge<'_>> = Vec::new();
    for element in elements(value) {
        let (scheme, rest) = begins(element);
        if let Some(scheme) = scheme {
            if all.len() >= CHALLENGES_MAX {
                break;
            }
            all.push(Challenge { scheme, ..Challenge::default() });
        }
        let Some(challenge) = all.last_mut().filter(|_| !rest.is_empty()) else { continue };
        match parameter(rest) {
            Some((name, value)) if name.eq_ignore_ascii_case(b"realm") => challenge.realm = Some(value),
            Some((name, value)) if name.eq_ignore_ascii_case(b"algorithm") => challenge.algorithm = Some(value),
            Some(_) => {}
            None => challenge.token = Some(rest),
        }
    }
    all
}

/// Scheme and what follows it, of an Authorization field.
pub(crate) fn credentials(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    (value.get(..end).unwrap_or_default(), trim(value.get(end..).unwrap_or_default()))
}

/// The elements of a list, between commas that no quotes hold.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    });
    parts.map(trim).filter(|part| !part.is_empty())
}

/// Whether an element begins a challenge: a token alone, or one before white space. What has '=' first is a parameter of the last.
fn begins(element: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let end = element.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'=')).unwrap_or(element.len());
    let (scheme, rest) = element.split_at_checked(end).unwrap_or((element, &[]));
    let is_token = !scheme.is_empty() && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if rest.first() == Some(&b'=') || trim(rest).first() == Some(&b'=') || !is_token {
        return (None, element);
    }
    (Some(scheme), trim(rest))
}

/// `name=value` or `name="value"`; a token that ends with padding is none.
fn parameter(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (trim(text.get(..at)?), trim(text.get(at + 1..)?));
    if value.iter().all(|byte| *byte == b'=') {
        return None;
    }
    let value = value.strip_prefix(b"\"").map_or(value, |inner| inner.strip_suffix(b"\"").unwrap_or(inner));
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_challenges_stand_in_one_field() {
        let all = challenges(b"Digest realm=\"IP Camera (C1, B)\", qop=\"auth\", algorithm=MD5, Basic realm=\"cam\", NTLM, Negotiate YII=");
        let schemes: Vec<_> = all.iter().map(|challenge| challenge.scheme).collect();
        assert_eq!(schemes, [&b"Digest"[..], b"Basic", b"NTLM", b"Negotiate"]);
        assert_eq!((all[0].realm, all[0].algorithm), (Some(&b"IP Camera (C1, B)"[..]), Some(&b"MD5"[..])));
        assert_eq!((all[1].realm, all[3].token), (Some(&b"cam"[..]), Some(&b"YII="[..])));
    }

    #[test]
    fn a_broken_value_ends_somewhere() {
        for value in [&b"Basic realm=\"open"[..], b",,,=", b"\"", b"Basic realm", b"=x, y"] {
            let _ = challenges(value);
        }
        assert_eq!(challenges(b"Basic realm=\"open").first().and_then(|challenge| challenge.realm), Some(&b"open"[..]));
    }
}
