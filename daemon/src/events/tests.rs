//! What is an event, and what is none: documents held against what was known, without a clock or a file.

use super::compare::{Rules, compare};
use super::event::Event;
use super::kind::{Kind, Severity};
use super::known::{Known, Whole};
use super::mirror::{self, HOLD, HOLD_SENSOR, HOLD_WELL, Scope, Watch};
use crate::capture::condition::State;
use crate::config::Config;
use crate::operation::board::Board;
use crate::operation::status::Status;
use inventory::Document;
use inventory::document::{AttributeRecord, Binding, Conversation, Device, Evidence, Finding, Party, Producer, Rival};

const RULES: Rules = Rules { learn: 0, silent_after: 600, factor: 2, all_protocols: false };

/// A round that took a minute, all ports alive.
fn minute() -> Watch {
    Watch { seconds: 60, ..Watch::default() }
}

fn at(hour: u32, minute: u32) -> String {
    format!("2026-03-01T{hour:02}:{minute:02}:00.000000000Z")
}

fn device(id: &str, ip: &str, last: &str) -> Device {
    let binding = Binding { kind: "ip".into(), value: ip.into(), first_seen: Some(at(8, 0)), last_seen: Some(last.into()), ..Binding::default() };
    Device {
        id: id.into(),
        kind: "device".into(),
        site: "north".into(),
        reach: "local".into(),
        macs: vec!["00:80:f4:01:02:03".into()],
        ips: vec![ip.into()],
        bindings: vec![binding],
        first_seen: Some(at(8, 0)),
        last_seen: Some(last.into()),
        ..Device::default()
    }
}

fn firmware(value: &str, before: &[&str], told: &str) -> AttributeRecord {
    let rival = |value: &&str| Rival { value: (*value).into(), last_seen: Some(at(8, 0)), ..Rival::default() };
    let evidence = vec![Evidence { time: Some(told.into()), ..Evidence::default() }];
    AttributeRecord { value: value.into(), history: before.iter().map(rival).collect(), evidence, ..AttributeRecord::default() }
}

fn finding(rule: &'static str, status: &'static str, first: &str) -> Finding {
    Finding { rule: rule.into(), status: status.into(), severity: "high".into(), first_seen: Some(first.into()), count: 1, ..Finding::default() }
}

fn document(devices: Vec<Device>) -> Document {
    let as_of = devices.iter().filter_map(|device| device.last_seen.clone()).max();
    Document { devices, as_of, ..Document::default() }
}

fn kinds(events: &[Event]) -> Vec<Kind> {
    events.iter().map(|event| event.kind).collect()
}

/// What is known after a first look.
fn knowing(document: &Document) -> Known {
    let (known, events) = compare(Known::default(), document, &Watch::default(), &RULES);
    assert!(events.is_empty(), "a first look tells nothing: {events:?}");
    known
}

fn next(known: Known, document: &Document) -> (Known, Vec<Kind>) {
    let (known, events) = compare(known, document, &minute(), &RULES);
    (known, kinds(&events))
}

#[test]
fn a_device_that_nobody_knew_is_new_once() {
    let known = knowing(&document(vec![device("a", "192.0.2.1", &at(9, 0))]));
    let both = document(vec![device("a", "192.0.2.1", &at(9, 1)), device("b", "192.0.2.2", &at(9, 1))]);
    let (known, events) = compare(known, &both, &minute(), &RULES);
    assert_eq!(kinds(&events), [Kind::NewDevice]);
    assert_eq!((events[0].device.as_deref(), events[0].site.as_str()), (Some("b"), "north"));
    assert!(next(known, &both).1.is_empty(), "the same database read again tells nothing");
}

#[test]
fn whoever_is_outside_or_goes_by_chosen_addresses_is_not_told_as_new() {
    let known = knowing(&document(vec![device("a", "192.0.2.1", &at(9, 0))]));
    let outside = Device { reach: "external".into(), ..device("x", "198.51.100.1", &at(9, 1)) };
    let phone = Device { macs: vec!["02:80:f4:01:02:03".into()], ..device("p", "192.0.2.9", &at(9, 1)) };
    let ghost = Device { kind: "ghost".into(), ..device("g", "192.0.2.10", &at(9, 1)) };
    let now = document(vec![device("a", "192.0.2.1", &at(9, 1)), outside.clone(), phone.clone(), ghost]);
    assert!(next(known.clone(), &now).1.is_empty());
    // He who takes part in the process is told all the same.
    let talk = talk("p", "a", &[("read_coils", 1)], 100);
    assert!(next(known, &Document { conversations: vec![talk], ..now }).1.contains(&Kind::NewDevice));
}

