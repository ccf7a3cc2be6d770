//! Components to the published document.

use crate::attribute::{Candidate, Decided, TOLD_MIN, decide};
use crate::decision::Decisions;
use crate::document::{self, AttributeRecord, Device, Document, Rival, SCHEMA};
use crate::gather::{At, ClaimAt, Facts, HostKey, Presented, gather};
use crate::key::Key;
use crate::place::{Places, is_public};
use crate::resolve::{Component, Node, Resolved, node_of, resolve};
use fingerprints::behaviour::{self, Role};
use fingerprints::{Attribute, Class, Fingerprints};
use observations::said::Entry;
use observations::{Endpoint, Field, Mac, Observation, PathStep, Said, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

mod certificate;
mod conversation;
mod kind;
mod source;
mod text;

pub use text::{evidence, time};

/// Everything that was said, as the document; `decisions` are an operator's.
#[must_use]
pub fn inventory(said: &Said, fingerprints: &Fingerprints, decisions: &Decisions) -> Document {
    View::of(said, fingerprints, decisions).document()
}

/// What the document is made from, for commands that need more than it shows.
pub struct View<'a> {
    /// All that was said.
    pub said: &'a Said,
    /// Sorted by whom it is about.
    pub facts: Facts<'a>,
    /// Who had which address.
    pub places: Places,
    /// Devices.
    pub resolved: Resolved,
    fingerprints: &'a Fingerprints,
    decisions: &'a Decisions,
    ids: Vec<Option<String>>,
}

/// What is gathered of one component.
#[derive(Default)]
struct Member<'v, 'a> {
    claims: Vec<&'v ClaimAt<'a>>,
    presented: Vec<&'v Presented<'a>>,
    hosts: Vec<&'v HostKey>,
    span: Option<(i64, i64)>,
    protocols: BTreeSet<&'static str>,
    vlans: BTreeSet<u16>,
    segments: BTreeSet<u16>,
    parts: BTreeMap<(Option<Endpoint>, Vec<PathStep>), (i64, i64)>,
    spoke: bool,
    router: bool,
    own_ips: BTreeSet<IpAddr>,
}

impl<'a> View<'a> {
    /// Resolves what was said.
    #[must_use]
    pub fn of(said: &'a Said, fingerprints: &'a Fingerprints, decisions: &'a Decisions) -> Self {
        let facts = gather(said, fingerprints);
        let places = Places::of(&facts);
        let resolved = resolve(&facts, &places, decisions);
        let id = |component: &Component| {
            let site = facts.sites.get(usize::from(component.site()))?;
            Some(component.least()?.id(site))
        };
        let ids = resolved.components.iter().map(id).collect();
        Self { said, facts, places, resolved, fingerprints, decisions, ids }
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut members: Vec<Member<'_, 'a>> = self.resolved.components.iter().map(|_| Member::default()).collect();
        let mut ghosts = Vec::new();
        for (key, host) in &self.facts.hosts {
            let Some(span) = host.span.or(host.asked_for.then_some((0, 0))) else { continue };
            let Some(node) = node_of(&self.places, key, span.0) else { continue };
            let Some(at) = self.resolved.of_node.get(&node).copied() else {
                if host.asked_for && !host.spoke {
                    ghosts.push(key);
                }
                continue;
            };
            self.take(&mut members[at], key, host, at);
            self.scatter(&mut members, key, host, at);
        }
        let traffic = conversation::Traffic::of(self);
        let mut document = self.frame_of_document(&traffic);
        for (at, member) in members.iter().enumerate() {
            self.devices(at, member, &traffic, &mut document.devices);
        }
        self.ghosts(&ghosts, &mut document);
        document.certificates = certificate::certificates(self, &members_presented(&members), &self.ids);
        document.devices.sort_by(|a, b| a.id.cmp(&b.id));
        document
    }

    fn frame_of_document(&self, traffic: &conversation::Traffic) -> Document {
        let sources = source::records(self.said);
        let limits_hit = source::limits(self.said);
        Document {
            schema: SCHEMA.into(),
            producer: document::Producer {
                version: env!("CARGO_PKG_VERSION").into(),
                rules: self.fingerprints.rules().to_string(),
                ..document::Producer::default()
            },
            as_of: self.said.sources.values().filter_map(|one| one.source.last_seen).max().and_then(time),
            complete: self.said.sources.values().all(|one| one.source.complete) && limits_hit.is_empty(),
            limits_hit,
            coverage: self.coverage(traffic),
            sources,
            conversations: traffic.conversations.clone(),
            ..Document::default()
        }
    }

