//! The loop from what was issued back to the wire: lists, renewal, postures, deactivation.

mod other_side;

use enrollment::request::{Identifiers, Request};
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::target::{Failure, Issued, Reason};
use inventory::document::{Certificate, Document, SourceRecord, UsedSecret};
use other_side::{DAY, START, Scene, at, device, document, findings, given, show, state};
use rcgen::{CertificateParams, KeyPair};

fn one(rule: &str, what: &str) -> Vec<(String, String)> {
    vec![(rule.to_owned(), what.to_owned())]
}

#[test]
fn only_what_is_not_known_is_fetched_a_few_at_a_time_and_a_target_that_fails_is_left_alone() {
    let scene = Scene::new();
    let mut registrar = scene.registrar();
    for serial in 1..=7 {
        scene.fake.there().listed.push(given("x", serial, START, 100).issued);
    }
    assert_eq!(scene.poll(&mut registrar, START).listed, 3);
    assert!(!registrar.store.polled("vault").unwrap().unwrap().complete, "there is more to fetch");
    assert_eq!(scene.poll(&mut registrar, START + 5).listed, 0, "not yet");
    for now in [START + 10, START + 20] {
        scene.poll(&mut registrar, now);
    }
    let polled = registrar.store.polled("vault").unwrap().unwrap();
    assert!(polled.complete && polled.polled_at == Some(START + 20) && polled.next_at == START + 20 + 900, "{polled:?}");
    scene.fake.there().revoked = vec!["03".into(), "ff".into()];
    assert_eq!(scene.poll(&mut registrar, START + 1000).revoked, 1);
    assert_eq!(scene.poll(&mut registrar, START + 2000).revoked, 0, "once");
    assert_eq!(scene.fake.there().fetched, 7);
    scene.fake.there().incomplete = true;
    scene.poll(&mut registrar, START + 3000);
    assert!(registrar.store.polled("vault").unwrap().unwrap().reason.contains("no_store"));

    let looks = scene.fake.there().looks;
    scene.fake.there().fails = Some(Failure { reason: Reason::Unreachable, message: "as told".into() });
    for now in START + 4000..START + 4000 + 3600 {
        scene.poll(&mut registrar, now);
    }
    let looked = scene.fake.there().looks - looks;
    assert!((5..60).contains(&looked), "{looked} looks in an hour");
    assert_eq!(registrar.store.polled("vault").unwrap().unwrap().polled_at, Some(START + 3000), "its last answer stays");
    // A right to the lists that is missing keeps nothing from being delivered.
    registrar.store.set_breaker("vault", 0, 0).unwrap();
    scene.fake.there().fails = Some(Failure { reason: Reason::Denied, message: "as told".into() });
    for now in (START + 9000..START + 19_000).step_by(100) {
        scene.poll(&mut registrar, now);
    }
    assert_eq!(registrar.store.breaker("vault").unwrap(), (0, 0));
}

#[test]
fn a_certificate_of_the_devices_name_that_was_issued_elsewhere_is_found_in_the_list() {
    let scene = Scene::new();
    let (mut registrar, id, first) = scene.enrolled(1);
    // Another's, one that ends sooner, one that renews.
    let renewed = given("dev-1", 0x22, START + 50 * DAY, 100);
    let others = [given("dev-9", 0x20, START, 100).issued, given("dev-1", 0x21, START, 10).issued];
    scene.fake.there().listed.extend(others.into_iter().chain([renewed.issued.clone()]));
    assert_eq!(scene.poll(&mut registrar, START + 51 * DAY).found, 1);
    let held = registrar.held(&id).unwrap();
    assert_eq!((held.state, held.serial.as_deref()), (State::Renewed, Some("22")));
    let mut document = document(START + 52 * DAY, vec![device(1, START + 52 * DAY)]);
    show(&mut document, 0, &first.sha256, START + 52 * DAY);
    registrar.observe(&document, START + 52 * DAY).unwrap();
    assert_eq!((state(&registrar, &id), findings(&registrar)), (State::Renewed, Vec::new()), "in its grace both are fine");
    show(&mut document, 0, &renewed.sha256, START + 52 * DAY);
    registrar.observe(&document, START + 52 * DAY).unwrap();
    assert_eq!(state(&registrar, &id), State::Verified);
}

