//! What a device is: claims decided, with their evidence.

use super::acts::Act;
use super::conversation::Traffic;
use super::{View, kind, time};
use crate::attribute::{Candidate, Decided, TOLD_MIN, decide, normal};
use crate::document::{self, AttributeRecord, Device, Rival};
use crate::gather::ClaimAt;
use fingerprints::behaviour::{Acts, Trait, Verb};
use fingerprints::{Attribute, Class};
use observations::{Field, Mac, ValueRef};

/// Quotations shown for one value.
const EVIDENCE_MAX: usize = 4;

/// What a device does, and what is known of it besides.
pub(super) struct Doing<'x, 't, 'a> {
    pub(super) acts: Vec<Act<'x, 't, 'a>>,
    /// The maker of its card.
    pub(super) maker: Option<&'static str>,
    /// Where conversations are looked up.
    pub(super) traffic: Option<&'x Traffic<'x>>,
}

impl<'a> View<'a> {
    /// Attributes, class, type, names.
    pub(super) fn decide_all<'x, 't>(&self, device: &mut Device, claims: &[&'x ClaimAt<'t, 'a>], mut doing: Doing<'x, 't, 'a>) {
        let mut by_attribute = claims.to_vec();
        // Stable: of one attribute they stay in their order.
        by_attribute.sort_by_key(|claim| claim.claim.attribute);
        let of = |attribute| {
            let start = by_attribute.partition_point(|claim| claim.claim.attribute < attribute);
            let end = by_attribute.partition_point(|claim| claim.claim.attribute <= attribute);
            &by_attribute[start..end]
        };
        for claims in by_attribute.chunk_by(|a, b| a.claim.attribute == b.claim.attribute) {
            let attribute = claims[0].claim.attribute;
            if matches!(attribute, Attribute::Class | Attribute::Type) {
                continue;
            }
            let Some(decided) = decide(attribute, claims) else { continue };
            if attribute == Attribute::Hostname {
                device.hostnames = names(&decided);
                device.bindings.extend(named(&decided));
            }
            device.attributes.insert(attribute.name().to_owned(), self.record(&decided));
        }
        let by_others = |claim: &&&'x ClaimAt<'t, 'a>| claim.claim.class == Class::Reported;
        if let Some(by) = of(Attribute::Hostname).iter().find(by_others).copied() {
            doing.acts.push(Act { what: Trait { verb: Verb::Is, what: "named" }, said: Some(by), talk: None });
        }
        let traits: Vec<Trait<'_>> = doing.acts.iter().map(|act| act.what).collect();
        let known = |name: &str| match name {
            "mac_vendor" => doing.maker,
            _ => device.attributes.get(name).map(|record| record.value.as_str()),
        };
        let behaviour = self.fingerprints.behaviours().claims(&traits, &known);
        device.class = self.tell(device, Attribute::Class, of(Attribute::Class), &behaviour, &doing);
        let kinds = kind::agreeing(of(Attribute::Type), of(Attribute::Class), &device.class);
        device.kind_of_device = self.tell(device, Attribute::Type, &kinds, &kind::of_class(&behaviour, &device.class), &doing);
        if device.class == "unknown" || device.kind_of_device == "unknown" {
            device.would_tell_more = would_tell_more(device);
        }
    }

    /// Class or type: the best inference, if it is strong enough to be told. The reasons stand as an attribute of the same name.
    fn tell(
        &self,
        device: &mut Device,
        attribute: Attribute,
        claims: &[&ClaimAt<'_, 'a>],
        behaviour: &[Acts<'_>],
        doing: &Doing<'_, '_, 'a>,
    ) -> String {
        let decided = decide(attribute, claims);
        let mut shown: Vec<&Acts<'_>> = behaviour.iter().filter(|acts| acts.claim.attribute == attribute).collect();
        shown.sort_by_key(|acts| (std::cmp::Reverse(acts.claim.confidence), &acts.claim.rule));
        let evident = shown.into_iter().find_map(|acts| {
            let mut evidence = self.shown(&acts.rests_on.iter().filter_map(|at| doing.acts.get(*at)).collect::<Vec<_>>(), doing.traffic);
            if evidence.is_empty() {
                let looks_at = acts.looks_at.iter().filter_map(|name| device.attributes.get(*name)?.evidence.first().cloned());
                evidence.extend(looks_at.take(1));
            }
            (!evidence.is_empty()).then_some((&acts.claim, evidence))
        });
        let mut record = decided.map(|decided| self.record(&decided));
        if let Some((acts, evidence)) = evident
            && record.as_ref().is_none_or(|record| record.confidence < acts.confidence)
        {
            let rivals =
                record.take().map(|old| Rival { value: old.value, confidence: old.confidence, class: old.class, rule: old.rule, ..Rival::default() });
            record = Some(AttributeRecord {
                value: acts.value.clone().into_owned(),
                confidence: acts.confidence,
                class: acts.class.name().into(),
                rule: acts.rule.clone().into_owned(),
                rivals: rivals.into_iter().filter(|rival| rival.value != acts.value).collect(),
                evidence,
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
    pub(super) fn mac_vendor(&self, device: &mut Device, (site, mac): (u16, Mac), organisation: &'static str) {
        let evidence = self.presence(site, mac);
        let record = |value: &str, confidence, rule: String| AttributeRecord {
            value: value.to_owned(),
            confidence,
            class: Class::Inferred.name().into(),
            rule,
            evidence: evidence.clone(),
            ..AttributeRecord::default()
        };
        let text = mac.to_string();
        let prefix = text.get(..8).unwrap_or_default();
        device.attributes.insert("mac_vendor".into(), record(organisation, 70, format!("registry:oui {prefix}")));
        if !device.attributes.contains_key("vendor")
            && let Some(vendor) = fingerprints::table::builder(organisation)
        {
            device.attributes.insert("vendor".into(), record(vendor, 60, format!("registry:mac-vendor-builds-devices {prefix}")));
        }
        // Makers of one kind of device: only where nothing else tells class and type, and the type never without the class.
        if device.class == "unknown" {
            let hints = self.fingerprints.of_mac_vendor(organisation);
            let hint = |attribute| hints.iter().find(|hint| hint.attribute == attribute && hint.confidence >= TOLD_MIN);
            if let Some(class) = hint(Attribute::Class) {
                device.class = class.value.clone().into_owned();
                device.attributes.insert("class".into(), record(&class.value, class.confidence, class.rule.clone().into_owned()));
                if let (true, Some(kind)) = (device.kind_of_device == "unknown", hint(Attribute::Type)) {
                    device.kind_of_device = kind.value.clone().into_owned();
                    device.attributes.insert("type".into(), record(&kind.value, kind.confidence, kind.rule.clone().into_owned()));
                }
            }
        }
        if device.class != "unknown" && device.kind_of_device != "unknown" {
            device.would_tell_more.clear();
        }
    }

    /// Where a MAC address was first seen.
    fn presence(&self, site: u16, mac: Mac) -> Vec<document::Evidence> {
        let Some(told) = self.facts.presence(site, mac).and_then(|at| self.facts.told(at)) else { return Vec::new() };
        let index = told.said.fields.iter().position(|said| said.field == Field::MacAddress);
        self.evidence(&told, index).into_iter().collect()
    }

    pub(crate) fn record(&self, decided: &Decided<'_, '_, 'a>) -> AttributeRecord {
        let winner = &decided.winner;
        let best = winner.claims.first();
        let (mut raw, mut evidence, mut voices) = (None, Vec::new(), Vec::new());
        for claim in &winner.claims {
            // One quotation a protocol is enough to see where the value comes from.
            if voices.contains(&claim.protocol()) || evidence.len() >= EVIDENCE_MAX {
                continue;
            }
            voices.push(claim.protocol());
            if let Some(found) = self.evidence_of(claim) {
                if evidence.is_empty() {
                    raw = claim.claim.field.and_then(|index| raw_bytes(claim.told.said.fields.get(index)?.value));
                }
                evidence.push(found);
            }
        }
        AttributeRecord {
            value: winner.value.to_owned(),
            confidence: winner.confidence,
            class: winner.class.name().into(),
            rule: best.map(|claim| claim.claim.rule.clone().into_owned()).unwrap_or_default(),
            conflict: decided.conflict,
            raw,
            rivals: decided.rivals.iter().map(rival).collect(),
            history: decided.history.iter().map(rival).collect(),
            evidence,
        }
    }

    /// Where a claim's field stands. Of a registry's name the bytes are a number: the look-up is the last step.
    pub(super) fn evidence_of(&self, claim: &ClaimAt<'_, 'a>) -> Option<document::Evidence> {
        let mut evidence = self.evidence(claim.told, claim.claim.field)?;
        evidence.derivation.extend(claim.claim.rule.strip_prefix("registry:").map(str::to_owned));
        Some(evidence)
    }
}

/// The bytes in hexadecimal, where showing them as text loses something.
fn raw_bytes(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(bytes) if fingerprints::text::loses(value) => Some(observations::value::hex(bytes)),
        _ => None,
    }
}

fn rival(candidate: &Candidate<'_, '_, '_>) -> Rival {
    Rival {
        value: candidate.value.to_owned(),
        confidence: candidate.confidence,
        class: candidate.class.name().into(),
        rule: candidate.claims.first().map(|claim| claim.claim.rule.clone().into_owned()).unwrap_or_default(),
        first_seen: time(candidate.span.0),
        last_seen: time(candidate.span.1),
    }
}

/// Names, best first.
fn names(decided: &Decided<'_, '_, '_>) -> Vec<String> {
    let all = std::iter::once(&decided.winner).chain(&decided.rivals).chain(&decided.history);
    all.flat_map(spellings).map(str::to_owned).collect()
}

/// From when to when it was called so, and who says so.
fn named(decided: &Decided<'_, '_, '_>) -> Vec<document::Binding> {
    let all = std::iter::once(&decided.winner).chain(&decided.rivals).chain(&decided.history);
    let binding = |candidate: &Candidate<'_, '_, '_>| document::Binding {
        kind: "hostname".into(),
        value: candidate.value.to_owned(),
        first_seen: time(candidate.span.0),
        last_seen: time(candidate.span.1),
        class: candidate.class.name().into(),
        ..document::Binding::default()
    };
    let mut bindings: Vec<document::Binding> = all.map(binding).collect();
    bindings.sort_by(|a, b| (&a.value, &a.first_seen).cmp(&(&b.value, &b.first_seen)));
    bindings
}

/// A host's name, and the same with its domain where it was said so, too.
fn spellings<'c>(candidate: &Candidate<'c, '_, '_>) -> Vec<&'c str> {
    let mut names: Vec<(String, &str)> = Vec::new();
    for claim in &candidate.claims {
        let same = |(plain, name): &(String, &str)| *name == claim.claim.value || *plain == normal(Attribute::Hostname, &claim.claim.value);
        if !names.iter().any(same) {
            names.push((normal(Attribute::Hostname, &claim.claim.value), &claim.claim.value));
        }
    }
    names.sort_by_key(|(plain, _)| plain.contains('.'));
    names.into_iter().map(|(_, name)| name).collect()
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
