//! A signed `POST` to whatever takes one: as our own document, or as a template makes it.
//!
//! `X-Signature: t=SECONDS,kid=KEY,v1=HEX`: HMAC-SHA256 (RFC 2104) over `t.METHOD.PATH.SHA256(body)`, the digest in lower-case hex. The
//! receiver knows the key by its id, and may hold two while one is replaced; [`verify`] is what it does.

use super::http::{Answer, Client, Secret, clean, read, read_private, wrong};
use super::{Settings, now};
use crate::request::{Request, digest};
use crate::target::{Capabilities, Failure, Issued, IssuedList, Posture, Reason, Registered, Status, Target};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Seconds by which a signature's time may differ from the receiver's clock.
pub const WINDOW: i64 = 300;
/// Shortest key in bytes: the digest's length, below which HMAC loses strength (RFC 2104, section 3).
const MIN_KEY: usize = 32;

/// A receiver.
pub struct Webhook {
    client: Client,
    path: String,
    key_id: String,
    key: Secret,
    template: Option<Value>,
}

impl Webhook {
    /// A receiver by its settings. Nothing is sent yet.
    ///
    /// # Errors
    /// If they do not make one.
    pub fn open(name: &str, settings: &Settings) -> Result<Self, Failure> {
        let (Some(key_id), Some(key_file)) = (&settings.key_id, &settings.key_file) else {
            return Err(wrong(name, "key_id and key_file are missing: what is sent is signed"));
        };
        if key_id.is_empty() || !key_id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            return Err(wrong(name, "key_id is letters, digits, dashes, dots and underscores"));
        }
        let key = read_private(name, "key_file", key_file)?;
        if key.reveal().len() < MIN_KEY {
            return Err(wrong(name, &format!("the key in key_file is shorter than {MIN_KEY} bytes: openssl rand -hex 32 makes one")));
        }
        let template = settings.template_file.as_deref().map(|file| template(name, &read(name, "template_file", file)?)).transpose()?;
        let client = Client::open(name, settings)?;
        let rest = client.base().split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned();
        Ok(Self { client, path, key_id: key_id.clone(), key, template })
    }

    /// Sends JSON of another kind, signed like the rest: events go this way, too. What is sent again under one id is the same.
    ///
    /// # Errors
    /// If it was not taken; [`Failure::reason`] says why.
    pub fn notify(&self, id: &str, body: &[u8]) -> Result<(), Failure> {
        self.post(id, body).map(|_| ())
    }

    fn post(&self, id: &str, body: &[u8]) -> Result<Answer, Failure> {
        let signature = sign(self.key.reveal().as_bytes(), &self.key_id, now(), "POST", &self.path, body);
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", id), ("X-Signature", &signature)];
        let answer = self.client.call("POST", "", &headers, Some(body))?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(self.judge(&answer)) }
    }

    fn judge(&self, answer: &Answer) -> Failure {
        let (reason, todo) = match answer.status {
            401 | 403 => {
                (Reason::Unauthenticated, "it refuses the signature: does it know key_id, is the key the same, and do the clocks agree within 300 s?")
            }
            404 | 410 => (Reason::Refused, "nothing is there: check the address"),
            409 => (Reason::Conflict, "it knows this device from another request: decide there which one holds"),
            408 | 425 => (Reason::Unreachable, "not now; tried again later"),
            400..=428 | 430..=499 => (Reason::Refused, "it does not take the request as it stands: check the template"),
            429 => (Reason::Throttled(answer.retry_after), "too many requests; tried again later"),
            503 if answer.retry_after.is_some() => (Reason::Throttled(answer.retry_after), "not now; tried again later"),
            500..=599 => (Reason::Unreachable, "it is in trouble; tried again later"),
            _ => (Reason::Garbled, "no status of a webhook; check the address"),
        };
        let said = clean(&String::from_utf8_lossy(&answer.body));
        self.client.failure(reason, &format!("{} {said}: {todo}", answer.status))
    }

    fn event(&self, event: &str, registered: &Registered, body: &Value) -> Result<(), Failure> {
        if self.template.is_some() {
            return Err(self.client.failure(Reason::Unsupported, &format!("the template makes registrations: there is no form for {event}")));
        }
        let text = json!({ "schema": "wirecensus.webhook/1", "event": event, "registration": registered.external_id, event: body }).to_string();
        // What is said again is the same event; what differs is another one.
        self.post(&digest(text.as_bytes()), text.as_bytes()).map(|_| ())
    }
}

