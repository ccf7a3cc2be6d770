//! The daemon's configuration and what it refuses, as a user sees it.

use crate::captures::{folder, root};
use crate::command::{Ran, run_in};
#[cfg(feature = "pcap-live")]
use crate::command::{command, ended};

/// Runs in a folder of the test's own, with this configuration beside it.
fn run(test: &str, config: &str, words: &[&str]) -> Ran {
    let folder = folder(test);
    std::fs::write(folder.join("w.toml"), config).expect("a file");
    run_in(&folder, words)
}

pub(crate) fn assert_ended(ran: &Ran, status: i32, said: &[&str]) {
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
    refused("all", "", &["run", "-i", "any", "--db", "w.db"], 1, &["any is every port of this machine at once", "(there are ", "--allow-address"]);
    let folder = folder("addressed");
    std::fs::write(folder.join("w.toml"), "db = \"w.db\"\n[[interface]]\nname = \"lo\"").expect("a file");
    let ran = run_in(&folder, &["run", "--config", "w.toml"]);
    assert_ended(&ran, 1, &["lo has an address (127.0.0.1/8", "--allow-address"]);
    assert!(!folder.join("w.db").exists(), "nothing was made");
}

/// A daemon on a port of a network of its own, and what hears for systemd.
#[cfg(all(feature = "pcap-live", target_os = "linux"))]
pub(crate) mod lonely {
    use crate::command::command;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    /// Makes a port that listens only, then becomes the daemon.
    const SCRIPT: &str = "set -e; ip link add mirror0 type veth peer name switch0; for port in mirror0 switch0; do \
                          ip link set $port addrgenmode none; ip link set $port up; done; exec \"$@\"";

    pub(crate) struct Lonely {
        pub(crate) child: Child,
        pub(crate) folder: tempfile::TempDir,
        manager: UnixDatagram,
        heard: String,
    }

    /// Whether this process may make networks and become others.
    pub(crate) fn possible() -> bool {
        let made = Command::new("unshare").args(["--net", "sh", "-c", SCRIPT, "sh", "true"]).output();
        let possible = made.is_ok_and(|output| output.status.success());
        if !possible {
            eprintln!("NOT CHECKED: no network of its own can be made here");
        }
        possible
    }

    impl Lonely {
        /// Starts it as root that becomes nobody, with what `nobody` may write to.
        pub(crate) fn start(words: &[&str]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let nobody = Command::new("id").args(["-u", "nobody"]).output().expect("id");
            let nobody = String::from_utf8_lossy(&nobody.stdout).trim().parse().expect("a number");
            std::os::unix::fs::chown(folder.path(), Some(nobody), None).expect("root");
            let manager = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
            std::os::unix::fs::chown(folder.path().join("notify"), Some(nobody), None).expect("root");
            manager.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
            let daemon = command::<&str>(&[]);
            let child = Command::new("unshare")
                .args(["--net", "sh", "-c", SCRIPT, "sh"])
                .arg(daemon.get_program())
                .args(["run", "-i", "mirror0", "--user", "nobody", "--db"])
                .arg(folder.path().join("w.db"))
                .args(words)
                .env("NOTIFY_SOCKET", folder.path().join("notify"))
                .env("WATCHDOG_USEC", "600000")
                .stderr(Stdio::piped())
                .spawn()
                .expect("it was possible");
            Self { child, folder, manager, heard: String::new() }
        }

        pub(crate) fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Waits until systemd would have heard this.
        pub(crate) fn wait_for(&mut self, words: &str) {
            let begun = Instant::now();
            let mut bytes = [0; 4096];
            while !self.heard.contains(words) {
                if let Ok(length) = self.manager.recv(&mut bytes) {
                    self.heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
                    self.heard.push('\n');
                }
                let ended = self.child.try_wait().expect("a child");
                if begun.elapsed() < Duration::from_secs(20) && ended.is_none() {
                    continue;
                }
                let said = self.said();
                panic!("{words:?} not in {} ({ended:?}): {said}", self.heard);
            }
        }

        /// Waits until this holds, and hears meanwhile what systemd would: a full queue would hold the daemon up.
        pub(crate) fn wait_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
            let begun = Instant::now();
            let mut bytes = [0; 4096];
            while !holds() {
                while let Ok(length) = self.manager.recv(&mut bytes) {
                    self.heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
                }
                if begun.elapsed() > Duration::from_secs(20) || self.child.try_wait().expect("a child").is_some() {
                    let said = self.said();
                    panic!("not so: {what}: {said}");
                }
            }
        }

