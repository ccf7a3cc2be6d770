//! What is kept long enough goes as a whole, step by step, and first times stay.

use super::*;
use crate::store::retention::Retention;
use inventory::decision::Decision;

fn keys(writer: &Writer) -> Vec<u8> {
    writer.store().sources().unwrap().iter().map(|source| source.key.0[0]).collect()
}

/// Three sources, of which two are past.
fn three(path: &std::path::Path) -> (Writer, i64) {
    let mut writer = writer(path);
    for (number, packets) in [(1, 400), (2, 500), (3, 900)] {
        writer.commit(&complete(number, packets)).unwrap();
    }
    (writer, stamp(600).time)
}

#[test]
fn a_source_goes_as_a_whole_and_is_never_seen_in_part() {
    let (_folder, path) = folder();
    let (mut writer, before) = three(&path);
    let stays = read(writer.store()).sources[&SourceKey([3; 16])].clone();
    let mut retention = Retention::of(writer.store().past(before).unwrap());
    let mut steps = 0;
    while retention.step(&mut writer).unwrap() {
        steps += 1;
        let said = read(writer.store());
        assert_eq!(said.sources[&SourceKey([3; 16])], stays);
        for number in [1, 2] {
            let whole = said.sources.get(&SourceKey([number; 16])).is_none_or(|one| one.tallies.len() == 5);
            assert!(whole, "step {steps}: source {number} in part");
        }
        assert!(writer.store().said_of(crate::store::reading::Identifier::Mac(host(1).mac.unwrap())).unwrap().damaged.count == 0);
    }
    assert_eq!(keys(&writer), [3]);
    for table in ["sources", "said", "tallies", "identifiers"] {
        let column = if table == "sources" { "id" } else { "source" };
        let sources: i64 = writer.store.connection.query_row(&format!("SELECT count(DISTINCT {column}) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(sources, 1, "{table}");
    }
    assert!(steps > 4, "{steps}");
}

#[test]
fn when_a_device_was_seen_first_is_remembered_and_merges() {
    let (folder, path) = folder();
    let (mut writer, before) = three(&path);
    let mut retention = Retention::of(writer.store().past(before).unwrap());
    while retention.step(&mut writer).unwrap() {}
    let seen = writer.store().seen().unwrap();
    let first = |number: u8| seen.get(&(String::new(), format!("mac:{}", host(number).mac.unwrap()))).copied();
    // Host 2 is heard in the first packet of the first source, host 1 in the fifth: that it was asked before says nothing.
    assert_eq!((first(2), first(1)), (Some(stamp(1).time), Some(stamp(5).time)));
    assert_eq!(first(9), None);
    let mut other = self::writer(&folder.path().join("other.db"));
    writer.store().merge_into(&mut other).unwrap();
    let changes = other.store().changes().unwrap();
    writer.store().merge_into(&mut other).unwrap();
    assert_eq!((other.store().seen().unwrap(), other.store().changes().unwrap()), (seen, changes));
    let forget = |until: u64| Decision::Forget {
        site: String::new(),
        key: format!("mac:{}", host(2).mac.unwrap()),
        until: inventory::assemble::time(stamp(until).time).unwrap(),
        reason: "asked".into(),
    };
    let knows = |writer: &Writer| writer.store().seen().unwrap().keys().any(|(_, key)| *key == format!("mac:{}", host(2).mac.unwrap()));
    other.forget(&[forget(900)], "ada", 5, &[], false).unwrap();
    assert!(!knows(&other) && knows(&writer));
    writer.store().merge_into(&mut other).unwrap();
    assert!(!knows(&other), "an old copy does not bring it back");
    other.store().merge_into(&mut writer).unwrap();
    assert!(!knows(&writer));
}

#[test]
fn a_removal_that_was_killed_is_completed_and_the_same_capture_may_come_again_meanwhile() {
    let (_folder, path) = folder();
    let (mut writer, before) = three(&path);
    let mut retention = Retention::of(writer.store().past(before).unwrap());
    while keys(&writer).contains(&1) {
        assert!(retention.step(&mut writer).unwrap());
    }
    drop(retention);
    writer.commit(&complete(1, 400)).unwrap();
    assert_eq!(keys(&writer), [1, 2, 3]);
    let mut nothing_more = Retention::of(Vec::new());
    while nothing_more.step(&mut writer).unwrap() {}
    assert_eq!(keys(&writer), [1, 2, 3]);
    let mut whole = Said::default();
    [complete(1, 400), complete(2, 500), complete(3, 900)].into_iter().for_each(|one| whole.join(Said::of(one)));
    assert_eq!(read(writer.store()), whole);
}

#[test]
fn free_pages_are_given_back_step_by_step() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&large(1)).unwrap();
    writer.commit(&complete(2, 5)).unwrap();
    assert!(writer.store().gives_back().unwrap());
    let mut old = writer.store().sources().unwrap();
    old.retain(|source| source.key.0[0] == 1);
    let mut retention = Retention::of(old);
    while retention.step(&mut writer).unwrap() {}
    let free = writer.store().free_bytes().unwrap();
    assert!(free > 100_000, "{free}");
    while writer.give_back_step().unwrap() {}
    assert_eq!(writer.store().free_bytes().unwrap(), 0);
    let store = writer.finish().unwrap();
    assert!(store.check_whole().unwrap().is_empty());
    assert_eq!(read(&store).sources.len(), 1);
}

