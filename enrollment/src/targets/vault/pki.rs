//! Signing a CSR under a role, and the lists of what was issued and revoked.
//!
//! A signature whose answer was lost must not be asked for twice. Before signing, the device's record is marked with the CSR's digest;
//! after it, with the serial. Who finds the mark without a serial looks through the issued certificates for the CSR's key first.

use super::Vault;
use super::call::words;
use super::record::Record;
use crate::request::{Request, digest};
use crate::target::{Failure, Issued, IssuedList, Reason};
use crate::targets::x509;
use serde_json::{Value, json};

/// Most certificates fetched in one look at the list; the next look fetches the next ones. 200 take a busy vault a second or two.
const MAX_FETCH: usize = 200;
/// Most certificates looked through for one whose answer was lost.
const MAX_SEARCH: usize = 5_000;
/// Most roles asked whether they keep what they issue.
const MAX_ROLES: usize = 100;

impl Vault {
    fn pki(&self) -> Result<String, Failure> {
        self.pki.clone().ok_or_else(|| self.failure(Reason::Unsupported, "no pki_mount is configured: nothing is signed or listed here"))
    }

    pub(super) fn sign_csr(&mut self, request: &Request, csr_pem: &str) -> Result<Issued, Failure> {
        let mount = self.pki()?;
        if self.dialect()?.rusty {
            return Err(self.failure(Reason::Unsupported, "this server signs no CSRs, and keys are never asked of a vault"));
        }
        let key = x509::csr_key(csr_pem).ok_or_else(|| self.failure(Reason::Refused, "the CSR is no PKCS#10 in PEM"))?;
        let csr_digest = digest(csr_pem.trim().as_bytes());
        let device = super::key(&request.device_id);
        let mut record = self.own_record(&device, request)?;
        if let Some(before) = self.asked_before(&mount, &record, &csr_digest, &key)? {
            self.mark(&device, &mut record, &csr_digest, Some(&before.serial))?;
            return Ok(before);
        }
        self.mark(&device, &mut record, &csr_digest, None)?;
        let path = format!("{mount}/sign/{}", request.identity_profile);
        let answer = self.ask("POST", &path, Some(&question(request, csr_pem)))?.ok_or_else(|| self.no_role(&request.identity_profile))?;
        let data = &answer["data"];
        let pem = data["certificate"].as_str().ok_or_else(|| self.garbled(&path))?;
        let issued = self.issued_of(pem, &path)?;
        if x509::certificate_key(pem).as_ref() != Some(&key) {
            return Err(
                self.failure(Reason::Refused, &format!("{path}: the certificate {} bears another key than the CSR: revoke it there", issued.serial))
            );
        }
        self.mark(&device, &mut record, &csr_digest, Some(&issued.serial))?;
        Ok(Issued { chain_pem: strings(&data["ca_chain"]), ..issued })
    }

    fn no_role(&self, profile: &str) -> Failure {
        self.failure(Reason::Refused, &format!("there is no role {profile:?}: make one at the vault for this identity profile"))
    }

    /// What an earlier call for the same CSR gave, while it holds.
    fn asked_before(&mut self, mount: &str, record: &Record, csr: &str, key: &[u8]) -> Result<Option<Issued>, Failure> {
        let credential = &record.data["credential"];
        if credential["csr"] != csr {
            return Ok(None);
        }
        let found = match credential["serial"].as_str() {
            Some(serial) => self.fetch(mount, serial)?,
            None => self.search(mount, key)?,
        };
        let end = |issued: &Issued| issued.not_after.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
        Ok(found.filter(|issued| end(issued) > super::super::now()))
    }

    fn own_record(&mut self, device: &str, request: &Request) -> Result<Record, Failure> {
        let found = self
            .read_record("inventory", device)?
            .ok_or_else(|| self.failure(Reason::Refused, "the device is not registered there: register it first"))?;
        if found.data["request_id"] == request.id {
            return Ok(found);
        }
        Err(self.failure(Reason::Conflict, "the device's record is of another request: nothing is signed for it"))
    }

    /// Notes in the record which CSR was asked for, and what it gave.
    fn mark(&mut self, device: &str, record: &mut Record, csr: &str, serial: Option<&str>) -> Result<(), Failure> {
        let credential = json!({ "csr": csr, "serial": serial });
        if record.data["credential"] == credential {
            return Ok(());
        }
        record.data["credential"] = credential;
        if self.write("inventory", device, &record.data, record.version)? {
            // Check-and-set counts by one.
            record.version += 1;
            return Ok(());
        }
        // Not lost: the next call reads the record anew.
        Err(self.failure(Reason::Unreachable, "the device's record was written by another just now; tried again later"))
    }

