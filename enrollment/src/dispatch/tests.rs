use super::*;
use crate::approval::{Decision, Signed};
use crate::audit;
use crate::policy::tests::{camera, policy};
use crate::propose::propose;
use crate::request::Request;
use crate::sign::Key;
use crate::store::Taken;
use crate::target::{Capabilities, Issued, IssuedList, Posture};
use inventory::Document;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// What stands at the other side, and what it answers.
#[derive(Default)]
struct Vault {
    registered: BTreeSet<String>,
    calls: u32,
    probes: u32,
    fails: Option<Reason>,
}

#[derive(Clone, Default)]
struct Fake(Rc<RefCell<Vault>>);

// The trait asks for `Send`; the fake is shared with the test by an index into a thread's own table instead.
thread_local!(static FAKES: RefCell<Vec<Fake>> = const { RefCell::new(Vec::new()) });

struct Handle(usize);

impl Handle {
    fn with<T>(&self, f: impl FnOnce(&mut Vault) -> T) -> T {
        FAKES.with(|fakes| f(&mut fakes.borrow()[self.0].0.borrow_mut()))
    }

    fn answer<T>(&self, f: impl FnOnce(&mut Vault) -> T) -> Result<T, Failure> {
        self.with(|vault| match &vault.fails {
            Some(reason) => Err(Failure { reason: reason.clone(), message: "refused by the fake".to_owned() }),
            None => Ok(f(vault)),
        })
    }
}

impl Target for Handle {
    fn kind(&self) -> &'static str {
        "fake"
    }
    fn probe(&mut self) -> Result<Capabilities, Failure> {
        self.with(|vault| vault.probes += 1);
        self.answer(|_| Capabilities::default())
    }
    fn register(&mut self, request: &Request) -> Result<Registered, Failure> {
        self.with(|vault| vault.calls += 1);
        self.answer(|vault| Registered { external_id: format!("e-{}", request.id), replayed: !vault.registered.insert(request.id.clone()) })
    }
    fn sign(&mut self, _: &Request, _: &str) -> Result<Issued, Failure> {
        self.answer(|_| Issued::default())
    }
    fn status(&mut self, _: &Registered) -> Result<Status, Failure> {
        self.answer(|_| Status::Enrolled(Some("01".to_owned())))
    }
    fn issued(&mut self, _: &dyn Fn(&str) -> bool) -> Result<IssuedList, Failure> {
        self.answer(|_| IssuedList::default())
    }
    fn posture(&mut self, _: &Registered, _: &Posture) -> Result<(), Failure> {
        self.answer(|_| ())
    }
    fn propose_deactivation(&mut self, _: &Registered, _: &str) -> Result<(), Failure> {
        self.answer(|_| ())
    }
}

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    targets: Targets,
    vault: Fake,
    sensor: Key,
    people: [Key; 2],
    approvers: Vec<Approver>,
    policy: Policy,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = |name: &str| Key::create(&folder.path().join(name)).unwrap();
        let (sensor, people) = (key("sensor"), [key("ann"), key("bob")]);
        let named = ["ann", "bob"].iter().zip(&people);
        let approvers = named.map(|(name, key)| Approver { name: (*name).to_owned(), public_key: key.public() }).collect();
        let vault = Fake::default();
        let place = FAKES.with(|fakes| {
            fakes.borrow_mut().push(vault.clone());
            fakes.borrow().len() - 1
        });
        let targets = Targets::from([("vault".to_owned(), Box::new(Handle(place)) as Box<dyn Target>)]);
        let store = Store::open(&folder.path().join("r.db")).unwrap();
        Self { folder, store, targets, vault, sensor, people, approvers, policy: policy() }
    }

    fn request(&self) -> Request {
        propose(&Document { devices: vec![camera()], ..Document::default() }, &self.policy, &self.sensor.public()).remove(0)
    }

    fn take(&mut self, request: &Request, now: i64) -> Taken {
        let signature = self.sensor.sign(&request.canonical());
        self.store.take(request, &signature, &[self.sensor.public()], &self.policy, now).unwrap()
    }

    fn approve(&mut self, person: usize, now: i64) -> Result<State, StoreError> {
        let request = self.store.all().unwrap().remove(0).request;
        let signed = Signed::new(&request, Decision::Approve, now, &self.people[person]);
        self.store.decide(&signed, &self.approvers, &self.policy, now)
    }

    fn ready() -> Self {
        let mut bench = Self::new();
        let request = bench.request();
        assert_eq!(bench.take(&request, 0), Taken::New);
        assert_eq!(bench.approve(0, 0).unwrap(), State::AwaitingApproval);
        assert_eq!(bench.approve(0, 0).unwrap(), State::AwaitingApproval, "one person twice is one");
        assert_eq!(bench.approve(1, 0).unwrap(), State::Requested);
        bench
    }

    fn pass(&mut self, now: i64, go_on: &mut dyn FnMut(Step) -> bool) -> Report {
        let random = &mut || u64::MAX / 2;
        let mut pass = Pass { now, random, go_on, policy: &self.policy, approvers: &self.approvers };
        dispatch(&mut self.store, &mut self.targets, &mut pass).unwrap()
    }

    fn state(&self) -> State {
        self.store.all().unwrap()[0].state
    }
}

