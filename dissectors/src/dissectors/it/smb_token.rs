//! What both versions of SMB share: where NTLM's messages stand in a security blob.
//!
//! Spec: RFC 4178 §4.2 (SPNEGO), RFC 2743 §3.1 (initial token), MS-NLMP §2.2.

use crate::context::Context;
use crate::der;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// RFC 2743 §3.1: the initial token; RFC 4178 §4.2: negTokenInit, negTokenResp; SEQUENCE and the tags of their members.
const CONSTRUCTED: u8 = 0x20;
/// Initial token, choice, sequence, member, octet string.
const DEPTH_MAX: u8 = 6;
/// RFC 4178 §4.2: a token has four members, a list of mechanisms some six.
const ELEMENTS_MAX: usize = 16;

/// Hands the NTLM message of a security blob on, if it holds one.
pub(super) fn hand_on(blob: &[u8], cx: &mut Context<'_>) {
    if let Some(message) = ntlm(blob, DEPTH_MAX) {
        cx.beside("ntlmssp", 0, message);
    }
}

/// The NTLM message: bare, or an octet string somewhere in the token.
fn ntlm(bytes: &[u8], depth: u8) -> Option<&[u8]> {
    if bytes.starts_with(SIGNATURE) {
        return Some(bytes);
    }
    let depth = depth.checked_sub(1)?;
    let (mut rest, mut left) = (bytes, ELEMENTS_MAX);
    while let Some(fewer) = left.checked_sub(1) {
        let (after, element) = der::cut_element(rest).ok()?;
        let found = match element.tag {
            der::OCTET_STRING => Some(element.body).filter(|body| body.starts_with(SIGNATURE)),
            tag if tag & CONSTRUCTED != 0 => ntlm(element.body, depth),
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
        assert_eq!(ntlm(message, DEPTH_MAX), Some(&message[..]));
        // [APPLICATION 0] { OID, [0] { SEQUENCE { [0] mechanisms, [2] token } } }
        let token = wrap(0x30, &[wrap(0xa0, &wrap(0x30, &[6, 1, 1])), wrap(0xa2, &wrap(4, message))].concat());
        let initial = wrap(0x60, &[&[6, 1, 1][..], &wrap(0xa0, &token)].concat());
        assert_eq!(ntlm(&initial, DEPTH_MAX), Some(&message[..]));
    }

    #[test]
    fn nesting_without_end_and_other_tokens_give_nothing() {
        let deep = (0..40).fold(b"NTLMSSP\0".to_vec(), |inner, _| wrap(0x30, &inner));
        assert_eq!(ntlm(&deep, DEPTH_MAX), None);
        assert_eq!(ntlm(&wrap(0x60, &[6, 1, 1]), DEPTH_MAX), None);
        assert_eq!(ntlm(&[], DEPTH_MAX), None);
    }
}
