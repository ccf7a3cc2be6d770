//! The daemon's configuration and what it refuses, as a user sees it.

use crate::captures::{folder, root};
use crate::command::{Ran, run_in};

/// Runs in a folder of the test's own, with this configuration beside it.
fn run(test: &str, config: &str, words: &[&str]) -> Ran {
    let folder = folder(test);
    std::fs::write(folder.join("w.toml"), config).expect("a file");
    run_in(&folder, words)
}

fn assert_ended(ran: &Ran, status: i32, said: &[&str]) {
    assert_eq!(ran.status, status, "{}", ran.stderr);
    let text = format!("{}{}", ran.stdout, ran.stderr);
    said.iter().for_each(|words| assert!(text.contains(words), "{words:?} is not said: {text}"));
}

#[test]
fn the_example_configuration_is_understood() {
    let example = std::fs::read_to_string(root().join("systemd/wirecensus.toml")).expect("the example");
    let ran = run("example", &example, &["check-config", "w.toml"]);
    assert_ended(&ran, 0, &["w.toml: understood", "interface mirror0: site the default; not on this machine"]);
}

#[test]
fn a_wrong_configuration_is_refused_with_its_line() {
    let refused = |config: &str, words: &[&str], status, said: &[&str]| assert_ended(&run("wrong", config, words), status, said);
    refused("dbs = \"x\"", &["check-config", "w.toml"], 1, &["w.toml:1: unknown key `dbs`: did you mean `db`?"]);
    refused("bpf = \"not a filter\"", &["check-config", "w.toml"], 1, &["w.toml: `bpf`: "]);
    refused("", &["check-config", "other.toml"], 1, &["other.toml: No such file"]);
    if cfg!(feature = "pcap-live") {
        refused("dbs = \"x\"", &["run", "--config", "w.toml"], 2, &["w.toml:1: unknown key"]);
    }
}

#[cfg(feature = "pcap-live")]
#[test]
fn what_is_missing_to_listen_is_said_before_anything_is_opened() {
    let refused = |test: &str, config: &str, words: &[&str], status, said: &[&str]| assert_ended(&run(test, config, words), status, said);
    refused("nowhere", "", &["run", "--config", "w.toml"], 2, &["on which interface? Say -i IFACE", "there are "]);
    refused("undecided", "", &["run", "-i", "nowhere0"], 2, &["where to keep it? Say --db FILE"]);
    refused("absent", "", &["run", "-i", "nowhere0", "--db", "w.db"], 1, &["no interface nowhere0: there are "]);
    let folder = folder("addressed");
    std::fs::write(folder.join("w.toml"), "db = \"w.db\"\n[[interface]]\nname = \"lo\"").expect("a file");
    let ran = run_in(&folder, &["run", "--config", "w.toml"]);
    assert_ended(&ran, 1, &["lo has an address (127.0.0.1/8", "--allow-address"]);
    assert!(!folder.join("w.db").exists(), "nothing was made");
}

/// A network namespace of the test's own; gone with it.
#[cfg(feature = "pcap-live")]
struct Namespace(String);

#[cfg(feature = "pcap-live")]
impl Namespace {
    /// None where this user may not make one.
    fn new(name: &str) -> Option<Self> {
        let name = format!("{name}-{}", std::process::id());
        let made = std::process::Command::new("ip").args(["netns", "add", &name]).output().is_ok_and(|made| made.status.success());
        made.then_some(Self(name))
    }

    fn shell(&self, script: &str) {
        let status = std::process::Command::new("ip").args(["netns", "exec", &self.0, "bash", "-ec", script]).status();
        assert!(status.is_ok_and(|status| status.success()), "{script}");
    }

    /// A mirrored port `m0` without address, and a peer with this MAC address that speaks when told.
    fn connect(&self, mac: &str) {
        self.shell(&format!(
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; ip link add m0 type veth peer name p0; \
             ip link set p0 address {mac} up; ip addr add 10.9.9.1/24 dev p0; ip link set m0 arp off up"
        ));
    }

    /// The peer asks by ARP for an address that nobody has.
    fn speak(&self) {
        self.shell("for n in 2 3 4; do echo x > /dev/udp/10.9.9.$n/9; done; sleep 0.5");
    }
}

#[cfg(feature = "pcap-live")]
impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = std::process::Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// A program that does not outlive a test that failed.
#[cfg(feature = "pcap-live")]
struct Ended(std::process::Child);

#[cfg(feature = "pcap-live")]
impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until this was said so often; 20 s are much more than it takes.
#[cfg(feature = "pcap-live")]
fn await_words(file: &std::path::Path, words: &str, times: usize) {
    for _ in 0..200 {
        if std::fs::read_to_string(file).is_ok_and(|text| text.matches(words).count() >= times) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{words:?} was not said {times} times: {}", std::fs::read_to_string(file).unwrap_or_default());
}

#[cfg(feature = "pcap-live")]
#[test]
fn an_interface_that_goes_away_is_captured_again_when_it_is_back() {
    let Some(space) = Namespace::new("wirecensus-back") else {
        eprintln!("SKIPPED: needs the right to make a network namespace");
        return;
    };
    let folder = folder("back");
    let said = folder.join("said");
    space.connect("02:00:00:00:00:01");
    let child = std::process::Command::new("ip")
        .args(["netns", "exec", &space.0, env!("CARGO_BIN_EXE_wirecensus"), "run", "-i", "m0", "--db", "w.db"])
        .current_dir(&folder)
        .stderr(std::fs::File::create(&said).expect("a file"))
        .spawn();
    let mut child = Ended(child.expect("the daemon"));
    await_words(&said, "listening on m0", 1);
    space.speak();
    space.shell("ip link set m0 down");
    await_words(&said, "it is captured again when it is back", 1);
    space.shell("ip link set m0 up");
    await_words(&said, "m0: back after ", 1);
    space.shell("ip link del m0");
    await_words(&said, "it is captured again when it is back", 2);
    space.connect("02:00:00:00:00:02");
    await_words(&said, "m0: back after ", 2);
    space.speak();
    let _ = std::process::Command::new("kill").arg(child.0.id().to_string()).status();
    assert!(child.0.wait().expect("it ends").success(), "{}", std::fs::read_to_string(&said).unwrap_or_default());
    let ran = run_in(&folder, &["export", "--db", "w.db", "--format", "json"]);
    assert_ended(&ran, 0, &["02:00:00:00:00:01", "02:00:00:00:00:02", "the interface was away 2 times"]);
}
