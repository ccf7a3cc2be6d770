//! Who is forgotten is in no row, and comes back in no way.

use super::*;
use inventory::decision::Decision;
use std::sync::atomic::Ordering;

/// The address of `host(3)`.
const KEY: &str = "mac:00:80:f4:00:00:03";

/// Until the time of this packet; none is for ever.
fn forget(until: Option<u64>) -> Vec<Decision> {
    let until = until.and_then(|packet| inventory::assemble::time(stamp(packet).time)).unwrap_or_default();
    vec![Decision::Forget { site: String::new(), key: KEY.into(), until, reason: "asked".into() }]
}

/// Whether anything of `host(3)` is there: about it, by it, counted of it.
fn knows(said: &Said) -> bool {
    said.sources.values().any(|source| {
        let is = |subject: &Subject| subject.mac == host(3).mac;
        let told = source.decoded().any(|one| one.is_ok_and(|one| is(&one.about) || is(&one.speaker)));
        told || source.tallies.iter().any(|(pair, _)| is(&pair.client) || pair.server.as_ref().is_some_and(is))
    })
}

/// Without `host(3)`.
fn others(said: &Said) -> usize {
    said.sources.values().map(|source| source.observations.len() + source.tallies.len()).sum()
}

#[test]
fn nothing_is_left_of_who_is_forgotten_and_nobody_else_loses_anything() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&complete(1, 60)).unwrap();
    writer.commit(&complete(3, 60)).unwrap();
    let before = read(writer.store());
    let dry = writer.forget(&forget(None), "ada", 5, &["NAME 1".into()], true).unwrap();
    assert_eq!(read(writer.store()), before);
    assert!(writer.store().decisions().unwrap().is_empty());
    let gone = writer.forget(&forget(None), "ada", 5, &["NAME 1".into()], false).unwrap();
    assert_eq!(gone, dry);
    let after = read(writer.store());
    assert!(knows(&before) && !knows(&after));
    assert_eq!(others(&before) as u64, others(&after) as u64 + gone.statements + gone.counters);
    assert!(gone.statements > 0 && gone.counters > 1 && gone.sources == 2, "{gone:?}");
    assert!(gone.mentioned > 0 && gone.mentions[0].contains("vendor-name name 1"), "{gone:?}");
    let index = "SELECT count(*) FROM identifiers WHERE identifier = ?1 AND source = 1";
    let left: i64 = writer.store.connection.query_row(index, [&[0, 0x80, 0xf4, 0, 0, 3][..]], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
    assert_eq!(writer.store().decision_log().unwrap().len(), 1);
    assert!(writer.store().verify_chain().unwrap().is_empty());
    let again = writer.forget(&forget(None), "ada", 6, &[], false).unwrap();
    assert_eq!((again.statements, again.counters), (0, 0));
}

#[test]
fn the_same_capture_brings_nothing_back_and_what_is_said_later_is_new() {
    let (_folder, path) = folder();
    let mut writer = writer(&path);
    writer.commit(&complete(1, 60)).unwrap();
    writer.forget(&forget(Some(60)), "ada", 5, &[], false).unwrap();
    writer.commit(&complete(1, 60)).unwrap();
    assert!(!knows(&read(writer.store())));
    // Whoever reads a longer one begins with what is forgotten, too.
    let mut later = SourceSaid { source: source(9), ..SourceSaid::default() };
    (later.source.packets, later.source.last_seen) = (80, Some(stamp(80).time));
    for packet in [50, 70] {
        let (key, entry) = observation(host(3), &format!("at {packet}"), packet, 80);
        later.insert(&key, &entry);
    }
    writer.commit(&later).unwrap();
    let said = read(writer.store());
    let of_it: Vec<String> = said.sources[&SourceKey([9; 16])].decoded().map(|one| format!("{:?}", one.unwrap().fields)).collect();
    assert!(of_it.len() == 1 && of_it[0].contains("Text"), "{of_it:?}");
    writer.forget(&forget(None), "ada", 6, &[], false).unwrap();
    writer.commit(&later).unwrap();
    assert!(!knows(&read(writer.store())), "it is kept out");
}

#[test]
fn an_old_copy_brings_nothing_back_in_whatever_order_it_is_merged() {
    let (folder, path) = folder();
    let (old, first, second) = (folder.path().join("old.db"), folder.path().join("1.db"), folder.path().join("2.db"));
    let mut a = writer(&path);
    a.commit(&complete(1, 60)).unwrap();
    let mut copy = writer(&old);
    a.store().merge_into(&mut copy).unwrap();
    a.forget(&forget(Some(60)), "ada", 5, &[], false).unwrap();
    let (mut one, mut two) = (writer(&first), writer(&second));
    for (into, from) in [(&mut one, [&copy, &a]), (&mut two, [&a, &copy])] {
        for from in from {
            from.store().merge_into(into).unwrap();
        }
    }
    assert!(knows(&read(copy.store())) && !knows(&read(one.store())));
    assert_eq!(read(one.store()), read(two.store()));
    assert_eq!(read(one.store()), read(a.store()));
}

#[test]
fn who_writes_meanwhile_hears_of_it() {
    let (_folder, path) = folder();
    let (mut daemon, mut operator) = (writer(&path), writer(&path));
    let forgettings = daemon.forgettings();
    daemon.commit(&heard(1, 30)).unwrap();
    operator.forget(&forget(Some(30)), "ada", 5, &[], false).unwrap();
    assert_eq!(forgettings.load(Ordering::Relaxed), 0);
    daemon.commit(&complete(1, 30)).unwrap();
    assert_eq!(forgettings.load(Ordering::Relaxed), 1);
    assert!(!knows(&read(daemon.store())));
}
