//! Approvers whom a running `OpenBao` authenticated: at the registrar's front, by a token that is looked up once and kept nowhere.

mod support;

use enrollment::approval::{Approval, Statement};
use enrollment::people::People;
use enrollment::policy::{Approver, Policy, Sensor};
use enrollment::registrar::{Decision, Registrar};
use enrollment::request::Request;
use enrollment::serve::{Bound, Front, Server};
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::store::Store;
use enrollment::target::Reason;
use enrollment::targets::deciding::Decider;
use enrollment::targets::proposing::At;
use serde_json::{Value, json};
use std::path::Path;
use support::{Bao, leaf, request, start, write};

const ID: &str = "request-of-camera";

/// A registrar's front beside a vault.
struct Scene<'b> {
    bao: &'b Bao,
    policy: Policy,
    address: String,
    server: Option<Server>,
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        self.server.take().expect("it answers").end();
    }
}

impl<'b> Scene<'b> {
    fn new(bao: &'b Bao, approver: Vec<Approver>) -> Self {
        let (certificate, key) = leaf(&bao.ca, "registrar", &["127.0.0.1"]);
        write(&bao.file("front.crt"), &certificate);
        write(&bao.file("front.key"), &key);
        std::fs::create_dir_all(bao.file("registrar")).unwrap();
        let own = Key::of_file(&bao.file("registrar/own.key")).unwrap();
        let policy = Policy {
            approver,
            people: Some(People { vault: "vault".into(), policy: Some("enrollment-approver".into()) }),
            sensor: vec![Sensor { name: "own".into(), public_key: own.public() }],
            targets: [("vault".to_owned(), bao.plain_settings())].into(),
            attested_by: own.public(),
            ..Policy::default()
        };
        let registrar = Registrar { store: Store::open(&bao.file("registrar/r.db")).unwrap(), policy: policy.clone() };
        let front = Front { cert_file: bao.file("front.crt"), key_file: bao.file("front.key"), ..Front::default() };
        let bound = Bound::open("127.0.0.1:0".parse().unwrap(), &front).unwrap();
        let address = format!("https://{}", bound.address());
        Self { bao, policy, address, server: Some(bound.serve(registrar, own).unwrap()) }
    }

    fn registrar(&self) -> Registrar {
        Registrar { store: Store::open(&self.bao.file("registrar/r.db")).unwrap(), policy: self.policy.clone() }
    }

    fn decider(&self, token: &str) -> Decider {
        write(&self.bao.file("person.token"), token);
        let at = At { address: self.address.clone(), ca_file: Some(self.bao.file("ca.crt")), ..At::default() };
        Decider::open(&at, &self.bao.file("person.token")).unwrap()
    }

    fn says(&self, token: &str, request: &Request) -> Result<String, String> {
        let said = Decision { request: request.id.clone(), binding: request.binding_digest(), decision: "approve".into() };
        self.decider(token).decide(&[said]).unwrap().remove(0).outcome
    }

    fn refused(&self, token: &str) -> (Reason, String) {
        let failure = self.decider(token).proposal(ID).unwrap_err();
        assert!(!failure.message.contains(token), "{failure}");
        (failure.reason, failure.message)
    }
}

