//! One pass over all that was said: who is spoken of, what is claimed of each, and which keys each says of itself.

mod own_name;

use crate::attribute::normal;
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
    pub source: u32,
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
    /// The clock of its source is not believed.
    pub doubtful: bool,
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

/// A key that a host said of itself, and where it answers for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OwnKey {
    /// The key.
    pub key: Key,
    /// In which protocol.
    pub protocol: &'static str,
    /// At which service.
    pub endpoint: Option<Endpoint>,
    /// Of which part.
    pub path: Vec<PathStep>,
}

/// What is known of one host.
#[derive(Default, Debug)]
pub struct Host<'a> {
    /// Claims about it.
    pub claims: Vec<ClaimAt<'a>>,
    /// Keys that it said of itself, from when to when.
    pub keys: BTreeMap<OwnKey, (i64, i64)>,
    /// MAC addresses that it named as its own, in which protocol, when first.
    pub own_macs: BTreeMap<(Mac, &'static str), i64>,
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
    /// First and last time that it spoke.
    pub active: Option<(i64, i64)>,
    /// An address was leased to it.
    pub leased: bool,
    /// It sent something itself.
    pub spoke: bool,
    /// Others asked for it.
    pub asked_for: bool,
    /// It announced itself as a router.
    pub router: bool,
    /// PROFINET names that it asks for: as many as tell whether there is one alone.
    pub asked_names: BTreeMap<String, At<'a>>,
    /// Relays that handed on what it said itself (DHCP).
    pub relays: BTreeSet<HostKey>,
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
    /// Said in a protocol in which nobody answers for others: any but ARP and NDP.
    pub firm: bool,
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
    /// Whether the clock of a source is not believed, by number.
    pub doubtful: Vec<bool>,
    /// Hosts.
    pub hosts: BTreeMap<HostKey, Host<'a>>,
    /// Addresses.
    pub sightings: Vec<Sighting>,
    /// Where each MAC address was first seen in a frame.
    pub presence: BTreeMap<(Name, Mac), At<'a>>,
    /// Observations that could not be read back.
    pub damaged: u64,
}

/// Protocols of the link layer whose frames no router passes on: an address in them is the sender's own.
const LINK_LOCAL: &[&str] = &["lldp", "cdp", "pn_dcp", "stp", "eth", "arp", "mndp", "edp", "fdp"];

/// Protocols in which a router may answer for others (RFC 1027, RFC 4389).
const PROXIED: &[&str] = &["arp", "icmpv6"];

/// Protocols whose relays hand on a client's own words (RFC 2131 §4.1, RFC 8415 §19).
const RELAYED: &[&str] = &["dhcp", "dhcpv6"];

/// By what a device goes in its protocol: numbers and names that its configuration gives it, and that join nothing.
pub(crate) const ADDRESSES: &[(&str, Field)] = &[
    ("iec60870-common-address", Field::CommonAddress),
    ("dnp3-address", Field::LinkAddress),
    ("goose-control-block", Field::GooseControlBlock),
    ("goose-id", Field::GooseId),
    ("sv-id", Field::SvId),
    ("mms-domain", Field::MmsDomain),
    ("iccp-bilateral-table", Field::BilateralTableId),
    ("ap-title", Field::ApTitle),
    ("pmu-idcode", Field::PmuIdCode),
    ("ptp-clock-identity", Field::ClockIdentity),
    ("dlms-system-title", Field::SystemTitle),
    ("cosem-device-name", Field::CosemDeviceName),
];

/// Reads everything once.
#[must_use]
pub fn gather<'a>(said: &'a Said, fingerprints: &Fingerprints) -> Facts<'a> {
    let mut facts = Facts { segments: vec![String::new()], ..Facts::default() };
    let mut names = Interner::default();
    for (source, one) in said.sources.values().enumerate() {
        let Ok(source) = u32::try_from(source) else { break };
        facts.sources.push(one.source.key);
        facts.doubtful.push(one.source.clock.is_some());
        let site = number(&mut facts.sites, &one.source.site);
        let segments: Vec<Name> = one.source.segments.iter().map(|name| number(&mut facts.segments, name)).collect();
        for (key, entry) in &one.observations {
            // Where it stands is read for what is shown only.
            let Ok(said) = Observation::decode(key, &[], entry.first, entry.last, entry.revision) else {
                facts.damaged += 1;
                continue;
            };
            let segment = segments.get(usize::from(said.about.segment.0)).copied().unwrap_or(0);
            // A loopback address that others name is nobody's.
            let own = is_own_host(&said.about);
            if own && !is_own_host(&said.speaker) {
                continue;
            }
            let segment = if own { number(&mut facts.segments, &own_segment(&one.source.key)) } else { segment };
            let at = At { source, key, entry };
            facts.take(&said, at, (site, segment), names.get(&said.protocol), fingerprints);
        }
    }
    facts.infer_own_names();
    facts
}

