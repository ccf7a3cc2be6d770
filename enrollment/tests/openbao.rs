//! The vault target against a real `OpenBao`: the whole flow, what a thief of a credential may do, and everything that goes wrong.

mod support;

use enrollment::request::Request;
use enrollment::target::{Posture, Reason, Status, Target};
use enrollment::targets::{Settings, open};
use serde_json::{Value, json};
use support::{Bao, csr, request, start, write};

const DEVICE: &str = "018f5c2e-7a10-7c3e-9d55-0a0b0c0d0e0f";

fn target(settings: &Settings) -> Box<dyn Target> {
    open("vault", settings).unwrap()
}

#[test]
fn a_device_goes_from_registered_to_signed_and_seen() {
    let Some(bao) = start() else { return };
    let mut vault = target(&bao.settings("registrar", true));
    let can = vault.probe().unwrap();
    assert!(can.register && can.list, "{can:?}");
    assert_eq!((can.sign, can.excess), (vec!["iot-camera".to_owned()], Vec::new()));
    assert!(can.server.contains("2.7"), "{}", can.server);

    let wanted = request(DEVICE);
    let first = vault.register(&wanted).unwrap();
    assert_eq!((first.external_id.as_str(), first.replayed), ("devices/inventory/018f5c2e-7a10-7c3e-9d55-0a0b0c0d0e0f", false));
    assert!(vault.register(&wanted).unwrap().replayed, "the same request finds the first");
    let record = bao.admin("GET", &format!("devices/data/inventory/{DEVICE}"), &Value::Null);
    assert_eq!(record["data"]["metadata"]["version"], 1, "written once");
    assert_eq!(record["data"]["data"]["identifiers"]["mac"][0], "44:19:b6:0a:00:22");
    let entity = bao.admin("GET", &format!("identity/entity/name/dev-{DEVICE}"), &Value::Null);
    assert_eq!((&entity["data"]["metadata"]["request_id"], &entity["data"]["policies"]), (&json!(wanted.id), &json!([])));

    signed_once(&bao, vault.as_mut(), &wanted);
    changed_and_taken(vault.as_mut(), &wanted);

    let seen = Posture { state: "verified".to_owned(), as_of: "2026-11-27T10:00:00Z".to_owned(), ..Posture::default() };
    vault.posture(&first, &seen).unwrap();
    vault.posture(&first, &seen).unwrap();
    vault.posture(&first, &Posture { state: "stale".to_owned(), ..seen }).unwrap();
    let posture = bao.admin("GET", &format!("devices/data/posture/{DEVICE}"), &Value::Null);
    assert_eq!((&posture["data"]["data"]["state"], &posture["data"]["metadata"]["version"]), (&json!("stale"), &json!(2)));

    vault.propose_deactivation(&first, "silent for 90 days").unwrap();
    let proposal = bao.admin("GET", &format!("devices/data/deactivation/{DEVICE}"), &Value::Null);
    assert_eq!(proposal["data"]["data"]["why"], "silent for 90 days");
    let entity = bao.admin("GET", &format!("identity/entity/name/dev-{DEVICE}"), &Value::Null);
    assert_eq!(entity["data"]["disabled"], false, "a proposal disables nothing");

    bao.admin("POST", &format!("identity/entity/name/dev-{DEVICE}"), &json!({ "disabled": true }));
    assert!(matches!(vault.status(&first).unwrap(), Status::Rejected(_)));
    bao.admin("DELETE", &format!("devices/metadata/inventory/{DEVICE}"), &Value::Null);
    assert_eq!(vault.status(&first).unwrap(), Status::Gone);
}

