//! Writing: repeated, cut short, too much.

use super::*;
use crate::store::StoreError;
use crate::store::reading::Identifier;
use crate::store::writer::ROW_LIMIT;

#[test]
fn what_was_said_is_read_back_as_it_was() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&complete(1, 400)).unwrap();
    let store = writer.finish().unwrap();
    assert!(!complete(1, 400).crowded.is_empty());
    assert_eq!(read(&store), Said::of(complete(1, 400)));
    assert_eq!(store.sources().unwrap(), [complete(1, 400).source]);
}

#[test]
fn a_killed_run_is_completed_by_another_and_nothing_else_changes() {
    for killed_after in 0..6 {
        let (_folder, path) = folder();
        let steps = [40, 80, 120, 300, 350, 400];
        let mut first = writer(&path);
        for packets in &steps[..killed_after] {
            first.commit(&heard(1, *packets)).unwrap();
        }
        drop(first);
        let mut second = writer(&path);
        for packets in steps {
            second.commit(&heard(1, packets)).unwrap();
        }
        second.commit(&complete(1, 400)).unwrap();
        let changes = second.store().changes().unwrap();
        second.commit(&complete(1, 400)).unwrap();
        assert_eq!(second.store().changes().unwrap(), changes, "the same again is no change");
        assert_eq!(read(second.store()), Said::of(complete(1, 400)));
    }
}

#[test]
fn a_commit_may_hold_only_what_is_new() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    let whole = complete(1, 200);
    for chunk in whole.observations.iter().collect::<Vec<_>>().chunks(7) {
        let observations = chunk.iter().map(|one| (one.key, one.entry())).collect();
        writer.commit(&SourceSaid { source: source(1), observations, ..SourceSaid::default() }).unwrap();
    }
    for one in whole.tallies.iter() {
        writer.commit(&SourceSaid { source: source(1), tallies: [one].into_iter().collect(), ..SourceSaid::default() }).unwrap();
    }
    writer.commit(&SourceSaid { source: whole.source.clone(), crowded: whole.crowded.clone(), ..SourceSaid::default() }).unwrap();
    assert_eq!(read(writer.store()), Said::of(whole));
}

#[test]
fn what_a_kill_leaves_in_the_middle_of_a_commit_opens_and_holds_all_but_the_last() {
    let (folder, path) = folder();
    let left = folder.path().join("left.db");
    let mut writer = writer(&path);
    writer.commit(&heard(1, 50)).unwrap();
    let more = heard(1, 400);
    // A small cache, so that pages of the unfinished transaction are in the log already.
    writer.store().connection.pragma_update(None, "cache_size", 1).unwrap();
    let lent: Vec<EntryRef<'_>> = more.observations.iter().filter(|one| one.key[0] & 0x18 == 0).collect();
    let mut subject = Vec::new();
    observations::bytes::put_subject(&mut subject, &host(1));
    let lent: Vec<_> = lent.into_iter().filter(|one| one.key.starts_with(&subject)).collect();
    writer
        .in_transaction(&more.source, |batch| {
            batch.said(&subject, &lent, &[])?;
            std::fs::copy(&path, &left).unwrap();
            std::fs::copy(folder.path().join("inventory.db-wal"), folder.path().join("left.db-wal")).unwrap();
            Ok(())
        })
        .unwrap();
    assert_eq!(read(&Store::open(&left).unwrap()), Said::of(heard(1, 50)));
    assert_ne!(read(writer.store()), Said::of(heard(1, 50)));
}

#[test]
fn a_full_disk_loses_nothing_that_was_committed() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&heard(1, 50)).unwrap();
    let pages: i64 = writer.store().connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    writer.store().connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    let error = writer.commit(&large(1)).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }) && error.to_string().contains("make room"), "{error}");
    assert_eq!(read(writer.store()), Said::of(heard(1, 50)));
    writer.store().connection.query_row("PRAGMA max_page_count = 100000", [], |_| Ok(())).unwrap();
    writer.commit(&large(1)).unwrap();
    let mut expected = Said::of(heard(1, 50));
    expected.join(Said::of(large(1)));
    assert_eq!(read(writer.store()), expected);
}

#[test]
fn one_device_is_looked_up_by_either_address() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&complete(1, 100)).unwrap();
    writer.commit(&complete(9, 100)).unwrap();
    let by_mac = writer.store().said_of(Identifier::Mac(host(3).mac.unwrap())).unwrap();
    let by_ip = writer.store().said_of(Identifier::Ip(host(3).ip.unwrap())).unwrap();
    assert_eq!(by_mac, by_ip);
    let only = &by_ip.said.sources[&SourceKey([1; 16])];
    assert!(by_ip.said.sources.len() == 1 && !only.observations.is_empty());
    assert!(only.decoded().all(|said| said.unwrap().about.host() == host(3)));
    assert!(only.tallies.iter().all(|(pair, _)| pair.client == host(3)) && only.tallies.len() == 1);
    assert!(writer.store().said_of(Identifier::Ip([10, 9, 9, 9].into())).unwrap().said.sources.is_empty());
}

