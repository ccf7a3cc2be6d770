//! Who was not there before: devices that came after the baseline, and those that ask whom they did not ask, or may not.
//!
//! A baseline is a time, or a document of that time. It says something of a site only if the site was watched before that time, or is in
//! the document; else everybody would be new. Whom nobody knew before has no old acquaintances, either: that he is new is one finding.

use super::policy::is_in;
use super::talk::Asker;
use super::{Bench, Found, Note};
use crate::assemble::{Talk, time};
use crate::document::Document;
use crate::gather::{At, Name};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What was there before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Baseline {
    /// For people: the time, or the document's name.
    pub name: String,
    /// What was seen until then was there before, in nanoseconds since 1970; of a document nothing.
    pub until: Option<i64>,
    /// Ids of a document's devices, aliases included, each with the id that its device showed.
    devices: BTreeMap<String, String>,
    /// Who asked whom in what, by those ids.
    talks: BTreeSet<(String, String, String)>,
}

impl Baseline {
    /// All that was seen until a time, in nanoseconds since 1970.
    #[must_use]
    pub fn of_time(until: i64) -> Self {
        Self { name: time(until).unwrap_or_default(), until: Some(until), ..Self::default() }
    }

    /// All that a document shows.
    #[must_use]
    pub fn of_document(name: &str, document: &Document) -> Self {
        let mut baseline = Self { name: name.to_owned(), ..Self::default() };
        for device in document.devices.iter().filter(|device| device.kind != "ghost") {
            let ids = std::iter::once(&device.id).chain(&device.aliases);
            baseline.devices.extend(ids.map(|id| (id.clone(), device.id.clone())));
        }
        for talk in &document.conversations {
            if let (Some(client), Some(server)) = (&talk.client.device, &talk.server.device) {
                baseline.talks.insert((client.clone(), server.clone(), talk.protocol.clone()));
            }
        }
        baseline
    }

    /// How many ids a document has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether it knows nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.until.is_none()
    }
}

/// When a client first asked a server in a protocol.
pub(super) type FirstAsked<'v> = BTreeMap<(usize, usize, &'v str), i64>;

/// Classes of devices on which nobody develops programs. A switch or a router may hide somebody who does, a computer may be used for it.
const NEVER_ENGINEERING: &[&str] = &["controller", "field-device", "surveillance", "printing", "mobile", "medical"];

