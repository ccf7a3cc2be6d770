//! Our own enrollment contract, `openapi/enrollment.yaml`: whoever offers it can be proposed devices to.

use super::Settings;
use super::http::{Answer, Client, Secret, clean, read_private, segment, wrong};
use super::x509;
use crate::request::Request;
use crate::target::{Capabilities, Failure, Issued, IssuedList, Posture, Reason, Registered, Status, Target};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Most pages of the list of certificates read in one look.
const MAX_PAGES: usize = 1_000;
/// Most certificates taken in one look; the next look takes the next ones. One has about 1 kB.
const MAX_NEW: usize = 10_000;

/// Every operation of the contract: its id there, method and path. A test holds the two together.
pub const OPERATIONS: &[(&str, &str, &str)] = &[
    ("health", "GET", "/health"),
    ("submit", "POST", "/onboarding/requests"),
    ("list", "GET", "/onboarding/requests"),
    ("poll", "GET", "/onboarding/requests/{id}"),
    ("sign", "PUT", "/onboarding/requests/{id}/certificate"),
    ("posture", "PUT", "/onboarding/requests/{id}/posture"),
    ("deactivation", "PUT", "/onboarding/requests/{id}/deactivation"),
    ("certificates", "GET", "/certificates"),
];

/// A service that offers the contract.
pub struct Contract {
    pub(super) client: Client,
    pub(super) token_file: Option<PathBuf>,
}

impl Contract {
    /// A service by its settings. Nothing is sent yet.
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
        if settings.approle.is_some() {
            return Err(wrong(name, "approle is a vault's log-in: give token_file, or client_cert_file and client_key_file"));
        }
        if settings.token_file.is_none() && settings.client_cert_file.is_none() {
            return Err(wrong(name, "no log-in: give token_file, or client_cert_file and client_key_file"));
        }
        Ok(Self { client, token_file: settings.token_file.clone() })
    }

    /// One call of an operation, whatever its status.
    fn call(&self, operation: &str, id: &str, query: &str, key: Option<&str>, body: Option<&[u8]>) -> Result<Answer, Failure> {
        let known = OPERATIONS.iter().find(|(name, ..)| *name == operation);
        let (_, method, path) = known.ok_or_else(|| self.client.failure(Reason::Unsupported, "no such operation"))?;
        let path = format!("{}{query}", path.replace("{id}", &segment(id)));
        let bearer = self.bearer()?;
        let mut headers = vec![("Accept", "application/json, application/problem+json")];
        headers.extend(bearer.as_ref().map(|bearer| ("Authorization", bearer.reveal())));
        headers.extend(body.map(|_| ("Content-Type", "application/json")));
        headers.extend(key.map(|key| ("Idempotency-Key", key)));
        self.client.call(method, &path, &headers, body)
    }

    /// Read at every call: a token that is replaced in its file holds from the next call on.
    fn bearer(&self) -> Result<Option<Secret>, Failure> {
        let file = self.token_file.as_deref();
        let token = file.map(|file| read_private(self.client.name(), "token_file", file)).transpose()?;
        Ok(token.map(|token| Secret::new(&format!("Bearer {}", token.reveal()))))
    }

    pub(super) fn judge(&self, operation: &str, answer: &Answer) -> Failure {
        let problem = answer.json();
        let mut said = ["title", "detail", "request"].map(|field| problem[field].as_str().unwrap_or_default()).join(" ");
        let (reason, todo) = meaning(answer);
        // What was sent may come back in an error's text.
        if let Ok(Some(bearer)) = self.bearer() {
            said = said.replace(bearer.reveal().trim_start_matches("Bearer "), "…");
        }
        self.client.failure(reason, &format!("{operation}: {} {}: {todo}", answer.status, clean(&said)))
    }

    fn garbled(&self, operation: &str) -> Failure {
        self.client.failure(Reason::Garbled, &format!("{operation}: the answer is none of openapi/enrollment.yaml; is the address right?"))
    }

    pub(super) fn registration(&self, operation: &str, answer: &Answer) -> Result<Value, Failure> {
        let body = answer.json();
        let states = ["pending_approval", "registered", "enrolled", "rejected", "gone"];
        let id = body["id"].as_str().is_some_and(|id| !id.is_empty() && id.len() <= 128 && id.chars().any(|c| c != '.'));
        let state = body["state"].as_str().is_some_and(|state| states.contains(&state));
        if id && state { Ok(body) } else { Err(self.garbled(operation)) }
    }

    fn say(&self, operation: &str, registered: &Registered, body: &Value) -> Result<(), Failure> {
        let answer = self.call(operation, &registered.external_id, "", None, Some(body.to_string().as_bytes()))?;
        if matches!(answer.status, 202 | 204) { Ok(()) } else { Err(self.judge(operation, &answer)) }
    }
}

