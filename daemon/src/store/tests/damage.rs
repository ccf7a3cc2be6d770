//! Damage: what is broken is named and left out, what is whole is read.

use super::*;
use crate::store::{Damage, StoreError};
use rusqlite::Connection;

fn written() -> (TempDir, std::path::PathBuf) {
    let (folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&complete(1, 200)).unwrap();
    writer.commit(&complete(2, 200)).unwrap();
    writer.finish().unwrap();
    (folder, path)
}

fn change(path: &std::path::Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_damaged_row_is_named_and_the_rest_is_read() {
    let (_folder, path) = written();
    change(&path, "UPDATE said SET record = CAST(substr(record, 1, 60) || x'00' || substr(record, 62) AS BLOB) WHERE id = 2");
    change(&path, "UPDATE tallies SET record = x'' WHERE id = 1; UPDATE said SET source = 77 WHERE id = 4");
    let reading = Store::open_read_only(&path).unwrap().said().unwrap();
    assert_eq!(reading.damaged.count, 3);
    assert!(reading.damaged.rows[0].to_string().contains("said of source 0101"), "{}", reading.damaged.rows[0]);
    assert_eq!(reading.damaged.rows.iter().filter(|row| row.damage == Damage::Checksum).count(), 2);
    assert_eq!(reading.said.sources[&SourceKey([2; 16])], complete(2, 200));
}

#[test]
fn reading_the_capture_again_heals_a_damaged_row() {
    let (_folder, path) = written();
    change(&path, "UPDATE said SET record = x'00112233445566' WHERE id = 2; UPDATE sources SET record = x'' WHERE id = 1");
    let mut writer = writer(&path);
    let sources = writer.store().sources().unwrap();
    assert!(sources[0].limits.contains_key(crate::store::reading::DAMAGED_SOURCE) && sources[1] == complete(2, 200).source);
    writer.commit(&complete(1, 200)).unwrap();
    assert_eq!(writer.damaged().count, 2);
    let mut expected = Said::of(complete(1, 200));
    expected.join(Said::of(complete(2, 200)));
    assert_eq!(read(writer.store()), expected);
}

#[test]
fn a_row_with_a_right_checksum_and_wrong_contents_is_refused() {
    let (_folder, path) = written();
    let store = Store::open(&path).unwrap();
    let (id, subject): (i64, Vec<u8>) =
        store.connection.query_row("SELECT id, subject FROM said LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for body in [&[2, 0, 0xff, 0xff, 0xff, 0x7f][..], &[1, 0, 0], &[]] {
        let record = crate::store::row::seal(SourceKey([1; 16]), &subject, |out| out.extend_from_slice(body));
        store.connection.execute("UPDATE said SET record = ?2 WHERE id = ?1", rusqlite::params![id, record]).unwrap();
        assert!(matches!(store.said().unwrap().damaged.rows[0].damage, Damage::Encoding(_)));
    }
}

#[test]
fn no_changed_byte_of_a_file_panics() {
    let (folder, path) = written();
    let whole = std::fs::read(&path).unwrap();
    let copy = folder.path().join("copy.db");
    for at in (0..whole.len()).step_by(401) {
        let mut changed = whole.clone();
        changed[at] ^= 0xff;
        std::fs::write(&copy, &changed).unwrap();
        let _ = Store::open_read_only(&copy).and_then(|store| {
            let _ = (store.sources()?, store.decision_log()?, store.document()?);
            store.said()
        });
    }
    for end in (0..whole.len()).step_by(4_001) {
        std::fs::write(&copy, &whole[..end]).unwrap();
        let _ = Store::open_read_only(&copy).and_then(|store| store.said());
    }
}

#[test]
fn a_damaged_page_costs_what_comes_after_it_and_no_more() {
    let (_folder, path) = written();
    let mut bytes = std::fs::read(&path).unwrap();
    let root: u32 =
        Connection::open(&path).unwrap().query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'tallies'", [], |row| row.get(0)).unwrap();
    bytes[(root as usize - 1) * 8192..][..200].fill(0xee);
    std::fs::write(&path, bytes).unwrap();
    let reading = Store::open_read_only(&path).unwrap().said().unwrap();
    assert!(matches!(&reading.damaged.rows[..], [row] if matches!(row.damage, Damage::Page(_))), "{:?}", reading.damaged);
    assert_eq!(reading.said.sources[&SourceKey([2; 16])].observations, complete(2, 200).observations);
    assert!(matches!(writer(&path).commit(&complete(1, 300)), Err(StoreError::Damaged { .. })));
}
