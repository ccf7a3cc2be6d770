//! The sources file and what is said of a wrong one.

use crate::capture::{Direction, SourcesFile};
use std::path::Path;

fn error(text: &str) -> String {
    SourcesFile::parse("s.toml", text).unwrap_err().to_string()
}

#[test]
fn the_example_is_read() {
    let sources = SourcesFile::parse("sources.example.toml", include_str!("../sources.example.toml")).unwrap();
    let rule = sources.rule_of(Path::new("/data/cell-7/monday.pcapng.gz")).unwrap();
    assert_eq!((rule.site.as_deref(), rule.direction, rule.clock_offset), (Some("plant-nord"), Direction::Both, 3_600_000_000_000));
    assert_eq!(rule.tap.as_deref(), Some("core switch, port 12"));
    assert_eq!([Some(10), Some(25), Some(30), None, Some(31)].map(|vlan| rule.segments.segment_of(vlan)), [1, 1, 2, 2, 0]);
    assert_eq!(sources.rule_of(Path::new("./tap7-tx.pcap.zst")).unwrap().site.as_deref(), Some("plant-sued"));
    assert!(sources.rule_of(Path::new("cell-7/deeper/monday.pcap")).is_none());
}

#[test]
fn patterns_span_folders_only_with_two_stars() {
    let sources = SourcesFile::parse("s.toml", "[[source]]\nfiles = './north/**/*.pcap'").unwrap();
    assert!(sources.rule_of(Path::new("/data/north/a/b/x.pcap")).is_some());
    assert!(sources.rule_of(Path::new("north/x.pcap")).is_some());
    assert!(sources.rule_of(Path::new("south/x.pcap")).is_none());
}

#[test]
fn an_unknown_key_names_the_one_that_may_be_meant() {
    assert_eq!(error("\n[[source]]\nfiles = 'a'\nclock-offset = '1s'\n"), "s.toml:4: unknown key `clock-offset`: did you mean `clock_offset`?");
    assert_eq!(error("[[sources]]\nfiles = 'a'\n"), "s.toml:1: unknown key `sources`: did you mean `source`?");
    let segment = "[[source]]\nfiles = 'a'\n[[source.segment]]\nname = 'x'\nvlan = [1]\n";
    assert_eq!(error(segment), "s.toml:5: unknown key `vlan`: did you mean `vlans`?");
    assert_eq!(
        error("[[source]]\nfiles = 'a'\ncolour_of_the_cable = 'red'"),
        "s.toml:3: unknown key `colour_of_the_cable`: known are files, site, tap, direction, clock_offset, segment"
    );
}

#[test]
fn wrong_values_say_what_is_right() {
    let with = |line: &str| error(&format!("[[source]]\nfiles = 'a'\n{line}\n"));
    assert!(error("[[source]]\nsite = 'x'\n").starts_with("s.toml:1: a source without `files`: say which"));
    assert!(with("direction = 'up'").starts_with("s.toml:3: `direction` is \"both\", \"in\" or \"out\", not \"up\""));
    assert!(with("clock_offset = '1 fortnight'").starts_with("s.toml:3: `clock_offset` is a number with a unit"));
    assert!(with("clock_offset = '99999999999d'").starts_with("s.toml:3: `clock_offset`"));
    assert!(with("clock_offset = 3600").starts_with("s.toml:3: `clock_offset` is a text: put it in quotes"));
    assert!(with("site = ''").starts_with("s.toml:3: `site` is empty"));
    assert!(with("segment = 5").starts_with("s.toml:3: write [[source.segment]]"));
    assert!(with("[[source.segment]]\nname = 'x'").starts_with("s.toml:3: segment \"x\" without `vlans`"));
    assert!(with("[[source.segment]]\nname = 'x'\nvlans = [1,\n4095]").starts_with("s.toml:6: a VLAN is a number from 1 to 4094"));
    assert!(with("[[source.segment]]\nname = 'x'\nvlans = ['9-3']").starts_with("s.toml:5: range \"9-3\" ends before it begins"));
    let twice = "[[source.segment]]\nname = 'x'\nvlans = [7]\n[[source.segment]]\nname = 'y'\nvlans = ['5-9']";
    assert!(with(twice).contains("VLAN 7 is in segment \"x\" already"));
    assert!(error("[[source]]\nfiles = 'a***b'\n").starts_with("s.toml:2: `files` \"a***b\" is no pattern"));
    assert!(error("[[source]\n").starts_with("s.toml:1: "));
}

#[test]
fn offsets_have_signs_and_units() {
    for (written, nanos) in
        [("+3600s", 3_600_000_000_000), ("-250ms", -250_000_000), ("1h", 3_600_000_000_000), ("+5 us", 5_000), ("-1d", -86_400_000_000_000)]
    {
        let sources = SourcesFile::parse("s.toml", &format!("[[source]]\nfiles = 'a'\nclock_offset = '{written}'")).unwrap();
        assert_eq!(sources.rule_of(Path::new("a")).unwrap().clock_offset, nanos, "{written}");
    }
}

#[test]
fn a_missing_sources_file_is_named() {
    assert!(SourcesFile::read(Path::new("/nowhere/s.toml")).unwrap_err().to_string().starts_with("/nowhere/s.toml: "));
}
