//! Whom a person's token belongs to.

use super::super::Settings;
use super::super::http::{Client, Secret, wrong};
use super::call::object;
use crate::people::Who;
use crate::policy::Policy;
use crate::target::{Failure, Reason};
use serde_json::Value;

/// Longest token, in characters. Those of vaults have about a hundred.
const TOKEN_MAX: usize = 4_096;

/// Looks a person's token up at the vault of `[enrollment.people]`, with that token and nothing of ours. It is not kept.
///
/// # Errors
/// If there is no such vault, it does not answer, or does not know the token.
pub fn who(policy: &Policy, token: &str) -> Result<Who, Failure> {
    let people = policy.people.as_ref().ok_or_else(|| wrong("people", "[enrollment.people] names no vault that authenticates them"))?;
    let target = policy.targets.get(&people.vault).filter(|target| target.kind == "vault");
    let target = target.ok_or_else(|| wrong(&people.vault, "[enrollment.people] vault is no target of kind \"vault\""))?;
    let settings =
        Settings { address: target.address.clone(), ca_file: target.ca_file.clone(), namespace: target.namespace.clone(), ..Settings::default() };
    let client = Client::open(&people.vault, &settings)?;
    let token = Secret::new(token.trim());
    if token.reveal().is_empty() || token.reveal().len() > TOKEN_MAX {
        return Err(client.failure(Reason::Unauthenticated, "there is no token"));
    }
    let answer = client.call("GET", "/v1/auth/token/lookup-self", &[("X-Vault-Token", token.reveal())], None)?;
    match answer.status {
        200 => {}
        400 | 401 | 403 => return Err(client.failure(Reason::Unauthenticated, "does not know this token: log in there anew")),
        429 => return Err(client.failure(Reason::Throttled(answer.retry_after), "too many requests; again later")),
        _ => return Err(client.failure(Reason::Unreachable, &format!("answers {} to the look-up of a token", answer.status))),
    }
    let data = object(&answer).map(|body| body["data"].clone()).filter(Value::is_object);
    let data = data.ok_or_else(|| client.failure(Reason::Garbled, "the look-up of a token is answered by none of a vault"))?;
    let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    let policies = ["policies", "identity_policies"].into_iter().flat_map(|name| data[name].as_array().into_iter().flatten());
    Ok(Who {
        entity: text("entity_id"),
        display_name: text("display_name"),
        path: text("path"),
        policies: policies.filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}