#[test]
fn a_row_of_unbearable_weight_is_thinned_and_the_source_says_so() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&heard(1, 20)).unwrap();
    let mut shouting = heard(1, 20);
    for number in 0..5 {
        let (key, mut entry) = observation(host(3), &format!("loud {number}"), 1, 1);
        entry.evidence = vec![number; 15 << 20].into();
        shouting.insert(&key, &entry);
    }
    writer.commit(&shouting).unwrap();
    let said = read(writer.store());
    let source = &said.sources[&SourceKey([1; 16])];
    assert_eq!(source.source.limits, [(ROW_LIMIT.to_owned(), 1)].into());
    assert!(source.observations.len() >= shouting.observations.len() - 2);
    assert!(source.observations.keys().all(|key| shouting.observations.find(key).is_some()));
}

#[test]
fn counters_of_unbearable_weight_are_thinned_too() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    let mut said = heard(1, 1);
    for number in 0..3 {
        let operations = [("x".repeat(30 << 20), Uses { class: OperationClass::Read, count: 1 })].into();
        said.tallies.take(&pair(9, number), &Tally { flows: 1, operations, ..Tally::default() }, Tally::add);
    }
    writer.commit(&said).unwrap();
    let read = read(writer.store());
    let source = &read.sources[&SourceKey([1; 16])];
    assert_eq!((source.tallies.len(), source.source.limits.len()), (said.tallies.len() - 1, 1));
}

#[test]
fn after_the_end_the_file_alone_is_the_database() {
    let (folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&complete(1, 100)).unwrap();
    let store = writer.finish().unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(read(&Store::open_read_only(&copy).unwrap()), read(&store));
}

#[test]
fn what_is_no_observation_is_refused_whole() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    let mut said = heard(1, 20);
    let (_, entry) = observation(host(1), "", 1, 1);
    said.insert(&[0xff, 1], &entry);
    assert!(matches!(writer.commit(&said), Err(StoreError::Encoding { .. })));
    assert!(read(writer.store()).sources.is_empty());
}

/// Many names of one host, kept as a sensor with this limit would have.
fn crowded(names: std::ops::Range<u64>, facts: u16) -> SourceSaid {
    let mut said = complete(1, 20);
    said.source.most = Most { facts, ..Most::default() };
    for number in names {
        let (key, entry) = observation(host(3), &format!("many {number}"), number, number);
        said.insert(&key, &entry);
    }
    said.bound_groups();
    said
}

#[test]
fn of_copies_that_kept_different_numbers_of_facts_the_smaller_holds_in_any_order() {
    let copies = [crowded(0..40, 64), crowded(30..70, 16), crowded(60..200, 128)];
    let joined = |order: &[usize]| {
        let mut said = SourceSaid { source: copies[order[0]].source.clone(), ..SourceSaid::default() };
        order.iter().for_each(|at| said.join(copies[*at].clone()));
        said
    };
    let orders: [&[usize]; 5] = [&[0, 1, 2], &[2, 1, 0], &[1, 0, 2, 1], &[2, 0, 1], &[0, 2, 1, 0]];
    let whole = joined(orders[0]);
    assert_eq!((whole.source.most.facts, whole.crowded.is_empty()), (16, false));
    for order in orders {
        assert!(joined(order) == whole, "{order:?}");
        let (_folder, path) = folder();
        let mut writer = writer(&path);
        order.iter().for_each(|at| writer.commit(&copies[*at]).unwrap());
        let stored = read(writer.store()).sources.into_values().next().unwrap();
        assert!(stored.observations == whole.observations && stored.crowded == whole.crowded && stored.source == whole.source, "{order:?}");
    }
    let (mut left, mut right) = (joined(&[0, 1]), joined(&[1, 2]));
    left.join(copies[2].clone());
    right.join(copies[0].clone());
    assert!(left == right && left == whole);
}

#[test]
fn a_database_that_kept_fewer_facts_of_a_source_narrows_the_one_that_it_is_merged_into() {
    let (_folder, path) = folder();
    let other = path.with_extension("other");
    writer(&other).commit(&crowded(0..10, 8)).unwrap();
    let mut mine = writer(&path);
    mine.commit(&crowded(0..60, 64)).unwrap();
    Store::open(&other).unwrap().merge_into(&mut mine).unwrap();
    let one_way = read(mine.store());
    writer(&path.with_extension("third")).commit(&crowded(0..60, 64)).unwrap();
    let mut theirs = writer(&other);
    Store::open(&path.with_extension("third")).unwrap().merge_into(&mut theirs).unwrap();
    assert!(read(theirs.store()) == one_way);
    let source = one_way.sources.into_values().next().unwrap();
    assert_eq!(source.source.most.facts, 8);
    let about = |one: &EntryRef<'_>| one.statement().unwrap().about == host(3);
    assert_eq!(source.observations.iter().filter(about).count(), 8);
}
