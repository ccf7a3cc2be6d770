//! What needs more than one statement, conversation or certificate to be seen.

use super::catalogue::Catalogue;
use super::condition::Role;
use super::zone::OUTSIDE;
use super::{Bench, Found, Note};
use crate::gather::{Span, Told, wider};
use crate::key::Key;
use crate::place::{is_link_local, is_public, overlap};
use observations::{Endpoint, Field, Mac, OperationClass, PathStep};
use std::collections::{BTreeMap, BTreeSet};

/// One kind of reasoning. What it reasons about is collected by the rule's own conditions (`unless` there: see [`Bench::collected`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Derived {
    /// Two devices claim one address at the same time.
    AddressConflict,
    /// Several devices hold one certificate's key.
    SharedCertificateKey,
    /// Several devices show one serial number or engine id at the same time.
    SharedIdentity,
    /// Several devices show the same value of the field that the rule collects.
    SharedValue,
    /// A device shows another value than before of the field that the rule collects.
    ChangedValue,
    /// A device of the process goes by a MAC address that software chose.
    RandomMac,
    /// Devices without an address of their own answer behind it.
    Nested,
    /// The capture could not show enough.
    Coverage,
    /// Much was said that nobody could read.
    Opaque,
    /// A device has addresses in several declared zones.
    MultiHomed,
    /// A conversation that no declared conduit allows.
    Conduit,
    /// A conversation that leaves out a Purdue level.
    LevelSkip,
    /// A device that asks many for what they are.
    Scanner,
    /// Several answer as servers where one is to be expected.
    SecondServer,
    /// No list of managed devices knows it.
    Unmanaged,
    /// A list knows it as retired.
    Retired,
    /// A list knows a device that was not seen.
    NotSeen,
    /// A certificate of an issuer that nobody here trusts, or in the name of one by another key.
    UnknownIssuer,
    /// A signature that is not by the key of the certificate that was shown.
    BadSignature,
    /// Several devices accept one secret.
    SharedSecret,
    /// A certificate that a list of its issuer revoked.
    Revoked,
    /// A certificate of a trusted issuer that its list of issued ones does not have.
    Shadow,
    /// A certificate that was issued and was not seen.
    Unused,
    /// A certificate that should have been renewed.
    Overdue,
    /// A server that does not ask who its clients are, where it should.
    NotMutual,
    /// An application under another name than its certificate's.
    OtherApplication,
    /// A device whose certificate has another serial number than itself.
    OtherSerial,
    /// A certificate that comes with a product, for trying it.
    KnownDefault,
    /// A device that was not there before.
    NewDevice,
    /// IPv6 where there is none.
    Ipv6,
    /// A radio where a process is.
    Wireless,
    /// Many strangers at once, to whom nobody answers.
    Flood,
    /// A product whose support has ended: seen of the whole device.
    EndOfSupport,
    /// A version of which an advisory speaks: seen of the whole device.
    Advisory,
}

const NAMES: &[(&str, Derived)] = &[
    ("address-conflict", Derived::AddressConflict),
    ("shared-certificate-key", Derived::SharedCertificateKey),
    ("shared-identity", Derived::SharedIdentity),
    ("shared-value", Derived::SharedValue),
    ("changed-value", Derived::ChangedValue),
    ("random-mac", Derived::RandomMac),
    ("nested", Derived::Nested),
    ("coverage", Derived::Coverage),
    ("opaque", Derived::Opaque),
    ("multi-homed", Derived::MultiHomed),
    ("conduit", Derived::Conduit),
    ("level-skip", Derived::LevelSkip),
    ("scanner", Derived::Scanner),
    ("second-server", Derived::SecondServer),
    ("unmanaged", Derived::Unmanaged),
    ("retired", Derived::Retired),
    ("not-seen", Derived::NotSeen),
    ("unknown-issuer", Derived::UnknownIssuer),
    ("bad-signature", Derived::BadSignature),
    ("shared-secret", Derived::SharedSecret),
    ("revoked", Derived::Revoked),
    ("not-issued", Derived::Shadow),
    ("issued-not-used", Derived::Unused),
    ("renewal-overdue", Derived::Overdue),
    ("not-mutual", Derived::NotMutual),
    ("other-application", Derived::OtherApplication),
    ("other-serial", Derived::OtherSerial),
    ("known-default", Derived::KnownDefault),
    ("new-device", Derived::NewDevice),
    ("ipv6", Derived::Ipv6),
    ("wireless", Derived::Wireless),
    ("flood", Derived::Flood),
    ("end-of-support", Derived::EndOfSupport),
    ("advisory", Derived::Advisory),
];

