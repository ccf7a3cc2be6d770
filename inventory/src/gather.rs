//! One pass over all that was said: who is spoken of, what is claimed of each, and which keys each says of itself.

use crate::key::Key;
use fingerprints::{Attribute, Claim, Fingerprints};
use observations::said::Entry;
use observations::{Endpoint, Field, Kind, Mac, Observation, PathStep, Said, SourceKey, Subject, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// A site's or segment's number in [`Facts`].
pub type Name = u16;

/// A host as frames show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostKey {
    /// Index into [`Facts::sites`].
    pub site: Name,
    /// Index into [`Facts::segments`].
    pub segment: Name,
    /// Behind a router the router's.
    pub mac: Option<Mac>,
    /// The address.
    pub ip: Option<IpAddr>,
}

/// One observation where it lies.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Index into [`Facts::sources`].
    pub source: u16,
    /// Its canonical bytes.
    pub key: &'a [u8],
    /// Its evidence.
    pub entry: &'a Entry,
}

/// A claim, where it was made, and of which service or part.
#[derive(Clone, Debug)]
pub struct ClaimAt<'a> {
    /// The claim.
    pub claim: Claim,
    /// The observation.
    pub at: At<'a>,
    /// In which protocol.
    pub protocol: &'static str,
    /// The service.
    pub endpoint: Option<Endpoint>,
    /// The part.
    pub path: Vec<PathStep>,
}

/// A key that was presented: a certificate, a host key, an engine id.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    /// `x509`, `ssh-host-key`, `snmp-engine-id`, …
    pub kind: &'static str,
    /// The observation.
    pub at: At<'a>,
    /// Where.
    pub endpoint: Option<Endpoint>,
}

/// What is known of one host.
#[derive(Default, Debug)]
pub struct Host<'a> {
    /// Claims about it.
    pub claims: Vec<ClaimAt<'a>>,
    /// Keys that it said of itself, with the time.
    pub keys: BTreeMap<Key, i64>,
    /// MAC addresses that it named as its own.
    pub own_macs: BTreeMap<Mac, &'static str>,
    /// IP addresses that it named as its own.
    pub own_ips: BTreeSet<IpAddr>,
    /// Protocols in which it spoke.
    pub protocols: BTreeSet<&'static str>,
    /// VLANs that it was seen in; 0 is untagged.
    pub vlans: BTreeSet<u16>,
    /// Keys that it presented.
    pub presented: Vec<Presented<'a>>,
    /// Parts that answered: unit identifiers and the like, by endpoint.
    pub parts: BTreeMap<(Option<Endpoint>, Vec<PathStep>), (i64, i64)>,
    /// First and last time that it was spoken of.
    pub span: Option<(i64, i64)>,
    /// It sent something itself.
    pub spoke: bool,
    /// Others asked for it.
    pub asked_for: bool,
    /// It announced itself as a router.
    pub router: bool,
}

/// That an address is at a MAC address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// Site and segment.
    pub place: (Name, Name),
    /// The address.
    pub ip: IpAddr,
    /// The MAC address.
    pub mac: Mac,
    /// ARP, NDP, DHCP, DCP or LLDP said so; else frames were merely seen.
    pub confirmed: bool,
    /// TTL of the frames.
    pub ttl: Option<u8>,
    /// First and last.
    pub span: (i64, i64),
    /// It said so of itself.
    pub declared: bool,
}

/// Everything that was said, sorted by whom it is about.
#[derive(Default)]
pub struct Facts<'a> {
    /// Sites by number.
    pub sites: Vec<String>,
    /// Segments by number; 0 is "".
    pub segments: Vec<String>,
    /// Sources by number.
    pub sources: Vec<SourceKey>,
    /// Hosts.
    pub hosts: BTreeMap<HostKey, Host<'a>>,
    /// Addresses.
    pub sightings: Vec<Sighting>,
    /// Observations that could not be read back.
    pub damaged: u64,
}

/// Protocols of the link layer whose frames no router passes on: an address in them is the sender's own.
const LINK_LOCAL: &[&str] = &["lldp", "cdp", "pn_dcp", "stp", "eth", "arp", "mndp", "edp", "fdp"];

