//! Every kind of target against a server that refuses, stalls, answers twice or garbage, and loses replies.

mod fake;
mod support;

use enrollment::request::Request;
use enrollment::target::{Failure, Posture, Reason, Registered, Status, Target};
use enrollment::targets::contract::Contract;
use enrollment::targets::vault::Vault;
use enrollment::targets::{Settings, open, webhook};
use fake::{Do, Fake, Got, json};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use support::{csr, request, write};

const TOKEN: &str = "s.this-token-is-never-shown";
const SOON: Duration = Duration::from_millis(700);

/// Settings of a kind at a fake, with a token in a file.
fn settings(kind: &str, address: &str, folder: &tempfile::TempDir) -> Settings {
    let file = folder.path().join("token");
    write(&file, TOKEN);
    Settings { kind: kind.to_owned(), address: address.to_owned(), token_file: Some(file), ..Settings::default() }
}

fn vault(address: &str) -> Vault {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings("vault", address, &folder);
    let vault = Vault::with_timeout("vault", &settings, SOON).unwrap();
    std::mem::forget(folder);
    vault
}

fn contract(address: &str) -> Contract {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings("enrollment", &format!("{address}/api/v1"), &folder);
    let contract = Contract::with_timeout("service", &settings, SOON).unwrap();
    std::mem::forget(folder);
    contract
}

fn reason(failure: &Failure) -> &Reason {
    assert!(!failure.message.contains(TOKEN), "{failure}");
    assert!(failure.message.len() < 900, "{failure}");
    &failure.reason
}

/// KV version 2 as `OpenBao` answers, in memory.
#[derive(Default)]
struct Kv(Mutex<BTreeMap<String, Vec<Value>>>);

impl Kv {
    fn answer(&self, got: &Got) -> Do {
        let mut records = self.0.lock().unwrap();
        let versions = records.entry(got.path.clone()).or_default();
        match got.method.as_str() {
            _ if got.path == "/v1/sys/health" => json(200, &json!({ "initialized": true, "sealed": false, "version": "2.7.2" })),
            _ if got.path.starts_with("/v1/sys/internal/ui/mounts/") => {
                json(200, &json!({ "data": { "type": "kv", "options": { "version": "2" } } }))
            }
            "GET" => match versions.last() {
                Some(data) => json(200, &json!({ "data": { "data": data, "metadata": { "version": versions.len() } } })),
                None => json(404, &json!({ "errors": [] })),
            },
            _ if got.json()["options"]["cas"].as_u64() == Some(versions.len() as u64) => {
                versions.push(got.json()["data"].clone());
                json(200, &json!({ "data": { "version": versions.len() } }))
            }
            _ => json(400, &json!({ "errors": ["check-and-set parameter did not match the current version"] })),
        }
    }
}

#[test]
fn a_registration_whose_answer_was_lost_is_made_once() {
    let (kv, lost) = (Kv::default(), Mutex::new(0));
    let fake = Fake::start(move |got| {
        let answer = kv.answer(got);
        let mut lost = lost.lock().unwrap();
        if got.method == "POST" && *lost < 2 {
            *lost += 1;
            return if *lost == 1 { Do::Close } else { Do::Half("{".to_owned()) };
        }
        answer
    });
    let mut vault = vault(&fake.address);
    let mut replayed = None;
    for _ in 0..5 {
        match vault.register(&request("lost")) {
            Ok(registered) => replayed = Some(registered.replayed),
            Err(failure) => assert!(failure.retry(), "{failure}"),
        }
    }
    assert_eq!(replayed, Some(true));
    let record = &fake.got().into_iter().filter(|got| got.method == "POST").map(|got| got.json()["options"]["cas"].clone()).collect::<Vec<_>>();
    assert!(record.iter().all(|cas| *cas == 0), "nothing is ever written over it: {record:?}");
}

#[test]
fn an_answer_given_twice_is_not_taken_for_the_next_one() {
    let kv = Kv::default();
    let fake = Fake::start(move |got| match kv.answer(got) {
        Do::Answer(status, _, body) if got.path.contains("/data/") => Do::Twice(status, body),
        answer => answer,
    });
    let mut vault = vault(&fake.address);
    for device in ["one", "two", "three"] {
        let first = vault.register(&request(device)).unwrap();
        assert!(!first.replayed, "{device}");
        assert_eq!(vault.status(&first).unwrap(), Status::Registered);
    }
    assert_eq!(vault.status(&Registered { external_id: "devices/inventory/never".to_owned(), replayed: false }).unwrap(), Status::Gone);
}

