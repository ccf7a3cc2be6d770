//! Certificates and revocation lists that lie in files: an operator's own, read and spelt as those on the wire are.
//!
//! Spec: RFC 5280 §4 and §5, RFC 7468 (PEM). Nothing is verified here.

use crate::base64;
use crate::der::{self, BIT_STRING, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, UTC_TIME, element, elements};
use crate::signed;
use crate::x509::{self, extension};

/// Certificates of one file: a bundle of public authorities has 150.
pub const CERTIFICATES_MAX: usize = 1000;

/// Entries of one revocation list: the largest of public authorities have some hundred thousand, a plant's has dozens.
pub const REVOKED_MAX: usize = 100_000;

/// What was signed: its digest, or itself where the scheme takes none (Ed25519).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Signed {
    /// A digest.
    Digest(Vec<u8>),
    /// The bytes.
    Bytes(Vec<u8>),
}

/// A signature over a certificate or a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// The algorithm's object identifier.
    pub algorithm: String,
    /// What was signed.
    pub signed: Signed,
    /// The signature.
    pub value: Vec<u8>,
}

/// A certificate, as far as it is of use to whoever trusts it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Certificate {
    /// Of the DER.
    pub sha256: Vec<u8>,
    /// RFC 4514 text.
    pub subject: Vec<u8>,
    /// Without leading zeros.
    pub serial: Vec<u8>,
    /// Subject key identifier, if it has one.
    pub key_id: Option<Vec<u8>>,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// End of validity, in seconds since 1970.
    pub not_after: Option<i64>,
}

/// A certificate revocation list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Revocations {
    /// RFC 4514 text.
    pub issuer: Vec<u8>,
    /// Authority key identifier, if it has one.
    pub key_id: Option<Vec<u8>>,
    /// When it was made, in seconds since 1970.
    pub this_update: Option<i64>,
    /// When the next will be.
    pub next_update: Option<i64>,
    /// Serial numbers without leading zeros, with the times from which they are revoked.
    pub revoked: Vec<(Vec<u8>, i64)>,
    /// It has more entries than are kept.
    pub more: bool,
    /// By whom it says that it is; none in an algorithm that is not known.
    pub signature: Option<Signature>,
}

/// The certificates of a file: DER, or PEM with whatever else.
///
/// # Errors
/// What the file is not, in a few words.
pub fn certificates(file: &[u8]) -> Result<Vec<Certificate>, &'static str> {
    let found: Vec<Vec<u8>> = if file.first() == Some(&SEQUENCE) { vec![file.to_vec()] } else { pem(file, "CERTIFICATE").collect() };
    if found.is_empty() {
        return Err("no certificate in DER or PEM");
    }
    if found.len() > CERTIFICATES_MAX {
        return Err("more certificates than an operator trusts");
    }
    found.iter().map(|bytes| x509::stored(bytes).ok_or("a certificate that cannot be read")).collect()
}

/// The revocation list of a file: DER, or PEM.
///
/// # Errors
/// What the file is not, in a few words.
pub fn revocations(file: &[u8]) -> Result<Revocations, &'static str> {
    let bytes = if file.first() == Some(&SEQUENCE) { Some(file.to_vec()) } else { pem(file, "X509 CRL").next() };
    let bytes = bytes.ok_or("no revocation list in DER or PEM")?;
    list(&bytes).ok_or("a revocation list that cannot be read")?
}

/// RFC 5280 §5.1.
fn list(bytes: &[u8]) -> Option<Result<Revocations, &'static str>> {
    /// §5.1.2.7: EXPLICIT [0].
    const EXTENSIONS: u8 = 0xa0;
    let (_, outer) = element(bytes).ok().filter(|(_, outer)| outer.tag == SEQUENCE)?;
    let mut parts = elements(outer.body);
    let (inner, algorithm, value) = (parts.next()?, parts.next()?, parts.next()?);
    let mut fields = elements(inner.body).filter(|field| field.tag != INTEGER);
    let (_algorithm, issuer) = (fields.next()?, fields.next()?);
    let mut read =
        Revocations { issuer: crate::dn::text(issuer.body), signature: signature(inner.whole, algorithm.body, value), ..Revocations::default() };
    for field in fields {
        match field.tag {
            UTC_TIME | GENERALIZED_TIME if read.this_update.is_none() => read.this_update = der::seconds(&field),
            UTC_TIME | GENERALIZED_TIME => read.next_update = der::seconds(&field),
            SEQUENCE => entries(field.body, &mut read),
            EXTENSIONS => {
                let extensions = elements(field.body).next()?.body;
                if extension(extensions, 27).is_some() {
                    return Some(Err("a delta list: only whole ones are read"));
                }
                if extension(extensions, 28).is_some_and(|value| elements(value).next().is_some_and(|point| elements(point.body).any(is_indirect))) {
                    return Some(Err("an indirect list, which speaks of several issuers"));
                }
                read.key_id = extension(extensions, 35).and_then(x509::key_identifier).map(<[u8]>::to_vec);
            }
            _ => {}
        }
    }
    Some(Ok(read))
}

