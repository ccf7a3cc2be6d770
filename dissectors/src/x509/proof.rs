//! How a certificate is signed, and the key in it: what is needed to verify both later.
//!
//! Spec: RFC 5280 §4.1.1 and §4.1.2.7.

use super::{Certificate, RSA_PSS};
use crate::context::Saying;
use crate::der::{BIT_STRING, OBJECT_IDENTIFIER, elements};
use crate::signed;
use observations::{Field, Value};

/// §4.1.1.3: behind what is signed and the algorithm.
pub(super) fn value(outer: &[u8]) -> Option<&[u8]> {
    let value = elements(outer).nth(2).filter(|value| value.tag == BIT_STRING)?;
    // X.690 §8.6.2: the first octet counts unused bits.
    value.body.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}

/// What shows later, with a library that can tell, who signed this and whether somebody holds its key.
pub(super) fn say<'s, 'a>(saying: Saying<'s, 'a>, certificate: &Certificate<'_>) -> Saying<'s, 'a> {
    let fits = |bytes: &&[u8]| (1..=Value::BYTES_MAX).contains(&bytes.len());
    let key = certificate.key.map(|key| key.whole).filter(fits);
    let saying = saying.maybe(key, |saying, key| saying.bytes(Field::PublicKey, key));
    let scheme = certificate.signature.and_then(|algorithm| scheme(algorithm.body));
    let Some((scheme, value)) = scheme.zip(Some(certificate.value).filter(fits)) else { return saying };
    match signed::what(saying, scheme, certificate.signed) {
        (saying, true) => saying.bytes(Field::Signature, value),
        (saying, false) => saying,
    }
}

/// The number that TLS has for how a certificate is signed: RFC 3279 §2.2, RFC 4055 §5, RFC 5758 §3, RFC 8410 §3.
pub(crate) fn scheme(algorithm: &[u8]) -> Option<u16> {
    const SCHEMES: &[(&[u8], u16)] = &[
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4], 0x0101),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], signed::RSA_SHA1),
        (&[0x2b, 0x0e, 3, 2, 0x1d], signed::RSA_SHA1),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14], 0x0301),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], signed::RSA_SHA256),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], 0x0501),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], 0x0601),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], 0x0203),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1], 0x0303),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], 0x0403),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], 0x0503),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], 0x0603),
        (&[0x2b, 0x65, 0x70], signed::ED25519),
    ];
    /// RFC 4055 §2.1: SHA-256, -384, -512, with the length of the salt that goes with each.
    const HASHES: &[(&[u8], u16, u8)] = &[
        (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], signed::PSS_SHA256, 32),
        (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], 0x0805, 48),
        (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], 0x0806, 64),
    ];
    let mut parts = elements(algorithm);
    let oid = parts.next().filter(|oid| oid.tag == OBJECT_IDENTIFIER)?.body;
    if oid != RSA_PSS {
        return SCHEMES.iter().find(|row| row.0 == oid).map(|row| row.1);
    }
    // RFC 4055 §3.1: [0] hash, [1] mask generation, [2] length of the salt; another length than the hash's is not in use.
    let parameters = parts.next()?.body;
    let explicit = |tag| elements(parameters).find(|part| part.tag == tag).and_then(|part| elements(part.body).next());
    let (hash, salt) = (elements(explicit(0xa0)?.body).next()?.body, explicit(0xa2)?.body);
    HASHES.iter().find(|row| row.0 == hash && salt == [row.2]).map(|row| row.1)
}
