//! Decisions and the derived document.

use super::*;
use crate::store::StoreError;
use inventory::decision::Decision;

fn pin(a: &str, b: &str) -> Decision {
    Decision::Pin(a.into(), b.into())
}

fn note(value: &str) -> Decision {
    Decision::Annotate { key: "mac:00:80:f4:00:00:01".into(), name: "owner".into(), value: value.into() }
}

#[test]
fn decisions_stand_in_order_with_author_and_time() {
    let (_folder, path) = folder();
    let mut store = Store::open(&path).unwrap();
    store.decide(&pin("a", "b"), "ada", 5).unwrap();
    store.decide(&Decision::Split("a".into(), "b".into()), "bob", 3).unwrap();
    store.decide(&note("maintenance"), "ada", 9).unwrap();
    assert_eq!(store.decisions().unwrap(), [pin("a", "b"), Decision::Split("a".into(), "b".into()), note("maintenance")]);
    let log = Store::open_read_only(&path).unwrap().decision_log().unwrap();
    let lines: Vec<_> = log.iter().map(|entry| (entry.sequence, entry.at, entry.author.as_str())).collect();
    assert_eq!(lines, [(1, 5, "ada"), (2, 5, "bob"), (3, 9, "ada")], "a clock that went back does not turn two decisions round");
    assert!(store.verify_chain().unwrap().is_empty());
}

#[test]
fn a_changed_decision_and_what_hangs_on_it_do_not_count() {
    let (_folder, path) = folder();
    let mut store = Store::open(&path).unwrap();
    for (value, at) in [("one", 1), ("two", 2), ("three", 3)] {
        store.decide(&note(value), "ada", at).unwrap();
    }
    assert!(store.connection.execute("UPDATE decisions SET record = x'00' WHERE sequence = 2", []).is_err());
    assert!(store.connection.execute("DELETE FROM decisions", []).is_err());
    store.connection.execute_batch("DROP TRIGGER decisions_stand").unwrap();
    store.connection.execute("UPDATE decisions SET record = replace(record, 'two', 'TWO') || x'' WHERE sequence = 2", []).ok();
    store.connection.execute("UPDATE decisions SET record = x'00' WHERE sequence = 2", []).unwrap();
    assert_eq!(store.decisions().unwrap(), [note("one")]);
    let faults: Vec<_> = store.verify_chain().unwrap().into_iter().map(|fault| (fault.sequence, fault.what)).collect();
    assert_eq!(faults, [(2, "its hash is wrong"), (3, "the entry before it is missing")]);
    store.decide(&note("four"), "ada", 4).unwrap();
    assert_eq!(store.decisions().unwrap(), [note("one"), note("four")]);
}

#[test]
fn chains_merge_in_any_order_and_forks_lose_nothing() {
    let (folder, path) = folder();
    let (copy, other) = (folder.path().join("copy.db"), folder.path().join("other.db"));
    let mut a = Store::open(&path).unwrap();
    a.decide(&note("both"), "ada", 1).unwrap();
    drop(a);
    std::fs::copy(&path, &copy).unwrap();
    let (mut a, mut b, mut c) = (Store::open(&path).unwrap(), Store::open(&copy).unwrap(), Store::open(&other).unwrap());
    a.decide(&note("a"), "ada", 2).unwrap();
    b.decide(&note("b"), "bob", 3).unwrap();
    c.decide(&note("c"), "cleo", 4).unwrap();
    let mut logs = Vec::new();
    for order in [[&a, &b, &c], [&c, &b, &a], [&b, &a, &b]] {
        let mut all = writer(&folder.path().join(format!("all-{}.db", logs.len())));
        for store in order {
            store.merge_into(&mut all).unwrap();
        }
        c.merge_into(&mut all).unwrap();
        let mut all = all.finish().unwrap();
        logs.push(all.decision_log().unwrap());
        assert!(all.verify_chain().unwrap().is_empty());
        all.decide(&note("d"), "dan", 5).unwrap();
        assert_eq!(all.decisions().unwrap(), [note("both"), note("a"), note("b"), note("c"), note("d")]);
    }
    assert!(logs[0].len() == 4 && logs[0] == logs[1] && logs[1] == logs[2]);
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    let (_folder, path) = folder();
    let mut store = Store::open(&path).unwrap();
    assert!(matches!(store.decide(&note(&"x".repeat(20_000)), "ada", 1), Err(StoreError::TooLong { length: 20_000, .. })));
    assert!(store.decisions().unwrap().is_empty());
}

#[test]
fn a_document_is_replaced_by_a_later_generation_only() {
    let (_folder, path) = folder();
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.document().unwrap(), None);
    let large: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    store.put_document(1, b"rules 1", b"{}").unwrap();
    store.put_document(2, b"rules 2", &large).unwrap();
    assert!(matches!(store.put_document(2, b"late", b"{}"), Err(StoreError::Stale { generation: 2, current: 2 })));
    let document = Store::open_read_only(&path).unwrap().document().unwrap().unwrap();
    assert!(document.generation == 2 && document.digest == b"rules 2" && document.bytes == large);
    store.put_document(3, b"rules 3", b"").unwrap();
    assert!(store.document().unwrap().unwrap().bytes.is_empty());
}