/// A CSR is signed once, however often it is asked for, and what was issued and revoked is listed.
fn signed_once(bao: &Bao, vault: &mut dyn Target, wanted: &Request) {
    let registered = vault.register(wanted).unwrap();
    assert_eq!(vault.status(&registered).unwrap(), Status::Registered);
    let request_pem = csr("what the device calls itself");
    let issued = vault.sign(wanted, &request_pem).unwrap();
    assert!(issued.serial.chars().all(|c| c.is_ascii_hexdigit()) && issued.chain_pem.len() == 1, "{issued:?}");
    assert_eq!(vault.sign(wanted, &request_pem).unwrap().serial, issued.serial, "asked again: the same");
    assert_eq!(vault.status(&registered).unwrap(), Status::Enrolled(Some(issued.serial.clone())));

    // The answer was lost between the vault and us: the record bears the mark and no serial.
    let path = format!("devices/data/inventory/{DEVICE}");
    let found = bao.admin("GET", &path, &Value::Null)["data"].clone();
    let mut record = found["data"].clone();
    record["credential"]["serial"] = Value::Null;
    bao.admin("POST", &path, &json!({ "options": { "cas": found["metadata"]["version"] }, "data": record }));
    assert_eq!(vault.sign(wanted, &request_pem).unwrap().serial, issued.serial, "found again by its key");

    let list = vault.issued(&|_| false).unwrap();
    assert_eq!(list.new.iter().map(|one| one.serial.as_str()).collect::<Vec<_>>(), [issued.serial.as_str()], "the CA's own is left out");
    assert!(list.complete && list.revoked.is_empty(), "{list:?}");
    assert!(vault.issued(&|serial| serial == issued.serial).unwrap().new.is_empty(), "a known serial is not fetched");

    let colons = issued.serial.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect::<Vec<_>>().join(":");
    bao.admin("POST", "pki-devices/revoke", &json!({ "serial_number": colons }));
    assert_eq!(vault.issued(&|_| true).unwrap().revoked, [issued.serial.as_str()]);
    let policy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policies/registrar.hcl");
    bao.policy("no-list", &std::fs::read_to_string(policy).unwrap().replace("certs/revoked", "certs/none"));
    write(&bao.file("token"), &bao.token("no-list"));
    let mut by_crl = target(&Settings { token_file: Some(bao.file("token")), ..bao.plain_settings() });
    assert_eq!(by_crl.issued(&|_| true).unwrap().revoked, [issued.serial.as_str()], "by the revocation list, which everybody may read");
    bao.admin("POST", "pki-devices/roles/ghost", &json!({ "allow_any_name": true, "no_store": true }));
    assert!(!vault.issued(&|_| true).unwrap().complete, "a role that stores nothing leaves none to list");
}

/// A device that changed and was approved anew renews its own record; another request finds it taken.
fn changed_and_taken(vault: &mut dyn Target, wanted: &Request) {
    let mut changed = wanted.clone();
    changed.identifiers.serial.push("DS-1".to_owned());
    assert!(vault.register(&changed).unwrap().replayed);
    let other = Request { id: "another-request".to_owned(), ..wanted.clone() };
    let failure = vault.register(&other).unwrap_err();
    assert_eq!(failure.reason, Reason::Conflict);
    assert!(failure.message.contains(&wanted.id), "{failure}");
    assert_eq!(vault.sign(&other, &csr("x")).unwrap_err().reason, Reason::Conflict);
    let unlisted = Request { identity_profile: "domain-controller".to_owned(), ..wanted.clone() };
    assert_eq!(vault.register(&unlisted).unwrap_err().reason, Reason::Refused);
}

