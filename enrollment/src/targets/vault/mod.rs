//! The API of `OpenBao` and `HashiCorp` Vault: log-in, a record a device in KV, an entity, a signature under a role, lists of what was issued.
//!
//! Below the KV mount stand three folders: `inventory/` with one record a device, written with check-and-set 0; `posture/` with what the
//! wire shows of it; `deactivation/` with proposals to take an identity back. Nothing is issued with a key of the vault's making, and
//! nothing is revoked or disabled: those rights stand in none of our policies (`docs/policies/`).
//!
//! `RustyVault` has KV version 1 only, no entities, no signing of CSRs and no lists. The preflight recognises it, and devices are recorded.
//!
//! Source: the `OpenBao` 2.7 API documentation, and calls recorded against 2.7.2.

mod call;
mod identity;
mod login;
mod own;
mod people;
mod pki;
mod probe;
mod record;

use super::Settings;
use super::http::{Client, Secret, wrong};
use crate::request::Request;
use crate::target::{Capabilities, Failure, Issued, IssuedList, Posture, Reason, Registered, Status, Target};
use login::Method;
pub use people::who;
use std::time::Duration;

/// Where KV is mounted if the configuration does not say.
const KV_MOUNT: &str = "devices";
/// Longest device key in a path, in characters. KV allows longer; an id of ours has 36.
const MAX_KEY: usize = 128;

/// A vault.
pub struct Vault {
    client: Client,
    method: Method,
    token: Option<Secret>,
    dialect: Option<Dialect>,
    kv: String,
    pki: Option<String>,
    identity: bool,
    alias_accessor: Option<String>,
    profiles: Vec<String>,
}

/// What the server speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Dialect {
    /// Version of KV at our mount: with 2 there is check-and-set.
    kv: u8,
    /// `RustyVault`: no entities, no signing, no lists, no policies.
    rusty: bool,
    server: String,
    /// How far its clock is from ours in seconds, where it tells.
    skew: Option<i64>,
}

impl Vault {
    /// A vault by its settings. Nothing is sent yet.
    ///
    /// # Errors
    /// If they do not make one.
    pub fn open(name: &str, settings: &Settings) -> Result<Self, Failure> {
        Self::with_client(name, settings, Client::open(name, settings)?)
    }

    /// The same with another time-out a call.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_timeout(name: &str, settings: &Settings, timeout: Duration) -> Result<Self, Failure> {
        Self::with_client(name, settings, Client::with_timeout(name, settings, timeout)?)
    }

    fn with_client(name: &str, settings: &Settings, client: Client) -> Result<Self, Failure> {
        Ok(Self {
            client,
            method: Method::of(name, settings)?,
            token: None,
            dialect: None,
            kv: mount(name, "kv_mount", settings.kv_mount.as_deref().unwrap_or(KV_MOUNT))?,
            pki: settings.pki_mount.as_deref().map(|path| mount(name, "pki_mount", path)).transpose()?,
            identity: settings.identity,
            alias_accessor: settings.alias_accessor.clone(),
            profiles: settings.profiles.clone(),
        })
    }

    fn failure(&self, reason: Reason, text: &str) -> Failure {
        self.client.failure(reason, text)
    }

    /// A profile that the configuration lets be asked for.
    fn allowed(&self, profile: &str) -> Result<(), Failure> {
        let safe =
            !profile.is_empty() && profile.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) && !profile.starts_with('.');
        if safe && (self.profiles.is_empty() || self.profiles.iter().any(|one| one == profile)) {
            return Ok(());
        }
        Err(self.failure(
            Reason::Refused,
            &format!("the identity profile {profile:?} is not in `profiles`: add it there, or correct the rule that proposed it"),
        ))
    }
}

/// A mount's path without slashes at its ends.
fn mount(name: &str, option: &str, path: &str) -> Result<String, Failure> {
    let path = path.trim_matches('/');
    let safe =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if path.split('/').all(safe) { Ok(path.to_owned()) } else { Err(wrong(name, &format!("{option} = {path:?} is no path of a mount"))) }
}

/// A device's id as the last segment of a path: lower case letters, digits and dashes.
fn key(device_id: &str) -> String {
    let dashed = device_id.chars().take(MAX_KEY).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    dashed.collect::<String>().trim_matches('-').to_owned()
}

impl Target for Vault {
    fn kind(&self) -> &'static str {
        "vault"
    }

    fn probe(&mut self) -> Result<Capabilities, Failure> {
        self.preflight()
    }

    fn register(&mut self, request: &Request) -> Result<Registered, Failure> {
        self.allowed(&request.identity_profile)?;
        let dialect = self.dialect()?;
        let key = key(&request.device_id);
        if key.is_empty() {
            return Err(self.failure(Reason::Refused, "the request names no device"));
        }
        let replayed = if dialect.kv == 2 { self.record_once(&key, request)? } else { self.record_once_v1(&key, request)? };
        if self.identity && !dialect.rusty {
            self.entity(&key, request)?;
        }
        Ok(Registered { external_id: format!("{}/inventory/{key}", self.kv), replayed })
    }

    fn sign(&mut self, request: &Request, csr_pem: &str) -> Result<Issued, Failure> {
        self.allowed(&request.identity_profile)?;
        self.sign_csr(request, csr_pem)
    }

    fn status(&mut self, registered: &Registered) -> Result<Status, Failure> {
        let key = self.key_of(registered)?;
        let dialect = self.dialect()?;
        let Some(record) = self.read_record("inventory", &key)? else { return Ok(Status::Gone) };
        if self.identity && !dialect.rusty && self.is_disabled(&key)? {
            return Ok(Status::Rejected("the entity is disabled at the vault".to_owned()));
        }
        let serial = record.data["credential"]["serial"].as_str();
        Ok(serial.map_or(Status::Registered, |serial| Status::Enrolled(Some(serial.to_owned()))))
    }

    fn issued(&mut self, known: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        if self.dialect()?.rusty {
            return Err(self.failure(Reason::Unsupported, "this server keeps no list of certificates"));
        }
        self.list_issued(known)
    }

    fn posture(&mut self, registered: &Registered, posture: &Posture) -> Result<(), Failure> {
        let key = self.key_of(registered)?;
        let said = serde_json::json!({
            "schema": "wirecensus.posture/1",
            "state": posture.state,
            "serial": posture.serial,
            "as_of": posture.as_of,
            "findings": posture.findings,
        });
        self.put("posture", &key, &said)
    }

    fn propose_deactivation(&mut self, registered: &Registered, why: &str) -> Result<(), Failure> {
        let key = self.key_of(registered)?;
        let said = serde_json::json!({
            "schema": "wirecensus.deactivation-proposal/1",
            "device": registered.external_id,
            "entity": format!("dev-{key}"),
            "why": why,
            "state": "proposed",
        });
        self.put("deactivation", &key, &said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_id_makes_one_segment() {
        assert_eq!(key("018F5C2E-7a10"), "018f5c2e-7a10");
        assert_eq!(key("44:19:b6:0a:00:22"), "44-19-b6-0a-00-22");
        assert_eq!(key("../sys/raw"), "sys-raw");
        assert_eq!(key("../"), "");
    }

    #[test]
    fn a_mount_is_a_path_and_nothing_else() {
        assert_eq!(mount("v", "kv_mount", "/plant/devices/").unwrap(), "plant/devices");
        for path in ["", "a/../sys", "a//b", "a?b", "a b"] {
            assert!(mount("v", "kv_mount", path).is_err(), "{path}");
        }
    }
}
