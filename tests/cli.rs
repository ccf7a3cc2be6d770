//! What the command says and how it ends, on captures whole, broken, missing and mixed.

use crate::captures::{folder, paths};
use crate::command::{Ran, command, ended, run_in};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A folder with one of each: `good.pcap`, `cut.pcap` (within a packet), `head.pcap` (within its first), `empty.pcap`, `text.pcap`.
fn table_of(test: &str) -> PathBuf {
    let folder = folder(test);
    let good = std::fs::read(capture("modbus/device-identification")).expect("a capture");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a file");
    write("good.pcap", &good);
    write("cut.pcap", &good[..400]);
    write("head.pcap", &good[..30]);
    write("empty.pcap", &[]);
    write("text.pcap", b"hello, this is no capture\n");
    folder
}

fn capture(name: &str) -> PathBuf {
    paths().into_iter().find(|(other, _)| other == name).expect("one of ours").1
}

#[track_caller]
fn assert_ended(ran: &Ran, status: i32, said: &[&str]) {
    assert_eq!(ran.status, status, "{}", ran.stderr);
    for words in said {
        assert!(ran.stderr.contains(words), "{words:?} is not in {:?}", ran.stderr);
    }
}

#[test]
fn a_missing_file_is_named_and_fails() {
    let folder = table_of("missing");
    assert_ended(&run_in(&folder, &["replay", "nowhere.pcap"]), 1, &["nowhere.pcap: no such file", "0 of 1 file complete"]);
}

#[test]
fn an_empty_file_and_a_text_are_told_from_captures_and_fail() {
    let folder = table_of("strangers");
    assert_ended(&run_in(&folder, &["replay", "empty.pcap"]), 1, &["empty.pcap: empty file", "0 of 1 file complete"]);
    assert_ended(&run_in(&folder, &["replay", "text.pcap"]), 1, &["text.pcap: not a capture", "a text?", "0 of 1 file complete"]);
}

#[test]
fn a_capture_that_is_cut_gives_what_could_be_read_and_where_it_ends() {
    let folder = table_of("truncated");
    let ran = run_in(&folder, &["replay", "cut.pcap"]);
    assert_ended(&ran, 0, &["cut.pcap: packet ", "at byte ", "the file ends here", "0 of 1 file complete"]);
    assert!(ran.stdout.contains("10.77.0.11"), "{}", ran.stdout);
    assert_ended(&run_in(&folder, &["replay", "cut.pcap", "--fail-on", "incomplete"]), 3, &[]);
    assert_ended(&run_in(&folder, &["replay", "good.pcap", "--fail-on", "incomplete"]), 0, &[]);
}

#[test]
fn a_capture_of_which_nothing_could_be_read_fails() {
    let folder = table_of("nothing");
    assert_ended(&run_in(&folder, &["replay", "head.pcap"]), 1, &["head.pcap: packet 1 at byte 24", "0 of 1 file complete"]);
}

#[test]
fn of_a_mixed_folder_all_that_can_be_read_is_and_the_rest_is_counted() {
    let folder = table_of("mixed");
    std::fs::remove_file(folder.join("empty.pcap")).and_then(|()| std::fs::remove_file(folder.join("head.pcap"))).expect("gone");
    std::fs::rename(folder.join("text.pcap"), folder.join("README")).expect("renamed");
    std::fs::copy(capture("arp/plant-start-up"), folder.join("other.pcap")).expect("a copy");
    let ran = run_in(&folder, &["replay", "."]);
    assert_ended(&ran, 0, &["README: skipped: not a capture", "cut.pcap: packet", "2 of 3 files complete"]);
}

#[test]
fn a_file_that_is_missing_beside_one_that_is_not_does_not_fail() {
    let folder = table_of("beside");
    let ran = run_in(&folder, &["replay", "good.pcap", "nowhere.pcap"]);
    assert_ended(&ran, 0, &["nowhere.pcap: no such file", "1 of 2 files complete"]);
    assert!(ran.stdout.contains("BMX"), "{}", ran.stdout);
}

#[test]
fn a_folder_without_captures_fails() {
    let folder = folder("bare");
    std::fs::write(folder.join("README"), "nothing here").expect("a file");
    assert_ended(&run_in(&folder, &["replay", "."]), 1, &["there is no capture"]);
}

