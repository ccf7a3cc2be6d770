//! What the daemon reads beside interfaces, as its configuration says it: folders that others put captures into, and captures that come
//! over IP.

use crate::capture::Segments;
use crate::capture::sources::segments;
use crate::written::{Fault, filled, get, refuse_strangers, table, tables, yes};
use std::net::SocketAddr;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys of this at the top of the file.
pub const KEYS: &[&str] = &["watch", "pcap_over_ip"];

/// Keys of `[[watch]]`.
pub const WATCH_KEYS: &[&str] = &["dir", "recursive", "site", "segment"];

/// Keys of `[[pcap_over_ip]]`.
pub const OVER_IP_KEYS: &[&str] = &["connect", "listen", "ca", "certificate", "key", "site", "segment"];

/// What the names of folders begin with among those of ports; no interface has a blank in its name.
const FOLDER: &str = "folder ";

/// Whether a port of the status is a folder: one into which nothing is put hides nothing that was to be heard.
#[must_use]
pub fn is_folder(port: &str) -> bool {
    port.starts_with(FOLDER)
}

impl Folder {
    /// How logs, status and metrics call it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{FOLDER}{}", self.dir.to_string_lossy())
    }
}

/// A folder whose captures are read as they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub dir: PathBuf,
    /// Whether its subfolders are watched as well.
    pub recursive: bool,
    /// The site that its addresses belong to, if not that of all.
    pub site: Option<String>,
    /// Which segment a VLAN is.
    pub segments: Segments,
}

/// A capture that comes over IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Who sends it.
    pub peer: Peer,
    /// TLS, if anything of it is said.
    pub tls: Tls,
    /// The site that its addresses belong to, if not that of all.
    pub site: Option<String>,
    /// Which segment a VLAN is.
    pub segments: Segments,
}

/// Who opens the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// We do, to `HOST:PORT`.
    Connect(String),
    /// The other side does.
    Listen(SocketAddr),
}

/// Files of TLS, PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Authorities whose certificates the other side must show.
    pub ca: Option<PathBuf>,
    /// Our own certificate, with those that lead to its authority.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

impl Tls {
    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.ca.is_some() || self.certificate.is_some() || self.key.is_some()
    }
}

