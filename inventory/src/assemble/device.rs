//! One device with its parts, as the document has it.

use super::acts::Act;
use super::conversation::{Of, Traffic};
use super::decided::Doing;
use super::member::{Ghosts, Member, Members};
use super::{View, certificate, time};
use crate::attribute::normal;
use crate::document::{self, Device};
use crate::gather::{At, ClaimAt, Name, Span, Told, wider};
use crate::key::Key;
use crate::parts::{self, Units};
use crate::place::{Address, is_public};
use crate::resolve::{Component, Node, PartAt};
use fingerprints::behaviour::{Trait, Verb};
use fingerprints::{Attribute, Class};
use observations::{Endpoint, Mac, StepKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A part of a device: what tells of it, and when else it answered.
#[derive(Default)]
pub(super) struct Part {
    pub(super) telling: Vec<At>,
    pub(super) span: Option<Span>,
}

/// A device's statements divided: its own, and its parts.
pub(super) struct Division {
    own: BTreeSet<At>,
    pub(super) parts: BTreeMap<PartAt, Part>,
    /// Parts that are the device itself.
    itself: Vec<PartAt>,
    /// Other devices answer behind some of its ports.
    many: bool,
}

impl Division {
    /// Modbus units that answered behind it.
    fn units(&self) -> usize {
        let unit = |place: &&PartAt| matches!(place, PartAt::Path(path) if path.first().is_some_and(|step| step.kind == StepKind::ModbusUnit));
        self.parts.keys().filter(unit).count()
    }
}

impl<'a> View<'a> {
    /// Whether a component may have parts: most are one device, and need not be read to know it.
    pub(super) fn may_have_parts(&self, at: usize, members: &Members) -> bool {
        let (mut serials, mut services) = (0, 0);
        for tell in members.telling(at) {
            if tell.of_part {
                return true;
            }
            services += usize::from(tell.of_service);
            serials += usize::from(tell.of_service && tell.serial);
        }
        let answers = |number: &u32| self.facts.hosts.get(*number as usize).is_some_and(|(_, host)| !host.parts().is_empty());
        serials > 1 || members.hosts(at).iter().any(answers) || services > 0 && self.is_translated(at)
    }

    /// Which of a component's statements are about itself, and which about parts of it.
    pub(super) fn divide(&self, at: usize, member: &Member<'_>, told: &[Told<'a>], claims: &[ClaimAt<'_, 'a>]) -> Division {
        let claimed = claims.iter().map(|claim| (claim.endpoint(), claim.path()));
        let units = Units::of(member.parts.keys().copied().chain(claimed));
        let behind = self.several_behind(at, claims, &units);
        let mut parts: BTreeMap<PartAt, Part> = BTreeMap::new();
        let mut own = BTreeSet::new();
        // What presents a key and claims nothing makes no part.
        let claiming: BTreeSet<At> = claims.iter().map(|claim| claim.told.at).collect();
        for one in told.iter().filter(|one| claiming.contains(&one.at)) {
            let (endpoint, path) = (one.said.about.endpoint, one.said.about.path.as_slice());
            let path = units.reduce(endpoint, path);
            let part = match endpoint.filter(|endpoint| behind.contains(endpoint)) {
                Some(endpoint) => PartAt::Port(endpoint.port),
                None if path.is_empty() => {
                    own.insert(one.at);
                    continue;
                }
                None => PartAt::Path(path.to_vec()),
            };
            parts.entry(part).or_default().telling.push(one.at);
        }
        for ((endpoint, path), span) in &member.parts {
            let path = units.reduce(*endpoint, path);
            if !path.is_empty() && endpoint.is_none_or(|endpoint| !behind.contains(&endpoint)) {
                let known = &mut parts.entry(PartAt::Path(path.to_vec())).or_default().span;
                *known = Some(known.map_or(*span, |known| wider(known, *span)));
            }
        }
        let itself = own_serials(&own, &parts, claims);
        for part in &itself {
            own.extend(parts.remove(part).into_iter().flat_map(|part| part.telling));
        }
        Division { own, parts, itself, many: !behind.is_empty() }
    }

    /// The device without its parts.
    pub(crate) fn whole(&self, at: usize, members: &Members, traffic: &Traffic<'_>) -> Device {
        let component = &self.resolved.components[at];
        let member = self.member(members.hosts(at));
        let told = self.told(members.telling(at).iter().map(|tell| tell.at));
        let claims = self.claims(&told);
        let division = self.may_have_parts(at, members).then(|| self.divide(at, &member, &told, &claims));
        let of = traffic.component_of(at);
        let mut device = self.device(at, component, &member, &of, &told);
        device.secrets = self.used_secrets(at, members);
        let own: Vec<&ClaimAt<'_, '_>> = match &division {
            None => claims.iter().collect(),
            Some(division) => claims.iter().filter(|claim| division.own.contains(&claim.told.at)).collect(),
        };
        let maker = component.macs().find_map(|mac| Some((mac, fingerprints::table::organisation(mac)?)));
        let mut acts = self.acts(&of, traffic, &device, &own);
        if division.as_ref().is_some_and(|division| division.units() > 1) {
            acts.push(Act { what: Trait { verb: Verb::Is, what: "standing-before-units" }, said: None, talk: None });
        }
        let doing = Doing { acts, maker: maker.map(|(_, name)| name), traffic: Some(traffic) };
        self.decide_all(&mut device, &own, doing);
        if let Some((mac, organisation)) = maker {
            self.mac_vendor(&mut device, (component.site(), mac), organisation);
        }
        if let Some(division) = division {
            // Before its serial number was seen they were parts, and had an id.
            device.aliases.extend(division.itself.iter().filter_map(|part| self.id_of_part(at, part)).map(|id| id.to_string()));
            device.aliases.sort();
            device.kind = if division.many { "represents_many" } else { "device" }.into();
        }
        device
    }

    /// Endpoints behind which other devices answer: those of one protocol that show different serial numbers, and, where frames show
    /// that the address is translated or forwarded, those that show different makers, or another than the device itself does on its link,
    /// where nobody forwards. A maker that a model tells counts there, too.
    fn several_behind(&self, at: usize, claims: &[ClaimAt<'_, 'a>], units: &Units) -> BTreeSet<Endpoint> {
        let mut serials: BTreeMap<&str, BTreeMap<Endpoint, BTreeSet<&str>>> = BTreeMap::new();
        let (mut makers, mut own): (BTreeMap<Endpoint, BTreeSet<String>>, BTreeSet<String>) = Default::default();
        for claim in claims.iter().filter(|claim| units.reduce(claim.endpoint(), claim.path()).is_empty()) {
            match (claim.claim.attribute, claim.endpoint()) {
                (Attribute::Serial, Some(endpoint)) if claim.claim.class <= Class::Declared => {
                    serials.entry(claim.protocol()).or_default().entry(endpoint).or_default().insert(&claim.claim.value);
                }
                (Attribute::Vendor, Some(endpoint)) => {
                    makers.entry(endpoint).or_default().insert(normal(Attribute::Vendor, &claim.claim.value));
                }
                (Attribute::Vendor, None) => drop(own.insert(normal(Attribute::Vendor, &claim.claim.value))),
                _ => {}
            }
        }
        let several = |by_endpoint: &BTreeMap<Endpoint, BTreeSet<&str>>| by_endpoint.values().collect::<BTreeSet<_>>().len() > 1;
        let mut behind: BTreeSet<Endpoint> = serials.into_values().filter(several).flat_map(BTreeMap::into_keys).collect();
        if self.is_translated(at) {
            let differ = makers.values().any(|a| makers.values().any(|b| a.is_disjoint(b)));
            let another = |of: &BTreeSet<String>| if own.is_empty() { differ } else { own.is_disjoint(of) };
            behind.extend(makers.iter().filter(|(_, of)| another(of)).map(|(endpoint, _)| endpoint));
        }
        behind
    }

    fn is_translated(&self, at: usize) -> bool {
        self.addresses_of(at).any(|(_, holder)| holder.mixed)
    }

    /// The id of a part.
    pub(super) fn id_of_part(&self, at: usize, part: &PartAt) -> Option<uuid::Uuid> {
        let component = self.resolved.components.get(at)?;
        let least = Box::new(component.least()?.clone());
        let key = match part {
            PartAt::Path(path) => Key::Part(least, path.clone()),
            PartAt::Port(port) => Key::Behind(least, *port),
        };
        Some(self.uuid_of(component.site(), &key))
    }

    /// A part of a device.
    pub(super) fn part(&self, at: usize, members: &Members, place: &PartAt, part: &Part) -> Device {
        let component = &self.resolved.components[at];
        let told = self.told(part.telling.iter().copied());
        let claims = self.claims(&told);
        let span = claims.iter().map(ClaimAt::span).chain(part.span).reduce(wider);
        let keys = self.resolved.part_keys.get(&(at, place.clone()));
        let mut aliases: Vec<String> = keys.into_iter().flatten().map(|key| self.id_of(component.site(), key)).collect();
        aliases.sort();
        let mut device = Device {
            id: self.id_of_part(at, place).map(|id| id.to_string()).unwrap_or_default(),
            aliases,
            kind: "component".into(),
            site: self.site(component.site()).to_owned(),
            segments: self.segments(&self.member(members.hosts(at))),
            reach: self.reach(at, component).into(),
            parent: self.id(at),
            part: Some(match place {
                PartAt::Path(path) => parts::name(path),
                PartAt::Port(port) => format!("port {port}"),
            }),
            first_seen: span.and_then(|span| time(span.0)),
            last_seen: span.and_then(|span| time(span.1)),
            managed: unmanaged(),
            ..Device::default()
        };
        let own: Vec<&ClaimAt<'_, '_>> = claims.iter().collect();
        let acts = if let PartAt::Path(path) = place { Self::acts_of_part(path, &own) } else { Vec::new() };
        self.decide_all(&mut device, &own, Doing { acts, maker: None, traffic: None });
        device
    }

    fn segments(&self, member: &Member<'_>) -> Vec<String> {
        let segments = member.segments.iter().map(|segment| self.segment(*segment)).filter(|name| !name.is_empty());
        segments.map(str::to_owned).chain(member.vlans.iter().map(|vlan| format!("vlan {vlan}"))).collect()
    }

    fn device(&self, at: usize, component: &Component, member: &Member<'_>, of: &Of<'_>, told: &[Told<'a>]) -> Device {
        let (id, least) = (self.ids[at], component.least());
        let others = component.keys.iter().filter(|(key, _)| Some(key) != least);
        let aliases = others.map(|(key, _)| self.uuid_of(component.site(), key)).filter(|alias| Some(*alias) != id);
        let mut aliases: Vec<String> = aliases.map(|alias| alias.to_string()).collect();
        aliases.sort();
        let (ips, bindings) = self.addresses(at, component);
        let span = of.span.into_iter().chain(member.active).reduce(wider).or(component.span);
        Device {
            id: self.id(at).unwrap_or_default(),
            aliases,
            kind: "device".into(),
            reach: self.reach(at, component).into(),
            behind: self.behind(component).filter(|hop| Some(*hop) != id).map(|hop| hop.to_string()),
            segments: self.segments(member),
            macs: component.macs().map(|mac| mac.to_string()).collect(),
            ips: ips.iter().map(IpAddr::to_string).collect(),
            bindings,
            roles: of.roles.iter().map(|acting| acting.role.text()).collect(),
            annotations: self.annotations(component),
            services: of.services(),
            protocols: member.protocols.iter().map(|name| (*name).to_owned()).collect(),
            identities: certificate::identities(self, component.site(), told),
            managed: unmanaged(),
            first_seen: span.map(|span| self.remembered(component).map_or(span.0, |first| first.min(span.0))).and_then(time),
            last_seen: span.and_then(|span| time(span.1)),
            sent: of.sent.clone(),
            received: of.received.clone(),
            site: self.site(component.site()).to_owned(),
            ..Device::default()
        }
    }

    /// When it was seen first in sources that are no longer kept.
    pub(crate) fn remembered(&self, component: &Component) -> Option<i64> {
        if self.decisions.seen.is_empty() {
            return None;
        }
        let (site, without_mac) = (self.site(component.site()), component.macs().next().is_none());
        // An IP address is another's tomorrow: it counts where there is nothing better.
        let own = component.keys.iter().filter(|(key, _)| without_mac || !matches!(key, Key::Ip(..)));
        own.filter_map(|(key, _)| self.decisions.seen.get(&(site.to_owned(), key.text())).copied()).min()
    }

    /// When anybody of a site was.
    pub(crate) fn remembered_of_site(&self, site: &str) -> Option<i64> {
        self.decisions.seen.iter().filter(|((of, _), _)| of == site).map(|(_, first)| *first).min()
    }

    fn annotations(&self, component: &Component) -> BTreeMap<String, String> {
        if self.decisions.annotations.is_empty() {
            return BTreeMap::new();
        }
        let keys: BTreeSet<String> = component.keys.iter().map(|(key, _)| key.text()).collect();
        let of = self.decisions.annotations.iter().filter(|((key, _), _)| keys.contains(key));
        of.map(|((_, name), value)| (name.clone(), value.clone())).collect()
    }

    /// Addresses and when they were used.
    fn addresses(&self, at: usize, component: &Component) -> (BTreeSet<IpAddr>, Vec<document::Binding>) {
        let mut bindings: Vec<(IpAddr, Name, Span, Class)> = Vec::new();
        for (address, holder) in self.addresses_of(at) {
            let class = if holder.declared {
                Class::Declared
            } else if holder.confirmed {
                Class::Reported
            } else {
                Class::Inferred
            };
            bindings.push((address.2, address.1, holder.span, class));
        }
        for (node, span) in &component.nodes {
            if let (Node::Ip(address), Some(span)) = (node, span) {
                bindings.push((address.2, address.1, *span, Class::Inferred));
            }
        }
        bindings.sort();
        let binding = |(ip, segment, span, class): &(IpAddr, Name, Span, Class)| document::Binding {
            kind: "ip".into(),
            value: ip.to_string(),
            segment: self.segment(*segment).to_owned(),
            first_seen: time(span.0),
            last_seen: time(span.1),
            class: class.name().into(),
        };
        (bindings.iter().map(|binding| binding.0).collect(), bindings.iter().map(binding).collect())
    }

    pub(crate) fn reach(&self, at: usize, component: &Component) -> &'static str {
        if component.heard {
            return "local";
        }
        let own = component.nodes.iter().filter_map(|(node, span)| if let Node::Ip(address) = node { span.map(|_| address.2) } else { None });
        let mut ips = self.addresses_of(at).map(|(address, _)| address.2).chain(own).peekable();
        let without_mac = component.macs().next().is_none();
        let behind = || component.nodes.iter().any(|(node, _)| matches!(node, Node::Ip(address) if self.places.behind.contains_key(address)));
        if without_mac && ips.peek().is_some() && ips.all(|ip| is_public(&ip)) {
            "external"
        } else if !without_mac || behind() {
            "routed"
        } else {
            "local"
        }
    }

    /// The next hop, or the relay, that it is behind.
    fn behind(&self, component: &Component) -> Option<uuid::Uuid> {
        if component.heard {
            return None;
        }
        let hops = component.nodes.iter().filter_map(|(node, _)| if let Node::Ip(address) = node { Some(address) } else { None });
        let hops = hops.flat_map(|address| self.places.behind.get(address).into_iter().flatten().map(|mac| (address.0, *mac)));
        let hops = hops.filter_map(|(site, mac)| self.component_of_mac(site, mac));
        let relays = component.relays.iter().filter_map(|relay| self.component_at(relay, component.span.map_or(0, |span| span.0)));
        hops.chain(relays).filter_map(|at| self.ids[at]).min()
    }

    /// An address that was only asked for, or only leased.
    pub(super) fn ghost(&self, (site, segment, ip): &Address, macs: &BTreeSet<Mac>) -> Device {
        let name = self.segment(*segment);
        Device {
            id: self.id_of(*site, &Key::Ip(name.to_owned(), *ip)),
            kind: "ghost".into(),
            site: self.site(*site).to_owned(),
            segments: Some(name.to_owned()).filter(|name| !name.is_empty()).into_iter().collect(),
            reach: "local".into(),
            macs: macs.iter().map(Mac::to_string).collect(),
            ips: vec![ip.to_string()],
            class: "unknown".into(),
            kind_of_device: "unknown".into(),
            would_tell_more: vec!["nothing at this address has answered: it may be off, moved, or never have existed".into()],
            managed: unmanaged(),
            ..Device::default()
        }
    }

    /// Addresses of ghosts, as text.
    pub(super) fn asked_for_only(ghosts: &Ghosts) -> Vec<String> {
        let mut addresses: Vec<String> = ghosts.keys().map(|(_, _, ip)| ip.to_string()).collect();
        addresses.sort();
        addresses.dedup();
        addresses
    }
}

/// Parts that show no serial number but the device's own: the module that holds the interface, asked by its slot.
fn own_serials(own: &BTreeSet<At>, parts: &BTreeMap<PartAt, Part>, claims: &[ClaimAt<'_, '_>]) -> Vec<PartAt> {
    let of_part: BTreeMap<At, &PartAt> = parts.iter().flat_map(|(place, part)| part.telling.iter().map(move |at| (*at, place))).collect();
    let (mut device, mut shown): (BTreeSet<&str>, BTreeMap<&PartAt, BTreeSet<&str>>) = Default::default();
    for claim in claims.iter().filter(|claim| claim.claim.attribute == Attribute::Serial && claim.claim.class <= Class::Declared) {
        if own.contains(&claim.told.at) {
            device.insert(&claim.claim.value);
        } else if let Some(place @ PartAt::Path(_)) = of_part.get(&claim.told.at) {
            shown.entry(place).or_default().insert(&claim.claim.value);
        }
    }
    shown.into_iter().filter(|(_, serials)| serials.is_subset(&device)).map(|(place, _)| place.clone()).collect()
}

fn unmanaged() -> document::Managed {
    document::Managed { state: "unknown".into(), reason: "no list of managed devices is loaded".into(), ..document::Managed::default() }
}
