//! Log-in forms: passwords that pages send in the clear, as pairs or as JSON.
//!
//! Spec: URL Standard §5.1 (application/x-www-form-urlencoded), RFC 8259 (JSON). What the fields are called has no standard.

use crate::context::{Context, trim};
use crate::login;

/// Names of fields for passwords, in whatever case; what is before the last `_`, `.`, `[` or `:` of a name is a prefix.
const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "psw",
    "passphrase",
    "pw",
    "passwort",
    "kennwort",
    "j_password",
    "userpassword",
    "user_password",
    "loginpassword",
    "psd",
];
const USERS: &[&str] = &["user", "username", "login", "name", "userid", "usr", "email", "account", "j_username", "user_name", "loginname", "uname"];
/// Forms of log-ins have some ten fields.
const PAIRS_MAX: usize = 64;

/// Reads a form that was sent; tells that a password crossed, and gives it to the tagger.
pub(crate) fn sent(body: &[u8], cx: &mut Context<'_>) -> bool {
    let body = trim(body);
    let found = if body.starts_with(b"{") { json(body) } else { pairs(body) };
    let Some((user, password)) = found else { return false };
    let server = cx.receiver();
    drop(login::say(cx, &server, "form", login::ATTEMPTED));
    cx.secret(&server, "http form", user.as_deref(), &password);
    true
}

type LogIn = (Option<Vec<u8>>, Vec<u8>);

fn is_one(name: &[u8], known: &[&str]) -> bool {
    let is = |name: &[u8]| known.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    let name = name.strip_suffix(b"]").unwrap_or(name);
    let last = name
        .iter()
        .rposition(|byte| matches!(byte, b'_' | b'.' | b'[' | b':' | b'$' | b'-'))
        .map_or(name, |at| name.get(at + 1..).unwrap_or_default());
    is(name) || is(last)
}

fn pairs(body: &[u8]) -> Option<LogIn> {
    let (mut user, mut password) = (None, None);
    for pair in body.split(|byte| *byte == b'&').take(PAIRS_MAX) {
        let Some(at) = pair.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = (unescaped(pair.get(..at)?), unescaped(pair.get(at + 1..)?));
        if is_one(&name, PASSWORDS) && !value.is_empty() {
            password = password.or(Some(value));
        } else if is_one(&name, USERS) {
            user = user.or(Some(value));
        }
    }
    password.map(|password| (user, password))
}

/// `+` is a space, `%` stands before two hexadecimal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.first_chunk::<2>().and_then(|two| std::str::from_utf8(two).ok());
        match (first, digits.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*first),
        }
        rest = behind;
    }
    out
}

/// The strings of an object, keys and values in turns as they come: what is nested counts as well.
fn json(body: &[u8]) -> Option<LogIn> {
    let (mut user, mut password) = (None, None);
    let mut rest = body;
    for _ in 0..PAIRS_MAX {
        let Some((key, behind)) = string(rest) else { break };
        rest = behind;
        let Some(value) = trim(behind).strip_prefix(b":") else { continue };
        let value = trim(value);
        if !value.starts_with(b"\"") {
            continue;
        }
        let Some((value, behind)) = string(value) else { break };
        rest = behind;
        if is_one(key, PASSWORDS) && !value.is_empty() {
            password = password.or(Some(value.to_vec()));
        } else if is_one(key, USERS) {
            user = user.or(Some(value.to_vec()));
        }
    }
    password.map(|password| (user, password))
}

/// The next string, and what follows it.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = text.iter().position(|byte| *byte == b'"')? + 1;
    let inner = text.get(start..)?;
    let mut escaped = false;
    let end = inner.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some((inner.get(..end)?, inner.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_by_its_field_s_name() {
        assert_eq!(pairs(b"Username=ann&Password=a%26b+c&go=1"), Some((Some(b"ann".to_vec()), b"a&b c".to_vec())));
        assert_eq!(pairs(b"login%5Bpwd%5D=x"), Some((None, b"x".to_vec())));
        assert_eq!(pairs(b"ctl00$user=a&ctl00$passwd=b"), Some((Some(b"a".to_vec()), b"b".to_vec())));
        assert_eq!(json(b"{\"user\": \"ann\", \"n\": 3, \"password\":\"x\\\"y\"}"), Some((Some(b"ann".to_vec()), b"x\\\"y".to_vec())));
    }

    #[test]
    fn other_forms_hold_no_password() {
        for body in [&b"setpoint=21.5&passage=open"[..], b"password=", b"{\"password\":null}", b"{\"a\":", b"{", b"=", b"%"] {
            assert_eq!(if body.starts_with(b"{") { json(body) } else { pairs(body) }, None, "{body:?}");
        }
    }
}
