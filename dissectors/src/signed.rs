//! What was signed, in the form in which a signature can be verified later: nothing is verified here.
//!
//! Spec: RFC 8446 §4.2.3 and RFC 5246 §7.4.1.4.1 (numbers of schemes), RFC 4346 §7.3.4 (MD5 and SHA-1 together), RFC 8032 (Ed25519).

use crate::context::{Context, Saying};
use observations::{Field, Span, Subject, Value};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

/// RSA over MD5 and SHA-1, one after the other; what TLS 1.0 and 1.1 do without naming it. Other keys take the SHA-1 alone.
pub(crate) const MD5_SHA1: u16 = 0;
/// Schemes of certificates and OPC UA, by the numbers of TLS.
pub(crate) const RSA_SHA1: u16 = 0x0201;
pub(crate) const RSA_SHA256: u16 = 0x0401;
pub(crate) const PSS_SHA256: u16 = 0x0804;
pub(crate) const ED25519: u16 = 0x0807;

/// Bytes of a longer signature are no use: RSA of 8,192 bits has as many.
const SIGNATURE_MAX: usize = Value::BYTES_MAX;

/// Bytes as they were put together, with where they stand.
#[derive(Default)]
pub(crate) struct Cited {
    pub(crate) bytes: Vec<u8>,
    pub(crate) parts: Vec<(usize, Vec<Span>)>,
}

impl Cited {
    pub(crate) fn of(slice: &[u8], cx: &Context<'_>) -> Self {
        let mut cited = Self::default();
        cited.push(slice, cx);
        cited
    }

    pub(crate) fn push(&mut self, slice: &[u8], cx: &Context<'_>) {
        self.bytes.extend_from_slice(slice);
        self.parts.push((slice.len(), cx.spans_of(slice)));
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.parts.extend_from_slice(&other.parts);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// The digest that a scheme takes, and its name in evidence; of a scheme that takes none, or is not known, nothing.
pub(crate) fn digest(scheme: u16, bytes: &[u8]) -> Option<(Vec<u8>, &'static str)> {
    /// rsa_pss_rsae_* and rsa_pss_pss_*.
    const PSS: [u16; 2] = [0x0804, 0x0809];
    if scheme == MD5_SHA1 {
        return Some(([&md5::Md5::digest(bytes)[..], &sha1::Sha1::digest(bytes)[..]].concat(), "md5-sha1"));
    }
    // TLS 1.2 writes hash and signature as a byte each: RSA, DSA, ECDSA.
    let hash = match scheme.to_be_bytes() {
        [hash @ 1..=6, 1..=3] => hash,
        _ => PSS.iter().find_map(|first| scheme.checked_sub(*first).filter(|more| *more < 3)).and_then(|more| u8::try_from(more + 4).ok())?,
    };
    Some(match hash {
        1 => (md5::Md5::digest(bytes).to_vec(), "md5"),
        2 => (sha1::Sha1::digest(bytes).to_vec(), "sha1"),
        3 => (Sha224::digest(bytes).to_vec(), "sha224"),
        4 => (Sha256::digest(bytes).to_vec(), "sha256"),
        5 => (Sha384::digest(bytes).to_vec(), "sha384"),
        _ => (Sha512::digest(bytes).to_vec(), "sha512"),
    })
}

/// Adds what was signed: its digest, or itself where the scheme takes none and it is short enough. Says whether it could.
pub(crate) fn what<'s, 'a>(saying: Saying<'s, 'a>, scheme: u16, bytes: &[u8]) -> (Saying<'s, 'a>, bool) {
    match digest(scheme, bytes) {
        Some((digest, how)) => (saying.decoded(Field::SignedDigest, &Value::Bytes(digest), bytes, how), true),
        None if scheme == ED25519 && bytes.len() <= Value::BYTES_MAX => (saying.bytes(Field::SignedBytes, bytes), true),
        None => (saying, false),
    }
}

/// A proof that somebody holds a certificate's key.
pub(crate) struct Proof<'p> {
    /// `server` or `client`.
    pub(crate) role: &'static str,
    /// The certificate.
    pub(crate) certificate: &'p Cited,
    pub(crate) scheme: u16,
    /// What was signed.
    pub(crate) signed: &'p Cited,
    /// A slice of the payload.
    pub(crate) signature: &'p [u8],
}

impl Proof<'_> {
    /// Says it of the side that proves itself.
    pub(crate) fn say(&self, about: &Subject, cx: &mut Context<'_>) {
        let is_known = digest(self.scheme, &[]).is_some() || self.scheme == ED25519 && self.signed.bytes.len() <= Value::BYTES_MAX;
        if !is_known || self.certificate.is_empty() || !(1..=SIGNATURE_MAX).contains(&self.signature.len()) {
            return;
        }
        let (certificate, signed) = (self.certificate, self.signed);
        cx.stitched(&certificate.bytes, &certificate.parts, "connection", |certificate, cx| {
            cx.stitched(&signed.bytes, &signed.parts, "connection", |signed, cx| {
                let saying = cx
                    .prove(about)
                    .decoded(Field::CertificateSha256, &Value::Bytes(Sha256::digest(certificate).to_vec()), certificate, "sha256")
                    .implied(Field::CertificateRole, &Value::Text(self.role.into()))
                    .maybe(Some(self.scheme).filter(|scheme| *scheme != MD5_SHA1), |saying, scheme| {
                        saying.implied(Field::SignatureScheme, &Value::Number(u64::from(scheme)))
                    });
                // A header that was made whole stands nowhere: then nobody can follow what was signed.
                let stands = self.signed.parts.iter().all(|(length, spans)| *length == 0 || !spans.is_empty());
                let saying = match digest(self.scheme, signed).filter(|_| !stands) {
                    Some((digest, _)) => saying.implied(Field::SignedDigest, &Value::Bytes(digest)),
                    None => what(saying, self.scheme, signed).0,
                };
                drop(saying.bytes(Field::Signature, self.signature));
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observations::value::hex;

    #[test]
    fn schemes_name_their_digests() {
        let of = |scheme| digest(scheme, b"abc").map(|(digest, how)| (hex(&digest[..4]), digest.len(), how));
        assert_eq!(of(0x0403), Some(("ba7816bf".into(), 32, "sha256")));
        assert_eq!(of(0x0806), Some(("ddaf35a1".into(), 64, "sha512")));
        assert_eq!(of(0x080a), Some(("cb00753f".into(), 48, "sha384")));
        assert_eq!(of(0x0202), Some(("a9993e36".into(), 20, "sha1")));
        assert_eq!(of(MD5_SHA1), Some(("90015098".into(), 36, "md5-sha1")));
        assert!(of(ED25519).is_none() && of(0x0808).is_none() && of(0x0700).is_none() && of(0x0404).is_none());
    }
}
