//! The registrar against a target in memory that does what is asked of it, or fails as it is told.

use enrollment::approval::{Approval, Statement};
use enrollment::policy::{Approver, Policy};
use enrollment::registrar::{Error, Registrar, Taken};
use enrollment::request::{Identifiers, Request};
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::store::Store;
use enrollment::target::{Capabilities, Failure, Issued, IssuedList, Posture, Reason, Registered, Status, Target};
use enrollment::targets::Settings;
use std::sync::{Arc, Mutex};

/// What the other side holds.
#[derive(Default)]
struct There {
    /// Every registration that was made, by the request's id: two of one are two devices.
    made: Vec<String>,
    calls: u32,
    /// What it issues, PEM.
    certificate: String,
    /// What every call answers instead.
    fails: Option<Failure>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<There>>);

impl Fake {
    fn made(&self) -> Vec<String> {
        self.0.lock().unwrap().made.clone()
    }

    fn fail(&self, reason: Option<Reason>) {
        self.0.lock().unwrap().fails = reason.map(|reason| Failure { reason, message: "as told".into() });
    }
}

impl Target for Fake {
    fn kind(&self) -> &'static str {
        "fake"
    }

    fn probe(&mut self) -> Result<Capabilities, Failure> {
        self.0.lock().unwrap().fails.clone().map_or_else(|| Ok(Capabilities::default()), Err)
    }

    fn register(&mut self, request: &Request) -> Result<Registered, Failure> {
        let mut there = self.0.lock().unwrap();
        there.calls += 1;
        if let Some(failure) = &there.fails {
            return Err(failure.clone());
        }
        let replayed = there.made.contains(&request.id);
        if !replayed {
            there.made.push(request.id.clone());
        }
        Ok(Registered { external_id: format!("entity-{}", request.id), replayed })
    }

    fn sign(&mut self, _: &Request, _: &str) -> Result<Issued, Failure> {
        let certificate_pem = self.0.lock().unwrap().certificate.clone();
        let chain_pem = vec![certificate_pem.clone()];
        Ok(Issued { serial: "0a".into(), certificate_pem, chain_pem, ..Issued::default() })
    }

    fn status(&mut self, _: &Registered) -> Result<Status, Failure> {
        Ok(Status::Registered)
    }

    fn issued(&mut self, _: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        Ok(IssuedList::default())
    }

    fn posture(&mut self, _: &Registered, _: &Posture) -> Result<(), Failure> {
        Ok(())
    }

    fn propose_deactivation(&mut self, _: &Registered, _: &str) -> Result<(), Failure> {
        Ok(())
    }
}

struct Scene {
    folder: tempfile::TempDir,
    sensor: Key,
    people: Vec<(String, Key)>,
    policy: Policy,
    fake: Fake,
}

impl Scene {
    fn new(approvals_required: u8) -> Self {
        let people: Vec<(String, Key)> = ["anna", "bert"].iter().map(|name| ((*name).to_owned(), Key::generate().unwrap())).collect();
        let approver = people.iter().map(|(name, key)| Approver { name: name.clone(), public_key: key.public(), ..Approver::default() }).collect();
        let targets = [("vault".to_owned(), Settings::default())].into();
        let policy = Policy { approvals_required, approver, targets, ..Policy::default() };
        Self { folder: tempfile::tempdir().unwrap(), sensor: Key::generate().unwrap(), people, policy, fake: Fake::default() }
    }

    fn registrar(&self) -> Registrar {
        Registrar { store: Store::open(&self.folder.path().join("registrar.db")).unwrap(), policy: self.policy.clone() }
    }

    fn request(&self, number: u32) -> Request {
        let identifiers = Identifiers { mac: vec![format!("00:80:f4:00:00:{number:02x}")], ..Identifiers::default() };
        let keys = vec![format!("key-{number}")];
        Request {
            id: format!("r{number}"),
            target: "vault".into(),
            device_keys: keys,
            identifiers,
            requested_by: "policy:r".into(),
            ..Request::default()
        }
    }

    fn take_in(&self, registrar: &mut Registrar, request: Request, now: i64) -> Taken {
        registrar.take_in(&self.sensor.propose(request), &self.sensor.public(), now).unwrap()
    }