/// Reads everything once.
#[must_use]
pub fn gather<'a>(said: &'a Said, fingerprints: &Fingerprints) -> Facts<'a> {
    let mut facts = Facts { segments: vec![String::new()], ..Facts::default() };
    let mut names = Interner::default();
    for (source, one) in said.sources.values().enumerate() {
        let Ok(source) = u16::try_from(source) else { break };
        facts.sources.push(one.source.key);
        let site = number(&mut facts.sites, &one.source.site);
        let segments: Vec<Name> = one.source.segments.iter().map(|name| number(&mut facts.segments, name)).collect();
        for (key, entry) in &one.observations {
            let Ok(said) = Observation::decode(key, &entry.evidence, entry.first, entry.last, entry.revision) else {
                facts.damaged += 1;
                continue;
            };
            let segment = segments.get(usize::from(said.about.segment.0)).copied().unwrap_or(0);
            let at = At { source, key, entry };
            facts.take(&said, at, (site, segment), names.get(&said.protocol), fingerprints);
        }
    }
    facts
}

fn number(names: &mut Vec<String>, name: &str) -> Name {
    let at = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    Name::try_from(at).unwrap_or(Name::MAX)
}

/// Protocol names, which are few, as text that lives for ever.
#[derive(Default)]
struct Interner(HashMap<String, &'static str>);

impl Interner {
    /// A damaged database could bring any text as a protocol's name; beyond this many they are all one.
    const MAX: usize = 1000;

    fn get(&mut self, name: &str) -> &'static str {
        if let Some(known) = self.0.get(name) {
            return known;
        }
        if self.0.len() >= Self::MAX {
            return "unknown";
        }
        let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
        self.0.insert(name.to_owned(), kept);
        kept
    }
}

impl<'a> Facts<'a> {
    fn take(&mut self, said: &Observation, at: At<'a>, place: (Name, Name), protocol: &'static str, fingerprints: &Fingerprints) {
        let itself = said.of_itself();
        self.sight(said, place, itself);
        let about = host_key(place, &said.about);
        if said.speaker != said.about.host() && !itself {
            let speaker = self.hosts.entry(host_key(place, &said.speaker)).or_default();
            speaker.spoke = true;
            speaker.protocols.insert(protocol);
            speaker.see(said);
        }
        let host = self.hosts.entry(about).or_default();
        if said.kind == Kind::Request && !itself {
            host.asked_for = true;
            return;
        }
        host.see(said);
        host.spoke |= itself;
        if itself {
            host.protocols.insert(protocol);
        }
        host.router |= said.kind == Kind::Router && itself;
        for vlan in said.all(Field::VlanId).filter_map(Value::number).filter(|_| said.kind == Kind::Presence) {
            host.vlans.insert(u16::try_from(vlan).unwrap_or(0));
        }
        if !said.about.path.is_empty() {
            let span = host.parts.entry((said.about.endpoint, said.about.path.clone())).or_insert((said.first.stamp.time, said.last.time));
            *span = (span.0.min(said.first.stamp.time), span.1.max(said.last.time));
        }
        let claims = fingerprints.claims(said);
        // What it looks for, or was told to be, is no key of its own.
        if itself && said.about.path.is_empty() && said.kind != Kind::Request {
            host.take_keys(said, protocol, &claims);
        }
        host.present(said, at);
        let of = |claim| ClaimAt { claim, at, protocol, endpoint: said.about.endpoint, path: said.about.path.clone() };
        host.claims.extend(claims.into_iter().map(of));
    }

    /// Which address this observation shows at which MAC address.
    fn sight(&mut self, said: &Observation, place: (Name, Name), itself: bool) {
        let Some(mac) = said.about.mac else { return };
        let span = (said.first.stamp.time, said.last.time);
        let frames = matches!(said.protocol.as_str(), "ip" | "ipv6");
        if let (Kind::Binding | Kind::Lease, Some(ip)) = (said.kind, said.about.ip) {
            let ttl = said.get(Field::TimeToLive).and_then(Value::number).and_then(|ttl| u8::try_from(ttl).ok());
            self.sightings.push(Sighting { place, ip, mac, confirmed: !frames, ttl, span, declared: itself && !frames });
        }
        if frames || !itself || !LINK_LOCAL.contains(&said.protocol.as_str()) {
            return;
        }
        for field in [Field::Ipv4Address, Field::Ipv6Address, Field::ManagementAddress] {
            for ip in said.all(field).filter_map(ip_of).filter(|ip| Some(*ip) != said.about.ip && !ip.is_unspecified()) {
                if said.kind != Kind::Request {
                    self.sightings.push(Sighting { place, ip, mac, confirmed: true, ttl: None, span, declared: true });
                }
            }
        }
    }
}

