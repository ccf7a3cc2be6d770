//! `interfaces`: what `run` can listen on, and whether a port really gets a mirror.

use super::{Done, Failure};
use crate::capture::block::{Block, Blocks};
use crate::capture::interfaces;
use crate::capture::probe::{Found, Port, Probe, Verdict};
use crate::capture::reader::{Settings, open};
use crate::capture::text::shown;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lists the interfaces that `run` can listen on, or says whether they really get a mirror. A port that gets one has no address.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  wirecensus interfaces
  wirecensus interfaces --probe 30 eth1 eth2
  wirecensus interfaces --probe-file capture.pcapng --json

Ends with 1 if any port that was probed is no mirror of both directions.")]
pub(super) struct Interfaces {
    /// Listens for so many seconds, and says whether the port gets a mirror: both directions, tags, copies, what was lost before it.
    #[cfg(feature = "pcap-live")]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    probe: Option<u32>,
    /// The interfaces to probe [default: all that are up].
    #[cfg(feature = "pcap-live")]
    #[arg(value_name = "IFACE", requires = "probe")]
    interfaces: Vec<String>,
    /// Judges a capture instead, as if it had come in on a port.
    #[arg(long, value_name = "FILE")]
    probe_file: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// A port and what came in on it.
#[derive(Serialize)]
struct Probed {
    name: String,
    verdict: Verdict,
    words: Vec<String>,
    #[serde(flatten)]
    found: Found,
}

/// An interface, for programs.
#[derive(Serialize)]
struct Listed {
    name: String,
    mac: Option<String>,
    state: &'static str,
    addresses: Vec<String>,
}

impl Interfaces {
    pub(super) fn run(&self) -> Done {
        if let Some(path) = &self.probe_file {
            return self.tell(&[probed(&path.to_string_lossy(), file(path)?)]);
        }
        #[cfg(feature = "pcap-live")]
        if let Some(seconds) = self.probe {
            return self.tell(&live::probe(&self.interfaces, seconds)?);
        }
        let all: Vec<Listed> = interfaces::interfaces().into_iter().map(listed).collect();
        if self.json {
            return super::output::answer(&(serde_json::to_string_pretty(&all)? + "\n"));
        }
        let mut text = String::new();
        for one in all {
            // A mirrored port has no address; one that has is somebody's way into this machine.
            let addresses = if one.addresses.is_empty() { "no address".to_owned() } else { one.addresses.join(" ") };
            let mac = one.mac.unwrap_or_else(|| "-".to_owned());
            text.push_str(&format!("{:<16} {mac:<17} {:<8} {addresses}\n", shown(&one.name), one.state));
        }
        super::output::answer(&text)
    }

    fn tell(&self, all: &[Probed]) -> Done {
        let text = if self.json { serde_json::to_string_pretty(all)? + "\n" } else { all.iter().map(in_words).collect() };
        super::output::answer(&text)?;
        Ok(if all.iter().all(|one| one.verdict == Verdict::Mirror) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn listed(interface: interfaces::Interface) -> Listed {
    let state = match (interface.up, interface.running, interface.loopback) {
        (_, _, true) => "loopback",
        (false, ..) => "down",
        (true, false, _) => "no link",
        (true, true, _) => "up",
    };
    Listed { name: interface.name, mac: interface.mac.map(|mac| observations::Mac(mac).to_string()), state, addresses: interface.addresses }
}

fn probed(name: &str, found: Found) -> Probed {
    Probed { name: name.to_owned(), verdict: found.verdict(), words: found.words(), found }
}

fn in_words(one: &Probed) -> String {
    let head = format!("{}: ", shown(&one.name));
    let words = one.words.iter().enumerate().map(|(at, word)| format!("{}{word}\n", if at == 0 { head.as_str() } else { "  " }));
    words.chain(one.found.lines().iter().map(|line| format!("    {line}\n"))).collect()
}

/// A capture as a port. What of it cannot be read is named, and what can is judged.
fn file(path: &Path) -> Result<Found, Failure> {
    let mut reader = open(path, &Settings::default())?;
    let (mut probe, mut block) = (Probe::new(Port::default()), Block::default());
    loop {
        match reader.next(&mut block) {
            Ok(true) => block.packets().for_each(|packet| probe.see(&packet)),
            Ok(false) => return Ok(probe.found(reader.health().dropped)),
            Err(damage) => eprintln!("{damage}"),
        }
    }
}

#[cfg(feature = "pcap-live")]
mod live {
    use super::{Block, Blocks, Failure, Port, Probe, Probed, interfaces, probed};
    use crate::capture::live::{Live, LiveOptions};
    use crate::operation::privileges;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    /// Listens on all of them at once.
    pub(super) fn probe(names: &[String], seconds: u32) -> Result<Vec<Probed>, Failure> {
        let known = interfaces::interfaces();
        let mut names: Vec<String> = match names {
            [] => known.iter().filter(|one| one.up && !one.loopback).map(|one| one.name.clone()).collect(),
            named => named.to_vec(),
        };
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Err(Failure::new(format!("no interface is up: {}", interfaces::names())));
        }
        let (stop, _) = super::super::run::signals(false)?;
        let options = LiveOptions { stop: Arc::clone(&stop), ..LiveOptions::default() };
        let ports = names.iter().map(|name| Ok((name, port(name, &known), Live::open(name, &options)?))).collect::<Result<Vec<_>, Failure>>()?;
        // It reads what strangers send: from here on it can write nothing and start nothing.
        privileges::confine(&[], &[])?;
        eprintln!("listening on {} for {seconds} s; Ctrl-C ends it earlier", names.join(", "));
        let until = Instant::now() + Duration::from_secs(u64::from(seconds));
        let found = std::thread::scope(|scope| {
            let stop = &stop;
            let threads: Vec<_> = ports.into_iter().map(|(name, port, live)| (name, scope.spawn(move || listen(live, port, until, stop)))).collect();
            threads.into_iter().map(|(name, thread)| Some((name, thread.join().ok()?))).collect::<Option<Vec<_>>>()
        });
        let found = found.ok_or_else(|| Failure::new("listening ended early"))?;
        Ok(found.into_iter().map(|(name, found)| probed(name, found)).collect())
    }

    fn port(name: &str, known: &[interfaces::Interface]) -> Port {
        let mac = known.iter().find(|one| one.name == name).and_then(|one| one.mac);
        Port { mac, mtu: interfaces::mtu(name) }
    }

    fn listen(mut live: Live, port: Port, until: Instant, stop: &AtomicBool) -> super::Found {
        let (mut probe, mut block) = (Probe::new(port), Block::default());
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            match live.next(&mut block) {
                Ok(true) => block.packets().for_each(|packet| probe.see(&packet)),
                Ok(false) => break,
                Err(damage) => {
                    eprintln!("{damage}");
                    break;
                }
            }
        }
        probe.found(live.health().dropped)
    }
}
