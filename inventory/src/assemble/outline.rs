//! The document as an outline: everything about the whole is known, devices and conversations are made when they are asked for, so that
//! they can be written one at a time, or by several threads.

use super::conversation::Traffic;
use super::device::Part;
use super::member::Members;
use super::{View, certificate, time};
use crate::document::{Certificate, Conversation, Device, Document, Period, Protection};
use crate::judge::protection::{ByProtocol, History, PERIODS_MAX, Periods, Shares};
use crate::judge::{Bench, Judged};
use crate::place::Address;
use crate::resolve::PartAt;
use observations::Mac;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// See the module.
pub struct Outline<'v> {
    view: &'v View<'v>,
    head: Document,
    members: Members,
    traffic: Traffic<'v>,
    judged: Judged,
    /// Every device, in the order of ids.
    devices: Vec<Planned>,
    /// Parts, with the component that each is of.
    parts: Vec<(u32, PartAt, Part)>,
    ghosts: Vec<(Address, BTreeSet<Mac>)>,
    /// By component: by whom it was replaced, and whom it replaced.
    replaced: BTreeMap<usize, (Option<String>, Vec<String>)>,
}

/// What a device is made from.
#[derive(Clone, Copy)]
enum What {
    /// The component.
    Whole(u32),
    /// A number in [`Outline::parts`].
    Part(u32),
    /// A number in [`Outline::ghosts`].
    Ghost(u32),
}

type Planned = (Uuid, What);

/// Devices that are made in the time that what one is made from takes from memory.
const AHEAD: usize = 2;

impl<'a> View<'a> {
    /// The document's outline.
    #[must_use]
    pub fn outline(&self) -> Outline<'_> {
        let mut members = self.members();
        let traffic = Traffic::of(self);
        let mut head = self.frame_of_document(&traffic);
        head.coverage.asked_for_only = Self::asked_for_only(&members.ghosts);
        let (mut devices, mut parts) = (Vec::with_capacity(self.ids.len()), Vec::new());
        for (at, id) in self.ids.iter().enumerate() {
            let Some(id) = id else { continue };
            if self.may_have_parts(at, &members) {
                self.plan_parts(at, &members, &mut devices, &mut parts);
            }
            devices.push((*id, What::Whole(at as u32)));
        }
        let ghosts: Vec<(Address, BTreeSet<Mac>)> = std::mem::take(&mut members.ghosts).into_iter().collect();
        for (number, ((site, segment, ip), _)) in (0u32..).zip(&ghosts) {
            let key = crate::key::Key::Ip(self.segment(*segment).to_owned(), *ip);
            devices.push((self.uuid_of(*site, &key), What::Ghost(number)));
        }
        devices.sort_by_key(|(id, _)| *id);
        head.certificates = self.certificates(&members);
        head.coverage.shared_secrets = self.shared_secrets(&members);
        let replaced = self.replaced(&members);
        let bench = Bench::of(self, &members, &traffic, &head.coverage.overlapping_addresses);
        let judged = bench.judge();
        head.findings = judged.of_zones(&bench);
        if let Some(limit) = judged.left_out.told() {
            head.limits_hit.push(limit);
            head.limits_hit.sort();
            head.complete = false;
        }
        head.protection = protection(&judged.strength.protocols, &judged.strength.periods);
        Outline { view: self, head, members, traffic, judged, devices, parts, ghosts, replaced }
    }

    fn plan_parts(&self, at: usize, members: &Members, devices: &mut Vec<Planned>, parts: &mut Vec<(u32, PartAt, Part)>) {
        let told = self.told(members.telling(at).iter().map(|tell| tell.at));
        let claims = self.claims(&told);
        let division = self.divide(at, &self.member(members.hosts(at)), &told, &claims);
        for (place, part) in division.parts {
            if let Some(id) = self.id_of_part(at, &place) {
                devices.push((id, What::Part(parts.len() as u32)));
                parts.push((at as u32, place, part));
            }
        }
    }

    fn certificates(&self, members: &Members) -> Vec<Certificate> {
        let presented = (0..self.ids.len()).flat_map(|at| members.telling(at).iter().map(move |tell| (at, tell)));
        let presented = presented.filter(|(_, tell)| tell.certificate);
        certificate::certificates(self, presented.filter_map(|(at, tell)| Some((self.id(at), self.facts.told(tell.at)?))))
    }

    /// Which device took whose place.
    fn replaced(&self, members: &Members) -> BTreeMap<usize, (Option<String>, Vec<String>)> {
        let mut replaced: BTreeMap<usize, (Option<String>, Vec<String>)> = BTreeMap::new();
        for (old, new) in self.replacements(members) {
            let (Some(old_id), Some(new_id)) = (self.id(old), self.id(new)) else { continue };
            replaced.entry(old).or_default().0 = Some(new_id);
            replaced.entry(new).or_default().1.push(old_id);
        }
        replaced.values_mut().for_each(|(_, replaces)| replaces.sort());
        replaced
    }
}

