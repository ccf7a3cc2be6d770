//! Log-ins that SMB, HTTP, LDAP and RDP negotiate: where the messages of NTLM and Kerberos stand in a token.
//!
//! Spec: RFC 4178 §4.2 (SPNEGO), RFC 2743 §3.1 (initial token), RFC 4121 §4.1 (Kerberos within it), MS-NLMP §2.2.

use crate::context::Context;
use crate::der;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// RFC 2743 §3.1: the initial token; RFC 4178 §4.2: negTokenInit, negTokenResp; SEQUENCE and the tags of their members.
const CONSTRUCTED: u8 = 0x20;
/// RFC 2743 §3.1: [APPLICATION 0], an initial token, also within the octet string of another.
const INITIAL: u8 = 0x60;
/// RFC 4120 §5.5.1: [APPLICATION 14]. RFC 4121 §4.1 puts the token's id, 1 and 0, before it: which reads as an empty element.
const AP_REQ: u8 = 0x6e;
/// Initial token, choice, sequence, member, octet string, and Kerberos' own initial token.
const DEPTH_MAX: u8 = 8;
/// RFC 4178 §4.2: a token has four members, a list of mechanisms some six.
const ELEMENTS_MAX: usize = 16;

/// A message of a log-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Message<'a> {
    Ntlm(&'a [u8]),
    Kerberos(&'a [u8]),
}

/// Hands the message of a security blob on, if it holds one.
pub(crate) fn hand_on(blob: &[u8], cx: &mut Context<'_>) {
    match find(blob, DEPTH_MAX) {
        Some(Message::Ntlm(message)) => drop(cx.beside("ntlmssp", 0, message)),
        Some(Message::Kerberos(message)) => drop(cx.beside("kerberos", 0, message)),
        None => {}
    }
}

/// The message: NTLM's bare, or an octet string somewhere in the token; Kerberos' within an initial token.
fn find(bytes: &[u8], depth: u8) -> Option<Message<'_>> {
    if bytes.starts_with(SIGNATURE) {
        return Some(Message::Ntlm(bytes));
    }
    let depth = depth.checked_sub(1)?;
    let (mut rest, mut left) = (bytes, ELEMENTS_MAX);
    while let Some(fewer) = left.checked_sub(1) {
        let (after, element) = der::cut_element(rest).ok()?;
        let found = match element.tag {
            AP_REQ => Some(Message::Kerberos(element.whole)),
            der::OCTET_STRING if matches!(element.body, [INITIAL, ..]) => find(element.body, depth),
            der::OCTET_STRING => Some(Message::Ntlm(element.body)).filter(|_| element.body.starts_with(SIGNATURE)),
            tag if tag & CONSTRUCTED != 0 => find(element.body, depth),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
        (rest, left) = (after, fewer);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrap(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(body.len()).unwrap()], body].concat()
    }

    #[test]
    fn a_message_is_found_bare_and_within_the_token() {
        let message = b"NTLMSSP\0\x01\0\0\0";
        assert_eq!(find(message, DEPTH_MAX), Some(Message::Ntlm(&message[..])));
        // [APPLICATION 0] { OID, [0] { SEQUENCE { [0] mechanisms, [2] token } } }
        let token = wrap(0x30, &[wrap(0xa0, &wrap(0x30, &[6, 1, 1])), wrap(0xa2, &wrap(4, message))].concat());
        let initial = wrap(0x60, &[&[6, 1, 1][..], &wrap(0xa0, &token)].concat());
        assert_eq!(find(&initial, DEPTH_MAX), Some(Message::Ntlm(&message[..])));
    }

    #[test]
    fn kerberos_is_found_behind_the_id_of_its_token() {
        let request = wrap(0x6e, &wrap(0x30, &[0xa0, 3, 2, 1, 5]));
        let inner = wrap(0x60, &[&[6, 1, 1, 1, 0][..], &request].concat());
        let token = wrap(0x30, &[wrap(0xa0, &wrap(0x30, &[6, 1, 1])), wrap(0xa2, &wrap(4, &inner))].concat());
        let initial = wrap(0x60, &[&[6, 1, 1][..], &wrap(0xa0, &token)].concat());
        assert_eq!(find(&initial, DEPTH_MAX), Some(Message::Kerberos(&request[..])));
    }

    #[test]
    fn nesting_without_end_and_other_tokens_give_nothing() {
        let deep = (0..40).fold(b"NTLMSSP\0".to_vec(), |inner, _| wrap(0x30, &inner));
        assert_eq!(find(&deep, DEPTH_MAX), None);
        assert_eq!(find(&wrap(0x60, &[6, 1, 1]), DEPTH_MAX), None);
        assert_eq!(find(&[], DEPTH_MAX), None);
    }
}
