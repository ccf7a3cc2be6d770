//! The registrar's front over HTTPS on loopback: sensors on other hosts propose, strangers are refused, and nothing grows without end.

mod support;

use enrollment::policy::{Policy, Sensor};
use enrollment::propose::candidates;
use enrollment::registrar::Registrar;
use enrollment::request::{Request, digest};
use enrollment::serve::{Bound, Front, Server, of_call, of_proposal};
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::store::Store;
use enrollment::target::Reason;
use enrollment::targets::Settings;
use enrollment::targets::proposing::{At, Proposer};
use inventory::document::{AttributeRecord, Device, Document, Enrollability, Managed};
use rcgen::{CertifiedIssuer, KeyPair};
use serde_json::Value;
use support::{authority, leaf, write};

/// A registrar that listens, and the keys of its sensors.
struct Scene {
    folder: tempfile::TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
    address: String,
    server: Option<Server>,
    keys: [String; 2],
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.take().expect("it answers").end();
    }
}

impl Scene {
    fn new(clients: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = authority();
        let (certificate, key) = leaf(&ca, "registrar", &["127.0.0.1"]);
        let file = |name: &str, text: &str| {
            write(&folder.path().join(name), text);
            folder.path().join(name)
        };
        let cert_file = file("front.crt", &certificate);
        let key_file = file("front.key", &key);
        let ca_file = file("ca.crt", &ca.pem());
        let keys = ["north.key", "south.key"].map(|name| Key::of_file(&folder.path().join(name)).unwrap().public());
        let sensor = keys.iter().map(|key| Sensor { name: "sensor".into(), public_key: key.clone() }).collect();
        let vault = Settings { kind: "vault".into(), profiles: vec!["iot-camera".into()], ..Settings::default() };
        let policy = Policy { sensor, targets: [("vault".to_owned(), vault)].into(), ..Policy::default() };
        let registrar = Registrar { store: Store::open(&folder.path().join("r.db")).unwrap(), policy };
        let front = Front { cert_file, key_file, client_ca_file: clients.then_some(ca_file), listen: None };
        let bound = Bound::open("127.0.0.1:0".parse().unwrap(), &front).unwrap();
        let address = format!("https://{}", bound.address());
        let own = Key::of_file(&folder.path().join("own.key")).unwrap();
        Self { folder, ca, address, server: Some(bound.serve(registrar, own).unwrap()), keys }
    }

    fn at(&self) -> At {
        At { address: self.address.clone(), ca_file: Some(self.folder.path().join("ca.crt")), ..At::default() }
    }

    fn key(&self, name: &str) -> Key {
        Key::of_file(&self.folder.path().join(name)).unwrap()
    }

    fn sensor(&self, name: &str) -> Proposer {
        Proposer::open(&self.at(), self.key(name)).unwrap()
    }

    /// A call as anybody may make one: status and what came back.
    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
        let agent = support::agent(&self.ca.pem(), None);
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = agent.run(request.body(body.to_vec()).unwrap()).unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let status = answer.status().as_u16();
        assert_eq!(kind.as_str(), if status >= 400 { "application/problem+json" } else { "application/json" });
        (status, serde_json::from_slice(&answer.body_mut().read_to_vec().unwrap()).unwrap())
    }

    fn post(&self, signature: &str, key: &str, body: &[u8]) -> (u16, Value) {
        self.call("POST", "/api/v1/onboarding/requests", &[("X-Signature", signature), ("Idempotency-Key", key)], body)
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.path().join("r.db")).unwrap()
    }
}

/// What a rule makes of a camera with these ids.
fn proposed(ids: [&str; 2], serial: &str) -> Request {
    let attribute = |value: &str| AttributeRecord { value: value.into(), confidence: 90, ..AttributeRecord::default() };
    let camera = Device {
        id: ids[0].into(),
        aliases: vec![ids[1].into()],
        kind: "device".into(),
        site: "north".into(),
        reach: "local".into(),
        class: "surveillance".into(),
        kind_of_device: "camera".into(),
        macs: vec!["00:80:f4:01:02:03".into()],
        attributes: [("type".to_owned(), attribute("camera")), ("serial".to_owned(), attribute(serial))].into(),
        managed: Managed { state: "unmanaged".into(), ..Managed::default() },
        enrollability: vec![Enrollability { method: "EST".into(), ..Enrollability::default() }],
        ..Device::default()
    };
    let policy =
        "[[enrollment.rule]]\nname = \"cameras\"\ntarget = \"vault\"\nprofile = \"iot-camera\"\n[enrollment.targets.vault]\nkind = \"vault\"";
    let document = Document { devices: vec![camera], ..Document::default() };
    *candidates(&document, &Policy::of_toml(policy).unwrap()).pop().unwrap().outcome.unwrap()
}

