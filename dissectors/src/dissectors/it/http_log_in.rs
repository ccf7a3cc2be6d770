//! HTTP: credentials of requests, what asks for them, and what an answer makes of them.
//!
//! Spec: RFC 9110 §11, RFC 7617 (Basic), RFC 7616 (Digest), RFC 6750 (Bearer), RFC 4559 (Negotiate), MS-NTHT; keys of interfaces have no
//! standard, but fields that most use.

use crate::context::Context;
use crate::http_auth as auth;
use crate::http_message::Head;
use crate::{base64, login, spnego};
use observations::{Field, Kind, Subject};

/// Schemes by the words under which they are told.
const SCHEMES: &[(&[u8], &str)] = &[
    (b"basic", "basic"),
    (b"digest", "digest"),
    (b"bearer", "bearer"),
    (b"ntlm", "ntlm"),
    (b"negotiate", "negotiate"),
    (b"apikey", "api-key"),
    (b"token", "bearer"),
    (b"aws4-hmac-sha256", "signature"),
    (b"hoba", "signature"),
    (b"mutual", "mutual"),
];
/// Fields that carry a key to an interface.
const KEYS: &[&str] = &["x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token", "x-auth-key"];

/// What a request showed of its sender, in a word; the answer tells whether it was taken.
pub(super) type Shown = Option<&'static str>;

/// Credentials of a request. Secrets go to the tagger, tokens of NTLM and Kerberos are handed on, nothing else is kept.
pub(super) fn requested(head: &Head<'_>, server: &Subject, cx: &mut Context<'_>) -> Shown {
    let mut shown = None;
    for (name, secret_use) in [("authorization", "http basic"), ("proxy-authorization", "http proxy basic")] {
        for value in head.all(name) {
            shown = authorized(value, secret_use, server, cx).or(shown);
        }
    }
    for value in KEYS.iter().flat_map(|name| head.all(name)) {
        drop(login::say(cx, server, "api-key", login::ATTEMPTED));
        cx.secret(server, "http api key", None, value);
        shown = shown.or(Some("api-key"));
    }
    shown
}

fn authorized(value: &[u8], secret_use: &'static str, server: &Subject, cx: &mut Context<'_>) -> Shown {
    let (scheme, token) = auth::credentials(value);
    if scheme.is_empty() || !scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) || token.is_empty() {
        return None;
    }
    let word = SCHEMES.iter().find(|row| scheme.eq_ignore_ascii_case(row.0)).map_or("other", |row| row.1);
    let saying = login::say(cx, server, word, login::ATTEMPTED).text(Field::HttpScheme, scheme);
    if word == "digest" {
        let algorithm = auth::challenges(value).first().and_then(|challenge| challenge.algorithm);
        // RFC 7616 §3.4: MD5 where none is named.
        drop(match algorithm {
            Some(algorithm) => saying.text(Field::EncryptionMethod, algorithm),
            None => saying.implied(Field::EncryptionMethod, &login::word("MD5")),
        });
    } else {
        drop(saying);
    }
    match word {
        "basic" => {
            if let Some(decoded) = base64::decode(token) {
                let colon = decoded.iter().position(|byte| *byte == b':').unwrap_or(decoded.len());
                let (user, secret) = (decoded.get(..colon).unwrap_or_default(), decoded.get(colon + 1..).unwrap_or_default());
                cx.secret(server, secret_use, Some(user), secret);
            }
        }
        "bearer" => cx.secret(server, "http bearer", None, token),
        "ntlm" | "negotiate" => negotiated(token, cx),
        _ => {}
    }
    Some(word)
}

/// RFC 4559 §4 and MS-NTHT: NTLM messages, bare or within SPNEGO, and Kerberos' tickets.
fn negotiated(token: &[u8], cx: &mut Context<'_>) {
    if let Some(decoded) = base64::decode(token) {
        cx.derived(&decoded, token, "base64", |message, cx| spnego::hand_on(message, cx));
    }
}

/// What a server asks for, and what it made of what was shown.
pub(super) fn responded(head: &Head<'_>, status: u16, shown: Shown, server: &Subject, cx: &mut Context<'_>) {
    for value in head.all("www-authenticate").chain(head.all("proxy-authenticate")) {
        for challenge in auth::challenges(value) {
            let saying = cx.say(server, Kind::Security).text(Field::HttpScheme, challenge.scheme);
            let saying = saying.maybe(challenge.realm, |s, v| s.text(Field::HttpRealm, v));
            let saying = saying.maybe(challenge.algorithm, |s, v| s.text(Field::AuthenticationMethod, v));
            drop(saying.implied(Field::Outcome, &login::word(login::REQUIRED)));
            let negotiates = challenge.scheme.eq_ignore_ascii_case(b"ntlm") || challenge.scheme.eq_ignore_ascii_case(b"negotiate");
            if let Some(token) = challenge.token.filter(|_| negotiates) {
                negotiated(token, cx);
            }
        }
    }
    // NTLM takes three messages: 401 is the second. An error of the server decides nothing.
    let Some(method) = shown else { return };
    match status {
        200..=399 | 404 | 409 | 412 => drop(login::say(cx, server, method, login::ACCEPTED)),
        401 | 403 | 407 if !matches!(method, "ntlm" | "negotiate") => drop(login::say(cx, server, method, login::REFUSED)),
        _ => {}
    }
}