#[test]
fn a_stolen_credential_cannot_lift_itself() {
    let Some(bao) = start() else { return };
    let privileged = bao.admin("POST", "identity/entity/name/dev-privileged", &json!({ "policies": ["admins"] }))["data"]["id"].clone();
    bao.admin("POST", "sys/auth/cert", &json!({ "type": "cert" }));
    let accessor = bao.admin("GET", "sys/auth", &Value::Null)["data"]["cert/"]["accessor"].clone();
    let victim = bao.admin("POST", "identity/entity/name/dev-victim", &json!({}))["data"]["id"].clone();
    bao.admin("POST", "identity/entity-alias", &json!({ "name": "dev-victim", "canonical_id": victim, "mount_accessor": accessor }));
    let moved = json!({ "name": "dev-victim", "canonical_id": privileged, "mount_accessor": accessor });
    let none = Value::Null;
    let calls = [
        ("POST", "identity/entity/name/dev-new", json!({ "policies": ["root"] })),
        ("POST", "identity/entity/name/dev-new", json!({ "metadata": { "a": "b" }, "policies": ["admins"] })),
        ("POST", "identity/entity/name/dev-new", json!({ "Policies": ["admins"] })),
        ("POST", "identity/entity/name/dev-victim", json!({ "disabled": true })),
        ("POST", "identity/entity/name/dev-victim", json!({ "id": privileged, "metadata": {} })),
        ("POST", "identity/entity/name/operator", json!({ "metadata": { "a": "b" } })),
        ("POST", "identity/entity", json!({ "name": "dev-new", "policies": ["admins"] })),
        ("POST", "identity/entity/merge", json!({ "from_entity_ids": [victim], "to_entity_id": privileged })),
        ("POST", "identity/group", json!({ "name": "g", "policies": ["admins"], "member_entity_ids": [victim] })),
        ("POST", "identity/entity-alias", moved.clone()),
        ("PUT", "identity/entity-alias", moved),
        ("POST", "pki-devices/issue/iot-camera", json!({ "common_name": "dev-x" })),
        ("POST", "pki-devices/revoke", json!({ "serial_number": "00:01" })),
        ("POST", "pki-devices/sign-verbatim", json!({ "csr": csr("x") })),
        ("POST", "pki-devices/sign-verbatim/iot-camera", json!({ "csr": csr("x") })),
        ("POST", "pki-devices/sign/iot-camera", json!({ "csr": csr("x"), "not_after": "9999-12-31T23:59:59Z" })),
        ("POST", "pki-devices/sign/iot-camera", json!({ "common_name": "dev-x" })),
        ("POST", "devices/config", json!({ "cas_required": false })),
        ("POST", "pki-devices/roles/iot-camera", json!({ "allow_any_name": true })),
        ("POST", "pki-devices/root/sign-intermediate", json!({ "csr": csr("x"), "common_name": "ca" })),
        ("DELETE", "devices/metadata/inventory/x", none.clone()),
        ("GET", "devices/data/secrets/x", none.clone()),
        ("GET", "sys/mounts", none.clone()),
        ("POST", "sys/mounts/mine", json!({ "type": "kv" })),
        ("GET", "sys/auth", none.clone()),
        ("PUT", "sys/policies/acl/registrar", json!({ "policy": "path \"*\" { capabilities = [\"sudo\"] }" })),
        ("POST", "auth/token/create", json!({ "policies": ["registrar"] })),
        ("POST", "auth/approle/role/registrar/secret-id", json!({})),
        ("PUT", "sys/seal", none.clone()),
    ];
    for thief in ["sensor", "registrar"] {
        let token = bao.token(thief);
        for (method, path, body) in &calls {
            let (status, answer) = bao.call(&token, method, path, body);
            assert_eq!(status, 403, "the {thief}'s credential: {method} {path} {body}: {answer}");
        }
    }
    let overwrite = bao.call(&bao.token("registrar"), "POST", "devices/data/inventory/x", &json!({ "data": {} }));
    assert_eq!(overwrite.0, 400, "nothing is written without check-and-set: {}", overwrite.1);
    let token = bao.token("sensor");
    let body = json!({ "data": {}, "csr": csr("x") });
    for path in ["devices/data/inventory/x", "devices/data/posture/x", "identity/entity/name/dev-x", "pki-devices/sign/iot-camera"] {
        assert_eq!(bao.call(&token, "POST", path, &body).0, 403, "a sensor: {path}");
    }
    bao.admin("POST", "sys/mounts/pki-sensors", &json!({ "type": "pki" }));
    bao.admin("POST", "pki-sensors/root/generate/internal", &json!({ "common_name": "Sensors", "key_type": "ec" }));
    bao.admin("POST", "pki-sensors/roles/sensor", &json!({ "allow_any_name": true, "key_type": "any", "server_flag": false }));
    let own = json!({ "csr": csr("sensor-1"), "common_name": "sensor-1", "ttl": "24h" });
    assert_eq!(bao.call(&token, "POST", "pki-sensors/sign/sensor", &own).0, 200, "its own certificate is all that it gets");
    let query = bao.call(&bao.token("registrar"), "POST", "identity/entity/name/dev-query?policies=admins", &json!({})).0;
    let made = bao.admin("GET", "identity/entity/name/dev-query", &Value::Null);
    assert!(query == 403 || made["data"]["policies"] == json!([]), "nor by the query: {made}");
    let holder = bao.admin("POST", "identity/lookup/entity", &json!({ "alias_name": "dev-victim", "alias_mount_accessor": accessor }));
    assert_eq!(holder["data"]["id"], victim, "the alias stays where it was");
    too_wide(&bao, accessor.as_str().unwrap());
}