#[test]
fn standard_input_is_read_as_a_file_is() {
    let folder = table_of("stdin");
    let good = std::fs::read(folder.join("good.pcap")).expect("a capture");
    let piped = || command(&["replay", "-", "--format", "csv"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = piped().expect("it runs");
    child.stdin.take().expect("a pipe").write_all(&good).expect("it reads");
    let ran = ended(child.wait_with_output().expect("it ends"));
    assert_ended(&ran, 0, &[]);
    assert_eq!(ran.stdout, run_in(&folder, &["replay", "good.pcap", "--format", "csv"]).stdout);
    let nothing = ended(command(&["replay", "-"]).stdin(Stdio::null()).output().expect("it runs"));
    assert_ended(&nothing, 1, &["-: empty file"]);
}

#[cfg(feature = "pcap-live")]
#[test]
fn a_filter_leaves_out_what_does_not_pass_and_a_wrong_one_is_wrong_usage() {
    let folder = table_of("filter");
    let packets = |ran: &Ran| ran.stdout.lines().last().unwrap_or_default().to_owned();
    let all = run_in(&folder, &["replay", "good.pcap"]);
    let modbus = run_in(&folder, &["replay", "good.pcap", "--bpf", "tcp port 502"]);
    assert_ended(&modbus, 0, &[]);
    assert_eq!(packets(&all), packets(&modbus));
    let none = run_in(&folder, &["replay", "good.pcap", "--bpf", "udp port 9"]);
    assert_ended(&none, 0, &[]);
    assert!(packets(&none).ends_with(" 0 packets."), "{}", none.stdout);
    let wrong = run_in(&folder, &["replay", "good.pcap", "--bpf", "tcp prt 502"]);
    assert_ended(&wrong, 2, &["--bpf", "tcp prt 502", "syntax error"]);
    assert_eq!(wrong.stdout, "");
    let wrong = run_in(&folder, &["replay", "good.pcap", "--db", "unmade.db", "--bpf", "tcp prt 502"]);
    assert!(wrong.status == 2 && !folder.join("unmade.db").exists(), "a slip is told before anything is written");
}

#[test]
fn a_plan_reads_nothing_and_is_a_sources_file() {
    let folder = table_of("plan");
    let plan = run_in(&folder, &["replay", "good.pcap", "--plan"]);
    assert_ended(&plan, 0, &[]);
    for words in ["[[source]]", "files = \"good.pcap\"", "94 packets"] {
        assert!(plan.stdout.contains(words), "{words} is not in {}", plan.stdout);
    }
    std::fs::write(folder.join("sources.toml"), plan.stdout.replace("site = \"site\"", "site = \"plant-nord\"")).expect("a file");
    let ran = run_in(&folder, &["replay", "good.pcap", "--sources", "sources.toml", "--format", "csv"]);
    assert_ended(&ran, 0, &[]);
    assert!(ran.stdout.lines().skip(1).all(|line| line.contains(",plant-nord,")), "{}", ran.stdout);
}

#[test]
fn a_wrong_sources_file_is_refused_with_its_line() {
    let folder = table_of("sources");
    std::fs::write(folder.join("sources.toml"), "[[source]]\nfiles = \"*.pcap\"\nsitte = \"north\"\n").expect("a file");
    let ran = run_in(&folder, &["replay", "good.pcap", "--sources", "sources.toml"]);
    assert_ended(&ran, 2, &["sources.toml:3", "did you mean `site`"]);
}

#[test]
fn every_format_has_the_devices() {
    let folder = table_of("formats");
    for format in ["table", "json", "ndjson", "csv", "html"] {
        let ran = run_in(&folder, &["replay", "good.pcap", "--format", format]);
        assert_ended(&ran, 0, &[]);
        assert_eq!(ran.stderr, "", "{format}");
        for word in ["10.77.0.11", "00:80:f4:0a:00:11", "Schneider Electric", "V2.70"] {
            assert!(ran.stdout.contains(word), "{format}: no {word} in {}", ran.stdout);
        }
        assert!(ran.stdout.ends_with('\n'), "{format}");
        match format {
            "json" => assert!(serde_json::from_str::<inventory::Document>(&ran.stdout).is_ok()),
            "ndjson" => {
                let lines: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
                assert_eq!(lines[0]["record"], "inventory");
                assert!(lines[1..].iter().all(|line| line["record"] != "inventory"));
            }
            "csv" => assert_eq!(ran.stdout.lines().count(), 3),
            _ => {}
        }
    }
    assert_ended(&run_in(&folder, &["replay", "good.pcap", "--format", "poem"]), 2, &["poem"]);
}

#[test]
fn a_report_has_its_heading_and_a_redacted_one_says_so() {
    let folder = table_of("report");
    let heading = ["--engagement", "Line <3>", "--author", "A & B"];
    let ran = run_in(&folder, &[&["replay", "good.pcap", "--format", "html"], heading.as_slice()].concat());
    assert_ended(&ran, 0, &[]);
    assert!(ran.stdout.starts_with("<!DOCTYPE html>") && ran.stdout.ends_with("</html>\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Line &lt;3&gt;") && ran.stdout.contains("A &amp; B") && ran.stdout.contains("10.77.0.11"));
    let ran = run_in(&folder, &["replay", "good.pcap", "--format", "html", "--redact"]);
    assert_ended(&ran, 0, &[]);
    assert!(ran.stdout.contains("are pseudonyms") && !ran.stdout.contains("10.77.0.11") && ran.stdout.contains("BMX"));
}

#[test]
fn pseudonyms_are_those_of_the_site_key_whatever_the_inventory_is_read_from() {
    let folder = table_of("pseudonyms");
    assert_ended(&run_in(&folder, &["replay", "good.pcap", "--format", "json", "--output", "good.json"]), 0, &[]);
    let redacted = |more: &[&str]| {
        let ran = run_in(&folder, &[more, &["--format", "json", "--redact"]].concat());
        assert_ended(&ran, 0, &[]);
        assert!(!ran.stdout.contains("10.77.0.") && !ran.stdout.contains("good.pcap"), "{}", ran.stdout);
        ran.stdout
    };
    let first = redacted(&["replay", "good.pcap", "--site-key", "key"]);
    assert!(folder.join("key").exists());
    assert!(first == redacted(&["export", "good.json", "--site-key", "key"]));
    assert!(first == redacted(&["export", "good.pcap", "--site-key", "key"]));
    assert!(first != redacted(&["export", "good.json"]) && redacted(&["export", "good.json"]) != redacted(&["export", "good.json"]));
    // A redacted document can be read, and made a report, as any other.
    std::fs::write(folder.join("redacted.json"), &first).expect("a file");
    assert_ended(&run_in(&folder, &["export", "redacted.json", "--format", "html"]), 0, &[]);
}

#[test]
fn an_output_file_has_what_standard_output_would_and_a_missing_folder_is_told_before_anything_is_read() {
    let folder = table_of("output");
    let ran = run_in(&folder, &["replay", "good.pcap", "--format", "json", "--output", "out.json"]);
    assert_ended(&ran, 0, &[]);
    assert_eq!(ran.stdout, "");
    let written = std::fs::read_to_string(folder.join("out.json")).expect("it is there");
    assert_eq!(written, run_in(&folder, &["replay", "good.pcap", "--format", "json"]).stdout);
    assert_ended(&run_in(&folder, &["replay", "good.pcap", "--output", "nowhere/out.json"]), 1, &["nowhere/out.json"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let plant = capture("plant-and-office");
    for format in ["json", "ndjson", "csv", "table"] {
        let arguments = [Path::new("replay"), &plant, Path::new("--format"), Path::new(format)];
        let mut child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut first = String::new();
        BufReader::with_capacity(64, child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
        assert!(!first.is_empty());
        assert_ended(&ended(child.wait_with_output().expect("it ends")), 0, &[]);
    }
}

#[test]
fn wrong_usage_ends_with_status_two() {
    let folder = table_of("usage");
    for arguments in ["replay good.pcap --workers 0", "replay good.pcap --workers 65", "replay", "reply good.pcap", ""] {
        let ran = run_in(&folder, &arguments.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ran.status, 2, "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

/// What the command ends with, and what it says, option by option.
#[test]
fn an_option_that_is_wrong_is_wrong_usage_and_what_is_wrong_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = table_of("statuses");
    let write = |name: &str, text: &str, mode: u32| {
        std::fs::write(folder.join(name), text).expect("a file");
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(mode)).expect("its permissions");
    };
    write("slip.toml", "[[source]]\nfile = \"*.pcap\"\n", 0o644);
    write("open.key", "0123456789abcdef0123456789abcdef", 0o644);
    write("short.key", "0123", 0o600);
    std::fs::create_dir(folder.join("rules")).expect("a folder");
    write("rules/slip.toml", "[[rule]]\nid = 7\n", 0o644);
    let table: &[(&str, i32, &[&str])] = &[
        ("replay good.pcap", 0, &[]),
        ("replay good.pcap --sources nowhere.toml", 2, &["--sources nowhere.toml: ", "No such file"]),
        ("replay good.pcap --sources slip.toml", 2, &["--sources slip.toml:2: "]),
        ("replay good.pcap --sources rules", 2, &["--sources rules: "]),
        ("devices good.pcap --sources nowhere.toml", 2, &["--sources nowhere.toml: "]),
        ("replay good.pcap --plan --sources nowhere.toml", 2, &["--sources nowhere.toml: "]),
        ("replay good.pcap --fingerprints nowhere", 2, &["--fingerprints nowhere: ", "No such file"]),
        ("replay good.pcap --fingerprints good.pcap", 2, &["--fingerprints good.pcap: "]),
        ("replay good.pcap --fingerprints rules", 2, &["--fingerprints", "rules/slip.toml"]),
        ("export good.pcap --fingerprints nowhere", 2, &["--fingerprints nowhere: "]),
        ("replay good.pcap --site-key open.key", 2, &["--site-key open.key: ", "0644"]),
        ("replay good.pcap --site-key short.key", 2, &["--site-key short.key: ", "32 to 1024 bytes"]),
        ("replay good.pcap --site-key rules", 2, &["--site-key rules: "]),
        ("replay good.pcap --site-key nowhere/key", 2, &["--site-key nowhere/key: ", "No such file"]),
        ("replay good.pcap --site-key new.key", 0, &[]),
        ("replay good.pcap --format poem", 2, &["poem"]),
        ("replay nowhere.pcap", 1, &["nowhere.pcap: no such file"]),
        ("replay good.pcap --output nowhere/out.json", 1, &["nowhere/out.json"]),
        ("replay good.pcap --db nowhere/plant.db", 1, &["nowhere/plant.db"]),
        ("replay cut.pcap --fail-on incomplete", 3, &[]),
    ];
    for (arguments, status, said) in table {
        let ran = run_in(&folder, &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.status, *status, "{arguments}: {}", ran.stderr);
        for words in *said {
            assert!(ran.stderr.contains(words), "{arguments}: {words:?} is not in {:?}", ran.stderr);
        }
        assert!(*status != 2 || ran.stdout.is_empty(), "{arguments}: {}", ran.stdout);
    }
    for option in ["--sources nowhere.toml", "--fingerprints nowhere", "--site-key open.key"] {
        let arguments = format!("replay good.pcap --db unmade.db {option}");
        assert_eq!(run_in(&folder, &arguments.split(' ').collect::<Vec<_>>()).status, 2);
        assert!(!folder.join("unmade.db").exists(), "{option} is told before anything is written");
    }
}

#[test]
fn names_of_files_reach_the_terminal_escaped() {
    let folder = table_of("names");
    std::fs::write(folder.join("evil\u{1b}[31m\u{202e}.pcap"), b"no capture").expect("a file");
    let ran = run_in(&folder, &["replay", "."]);
    assert!(ran.stderr.contains("evil\\u{1b}[31m\\u{202e}.pcap"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.stderr);
}

#[test]
fn the_list_of_protocols_has_every_row() {
    let ran = run_in(&folder("protocols"), &["protocols"]);
    assert_ended(&ran, 0, &[]);
    for (_, row) in dissectors::registry::Registry::new().rows() {
        assert!(ran.stdout.lines().any(|line| line.split(' ').next() == Some(row.name)), "{} is not listed", row.name);
    }
}

#[test]
fn drafts_of_rules_can_be_loaded_and_name_no_number() {
    let folder = folder("drafts");
    std::fs::create_dir_all(folder.join("mine")).expect("a folder");
    let databases = capture("resp/open-and-shut");
    let ran = run_in(&folder, &["propose-fingerprint", databases.to_str().expect("a path")]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("id = \"draft-tcp-signature-"), "{}", ran.stdout);
    std::fs::write(folder.join("mine/drafts.toml"), &ran.stdout).expect("a file");
    let loaded = run_in(&folder, &["devices", databases.to_str().expect("a path"), "--fingerprints", "mine"]);
    assert_eq!(loaded.status, 0, "{}", loaded.stderr);
    std::fs::write(folder.join("document.json"), b"{}").expect("a file");
    assert_ended(&run_in(&folder, &["propose-fingerprint", "document.json"]), 1, &["document.json"]);
}