/// Shares by protocol, as the document has them.
pub(super) fn protection(of: &ByProtocol, periods: &Periods) -> BTreeMap<String, Protection> {
    of.iter().map(|(protocol, history)| (protocol.clone(), shares(history, periods))).collect()
}

fn shares(history: &History, periods: &Periods) -> Protection {
    let Shares { conversations, known, authenticated, encrypted } = history.all;
    let period = |(number, shares): (&u32, &Shares)| {
        let span = periods.spans.get(*number as usize).copied()?;
        let Shares { conversations, known, authenticated, encrypted } = *shares;
        Some(Period { first_seen: time(span.0), last_seen: time(span.1), conversations, known, authenticated, encrypted })
    };
    let skipped = history.by_period.len().saturating_sub(PERIODS_MAX);
    let series = history.by_period.iter().skip(skipped).filter_map(period).collect();
    Protection { conversations, known, authenticated, encrypted, series }
}

impl Outline<'_> {
    /// The document without devices and conversations.
    #[must_use]
    pub fn head(&self) -> &Document {
        &self.head
    }

    /// How many devices there are, parts and ghosts included.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.devices.len()
    }

    /// A device by its place in the order of ids.
    #[must_use]
    pub fn device(&self, number: usize) -> Option<Device> {
        std::hint::black_box(self.ahead(number + AHEAD));
        Some(match self.devices.get(number)?.1 {
            What::Whole(at) => {
                let at = at as usize;
                let mut device = self.view.whole(at, &self.members, &self.traffic);
                self.view.judge_device(&mut device, at, &self.members, &self.traffic, &self.judged);
                if let Some((by, replaces)) = self.replaced.get(&at) {
                    device.replaced_by.clone_from(by);
                    device.replaces.clone_from(replaces);
                }
                device
            }
            What::Part(number) => {
                let (at, place, part) = self.parts.get(number as usize)?;
                let mut device = self.view.part(*at as usize, &self.members, place, part);
                self.view.judge_part(&mut device, *at as usize, &self.judged);
                device
            }
            What::Ghost(number) => {
                let (address, macs) = self.ghosts.get(number as usize)?;
                self.view.ghost(address, macs)
            }
        })
    }

    /// Reads something of all that a device is made from, so that it is on its way: ids are in no order that memory knows. What it gives
    /// means nothing.
    fn ahead(&self, number: usize) -> u64 {
        let Some((_, What::Whole(at))) = self.devices.get(number) else { return 0 };
        let at = *at as usize;
        let said = self.members.telling(at).iter().filter_map(|tell| self.view.facts.entry(tell.at)?.key.first());
        let hosts = self.members.hosts(at).iter().filter_map(|host| self.view.facts.hosts.get(*host as usize));
        let keys = self.view.resolved.components.get(at).and_then(|component| component.keys.first());
        let keys = keys.map_or(0, |(key, _)| u64::from(key.strength()));
        keys + said.map(|byte| u64::from(*byte)).sum::<u64>() + hosts.map(|(_, host)| host.protocols().len() as u64).sum::<u64>()
    }

    /// How many conversations there are.
    #[must_use]
    pub fn conversations(&self) -> usize {
        self.traffic.len()
    }

    /// A conversation by its place in the document's order.
    #[must_use]
    pub fn conversation(&self, number: usize) -> Conversation {
        self.traffic.conversation(number)
    }

    /// The whole document.
    #[must_use]
    pub fn document(&self) -> Document {
        Document {
            devices: (0..self.devices()).filter_map(|number| self.device(number)).collect(),
            conversations: (0..self.conversations()).map(|number| self.conversation(number)).collect(),
            ..self.head.clone()
        }
    }
}