/// A credential with the rights that ours leaves out: preflight names them, and an alias is made and never moved.
fn too_wide(bao: &Bao, accessor: &str) {
    bao.policy("wide", "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"list\"] }");
    write(&bao.file("token"), &bao.token("wide"));
    let settings = Settings { token_file: Some(bao.file("token")), alias_accessor: Some(accessor.to_owned()), ..bao.plain_settings() };
    let mut vault = target(&settings);
    let excess = vault.probe().unwrap().excess.join("\n");
    for path in [
        "pki-devices/issue/",
        "pki-devices/revoke",
        "identity/entity-alias",
        "sys/mounts",
        "sys/policies/acl/",
        "pki-devices/roles/",
        "devices/config",
    ] {
        assert!(excess.contains(path), "{path} in {excess}");
    }
    vault.register(&request("linked")).unwrap();
    let holder = bao.admin("POST", "identity/lookup/entity", &json!({ "alias_name": "dev-linked", "alias_mount_accessor": accessor }));
    assert_eq!(holder["data"]["name"], "dev-linked");
    let mut spoofed = request("spoofed");
    spoofed.requested.common_name = "dev-victim".to_owned();
    assert_eq!(vault.register(&spoofed).unwrap_err().reason, Reason::Conflict);
}

#[test]
fn what_goes_wrong_is_told_apart() {
    let Some(bao) = start() else { return };
    let good = bao.settings("registrar", false);
    let mut vault = target(&good);
    let registered = vault.register(&request(DEVICE)).unwrap();
    let why = |settings: &Settings| {
        let failure = target(settings).probe().unwrap_err();
        (failure.reason.clone(), failure.message)
    };

    bao.seal();
    assert_eq!(vault.status(&registered).unwrap_err().reason, Reason::Sealed, "in the middle of its work");
    assert_eq!(why(&good).0, Reason::Sealed, "and at the start");
    bao.unseal();
    assert_eq!(vault.status(&registered).unwrap(), Status::Registered, "goes on where it was");

    let (reason, text) = why(&Settings { address: format!("https://localhost:{}", bao.port), ..good.clone() });
    assert!(reason == Reason::Untrusted && text.contains("another name"), "{text}");
    write(&bao.file("other.crt"), &support::authority().pem());
    let (reason, text) = why(&Settings { ca_file: Some(bao.file("other.crt")), ..good.clone() });
    assert!(reason == Reason::Untrusted && text.contains("not in ca_file"), "{text}");
    let (reason, text) = why(&Settings { address: format!("https://127.0.0.1:{}", support::free_port()), ..good.clone() });
    assert!(reason == Reason::Unreachable, "{text}");
    let (reason, text) = why(&Settings { kv_mount: Some("nowhere".to_owned()), ..good.clone() });
    assert!(reason == Reason::Denied && text.contains("nowhere/ is not mounted"), "{text}");
    let notes = target(&Settings { pki_mount: Some("no-pki".to_owned()), ..good.clone() }).probe().unwrap();
    assert!(notes.sign.is_empty() && notes.notes.iter().any(|note| note.contains("no-pki/sign/iot-camera")), "{notes:?}");

    log_ins(&bao, &why);
}

