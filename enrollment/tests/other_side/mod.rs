//! A target in memory that keeps lists, postures and proposals as a vault does, and inventories to hold against them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use enrollment::policy::Policy;
use enrollment::registrar::Registrar;
use enrollment::request::{Identifiers, Request, Requested};
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::store::Store;
use enrollment::target::{Capabilities, Failure, Issued, IssuedList, Posture, Reason, Registered, Status, Target};
use enrollment::targets::Settings;
use inventory::document::{AttributeRecord, Certificate, Device, Document, Evidence, Identity, SourceRecord};
use rcgen::{CertificateParams, KeyPair};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

pub const DAY: i64 = 86_400;
/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600;

/// What the other side holds.
#[derive(Default)]
pub struct There {
    pub listed: Vec<Issued>,
    pub revoked: Vec<String>,
    pub incomplete: bool,
    /// Certificates that were fetched, one by one.
    pub fetched: u32,
    pub looks: u32,
    /// Postures and proposals as a vault keeps them: what is said twice is written once.
    pub postures: BTreeMap<String, Vec<Posture>>,
    pub proposals: BTreeMap<String, Vec<String>>,
    pub disabled: BTreeSet<String>,
    /// What the next signatures give, by the CSR.
    pub signs: BTreeMap<String, Issued>,
    pub fails: Option<Failure>,
    /// Its postures are refused so.
    pub deaf: Option<Reason>,
}

#[derive(Clone, Default)]
pub struct Fake(pub Arc<Mutex<There>>);

impl Fake {
    pub fn there(&self) -> MutexGuard<'_, There> {
        self.0.lock().unwrap()
    }

    pub fn states(&self, id: &str) -> Vec<String> {
        let there = self.there();
        there.postures.get(&format!("e-{id}")).into_iter().flatten().map(|posture| posture.state.clone()).collect()
    }
}

/// Puts what is said in a record, unless it stands there already.
pub fn put<T: PartialEq>(record: &mut Vec<T>, said: T) {
    if record.last() != Some(&said) {
        record.push(said);
    }
}

impl Target for Fake {
    fn kind(&self) -> &'static str {
        "fake"
    }

    fn probe(&mut self) -> Result<Capabilities, Failure> {
        Ok(Capabilities::default())
    }

    fn register(&mut self, request: &Request) -> Result<Registered, Failure> {
        Ok(Registered { external_id: format!("e-{}", request.id), replayed: false })
    }

    fn sign(&mut self, _: &Request, csr: &str) -> Result<Issued, Failure> {
        let mut there = self.there();
        if let Some(failure) = &there.fails {
            return Err(failure.clone());
        }
        let issued = there.signs.get(csr).cloned().unwrap();
        if !there.listed.contains(&issued) {
            there.listed.push(issued.clone());
        }
        Ok(issued)
    }

    fn status(&mut self, registered: &Registered) -> Result<Status, Failure> {
        let is_disabled = self.there().disabled.contains(&registered.external_id);
        Ok(if is_disabled { Status::Rejected("disabled".into()) } else { Status::Registered })
    }

    fn issued(&mut self, known: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        let mut there = self.there();
        there.looks += 1;
        if let Some(failure) = &there.fails {
            return Err(failure.clone());
        }
        let unseen: Vec<Issued> = there.listed.iter().filter(|one| !known(&one.serial)).cloned().collect();
        let more = unseen.len() > 3;
        let new: Vec<Issued> = unseen.into_iter().take(3).collect();
        there.fetched += u32::try_from(new.len()).unwrap();
        Ok(IssuedList { new, revoked: there.revoked.clone(), complete: !more && !there.incomplete, more, ..IssuedList::default() })
    }

    fn posture(&mut self, registered: &Registered, posture: &Posture) -> Result<(), Failure> {
        let mut there = self.there();
        if let Some(reason) = there.deaf.clone() {
            return Err(Failure { reason, message: "as told".into() });
        }
        put(there.postures.entry(registered.external_id.clone()).or_default(), posture.clone());
        Ok(())
    }

    fn propose_deactivation(&mut self, registered: &Registered, why: &str) -> Result<(), Failure> {
        put(self.there().proposals.entry(registered.external_id.clone()).or_default(), why.to_owned());
        Ok(())
    }
}

/// A device's key, a CSR of it, and a certificate for the CSR that holds for so many days from a day on.
pub struct Given {
    pub csr: String,
    pub issued: Issued,
    pub sha256: String,
}