#[test]
fn two_people_agree_by_their_log_in_at_the_vault_and_no_machine_and_no_token_is_kept() {
    let Some(bao) = start() else { return };
    let (anna, entity) = bao.person("anna", &[]);
    let (bob, bobs_entity) = bao.person("bob", &["enrollment-approver"]);
    let (eve, _) = bao.person("eve", &[]);
    let scene = Scene::new(&bao, vec![Approver { name: "anna".into(), entity: Some(entity), ..Approver::default() }]);
    let key = Key::of_file(&bao.file("registrar/own.key")).unwrap();
    let mut registrar = scene.registrar();
    registrar.take_in(&key.propose(request("camera")), "", 1_000).unwrap();

    let sent = scene.decider(&anna).proposal(ID).unwrap();
    assert_eq!(sent, registrar.held(ID).unwrap().request, "exactly what would be sent");
    let (reason, why) = scene.refused(&eve);
    assert!(reason == Reason::Denied && why.contains("no approver's"), "{why}");
    let (reason, why) = scene.refused(&bao.root);
    assert!(reason == Reason::Denied && why.contains("no entity"), "{why}");
    bao.settings("sensor", false);
    let read = |name: &str| std::fs::read_to_string(bao.file(name)).unwrap();
    let (_, login) = bao.call("", "POST", "auth/approle/login", &json!({ "role_id": read("role-id"), "secret_id": read("secret-id") }));
    let (reason, why) = scene.refused(login["auth"]["client_token"].as_str().unwrap());
    assert!(reason == Reason::Denied && why.contains("machine's log-in"), "{why}");
    assert_eq!(scene.refused("s.madeupbysomebodyentirely").0, Reason::Unauthenticated);

    let changed = Request { method: "another".into(), ..sent.clone() };
    assert!(scene.says(&anna, &changed).unwrap_err().contains("has changed since"));
    assert_eq!(scene.says(&anna, &sent).unwrap(), "awaiting-approval: 1 of 2 agree");
    assert_eq!(scene.says(&anna, &sent).unwrap(), "awaiting-approval: 1 of 2 agree", "one person is one");
    forged(&mut registrar, &sent);
    assert_eq!(scene.says(&bob, &sent).unwrap(), "requested: 2 of 2 agree");
    assert_eq!(registrar.held(ID).unwrap().state, State::Requested);
    let log = registrar.store.audit().unwrap();
    assert!(log.iter().any(|(entry, _)| entry.actor == format!("person:vault:{bobs_entity}")), "{log:?}");
    assert!(enrollment::audit::verify(log.into_iter()).is_ok());
    for token in [&anna, &bob, &eve, &bao.root] {
        holds_not(&bao.file("registrar"), token);
    }
    bao.admin("POST", "auth/token/revoke", &json!({ "token": bob }));
    assert_eq!(scene.refused(&bob).0, Reason::Unauthenticated);
    bao.seal();
    assert_eq!(scene.refused(&anna).0, Reason::Unreachable, "a vault that is sealed lets nobody in");
    uncounted(&scene);
}

/// Whoever can write to the database and has not the registrar's key makes nobody agree.
fn forged(registrar: &mut Registrar, sent: &Request) {
    let statement =
        Statement { request: ID.into(), binding: sent.binding_digest(), decision: "approve".into(), approver: "vault:e9".into(), at: 1_000 };
    let stolen = Approval::attest(&Key::generate().unwrap(), statement.clone());
    assert!(registrar.decide(&stolen, 1_000).unwrap_err().to_string().contains("not this registrar"));
    let plain = Approval { signature: "00".repeat(64), statement };
    assert!(registrar.decide(&plain, 1_000).unwrap_err().to_string().contains("not signed"));
}

/// Where log-ins count no longer, what they said does not either.
fn uncounted(scene: &Scene<'_>) {
    let mut registrar = scene.registrar();
    registrar.policy.people = None;
    let mut open = |_: &str| -> Result<Box<dyn enrollment::target::Target>, enrollment::target::Failure> {
        enrollment::targets::open(
            "vault",
            &enrollment::targets::Settings { token_file: Some(scene.bao.file("person.token")), ..scene.bao.plain_settings() },
        )
    };
    registrar.dispatch(&mut open, jiff::Timestamp::now().as_second() + 10, &mut |_| false).unwrap();
    assert_eq!(registrar.held(ID).unwrap().state, State::AwaitingApproval);
}

fn holds_not(folder: &Path, token: &str) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "a token in {}", path.display());
    }
}

#[test]
fn a_namespace_goes_with_every_call() {
    let Some(bao) = start() else { return };
    let made = bao.call(&bao.root, "POST", "sys/namespaces/plant", &json!({}));
    assert_eq!(made.0, 200, "{}", made.1);
    let (status, answer) = bao.call(&bao.root, "POST", "plant/sys/mounts/devices", &json!({ "type": "kv", "options": { "version": "2" } }));
    assert_eq!(status, 204, "{answer}");
    write(&bao.file("root.token"), &bao.root);
    let inside = enrollment::targets::Settings {
        token_file: Some(bao.file("root.token")),
        namespace: Some("plant".into()),
        pki_mount: None,
        identity: false,
        ..bao.plain_settings()
    };
    let begun = std::time::Instant::now();
    let mut vault = enrollment::targets::open("vault", &inside).unwrap();
    // A new mount of KV version 2 is not there for a moment.
    while let Err(failure) = vault.register(&request("inside")) {
        assert!(begun.elapsed().as_secs() < 60, "{failure}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let found = bao.admin("GET", "plant/devices/data/inventory/inside", &Value::Null);
    assert_eq!(found["data"]["data"]["request_id"], "request-of-inside");
    let outside = bao.call(&bao.root, "GET", "devices/data/inventory/inside", &Value::Null);
    assert_eq!(outside.0, 404, "{}", outside.1);
    let wrong = enrollment::targets::Settings { namespace: Some("a\r\nb".into()), ..inside };
    assert!(enrollment::targets::open("vault", &wrong).err().unwrap().message.contains("namespace"));
}