        /// Asks for the configuration to be read again.
        pub(crate) fn hang_up(&self) {
            assert!(Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().expect("kill").success());
        }

        /// What it said on stderr, once it has ended.
        fn said(&mut self) -> String {
            let _ = self.child.kill();
            let mut text = String::new();
            let _ = self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut text));
            text
        }

        /// Ends it as systemd does; its status and what it said.
        pub(crate) fn stop(mut self) -> (Option<i32>, String, Duration) {
            let begun = Instant::now();
            let pid = self.child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
            let mut text = String::new();
            self.child.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
            let status = self.child.wait().expect("a child").code();
            let mut bytes = [0; 4096];
            while let Ok(length) = self.manager.recv(&mut bytes) {
                self.heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
            assert!(self.heard.contains("STOPPING=1"), "{} {status:?}: {text}", self.heard);
            (status, text, begun.elapsed())
        }
    }

    pub(crate) fn ask(socket: &Path, path: &str) -> String {
        let mut stream = UnixStream::connect(socket).expect("it listens");
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("text");
        text
    }

    /// A line of what the system says of a process.
    pub(crate) fn status_of(pid: u32, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(all(feature = "pcap-live", target_os = "linux"))]
#[test]
fn a_daemon_says_that_it_is_ready_alive_and_ending_and_keeps_one_right() {
    use std::time::Duration;
    if !lonely::possible() {
        return;
    }
    let mut daemon = lonely::Lonely::start(&["--api", "unix:/nowhere/api.sock"]);
    assert_eq!(daemon.child.wait().expect("a child").code(), Some(1), "the socket's folder is not there");

    let mut daemon = lonely::Lonely::start(&["--log-format", "json"]);
    daemon.wait_for("READY=1");
    daemon.wait_for("WATCHDOG=1");
    daemon.wait_for("listening on 1 of 1; 0 packets");
    let pid = daemon.child.id();
    // CAP_NET_RAW is bit 13 (capability.h).
    for (name, expected) in [
        ("CapEff:", "0000000000002000"),
        ("CapPrm:", "0000000000002000"),
        ("CapBnd:", "0000000000002000"),
        ("CapAmb:", "0000000000000000"),
        ("NoNewPrivs:", "1"),
        ("Seccomp:", "2"),
        ("Groups:", ""),
    ] {
        assert_eq!(lonely::status_of(pid, name), expected, "{name}");
    }
    assert!(!lonely::status_of(pid, "Uid:").contains("0 0"), "it is no longer root");
    let db = daemon.path("w.db").to_string_lossy().into_owned();
    let ran = run_in(daemon.folder.path(), &["status", "--db", &db]);
    assert_ended(&ran, 0, &["running since ", "mirror0: 0 packets, 0 dropped, none ever came", "MiB of memory"]);
    let second = run_in(daemon.folder.path(), &["run", "-i", "lo", "--allow-address", "--user", "nobody", "--db", &db]);
    assert_ended(&second, 1, &["another daemon keeps what it hears in this database"]);
    let folder = daemon.folder.path().to_owned();
    let kept = tempfile::tempdir().expect("a folder");
    let (status, said, took) = {
        std::fs::copy(folder.join("w.db.status"), kept.path().join("w.db.status")).expect("a copy");
        daemon.stop()
    };
    assert_eq!(status, Some(0), "{said}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(
        said.lines().any(|line| line.starts_with('{') && line.contains("\"rights were given up\"") && line.contains("\"user\":\"nobody\"")),
        "{said}"
    );
    // The copy says that it runs, but nobody holds it: as after a kill.
    let ran = run_in(kept.path(), &["status", "--db", "w.db", "--json"]);
    assert_ended(&ran, 1, &["\"running\": false"]);
}

#[cfg(all(feature = "pcap-live", target_os = "linux"))]
#[test]
fn metrics_and_health_are_told_where_the_configuration_says() {
    if !lonely::possible() {
        return;
    }
    let place = tempfile::tempdir().expect("a folder");
    let mut open = std::fs::metadata(place.path()).expect("it is there").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut open, 0o777);
    std::fs::set_permissions(place.path(), open).expect("it is ours");
    let socket = place.path().join("api.sock");
    let mut daemon = lonely::Lonely::start(&["--api", &format!("unix:{}", socket.display())]);
    daemon.wait_for("READY=1");
    daemon.wait_for("listening on 1 of 1");
    assert!(lonely::ask(&socket, "/health/ready").contains("{\"ready\":true,\"reasons\":[]}"));
    let metrics = lonely::ask(&socket, "/metrics");
    for line in [
        "wirecensus_listening{interface=\"mirror0\"} 1",
        "wirecensus_packets_total{interface=\"mirror0\"} 0",
        "# TYPE wirecensus_commit_seconds histogram",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} is not in {metrics}");
    }
    let (status, said, _) = daemon.stop();
    assert_eq!(status, Some(0), "{said}");
    assert!(!socket.exists(), "the socket goes with the daemon");
}