    fn coverage(&self, traffic: &conversation::Traffic) -> document::Coverage {
        let mut coverage = document::Coverage {
            one_way_conversations: traffic.one_way,
            conversations: traffic.conversations.len() as u64,
            virtual_addresses: self.places.virtual_addresses.iter().map(|((_, _, ip), mac)| format!("{ip} at {mac}")).collect(),
            ..document::Coverage::default()
        };
        for (name, bytes) in self.said.sources.values().flat_map(|one| &one.source.opaque) {
            *coverage.opaque_bytes.entry(name.clone()).or_default() += bytes;
        }
        for (address, holders) in &self.places.holders {
            if self.overlapping(holders) {
                let macs: Vec<String> = holders.iter().map(|holder| holder.mac.to_string()).collect();
                coverage.overlapping_addresses.push(format!("{}: {}", address.2, macs.join(", ")));
            }
        }
        for (key, owners) in &self.resolved.shared {
            let devices = owners.iter().filter_map(|at| self.ids[*at].clone()).collect::<BTreeSet<_>>();
            coverage.shared_keys.push(document::SharedKey { key: key.text(), devices: devices.into_iter().collect() });
        }
        coverage
    }

    /// One address that several MAC addresses use at the same time, again and again.
    fn overlapping(&self, holders: &[crate::place::Holder]) -> bool {
        let pairs = holders.iter().enumerate().flat_map(|(index, a)| holders[index + 1..].iter().map(move |b| (a, b)));
        let mut real = pairs.filter(|(a, b)| a.declared && b.declared && self.component_of_mac(a.mac) != self.component_of_mac(b.mac));
        real.any(|(a, b)| a.span.0 <= b.span.1 && b.span.0 <= a.span.1 && a.span.0 != a.span.1 && b.span.0 != b.span.1)
    }

    fn component_of_mac(&self, mac: Mac) -> Option<usize> {
        (0..self.facts.sites.len()).find_map(|site| self.resolved.of_node.get(&Node::Mac(u16::try_from(site).ok()?, mac)).copied())
    }

    /// A component's id.
    #[must_use]
    pub fn id(&self, component: usize) -> Option<&str> {
        self.ids.get(component)?.as_deref()
    }

