//! Log-ins of mail: SASL in lines of base64, the same in SMTP, POP3 and IMAP.
//!
//! Spec: RFC 4422 (SASL), RFC 4616 (PLAIN), RFC 4954, RFC 5034, RFC 9051 §6.2.2.

use crate::context::{Context, trim};
use crate::{base64, lines, login, spnego};
use observations::Subject;

/// RFC 4422 §3.1.
const MECHANISM_MAX: usize = 20;
/// Mechanisms that a server offers: six in use.
const OFFERED_MAX: usize = 12;
/// User names are addresses: RFC 5321 §4.5.3.1 lets them have 320 characters.
const USER_MAX: usize = 320;

/// What secrets are used for, by mechanism.
pub(super) struct Uses {
    pub(super) plain: &'static str,
    pub(super) login: &'static str,
}

/// A log-in so far.
#[derive(Default)]
pub(crate) struct LogIn {
    mechanism: Option<Vec<u8>>,
    /// The server waits for the client's next line.
    challenged: bool,
    user: Option<Vec<u8>>,
}

impl LogIn {
    pub(super) const fn is_open(&self) -> bool {
        self.mechanism.is_some()
    }

    /// The client names a mechanism, and may say its first word at once.
    pub(super) fn begins(&mut self, mechanism: &[u8], initial: &[u8], uses: &Uses, server: &Subject, cx: &mut Context<'_>) {
        let mechanism = mechanism.get(..MECHANISM_MAX).unwrap_or(mechanism);
        if mechanism.is_empty() {
            return;
        }
        login::quoted(cx, server, mechanism, login::ATTEMPTED);
        *self = Self { mechanism: Some(mechanism.to_ascii_uppercase()), ..Self::default() };
        if !initial.is_empty() && initial != b"=" {
            self.says(initial, uses, server, cx);
        }
    }

    /// Whether a line of the client is part of the log-in.
    pub(super) fn goes_on(&mut self, line: &[u8], uses: &Uses, server: &Subject, cx: &mut Context<'_>) -> bool {
        let is_part = self.is_open() && std::mem::take(&mut self.challenged);
        if is_part {
            self.says(line, uses, server, cx);
        }
        is_part
    }

    /// The server asks for more; `text` is its word in base64.
    pub(super) const fn challenged(&mut self, _text: &[u8]) {
        self.challenged = self.is_open();
    }

    /// A client's word within the log-in.
    fn says(&mut self, word: &[u8], uses: &Uses, server: &Subject, cx: &mut Context<'_>) {
        let Some(decoded) = base64::decode(word) else { return };
        match self.mechanism.as_deref() {
            Some(b"PLAIN") => {
                let mut parts = decoded.split(|byte| *byte == 0).skip(1);
                if let (Some(user), Some(password)) = (parts.next(), parts.next()) {
                    cx.secret(server, uses.plain, Some(user), password);
                }
            }
            Some(b"LOGIN") => match self.user.take() {
                None => self.user = Some(decoded.get(..USER_MAX).unwrap_or(&decoded).to_vec()),
                Some(user) => cx.secret(server, uses.login, Some(&user), &decoded),
            },
            Some(b"NTLM" | b"GSSAPI" | b"GSS-SPNEGO") => cx.derived(&decoded, word, "base64", |token, cx| spnego::hand_on(token, cx)),
            _ => {}
        }
    }

    /// The server has decided.
    pub(super) fn ends(&mut self, accepted: bool, server: &Subject, cx: &mut Context<'_>) {
        if let Some(mechanism) = std::mem::take(self).mechanism {
            drop(login::say(cx, server, std::str::from_utf8(&mechanism).unwrap_or("sasl"), login::outcome(accepted)));
        }
    }
}

/// A greeting without what is another one each time: a date (RFC 5321 §4.3.1 advises it), APOP's timestamp in angle brackets (RFC 1939
/// §7), and what stands behind.
pub(super) fn greeting(text: &[u8]) -> &[u8] {
    const DAYS: [&[u8]; 7] = [b" Mon,", b" Tue,", b" Wed,", b" Thu,", b" Fri,", b" Sat,", b" Sun,"];
    let date = text.windows(5).position(|window| DAYS.contains(&window));
    let end = text.iter().position(|byte| matches!(byte, b';' | b'<'));
    trim(text.get(..date.unwrap_or(text.len()).min(end.unwrap_or(text.len()))).unwrap_or(text))
}

/// A list of mechanisms that a server offers.
pub(super) fn offered(list: &[u8], server: &Subject, cx: &mut Context<'_>) {
    for mechanism in lines::words(list).take(OFFERED_MAX).filter(|word| word.len() <= MECHANISM_MAX) {
        login::quoted(cx, server, mechanism, login::OFFERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_the_same_each_time() {
        assert_eq!(greeting(b"mx ESMTP Sendmail 8.15.2; Mon, 2 Mar 2026 08:00:00"), b"mx ESMTP Sendmail 8.15.2");
        assert_eq!(greeting(b"POP3 ready <7.1@mail>"), b"POP3 ready");
        assert_eq!(greeting(b"ex1 Microsoft ESMTP MAIL Service ready at Mon, 2 Mar"), b"ex1 Microsoft ESMTP MAIL Service ready at");
    }
}