/// Whether a subject is the host that captured, as it speaks to itself: a loopback address without a MAC address. On a wire no such
/// address may occur (RFC 1122 §3.2.1.3).
#[must_use]
pub fn is_own_host(subject: &Subject) -> bool {
    subject.mac.is_none() && subject.ip.is_some_and(|ip| ip.is_loopback())
}

/// The address space of a source's own host: every host has the same addresses for itself, and those of two captures are two hosts'.
#[must_use]
pub fn own_segment(source: &SourceKey) -> String {
    format!("loopback {:.8}", source.to_string())
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
        let speaker_key = host_key(place, &said.speaker);
        if !itself && speaker_key != about && !is_own_host(&said.speaker) {
            let speaker = self.hosts.entry(speaker_key).or_default();
            speaker.spoke = true;
            speaker.protocols.insert(protocol);
            speaker.see(said, true);
        }
        let host = self.hosts.entry(about).or_default();
        if !itself && about.mac.is_some() && RELAYED.contains(&protocol) && matches!(said.kind, Kind::Identity | Kind::Client | Kind::Request) {
            host.relays.insert(speaker_key);
        } else if said.kind == Kind::Request && !itself {
            host.asked_for = true;
            return;
        }
        if let (Kind::Presence, "eth", true, Some(mac)) = (said.kind, protocol, itself, about.mac) {
            let known = self.presence.entry((place.0, mac)).or_insert(at);
            if (at.entry.first, at.source) < (known.entry.first, known.source) {
                *known = at;
            }
        }
        host.see(said, itself);
        host.leased |= said.kind == Kind::Lease;
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
        if itself && said.kind != Kind::Request {
            host.take_keys(said, protocol, &claims);
        }
        host.present(said, at);
        host.take_asked_name(said, at);
        let doubtful = self.doubtful.get(at.source as usize).copied().unwrap_or(false);
        let of = |claim| ClaimAt { claim, at, protocol, endpoint: said.about.endpoint, path: said.about.path.clone(), doubtful };
        host.claims.extend(claims.into_iter().map(of));
    }

    /// Which address this observation shows at which MAC address.
    fn sight(&mut self, said: &Observation, place: (Name, Name), itself: bool) {
        let Some(mac) = said.about.mac else { return };
        let span = (said.first.stamp.time, said.last.time);
        let frames = matches!(said.protocol.as_str(), "ip" | "ipv6");
        let firm = !frames && !PROXIED.contains(&said.protocol.as_str());
        if let (Kind::Binding | Kind::Lease, Some(ip)) = (said.kind, said.about.ip) {
            let ttl = said.get(Field::TimeToLive).and_then(Value::number).and_then(|ttl| u8::try_from(ttl).ok());
            self.sightings.push(Sighting { place, ip, mac, confirmed: !frames, firm, ttl, span, declared: itself && !frames });
        }
        if frames || !itself || !LINK_LOCAL.contains(&said.protocol.as_str()) {
            return;
        }
        for field in [Field::Ipv4Address, Field::Ipv6Address, Field::ManagementAddress] {
            for ip in said.all(field).filter_map(ip_of).filter(|ip| Some(*ip) != said.about.ip && !ip.is_unspecified()) {
                if said.kind != Kind::Request {
                    self.sightings.push(Sighting { place, ip, mac, confirmed: true, firm, ttl: None, span, declared: true });
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
    fn see(&mut self, said: &Observation, speaks: bool) {
        let (first, last) = (said.first.stamp.time, said.last.time);
        let wider = |span: Option<(i64, i64)>| Some(span.map_or((first, last), |span| (span.0.min(first), span.1.max(last))));
        self.span = wider(self.span);
        if speaks {
            self.active = wider(self.active);
        }
    }

    /// Keys that one speaker says of itself in one PDU.
    fn take_keys(&mut self, said: &Observation, protocol: &'static str, claims: &[Claim]) {
        let (first, last) = (said.first.stamp.time, said.last.time);
        for field in &said.fields {
            let key = match (field.field, &field.value) {
                (Field::SerialNumber, value) => serial(value, protocol, claims),
                (Field::EngineId, Value::Bytes(id)) => Some(Key::EngineId(id.clone())),
                (Field::StationName, Value::Text(name)) if !name.is_empty() => Some(Key::StationName(String::from_utf8_lossy(name).to_lowercase())),
                (Field::DhcpClientId | Field::Duid, Value::Bytes(id)) => client_id(id),
                (Field::SpkiSha256, Value::Bytes(digest)) if is_leaf(said) => Some(Key::CertificateKey(digest.clone())),
                _ => None,
            };
            if let Some(key) = key {
                let own = OwnKey { key, protocol, endpoint: said.about.endpoint, path: said.about.path.clone() };
                let span = self.keys.entry(own).or_insert((first, last));
                *span = (span.0.min(first), span.1.max(last));
            }
            if let (Field::MacAddress | Field::ChassisId | Field::BridgeId, Value::Mac(mac), []) = (field.field, &field.value, &said.about.path[..])
                && mac.is_device()
                && said.about.mac != Some(*mac)
            {
                let time = self.own_macs.entry((*mac, protocol)).or_insert(first);
                *time = (*time).min(first);
            }
        }
    }

    fn present(&mut self, said: &Observation, at: At<'a>) {
        for (kind, field) in ADDRESSES {
            if matches!(said.kind, Kind::Identity | Kind::Part) && said.of_itself() && said.get(*field).is_some() {
                self.presented.push(Presented { kind, at, endpoint: said.about.endpoint });
            }
        }
        let kind = match said.kind {
            Kind::Certificate if is_leaf(said) => "x509",
            Kind::Key if said.get(Field::SshHostKey).is_some() => "ssh-host-key",
            Kind::Key | Kind::Identity if said.get(Field::EngineId).is_some() => "snmp-engine-id",
            Kind::Identity | Kind::Binding if said.get(Field::Uuid).is_some() && said.of_itself() => "uuid",
            Kind::Identity if said.get(Field::HostId).is_some() && said.of_itself() => "niagara-host-id",
            Kind::Identity if said.get(Field::ApplicationUri).is_some() && said.of_itself() => "opcua-application",
            Kind::Identity if said.get(Field::AmsNetId).is_some() && said.of_itself() => "ams-net-id",
            Kind::Client if said.get(Field::MqttClientId).is_some() => "mqtt-client-id",
            Kind::Client if said.get(Field::Lwm2mEndpoint).is_some() => "lwm2m-endpoint",
            Kind::Client if said.get(Field::ChargePointId).is_some() => "ocpp-charge-point",
            Kind::Client | Kind::Service if said.get(Field::DicomAeTitle).is_some() => "dicom-ae-title",
            _ => return,
        };
        self.presented.push(Presented { kind, at, endpoint: said.about.endpoint });
    }
}

fn is_leaf(said: &Observation) -> bool {
    said.kind == Kind::Certificate && said.get(Field::ChainPosition).and_then(Value::number).unwrap_or(0) == 0
}

/// A serial number with its vendor. Without one the protocol is the name space: numbers of two makers may agree.
fn serial(value: &Value, protocol: &str, claims: &[Claim]) -> Option<Key> {
    let serial = fingerprints::text::safe(value).trim().to_owned();
    let vendor = claims.iter().find(|claim| claim.attribute == Attribute::Vendor && claim.class != fingerprints::Class::Inferred);
    let vendor = vendor.map_or_else(|| format!("proto {protocol}"), |claim| normal(Attribute::Vendor, &claim.value));
    (!fingerprints::attribute::is_no_serial(&serial)).then_some(Key::Serial(vendor, serial))
}

/// A client identifier, unless it is the hardware address again (RFC 2132 §9.14, type 1): that is the MAC address already. Of an
/// identifier by RFC 4361 §6.1 (type 255, number of the interface, DUID) the DUID: the rest tells the host's cards apart.
fn client_id(id: &[u8]) -> Option<Key> {
    match id {
        [] | [1, _, _, _, _, _, _] => None,
        [255, _, _, _, _, duid @ ..] if duid.len() >= 4 => Some(Key::ClientId(duid.to_vec())),
        _ => (id.len() >= 4).then(|| Key::ClientId(id.to_vec())),
    }
}