#[test]
fn a_certificate_that_ends_soon_is_renewed_by_a_new_csr_and_the_old_one_may_not_be_used_for_ever() {
    let scene = Scene::new();
    let (mut registrar, id, first) = scene.enrolled(1);
    let day = |number: i64| START + number * DAY;
    let mut document = document(day(60), vec![device(1, day(60))]);
    show(&mut document, 0, &first.sha256, day(60));
    registrar.observe(&document, day(60)).unwrap();
    assert_eq!(state(&registrar, &id), State::Verified);
    document.as_of = at(day(70));
    registrar.observe(&document, day(70)).unwrap();
    assert_eq!((state(&registrar, &id), findings(&registrar)), (State::Expiring, one("CRT-005", "expiring")));

    // The same CSR again is no renewal; a vault that refuses changes nothing of what the device has.
    scene.sign(&mut registrar, &id, &first, day(70));
    assert_eq!(state(&registrar, &id), State::Expiring);
    let second = given("dev-1", 0x11, day(71), 100);
    scene.fake.there().fails = Some(Failure { reason: Reason::Refused, message: "not now".into() });
    scene.sign(&mut registrar, &id, &second, day(71));
    let held = registrar.held(&id).unwrap();
    assert!(held.state == State::Expiring && held.reason.ends_with("sign failed: not now"), "{held:?}");
    scene.fake.there().fails = None;
    registrar.retry(&id, "person:anna", day(71)).unwrap();
    scene.dispatch(&mut registrar, day(71) + 2);
    assert_eq!((state(&registrar, &id), registrar.held(&id).unwrap().serial.as_deref()), (State::Renewed, Some("11")));

    for (seen, wrong) in [(day(80), Vec::new()), (day(86), one("CRT-016", "old-used"))] {
        document.devices[0].identities[0].last_seen = at(seen);
        document.as_of = at(seen);
        registrar.observe(&document, seen).unwrap();
        assert_eq!(findings(&registrar), wrong);
    }
    show(&mut document, 0, &second.sha256, day(86));
    registrar.observe(&document, day(86)).unwrap();
    scene.dispatch(&mut registrar, day(86));
    assert_eq!(state(&registrar, &id), State::Verified);
    assert_eq!(scene.fake.states(&id).last().unwrap(), "verified");
    assert_eq!(scene.fake.there().postures["e-r1"].last().unwrap().findings, ["CRT-016"], "what is wrong is told, too");
}

#[test]
fn each_state_is_told_once_and_of_those_that_could_not_be_told_the_last() {
    let scene = Scene::new();
    let (mut registrar, id, first) = scene.enrolled(1);
    let mut document = document(START + DAY, vec![device(1, START + DAY)]);
    show(&mut document, 0, &first.sha256, START + DAY);
    registrar.observe(&document, START + DAY).unwrap();
    assert_eq!(scene.dispatch(&mut registrar, START + DAY).told, 1);
    registrar.observe(&document, START + DAY + 1).unwrap();
    assert_eq!(scene.dispatch(&mut registrar, START + DAY + 1).told, 0, "nothing is said twice");
    scene.fake.there().deaf = Some(Reason::Unreachable);
    for later in [70, 101] {
        document.as_of = at(START + later * DAY);
        registrar.observe(&document, START + later * DAY).unwrap();
        scene.dispatch(&mut registrar, START + later * DAY);
    }
    assert_eq!(state(&registrar, &id), State::Expired);
    scene.fake.there().deaf = None;
    scene.dispatch(&mut registrar, START + 102 * DAY);
    assert_eq!(scene.fake.states(&id), ["verified", "expired"]);
    let told = scene.fake.there().postures["e-r1"][0].clone();
    assert_eq!((told.serial.as_deref(), told.as_of), (Some("10"), at(START + DAY).unwrap()));
    // A target that takes no postures is none that fails.
    scene.fake.there().deaf = Some(Reason::Unsupported);
    registrar.store.tell(&id, START + 103 * DAY).unwrap();
    let report = scene.dispatch(&mut registrar, START + 103 * DAY);
    assert_eq!((report.failed, registrar.store.waiting().unwrap(), state(&registrar, &id)), (0, 0, State::Expired));
}

