//! What a target must read of certificates, CSRs and revocation lists itself: serials, ends, keys.

use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode, DecodePem, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::request::CertReq;

/// What is read of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Read {
    /// Lower-case hex without separators.
    pub(crate) serial: String,
    /// RFC 3339.
    pub(crate) not_after: String,
    /// SHA-256 of the DER, lower-case hex.
    pub(crate) sha256: String,
    /// Whether it is a CA's.
    pub(crate) authority: bool,
    /// Beginning and end of validity, seconds since 1970.
    pub(crate) validity: (i64, i64),
    /// The subject's and the issuer's name (RFC 4514).
    pub(crate) subject: String,
    /// See `subject`.
    pub(crate) issuer: String,
    /// The subject's common name, and its alternative names that are DNS names or URIs; at most [`NAMES_MAX`].
    pub(crate) names: Vec<String>,
    /// SHA-256 of the public key (`SubjectPublicKeyInfo`, DER), lower-case hex.
    pub(crate) key: String,
}

/// Names of one certificate that are kept: a device has a handful.
const NAMES_MAX: usize = 16;

pub(crate) fn certificate(pem: &str) -> Option<Read> {
    // The digest is of the bytes as they are: written anew, they may be others.
    let (label, der) = x509_cert::der::pem::decode_vec(pem.trim().as_bytes()).ok()?;
    let certificate = Certificate::from_der(&der).ok().filter(|_| label == "CERTIFICATE")?;
    let body = certificate.tbs_certificate();
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
    let (begin, end) = (seconds(body.validity().not_before)?, seconds(body.validity().not_after)?);
    let constraints = body.get_extension::<BasicConstraints>().ok().flatten();
    Some(Read {
        serial: serial_text(body.serial_number().as_bytes()),
        not_after: jiff::Timestamp::from_second(end).ok()?.to_string(),
        sha256: crate::sign::hex(&Sha256::digest(&der)),
        authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
        validity: (begin, end),
        subject: body.subject().to_string(),
        issuer: body.issuer().to_string(),
        names: names(&certificate),
        key: crate::sign::hex(&Sha256::digest(body.subject_public_key_info().to_der().ok()?)),
    })
}

fn names(certificate: &Certificate) -> Vec<String> {
    let body = certificate.tbs_certificate();
    let common_name = body.subject().common_name().ok().flatten().map(|name| name.value().into_owned());
    let (_, others) = body.get_extension::<SubjectAltName>().ok().flatten().unwrap_or((false, SubjectAltName(Vec::new())));
    let others = others.0.into_iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.to_string()),
        _ => None,
    });
    common_name.into_iter().chain(others).take(NAMES_MAX).collect()
}

/// The public key (`SubjectPublicKeyInfo`, DER) of a certificate.
pub(crate) fn certificate_key(pem: &str) -> Option<Vec<u8>> {
    Certificate::from_pem(pem.trim()).ok()?.tbs_certificate().subject_public_key_info().to_der().ok()
}

/// The public key of a CSR. Some tools write `NEW CERTIFICATE REQUEST` around it.
pub(crate) fn csr_key(pem: &str) -> Option<Vec<u8>> {
    let plain = pem.trim().replace("NEW CERTIFICATE REQUEST", "CERTIFICATE REQUEST");
    CertReq::from_pem(plain).ok()?.info.public_key.to_der().ok()
}

/// Serials of a revocation list.
pub(crate) fn revoked(pem: &str) -> Option<Vec<String>> {
    let (label, der) = x509_cert::der::pem::decode_vec(pem.trim().as_bytes()).ok()?;
    if label != "X509 CRL" {
        return None;
    }
    let list = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&der).ok()?;
    let entries = list.tbs_cert_list.revoked_certificates.unwrap_or_default();
    Some(entries.iter().map(|entry| serial_text(entry.serial_number.as_bytes())).collect())
}

/// A serial as we write it: lower-case hex without separators, and without the zero octet that DER puts before a set top bit.
pub(crate) fn plain(serial: &str) -> String {
    let digits: String = serial.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect();
    match digits.strip_prefix("00") {
        Some(rest) if !rest.is_empty() && rest.len() % 2 == 0 => rest.to_owned(),
        _ => digits,
    }
}

/// A serial as a vault's paths have it: pairs with colons.
pub(crate) fn colons(serial: &str) -> String {
    let digits: Vec<char> = plain(serial).chars().collect();
    digits.chunks(2).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>().join(":")
}

/// A serial number as we write it: no digest, whose zeros count.
pub(crate) fn serial_text(bytes: &[u8]) -> String {
    plain(&crate::sign::hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_has_one_form() {
        assert_eq!(plain("00:9A:0b"), "9a0b");
        assert_eq!(plain("5c:c7:00"), "5cc700");
        assert_eq!(colons("5cc700"), "5c:c7:00");
        assert_eq!(serial_text(&[0, 0x9a, 0x0b]), "9a0b");
    }

    #[test]
    fn a_certificate_and_its_request_bear_the_same_key() {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["plc-1".to_owned()]).unwrap();
        let request = parameters.serialize_request(&key).unwrap().pem().unwrap();
        let issued = parameters.self_signed(&key).unwrap().pem();
        assert_eq!(csr_key(&request), certificate_key(&issued));
        assert!(csr_key(&request).is_some() && csr_key("x").is_none() && certificate("x").is_none());
        let read = certificate(&issued).unwrap();
        assert!(!read.authority && read.not_after.ends_with('Z') && !read.serial.is_empty(), "{read:?}");
    }
    #[test]
    fn the_digest_is_of_the_bytes_as_they_stand_its_leading_zeros_included() {
        let key = rcgen::KeyPair::generate().unwrap();
        // Every 256th digest begins with a zero octet.
        let issued = |number: u64| {
            let mut parameters = rcgen::CertificateParams::new(vec!["plc-1".to_owned()]).unwrap();
            parameters.serial_number = Some(number.into());
            let issued = parameters.self_signed(&key).unwrap();
            (crate::request::digest(issued.der()), issued.pem())
        };
        let (digest, pem) = (0..20_000).map(issued).find(|(digest, _)| digest.starts_with("sha256:00")).unwrap();
        assert_eq!(format!("sha256:{}", certificate(&pem).unwrap().sha256), digest);
    }
}
