//! What a restart finds: rounds that stand whole, messages that wait in order, windows that are over.

use super::spool::WAITING_MAX;
use super::*;
use crate::events::forget::Whom;
use crate::events::known::KnownDevice;
use inventory::decision::Decision;

fn known(names: &[&str]) -> Known {
    let mut known = Known::default();
    known.whole.begun = true;
    known.devices.extend(names.iter().map(|name| ((*name).to_owned(), KnownDevice { site: "north".into(), ..KnownDevice::default() })));
    known
}

fn event(kind: Kind, device: &str) -> Event {
    Event { site: "north".into(), segment: "cell".into(), device: Some(device.into()), ..Event::of_all(kind, "what", "why") }
}

struct Bench {
    folder: tempfile::TempDir,
    targets: BTreeMap<String, Severity>,
}

impl Bench {
    fn new(targets: &[(&str, Severity)]) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), targets: targets.iter().map(|(name, least)| ((*name).to_owned(), *least)).collect() }
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.path().join("plant.events.db")).unwrap()
    }

    fn telling(&self, now: i64) -> Telling<'_> {
        Telling { now, at: "2026-03-01T00:00:00Z", per_hour: 3, targets: &self.targets, keep: 1_000_000 }
    }
}

#[test]
fn what_was_known_and_told_is_there_after_a_restart_and_nothing_twice() {
    let bench = Bench::new(&[("siem", Severity::Informational)]);
    let (before, after) = (Known::default(), known(&["a", "b"]));
    let told = bench.store().keep(&before, &after, &[event(Kind::NewDevice, "a"), event(Kind::NewDevice, "b")], &bench.telling(1_000)).unwrap();
    assert_eq!(told, Told { messages: 1, ..Told::default() });
    let store = bench.store();
    assert_eq!(store.known().unwrap(), after);
    let kept = store.events(&Wanted { most: 10, ..Wanted::default() }).unwrap();
    assert_eq!(kept.iter().map(|kept| (kept.event.device.as_deref(), kept.told)).collect::<Vec<_>>(), [(Some("a"), true), (Some("b"), true)]);
    assert_eq!(store.due("siem", 1_000).unwrap().unwrap().message.count, 2);
    assert_eq!(bench.store().keep(&after, &known(&["a"]), &[], &bench.telling(1_060)).unwrap(), Told::default());
    assert_eq!(bench.store().known().unwrap(), known(&["a"]));
    let wanted = Wanted { kind: Some(Kind::NewDevice), device: Some("b".into()), since: Some(1_000), most: 10 };
    assert_eq!(bench.store().events(&wanted).unwrap().len(), 1);
    assert!(bench.store().events(&Wanted { since: Some(1_001), ..wanted }).unwrap().is_empty());
}

#[test]
fn messages_wait_in_order_and_a_receiver_that_fails_is_left_alone_for_longer_each_time() {
    let bench = Bench::new(&[("siem", Severity::Informational), ("pager", Severity::Error)]);
    let mut store = bench.store();
    for kind in [Kind::Silent, Kind::MirrorDegraded] {
        store.keep(&known(&[]), &known(&[]), &[event(kind, "a")], &bench.telling(1_000)).unwrap();
    }
    let first = store.due("siem", 1_000).unwrap().unwrap();
    assert_eq!(first.message.kind, Kind::Silent);
    assert_eq!(store.due("pager", 1_000).unwrap().unwrap().message.kind, Kind::MirrorDegraded, "the less grave is not told there");
    store.failed("siem", 1_000, None, "away").unwrap();
    assert!(store.due("siem", 1_004).unwrap().is_none());
    drop(store);
    let mut store = bench.store();
    assert_eq!(store.due("siem", 1_005).unwrap().unwrap(), first, "a restart keeps place and order");
    store.failed("siem", 1_005, None, "away").unwrap();
    assert!(store.due("siem", 1_014).unwrap().is_none() && store.due("siem", 1_015).unwrap().is_some());
    store.failed("siem", 1_015, Some(77), "later").unwrap();
    assert!(store.due("siem", 1_091).unwrap().is_none() && store.due("siem", 1_092).unwrap().is_some(), "it says itself how long");
    assert!(store.due("siem", -100_000).unwrap().is_some(), "a clock that was set back delays nothing for years");
    assert_eq!((store.receipts().unwrap()[1].failures, store.receipts().unwrap()[1].error.as_deref()), (3, Some("later")));
    store.sent("siem", first.number).unwrap();
    let second = store.due("siem", 1_092).unwrap().unwrap();
    assert_eq!(second.message.kind, Kind::MirrorDegraded);
    assert_ne!(first.message.id, second.message.id);
    store.only(&BTreeMap::new()).unwrap();
    assert!(store.due("siem", 2_000).unwrap().is_none() && store.receipts().unwrap().is_empty());
}

