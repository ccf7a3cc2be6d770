//! One pass over all that was said: who is spoken of, which keys each says of itself, and which statements tell more of it. What those
//! mean is asked for one device at a time, when it is written.

use crate::attribute::normal;
use crate::judge::{Conditions, Mark};
use crate::key::Key;
use fingerprints::{Attribute, Claim, Fingerprints};
use foldhash::fast::RandomState;
use observations::{Endpoint, EntryRef, Field, Kind, Mac, PathStep, Said, SourceKey, SourceSaid, Stamp, Statement, Subject, ValueRef};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

mod host;
mod own_name;
mod presented;

pub use host::{Host, OwnKey};
pub(crate) use host::{tidy, wider};
pub(crate) use presented::ADDRESSES;
use presented::is_leaf;
pub use presented::presents;

/// A site's or segment's number in [`Facts`].
pub type Name = u16;

/// From when to when.
pub type Span = (i64, i64);

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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct At {
    /// Index into [`Facts::sources`].
    pub source: u32,
    /// Its number in the source.
    pub index: u32,
}

/// A statement that tells something of its host, and at a glance what, so that few must be read to know how devices divide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Tell {
    pub(crate) at: At,
    /// It is about a part.
    pub(crate) of_part: bool,
    /// It is about a service.
    pub(crate) of_service: bool,
    /// It may name a serial number.
    pub(crate) serial: bool,
    /// It presents a certificate.
    pub(crate) certificate: bool,
}

impl Tell {
    fn of(said: &Statement<'_>, at: At) -> Self {
        Self {
            at,
            of_part: !said.about.path.is_empty(),
            of_service: said.about.endpoint.is_some(),
            serial: said.fields.iter().any(|one| matches!(one.field, Field::SerialNumber | Field::MdnsTxt)),
            certificate: said.kind == Kind::Certificate && is_leaf(said),
        }
    }
}

/// A statement with where and when it was made.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// What was said.
    pub said: Statement<'a>,
    /// The observation.
    pub entry: EntryRef<'a>,
    /// Where it lies.
    pub at: At,
    /// The clock of its source is not believed.
    pub doubtful: bool,
}

/// A claim, and the statement that makes it.
#[derive(Clone, Debug)]
pub struct ClaimAt<'t, 'a> {
    /// The claim.
    pub claim: Claim<'a>,
    /// The statement.
    pub told: &'t Told<'a>,
}

impl<'a> ClaimAt<'_, 'a> {
    /// In which protocol.
    #[must_use]
    pub fn protocol(&self) -> &'a str {
        self.told.said.protocol
    }

    /// Of which service.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.told.said.about.endpoint
    }

    /// Of which part.
    #[must_use]
    pub fn path(&self) -> &[PathStep] {
        &self.told.said.about.path
    }

    /// First and last time.
    #[must_use]
    pub fn span(&self) -> Span {
        (self.told.entry.first.time, self.told.entry.last.time)
    }
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
    pub span: Span,
    /// It said so of itself.
    pub declared: bool,
}

/// A source, and its names by number.
pub struct SourceOf<'a> {
    /// What was said in it.
    pub said: &'a SourceSaid,
    /// Its key as text.
    pub key: Arc<str>,
    /// Index into [`Facts::sites`].
    pub site: Name,
    /// Its segments as indices into [`Facts::segments`].
    pub segments: Vec<Name>,
    /// The address space of the host that captured, once it was heard.
    own: Option<Name>,
}