    /// The issued certificate that bears this key.
    fn search(&mut self, mount: &str, key: &[u8]) -> Result<Option<Issued>, Failure> {
        for serial in self.serials(&format!("{mount}/certs"))?.into_iter().take(MAX_SEARCH) {
            let path = format!("{mount}/cert/{serial}");
            let Some(found) = self.ask("GET", &path, None)? else { continue };
            let pem = found["data"]["certificate"].as_str().unwrap_or_default();
            if x509::certificate_key(pem).as_deref() == Some(key) {
                return self.issued_of(pem, &path).map(Some);
            }
        }
        Ok(None)
    }

    fn fetch(&mut self, mount: &str, serial: &str) -> Result<Option<Issued>, Failure> {
        let path = format!("{mount}/cert/{}", x509::colons(serial));
        let Some(found) = self.ask("GET", &path, None)? else { return Ok(None) };
        self.issued_of(found["data"]["certificate"].as_str().unwrap_or_default(), &path).map(Some)
    }

    fn issued_of(&self, pem: &str, path: &str) -> Result<Issued, Failure> {
        let read = x509::certificate(pem).ok_or_else(|| self.garbled(path))?;
        Ok(Issued { serial: read.serial, certificate_pem: pem.trim().to_owned(), chain_pem: Vec::new(), not_after: read.not_after })
    }

    fn serials(&mut self, path: &str) -> Result<Vec<String>, Failure> {
        let listed = self.ask("LIST", path, None)?;
        Ok(listed.map(|body| strings(&body["data"]["keys"])).unwrap_or_default())
    }

    /// What was issued and is not known yet, and everything that was revoked.
    pub(super) fn list_issued(&mut self, known: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        let mount = self.pki()?;
        let serials = self.serials(&format!("{mount}/certs"))?;
        let unseen: Vec<String> = serials.into_iter().filter(|serial| !known(&x509::plain(serial))).collect();
        let more = unseen.len() > MAX_FETCH;
        let mut list = IssuedList { revoked: self.revoked(&mount)?, complete: !more && self.keeps_all(&mount), more, ..IssuedList::default() };
        for serial in unseen.iter().take(MAX_FETCH) {
            let path = format!("{mount}/cert/{serial}");
            let Some(found) = self.ask("GET", &path, None)? else { continue };
            let pem = found["data"]["certificate"].as_str().ok_or_else(|| self.garbled(&path))?;
            let issued = self.issued_of(pem, &path)?;
            let is_authority = x509::certificate(pem).is_some_and(|read| read.authority);
            if is_authority { list.authorities.push(issued) } else { list.new.push(issued) }
        }
        Ok(list)
    }

    /// Serials that were revoked: by the list of them, or where it may not be read, by the revocation list that everybody may.
    fn revoked(&mut self, mount: &str) -> Result<Vec<String>, Failure> {
        match self.serials(&format!("{mount}/certs/revoked")) {
            Ok(serials) => Ok(serials.iter().map(|serial| x509::plain(serial)).collect()),
            Err(failure) if matches!(failure.reason, Reason::Denied | Reason::Unsupported) => {
                let path = format!("{mount}/cert/crl");
                let found = self.ask("GET", &path, None)?.unwrap_or_default();
                let pem = found["data"]["certificate"].as_str().unwrap_or_default();
                x509::revoked(pem).ok_or_else(|| self.garbled(&path))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether every role keeps what it issues. Where that cannot be read, it is not known, and so not so.
    fn keeps_all(&mut self, mount: &str) -> bool {
        let Ok(roles) = self.serials(&format!("{mount}/roles")) else { return false };
        roles.len() <= MAX_ROLES
            && roles
                .iter()
                .all(|role| matches!(self.ask("GET", &format!("{mount}/roles/{role}"), None), Ok(Some(found)) if found["data"]["no_store"] == false))
    }

    /// Roles of the mount, as far as they may be listed.
    pub(super) fn roles(&mut self) -> Vec<String> {
        let Some(mount) = self.pki.clone() else { return Vec::new() };
        if !self.profiles.is_empty() {
            return self.profiles.clone();
        }
        self.raw("LIST", &format!("{mount}/roles"), None)
            .ok()
            .filter(|answer| words(answer).is_empty())
            .map(|answer| strings(&answer.json()["data"]["keys"]))
            .unwrap_or_default()
    }
}

/// What is asked of the role. The role must say `use_csr_sans=false` and `use_csr_common_name=false`: else the CSR's names win.
fn question(request: &Request, csr_pem: &str) -> Value {
    let of = |kind: &str| {
        let names = request.requested.sans.iter().filter_map(|name| name.strip_prefix(kind));
        names.collect::<Vec<_>>().join(",")
    };
    let mut body = json!({ "csr": csr_pem, "format": "pem" });
    let fields = [
        ("common_name", request.requested.common_name.clone()),
        ("ttl", request.requested.ttl.clone()),
        ("alt_names", of("dns:")),
        ("ip_sans", of("ip:")),
        ("uri_sans", of("uri:")),
    ];
    for (name, value) in fields {
        if !value.is_empty() {
            body[name] = Value::from(value);
        }
    }
    body
}

pub(super) fn strings(list: &Value) -> Vec<String> {
    list.as_array().map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
}