    fn take<'v>(&'v self, member: &mut Member<'v, 'a>, key: &'v HostKey, host: &'v crate::gather::Host<'a>, _: usize) {
        member.hosts.push(key);
        if let Some((first, last)) = host.span {
            member.span = Some(member.span.map_or((first, last), |span| (span.0.min(first), span.1.max(last))));
        }
        member.protocols.extend(&host.protocols);
        member.vlans.extend(&host.vlans);
        member.segments.insert(key.segment);
        member.spoke |= host.spoke;
        member.router |= host.router;
        member.own_ips.extend(&host.own_ips);
        for (part, span) in &host.parts {
            let known = member.parts.entry(part.clone()).or_insert(*span);
            *known = (known.0.min(span.0), known.1.max(span.1));
        }
    }

    /// Claims go to the device that had the address when they were made.
    fn scatter<'v>(&'v self, members: &mut [Member<'v, 'a>], key: &HostKey, host: &'v crate::gather::Host<'a>, at: usize) {
        let moved = key
            .ip
            .is_some_and(|ip| key.mac.is_none() && self.places.holders.get(&(key.site, key.segment, ip)).is_some_and(|holders| holders.len() > 1));
        let place = |entry: &Entry| {
            if moved {
                node_of(&self.places, key, entry.first.time).and_then(|node| self.resolved.of_node.get(&node).copied()).unwrap_or(at)
            } else {
                at
            }
        };
        for claim in &host.claims {
            members[place(claim.at.entry)].claims.push(claim);
        }
        for presented in &host.presented {
            members[place(presented.at.entry)].presented.push(presented);
        }
    }

    /// The device and its parts.
    fn devices<'v>(&'v self, at: usize, member: &Member<'v, 'a>, traffic: &conversation::Traffic, out: &mut Vec<Device>) {
        let component = &self.resolved.components[at];
        let Some(id) = self.ids[at].clone() else { return };
        let units = Units::of(member);
        let behind = self.several_behind(member);
        let (mut own, mut parts, mut others): (Vec<&ClaimAt<'_>>, BTreeMap<Vec<PathStep>, Vec<&ClaimAt<'_>>>, BTreeMap<u16, Vec<&ClaimAt<'_>>>) =
            Default::default();
        for claim in &member.claims {
            let path = units.reduce(claim.endpoint, &claim.path);
            match claim.endpoint.filter(|endpoint| behind.contains(endpoint)) {
                Some(endpoint) => others.entry(endpoint.port).or_default().push(claim),
                None if path.is_empty() => own.push(claim),
                None => parts.entry(path).or_default().push(claim),
            }
        }
        let mut device = self.device(at, component, member, traffic, &id);
        self.attributes(&mut device, &own, component, traffic.roles(at));
        if !behind.is_empty() {
            device.kind = "represents_many".into();
        }
        for (endpoint_path, span) in &member.parts {
            let path = units.reduce(endpoint_path.0, &endpoint_path.1);
            if !path.is_empty() {
                parts.entry(path).or_default();
                let _ = span;
            }
        }
        for (path, claims) in &parts {
            let name: Vec<String> = path.iter().map(|step| format!("{} {}", step.kind.name(), step.number)).collect();
            let span = member
                .parts
                .iter()
                .filter(|(part, _)| units.reduce(part.0, &part.1) == *path)
                .map(|(_, span)| *span)
                .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            out.push(self.part(
                &device,
                component,
                &Key::Part(Box::new(component.least().cloned().unwrap_or(Key::Hostname(String::new()))), path.clone()),
                &name.join(" "),
                claims,
                span,
            ));
        }
        for (port, claims) in &others {
            let address = Key::Behind(Box::new(component.least().cloned().unwrap_or(Key::Hostname(String::new()))), *port);
            out.push(self.part(&device, component, &address, &format!("port {port}"), claims, None));
        }
        out.push(device);
    }

    /// Endpoints of one protocol that show different serial numbers: port forwarding to devices behind this address.
    fn several_behind(&self, member: &Member<'_, 'a>) -> BTreeSet<Endpoint> {
        let mut serials: BTreeMap<&str, BTreeMap<Endpoint, BTreeSet<&str>>> = BTreeMap::new();
        for claim in member
            .claims
            .iter()
            .filter(|claim| claim.claim.attribute == Attribute::Serial && claim.path.is_empty() && claim.claim.class == Class::Declared)
        {
            if let Some(endpoint) = claim.endpoint {
                serials.entry(claim.protocol).or_default().entry(endpoint).or_default().insert(&claim.claim.value);
            }
        }
        let several = |by_endpoint: &BTreeMap<Endpoint, BTreeSet<&str>>| by_endpoint.values().collect::<BTreeSet<_>>().len() > 1;
        serials.into_values().filter(several).flat_map(BTreeMap::into_keys).collect()
    }

    fn part(&self, whole: &Device, component: &Component, key: &Key, name: &str, claims: &[&ClaimAt<'_>], span: Option<(i64, i64)>) -> Device {
        let site = self.facts.sites.get(usize::from(component.site())).map_or("", String::as_str);
        let told =
            claims.iter().map(|claim| (claim.at.entry.first.time, claim.at.entry.last.time)).chain(span).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let mut device = Device {
            id: key.id(site),
            kind: "component".into(),
            site: whole.site.clone(),
            segments: whole.segments.clone(),
            reach: whole.reach.clone(),
            parent: Some(whole.id.clone()),
            part: Some(name.to_owned()),
            first_seen: told.and_then(|span| time(span.0)),
            last_seen: told.and_then(|span| time(span.1)),
            managed: unmanaged(),
            ..Device::default()
        };
        self.decide_all(&mut device, claims, &[]);
        device
    }

    fn device(&self, at: usize, component: &Component, member: &Member<'_, 'a>, traffic: &conversation::Traffic, id: &str) -> Device {
        let macs: BTreeSet<Mac> = component.nodes.iter().filter_map(|node| if let Node::Mac(_, mac) = node { Some(*mac) } else { None }).collect();
        let site = self.facts.sites.get(usize::from(component.site())).cloned().unwrap_or_default();
        let mut aliases: Vec<String> = component.keys.keys().map(|key| key.id(&site)).filter(|alias| alias != id).collect();
        aliases.sort();
        let (ips, bindings) = self.addresses(component, &macs);
        let span = traffic.span(at).into_iter().chain(member.span).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let segments =
            member.segments.iter().filter_map(|segment| self.facts.segments.get(usize::from(*segment))).filter(|name| !name.is_empty()).cloned();
        let vlans = member.vlans.iter().filter(|vlan| **vlan != 0).map(|vlan| format!("vlan {vlan}"));
        let key_texts: BTreeSet<String> = component.keys.keys().map(Key::text).collect();
        let annotations =
            self.decisions.annotations.iter().filter(|((key, _), _)| key_texts.contains(key)).map(|((_, name), value)| (name.clone(), value.clone()));
        let roles = traffic.roles(at);
        Device {
            id: id.to_owned(),
            aliases,
            kind: "device".into(),
            reach: self.reach(component, &macs, &ips).into(),
            behind: self.behind(component),
            segments: segments.chain(vlans).collect(),
            macs: macs.iter().map(Mac::to_string).collect(),
            ips: ips.iter().map(IpAddr::to_string).collect(),
            bindings,
            roles: roles.iter().map(Role::text).collect(),
            annotations: annotations.collect(),
            services: traffic.services(at),
            protocols: member.protocols.iter().map(|name| (*name).to_owned()).collect(),
            identities: certificate::identities(self, &member.presented),
            managed: unmanaged(),
            first_seen: span.and_then(|span| time(span.0)),
            last_seen: span.and_then(|span| time(span.1)),
            sent: traffic.sent(at),
            received: traffic.received(at),
            site,
            ..Device::default()
        }
    }

    /// Addresses and when they were used.
    fn addresses(&self, component: &Component, macs: &BTreeSet<Mac>) -> (BTreeSet<IpAddr>, Vec<document::Binding>) {
        let (mut ips, mut bindings) = (BTreeSet::new(), Vec::new());
        let segment = |number: u16| self.facts.segments.get(usize::from(number)).cloned().unwrap_or_default();
        for (address, holders) in &self.places.holders {
            for holder in holders.iter().filter(|holder| address.0 == component.site() && macs.contains(&holder.mac)) {
                ips.insert(address.2);
                let class = if holder.declared {
                    Class::Declared
                } else if holder.confirmed {
                    Class::Reported
                } else {
                    Class::Inferred
                };
                bindings.push(document::Binding {
                    kind: "ip".into(),
                    value: address.2.to_string(),
                    segment: segment(address.1),
                    first_seen: time(holder.span.0),
                    last_seen: time(holder.span.1),
                    class: class.name().into(),
                });
            }
        }
        for node in &component.nodes {
            if let Node::Ip(address) = node {
                ips.insert(address.2);
            }
        }
        (ips, bindings)
    }

    fn reach(&self, component: &Component, macs: &BTreeSet<Mac>, ips: &BTreeSet<IpAddr>) -> &'static str {
        let behind = component.nodes.iter().any(|node| matches!(node, Node::Ip(address) if self.places.behind.contains_key(address)));
        match (macs.is_empty(), ips.iter().all(is_public)) {
            (false, _) => "local",
            (true, true) => "external",
            (true, false) if behind => "routed",
            (true, false) => "local",
        }
    }

    fn behind(&self, component: &Component) -> Option<String> {
        let hops =
            component.nodes.iter().filter_map(|node| if let Node::Ip(address) = node { self.places.behind.get(address) } else { None }).flatten();
        hops.filter_map(|mac| self.component_of_mac(*mac).and_then(|at| self.ids[at].clone())).min()
    }

    /// Attributes, class, type, names.
    fn attributes(&self, device: &mut Device, claims: &[&ClaimAt<'_>], component: &Component, roles: &[Role]) {
        self.decide_all(device, claims, roles);
        self.mac_vendor(device, component);
    }

    fn decide_all(&self, device: &mut Device, claims: &[&ClaimAt<'_>], roles: &[Role]) {
        let mut by_attribute: BTreeMap<Attribute, Vec<&ClaimAt<'_>>> = BTreeMap::new();
        for claim in claims {
            by_attribute.entry(claim.claim.attribute).or_default().push(claim);
        }
        for (attribute, claims) in &by_attribute {
            let Some(decided) = decide(*attribute, claims) else { continue };
            match attribute {
                Attribute::Class | Attribute::Type => {}
                Attribute::Hostname => device.hostnames = names(&decided),
                _ => {
                    device.attributes.insert(attribute.name().to_owned(), self.record(&decided));
                }
            }
        }
        let behaviour = behaviour::claims(roles);
        device.class = self.tell(device, Attribute::Class, by_attribute.get(&Attribute::Class), &behaviour);
        let kinds = by_attribute.get(&Attribute::Type).map(|kinds| kind::agreeing(kinds, by_attribute.get(&Attribute::Class), &device.class));
        device.kind_of_device = self.tell(device, Attribute::Type, kinds.as_ref(), &kind::of_class(&behaviour, &device.class));
        if device.class == "unknown" || device.kind_of_device == "unknown" {
            device.would_tell_more = would_tell_more(device);
        }
    }

    /// Class or type: the best inference, if it is strong enough to be told. The reasons stand as an attribute of the same name.
    fn tell(&self, device: &mut Device, attribute: Attribute, claims: Option<&Vec<&ClaimAt<'_>>>, behaviour: &[fingerprints::Claim]) -> String {
        let decided = claims.and_then(|claims| decide(attribute, claims));
        let acts = behaviour.iter().filter(|claim| claim.attribute == attribute).max_by_key(|claim| claim.confidence);
        let mut record = decided.map(|decided| self.record(&decided));
        if let Some(acts) = acts
            && record.as_ref().is_none_or(|record| record.confidence < acts.confidence)
        {
            let rivals =
                record.take().map(|old| Rival { value: old.value, confidence: old.confidence, class: old.class, rule: old.rule, ..Rival::default() });
            record = Some(AttributeRecord {
                value: acts.value.clone(),
                confidence: acts.confidence,
                class: acts.class.name().into(),
                rule: acts.rule.clone(),
                rivals: rivals.into_iter().filter(|rival| rival.value != acts.value).collect(),
                ..AttributeRecord::default()
            });
        }
        match record.filter(|record| record.confidence >= TOLD_MIN) {
            Some(record) => {
                let value = record.value.clone();
                device.attributes.insert(attribute.name().to_owned(), record);
                value
            }
            None => "unknown".to_owned(),
        }
    }

    /// The maker of the network card; the vendor only where nothing better is known and the maker builds devices.
    fn mac_vendor(&self, device: &mut Device, component: &Component) {
        let mac = component.nodes.iter().find_map(|node| if let Node::Mac(site, mac) = node { Some((*site, *mac)) } else { None });
        let Some(((site, mac), organisation)) = mac.and_then(|(site, mac)| Some(((site, mac), fingerprints::table::organisation(mac)?))) else {
            return;
        };
        let seen = HostKey { site, segment: 0, mac: Some(mac), ip: None };
        let presence = self.facts.hosts.range(seen..).take_while(|(key, _)| key.site == site).find(|(key, host)| key.mac == Some(mac) && host.spoke);
        let _ = presence;
        let record = |value: &str, confidence, rule: String| AttributeRecord {
            value: value.to_owned(),
            confidence,
            class: Class::Inferred.name().into(),
            rule,
            evidence: self.presence(site, mac),
            ..AttributeRecord::default()
        };
        let prefix: String = mac.to_string().chars().take(8).collect();
        device.attributes.insert("mac_vendor".into(), record(organisation, 70, format!("registry:oui {prefix}")));
        if !device.attributes.contains_key("vendor")
            && let Some(vendor) = fingerprints::table::builder(organisation)
        {
            device.attributes.insert("vendor".into(), record(vendor, 60, format!("registry:mac-vendor-builds-devices {prefix}")));
        }
        // Makers of one kind of device: only where nothing else tells class and type, and the type never without the class.
        let hints = self.fingerprints.of_mac_vendor(organisation);
        let hint = |attribute| hints.iter().find(|hint| hint.0 == attribute && hint.2 >= TOLD_MIN);
        if let (true, Some((_, class, confidence, rule))) = (device.class == "unknown", hint(Attribute::Class)) {
            device.class.clone_from(class);
            device.attributes.insert("class".into(), record(class, *confidence, rule.clone()));
            if let (true, Some((_, kind, confidence, rule))) = (device.kind_of_device == "unknown", hint(Attribute::Type)) {
                device.kind_of_device.clone_from(kind);
                device.attributes.insert("type".into(), record(kind, *confidence, rule.clone()));
            }
        }
        if device.class != "unknown" && device.kind_of_device != "unknown" {
            device.would_tell_more.clear();
        }
    }

    /// Where a MAC address was first seen.
    fn presence(&self, site: u16, mac: Mac) -> Vec<document::Evidence> {
        let mut found: Option<(At<'_>, Observation)> = None;
        for (number, one) in self.said.sources.values().enumerate() {
            if self.facts.sites.get(usize::from(site)).is_none_or(|name| *name != one.source.site) {
                continue;
            }
            for segment in 0..one.source.segments.len().max(1) {
                let about = observations::Subject::of_mac(observations::Segment(u16::try_from(segment).unwrap_or(0)), mac);
                let mut head = Vec::new();
                observations::bytes::put_key_head(&mut head, &about, "eth", observations::Kind::Presence, &about);
                for (key, entry) in one.observations.range(head.clone().into_boxed_slice()..).take_while(|(key, _)| key.starts_with(&head)) {
                    let at = At { source: u16::try_from(number).unwrap_or(0), key, entry };
                    let better = found.as_ref().is_none_or(|(best, _)| (entry.first, at.source) < (best.entry.first, best.source));
                    if let (true, Ok(said)) = (better, Observation::decode(key, &entry.evidence, entry.first, entry.last, entry.revision)) {
                        found = Some((at, said));
                    }
                }
            }
        }
        let found = found.map(|(at, said)| {
            let index = said.fields.iter().position(|said| said.field == Field::MacAddress);
            evidence(self.said, &self.facts, at, &said, index)
        });
        found.into_iter().collect()
    }

    fn record(&self, decided: &Decided<'_, '_>) -> AttributeRecord {
        let winner = &decided.winner;
        let best = winner.claims.first();
        let raw = best.and_then(|claim| self.raw(claim));
        let mut evidence: Vec<document::Evidence> = Vec::new();
        let mut voices = BTreeSet::new();
        for claim in &winner.claims {
            // One quotation a protocol is enough to see where the value comes from.
            if voices.insert(claim.protocol) && evidence.len() < EVIDENCE_MAX {
                evidence.extend(self.evidence_of(claim));
            }
        }
        AttributeRecord {
            value: winner.value.to_owned(),
            confidence: winner.confidence,
            class: winner.class.name().into(),
            rule: best.map(|claim| claim.claim.rule.clone()).unwrap_or_default(),
            conflict: decided.conflict,
            raw,
            rivals: decided.rivals.iter().map(rival).collect(),
            history: decided.history.iter().map(rival).collect(),
            evidence,
        }
    }

    fn decode(at: At<'_>) -> Option<Observation> {
        Observation::decode(at.key, &at.entry.evidence, at.entry.first, at.entry.last, at.entry.revision).ok()
    }

    fn evidence_of(&self, claim: &ClaimAt<'_>) -> Option<document::Evidence> {
        let said = Self::decode(claim.at)?;
        let mut evidence = evidence(self.said, &self.facts, claim.at, &said, claim.claim.field);
        // The bytes are a number: its name stands in the registry.
        evidence.derivation.extend(claim.claim.rule.strip_prefix("registry:").map(str::to_owned));
        Some(evidence)
    }

    fn raw(&self, claim: &ClaimAt<'_>) -> Option<String> {
        let said = Self::decode(claim.at)?;
        let value = &said.fields.get(claim.claim.field?)?.value;
        if !fingerprints::text::loses(value) {
            return None;
        }
        if let Value::Text(bytes) = value { Some(observations::value::hex(bytes)) } else { None }
    }

    /// Addresses that were only asked for.
    fn ghosts(&self, ghosts: &[&HostKey], document: &mut Document) {
        for key in ghosts {
            let (Some(ip), Some(site)) = (key.ip, self.facts.sites.get(usize::from(key.site))) else { continue };
            let segment = self.facts.segments.get(usize::from(key.segment)).cloned().unwrap_or_default();
            document.coverage.asked_for_only.push(ip.to_string());
            document.devices.push(Device {
                id: Key::Ip(segment.clone(), ip).id(site),
                kind: "ghost".into(),
                site: site.clone(),
                segments: Some(segment).filter(|name| !name.is_empty()).into_iter().collect(),
                reach: "local".into(),
                ips: vec![ip.to_string()],
                class: "unknown".into(),
                kind_of_device: "unknown".into(),
                would_tell_more: vec!["nothing at this address has answered: it may be off, moved, or never have existed".into()],
                managed: unmanaged(),
                ..Device::default()
            });
        }
        document.coverage.asked_for_only.sort();
        document.coverage.asked_for_only.dedup();
    }
}

/// Quotations shown for one value.
const EVIDENCE_MAX: usize = 4;

fn members_presented<'m, 'v, 'a>(members: &'m [Member<'v, 'a>]) -> Vec<&'m [&'v Presented<'a>]> {
    members.iter().map(|member| member.presented.as_slice()).collect()
}

fn rival(candidate: &Candidate<'_, '_>) -> Rival {
    Rival {
        value: candidate.value.to_owned(),
        confidence: candidate.confidence,
        class: candidate.class.name().into(),
        rule: candidate.claims.first().map(|claim| claim.claim.rule.clone()).unwrap_or_default(),
        first_seen: time(candidate.span.0),
        last_seen: time(candidate.span.1),
    }
}

/// Names, best first; what is the same but for the domain is one.
fn names(decided: &Decided<'_, '_>) -> Vec<String> {
    let all = std::iter::once(&decided.winner).chain(&decided.rivals).chain(&decided.history);
    let mut names: Vec<String> = Vec::new();
    for candidate in all {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(candidate.value)) {
            names.push(candidate.value.to_owned());
        }
    }
    names
}

