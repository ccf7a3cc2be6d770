//! What a thousand devices cost: `cargo test -p enrollment --release --test openbao_measure -- --ignored --nocapture`.

mod support;

use enrollment::approval::{Approval, Statement};
use enrollment::policy::{Approver, Policy};
use enrollment::registrar::Registrar;
use enrollment::sign::Key;
use enrollment::state::State;
use enrollment::store::Store;
use enrollment::targets::{Kept, Settings};
use serde_json::Value;
use std::time::Instant;
use support::{request, start};

const DEVICES: u32 = 1_000;

/// Peak of this process's memory in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
#[ignore = "a measurement"]
fn a_thousand_candidates_from_proposed_to_registered_and_an_hour_without_the_vault() {
    let Some(bao) = start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let keys = ["anna", "bob"].map(|name| (name, Key::generate().unwrap()));
    let approver = keys.iter().map(|(name, key)| Approver { name: (*name).into(), public_key: key.public(), ..Approver::default() }).collect();
    let (there, gone) = (
        bao.settings("registrar", false),
        Settings { address: format!("https://127.0.0.1:{}", support::free_port()), ..bao.settings("registrar", false) },
    );
    let policy = Policy {
        approver,
        per_hour: 2 * DEVICES,
        in_flight: 2 * DEVICES,
        targets: [("vault".to_owned(), there.clone())].into(),
        ..Policy::default()
    };
    let mut registrar = Registrar { store: Store::open(&folder.path().join("r.db")).unwrap(), policy };
    let sensor = Key::generate().unwrap();
    let now = jiff::Timestamp::now().as_second();
    let empty = peak();

    let begun = Instant::now();
    for number in 0..DEVICES {
        registrar.take_in(&sensor.propose(request(&format!("device-{number}"))), &sensor.public(), now).unwrap();
    }
    eprintln!("{DEVICES} proposed in {:?}", begun.elapsed());
    let begun = Instant::now();
    for held in registrar.store.all().unwrap() {
        for (name, key) in &keys {
            let (request, binding) = (held.request.id.clone(), held.request.binding_digest());
            let statement = Statement { request, binding, decision: "approve".into(), approver: (*name).into(), at: now };
            registrar.decide(&Approval::sign(key, statement), now).unwrap();
        }
    }
    eprintln!("{DEVICES} approved by two in {:?}", begun.elapsed());

    let (mut kept, mut calls) = (Kept::default(), 0u32);
    let begun = Instant::now();
    for minute in 0..60 {
        let report = registrar.dispatch(&mut |name: &str| kept.open(name, &gone), now + minute * 60, &mut |_| false).unwrap();
        calls += report.put_off;
    }
    eprintln!("an hour without the vault: {calls} tries, {} wait, in {:?}", registrar.store.waiting().unwrap(), begun.elapsed());
    assert_eq!((registrar.store.waiting().unwrap(), registrar.store.count(State::Requested).unwrap()), (DEVICES, DEVICES), "none is lost");

    let lines = || std::fs::read_to_string(bao.file("audit.log")).unwrap().lines().filter(|line| line.contains("\"type\":\"request\"")).count();
    let (before, begun) = (lines(), Instant::now());
    let (mut registered, mut minute) = (0, 61);
    let mut rounds = 0;
    while registered < DEVICES {
        registered += registrar.dispatch(&mut |name: &str| kept.open(name, &there), now + minute * 60, &mut |_| false).unwrap().registered;
        minute += 16;
        rounds += 1;
        assert!(rounds < 10, "{registered} registered");
    }
    let took = begun.elapsed();
    let each = (lines() - before) as f64 / f64::from(DEVICES);
    eprintln!("{DEVICES} registered in {took:?} and {rounds} rounds: {each:.2} requests a device; {} MB at most, {empty} MB before", peak());
    let listed = bao.admin("LIST", "devices/metadata/inventory", &Value::Null)["data"]["keys"].as_array().unwrap().clone();
    assert_eq!(listed.len(), DEVICES as usize);
    for key in listed.iter().step_by(10) {
        let found = bao.admin("GET", &format!("devices/metadata/inventory/{}", key.as_str().unwrap()), &Value::Null);
        assert_eq!(found["data"]["current_version"], 1, "none is written twice");
    }
}