/// What is answered to every call, and what must be made of it by the vault's and by the contract's client.
type Bad = (&'static str, fn() -> Do, Reason, Reason);

fn bad() -> Vec<Bad> {
    vec![
        ("stalls", || Do::Stall, Reason::Unreachable, Reason::Unreachable),
        ("closes", || Do::Close, Reason::Unreachable, Reason::Unreachable),
        ("no HTTP", || Do::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Reason::Garbled, Reason::Garbled),
        ("HTML", || Do::Answer(200, vec![], "<html>welcome</html>".to_owned()), Reason::Garbled, Reason::Garbled),
        ("other JSON", || Do::Answer(200, vec![], "[1,2]".to_owned()), Reason::Garbled, Reason::Garbled),
        ("half", || Do::Half("{\"sealed\":false".to_owned()), Reason::Unreachable, Reason::Unreachable),
        (
            "429",
            || Do::Answer(429, vec![("Retry-After", "7".to_owned())], String::new()),
            Reason::Throttled(Some(Duration::from_secs(7))),
            Reason::Throttled(Some(Duration::from_secs(7))),
        ),
        ("502", || Do::Answer(502, vec![], "bad gateway".to_owned()), Reason::Unreachable, Reason::Unreachable),
        ("503", || Do::Answer(503, vec![], "maintenance".to_owned()), Reason::Unreachable, Reason::Unreachable),
        (
            "elsewhere",
            || Do::Answer(307, vec![("Location", "http://192.0.2.1/v1/sys/health".to_owned())], String::new()),
            Reason::Refused,
            Reason::Refused,
        ),
        ("circle", || Do::Answer(307, vec![("Location", "/v1/again".to_owned())], String::new()), Reason::Refused, Reason::Refused),
        ("teapot", || Do::Answer(299, vec![], "{}".to_owned()), Reason::Garbled, Reason::Garbled),
    ]
}

#[test]
fn every_bad_answer_is_told_apart() {
    for (what, answer, of_vault, of_contract) in bad() {
        let fake = Fake::start(move |_| answer());
        let close = |found: &Reason, wanted: &Reason| {
            found == wanted || (*wanted == Reason::Unreachable && *found == Reason::Garbled && matches!(what, "half" | "closes"))
        };
        let failure = vault(&fake.address).probe().unwrap_err();
        assert!(close(reason(&failure), &of_vault), "{what}: {failure:?}");
        let failure = contract(&fake.address).probe().unwrap_err();
        assert!(close(reason(&failure), &of_contract), "{what}: {failure:?}");
        let failure = contract(&fake.address).register(&request("x")).unwrap_err();
        assert!(close(reason(&failure), &of_contract), "{what}: {failure:?}");
    }
}

#[test]
fn a_health_that_is_no_health_is_told() {
    let cases = [
        (429, json!({ "initialized": true, "sealed": false, "standby": true, "version": "2.7.2" }), None),
        (472, json!({ "initialized": true, "sealed": false }), Some(Reason::Sealed)),
        (473, json!({ "initialized": true, "sealed": false }), Some(Reason::Sealed)),
        (501, json!({ "initialized": false, "sealed": true }), Some(Reason::Sealed)),
        (503, json!({ "initialized": true, "sealed": true }), Some(Reason::Sealed)),
    ];
    for (status, body, wanted) in cases {
        let kv = Kv::default();
        let fake = Fake::start(move |got| if got.path == "/v1/sys/health" { json(status, &body) } else { kv.answer(got) });
        let found = vault(&fake.address).register(&request("x")).err().map(|failure| reason(&failure).clone());
        assert_eq!(found, wanted, "{status}");
    }
}

#[test]
fn a_refused_token_is_tried_once_more_and_then_told() {
    let kv = Kv::default();
    let fake = Fake::start(move |got| match got.path.as_str() {
        path if path.contains("/data/") || path.ends_with("lookup-self") => {
            json(403, &json!({ "errors": [format!("permission denied for {TOKEN}")] }))
        }
        _ => kv.answer(got),
    });
    let failure = vault(&fake.address).register(&request("x")).unwrap_err();
    assert_eq!(*reason(&failure), Reason::Unauthenticated);
    assert_eq!(fake.count("POST", "/v1/devices/data/"), 1, "not hammered");
}

#[test]
fn a_credential_that_comes_back_in_an_error_is_not_repeated() {
    let echo = |got: &Got| json(400, &json!({ "errors": [format!("{:?} {}", got.headers, got.json())], "title": format!("{:?}", got.headers) }));
    let fake = Fake::start(move |got| if got.path == "/v1/sys/health" { json(200, &json!({ "sealed": false })) } else { echo(got) });
    let failure = vault(&fake.address).probe().unwrap_err();
    assert!(*reason(&failure) == Reason::Refused && failure.message.contains("x-vault-token"), "{failure}");
    let failure = contract(&fake.address).register(&request("x")).unwrap_err();
    assert!(*reason(&failure) == Reason::Refused && failure.message.contains("Bearer …"), "{failure}");
    let folder = tempfile::tempdir().unwrap();
    let (role_id_file, secret_id_file) = (folder.path().join("role"), folder.path().join("secret"));
    write(&role_id_file, "a-role");
    write(&secret_id_file, TOKEN);
    let approle = Some(enrollment::targets::AppRole { role_id_file, secret_id_file, wrapped: false });
    let settings = Settings { approle, token_file: None, ..settings("vault", &fake.address, &folder) };
    let failure = open("vault", &settings).unwrap().probe().unwrap_err();
    assert!(*reason(&failure) == Reason::Unauthenticated && failure.message.contains("secret_id"), "{failure}");
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let fake = Fake::start(|_| Do::Answer(200, vec![], "x".repeat(17 << 20)));
    let folder = tempfile::tempdir().unwrap();
    let failure = open("vault", &settings("vault", &fake.address, &folder)).unwrap().probe().unwrap_err();
    assert!(*reason(&failure) == Reason::Garbled && failure.message.contains("more than"), "{failure}");
}

/// `RustyVault` as it was recorded: KV version 1, errors in the singular, 500 for what it does not have.
fn rusty(got: &Got, records: &Mutex<BTreeMap<String, Value>>) -> Do {
    let none = || Do::Answer(404, vec![], String::new());
    match (got.method.as_str(), got.path.as_str()) {
        ("GET", "/v1/sys/seal-status") => json(200, &json!({ "sealed": false, "t": 1, "n": 1, "progress": 0 })),
        (_, path) if path.starts_with("/v1/sys/") => none(),
        (_, path) if path.starts_with("/v1/identity/") => json(404, &json!({ "error": "Router mount not found." })),
        (_, path) if path.starts_with("/v1/pki/") => json(500, &json!({ "error": "Logical backend path not supported." })),
        ("GET", path) => records.lock().unwrap().get(path).map_or_else(none, |data| json(200, &json!({ "auth": null, "data": data }))),
        (_, path) => {
            records.lock().unwrap().insert(path.to_owned(), got.json());
            Do::Answer(204, vec![], String::new())
        }
    }
}

#[test]
fn rusty_vault_is_recognised_and_works_with_what_it_has() {
    let records = Mutex::new(BTreeMap::new());
    let fake = Fake::start(move |got| rusty(got, &records));
    let folder = tempfile::tempdir().unwrap();
    let wanted = Settings { identity: true, pki_mount: Some("pki".to_owned()), ..settings("vault", &fake.address, &folder) };
    let mut vault = open("rusty", &wanted).unwrap();
    let can = vault.probe().unwrap();
    assert!(can.register && can.sign.is_empty() && !can.list && can.server.contains("RustyVault"), "{can:?}");
    assert!(can.excess[0].contains("no policies"));
    let first = vault.register(&request("camera")).unwrap();
    assert!(!first.replayed && vault.register(&request("camera")).unwrap().replayed);
    assert_eq!(fake.count("POST", "/v1/devices/inventory/camera"), 1, "as a version 1 path, written once");
    let other = Request { id: "other".to_owned(), ..request("camera") };
    assert_eq!(*reason(&vault.register(&other).unwrap_err()), Reason::Conflict);
    assert_eq!(vault.status(&first).unwrap(), Status::Registered);
    vault.posture(&first, &Posture { state: "verified".to_owned(), ..Posture::default() }).unwrap();
    vault.propose_deactivation(&first, "silent").unwrap();
    assert_eq!(*reason(&vault.sign(&request("camera"), &csr("x")).unwrap_err()), Reason::Unsupported);
    assert_eq!(*reason(&vault.issued(&|_| false).unwrap_err()), Reason::Unsupported);
}

/// A service that offers `openapi/enrollment.yaml`.
fn service(got: &Got, seen: &Mutex<BTreeMap<String, Vec<u8>>>) -> Do {
    if got.headers.get("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return json(401, &json!({ "title": "who are you" }));
    }
    let issued = rcgen::generate_simple_self_signed(vec!["plc".to_owned()]).unwrap().cert.pem();
    match (got.method.as_str(), got.path.strip_prefix("/api/v1").unwrap_or_default()) {
        ("GET", "/health") => json(200, &json!({ "server": "service 1", "register": true, "sign": ["iot-camera"], "list": true })),
        ("POST", "/onboarding/requests") => {
            let mut seen = seen.lock().unwrap();
            let key = got.headers["idempotency-key"].clone();
            match seen.get(&key) {
                Some(body) if *body == got.body => Do::Answer(
                    202,
                    vec![("Idempotency-Replayed", "true".to_owned())],
                    json!({ "id": format!("reg/{key}"), "state": "pending_approval" }).to_string(),
                ),
                Some(_) => json(422, &json!({ "title": "another body under this key" })),
                None if got.json()["device_id"] == "taken" => json(409, &json!({ "title": "open already", "request": "r-77" })),
                None => {
                    seen.insert(key.clone(), got.body.clone());
                    json(202, &json!({ "id": format!("reg/{key}"), "state": "pending_approval" }))
                }
            }
        }
        ("GET", "/onboarding/requests/pending") => {
            Do::Answer(200, vec![("Retry-After", "30".to_owned())], json!({ "id": "pending", "state": "pending_approval" }).to_string())
        }
        ("GET", "/onboarding/requests/rejected") => json(200, &json!({ "id": "rejected", "state": "rejected", "reason": "not\nours" })),
        ("GET", "/onboarding/requests/enrolled") => json(200, &json!({ "id": "enrolled", "state": "enrolled", "serial": "0A:0b" })),
        ("GET", "/onboarding/requests/gone") => json(410, &json!({})),
        ("PUT", path) if path.ends_with("/certificate") => json(200, &json!({ "certificate_pem": issued })),
        ("PUT", path) if path.ends_with("/posture") => Do::Answer(204, vec![], String::new()),
        ("PUT", path) if path.ends_with("/deactivation") => Do::Answer(202, vec![], String::new()),
        ("GET", "/certificates") => {
            json(200, &json!({ "certificates": [{ "serial": "1", "certificate_pem": issued }], "revoked": [], "complete": true, "next": "a b" }))
        }
        ("GET", "/certificates?cursor=a%20b") => json(200, &json!({ "certificates": [], "revoked": ["0A:0B"], "complete": true, "next": null })),
        _ => json(404, &json!({})),
    }
}

#[test]
fn the_contract_is_spoken_from_submission_to_deactivation() {
    let seen = Mutex::new(BTreeMap::new());
    let fake = Fake::start(move |got| service(got, &seen));
    let mut target = contract(&fake.address);
    let can = target.probe().unwrap();
    assert!(can.register && can.list && can.sign == ["iot-camera"], "{can:?}");
    let first = target.register(&request("camera")).unwrap();
    assert_eq!((first.external_id.as_str(), first.replayed), ("reg/request-of-camera", false));
    assert!(target.register(&request("camera")).unwrap().replayed);
    let changed = Request { confidence: 1, ..request("camera") };
    assert_eq!(*reason(&target.register(&changed).unwrap_err()), Reason::Refused);
    let failure = target.register(&request("taken")).unwrap_err();
    assert!(*reason(&failure) == Reason::Conflict && failure.message.contains("r-77"), "{failure}");
    let status = |id: &str, target: &mut Contract| target.status(&Registered { external_id: id.to_owned(), replayed: false }).unwrap();
    assert_eq!(status("pending", &mut target), Status::Pending(Some(Duration::from_secs(30))));
    assert_eq!(status("rejected", &mut target), Status::Rejected("not ours".to_owned()));
    assert_eq!(status("enrolled", &mut target), Status::Enrolled(Some("0a0b".to_owned())));
    assert_eq!(status("gone", &mut target), Status::Gone);
    target.posture(&first, &Posture::default()).unwrap();
    target.propose_deactivation(&first, "silent").unwrap();
    assert_eq!(fake.count("PUT", "/api/v1/onboarding/requests/reg%2Frequest-of-camera/"), 2, "an id of theirs stays one segment");
    let failure = target.sign(&request("camera"), &csr("x")).unwrap_err();
    assert!(failure.message.contains("another key"), "a certificate for another key is not taken: {failure}");
    let list = target.issued(&|_| false).unwrap();
    assert_eq!((list.new.len(), list.revoked, list.complete), (1, vec!["0a0b".to_owned()], true));
}

#[test]
fn a_webhook_is_signed_and_its_refusals_are_told() {
    let key = "0123456789abcdef0123456789abcdef";
    let fake = Fake::start(move |got| {
        if got.method == "HEAD" {
            return Do::Answer(405, vec![], String::new());
        }
        let now = got.headers["x-signature"].split(',').next().and_then(|part| part.strip_prefix("t=")).unwrap().parse().unwrap();
        let good = webhook::verify(&got.headers["x-signature"], &[("k1", key.as_bytes())], now, "POST", "/hook?site=1", &got.body);
        match (good, got.json()["name"].as_str()) {
            (false, _) => Do::Answer(401, vec![], "bad signature".to_owned()),
            (_, Some("dev-taken")) => Do::Answer(409, vec![], String::new()),
            _ => json(201, &json!({ "id": "theirs-1" })),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (key_file, template) = (folder.path().join("key"), folder.path().join("template"));
    write(&key_file, key);
    write(&template, r#"{"name":"{requested.common_name}","mac":"{identifiers.mac.0}"}"#);
    let settings = Settings {
        kind: "webhook".to_owned(),
        address: format!("{}/hook?site=1", fake.address),
        key_id: Some("k1".to_owned()),
        key_file: Some(key_file.clone()),
        template_file: Some(template),
        ..Settings::default()
    };
    let mut hook = open("hook", &settings).unwrap();
    assert!(hook.probe().unwrap().register);
    let first = hook.register(&request("camera")).unwrap();
    assert_eq!(first.external_id, "theirs-1");
    let sent = fake.got().pop().unwrap();
    assert_eq!(
        (sent.json(), sent.headers["idempotency-key"].as_str()),
        (json!({ "name": "dev-camera", "mac": "44:19:b6:0a:00:22" }), "request-of-camera")
    );
    assert_eq!(hook.register(&request("taken")).unwrap_err().reason, Reason::Conflict);
    assert_eq!(hook.posture(&first, &Posture::default()).unwrap_err().reason, Reason::Unsupported, "the template has no form for it");
    let mut plain = open("hook", &Settings { template_file: None, ..settings.clone() }).unwrap();
    plain.posture(&first, &Posture::default()).unwrap();
    plain.propose_deactivation(&first, "silent").unwrap();
    let mut stranger = open("hook", &Settings { key_id: Some("k9".to_owned()), ..settings.clone() }).unwrap();
    assert_eq!(stranger.register(&request("camera")).unwrap_err().reason, Reason::Unauthenticated);
    write(&key_file, "short");
    assert!(open("hook", &settings).is_err());
}

#[test]
fn settings_that_make_no_target_are_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let full = settings("vault", "http://127.0.0.1:1", &folder);
    let cases = [
        (Settings { kind: "ldap".to_owned(), ..full.clone() }, "none of vault, enrollment, webhook, file"),
        (Settings { token_file: None, ..full.clone() }, "no log-in"),
        (Settings { approle: Some(enrollment::targets::AppRole::default()), ..full.clone() }, "keep one"),
        (Settings { client_cert_file: full.token_file.clone(), ..full.clone() }, "go together"),
        (Settings { ca_file: full.token_file.clone(), ..full.clone() }, "no certificate in PEM"),
        (Settings { ca_file: Some("/nowhere".into()), ..full.clone() }, "/nowhere cannot be read"),
        (Settings { kind: "webhook".to_owned(), ..full.clone() }, "key_id and key_file"),
        (Settings { kind: "file".to_owned(), ..full.clone() }, "est, azure-dps"),
        (Settings { kv_mount: Some("../sys".to_owned()), ..full.clone() }, "no path of a mount"),
    ];
    for (settings, text) in cases {
        let failure = open("x", &settings).err().unwrap();
        assert!(failure.message.contains(text) && failure.message.starts_with("target x"), "{failure}");
    }
    let toml = "kind = \"vault\"\nadress = \"x\"";
    assert!(toml::from_str::<Settings>(toml).is_err(), "an option that is misspelt is refused");
}

#[test]
fn a_key_of_another_certificate_is_told_and_nothing_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let ca = support::authority();
    let ((certificate, _), (_, key)) = (support::leaf(&ca, "a", &["a"]), support::leaf(&ca, "b", &["b"]));
    let (chain, other) = (folder.path().join("chain"), folder.path().join("key"));
    write(&chain, &certificate);
    write(&other, &key);
    let settings = Settings { client_cert_file: Some(chain), client_key_file: Some(other), ..settings("vault", "http://127.0.0.1:1", &folder) };
    assert!(open("x", &settings).err().unwrap().message.contains("not the key of the first certificate"));
}