#[test]
fn merged_and_split_devices_are_no_news() {
    let (a, b) = (device("a", "192.0.2.1", &at(9, 0)), device("b", "192.0.2.2", &at(9, 0)));
    let known = knowing(&document(vec![a.clone(), b.clone()]));
    let joined = Device { aliases: vec!["b".into()], bindings: [a.bindings.clone(), b.bindings.clone()].concat(), ..a.clone() };
    let (known, told) = next(known, &document(vec![joined.clone()]));
    assert!(told.is_empty() && known.devices.len() == 1, "{told:?}");
    // Another of its keys may become the first.
    let renamed = Device { id: "b".into(), aliases: vec!["a".into()], ..joined };
    let (known, told) = next(known, &document(vec![renamed]));
    assert!(told.is_empty() && known.devices.contains_key("a"), "it goes by the id by which it was first known: {told:?}");
    let (known, told) = next(known, &document(vec![a.clone(), b.clone()]));
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(known.devices.len(), 2);
    assert!(next(known, &document(vec![b, a])).1.is_empty());
}

#[test]
fn other_firmware_is_an_event_if_the_wire_told_one_after_the_other() {
    let with = |record| {
        let mut one = device("a", "192.0.2.1", &at(9, 0));
        one.attributes.insert("firmware".into(), record);
        document(vec![one])
    };
    let known = knowing(&with(firmware("1.0", &[], &at(8, 0))));
    let (after, events) = compare(known.clone(), &with(firmware("2.0", &["1.0"], &at(9, 0))), &minute(), &RULES);
    assert_eq!(kinds(&events), [Kind::Firmware]);
    assert!(events[0].text.contains("firmware was 1.0 and is 2.0"), "{}", events[0].text);
    assert!(next(after.clone(), &with(firmware("2.0", &["1.0"], &at(9, 0)))).1.is_empty());
    assert_eq!(next(after, &with(firmware("1.0", &["2.0"], &at(9, 5)))).1, [Kind::Firmware], "back is a change, too");
    assert!(next(known.clone(), &with(firmware("2.0", &[], &at(9, 0)))).1.is_empty(), "another opinion of the same wire is none");
    let clone = AttributeRecord { conflict: true, ..firmware("1.0", &[], &at(8, 0)) };
    assert_eq!(next(known, &with(clone)).1, [Kind::Identity]);
}

#[test]
fn an_address_that_another_device_takes_has_moved() {
    let (a, b) = (device("a", "192.0.2.1", &at(9, 0)), device("b", "192.0.2.2", &at(9, 0)));
    let known = knowing(&document(vec![a.clone(), b.clone()]));
    let mut moved = b;
    moved.bindings.push(Binding { first_seen: Some(at(9, 1)), ..a.bindings[0].clone() });
    let now = document(vec![a.clone(), moved.clone()]);
    let (after, told) = next(known.clone(), &now);
    assert_eq!(told, [Kind::AddressMoved]);
    assert!(next(after, &now).1.is_empty());
    let mut shared = now;
    shared.coverage.virtual_addresses = vec!["192.0.2.1".into()];
    assert!(next(known.clone(), &shared).1.is_empty(), "a virtual address is nobody's");
    let other_cell = Binding { segment: "cell 2".into(), ..a.bindings[0].clone() };
    let twin = Device { bindings: vec![moved.bindings[0].clone(), other_cell], ..moved };
    assert!(next(known, &document(vec![a, twin])).1.is_empty(), "cells that use the same addresses are apart");
}