    fn say(&self, registrar: &Registrar, person: usize, id: &str, decision: &str) -> Approval {
        let (name, key) = &self.people[person];
        let binding = registrar.held(id).unwrap().request.binding_digest();
        Approval::sign(key, Statement { request: id.into(), binding, decision: decision.into(), approver: name.clone(), at: 5 })
    }

    fn dispatch(&self, registrar: &mut Registrar, now: i64) -> enrollment::registrar::Report {
        let fake = self.fake.clone();
        registrar.dispatch(&mut |_| Ok(Box::new(fake.clone())), now, &mut |_| false).unwrap()
    }
}

fn state(registrar: &Registrar, id: &str) -> State {
    registrar.held(id).unwrap().state
}

#[test]
fn two_people_agree_and_the_device_is_registered_once() {
    let scene = Scene::new(2);
    let mut registrar = scene.registrar();
    assert_eq!(scene.take_in(&mut registrar, scene.request(1), 1), Taken::New);
    assert_eq!(scene.take_in(&mut registrar, scene.request(1), 2), Taken::Same);
    let early = registrar.decide(&scene.say(&registrar, 0, "r1", "approve"), -1000);
    assert!(matches!(early, Err(Error::Refused(why)) if why.contains("a time to come")));
    registrar.decide(&scene.say(&registrar, 0, "r1", "approve"), 3).unwrap();
    registrar.decide(&scene.say(&registrar, 0, "r1", "approve"), 3).unwrap();
    assert_eq!(scene.dispatch(&mut registrar, 4).registered, 0, "one person is one");
    registrar.decide(&scene.say(&registrar, 1, "r1", "approve"), 5).unwrap();
    assert_eq!(scene.dispatch(&mut registrar, 6).registered, 1);
    assert_eq!((state(&registrar, "r1"), scene.fake.made()), (State::Accepted, vec!["r1".to_owned()]));
    assert_eq!(registrar.held("r1").unwrap().external_id.as_deref(), Some("entity-r1"));
    assert_eq!(scene.dispatch(&mut registrar, 7).registered, 0);
}

#[test]
fn a_device_that_changes_between_approval_and_sending_is_approved_again() {
    let scene = Scene::new(1);
    let mut registrar = scene.registrar();
    scene.take_in(&mut registrar, scene.request(1), 1);
    registrar.decide(&scene.say(&registrar, 0, "r1", "approve"), 2).unwrap();
    let mut changed = scene.request(1);
    changed.identifiers.serial.push("X9".into());
    assert_eq!(scene.take_in(&mut registrar, changed, 3), Taken::Changed);
    assert_eq!(scene.dispatch(&mut registrar, 4).registered, 0);
    assert_eq!(state(&registrar, "r1"), State::AwaitingApproval);
    registrar.decide(&scene.say(&registrar, 1, "r1", "approve"), 5).unwrap();
    assert_eq!(scene.dispatch(&mut registrar, 6).registered, 1);
}

#[test]
fn an_approver_who_is_taken_from_the_list_counts_no_longer() {
    let mut scene = Scene::new(1);
    let mut registrar = scene.registrar();
    scene.take_in(&mut registrar, scene.request(1), 1);
    registrar.decide(&scene.say(&registrar, 0, "r1", "approve"), 2).unwrap();
    scene.policy.approver.remove(0);
    let mut registrar = scene.registrar();
    assert_eq!(scene.dispatch(&mut registrar, 3).registered, 0);
    assert_eq!(state(&registrar, "r1"), State::AwaitingApproval);
}

#[test]
fn who_is_no_sensor_proposes_nothing_and_another_key_of_the_device_is_the_same_device() {
    let scene = Scene::new(1);
    let mut registrar = scene.registrar();
    let stranger = Key::generate().unwrap();
    let refused = registrar.take_in(&stranger.propose(scene.request(1)), &scene.sensor.public(), 1);
    assert!(matches!(refused, Err(Error::Refused(why)) if why.contains("not signed by a sensor that may propose")));
    scene.take_in(&mut registrar, scene.request(1), 2);
    let other = Request { id: "r2".into(), device_keys: vec!["key-0".into(), "key-1".into()], ..scene.request(2) };
    assert_eq!(scene.take_in(&mut registrar, other, 3), Taken::Already("r1".into()));
}