/// Of a hundred conversations, how many seen one way only make a mirror suspicious.
const ONE_WAY_PERCENT: u64 = 50;

/// Fewer conversations tell nothing of a mirror.
const CONVERSATIONS_MIN: u64 = 10;

/// Of a hundred bytes, how many unread ones are worth a word.
const OPAQUE_PERCENT: u64 = 25;

/// Devices that one client asks for their identity before that is a scan: an engineering station's search at one controller is none.
const SCANNED_MIN: usize = 8;

/// Devices that a finding names; the list itself has the others.
const NAMED_MAX: usize = 10;

/// Prefixes under which hypervisors and containers number their guests' cards; locally administered, and lasting (IEEE 802c; QEMU's
/// and Docker's documentation).
const GUEST_PREFIXES: &[[u8; 2]] = &[[0x52, 0x54], [0x02, 0x42]];

/// Values as a collected statement has them: where it is about, and what stands beside.
type Place = (usize, String, Option<Endpoint>, Vec<PathStep>, Vec<String>);

impl Derived {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, derived)| *derived)
    }

    /// Whether it is only as good as the zones are.
    pub(crate) const fn rests_on_zones(self) -> bool {
        matches!(self, Self::LevelSkip | Self::Conduit | Self::MultiHomed)
    }

    /// Looks for it everywhere.
    pub(crate) fn look(self, bench: &Bench<'_, '_>, rule: u16, found: &mut Found) {
        match self {
            Self::AddressConflict => bench.address_conflicts(rule, found),
            Self::SharedCertificateKey => bench.shared_keys(rule, found, |key, _| matches!(key, Key::CertificateKey(_))),
            Self::SharedIdentity => bench.shared_keys(rule, found, |key, at_once| at_once && matches!(key, Key::Serial(..) | Key::EngineId(_))),
            Self::SharedValue => bench.shared_values(rule, found),
            Self::ChangedValue => bench.changed_values(rule, found),
            Self::RandomMac => bench.random_macs(rule, found),
            Self::Nested => bench.nested(rule, found),
            Self::Coverage => bench.coverage(rule, found),
            Self::Opaque => bench.opaque(rule, found),
            Self::MultiHomed => bench.multi_homed(rule, found),
            Self::Conduit => bench.conduits(rule, found),
            Self::LevelSkip => bench.level_skips(rule, found),
            Self::Scanner => bench.scanners(rule, found),
            Self::SecondServer => bench.second_servers(rule, found),
            Self::Unmanaged => bench.managed(rule, found, "unmanaged"),
            Self::Retired => bench.managed(rule, found, "retired"),
            Self::NotSeen => bench.not_seen(rule, found),
            Self::UnknownIssuer => bench.unknown_issuers(rule, found),
            Self::BadSignature => bench.bad_signatures(rule, found),
            Self::SharedSecret => bench.shared_secrets(rule, found),
            Self::Revoked => bench.revoked_certificates(rule, found),
            Self::Shadow => bench.not_issued(rule, found),
            Self::Unused => bench.issued_not_used(rule, found),
            Self::Overdue => bench.overdue(rule, found),
            Self::NotMutual => bench.not_mutual(rule, found),
            Self::OtherApplication => bench.other_application(rule, found),
            Self::OtherSerial => bench.other_serial(rule, found),
            Self::KnownDefault => bench.known_defaults(rule, found),
            Self::NewDevice => bench.new_devices(rule, found),
            Self::Ipv6 => bench.ipv6(rule, found),
            Self::Wireless => bench.wireless(rule, found),
            Self::Flood => bench.floods(rule, found),
            // What needs the whole device is looked at when it is made: see `whole`.
            Self::EndOfSupport | Self::Advisory => {}
        }
    }
}

