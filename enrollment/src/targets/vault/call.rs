//! One call with a token, a second log-in where it is refused, and what each status means.

use super::super::http::{Answer, clean};
use super::Vault;
use super::login::Method;
use crate::target::{Failure, Reason};
use serde_json::Value;

impl Vault {
    /// One call, whatever its status. Logs in first where there is no token, and once more where the token is refused.
    pub(super) fn raw(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let fresh = self.token.is_none() && self.log_in()?;
        let answer = self.send(method, path, body)?;
        let refused = answer.status == 403 || answer.status == 401 || (answer.status == 400 && words(&answer).contains("client token is missing"));
        if fresh || !refused {
            return Ok(answer);
        }
        if self.log_in()? { self.send(method, path, body) } else { self.unchanged(answer) }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let token = self.token.as_ref().map_or("", |token| token.reveal());
        let text = body.map(Value::to_string);
        self.client.call(method, &format!("/v1/{path}"), &[("X-Vault-Token", token)], text.as_deref().map(str::as_bytes))
    }

    /// The token in the file is still the one that was refused: did it expire, or may it not?
    fn unchanged(&mut self, answer: Answer) -> Result<Answer, Failure> {
        let looked = self.send("GET", "auth/token/lookup-self", None)?;
        if matches!(looked.status, 401 | 403) && matches!(self.method, Method::Token { .. }) {
            self.token = None;
            return Err(self.failure(Reason::Unauthenticated, "the token in token_file has expired or was revoked: put a new one there"));
        }
        Ok(answer)
    }

    /// One call that must succeed. `None`: there is nothing at that path.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Option<Value>, Failure> {
        let answer = self.raw(method, path, body)?;
        match answer.status {
            204 => Ok(Some(Value::Null)),
            200 => object(&answer).map(Some).ok_or_else(|| self.garbled(path)),
            404 if words(&answer).is_empty() && object(&answer).is_some() => Ok(None),
            _ => Err(self.judge(&answer, path)),
        }
    }

    pub(super) fn garbled(&self, path: &str) -> Failure {
        self.failure(Reason::Garbled, &format!("{path}: the answer is none of a vault; is the address a vault's, without a proxy between?"))
    }

    /// What a status other than success means.
    pub(super) fn judge(&self, answer: &Answer, path: &str) -> Failure {
        let said = words(answer);
        let (reason, todo) = meaning(answer, &said);
        // What was sent may come back in an error's text.
        let quoted = clean(&self.token.as_ref().map_or_else(|| said.clone(), |token| said.replace(token.reveal(), "…")));
        self.failure(reason, &format!("{path}: {} {quoted}: {todo}", answer.status))
    }
}

/// Statuses by the API's documentation, and by what `OpenBao` 2.7.2 and `RustyVault` 0.2 were seen to answer.
fn meaning(answer: &Answer, said: &str) -> (Reason, &'static str) {
    let unsupported = said.contains("unsupported path") || said.contains("path not supported") || said.contains("unsupported operation");
    match answer.status {
        401 | 403 => (Reason::Denied, "the credential lacks this right; docs/policies/registrar.hcl has what is needed"),
        404 if said.contains("no handler for route") || said.contains("mount not found") => {
            (Reason::Unsupported, "nothing is mounted there: enable it at the vault, or correct kv_mount or pki_mount")
        }
        // A mount of KV version 2 that was just made or unsealed says so for a moment.
        400 if said.contains("Upgrading from non-versioned") => (Reason::Unreachable, "the KV mount is being set up; tried again later"),
        _ if unsupported => (Reason::Unsupported, "this server cannot do it"),
        400 | 413 | 422 => (Reason::Refused, "the vault does not take the request as it stands"),
        404 | 405 => (Reason::Unsupported, "this server knows no such path: is the address a vault's, and are the mounts right?"),
        409 => (Reason::Conflict, "another write came between"),
        412 => (Reason::Unreachable, "this node has not caught up with the last write yet; tried again later"),
        429 => (Reason::Throttled(answer.retry_after), "too many requests; tried again later. A quota at the vault limits this credential"),
        472 | 473 => (Reason::Sealed, "a standby of a replication: give the address of the active one"),
        501 => (Reason::Sealed, "the vault is not initialised"),
        503 if said.contains("sealed") || said.contains("standby") || said.contains("leader") => {
            (Reason::Sealed, "unseal the vault; tried again later")
        }
        500 if said.contains("sealed") || said.contains("barrier") => (Reason::Sealed, "unseal the vault; tried again later"),
        500..=599 => (Reason::Unreachable, "the vault is in trouble; tried again later"),
        _ => (Reason::Garbled, "no status that a vault answers here; is the address a vault's?"),
    }
}

/// The body, if it is a JSON object.
pub(super) fn object(answer: &Answer) -> Option<Value> {
    Some(answer.json()).filter(Value::is_object)
}

/// What it said: `errors`, or `error` as `RustyVault` has it.
pub(super) fn words(answer: &Answer) -> String {
    let body = answer.json();
    let many = body["errors"].as_array().map(|errors| errors.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
    many.or_else(|| body["error"].as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn reason(status: u16, body: &str) -> Reason {
        let answer = Answer { status, body: body.as_bytes().to_vec(), location: None, retry_after: Some(Duration::from_secs(7)), replayed: false };
        meaning(&answer, &words(&answer)).0
    }

    #[test]
    fn every_recorded_status_has_its_meaning() {
        assert_eq!(reason(400, r#"{"errors":["serial_number not allowed by this role"]}"#), Reason::Refused);
        assert_eq!(
            reason(400, r#"{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable"]}"#),
            Reason::Unreachable
        );
        assert_eq!(reason(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#), Reason::Denied);
        assert_eq!(reason(404, r#"{"errors":["no handler for route \"x/\". route entry not found."]}"#), Reason::Unsupported);
        assert_eq!(reason(404, r#"{"errors":["1 error occurred:\n\t* unsupported path\n\n"]}"#), Reason::Unsupported);
        assert_eq!(reason(412, "{}"), Reason::Unreachable);
        assert_eq!(reason(429, r#"{"errors":["request path \"x\": rate limit quota exceeded"]}"#), Reason::Throttled(Some(Duration::from_secs(7))));
        assert_eq!(reason(472, ""), Reason::Sealed);
        assert_eq!(reason(473, ""), Reason::Sealed);
        assert_eq!(reason(501, ""), Reason::Sealed);
        assert_eq!(reason(503, r#"{"errors":["Vault is sealed"]}"#), Reason::Sealed);
        assert_eq!(reason(503, r#"{"error":"RustyVault is sealed."}"#), Reason::Sealed);
        assert_eq!(reason(503, "<html>"), Reason::Unreachable);
        assert_eq!(reason(500, r#"{"error":"Logical backend path not supported."}"#), Reason::Unsupported);
        assert_eq!(reason(500, r#"{"errors":["internal error"]}"#), Reason::Unreachable);
        assert_eq!(reason(502, ""), Reason::Unreachable);
        assert_eq!(reason(302, ""), Reason::Garbled);
    }
}