#[test]
fn findings_are_told_when_they_open_and_when_they_are_mended() {
    let with = |status| document(vec![Device { findings: vec![finding("OT-001", status, &at(8, 0))], ..device("a", "192.0.2.1", &at(9, 0)) }]);
    let (known, told) = next(knowing(&document(vec![device("a", "192.0.2.1", &at(9, 0))])), &with("open"));
    assert_eq!(told, [Kind::FindingOpened]);
    let (known, told) = next(known, &with("resolved"));
    assert_eq!(told, [Kind::FindingResolved]);
    let (known, told) = next(known, &with("open"));
    assert_eq!(told, [Kind::FindingOpened]);
    let mut suppressed = with("open");
    suppressed.devices[0].findings[0].suppressed = Some("anna: known".into());
    let (known, told) = next(known, &suppressed);
    assert!(told.is_empty(), "{told:?}");
    assert!(next(known, &with("open")).1.is_empty(), "what is no longer suppressed did not begin now");
    let site = |status| Document { findings: vec![finding("ZONE-1", status, &at(8, 0))], ..document(vec![]) };
    let (known, told) = next(knowing(&document(vec![])), &site("open"));
    assert_eq!(told, [Kind::FindingOpened]);
    assert_eq!(next(known, &site("resolved")).1, [Kind::FindingResolved]);
}

/// A device that was heard in twenty rounds.
fn regular() -> Known {
    let mut known = knowing(&document(vec![device("a", "192.0.2.1", &at(8, 59))]));
    for minute in 0..20 {
        known = next(known, &document(vec![device("a", "192.0.2.1", &at(9, minute))])).0;
    }
    known
}

#[test]
fn a_device_that_is_not_heard_is_silent_once_and_comes_back_once() {
    let mut known = regular();
    let gone = document(vec![device("a", "192.0.2.1", &at(9, 19))]);
    let mut told = Vec::new();
    for _ in 0..30 {
        let (after, events) = next(known, &gone);
        known = after;
        told.extend(events);
    }
    assert_eq!(told, [Kind::Silent]);
    let (mut known, told) = next(known, &document(vec![device("a", "192.0.2.1", &at(9, 50))]));
    assert_eq!(told, [Kind::CameBack]);
    // It paused for half an hour: such a pause is usual now.
    let gone = document(vec![device("a", "192.0.2.1", &at(9, 50))]);
    for _ in 0..100 {
        let (after, events) = next(known, &gone);
        known = after;
        assert!(events.is_empty());
    }
}

#[test]
fn a_clock_that_steps_by_an_hour_makes_nobody_silent_or_new() {
    let known = regular();
    let later = document(vec![device("a", "192.0.2.1", &at(10, 20))]);
    let (known, told) = next(known, &later);
    assert!(told.is_empty(), "{told:?}");
    // Back again: times no longer grow, packets do.
    let mut known = known;
    for packets in 1..40 {
        let mut one = device("a", "192.0.2.1", &at(10, 20));
        one.sent.packets = packets;
        let (after, told) = next(known, &document(vec![one]));
        known = after;
        assert!(told.is_empty(), "{told:?}");
    }
    // This machine's own clock: what passed is bounded, and a gap.
    let gap = Watch { seconds: 180, gap: true, ..Watch::default() };
    assert!(compare(known, &later, &gap, &RULES).1.is_empty());
}

#[test]
fn other_rules_are_one_event_and_what_they_change_is_none() {
    let mut before = document(vec![device("a", "192.0.2.1", &at(9, 0))]);
    before.devices[0].attributes.insert("firmware".into(), firmware("1.0", &[], &at(8, 0)));
    let known = knowing(&before);
    let mut after = document(vec![device("a", "192.0.2.1", &at(9, 1)), device("older", "192.0.2.7", &at(9, 0))]);
    after.producer = Producer { data: "sha256:other".into(), ..Producer::default() };
    after.devices[0].attributes.insert("firmware".into(), firmware("V2", &["1.0"], &at(8, 30)));
    after.devices[0].findings = vec![finding("OT-001", "open", &at(8, 0))];
    let (known, told) = next(known, &after);
    assert_eq!(told, [Kind::Knowledge]);
    assert!(next(known.clone(), &after).1.is_empty());
    // What was seen after the last document is news, whatever rules tell it.
    let mut more = after.clone();
    more.producer.rules = "newer".into();
    let mut late = device("late", "192.0.2.8", &at(9, 5));
    late.first_seen = Some(at(9, 5));
    more.devices.push(late);
    assert_eq!(next(known, &more).1, [Kind::Knowledge, Kind::NewDevice]);
}

