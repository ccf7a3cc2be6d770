//! Whether a signature is good: the one place that asks the libraries which can tell.
//!
//! Spec: RFC 8017 §8.1 and §8.2 (RSA), FIPS 186-5 §6.4 (ECDSA), RFC 8032 (Ed25519), RFC 5280 §4.1.2.7 (keys).

use p256::ecdsa as on_p256;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p384::ecdsa as on_p384;
use p521::ecdsa as on_p521;
use rsa::pkcs8::DecodePublicKey;
use rsa::{PublicKey, pkcs1v15::Pkcs1v15Sign, pss::Pss};
use sha2::{Sha256, Sha384, Sha512};

/// What was signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Signed<'a> {
    /// Its digest.
    Digest(&'a [u8]),
    /// Itself, of a scheme that takes no digest.
    Bytes(&'a [u8]),
}

/// What becomes of looking.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Verdict {
    /// Who signed holds the key.
    Good,
    /// Who signed holds another.
    Bad,
    /// It cannot be told, and why.
    NotChecked(&'static str),
}

/// The families of signatures: what TLS 1.2 calls SignatureAlgorithm, and what came later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    Rsa,
    Pss,
    Ecdsa,
    Ed25519,
    /// By the key: TLS 1.0 and 1.1 do not name it.
    OfKey,
}

/// SubjectPublicKeyInfo begins with these algorithms (RFC 3279 §2.3.1, RFC 4055 §1.2, RFC 5480 §2.1.1, RFC 8410 §3), as DER.
const RSA_KEY: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const PSS_KEY: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const EC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const ED25519_KEY: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 34];
const P521: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 35];

impl Family {
    /// Of a number of TLS's registry of signature schemes (RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1).
    pub(crate) const fn of_scheme(scheme: u64) -> Option<Self> {
        match scheme {
            0x0804..=0x0806 | 0x0809..=0x080b => Some(Self::Pss),
            0x0807 => Some(Self::Ed25519),
            0x0100..=0x06ff if scheme & 0xff == 1 => Some(Self::Rsa),
            0x0100..=0x06ff if scheme & 0xff == 3 => Some(Self::Ecdsa),
            _ => None,
        }
    }

    /// Of the object identifier by which a certificate is signed: RFC 3279 §2.2, RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3.
    pub(crate) fn of_oid(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.2.840.113549.1.1.10" => Self::Pss,
            "1.3.14.3.2.29" => Self::Rsa,
            "1.3.101.112" => Self::Ed25519,
            _ if oid.starts_with("1.2.840.113549.1.1.") => Self::Rsa,
            _ if oid.starts_with("1.2.840.10045.4.") => Self::Ecdsa,
            _ => return None,
        })
    }
}

/// Whether who signed holds a key.
pub(crate) fn verify(key: &[u8], family: Option<Family>, signed: Signed<'_>, signature: &[u8]) -> Verdict {
    let Some(algorithm) = algorithm(key) else { return Verdict::NotChecked("the key cannot be read") };
    let is = |oid: &[u8]| algorithm.starts_with(oid);
    let rsa = is(RSA_KEY) || is(PSS_KEY);
    let known = rsa || is(EC_KEY) || is(ED25519_KEY);
    match (family, signed) {
        _ if !known => Verdict::NotChecked("keys of this algorithm are not verified"),
        (None, _) => Verdict::NotChecked("signatures of this scheme are not verified"),
        (Some(Family::Rsa | Family::OfKey), Signed::Digest(digest)) if rsa => pkcs1(key, digest, signature),
        (Some(Family::Pss), Signed::Digest(digest)) if rsa => pss(key, digest, signature),
        (Some(Family::Ecdsa), Signed::Digest(digest)) if is(EC_KEY) => ecdsa(algorithm, key, digest, signature),
        // RFC 4492 §5.4: of TLS 1.0 and 1.1 the SHA-1 alone.
        (Some(Family::OfKey), Signed::Digest(digest)) if is(EC_KEY) => ecdsa(algorithm, key, digest.get(16..).unwrap_or(digest), signature),
        (Some(Family::Ed25519), Signed::Bytes(bytes)) if is(ED25519_KEY) => ed25519(key, bytes, signature),
        (Some(Family::OfKey), _) => Verdict::NotChecked("signatures of this scheme are not verified"),
        // A signature of one sort cannot be that of a key of another.
        (Some(_), _) => Verdict::Bad,
    }
}