#[test]
fn one_who_refuses_ends_it_and_being_seen_again_does_not_begin_it() {
    let scene = Scene::new(2);
    let mut registrar = scene.registrar();
    scene.take_in(&mut registrar, scene.request(1), 1);
    registrar.decide(&scene.say(&registrar, 1, "r1", "reject"), 2).unwrap();
    assert_eq!(scene.take_in(&mut registrar, scene.request(1), 3), Taken::Same);
    assert_eq!(state(&registrar, "r1"), State::Rejected);
    assert!(registrar.decide(&scene.say(&registrar, 0, "r1", "approve"), 4).is_err());
}

#[test]
fn wherever_it_is_killed_the_device_is_registered_exactly_once() {
    for at in ["leased", "called", "named", "registered"] {
        let scene = Scene::new(0);
        scene.take_in(&mut scene.registrar(), scene.request(1), 1);
        let fake = scene.fake.clone();
        let stopped = scene.registrar().dispatch(&mut |_| Ok(Box::new(fake.clone())), 2, &mut |name| name == at);
        assert!(matches!(stopped, Err(Error::Stopped)), "{at}");
        // A new process; the lease of the dead one runs out.
        let mut registrar = scene.registrar();
        for now in [3, 1000] {
            scene.dispatch(&mut registrar, now);
        }
        assert_eq!((state(&registrar, "r1"), scene.fake.made()), (State::Accepted, vec!["r1".to_owned()]), "{at}");
        assert!(enrollment::audit::verify(registrar.store.audit().unwrap().into_iter()).is_ok());
    }
}

#[test]
fn an_hour_without_the_vault_costs_few_calls_and_no_request() {
    let scene = Scene::new(0);
    let mut registrar = scene.registrar();
    for number in 0..50 {
        scene.take_in(&mut registrar, scene.request(number), 0);
    }
    scene.fake.fail(Some(Reason::Unreachable));
    for now in 0..3600 {
        scene.dispatch(&mut registrar, now);
    }
    let calls = scene.fake.0.lock().unwrap().calls;
    assert!((5..200).contains(&calls), "{calls} calls: a target that does not answer is left alone");
    assert_eq!(registrar.store.waiting().unwrap(), 50);
    scene.fake.fail(None);
    for now in (3600..3600 + 4000).step_by(60) {
        scene.dispatch(&mut registrar, now);
    }
    assert_eq!((scene.fake.made().len(), registrar.store.waiting().unwrap()), (50, 0));
}

#[test]
fn what_cannot_be_delivered_for_three_days_is_a_dead_letter_with_its_reason_and_can_be_sent_again() {
    let scene = Scene::new(0);
    let mut registrar = scene.registrar();
    scene.take_in(&mut registrar, scene.request(1), 0);
    scene.fake.fail(Some(Reason::Sealed));
    for now in (0..73 * 3600).step_by(300) {
        scene.dispatch(&mut registrar, now);
    }
    let held = registrar.held("r1").unwrap();
    assert_eq!((held.state, held.reason.as_str()), (State::DeadLetter, "as told"));
    scene.fake.fail(None);
    registrar.retry("r1", "person:anna", 300_000).unwrap();
    scene.dispatch(&mut registrar, 300_100);
    assert_eq!(state(&registrar, "r1"), State::Accepted);
}

#[test]
fn what_the_target_refuses_has_failed_and_an_expired_credential_fails_nothing() {
    let scene = Scene::new(0);
    let mut registrar = scene.registrar();
    scene.take_in(&mut registrar, scene.request(1), 0);
    scene.fake.fail(Some(Reason::Unauthenticated));
    assert_eq!((scene.dispatch(&mut registrar, 1).put_off, state(&registrar, "r1")), (1, State::Requested));
    scene.fake.fail(Some(Reason::Conflict));
    assert_eq!((scene.dispatch(&mut registrar, 1000).failed, state(&registrar, "r1")), (1, State::Failed));
}

#[test]
fn no_more_than_the_quota_in_an_hour() {
    let mut scene = Scene::new(0);
    scene.policy.per_hour = 3;
    let mut registrar = scene.registrar();
    for number in 0..5 {
        scene.take_in(&mut registrar, scene.request(number), 0);
    }
    let report = scene.dispatch(&mut registrar, 1);
    assert_eq!((report.registered, report.held_back), (3, 2));
    assert_eq!(scene.dispatch(&mut registrar, 1800).registered, 0);
    assert_eq!(scene.dispatch(&mut registrar, 3700).registered, 2);
}

