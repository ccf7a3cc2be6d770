//! Devices that hold no identity of their own, and what the log says of the configuration.

use enrollment::policy::Policy;
use enrollment::registrar::Registrar;
use enrollment::request::Request;
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::store::{Exception, Store};

fn registrar(folder: &tempfile::TempDir) -> Registrar {
    Registrar { store: Store::open(&folder.path().join("r.db")).unwrap(), policy: Policy::default() }
}

fn request(id: &str) -> Request {
    Request { id: id.into(), device_keys: vec![format!("device-{id}")], target: "vault".into(), ..Request::default() }
}

fn exception(state: State) -> Exception {
    Exception { state, by: "gateway 7".into(), owner: "anna".into(), review: 10_000 }
}

#[test]
fn what_was_delegated_is_asked_about_again_when_the_review_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let mut registrar = registrar(&folder);
    let key = Key::generate().unwrap();
    let signed = key.propose(request("1"));
    registrar.take_in(&signed, &key.public(), 1_000).unwrap();
    registrar.except("1", &exception(State::Delegated), "person:anna", 1_000).unwrap();
    let held = registrar.held("1").unwrap();
    assert_eq!((held.state, held.reason.as_str()), (State::Delegated, "delegated to gateway gateway 7, owner anna, until 1970-01-01"));
    // Being seen again changes nothing, and neither does a day before the review.
    registrar.take_in(&signed, &key.public(), 9_000).unwrap();
    assert!(registrar.review(9_999).unwrap().is_empty());
    assert_eq!(registrar.held("1").unwrap().state, State::Delegated);
    let told = registrar.review(10_000).unwrap();
    assert!(told.len() == 1 && told[0].contains("to be reviewed: delegated to gateway gateway 7"), "{told:?}");
    assert_eq!(registrar.held("1").unwrap().state, State::AwaitingApproval);
    assert!(registrar.review(10_001).unwrap().is_empty(), "it is told once");
    registrar.except("1", &Exception { review: 20_000, ..exception(State::Compensated) }, "person:anna", 10_002).unwrap();
    let actions: Vec<String> = registrar.store.audit().unwrap().into_iter().map(|(entry, _)| entry.action).collect();
    assert_eq!(actions, ["propose", "delegated", "review", "compensated"]);
    assert!(enrollment::audit::verify(registrar.store.audit().unwrap().into_iter()).is_ok());
}

#[test]
fn an_end_has_an_owner_a_day_to_come_and_a_request_that_may_end_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut registrar = registrar(&folder);
    let key = Key::generate().unwrap();
    registrar.take_in(&key.propose(request("1")), &key.public(), 1_000).unwrap();
    let refused =
        |registrar: &mut Registrar, id: &str, exception: Exception| registrar.except(id, &exception, "person:anna", 1_000).unwrap_err().to_string();
    let good = || exception(State::Compensated);
    assert!(refused(&mut registrar, "1", Exception { owner: " ".into(), ..good() }).contains("owner"));
    assert!(refused(&mut registrar, "1", Exception { by: String::new(), ..good() }).contains("gateway or zone"));
    assert!(refused(&mut registrar, "1", Exception { review: 1_000, ..good() }).contains("past"));
    assert!(refused(&mut registrar, "1", exception(State::Verified)).contains("cannot be verified because"));
    assert!(refused(&mut registrar, "2", good()).contains("there is no request 2"));
    // A device for which nothing could be proposed.
    registrar.except_device(&key.propose(request("3")).request, &good(), "person:anna", 1_000).unwrap();
    assert_eq!(registrar.held("3").unwrap().state, State::Compensated);
    assert!(
        registrar.except_device(&key.propose(request("1")).request, &good(), "person:anna", 1_000).unwrap_err().to_string().contains("name that")
    );
}

#[test]
fn another_configuration_stands_in_the_log_with_both_digests_and_the_same_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut registrar = registrar(&folder);
    registrar.configured(1_000).unwrap();
    registrar.configured(1_001).unwrap();
    registrar.policy.approvals_required = 0;
    registrar.configured(1_002).unwrap();
    let entries: Vec<_> = registrar.store.audit().unwrap().into_iter().map(|(entry, _)| entry).collect();
    assert_eq!(entries.len(), 2, "{entries:?}");
    let (first, second) = (entries[0].detail.split(" to ").collect::<Vec<_>>(), entries[1].detail.split(" to ").collect::<Vec<_>>());
    assert_eq!((first[0], first[1]), ("none", second[0]));
    assert!(second[1].starts_with("sha256:") && second[1] != second[0]);
    assert!(enrollment::audit::verify(registrar.store.audit().unwrap().into_iter()).is_ok());
}
