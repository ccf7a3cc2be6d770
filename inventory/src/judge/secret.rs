//! Devices that accept the same secret. Only that they do is told: no tag leaves this module.

use super::{Bench, Found, Mark, Note};
use crate::assemble::{Members, View, time};
use crate::document::{SharedSecret, UsedSecret};
use crate::gather::{At, Span, wider};
use observations::{Field, ValueRef};
use std::collections::{BTreeMap, BTreeSet};

/// Uses that are meant to be shared: neighbours in routing and redundancy know each other by one secret (RFC 2328 appendix D, RFC 5798).
const MEANT: &[&str] = &[
    "ospf authentication",
    "isis authentication",
    "rip authentication",
    "vrrp authentication",
    "hsrp authentication",
    "glbp authentication",
    "bfd password",
];

/// Secrets of one device that are told, those that were used last: who guesses makes more.
const USED_MAX: usize = 16;

/// Devices that accept one secret.
#[derive(Default)]
struct Group {
    uses: BTreeSet<String>,
    devices: BTreeMap<usize, (Option<Span>, Vec<At>)>,
}

impl View<'_> {
    /// Why secrets were not compared, if they were not: for people.
    pub(crate) fn secrets_not_compared(&self) -> Option<String> {
        let secrets = self.facts.marks().flat_map(|(_, marks)| marks).filter(|(_, mark)| mark.condition == Mark::SECRET);
        let tagged = secrets.filter_map(|(_, mark)| self.facts.told(mark.at)).map(|told| told.said.get(Field::SecretTag).is_some());
        let (mut without, mut with) = (false, false);
        tagged.for_each(|tagged| if tagged { with = true } else { without = true });
        match (without, with && self.policy().other_key) {
            (true, _) => Some(
                "captured secrets were not tagged (no --site-key): they were compared neither among themselves nor with what makers set".to_owned(),
            ),
            (false, true) => {
                Some("captured secrets were tagged under a key that is not given (--site-key): none was compared with what makers set".to_owned())
            }
            (false, false) => None,
        }
    }

    /// Groups of at least two, in the order of their devices: an order by tags would tell something of them.
    fn secret_groups(&self, members: &Members) -> Vec<Group> {
        let mut by_tag: BTreeMap<Vec<u8>, Group> = BTreeMap::new();
        for component in 0..self.resolved.components.len() {
            for mark in members.marks(component).iter().filter(|mark| mark.condition == Mark::SECRET) {
                let Some(told) = self.facts.told(mark.at) else { continue };
                let used = told.said.get(Field::SecretUse).map(|used| used.display().into_owned()).unwrap_or_default();
                // Who serves accepts it; who asks may know many.
                let (Some(ValueRef::Bytes(tag)), Some(_)) = (told.said.get(Field::SecretTag), told.said.about.endpoint) else { continue };
                if MEANT.contains(&used.as_str()) {
                    continue;
                }
                let group = by_tag.entry(tag.to_vec()).or_default();
                group.uses.insert(used);
                let (span, at) = group.devices.entry(component).or_default();
                let here = (told.entry.first.time, told.entry.last.time);
                *span = Some(span.map_or(here, |known| wider(known, here)));
                at.push(mark.at);
            }
        }
        let mut groups: Vec<Group> = by_tag.into_values().filter(|group| group.devices.len() > 1).collect();
        groups.sort_by(|a, b| a.devices.keys().cmp(b.devices.keys()).then_with(|| a.uses.cmp(&b.uses)));
        groups
    }

    /// Secrets that a component was logged in to with, in the order of time: an order by tags would tell something of them.
    pub(crate) fn used_secrets(&self, component: usize, members: &Members) -> Vec<UsedSecret> {
        let mut by_tag: BTreeMap<(String, Vec<u8>), Span> = BTreeMap::new();
        for mark in members.marks(component).iter().filter(|mark| mark.condition == Mark::SECRET) {
            let Some(told) = self.facts.told(mark.at) else { continue };
            let (Some(ValueRef::Bytes(tag)), Some(_)) = (told.said.get(Field::SecretTag), told.said.about.endpoint) else { continue };
            let used = told.said.get(Field::SecretUse).map(|used| used.display().into_owned()).unwrap_or_default();
            let here = (told.entry.first.time, told.entry.last.time);
            by_tag.entry((used, tag.to_vec())).and_modify(|span| *span = wider(*span, here)).or_insert(here);
        }
        let mut all: Vec<(String, Span)> = by_tag.into_iter().map(|((used, _), span)| (used, span)).collect();
        all.sort_by_key(|(_, span)| std::cmp::Reverse((span.1, span.0)));
        all.truncate(USED_MAX);
        all.sort();
        let told = |(used, span): (String, Span)| UsedSecret { used, first_seen: time(span.0), last_seen: time(span.1) };
        all.into_iter().map(told).collect()
    }

    /// The same for the document.
    pub(crate) fn shared_secrets(&self, members: &Members) -> Vec<SharedSecret> {
        let of_group = |group: Group| {
            let span = group.devices.values().filter_map(|(span, _)| *span).reduce(wider);
            let devices: BTreeSet<String> = group.devices.keys().filter_map(|at| self.id(*at)).collect();
            SharedSecret {
                uses: group.uses.into_iter().collect(),
                devices: devices.into_iter().collect(),
                first_seen: span.and_then(|span| time(span.0)),
                last_seen: span.and_then(|span| time(span.1)),
            }
        };
        let mut all: Vec<SharedSecret> = self.secret_groups(members).into_iter().map(of_group).collect();
        all.sort_by(|a, b| (&a.devices, &a.uses, &a.first_seen).cmp(&(&b.devices, &b.uses, &b.first_seen)));
        all
    }
}

impl Bench<'_, '_> {
    /// Devices that accept the same secret as another.
    pub(super) fn shared_secrets(&self, rule: u16, found: &mut Found) {
        for group in self.view.secret_groups(self.members) {
            let uses = group.uses.iter().cloned().collect::<Vec<_>>().join(", ");
            let text = format!("{} devices accept the same secret ({uses})", group.devices.len());
            for (component, (span, at)) in group.devices {
                found.note(component, rule, Note { text: text.clone(), span, at, ..Note::default() });
            }
        }
    }
}