#[test]
fn a_restart_of_the_sensor_or_a_database_that_was_read_again_tells_nothing() {
    let all = Document {
        conversations: vec![talk("b", "a", &[("read_coils", 500)], 9_000)],
        ..document(vec![device("a", "192.0.2.1", &at(9, 0)), device("b", "192.0.2.2", &at(9, 0))])
    };
    let known = knowing(&all);
    let (known, told) = next(known, &all);
    assert!(told.is_empty(), "{told:?}");
    // The new source counts on from nothing, beside the old one; one that is sealed and forgotten takes its counts along.
    let mut less = all.clone();
    less.conversations[0].operations.insert("read_coils".into(), 10);
    let (known, told) = next(known, &less);
    assert!(told.is_empty(), "{told:?}");
    // What is known is the same after it was written down and read.
    let text = serde_json::to_string(&known.devices).unwrap();
    let read = Known { devices: serde_json::from_str(&text).unwrap(), ..known };
    assert!(next(read, &all).1.is_empty());
}

fn talk(client: &str, server: &str, operations: &[(&str, u64)], bytes: u64) -> Conversation {
    let party = |id: &str| Party { device: Some(id.into()), address: String::new() };
    let class = |name: &str| if name.starts_with("write") { "write" } else { "read" };
    Conversation {
        client: party(client),
        server: party(server),
        protocol: "modbus".into(),
        operations: operations.iter().map(|(name, count)| ((*name).into(), *count)).collect(),
        operation_classes: operations.iter().map(|(name, count)| (class(name).into(), *count)).collect(),
        bytes,
        first_seen: Some(at(9, 0)),
        ..Conversation::default()
    }
}

fn plant(talks: Vec<Conversation>) -> Document {
    let devices = ["plc", "scada", "laptop"].iter().zip(1..).map(|(id, n)| device(id, &format!("192.0.2.{n}"), &at(9, 0))).collect();
    Document { conversations: talks, ..document(devices) }
}

#[test]
fn a_client_that_did_not_ask_before_is_told_with_what_it_does() {
    let usual = talk("scada", "plc", &[("read_coils", 10)], 100);
    let known = knowing(&plant(vec![usual.clone()]));
    let (known, events) = compare(known, &plant(vec![usual.clone(), talk("laptop", "plc", &[("write_single_coil", 1)], 60)]), &minute(), &RULES);
    assert_eq!((kinds(&events), events[0].severity, events[0].device.as_deref()), (vec![Kind::NewConversation], Severity::Warning, Some("plc")));
    assert!(events[0].text.contains("write_single_coil"), "{}", events[0].text);
    let writes = talk("scada", "plc", &[("read_coils", 11), ("write_single_register", 1)], 100);
    let (known, events) = compare(known, &plant(vec![writes.clone()]), &minute(), &RULES);
    assert_eq!((kinds(&events), events[0].severity), (vec![Kind::NewOperation], Severity::Warning));
    assert!(next(known, &plant(vec![writes])).1.is_empty());
    let web = Conversation { protocol: "http".into(), ..talk("laptop", "plc", &[("get", 1)], 60) };
    let known = knowing(&plant(vec![usual.clone()]));
    assert!(next(known.clone(), &plant(vec![usual.clone(), web.clone()])).1.is_empty(), "an office has new ones all day");
    let all = Rules { all_protocols: true, ..RULES };
    assert_eq!(kinds(&compare(known, &plant(vec![usual, web]), &minute(), &all).1), [Kind::NewConversation]);
}

#[test]
fn what_is_usual_is_learnt_from_watched_time_and_then_told() {
    let learning = Rules { learn: 300, ..RULES };
    let (mut known, mut told) = (Known::default(), Vec::new());
    for minute_of in 0..4 {
        let devices = (0..=minute_of).map(|n| device(&format!("d{n}"), &format!("192.0.2.{n}"), &at(9, minute_of))).collect();
        let (after, events) = compare(known, &document(devices), &minute(), &learning);
        known = after;
        told.extend(kinds(&events));
    }
    assert!(told.is_empty(), "{told:?}");
    let deaf = Watch { nothing_heard: true, ..minute() };
    let all: Vec<Device> = (0..4).map(|n| device(&format!("d{n}"), &format!("192.0.2.{n}"), &at(9, 9))).collect();
    known = compare(known, &document(all.clone()), &deaf, &learning).0;
    assert_eq!(known.whole.learnt, 240, "a dead mirror teaches nothing");
    let (known, events) = compare(known, &document(all.clone()), &minute(), &learning);
    assert_eq!(kinds(&events), [Kind::Learnt]);
    let more = [all, vec![device("late", "192.0.2.99", &at(9, 10))]].concat();
    assert_eq!(kinds(&compare(known, &document(more), &minute(), &learning).1), [Kind::NewDevice]);
}