const fn verdict(good: bool) -> Verdict {
    if good { Verdict::Good } else { Verdict::Bad }
}

/// A key's AlgorithmIdentifier, what is in it: RFC 5280 §4.1.1.2.
fn algorithm(key: &[u8]) -> Option<&[u8]> {
    let inner = sequence(key)?;
    sequence(inner)
}

/// The contents of a SEQUENCE of up to 64 KiB.
fn sequence(i: &[u8]) -> Option<&[u8]> {
    match *i {
        [0x30, length @ ..=0x7f, ref rest @ ..] => rest.get(..usize::from(length)),
        [0x30, 0x81, length, ref rest @ ..] => rest.get(..usize::from(length)),
        [0x30, 0x82, high, low, ref rest @ ..] => rest.get(..usize::from(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

/// RFC 8017 §9.2, notes: the DigestInfo before a digest, by the digest's length.
fn digest_info(length: usize, with_null: bool) -> Option<Vec<u8>> {
    let oid: &[u8] = match length {
        16 => &[0x06, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5],
        20 => &[0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a],
        28 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4],
        32 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1],
        48 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2],
        64 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3],
        _ => return None,
    };
    let null: &[u8] = if with_null { &[0x05, 0] } else { &[] };
    let (algorithm, length) = (u8::try_from(oid.len() + null.len()).ok()?, u8::try_from(length).ok()?);
    Some([&[0x30, algorithm + 4 + length, 0x30, algorithm], oid, null, &[0x04, length]].concat())
}

fn rsa_key(key: &[u8]) -> Result<PublicKey, Verdict> {
    // Keys below 1,024 and above 8,192 bits, and exponents that only cost time, are refused by the library.
    PublicKey::from_public_key_der(key).map_err(|_| Verdict::NotChecked("RSA keys of this size or form are not verified"))
}

fn pkcs1(key: &[u8], digest: &[u8], signature: &[u8]) -> Verdict {
    /// MD5 and SHA-1 together (RFC 4346 §7.4.3) have no DigestInfo.
    const MD5_SHA1: usize = 36;
    let key = match rsa_key(key) {
        Ok(key) => key,
        Err(verdict) => return verdict,
    };
    let holds = |prefix: Vec<u8>| key.verify(Pkcs1v15Sign { hash_len: Some(digest.len()), prefix: prefix.into() }, digest, signature).is_ok();
    if digest.len() == MD5_SHA1 {
        return verdict(holds(Vec::new()));
    }
    let Some(usual) = digest_info(digest.len(), true) else { return Verdict::NotChecked("signatures of this scheme are not verified") };
    // Appendix A.2.4: some leave out the NULL.
    let holds = holds(usual) || digest_info(digest.len(), false).is_some_and(holds);
    verdict(holds)
}

fn pss(key: &[u8], digest: &[u8], signature: &[u8]) -> Verdict {
    let key = match rsa_key(key) {
        Ok(key) => key,
        Err(verdict) => return verdict,
    };
    // RFC 8446 §4.2.3: the salt is as long as the digest.
    match digest.len() {
        32 => verdict(key.verify(Pss::<Sha256>::new(), digest, signature).is_ok()),
        48 => verdict(key.verify(Pss::<Sha384>::new(), digest, signature).is_ok()),
        64 => verdict(key.verify(Pss::<Sha512>::new(), digest, signature).is_ok()),
        _ => Verdict::NotChecked("signatures of this scheme are not verified"),
    }
}

fn ecdsa(algorithm: &[u8], key: &[u8], digest: &[u8], signature: &[u8]) -> Verdict {
    macro_rules! on {
        ($curve:ident) => {{
            let Ok(key) = $curve::VerifyingKey::from_public_key_der(key) else { return Verdict::NotChecked("the key cannot be read") };
            let Ok(signature) = $curve::DerSignature::try_from(signature) else { return Verdict::Bad };
            verdict(key.verify_prehash(digest, &signature).is_ok())
        }};
    }
    match algorithm.get(EC_KEY.len()..).unwrap_or_default() {
        P256 => on!(on_p256),
        P384 => on!(on_p384),
        P521 => on!(on_p521),
        _ => Verdict::NotChecked("keys on this curve are not verified"),
    }
}