/// Everything that was said, sorted by whom it is about.
#[derive(Default)]
pub struct Facts<'a> {
    /// Sites by number.
    pub sites: Vec<String>,
    /// Segments by number; 0 is "".
    pub segments: Vec<String>,
    /// Sources by number.
    pub sources: Vec<SourceOf<'a>>,
    /// Protocols by number.
    pub protocols: Vec<&'a str>,
    /// Hosts, in their order.
    pub hosts: Vec<(HostKey, Host<'a>)>,
    /// Addresses.
    pub sightings: Vec<Sighting>,
    /// Observations that could not be read back.
    pub damaged: u64,
    /// PROFINET names that hosts ask for, while they are gathered: as many as tell whether there is one alone.
    asked_names: BTreeMap<u32, Vec<(String, Stamp, At)>>,
    /// Names that are taken for the asker's own, by where it asks.
    own_names: BTreeMap<At, String>,
    /// TLS servers, by host and service: whether all that they agreed on was TLS 1.3, which hides their certificates.
    pub tls: BTreeMap<(HostKey, Option<Endpoint>), bool>,
    protocol_numbers: HashMap<&'a str, u16, RandomState>,
    /// The number of each host, while they are gathered.
    numbers: HashMap<HostKey, u32, RandomState>,
    /// Where each MAC address was first seen in a frame.
    presence: HashMap<(Name, Mac), At, RandomState>,
    /// Statements that tell something of a host, sorted.
    telling: Vec<(u32, Tell)>,
    /// What the catalogue of findings asks of each protocol, by its number.
    conditions: Vec<Conditions>,
    /// Statements that it asks for, by host, sorted.
    marks: Vec<(u32, Mark)>,
}

/// Protocols of the link layer whose frames no router passes on: an address in them is the sender's own.
const LINK_LOCAL: &[&str] = &["lldp", "cdp", "pn_dcp", "stp", "eth", "arp", "mndp", "edp", "fdp"];

/// Protocols whose hellos no router passes on either: they go to a group of the link with a TTL of 1, which shows nothing by itself
/// (RFC 2328 appendix A.1, RFC 7868 §6.1, RFC 7761 §4.3.1, RFC 2453 §4.3, RFC 2281 §5).
const HELLOS: &[&str] = &["ospf", "eigrp", "pim", "rip", "hsrp"];

/// Protocols in which a router may answer for others (RFC 1027, RFC 4389).
const PROXIED: &[&str] = &["arp", "icmpv6"];

/// Protocols whose relays hand on a client's own words (RFC 2131 §4.1, RFC 8415 §19).
const RELAYED: &[&str] = &["dhcp", "dhcpv6"];

/// TLS 1.3 and DTLS 1.3 on the wire (RFC 8446 §4.2.1, RFC 9147 §5.3).
const TLS_1_3: &[u64] = &[0x0304, 0xfefc];

/// A damaged database could bring any text as a protocol's name; beyond this many they are all one.
const PROTOCOLS_MAX: usize = 1000;

/// Observations that are read in the time that one takes from memory.
const AHEAD: usize = 4;

