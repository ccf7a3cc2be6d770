//! Opening: what is ours is opened, what is not is named and left alone.

use super::*;
use crate::store::StoreError;
use rusqlite::Connection;

#[test]
fn a_new_database_has_the_settings_that_must_come_first() {
    let (_folder, path) = folder();
    drop(Store::open(&path).unwrap());
    let store = Store::open(&path).unwrap();
    let number = |pragma: &str| store.connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((number("auto_vacuum"), number("synchronous"), number("page_size"), number("application_id")), (2, 2, 8192, 0x5769_4365));
    let mode: String = store.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let loose = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'";
    assert_eq!(store.connection.query_row(loose, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_file_that_is_no_database_is_named_and_stays_as_it_is() {
    let (_folder, path) = folder();
    for content in [&b"short"[..], &[0xd4, 0xc3, 0xb2, 0xa1], &[7; 5000]] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::NoDatabase { .. })), "{} bytes", content.len());
        assert!(matches!(Store::open_read_only(&path), Err(StoreError::NoDatabase { .. })), "{} bytes", content.len());
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    assert!(matches!(Store::open(path.parent().unwrap()), Err(StoreError::NoDatabase { .. })));
}

#[test]
fn a_database_of_another_application_is_left_alone() {
    let (_folder, path) = folder();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE places (url TEXT)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Foreign { application: 0, .. })));
    Connection::open(&path).unwrap().pragma_update(None, "application_id", 7).unwrap();
    assert!(matches!(Store::open_read_only(&path), Err(StoreError::Foreign { application: 7, .. })));
    assert_eq!(before.len(), std::fs::read(&path).unwrap().len());
}

#[test]
fn a_newer_and_an_altered_database_are_refused() {
    let (_folder, path) = folder();
    drop(Store::open(&path).unwrap());
    let stranger = Connection::open(&path).unwrap();
    stranger.execute_batch("CREATE TRIGGER evil AFTER INSERT ON said BEGIN DELETE FROM sources; END").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Altered { name, .. }) if name == "evil"));
    stranger.execute_batch("DROP TRIGGER evil; PRAGMA user_version = 99").unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("update this program"), "{error}");
    stranger.execute_batch("PRAGMA user_version = 0").unwrap();
    assert!(matches!(Store::open_read_only(&path), Err(StoreError::Older { found: 0, .. })));
}

#[test]
fn what_is_not_there_and_cannot_be_made_is_said() {
    let (_folder, path) = folder();
    assert!(matches!(Store::open_read_only(&path), Err(StoreError::Missing { .. })));
    assert!(!path.exists());
    assert!(matches!(Store::open(&path.join("nowhere/x.db")), Err(StoreError::CannotOpen { .. })));
}

#[test]
fn reading_goes_on_beside_a_writer_and_without_its_log() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&heard(1, 50)).unwrap();
    let reader = Store::open_read_only(&path).unwrap();
    writer.commit(&complete(1, 90)).unwrap();
    assert_eq!(read(&reader), Said::of(complete(1, 90)));
    drop((writer.finish().unwrap(), reader));
    let still = crate::store::open_unchanging(&path).unwrap();
    assert_eq!(crate::store::reading::sources(&still, &mut Default::default()).unwrap().len(), 1);
    assert!(Store::open_read_only(&path).unwrap().decide(&inventory::decision::Decision::Pin("a".into(), "b".into()), "", 0).is_err());
}

#[test]
fn a_path_with_odd_characters_is_opened_as_it_is() {
    let (folder, _) = folder();
    let path = folder.path().join("a?b #%41 ü.db");
    writer(&path).finish().unwrap();
    assert!(crate::store::open_unchanging(&path).is_ok() && path.exists());
}

#[test]
fn several_may_make_the_same_database_at_once() {
    let (_folder, path) = folder();
    let threads: Vec<_> = (0..4u8)
        .map(|number| {
            let path = path.clone();
            std::thread::spawn(move || writer(&path).commit(&complete(number, 30)).unwrap())
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(read(&Store::open(&path).unwrap()).sources.len(), 4);
}