fn ed25519(key: &[u8], bytes: &[u8], signature: &[u8]) -> Verdict {
    let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_der(key) else { return Verdict::NotChecked("the key cannot be read") };
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return Verdict::Bad };
    verdict(key.verify_strict(bytes, &signature).is_ok())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Scheme, key, what was signed, signature.
    type Row = (u64, Vec<u8>, Vec<u8>, Vec<u8>);

    pub(crate) fn signatures() -> Vec<Row> {
        let bytes = |hex: &str| (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let lines = include_str!("signatures.txt").lines().filter(|line| !line.starts_with('#'));
        let row = |line: &str| {
            let parts: Vec<&str> = line.split(' ').collect();
            (u64::from_str_radix(parts[0], 16).unwrap(), bytes(parts[1]), bytes(parts[2]), bytes(parts[3]))
        };
        lines.map(row).collect()
    }

    fn of(scheme: u64, key: &[u8], signed: &[u8], signature: &[u8]) -> Verdict {
        let family = if scheme == 0 { Some(Family::OfKey) } else { Family::of_scheme(scheme) };
        verify(key, family, if scheme == 0x0807 { Signed::Bytes(signed) } else { Signed::Digest(signed) }, signature)
    }

    #[test]
    fn what_another_library_signed_is_good() {
        assert!(signatures().len() > 20);
        for (scheme, key, signed, signature) in signatures() {
            assert_eq!(of(scheme, &key, &signed, &signature), Verdict::Good, "{scheme:04x} {}", key.len());
        }
    }

    #[test]
    fn whatever_is_changed_the_signature_is_bad() {
        for (scheme, key, signed, signature) in signatures() {
            // The first byte: of a digest that is longer than the curve only the beginning counts, and of two digests perhaps the second.
            let mut other = signed.clone();
            other[if scheme == 0 { 16 } else { 0 }] ^= 1;
            assert_eq!(of(scheme, &key, &other, &signature), Verdict::Bad, "{scheme:04x}");
            let mut other = signature.clone();
            *other.last_mut().unwrap() ^= 1;
            assert_eq!(of(scheme, &key, &signed, &other), Verdict::Bad, "{scheme:04x}");
            assert_eq!(of(scheme, &key, &signed, &[]), Verdict::Bad, "{scheme:04x}");
        }
    }

    #[test]
    fn a_signature_of_another_sort_than_the_key_is_bad() {
        let all = signatures();
        let rsa = &all[1];
        let curve = all.iter().find(|row| row.0 == 0x0403).unwrap();
        assert_eq!(of(curve.0, &rsa.1, &curve.2, &curve.3), Verdict::Bad);
        assert_eq!(of(rsa.0, &curve.1, &rsa.2, &rsa.3), Verdict::Bad);
    }

    #[test]
    fn what_no_library_tells_is_not_judged() {
        let all = signatures();
        let unchecked = |verdict| matches!(verdict, Verdict::NotChecked(_));
        assert!(unchecked(of(0x0808, &all[1].1, &all[1].2, &all[1].3)));
        assert!(unchecked(of(0x0401, &[], &all[1].2, &all[1].3)));
        assert!(unchecked(of(0x0401, &[0x30, 0x82, 0xff, 0xff, 0x30, 1], &all[1].2, &all[1].3)));
        // An RSA key of 512 bits.
        let short = [&[0x30, 0x5c, 0x30, 13][..], RSA_KEY, &[5, 0, 3, 0x4b, 0, 0x30, 0x48, 2, 0x41, 0], &[0xc5; 64], &[2, 3, 1, 0, 1]].concat();
        assert!(unchecked(of(0x0401, &short, &all[1].2, &all[1].3)));
    }

    #[test]
    fn certificates_name_their_schemes_by_identifiers() {
        assert_eq!(Family::of_oid("1.2.840.113549.1.1.11"), Some(Family::Rsa));
        assert_eq!(Family::of_oid("1.2.840.10045.4.3.2"), Some(Family::Ecdsa));
        assert_eq!(Family::of_oid("1.2.840.113549.1.1.10"), Some(Family::Pss));
        assert_eq!(Family::of_oid("1.2.840.10040.4.3"), None);
    }
}