/// Reads everything once.
#[must_use]
pub fn gather<'a>(said: &'a Said, fingerprints: &'a Fingerprints) -> Facts<'a> {
    let mut facts = Facts { segments: vec![String::new()], ..Facts::default() };
    let mut statement = Statement::default();
    for (source, one) in (0u32..).zip(said.sources.values()) {
        let site = number(&mut facts.sites, &one.source.site);
        let segments: Vec<Name> = one.source.segments.iter().map(|name| number(&mut facts.segments, name)).collect();
        facts.sources.push(SourceOf { said: one, key: one.source.key.to_string().into(), site, segments, own: None });
        for (index, entry) in (0u32..).zip(one.observations.iter()) {
            // Keys lie in the order in which they were heard: those to come are asked for ahead.
            let ahead = one.observations.get(index as usize + AHEAD).and_then(|ahead| ahead.key.first());
            std::hint::black_box(ahead.copied());
            // Where it stands is read for what is shown only.
            if statement.read(entry.key).is_err() {
                facts.damaged += 1;
                continue;
            }
            // A loopback address that others name is nobody's.
            if is_own_host(&statement.about) {
                if !is_own_host(&statement.speaker) {
                    continue;
                }
                facts.sources[source as usize].own = Some(number(&mut facts.segments, &own_segment(&one.source.key)));
            }
            facts.take(&statement, At { source, index }, entry, fingerprints);
        }
    }
    facts.infer_own_names(fingerprints);
    facts.order();
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

impl<'a> Facts<'a> {
    fn take(&mut self, said: &Statement<'a>, at: At, entry: EntryRef<'a>, fingerprints: &'a Fingerprints) {
        let (itself, span, protocol) = (said.of_itself(), (entry.first.time, entry.last.time), self.protocol(said.protocol));
        let (about, speaker) = (self.host_key(at.source, &said.about), self.host_key(at.source, &said.speaker));
        self.sight(said, (about.site, about.segment), span, itself);
        if !itself && speaker != about && !is_own_host(&said.speaker) {
            let (_, host) = self.host(speaker);
            host.spoke = true;
            host.speaks(protocol);
            host.see(span, true);
        }
        self.mark(said, at, itself, protocol, (about, speaker));
        let (number, host) = self.host(about);
        if !itself && about.mac.is_some() && RELAYED.contains(&said.protocol) && matches!(said.kind, Kind::Identity | Kind::Client | Kind::Request) {
            host.relayed_by(speaker);
        } else if said.kind == Kind::Request && !itself {
            host.asked_for = true;
            return;
        }
        host.see(span, itself);
        host.leased |= said.kind == Kind::Lease;
        host.spoke |= itself;
        if itself {
            host.speaks(protocol);
        }
        host.router |= said.kind == Kind::Router && itself;
        if said.kind == Kind::Presence {
            let vlans = said.all(Field::VlanId).filter_map(ValueRef::number).filter_map(|vlan| u16::try_from(vlan).ok());
            vlans.filter(|vlan| *vlan != 0).for_each(|vlan| host.seen_in(vlan));
        }
        if !said.about.path.is_empty() {
            host.answers_for(said.about.endpoint, &said.about.path, span);
        }
        // What it looks for, or was told to be, is no key of its own.
        if itself && said.kind != Kind::Request {
            take_keys(host, said, span, fingerprints);
        }
        if let (Kind::Security, Some(version)) = (said.kind, said.get(Field::TlsVersion).and_then(ValueRef::number)) {
            let hidden = TLS_1_3.contains(&version);
            self.tls.entry((about, said.about.endpoint)).and_modify(|all| *all &= hidden).or_insert(hidden);
        }
        if let (Kind::Presence, "eth", true, Some(mac)) = (said.kind, said.protocol, itself, about.mac) {
            self.is_present((about.site, mac), at, entry);
        }
        self.asks_for_name(number, said, at, entry);
        if fingerprints.is_telling(said) || presents(said).next().is_some() {
            self.telling.push((number, Tell::of(said, at)));
        }
    }

    /// Notes what the catalogue of findings asks for.
    fn mark(&mut self, said: &Statement<'_>, at: At, itself: bool, protocol: u16, (about, speaker): (HostKey, HostKey)) {
        let Some(conditions) = self.conditions.get(usize::from(protocol)) else { return };
        let mut met: Vec<(u16, bool, bool)> = conditions.met(said, itself).collect();
        if said.kind == Kind::Certificate {
            met.push((Mark::CERTIFICATE, true, false));
        } else if said.kind == Kind::Security
            && said.about.endpoint.is_some()
            && [Field::SecurityLevel, Field::TlsCipherSuite, Field::SshCipher].iter().any(|field| said.get(*field).is_some())
        {
            met.push((Mark::SECURITY, true, false));
        } else if said.kind == Kind::Operation {
            met.push((Mark::OPERATION, true, false));
        } else if said.kind == Kind::Credential && said.get(Field::SecretLengthClass).and_then(ValueRef::number) != Some(0) {
            met.push((Mark::SECRET, true, false));
        } else if said.kind == Kind::Proof {
            met.push((Mark::PROOF, true, false));
        }
        for (condition, of_subject, of_speaker) in met {
            let whose = [Some(about).filter(|_| of_subject), Some(speaker).filter(|speaker| of_speaker && !(of_subject && *speaker == about))];
            for key in whose.into_iter().flatten() {
                let number = self.host(key).0;
                self.marks.push((number, Mark { condition, at }));
            }
        }
    }

    fn protocol(&mut self, name: &'a str) -> u16 {
        if let Some(number) = self.protocol_numbers.get(name) {
            return *number;
        }
        let number = self.protocols.len().min(PROTOCOLS_MAX);
        if number == self.protocols.len() {
            self.protocols.push(if number == PROTOCOLS_MAX { "unknown" } else { name });
            self.conditions.push(Conditions::on(name));
            self.protocol_numbers.insert(name, number as u16);
        }
        number as u16
    }

    fn host(&mut self, key: HostKey) -> (u32, &mut Host<'a>) {
        let Self { numbers, hosts, .. } = self;
        let number = *numbers.entry(key).or_insert_with(|| {
            hosts.push((key, Host::default()));
            hosts.len() as u32 - 1
        });
        (number, &mut hosts[number as usize].1)
    }

    fn is_present(&mut self, mac: (Name, Mac), at: At, entry: EntryRef<'_>) {
        let sources = &self.sources;
        let first = |at: At| sources.get(at.source as usize).and_then(|one| one.said.observations.get(at.index as usize)).map(|one| one.first);
        let known = self.presence.entry(mac).or_insert(at);
        if (Some(entry.first), at.source) < (first(*known), known.source) {
            *known = at;
        }
    }

    /// Which address this statement shows at which MAC address.
    fn sight(&mut self, said: &Statement<'_>, place: (Name, Name), span: Span, itself: bool) {
        let Some(mac) = said.about.mac else { return };
        let frames = matches!(said.protocol, "ip" | "ipv6");
        let firm = !frames && !PROXIED.contains(&said.protocol);
        if let (Kind::Binding | Kind::Lease, Some(ip)) = (said.kind, said.about.ip) {
            let ttl = said.get(Field::TimeToLive).and_then(ValueRef::number).and_then(|ttl| u8::try_from(ttl).ok());
            self.sightings.push(Sighting { place, ip, mac, confirmed: !frames, firm, ttl, span, declared: itself && !frames });
        }
        if let (Kind::Router, Some(ip)) = (said.kind, said.about.ip)
            && itself
            && !mac.is_virtual_router()
            && HELLOS.contains(&said.protocol)
        {
            self.sightings.push(Sighting { place, ip, mac, confirmed: true, firm: true, ttl: None, span, declared: true });
        }
        if frames || !itself || said.kind == Kind::Request || !LINK_LOCAL.contains(&said.protocol) {
            return;
        }
        for field in [Field::Ipv4Address, Field::Ipv6Address, Field::ManagementAddress] {
            let ips = said.all(field).filter_map(|value| if let ValueRef::Ip(ip) = value { Some(ip) } else { None });
            for ip in ips.filter(|ip| Some(*ip) != said.about.ip && !ip.is_unspecified()) {
                self.sightings.push(Sighting { place, ip, mac, confirmed: true, firm, ttl: None, span, declared: true });
            }
        }
    }

    /// Puts hosts, and what tells of them, in their order.
    fn order(&mut self) {
        let mut order: Vec<u32> = (0..).take(self.hosts.len()).collect();
        order.sort_unstable_by_key(|at| self.hosts[*at as usize].0);
        let mut numbers = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(old, new)| numbers[*old as usize] = new);
        self.hosts.sort_unstable_by_key(|(key, _)| *key);
        self.hosts.iter_mut().for_each(|(_, host)| host.order());
        self.numbers = HashMap::default();
        self.telling.iter_mut().for_each(|(host, _)| *host = numbers[*host as usize]);
        self.telling.sort_unstable();
        self.telling.shrink_to_fit();
        self.marks.iter_mut().for_each(|(host, _)| *host = numbers[*host as usize]);
        self.marks.sort_unstable();
    }

    /// Forgets what only says who is who.
    pub(crate) fn settle(&mut self) {
        self.sightings = Vec::new();
        self.hosts.iter_mut().for_each(|(_, host)| host.settle());
    }

    /// The host that a source's subject is.
    pub(crate) fn host_key(&self, source: u32, subject: &Subject) -> HostKey {
        let one = self.sources.get(source as usize);
        let segment = match one {
            Some(one) if is_own_host(subject) => one.own,
            one => one.and_then(|one| one.segments.get(usize::from(subject.segment.0))).copied(),
        };
        let segment = segment.unwrap_or(0);
        HostKey { site: one.map_or(0, |one| one.site), segment, mac: subject.mac, ip: subject.ip }
    }

    /// An observation.
    #[must_use]
    pub fn entry(&self, at: At) -> Option<EntryRef<'a>> {
        self.sources.get(at.source as usize)?.said.observations.get(at.index as usize)
    }

    /// The same, read.
    #[must_use]
    pub fn told(&self, at: At) -> Option<Told<'a>> {
        let source = &self.sources.get(at.source as usize)?.said.source;
        let entry = self.entry(at)?;
        Some(Told { said: entry.statement().ok()?, entry, at, doubtful: source.clock.is_some() })
    }

    /// A source's key.
    #[must_use]
    pub fn source(&self, number: u32) -> Option<SourceKey> {
        self.sources.get(number as usize).map(|one| one.said.source.key)
    }

    /// Where a MAC address was first seen in a frame.
    #[must_use]
    pub fn presence(&self, site: Name, mac: Mac) -> Option<At> {
        self.presence.get(&(site, mac)).copied()
    }

    /// Statements that the catalogue of findings asks for, by the number of their host.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (u32, &[(u32, Mark)])> {
        self.marks.chunk_by(|a, b| a.0 == b.0).map(|of| (of[0].0, of))
    }

    /// Statements that tell something of a host, by its number, in their order.
    pub(crate) fn telling(&self) -> impl Iterator<Item = (u32, &[(u32, Tell)])> {
        self.telling.chunk_by(|a, b| a.0 == b.0).map(|of| (of[0].0, of))
    }
}