const A: &str = "018f5c2e-7a10-7c3e-9d55-0a0b0c0d0e0a";
const B: &str = "018f5c2e-7a10-7c3e-9d55-0a0b0c0d0e0b";
const C: &str = "018f5c2e-7a10-7c3e-9d55-0a0b0c0d0e0c";

#[test]
fn two_sensors_that_see_one_device_make_one_request() {
    let scene = Scene::new(false);
    let (north, south) = (scene.sensor("north.key"), scene.sensor("south.key"));
    assert_eq!(scene.keys, [north.public_key(), south.public_key()]);
    let first = north.propose(proposed([A, B], "1")).unwrap();
    assert_eq!((first.state.as_str(), first.known), ("pending_approval", false));
    assert!(north.propose(proposed([A, B], "1")).unwrap().known, "made twice, it is one");
    let second = south.propose(proposed([B, A], "1")).unwrap();
    assert!(second.known && second.id == first.id, "{second:?}");
    // The south sees the device by another of its keys: the request that stands is named.
    let third = south.propose(proposed([B, C], "1")).unwrap();
    assert!(third.known && third.id == first.id, "{third:?}");
    assert_eq!(scene.store().all().unwrap().len(), 1);
    assert_eq!(south.poll(&first.id).unwrap().state, "pending_approval");
    assert_eq!(south.poll("none").unwrap_err().reason, Reason::Refused);
    // What changed is one request, too, and asked for anew.
    assert!(!north.propose(proposed([A, B], "2")).unwrap().known);
    let held = scene.store().get(&first.id).unwrap().unwrap();
    assert_eq!((held.state, held.request.identifiers.serial.as_slice()), (State::AwaitingApproval, ["2".to_owned()].as_slice()));
    assert!(held.reason.contains("changed"), "{}", held.reason);
}

#[test]
fn a_stranger_is_refused_whatever_he_says_and_fills_no_log() {
    let scene = Scene::new(false);
    let stranger = scene.key("stranger.key");
    let failure = scene.sensor("stranger.key").propose(proposed([A, B], "1")).unwrap_err();
    assert!(failure.reason == Reason::Denied && failure.message.contains("[[enrollment.sensor]]"), "{failure}");
    let signed = scene.key("north.key").propose(proposed([A, B], "1"));
    let body = signed.request.canonical();
    let id = signed.request.id.clone();
    let foreign = stranger.propose(proposed([A, B], "1"));
    let borrowed = format!("kid={},ed25519={}", signed.public_key, foreign.signature);
    let mut changed = signed.request.clone();
    changed.identity_profile = "domain-controller".into();
    for (signature, body) in [("", &body), (borrowed.as_str(), &body), (&of_proposal(&foreign), &body), (&of_proposal(&signed), &changed.canonical())]
    {
        assert_eq!(scene.post(signature, &id, body).0, 403, "{signature}");
    }
    let get = |headers: &[(&str, &str)]| scene.call("GET", "/api/v1/onboarding/requests", headers, b"").0;
    let path = "/api/v1/onboarding/requests";
    assert_eq!(get(&[]), 403);
    assert_eq!(get(&[("X-Signature", &of_call(&stranger, "GET", path, now()))]), 403);
    assert_eq!(get(&[("X-Signature", &of_call(&scene.key("north.key"), "GET", path, now() - 3_600))]), 403, "what was recorded is of no use later");
    assert_eq!(get(&[("X-Signature", &of_call(&scene.key("north.key"), "GET", path, now()))]), 200);
    let (store, log) = (scene.store(), scene.store().audit().unwrap());
    assert!(store.all().unwrap().is_empty());
    assert!((1..=2).contains(&log.len()), "{} lines for a minute of refusals", log.len());
    assert!(enrollment::audit::verify(log.into_iter()).is_ok());
}

