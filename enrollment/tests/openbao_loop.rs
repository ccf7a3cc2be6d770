//! The loop against a real `OpenBao`: its lists are polled, its record of a device says what the wire shows, its audit log reports use,
//! its people take an identity back.

mod support;

use enrollment::policy::Policy;
use enrollment::registrar::{Polling, Registrar, Report};
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::store::Store;
use enrollment::targets::{Kept, Settings};
use inventory::document::{Certificate, Device, Document, Identity};
use serde_json::{Value, json};
use support::{Bao, device_key, request, start};

const DEVICE: &str = "018f5c2e-7a10-7c3e-9d55-0a0b0c0d0e0f";
const ID: &str = "request-of-018f5c2e-7a10-7c3e-9d55-0a0b0c0d0e0f";

struct Desk<'b> {
    bao: &'b Bao,
    registrar: Registrar,
    kept: Kept,
    settings: Settings,
    clock: i64,
}

impl Desk<'_> {
    fn round(&mut self) -> (Report, Polling) {
        self.clock += 1000;
        let settings = self.settings.clone();
        let kept = &mut self.kept;
        let mut open = |name: &str| kept.open(name, &settings);
        let report = self.registrar.dispatch(&mut open, self.clock, &mut |_| false).unwrap();
        let polling = self.registrar.poll(&mut open, self.clock, &mut |_| false).unwrap();
        assert!(report.notes.is_empty() && polling.notes.is_empty(), "{report:?} {polling:?}");
        (report, polling)
    }

    fn state(&self) -> State {
        self.registrar.held(ID).unwrap().state
    }

    fn record(&self, folder: &str) -> Value {
        self.bao.admin("GET", &format!("devices/data/{folder}/{DEVICE}"), &Value::Null)["data"].clone()
    }

    /// How often a path that begins so was answered, by the vault's own log.
    fn answered(&self, path: &str) -> usize {
        let log = std::fs::read_to_string(self.bao.file("audit.log")).unwrap();
        let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.filter(|entry| entry["type"] == "response" && entry["request"]["path"].as_str().is_some_and(|one| one.starts_with(path))).count()
    }

    fn wrong(&self) -> Vec<String> {
        self.registrar.store.findings().unwrap().into_iter().map(|one| format!("{} {}", one.rule, one.what)).collect()
    }
}

/// An inventory in which the device shows a certificate.
fn shown(sha256: &str) -> Document {
    let seen = Some("2026-11-27T10:00:00Z".to_owned());
    let identity = Identity { kind: "x509".into(), value: sha256.into(), last_seen: seen.clone(), ..Identity::default() };
    let device = Device { id: DEVICE.into(), last_seen: seen.clone(), identities: vec![identity], ..Device::default() };
    let certificate = Certificate { sha256: sha256.into(), presented_by: vec![DEVICE.into()], ..Certificate::default() };
    Document { as_of: seen, devices: vec![device], certificates: vec![certificate], ..Document::default() }
}