/// Keys that one speaker says of itself in one PDU.
fn take_keys<'a>(host: &mut Host<'a>, said: &Statement<'a>, span: Span, fingerprints: &'a Fingerprints) {
    for one in &said.fields {
        let key = match (one.field, one.value) {
            (Field::SerialNumber, value) => serial(value, said, fingerprints),
            (Field::EngineId, ValueRef::Bytes(id)) => Some(Key::EngineId(id.to_vec())),
            (Field::StationName, ValueRef::Text(name)) if !name.is_empty() => Some(Key::StationName(String::from_utf8_lossy(name).to_lowercase())),
            (Field::DhcpClientId | Field::Duid, ValueRef::Bytes(id)) => client_id(id),
            (Field::SpkiSha256, ValueRef::Bytes(digest)) if is_leaf(said) => Some(Key::CertificateKey(digest.to_vec())),
            _ => None,
        };
        if let Some(key) = key {
            host.shows(OwnKey { key, protocol: said.protocol, endpoint: said.about.endpoint, path: said.about.path.clone() }, span);
        }
        if let (Field::MacAddress | Field::ChassisId | Field::BridgeId, ValueRef::Mac(mac), []) = (one.field, one.value, &said.about.path[..])
            && mac.is_device()
            && said.about.mac != Some(mac)
        {
            host.names(mac, said.protocol, span.0);
        }
    }
}

/// A serial number with its vendor. Without one the protocol is the name space: numbers of two makers may agree.
fn serial(value: ValueRef<'_>, said: &Statement<'_>, fingerprints: &Fingerprints) -> Option<Key> {
    let serial = fingerprints::text::safe(value).trim().to_owned();
    if fingerprints::attribute::is_no_serial(&serial) {
        return None;
    }
    let claims = fingerprints.claims(said);
    let vendor = claims.iter().find(|claim| claim.attribute == Attribute::Vendor && claim.class != fingerprints::Class::Inferred);
    let vendor = vendor.map_or_else(|| format!("proto {}", said.protocol), |claim| normal(Attribute::Vendor, &claim.value));
    Some(Key::Serial(vendor, serial))
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