#[test]
fn a_device_that_was_silent_while_its_segment_was_watched_is_proposed_and_people_take_it_back() {
    let scene = Scene::new();
    let (mut registrar, id, first) = scene.enrolled(1);
    let day = |number: i64| START + number * DAY;
    let mut seen = document(day(5), vec![device(1, day(5)), device(2, day(5))]);
    show(&mut seen, 0, &first.sha256, day(5));
    registrar.observe(&seen, day(5)).unwrap();
    // The mirror was dead for as long: nothing is known.
    let mut later = seen.clone();
    later.as_of = at(day(200));
    later.sources[0].last_seen = at(day(40));
    let elsewhere = |key: &str, name: &str, from, to| SourceRecord {
        key: key.into(),
        name: name.into(),
        first_seen: at(day(from)),
        last_seen: at(day(to)),
        ..SourceRecord::default()
    };
    later.sources.push(elsewhere("another port", "eth2", 0, 200));
    registrar.observe(&later, day(200)).unwrap();
    assert_eq!(state(&registrar, &id), State::Expired);
    // The same port heard others for the rest: two months are two sources.
    later.sources.push(elsewhere("next month", "eth1", 140, 196));
    assert_eq!(registrar.observe(&later, day(200)).unwrap().len(), 1);
    assert_eq!(state(&registrar, &id), State::Stale);
    assert!(registrar.observe(&later, day(200)).unwrap().is_empty(), "it stays there");
    scene.dispatch(&mut registrar, day(200));
    assert_eq!((state(&registrar, &id), scene.fake.states(&id)), (State::Stale, vec!["stale".to_owned()]), "why, before that");
    scene.dispatch(&mut registrar, day(200));
    assert_eq!((state(&registrar, &id), scene.fake.there().proposals["e-r1"].len()), (State::DeactivationProposed, 1));
    assert_eq!(scene.fake.states(&id), ["stale"]);

    // Only revoked: it still logs in, and that is said.
    scene.fake.there().revoked = vec!["10".into()];
    scene.fake.there().disabled.clear();
    scene.poll(&mut registrar, day(50));
    registrar.observe(&later, day(50)).unwrap();
    assert_eq!((state(&registrar, &id), findings(&registrar)), (State::DeactivationProposed, one("ENR-002", "half-taken-back")));
    scene.fake.there().disabled.insert("e-r1".into());
    assert_eq!(scene.poll(&mut registrar, day(60)).retired, 1);
    registrar.observe(&later, day(60)).unwrap();
    assert_eq!((state(&registrar, &id), findings(&registrar)), (State::Retired, Vec::new()));

    // It comes back.
    later.devices[0].identities[0].last_seen = at(day(201));
    registrar.observe(&later, day(201)).unwrap();
    assert_eq!(findings(&registrar), [one("CRT-015", "revoked-used"), one("ENR-001", "retired-returns")].concat());
    assert_eq!(state(&registrar, &id), State::Retired);
}

#[test]
fn a_device_that_comes_back_before_it_was_taken_back_is_verified_again() {
    let scene = Scene::new();
    let (mut registrar, id, first) = scene.enrolled(1);
    let mut document = document(START + 95 * DAY, vec![device(1, START + DAY)]);
    show(&mut document, 0, &first.sha256, START + DAY);
    for now in 95..99 {
        registrar.observe(&document, START + now * DAY).unwrap();
        scene.dispatch(&mut registrar, START + now * DAY);
    }
    assert_eq!(state(&registrar, &id), State::DeactivationProposed);
    document.devices[0].last_seen = at(START + 96 * DAY);
    registrar.observe(&document, START + 99 * DAY).unwrap();
    assert_eq!(state(&registrar, &id), State::Verified);
}

#[test]
fn an_identity_on_two_devices_is_suspended_and_its_target_is_told() {
    let scene = Scene::new();
    let (mut registrar, id, first) = scene.enrolled(1);
    let now = START + DAY;
    let mut document = document(now, vec![device(1, now), device(2, now)]);
    show(&mut document, 0, &first.sha256, now);
    registrar.observe(&document, now).unwrap();
    show(&mut document, 1, &first.sha256, now);
    registrar.observe(&document, now).unwrap();
    scene.dispatch(&mut registrar, now);
    assert_eq!((state(&registrar, &id), findings(&registrar)), (State::Suspended, one("CRT-012", "two-devices")));
    assert_eq!(scene.fake.states(&id), ["suspended"], "the latest alone");
    assert_eq!(scene.fake.there().postures["e-r1"][0].findings, ["CRT-012"]);
}