#[test]
fn what_two_people_approved_is_registered_and_polled_and_the_log_holds() {
    let mut bench = Bench::ready();
    assert_eq!(bench.pass(1, &mut |_| true).accepted, 1);
    assert_eq!(bench.state(), State::Accepted);
    assert_eq!(poll(&mut bench.store, &mut bench.targets, 2).unwrap(), 1);
    assert_eq!(bench.state(), State::Enrolled);
    assert!(audit::verify(&bench.store.audit().unwrap(), None).is_ok());
}

#[test]
fn a_stop_between_any_two_steps_ends_in_exactly_one_registration() {
    for step in [Step::Leased, Step::Answered, Step::Settled] {
        let mut bench = Bench::ready();
        bench.pass(1, &mut |at| at != step);
        // What dies leaves nothing but the file.
        bench.store = Store::open(&bench.folder.path().join("r.db")).unwrap();
        let stopped = bench.pass(2, &mut |_| true);
        assert_eq!(stopped, Report::default(), "the lease holds: {step:?}");
        bench.pass(1 + crate::outbox::LEASE, &mut |_| true);
        assert_eq!(bench.state(), State::Accepted, "{step:?}");
        assert_eq!(bench.vault.0.borrow().registered.len(), 1);
    }
}

#[test]
fn an_hour_of_an_unreachable_vault_is_few_calls_and_then_delivery() {
    let mut bench = Bench::ready();
    bench.vault.0.borrow_mut().fails = Some(Reason::Unreachable);
    for second in 0..3600 {
        bench.pass(second * 1000, &mut |_| true);
    }
    let (calls, probes) = (bench.vault.0.borrow().calls, bench.vault.0.borrow().probes);
    assert!((5..20).contains(&calls) && (10..=60).contains(&probes), "{calls} calls, {probes} probes");
    bench.vault.0.borrow_mut().fails = None;
    (3600..4600).for_each(|second| drop(bench.pass(second * 1000, &mut |_| true)));
    assert_eq!((bench.state(), bench.vault.0.borrow().registered.len()), (State::Accepted, 1));
}

#[test]
fn after_three_days_it_is_a_dead_letter_with_the_reason_and_can_be_replayed() {
    let mut bench = Bench::ready();
    bench.vault.0.borrow_mut().fails = Some(Reason::Sealed);
    bench.pass(1, &mut |_| true);
    assert_eq!(bench.pass(AGE_MAX, &mut |_| true).failed, 1);
    let held = bench.store.all().unwrap().remove(0);
    assert_eq!(held.state, State::DeadLetter);
    assert!(held.why.contains("refused by the fake"), "{}", held.why);
    bench.vault.0.borrow_mut().fails = None;
    bench.store.retry(&held.request.id, "ann", AGE_MAX).unwrap();
    bench.pass(AGE_MAX + 1, &mut |_| true);
    assert_eq!(bench.state(), State::Accepted);
}

#[test]
fn a_refusal_is_final_and_retry_after_is_kept() {
    let mut bench = Bench::ready();
    bench.vault.0.borrow_mut().fails = Some(Reason::Throttled(Some(Duration::from_secs(90))));
    assert_eq!(bench.pass(0, &mut |_| true).later, 1);
    assert_eq!(bench.pass(89_999, &mut |_| true), Report::default());
    bench.vault.0.borrow_mut().fails = Some(Reason::Conflict);
    assert_eq!(bench.pass(90_000, &mut |_| true).failed, 1);
    assert_eq!(bench.state(), State::Failed);
}

#[test]
fn a_device_that_changed_after_approval_is_not_sent() {
    let mut bench = Bench::ready();
    let mut changed = bench.request();
    changed.identifiers.serial.push("X1".to_owned());
    assert_eq!(bench.take(&changed, 1), Taken::Changed);
    assert_eq!(bench.pass(2, &mut |_| true).accepted, 0);
    assert_eq!(bench.state(), State::AwaitingApproval);
    assert_eq!(bench.approve(0, 3).unwrap(), State::AwaitingApproval);
    assert_eq!(bench.approve(1, 3).unwrap(), State::Requested);
}

#[test]
fn an_approver_who_was_taken_off_the_list_does_not_count_when_it_is_sent() {
    let mut bench = Bench::ready();
    bench.approvers.pop();
    assert_eq!(bench.pass(1, &mut |_| true).unapproved, 1);
    assert_eq!((bench.state(), bench.vault.0.borrow().calls), (State::AwaitingApproval, 0));
}

#[test]
fn a_second_sensor_is_noted_and_a_strange_one_refused() {
    let mut bench = Bench::new();
    let request = bench.request();
    bench.take(&request, 0);
    let other = Key::create(&bench.folder.path().join("other")).unwrap();
    let second = Request { id: "another".to_owned(), sensor: other.public(), ..request.clone() };
    let signature = other.sign(&second.canonical());
    let refused = bench.store.take(&second, &signature, &[bench.sensor.public()], &bench.policy, 1);
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    let taken = bench.store.take(&second, &signature, &[other.public()], &bench.policy, 1).unwrap();
    assert_eq!(taken, Taken::Known(request.id));
    assert_eq!(bench.store.all().unwrap().len(), 1);
}

#[test]
fn a_quota_that_is_used_up_lets_nothing_new_in() {
    let mut bench = Bench::new();
    bench.policy.per_hour = 0;
    let request = bench.request();
    assert_eq!(bench.take(&request, 0), Taken::Quota);
}