impl Target for Webhook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn probe(&mut self) -> Result<Capabilities, Failure> {
        // Any answer shows that somebody is there; what it thinks of our signature shows with the first request only.
        let answer = self.client.call("HEAD", "", &[], None)?;
        let mut capabilities = Capabilities { server: "a webhook".to_owned(), register: answer.status < 500, ..Capabilities::default() };
        if answer.status >= 500 {
            capabilities.notes.push(format!("it answers {}: is the receiver up?", answer.status));
        }
        capabilities
            .notes
            .push("a webhook signs nothing, keeps no list and tells nothing back: whether the key is right shows with the first request".to_owned());
        Ok(capabilities)
    }

    fn register(&mut self, request: &Request) -> Result<Registered, Failure> {
        let body = match &self.template {
            Some(template) => fill(template, &serde_json::to_value(request).unwrap_or_default()).to_string().into_bytes(),
            None => request.canonical(),
        };
        let answer = self.post(&request.id, &body)?;
        let theirs = answer.json()["id"].as_str().map(clean).filter(|id| !id.is_empty());
        Ok(Registered { external_id: theirs.unwrap_or_else(|| request.id.clone()), replayed: answer.replayed })
    }

    fn sign(&mut self, _: &Request, _: &str) -> Result<Issued, Failure> {
        Err(self.client.failure(Reason::Unsupported, "a webhook signs nothing"))
    }

    fn status(&mut self, _: &Registered) -> Result<Status, Failure> {
        Err(self.client.failure(Reason::Unsupported, "a webhook tells nothing back"))
    }

    fn issued(&mut self, _: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        Err(self.client.failure(Reason::Unsupported, "a webhook keeps no list"))
    }

    fn posture(&mut self, registered: &Registered, posture: &Posture) -> Result<(), Failure> {
        let body = json!({ "state": posture.state, "serial": posture.serial, "as_of": posture.as_of, "findings": posture.findings });
        self.event("posture", registered, &body)
    }

    fn propose_deactivation(&mut self, registered: &Registered, why: &str) -> Result<(), Failure> {
        self.event("deactivation", registered, &json!({ "why": why }))
    }
}