/// §5.2.5: [4] IMPLICIT BOOLEAN of an issuing distribution point.
fn is_indirect(part: der::Element<'_>) -> bool {
    part.tag == 0x84 && part.body != [0]
}

/// §5.1.2.6: serial number, time, extensions.
fn entries(list: &[u8], read: &mut Revocations) {
    for entry in elements(list) {
        let mut parts = elements(entry.body);
        let (Some(serial), Some(time)) = (parts.next(), parts.next()) else { continue };
        if read.revoked.len() >= REVOKED_MAX {
            read.more = true;
            return;
        }
        read.revoked.push((x509::serial(serial.body).to_vec(), der::seconds(&time).unwrap_or(i64::MIN)));
    }
}

/// A signature over bytes, by an AlgorithmIdentifier and a BIT STRING.
fn signature(signed: &[u8], algorithm: &[u8], value: der::Element<'_>) -> Option<Signature> {
    let oid = elements(algorithm).next().filter(|oid| oid.tag == OBJECT_IDENTIFIER).and_then(|oid| der::dotted(oid.body))?;
    let (unused, bytes) = value.body.split_first().filter(|_| value.tag == BIT_STRING)?;
    let scheme = x509::scheme(algorithm).filter(|_| *unused == 0)?;
    let signed = match signed::digest(scheme, signed) {
        Some((digest, _)) => Signed::Digest(digest),
        None => Signed::Bytes(signed.to_vec()),
    };
    Some(Signature { algorithm: oid, signed, value: bytes.to_vec() })
}

/// RFC 7468 §2 and §3: what stands between the lines of a label.
fn pem<'f>(file: &'f [u8], label: &str) -> impl Iterator<Item = Vec<u8>> + 'f {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    std::iter::from_fn(move || {
        lines.find(|line| *line == begin.as_bytes())?;
        let inner: Vec<&[u8]> = lines.by_ref().take_while(|line| *line != end.as_bytes()).collect();
        base64::decode_long(&inner.concat())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &[u8] = include_bytes!("../../pcaps/proof/trust/ca.pem");
    const LIST: &[u8] = include_bytes!("../../pcaps/proof/trust/revoked.crl");
    const LIST_IN_TEXT: &[u8] = include_bytes!("../../pcaps/proof/trust/revoked.pem");

    #[test]
    fn an_authority_in_pem_is_read_as_the_wire_spells_it() {
        let read = certificates(CA).unwrap();
        assert_eq!(
            (read.len(), read[0].subject.as_slice(), read[0].serial.as_slice()),
            (1, &b"CN=Plant Root CA,O=Example Works"[..], &[0x10, 1][..])
        );
        assert!(read[0].key_id.is_some() && read[0].public_key.len() == 91 && read[0].not_after.is_some());
        assert!(certificates(b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n").is_err());
        assert!(certificates(b"nothing").is_err());
    }

    #[test]
    fn a_list_is_the_same_in_both_forms() {
        let read = revocations(LIST).unwrap();
        assert_eq!(revocations(LIST_IN_TEXT).as_ref(), Ok(&read));
        assert_eq!((read.issuer.as_slice(), read.revoked.len(), read.more), (&b"CN=Plant Issuing CA,O=Example Works"[..], 2, false));
        assert_eq!((read.revoked[0].0.as_slice(), read.this_update, read.key_id.is_some()), (&[0x77][..], Some(1_769_904_000), true));
        assert_eq!(read.signature.map(|one| (one.algorithm, one.value.len())), Some(("1.2.840.113549.1.1.11".to_owned(), 256)));
    }

    #[test]
    fn a_list_that_is_cut_is_refused() {
        assert!((0..LIST.len()).all(|length| revocations(&LIST[..length]).is_err()));
    }
}
