//! Our own certificate.

use super::pki::strings;
use super::{Vault, mount};
use crate::target::{Failure, Issued, Reason};
use crate::targets::x509;
use serde_json::json;

impl Vault {
    /// Has a CSR of our own signed, of a PKI apart from the devices'.
    ///
    /// # Errors
    /// If the vault does not sign it, or signs another key.
    pub fn sign_own(&mut self, pki: &str, role: &str, common_name: &str, ttl: &str, csr_pem: &str) -> Result<Issued, Failure> {
        let path = format!("{}/sign/{}", mount(self.client.name(), "[enrollment.self] pki_mount", pki)?, mount(self.client.name(), "role", role)?);
        let mut body = json!({ "csr": csr_pem, "common_name": common_name, "format": "pem" });
        if !ttl.is_empty() {
            body["ttl"] = ttl.into();
        }
        let absent = self.failure(Reason::Refused, &format!("{path}: there is no such role: make one at the vault for our own identities"));
        let answer = self.ask("POST", &path, Some(&body))?.ok_or(absent)?;
        let data = &answer["data"];
        let pem = data["certificate"].as_str().ok_or_else(|| self.garbled(&path))?;
        let read = x509::certificate(pem).ok_or_else(|| self.garbled(&path))?;
        if x509::certificate_key(pem) != x509::csr_key(csr_pem) {
            return Err(
                self.failure(Reason::Refused, &format!("{path}: the certificate {} bears another key than ours: revoke it there", read.serial))
            );
        }
        Ok(Issued { serial: read.serial, certificate_pem: pem.trim().to_owned(), chain_pem: strings(&data["ca_chain"]), not_after: read.not_after })
    }
}
