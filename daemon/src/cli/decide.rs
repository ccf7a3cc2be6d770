//! What `pin`, `split`, `annotate` and `suppress` share: which key a word names, and writing the decision down.

use super::input::From;
use super::reading::Reading;
use super::{Done, Failure, find};
use crate::capture::text::shown;
use crate::clock;
use crate::store::{Store, StoreError};
use inventory::Document;
use inventory::decision::Decision;
use inventory::document::Device;
use inventory::key::Key;
use observations::Mac;
use observations::value::hex;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Where a decision goes, and whose it is.
#[derive(clap::Args)]
pub(super) struct Book {
    /// The database.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Who decides; by default the user who runs this.
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

impl Book {
    /// The inventory as it is before the decision.
    pub(super) fn document(&self) -> Result<Document, Failure> {
        if !self.db.exists() {
            return Err(StoreError::Missing { path: self.db.clone() }.into());
        }
        From { db: Some(self.db.clone()), site_key: None, reading: Reading::default() }.document(&[])
    }

    /// Appends the decision, and says what was decided.
    pub(super) fn decide(&self, decision: &Decision, words: &str) -> Done {
        let mut store = Store::open(&self.db)?;
        store.decide(decision, &self.author(), clock::now())?;
        let entry = Self::entry(&store)?;
        super::output::answer(&format!("{words}\n{entry}"))
    }

    /// The database.
    pub(super) fn db(&self) -> &Path {
        &self.db
    }

    /// A line with the newest decision of the database's own chain, and its hash.
    pub(super) fn entry(store: &Store) -> Result<String, Failure> {
        let origin = store.origin()?;
        let own = store.decision_log()?.into_iter().filter(|entry| entry.origin == origin).max_by_key(|entry| entry.sequence);
        let line = own.map(|entry| format!("decision {} by {}, {}\n", entry.sequence, shown(&entry.author), hex(&entry.hash)));
        Ok(line.unwrap_or_default())
    }

    pub(super) fn author(&self) -> String {
        let user = || ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
        self.author.clone().or_else(user).unwrap_or_else(|| "unknown".to_owned())
    }
}

/// The key that stands for a device in a decision: a MAC address; an IP address where none is known.
///
/// # Errors
/// Where no such key can be told: the word names several devices or none, or one that has several MAC addresses and `one` is asked for.
pub(super) fn key(document: &Document, text: &str, one: bool) -> Result<String, Failure> {
    let device = find::find(document, text)?;
    let named = find::address(text.strip_prefix("mac:").unwrap_or(text)).and_then(|address| address.parse::<Mac>().ok());
    let macs: Vec<Mac> = device.macs.iter().filter_map(|mac| mac.parse().ok()).collect();
    match (named, macs.as_slice()) {
        (Some(mac), _) if macs.contains(&mac) => Ok(Key::of_mac(mac).text()),
        (_, [mac, others @ ..]) if others.is_empty() || !one => Ok(Key::of_mac(*mac).text()),
        (_, [_, ..]) => Err(Failure::usage(format!("{} has several MAC addresses; which? {}", shown(text), device.macs.join(", ")))),
        (_, []) => ip_key(device, text).ok_or_else(|| {
            Failure::new(format!("{}: is part of another device or was only asked for: nothing can be decided about it", shown(text)))
        }),
    }
}

/// The key of an IP address, found by the id that it gives.
fn ip_key(device: &Device, text: &str) -> Option<String> {
    let named = text.strip_prefix("ip:").unwrap_or(text).rsplit('/').next().and_then(|text| text.parse::<IpAddr>().ok());
    let ips: Vec<IpAddr> = device.ips.iter().filter_map(|ip| ip.parse().ok()).collect();
    let wanted = named.filter(|ip| ips.contains(ip)).map_or(ips, |ip| vec![ip]);
    let keys = wanted.into_iter().flat_map(|ip| {
        let segments = std::iter::once(String::new()).chain(device.segments.iter().cloned());
        segments.map(move |segment| Key::Ip(segment, ip))
    });
    let mut own = keys.filter(|key| {
        let id = key.id(&device.site);
        id == device.id || device.aliases.contains(&id)
    });
    own.next().map(|key| key.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_names_a_mac_address_or_else_an_ip_address() {
        let ip_only = Key::Ip("cell 3".into(), "10.1.1.1".parse().unwrap());
        let document = Document {
            devices: vec![
                Device {
                    id: "1".into(),
                    macs: vec!["00:80:f4:01:02:03".into(), "00:80:f4:01:02:04".into()],
                    ips: vec!["10.0.0.1".into()],
                    ..Device::default()
                },
                Device {
                    id: ip_only.id("plant"),
                    site: "plant".into(),
                    ips: vec!["10.1.1.1".into()],
                    segments: vec!["cell 3".into()],
                    ..Device::default()
                },
                Device { id: "3".into(), hostnames: vec!["part".into()], ..Device::default() },
            ],
            ..Document::default()
        };
        assert_eq!(key(&document, "10.0.0.1", false).ok().unwrap(), "mac:00:80:f4:01:02:03");
        assert_eq!(key(&document, "10.0.0.1", true).err().unwrap().status, 2);
        assert_eq!(key(&document, "00-80-F4-01-02-04", true).ok().unwrap(), "mac:00:80:f4:01:02:04");
        assert_eq!(key(&document, "10.1.1.1", true).ok().unwrap(), "ip:cell 3/10.1.1.1");
        assert_eq!(key(&document, "part", true).err().unwrap().status, 1);
    }
}