/// Rounds of a minute with so many operations each.
fn poll(mut known: Known, total: &mut u64, each: u64, rounds: u32, watch: &Watch) -> (Known, Vec<Event>) {
    let mut told = Vec::new();
    for _ in 0..rounds {
        *total += each;
        let (after, events) = compare(known, &plant(vec![talk("scada", "plc", &[("read_coils", *total)], *total * 66)]), watch, &RULES);
        known = after;
        told.extend(events);
    }
    (known, told)
}

#[test]
fn polling_that_becomes_faster_or_stops_is_told_once_with_its_threshold() {
    let mut total = 100;
    let known = knowing(&plant(vec![talk("scada", "plc", &[("read_coils", total)], total * 66)]));
    let (known, told) = poll(known, &mut total, 60, 70, &minute());
    assert!(told.is_empty(), "{told:?}");
    let (known, told) = poll(known, &mut total, 110, 40, &minute());
    assert!(told.is_empty(), "less than twice as often is jitter: {told:?}");
    let (known, told) = poll(known, &mut total, 200, 40, &minute());
    assert_eq!(kinds(&told), [Kind::PollingChanged], "{told:?}");
    assert!(told[0].text.contains("usual are 60.0 to 60.0") && told[0].reason.contains("2 times"), "{} {}", told[0].text, told[0].reason);
    let (known, told) = poll(known, &mut total, 0, 40, &minute());
    assert!(kinds(&told).contains(&Kind::PollingChanged));
    // Nobody looked for an hour: what was counted meanwhile is no rate.
    let (known, told) = poll(known, &mut total, 100_000, 1, &Watch { seconds: 180, gap: true, ..Watch::default() });
    assert!(told.is_empty(), "{told:?}");
    let blind = Watch { blind: vec![Scope::default()], ..minute() };
    assert!(poll(known, &mut total, 5_000, 60, &blind).1.is_empty(), "a mirror that is half dead shows no rate");
}

#[test]
fn few_operations_are_chance() {
    let mut total = 0;
    let known = knowing(&plant(vec![talk("scada", "plc", &[("read_coils", total)], 0)]));
    let (known, _) = poll(known, &mut total, 1, 70, &minute());
    assert!(poll(known, &mut total, 2, 60, &minute()).1.is_empty());
}

fn told(ports: &[(&str, Option<u64>)]) -> mirror::Told {
    of(status(ports))
}

fn of(status: Status) -> mirror::Told {
    Some(status)
}

fn status(ports: &[(&str, Option<u64>)]) -> Status {
    let names: Vec<String> = ports.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut status = Status { running: true, seconds: 100, ..Board::new("w.db", &names).status() };
    for (port, (_, last)) in status.ports.iter_mut().zip(ports) {
        (port.listening, port.last_packet_seconds) = (true, *last);
    }
    status
}

#[test]
fn a_dead_mirror_is_told_within_a_minute_and_its_recovery_too() {
    let (mut whole, config) = (Whole::default(), Config::default());
    let (dead, alive) = (mirror::wrong(&told(&[("m0", Some(46))])), mirror::wrong(&told(&[("m0", Some(1))])));
    assert!(alive.is_empty() && dead.contains_key("m0"));
    let mut told = Vec::new();
    // It died at 1000; the sensor's figure passes 45 s at 1046; it is looked at every five seconds.
    for now in (1_050..1_200).step_by(5) {
        let (events, blind) = mirror::step(&mut whole, &dead, now, &config);
        told.extend(events.into_iter().map(|event| (now, event.kind)));
        assert_eq!(blind.len(), 1, "what was not heard meanwhile says nothing");
    }
    assert_eq!(told, [(1_060, Kind::MirrorDegraded)]);
    let mut told = Vec::new();
    for now in (1_200..1_400).step_by(5) {
        told.extend(mirror::step(&mut whole, &alive, now, &config).0.into_iter().map(|event| (now, event.kind)));
    }
    assert_eq!(told, [(1_200 + HOLD_WELL, Kind::MirrorRecovered)]);
    assert!(whole.mirrors.is_empty());
}