fn log_ins(bao: &Bao, why: &dyn Fn(&Settings) -> (Reason, String)) {
    // A wrapped secret id that another has unwrapped already.
    let wrapped = bao.settings("registrar", true);
    target(&wrapped).probe().unwrap();
    let (reason, text) = why(&wrapped);
    assert!(reason == Reason::Unauthenticated && text.contains("somebody else holds the secret id"), "{text}");

    // A role that is not there, and a secret id that expired.
    let settings = bao.settings("registrar", false);
    write(&bao.file("role-id"), "no-such-role");
    let (reason, text) = why(&settings);
    assert!(reason == Reason::Unauthenticated && !text.contains("no-such-role"), "{text}");
    bao.admin("POST", "auth/approle/role/registrar", &json!({ "secret_id_ttl": "1s" }));
    let settings = bao.settings("registrar", false);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let (reason, text) = why(&settings);
    assert!(reason == Reason::Unauthenticated && text.contains("make a new secret id"), "{text}");

    // A token that is revoked in the middle: log in again by AppRole, say so with a file.
    bao.admin("POST", "auth/approle/role/registrar", &json!({ "secret_id_ttl": "24h" }));
    let token = bao.token("registrar");
    write(&bao.file("token"), &token);
    let mut vault = target(&Settings { token_file: Some(bao.file("token")), ..bao.plain_settings() });
    vault.probe().unwrap();
    bao.admin("POST", "auth/token/revoke", &json!({ "token": token }));
    let failure = vault.register(&request("late")).unwrap_err();
    assert!(failure.reason == Reason::Unauthenticated && !failure.message.contains(&token), "{failure}");
    write(&bao.file("token"), &bao.token("registrar"));
    vault.register(&request("late")).unwrap();

    let mut vault = target(&bao.settings("registrar", false));
    vault.register(&request("late")).unwrap();
    for accessor in bao.admin("LIST", "auth/token/accessors", &Value::Null)["data"]["keys"].as_array().unwrap() {
        let about = bao.call(&bao.root, "POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor })).1;
        if about["data"]["path"] == "auth/approle/login" {
            bao.admin("POST", "auth/token/revoke-accessor", &json!({ "accessor": accessor }));
        }
    }
    vault.register(&request("later")).unwrap();

    // A right that is missing: said as such, after one more log-in.
    bao.policy("registrar", "path \"devices/data/posture/*\" { capabilities = [\"read\"] }");
    assert_eq!(vault.register(&request("denied")).unwrap_err().reason, Reason::Denied);
    let policy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policies/registrar.hcl");
    bao.policy("registrar", &std::fs::read_to_string(policy).unwrap());
    certificate(bao, why);
}

/// Log-in by a TLS certificate.
fn certificate(bao: &Bao, why: &dyn Fn(&Settings) -> (Reason, String)) {
    bao.admin("POST", "sys/auth/cert", &json!({ "type": "cert" }));
    let role =
        json!({ "certificate": bao.ca.pem(), "allowed_common_names": "registrar", "token_policies": ["registrar"], "token_no_default_policy": true });
    bao.admin("POST", "auth/cert/certs/registrar", &role);
    let settings = |common_name: &str| {
        let (certificate, key) = support::leaf(&bao.ca, common_name, &["registrar.example"]);
        write(&bao.file("client.crt"), &certificate);
        write(&bao.file("client.key"), &key);
        Settings { client_cert_file: Some(bao.file("client.crt")), client_key_file: Some(bao.file("client.key")), ..bao.plain_settings() }
    };
    assert!(target(&settings("registrar")).probe().unwrap().register);
    let (reason, text) = why(&settings("somebody"));
    assert!(reason == Reason::Unauthenticated && text.contains("client_cert_file"), "{text}");
}

/// How long a thousand devices take, and how many requests each. Run by hand: `cargo test -p enrollment --test openbao -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn a_thousand_devices() {
    let Some(bao) = start() else { return };
    let mut vault = target(&bao.settings("registrar", false));
    vault.probe().unwrap();
    let begun = std::time::Instant::now();
    for number in 0..1_000 {
        assert!(!vault.register(&request(&format!("device-{number}"))).unwrap().replayed);
    }
    eprintln!("1,000 registered in {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    for number in 0..200 {
        vault.sign(&request(&format!("device-{number}")), &csr("x")).unwrap();
    }
    eprintln!("200 signed in {:?}", begun.elapsed());
    let listed = bao.admin("LIST", "devices/metadata/inventory", &Value::Null)["data"]["keys"].as_array().unwrap().len();
    assert_eq!(listed, 1_000);
}