impl<'a> Bench<'_, 'a> {
    /// What the rule's conditions of the role `with` collected.
    pub(super) fn collected(&self, rule: u16) -> Vec<(usize, usize, Told<'a>)> {
        let catalogue = Catalogue::built_in();
        let mut all = Vec::new();
        for component in 0..self.view.resolved.components.len() {
            for mark in self.members.marks(component) {
                let Some(condition) = catalogue.condition(mark.condition).filter(|one| one.rule == rule && one.role == Role::With) else { continue };
                let Some(told) = self.view.facts.told(mark.at) else { continue };
                if let Some(field) = condition.shows(&told.said) {
                    all.push((component, field, told));
                }
            }
        }
        all
    }

    pub(super) fn components(&self) -> std::ops::Range<usize> {
        0..self.view.resolved.components.len()
    }

    fn address_conflicts(&self, rule: u16, found: &mut Found) {
        let apart: BTreeSet<&str> = self.overlapping.iter().filter_map(|text| text.split(": ").next()).collect();
        for (address, holders) in self.view.places.holders().filter(|(_, holders)| holders.len() > 1) {
            if is_link_local(&address.2) || self.view.places.is_virtual(address) || apart.contains(address.2.to_string().as_str()) {
                continue;
            }
            let own: Vec<_> = holders.iter().map(|(_, holder)| holder).filter(|holder| holder.declared).collect();
            for (index, a) in own.iter().enumerate() {
                for b in own.iter().skip(index + 1).filter(|b| overlap(a.span, b.span)) {
                    let ends = [a, b].map(|holder| self.view.component_of_mac(address.0, holder.mac));
                    if ends[0] == ends[1] {
                        continue;
                    }
                    let text = format!("{} is claimed by {} and by {} at the same time", address.2, a.mac, b.mac);
                    let span = Some((a.span.0.max(b.span.0), a.span.1.min(b.span.1)));
                    ends.into_iter().flatten().for_each(|at| found.note(at, rule, Note { text: text.clone(), span, ..Note::default() }));
                }
            }
        }
    }

    fn shared_keys(&self, rule: u16, found: &mut Found, wanted: impl Fn(&Key, bool) -> bool) {
        for ((_, key), shared) in self.view.resolved.shared.iter().filter(|((_, key), shared)| wanted(key, shared.at_once)) {
            let text = format!("{} devices show {}", shared.owners.len(), key.text());
            shared.owners.iter().for_each(|at| found.note(*at, rule, Note { text: text.clone(), ..Note::default() }));
        }
    }

    fn shared_values(&self, rule: u16, found: &mut Found) {
        let mut by_value: BTreeMap<String, BTreeMap<usize, Note>> = BTreeMap::new();
        for (component, field, told) in self.collected(rule) {
            let Some(one) = told.said.fields.get(field) else { continue };
            let note = by_value.entry(one.value.display().into_owned()).or_default().entry(component).or_default();
            see(note, &told, span(&told));
        }
        for (value, devices) in by_value.into_iter().filter(|(_, devices)| devices.len() > 1) {
            let text = format!("{} devices show {value}", devices.len());
            devices.into_iter().for_each(|(component, note)| found.note(component, rule, Note { text: text.clone(), ..note }));
        }
    }

    fn changed_values(&self, rule: u16, found: &mut Found) {
        let mut by_place: BTreeMap<Place, BTreeMap<String, Note>> = BTreeMap::new();
        for (component, field, told) in self.collected(rule) {
            let Some(one) = told.said.fields.get(field) else { continue };
            // Beside it stands what the value is of: a module's order number, a key's type.
            let beside = told.said.fields.iter().filter(|other| matches!(other.field, Field::OrderNumber | Field::ModelName | Field::SshHostKeyType));
            let beside = beside.map(|other| other.value.display().into_owned()).collect();
            let place = (component, told.said.protocol.to_owned(), told.said.about.endpoint, told.said.about.path.clone(), beside);
            let note = by_place.entry(place).or_default().entry(one.value.display().into_owned()).or_default();
            see(note, &told, span(&told));
        }
        for ((component, protocol, ..), values) in by_place {
            let mut values: Vec<(Span, String, Note)> = values.into_iter().filter_map(|(value, note)| Some((note.span?, value, note))).collect();
            values.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
            for pair in values.windows(2).filter(|pair| pair[0].0.1 < pair[1].0.0) {
                let text = format!("{protocol}: {} became {}", pair[0].1, pair[1].1);
                let at = pair[0].2.at.iter().chain(&pair[1].2.at).copied().collect();
                found.note(component, rule, Note { text, span: Some(pair[1].0), at, ..Note::default() });
            }
        }
    }

    fn random_macs(&self, rule: u16, found: &mut Found) {
        for component in self.components().filter(|component| self.process.contains(component)) {
            if let Some(mac) = self.has_chosen_address(component) {
                found.note(component, rule, Note { text: format!("its only address, {mac}, was chosen by software"), ..Note::default() });
            }
        }
    }

    /// The first of a device's MAC addresses, if software chose them all.
    pub(super) fn has_chosen_address(&self, component: usize) -> Option<Mac> {
        let mut macs = self.view.resolved.components.get(component)?.macs().peekable();
        let first = *macs.peek()?;
        let chosen = |mac: Mac| mac.is_local() && !GUEST_PREFIXES.iter().any(|prefix| mac.0.starts_with(prefix));
        macs.all(chosen).then_some(first)
    }

    /// Access points and what bridges to a radio, in zones in which a process is.
    fn wireless(&self, rule: u16, found: &mut Found) {
        for (component, _, told) in self.collected(rule) {
            let zone = self.view.zone(component, self.policy).name;
            if self.process_zones().contains(&zone) {
                let mut note = Note { text: format!("in {zone}, where devices of the process are"), ..Note::default() };
                see(&mut note, &told, span(&told));
                found.note(component, rule, note);
            }
        }
    }

    fn nested(&self, rule: u16, found: &mut Found) {
        for component in self.components() {
            let member = self.view.member(self.members.hosts(component));
            let parts: BTreeSet<&[PathStep]> = member.parts.keys().map(|(_, path)| *path).collect();
            // One unit is the device itself.
            if parts.len() > 1 {
                let span = member.parts.values().copied().reduce(wider);
                found.note(component, rule, Note { text: format!("{} parts answer behind it", parts.len()), span, ..Note::default() });
            }
        }
    }

    fn coverage(&self, rule: u16, found: &mut Found) {
        let (one_way, all) = (self.traffic.one_way(), self.traffic.len() as u64);
        if all >= CONVERSATIONS_MIN && 100 * one_way > ONE_WAY_PERCENT * all {
            let text = format!("{one_way} of {all} conversations were seen one way only: the mirror may show one direction");
            found.of_site(rule, Note { text, ..Note::default() });
        }
        for one in self.view.said.sources.values() {
            if let Some(dropped) = one.source.dropped.filter(|dropped| *dropped > 0) {
                found.of_site(rule, Note { text: format!("{}: {dropped} packets were lost by the capture", one.source.name), ..Note::default() });
            }
        }
    }

    fn opaque(&self, rule: u16, found: &mut Found) {
        let all: u64 = self.view.said.sources.values().map(|one| one.source.bytes).sum();
        let mut by_port: BTreeMap<&str, u64> = BTreeMap::new();
        for (port, bytes) in self.view.said.sources.values().flat_map(|one| &one.source.opaque) {
            *by_port.entry(port).or_default() += bytes;
        }
        let unread: u64 = by_port.values().sum();
        if unread.saturating_mul(100) > all.saturating_mul(OPAQUE_PERCENT) {
            let most = by_port.iter().max_by_key(|(port, bytes)| (**bytes, std::cmp::Reverse(**port))).map(|(port, _)| *port).unwrap_or_default();
            found.of_site(rule, Note { text: format!("{unread} of {all} bytes were not understood, most at {most}"), ..Note::default() });
        }
    }

    fn multi_homed(&self, rule: u16, found: &mut Found) {
        if self.policy.zones.is_empty() {
            return;
        }
        for component in self.components() {
            let ips = self.view.ips_of(component);
            let zones: BTreeSet<&str> = ips.iter().filter_map(|ip| self.policy.zone_of(ip)).map(|zone| zone.name.as_str()).collect();
            if zones.len() > 1 && !self.view.is_next_hop(component) {
                let zones: Vec<&str> = zones.into_iter().collect();
                found.note(component, rule, Note { text: format!("it has addresses in {}", zones.join(" and ")), ..Note::default() });
            }
        }
    }

    fn conduits(&self, rule: u16, found: &mut Found) {
        if self.policy.conduits.is_empty() {
            return;
        }
        for (number, talk) in self.traffic.talks(|_| true) {
            let (Some(client), Some(server)) = (talk.client, talk.server) else { continue };
            let (from, to) = (self.view.zone(client, self.policy), self.view.zone(server, self.policy));
            if from.declared && to.declared && !self.policy.allows(&from.name, &to.name, talk.protocol) {
                let text = format!("{} ({}) asks {} ({}) in {}", talk.client_address, from.name, talk.server_address, to.name, talk.protocol);
                let note = Note { text, span: Some(talk.span), talk: Some(number), ..Note::default() };
                found.note(client, rule, note.clone());
                found.note(server, rule, note);
            }
        }
    }

    fn level_skips(&self, rule: u16, found: &mut Found) {
        let mut levels: BTreeMap<usize, Option<i32>> = BTreeMap::new();
        let mut level = |at: usize| {
            *levels.entry(at).or_insert_with(|| {
                let declared = self.view.zone(at, self.policy).level;
                declared.or_else(|| self.view.level(at, self.members, self.traffic).map(str::to_owned))?.parse().ok()
            })
        };
        for (number, talk) in self.of_process() {
            let (Some(client), Some(server), true) = (talk.client, talk.server, talk.both) else { continue };
            // Few clients are of the office: the level of what the others ask does not matter.
            if let Some(from) = level(client).filter(|from| *from >= 4)
                && let Some(to) = level(server).filter(|to| *to <= 1)
            {
                let text = format!("{} (level {from}) asks {} (level {to}) in {}", talk.client_address, talk.server_address, talk.protocol);
                let note = Note { text, span: Some(talk.span), talk: Some(number), ..Note::default() };
                found.note(client, rule, note.clone());
                found.note(server, rule, note);
            }
        }
    }

    fn scanners(&self, rule: u16, found: &mut Found) {
        let mut asked: BTreeMap<usize, (BTreeSet<String>, Option<Span>)> = BTreeMap::new();
        for (number, talk) in self.of_process() {
            let Some(client) = talk.client else { continue };
            if self.traffic.operations(number as usize).iter().any(|(_, uses)| uses.class == OperationClass::Diagnose) {
                let (servers, span) = asked.entry(client).or_default();
                servers.insert(talk.server_address.to_owned());
                *span = Some(span.map_or(talk.span, |known| wider(known, talk.span)));
            }
        }
        for (client, (servers, span)) in asked.into_iter().filter(|(_, (servers, _))| servers.len() >= SCANNED_MIN) {
            found.note(client, rule, Note { text: format!("it asked {} addresses for what they are", servers.len()), span, ..Note::default() });
        }
    }

    fn second_servers(&self, rule: u16, found: &mut Found) {
        let mut by_zone: BTreeMap<String, BTreeMap<usize, Note>> = BTreeMap::new();
        for (component, _, told) in self.collected(rule) {
            let zone = self.view.zone(component, self.policy).name;
            see(by_zone.entry(zone).or_default().entry(component).or_default(), &told, span(&told));
        }
        for (zone, servers) in by_zone.into_iter().filter(|(zone, servers)| servers.len() > 1 && zone != OUTSIDE) {
            let text = format!("{} servers answer in {zone}", servers.len());
            servers.into_iter().for_each(|(component, note)| found.note(component, rule, Note { text: text.clone(), ..note }));
        }
    }

    /// Devices of a list that showed themselves by none of their keys, where the mirror showed both directions and all was read: each
    /// list once, with the names of the first.
    fn not_seen(&self, rule: u16, found: &mut Found) {
        let (one_way, all) = (self.traffic.one_way(), self.traffic.len() as u64);
        let complete = self.view.said.sources.values().all(|one| one.source.complete && one.source.dropped.unwrap_or(0) == 0);
        if self.policy.authorities.is_empty() || !complete || all < CONVERSATIONS_MIN || 100 * one_way > ONE_WAY_PERCENT * all {
            return;
        }
        let seen = self.view.shown_keys(self.members);
        for list in &self.policy.authorities {
            let missing: Vec<&str> =
                list.entries.iter().filter(|entry| !entry.retired && !seen.agrees_with(entry)).map(|entry| entry.name.as_str()).collect();
            if !missing.is_empty() {
                let named = missing.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
                let more = missing.len().saturating_sub(NAMED_MAX);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let text = format!("{} of {}'s {} devices were not seen: {named}{more}", missing.len(), list.name, list.entries.len());
                found.of_site(rule, Note { text, ..Note::default() });
            }
        }
    }

    fn managed(&self, rule: u16, found: &mut Found, state: &str) {
        if self.policy.authorities.is_empty() {
            return;
        }
        for component in self.components() {
            let ips = self.view.ips_of(component);
            // Beyond the routers is nobody of ours, and what never spoke is perhaps not there.
            if self.view.is_outside(component) || ips.iter().all(is_public) && !self.view.resolved.components[component].heard {
                continue;
            }
            let managed = self.view.managed(component, self.members, self.policy, self.as_of);
            if managed.state == state {
                found.note(
                    component,
                    rule,
                    Note { text: managed.reason.into_owned(), span: self.view.resolved.components[component].span, ..Note::default() },
                );
            }
        }
    }
}

pub(super) fn span(told: &Told<'_>) -> Span {
    (told.entry.first.time, told.entry.last.time)
}

pub(super) fn see(note: &mut Note, told: &Told<'_>, span: Span) {
    note.span = note.span.into_iter().chain(Some(span)).reduce(wider);
    note.at.push(told.at);
}
