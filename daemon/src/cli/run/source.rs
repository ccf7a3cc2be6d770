//! What `run` listens to: interfaces and captures that come over IP, opened before rights are given up.

use super::super::Failure;
use super::Run;
use crate::capture::condition::Condition;
use crate::capture::live::LiveOptions;
use crate::capture::over_ip::{Meeting, OverIp};
use crate::capture::returning::Returning;
use crate::capture::text::shown;
use crate::capture::tls::Secured;
use crate::capture::{Blocks, Recorded, Segments};
use crate::config::{Config, Watched};
use crate::feeds::{Folder, Peer, Stream, Tls};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

impl Run {
    /// Folders of the command line, with what the file says of them; else those of the file.
    pub(super) fn folders(&self, file: &Config) -> Vec<Folder> {
        if self.watch.is_empty() {
            return file.watch.clone();
        }
        let known = |dir: &PathBuf| file.watch.iter().find(|one| one.dir == *dir).cloned();
        let named = |dir: &PathBuf| {
            let folder = known(dir).unwrap_or_else(|| Folder { dir: dir.clone(), ..Folder::default() });
            Folder { recursive: self.recursive || folder.recursive, ..folder }
        };
        let all: BTreeSet<&PathBuf> = self.watch.iter().collect();
        all.into_iter().map(named).collect()
    }

    /// The same of captures that come over IP.
    pub(super) fn streams(&self, file: &Config) -> Result<Vec<Stream>, Failure> {
        let (ca, certificate, key) = (&self.pcap_over_ip_ca, &self.pcap_over_ip_certificate, &self.pcap_over_ip_key);
        let tls = Tls { ca: ca.clone(), certificate: certificate.clone(), key: key.clone() };
        let connect = self.pcap_over_ip.iter().cloned().map(Peer::Connect);
        let peers: Vec<Peer> = connect.chain(self.pcap_over_ip_listen.iter().copied().map(Peer::Listen)).collect();
        if peers.is_empty() {
            return Ok(file.pcap_over_ip.clone());
        }
        let all = peers.into_iter().map(|peer| Stream { peer, tls: tls.clone(), site: None, segments: Segments::default() });
        all.map(|one| one.check().map(|()| one).map_err(|what| Failure::usage(format!("--pcap-over-ip: {what}")))).collect()
    }
}

/// What is listened to until the end.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) blocks: Box<dyn Blocks>,
    pub(super) condition: Arc<Condition>,
    /// A port of this machine, which must stay mute.
    pub(super) port: bool,
}

impl Source {
    pub(super) fn of_interface(config: &Config, one: &Watched, options: &LiveOptions) -> Result<Self, Failure> {
        let live = Returning::open(&one.name, options)?.refusing_addresses(config.allow_address != Some(true));
        let condition = live.condition();
        Ok(Self { name: one.name.clone(), blocks: recorded(config, &one.name, live)?, condition, port: true })
    }

    /// A capture that comes over IP; its host is looked up now and never again.
    pub(super) fn of_stream(config: &Config, stream: &Stream, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let name = stream.name();
        let failed = |what: String| Failure::new(format!("{}: {what}", shown(&name)));
        let (meeting, tls) = match &stream.peer {
            Peer::Connect(host) => {
                let tls = stream.tls.is_wanted().then(|| Secured::client(&stream.tls, host)).transpose().map_err(failed)?;
                (Meeting::connect(host).map_err(|error| failed(error.to_string()))?, tls)
            }
            Peer::Listen(address) => {
                let tls = stream.tls.is_wanted().then(|| Secured::server(&stream.tls)).transpose().map_err(failed)?;
                if stream.tls.ca.is_none() && !address.ip().is_loopback() {
                    tracing::warn!("{name}: whoever reaches this address can send packets; with `ca` only who has a certificate");
                }
                (Meeting::listen(*address).map_err(|error| failed(error.to_string()))?, tls)
            }
        };
        let mut come = OverIp::new(&name, meeting, tls, Arc::clone(stop));
        come.filter(config.bpf.as_deref()).map_err(Failure::new)?;
        Ok(Self { condition: come.condition(), name, blocks: Box::new(come), port: false })
    }
}

/// What is captured, written to a file as well if that is wished.
fn recorded(config: &Config, name: &str, live: Returning) -> Result<Box<dyn Blocks>, Failure> {
    let Some(path) = &config.record else { return Ok(Box::new(live)) };
    let path = if config.interfaces.len() > 1 { Recorded::path_of(path, name) } else { path.clone() };
    let link = live.link();
    Ok(Box::new(Recorded::new(Box::new(live), link, &path)?))
}