#[cfg(feature = "pcap-live")]
#[test]
fn root_is_refused_unless_it_can_become_somebody() {
    let folder = folder("root");
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("a process")) == 0;
    if !root {
        eprintln!("NOT CHECKED: this is not root");
        return;
    }
    let refused = |words: &[&str]| {
        let ran = command(words).env_remove("WIRECENSUS_ALLOW_ROOT").current_dir(&folder).output();
        ended(ran.expect("the command can be run"))
    };
    assert_ended(&refused(&["run", "-i", "nowhere0", "--db", "w.db", "--user", "nobody-of-that-name"]), 1, &["there is no user nobody-of-that-name"]);
    let ran = refused(&["run", "-i", "nowhere0", "--db", "w.db"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("does not stay root") || ran.stderr.contains("no interface nowhere0"), "{}", ran.stderr);
    assert!(!folder.join("w.db").exists(), "nothing was made");
}

/// A network namespace of the test's own; gone with it.
#[cfg(feature = "pcap-live")]
pub(crate) struct Namespace(pub(crate) String);

#[cfg(feature = "pcap-live")]
impl Namespace {
    /// None where this user may not make one.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let name = format!("{name}-{}", std::process::id());
        let made = std::process::Command::new("ip").args(["netns", "add", &name]).output().is_ok_and(|made| made.status.success());
        made.then_some(Self(name))
    }

    pub(crate) fn shell(&self, script: &str) {
        let status = std::process::Command::new("ip").args(["netns", "exec", &self.0, "bash", "-ec", script]).status();
        assert!(status.is_ok_and(|status| status.success()), "{script}");
    }

    /// A mirrored port `m0` without address, and a peer with this MAC address that speaks when told.
    pub(crate) fn connect(&self, mac: &str) {
        self.shell(&format!(
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; ip link add m0 type veth peer name p0; \
             ip link set p0 address {mac} up; ip addr add 10.9.9.1/24 dev p0; ip link set m0 arp off up"
        ));
    }

    /// The peer asks by ARP for an address that nobody has.
    pub(crate) fn speak(&self) {
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
pub(crate) struct Ended(pub(crate) std::process::Child);

#[cfg(feature = "pcap-live")]
impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until this was said so often; 20 s are much more than it takes.
#[cfg(feature = "pcap-live")]
pub(crate) fn await_words(file: &std::path::Path, words: &str, times: usize) {
    for _ in 0..200 {
        if std::fs::read_to_string(file).is_ok_and(|text| text.matches(words).count() >= times) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{words:?} was not said {times} times: {}", std::fs::read_to_string(file).unwrap_or_default());
}

/// A document without its sources and whatever names one: the same for traffic that was heard and that was read.
#[cfg(feature = "pcap-live")]
pub(crate) fn inventory(document: &str) -> String {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.remove("sources");
                map.remove("source");
                // Of a port that was away for a while not all was heard.
                map.remove("complete");
                map.values_mut().for_each(strip);
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut whole: serde_json::Value = serde_json::from_str(document).expect("a document");
    strip(&mut whole);
    assert!(whole["devices"].as_array().is_some_and(|devices| !devices.is_empty()), "an empty inventory");
    serde_json::to_string_pretty(&whole).expect("JSON")
}

/// Starts the daemon in a folder; what it says goes to the file `said`.
#[cfg(feature = "pcap-live")]
pub(crate) fn started(folder: &std::path::Path, words: &[&str]) -> Ended {
    let mut daemon = command(words);
    daemon.current_dir(folder).stderr(std::fs::File::create(folder.join("said")).expect("a file"));
    Ended(daemon.spawn().expect("the daemon"))
}

/// Ends it as systemd does; what it said.
#[cfg(feature = "pcap-live")]
pub(crate) fn stopped(mut daemon: Ended, folder: &std::path::Path) -> String {
    let _ = std::process::Command::new("kill").arg(daemon.0.id().to_string()).status();
    let status = daemon.0.wait().expect("it ends");
    let said = std::fs::read_to_string(folder.join("said")).expect("a file");
    assert!(status.success(), "{said}");
    said
}

#[cfg(feature = "pcap-live")]
#[test]
fn captures_in_a_watched_folder_are_read_once_and_as_replay_reads_them() {
    let folder = folder("watched");
    let spool = folder.join("spool");
    std::fs::create_dir(&spool).expect("a folder");
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let put = |name: &str, bytes: &[u8]| {
        let file = spool.join(name);
        std::fs::write(&file, bytes).expect("a file");
        std::fs::File::options().write(true).open(file).and_then(|file| file.set_modified(old)).expect("a time");
    };
    let capture = |name: &str| std::fs::read(root().join("pcaps").join(name)).expect("a capture");
    let words = ["run", "--watch", "spool", "--db", "w.db", "--site-key", "key"];
    put("a.pcap", &capture("modbus/device-identification.pcap"));
    let daemon = started(&folder, &words);
    await_words(&folder.join("said"), "packets read", 1);
    let whole = capture("plant-and-office.pcap");
    put("b.pcap", &whole[..whole.len() - 5]);
    put("notes.txt", b"this is no capture");
    await_words(&folder.join("said"), "packets read", 2);
    await_words(&folder.join("said"), "notes.txt: ", 1);
    let said = stopped(daemon, &folder);
    assert!(said.contains("b.pcap: packet ") && said.contains("what came before it is kept"), "{said}");
    // It is known again, and what is new is read.
    put("c.pcap", &capture("arp/plant-start-up.pcap"));
    let daemon = started(&folder, &words);
    await_words(&folder.join("said"), "c.pcap: ", 1);
    let said = stopped(daemon, &folder);
    assert!(!said.contains("a.pcap: "), "{said}");
    assert_eq!(std::fs::read_dir(&spool).expect("a folder").count(), 4, "nothing was taken away");
    let _ = run_in(&folder, &["replay", "spool", "--db", "r.db", "--site-key", "key"]);
    let [replayed, watched] = ["r.db", "w.db"].map(|db| run_in(&folder, &["export", "--db", db, "--format", "json"]).stdout);
    assert!(replayed == watched && replayed.contains("plant"), "they differ: {}", folder.display());
    let refused = run_in(&folder, &["run", "--watch", "nowhere", "--db", "n.db"]);
    assert_ended(&refused, 1, &["--watch nowhere: No such file"]);
}

#[cfg(feature = "pcap-live")]
#[test]
fn a_capture_that_comes_over_ip_gives_what_replay_gives() {
    let folder = folder("over-ip");
    let capture = std::fs::read(root().join("pcaps/plant-and-office.pcap")).expect("a capture");
    let sender = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = sender.local_addr().expect("a port").to_string();
    let daemon = started(&folder, &["run", "--pcap-over-ip", &address, "--db", "w.db", "--site-key", "key"]);
    let (mut stream, _) = sender.accept().expect("it connects");
    std::io::Write::write_all(&mut stream, &capture).expect("it reads");
    drop(stream);
    await_words(&folder.join("said"), "has ended", 1);
    await_words(&folder.join("w.db.status"), "\"state\": \"down\"", 1);
    stopped(daemon, &folder);
    let file = root().join("pcaps/plant-and-office.pcap");
    let _ = run_in(&folder, &["replay", &file.to_string_lossy(), "--db", "r.db", "--site-key", "key"]);
    let [replayed, streamed] = ["r.db", "w.db"].map(|db| inventory(&run_in(&folder, &["export", "--db", db, "--format", "json"]).stdout));
    assert!(replayed == streamed, "they differ: {}", folder.display());
    let refused = run_in(&folder, &["run", "--pcap-over-ip", "nowhere", "--db", "n.db"]);
    assert_ended(&refused, 2, &["is no HOST:PORT"]);
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
        .args(["netns", "exec", &space.0, env!("CARGO_BIN_EXE_wirecensus"), "run", "-i", "m0", "--allow-root", "--db", "w.db"])
        .current_dir(&folder)
        .stderr(std::fs::File::create(&said).expect("a file"))
        .spawn();
    let mut child = Ended(child.expect("the daemon"));
    await_words(&said, "listening on m0", 1);
    space.speak();
    space.shell("ip link set m0 down");
    await_words(&said, "it is captured again when it is back", 1);
    await_words(&folder.join("w.db.status"), "\"state\": \"down\"", 1);
    assert_ended(&run_in(&folder, &["status", "--db", "w.db"]), 0, &["m0: ", "; DOWN since 20"]);
    space.shell("ip link set m0 up");
    await_words(&said, "m0: back after ", 1);
    await_words(&folder.join("w.db.status"), "\"state\": \"alive\"", 1);
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
