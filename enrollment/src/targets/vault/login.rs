//! Log-in: by AppRole, also with a wrapped secret id; by a token in a file; by a TLS certificate.

use super::super::Settings;
use super::super::http::{Secret, clean, read_private, wrong};
use super::Vault;
use super::call::{object, words};
use crate::target::{Failure, Reason};
use serde_json::{Value, json};
use std::path::PathBuf;

/// How this target logs in.
pub(super) enum Method {
    Token { file: PathBuf },
    AppRole { role_id_file: PathBuf, secret_id_file: PathBuf, wrapped: bool, unwrapped: Option<Secret> },
    Certificate,
}

impl Method {
    pub(super) fn of(name: &str, settings: &Settings) -> Result<Self, Failure> {
        match (&settings.token_file, &settings.approle, &settings.client_cert_file) {
            (Some(_), Some(_), _) => Err(wrong(name, "token_file and approle are both given: keep one")),
            (Some(file), None, _) => Ok(Self::Token { file: file.clone() }),
            (None, Some(approle), _) => Ok(Self::AppRole {
                role_id_file: approle.role_id_file.clone(),
                secret_id_file: approle.secret_id_file.clone(),
                wrapped: approle.wrapped,
                unwrapped: None,
            }),
            (None, None, Some(_)) => Ok(Self::Certificate),
            (None, None, None) => Err(wrong(name, "no log-in: give approle, token_file, or client_cert_file and client_key_file")),
        }
    }
}

impl Vault {
    /// A token, by whatever log-in is configured. Says whether it differs from the one before.
    pub(super) fn log_in(&mut self) -> Result<bool, Failure> {
        let name = self.client.name().to_owned();
        let token = match &self.method {
            Method::Token { file } => read_private(&name, "token_file", file)?,
            Method::Certificate => self.exchange("auth/cert/login", &json!({}))?,
            Method::AppRole { role_id_file, .. } => {
                let role_id = read_private(&name, "role_id_file", role_id_file)?;
                let secret_id = self.secret_id()?;
                self.exchange("auth/approle/login", &json!({ "role_id": role_id.reveal(), "secret_id": secret_id.reveal() }))?
            }
        };
        let changed = self.token.as_ref() != Some(&token);
        self.token = Some(token);
        Ok(changed)
    }

    /// The secret id. A wrapped one is unwrapped once, and kept in memory only.
    fn secret_id(&mut self) -> Result<Secret, Failure> {
        let name = self.client.name().to_owned();
        let Method::AppRole { secret_id_file, wrapped, unwrapped, .. } = &self.method else {
            return Err(self.failure(Reason::Unsupported, "no AppRole is configured"));
        };
        if let Some(secret_id) = unwrapped {
            return Ok(secret_id.clone());
        }
        let held = read_private(&name, "secret_id_file", secret_id_file)?;
        if !wrapped {
            return Ok(held);
        }
        let secret_id = self.unwrap_secret(&held)?;
        if let Method::AppRole { unwrapped, .. } = &mut self.method {
            *unwrapped = Some(secret_id.clone());
        }
        Ok(secret_id)
    }

    fn unwrap_secret(&self, wrapping: &Secret) -> Result<Secret, Failure> {
        let answer = self.client.call("POST", "/v1/sys/wrapping/unwrap", &[("X-Vault-Token", wrapping.reveal())], None)?;
        match answer.status {
            200 => answer.json()["data"]["secret_id"]
                .as_str()
                .map(Secret::new)
                .ok_or_else(|| self.failure(Reason::Garbled, "what secret_id_file wraps is no secret id: wrap the answer of auth/approle/role/ROLE/secret-id")),
            400 | 403 => Err(self.failure(
                Reason::Unauthenticated,
                "the wrapping token in secret_id_file was used already, or has expired. If nobody of yours unwrapped it, somebody else holds the \
                 secret id: destroy it at the vault by its accessor, look into the audit log, then make a new one. A wrapped secret id serves one start",
            )),
            _ => Err(self.judge(&answer, "sys/wrapping/unwrap")),
        }
    }

    /// Credentials for a token.
    fn exchange(&self, path: &str, body: &Value) -> Result<Secret, Failure> {
        let answer = self.client.call("POST", &format!("/v1/{path}"), &[], Some(body.to_string().as_bytes()))?;
        match answer.status {
            200 => object(&answer)
                .and_then(|body| body["auth"]["client_token"].as_str().map(Secret::new))
                .ok_or_else(|| self.failure(Reason::Garbled, "the log-in was answered without a token")),
            400 | 401 | 403 => {
                let todo = match &self.method {
                    Method::AppRole { .. } => {
                        "role_id_file or secret_id_file is wrong, or the secret id has expired or is used up: make a new secret id"
                    }
                    _ => "no role of the certificate log-in trusts client_cert_file: has it expired, and does auth/cert/certs know its CA and name?",
                };
                let sent = body.as_object().into_iter().flat_map(|fields| fields.values().filter_map(Value::as_str));
                // What was sent may come back in an error's text.
                let quoted = clean(&sent.fold(words(&answer), |text, secret| text.replace(secret, "…")));
                Err(self.failure(Reason::Unauthenticated, &format!("refuses the log-in ({} {quoted}): {todo}", answer.status)))
            }
            _ => Err(self.judge(&answer, path)),
        }
    }
}
