//! One device with its parts, as the document has it.

use super::conversation::Traffic;
use super::member::{Ghosts, Member, wider};
use super::{View, certificate, time};
use crate::attribute::normal;
use crate::document::{self, Device};
use crate::gather::{ClaimAt, Name};
use crate::key::Key;
use crate::parts::{self, Units};
use crate::place::is_public;
use crate::resolve::{Component, Node, PartAt};
use fingerprints::behaviour::Role;
use fingerprints::{Attribute, Class};
use observations::{Endpoint, Mac};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

type Span = (i64, i64);

impl<'a> View<'a> {
    /// The device and its parts.
    pub(super) fn devices(&self, at: usize, member: &Member<'_, 'a>, traffic: &Traffic, out: &mut Vec<Device>) {
        let component = &self.resolved.components[at];
        let (Some(id), Some(least)) = (self.ids[at].as_deref(), component.least()) else { return };
        let claimed = member.claims.iter().map(|claim| (claim.endpoint, claim.path.as_slice()));
        let units = Units::of(member.parts.keys().copied().chain(claimed));
        let behind = self.several_behind(at, member, &units);
        let mut own: Vec<&ClaimAt<'_>> = Vec::new();
        let mut of_parts: BTreeMap<PartAt, (Vec<&ClaimAt<'_>>, Option<Span>)> = BTreeMap::new();
        for claim in member.claims.iter().copied() {
            let path = units.reduce(claim.endpoint, &claim.path);
            match claim.endpoint.filter(|endpoint| behind.contains(endpoint)) {
                Some(endpoint) => of_parts.entry(PartAt::Port(endpoint.port)).or_default().0.push(claim),
                None if path.is_empty() => own.push(claim),
                None => of_parts.entry(PartAt::Path(path.to_vec())).or_default().0.push(claim),
            }
        }
        for ((endpoint, path), span) in &member.parts {
            let path = units.reduce(*endpoint, path);
            if !path.is_empty() && endpoint.is_none_or(|endpoint| !behind.contains(&endpoint)) {
                let known = &mut of_parts.entry(PartAt::Path(path.to_vec())).or_default().1;
                *known = Some(known.map_or(*span, |known| wider(known, *span)));
            }
        }
        let mut device = self.device(at, component, member, traffic, id);
        self.decide_all(&mut device, &own, traffic.roles(at));
        self.mac_vendor(&mut device, component);
        if !behind.is_empty() {
            device.kind = "represents_many".into();
        }
        out.extend(of_parts.iter().map(|(part, (claims, span))| self.part(&device, at, least, part, claims, *span)));
        out.push(device);
    }

    /// Endpoints behind which other devices answer: those of one protocol that show different serial numbers, and, where frames show
    /// that the address is translated or forwarded, those that show different makers.
    fn several_behind(&self, at: usize, member: &Member<'_, 'a>, units: &Units) -> BTreeSet<Endpoint> {
        let mut serials: BTreeMap<&str, BTreeMap<Endpoint, BTreeSet<&str>>> = BTreeMap::new();
        let mut makers: BTreeMap<Endpoint, BTreeSet<String>> = BTreeMap::new();
        for claim in member.claims.iter().filter(|claim| claim.claim.class <= Class::Declared) {
            let Some(endpoint) = claim.endpoint.filter(|_| units.reduce(claim.endpoint, &claim.path).is_empty()) else { continue };
            match claim.claim.attribute {
                Attribute::Serial => {
                    serials.entry(claim.protocol).or_default().entry(endpoint).or_default().insert(&claim.claim.value);
                }
                Attribute::Vendor => {
                    makers.entry(endpoint).or_default().insert(normal(Attribute::Vendor, &claim.claim.value));
                }
                _ => {}
            }
        }
        let several = |by_endpoint: &BTreeMap<Endpoint, BTreeSet<&str>>| by_endpoint.values().collect::<BTreeSet<_>>().len() > 1;
        let mut behind: BTreeSet<Endpoint> = serials.into_values().filter(several).flat_map(BTreeMap::into_keys).collect();
        let differ = || makers.values().any(|a| makers.values().any(|b| a.is_disjoint(b)));
        if makers.len() > 1 && self.is_translated(at) && differ() {
            behind.extend(makers.keys());
        }
        behind
    }

    fn is_translated(&self, at: usize) -> bool {
        self.addresses_of[at].iter().any(|(_, holder)| holder.mixed)
    }

    fn part(&self, whole: &Device, at: usize, least: &Key, part: &PartAt, claims: &[&ClaimAt<'_>], span: Option<Span>) -> Device {
        let site = self.resolved.components[at].site();
        let (key, name) = match part {
            PartAt::Path(path) => (Key::Part(Box::new(least.clone()), path.clone()), parts::name(path)),
            PartAt::Port(port) => (Key::Behind(Box::new(least.clone()), *port), format!("port {port}")),
        };
        let told = claims.iter().map(|claim| (claim.at.entry.first.time, claim.at.entry.last.time)).chain(span).reduce(wider);
        let keys = self.resolved.part_keys.get(&(at, part.clone()));
        let mut aliases: Vec<String> = keys.into_iter().flatten().map(|key| self.id_of(site, key)).collect();
        aliases.sort();
        let mut device = Device {
            id: self.id_of(site, &key),
            aliases,
            kind: "component".into(),
            site: whole.site.clone(),
            segments: whole.segments.clone(),
            reach: whole.reach.clone(),
            parent: Some(whole.id.clone()),
            part: Some(name),
            first_seen: told.and_then(|span| time(span.0)),
            last_seen: told.and_then(|span| time(span.1)),
            managed: unmanaged(),
            ..Device::default()
        };
        self.decide_all(&mut device, claims, &[]);
        device
    }

    fn device(&self, at: usize, component: &Component, member: &Member<'_, 'a>, traffic: &Traffic, id: &str) -> Device {
        let mut aliases: Vec<String> = component.keys.keys().map(|key| self.id_of(component.site(), key)).filter(|alias| alias != id).collect();
        aliases.sort();
        let (ips, bindings) = self.addresses(at, component);
        let active = traffic.span(at).into_iter().chain(member.active).reduce(wider);
        let span = active.or(component.span);
        let segments = member.segments.iter().map(|segment| self.segment(*segment)).filter(|name| !name.is_empty());
        let vlans = member.vlans.iter().filter(|vlan| **vlan != 0).map(|vlan| format!("vlan {vlan}"));
        let roles = traffic.roles(at);
        Device {
            id: id.to_owned(),
            aliases,
            kind: "device".into(),
            reach: self.reach(component, &ips).into(),
            behind: self.behind(component).filter(|hop| hop != id),
            segments: segments.map(str::to_owned).chain(vlans).collect(),
            macs: component.macs().map(|mac| mac.to_string()).collect(),
            ips: ips.iter().map(IpAddr::to_string).collect(),
            bindings,
            roles: roles.iter().map(Role::text).collect(),
            annotations: self.annotations(component),
            services: traffic.services(at),
            protocols: member.protocols.iter().map(|name| (*name).to_owned()).collect(),
            identities: certificate::identities(self, component.site(), &member.presented),
            managed: unmanaged(),
            first_seen: span.and_then(|span| time(span.0)),
            last_seen: span.and_then(|span| time(span.1)),
            sent: traffic.sent(at),
            received: traffic.received(at),
            site: self.site(component.site()).to_owned(),
            ..Device::default()
        }
    }

    fn annotations(&self, component: &Component) -> BTreeMap<String, String> {
        if self.decisions.annotations.is_empty() {
            return BTreeMap::new();
        }
        let keys: BTreeSet<String> = component.keys.keys().map(Key::text).collect();
        let of = self.decisions.annotations.iter().filter(|((key, _), _)| keys.contains(key));
        of.map(|((_, name), value)| (name.clone(), value.clone())).collect()
    }

    /// Addresses and when they were used.
    fn addresses(&self, at: usize, component: &Component) -> (BTreeSet<IpAddr>, Vec<document::Binding>) {
        let mut bindings: Vec<(IpAddr, Name, Span, Class)> = Vec::new();
        for (address, holder) in &self.addresses_of[at] {
            let class = if holder.declared {
                Class::Declared
            } else if holder.confirmed {
                Class::Reported
            } else {
                Class::Inferred
            };
            bindings.push((address.2, address.1, holder.span, class));
        }
        for (node, span) in component.nodes.iter().zip(&component.spans) {
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

    fn reach(&self, component: &Component, ips: &BTreeSet<IpAddr>) -> &'static str {
        let behind = component.nodes.iter().any(|node| matches!(node, Node::Ip(address) if self.places.behind.contains_key(address)));
        if component.heard {
            "local"
        } else if component.macs().next().is_none() && !ips.is_empty() && ips.iter().all(is_public) {
            "external"
        } else if behind || component.macs().next().is_some() {
            "routed"
        } else {
            "local"
        }
    }

    /// The next hop, or the relay, that it is behind.
    fn behind(&self, component: &Component) -> Option<String> {
        if component.heard {
            return None;
        }
        let hops = component.nodes.iter().filter_map(|node| if let Node::Ip(address) = node { Some(address) } else { None });
        let hops = hops.flat_map(|address| self.places.behind.get(address).into_iter().flatten().map(|mac| (address.0, *mac)));
        let hops = hops.filter_map(|(site, mac)| self.component_of_mac(site, mac));
        let relays = component.relays.iter().filter_map(|relay| self.component_at(relay, component.span.map_or(0, |span| span.0)));
        hops.chain(relays).filter_map(|at| self.ids[at].clone()).min()
    }

    /// Addresses that were only asked for, or only leased.
    pub(super) fn ghosts(&self, ghosts: &Ghosts, document: &mut document::Document) {
        for ((site, segment, ip), macs) in ghosts {
            let name = self.segment(*segment);
            document.coverage.asked_for_only.push(ip.to_string());
            document.devices.push(Device {
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
            });
        }
        document.coverage.asked_for_only.sort();
        document.coverage.asked_for_only.dedup();
    }
}

fn unmanaged() -> document::Managed {
    document::Managed { state: "unknown".into(), reason: "no list of managed devices is loaded".into(), ..document::Managed::default() }
}