#[test]
fn what_a_receiver_misses_for_too_long_is_dropped_counted_and_told() {
    let bench = Bench::new(&[("siem", Severity::Informational)]);
    let mut store = bench.store();
    let many = usize::try_from(WAITING_MAX).unwrap() + 1;
    let events: Vec<Event> = (0..many).map(|n| Event { segment: n.to_string(), ..event(Kind::MirrorDegraded, "a") }).collect();
    store.keep(&known(&[]), &known(&[]), &events, &bench.telling(1_000)).unwrap();
    let receipt = store.receipts().unwrap().remove(0);
    assert_eq!((receipt.dropped, receipt.waiting), (1_001, WAITING_MAX - 1_000 + 1));
    assert_eq!(store.due("siem", 1_000).unwrap().unwrap().message.segment, "1001", "the oldest are dropped");
    let count = store.read(|c| c.query_row("SELECT count(*) FROM messages WHERE body LIKE '%delivery-dropped%'", [], |row| row.get::<_, i64>(0)));
    assert_eq!(count.unwrap(), 1);
    assert_eq!(store.events(&Wanted { most: 100_000, ..Wanted::default() }).unwrap().len(), many, "the database has all of it");
}

#[test]
fn beyond_the_budget_nothing_is_lost_from_the_database() {
    let bench = Bench::new(&[("siem", Severity::Informational)]);
    let mut store = bench.store();
    let events: Vec<Event> = (0..10).map(|n| Event { segment: n.to_string(), ..event(Kind::Silent, "a") }).collect();
    let told = store.keep(&known(&[]), &known(&[]), &events, &bench.telling(10_000)).unwrap();
    assert_eq!((told.messages, told.held), (3, 7));
    assert_eq!(store.events(&Wanted { most: 100, ..Wanted::default() }).unwrap().len(), 10);
    drop(store);
    bench.store().keep(&known(&[]), &known(&[]), &[], &bench.telling(13_600)).unwrap();
    let mut store = bench.store();
    let mut kinds = Vec::new();
    while let Some(waiting) = store.due("siem", 20_000).unwrap() {
        kinds.push((waiting.message.kind, waiting.message.count));
        store.sent("siem", waiting.number).unwrap();
    }
    assert_eq!(kinds, [(Kind::Silent, 1), (Kind::Silent, 1), (Kind::Silent, 1), (Kind::HeldBack, 7)]);
}

