//! Whose certificates are trusted: authorities (PEM or DER), revocation lists (RFC 5280 §5), lists of what was issued (CSV).
//!
//! | column of a list of issued certificates | is |
//! |---|---|
//! | `serial`, `serial_number` | the certificate's serial number, in hexadecimal |
//! | `issuer` | the issuer's name, as the document spells it; without it the serial number counts under any trusted issuer |
//! | `name`, `subject`, `common_name` | for people |

use super::PolicyError;
use dissectors::pki;
use fingerprints::text::safe;
use inventory::judge::policy::{Issued, IssuedOne, Issuer, Revocations, Signature, Trusted};
use observations::ValueRef;
use observations::value::hex;
use std::path::Path;

/// The largest lists of public authorities have some ten megabytes.
const BYTES_MAX: u64 = 32 << 20;

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > BYTES_MAX {
        return Err(format!("{length} bytes are more than a file of this kind has ({BYTES_MAX})"));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

/// A file's name, for people.
fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A name as the document spells it.
fn spelt(name: &[u8]) -> String {
    safe(ValueRef::Text(name)).into_owned()
}

/// The authorities of a file.
///
/// # Errors
/// [`PolicyError`] names the file and the reason.
pub fn authorities(path: &Path) -> Result<Vec<Issuer>, PolicyError> {
    let wrong = |reason: String| PolicyError { file: path.to_owned(), reason };
    issuers(&bytes_of(path).map_err(wrong)?).map_err(wrong)
}

/// The authorities of PEM or DER.
pub(super) fn issuers(bytes: &[u8]) -> Result<Vec<Issuer>, String> {
    let found = pki::certificates(bytes).map_err(str::to_owned)?;
    let issuer = |one: pki::Certificate| Issuer {
        name: spelt(&one.subject),
        key_id: one.key_id.as_deref().map(hex),
        certificate: Some(Trusted { sha256: one.sha256, public_key: one.public_key, not_after: one.not_after }),
    };
    Ok(found.into_iter().map(issuer).collect())
}

/// The revocation list of a file.
///
/// # Errors
/// [`PolicyError`] names the file and the reason.
pub fn revocations(path: &Path) -> Result<Revocations, PolicyError> {
    let wrong = |reason: String| PolicyError { file: path.to_owned(), reason };
    let found = pki::revocations(&bytes_of(path).map_err(wrong)?).map_err(|reason| wrong(reason.to_owned()))?;
    let signature = |one: pki::Signature| {
        let (digest, bytes) = match one.signed {
            pki::Signed::Digest(digest) => (Some(digest), None),
            pki::Signed::Bytes(bytes) => (None, Some(bytes)),
        };
        Signature { algorithm: one.algorithm, digest, bytes, value: one.value }
    };
    Ok(Revocations {
        name: name_of(path),
        issuer: spelt(&found.issuer),
        key_id: found.key_id,
        made: (found.this_update, found.next_update),
        revoked: found.revoked.into_iter().collect(),
        more: found.more,
        signature: found.signature.map(signature),
    })
}

/// A list of issued certificates.
///
/// # Errors
/// [`PolicyError`] names the file, the line and the reason.
pub(super) fn issued(path: &Path) -> Result<Issued, PolicyError> {
    let wrong = |reason: String| PolicyError { file: path.to_owned(), reason };
    let text = super::text_of(path)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let columns: Vec<String> =
        reader.headers().map_err(|error| wrong(error.to_string()))?.iter().map(|name| name.to_lowercase().replace(' ', "_")).collect();
    let column = |names: &[&str]| columns.iter().position(|name| names.contains(&name.as_str()));
    let (serial, issuer, name) = (column(&["serial", "serial_number"]), column(&["issuer"]), column(&["name", "subject", "common_name"]));
    let Some(serial) = serial else { return Err(wrong("no column `serial`".into())) };
    let mut list = Issued { name: name_of(path), ..Issued::default() };
    for record in reader.records() {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let digits = record.get(serial).unwrap_or_default();
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).filter(|cell| !cell.is_empty()).map(str::to_owned);
        let number = number(digits).ok_or_else(|| wrong(format!("line {line}: {digits:?} is no serial number in hexadecimal")))?;
        list.certificates.push(IssuedOne { name: cell(name).unwrap_or_default(), serial: number, issuer: cell(issuer) });
    }
    Ok(list)
}

/// A number in hexadecimal digits, without leading zeros.
fn number(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.trim_start_matches("0x").chars().filter(|c| !matches!(c, ':' | ' ')).collect();
    let digits = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits };
    let pairs = digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    let leading = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1));
    (!bytes.is_empty()).then(|| bytes[leading..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn trust(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/proof/trust").join(name)
    }

    #[test]
    fn serial_numbers_are_read_whatever_stands_between_their_digits() {
        assert_eq!(
            (number("10:01"), number("0x1001"), number("001001"), number("77")),
            (Some(vec![16, 1]), Some(vec![16, 1]), Some(vec![16, 1]), Some(vec![0x77]))
        );
        assert_eq!((number(""), number("xy"), number("0")), (None, None, Some(vec![0])));
    }

    #[test]
    fn an_operator_s_files_are_read() {
        let authorities = authorities(&trust("ca.pem")).unwrap();
        assert_eq!((authorities.len(), authorities[0].name.as_str()), (1, "CN=Plant Root CA,O=Example Works"));
        assert_eq!(revocations(&trust("revoked.crl")).unwrap().revoked.len(), 2);
        let issued = issued(&trust("issued.csv")).unwrap();
        assert_eq!((issued.certificates.len(), issued.certificates[0].name.as_str()), (7, "station"));
        assert_eq!(issued.certificates[1].issuer.as_deref(), Some("CN=Plant Issuing CA,O=Example Works"));
    }

    #[test]
    fn a_file_of_another_kind_is_refused_by_its_name() {
        let error = revocations(&trust("ca.pem")).unwrap_err();
        assert!(error.to_string().contains("ca.pem: no revocation list"));
        assert!(authorities(&trust("issued.csv")).unwrap_err().to_string().contains("no certificate"));
    }
}