/// The MAC over what is sent. `None` for a key that HMAC does not take, of which there is none.
fn mac(key: &[u8], time: i64, method: &str, path: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let hex = digest(body);
    let text = format!("{time}.{method}.{path}.{}", hex.strip_prefix("sha256:").unwrap_or(&hex));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// The value of `X-Signature`.
#[must_use]
pub fn sign(key: &[u8], key_id: &str, time: i64, method: &str, path: &str, body: &[u8]) -> String {
    let tag = mac(key, time, method, path, body)
        .map(|mac| mac.finalize().into_bytes().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")));
    format!("t={time},kid={key_id},v1={}", tag.unwrap_or_default())
}

/// Whether a signature holds, by the receiver's keys and clock (seconds since 1970). Compares in constant time.
#[must_use]
pub fn verify(signature: &str, keys: &[(&str, &[u8])], clock: i64, method: &str, path: &str, body: &[u8]) -> bool {
    let field = |name: &str| signature.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (Some(time), Some(key_id), Some(tag)) = (field("t").and_then(|time| time.parse::<i64>().ok()), field("kid"), field("v1").and_then(bytes))
    else {
        return false;
    };
    let near = time.checked_sub(clock).is_some_and(|apart| apart.checked_abs().is_some_and(|apart| apart <= WINDOW));
    near && keys.iter().any(|(id, key)| *id == key_id && mac(key, time, method, path, body).is_some_and(|mac| mac.verify_slice(&tag).is_ok()))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

/// A template: JSON whose texts may hold `{field}`, a path into the request such as `{identifiers.mac.0}`; `{{` stands for a brace.
fn template(name: &str, text: &[u8]) -> Result<Value, Failure> {
    let parsed: Value = serde_json::from_slice(text).map_err(|error| wrong(name, &format!("template_file is no JSON: {error}")))?;
    let fields = serde_json::to_value(Request::default()).unwrap_or_default();
    let mut unknown = Vec::new();
    each_text(&parsed, &mut |text| {
        let known = |field: &str| field.split('.').next().is_some_and(|first| fields.get(first).is_some());
        unknown.extend(pieces(text).into_iter().filter_map(|piece| match piece {
            Piece::Field(field) if !known(field) => Some(field.to_owned()),
            _ => None,
        }));
    });
    match unknown.first() {
        None => Ok(parsed),
        Some(field) => {
            let list = fields.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default();
            Err(wrong(name, &format!("template_file: a request has no field {{{}}}; it has {list}", clean(field))))
        }
    }
}

fn each_text(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(list) => list.iter().for_each(|one| each_text(one, visit)),
        Value::Object(map) => map.values().for_each(|one| each_text(one, visit)),
        _ => {}
    }
}

/// The template with the request's values. A text that is one field alone becomes its value, lists and numbers too.
fn fill(template: &Value, request: &Value) -> Value {
    match template {
        Value::String(text) => match pieces(text).as_slice() {
            [Piece::Field(field)] => at(request, field).clone(),
            pieces => Value::String(pieces.iter().map(|piece| piece.text(request)).collect()),
        },
        Value::Array(list) => list.iter().map(|one| fill(one, request)).collect(),
        Value::Object(map) => map.iter().map(|(name, one)| (name.clone(), fill(one, request))).collect(),
        other => other.clone(),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Field(&'a str),
}

impl Piece<'_> {
    fn text(&self, request: &Value) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Field(field) => match at(request, field) {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            },
        }
    }
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        if let Some(literal) = after.strip_prefix('{') {
            found.push(Piece::Text("{"));
            rest = literal;
        } else if let Some((field, after)) = after.split_once('}') {
            found.push(Piece::Field(field));
            rest = after;
        } else {
            found.push(Piece::Text("{"));
            rest = after;
        }
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, part| match value {
        Value::Array(list) => part.parse::<usize>().ok().and_then(|index| list.get(index)).unwrap_or(&Value::Null),
        other => other.get(part).unwrap_or(&Value::Null),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Identifiers;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn a_signature_holds_for_its_key_time_path_and_body_alone() {
        let signature = sign(KEY, "k2", 1_000, "POST", "/hook", b"{}");
        let keys: &[(&str, &[u8])] = &[("k1", b"another key of thirty-two bytes.."), ("k2", KEY)];
        assert!(verify(&signature, keys, 1_000 + WINDOW, "POST", "/hook", b"{}"), "either of two keys, while one is replaced");
        assert!(!verify(&signature, keys, 1_001 + WINDOW, "POST", "/hook", b"{}"), "too old");
        assert!(!verify(&signature, keys, 999 - WINDOW, "POST", "/hook", b"{}"), "of the future");
        assert!(!verify(&signature, keys, 1_000, "POST", "/other", b"{}"));
        assert!(!verify(&signature, keys, 1_000, "POST", "/hook", b"{ }"));
        assert!(!verify(&signature.replace("k2", "k1"), keys, 1_000, "POST", "/hook", b"{}"));
        for broken in ["", "t=1000,kid=k2", "t=x,kid=k2,v1=00", "t=-9223372036854775808,kid=k2,v1=00", "t=1000,kid=k2,v1=é"] {
            assert!(!verify(broken, keys, 1_000, "POST", "/hook", b"{}"), "{broken}");
        }
    }

    #[test]
    fn a_template_is_filled_and_an_unknown_field_named() {
        let text = br#"{"name":"dev-{device_id}","mac":"{identifiers.mac.0}","all":"{identifiers.mac}","sure":"{confidence}","none":"{attributes.model}","brace":"{{x}"}"#;
        let filled = template("w", text).unwrap();
        let identifiers = Identifiers { mac: vec!["00:80:f4:01:02:03".to_owned()], ..Identifiers::default() };
        let request = Request { device_id: "a\"b".to_owned(), confidence: 90, identifiers, ..Request::default() };
        let filled = fill(&filled, &serde_json::to_value(&request).unwrap());
        let expected =
            json!({ "name": "dev-a\"b", "mac": "00:80:f4:01:02:03", "all": ["00:80:f4:01:02:03"], "sure": 90, "none": null, "brace": "{x}" });
        assert_eq!(filled, expected);
        let failure = template("w", br#"{"a":["{password}"]}"#).unwrap_err();
        assert!(failure.message.contains("{password}") && failure.message.contains("device_id"), "{failure}");
    }
}