fn host_key(place: (Name, Name), subject: &Subject) -> HostKey {
    HostKey { site: place.0, segment: place.1, mac: subject.mac, ip: subject.ip }
}

const fn ip_of(value: &Value) -> Option<IpAddr> {
    if let Value::Ip(ip) = value { Some(*ip) } else { None }
}

impl<'a> Host<'a> {
    fn see(&mut self, said: &Observation) {
        let (first, last) = (said.first.stamp.time, said.last.time);
        self.span = Some(self.span.map_or((first, last), |span| (span.0.min(first), span.1.max(last))));
    }

    /// Keys that one speaker says of itself in one PDU.
    fn take_keys(&mut self, said: &Observation, protocol: &'static str, claims: &[Claim]) {
        let first = said.first.stamp.time;
        for field in &said.fields {
            let key = match (field.field, &field.value) {
                (Field::SerialNumber, value) => {
                    let serial = fingerprints::text::safe(value);
                    // Without a vendor the protocol is the name space: numbers of two makers may agree.
                    let vendor = claims
                        .iter()
                        .find(|claim| claim.attribute == Attribute::Vendor)
                        .map_or_else(|| format!("proto {protocol}"), |claim| claim.value.to_lowercase());
                    Some(Key::Serial(vendor, serial)).filter(|_| !fingerprints::attribute::is_filler(&fingerprints::text::safe(value)))
                }
                (Field::EngineId, Value::Bytes(id)) => Some(Key::EngineId(id.clone())),
                (Field::StationName, Value::Text(name)) if !name.is_empty() => Some(Key::StationName(String::from_utf8_lossy(name).to_lowercase())),
                (Field::DhcpClientId | Field::Duid, Value::Bytes(id)) => client_id(id),
                (Field::SpkiSha256, Value::Bytes(digest)) if is_leaf(said) => Some(Key::CertificateKey(digest.clone())),
                _ => None,
            };
            if let Some(key) = key {
                let time = self.keys.entry(key).or_insert(first);
                *time = (*time).min(first);
            }
            if let (Field::MacAddress | Field::ChassisId | Field::BridgeId, Value::Mac(mac)) = (field.field, &field.value)
                && mac.is_device()
                && said.about.mac != Some(*mac)
            {
                self.own_macs.insert(*mac, protocol);
            }
        }
        if matches!(said.kind, Kind::Identity | Kind::Binding | Kind::Name) && !matches!(protocol, "ip" | "ipv6") {
            self.own_ips
                .extend(said.all(Field::Ipv4Address).chain(said.all(Field::Ipv6Address)).chain(said.all(Field::ManagementAddress)).filter_map(ip_of));
        }
    }

    fn present(&mut self, said: &Observation, at: At<'a>) {
        let kind = match said.kind {
            Kind::Certificate if is_leaf(said) => "x509",
            Kind::Key if said.get(Field::SshHostKey).is_some() => "ssh-host-key",
            Kind::Key | Kind::Identity if said.get(Field::EngineId).is_some() => "snmp-engine-id",
            Kind::Identity | Kind::Binding if said.get(Field::Uuid).is_some() && said.of_itself() => "uuid",
            _ => return,
        };
        self.presented.push(Presented { kind, at, endpoint: said.about.endpoint });
    }
}

fn is_leaf(said: &Observation) -> bool {
    said.kind == Kind::Certificate && said.get(Field::ChainPosition).and_then(Value::number).unwrap_or(0) == 0
}

/// A client identifier, unless it is the hardware address again (RFC 2132 §9.14, type 1): that is the MAC address already.
fn client_id(id: &[u8]) -> Option<Key> {
    (!matches!(id, [] | [1, _, _, _, _, _, _]) && id.len() >= 4).then(|| Key::ClientId(id.to_vec()))
}
