//! From a command line to sources, and what `--plan` prints.

use super::build::*;
use crate::capture::{Plan, PlanOptions, Settings, SourcesFile, plan, plan_report};
use std::path::PathBuf;

pub(super) fn settings() -> Settings {
    Settings::default()
}

fn planned(inputs: &[PathBuf]) -> Plan {
    plan(inputs, &SourcesFile::default(), &PlanOptions::default()).unwrap()
}

#[test]
fn a_folder_gives_its_captures_in_order_and_names_the_rest() {
    let scratch = Scratch::new("folder");
    let capture = pcap(MICRO, false, &samples(0..3));
    for name in ["b/2.pcap", "a.pcap", "b/1.cap", "odd-name"] {
        scratch.file(name, &capture);
    }
    scratch.file("b/3.pcap.gz", &gzip(&capture));
    scratch.file("notes.txt", b"hello");
    scratch.file("b/empty.pcap", b"");
    let _ = std::os::unix::fs::symlink(scratch.path(), scratch.path().join("b/loop"));
    let plan = planned(&[scratch.path().to_owned(), scratch.path().join("a.pcap")]);
    let inside = |path: &str| path.strip_prefix(&format!("{}/", scratch.path().display())).unwrap().to_owned();
    let names: Vec<String> = plan.sources.iter().map(|source| inside(&source.name)).collect();
    assert_eq!(names, ["a.pcap", "b/1.cap", "b/2.pcap", "b/3.pcap.gz", "odd-name"]);
    let skipped: Vec<String> = plan.skipped.iter().map(|skipped| inside(&skipped.to_string())).collect();
    assert_eq!(
        skipped,
        [
            "b/loop: skipped: no regular file",
            "notes.txt: skipped: not a capture: begins with 68 65 6c 6c 6f, a text?",
            "a.pcap: skipped: given twice"
        ]
    );
    assert_eq!(plan.failed.iter().map(|error| inside(&error.to_string())).collect::<Vec<_>>(), ["b/empty.pcap: empty file"]);
}

#[test]
fn the_first_table_that_matches_a_file_counts() {
    let scratch = Scratch::new("tables");
    let capture = pcap(MICRO, false, &samples(0..3));
    let files = ["cell-1/x.pcap", "cell-2/x.pcap", "other.pcap"].map(|name| scratch.file(name, &capture));
    let sources = "
        [[source]]
        files = 'cell-1/*'
        site = 'first'
        [[source]]
        files = ['cell-*/*.pcap', 'nothing']
        site = 'second'
        clock_offset = '+1h'
    ";
    let sources = SourcesFile::parse("s.toml", sources).unwrap();
    let options = PlanOptions { site: Some("default".into()), ..PlanOptions::default() };
    let plan = plan(&files, &sources, &options).unwrap();
    let found: Vec<(&str, i64)> = plan.sources.iter().map(|source| (source.settings.site.as_str(), source.settings.clock_offset)).collect();
    assert_eq!(found, [("first", 0), ("second", 3_600_000_000_000), ("default", 0)]);
    let (packets, ..) = drain(&mut plan.sources[1].open().unwrap());
    assert_eq!(packets[0].time, sample(3_600).time);
}

#[test]
fn files_of_two_sites_are_not_one_source() {
    let scratch = Scratch::new("sites");
    let capture = pcap(MICRO, false, &samples(0..3));
    let files = [scratch.file("a.pcap", &capture), scratch.file("b.pcap", &capture)];
    let sources = SourcesFile::parse("s.toml", "[[source]]\nfiles = 'b.pcap'\nsite = 'nord'\n").unwrap();
    let error = plan(&files, &sources, &PlanOptions { as_one: true, ..PlanOptions::default() }).unwrap_err();
    assert!(error.contains("a.pcap (site \"site\") and") && error.contains("different sites or segments"), "{error}");
}

#[test]
fn the_plan_tells_what_was_found_and_is_a_sources_file() {
    let scratch = Scratch::new("report");
    let mut tagged = samples(0..10);
    for packet in &mut tagged {
        packet.data[12..16].copy_from_slice(&[0x81, 0x00, 0x60, 0x0a]); // VLAN 10, priority 3
    }
    tagged.extend(samples(200..201));
    let whole = pcap(MICRO, false, &tagged);
    scratch.file("1.pcap", &whole);
    scratch.file("2.pcap", &pcap(MICRO, false, &samples(205..300)));
    scratch.file("elsewhere/copy.pcap.gz", &gzip(&whole[..whole.len() - 2]));
    scratch.file("readme.md", b"# hello");
    let mut out = Vec::new();
    plan_report(&planned(&[scratch.path().to_owned()]), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap().replace(&format!("{}/", scratch.path().display()), "");
    for wanted in [
        "# 2 of 3 files complete\n# readme.md: skipped: not a capture",
        "# 2 files that look like one rotation: read them with --as-one\n# 1.pcap\n#   11 packets, 265 bytes captured, ethernet\n",
        "#   2023-11-14T22:13:20.123456000Z to 2023-11-14T22:16:40.123456000Z (200 s)\n#   VLANs: vlan 10 (10), untagged (1)\n",
        "#   gap: nothing from 2023-11-14T22:13:29.123456000Z to 2023-11-14T22:16:40.123456000Z (191 s)\n",
        "#   overlaps elsewhere/copy.pcap.gz by 9 s\n",
        "#   damaged: packet 11 at unpacked byte 429: the file ends here: 34 bytes of 36\n",
        "files = [\n    \"1.pcap\",\n    \"2.pcap\",\n]\nsite = \"site\"\n",
        "# [[source.segment]]\n# name = \"vlan 10\"\n# vlans = [10]\n",
    ] {
        assert!(text.contains(wanted), "{wanted}\n--- in ---\n{text}");
    }
    let sources = SourcesFile::parse("plan.toml", &text).unwrap();
    assert!(sources.rule_of(&scratch.path().join("2.pcap")).is_some());
    let filled = text.replace("# [[source.segment]]\n# name", "[[source.segment]]\nname").replace("# vlans", "vlans");
    assert!(SourcesFile::parse("plan.toml", &filled).is_ok());
}

#[test]
fn copies_of_a_capture_are_recognised() {
    let scratch = Scratch::new("copies");
    let capture = pcap(MICRO, false, &samples(0..100));
    scratch.file("a.pcap", &capture);
    scratch.file("b.pcap.zst", &zstd(&capture));
    let mut out = Vec::new();
    plan_report(&planned(&[scratch.path().to_owned()]), &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("b.pcap.zst, or its continuation: both count as one source"));
}
