//! What the configuration says of a counterpart, and the kinds there are: one file each, all behind [`Target`].
//!
//! | kind | file | what it talks to |
//! |---|---|---|
//! | `vault` | [`vault`] | OpenBao, HashiCorp Vault; RustyVault with what it has |
//! | `enrollment` | [`contract`] | our own enrollment contract, `openapi/enrollment.yaml` |
//! | `webhook` | [`webhook`] | whatever takes a signed `POST` |
//! | `file` | [`handoff`] | a folder of files for EST, cloud provisioning, SCEP, ACME, BRSKI, or a table |

pub mod contract;
pub mod deciding;
pub mod handoff;
mod http;
mod kept;
pub mod proposing;
pub mod vault;
pub mod webhook;
mod x509;

pub(crate) use http::{Secret, read_private};
pub use kept::Kept;
pub(crate) use x509::{certificate as read_certificate, csr_key, plain as plain_serial};

use crate::target::{Failure, Reason, Target};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One table `[enrollment.targets.NAME]`. Credentials stand in files of their own, never here.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `vault`, `enrollment`, `webhook` or `file`.
    pub kind: String,
    /// `https://host:port` and, but for a vault, the path below which the other side answers.
    pub address: String,
    /// The CAs that may vouch for the other side, PEM. There is no other: the system's list is not consulted.
    pub ca_file: Option<PathBuf>,
    /// A file with a token and nothing else.
    pub token_file: Option<PathBuf>,
    /// Log-in by `AppRole`.
    pub approle: Option<AppRole>,
    /// Our certificate and what leads to its root, PEM; for TLS, and with a vault for the log-in by certificate.
    pub client_cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub client_key_file: Option<PathBuf>,
    /// Vault: where KV is mounted (default `devices`).
    pub kv_mount: Option<String>,
    /// Vault: where PKI is mounted; without it nothing is signed or listed.
    pub pki_mount: Option<String>,
    /// Vault: the namespace that everything lies in, such as `plant/north` (`X-Vault-Namespace`).
    pub namespace: Option<String>,
    /// Vault: whether devices become entities, too.
    pub identity: bool,
    /// Vault: accessor of the auth mount by which devices log in, such as `auth_cert_d3960219`: entities get an alias there. Needs rights
    /// that the documented policy leaves out, since who holds them can move aliases.
    pub alias_accessor: Option<String>,
    /// Identity profiles that may be asked for; with a vault each is a PKI role. Empty: any, and the other side decides.
    pub profiles: Vec<String>,
    /// File: `est`, `azure-dps`, `aws-jitp`, `scep`, `acme-eab`, `brski` or `csv`.
    pub format: Option<String>,
    /// File: where to write.
    pub folder: Option<PathBuf>,
    /// Webhook: the name of the key, so that the other side can hold two while one is replaced.
    pub key_id: Option<String>,
    /// Webhook: a file with the key, at least 32 bytes.
    pub key_file: Option<PathBuf>,
    /// Webhook: a file with the body's template, JSON with `{field}`; without it the signed request itself is sent.
    pub template_file: Option<PathBuf>,
}

/// `approle = { role_id_file, secret_id_file, wrapped }`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppRole {
    /// A file with the role's id.
    pub role_id_file: PathBuf,
    /// A file with the secret id, or with the token that wraps it.
    pub secret_id_file: PathBuf,
    /// Whether it is wrapped: it is then unwrapped once, and the secret id kept in memory only.
    pub wrapped: bool,
}

/// Opens a target. Nothing is sent yet.
///
/// # Errors
/// If the settings do not make one; the message names the option and what it should be.
pub fn open(name: &str, settings: &Settings) -> Result<Box<dyn Target>, Failure> {
    match settings.kind.as_str() {
        "vault" => Ok(Box::new(vault::Vault::open(name, settings)?)),
        "enrollment" => Ok(Box::new(contract::Contract::open(name, settings)?)),
        "webhook" => Ok(Box::new(webhook::Webhook::open(name, settings)?)),
        "file" => Ok(Box::new(handoff::Handoff::open(name, settings)?)),
        other => Err(Failure {
            reason: Reason::Unsupported,
            message: format!("target {name}: kind = \"{other}\" is none of vault, enrollment, webhook, file"),
        }),
    }
}

/// Seconds since 1970, as this machine's clock says: for signatures with a time, and to tell that clocks differ.
#[allow(clippy::disallowed_methods, reason = "the other side compares it with its own clock")]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
