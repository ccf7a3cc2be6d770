//! A daemon's state while it runs: its configuration read again, somebody forgotten, secrets handed over.

use crate::captures::{folder, root};
use crate::command::{command, ended, run_in};
use crate::daemon::assert_ended;
#[cfg(all(feature = "pcap-live", target_os = "linux"))]
use crate::daemon::lonely;
#[cfg(feature = "pcap-live")]
use crate::daemon::{Ended, Namespace, await_words, started, stopped};

#[test]
fn a_site_key_may_be_a_credential_of_the_service_managers() {
    let folder = folder("credential");
    let capture = root().join("pcaps/plant-and-office.pcap").to_string_lossy().into_owned();
    let words = ["replay", &capture, "--site-key", "credential:site-key"];
    let refused = run_in(&folder, &words);
    assert_ended(&refused, 2, &["--site-key credential:site-key: ", "CREDENTIALS_DIRECTORY is not set"]);
    let key = folder.join("site-key");
    std::fs::write(&key, [7; 32]).expect("a file");
    let with = |mode: u32| {
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("it is ours");
        ended(command(&words).env("CREDENTIALS_DIRECTORY", &folder).output().expect("the command can be run"))
    };
    assert_ended(&with(0o644), 2, &["others may read or write the key (mode 0644)"]);
    assert_ended(&with(0o400), 0, &[]);
}

#[cfg(all(feature = "pcap-live", target_os = "linux"))]
#[test]
fn a_configuration_is_read_again_and_a_wrong_one_changes_nothing() {
    if !lonely::possible() {
        return;
    }
    let place = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let file = place.path().join("w.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("a file");
    write("site = \"hall 1\"\n[enrollment]\nper_hour = \"many\"\n");
    let mut daemon = lonely::Lonely::start(&["--config", &file.to_string_lossy()]);
    daemon.wait_for("listening on 1 of 1");
    let (folder, db) = (daemon.folder.path().to_owned(), daemon.path("w.db").to_string_lossy().into_owned());
    let told = |words: &'static str| {
        let (folder, db) = (folder.clone(), db.clone());
        move || run_in(&folder, &["status", "--db", &db]).stdout.contains(words)
    };
    write("sites = \"hall 2\"\n");
    daemon.hang_up();
    daemon.wait_for("RELOADING=1\nMONOTONIC_USEC=");
    daemon.wait_until("it is wrong", told("the configuration cannot be taken, the one before holds: "));
    write("site = \"hall 2\"\nbpf = \"arp\"\nsnaplen = 100\n");
    daemon.hang_up();
    daemon.wait_until("it is right", told("needs a restart: snaplen"));
    write("site = \"hall 2\"\n");
    daemon.hang_up();
    daemon.wait_until("nothing is open", || !told("needs a restart")());
    let (status, said, _) = daemon.stop();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("the configuration was read again changed=\"bpf, site\""), "{said}");
    assert!(said.contains("the daemon does not read it, `wirecensus enroll` refuses it"), "{said}");
    assert!(said.contains("the configuration is wrong, and the one before goes on to hold"), "{said}");
}

#[cfg(all(feature = "pcap-live", target_os = "linux"))]
#[test]
fn without_a_configuration_a_terminal_that_is_gone_ends_a_run() {
    if !lonely::possible() {
        return;
    }
    let mut daemon = lonely::Lonely::start(&[]);
    daemon.wait_for("listening on 1 of 1");
    daemon.hang_up();
    daemon.wait_for("STOPPING=1");
    assert_eq!(daemon.child.wait().expect("a child").code(), Some(0));
}

#[cfg(feature = "pcap-live")]
#[test]
fn what_is_heard_after_a_change_of_site_is_a_source_of_its_own() {
    let Some(space) = Namespace::new("wirecensus-again") else {
        eprintln!("SKIPPED: needs the right to make a network namespace");
        return;
    };
    let folder = folder("again");
    let said = folder.join("said");
    space.connect("02:00:00:00:00:01");
    let write = |site: &str, bpf: &str, workers: u8| {
        std::fs::write(
            folder.join("w.toml"),
            format!("workers = {workers}\ndb = \"w.db\"\nsite = \"{site}\"\nbpf = \"{bpf}\"\n[[interface]]\nname = \"m0\"\n"),
        )
        .expect("a file");
    };
    write("hall 1", "arp", 1);
    let child = std::process::Command::new("ip")
        .args(["netns", "exec", &space.0, env!("CARGO_BIN_EXE_wirecensus"), "run", "--config", "w.toml", "--allow-root"])
        .current_dir(&folder)
        .stderr(std::fs::File::create(&said).expect("a file"))
        .spawn();
    let mut child = Ended(child.expect("the daemon"));
    await_words(&said, "listening on m0", 1);
    space.speak();
    write("hall 2", "udp", 1);
    let pid = child.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().expect("kill").success());
    await_words(&said, "the configuration was read again", 1);
    space.shell("ip neigh flush dev p0; sleep 0.3");
    space.speak();
    write("hall 3", "arp", 2);
    assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().expect("kill").success());
    await_words(&said, "the configuration was read again", 2);
    space.shell("ip neigh flush dev p0; sleep 0.3");
    space.speak();
    let _ = std::process::Command::new("kill").arg(&pid).status();
    assert!(child.0.wait().expect("it ends").success(), "{}", std::fs::read_to_string(&said).unwrap_or_default());
    // ARP asks for addresses that nobody has, and no datagram goes out before an answer: under the filter `udp` nothing is heard.
    let ran = run_in(&folder, &["export", "--db", "w.db", "--format", "json"]);
    assert_ended(&ran, 0, &["\"site\": \"hall 1\"", "\"site\": \"hall 3\""]);
    assert!(!ran.stdout.contains("hall 2"), "a source without a packet is none");
}