impl<'v> Bench<'v, '_> {
    /// Devices that came after the baseline. Who goes by addresses that software chose comes every day: he is told if he takes part in
    /// the process.
    pub(super) fn new_devices(&self, rule: u16, found: &mut Found) {
        let Some(baseline) = &self.policy.baseline else { return };
        let asks: BTreeSet<usize> = self.of_process().filter_map(|(_, talk)| talk.client).collect();
        for component in self.components() {
            let fleeting = self.has_chosen_address(component).is_some() && !self.process.contains(&component) && !asks.contains(&component);
            if fleeting || self.view.is_outside(component) || self.is_known(component) != Some(false) {
                continue;
            }
            let Some(span) = self.view.resolved.components[component].span else { continue };
            let text = format!("first seen {}, and not in the baseline of {}", time(span.0).unwrap_or_default(), baseline.name);
            found.note(component, rule, Note { text, span: Some(span), at: self.first_said(component).into_iter().collect(), ..Note::default() });
        }
    }

    /// Whether a device was there before, where the baseline can tell.
    fn is_known(&self, component: usize) -> Option<bool> {
        let baseline = self.policy.baseline.as_ref()?;
        let one = self.view.resolved.components.get(component)?;
        match baseline.until {
            Some(until) => self.is_watched_before(self.view.site(one.site()), until).then(|| {
                let remembered = self.view.remembered(one).is_some_and(|first| first <= until);
                remembered || one.span.is_none_or(|span| span.0 <= until)
            }),
            None => self.sites_then(baseline).contains(&one.site()).then(|| self.id_then(baseline, component).is_some()),
        }
    }

    /// Sites of a document's devices of which one at least is here: one under pseudonyms, or of another network, knows nobody.
    fn sites_then(&self, baseline: &Baseline) -> &BTreeSet<Name> {
        self.sites_then.get_or_init(|| {
            let known = self.components().filter(|component| self.id_then(baseline, *component).is_some());
            known.map(|component| self.view.site_of(component)).collect()
        })
    }

    /// The id under which the baseline's document shows a device.
    fn id_then<'b>(&self, baseline: &'b Baseline, component: usize) -> Option<&'b String> {
        let one = self.view.resolved.components.get(component)?;
        one.keys.iter().find_map(|(key, _)| baseline.devices.get(&self.view.id_of(one.site(), key)))
    }

    fn is_watched_before(&self, site: &str, until: i64) -> bool {
        let sources = self.view.said.sources.values().map(|one| &one.source);
        let kept = sources.filter(|source| source.site == site && source.clock.is_none()).filter_map(|source| source.first_seen);
        kept.chain(self.view.remembered_of_site(site)).any(|first| first <= until)
    }

    /// Whether the side that asks is what a rule looks for.
    pub(super) fn is_asked_by(&self, talk: &Talk<'v>, asker: Asker) -> bool {
        match asker {
            Asker::New => self.is_new_asker(talk),
            Asker::NotEngineering => self.is_no_engineering_station(talk),
        }
    }

    fn is_new_asker(&self, talk: &Talk<'v>) -> bool {
        if let Ok(client) = talk.client_address.parse::<IpAddr>()
            && let Some(may) = self.policy.may_ask(&client, talk.server_address.parse().ok().as_ref(), talk.protocol)
        {
            return !may;
        }
        let (Some(baseline), Some(client), Some(server)) = (&self.policy.baseline, talk.client, talk.server) else { return false };
        if client == server || self.is_known(server) != Some(true) {
            return false;
        }
        match baseline.until {
            Some(until) => self.first_asked().get(&(client, server, talk.protocol)).is_some_and(|first| *first > until),
            None => {
                let ends = self.id_then(baseline, client).cloned().zip(self.id_then(baseline, server).cloned());
                !ends.is_some_and(|(client, server)| baseline.talks.contains(&(client, server, talk.protocol.to_owned())))
            }
        }
    }

    /// When each first asked each other, in protocols of the process.
    fn first_asked(&self) -> &FirstAsked<'v> {
        self.first_asked.get_or_init(|| {
            let mut first = FirstAsked::new();
            for (_, talk) in self.of_process() {
                if let (Some(client), Some(server)) = (talk.client, talk.server) {
                    let known = first.entry((client, server, talk.protocol)).or_insert(talk.span.0);
                    *known = talk.span.0.min(*known);
                }
            }
            first
        })
    }

    fn is_no_engineering_station(&self, talk: &Talk<'v>) -> bool {
        let Some(client) = talk.client else { return false };
        if !self.policy.engineering.is_empty() {
            return talk.client_address.parse().is_ok_and(|ip| !is_in(&self.policy.engineering, &ip));
        }
        self.class_of(client, |class, _| NEVER_ENGINEERING.contains(&class))
    }

    /// Whether the side that is asked is of a type.
    pub(super) fn is_of_type(&self, talk: &Talk<'v>, types: &[String]) -> bool {
        talk.server.is_some_and(|server| self.class_of(server, |_, kind| types.iter().any(|wanted| wanted == kind)))
    }

    /// Asks for class and type of a device, which are costly to know: few are asked about.
    fn class_of(&self, component: usize, is: impl Fn(&str, &str) -> bool) -> bool {
        let mut classes = self.classes.borrow_mut();
        let (class, kind) = classes.entry(component).or_insert_with(|| {
            let device = self.view.whole(component, self.members, self.traffic);
            (device.class, device.kind_of_device)
        });
        is(class, kind)
    }

    /// IPv6 where an operator says that there is none: who sent it, by his first packet.
    pub(super) fn ipv6(&self, rule: u16, found: &mut Found) {
        if !self.policy.zones.iter().any(|zone| zone.ipv4_only) {
            return;
        }
        let mut spoke: BTreeMap<usize, (i64, u32, &str)> = BTreeMap::new();
        for (number, talk) in self.traffic.talks(|_| true) {
            let ends = [(talk.client, talk.client_address), (talk.server.filter(|_| talk.both), talk.server_address)];
            for (component, address) in ends {
                if let Some(component) = component.filter(|_| matches!(address.parse(), Ok(IpAddr::V6(_)))) {
                    let known = spoke.entry(component).or_insert((talk.span.0, number, address));
                    *known = (talk.span.0, number, address).min(*known);
                }
            }
        }
        for (component, (first, number, address)) in spoke {
            let ips = self.view.ips_of(component);
            if let Some(zone) = ips.iter().find_map(|ip| self.policy.zone_of(ip)).filter(|zone| zone.ipv4_only) {
                let text = format!("it speaks from {address}, and {} is said to have no IPv6", zone.name);
                found.note(component, rule, Note { text, span: Some((first, first)), talk: Some(number), ..Note::default() });
            }
        }
    }

    /// The first statement that a device is there.
    pub(super) fn first_said(&self, component: usize) -> Option<At> {
        let one = self.view.resolved.components.get(component)?;
        let frames = one.macs().filter_map(|mac| self.view.facts.presence(one.site(), mac));
        let told = self.members.telling(component).iter().map(|tell| tell.at);
        let first = |at: &At| self.view.facts.entry(*at).map(|entry| (entry.first, at.source, at.index));
        frames.min_by_key(first).or_else(|| told.min_by_key(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Conversation, Device, Party};

    #[test]
    fn a_document_knows_its_devices_by_all_their_ids_and_no_ghosts() {
        let device = Device { id: "a".into(), aliases: vec!["b".into()], kind: "device".into(), site: "north".into(), ..Device::default() };
        let ghost = Device { id: "g".into(), kind: "ghost".into(), ..Device::default() };
        let party = |id: &str| Party { device: Some(id.into()), ..Party::default() };
        let talk = Conversation { client: party("a"), server: party("c"), protocol: "modbus".into(), ..Conversation::default() };
        let document = Document { devices: vec![device, ghost], conversations: vec![talk], ..Document::default() };
        let baseline = Baseline::of_document("may.json", &document);
        assert_eq!((baseline.len(), baseline.devices.get("b").map(String::as_str), baseline.devices.contains_key("g")), (2, Some("a"), false));
        assert!(baseline.talks.contains(&("a".into(), "c".into(), "modbus".into())));
        assert!(Baseline::default().is_empty() && !Baseline::of_time(0).is_empty());
    }
}
