//! What a device is: claims decided, with their evidence.

use super::{View, evidence, kind, time};
use crate::attribute::{Candidate, Decided, TOLD_MIN, decide, normal};
use crate::document::{self, AttributeRecord, Device, Rival};
use crate::gather::{At, ClaimAt};
use crate::resolve::Component;
use fingerprints::behaviour::{self, Role};
use fingerprints::{Attribute, Class};
use observations::{Field, Mac, Observation, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Quotations shown for one value.
const EVIDENCE_MAX: usize = 4;

/// The first statement of a device in the protocol that a claim of behaviour (`behaviour:serves-modbus`) rests on.
fn said_in<'c, 'a>(claims: &[&'c ClaimAt<'a>], acts: &fingerprints::Claim) -> Option<&'c ClaimAt<'a>> {
    let (_, protocol) = acts.rule.split_once('-')?;
    let said = claims.iter().copied().filter(|claim| claim.protocol == protocol);
    said.min_by_key(|claim| (claim.at.entry.first, claim.at.source, claim.at.key))
}

impl View<'_> {
    /// Attributes, class, type, names.
    pub(super) fn decide_all(&self, device: &mut Device, claims: &[&ClaimAt<'_>], roles: &[Role]) {
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
        let behaviour = self.shown(behaviour::claims(roles), claims);
        device.class = self.tell(device, Attribute::Class, by_attribute.get(&Attribute::Class), &behaviour, claims);
        let kinds = by_attribute.get(&Attribute::Type).map(|kinds| kind::agreeing(kinds, by_attribute.get(&Attribute::Class), &device.class));
        device.kind_of_device = self.tell(device, Attribute::Type, kinds.as_ref(), &kind::of_class(&behaviour, &device.class), claims);
        if device.class == "unknown" || device.kind_of_device == "unknown" {
            device.would_tell_more = would_tell_more(device);
        }
    }

    /// What roles say, as far as something that was said in their protocol can be shown.
    fn shown(&self, behaviour: Vec<fingerprints::Claim>, claims: &[&ClaimAt<'_>]) -> Vec<fingerprints::Claim> {
        behaviour.into_iter().filter(|acts| said_in(claims, acts).is_some()).collect()
    }

    /// Class or type: the best inference, if it is strong enough to be told. The reasons stand as an attribute of the same name.
    fn tell(
        &self,
        device: &mut Device,
        attribute: Attribute,
        claims: Option<&Vec<&ClaimAt<'_>>>,
        behaviour: &[fingerprints::Claim],
        spoke: &[&ClaimAt<'_>],
    ) -> String {
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
                evidence: said_in(spoke, acts).and_then(|claim| Some(self.evidence_of(claim, &Self::decode(claim.at)?))).into_iter().collect(),
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
    pub(super) fn mac_vendor(&self, device: &mut Device, component: &Component) {
        let Some((mac, organisation)) = component.macs().find_map(|mac| Some((mac, fingerprints::table::organisation(mac)?))) else { return };
        let record = |value: &str, confidence, rule: String| AttributeRecord {
            value: value.to_owned(),
            confidence,
            class: Class::Inferred.name().into(),
            rule,
            evidence: self.presence(component.site(), mac),
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
        let Some(at) = self.facts.presence.get(&(site, mac)) else { return Vec::new() };
        let Some(said) = Self::decode(*at) else { return Vec::new() };
        let index = said.fields.iter().position(|said| said.field == Field::MacAddress);
        vec![evidence(self.said, &self.facts, *at, &said, index)]
    }

    pub(crate) fn record(&self, decided: &Decided<'_, '_>) -> AttributeRecord {
        let winner = &decided.winner;
        let best = winner.claims.first();
        let mut raw = None;
        let mut evidence: Vec<document::Evidence> = Vec::new();
        let mut voices = BTreeSet::new();
        for claim in &winner.claims {
            // One quotation a protocol is enough to see where the value comes from.
            if voices.insert(claim.protocol)
                && evidence.len() < EVIDENCE_MAX
                && let Some(said) = Self::decode(claim.at)
            {
                if evidence.is_empty() {
                    raw = claim.claim.field.and_then(|index| raw_bytes(&said.fields.get(index)?.value));
                }
                evidence.push(self.evidence_of(claim, &said));
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

    /// Where a claim's field stands. Of a registry's name the bytes are a number: the look-up is the last step.
    fn evidence_of(&self, claim: &ClaimAt<'_>, said: &Observation) -> document::Evidence {
        let mut evidence = evidence(self.said, &self.facts, claim.at, said, claim.claim.field);
        evidence.derivation.extend(claim.claim.rule.strip_prefix("registry:").map(str::to_owned));
        evidence
    }

    fn decode(at: At<'_>) -> Option<Observation> {
        Observation::decode(at.key, &at.entry.evidence, at.entry.first, at.entry.last, at.entry.revision).ok()
    }
}

/// The bytes in hexadecimal, where showing them as text loses something.
fn raw_bytes(value: &Value) -> Option<String> {
    match value {
        Value::Text(bytes) if fingerprints::text::loses(value) => Some(observations::value::hex(bytes)),
        _ => None,
    }
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

/// Names, best first.
fn names(decided: &Decided<'_, '_>) -> Vec<String> {
    let all = std::iter::once(&decided.winner).chain(&decided.rivals).chain(&decided.history);
    all.flat_map(spellings).map(str::to_owned).collect()
}

/// A host's name, and the same with its domain where it was said so, too.
fn spellings<'c>(candidate: &Candidate<'c, '_>) -> Vec<&'c str> {
    let mut names: Vec<(String, &str)> = Vec::new();
    for claim in &candidate.claims {
        let plain = normal(Attribute::Hostname, &claim.claim.value);
        if !names.iter().any(|(known, _)| *known == plain) {
            names.push((plain, &claim.claim.value));
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