#[test]
fn an_identity_whose_device_was_replaced_is_proposed_and_one_that_comes_back_is_not() {
    let scene = Scene::new();
    let (mut registrar, id, first) = scene.enrolled(1);
    let now = START + DAY;
    let mut document = document(now, vec![device(1, now), device(2, now)]);
    show(&mut document, 0, &first.sha256, now);
    document.devices[0].replaced_by = Some("key-2".into());
    registrar.observe(&document, now).unwrap();
    scene.dispatch(&mut registrar, now);
    assert_eq!(state(&registrar, &id), State::Replaced);
    assert!(scene.fake.there().proposals["e-r1"][0].starts_with("key-2 took its place"));
    assert_eq!((registrar.observe(&document, now).unwrap().len(), registrar.store.waiting().unwrap()), (0, 0));
    document.devices[0].replaced_by = None;
    registrar.observe(&document, now).unwrap();
    assert_eq!(state(&registrar, &id), State::Verified);
}

#[test]
fn never_used_is_said_only_where_use_would_have_been_seen() {
    let scene = Scene::new();
    let (mut registrar, _, _) = scene.enrolled(1);
    let now = START + 30 * DAY;
    let mut document = document(now, vec![device(1, now)]);
    let mut judged = |document: &Document| {
        registrar.observe(document, now).unwrap();
        findings(&registrar)
    };
    assert_eq!(judged(&document), Vec::new(), "it shows no certificate at all");
    show(&mut document, 0, "its-own-old-one", START + 10 * DAY);
    assert_eq!(judged(&document), Vec::new(), "in its grace");
    document.devices[0].identities[0].last_seen = at(now);
    document.coverage.tls13_share = Some(5);
    assert_eq!(judged(&document), one("CRT-016", "not-observable"), "TLS 1.3 may hide it");
    document.coverage.tls13_share = Some(0);
    assert_eq!(judged(&document), one("CRT-016", "never-used"));
    let mut again = scene.registrar();
    scene.dispatch(&mut again, now);
    let told = scene.fake.there().postures["e-r1"].last().unwrap().clone();
    assert_eq!((told.state.as_str(), told.findings.as_slice()), ("enrolled", ["CRT-016".to_owned()].as_slice()), "the target is told, too");
    document.coverage.tls13_share = Some(5);
    assert_eq!(judged(&document), one("CRT-016", "not-observable"), "and it is closed again");
    scene.dispatch(&mut again, now + 1);
    assert!(scene.fake.there().postures["e-r1"].last().unwrap().findings.is_empty(), "what cannot be told is told to nobody");
}

#[test]
fn what_our_ca_is_said_to_have_issued_and_did_not_list_counts_only_where_the_list_is_whole() {
    let scene = Scene::new();
    let (mut registrar, _, _) = scene.enrolled(1);
    // The list has the CA itself: what leads to it by good signatures is by it.
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Plant Device CA");
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.serial_number = Some(vec![0x77].into());
    let authority = Issued { serial: "77".into(), certificate_pem: parameters.self_signed(&key).unwrap().pem(), ..Issued::default() };
    scene.fake.there().listed.push(authority);
    let now = START + 30 * DAY;
    scene.poll(&mut registrar, now);
    let mut shadow = document(now + DAY, vec![device(2, now + DAY)]);
    show(&mut shadow, 0, "ab", now);
    let certificate = &mut shadow.certificates[0];
    (certificate.issuer, certificate.trusted_issuer) = ("CN=Plant Device CA".into(), Some("CN=Plant Device CA".into()));
    (certificate.not_before, certificate.not_after, certificate.trust) = (at(START), at(START + 90 * DAY), Some("trusted".into()));
    registrar.observe(&shadow, now + DAY).unwrap();
    assert_eq!(findings(&registrar), one("CRT-008", "not-issued"));
    let mut none = |change: fn(&mut Certificate)| {
        let mut shadow = shadow.clone();
        change(&mut shadow.certificates[0]);
        registrar.observe(&shadow, now + DAY).unwrap();
        assert_eq!(findings(&registrar), Vec::new());
    };
    none(|one| one.trust = Some("forged".into()));
    none(|one| one.issuer = "CN=Another CA".into());
    none(|one| one.not_before = at(START + 30 * DAY));
    none(|one| one.not_after = at(START + 29 * DAY));
    scene.fake.there().incomplete = true;
    scene.poll(&mut registrar, now + DAY);
    registrar.observe(&shadow, now + DAY).unwrap();
    assert_eq!(findings(&registrar), Vec::new(), "a role that keeps nothing lists nothing");
}