#[test]
fn a_log_that_was_touched_is_found_out() {
    let scene = Scene::new(0);
    let mut registrar = scene.registrar();
    for number in 0..3 {
        scene.take_in(&mut registrar, scene.request(number), 0);
    }
    let log = registrar.store.audit().unwrap();
    let (count, head) = enrollment::audit::verify(log.iter().cloned()).unwrap();
    assert_eq!(count, i64::try_from(log.len()).unwrap());
    let mut changed = log.clone();
    changed[1].0.detail = "nothing of the kind".into();
    assert_eq!(enrollment::audit::verify(changed.into_iter()).unwrap_err().sequence, 2);
    let mut without = log.clone();
    without.remove(1);
    assert_eq!(enrollment::audit::verify(without.into_iter()).unwrap_err().sequence, 3);
    // A log that lost its end follows, and ends with another hash.
    assert_ne!(enrollment::audit::verify(log[..log.len() - 1].iter().cloned()).unwrap().1, head);
}

/// A device's CSR, the certificate that it is given, and the certificate's SHA-256.
fn identity(name: &str) -> (String, String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let csr = parameters.serialize_request(&key).unwrap().pem().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let digest = enrollment::request::digest(certificate.der());
    (csr, certificate.pem(), digest.trim_start_matches("sha256:").to_owned())
}

#[test]
fn what_was_issued_is_verified_when_the_device_shows_it_and_suspended_when_another_does() {
    use inventory::document::{Certificate, Device, Document};
    let scene = Scene::new(0);
    let mut registrar = scene.registrar();
    scene.take_in(&mut registrar, scene.request(1), 0);
    scene.take_in(&mut registrar, scene.request(2), 0);
    let (csr, certificate, sha256) = identity("plc-1");
    scene.fake.0.lock().unwrap().certificate = certificate;
    registrar.attach_csr("r1", &csr, "anna", 1).unwrap();
    let twice = registrar.attach_csr("r2", &csr, "anna", 1);
    assert!(matches!(twice, Err(Error::Refused(why)) if why.contains("every device has a key of its own")));
    for now in [2, 3] {
        scene.dispatch(&mut registrar, now);
    }
    assert_eq!((state(&registrar, "r1"), state(&registrar, "r2")), (State::Enrolled, State::Accepted));

    // Not seen says nothing. The device goes by another of its ids in the meantime.
    let device = |id: &str, alias: &str| Device { id: id.into(), aliases: vec![alias.into()], ..Device::default() };
    let mut document = Document { devices: vec![device("new-id", "key-1"), device("stranger", "key-9")], ..Document::default() };
    assert!(registrar.observe(&document, 4).unwrap().is_empty());
    document.certificates = vec![Certificate { sha256, presented_by: vec!["new-id".into()], ..Certificate::default() }];
    assert_eq!(registrar.observe(&document, 5).unwrap().len(), 1);
    assert_eq!(state(&registrar, "r1"), State::Verified);
    assert!(registrar.observe(&document, 6).unwrap().is_empty(), "once");
    document.certificates[0].presented_by.push("stranger".into());
    registrar.observe(&document, 7).unwrap();
    assert_eq!(state(&registrar, "r1"), State::Suspended);
}

#[test]
fn a_certificate_that_has_ended_is_expired_by_the_time_of_the_last_packet() {
    use inventory::document::Document;
    let scene = Scene::new(0);
    let mut registrar = scene.registrar();
    scene.take_in(&mut registrar, scene.request(1), 0);
    let (csr, certificate, _) = identity("plc-1");
    scene.fake.0.lock().unwrap().certificate = certificate;
    registrar.attach_csr("r1", &csr, "anna", 1).unwrap();
    for now in [2, 3] {
        scene.dispatch(&mut registrar, now);
    }
    let at = |time: &str| Document { as_of: Some(time.to_owned()), ..Document::default() };
    assert!(registrar.observe(&at("2026-11-27T00:00:00.000000000Z"), 4).unwrap().is_empty());
    registrar.observe(&at("9999-01-01T00:00:00.000000000Z"), 5).unwrap();
    assert_eq!(state(&registrar, "r1"), State::Expired);
}