pub fn given(name: &str, serial: u8, from: i64, days: i64) -> Given {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let csr = parameters.serialize_request(&key).unwrap().pem().unwrap();
    let date = |at: i64| rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(u64::try_from(at).unwrap());
    (parameters.not_before, parameters.not_after) = (date(from), date(from + days * DAY));
    parameters.serial_number = Some(vec![serial].into());
    let certificate = parameters.self_signed(&key).unwrap();
    let sha256 = enrollment::request::digest(certificate.der()).trim_start_matches("sha256:").to_owned();
    Given { csr, issued: Issued { serial: format!("{serial:02x}"), certificate_pem: certificate.pem(), ..Issued::default() }, sha256 }
}

pub struct Scene {
    pub folder: tempfile::TempDir,
    pub policy: Policy,
    pub fake: Fake,
}

impl Scene {
    pub fn new() -> Self {
        let targets = [("vault".to_owned(), Settings::default())].into();
        let policy = Policy { approvals_required: 0, targets, ..Policy::default() };
        Self { folder: tempfile::tempdir().unwrap(), policy, fake: Fake::default() }
    }

    pub fn registrar(&self) -> Registrar {
        Registrar { store: Store::open(&self.folder.path().join("registrar.db")).unwrap(), policy: self.policy.clone() }
    }

    pub fn dispatch(&self, registrar: &mut Registrar, now: i64) -> enrollment::registrar::Report {
        let fake = self.fake.clone();
        registrar.dispatch(&mut |_| Ok(Box::new(fake.clone())), now, &mut |_| false).unwrap()
    }

    pub fn poll(&self, registrar: &mut Registrar, now: i64) -> enrollment::registrar::Polling {
        let fake = self.fake.clone();
        registrar.poll(&mut |_| Ok(Box::new(fake.clone())), now, &mut |_| false).unwrap()
    }

    /// A device that has its first certificate, which holds for 100 days.
    pub fn enrolled(&self, number: u8) -> (Registrar, String, Given) {
        let (mut registrar, key) = (self.registrar(), Key::generate().unwrap());
        let id = format!("r{number}");
        let identifiers = Identifiers { mac: vec![format!("00:80:f4:00:00:{number:02x}")], ..Identifiers::default() };
        let requested = Requested { credentials: vec!["x509-client".into()], common_name: format!("dev-{number}"), ..Requested::default() };
        let request = Request {
            id: id.clone(),
            target: "vault".into(),
            device_keys: vec![format!("key-{number}")],
            identifiers,
            requested,
            ..Request::default()
        };
        registrar.take_in(&key.propose(request), &key.public(), START).unwrap();
        let first = given(&format!("dev-{number}"), number * 16, START, 100);
        self.sign(&mut registrar, &id, &first, START);
        assert_eq!(state(&registrar, &id), State::Enrolled);
        (registrar, id, first)
    }

    pub fn sign(&self, registrar: &mut Registrar, id: &str, given: &Given, now: i64) {
        self.fake.there().signs.insert(given.csr.clone(), given.issued.clone());
        registrar.attach_csr(id, &given.csr, "anna", now).unwrap();
        self.dispatch(registrar, now);
        self.dispatch(registrar, now + 1);
    }
}

pub fn state(registrar: &Registrar, id: &str) -> State {
    registrar.held(id).unwrap().state
}

pub fn at(seconds: i64) -> Option<String> {
    Some(jiff::Timestamp::from_second(seconds).unwrap().to_string())
}

pub fn device(number: u8, last_seen: i64) -> Device {
    let evidence = vec![Evidence { source: "tap".into(), ..Evidence::default() }];
    let attributes = [("vendor".to_owned(), AttributeRecord { evidence, ..AttributeRecord::default() })].into();
    Device { id: format!("key-{number}"), site: "north".into(), last_seen: at(last_seen), attributes, ..Device::default() }
}

/// An inventory whose last packet came then; the port was watched from the start on.
pub fn document(now: i64, devices: Vec<Device>) -> Document {
    let source = SourceRecord { key: "tap".into(), name: "eth1".into(), first_seen: at(START), last_seen: at(now), ..SourceRecord::default() };
    Document { as_of: at(now), sources: vec![source], devices, ..Document::default() }
}

/// A device shows a certificate then.
pub fn show(document: &mut Document, device: usize, sha256: &str, seen: i64) {
    let id = document.devices[device].id.clone();
    document.devices[device].identities.push(Identity { kind: "x509".into(), value: sha256.into(), last_seen: at(seen), ..Identity::default() });
    match document.certificates.iter_mut().find(|one| one.sha256 == sha256) {
        Some(one) => one.presented_by.push(id),
        None => document.certificates.push(Certificate { sha256: sha256.into(), presented_by: vec![id], ..Certificate::default() }),
    }
}

pub fn findings(registrar: &Registrar) -> Vec<(String, String)> {
    registrar.store.findings().unwrap().into_iter().map(|one| (one.rule, one.what)).collect()
}