#[test]
fn what_happens_in_a_window_stands_under_its_ticket_and_is_told_once_at_its_end() {
    let bench = Bench::new(&[("siem", Severity::Informational)]);
    let mut store = bench.store();
    let place = Place { segment: Some("cell".into()), ..Place::default() };
    let window = Maintenance { id: 0, begins: 1_000, ends: 2_000, ticket: "CHG-1".into(), place, author: "anna".into() };
    let id = store.announce(&window, 900).unwrap();
    let elsewhere = Event { segment: "hall".into(), ..event(Kind::Silent, "c") };
    let events = [event(Kind::Firmware, "a"), event(Kind::Silent, "b"), elsewhere.clone()];
    let told = store.keep(&known(&[]), &known(&[]), &events, &bench.telling(1_500)).unwrap();
    assert_eq!((told.under_ticket, told.messages), (2, 1));
    store.keep(&known(&[]), &known(&[]), &[], &bench.telling(2_000)).unwrap();
    store.keep(&known(&[]), &known(&[]), &[event(Kind::Silent, "d")], &bench.telling(2_001)).unwrap();
    let mut messages = Vec::new();
    while let Some(waiting) = store.due("siem", 3_000).unwrap() {
        store.sent("siem", waiting.number).unwrap();
        messages.push(waiting.message);
    }
    assert_eq!(messages.iter().map(|one| one.kind).collect::<Vec<_>>(), [Kind::Silent, Kind::Maintenance, Kind::Silent]);
    let summary = &messages[1];
    assert_eq!((summary.count, summary.severity, summary.ticket.as_deref()), (2, Severity::Informational, Some("CHG-1")));
    assert_eq!(summary.text, "maintenance under CHG-1: 1 firmware-changed, 1 silent");
    assert!(!store.end_window(id, 3_000, "bob").unwrap(), "it is over");
    assert_eq!(store.windows().unwrap().len(), 1);
    let log = store.audit().unwrap();
    assert_eq!(log.iter().map(|(entry, _)| entry.actor.as_str()).collect::<Vec<_>>(), ["anna", "bob"]);
    assert_eq!(enrollment::audit::verify(log.into_iter()).unwrap().0, 2);
}

#[test]
fn old_events_are_forgotten_and_another_database_is_refused() {
    let bench = Bench::new(&[]);
    let mut store = bench.store();
    store.keep(&known(&[]), &known(&[]), &[event(Kind::Silent, "a")], &bench.telling(1_000)).unwrap();
    store.keep(&known(&[]), &known(&[]), &[event(Kind::Silent, "b")], &bench.telling(1_001_001)).unwrap();
    let kept = store.events(&Wanted { most: 10, ..Wanted::default() }).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].event.device.as_deref(), Some("b"));
    let other = bench.folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(Store::open(&other).err().unwrap().to_string().contains("not one of events"));
}

#[test]
fn a_message_about_several_tells_of_the_others_when_one_is_forgotten() {
    let bench = Bench::new(&[("siem", Severity::Informational)]);
    let mut store = bench.store();
    let named = |device: &str, subject: &str| Event { subject: subject.into(), text: format!("{subject} is new"), ..event(Kind::NewDevice, device) };
    let key = inventory::key::Key::of_mac("00:80:f4:01:02:03".parse().unwrap());
    let mut all = known(&["a", "b"]);
    let anna = all.devices.get_mut("a").unwrap();
    (anna.ids, anna.subject) = ([key.id("north")].into(), "00:80:f4:01:02:03 anna".into());
    let events = [named("a", "00:80:f4:01:02:03 anna"), named("b", "10.0.0.2 bob")];
    store.keep(&Known::default(), &all, &events, &bench.telling(1_000)).unwrap();
    store
        .keep(&all, &all, &[Event { text: "10.0.0.2 bob asks 00:80:f4:01:02:03 anna".into(), ..event(Kind::Silent, "b") }], &bench.telling(1_000))
        .unwrap();
    let decision = |key: &str| Decision::Forget { site: "north".into(), key: key.into(), until: String::new(), reason: "asked".into() };
    let decisions = [("1".to_owned(), decision("mac:00:80:f4:01:02:03"))];
    let whom = Whom::of(&decisions, &all);
    let after = whom.removed_from(&all);
    assert_eq!(store.not_forgotten(&decisions).unwrap().len(), 1);
    let gone = store.forget(&all, &after, &whom, &decisions, 2_000).unwrap();
    assert_eq!((gone, store.not_forgotten(&decisions).unwrap().len()), (Gone { devices: 1, events: 2, messages: 2 }, 0));
    let message = store.due("siem", 2_000).unwrap().unwrap();
    assert_eq!((message.message.count, message.message.text.as_str(), message.message.devices.len()), (1, "10.0.0.2 bob is new", 1));
    store.sent("siem", message.number).unwrap();
    assert_eq!(store.due("siem", 2_000).unwrap(), None, "what told nothing else is not told");
    store.scrub().unwrap();
    assert_eq!(store.known().unwrap(), known(&["b"]));
}