#[test]
fn an_identity_is_listed_seen_renewed_reported_and_taken_back() {
    let Some(bao) = start() else { return };
    bao.admin("POST", "sys/auth/cert", &json!({ "type": "cert" }));
    let authority = bao.admin("GET", "pki-devices/cert/ca", &Value::Null)["data"]["certificate"].clone();
    bao.admin("POST", "auth/cert/certs/iot-camera", &json!({ "certificate": authority, "allowed_common_names": "dev-*", "token_ttl": "1h" }));
    let folder = tempfile::tempdir().unwrap();
    // A wrapped secret id serves all rounds: the target stays open.
    let settings = bao.settings("registrar", true);
    let policy = Policy { approvals_required: 0, targets: [("vault".to_owned(), settings.clone())].into(), ..Policy::default() };
    let registrar = Registrar { store: Store::open(&folder.path().join("registrar.db")).unwrap(), policy };
    // The certificates are of today, and so is what is asked of their end.
    let clock = jiff::Timestamp::now().as_second();
    let mut desk = Desk { bao: &bao, registrar, kept: Kept::default(), settings, clock };
    let sensor = Key::generate().unwrap();
    desk.registrar.take_in(&sensor.propose(request(DEVICE)), &sensor.public(), clock).unwrap();

    let (key, csr) = device_key("camera");
    desk.registrar.attach_csr(ID, &csr, "anna", clock).unwrap();
    desk.round();
    desk.round();
    assert_eq!(desk.state(), State::Enrolled);
    let polled = desk.registrar.store.polled("vault").unwrap().unwrap();
    assert!(polled.complete && polled.lists, "{polled:?}");
    let mut listed = desk.registrar.store.listed("vault").unwrap();
    listed.sort_by_key(|one| !one.authority);
    assert_eq!(listed.iter().map(|one| (one.authority, one.request.as_deref())).collect::<Vec<_>>(), [(true, None), (false, Some(ID))]);
    let fetched = desk.answered("pki-devices/cert/");
    desk.round();
    assert_eq!(desk.answered("pki-devices/cert/"), fetched, "what is known is not fetched again");
    let lists = enrollment::listed::lists(&desk.registrar.store).unwrap();
    assert_eq!((lists[0].authority.entries.len(), lists[0].issuers.len(), lists[0].authority.partial), (1, 1, false));
    assert!(lists[0].authority.entries[0].certificates.contains(&listed[1].sha256));

    desk.registrar.observe(&shown(&listed[1].sha256), clock).unwrap();
    assert_eq!((desk.round().0.told, desk.state()), (1, State::Verified));
    let told = desk.record("posture");
    assert_eq!(
        (&told["data"]["state"], &told["data"]["serial"], &told["metadata"]["version"]),
        (&json!("verified"), &json!(listed[1].serial), &json!(1))
    );

    // The device logs in: the vault's log says so, and names the certificate in decimal.
    let certificate = desk.registrar.store.issued_for(ID).unwrap()[0].certificate.clone();
    assert_eq!(bao.log_in(&certificate, &key), 200);
    let log = std::fs::File::open(bao.file("audit.log")).unwrap();
    let imported = desk.registrar.import_vault_audit(&mut std::io::BufReader::new(log), "audit.log", clock + 9000).unwrap();
    assert_eq!((imported.matched > 0, imported.requests, imported.broken), (true, 1, 0), "{imported:?}");
    assert_eq!(desk.registrar.store.watched(ID).unwrap().reported_by, "audit.log");

    // Renewed with a key of its own.
    let (_, csr) = device_key("camera");
    desk.registrar.attach_csr(ID, &csr, "anna", clock).unwrap();
    desk.round();
    desk.round();
    assert_eq!((desk.state(), desk.record("posture")["data"]["state"].as_str()), (State::Renewed, Some("renewed")));
    taken_back(&bao, &mut desk, &key);
}

/// People revoke, and then disable.
fn taken_back(bao: &Bao, desk: &mut Desk<'_>, key: &str) {
    let first = desk.registrar.store.issued_for(ID).unwrap()[0].clone();
    for one in desk.registrar.store.issued_for(ID).unwrap() {
        let colons = one.serial.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect::<Vec<_>>().join(":");
        bao.admin("POST", "pki-devices/revoke", &json!({ "serial_number": colons }));
    }
    assert_eq!(bao.log_in(&first.certificate, key), 200, "revocation alone still logs in");
    assert_eq!(desk.round().1.revoked, 2);
    desk.registrar.observe(&Document::default(), desk.clock).unwrap();
    assert_eq!((desk.state(), desk.wrong()), (State::Renewed, vec!["ENR-002 half-taken-back".to_owned()]));
    bao.admin("POST", &format!("identity/entity/name/dev-{DEVICE}"), &json!({ "disabled": true }));
    assert_eq!(desk.round().1.retired, 1);
    assert_eq!(desk.state(), State::Retired);
    let mut returned = shown(&first.sha256);
    returned.devices[0].identities[0].last_seen = Some("2100-01-01T00:00:00Z".to_owned());
    desk.registrar.observe(&returned, desk.clock).unwrap();
    assert_eq!(desk.wrong(), ["CRT-015 revoked-used", "ENR-001 retired-returns"]);
}