#[test]
fn use_that_others_report_keeps_an_identity_from_being_unused_or_stale_and_verifies_nothing() {
    let scene = Scene::new();
    let (mut registrar, id, first) = scene.enrolled(1);
    let now = START + 95 * DAY;
    let row = |name: &str, day: i64| format!("{},{name},\n", at(START + day * DAY).unwrap());
    let table = "time,serial,certificate_sha256\n".to_owned() + &row("10", 90) + &row("0010", 20) + &row("99", 90) + &row("10", 900) + "x,10,\n";
    let imported = registrar.import_csv(&mut table.as_bytes(), "broker.csv", now).unwrap();
    assert_eq!((imported.lines, imported.uses, imported.matched, imported.broken, imported.requests), (5, 3, 2, 2, 1));
    let by_digest = format!("time,certificate_sha256\n{},{}\n", at(START + DAY).unwrap(), first.sha256.to_uppercase());
    assert_eq!(registrar.import_csv(&mut by_digest.as_bytes(), "older.csv", now).unwrap().matched, 1);
    let watched = registrar.store.watched(&id).unwrap();
    assert_eq!((watched.reported_at, watched.reported_by.as_str()), (Some(START + 90 * DAY), "broker.csv"));
    let mut document = document(now, vec![device(1, START + DAY)]);
    show(&mut document, 0, "another", START + 94 * DAY);
    registrar.observe(&document, now).unwrap();
    assert_eq!(
        (state(&registrar, &id), findings(&registrar)),
        (State::Expiring, one("CRT-005", "expiring")),
        "neither verified nor stale nor unused"
    );
    let wrong = registrar.import_csv(&mut "when,serial\n".as_bytes(), "x", now).unwrap_err();
    assert!(wrong.to_string().contains("no column `time`"));
}

#[test]
fn who_is_on_a_targets_list_is_managed_by_it_and_a_list_that_is_not_whole_says_so() {
    let scene = Scene::new();
    let (mut registrar, _, first) = scene.enrolled(1);
    assert!(enrollment::listed::lists(&registrar.store).unwrap().is_empty(), "a target that has not answered has no list");
    let other = given("other", 5, START, 100);
    scene.fake.there().listed.push(other.issued.clone());
    scene.poll(&mut registrar, START + DAY);
    let list = enrollment::listed::lists(&registrar.store).unwrap().remove(0).authority;
    assert_eq!((list.name.as_str(), list.as_of, list.partial), ("vault", Some((START + DAY) * 1_000_000_000), false));
    let of = |name: &str| list.entries.iter().find(|one| one.name == name).unwrap();
    assert!(of("dev-1").certificates.contains(&first.sha256) && of("dev-1").macs.len() == 1);
    assert!(of("other").certificates.contains(&other.sha256) && of("other").hostnames.is_empty());
    scene.fake.there().incomplete = true;
    scene.poll(&mut registrar, START + 2 * DAY);
    assert!(enrollment::listed::lists(&registrar.store).unwrap()[0].authority.partial);
}