impl Stream {
    /// Its name among the sources.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.peer {
            Peer::Connect(host) => format!("pcap-over-ip {host}"),
            Peer::Listen(address) => format!("pcap-over-ip on {address}"),
        }
    }

    /// What is missing, or cannot be.
    ///
    /// # Errors
    /// In words that say what to do.
    pub fn check(&self) -> Result<(), String> {
        if let Peer::Connect(host) = &self.peer {
            let port = host.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                return Err(format!("{host:?} is no HOST:PORT, as sensor-2.example:57012"));
            }
        }
        match (&self.peer, &self.tls) {
            (_, Tls { certificate: Some(_), key: None, .. }) => Err("a certificate without `key`: say where its private key is".to_owned()),
            (_, Tls { certificate: None, key: Some(_), .. }) => Err("a key without `certificate`: say where its certificate is".to_owned()),
            (Peer::Listen(_), Tls { ca: Some(_), certificate: None, .. }) => {
                Err("`ca` without `certificate` and `key`: who listens with TLS shows a certificate of its own".to_owned())
            }
            (Peer::Connect(_), Tls { ca: None, certificate: Some(_), .. }) => {
                Err("a certificate without `ca`: say whose certificates the other side may show".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Every `[[watch]]`, each folder once.
pub(crate) fn folders(root: &DeTable<'_>) -> Result<Vec<Folder>, Fault> {
    let mut all: Vec<Folder> = Vec::new();
    for one in listed(root, "watch")? {
        let start = one.span().start;
        let table = table(one, "watch")?;
        refuse_strangers(table, WATCH_KEYS)?;
        let dir = get(table, "dir").ok_or_else(|| (start, "a folder without `dir`: say which, as in dir = \"/srv/captures\"".to_owned()))?;
        let dir = PathBuf::from(filled(dir, "dir")?);
        if all.iter().any(|known| known.dir == dir) {
            return Err((start, format!("folder {dir:?} stands here twice")));
        }
        let (site, segments) = scope(table, "watch.segment")?;
        let recursive = get(table, "recursive").map(|value| yes(value, "recursive")).transpose()?.unwrap_or_default();
        all.push(Folder { dir, recursive, site, segments });
    }
    Ok(all)
}

/// Every `[[pcap_over_ip]]`, each once.
pub(crate) fn streams(root: &DeTable<'_>) -> Result<Vec<Stream>, Fault> {
    let mut all: Vec<Stream> = Vec::new();
    for one in listed(root, "pcap_over_ip")? {
        let start = one.span().start;
        let table = table(one, "pcap_over_ip")?;
        refuse_strangers(table, OVER_IP_KEYS)?;
        let text = |name: &str| get(table, name).map(|value| Ok::<_, Fault>((value.span().start, filled(value, name)?))).transpose();
        let peer = match (text("connect")?, text("listen")?) {
            (Some((_, host)), None) => Peer::Connect(host),
            (None, Some((at, address))) => Peer::Listen(address.parse().map_err(|_| (at, LISTEN.to_owned()))?),
            _ => return Err((start, "say either `connect` or `listen`".to_owned())),
        };
        let path = |name: &str| text(name).map(|value| value.map(|(_, path)| PathBuf::from(path)));
        let tls = Tls { ca: path("ca")?, certificate: path("certificate")?, key: path("key")? };
        let (site, segments) = scope(table, "pcap_over_ip.segment")?;
        let stream = Stream { peer, tls, site, segments };
        stream.check().map_err(|what| (start, what))?;
        if all.iter().any(|known| known.peer == stream.peer) {
            return Err((start, format!("{} stands here twice", stream.name())));
        }
        all.push(stream);
    }
    Ok(all)
}

/// What an address to listen on is.
pub(crate) const LISTEN: &str = "write an address and a port of this machine, as 127.0.0.1:57012";

fn listed<'a, 'i>(root: &'a DeTable<'i>, name: &str) -> Result<Vec<&'a Spanned<DeValue<'i>>>, Fault> {
    Ok(get(root, name).map(|value| tables(value, name)).transpose()?.unwrap_or_default())
}

fn scope(table: &DeTable<'_>, name: &str) -> Result<(Option<String>, Segments), Fault> {
    let site = get(table, "site").map(|value| filled(value, "site")).transpose()?;
    Ok((site, get(table, "segment").map(|value| segments(value, name)).transpose()?.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn error(text: &str) -> String {
        Config::parse("w.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn folders_and_streams_are_read_from_their_tables() {
        let text = "[[watch]]\ndir = \"/srv/a\"\nsite = \"hall 3\"\n[[watch]]\ndir = \"/srv/b\"\n[[watch.segment]]\nname = \"x\"\nvlans = [1]\n\
                    [[pcap_over_ip]]\nconnect = \"s:57012\"\nca = \"ca.pem\"\n[[pcap_over_ip]]\nlisten = \"127.0.0.1:57012\"\n";
        let config = Config::parse("w.toml", text).unwrap();
        assert_eq!(config.watch.iter().map(|one| one.dir.to_str().unwrap()).collect::<Vec<_>>(), ["/srv/a", "/srv/b"]);
        assert_eq!((config.watch[0].site.as_deref(), config.watch[1].segments.segment_of(Some(1))), (Some("hall 3"), 1));
        let names: Vec<String> = config.pcap_over_ip.iter().map(Stream::name).collect();
        assert_eq!(names, ["pcap-over-ip s:57012", "pcap-over-ip on 127.0.0.1:57012"]);
        assert!(config.pcap_over_ip[0].tls.is_wanted() && !config.pcap_over_ip[1].tls.is_wanted());
    }

    #[test]
    fn what_cannot_be_is_told_with_its_line() {
        assert!(error("[[watch]]\nsite = \"x\"").starts_with("w.toml:1: a folder without `dir`"));
        assert!(error("[[watch]]\ndir = \"a\"\n[[watch]]\ndir = \"a\"").starts_with("w.toml:3: folder \"a\" stands here twice"));
        assert!(error("[[watch]]\ndirs = \"a\"").contains("did you mean `dir`?"));
        assert_eq!(error("[[pcap_over_ip]]\nsite = \"x\""), "w.toml:1: say either `connect` or `listen`");
        assert!(error("[[pcap_over_ip]]\nlisten = \"57012\"").starts_with("w.toml:2: write an address and a port"));
        assert!(error("[[pcap_over_ip]]\nconnect = \"s\"").contains("is no HOST:PORT"));
        assert!(error("[[pcap_over_ip]]\nconnect = \"s:1\"\nkey = \"k\"").contains("a key without `certificate`"));
        assert!(error("[[pcap_over_ip]]\nlisten = \"127.0.0.1:1\"\nca = \"k\"").contains("who listens with TLS shows"));
    }
}
