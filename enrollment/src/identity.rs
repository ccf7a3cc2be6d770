//! The registrar's, or a sensor's, own identity: a key that is made here and never leaves, a certificate that a vault signed, renewed before
//! it ends. With it one logs in; no static token stands in the configuration.
//!
//! Key, certificate and chain stand in one file, which is replaced whole: a key without its certificate is never found.

use crate::policy::Policy;
use crate::sign::hex;
use crate::target::{Failure, Issued, Reason};
use crate::targets::vault::Vault;
use crate::targets::{AppRole, Settings, read_certificate};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The table `[enrollment.self]`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Own {
    /// The target whose vault signs.
    pub vault: String,
    /// Where the PKI is mounted that signs our own identities: another than the devices'.
    pub pki_mount: String,
    /// The role there.
    pub role: String,
    /// Our name.
    pub common_name: String,
    /// How long the certificate should hold.
    pub ttl: String,
    /// The file with key, certificate and chain; the target's `client_cert_file` and `client_key_file` name it, too.
    pub file: PathBuf,
    /// The log-in for the first time, and after the certificate has ended; wrapped, it serves once.
    pub approle: Option<AppRole>,
}

/// An identity that is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Serial of the certificate.
    pub serial: String,
    /// Its end, RFC 3339.
    pub not_after: String,
    begin: i64,
    end: i64,
}

/// The share of its lifetime that is left when a certificate is renewed: a third, as certificates by machine are (a vault may be away for
/// days, and is asked again each round).
const LEFT: i64 = 3;
/// The end of one certificate in PEM (RFC 7468 §5.1).
const END: &str = "-----END CERTIFICATE-----";

impl Identity {
    /// What a file holds; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or holds no certificate.
    pub fn of_file(file: &Path) -> Result<Option<Self>, Failure> {
        let wrong = |what: &str| Failure { reason: Reason::Refused, message: format!("[enrollment.self] file {}: {what}", file.display()) };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(&error.to_string())),
        };
        let leaf = text.split_inclusive(END).next().and_then(read_certificate).ok_or_else(|| wrong("it begins with no certificate in PEM"))?;
        Ok(Some(Self { serial: leaf.serial, not_after: leaf.not_after, begin: leaf.validity.0, end: leaf.validity.1 }))
    }

    /// Whether it is to be renewed.
    #[must_use]
    pub fn is_due(&self, now: i64) -> bool {
        self.end.saturating_sub(now) < self.end.saturating_sub(self.begin) / LEFT
    }
}

/// Holds an identity: the one that there is while it holds, else one that the vault signs now. `None`: it was not due.
///
/// # Errors
/// If the configuration makes none, the vault does not sign, or the file cannot be written.
pub fn hold(own: &Own, policy: &Policy, now: i64) -> Result<Option<Identity>, Failure> {
    let held = Identity::of_file(&own.file)?;
    if held.as_ref().is_some_and(|held| !held.is_due(now)) {
        return Ok(None);
    }
    let settings = log_in(own, policy, held.filter(|held| held.end > now).is_some())?;
    let mut vault = Vault::open(&own.vault, &settings)?;
    let failed = |what: String| Failure { reason: Reason::Refused, message: format!("[enrollment.self] {what}") };
    let key = KeyPair::generate().map_err(|error| failed(format!("no key can be made: {error}")))?;
    let csr = csr(&key, &own.common_name).map_err(|error| failed(format!("no CSR can be made: {error}")))?;
    let issued = vault.sign_own(&own.pki_mount, &own.role, &own.common_name, &own.ttl, &csr)?;
    write(&own.file, &issued, &key).map_err(|error| failed(format!("file {}: {error}", own.file.display())))?;
    Identity::of_file(&own.file)
}

/// How we log in: by the certificate that holds, else by `AppRole`.
fn log_in(own: &Own, policy: &Policy, holds: bool) -> Result<Settings, Failure> {
    let wrong = |what: String| Failure { reason: Reason::Refused, message: format!("[enrollment.self] {what}") };
    let target = policy.targets.get(&own.vault).filter(|target| target.kind == "vault");
    let target = target.ok_or_else(|| wrong(format!("vault = {:?} is no target of kind \"vault\"", own.vault)))?;
    for (option, value) in [("pki_mount", &own.pki_mount), ("role", &own.role), ("common_name", &own.common_name)] {
        if value.is_empty() {
            return Err(wrong(format!("{option} is missing")));
        }
    }
    let place = Settings { kind: target.kind.clone(), address: target.address.clone(), ca_file: target.ca_file.clone(), ..Settings::default() };
    let place = Settings { namespace: target.namespace.clone(), ..place };
    if holds {
        return Ok(Settings { client_cert_file: Some(own.file.clone()), client_key_file: Some(own.file.clone()), ..place });
    }
    let approle = own.approle.clone().ok_or_else(|| wrong("there is no certificate that holds, and no approle for the first time".to_owned()))?;
    Ok(Settings { approle: Some(approle), ..place })
}

fn csr(key: &KeyPair, common_name: &str) -> Result<String, rcgen::Error> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters.serialize_request(key)?.pem()
}

/// Whole or not at all, and for its owner alone.
fn write(file: &Path, issued: &Issued, key: &KeyPair) -> io::Result<()> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let beside = file.with_extension(format!("{}.new", hex(&random)));
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let chain = std::iter::once(&issued.certificate_pem).chain(&issued.chain_pem);
    let text = chain.map(|pem| format!("{}\n", pem.trim())).collect::<String>() + key.serialize_pem().trim() + "\n";
    let written = open.write_all(text.as_bytes()).and_then(|()| open.sync_all()).and_then(|()| std::fs::rename(&beside, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
        return written;
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_renewed_when_a_third_of_its_life_is_left() {
        let identity = Identity { serial: "1".into(), not_after: String::new(), begin: 0, end: 300 };
        assert!(!identity.is_due(200) && identity.is_due(201) && identity.is_due(301));
    }

    #[test]
    fn what_makes_no_identity_is_told_by_its_option() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own { vault: "v".into(), file: folder.path().join("own.pem"), ..Own::default() };
        let vault = Settings { kind: "vault".into(), address: "https://127.0.0.1:1".into(), ..Settings::default() };
        let policy = Policy { targets: [("v".to_owned(), vault)].into(), ..Policy::default() };
        let told = |own: &Own| hold(own, &policy, 0).unwrap_err().message;
        assert!(told(&Own { vault: "w".into(), ..own.clone() }).contains("is no target"));
        assert!(told(&own).contains("pki_mount is missing"));
        let own = Own { pki_mount: "p".into(), role: "r".into(), common_name: "c".into(), ..own };
        assert!(told(&own).contains("no approle for the first time"));
        std::fs::write(&own.file, "nothing").unwrap();
        assert!(told(&own).contains("no certificate in PEM"));
    }
}