/// What a round costs where a vault has issued much. Run by hand: `cargo test -p enrollment --test closing -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn ten_thousand_certificates_and_a_thousand_requests() {
    let scene = Scene::new();
    let (mut registrar, key) = (scene.registrar(), Key::generate().unwrap());
    let first = given("dev", 1, START, 100).issued;
    let row = |number: u32| enrollment::store::Listed {
        target: "vault".into(),
        serial: format!("{number:08x}"),
        sha256: format!("{number:064x}"),
        key: format!("{number:064x}"),
        names: vec![format!("dev-{number}")],
        certificate: first.certificate_pem.clone(),
        not_before: START,
        not_after: START + 100 * DAY,
        ..enrollment::store::Listed::default()
    };
    let rows: Vec<_> = (0..10_000).map(row).collect();
    let polled = enrollment::store::Polled { lists: true, complete: true, ..enrollment::store::Polled::default() };
    registrar.store.keep_list("vault", &rows, &[], &polled, START).unwrap();
    for number in 0..1_000 {
        let requested = enrollment::request::Requested { common_name: format!("dev-{number}"), ..Default::default() };
        let (id, keys) = (format!("r{number}"), vec![format!("key-{number}")]);
        let request = Request { id, target: "vault".into(), device_keys: keys, requested, ..Default::default() };
        registrar.take_in(&key.propose(request), &key.public(), START).unwrap();
    }
    registrar.policy.per_hour = 1_000_000;
    registrar.policy.in_flight = 1_000_000;
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let begun = std::time::Instant::now();
        work();
        eprintln!("{what}: {:?}", begun.elapsed());
    };
    timed("1,000 registered", &mut || drop(scene.dispatch(&mut registrar, START)));
    timed("a look that finds 1,000", &mut || assert_eq!(scene.poll(&mut registrar, START + 10).found, 1_000));
    timed("a look that finds nothing", &mut || assert_eq!(scene.poll(&mut registrar, START + 5_000).found, 0));
    let mut document = document(START + DAY, (0..100).map(|number| device(number, START + DAY)).collect());
    for number in 0..100 {
        show(&mut document, number, &format!("{number:064x}"), START + DAY);
    }
    timed("the first look at the wire", &mut || drop(registrar.observe(&document, START + DAY).unwrap()));
    timed("the next one", &mut || assert!(registrar.observe(&document, START + DAY).unwrap().is_empty()));
}

#[test]
fn a_secret_that_the_vault_keeps_is_verified_by_the_old_one_disappearing() {
    let scene = Scene::new();
    let (mut registrar, key) = (scene.registrar(), Key::generate().unwrap());
    let identifiers = Identifiers { mac: vec!["00:80:f4:00:00:01".into()], ..Identifiers::default() };
    let request = Request {
        id: "r1".into(),
        target: "vault".into(),
        method: "KV".into(),
        device_keys: vec!["key-1".into()],
        identifiers,
        ..Request::default()
    };
    registrar.take_in(&key.propose(request), &key.public(), START).unwrap();
    scene.dispatch(&mut registrar, START);
    scene.dispatch(&mut registrar, START + 1);
    assert_eq!(state(&registrar, "r1"), State::Accepted);
    let day = |number: i64| START + number * DAY;
    let secret = |used: &str, first, last| UsedSecret { used: used.into(), first_seen: at(first), last_seen: at(last) };
    let mut seen = |secrets: Vec<UsedSecret>, now: i64| {
        let mut document = document(now, vec![device(1, now)]);
        document.devices[0].secrets = secrets;
        registrar.observe(&document, now).unwrap();
        registrar.observe(&document, now).unwrap();
        registrar.held("r1").unwrap()
    };
    let old = |last| secret("snmp community", day(-10), last);
    for (secrets, what) in [
        (vec![old(day(1))], "the old one alone"),
        (vec![old(day(5)), secret("snmp community", day(2), day(2))], "another was tried, and the old one is used on"),
        (vec![old(day(1)), secret("telnet password", day(2), day(5))], "another one of another kind"),
        (vec![secret("snmp community", day(2), day(5))], "no old one was ever seen"),
        (vec![secret("snmp community", day(-30), day(-20)), secret("snmp community", day(-10), day(5))], "changed before it was asked for"),
    ] {
        assert_eq!(seen(secrets, day(5)).state, State::Accepted, "{what}");
    }
    let held = seen(vec![old(day(1)), secret("snmp community", day(2), day(5))], day(5));
    assert_eq!(held.state, State::Verified);
    assert!(held.reason.starts_with("the snmp community that was used until"), "{}", held.reason);
}
