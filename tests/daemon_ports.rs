//! A port that listens: mute over a whole run of the lab's traffic, and what it hears is what replay reads. In network namespaces.

use crate::captures::{folder, root};
use crate::command::run_in;
use crate::daemon::{Ended, Namespace, await_words, inventory};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The lab's plant and office in one capture, and its packets.
const CAPTURE: &str = "pcaps/plant-and-office.pcap";
const PACKETS: &str = "\"packets\": 3812";

/// A namespace with a mirrored port `m0`, set up as the package's files for systemd-networkd do, and the switch's port `p0`.
fn mirrored(name: &str) -> Option<Namespace> {
    let tools = ["tcpreplay", "tcpdump"].iter().all(|tool| Command::new(tool).arg("--version").output().is_ok());
    let space = Namespace::new(name).filter(|_| tools);
    if space.is_none() {
        eprintln!("SKIPPED: needs the right to make a network namespace, tcpreplay and tcpdump");
    }
    let space = space?;
    space.shell(
        "ip link add m0 mtu 9000 type veth peer name p0 mtu 9000; for port in m0 p0; do ip link set $port addrgenmode none arp off; \
         sysctl -qw net.ipv6.conf.$port.accept_ra=0; done; ip link set p0 up; ip link set m0 up",
    );
    Some(space)
}

fn start(space: &Namespace, folder: &Path, program: &[&str], said: &str) -> Child {
    let file = std::fs::File::create(folder.join(said)).expect("a file");
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &space.0]).args(program).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    command.spawn().expect("it starts")
}

fn send(space: &Namespace) {
    space.shell(&format!("tcpreplay -q -i p0 --pps 4000 {} > /dev/null 2>&1", root().join(CAPTURE).display()));
}

/// A counter of a port.
fn counter(space: &Namespace, port: &str, name: &str) -> u64 {
    let file = format!("/sys/class/net/{port}/statistics/{name}");
    let read = Command::new("ip").args(["netns", "exec", &space.0, "cat", &file]).output().expect("a counter");
    String::from_utf8_lossy(&read.stdout).trim().parse().expect("a number")
}

fn end(child: Child) -> bool {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    Ended(child).0.wait().is_ok_and(|status| status.success())
}

#[test]
fn a_port_stays_mute_over_the_labs_traffic_and_what_it_heard_is_what_replay_reads() {
    let Some(space) = mirrored("wirecensus-mute") else { return };
    let folder = folder("mute");
    let peer = start(&space, &folder, &["tcpdump", "-i", "p0", "-Q", "in", "-U", "-w", "arrived.pcap"], "peer");
    let peer = Ended(peer);
    await_words(&folder.join("peer"), "listening on p0", 1);
    let words = ["run", "-i", "m0", "--allow-root", "--db", "w.db", "--site-key", "key", "--record", "record.pcap"];
    let daemon = start(&space, &folder, &[&[env!("CARGO_BIN_EXE_wirecensus")], &words[..]].concat(), "said");
    await_words(&folder.join("said"), "rights were given up", 1);
    send(&space);
    await_words(&folder.join("w.db.status"), PACKETS, 1);
    space.shell("ip link set m0 down");
    await_words(&folder.join("said"), "it is captured again when it is back", 1);
    space.shell("ip link set m0 up");
    await_words(&folder.join("said"), "m0: back after ", 1);
    // The system looks for routers and neighbours within these seconds, where it is not told to be mute.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(end(daemon), "{}", std::fs::read_to_string(folder.join("said")).unwrap_or_default());
    let said = std::fs::read_to_string(folder.join("said")).expect("a file");
    assert!(!said.contains("alarm: "), "{said}");
    assert_eq!((counter(&space, "m0", "tx_packets"), counter(&space, "p0", "rx_packets")), (0, 0));
    drop(peer);
    assert_eq!(std::fs::metadata(folder.join("arrived.pcap")).map_or(0, |file| file.len()), 24, "the peer recorded something");
    let _ = run_in(&folder, &["replay", "record.pcap", "--db", "r.db", "--site-key", "key"]);
    let [heard, read] = ["w.db", "r.db"].map(|db| inventory(&run_in(&folder, &["export", "--db", db, "--format", "json"]).stdout));
    assert!(heard == read, "they differ: {}", folder.display());
}

#[test]
fn a_port_that_came_back_with_an_address_is_left_alone_until_it_has_none() {
    let Some(space) = mirrored("wirecensus-addressed") else { return };
    let folder = folder("addressed-again");
    let words = [env!("CARGO_BIN_EXE_wirecensus"), "run", "-i", "m0", "--allow-root", "--db", "w.db"];
    let daemon = start(&space, &folder, &words, "said");
    await_words(&folder.join("said"), "rights were given up", 1);
    space.shell("ip link set m0 down; ip addr add 10.9.8.1/24 dev m0");
    await_words(&folder.join("said"), "it is captured again when it is back", 1);
    space.shell("ip link set m0 up");
    await_words(&folder.join("said"), "m0 came back with an address (10.9.8.1/24)", 1);
    await_words(&folder.join("w.db.status"), "it came back with an address, and is not captured", 1);
    assert_eq!(run_in(&folder, &["status", "--db", "w.db"]).status, 1, "all is not well");
    space.shell("ip addr flush dev m0");
    await_words(&folder.join("said"), "m0: back after ", 1);
    assert!(end(daemon));
}

#[test]
fn a_port_that_gets_an_address_from_what_it_hears_is_an_alarm() {
    let Some(space) = mirrored("wirecensus-advertised") else { return };
    let folder = folder("advertised");
    // As a port is that nobody made mute: there are router advertisements in the lab's traffic.
    space.shell("sysctl -qw net.ipv6.conf.m0.accept_ra=2 net.ipv6.conf.m0.disable_ipv6=0");
    let words = [env!("CARGO_BIN_EXE_wirecensus"), "run", "-i", "m0", "--allow-root", "--db", "w.db"];
    let daemon = start(&space, &folder, &words, "said");
    await_words(&folder.join("said"), "rights were given up", 1);
    send(&space);
    await_words(&folder.join("said"), "alarm: m0 has got an address (fd00:77:", 1);
    assert!(end(daemon));
}

#[test]
fn a_probe_says_whether_a_port_is_a_mirror() {
    let Some(space) = mirrored("wirecensus-probe") else { return };
    let folder = folder("probe");
    let probe = |with: &str| {
        let said = folder.join("said");
        let script = format!("{} interfaces --probe 3 m0 > said 2>&1", env!("CARGO_BIN_EXE_wirecensus"));
        let mut child = start(&space, &folder, &["sh", "-c", &script], "other");
        await_words(&said, "listening on m0 for 3 s", 1);
        if !with.is_empty() {
            send(&space);
        }
        (child.wait().expect("it ends").code(), std::fs::read_to_string(said).expect("a file"))
    };
    let (status, said) = probe("");
    assert!(status == Some(1) && said.contains("m0: nothing at all came: is the cable in"), "{said}");
    let (status, said) = probe(CAPTURE);
    assert!(status == Some(0) && said.contains("m0: a mirror: hosts talk to each other here"), "{said}");
    assert_eq!(counter(&space, "m0", "tx_packets"), 0);
}