#[test]
fn a_clock_that_is_not_believed_says_nothing_about_age() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    let mut said = complete(1, 5);
    said.source.clock = Some("its times are implausible".into());
    writer.commit(&said).unwrap();
    assert!(writer.store().past(i64::MAX).unwrap().is_empty());
}

#[test]
fn a_copy_is_whole_while_another_writes() {
    let (folder, path) = folder();
    let mut first = writer(&path);
    first.commit(&large(1)).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut writer = writer(&path);
            let mut packets = 5;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                packets += 5;
                writer.commit(&heard(2, packets)).unwrap();
            }
            packets
        });
        for number in 0..5 {
            let to = folder.path().join(format!("copy-{number}.db"));
            std::fs::write(&to, "").unwrap();
            Store::open_read_only(&path).unwrap().copy_into(&to).unwrap();
            let copy = Store::open_read_only(&to).unwrap();
            assert!(copy.check_whole().unwrap().is_empty());
            let said = read(&copy);
            assert_eq!(said.sources[&SourceKey([1; 16])].observations, large(1).observations);
            if let Some(two) = said.sources.get(&SourceKey([2; 16])) {
                assert_eq!(two.observations, heard(2, two.source.packets).observations, "a commit is in it whole or not at all");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(writing.join().unwrap() > 10);
    });
}

#[test]
fn a_database_of_the_version_before_is_brought_to_this_one_with_all_that_it_holds() {
    let (_folder, path) = folder();
    let mut first = writer(&path);
    first.commit(&complete(1, 60)).unwrap();
    let before = read(first.store());
    first.store.connection.execute_batch("DROP TABLE seen; PRAGMA user_version = 1").unwrap();
    drop(first.finish().unwrap());
    assert!(matches!(Store::open_read_only(&path), Err(crate::store::StoreError::Older { found: 1, .. })));
    let store = Store::open(&path).unwrap();
    assert!(store.seen().unwrap().is_empty());
    assert_eq!(read(&store), before);
    assert!(Store::open_read_only(&path).is_ok());
}

#[test]
fn a_file_that_cannot_give_space_back_can_once_it_was_written_anew() {
    let (_folder, path) = folder();
    let mut first = writer(&path);
    first.commit(&large(1)).unwrap();
    let mut store = first.finish().unwrap();
    // The mode changes only where the file is written anew (https://www.sqlite.org/pragma.html#pragma_auto_vacuum).
    store.connection.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    assert!(!store.gives_back().unwrap());
    let before = read(&store);
    store.rewrite().unwrap();
    assert!(store.gives_back().unwrap() && store.check_whole().unwrap().is_empty());
    assert_eq!(read(&store), before);
}
