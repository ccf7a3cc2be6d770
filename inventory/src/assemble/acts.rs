//! What a device does, and where that is seen: a statement that it made, or the packet in which a conversation began.

use super::View;
use super::conversation::{Acting, Of, Traffic};
use crate::document::{Device, Evidence};
use crate::gather::ClaimAt;
use fingerprints::Class;
use fingerprints::behaviour::{Trait, Verb};
use observations::{Kind, OperationClass, PathStep};

/// One thing that a device does.
pub(super) struct Act<'x, 't, 'a> {
    /// What.
    pub(super) what: Trait<'x>,
    /// A statement of it.
    pub(super) said: Option<&'x ClaimAt<'t, 'a>>,
    /// A conversation of it.
    pub(super) talk: Option<u32>,
}

impl<'a> View<'a> {
    /// What a component does.
    pub(super) fn acts<'x, 't>(&self, of: &Of<'x>, traffic: &Traffic<'_>, device: &Device, own: &[&'x ClaimAt<'t, 'a>]) -> Vec<Act<'x, 't, 'a>> {
        let mut acts = Vec::with_capacity(2 * of.roles.len() + 4);
        let mut add = |verb, what: &'x str, talk| acts.push(Act { what: Trait { verb, what }, said: said_in(own, what), talk });
        let programs = |acting: &Acting<'_>| {
            let controllers = acting.nearby && self.fingerprints.behaviours().is_of_controllers(acting.role.protocol);
            controllers && traffic.operations(acting.talk as usize).iter().any(|(_, uses)| uses.class == OperationClass::Program)
        };
        for acting in &of.roles {
            if programs(acting) {
                add(Verb::Is, "programming", Some(acting.talk));
            }
            let verb = if acting.role.serves { Verb::Serves } else { Verb::Asks };
            add(verb, acting.role.protocol, Some(acting.talk));
            if acting.nearby {
                add(Verb::AsksNearby, acting.role.protocol, Some(acting.talk));
            }
            if acting.around {
                add(Verb::AsksAround, acting.role.protocol, Some(acting.talk));
            }
        }
        for (protocol, talk) in &of.speaks {
            add(Verb::Speaks, protocol, Some(*talk));
        }
        if let Some(talk) = of.unknown {
            add(Verb::Serves, "tcp", Some(talk));
        }
        if let Some(talk) = of.forwards {
            add(Verb::Is, "forwarding", Some(talk));
        }
        if let Some(talk) = of.scans {
            add(Verb::Is, "scanning", Some(talk));
        }
        let reach = ["local", "routed", "external"].into_iter().find(|reach| *reach == device.reach);
        reach.into_iter().for_each(|reach| add(Verb::Is, reach, None));
        acts.extend(tells(own));
        acts
    }

    /// What a part does: it tells, and is where it is.
    pub(super) fn acts_of_part<'x, 't>(path: &[PathStep], own: &[&'x ClaimAt<'t, 'a>]) -> Vec<Act<'x, 't, 'a>> {
        let mut acts: Vec<Act<'_, '_, '_>> = tells(own).collect();
        if let Some(step) = path.last() {
            acts.push(Act { what: Trait { verb: Verb::Part, what: step.kind.name() }, said: own.first().copied(), talk: None });
        }
        acts
    }

    /// Where acts are seen: quotations are worth more than packets of which nothing is quoted.
    pub(super) fn shown(&self, acts: &[&Act<'_, '_, 'a>], traffic: Option<&Traffic<'_>>) -> Vec<Evidence> {
        if let Some(quoted) = acts.iter().filter_map(|act| self.evidence_of(act.said?)).next() {
            return vec![quoted];
        }
        let talks = acts.iter().filter_map(|act| traffic?.opening(act.talk?));
        talks.take(1).map(|(source, protocol, first)| self.packet(source, protocol, first)).collect()
    }
}

/// The first statement of a device in a protocol.
fn said_in<'x, 't, 'a>(own: &[&'x ClaimAt<'t, 'a>], protocol: &str) -> Option<&'x ClaimAt<'t, 'a>> {
    let said = own.iter().copied().filter(|claim| claim.protocol() == protocol);
    said.min_by_key(|claim| (claim.told.entry.first, claim.told.at.source, claim.told.entry.key))
}

/// Protocols in which a device says who or what it is.
fn tells<'x, 't, 'a>(own: &[&'x ClaimAt<'t, 'a>]) -> impl Iterator<Item = Act<'x, 't, 'a>> {
    let itself = |claim: &&&ClaimAt<'_, '_>| claim.told.said.kind == Kind::Identity && claim.claim.class <= Class::Declared;
    let mut protocols: Vec<&'a str> = own.iter().filter(itself).map(|claim| claim.protocol()).collect();
    protocols.sort_unstable();
    protocols.dedup();
    let act = |protocol: &'a str| Act { what: Trait { verb: Verb::Tells, what: protocol }, said: said_in(own, protocol), talk: None };
    protocols.into_iter().map(act).collect::<Vec<_>>().into_iter()
}