fn meaning(answer: &Answer) -> (Reason, &'static str) {
    match answer.status {
        400 | 413 | 422 => (Reason::Refused, "it does not take the request as it stands"),
        401 => (Reason::Unauthenticated, "token_file or the client certificate is wrong or has expired"),
        403 => (Reason::Denied, "the credential lacks this right"),
        404 | 410 => (Reason::Refused, "it knows no such registration"),
        409 => (Reason::Conflict, "another request for this device is open there: decide there which one holds"),
        429 => (Reason::Throttled(answer.retry_after), "too many requests; tried again later"),
        501 => (Reason::Unsupported, "it cannot do it"),
        503 if answer.retry_after.is_some() => (Reason::Throttled(answer.retry_after), "not now; tried again later"),
        500..=599 => (Reason::Unreachable, "it is in trouble; tried again later"),
        _ => (Reason::Garbled, "no status of openapi/enrollment.yaml; is the address right?"),
    }
}

impl Target for Contract {
    fn kind(&self) -> &'static str {
        "enrollment"
    }

    fn probe(&mut self) -> Result<Capabilities, Failure> {
        let answer = self.call("health", "", "", None, None)?;
        let body = answer.json();
        match (answer.status, body["server"].as_str(), body["register"].as_bool()) {
            (200, Some(server), Some(register)) => Ok(Capabilities {
                server: clean(server),
                register,
                sign: body["sign"].as_array().into_iter().flatten().filter_map(Value::as_str).map(clean).collect(),
                list: body["list"] == true,
                ..Capabilities::default()
            }),
            (200, ..) => Err(self.garbled("health")),
            _ => Err(self.judge("health", &answer)),
        }
    }

    fn register(&mut self, request: &Request) -> Result<Registered, Failure> {
        let answer = self.call("submit", "", "", Some(&request.id), Some(&request.canonical()))?;
        if !matches!(answer.status, 200..=202) {
            return Err(self.judge("submit", &answer));
        }
        let body = self.registration("submit", &answer)?;
        let external_id = body["id"].as_str().unwrap_or_default().to_owned();
        Ok(Registered { external_id, replayed: answer.replayed || answer.status == 200 })
    }

    fn sign(&mut self, request: &Request, csr_pem: &str) -> Result<Issued, Failure> {
        // The registration's id is theirs; the same request finds it.
        let registered = self.register(request)?;
        let body = json!({ "csr_pem": csr_pem }).to_string();
        let answer = self.call("sign", &registered.external_id, "", None, Some(body.as_bytes()))?;
        match answer.status {
            200 => {}
            202 => return Err(self.client.failure(Reason::Throttled(answer.retry_after), "sign: people there decide about it; asked again later")),
            _ => return Err(self.judge("sign", &answer)),
        }
        let body = answer.json();
        let pem = body["certificate_pem"].as_str().unwrap_or_default();
        let read = x509::certificate(pem).ok_or_else(|| self.garbled("sign"))?;
        if x509::certificate_key(pem) != x509::csr_key(csr_pem) {
            return Err(self.client.failure(Reason::Refused, "sign: the certificate bears another key than the CSR: have it revoked there"));
        }
        let chain_pem = body["chain_pem"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Issued { serial: read.serial, certificate_pem: pem.trim().to_owned(), chain_pem, not_after: read.not_after })
    }

    fn status(&mut self, registered: &Registered) -> Result<Status, Failure> {
        let answer = self.call("poll", &registered.external_id, "", None, None)?;
        match answer.status {
            200 => {}
            404 | 410 => return Ok(Status::Gone),
            _ => return Err(self.judge("poll", &answer)),
        }
        let body = self.registration("poll", &answer)?;
        Ok(match body["state"].as_str().unwrap_or_default() {
            "registered" => Status::Registered,
            "enrolled" => Status::Enrolled(body["serial"].as_str().map(x509::plain).filter(|serial| !serial.is_empty())),
            "rejected" => Status::Rejected(clean(body["reason"].as_str().unwrap_or("no reason is given"))),
            "gone" => Status::Gone,
            _ => Status::Pending(answer.retry_after),
        })
    }

    fn issued(&mut self, known: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        let mut list = IssuedList { complete: true, ..IssuedList::default() };
        let mut query = String::new();
        for _ in 0..MAX_PAGES {
            let answer = self.call("certificates", "", &query, None, None)?;
            if answer.status != 200 {
                return Err(self.judge("certificates", &answer));
            }
            let body = answer.json();
            let (Some(page), Some(revoked), Some(complete)) =
                (body["certificates"].as_array(), body["revoked"].as_array(), body["complete"].as_bool())
            else {
                return Err(self.garbled("certificates"));
            };
            list.complete &= complete;
            list.revoked.extend(revoked.iter().filter_map(Value::as_str).map(x509::plain));
            for pem in page.iter().map(|one| one["certificate_pem"].as_str().unwrap_or_default()) {
                let read = x509::certificate(pem).ok_or_else(|| self.garbled("certificates"))?;
                if list.new.len() >= MAX_NEW {
                    (list.complete, list.more) = (false, true);
                    return Ok(list);
                }
                if !known(&read.serial) {
                    let issued =
                        Issued { serial: read.serial, certificate_pem: pem.trim().to_owned(), chain_pem: Vec::new(), not_after: read.not_after };
                    if read.authority { list.authorities.push(issued) } else { list.new.push(issued) }
                }
            }
            let Some(next) = body["next"].as_str() else { return Ok(list) };
            query = format!("?cursor={}", segment(next));
        }
        list.complete = false;
        Ok(list)
    }

    fn posture(&mut self, registered: &Registered, posture: &Posture) -> Result<(), Failure> {
        let body = json!({ "state": posture.state, "serial": posture.serial, "as_of": posture.as_of, "findings": posture.findings });
        self.say("posture", registered, &body)
    }

    fn propose_deactivation(&mut self, registered: &Registered, why: &str) -> Result<(), Failure> {
        self.say("deactivation", registered, &json!({ "why": why }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> String {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/enrollment.yaml");
        std::fs::read_to_string(file).unwrap()
    }

    /// Operations of the published contract by its indentation: path, method, id and the statuses that it answers.
    fn operations(yaml: &str) -> Vec<(String, String, String, Vec<u16>)> {
        let mut found: Vec<(String, String, String, Vec<u16>)> = Vec::new();
        let mut path = String::new();
        let paths = yaml.split_once("\npaths:\n").unwrap().1.split_once("\ncomponents:\n").unwrap().0;
        for line in paths.lines() {
            let indent = line.len() - line.trim_start().len();
            let word = line.trim().split(':').next().unwrap();
            match indent {
                2 => path = word.to_owned(),
                4 if word != "parameters" => found.push((path.clone(), word.to_uppercase(), String::new(), Vec::new())),
                6 if word == "operationId" => found.last_mut().unwrap().2 = line.split_once(": ").unwrap().1.to_owned(),
                8 if word.starts_with('"') => found.last_mut().unwrap().3.push(word.trim_matches('"').parse().unwrap()),
                _ => {}
            }
        }
        found
    }

    #[test]
    fn the_client_calls_what_is_published_and_all_of_it() {
        let published: Vec<_> = operations(&published()).into_iter().map(|(path, method, id, _)| (id, method, path)).collect();
        let called: Vec<_> = OPERATIONS.iter().map(|(id, method, path)| ((*id).to_owned(), (*method).to_owned(), (*path).to_owned())).collect();
        assert_eq!(published, called);
    }

    #[test]
    fn every_published_status_has_its_meaning() {
        let mut seen = 0;
        for (path, method, id, statuses) in operations(&published()) {
            for status in statuses.into_iter().filter(|status| *status >= 300) {
                let answer = Answer { status, body: Vec::new(), location: None, retry_after: None, replayed: false };
                assert_ne!(meaning(&answer).0, Reason::Garbled, "{id}: {method} {path} answers {status}");
                seen += 1;
            }
        }
        assert!(seen > 40, "{seen} statuses");
    }

    #[test]
    fn a_request_has_the_published_fields() {
        let request = serde_json::to_value(Request::default()).unwrap();
        let yaml = published();
        let block = yaml.split_once("\n    Request:\n").unwrap().1.split_once("\n    Registration:\n").unwrap().0;
        let file = block.split_once("$ref: \"").unwrap().1.split_once('"').unwrap().0;
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi").join(file);
        let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let names = |list: &Value| list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        let mut listed = names(&schema["required"]);
        listed.sort_unstable();
        let mut described: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        described.sort_unstable();
        assert_eq!(listed, described, "nothing may be left out");
        assert_eq!(listed, request.as_object().unwrap().keys().cloned().collect::<Vec<_>>());
    }
}
