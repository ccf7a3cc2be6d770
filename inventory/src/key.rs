//! What identifies a device, by strength, and the id that names a key.

use observations::value::hex;
use observations::{Mac, PathStep};
use std::net::IpAddr;
use uuid::Uuid;

/// One identifier of a device. The order of the variants is the order of strength, strongest first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// SHA-256 of a certificate's public key.
    CertificateKey(Vec<u8>),
    /// A hardware serial number, with its vendor in lower case.
    Serial(String, String),
    /// An SNMP engine id.
    EngineId(Vec<u8>),
    /// A globally administered MAC address.
    Mac(Mac),
    /// A PROFINET station name.
    StationName(String),
    /// A DHCP client identifier or DUID.
    ClientId(Vec<u8>),
    /// A locally administered MAC address: software chose it, and may choose anew.
    LocalMac(Mac),
    /// A hostname, in lower case.
    Hostname(String),
    /// An IP address in a segment ("" is the site's own address space).
    Ip(String, IpAddr),
    /// A part of the device with this key: the way to it.
    Part(Box<Key>, Vec<PathStep>),
    /// A device behind an address: the address and the port at which it answers.
    Behind(Box<Key>, u16),
}

/// Ids of one site are names in a namespace of their own; this one is the namespace of sites. A random UUID, fixed for ever.
const SITES: Uuid = Uuid::from_u128(0x6f1d_3a52_9b0e_4c7d_8a41_0c5e_77b2_91d4);

impl Key {
    /// The kind of a MAC address's key.
    #[must_use]
    pub const fn of_mac(mac: Mac) -> Self {
        if mac.is_local() { Self::LocalMac(mac) } else { Self::Mac(mac) }
    }

    /// Rank of its strength: 0 is strongest.
    #[must_use]
    pub const fn strength(&self) -> u8 {
        match self {
            Self::CertificateKey(_) => 0,
            Self::Serial(..) => 1,
            Self::EngineId(_) => 2,
            Self::Mac(_) => 3,
            Self::StationName(_) => 4,
            Self::ClientId(_) => 5,
            Self::LocalMac(_) => 6,
            Self::Hostname(_) => 7,
            Self::Ip(..) => 8,
            Self::Part(..) | Self::Behind(..) => 9,
        }
    }

    /// The key as text: what its id is made of, and what people read in `explain`.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::CertificateKey(digest) => format!("certificate-key:{}", hex(digest)),
            Self::Serial(vendor, serial) => format!("serial:{vendor}/{serial}"),
            Self::EngineId(id) => format!("engine-id:{}", hex(id)),
            Self::Mac(mac) | Self::LocalMac(mac) => format!("mac:{mac}"),
            Self::StationName(name) => format!("station-name:{name}"),
            Self::ClientId(id) => format!("dhcp-client-id:{}", hex(id)),
            Self::Hostname(name) => format!("hostname:{name}"),
            Self::Ip(segment, ip) if segment.is_empty() => format!("ip:{ip}"),
            Self::Ip(segment, ip) => format!("ip:{segment}/{ip}"),
            Self::Part(whole, path) => {
                let steps: Vec<String> = path.iter().map(|step| format!("{} {}", step.kind.name(), step.number)).collect();
                format!("{}/{}", whole.text(), steps.join("/"))
            }
            Self::Behind(address, port) => format!("{}:{port}", address.text()),
        }
    }

    /// The id that names this key within a site.
    #[must_use]
    pub fn id(&self, site: &str) -> String {
        self.id_in(namespace(site)).to_string()
    }

    /// The id that names this key within a site whose [`namespace`] is at hand.
    #[must_use]
    pub fn id_in(&self, site: Uuid) -> Uuid {
        Uuid::new_v5(&site, self.text().as_bytes())
    }
}

/// The name space of a site's ids.
#[must_use]
pub fn namespace(site: &str) -> Uuid {
    Uuid::new_v5(&SITES, site.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_a_key_within_a_site() {
        let key = Key::of_mac("00:80:f4:01:02:03".parse().unwrap());
        assert_eq!(key.id("a"), key.id("a"));
        assert_ne!(key.id("a"), key.id("b"));
        assert_ne!(key.id("a"), Key::of_mac("00:80:f4:01:02:04".parse().unwrap()).id("a"));
    }

    #[test]
    fn keys_order_by_strength() {
        let mac: Mac = "00:80:f4:01:02:03".parse().unwrap();
        let keys = [
            Key::CertificateKey(vec![]),
            Key::Serial(String::new(), String::new()),
            Key::EngineId(vec![]),
            Key::Mac(mac),
            Key::StationName(String::new()),
        ];
        assert!(keys.is_sorted_by_key(Key::strength));
        assert_eq!(Key::of_mac("02:80:f4:01:02:03".parse().unwrap()).strength(), 6);
    }
}