fn unmanaged() -> document::Managed {
    document::Managed { state: "unknown".into(), reason: "no list of managed devices is loaded".into(), ..document::Managed::default() }
}

/// What capture would tell more, by what was seen.
fn would_tell_more(device: &Device) -> Vec<String> {
    let speaks =
        |name: &str| device.protocols.iter().any(|protocol| protocol == name) || device.services.iter().any(|service| service.protocol == name);
    let mut hints = Vec::new();
    if speaks("pn_rt") {
        hints.push("PROFINET in steady state shows only the MAC address: capture a start-up of the controller");
    }
    if speaks("modbus") {
        hints.push("a device identification (function code 43/14) asked by an engineering station, or the web page of the device");
    }
    if speaks("enip") || speaks("cip") {
        hints.push("a List Identity or a read of the Identity object by an engineering station");
    }
    if speaks("tls") {
        hints.push("TLS 1.3 hides certificates: a name asked for in DNS, DHCP or mDNS");
    }
    if hints.is_empty() {
        hints.push("a start-up (DHCP, LLDP, mDNS), or a management station that asks it (SNMP)");
    }
    hints.into_iter().map(str::to_owned).collect()
}

/// Parts that are real: a server that answers for one unit only is that unit.
struct Units(BTreeMap<Option<Endpoint>, usize>);

impl Units {
    fn of(member: &Member<'_, '_>) -> Self {
        let mut units: BTreeMap<Option<Endpoint>, BTreeSet<&PathStep>> = BTreeMap::new();
        let paths =
            member.parts.keys().map(|(endpoint, path)| (*endpoint, path)).chain(member.claims.iter().map(|claim| (claim.endpoint, &claim.path)));
        for (endpoint, path) in paths {
            if let Some(step) = path.first().filter(|step| step.kind == observations::StepKind::ModbusUnit) {
                units.entry(endpoint).or_default().insert(step);
            }
        }
        Self(units.into_iter().map(|(endpoint, units)| (endpoint, units.len())).collect())
    }

    fn reduce(&self, endpoint: Option<Endpoint>, path: &[PathStep]) -> Vec<PathStep> {
        let single = self.0.get(&endpoint).is_some_and(|units| *units <= 1);
        match path.split_first() {
            Some((first, rest)) if single && first.kind == observations::StepKind::ModbusUnit => rest.to_vec(),
            _ => path.to_vec(),
        }
    }
}