#[test]
fn what_a_listed_sensor_may_not_say_is_refused_by_its_reason() {
    let scene = Scene::new(false);
    let key = scene.key("north.key");
    let status = |change: fn(&mut Request)| {
        let mut request = proposed([A, B], "1");
        change(&mut request);
        let signed = key.propose(request);
        let (status, problem) = scene.post(&of_proposal(&signed), &signed.request.id, &signed.request.canonical());
        (status, problem["detail"].as_str().unwrap_or_default().to_owned())
    };
    let told = |change, words: &str| {
        let (status, detail) = status(change);
        assert!(status == 422 && detail.contains(words), "{status} {detail}");
    };
    told(|request| request.id = C.into(), "does not follow");
    told(|request| request.target = "elsewhere".into(), "does not follow");
    told(|request| request.identity_profile = "admin".into(), "does not follow");
    told(|request| request.requested_by = "person:anna".into(), "names none");
    told(|request| request.evidence_digest = digest(b""), "evidence_digest");
    told(|request| request.device_keys.reverse(), "sorted");
    told(|request| request.schema = "wirecensus.enrollment-request/2".into(), "schema");
    assert_eq!(status(|_| ()).0, 202);

    let signed = key.propose(proposed([A, B], "2"));
    let (signature, body) = (of_proposal(&signed), signed.request.canonical());
    assert_eq!(scene.post(&signature, &signed.request.id, &body).0, 422, "the same key stands for another body");
    assert_eq!(scene.post(&signature, &format!("{}:{}", signed.request.id, digest(b"")), &body).0, 422);
    assert_eq!(scene.call("POST", "/api/v1/onboarding/requests", &[("X-Signature", &signature)], &body).0, 400, "no key");
    assert_eq!(scene.post(&signature, &signed.request.id, b"{}").0, 400);
    assert_eq!(scene.post(&signature, &format!("{}:{}", signed.request.id, digest(&body)), &body).0, 202);
    assert_eq!(scene.post(&signature, "x", &vec![b' '; 300 * 1024]).0, 413);
    assert_eq!(scene.call("GET", "/", &[], b"").0, 404);
    assert_eq!(scene.call("DELETE", "/api/v1/onboarding/requests", &[], b"").0, 404);
    assert_eq!(scene.call("PUT", "/api/v1/onboarding/requests/x/certificate", &[], b"{}").0, 403);
    let (status, health) = scene.call("GET", "/api/v1/health", &[], b"");
    assert!(status == 200 && health["register"] == false, "{health}");
}

#[test]
fn a_connection_needs_a_certificate_where_the_policy_says_so() {
    let scene = Scene::new(true);
    let failure = scene.sensor("north.key").propose(proposed([A, B], "1")).unwrap_err();
    // With TLS 1.3 the refusal may come after the call was sent: the connection is gone, then.
    assert!(matches!(failure.reason, Reason::Unauthenticated | Reason::Unreachable), "{failure}");
    let (certificate, key) = leaf(&scene.ca, "sensor", &["sensor.example"]);
    let file = |name: &str, text: &str| {
        write(&scene.folder.path().join(name), text);
        Some(scene.folder.path().join(name))
    };
    let at = At { client_cert_file: file("sensor.crt", &certificate), client_key_file: file("sensor.tls.key", &key), ..scene.at() };
    assert!(Proposer::open(&at, scene.key("north.key")).unwrap().propose(proposed([A, B], "1")).is_ok());
    assert!(Proposer::open(&at, scene.key("stranger.key")).unwrap().propose(proposed([A, B], "1")).is_err(), "and the signature all the same");
}

#[test]
fn those_who_say_nothing_keep_nobody_else_out() {
    let scene = Scene::new(false);
    let place = scene.address.strip_prefix("https://").unwrap();
    let idle: Vec<_> = (0..32).map(|_| std::net::TcpStream::connect(place).unwrap()).collect();
    assert!(scene.sensor("north.key").propose(proposed([A, B], "1")).is_ok());
    drop(idle);
}

#[allow(clippy::disallowed_methods, reason = "calls are signed with their time")]
fn now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn the_list_comes_a_page_at_a_time_and_holds_each_request_once() {
    let scene = Scene::new(false);
    let (key, mut store) = (scene.key("north.key"), scene.store());
    for number in 0..501 {
        let request = Request { id: format!("{number:04}"), target: "vault".into(), ..Request::default() };
        let note = enrollment::store::Note { actor: "test", action: "propose", subject: &request.id, detail: "" };
        store.put(&request, State::AwaitingApproval, "new", 1_000, &note).unwrap();
    }
    let page = |query: &str| {
        let path = format!("/api/v1/onboarding/requests{query}");
        let (status, body) = scene.call("GET", &path, &[("X-Signature", &of_call(&key, "GET", &path, now()))], b"");
        assert_eq!(status, 200, "{body}");
        let ids: Vec<String> = body["requests"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        (ids, body["next"].as_str().map(str::to_owned))
    };
    let (first, next) = page("");
    let (second, end) = page(&format!("?cursor={}", next.unwrap()));
    assert_eq!((first.len(), second.as_slice(), end), (500, ["0500".to_owned()].as_slice(), None));
    assert!(first.is_sorted());
}
