//! Each golden held by scripts that share no code with the product: its evidence against the capture, its form against the schema.

use crate::captures;
use crate::golden;
use crate::packets;
use daemon::export::Format;
use std::path::PathBuf;
use std::process::Command;

/// Runs one of our scripts; `None` without Python.
pub(crate) fn script(name: &str, arguments: &[PathBuf]) -> Option<(bool, String)> {
    let script = captures::root().join("tests").join(name);
    let output = match Command::new("python3").arg("-B").arg(script).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("NOT CHECKED by {name}: python3 cannot be run here ({error})");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), said))
}

#[test]
fn every_declared_value_is_cut_out_of_its_capture_by_an_independent_script() {
    let mut failed = Vec::new();
    let mut checked = 0u64;
    for (name, path) in captures::paths() {
        let Some((fine, said)) = script("evidence.py", &[golden::path(&name), path]) else { return };
        checked += said.lines().last().and_then(|line| line.split(' ').next()?.parse::<u64>().ok()).unwrap_or(0);
        if !fine {
            failed.push(format!("{name}:\n{said}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(checked > 100, "only {checked} facts were checked");
}

#[test]
fn a_value_whose_bytes_lie_in_two_files_of_a_rotation_is_cut_out_of_both() {
    let folder = captures::folder("rotation");
    let capture = captures::all().iter().find(|capture| capture.name == "tls/tls12-mutual").expect("a chain of certificates");
    let (header, records) = packets::records(&capture.path);
    for cut in 1..records.len() {
        let (first, second) = records.split_at(cut);
        let [one, two, document] = ["first.pcap", "second.pcap", "document.json"].map(|name| folder.join(name));
        std::fs::write(&one, [header.clone(), first.concat()].concat()).expect("a file");
        std::fs::write(&two, [header.clone(), second.concat()].concat()).expect("a file");
        let inventory = captures::document(&captures::said(&[&one, &two], 1, true));
        std::fs::write(&document, captures::text(&inventory, Format::Json)).expect("a file");
        let Some((fine, said)) = script("evidence.py", &[document, one, two]) else { return };
        assert!(fine, "cut after packet {cut}: {said}");
    }
}

#[test]
fn every_golden_is_valid_by_the_published_schema() {
    let goldens: Vec<PathBuf> = captures::paths().iter().map(|(name, _)| golden::path(name)).collect();
    let Some((fine, said)) = script("schema.py", &goldens) else { return };
    assert!(fine, "{said}");
}

#[test]
fn the_scripts_pass_their_own_tests() {
    for name in ["evidence.py", "schema.py"] {
        let Some((fine, said)) = script(name, &["--self-test".into()]) else { return };
        assert!(fine, "{name}: {said}");
    }
}
