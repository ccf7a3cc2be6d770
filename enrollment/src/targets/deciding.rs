//! A person who says what he thinks of requests to a registrar on another host, by his log-in at the vault. The token goes to the
//! registrar once a call, over TLS against one CA; the registrar looks it up and drops it.

use super::Settings;
use super::http::{Answer, Client, Secret, clean, read_private, segment};
use super::proposing::At;
use crate::registrar::Decision;
use crate::request::Request;
use crate::serve::BASE;
use crate::target::{Failure, Reason};
use serde_json::{Value, json};
use std::path::Path;

/// Decisions in one call, as the front takes them.
const AT_ONCE: usize = 500;

/// A registrar's front, and a person's token.
pub struct Decider {
    client: Client,
    token: Secret,
}

/// What became of one decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// The request's id.
    pub request: String,
    /// Where it stands, how many agree and how many must; or why it does not count.
    pub outcome: Result<String, String>,
}

impl Decider {
    /// A front by its address, and the file that holds the token.
    ///
    /// # Errors
    /// If the settings make no client, or the file cannot be read or may be read by everybody.
    pub fn open(at: &At, token_file: &Path) -> Result<Self, Failure> {
        let address = format!("{}{BASE}", at.address.trim_end_matches('/').trim_end_matches(BASE));
        let (ca_file, client_cert_file, client_key_file) = (at.ca_file.clone(), at.client_cert_file.clone(), at.client_key_file.clone());
        let settings = Settings { address, ca_file, client_cert_file, client_key_file, ..Settings::default() };
        Ok(Self { client: Client::open("registrar", &settings)?, token: read_private("registrar", "--vault-token-file", token_file)? })
    }

    /// A request exactly as it would be sent.
    ///
    /// # Errors
    /// If the registrar does not answer, or refuses.
    pub fn proposal(&self, id: &str) -> Result<Request, Failure> {
        let answer = self.call("GET", &format!("/onboarding/requests/{}/proposal", segment(id)), None)?;
        serde_json::from_slice(&answer.body).map_err(|_| self.client.failure(Reason::Garbled, "proposal: the answer is no request"))
    }

    /// Says what one thinks of requests.
    ///
    /// # Errors
    /// If the registrar does not answer, or the vault does not know the token, or it is no approver's.
    pub fn decide(&self, decisions: &[Decision]) -> Result<Vec<Decided>, Failure> {
        let mut all = Vec::new();
        for some in decisions.chunks(AT_ONCE) {
            let answer = self.call("POST", "/onboarding/decisions", Some(json!({ "decisions": some }).to_string().as_bytes()))?.json();
            all.extend(answer["decisions"].as_array().into_iter().flatten().map(decided));
        }
        Ok(all)
    }

    fn call(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<Answer, Failure> {
        let headers = [("X-Vault-Token", self.token.reveal()), ("Content-Type", "application/json")];
        let answer = self.client.call(method, path, &headers, body)?;
        let reason = match answer.status {
            200 => return Ok(answer),
            401 => Reason::Unauthenticated,
            403 => Reason::Denied,
            429 => Reason::Throttled(answer.retry_after),
            500..=599 => Reason::Unreachable,
            _ => Reason::Refused,
        };
        // What was sent may come back in an error's text.
        let said = answer.json()["detail"].as_str().unwrap_or("without a reason").replace(self.token.reveal(), "…");
        Err(self.client.failure(reason, &format!("{path}: {} {}", answer.status, clean(&said))))
    }
}

fn decided(one: &Value) -> Decided {
    let text = |name: &str| one[name].as_str().map(clean);
    let stands = || format!("{}: {} of {} agree", text("state").unwrap_or_default(), one["agreed"], one["required"]);
    Decided { request: text("request").unwrap_or_default(), outcome: text("problem").map_or_else(|| Ok(stands()), Err) }
}