#[test]
fn a_port_that_says_of_itself_that_it_is_half_dead_is_believed() {
    let states = [(State::Silent, Some("nothing")), (State::OneWay, Some("one direction")), (State::Down, Some("down")), (State::Alive, None)];
    for (state, words) in states {
        let mut status = status(&[("m0", Some(1))]);
        status.ports[0].state = state;
        let wrong = mirror::wrong(&Some(status));
        assert_eq!(wrong.get("m0").map(|what| what.contains(words.unwrap_or("-"))), words.map(|_| true), "{}", state.name());
    }
}

#[test]
fn a_folder_into_which_nothing_is_put_is_no_dead_mirror() {
    let told = told(&[("folder /var/spool/captures", Some(4_000)), ("m0", Some(1))]);
    let wrong = mirror::wrong(&told);
    assert!(wrong.is_empty() && !mirror::is_deaf(&told, &wrong), "{wrong:?}");
}

#[test]
fn a_sensor_that_is_restarted_is_no_event_and_one_that_stays_away_is() {
    let (mut whole, config) = (Whole::default(), Config::default());
    let away = mirror::wrong(&of(status(&[("m0", Some(1))]).stopped()));
    let back = mirror::wrong(&told(&[("m0", None)]));
    let starting = mirror::wrong(&of(Status { seconds: 3, ..status(&[("m0", None)]) }));
    assert!(starting.is_empty(), "it has only begun");
    assert!(back.contains_key("m0"), "it never heard anything");
    assert!(mirror::step(&mut whole, &away, 100, &config).0.is_empty());
    assert!(mirror::step(&mut whole, &away, 110, &config).0.is_empty());
    assert!(mirror::step(&mut whole, &starting, 115, &config).0.is_empty());
    assert!(whole.mirrors.is_empty(), "what was not told has no end either");
    assert!(mirror::step(&mut whole, &away, 200, &config).0.is_empty());
    assert_eq!(kinds(&mirror::step(&mut whole, &away, 200 + HOLD_SENSOR, &config).0), [Kind::MirrorDegraded]);
    assert!(mirror::wrong(&None).is_empty(), "files that were read have no sensor");
}

#[test]
fn a_device_is_not_silent_where_the_mirror_was_dead_and_the_outage_does_not_count() {
    let mut known = regular();
    let gone = document(vec![device("a", "192.0.2.1", &at(9, 19))]);
    let blind = Watch { blind: vec![Scope { site: Some("north".into()), ..Scope::default() }], ..minute() };
    for _ in 0..100 {
        let (after, events) = compare(known, &gone, &blind, &RULES);
        known = after;
        assert!(events.is_empty(), "{events:?}");
    }
    assert_eq!(known.devices["a"].quiet, 0);
    assert!(next(known.clone(), &gone).1.is_empty(), "and not at once when it is alive again");
    let elsewhere = Watch { blind: vec![Scope { site: Some("south".into()), ..Scope::default() }], ..minute() };
    let mut told = Vec::new();
    for _ in 0..12 {
        let (after, events) = compare(known, &gone, &elsewhere, &RULES);
        known = after;
        told.extend(kinds(&events));
    }
    assert_eq!(told, [Kind::Silent], "another site's mirror says nothing of this one");
}

#[test]
fn a_port_blinds_its_site_but_for_segments_that_only_others_watch() {
    let text =
        "site = \"north\"\n[[interface]]\nname = \"m0\"\n[[interface]]\nname = \"m1\"\n[[interface.segment]]\nname = \"cell 1\"\nvlans = [10]\n";
    let config = Config::parse("w.toml", text).unwrap();
    let told = told(&[("m0", Some(99)), ("m1", Some(1))]);
    let wrong = mirror::wrong(&told);
    assert!(!mirror::is_deaf(&told, &wrong));
    let blind = mirror::step(&mut Whole::default(), &wrong, HOLD, &config).1;
    let watch = Watch { blind, ..minute() };
    assert!(
        watch.is_blind("north", &[]) && watch.is_blind("north", &["vlan 20".into()]) && watch.is_blind("north", &["cell 1".into(), "vlan 2".into()])
    );
    assert!(!watch.is_blind("north", &["cell 1".into()]) && !watch.is_blind("south", &[]));
}
