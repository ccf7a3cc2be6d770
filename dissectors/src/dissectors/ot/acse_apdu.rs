//! Members of ACSE APDUs, which MMS, DLMS/COSEM and ANSI C12.22 share, and what their authentication is called.
//!
//! Spec: ITU-T X.227 (ISO/IEC 8650-1) clause 9.

use crate::asn1::{OBJECT_IDENTIFIER, Reader, Tlv};

/// APDUs (9.1), by their identifier.
pub(super) const AARQ: u8 = 0x60;
pub(super) const AARE: u8 = 0x61;
pub(super) const RLRQ: u8 = 0x62;
pub(super) const RLRE: u8 = 0x63;
pub(super) const ABRT: u8 = 0x64;
/// Members of AARQ.
pub(super) const CONTEXT_NAME: u8 = 0xa1;
pub(super) const CALLED_AP_TITLE: u8 = 0xa2;
pub(super) const CALLING_AP_TITLE: u8 = 0xa6;
pub(super) const MECHANISM_NAME: u8 = 0x8b;
pub(super) const AUTHENTICATION_VALUE: u8 = 0xac;
/// Of AARE.
pub(super) const RESULT: u8 = 0xa2;
pub(super) const RESPONDING_AP_TITLE: u8 = 0xa4;
/// Of both.
pub(super) const USER_INFORMATION: u8 = 0xbe;
/// An authentication value that is characters.
pub(super) const CHARACTERS: u8 = 0x80;

/// An APDU has at most some twenty members.
const MEMBERS_MAX: usize = 32;

/// The APDU at the head of bytes.
pub(super) fn apdu(bytes: &[u8]) -> Option<Tlv<'_>> {
    Reader::new(bytes).next().ok()?
}

/// One member, if it is there.
pub(super) fn member<'a>(of: &Tlv<'a>, tag: u8) -> Option<Tlv<'a>> {
    let mut members = of.open().ok()?;
    for _ in 0..MEMBERS_MAX {
        let member = members.next().ok()??;
        if member.tag == tag {
            return Some(member);
        }
    }
    None
}

/// The value within an explicitly tagged member.
pub(super) fn within<'a>(of: &Tlv<'a>, tag: u8) -> Option<Tlv<'a>> {
    member(of, tag)?.open().ok()?.next().ok()?
}

/// A title or name that is an object identifier: its contents.
pub(super) fn object_identifier<'a>(of: &Tlv<'a>, tag: u8) -> Option<&'a [u8]> {
    within(of, tag).filter(|value| value.tag == OBJECT_IDENTIFIER).map(|value| value.content)
}

/// The user's bytes: within an EXTERNAL, a single value or octets.
pub(super) fn user_information<'a>(of: &Tlv<'a>) -> Option<&'a [u8]> {
    /// Direct and indirect reference, descriptor, value.
    const PARTS_MAX: usize = 4;
    let external = within(of, USER_INFORMATION)?;
    let mut parts = external.open().ok()?;
    for _ in 0..PARTS_MAX {
        let part = parts.next().ok()??;
        if matches!(part.tag, 0xa0 | 0x81) {
            return Some(part.content);
        }
    }
    None
}
