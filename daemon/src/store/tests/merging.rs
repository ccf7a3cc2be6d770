//! Merging: any order, any grouping, any source twice.

use super::*;
use proptest::prelude::*;

/// Copies of three sources: a whole one, and two that were read in part more than once.
fn copies() -> Vec<SourceSaid> {
    vec![complete(1, 120), heard(2, 50), heard(2, 90), complete(3, 30), heard(3, 20)]
}

fn joined() -> Said {
    let mut all = Said::default();
    copies().into_iter().for_each(|copy| all.join(Said::of(copy)));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_grouping_of_merges_gives_the_same(
        places in proptest::collection::vec((0usize..5, 0usize..3), 0..6),
        homes in proptest::collection::vec(0usize..3, 5),
        between in proptest::collection::vec((0usize..3, 0usize..3), 0..4),
        order in Just([0usize, 1, 2, 1]).prop_shuffle(),
    ) {
        let (folder, path) = folder();
        let mut writers: Vec<Writer> = (0..3).map(|number| writer(&folder.path().join(format!("{number}.db")))).collect();
        for (copy, home) in homes.into_iter().enumerate().chain(places) {
            writers[home].commit(&copies()[copy]).unwrap();
        }
        for (from, to) in between {
            let from = Store::open_read_only(writers[from].store().path()).unwrap();
            prop_assert_eq!(from.merge_into(&mut writers[to]).unwrap().count, 0);
        }
        let mut all = writer(&path);
        for from in order {
            writers[from].store().merge_into(&mut all).unwrap();
        }
        prop_assert_eq!(read(&all.finish().unwrap()), joined());
    }
}

#[test]
fn a_merge_into_itself_changes_nothing() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    copies().iter().for_each(|copy| writer.commit(copy).unwrap());
    let changes = writer.store().changes().unwrap();
    Store::open_read_only(&path).unwrap().merge_into(&mut writer).unwrap();
    assert_eq!((read(writer.store()), writer.store().changes().unwrap()), (joined(), changes));
}

#[test]
fn a_merge_that_stops_on_the_way_leaves_no_source_complete() {
    let (folder, path) = folder();
    let mut a = writer(&path);
    a.commit(&large(1)).unwrap();
    let mut c = writer(&folder.path().join("c.db"));
    c.commit(&SourceSaid { source: source(1), ..SourceSaid::default() }).unwrap();
    let pages: i64 = c.store().connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    c.store().connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    let error = a.store().merge_into(&mut c).unwrap_err();
    assert!(error.to_string().contains("c.db: the disk is full"), "{error}");
    let source = &c.store().sources().unwrap()[0];
    assert!(!source.complete && source.revisions.is_empty());
}

#[test]
fn damaged_rows_are_left_out_of_a_merge_and_named() {
    let (folder, path) = folder();
    let mut a = writer(&path);
    a.commit(&complete(1, 100)).unwrap();
    a.store().connection.execute("UPDATE said SET record = x'00' WHERE id = 1", []).unwrap();
    let mut c = writer(&folder.path().join("c.db"));
    assert_eq!(a.store().merge_into(&mut c).unwrap().count, 1);
    assert_eq!(read(c.store()), a.store().said().unwrap().said);
}