/// Waits until what the database shows is so; a minute is much more than it takes, on a busy machine too.
#[cfg(feature = "pcap-live")]
fn await_shown(folder: &std::path::Path, what: &str, holds: impl Fn(&str) -> bool) {
    let mut shown = String::new();
    for _ in 0..300 {
        shown = run_in(folder, &["export", "--db", "w.db", "--format", "json"]).stdout;
        if holds(&shown) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("not so: {what}: {shown}");
}

#[cfg(feature = "pcap-live")]
#[test]
fn who_is_forgotten_while_the_daemon_runs_comes_back_as_somebody_new() {
    const MAC: &str = "02:00:00:00:00:01";
    let Some(space) = Namespace::new("wirecensus-forget") else {
        eprintln!("SKIPPED: needs the right to make a network namespace");
        return;
    };
    let folder = folder("forget");
    let said = folder.join("said");
    space.connect(MAC);
    let child = std::process::Command::new("ip")
        .args(["netns", "exec", &space.0, env!("CARGO_BIN_EXE_wirecensus"), "run", "-i", "m0", "--allow-root", "--db", "w.db"])
        .current_dir(&folder)
        .stderr(std::fs::File::create(&said).expect("a file"))
        .spawn();
    let mut child = Ended(child.expect("the daemon"));
    await_words(&said, "listening on m0", 1);
    space.speak();
    await_shown(&folder, "it is heard", |shown| shown.contains(MAC));
    let retained = run_in(&folder, &["retain", "--keep", "1d", "--db", "w.db"]);
    assert_ended(&retained, 2, &["a daemon listens", "32d at least"]);
    let forgot = run_in(&folder, &["forget", MAC, "--reason", "asked", "--db", "w.db"]);
    assert_ended(&forgot, 0, &["are gone: mac:02:00:00:00:00:01", "a daemon is at work"]);
    await_shown(&folder, "it is gone", |shown| !shown.contains(MAC));
    // A second and a half: the daemon commits, and would bring back what it holds.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    await_shown(&folder, "it stays gone", |shown| !shown.contains(MAC));
    space.shell("ip neigh flush dev p0; sleep 0.3");
    space.speak();
    await_shown(&folder, "it is heard again", |shown| shown.contains(MAC));
    let _ = std::process::Command::new("kill").arg(child.0.id().to_string()).status();
    assert!(child.0.wait().expect("it ends").success(), "{}", std::fs::read_to_string(&said).unwrap_or_default());
    let ran = run_in(&folder, &["forget", MAC, "--reason", "private", "--keep-out", "--db", "w.db"]);
    assert_ended(&ran, 0, &["what it says from now on is not kept"]);
    assert_ended(&run_in(&folder, &["export", "--db", "w.db", "--format", "json"]), 0, &["\"devices\": []"]);
}

#[cfg(feature = "pcap-live")]
#[test]
fn new_limits_hold_after_a_reload_and_what_events_get_wrong_is_a_warning() {
    let folder = folder("new-limits");
    std::fs::create_dir_all(folder.join("spool/deep")).expect("a folder");
    let write = |text: &str| std::fs::write(folder.join("w.toml"), format!("[[watch]]\ndir = \"spool\"\nrecursive = true\n{text}")).expect("a file");
    let bound = |name: &str| {
        let status = run_in(&folder, &["status", "--db", "w.db", "--json"]).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        status["ports"][0]["bounds"][name].as_u64()
    };
    write("[limits]\ndevices = 5000\n[events]\nlern = \"7d\"\n");
    let daemon = started(&folder, &["run", "--config", "w.toml", "--db", "w.db", "--site-key", "key"]);
    await_words(&folder.join("said"), "`wirecensus events` refuses it", 1);
    let await_bound = |name: &str, figure: u64| assert!((0..100).any(|_| bound(name) == Some(figure) || wait()), "{name}: {:?}", bound(name));
    await_bound("devices", 5_000);
    write("[limits]\ndevices = 1000\nflows = 2000\n");
    let _ = std::process::Command::new("kill").args(["-HUP", &daemon.0.id().to_string()]).status();
    await_words(&folder.join("said"), "limits.devices, limits.flows", 1);
    await_bound("devices", 1_000);
    await_bound("flows", 2_000);
    std::fs::copy(root().join("pcaps/modbus/device-identification.pcap"), folder.join("spool/deep/a.pcap")).expect("a file");
    await_words(&folder.join("said"), "a.pcap: ", 1);
    let said = stopped(daemon, &folder);
    assert!(!said.contains("needs a restart"), "{said}");
    assert!(run_in(&folder, &["devices", "--db", "w.db"]).stdout.contains("Schneider"));
}

/// A moment, for what is looked at again and again.
#[cfg(feature = "pcap-live")]
fn wait() -> bool {
    std::thread::sleep(std::time::Duration::from_millis(100));
    false
}
